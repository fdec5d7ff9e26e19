"""`auditor size`: outputs, options, exit codes."""

import csv
import io
import json

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from auditor.cli.main import main
from auditor.cli.size import CSV_COLUMNS, size
from tests.sizing.containers import GIB, MIB, day, heap, item, usage

WEB = item()
API = item(name="api", container="server", heap=heap(), request_bytes=256 * MIB)
NEW = item(namespace="dev", name="new", usage=None, days=())


@pytest.fixture
def run(tmp_path):
    def call(*arguments, items=(WEB, API, NEW), more=b""):
        path = tmp_path / "in.jsonl"
        path.write_bytes(b"\n".join(map(msgspec.json.encode, items)) + b"\n" + more)
        result = CliRunner().invoke(size, ["--inputs", str(path), *arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return call


def test_the_table_shows_current_and_recommended_by_namespace(run):
    result = run("--price", "0.01")
    assert result.return_value == 0
    assert [line.split("  ")[0] for line in result.stdout.splitlines() if line and line[0] != " "] == ["dev", "shop"]
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()]
    assert ["Deployment new", "app", "512Mi", "1Gi", "-", "-", "-", "no history"] in rows
    web = ["Deployment web", "app", "512Mi -> 300Mi", "1Gi -> 460Mi", "-636Mi", "0 of 14 pod-days", "14 days, 100%"]
    assert web in rows
    why = "limit raised to 1280Mi, which -Xmx1g needs"
    api = ["Deployment api", "server", "256Mi -> 300Mi", "1Gi -> 1280Mi", "+132Mi"]
    assert [*api, "0 of 14 pod-days", "14 days, 100%", why] in rows
    # 3 x 512 + 3 x 256 = 2304; 6 x 300 = 1800; 504 MiB less x 0.01 x 730 = 3.59
    total = "total: requests 2304Mi -> 1800Mi (-504Mi), limits 6Gi -> 5220Mi; -3.59 a month; 2 containers"
    assert [total] in rows
    unsized = "total: requests 1536Mi (0), limits 3Gi; +0.00 a month; 1 container (1 without a recommendation)"
    assert any(row == [unsized.replace("1536Mi", "1.5Gi")] for row in rows)


def test_the_table_counts_what_has_no_number_of_replicas(run):
    result = run(items=(item(replicas=None, cluster="east", namespace=None),))
    assert "east (no namespace)" in result.stdout
    assert "1 container (1 without a number of replicas: in no sum)" in result.stdout


def test_names_reach_no_terminal_as_commands(run):
    result = run(items=(item(name="\x1b[31m"),))
    assert "\x1b" not in result.stdout
    assert "\\x1b[31m" in result.stdout


def test_json_has_every_key_and_the_fix(run):
    document = json.loads(run("--output", "json").stdout)
    assert (document["version"], document["profile"], len(document["containers"])) == (1, "balanced", 3)
    web = document["containers"][0]
    assert web["recommendation"]["recommended_request_bytes"] == 300 * MIB
    assert web["fix"] == [
        {"path": "spec.template.spec.containers[0].resources.requests.memory", "value": "300Mi"},
        {"path": "spec.template.spec.containers[0].resources.limits.memory", "value": "460Mi"},
    ]
    new = document["containers"][2]
    assert new["fix"] == []
    assert new["recommendation"]["recommended_request_bytes"] is None
    assert [total["namespace"] for total in document["totals"]] == ["dev", "shop"]


def test_csv_has_a_row_a_container_with_absent_cells_empty(run):
    rows = list(csv.DictReader(io.StringIO(run("--output", "csv", "--sizing", "saver").stdout)))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["name"] for row in rows] == ["web", "api", "new"]
    assert rows[0]["recommended_limit_bytes"] == str(600 * MIB)
    assert (rows[0]["profile"], rows[0]["floor_bytes"]) == ("saver", "")
    assert (rows[2]["recommended_request_bytes"], rows[2]["reasons"]) == ("", "no history")


def test_csv_guards_a_spreadsheet_against_names(run):
    assert "'=cmd()" in run("--output", "csv", items=(item(name="=cmd()"),)).stdout


def test_patches_are_written_for_what_changes(run):
    component = yaml.safe_load(run("--output", "kustomize").stdout)
    assert [yaml.safe_load(patch["patch"])["metadata"]["name"] for patch in component["patches"]] == ["web", "api"]
    patches = json.loads(run("--output", "json-patch").stdout)
    assert [patch["target"]["name"] for patch in patches] == ["web", "api"]


