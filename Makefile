# `make audit` and `make test` need only Python >= 3.11 and this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := reports

.PHONY: help audit test lint types format docs bench package clean test-kubernetes test-action test-spark

help: ## what this file can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	touch $@

audit: $(BIN)/.installed ## audit manifests-samples/: the report here, SARIF and CSV in reports/
	@mkdir -p $(OUT)
	$(BIN)/auditor scan manifests-samples --usage manifests-samples/usage.parquet --fail-on never --output table --output sarif=$(OUT)/audit.sarif --output csv=$(OUT)/audit.csv
	@echo "wrote $(OUT)/audit.sarif and $(OUT)/audit.csv"

test: $(BIN)/.installed-dev lint types ## linters, type checks and every test
	$(BIN)/python -m pytest -n auto -q

test-kubernetes: $(BIN)/.installed-dev ## hold the memory model against the real Kubernetes: needs Go, minutes the first time
	tests/kubernetes/build.sh
	KUBERNETES_TESTS=1 $(BIN)/python -m pytest tests/kubernetes -q

test-action: $(BIN)/.installed-dev ## run the GitHub Action's workflows for real, with act: needs Go
	tests/action/build.sh
	ACTION_TESTS=1 $(BIN)/python -m pytest tests/action -q -m needs_go

test-spark: $(BIN)/.installed-dev ## hold the aggregation on Spark to DuckDB's: needs Java
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[spark]'
	$(BIN)/python -m pytest tests/usage/test_spark.py -q

lint: $(BIN)/.installed-dev ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.installed-dev ## mypy, strict
	$(BIN)/mypy

format: $(BIN)/.installed-dev ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(BIN)/.installed-dev ## write the generated pages
	$(BIN)/python -m auditor.docs write

bench: $(BIN)/.installed-dev ## measure speed and memory
	$(BIN)/python benchmarks/generate.py
	$(BIN)/python benchmarks/run.py

package: $(BIN)/.installed-dev ## build the wheel
	$(BIN)/python -m pip wheel --quiet --no-deps -c constraints.txt -w dist .

clean: ## remove what this file made
	rm -rf $(VENV) $(OUT) dist build
