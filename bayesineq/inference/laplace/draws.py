"""Joint draws of hyperparameters and effects."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bayesineq.inference.laplace.arrow import Arrow
from bayesineq.inference.laplace.explore import Explored
from bayesineq.inference.laplace.field import effects
from bayesineq.inference.laplace.hyper import Model
from bayesineq.inference.laplace.newton import Posterior, system_of
from bayesineq.inference.laplace.rescale import Directions, Rescaled, directions, rescaled, shift
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

    A draw of hyperparameters takes its latent field from the nearest node, rescaled to the hyperparameters where they
    scale the prior. What of the nodes' means that does not foresee moves along its regression on the hyperparameters.

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
    latent, along = model.latent, directions(model.latent)
    x = explored.surface.origin + t @ explored.surface.axes.T
    values = np.empty((n_draw, len(latent.parameters)))
    for i, p in enumerate(latent.parameters):
        values[:, i] = p.value(x[:, i])
    large = np.empty((n_draw, latent.large.size), dtype=np.float32)
    small = np.empty((n_draw, latent.small.size))
    rows = [np.flatnonzero(nearest == k) for k in range(len(explored.nodes))]
    used = [k for k in range(len(rows)) if len(rows[k])]

    def ready(k: int) -> Future[_Ready]:
        return pool.submit(_ready, model, along, explored.nodes[k].found)

    mode = ready(0)
    moves = _moves(model, explored, mode.result())
    # Each node is factorised while the draws of the one before are made; none is kept longer than that.
    waiting = [mode if used[0] == 0 else ready(used[0])]
    del mode
    jobs = []
    for number, k in enumerate(used):
        if number + 1 < len(used):
            waiting.append(ready(used[number + 1]))
        place = waiting.pop(0)
        for at in range(0, len(rows[k]), _BLOCK):
            block = rows[k][at : at + _BLOCK]
            args = (model, place, moves, away[block], values[block], rest[int(block[0])], block, large, small)
            jobs.append(pool.submit(_block, *args))
        del place
    for done, job in enumerate(jobs):
        job.result()
        report(f"joint draws: {100 * (done + 1) // len(jobs)}%")
    return values, large, small


@dataclass(frozen=True, slots=True)
class _Ready:
    """A node that draws can be made from."""

    found: Posterior
    system: Arrow
    rescaled: Rescaled


def _ready(model: Model, along: Directions, found: Posterior) -> _Ready:
    system = system_of(model.latent, found)
    return _Ready(found, system, rescaled(model.latent, along, found, system))


def _nearest(explored: Explored, u: Float, t: Float) -> tuple[NDArray[np.int64], Float]:
    """Node of each draw, and the way from there; a node without weight to speak of serves no draw."""
    at = explored.t
    if not t.shape[1]:
        return np.zeros(len(t), dtype=np.int64), t
    nearest = np.asarray(cKDTree(explored.surface.scores(at)).query(u)[1], dtype=np.int64)
    return nearest, t - at[nearest]


def _moves(model: Model, explored: Explored, mode: _Ready) -> tuple[Float, Float]:
    """
    How far the nodes' mean effects lie from those of the mode rescaled, by a regression on the standardised
    hyperparameters, weighted by their density.
    """
    latent, nodes = model.latent, explored.nodes
    d = len(nodes[0].x)
    large, small = np.zeros((d, latent.large.size)), np.zeros((d, latent.small.size))
    if d == 0 or len(nodes) <= d:
        return large, small
    t = explored.t
    weight = np.exp(np.array([n.log_density for n in nodes]) - max(n.log_density for n in nodes))
    weight /= weight.sum()
    centred = t - weight @ t
    # Ridge of a thousandth: an axis that no weight lies along moves nothing.
    moment = (centred * weight[:, None]).T @ centred + 1e-3 * np.eye(d)
    slope = np.linalg.solve(moment, (centred * weight[:, None]).T)
    start = np.zeros((latent.n_large, 1)), np.zeros((latent.n_small, 1))
    for n, place in enumerate(nodes):
        effect, small_effect = effects(latent, place.found.prior, place.found.large, place.found.small)
        foreseen = _rescale(model, mode, place.found.prior.values[None], *start)
        large += np.outer(slope[:, n], effect - foreseen[0][:, 0])
        small += np.outer(slope[:, n], small_effect - foreseen[1][:, 0])
    return large, small


def _block(
    model: Model,
    place: Future[_Ready],
    moves: tuple[Float, Float],
    away: Float,
    values: Float,
    seed: np.random.SeedSequence,
    rows: NDArray[np.int64],
    large: Float32,
    small: Float,
) -> None:
    ready = place.result()
    z, alpha = centred_draws(model, ready.system, len(rows), np.random.default_rng(seed))
    effect, small_effect = _rescale(model, ready, values, z, alpha)
    large[rows] = (effect + moves[0].T @ away.T).T
    small[rows] = (small_effect + moves[1].T @ away.T).T


def _rescale(model: Model, ready: _Ready, values: Float, z: Float, alpha: Float) -> tuple[Float, Float]:
    """Effects at given hyperparameters from centred draws at a node."""
    latent, found, node = model.latent, ready.found, ready.rescaled
    n, along = latent.n_small, node.along
    by = shift(latent, node, values, np.concatenate([along.small.T @ alpha, along.large.T @ z]))
    first, second = by[: along.small.shape[1]], by[along.small.shape[1] :]
    z = z + found.large[:, None] + node.large @ second
    z -= ready.system.reach @ (node.border[:, : len(first)] @ first)
    return effects(latent, found.prior, z, alpha + found.small[:, None] + node.border[:n] @ by)


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
