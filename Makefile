# make run: install, start the engine, walk the tour.   make test: install, check and test everything.

SHELL := /bin/sh
BIN := .venv/bin
IMAGE := .cache/busybox.tar
FLAGS ?=

.PHONY: help run stop uninstall install-deps test check lint format docs bench faults lock

help:
	@echo "sudo make run        install what is needed, start the engine in the background, walk the tour"
	@echo "sudo make stop       stop the engine; containers run on"
	@echo "sudo make uninstall  remove the engine and everything it made from this machine"
	@echo "sudo make test       install what is needed and pass every check and test, as CI does"
	@echo "     make check      lint and the tests that need no kernel: seconds, for between two edits"
	@echo "sudo make bench      measure everything that has a target, side by side with Docker's daemon and others"
	@echo "sudo make faults     kill the engine at every step of everything it does, and let every step fail: an hour"
	@echo "     make docs       write the pages that are made from code"
	@echo "     make lock       renew the locked lists of Python packages (needs uv)"

run: $(IMAGE)
	@/usr/bin/python3 scripts/engine.py start $(FLAGS)
	@$(BIN)/python scripts/tour.py $(IMAGE)

$(IMAGE): scripts/busybox-image | installed
	@scripts/busybox-image $@

.PHONY: installed
installed:
	@scripts/install-deps run

stop:
	@/usr/bin/python3 scripts/engine.py stop

uninstall:
	@scripts/uninstall

install-deps:
	@scripts/install-deps test

test: install-deps lint
	$(BIN)/pytest

check: lint
	$(BIN)/pytest -q -m "not kernel and not e2e"

lint:
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports

format:
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs:
	$(BIN)/python -m netwright.config.render > docs/daemon-options.md
	$(BIN)/python -m netwright.firewall.reachable < docs/firewall.md > docs/firewall.md.new
	mv docs/firewall.md.new docs/firewall.md

bench: install-deps
	$(BIN)/python bench/all.py

faults: install-deps
	$(BIN)/python tests/e2e/kill_points.py
	$(BIN)/python tests/e2e/kill_points.py --fail
	$(BIN)/python tests/e2e/kill_points.py --backend iptables
	$(BIN)/python tests/e2e/kill_points.py --fail --backend iptables

lock:
	@scripts/lock
