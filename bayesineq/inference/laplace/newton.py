"""
The latent field given hyperparameters: a Gaussian N(m, S) at its variational fixed point.

S = H^-1 with H = R + A' diag(E_q[-d2 log p / d eta2]) A, and m solves A' E_q[d log p / d eta] = R m (Opper and
Archambeau 2009). Without the correction the expectations are taken at the mode, which is the plain Laplace
approximation: at small counts its intercept is wrong by several posterior standard deviations.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.errors import ConvergenceError
from bayesineq.inference.laplace.arrow import Arrow, arrow, arrow_solve, selected_covariances
from bayesineq.inference.laplace.field import Field, effects, latent_sums, part_trace, prior_force
from bayesineq.inference.laplace.likelihoods import FAMILY, NODES, WEIGHTS, expectations
from bayesineq.inference.laplace.rows import Sums, accumulate, predictor, predictor_variance
from bayesineq.inference.laplace.terms import Latent

Float = NDArray[np.float64]

_ITERATIONS: Final = 60
_MOVE: Final = 5e-3
_VARIANCE_MOVE: Final = 2e-2
_FLAT: Final = 1e-3
_CHUNK: Final = 200_000


@dataclass(frozen=True, slots=True)
class Observed:
    """
    The response as arrays.

    Parameters
    ----------
    family : int
        Likelihood.
    lower, upper, trials, offset : ndarray, shape (n_row,)
        Outcome (the two differ for intervals), denominator, offset.
    constant : float
        Log Jacobian of a transformed outcome.
    """

    family: int
    lower: Float
    upper: Float
    trials: Float
    offset: Float
    constant: float


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
        Evidence lower bound on log p(y | hyperparameters); with "none", its Laplace approximation.
    own_slope : float
        Expected derivative of log p in the logarithm of the outcome's own parameter.
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
    own_slope: float
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
    """

    large: Float
    small: Float
    variance: Float


def observed(design: Design) -> Observed:
    """
    The response of a design as arrays.

    Parameters
    ----------
    design : Design
        A table seen through a card.

    Returns
    -------
    Observed
        Arrays for the kernels.
    """
    response, name = design.response, design.card.outcome.likelihood
    value, constant = response.value, 0.0
    if name == "log_normal":
        value = np.log(value)
        constant = -float(value.sum())
    lower = value if response.lower is None else response.lower
    upper = value if response.upper is None else response.upper
    trials = np.ones(len(value)) if response.trials is None else response.trials
    return Observed(FAMILY[name], lower, upper, trials, response.offset, constant)


def chunked(work: Callable[[int, int], None], n_row: int, pool: Executor | None) -> None:
    """
    Do rows in pieces, side by side where there are many.

    Parameters
    ----------
    work : callable
        Does the rows from its first to before its second argument.
    n_row : int
        Number of rows.
    pool : Executor, optional
        Where to work; None for this thread.
    """
    if pool is None or n_row <= _CHUNK:
        work(0, n_row)
        return
    edges = np.arange(0, n_row, _CHUNK)
    for done in [pool.submit(work, int(b), int(min(b + _CHUNK, n_row))) for b in edges]:
        done.result()


