"""What stands around pods, of which only what facts about memory read is left."""

from collections.abc import Callable
from typing import Any

from auditor.sources.cluster.reduce_pods import amounts, scalar
from auditor.sources.cluster.reduce_texts import reduced_config_map
from auditor.sources.cluster.reduce_words import shape

Data = dict[str, Any]

_KUBELET = (
    *("failSwapOn", "memorySwap", "evictionHard", "evictionSoft", "evictionSoftGracePeriod"),
    *("mergeDefaultEvictionSettings", "kubeReserved", "systemReserved", "memoryThrottlingFactor"),
    *("memoryReservationPolicy", "singleProcessOOMKill", "failCgroupV1", "enforceNodeAllocatable", "featureGates"),
)
_LIMITS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_METRIC_SOURCES = {"Resource": "resource", "ContainerResource": "containerResource"}
_METRIC = ("name", "container", "target", "targetAverageUtilization", "targetAverageValue")
_TARGET = ("apiVersion", "kind", "name")
_POLICY = ("containerName", "mode", "controlledResources", "controlledValues")
_CHECKPOINT = ("version", "lastSampleStart", "lastUpdateTime", "totalSamplesCount", "memoryHistogram")


def _some(raw: Any, keys: tuple[str, ...]) -> Any:
    """Return a mapping with some of its keys."""
    return {key: raw[key] for key in keys if key in raw} if isinstance(raw, dict) else shape(raw)


def _each(raw: Any, reduce: Callable[[Data], Any]) -> Any:
    """Return a list with each of its mappings reduced."""
    if not isinstance(raw, list):
        return shape(raw)
    return [reduce(item) if isinstance(item, dict) else shape(item) for item in raw]


def _parts(raw: Any, **readers: Callable[[Any], Any]) -> Any:
    """Return a mapping with some of its keys, each reduced in its way."""
    if not isinstance(raw, dict):
        return shape(raw)
    return {key: read(raw[key]) for key, read in readers.items() if key in raw}


def _plain(raw: Any) -> Any:
    """Return a mapping whose values are texts and numbers."""
    return {key: scalar(value) for key, value in raw.items()} if isinstance(raw, dict) else shape(raw)


def _target(raw: Any) -> Any:
    return _plain(_some(raw, _TARGET))


def _node(data: Data) -> Data:
    def info(raw: Any) -> Any:
        return _parts(
            raw,
            operatingSystem=scalar,
            kubeletVersion=scalar,
            kernelVersion=scalar,
            swap=lambda swap: _parts(swap, capacity=scalar),
        )

    return _parts(  # type: ignore[no-any-return]
        data,
        spec=lambda spec: _parts(spec, unschedulable=scalar),
        status=lambda status: _parts(status, capacity=amounts, allocatable=amounts, nodeInfo=info),
    )


def _limit_range(data: Data) -> Data:
    def item(raw: Data) -> Data:
        return {
            key: amounts(raw[key]) if key in _LIMITS else scalar(raw[key]) for key in ("type", *_LIMITS) if key in raw
        }

    return _parts(data, spec=lambda spec: _parts(spec, limits=lambda limits: _each(limits, item)))  # type: ignore[no-any-return]


def _quota(data: Data) -> Data:
    return _parts(  # type: ignore[no-any-return]
        data, spec=lambda spec: _parts(spec, hard=_plain, scopes=_kept, scopeSelector=_kept)
    )


def _kept(raw: Any) -> Any:
    return raw


def _runtime_class(data: Data) -> Data:
    return _parts(data, overhead=lambda overhead: _parts(overhead, podFixed=amounts))  # type: ignore[no-any-return]


def _horizontal(data: Data) -> Data:
    return _parts(  # type: ignore[no-any-return]
        data,
        spec=lambda spec: _parts(
            spec,
            scaleTargetRef=_target,
            minReplicas=scalar,
            maxReplicas=scalar,
            metrics=lambda metrics: _each(metrics, _metric),
        ),
    )


def _metric(raw: Data) -> Data:
    kept: Data = {"type": scalar(raw["type"])} if "type" in raw else {}
    key = _METRIC_SOURCES.get(kept["type"]) if isinstance(kept.get("type"), str) else None
    if key is not None and key in raw:
        kept[key] = _some(raw[key], _METRIC)
    return kept


def _scaled_object(data: Data) -> Data:
    return _parts(  # type: ignore[no-any-return]
        data,
        spec=lambda spec: _parts(
            spec,
            scaleTargetRef=_target,
            minReplicaCount=scalar,
            maxReplicaCount=scalar,
            triggers=lambda triggers: _each(triggers, _trigger),
        ),
    )


def _trigger(raw: Data) -> Data:
    """Return a trigger; the settings of others than memory hold addresses and worse."""
    kept: Data = {"type": scalar(raw["type"])} if "type" in raw else {}
    if kept.get("type") != "memory":
        return kept
    if "metricType" in raw:
        kept["metricType"] = scalar(raw["metricType"])
    if "metadata" in raw:
        kept["metadata"] = _plain(_some(raw["metadata"], ("type", "value", "containerName")))
    return kept


def _vertical(data: Data) -> Data:
    def bounds(raw: Any) -> Any:
        return _parts(raw, memory=scalar)

    def policy(raw: Data) -> Data:
        kept: Data = _some(raw, _POLICY)
        return kept | {key: bounds(raw[key]) for key in ("minAllowed", "maxAllowed") if key in raw}

    return _parts(  # type: ignore[no-any-return]
        data,
        spec=lambda spec: _parts(
            spec,
            targetRef=_target,
            updatePolicy=lambda update: _parts(update, updateMode=scalar, minReplicas=scalar),
            resourcePolicy=lambda resource: _parts(resource, containerPolicies=lambda some: _each(some, policy)),
            recommenders=lambda some: _each(some, lambda item: _plain(_some(item, ("name",)))),
        ),
    )


def _checkpoint(data: Data) -> Data:
    return _parts(  # type: ignore[no-any-return]
        data,
        spec=lambda spec: _plain(_some(spec, ("vpaObjectName", "containerName"))),
        status=lambda status: _some(status, _CHECKPOINT),
    )


def _pod_metrics(data: Data) -> Data:
    def container(raw: Data) -> Data:
        return _parts(raw, name=scalar, usage=lambda usage: _parts(usage, memory=scalar))  # type: ignore[no-any-return]

    return _parts(  # type: ignore[no-any-return]
        data, timestamp=scalar, window=scalar, containers=lambda some: _each(some, container)
    )


def _config_map(data: Data) -> Data:
    return {"data": reduced_config_map(data.get("data"))} if "data" in data else {}


AROUND: dict[tuple[str, str], Callable[[Data], Data]] = {
    ("", "Node"): _node,
    ("", "Namespace"): lambda _: {},
    ("", "LimitRange"): _limit_range,
    ("", "ResourceQuota"): _quota,
    ("", "ConfigMap"): _config_map,
    ("node.k8s.io", "RuntimeClass"): _runtime_class,
    ("scheduling.k8s.io", "PriorityClass"): lambda data: _plain(_some(data, ("value", "globalDefault"))),
    ("kubelet.config.k8s.io", "KubeletConfiguration"): lambda data: _some(data, _KUBELET),
    ("autoscaling", "HorizontalPodAutoscaler"): _horizontal,
    ("keda.sh", "ScaledObject"): _scaled_object,
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"): _vertical,
    ("autoscaling.k8s.io", "VerticalPodAutoscalerCheckpoint"): _checkpoint,
    ("metrics.k8s.io", "PodMetrics"): _pod_metrics,
}
"""API group and kind to what is left of an object besides its metadata."""
