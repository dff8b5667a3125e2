"""
Hyperparameters of long tables whose rows have members: a Gaussian through two nodes on each axis about the top.

Many rows tell hyperparameters so well that their density is near enough to a Gaussian. The gradient leaves out how
bending changes with the covariance, so that the mode it leads to is a little off: nodes on the axes of the curvature
there say where the top is, and are laid anew about it until it is between them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.explore import Explored
from bayesineq.inference.sparse_engine.hyper import Mode, Model, Node, node, node_of, start_near
from bayesineq.inference.sparse_engine.surface import Surface

Float = NDArray[np.float64]

_STEP: Final = 1.0
_NEAR: Final = 0.6
_ROUNDS: Final = 4
_NARROWEST: Final = 0.1
_WIDEST: Final = 9.0


@dataclass(frozen=True, slots=True)
class _Cross:
    """Nodes about a place, their standardised positions, and the Gaussian through them."""

    nodes: tuple[Node, ...]
    t: Float
    curvature: Float
    centre: Float


def explore_axes(model: Model, mode: Mode, pool: ThreadPoolExecutor, report: Callable[[str], None]) -> Explored:
    """The top and nodes on the axes, with a Gaussian through them."""
    d, count = len(mode.x), mode.evaluations
    value, vector = np.linalg.eigh(mode.hessian) if d else (np.empty(0), np.empty((0, 0)))
    axes, x, middle = vector / np.sqrt(np.maximum(value, 1e-3)), mode.x, node_of(model, mode.x, mode.found)
    for round_ in range(_ROUNDS):
        cross = _cross(model, mode, axes, middle, pool)
        count += 2 * d
        report(f"integrating over hyperparameters: {count} fields")
        if round_ == _ROUNDS - 1 or np.abs(cross.centre * np.sqrt(cross.curvature)).max(initial=0.0) < _NEAR:
            break
        moved = x + axes @ cross.centre
        there = node(model, moved, start_near(model, mode, moved))
        count += 1
        if there is None or there.log_density <= middle.log_density:
            break
        axes, x, middle = axes / np.sqrt(cross.curvature), moved, there
    top = 0.5 * float(cross.curvature @ cross.centre**2)
    y = np.array([n.log_density for n in cross.nodes]) - middle.log_density
    between = Surface(x, axes, cross.t, y, (), np.diag(cross.curvature), cross.centre, top, None, 0.0)
    misfit = float(np.abs(between.log_density(cross.t) - y).max())
    return Explored(cross.nodes, cross.t, between, misfit, np.nan, count)


def _cross(model: Model, mode: Mode, axes: Float, middle: Node, pool: ThreadPoolExecutor) -> _Cross:
    d = len(middle.x)
    places = [sign * _STEP * np.eye(d)[i] for i in range(d) for sign in (1.0, -1.0)]
    at = [middle.x + axes @ t for t in places]
    jobs = [pool.submit(node, model, x, start_near(model, mode, x)) for x in at]
    found = [job.result() for job in jobs]
    nodes, t, curvature, centre = [middle], [np.zeros(d)], np.ones(d), np.zeros(d)
    for i in range(d):
        up, down = found[2 * i], found[2 * i + 1]
        if up is None or down is None:
            continue
        nodes += [up, down]
        t += places[2 * i : 2 * i + 2]
        high, low = up.log_density - middle.log_density, down.log_density - middle.log_density
        curvature[i] = np.clip(-(high + low) / _STEP**2, _NARROWEST, _WIDEST)
        centre[i] = np.clip((high - low) / (2.0 * _STEP * curvature[i]), -2.0, 2.0)
    return _Cross(tuple(nodes), np.array(t), curvature, centre)
