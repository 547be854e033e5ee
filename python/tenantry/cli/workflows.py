"""The CI jobs that `tenantry init --ci` writes: weekly, by hand with inputs, with earlier runs at hand and everything kept."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry import __version__
from tenantry.config import Config

PLACES = {"github": ".github/workflows/tenantry.yml", "gitlab": ".gitlab/tenantry.gitlab-ci.yml"}
# Action, commit, version. A tag can be moved, a commit cannot.
PINNED = {
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "python": "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "upload": "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0",
}

_GITHUB = """\
# A load test every week, and by hand. Written by `tenantry init --ci github`; yours to change.
name: tenantry
on:
  schedule:
    # UTC. Not at a full hour: then everybody's jobs start, and many start late.
    - cron: "37 4 * * 1"
  workflow_dispatch:
    inputs:
      target:
        description: Base URL of the app, if not the usual one
        type: string
        default: ""
      set:
        description: Overrides with spaces between, such as duration=1m rate=20/s
        type: string
        default: ""
      baseline:
        description: Later runs are compared with this one
        type: boolean
        default: false
permissions:
  actions: read
  contents: read
concurrency:
  group: tenantry
jobs:
  load-test:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    env:
      # The address of the app, a repository variable; it has to be one that `[safety] allow` in tenantry.toml names.
      TENANTRY_TARGET: ${{ inputs.target || vars.TENANTRY_TARGET }}
@SECRETS@
    steps:
      - uses: @CHECKOUT@
      - uses: @PYTHON@
        with:
          python-version: "3.13"
      - run: pip install 'tenantry[notify]==@VERSION@'
      - name: Earlier runs, to compare with
        env:
          GH_TOKEN: ${{ github.token }}
          BRANCH: ${{ github.ref_name }}
        run: |
          list=(gh run list --workflow tenantry.yml --branch "$BRANCH" --status completed --limit 10)
          for id in $("${list[@]}" --json databaseId --jq '.[].databaseId'); do
            if gh run download "$id" --name tenantry-runs --dir runs; then break; fi
          done
      - name: Load test
        env:
          OVERRIDES: ${{ inputs.set }}
        run: |
          arguments=()
          for override in $OVERRIDES; do arguments+=(--set "$override"); done
          tenantry ci --runs runs --out report "${arguments[@]}"
      - name: The baseline of later runs
        if: inputs.baseline
        run: tenantry baseline set latest --runs runs
      - name: Old runs go
        if: always()
        run: tenantry runs prune --runs runs --keep 20 --yes
      - uses: @UPLOAD@
        if: always()
        with:
          name: tenantry-report
          path: report
      - uses: @UPLOAD@
        if: always()
        with:
          name: tenantry-runs
          path: runs
          retention-days: 90
"""

_GITLAB = """\
# A load test by schedule, and by hand. Written by `tenantry init --ci gitlab`; yours to change.
# In .gitlab-ci.yml:
#   include:
#     - local: .gitlab/tenantry.gitlab-ci.yml
# In Build > Pipeline schedules: a weekly schedule at an odd minute, such as 37 4 * * 1.
# In Settings > CI/CD > Variables, masked: @NAMES@.
variables:
  OVERRIDES:
    value: ""
    description: Overrides of the load test with spaces between, such as duration=1m rate=20/s
  BASELINE:
    value: "no"
    description: "yes: later runs are compared with this one"

load-test:
  image: python:3.13
  timeout: 1 hour
  resource_group: tenantry
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
    - if: $CI_PIPELINE_SOURCE == "web"
      when: manual
  cache:
    key: tenantry-runs
    paths:
      - runs/
    when: always
  before_script:
    - pip install 'tenantry[notify]==@VERSION@'
  script:
    - for override in $OVERRIDES; do set -- "$@" --set "$override"; done
    - tenantry ci --runs runs --out report "$@"
    - if [ "$BASELINE" = yes ]; then tenantry baseline set latest --runs runs; fi
  after_script:
    - tenantry report latest --runs runs --format k6-json --out report || true
    - tenantry runs prune --runs runs --keep 20 --yes
  artifacts:
    when: always
    paths:
      - report/
    reports:
      junit: report/junit.xml
      load_performance: report/load-performance.json
"""


def workflow(system: str, config: Config) -> str:
    """The text of the file in `PLACES`, with the secrets that the configuration names."""
    names = secrets(config)
    if system == "gitlab":
        listed = ", ".join(["TENANTRY_TARGET", *names])
        return _GITLAB.replace("@NAMES@", listed).replace("@VERSION@", __version__)
    text = _GITHUB.replace("@VERSION@", __version__).replace("@SECRETS@\n", _lines(names))
    for name, action in PINNED.items():
        text = text.replace(f"@{name.upper()}@", action)
    return text


def secrets(config: Config) -> list[str]:
    """Names of the environment variables that hold them."""
    alerts = config.alerts
    dsn: list[str] = [] if config.values["dsn_env"].origin == "default" else [config.values["dsn_env"].value]
    named = [*dsn, alerts.webhook_env, alerts.webhook_secret_env, *alerts.apprise_env]
    return list(dict.fromkeys(name for name in named if name))


def _lines(names: Sequence[str]) -> str:
    return "".join(f"      {name}: ${{{{ secrets.{name} }}}}\n" for name in names)
