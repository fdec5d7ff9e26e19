"""What git can hold: names, links, submodules, binary files, many files, clones that are not whole."""

import json
import os

import pytest

from auditor.diff.model import BASE, BOTH, HEAD
from auditor.sources.discover import SourceError
from auditor.sources.git import Repository as Git
from tests.diff.repository import Repository, deployment, policies, statuses

NO_LIMIT = deployment(limit=None)
STRANGE = (
    "with space.yaml",
    "q\"uote'.yaml",
    "line\nbreak.yaml",
    "::error::x.yaml",
    "tab\there.yaml",
    b"not\xffutf8.yaml",
)


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_of_any_name_is_compared_at_its_lines(repo, name):
    repo.put(name, deployment())
    repo.commit()
    repo.put(name, deployment().replace("limits", "limitz"))
    repo.commit()
    diff = repo.compare("HEAD~1", "HEAD")
    assert policies(diff) == ["memory-resource-name-unknown"]
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    assert {item.finding.place.file for item in diff.findings} == {shown}
    assert [item.on_changed_line for item in diff.findings] == [True]


def test_no_name_becomes_a_workflow_command_or_markup(repo, run):
    for name in STRANGE:
        repo.put(name, deployment())
    repo.put("::error::x.yaml", deployment("<b>::warning::@all"))
    repo.commit()
    for name in STRANGE:
        repo.put(name, deployment("<b>::warning::@all", limit=None))
    for form in ("table", "github", "markdown"):
        text = run("HEAD", "--output", form).stdout
        assert text
        for line in text.splitlines():
            command = line.lstrip().startswith("::")
            assert not command or (form == "github" and line.startswith(("::error file=", "::notice title=Memory")))
        if form == "markdown":
            assert "<b>" not in text
            assert "@all" not in text


def test_three_hundred_changed_files(repo, run):
    for number in range(300):
        repo.put(f"apps/a{number}/d.yaml", deployment(f"web{number}"))
    repo.commit()
    for number in range(300):
        repo.put(f"apps/a{number}/d.yaml", deployment(f"web{number}", limit=None, replicas=3))
    diff = repo.compare()
    assert diff.files_changed == 300
    assert [item.status for item in diff.findings] == ["new"] * 300
    assert diff.memory.delta.pods == 300
    text = run("HEAD", "--output", "github").stdout
    assert sum(line.startswith("::error") for line in text.splitlines()) == 10
    assert "290 further results not shown" in text


