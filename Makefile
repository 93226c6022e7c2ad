# Every target is one line over the command line: `stormpetrel --help` explains it.
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS = never
export UV_LINK_MODE = copy

.PHONY: help demo fuzz chaos test test-newest lint bench docs pictures web locks down clean
help:   ; @grep -oE '^[a-z-]+:.*## .*' Makefile | grep -v sed | sed -E 's|:.*## |\t|'
demo: .venv/run.stamp   ; @$(BIN)/stormpetrel demo $(if $(DATA),--data "$(DATA)") $(if $(EVENT),--event "$(EVENT)") ## the whole system on this machine, with a flood night that is made up (DATA=path: real posts, of their largest flood; EVENT=name: of this event)
test: .venv/dev.stamp   ; @$(BIN)/stormpetrel doctor --only tests && $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS) ## all tests, the ones against real servers included
test-newest: $(UV) ; @tests/newest_python.sh $(UV) ## imports and unit tests on Python 3.13, where it is installed
fuzz: .venv/dev.stamp   ; @$(BIN)/python -m tests.fuzzing --cases $(or $(CASES),20000) ## requests of all kinds to the API in memory (CASES=20000)
chaos: .venv/dev.stamp  ; @$(BIN)/python -m tests.chaos.run $(if $(SEED),--seed $(SEED)) --seconds $(or $(SECONDS),600) --faults $(or $(FAULTS),200) ## random faults under load; prints its seed and, as JSON, what came out (SEED=7 SECONDS=600 FAULTS=200)
lint: .venv/dev.stamp   ; @$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports ## style, types and import rules
bench: .venv/dev.stamp  ; @$(BIN)/stormpetrel bench $(if $(DATA),--data "$(DATA)") ## the figures of the README, as JSON
docs: .venv/dev.stamp   ; @NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict ## the documentation as a site, in site/
locks: $(UV) ; @for extra in "run:--extra local" "dev:--extra local --extra dev" "models:--extra models"; do $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -p 3.11 pyproject.toml $${extra#*:} -o locks/$${extra%%:*}.txt || exit 1; done ## resolve the dependencies again
pictures: .venv/run.stamp ; @$(BIN)/stormpetrel pictures docs/pictures ## the README's pictures, from the demo that is running
web: .venv/dev.stamp    ; @cd web && npm ci --silent && PYTHONPATH=.. ../$(BIN)/python scripts/openapi.py && npm run --silent generate && npm run --silent check && npm test --silent && npm run --silent build ## build the page from web/ into api/page/ (Node 20 with npm; the demo needs neither)
down:   ; @test ! -x $(BIN)/stormpetrel || $(BIN)/stormpetrel down ## stop what `make demo` left running
clean: down ; rm -rf .venv .uv .stormpetrel ## stop everything and delete everything

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "stormpetrel needs Python 3.11, 3.12 or 3.13: install it, or name one with make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m pip --version >/dev/null || { echo "stormpetrel needs pip to bring its tools: install it (Debian: apt-get install python3-pip)"; exit 2; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .uv uv==0.9.13
.venv/run.stamp: $(UV) locks/run.txt pyproject.toml
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/run.txt && $(UV) pip install --quiet --python $(BIN)/python --no-deps -e . && touch $@
.venv/dev.stamp: .venv/run.stamp locks/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/dev.txt && touch $@
