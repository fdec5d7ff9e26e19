"""Where a finding stands, in SARIF's words: artifact URIs, regions, physical and logical locations."""

import posixpath
from typing import Any
from urllib.parse import quote

from auditor.findings import Finding, Place
from auditor.reports.text import plain, subject_words

ROOT = "%SRCROOT%"
"""The base that relative URIs are relative to: the folder in which the auditor ran. Its machine path is not told."""


def artifact(file: str) -> dict[str, Any]:
    """Return the artifactLocation of a file as reports show it; `-` is standard input."""
    if file == "-":
        return {"uri": "stdin", "description": {"text": "standard input"}}
    if file.startswith("/"):
        return {"uri": "file://" + _percent_encoded(posixpath.normpath("/" + file.lstrip("/")))}
    path = posixpath.normpath(file)
    # A path that leaves the base is not below it; consumers refuse `..` under a base id.
    outside = path == ".." or path.startswith("../")
    return {"uri": _percent_encoded(path)} if outside else {"uri": _percent_encoded(path), "uriBaseId": ROOT}


def _percent_encoded(path: str) -> str:
    """Return the path as a URI reference; a colon is encoded too, so that `a:b.yaml` does not read as a scheme."""
    try:
        return quote(path, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(path, safe="/", errors="surrogatepass")


def region(place: Place) -> dict[str, Any]:
    """Return the region of a place: 1-based, columns in code points, the end exclusive, as SARIF counts too."""
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def related(finding: Finding, artifacts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the related locations; `artifacts` remembers the URI of each file."""
    file = finding.place.file if finding.place else ""
    return [
        {
            "id": number,
            "physicalLocation": _physical(place, artifacts),
            "message": {"text": "reached through this alias" if place.file == file else "rendered from this file"},
        }
        for number, place in enumerate(finding.related, start=1)
    ]


def location(finding: Finding, artifacts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the location of a finding; without a place it names the object only."""
    found: dict[str, Any] = {"logicalLocations": _logical(finding)}
    if finding.place is not None:
        found["physicalLocation"] = _physical(finding.place, artifacts)
    return found


def _physical(place: Place, artifacts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    known = artifacts.get(place.file)
    if known is None:
        known = artifacts[place.file] = artifact(place.file)
    return {"artifactLocation": known, "region": region(place)}


def _logical(finding: Finding) -> list[dict[str, Any]]:
    """Return the workload, and the container or volume in it when the finding is about one."""
    ref = finding.workload
    whole = plain("/".join(part for part in (finding.cluster, ref.namespace, ref.kind, ref.name) if part))
    found = [{"name": plain(ref.name), "fullyQualifiedName": whole, "kind": "resource"}]
    if finding.subject_type in ("container", "volume"):
        name = plain(finding.subject)
        words = plain(subject_words(finding))
        found.append({"name": name, "fullyQualifiedName": f"{whole}/{words}", "kind": "object"})
    return found
