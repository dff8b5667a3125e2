"""Tables of groups: estimates with intervals, names, sizes, and what disclosure lets be shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bayesineq.design.levels import told_order
from bayesineq.design.order import ORDER, ranked
from bayesineq.dims import CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.covered import Draws, require_covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import by_level
from bayesineq.report.tables.numbers import Unit, estimate
from bayesineq.report.words.labels import Labels, level_labels, unknown_levels

GROUP_COLUMNS = ("level", "label", "unknown", "population", "share", "mean", "sd", "median", "lower", "upper", "hidden")


def group_table(values: Draws, dim: str, *, labels: Labels | None = None, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Summarise the draws of every group.

    `values`: Outcome of each group: draws with dims (chain, draw, dim) and the coordinate `population` along `dim`.
    Returns: A row a group in the order of `values`: `level`, `label`, `unknown` (says that the characteristic is
    not known), `population`, `share` (of everyone shown), `mean`, `sd`, `median`, `lower`, `upper`, and `hidden`:
    True for a group that is withheld, whose row holds no number.
    """
    require_covered(values)
    draws = values.shown
    own = [str(d) for d in draws.dims if d not in SAMPLE_DIMS]
    if own != [dim] or POPULATION not in draws.coords:
        raise MeasureError(
            f"a table of groups needs draws of one dimension {dim!r} with the coordinate {POPULATION!r}; "
            f"given the dimensions {own} and the coordinates {sorted(map(str, draws.coords))}"
        )
    table = by_level(draws, prob).rename(columns={dim: "level"})
    levels = list(table["level"])
    table["label"] = level_labels(dim, levels, labels)
    table["unknown"] = unknown_levels(dim, levels, labels)
    table["share"] = table[POPULATION] / table[POPULATION].sum()
    table["hidden"] = False
    if values.withheld:
        table = _with_withheld(table, dim, list(values.withheld), labels, draws[dim].attrs)
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


def groups_in_words(table: pd.DataFrame, unit: Unit) -> str:
    """
    Read a table of groups out.

    For example "Female: 6.1% (5.9 to 6.3); Male: 5.8% (5.6 to 6.0)".
    """
    columns = (table[name].tolist() for name in ("label", "mean", "lower", "upper"))
    return "; ".join(
        f"{label}: {estimate(mean, lower, upper, unit)}" for label, mean, lower, upper in zip(*columns, strict=True)
    )
