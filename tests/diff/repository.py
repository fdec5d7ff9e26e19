"""Git repositories made for a test, and manifests in them."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.api import Options
from auditor.diff.compare import compare
from auditor.diff.sides import Asked

MIB = 2**20
GIB = 2**30


class Repository:
    """A repository in a folder, with the user's own git and nobody's settings."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        home = self.folder.parent / "home"
        home.mkdir(exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        }

    def git(self, *arguments, text=None):
        """Run git and return what it prints."""
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=text,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def start(self):
        """Make the repository."""
        self.git("init", "-q", "-b", "main")
        return self

    def put(self, name, text):
        """Write a file of the work tree."""
        path = self.folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def remove(self, name):
        """Remove a file or a folder of the work tree."""
        path = self.folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def commit(self, message="more"):
        """Commit the whole work tree and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def compare(self, base="HEAD", head=None, *, options=None, count_all=False, **asked):
        """Compare in this process; the working folder must be this one."""
        assert Path.cwd() == self.folder
        return compare(Asked(base, head, **asked), Options(**{"jobs": 1} | (options or {})), count_all=count_all)


def deployment(name="web", request="128Mi", limit="128Mi", *, replicas=2, namespace="shop", cpu="100m", more=""):
    """Return a Deployment of one container; an amount of None is not written."""
    amounts = {"requests": request, "limits": limit}
    lines = [
        f"          {block}: {{{f'cpu: {cpu}, ' if cpu else ''}memory: {size}}}"
        for block, size in amounts.items()
        if size is not None
    ]
    resources = "\n".join(["        resources:", *lines]) if lines else "        resources: {}"
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {json.dumps(name)}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: app
        image: app:1
{resources}
{more}"""


def statuses(diff):
    """Return (status, policy, workload) of each finding of HEAD."""
    return sorted((item.status, item.finding.policy, item.finding.workload.name) for item in diff.findings)


def policies(diff, status="new"):
    """Return the policies of the findings of one status."""
    return sorted(item.finding.policy for item in diff.findings if item.status == status)


def history(path):
    """Write two weeks in which each container of shop/web used 300 MiB at p95 and 410 MiB at most."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=number) for number in range(1, 15)]
    row = {
        "cluster": "",
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "web",
        "pod": "web-0",
        "container": "app",
        "samples": 1440,
        "coverage": 1.0,
        "mean_bytes": 200 * MIB,
        "p95_bytes": 300 * MIB,
        "max_bytes": 410 * MIB,
        "source": "test",
        "collected_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    table = {name: [value] * len(days) for name, value in row.items()} | {"day": days}
    kinds = {"day": pa.date32(), "collected_at": pa.timestamp("us", tz="UTC")}
    pq.write_table(pa.table({name: pa.array(values, kinds.get(name)) for name, values in table.items()}), path)
