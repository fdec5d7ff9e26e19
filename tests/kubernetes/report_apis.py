"""The custom resources of policy reports, as their project publishes them: read from its Go module."""

import copy
import json
import subprocess
from pathlib import Path

import yaml

from tests.kubernetes.accounts import wait_for

_MODULE = "github.com/openreports/reports-api@v0.2.1"
_SUM = "h1:g9KS3yle9Y1elmww4TK9EkD1rl6inIaiIJPX6e+u680="
_PLURALS = {"reports": "policyreports", "clusterreports": "clusterpolicyreports"}


def openreports():
    """Return the two definitions of openreports.io/v1alpha1."""
    answer = subprocess.run(["go", "mod", "download", "-json", _MODULE], check=True, capture_output=True)
    module = json.loads(answer.stdout)
    assert module["Sum"] == _SUM
    folder = Path(module["Dir"], "config", "crd")
    return [yaml.safe_load((folder / f"openreports.io_{plural}.yaml").read_text()) for plural in _PLURALS]


def wgpolicyk8s():
    """Return the two definitions of wgpolicyk8s.io/v1alpha2.

    OpenReports is their successor with other names: its objects also have `source` and `configuration`, all else is
    the same (policyreport_types.go of wg-policy-prototypes beside report_types.go of reports-api).
    """
    return [_renamed(definition) for definition in openreports()]


def _renamed(definition):
    changed = copy.deepcopy(definition)
    spec, plural = changed["spec"], _PLURALS[definition["spec"]["names"]["plural"]]
    kind = definition["spec"]["names"]["kind"].replace("Report", "PolicyReport")
    changed["metadata"]["name"] = f"{plural}.wgpolicyk8s.io"
    spec["group"] = "wgpolicyk8s.io"
    spec["names"] = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    (version,) = spec["versions"]
    version["name"] = "v1alpha2"
    for key in ("source", "configuration"):
        del version["schema"]["openAPIV3Schema"]["properties"][key]
    return changed


def install(lab, definitions):
    """Install definitions and wait until the server serves them."""
    for definition in definitions:
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        lab.create(path, definition)
        spec = definition["spec"]
        served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
        wait_for(lambda served=served, plural=spec["names"]["plural"]: _serves(lab, served, plural))


def remove(lab, definitions):
    """Remove definitions, and every object of theirs, and wait until that is so."""
    for definition in definitions:
        name = definition["metadata"]["name"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        lab.call("DELETE", path)
        wait_for(lambda path=path: lab.call("GET", path)[0] == 404)
        spec = definition["spec"]
        served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
        wait_for(lambda served=served, plural=spec["names"]["plural"]: not _serves(lab, served, plural))


def _serves(lab, path, plural):
    code, answer = lab.call("GET", path)
    return code == 200 and any(item["name"] == plural for item in answer["resources"])
