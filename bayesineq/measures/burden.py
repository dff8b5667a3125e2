"""Burden of disease: years lived with disability, years lost, what is attributable to risks; every draw by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import CI_PROB, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.limits import standard_errors

type Array = NDArray[np.float64]
type BurdenMeasure = Literal["deaths", "daly", "yld", "yll", "prevalence", "incidence"]

MEASURE_NAMES: Final[Mapping[BurdenMeasure, tuple[int, str]]] = {
    "deaths": (1, "Deaths"),
    "daly": (2, "DALYs (Disability-Adjusted Life Years)"),
    "yld": (3, "YLDs (Years Lived with Disability)"),
    "yll": (4, "YLLs (Years of Life Lost)"),
    "prevalence": (5, "Prevalence"),
    "incidence": (6, "Incidence"),
}
"""Number and name of each measure in result files of the Global Burden of Disease study."""

METRIC_NAMES: Final[Mapping[str, tuple[int, str]]] = {
    "Number": (1, "Number"),
    "Percent": (2, "Percent"),
    "Rate": (3, "Rate"),
}

_LAYOUT: Final = ("measure", "location", "sex", "age", "cause", "metric")


def years_lived_with_disability(cases: ArrayLike, weight: ArrayLike) -> Array:
    """
    Years lived with disability in a year: prevalent cases of each condition times its disability weight.

    Parameters
    ----------
    cases : array_like, shape (..., n_condition)
        People who have each condition, or each of its severities.
    weight : array_like, shape (n_condition,) or (..., n_condition)
        Disability weights, from 0 (full health) to 1 (as death); with draws where they are known with error.

    Returns
    -------
    ndarray, shape (..., n_condition)
        Years, by condition. Of people with several conditions see `comorbid_weights`.

    Raises
    ------
    MeasureError
        If a weight lies outside 0 to 1, or cases are negative or missing.

    References
    ----------
    Vos T et al. Lancet 2012; 380:2163 (prevalence-based years lived with disability)

    Examples
    --------
    >>> years_lived_with_disability([1000.0, 50.0], [0.049, 0.179]).round(2)
    array([49.  ,  8.95])
    """
    count, heaviness = np.asarray(cases, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    _check_weights(heaviness)
    if not (np.isfinite(count) & (count >= 0)).all():
        raise MeasureError("cases must not be negative or missing")
    if count.shape[-1:] != heaviness.shape[-1:]:
        raise MeasureError(f"cases are of {count.shape[-1:]} conditions and weights of {heaviness.shape[-1:]}")
    return np.asarray(count * heaviness)


def comorbid_weights(prevalence: ArrayLike, weight: ArrayLike) -> Array:
    r"""
    Disability weights after correction for conditions that people have at the same time, taken to be independent.

    Parameters
    ----------
    prevalence : array_like, shape (..., n_condition)
        Share of people of one age and sex who have each condition.
    weight : array_like, shape (n_condition,) or (..., n_condition)
        Disability weights, from 0 to 1.

    Returns
    -------
    ndarray, shape (..., n_condition)
        Average weight that a condition adds to those who have it: at most its own. Prevalences times these add up to
        the average weight of all people, :math:`1 - \prod_k (1 - p_k w_k)`.

    Raises
    ------
    MeasureError
        If a prevalence or a weight lies outside 0 to 1.

    Notes
    -----
    Weights combine multiplicatively within a person, :math:`1 - \prod (1 - w_k)`, and each condition is given its share
    of the combined weight, :math:`w_k / \sum w`. The study draws 20,000 people at random; here the average over all
    combinations is exact for up to 12 conditions. With more, the combined weight is exact and is shared out by
    :math:`p_k w_k`.

    References
    ----------
    Vos T et al. Lancet 2012; 380:2163, web appendix (comorbidity simulation)

    Examples
    --------
    >>> comorbid_weights([0.5, 0.5], [0.4, 0.2]).round(4)
    array([0.3733, 0.1867])
    """
    share, own = np.broadcast_arrays(np.asarray(prevalence, dtype=np.float64), np.asarray(weight, dtype=np.float64))
    _check_weights(own)
    if not ((share >= 0) & (share <= 1)).all():
        raise MeasureError("prevalences are shares of people: from 0 to 1, and none missing")
    n = share.shape[-1]
    if n > _EXACT:
        total = 1.0 - np.prod(1.0 - share * own, axis=-1, keepdims=True)
        simple = np.sum(share * own, axis=-1, keepdims=True)
        return np.asarray(own * np.divide(total, simple, out=np.ones_like(total), where=simple > 0))
    out = np.zeros(share.shape)
    for has in np.ndindex(*(2,) * n):
        with_it = np.array(has, dtype=bool)
        if not with_it.any():
            continue
        others = np.where(with_it, share, 1.0 - share)
        combined = 1.0 - np.prod(np.where(with_it, 1.0 - own, 1.0), axis=-1, keepdims=True)
        carried = np.where(with_it, own, 0.0)
        summed = carried.sum(axis=-1, keepdims=True)
        part = np.divide(carried * combined, summed, out=np.zeros_like(carried), where=summed > 0)
        for k in np.flatnonzero(with_it):
            # Of those who have condition k: the chance of the others.
            out[..., k] += part[..., k] * np.prod(np.delete(others, k, axis=-1), axis=-1)
    return out


_EXACT: Final = 12


def disability_adjusted_life_years(lost: ArrayLike, lived: ArrayLike) -> Array:
    """
    Disability-adjusted life years: years of life lost and years lived with disability, draw by draw.

    Parameters
    ----------
    lost, lived : array_like, of shapes that fit
        Years of `years_of_life_lost` and `years_lived_with_disability`.

    Returns
    -------
    ndarray
        Their sum.

    Raises
    ------
    MeasureError
        If years are negative or missing.

    References
    ----------
    Murray 1996, The Global Burden of Disease, chapter 1

    Examples
    --------
    >>> float(disability_adjusted_life_years(310.0, 57.95))
    367.95
    """
    parts = [np.asarray(part, dtype=np.float64) for part in (lost, lived)]
    if not all((np.isfinite(part) & (part >= 0)).all() for part in parts):
        raise MeasureError("years lost and years lived with disability must not be negative or missing")
    return np.asarray(parts[0] + parts[1])


def fraction_by_exposure(
    exposed: ArrayLike, relative_risk: ArrayLike, counterfactual: ArrayLike | None = None
) -> Array:
    r"""
    Share of a burden that would not be there, had people another distribution of exposure.

    Parameters
    ----------
    exposed : array_like, shape (..., n_level)
        Share of people at each level of exposure; adds up to 1.
    relative_risk : array_like, shape (n_level,) or (..., n_level)
        Risk at each level, relative to any one of them.
    counterfactual : array_like, shape (n_level,) or (..., n_level), optional
        Shares with which it is compared; by default everybody at the level of the lowest risk of each draw.

    Returns
    -------
    ndarray, shape (...)
        Population attributable fraction, at most 1; negative where the other distribution would be worse.

    Raises
    ------
    MeasureError
        If shares do not add up to 1, or a relative risk is not positive.

    Notes
    -----
    :math:`(\sum p_k r_k - \sum p'_k r_k) / \sum p_k r_k`. Fractions of several risks do not add up: see
    `joint_fraction`. It is causal only if relative risks are.

    References
    ----------
    Murray CJL, Lopez AD. Epidemiology 1999; 10:594 (comparative risk assessment)

    Examples
    --------
    >>> float(fraction_by_exposure([0.7, 0.2, 0.1], [1.0, 1.5, 3.0]).round(6))
    0.230769
    """
    share, risk = np.asarray(exposed, dtype=np.float64), np.asarray(relative_risk, dtype=np.float64)
    _check_shares(share, "exposed")
    if not (np.isfinite(risk) & (risk > 0)).all():
        raise MeasureError("relative risks must be positive and none missing")
    now = np.sum(share * risk, axis=-1)
    if counterfactual is None:
        then = np.broadcast_to(risk.min(axis=-1), now.shape)
    else:
        other = np.asarray(counterfactual, dtype=np.float64)
        _check_shares(other, "counterfactual")
        then = np.sum(other * risk, axis=-1)
    return np.asarray((now - then) / now)[()]


def joint_fraction(fractions: ArrayLike) -> Array:
    r"""
    Share of a burden that several independent risks explain together.

    Parameters
    ----------
    fractions : array_like, shape (..., n_risk)
        Population attributable fraction of each risk alone.

    Returns
    -------
    ndarray, shape (...)
        :math:`1 - \prod (1 - f_k)`: less than their sum. What one risk does through another is counted twice unless
        its fraction was taken with the other held fixed.

    Raises
    ------
    MeasureError
        If a fraction is above 1 or missing.

    References
    ----------
    Ezzati M et al. Lancet 2003; 362:271

    Examples
    --------
    >>> round(float(joint_fraction([0.3, 0.2])), 12)
    0.44
    """
    each = np.asarray(fractions, dtype=np.float64)
    if not (np.isfinite(each) & (each <= 1)).all():
        raise MeasureError("attributable fractions are at most 1, and none missing")
    return np.asarray(1.0 - np.prod(1.0 - each, axis=-1))[()]


def to_burden_layout(
    draws: xr.DataArray, *, measure: BurdenMeasure, metric: str = "Number", prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Lay draws out as result files of the Global Burden of Disease study are.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw) and any of location, sex, age, cause, year
        Numbers, shares or rates. A dimension that is not there is written as "All", a year as missing.
    measure : {"deaths", "daly", "yld", "yll", "prevalence", "incidence"}
        What they are.
    metric : {"Number", "Percent", "Rate"}
        As what: of rates per 100,000.
    prob : float
        Probability that `lower` to `upper` holds.

    Returns
    -------
    DataFrame
        Columns `measure_id, measure_name, location_name, sex_name, age_name, cause_name, metric_id, metric_name, year,
        val, upper, lower`; `val` is the mean, as the study has it.

    Raises
    ------
    MeasureError
        If dimensions, measure or metric are not of the layout.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> years = xr.DataArray(np.arange(8.0).reshape(1, 4, 2), dims=("chain", "draw", "sex"), coords={"sex": ["F", "M"]})
    >>> to_burden_layout(years, measure="yll")[["measure_name", "sex_name", "val", "upper"]].to_numpy().tolist()[1]
    ['YLLs (Years of Life Lost)', 'M', 4.0, 6.85]
    """
    known = {"location", "sex", "age", "cause", "year"}
    dims = [str(dim) for dim in draws.dims if dim not in SAMPLE_DIMS]
    if measure not in MEASURE_NAMES or metric not in METRIC_NAMES:
        raise MeasureError(f"measure is one of {list(MEASURE_NAMES)} and metric of {list(METRIC_NAMES)}")
    if set(dims) - known or len(dims) != len(draws.dims) - len(SAMPLE_DIMS):
        raise MeasureError(f"draws have the dimensions {list(draws.dims)}; give chain, draw and any of {sorted(known)}")
    ends = draws.quantile([(1 - prob) / 2, (1 + prob) / 2], dim=SAMPLE_DIMS)
    found = xr.Dataset(
        {
            "val": draws.mean(SAMPLE_DIMS),
            "upper": ends.isel(quantile=1, drop=True),
            "lower": ends.isel(quantile=0, drop=True),
        }
    )
    table = (
        found.to_dataframe().reset_index() if dims else pd.DataFrame([{k: float(found[k]) for k in found.data_vars}])
    )
    table = table.rename(columns={dim: f"{dim}_name" for dim in dims if dim != "year"})
    number, words = MEASURE_NAMES[measure]
    table = table.assign(measure_id=number, measure_name=words, metric_id=METRIC_NAMES[metric][0], metric_name=metric)
    for dim in ("location", "sex", "age", "cause"):
        if dim not in dims:
            table[f"{dim}_name"] = "All"
    if "year" not in dims:
        table["year"] = pd.NA
    columns = [
        c for name in _LAYOUT for c in ((f"{name}_id",) if name in ("measure", "metric") else ()) + (f"{name}_name",)
    ]
    return table[[*columns, "year", "val", "upper", "lower"]]


