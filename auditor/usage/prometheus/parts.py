"""The expressions: every number of a day over raw selectors with a window of one day.

A matrix selector is evaluated one series at a time, a subquery all at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from string import Template

import msgspec

from auditor.usage.prometheus.model import Matcher, Shard

DAY_SECONDS = 86_400
STAT = "stat"
"""The label that tells the expressions of a request apart."""

CADVISOR, KUBERNETES = "cadvisor", "kubernetes"

ENDINGS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""What the name of a pod can end with (RFC 1123 subdomain)."""

WORKING_SET = "container_memory_working_set_bytes"
RESTARTS = "kube_pod_container_status_restarts_total"
SWAP_NAMES = ("container_memory_swap", "container_swap_usage_bytes")
OWNER_RULE = "namespace_workload_pod:kube_pod_owner:relabel"


class Labels(msgspec.Struct, frozen=True):
    """How one kind of metric calls what it is about."""

    namespace: str = "namespace"
    """Label of the namespace; `exported_namespace` where the scrape did not honour the metric's own."""
    pod: str = "pod"
    """Label of the pod."""
    container: str = "container"
    """Label of the container."""

    def key(self, metric: Mapping[str, str]) -> tuple[str, str, str]:
        """Return namespace, pod and container of a series; an empty text for what it does not name."""
        return metric.get(self.namespace, ""), metric.get(self.pod, ""), metric.get(self.container, "")


RENAMED = Labels("exported_namespace", "exported_pod", "exported_container")


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What preflight found out, as far as expressions depend on it."""

    cadvisor: Labels = Labels()
    """Labels of the kubelet's container metrics."""
    kubernetes: Labels = Labels()
    """Labels of kube-state-metrics."""
    cluster: tuple[Matcher, ...] = ()
    """Matchers of every selector: the cluster's label."""
    has_image: bool = False
    """Whether container metrics have the label `image`; cgroups that are no containers then have it empty."""
    swap: str | None = None
    """The name of the swap metric, if there is one."""
    pressure_rule: str | None = None
    """The name of the recording rule of memory pressure, if it exists."""

    def labels(self, family: str) -> Labels:
        """Return the labels of a family of metrics."""
        return self.cadvisor if family == CADVISOR else self.kubernetes


class Part(msgspec.Struct, frozen=True):
    """One expression of a request."""

    stat: str
    """Its name, the value of the label `stat` in answers."""
    family: str
    """`cadvisor` or `kubernetes`: whose labels it speaks of."""
    template: str
    """PromQL, with `$by` for namespace, pod and container, `$group` for these and what tells replicas apart, and `$m`
    for matchers."""
    weight: float = 1.0
    """How many times each sample of a container metric is read for it."""


_ORIGIN = "job,prometheus,prometheus_replica,replica"
"""What tells two scrapes of the same thing apart: highly available pairs, Thanos replicas, two jobs."""
ORIGIN = tuple(_ORIGIN.split(","))

_W = f"{WORKING_SET}{{$m}}[1d]"
USE = (
    Part("count", CADVISOR, f"sum by ($group) (count_over_time({_W}))"),
    Part("sum", CADVISOR, f"sum by ($group) (sum_over_time({_W}))"),
    Part("max", CADVISOR, f"max by ($by) (max_over_time({_W}))"),
    Part("min", CADVISOR, f"min by ($by) (min_over_time({_W}))"),
    Part("p95", CADVISOR, f"max by ($by) (quantile_over_time(0.95, {_W}))"),
    Part("p99", CADVISOR, f"max by ($by) (quantile_over_time(0.99, {_W}))"),
)
"""The working set. The quantile of a container that was restarted is the larger of its two lives'; the mean is the sum
divided by the count, so that it is exact."""

_POD = "kube_pod_(init_)?container"
MORE = (
    Part("rss", CADVISOR, "max by ($by) (max_over_time(container_memory_rss{$m}[1d]))"),
    Part("cache", CADVISOR, "max by ($by) (max_over_time(container_memory_cache{$m}[1d]))"),
    *(
        Part(
            stat,
            KUBERNETES,
            f'max by ($by) (last_over_time({{__name__=~"{_POD}_resource_{stat}s",resource="memory",$m}}[1d]))',
        )
        for stat in ("limit", "request")
    ),
    # A difference of raw values and not increase(), which guesses beyond the samples that it has, and which
    # VictoriaMetrics lets start at zero. The window reaches back for the last sample of the day before.
    Part(
        "restarts",
        KUBERNETES,
        f'sum by ($group) (max_over_time({{__name__=~"{_POD}_status_restarts_total",$m}}[1d])'
        f' - min_over_time({{__name__=~"{_POD}_status_restarts_total",$m}}[${{back}}s]))',
        2.0,
    ),
)
SWAP = Part("swap", CADVISOR, "max by ($by) (max_over_time($swap{$m}[1d]))")
PRESSURE = Part("pressure", CADVISOR, "max by ($by) (max_over_time($pressure{$m}[1d]))")

