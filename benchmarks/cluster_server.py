"""Measures `auditor cluster` on a real API server that holds pods; needs Go, as `make test-kubernetes` does.

The server's own time is what a client needs that only downloads the same pages.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cluster import deployment, heading, line, pod, replica_set
from run import measure

from tests.kubernetes.accounts import kubeconfig
from tests.kubernetes.server.lab import Lab

HERE = Path(__file__).resolve().parent
_PER_NAMESPACE = 500
_DOWNLOAD = """
import json, sys
from auditor.sources.cluster.connect import connect
with connect(kubeconfig=sys.argv[1]) as connection:
    for path in json.loads(sys.argv[2]):
        query = [("limit", "500")]
        while True:
            body = connection.get(path, query).body
            at = body.find(b'"continue":"')
            if at < 0:
                break
            query = [("limit", "500"), ("continue", body[at + 12 : body.index(b'"', at + 12)].decode())]
"""
_PATHS = [
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
]


def fill(lab: Lab, pods: int) -> None:
    """Create the namespaces, their workloads and their pods."""
    for number in range(-(-pods // _PER_NAMESPACE)):
        space = f"team-{number:04}"
        lab.create("/api/v1/namespaces", {"metadata": {"name": space}})
        apps = f"/apis/apps/v1/namespaces/{space}"
        requests = []
        for index in range(25):
            selector = {"matchLabels": {"app": f"app-{index:02}"}}
            for kind, made in (("deployments", deployment(space, index)), ("replicasets", replica_set(space, index))):
                made["spec"] |= {"selector": selector}
                requests.append(("POST", f"{apps}/{kind}", _plain(made)))
        pods_path = f"/api/v1/namespaces/{space}/pods"
        requests += [("POST", pods_path, _plain(pod(space, index))) for index in range(_PER_NAMESPACE)]
        for status, answer in lab.call_all(requests):
            if status != 201:
                raise SystemExit(f"the server refuses an object: {answer}")


def _plain(body: dict[str, object]) -> dict[str, object]:
    """Return an object as a client sends it, without what a server adds."""
    metadata = dict(body["metadata"])  # type: ignore[call-overload]
    for key in ("uid", "managedFields"):
        metadata.pop(key, None)
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pods", type=int, default=5_000)
    arguments = parser.parse_args()
    build = [HERE.parent / "tests" / "kubernetes" / "build.sh"]
    programs = Path(subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    with tempfile.TemporaryDirectory() as folder, Lab(programs / "server", Path(folder)) as lab:
        fill(lab, arguments.pods)
        config = kubeconfig(lab, Path(folder) / "kubeconfig")
        print(heading(arguments.pods))
        download = [sys.executable, "-c", _DOWNLOAD, config, json.dumps(_PATHS)]
        options = ["--kubeconfig", config, "--fail-on", "never", "--quiet", "--profile", "all"]
        report = ["--output", f"sarif={folder}/audit.sarif"]
        audit = [sys.executable, "-m", "auditor", "cluster", *options, *report]
        snapshot = f"{folder}/night.jsonl.gz"
        for words, command, sample in (
            ("download of the same pages", download, False),
            ("audit, all policies, SARIF", audit, False),
            ("the same once more, memory sampled", audit, True),
            ("the same, and a snapshot", [*audit, "--save", snapshot], False),
            ("scan of the snapshot", [sys.executable, "-m", "auditor", "scan", snapshot, *options[2:], *report], False),
        ):
            print(line(words, measure(command, sample=sample)))


if __name__ == "__main__":
    main()
