"""Where the shared open data lie, and the rule that in CI nothing is skipped."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.studies import common_folder

# Workers side by side share the cores: threads of their own would wait for each other, forty times as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"
NO_SKIP = os.environ.get("BAYESINEQ_NO_SKIP") == "1"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real open data and reference numbers beside the checkout, where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"open data not found beside the checkout (looked for {SHARED.name}/)")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    """With BAYESINEQ_ENGINE=pyspark, tables in memory are those of Spark: the same tests, another engine."""
    if os.environ.get("BAYESINEQ_ENGINE") != "pyspark":
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ibis
        from pyspark.sql import SparkSession

        # Tables of tests are small: compiling a plan takes longer than running it.
        stated = {
            "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR",
            "spark.sql.shuffle.partitions": "1", "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN", "spark.sql.adaptive.enabled": "false",
            "spark.sql.session.timeZone": "UTC", "spark.driver.memory": "4g",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        }  # fmt: skip
        session = SparkSession.builder.master("local[1]").config(map=stated).getOrCreate()
    ibis.set_backend(ibis.pyspark.connect(session))
    yield
    session.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, for pages as a reader sees them."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run share."""
    return common_folder(tmp_path_factory.getbasetemp())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if NO_SKIP and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although BAYESINEQ_NO_SKIP=1: {report.longrepr}"
    return report
