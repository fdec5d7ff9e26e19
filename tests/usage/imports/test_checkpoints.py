"""VerticalPodAutoscalerCheckpoint objects."""

import json
import math
from datetime import date

import pytest
import yaml

from auditor.usage.imports import read_checkpoints


def start(bucket):
    """Return where a bucket starts, by the formula of histogram_options.go."""
    return 1e7 * (1.05**bucket - 1) / 0.05


def checkpoint(weights=None, **more):
    status = {
        "lastUpdateTime": "2026-11-20T10:00:30Z",
        "version": "v3",
        "memoryHistogram": {
            "referenceTimestamp": "2026-11-21T00:00:00Z",
            "bucketWeights": {"10": 10000, "20": 5000, "30": 100} if weights is None else weights,
            "totalWeight": 8.5,
        },
        "firstSampleStart": "2026-11-01T00:00:00Z",
        "lastSampleStart": "2026-11-20T10:00:00Z",
        "totalSamplesCount": 27000,
    }
    return {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscalerCheckpoint",
        "metadata": {"name": "web-vpa-app", "namespace": "shop"},
        "spec": {"vpaObjectName": "web-vpa", "containerName": "app"},
        "status": status | more,
    }


def test_a_checkpoint_gives_the_ends_of_its_buckets_at_the_percentiles(written, options):
    (row,) = read_checkpoints([written("c.json", json.dumps(checkpoint()))], options).rows
    # 10000 of 15100 are 66 %, 15000 are 99.3 %: the 95th and 99th percentiles lie in bucket 20, the maximum in 30.
    assert row.p95_bytes == row.p99_bytes == math.ceil(start(21))
    assert row.max_bytes == math.ceil(start(31))
    assert (row.day, row.samples, row.source) == (date(2026, 11, 20), 27000, "vpa-checkpoint")
    assert (row.namespace, row.pod, row.container) == ("shop", "web-vpa-app", "app")


def test_a_checkpoint_claims_neither_coverage_nor_mean_nor_minimum(written, options):
    result = read_checkpoints([written("c.json", json.dumps(checkpoint()))], options)
    assert (result.rows[0].coverage, result.rows[0].mean_bytes, result.rows[0].min_bytes) == (None, None, None)
    assert any("peaks of days" in note for note in result.notes)


def test_weights_are_shares_of_the_total_so_buckets_below_its_least_weight_are_empty(written, options):
    # Loaded, the last bucket weighs 1 / 10001 * 0.5: less than epsilon (0.0001), as histogram.go drops it.
    data = checkpoint({"10": 10000, "30": 1})
    data["status"]["memoryHistogram"]["totalWeight"] = 0.5
    (row,) = read_checkpoints([written("c.json", json.dumps(data))], options).rows
    assert row.max_bytes == math.ceil(start(11))


def test_the_last_bucket_has_no_end(written, options):
    (row,) = read_checkpoints([written("c.json", json.dumps(checkpoint({"175": 10000})))], options).rows
    assert row.max_bytes == math.ceil(start(175))


def test_lists_in_yaml_are_opened_and_the_autoscalers_target_is_the_workload(written, options):
    vpa = {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "web-vpa", "namespace": "shop"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [checkpoint(), vpa]})
    (row,) = read_checkpoints([written("c.yaml", text)], options).rows
    assert (row.workload_kind, row.workload_name) == ("Deployment", "web")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (checkpoint({"10": 10001}), "weighs 10001, not 0 to 10000"),
        (checkpoint({"10": -1}), "weighs -1"),
        (checkpoint({"10": "x"}), "weighs 'x'"),
        (checkpoint({"176": 5}), "bucket 176 is not one of 0 to 175"),
        (checkpoint({"ten": 5}), "'ten' is no bucket"),
        (checkpoint({}), "memoryHistogram is empty"),
        (checkpoint(memoryHistogram=7), "memoryHistogram must be a mapping"),
        (checkpoint(memoryHistogram={"bucketWeights": {"1": 5}, "totalWeight": -3}), "negative total weight"),
        (checkpoint(memoryHistogram={"bucketWeights": {"1": 5}, "totalWeight": "x"}), "is not a number"),
        (checkpoint(version="v2"), "status.version 'v2' is not v3"),
        (checkpoint(lastSampleStart="2027-01-01T00:00:00Z"), "a clock is wrong"),
        (checkpoint(lastSampleStart="noon"), "lastSampleStart 'noon' is no time"),
        (checkpoint(lastSampleStart=None, lastUpdateTime=None), "status tells no time"),
        (
            checkpoint(
                memoryHistogram={
                    "referenceTimestamp": "2026-11-26T00:00:00Z",
                    "bucketWeights": {"1": 5},
                    "totalWeight": 1,
                }
            ),
            "a clock is wrong",
        ),
        (checkpoint() | {"status": None}, "status must be a mapping"),
        (checkpoint() | {"spec": {}}, "names no container"),
    ],
)
def test_a_bad_checkpoint_is_told_with_its_line_and_the_others_count(written, options, data, reason):
    text = (
        json.dumps(checkpoint()) + "\n" + json.dumps(data | {"metadata": {"name": "bad", "namespace": "shop"}}) + "\n"
    )
    result = read_checkpoints([written("c.jsonl", text)], options)
    assert [row.pod for row in result.rows] == ["web-vpa-app"]
    assert [item.line for item in result.skipped] == [2]
    assert reason in result.skipped[0].reason


def test_other_objects_are_left_out_and_counted(written, options):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    result = read_checkpoints([written("c.yaml", text)], options)
    assert (result.rows, result.skipped) == ((), ())
    assert "1 objects that are no checkpoints left out" in result.notes
