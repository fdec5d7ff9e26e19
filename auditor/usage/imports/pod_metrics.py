"""History from answers of metrics.k8s.io: `kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods`, one or many.

Source: k8s.io/metrics pkg/apis/metrics/v1beta1/types.go: usage is the working set, over the `window` that ends at
`timestamp`.
"""

import re
from collections.abc import Sequence
from typing import Any

from auditor.sources.model import Object
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.objects import read_objects
from auditor.usage.imports.samples import Samples, Series
from auditor.usage.imports.values import AmountError, Clock, amount_bytes, shown

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds_of(text: object) -> float | None:
    """Return the seconds of a duration as Go writes it, such as `1m30.5s`; None for what is none."""
    if not isinstance(text, str) or not text or _PART.sub("", text[:64]):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text[:64]))


def read_pod_metrics(paths: Sequence[str], options: ImportOptions) -> ImportResult:
    """Return the days of files of PodMetrics or PodMetricsList objects: JSON, JSON lines or YAML.

    Raises UsageError for a file that does not exist.
    """
    with Samples("metrics-api", options) as samples:
        clock = Clock(options.time_zone)
        others = 0
        for path in paths:
            for item in read_objects(path, samples):
                if item.kind == "PodMetrics":
                    _pod(item, samples, clock)
                else:
                    others += 1
        if others:
            samples.notes.append(f"{others} objects that are no PodMetrics left out")
        return samples.result()


def _pod(item: Object, samples: Samples, clock: Clock) -> None:
    containers, time_ms = item.data.get("containers"), clock.milliseconds(item.data.get("timestamp"))
    if time_ms is None:
        samples.fault(
            item.line, "no time", f"PodMetrics {item.name}: timestamp {shown(item.data.get('timestamp'))} is no time"
        )
        return
    if not isinstance(containers, list):
        samples.fault(item.line, "no containers", f"PodMetrics {item.name}: containers must be a list")
        return
    window = seconds_of(item.data.get("window"))
    if window:
        samples.hint_seconds = window
    for index, container in enumerate(containers):
        place, start = item.place(("containers", index)), item.place()
        line = place.line - start.line + item.line if place and start else item.line
        _container(line, item, container, (samples, time_ms))


def _container(line: int, item: Object, container: Any, into: tuple[Samples, int]) -> None:
    samples, time_ms = into
    usage = container.get("usage") if isinstance(container, dict) else None
    memory = usage.get("memory") if isinstance(usage, dict) else None
    if memory is None:
        samples.fault(line, "no memory", f"PodMetrics {item.name}: a container without usage.memory")
        return
    try:
        value, _ = amount_bytes(memory)
    except AmountError as error:
        samples.fault(line, error.kind, f"PodMetrics {item.name}: {error}")
        return
    namespace = item.namespace or samples.options.namespace or ""
    name = container.get("name")
    series = samples.series(
        line, Series(samples.options.cluster, namespace, item.name, name if isinstance(name, str) else "")
    )
    if series is not None:
        samples.add(line, time_ms, series, value)
