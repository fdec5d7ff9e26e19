"""GitHub's REST API, as far as a comment needs it. The token goes to the API's own address and nowhere else."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

MAX_PAGES = 50
MAX_ANSWER_BYTES = 32 << 20
TIMEOUT_SECONDS = 20
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')


class ApiError(Exception):
    """The API refused or did not answer; its text says why and holds no token."""

    def __init__(self, status: int | None, words: str) -> None:
        super().__init__(words)
        self.status = status
        """The HTTP status; None without an answer."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would send the token along to wherever it leads."""

    def redirect_request(self, *_: object) -> None:
        """Return no request, so that the redirect is an error."""


class Api:
    """Calls with one token; every fault is an ApiError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call a path below the API's address and return the JSON of its answer, None for an empty one."""
        return self._call(method, self._url + path, body)[0]

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page, as far as `MAX_PAGES`."""
        url: str | None = self._url + path
        for _ in range(MAX_PAGES):
            if url is None:
                return
            items, link = self._call("GET", url, None)
            yield from (item for item in items or () if isinstance(item, dict))
            url = self._next(link)

    def _next(self, link: str) -> str | None:
        """Return the next page's address, None when there is none or it is not the API's."""
        found = _NEXT.search(link)
        if not found or urlsplit(found[1])[:2] != urlsplit(self._url)[:2]:
            return None
        return found[1]

    def _call(self, method: str, url: str, body: dict[str, Any] | None) -> tuple[Any, str]:
        data = None if body is None else _encoded(body)
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "kube-memory-auditor",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - the runner's own
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read(MAX_ANSWER_BYTES + 1)
                if len(text) > MAX_ANSWER_BYTES:
                    raise ApiError(None, f"{method} {urlsplit(url).path}: the answer is too long")
                return (json.loads(text) if text else None), answer.headers.get("Link", "")
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, f"{method} {urlsplit(url).path}: {self._reason(error)}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ApiError(None, f"{method} {urlsplit(url).path}: {self._safe(str(error))}") from None

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """Return the status and GitHub's own words, when it said some."""
        words = ""
        try:
            answer = json.loads(error.read(100_000))
            words = str(answer.get("message", "")) if isinstance(answer, dict) else ""
        except (OSError, ValueError, http.client.HTTPException):
            words = ""
        return self._safe(f"HTTP {error.code}{f': {words}' if words else ''}")

    def _safe(self, text: str) -> str:
        hidden = text.replace(self._token, "***") if self._token else text
        return "".join(char if char.isprintable() else " " for char in hidden)[:300]


def _encoded(body: dict[str, Any]) -> bytes:
    """Return JSON in UTF-8; a lone surrogate, which the API would refuse, becomes U+FFFD."""
    text = json.dumps(body, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
