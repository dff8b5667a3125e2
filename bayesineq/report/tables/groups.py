"""Tables of groups: estimates with intervals, names, sizes, and what disclosure lets be shown of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.design.levels import told_order
from bayesineq.design.order import ORDER, ranked
from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, implied_small, is_small
from bayesineq.errors import MeasureError
from bayesineq.posterior.summarise import by_level
from bayesineq.report.tables.numbers import Unit, estimate
from bayesineq.report.words.labels import Labels, level_labels, unknown_levels

_COUNTED = ("proportion", "rate", "rate ratio")

GROUP_COLUMNS = ("level", "label", "unknown", "population", "share", "mean", "sd", "median", "lower", "upper", "hidden")


def group_table(
    values: xr.DataArray,
    dim: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    rule: Rule = DEFAULT_RULE,
    counts: bool = True,
    withheld: Sequence[object] = (),
) -> pd.DataFrame:
    """
    Summarise the draws of every group.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group, with coordinate `population` along `dim`.
    dim : str
        The dimension.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    prob : float
        Probability that the interval holds.
    rule : Rule
        When a count is small.
    counts : bool
        Whether values times population are counts of people or events, as with proportions and rates; the attributes
        `scale` and `weights` of `expected` go before it.
    withheld : sequence
        Levels that are not among the values because they may not be shown: their rows hold no number.

    Returns
    -------
    DataFrame
        A row a group in the order of `values`: `level`, `label`, `unknown` (says that the characteristic is not
        known), `population`, `share` (of everyone), `mean`, `sd`, `median`, `lower`, `upper`, and `hidden`: True
        where the group's size or its implied count is small, so that neither may be shown.

    Raises
    ------
    MeasureError
        If `values` has another shape or no population.
    """
    own = [str(d) for d in values.dims if d not in {"chain", "draw"}]
    if own != [dim] or POPULATION not in values.coords:
        raise MeasureError(
            f"a table of groups needs draws of one dimension {dim!r} with the coordinate {POPULATION!r}; "
            f"given the dimensions {own} and the coordinates {sorted(map(str, values.coords))}"
        )
    table = by_level(values, prob).rename(columns={dim: "level"})
    levels = list(table["level"])
    table["label"] = level_labels(dim, levels, labels)
    table["unknown"] = unknown_levels(dim, levels, labels)
    people = table[POPULATION].to_numpy(dtype=float)
    table["share"] = people / people.sum()
    table["hidden"] = small_groups(values, table["mean"].to_numpy(), people, rule, counts=counts)
    if len(withheld):
        table = _with_withheld(table, dim, list(withheld), labels, values[dim].attrs)
    return table[list(GROUP_COLUMNS)]


def _with_withheld(
    table: pd.DataFrame, dim: str, levels: list[object], labels: Labels | None, attrs: Mapping[Any, Any]
) -> pd.DataFrame:
    rows = pd.DataFrame({"level": levels, "label": level_labels(dim, levels, labels)}, dtype=object)
    rows["unknown"] = unknown_levels(dim, levels, labels)
    rows["hidden"] = True
    both = pd.concat([table, rows], ignore_index=True)
    both[["unknown", "hidden"]] = both[["unknown", "hidden"]].astype(bool)
    if ORDER in attrs:
        return both.iloc[ranked(both["level"].to_numpy(), attrs)].reset_index(drop=True)
    place = told_order(both["level"].to_numpy())
    if place is None:
        return both.sort_values("level", kind="stable", ignore_index=True)
    return both.iloc[place].reset_index(drop=True)


def may_not_be_shown(values: xr.DataArray, dim: str, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell which groups are too small for a figure of their own values.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group, as `expected` gives it; without the coordinate `population` nothing can be told.
    dim : str
        The dimension.
    rule : Rule
        When a count is small.

    Returns
    -------
    ndarray of bool, shape (n_group,)
        True where people, or people times their rate, are few.
    """
    if POPULATION not in values.coords or values[POPULATION].dims != (dim,):
        return np.zeros(values.sizes[dim], dtype=bool)
    mean = values.mean(("chain", "draw")).to_numpy()
    return small_groups(values, mean, values[POPULATION].to_numpy(), rule, counts=False)


def small_groups(
    values: xr.DataArray, mean: ArrayLike, population: ArrayLike, rule: Rule, *, counts: bool
) -> NDArray[np.bool_]:
    """
    Tell which groups have few people or events, by what their weights count.

    Parameters
    ----------
    values : DataArray
        Where the groups come from: of its attributes, `withheld` says that a cover has judged them already, `scale`
        and `weights` what values and weights are, as `expected` says it.
    mean, population : array_like, shape (...)
        Value and weight of each group; a missing value is nobody's, or under a cover one that is withheld.
    rule : Rule
        When a count is small.
    counts : bool
        Where the attributes do not tell: whether values times weights are counts.

    Returns
    -------
    ndarray of bool, shape (...)
        True where people, or events, are few. Expected events and exposure are not people and are not judged.
    """
    rate = np.nan_to_num(np.abs(np.asarray(mean, dtype=np.float64)))
    weight = np.asarray(population, dtype=np.float64)
    if "withheld" in values.attrs:
        return np.asarray(~np.isfinite(np.asarray(mean, dtype=np.float64)) & (weight > 0))
    scale, kind = values.attrs.get("scale"), values.attrs.get("weights")
    if kind in {"expected", "exposure"}:
        return is_small(rate * weight, rule)
    counted = scale in _COUNTED if scale is not None else counts
    # Averaged over people, a ratio or a rate times them is no number of events.
    if counted and not (kind == "population" and scale in {"rate", "rate ratio"}):
        return implied_small(rate, weight, rule)
    return is_small(weight, rule)


def groups_in_words(table: pd.DataFrame, unit: Unit) -> str:
    """
    Read a table of groups out.

    Parameters
    ----------
    table : DataFrame
        With the columns `label`, `mean`, `lower`, `upper`.
    unit : Unit
        How values are written.

    Returns
    -------
    str
        For example "Female: 6.1% (5.9 to 6.3); Male: 5.8% (5.6 to 6.0)".
    """
    columns = (table[name].tolist() for name in ("label", "mean", "lower", "upper"))
    return "; ".join(
        f"{label}: {estimate(mean, lower, upper, unit)}" for label, mean, lower, upper in zip(*columns, strict=True)
    )
