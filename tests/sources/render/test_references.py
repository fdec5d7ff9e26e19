"""What Argo CD and Flux name in the repository is rendered with what they say, once."""

# ruff: noqa: E501 - a line of a manifest is one line

import subprocess

import pytest

from auditor.kube.paths import value_at
from tests.sources.render.conftest import CHART, DEPLOYMENT, LIMIT, objects, rendered, where
from tests.tools import need

SEEN = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n"
    "  release: {{ .Release.Name | quote }}\n  namespace: {{ .Release.Namespace | quote }}\n"
    "  a: {{ .Values.a | quote }}\n  b: {{ .Values.b | quote }}\n  version: {{ .Capabilities.KubeVersion.Version }}\n"
    '  api: {{ .Capabilities.APIVersions.Has "example.com/v7" | quote }}\n'
)

APPLICATION = """apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  destination: {{namespace: team}}
  source:
    repoURL: https://git.example.com/owner/config.git
    path: {path}
"""

HELM_RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: team}
spec:
  chart:
    spec:
      chart: ./charts/app
      sourceRef: {kind: GitRepository, name: config}
"""

FLUX = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  path: ./apps
  sourceRef: {kind: GitRepository, name: flux-system}
"""


@pytest.fixture
def helm4():
    from tests.tools import need_rendering

    return need_rendering("helm")


@pytest.fixture
def repository(write, helm4, kubectl):
    """Return a reader of a repository with a chart, whose options are those of the tools."""
    write(
        {
            "charts/app/Chart.yaml": CHART.format(name="app"),
            "charts/app/values.yaml": "a: one\nb: one\nmemory: 1Gi\n",
            "charts/app/templates/seen.yaml": SEEN,
            "charts/app/templates/d.yaml": DEPLOYMENT.format(name="d", memory="{{ .Values.memory }}"),
        }
    )

    def repository(**files):
        write(files)
        return rendered(".", helm=helm4, kustomize=kubectl, kubernetes_version="1.33")

    return repository


def seen(found):
    """Return what the chart saw, of each rendering."""
    return [obj.data["data"] for obj in objects(found) if obj.name == "seen"]


def test_an_application_renders_its_chart_with_what_it_says_and_once(repository):
    text = APPLICATION.format(path="charts/app") + (
        "    helm:\n      releaseName: rel\n      valueFiles: [other.yaml, /values/top.yaml]\n"
        "      valuesObject:\n        memory: 4Gi\n"
        "      parameters: [{name: b, value: 'x,y'}]\n      apiVersions: [example.com/v7]\n      kubeVersion: '1.30'\n"
    )
    files = {"charts/app/other.yaml": "a: two\nmemory: 2Gi\n", "values/top.yaml": "memory: 3Gi\n"}
    found = repository(**files, **{"web.yaml": text})
    assert (found.skipped, found.notes) == ((), ())
    assert seen(found) == [
        {"release": "rel", "namespace": "team", "a": "two", "b": "x,y", "version": "v1.30.0", "api": "true"}
    ]
    (deployment,) = [obj for obj in objects(found) if obj.kind == "Deployment"]
    assert value_at(deployment.data, LIMIT) == "4Gi"
    # The Application itself holds the value.
    assert where(deployment.place(LIMIT)) == "web.yaml:13:9"
    assert (deployment.namespace, deployment.identity_folder) == ("team", "charts/app@web")


def test_an_application_has_values_as_a_text_and_the_last_files_key_is_the_place(repository):
    text = APPLICATION.format(path="charts/app") + (
        "    helm:\n      valueFiles: [one.yaml, none.yaml]\n      ignoreMissingValueFiles: true\n      values: |\n        a: three\n"
    )
    found = repository(**{"charts/app/one.yaml": "memory: 2Gi\n", "web.yaml": text})
    assert seen(found)[0]["a"] == "three"
    assert seen(found)[0]["release"] == "web"
    (deployment,) = [obj for obj in objects(found) if obj.kind == "Deployment"]
    assert where(deployment.place(LIMIT)) == "charts/app/one.yaml:1:1"


