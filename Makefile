# Everything a contributor runs. Needs Python 3.11 or newer and make; each target installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# variables of the caller must not mislead pyright and Django's test client
unexport PYTHONPATH
unexport DJANGO_SETTINGS_MODULE
# without its cache, each run compiles the tests and hypothesis anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help typing demo demo-emulator serve screenshots test proofs coverage sentry check types lint asyncapi workflows release-check matrix floors bench benchmarks chaos fuzz reliability million growth mutation google docs docs-links clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One stamp a dependency group: .venv/.test, .venv/.check and so on.
$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	touch $@

$(VENV)/.%: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable . --group $*
	touch $@

# MariaDB's client has to be compiled, so this installs it only if its headers exist, and looks for them each time.
$(VENV)/.mariadb: pyproject.toml | $(VENV)/.pip
	@$(BIN)/python tests/support/mariadb.py $@

demo: $(VENV)/.demo ## Run the example shop, send it one event of each kind over HTTP, and show the results.
	$(BIN)/python example/demo.py

demo-emulator: $(VENV)/.emulator ## Run the same shop with Google's own Pub/Sub emulator, if it is installed.
	$(BIN)/python example/emulator.py

serve: $(VENV)/.demo ## Run the example shop until Ctrl-C, for the README's curl.
	$(BIN)/python example/demo.py --serve

screenshots: $(VENV)/.test ## Take the pictures in docs/images: the shop's catalogue, and the inbox in its admin.
	$(BIN)/python docs/screenshots.py

# Each worker has its own databases, which the tests of one file share.
PARALLEL := -n auto --dist loadfile
# conftest.py puts them in order
PROOFS := -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test ## Run what a change can break inside one process.
	$(BIN)/python -m pytest -m "not proof" --hypothesis-profile=few $(PARALLEL)

# other versions of mypy, each in an environment of its own, since they need other stubs of Django
OTHER_MYPYS := $(patsubst %,.venvs/mypy-%/.installed,oldest middle)

proofs: $(VENV)/.dev $(VENV)/.mariadb $(OTHER_MYPYS) ## Run the other tests: browsers, real processes, type checkers, MariaDB, many examples.
	$(BIN)/python -m pytest -m "proof or hypothesis" $(PROOFS)

coverage: $(VENV)/.dev $(VENV)/.mariadb ## Run all tests in one process, and print which lines and branches they leave out.
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# The tests of everything that a request passes on its way to the handlers.
ENDPOINT := auth dispatch endpoint envelopes receivers google/test_handlers.py \
	test_apps.py test_cancellation.py test_logs.py test_outcomes.py test_router.py test_utils.py

sentry: $(VENV)/.test ## Run the endpoint's tests in a project that Sentry watches.
	$(BIN)/python -m pytest --ds=tests.support.sentry_settings -m "not proof" --hypothesis-profile=few $(PARALLEL) $(ENDPOINT:%=tests/%)

check: lint workflows types asyncapi ## Check style, layers, workflows, types and the shop's AsyncAPI document.

typing: $(VENV)/.dev $(OTHER_MYPYS) ## Check the uses in tests/typing with five type checkers, and test the plugin of three versions of mypy.
	$(BIN)/python -m pytest tests/test_typing.py tests/mypy_plugin

.venvs/mypy-%/.installed: pyproject.toml
	$(PYTHON) -m venv .venvs/mypy-$*
	.venvs/mypy-$*/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venvs/mypy-$*/bin/python -m pip install --quiet --editable . --group typing-$*
	touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	cd example && ../$(BIN)/python manage.py events stubs --check && ../$(BIN)/mypy && ../$(BIN)/pyright --pythonpath ../$(BIN)/python
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes gcp_event_router --ignoreexternal

# With AsyncAPI's own parser, from npm.
asyncapi:
	@if command -v npm > /dev/null; then \
		npm install --prefix tests/asyncapi --ignore-scripts --no-audit --no-fund --no-package-lock --silent && \
		node tests/asyncapi/validate.mjs example/asyncapi.json; \
	else echo "skipped: there is no npm, which AsyncAPI's parser needs"; fi

