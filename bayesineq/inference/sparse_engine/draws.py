"""Joint draws of hyperparameters and effects."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bayesineq.inference.sparse_engine.arrow import Arrow
from bayesineq.inference.sparse_engine.centred import border_draws
from bayesineq.inference.sparse_engine.explore import Explored
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.many_draws import field_draws
from bayesineq.inference.sparse_engine.newton import Posterior, system_of
from bayesineq.inference.sparse_engine.rescale import Directions, Rescaled, directions, rescaled, shift
from bayesineq.inference.sparse_engine.skew import Skew, skew_of, skewed
from bayesineq.inference.sparse_engine.surface import draw_scores

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_BLOCK: Final = 8
_CHUNK: Final = 256
_FIRST: Final = np.zeros(1, dtype=np.int64)


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

    `seed`: Makes the draws reproducible, whatever the number of threads. Returns: values, shape (n_draw,
    n_parameter); large effects in float32, shape (n_draw, n_large_effect); small effects, shape (n_draw,
    n_small_effect).
    """
    seeds = np.random.SeedSequence(seed)
    first, *rest = seeds.spawn(1 + n_draw)
    rng = np.random.default_rng(first)
    u, t = _places(explored, n_draw, rng)
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

    def ready(k: int) -> Future[Ready]:
        return pool.submit(ready_node, model, along, explored.nodes[k].found)

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
class Ready:
    """
    A node that draws can be made from.

    Parameters
    ----------
    found : Posterior
        Its latent field.
    system : Arrow
        Posterior precision, whole.
    rescaled : Rescaled
        Posterior along the directions that hyperparameters scale.
    held, level : ndarray, shapes (n_constraint, n_border) and (n_large_direction, n_border)
        Constraints and large directions times reach.
    skew : Skew or None
        What takes Gaussian draws to skew ones.
    """

    found: Posterior
    system: Arrow
    rescaled: Rescaled
    held: Float
    level: Float
    skew: Skew | None


def ready_node(model: Model, along: Directions, found: Posterior) -> Ready:
    """
    Make a node ready for draws.

    `found`: The node's latent field, which may be kept without its factorisation.
    """
    system, solved = system_of(model.latent, found, along.large)
    held, level = model.latent.constraint.T @ system.reach, along.large.T @ system.reach
    node = rescaled(model.latent, along, found, system, solved)
    return Ready(found, system, node, held, level, skew_of(model, found))


