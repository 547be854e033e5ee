#!/usr/bin/env bash
# Installs the second app's packages as its lock file says, when they are not; the last line told is the Node.js to run it with.
set -euo pipefail
cd "$(dirname "$0")"
source ../../web/node.sh
installed=node_modules/.package-lock.json
if [ ! "$installed" -nt package-lock.json ]; then
    "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2
    touch "$installed"
fi
command -v node
