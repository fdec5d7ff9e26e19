"""History from the lines of `docker stats --format json` on a node whose kubelet uses Docker (cri-dockerd).

Source: docker/cli, cli/command/container/formatter_stats.go and stats_helpers.go: on Linux `MemUsage` is the usage
without inactive files, which is the working set, in four digits; its limit is the node's memory where there is none.
The kubelet's shim names containers k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, and pause containers `POD`.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import Samples, Series
from auditor.usage.imports.text import opened, taken_at_ms, time_line, zone_note
from auditor.usage.imports.values import AmountError, Clock, amount_bytes, shown

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIMES = ("time", "timestamp", "Time", "Timestamp")
_INVALID = "--"


def pod_of(name: str) -> tuple[str, str, str] | None:
    """Return namespace, pod and container of a container's name; None for a container of no pod."""
    parts = name.lstrip("/").split("_")
    return (parts[3], parts[2], parts[1]) if len(parts) == 6 and parts[0] == "k8s" else None


def read_docker_stats(paths: Sequence[str], options: ImportOptions) -> ImportResult:
    """Return the days of files of JSON lines.

    A line has no time: a line that holds only one is that of the lines after it, a key `time` that of its line;
    `options.at` or the file's own time that of the others. Raises UsageError for a file that does not exist.
    """
    with Samples("docker-stats", options) as samples:
        clock = Clock(options.time_zone)
        others = 0
        for path in paths:
            with opened(path, samples) as text:
                if text is None:
                    continue
                time_ms = taken_at_ms(path, options)
                for number, raw in enumerate(text, 1):
                    line = _CONTROL.sub("", raw).strip()
                    found = time_line(line, clock)
                    if found is not None:
                        time_ms = found
                    elif line:
                        others += not _line(number, line, samples, _Time(clock, time_ms))
        if others:
            samples.notes.append(f"{others} lines of containers of no pod, or of pause containers, left out")
        samples.notes += zone_note(clock, options)
        samples.notes.append("docker prints four digits: each number may be 0.05 % off")
        return samples.result()


class _Time:
    """The time of a line that may say its own."""

    def __init__(self, clock: Clock, usual_ms: int) -> None:
        self._clock = clock
        self._usual_ms = usual_ms

    def of(self, data: dict[str, Any]) -> int | None:
        own = next((data[key] for key in _TIMES if key in data), None)
        return self._usual_ms if own is None else self._clock.milliseconds(own)


def _line(number: int, line: str, samples: Samples, time: _Time) -> bool:
    """Take a line, or tell its fault; return False for one that is left out."""
    try:
        data: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        data = None
    name, usage = (data.get("Name"), data.get("MemUsage")) if isinstance(data, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(usage, str):
        samples.fault(
            number, "bad line", f"{shown(line)} is no line of docker stats: a JSON object with Name and MemUsage"
        )
        return True
    pod = pod_of(name)
    if pod is None or pod[2] == "POD":
        return False
    used = usage.partition("/")[0].strip()
    time_ms = time.of(data)
    if used == _INVALID or time_ms is None:
        what = ("no numbers", "docker had no numbers") if used == _INVALID else ("no time", "its time is none")
        samples.fault(number, *what)
        return True
    try:
        value, _ = amount_bytes(used)
    except AmountError as error:
        samples.fault(number, error.kind, str(error))
        return True
    series = samples.series(number, Series(samples.options.cluster, *pod))
    if series is not None:
        samples.add(number, time_ms, series, value)
    return True
