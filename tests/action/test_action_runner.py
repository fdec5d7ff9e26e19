"""Text of strangers stays text: in outputs, workflow commands, the summary and inputs."""

from __future__ import annotations

import pytest
from action_lab import read_outputs
from hypothesis import given
from hypothesis import strategies as st
from runner import (
    COMMENT_LIMIT,
    SUMMARY_LIMIT,
    add_to_summary,
    cut,
    given_lines,
    print_unread,
    set_output,
    switched_on,
    tell,
)

HOSTILE = [
    "a b",
    "q\"u'o",
    "two\nlines",
    "::error::x",
    "x<<EOF\ny=1\nEOF",
    "%0A::set-output name=a::b",
    "$(id)`id`",
    "",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_an_output_is_read_back_whole(value, tmp_path, monkeypatch):
    file = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    set_output("first", value)
    set_output("second", "kept")
    assert read_outputs(file.read_text()) == {"first": value, "second": "kept"}


def test_the_end_of_an_output_differs_each_time(tmp_path, monkeypatch):
    file = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    set_output("a", "1")
    set_output("a", "1")
    first, second = [line for line in file.read_text().splitlines() if line.startswith("a<<")]
    assert first != second
    assert len(first) > len("a<<") + 32


@pytest.mark.parametrize("value", HOSTILE)
def test_a_command_is_one_line_whose_message_is_what_was_said(value, capsys):
    tell("notice", value, title=value)
    [line] = capsys.readouterr().out.splitlines()
    head, message = line[2:].split("::", 1)
    # As the runner reads it: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    assert message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == value
    title = head.removeprefix("notice title=")
    assert "," not in title
    unescaped = title.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",")
    assert unescaped.replace("%25", "%") == value


def test_nothing_in_unread_text_is_a_command(capsys):
    print_unread("::error::x\n::stop-commands::y\n::warning::z\n")
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert len(last) > 32


def test_the_summary_is_cut_at_one_mebibyte_with_a_note(tmp_path, monkeypatch):
    file = tmp_path / "summary"
    file.write_text("from before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    add_to_summary("| zeile mit ä |\n" * 100_000)
    size = file.stat().st_size
    assert SUMMARY_LIMIT - 200 < size <= SUMMARY_LIMIT == 1_048_576
    assert "cut here" in file.read_text()[-200:]
    assert file.read_text().startswith("from before\n| zeile")


def test_a_summary_that_fits_is_whole(tmp_path, monkeypatch):
    file = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    add_to_summary("caf\udce9\n")
    assert file.read_bytes() == b"caf\\udce9\n"


def test_a_summary_without_room_left_gets_nothing(tmp_path, monkeypatch):
    file = tmp_path / "summary"
    file.write_text("x" * (SUMMARY_LIMIT - 10))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    add_to_summary("more than ten bytes\n")
    assert file.stat().st_size == SUMMARY_LIMIT - 10


LINES = st.lists(st.sampled_from(["a", "``` yaml", "```", "````", "| x |", "", "é" * 30]), max_size=40)


@given(LINES, st.integers(0, 400))
def test_a_cut_text_fits_and_leaves_no_block_of_code_open(lines, limit):
    text = "".join(f"{line}\n" for line in lines)
    short = cut(text, limit)
    assert len(short) <= limit or short == text
    if short != text and short:
        assert "cut here" in short
        before_note = short.split("\n\n*This page")[0]
        open_fence = ""
        for line in before_note.splitlines():
            ticks = len(line.strip()) - len(line.strip().lstrip("`"))
            if open_fence and line.strip() == "`" * ticks and ticks >= len(open_fence):
                open_fence = ""
            elif not open_fence and ticks >= 3:
                open_fence = "`" * ticks
        assert open_fence == ""


def test_githubs_limit_of_a_comment_is_known():
    assert COMMENT_LIMIT == 65_536


def test_lines_of_an_input_may_have_spaces_and_commands_in_them(monkeypatch):
    monkeypatch.setenv("INPUT_PATHS", "  a b.yaml \n\n::error::x\n--help\r\n")
    assert given_lines("paths") == ("a b.yaml", "::error::x", "--help")


def test_a_switch_is_true_or_false_and_nothing_else(monkeypatch):
    for word, on in (("true", True), ("TRUE", True), ("false", False), ("", False)):
        monkeypatch.setenv("INPUT_TRUST_HEAD", word)
        assert switched_on("trust-head") is on
    monkeypatch.setenv("INPUT_TRUST_HEAD", "yes")
    with pytest.raises(ValueError, match="trust-head: 'yes' is neither true nor false"):
        switched_on("trust-head")
