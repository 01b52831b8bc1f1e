# Every target makes or reuses .venv/ here and installs into it only.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check bench screenshots clean

$(VENV)/created:
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'SinusViewer needs Python 3.11 or newer; this is ' + sys.version.split()[0])"
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Two sets: what the window needs, and that plus torch and the test tools.
$(VENV)/runtime: $(VENV)/created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/full: $(VENV)/created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[train,dev]"
	@touch $@ $(VENV)/runtime

demo: $(VENV)/runtime
	$(BIN)/python packaging/demo.py

test: $(VENV)/full
	$(BIN)/python -m pytest

check: $(VENV)/full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell sinusviewer training tests packaging README.md CONTRIBUTING.md CHANGELOG.md

bench: $(VENV)/full
	$(BIN)/python tests/benchmarks/run.py $(PARTS)

screenshots: $(VENV)/runtime
	$(BIN)/python packaging/screenshots.py

clean:
	rm -rf $(VENV) demo-output bench.json
