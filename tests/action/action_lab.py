"""The action as a runner runs it: action.yml says which input is which variable, and each script is its own process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "github-action"
sys.path.append(str(ACTION / "scripts"))

UNLIMITED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: shop/web:1
        resources: {requests: {cpu: 100m, memory: 1Gi}}
"""
LIMITED = UNLIMITED.replace("memory: 1Gi}}", "memory: 1Gi}, limits: {cpu: 100m, memory: 1Gi}}")


@dataclass
class Run:
    """What a step printed, set and wrote."""

    code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str


@dataclass
class Runner:
    """One job on a runner: a workspace, a temporary folder, an event."""

    folder: Path
    event_name: str = "push"
    event: dict = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self):
        return self.folder / "work"

    def step(self, name, *, inputs=None, **variables):
        """Run a step of action.yml by its name, with the inputs' defaults; return what it did."""
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        [step] = [item for item in action["runs"]["steps"] if item["name"] == name]
        values = {key: str(value.get("default", "")) for key, value in action["inputs"].items()} | (inputs or {})
        assert values.keys() == action["inputs"].keys(), "an input that the action does not have"
        files = {
            key: self.folder / key.lower() for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH")
        }
        for path in files.values():
            path.write_text("")
        files["GITHUB_EVENT_PATH"].write_text(json.dumps(self.event))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "RUNNER_TOOL_CACHE": str(self.folder / "tools"),
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_REPOSITORY": "shop/deploy",
            "GITHUB_SERVER_URL": "https://github.example",
            **{key: str(path) for key, path in files.items()},
            **{key: _filled(value, values) for key, value in step.get("env", {}).items()},
            "AUDITOR_PYTHON": sys.executable,
            **self.variables,
            **variables,
        }
        (self.folder / "temp").mkdir(exist_ok=True)
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.workspace,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        summary = files["GITHUB_STEP_SUMMARY"].read_text()
        return Run(done.returncode, done.stdout, done.stderr, read_outputs(files["GITHUB_OUTPUT"].read_text()), summary)


def _filled(value, inputs):
    return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda match: inputs[match[1]], value)


def read_outputs(text):
    """Return outputs as the runner reads them: `name<<end`, lines, `end`; nothing may stand between them."""
    found = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        assert end, f"no output begins with {line!r}"
        value = []
        for inner in lines:
            if inner == end:
                break
            value.append(inner)
        else:
            raise AssertionError(f"the output {name} has no end")
        found[name] = "\n".join(value)
    return found


class Repository:
    """A git repository of a test: identities and dates are set, and no configuration of the machine counts."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "t@example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files):
        """Write files, None removes one, commit everything; return the commit."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")

    def pull_request(self, before, after, *, meanwhile=None):
        """Commit `before` on main and `after` on a branch, merge as GitHub does, and check the merge out.

        `meanwhile` is committed on main after the branch left it. Return the event's payload.
        """
        self.commit(before)
        self.git("checkout", "--quiet", "-b", "topic")
        head = self.commit(after)
        self.git("checkout", "--quiet", "main")
        base = self.commit(meanwhile) if meanwhile else self.git("rev-parse", "HEAD")
        self.git("checkout", "--quiet", "--detach", "main")
        self.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")
        return {
            "action": "synchronize",
            "repository": {"full_name": "shop/deploy"},
            "pull_request": {
                "number": 7,
                "head": {"sha": head, "repo": {"full_name": "shop/deploy"}},
                "base": {"sha": base, "ref": "main"},
            },
        }


PULL_REQUEST = {
    "action": "synchronize",
    "repository": {"full_name": "shop/deploy"},
    "pull_request": {
        "number": 7,
        "head": {"sha": "b" * 40, "repo": {"full_name": "shop/deploy"}},
        "base": {"sha": "a" * 40, "ref": "main"},
    },
}


def change_document(*, new=1, fixed=0, changed=1, findings=(), **more):
    """What `auditor diff --output json` tells, as docs/diff.md has it, as far as the action reads it."""
    return {
        "version": "1",
        "base": {"commit": "a" * 40},
        "head": {"commit": "b" * 40},
        "summary": {
            "new": {"critical": 0, "high": new, "medium": 0, "low": 0, "info": 0},
            "fixed": fixed,
            "unchanged": 0,
            "skipped": 0,
            "workloads_changed": changed,
        },
        "findings": list(findings),
        "memory": {"delta": {"request_bytes": 2**30}},
        "waivers_asked": [],
        "judging": [],
        **more,
    }
