"""Joint draws of hyperparameters and effects."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bayesineq.inference.laplace.arrow import Arrow
from bayesineq.inference.laplace.explore import Explored
from bayesineq.inference.laplace.field import effects
from bayesineq.inference.laplace.hyper import Model
from bayesineq.inference.laplace.newton import Posterior, system_of
from bayesineq.inference.laplace.surface import draw_scores
from bayesineq.sparse.numeric import half_solve

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_BLOCK: Final = 8


def joint_draws(
    model: Model,
    explored: Explored,
    n_draw: int,
    seed: int | None,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
) -> tuple[Float, Float32, Float]:
    """
    Draw hyperparameters and effects together.

    A draw of hyperparameters takes its latent field from the nearest node, moved along the regression of the nodes'
    means on the hyperparameters.

    Parameters
    ----------
    model : Model
        The model.
    explored : Explored
        Posterior of the hyperparameters.
    n_draw : int
        How many.
    seed : int, optional
        Makes the draws reproducible, whatever the number of threads.
    pool : ThreadPoolExecutor
        Where blocks of draws are made side by side.
    report : callable
        Told what is being done.

    Returns
    -------
    (hyperparameters, large, small)
        Values, shape (n_draw, n_parameter); large effects in float32, shape (n_draw, n_large_effect); small effects,
        shape (n_draw, n_small_effect).
    """
    seeds = np.random.SeedSequence(seed)
    first, *rest = seeds.spawn(1 + n_draw)
    rng = np.random.default_rng(first)
    u = draw_scores(explored.surface, n_draw, rng)
    t = explored.surface.positions(u)
    nearest, away = _nearest(explored, u, t)
    moves = _moves(model, explored)
    latent = model.latent
    large = np.empty((n_draw, latent.large.size), dtype=np.float32)
    small = np.empty((n_draw, latent.small.size))
    rows = [np.flatnonzero(nearest == k) for k in range(len(explored.nodes))]
    used = [k for k in range(len(rows)) if len(rows[k])]
    # Each node is factorised while the draws of the one before are made; none is kept longer than that.
    systems = [pool.submit(system_of, latent, explored.nodes[used[0]].found)]
    jobs = []
    for number, k in enumerate(used):
        found = explored.nodes[k].found
        if number + 1 < len(used):
            systems.append(pool.submit(system_of, latent, explored.nodes[used[number + 1]].found))
        system = systems.pop(0)
        for at in range(0, len(rows[k]), _BLOCK):
            block = rows[k][at : at + _BLOCK]
            args = (model, found, system, moves, away[block], rest[int(block[0])], block, large, small)
            jobs.append(pool.submit(_block, *args))
        del system
    for done, job in enumerate(jobs):
        job.result()
        report(f"joint draws: {100 * (done + 1) // len(jobs)}%")
    x = explored.surface.origin + t @ explored.surface.axes.T
    values = np.empty((n_draw, len(latent.parameters)))
    for i, p in enumerate(latent.parameters):
        values[:, i] = p.value(x[:, i])
    return values, large, small


def _nearest(explored: Explored, u: Float, t: Float) -> tuple[NDArray[np.int64], Float]:
    """Node of each draw, and the way from there; a node without weight to speak of serves no draw."""
    at = explored.t
    if not t.shape[1]:
        return np.zeros(len(t), dtype=np.int64), t
    nearest = np.asarray(cKDTree(explored.surface.scores(at)).query(u)[1], dtype=np.int64)
    return nearest, t - at[nearest]


def _moves(model: Model, explored: Explored) -> tuple[Float, Float]:
    """Regression of the nodes' mean effects on the standardised hyperparameters, weighted by their density."""
    latent, nodes = model.latent, explored.nodes
    d = len(nodes[0].x)
    if d == 0 or len(nodes) <= d:
        return np.zeros((d, latent.large.size)), np.zeros((d, latent.small.size))
    t = explored.t
    weight = np.exp(np.array([n.log_density for n in nodes]) - max(n.log_density for n in nodes))
    weight /= weight.sum()
    centred = t - weight @ t
    # Ridge of a thousandth: an axis that no weight lies along moves nothing.
    moment = (centred * weight[:, None]).T @ centred + 1e-3 * np.eye(d)
    slope = np.linalg.solve(moment, (centred * weight[:, None]).T)
    large, small = np.zeros((d, latent.large.size)), np.zeros((d, latent.small.size))
    for n, place in enumerate(nodes):
        effect, small_effect = effects(latent, place.found.prior, place.found.large, place.found.small)
        large += np.outer(slope[:, n], effect)
        small += np.outer(slope[:, n], small_effect)
    return large, small


def _block(
    model: Model,
    found: Posterior,
    system: Future[Arrow],
    moves: tuple[Float, Float],
    away: Float,
    seed: np.random.SeedSequence,
    rows: NDArray[np.int64],
    large: Float32,
    small: Float,
) -> None:
    rng = np.random.default_rng(seed)
    z, alpha = centred_draws(model, system.result(), len(rows), rng)
    z += found.large[:, None]
    alpha += found.small[:, None]
    effect, small_effect = effects(model.latent, found.prior, z, alpha)
    large[rows] = (effect + moves[0].T @ away.T).T
    small[rows] = (small_effect + moves[1].T @ away.T).T


def centred_draws(model: Model, system: Arrow, n_draw: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """
    Draw the latent field about its mean.

    The small values are drawn from their margin; given them the sparse block is drawn without its constraints, and
    these are then imposed by kriging (Rue and Held 2005, algorithm 2.6).

    Parameters
    ----------
    model : Model
        The model.
    system : Arrow
        Its posterior precision.
    n_draw : int
        How many.
    rng : Generator
        Source of randomness.

    Returns
    -------
    (ndarray, ndarray)
        Large and small latent values less their means, shapes (n_large, n_draw) and (n_small, n_draw).
    """
    latent = model.latent
    p = latent.n_small
    spread = np.sqrt(np.diag(system.inner)[:p])
    # As correlations, so that covariates of very different scale lose no digits to each other.
    value, vector = np.linalg.eigh(system.inner[:p, :p] / np.outer(spread, spread))
    alpha = spread[:, None] * ((vector * np.sqrt(np.maximum(value, 0.0))) @ rng.standard_normal((p, n_draw)))
    z = sparse_draws(system, n_draw, rng)
    z -= system.reach[:, :p] @ alpha
    if latent.constraint.shape[1]:
        held = system.reach[:, p:]
        z -= held @ np.linalg.solve(latent.constraint.T @ held, latent.constraint.T @ z)
    return z, alpha


def sparse_draws(system: Arrow, n_draw: int, rng: np.random.Generator) -> Float:
    """
    Draws of N(0, P^-1).

    Parameters
    ----------
    system : Arrow
        Factorisation.
    n_draw : int
        How many.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (n, n_draw)
        Draws.
    """
    pattern = system.pattern
    out = np.empty((len(pattern.core) + len(pattern.leaf), n_draw))
    core = half_solve(system.factor, rng.standard_normal((len(pattern.core), n_draw)))
    out[pattern.core] = core
    # Seven digits of white noise are what draws are kept in, and half the work.
    white = rng.standard_normal((len(pattern.leaf), n_draw), dtype=np.float32)
    white /= np.sqrt(system.leaf_pivot)[:, None]
    white += system.leaf_weight[:, None] * core[pattern.host_core]
    out[pattern.leaf] = white
    return out
