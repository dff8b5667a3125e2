"""From published groups to draws: for those who have a table of estimates and no model."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from bayesineq.dims import CHAIN, CI_PROB, DRAW, POPULATION
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, relative_rank, shares
from bayesineq.measures.shrinkage import hierarchical_counts, hierarchical_normal

type Scale = Literal["linear", "log", "logit"]
type Method = Literal["shrinkage", "independent"]

_SHOWN = 5


class NoiseCountedTwiceWarning(UserWarning):
    """Draws hold the noise of the estimates a second time, so measures of dispersion are too large."""


def from_estimates(
    groups: Sequence[Hashable],
    *,
    estimate: ArrayLike | None = None,
    se: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prob: float = CI_PROB,
    events: ArrayLike | None = None,
    population: ArrayLike | None = None,
    likelihood: Literal["binomial", "poisson"] = "binomial",
    dim: str = "group",
    order: ArrayLike | None = None,
    scale: Scale = "linear",
    method: Method = "shrinkage",
    draws: int = 4000,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Draws of the values behind published groups, ready for `over_draws`.

    Give an estimate with its standard error, an estimate with limits, or events with their population.

    Parameters
    ----------
    groups : sequence, length n_group
        Code of each group.
    estimate : array_like, shape (n_group,), optional
        Published values.
    se : array_like, shape (n_group,), optional
        Standard errors of the estimates, in their unit; zero for a value known exactly.
    lower, upper : array_like, shape (n_group,), optional
        Limits of the estimates.
    prob : float
        Probability held by the limits.
    events : array_like, shape (n_group,), optional
        Events; with `population`, instead of estimates.
    population : array_like, shape (n_group,), optional
        People, or person-years: needed with events, and carried as the weight of each group in any case.
    likelihood : {"binomial", "poisson"}
        Likelihood of events: people with an attribute, or events over person-years.
    dim : str
        Name of the dimension of groups.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. With it groups are shrunk towards a gradient, not
        towards one mean: give it whenever the groups have an order, or slopes come out too flat.
    scale : {"linear", "log", "logit"}
        Scale on which estimates are normal. Events have their own: logit or log.
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
    DataArray, dims (chain, draw, dim)
        Values, with the coordinate `population` along `dim` where given. Attributes: `method`, `noise_variance` (the
        sum of p(1 - p) se^2, which the variance between the estimates holds of noise alone),
        `bias_between_group_variance` (what the draws add to the true variance between groups: about twice the noise
        for independent draws, zero for shrinkage) and how it was drawn.

    Raises
    ------
    MeasureError
        If the inputs are none of the three kinds, do not fit the groups, are impossible, or groups are too few.

    Warns
    -----
    NoiseCountedTwiceWarning
        If drawn independently.

    Notes
    -----
    Shrinkage of estimates: estimate_j ~ N(theta_j, se_j^2), theta_j ~ N(x_j beta, tau^2), flat beta, and a uniform
    prior on s0^2 / (s0^2 + tau^2) with s0^2 the harmonic mean of se^2. Of events: beta-binomial or gamma-Poisson,
    with the same prior on the share that the prior has in a typical group.

    References
    ----------
    Daniels 1999, Can J Stat 27:567; Gelman et al. 2013, Bayesian Data Analysis, chapter 5

    Examples
    --------
    >>> values = from_estimates(["a", "b", "c", "d"], estimate=[70, 72, 71, 75], se=[2, 2, 2, 2], seed=1)
    >>> values.dims, values.attrs["method"], bool(values.mean("draw").max() < 75)
    (('chain', 'draw', 'group'), 'shrinkage', True)
    """
    codes = list(groups)
    _check_options(codes, scale, method, likelihood, draws)
    sizes = None if population is None else _column("population", population, codes, least=0.0)
    if sizes is not None and not (sizes > 0).any():
        raise MeasureError("population is zero in every group")
    weight = shares(np.ones(len(codes)) if sizes is None else sizes)
    generator = np.random.default_rng(seed)
    design = _design(codes, weight, order, method)
    if events is not None:
        if estimate is not None or se is not None or lower is not None or upper is not None or sizes is None:
            raise MeasureError("events need their population, and neither estimates, standard errors nor limits")
        count = _column("events", events, codes, least=0.0)
        _possible(count, sizes, codes, likelihood)
        value, error = _of_counts(count, sizes, likelihood)
        drawn = _draw_counts(count, sizes, design, likelihood, method, draws, generator)
    else:
        value, error = _of_estimates(codes, estimate, se, lower, upper, prob, scale)
        drawn = _draw_normal(value, error, design, scale, method, draws, generator)
    noise = float(np.sum(weight * (1 - weight) * error**2))
    if method == "independent":
        warnings.warn(
            "independent draws add the noise of the estimates a second time: the variance between groups comes out "
            f"about {2 * noise:.3g} above the truth ({noise:.3g} is in the estimates, {noise:.3g} is added), and every "
            'measure of dispersion or of extremes is too large with it; use method="shrinkage"',
            NoiseCountedTwiceWarning,
            stacklevel=2,
        )
    attrs: dict[str, str | float] = {
        "method": method,
        "noise_variance": noise,
        "bias_between_group_variance": 2 * noise if method == "independent" else 0.0,
        "model": f"{likelihood} counts" if events is not None else f"normal on the {scale} scale",
        "shrunk_towards": "nothing" if method == "independent" else "a common mean" if order is None else "a gradient",
    }
    coords: dict[str, object] = {dim: codes}
    if sizes is not None:
        coords[POPULATION] = (dim, sizes)
    return xr.DataArray(drawn[None], dims=(CHAIN, DRAW, dim), coords=coords, name="value", attrs=attrs)