def test_a_change_that_deletes_everything_is_no_failure(repo, run):
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.remove("a.yaml")
    repo.commit("gone")
    result = run("HEAD~1", "HEAD", "--output", "json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["complete"]
    assert told["memory"]["delta"]["request_bytes"] == -2 * 128 * 2**20
    assert [finding["policy"] for finding in told["fixed"]] == ["memory-limit-missing"]
    assert "HEAD has no workload" in told["notes"]
    sarif = json.loads(run("HEAD~1", "HEAD", "--output", "sarif").stdout)
    assert sarif["runs"][0]["invocations"][0]["executionSuccessful"]


def test_nothing_changed_is_0_and_nothing_to_judge_is_3(repo, run):
    repo.put("README.md", "x")
    repo.commit()
    assert run("HEAD", "HEAD").returncode == 3
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    assert run("HEAD", "HEAD").returncode == 0


def test_links_are_followed_inside_and_told_outside(repo, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text(deployment("secret", limit=None))
    repo.put("k8s/real.txt", deployment("linked"))
    repo.put("k8s/a.yaml", deployment("a"))
    (repo.folder / "k8s/in.yaml").symlink_to("real.txt")
    (repo.folder / "k8s/out.yaml").symlink_to(secret)
    (repo.folder / "k8s/up.yaml").symlink_to("../../secret.yaml")
    (repo.folder / "k8s/nowhere.yaml").symlink_to("absent.txt")
    repo.commit()
    repo.put("k8s/real.txt", deployment("linked", limit=None))
    for head in (None, "HEAD"):
        if head:
            repo.commit()
        diff = repo.compare("HEAD~1" if head else "HEAD", head)
        assert statuses(diff) == [("new", "memory-limit-missing", "linked")]
        assert diff.findings[0].finding.place.file == "k8s/in.yaml"
        for name in ("out", "up"):
            assert f"k8s/{name}.yaml: a link that leaves the folder is not followed" in diff.notes
        assert [(item.side, item.item.file) for item in diff.skipped] == [(BOTH, "k8s/nowhere.yaml")]


def test_a_link_in_the_place_of_a_folder_of_the_work_tree_is_not_entered(repo, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.yaml").write_text(deployment("secret", limit=None))
    repo.put("k8s/a.yaml", deployment("a"))
    repo.put("b.yaml", deployment("b"))
    repo.commit()
    repo.remove("k8s")
    (repo.folder / "k8s").symlink_to(outside)
    diff = repo.compare()
    assert [change.workload.name for change in diff.memory.workloads] == ["a"]
    assert diff.memory.workloads[0].change == "removed"


def test_a_submodule_is_named_and_not_entered(repo, tmp_path):
    other = Repository(tmp_path / "other").start()
    other.put("d.yaml", NO_LIMIT)
    other.commit()
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.git("submodule", "add", "-q", str(other.folder), "vendor/lib")
    for head in (None, "HEAD"):
        if head:
            repo.commit()
        diff = repo.compare("HEAD~1" if head else "HEAD", head)
        assert "vendor/lib: a submodule, not entered" in diff.notes
        assert diff.head.workloads == 1


def test_a_binary_file_is_skipped_with_its_side(repo, run):
    repo.put("a.yaml", deployment())
    repo.put("both.yaml", b"\x00\x01same")
    repo.put("old.yaml", b"\x00\x01old")
    repo.commit()
    repo.put("old.yaml", deployment("old"))
    repo.put("new.yaml", b"a: \x00\xff\n")
    diff = repo.compare()
    assert sorted((item.side, item.item.file) for item in diff.skipped) == [
        (BASE, "old.yaml"),
        (BOTH, "both.yaml"),
        (HEAD, "new.yaml"),
    ]
    result = run("HEAD")
    assert result.returncode == 3
    assert "old.yaml:1:1 (BASE)" in result.stdout


def test_a_file_larger_than_is_read_is_skipped(repo):
    repo.put("a.yaml", deployment())
    repo.commit()
    with (repo.folder / "large.yaml").open("wb") as stream:
        stream.truncate(64 * 2**20 + 1)
    assert [item.item.reason for item in repo.compare().skipped] == ["larger than 64 MiB"]


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("HEAD", "nothing"), ("--", "-nothing"), ("HEAD", "--path", "nothing")]
)
def test_what_is_not_there_is_wrong_use(repo, run, arguments):
    repo.put("a.yaml", deployment())
    repo.commit()
    result = run(*arguments)
    assert result.returncode == 2
    assert "nothing" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shallow_clone_without_the_base_says_what_to_fetch(repo, run, tmp_path):
    repo.put("a.yaml", deployment())
    base = repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.git("clone", "-q", "--depth=1", f"file://{repo.folder}", str(tmp_path / "shallow"))
    for name, word in (
        ("origin/release", "git fetch --depth=1 origin release"),
        (base, f"git fetch --depth=1 origin {base}"),
    ):
        result = run(name, cwd=tmp_path / "shallow")
        assert result.returncode == 2
        assert word in result.stderr
        assert "fetch-depth: 0" in result.stderr
    relative = run("HEAD~1", cwd=tmp_path / "shallow")
    assert relative.returncode == 2
    assert "git fetch --unshallow" in relative.stderr
    assert "origin HEAD~1" not in relative.stderr
    repo.folder = tmp_path / "shallow"
    repo.git("fetch", "-q", "--depth=1", "origin", base)
    assert run(base, cwd=tmp_path / "shallow").returncode == 1
    result = run(f"{base}...HEAD", cwd=tmp_path / "shallow")
    assert result.returncode == 2
    assert "git fetch --unshallow" in result.stderr


def test_a_partial_clone_fetches_nothing_and_says_what_is_missing(repo, run, tmp_path):
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.folder}", str(clone))
    objects = sorted(path.name for path in (clone / ".git/objects").rglob("*"))
    result = run("HEAD~1", cwd=clone)
    assert result.returncode == 2
    assert "this clone was made with a filter: clone it whole" in result.stderr
    assert sorted(path.name for path in (clone / ".git/objects").rglob("*")) == objects


def test_a_folder_that_is_no_repository(run, tmp_path):
    result = run("main", cwd=tmp_path)
    assert result.returncode == 2
    assert "not a git repository" in result.stderr


