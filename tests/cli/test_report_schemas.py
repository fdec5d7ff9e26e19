"""The machine-readable reports of a real run hold to their schemas."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = {
    "sarif": ROOT / "tests" / "reports" / "sarif-schema-2.1.0.json",
    "json": ROOT / "docs" / "report.schema.json",
}


@pytest.mark.parametrize("form", SCHEMAS)
@pytest.mark.parametrize("paths", [["manifests-samples"], ["tests/corpus"], ["LICENSE"]])
def test_a_real_report_is_valid(form, paths):
    command = [sys.executable, "-m", "auditor", "scan", *paths, "--profile", "all", "--output", form]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert result.returncode in {0, 1, 3}, result.stderr
    jsonschema.validate(json.loads(result.stdout), json.loads(SCHEMAS[form].read_text()))
