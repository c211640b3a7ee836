.DEFAULT_GOAL := help
.PHONY: help demo test lock clean

# Else each of the many processes that tests start would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "make demo   three clips into ./demo, with no key and no network"
	@echo "make test   everything that must hold: code style, types, layers, tests"
	@echo "make lock   requirements.lock anew from pyproject.toml"
	@echo "make clean  removes what make has made"

.venv/ready: pyproject.toml requirements.lock scripts/setup
	@scripts/setup

demo: .venv/ready
	@.venv/bin/cutscene demo

test: .venv/ready
	@.venv/bin/python -m pytest

lock: .venv/ready
	@PATH="$$PATH:$(CURDIR)/.tools/bin" uv pip compile --quiet --universal --generate-hashes --no-annotate \
		--no-header --python-version 3.11 --all-extras --group dev pyproject.toml \
		--output-file requirements.lock

clean:
	rm -rf .venv .tools demo