def _check_options(codes: list[Hashable], scale: str, method: str, likelihood: str, draws: int) -> None:
    if len(codes) < 2 or len(set(codes)) < len(codes):
        repeated = sorted({str(c) for c in codes if codes.count(c) > 1})[:_SHOWN]
        raise MeasureError(f"groups need at least two codes, each once; given {len(codes)}, repeated: {repeated}")
    for name, given, allowed in (
        ("scale", scale, ("linear", "log", "logit")),
        ("method", method, ("shrinkage", "independent")),
        ("likelihood", likelihood, ("binomial", "poisson")),
    ):
        if given not in allowed:
            raise MeasureError(f"{name} must be one of {', '.join(allowed)}; given {given!r}")
    if draws < 1:
        raise MeasureError(f"draws must be at least 1; given {draws}")


def _column(name: str, values: ArrayLike, codes: list[Hashable], least: float | None = None) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(codes),):
        raise MeasureError(f"{name} must have one number for each of the {len(codes)} groups; given {array.shape}")
    bad = ~np.isfinite(array) if least is None else ~(np.isfinite(array) & (array >= least))
    if bad.any():
        raise MeasureError(f"{name} is missing or impossible for {_named(bad, codes)}; leave the group out by name")
    return array


def _named(bad: NDArray[np.bool_], codes: list[Hashable]) -> str:
    named = [str(code) for code, wrong in zip(codes, bad, strict=True) if wrong]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more


def _design(codes: list[Hashable], weight: Array, order: ArrayLike | None, method: str) -> Array:
    ones = np.ones((len(codes), 1))
    design = ones if order is None else np.column_stack([ones, relative_rank(weight, order) - 0.5])
    if method == "shrinkage" and len(codes) < design.shape[1] + 2:
        raise MeasureError(
            f"shrinkage needs at least {design.shape[1] + 2} groups to learn how far they lie apart; given {len(codes)}"
        )
    return design


def _possible(count: Array, sizes: Array, codes: list[Hashable], likelihood: str) -> None:
    bad = ~(sizes > 0) if likelihood == "poisson" else ~((sizes > 0) & (count <= sizes))
    if bad.any():
        raise MeasureError(
            f"every group needs people, and no more events than people (binomial); not so for {_named(bad, codes)}"
        )
    if not count.sum() > 0:
        raise MeasureError("no group has any events, so there is nothing to compare")


