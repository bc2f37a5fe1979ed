# Everything these need, they set up by themselves in .venv: see scripts/set_up.py.
PYTHON ?= python3

.PHONY: run test test-fast lint install mutants docs coverage

# The window on the bundled gallery; where there is no display, the same job off screen.
run:
	@$(PYTHON) scripts/bootstrap.py run $(ARGS)

# `make run CPU=1` on a machine without a GPU: the set-up leaves out NVIDIA's libraries, some 3 GB.
export CPU

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

# The documentation as a site in vitinspect-output/site; `make docs ARGS="--pictures none"` is faster.
docs:
	@$(PYTHON) scripts/bootstrap.py docs $(ARGS)

# Which lines the tests do not reach; `make coverage ARGS=tests/scores` for a part of them.
coverage:
	@$(PYTHON) scripts/bootstrap.py coverage $(ARGS)
