"""Hand-written reports for the tests of deliveries."""

from datetime import UTC, datetime

from auditor.findings import SEVERITIES, Finding, Report, Rule, Skipped, Summary, Waived, WorkloadRef

NIGHT = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)
WEB = WorkloadRef("apps/v1", "Deployment", "team-a", "web")
DB = WorkloadRef("apps/v1", "StatefulSet", "team-b", "db")
NODE = WorkloadRef("v1", "Node", None, "worker-1")
WAIVED = Waived("sized by the mesh", "2027-03-31", "annotation")
RULE = Rule("memory-limit-missing", "high", "container", "Nothing bounds it.", "Set a limit.", (), ("availability",))


def finding(number=1, **changes):
    """Return a finding; the number makes its fingerprint."""
    values = {
        "policy": "memory-limit-missing",
        "severity": "high",
        "message": f"finding {number}",
        "values": {},
        "workload": WEB,
        "subject_type": "container",
        "subject": "app",
        "container": "app",
        "container_type": "app",
        "place": None,
        "related": (),
        "path": "spec.template.spec.containers[0].resources.limits.memory",
        "fingerprint": f"{number:032x}",
        **changes,
    }
    return Finding(**values)


def report(*findings, skipped=(), **changes):
    """Return a report whose summary counts what it holds."""
    is_open = [item for item in findings if item.waived is None and item.baseline != "unchanged"]
    summary = Summary(
        objects=9,
        workloads=4,
        containers=7,
        findings={name: sum(item.severity == name for item in is_open) for name in SEVERITIES},
        waived=sum(item.waived is not None for item in findings),
        known=sum(item.waived is None and item.baseline == "unchanged" for item in findings),
        skipped=len(skipped),
    )
    values = {
        "tool_version": "0.1.0",
        "kubernetes_version": "1.37",
        "summary": summary,
        "findings": findings,
        "skipped": skipped,
        "notes": (),
        "rules": (RULE,),
        **changes,
    }
    return Report(**values)


SKIPPED = Skipped("", None, None, "list pods in namespace team-c is forbidden", "prod")
