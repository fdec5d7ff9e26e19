"""Measures `auditor cluster` on a cluster of recorded pages that a local HTTP server plays.

The server's own time is what a client needs that only downloads the same pages; the audit is told beside it. Prints a
Markdown table. `--pods` sets the size; one page of pods is made once, and its names are filled in as it is served.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from run import Measure, measure

_PER_DEPLOYMENT = 20
_DEPLOYMENTS = 25
"""Deployments of a namespace, each with its ReplicaSet."""
_PER_NAMESPACE = _PER_DEPLOYMENT * _DEPLOYMENTS
_MIB = 1 << 20

_DOWNLOAD = """
import json, sys, urllib3
pool, paths = urllib3.PoolManager(), json.loads(sys.argv[2])
for path in paths:
    query = ""
    while True:
        body = pool.request("GET", sys.argv[1] + path + "?limit=500" + query).data
        at = body.find(b'"continue":"')
        if at < 0:
            break
        query = "&continue=" + body[at + 12 : body.index(b'"', at + 12)].decode()
"""
"""Reads the same pages and looks at nothing in them but the token of the next."""


def pod(namespace: str, number: int, *, distinct: bool = False) -> dict[str, object]:
    """Return a pod as an API server tells it, with its managed fields: about 6 kB; `distinct` has a spec of its own."""
    deployment, index = divmod(number, _PER_DEPLOYMENT)
    name = f"app-{deployment:02}-6f7d9c5b4-{index:05}"
    resources = {
        "requests": {"cpu": "100m", "memory": f"{128 + (number if distinct else deployment)}Mi"},
        "limits": {"memory": "512Mi"},
    }
    containers = [_container("app", resources), _container("proxy", {"requests": {"memory": "64Mi"}})]
    status = {
        "name": "app",
        "ready": True,
        "restartCount": 0,
        "image": "registry.example/app:1",
        "imageID": "registry.example/app@sha256:" + "0" * 64,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        "resources": resources,
        "allocatedResources": resources["requests"],
    }
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"00000000-0000-0000-0000-{number:012}",
            "labels": {"app": f"app-{deployment:02}", "pod-template-hash": "6f7d9c5b4"},
            "annotations": {"checksum/config": "0" * 64},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"app-{deployment:02}-6f7d9c5b4",
                    "uid": "0",
                    "controller": True,
                }
            ],
            "managedFields": [_managed() for _ in range(2)],
        },
        "spec": {
            "containers": containers,
            "nodeName": f"node-{number % 97:04}",
            "volumes": [
                {"name": "cache", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
                {
                    "name": f"kube-api-access-{index:05}",
                    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
                },
            ],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 30,
        },
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [status, {**status, "name": "proxy", "resources": {}}],
        },
    }


def _container(name: str, resources: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "image": f"registry.example/{name}:1",
        "resources": resources,
        "env": [{"name": f"SETTING_{number}", "value": "some value of no interest"} for number in range(12)],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }


def _managed() -> dict[str, object]:
    fields = {f"f:field-{number}": {".": {}, "f:value": {}} for number in range(30)}
    return {"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:spec": fields}}


def deployment(namespace: str, number: int) -> dict[str, object]:
    """Return the Deployment of some of the pods."""
    body = pod(namespace, number * _PER_DEPLOYMENT)
    template = {"metadata": {"labels": {"app": f"app-{number:02}"}}, "spec": body["spec"]}
    return {
        "metadata": {"name": f"app-{number:02}", "namespace": namespace},
        "spec": {"replicas": _PER_DEPLOYMENT, "template": template},
        "status": {"replicas": _PER_DEPLOYMENT},
    }


def replica_set(namespace: str, number: int) -> dict[str, object]:
    """Return its ReplicaSet."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"app-{number:02}", "uid": "0", "controller": True}
    name = f"app-{number:02}-6f7d9c5b4"
    whole = deployment(namespace, number)
    return {**whole, "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]}}


def node(number: int) -> dict[str, object]:
    """Return one of the nodes."""
    amounts = {"cpu": "16", "memory": "4194304Mi", "pods": "2000"}
    return {
        "metadata": {"name": f"node-{number:04}", "labels": {"kubernetes.io/os": "linux"}},
        "status": {"capacity": amounts, "allocatable": amounts, "nodeInfo": {"kubeletVersion": "v1.34.1"}},
    }


class Pages:
    """The lists of the cluster: a page a namespace, made of one namespace's page."""

    def __init__(self, pods: int, *, distinct: bool) -> None:
        self.namespaces = -(-pods // _PER_NAMESPACE)
        numbers = range(_DEPLOYMENTS)
        some = {
            "/api/v1/pods": ("v1", "PodList", [pod("@NS@", n, distinct=distinct) for n in range(_PER_NAMESPACE)]),
            "/apis/apps/v1/deployments": ("apps/v1", "DeploymentList", [deployment("@NS@", n) for n in numbers]),
            "/apis/apps/v1/replicasets": ("apps/v1", "ReplicaSetList", [replica_set("@NS@", n) for n in numbers]),
        }
        self._by_namespace = {path: _list(*parts) for path, parts in some.items()}
        whole = {
            "/version": {"major": "1", "minor": "34"},
            "/apis": {"kind": "APIGroupList", "groups": [{"name": name} for name in ("apps", "batch", "autoscaling")]},
            "/api/v1/nodes": _body("v1", "NodeList", [node(number) for number in range(97)]),
            "/api/v1/namespaces": _body("v1", "NamespaceList", [_namespace(n) for n in range(self.namespaces)]),
        }
        self._whole = {path: json.dumps(body).encode() for path, body in whole.items()}

    @property
    def paths(self) -> list[str]:
        """What a client has to read."""
        return ["/api/v1/nodes", "/api/v1/namespaces", *self._by_namespace]

    def answer(self, url: str) -> bytes:
        """Return the body of one request."""
        parts = urlsplit(url)
        page = self._by_namespace.get(parts.path)
        if page is None:
            return self._whole.get(parts.path) or json.dumps(_body("v1", "List", [])).encode()
        number = int((parse_qs(parts.query).get("continue") or ["0"])[0])
        after = f'"continue":"{number + 1}"' if number + 1 < self.namespaces else '"resourceVersion":"1"'
        return page.replace(b"@NS@", f"team-{number:04}".encode()).replace(b'"@NEXT@":1', after.encode())


def _list(api_version: str, kind: str, items: list[dict[str, object]]) -> bytes:
    return json.dumps(_body(api_version, kind, items, {"@NEXT@": 1}), separators=(",", ":")).encode()


def _body(api_version: str, kind: str, items: list[dict[str, object]], metadata: object = None) -> dict[str, object]:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata or {}, "items": items}


def _namespace(number: int) -> dict[str, object]:
    return {"metadata": {"name": f"team-{number:04}"}}


def serve(pods: int, *, distinct: bool) -> None:
    """Serve the pages on loopback until the process is ended; the port is the first line."""
    pages = Pages(pods, distinct=distinct)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], json.dumps(pages.paths), flush=True)
    server.serve_forever()


