"""The written pages: the paths, links, policies, options and YAML that they name exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auditor.findings import SEVERITIES
from auditor.reports import FORMATS

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = [
    CONTRIBUTING,
    ROOT / "README.md",
    ROOT / "docs" / "how-it-judges.md",
    ROOT / "docs" / "exit-codes.md",
    ROOT / "docs" / "recipes.md",
    ROOT / "docs" / "history.md",
    ROOT / "docs" / "sizing.md",
    ROOT / "docs" / "leaks.md",
    ROOT / "docs" / "github-action.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("cluster", "snapshot", "nightly", "diff", "fix", "rendering")),
    ROOT / "benchmarks" / "README.md",
]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
TOP = (
    "auditor/",
    "policies/",
    "tests/",
    "docs/",
    "benchmarks/",
    "deploy/",
    "manifests-samples/",
    "github-action/",
    ".github/",
)
MADE_HERE = ("benchmarks/data/",)
"""Named, but made by a command and ignored by git."""


def quoted_paths(page):
    """Return what stands in backticks and is meant as a path of this repository."""
    texts = re.findall(r"`([^`\s]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    files = {path.name for path in ROOT.iterdir() if path.is_file()}
    return {text for text in texts if text.startswith(TOP) or text in files or re.fullmatch(r"[A-Z]+\.md", text)}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_paths_in_backticks_exist(page):
    plain = {text for text in quoted_paths(page) if "<" not in text and text not in MADE_HERE}
    missing = sorted(text for text in plain if not (ROOT / text).exists())
    assert not missing


def test_contributing_names_paths():
    assert len(quoted_paths(CONTRIBUTING)) > 15


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_relative_links_lead_to_files(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text())
    missing = sorted(target for target in targets if not (page.parent / target).exists())
    assert not missing


def test_make_targets_in_contributing_exist():
    named = set(re.findall(r"`make ([a-z-]+)`", CONTRIBUTING.read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_yaml_blocks_are_yaml(page):
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE):
        yaml.safe_load(block)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_options_in_command_examples_exist(page):
    import auditor.cli.baseline
    import auditor.cli.facts
    import auditor.cli.scan

    commands = {
        "scan": auditor.cli.scan.scan,
        "facts": auditor.cli.facts.facts,
        "baseline write": auditor.cli.baseline.baseline.commands["write"],
    }
    for line in re.sub(r"\\\n\s*", " ", page.read_text()).splitlines():
        for name, command in commands.items():
            for call in re.findall(rf"auditor {name} [^`|]*", line) if "auditor " in line else ():
                known = {option for parameter in command.params for option in parameter.opts}
                named = set(re.findall(r"(?<=\s)--[a-z-]+(?=[\s=]|$)", call))
                assert named <= known, call
                for written in re.findall(r"--output [\"']?([a-z-]+)", call):
                    assert written in FORMATS, call


def test_exit_code_page_names_every_threshold():
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    assert all(f"`{word}`" in page for word in (*SEVERITIES, "never"))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_policies_in_the_pages_are_shipped(page):
    shipped = {path.stem for path in (ROOT / "policies").rglob("*.yaml")}
    text = page.read_text()
    named = set(
        re.findall(r"(?:waive: |policy: |^\s+)((?:memory|qos|tmpfs|jvm|init|sidecar|pod|limitrange)-[a-z-]+):? ", text)
    )
    assert named - {"memory-auditor", "memory-limit-huge", "memory-audit"} <= shipped


def test_written_versions_are_those_that_the_code_knows():
    from auditor.kube.versions import NEWEST, OLDEST

    assert f"1.{OLDEST} to 1.{NEWEST}" in (ROOT / "docs" / "how-it-judges.md").read_text()


def test_written_limits_of_the_reader_are_those_of_the_code():
    from auditor.sources.exact import MAX_DEPTH, MAX_EXPANDED_NODES
    from auditor.sources.read import MAX_FILE_BYTES

    page = " ".join((ROOT / "docs" / "how-it-judges.md").read_text().split())
    assert f"deeper than {MAX_DEPTH} levels" in page
    assert f"over {MAX_EXPANDED_NODES:,} nodes" in page
    assert f"over {MAX_FILE_BYTES // 2**20} MiB" in page


def test_the_number_of_policies_is_told_right():
    number = len(list((ROOT / "policies").glob("*/*.yaml")))
    for name in ("README.md", "CHANGELOG.md"):
        assert f"{number} policies" in (ROOT / name).read_text().replace("\n", " ")


def test_the_report_in_the_readme_is_the_one_that_make_audit_prints():
    options = ("--usage", "manifests-samples/usage.parquet", "--fail-on", "never")
    command = [sys.executable, "-m", "auditor", "scan", "manifests-samples", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    seconds = re.compile(r" \u00b7 [0-9.]+ s$", flags=re.MULTILINE)
    printed = seconds.sub("", done.stdout).splitlines()
    readme = seconds.sub("", (ROOT / "README.md").read_text())
    for block in ("audit", "finding", "usage-finding"):
        text = re.search(rf"<!-- {block} -->\n```text\n(.*?)```", readme, flags=re.DOTALL)
        lines = [line for line in text[1].splitlines() if line != "..." and not line.startswith("wrote ")]
        assert lines
        assert [line for line in lines if line not in printed] == []
