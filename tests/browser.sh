#!/usr/bin/env bash
# Makes sure that a Chromium is there for the tests of the report.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done

if [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
    echo "tests/browser.sh: installing Chromium for the tests of the report"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi

echo "tests/browser.sh: the tests of the report need a browser: install chromium, chromium-browser or google-chrome so that it is on PATH" >&2
exit 1
