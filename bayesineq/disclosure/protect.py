"""Tables as they may be published: small counts withheld, others rounded, and rates that give no count back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, implied_small, is_small, safe_decimals, shown_values
from bayesineq.errors import DisclosureError


def protect(table: pd.DataFrame, counts: Sequence[str], disclosure: Disclosure = DEFAULT_RULE) -> pd.DataFrame:
    """
    Suppress and round the counts of a table.

    Parameters
    ----------
    table : DataFrame
        Any table.
    counts : sequence of str
        Its columns of counts.
    disclosure : Rule, str or Path
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
    rule = rule_of(disclosure)
    if missing := [c for c in counts if c not in table.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(table.columns)}")
    if rule.perturbation is not None and rule.perturbation.needs_keys:
        raise DisclosureError(
            "counts of this rule are perturbed by their people's keys: give rows of people to "
            "perturbed_counts(people, by, disclosure), with a column of keys"
        )
    protected = table.copy()
    for column in counts:
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        protected[column] = pd.array(shown_values(values, rule, is_small(values, rule)), dtype="Int64")
    return protected


def protect_rates(
    table: pd.DataFrame, rates: Sequence[str], population: str, disclosure: Disclosure = DEFAULT_RULE
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
    disclosure : Rule, str or Path
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
    rule = rule_of(disclosure)
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
