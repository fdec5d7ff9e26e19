"""Rendering kustomizations with the real kubectl: which ones, where their objects stand, and what is refused."""

# ruff: noqa: E501 - a line of a manifest is one line

import pytest
import yaml

from auditor.kube.paths import value_at
from tests.sources.render.conftest import DEPLOYMENT, LIMIT, objects, only, rendered, where

REPLICAS = ("spec", "replicas")


def data_of(text):
    """Return the objects of kustomize's output in its order."""
    return [item for item in yaml.safe_load_all(text) if item]


def without_origins(data):
    """Return an object without the annotation that tells where kustomize read it."""
    metadata = dict(data["metadata"])
    metadata.pop("annotations")
    return data | {"metadata": metadata}


@pytest.fixture
def base(write):
    write(
        {
            "k/base/kustomization.yaml": "resources: [deploy.yaml]\n",
            "k/base/deploy.yaml": "# the web\n" + DEPLOYMENT.format(name="web", memory="1Gi"),
        }
    )


PATCH = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: app
        resources: {limits: {memory: 2Gi}}
"""


@pytest.mark.usefixtures("base")
def test_overlays_are_rendered_and_what_they_include_is_not_judged_by_itself(kubectl, write, told):
    write(
        {
            "k/prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\npatches: [{path: my patch.yaml}]\n"
            "components: [../big]\n",
            "k/prod/my patch.yaml": PATCH,
            "k/big/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            'patches: [{patch: \'[{"op": "add", "path": "/spec/minReadySeconds", "value": 7}]\', target: {kind: Deployment}}]\n',
            "k/plain.yaml": DEPLOYMENT.format(name="plain", memory="1Gi"),
        }
    )
    found = rendered("k", kustomize=kubectl)
    assert (found.skipped, found.notes) == ((), ())
    assert [(file.shown, file.identity_folder) for file in found.files] == [
        ("k/base/deploy.yaml", "prod"),
        ("k/plain.yaml", ""),
    ]
    deployment = objects(found)[0]
    (printed,) = data_of(told(kubectl, "kustomize", "k/prod"))
    assert without_origins(deployment.data) == printed
    assert (deployment.name, value_at(printed, REPLICAS), value_at(printed, LIMIT)) == ("prod-web", 3, "2Gi")
    assert printed["spec"]["minReadySeconds"] == 7
    assert deployment.template == "k/base/deploy.yaml"
    assert where(deployment.place(LIMIT)) == "k/prod/my patch.yaml:10:30"
    assert where(deployment.place(REPLICAS)) == "k/prod/my patch.yaml:5:3"
    assert where(deployment.place(("spec", "minReadySeconds"))) == "k/big/kustomization.yaml:3:12"
    assert where(deployment.place((*LIMIT[:-2], "requests", "memory"))) == "k/base/deploy.yaml:14:9"
    assert where(deployment.place((*LIMIT[:5], "image"))) == "k/base/deploy.yaml:13:9"
    assert where(deployment.place(())) == "k/base/deploy.yaml:2:1"
    assert deployment.line == 2


@pytest.mark.usefixtures("base")
def test_a_value_that_no_text_holds_stands_at_its_object(kubectl, write):
    write(
        {
            "k/base/deploy.yaml": "kind: Service\napiVersion: v1\nmetadata: {name: web}\n---\n"
            + DEPLOYMENT.format(name="web", memory="1Gi"),
            "k/base/kustomization.yaml": "resources: [deploy.yaml]\nreplicas: [{name: web, count: 5}]\n",
        }
    )
    deployment = only(rendered("k", kustomize=kubectl), "Deployment")
    assert value_at(deployment.data, REPLICAS) == 5
    assert where(deployment.place(REPLICAS)) == "k/base/deploy.yaml:5:1"
    assert where(deployment.place(())) == "k/base/deploy.yaml:5:1"


@pytest.mark.usefixtures("base")
def test_json_patches_in_files_and_inline_patches_are_where_their_values_are(kubectl, write):
    write(
        {
            "k/base/kustomization.yaml": "resources: [deploy.yaml]\npatches:\n"
            "- path: limit.yaml\n  target: {kind: Deployment, name: web}\n"
            "- patch: |\n    " + PATCH.replace("\n", "\n    ").replace("2Gi", "5Gi").rstrip() + "\n",
            "k/base/limit.yaml": "- op: add\n  path: /spec/template/spec/containers/0/resources\n"
            "  value:\n    limits:\n      memory: 3Gi\n",
        }
    )
    deployment = only(rendered("k", kustomize=kubectl), "Deployment")
    assert value_at(deployment.data, LIMIT) == "5Gi"
    assert where(deployment.place(LIMIT)) == "k/base/kustomization.yaml:5:3"
    write(
        {"k/base/kustomization.yaml": "resources: [deploy.yaml]\npatches:\n- {path: limit.yaml, target: {name: web}}\n"}
    )
    deployment = only(rendered("k", kustomize=kubectl), "Deployment")
    assert (value_at(deployment.data, LIMIT), where(deployment.place(LIMIT))) == ("3Gi", "k/base/limit.yaml:5:7")


@pytest.mark.usefixtures("base")
def test_overlays_of_one_base_are_clusters_of_their_own(kubectl, write):
    for name in ("dev", "prod"):
        write({f"k/{name}/kustomization.yaml": f"resources: [../base]\nnamespace: {name}\n"})
    found = rendered("k", kustomize=kubectl)
    assert [(obj.namespace, obj.identity_folder) for obj in objects(found)] == [("dev", "dev"), ("prod", "prod")]
    assert [file.rendered.variant for file in found.files] == ["dev", "prod"]
    (alone,) = rendered("k/dev", kustomize=kubectl).files
    assert (alone.shown, alone.rendered.variant) == ("k/base/deploy.yaml", "")


def test_an_objects_own_name_is_found_behind_prefixes_and_suffixes(kubectl, write):
    """`web-api` is `api` with a prefix here, though an object of that name is there too."""
    texts = [DEPLOYMENT.format(name=name, memory="1Gi") for name in ("web-api", "api")]
    write(
        {
            "base/kustomization.yaml": "resources: [d.yaml]\nnameSuffix: -s\n",
            "base/d.yaml": "---\n".join(texts),
            "k/kustomization.yaml": "resources: [../base]\nnamePrefix: web-\n",
        }
    )
    by_name = {obj.name: obj for obj in objects(rendered(".", kustomize=kubectl))}
    assert {name: where(obj.place(LIMIT)) for name, obj in by_name.items()} == {
        "web-web-api-s": "base/d.yaml:15:13",
        "web-api-s": "base/d.yaml:31:13",
    }


def test_what_a_generator_makes_stands_at_its_kustomization(kubectl, write):
    write({"k/kustomization.yaml": "configMapGenerator: [{name: c, literals: [a=b]}]\n"})
    made = only(rendered("k", kustomize=kubectl), "ConfigMap")
    assert made.data["data"] == {"a": "b"}
    assert where(made.place(("data", "a"))) == "k/kustomization.yaml:1:1"


def test_an_empty_kustomization_and_one_of_flux_are_no_roots(kubectl, write):
    write(
        {
            "k/kustomization.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
            "metadata: {name: a}\nspec: {}\n"
        }
    )
    found = rendered("k", kustomize=kubectl)
    assert [obj.api_version for obj in objects(found)] == ["kustomize.toolkit.fluxcd.io/v1"]
    assert found.skipped == ()


@pytest.mark.usefixtures("base")
def test_a_kustomization_that_fails_is_a_skipped_input_with_its_words_and_its_files_are_judged(
    kubectl, write, tmp_path
):
    write({"k/base/kustomization.yaml": "resources: [deploy.yaml]\npatches: [{patch: '{a: 1}'}]\n"})
    found = rendered("k", kustomize=kubectl)
    (skipped,) = found.skipped
    assert skipped.file == "k/base"
    assert skipped.reason.startswith("kustomize: ")
    assert str(tmp_path) not in skipped.reason
    assert "unable to parse SM or JSON patch" in skipped.reason
    assert [obj.name for obj in objects(found) if obj.kind == "Deployment"] == ["web"]


@pytest.mark.usefixtures("base")
def test_without_a_tool_a_root_is_one_skipped_input_and_its_files_are_judged_but_patches(write, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    write({"k/over/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n", "k/over/p.yaml": PATCH})
    found = rendered("k")
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("k/over", "kustomization is not rendered: install kustomize or kubectl, or name one with --kustomize")
    ]
    assert [file.shown for file in found.files] == [
        "k/base/deploy.yaml",
        "k/base/kustomization.yaml",
        "k/over/kustomization.yaml",
    ]
    assert found.notes == (
        "k/over/kustomization.yaml: 1 file that it names as a patch or component is not judged by itself",
    )


REMOTES = [
    "https://github.com/kubernetes-sigs/kustomize//examples/helloWorld",
    "github.com/kubernetes-sigs/kustomize//examples/helloWorld?ref=v1",
    "git@github.com:owner/repository.git",
    "git::https://example.com/x",
    "ssh://git@example.com/x",
    "https://example.com/manifest.yaml",
    "gh:owner/repository",
]


@pytest.mark.parametrize("key", ["resources", "bases", "components"])
@pytest.mark.parametrize("name", REMOTES)
def test_a_remote_is_refused_before_anything_runs(write, key, name, tmp_path):
    # Even where a folder of that name is there: kustomize would still fetch it.
    write({"k/kustomization.yaml": yaml.safe_dump({key: [name]}), f"k/{name}/kustomization.yaml": ""})
    ran = tmp_path / "kustomize"
    ran.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    ran.chmod(0o755)
    found = rendered("k", kustomize=str(ran))
    (skipped,) = [item for item in found.skipped if item.file == "k"]
    assert skipped.reason == (
        f"not rendered: k/kustomization.yaml: {key} names {name}, which is not in this repository: nothing is fetched"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "resources: [nowhere.yaml]",
        "resources: [../../secret]",
        "resources: [../../secret/s.yaml]",
        "patches: [{path: ../../secret/s.yaml}]",
        "patchesStrategicMerge: [../../secret/s.yaml]",
        "configMapGenerator: [{name: c, files: [a=../../secret/s.yaml]}]",
        "secretGenerator: [{name: c, envs: [../../secret/s.yaml]}]",
        "openapi: {path: ../../secret/s.yaml}",
        "resources: [link.yaml]",
    ],
)
def test_what_is_not_in_the_tree_is_refused(kubectl, write, text, tmp_path, monkeypatch):
    write(
        {"in/k/kustomization.yaml": text, "secret/s.yaml": "a: 1\n", "secret/kustomization.yaml": "resources: [s.yaml]"}
    )
    (tmp_path / "in/k/link.yaml").symlink_to(tmp_path / "secret/s.yaml")
    monkeypatch.chdir(tmp_path / "in")
    found = rendered("k", kustomize=kubectl)
    (skipped,) = found.skipped
    assert skipped.file == "k"
    assert skipped.reason.endswith(("leaves the folder: it is not followed", "which does not exist"))
    assert objects(found) == [] or [obj.kind for obj in objects(found)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("helmCharts: [{name: c, repo: 'https://charts.example.invalid', version: '1'}]", "must specify --enable-helm"),
        (
            "generators: [g.yaml]",
            "external plugins disabled",
        ),
    ],
)
def test_helm_and_functions_inside_a_kustomization_do_not_run(kubectl, write, text, words, tmp_path):
    write(
        {
            "k/kustomization.yaml": text,
            "k/g.yaml": "apiVersion: v1\nkind: G\nmetadata:\n  name: g\n  annotations:\n"
            "    config.kubernetes.io/function: 'exec: {path: ./run.sh}'\n",
            "k/run.sh": f"#!/bin/sh\ntouch {tmp_path}/ran\n",
        }
    )
    (tmp_path / "k/run.sh").chmod(0o755)
    (skipped,) = rendered("k", kustomize=kubectl).skipped
    assert words in skipped.reason
    assert not (tmp_path / "ran").exists()


def test_kustomizations_that_include_each_other_are_told(kubectl, write):
    write({"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"})
    write({"c/kustomization.yaml": "resources: [../a]\n"})
    (skipped,) = rendered(".", kustomize=kubectl).skipped
    assert skipped.file == "c"
    assert "cycle detected" in skipped.reason
