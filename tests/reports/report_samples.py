"""Hand-written reports and records that the tests of all formats share."""

from __future__ import annotations

from typing import Any

import msgspec

from auditor.facts.model import (
    AdmissionFacts,
    ContainerFacts,
    HeapFacts,
    PodFacts,
    VolumeFacts,
    WorkloadFacts,
)
from auditor.facts.record import Problem, Record
from auditor.findings import SEVERITIES, Finding, Place, Report, Rule, Skipped, Summary, Waived, WorkloadRef

MI = 1024**2
WEB = WorkloadRef("apps/v1", "Deployment", "team-a", "web")
NASTY_NAME = "::error file=x::\x1b[31m|<script>alert(1)</script> [a](https://evil.example) @team `x` #1 🚀\u202e"
NASTY = WorkloadRef("v1", "Pod", None, NASTY_NAME)

RULES = (
    Rule(
        id="memory-limit-below-request",
        severity="critical",
        scope="container",
        why="The API server refuses the pod.",
        remediation="Raise the limit to at least the request.",
        references=("https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",),
        tags=("correctness",),
    ),
    Rule("memory-limit-missing", "high", "container", "Nothing bounds it.", "Set a limit.", (), ("availability",)),
    Rule("memory-quantity-fractional", "medium", "quantity", "m is thousandths.", "Write Mi.", (), ()),
    Rule("qos-guaranteed-missed", "low", "pod", "It is killed earlier.", "Set requests to limits.", (), ()),
    Rule("tmpfs-size-limit-missing", "info", "volume", "It can fill memory.", "Set sizeLimit.", (), ()),
)


def finding(**changes: Any) -> Finding:
    """A finding with sensible values, changed by keyword."""
    values: dict[str, Any] = {
        "policy": "memory-limit-below-request",
        "severity": "critical",
        "message": "memory limit 128Mi is below its request 256Mi",
        "values": {"container.limit_bytes": 128 * MI, "container.request_bytes": 256 * MI},
        "workload": WEB,
        "subject_type": "container",
        "subject": "app",
        "container": "app",
        "container_type": "app",
        "place": Place("deploy/web.yaml", 21, 15, 21, 21),
        "related": (),
        "path": "spec.template.spec.containers[0].resources.limits.memory",
        "fingerprint": "0" * 31 + "1",
        **changes,
    }
    return Finding(**values)


FINDINGS = (
    finding(place=None, workload=WorkloadRef("apps/v1", "Deployment", None, ""), fingerprint="a" * 32),
    finding(
        severity="high",
        policy="memory-limit-missing",
        message="init container migrate has no memory limit",
        values={},
        subject="migrate",
        container="migrate",
        container_type="init",
        place=Place("deploy/web.yaml", 12, 11, 13, 4),
        fingerprint="2" * 32,
        waived=Waived("batch job, bounded by the node pool | see #12", "2026-12-31", "comment deploy/web.yaml:11"),
        baseline="unchanged",
    ),
    finding(
        actual_bytes=128 * MI,
        expected_bytes=256 * MI,
        related=(Place("deploy/web.yaml", 40, 9, 40, 14),),
        baseline="new",
    ),
    finding(
        severity="low",
        policy="qos-guaranteed-missed",
        message="the pod is Burstable: container app: no cpu limit",
        values={"pod.qos_class": "Burstable"},
        subject_type="pod",
        subject="",
        container=None,
        container_type=None,
        place=Place("deploy/web.yaml", 30, 5, 30, 9),
        fingerprint="3" * 32,
        baseline="unchanged",
    ),
    finding(
        severity="medium",
        policy="memory-quantity-fractional",
        message="memory limit 512m is a fraction of a byte 100% sure,\n::warning::\x1b]0;title\x07=cmd()|`x` "
        "and 漢字漢字漢字漢字漢字",
        values={"ratio": 1.5, "quantity.text": "512m"},
        workload=NASTY,
        subject="=cmd()|' /C calc'!A0",
        container="=cmd()|' /C calc'!A0",
        place=Place("odd: dir/a,b::c%é.yaml", 3, 1, 3, 8),
        path="spec.containers[0].resources.limits.memory",
        fingerprint="4" * 32,
        baseline="new",
    ),
    finding(
        severity="info",
        policy="tmpfs-size-limit-missing",
        message="emptyDir cache can grow to the node's allocatable memory",
        values={},
        subject_type="volume",
        subject="cache",
        container=None,
        container_type=None,
        workload=NASTY,
        place=Place("odd: dir/a,b::c%é.yaml", 9, 3, 9, 12),
        fingerprint="5" * 32,
        waived=Waived("@team knows", "2027-01-01", "waivers.yaml:4"),
        baseline="new",
    ),
)

