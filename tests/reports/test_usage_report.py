"""The history of a container, for a terminal and for a browser."""

from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

from auditor.reports.usage import Shown, peaks, render_html, render_text, sparkline
from auditor.usage.model import UsageDay
from auditor.usage.statistics import aggregate_of, facts

MIB = 2**20
LAST = date(2026, 1, 31)


def shown(peaks_mib, container="app", **fields):
    """Return the history of one pod with a peak a day, None for a day without samples; the last day is 2026-01-31."""
    rows = [
        UsageDay(
            day=LAST - timedelta(days=len(peaks_mib) - 1 - index),
            namespace="shop",
            workload_kind="Deployment",
            workload_name="web",
            pod="web-1",
            container=container,
            samples=1440,
            coverage=1.0,
            mean_bytes=peak * MIB // 2,
            max_bytes=peak * MIB,
            limit_bytes=512 * MIB,
            source="test",
            collected_at=datetime(2026, 2, 1, tzinfo=UTC),
            **fields,
        )
        for index, peak in enumerate(peaks_mib)
        if peak is not None
    ]
    aggregate = aggregate_of(rows)
    return Shown(aggregate, facts(aggregate, window_days=len(peaks_mib)))


def test_a_sparkline_has_a_bar_for_each_value_and_a_dot_for_none():
    assert sparkline([0, 50, None, 100]) == "▁▄·█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


def test_days_without_rows_are_gaps():
    assert [peak for _, peak in peaks(shown([100, None, 300]))] == [100 * MIB, None, 300 * MIB]


def test_the_text_tells_numbers_with_their_days():
    text = render_text([shown([100, 200, 400], oom_kills=1, restarts=2)])
    assert text.splitlines()[0] == "shop/Deployment/web container app"
    assert "2026-01-29 to 2026-01-31: 3 of 3 days, 100% of their samples, 1 pod" in text
    assert "peak       400Mi on 2026-01-31" in text
    assert "OOM kills  3 (2026-01-29, 2026-01-30, 2026-01-31)" in text
    assert "▂▄█ 2026-01-29 to 2026-01-31" in text


def test_nothing_is_said_to_be_nothing():
    assert not render_text([])
    assert "<p>no history</p>" in render_html([])


class Page(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self):
        super().__init__()
        self.elements = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_the_page_is_whole_has_a_bar_a_day_and_loads_nothing():
    text = render_html([shown([100, None, 300])])
    page = Page()
    page.feed(text)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("rect") == 2
    assert tags.count("path") == 1
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert not any({"src", "href", "onload"} & set(attributes) for _, attributes in page.elements)
    assert text.endswith("</html>\n")


def test_what_a_name_holds_is_no_markup():
    text = render_html([shown([100], container="<script>alert(1)</script>")])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
