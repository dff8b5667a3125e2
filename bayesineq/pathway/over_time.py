"""Inequality over years: whether the gap narrowed, which end moved, and which places went their own way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AREA, CHAIN, CI_PROB, DRAW, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Scale, shares
from bayesineq.measures.association import percentiles
from bayesineq.measures.limits import on_scale
from bayesineq.measures.slope import rii, sii, slope_ends
from bayesineq.measures.undefined import UndefinedDraws
from bayesineq.pathway.together import group_in_words, number_of, own_dims, people_of, years_of
from bayesineq.posterior.certainty import percent
from bayesineq.posterior.groups import by_level, mean_interval
from bayesineq.posterior.lift import in_rank_order, over_draws

YEAR: Final = "year"
_ENDS: Final = ("most disadvantaged end", "most advantaged end")


@dataclass(frozen=True, slots=True, repr=False)
class GapOverTime:
    """
    Slope and relative index of inequality by year, and how they changed.

    Parameters
    ----------
    sii : DataArray, dims (chain, draw, time)
        Slope index: fitted value at the most advantaged end less that at the most disadvantaged; positive where the
        outcome rises with advantage.
    rii : DataArray or None, dims (chain, draw, time)
        The first of them over the second, above 1 where the outcome rises with advantage; None where a fitted end is
        not above zero, as `text` says.
    ends : DataArray, dims (chain, draw, time, end)
        Fitted values at the most disadvantaged and at the most advantaged end.
    by_year : DataFrame
        A row a measure and year: `measure`, the year, `mean`, `lower`, `upper`, and `forecast`.
    change : DataFrame
        A row a number, the last year against the first: `sii`, `rii` (as a ratio of ratios) and both ends; `mean`,
        `lower`, `upper`, and `p_narrowed` (of the two indices) or `p_better` (of the two ends).
    p_disadvantaged_moved_more : float
        Probability that the most disadvantaged end moved further than the most advantaged.
    text : str
        Whether the gap narrowed, and which end moved.
    """

    sii: xr.DataArray
    rii: xr.DataArray | None
    ends: xr.DataArray
    by_year: pd.DataFrame
    change: pd.DataFrame
    p_disadvantaged_moved_more: float
    text: str

    def __repr__(self) -> str:
        return f"GapOverTime({self.text})"


@dataclass(frozen=True, slots=True, repr=False)
class SpreadOverTime:
    """
    Percentiles of places by year, ranked by their own values.

    Parameters
    ----------
    low, high : DataArray, dims (chain, draw, time)
        The two percentiles: the value below which the given shares of people live.
    ratio, difference : DataArray, dims (chain, draw, time)
        High over low, and high less low; larger is more unequal, whichever end is better.
    table : DataFrame
        A row a measure and year: `mean`, `lower`, `upper`, and `forecast`.
    p_narrowed : dict of str to float
        Probability that `ratio` and `difference` are smaller in the last year than in the first.
    text : str
        In words.
    """

    low: xr.DataArray
    high: xr.DataArray
    ratio: xr.DataArray
    difference: xr.DataArray
    table: pd.DataFrame
    p_narrowed: dict[str, float]
    text: str

    def __repr__(self) -> str:
        return f"SpreadOverTime({self.text})"


@dataclass(frozen=True, slots=True, repr=False)
class OwnTrends:
    """
    How the trend of each place differs from the average.

    Parameters
    ----------
    trend : DataArray, dims (chain, draw, dim)
        Change a year of each place, on the scale of `scale`.
    average : DataArray, dims (chain, draw)
        The same averaged over people.
    apart : DataArray, dims (chain, draw, dim)
        Trend less average: positive where the outcome rises faster, or falls more slowly, than on average.
    table : DataFrame
        A row a place: `mean`, `lower`, `upper` of `apart`, `p_above`, the probability that it is above the average, and
        `differs`, whether that is above `sure` or below 1 - `sure`.
    text : str
        How many differ, and how many of these are expected to do so by chance.
    """

    trend: xr.DataArray
    average: xr.DataArray
    apart: xr.DataArray
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"OwnTrends({self.text})"


def gap_over_time(
    values: xr.DataArray,
    dim: str,
    *,
    time: str = YEAR,
    scale: Scale = "linear",
    last_observed: Hashable | None = None,
    prob: float = CI_PROB,
) -> GapOverTime:
    """
    Slope and relative index of inequality by year, the probability that the gap narrowed, and which end moved.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim, time)
        Values of groups by year, as `expected(post, by=[dim, time])` returns them.
    dim : str
        Dimension of the groups, ordered from disadvantage to advantage, such as deprivation.
    time : str
        Dimension of the years.
    scale : {"linear", "log", "logit"}
        Scale on which the gradient is a line, see `bayesineq.measures.sii`.
    last_observed : level of `time`, optional
        Last year with data; later ones are marked as forecasts.
    prob : float
        Probability of the intervals.

    Returns
    -------
    GapOverTime
        Indices by year, their change from the first year to the last, and both ends.

    Raises
    ------
    MeasureError
        If there are no other dimensions than these two, a year is missing, or groups have no order.

    Notes
    -----
    The gap narrowed where the absolute value of the slope index (or of the log of the relative index) is smaller in the
    last year than in the first, in the same draw. A slope is fitted in every year with that year's people, and its ends
    are what the line gives at ranks 0 and 1, not the values of the two outer groups.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> now = expected(example().post, by="imd_decile")
    >>> better = now * xr.DataArray([1.0, 0.9], coords={"year": [2023, 2024]})
    >>> found = gap_over_time(better.assign_attrs(now.attrs), "imd_decile", scale="log")
    >>> found.change.set_index("number")[["mean", "p_narrowed"]].round(3).iloc[0].tolist()
    [0.009, 1.0]
    """
    ordered, years = _of_two(values, dim, time)
    ordered = in_rank_order(ordered, dim)
    options = {"scale": scale}
    slope = over_draws(sii, ordered, dim, options=options).transpose(*SAMPLE_DIMS, time)
    ratio, without = _ratio(ordered, dim, time, options)
    fitted = over_draws(slope_ends, ordered, dim, options=options).rename({"part": "end"})
    ends = fitted.assign_coords(end=list(_ENDS)).transpose(*SAMPLE_DIMS, time, "end")
    forecast = _forecast(ordered[time].to_numpy(), years, last_observed)
    measures = {"sii": slope, **({} if ratio is None else {"rii": ratio})}
    by_year = pd.concat([_by_year(name, m, time, forecast, prob) for name, m in measures.items()], ignore_index=True)
    change, moved = _change(slope, ratio, ends, time, prob)
    text = _said(ordered, dim, time, change, moved, without, prob)
    return GapOverTime(slope, ratio, ends, by_year, change, moved, text)


def spread_over_time(
    values: xr.DataArray,
    dim: str = AREA,
    *,
    time: str = YEAR,
    at: tuple[float, float] = (0.1, 0.9),
    last_observed: Hashable | None = None,
    prob: float = CI_PROB,
) -> SpreadOverTime:
    """
    Percentiles of places by year: the tenth and the ninetieth rather than the extremes, which chance makes.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim, time)
        Values of places by year, with coordinate `population` along `dim` (and `time`).
    dim : str
        The places.
    time : str
        Dimension of the years.
    at : (float, float)
        Shares of the people.
    last_observed : level of `time`, optional
        Last year with data; later ones are marked as forecasts.
    prob : float
        Probability of the intervals.

    Returns
    -------
    SpreadOverTime
        Percentiles, their ratio and difference by year, and the probability that they narrowed.

    Raises
    ------
    MeasureError
        As for `gap_over_time`; or if the low percentile is not above zero.

    Notes
    -----
    Places are ranked by their own values anew in every draw and year. Draws of places spread as their true values do,
    while means of draws spread less and rates from counts more.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> now = expected(example().post, by="area")
    >>> years = (now * xr.DataArray([1.0, 0.9], coords={"year": [2023, 2024]})).assign_attrs(now.attrs)
    >>> spread_over_time(years).p_narrowed["difference"]
    1.0
    """
    ordered, years = _of_two(values, dim, time)
    low_at, high_at = at
    if not 0 < low_at < high_at < 1:
        raise MeasureError(f"at= takes two shares, the lower first, such as (0.1, 0.9); given {at}")
    people = people_of(ordered, None, "the values")
    rows = []
    for year in ordered[time].to_numpy():
        own = ordered.sel({time: year}).transpose(*SAMPLE_DIMS, dim).to_numpy()
        size = people.sel({time: year}) if time in people.dims else people
        rows.append(percentiles(own, size.to_numpy(), np.array(at)))
    found = np.stack(rows, axis=2)
    lead = {CHAIN: ordered[CHAIN].to_numpy(), DRAW: ordered[DRAW].to_numpy()} if CHAIN in ordered.coords else {}
    coords = {**lead, time: ordered[time].to_numpy()}
    low, high = (
        xr.DataArray(found[..., k], dims=(*SAMPLE_DIMS, time), coords=coords, name=name)
        for k, name in enumerate(("low", "high"))
    )
    if not bool((low > 0).all()):
        raise MeasureError("a ratio of percentiles needs values above zero")
    ratio, difference = (high / low).rename("ratio"), (high - low).rename("difference")
    forecast = _forecast(ordered[time].to_numpy(), years, last_observed)
    every = {"low": low, "high": high, "ratio": ratio, "difference": difference}
    table = pd.concat([_by_year(name, m, time, forecast, prob) for name, m in every.items()], ignore_index=True)
    narrowed = {
        name: float((m.isel({time: -1}) < m.isel({time: 0})).mean()) for name, m in every.items() if name in _SPREADS
    }
    first, last = (ordered[time].to_numpy()[k] for k in (0, -1))
    text = (
        f"the ratio of the {100 * high_at:g}th to the {100 * low_at:g}th percentile of {dim!r} was "
        f"{number_of(ratio.isel({time: 0}), prob)} in {first} and {number_of(ratio.isel({time: -1}), prob)} in {last}; "
        f"it narrowed with probability {percent(narrowed['ratio'], ratio.isel({time: 0}).size)}; larger is more unequal"
    )
    return SpreadOverTime(low, high, ratio, difference, table, narrowed, text)


_SPREADS: Final = ("ratio", "difference")


def own_trends(
    values: xr.DataArray,
    dim: str = AREA,
    *,
    time: str = YEAR,
    scale: Scale = "log",
    sure: float = 0.95,
    prob: float = CI_PROB,
) -> OwnTrends:
    """
    Trend of each place against the average: where things go another way.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim, time)
        Values of places by year, with coordinate `population`.
    dim : str
        The places.
    time : str
        Dimension of the years.
    scale : {"linear", "log", "logit"}
        Scale of the trend: change a year of the value, of its log (0.01 is about one per cent), or of its log odds.
    sure : float
        A place differs where the probability of lying above the average, or below it, is at least this.
    prob : float
        Probability of the intervals.

    Returns
    -------
    OwnTrends
        Trends as draws, and a table with the probability that each differs.

    Raises
    ------
    MeasureError
        As for `gap_over_time`; or if values are off the scale.

    Notes
    -----
    The trend is the slope of a straight line through the years, by least squares in every draw; the average weighs
    places by their people over all years.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> now = expected(example().post, by="area")
    >>> years = now * xr.DataArray([1.0, 1.01, 1.02], coords={"year": [2021, 2022, 2023]})
    >>> found = own_trends(years.assign_attrs(now.attrs))
    >>> round(float(found.average.mean()), 4), int(found.table["differs"].sum())
    (0.0099, 0)
    """
    ordered, years = _of_two(values, dim, time)
    if not 0.5 < sure < 1:
        raise MeasureError(f"sure is a probability between 0.5 and 1; given {sure}")
    drawn = ordered.transpose(*SAMPLE_DIMS, dim, time)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = drawn.copy(data=on_scale(drawn.to_numpy().astype(np.float64), scale))
    if not np.isfinite(drawn.to_numpy()).all():
        raise MeasureError(f'values lie off the {scale} scale; use scale="linear", or select places that have people')
    centred = years - years.mean()
    slopes = drawn.to_numpy() @ (centred / (centred**2).sum())
    people = people_of(ordered, None, "the values")
    weight = shares(people.sum([d for d in people.dims if d != dim]).to_numpy())
    like = drawn.isel({time: 0}, drop=True).reset_coords(drop=True)
    trend = like.copy(data=slopes).rename("trend").assign_attrs(scale=scale)
    average = trend.isel({dim: 0}, drop=True).copy(data=slopes @ weight).rename("average")
    apart = (trend - average).rename("apart")
    table = by_level(apart, prob)
    above = (apart > 0).mean(SAMPLE_DIMS).to_numpy()
    table["p_above"], table["differs"] = above, (above >= sure) | (above <= 1 - sure)
    count = int(table["differs"].sum())
    wrong = float(np.minimum(above, 1 - above)[table["differs"].to_numpy()].sum())
    text = (
        f"{count} of {len(table)} levels of {dim!r} have a trend that differs from the average "
        f"({number_of(average, prob)} a year on the {scale} scale) with probability {sure:.0%} or more; {wrong:.1f} of "
        "these are expected to be wrong"
    )
    return OwnTrends(trend, average, apart, table, text)


def _of_two(values: xr.DataArray, dim: str, time: str) -> tuple[xr.DataArray, NDArray[np.float64]]:
    """Values with just the two dimensions, years in order."""
    if set(own_dims(values)) != {dim, time}:
        raise MeasureError(
            f"the values have the dimensions {own_dims(values)}; {dim!r} and {time!r} were asked for, and no other: "
            "average over the rest, or select a level of it"
        )
    ordered, years = years_of(values, time)
    if bool(ordered.isnull().any()):  # noqa: PD003 - xarray's name
        bad = ordered.isnull().any(SAMPLE_DIMS)  # noqa: PD003 - xarray's name
        raise MeasureError(
            f"{int(bad.sum())} combinations of {dim!r} and {time!r} have no value, such as levels that have people in "
            "some of the years only; select years or levels that all have, or predict them with population="
        )
    return ordered, years


def _ratio(values: xr.DataArray, dim: str, time: str, options: Mapping[str, object]) -> tuple[xr.DataArray | None, str]:
    """Relative index by year, or why there is none."""
    try:
        return over_draws(rii, values, dim, options=options).transpose(*SAMPLE_DIMS, time), ""
    except UndefinedDraws as refused:
        return None, str(refused)


def _forecast(labels: NDArray[np.generic], years: NDArray[np.float64], last: Hashable | None) -> NDArray[np.bool_]:
    """Which years come after the last observed one."""
    if last is None:
        return np.zeros(len(labels), dtype=bool)
    at = [k for k, label in enumerate(labels) if str(label) == str(last)]
    if not at:
        raise MeasureError(f"last_observed={last!r} is none of the years {labels.tolist()}")
    return np.asarray(years > years[at[0]])


def _by_year(name: str, values: xr.DataArray, time: str, forecast: NDArray[np.bool_], prob: float) -> pd.DataFrame:
    table = by_level(values, prob)[[time, "mean", "lower", "upper"]]
    table.insert(0, "measure", name)
    return table.assign(forecast=forecast)


def _change(
    slope: xr.DataArray, ratio: xr.DataArray | None, ends: xr.DataArray, time: str, prob: float
) -> tuple[pd.DataFrame, float]:
    """Last year against the first: both indices, both ends, and whether the disadvantaged end moved further."""
    first, last = slope.isel({time: 0}), slope.isel({time: -1})
    rows = [_row("sii", last - first, prob, p_narrowed=float((abs(last) < abs(first)).mean()))]
    if ratio is not None:
        before, after = ratio.isel({time: 0}), ratio.isel({time: -1})
        with np.errstate(divide="ignore"):
            nearer = abs(np.log(after)) < abs(np.log(before))
        rows.append(_row("rii", after / before, prob, p_narrowed=float(nearer.mean())))
    moved = ends.isel({time: -1}, drop=True) - ends.isel({time: 0}, drop=True)
    worse = str(slope.attrs.get("more_is", ""))
    for end in _ENDS:
        own = moved.sel(end=end)
        better = {"worse": own < 0, "better": own > 0}.get(worse)
        rows.append(_row(end, own, prob, p_better=float("nan") if better is None else float(better.mean())))
    further = abs(moved.sel(end=_ENDS[0])) > abs(moved.sel(end=_ENDS[1]))
    return pd.DataFrame(rows), float(further.mean())


def _row(name: str, draws: xr.DataArray, prob: float, **chance: float) -> dict[str, object]:
    mean, lower, upper = mean_interval(draws.to_numpy(), prob)
    return {"number": name, "mean": mean, "lower": lower, "upper": upper, **chance}


def _said(
    values: xr.DataArray,
    dim: str,
    time: str,
    change: pd.DataFrame,
    moved: float,
    without: str,
    prob: float,
) -> str:
    labels, groups = values[time].to_numpy(), values[dim].to_numpy()
    n = values.sizes[CHAIN] * values.sizes[DRAW]
    named = change.set_index("number")
    narrowed = {str(name): float(p) for name, p in named["p_narrowed"].dropna().items()}
    parts = [
        f"from {labels[0]} to {labels[-1]} the absolute gap (slope index, {group_in_words(dim, groups[-1])} less "
        f"{group_in_words(dim, groups[0])}) narrowed with probability {percent(narrowed['sii'], n)}"
    ]
    if "rii" in narrowed:
        parts.append(f"the relative gap with {percent(narrowed['rii'], n)}")
    for end in _ENDS:
        row = named.loc[end]
        parts.append(f"the {end} changed by {row['mean']:.3g} ({row['lower']:.3g} to {row['upper']:.3g})")
    parts.append(f"the {_ENDS[0]} moved further with probability {percent(moved, n)}")
    polarity = values.attrs.get("more_is")
    parts += [f"more is {polarity}"] if polarity else []
    return "; ".join(parts) + (f". No relative index: {without}" if without else "")
