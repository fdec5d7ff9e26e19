"""What exactly is left of each kind, and that nothing secret is."""

import json

import pytest

from auditor.sources.cluster.reduce import WAIVER, reduced, reducer
from auditor.sources.cluster.reduce_words import shape
from auditor.waivers import ANNOTATION

SECRET = "hunter2"  # noqa: S105 - made up
MANIFEST = json.dumps({"spec": {"password": SECRET}})

METADATA = {
    "name": "web-1",
    "generateName": "web-",
    "namespace": "shop",
    "uid": "u-1",
    "resourceVersion": "1",
    "generation": 2,
    "creationTimestamp": "2026-11-01T00:00:00Z",
    "labels": {"app": "web"},
    "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": MANIFEST,
        "vault.hashicorp.com/agent-inject": "true",
        "vault.hashicorp.com/agent-inject-template-config": SECRET,
        "kubernetes.io/config.mirror": "0123",
        WAIVER: "- {policy: a, reason: b, until: 2027-01-01}",
    },
    "ownerReferences": [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "web",
            "uid": "u-0",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ],
    "managedFields": [{"manager": SECRET}],
    "finalizers": [SECRET],
}
LEFT_METADATA = {
    "name": "web-1",
    "generateName": "web-",
    "namespace": "shop",
    "uid": "u-1",
    "creationTimestamp": "2026-11-01T00:00:00Z",
    "labels": {"app": "web"},
    "annotations": {
        "vault.hashicorp.com/agent-inject": "true",
        "kubernetes.io/config.mirror": "0123",
        WAIVER: "- {policy: a, reason: b, until: 2027-01-01}",
    },
    "ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-0", "controller": True}
    ],
}
CONTAINER = {
    "name": "app",
    "image": "registry.example/app:1",
    "command": ["java"],
    "args": ["-Xmx512m", f"-Dpassword={SECRET}", "-jar", "/app.jar"],
    "env": [
        {"name": "PASSWORD", "value": SECRET},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": SECRET}}},
        {"name": "JAVA_TOOL_OPTIONS", "value": f"-Xms64m -javaagent:/agent.jar={SECRET}"},
    ],
    "ports": [{"containerPort": 8080}],
    "resources": {
        "requests": {"memory": "1Gi", "cpu": "1", "ephemeral-storage": "1Gi"},
        "limits": {"memory": "1Gi", "example.com/gpu": "1"},
        "claims": [{"name": SECRET}],
    },
    "volumeMounts": [
        {"name": "config", "mountPath": f"/{SECRET}", "subPath": SECRET},
        {"name": "cache", "mountPath": "/cache"},
        {"name": "read", "mountPath": "/read", "readOnly": True},
        {"name": "shm", "mountPath": "/dev/shm/"},  # noqa: S108 - in a container
    ],
    "livenessProbe": {"httpGet": {"path": f"/{SECRET}", "httpHeaders": [{"name": "a", "value": SECRET}]}},
    "lifecycle": {"preStop": {"exec": {"command": [SECRET]}}},
    "securityContext": {"seLinuxOptions": {"user": SECRET}},
    "imagePullPolicy": "Always",
}
SPEC = {
    "nodeName": "node-a",
    "volumes": [
        {"name": "config", "secret": {"secretName": SECRET}},
        {"name": "cache", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "nfs", "csi": {"driver": "d", "volumeAttributes": {"password": SECRET}}},
        {"name": "read", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"audience": SECRET}}]}},
    ],
    "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "args": [SECRET]}],
    "containers": [CONTAINER],
    "imagePullSecrets": [{"name": SECRET}],
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": [SECRET]}],
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": SECRET}]}},
    "tolerations": [{"key": SECRET}],
    "priority": 0,
    "hostNetwork": False,
    "hostIPC": True,
    "restartPolicy": "Always",
    "serviceAccountName": SECRET,
}
LEFT_SPEC = {
    "nodeName": "node-a",
    "volumes": [
        {},
        {"name": "cache", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {},
        {"name": "read", "emptyDir": {}},
    ],
    "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}],
    "containers": [
        {
            "name": "app",
            "image": "registry.example/app:1",
            "command": ["java"],
            "args": ["-Xmx512m", "-x", "-jar", "/x"],
            "env": [{}, {}, {"name": "JAVA_TOOL_OPTIONS", "value": "-Xms64m -x/x"}],
            "resources": {"requests": {"memory": "1Gi", "cpu": "1"}, "limits": {"memory": "1Gi"}},
            "volumeMounts": [
                {"name": "cache"},
                {"name": "read", "readOnly": True},
                {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - in a container
            ],
        }
    ],
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"nodeAffinity": {}},
    "priority": 0,
    "hostIPC": True,
}
STATUS = {
    "phase": "Running",
    "qosClass": "Burstable",
    "message": SECRET,
    "hostIP": "10.0.0.1",
    "conditions": [
        {"type": "Initialized", "status": "True", "message": SECRET},
        {"type": "Ready", "status": "False", "message": SECRET, "lastTransitionTime": "2026-11-01T00:00:00Z"},
        {"type": "PodScheduled", "status": "True"},
        {"type": "PodResizePending", "status": "True", "reason": "Deferred", "message": SECRET},
    ],
    "containerStatuses": [
        {
            "name": "app",
            "ready": True,
            "restartCount": 3,
            "state": {"running": {"startedAt": "2026-11-01T00:00:00Z"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "message": SECRET}},
            "allocatedResources": {"memory": "1Gi", "ephemeral-storage": "1Gi"},
            "resources": {"requests": {"memory": "1Gi"}},
            "image": SECRET,
        },
        {
            "name": "proxy",
            "restartCount": 0,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": SECRET}},
            "lastState": {"terminated": {"reason": "Error", "message": SECRET}},
        },
    ],
}
LEFT_STATUS = {
    "phase": "Running",
    "qosClass": "Burstable",
    "conditions": [{"type": "Ready", "status": "False"}, {"type": "PodResizePending", "reason": "Deferred"}],
    "containerStatuses": [
        {
            "name": "app",
            "restartCount": 3,
            "lastState": {"terminated": {"reason": "OOMKilled"}},
            "resources": {"requests": {"memory": "1Gi"}},
            "allocatedResources": {"memory": "1Gi"},
        },
        {"name": "proxy"},
    ],
}


def test_what_is_left_of_a_pod():
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": METADATA, "spec": SPEC, "status": STATUS}
    left = reduced(pod)
    assert left == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": LEFT_METADATA,
        "spec": LEFT_SPEC,
        "status": LEFT_STATUS,
    }
    assert SECRET not in json.dumps(left)


