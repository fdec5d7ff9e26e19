"""A history made up for the tests: three days of a small cluster, every number of which can be reckoned by hand."""
# ruff: noqa: PLR0917 - a line of the script reads like a row of a table

from datetime import UTC, datetime

from tests.usage.prometheus.lab import History

MIB = 2**20
DAY = 86_400
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
NOW = datetime(2026, 3, 5, 1, tzinfo=UTC)
STEP = 60

KUBELET = {"job": "kubelet", "instance": "node-1:10250"}
STATE = {"job": "kube-state-metrics", "instance": "ksm:8080"}


def times(first_day=0, last_day=2, *, begin=0, end=DAY):
    """Return the seconds since 1970 of each scrape of some days, or from a second of the first to one of the last."""
    return range(START + first_day * DAY + begin, START + last_day * DAY + end, STEP)


def container(history, namespace, pod, name, values, *, image="registry.example/app:1", **more):
    """Add the kubelet's metrics of a container; `values` gives (seconds, bytes)."""
    labels = {**KUBELET, "namespace": namespace, "pod": pod, "container": name, "image": image, **more}
    values = list(values)
    history.add("container_memory_working_set_bytes", values, **labels)
    history.add("container_memory_rss", [(seconds, value // 2) for seconds, value in values], **labels)
    history.add("container_memory_cache", [(seconds, value // 4) for seconds, value in values], **labels)


def declared(history, namespace, pod, name, seconds, *, request=None, limit=None, init=False, restarts=0, uid="u"):
    """Add what kube-state-metrics says of a container; `restarts` is a number or a function of the time."""
    seconds = list(seconds)
    labels = {**STATE, "namespace": namespace, "pod": pod, "container": name, "uid": uid}
    prefix = "kube_pod_init_container" if init else "kube_pod_container"
    for word, amount in (("requests", request), ("limits", limit)):
        if amount is not None:
            at = f"{prefix}_resource_{word}"
            history.add(at, [(second, amount) for second in seconds], resource="memory", unit="byte", **labels)
            history.add(at, [(second, 0.5) for second in seconds], resource="cpu", unit="core", **labels)
    count = restarts if callable(restarts) else lambda _: restarts
    history.add(f"{prefix}_status_restarts_total", [(second, count(second)) for second in seconds], **labels)


def owned(history, namespace, pod, kind, name, seconds):
    """Add who owns a pod."""
    labels = {**STATE, "namespace": namespace, "pod": pod, "owner_kind": kind, "owner_name": name}
    history.add("kube_pod_owner", [(second, 1) for second in seconds], **labels)


def link(history, metric, label, namespace, name, owner_kind, owner_name):
    """Add who owns a ReplicaSet or a Job."""
    labels = {**STATE, "namespace": namespace, label: name, "owner_kind": owner_kind, "owner_name": owner_name}
    history.add(metric, [(second, 1) for second in times()], **labels)


def killed(history, namespace, pod, name, at, until):
    """Add the last end of a container by the OOM killer: from its scrape on, until another end or the end."""
    seconds = [second for second in times() if at < second < until]
    labels = {**STATE, "namespace": namespace, "pod": pod, "container": name}
    reason = "kube_pod_container_status_last_terminated_reason"
    history.add(reason, [(second, 1) for second in seconds], reason="OOMKilled", **labels)
    history.add("kube_pod_container_status_last_terminated_timestamp", [(second, at) for second in seconds], **labels)


def scripted():
    """Return the whole history."""
    history = History()
    _web(history)
    _database(history)
    _jobs(history)
    _odd(history)
    return history


WEB = "web-6d4cf56db6-x2x7l"


def _web(history):
    """A Deployment's pod: a ramp from 100 MiB each day, one spike, a limit that was raised, an init and a sidecar."""

    def ramp(second):
        minute = (second - START) % DAY // 60
        spike = 400 * MIB if second == START + DAY + 45_000 else 0
        return 100 * MIB + minute * 1000 + spike

    container(history, "shop", WEB, "app", [(second, ramp(second)) for second in times()], id="/kubepods/web")
    declared(history, "shop", WEB, "app", times(0, 0), request=128 * MIB, limit=512 * MIB)
    declared(history, "shop", WEB, "app", times(1, 2), request=128 * MIB, limit=640 * MIB)
    container(history, "shop", WEB, "proxy", [(second, 30 * MIB) for second in times()])
    declared(history, "shop", WEB, "proxy", times(), request=16 * MIB, init=True)
    for name, policy in (("proxy", {"restart_policy": "Always"}), ("setup", {})):
        labels = {**STATE, "namespace": "shop", "pod": WEB, "container": name, **policy}
        history.add("kube_pod_init_container_info", [(second, 1) for second in times()], **labels)
    container(history, "shop", WEB, "setup", [(START + 60, 7 * MIB), (START + 120, 9 * MIB)])
    # cgroups that are no containers: the pause container, the pod, a slice
    for name, image in (("POD", "registry.example/pause"), ("", "")):
        container(history, "shop", WEB, name, [(second, 900 * MIB) for second in times()], image=image)
    history.add("container_memory_working_set_bytes", [(s, 10**10) for s in times()], id="/", **KUBELET)
    owned(history, "shop", WEB, "ReplicaSet", "web-6d4cf56db6", times())
    link(history, "kube_replicaset_owner", "replicaset", "shop", "web-6d4cf56db6", "Deployment", "web")


RESTARTED_AT = START + DAY + DAY // 2 + 30
"""When the database is killed the second time, on the second day."""
KILLED_AT = (START + 20_010, RESTARTED_AT, START + 2 * DAY - 10)
"""Three kills; the last one ten seconds before the end of the second day, seen only on the third."""


def _database(history):
    """A StatefulSet's pod that is killed three times: a new series after each."""
    for number, (begin, end) in enumerate(zip((START, *KILLED_AT), (*KILLED_AT, START + 3 * DAY), strict=True)):
        values = [(second, (200 + 50 * number) * MIB) for second in times() if begin <= second < end]
        container(history, "shop", "db-0", "db", values, id=f"/kubepods/db/{number}")
        if number:
            killed(history, "shop", "db-0", "db", begin, end)
    count = lambda second: sum(at < second for at in KILLED_AT)  # noqa: E731
    declared(history, "shop", "db-0", "db", times(), request=300 * MIB, limit=300 * MIB, restarts=count)
    owned(history, "shop", "db-0", "StatefulSet", "db", times())


def _jobs(history):
    """A CronJob's pods: one that ends well, one that is killed and never restarts, and stays there dead."""
    for name, hour, day in (("report-29041440", 2, 0), ("report-29042880", 3, 1)):
        pod = f"{name}-abcde"
        values = [(second, 64 * MIB) for second in times(day, day, begin=hour * 3600, end=hour * 3600 + 600)]
        container(history, "batch", pod, "report", values)
        declared(history, "batch", pod, "report", times(day, 2, begin=hour * 3600), limit=64 * MIB)
        owned(history, "batch", pod, "Job", name, times(day, 2, begin=hour * 3600))
        link(history, "kube_job_owner", "job_name", "batch", name, "CronJob", "report")
    dead = [(second, 1) for second in times(1, 2, begin=3 * 3600 + 600)]
    labels = {**STATE, "namespace": "batch", "pod": "report-29042880-abcde", "container": "report"}
    history.add("kube_pod_container_status_terminated_reason", dead, reason="OOMKilled", **labels)


def _odd(history):
    """A static pod, a pod of nobody, a canary of a Rollout, swap with an underflow, and a pod that nobody knows."""
    for namespace, pod, kind, name in (
        ("kube-system", "etcd-node-1", "Node", "node-1"),
        ("kube-system", "debug", "<none>", "<none>"),
        ("team-a", "canary-7c5b-q8q8q", "ReplicaSet", "canary-7c5b"),
    ):
        container(history, namespace, pod, "main", [(second, 50 * MIB) for second in times()])
        declared(history, namespace, pod, "main", times())
        owned(history, namespace, pod, kind, name, times())
    link(history, "kube_replicaset_owner", "replicaset", "team-a", "canary-7c5b", "Rollout", "canary")
    container(history, "team-a", "stranger", "main", [(s, 20 * MIB) for s in times(2, 2, begin=3600, end=7200)])
    labels = {**KUBELET, "namespace": "kube-system", "container": "main", "image": "registry.example/app:1"}
    history.add("container_memory_swap", [(s, 5 * MIB) for s in times()], pod="etcd-node-1", **labels)
    history.add("container_memory_swap", [(s, 2.0**64 - 4096) for s in times()], pod="debug", **labels)
