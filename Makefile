# Latent Twins. `make run` starts the dashboard, `make test` runs all checks; both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: run test test-slow test-cluster load lint bench docs clean

run: $(VENV)/app.done
	$(BIN)/streamlit run dashboard.py --server.port $(PORT)

test: $(VENV)/test.done lint
	sh tests/support/ensure_chromium.sh $(BIN)/python
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not browser" -n 2 --dist loadfile $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "not slow and browser" $(PYTEST_ARGS)

SLOW := slow
test-slow: $(VENV)/test.done
	sh tests/support/ensure_chromium.sh $(BIN)/python
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "$(SLOW) and not browser" -n 2 --dist loadfile $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "$(SLOW) and browser" $(PYTEST_ARGS)

# All that touches the database, on a PostgreSQL server and a Dask cluster that the tests start for themselves.
CLUSTER_TESTS := tests/cluster/test_dispatcher.py tests/cluster/test_remote_cluster.py tests/cluster/test_browser_cluster.py
test-cluster: export VAE_TEST_DATABASE = postgresql
test-cluster: $(VENV)/test.done
	$(BIN)/python tests/support/postgres.py
	sh tests/support/ensure_chromium.sh $(BIN)/python
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile \
	  $(addprefix --ignore=,$(CLUSTER_TESTS)) $(PYTEST_ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(CLUSTER_TESTS) $(PYTEST_ARGS)

# Thirty students at once, and the trend from 1 to 60; about ten minutes: make load LOAD="--sessions 30" takes one.
load: $(VENV)/test.done
	PYTHONPATH=tests:tests/support $(BIN)/python -m load $(LOAD)

lint: $(VENV)/test.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/app.done
	$(BIN)/python -m vae bench

docs: $(VENV)/app.done
	$(BIN)/python -m vae reference > docs/reference.md

# The marker files are newer than the requirements once those are installed, so a second `make run` installs nothing.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

# --editable: the program stays in this folder, and workers and notebooks of .venv find it from any other.
$(VENV)/app.done: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/test.done: tests/requirements.txt $(VENV)/app.done
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache reports build *.egg-info