def test_two_applications_of_one_chart_are_two_renderings(repository):
    one = APPLICATION.format(path="charts/app") + "    helm: {parameters: [{name: a, value: '1', forceString: true}]}\n"
    two = one.replace("name: web,", "name: api,").replace("value: '1'", "value: '2'")
    found = repository(**{"apps.yaml": f"{one}---\n{two}"})
    assert [(item["release"], item["a"]) for item in seen(found)] == [("web", "1"), ("api", "2")]
    assert len({file.rendered.variant for file in found.files if file.rendered}) == 2


def test_sources_of_an_application_may_hold_each_others_values(repository):
    text = """apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  destination: {namespace: team}
  sources:
  - {repoURL: 'https://git.example.com/c.git', path: charts/app, helm: {valueFiles: [$values/env/prod.yaml]}}
  - {repoURL: 'https://git.example.com/c.git', ref: values}
  - {repoURL: 'https://charts.example.com', chart: redis, targetRevision: 1.0.0}
"""
    found = repository(**{"env/prod.yaml": "a: prod\n", "web.yaml": text})
    assert [item["a"] for item in seen(found)] == ["prod"]


@pytest.mark.parametrize(
    ("helm", "words"),
    [
        ("valueFiles: [none.yaml]", "values none.yaml are not in this repository"),
        (
            "valueFiles: ['https://example.com/v.yaml']",
            "values https://example.com/v.yaml are not in this repository: nothing is fetched",
        ),
        ("valueFiles: [../../../../../../../../../etc/hostname]", "leaves the folder: it is not read"),
        ("releaseName: --post-renderer=x", "'--post-renderer=x' cannot be the name of a release"),
    ],
)
def test_what_an_application_cannot_have_is_a_skipped_input_that_names_it(repository, helm, words):
    found = repository(**{"web.yaml": APPLICATION.format(path="charts/app") + f"    helm: {{{helm}}}\n"})
    (skipped,) = found.skipped
    assert words in skipped.reason
    assert skipped.reason.startswith("Application argocd/web (web.yaml): not rendered: ")


def test_an_application_renders_a_kustomization_with_its_changes(repository):
    text = APPLICATION.format(path="apps/web") + (
        "    kustomize:\n      namePrefix: p-\n      namespace: other\n      images: [x=registry.example.com/y:2, z:3]\n"
        "      patches: [{path: patch.yaml}]\n"
    )
    patch = DEPLOYMENT.format(name="web", memory="7Gi")
    found = repository(
        **{
            "apps/web/kustomization.yaml": "resources: [d.yaml]\n",
            "apps/web/d.yaml": DEPLOYMENT.format(name="web", memory="1Gi"),
            "apps/web/patch.yaml": patch,
            "web.yaml": text,
        }
    )
    assert found.skipped == ()
    (deployment,) = [obj for obj in objects(found) if obj.name == "p-web"]
    assert deployment.namespace == "other"
    assert value_at(deployment.data, LIMIT) == "7Gi"
    assert value_at(deployment.data, (*LIMIT[:5], "image")) == "registry.example.com/y:2"
    assert len([obj for obj in objects(found) if obj.kind == "Deployment"]) == 2  # and the chart's


def test_what_is_in_another_repository_is_told_and_not_rendered(repository, tmp_path):
    need("git")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@github.com:fork/config.git"], cwd=tmp_path, check=True)
    ours = APPLICATION.format(path="charts/app")
    other = ours.replace("owner/config.git", "owner/other.git").replace("name: web,", "name: other,")
    found = repository(**{"apps.yaml": f"{ours}---\n{other}"})
    assert [item["release"] for item in seen(found)] == ["web"]
    assert found.notes == ("1 source of an Application or release is in another repository and not rendered",)


def test_a_folder_of_plain_files_is_read_as_it_is(repository):
    found = repository(
        **{"plain/d.yaml": DEPLOYMENT.format(name="p", memory="1Gi"), "web.yaml": APPLICATION.format(path="plain")}
    )
    assert [obj.name for obj in objects(found) if obj.kind == "Deployment"] == ["d", "p"]
    assert (found.skipped, found.notes) == ((), ())


