# Every target makes what it needs. `make demo` and `make test` are the two to know.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
STATIC := python/tenantry/report/static
RUST := $(shell find rust -name '*.rs' -o -name 'Cargo.toml') Cargo.toml Cargo.lock
WEB := $(shell find web -type f -not -path '*/node_modules/*')
# Tests wait more than they compute: one process more than there are cores.
TESTERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
export CARGO_TERM_PROGRESS_WHEN := never
# The tests start hundreds of processes: without bytecode on disk each would compile all that it imports, at twice the cost.
unexport PYTHONDONTWRITEBYTECODE

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tenantry needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/synced: pyproject.toml uv.lock | $(BIN)/uv
	$(UV) sync --quiet --frozen --no-install-project --all-extras --inexact
	touch $@

$(VENV)/native: $(VENV)/synced $(RUST)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release --uv
	touch $@

native: $(VENV)/native ## The virtual environment with the native module, built in release mode

$(STATIC)/report.js: $(WEB) $(VENV)/synced
	bash web/build.sh

web: $(STATIC)/report.js ## The report's script and style

build: native web

demo: build ## Seed, load and judge the reference app on a throwaway Postgres
	$(BIN)/tenantry demo

check: build ## Format, lint, types, layers, stubs
	$(BIN)/ruff format --check python tests benchmarks examples
	$(BIN)/ruff check python tests benchmarks examples
	$(BIN)/mypy
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	$(BIN)/python -m mypy.stubtest tenantry._core --allowlist tests/agree/stubtest-allowlist.txt
	$(BIN)/pytest tests/agree

fix: $(VENV)/synced ## Format and repair what can be repaired by itself
	$(BIN)/ruff check --fix python tests benchmarks examples
	$(BIN)/ruff format python tests benchmarks examples
	cargo fmt

# Those that look at when things happen have the machine for themselves, two at a time: they wait and hardly compute. Those of `check` are
# not run twice.
ALONE := tests/engine tests/e2e/test_demo.py tests/e2e/test_several_processes.py
OTHERS := tests $(addprefix --ignore ,$(ALONE) tests/agree)

# File by file in the order of their folders: in that of their numbers of tests, the longest files of few tests would begin last.
BESIDE := --dist loadfile --no-loadscope-reorder --numprocesses

# What fails is named and tried once more, one at a time: a timing that a neighbour spoiled passes then, a fault does not.
define tests
$(BIN)/pytest $(1) $(2) || { test $$? -eq 1 && $(BIN)/pytest $(1) --last-failed; }
endef

test: build browser postgres pooler second-app ## All tests beside those of check: Rust and Python, with a real Postgres, app and browser
	cargo test --quiet -p tenantry-core
	$(call tests,$(ALONE),$(BESIDE) $(if $(filter 1,$(TESTERS)),1,2))
	$(call tests,$(OTHERS),$(BESIDE) $(TESTERS))

browser:
	bash tests/browser.sh

pooler:
	bash tests/pooler.sh

second-app: $(VENV)/synced
	bash benchmarks/second_app/install.sh

postgres: $(VENV)/synced
	bash tests/postgres/install.sh

bench: build ## Benchmarks side by side with the peers that are installed
	bash benchmarks/run.sh $(BENCH)

soak: build ## Memory over ten million requests, and of ten thousand virtual users
	$(BIN)/python -m benchmarks.soak

bench-seeding: native ## How long a dataset takes into Postgres, beside the server's own COPY and other ways to fill a table
	$(UV) sync --quiet --frozen --no-install-project --all-extras --inexact --group seeding
	$(BIN)/python -m benchmarks.seeding $(BENCH)

bench-faults: native ## That each fault of the clinic shows, and is gone when it is undone: ONLY=name,... SECONDS=8 ROUNDS=1
	$(BIN)/python -m benchmarks.faults --only "$(ONLY)" $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-second: native ## That each fault of the second app shows, and is gone without it: ONLY=name,... SECONDS=8 ROUNDS=1
	$(BIN)/python -m benchmarks.second_app.faults --only "$(ONLY)" $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-diagnosis: native ## Whether the diagnosis names what was built in: RUNS=folder ONLY=name,... FACTORS=1,0.6 SHAPES=plateau,ramp SECONDS=20 HALF=tuned
	$(BIN)/python -m benchmarks.diagnosis.collect --runs $(or $(RUNS),build/diagnosis) --only "$(ONLY)" $(if $(FACTORS),--factors $(FACTORS)) $(if $(SHAPES),--shapes $(SHAPES)) $(if $(SECONDS),--seconds $(SECONDS))
	$(BIN)/python -m benchmarks.diagnosis.score --runs $(or $(RUNS),build/diagnosis) --blind --verbose $(if $(HALF),--half $(HALF))

bench-observing: native ## What observing costs the app at saturation
	$(BIN)/python -m benchmarks.observing $(BENCH)

bench-compare: native ## False alarms of `compare`, and regressions that it sees: PAIRS=200, RUNS=folder of real runs, which are made if there are none
	$(if $(RUNS),test -d "$(RUNS)" || $(BIN)/python -m benchmarks.comparing_runs "$(RUNS)")
	$(BIN)/python -m benchmarks.comparing $(if $(RUNS),--runs $(RUNS)) $(if $(PAIRS),--pairs $(PAIRS))

peers: $(VENV)/synced ## The peers that `make bench` compares with, as far as this machine can install them
	bash benchmarks/peers/install.sh

.PHONY: help native web build demo check fix test browser postgres pooler second-app bench soak bench-seeding bench-faults bench-second bench-diagnosis bench-observing bench-compare peers
