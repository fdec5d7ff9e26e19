"""Which key of the values a finding stands at: shown by rendering again, never guessed."""

# ruff: noqa: E501 - a line of a chart is one line

import pytest

from auditor.findings import Place
from auditor.kube.paths import value_at
from auditor.sources.rendering import ChartOptions
from tests.sources.render.conftest import CHART, DEPLOYMENT, LIMIT, objects, only, rendered, where

CONTAINER = LIMIT[:5]


@pytest.fixture
def chart(write):
    """Return a writer of a chart `app`, of templates and values."""

    def chart(values, **templates):
        write({"app/Chart.yaml": CHART.format(name="app"), "app/values.yaml": values})
        write({f"app/templates/{name}.yaml": text for name, text in templates.items()})

    return chart


def deploy(memory, name="web"):
    return DEPLOYMENT.format(name=name, memory=memory)


def place(found, path=LIMIT, kind="Deployment"):
    return where(only(found, kind).place(path))


def test_the_place_is_the_key_and_the_template_is_told_beside_it(helm, chart):
    chart("# the web\nweb:\n  memory: 512Mi # much\n", d=deploy("{{ .Values.web.memory }}"))
    found = rendered("app", helm=helm)
    deployment = only(found, "Deployment")
    assert deployment.place(LIMIT) == Place("app/values.yaml", 3, 3, 3, 9)
    assert deployment.locator.alias_place(LIMIT) == Place("app/templates/d.yaml", 1, 1, 1, 1)
    assert value_at(deployment.data, LIMIT) == "512Mi"
    # What no value decides stands at the template, whose first line stands for all of it.
    assert where(deployment.place(CONTAINER)) == "app/templates/d.yaml:1:1"
    assert deployment.locator.alias_place(CONTAINER) is None
    assert deployment.line == 1


def test_a_key_that_two_templates_use_is_the_place_in_both(helm, chart):
    chart("memory: 1Gi\n", a=deploy("{{ .Values.memory }}", "a"), b=deploy("{{ .Values.memory | quote }}", "b"))
    found = rendered("app", helm=helm)
    assert [(obj.name, where(obj.place(LIMIT))) for obj in objects(found)] == [
        ("a", "app/values.yaml:1:1"),
        ("b", "app/values.yaml:1:1"),
    ]


def test_two_keys_of_one_value_are_told_apart(helm, chart):
    chart("a: 1Gi\nb: 1Gi\n", d=deploy("{{ .Values.b }}"))
    assert place(rendered("app", helm=helm)) == "app/values.yaml:2:1"


def test_a_key_is_found_through_a_helper_and_a_block(helm, chart, write):
    write(
        {
            "app/templates/_helpers.tpl": '{{ define "app.limit" }}{{ .Values.deep.er.memory }}{{ end }}'
            '{{ define "app.resources" }}{{ toYaml .Values.block.resources }}{{ end }}'
        }
    )
    chart(
        "deep:\n  er: {memory: 1Gi}\nblock:\n  resources:\n    limits:\n      memory: 2Gi\n",
        a=deploy('{{ include "app.limit" . }}', "a"),
        b=deploy("x", "b").replace(
            "        resources:\n          limits:\n            memory: x\n",
            '        resources:\n{{ include "app.resources" . | indent 10 }}\n',
        ),
    )
    by_name = {obj.name: obj for obj in objects(rendered("app", helm=helm))}
    assert where(by_name["a"].place(LIMIT)) == "app/values.yaml:2:8"
    assert where(by_name["b"].place(LIMIT)) == "app/values.yaml:6:7"
    # A key that is absent stands at the mapping that it would be in.
    assert where(by_name["b"].place((*LIMIT[:-2], "requests", "memory"))) == "app/values.yaml:4:3"
    assert where(by_name["b"].place((*LIMIT[:-1], "cpu"))) == "app/values.yaml:5:5"


def test_a_mapping_that_is_empty_and_left_out_is_the_place_of_what_is_missing(helm, chart):
    text = deploy("x").replace(
        "        resources:\n          limits:\n            memory: x\n",
        "        {{- with .Values.resources }}\n        resources:\n          {{- toYaml . | nindent 10 }}\n        {{- end }}\n",
    )
    chart("a: 1\nresources: {}\n", d=text)
    found = rendered("app", helm=helm)
    assert value_at(only(found, "Deployment").data, (*CONTAINER, "resources")) is None
    assert place(found) == "app/values.yaml:2:1"
    assert place(found, (*CONTAINER, "name")) == "app/templates/d.yaml:1:1"