def test_an_application_that_a_chart_renders_is_followed(repository):
    found = repository(
        **{
            "root/Chart.yaml": CHART.format(name="root"),
            "root/values.yaml": "path: charts/app\n",
            "root/templates/apps.yaml": APPLICATION.format(path="{{ .Values.path }}")
            + "    helm: {parameters: [{name: a, value: deep}]}\n",
        }
    )
    assert [item["a"] for item in seen(found)] == ["deep"]


def test_a_helm_release_renders_its_chart_with_its_values(repository):
    text = HELM_RELEASE + "  targetNamespace: there\n  values:\n    a: flux\n    memory: 2Gi\n"
    found = repository(**{"release.yaml": text})
    assert found.skipped == ()
    assert [(item["release"], item["namespace"], item["a"], item["b"]) for item in seen(found)] == [
        ("there-web", "there", "flux", "one")
    ]
    (deployment,) = [obj for obj in objects(found) if obj.kind == "Deployment"]
    assert where(deployment.place(LIMIT)) == "release.yaml:12:5"


def test_values_files_of_a_helm_release_stand_in_for_the_charts_own(repository):
    text = HELM_RELEASE.replace(
        "chart: ./charts/app\n", "chart: ./charts/app\n      valuesFiles: [charts/app/prod.yaml]\n"
    )
    found = repository(**{"charts/app/prod.yaml": "memory: 5Gi\na: prod\n", "release.yaml": text})
    assert [(item["release"], item["namespace"], item["a"], item["b"]) for item in seen(found)] == [
        ("web", "team", "prod", None)
    ]
    (deployment,) = [obj for obj in objects(found) if obj.kind == "Deployment"]
    assert where(deployment.place(LIMIT)) == "charts/app/prod.yaml:1:1"


def test_what_only_the_cluster_knows_makes_the_run_incomplete(repository):
    found = repository(**{"release.yaml": HELM_RELEASE + "  valuesFrom: [{kind: Secret, name: s}]\n"})
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("release.yaml", "HelmRelease team/web (release.yaml): rendered without valuesFrom, which is not known here")
    ]
    assert len(seen(found)) == 1
    found = repository(**{"release.yaml": HELM_RELEASE + "  valuesFrom: [{kind: Secret, name: s, optional: true}]\n"})
    assert found.skipped == ()


def test_a_flux_kustomization_renders_its_folder_with_what_it_says(repository):
    text = FLUX + (
        "  targetNamespace: there\n  namePrefix: f-\n  components: [../more]\n  postBuild: {substitute: {size: 3Gi}}\n"
    )
    found = repository(
        **{
            "apps/kustomization.yaml": "resources: [d.yaml]\n",
            "apps/d.yaml": DEPLOYMENT.format(name="web", memory="${size}").replace(
                "image: x", "image: x:${tag:=v1}$${kept}"
            ),
            "more/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n",
            "flux.yaml": text,
        }
    )
    assert found.skipped == ()
    (deployment,) = [obj for obj in objects(found) if obj.kind == "Deployment" and obj.name != "d"]
    assert (deployment.name, deployment.namespace) == ("f-web-c", "there")
    assert value_at(deployment.data, LIMIT) == "3Gi"
    assert value_at(deployment.data, (*LIMIT[:5], "image")) == "x:v1${kept}"
    assert deployment.identity_folder == "apps@web"


def test_a_release_that_an_overlay_patches_is_rendered_as_patched(repository):
    found = repository(
        **{
            "base/kustomization.yaml": "resources: [release.yaml]\n",
            "base/release.yaml": HELM_RELEASE + "  values: {a: base}\n",
            "prod/kustomization.yaml": "resources: [../base]\npatches:\n- patch: |\n    apiVersion: helm.toolkit.fluxcd.io/v2\n"
            "    kind: HelmRelease\n    metadata: {name: web, namespace: team}\n    spec: {values: {a: patched}}\n",
        }
    )
    assert [item["a"] for item in seen(found)] == ["patched"]
