"""Which kinds are read of a cluster, and in which order. Secrets are not among them."""

import msgspec


class Resource(msgspec.Struct, frozen=True):
    """What can be listed: a kind in one version of its API group."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def words(self) -> str:
        """The resource as RBAC and kubectl name it: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None) -> str:
        """Return where it is listed; None is all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
PODS = Resource("", "v1", "pods", "Pod")
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)

CONTEXT = (
    Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", namespaced=False),
    Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False),
    Resource("", "v1", "limitranges", "LimitRange"),
    Resource("", "v1", "resourcequotas", "ResourceQuota"),
    Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
)
"""What every cluster has around its pods, besides nodes and namespaces."""

OPTIONAL = (
    Resource("autoscaling.k8s.io", "v1", "verticalpodautoscalers", "VerticalPodAutoscaler"),
    Resource("autoscaling.k8s.io", "v1", "verticalpodautoscalercheckpoints", "VerticalPodAutoscalerCheckpoint"),
    Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"),
    Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics"),
)
"""What a cluster may have: nothing is missing where the API is not installed."""

OWNERS = (
    Resource("apps", "v1", "deployments", "Deployment"),
    Resource("apps", "v1", "statefulsets", "StatefulSet"),
    Resource("apps", "v1", "daemonsets", "DaemonSet"),
    Resource("apps", "v1", "replicasets", "ReplicaSet"),
    Resource("", "v1", "replicationcontrollers", "ReplicationController"),
    Resource("batch", "v1", "jobs", "Job"),
    Resource("batch", "v1", "cronjobs", "CronJob"),
)
"""The workload kinds of Kubernetes itself. PodTemplates are not read: nothing runs from one by itself."""

LINKS = frozenset((("apps", "ReplicaSet"), ("batch", "Job")))
"""Group and kind of what is only a link between its owner and pods when it has an owner."""

PAGE_SIZES = {"CustomResourceDefinition": 20, "ConfigMap": 50}
"""Objects of a page for kinds whose objects may be as large as a MiB."""
