"""The comment of a pull request: one, updated, bounded, and never a reason to fail."""

from __future__ import annotations

import json
import socket
import types
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from action_lab import PULL_REQUEST, change_document
from github_api import Api, ApiError
from github_server import BOT, TOKEN, GitHub

MARKER = "<!-- kube-memory-auditor: memory -->\n"
PAGE = "## Memory\n\nThis change requests 1 GiB more memory.\n"


@pytest.fixture
def github():
    server = GitHub()
    yield server
    server.close()
    assert server.faults == []


@pytest.fixture
def comment(job, github):
    """Runs the comment step after an audit that left a page and a document."""
    job.event_name, job.event = "pull_request", json.loads(json.dumps(PULL_REQUEST))

    def comment(page=PAGE, document=None, **inputs):
        folder = job.folder / "temp" / "memory-auditor"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.md").write_text(page)
        (folder / "result.json").write_text(json.dumps(change_document() if document is None else document))
        given = {"comment": "true", "token": TOKEN, **inputs}
        done = job.step("Comment", inputs=given, **{"GITHUB_API_URL": github.url} | job.variables)
        assert TOKEN not in done.stdout + done.stderr
        return done

    comment.job = job
    return comment


def test_the_first_run_writes_a_comment_and_the_next_one_updates_it(comment, github):
    assert comment().code == 0
    assert [item["body"] for item in github.comments["issues"]] == [MARKER + PAGE]
    assert comment(page="## Memory\n\nLess.\n").code == 0
    assert [item["body"] for item in github.comments["issues"]] == [MARKER + "## Memory\n\nLess.\n"]


def test_a_comment_that_says_the_same_is_left_alone(comment, github):
    comment()
    comment()
    assert [call[0] for call in github.written()] == ["POST"]


def test_the_comment_is_found_on_a_later_page(comment, github):
    github.page_size = 2
    for number in range(5):
        github.add("issues", f"talk {number}", user="someone")
    github.add("issues", MARKER + "old")
    comment()
    assert [call[0] for call in github.written()] == ["PATCH"]


def test_a_marker_that_somebody_else_wrote_is_not_ours(comment, github):
    theirs = github.add("issues", MARKER + "do not touch", user="someone")
    quoted = github.add("issues", f"> {MARKER}> quoted")
    comment()
    assert [item["body"] for item in github.comments["issues"]][:2] == [theirs["body"], quoted["body"]]
    assert [call[0] for call in github.written()] == ["POST"]


def test_of_two_that_runs_wrote_at_the_same_time_the_oldest_stays(comment, github):
    first = github.add("issues", MARKER + "a")
    github.add("issues", MARKER + "b")
    comment()
    assert [(item["id"], item["body"]) for item in github.comments["issues"]] == [(first["id"], MARKER + PAGE)]


def test_audits_of_one_pull_request_are_told_apart_by_category(comment, github):
    comment()
    comment(category="charts")
    comment(page="changed", category="charts")
    assert [item["body"].split("\n")[0] for item in github.comments["issues"]] == [
        "<!-- kube-memory-auditor: memory -->",
        "<!-- kube-memory-auditor: charts -->",
    ]


@pytest.mark.parametrize("category", ["a --> <script>", "a\nb", "", "x" * 61])
def test_a_category_that_could_end_the_marker_is_refused(comment, github, category):
    done = comment(category=category)
    assert done.code == 0
    assert "::warning" in done.stdout
    assert github.calls == []


def test_another_author_is_another_bot(comment, github):
    github.add("issues", MARKER + "ours", user="memory-app[bot]")
    comment(**{"comment-author": "memory-app[bot]"})
    assert [call[0] for call in github.written()] == ["PATCH"]


def test_nothing_to_tell_writes_no_comment_but_updates_one(comment, github):
    quiet = change_document(new=0, fixed=0, changed=0)
    comment(document=quiet)
    assert github.written() == []
    github.add("issues", MARKER + "old")
    comment(document=quiet)
    assert [item["body"] for item in github.comments["issues"]] == [MARKER + PAGE]