def from_burden_layout(table: pd.DataFrame, *, measure: BurdenMeasure, metric: str = "Number") -> pd.DataFrame:
    """
    Read a result file of the Global Burden of Disease study.

    Parameters
    ----------
    table : DataFrame
        Columns as of `to_burden_layout`, of names or of identifiers with names; further ones are kept.
    measure : {"deaths", "daly", "yld", "yll", "prevalence", "incidence"}
        Rows of which measure.
    metric : {"Number", "Percent", "Rate"}
        As what.

    Returns
    -------
    DataFrame
        Columns `location, sex, age, cause, year, value, lower, upper, standard_error`, those of them that the file has:
        `standard_error` is the width of the interval by that of a normal one of 95%, so that the table can be fitted
        with the likelihood `estimate_with_error`.

    Raises
    ------
    MeasureError
        If columns are missing, there is no such row, or a value lies outside its interval.

    Examples
    --------
    >>> file = pd.DataFrame({"measure_name": ["Prevalence"], "metric_name": ["Rate"], "val": [5.0]})
    >>> found = from_burden_layout(file.assign(lower=4.0, upper=6.0), measure="prevalence", metric="Rate")
    >>> found.round(2).iloc[0].tolist()
    [5.0, 4.0, 6.0, 0.51]
    """
    named = table.rename(columns={name: f"{name}_name" for name in ("measure", "metric") if name in table})
    needed = ["measure_name", "metric_name", "val", "lower", "upper"]
    if missing := [name for name in needed if name not in named]:
        raise MeasureError(f"the file lacks the columns {missing}; it has {list(table.columns)}")
    words = MEASURE_NAMES[measure][1]
    short = words.partition(" (")[0]
    rows = named[named["measure_name"].isin([words, short]) & (named["metric_name"] == metric)]
    if rows.empty:
        there = named[["measure_name", "metric_name"]].drop_duplicates().to_numpy().tolist()
        raise MeasureError(f"the file has no row of {words!r} as {metric!r}; it has {there[:10]}")
    if (wrong := ~((rows["lower"] <= rows["val"]) & (rows["val"] <= rows["upper"]))).any():
        raise MeasureError(
            f"in {int(wrong.sum())} rows `val` does not lie between `lower` and `upper`: check the columns"
        )
    parts = [name for name in ("location", "sex", "age", "cause") if f"{name}_name" in rows or name in rows]
    made = {name: rows[f"{name}_name"] if f"{name}_name" in rows else rows[name] for name in parts}
    if "year" in rows:
        made["year"] = rows["year"]
    made |= {"value": rows["val"], "lower": rows["lower"], "upper": rows["upper"]}
    error = standard_errors(rows["lower"], rows["upper"])
    return pd.DataFrame(made).assign(standard_error=error).reset_index(drop=True)


def _check_weights(weight: Array) -> None:
    if not ((weight >= 0) & (weight <= 1)).all():
        raise MeasureError(
            f"disability weights lie from 0 (full health) to 1 (as death); given {np.nanmin(weight):g} to "
            f"{np.nanmax(weight):g}"
        )


def _check_shares(share: Array, name: str) -> None:
    if not (np.isfinite(share) & (share >= 0)).all() or not np.allclose(share.sum(axis=-1), 1.0, atol=1e-6):
        raise MeasureError(f"`{name}` holds shares of people: none negative or missing, and they add up to 1")