OWNERS = (
    Part(
        "pod",
        KUBERNETES,
        "group by ($namespace,$pod,owner_kind,owner_name) (last_over_time(kube_pod_owner{$m}[1d]))",
        0.8,
    ),
    Part(
        "replicaset",
        KUBERNETES,
        "group by ($namespace,replicaset,owner_kind,owner_name) (last_over_time(kube_replicaset_owner{$n}[1d]))",
        0.5,
    ),
    Part(
        "job",
        KUBERNETES,
        "group by ($namespace,job_name,owner_kind,owner_name) (last_over_time(kube_job_owner{$n}[1d]))",
        0.1,
    ),
    Part(
        "init",
        KUBERNETES,
        "group by ($by,restart_policy) (last_over_time(kube_pod_init_container_info{$m}[1d]))",
        0.2,
    ),
)
RULED_OWNERS = (
    Part(
        "rule",
        CADVISOR,
        f"group by (namespace,pod,workload,workload_type) (last_over_time({OWNER_RULE}{{$m}}[1d]))",
        0.8,
    ),
    OWNERS[3],
)

LATE_SECONDS = 900
"""How long after the end of a day its last terminations may become visible."""

KILLS = (
    # What restarts after a kill says so for as long as it lives, with the time of the kill.
    Part(
        "killed",
        KUBERNETES,
        f'max by ($by) (max_over_time({{__name__=~"{_POD}_status_last_terminated_reason",reason="OOMKilled",$m}}'
        f"[{DAY_SECONDS + LATE_SECONDS}s]))",
        0.1,
    ),
    Part(
        "killed_at",
        KUBERNETES,
        f'max by ($by) (max_over_time({{__name__=~"{_POD}_status_last_terminated_timestamp",$m}}'
        f"[{DAY_SECONDS + LATE_SECONDS}s]))",
        0.4,
    ),
    # What never restarts, as in most jobs, says so without a time: the first day that says it is the day.
    Part(
        "dead",
        KUBERNETES,
        f'max by ($by) (max_over_time({{__name__=~"{_POD}_status_terminated_reason",reason="OOMKilled",$m}}[1d]'
        f" offset {LATE_SECONDS}s))",
        0.1,
    ),
)
KILL_TIMES = Part(
    "kill_times",
    KUBERNETES,
    f'(max by ($by) ({{__name__=~"{_POD}_status_last_terminated_timestamp",$m}}) > (time() - 3600)) and on ($by)'
    f' max by ($by) ({{__name__=~"{_POD}_status_last_terminated_reason",reason="OOMKilled",$m}} == 1)',
)
"""At each step: when a container was killed, for an hour after."""


def part_text(part: Part, server: Server, shard: Shard, *, pods: Sequence[str] = (), back_seconds: int = 0) -> str:
    """Return the PromQL of one expression, for a shard or only for some pods of it."""
    labels = server.labels(part.family)
    by = f"{labels.namespace},{labels.pod},{labels.container}"
    common = [*server.cluster, *_namespaces(labels, shard)]
    of_pods = [*common, *_pods(labels, shard, pods)]
    if part.family == CADVISOR and part.stat != "rule":
        of_pods += containers(labels, server)
    return Template(part.template).substitute(
        by=by,
        group=f"{by},{_ORIGIN}",
        namespace=labels.namespace,
        pod=labels.pod,
        m=matchers(of_pods),
        n=matchers(common),
        swap=server.swap or "",
        pressure=server.pressure_rule or "",
        back=back_seconds,
    )


def told_apart(text: str, stat: str) -> str:
    """Return an expression whose series say by a label which expression of a request they answer."""
    return f'label_replace({text}, "{STAT}", "{stat}", "", "")'


def containers(labels: Labels, server: Server) -> list[Matcher]:
    """Return what tells containers from other cgroups: `POD` is the pause container of old kubelets."""
    found: list[Matcher] = [(labels.container, "!=", ""), (labels.container, "!=", "POD")]
    return [*found, ("image", "!=", "")] if server.has_image else found


def _namespaces(labels: Labels, shard: Shard) -> list[Matcher]:
    name = labels.namespace
    if not shard.others:
        return [(name, "=~", alternatives(shard.names))]
    return [(name, "!=", ""), (name, "!~", alternatives(shard.excluded))] if shard.excluded else [(name, "!=", "")]


def _pods(labels: Labels, shard: Shard, pods: Sequence[str]) -> list[Matcher]:
    if pods:
        return [(labels.pod, "=~", alternatives(pods))]
    return [(labels.pod, "=~", f".*[{shard.endings}]")] if shard.endings else []


def alternatives(names: Iterable[str]) -> str:
    """Return the RE2 expression that matches exactly these names."""
    return "|".join("".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in name) for name in names)


def matchers(items: Iterable[Matcher]) -> str:
    """Return matchers as PromQL writes them, without braces."""
    return ",".join(f"{label}{operator}{quoted(value)}" for label, operator, value in items)


def quoted(text: str) -> str:
    """Return a PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def bundles(server: Server) -> list[tuple[Part, ...]]:
    """Return the expressions of a day, in the groups that travel together."""
    more = [*MORE]
    if server.swap is not None:
        more.append(SWAP)
    if server.pressure_rule is not None:
        more.append(PRESSURE)
    return [USE, tuple(more)]


def weight_of(parts: Sequence[Part]) -> float:
    """Return how many times each sample is read for some expressions."""
    return sum(part.weight for part in parts)
