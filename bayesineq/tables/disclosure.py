"""Small counts: which may be shown, and how. Pure functions of numbers, the last gate before anything is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DisclosureError

SUPPRESSED: Final = "*"
"""What is shown in place of a suppressed count."""


@dataclass(frozen=True, slots=True)
class Rule:
    """
    Rule for publishing counts of people or events.

    Parameters
    ----------
    threshold : int
        Counts from 1 to this are suppressed. Zero is shown.
    base : int
        Other counts are rounded to the nearest multiple of this; 1 leaves them as they are.

    Raises
    ------
    DisclosureError
        If either is not a sensible number.

    References
    ----------
    NHS England, Hospital Episode Statistics: statistical disclosure control (sub-national counts of 1 to 7 are
    suppressed, all others rounded to the nearest 5).
    """

    threshold: int = 7
    base: int = 5

    def __post_init__(self) -> None:
        if self.threshold < 0 or self.base < 1:
            raise DisclosureError(
                f"threshold={self.threshold}, base={self.base}: the threshold is 0 or more and the base 1 or more"
            )

    def __str__(self) -> str:
        rounded = f"; other counts are rounded to the nearest {self.base}" if self.base > 1 else ""
        return f"Counts from 1 to {self.threshold} are suppressed and shown as {SUPPRESSED}{rounded}."


DEFAULT_RULE: Final = Rule()


def is_small(count: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell which counts are too small to be shown.

    Parameters
    ----------
    count : array_like, shape (...)
        People or events; a modelled count need not be whole, and is judged by the whole number nearest to it.
    rule : Rule
        Threshold and base.

    Returns
    -------
    ndarray of bool, shape (...)
        True from 1 to the threshold.

    Raises
    ------
    DisclosureError
        If a count is negative or not finite.

    Examples
    --------
    >>> is_small([0, 1, 7, 7.4, 7.6, 8]).tolist()
    [False, True, True, True, False, False]
    """
    counts = np.asarray(count, dtype=np.float64)
    if (bad := ~(np.isfinite(counts) & (counts >= 0))).any():
        raise DisclosureError(
            f"{int(bad.sum())} counts are negative or not finite, the first {counts[bad][0]}; "
            "give counts, and mark what is missing before this step"
        )
    whole = np.floor(counts + 0.5)
    # A modelled count between 0 and 1/2 stands for somebody too, so only a true zero is shown as one.
    return np.asarray((counts > 0) & (whole <= rule.threshold))


def shown_count(count: float, rule: Rule = DEFAULT_RULE) -> str:
    """
    Write one count as it may be published.

    Parameters
    ----------
    count : float
        People or events.
    rule : Rule
        Threshold and base.

    Returns
    -------
    str
        "*" for a small count, else the rounded count with thousands separated.

    Raises
    ------
    DisclosureError
        If the count is negative or not finite.

    Examples
    --------
    >>> [shown_count(n) for n in (0, 7, 8, 12, 13, 1234)]
    ['0', '*', '10', '10', '15', '1,235']
    """
    return SUPPRESSED if bool(is_small(count, rule)) else f"{_rounded(count, rule):,}"


def protect(table: pd.DataFrame, counts: Sequence[str], rule: Rule = DEFAULT_RULE) -> pd.DataFrame:
    """
    Suppress and round the counts of a table.

    Parameters
    ----------
    table : DataFrame
        Any table.
    counts : sequence of str
        Its columns of counts.
    rule : Rule
        Threshold and base.

    Returns
    -------
    DataFrame
        A copy in which small counts are missing (<NA>) and others rounded, as Int64.

    Raises
    ------
    DisclosureError
        If a column is not there, or holds a count that is negative or not finite.
    """
    if missing := [c for c in counts if c not in table.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(table.columns)}")
    protected = table.copy()
    for column in counts:
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        small = is_small(values, rule)
        rounded = [None if hide else _rounded(v, rule) for v, hide in zip(values, small, strict=True)]
        protected[column] = pd.array(rounded, dtype="Int64")
    return protected


def implied_small(rate: ArrayLike, population: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell where a rate shown beside its denominator would give a small count away.

    Parameters
    ----------
    rate : array_like, shape (...)
        Events for each person, 0 or more; NaN where there is none.
    population : array_like, shape (...)
        The denominator of each rate.
    rule : Rule
        Threshold and base.

    Returns
    -------
    ndarray of bool, shape (...)
        True where the denominator, or rate times denominator, is small.

    Notes
    -----
    Pooling in a model does not exempt a rate: with a tight interval and a published denominator, rate times
    denominator is the count.
    """
    people = np.asarray(population, dtype=np.float64)
    events = np.nan_to_num(np.asarray(rate, dtype=np.float64)) * people
    return is_small(people, rule) | is_small(events, rule)


def _rounded(count: float, rule: Rule) -> int:
    return int(np.floor(count / rule.base + 0.5)) * rule.base
