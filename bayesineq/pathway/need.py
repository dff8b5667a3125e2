"""People who should have been reached and were not, and people who have a condition that nobody has recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from bayesineq.dims import CHAIN, CI_PROB, DRAW, POPULATION
from bayesineq.errors import MeasureError
from bayesineq.measures.limits import standard_errors
from bayesineq.pathway.together import number_of, own_dims, people_of, refuse_unless_proportion, together
from bayesineq.posterior.certainty import percent
from bayesineq.posterior.groups import by_level, share_of_draws, summarise

type Errors = Literal["shared", "apart"]

_SHOWN: Final = 5
_ESTIMATE: Final = ("estimate", "lower", "upper", "standard_error")


@dataclass(frozen=True, slots=True, repr=False)
class UnmetNeed:
    """
    People with a condition who were not reached.

    Parameters
    ----------
    people : DataArray, dims (chain, draw, *by)
        Number of people with the condition who were not reached; more is worse.
    share : DataArray, dims (chain, draw, *by)
        The same as a share of people with the condition, 0 to 1; more is worse.
    table : DataFrame
        A row a group: its codes, `population`, `mean`, `sd`, `median`, `lower`, `upper` of the people, and
        `share_mean`, `share_lower`, `share_upper`.
    text : str
        Who is counted, and how many in all.
    """

    people: xr.DataArray
    share: xr.DataArray
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"UnmetNeed({self.text})"


@dataclass(frozen=True, slots=True, repr=False)
class Undiagnosed:
    """
    People who have a condition by an outside estimate, and no diagnosis.

    Parameters
    ----------
    people : DataArray, dims (chain, draw, *by)
        People expected to have the condition less those diagnosed; more is worse. Below zero in draws in which more are
        diagnosed than are expected to have it: they are kept, since cutting them off would move the mean up.
    gap : DataArray, dims (chain, draw, *by)
        Expected less diagnosed prevalence.
    diagnosed_share : DataArray, dims (chain, draw, *by)
        Diagnosed prevalence over expected prevalence; more is better.
    table : DataFrame
        A row a group: its codes, `population`, summaries of the people, `gap_*`, `diagnosed_share_*`, and `p_more`:
        the probability that more people have the condition than are diagnosed.
    text : str
        Who is counted, by which estimate, and how many in all.
    """

    people: xr.DataArray
    gap: xr.DataArray
    diagnosed_share: xr.DataArray
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"Undiagnosed({self.text})"


def unmet_need(
    prevalence: xr.DataArray,
    reached: xr.DataArray,
    *,
    by: str | Sequence[str] | None = None,
    population: xr.DataArray | None = None,
    prob: float = CI_PROB,
) -> UnmetNeed:
    """
    Count people with a condition who were not reached, by area or group, in every draw.

    Parameters
    ----------
    prevalence : DataArray, dims (chain, draw, *groups)
        Share of people who have the condition, as `expected` returns it.
    reached : DataArray, dims (chain, draw, *some of the groups)
        Share of people with the condition who were reached: treated, checked, referred. Where it lacks a dimension of
        the prevalence, it is the same in all levels of it.
    by : str or sequence of str, optional
        Groups wanted; people are added up over the other dimensions. By default all dimensions of the prevalence.
    population : DataArray, optional
        People of each group; by default the coordinate `population` of the prevalence.
    prob : float
        Probability of the intervals.

    Returns
    -------
    UnmetNeed
        People and shares as draws and as a table.

    Raises
    ------
    MeasureError
        If one of the two is no share of people, levels differ, or nothing says how many people there are.
    PosteriorError
        If the two have different numbers of draws.

    Notes
    -----
    sum over cells of N p (1 - r), in every draw. The finer the cells, the less it matters that those with the condition
    are of other ages than the rest: give both outcomes by the dimensions that matter and add up with `by`. Draws of two
    fits are paired at random, which is right for fits of their own, and draws of one fit as they stand.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> prevalence = expected(example().post, by="imd_decile")
    >>> reached = xr.full_like(prevalence, 0.8).assign_attrs(more_is="better")
    >>> need = unmet_need(prevalence, reached)
    >>> need.table[["imd_decile", "mean", "lower", "upper"]].round(0).iloc[[0, 9]].to_numpy().tolist()
    [[1.0, 673.0, 653.0, 692.0], [10.0, 280.0, 267.0, 293.0]]
    """
    both = together({"prevalence": prevalence, "reached": reached})
    for name, values in both.items():
        refuse_unless_proportion(values, name)
    if foreign := [dim for dim in own_dims(reached) if dim not in prevalence.dims]:
        raise MeasureError(f"reached has the dimensions {foreign}, which the prevalence lacks; give both by the same")
    people = people_of(both["prevalence"], population, "the prevalence")
    cases = _counted(both["prevalence"], people, "prevalence")
    missed = _counted(both["reached"], cases, "reached", complement=True)
    names = _wanted(by, own_dims(prevalence))
    away = [dim for dim in own_dims(prevalence) if dim not in names]
    missed, cases = missed.sum(away), cases.sum(away)
    share = (missed / cases).rename("share")
    counted = _with_people(missed.rename("people"), people, away)
    table = by_level(counted, prob).join(_prefixed(share, "share_", prob))
    total = number_of(missed.sum(names), prob)
    text = (
        f"{total} people have the condition and were not reached ({prob:.0%} interval), "
        f"{number_of(missed.sum(names) / cases.sum(names), prob)} of those who have it; more is worse"
    )
    return UnmetNeed(counted, share, table, text)


def undiagnosed(
    diagnosed: xr.DataArray,
    estimate: pd.DataFrame,
    *,
    source: str,
    by: str | Sequence[str] | None = None,
    errors: Errors | None = None,
    population: xr.DataArray | None = None,
    prob: float = CI_PROB,
    seed: int = 0,
) -> Undiagnosed:
    """
    Count people who have a condition by an outside estimate and have no diagnosis, both uncertain.

    Parameters
    ----------
    diagnosed : DataArray, dims (chain, draw, *groups)
        Diagnosed prevalence, as `expected` returns it.
    estimate : DataFrame
        True prevalence, such as a survey's: `estimate` with `lower` and `upper` of its 95% interval, or with
        `standard_error`; one row for everyone, or a row for every combination of levels of some of the groups'
        dimensions, such as age and sex, named by its columns.
    source : str
        Where the estimate comes from, for text and report.
    by : str or sequence of str, optional
        Groups wanted; people are added up over the other dimensions. By default all.
    errors : {"shared", "apart"}, optional
        Whether the rows of the estimate err together (one model, one calibration) or each by itself (a sample of each
        group). It must be said where there is more than one row: sums over them are as uncertain as it says.
    population : DataArray, optional
        People of each group; by default the coordinate `population` of the values.
    prob : float
        Probability of the intervals given back.
    seed : int
        Seed of the draws of the estimate.

    Returns
    -------
    Undiagnosed
        People, gap and share diagnosed, as draws and as a table.

    Raises
    ------
    MeasureError
        If the estimate lacks a level, holds one twice, or its limits do not lie about it.

    Notes
    -----
    The estimate is the median of a normal on the logit scale, with the standard error that its limits stand for there;
    one draw of it is taken for each draw of the posterior: sum over cells of N (p_true - p_diagnosed).

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> survey = pd.DataFrame({"estimate": [0.12], "lower": [0.11], "upper": [0.13]})
    >>> found = undiagnosed(expected(example().post, by="area"), survey, source="a survey", by=[])
    >>> found.table[["mean", "p_more"]].round(-2).to_numpy().tolist()
    [[5700.0, 0.0]]
    >>> round(float(found.diagnosed_share.mean()), 2)
    0.8
    """
    refuse_unless_proportion(diagnosed, "diagnosed prevalence")
    people = people_of(diagnosed, population, "the diagnosed prevalence")
    true = _drawn(estimate, diagnosed, errors, seed)
    recorded = _counted(diagnosed, people, "diagnosed prevalence")
    names = _wanted(by, own_dims(diagnosed))
    away = [dim for dim in own_dims(diagnosed) if dim not in names]
    recorded, due, size = recorded.sum(away), (true * people).sum(away), people.sum(away)
    missing = _with_people((due - recorded).transpose(*recorded.dims).rename("people"), people, away)
    gap = (missing / size.where(size > 0)).reset_coords(drop=True).rename("gap")
    share = (recorded / due).rename("diagnosed_share")
    table = by_level(missing, prob).join(_prefixed(gap, "gap_", prob)).join(_prefixed(share, "diagnosed_share_", prob))
    table["p_more"] = share_of_draws(missing > 0, missing).to_numpy().ravel()
    whole = missing.sum(names)
    sure = percent(float((whole > 0).mean()), whole.size)
    text = (
        f"{number_of(whole, prob)} people have the condition by {source} and no diagnosis ({prob:.0%} interval; "
        f"{sure} that it is more than none); more is worse"
    )
    return Undiagnosed(missing, gap, share, table, text)


def _counted(values: xr.DataArray, people: xr.DataArray, name: str, *, complement: bool = False) -> xr.DataArray:
    """People times values, or times their complement; none where nobody is."""
    bare = values.reset_coords(drop=True)
    bare = 1 - bare if complement else bare
    some = people > 0
    absent = bare.isnull() & some  # noqa: PD003 - xarray's name
    if bool(absent.any()):
        raise MeasureError(
            f"{name} is missing in {int(absent.any([d for d in absent.dims if d in (CHAIN, DRAW)]).sum())} groups that "
            "have people; predict it for them with population=, or select groups that have it"
        )
    counted = bare.fillna(0.0) * people
    return counted.transpose(CHAIN, DRAW, ...)


def _wanted(by: str | Sequence[str] | None, dims: list[str]) -> list[str]:
    names = dims if by is None else [by] if isinstance(by, str) else list(by)
    if foreign := [name for name in names if name not in dims]:
        raise MeasureError(f"by={foreign} are not dimensions of the values; they have {dims}")
    return names


def _with_people(values: xr.DataArray, people: xr.DataArray, away: list[str]) -> xr.DataArray:
    size = people.sum([dim for dim in away if dim in people.dims])
    return values.assign_coords({POPULATION: size}) if set(size.dims) <= set(values.dims) else values


def _prefixed(values: xr.DataArray, prefix: str, prob: float) -> pd.DataFrame:
    return summarise(values, prob)[["mean", "lower", "upper"]].add_prefix(prefix)


def _drawn(table: pd.DataFrame, values: xr.DataArray, errors: Errors | None, seed: int) -> xr.DataArray:
    """Draws of the estimate along the dimensions that its columns name, as many as the values have."""
    dims = [str(column) for column in table.columns if column not in _ESTIMATE]
    if foreign := [dim for dim in dims if dim not in own_dims(values)]:
        raise MeasureError(
            f"the estimate has the columns {foreign}, which are no dimensions of the values ({own_dims(values)}); give "
            f"the columns {', '.join(_ESTIMATE[:3])} (or standard_error) and the dimensions that it is given by"
        )
    if len(table) > 1 and errors not in ("shared", "apart"):
        raise MeasureError(
            f'the estimate has {len(table)} rows: say whether they err together (errors="shared") or each by itself '
            '(errors="apart"); the interval of a sum over them depends on it'
        )
    rows = _rows(table, values, dims)
    centre, spread = _on_logit(rows)
    rng = np.random.default_rng([seed, 5])
    n = (values.sizes[CHAIN], values.sizes[DRAW])
    noise = rng.standard_normal((*n, len(rows))) if errors == "apart" else rng.standard_normal((*n, 1))
    shape = [values.sizes[dim] for dim in dims]
    drawn = expit(centre + spread * noise).reshape(*n, *shape)
    coords = {dim: values[dim].to_numpy() for dim in (CHAIN, DRAW, *dims) if dim in values.coords}
    return xr.DataArray(drawn, dims=(CHAIN, DRAW, *dims), coords=coords)


def _rows(table: pd.DataFrame, values: xr.DataArray, dims: list[str]) -> pd.DataFrame:
    """One row for every combination of levels, in the order of the values."""
    if not dims:
        if len(table) != 1:
            raise MeasureError(f"an estimate without groups has one row; given {len(table)}")
        return table
    if (twice := table.duplicated(dims)).any():
        raise MeasureError(f"the estimate has rows twice: {table.loc[twice, dims].head(_SHOWN).to_dict('records')}")
    want = pd.MultiIndex.from_product([values[dim].to_numpy() for dim in dims], names=dims)
    given = table.set_index(dims)
    given.index = pd.MultiIndex.from_frame(table[dims])
    if len(lacking := want.difference(given.index)):
        raise MeasureError(f"the estimate lacks {len(lacking)} rows: {list(lacking[:_SHOWN])}")
    return given.loc[want].reset_index()


def _on_logit(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Centre and standard error of each row on the logit scale."""
    if lacking := [column for column in ("estimate",) if column not in rows]:
        raise MeasureError(f"the estimate lacks the columns {lacking}; it has {list(rows.columns)}")
    value = rows["estimate"].to_numpy(dtype=np.float64)
    if not ((value > 0) & (value < 1)).all():
        raise MeasureError("an estimate of prevalence lies between 0 and 1; divide percentages by 100")
    if {"lower", "upper"} <= set(rows.columns):
        low, high = rows["lower"].to_numpy(dtype=np.float64), rows["upper"].to_numpy(dtype=np.float64)
        if not ((low > 0) & (low <= value) & (value <= high) & (high < 1)).all():
            raise MeasureError("the limits of the estimate must lie about it, between 0 and 1")
        return logit(value), np.asarray(standard_errors(low, high, scale="logit"))
    if "standard_error" not in rows:
        raise MeasureError("the estimate needs lower and upper, or standard_error: without them it is not uncertain")
    error = rows["standard_error"].to_numpy(dtype=np.float64)
    if not (np.isfinite(error) & (error >= 0)).all():
        raise MeasureError("a standard error must not be negative or missing")
    return logit(value), error / (value * (1 - value))
