"""Objects of a made-up cluster, as its API tells them, and their entries."""

from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Header, Item

GI = 2**30
MI = 2**20


def container(name="app", **changes):
    return {
        "name": name,
        "image": f"registry.example/{name}:1",
        "resources": {"requests": {"memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        **changes,
    }


def pod(name, *, namespace="shop", owner=None, node="node-a", spec=None, status=None, **metadata):
    """`owner` is an object; without one the pod stands alone."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "web"}, **owned(owner), **metadata},
        "spec": {"nodeName": node, "containers": [container()], **(spec or {})},
        "status": {"phase": "Running", **(status or {})},
    }


def owned(owner):
    if owner is None:
        return {}
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {"ownerReferences": [reference | {"controller": True}]}


def deployment(name="web", *, namespace="shop", replicas=2, spec=None, labels=None, owner=None):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, **owned(owner)},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": labels or {"app": "web"}},
                "spec": {"containers": [container()], **(spec or {})},
            },
        },
    }


def replica_set(owner, suffix="6f7d9"):
    """As the reader tells an owned one: without its spec."""
    metadata = owner["metadata"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": f"{metadata['name']}-{suffix}", "namespace": metadata["namespace"], **owned(owner)},
    }


def node(name, allocatable="16Gi"):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name}},
        "status": {"capacity": {"memory": allocatable}, "allocatable": {"memory": allocatable}},
    }


def entries(*objects, cluster="prod", version="1.36", end=True, **header):
    """Yield the entries of a cluster; objects that are entries already stay as they are."""
    yield Header(SNAPSHOT_VERSION, cluster, version, **header)
    for item in objects:
        yield Item(item) if isinstance(item, dict) else item
    if end:
        yield End()
