"""
Skew posteriors of rows with few events, put into Gaussian draws.

The log likelihood of a row is, at the variational fixed point, a quadratic and a remainder r(eta) without moments up to
the second under q. Of its own predictor alone, N(m, v), it makes the density N(m, v) exp(r), and a monotone map takes
draws of the first to draws of the second: eta + d(eta). Each row moves its predictor so, and everything else by
regression on it: a draw x becomes x + sum over rows of cov(x, eta_r) d_r(eta_r) / v_r. To first order in the remainders
that is the map onto the posterior itself, since with a = cov(x, eta_r) and d = T (eta^2 - v) v / 6 the field a d / v
has the divergence that r = T (eta^3 - 3 v eta) / 6 asks for: third cumulants are sums over rows of T times products of
three covariances (as in Rue, Martino and Chopin 2009, section 3.2.3), of every effect and every sum of effects, and
draws stay joint. Along a row's own predictor it holds all orders.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr

from bayesineq.inference.sparse_engine.arrow import Arrow, arrow_solve
from bayesineq.inference.sparse_engine.correct import third_of_rows
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.likelihoods import Moments, Outcomes, Own, interval
from bayesineq.inference.sparse_engine.many import Many
from bayesineq.inference.sparse_engine.newton import Posterior, own_value
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.passes import rows_at, subset
from bayesineq.inference.sparse_engine.rows import Side, weights_of
from bayesineq.model.families.density import point

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_GRID: Final = np.linspace(-7.0, 7.0, 36)
_MASS: Final = np.exp(-0.5 * _GRID**2) / np.exp(-0.5 * _GRID**2).sum()
_KNOTS: Final = np.linspace(-4.0, 4.0, 17)
_FARTHEST: Final = 4.0
_BELOW: Final = ndtr(_KNOTS)
_SHARE: Final = np.maximum(1.0 - np.abs(_GRID[:, None] - _KNOTS) / (_KNOTS[1] - _KNOTS[0]), 0.0).T @ _MASS
_LEAST: Final = 0.08
"""Skewness of an effect up to which it moves no quantile of 95% by a twenty-fifth of a standard deviation."""

_FAINT: Final = 0.1
"""Skewness of a row up to which d is the first term of its series in it, skewness (z^2 - 1) / 6 of its sd: the second
moves the ends of 95% by two thousandths of a standard deviation."""

_MILD: Final = 0.5
_MANY: Final = 1000
"""Skewness up to which, and effects from which on, rows say too little of other areas (the cube of a correlation) for
a solve to change a digit."""

_NOTHING: Final = 1e-300


class Skew(NamedTuple):
    """
    What moves the draws of a node.

    Parameters
    ----------
    rows : Latent
        What each row reads.
    sd : ndarray of float32, shape (n_row,)
        Standard deviation of its predictor.
    bend : ndarray of float32, shape (n_row,)
        Factor of z^2 - 1 in d / v, at a standardised value z of the predictor; where it moves alone, in d.
    at : ndarray of int32, shape (n_row,)
        Row of `pull` that d / v is read from instead; -1 for none.
    pull : ndarray of float32, shape (n_read, n_knot)
        d / v, or d, at knots of z.
    alone : bool
        Whether each row moves the one large effect that it reads, and nothing else, without a solve.
    """

    rows: Latent
    sd: Float32
    bend: Float32
    at: NDArray[np.int32]
    pull: Float32
    alone: bool


def skew_of(model: Model, found: Posterior) -> Skew | None:
    """What moves draws of a node; none where no effect is skew enough, or rows read many effects."""
    latent, data, prior = model.latent, model.data, found.prior
    if not model.variational or isinstance(latent.mixed, Many):
        return None
    own, variance = own_value(latent, data, prior.values), found.variance.astype(np.float64)
    rows, mean = rows_at(latent, data.offset, *effects(latent, prior, found.large, found.small), None)
    third, _ = third_of_rows(data, own, mean, variance)
    inner = found.system.inner[: latent.n_small, : latent.n_small]
    of_small = np.einsum("ij,jk,ik->i", prior.basis, inner, prior.basis)
    skewness = np.zeros(len(mean))
    for side, least in ((rows.large, np.full(rows.large.size, np.inf)), (rows.small, of_small)):
        of_effect = _skewness(side, third, variance, least)
        for index in side.index:
            np.maximum(skewness, of_effect[index], out=skewness)
    kept = np.flatnonzero(skewness > _LEAST)
    if not len(kept):
        return None
    rows = replace(rows, small=_of_rows(rows.small, kept), large=_of_rows(rows.large, kept))
    mean, variance, third = mean[kept], variance[kept], third[kept]
    one = len(rows.large.index) == 1 and rows.large.weighted[0] < 0
    alone = one and rows.large.size >= _MANY and float(skewness.max()) < _MILD
    bend = third * variance / 6.0
    # Of short tables every row is read, which costs little.
    read = np.flatnonzero((np.abs(third) * variance**1.5 > _FAINT) | (not alone))
    at, pull = np.full(len(kept), -1, dtype=np.int32), np.zeros((len(read), len(_KNOTS)), dtype=np.float32)
    at[read] = np.arange(len(read))
    for piece, mine in zip(subset(data, kept[read]).pieces, own, strict=True):
        of = piece.rows
        _pulls(mine, piece.outcomes, Moments(mean[read][of], variance[read][of]), pull[of])
    if alone:
        pull *= variance[read].astype(np.float32)[:, None]
        bend *= variance
    return Skew(rows, np.sqrt(variance).astype(np.float32), bend.astype(np.float32), at, pull, alone)


def _skewness(side: Side, third: Float, variance: Float, own: Float) -> Float:
    """Size of the skewness that its rows give each effect, which varies as they do at most, or as itself: `own`."""
    total, most, square, number = np.zeros((4, side.size))
    for index, weighted in zip(side.index, side.weighted, strict=True):
        weight = np.ones(len(third)) if weighted < 0 else side.weight[weighted]
        total += np.bincount(index, weights=third * weight**3, minlength=side.size)
        square += np.bincount(index, weights=weight**2, minlength=side.size)
        number += np.bincount(index, minlength=side.size)
        np.maximum.at(most, index, variance)
    # The variance of a row that reads an effect with a weight holds the weight's square.
    most *= number / np.maximum(square, _NOTHING)
    return np.asarray(np.abs(total) * np.minimum(most, own) ** 1.5)


def _of_rows(side: Side, kept: NDArray[np.int64]) -> Side:
    return side._replace(index=side.index[:, kept], weight=side.weight[:, kept])


def skewed(
    latent: Latent, found: Posterior, system: Arrow, skew: Skew, drawn: tuple[Float, Float, Float]
) -> tuple[Float, Float]:
    """
    Move Gaussian draws of a node, less their mean, onto its skew posterior.

    `drawn`: z, w and alpha as `border_draws` gives them. Returns: z and alpha.
    """
    z, border, alpha = drawn
    prior = found.prior
    large, small = effects(latent, prior, z - system.reach @ border, alpha)
    pulled, small_pulled = np.zeros_like(large), np.zeros_like(small)
    moves = skew.sd, skew.bend, skew.at, skew.pull
    _pull_effects(skew.rows.small, skew.rows.large, moves, (small, large), (small_pulled, pulled))
    right = np.zeros_like(z)
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        right[latent.large_parts[load.part].latent] += scale * pulled[load.effect]
    if skew.alone:
        return z + right / max(float(prior.scale @ prior.scale), _NOTHING), alpha
    right_border = np.zeros((len(system.inner), z.shape[1]))
    right_border[: latent.n_small] = prior.basis.T @ small_pulled
    moved, moved_border = arrow_solve(system, right, right_border)
    return z + moved, alpha + moved_border[: latent.n_small]


@njit(cache=True, nogil=True)
def _pull_effects(
    small: Side,
    large: Side,
    rows: tuple[Float32, Float32, NDArray[np.int32], Float32],
    effect: tuple[Float, Float],
    out: tuple[Float, Float],
) -> None:
    """Pull of the rows, by `Skew`, on effects at some values of these, shapes (n_effect, n_draw)."""
    (sd, bend, read, pull), (of_small, of_large), (on_small, on_large) = rows, effect, out
    n_draw, n_small, n_large = of_small.shape[1], small.index.shape[0], large.index.shape[0]
    weight, eta = np.empty(n_small + n_large), np.empty(n_draw)
    low, per_step, last = -_KNOTS[0] / (_KNOTS[1] - _KNOTS[0]), 1.0 / (_KNOTS[1] - _KNOTS[0]), len(_KNOTS) - 2
    for r in range(len(sd)):
        weights_of(small.weight, small.weighted, r, weight, 0)
        weights_of(large.weight, large.weighted, r, weight, n_small)
        eta[:] = 0.0
        for b in range(n_small):
            i = small.index[b, r]
            for d in range(n_draw):
                eta[d] += weight[b] * of_small[i, d]
        for b in range(n_large):
            i = large.index[b, r]
            for d in range(n_draw):
                eta[d] += weight[n_small + b] * of_large[i, d]
        q = read[r]
        if q < 0:
            scale, factor = 1.0 / sd[r], bend[r]
            for d in range(n_draw):
                z = min(max(eta[d] * scale, -_FARTHEST), _FARTHEST)
                eta[d] = factor * (z * z - 1.0)
        else:
            scale = per_step / sd[r]
            for d in range(n_draw):
                at = low + eta[d] * scale
                k = min(max(int(at), 0), last)
                eta[d] = pull[q, k] + (at - k) * (pull[q, k + 1] - pull[q, k])
        for b in range(n_small):
            i = small.index[b, r]
            for d in range(n_draw):
                on_small[i, d] += weight[b] * eta[d]
        for b in range(n_large):
            i = large.index[b, r]
            for d in range(n_draw):
                on_large[i, d] += weight[n_small + b] * eta[d]


@njit(cache=True, nogil=True)
def _pulls(own: Own, data: Outcomes, at: Moments, pull: Float32) -> None:
    """Moves of each row's predictor, over its variance, at the knots; none where log p is not a number."""
    n, h = len(_GRID), _GRID[1] - _GRID[0]
    log_density, cumulated = np.empty(n), np.empty(n)
    for r in range(len(pull)):
        v, lower, upper, given = at.variance[r], data.lower[r], data.upper[r], data.given[r]
        sd = math.sqrt(v)
        a, b, c = 0.0, 0.0, 0.0
        for k in range(n):
            if lower == upper:
                f, _, _, _ = point(own, upper, given, at.mean[r] + sd * _GRID[k])
            else:
                f, _, _, _ = interval(own, lower, upper, given, at.mean[r] + sd * _GRID[k])
            log_density[k] = f
            a += _MASS[k] * f
            b += _MASS[k] * f * _GRID[k]
            c += 0.5 * _MASS[k] * f * (_GRID[k] ** 2 - 1.0)
        if v <= 0.0 or not math.isfinite(a + b + c):
            continue
        top = -np.inf
        for k in range(n):
            log_density[k] -= a + b * _GRID[k] + c * (_GRID[k] ** 2 - 1.0) + 0.5 * _GRID[k] ** 2
            top = max(top, log_density[k])
        # Between the points of the grid the logarithm of the density is a line.
        cumulated[0], before = 0.0, math.exp(log_density[0] - top)
        for k in range(1, n):
            here, bend = math.exp(log_density[k] - top), log_density[k] - log_density[k - 1]
            mass = (here - before) / bend if abs(bend) > 1e-6 else here
            cumulated[k] = cumulated[k - 1] + h * mass
            before = here
        k = 1
        for j in range(len(_KNOTS)):
            wanted = _BELOW[j] * cumulated[n - 1]
            while k < n - 1 and cumulated[k] < wanted:
                k += 1
            bend = (log_density[k] - log_density[k - 1]) / h
            density = math.exp(log_density[k - 1] - top)
            ahead = (wanted - cumulated[k - 1]) / density if density > 0.0 else 0.0
            ahead = math.log1p(max(bend * ahead, -0.999)) / bend if abs(bend) > 1e-6 else ahead
            pull[r, j] = (_GRID[k - 1] + min(max(ahead, 0.0), h) - _KNOTS[j]) / sd
        # The mean is that of the fixed point, which many rows made together.
        middle = 0.0
        for j in range(len(_KNOTS)):
            middle += _SHARE[j] * pull[r, j]
        for j in range(len(_KNOTS)):
            pull[r, j] -= middle
