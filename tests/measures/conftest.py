"""Reference numbers of the peers, and hypothesis kept small enough for a busy machine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "measures", max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("measures")


@pytest.fixture(scope="session")
def phe(shared: Path) -> Path:
    return shared / "reference" / "measures" / "PHEindicatormethods"


@pytest.fixture(scope="session")
def who(shared: Path) -> Path:
    return shared / "reference" / "measures" / "healthequal"


@pytest.fixture(scope="session")
def quintiles(who: Path) -> pd.DataFrame:
    """Births attended by skilled staff (%) by wealth quintile, poorest first: healthequal's OrderedSample."""
    return pd.read_csv(who / "OrderedSample.csv").sort_values("subgroup_order")


@pytest.fixture(scope="session")
def regions(who: Path) -> pd.DataFrame:
    """Births attended by skilled staff (%) in 34 regions: healthequal's NonorderedSample."""
    return pd.read_csv(who / "NonorderedSample.csv")
