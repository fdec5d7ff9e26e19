"""The forms of a comparison: what they share, and DIFF_FORMATS, each loaded when it is used."""

from collections.abc import Callable, Sequence
from importlib import import_module

from auditor.diff.model import BASE, BOTH, KNOWN, UNCHANGED, WAIVED, AskedWaiver, Diff, Footprint, Judging, SideSkipped
from auditor.diff.model import WorkloadChange as Change
from auditor.diff.words import size_words
from auditor.findings import Finding
from auditor.reports.text import bytes_words, counted, skipped_where, workload_words, worst_first


def _lazy(module: str) -> Callable[..., str]:
    def render(diff: Diff, **options: object) -> str:
        text: str = import_module(f"auditor.reports.{module}").render(diff, **options)
        return text

    return render


DIFF_FORMATS: dict[str, Callable[..., str]] = {
    "table": _lazy("diff_table"),
    "text": _lazy("diff_table"),
    "json": _lazy("diff_json"),
    "sarif": _lazy("diff_sarif"),
    "csv": _lazy("diff_csv"),
    "csv-memory": _lazy("diff_csv_memory"),
    "markdown": _lazy("diff_markdown"),
    "github": _lazy("diff_github"),
}
"""Name to renderer of a Diff. `table` also has `width` and `colour`, `markdown` has `limit`."""

ARROW = " → "


def verdict(diff: Diff) -> str:
    """Return how many findings are new, fixed and as before, or why nothing can be said."""
    if diff.base.objects + diff.head.objects == 0:
        return "Nothing to compare: neither side has a Kubernetes object."
    counts = diff.new_by_severity()
    worst = ", ".join(f"{number} {severity}" for severity, number in counts.items() if number)
    new = f"{counted(sum(counts.values()), 'new finding')}: {worst}" if worst else "No new findings"
    parts = [new, f"{len(diff.fixed)} fixed", f"{len(diff.of(UNCHANGED))} unchanged"]
    parts += [f"{len(some)} {status}" for status in (WAIVED, KNOWN) if (some := diff.of(status))]
    incomplete = f" Incomplete: {counted(len(diff.skipped), 'input')} could not be judged." if diff.skipped else ""
    return f"{'; '.join(parts)}.{incomplete}"


def sides(diff: Diff) -> str:
    """Return what was compared: `main (1a2b3c4) → the work tree`."""
    names = []
    for side in (diff.base, diff.head):
        name = side.name or "the work tree"
        names.append(f"{name} ({side.commit[:10]})" if side.commit and not side.commit.startswith(name) else name)
    return ARROW.join(names)


def shown_findings(diff: Diff) -> list[Finding]:
    """Return the findings that count, the worst first."""
    return worst_first(item.finding for item in diff.counted)


def totals(diff: Diff) -> list[tuple[str, str, str, str]]:
    """Return what is summed: its name, before, after, and the difference; nothing for what is zero on both sides."""
    memory = diff.memory
    rows = []
    for name, field, number in _TOTALS:
        before, after, delta = (getattr(item, field) for item in (memory.before, memory.after, memory.delta))
        if field.endswith("_max_bytes") and _same_as_plain(diff, field):
            continue
        if before or after:
            rows.append(
                (
                    name,
                    *(
                        (str(before), str(after), f"{delta:+d}" if delta else "0")
                        if number
                        else _sizes(before, after, delta)
                    ),
                )
            )
    return rows


_TOTALS = (
    ("Requests", "request_bytes", False),
    ("Requests with autoscalers at their upper bound", "request_max_bytes", False),
    ("Limits of bounded pods", "limit_bytes", False),
    ("Limits with autoscalers at their upper bound", "limit_max_bytes", False),
    ("Pods", "pods", True),
    ("Pods without a memory bound", "unbounded_pods", True),
    ("Memory volumes", "tmpfs_bytes", False),
    ("Pods with an unbounded memory volume", "unbounded_tmpfs_pods", True),
)
"""Name, field, and whether it is a count."""


def _same_as_plain(diff: Diff, field: str) -> bool:
    plain = field.replace("_max", "")
    return all(getattr(item, field) == getattr(item, plain) for item in (diff.memory.before, diff.memory.after))


