"""How good records are, as a rule lets it be shown: counts of rows and people, and rates with their counts withheld."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.covered import Covered, reason
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, is_small, rounded, shown_values
from bayesineq.disclosure.suppression import hide_beside

type QualityTables = Covered[Mapping[str, pd.DataFrame]]

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "faults": ("table", "column", "problem"),
    "completeness": ("table", "column"),
    "years": ("table", "source", "year"),
    "ethnicity": ("source",),
    "known": ("source",),
    "agreement": ("first", "second"),
    "effect": ("headline", "group"),
}
"""Tables of the quality of records, and the columns that name a row of each."""

_OF: Final = {
    "faults": ("rows", "of"),
    "completeness": ("filled", "of"),
    "known": ("known", "people"),
    "agreement": ("agree", "people"),
}
"""Tables of a part and its whole: with both, the rest is known too."""

_KINDS: Final = ("detailed", "broad", "unknown", "strange")
_RATES: Final = ("recorded", "linked", "shared_out")
_BEHIND: Final = tuple(f"{name}_{part}" for name in _RATES for part in ("events", "of"))
FEWEST_ROUNDED: Final = 10
"""Events behind a rate, in multiples of the base: with fewer, rounding alone would move it by 5% or more."""

type _Mask = NDArray[np.bool_]


def covered_quality(tables: Mapping[str, pd.DataFrame], rule: Rule = DEFAULT_RULE) -> QualityTables:
    """
    Withhold and round what tables of the quality of records hold.

    Parameters
    ----------
    tables : Mapping of str to DataFrame
        As of `bayesineq.records.Quality.tables`. What is covered already may be given; a little more may be
        withheld then.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    Covered
        The tables by name. Counts are Int64, missing where they or the rest of their whole are small, or where one
        alone of a sum would be given back by the others; shares are of the counts as they are shown. Rates of the
        table "effect" are of rounded counts, and missing where few people or events stand behind one of them or
        behind their difference, or so few events that rounding would move it; the counts behind them are gone.

    Examples
    --------
    >>> known = pd.DataFrame({"source": ["gp", "all sources"], "people": [1000, 1000], "known": [702, 996]})
    >>> covered_quality({"known": known}).shown["known"]
            source  people  known  share
    0           gp    1000    700    0.7
    1  all sources    1000   <NA>   <NA>
    """
    shown: dict[str, pd.DataFrame] = {}
    withheld: list[object] = []
    for name, key in NAMES.items():
        if name not in tables:
            continue
        table = tables[name].reset_index(drop=True)
        if name in _OF:
            shown[name], hidden = _parts(table, *_OF[name], rule)
        elif name == "effect":
            shown[name], hidden = _effect(table, rule)
        else:
            shown[name], hidden = _sums(table, name, rule)
        withheld += [(name, *map(str, row)) for row in table.loc[hidden, list(key)].itertuples(index=False)]
    of = sum(map(len, shown.values()))
    return Covered(shown, tuple(withheld), of, rule, reason(rule, "people or rows", subtraction=True))


def quality_audit(found: QualityTables) -> pd.DataFrame:
    """What is withheld of the quality of records and why, without a count: `table`, `cell`, `column`, `reason`."""
    cells = [(cell[0], " / ".join(cell[1:])) for cell in found.withheld if isinstance(cell, tuple)]
    table = pd.DataFrame(cells, columns=["table", "cell"]).assign(column="counts", reason=WITHHELD)
    return table.assign(table="quality of records, " + table["table"].astype(str))[list(AUDIT)]


def _numbers(column: pd.Series) -> tuple[NDArray[np.float64], _Mask]:
    """Counts, 0 where they are withheld already, and which are."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.nan_to_num(values), np.isnan(values)


def _int(values: NDArray[np.float64], rule: Rule, hidden: _Mask) -> pd.arrays.IntegerArray:
    return pd.array(shown_values(values, rule, hidden), dtype="Int64")


