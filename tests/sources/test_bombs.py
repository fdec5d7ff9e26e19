"""Bombs end in under a second with a skip, and never take the process down."""

# ruff: noqa: E501, PTH, ARG001 - a row of a table is one line; links and odd names need os

import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys
from auditor.sources.read import read_bytes
result = read_bytes(eval(sys.argv[1]).encode(), "x")
print(len(result.objects), *(item.reason for item in result.skipped), sep="|")
"""
HEAD = "'apiVersion: v1\\nkind: X\\n'"
BOMBS = {
    "open sequences": ("'[' * 200000", ""),
    "closed sequences": ("'[' * 200000 + ']' * 200000", "deeper than 64 levels"),
    "closed under 1000": ("'[' * 900 + ']' * 900", "deeper than 64 levels"),
    "open mappings": ("'{a: ' * 200000", "deeper than 64 levels"),
    "json mappings": ("'{\"a\": ' * 200000 + '1' + '}' * 200000", "deeper than 64 levels"),
    "json siblings": ("'[[' + '[],' * 200000 + '0]' * 1", "YAML error"),
    "dashes on one line": ("'- ' * 200000", "deeper than 64 levels"),
    "questions on one line": ("'? ' * 200000", ""),
    "indentation": ("''.join(' ' * i + 'a:\\n' for i in range(3000))", "deeper than 64 levels"),
    "a cycle": (HEAD + " + 'a: &a [*a]'", "the alias 'a' contains itself"),
    "a mapping cycle": (HEAD + " + 'a: &a {b: *a}'", "the alias 'a' contains itself"),
    "an alias bomb": (
        HEAD + " + 'a0: &a0 [1,1,1,1,1,1,1,1,1]\\n' + ''.join(f'a{i}: &a{i} [' + ','.join([f'*a{i-1}'] * 9) + ']\\n' for i in range(1, 12))",
        "aliases expand to more than 100000 nodes",
    ),
    "a merge bomb": (
        HEAD + " + 'a0: &a0 {x: [1,1,1,1,1,1,1,1]}\\n' + ''.join(f'a{i}: &a{i} {{p: *a{i-1}, q: *a{i-1}, <<: *a{i-1}}}\\n' for i in range(1, 40))",
        "aliases expand to more than 100000 nodes",
    ),
    "many anchors": (HEAD + " + 'a:\\n' + ''.join(f'- &a{i} 1\\n' for i in range(2000))", "more than 1000 anchors and aliases"),
    "a long key": ("'a' * 2000000 + ': 1'", None),
    "many colons": ("'a:' * 200000", None),
    "many quotes": ("'\"' * 200001", None),
    "spaces": ("' ' * 2000000 + 'x'", None),
    "blank lines": ("'a:' + '\\n' * 500000 + ' - - yes'", None),
    "dashes": ("'\\n' + '- ' * 50 + 'x\\n' * 20000", None),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_skipped_at_once(name):
    expression, reason = BOMBS[name]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, expression], capture_output=True, text=True, timeout=20, check=False
    )
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    if reason is not None:
        objects, *reasons = done.stdout.strip().split("|", 1)
        assert objects == "0"
        assert reason in reasons[0]
    # The process itself starts in a third of a second; the machine may be busy.
    assert seconds < 2.5


def test_depth_64_is_read_and_65_is_not():
    from auditor.sources.read import plain_documents

    for opening, closing in (("[", "]"), ('{"a": ', "}"), ("{a: ", "}")):
        assert len(plain_documents((opening * 64 + "1" + closing * 64).encode())) == 1
        assert plain_documents((opening * 65 + "1" + closing * 65).encode()) == []
