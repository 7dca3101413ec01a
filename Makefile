# Everything runs from .venv, which the first target that needs it makes; nothing has to be activated.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
RULES := Snakefile workflows/rules

.PHONY: help venv quick full report test test-faults test-slurm bench format clean

help:
	@echo "make quick    replicate some studies at a small budget; minutes"
	@echo "make full     replicate every study at the papers' own budgets; about a week on two cores"
	@echo "make report   the pages of all that is published, without training; into reports/published"
	@echo "make test     format, lint, types, workflow, tests"
	@echo "make test-faults  the faults and fuzz tests that take longer; about ten minutes"
	@echo "make test-slurm   the workflow on Slurm, which it installs and starts on this host; needs root"
	@echo "make bench    measure training, reporting and the workflow; see docs/benchmarks.md"
	@echo "make format   format Python and rules"
	@echo "make clean    remove the virtual environment and caches; results and reports stay"

venv: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

quick: venv
	@start=$$(date +%s); $(BIN)/snakemake --cores $(CORES) --config preset=quick && \
	echo "The report is reports/quick/index.html; it took $$(($$(date +%s) - start)) s on $(CORES) cores."

full: venv
	$(BIN)/snakemake --cores $(CORES)

# What is published, without training anything: the studies whose blocks are all there.
report: venv
	$(BIN)/python -m pgbench restore
	@studies=$$($(BIN)/python -m pgbench published --complete) && \
	measurements=$$($(BIN)/python -m pgbench published --measurements) && \
	$(BIN)/snakemake --cores $(CORES) --config preset=paper reports=reports/published \
	  "studies=$$studies" "laboratory=$$measurements"

test: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check $(RULES)
	$(BIN)/snakemake --lint
	# The longest files begin first, so that no core waits for the last of them.
	$(BIN)/pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder tests/workflow tests

test-faults: venv
	$(BIN)/pytest -m faults
	PGBENCH_EXAMPLES=2000 $(BIN)/pytest tests/test_bad_input.py

test-slurm: venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,slurm]'
	$(BIN)/pytest -m slurm

bench: venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python tests/benchmarks/throughput.py
	$(BIN)/python tests/benchmarks/reporting.py --cores $(CORES)
	$(BIN)/python tests/benchmarks/workflow.py --cores $(CORES)

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(RULES)

clean:
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
