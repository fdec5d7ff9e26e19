"""docs/nightly.md tells every key of the config, every metric, every file and every component, and no others."""

import re
from pathlib import Path

import msgspec

from auditor.config import load_config
from auditor.deliver.openmetrics import _HELP
from auditor.deliver.runs import ABOUT, FILES
from auditor.nightly_config import (
    ClusterConfig,
    MetricsConfig,
    Nightly,
    PolicyReportsConfig,
    PrometheusConfig,
    WebhookConfig,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "nightly.md").read_text()
SECTIONS = {
    "cluster": ClusterConfig,
    "prometheus": PrometheusConfig,
    "policy_reports": PolicyReportsConfig,
    "metrics": MetricsConfig,
    "webhook": WebhookConfig,
}


def config_block():
    (block,) = [text for text in re.findall(r"(?ms)^```yaml\n(.*?)^```$", PAGE) if "nightly:" in text]
    return block


def test_the_config_in_the_page_is_taken(tmp_path):
    path = tmp_path / ".auditor.yaml"
    path.write_text(config_block())
    nightly = load_config(path).nightly
    assert nightly.webhook is not None
    assert nightly.keep == Nightly().keep


def test_every_key_stands_in_the_page():
    block = config_block().partition("nightly:")[2]
    told = set(re.findall(r"(?m)^  (\w+):", block))
    assert told == {field.name for field in msgspec.structs.fields(Nightly)}
    for name, section in SECTIONS.items():
        (inside,) = re.findall(rf"(?ms)^  {name}:[^\n]*\n((?:    [^\n]*\n)+)", block)
        assert set(re.findall(r"(?m)^    (\w+):", inside)) == {item.name for item in msgspec.structs.fields(section)}


def test_every_metric_stands_in_the_page():
    table = PAGE.split("| metric |")[1].split("\n\n")[0]
    names = set()
    for row in table.splitlines()[2:]:
        first, *rest = re.findall(r"`(\w+)`", row.split("|")[1])
        prefix = "memory_auditor_container" if "_container_request" in first else "memory_auditor"
        names |= {first, *(f"{prefix}{name}" for name in rest)}
    assert names == {f"memory_auditor_{name}" for name in _HELP}


def test_every_file_and_component_stands_in_the_page():
    files = PAGE.split("| file | holds |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([\w.]+\.\w+)`", files)) == {*FILES.values(), ABOUT}
    components = PAGE.split("| component |")[1].split("\n\n")[0]
    named = set(re.findall(r"(?m)^\| `([\w-]+)` ", components))
    assert named == {path.name for path in (ROOT / "deploy" / "components").iterdir()}
