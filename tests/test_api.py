"""The Python API, as a notebook uses it."""

import pytest

import auditor
from auditor.config import ConfigError

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  containers:
  - name: app
    resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}
"""


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pod.yaml").write_text(POD)
    return tmp_path / "pod.yaml"


def test_an_audit_is_a_value_with_its_report(manifest):
    result = auditor.audit([manifest])
    (finding,) = result.report.findings
    assert (finding.policy, finding.place.line, finding.place.column) == ("memory-limit-below-request", 7, 51)
    assert (finding.actual_bytes, finding.expected_bytes) == (512 * 2**20, 2**30)
    assert result.complete
    assert result.failed("critical")
    assert not result.failed("never")


def test_the_result_is_a_data_frame_with_numbers_as_numbers(manifest):
    frame = auditor.audit([manifest]).to_frame()
    assert list(frame["policy"]) == ["memory-limit-below-request"]
    assert frame["actual_bytes"].sum() == 512 * 2**20
    assert str(frame["line"].dtype) == "Int64"


def test_a_clean_result_is_an_empty_data_frame_with_the_same_columns(manifest):
    some = auditor.audit([manifest]).to_frame()
    manifest.write_text(POD.replace("512Mi", "1Gi"))
    clean = auditor.audit([manifest]).to_frame()
    assert len(clean) == 0
    assert list(clean.columns) == list(some.columns)


def test_facts_are_kept_when_asked_for(manifest):
    assert not auditor.audit([manifest]).records
    (record,) = auditor.audit([manifest], keep_records=True).records
    assert record.pod.qos_class == "Burstable"


def test_bytes_stand_for_standard_input():
    result = auditor.audit(["-"], stdin=POD.encode())
    assert [finding.place.file for finding in result.report.findings] == ["-"]


def test_wrong_use_raises_and_bad_manifests_do_not(manifest):
    with pytest.raises(ConfigError, match="profile"):
        auditor.audit([manifest], profile="loose")
    manifest.write_text("a: [")
    result = auditor.audit([manifest])
    assert not result.complete
    assert len(result.report.skipped) == 1