def _of_counts(count: Array, sizes: Array, likelihood: str) -> tuple[Array, Array]:
    """Plain rates and the standard errors that their noise has, for the statement of bias."""
    rate = count / sizes
    return rate, np.sqrt(rate * (1 - rate) / sizes if likelihood == "binomial" else rate / sizes)


def _of_estimates(
    codes: list[Hashable],
    estimate: ArrayLike | None,
    se: ArrayLike | None,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
    prob: float,
    scale: Scale,
) -> tuple[Array, Array]:
    """Estimates and their standard errors in their own unit; limits are turned into errors on the scale."""
    if estimate is None or (se is None) == (lower is None) or (lower is None) != (upper is None):
        raise MeasureError("give one of three: estimate and se; estimate, lower and upper; or events and population")
    value = _column("estimate", estimate, codes)
    inside = (value > 0) if scale == "log" else (value > 0) & (value < 1) if scale == "logit" else np.isfinite(value)
    if not inside.all():
        raise MeasureError(
            f"the {scale} scale cannot take the estimates of {_named(~inside, codes)}: log needs values above zero, "
            "logit proportions between 0 and 1; divide percentages by 100, or give events and population"
        )
    if lower is not None and upper is not None:
        error = _of_limits(codes, value, lower, upper, prob, scale)
    else:
        error = _column("se", np.nan if se is None else se, codes, least=0.0)
    if not (error > 0).any():
        raise MeasureError("no estimate has an error, so there is no uncertainty to draw; measure the estimates")
    return value, error


def _of_limits(
    codes: list[Hashable], value: Array, lower: ArrayLike, upper: ArrayLike, prob: float, scale: Scale
) -> Array:
    low, high = _column("lower", lower, codes), _column("upper", upper, codes)
    wrong = ~((low <= value) & (value <= high))
    if wrong.any() or not 0 < prob < 1:
        raise MeasureError(
            f"limits must lie on both sides of their estimate, and prob between 0 and 1; given prob={prob} and limits "
            f"that do not for {_named(wrong, codes) or 'no group'}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        width = _forward(high, scale) - _forward(low, scale)
    if not np.isfinite(width).all():
        raise MeasureError(f"limits of {_named(~np.isfinite(width), codes)} lie outside the {scale} scale")
    return np.asarray(width / (2 * norm.ppf(0.5 + prob / 2)) * _slope(value, scale))


def _draw_normal(
    value: Array, error: Array, design: Array, scale: Scale, method: str, draws: int, generator: np.random.Generator
) -> Array:
    centre, spread = _forward(value, scale), error / _slope(value, scale)
    if method == "shrinkage":
        return _back(hierarchical_normal(centre, spread, design, draws, generator), scale)
    return _back(centre + spread * generator.standard_normal((draws, value.size)), scale)


def _draw_counts(
    count: Array,
    sizes: Array,
    design: Array,
    likelihood: Literal["binomial", "poisson"],
    method: str,
    draws: int,
    generator: np.random.Generator,
) -> Array:
    if method == "shrinkage":
        return hierarchical_counts(count, sizes, design, likelihood, draws, generator)
    shape = (draws, count.size)
    if likelihood == "binomial":
        return generator.beta(count + 0.5, sizes - count + 0.5, shape)
    return generator.gamma(count + 0.5, 1 / sizes, shape)


def _forward(value: Array, scale: Scale) -> Array:
    return np.asarray(np.log(value) if scale == "log" else logit(value) if scale == "logit" else value)


def _back(value: Array, scale: Scale) -> Array:
    return np.asarray(np.exp(value) if scale == "log" else expit(value) if scale == "logit" else value)


def _slope(value: Array, scale: Scale) -> Array:
    """Change of the value for a change on the scale."""
    return np.asarray(value if scale == "log" else value * (1 - value) if scale == "logit" else np.ones_like(value))
