"""Runs workflows with act, in a made repository, against stand-ins for the REST API and for other people's actions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from action_lab import ACTION, ROOT, Repository
from github_server import TOKEN

INSTALLED = ("auditor", "policies", "sizing", "github-action")
FILES = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")
KEEP = """\
name: stand-in
description: Writes down what it was given, and keeps or brings files.
inputs: {inputs}
outputs:
  download-path: {{description: where, value: "${{{{ steps.it.outputs.download-path }}}}"}}
runs:
  using: composite
  steps:
  - id: it
    shell: bash
    env: {{GIVEN: "${{{{ toJson(inputs) }}}}", NAME: {name}}}
    run: python3 "$STAND_INS/stand_in.py"
"""
STAND_IN = """\
import json, os, pathlib, shutil
given, name, folder = json.loads(os.environ["GIVEN"]), os.environ["NAME"], pathlib.Path(os.environ["STAND_INS"])
with (folder / "calls.jsonl").open("a") as log:
    log.write(json.dumps({"action": name, **given}) + "\\n")
kept = folder / "kept" / (given.get("name") or given.get("key") or name)
place = pathlib.Path(given.get("path") or given.get("sarif_file") or ".")
if name.startswith("upload"):
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(place, kept) if place.is_dir() else shutil.copyfile(place, kept)
if name.startswith("download"):
    shutil.copytree(kept, place, dirs_exist_ok=True)
    with open(os.environ["GITHUB_OUTPUT"], "a") as out:
        out.write(f"download-path={place}\\n")
"""


def copy_auditor(folder):
    """Copy what is installed and run of this repository."""
    for name in INSTALLED:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)


@dataclass
class Done:
    """What a run of a workflow printed and called."""

    code: int
    log: str
    calls: list[dict]

    def called(self, name):
        return [call for call in self.calls if call["action"] == name]


class Project:
    """A repository that uses the action by an example's workflow; the auditor's own repository is below it."""

    def __init__(self, folder, act, tools):
        self.folder, self._act, self.tools = folder, act, tools
        folder.mkdir()
        self.stand_ins = folder / "stand-ins"
        self.repository = Repository(folder / "repository")
        self.variables = {}
        self.configuration = {}
        """What workflows read as `vars`."""

    def take(self, *examples):
        """Lay the auditor and examples' workflows into the repository, without a commit."""
        copy_auditor(self.repository.folder / "memory-auditor")
        self.take_more(*examples)

    def take_more(self, *examples):
        """Lay examples' workflows into the repository."""
        place = self.repository.folder / ".github" / "workflows"
        place.mkdir(parents=True, exist_ok=True)
        for name in examples:
            shutil.copyfile(ACTION / "examples" / name, place / name)

    def program(self, name, path):
        """Put a program on the runner's PATH: a file to link to, or the text of a script."""
        place = self.stand_ins / "bin" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if str(path).startswith("#!"):
            place.write_text(path)
            place.chmod(0o755)
        else:
            place.symlink_to(path)

    def run(self, example, event_name, event, github=None):
        """Run an example's workflow for an event."""
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(event))
        command = [str(self._act), event_name, "--workflows", f".github/workflows/{example}", "--eventpath"]
        command += [str(event_file), "--platform", "ubuntu-latest=-self-hosted", "--secret", f"GITHUB_TOKEN={TOKEN}"]
        for name, path in self._make_stand_ins().items():
            command += ["--local-repository", f"{name}={path}"]
        variables = {
            "GITHUB_REPOSITORY": "shop/deploy",
            "STAND_INS": str(self.stand_ins),
            "GITHUB_API_URL": github.url if github else "http://127.0.0.1:9",
            **self.variables,
        }
        command += [part for item in variables.items() for part in ("--env", "=".join(item))]
        command += [part for item in self.configuration.items() for part in ("--var", "=".join(item))]
        environment = {
            "PATH": f"{self.stand_ins / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            # Of it act makes RUNNER_TOOL_CACHE, so that all tests share one installation, and RUNNER_TEMP.
            "XDG_CACHE_HOME": str(self.tools),
            **{name: value for name, value in os.environ.items() if name.lower().startswith(("pip_", "https_proxy"))},
        }
        home = self.repository.folder
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        calls = self.stand_ins / "calls.jsonl"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return Done(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])

    def _make_stand_ins(self):
        """Return owner/name@commit of every foreign action that is used to the folder of its stand-in."""
        self.stand_ins.mkdir(exist_ok=True)
        (self.stand_ins / "stand_in.py").write_text(STAND_IN)
        found = {}
        for use in foreign_actions():
            name, _, commit = use.partition("@")
            owner, repository, *below = name.split("/")
            if name == "actions/checkout":
                continue  # act copies the tree in its place
            folder = self.stand_ins / repository / Path(*below)
            folder.mkdir(parents=True, exist_ok=True)
            inputs = json.dumps({key: {"description": key} for key in KNOWN_INPUTS[name]})
            (folder / "action.yml").write_text(KEEP.format(inputs=inputs, name=(below or [repository])[-1]))
            found[f"{owner}/{repository}@{commit}"] = self.stand_ins / repository
        return found


KNOWN_INPUTS = {
    "actions/cache": ("path", "key"),
    "actions/setup-python": ("python-version",),
    "actions/upload-artifact": ("name", "path", "if-no-files-found", "retention-days"),
    "actions/download-artifact": ("name", "path", "run-id", "github-token"),
    "github/codeql-action/upload-sarif": ("sarif_file", "category"),
}
"""Inputs of others' actions that we use, as their action.yml has them at the commits that we pin."""


def foreign_actions():
    """Return every `owner/name@commit` in action.yml and the examples."""
    found = []
    for path in (ACTION / "action.yml", *sorted((ACTION / "examples").glob("*.yml"))):
        document = yaml.safe_load(path.read_text())
        jobs = document.get("jobs", {}).values() if "runs" not in document else [document["runs"]]
        steps = [step for job in jobs for step in job.get("steps", ())]
        found += [step["uses"] for step in steps if "uses" in step and not step["uses"].startswith("./")]
    return sorted(set(found))