@pytest.mark.parametrize(
    ("status", "left"),
    [
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": f"The node was low on resource: memory. Container {SECRET} was using 1Gi.",
            },
            {"phase": "Failed", "reason": "Evicted", "message": "low on resource: memory"},
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": f"The node was low on resource: pids. {SECRET}"},
            {"phase": "Failed"},
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": f"0/3 nodes are available: 3 Insufficient memory. {SECRET}",
                    }
                ]
            },
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]},
        ),
        (
            {"resize": "Infeasible", "resources": {"limits": {"memory": "1Gi", "x/y": "1"}}, "podIP": "10.0.0.1"},
            {"resize": "Infeasible", "resources": {"limits": {"memory": "1Gi"}}},
        ),
    ],
)
def test_what_is_left_of_a_status(status, left):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}, "status": status}
    assert reduced(pod)["status"] == left


TEMPLATE = {"metadata": METADATA, "spec": SPEC}
LEFT_TEMPLATE = {"metadata": LEFT_METADATA, "spec": LEFT_SPEC}
WORKLOADS = [
    (
        {"apiVersion": "apps/v1", "kind": "Deployment"},
        {"replicas": 3, "selector": {"matchLabels": {"a": SECRET}}, "template": TEMPLATE},
        {"replicas": 3, "template": LEFT_TEMPLATE},
    ),
    (
        {"apiVersion": "batch/v1", "kind": "Job"},
        {"parallelism": 2, "completions": 9, "template": TEMPLATE},
        {"parallelism": 2, "template": LEFT_TEMPLATE},
    ),
    (
        {"apiVersion": "batch/v1", "kind": "CronJob"},
        {
            "schedule": SECRET,
            "jobTemplate": {"metadata": {"name": SECRET}, "spec": {"parallelism": 2, "template": TEMPLATE}},
        },
        {"jobTemplate": {"spec": {"parallelism": 2, "template": LEFT_TEMPLATE}}},
    ),
    (
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"},
        {"replicas": 2, "strategy": {"canary": {"steps": [SECRET]}}, "template": TEMPLATE},
        {"replicas": 2, "template": LEFT_TEMPLATE},
    ),
    (
        {"apiVersion": "example.com/v1", "kind": "Cluster"},
        {
            "password": SECRET,
            "pools": [{"name": "a", "key": SECRET}, {"name": "b", "key": SECRET, "podTemplate": TEMPLATE}],
        },
        {"pools": [{}, {"name": "b", "podTemplate": LEFT_TEMPLATE}]},
    ),
    ({"apiVersion": "example.com/v1", "kind": "Database"}, {"password": SECRET, "size": 3}, None),
    ({"apiVersion": "v1", "kind": "Service"}, {"externalName": SECRET}, None),
]


