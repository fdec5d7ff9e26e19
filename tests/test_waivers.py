"""Waivers: who they cover, until when, and what is told about them."""

from datetime import date

import pytest

from auditor.config import ConfigError
from auditor.findings import Finding, Place, WorkloadRef
from auditor.sources.model import Comment
from auditor.waivers import Waiver, comment_waivers, load_waivers, waive, waiver_notes

TODAY = date(2026, 11, 24)


def finding(**changes):
    fields = {
        "policy": "memory-limit-missing",
        "severity": "high",
        "message": "m",
        "values": {},
        "workload": WorkloadRef("apps/v1", "Deployment", "shop", "web"),
        "subject_type": "container",
        "subject": "app",
        "container": "app",
        "container_type": "app",
        "place": Place("f.yaml", 3, 1, 3, 4),
        "related": (),
        "path": "spec",
        "fingerprint": "0" * 32,
    }
    return Finding(**(fields | changes))


def waiver(**changes):
    fields = {"policy": "memory-limit-missing", "reason": "cache", "until": date(2026, 12, 31), "by": "w"}
    return Waiver(**(fields | changes))


def is_waived(some_waiver, some_finding=None, today=TODAY):
    return waive(some_finding or finding(), [some_waiver], {}, today)[0].waived is not None


def test_a_waiver_holds_through_its_last_day_and_not_after():
    assert is_waived(waiver(until=TODAY))
    assert not is_waived(waiver(until=date(2026, 11, 23)))


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"policy": "memory-request-missing"}, False),
        ({"kind": "Deploy*"}, True),
        ({"kind": "Job"}, False),
        ({"namespace": "sh*"}, True),
        ({"namespace": "prod"}, False),
        ({"name": "we?"}, True),
        ({"name": "api"}, False),
        ({"containers": ("ap*",)}, True),
        ({"containers": ("proxy",)}, False),
    ],
)
def test_a_waiver_covers_by_policy_kind_namespace_name_and_container(changes, covered):
    assert is_waived(waiver(**changes)) is covered


def test_a_waiver_for_containers_does_not_cover_the_pod():
    assert not is_waived(waiver(containers=("app",)), finding(subject_type="pod", container=None))


def test_a_waiver_under_an_old_id_still_covers():
    assert waive(finding(), [waiver(policy="limit-missing")], {"limit-missing": "memory-limit-missing"}, TODAY)[
        0
    ].waived


def test_expired_unused_and_very_long_waivers_are_told():
    used = waiver(by="used")
    covered = waive(finding(), [used], {}, TODAY)[1]
    long = waiver(by="long", until=date(2028, 1, 1))
    covered += waive(finding(), [long], {}, TODAY)[1]
    notes = waiver_notes([used, waiver(by="old", until=date(2026, 1, 1)), waiver(by="idle"), long], set(covered), TODAY)
    assert notes == [
        "old: waiver of memory-limit-missing expired on 2026-01-01 and waives nothing",
        "idle: waiver of memory-limit-missing is unused: no such finding",
        "long: waiver of memory-limit-missing holds until 2028-01-01, more than 365 days from today",
    ]


def test_a_comment_waiver_is_read_with_its_reason_and_date():
    by_line, notes = comment_waivers([Comment(7, '# waive: tmpfs-share-high until=2026-12-01 reason="a b"')], "f.yaml")
    (read,) = by_line[7]
    assert (read.policy, read.until, read.reason, read.by) == (
        "tmpfs-share-high",
        date(2026, 12, 1),
        "a b",
        "comment f.yaml:7",
    )
    assert notes == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# waive: x until=2026-12-01", "it has no reason"),
        ('# waive: x reason="y"', "it has no end date"),
        ('# waive: x until=tomorrow reason="y"', "Invalid isoformat string"),
        ('# waive: x until=2026-12-01 reason="y" who="z"', "unknown 'who'"),
        ("# waive:", "it names no policy"),
    ],
)
def test_a_faulty_comment_waives_nothing_and_is_told_with_its_place(text, words):
    by_line, notes = comment_waivers([Comment(7, text)], "f.yaml")
    assert by_line == {}
    assert notes[0].startswith("comment f.yaml:7: faulty waiver ignored: ")
    assert words in notes[0]


def test_a_central_file_is_read(tmp_path):
    path = tmp_path / "waivers.yaml"
    path.write_text("waivers:\n- {policy: p, reason: r, until: 2026-12-01, kind: Job, containers: [a]}\n")
    (read,) = load_waivers(path)
    assert (read.policy, read.kind, read.until, read.containers) == ("p", "Job", date(2026, 12, 1), ("a",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("waivers:\n- {policy: p, until: 2026-12-01}\n", ":2:4: waivers.0: object missing required field `reason`"),
        ("waivers:\n- {policy: p, reason: r}\n", "missing required field `until`"),
        ("waivers:\n- {policy: p, reason: ' ', until: 2026-12-01}\n", "waivers[0].reason: must not be empty"),
        ("waivers:\n- {policy: p, reason: r, until: soon}\n", "until"),
    ],
)
def test_a_central_waiver_without_reason_or_date_is_wrong_use(tmp_path, text, words):
    path = tmp_path / "waivers.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_waivers(path)
    assert words in str(caught.value)
