"""The history of a workload: numbers and a line of peaks for a terminal, a picture for a browser."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from html import escape

import msgspec

from auditor.kube.humane import format_bytes, percent_text
from auditor.reports.text import bytes_words, counted, pad, plain
from auditor.usage.aggregate_model import Aggregate
from auditor.usage.model import UsageFacts

_BARS = "▁▂▃▄▅▆▇█"
_GAP = "·"
_WEEKLY = 1.2
"""A weekday is named when it peaks at so many times the median day."""
_WIDTH, _HEIGHT, _LEFT, _TOP = 720, 220, 80, 20


class Shown(msgspec.Struct, frozen=True):
    """One container's history, ready to be shown."""

    aggregate: Aggregate
    facts: UsageFacts

    @property
    def title(self) -> str:
        """Such as `shop/Deployment/web container app`."""
        item = self.aggregate
        cluster = f"{item.cluster}: " if item.cluster else ""
        return f"{cluster}{item.namespace}/{item.workload_kind}/{item.workload_name} container {item.container}"


def sparkline(values: Sequence[int | None]) -> str:
    """Return a bar for each value, the largest full; a dot where there is none."""
    most = max((value for value in values if value is not None), default=0)
    top = len(_BARS) - 1
    return "".join(_GAP if value is None else _BARS[value * top // most if most else 0] for value in values)


def peaks(shown: Shown) -> tuple[tuple[date, int | None], ...]:
    """Return the peak of every day from the first to the last one; None for a day without one."""
    known = {day.day: day.peak_bytes for day in shown.aggregate.days}
    first, last = min(known), max(known)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple((day, known.get(day)) for day in days)


def render_text(items: Iterable[Shown]) -> str:
    """Return a block for each container: what its history says, and its daily peaks as a line."""
    blocks = [_block(item) for item in items]
    return "\n".join(line for block in blocks for line in [*block, ""])


def _block(shown: Shown) -> list[str]:
    facts, days = shown.facts, peaks(shown)
    covered = f"{facts.days} of {facts.window_days} days, {percent_text(facts.coverage_ratio)} of their samples"
    rows = [
        ("window", f"{facts.first_day} to {facts.last_day}: {covered}, {counted(facts.pods, 'pod')}"),
        ("mean", bytes_words(facts.mean_bytes)),
        ("p95", bytes_words(facts.p95_bytes)),
        ("p99", bytes_words(facts.p99_bytes)),
        ("peak", bytes_words(facts.max_bytes) + (f" on {facts.max_day}" if facts.max_day else "")),
        ("limit", bytes_words(facts.limit_bytes)),
        *_events(facts),
        ("peaks", f"{sparkline([peak for _, peak in days])} {days[0][0]} to {days[-1][0]}"),
    ]
    width = max(len(name) for name, _ in rows)
    return [plain(shown.title), *(f"  {pad(name, width)}  {plain(text)}" for name, text in rows)]


def _events(facts: UsageFacts) -> Iterable[tuple[str, str]]:
    if facts.oom_kills:
        yield "OOM kills", f"{facts.oom_kills} ({', '.join(facts.oom_days)})"
    if facts.restarts:
        yield "restarts", str(facts.restarts)
    if facts.leak_bytes_per_day:
        yield "leak", f"{format_bytes(facts.leak_bytes_per_day)} a day"
    if facts.weekday and facts.weekday_peak_ratio is not None and facts.weekday_peak_ratio >= _WEEKLY:
        yield "weekly", f"{facts.weekday}s peak at {facts.weekday_peak_ratio:.1f} times the median day"
    if facts.swap_max_bytes:
        yield "swap", format_bytes(facts.swap_max_bytes)


def render_html(items: Sequence[Shown]) -> str:
    """Return a page with a picture for each container; it loads nothing and runs nothing."""
    body = "\n".join(_figure(item) for item in items) or "<p>no history</p>"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Memory history</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Memory history</h1>\n{body}\n</body>\n</html>\n"
    )


_STYLE = (
    "body{font:14px sans-serif;margin:2em auto;max-width:60em;color:#222;background:#fff}"
    "figure{margin:2em 0}figcaption{font-weight:bold;margin-bottom:.5em}svg{width:100%;height:auto}"
    "text{font:11px sans-serif;fill:#555}pre{color:#444}"
)


def _figure(shown: Shown) -> str:
    numbers = "\n".join(_block(shown)[1:-1])
    return (
        f"<figure>\n<figcaption>{_text(shown.title)}</figcaption>\n{_picture(shown)}\n<pre>{_text(numbers)}</pre>\n"
        "</figure>"
    )


def _text(text: str) -> str:
    return escape(plain(text)) if "\n" not in text else escape(text)


def _picture(shown: Shown) -> str:
    """Return the daily peaks as bars, with the request and the limit of each day as lines."""
    days = peaks(shown)
    told = {day.day: day for day in shown.aggregate.days}
    lines = {
        "request": [told[day].request_bytes if day in told else None for day, _ in days],
        "limit": [told[day].limit_bytes if day in told else None for day, _ in days],
    }
    every = [value for row in ([peak for _, peak in days], *lines.values()) for value in row if value is not None]
    most = max(every, default=1) or 1
    step = _WIDTH / len(days)
    bars = "".join(
        _bar(index * step, step, peak, most, day) for index, (day, peak) in enumerate(days) if peak is not None
    )
    paths = "".join(_line(row, step, most, name) for name, row in lines.items())
    axis = f'<text x="0" y="{_TOP + 8}">{bytes_words(most)}</text><text x="0" y="{_TOP + _HEIGHT}">0</text>'
    ends = "".join(
        f'<text x="{x}" y="{_TOP + _HEIGHT + 16}" text-anchor="{anchor}">{day}</text>'
        for x, anchor, day in ((_LEFT, "start", days[0][0]), (_LEFT + _WIDTH, "end", days[-1][0]))
    )
    size = f'viewBox="0 0 {_LEFT + _WIDTH + 10} {_TOP + _HEIGHT + 24}"'
    label = f'role="img" aria-label="{escape(plain(shown.title))}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>{axis}{bars}{paths}{ends}</svg>'


def _bar(x: float, width: float, value: int, most: int, day: date) -> str:
    height = value / most * _HEIGHT
    return (
        f'<rect x="{_LEFT + x:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{max(width - 1, 0.5):.1f}" '
        f'height="{height:.1f}" fill="#4878a8"><title>{day}: {bytes_words(value)}</title></rect>'
    )


_COLOURS = {"request": "#2a8a4a", "limit": "#c0392b"}


def _line(values: Sequence[int | None], step: float, most: int, name: str) -> str:
    """Return a line over the days that have a value; a gap where a day has none."""
    commands = []
    pen_down = False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        y = _TOP + _HEIGHT - value / most * _HEIGHT
        commands.append(
            f"{'L' if pen_down else 'M'}{_LEFT + index * step:.1f} {y:.1f}H{_LEFT + (index + 1) * step:.1f}"
        )
        pen_down = True
    if not commands:
        return ""
    path = " ".join(commands)
    return f'<path d="{path}" fill="none" stroke="{_COLOURS[name]}" stroke-width="1.5"><title>{name}</title></path>'
