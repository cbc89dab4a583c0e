# Everything a newcomer needs: `make demo` shows it, `make test` proves it. Each does all of its own set-up.
PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo app pictures test lint build clean

help:    ## list what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.package $(VENV)/.app build/demo    ## the whole loop on real pictures
	PYTHONPATH=build/demo $(BIN)/loopline demo

app: $(VENV)/.app    ## the web app, built into the package

pictures: $(VENV)/.package $(VENV)/.app build/demo    ## the pictures of the app in the docs
	PYTHONPATH=build/demo $(BIN)/python tools/pictures.py

# The app is built on one core while the other checks types. A worker that has run out of tests takes over some of
# the other's last ones: that way each keeps to a few folders, and what these share is made once.
test: $(VENV)/.development    ## everything CI runs
	$(MAKE) --jobs=2 --output-sync=target lint $(VENV)/.services $(VENV)/.app
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(VENV)/.development    ## format, lint, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

build: $(VENV)/.development    ## wheel and sdist in dist/
	$(BIN)/python -m hatchling build

clean:    ## remove what the other targets made
	rm -rf $(VENV) build dist demo web/node_modules src/loopline/server/static .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Stamps: a second run starts at once, until one of the files behind a stamp changes.
$(VENV)/.python:
	sh tools/setup.sh venv $(PYTHON) $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.package: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) install --quiet --constraint constraints.txt --editable '.'
	touch $@

$(VENV)/.development: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[team,remote,polars,pandas,plots,search,onnx,notebook]' --group test --group lint
	touch $@ $(VENV)/.package

# Four photographs from the air with hand-drawn boxes; where they cannot be had, the demo draws its own.
build/demo: | $(VENV)/.python
	-$(PIP) install --quiet --no-deps --target $@ deepforest==2.1.0

# Node comes from PATH, else from its pip wheel into the environment: see tools/app.py.
$(VENV)/.app: tools/app.py web/package-lock.json web/index.html web/vite.config.ts web/vite.notebook.config.ts $(shell find web/src web/public -type f 2>/dev/null) | $(VENV)/.python
	$(BIN)/python tools/app.py
	touch $@

$(VENV)/.services: tools/setup.sh | $(VENV)/.python
	sh tools/setup.sh services
	touch $@
