"""The kustomization as kubectl builds it."""

import json
import subprocess
from pathlib import Path

import yaml

from tests.tools import need_rendering

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPONENTS = sorted(path.name for path in (DEPLOY / "components").iterdir())


def built(folder, *components):
    """Return the objects of the base, with some components; `folder` is a temporary one."""
    overlay = folder / "overlay"
    overlay.mkdir(exist_ok=True)
    # kustomize takes only relative paths
    base = Path(*[".."] * len(overlay.resolve().parts[1:]), *DEPLOY.parts[1:])
    kustomization = {"resources": [str(base)], "components": [str(base / "components" / name) for name in components]}
    (overlay / "kustomization.yaml").write_text(json.dumps(kustomization))
    command = [need_rendering("kubectl"), "kustomize", str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(objects, kind, name="memory-auditor"):
    """Return the object of a kind and name."""
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found
