"""One request to a server that takes results: verified, bounded in time, sent again a few times.

What goes wrong is told with the server's name, never with the path, which may be a secret.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from auditor.deliver.errors import DeliveryError
from auditor.reports.text import plain

if TYPE_CHECKING:
    import urllib3

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_PAUSES = (1.0, 3.0)
_MAX_WAIT_SECONDS = 30
_PASSES = (408, 425, 429, 500, 502, 503, 504)
_MAX_ANSWER_BYTES = 4096
_SHOWN = 200
_SECRET_LENGTH = 4
_LOCAL = ("localhost", "127.0.0.1", "::1")


class WebRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent where."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]
    ca_file: Path | None = None
    """Authorities to trust instead of the system's (PEM)."""
    secret: bool = False
    """Whether the URL's path is a secret, which the server may repeat in what it says."""


def host_of(url: str) -> str:
    """Return scheme, host and port of a URL. Raises ValueError for what is no web address, or holds credentials."""
    parts = urlsplit(url)
    port = parts.port
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be a web address such as https://host/path")
    if "@" in parts.netloc:
        raise ValueError("it must not hold a user or a password")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return plain(f"{parts.scheme}://{name}" + (f":{port}" if port else ""))


def is_confidential(url: str) -> bool:
    """Return whether nobody on the way reads what is sent: TLS, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOCAL


def send(request: WebRequest, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Send a request until it is answered with 2xx. Raises DeliveryError, which names the host alone."""
    host = host_of(request.url)
    pool = _pool(request, host)
    try:
        for pause in _PAUSES:
            fault, wait_seconds = _once(pool, request, host)
            if not fault:
                return
            if wait_seconds is None:
                raise DeliveryError(fault)
            sleep(min(max(pause, wait_seconds), _MAX_WAIT_SECONDS))
        fault, _ = _once(pool, request, host)
        if fault:
            raise DeliveryError(fault)
    finally:
        pool.clear()


def _once(pool: "urllib3.PoolManager", request: WebRequest, host: str) -> tuple[str, float | None]:
    """Send a request; return a fault, empty for none, and how long to wait before the next try, None for no use."""
    import urllib3

    try:
        answer = pool.request(
            request.method,
            request.url,
            body=request.body,
            headers={"User-Agent": "kube-memory-auditor", **request.headers},
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            # NOTE: a redirect would hand the body to a server that nobody named
            redirect=False,
            retries=False,
            preload_content=False,
        )
        said = answer.read(_MAX_ANSWER_BYTES).decode(errors="replace")
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        fault, lasts = _words(error)
        return f"{host}: {fault}", None if lasts else 0
    if 200 <= answer.status < 300:
        return "", None
    text = f"{host}: HTTP {answer.status}"
    words = plain(" ".join((_without_path(said, request.url) if request.secret else said).split()))[:_SHOWN]
    if words:
        text += f": {words}"
    return text, _retry_after(answer.headers.get("Retry-After")) if answer.status in _PASSES else None


def _without_path(said: str, url: str) -> str:
    """Return what a server says without what it repeats of the URL's path."""
    parts = urlsplit(url)
    for word in sorted({parts.query, *parts.path.split("/")}, key=len, reverse=True):
        if len(word) >= _SECRET_LENGTH:
            said = said.replace(word, "***")
    return said


def _words(error: Exception) -> tuple[str, bool]:
    """Return what an error of the connection says, and whether trying again is no use; never the URL."""
    import urllib3

    kinds = urllib3.exceptions
    if isinstance(error, kinds.SSLError):
        return f"TLS: {plain(str(error))[:_SHOWN]}", True
    if isinstance(error, kinds.ProxyError):
        return "the proxy does not answer", False
    if isinstance(error, kinds.NameResolutionError):
        return "its name cannot be resolved", False
    if isinstance(error, kinds.NewConnectionError):
        return "no connection", False
    if isinstance(error, kinds.ConnectTimeoutError):
        return f"no connection within {_CONNECT_SECONDS:g} s", False
    if isinstance(error, kinds.ReadTimeoutError):
        return f"no answer within {_READ_SECONDS:g} s", False
    if isinstance(error, kinds.ProtocolError):
        return "the connection was cut", False
    return f"{type(error).__name__}", True


def _retry_after(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _pool(request: WebRequest, host: str) -> "urllib3.PoolManager":
    """Return a pool that verifies certificates and goes through the proxy of the environment."""
    import urllib3

    ca_file = request.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise DeliveryError(f"{ca_file}: there is no such file")
    authorities = str(ca_file) if ca_file else None
    parts = urlsplit(host)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=authorities)
    try:
        return urllib3.ProxyManager(proxy, cert_reqs="CERT_REQUIRED", ca_certs=authorities)
    except (urllib3.exceptions.HTTPError, ValueError):
        raise DeliveryError("the proxy of the environment is no web address") from None


def variable(name: str, environment: Mapping[str, str]) -> str:
    """Return the value of an environment variable. Raises DeliveryError when it is not set."""
    value = environment.get(name, "").strip()
    if not value:
        raise DeliveryError(f"the environment variable {name} is not set")
    return value
