"""Measures of inequality from draws that were passed on, in place of a posterior."""

from __future__ import annotations

from typing import Final

import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, SAMPLE_DIMS
from bayesineq.disclosure.read_released import ADJUSTED, ESTIMATE
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.posterior.adjusted import ADJUSTED_FOR
from bayesineq.posterior.inequality import inequality_of
from bayesineq.posterior.lift import in_rank_order
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.labels import dimension_label, ends_in_words, level_labels
from bayesineq.report.words.sentences import listed

_UNITS: Final = {"proportion": PERCENT}

NOT_IN_IT: Final = (
    "Groups that were withheld are not in the file, nor how many they were: every measure is over the groups that are."
)


def tables_of(tree: xr.DataTree) -> dict[str, tuple[str, ...]]:
    """Tables of a released file by name, with the dimensions of their groups."""
    return {
        name: tuple(str(dim) for dim in table.to_dataset()[ESTIMATE].dims if dim not in SAMPLE_DIMS)
        for name, table in tree.children.items()
    }


def both_of(tree: xr.DataTree, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Draws of a table, adjusted where something was held equal, and as the groups are."""
    table = tree[name].to_dataset()
    return table.get(ADJUSTED, table[ESTIMATE]), table[ESTIMATE]


def held_in(values: xr.DataArray) -> str:
    """What was held equal, to follow the name of the outcome; empty for nothing."""
    columns = [name for name in str(values.attrs.get(ADJUSTED_FOR, "")).split(", ") if name]
    names = [dimension_label(name).removesuffix(" group") for name in columns]
    return f" at the same {listed(names)}" if names else ""


def unit_told(values: xr.DataArray) -> Unit:
    """Unit that a released table tells: percent of a proportion, the numbers themselves otherwise."""
    return _UNITS.get(str(values.attrs.get("scale")), PLAIN)


def measures_of_released(tree: xr.DataTree, by: str, *, every: bool = False) -> pd.DataFrame:
    """
    Outcome by group and inequality between groups, from draws that were passed on.

    Parameters
    ----------
    tree : DataTree
        As of `load_released`.
    by : str
        Dimension of the groups.
    every : bool
        Whether all measures that apply follow, as of `inequality`.

    Returns
    -------
    DataFrame
        As of `released_measures`, over the groups that are in the file; attribute `words`: what it says.

    Raises
    ------
    PosteriorError
        The file has no table by such groups.
    DisclosureError
        It has fewer than two of them.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.disclosure.released import released
    >>> table = measures_of_released(released(example().post), "imd_decile")
    >>> table.set_index("parameter").loc[["difference", "sii"], "mean"].round(2).tolist()
    [-0.08, -0.09]
    """
    single = [dims[0] for dims in tables_of(tree).values() if len(dims) == 1]
    if by not in single:
        raise PosteriorError(f"by={by!r}: what was released has tables by {', '.join(single) or 'nothing'}")
    values, crude = both_of(tree, by)
    if values.sizes[by] < 2:
        raise DisclosureError(f"{values.sizes[by]} groups of {by!r} were released: nothing can be compared")
    table = inequality_of(values, by, crude=crude, every=every)
    table.attrs["words"] = (NOT_IN_IT, *words_of(tree, table, by))
    return table


def words_of(tree: xr.DataTree, table: pd.DataFrame, by: str) -> list[str]:
    """Who is compared with whom, in sentences; none for groups without an order."""
    if "difference" not in set(table["parameter"]):
        return []
    values, _ = both_of(tree, by)
    levels = in_rank_order(values, by)[by].to_numpy()
    first, last = ends_in_words(by, level_labels(by, [levels[0], *levels[1:]]))
    said = ends_compared(
        table,
        first=first,
        last=last,
        outcome=f"{tree.attrs['outcome']}{held_in(values)}",
        unit=unit_told(values),
        more_is=values.attrs.get("more_is", "worse"),
        level=f"{100 * CI_PROB:.0f}%",
        n_draw=values.sizes["chain"] * values.sizes["draw"],
    )
    return [statement.text for statement in said]
