"""Pods and quantities from a seeded generator: mostly what people write, now and then what nobody should."""

import os
import random

from auditor.kube.quantity import Quantity, parse

SEED = int(os.environ.get("KUBERNETES_SEED", "1"))
"""Another one gives other pods and quantities."""
SIZES = ("32Mi", "64Mi", "100M", "128Mi", "134217728", 268435456, "0.5Gi", "512Mi", "1G", "1Gi", "1.5Gi", "1536Mi")
ODD_SIZES = ("0", 0, "400m", "1.5Mi", ".5Gi", "1u", "100n", "1e9", "1E", "2E3", "+64Mi", "128974848000m", " 64Mi ")
BAD_SIZES = ("1KB", "512MB", "1gb", "", "-1", "-64Mi", "64 Mi", True, "9Ei", "9223372036854775808", "12E", "1e19")
CPUS = ("100m", "250m", "0.5", "500m", 1, "1", "1500m", "2")
ODD_CPUS = ("0", 0, "100u", "1e-1", "0.0005", None)
POD_SIZES = ("256Mi", "1Gi", "2Gi", "4Gi", "6G", "8Gi")
POD_CPUS = ("1", "2", "4", "6000m")
HUGE = ("2Mi", "4Mi", "8Mi")
HUGE_NAMES = ("hugepages-2Mi", "hugepages-1Gi")
BAD_SUFFIXES = ("K", "KB", "MB", "i", "mi", "gi", "e", "e1.5", "EE", "B", "Mi ", "Mii", "k3", "E-")
MISSPELT = ("mem", "Memory", "memroy")

OVERHEAD = {"memory": "120Mi", "cpu": "250m"}
SAME_OVERHEAD = {"memory": "125829120", "cpu": 0.25}
RUNTIME_CLASSES = {"kata": OVERHEAD, "tiny": {"memory": "1500m"}, "plain": None}
PRIORITY_CLASSES = {"high": 1000000, "low": 10, "usual": 100}
DEFAULT_CLASS = "usual"


MALFORMED = (
    {"containers": {}},
    {"containers": "c"},
    {"containers": [1]},
    {"containers": [[]]},
    {"containers": [{"name": "c", "image": "x", "resources": []}]},
    {"containers": [{"name": "c", "image": "x", "resources": "x"}]},
    {"containers": [{"name": "c", "image": "x", "resources": 1}]},
    {"containers": [{"name": "c", "image": "x", "resources": False}]},
    {"containers": [{"name": "c", "image": "x", "resources": {"limits": []}}]},
    {"containers": [{"name": "c", "image": "x", "resources": {"limits": ""}}]},
    {"containers": [{"name": "c", "image": "x", "resources": {"requests": 0}}]},
    {"containers": [{"name": {}, "image": "x"}]},
    {"containers": [{"name": "c", "image": "x"}], "initContainers": {"name": "i"}},
    {"containers": [{"name": "c", "image": "x"}], "initContainers": ["i"]},
    {"containers": [{"name": "c", "image": "x"}], "resources": "x"},
    {"containers": [{"name": "c", "image": "x"}], "resources": {"limits": [1]}},
    {"containers": [{"name": "c", "image": "x"}], "overhead": []},
    {"containers": [{"name": "c", "image": "x"}], "overhead": "1Mi"},
)
"""Pod specs that have the wrong shape."""


def rank(value):
    """Return what sorts amounts."""
    quantity = parse(value)
    return quantity.nanos if isinstance(quantity, Quantity) else 0


