"""
The evidence for hyperparameters beyond its Gaussian bound.

log p(y | theta) = bound + log E_q[exp(r)], r = log p(y, z) - log q(z) - bound. At the variational fixed point r is the
sum of what a quadratic cannot say of each log likelihood. Its rows hang together through the effects that they share,
and different effects are nearly independent under q, so that log E_q[exp(r)] is close to a sum over the levels of
random effects of one-dimensional integrals: the rows of a level, along that level's effect. Without it the bound is
too small where levels hold few and skew counts, by an amount that changes with the scale of the effects and moves
sigma.

Where the leading term of that integral, T^2 v^3 / 12 with T the level's summed third derivative and v the variance of
its effect, is small at every level of a term, it stands for the integral.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.bending import bending_gap
from bayesineq.inference.sparse_engine.likelihoods import (
    Moments,
    Outcomes,
    Own,
    interval,
    log_density_at_nodes,
)
from bayesineq.inference.sparse_engine.many import Many, many_gap
from bayesineq.inference.sparse_engine.newton import Posterior, own_value
from bayesineq.inference.sparse_engine.parts import Contrasts, Latent
from bayesineq.inference.sparse_engine.passes import Observed, Piece
from bayesineq.inference.sparse_engine.rows import Side
from bayesineq.model.families.density import point

Float = NDArray[np.float64]

_SMALL: Final = 0.003
_MOST: Final = 2.0
"""A level that would add more is no perturbation of a Gaussian; its share is cut off here."""


def evidence_gap(latent: Latent, data: Observed, found: Posterior) -> float:
    """What the evidence has beyond its bound."""
    own = own_value(latent, data, found.prior.values)
    third, raised = third_of_rows(data, own, found.mean, found.variance)
    if isinstance(latent.mixed, Many):
        return many_gap(third, found.variance) + bending_gap(latent, latent.mixed, found)
    rows = _Rows(own, data.pieces, third, raised)
    large, small = effect_variances(latent, found)
    large_prior, small_prior = _prior_variances(latent, found)
    total = 0.0
    held = {one.block: one for one in latent.contrasts.values()}
    for block in np.unique(latent.large.block):
        if block in held:
            total += _contrasts_gap(rows, latent, found, held[block])
        else:
            total += _block_gap(rows, found, latent.large, block, large, large_prior)
    for block, of_random in enumerate(latent.random_blocks):
        if of_random:
            total += _block_gap(rows, found, latent.small, block, small, small_prior)
    return total


def third_of_rows(data: Observed, own: tuple[Own, ...], mean: Float, variance: Float) -> tuple[Float, Float]:
    """
    Third derivative of each row's log likelihood, averaged over its predictor.

    Shapes: mean, variance (n_row,).

    Returns: the derivative, and the share of a variance by which the mean is raised to take it there.
    """
    third, raised = np.empty_like(mean), np.zeros_like(mean)
    for piece, mine in zip(data.pieces, own, strict=True):
        at = piece.rows
        # What varies beside an effect raises the mean of a count with a log link: half its variance stands for it.
        raised[at] = 0.5 if piece.family.counts and piece.family.link == "log" else 0.0
        _third_derivatives(mine, piece.outcomes, mean[at] + raised[at] * variance[at], third[at])
    return third, raised


class _Rows(NamedTuple):
    """Rows with their third derivatives, and the share of a variance beside that raises their predictors."""

    own: tuple[Own, ...]
    pieces: tuple[Piece, ...]
    third: Float
    raised: Float


def _block_gap(
    rows: _Rows,
    found: Posterior,
    side: Side,
    block: int,
    variance: Float,
    ceiling: Float,
) -> float:
    slots = np.flatnonzero(side.block == block)
    mean, spread, curvature = found.mean, found.variance, found.curvature
    if len(slots) == 1:
        (slot,) = slots
        level, weighted = side.index[slot], side.weighted[slot]
        weight = None if weighted < 0 else side.weight[weighted]
    else:
        # A row that reads several effects of the block is a row of each.
        level, weight = side.index[slots].ravel(), side.weight[side.weighted[slots]].ravel()
        several = (rows.third, rows.raised, mean, spread, curvature)
        third, raised, mean, spread, curvature = (np.tile(v, len(slots)) for v in several)
        rows = rows._replace(third=third, raised=raised)
    pull = rows.third if weight is None else rows.third * weight**3
    summed = np.bincount(level, weights=pull, minlength=side.size)
    leading = summed**2 * variance**3 / 12.0
    if float(leading.max(initial=0.0)) < _SMALL:
        return float(leading.sum())
    # An effect known only together with the intercept varies more than its rows' predictors do, and more than it
    # would were all else known; what counts is the least of the three.
    square = np.ones_like(mean) if weight is None else weight**2
    least = np.full(side.size, np.inf)
    np.minimum.at(least, level, spread / np.maximum(square, 1e-12))
    known = np.bincount(level, weights=curvature * square, minlength=side.size)
    variance = np.minimum(np.minimum(variance, least), 1.0 / np.maximum(known + 1.0 / ceiling, 1e-300))
    leading = summed**2 * variance**3 / 12.0
    if float(leading.max(initial=0.0)) < _SMALL:
        return float(leading.sum())
    begin, end = int(level.min()), int(level.max()) + 1
    along = variance[level] if weight is None else variance[level] * weight**2
    mean = mean + rows.raised * np.maximum(spread - along, 0.0)
    at = np.zeros((end - begin, len(_GRID)))
    for first in range(0, len(level), len(found.mean)):
        for piece, own in zip(rows.pieces, rows.own, strict=True):
            mine = slice(first + piece.rows.start, first + piece.rows.stop)
            moments = Moments(mean[mine], along[mine])
            log_density_at_nodes(own, piece.outcomes, moments, _GRID, level[mine] - np.int32(begin), at)
    hermite = np.stack([np.ones_like(_GRID), _GRID, (_GRID * _GRID - 1.0) / np.sqrt(2.0)])
    rest = at - (at @ (_MASS * hermite).T) @ hermite
    top = rest.max(axis=1)
    gap = top + np.log(np.exp(rest - top[:, None]) @ _MASS)
    return float(np.clip(gap, 0.0, _MOST).sum())


def _contrasts_gap(rows: _Rows, latent: Latent, found: Posterior, held: Contrasts) -> float:
    """Of a term held in contrasts, along its effects: each is a sum of contrasts, and these hang together."""
    links, side, of_row = latent.links, latent.large, np.zeros(len(found.mean))
    own = {c.link.start: c for c in latent.couplings if isinstance(c.link, slice)}
    for p, (a, b) in enumerate(zip(links.first, links.second, strict=True)):
        if side.block[a] == held.block and side.block[b] == held.block:
            c = own[int(links.start[p])]
            both = side.weight[side.weighted[a]] * side.weight[side.weighted[b]]
            covariance = found.prior.scale[c.left] * found.prior.scale[c.right] * found.covariance[c.entry]
            of_row += (1.0 if a == b else 2.0) * both * covariance[links.index[p] - links.start[p]]
    variance = np.zeros(held.size)
    variance[held.index] = np.maximum(of_row, 0.0)
    effects_of = Side(
        held.index[None], np.zeros((0, len(of_row))), np.array([-1]), held.size, np.zeros(1, dtype=np.int64)
    )
    return _block_gap(rows, found, effects_of, 0, variance, np.full(held.size, np.inf))


# Where a row tells little, exp(h) grows almost as fast as q falls: an even grid follows that, Gauss-Hermite does not.
_GRID: Final = np.linspace(-6.4, 6.4, 33)
_MASS: Final = np.exp(-0.5 * _GRID**2) / np.exp(-0.5 * _GRID**2).sum()


def effect_variances(latent: Latent, found: Posterior) -> tuple[Float, Float]:
    """
    Posterior variance of every effect given the hyperparameters.

    Returns: of large effects that have rows (others are zero), and of small effects.
    """
    large = np.zeros(latent.large.size)
    for slot in range(len(latent.large.block)):
        own = np.zeros(latent.large.size)
        for c in latent.couplings:
            if c.slot == slot:
                times = (2.0 if c.twice else 1.0) * found.prior.scale[c.left] * found.prior.scale[c.right]
                own[latent.links.left[c.link]] += times * found.covariance[c.entry]
        # An effect that rows read in several slots has the same variance in each.
        np.maximum(large, own, out=large)
    inner = found.system.inner[: latent.n_small, : latent.n_small]
    basis = found.prior.basis
    return large, np.maximum(((basis @ inner) * basis).sum(axis=1), 0.0)


def _prior_variances(latent: Latent, found: Posterior) -> tuple[Float, Float]:
    """Prior variance of large effects, infinite where it is not at hand, and of small ones."""
    large = np.full(latent.large.size, np.inf)
    for scale, load in zip(found.prior.scale, latent.large_loads, strict=True):
        alone = sum(other.effect == load.effect for other in latent.large_loads) == 1
        if alone and latent.large_parts[load.part].structure.is_white:
            large[load.effect] = scale**2
    return large, np.maximum((found.prior.basis**2).sum(axis=1), 1e-300)


@njit(cache=True, nogil=True)
def _third_derivatives(own: Own, data: Outcomes, at: Float, out: Float) -> None:
    step = 1e-3
    for r in range(len(at)):
        lower, upper, given = data.lower[r], data.upper[r], data.given[r]
        high, low = 0.0, 0.0
        if lower == upper:
            _, _, high, _ = point(own, upper, given, at[r] + step)
            _, _, low, _ = point(own, upper, given, at[r] - step)
        else:
            _, _, high, _ = interval(own, lower, upper, given, at[r] + step)
            _, _, low, _ = interval(own, lower, upper, given, at[r] - step)
        out[r] = (high - low) / (2.0 * step)
