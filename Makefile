# The ways in. `make demo` and `make test` set up everything they need in .venv; nothing else is needed beside Python 3.11 or
# later and a C++ compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell grep '^torch==' constraints.txt)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore -c constraints.txt
BUILD_INPUTS := pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/src/*)

.PHONY: help setup demo test lint typecheck bench clean

help:
	@echo "make demo       people, data, training, reconstructions and a report, in runs/demo (about a quarter of an hour)"
	@echo "make test       every test"
	@echo "make lint       ruff and the type checker"
	@echo "make bench      the benchmarks against their peers, into benchmarks/results"
	@echo "make setup      only the installation, in .venv"

setup: $(VENV)/.core

# torch comes first and alone, so that its pin decides which build is taken.
$(VENV)/.core: $(BUILD_INPUTS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Vitruvian into $(VENV) ..."
	@$(PIP) "$(TORCH)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "Installing the tools that the tests need ..."
	@$(PIP) --editable ".[dev]"
	@touch $@

$(VENV)/.bench: $(VENV)/.core
	@echo "Installing the peers that the benchmarks compare with ..."
	@$(PIP) --editable ".[bench]"
	@touch $@

demo: $(VENV)/.core
	$(BIN)/vitruvian demo --out runs/demo

test: $(VENV)/.dev
	$(BIN)/python tools/test_side_by_side.py

lint: $(VENV)/.dev typecheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The type checker follows neither the shim in vitruvian/__init__.py nor editable installs, so it gets a folder of links.
typecheck: $(VENV)/.dev
	$(BIN)/python tools/typecheck.py

bench: $(VENV)/.bench
	for program in benchmarks/bench_*.py; do \
	  case "$$program:$$VITRUVIAN_PYMAF" in \
	    *_pymaf.py: | *_pymaf_loader.py:) echo "$$program: left out; VITRUVIAN_PYMAF must name a clone of the published code"; continue;; \
	    *_pymaf.py:* | *_pymaf_loader.py:*) $(BIN)/python $$program || exit 1; continue;; \
	  esac; \
	  case "$$program:$$VITRUVIAN_PIFU$$VITRUVIAN_GEOPIFU" in \
	    *_loader.py:|*_training_step.py:|*_reconstruction.py:) \
	      echo "$$program: left out; VITRUVIAN_PIFU or VITRUVIAN_GEOPIFU must name a clone of the published code"; continue;; \
	  esac; \
	  $(BIN)/python $$program || exit 1; \
	done

clean:
	rm -rf build $(VENV) .mypy_cache .pytest_cache .ruff_cache
