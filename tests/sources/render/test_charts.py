"""Rendering charts with the real helm: what is rendered, with which values, and what is told when it fails."""

import io
import subprocess
import sys
import tarfile

import pytest
import yaml

from auditor.sources.rendering import ChartOptions
from tests.sources.render.conftest import CHART, DEPLOYMENT, LIMIT, objects, only, rendered, where

MEMORY = "{{ .Values.memory }}"


def data_of(text):
    """Return the objects that a tool prints, in an order that does not matter."""
    return sorted((item for item in yaml.safe_load_all(text) if item), key=str)


@pytest.fixture
def app(write):
    write(
        {
            "app/Chart.yaml": CHART.format(name="app"),
            "app/values.yaml": "memory: 1Gi\nreplicas: 2\n",
            "app/templates/deploy.yaml": DEPLOYMENT.format(name="{{ .Release.Name }}-web", memory=MEMORY),
        }
    )


@pytest.mark.usefixtures("app")
def test_the_objects_are_those_that_helm_prints(helm, told, write):
    write({"app/templates/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n"})
    found = rendered("app", helm=helm)
    assert (found.skipped, found.notes) == ((), ())
    printed = told(helm, "template", "app", "app")
    assert sorted((obj.data for obj in objects(found)), key=str) == data_of(printed)
    assert len(objects(found)) == 2
    assert {obj.template for obj in objects(found)} == {"app/templates/deploy.yaml", "app/templates/map.yaml"}


def test_the_options_reach_helm(helm, write, told):
    seen = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n"
        "  release: {{ .Release.Name | quote }}\n  namespace: {{ .Release.Namespace | quote }}\n"
        "  version: {{ .Capabilities.KubeVersion.Version | quote }}\n"
        '  api: {{ .Capabilities.APIVersions.Has "example.com/v7" | quote }}\n'
        "  a: {{ .Values.a | quote }}\n  b: {{ .Values.b | quote }}\n  c: {{ .Values.c | quote }}\n"
    )
    write({"k/Chart.yaml": CHART.format(name="k"), "k/values.yaml": "a: 0\nb: 0\nc: 0\n", "k/templates/s.yaml": seen})
    write({"one, two.yaml": "a: 1\nb: 1\nc: 1\n", "three.yaml": "b: 2\nc: 2\n"})
    chart = ChartOptions(
        values=("one, two.yaml", "three.yaml"),
        sets=("c=3",),
        release="rel",
        namespace="team",
        api_versions=("example.com/v7",),
    )
    found = rendered("k", helm=helm, kubernetes_version="1.31", chart=chart)
    assert only(found, "ConfigMap").data["data"] == {
        "release": "rel",
        "namespace": "team",
        "version": "v1.31.0",
        "api": "true",
        "a": "1",
        "b": "2",
        "c": "3",
    }
    assert only(found, "ConfigMap").namespace == "team"
    (printed,) = data_of(
        told(
            *(helm, "template", "rel", "k", "--namespace", "team", "--kube-version", "1.31.0"),
            *("--api-versions", "example.com/v7", "--values", '"one, two.yaml"', "--values", "three.yaml"),
            *("--set", "c=3"),
        )
    )
    assert only(found, "ConfigMap").data == printed


@pytest.mark.usefixtures("app")
def test_what_one_chart_is_rendered_with_is_on_top_of_what_all_are_and_below_what_is_asked(helm, write):
    write({"all.yaml": "memory: 2Gi\n", "own.yaml": "memory: 3Gi\n", "asked.yaml": "memory: 4Gi\n"})
    every, own = ChartOptions(values=("all.yaml",)), {"app": ChartOptions(values=("own.yaml",), release="r")}
    found = rendered("app", helm=helm, chart=every, charts=own)
    assert (only(found, "Deployment").name, where(only(found, "Deployment").place(LIMIT))) == ("r-web", "own.yaml:1:1")
    found = rendered("app", helm=helm, chart=every, charts=own, asked=ChartOptions(values=("asked.yaml",)))
    assert where(only(found, "Deployment").place(LIMIT)) == "asked.yaml:1:1"


