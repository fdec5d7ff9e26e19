"""Links to the lines of new findings, in Markdown that manifests cannot break."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pages
import pytest

BLOB = "https://github.example/shop/deploy/blob/abc"


def finding(file="web.yaml", line=3, policy="memory-limit-missing"):
    return {"file": file, "line": line, "policy": policy}


def test_a_finding_links_to_its_line():
    text = pages.links([finding("./deploy/web.yaml")], BLOB)
    assert "- [./deploy/web.yaml:3](https://github.example/shop/deploy/blob/abc/deploy/web.yaml#L3) memory" in text


@pytest.mark.parametrize(
    "name", ["a b.yaml", "x](https://evil.example).yaml", "ü#1?.yaml", "::a\nb.yaml", "caf\udce9.yaml"]
)
def test_a_name_of_a_file_stays_in_its_link(name):
    [line] = [line for line in pages.links([finding(name)], BLOB).splitlines() if line.startswith("- ")]
    url = line.split("](")[-1].split(")")[0]
    assert urlsplit(url).netloc == "github.example"
    assert urlsplit(url).fragment == "L3"
    assert unquote(urlsplit(url).path) == "/shop/deploy/blob/abc/" + name.encode("utf-8", "replace").decode()
    assert "](https://evil" not in line


def test_findings_without_a_line_have_no_link_and_many_are_counted():
    assert pages.links([finding(None, None)], BLOB) == ""
    text = pages.links([finding(line=number) for number in range(1, 61)], BLOB)
    assert text.count("](") == 50
    assert "- and 10 more" in text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<b>", "&lt;b&gt;"),
        ("@team", "@&#8203;team"),
        ("a|b", "a\\|b"),
        ("two\nlines", "two\\\\nlines"),
        ("https://x", "https:&#8203;//x"),
        ("#12", "\\#&#8203;12"),
        ("\u202e", "\\\\u202e"),
    ],
)
def test_text_is_letters(text, safe):
    assert pages.escaped(text) == safe


def test_a_block_of_code_ends_where_it_should():
    assert pages.fenced("a\n```\nb") == "````\na\n```\nb\n````\n"
    assert pages.fenced("", "text") == "```text\n```\n"
