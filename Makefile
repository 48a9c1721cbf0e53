# Thin: every target first makes .venv from requirements.lock when it is missing or older than the lock.
PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
FIND_LINKS := $(foreach f,$(PIP_FIND_LINKS),--find-links $(f))
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled once, imported many times: a graph of fifteen processes is a minute slower without.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow test-all lint bench up down chaos chaos-ingest fingerprints cluster-rehearsal rehearse-animalspeak parity-biolingual lock
SETUP := .venv/.from-lock

$(SETUP): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(FIND_LINKS) -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

demo: $(SETUP)
	dvc repro
	biolingual scores

test: $(SETUP)
	pytest -m "not slow and not long"

test-slow: $(SETUP)
	pytest -m slow

test-all: $(SETUP)
	pytest

lint: $(SETUP)
	ruff check .
	ruff format --check .

bench: $(SETUP)
	python -m tests.bench $(ROW)

up: $(SETUP)
	python -m flows up

down: $(SETUP)
	python -m flows down

# Twenty hard kills at random moments; CHAOS_KILLS and CHAOS_SEED change how many and which.
chaos: $(SETUP)
	python -m tests.chaos

# A dump of 20,000 records: its peak memory, and its bytes after twenty kills; INGEST_RECORDS, INGEST_KILLS and CHAOS_SEED.
chaos-ingest: $(SETUP)
	python -m tests.ingest_chaos

# How often a fingerprint is found again after codecs, trims, gain and resampling.
fingerprints: $(SETUP)
	python -m tests.sound_variants

cluster-rehearsal: $(SETUP)
	python -m tests.rehearsal

# The paper's recipe and its modern variant, full-width model; RECIPE=paper runs one of them.
rehearse-animalspeak: $(SETUP)
	python -m tests.rehearse_animalspeak $(RECIPE)

# Needs network for the checkpoint, and BEANS' folders below DATA (biolingual/benchmarks/beans/sets.yaml says where from).
parity-biolingual: $(SETUP)
	python -m stages.parity --data $(or $(DATA),data/beans) --out reports/parity-biolingual.json

# The CPU build's local version (+cpu) is dropped: the lock names the release, the machine's index decides the build.
lock: $(SETUP)
	uv pip compile --quiet --no-header --no-annotate --extra pipeline $(FIND_LINKS) --constraint requirements.lock pyproject.toml \
	  | sed 's/+cpu$$//' > requirements.lock.part
	mv requirements.lock.part requirements.lock