@pytest.mark.usefixtures("app")
def test_an_umbrella_is_rendered_with_the_charts_in_it_once(helm, write, told):
    write(
        {
            "app/Chart.yaml": CHART.format(name="app")
            + "dependencies:\n- {name: db, version: 0.1.0, alias: store}\n- {name: cache, version: 0.1.0}\n",
            "app/charts/database/Chart.yaml": CHART.format(name="db"),
            "app/charts/database/values.yaml": "memory: 5Gi\n",
            "app/charts/database/templates/d.yaml": DEPLOYMENT.format(name="db", memory=MEMORY),
            "cache/Chart.yaml": CHART.format(name="cache"),
            "cache/templates/c.yaml": DEPLOYMENT.format(name="cache", memory="6Gi"),
        }
    )
    with tarfile.open("app/charts/cache-0.1.0.tgz", "w:gz") as archive:
        archive.add("cache")
    found = rendered("app", helm=helm)
    assert found.skipped == ()
    assert sorted((obj.data for obj in objects(found)), key=str) == data_of(told(helm, "template", "app", "app"))
    by_name = {obj.name: obj for obj in objects(found)}
    assert set(by_name) == {"app-web", "db", "cache"}
    assert by_name["db"].template == "app/charts/database/templates/d.yaml"
    assert where(by_name["db"].place(LIMIT)) == "app/charts/database/values.yaml:1:1"
    # No file of the repository is the template of a packed dependency: the entry that brings it stands for it.
    assert where(by_name["cache"].place(LIMIT)) == "app/Chart.yaml:6:4"


@pytest.mark.usefixtures("app")
def test_a_parents_values_for_a_chart_in_it_win_and_are_where_the_key_is(helm, write):
    write(
        {
            "app/charts/db/Chart.yaml": CHART.format(name="db"),
            "app/charts/db/values.yaml": "memory: 5Gi\n",
            "app/charts/db/templates/d.yaml": DEPLOYMENT.format(name="db", memory=MEMORY),
            "app/values.yaml": "memory: 1Gi\ndb:\n  memory: 7Gi\n",
        }
    )
    by_name = {obj.name: obj for obj in objects(rendered("app", helm=helm))}
    assert where(by_name["db"].place(LIMIT)) == "app/values.yaml:3:3"
    assert where(by_name["app-web"].place(LIMIT)) == "app/values.yaml:1:1"


@pytest.mark.usefixtures("app")
def test_a_packed_chart_is_rendered_and_stands_for_what_it_holds(helm):
    with tarfile.open("app-0.1.0.tgz", "w:gz") as archive:
        archive.add("app")
    found = rendered("app-0.1.0.tgz", helm=helm)
    deployment = only(found, "Deployment")
    assert deployment.data["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": {"memory": "1Gi"}}
    assert where(deployment.place(LIMIT)) == "app-0.1.0.tgz:1:1"
    assert deployment.template == "app-0.1.0.tgz:app/templates/deploy.yaml"


@pytest.mark.usefixtures("app")
def test_archives_in_a_folder_are_charts_only_if_they_look_so(helm):
    with tarfile.open("packed.tgz", "w:gz") as archive:
        archive.add("app")
    with tarfile.open("other.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("notes.txt"), io.BytesIO())
    found = rendered(".", helm=helm)
    assert [file.shown for file in found.files] == ["app/templates/deploy.yaml", "packed.tgz:app/templates/deploy.yaml"]
    assert found.skipped == ()
    (skipped,) = rendered("other.tgz", helm=helm).skipped
    assert (skipped.file, skipped.reason) == ("other.tgz", "is no packed Helm chart: it holds no Chart.yaml")


@pytest.mark.usefixtures("app")
def test_each_environment_is_rendered_by_itself_when_asked(helm, write):
    write(
        {
            "app/values-prod.yaml": "memory: 8Gi\n",
            "app/values.dev.yaml": "memory: 9Gi\n",
            "app/environments/eu.yaml": "memory: 10Gi\n",
            "app/values/us.yml": "memory: 11Gi\n",
            "app/values.schema.json": "{}",
            "app/other.yaml": "memory: 12Gi\n",
        }
    )
    found = rendered("app", helm=helm, asked=ChartOptions(environments=True))
    places = {where(obj.place(LIMIT)): obj.identity_folder for obj in objects(found)}
    assert places == {
        "app/environments/eu.yaml:1:1": "@environments/eu.yaml",
        "app/values/us.yml:1:1": "@values/us.yml",
        "app/values-prod.yaml:1:1": "@values-prod.yaml",
        "app/values.dev.yaml:1:1": "@values.dev.yaml",
    }
    assert len({file.rendered.variant for file in found.files}) == 4
    (alone,) = rendered("app", helm=helm).files
    assert (alone.identity_folder, alone.rendered.variant) == ("", "")


@pytest.mark.usefixtures("app")
def test_a_chart_without_environments_is_rendered_as_it_is(helm):
    assert where(
        only(rendered("app", helm=helm, asked=ChartOptions(environments=True)), "Deployment").place(LIMIT)
    ) == ("app/values.yaml:1:1")


def test_charts_of_a_folder_keep_their_folders_and_files_beside_them_are_read(helm, write):
    for name in ("one", "a b"):
        write(
            {
                f"k/{name}/Chart.yaml": CHART.format(name="same"),
                f"k/{name}/templates/my file.yaml": DEPLOYMENT.format(name="web", memory="1Gi"),
            }
        )
    write({"k/plain.yaml": DEPLOYMENT.format(name="plain", memory="1Gi")})
    found = rendered("k", helm=helm)
    assert [(file.shown, file.identity_folder) for file in found.files] == [
        ("k/a b/templates/my file.yaml", "a b"),
        ("k/one/templates/my file.yaml", "one"),
        ("k/plain.yaml", ""),
    ]
    assert [file.rendered.variant for file in found.files if file.rendered] == ["", ""]


@pytest.mark.usefixtures("app")
def test_a_chart_that_fails_is_one_skipped_input_with_helms_words(helm, write):
    write(
        {
            "app/templates/bad.yaml": '{{ fail "no\\x1b[31m memory" }}',
            "ok.yaml": DEPLOYMENT.format(name="o", memory="1Gi"),
        }
    )
    found = rendered(".", helm=helm)
    (skipped,) = found.skipped
    assert (skipped.file, skipped.line) == ("app", None)
    assert skipped.reason.startswith("helm: ")
    assert "app/templates/bad.yaml:1:3" in skipped.reason
    assert "no\x1b[31m memory" in skipped.reason
    assert [obj.name for obj in objects(found)] == ["o"]


@pytest.mark.usefixtures("app")
def test_a_dependency_that_is_not_there_is_not_fetched(helm, write):
    listed = "dependencies:\n- {name: db, version: 0.1.0, repository: 'https://charts.example.invalid'}\n"
    write({"app/Chart.yaml": CHART.format(name="app") + listed})
    (skipped,) = rendered("app", helm=helm).skipped
    assert "missing in charts/" in skipped.reason
    assert "db" in skipped.reason


@pytest.mark.usefixtures("app")
def test_without_helm_each_chart_is_one_skipped_input_that_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = rendered(".")
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("app", "Helm chart is not rendered: install helm, or name it with --helm")
    ]
    assert found.files == ()
    (named,) = rendered(".", helm=str(tmp_path / "nowhere")).skipped
    assert named.reason == found.skipped[0].reason


