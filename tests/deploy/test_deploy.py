"""deploy/: what kubectl builds of it, what its role may do, and that its files are what the program takes."""

import json
import re
import subprocess
import sys

import pytest
import yaml

import auditor
from auditor.config import load_config
from auditor.policy.load import load_policies
from auditor.sources.cluster.kinds import CONFIG_MAPS, CONTEXT, DEFINITIONS, NAMESPACES, NODES, OPTIONAL, OWNERS, PODS
from auditor.waivers import load_waivers
from tests.deploy.built import COMPONENTS, DEPLOY, built, of_kind

ROOT = DEPLOY.parent
CONFIG = DEPLOY / "config" / "auditor.yaml"
WRITING = ["get", "list", "create", "patch", "delete"]


@pytest.fixture
def objects(tmp_path):
    return built(tmp_path)


def rights(role):
    """Return (group, resource, verb) of every rule."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def reading(*resources):
    return {(item.group, item.plural, verb) for item in resources for verb in ("get", "list")}


def test_the_base_is_one_namespace_with_one_cronjob_that_reads(objects):
    kinds = sorted(item["kind"] for item in objects)
    assert kinds == sorted(
        ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "CronJob", "PersistentVolumeClaim"]
        + ["ConfigMap"] * 2
    )
    binding = of_kind(objects, "ClusterRoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "memory-auditor", "namespace": "memory-auditor"}]
    assert binding["roleRef"]["name"] == of_kind(objects, "ClusterRole")["metadata"]["name"]


def test_the_role_may_get_and_list_exactly_what_is_read(objects):
    role = of_kind(objects, "ClusterRole")
    assert rights(role) == reading(NODES, NAMESPACES, PODS, *CONTEXT, *OPTIONAL, *OWNERS)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("config-maps", reading(CONFIG_MAPS)),
        ("custom-kinds", reading(DEFINITIONS)),
        ("kubelet-config", {("", "nodes/proxy", "get")}),
        (
            "policy-reports",
            {("openreports.io", plural, verb) for plural in ("reports", "clusterreports") for verb in WRITING}
            | {
                ("wgpolicyk8s.io", plural, verb)
                for plural in ("policyreports", "clusterpolicyreports")
                for verb in WRITING
            },
        ),
    ],
)
def test_each_component_adds_its_own_rights_to_the_same_account(tmp_path, component, expected):
    with_it = built(tmp_path, component)
    name = f"memory-auditor-{component}"
    assert rights(of_kind(with_it, "ClusterRole", name)) == expected
    binding = of_kind(with_it, "ClusterRoleBinding", name)
    assert binding["roleRef"]["name"] == name
    assert binding["subjects"] == of_kind(with_it, "ClusterRoleBinding")["subjects"]


def test_all_components_build_together_and_are_named_in_the_base(tmp_path):
    assert len([item for item in built(tmp_path, *COMPONENTS) if item["kind"] == "ClusterRole"]) == 1 + len(COMPONENTS)
    text = (DEPLOY / "kustomization.yaml").read_text()
    assert sorted(re.findall(r"# - components/(\S+)", text)) == COMPONENTS


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("cluster-role.yaml")), ids=lambda path: path.parent.name)
def test_every_rule_has_a_comment_that_says_why(path):
    lines = path.read_text().splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("- apiGroups:")]
    assert rules
    assert all(lines[number - 1].startswith("# ") for number in rules)


def test_our_own_policies_find_nothing_in_it(tmp_path):
    path = tmp_path / "deploy.yaml"
    path.write_text(yaml.safe_dump_all(built(tmp_path, *COMPONENTS)))
    result = auditor.audit([path], profile="all", policies=[str(DEPLOY / "policies")])
    assert result.complete
    assert result.report.summary.workloads == 1
    assert result.report.findings == ()


def test_the_pod_may_do_nothing_that_it_need_not(objects):
    pod = of_kind(objects, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "command" not in container
    writable = [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    kinds = {volume["name"]: next(key for key in volume if key != "name") for volume in pod["volumes"]}
    assert {name: kinds[name] for name in writable} == {"data": "persistentVolumeClaim", "tmp": "emptyDir"}


def test_exit_codes_that_are_answers_are_not_tried_again(objects):
    job = of_kind(objects, "CronJob")["spec"]["jobTemplate"]["spec"]
    failing, *_ = job["podFailurePolicy"]["rules"]
    (container,) = job["template"]["spec"]["containers"]
    assert failing["onExitCodes"] == {"containerName": container["name"], "operator": "In", "values": [1, 2, 3]}


def mounted(folder, config_map):
    """Write a ConfigMap as the kubelet mounts it: names that are links into a hidden folder."""
    data = folder / "..2026_11_24_03_00_00.123"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for name, text in config_map["data"].items():
        (data / name).write_text(text)
        (folder / name).symlink_to(f"..data/{name}")


def test_what_the_pod_runs_works_with_what_is_mounted(objects, tmp_path):
    pod = of_kind(objects, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    maps = {item["metadata"]["name"]: item for item in objects if item["kind"] == "ConfigMap"}
    (container,) = pod["containers"]
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    root = tmp_path / "root"
    for volume in pod["volumes"]:
        place = root / places[volume["name"]].lstrip("/")
        if "configMap" in volume:
            mounted(place, maps[volume["configMap"]["name"]])
        else:
            place.mkdir(parents=True)
    config = root / "etc/auditor/auditor.yaml"
    for path in (config, root / "etc/auditor/waivers.yaml"):
        text = path.read_text()
        for place in ("/etc/auditor-policies", "/var/lib/auditor"):
            text = text.replace(place, f"{root}{place}")
        path.write_text(text)
    arguments = [f"{root}{item}" if item.startswith("/") else item for item in container["args"]]
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}))
    command = [sys.executable, "-m", "auditor", *arguments, manifest]
    tmp = root / "tmp"
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp, env={"HOME": str(tmp)})
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / "var/lib/auditor/reports/latest/audit.json").exists()
    assert list(tmp.iterdir()) == []


def test_the_config_its_examples_and_its_neighbours_are_what_the_program_takes(tmp_path):
    config = load_config(CONFIG)
    assert load_waivers(CONFIG.parent / config.waivers) == ()
    text = CONFIG.read_text()
    commented = re.findall(r"(?m)^  # (\w[\w: {}]*|  .*)$", text)
    assert commented
    full = tmp_path / "auditor.yaml"
    full.write_text(re.sub(r"(?m)^  # (?=\w+:|  )", "  ", text))
    nightly = load_config(full).nightly
    assert None not in (nightly.prometheus, nightly.metrics, nightly.webhook, nightly.policy_reports)
    (waiver,) = re.findall(r"(?ms)^# - policy.*?(?=^waivers)", (CONFIG.parent / "waivers.yaml").read_text())
    example = tmp_path / "waivers.yaml"
    example.write_text("waivers:\n" + re.sub(r"(?m)^# ", "", waiver))
    assert len(load_waivers(example)) == 1
    assert load_policies([DEPLOY / "policies"])


def stages():
    """Return the instructions of each stage of the image."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def test_the_image_needs_no_root_no_shell_and_nothing_to_write():
    *_, last = stages()
    assert not any(line.startswith("RUN ") for line in last)
    (user,) = [line.split()[1] for line in last if line.startswith("USER ")]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (entry,) = [line.removeprefix("ENTRYPOINT ") for line in last if line.startswith("ENTRYPOINT ")]
    assert json.loads(entry) == ["/opt/auditor/bin/auditor"]
    assert any("PYTHONDONTWRITEBYTECODE=1" in line for line in last)


def test_the_image_is_built_of_files_that_are_there_with_the_versions_that_are_tested():
    build, _ = stages()
    sources = [source for line in build if line.startswith("COPY ") for source in line.split()[1:-1]]
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    assert sources
    assert all((ROOT / source).exists() and f"!{source}" in ignored for source in sources)
    assert any("pip install -c constraints.txt ." in line for line in build)
    included = set(re.findall(r'^"(\w+)" = "auditor/', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    assert included < set(sources)
