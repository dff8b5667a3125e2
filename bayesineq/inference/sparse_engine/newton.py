"""
The latent field given hyperparameters: a Gaussian N(m, S) at its variational fixed point.

S = H^-1 with H = R + A' diag(E_q[-d2 log p / d eta2]) A, and m solves A' E_q[d log p / d eta] = R m (Opper and
Archambeau 2009). Without the correction the expectations are taken at the mode, which is the plain Laplace
approximation: at small counts its intercept is wrong by several posterior standard deviations.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import ConvergenceError
from bayesineq.inference.sparse_engine.arrow import Arrow, arrow_with, finish, selected_covariances, with_sparse_part
from bayesineq.inference.sparse_engine.field import (
    Field,
    effects,
    latent_sums,
    part_scale,
    prior_entries,
    prior_force,
)
from bayesineq.inference.sparse_engine.likelihoods import Own
from bayesineq.inference.sparse_engine.many import Many
from bayesineq.inference.sparse_engine.mixed import Mixed, climbed
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.passes import Observed, expected, rows_at, sums_over_rows, variance_of_rows
from bayesineq.inference.sparse_engine.rows import Sums

Float = NDArray[np.float64]

_ITERATIONS: Final = 60
_EAGER: Final = 15
_PATIENT: Final = 0.2
_MOVE: Final = 1e-2
_MOVE_PLAIN: Final = 1e-5
_VARIANCE_MOVE: Final = 3e-2
_SHORT: Final = 5000
"""Latent values up to which rows that bend are followed to"""
_MOVE_BENT: Final = 1e-3
_VARIANCE_MOVE_BENT: Final = 3e-3
_COLD: Final = 0.3
_FLAT: Final = 1e-3
_SHORTEST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Posterior:
    """
    The latent field given hyperparameters.

    Parameters
    ----------
    prior : Field
        Its prior.
    large, small : ndarray
        m.
    system : Arrow
        H, factorised.
    covariance : ndarray, shape (n_entry,)
        S on the sparse pattern.
    mean, variance : ndarray, shape (n_row,)
        Moments of each row's linear predictor.
    slope, curvature : ndarray, shape (n_row,)
        E_q[d log p / d eta] and E_q[-d2 log p / d eta2].
    bound : float
        Evidence lower bound on log p(y | hyperparameters); plain, its Laplace approximation.
    own_slope : ndarray, shape (n_own,)
        Expected derivative of log p in the logarithm of each of the outcome's own parameters.
    sums : Sums
        What of the data H was made from.
    rows : Latent or None
        The latent field with what its rows read at m; None once rows are let go of.
    iterations : int
        Factorisations used.
    """

    prior: Field
    large: Float
    small: Float
    system: Arrow
    covariance: Float
    mean: Float
    variance: Float
    slope: Float
    curvature: Float
    bound: float
    own_slope: Float
    sums: Sums
    rows: Latent | None
    iterations: int


@dataclass(frozen=True, slots=True)
class Start:
    """
    Where Newton begins: contributions of parts to the linear predictor, which hardly move with hyperparameters.

    Parameters
    ----------
    large, small : ndarray
        Contributions: scale times latent value.
    variance : ndarray, shape (n_row,)
        Of the linear predictor; zero for none.
    bent : (ndarray, ndarray), optional
        Lift and tilt of rows that read many effects.
    """

    large: Float
    small: Float
    variance: Float
    bent: tuple[Float, Float] | None = None


def own_value(latent: Latent, data: Observed, values: Float) -> tuple[Own, ...]:
    """Each outcome's own parameters. Shapes: values (n_parameter,)."""
    left = iter(latent.own)
    return tuple(
        piece.family.density.own(*(float(values[next(left)]) for _ in piece.family.parameters)) for piece in data.pieces
    )


