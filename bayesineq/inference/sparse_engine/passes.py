"""Passes over the rows: predictors, their variances, expectations of the likelihood, and sums by effect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.inner import Inner
from bayesineq.inference.sparse_engine.field import Field
from bayesineq.inference.sparse_engine.likelihoods import (
    Moments,
    Outcomes,
    Own,
    Pulls,
    expectations,
    fixed_total,
)
from bayesineq.inference.sparse_engine.many import Many, many_straightened, many_sums, many_variance
from bayesineq.inference.sparse_engine.mixed import Mixed, add_tilt, leaned, straightened
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.rows import Covariances, Sums, accumulate, predictor, predictor_variance
from bayesineq.model.families import Family

Float = NDArray[np.float64]

_CHUNK: Final = 200_000


@dataclass(frozen=True, slots=True)
class Observed:
    """
    The responses as arrays, the rows of each outcome in turn.

    Parameters
    ----------
    pieces : tuple of Piece
        What was observed of each outcome.
    offset : ndarray, shape (n_row,)
        Offset.
    constant : float
        What of the log likelihood of all rows nothing changes: the log Jacobian of a transformed outcome, and
        factorials of counts whose likelihood has no parameter of its own.
    log_value : ndarray, shape (n_row,)
        Minus that Jacobian of each row: what makes densities those of the table's own outcome.
    """

    pieces: tuple[Piece, ...]
    offset: Float
    constant: float
    log_value: Float


@dataclass(frozen=True, slots=True)
class Piece:
    """
    What was observed of one outcome.

    Parameters
    ----------
    family : Family
        Likelihood.
    outcomes : Outcomes
        What the kernels take.
    rows : slice
        Its rows among those of all outcomes.
    """

    family: Family
    outcomes: Outcomes
    rows: slice


def observed(solved: Inner) -> Observed:
    """The responses of a design as arrays."""
    pieces, offsets, log_values, constant, begin = [], [], [], 0.0, 0
    for response in solved.design.responses:
        rows, family = slice(begin, begin + len(response.value)), response.outcome.family
        value, log_value, begin = response.value, -solved.log_jacobian[rows], rows.stop
        if family.logged:
            value = np.log(value)
            log_value = log_value + value
        lower = value if response.lower is None else response.lower
        upper = value if response.upper is None else response.upper
        outcomes = Outcomes(lower, upper, np.ones(len(value)) if response.given is None else response.given)
        constant -= float(log_value.sum())
        if not family.parameters:
            constant += fixed_total(family.density.own(), outcomes)
        pieces.append(Piece(family, outcomes, rows))
        offsets.append(response.offset)
        log_values.append(log_value)
    return Observed(tuple(pieces), np.concatenate(offsets), constant, np.concatenate(log_values))


def subset(data: Observed, at: slice | NDArray[np.int64]) -> Observed:
    """Some rows of the responses, in their order."""
    pieces, begin = [], 0
    for piece in data.pieces:
        if isinstance(at, slice):
            mine: slice | NDArray[np.int64] = slice(
                max(at.start - piece.rows.start, 0), max(min(at.stop, piece.rows.stop) - piece.rows.start, 0)
            )
        else:
            mine = at[(at >= piece.rows.start) & (at < piece.rows.stop)] - piece.rows.start
        outcomes = Outcomes(*(values[mine] for values in piece.outcomes))
        pieces.append(Piece(piece.family, outcomes, slice(begin, begin + len(outcomes.upper))))
        begin = pieces[-1].rows.stop
    return replace(data, pieces=tuple(pieces), offset=data.offset[at], log_value=data.log_value[at])


def chunked(work: Callable[[int, int], None], n_row: int, pool: Executor | None) -> None:
    """Do rows in pieces, side by side where there are many."""
    if pool is None or n_row <= _CHUNK:
        work(0, n_row)
        return
    edges = range(0, n_row, _CHUNK)
    for done in [pool.submit(work, b, min(b + _CHUNK, n_row)) for b in edges]:
        done.result()


def sums_over_rows(latent: Latent, slope: Float, curvature: Float, pool: Executor | None) -> Sums:
    """A'g and A'WA by effect. Shapes: slope, curvature (n_row,)."""
    if isinstance(latent.mixed, Many):
        return many_sums(latent.mixed, slope, curvature)
    n_row = len(slope)
    # Two halves, each with sums of its own: threads never write to the same place.
    pieces = 2 if pool is not None and n_row > _CHUNK and latent.mixed is None else 1
    n_small, n_large, n_link = latent.small.size, latent.large.size, len(latent.links.left)

    def work(begin: int, end: int) -> Sums:
        out = Sums(
            np.zeros(n_small),
            np.zeros(n_large),
            np.zeros((n_small, n_small)),
            np.zeros((n_large, n_small)),
            np.zeros(n_link),
        )
        accumulate(latent.small, latent.large, latent.links, Pulls(slope, curvature), begin, end, out)
        return out

    if pieces == 1 or pool is None:
        sums = work(0, n_row)
        if latent.mixed is not None:
            add_tilt(latent.mixed, curvature, sums)
        return sums
    jobs = [pool.submit(work, n_row * k // pieces, n_row * (k + 1) // pieces) for k in range(pieces)]
    first, second = (job.result() for job in jobs)
    for name in ("small", "large", "corner", "cross", "link"):
        total = getattr(first, name)
        total += getattr(second, name)
    return first


def predict(latent: Latent, offset: Float, large: Float, small: Float, pool: Executor | None) -> Float:
    """Linear predictor of every row. Shapes: offset (n_row,); returns (n_row,)."""
    out = np.empty(len(offset))

    def work(begin: int, end: int) -> None:
        predictor(offset, latent.small, small, begin, end, out)
        predictor(out, latent.large, large, begin, end, out)

    chunked(work, len(offset), pool)
    return out


def rows_at(latent: Latent, offset: Float, large: Float, small: Float, pool: Executor | None) -> tuple[Latent, Float]:
    """
    Rows at some effects: what they read, and their predictors. Shapes: offset (n_row,); returns (n_row,).

    Returns: the field itself; where rows bend, with their weights at these effects.
    """
    if latent.mixed is None:
        return latent, predict(latent, offset, large, small, pool)
    if isinstance(latent.mixed, Many):
        mean, many = many_straightened(latent.mixed, offset, (small, large))
        return replace(latent, mixed=many), mean
    mean, mixed, (at_small, at_large) = straightened(latent.mixed, (latent.small, latent.large), offset, (small, large))
    return replace(latent, small=at_small, large=at_large, mixed=mixed), mean


def variance_of_rows(
    latent: Latent, prior: Field, of_latent: tuple[Float, Float, Float], curvature: Float, pool: Executor | None
) -> tuple[Float, Mixed | Many | None]:
    """
    Variance of every row's linear predictor, and what bending adds to it. Shapes: returns (n_row,).

    `of_latent`: Posterior covariances of small latent values, minus those of large with small ones (further columns
    are not looked at), and those of large ones on the sparse pattern. `curvature`: Of the rows, shape (n_row,).
    """
    if isinstance(latent.mixed, Many):
        return many_variance(latent, latent.mixed, prior, of_latent, curvature)
    inner, spread, covariance = of_latent
    corner = prior.basis @ inner @ prior.basis.T
    across = np.zeros((latent.large.size, latent.n_small))
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        across[load.effect] -= scale * spread[latent.large_parts[load.part].latent, : latent.n_small]
    cross = across @ prior.basis.T
    link = np.zeros(len(latent.links.left))
    for c in latent.couplings:
        times = (2.0 if c.twice else 1.0) * prior.scale[c.left] * prior.scale[c.right]
        link[c.link] += times * covariance[c.entry]
    covariances = Covariances(corner, cross, link)
    out = np.empty(latent.small.index.shape[1])

    def work(begin: int, end: int) -> None:
        predictor_variance(latent.small, latent.large, latent.links, covariances, begin, end, out)

    chunked(work, len(out), pool)
    if latent.mixed is None:
        return out, None
    return out, leaned(latent.mixed, (latent.small, latent.large), latent.links, covariances)


def expected(
    data: Observed, own: tuple[Own, ...], mean: Float, variance: Float, pool: Executor | None
) -> tuple[float, Float, Float, Float]:
    """
    Expected log likelihood and its derivatives under N(mean, variance) of each linear predictor.

    Shapes: mean, variance (n_row,).

    Returns: sum of expected log p (less what `Observed.constant` holds of it), of its derivative in the logarithm
    of each own parameter, and by row the slope and minus the curvature.
    """
    whole = Pulls(np.empty_like(mean), np.empty_like(mean))
    total, by_own = 0.0, []
    for piece, mine in zip(data.pieces, own, strict=True):
        rows = piece.rows
        at, out = Moments(mean[rows], variance[rows]), Pulls(whole.slope[rows], whole.curvature[rows])
        parts: list[tuple[float, ...]] = []

        def work(
            begin: int,
            end: int,
            mine: Own = mine,
            outcomes: Outcomes = piece.outcomes,
            at: Moments = at,
            out: Pulls = out,
            parts: list[tuple[float, ...]] = parts,
        ) -> None:
            of_rows, totals = expectations(mine, outcomes, at, begin, end, out, len(mine) > 0)
            parts.append((of_rows, *totals))

        chunked(work, len(at.mean), pool)
        # Sorted, so that the order in which threads finish does not change the last digit.
        first, *rest = (sum(sorted(part)) for part in zip(*parts, strict=True))
        total += first
        by_own += rest
    return total, np.array(by_own), whole.slope, whole.curvature
