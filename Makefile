# The two commands that a newcomer needs: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
ANVIL := node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
AXE := node_modules/axe-core/axe.min.js
MINUTES ?= 10
KILLS ?= 200

.PHONY: demo screenshots test test-servers test-anvil lint format readme gas freeze freeze-check fuzz duress crash bench lock wheel clean

demo: $(RUN) ## Settle a small usage trace on the embedded chain and audit it; SERVE=1 shows one as pages
	$(BIN)/sessionpay $(if $(SERVE),serve --demo,simulate --usage examples/demo/usage.csv --format csv --asset both)

test: $(DEV) ## Everything that needs no server beside the program
	$(BIN)/python scripts/freeze.py --check
	$(BIN)/python scripts/readme.py --check
	$(BIN)/pytest -n 2 --dist worksteal -m "not servers"

test-servers: $(DEV) $(ANVIL) $(AXE) ## What needs real nodes and PostgreSQL, which it starts, and an installation from nothing
	$(BIN)/pytest -n 2 --dist worksteal -m servers

test-anvil: $(DEV) $(ANVIL) ## The contract tests again, against a real node over HTTP
	$(BIN)/pytest tests/contracts tests/evm --backend anvil -n 2 --dist worksteal

lint: $(DEV) ## Style, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mamushi --check -q -l 110 src tests

format: $(DEV)
	$(BIN)/ruff format
	$(BIN)/mamushi -q -l 110 src tests

readme: $(DEV) ## Write the parts of README.md that follow from the source
	$(BIN)/python scripts/readme.py

gas: $(DEV) ## Measure gas anew into benchmarks/gas.json
	$(BIN)/python -m tests.contracts.gas.measure

freeze: $(DEV) ## Compile the contracts into the artifacts that the package ships
	$(BIN)/python scripts/freeze.py

fuzz: $(DEV) ## Contract against ledger for MINUTES minutes
	$(BIN)/python -m tests.contracts.stateful.campaign --minutes $(MINUTES)

duress: $(DEV) ## kill -9 of the indexer 50 times, then lying nodes for MINUTES minutes; DATABASE=postgresql://...
	$(BIN)/python -m tests.indexer.campaign --kills 50 $(if $(DATABASE),--database $(DATABASE))
	$(BIN)/python -m tests.indexer.campaign --minutes $(MINUTES) $(if $(DATABASE),--database $(DATABASE))

crash: $(DEV) $(ANVIL) ## Kill the settlement KILLS times on a real node, at each step and at random
	$(BIN)/python -m tests.services.settlement_campaign --kills $(KILLS)

screenshots: $(DEV) ## What each page looks like, into screenshots/, and what README shows; needs chromium
	$(BIN)/python scripts/screenshots.py screenshots

bench: $(DEV) $(ANVIL) ## What is fast and what is not, beside a baseline; some minutes
	$(BIN)/python -m benchmarks.run

lock: $(DEV) ## Resolve and hash all requirements anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--upgrade pyproject.toml --group dev requirements/build.in -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements/dev.txt pyproject.toml requirements/build.in -o requirements/run.txt

wheel: $(DEV)
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) node_modules dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "sessionpay needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/one"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): $(BIN)/python requirements/run.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(DEV): $(RUN) requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(ANVIL) $(AXE) &: package-lock.json
	npm ci
	touch $(ANVIL) $(AXE)
