"""History from the JSON that Instana's REST API answers for container metrics.

Source: Instana REST API, infrastructure metrics (`MetricItem` of its client libraries: `items[]` with `label`, `plugin`
and `metrics`, each a list of [milliseconds, value]) and infrastructure analyze (items with `tags`). Its metrics for the
docker, containerd and crio plugins are `memory.usage` and `memory.total_rss`, in bytes. A container is told by a label
in the form k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, or by tags `kubernetes.namespace.name`, `kubernetes.pod.name` and
`kubernetes.container.name`; no public source states that form of tags, other exports come in by CSV with `--columns`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditor.usage.imports.docker_stats import pod_of
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import Samples, Series
from auditor.usage.imports.text import opened
from auditor.usage.imports.values import AmountError, Clock, amount_bytes

METRIC = "memory.usage"
"""What is read when nothing else is chosen."""
_TAGS = ("kubernetes.namespace.name", "kubernetes.pod.name", "kubernetes.container.name")


def read_instana(paths: Sequence[str], options: ImportOptions, *, metric: str | None = None) -> ImportResult:
    """Return the days of saved answers; `metric` is the start of the metric's name, `memory.usage` otherwise.

    Raises UsageError for a file that does not exist.
    """
    wanted = metric or METRIC
    with Samples("instana", options) as samples:
        clock = Clock(options.time_zone)
        for path in paths:
            with opened(path, samples) as text:
                if text is not None:
                    for place, item in _items(text.read(), samples):
                        _item(place, item, (samples, clock), wanted)
        if wanted.startswith(METRIC):
            samples.notes.append(f"{METRIC} holds all page cache: more than the working set, and too much to size from")
        return samples.result()


def _items(text: str, samples: Samples) -> Iterator[tuple[int, Any]]:
    """Yield the number and content of each item."""
    try:
        data: Any = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        samples.fault(1, "no JSON", f"is no JSON: {error}")
        return
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        samples.fault(1, "no items", "is no answer of Instana: a JSON object with a list `items` is needed")
        return
    yield from enumerate(items)


def _item(place: int, item: Any, into: tuple[Samples, Clock], wanted: str) -> None:
    samples, clock = into
    where = f"items[{place}]"
    metrics = item.get("metrics") if isinstance(item, dict) else None
    name = _names(item) if isinstance(item, dict) else None
    if name is None:
        samples.fault(1, "no container of a pod", f"{where}: tells no namespace, pod and container, by tags or label")
        return
    if not isinstance(metrics, dict):
        samples.fault(1, "no metrics", f"{where}: metrics must be an object")
        return
    points = next((metrics[key] for key in metrics if key == wanted or key.startswith(f"{wanted}.")), None)
    if not isinstance(points, list):
        samples.fault(1, "no metric", f"{where}: has no metric {wanted}")
        return
    series = samples.series(1, Series(samples.options.cluster, *name))
    if series is None:
        return
    for number, point in enumerate(points):
        _point(f"{where}.metrics[{wanted!r}][{number}]", point, (samples, clock), series)


def _point(where: str, point: Any, into: tuple[Samples, Clock], series: int) -> None:
    samples, clock = into
    time_ms = clock.milliseconds(point[0]) if isinstance(point, list) and len(point) == 2 else None
    if time_ms is None:
        samples.fault(1, "no point", f"{where}: must be [milliseconds, value]")
        return
    if point[1] is None:
        return
    try:
        value, _ = amount_bytes(point[1])
    except AmountError as error:
        samples.fault(1, error.kind, f"{where}: {error}")
        return
    samples.add(1, time_ms, series, value)


def _names(item: dict[str, Any]) -> tuple[str, str, str] | None:
    tags = item.get("tags")
    if isinstance(tags, dict):
        found = [tags.get(name) for name in _TAGS]
        if all(isinstance(name, str) for name in found):
            namespace, pod, container = map(str, found)
            return namespace, pod, container
    label = item.get("label")
    return pod_of(label) if isinstance(label, str) else None
