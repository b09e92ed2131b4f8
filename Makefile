# `make` alone lists every target.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
FUZZ := $(VENV)/.fuzz
PROFILE := $(VENV)/.profile
SUPPLY := build/supply
TOOLS := $(SUPPLY)/bin
LOCK = $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade

.DEFAULT_GOAL := help
FUNCTIONAL = health ltv ltv-batch redirects privacy jurisdictions batch e2e

.PHONY: help install run check test test-unit test-crash fmt lint types layers bench \
	bench-full bench-smoke bench-setup profile soak chaos fuzz fuzz-short docs demo schema lock audit sbom \
	wheels build clean deps info status schema-update schema-verify test-functional-all \
	$(FUNCTIONAL:%=test-functional-%)

help: ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## make .venv with everything to run, test and build

# Only what locks/dev.txt names, by its hash; `make lock` renews it.
$(READY): pyproject.toml locks/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tracker needs Python 3.11 or later: make install PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement locks/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: $(READY) ## start with config.json; Ctrl-C stops
	$(BIN)/tracker config.json

check: $(READY) ## say what a start with config.json would do
	$(BIN)/tracker check config.json

test: lint types layers test-unit ## all checks and tests

test-unit: $(READY) ## the tests alone, two files at a time
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-crash: $(READY) ## kill processes at random moments, 100 rounds; 2000 courses of the model
	CRASH_ROUNDS=100 CRASH_EXAMPLES=2000 MODEL_STRIDE=1 $(BIN)/pytest tests/crash tests/stores/test_answers.py

fmt: $(READY) ## mend what ruff can mend
	$(BIN)/ruff check --fix src tests bench fuzz docs examples

lint: $(READY) ## ruff
	$(BIN)/ruff check src tests bench fuzz docs examples

types: $(READY) ## mypy --strict
	$(BIN)/mypy

layers: $(READY) ## which room may import which
	$(BIN)/lint-imports

bench: $(READY) ## measure speed, 15 minutes; results in bench/results
	$(BIN)/python bench/run.py

bench-full: $(READY) ## the rest: 50 million events, half an hour of load; hours
	$(BIN)/python bench/run.py --full

bench-smoke: $(READY) ## whether the benchmark works; a minute, nothing judged
	$(BIN)/python bench/run.py --smoke

bench-setup: $(READY) ## bring what the benchmark compares with (Debian, as root)
	bench/setup.sh

$(PROFILE): $(READY) locks/profile.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement locks/profile.txt
	@touch $(PROFILE)

profile: $(PROFILE) ## where the time goes, into docs/performance.md; five minutes, as root
	$(BIN)/python bench/stages.py --markdown
	$(BIN)/python -m bench.worker --markdown
	$(BIN)/python bench/flames.py --publish
	$(BIN)/python bench/tail.py --markdown

soak: $(READY) ## half load for MINUTES (30): whether anything grows
	$(BIN)/python bench/run.py soak --minutes $(or $(MINUTES),30) $(if $(RATE),--rate $(RATE)) $(if $(MARKDOWN),--markdown)

chaos: $(READY) ## hurt a tracker in every way, ROUNDS (100) of them, chosen by SEED
	PYTHONPATH=tests $(BIN)/python -m chaos.run $(if $(SEED),--seed $(SEED)) --rounds $(or $(ROUNDS),100) \
	  $(if $(FIRST),--first $(FIRST)) $(if $(FAULTS),--faults $(FAULTS))

$(FUZZ): $(READY) locks/fuzz.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement locks/fuzz.txt
	@touch $(FUZZ)

# RUNS: inputs of each pure parser, instead of five minutes for all. HTTP, SPOOLS: inputs by
# HTTP to a tracker, and files of spools. NAMES: some of what `python -m fuzz.run --list` tells.
fuzz: $(FUZZ) ## throw bytes at every parser for five minutes; RUNS= HTTP= SPOOLS= NAMES=
	$(BIN)/python -m fuzz.run $(NAMES) $(if $(RUNS),--runs $(RUNS)) --http $(or $(HTTP),0) \
	  --spools $(or $(SPOOLS),0)

fuzz-short: $(FUZZ) ## the same 3,000 inputs for every parser, a thousand by HTTP and in files
	$(BIN)/python -m fuzz.run --short --http 1000 --spools 1000

docs: $(READY) ## make the reference pages of what the code says
	$(BIN)/python docs/generate.py

demo: $(READY) ## import examples/access.log with the config of the examples
	$(BIN)/tracker import --config examples/config.json --host www.bakery.example examples/access.log

# What the examples of the original's README lead to, one endpoint: health, ltv, ltv-batch,
# redirects, privacy, jurisdictions, batch, e2e. They are read from ../shared.
$(FUNCTIONAL:%=test-functional-%): test-functional-%: $(READY)
	$(BIN)/pytest tests/acceptance/test_readme.py -k "test_$(subst -,_,$*) and not test_$(subst -,_,$*)_"

test-functional-all: $(READY) ## every example of the original's README, against a tracker
	$(BIN)/pytest tests/acceptance/test_readme.py

deps: install ## the same as install

info: $(READY) ## versions, and what a start with config.json would do
	@$(BIN)/tracker --version
	@$(BIN)/python --version
	@$(BIN)/tracker check config.json

status: $(READY) ## how the tracker of config.json is
	@$(BIN)/tracker status --config config.json

schema-update: $(READY) ## bring the database up to date; stop the tracker first
	$(BIN)/tracker schema apply --config config.json

schema-verify: $(READY) ## compare the database with the declared tables, object by object
	$(BIN)/tracker schema verify --config config.json

schema: $(READY) ## print the tables as DDL
	$(BIN)/tracker schema ddl

$(SUPPLY)/.installed: locks/supply.txt
	test -x $(TOOLS)/python || $(PYTHON) -m venv $(SUPPLY)
	$(TOOLS)/python -m pip install --quiet --require-hashes --requirement locks/supply.txt
	@touch $@

lock: $(SUPPLY)/.installed ## renew the locks: newest versions that pyproject.toml allows, with hashes
	$(LOCK) pyproject.toml --extra duckdb --extra geoip --output-file locks/run.txt
	$(LOCK) pyproject.toml --extra duckdb --extra geoip --group test --group lint --group bench --group build \
	  --constraint locks/run.txt --output-file locks/dev.txt
	$(LOCK) --group pyproject.toml:supply --output-file locks/supply.txt
	$(LOCK) --group pyproject.toml:fuzz --output-file locks/fuzz.txt
	$(LOCK) --group pyproject.toml:profile --output-file locks/profile.txt

audit: $(SUPPLY)/.installed ## look the locked versions up among known weaknesses (asks a service)
	for lock in run dev supply fuzz profile; do $(TOOLS)/pip-audit --strict --disable-pip --require-hashes \
	  --requirement locks/$$lock.txt || exit 1; done

sbom: $(SUPPLY)/.installed ## what a running tracker is made of, as CycloneDX, in dist
	@mkdir -p dist
	$(TOOLS)/cyclonedx-py requirements locks/run.txt --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file dist/tracker.cdx.json

wheels: $(READY) ## whether every dependency has a wheel for the other Pythons
	for version in 3.12 3.13; do $(BIN)/python -m pip install --quiet --dry-run --ignore-installed \
	  --only-binary :all: --python-version $$version --target build/wheels '.[duckdb,geoip]' || exit 1; \
	  echo "Python $$version: all there"; done

build: $(READY) ## wheel and source archive in dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what was built; keeps data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests fuzz -name __pycache__ -type d -prune -exec rm -rf {} +