def _sizes(before: int, after: int, delta: int) -> tuple[str, str, str]:
    sign = "+" if delta > 0 else "-" if delta < 0 else ""
    return size_words(before), size_words(after), f"{sign}{size_words(abs(delta))}"


CHANGE_COLUMNS = ("Workload", "Change", "Pods", "Request", "Limit", "QoS", "Memory volumes")
HISTORY_COLUMNS = ("p95", "Peak")


def change_cells(change: Change, *, history: bool) -> tuple[str, ...]:
    """Return the cells of a workload whose memory changed, of one pod but for the number of pods."""
    before, after = change.before, change.after
    cells = [
        workload_words(change.workload),
        change.change,
        _both(before, after, _pods),
        _both(before, after, lambda item: bytes_words(item.request_bytes)),
        _both(before, after, _limit),
        _both(before, after, lambda item: item.qos_class or "?"),
        _both(before, after, _tmpfs),
    ]
    if history:
        cells += [
            _both(before, after, lambda item: bytes_words(item.p95_bytes)),
            _both(before, after, lambda item: bytes_words(item.peak_bytes)),
        ]
    return tuple(cells)


def has_history(diff: Diff) -> bool:
    """Return whether a changed workload has a history."""
    sides = [side for change in diff.memory.workloads for side in (change.before, change.after) if side is not None]
    return any(side.peak_bytes is not None or side.p95_bytes is not None for side in sides)


def _both(before: Footprint | None, after: Footprint | None, words: Callable[[Footprint], str]) -> str:
    """Return what both sides say, once when it is the same."""
    told = [words(item) for item in (before, after) if item is not None]
    return ARROW.join(dict.fromkeys(told))


def _pods(item: Footprint) -> str:
    number = "?" if item.replicas is None else str(item.replicas)
    if item.max_replicas is None:
        return number
    return f"{number} ({'?' if item.min_replicas is None else item.min_replicas} to {item.max_replicas})"


def _limit(item: Footprint) -> str:
    return bytes_words(item.limit_bytes) if item.bounded else "unbounded"


def _tmpfs(item: Footprint) -> str:
    words = bytes_words(item.tmpfs_bytes)
    return f"{words}, {', '.join(item.unbounded_tmpfs)} unbounded" if item.unbounded_tmpfs else words


def unknown_words(diff: Diff) -> list[str]:
    """Return the workloads that no sum holds, and why: by name those that the change touches, the others counted."""
    changed = {change.workload for change in diff.memory.workloads}
    named = [item for item in diff.memory.unknown if item.workload in changed]
    words = [f"{item.side.upper()}: {workload_words(item.workload)}: {item.reason}" for item in named]
    others = len({item.workload for item in diff.memory.unknown} - changed)
    return [*words, f"{counted(others, 'other workload')} whose memory is not known"] if others else words


def skipped_words(item: SideSkipped) -> str:
    """Return where and why an input could not be judged, with its side."""
    side = "both sides" if item.side == BOTH else item.side.upper()
    return f"{skipped_where(item.item)} ({side}): {item.item.reason}"


def asked_words(item: AskedWaiver) -> str:
    """Return what an inline waiver asks for."""
    return f"{workload_words(item.workload)}: {item.policy} until {item.until} by {item.by}: {item.reason}"


def judging_words(item: Judging) -> str:
    """Return which file of the rules the change touches, and whose is used."""
    used = "BASE's is used" if item.used == BASE else "HEAD's is used"
    return f"{item.file} ({item.what}): {item.change}; {used}"


def lists(diff: Diff) -> list[tuple[str, Sequence[str]]]:
    """Return the lists that every form for people has: their titles and lines, which are not yet made safe."""
    return [
        ("Not judged", [skipped_words(item) for item in diff.skipped]),
        ("Rules that this change touches", [judging_words(item) for item in diff.judging]),
        ("Waivers that this change asks for", [asked_words(item) for item in diff.waivers_asked]),
        ("Not in the sums", unknown_words(diff)),
        ("Notes", diff.notes),
    ]
