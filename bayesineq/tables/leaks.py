"""Columns that tell the outcome because they were filled in after it: leaks, by how well each alone separates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError

type Array = NDArray[np.float64]

SEPARATES: Final = 0.97
"""Area under the curve of one column alone that nothing known before an appointment has."""
_FEWEST: Final = 20
_BINS: Final = 20
_PER_LEVEL: Final = 50


def leaks(table: pd.DataFrame, outcome: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """
    Find columns that tell an outcome almost by themselves: most often they were filled in after it.

    Parameters
    ----------
    table : DataFrame
        A row an appointment or a person.
    outcome : str
        Column that is 1 where it happened, else 0.
    columns : sequence of str, optional
        Which; by default all others.

    Returns
    -------
    DataFrame
        One row a column that leaks: `column`, `auc` (area under the curve of its levels' own rates) and `why`:
        "separates" the outcome nearly perfectly, or holds a "value" (blank among them) that only rows with the
        outcome have. None where nothing leaks.

    Raises
    ------
    SchemaError
        There is no such column, the outcome is neither 0 nor 1, or it is of one class only: all of it at once.

    Notes
    -----
    The area is that of the levels' rates in the same rows. Columns with fewer than 50 rows a level, such as names of
    people, are not judged: their rates would be their rows.

    Examples
    --------
    >>> table = pd.DataFrame({"missed": [0, 1] * 60, "seen_by": ["nurse", None] * 60, "site": list("AABB") * 30})
    >>> leaks(table, "missed")
        column  auc        why
    0  seen_by  1.0  separates
    """
    named = [name for name in table.columns if name != outcome] if columns is None else list(columns)
    wrong = [f"there is no column {name!r}" for name in (outcome, *named) if name not in table]
    if outcome in table:
        happened = pd.to_numeric(table[outcome], errors="coerce").to_numpy(dtype=np.float64)
        if bad := int((~np.isin(happened, (0.0, 1.0))).sum()):
            wrong.append(f"column {outcome!r}: {bad} values are neither 0 nor 1")
        elif len(np.unique(happened)) < 2:
            wrong.append(f"column {outcome!r} is {happened[0]:g} in every row: with one class there is nothing to tell")
    if wrong:
        raise SchemaError(f"leaks cannot be looked for: {'; '.join(wrong)}. There are {', '.join(map(str, table))}.")
    rows = []
    for name in named:
        found = separation(table[name], happened, np.ones(len(table)))
        if found is not None and (why := told_by(*found)):
            rows.append((name, found[0], why))
    return pd.DataFrame(rows, columns=["column", "auc", "why"])


def told_by(auc: float, only: bool) -> str:
    """Why a column leaks, empty where it does not."""
    return "separates" if auc >= SEPARATES else "value" if only else ""


def separation(column: pd.Series, events: Array, trials: Array) -> tuple[float, bool] | None:
    """
    Area under the curve of the rates of a column's levels, and whether a level has the outcome in every trial.

    Returns: None where levels are too many to be judged. Shapes: events, trials (row,).
    """
    code = _levels(column)
    size = int(code.max(initial=-1)) + 1
    total, own = np.bincount(code, weights=trials, minlength=size), np.bincount(code, weights=events, minlength=size)
    whole, there = float(trials.sum()), total > 0
    if size < 2 or whole < _PER_LEVEL * size or not 0.0 < own.sum() < whole:
        return None
    total, own = total[there], own[there]
    order = np.argsort(own / total)
    happened, rest = own[order], (total - own)[order]
    area = float(np.sum(happened * (np.cumsum(rest) - 0.5 * rest)) / (happened.sum() * rest.sum()))
    only = bool(((own == total) & (total >= _FEWEST)).any()) and float(own.sum() / whole) < 0.8
    return area, only


def _levels(column: pd.Series) -> NDArray[np.int64]:
    """Codes of a column's values, missing ones a level of their own; of many numbers, of twentieths of them."""
    value = column
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > _BINS:
        value = pd.qcut(column.rank(method="average"), _BINS, labels=False, duplicates="drop")
    return np.asarray(pd.factorize(value, use_na_sentinel=False)[0], dtype=np.int64)
