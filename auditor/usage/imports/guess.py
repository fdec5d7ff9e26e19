"""Which way in a file needs, by its name and its beginning."""

import re
from pathlib import Path

from auditor.usage.errors import UsageError
from auditor.usage.imports.model import ImportOptions
from auditor.usage.imports.samples import Samples
from auditor.usage.imports.text import opened

FORMATS = ("csv", "parquet", "kubectl-top", "pod-metrics", "docker-stats", "vpa-checkpoint", "instana")
"""The ways in, by the words that choose them."""

_START = 64 * 1024
_BY_CONTENT = (
    ("vpa-checkpoint", re.compile(r"VerticalPodAutoscalerCheckpoint")),
    ("pod-metrics", re.compile(r"\"?kind\"?\s*:\s*\"?PodMetrics(List)?\b")),
    ("docker-stats", re.compile(r"\"MemUsage\"\s*:")),
    ("instana", re.compile(r"^\s*\{.*\"items\"\s*:.*\"metrics\"\s*:", re.DOTALL)),
    ("kubectl-top", re.compile(r"\bMEMORY\(bytes\)|^(\S+ +){2,3}[0-9]+m +[0-9]+Mi\s*$", re.MULTILINE)),
    ("csv", re.compile(r"\A[^\n]*[,;\t]")),
)


def guess_format(path: str, options: ImportOptions) -> str:
    """Return one of FORMATS. Raises UsageError for a file that does not exist or looks like none of them."""
    if path.endswith(".parquet"):
        return "parquet"
    if path == "-":
        raise UsageError("standard input: say what it is with --format")
    if re.search(r"\.[ct]sv(\.gz)?$", path):
        return "csv"
    with Samples("", options) as samples, opened(path, samples) as text:
        start = text.read(_START) if text is not None else ""
    for name, pattern in _BY_CONTENT:
        if pattern.search(start):
            return name
    raise UsageError(f"{Path(path).as_posix()}: not known by its beginning; say with --format: {', '.join(FORMATS)}")