def test_helm_values_are_written_and_what_has_no_place_is_incomplete(run, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("values:\n- {name: web, path: web.resources}\n")
    result = run("--output", "helm", "--helm-mapping", str(mapping))
    expected = {"requests": {"memory": "300Mi"}, "limits": {"memory": "460Mi"}}
    assert yaml.safe_load(result.stdout) == {"web": {"resources": expected}}
    assert result.return_value == 3
    assert "Deployment api, container server: skipped: no rule of the mapping fits" in result.stderr


def test_a_note_of_the_mapping_is_told(run, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("values:\n- {path: resources}\n")
    result = run("--output", "helm", "--helm-mapping", str(mapping))
    assert result.return_value == 0
    assert "note: Deployment api, container server: shares resources" in result.stderr


def test_files_are_written_beside_the_table(run, tmp_path):
    result = run("--output", f"json={tmp_path / 'out.json'}", "--output", f"csv={tmp_path / 'out.csv'}")
    assert result.stdout.startswith("dev\n")
    assert json.loads((tmp_path / "out.json").read_text())["version"] == 1
    assert (tmp_path / "out.csv").read_bytes().count(b"\r\n") == 4
    assert not run("--quiet", "--output", f"json={tmp_path / 'out.json'}").stdout


def test_a_faulty_line_is_told_once_and_the_run_is_incomplete(run):
    result = run(more=b"{bad\n")
    assert result.return_value == 3
    assert result.stdout.count(":4: skipped: is no container with history") == 1
    assert not result.stderr
    assert ":4: skipped: " in run("--output", "csv", more=b"{bad\n").stderr
    assert len(json.loads(run("--output", "json", more=b"{bad\n").stdout)["skipped"]) == 1


def test_nothing_to_size_is_incomplete(run):
    result = run(items=())
    assert result.return_value == 3
    assert "nothing to size: no container was read" in result.stderr


def test_standard_input_is_read():
    text = msgspec.json.encode(WEB)
    result = CliRunner().invoke(size, ["--inputs", "-", "--output", "csv"], input=text, standalone_mode=False)
    assert result.return_value == 0
    assert "shop,Deployment,web,app" in result.stdout


def test_a_profile_of_the_user_sizes(run, tmp_path):
    (tmp_path / "mine.yaml").write_text("id: mine\nwhy: x\nrequest: 'usage.max_bytes'\n")
    found = run("--sizing-folder", str(tmp_path), "--sizing", "mine", "--output", "json")
    first = json.loads(found.stdout)["containers"][0]["recommendation"]
    assert (first["recommended_request_bytes"], first["recommended_limit_bytes"]) == (400 * MIB, GIB)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizing", "vpaa"], "--sizing vpaa: no such profile; write vpa instead"),
        (["--sizing", "none-like-it"], "there are balanced, guaranteed, krr, saver, vpa"),
        (["--sizing", "vpa", "--sizing", "krr"], "several are compared by --backtest"),
        (["--output", "helm"], "--output helm: needs --helm-mapping FILE"),
        (["--output", "helm", "--helm-mapping", "none.yaml"], "none.yaml: No such file or directory"),
        (["--output", "xml"], "formats are table, json, csv, kustomize, json-patch, helm"),
        (["--backtest", "--output", "kustomize"], "formats are table, json, csv"),
        (["--inputs", "none.jsonl"], "--inputs none.jsonl: No such file or directory"),
        (["--price", "-1"], "-1"),
        (["--fit-ratio", "1"], "1"),
    ],
)
def test_wrong_use_is_told(tmp_path, capsys, arguments, words):
    path = tmp_path / "in.jsonl"
    path.write_bytes(msgspec.json.encode(WEB) + b"\n")
    with pytest.raises(SystemExit) as ended:
        main(["size", "--inputs", str(path), *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_faulty_profile_is_told_with_its_place_and_without_the_usage(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("id: mine\nwhy: x\nrequest: 'usage.none'\n")
    with pytest.raises(SystemExit) as ended:
        main(["size", "--inputs", "-", "--sizing-folder", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{tmp_path}/mine.yaml:3:16: request: no fact 'none'\n"


HISTORY = item(
    days=tuple(
        day(
            number,
            p95_bytes=300 * MIB,
            max_bytes=(400 if number < 7 else 500) * MIB,
            request_bytes=512 * MIB,
            limit_bytes=GIB,
        )
        for number in range(14)
    )
)


def test_a_backtest_compares_all_profiles_with_what_was_set(run):
    result = run("--backtest", items=(HISTORY, NEW))
    assert result.return_value == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    assert list(rows) == ["profile", "current", "balanced", "guaranteed", "krr", "saver", "vpa"]
    assert rows["current"] == ["1", "7", "0", "0", "312Mi", "61%", "1"]
    # 460 MiB as limit, 300 MiB as request: cut on each of the seven days.
    assert rows["balanced"] == ["1", "7", "7", "7", "100Mi", "33%", "1"]
    # 600 MiB as limit, 220 MiB as request.
    assert rows["saver"][:4] == ["1", "7", "0", "7"]


def test_a_backtest_is_written_as_json_and_csv(run):
    names = ("--backtest", "--sizing", "balanced", "--sizing", "saver")
    document = json.loads(run(*names, "--output", "json", items=(HISTORY,)).stdout)
    assert (document["version"], document["fit_ratio"]) == (1, 0.5)
    assert [each["profile"] for each in document["outcomes"]] == ["current", "balanced", "saver"]
    rows = list(csv.DictReader(io.StringIO(run(*names, "--output", "csv", items=(HISTORY,)).stdout)))
    assert [row["oom_pod_days"] for row in rows] == ["0", "7", "0"]


def test_an_unsized_history_leaves_the_backtest_without_numbers(run):
    result = run("--backtest", items=(NEW,), more=b"{bad\n")
    assert "current  " in result.stdout
    assert ":2: skipped: " in result.stdout
    assert result.return_value == 3


def test_kills_and_pinned_limits_reach_the_table(run):
    known = usage(oom_kills=1, oom_days=("2026-11-05",), oom_limit_bytes=GIB, near_limit_ratio=0.08)
    assert (
        "1 OOM kill, last on 2026-11-05 at 1Gi; at its limit for at least 8%" in run(items=(item(usage=known),)).stdout
    )
