"""What untrusted charts and kustomizations cannot do: run long, print much, take memory, reach out, leave the tree."""

import http.server
import json
import os
import threading
import time

import pytest

from auditor.sources.render.process import ToolError, sandbox
from auditor.sources.rendering import Bounds, ChartOptions
from tests.sources.render.conftest import CHART, DEPLOYMENT, objects, rendered

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: "


@pytest.fixture
def chart(write):
    def chart(**templates):
        write({"app/Chart.yaml": CHART.format(name="app"), "app/values.yaml": "a: 1\n"})
        write({f"app/templates/{name}.yaml": text for name, text in templates.items()})

    return chart


@pytest.fixture
def program(tmp_path):
    """Return a writer of a program that stands for a tool."""

    def program(text):
        path = tmp_path / "tool"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return program


@pytest.fixture
def server():
    """Return a server on loopback, with the paths that it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked = []
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_chart_that_loops_is_ended(helm, chart):
    loop = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
    chart(d=loop)
    started = time.monotonic()
    (skipped,) = rendered("app", helm=helm, bounds=Bounds(seconds=1)).skipped
    assert (skipped.file, skipped.reason) == ("app", "helm: it did not end within 1 s")
    assert time.monotonic() - started < 10


def test_a_chart_that_prints_without_end_is_ended(helm, chart):
    chart(d=CONFIG_MAP + '{{ repeat 3000000 "x" }}\n')
    (skipped,) = rendered("app", helm=helm, bounds=Bounds(output_bytes=2**20)).skipped
    assert skipped.reason == "helm: it prints more than 1 MiB"
    assert objects(rendered("app", helm=helm)) != []


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="memory is bounded on Linux")
def test_a_chart_that_takes_memory_is_ended(helm, chart):
    chart(d="{{ len (until 300000000) }}")
    (skipped,) = rendered("app", helm=helm, bounds=Bounds(memory_bytes=2**30)).skipped
    assert skipped.reason == "helm: it ran out of the memory it may take"


def test_what_a_tool_started_ends_with_it(tmp_path, program):
    marker = tmp_path / "late"
    tool = program(f"( /bin/sleep 2; echo > {marker} ) & wait")
    with sandbox(Bounds(seconds=0.3)) as box, pytest.raises(ToolError, match=r"did not end within 0\.3 s"):
        box.run([tool])
    time.sleep(2.5)
    assert not marker.exists()


def test_a_tools_own_words_are_bounded_and_its_folder_goes(program):
    tool = program("i=0; while [ $i -lt 20000 ]; do echo 'too many words' >&2; i=$((i+1)); done; exit 3")
    with sandbox(Bounds()) as box, pytest.raises(ToolError) as caught:
        box.run([tool])
    assert len(str(caught.value)) < 2_100
    assert str(caught.value).startswith("too many words\n")
    assert not box.folder.exists()
    with sandbox(Bounds()) as box, pytest.raises(ToolError, match="ended with exit code 4 and said nothing"):
        box.run([program("exit 4")])
    with sandbox(Bounds()) as box, pytest.raises(ToolError, match="No such file or directory"):
        box.run([str(box.folder / "nothing")])


def test_a_tool_has_no_input_no_secrets_and_no_home(program, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("KUBECONFIG", "/elsewhere")
    monkeypatch.setenv("HELM_PLUGINS", "/elsewhere")
    with sandbox(Bounds()) as box:
        text = box.run(["/usr/bin/env"]).decode()
        seen = dict(line.split("=", 1) for line in text.splitlines())
        assert box.run([program("cat; pwd")]).decode().strip().endswith(str(box.folder))
    assert "hidden" not in text
    assert seen["KUBECONFIG"] == os.devnull
    assert all(seen[name].startswith(str(box.folder)) for name in ("HOME", "PATH", "HELM_PLUGINS", "TMPDIR"))


def test_a_schema_that_refers_elsewhere_is_not_followed(helm, chart, write, server):
    address = f"http://127.0.0.1:{server.server_address[1]}"
    chart(d=CONFIG_MAP + "b\n")
    for schema in (
        {"$ref": f"{address}/ref.json"},
        {"$schema": f"{address}/meta.json"},
        {"allOf": [{"$ref": "file:///etc/hostname"}]},
    ):
        write({"app/values.schema.json": json.dumps(schema)})
        found = rendered("app", helm=helm)
        assert (found.skipped, len(objects(found))) == ((), 1)
    assert server.asked == []


def test_a_schema_of_its_own_is_held(helm, chart, write):
    chart(d=CONFIG_MAP + "b\n")
    write(
        {
            "app/values.schema.json": json.dumps(
                {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "properties": {"a": {"$ref": "#/definitions/t"}},
                    "definitions": {"t": {"type": "string"}},
                }
            )
        }
    )
    (skipped,) = rendered("app", helm=helm).skipped
    assert "values don't meet the specifications of the schema" in skipped.reason


def test_templates_know_no_cluster_and_no_names_of_hosts(helm, chart):
    chart(
        d=CONFIG_MAP
        + '{{ len (lookup "v1" "Secret" "kube-system" "") | quote }}\n  b: {{ getHostByName "localhost" | quote }}\n'
    )
    (made,) = objects(rendered("app", helm=helm))
    assert made.data["data"] == {"a": "0", "b": ""}


@pytest.mark.parametrize("name", ["app/templates/x.yaml", "app/files", "app/values.yaml"])
def test_a_link_that_leaves_the_tree_is_not_followed(helm, write, name, tmp_path, monkeypatch):
    write(
        {
            "in/app/Chart.yaml": CHART.format(name="app"),
            "in/app/templates/d.yaml": DEPLOYMENT.format(name="w", memory="1Gi"),
            "secret/s.yaml": CONFIG_MAP + "secret\n",
        }
    )
    (tmp_path / "in" / name).symlink_to(tmp_path / "secret" / ("s.yaml" if "." in name else ""))
    monkeypatch.chdir(tmp_path / "in")
    found = rendered("app", helm=helm)
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("app", f"not rendered: {name} is a link that leaves the folder: it is not followed")
    ]
    assert found.files == ()


def test_links_in_the_tree_are_followed_but_not_to_a_folder_that_they_are_in(helm, write, tmp_path):
    write({"app/Chart.yaml": CHART.format(name="app"), "shared/d.yaml": DEPLOYMENT.format(name="w", memory="1Gi")})
    (tmp_path / "app/templates").symlink_to(tmp_path / "shared")
    assert [obj.name for obj in objects(rendered("app", helm=helm))] == ["w"]
    (tmp_path / "app/again").symlink_to(tmp_path / "app")
    (skipped,) = rendered("app", helm=helm).skipped
    assert skipped.reason == "not rendered: app/again is a link to a folder that it is in"


def test_a_file_of_values_that_is_not_there_or_leaves_the_tree_is_not_read(helm, chart, tmp_path):
    from auditor.sources.render.model import RenderRoot, Tree, Values
    from auditor.sources.render.one import render_root
    from auditor.sources.rendering import RenderOptions

    chart(d=CONFIG_MAP + "b\n")
    here = os.path.realpath(tmp_path)
    for path, words in (("/etc/hostname", "leaves the folder: it is not read"), (f"{here}/none.yaml", "No such file")):
        root = RenderRoot(
            path=f"{here}/app",
            shown="app",
            identity_folder="",
            root=0,
            tree=Tree(here, here),
            chart=True,
            values=(Values(path=path),),
        )
        (skipped,) = render_root(root, RenderOptions(helm=helm)).skipped
        assert words in skipped.reason


def test_values_that_an_option_names_may_be_anywhere_but_not_behind_a_link_that_leaves(
    helm, tmp_path, monkeypatch, write
):
    write({"in/app/Chart.yaml": CHART.format(name="app"), "in/app/templates/c.yaml": CONFIG_MAP + "{{ .Values.a }}\n"})
    write({"elsewhere/v.yaml": "a: given\n"})
    monkeypatch.chdir(tmp_path / "in")
    (made,) = objects(rendered("app", helm=helm, chart=ChartOptions(values=("../elsewhere/v.yaml",))))
    assert made.data["data"] == {"a": "given"}
    (tmp_path / "in/v.yaml").symlink_to(tmp_path / "elsewhere/v.yaml")
    (skipped,) = rendered("app", helm=helm, chart=ChartOptions(values=("v.yaml",))).skipped
    assert skipped.reason == "not rendered: v.yaml leaves the folder: it is not read"


def test_a_chart_that_renders_to_what_crashes_a_parser_takes_no_other_with_it(helm, chart, write, monkeypatch):
    from auditor.sources.render import one

    render_chart = one.render_chart

    def crash(root, *rest):
        if root.shown == "app":
            os._exit(11)
        return render_chart(root, *rest)

    monkeypatch.setattr(one, "render_chart", crash)
    chart(d=CONFIG_MAP + "b\n")
    write({"other/Chart.yaml": CHART.format(name="other"), "other/templates/c.yaml": CONFIG_MAP + "b\n"})
    found = rendered(".", helm=helm, jobs=2)
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("app", "the parser crashed on what this renders to")
    ]
    assert [obj.template for obj in objects(found)] == ["other/templates/c.yaml"]
