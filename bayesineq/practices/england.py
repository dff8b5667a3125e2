"""England from open data: summaries, rank correlations, slopes and prevalence of every condition, as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.practices.associations import DEMOGRAPHY, DOMAINS, age_gradients, rank_associations
from bayesineq.practices.folder import SCORES_OF, England
from bayesineq.practices.summaries import practice_summary
from bayesineq.replacing import csv_bytes, write_folder
from bayesineq.tables.practices import CONDITIONS

_PLACE: Final = ("area_name", "lad", "lad_name", "board", "board_name", "rural_urban")
_SHARES: Final = ("asian", "black", "mixed", "other", "white", "not_white")
_DECIMALS: Final = 6


def england_tables(
    england: England,
    *,
    conditions: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, pd.DataFrame]:
    """
    Tables of a nation's areas and practices, and of how each condition goes with each domain of deprivation.

    Parameters
    ----------
    england : England
        From `read_england`.
    conditions : sequence of str, optional
        Codes; by default every register that the files hold.
    draws : int, optional
        Draws of the posterior of correlations and slopes.
    seed : int, optional
        Makes them reproducible.
    report : callable, optional
        Told what is being done.

    Returns
    -------
    dict of str to DataFrame
        `areas` and `practices` (summaries by weighted means), `associations` (as of `rank_associations`),
        `rank_table` (the adjusted correlations, a row a condition, a column a domain) and `age_by_deprivation` (as of
        `age_gradients`, by fifths of Adult Skills).

    Raises
    ------
    SchemaError
        There is no such register, or too few places for intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesineq.tables import PracticeTables
    >>> rng = np.random.default_rng(1)
    >>> areas = pd.DataFrame(rng.normal(size=(300, len(DOMAINS) + 1)), columns=[*DOMAINS, "DM"])
    >>> areas = areas.assign(area=[f"E0100{i:04}" for i in range(300)], median_age=rng.uniform(20, 60, 300), fifth=1)
    >>> areas["lad"] = [f"E0600{i % 20:04}" for i in range(300)]
    >>> pairs = pd.DataFrame({"practice": "A81001", "area": areas["area"], "patients": 10})
    >>> nothing = pd.DataFrame({"practice": ["A81001"], "DM": 0.07})
    >>> tables = PracticeTables(nothing, pairs, areas, nothing, ())
    >>> found = england_tables(England(tables, areas, areas, None, {}, ()), draws=20, seed=1)
    >>> list(found), found["rank_table"].shape
    (['areas', 'practices', 'associations', 'rank_table', 'age_by_deprivation'], (1, 11))
    """
    chosen = list(england.conditions if conditions is None else conditions)
    areas = england.areas
    domains = dict(DOMAINS) | {name: "education_score" for name in SCORES_OF if name in areas}
    adjust = [name for name in DEMOGRAPHY if name in areas]
    report("Correlating conditions and domains of deprivation")
    found = rank_associations(areas, chosen, domains, adjust=adjust, draws=draws, seed=seed, report=report)
    wide = found.pivot_table(index="condition", columns="domain", values="adjusted", sort=False)
    wide.insert(0, "name", [CONDITIONS[str(code)][0] for code in wide.index])
    found.insert(1, "name", found["condition"].map({code: name for code, (name, _) in CONDITIONS.items()}))
    report("Slopes by age in fifths of deprivation")
    ages = age_gradients(areas, chosen, "fifth", draws=draws, seed=seed)
    kept = [name for name in (*_PLACE, "imd_decile", "fifth", *domains, *_SHARES, *adjust) if name in areas]
    kept = [AREA, *dict.fromkeys(kept), *(n for n in ("residents", "patients", "covered", "services") if n in areas)]
    return {
        "areas": areas[[*kept, *england.conditions]],
        "practices": _practices(england, [*domains, *(name for name in _SHARES if name in areas)]),
        "associations": found,
        "rank_table": wide.reset_index(),
        "age_by_deprivation": ages,
    }


def _practices(england: England, columns: Sequence[str]) -> pd.DataFrame:
    """Practices by where their patients live, with their registers."""
    found = practice_summary(england.tables.registrations, england.areas, columns)
    return found.merge(england.tables.prevalence, on="practice", how="left")


def write_england(tables: dict[str, pd.DataFrame], notes: Sequence[str], folder: str | Path) -> tuple[Path, ...]:
    """
    Write the tables and what a reader must know of them.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `england_tables`.
    notes : sequence of str
        Of the files that were read.
    folder : str or Path
        Made if it is not there; files of an earlier time are replaced together.

    Returns
    -------
    tuple of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     [path.name for path in write_england({"areas": pd.DataFrame({"area": ["E01000001"]})}, ["a note"], name)]
    ['areas.csv', 'notes.txt']
    """
    made = {f"{name}.csv": csv_bytes(table.round(_DECIMALS)) for name, table in tables.items()}
    made["notes.txt"] = ("\n".join(notes) + "\n").encode("utf-8")
    write_folder(Path(folder), made)
    return tuple(Path(folder) / name for name in made)
