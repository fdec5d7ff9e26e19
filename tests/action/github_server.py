"""A server that stands for GitHub's REST API: it keeps comments, and checks every call against what GitHub asks for.

https://docs.github.com/rest/issues/comments and https://docs.github.com/rest/pulls/comments
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_0123456789abcdef"  # noqa: S105 - of this server only
BOT = "github-actions[bot]"
LIST = re.compile(r"/repos/shop/deploy/(issues|pulls)/7/comments")
ONE = re.compile(r"/repos/shop/deploy/issues/comments/(\d+)")
REVIEW_KEYS = {"body", "commit_id", "path", "line", "side"}


class GitHub:
    """Comments by kind, what was called, and what was wrong with a call."""

    def __init__(self):
        self.comments = {"issues": [], "pulls": []}
        self.calls = []
        self.faults = []
        self.refuse = {}
        """(method, kind) to the status that every such call gets."""
        self.page_size = 100
        self.next_host = None
        self._next_id = 1000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, kind, body, user=BOT, **more):
        """Put a comment there, as somebody wrote it before."""
        self._next_id += 1
        item = {"id": self._next_id, "body": body, "user": {"login": user}, **more}
        self.comments[kind].append(item)
        return item

    def written(self, *methods):
        return [call for call in self.calls if call[0] in (methods or ("POST", "PATCH", "DELETE"))]

    def answer(self, method, target, headers, body):
        """Return status, headers and JSON of the answer."""
        self._check_headers(method, headers)
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        found = LIST.fullmatch(path) or ONE.fullmatch(path)
        kind = found[1] if found and found[1] in self.comments else "issues"
        self.calls.append((method, path, body))
        if (method, kind) in self.refuse:
            return self.refuse[method, kind], {}, {"message": "Resource not accessible by integration"}
        if found and found.re is LIST and method == "GET":
            return self._page(kind, path, query)
        if found and found.re is LIST and method == "POST":
            return self._create(kind, body)
        if found and found.re is ONE and method in ("PATCH", "DELETE"):
            return self._change(method, int(found[1]), body)
        self.faults.append(f"{method} {target} is no call of this API")
        return 404, {}, {"message": "Not Found"}

    def _page(self, kind, path, query):
        if query.get("per_page") != ["100"]:
            self.faults.append(f"{path}: 100 comments a page take the fewest calls, not {query}")
        number = int(query.get("page", ["1"])[0])
        items = self.comments[kind][(number - 1) * self.page_size : number * self.page_size]
        links = {}
        if number * self.page_size < len(self.comments[kind]):
            host = self.next_host or self.url
            next_page = f'<{host}{path}?per_page=100&page={number + 1}>; rel="next"'
            links = {"Link": f'<{self.url}{path}?per_page=100&page=9>; rel="last", {next_page}'}
        return 200, links, items

    def _create(self, kind, body):
        self._check_body(body, {"body"} if kind == "issues" else REVIEW_KEYS)
        if kind == "pulls" and body.get("path") == "not-in-the-difference.yaml":
            return 422, {}, {"message": "Validation Failed"}
        more = {key: value for key, value in body.items() if key != "body"}
        return 201, {}, self.add(kind, body["body"], **more)

    def _change(self, method, number, body):
        [item] = [item for item in self.comments["issues"] if item["id"] == number]
        if method == "DELETE":
            self.comments["issues"].remove(item)
            return 204, {}, None
        self._check_body(body, {"body"})
        item["body"] = body["body"]
        return 200, {}, item

    def _check_headers(self, method, headers):
        wanted = {
            "Authorization": f"Bearer {TOKEN}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self.faults += [f"{method}: {key} is {headers.get(key)!r}" for key in wanted if headers.get(key) != wanted[key]]
        if not headers.get("User-Agent"):
            self.faults.append(f"{method}: GitHub refuses calls without a User-Agent")

    def _check_body(self, body, keys):
        if not isinstance(body, dict) or not keys <= body.keys() <= keys | {"start_line", "start_side"}:
            self.faults.append(f"a body with other keys: {body!r:.200}")
        elif not 0 < len(body["body"]) <= 65_536:
            self.faults.append(f"a comment of {len(body['body'])} characters")

    def _handler(server):  # noqa: N805 - the handler's own self is another
        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                status, headers, answer = server.answer(self.command, self.path, self.headers, body)
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815 - http.server's names

            def log_message(self, *_):
                pass

        return Handler
