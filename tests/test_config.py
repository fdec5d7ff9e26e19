"""The config file: its shape, its faults with their places, and which policies it makes active."""

from pathlib import Path

import pytest

from auditor.config import Config, ConfigError, Override, RuleConfig, Selection, find_config, load_config
from auditor.policy.model import Policy


def policy(name, **changes):
    fields = {
        "id": name,
        "severity": "medium",
        "scope": "container",
        "subject": "requests-limits",
        "when": "true",
        "message": "m",
        "at": "",
        "why": "w",
        "remediation": "r.",
        "waive": "",
        "file": f"{name}.yaml",
    }
    return Policy(**(fields | changes))


POLICIES = (
    policy("ratio-high", params={"max_ratio": 2.0}, aliases=("ratio",), profile_params={"strict": {"max_ratio": 1.5}}),
    policy("strict-only", profiles=("strict",)),
)


def ids(selection, key=()):
    return [active.policy.id for active in selection.active(key)]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / ".auditor.yaml"
    path.write_text(text)
    return path


def test_the_nearest_config_upwards_is_found(tmp_path):
    path = write(tmp_path, "profile: strict\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_config(deep) == path
    assert load_config(path).profile == "strict"


def test_an_empty_config_is_all_defaults(tmp_path):
    assert load_config(write(tmp_path, "")) == Config()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profil: strict\n", ":1:1: profil: object contains unknown field `profil`"),
        ("profile: loose\n", ":1:1: profile: invalid enum value"),
        ("rules:\n  ratio-high:\n    severity: worst\n", "severity"),
        ("rules:\n  ratio-high:\n    enable: true\n", ":3:5: rules.ratio-high.enable: "),
        ("a: [1\n", ":2:1: "),
    ],
)
def test_a_fault_names_file_place_and_key(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert words in str(caught.value)
    assert ".auditor.yaml:" in str(caught.value)


def test_profiles_choose_policies_and_their_parameters():
    assert ids(Selection(POLICIES, Config(), "recommended", "c")) == ["ratio-high"]
    assert ids(Selection(POLICIES, Config(), "all", "c")) == ["ratio-high", "strict-only"]
    strict = Selection(POLICIES, Config(), "strict", "c").active()
    assert strict[0].params == {"max_ratio": 1.5}


def test_a_rule_disables_sets_severity_and_converts_an_int_parameter_to_its_double():
    rules = {"ratio": RuleConfig(severity="high", params={"max_ratio": 3}), "strict-only": RuleConfig(enabled=True)}
    active = Selection(POLICIES, Config(rules=rules), "recommended", "c").active()
    assert [(a.policy.id, a.severity, a.params) for a in active] == [
        ("ratio-high", "high", {"max_ratio": 3.0}),
        ("strict-only", None, {}),
    ]
    assert type(active[0].params["max_ratio"]) is float
    off = Selection(POLICIES, Config(rules={"ratio-high": RuleConfig(enabled=False)}), "recommended", "c")
    assert ids(off) == []


def test_overrides_hold_for_their_namespaces_and_kinds_and_the_last_wins():
    overrides = (
        Override(rules={"ratio-high": RuleConfig(enabled=False)}, namespaces=("dev-*",)),
        Override(rules={"ratio-high": RuleConfig(enabled=True, severity="info")}, kinds=("Job",)),
    )
    selection = Selection(POLICIES, Config(overrides=overrides), "recommended", "c")
    assert ids(selection, selection.key("dev-a", "Deployment")) == []
    assert ids(selection, selection.key("prod", "Deployment")) == ["ratio-high"]
    both = selection.active(selection.key("dev-a", "Job"))
    assert [(a.policy.id, a.severity) for a in both] == [("ratio-high", "info")]
    assert selection.key(None, "Deployment") == ()


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ratio-hig": RuleConfig()}, "rules.ratio-hig: no such policy; did you mean 'ratio-high'?"),
        (
            {"ratio-high": RuleConfig(params={"max_rato": 1.0})},
            "params.max_rato: no such parameter; did you mean 'max_ratio'?",
        ),
        ({"ratio-high": RuleConfig(params={"max_ratio": "2"})}, "params.max_ratio: must be a number, like 2.0"),
        ({"ratio-high": RuleConfig(params={"max_ratio": True})}, "must be a number"),
    ],
)
def test_an_unknown_policy_or_parameter_is_refused_with_the_near_name(rules, words):
    with pytest.raises(ConfigError) as caught:
        Selection(POLICIES, Config(rules=rules), "recommended", "c")
    assert words in str(caught.value)