def posterior(
    latent: Latent,
    data: Observed,
    prior: Field,
    start: Start,
    *,
    variational: bool = True,
    pool: Executor | None = None,
) -> Posterior:
    """
    Gaussian posterior of the latent field at given hyperparameters.

    `variational`: Whether to take expectations under q (the fixed point above) or at the mode.
    """
    own = own_value(latent, data, prior.values)
    if isinstance(latent.mixed, Many) and start.bent is not None and variational:
        latent = replace(latent, mixed=replace(latent.mixed, lift=start.bent[0], tilt=start.bent[1]))
    scale = contribution_scale(latent, prior)
    variance = start.variance if variational else np.zeros_like(start.variance)
    # From a cold start the mode comes first: variances mean little far from it.
    cold = variational and not variance.any()
    point = _at(latent, data, prior, own, (start.large / scale[0], start.small / scale[1]), variance, pool)
    best, iterations, settled = -np.inf, 0, False
    # What bends lags a step behind.
    least = 2 if isinstance(latent.mixed, Many) and variational else 1
    move, variance_move = (_MOVE if variational else _MOVE_PLAIN), _VARIANCE_MOVE
    if isinstance(latent.mixed, Many) and variational and latent.n_large <= _SHORT:
        move, variance_move = _MOVE_BENT, _VARIANCE_MOVE_BENT
    while not settled:
        iterations += 1
        if iterations > _ITERATIONS:
            raise ConvergenceError(_LOST)
        try:
            sums = sums_over_rows(point.rows, point.slope, point.curvature, pool)
            system, *step = _newton_step(latent, prior, sums, force=point.force, at=point.large)
        except np.linalg.LinAlgError as error:
            raise ConvergenceError(_LOST) from error
        used, covariance, calm, entropy = point.curvature, np.empty(0), True, 0.0
        if variational and not cold:
            covariance, fresh, mixed = _covariances(point.rows, prior, system, point.curvature, pool)
            if mixed is not None and point.rows.mixed is not None:
                # What bending now adds to the means changes the value before any step.
                best += float(point.slope @ (mixed.lift - point.rows.mixed.lift))
                latent = replace(latent, mixed=mixed)
            calm = bool((np.abs(fresh - variance) <= variance_move * fresh + 1e-12).all())
            variance = _next_variance(data, variance, fresh, used, iterations)
            entropy = 0.5 * (float(used @ variance) - system.log_determinant)
        evaluate = partial(_at, latent, data, prior, own, variance=variance, pool=pool)
        new, best, length = _search(evaluate, point, (step[0], step[1]), best, entropy)
        moved = float(np.abs(new.mean - point.mean).max(initial=0.0))
        point = new
        if cold:
            if moved < _COLD:
                cold, best = False, -np.inf
        else:
            settled = moved < move and calm and length == 1.0 and iterations >= least
    if variational:
        # S belongs to the curvature before the last step; what the bound loses by that is of second order.
        best += 0.25 * float((((point.curvature - used) * variance) ** 2).sum())
    else:
        covariance, variance, _ = _covariances(point.rows, prior, system, used, pool)
        best -= 0.5 * system.log_determinant
    bound = best + 0.5 * prior.log_determinant + data.constant
    return _settled(prior, point, system, covariance, variance, bound=bound, sums=sums, iterations=iterations)


class _Point(NamedTuple):
    """The field at one place, with what pulls at it there."""

    large: Float
    small: Float
    rows: Latent
    mean: Float
    own_slope: Float
    slope: Float
    curvature: Float
    force: tuple[Float, Float]
    value: float


def _settled(
    prior: Field,
    point: _Point,
    system: Arrow,
    covariance: Float,
    variance: Float,
    *,
    bound: float,
    sums: Sums,
    iterations: int,
) -> Posterior:
    return Posterior(
        prior=prior,
        large=point.large,
        small=point.small,
        system=system,
        covariance=covariance,
        mean=point.mean,
        variance=variance,
        slope=point.slope,
        curvature=point.curvature,
        bound=bound,
        own_slope=point.own_slope,
        sums=sums,
        rows=point.rows,
        iterations=iterations,
    )


def _at(
    latent: Latent,
    data: Observed,
    prior: Field,
    own: tuple[Own, ...],
    place: tuple[Float, Float],
    variance: Float,
    pool: Executor | None,
) -> _Point:
    rows, mean = rows_at(latent, data.offset, *effects(latent, prior, *place), pool)
    total, own_slope, slope, curvature = expected(data, own, mean, variance, pool)
    force, small_force, quadratic = prior_force(latent, prior, *place)
    value = total - 0.5 * quadratic
    return _Point(*place, rows, mean, own_slope, slope, curvature, (force, small_force), value)


def _next_variance(data: Observed, variance: Float, fresh: Float, curvature: Float, iterations: int) -> Float:
    """Variances of the predictors for the next expectations."""
    # The curvature grows with the variance and shrinks it in turn: this step is Newton's, row by row.
    # Where many rows vary together, as with an intercept that is known to one side only, it overshoots.
    length = 1.0 if iterations <= _EAGER else _PATIENT
    out = variance + length * (fresh - variance) / (1.0 + 0.5 * curvature * fresh * np.maximum(fresh, variance))
    for piece in data.pieces:
        if piece.family.density.noise is not None:
            out[piece.rows] = fresh[piece.rows]
    return out


