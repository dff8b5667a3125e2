"""A rough Gaussian posterior of a design: how much the data say of each coordinate of each effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.special import expit

from bayesineq.design.matrix import Design
from bayesineq.inference.nuts.data import Crude, crude

Float = NDArray[np.float64]

MOST_COORDINATES: Final = 2500
"""Terms beyond so many coordinates in all, the largest first, are looked at one level at a time."""

_STEPS: Final = 20
_SIGMA: Final = (0.02, 0.3, 3.0)
"""Least, first and largest standard deviation of a term, in units of `_unit`."""
_FAR: Final = 1.0
"""Farthest that one step may ask a row's linear predictor to go: beyond, the working values run away."""


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
    is_sampled : bool
        Whether the effect is sampled in these coordinates, so that others can be sampled given them; else they are
        only like what is.
    """

    basis: Float | None
    size: Float
    has_sigma: bool
    is_sampled: bool = True


@dataclass(frozen=True, slots=True)
class Hint:
    """
    What the data say of each coordinate of an effect given earlier terms. Only the sampler's speed depends on it.

    Parameters
    ----------
    information : ndarray, shape (n_coordinate,)
        Rough precision, later terms unknown.
    estimate : ndarray, shape (n_coordinate,)
        Rough value, without the term's prior, where the coordinates of earlier terms are zero; 0 without information.
    slope : mapping of int to ndarray, shape (n_coordinate, n_earlier)
        How the value moves with the coordinates of each earlier term, by the number of its block.
    """

    information: Float
    estimate: Float
    slope: Mapping[int, Float]


def sequence(coordinates: Sequence[Coordinates]) -> list[int]:
    """Order in which terms are sampled given those before: the coarser first, those without coordinates last."""
    return sorted(range(len(coordinates)), key=lambda j: (not coordinates[j].is_sampled, len(coordinates[j].size)))


def rough(design: Design, coordinates: Sequence[Coordinates]) -> list[Hint]:
    r"""
    Fit a Gaussian approximation, variances by expectation and maximisation.

    With working weights W and values r of the likelihood at the current linear predictor, the coefficients have
    precision :math:`X'WX + P`, and :math:`\sigma_j^2` becomes the mean of :math:`(m_k^2 + C_{kk}) / d_k^2`. The
    posterior is then taken apart: each term given those before it in `sequence`, those after it unknown.

    References
    ----------
    Breslow NE, Clayton DG. Approximate inference in generalized linear mixed models. JASA 1993.
    https://doi.org/10.1080/01621459.1993.10594284
    """
    pooled, n_row = crude(design), len(design)
    order = sequence(coordinates)
    total = np.cumsum([len(coordinates[j].size) for j in order])
    kept = [j for j, t in zip(order, total, strict=True) if t <= MOST_COORDINATES]
    row = [block.incidence.matrix() for block in design.blocks]
    slices = _slices([1, *(len(coordinates[j].size) for j in kept)])
    size = np.concatenate([[design.prior("intercept")["sd"]], *(coordinates[j].size for j in kept)])
    least, first, most = np.array(_SIGMA) * _unit(design, pooled)
    sigma = np.ones(len(size))
    for j, at in zip(kept, slices[1:], strict=True):
        sigma[at] = first if coordinates[j].has_sigma else 1.0
    mean, covariance = np.zeros(len(size)), np.zeros((len(size), len(size)))
    weight, value = pooled.information, pooled.residual
    for _ in range(_STEPS):
        precision, score = _normal_equations([row[j] for j in kept], [coordinates[j] for j in kept], weight, value)
        precision[np.diag_indices(len(size))] += 1 / (sigma * size) ** 2
        covariance = _inverse(precision)
        mean = covariance @ score
        moment = (mean**2 + np.diag(covariance)) / size**2
        for j, at in zip(kept, slices[1:], strict=True):
            if coordinates[j].has_sigma and len(moment[at]):
                sigma[at] = np.clip(np.sqrt(moment[at].mean()), least, most)
        eta = np.full(n_row, pooled.level + mean[0])
        for j, at in zip(kept, slices[1:], strict=True):
            eta = eta + row[j] @ _effect(coordinates[j], mean[at])
        weight, value = _working(design, eta, pooled)
    left = value - (eta - pooled.level)
    hints = [_alone(row[j], coordinates[j], weight, left) for j in range(len(row))]
    for position, (j, at) in enumerate(zip(kept, slices[1:], strict=True)):
        earlier = [(i, e) for i, e in zip(kept[:position], slices[1:], strict=False) if coordinates[i].is_sampled]
        hints[j] = _given(mean, covariance, (sigma * size)[at], at, earlier)
    return hints


def _given(mean: Float, covariance: Float, spread: Float, at: slice, earlier: Sequence[tuple[int, slice]]) -> Hint:
    """A term's coordinates given those of earlier terms, its own prior of standard deviation `spread` taken away."""
    index = np.concatenate([np.arange(e.start, e.stop) for _, e in earlier]).astype(int) if earlier else np.arange(0)
    across = covariance[at, index]
    move = linalg.solve(covariance[np.ix_(index, index)], across.T, assume_a="pos").T if earlier else across
    left = np.maximum(np.diag(covariance)[at] - (move * across).sum(axis=1), 1e-12)
    information = np.maximum(1 / left - 1 / spread**2, 0.0)
    share = information * left
    known = share > 1e-6
    factor = np.divide(1.0, share, out=np.zeros_like(share), where=known)
    estimate = factor * (mean[at] - move @ mean[index])
    ends = np.cumsum([e.stop - e.start for _, e in earlier])[:-1]
    slope = np.split(factor[:, None] * move, ends, axis=1) if earlier else []
    return Hint(np.where(known, information, 0.0), estimate, dict(zip((i for i, _ in earlier), slope, strict=True)))