class Generator:
    """The same seed gives the same pods."""

    def __init__(self, seed: int = SEED):
        self.rng = random.Random(seed)  # noqa: S311 - seeded, not secret

    def chance(self, share):
        return self.rng.random() < share

    def size(self, wild):
        if wild and self.chance(0.3):
            return self.rng.choice((*ODD_SIZES, None) if self.chance(0.75) else BAD_SIZES)
        return self.rng.choice(SIZES)

    def cpu(self, wild):
        return self.rng.choice(ODD_CPUS if wild and self.chance(0.3) else CPUS)

    def pair(self, requests, limits, key, draw):
        """Set a request, a limit, or both; of both the request is mostly the smaller one."""
        shape = self.rng.choice(("limit", "request", "both", "both", "same", "none"))
        if shape in ("limit", "both", "same"):
            limits[key] = draw()
        if shape in ("request", "both"):
            requests[key] = draw()
        if shape == "same":
            requests[key] = limits[key]
        if shape == "both" and self.chance(0.7):
            requests[key], limits[key] = sorted((requests[key], limits[key]), key=rank)

    def huge(self, requests, limits):
        name, size = self.rng.choice(HUGE_NAMES), self.rng.choice(HUGE)
        if name == "hugepages-1Gi" and not self.chance(0.2):
            size = self.rng.choice(("1Gi", "2Gi"))
        shape = self.rng.choice(("limit", "limit", "same", "same", "unequal", "request", "odd"))
        if shape != "request":
            limits[name] = "3Mi" if shape == "odd" else size
        if shape in ("same", "request"):
            requests[name] = size
        elif shape == "unequal":
            requests[name] = self.rng.choice(HUGE)

    def resources(self, wild):
        """Return a container's resources, or None for none."""
        if self.chance(0.1):
            return self.rng.choice((None, {}, {"limits": {}}, {"requests": None, "limits": None}))
        requests, limits = {}, {}
        self.pair(requests, limits, "memory", lambda: self.size(wild))
        if self.chance(0.6):
            self.pair(requests, limits, "cpu", lambda: self.cpu(wild))
        if self.chance(0.08):
            self.huge(requests, limits)
        if self.chance(0.1):
            requests["ephemeral-storage"], limits["ephemeral-storage"] = "1Gi", "2Gi"
        if wild and self.chance(0.05):
            (requests if self.chance(0.5) else limits)[self.rng.choice(MISSPELT)] = "64Mi"
        return {key: block for key, block in (("requests", requests), ("limits", limits)) if block}

    def pod_level(self, wild):
        requests, limits = {}, {}
        if self.chance(0.8):
            self.pair(requests, limits, "memory", lambda: self.size(wild) if wild else self.rng.choice(POD_SIZES))
        if self.chance(0.6):
            self.pair(requests, limits, "cpu", lambda: self.cpu(wild) if wild else self.rng.choice(POD_CPUS))
        if self.chance(0.15):
            self.huge(requests, limits)
        if wild and self.chance(0.05):
            (requests if self.chance(0.5) else limits)[self.rng.choice(MISSPELT)] = "64Mi"
        return {key: block for key, block in (("requests", requests), ("limits", limits)) if block or self.chance(0.1)}

    def container(self, name, wild):
        container = {"name": name, "image": "registry.example/app:1"}
        resources = self.resources(wild)
        if resources is not None or self.chance(0.5):
            container["resources"] = resources
        return container

    def spec(self):
        """Return a pod spec without a runtime class."""
        wild = self.chance(0.25)
        spec = {"containers": [self.container(f"c{index}", wild) for index in range(self.rng.choice((1, 1, 2, 3)))]}
        inits = [self.container(f"i{index}", wild) for index in range(self.rng.choice((0, 0, 0, 1, 2, 3)))]
        for container in inits:
            if self.chance(0.5):
                container["restartPolicy"] = "Always"
        if inits:
            spec["initContainers"] = inits
        if self.chance(0.35):
            spec["resources"] = self.pod_level(wild)
        if self.chance(0.02):
            spec["os"] = {"name": "windows"}
        elif self.chance(0.02):
            spec["nodeSelector"] = {"kubernetes.io/os": "windows"}
        if self.chance(0.15):
            spec["priorityClassName"] = self.rng.choice((*PRIORITY_CLASSES, "system-node-critical"))
        if self.chance(0.1):
            spec["activeDeadlineSeconds"] = 60
        return spec

    def spec_with_class(self):
        """Return a pod spec that may name a RuntimeClass and may have an overhead of its own, right or wrong."""
        spec = self.spec()
        if self.chance(0.2):
            name = self.rng.choice(tuple(RUNTIME_CLASSES))
            spec["runtimeClassName"] = name
            if self.chance(0.3):
                spec["overhead"] = RUNTIME_CLASSES[name] or {}
        if self.chance(0.02):
            spec["overhead"] = self.rng.choice((OVERHEAD, {"memory": "120Mi"}, {}, SAME_OVERHEAD))
        return spec

    def spec_with_overhead(self):
        """Return a pod spec with any overhead, as one that was admitted has it."""
        spec = self.spec()
        if spec.get("priorityClassName") == "system-node-critical":
            spec["priority"] = 2000001000
        if self.chance(0.25):
            spec["runtimeClassName"] = "kata"
            spec["overhead"] = {"memory": self.rng.choice((*SIZES, "0", "1500m")), "cpu": self.rng.choice(CPUS)}
            if self.chance(0.3):
                del spec["overhead"][self.rng.choice(("memory", "cpu"))]
        return spec

    def quantity(self):
        """Return a JSON value that is a quantity, nearly one, or none."""
        if self.chance(0.1):
            whole = self.rng.choice((0, 1, -1, 512, 2**31, 2**63 - 1, 2**63, 10**18))
            return self.rng.choice((whole, whole / 7, None, True, f" {whole}", f"{whole} "))
        digits = "".join(self.rng.choices("0123456789", k=self.rng.choice((0, 1, 1, 2, 3, 4, 9, 18, 19, 20, 30))))
        if self.chance(0.4):
            places = self.rng.choice((0, 1, 2, 3, 9, 10, 12, 20))
            digits += "." + "".join(self.rng.choices("0123456789", k=places))
        suffixes = ("", "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
        suffix = self.rng.choice(suffixes)
        if self.chance(0.15):
            power = self.rng.choice((0, 1, 3, 6, 18, 21, 400))
            suffix = f"{self.rng.choice('eE')}{self.rng.choice(('', '+', '-'))}{power}"
        if self.chance(0.1):
            suffix = self.rng.choice(BAD_SUFFIXES)
        return self.rng.choice(("", "", "", "", "", "+", "-", "--", "0", "000")) + digits + suffix
