"""
Nodes over the posterior of the hyperparameters.

Around the mode lies a central composite design. Where the log density there is not quadratic (a flat phi, two modes,
few levels) the nodes are a grid for one or two hyperparameters, grown from the mode while its edge is within reach,
and scans along the axes for more, refined where draws of the interpolated density disagree with the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.laplace.hyper import Model, Node, find_mode, node, node_of, start_near
from bayesineq.inference.laplace.newton import Start
from bayesineq.inference.laplace.surface import Surface, draw_positions, quadratic_misfit, surface

Float = NDArray[np.float64]

_RADIUS: Final = 1.1
_STEP: Final = 1.0
_LONGEST: Final = 0.8
_DROP: Final = 6.0
_FARTHEST: Final = 24
_QUADRATIC: Final = 0.015
_MISFIT: Final = 0.1
_BENT: Final = 0.15
_ROUNDS: Final = 8
_CHEAP: Final = 400_000

Solve = Callable[[Iterable[Float]], list[Node]]


@dataclass(frozen=True, slots=True)
class Explored:
    """
    The posterior of the hyperparameters.

    Parameters
    ----------
    nodes : tuple of Node
        The mode first.
    surface : Surface
        The log density between them.
    misfit : float
        Root mean square error of the interpolated log density where it was last checked; nan where it was not.
    evaluations : int
        Latent fields solved.
    """

    nodes: tuple[Node, ...]
    surface: Surface
    misfit: float
    evaluations: int


def explore(model: Model, start: Start, pool: ThreadPoolExecutor, report: Callable[[str], None]) -> Explored:
    """
    Find the mode and lay nodes around it.

    Parameters
    ----------
    model : Model
        The model.
    start : Start
        Where the latent field begins.
    pool : ThreadPoolExecutor
        Where nodes are solved side by side.
    report : callable
        Told what is being done.

    Returns
    -------
    Explored
        Nodes and the density between them.

    Raises
    ------
    ConvergenceError
        If there is no mode.
    """
    mode = find_mode(model, start, pool, report)
    d, count = len(mode.x), mode.evaluations
    axes = np.empty((d, d))

    def solve(points: Iterable[Float]) -> list[Node]:
        nonlocal count
        places = [mode.x + axes @ t for t in points]
        jobs = [pool.submit(node, model, x, start_near(model, mode, x)) for x in places]
        count += len(jobs)
        report(f"integrating over hyperparameters: {count} fields")
        return [n for n in (job.result() for job in jobs) if n is not None]

    centre = [node_of(model, mode.x, mode.found)]
    if d == 0:
        return Explored(tuple(centre), surface(centre, axes), 0.0, count)
    value, vector = np.linalg.eigh(mode.hessian)
    axes = vector / np.sqrt(np.maximum(value, 1e-3))
    design = composite_design(d)
    nodes = centre + solve(design)
    misfit = quadratic_misfit(nodes, axes)
    if misfit <= _QUADRATIC * max(1, d - 1):
        return Explored(tuple(nodes), surface(nodes, axes, quadratic=True), misfit, count)
    complete = len(nodes) == 1 + len(design)
    if d <= 2:
        axes = _rescaled(nodes, axes) if complete else axes
        nodes = _within(centre + _grid(solve, centre[0], axes))
        return Explored(tuple(nodes), surface(nodes, axes, gridded=True), np.nan, count)
    cheap = int(model.latent.pattern.symbolic.panel_start[-1]) + 10 * len(model.data.offset) < _CHEAP
    bent = _bent(nodes, d) if complete and not cheap else list(range(d))
    nodes = _within(nodes + _scan(solve, centre[0], axes, bent))
    for round_ in range(_ROUNDS if cheap else 1):
        between = surface(nodes, axes)
        wanted = _spread_out(draw_positions(between, 400, np.random.default_rng(round_)), (8 if cheap else 2) * d)
        fresh = solve(wanted)
        at = np.array([np.linalg.solve(axes, n.x - mode.x) for n in fresh]).reshape(-1, d)
        error = np.array([n.log_density for n in fresh]) - between.log_density(at)
        misfit = float(np.sqrt(np.mean((error - error.mean()) ** 2)))
        nodes = _within(nodes + fresh)
        if misfit < _MISFIT:
            break
    return Explored(tuple(nodes), surface(nodes, axes), misfit, count)


def composite_design(d: int) -> list[Float]:
    """
    Central composite design: two points on each axis and a fraction of the corners, all at one distance.

    Parameters
    ----------
    d : int
        Number of dimensions.

    Returns
    -------
    list of ndarray, shape (d,)
        Points at distance 1.1 sqrt(d), without the centre; the axes first.
    """
    radius = _RADIUS * np.sqrt(d)
    points = [s * radius * np.eye(d)[i] for i in range(d) for s in (1.0, -1.0)]
    if d == 1:
        # Two more points tell a quadratic from what is none.
        return [*points, np.array([2.0 * radius]), np.array([-2.0 * radius])]
    # From five dimensions on, signs of the last axes are products of the others'.
    free = min(d, 4 if d <= 5 else 5 if d == 6 else 6)
    for signs in product((1.0, -1.0), repeat=free):
        corner = list(signs)
        for extra in range(d - free):
            corner.append(float(np.prod(signs[: free - extra])))
        points.append(_RADIUS * np.array(corner))
    return points


def _drops(nodes: list[Node], d: int) -> Float:
    """Loss of log density from the mode at the two design points of each axis, shape (d, 2)."""
    return nodes[0].log_density - np.array([n.log_density for n in nodes[1 : 1 + 2 * d]]).reshape(d, 2)


def _rescaled(nodes: list[Node], axes: Float) -> Float:
    """One unit on each axis costs about half a unit of log density, and moves no logarithm by more than 0.8."""
    d = axes.shape[0]
    side = _RADIUS * np.sqrt(d) / np.sqrt(2.0 * np.maximum(_drops(nodes, d), 1e-3))
    wide = axes * np.clip(side.mean(axis=1), 0.3, 3.0)
    return np.asarray(wide * np.minimum(1.0, _LONGEST / np.abs(wide).max(axis=0)))


def _bent(nodes: list[Node], d: int) -> list[int]:
    """Axes along which the log density is not the quadratic of its curvature at the mode."""
    excess = np.abs(_drops(nodes, d) - 0.5 * _RADIUS**2 * d).max(axis=1)
    return [int(i) for i in np.flatnonzero(excess > _BENT)]


def _within(nodes: list[Node]) -> list[Node]:
    """Nodes that carry weight; the first, which is the mode, stays."""
    top = max(n.log_density for n in nodes)
    return [n for k, n in enumerate(nodes) if k == 0 or n.log_density > top - 2.0 * _DROP]


def _grid(solve: Solve, centre: Node, axes: Float) -> list[Node]:
    """Grow a grid from the centre while its edge is within the drop."""
    d = axes.shape[0]
    edge = [(0,) * d]
    seen, nodes, top = set(edge), list[Node](), centre.log_density
    while edge:
        ring = []
        for at in edge:
            for i in range(d):
                for s in (-1, 1):
                    new = tuple(c + s * (j == i) for j, c in enumerate(at))
                    if new not in seen and max(abs(c) for c in new) <= _FARTHEST:
                        seen.add(new)
                        ring.append(new)
        found = solve([_STEP * np.array(at, dtype=float) for at in ring]) if ring else []
        top = max([top, *(n.log_density for n in found)])
        place = [tuple(np.rint(np.linalg.solve(axes, n.x - centre.x) / _STEP).astype(int)) for n in found]
        edge = [at for at, n in zip(place, found, strict=True) if n.log_density > top - _DROP]
        nodes += found
    return nodes


def _scan(solve: Solve, centre: Node, axes: Float, along: list[int]) -> list[Node]:
    """Some axes followed until the drop."""
    d = axes.shape[0]
    nodes: list[Node] = []
    active = [(i, s) for i in along for s in (1.0, -1.0)]
    for distance in (1.0, *np.arange(_RADIUS * np.sqrt(d) + 1.2, _FARTHEST, 1.2)):
        found = solve([s * distance * np.eye(d)[i] for i, s in active])
        nodes += found
        alive = set()
        for n in found:
            t = np.linalg.solve(axes, n.x - centre.x)
            i = int(np.argmax(np.abs(t)))
            if n.log_density > centre.log_density - _DROP:
                alive.add((i, float(np.sign(t[i]))))
        active = [a for a in active if a in alive]
        if not active:
            break
    return nodes


def _spread_out(t: Float, count: int) -> Float:
    """Points far from each other among many: each next one is the farthest from those chosen."""
    chosen = [0]
    distance = ((t - t[0]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(t)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, ((t - t[chosen[-1]]) ** 2).sum(axis=1))
    return t[chosen]
