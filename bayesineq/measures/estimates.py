"""From published groups to draws: for those who have a table of estimates and no model."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesineq.dims import CHAIN, CI_PROB, DRAW, POPULATION
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, Scale, inverse_link, relative_rank, shares
from bayesineq.measures.limits import on_scale, standard_errors

type Method = Literal["shrinkage", "independent"]

_SHOWN = 5
# The share of its own distance from the line that a typical group gives up is uniform on (0, 1) a priori (Daniels
# 1999): a proper prior without a constant to choose. Its logit is the coordinate of the grid.
_GRID = np.linspace(-16.0, 16.0, 801)


class NoiseCountedTwiceWarning(UserWarning):
    """Draws hold the noise of the estimates a second time, so measures of dispersion are too large."""


def from_estimates(
    table: pd.DataFrame,
    by: str,
    *,
    order: str | None = None,
    scale: Scale = "linear",
    prob: float = CI_PROB,
    method: Method = "shrinkage",
    draws: int = 4000,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Draws of the values behind published groups, ready for `over_draws`: the short way, without a card.

    Groups that are more than a list, such as areas with neighbours or deprivation by sex, belong in a model: a card
    with `likelihood = "estimate_with_error"` and the column of its `standard_error`, and `fit`. Counts with their
    population belong there too. Limits become standard errors with `standard_errors`.

    Parameters
    ----------
    table : DataFrame
        One row a group: its code in the column `by`, `estimate`, and either `standard_error` (in the unit of the
        estimate; zero for a value known exactly) or the limits `lower` and `upper`. A column `population` is carried
        as the weight of each group.
    by : str
        Column of codes, which becomes the dimension of groups.
    order : str, optional
        Column that ranks the groups, lowest for the most disadvantaged. With it groups are shrunk towards a gradient,
        not towards one mean: name it whenever the groups have an order, or slopes come out too flat.
    scale : {"linear", "log", "logit"}
        Scale on which estimates are normal.
    prob : float
        Probability held by the limits.
    method : {"shrinkage", "independent"}
        "shrinkage" draws from a hierarchical model of the groups. "independent" draws each group by itself from its
        estimate: the noise that already moved the estimates is added again, so every measure of dispersion is biased
        upwards; it warns, and states the size of the bias.
    draws : int
        Number of draws.
    seed : int, optional
        Seed of the random numbers.

    Returns
    -------
    DataArray, dims (chain, draw, by)
        Values, with the coordinate `population` along `by` where given. Attributes: `method`, `noise_variance` (the
        sum of p(1 - p) se^2, which the variance between the estimates holds of noise alone),
        `bias_between_group_variance` (what the draws add to the true variance between groups: about twice the noise
        for independent draws, zero for shrinkage) and how it was drawn.

    Raises
    ------
    MeasureError
        If columns are missing, values are impossible, or groups are too few or given twice.

    Warns
    -----
    NoiseCountedTwiceWarning
        If drawn independently.

    Notes
    -----
    estimate_j ~ N(theta_j, se_j^2), theta_j ~ N(x_j beta, tau^2), flat beta, and a uniform prior on
    s0^2 / (s0^2 + tau^2) with s0^2 the harmonic mean of se^2.

    References
    ----------
    Daniels 1999, Can J Stat 27:567; Gelman et al. 2013, Bayesian Data Analysis, section 5.4

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["a", "b", "c", "d"], "estimate": [70, 72, 71, 75], "standard_error": 2.0})
    >>> values = from_estimates(table, "group", seed=1)
    >>> values.dims, values.attrs["method"], bool(values.mean("draw").max() < 75)
    (('chain', 'draw', 'group'), 'shrinkage', True)
    """
    if method not in ("shrinkage", "independent") or draws < 1:
        raise MeasureError(
            f'method must be "shrinkage" or "independent", and draws at least 1; given {method}, {draws}'
        )
    codes = _codes(table, by)
    sizes = _column(table, by, "population", least=0.0) if POPULATION in table else None
    weight = shares(np.ones(len(codes)) if sizes is None else sizes)
    design = _design(weight, None if order is None else _column(table, by, order), method)
    value, error = _estimates(table, by, scale, prob)
    centre, spread = on_scale(value, scale), error / _slope(value, scale)
    generator = np.random.default_rng(seed)
    if method == "shrinkage":
        drawn = _shrunk(centre, spread, design, draws, generator)
    else:
        drawn = centre + spread * generator.standard_normal((draws, centre.size))
    noise = float(np.sum(weight * (1 - weight) * error**2))
    if method == "independent":
        _warn_of_noise(noise)
    attrs: dict[str, str | float] = {
        "method": method,
        "noise_variance": noise,
        "bias_between_group_variance": 2 * noise if method == "independent" else 0.0,
        "model": f"normal on the {scale} scale",
        "shrunk_towards": "nothing" if method == "independent" else "a common mean" if order is None else "a gradient",
    }
    coords: dict[str, object] = {by: codes}
    if sizes is not None:
        coords[POPULATION] = (by, sizes)
    back = inverse_link(drawn, "identity" if scale == "linear" else scale)
    return xr.DataArray(back[None], dims=(CHAIN, DRAW, by), coords=coords, name="value", attrs=attrs)


