"""action.yml, the workflows and the hooks: valid, pinned, documented, and without text of others in a script."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from act_lab import KNOWN_INPUTS, foreign_actions
from action_lab import ACTION, ROOT

EXAMPLES = sorted((ACTION / "examples").glob("*.yml"))
WORKFLOWS = [path for path in EXAMPLES if path.name != "gitlab-ci.yml"]
DOCUMENT = yaml.safe_load((ACTION / "action.yml").read_text())
PAGE = (ROOT / "docs" / "github-action.md").read_text()


def steps_of(path):
    document = yaml.safe_load(path.read_text())
    jobs = [document["runs"]] if "runs" in document else document["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", [ACTION / "action.yml"]),
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.gitlab-ci", [ACTION / "examples" / "gitlab-ci.yml"]),
    ],
)
def test_files_are_valid_by_their_schema(schema, files):
    assert files
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files))
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing():
    zizmor = Path(sys.executable).parent / "zizmor"
    if not zizmor.exists():
        pytest.skip("zizmor is not installed beside this Python")
    done = run(str(zizmor), "--offline", "--no-progress", str(ACTION / "action.yml"), *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [ACTION / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_no_expression_stands_in_a_script(path):
    for step in steps_of(path):
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", [ACTION / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_other_peoples_actions_are_pinned_by_commit_and_say_which_version(path):
    for line in path.read_text().splitlines():
        use = re.search(r"uses: (\S+)(.*)", line)
        if use and not use[1].startswith("./"):
            assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", use[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", use[2]), line


def test_one_action_is_pinned_to_one_commit_everywhere_and_the_page_names_its_version():
    names = [use.split("@")[0] for use in foreign_actions()]
    assert len(names) == len(set(names))
    for path in (ACTION / "action.yml", *WORKFLOWS):
        for name, version in re.findall(r"uses: ([\w./-]+)@[0-9a-f]{40} # (v[\d.]+)", path.read_text()):
            assert f"`{name}` {version}" in " ".join(PAGE.split())


@pytest.mark.parametrize("path", [ACTION / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_steps_give_actions_only_inputs_that_they_have(path):
    for step in steps_of(path):
        name = step.get("uses", "").split("@")[0]
        if name and name != "actions/checkout":
            known = DOCUMENT["inputs"] if name == "./memory-auditor/github-action" else KNOWN_INPUTS[name]
            assert set(step.get("with", {})) <= set(known), step


def test_workflows_give_no_permission_to_all_jobs_and_end_in_time():
    for path in WORKFLOWS:
        document = yaml.safe_load(path.read_text())
        assert document["permissions"] == {}
        for job in document["jobs"].values():
            assert job["permissions"]["contents"] == "read"
            assert job["timeout-minutes"] <= 30


def test_the_token_is_given_to_the_comment_alone():
    for step in DOCUMENT["runs"]["steps"]:
        has_token = "inputs.token" in str(step) or "github.token" in str(step)
        assert has_token == (step["name"] == "Comment")


def test_every_input_reaches_a_step_by_its_name():
    variables = {}
    for step in DOCUMENT["runs"]["steps"]:
        for key, value in step.get("env", {}).items():
            if key.startswith("INPUT_"):
                variables.setdefault(key, value)
                assert variables[key] == value
    for key, value in variables.items():
        assert value == f"${{{{ inputs.{key.removeprefix('INPUT_').lower().replace('_', '-')} }}}}"
    text = (ACTION / "action.yml").read_text().split("\nruns:\n")[1]
    assert {name for name in DOCUMENT["inputs"] if f"inputs.{name} " not in text} == set()


def rows(title):
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {name.strip("` "): [cell.strip() for cell in rest] for first, *rest in cells for name in first.split(", ")}


def test_the_page_has_every_input_with_its_default_and_every_output():
    inputs = rows("Inputs")
    assert inputs.keys() == DOCUMENT["inputs"].keys()
    for name, value in DOCUMENT["inputs"].items():
        default = value["default"]
        if default and name != "token":
            assert inputs[name][0] == f"`{default}`"
    assert rows("Outputs").keys() == DOCUMENT["outputs"].keys()


def test_the_page_names_every_example():
    named = {name.strip("`") for name in re.findall(r"^\| (`[\w-]+\.yml`) \|", PAGE, flags=re.MULTILINE)}
    assert named == {path.name for path in EXAMPLES}


def hooks():
    return yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def commands():
    """Return every call of the auditor in the examples and the hooks."""
    for path in EXAMPLES:
        text = re.sub(r"\\\n\s*", " ", path.read_text())
        document = yaml.safe_load(text)
        scripts = [item for job in document.values() if isinstance(job, dict) for item in job.get("script", ())]
        scripts += [line for step in steps_of(path) for line in step.get("run", "").splitlines()] if not scripts else []
        yield from (line for line in scripts if re.search(r"bin/auditor\"? ", line))
    yield from (f"bin/auditor {' '.join([*hook['entry'].split()[1:], *hook.get('args', ())])}" for hook in hooks())


def test_calls_of_the_auditor_have_options_that_it_has():
    from click.testing import CliRunner

    from auditor.cli.main import auditor

    called = [re.split(r"bin/auditor\"? ", line)[1] for line in commands()]
    assert len(called) >= 5
    for text in called:
        words = shlex.split(text.replace("$", ""))
        name = words[0:2] if words[0] == "usage" else words[0:1]
        shown = CliRunner().invoke(auditor, [*name, "--help"]).output
        for option in (word.split("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", shown), text


def test_hooks_say_what_pre_commit_asks_for():
    for hook in hooks():
        assert hook.keys() >= {"id", "name", "entry", "language", "files"}
        assert hook["language"] == "python"
        for name in ("k8s/web.yaml", "a.yml", "chart/templates/web.tpl", "b.json"):
            assert re.search(hook["files"], name)
        assert not re.search(hook["files"], "README.md")


@pytest.mark.needs_go
def test_actionlint_finds_nothing(programs, tmp_path):
    # It reads the action that a workflow uses from the workflow's own repository.
    (tmp_path / ".git").mkdir()
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    (tmp_path / "memory-auditor").symlink_to(ROOT)
    for path in WORKFLOWS:
        (place / path.name).write_text(path.read_text())
    command = [str(programs / "actionlint"), "-no-color", "-shellcheck=", "-pyflakes="]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    broken = place / WORKFLOWS[0].name
    broken.write_text(broken.read_text().replace("          paths:", "          pathz:"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'input "pathz" is not defined' in done.stdout, "it looked at the action's inputs"
