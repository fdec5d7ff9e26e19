"""Charts and kustomizations written in a folder of their own, and the real tools that render them."""

import os
import subprocess

import pytest

from auditor.sources.inputs import find_inputs
from auditor.sources.read import read_file
from auditor.sources.rendering import RenderOptions
from tests.tools import need_rendering


@pytest.fixture(params=["helm", "helm3"])
def helm(request):
    """Return helm 4, then helm 3 where it was built."""
    return need_rendering(request.param)


@pytest.fixture
def kubectl():
    return need_rendering("kubectl")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a writer of files below the working folder."""
    monkeypatch.chdir(tmp_path)

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture
def told(tmp_path):
    """Return what a tool itself prints, run as a user would in the working folder."""

    def told(*command):
        variables = {"PATH": "", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, check=True, timeout=60)
        return done.stdout

    return told


def rendered(*paths, exclude=(), base=None, **options):
    """Return what was found below some paths, rendered."""
    return find_inputs(list(map(os.fspath, paths)), exclude, rendering=RenderOptions(**options), base=base)


def objects(found):
    """Return the objects of all files."""
    return [obj for file in found.files for obj in read_file(file).objects]


def only(found, kind):
    """Return the one object of a kind."""
    (obj,) = [obj for obj in objects(found) if obj.kind == kind]
    return obj


def where(place):
    """Return a place as `file:line:column`."""
    return f"{place.file}:{place.line}:{place.column}"


LIMIT = ("spec", "template", "spec", "containers", 0, "resources", "limits", "memory")

CHART = "apiVersion: v2\nname: {name}\nversion: 0.1.0\n"

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector: {{matchLabels: {{app: a}}}}
  template:
    metadata: {{labels: {{app: a}}}}
    spec:
      containers:
      - name: app
        image: x
        resources:
          limits:
            memory: {memory}
"""
