"""Contrasts to a model of missing ethnicity, never the answer: leave unknown out, make it a group, share it out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.codes import scheme_codes, spelt
from bayesineq.tables.blanks import is_blank, trimmed

UNKNOWN_GROUP = "unknown"

ELSEWHERE = ("9", "X")
"""Spellings of not known to the NHS that are groups in other schemes."""


def complete_case(
    table: pd.DataFrame, *, recorded: str = "ethnicity", unknown: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Leave people without a known category out.

    Parameters
    ----------
    table : DataFrame
        One row a cell and category.
    recorded : str
        Column of categories.
    unknown : sequence of str, optional
        Those that say nothing; without it, blanks and all that the code list of the NHS has as not stated or not
        known, in any spelling (Z, z, 99, X, "not stated"), and "unknown" of six broad groups.

    Returns
    -------
    DataFrame
        Rows of known categories. Unbiased only where records are missing completely at random within cells, and right.

    Raises
    ------
    SchemaError
        There is no such column.

    Examples
    --------
    >>> table = pd.DataFrame({"ethnicity": ["asian", "white", "unknown"], "population": [100, 300, 40]})
    >>> complete_case(table)
      ethnicity  population
    0     asian         100
    1     white         300
    """
    return table[~_lost(table, recorded, unknown)].reset_index(drop=True)


def unknown_as_group(
    table: pd.DataFrame, counts: Sequence[str], *, recorded: str = "ethnicity", unknown: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Make people without a known category a group of their own.

    Parameters
    ----------
    table : DataFrame
        One row a cell and category.
    counts : sequence of str
        Columns to add up.
    recorded, unknown
        As of `complete_case`.

    Returns
    -------
    DataFrame
        Categories that say nothing together as "unknown". Rates of other groups are those of complete cases.

    Raises
    ------
    SchemaError
        A column is not there.

    Examples
    --------
    >>> table = pd.DataFrame({"ethnicity": ["asian", "Z", "99"], "cases": [10, 3, 4], "population": [100, 30, 40]})
    >>> unknown_as_group(table, ["cases", "population"])
      ethnicity  cases  population
    0     asian     10         100
    1   unknown      7          70
    """
    lost = _lost(table, recorded, unknown)
    _needed(table, counts)
    merged = table.assign(**{recorded: table[recorded].astype("str").where(~lost, UNKNOWN_GROUP)})
    by = [name for name in table.columns if name not in counts]
    # People of a cell whose other columns are missing are a cell too.
    grouped = merged.groupby(by, as_index=False, observed=True, sort=True, dropna=False)
    return grouped[list(counts)].sum()[list(table.columns)]


def pro_rata(
    table: pd.DataFrame,
    counts: Sequence[str],
    *,
    share: str,
    recorded: str = "ethnicity",
    unknown: Sequence[str] | None = None,
) -> pd.DataFrame:
    """
    Share people without a known category out over the known ones of their cell.

    Parameters
    ----------
    table : DataFrame
        One row a cell and category; columns other than `recorded` and `counts` make the cell.
    counts : sequence of str
        Columns of counts to share out.
    share : str
        The column of `counts` in proportion to which all are shared out, such as population.
    recorded, unknown
        As of `complete_case`.

    Returns
    -------
    DataFrame
        Rows of known categories, with whole counts whose sums are those of the table: largest remainders are rounded
        up. It narrows intervals, as if the shared-out people had been seen, and draws rates of groups together.

    Raises
    ------
    SchemaError
        A column is not there, or a cell has unknown people only: they cannot be shared out.

    Examples
    --------
    >>> table = pd.DataFrame({"ethnicity": ["asian", "white", "unknown"], "population": [100, 300, 40]})
    >>> pro_rata(table, ["population"], share="population")
      ethnicity  population
    0     asian         110
    1     white         330
    """
    lost = _lost(table, recorded, unknown)
    _needed(table, [*counts, share])
    cell = [name for name in table.columns if name not in (*counts, recorded)]
    number = (
        table.groupby(cell, observed=True, sort=False, dropna=False).ngroup().to_numpy()
        if cell
        else np.zeros(len(table), int)
    )
    known, people = ~lost.to_numpy(), table[share].to_numpy(dtype=np.float64)
    n_cell = int(number.max()) + 1
    base = np.bincount(number, np.where(known, people, 0.0), minlength=n_cell)
    result = table[known].reset_index(drop=True)
    for name in counts:
        value = table[name].to_numpy(dtype=np.int64)
        spare = np.bincount(number, np.where(known, 0, value), minlength=n_cell).astype(np.int64)
        if (nowhere := (spare > 0) & (base == 0)).any():
            raise SchemaError(
                f"{int(nowhere.sum())} cells have people of unknown category only, so {name!r} cannot be shared out: "
                "use broader cells"
            )
        at, added = number[known], value[known].copy()
        for k in np.flatnonzero(spare):
            members = np.flatnonzero(at == k)
            added[members] += _whole(people[known][members] / base[k] * spare[k], int(spare[k]))
        result[name] = added
    return result


def _whole(parts: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    floor = np.floor(parts).astype(np.int64)
    order = np.argsort(floor - parts, kind="stable")
    floor[order[: total - int(floor.sum())]] += 1
    return floor


def _lost(table: pd.DataFrame, recorded: str, unknown: Sequence[str] | None) -> pd.Series:
    _needed(table, [recorded])
    column = table[recorded]
    if unknown is not None:
        return column.isin(list(unknown)) | is_blank(column)
    given = list(column.drop_duplicates())
    known = scheme_codes("gdppr")["known"]
    silent, codes = set(known.index[~known]), spelt(given, "gdppr")
    # Where other codes are not the NHS's, 9 may be a group: Pakistani, where categories are numbered.
    elsewhere = ELSEWHERE if None in codes else ()
    nothing = [text for text, code in zip(given, codes, strict=True)
               if code in silent and trimmed(text).upper() not in elsewhere]  # fmt: skip
    return column.isin(nothing) | is_blank(column)


def _needed(table: pd.DataFrame, names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in table.columns]:
        raise SchemaError(f"the table has no columns {missing}; it has {list(table.columns)}")
