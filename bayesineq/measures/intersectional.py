"""Intersectional strata (MAIHDA): additive effects against interaction, and what strata tell about individuals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, Link, inverse_link, over_blocks, require, shares
from bayesineq.measures.dispersion import between_group_variance


def discriminatory_accuracy(probability: ArrayLike, weight: ArrayLike) -> Array:
    """
    Area under the curve: chance that a person with the outcome comes from a stratum of higher risk than one without.

    Parameters
    ----------
    probability : array_like, shape (..., n_stratum)
        Probability of the outcome in each stratum.
    weight : array_like, shape (n_stratum,) or (..., n_stratum)
        People in each stratum.

    Returns
    -------
    ndarray, shape (...)
        0.5 where strata tell nothing, to 1; ties count half.

    Raises
    ------
    MeasureError
        If a probability lies outside 0 to 1, or the outcome is certain or impossible for all.

    References
    ----------
    Merlo 2018, Soc Sci Med 203:74

    Examples
    --------
    >>> round(float(discriminatory_accuracy([0.1, 0.3], [100, 100])), 5)
    0.65625
    """

    def kernel(block: Array, share: Array) -> Array:
        require(
            (block >= 0) & (block <= 1), block, "probabilities must lie from 0 to 1", "give a probability a stratum"
        )
        order = np.argsort(block, axis=1)
        people = np.take_along_axis(np.broadcast_to(share, block.shape), order, axis=1)
        risk = np.take_along_axis(block, order, axis=1)
        cases, others = people * risk, people * (1 - risk)
        pairs = cases.sum(axis=1) * others.sum(axis=1)
        require(pairs > 0, pairs, "discrimination needs people with and without the outcome", "look at another outcome")
        below = np.cumsum(others, axis=1) - others / 2
        return np.asarray(np.sum(cases * below, axis=1) / pairs)

    return over_blocks(kernel, probability, weight)


def additive_and_interaction(effect: ArrayLike, factors: ArrayLike, weight: ArrayLike) -> Array:
    """
    Effects of strata divided into what main effects of the dimensions add up to, and the interaction that is left.

    Parameters
    ----------
    effect : array_like, shape (..., n_stratum)
        Effect of each stratum on the linear predictor: all terms of deprivation, ethnicity, sex and age together.
    factors : array_like, shape (n_dimension, n_stratum)
        Level of each stratum on each dimension, as codes.
    weight : array_like, shape (n_stratum,)
        People in each stratum, above zero.

    Returns
    -------
    ndarray, shape (..., 2, n_stratum)
        The additive part, the nearest sum of main effects (weights p, intercept included), and the interaction that is
        left; they add up to the effect.

    Raises
    ------
    MeasureError
        If shapes do not fit or a stratum has no people.

    References
    ----------
    Evans, Leckie, Subramanian, Bell & Merlo 2024, SSM Popul Health 26:101664

    Examples
    --------
    >>> parts = additive_and_interaction([0.0, 1.0, 2.0, 7.0], [["m", "f", "m", "f"], [1, 1, 2, 2]], [1, 1, 1, 1])
    >>> parts.round(6).tolist()
    [[-1.0, 2.0, 3.0, 6.0], [1.0, -1.0, -1.0, 1.0]]
    """
    share = shares(weight)
    levels = [np.asarray(row) for row in factors]  # type: ignore[union-attr]
    if share.ndim != 1 or not levels or any(row.shape != share.shape for row in levels) or not (share > 0).all():
        raise MeasureError(
            "each dimension needs the level of each stratum, and each stratum needs people; given "
            f"{[row.shape for row in levels]} for weights of shape {share.shape}"
        )
    dummies = [row[:, None] == np.unique(row)[None, 1:] for row in levels]
    design = np.column_stack([np.ones(share.size), *dummies]).astype(np.float64)
    root = np.sqrt(share)[:, None]
    basis, size, _ = np.linalg.svd(design * root, full_matrices=False)
    basis = basis[:, size > 1e-10 * size[0]]

    def kernel(block: Array, _: Array) -> Array:
        additive = ((block * root[:, 0]) @ basis) @ basis.T / root[:, 0]
        return np.stack([additive, block - additive], axis=1)

    return over_blocks(kernel, effect, weight)


def additive_share(additive: ArrayLike, interaction: ArrayLike, weight: ArrayLike) -> Array:
    """
    Share of the strata's variance that is additive, from one model: never below 0 or above 1.

    Parameters
    ----------
    additive, interaction : array_like, shape (..., n_stratum)
        Parts of each stratum's effect: see `additive_and_interaction`.
    weight : array_like, shape (n_stratum,) or (..., n_stratum)
        People in each stratum.

    Returns
    -------
    ndarray, shape (...)
        Variance of the additive part over the sum of both parts' variances, weights p.

    Raises
    ------
    MeasureError
        If strata do not differ at all.

    Examples
    --------
    >>> round(float(additive_share([-1.0, 2.0, 3.0, 6.0], [1.0, -1.0, -1.0, 1.0], [1, 1, 1, 1])), 4)
    0.8621
    """
    first = between_group_variance(additive, weight)
    total = first + between_group_variance(interaction, weight)
    if not np.all(total > 0):
        raise MeasureError("strata do not differ, so no share of their variance is additive")
    return np.asarray(first / total)[()]


def interaction_on_response(level: ArrayLike, additive: ArrayLike, interaction: ArrayLike, *, link: Link) -> Array:
    """
    Excess of each stratum over what its main effects would give, in the unit of the outcome.

    Parameters
    ----------
    level : array_like, shape (...)
        Intercept of the linear predictor.
    additive, interaction : array_like, shape (..., n_stratum)
        Parts of each stratum's effect.
    link : {"identity", "log", "logit"}
        Link of the model.

    Returns
    -------
    ndarray, shape (..., n_stratum)
        Value with the interaction less the value without it.

    Raises
    ------
    MeasureError
        If the link is none of these.

    Examples
    --------
    >>> interaction_on_response(0.0, [0.0, 0.0], [0.0, np.log(3)], link="logit").round(4).tolist()
    [0.0, 0.25]
    """
    base = np.asarray(level, dtype=np.float64)[..., None] + np.asarray(additive, dtype=np.float64)
    whole = base + np.asarray(interaction, dtype=np.float64)
    return inverse_link(whole, link) - inverse_link(base, link)
