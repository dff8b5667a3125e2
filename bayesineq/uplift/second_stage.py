"""
The hierarchical second stage: scores given modifiers and areas, from sums alone.

score ~ Normal(basis @ coefficient + area effect, noise), several interventions together: the noise has a covariance
between them (they share a control). How far effects differ, by each family of columns and by area, is not known: every
combination of scales on a grid is a model, from one effect for all to effects that differ in every way, and the draws
mix the models by their posterior probabilities. Given the scales everything is normal and is drawn exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, eigh, solve_triangular

Array = NDArray[np.float64]

CONSTANT: Final = 0.5
"""Prior probability that an intervention does the same for people of every kind: differences are often weak or none."""

NONE: Final = 0.3
"""Prior probability that one family of columns makes no difference, where another does."""

SCALES: Final = np.array([0.02, 0.05, 0.12, 0.3, 0.8, 2.0])
"""Standard deviations of the effect by one family of columns, in standard deviations of the outcome."""

SHRINKAGE: Final = 0.1
"""Scale of the half-Cauchy prior of these standard deviations, cut to the grid."""

AREA_SCALES: Final = np.geomspace(0.02, 1.5, 20)
"""Standard deviations of area effects, in standard deviations of the outcome."""

AREA_SCALE: Final = 0.15
"""
Scale of the prior of an area standard deviation t: density in proportion to t (1 + t^2 / (4 scale^2))^(-5/2), cut to
the grid, and largest at the scale. It is zero at zero: where areas differ by less than they can show, a prior that
allows none makes their intervals too short. 90% intervals hold 88% of area effects where those differ by a sixth of the
outcome's standard deviation and fifty people tell of each, and 94% over five kinds of worlds, two of which have none.
"""

INTERCEPT_SD: Final = 10.0

NEGLIGIBLE: Final = 12.0
"""Log odds against the best model from which a model is not looked into further."""


@dataclass(frozen=True, slots=True)
class Sums:
    """
    All that the second stage knows of the rows.

    Parameters
    ----------
    people : array, shape (area,)
        Sum of the people's precision weights.
    basis : array, shape (area, column)
        Weighted sums of the basis, whose first column is ones. Scores and products below are weighted too.
    score : array, shape (area, arm)
        Sums of the scores, in standard deviations of the outcome.
    gram : array, shape (column, column)
        Products of the basis.
    cross : array, shape (column, arm)
        Products of basis and scores.
    square : array, shape (arm, arm)
        Products of the scores.
    count : array, shape (area,)
        People.
    mean_basis : array, shape (area, column)
        Unweighted means of the basis, at which an area's effect is read.
    """

    people: Array
    basis: Array
    score: Array
    gram: Array
    cross: Array
    square: Array
    count: Array
    mean_basis: Array

    def thinned(self, design_effect: float) -> Sums:
        """
        Worth of the same sums where people of one cluster repeat each other.

        Parameters
        ----------
        design_effect : float
            How many people tell as much as one would alone, 1 or more.

        Returns
        -------
        Sums
            Weighted sums divided by it; people are still counted whole.
        """
        d = 1 / design_effect
        return replace(
            self, people=d * self.people, basis=d * self.basis, score=d * self.score, gram=d * self.gram,
            cross=d * self.cross, square=d * self.square,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SecondStage:
    """
    Draws of the second stage, in standard deviations of the outcome.

    Parameters
    ----------
    coefficient : array, shape (draw, column, arm)
        Coefficients of the basis.
    area : array, shape (draw, area, arm)
        Area effects, single precision.
    area_sd : array, shape (draw, arm)
        Standard deviations of the area effects.
    noise : array, shape (arm, arm)
        Covariance of the scores around their means.
    constant : array, shape (arm,)
        Posterior probability that the effect is the same for people of every kind (areas may differ).
    """

    coefficient: Array
    area: NDArray[np.float32]
    area_sd: Array
    noise: Array
    constant: Array


def sample(
    sums: Sums,
    *,
    draws: int,
    seed: int | None,
    family: NDArray[np.int64] | None = None,
    share: Array | None = None,
    areas: bool = True,
) -> SecondStage:
    """
    Draw from the posterior: scales by their probabilities on a grid, coefficients and area effects given the scales.

    Shapes: family (column - 1,); share (column - 1,).

    References
    ----------
    Hoeting JA, Madigan D, Raftery AE, Volinsky CT (1999). Bayesian model averaging: a tutorial. Statistical Science
    14: 382-417. doi:10.1214/ss/1009212519
    """
    rng = np.random.default_rng(seed)
    q, arms = sums.cross.shape
    one, each = np.ones(q - 1, np.int64), np.ones(q - 1)
    of, unit = (one if family is None else family), (each if share is None else share)
    grid = _grid(of, areas)
    chosen = [_posterior(sums, k, grid, of, unit) for k in range(arms)]
    picked = np.column_stack([rng.choice(len(found.weight), draws, p=found.weight) for found in chosen])
    noise = _noise(sums, chosen, of, unit)
    out = SecondStage(
        np.empty((draws, q, arms)),
        np.zeros((draws, len(sums.people), arms), np.float32),
        np.column_stack([found.area_sd[at] for found, at in zip(chosen, picked.T, strict=True)]),
        noise,
        np.array([found.weight[(found.scales == 0).all(axis=1)].sum() for found in chosen]),
    )
    kinds, which = np.unique(picked, axis=0, return_inverse=True)
    for number, cells in enumerate(kinds):
        here = np.flatnonzero(which == number)
        prior_sd = np.column_stack([found.prior_sd(cell, of, unit) for found, cell in zip(chosen, cells, strict=True)])
        area_cov = np.diag([float(found.area_sd[cell]) ** 2 for found, cell in zip(chosen, cells, strict=True)])
        _draw(sums, noise, prior_sd, area_cov, here, out, rng)
    return out


def with_predictions_drawn(stage: SecondStage, known: int, folds: int, seed: int) -> SecondStage:
    """Let the predicted columns vary too, as much as predictions differ between the models made without each fold."""
    if folds == 1:
        return stage
    draws, _, arms = stage.coefficient.shape
    z = np.random.default_rng(seed).standard_normal((draws, folds, 1, 1))
    more = (z * stage.coefficient[:, np.newaxis, 1 : 1 + known]).reshape(draws, folds * known, arms)
    return replace(stage, coefficient=np.concatenate([stage.coefficient, more - more.mean(axis=0)], axis=1))


def centred(stage: SecondStage, mean_basis: Array, count: Array, average: Array, covariance: Array) -> SecondStage:
    """
    Give the average over all people the doubly robust estimate and its spread, and leave differences as drawn.

    Shapes: mean_basis (area, column); count (area,); average (arm,); covariance (arm, arm).
    """
    share = count / count.sum()
    drawn = np.einsum("q,sqk->sk", share @ mean_basis, stage.coefficient) + np.einsum("a,sak->sk", share, stage.area)
    away = drawn - drawn.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(away.T @ away / max(len(away) - 1, 1)))
    target = np.linalg.cholesky(covariance)
    wanted = average + solve_triangular(root, away.T, lower=True).T @ target.T
    coefficient = stage.coefficient.copy()
    coefficient[:, 0] += wanted - drawn
    return replace(stage, coefficient=coefficient)


@dataclass(frozen=True, slots=True)
class _Models:
    """Models of one arm: scales (model, family), area sds, posterior probabilities and noise variances (model,)."""

    scales: Array
    area_sd: Array
    weight: Array
    noise: Array

    def prior_sd(self, cell: int, family: NDArray[np.int64], share: Array) -> Array:
        return np.concatenate([[INTERCEPT_SD], self.scales[cell, family - 1] * share])


def _grid(family: NDArray[np.int64], areas: bool) -> tuple[Array, Array, Array]:
    """Scales of every model, the constant effect first, and their log prior probabilities."""
    count = int(family.max(initial=0))
    scale = np.concatenate([[0.0], SCALES])
    log_scale = np.log(SCALES / (1 + (SCALES / SHRINKAGE) ** 2) * np.gradient(np.log(SCALES)))
    t = AREA_SCALES if areas else np.zeros(1)
    # density per unit of log t: one more factor of t
    dense = AREA_SCALES**2 * (1 + (AREA_SCALES / AREA_SCALE) ** 2 / 4) ** -2.5
    log_t = np.log(dense * np.gradient(np.log(AREA_SCALES)))
    prior = np.concatenate([[np.log(NONE)], np.log1p(-NONE) + log_scale - np.logaddexp.reduce(log_scale)])
    prior_t = log_t - np.logaddexp.reduce(log_t) if areas else np.zeros(1)
    cells = np.array(list(product(range(t.size), *([range(scale.size)] * count))), np.int64).reshape(-1, count + 1)
    by_kind, alike = prior[cells[:, 1:]].sum(axis=1), (cells[:, 1:] == 0).all(axis=1)
    if count:
        by_kind = np.where(alike, np.log(CONSTANT), np.log1p(-CONSTANT) - np.log1p(-(NONE**count)) + by_kind)
    return scale[cells[:, 1:]], t[cells[:, 0]], prior_t[cells[:, 0]] + by_kind


def _posterior(
    sums: Sums, arm: int, grid: tuple[Array, Array, Array], family: NDArray[np.int64], share: Array
) -> _Models:
    """Probability of every model of one arm, with coefficients, area effects and noise integrated out."""
    scales, area_sd, log_prior = grid
    rows = float(sums.people.sum())
    unit = float(sums.square[arm, arm] - sums.score[:, arm].sum() ** 2 / rows) / rows
    sd = np.column_stack([np.full(len(scales), INTERCEPT_SD), scales[:, family - 1] * share]) / np.sqrt(unit)
    log, noise = np.full(len(log_prior), -np.inf), np.full(len(log_prior), unit)
    kinds, kind = np.unique(scales, axis=0, return_inverse=True)
    hopeful = np.ones(len(kinds), bool)
    values = np.unique(area_sd)
    for some in (values[::4], np.delete(values, np.s_[::4])):
        for t in some:
            mine = np.flatnonzero((area_sd == t) & hopeful[kind])
            fit, noise[mine] = _evidence(sums, arm, t / np.sqrt(unit), sd[mine])
            log[mine] = log_prior[mine] + fit
        # scales that are hopeless beside every fourth area scale need not be tried beside those between
        best = np.full(len(kinds), -np.inf)
        np.maximum.at(best, kind, log)
        hopeful = best > best.max() - NEGLIGIBLE
    weight = np.exp(log - log.max())
    # scales were relative to the noise, which is smaller the more a model explains
    grown = np.sqrt(noise / unit)
    return _Models(scales * grown[:, np.newaxis], area_sd * grown, weight / weight.sum(), noise)


def _evidence(sums: Sums, arm: int, area_sd: float, sd: Array) -> tuple[Array, Array]:
    """Log marginal likelihood and noise variance of models with these prior sds, all in units of the noise."""
    rows, size = float(sums.people.sum()), sd.shape[1]
    worth = 1 + sums.people * area_sd**2
    shrink = area_sd**2 / worth
    gram = sums.gram - (sums.basis * shrink[:, np.newaxis]).T @ sums.basis
    pull = sums.cross[:, arm] - sums.basis.T @ (shrink * sums.score[:, arm])
    left = sums.square[arm, arm] - float(shrink @ sums.score[:, arm] ** 2)
    # the Cholesky factor of the system bordered by the scores ends in the scores' own residual
    bordered = np.block([[gram, pull[:, np.newaxis]], [pull[np.newaxis], np.array([[left * (1 + 1e-12)]])]])
    log, noise = np.empty(len(sd)), np.empty(len(sd))
    for block in np.array_split(np.arange(len(sd)), max(1, len(sd) * size**2 // 4_000_000)):
        grown = np.column_stack([sd[block], np.ones(block.size)])
        system = grown[:, :, np.newaxis] * bordered * grown[:, np.newaxis, :]
        system[:, np.arange(size), np.arange(size)] += 1.0
        root = np.diagonal(np.linalg.cholesky(system), axis1=1, axis2=2)
        log[block] = -np.log(root[:, :-1]).sum(axis=1) - np.log(worth).sum() / 2 - rows * np.log(root[:, -1])
        noise[block] = root[:, -1] ** 2 / rows
    return log, noise


def _noise(sums: Sums, chosen: list[_Models], family: NDArray[np.int64], share: Array) -> Array:
    """Covariance of the scores around their means: variances by the models, correlations at each arm's likeliest."""
    arms = len(chosen)
    sd = np.sqrt([float(found.weight @ found.noise) for found in chosen])
    if arms == 1:
        return np.diag(sd**2)
    coefficient, effect = np.empty((sums.basis.shape[1], arms)), np.empty((len(sums.people), arms))
    for k, found in enumerate(chosen):
        best = int(found.weight.argmax())
        one = replace(sums, score=sums.score[:, [k]], cross=sums.cross[:, [k]], square=sums.square[[k]][:, [k]])
        noise, area_cov = np.array([[found.noise[best]]]), np.array([[found.area_sd[best] ** 2]])
        mean, _, scaled = _coefficients(one, noise, found.prior_sd(best, family, share)[:, np.newaxis], area_cov)
        coefficient[:, k] = scaled * mean
        spread, axes = _rotate(noise, area_cov)
        shrink = spread / (1 + sums.people[:, np.newaxis] * spread)
        effect[:, k] = (shrink * ((one.score - one.basis @ coefficient[:, [k]]) @ axes) / axes[0, 0])[:, 0]
    mixed = effect.T @ (sums.score - sums.basis @ coefficient)
    fitted = coefficient.T @ sums.cross
    scatter = sums.square - fitted - fitted.T + coefficient.T @ sums.gram @ coefficient
    scatter += (effect * sums.people[:, np.newaxis]).T @ effect - mixed - mixed.T
    own = np.sqrt(np.diag(scatter))
    return np.asarray(scatter / np.outer(own, own) * np.outer(sd, sd))


