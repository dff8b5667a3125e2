"""A page from draws that were passed on, in place of a posterior, and what it cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Covered
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.posterior.groups import by_level
from bayesineq.replacing import write_together
from bayesineq.report.figures.forest import plot_forest
from bayesineq.report.figures.gradient import plot_gradient
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Row, Section, Table
from bayesineq.report.page.plain import plain_page
from bayesineq.report.tables.numbers import PLAIN, estimate
from bayesineq.report.tables.passed_on import NOT_IN_IT, both_of, held_in, measures_of_released, tables_of, unit_told
from bayesineq.report.words.labels import dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, sentence

_MISSING: Final = (
    "The draws of each table are in an order of their own, so that tables cannot be combined: no average over areas of "
    "a larger place, no groups within areas.",
    "The file holds no rows and no parameters: whether the fit passed its checks, and what the model found of its "
    "terms, is told by whoever has the posterior.",
)
_MOST: Final = 60
"""Groups up to which all are drawn and listed; of more, those furthest out at both ends."""


def write_released(tree: xr.DataTree, path: str | Path, *, title: str | None = None, prob: float = CI_PROB) -> Path:
    """
    Write a page from draws that were passed on.

    Parameters
    ----------
    tree : DataTree
        As of `load_released`.
    path : str or Path
        File to write.
    title : str, optional
        Its heading.
    prob : float
        Probability that the intervals hold.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example
    >>> from bayesineq.disclosure.released import released
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_released(released(example().post), Path(folder) / "page.html")
    ...     page.stat().st_size > 10_000
    True
    """
    name = str(tree.attrs["outcome"])
    single = [dims[0] for dims in tables_of(tree).values() if len(dims) == 1]
    first = [dim for dim in single if dim.startswith("imd_")]
    sections = [_section(tree, dim, name, prob) for dim in (*first, *(dim for dim in single if dim not in first))]
    unsaid = Section("What this page cannot show", tuple(map(Statement, (NOT_IN_IT, *_MISSING))), (), ())
    downloads = {f"{dim}.csv": _rows(tree, dim, prob) for dim in single}
    told = (
        f"Made from draws that were passed on, of card {tree.attrs['card_name']!r}: {tree.attrs['question']}",
        f"How they were protected: {tree.attrs['disclosure']}",
    )
    heading = title or sentence(f"inequality in {name}")
    write_together({Path(path): plain_page(heading, [*sections, unsaid], told, downloads=downloads)})
    return Path(path)


def _section(tree: xr.DataTree, dim: str, name: str, prob: float) -> Section:
    values, _ = both_of(tree, dim)
    unit, table = unit_told(values), _rows(tree, dim, prob)
    said = tuple(map(Statement, measures_of_released(tree, dim).attrs["words"][1:])) if values.sizes[dim] > 1 else ()
    adjusted = held_in(values)
    header: Row = (
        sentence(dimension_label(dim)),
        sentence(POPULATION),
        *((f"Adjusted,{adjusted} ({100 * prob:.0f}% interval)",) if adjusted else ()),
        f"{'Crude' if adjusted else 'Estimate'} ({100 * prob:.0f}% interval)",
    )
    shown = table if len(table) <= _MOST else pd.concat([table.head(_MOST // 2), table.tail(_MOST // 2)])
    rows = tuple(
        (
            str(row["group"]),
            f"{row[POPULATION]:,.0f}",
            *((estimate(row["mean"], row["lower"], row["upper"], unit),) if adjusted else ()),
            estimate(row["crude_mean"], row["crude_lower"], row["crude_upper"], unit),
        )
        for row in shown.to_dict("records")
    )
    caption = f"{sentence(name)} by {dimension_label(dim)}"
    if len(shown) < len(table):
        caption += f": the {_MOST // 2} lowest and highest of {len(table):,}; all are among the tables to download"
    return Section(
        f"By {dimension_label(dim)}", said, (Table(caption, header, rows),), _chart(values, dim, name, prob, len(table))
    )


def _chart(values: xr.DataArray, dim: str, name: str, prob: float, number: int) -> tuple[Chart, ...]:
    if not 1 < number <= _MOST:
        return ()
    held: Covered[xr.DataArray] = Covered(values, (), number, rule_of("none"), "")
    unit = unit_told(values)
    given: dict[str, Any] = {
        "prob": prob,
        "outcome": f"{name}{held_in(values)}",
        "unit": unit,
        "more_is": values.attrs.get("more_is"),
    }
    if values[dim].attrs.get("gradient") == 1 and number > 2:
        return (plot_gradient(held, dim, **given),)
    return (plot_forest(held, dim, counts=unit is not PLAIN, **given),)


def _rows(tree: xr.DataTree, dim: str, prob: float) -> pd.DataFrame:
    """A row a group: people, adjusted and crude; groups without an order by their adjusted mean."""
    values, crude = both_of(tree, dim)
    kept = ["mean", "lower", "upper"]
    table = by_level(values, prob)[[dim, *kept]].copy()
    table[[f"crude_{column}" for column in kept]] = by_level(crude, prob)[kept].to_numpy()
    table.insert(1, POPULATION, crude["population"].to_numpy())
    table.insert(0, "group", level_labels(dim, table[dim].tolist()))
    return table if values[dim].attrs.get("ordered") == 1 else table.sort_values("mean", ignore_index=True)
