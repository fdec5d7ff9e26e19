"""Versions and gates."""

import pytest

from auditor.kube.versions import VersionError, parse_target


@pytest.mark.parametrize("text", ["1.34", "v1.34", "1.34.2", "v1.34.1-gke.100", "1.34+"])
def test_the_forms_of_a_version_are_one_minor(text):
    assert parse_target(text).version == "1.34"


def test_no_version_is_the_newest():
    assert parse_target(None).version == "1.37"


@pytest.mark.parametrize("text", ["1.27", "1.38", "2.0", "latest", "1", "", "1.x"])
def test_an_unknown_version_is_refused_with_what_is_known(text):
    with pytest.raises(VersionError, match=r"1\.37"):
        parse_target(text)


@pytest.mark.parametrize(
    ("version", "gate", "on"),
    [
        ("1.28", "SidecarContainers", False),
        ("1.29", "SidecarContainers", True),
        ("1.33", "PodLevelResources", False),
        ("1.34", "PodLevelResources", True),
        ("1.36", "PodLevelResourcesFixKubeletQOSClass", False),
        ("1.37", "PodLevelResourcesFixKubeletQOSClass", True),
        ("1.36", "PodLevelResourcesFixDefaulting", False),
        ("1.37", "PodLevelResourcesFixDefaulting", True),
    ],
)
def test_gates_have_their_defaults(version, gate, on):
    assert parse_target(version).enabled(gate) is on


def test_a_gate_can_be_switched():
    assert parse_target("1.33", ["PodLevelResources=true"]).enabled("PodLevelResources")


@pytest.mark.parametrize(
    ("version", "gate"),
    [
        ("1.37", "NoSuchGate=true"),
        ("1.37", "SidecarContainers=true"),
        ("1.33", "SidecarContainers=false"),
        ("1.28", "PodLevelResources=true"),
        ("1.34", "PodLevelResources"),
        ("1.34", "PodLevelResources=maybe"),
        ("1.37", "NodeSwap=false"),
    ],
)
def test_a_gate_that_cannot_be_so_is_refused(version, gate):
    with pytest.raises(VersionError) as caught:
        parse_target(version, [gate])
    assert gate.partition("=")[0] in str(caught.value)
