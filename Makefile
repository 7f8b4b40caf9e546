# make demo   own virtual environment, install, a matte of a real photograph, its error and picture
# make test   the same environment with the tools, then the check below
# make check  the one check command: ruff, mypy, pytest (wants `make test` once)
# make lint, make pytest  the halves of it; WORKERS=4 for more processes than three
# make blender  Blender 4.2, 4.5, 5.0 as Python modules, for the add-on's tests (4 GB, Python 3.11),
#              and 5.3 where there is a Python 3.13
# make pyblish  pyblish-lite and pyblish-qml with their Qt, for the publish tests (0.5 GB)
# make oldest  the command line and the engine with the oldest packages that setup.py allows
# make chaos  ten minutes of mattes while engines are killed, and a storm: what is lost, wrong or hung
# make release  the folder that is handed out: wheel, Blender's zip, Nuke's folder, installers
# make lock  the locked packages of the engine anew (wants uv and a package index)
# make figures  the tables and pictures of the documentation, from benchmarks/results and the imports
# make clean  removes what these made

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
LEMUR := tests/plates/lemur
DEMO := demo-out
RELEASE := release
# Processes that run the tests, each with whole files and an engine of its own (about 2 GB each): one
# more than the two cores for which the schedule is made, since a test waits half of its time for
# engines that start, for limits and for grace periods.
WORKERS ?= 3
# How many of the slowest tests are listed at the end; 0 for all.
DURATIONS ?= 20
# Some containers forbid Python to keep what it has compiled: each of the tests' processes, a thousand
# `dmp` and every pytest, would then compile all its sources again, half of its seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test environment check lint pytest release lock oldest chaos figures blender pyblish clean

demo: $(VENV)/engine.stamp
	@mkdir -p $(DEMO)
	$(BIN)/dmp matte $(LEMUR)/plate.png --clean $(LEMUR)/clean.png --preset draft \
		--input-space raw -o $(DEMO)/lemur.exr
	$(BIN)/dmp view $(DEMO)/lemur.exr -o $(DEMO)/lemur.png
	@echo "Against the true alpha: $$($(BIN)/python -m dmp_engine compare \
		$(DEMO)/lemur.exr $(LEMUR)/alpha.png)"
	@echo "Look at $(DEMO)/lemur.png (contact sheet) and $(DEMO)/lemur.exr (the layers)."

test: environment
	@$(MAKE) --no-print-directory check

environment: $(VENV)/dev.stamp

check: lint pytest

lint:
	$(BIN)/ruff check .
	$(BIN)/mypy

# The slowest files first (tests/schedule.py), so that no process waits for another at the end.
pytest:
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=$(DURATIONS)

oldest:
	$(BIN)/python tests/oldest.py

chaos:
	$(BIN)/python benchmarks/chaos.py
	$(BIN)/python benchmarks/chaos.py --storm

release: $(VENV)/engine.stamp
	$(PIP) Qt.py
	rm -rf $(RELEASE)
	$(BIN)/dmp package release -o $(RELEASE)

lock:
	$(PYTHON) docs/engineering/lock_packages.py

figures:
	$(PYTHON) benchmarks/figures.py
	$(PYTHON) benchmarks/plot_cost.py benchmarks/results/cost_by_size.json docs/engineering/cost_by_size.svg
	$(PYTHON) docs/engineering/draw_house.py docs/engineering/house.svg

clean:
	rm -rf $(VENV) .venv-bpy-* .venv-pyblish $(DEMO) $(RELEASE) build .mypy_cache .ruff_cache .pytest_cache *.egg-info plugin/*.egg-info

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "DMP wants Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "On Debian or Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

# Editable, so that a change of the source needs no new installation.
$(VENV)/engine.stamp: $(VENV)/made.stamp setup.py constraints.txt
	@echo "Installing torch and the rest into $(VENV), once; this takes a minute or two."
	$(PIP) -e '.[engine]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/engine.stamp
	$(PIP) -e '.[engine,dev]'
	@touch $@

# One environment for each Blender: two of them in one process, or beside torch, do not go together.
BPY_4.2 := 4.2.23
BPY_4.5 := 4.5.15
BPY_5.0 := 5.0.1
BPY_5.3 := 5.3.0
# Blender 5.1 and later need Python 3.13; without one their module is left out.
PYTHON313 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13) \
	$(shell command -v python3.13))
PYTHON_5.3 := $(PYTHON313)

blender: .venv-bpy-4.5/made.stamp .venv-bpy-5.0/made.stamp .venv-bpy-4.2/made.stamp \
	$(if $(PYTHON313),.venv-bpy-5.3/made.stamp)

.venv-bpy-%/made.stamp:
	@echo "Installing Blender $* as a Python module into .venv-bpy-$*, once."
	@$(or $(PYTHON_$*),$(PYTHON)) -m venv .venv-bpy-$* && .venv-bpy-$*/bin/python -m pip --disable-pip-version-check \
		install --quiet bpy==$(BPY_$*) || { rm -rf .venv-bpy-$*; exit 1; }
	@touch $@

# The windows of pyblish want PyQt5 and bring a package called `tests`: nothing for our environment.
pyblish: .venv-pyblish/made.stamp

.venv-pyblish/made.stamp:
	@echo "Installing the windows of pyblish into .venv-pyblish, once."
	@$(PYTHON) -m venv .venv-pyblish && .venv-pyblish/bin/python -m pip \
		--disable-pip-version-check install --quiet pyblish-base==1.8.12 pyblish-lite==0.8.12 \
		pyblish-qml==1.11.5 'PyQt5==5.15.*' 'Qt.py>=2' 'PySide6-Essentials<6.12' \
		|| { rm -rf .venv-pyblish; exit 1; }
	@touch $@