def _draw(
    sums: Sums, noise: Array, prior_sd: Array, area_cov: Array, at: NDArray[np.int64], out: SecondStage,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Coefficients and area effects of the draws that have these scales, exactly."""
    q, arms = prior_sd.shape
    mean, factor, scaled = _coefficients(sums, noise, prior_sd, area_cov)
    drawn = mean[:, np.newaxis] + solve_triangular(
        factor, rng.standard_normal((q * arms, at.size)), lower=True, trans="T"
    )
    coefficient = (scaled[:, np.newaxis] * drawn).reshape(arms, q, at.size).transpose(2, 1, 0)
    out.coefficient[at] = coefficient
    if not area_cov.any():
        return
    spread, axes = _rotate(noise, area_cov)
    shrink = spread / (1 + sums.people[:, np.newaxis] * spread)
    back = np.linalg.inv(axes)
    for draw, one in zip(at, coefficient, strict=True):
        centre = shrink * ((sums.score - sums.basis @ one) @ axes)
        out.area[draw] = (centre + np.sqrt(shrink) * rng.standard_normal(centre.shape)) @ back


def _coefficients(sums: Sums, noise: Array, prior_sd: Array, area_cov: Array) -> tuple[Array, Array, Array]:
    """Mean and lower Cholesky factor of the precision of coefficients in units of their prior sd, and those sds."""
    q, arms = prior_sd.shape
    spread, axes = _rotate(noise, area_cov)
    precision, right = np.zeros((q * arms, q * arms)), np.zeros((arms, q))
    for k in range(arms):
        shrink = spread[k] / (1 + sums.people * spread[k])
        inner = sums.gram - (sums.basis * shrink[:, np.newaxis]).T @ sums.basis
        pull = (sums.cross - (sums.basis * shrink[:, np.newaxis]).T @ sums.score) @ axes[:, k]
        precision += np.kron(np.outer(axes[:, k], axes[:, k]), inner)
        right += np.outer(axes[:, k], pull)
    scaled = prior_sd.T.ravel()
    system = scaled[:, np.newaxis] * precision * scaled
    system[np.diag_indices_from(system)] += 1.0
    factor = np.linalg.cholesky(system)
    return cho_solve((factor, True), scaled * right.ravel()), factor, scaled


def _rotate(noise: Array, area_cov: Array) -> tuple[Array, Array]:
    """Axes on which noise is one and area effects independent: variances (arm,) and vectors (arm, axis)."""
    values, vectors = eigh(area_cov, noise)
    return np.maximum(values, 0.0), vectors
