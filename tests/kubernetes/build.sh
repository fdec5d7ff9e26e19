#!/usr/bin/env bash
# Builds the programs `server` and `oracle` and prints the folder that has them. They are built once a machine: the
# folder is in the user's cache, named after what they are built from. Needs Go; the first time takes minutes.
set -euo pipefail
cd "$(dirname "$0")"
key=$(cat build.sh go.mod go.sum server/main.go oracle/main.go | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kube-memory-auditor
out=$cache/kubernetes-$key
if [ ! -x "$out/server" ] || [ ! -x "$out/oracle" ]; then
  version=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' go.mod)
  package=k8s.io/component-base/version
  names="-X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$version")"
  mkdir -p "$cache"
  made=$(mktemp -d "$cache/building.XXXXXX")
  trap 'rm -rf "$made"' EXIT
  CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -gcflags=all=-dwarf=false -ldflags "-s -w $names" \
    -o "$made/" ./server ./oracle >&2
  mkdir -p "$out"
  mv -f "$made/server" "$made/oracle" "$out/"
fi
printf '%s\n' "$out"
