# Everything from a clean clone: each target makes the environment that it needs.
.PHONY: demo test test-all test-spark fuzz lint bench docs lock browser clean

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

lock:  ## Renew requirements.lock
	uv pip compile --universal --generate-hashes --extra bcf --extra explorer --extra nuts --extra uplift --group dev \
	  pyproject.toml -o requirements.lock

# The explorer's tests drive Debian's Chromium; where it cannot be installed they are skipped and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	else echo "no Chromium: tests in a browser will be skipped"; fi

clean:
	rm -rf .venv demo bench site .site

# uv from the PATH where there is one, else from pip into the environment.
$(READY): requirements.lock pyproject.toml
	test -x $(PYTHON) || if command -v uv >/dev/null; then uv venv .venv; else python3 -m venv .venv; fi
	if command -v uv >/dev/null; then ln -sf "$$(command -v uv)" .venv/bin/uv; \
	else test -x .venv/bin/uv || $(PYTHON) -m pip install --quiet uv; fi
	.venv/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	.venv/bin/uv pip install --quiet --python $(PYTHON) --no-deps --editable .
	touch $(READY)
