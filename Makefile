# Everything from a clean clone: each target makes the environment that it needs.
.PHONY: demo test test-all test-spark test-lowest test-sdist fuzz lint bench docs release lock browser clean

PYTHON := .venv/bin/python
READY  := .venv/ready

demo: $(READY)  ## Simulate an integrated care system and write demo/report.html
	.venv/bin/bayesineq demo --out demo

test: $(READY) browser  ## Quick tests, a few minutes
	$(PYTHON) -m pytest -n 2

test-all: lint test  ## Style, types, every test; BAYESINEQ_CALIBRATION=DIR keeps tables and plots of calibration
	$(PYTHON) -m pytest -n 2 -m "slow or calibration"

test-spark: $(READY)  ## Spark's numbers beside DuckDB's, then the tests of records on Spark; needs Java, installs half a gigabyte
	.venv/bin/uv pip install --quiet --python $(PYTHON) "pyspark>=4"
	$(PYTHON) -m pytest tests/records tests/cohort -k spark
	BAYESINEQ_ENGINE=pyspark $(PYTHON) -m pytest tests/records tests/cohort -W ignore

fuzz: $(READY)  ## Wrong input, BAYESINEQ_FUZZ (10,000) of it, and what each was answered; half an hour and more
	$(PYTHON) -m tests.fuzz

lint: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: $(READY)  ## Speed and memory as a table and as bench/*.json
	$(PYTHON) -m tests.benchmarks

docs: $(READY)  ## The documentation as site/index.html, every block of code run: a few minutes, and no network
	$(PYTHON) -m docs.build site

test-lowest:  ## The quick tests with the lowest versions that pyproject.toml allows, on Python 3.12
	uv venv --quiet --clear --python 3.12 .lowest
	uv pip install --quiet --python .lowest/bin/python --resolution lowest-direct --group test --editable .
	# Old versions warn of newer ones of what they rest on: that is no fault of ours.
	.lowest/bin/python -m pytest -n 2 -o filterwarnings=default

test-sdist: $(READY)  ## dist/: wheel and sdist, and the quick tests from the sdist as it unpacks
	rm -rf dist && .venv/bin/uv build --quiet --out-dir dist
	mkdir dist/unpacked && tar -xzf dist/*.tar.gz -C dist/unpacked --strip-components 1
	cd dist/unpacked && PYTHONPATH=. ../../$(PYTHON) -m pytest -q -n 2

release: test-sdist  ## The demonstration from the wheel, in an environment that holds nothing else
	.venv/bin/uv venv --quiet --python $(PYTHON) dist/empty
	.venv/bin/uv pip install --quiet --python dist/empty/bin/python dist/*.whl
	cd dist && empty/bin/bayesineq demo --out demo

lock:  ## Renew requirements.lock
	uv pip compile --universal --generate-hashes --extra bcf --extra explorer --extra fetch --extra network --extra nuts --extra uplift --group dev \
	  pyproject.toml -o requirements.lock

# The explorer's tests drive Debian's Chromium; where it cannot be installed they are skipped and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	else echo "no Chromium: tests in a browser will be skipped"; fi

clean:
	rm -rf .venv .lowest dist demo bench site .site

# uv from the PATH where there is one, else from pip into the environment.
$(READY): requirements.lock pyproject.toml
	test -x $(PYTHON) || if command -v uv >/dev/null; then uv venv .venv; else python3 -m venv .venv; fi
	if command -v uv >/dev/null; then ln -sf "$$(command -v uv)" .venv/bin/uv; \
	else test -x .venv/bin/uv || $(PYTHON) -m pip install --quiet uv; fi
	.venv/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	.venv/bin/uv pip install --quiet --python $(PYTHON) --no-deps --editable .
	touch $(READY)
