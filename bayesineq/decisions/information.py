"""What knowing more would be worth: perfect, partial and sample information, and deciding by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.groups import sum_by
from bayesineq.dims import INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import pooled

Array = NDArray[np.float64]


def evpi(worth: xr.DataArray) -> float:
    """
    Expected value of perfect information on a choice between options.

    Parameters
    ----------
    worth : DataArray, dims (chain, draw, intervention)
        Net benefit of each option, the comparator included.

    Returns
    -------
    float
        Mean over draws of the highest net benefit, less the highest mean; in the unit of the net benefit.

    Examples
    --------
    >>> options = {"intervention": ["nothing", "calls"]}
    >>> worth = xr.DataArray([[[0.0, -100.0], [0.0, 300.0]]], dims=("chain", "draw", "intervention"), coords=options)
    >>> evpi(worth)
    50.0
    """
    values = _flat(worth)
    return float(values.max(axis=1).mean() - values.mean(axis=0).max())


def evppi(worth: xr.DataArray, parameters: Mapping[str, xr.DataArray], *, knots: int = 4) -> pd.DataFrame:
    """
    Expected value of knowing each parameter, or each set of parameters, exactly.

    Parameters
    ----------
    worth : DataArray, dims (chain, draw, intervention)
        Net benefit of each option.
    parameters : mapping from name to DataArray, dims (chain, draw) or (chain, draw, component)
        Draws of what might be learnt: an effect, uptake, a cost. Several components are learnt together, and enter
        additively.
    knots : int
        Inner knots of the cubic spline in each component.

    Returns
    -------
    DataFrame
        `parameter, evppi, share` (of the value of perfect information), highest first.

    Raises
    ------
    DecisionError
        If draws do not match.

    Notes
    -----
    Net benefit is regressed on a spline of the parameter; the value is the mean of the highest fitted net benefit
    less the highest mean. It is held to the value of perfect information, which bounds it (a regression on few draws
    can pass the bound by chance).

    References
    ----------
    Strong M, Oakley JE, Brennan A (2014). Estimating multiparameter partial expected value of perfect information
    from a probabilistic sensitivity analysis sample. Medical Decision Making 34: 311-326.
    doi:10.1177/0272989X13505910

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> effect = xr.DataArray(rng.normal(0.1, 0.1, (1, 500)), dims=("chain", "draw"))
    >>> cost = xr.DataArray(rng.normal(1000, 50, (1, 500)), dims=("chain", "draw"))
    >>> worth = xr.concat([0 * effect, 10_000 * effect - cost], pd.Index(["nothing", "calls"], name="intervention"))
    >>> evppi(worth, {"effect": effect, "cost": cost}).round(2)
      parameter   evppi  share
    0    effect  340.71   1.00
    1      cost   24.31   0.07
    """
    bound = evpi(worth)
    rows = []
    for name, draws in parameters.items():
        fitted = conditional_mean(_flat(worth), _components(draws, worth, name), knots=knots)
        value = min(max(float(fitted.max(axis=1).mean() - fitted.mean(axis=0).max()), 0.0), bound)
        rows.append({"parameter": name, "evppi": value, "share": value / bound if bound > 0 else 0.0})
    table = pd.DataFrame(rows, columns=["parameter", "evppi", "share"])
    return table.sort_values("evppi", ascending=False, ignore_index=True)


def evsi(
    worth: xr.DataArray,
    parameter: xr.DataArray,
    *,
    prior_size: float,
    sample_sizes: Sequence[int],
    knots: int = 4,
) -> pd.DataFrame:
    """
    Expected value of a study of a given size on one parameter, by the Gaussian approximation.

    Parameters
    ----------
    worth : DataArray, dims (chain, draw, intervention)
        Net benefit of each option.
    parameter : DataArray, dims (chain, draw) or (chain, draw, component)
        Draws of what the study would measure.
    prior_size : float
        Size of a study that holds as much information on the parameter as is known today: variance of one
        observation over the variance of the parameter.
    sample_sizes : sequence of int
        Sizes of the new study.
    knots : int
        Inner knots of the cubic spline.

    Returns
    -------
    DataFrame
        `sample_size, evsi`, in the unit of the net benefit.

    Raises
    ------
    DecisionError
        If sizes are not positive.

    Notes
    -----
    The conditional mean of net benefit given the parameter is shrunk towards its mean by sqrt(n / (n + n0)), which is
    how far n new observations move what n0 observations' worth of knowledge says. So 0 <= EVSI <= EVPPI <= EVPI.

    References
    ----------
    Jalal H, Alarid-Escudero F (2018). A Gaussian approximation approach for value of information analysis. Medical
    Decision Making 38: 174-188. doi:10.1177/0272989X17715627

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> effect = xr.DataArray(rng.normal(0.1, 0.1, (1, 500)), dims=("chain", "draw"))
    >>> worth = xr.concat([0 * effect, 10_000 * effect - 1000], pd.Index(["nothing", "calls"], name="intervention"))
    >>> evsi(worth, effect, prior_size=100, sample_sizes=[10, 100, 1000]).round(0)
       sample_size   evsi
    0           10   90.0
    1          100  234.0
    2         1000  322.0
    """
    if prior_size <= 0 or any(size < 0 for size in sample_sizes):
        raise DecisionError(f"Sizes must be positive: prior_size {prior_size}, sample_sizes {list(sample_sizes)}.")
    fitted = conditional_mean(_flat(worth), _components(parameter, worth, "parameter"), knots=knots)
    centre, bound = fitted.mean(axis=0), evpi(worth)
    rows = []
    for size in sample_sizes:
        moved = centre + np.sqrt(size / (size + prior_size)) * (fitted - centre)
        gain = float(moved.max(axis=1).mean() - centre.max())
        rows.append({"sample_size": int(size), "evsi": min(max(gain, 0.0), bound)})
    return pd.DataFrame(rows, columns=["sample_size", "evsi"])


def value_of_stratification(worth: xr.DataArray, by: str, *, population: xr.DataArray | None = None) -> pd.DataFrame:
    """
    What deciding separately in each stratum is worth over one decision for all.

    Parameters
    ----------
    worth : DataArray, dims (chain, draw, unit..., intervention)
        Net benefit per eligible person, the comparator included.
    by : str
        Stratum: a unit dimension or a coordinate along one.
    population : DataArray, dims (unit...), optional
        Eligible people; else the coordinate `population`, else one a unit.

    Returns
    -------
    DataFrame
        One row a stratum: `by`, `best`, `net_benefit`, `net_benefit_same_for_all`, `gain`; the gains add up to the
        value of stratification.

    References
    ----------
    Espinoza MA, Manca A, Claxton K, Sculpher MJ (2014). The value of heterogeneity for cost-effectiveness subgroup
    analysis. Medical Decision Making 34: 951-964. doi:10.1177/0272989X14538705

    Examples
    --------
    >>> worth = xr.DataArray(
    ...     [[[[0.0, 300.0], [0.0, -100.0]]] * 2],
    ...     dims=("chain", "draw", "imd_quintile", "intervention"),
    ...     coords={"imd_quintile": [1, 5], "intervention": ["nothing", "calls"]},
    ... )
    >>> value_of_stratification(worth, "imd_quintile")
       imd_quintile     best  net_benefit  net_benefit_same_for_all   gain
    0             1    calls        300.0                     300.0    0.0
    1             5  nothing          0.0                    -100.0  100.0
    """
    mean = sum_by(worth.mean(SAMPLE_DIMS), by, population=population)
    values = np.asarray(mean.transpose(by, INTERVENTION).values)
    same = int(values.sum(axis=0).argmax())
    best = values.argmax(axis=1)
    return pd.DataFrame(
        {
            by: mean[by].values,
            "best": mean[INTERVENTION].values[best],
            "net_benefit": values.max(axis=1),
            "net_benefit_same_for_all": values[:, same],
            "gain": values.max(axis=1) - values[:, same],
        }
    )


def population_value(per_decision: float, *, people_a_year: float, years: int, discount: float = 0.035) -> float:
    """
    Value of information for all the people whose care a decision settles.

    Parameters
    ----------
    per_decision : float
        Value per person decided for, pounds.
    people_a_year : float
        People for whom the decision is taken in a year.
    years : int
        Years for which the decision stands.
    discount : float
        Discount rate a year; NICE and the Treasury use 3.5%.

    Returns
    -------
    float
        Discounted sum, pounds; the first year is not discounted.

    Examples
    --------
    >>> round(population_value(100.0, people_a_year=1000, years=2))
    196618
    """
    return float(per_decision * people_a_year * (1.0 / (1.0 + discount) ** np.arange(years)).sum())


def conditional_mean(worth: Array, components: Array, *, knots: int) -> Array:
    """
    Regress net benefit on a cubic spline of parameters.

    Shapes: worth (draw, option); components (draw, component); returns (draw, option).
    """
    columns = [np.ones(len(worth))]
    for component in components.T:
        spread = component.std()
        if spread <= 1e-12 * max(1.0, abs(float(component.mean()))):
            continue
        z = (component - component.mean()) / spread
        at = np.quantile(z, np.linspace(0, 1, knots + 2)[1:-1])
        columns += [z, z**2, z**3, *[np.maximum(z - knot, 0) ** 3 for knot in at]]
    basis, _ = np.linalg.qr(np.column_stack(columns))
    return np.asarray(basis @ (basis.T @ worth))


def _components(draws: xr.DataArray, worth: xr.DataArray, name: str) -> Array:
    for dim in SAMPLE_DIMS:
        if draws.sizes.get(dim) != worth.sizes[dim]:
            raise DecisionError(
                f"Parameter {name!r} has {draws.sizes.get(dim, 0)} along {dim}, net benefit {worth.sizes[dim]}: "
                "the draws must be those that made the net benefit."
            )
    return np.asarray(draws.transpose(*SAMPLE_DIMS, ...).values, np.float64).reshape(_flat(worth).shape[0], -1)


def _flat(worth: xr.DataArray) -> Array:
    return np.asarray(pooled(worth, INTERVENTION))
