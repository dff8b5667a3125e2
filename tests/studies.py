"""Studies over many worlds, in parts that workers share: whoever finishes the last part judges them all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

PARTS = 4
"""Parts of a study: enough for two workers to end together, few enough that each runs for a while."""


def common_folder(own: Path) -> Path:
    """One folder for all workers of a run, from a worker's own base folder."""
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def shared_study(
    folder: Path, name: str, part: int, seeds: Sequence[int], work: Callable[[Sequence[int]], Sequence[pd.DataFrame]]
) -> list[pd.DataFrame] | None:
    """
    Work on one part of the seeds; the tables of all parts where this was the last to end, else None.

    Parts that end at the same moment both judge, which does no harm; a run of some parts only judges nothing, as a run
    of no test does.
    """
    place = folder / f"study_{name}"
    place.mkdir(exist_ok=True)
    for k, table in enumerate(work(seeds[part::PARTS])):
        unfinished = place / f"{part}_{k}.part"
        table.to_parquet(unfinished)
        unfinished.rename(place / f"{part}_{k}.parquet")
    kinds = sorted({path.stem.split("_")[1] for path in place.glob("*.parquet")})
    paths = [[place / f"{p}_{k}.parquet" for p in range(PARTS)] for k in kinds]
    if not all(path.is_file() for group in paths for path in group):
        return None
    return [pd.concat([pd.read_parquet(path) for path in group], ignore_index=True) for group in paths]
