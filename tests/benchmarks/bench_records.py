"""
Time and memory from persons to three tables of cells, ethnicity resolved, on DuckDB from parquet: is it linear?

Each size in a process of its own, after its board was simulated in another; boards are deleted afterwards.

Run: python tests/benchmarks/bench_records.py [--large] [persons ...]; --large adds 17 million persons, which takes an
hour, 5 GB of disk and spills.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import pandas as pd

from bayesineq.cohort.cells import cohort_cells
from bayesineq.cohort.members import cohort
from bayesineq.records.ethnicity.completeness import completeness
from bayesineq.records.normal import read_normal
from bayesineq.simulate.board import simulate_board

SIZES = (170_000, 1_700_000)
LARGE = 17_000_000
PART = 1_700_000
YEAR = (date(2025, 4, 1), date(2026, 3, 31))


def made(folder: Path, persons: int) -> None:
    """A board, in parts of other seeds and persons of other names where one would not fit into memory."""
    import duckdb

    if persons <= PART:
        simulate_board(folder, persons, seed=1)
        return
    for part in range(persons // PART):
        simulate_board(folder / "part", PART, seed=1 + part)
        for path in sorted((folder / "part").glob("*.parquet")):
            (folder / path.stem).mkdir(exist_ok=True)
            own = "" if path.stem == "areas" else "person_id" if path.stem == "ethnicity_records" else "person"
            named = f"REPLACE ('{part}-' || {own} AS {own})" if own else ""
            target = folder / path.stem / f"{part}.parquet"
            duckdb.sql(f"COPY (SELECT * {named} FROM '{path}') TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def counted(folder: Path, persons: int) -> None:
    """Report seconds, those of the processor and the most memory after each step."""
    start = time.perf_counter()

    def _tell(step: str) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = f"{time.perf_counter() - start:8.1f} s{time.process_time():9.1f} s of cpu"
        sys.stdout.write(f"{persons:>12,}  {step:<34}{seconds}{peak:8.0f} MB\n")
        sys.stdout.flush()

    records = read_normal(folder)
    backend = records.persons.get_backend()
    backend.raw_sql("SET memory_limit = '3GB'")
    backend.raw_sql(f"SET temp_directory = '{folder / 'spilled'}'")
    areas = pd.read_parquet(folder / "areas.parquet" if persons <= PART else folder / "areas" / "0.parquet")
    built = cohort(records, "type_2_diabetes", study=YEAR, deprivation=areas[["area", "imd_decile"]])
    _tell("cohort, attrition")
    for name in built.card.tables:
        _tell(f"{name}, {len(cohort_cells(built, name).table):,} cells")
    told = completeness(records.ethnicity_records, records.persons.select("sex", person_id="person"), ["sex"])
    _tell(f"completeness, {len(told)} rows")


def main(arguments: list[str]) -> None:
    """Every size that is asked for."""
    sizes = [int(text) for text in arguments if text != "--large"] or list(SIZES)
    for persons in [*sizes, *([LARGE] if "--large" in arguments else [])]:
        with tempfile.TemporaryDirectory() as folder:
            for step in ("made", "counted"):
                subprocess.run([sys.executable, __file__, step, folder, str(persons)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] in (["made"], ["counted"]):
        {"made": made, "counted": counted}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(sys.argv[1:])
