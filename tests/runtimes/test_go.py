"""What a Go program is told: GOMEMLIMIT and GOGC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.go import limit_bytes
from tests.runtimes.containers import MIB, SECRETS, env, heap, secret


# Go's runtime/string_test.go (TestParseByteCount) and what programs of Go 1.26 make of these.
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("12345", 12345),
        ("+1", 1),
        ("007", 7),
        ("1B", 1),
        ("2KiB", 2048),
        ("3MiB", 3 * MIB),
        ("4GiB", 4 * 2**30),
        ("5TiB", 5 * 2**40),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("8388608TiB", None),
        ("", None),
        ("1kB", None),
        ("1KB", None),
        ("1Mi", None),
        ("1.5GiB", None),
        ("-1", None),
        ("1 GiB", None),
        ("512M", None),
        ("1GIB", None),
    ],
)
def test_a_limit_has_the_bytes_that_go_reads(text, size):
    assert limit_bytes(text) == size


def test_a_limit_and_its_place():
    found = heap(env=env(A="1", GOMEMLIMIT="512MiB"))
    assert (found.runtime, found.max_bytes, found.flag) == ("go", 512 * MIB, "GOMEMLIMIT=512MiB")
    assert (found.at, found.declared, found.unknown) == ("env[1].value", True, False)


def test_the_limit_may_be_the_containers():
    source = {"resourceFieldRef": {"resource": "limits.memory"}}
    found = heap(512 * MIB, env=[{"name": "GOMEMLIMIT", "valueFrom": source}])
    assert (found.max_bytes, found.at) == (512 * MIB, "env[0].valueFrom")
    found = heap(None, env=[{"name": "GOMEMLIMIT", "valueFrom": source}])
    assert (found.max_bytes, found.declared, found.unknown) == (None, True, True)


@pytest.mark.parametrize("none", ["off", ""])
def test_off_is_no_limit(none):
    found = heap(env=env(GOMEMLIMIT=none))
    assert (found.max_bytes, found.declared, found.unknown) == (None, False, False)


def test_a_malformed_limit_is_declared_and_not_repeated():
    found = heap(env=env(GOMEMLIMIT="512M"))
    assert (found.max_bytes, found.flag, found.declared, found.unknown) == (None, "GOMEMLIMIT=…", True, False)


def test_a_limit_of_unknown_content_is_declared():
    found = heap(env=secret("GOMEMLIMIT"))
    assert (found.max_bytes, found.declared, found.unknown) == (None, True, True)
    assert heap(env=env(GOGC="100"), envFrom=SECRETS).unknown


@pytest.mark.parametrize(
    ("gogc", "percent"),
    [("50", 50), ("off", -1), ("-5", -1), ("0", 0), ("x", 100), ("", None), ("99999999999", 100), ("3000000000", 100)],
)
def test_gogc_is_read_as_go_reads_it(gogc, percent):
    assert heap(env=env(GOGC=gogc)).gc_percent == percent


def test_gogc_may_be_absent_or_unknown():
    assert heap(env=env(GOMEMLIMIT="1GiB")).gc_percent is None
    assert heap(env=secret("GOGC")).gc_percent is None


def test_a_go_program_is_recognised_by_command_image_or_variable():
    assert heap(command=["go", "run", "."]).runtime == "go"
    assert heap(image="registry.k8s.io/etcd:3.5").runtime == "go"
    assert heap(env=env(GODEBUG="x=1")).runtime == "go"
    assert heap(image="registry.example/app", command=["/app"]) is None


def test_a_program_that_limits_itself_is_not_without_a_limit():
    assert heap(image="prom/prometheus:v3").unknown
    assert not heap(image="coredns/coredns").unknown
    assert not heap(image="prom/prometheus:v3", env=env(GOMEMLIMIT="off")).unknown


@given(st.text(max_size=12))
def test_any_value_is_read(text):
    assert heap(env=env(GOMEMLIMIT=text, GOGC=text)).runtime == "go"
