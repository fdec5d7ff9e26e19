"""Patches, applied: by kubectl's kustomize and patch where they are, and by the rules of RFC 6902 everywhere."""

import copy
import json
import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.paths import parse_path
from auditor.kube.quantity import parse_bytes
from auditor.sizing.patches import fixes, json_patches, kustomize_component
from auditor.sizing.program import Sizer
from auditor.sizing.recommend import recommend
from tests.sizing.containers import GIB, MIB, item, profile, usage
from tests.tools import need

ROLLOUT = {"api_version": "argoproj.io/v1alpha1", "kind": "Rollout"}


def pair(request=300 * MIB, limit=400 * MIB, **changes):
    source = item(**changes)
    return source, recommend(source, Sizer(profile(str(request), None if limit is None else str(limit))))


def workload(*containers, api_version="apps/v1", kind="Deployment", name="web", namespace="shop", **more):
    """Return a workload whose first container is an older one without resources of ours."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers)} | more}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def container(name="app", **resources):
    return {"name": name, "image": "registry.example/app:1"} | ({"resources": resources} if resources else {})


def resources_of(data, name="app", kind="containers"):
    return next(each for each in data["spec"]["template"]["spec"][kind] if each["name"] == name)["resources"]


WANTED = {"requests": {"memory": "300Mi"}, "limits": {"memory": "400Mi"}}
WITH_CPU = {"requests": {"memory": "300Mi", "cpu": "1"}, "limits": {"memory": "400Mi"}}


# RFC 6902.


def applied(document, operations):
    """Apply `test` and `add` as RFC 6902 says: `add` replaces a member, its parent must exist, a test must hold."""
    document = copy.deepcopy(document)
    for step in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
        here = document
        for part in parents:
            here = here[int(part)] if isinstance(here, list) else here[part]
        if step["op"] == "test":
            assert here[last] == step["value"]
        else:
            assert step["op"] == "add"
            assert isinstance(here, dict)
            here[last] = step["value"]
    return document


CASES = [
    (None, container(), WANTED),
    ({}, container() | {"resources": {}}, WANTED),
    ({"requests": {"cpu": "1"}}, container(requests={"cpu": "1"}), WITH_CPU),
    (
        {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        container(requests={"cpu": "1", "memory": "512Mi"}, limits={"memory": "1Gi"}),
        WITH_CPU,
    ),
    ({"requests": None}, container() | {"resources": {"requests": None}}, WANTED),
]
"""The block as the manifest has it, the container that has it, and what must come out."""


@pytest.mark.parametrize(("resources", "has", "expected"), CASES)
def test_a_json_patch_makes_the_parents_that_are_missing_and_keeps_the_rest(resources, has, expected):
    (patch,) = json_patches([pair(resources=resources)])
    assert resources_of(applied(workload(has), patch.patch)) == expected


def test_a_json_patch_tests_the_name_first_so_that_it_never_edits_another_container():
    (patch,) = json_patches([pair()])
    with pytest.raises(AssertionError):
        applied(workload(container("other"), container()), patch.patch)


def test_a_json_patch_names_its_target_as_the_manifest_does():
    (patch,) = json_patches([pair()])
    expected = {"group": "apps", "version": "v1", "kind": "Deployment", "name": "web", "namespace": "shop"}
    assert patch.target == expected
    (core,) = json_patches([pair(api_version="v1", kind="Pod", pod_path=("spec",), written_namespace=None)])
    assert core.target == {"version": "v1", "kind": "Pod", "name": "web"}
    assert core.patch[0]["path"] == "/spec/containers/0/name"


def test_containers_of_one_workload_are_in_one_patch():
    found = json_patches([pair(), pair(name="api"), pair(container="proxy", index=1)])
    assert [patch.target["name"] for patch in found] == ["web", "api"]
    tests = [step["value"] for step in found[0].patch if step["op"] == "test"]
    assert tests == ["app", "proxy"]


def test_workloads_of_one_name_in_two_namespaces_have_a_patch_each():
    found = json_patches([pair(), pair(namespace="dev", written_namespace="dev")])
    assert [patch.target["namespace"] for patch in found] == ["shop", "dev"]


def test_a_key_is_escaped_as_a_json_pointer_has_it():
    (patch,) = json_patches([pair(pod_path=("spec", "a/b~c"))])
    assert patch.patch[0]["path"] == "/spec/a~1b~0c/containers/0/name"


def test_what_does_not_change_is_in_no_patch():
    same = pair(request_bytes=300 * MIB, limit_bytes=400 * MIB)
    pairs = [same, pair(usage=None)]
    assert json_patches(pairs) == ()
    assert yaml.safe_load(kustomize_component(pairs))["patches"] == []
    assert fixes(*same) == ()


def test_both_values_are_said_when_one_changes():
    # The manifest writes the limit alone: the request follows it, until it is written.
    source = pair(request_bytes=300 * MIB, limit_bytes=GIB, resources={"limits": {"memory": "1Gi"}})
    (patch,) = json_patches([source])
    has = container(limits={"memory": "1Gi"})
    assert resources_of(applied(workload(has), patch.patch)) == WANTED


def test_no_limit_is_said_where_none_is_recommended():
    (patch,) = json_patches([pair(limit=None, limit_bytes=None, resources=None)])
    assert resources_of(applied(workload(container()), patch.patch)) == {"requests": {"memory": "300Mi"}}


@given(st.integers(MIB, 2**45))
def test_the_text_of_a_kept_value_is_the_same_number(size):
    thin = usage(days=3, coverage_ratio=0.2)
    source = pair(request=1, limit=2**46, request_bytes=size, limit_bytes=2**45, usage=thin)
    (request, _) = fixes(*source)
    assert parse_bytes(request["value"]) == size


# Fixes of findings.


def test_a_fix_is_the_path_in_the_object_and_the_quantity_to_write_there():
    assert fixes(*pair(list_name="initContainers", index=2)) == (
        {"path": "spec.template.spec.initContainers[2].resources.requests.memory", "value": "300Mi"},
        {"path": "spec.template.spec.initContainers[2].resources.limits.memory", "value": "400Mi"},
    )


def test_the_path_of_a_fix_is_read_as_that_of_a_finding():
    path = ("spec", "template", "spec", "containers", 0, "resources", "requests", "memory")
    assert parse_path(fixes(*pair())[0]["path"]) == path


# kubectl.


def run(*arguments):
    done = subprocess.run(
        [need("kubectl")["kubectl"], *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def built(folder, objects, component):
    """Return the objects that kustomize builds from a base and our component."""
    (folder / "sizing").mkdir()
    (folder / "sizing" / "kustomization.yaml").write_text(component)
    (folder / "base.yaml").write_text(yaml.safe_dump_all(objects))
    kustomization = {"resources": ["base.yaml"], "components": ["sizing"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    code, out, err = run("kustomize", str(folder))
    assert code == 0, err
    return list(yaml.safe_load_all(out))


@pytest.mark.parametrize(("resources", "has", "expected"), CASES)
@pytest.mark.parametrize("index", [0, 1])
def test_kustomize_applies_the_component_and_keeps_all_else(tmp_path, resources, has, expected, index):
    others = [container("proxy")]
    containers = [*others[:index], has, *others[index:]]
    (found,) = built(tmp_path, [workload(*containers)], kustomize_component([pair(resources=resources, index=index)]))
    assert resources_of(found) == expected
    after = found["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in after] == [each["name"] for each in containers]
    bare = [{key: value for key, value in each.items() if key != "resources"} for each in after]
    assert bare == [container(each["name"]) for each in after]


def test_kustomize_keeps_the_order_in_which_init_containers_run(tmp_path):
    # A strategic merge puts the containers that it names first.
    names = ("unpack", "migrate", "warm")
    base = workload(container(), initContainers=[container(name) for name in names])
    inits = {"container_type": "init", "list_name": "initContainers", "resources": None}
    pairs = [pair(container=name, index=names.index(name), **inits) for name in ("warm", "migrate")]
    (found,) = built(tmp_path, [base], kustomize_component(pairs))
    assert [each["name"] for each in found["spec"]["template"]["spec"]["initContainers"]] == list(names)
    assert resources_of(found, "warm", "initContainers") == WANTED


def patch_forms(*pairs):
    return ["target" in patch for patch in yaml.safe_load(kustomize_component(pairs))["patches"]]


def test_the_first_containers_of_a_list_are_merged_whatever_their_order_in_the_input():
    assert patch_forms(pair(container="b", index=1), pair(container="a", index=0)) == [False]
    assert patch_forms(pair(container="b", index=1)) == [True]
    assert patch_forms(pair(**ROLLOUT)) == [True]


def test_kustomize_patches_init_containers_other_kinds_and_objects_without_a_namespace(tmp_path):
    job = workload(container(), api_version="batch/v1", kind="Job", name="import", namespace=None)
    job["spec"].pop("selector")
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": "shop"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job["spec"]}},
    }
    base = workload(container(), initContainers=[container("migrate")])
    pairs = [
        pair(container="migrate", container_type="init", list_name="initContainers", resources=None),
        pair(api_version="batch/v1", kind="Job", name="import", namespace="given", written_namespace=None),
        pair(
            api_version="batch/v1",
            kind="CronJob",
            name="nightly",
            pod_path=("spec", "jobTemplate", "spec", "template", "spec"),
        ),
    ]
    found = {each["kind"]: each for each in built(tmp_path, [base, job, cron], kustomize_component(pairs))}
    assert resources_of(found["Deployment"], "migrate", "initContainers") == WANTED
    assert "resources" not in found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert resources_of(found["Job"]) == WANTED
    assert resources_of(found["CronJob"]["spec"]["jobTemplate"]) == WANTED


def test_kustomize_keeps_the_other_containers_of_a_custom_resource(tmp_path):
    # A strategic merge would replace the list of a kind that kustomize has no schema of.
    rollouts = [workload(container("first"), container(), **ROLLOUT, name=name) for name in ("w.eb-1", "wxeb-1")]
    source = pair(**ROLLOUT, name="w.eb-1", index=1, resources=None)
    found = built(tmp_path, rollouts, kustomize_component([source]))
    named = {each["metadata"]["name"]: each for each in found}
    assert resources_of(named["w.eb-1"]) == WANTED
    assert named["w.eb-1"]["spec"]["template"]["spec"]["containers"][0] == container("first")
    assert named["wxeb-1"] == rollouts[1], "a dot in a name is a dot"


def test_kustomize_refuses_the_component_when_the_object_is_not_there(tmp_path):
    with pytest.raises(AssertionError, match="no matches for Id"):
        built(tmp_path, [workload(container(), name="other")], kustomize_component([pair()]))


@pytest.mark.parametrize(("resources", "has", "expected"), CASES)
def test_kubectl_applies_the_json_patch(tmp_path, resources, has, expected):
    (patch,) = json_patches([pair(resources=resources)])
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump(workload(has)))
    operations = json.dumps(list(patch.patch))
    code, out, err = run("patch", "--local", "-f", str(file), "--type", "json", "-p", operations, "-o", "yaml")
    assert code == 0, err
    assert resources_of(yaml.safe_load(out)) == expected
