"""One table for one dimension: the outcome of each group and the inequality between groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.order import GRADIENT, NO_GRADIENT, ORDERED
from bayesineq.dims import CI_PROB, DECILE, MOST_DEPRIVED, QUINTILE
from bayesineq.errors import MeasureError
from bayesineq.measures.definitions import MEASURES
from bayesineq.measures.entropy import theil
from bayesineq.measures.simple import difference, range_difference, range_ratio, ratio
from bayesineq.measures.slope import rii, sii
from bayesineq.measures.undefined import UndefinedDraws
from bayesineq.posterior.adjusted import ADJUSTED_FOR, adjusted
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import intervals
from bayesineq.posterior.lift import declared_order, in_rank_order, over_draws
from bayesineq.posterior.outcomes import one_outcome

_FEWEST: Final = 3

type Measured = Mapping[str, tuple[Callable[..., Any], float]]

_ENDS: Final[Measured] = {"difference": (difference, 0.0), "ratio": (ratio, 1.0)}
_SLOPES: Final[Measured] = {"sii": (sii, 0.0), "rii": (rii, 1.0)}
_UNORDERED: Final[Measured] = {
    "range_difference": (range_difference, 0.0),
    "range_ratio": (range_ratio, 1.0),
    "theil": (theil, 0.0),
}
_NUMBERS: Final = ["parameter", "mean", "sd", "median", "lower", "upper", "p_above"]
_CRUDE: Final = {"mean": "crude_mean", "lower": "crude_lower", "upper": "crude_upper"}
_LEAST_DEPRIVED: Final = {DECILE: 10, QUINTILE: 5}
_COMPARED: Final = {
    "difference": "{last} less {first}",
    "ratio": "{last} over {first}",
    "sii": "slope, {last} less {first}",
    "rii": "slope, {last} over {first}",
    "range_difference": "highest group less lowest group",
    "range_ratio": "highest group over lowest group",
    "theil": "all groups with their average",
}


def inequality(
    post: xr.DataTree,
    by: str,
    population: pd.DataFrame | None = None,
    prob: float = CI_PROB,
    *,
    adjust: bool = True,
    outcome: str | None = None,
    every: bool = False,
) -> pd.DataFrame:
    """
    Outcome by group, and absolute and relative inequality between groups.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str
        Dimension of the groups: declared ordered (deprivation) or not (ethnicity).
    population : DataFrame, optional
        Whom to average over; by default the population that was fitted.
    prob : float
        Probability of the intervals.
    adjust : bool
        Whether groups are compared at the same age, sex or whatever adjusts on the card, see `adjusted`; False takes
        them as they are.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.
    every : bool
        Whether all registered measures that apply to such groups follow, each with its title and sign as `compared`:
        those that need an order where there is one, those of a good where more of the outcome is better; a reference
        group is the last one of an order. Attribute `not_applied` says why others do not.

    Returns
    -------
    DataFrame
        `parameter`; `mean`, `sd`, `median`, `lower`, `upper`, and `p_above`: the probability of being above equality
        (0 for absolute, 1 for relative measures; missing for the groups' own rows), all of the adjusted values;
        `crude_mean`, `crude_lower`, `crude_upper`: the same of the groups as they are; `adjusted_for`: columns held
        equal, or "nothing", where the two are the same; and `compared`: who is compared with whom.

        First a row `BY[level]` for each group, then the measures. Declared ordered: `difference` and `ratio` (last
        level against first: least deprived against most deprived) and, unless the order is of time or age, which are
        no social ranking, `sii`, `rii` (Kunst and Mackenbach); differences are positive and ratios above 1 where the
        outcome rises with advantage. Not declared ordered, numbers or not: `range_difference` and `range_ratio`
        (highest against lowest group, found anew in every draw) and `theil`, none of which can fall below equality:
        read their size, not their sign. A measure that does not exist, such as a ratio whose line reaches zero, is a
        row without numbers. Attributes of the table: `without_slope`, why there is no slope index, where there is
        none; `not_defined`, by measure, why it has no numbers; `left_out`, by measure, in how many draws it has none.

    Raises
    ------
    PosteriorError
        If the posterior has no such dimension.
    MeasureError
        If there is one group only.

    Warns
    -----
    UndefinedDrawsWarning
        If a measure does not exist in some draws, which are left out of its row.

    Examples
    --------
    >>> from bayesineq import example
    >>> table = inequality(example().post, "imd_decile")
    >>> table.set_index("parameter").loc[["difference", "ratio", "sii", "rii"], ["mean", "lower", "upper"]].round(2)
                mean  lower  upper
    parameter
    difference -0.08  -0.09  -0.08
    ratio       0.42   0.39   0.44
    sii        -0.09  -0.10  -0.09
    rii         0.36   0.34   0.38
    """
    post = one_outcome(post, outcome)
    crude = expected(post, population, by=by)
    values = adjusted(post, by, population) if adjust else crude
    return inequality_of(values, by, prob, crude=crude, every=every)


def inequality_of(
    values: xr.DataArray,
    by: str,
    prob: float = CI_PROB,
    *,
    crude: xr.DataArray | None = None,
    every: bool = False,
) -> pd.DataFrame:
    """The table of `inequality`, of draws (chain, draw, by) at hand; `crude`, the groups as they are, stands beside."""
    table = _measured(values, by, prob, every)
    beside = table if crude is None else _measured(crude, by, prob, every)
    own = beside.set_index("parameter")[list(_CRUDE)].rename(columns=_CRUDE).reindex(table["parameter"])
    both = pd.concat([table, own.reset_index(drop=True)], axis=1)
    first, last = (_end(by, in_rank_order(values, by)[by].to_numpy()[k]) for k in (0, -1))
    both["adjusted_for"] = values.attrs.get(ADJUSTED_FOR) or "nothing"
    both["compared"] = [
        _COMPARED[name].format(first=first, last=last) if name in _COMPARED else _stated(name)
        for name in table["parameter"]
    ]
    both.attrs |= table.attrs
    return both


def _stated(name: str) -> str:
    """What a measure says of itself: its title and its sign."""
    stated = MEASURES.get(name)
    return "" if stated is None else f"{stated.title}: {stated.sign}"


def _others(values: xr.DataArray, by: str, ordered: bool, gradient: bool) -> tuple[Measured, dict[str, str]]:
    """The other registered measures that apply to such groups, and why others do not."""
    good = values.attrs.get("more_is") == "better"
    given: dict[str, Any] = {"favourable": good}
    if ordered:
        given["reference"] = in_rank_order(values, by)[by].to_numpy()[-1]
    found: dict[str, tuple[Callable[..., Any], float]] = {}
    left: dict[str, str] = {}
    for name, stated in MEASURES.items():
        if name in {**_ENDS, **_SLOPES, **_UNORDERED}:
            continue
        lacking = [key for key in stated.required if key not in given]
        if stated.ordered and not gradient:
            left[name] = "the groups have no social order"
        elif lacking:
            left[name] = f"{' and '.join(lacking)} is yours to give, in Python"
        elif stated.family == "welfare" and not good:
            left[name] = "for outcomes of which more is better"
        else:
            equality = float("nan") if stated.equality is None else stated.equality
            found[name] = (stated.function, equality)
    return found, left


def _options(values: xr.DataArray, by: str, measure: Callable[..., Any]) -> dict[str, Any]:
    """Options that a measure must be given, as far as they follow from the groups."""
    stated = MEASURES.get(getattr(measure, "__name__", ""))
    given = {"favourable": values.attrs.get("more_is") == "better"}
    last = in_rank_order(values, by)[by].to_numpy()[-1]
    return {key: value for key, value in {**given, "reference": last}.items() if stated and key in stated.required}


def _measured(values: xr.DataArray, by: str, prob: float, every: bool = False) -> pd.DataFrame:
    """Groups and measures of one set of draws."""
    attrs = declared_order(values, by)
    ordered = attrs.get(ORDERED, int(values[by].dtype.kind in "iuf")) == 1
    gradient = ordered and not without_slope(values, by)
    chosen = ({**_ENDS, **_SLOPES} if gradient else _ENDS) if ordered else _UNORDERED
    not_applied: dict[str, str] = {}
    if every:
        others, not_applied = _others(values, by, ordered, gradient)
        chosen = {**chosen, **(_UNORDERED if ordered else {}), **others}
    if values.sizes[by] < 2:
        raise MeasureError(f"there is one group of {by!r} only ({values[by].to_numpy().tolist()}): nothing to compare")
    tables = [intervals(values.rename(by), [prob]).assign(p_above=float("nan"))]
    not_defined: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, (measure, equality) in chosen.items():
        try:
            draws = over_draws(measure, values, by, options=_options(values, by, measure))
        except MeasureError as refused:
            if not every and not isinstance(refused, UndefinedDraws):
                raise
            not_defined[name] = str(refused)
            draws = values.isel({by: 0}, drop=True) * float("nan")
        if name not in not_defined and (missing := int(np.isnan(draws.to_numpy()).sum())):
            left_out[name] = f"{missing:,} of {draws.size:,} draws have no such number and are left out."
        table = intervals(draws.rename(name), [prob], above=equality)
        tables.append(table if ordered else table.assign(p_above=float("nan")))
    table = pd.concat(tables, ignore_index=True)
    percent = f"{100 * prob:g}"
    renamed = table.rename(columns={f"lower_{percent}": "lower", f"upper_{percent}": "upper"})
    kept = renamed[_NUMBERS]
    stated = {"not_defined": not_defined, "left_out": left_out, "not_applied": not_applied}
    kept.attrs |= {key: said for key, said in stated.items() if said}
    if not gradient:
        kept.attrs["without_slope"] = without_slope(values, by)
    return kept


def _end(by: str, level: object) -> str:
    """A group in words, with what its number says where it is one of deprivation."""
    named = {MOST_DEPRIVED: "most deprived", _LEAST_DEPRIVED.get(by): "least deprived"} if by in _LEAST_DEPRIVED else {}
    said = next((words for number, words in named.items() if str(number) == str(level)), None)
    return f"{by} {level}" + (f" ({said})" if said else "")


def without_slope(values: xr.DataArray, by: str) -> str:
    """Why groups have no slope index, a sentence; empty where they have one."""
    attrs = declared_order(values, by)
    if attrs.get(ORDERED, int(values[by].dtype.kind in "iuf")) != 1:
        return (
            f"No slope index over {by}: its levels were not declared to have an order. If they have one, say so: "
            "`levels = [...]` or `ordered = true` on the card, or an ordered category in the table."
        )
    if attrs.get(GRADIENT, 1) == 1 and values.sizes[by] >= _FEWEST:
        return ""
    if values.sizes[by] < _FEWEST:
        return f"No slope index over {by}: it needs three levels or more. Difference and ratio compare the two."
    reason = attrs.get(NO_GRADIENT, "its levels are no social ranking")
    return f"No slope index over {by}: {reason}. Difference and ratio compare the last level with the first."
