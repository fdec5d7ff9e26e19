"""Suggestions: only where every line is changed and surely the one that was audited."""

from __future__ import annotations

import json

import pytest
import suggestions
from action_lab import change_document
from event import run_git
from github_server import BOT, TOKEN, GitHub

FIRST = "a: 1\nmemory: 512m\nb: 2\nc: 3\n"
CHANGED = "a: 1\nmemory: 512m\nb: 20\nc: 30\nd: 4\n"


def finding(line=2, end_line=2, text="memory: 512Mi\n", **changes):
    """A new finding on a changed line, whose fix replaces lines of web.yaml."""
    return {
        "policy": "unit-forgotten",
        "message": "512m is less than a byte",
        "fingerprint": "f" * 32,
        "status": "new",
        "on_changed_line": True,
        "file": "web.yaml",
        "replacements": [{"file": "web.yaml", "line": line, "end_line": end_line, "text": text}],
        **changes,
    }


def made(*findings):
    return suggestions.of(change_document(findings=findings))


def test_a_fix_of_one_block_is_a_suggestion():
    [item] = made(finding())
    assert (item.file, item.line, item.end_line, item.text) == ("web.yaml", 2, 2, "memory: 512Mi")


@pytest.mark.parametrize(
    "changes",
    [
        {"replacements": None},
        {"replacements": finding()["replacements"] * 2},
        {"on_changed_line": False},
        {"on_changed_line": None},
        {"status": "unchanged"},
        {"status": "waived"},
        {"text": "memory: 512Mi\r\n"},
        {"text": "x" * 2_001},
    ],
)
def test_what_is_not_one_block_of_a_new_finding_on_a_changed_line_is_none(changes):
    assert made(finding(**changes)) == []


def test_two_findings_with_one_fix_make_one_suggestion():
    assert len(made(finding(), finding(policy="memory-quantity-fractional", fingerprint="e" * 32))) == 1


@pytest.fixture
def change(repository, monkeypatch):
    """A pull request that changes lines 3 to 5 of web.yaml, and its document."""
    payload = repository.pull_request({"web.yaml": FIRST}, {"web.yaml": CHANGED})
    monkeypatch.chdir(repository.folder)
    return payload, commits(repository, payload)


def commits(repository, payload):
    return {
        "base": {"commit": payload["pull_request"]["base"]["sha"]},
        "head": {"commit": repository.git("rev-parse", "HEAD")},
    }


def fit(change, **where):
    payload, sides = change
    [item] = made(finding(**where))
    return suggestions.fits(item, payload["pull_request"]["head"]["sha"], sides, run_git)


@pytest.mark.parametrize(
    ("line", "end_line", "fits"), [(3, 3, True), (3, 5, True), (2, 2, False), (2, 3, False), (5, 6, False)]
)
def test_every_line_must_be_changed(change, line, end_line, fits):
    assert fit(change, line=line, end_line=end_line) is fits


def test_a_file_that_the_base_changed_meanwhile_has_other_lines(repository, monkeypatch):
    before = "top: 1\n" + "x: 0\n" * 10 + FIRST
    payload = repository.pull_request(
        {"web.yaml": before},
        {"web.yaml": before.replace("memory: 512m", "memory: 513m")},
        meanwhile={"web.yaml": "new: 1\n" + before},
    )
    monkeypatch.chdir(repository.folder)
    assert not fit((payload, commits(repository, payload)), line=14, end_line=14)


def test_a_name_of_a_file_is_no_pattern(repository, monkeypatch):
    payload = repository.pull_request({"*.yaml": FIRST, "web.yaml": FIRST}, {"web.yaml": CHANGED})
    monkeypatch.chdir(repository.folder)
    [item] = made(finding(replacements=[{"file": "*.yaml", "line": 3, "end_line": 3, "text": "b: 1\n"}]))
    sides = commits(repository, payload)
    assert not suggestions.fits(item, payload["pull_request"]["head"]["sha"], sides, run_git)


@pytest.mark.usefixtures("change")
def test_without_commits_nothing_is_suggested():
    [item] = made(finding())
    for sides in ({}, {"base": {"commit": None}, "head": {"commit": None}}, {"base": {"commit": "0" * 40}}):
        assert not suggestions.fits(item, "a" * 40, sides, run_git)


@pytest.fixture
def github():
    server = GitHub()
    yield server
    server.close()
    assert server.faults == []


