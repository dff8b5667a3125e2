"""Small counts: which may be shown, and how. Pure functions of numbers, the last gate before anything is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import FEW
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
        Other counts are rounded to the nearest multiple of this; 1 leaves them as they are. Rates of fewer than
        this are withheld: made of rounded counts, they would be another rate.

    Raises
    ------
    DisclosureError
        If either is not a sensible number.

    References
    ----------
    NHS England, Hospital Episode Statistics: statistical disclosure control (sub-national counts of 1 to 7 are
    suppressed, all others rounded to the nearest 5).
    """

    threshold: int = FEW
    base: int = 5

    def __post_init__(self) -> None:
        if self.threshold < 0 or self.base < 1:
            raise DisclosureError(
                f"threshold={self.threshold}, base={self.base}: the threshold is 0 or more and the base 1 or more"
            )

    @property
    def few(self) -> int:
        """The largest count of which a rate is withheld: the threshold, or what no multiple of the base stands for."""
        return max(self.threshold, self.base - 1)

    def __str__(self) -> str:
        rounded = f"; other counts are rounded to the nearest {self.base}" if self.base > 1 else ""
        rates = f"; rates of fewer than {self.base} are withheld" if self.few > self.threshold else ""
        return f"Counts from 1 to {self.threshold} are suppressed and shown as {SUPPRESSED}{rounded}{rates}."


DEFAULT_RULE: Final = Rule()


def is_small(count: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell which counts are too small to be shown.

    A modelled count need not be whole, and is judged by the whole number nearest to it. A count that is negative or not
    finite is a `DisclosureError`.

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


def rounded(count: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.float64]:
    """
    Counts as a rule rounds them, wherever they are shown: half-way up.

    Multiples of the base, shape (...).

    Examples
    --------
    >>> rounded([12, 12.5, 1234], Rule()).tolist()
    [10.0, 15.0, 1235.0]
    """
    return np.asarray(np.floor(np.asarray(count, dtype=np.float64) / rule.base + 0.5) * rule.base)


def shown_count(count: float, rule: Rule = DEFAULT_RULE) -> str:
    """
    Write one count as it may be published.

    "*" stands for a small count.

    Examples
    --------
    >>> [shown_count(n) for n in (0, 7, 8, 12, 13, 1234)]
    ['0', '*', '10', '10', '15', '1,235']
    """
    return SUPPRESSED if bool(is_small(count, rule)) else f"{int(rounded(count, rule)):,}"


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

    Examples
    --------
    >>> protect(pd.DataFrame({"area": ["a", "b", "c"], "deaths": [0, 4, 23]}), ["deaths"])
      area  deaths
    0    a       0
    1    b    <NA>
    2    c      25
    """
    if missing := [c for c in counts if c not in table.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(table.columns)}")
    protected = table.copy()
    for column in counts:
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        protected[column] = pd.array(shown_values(values, rule, is_small(values, rule)), dtype="Int64")
    return protected


def implied_small(rate: ArrayLike, population: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell where a rate shown beside its denominator would give a small count away.

    True where the denominator, or rate times denominator, is small; a rate of NaN is none. Shapes (...).

    Notes
    -----
    Pooling in a model does not exempt a rate: with a tight interval and a published denominator, rate times
    denominator is the count.
    """
    people = np.asarray(population, dtype=np.float64)
    events = np.nan_to_num(np.asarray(rate, dtype=np.float64)) * people
    return is_small(people, rule) | is_small(events, rule)


def shown_values(count: ArrayLike, rule: Rule, hidden: NDArray[np.bool_]) -> list[int | None]:
    """
    Rounded counts, None where they are withheld.

    None where they are withheld: `hidden`, shape (n,), must hold every small count, or it is a `DisclosureError`.
    """
    values = np.asarray(count, dtype=np.float64)
    if (is_small(values, rule) & ~hidden).any():
        raise DisclosureError("a small count is not withheld; hide at least is_small(count)")
    return [None if hide else int(v) for v, hide in zip(rounded(values, rule), hidden, strict=True)]


def safe_decimals(population: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.int64]:
    """
    Most decimals of a rate at which it tells its count no closer than the rounding of counts does.

    Decimals of events per person; 0 or less where not even one is safe. A percentage has two fewer.

    Notes
    -----
    A rate shown to d decimals and a denominator N give the count to within N 10^-d, which must not be less than the
    base: for base 5, tenths of a percent from N = 5,000.

    Examples
    --------
    >>> safe_decimals([40, 500, 4_999, 5_000]).tolist()
    [0, 2, 2, 3]
    """
    people = np.asarray(population, dtype=np.float64)
    if not (np.isfinite(people) & (people > 0)).all():
        raise DisclosureError("denominators must be above 0; leave rows without people out")
    # A whisker lets exact powers of ten pass.
    return np.floor(np.log10(people / rule.base) + 1e-9).astype(np.int64)


def protect_rates(
    table: pd.DataFrame, rates: Sequence[str], population: str, rule: Rule = DEFAULT_RULE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Withhold and round rates, with their intervals, so that they and their denominator do not give a count back.

    Parameters
    ----------
    table : DataFrame
        One row a group.
    rates : sequence of str
        Events per person: the estimate first, then the ends of its interval. A row whose estimate implies a small
        count, or whose denominator is small, loses them all.
    population : str
        Column of denominators, which readers are taken to know.
    rule : Rule
        Threshold and base.

    Returns
    -------
    (DataFrame, DataFrame)
        The table with safe rates, and the audit: `table`, `cell`, `column`, `reason`.

    Raises
    ------
    DisclosureError
        If a column is not there, or holds what is no rate or denominator.

    Notes
    -----
    Every number of a row is rounded to the decimals of `safe_decimals`, so each tells the count no closer than the
    published count itself. Pooling in a model does not exempt a rate.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["a", "b"], "rate": [0.0315, 0.021], "population": [2000, 100]})
    >>> protect_rates(table, ["rate"], "population")[0]
      area  rate  population
    0    a  0.03        2000
    1    b   NaN         100
    """
    if missing := [c for c in (*rates, population) if c not in table.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(table.columns)}")
    people = table[population].to_numpy(dtype=np.float64)
    values = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in rates}
    small = implied_small(values[rates[0]], people, rule)
    decimals = safe_decimals(np.where(people > 0, people, 1.0), rule)
    unit = 10.0 ** -decimals.astype(np.float64)
    coarse = ~small & (decimals < 1)
    hidden = small | coarse
    shown = table.copy()
    for name, value in values.items():
        # The last step removes the binary dust of multiplying by a power of ten.
        rounded = np.array([round(v, max(d, 0)) for v, d in zip(np.round(value / unit) * unit, decimals, strict=True)])
        shown[name] = np.where(hidden, np.nan, rounded)
    reasons = np.where(small, "the rate and its denominator imply a small count", "too few people for a safe decimal")
    audit = pd.DataFrame(
        {
            "table": "rates",
            "cell": table.index[hidden].astype(str),
            "column": ", ".join(rates),
            "reason": reasons[hidden],
        }
    )
    return shown, audit
