#!/usr/bin/env bash
# Builds `act`, which runs workflows, and `actionlint`, and prints the folder that has them. They are built once a machine:
# the folder is in the user's cache, named after their versions. Needs Go; the first time takes minutes.
set -euo pipefail
act=v0.2.89
actionlint=v1.7.12
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-memory-auditor
out=$cache/action-act-$act-actionlint-$actionlint
if [ ! -x "$out/act" ] || [ ! -x "$out/actionlint" ]; then
  mkdir -p "$cache"
  made=$(mktemp -d "$cache/building.XXXXXX")
  trap 'rm -rf "$made"' EXIT
  export CGO_ENABLED=0 GOBIN=$made GOFLAGS=-mod=mod
  go install -trimpath -ldflags '-s -w' "github.com/nektos/act@$act" >&2
  go install -trimpath -ldflags '-s -w' "github.com/rhysd/actionlint/cmd/actionlint@$actionlint" >&2
  mkdir -p "$out"
  mv -f "$made/act" "$made/actionlint" "$out/"
fi
printf '%s\n' "$out"