@pytest.fixture
def suggest(job, repository, github):
    """Runs the comment step with suggestions in a pull request that changes lines 3 to 5 of web.yaml."""
    other = "a: 1\n" * 40
    payload = repository.pull_request(
        {"web.yaml": FIRST, "not-in-the-difference.yaml": "a: 1\n"},
        {"web.yaml": CHANGED, "not-in-the-difference.yaml": "a: 2\n", "many.yaml": other},
    )
    job.event_name, job.event = "pull_request", payload

    def suggest(*findings, **inputs):
        folder = job.folder / "temp" / "memory-auditor"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.md").write_text("page\n")
        document = change_document(findings=findings) | commits(repository, payload)
        (folder / "result.json").write_text(json.dumps(document))
        given = {"suggestions": "true", "token": TOKEN, **inputs}
        return job.step("Comment", inputs=given, GITHUB_API_URL=github.url)

    return suggest


def test_a_suggestion_is_a_review_comment_on_its_lines(suggest, github, job):
    done = suggest(finding(line=3, end_line=4, text="b: 200\nc: 300\n"))
    assert done.code == 0
    [item] = github.comments["pulls"]
    assert (item["path"], item["start_line"], item["line"]) == ("web.yaml", 3, 4)
    assert (item["side"], item["start_side"]) == ("RIGHT", "RIGHT")
    assert item["commit_id"] == job.event["pull_request"]["head"]["sha"]
    assert "\n```suggestion\nb: 200\nc: 300\n```\n" in item["body"]
    assert "512m is less than a byte" in item["body"]
    assert github.comments["issues"] == []


def test_a_suggestion_of_one_line_has_no_start(suggest, github):
    suggest(finding(line=3, end_line=3, text="b: 200\n"))
    [item] = github.comments["pulls"]
    assert item["line"] == 3
    assert "start_line" not in item


def test_lines_that_go_are_an_empty_suggestion(suggest, github):
    suggest(finding(line=5, end_line=5, text=""))
    assert "\n```suggestion\n```\n" in github.comments["pulls"][0]["body"]


def test_text_cannot_end_the_block_of_code(suggest, github):
    suggest(finding(line=3, end_line=3, text="b: '````'\n@team: <!-- \n"))
    assert "\n`````suggestion\nb: '````'\n@team: <!-- \n`````\n" in github.comments["pulls"][0]["body"]


def test_a_suggestion_that_is_there_is_not_written_again(suggest, github):
    item = finding(line=3, end_line=3, text="b: 200\n")
    suggest(item)
    suggest(item)
    assert len(github.comments["pulls"]) == 1
    suggest({**item, "replacements": [{**item["replacements"][0], "text": "b: 300\n"}]})
    assert len(github.comments["pulls"]) == 2


def test_one_whose_lines_have_gone_or_that_another_wrote_does_not_count(suggest, github):
    item = finding(line=3, end_line=3, text="b: 200\n")
    suggest(item)
    [mine] = github.comments["pulls"]
    mine["line"] = None
    github.add("pulls", mine["body"], user="someone", line=3)
    suggest(item)
    assert [comment["user"]["login"] for comment in github.comments["pulls"]] == [BOT, "someone", BOT]


def test_lines_that_github_does_not_show_are_left_out(suggest, github):
    hidden = {"file": "not-in-the-difference.yaml", "line": 1, "end_line": 1, "text": "a: 3\n"}
    done = suggest(finding(replacements=[hidden]), finding(line=3, end_line=3, text="b: 200\n"))
    assert done.code == 0
    assert "::notice title=Memory audit::GitHub shows the lines of 1 suggestion" in done.stdout
    assert [item["path"] for item in github.comments["pulls"]] == ["web.yaml"]


def test_a_run_writes_ten_at_most(suggest, github):
    many = [
        finding(replacements=[{"file": "many.yaml", "line": line, "end_line": line, "text": f"a: {line}0\n"}])
        for line in range(1, 31)
    ]
    suggest(*many)
    assert len(github.comments["pulls"]) == 10


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_permission_a_notice_says_so(suggest, github, method):
    github.refuse[method, "pulls"] = 403
    done = suggest(finding(line=3, end_line=3, text="b: 200\n"))
    assert done.code == 0
    assert "::notice" in done.stdout
    assert len(github.written()) == (1 if method == "POST" else 0)


def test_the_comment_shows_them_too_and_is_bounded_with_them(suggest, github):
    many = [finding(line=3, end_line=3, text="b: '```' # @team\n" + "# x\n" * number) for number in range(1, 15)]
    suggest(*many, comment="true", suggestions="false")
    [item] = github.comments["issues"]
    assert github.comments["pulls"] == []
    assert item["body"].count("web.yaml, line 3 (unit\\-forgotten):") == 10
    assert "and 4 more" in item["body"]
    assert "````yaml\nb: '```' # @team\n# x\n````" in item["body"]
    assert len(item["body"]) <= 65_536
