"""Running helm and kustomize over untrusted input: bounded in time, memory and output, without network or plugins."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

from auditor.sources.rendering import Bounds

MAX_WORDS = 2_000
"""So many characters of a tool's own words are told."""

_MAX_ERROR_BYTES = 1 << 16
_BLOCK = 1 << 16
_DEAD_PROXY = "http://127.0.0.1:9"
"""The discard port: nobody listens, so that whatever asks for a host beyond this machine is refused at once."""


class ToolError(Exception):
    """A tool that failed, or was ended; its text is for people, the tool's own words where it had some."""


class Sandbox:
    """A temporary folder that is a tool's whole world besides its input, and the environment that says so."""

    def __init__(self, folder: str, bounds: Bounds) -> None:
        self.folder = Path(folder)
        self._bounds = bounds
        for name in ("home", "bin", "plugins", "tmp"):
            (self.folder / name).mkdir()

    def run(self, command: Sequence[str]) -> bytes:
        """Return what a command prints. Raises ToolError."""
        bounds = self._bounds
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and every argument is made here
                [*_without_network(), *command],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(f"{command[0]} cannot be run: {error.strerror}") from error
        try:
            _bound_memory(process.pid, bounds.memory_bytes)
            output, errors = _drained(process, bounds)
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired as error:
            raise ToolError("it closed its output and did not end") from error
        finally:
            _end(process)
        if code != 0:
            raise ToolError(_words(errors) or f"it ended with exit code {code} and said nothing")
        return output

    def _environment(self) -> dict[str, str]:
        home, plugins = str(self.folder / "home"), str(self.folder / "plugins")
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _DEAD_PROXY)
        return {
            # An empty folder: kustomize would clone with the git that it finds here.
            "PATH": str(self.folder / "bin"),
            "HOME": home,
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "KUBECONFIG": os.devnull,
            "HELM_PLUGINS": plugins,
            "HELM_NO_PLUGINS": "1",
            "KUSTOMIZE_PLUGIN_HOME": plugins,
            **{f"HELM_{name}_HOME": f"{home}/helm-{name.lower()}" for name in ("CACHE", "CONFIG", "DATA")},
            **{f"XDG_{name}_HOME": f"{home}/{name.lower()}" for name in ("CACHE", "CONFIG", "DATA")},
            **proxies,
            "NO_PROXY": "",
        }


@contextlib.contextmanager
def sandbox(bounds: Bounds) -> Iterator[Sandbox]:
    """Give a sandbox whose folder is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="auditor-render-") as folder:
        yield Sandbox(os.path.realpath(folder), bounds)


def _bound_memory(pid: int, limit_bytes: int) -> None:
    """Bound a process that just started: `until 1000000000` in a template would take the machine's memory."""
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _drained(process: subprocess.Popen[bytes], bounds: Bounds) -> tuple[bytes, bytes]:
    """Return all that a process prints, and the beginning of its errors. Raises ToolError at a bound."""
    deadline = time.monotonic() + bounds.seconds
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, into in ((process.stdout, output), (process.stderr, errors)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, into)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise ToolError(f"it did not end within {bounds.seconds:g} s")
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK)
                if not block:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(errors) < _MAX_ERROR_BYTES:
                    key.data.extend(block)
            if len(output) > bounds.output_bytes:
                raise ToolError(f"it prints more than {bounds.output_bytes / 2**20:g} MiB")
    return bytes(output), bytes(errors)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, with what it started, and close its pipes."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    streams: tuple[IO[bytes] | None, ...] = (process.stdout, process.stderr)
    for stream in streams:
        if stream is not None:
            stream.close()


_GO_CRASH = ("fatal error: ", "runtime: out of memory")


def _words(errors: bytes) -> str:
    """Return the tool's words, bounded; of a crash of Go, whose words are pages of stacks, the first lines."""
    text = errors.decode("utf-8", "replace").strip()
    lines = text.splitlines()
    if lines and lines[0].startswith(_GO_CRASH):
        wants_memory = "out of memory" in text or "cannot allocate memory" in text
        return "it ran out of the memory it may take" if wants_memory else lines[0]
    kept = "\n".join(line for line in lines if not line.startswith("WARNING: ")).removeprefix("Error: ")
    return kept if len(kept) <= MAX_WORDS else f"{kept[:MAX_WORDS]} …"


@lru_cache(maxsize=1)
def _without_network() -> tuple[str, ...]:
    """Return the command that starts another without a network, where the kernel lets this user make one.

    It is the second wall, not the only one: proxies do not cover this machine's own ports.
    """
    program = shutil.which("unshare")
    if sys.platform != "linux" or program is None:
        return ()
    command = (program, "--user", "--map-root-user", "--net", "--")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every argument is made here
            [*command, program, "--version"], capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if done.returncode == 0 else ()