def sums_over_rows(latent: Latent, slope: Float, curvature: Float, pool: Executor | None) -> Sums:
    """
    A'g and A'WA by effect.

    Parameters
    ----------
    latent : Latent
        The latent field.
    slope, curvature : ndarray, shape (n_row,)
        g and the diagonal of W.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    Sums
        By effect.
    """
    n_row = len(slope)
    # Two halves, each with sums of its own: threads never write to the same place.
    pieces = 2 if pool is not None and n_row > _CHUNK else 1
    n_small, n_large, n_link = latent.small.size, latent.large.size, len(latent.links.left)

    def work(begin: int, end: int) -> Sums:
        out = Sums(
            np.zeros(n_small),
            np.zeros(n_large),
            np.zeros((n_small, n_small)),
            np.zeros((n_large, n_small)),
            np.zeros(n_link),
        )
        accumulate(
            *_sides(latent),
            latent.links.index,
            slope,
            curvature,
            begin,
            end,
            out.small,
            out.large,
            out.corner,
            out.cross,
            out.link,
        )
        return out

    if pieces == 1 or pool is None:
        return work(0, n_row)
    jobs = [pool.submit(work, n_row * k // pieces, n_row * (k + 1) // pieces) for k in range(pieces)]
    first, second = (job.result() for job in jobs)
    for name in ("small", "large", "corner", "cross", "link"):
        total = getattr(first, name)
        total += getattr(second, name)
    return first


def _sides(latent: Latent) -> tuple[NDArray[np.generic], ...]:
    small, large, links = latent.small, latent.large, latent.links
    return (
        small.index,
        small.weight,
        small.weighted,
        large.index,
        large.weight,
        large.weighted,
        links.first,
        links.second,
    )


def predict(latent: Latent, offset: Float, large: Float, small: Float, pool: Executor | None) -> Float:
    """
    Linear predictor of every row.

    Parameters
    ----------
    latent : Latent
        The latent field.
    offset : ndarray, shape (n_row,)
        What is added.
    large, small : ndarray
        Effects.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    ndarray, shape (n_row,)
        offset + A effects.
    """
    out = np.empty(len(offset))

    def work(begin: int, end: int) -> None:
        side = latent.small
        predictor(offset, side.index, side.weight, side.weighted, small, begin, end, out)
        side = latent.large
        predictor(out, side.index, side.weight, side.weighted, large, begin, end, out)

    chunked(work, len(offset), pool)
    return out


def variance_of_rows(latent: Latent, prior: Field, system: Arrow, covariance: Float, pool: Executor | None) -> Float:
    """
    Variance of every row's linear predictor.

    Parameters
    ----------
    latent : Latent
        The latent field.
    prior : Field
        Its prior, for the scales.
    system : Arrow
        Its posterior precision.
    covariance : ndarray, shape (n_entry,)
        Posterior covariances on the sparse pattern.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    ndarray, shape (n_row,)
        Variances.
    """
    n_small = latent.n_small
    corner = prior.basis @ system.inner[:n_small, :n_small] @ prior.basis.T
    across = -(system.reach @ system.inner[:, :n_small]) @ prior.basis.T
    cross = np.zeros((latent.large.size, latent.small.size))
    for k, part in enumerate(latent.large_parts):
        cross[part.effect] += prior.scale[k] * across[part.latent]
    link = np.zeros(len(latent.links.left))
    for c in latent.couplings:
        times = (2.0 if c.twice else 1.0) * prior.scale[c.left] * prior.scale[c.right]
        link[c.link] += times * covariance[c.entry]
    out = np.empty(latent.small.index.shape[1])

    def work(begin: int, end: int) -> None:
        predictor_variance(*_sides(latent), latent.links.index, corner, cross, link, begin, end, out)

    chunked(work, len(out), pool)
    return out


def own_value(latent: Latent, values: Float) -> float:
    """
    The outcome's own parameter.

    Parameters
    ----------
    latent : Latent
        The latent field.
    values : ndarray, shape (n_parameter,)
        Hyperparameters.

    Returns
    -------
    float
        Its value, 1 where the likelihood has none.
    """
    return float(values[latent.own]) if latent.own >= 0 else 1.0


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

    Parameters
    ----------
    latent : Latent
        The latent field.
    data : Observed
        The response.
    prior : Field
        Prior at these hyperparameters.
    start : Start
        Where to begin.
    variational : bool
        Whether to take expectations under q (the fixed point above) or at the mode.
    pool : Executor, optional
        Where to work on rows, if they are many.

    Returns
    -------
    Posterior
        Moments, factorisation and evidence.

    Raises
    ------
    ConvergenceError
        If the iteration does not settle.
    """
    own = own_value(latent, prior.values)
    scale = _unscaled(latent, prior)
    large, small = start.large / scale[0], start.small / scale[1]
    variance = start.variance if variational else np.zeros_like(start.variance)
    cold = variational and not variance.any()
    n_small, n_constraint = latent.n_small, latent.constraint.shape[1]

    def expect(mean: Float, spread: Float) -> tuple[float, float, Float, Float]:
        slope, curvature = np.empty_like(mean), np.empty_like(mean)
        parts: list[tuple[float, float]] = []

        def work(begin: int, end: int) -> None:
            parts.append(
                expectations(
                    data.family, data.lower, data.upper, data.trials, own, mean, spread, NODES, WEIGHTS,
                    begin, end, slope, curvature,
                )
            )  # fmt: skip

        chunked(work, len(mean), pool)
        # Sorted, so that the order in which threads finish does not change the last digit.
        return sum(sorted(p[0] for p in parts)), sum(sorted(p[1] for p in parts)), slope, curvature

    mean = predict(latent, data.offset, *effects(latent, prior, large, small), pool)
    total, own_slope, slope, curvature = expect(mean, variance)
    force, small_force, quadratic = prior_force(latent, prior, large, small)
    best = -np.inf
    for iteration in range(1, _ITERATIONS + 1):
        sums = sums_over_rows(latent, slope, curvature, pool)
        pull, small_pull, entry, border, corner = latent_sums(latent, prior, sums)
        whole = np.zeros((n_small + n_constraint, n_small + n_constraint))
        whole[:n_small, :n_small] = corner + prior.precision
        system = arrow(latent.symbolic, entry + prior.entry, np.hstack([border, latent.constraint]), whole)
        gap = np.concatenate([small_pull - small_force, -(latent.constraint.T @ large)])
        step, border_step = arrow_solve(system, pull - force, gap)
        small_step = border_step[:n_small]
        settled_variance = True
        used, covariance = curvature, np.empty(0)
        if variational and not cold:
            covariance = selected_covariances(system, latent.row, latent.column)
            fresh = variance_of_rows(latent, prior, system, covariance, pool)
            change = fresh - variance
            settled_variance = bool((np.abs(change) <= _VARIANCE_MOVE * fresh + 1e-12).all())
            # The curvature grows with the variance and shrinks it in turn: this step is Newton's, row by row.
            variance = variance + change / (1.0 + 0.5 * used * fresh * np.maximum(fresh, variance))
        length = 1.0
        while True:
            new_large, new_small = large + length * step, small + length * small_step
            new_mean = predict(latent, data.offset, *effects(latent, prior, new_large, new_small), pool)
            total, own_slope, slope, curvature = expect(new_mean, variance)
            force, small_force, quadratic = prior_force(latent, prior, new_large, new_small)
            value = total - 0.5 * quadratic
            if variational and not cold:
                value += 0.5 * (float(used @ variance) - system.log_determinant)
            if np.isfinite(value) and (value >= best - _FLAT * (1.0 + 1e-6 * abs(best)) or length < 0.02):
                break
            length *= 0.5
            if length < 1e-6:
                raise ConvergenceError(_lost())
        moved = float(np.abs(new_mean - mean).max(initial=0.0))
        large, small, mean, best = new_large, new_small, new_mean, value
        if cold:
            if moved < 0.3:
                cold, best = False, -np.inf
            continue
        if moved < (_MOVE if variational else _MOVE * 1e-2) and settled_variance and length == 1.0:
            break
    else:
        raise ConvergenceError(_lost())
    if not variational:
        covariance = selected_covariances(system, latent.row, latent.column)
        variance = variance_of_rows(latent, prior, system, covariance, pool)
        best -= 0.5 * system.log_determinant
    return Posterior(
        prior=prior,
        large=large,
        small=small,
        system=system,
        covariance=covariance,
        mean=mean,
        variance=variance,
        slope=slope,
        curvature=curvature,
        bound=best + 0.5 * prior.log_determinant + data.constant,
        own_slope=own_slope,
        iterations=iteration,
    )


def _lost() -> str:
    return (
        "the latent field did not settle at some hyperparameters: the data and priors leave a direction almost free "
        '(separation, or very vague priors). Tighten the priors of fixed effects and scales, or use engine="nuts"'
    )


def _unscaled(latent: Latent, prior: Field) -> tuple[Float, Float]:
    large = np.empty(latent.n_large)
    for k, part in enumerate(latent.large_parts):
        large[part.latent] = prior.scale[k]
    small = np.ones(latent.n_small)
    for part in latent.small_parts:
        if part.sigma >= 0:
            small[part.latent] = prior.values[part.sigma]
    return large, small


def warm(latent: Latent, found: Posterior) -> Start:
    """
    Start from the posterior at other hyperparameters.

    Parameters
    ----------
    latent : Latent
        The latent field.
    found : Posterior
        What was found there.

    Returns
    -------
    Start
        Its contributions to the linear predictor.
    """
    scale = _unscaled(latent, found.prior)
    return Start(found.large * scale[0], found.small * scale[1], found.variance)


def bound_slope(latent: Latent, found: Posterior) -> Float:
    """
    Derivative of the evidence bound in the hyperparameters (their values, not positions).

    At the fixed point only the explicit dependence counts. For the logarithm of a part's scale it is
    E_q[z' R z] - rank R: the part's expected square against what its prior expects.

    Parameters
    ----------
    latent : Latent
        The latent field.
    found : Posterior
        Its posterior.

    Returns
    -------
    ndarray, shape (n_parameter,)
        Derivatives.
    """
    from bayesineq.inference.laplace.field import autoregression

    prior, values = found.prior, found.prior.values
    out = 0.5 * prior.slope
    for k, part in enumerate(latent.large_parts):
        z = found.large[part.latent]
        on = float(z @ z) + float(found.covariance[part.diagonal].sum())
        over = part_trace(part, found.covariance)
        if part.laplacian is not None:
            over += float(z @ (part.laplacian @ z))
        held = int(latent.constraint[part.latent].any(axis=0).sum())
        excess = prior.laplacian[k] * over + prior.white[k] * on - (len(z) - held)
        out[part.sigma] += excess / values[part.sigma]
        if part.phi >= 0:
            share = values[part.phi] if part.intrinsic else values[part.phi] - 1.0
            out[part.phi] += 0.5 * excess / share
        if part.rho >= 0:
            out[part.rho] -= 0.5 * (over - on)
    for small in latent.small_parts:
        if small.sigma < 0:
            continue
        z = found.small[small.latent]
        second = np.outer(z, z) + found.system.inner[small.latent, small.latent]
        excess = float((second * prior.precision[small.latent, small.latent]).sum()) - len(z)
        out[small.sigma] += excess / values[small.sigma]
        if small.rho >= 0:
            out[small.rho] -= 0.5 * float((second * autoregression(len(z), values[small.rho])[1]).sum())
    if latent.own >= 0:
        out[latent.own] += found.own_slope / values[latent.own]
    return out
