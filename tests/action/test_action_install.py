"""Installing: once for what is installed, whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import install
import pytest


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A runner's folders, and an installation that only writes its Python."""
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("RUNNER_TOOL_CACHE", str(tmp_path / "tools"))
    made = []

    def make(folder):
        made.append(folder)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").write_text("python")

    monkeypatch.setattr(install, "_make", make)
    return tmp_path / "tools", made


def test_a_runner_that_keeps_its_tools_installs_once(tools):
    folder, made = tools
    first, second = install.install(), install.install()
    assert first == second
    assert first.read_text() == "python"
    assert len(made) == 1
    assert folder in first.parents
    assert [path.name for path in (folder / "kube-memory-auditor").iterdir()] == [first.parents[1].name]


def test_an_installation_that_breaks_off_leaves_nothing(tools, monkeypatch):
    folder, _ = tools
    monkeypatch.setattr(install, "_make", lambda _: (_ for _ in ()).throw(RuntimeError("no network")))
    with pytest.raises(RuntimeError):
        install.install()
    assert list((folder / "kube-memory-auditor").iterdir()) == []


def test_of_two_jobs_that_install_at_once_the_faster_one_is_used(tools, monkeypatch):
    folder, _ = tools

    def slow(beside):
        (beside / "bin").mkdir()
        (beside / "bin" / "python").write_text("slow")
        monkeypatch.setattr(install, "_make", fast)
        install.install()

    def fast(beside):
        (beside / "bin").mkdir()
        (beside / "bin" / "python").write_text("fast")

    monkeypatch.setattr(install, "_make", slow)
    assert install.install().read_text() == "fast"
    assert len(list((folder / "kube-memory-auditor").iterdir())) == 1


@pytest.mark.usefixtures("tools")
def test_another_python_or_another_file_is_another_installation(tmp_path, monkeypatch):
    first = install.install()
    monkeypatch.setattr(install.platform, "python_version", lambda: "3.99.0")
    second = install.install()
    for name in ("auditor", "policies", "sizing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("a")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    third = install.install()
    (tmp_path / "policies" / "a").write_text("b")
    assert len({first, second, third, install.install()}) == 4


@pytest.mark.usefixtures("tools")
def test_without_a_tool_cache_the_temporary_folder_serves(tmp_path, monkeypatch):
    monkeypatch.delenv("RUNNER_TOOL_CACHE")
    assert tmp_path / "temp" in install.install().parents


def test_the_step_tells_what_to_cache(job):
    done = job.step("Check Python")
    assert done.code == 0, done.stderr
    assert done.outputs["path"] == str(job.folder / "temp" / "memory-auditor-pip")
    version = ".".join(map(str, sys.version_info[:3]))
    assert done.outputs["key"].startswith("kube-memory-auditor-pip-linux-")
    assert f"py{version}" in done.outputs["key"]


def test_a_python_that_is_too_old_is_told(job, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "python3").write_text("#!/bin/sh\nexit 1\n")
    (old / "python3").chmod(0o755)
    done = job.step("Check Python", PATH=f"{old}:{Path('/usr/bin')}:/bin")
    assert done.code == 2
    assert "::error" in done.stdout
    assert "python-version" in done.stdout