def _search(
    evaluate: Callable[[tuple[Float, Float]], _Point],
    point: _Point,
    step: tuple[Float, Float],
    best: float,
    entropy: float,
) -> tuple[_Point, float, float]:
    """The step, halved until it gains: where it leads, the value there, and its length."""
    length = 1.0
    while True:
        # A step so far that its value overflows is one that does not gain.
        with np.errstate(over="ignore", invalid="ignore"):
            new = evaluate((point.large + length * step[0], point.small + length * step[1]))
        value = new.value + entropy
        gained = value + climbed(point.rows.mixed, new.rows.mixed, point.curvature)
        if np.isfinite(value) and (gained >= best - _FLAT * (1.0 + 1e-6 * abs(best)) or length < 0.02):
            return new, value, length
        length *= 0.5
        if length < _SHORTEST:
            raise ConvergenceError(_LOST)


_LOST: Final = (
    "the latent field did not settle at some hyperparameters: the data and priors leave a direction almost free "
    '(separation, or very vague priors). Tighten the priors of fixed effects and scales, or use engine="nuts"'
)


def _covariances(
    latent: Latent, prior: Field, system: Arrow, curvature: Float, pool: Executor | None
) -> tuple[Float, Float, Mixed | Many | None]:
    """S on the sparse pattern, the variance of every linear predictor, and what bending adds."""
    spread = system.reach @ system.inner
    covariance = selected_covariances(system, spread)
    corner = system.inner[: latent.n_small, : latent.n_small]
    return covariance, *variance_of_rows(latent, prior, (corner, spread, covariance), curvature, pool)


def _newton_step(
    latent: Latent, prior: Field, sums: Sums, *, force: tuple[Float, Float], at: Float
) -> tuple[Arrow, Float, Float]:
    """H at the curvature given, and the step to where its quadratic has its maximum under the constraints."""
    pull, small_pull, entry, border, whole = _system_parts(latent, prior, sums, 1)
    border[:, -1] = pull - force[0]
    system, solved = arrow_with(latent.pattern, entry, border, whole)
    if isinstance(latent.mixed, Many):
        # log|Q + K'WK| from the system of the field and the rows' multipliers.
        by_rows = -float(np.log(-sums.link[-latent.mixed.n_row :]).sum())
        system = replace(system, log_determinant=system.log_determinant + by_rows)
    right = border[:, -1:]
    gap = np.concatenate([small_pull - force[1], -(latent.constraint.T @ at)])[:, None]
    step, border_step = finish(system, solved, right, gap)
    return system, step[:, 0], border_step[: latent.n_small, 0]


def _system_parts(latent: Latent, prior: Field, sums: Sums, spare: int) -> tuple[Float, Float, Float, Float, Float]:
    """Pulls of the data, and the sparse block, border (with columns to spare) and corner of H."""
    n_small, n_constraint = latent.n_small, latent.constraint.shape[1]
    pull, small_pull, entry, border, corner = latent_sums(latent, prior, sums, spare)
    whole = np.zeros((n_small + n_constraint, n_small + n_constraint))
    whole[:n_small, :n_small] = corner + prior.precision
    entry += prior_entries(latent, prior.weights)
    return pull, small_pull, entry, border, whole


def system_of(latent: Latent, found: Posterior, right: Float) -> tuple[Arrow, Float]:
    """
    H, factorised, of a field that was kept without. Shapes: right (n_large, n_right).

    Returns: the factorisation, made anew from the same sums, and P^-1 of the right-hand sides.
    """
    _, _, entry, border, _ = _system_parts(latent, found.prior, found.sums, right.shape[1])
    border[:, border.shape[1] - right.shape[1] :] = right
    return with_sparse_part(found.system, entry, border)


def contribution_scale(latent: Latent, prior: Field) -> tuple[Float, Float]:
    """What turns latent values into contributions to the linear predictor."""
    large = np.ones(latent.n_large)
    for part in latent.large_parts:
        large[part.latent] = part_scale(part, prior.values)
    small = np.ones(latent.n_small)
    for small_part in latent.small_parts:
        small[small_part.latent] = part_scale(small_part, prior.values)
    return large, small


def warm(latent: Latent, found: Posterior) -> Start:
    """Start from the posterior at other hyperparameters."""
    scale = contribution_scale(latent, found.prior)
    many = found.rows.mixed if found.rows is not None else None
    bent = (many.lift, many.tilt) if isinstance(many, Many) else None
    return Start(found.large * scale[0], found.small * scale[1], found.variance, bent)
