"""A rough Gaussian posterior of a design: how much the data say of each coordinate of each effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.special import expit

from bayesineq.design.matrix import Block, Design
from bayesineq.inference.nuts.data import Crude, crude

Float = NDArray[np.float64]

MOST_COORDINATES: Final = 2500
"""Terms beyond so many coordinates in all, the largest first, are looked at one level at a time."""

_STEPS: Final = 20
_RANGE: Final = 6.0
"""The linear predictor is kept so near to the pooled level that no weight vanishes."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """
    Coordinates in which a term's effect is sampled.

    Parameters
    ----------
    basis : ndarray, shape (n_level, n_coordinate), or None
        Effect of each coordinate on the levels; None for one coordinate a level.
    size : ndarray, shape (n_coordinate,)
        Standard deviation of each at a standard deviation of one of the term, roughly.
    has_sigma : bool
        Whether the term's standard deviation is unknown; else `size` is that of the prior.
    """

    basis: Float | None
    size: Float
    has_sigma: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """
    What the data say of each coordinate of an effect, other terms unknown. Only the sampler's speed depends on it.

    Parameters
    ----------
    information : ndarray, shape (n_coordinate,)
        Rough precision.
    estimate : ndarray, shape (n_coordinate,)
        Rough value without the term's prior; 0 where there is no information.
    """

    information: Float
    estimate: Float


def rough(design: Design, coordinates: Sequence[Coordinates]) -> list[Hint]:
    r"""
    Fit a Gaussian approximation, variances by expectation and maximisation.

    With working weights W and values r of the likelihood at the current linear predictor, the coefficients have
    precision :math:`X'WX + P`, and :math:`\sigma_j^2` becomes the mean of :math:`(m_k^2 + C_{kk}) / d_k^2`.

    Parameters
    ----------
    design : Design
        A table seen through a card.
    coordinates : sequence of Coordinates
        One for each block.

    Returns
    -------
    list of Hint
        One for each block.

    References
    ----------
    Breslow NE, Clayton DG. Approximate inference in generalized linear mixed models. JASA 1993.
    https://doi.org/10.1080/01621459.1993.10594284
    """
    pooled, n_row = crude(design), len(design)
    budget, joint = MOST_COORDINATES, set()
    for j in sorted(range(len(coordinates)), key=lambda j: len(coordinates[j].size)):
        budget -= len(coordinates[j].size)
        joint |= {j} if budget >= 0 else set()
    row = [_rows(b, n_row) for b in design.blocks]
    kept = sorted(joint)
    slices = _slices([1, *(len(coordinates[j].size) for j in kept)])
    size = np.concatenate([[design.card.prior("intercept")["sd"]], *(coordinates[j].size for j in kept)])
    sigma = np.ones(len(size))
    mean, covariance = np.zeros(len(size)), np.zeros((len(size), len(size)))
    weight, value = pooled.information, pooled.residual
    for _ in range(_STEPS):
        precision, score = _normal_equations([row[j] for j in kept], [coordinates[j] for j in kept], weight, value)
        precision[np.diag_indices(len(size))] += 1 / (sigma * size) ** 2
        covariance = np.asarray(linalg.inv(precision, check_finite=False))
        mean = covariance @ score
        moment = (mean**2 + np.diag(covariance)) / size**2
        for j, at in zip(kept, slices[1:], strict=True):
            if coordinates[j].has_sigma and len(moment[at]):
                sigma[at] = np.clip(np.sqrt(moment[at].mean()), 1e-3, 10.0)
        eta = np.full(n_row, pooled.level + mean[0])
        for j, at in zip(kept, slices[1:], strict=True):
            eta = eta + row[j] @ _effect(coordinates[j], mean[at])
        eta = np.clip(eta, pooled.level - _RANGE, pooled.level + _RANGE)
        weight, value = _working(design, eta, pooled)
    left = value - (eta - pooled.level)
    hints = [_alone(row[j], coordinates[j], weight, left) for j in range(len(row))]
    for j, at in zip(kept, slices[1:], strict=True):
        own = np.diag(covariance)[at]
        information = np.maximum(1 / own - 1 / (sigma[at] * size[at]) ** 2, 0.0)
        known = information * own > 1e-6
        estimate = np.divide(mean[at], information * own, out=np.zeros_like(own), where=known)
        hints[j] = Hint(np.where(known, information, 0.0), estimate)
    return hints


def _rows(block: Block, n_row: int) -> sparse.csr_array:
    """Contribution of each level to each row, shape (row, level)."""
    weight = np.ones(n_row) if block.weight is None else block.weight
    index = np.zeros(n_row, dtype=np.int32) if block.index is None else block.index
    return sparse.csr_array((weight, (np.arange(n_row), index)), shape=(n_row, block.size))


def _effect(coordinates: Coordinates, value: Float) -> Float:
    return value if coordinates.basis is None else coordinates.basis @ value


def _normal_equations(
    row: Sequence[sparse.csr_array], coordinates: Sequence[Coordinates], weight: Float, value: Float
) -> tuple[Float, Float]:
    """Precision X'WX and score X'Wr of the intercept and the coordinates of terms."""
    basis = [None if not r.shape[1] else c.basis for r, c in zip(row, coordinates, strict=True)]
    every = [sparse.csr_array(np.ones((len(weight), 1))), *row]
    every_basis = [None, *basis]

    def seen(matrix: Float, left: Float | None, right: Float | None) -> Float:
        matrix = matrix if left is None else left.T @ matrix
        return matrix if right is None else matrix @ right

    weighted = [sparse.diags_array(weight) @ r for r in every]
    precision = np.block(
        [
            [seen((a.T @ b).toarray(), u, v) for b, v in zip(weighted, every_basis, strict=True)]
            for a, u in zip(every, every_basis, strict=True)
        ]
    )
    score = np.concatenate(
        [r.T @ value if u is None else u.T @ (r.T @ value) for r, u in zip(weighted, every_basis, strict=True)]
    )
    return precision, score


def _alone(row: sparse.csr_array, coordinates: Coordinates, weight: Float, value: Float) -> Hint:
    """What the rows say of each coordinate if everything else is as fitted."""
    level, score = (row.T**2) @ weight, row.T @ (weight * value)
    if coordinates.basis is None:
        information, score = level, score
    else:
        information, score = level @ coordinates.basis**2, score @ coordinates.basis
    estimate = np.divide(score, information, out=np.zeros_like(score), where=information > 0)
    return Hint(information, estimate)


def _working(design: Design, eta: Float, pooled: Crude) -> tuple[Float, Float]:
    """Working weights and values, less the pooled level, at a linear predictor without its offset."""
    response = design.response
    match response.outcome.likelihood:
        case "gaussian" | "log_normal" | "gamma":
            left = pooled.residual - (eta - pooled.level)
            variance = float(left.var())
            return np.full(len(eta), 1 / variance if variance > 0 else 1.0), pooled.residual
        case "binomial" | "bernoulli" | "beta_binomial":
            chance = expit(eta)
            trials = np.ones(len(eta)) if response.trials is None else response.trials
            weight, mean = trials * chance * (1 - chance), trials * chance
        case _:
            mean = weight = np.exp(eta + response.offset)
    step = np.divide(response.value - mean, weight, out=np.zeros_like(eta), where=weight > 0)
    return weight, step + eta - pooled.level


def _slices(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes])
    return [slice(a, b) for a, b in pairwise(ends)]
