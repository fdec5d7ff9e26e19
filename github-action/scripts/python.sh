#!/usr/bin/env bash
# Runs a script of the action with the runner's Python, or says which one it needs.
set -euo pipefail
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "::error title=Memory audit::the runner's python3 is missing or older than 3.11: give the input python-version"
  exit 2
fi
# -B: the checkout of an action is not ours to write to
exec python3 -B "$@"
