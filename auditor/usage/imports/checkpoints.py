"""History from VerticalPodAutoscalerCheckpoint objects: the histograms in which VPA keeps its daily peaks.

Source: kubernetes/autoscaler vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1/types.go and
pkg/recommender/util/histogram.go. Weights are 0 to 10,000, a share of the heaviest bucket; `referenceTimestamp` is a
multiple of the half-life, by rounding up to 12 hours ahead of the last sample, and moves no percentile.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from auditor.sources.model import Object
from auditor.usage.imports.model import EPOCH, FUTURE_TOLERANCE, ImportOptions, ImportResult
from auditor.usage.imports.objects import read_objects
from auditor.usage.imports.samples import Samples, Series
from auditor.usage.imports.values import Clock, shown
from auditor.usage.model import UsageDay
from auditor.usage.vpa import MEMORY_HALF_LIFE, Histogram

MAX_WEIGHT = 10_000
"""The weight of the heaviest bucket (MaxCheckpointWeight)."""
VERSION = "v3"
"""The only format (SupportedCheckpointVersion)."""

_NOTE = (
    "checkpoints of VPA hold peaks of days, older ones weighing less, of all pods together: p95, p99 and maximum are "
    "of these peaks; minimum, mean and coverage are unknown"
)


class _UnreadableError(Exception):
    """Ends the reading of one object; never leaves this module."""


def read_checkpoints(paths: Sequence[str], options: ImportOptions) -> ImportResult:
    """Return one row for each checkpoint, on the day of its last sample; its pod is the checkpoint's name.

    Where the VerticalPodAutoscaler itself is among the objects, its target is the workload. Files are JSON, JSON lines
    or YAML. Raises UsageError for a file that does not exist.
    """
    with Samples("vpa-checkpoint", options) as samples:
        targets: dict[tuple[str, str], tuple[str, str]] = {}
        found: list[tuple[UsageDay, str]] = []
        others = 0
        for path in paths:
            for item in read_objects(path, samples):
                if item.kind == "VerticalPodAutoscaler":
                    targets[item.namespace or "", item.name] = _target(item.data)
                elif item.kind != "VerticalPodAutoscalerCheckpoint":
                    others += 1
                else:
                    try:
                        found += _row(item, samples)
                    except (_UnreadableError, ValueError) as error:
                        samples.fault(item.line, "no checkpoint", f"{item.kind} {item.name}: {error}")
        notes = [_NOTE] if found else []
        if others:
            notes.append(f"{others} objects that are no checkpoints left out")
        rows = [_with_target(row, targets.get((row.namespace, vpa), ("", ""))) for row, vpa in found]
        rows.sort(key=lambda row: (row.namespace, row.pod, row.container, row.day))
        return ImportResult(tuple(rows), samples.faults.result(), tuple(notes))


def _target(data: dict[str, Any]) -> tuple[str, str]:
    spec = data.get("spec")
    target = spec.get("targetRef") if isinstance(spec, dict) else None
    kind, name = (target.get("kind"), target.get("name")) if isinstance(target, dict) else (None, None)
    return (kind, name) if isinstance(kind, str) and isinstance(name, str) else ("", "")


def _with_target(row: UsageDay, target: tuple[str, str]) -> UsageDay:
    return msgspec.structs.replace(row, workload_kind=target[0], workload_name=target[1])


def _row(item: Object, samples: Samples) -> list[tuple[UsageDay, str]]:
    """Return the row and its autoscaler's name; nothing, and a fault, for a name that is none."""
    spec, status = _mapping(item.data, "spec"), _mapping(item.data, "status")
    if status.get("version") not in (VERSION, None):
        raise _UnreadableError(f"status.version {shown(status['version'])} is not {VERSION}")
    clock, now = Clock("UTC"), samples.options.now
    last = _time(status, "lastSampleStart", clock) or _time(status, "lastUpdateTime", clock)
    if last is None:
        raise _UnreadableError("status tells no time: lastSampleStart or lastUpdateTime")
    if last > now + FUTURE_TOLERANCE or last < EPOCH:
        raise _UnreadableError(f"its last sample is of {last:%Y-%m-%d}: a clock is wrong")
    histogram = _histogram(_mapping(status, "memoryHistogram"), clock, now)
    namespace = item.namespace or samples.options.namespace or ""
    vpa, container = str(spec.get("vpaObjectName") or ""), spec.get("containerName")
    name = Series(samples.options.cluster, namespace, item.name, container if isinstance(container, str) else "")
    if samples.series(item.line, name) is None:
        return []
    count = status.get("totalSamplesCount")
    row = UsageDay(
        cluster=name.cluster,
        day=last.date(),
        namespace=namespace,
        pod=name.pod,
        container=name.container,
        samples=count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 1,
        coverage=None,
        p95_bytes=math.ceil(histogram.percentile(0.95)),
        p99_bytes=math.ceil(histogram.percentile(0.99)),
        max_bytes=math.ceil(histogram.percentile(1.0)),
        source=samples.source,
        collected_at=now,
    )
    return [(row, vpa)]


def _histogram(data: Mapping[str, Any], clock: Clock, now: datetime) -> Histogram:
    reference = _time(data, "referenceTimestamp", clock)
    if reference is not None and reference > now + MEMORY_HALF_LIFE + FUTURE_TOLERANCE:
        raise _UnreadableError(f"memoryHistogram.referenceTimestamp is of {reference:%Y-%m-%d}: a clock is wrong")
    weights: dict[int, int] = {}
    for key, weight in _mapping(data, "bucketWeights").items():
        if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= MAX_WEIGHT:
            raise _UnreadableError(f"bucket {shown(key)} weighs {shown(weight)}, not 0 to {MAX_WEIGHT}")
        if not str(key).isdecimal() or len(str(key)) > 9:
            raise _UnreadableError(f"{shown(key)} is no bucket")
        weights[int(key)] = weight
    total = data.get("totalWeight", 0)
    if isinstance(total, bool) or not isinstance(total, int | float):
        raise _UnreadableError(f"memoryHistogram.totalWeight {shown(total)} is not a number")
    histogram = Histogram()
    histogram.load(weights, float(total), reference or datetime(1970, 1, 1, tzinfo=UTC))
    if histogram.empty:
        raise _UnreadableError("memoryHistogram is empty")
    return histogram


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise _UnreadableError(f"{key} must be a mapping")
    return value


def _time(data: Mapping[str, Any], key: str, clock: Clock) -> datetime | None:
    if data.get(key) is None:
        return None
    found = clock.milliseconds(data[key])
    if found is None:
        raise _UnreadableError(f"{key} {shown(data[key])} is no time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=found)