def rows(address: str, paths: str, folder: Path) -> Iterator[tuple[str, Measure]]:
    """Yield what each client took."""
    config = folder / "kubeconfig"
    cluster, context = {"server": address}, {"cluster": "recorded", "user": "nobody"}
    config.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "recorded",
                "clusters": [{"name": "recorded", "cluster": cluster}],
                "contexts": [{"name": "recorded", "context": context}],
                "users": [{"name": "nobody", "user": {}}],
            }
        )
    )
    yield "download of the same pages", measure([sys.executable, "-c", _DOWNLOAD, address, paths], sample=False)
    options = ["--kubeconfig", str(config), "--fail-on", "never", "--quiet", "--profile", "all", "--no-custom-kinds"]
    audit = [sys.executable, "-m", "auditor", "cluster", *options, "--output", f"sarif={folder / 'audit.sarif'}"]
    for words in ("audit, all policies, SARIF", "the same once more"):
        yield words, measure(audit, sample=False)
    yield "the same, memory sampled", measure(audit, sample=True)
    snapshot = str(folder / "night.jsonl.gz")
    yield "the same, and a snapshot", measure([*audit, "--save", snapshot], sample=False)
    report = ["--output", f"sarif={folder / 'scan.sarif'}"]
    scan = [sys.executable, "-m", "auditor", "scan", snapshot, *options[2:-1], *report]
    yield "scan of the snapshot", measure(scan, sample=False)
    night = [sys.executable, "-m", "auditor", "nightly", "--config", str(_night(folder))]
    yield "a night: five reports, with the inventory", measure(night, sample=True)
    yield "the next night, compared with it", measure(night, sample=True)


def _night(folder: Path) -> Path:
    """Write the config of a night that keeps the facts of every pod, and return it."""
    nightly = {
        "cluster": {"kubeconfig": "kubeconfig", "custom_kinds": False},
        "reports": "audits",
        "formats": ["sarif", "csv", "csv-inventory", "json", "markdown"],
    }
    config = folder / "night.yaml"
    config.write_text(json.dumps({"profile": "all", "fail_on": "never", "nightly": nightly}))
    return config


def heading(pods: int) -> str:
    """Return what was measured where, and the head of the table."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{pods} pods; {cores} cores, {platform.machine()}, Python {platform.python_version()}\n\n"
        "| work | wall s | CPU s | largest process MB | all processes MB |\n|---|---:|---:|---:|---:|"
    )


def line(words: str, taken: Measure) -> str:
    """Return a row of the table."""
    tree = "" if taken.tree_bytes is None else f"{taken.tree_bytes / _MIB:.0f}"
    largest = f"{taken.largest_bytes / _MIB:.0f}"
    return f"| {words} | {taken.wall_seconds:.1f} | {taken.cpu_seconds:.1f} | {largest} | {tree} |"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--distinct", action="store_true", help="every pod has a spec of its own: the worst case")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.pods, distinct=arguments.distinct)
        return
    command = [
        sys.executable,
        __file__,
        "--serve",
        "--pods",
        str(arguments.pods),
        *(["--distinct"] if arguments.distinct else []),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        first = server.stdout.readline() if server.stdout else ""
        port, paths = first.split(" ", 1)
        with tempfile.TemporaryDirectory() as folder:
            print(heading(arguments.pods))
            for words, taken in rows(f"http://127.0.0.1:{port}", paths, Path(folder)):
                print(line(words, taken))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
