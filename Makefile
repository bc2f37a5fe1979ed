# Everything these need, they set up by themselves in .venv: see scripts/set_up.py.
PYTHON ?= python3

.PHONY: run test test-fast lint install mutants

# The window on the bundled gallery; where there is no display, the same job off screen.
run:
	@$(PYTHON) scripts/bootstrap.py run $(ARGS)

# The whole test suite; `make test ARGS="tests/models -x"` for a part of it.
test:
	@$(PYTHON) scripts/bootstrap.py test $(ARGS)

# The part of it that takes under two minutes (scripts/fast_tests.txt), for the time between two commits.
test-fast:
	@$(PYTHON) scripts/bootstrap.py test-fast $(ARGS)

# Style, format and types.
lint:
	@$(PYTHON) scripts/bootstrap.py lint

# Plants mistakes on purpose and prints those that no test notices; not part of CI, since it takes half an hour.
# `make mutants ARGS="--only scores/"` plants a part of them.
mutants:
	@$(PYTHON) scripts/bootstrap.py mutants $(ARGS)

# Only the set-up: afterwards .venv/bin/vitinspect is there.
install:
	@$(PYTHON) scripts/bootstrap.py install
