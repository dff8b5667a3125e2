"""
Chains over the hyperparameters, for densities that nodes do not tell well enough.

A standard deviation that may be zero, of which correlations then mean nothing, makes a density that no smooth surface
through some hundred nodes holds everywhere. The surface is then only where proposals come from: a chain wanders some
steps over it, of autoregressive proposals (Neal 1998) that a Gaussian would all accept, and where it arrives the field
is solved. The move is accepted with the ratio of the exact density to the surface's there over that ratio where it
began, which leaves the exact density invariant however wrong the surface is (Liu 2001, section 9.4.3; Christen and Fox
2005). Each field costs one move, and the better the surface, the more of them are accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, NamedTuple, cast

import numpy as np
from arviz_stats.base.array import BaseArray
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.explore import SPREAD, Chain, Explored, work
from bayesineq.inference.sparse_engine.hyper import Model, Node, node
from bayesineq.inference.sparse_engine.newton import warm
from bayesineq.inference.sparse_engine.surface import Surface, draw_scores, within_reach

Float = NDArray[np.float64]

CHAINS: Final = 4
_WANDERS: Final = (6, 20, 40)
"""Steps over the surface in turn: few, nearly always accepted, and so many that little of the start is left."""

_LEAST_STEP: Final = 0.3
_MOST_STEP: Final = 0.98
"""Share of the surface's standard deviations that a step renews, drawn anew for each."""

_WARM: Final = 40
"""Moves of each chain that are left out."""

_LEARNT: Final = (20, 40)
"""After how many of those the surface learns from where chains have been."""

_ROUNDS: Final = 80
"""After how many more it is asked whether they are enough."""

_RIDGE: Final = 3.0
_LEVEL: Final = 3.0
"""Score at which what is learnt levels off."""

_FAR_BELOW: Final = 5.0
_MOST_ROUNDS: Final = 640
_RHAT: Final = 1.01
_ESS: Final = 400.0
_DEAREST: Final = 8_000_000
"""Work of a field beyond which a thousand of them take too long, so that the fit is left as `diagnose` finds it."""

_HELD: Final = 250
_BYTES: Final = 400_000_000
"""Fields that are held for draws, and their memory; draws from other places take the nearest field."""


Solve = Callable[[Float], list[Node | None]]


class _Reference(NamedTuple):
    """A Gaussian with the moments of the surface: mean, root of the covariance, and precision."""

    mean: Float
    root: Float
    precision: Float


@dataclass(slots=True)
class _Track:
    """Where chains have been, and the fields of places that are held."""

    u: list[Float] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    fields: int = 0
    accepted: int = 0


def followed(
    model: Model,
    explored: Explored,
    seed: int | None,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
) -> Explored:
    """
    Draw the hyperparameters by chains, where fresh draws from the surface between nodes have weights too far apart.

    Returns: as it was where they have not, or a field takes seconds; else with `chain`, and with fields of where
    chains have been among the nodes.
    """
    if not explored.error > SPREAD or work(model) > _DEAREST:
        return explored
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**20,)))
    surface, track = explored.surface, _Track()
    mode = warm(model.latent, explored.nodes[0].found)
    # Variances are kept in single precision, and taken in double.
    start = replace(mode, variance=np.asarray(mode.variance, dtype=np.float64))

    def solve(u: Float) -> list[Node | None]:
        n = len(track.nodes)
        room = not n or (n < _HELD and n * _bytes(track.nodes[0]) < _BYTES)
        places = surface.origin + surface.positions(u) @ surface.axes.T
        jobs = [pool.submit(node, model, x, start, -np.inf if room else np.inf) for x in places]
        track.fields += len(jobs)
        report(f"drawing hyperparameters: {track.fields} fields")
        return [job.result() for job in jobs]

    rhat, ess = _run(surface, solve, rng, track)
    u = np.stack(track.u, axis=1).reshape(-1, surface.t.shape[1])
    share = track.accepted / len(u)
    chain = Chain(u, surface.positions(u), rhat, ess, share)
    nodes = (*explored.nodes, *track.nodes)
    away = np.array([n.x for n in track.nodes]).reshape(-1, u.shape[1]) - surface.origin
    t = np.vstack([explored.t, np.linalg.solve(surface.axes, away.T).T])
    count = explored.evaluations + track.fields
    return replace(explored, nodes=nodes, t=t, chain=chain, evaluations=count)


def _bytes(of: Node) -> int:
    """Memory of what a node keeps for draws."""
    found = of.found
    arrays = (found.large, found.small, found.variance, found.sums.cross, found.sums.large, found.sums.link)
    return int(sum(a.nbytes for a in arrays))


