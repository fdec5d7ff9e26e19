"""The namespaces that pods are created in, each with its LimitRanges and ResourceQuotas."""

_HALF = {"memory": "0.5Gi", "cpu": "500m"}

LIMIT_RANGES = {
    "plain": [],
    "defaults": [[{"type": "Container", "default": _HALF, "defaultRequest": {"memory": "100M", "cpu": "100m"}}]],
    "highest": [[{"type": "Container", "max": {"memory": "512Mi"}}]],
    "lowest": [[{"type": "Container", "min": {"memory": "64Mi", "cpu": "100m"}}]],
    "between": [
        [
            {
                "type": "Container",
                "min": {"memory": "64Mi"},
                "max": {"memory": "1Gi", "cpu": "1"},
                "default": {"memory": "256Mi"},
                "defaultRequest": {"memory": "134217728"},
            }
        ]
    ],
    "ratio": [[{"type": "Container", "maxLimitRequestRatio": {"memory": "2", "cpu": "1500m"}}]],
    "pods": [
        [
            {
                "type": "Pod",
                "min": {"memory": "128Mi", "cpu": "100m"},
                "max": {"memory": "2G"},
                "maxLimitRequestRatio": {"memory": "3"},
            }
        ]
    ],
    "huge": [
        [
            {"type": "Pod", "max": {"hugepages-2Mi": "4Mi", "memory": "4Gi"}},
            {"type": "Container", "max": {"hugepages-2Mi": "2Mi"}},
        ]
    ],
    "with-claims": [
        [
            {"type": "Container", "default": {"memory": "1Gi", "cpu": "1"}, "min": {"memory": "32Mi"}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}},
        ]
    ],
    "two-ranges": [
        [{"type": "Container", "default": {"memory": "256Mi"}, "max": {"memory": "1Gi"}}],
        [{"type": "Container", "default": {"cpu": "500m"}, "min": {"cpu": "100m"}}],
    ],
    "rivals": [
        [{"type": "Container", "default": {"memory": "256Mi"}}],
        [{"type": "Container", "default": {"memory": "512Mi"}}],
    ],
    "zeros": [[{"type": "Container", "default": {"memory": "0"}, "defaultRequest": {"memory": "0", "cpu": "0"}}]],
    "fractions": [
        [
            {
                "type": "Container",
                "min": {"memory": "1500m"},
                "max": {"memory": "1.5Gi"},
                "maxLimitRequestRatio": {"memory": "1.1"},
            }
        ]
    ],
    "storage": [[{"type": "Container", "default": {"ephemeral-storage": "2Gi"}, "min": {"memory": "0"}}]],
}

_MEMORY = {"requests.memory": "1Gi", "limits.memory": "2Gi"}


def _priority(operator, *values):
    expression = {"scopeName": "PriorityClass", "operator": operator, **({"values": list(values)} if values else {})}
    return {"matchExpressions": [expression]}


QUOTAS = {
    "quota-memory": [{"hard": _MEMORY}],
    "quota-short": [{"hard": {"memory": "1G", "cpu": "2"}}],
    "quota-both": [{"hard": {"memory": "2Gi", "requests.memory": "1Gi"}}],
    "quota-none": [{"hard": {"requests.memory": "0", "pods": "10"}}],
    "quota-no-pods": [{"hard": {"pods": "0"}}],
    "quota-best-effort": [{"hard": {"pods": "0"}, "scopes": ["BestEffort"]}],
    "quota-not-best-effort": [{"hard": {"requests.memory": "512Mi"}, "scopes": ["NotBestEffort"]}],
    "quota-terminating": [{"hard": {"limits.memory": "1Gi"}, "scopes": ["Terminating"]}],
    "quota-high": [{"hard": {"limits.memory": "1Gi"}, "scopeSelector": _priority("In", "high")}],
    "quota-not-high": [{"hard": {"limits.memory": "1Gi"}, "scopeSelector": _priority("NotIn", "high")}],
    "quota-usual": [{"hard": {"requests.memory": "512Mi"}, "scopeSelector": _priority("In", "usual", "low")}],
    "quota-any-class": [{"hard": {"requests.memory": "1Gi"}, "scopeSelector": _priority("Exists")}],
    "quota-two": [{"hard": {"requests.memory": "512Mi"}}, {"hard": {"limits.memory": "1Gi", "cpu": "2"}}],
    "quota-huge": [{"hard": {"hugepages-2Mi": "4Mi", "requests.hugepages-1Gi": "1Gi"}}],
    "quota-and-range": [{"hard": {**_MEMORY, "limits.cpu": "2"}}],
}
LIMIT_RANGES["quota-and-range"] = LIMIT_RANGES["defaults"]

NAMESPACES = tuple(dict.fromkeys((*LIMIT_RANGES, *QUOTAS)))


def objects_of(namespace):
    """Return the LimitRanges and the ResourceQuotas of a namespace as manifests."""
    ranges = [
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": f"range{index}", "namespace": namespace},
            "spec": {"limits": items},
        }
        for index, items in enumerate(LIMIT_RANGES.get(namespace, []))
    ]
    quotas = [
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": f"quota{index}", "namespace": namespace},
            "spec": spec,
        }
        for index, spec in enumerate(QUOTAS.get(namespace, []))
    ]
    return ranges, quotas
