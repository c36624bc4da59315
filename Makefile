# make demo: the main job, with nothing to download. make test: all tests. make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint bench leaderboard clean

help:
	@echo "make setup  make $(VENV) with everything pinned in constraints.txt, and libfluidsynth where possible"
	@echo "make demo   run every aligner on the embedded demo set and print the leaderboard"
	@echo "make test   run the tests"
	@echo "make lint   ruff and mypy"
	@echo "make bench  time the DTW and the pipeline"

setup: $(STAMP)

# torch comes first and pinned: another package's request would fetch a CUDA build of several gigabytes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "align-bench needs Python >= 3.11, got " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 " + "setup")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@sh scripts/install_fluidsynth.sh $(BIN)/python
	@touch $@

demo: $(STAMP)
	$(BIN)/align-bench run --dataset demo --output results

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy align_bench baselines

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m pytest benchmarks --override-ini testpaths= -p no:cacheprovider
	$(BIN)/python benchmarks/pipeline.py --stdout --repeats 3

clean:
	rm -rf $(VENV) build *.egg-info results
