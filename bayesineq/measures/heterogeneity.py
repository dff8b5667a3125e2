"""Multilevel heterogeneity (MAIHDA): how much of the variance lies between strata, per draw of the variances."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array

type Likelihood = Literal["gaussian", "binomial", "poisson", "negative_binomial"]
type Link = Literal["logit", "cloglog"]

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


def individual_variance(
    likelihood: Likelihood,
    *,
    link: Link | None = None,
    mean: ArrayLike | None = None,
    size: ArrayLike | None = None,
    sigma: ArrayLike | None = None,
) -> Array:
    """
    Variance between individuals of one stratum, on the scale of the linear predictor.

    Parameters
    ----------
    likelihood : {"gaussian", "binomial", "poisson", "negative_binomial"}
        Likelihood of the model.
    link : {"logit", "cloglog"}, optional
        Link of a binomial model, logit by default.
    mean : array_like, shape (...), optional
        Marginal mean count, one for the whole population: see `marginal_count`. For counts.
    size : array_like, shape (...), optional
        Size of the negative binomial: its variance is mean + mean^2 / size.
    sigma : array_like, shape (...), optional
        Standard deviation of a Gaussian model's residual.

    Returns
    -------
    ndarray, shape (...)
        Gaussian sigma^2; logit pi^2/3; cloglog pi^2/6; Poisson log(1 + 1/mean); negative binomial
        log(1 + 1/mean + 1/size).

    Raises
    ------
    MeasureError
        If what the likelihood needs is missing or not above zero.

    References
    ----------
    Stryhn et al. 2006, Proc Int Symp Vet Epidemiol Econ 11; Nakagawa, Johnson & Schielzeth 2017, J R Soc Interface
    14:20170213

    Examples
    --------
    >>> round(float(individual_variance("binomial")), 4)
    3.2899
    >>> round(float(individual_variance("poisson", mean=2.0)), 4)
    0.4055
    """
    if likelihood == "binomial":
        if link not in (None, "logit", "cloglog"):
            raise MeasureError(f'a binomial model has the link "logit" or "cloglog"; given {link!r}')
        return np.asarray(np.pi**2 / (6 if link == "cloglog" else 3))[()]
    if likelihood == "gaussian":
        return np.asarray(_given("sigma", sigma, likelihood) ** 2)[()]
    if likelihood == "poisson":
        return np.asarray(np.log1p(1 / _given("mean", mean, likelihood)))[()]
    if likelihood == "negative_binomial":
        inverse = 1 / _given("mean", mean, likelihood) + 1 / _given("size", size, likelihood)
        return np.asarray(np.log1p(inverse))[()]
    raise MeasureError(
        f'likelihood must be "gaussian", "binomial", "poisson" or "negative_binomial"; given {likelihood!r}'
    )


def marginal_count(level: ArrayLike, variance: ArrayLike) -> Array:
    """
    Marginal mean count of a model with log link: the mean over strata (and places), not that of the average stratum.

    Parameters
    ----------
    level : array_like, shape (...)
        Linear predictor without random effects.
    variance : array_like, shape (...)
        Sum of the variances of all random effects on the linear predictor.

    Returns
    -------
    ndarray, shape (...)
        exp(level + variance / 2).

    Raises
    ------
    MeasureError
        If a variance is negative or missing.

    Examples
    --------
    >>> round(float(marginal_count(0.0, 2.0)), 4)
    2.7183
    """
    return np.asarray(np.exp(np.asarray(level, dtype=np.float64) + _variance(variance, "variance") / 2))[()]


def variance_partition(between: ArrayLike, individual: ArrayLike, *, place: ArrayLike = 0.0) -> Array:
    """
    Variance partition coefficient: share of the variance that lies between strata, on the latent scale.

    Parameters
    ----------
    between : array_like, shape (...)
        Variance between strata.
    individual : array_like, shape (...)
        Variance within strata: see `individual_variance`.
    place : array_like, shape (...)
        Variance between areas, where the model has them: it counts in the whole, not as strata.

    Returns
    -------
    ndarray, shape (...)
        The coefficient, 0 to 1. Take it per draw and then its median, never from the mean standard deviation.

    Raises
    ------
    MeasureError
        If a variance is negative or missing, or all are zero.

    References
    ----------
    Evans, Leckie, Subramanian, Bell & Merlo 2024, SSM Popul Health 26:101664

    Examples
    --------
    >>> round(float(variance_partition(0.5, individual_variance("binomial"))), 4)
    0.1319
    """
    strata, inner, areas = (
        _variance(v, name) for v, name in ((between, "between"), (individual, "individual"), (place, "place"))
    )
    total = strata + inner + areas
    if not (total > 0).all():
        raise MeasureError("all variances are zero, so there is nothing to divide between strata and individuals")
    return np.asarray(strata / total)[()]


def variance_partition_response(
    level: ArrayLike,
    between: ArrayLike,
    likelihood: Literal["binomial", "poisson", "negative_binomial"],
    *,
    size: ArrayLike | None = None,
) -> Array:
    """
    Variance partition coefficient on the scale of the outcome: of probabilities or counts, not of their predictor.

    Parameters
    ----------
    level : array_like, shape (...)
        Linear predictor (logit or log) of the average stratum.
    between : array_like, shape (...)
        Variance between strata on the linear predictor.
    likelihood : {"binomial", "poisson", "negative_binomial"}
        Likelihood; binomial with logit link for one yes or no a person, counts with log link.
    size : array_like, shape (...), optional
        Size of the negative binomial.

    Returns
    -------
    ndarray, shape (...)
        Variance of the strata's means over the variance of the outcome.

    Raises
    ------
    MeasureError
        If a variance is negative, the likelihood unknown, or its size missing.

    References
    ----------
    Goldstein, Browne & Rasbash 2002, Underst Stat 1:223; Austin, Stryhn, Leckie & Merlo 2018, Stat Med 37:572

    Examples
    --------
    >>> round(float(variance_partition_response(-2.0, 0.5, "binomial")), 4)
    0.0585
    """
    eta, variance = np.broadcast_arrays(np.asarray(level, dtype=np.float64), _variance(between, "between"))
    if likelihood == "binomial":
        weight = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
        share = (1 + np.tanh((eta[..., None] + np.sqrt(variance)[..., None] * _NODES) / 2)) / 2
        mean = share @ weight
        return np.asarray(((share - mean[..., None]) ** 2 @ weight) / (mean * (1 - mean)))[()]
    if likelihood not in ("poisson", "negative_binomial"):
        raise MeasureError(f'likelihood must be "binomial", "poisson" or "negative_binomial"; given {likelihood!r}')
    mean = np.exp(eta + variance / 2)
    strata = mean**2 * np.expm1(variance)
    extra = 0.0 if likelihood == "poisson" else mean**2 * np.exp(variance) / _given("size", size, likelihood)
    return np.asarray(strata / (strata + mean + extra))[()]


def proportional_change_in_variance(null: ArrayLike, main: ArrayLike) -> Array:
    """
    Proportional change in variance: share of the strata's variance that main effects account for, from two models.

    Parameters
    ----------
    null : array_like, shape (...)
        Variance between strata without main effects.
    main : array_like, shape (...)
        Variance between strata with main effects.

    Returns
    -------
    ndarray, shape (...)
        (null - main) / null; below zero where the second variance is larger, as draws of two models can be. For a
        share between 0 and 1 from one model use `additive_share`.

    Raises
    ------
    MeasureError
        If a variance is negative or that of the null model is zero, where the change is not defined.

    References
    ----------
    Merlo 2018, Soc Sci Med 203:74

    Examples
    --------
    >>> float(proportional_change_in_variance(0.5, 0.125))
    0.75
    """
    first, second = _variance(null, "null"), _variance(main, "main")
    if not (first > 0).all():
        raise MeasureError("the change of a variance of zero is not defined: strata do not differ in the null model")
    return np.asarray((first - second) / first)[()]


def median_odds_ratio(variance: ArrayLike) -> Array:
    """
    Median odds ratio between two people of equal covariates from two strata, the higher over the lower.

    Parameters
    ----------
    variance : array_like, shape (...)
        Variance between strata on the linear predictor; with a log link the ratio is of rates.

    Returns
    -------
    ndarray, shape (...)
        exp(sqrt(2 variance) z), z the upper quartile of the normal distribution; 1 where strata do not differ.

    Raises
    ------
    MeasureError
        If a variance is negative or missing.

    References
    ----------
    Larsen & Merlo 2005, Am J Epidemiol 161:81

    Examples
    --------
    >>> round(float(median_odds_ratio(0.5)), 4)
    1.963
    """
    return np.asarray(np.exp(np.sqrt(2 * _variance(variance, "variance")) * norm.ppf(0.75)))[()]


def _given(name: str, value: ArrayLike | None, likelihood: str) -> Array:
    if value is None:
        raise MeasureError(f"a {likelihood} model needs `{name}` for its variance between individuals")
    array = np.asarray(value, dtype=np.float64)
    if not (array > 0).all():
        raise MeasureError(f"`{name}` must be above zero; {int((~(array > 0)).sum())} are not")
    return array


def _variance(value: ArrayLike, name: str) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if not (array >= 0).all():
        raise MeasureError(f"`{name}` is a variance and must not be negative or missing; given {array.min():g}")
    return array