def _places(explored: Explored, n_draw: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """Scores and positions of draws: from the surface, or evenly from along the chains where there are any."""
    if (chain := explored.chain) is None:
        u = draw_scores(explored.surface, n_draw, rng)
        return u, explored.surface.positions(u)
    at = ((np.arange(n_draw) + rng.random()) * (len(chain.u) / n_draw)).astype(np.int64)
    at = rng.permutation(np.minimum(at, len(chain.u) - 1))
    return chain.u[at], chain.t[at]


def _nearest(explored: Explored, u: Float, t: Float) -> tuple[NDArray[np.int64], Float]:
    """Node of each draw, and the way from there; a node without weight to speak of serves no draw."""
    at = explored.t
    if not t.shape[1]:
        return np.zeros(len(t), dtype=np.int64), t
    nearest = np.asarray(cKDTree(explored.surface.scores(at)).query(u)[1], dtype=np.int64)
    return nearest, t - at[nearest]


def _moves(model: Model, explored: Explored, mode: Ready) -> tuple[Float, Float]:
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
    nothing = np.zeros((latent.n_large, 1)), np.zeros((len(mode.system.inner), 1)), np.zeros((latent.n_small, 1))
    still = np.zeros_like(large), np.zeros_like(small), np.zeros((1, d))
    for n, place in enumerate(nodes):
        effect, small_effect = effects(latent, place.found.prior, place.found.large, place.found.small)
        foreseen = np.empty((1, latent.large.size), dtype=np.float32)
        foreseen_small = finish_draws(model, mode, place.found.prior.values[None], nothing, still, foreseen, _FIRST)
        large += np.outer(slope[:, n], effect - foreseen[0])
        small += np.outer(slope[:, n], small_effect - foreseen_small[:, 0])
    return large, small


def _block(
    model: Model,
    place: Future[Ready],
    moves: tuple[Float, Float],
    away: Float,
    values: Float,
    seed: np.random.SeedSequence,
    rows: NDArray[np.int64],
    large: Float32,
    small: Float,
) -> None:
    ready, rng = place.result(), np.random.default_rng(seed)
    z = field_draws(model.latent, ready.found, ready.system, len(rows), rng)
    border, alpha = border_draws(model.latent, ready.system, ready.held, z, rng)
    if ready.skew is not None:
        z, alpha = skewed(model.latent, ready.found, ready.system, ready.skew, (z, border, alpha))
    small[rows] = finish_draws(model, ready, values, (z, border, alpha), (*moves, away), large, rows).T


def finish_draws(
    model: Model,
    ready: Ready,
    values: Float,
    centred: tuple[Float, Float, Float],
    moves: tuple[Float, Float, Float],
    large: Float32,
    rows: NDArray[np.int64],
) -> Float:
    """
    Turn centred draws at a node into effects at other hyperparameters.

    Shapes: values (n_draw, n_parameter); large (n, n_large_effect); rows (n_draw,); returns (n_small_effect,
    n_draw).

    `centred`: z, w and alpha as `border_draws` gives them: z - reach @ w are draws of the large values.
    """
    latent, found, node = model.latent, ready.found, ready.rescaled
    (z, border, alpha), along, n = centred, node.along, latent.n_small
    by = shift(node, values, np.concatenate([along.small.T @ alpha, along.large.T @ z - ready.level @ border]))
    first, second = by[: along.small.shape[1]], by[along.small.shape[1] :]
    border = border + node.border[:, : len(first)] @ first
    loads = latent.large_loads
    start = np.array([load.effect.start for load in loads], dtype=np.int64)
    where = _Where(
        np.append(np.unique(start, return_index=True)[1], len(start)).astype(np.int64),
        np.array([latent.large_parts[load.part].latent.start for load in loads], dtype=np.int64),
        np.array([(load.effect.start, load.effect.stop) for load in loads], dtype=np.int64).reshape(-1, 2),
        found.prior.scale,
    )
    centre = _Centre(found.large, z, ready.system.reach, border, node.large, second)
    _write_effects(where, centre, moves[0], moves[2], rows, large)
    alpha = alpha + found.small[:, None] + node.border[:n] @ by
    return np.asarray(found.prior.basis @ alpha + moves[1].T @ moves[2].T)


class _Where(NamedTuple):
    """First load of each effect; start of its part's latent values; its effects, shape (n_load, 2); its scale."""

    first_load: NDArray[np.int64]
    latent_start: NDArray[np.int64]
    effect: NDArray[np.int64]
    scale: Float


class _Centre(NamedTuple):
    """Latent values of draws: mean + z - reach border + along by."""

    mean: Float
    z: Float
    reach: Float
    border: Float
    along: Float
    by: Float


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _write_effects(
    where: _Where, centre: _Centre, moves: Float, away: Float, rows: NDArray[np.int64], out: Float32
) -> None:
    """Sum over an effect's parts of scale times latent values, and moves' away."""
    first_load, latent_start, effect, scale = where.first_load, where.latent_start, where.effect, where.scale
    mean, z, reach, border, along, by = centre.mean, centre.z, centre.reach, centre.border, centre.along, centre.by
    n_draw = z.shape[1]
    total, taken, added = np.empty((_CHUNK, n_draw)), np.empty((_CHUNK, n_draw)), np.empty((_CHUNK, n_draw))
    for b in range(len(first_load) - 1):
        start, stop = effect[first_load[b], 0], effect[first_load[b], 1]
        for begin in range(start, stop, _CHUNK):
            n = min(stop - begin, _CHUNK)
            for e in range(n):
                for r in range(n_draw):
                    total[e, r] = 0.0
                for d in range(len(moves)):
                    for r in range(n_draw):
                        total[e, r] += moves[d, begin + e] * away[r, d]
            for k in range(first_load[b], first_load[b + 1]):
                at = latent_start[k] + begin - start
                np.dot(reach[at : at + n], border, taken[:n])
                np.dot(along[at : at + n], by, added[:n])
                for e in range(n):
                    for r in range(n_draw):
                        total[e, r] += scale[k] * (mean[at + e] + z[at + e, r] - taken[e, r] + added[e, r])
            for r in range(n_draw):
                for e in range(n):
                    out[rows[r], begin + e] = total[e, r]