SKIPPED = (
    Skipped("chart/Chart.yaml", None, None, "a Helm chart that is not rendered"),
    Skipped("odd: dir/bad\n::error::.yaml", 4, 2, "not YAML: \x1b[2Jmapping values <b>are</b> not allowed"),
)

NOTES = ("waiver waivers.yaml:9 covers nothing: memory-limit-missing", "3 documents are not Kubernetes objects")


def report(
    findings: tuple[Finding, ...] = FINDINGS,
    skipped: tuple[Skipped, ...] = SKIPPED,
    notes: tuple[str, ...] = NOTES,
    **changes: Any,
) -> Report:
    """A report whose summary counts what it holds."""
    new = [item for item in findings if item.waived is None and item.baseline != "unchanged"]
    summary = Summary(
        objects=9,
        workloads=4,
        containers=7,
        findings={name: sum(item.severity == name for item in new) for name in SEVERITIES},
        waived=sum(item.waived is not None for item in findings),
        known=sum(item.waived is None and item.baseline == "unchanged" for item in findings),
        skipped=len(skipped),
    )
    made = Report("0.1.0", "1.37", summary, findings, skipped, notes, RULES)
    return msgspec.structs.replace(made, **changes)


def clean(**counts: int) -> Report:
    """A report without findings, skipped inputs or notes; counts by keyword."""
    empty = report(findings=(), skipped=(), notes=())
    return msgspec.structs.replace(empty, summary=msgspec.structs.replace(empty.summary, **counts))


def _container(**changes: Any) -> ContainerFacts:
    values: dict[str, Any] = dict.fromkeys(ContainerFacts.__struct_fields__)
    values.update(
        name="app",
        type="app",
        list_name="containers",
        index=0,
        image="registry.example/app:1",
        written_limit_bytes=512 * MI,
        request_bytes=512 * MI,
        limit_bytes=512 * MI,
        request_from="limit",
        limit_from="manifest",
        limit_to_request_ratio=1.0,
        request_missing=False,
        limit_missing=False,
        memory_max_bytes=512 * MI,
        is_sidecar=False,
        tmpfs_volumes=("cache",),
    )
    return ContainerFacts(**{**values, **changes})


def record(**workload: Any) -> Record:
    """One workload with two containers, a volume, a LimitRange that set something, and a problem."""
    pod: dict[str, Any] = dict.fromkeys(PodFacts.__struct_fields__)
    pod.update(
        qos_class="Burstable",
        request_bytes=768 * MI,
        limit_bytes=512 * MI,
        bounded=False,
        overhead_bytes=0,
        containers_total=2,
        containers_without_limit=("migrate",),
        memory_guaranteed=False,
        qos_obstacles=("container app: no cpu limit",),
        rejected=False,
        host_ipc=False,
        hugepages_alone=False,
        above_every_node=False,
        injected=(),
        unsized_injections=(),
        undeclared=(),
        indistinguishable=(),
        windows=False,
    )
    owner = dict.fromkeys(WorkloadFacts.__struct_fields__) | {
        "api_version": "apps/v1",
        "kind": "Deployment",
        "namespace": "team-a",
        "name": "web",
        "replicas": 3,
        "min_replicas": None,
        "max_replicas": None,
        "history": "none",
        "file": "deploy/web.yaml",
        "line": 1,
        **workload,
    }
    migrate = {
        "name": "migrate",
        "type": "init",
        "list_name": "initContainers",
        "image": None,
        "written_limit_bytes": None,
        "written_request_bytes": 0,
        "request_bytes": 0,
        "limit_bytes": None,
        "request_from": "manifest",
        "limit_from": None,
        "limit_to_request_ratio": None,
        "limit_missing": True,
        "memory_max_bytes": None,
        "tmpfs_volumes": (),
    }
    heap = HeapFacts("jvm", 384 * MI, None, None, "-Xmx384m", "args[0]", True, False, 128 * MI, False, None)
    volume = VolumeFacts(
        *(
            "cache",
            0,
            "Memory",
            None,
            512 * MI,
            "the node",
            False,
            ("app",),
            512 * MI,
            "app",
            False,
            ("app",),
            False,
            None,
        )
    )
    return Record(
        workload=WorkloadFacts(**owner),
        pod=PodFacts(**pod),
        containers=(_container(**migrate), _container(heap=heap)),
        volumes=(volume,),
        quantities=(),
        admission=(AdmissionFacts("LimitRange team-a/limits", rejects=False, reason="memory request of app: 512Mi"),),
        quotas=(),
        nodes=(),
        problems=(Problem(("spec",), "resources: [] is not a mapping"),),
        pod_path=("spec", "template", "spec"),
    )
