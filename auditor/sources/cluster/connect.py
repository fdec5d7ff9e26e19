"""The connection to one API server: single requests with fresh credentials and bounded answers."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec

from auditor.sources.cluster.kubeconfig import (
    SERVICE_ACCOUNT,
    ClusterError,
    NoAnswerError,
    Settings,
    faults,
    heard,
    load_settings,
    tidy,
    words,
)

if TYPE_CHECKING:
    import urllib3

JSON = "application/json"
MAX_BODY_BYTES = 512 << 20
"""Of one answer. Metrics of all pods come in one piece: 100,000 pods take about 80 MB."""
_CHUNK_BYTES = 1 << 16
_OPENSSL = re.compile(r"\[SSL[^\]]*\] ?| ?\(_ssl\.c:\d+\)")
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")

__all__ = ["JSON", "Answer", "ClusterError", "Connection", "Timeouts", "UnreachableError", "connect"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, whatever its status."""

    status: int
    body: bytes
    retry_after_seconds: int | None = None
    """How long it asks to wait; None when it does not ask."""


class UnreachableError(Exception):
    """No whole answer came. Its text is for people and holds no secret."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting
        """Whether asking again is no use: TLS, credentials, a name that does not exist."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an answer may take."""

    connect_seconds: float = 10
    read_seconds: float = 75
    """Between two pieces of it; the API server ends a request of its own after 60 s."""