def _inverse(precision: Float) -> Float:
    """Inverse for covariates of any unit; what the rows cannot tell apart keeps a little precision of its own."""
    unit = 1 / np.sqrt(np.diag(precision))
    correlation = precision * np.outer(unit, unit) + 1e-10 * np.eye(len(unit))
    inverse = linalg.cho_solve(linalg.cho_factor(correlation), np.eye(len(unit)))
    return np.asarray(inverse * np.outer(unit, unit))


def _effect(coordinates: Coordinates, value: Float) -> Float:
    return value if coordinates.basis is None else coordinates.basis @ value


def _normal_equations(
    row: Sequence[sparse.csr_array], coordinates: Sequence[Coordinates], weight: Float, value: Float
) -> tuple[Float, Float]:
    """Precision X'WX and score X'Wr of the intercept and the coordinates of terms."""
    every = [sparse.csr_array(np.ones((len(weight), 1))), *row]
    every_basis = [None, *(c.basis for c in coordinates)]

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
    return Hint(information, estimate, {})


def _working(design: Design, eta: Float, pooled: Crude) -> tuple[Float, Float]:
    """Working weights and values, less the pooled level, at a linear predictor without its offset."""
    response = design.response
    family = response.outcome.family
    if not family.counts:
        left = pooled.residual - (eta - pooled.level)
        variance = float(left.var())
        return np.full(len(eta), 1 / variance if variance > 0 else 1.0), pooled.residual
    if family.link == "logit":
        chance = expit(eta)
        trials = np.ones(len(eta)) if response.trials is None else response.trials
        weight, mean = trials * chance * (1 - chance), trials * chance
    else:
        mean = weight = np.exp(eta + response.offset)
    step = np.divide(response.value - mean, weight, out=np.zeros_like(eta), where=weight > 0)
    return weight, np.clip(step, -_FAR, _FAR) + eta - pooled.level


def _unit(design: Design, pooled: Crude) -> float:
    """Scale of effects: one on the logit and the log scale, else the spread of the values."""
    spread = float(pooled.residual.std())
    return spread if design.response.outcome.family.mean_link == "identity" and spread > 0 else 1.0


def _slices(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes])
    return [slice(a, b) for a, b in pairwise(ends)]
