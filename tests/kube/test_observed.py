"""What the status of pods says about memory."""

from auditor.kube.observed import Observed, Tally, is_finished, observe

EVICTED = {
    "phase": "Failed",
    "reason": "Evicted",
    "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 84Mi. ",
}


def pod(**status):
    return {"status": {"phase": "Running", **status}}


def ended(reason, **more):
    return {"name": "app", "restartCount": 2, "lastState": {"terminated": {"reason": reason, **more}}}


def test_an_oom_kill_is_one_by_its_reason_not_by_its_exit_code():
    assert observe(pod(containerStatuses=[ended("OOMKilled", exitCode=137)])).oom_killed == {"app": 1}
    assert observe(pod(containerStatuses=[ended("Error", exitCode=137)])).oom_killed == {}


def test_the_present_and_the_last_end_of_a_container_are_one_pod():
    both = ended("OOMKilled") | {"state": {"terminated": {"reason": "OOMKilled"}}}
    assert observe(pod(containerStatuses=[both])).oom_killed == {"app": 1}


def test_init_and_ephemeral_containers_count_too():
    status = {"initContainerStatuses": [ended("OOMKilled")], "ephemeralContainerStatuses": [{"name": "debug"}]}
    assert observe(pod(**status)) == Observed(pods_total=1, restarts={"app": 2}, oom_killed={"app": 1})


def test_restarts_kills_and_use_of_several_pods_are_added_up_and_the_largest_use_is_kept():
    tally = Tally()
    tally.add(pod(containerStatuses=[ended("OOMKilled")]), {"app": 5})
    tally.add(pod(containerStatuses=[ended("OOMKilled")]), {"app": 9})
    tally.add(pod(containerStatuses=[ended("Completed")]), {"app": 7})
    assert tally.result() == Observed(pods_total=3, restarts={"app": 6}, oom_killed={"app": 2}, used_bytes={"app": 9})


def test_only_an_eviction_for_memory_counts_as_one():
    assert observe({"status": EVICTED}) == Observed(evicted=1)
    disk = EVICTED | {"message": "The node was low on resource: ephemeral-storage. "}
    assert observe({"status": disk}) == Observed(evicted=0)
    assert observe({"status": EVICTED | {"reason": "Preempted"}}).evicted == 0


def test_a_pod_waits_for_memory_when_the_scheduler_counts_nodes_without_it():
    def condition(message, status="False"):
        return pod(phase="Pending", conditions=[{"type": "PodScheduled", "status": status, "message": message}])

    assert observe(condition("0/3 nodes are available: 3 Insufficient memory.")).pending_for_memory == 1
    assert observe(condition("0/3 nodes are available: 3 Insufficient cpu.")).pending_for_memory == 0
    assert observe(condition("0/3 nodes are available: 3 Insufficient memory.", "True")).pending_for_memory == 0


def test_ready_pods_are_counted_and_finished_ones_are_in_no_count_of_pods():
    ready = pod(conditions=[{"type": "Ready", "status": "True"}])
    assert (observe(ready).pods_total, observe(ready).ready_total) == (1, 1)
    assert observe({"status": {"phase": "Succeeded"}}).pods_total == 0
    assert [is_finished(pod(phase=phase)) for phase in ("Pending", "Running", "Unknown", "Succeeded", "Failed")] == [
        *(False, False, False),
        *(True, True),
    ]


def test_a_status_of_any_shape_is_read():
    odd = {"status": {"phase": 3, "conditions": {"a": 1}, "containerStatuses": [1, {"restartCount": True}]}}
    assert observe(odd) == Observed(pods_total=1)
    assert observe({"status": "no"}) == Observed(pods_total=1)
