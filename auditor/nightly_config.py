"""The config's section `nightly`: what `auditor nightly` does besides the audit, and where its results go.

Everything is optional. No secret stands here: credentials are in files, or in environment variables that are named.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
StoredFormat = Literal["sarif", "csv", "csv-inventory", "json", "markdown"]
ReportsApi = Literal["auto", "openreports", "wgpolicyk8s", "both"]
_Variable = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class ClusterConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which clusters are audited, and how much of them; the fields are the options of `auditor cluster`."""

    contexts: tuple[str, ...] = ()
    """Contexts of the kubeconfig; none takes the current one, or in a pod its own cluster."""
    kubeconfig: str | None = None
    """In place of $KUBECONFIG and ~/.kube/config."""
    namespaces: tuple[str, ...] = ()
    """Only these; empty is all."""
    selector: str | None = None
    """Only pods with these labels, such as `app=web,tier!=test`."""
    name: str | None = None
    """What reports call the cluster; None takes the context's name."""
    custom_kinds: bool = True
    """Whether pod templates are looked for in custom kinds."""
    config_maps: bool = False
    """True reads ConfigMaps too, for the heap flags that containers take there."""
    kubelet_config: bool = False
    """True asks each kubelet for its configuration: needs get on nodes/proxy."""
    save: str | None = None
    """Keeps what was read: a snapshot, such as `cluster.jsonl.gz`."""


class PrometheusConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server that the missing days of history come from; the fields are the options of `auditor usage pull`."""

    url: str
    """Root of a Prometheus API, without /api/v1."""
    token_file: str | None = None
    """Bearer token, read at each request; without it the variable AUDITOR_PROMETHEUS_TOKEN counts."""
    user: str | None = None
    """User of basic authentication; the password is in AUDITOR_PROMETHEUS_PASSWORD."""
    certificate: str | None = None
    """Client certificate (PEM)."""
    key: str | None = None
    """Key of the certificate (PEM)."""
    ca_file: str | None = None
    """Authorities to trust instead of the system's (PEM)."""
    insecure: bool = False
    """True does not verify the server's certificate."""
    headers: tuple[str, ...] = ()
    """Headers of each request, `NAME=VALUE` or `NAME=@FILE`."""
    cluster: str | None = None
    """The cluster's name in the table; None takes the value of its label."""
    cluster_label: str | None = None
    """`LABEL=VALUE`: which cluster of a shared store."""
    window_days: Count = 14
    """How many whole days before today (UTC) the table should hold."""
    workers: Count = 4
    """Requests at once."""
    timeout_seconds: Count = 60
    """Of one query."""


class PolicyReportsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The findings as objects in the cluster that was audited."""

    api: ReportsApi = "auto"
    """`openreports` (openreports.io), `wgpolicyk8s` (wgpolicyk8s.io), `both`, or `auto`: the first of them that the
    cluster has."""
    max_results: Annotated[int, Meta(ge=1, le=5000)] = 1000
    """Results of one object; more of a namespace go into further objects."""
    max_objects: Count = 20
    """Objects of one namespace; what does not fit is left out, the least severe first, and told."""


class MetricsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of the run, as OpenMetrics text."""

    textfile: str | None = None
    """A file in the folder of the node exporter's textfile collector; its name must end in `.prom`."""
    pushgateway: str | None = None
    """Root of a Pushgateway."""
    job: Annotated[str, Meta(min_length=1)] = "memory_auditor"
    """The job that the Pushgateway keeps them under."""
    cluster: str | None = None
    """The label `cluster` of everything that does not name its cluster itself."""
    max_containers: Annotated[int, Meta(ge=0)] = 2000
    """So many containers have their recommendation told; those that it would change most come first."""


class WebhookConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A summary to a chat, as JSON that Slack, Mattermost and others take."""

    url_variable: _Variable = "AUDITOR_WEBHOOK_URL"
    """The environment variable that holds the URL, which is a secret."""
    ca_file: str | None = None
    """Authorities to trust instead of the system's (PEM)."""
    when: Literal["always", "findings", "new"] = "always"
    """`findings` sends when there are any, `new` when there are new or fixed ones; faults are always sent."""
    max_findings: Annotated[int, Meta(ge=0, le=30)] = 10
    """So many findings are named."""


class Nightly(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole section."""

    cluster: ClusterConfig = ClusterConfig()
    """What is audited."""
    reports: str | None = None
    """A folder, or a URL that fsspec knows (`s3://bucket/audits`); None keeps no reports and compares with none."""
    keep: Count = 30
    """How many runs stay there."""
    formats: tuple[StoredFormat, ...] = ("sarif", "csv", "csv-inventory", "json", "markdown")
    """The reports of a run; `json` is always among them, since the next run compares with it."""
    fail_on_new_only: bool = False
    """True lets only findings count that the last run did not have; needs `reports`."""
    prometheus: PrometheusConfig | None = None
    """Where missing days of history come from; they go to `usage.path`."""
    keep_history_days: Count | None = None
    """Days of history that are older are removed; None keeps all."""
    policy_reports: PolicyReportsConfig | None = None
    """None writes no objects."""
    metrics: MetricsConfig | None = None
    """None writes no metrics."""
    webhook: WebhookConfig | None = None
    """None tells nobody."""
