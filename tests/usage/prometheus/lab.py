"""Real servers on loopback with scripted history, and a proxy of ours that makes faults in front of them."""
# ruff: noqa: S310 - every URL is http on loopback

import contextlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs

Sample = tuple[float, float]
"""Seconds since 1970, and a value."""


class History:
    """Series to be."""

    def __init__(self) -> None:
        self.series: dict[str, dict[tuple[tuple[str, str], ...], list[Sample]]] = {}

    def add(self, name: str, samples: Iterable[Sample], **labels: str) -> None:
        """Add samples of one series."""
        known = self.series.setdefault(name, {}).setdefault(tuple(sorted(labels.items())), [])
        known.extend(samples)

    def lines(self, *, milliseconds: bool) -> Iterator[str]:
        """Yield the lines of the text format; OpenMetrics has seconds, the older format milliseconds."""
        for name, by_labels in self.series.items():
            if not milliseconds:
                yield f"# TYPE {name} unknown\n"
            for labels, samples in by_labels.items():
                text = ",".join(f'{key}="{value}"' for key, value in labels)
                for seconds, value in samples:
                    when = str(round(seconds * 1000)) if milliseconds else f"{seconds:.3f}"
                    yield f"{name}{{{text}}} {value!r} {when}\n"


def free_port() -> int:
    """Return a port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it has started when the URL answers."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        else:
            raise AssertionError(log.read_text())
        yield process
    finally:
        process.terminate()
        process.wait(20)


def fill(history: History, folder: Path, promtool: str) -> Path:
    """Write history as a Prometheus database and return its folder."""
    return fill_lines(history.lines(milliseconds=False), folder, promtool)


def fill_lines(lines: Iterable[str], folder: Path, promtool: str) -> Path:
    """Write lines of OpenMetrics as a Prometheus database and return its folder."""
    text, data = folder / "history.om", folder / "data"
    with text.open("w") as out:
        out.writelines(lines)
        out.write("# EOF\n")
    # one block where the default makes one each two hours, and reads the text as many times
    flags = ["--quiet", "--max-block-duration=8760h"]
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", *flags, text, data], check=True, capture_output=True
    )
    text.unlink()
    return data


@contextlib.contextmanager
def prometheus(data: Path, tools: dict[str, str], *flags: str) -> Iterator[str]:
    """Run Prometheus over a database and yield its URL."""
    port = free_port()
    config = data.parent / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    command = [
        tools["prometheus"],
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready", data.parent / f"prometheus-{port}.log"):
        yield url


@contextlib.contextmanager
def victoria_metrics(history: History, folder: Path, program: str) -> Iterator[str]:
    """Run VictoriaMetrics with history in it and yield its URL."""
    port = free_port()
    command = [
        program,
        f"-storageDataPath={folder / 'vm'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/health", folder / "vm.log"):
        body = "".join(history.lines(milliseconds=True)).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/import/prometheus", data=body)).close()
        urllib.request.urlopen(f"{url}/internal/force_flush").close()
        yield url


@dataclass
class Request:
    """What a client asked of the proxy."""

    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass
class Fault:
    """What the proxy answers instead of the server; `status` 0 passes the server's answer on, cut or late."""

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    late_seconds: float = 0.0
    cut_bytes: int | None = None


class Proxy:
    """A server in front of another: `rule` says which requests meet a fault."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.requests: list[Request] = []
        self.rule: Callable[[Request], Fault | None] = lambda _: None
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                proxy.handle(self, path, query.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.handle(self, self.path, body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler, path: str, body: bytes) -> None:
        """Answer one request."""
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        request = Request(handler.command, path, dict(handler.headers), fields)
        with self._lock:
            self.requests.append(request)
            fault = self.rule(request) or Fault()
        if fault.status:
            time.sleep(fault.late_seconds)
            status, kind, answer = fault.status, "application/json", fault.body
        else:
            status, kind, answer = self._ask(path, body)  # by POST: the two are one to Prometheus
            time.sleep(fault.late_seconds)
        headers = {"Content-Type": kind, "Content-Length": str(len(answer)), **fault.headers}
        with contextlib.suppress(OSError):
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(answer if fault.cut_bytes is None else answer[: fault.cut_bytes])
        handler.close_connection = True

    def _ask(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.target}{path}", data=body)) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Content-Type", ""), error.read()
