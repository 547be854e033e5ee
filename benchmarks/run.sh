#!/usr/bin/env bash
# Runs the benchmarks with the arguments given, for example: bash benchmarks/run.sh --quick
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python -m benchmarks "$@"
