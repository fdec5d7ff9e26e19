"""The list of known sidecars: its form, and how names, images and the user's globs are held against it."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditor.sidecars.known as module
from auditor.runtimes.view import image_name
from auditor.sidecars.known import known, known_sidecar, owner_of

LIST = tomllib.loads(Path(module.__file__).with_name("known.toml").read_text())


@pytest.mark.parametrize("owner", LIST)
def test_an_entry_has_names_or_images_and_nothing_else(owner):
    assert LIST[owner]
    assert LIST[owner].keys() <= {"names", "images"}
    assert all(LIST[owner].values())


def test_every_name_is_one_that_a_container_can_have():
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in known().names)


def test_every_image_is_the_last_part_of_a_reference():
    assert all(re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", image) for image in known().images)


@pytest.mark.parametrize("key", ["names", "images"])
def test_nothing_is_listed_twice(key):
    listed = [word for entry in LIST.values() for word in entry.get(key, ())]
    assert len(listed) == len(set(listed)) == len(getattr(known(), key))


@pytest.mark.parametrize(
    "name",
    [
        *("istio-proxy", "linkerd-proxy", "daprd", "vault-agent", "consul-dataplane", "otc-container"),
        *("kuma-sidecar", "queue-proxy", "gke-gcsfuse-sidecar", "datadog-agent-injected", "azwi-proxy"),
    ],
)
def test_what_injectors_add_is_known_by_name(name):
    assert known_sidecar(name, None)


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("proxyv2", "proxyv2"),
        ("docker.io/istio/proxyv2:1.30", "proxyv2"),
        ("registry.example:5000/istio/proxyv2", "proxyv2"),
        ("registry.example:5000/istio/proxyv2:1.30@sha256:abc", "proxyv2"),
    ],
)
def test_an_image_is_known_whatever_its_registry_tag_and_digest(image, short):
    assert image_name(image) == short
    assert known_sidecar("any", image)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("web", None),
        ("web", "nginx:1.29"),
        ("istio-proxy-2", None),
        ("web", "registry.example/proxyv2/web"),
        ("proxy", "cr.l5d.io/linkerd/proxy:edge"),
    ],
)
def test_anything_else_is_no_sidecar(name, image):
    assert not known_sidecar(name, image)


def test_the_users_globs_add_names_and_images():
    assert known_sidecar("audit-log", None, ("audit-*",))
    assert not known_sidecar("Audit-log", None, ("audit-*",))
    assert known_sidecar("web", "registry.example/team/shipper:1", (), ("shipper",))
    assert known_sidecar("web", "registry.example/team/shipper:1", (), ("registry.example/team/*",))
    assert not known_sidecar("web", None, (), ("*",))
    assert not known_sidecar("web", "shipper", ("shipper",))


def test_a_known_sidecar_says_whom_it_belongs_to():
    assert owner_of("istio-proxy", "registry.example/envoy:1") == "Istio"
    assert owner_of("mesh", "docker.io/istio/proxyv2:1.30") == "Istio"
    assert owner_of("web", "nginx") is None
    assert owner_of("web", None) is None


@given(st.text(max_size=30), st.none() | st.text(max_size=60))
def test_any_text_is_answered_and_an_owner_makes_a_sidecar(name, image):
    assert known_sidecar(name, image) is (owner_of(name, image) is not None)


def test_the_list_is_read_once():
    assert known() is known()
