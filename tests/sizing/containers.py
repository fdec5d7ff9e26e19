"""Containers with a made history: what tests of sizing start from."""

from datetime import UTC, date, datetime, timedelta

from auditor.facts.model import HeapFacts
from auditor.sizing.model import Profile, SizingInput
from auditor.usage.model import UsageDay, UsageFacts

MIB = 2**20
GIB = 2**30
FIRST = date(2026, 11, 2)


def usage(**changes):
    """Two whole weeks: mean 200 MiB, p95 300 MiB, peak 400 MiB."""
    known = dict.fromkeys(UsageFacts.__struct_fields__) | {
        "first_day": "2026-11-02",
        "last_day": "2026-11-15",
        "window_days": 14,
        "days": 14,
        "pods": 3,
        "coverage_ratio": 1.0,
        "mean_bytes": 200 * MIB,
        "p50_bytes": 200 * MIB,
        "p95_bytes": 300 * MIB,
        "p99_bytes": 350 * MIB,
        "max_bytes": 400 * MIB,
        "max_day": "2026-11-05",
        "oom_kills": 0,
        "oom_days": (),
        "restarts": 0,
    }
    return UsageFacts(**known | changes)


def day(number, **changes):
    """The row of one pod on the day of that number, from 0: mean 200 MiB, peak 400 MiB."""
    known = {
        "day": FIRST + timedelta(days=number),
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "web",
        "pod": "web-1",
        "container": "app",
        "samples": 1440,
        "coverage": 1.0,
        "mean_bytes": 200 * MIB,
        "max_bytes": 400 * MIB,
        "source": "csv",
        "collected_at": datetime(2026, 11, 16, tzinfo=UTC),
    }
    return UsageDay(**known | changes)


def item(**changes):
    """The container app of the Deployment shop/web, 512Mi requested, limited to 1Gi, three replicas."""
    known = {
        "api_version": "apps/v1",
        "kind": "Deployment",
        "namespace": "shop",
        "written_namespace": "shop",
        "name": "web",
        "replicas": 3,
        "container": "app",
        "resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        "request_bytes": 512 * MIB,
        "limit_bytes": GIB,
        "usage": usage(),
        "days": tuple(day(number) for number in range(14)),
    }
    return SizingInput(**known | changes)


def heap(runtime="jvm", **changes):
    """A heap of 1 GiB, declared as a fixed size."""
    known = {
        "runtime": runtime,
        "max_bytes": GIB,
        "initial_bytes": None,
        "percent": None,
        "flag": "-Xmx1g",
        "at": "args[0]",
        "declared": True,
        "unknown": False,
        "default_bytes": None,
        "always_pre_touch": False,
        "gc_percent": None,
    }
    return HeapFacts(**known | changes)


def profile(request="usage.p95_bytes", limit="usage.max_bytes", **changes):
    """A profile that takes numbers of history as they are."""
    return Profile(id="plain", why="for tests", request=request, limit=limit, file="plain.yaml", **changes)
