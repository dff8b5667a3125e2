"""
Averages over the hyperparameters of what is said of rows that were left out.

Without a row the hyperparameters have another posterior: that with the row, divided by how well the row is predicted
by the others at each value of them. So 1 / p(y_r | others) is the posterior mean of 1 / p(y_r | others, theta), and the
mean of anything else takes weights in proportion to 1 / p(y_r | others, theta) (Gelfand, Dey and Chang 1992; Held,
Schrodle and Rue 2010). Holding theta at its mode instead flatters a row that moved it. How far the weights move the
hyperparameters says whether they can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.explore import Explored
from bayesineq.inference.sparse_engine.hyper import Node
from bayesineq.inference.sparse_engine.parameters import Parameter
from bayesineq.inference.sparse_engine.surface import draw_scores, through

Float = NDArray[np.float64]

_POINTS: Final = 1000
_FEWEST: Final = 100
_WORK: Final = 4_000_000
_POWER: Final = 0.5
"""Points are drawn from a power of the density, so that they reach where rows left out would move it."""

_BEYOND: Final = 1.5
_BLOCK: Final = 4000
_INVERSE: Final = (".size", ".concentration", ".shape")
MOVED: Final = 1.0
"""A row or group without which a hyperparameter lies a posterior standard deviation elsewhere moves it."""

LOST: Final = 2.0
"""Beyond this move the points hold too little of the posterior without the row: its average is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Points:
    """
    Points over the posterior of the hyperparameters, and how to get there from the nodes.

    Parameters
    ----------
    log_weight : ndarray, shape (n_point,)
        Their log weights, which sum to one.
    x : ndarray, shape (n_point, d)
        Hyperparameters (of a size, a concentration or a shape its inverse), standardised by their posterior.
    mean, sd : ndarray, shape (d,)
        That posterior's moments.
    between : ndarray, shape (n_point, n_node)
        Turns values at the nodes that were looked at into values at the points.
    """

    log_weight: Float
    x: Float
    mean: Float
    sd: Float
    between: Float


@dataclass(frozen=True, slots=True)
class Left:
    """
    Rows under the posterior without them.

    Parameters
    ----------
    values : ndarray, shape (n_value, n_row)
        Means of what was to be averaged.
    moves : ndarray, shape (n_row,)
        How many posterior standard deviations the hyperparameter that moves most moves by.
    which : ndarray of int64, shape (n_row,)
        Which one it is.
    """

    values: Float
    moves: Float
    which: NDArray[np.int64]

    def measure(self, rows: slice | NDArray[np.int64], place: Points, mean: Float) -> None:
        """Set the move of rows whose hyperparameters' means without them are known from a fit."""
        if len(mean):
            away = np.abs(mean - place.mean) / place.sd
            self.moves[rows], self.which[rows] = away.max(), away.argmax()


def looked_at(explored: Explored) -> list[Node]:
    """Nodes of which there was a look."""
    return [n for n in explored.nodes if n.seen is not None]


def points(explored: Explored, parameters: Sequence[Parameter], n_row: int) -> Points:
    """Lay points over the posterior of the hyperparameters."""
    known = np.array([n.seen is not None for n in explored.nodes])
    if not explored.t.shape[1]:
        return Points(np.zeros(1), np.zeros((1, 0)), np.zeros(0), np.zeros(0), np.ones((1, 1)))
    count = int(np.clip(_WORK // max(n_row, 1), _FEWEST, _POINTS))
    u = draw_scores(explored.surface, count, np.random.default_rng(0), _POWER)
    log_weight = (1.0 - _POWER) * explored.surface.log_density(u)
    log_weight -= np.logaddexp.reduce(log_weight)
    x = explored.surface.origin + explored.surface.positions(u) @ explored.surface.axes.T
    x = np.stack([_spread(p, x[:, i]) for i, p in enumerate(parameters)], axis=1)
    weight = np.exp(log_weight)
    mean = weight @ x
    sd = np.sqrt(np.maximum(weight @ (x - mean) ** 2, 1e-300))
    at = explored.surface.scores(explored.t[known])
    low, high = at.min(axis=0), at.max(axis=0)
    middle, half = 0.5 * (low + high), 0.5 * _BEYOND * (high - low)
    between = _between(at, np.clip(u, middle - half, middle + half))
    return Points(log_weight, (x - mean) / sd, mean, sd, between)


def _spread(parameter: Parameter, x: Float) -> Float:
    """What falls to nothing where nothing varies: in logarithms, the way there from nearly nothing would be long."""
    value = np.asarray(parameter.value(x))
    return 1.0 / value if parameter.name.endswith(_INVERSE) else value


def _between(at: Float, u: Float) -> Float:
    """A polynomial of second degree through the nodes, and what it leaves by cubic radial functions."""
    n, d = at.shape
    row, column = np.tril_indices(d)
    crossed = row != column
    if n < 2 * (1 + d + len(row)):
        # Nodes that lie on the axes tell nothing of products.
        row, column = row[~crossed], column[~crossed]
    if n < 1 + d + len(row):
        row, column = row[:0], column[:0]

    def basis(t: Float) -> Float:
        return np.hstack([np.ones((len(t), 1)), t, t[:, row] * t[:, column]])

    smooth = np.linalg.pinv(basis(at), rcond=1e-8)
    taken = basis(u) @ smooth
    left = np.eye(n) - basis(at) @ smooth
    if n <= basis(at).shape[1] + d:
        return np.asarray(taken)
    rest = through(at, left)
    return np.asarray(taken if rest is None else taken + rest(u))


def left_out(
    place: Points, log_density: NDArray[Any], values: NDArray[Any], logs: int, pool: ThreadPoolExecutor
) -> Left:
    """
    Average over the hyperparameters' posterior without each row.

    Shapes: log_density (n_node, n_row); values (n_node, n_value, n_row).

    `log_density`: Log density of the row (or of the group that it leaves with) given all others, at each node.
    `logs`: The first so many of them are logarithms of what is averaged, and come back as logarithms.
    """
    n_row = log_density.shape[1]
    out = Left(np.empty((values.shape[1], n_row)), np.zeros(n_row), np.zeros(n_row, dtype=np.int64))

    def work(at: slice) -> None:
        log_weight = place.log_weight[:, None] - place.between @ log_density[:, at]
        log_weight -= _log_sum(log_weight)
        for k in range(values.shape[1]):
            value = place.between @ values[:, k, at]
            out.values[k, at] = _log_sum(log_weight + value) if k < logs else (np.exp(log_weight) * value).sum(axis=0)
        if place.x.shape[1]:
            away = np.abs(place.x.T @ np.exp(log_weight))
            out.moves[at], out.which[at] = away.max(axis=0), away.argmax(axis=0)

    _in_blocks(work, n_row, pool)
    return out


def kept_in(place: Points, values: NDArray[Any], logs: int, pool: ThreadPoolExecutor) -> Float:
    """
    Average over the hyperparameters' posterior as it is.

    Shapes: values (n_node, n_value, n_row); returns (n_value, n_row).
    """
    return left_out(place, np.zeros((len(values), values.shape[2])), values, logs, pool).values


def _in_blocks(work: Callable[[slice], None], n_row: int, pool: ThreadPoolExecutor) -> None:
    jobs = [pool.submit(work, slice(b, min(b + _BLOCK, n_row))) for b in range(0, n_row, _BLOCK)]
    for job in jobs:
        job.result()


def _log_sum(log_weight: Float) -> Float:
    top = log_weight.max(axis=0)
    return np.asarray(top + np.log(np.exp(log_weight - top).sum(axis=0)))