def _parts(table: pd.DataFrame, part: str, whole: str, rule: Rule) -> tuple[pd.DataFrame, _Mask]:
    """A part and its whole: withheld where either is small, or what is left."""
    (some, gone), (of, of_gone) = _numbers(table[part]), _numbers(table[whole])
    few = of_gone | is_small(of, rule)
    hidden = gone | few | is_small(some, rule) | is_small(np.maximum(of - some, 0), rule)
    columns = {part: _int(some, rule, hidden), whole: _int(of, rule, few)}
    shown = table.assign(**columns)
    share = shown[part].astype("Float64") / shown[whole].astype("Float64").where(shown[whole] > 0)
    return shown.assign(share=share.clip(upper=1)), hidden


def _sums(table: pd.DataFrame, name: str, rule: Rule) -> tuple[pd.DataFrame, _Mask]:
    """Rows by year, which add up to those of a table and source; kinds of codes, which add up to a source's."""
    if name == "years":
        values, gone = _numbers(table["rows"])
        hidden = gone | is_small(values, rule)
        for rows in table.groupby("table").indices.values():
            hidden[rows] = hide_beside(hidden[rows], values[rows])
        return table.assign(rows=_int(values, rule, hidden)), hidden
    both = [_numbers(table[kind]) for kind in _KINDS]
    values, hidden = (np.stack(of, axis=1) for of in zip(*both, strict=True))
    hidden |= is_small(values, rule)
    for row in range(len(table)):
        hidden[row] = hide_beside(hidden[row], values[row])
    total, gone = _numbers(table["records"])
    few = gone | is_small(total, rule)
    columns = {kind: _int(values[:, k], rule, hidden[:, k] | few) for k, kind in enumerate(_KINDS)}
    return table.assign(records=_int(total, rule, few), **columns), hidden.any(axis=1) | few


def _effect(table: pd.DataFrame, rule: Rule) -> tuple[pd.DataFrame, _Mask]:
    """Rates of each headline by group, made of rounded counts; without those that rounding would move."""
    kept = [name for name in table.columns if name not in _BEHIND]
    if not set(_BEHIND) <= set(table.columns):
        return table[kept], table[list(_RATES)].isna().all(axis=1).to_numpy()
    counts = {name: _numbers(table[name])[0] for name in _BEHIND}
    hidden = np.any([is_small(values, rule) for values in counts.values()], axis=0)
    if rule.base > 1:
        hidden |= np.min([counts[f"{name}_events"] for name in _RATES], axis=0) < FEWEST_ROUNDED * rule.base
    # What is shared out is nobody's, and its difference from what is linked counts nobody.
    for part in ("events", "of"):
        hidden |= is_small(np.abs(counts[f"linked_{part}"] - counts[f"recorded_{part}"]), rule)
    for rows in table.groupby("headline").indices.values():
        groups = rows[table["group"].to_numpy()[rows] != "all"]
        hidden[groups] = hide_beside(hidden[groups], counts["linked_of"][groups])
    near = {name: rounded(values, rule) for name, values in counts.items()}
    shown = table[kept].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for name in _RATES:
            shown[name] = np.where(hidden, np.nan, near[f"{name}_events"] / near[f"{name}_of"])
        filled = 1 - near["recorded_of"] / near["shared_out_of"]
    shown["imputed_share"] = np.where(hidden, np.nan, filled)
    return _ratios(shown, counts["linked_of"]), hidden


def _ratios(shown: pd.DataFrame, size: NDArray[np.float64]) -> pd.DataFrame:
    """Ratios of the rates as they are shown, to two decimals."""
    ratio = (shown["shared_out"] / shown["recorded"].where(shown["recorded"] > 0)).round(2)
    shown = shown.assign(effect=ratio, size=np.where(shown["group"] == "all", -1.0, size))
    for name, rate in (("against_recorded", "recorded"), ("against_shared_out", "shared_out")):
        largest = shown.loc[shown.groupby("headline")["size"].idxmax()].set_index("headline")[rate]
        base = shown["headline"].map(largest)
        shown[name] = (shown[rate] / base.where(base > 0)).round(2)
    return shown.drop(columns="size")
