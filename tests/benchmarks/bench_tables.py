"""
Time of checking a million rows and of tabulating 1.7 million people, from a frame, a csv and a parquet file.

Run: python tests/benchmarks/bench_tables.py [people]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bayesineq.records.tabulate import tabulate
from bayesineq.tables.check import check

PEOPLE, AREAS = 1_700_000, 1_000
BANDS = list(range(0, 90, 5))
BY = ["area", "imd_decile", "ethnicity", "age_band", "sex"]


def records(n: int) -> pd.DataFrame:
    """People spread over areas, groups, ages and sexes."""
    rng = np.random.default_rng(1)
    area = rng.integers(0, AREAS, n)
    codes = np.array([f"E01{900_000 + i:06d}" for i in range(AREAS)])
    return pd.DataFrame(
        {
            "person_id": np.arange(n).astype(str),
            "area": codes[area],
            "imd_decile": area % 10 + 1,
            "ethnicity": np.array(list("ABCDEFGHJKLMNPRS"))[rng.integers(0, 16, n)],
            "sex": np.array(["female", "male"])[rng.integers(0, 2, n)],
            "age": rng.integers(0, 100, n),
            "diabetes": rng.integers(0, 2, n),
        }
    )


def timed(label: str, run: Callable[[], object]) -> object:
    """Run once and report seconds and peak memory so far."""
    start = time.perf_counter()
    value = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{label:<34}{time.perf_counter() - start:8.2f} s{peak:10.0f} MB\n")
    return value


def main(n: int) -> None:
    """Report each step."""
    people = records(n)
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder) / "people.csv", Path(folder) / "people.parquet"
        people.to_csv(csv, index=False)
        people.to_parquet(parquet)
        for label, source in (("frame", people), ("csv", csv), ("parquet", parquet)):
            cells = timed(
                f"tabulate {n:,} from {label}",
                lambda source=source: tabulate(source, BY, {"cases": "diabetes"}, bands=BANDS),
            )
        assert isinstance(cells, pd.DataFrame)
        assert cells["cases"].sum() == people["diabetes"].sum()
        timed(f"check {len(cells):,} cells", lambda: check(cells, "area_counts"))
        timed(f"check {n:,} people", lambda: check(people, "people"))
        timed(f"check {n:,} people from csv", lambda: check(csv, "people"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