# What the host of the repository reads, without asking it.
workflows: $(VENV)/.dev
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/zizmor --offline --quiet --strict-collection --persona=pedantic .github

release-check: $(VENV)/.dev ## Rehearse a release: build wheel and sdist, look into them, run the demo from each; TAG=v0.1.0.
	$(BIN)/python -m tests.release $(TAG:%=--tag=%)

matrix: ## Run the tests on every supported Python that exists here, with every Django; PAIRS=--few uses each only once.
	$(PYTHON) -m tests.matrix $(PAIRS)

floors: ## Run the tests with exactly the lowest release that pyproject.toml declares of each dependency and extra.
	$(PYTHON) -m tests.matrix floors

bench: $(VENV)/.dev ## Print the cost of a start, a dispatch, a token and both boxes, compared with handwritten code, and of the mypy plugin.
	$(BIN)/python -u benchmarks/startup.py
	$(BIN)/python -u benchmarks/calls.py
	$(BIN)/python -u benchmarks/dispatch.py
	$(BIN)/python -u benchmarks/observability.py
	$(BIN)/python -u benchmarks/authentication.py
	$(BIN)/python -u benchmarks/inbox.py
	$(BIN)/python -u benchmarks/outbox.py
	$(BIN)/python -u benchmarks/typing_plugin.py

benchmarks: .venvs/benchmarks/.installed ## Compare with other packages, side by side, and write docs/explanation/benchmarks.md; ARGUMENTS="--rounds 3".
	.venvs/benchmarks/bin/python -u benchmarks/side_by_side.py $(ARGUMENTS)

.venvs/benchmarks/.installed .venvs/mutation/.installed: .venvs/%/.installed: pyproject.toml
	$(PYTHON) -m venv .venvs/$*
	.venvs/$*/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venvs/$*/bin/python -m pip install --quiet --editable . --group $*
	touch $@

chaos: $(VENV)/.test $(VENV)/.mariadb ## Kill processes while they publish, send and deliver thousands of events, and check that each took effect once.
	$(BIN)/python -u benchmarks/chaos.py

fuzz: $(VENV)/.fuzz ## Look for bytes from strangers that break a promise, a million of them; ARGUMENTS="--inputs 50000 --target globs".
	$(BIN)/python -u benchmarks/fuzz.py $(ARGUMENTS)

reliability: $(VENV)/.fuzz $(VENV)/.mariadb ## Run chaos and fuzz for an hour and a half, and write docs/explanation/reliability.md.
	$(BIN)/python -u benchmarks/reliability.py $(ARGUMENTS)

million: $(VENV)/.test ## Print the duration of the admin's list and of a purge, among a million events; ARGUMENTS="--events 10000000".
	$(BIN)/python -u benchmarks/million.py $(ARGUMENTS)

growth: $(VENV)/.test ## Print how the inbox's tables grow while a million deliveries fail once and are done.
	$(BIN)/python -u benchmarks/growth.py $(ARGUMENTS)

.venvs/mutation/.mariadb: pyproject.toml | .venvs/mutation/.installed
	@.venvs/mutation/bin/python tests/support/mariadb.py $@

mutation: .venvs/mutation/.installed .venvs/mutation/.mariadb ## Change the core in thousands of ways, and count the changes that no test notices; ARGUMENTS="globs secrets".
	.venvs/mutation/bin/python -u benchmarks/mutation.py $(ARGUMENTS)

google: $(VENV)/.test ## Write the models of Google's payloads from the definitions in google-events.
	$(BIN)/python scripts/google_models.py

SITE := $(BIN)/sphinx-build --quiet -W --keep-going -n -d docs/_build/doctrees docs

docs: $(VENV)/.docs ## Build the documentation into docs/_build/html; a warning is an error.
	$(SITE) docs/_build/html
	@echo "docs/_build/html/index.html"

docs-links: $(VENV)/.docs ## Ask the links to other sites whether they lead somewhere. It needs the network, so CI leaves it out.
	$(SITE) docs/_build/linkcheck -b linkcheck

clean: ## Remove what the other targets made.
	rm -rf $(VENV) .venvs mutants tests/asyncapi/node_modules build dist docs/_build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
