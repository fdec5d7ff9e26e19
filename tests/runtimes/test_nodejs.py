"""What Node.js is told about V8's old space."""

import pytest

from tests.runtimes.containers import GIB, MIB, SECRETS, env, heap, secret


@pytest.mark.parametrize(
    ("raw", "mib", "at"),
    [
        ({"command": ["node", "--max-old-space-size=400", "a.js"]}, 400, "command[1]"),
        ({"command": ["node", "--max_old_space_size=400", "a.js"]}, 400, "command[1]"),
        ({"command": ["/usr/local/bin/node"], "args": ["--max-old-space-size=400", "a.js"]}, 400, "args[0]"),
        ({"command": ["node", "-r", "x", "--max-old-space-size=400", "a.js"]}, 400, "command[3]"),
        ({"command": ["node", "--max-old-space-size=1", "--max-old-space-size=2", "a.js"]}, 2, "command[2]"),
        ({"env": env(NODE_OPTIONS="--inspect --max-old-space-size=300")}, 300, "env[0].value"),
        ({"command": ["npm", "start"], "env": env(NODE_OPTIONS="--max-old-space-size=300")}, 300, "env[0].value"),
        (
            {
                "command": ["node", "--max-old-space-size=400", "a.js"],
                "env": env(NODE_OPTIONS="--max_old_space_size=300"),
            },
            400,
            "command[1]",
        ),
        ({"command": ["sh", "-c", "exec node --max-old-space-size=$M a.js"], "env": env(M="7")}, 7, "command[2]"),
        ({"command": ["sh", "-c", "NODE_OPTIONS=--max-old-space-size=9 npm start"]}, 9, "command[2]"),
        ({"image": "node:22", "args": ["--max-old-space-size=400", "a.js"]}, 400, "args[0]"),
    ],
)
def test_the_deciding_flag_and_its_place(raw, mib, at):
    found = heap(**raw)
    assert (found.runtime, found.max_bytes, found.at) == ("nodejs", mib * MIB, at)
    assert found.declared
    assert not found.unknown


def test_flags_of_the_script_or_of_npm_are_not_nodes():
    assert not heap(command=["node", "a.js", "--max-old-space-size=400"]).declared
    assert not heap(command=["npm", "start", "--max-old-space-size=400"]).declared


def test_a_flag_without_its_value_or_with_zero():
    refused = heap(command=["node", "--max-old-space-size", "400", "a.js"])
    assert (refused.max_bytes, refused.declared) == (None, True)
    assert not heap(command=["node", "--max-old-space-size=0", "a.js"]).declared


def test_the_young_generation_is_another_matter():
    assert not heap(command=["node", "--max-semi-space-size=64", "a.js"]).declared


def test_a_percentage_beats_a_size_and_is_of_the_memory():
    found = heap(command=["node", "--max-old-space-size-percentage=50", "--max-old-space-size=100", "a.js"])
    assert (found.max_bytes, found.percent) == (512 * MIB, 50.0)
    assert found.flag == "--max-old-space-size-percentage=50"
    unlimited = heap(None, command=["node", "--max-old-space-size-percentage=50", "a.js"])
    assert (unlimited.max_bytes, unlimited.percent, unlimited.declared) == (None, 50.0, True)


@pytest.mark.parametrize("bad", ["0", "101", "x", ""])
def test_a_percentage_that_node_refuses_has_no_number(bad):
    found = heap(command=["node", f"--max-old-space-size-percentage={bad}", "a.js"])
    assert (found.max_bytes, found.percent, found.declared) == (None, None, True)


def test_a_variable_of_unknown_content_may_decide():
    found = heap(env=secret("NODE_OPTIONS"))
    assert (found.declared, found.unknown) == (False, True)
    # It could hold a percentage, which beats a size.
    found = heap(command=["node", "--max-old-space-size=400", "a.js"], env=secret("NODE_OPTIONS"))
    assert (found.max_bytes, found.declared, found.unknown) == (None, True, True)
    found = heap(command=["node", "--max-old-space-size=400", "a.js"], envFrom=SECRETS)
    assert (found.max_bytes, found.declared, found.unknown) == (400 * MIB, True, True)


@pytest.mark.parametrize(
    ("image", "memory", "default"),
    [
        ("node:22", GIB, GIB // 2),
        ("docker.io/library/node:20-alpine", 2 * GIB, GIB),
        ("node:20.19.1", 4 * GIB, 2 * GIB),
        ("node:22", 16 * GIB, 4 * GIB),
        ("node:22", 8 * GIB, None),
        ("node:22", 256 * MIB, None),
        ("node:18", GIB, None),
        ("node:20.2", GIB, None),
        ("node:lts", GIB, None),
        ("node", GIB, None),
    ],
)
def test_the_default_is_known_where_all_versions_of_v8_agree(image, memory, default):
    assert heap(memory, image=image).default_bytes == default