def _run(surface: Surface, solve: Solve, rng: np.random.Generator, track: _Track) -> tuple[float, float]:
    """Run chains until they agree and hold draws enough, or have gone on for long. Returns: R-hat, effective draws."""
    reference = _reference(surface, rng)
    u, here = _first(surface, solve, rng)
    seen, log_density = [u], [here]
    for round_ in range(_WARM + _MOST_ROUNDS):
        fresh = wander(surface, reference, u, _WANDERS[round_ % len(_WANDERS)], rng)
        found = solve(fresh)
        there = _log_densities(found)
        weight = there - surface.log_density(fresh) - here + surface.log_density(u)
        take = (np.log(rng.random(len(u))) < weight) & np.isfinite(there)
        u, here = np.where(take[:, None], fresh, u), np.where(take, there, here)
        if round_ < _WARM:
            seen, log_density = [*seen, fresh], [*log_density, there]
            if round_ + 1 in _LEARNT:
                surface = learnt(surface, np.vstack(seen), np.concatenate(log_density))
            continue
        track.accepted += int(take.sum())
        # What is not held for draws is kept without variances.
        track.nodes += [n for n, taken in zip(found, take, strict=True) if taken and n and n.found.variance.size]
        track.u.append(u)
        if len(track.u) % _ROUNDS == 0:
            rhat, ess = agreement(np.stack(track.u, axis=1))
            if rhat <= _RHAT and ess >= _ESS:
                break
    return rhat, ess


def learnt(surface: Surface, u: Float, log_density: Float) -> Surface:
    """
    The surface less what it was wrong by where chains have been, straight and square in each score, shrunk.

    Shapes: u (n, d); log_density (n,), minus infinity where there is no field.
    """
    kept = np.isfinite(log_density)
    basis, wrong = _basis(u[kept]), (log_density - surface.log_density(u))[kept]
    # Where the exact density is far below, it matters that it is, and not how far.
    wrong = np.maximum(wrong - np.median(wrong), -_FAR_BELOW)
    ridge = _RIDGE * np.eye(basis.shape[1])
    ridge[0, 0] = 0.0
    slope = np.linalg.solve(basis.T @ basis + ridge, basis.T @ wrong)
    return replace(surface, rest=partial(_corrected, surface.rest, surface.reach, slope), reach=np.inf)


def _corrected(rest: Callable[[Float], Float] | None, reach: float, slope: Float, u: Float) -> Float:
    """What a surface has beyond its quadratic, and what was learnt, at u."""
    before = 0.0 if rest is None else np.clip(rest(u), -reach, reach)
    return np.asarray(before + _basis(u) @ slope)


def _basis(u: Float) -> Float:
    """One, scores and their squares, levelled off far out."""
    level = _LEVEL * np.tanh(u / _LEVEL)
    return np.hstack([np.ones((len(u), 1)), level, level**2])


def _log_densities(found: list[Node | None]) -> Float:
    return np.array([-np.inf if n is None else n.log_density for n in found])


def _first(surface: Surface, solve: Solve, rng: np.random.Generator) -> tuple[Float, Float]:
    """Where chains begin, and the log density there: draws from the surface where there is a field."""
    u, here = np.empty((0, surface.t.shape[1])), np.empty(0)
    while len(u) < CHAINS:
        drawn = draw_scores(surface, CHAINS, rng)
        value = _log_densities(solve(drawn))
        u, here = np.vstack([u, drawn[np.isfinite(value)]]), np.append(here, value[np.isfinite(value)])
    return u[:CHAINS], here[:CHAINS]


def _reference(surface: Surface, rng: np.random.Generator) -> _Reference:
    drawn = draw_scores(surface, 2000, rng)
    covariance = np.atleast_2d(np.cov(drawn.T))
    return _Reference(drawn.mean(axis=0), np.linalg.cholesky(covariance), np.linalg.inv(covariance))


def wander(surface: Surface, reference: _Reference, u: Float, steps: int, rng: np.random.Generator) -> Float:
    """Steps that leave the surface's own density of scores invariant. Shapes: u (n_chain, d); returns the same."""
    here = _beyond(surface, reference, u)
    for _ in range(steps):
        step = rng.uniform(_LEAST_STEP, _MOST_STEP, (len(u), 1))
        fresh = reference.mean + np.sqrt(1.0 - step**2) * (u - reference.mean)
        fresh += step * rng.standard_normal(u.shape) @ reference.root.T
        there = _beyond(surface, reference, fresh)
        take = np.log(rng.random(len(u))) < there - here
        u, here = np.where(take[:, None], fresh, u), np.where(take, there, here)
    return u


def _beyond(surface: Surface, reference: _Reference, u: Float) -> Float:
    """Log density of scores less that of the Gaussian which steps leave invariant."""
    away = u - reference.mean
    out = surface.log_density(u) + 0.5 * ((away @ reference.precision) * away).sum(axis=1)
    for i, section in enumerate(surface.sections):
        out = out + section.log_slope(u[:, i])
    return np.where(within_reach(surface, u), out, -np.inf)


def agreement(scores: Float) -> tuple[float, float]:
    """Largest R-hat and least effective number of draws. Shapes: scores (n_chain, n_draw, d)."""
    each, tell = np.moveaxis(scores, 2, 0), cast(Any, BaseArray())
    rhat, ess = (of(each, chain_axis=1, draw_axis=2) for of in (tell.rhat, tell.ess))
    return float(np.max(rhat)), float(np.min(ess))