@pytest.mark.parametrize(("identity", "spec", "left"), WORKLOADS, ids=[row[0]["kind"] for row in WORKLOADS])
def test_what_is_left_of_a_workload_is_its_templates_and_counts(identity, spec, left):
    found = reduced({**identity, "metadata": METADATA, "spec": spec, "status": {"conditions": [SECRET]}})
    assert found == {**identity, "metadata": LEFT_METADATA} | ({} if left is None else {"spec": left})
    assert SECRET not in json.dumps(found)


def test_what_is_left_of_a_kind_whose_template_the_config_names():
    data = {
        "apiVersion": "example.com/v1",
        "kind": "Engine",
        "metadata": {"name": "a"},
        "spec": {"workers": [{"key": SECRET}, {"pod": {"spec": SPEC}, "key": SECRET}]},
    }
    assert "spec" not in reduced(data)
    left = reducer({"Engine": ("spec", "workers", "1", "pod")})(data)
    assert left["spec"] == {"workers": [{}, {"pod": {"spec": LEFT_SPEC}}]}


def test_a_secret_is_never_kept():
    assert reduced({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": SECRET}}) is None


AROUND = {
    "Node": (
        "v1",
        {
            "spec": {"podCIDR": SECRET, "unschedulable": True, "taints": [{"key": SECRET}]},
            "status": {
                "capacity": {"memory": "16Gi", "cpu": "4", "pods": "110", "hugepages-2Mi": "0"},
                "allocatable": {"memory": "15Gi", "ephemeral-storage": "1Gi"},
                "images": [{"names": [SECRET]}],
                "addresses": [{"address": SECRET}],
                "nodeInfo": {
                    "kubeletVersion": "v1.34.1",
                    "kernelVersion": "6.8.0",
                    "operatingSystem": "linux",
                    "machineID": SECRET,
                    "swap": {"capacity": 1, "x": SECRET},
                },
            },
        },
        {
            "spec": {"unschedulable": True},
            "status": {
                "capacity": {"memory": "16Gi", "cpu": "4", "hugepages-2Mi": "0"},
                "allocatable": {"memory": "15Gi"},
                "nodeInfo": {
                    "kubeletVersion": "v1.34.1",
                    "kernelVersion": "6.8.0",
                    "operatingSystem": "linux",
                    "swap": {"capacity": 1},
                },
            },
        },
    ),
    "Namespace": ("v1", {"spec": {"finalizers": [SECRET]}, "status": {"phase": SECRET}}, {}),
    "LimitRange": (
        "v1",
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi", "x/y": "1"}, "x": SECRET}]}},
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}},
    ),
    "ResourceQuota": (
        "v1",
        {"spec": {"hard": {"limits.memory": "1Gi", "pods": 3}, "scopes": ["NotBestEffort"]}, "status": {"hard": {}}},
        {"spec": {"hard": {"limits.memory": "1Gi", "pods": 3}, "scopes": ["NotBestEffort"]}},
    ),
    "ConfigMap": (
        "v1",
        {"data": {"JAVA_OPTS": f"-Xmx1g -Dpassword={SECRET}", "p": SECRET}, "binaryData": {"a": SECRET}},
        {"data": {"JAVA_OPTS": "-Xmx1g -x", "p": "x"}},
    ),
    "RuntimeClass": (
        "node.k8s.io/v1",
        {
            "handler": SECRET,
            "overhead": {"podFixed": {"memory": "64Mi"}},
            "scheduling": {"nodeSelector": {"a": SECRET}},
        },
        {"overhead": {"podFixed": {"memory": "64Mi"}}},
    ),
    "PriorityClass": (
        "scheduling.k8s.io/v1",
        {"value": 5, "globalDefault": True, "description": SECRET},
        {"value": 5, "globalDefault": True},
    ),
    "KubeletConfiguration": (
        "kubelet.config.k8s.io/v1beta1",
        {
            "failSwapOn": False,
            "staticPodURLHeader": {"Authorization": [SECRET]},
            "evictionHard": {"memory.available": "1Gi"},
        },
        {"failSwapOn": False, "evictionHard": {"memory.available": "1Gi"}},
    ),
    "HorizontalPodAutoscaler": (
        "autoscaling/v2",
        {
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 9,
                "behavior": {"scaleUp": {"policies": [{"type": SECRET}]}},
                "metrics": [
                    {"type": "External", "external": {"metric": {"name": SECRET}}},
                    {"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 80}}},
                ],
            },
            "status": {"conditions": [SECRET]},
        },
        {
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 9,
                "metrics": [
                    {"type": "External"},
                    {"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 80}}},
                ],
            }
        },
    ),
    "ScaledObject": (
        "keda.sh/v1alpha1",
        {
            "spec": {
                "scaleTargetRef": {"name": "web", "envSourceContainerName": SECRET},
                "maxReplicaCount": 9,
                "triggers": [
                    {"type": "rabbitmq", "metadata": {"host": f"amqp://a:{SECRET}@b"}},
                    {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80", "x": SECRET}},
                ],
            }
        },
        {
            "spec": {
                "scaleTargetRef": {"name": "web"},
                "maxReplicaCount": 9,
                "triggers": [
                    {"type": "rabbitmq"},
                    {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}},
                ],
            }
        },
    ),
    "VerticalPodAutoscaler": (
        "autoscaling.k8s.io/v1",
        {
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "web", "x": SECRET},
                "updatePolicy": {"updateMode": "Off"},
                "resourcePolicy": {
                    "containerPolicies": [{"containerName": "*", "maxAllowed": {"memory": "1Gi", "x": SECRET}}]
                },
            },
            "status": {"recommendation": SECRET},
        },
        {
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "web"},
                "updatePolicy": {"updateMode": "Off"},
                "resourcePolicy": {"containerPolicies": [{"containerName": "*", "maxAllowed": {"memory": "1Gi"}}]},
            }
        },
    ),
    "VerticalPodAutoscalerCheckpoint": (
        "autoscaling.k8s.io/v1",
        {
            "spec": {"vpaObjectName": "web", "containerName": "app"},
            "status": {
                "version": "v3",
                "lastSampleStart": "2026-11-01T00:00:00Z",
                "totalSamplesCount": 7,
                "cpuHistogram": {"bucketWeights": {"1": 1}},
                "memoryHistogram": {"bucketWeights": {"1": 10000}, "totalWeight": 1.5},
            },
        },
        {
            "spec": {"vpaObjectName": "web", "containerName": "app"},
            "status": {
                "version": "v3",
                "lastSampleStart": "2026-11-01T00:00:00Z",
                "totalSamplesCount": 7,
                "memoryHistogram": {"bucketWeights": {"1": 10000}, "totalWeight": 1.5},
            },
        },
    ),
    "PodMetrics": (
        "metrics.k8s.io/v1beta1",
        {
            "timestamp": "2026-11-01T00:00:00Z",
            "window": "15s",
            "containers": [{"name": "app", "usage": {"cpu": "1", "memory": "64Mi"}}],
        },
        {
            "timestamp": "2026-11-01T00:00:00Z",
            "window": "15s",
            "containers": [{"name": "app", "usage": {"memory": "64Mi"}}],
        },
    ),
}


@pytest.mark.parametrize("kind", AROUND)
def test_what_is_left_of_an_object_around_pods(kind):
    api_version, body, left = AROUND[kind]
    identity = {"apiVersion": api_version, "kind": kind}
    found = reduced({**identity, "metadata": METADATA, **body})
    assert found == {**identity, "metadata": LEFT_METADATA, **left}
    assert SECRET not in json.dumps(found)


def test_what_is_left_is_reduced_to_itself():
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": METADATA, "spec": SPEC, "status": STATUS}
    left = reduced(pod)
    assert reduced(left) == left


def test_a_waiver_is_kept_as_far_as_its_length_is_told():
    assert WAIVER == ANNOTATION
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": {WAIVER: "a" * 100_000}}}
    assert len(reduced(pod)["metadata"]["annotations"][WAIVER]) == 16_385


@pytest.mark.parametrize("value", [SECRET, [SECRET], {SECRET: SECRET}, 7, 7.5, None, True])
def test_what_stands_where_something_else_belongs_is_only_told_by_its_kind(value):
    empty = shape(value)
    assert type(empty) in {type(value), int}
    assert SECRET not in json.dumps(empty)
    left = reduced({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": value}})
    assert left["spec"] == {"containers": [""] if value == [SECRET] else empty}