def test_nothing_of_the_repository_is_run_or_written(repo, run, tmp_path):
    marker = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\necho "$0 $@" >> {marker}\ncat\n')
    script.chmod(0o755)
    repo.put("a.yaml", deployment())
    repo.put(".gitattributes", "*.yaml filter=evil diff=evil text eol=crlf\n")
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    for key in (
        "core.fsmonitor",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "core.pager",
        "core.editor",
    ):
        repo.git("config", key, str(script))
    for hook in ("post-checkout", "post-index-change", "pre-commit", "reference-transaction"):
        path = repo.folder / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(script.read_text())
        path.chmod(0o755)
    marker.unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in repo.folder.rglob("*") if path.is_file()}
    result = run("HEAD", "--output", "json")
    assert result.returncode == 1, result.stderr
    assert not marker.exists()
    assert {path: path.read_bytes() for path in repo.folder.rglob("*") if path.is_file()} == before
    assert json.loads(result.stdout)["summary"]["new"]["high"] == 1


def test_the_environment_of_a_hook_does_not_lead_elsewhere(repo, run, tmp_path):
    other = Repository(tmp_path / "other").start()
    other.put("x.yaml", deployment("other"))
    other.commit()
    repo.put("a.yaml", deployment())
    repo.commit()
    env = {"GIT_DIR": str(other.folder / ".git"), "GIT_WORK_TREE": str(other.folder), "GIT_INDEX_FILE": "/nowhere"}
    told = json.loads(run("HEAD", "--output", "json", env=env).stdout)
    assert told["base"]["commit"] == repo.git("rev-parse", "HEAD")


def test_the_work_tree_is_what_is_tracked_and_what_is_new(repo):
    repo.put(".gitignore", "ignored/\n")
    repo.put("a.yaml", deployment("a"))
    repo.put("gone.yaml", deployment("gone"))
    repo.commit()
    repo.put("ignored/b.yaml", deployment("ignored", limit=None))
    repo.put("new/c.yaml", deployment("new", limit=None))
    repo.remove("gone.yaml")
    diff = repo.compare()
    assert statuses(diff) == [("new", "memory-limit-missing", "new")]
    assert sorted((change.workload.name, change.change) for change in diff.memory.workloads) == [
        ("gone", "removed"),
        ("new", "added"),
    ]
    assert diff.head.kind == "worktree"


def test_a_sparse_checkout_is_not_a_deletion(repo):
    repo.put("a/a.yaml", deployment("a"))
    repo.put("b/b.yaml", deployment("b"))
    repo.commit()
    repo.git("sparse-checkout", "set", "a")
    assert not (repo.folder / "b").exists()
    assert not repo.compare().memory.workloads


def test_three_dots_compare_with_where_the_branch_left(repo):
    repo.put("a.yaml", deployment("a"))
    repo.commit()
    repo.git("checkout", "-q", "-b", "topic")
    repo.put("b.yaml", deployment("b"))
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.put("c.yaml", deployment("c"))
    repo.commit()
    repo.git("checkout", "-q", "topic")

    def changed(*arguments, **more):
        return sorted((item.workload.name, item.change) for item in repo.compare(*arguments, **more).memory.workloads)

    assert changed("main", "topic") == [("b", "added"), ("c", "removed")]
    assert changed("main..topic") == [("b", "added"), ("c", "removed")]
    assert changed("main...topic") == [("b", "added")]
    assert changed("main...") == [("b", "added")]
    assert changed("main", merge_base=True) == [("b", "added")]


def test_branches_without_a_common_commit_are_told(repo):
    repo.put("a.yaml", deployment("a"))
    repo.commit()
    repo.git("checkout", "-q", "--orphan", "other")
    repo.commit("another beginning")
    with pytest.raises(SourceError, match="main and other have no common commit"):
        repo.compare("main...other")


def test_a_name_of_a_folder_and_a_branch_is_refused(repo, run):
    repo.put("deploy/a.yaml", deployment())
    repo.commit()
    repo.git("branch", "deploy")
    result = run("deploy")
    assert result.returncode == 2
    assert "write ./deploy, or refs/heads/deploy" in result.stderr
    assert run("refs/heads/deploy").returncode == 0


