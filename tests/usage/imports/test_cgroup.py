"""A node's cgroups: made trees of both versions and drivers, and the machine's own."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from auditor.usage.errors import UsageError
from auditor.usage.imports.cgroup import Sampler, sample_for
from auditor.usage.imports.cgroup_names import Names, names_of_crictl, names_of_logs
from auditor.usage.imports.cgroup_tree import container_groups, memory_root, read_group
from auditor.usage.imports.model import ImportOptions

MIB = 2**20
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OPTIONS = ImportOptions(now=AT)
UID = "0a1b2c3d-0000-1111-2222-333344445555"
STATIC = "0123456789abcdef0123456789abcdef"
ID = "a" * 64
PAUSE = "b" * 64
ESCAPED = UID.replace("-", "_")

# ToSystemd of pkg/kubelet/cm/cgroup_manager_linux.go expands a slice's name into its parents.
SYSTEMD = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{ESCAPED}.slice"
CGROUPFS = f"kubepods/burstable/pod{UID}"
KIND = (
    "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
    f"kubelet-kubepods-besteffort-pod{ESCAPED}.slice"
)
GUARANTEED = f"kubepods.slice/kubepods-pod{ESCAPED}.slice"


def fill(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def v2(usage_mib=100):
    return {
        "memory.current": usage_mib * MIB,
        "memory.peak": usage_mib * MIB,
        "memory.stat": f"anon {60 * MIB}\nfile {30 * MIB}\ninactive_file {20 * MIB}",
        "memory.swap.current": 5 * MIB,
        "memory.max": 256 * MIB,
        "memory.events": "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0",
        "memory.pressure": "some avg10=0.00 avg60=1.00 avg300=12.50 total=99\nfull avg10=0.00 avg60=0.00 avg300=9.00",
    }


V1 = {
    "memory.usage_in_bytes": 100 * MIB,
    "memory.max_usage_in_bytes": 150 * MIB,
    "memory.limit_in_bytes": 9223372036854771712,
    "memory.stat": f"rss 1\ntotal_rss {60 * MIB}\ntotal_cache {30 * MIB}\ntotal_inactive_file {20 * MIB}\ntotal_swap 0",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2",
}


@pytest.fixture
def tree(tmp_path):
    """Make a version 2 tree with a container, and return its root and the container's folder."""
    root = tmp_path / "cgroup"
    fill(root, {"cgroup.controllers": "cpu memory"})
    folder = root / SYSTEMD / f"cri-containerd-{ID}.scope"
    fill(folder, v2())
    return root, folder


@pytest.mark.parametrize("pod", [SYSTEMD, CGROUPFS, KIND, GUARANTEED, f"kubepods/pod{UID}"])
@pytest.mark.parametrize("scope", [f"cri-containerd-{ID}.scope", f"crio-{ID}.scope", f"docker-{ID}.scope", ID])
def test_containers_are_found_for_every_driver_runtime_and_class(tmp_path, pod, scope):
    fill(tmp_path / pod / scope, v2())
    fill(tmp_path / pod / f"crio-conmon-{ID}.scope", v2())
    fill(tmp_path / pod / scope / "inner" / ID, v2())
    fill(tmp_path / "system.slice" / f"docker-{PAUSE}.scope", v2())
    assert [(found.pod_uid, found.container_id) for found in container_groups(tmp_path)] == [(UID, ID)]


def test_static_pods_have_hashes_for_uids(tmp_path):
    fill(tmp_path / "kubepods.slice" / f"kubepods-pod{STATIC}.slice" / f"crio-{ID}.scope", v2())
    assert [found.pod_uid for found in container_groups(tmp_path)] == [STATIC]


def test_version_2_is_read_as_cadvisor_reads_it(tree):
    reading = read_group(str(tree[1]), 2)
    assert reading.working_set_bytes == 80 * MIB
    assert (reading.usage_bytes, reading.peak_bytes, reading.limit_bytes) == (100 * MIB, 100 * MIB, 256 * MIB)
    assert (reading.rss_bytes, reading.cache_bytes, reading.swap_bytes) == (60 * MIB, 30 * MIB, 5 * MIB)
    assert (reading.oom_kills, reading.pressure_ratio) == (0, 0.125)


def test_version_1_is_read_as_cadvisor_reads_it(tmp_path):
    fill(tmp_path, V1)
    reading = read_group(str(tmp_path), 1)
    assert reading.working_set_bytes == 80 * MIB
    assert (reading.peak_bytes, reading.limit_bytes) == (150 * MIB, None)
    assert (reading.rss_bytes, reading.cache_bytes, reading.swap_bytes) == (60 * MIB, 30 * MIB, 0)
    assert (reading.oom_kills, reading.pressure_ratio) == (2, None)


def test_no_limit_is_none_and_missing_files_are_unknown(tmp_path):
    fill(tmp_path, {"memory.current": 5, "memory.max": "max"})
    reading = read_group(str(tmp_path), 2)
    assert reading.working_set_bytes == 5
    assert set(reading[2:]) == {None}