def _warn_of_noise(noise: float) -> None:
    warnings.warn(
        "independent draws add the noise of the estimates a second time: the variance between groups comes out "
        f"about {2 * noise:.3g} above the truth ({noise:.3g} is in the estimates, {noise:.3g} is added), and every "
        'measure of dispersion or of extremes is too large with it; use method="shrinkage"',
        NoiseCountedTwiceWarning,
        stacklevel=3,
    )


def _codes(table: pd.DataFrame, by: str) -> NDArray[np.generic]:
    if by not in table:
        raise MeasureError(f"the table has no column {by!r} of groups; it has {list(table)}")
    codes = table[by]
    if len(codes) < 2 or codes.duplicated().any():
        repeated = codes[codes.duplicated()].astype(str).unique()[:_SHOWN].tolist()
        raise MeasureError(f"{by} needs at least two codes, each once; given {len(codes)}, repeated: {repeated}")
    return codes.to_numpy()


def _column(table: pd.DataFrame, by: str, name: str, least: float = -np.inf) -> Array:
    if name not in table:
        raise MeasureError(f"the table has no column {name!r}; it has {list(table)}")
    values = table[name].to_numpy(dtype=np.float64)
    _refuse(~(np.isfinite(values) & (values >= least)), table[by], f"{name} is missing or impossible")
    return values


def _refuse(bad: NDArray[np.bool_], codes: pd.Series, what: str) -> None:
    """Say for which groups something is wrong."""
    if bad.any():
        named = codes[bad].astype(str).tolist()
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        raise MeasureError(
            f"{what} for {', '.join(named[:_SHOWN])}{more}; put it right, or leave the group out by name"
        )


def _design(weight: Array, order: Array | None, method: Method) -> Array:
    """Intercept, and rank where the groups have an order."""
    ones = np.ones((len(weight), 1))
    design = ones if order is None else np.column_stack([ones, relative_rank(weight, order) - 0.5])
    if method == "shrinkage" and len(weight) < design.shape[1] + 2:
        raise MeasureError(
            f"shrinkage needs at least {design.shape[1] + 2} groups, to learn how far they lie apart; "
            f"given {len(weight)}"
        )
    return design


def _estimates(table: pd.DataFrame, by: str, scale: Scale, prob: float) -> tuple[Array, Array]:
    """Estimates and their standard errors in their own unit."""
    by_limits = {"lower", "upper"} <= set(table)
    if by_limits == ("standard_error" in table):
        raise MeasureError(
            "give one of two: columns estimate and standard_error, or estimate, lower and upper; "
            f"the table has {list(table)}"
        )
    value = _column(table, by, "estimate")
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = ~np.isfinite(on_scale(value, scale))
    allowed = {"log": "values above zero", "logit": "proportions between 0 and 1 (divide percentages by 100)"}
    _refuse(outside, table[by], f"the {scale} scale takes {allowed.get(scale)}, which the estimate is not")
    if by_limits:
        low, high = _column(table, by, "lower"), _column(table, by, "upper")
        _refuse(~((low <= value) & (value <= high)), table[by], "limits do not lie on both sides of their estimate")
        error = standard_errors(low, high, prob=prob, scale=scale) * _slope(value, scale)
    else:
        error = _column(table, by, "standard_error", least=0.0)
    if not (error > 0).any():
        raise MeasureError("no estimate has an error, so there is no uncertainty to draw; measure the estimates")
    return value, error


def _slope(value: Array, scale: Scale) -> Array:
    """Change of the value for a change on the scale."""
    return np.asarray(value if scale == "log" else value * (1 - value) if scale == "logit" else np.ones_like(value))


def _shrunk(estimate: Array, error: Array, design: Array, draws: int, generator: np.random.Generator) -> Array:
    """Draws of the means behind normal estimates of known error, exact but for the grid of their spread."""
    typical = 1 / np.mean(1 / error[error > 0] ** 2)
    variance = error**2 + typical * np.exp(-_GRID)[:, None]
    precision, coefficient = _regression(estimate, variance, design)
    residual = estimate - coefficient @ design.T
    log_density = (
        -0.5 * np.sum(np.log(variance) + residual**2 / variance, axis=1)
        - 0.5 * np.linalg.slogdet(precision)[1]
        + np.log(expit(_GRID) * expit(-_GRID))
    )
    probability = np.exp(log_density - log_density.max())
    place = generator.choice(_GRID.size, size=draws, p=probability / probability.sum())
    spread = typical * np.exp(-_GRID[place] - (_GRID[1] - _GRID[0]) * (generator.random(draws) - 0.5))
    variance = error**2 + spread[:, None]
    precision, coefficient = _regression(estimate, variance, design)
    noise = generator.standard_normal((draws, design.shape[1]))
    # With precision L L', the solution of L' z = noise has the covariance wanted.
    lower = np.linalg.cholesky(precision)
    coefficient = coefficient + np.linalg.solve(np.swapaxes(lower, 1, 2), noise[..., None])[..., 0]
    keep = spread[:, None] / variance
    mean = keep * estimate + (1 - keep) * (coefficient @ design.T)
    return np.asarray(mean + np.sqrt(keep) * error * generator.standard_normal(mean.shape))


def _regression(estimate: Array, variance: Array, design: Array) -> tuple[Array, Array]:
    """Precision and mean of the coefficients given each spread, by weighted least squares."""
    precision = np.einsum("ji,nj,jk->nik", design, 1 / variance, design)
    return precision, np.linalg.solve(precision, ((estimate / variance) @ design)[..., None])[..., 0]