class Connection:
    """Asks one API server, each request once; closes with `with`."""

    def __init__(self, settings: Settings, timeouts: Timeouts) -> None:
        import urllib3
        from kubernetes.client import ApiClient

        self.name = settings.name
        self.kubernetes_version: str | None = None
        """Of the API server, such as `1.34`; None when it did not say."""
        self._settings = settings
        self._timeout = urllib3.Timeout(connect=timeouts.connect_seconds, read=timeouts.read_seconds)
        if not settings.configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._client = ApiClient(settings.configuration)
        self._root = str(settings.configuration.host).rstrip("/")
        parts = urlsplit(self._root)
        self.server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        """The server's address, without credentials and path."""
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the server of its cluster is no URL")
        self._secrets: set[str] = _secrets_of(settings.configuration.proxy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._client.rest_client.pool_manager.clear()  # not all versions do it

    def get(self, path: str, query: Sequence[tuple[str, str]] = (), accept: str = JSON) -> Answer:
        """Return the answer to one request that reads. Raises UnreachableError."""
        return self._ask("GET", path, query, accept, None)

    def send(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: bytes, content_type: str = JSON
    ) -> Answer:
        """Return the answer to one request that writes. Raises UnreachableError."""
        return self._ask(method, path, query, JSON, (body, content_type))

    def _ask(
        self, method: str, path: str, query: Sequence[tuple[str, str]], accept: str, sent: tuple[bytes, str] | None
    ) -> Answer:
        import urllib3

        url = f"{self._root}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self._headers(accept)
        if sent is not None:
            headers["Content-Type"] = sent[1]
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                url,
                body=sent[0] if sent else None,
                headers=headers,
                timeout=self._timeout,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            body = self._read(response)
        except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
            # ValueError: what urllib3 says of an impossible URL or header; OSError: of a certificate that is no file.
            raise self._failed(error) from None
        return Answer(response.status, body, _seconds(response.headers.get("Retry-After")))

    def clean(self, text: object) -> str:
        """Return a text of the server or of a library as one printable line without our credentials."""
        line = str(text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            line = line.replace(secret, "***")
        return tidy(line)

    def _headers(self, accept: str) -> "urllib3.HTTPHeaderDict":
        """Return the headers of one request; a token near its end is renewed."""
        import urllib3

        headers = urllib3.HTTPHeaderDict({"Accept": accept, "User-Agent": "kube-memory-auditor"})
        if self._settings.compressed:
            headers["Accept-Encoding"] = "gzip"
        for name, value in self._settings.headers:
            headers.add(name, value)
        try:
            with heard() as lines:
                auth = self._settings.configuration.auth_settings()
        except faults() as error:
            raise UnreachableError(
                f"the credentials cannot be renewed: {self.clean(words(error))}", lasting=True
            ) from None
        if lines:
            raise UnreachableError(f"the credentials cannot be renewed: {self.clean(lines[-1])}", lasting=True)
        value = str((auth.get("BearerToken") or {}).get("value") or "").strip()
        if not (value.isascii() and value.isprintable()):
            # NOTE: http.client would refuse it and quote it.
            raise UnreachableError("the token has characters that no header can carry", lasting=True)
        if value:
            headers["Authorization"] = value
            self._secrets |= {value.partition(" ")[2]} - {""}
        return headers

    def _read(self, response: "urllib3.BaseHTTPResponse") -> bytes:
        """Return the body; stop at the bound."""
        parts, room = [], MAX_BODY_BYTES
        try:
            for part in response.stream(_CHUNK_BYTES, decode_content=True):
                room -= len(part)
                if room < 0:
                    response.close()
                    raise UnreachableError(f"the answer is longer than {MAX_BODY_BYTES >> 20} MiB", lasting=True)
                parts.append(part)
        finally:
            response.release_conn()
        return b"".join(parts)

    def _failed(self, error: Exception) -> UnreachableError:
        """Return what an error of the connection says to people."""
        import urllib3

        kinds = urllib3.exceptions
        if isinstance(error, kinds.SSLError):
            return UnreachableError(f"TLS: {self.clean(_tls_words(str(error)))}", lasting=True)
        if isinstance(error, kinds.ProxyError):
            return UnreachableError(f"the proxy does not answer: {self.clean(_cause(error.original_error))}")
        # NOTE: the first two are kinds of ConnectTimeoutError too.
        if isinstance(error, kinds.NameResolutionError):
            return UnreachableError("its name cannot be resolved", lasting=True)
        if isinstance(error, kinds.NewConnectionError):
            return UnreachableError("no connection: " + self.clean(_cause(error)))
        if isinstance(error, kinds.ConnectTimeoutError):
            return UnreachableError("no connection in time")
        if isinstance(error, kinds.ReadTimeoutError):
            return UnreachableError("no answer in time")
        if isinstance(error, kinds.ProtocolError | kinds.DecodeError):
            return UnreachableError("the connection was cut")
        return UnreachableError(self.clean(error), lasting=True)


def connect(
    context: str | None = None,
    *,
    kubeconfig: str | None = None,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
    timeouts: Timeouts | None = None,
) -> Connection:
    """Return the connection to a context's cluster after its first answer, which tells the version.

    None is the current context, or the cluster that this runs in when there is no kubeconfig. Raises ClusterError, as
    wrong use (exit code 2): no such context, no credentials; of these NoAnswerError: refused credentials, TLS, a server
    that does not answer.
    """
    settings = load_settings(context, kubeconfig, environ, service_account)
    connection = _made(settings, timeouts or Timeouts())
    try:
        connection.kubernetes_version = _version(connection)
    except BaseException:
        connection.__exit__()
        raise
    return connection


def _made(settings: Settings, timeouts: Timeouts) -> Connection:
    import urllib3

    try:
        return Connection(settings, timeouts)
    except ImportError:
        reason = "proxy-url cannot be used: SOCKS needs the package PySocks"
    except urllib3.exceptions.HTTPError:
        reason = "proxy-url cannot be used: its address is no proxy's"
    except ValueError as error:
        reason = tidy(error)
    raise ClusterError(f"context {tidy(settings.name)}: {reason}")


def _version(connection: Connection) -> str | None:
    where = f"context {tidy(connection.name)}: {tidy(connection.server)}"
    try:
        answer = _first(connection)
    except UnreachableError as error:
        raise NoAnswerError(f"{where}: {error}") from None
    if answer.status == 401:
        raise NoAnswerError(f"{where}: the server does not accept the credentials (HTTP 401): log in again")
    if answer.status in (403, 429) or answer.status >= 500:
        return None
    if answer.status == 200:
        try:
            told = msgspec.json.decode(answer.body, type=dict[str, Any])
            return f"{int(told['major'])}.{int(str(told['minor']).rstrip('+'))}"  # 34+ where a vendor changed it
        except (msgspec.DecodeError, KeyError, ValueError):
            pass
    said = f"HTTP {answer.status}: {connection.clean(answer.body[:200].decode(errors='replace'))}"
    raise NoAnswerError(f"{where}: this is no Kubernetes API server ({said})")


def _first(connection: Connection) -> Answer:
    """Ask for the version, once more when the connection broke: an idle load balancer may drop the first."""
    try:
        return connection.get("/version")
    except UnreachableError as error:
        if error.lasting:
            raise
    return connection.get("/version")


def _cause(error: Exception) -> str:
    """Return the last part of what urllib3 says of a connection, such as `Connection refused`."""
    return _ERRNO.sub("", str(error).rpartition(": ")[2])


def _tls_words(text: str) -> str:
    """Return what OpenSSL says without its own names, and what may be wrong with the kubeconfig."""
    text = _OPENSSL.sub("", text)
    if "issuer" in text or "self-signed" in text or "self signed" in text:
        return f"{text}: is the certificate-authority of the kubeconfig this server's?"
    return "the client certificate or its key is no PEM file" if text.strip() == "PEM lib" else text


def _secrets_of(proxy: str | None) -> set[str]:
    """Return the password of a proxy's address, where it has one."""
    password = urlsplit(proxy).password if proxy else None
    return {password} if password else set()


def _seconds(text: str | None) -> int | None:
    """Return the seconds of a Retry-After, which the API server writes as a whole number."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