def test_paths_are_compared_without_a_repository(run, tmp_path):
    for side, limit in (("old", "128Mi"), ("new", None)):
        folder = tmp_path / side / "shop"
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text(deployment(limit=limit))
    result = run("old", "new", "--output", "json", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    told = json.loads(result.stdout)
    assert [item["kind"] for item in (told["base"], told["head"])] == ["folder", "folder"]
    assert [(item["file"], item["status"]) for item in told["findings"]] == [("shop/a.yaml", "new")]
    single = run("old/shop/a.yaml", "new/shop/a.yaml", "--output", "json", cwd=tmp_path)
    assert json.loads(single.stdout)["findings"][0]["status"] == "new"
    assert "HEAD is missing" in run("./old", cwd=tmp_path).stderr


def test_a_revision_is_compared_with_a_path(repo, tmp_path):
    repo.put("a.yaml", deployment())
    repo.commit()
    (tmp_path / "rendered").mkdir()
    (tmp_path / "rendered" / "a.yaml").write_text(NO_LIMIT)
    assert statuses(repo.compare("HEAD", "../rendered")) == [("new", "memory-limit-missing", "web")]


def test_only_the_working_folder_or_the_paths_are_looked_at(repo, monkeypatch):
    for place in ("top.yaml", "team/a.yaml", "team/deep/b.yaml", "other/c.yaml"):
        repo.put(place, deployment(place[-6]))
    repo.commit()
    for place in ("top.yaml", "team/a.yaml", "team/deep/b.yaml", "other/c.yaml"):
        repo.put(place, deployment(place[-6], limit=None))

    def files(**asked):
        return sorted(item.finding.place.file for item in repo.compare(**asked).findings)

    assert files(paths=["team/deep", "other/c.yaml"]) == ["other/c.yaml", "team/deep/b.yaml"]
    repo.folder = repo.folder / "team"
    monkeypatch.chdir(repo.folder)
    assert files() == ["a.yaml", "deep/b.yaml"]
    assert files(paths=["deep"]) == ["deep/b.yaml"]
    with pytest.raises(SourceError, match="outside of the working folder"):
        files(paths=["../other"])


def test_a_path_that_only_one_side_has_was_added(repo):
    repo.put("a/a.yaml", deployment("a"))
    repo.commit()
    repo.put("b/b.yaml", deployment("b"))
    diff = repo.compare(paths=["b", "a"])
    assert [(item.workload.name, item.change) for item in diff.memory.workloads] == [("b", "added")]


def test_a_tree_that_would_write_elsewhere_is_not_written(repo, tmp_path):
    blob = repo.git("hash-object", "-w", "--stdin", text=NO_LIMIT.encode())
    link = repo.git("hash-object", "-w", "--stdin", text=str(tmp_path).encode())
    inner = repo.git("mktree", text=f"100644 blob {blob}\tevil.yaml\n".encode())
    raw = b"100644 a.yaml\0" + bytes.fromhex(blob) + b"40000 ..\0" + bytes.fromhex(inner)
    raw += b"40000 .git\0" + bytes.fromhex(inner)
    tree = repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", text=raw)
    double = b"120000 out\0" + bytes.fromhex(link) + b"40000 out\0" + bytes.fromhex(inner)
    through = repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", text=double)
    repo.put("a.yaml", deployment())
    repo.commit()
    diff = repo.compare("HEAD", tree)
    assert diff.head.workloads == 1
    assert sorted(item.item.file for item in diff.skipped) == ["../evil.yaml", ".git/evil.yaml"]
    assert [item.item.file for item in repo.compare("HEAD", through).skipped] == ["out/evil.yaml"]
    assert not list(tmp_path.glob("**/evil.yaml"))


def test_sha256_repositories(tmp_path, monkeypatch):
    made = Repository(tmp_path / "r")
    made.git("init", "-q", "-b", "main", "--object-format=sha256")
    monkeypatch.chdir(made.folder)
    made.put("a.yaml", deployment())
    made.put(".auditor.yaml", "profile: strict\n")
    made.commit()
    made.put("a.yaml", NO_LIMIT)
    diff = made.compare()
    assert "memory-limit-missing" in policies(diff)
    assert not diff.judging


def test_a_bare_repository_is_compared(repo, tmp_path, monkeypatch):
    repo.put("k8s/a.yaml", deployment())
    repo.commit()
    repo.put("k8s/a.yaml", NO_LIMIT)
    repo.commit()
    repo.git("clone", "-q", "--bare", str(repo.folder), str(tmp_path / "bare"))
    repo.folder = tmp_path / "bare"
    monkeypatch.chdir(repo.folder)
    assert statuses(repo.compare("HEAD~1", "HEAD")) == [("new", "memory-limit-missing", "web")]
    with pytest.raises(SourceError, match="name HEAD"):
        repo.compare("HEAD~1")


def test_without_git_the_need_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="git is not installed"):
        Git.at(tmp_path)
