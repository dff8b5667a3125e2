"""
Nodes over the posterior of the hyperparameters.

For one or two hyperparameters a central composite design lies around the mode; where the log density there is not
quadratic (a flat phi, two modes) the nodes are a grid instead, grown from the mode while its edge is within reach. For
more, each axis is followed from the mode, and further nodes lie where draws of the interpolated density do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.hyper import Look, Mode, Model, Node, find_mode, node, node_of, start_near
from bayesineq.inference.sparse_engine.newton import Start
from bayesineq.inference.sparse_engine.surface import (
    Surface,
    copula_surface,
    draw_scores,
    grid_surface,
    quadratic_surface,
    sloped_surface,
)

Float = NDArray[np.float64]

_RADIUS: Final = 1.1
_STEP: Final = 1.0
_LONGEST: Final = 0.8
_DROP: Final = 6.0
_FINE_DROP: Final = 20.0
_FARTHEST: Final = 24
_DISTANCES: Final = (1.2, 2.4, 3.8, 5.4, 7.4, 10.0, 13.0)
_SECTION_DROP: Final = 6.0
_QUADRATIC: Final = 0.015
_MISFIT: Final = 0.07
_BEYOND: Final = 0.6
_NEAR_ENOUGH: Final = 5.0
_ROUNDS: Final = 4
SPREAD: Final = 0.3
"""Standard deviation of the importance weights of fresh draws beyond which the nodes do not tell the density."""

_FEW: Final = 6
"""Hyperparameters beyond which slopes of nodes are used."""
_DEAR: Final = 5_000_000
"""Work of a field, in entries of its factor and tens of rows, beyond which each takes seconds."""
_DISTANCES_OF_DEAR: Final = (1.5,)
_ROUNDS_OF_MANY: Final = 12
_BEYOND_OF_MANY: Final = 0.85
_FRESH_OF_MANY: Final = 24
_MISFIT_OF_MANY: Final = 0.22
_CHEAP: Final = 400_000
_FEWEST_FRESH: Final = 4
_MOST_FRESH: Final = 32
_LOOKED_AT: Final = 200_000
"""Rows times nodes that are looked at: beyond it, the two nearest nodes on each axis tell enough of a row."""

Solve = Callable[[Iterable[Float]], list[Node]]


@dataclass(frozen=True, slots=True)
class Chain:
    """
    Draws of the hyperparameters from their exact density.

    Parameters
    ----------
    u, t : ndarray, shape (n_draw, d)
        Scores and standardised positions, of one chain after the other.
    rhat, ess : float
        Largest R-hat and least effective number of draws of a score.
    accepted : float
        Share of the moves that were accepted.
    """

    u: Float
    t: Float
    rhat: float
    ess: float
    accepted: float


@dataclass(frozen=True, slots=True)
class Explored:
    """
    The posterior of the hyperparameters.

    Parameters
    ----------
    nodes : tuple of Node
        Those that draws may come from, the mode first.
    t : ndarray, shape (n_node, d)
        Their standardised positions.
    surface : Surface
        The log density between them.
    misfit : float
        Root mean square error of the interpolated log density, weighted by the density, where it was last checked; of
        many hyperparameters the spread of the importance weights there; nan where it was not.
    error : float
        Standard deviation of the importance weights of fresh draws of the hyperparameters, relative to their mean; 0
        where there are none, or they were not asked for.
    evaluations : int
        Latent fields solved.
    chain : Chain, optional
        Draws that take the place of those from the surface, where `error` is too large.
    """

    nodes: tuple[Node, ...]
    t: Float
    surface: Surface
    misfit: float
    error: float
    evaluations: int
    chain: Chain | None = None


def explore(
    model: Model,
    start: Start,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
    look: Look | None = None,
    *,
    fine: bool = False,
    mode: Mode | None = None,
    weigh: bool = True,
) -> Explored:
    """
    Find the mode and lay nodes around it.

    `look`: What to keep of the whole field of nodes as `Node.seen`: of all, or of the first ones around the mode
    where tables are long. `fine`: Whether one or two hyperparameters get a grid even where their density is near
    enough to quadratic for draws: what is averaged may lie far in a tail.
    Where weights of fresh draws are too far apart, few hyperparameters get nodes with slopes, too.
    """
    mode = find_mode(model, start, pool, report) if mode is None else mode
    found = _laid(model, mode, pool, report, look, fine=fine, weigh=weigh)
    sloped, dear = _sloped(model, len(mode.x))
    if found.error <= SPREAD or sloped or dear or len(mode.x) < 2:
        return found
    if not model.variational or model.latent.mixed is not None:
        return found
    mode = replace(mode, evaluations=found.evaluations)
    by_slopes = _laid(model, mode, pool, report, look, fine=fine, weigh=weigh, sloped=True)
    return min(found, by_slopes, key=lambda each: each.error)


def _laid(
    model: Model,
    mode: Mode,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
    look: Look | None,
    *,
    fine: bool,
    weigh: bool,
    sloped: bool = False,
) -> Explored:
    """Nodes about the mode, and the density between them; `sloped`: with slopes, however few hyperparameters."""
    d, count = len(mode.x), mode.evaluations
    many, dear = _sloped(model, d)
    many = many or sloped
    axes = np.empty((d, d))
    most = max(2 * d, _LOOKED_AT // max(len(model.data.offset), 1))
    left = most

    def attempt(points: Iterable[Float], floor: float) -> list[Node | None]:
        nonlocal count, left
        places = [mode.x + axes @ t for t in points]
        looks = [look if k < left and floor < np.inf else None for k in range(len(places))]
        jobs = [
            pool.submit(node, model, x, start_near(model, mode, x), floor, own, sloped=many)
            for x, own in zip(places, looks, strict=True)
        ]
        count, left = count + len(jobs), max(left - len(jobs), 0)
        report(f"integrating over hyperparameters: {count} fields")
        return [job.result() for job in jobs]

    def solve(points: Iterable[Float]) -> list[Node]:
        return [n for n in attempt(points, floor) if n is not None]

    def weighed(found: Explored) -> Explored:
        # No draw comes from these nodes, so that no field of theirs is kept.
        error = _importance_error(found, lambda points: attempt(points, np.inf)) if d and weigh else 0.0
        return replace(found, error=error, evaluations=count)

    centre = [replace(node_of(model, mode.x, mode.found, sloped=many), seen=None if look is None else look(mode.found))]
    # Draws come from nodes within a drop below the highest, which is at least as high as the mode.
    near, drop = (np.inf, _FINE_DROP / d) if fine and 0 < d <= 2 else (_near_enough(d), _DROP)
    floor = centre[0].log_density - near
    if d > 2 or many:
        unit = 1.0 / np.sqrt(np.diag(mode.hessian))
        axes = np.diag(np.minimum(unit, _LONGEST))
        by_slopes = partial(_explore_sloped, mode, centre, axes, solve, dear=dear)
        return weighed(by_slopes() if many else _explore_many(model, mode, centre, axes, solve))
    value, vector = np.linalg.eigh(mode.hessian)
    axes = vector / np.sqrt(np.maximum(value, 1e-3)) if d else axes
    design = composite_design(d)
    nodes = centre + solve(design)
    between, misfit = quadratic_surface(nodes, axes)
    # Without hyperparameters the mode is all there is.
    if d and (fine or misfit > _QUADRATIC):
        axes = _rescaled(nodes, axes) if len(nodes) == 1 + len(design) else axes
        # The nodes so far are let go of, and those of the grid are looked at in their place.
        left = most
        nodes = _within(centre + _grid(solve, centre[0], axes, drop), drop)
        between, misfit = grid_surface(nodes, axes), np.nan
    return weighed(_kept(nodes, between, misfit, near))


def work(model: Model) -> int:
    """Work of one field: entries of its factor and tens of rows."""
    return int(model.latent.pattern.symbolic.panel_start[-1]) + 10 * len(model.data.offset)


def _sloped(model: Model, d: int) -> tuple[bool, bool]:
    """
    Whether nodes get slopes, and whether each takes seconds.

    Slopes cost next to nothing: where hyperparameters are many, or fields dear, they take the place of further fields.
    """
    dear = work(model) > _DEAR
    return model.variational and (d > _FEW or (d > 2 and dear)), dear


def _importance_error(found: Explored, attempt: Callable[[Iterable[Float]], list[Node | None]]) -> float:
    """
    Spread of the importance weights of draws from the interpolated density.

    With weights w of mean one, the mean of any function of the hyperparameters differs from that under the density at
    the draws by cov(f, w), which is at most sd(f) sd(w): the error in posterior standard deviations. A few draws tell
    whether that is 0.05 or 0.5; for a Pareto shape of the weights' tail they are too few, and one of them in the least
    probable hundredth would say more of that than of the rest, so that all are from outside it.
    """
    n_fresh = int(np.clip(found.evaluations // 8, _FEWEST_FRESH, _MOST_FRESH))
    u = draw_scores(found.surface, 1000, np.random.default_rng(_ROUNDS))
    expected = found.surface.log_density(u)
    u = u[expected > np.quantile(expected, 0.01)][:n_fresh]
    fresh = attempt(found.surface.positions(u))
    # Where there is no field, or the prior is zero, the weight is zero.
    log_weight = np.array([-np.inf if n is None else n.log_density for n in fresh]) - found.surface.log_density(u)
    return _spread_of_weights(log_weight)


def _spread_of_weights(log_weight: Float) -> float:
    """Standard deviation of weights relative to their mean; infinite where none is above zero."""
    if not np.isfinite(log_weight).any():
        return np.inf
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.std(ddof=1) / weight.mean())


def _explore_many(model: Model, mode: Mode, centre: list[Node], axes: Float, solve: Solve) -> Explored:
    """Sections along the axes of three or more hyperparameters, and nodes where draws would lie."""
    d = len(mode.x)
    nodes = centre + _scan(solve, centre[0], axes)
    n_section = len(nodes)
    correlation = axes.T @ mode.hessian @ axes
    spread = np.sqrt(np.diag(correlation))
    correlation = correlation / np.outer(spread, spread)
    cheap = work(model) < _CHEAP
    between, misfit = copula_surface(nodes, axes, correlation, n_section), np.nan
    for round_ in range(_ROUNDS if cheap else 1):
        # Draws of the density itself would not find what it leaves out.
        drawn = draw_scores(between, 400, np.random.default_rng(round_), _BEYOND)
        fresh = solve(between.positions(_spread_out(drawn, (8 if cheap else 2) * d)))
        at = between.scores(np.array([np.linalg.solve(axes, n.x - mode.x) for n in fresh]).reshape(-1, d))
        misfit = _misfit(np.array([n.log_density for n in fresh]), between.log_density(at))
        nodes = nodes + fresh
        between = copula_surface(nodes, axes, correlation, n_section)
        if misfit < _MISFIT:
            break
    return _kept(nodes, between, misfit)


def _explore_sloped(mode: Mode, centre: list[Node], axes: Float, solve: Solve, *, dear: bool) -> Explored:
    """
    Sections along the axes of many hyperparameters, and nodes where draws lie, each with its slope.

    Of many hyperparameters each draw lies some way out along most: the density matters there, half a unit of log
    density below the mode for each of them, and not on the axes.

    `dear`: Whether a field costs so much that two nodes an axis must do: of so many rows hyperparameters have a
    posterior that is nearly Gaussian, and the weights of fresh draws say whether it is.
    """
    d = len(mode.x)
    nodes = centre + _scan(solve, centre[0], axes, _DISTANCES_OF_DEAR if dear else _DISTANCES)
    n_section = len(nodes)
    between, misfit = sloped_surface(nodes, axes, n_section), np.nan
    for round_ in range(0 if dear else _ROUNDS_OF_MANY):
        # Draws of the density itself would not find what it leaves out: every other round reaches beyond.
        checked = round_ % 2 == 1
        drawn = draw_scores(
            between, max(_FRESH_OF_MANY, 2 * d), np.random.default_rng(round_), 1.0 if checked else _BEYOND_OF_MANY
        )
        fresh = solve(between.positions(drawn))
        if checked:
            at = between.scores(np.array([np.linalg.solve(axes, n.x - mode.x) for n in fresh]).reshape(-1, d))
            misfit = _spread_of_weights(np.array([n.log_density for n in fresh]) - between.log_density(at))
        nodes = nodes + fresh
        between = sloped_surface(nodes, axes, n_section)
        if checked and misfit < _MISFIT_OF_MANY:
            break
    return _kept(nodes, between, misfit, _near_enough(d))


def _near_enough(d: int) -> float:
    """Log density below the highest node within which nodes are kept for draws."""
    return _NEAR_ENOUGH if d <= _FEW else _NEAR_ENOUGH + 0.5 * d


def _misfit(found: Float, expected: Float) -> float:
    """Root mean square error of a log density up to a constant, weighted by the density expected; nan for nothing."""
    if not len(found):
        return np.nan
    weight = np.exp(expected - expected.max())
    error = found - expected
    return float(np.sqrt(np.average((error - np.average(error, weights=weight)) ** 2, weights=weight)))


def _kept(nodes: list[Node], between: Surface, misfit: float, near: float = _NEAR_ENOUGH) -> Explored:
    """Let go of fields so improbable that no draw needs them; the density between nodes keeps all."""
    kept = [k for k in range(len(nodes)) if k == 0 or between.y[k] > -near]
    return Explored(tuple(nodes[k] for k in kept), between.t[kept], between, misfit, np.nan, len(nodes))


def composite_design(d: int) -> list[Float]:
    """
    Central composite design: two points on each axis and the corners, all at one distance.

    Shapes: returns (d,).

    Returns: points at distance 1.1 sqrt(d), without the centre; the axes first.
    """
    radius = _RADIUS * np.sqrt(d)
    points = [s * radius * np.eye(d)[i] for i in range(d) for s in (1.0, -1.0)]
    if d == 0:
        return []
    if d == 1:
        # Two more points tell a quadratic from what is none.
        return [*points, np.array([2.0 * radius]), np.array([-2.0 * radius])]
    return points + [_RADIUS * np.array(signs) for signs in product((1.0, -1.0), repeat=d)]


def _drops(nodes: list[Node], d: int) -> Float:
    """Loss of log density from the mode at the two design points of each axis, shape (d, 2)."""
    return nodes[0].log_density - np.array([n.log_density for n in nodes[1 : 1 + 2 * d]]).reshape(d, 2)


def _rescaled(nodes: list[Node], axes: Float) -> Float:
    """One unit on each axis costs about half a unit of log density, and moves no logarithm by more than 0.8."""
    d = axes.shape[0]
    side = _RADIUS * np.sqrt(d) / np.sqrt(2.0 * np.maximum(_drops(nodes, d), 1e-3))
    wide = axes * np.clip(side.mean(axis=1), 0.3, 3.0)
    return np.asarray(wide * np.minimum(1.0, _LONGEST / np.abs(wide).max(axis=0)))


def _within(nodes: list[Node], drop: float) -> list[Node]:
    """Nodes that carry weight; the first, which is the mode, stays."""
    top = max(n.log_density for n in nodes)
    return [n for k, n in enumerate(nodes) if k == 0 or n.log_density > top - 2.0 * drop]


def _grid(solve: Solve, centre: Node, axes: Float, drop: float) -> list[Node]:
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
        edge = [at for at, n in zip(place, found, strict=True) if n.log_density > top - drop]
        nodes += found
    return nodes


def _scan(solve: Solve, centre: Node, axes: Float, distances: tuple[float, ...] = _DISTANCES) -> list[Node]:
    """Each axis followed until the drop, or as far as it goes."""
    d = axes.shape[0]
    nodes: list[Node] = []
    active = [(i, s) for i in range(d) for s in (1.0, -1.0)]
    for distance in distances:
        found = solve([s * distance * np.eye(d)[i] for i, s in active])
        nodes += found
        alive = set()
        for n in found:
            t = np.linalg.solve(axes, n.x - centre.x)
            i = int(np.argmax(np.abs(t)))
            if n.log_density > centre.log_density - _SECTION_DROP:
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