def test_more_inactive_files_than_usage_is_no_negative_working_set(tmp_path):
    fill(tmp_path, {"memory.current": 5, "memory.stat": "inactive_file 9"})
    assert read_group(str(tmp_path), 2).working_set_bytes == 0


@pytest.mark.parametrize("text", ["", "many", "-1", "\u0661"])
def test_a_cgroup_that_has_gone_or_says_nonsense_is_none(tmp_path, text):
    assert read_group(str(tmp_path / "gone"), 2) is None
    fill(tmp_path, {"memory.current": text, "memory.usage_in_bytes": text})
    assert read_group(str(tmp_path), 2) is None
    assert read_group(str(tmp_path), 1) is None


def test_once_gives_one_sample_that_says_so(tree):
    with Sampler(tree[0], OPTIONS) as sampler:
        assert sampler.sample(AT) == 1
        result = sampler.result()
    (row,) = result.rows
    assert (row.namespace, row.pod, row.container) == ("_", UID, ID[:12])
    assert (row.samples, row.coverage, row.max_bytes, row.source) == (1, 60 / 86_400, 80 * MIB, "cgroup")
    assert (row.rss_max_bytes, row.cache_max_bytes, row.swap_max_bytes) == (60 * MIB, 30 * MIB, 5 * MIB)
    assert (row.limit_bytes, row.pressure_waiting_ratio) == (256 * MIB, 0.125)
    assert (row.oom_kills, row.restarts) == (None, None)
    assert any("snapshot, not a history" in note for note in result.notes)
    assert any("told by uid" in note for note in result.notes)


def steps(*actions):
    """Return a clock, and a wait that passes time and does the next action."""
    state = {"now": AT, "actions": list(actions)}

    def wait(seconds):
        state["now"] += timedelta(seconds=seconds)
        if state["actions"]:
            state["actions"].pop(0)()
        return False

    return (lambda: state["now"]), wait


def test_sampling_for_a_time_sees_peaks_and_covers_what_it_saw(tree):
    clock, wait = steps(lambda: fill(tree[1], v2(220)), lambda: fill(tree[1], v2(100)))
    with Sampler(tree[0], OPTIONS) as sampler:
        assert sample_for(sampler, timedelta(minutes=10), timedelta(seconds=15), clock, wait) == 41
        (row,) = sampler.result().rows
    assert (row.samples, row.max_bytes, row.min_bytes) == (41, 200 * MIB, 80 * MIB)
    assert row.coverage == 41 * 15 / 86_400
    assert row.collected_at == AT + timedelta(minutes=10)


def test_sampling_over_midnight_gives_two_days(tree):
    clock, wait = steps()
    with Sampler(tree[0], OPTIONS) as sampler:
        sample_for(sampler, timedelta(hours=13), timedelta(hours=1), clock, wait)
        assert [row.day for row in sampler.result().rows] == [date(2026, 11, 1), date(2026, 11, 2)]


def test_a_wait_that_says_stop_ends_it(tree):
    with Sampler(tree[0], OPTIONS) as sampler:
        assert sample_for(sampler, timedelta(hours=1), timedelta(seconds=1), lambda: AT, lambda _: True) == 1


def test_a_round_that_takes_longer_than_the_interval_leaves_out_what_it_missed(tree):
    moments = iter(AT + timedelta(seconds=at) for at in (0, 0, 40, 45, 50, 60, 61))
    waits = []
    with Sampler(tree[0], OPTIONS) as sampler:
        rounds = sample_for(sampler, timedelta(seconds=60), timedelta(seconds=15), lambda: next(moments), waits.append)
    assert (rounds, waits) == (3, [5, 10])


def test_oom_kills_between_samples_count_once_for_a_group_and_old_ones_do_not(tree):
    before = "oom_kill 7\noom_group_kill 2"
    after = "oom_kill 12\noom_group_kill 3"
    fill(tree[1], {"memory.events": before})
    with Sampler(tree[0], OPTIONS) as sampler:
        sampler.sample(AT)
        fill(tree[1], {"memory.events": after})
        sampler.sample(AT + timedelta(seconds=15))
        assert sampler.result().rows[0].oom_kills == 1


def test_a_new_container_of_the_same_name_is_a_restart(tree):
    def names():
        name = ("shop", "web-1", "app")
        return Names({UID: name[:2]}, {ID: name, PAUSE: name})

    with Sampler(tree[0], OPTIONS, names) as sampler:
        sampler.sample(AT)
        tree[1].rename(tree[1].with_name(f"cri-containerd-{PAUSE}.scope"))
        sampler.sample(AT + timedelta(seconds=15))
        (row,) = sampler.result().rows
    assert (row.pod, row.container, row.samples, row.restarts) == ("web-1", "app", 2, 1)


