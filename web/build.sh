#!/usr/bin/env bash
# Builds the report's script and style into python/tenantry/report/static/.
set -euo pipefail
cd "$(dirname "$0")"
source ./node.sh
echo "web: Node.js $(node --version)"
"${npm[@]}" ci --no-audit --no-fund --no-update-notifier --loglevel=error
"${npm[@]}" run --silent check
"${npm[@]}" run --silent build
