"""The action's script, run as a runner runs it: installs, audits, tells its exit code."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNLIMITED = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, resources: {requests: {memory: 1Gi}}}]}
"""


@pytest.fixture
def act(tmp_path):
    """Runs the script with the checkout's own environment standing for the one that it would install."""
    venv = tmp_path / "temp" / "memory-auditor-venv" / "bin"
    venv.mkdir(parents=True)
    auditor = shutil.which("auditor", path=str(ROOT / ".venv" / "bin"))
    assert auditor, "the tests run in the environment that make makes"
    (venv / "auditor").symlink_to(auditor)

    def act(**inputs):
        defaults = {
            "PATHS": ".",
            "FAIL_ON": "medium",
            "PROFILE": "recommended",
            "KUBERNETES_VERSION": "",
            "SARIF_FILE": "a.sarif",
            "CSV_FILE": "a.csv",
            "ACTION_PATH": str(ROOT / "github-action"),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "PATH": os.environ["PATH"],
        }
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        script = ["bash", str(ROOT / "github-action" / "audit.sh")]
        return subprocess.run(script, cwd=work, env=defaults | inputs, capture_output=True, text=True, check=False)

    (tmp_path / "work").mkdir()
    return act


def test_findings_annotate_fail_and_leave_sarif_and_a_summary(act, tmp_path):
    (tmp_path / "work" / "a b.yaml").write_text(UNLIMITED)
    result = act(PATHS="a b.yaml\n")
    assert result.returncode == 1, result.stderr
    assert "::error file=a b.yaml,line=4," in result.stdout
    assert (tmp_path / "output").read_text() == "exit-code=1\n"
    assert len(json.loads((tmp_path / "work" / "a.sarif").read_text())["runs"][0]["results"]) == 1
    assert "no memory limit" in (tmp_path / "summary.md").read_text()


def test_text_in_an_input_is_never_run(act, tmp_path):
    result = act(PATHS="$(touch pwned); touch pwned", FAIL_ON="never")
    assert result.returncode == 2
    assert not (tmp_path / "work" / "pwned").exists()
