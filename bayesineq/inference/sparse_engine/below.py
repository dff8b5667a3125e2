"""Probability of an outcome below the one seen, averaged over a Gaussian linear predictor."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray
from scipy import special

from bayesineq.inference.sparse_engine.likelihoods import NODES, WEIGHTS, Moments, Outcomes, Own, formula
from bayesineq.inference.sparse_engine.passes import Observed, Piece

Float = NDArray[np.float64]

RULE_NODES: Final = NODES[3, :17].copy()
"""Nodes of the Gauss-Hermite rule of 17."""

RULE_WEIGHTS: Final = WEIGHTS[3, :17].copy()
"""Its weights."""

_COUNTED: Final = 500.0
_REGULAR: Final = 5.0
"""Laws of at least this size are near enough to Gaussian for Gauss-Hermite sums about their mode."""


def probability_below(data: Observed, own: tuple[Own, ...], mean: Float, variance: Float, log_density: Float) -> Float:
    """
    Probability of an outcome below each row's, and half of that of its own.

    Shapes: mean, variance (n_row,); log_density (n_row,); returns (n_row,).

    `log_density`: Log probability or density of each row under that predictor, as `log_predictive` gives it.
    """
    return np.concatenate(
        [
            _below(piece, mine, Moments(mean[piece.rows], variance[piece.rows]), log_density[piece.rows])
            for piece, mine in zip(data.pieces, own, strict=True)
        ]
    )


def _below(piece: Piece, own: Own, at: Moments, log_density: Float) -> Float:
    """The same for one outcome."""
    formulas, rows, counts = piece.family.density, piece.outcomes, piece.family.counts
    if formulas.noise is not None:
        total = at.variance + formulas.noise(own, rows.given)
        return np.asarray(special.ndtr((rows.upper - at.mean) / np.sqrt(total)))
    out = np.full(len(at.mean), np.nan)
    if formulas.tail is not None:
        _informative_below(own, rows, at, out)
    if formulas.none is not None:
        _counted_below(own, rows, at, out)
    if counts:
        out -= 0.5 * np.exp(log_density)
    vague = np.flatnonzero(np.isnan(out))
    if len(vague):
        eta = at.mean[vague, None] + np.sqrt(at.variance[vague])[:, None] * RULE_NODES
        lower, upper, given = (values[vague] for values in rows)
        below = _cdf(piece, own, upper, given, eta)
        above = _cdf(piece, own, lower - 1.0, given, eta) if counts else below
        out[vague] = 0.5 * (above + below) @ RULE_WEIGHTS
    return out


def _cdf(piece: Piece, own: Own, y: Float, given: Float, eta: Float) -> Float:
    """P(Y <= y) at each node; nothing lies below zero."""
    found = piece.family.density.cdf(own, np.maximum(y, 0.0)[:, None], given[:, None], eta)
    return np.where(y[:, None] < 0.0, 0.0, found)


def _tail(own: Own, y: float, given: float) -> tuple[float, float, float, bool, float]:
    """`Density.tail`, found out by the compiler."""
    raise NotImplementedError


@overload(_tail, strict=False)
def _tail_formula(own: Any, y: Any, given: Any) -> Any:
    return formula(own, "tail")


def _none(own: Own, given: float, eta: float) -> tuple[float, float]:
    """`Density.none`, found out by the compiler."""
    raise NotImplementedError


@overload(_none, strict=False)
def _none_formula(own: Any, given: Any, eta: Any) -> Any:
    return formula(own, "none")


def _next_count(own: Own, given: float, count: float, odds: float) -> float:
    """`Density.next_count`, found out by the compiler."""
    raise NotImplementedError


@overload(_next_count, strict=False)
def _next_count_formula(own: Any, given: Any, count: Any, odds: Any) -> Any:
    return formula(own, "next_count")


def _missed(own: Own, y: float, given: float) -> float:
    """`Density.missed`, found out by the compiler; a count without a most misses infinitely many."""
    raise NotImplementedError


@overload(_missed, strict=False)
def _missed_formula(own: Any, y: Any, given: Any) -> Any:
    return formula(own, "missed") or (lambda own, y, given: math.inf)


@njit(cache=True, nogil=True)
def _informative_below(own: Own, data: Outcomes, at: Moments, out: Float) -> None:
    """
    P(Y <= y) of rows that say more of their predictor than the Gaussian does; others are left as they are.

    As a function of the predictor P(Y <= y) is itself a survival function: of log Gamma(y + 1) for a Poisson count, of
    logit Beta(y + 1, n - y) for a binomial one. Its mean under N(m, v) is that of Phi((eta - m) / sqrt(v)) under that
    law, which is smooth where P(Y <= y) is steep.
    """
    for r in range(len(out)):
        y = data.upper[r]
        a, b, shift, turned, floor = _tail(own, y, data.given[r])
        served = data.lower[r] == y and min(a, b) >= _REGULAR
        width = math.sqrt(1.0 / a + 1.0 / b) if served else np.inf
        sd = math.sqrt(max(at.variance[r], 0.0))
        if not width < sd:
            continue
        top = math.log(a) if b == np.inf else math.log(a / b)
        height = _log_steepness(a, b, top)
        total, mass = 0.0, 0.0
        for k in range(len(RULE_NODES)):
            x = top + width * RULE_NODES[k]
            weight = RULE_WEIGHTS[k] * math.exp(_log_steepness(a, b, x) - height + 0.5 * RULE_NODES[k] ** 2)
            # The larger a gamma outcome's predictor, the more likely is a smaller outcome than y: the law turned round.
            eta = shift - x if turned else x + shift
            total += weight * 0.5 * math.erfc((at.mean[r] - eta) / (sd * math.sqrt(2.0)))
            mass += weight
        out[r] = floor + (1.0 - floor) * (total / mass)


@njit(cache=True, nogil=True)
def _counted_below(own: Own, data: Outcomes, at: Moments, out: Float) -> None:
    """P(Y <= y) of rows that are still nan and near one end of their range, by summing probabilities from that end."""
    for r in range(len(out)):
        y, given = data.upper[r], data.given[r]
        if not math.isnan(out[r]) or data.lower[r] != y:
            continue
        missed = _missed(own, y, given)
        if min(y, missed) > _COUNTED:
            continue
        turned = missed < y
        last = missed - 1.0 if turned else y
        sd = math.sqrt(at.variance[r])
        total = 0.0
        for k in range(len(RULE_NODES)):
            eta = at.mean[r] + sd * RULE_NODES[k]
            mass, odds = _none(own, given, -eta if turned else eta)
            below, count = 0.0, 0.0
            while count <= last:
                below += mass
                mass *= _next_count(own, given, count, odds)
                count += 1.0
            total += RULE_WEIGHTS[k] * min(below, 1.0)
        _, _, _, _, floor = _tail(own, y, given)
        out[r] = floor + (1.0 - floor) * (1.0 - total if turned else total)


@njit(cache=True, nogil=True)
def _log_steepness(a: float, b: float, x: float) -> float:
    """Log density, not normalised, of log Gamma(a), or of logit Beta(a, b) where b is finite."""
    if b == np.inf:
        return a * x - math.exp(x)
    return a * x - (a + b) * (max(x, 0.0) + math.log1p(math.exp(-abs(x))))