@pytest.mark.usefixtures("app")
def test_a_document_that_cannot_be_read_is_told_at_its_template(helm, write):
    write({"app/templates/odd.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: 1}\n"})
    from auditor.sources.read import read_file

    found = rendered("app", helm=helm)
    skipped = [item for file in found.files for item in read_file(file).skipped]
    assert [(item.file, item.line) for item in skipped] == [("app/templates/odd.yaml", 1)]
    assert "spec.containers must be a list" in skipped[0].reason


@pytest.mark.usefixtures("app")
def test_templates_are_left_out_by_exclude(helm, write):
    write({"app/templates/tests/t.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: t}\nspec: {containers: [{}]}"})
    assert [obj.kind for obj in objects(rendered("app", helm=helm, exclude=["tests/"]))] == ["Deployment"]
    assert len(objects(rendered("app", helm=helm))) == 2


def test_a_chart_with_thousands_of_objects_is_rendered_whole(helm, write):
    many = (
        "{{ range $i := until 3000 }}\n---\n"
        + DEPLOYMENT.format(name="web-{{ $i }}", memory="{{ $.Values.memory }}")
        + "{{ end }}"
    )
    write(
        {"app/Chart.yaml": CHART.format(name="app"), "app/values.yaml": "memory: 1Gi\n", "app/templates/d.yaml": many}
    )
    found = rendered("app", helm=helm)
    assert found.skipped == ()
    listed = objects(found)
    assert {obj.name for obj in listed} == {f"web-{i}" for i in range(3000)}
    assert {where(obj.place(LIMIT)) for obj in listed} == {"app/values.yaml:1:1"}


@pytest.mark.usefixtures("app")
def test_waivers_in_comments_of_a_chart_are_told_to_be_left_alone(helm, write):
    assert rendered("app", helm=helm).notes == ()
    note = "app: `# waive:` comments of a chart are not read: use the annotation, or a file of waivers"
    write({"app/values.yaml": "memory: 1Gi # waive: x\n"})
    assert rendered("app", helm=helm).notes == (note,)
    write(
        {
            "app/values.yaml": "memory: 1Gi\n",
            "app/templates/c.yaml": "# waive: x\n" + DEPLOYMENT.format(name="c", memory=1),
        }
    )
    assert rendered("app", helm=helm).notes == (note,)


def test_nothing_of_rendering_is_loaded_without_a_chart_or_kustomization(write):
    write({"d.yaml": DEPLOYMENT.format(name="d", memory="1Gi")})
    code = "import sys, auditor.api as a; a.audit(['d.yaml']); print([m for m in sys.modules if '.render.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