def test_a_peak_that_no_sample_saw_is_told(tree):
    fill(tree[1], {"memory.peak": 200 * MIB})
    with Sampler(tree[0], OPTIONS) as sampler:
        sampler.sample(AT)
        assert any(note.startswith("1 containers once used over 20 % more") for note in sampler.result().notes)


def test_a_tree_without_pods_is_told_and_one_without_memory_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no cgroup tree"):
        Sampler(tmp_path, OPTIONS)
    fill(tmp_path, {"cgroup.controllers": "memory"})
    with Sampler(tmp_path, OPTIONS) as sampler:
        sampler.sample(AT)
        assert any("no containers of pods" in note for note in sampler.result().notes)


def test_the_memory_hierarchy_of_version_1_is_found_below_the_mount(tmp_path):
    fill(tmp_path / "memory" / CGROUPFS / ID, V1)
    fill(tmp_path / "memory", V1)
    assert memory_root(tmp_path) == (tmp_path / "memory", 1)
    with Sampler(tmp_path, OPTIONS) as sampler:
        assert sampler.sample(AT) == 1


def test_logs_tell_names_and_which_container_is_the_pause(tree, tmp_path):
    fill(tree[0] / SYSTEMD / f"cri-containerd-{PAUSE}.scope", v2())
    log = tmp_path / "log"
    (log / "pods" / f"shop_web-1_{UID}" / "my-app").mkdir(parents=True)
    (log / "containers").mkdir()
    (log / "containers" / f"web-1_shop_my-app-{ID}.log").symlink_to("gone")
    with Sampler(tree[0], OPTIONS, lambda: names_of_logs(log)) as sampler:
        sampler.sample(AT)
        result = sampler.result()
    assert [(row.namespace, row.pod, row.container) for row in result.rows] == [("shop", "web-1", "my-app")]
    assert "1 pause containers left out" in result.notes


def test_crictls_list_tells_names_and_a_container_that_it_does_not_know_keeps_its_id(tree, tmp_path):
    young = "c" * 64
    for name in (PAUSE, young):
        fill(tree[0] / SYSTEMD / f"cri-containerd-{name}.scope", v2())
    labels = {
        "io.kubernetes.container.name": "app",
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": UID,
    }
    path = tmp_path / "ps.json"
    path.write_text(json.dumps({"containers": [{"id": ID, "podSandboxId": PAUSE, "labels": labels}, 7, {"id": "x"}]}))
    names = names_of_crictl(path)
    with Sampler(tree[0], OPTIONS, lambda: names) as sampler:
        sampler.sample(AT)
        found = [(row.namespace, row.pod, row.container) for row in sampler.result().rows]
    assert found == [("shop", "web-1", "app"), ("shop", "web-1", young[:12])]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"containers": 7}'])
def test_another_file_than_crictls_is_wrong_use(tmp_path, text):
    path = tmp_path / "ps.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        names_of_crictl(path)
    with pytest.raises(UsageError):
        names_of_crictl(tmp_path / "gone")
    with pytest.raises(UsageError):
        names_of_logs(tmp_path)


@pytest.fixture
def own_group():
    """Make real cgroups like the kubelet's on this machine, and return its mount and the container's folder."""
    found = memory_root(Path("/sys/fs/cgroup"))
    if found is None:
        pytest.skip("cgroup: no memory accounting on this machine")
    root, _ = found
    levels = [root / "kubepods", root / "kubepods" / f"pod{UID}", root / "kubepods" / f"pod{UID}" / ID]
    if levels[0].exists():
        pytest.skip("cgroup: this machine is a node")
    try:
        for level in levels:
            level.mkdir()
            if found[1] == 2 and level != levels[-1]:
                (level / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        pytest.skip("cgroup: this user may make none")
    else:
        yield root, levels[-1]
    finally:
        for level in reversed(levels):
            if level.is_dir():
                level.rmdir()


HOLD = "import sys; held = b'x' * (64 << 20); print('held', flush=True); sys.stdin.read()"


def test_the_machines_own_kernel_tells_what_a_process_holds(own_group):
    root, folder = own_group
    join = f"open({str(folder / 'cgroup.procs')!r}, 'w').write('0'); "
    process = subprocess.Popen(
        [sys.executable, "-c", join + HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        with Sampler(root, ImportOptions(now=datetime.now(UTC))) as sampler:
            assert sampler.sample(datetime.now(UTC)) == 1
            (row,) = sampler.result().rows
    finally:
        process.communicate("")
    assert 64 * MIB <= row.max_bytes < 256 * MIB
    assert 64 * MIB <= row.rss_max_bytes < 256 * MIB


def test_the_machines_own_root_cgroup_can_be_walked():
    found = memory_root(Path("/sys/fs/cgroup"))
    if found is None:
        pytest.skip("cgroup: no memory accounting on this machine")
    assert all(os.path.isdir(group.path) for group in container_groups(found[0]))  # noqa: PTH112 - a string
