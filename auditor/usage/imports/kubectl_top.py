"""History from what `kubectl top pods --containers` printed, once or again and again.

Source: k8s.io/kubectl pkg/metricsutil/metrics_printer.go of Kubernetes 1.37. The amounts are working sets in whole MiB,
rounded down.
"""

import re
from collections.abc import Sequence

from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import Samples, Series
from auditor.usage.imports.text import opened, taken_at_ms, time_line, zone_note
from auditor.usage.imports.values import AmountError, Clock, amount_bytes, shown

_WORDS = {"NAMESPACE": "namespace", "POD": "pod", "NAME": "container", "CONTAINER": "container"}
_ALL = {"namespace": 0, "pod": 1, "container": 2, "memory": 4}
_ONE = {"pod": 0, "container": 1, "memory": 3}
_CPU = re.compile(r"[0-9]+m?")
_RULE = re.compile(r"[_\s]+")


def read_kubectl_top(paths: Sequence[str], options: ImportOptions) -> ImportResult:
    """Return the days of texts of `kubectl top pods --containers`, of all namespaces or one, with headers or without.

    The text has no times: a line that holds only one (as `date` writes it before each run) is that of the lines after
    it; `options.at` or the file's own time that of those before. Raises UsageError for a file that does not exist.
    """
    with Samples("kubectl-top", options) as samples:
        clock = Clock(options.time_zone)
        for path in paths:
            with opened(path, samples) as text:
                if text is not None:
                    reader = _Reader(samples, clock, taken_at_ms(path, options))
                    for number, line in enumerate(text, 1):
                        reader.line(number, line)
        samples.notes += zone_note(clock, options)
        result = samples.result()
    if not result.rows:
        return result
    note = "kubectl prints whole MiB, rounded down: each number may be up to 1 MiB more"
    return ImportResult(result.rows, result.skipped, (*result.notes, note))


class _Reader:
    def __init__(self, samples: Samples, clock: Clock, time_ms: int) -> None:
        self._samples = samples
        self._clock = clock
        self._time_ms = time_ms
        self._columns: dict[str, int] | None = None
        self._without_containers = False

    def line(self, number: int, line: str) -> None:
        words = line.split()
        if not words:
            return
        time_ms = time_line(line, self._clock)
        if time_ms is not None:
            self._time_ms = time_ms
        elif "MEMORY(bytes)" in words:
            self._header(number, words)
        elif _RULE.fullmatch(line.rstrip("\r\n")) or line[0].isspace():
            return  # the sum of --sum
        elif not self._without_containers:
            self._container(number, line, words)

    def _header(self, number: int, words: list[str]) -> None:
        found = {_WORDS[word]: at for at, word in enumerate(words) if word in _WORDS}
        self._columns = {**found, "memory": words.index("MEMORY(bytes)")}
        self._without_containers = "pod" not in found
        if self._without_containers:
            self._samples.fault(number, "no containers", "tells pods, not containers: run it with --containers")

    def _container(self, number: int, line: str, words: list[str]) -> None:
        columns = self._columns
        if columns is None:
            columns = _ALL if len(words) > 4 and _CPU.fullmatch(words[3]) else _ONE
        if len(words) <= columns["memory"] or not _CPU.fullmatch(words[columns["memory"] - 1]):
            self._samples.fault(number, "bad line", f"{shown(line.strip())} is no line of kubectl top")
            return
        namespace = words[columns["namespace"]] if "namespace" in columns else self._samples.options.namespace
        name = Series(
            self._samples.options.cluster, namespace or "", words[columns["pod"]], words[columns["container"]]
        )
        series = self._samples.series(number, name)
        try:
            value, _ = amount_bytes(words[columns["memory"]])
        except AmountError as error:
            self._samples.fault(number, error.kind, str(error))
            return
        if series is not None:
            self._samples.add(number, self._time_ms, series, value)
