"""The connection: requests with their credentials, bounded answers, and waits that the server asks for."""

import base64
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from auditor.usage.errors import UsageError
from auditor.usage.prometheus.answers import Answer, QueryError, Why, decode, error_text, retry_after_seconds
from auditor.usage.prometheus.model import PullConfig, Secret

if TYPE_CHECKING:
    import urllib3

_CHUNK_BYTES = 1 << 16
GRACE_SECONDS = 10
"""How much longer than the server is told the connection waits."""
_SHOWN = 200


class Client:
    """Asks one server. Safe to use from several threads."""

    def __init__(
        self,
        config: PullConfig,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._sleep = sleep
        self._clock = clock
        self._root, self._user_info = _split_url(config.url)
        self._pool = _pool(config, self._root)
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._method = "POST"
        self.requests = 0
        self.received_bytes = 0

    @property
    def shown(self) -> str:
        """Return the server's address without credentials."""
        return self._root

    def close(self) -> None:
        """Close the connections that are idle."""
        self._pool.clear()

    def query_range(self, query: str, *, start: float, end: float, step: int) -> Answer:
        """Return the series of a range query; times in seconds. Raises QueryError and UsageError."""
        fields = {
            "query": query,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": str(step),
            "timeout": f"{self._config.query_timeout_seconds}s",
            # Thanos and VictoriaMetrics would rather answer with a part of the data; VictoriaMetrics would also move
            # start and end to multiples of the step. Others ignore what they do not know.
            "partial_response": "false",
            "deny_partial_response": "1",
            "nocache": "1",
        }
        self._wait()
        body = self._send(fields)
        return decode(body, self._clean)

    def _wait(self) -> None:
        with self._lock:
            seconds = self._not_before - self._clock()
        if seconds > 0:
            self._sleep(seconds)

    def _send(self, fields: Mapping[str, str]) -> bytes:
        import urllib3

        try:
            response = self._request(fields)
            if response.status == 405 and self._method == "POST":
                self._method = "GET"  # a proxy that lets nobody write
                self._read(response)
                response = self._request(fields)
            body = self._read(response)
        except urllib3.exceptions.HTTPError as error:
            raise self._failed(error) from None
        if response.status != 200:
            raise self._refusal(response, body)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise QueryError(Why.NEVER, f"the answer is {kind or 'of no type'}, not JSON: is this a Prometheus API?")
        return body

    def _request(self, fields: Mapping[str, str]) -> "urllib3.BaseHTTPResponse":
        import urllib3

        with self._lock:
            self.requests += 1
        config = self._config
        timeout = urllib3.Timeout(
            connect=config.connect_timeout_seconds, read=config.query_timeout_seconds + GRACE_SECONDS
        )
        url, body, headers = f"{self._root}/api/v1/query_range", urlencode(fields), self._headers()
        if self._method == "GET":
            url, body = f"{url}?{body}", ""
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._pool.request(
            self._method,
            url,
            body=body or None,
            headers=headers,
            timeout=timeout,
            redirect=False,
            retries=False,
            preload_content=False,
        )

    def _headers(self) -> dict[str, str]:
        config = self._config
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "kube-memory-auditor"}
        headers |= {name: secret.value for name, secret in config.headers}
        if config.token_file is not None:
            headers["Authorization"] = f"Bearer {_read_token(config)}"
        elif config.token is not None:
            headers["Authorization"] = f"Bearer {config.token.value}"
        elif config.username is not None or self._user_info:
            password = config.password.value if config.password else ""
            pair = f"{config.username}:{password}" if config.username is not None else self._user_info
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return headers

    def _read(self, response: "urllib3.BaseHTTPResponse") -> bytes:
        """Return the body, unpacked; stop at the bound, and count what came over the wire."""
        packed = response.headers.get("Content-Encoding", "").strip().lower() == "gzip"
        # urllib3 would unpack by itself, but does not count the bytes of a chunked body
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
        parts, room = [], self._config.max_body_bytes
        try:
            for part in response.stream(_CHUNK_BYTES, decode_content=False):
                with self._lock:
                    self.received_bytes += len(part)
                plain = unpack.decompress(part, room + 1) if unpack else part
                room -= len(plain)
                if room < 0:
                    response.close()
                    raise QueryError(Why.SMALLER, f"the answer is longer than {self._config.max_body_bytes} bytes")
                parts.append(plain)
        except zlib.error:
            raise QueryError(Why.SMALLER, "the answer cannot be unpacked") from None
        finally:
            response.release_conn()
        return b"".join(parts)

    def _failed(self, error: Exception) -> QueryError:
        """Return what an error of the connection asks for."""
        import urllib3

        if isinstance(error, urllib3.exceptions.SSLError):
            return QueryError(Why.REFUSED, self._clean(f"TLS: {error}"))
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            return QueryError(Why.SMALLER, f"no answer within {self._config.query_timeout_seconds + GRACE_SECONDS} s")
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            return QueryError(Why.SMALLER, f"no connection within {self._config.connect_timeout_seconds:g} s")
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            return QueryError(Why.SMALLER, "no connection: " + self._clean(str(error).rpartition(": ")[2]))
        return QueryError(Why.SMALLER, self._clean(f"the answer was cut off: {error}"))

    def _refusal(self, response: "urllib3.BaseHTTPResponse", body: bytes) -> QueryError:
        """Return what a status other than 200 asks for, after noting a Retry-After."""
        status = response.status
        said = self._clean(error_text(body))
        text = f"HTTP {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            return QueryError(Why.REFUSED, f"{text}: the credentials are not accepted")
        if status in (404, 405) or 300 <= status < 400:
            return QueryError(Why.NEVER, f"{text}: there is no Prometheus API at this address")
        seconds = retry_after_seconds(response.headers)
        if seconds is not None:
            if seconds > self._config.max_wait_seconds:
                return QueryError(Why.NEVER, f"{text}: the server asks to wait {seconds:.0f} s")
            with self._lock:
                self._not_before = max(self._not_before, self._clock() + seconds)
        return QueryError(Why.SMALLER, text)

    def _clean(self, text: str) -> str:
        """Return a text without credentials, in one line, shortened."""
        config = self._config
        secrets: list[Secret | None] = [config.token, config.password, *(secret for _, secret in config.headers)]
        words = {secret.value for secret in secrets if secret is not None}
        if config.token_file is not None:
            with suppress(UsageError):
                words.add(_read_token(config))
        words |= {self._user_info, self._user_info.partition(":")[2]}
        for word in sorted(words - {""}, key=len, reverse=True):
            text = text.replace(word, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _split_url(url: str) -> tuple[str, str]:
    """Return the root without credentials, and `user:password` of it; raise UsageError for what is no such URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError("the server's address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the server's address must be a URL such as https://prometheus.example:9090")
    if parts.query or parts.fragment:
        raise UsageError("the server's address must end before the question mark")
    user_info, _, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", user_info


def _pool(config: PullConfig, root: str) -> "urllib3.PoolManager":
    import urllib3

    ways = (config.token is not None, config.token_file is not None, config.username is not None)
    if sum(ways) > 1:
        raise UsageError("give one of a token, a token file and a user, not several")
    files = (config.client_certificate, config.client_key, config.ca_file)
    for path in files:
        if path is not None and not path.is_file():
            raise UsageError(f"{path}: there is no such file")
    for name, secret in config.headers:
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or "\n" in secret.value:
            raise UsageError(f"{name!r} is not the name of a header, or its value has a line break")
    if root.startswith("http://") and any(files):
        raise UsageError("certificates need an https:// address")
    if not config.verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    certificate = config.client_certificate
    return urllib3.PoolManager(
        num_pools=1,
        maxsize=config.workers,
        block=False,
        cert_reqs="CERT_REQUIRED" if config.verify else "CERT_NONE",
        ca_certs=str(config.ca_file) if config.ca_file else None,
        cert_file=str(certificate) if certificate else None,
        key_file=str(config.client_key) if config.client_key else None,
    )


def _read_token(config: PullConfig) -> str:
    assert config.token_file is not None  # noqa: S101 - asked only with one
    try:
        text = config.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{config.token_file}: the token cannot be read: {reason}") from None
    if not text or len(text.split()) != 1:
        raise UsageError(f"{config.token_file}: must hold one token and nothing else")
    return text
