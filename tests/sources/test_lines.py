"""Columns are code points of the line before an offset, however long the line is."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.sources.lines import Lines
from auditor.sources.read import plain_documents

TEXTS = st.lists(
    st.text("aé中😀\n\r\ufeff", max_size=8) | st.sampled_from(("é" * 700, "a" * 1500)), min_size=1, max_size=6
).filter(any)


@given(TEXTS, st.data())
def test_a_column_is_the_code_points_before_it_without_a_byte_order_mark(parts: list[str], data: st.DataObject) -> None:
    content = "".join(parts).encode()
    lines = Lines(content, "-")
    for _ in range(4):
        offset = data.draw(st.integers(0, max(0, len(content) - 1)))
        whole = content[:offset].splitlines(keepends=True)
        cut = content[offset - 1 : offset + 1] == b"\r\n"
        ended = not whole or (whole[-1].endswith((b"\n", b"\r")) and not cut)
        last = b"" if ended else whole[-1]
        column = len(last.decode("utf-8", "replace").lstrip("\ufeff")) + 1
        assert lines.position(offset) == (len(whole) + (1 if ended else 0), column)


def test_places_in_one_long_line_cost_no_more_than_in_many() -> None:
    content = ("é" * 10 + "a" * 10) * 50_000
    lines = Lines(content.encode(), "-")
    assert [lines.position(offset)[1] for offset in range(0, 1_500_000, 30)] == list(range(1, 1_000_001, 20))


def test_items_far_down_a_list_have_their_own_places() -> None:
    text = "[" + ",\n".join(f'{{"apiVersion": "v1", "kind": "Pod", "number": {number}}}' for number in range(100)) + "]"
    ((_, locator),) = plain_documents(text.encode())
    assert [locator.place((number, "number")).line for number in range(100)] == list(range(1, 101))
