#!/usr/bin/env bash
# Makes sure that a PgBouncer is there for the tests of loading through a pooler.
set -euo pipefail
export PATH=$PATH:/usr/sbin

command -v pgbouncer >/dev/null && exit 0

root=()
[[ $EUID == 0 ]] || root=(sudo -n)
if command -v apt-get >/dev/null && "${root[@]}" true 2>/dev/null; then
    echo "tests/pooler.sh: installing PgBouncer"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer >/dev/null && exit 0
fi

echo "tests/pooler.sh: the tests of loading through a pooler need PgBouncer: install pgbouncer so that it is on PATH" >&2
exit 1