def test_a_comment_is_cut_at_a_line_to_what_github_takes(comment, github):
    comment(page="| a row 漢字 🚀 |\n" * 20_000)
    [item] = github.comments["issues"]
    assert 60_000 < len(item["body"]) <= 65_536
    *rows, _, note = item["body"].strip().split("\n")
    assert set(rows[1:]) == {"| a row 漢字 🚀 |"}
    assert "cut here" in note


def test_a_block_of_code_that_is_cut_is_closed(comment, github):
    comment(page="text\n\n````yaml\n" + "key: value\n" * 20_000 + "````\n")
    [item] = github.comments["issues"]
    assert item["body"].count("````") == 2


def test_a_fork_gets_no_comment_and_no_failure(comment, github):
    comment.job.event["pull_request"]["head"]["repo"]["full_name"] = "stranger/deploy"
    done = comment()
    assert done.code == 0
    assert "::notice" in done.stdout
    assert "from a fork" in done.stdout
    assert github.calls == []


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refusal_is_a_notice(comment, github, status, method):
    github.refuse[method, "issues"] = status
    done = comment()
    assert done.code == 0
    assert f"::notice title=Memory audit::No comment on the pull request: {method} " in done.stdout
    assert f"HTTP {status}%3A" not in done.stdout
    assert f"HTTP {status}: Resource not accessible by integration" in done.stdout
    assert ("pull-requests: write" in done.stdout) == (status in (401, 403, 404))


def test_a_server_that_is_not_there_is_a_notice(comment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        comment.job.variables["GITHUB_API_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = comment()
    assert done.code == 0
    assert "::notice" in done.stdout
    assert "refused" in done.stdout


def test_nothing_is_called_where_the_audit_did_not_run(job, github):
    job.event_name, job.event = "pull_request", PULL_REQUEST
    done = job.step("Comment", inputs={"comment": "true", "token": TOKEN}, GITHUB_API_URL=github.url)
    assert done.code == 0
    assert github.calls == []


def test_no_comment_is_written_for_other_events(comment, github):
    comment.job.event = {"ref": "refs/heads/main"}
    assert comment().code == 0
    assert github.calls == []


def test_a_deleted_fork_has_no_repository_and_counts_as_a_fork(comment, github):
    comment.job.event["pull_request"]["head"]["repo"] = None
    assert comment().code == 0
    assert github.calls == []


def test_pages_that_lead_to_another_server_are_not_asked(github):
    # The token must not go where a header says.
    github.page_size = 1
    github.next_host = "http://localhost:9"
    github.add("issues", "a")
    github.add("issues", "b")
    found = list(Api(github.url, TOKEN).pages("/repos/shop/deploy/issues/7/comments?per_page=100"))
    assert [item["body"] for item in found] == ["a"]


def test_redirects_are_not_followed():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        with pytest.raises(ApiError, match="HTTP 302"):
            Api(f"http://127.0.0.1:{server.server_address[1]}", TOKEN).send("GET", "/a")
        server.shutdown()
        thread.join()
    assert asked == ["/a"]


def test_what_a_server_says_is_told_without_the_token_on_one_line(github):
    text = f"bad {TOKEN}\n::error::x" + "y" * 1000
    github.answer = lambda *_: (403, {}, {"message": text})
    with pytest.raises(ApiError) as caught:
        Api(github.url, TOKEN).send("GET", "/a")
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("answer", [b"not json", b'{"half'])
def test_an_answer_that_is_no_json_is_an_error_of_the_api(github, answer, monkeypatch):
    class Answer:
        headers = types.MappingProxyType({})

        def read(self, _):
            return answer

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    api = Api(github.url, TOKEN)
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", lambda *_, **__: Answer())
    with pytest.raises(ApiError):
        api.send("GET", "/a")


def test_text_that_has_no_utf_8_form_is_sent_all_the_same(github):
    Api(github.url, TOKEN).send("POST", "/repos/shop/deploy/issues/7/comments", {"body": "caf\udce9 🚀"})
    assert github.comments["issues"][0]["body"] == "caf\ufffd 🚀"
    assert github.comments["issues"][0]["user"]["login"] == BOT
