"""
How each row fits, and how well it would have been predicted had it been left out.

The row's likelihood is divided out of the Gaussian posterior of its linear predictor: at the variational fixed point
it holds precision w and slope g, so that without it the predictor is N(m - c g, c) with 1/c = 1/v - w. What the row
itself says is then the exact likelihood under that Gaussian. Hyperparameters are averaged over without the row; a row
that moves them beyond what was explored is left out in earnest, where tables are short enough to be fitted again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.below import RULE_NODES, RULE_WEIGHTS, probability_below
from bayesineq.inference.sparse_engine.explore import Explored
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.leaving import LOST, MOVED, kept_in, left_out, looked_at, points
from bayesineq.inference.sparse_engine.likelihoods import Moments, Outcomes, Own, interval
from bayesineq.inference.sparse_engine.newton import Posterior, own_value
from bayesineq.inference.sparse_engine.passes import Observed, subset
from bayesineq.inference.sparse_engine.refit import again, worth_refitting
from bayesineq.model.families.density import fixed_part, point

Float = NDArray[np.float64]

_BLOCK: Final = 20_000
_STEPS: Final = 20
_LONGEST: Final = 2.0
_SETTLED: Final = 1e-4
_DOMINANT: Final = 0.999
"""A row that holds more than this share of what is known of its own predictor cannot be left out by division."""


def row_checks(model: Model) -> Callable[[Posterior], NDArray[Any]]:
    """
    What a node says of each row.

    Returns: of a latent field: array of shape (5, n_row) in single precision. Log density of the row given all
    others, its log posterior predictive density, the probability below it given all others, half of its own included
    where the outcome is discrete, and mean and variance of its log density over the posterior.
    """

    def look(found: Posterior) -> NDArray[Any]:
        own = own_value(model.latent, model.data, found.prior.values)
        out = np.empty((5, len(found.mean)), dtype=np.float32)
        for begin in range(0, len(found.mean), _BLOCK):
            at = slice(begin, begin + _BLOCK)
            mean, variance, data = found.mean[at], found.variance[at], subset(model.data, at)
            share = np.minimum(found.curvature[at] * variance, _DOMINANT)
            without = variance / (1.0 - share)
            shifted = mean - without * found.slope[at]
            log_density = log_predictive(data, own, shifted, without)
            below = probability_below(data, own, shifted, without, log_density)
            out[:3, at] = log_density, log_predictive(data, own, mean, variance), below
            out[3:, at] = log_density_moments(data, own, mean, variance)
        return out

    return look


def pointwise_checks(model: Model, explored: Explored, pool: ThreadPoolExecutor) -> tuple[dict[str, Float], str]:
    """
    Fit and leave-one-out prediction of each row. Shapes: returns (n_row,).

    `explored`: Posterior of the hyperparameters, its nodes looked at by `row_checks`, the mode with its whole
    field. Returns: `lpd`, log posterior predictive density of the row; `p_waic`, posterior variance of its log density;
    `cpo`, density of the row given all others;
    `pit`, probability below it given all others, half of its own included where the outcome is discrete; `moves`,
    how many posterior standard deviations the hyperparameter that moves most lies elsewhere without the row;
    `refit`, 1 where the row was left out by a fit of its own; `failure`, 1 where what is said of the row cannot be
    trusted: it decides its own predictor so far that it cannot be left out by division, or moves the
    hyperparameters out of what was explored, and the table was too long to fit it again. And the name of the
    hyperparameter that moves most, empty where there is none.
    """
    mode = explored.nodes[0].found
    seen = np.stack([n.seen for n in looked_at(explored) if n.seen is not None]).astype(np.float64)
    place = points(explored, model.latent.parameters, seen.shape[2])
    without = left_out(place, seen[:, 0], seen[:, [0, 2]], 1, pool)
    log_cpo, pit = without.values
    lost = ~(mode.curvature * mode.variance < _DOMINANT) | ~np.isfinite(log_cpo)
    done = np.zeros(len(log_cpo))
    # A row that a level hangs on moves nothing by division: only leaving it out in earnest tells.
    wanted = np.where(lost, np.inf, without.moves)
    for row in worth_refitting(model, wanted > MOVED, wanted):
        found = again(model, mode, np.array([row]), held_out, pool)
        if found is not None:
            (log_cpo[row],), (pit[row],) = found[0]
            without.measure(slice(row, row + 1), place, found[1])
            lost[row], done[row] = False, 1.0
    names = [p.name for p in model.latent.parameters]
    most = names[int(without.which[int(without.moves.argmax())])] if names and len(log_cpo) else ""
    # Second moments about the mean over nodes: what varies within a node, and what does between them.
    about = seen[:, 3] - seen[:, 3].mean(axis=0)
    first, second = kept_in(place, np.stack([about, seen[:, 4] + about**2], axis=1), 0, pool)
    checks = {
        "lpd": kept_in(place, seen[:, [1]], 1, pool)[0],
        "p_waic": np.maximum(second - first**2, 0.0),
        "cpo": np.exp(log_cpo),
        "pit": np.clip(pit, 0.0, 1.0),
        "moves": without.moves,
        "refit": done,
        "failure": (lost | ((without.moves > LOST) & (done == 0.0))).astype(np.float64),
    }
    return checks, most


def held_out(data: Observed, own: tuple[Own, ...], mean: Float, variance: Float) -> NDArray[Any]:
    """
    What a node that was found without some rows says of them.

    Shapes: mean, variance (n_row,); returns (2, n_row).
    """
    log_density = log_predictive(data, own, mean, variance)
    return np.stack([log_density, probability_below(data, own, mean, variance, log_density)])


def log_predictive(data: Observed, own: tuple[Own, ...], mean: Float, variance: Float) -> Float:
    """
    Log density of each row under a Gaussian linear predictor.

    Shapes: mean, variance (n_row,); returns (n_row,).

    Returns: log of the density averaged over the predictor; of the outcome itself where it was transformed.
    """
    out = np.empty(len(mean))
    for piece, mine in zip(data.pieces, own, strict=True):
        at, noise = Moments(mean[piece.rows], variance[piece.rows]), piece.family.density.noise
        if noise is not None:
            total = at.variance + noise(mine, piece.outcomes.given)
            out[piece.rows] = -0.5 * (np.log(2.0 * np.pi * total) + (piece.outcomes.upper - at.mean) ** 2 / total)
        else:
            _log_predictive(mine, piece.outcomes, at, out[piece.rows])
    return out - data.log_value


def log_density_moments(data: Observed, own: tuple[Own, ...], mean: Float, variance: Float) -> Float:
    """
    Mean and variance of each row's log density over a Gaussian linear predictor.

    Shapes: mean, variance (n_row,); returns (2, n_row).
    """
    out = np.empty((2, len(mean)))
    for piece, mine in zip(data.pieces, own, strict=True):
        at, noise = Moments(mean[piece.rows], variance[piece.rows]), piece.family.density.noise
        if noise is not None:
            within, square = noise(mine, piece.outcomes.given), (piece.outcomes.upper - at.mean) ** 2
            out[0, piece.rows] = -0.5 * (np.log(2.0 * np.pi * within) + (square + at.variance) / within)
            out[1, piece.rows] = (0.5 * at.variance**2 + at.variance * square) / within**2
        else:
            _log_density_moments(mine, piece.outcomes, at, out[:, piece.rows])
    out[0] -= data.log_value
    return out


@njit(cache=True, nogil=True)
def _log_density_moments(own: Own, data: Outcomes, at: Moments, out: Float) -> None:
    for r in range(out.shape[1]):
        lower, upper, given = data.lower[r], data.upper[r], data.given[r]
        sd = math.sqrt(max(at.variance[r], 0.0))
        base = 0.0
        if lower == upper:
            base, _ = fixed_part(own, upper, given)
        middle, _, _ = _log_likelihood(own, lower, upper, given, at.mean[r])
        mean, square = 0.0, 0.0
        for k in range(len(RULE_NODES)):
            f, _, _ = _log_likelihood(own, lower, upper, given, at.mean[r] + sd * RULE_NODES[k])
            mean += RULE_WEIGHTS[k] * (f - middle)
            square += RULE_WEIGHTS[k] * (f - middle) ** 2
        out[0, r] = base + middle + mean
        out[1, r] = max(square - mean * mean, 0.0)


@njit(cache=True, nogil=True)
def _log_likelihood(own: Own, lower: float, upper: float, given: float, eta: float) -> tuple[float, float, float]:
    """Log p less its fixed part, and its first two derivatives."""
    if lower == upper:
        f, g, h, _ = point(own, upper, given, eta)
    else:
        f, g, h, _ = interval(own, lower, upper, given, eta)
    return f, g, h


@njit(cache=True, nogil=True)
def _log_predictive(own: Own, data: Outcomes, at: Moments, out: Float) -> None:
    """Gauss-Hermite sums about the mode of Gaussian times likelihood, which may lie far out in the Gaussian's tail."""
    for r in range(len(out)):
        m, v = at.mean[r], at.variance[r]
        lower, upper, given = data.lower[r], data.upper[r], data.given[r]
        base = 0.0
        if lower == upper:
            base, _ = fixed_part(own, upper, given)
        if not v > 0.0:
            f, _, _ = _log_likelihood(own, lower, upper, given, m)
            out[r] = f + base
            continue
        centre, precision = m, 1.0 / v
        for _ in range(_STEPS):
            _, g, h = _log_likelihood(own, lower, upper, given, centre)
            precision = 1.0 / v + max(-h, 0.0)
            step = (g - (centre - m) / v) / precision
            centre += min(max(step, -_LONGEST), _LONGEST)
            if abs(step) < _SETTLED:
                break
        sd = 1.0 / math.sqrt(precision)
        top, total = -np.inf, 0.0
        for k in range(len(RULE_NODES)):
            eta = centre + sd * RULE_NODES[k]
            f, _, _ = _log_likelihood(own, lower, upper, given, eta)
            term = f - 0.5 * (eta - m) ** 2 / v + 0.5 * RULE_NODES[k] ** 2
            if term > top:
                total *= math.exp(top - term)
                top = term
            total += RULE_WEIGHTS[k] * math.exp(term - top)
        out[r] = base + top + math.log(total) + math.log(sd) - 0.5 * math.log(v)
