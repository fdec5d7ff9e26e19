"""Charts and kustomizations: both sides are rendered by the real tools, each with its own values."""

import json

import pytest

from auditor.config import ConfigError
from auditor.diff.model import HEAD
from tests.diff.repository import MIB, deployment, policies, statuses
from tests.tools import need_rendering

CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, namespace: shop}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: app:1
        resources: {{ toJson .Values.resources }}
"""
VALUES = """\
replicas: 2
resources:
  requests: {cpu: 100m, memory: 128Mi}
  limits:
    memory: 128Mi
"""


@pytest.fixture(scope="module")
def programs():
    """Find the tools while HOME is still the user's."""
    return {"helm": need_rendering("helm"), "kustomize": need_rendering("kubectl")}


@pytest.fixture
def chart(programs, repo):
    assert programs
    repo.put("charts/shop/Chart.yaml", CHART)
    repo.put("charts/shop/templates/web.yaml", TEMPLATE)
    repo.put("charts/shop/templates/_helpers.tpl", "{{/* none */}}\n")
    repo.put("charts/shop/values.yaml", VALUES)
    repo.commit()
    return repo


@pytest.mark.parametrize("head", [None, "HEAD"])
def test_a_values_file_that_changes_changes_what_the_chart_renders_to(chart, programs, head):
    chart.put("charts/shop/values.yaml", VALUES.replace("limits:\n    memory: 128Mi", "limits:\n    memory: 1Gi"))
    if head:
        chart.commit()
    diff = chart.compare("HEAD~1" if head else "HEAD", head, options=programs)
    assert statuses(diff) == [("new", "memory-limit-to-request-ratio-high", "shop")]
    assert diff.memory.delta.limit_bytes == 2 * (1024 - 128) * MIB
    finding = diff.findings[0]
    assert (finding.finding.place.file, finding.finding.place.line) == ("charts/shop/values.yaml", 5)
    assert finding.on_changed_line is True
    assert not diff.skipped


def test_an_unchanged_chart_is_unchanged(chart, programs):
    chart.put("other.yaml", deployment("other", limit=None))
    diff = chart.compare(options=programs)
    assert statuses(diff) == [("new", "memory-limit-missing", "other")]
    assert [change.workload.name for change in diff.memory.workloads] == ["other"]
    assert diff.files_changed == 1


def test_a_chart_that_moves_is_the_same_one(chart, programs):
    chart.put("charts/shop/values.yaml", VALUES.replace("  limits:\n    memory: 128Mi\n", ""))
    chart.commit()
    (chart.folder / "charts").rename(chart.folder / "deploy")
    diff = chart.compare(options=programs)
    assert statuses(diff) == [("unchanged", "memory-limit-missing", "shop")]
    assert not diff.fixed


def test_each_side_is_rendered_with_its_own_values_of_the_option(chart, programs):
    chart.put("envs/prod.yaml", "replicas: 3\n")
    chart.commit()
    chart.put("envs/prod.yaml", "replicas: 5\n")
    diff = chart.compare(options=programs | {"helm_values": ["envs/prod.yaml"]})
    assert (diff.memory.before.pods, diff.memory.after.pods) == (3, 5)
    added = chart.compare("HEAD~1", options=programs | {"helm_values": ["envs/prod.yaml"]})
    assert (added.memory.before.pods, added.memory.after.pods) == (2, 5)
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        chart.compare(options=programs | {"helm_values": ["absent.yaml"]})


def test_each_side_is_rendered_with_its_own_values_of_the_config(chart, programs):
    chart.put("envs/prod.yaml", "replicas: 3\n")
    chart.put(".auditor.yaml", "helm: {charts: {charts/shop: {values: [envs/prod.yaml]}}}\n")
    chart.commit()
    chart.put("envs/prod.yaml", "replicas: 5\n")
    diff = chart.compare(options=programs)
    assert (diff.memory.before.pods, diff.memory.after.pods) == (3, 5)
    chart.remove("envs")
    assert chart.compare(options=programs).memory.after.pods == 2


def test_an_environment_that_is_added_leaves_the_others_as_they_are(chart, programs):
    options = programs | {"helm_environments": True}
    chart.put("charts/shop/values-prod.yaml", "replicas: 4\n")
    chart.commit()
    chart.put("charts/shop/values-dev.yaml", "replicas: 1\n")
    diff = chart.compare(options=options)
    assert [change.change for change in diff.memory.workloads] == ["added"]
    assert diff.memory.delta.pods == 1


def test_a_chart_that_no_longer_renders_is_told_with_its_side(chart, programs, run):
    chart.put("charts/shop/templates/web.yaml", '{{ fail "no such luck" }}')
    diff = chart.compare(options=programs)
    assert [item.side for item in diff.skipped] == [HEAD]
    assert "no such luck" in diff.skipped[0].item.reason
    result = run("HEAD", "--helm", programs["helm"], "--output", "json")
    assert result.returncode == 3
    assert json.loads(result.stdout)["complete"] is False


def test_an_annotation_that_a_chart_newly_renders_is_asked_for(chart, programs):
    entry = "- {policy: memory-limit-missing, reason: r, until: 2099-01-01}"
    annotated = TEMPLATE.replace(
        "namespace: shop}", f"namespace: shop, annotations: {{memory-auditor.io/waive: '{entry}'}}}}"
    )
    chart.put("charts/shop/templates/web.yaml", annotated)
    chart.put("charts/shop/values.yaml", VALUES.replace("  limits:\n    memory: 128Mi\n", ""))
    diff = chart.compare(options=programs)
    assert policies(diff) == ["memory-limit-missing"]
    assert len(diff.waivers_asked) == 1
    chart.commit()
    chart.put("charts/shop/values.yaml", VALUES.replace("  limits:\n    memory: 128Mi\n", "").replace("128Mi", "64Mi"))
    assert policies(chart.compare(options=programs), "waived") == ["memory-limit-missing"]


def test_an_overlay_is_built_on_both_sides(programs, repo):
    repo.put("base/web.yaml", deployment())
    repo.put("base/kustomization.yaml", "resources: [web.yaml]\n")
    repo.put("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: more.yaml}]\n")
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: %d}\n"
    repo.put("prod/more.yaml", patch % 3)
    repo.commit()
    repo.put("prod/more.yaml", patch % 7)
    diff = repo.compare(options=programs)
    assert not diff.skipped
    assert (diff.memory.before.pods, diff.memory.after.pods) == (3, 7)
    assert diff.memory.delta.request_bytes == 4 * 128 * MIB


SCALED = """\
{{- if .Values.scaled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ .Release.Name }}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}
  minReplicas: 4
  maxReplicas: 10
{{- end }}
"""


def test_an_autoscaler_that_values_switch_on_bounds_the_pods_of_a_chart_without_a_namespace(chart, programs):
    chart.put("charts/shop/templates/web.yaml", TEMPLATE.replace(", namespace: shop", ""))
    chart.put("charts/shop/templates/hpa.yaml", SCALED)
    chart.commit()
    chart.put("charts/shop/values.yaml", VALUES + "scaled: true\n")
    diff = chart.compare(options=programs)
    assert diff.memory.delta.pods == 2
    assert diff.memory.delta.request_bytes == 2 * 128 * MIB
    assert diff.memory.delta.request_max_bytes == 8 * 128 * MIB