@pytest.mark.parametrize(
    ("values", "memory"),
    [
        ("mib: 512\n", "{{ mul .Values.mib 2 }}Mi"),
        ("a: 1\nb: 2\n", "{{ .Values.a }}{{ .Values.b }}Gi"),
        ("size: large\n", '{{ if eq .Values.size "large" }}2Gi{{ else }}1Gi{{ end }}'),
        ("memory: 1Gi\n", "1Gi"),
        ("memory: 1Gi\n", '{{ .Values.memory | replace "1" "3" }}'),
    ],
    ids=["computed", "of two keys", "chosen", "written", "changed"],
)
def test_what_cannot_be_shown_to_be_one_keys_stands_at_the_template(helm, chart, values, memory):
    chart(values, d=deploy(memory))
    assert place(rendered("app", helm=helm)) == "app/templates/d.yaml:1:1"


def test_a_number_with_a_unit_added_and_flags_in_a_text_are_their_keys(helm, chart):
    env = "        env: [{name: JAVA_OPTS, value: {{ .Values.opts | quote }}}]\n"
    chart("mib: 512\nopts: -Xmx300m -Dx=1\n", d=deploy("{{ .Values.mib }}Mi") + env)
    found = rendered("app", helm=helm)
    assert place(found) == "app/values.yaml:1:1"
    assert place(found, (*CONTAINER, "env", 0, "value")) == "app/values.yaml:2:1"


def test_the_last_file_that_sets_a_key_is_its_place(helm, chart, write):
    chart("memory: 1Gi\nother: 3Gi\n", d=deploy("{{ .Values.memory }}"), e=deploy("{{ .Values.other }}", "e"))
    write({"one.yaml": "memory: 2Gi\n", "two.yaml": "x: 1\nmemory: 2Gi\n", "three.yaml": "y: 1\n"})
    found = rendered("app", helm=helm, chart=ChartOptions(values=("one.yaml", "two.yaml", "three.yaml")))
    assert [where(obj.place(LIMIT)) for obj in objects(found)] == ["two.yaml:2:1", "app/values.yaml:2:1"]


def test_what_set_says_is_in_no_file(helm, chart):
    chart("memory: 1Gi\n", d=deploy("{{ .Values.memory }}"))
    found = rendered("app", helm=helm, chart=ChartOptions(sets=("memory=1Gi",)))
    assert place(found) == "app/templates/d.yaml:1:1"


def test_values_in_lists_and_ones_that_replace_a_list_are_found(helm, chart, write):
    template = "{{ range .Values.apps }}\n---\n" + deploy("{{ .memory }}", "{{ .name }}") + "{{ end }}"
    chart("apps:\n- {name: a, memory: 1Gi}\n- {name: b, memory: 2Gi}\n", d=template)
    assert [where(obj.place(LIMIT)) for obj in objects(rendered("app", helm=helm))] == [
        "app/values.yaml:2:13",
        "app/values.yaml:3:13",
    ]
    write({"less.yaml": "apps:\n- name: c\n  memory: 2Gi\n"})
    found = rendered("app", helm=helm, chart=ChartOptions(values=("less.yaml",)))
    assert [(obj.name, where(obj.place(LIMIT))) for obj in objects(found)] == [("c", "less.yaml:3:3")]


def test_a_chart_that_refuses_other_values_still_renders_and_shows_what_it_can(helm, chart, write):
    guard = '{{ if ne (int .Values.port) 80 }}{{ fail "only 80" }}{{ end }}'
    chart(
        "port: 80\nmemory: 1Gi\n",
        d=guard + deploy("{{ .Values.memory }}") + "        ports: [{containerPort: {{ .Values.port }}}]\n",
    )
    write(
        {
            "app/values.schema.json": '{"additionalProperties": false, "properties": {"port": {}, "memory": {"enum": ["1Gi"]}}}'
        }
    )
    found = rendered("app", helm=helm)
    assert found.skipped == ()
    assert place(found) == "app/values.yaml:2:1"
    assert place(found, (*CONTAINER, "ports", 0, "containerPort")) == "app/templates/d.yaml:1:1"


def test_a_chart_that_refuses_every_other_value_stands_at_its_template(helm, chart):
    guard = '{{ if ne .Values.memory "1Gi" }}{{ fail "only 1Gi" }}{{ end }}'
    chart("memory: 1Gi\n", d=guard + deploy("{{ .Values.memory }}"))
    found = rendered("app", helm=helm)
    assert found.skipped == ()
    assert place(found) == "app/templates/d.yaml:1:1"


def test_identities_do_not_depend_on_places(helm, chart):
    chart("memory: 1Gi\n", d=deploy("{{ .Values.memory }}"))
    (known,) = objects(rendered("app", helm=helm))
    (unknown,) = objects(rendered("app", helm=helm, chart=ChartOptions(sets=("memory=1Gi",))))
    assert where(known.place(LIMIT)) != where(unknown.place(LIMIT))
    assert (known.identity_folder, known.data) == (unknown.identity_folder, unknown.data)
