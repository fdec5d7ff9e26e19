#!/usr/bin/env bash
# The action's one step: installs the auditor from this checkout into a folder of its own, audits, and tells the result.
set -uo pipefail

venv="${RUNNER_TEMP:-/tmp}/memory-auditor-venv"
source_folder="$ACTION_PATH/.."
if [ ! -x "$venv/bin/auditor" ]; then
  python3 -m venv "$venv" &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
      -c "$source_folder/constraints.txt" "$source_folder" || exit 2
fi

paths=()
while IFS= read -r line; do
  [ -n "$line" ] && paths+=("$line")
done <<< "$PATHS"

options=(--fail-on "$FAIL_ON" --profile "$PROFILE")
[ -n "$KUBERNETES_VERSION" ] && options+=(--kubernetes-version "$KUBERNETES_VERSION")

# Workflow commands go to the log, where GitHub turns them into annotations; Markdown to the step summary.
"$venv/bin/auditor" scan "${options[@]}" \
  --output github --output "sarif=$SARIF_FILE" --output "csv=$CSV_FILE" \
  --output "markdown=${GITHUB_STEP_SUMMARY:-/dev/stderr}" -- "${paths[@]}"
code=$?
echo "exit-code=$code" >> "${GITHUB_OUTPUT:-/dev/stderr}"
exit "$code"
