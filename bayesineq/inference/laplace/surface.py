"""
A smooth log density between nodes, so that draws of hyperparameters are continuous and not bound to nodes.

It is a quadratic, with a cubic and a quartic along each axis where the nodes determine them, plus radial basis
functions through what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree
from scipy.special import gammaln

if TYPE_CHECKING:
    from bayesineq.inference.laplace.hyper import Node

Float = NDArray[np.float64]

_PROPOSALS: Final = 30_000
_NEAR: Final = 0.75
_FREEDOM: Final = 5.0


@dataclass(frozen=True, slots=True)
class Surface:
    """
    A log density over x = origin + axes @ t.

    Parameters
    ----------
    origin : ndarray, shape (d,)
        The mode.
    axes : ndarray, shape (d, d)
        Unit of t.
    t : ndarray, shape (n_node, d)
        Nodes.
    y : ndarray, shape (n_node,)
        Log density at the nodes, at most zero.
    polynomial : ndarray, shape (n_term,)
        Coefficients.
    rest : RBFInterpolator or None
        What the polynomial leaves; None where a quadratic is all there is.
    gridded : bool
        Whether the nodes are a grid of unit step that holds all the mass.
    """

    origin: Float
    axes: Float
    t: Float
    y: Float
    polynomial: Float
    rest: RBFInterpolator | None
    gridded: bool

    def log_density(self, t: Float) -> Float:
        """Log density at standardised positions, shape (n, d)."""
        value = _basis(t, len(self.polynomial)) @ self.polynomial
        return np.asarray(value if self.rest is None else value + self.rest(t))


def _basis(t: Float, size: int) -> Float:
    row, column = np.tril_indices(t.shape[1])
    quadratic = np.hstack([np.ones((len(t), 1)), t, t[:, row] * t[:, column]])
    return quadratic if size == quadratic.shape[1] else np.hstack([quadratic, t**3, t**4])


def standardised(nodes: Sequence[Node], axes: Float) -> Float:
    """
    Positions of nodes in units of the axes.

    Parameters
    ----------
    nodes : sequence of Node
        The mode first.
    axes : ndarray, shape (d, d)
        Unit.

    Returns
    -------
    ndarray, shape (n_node, d)
        t with x = mode + axes @ t.
    """
    away = np.array([n.x - nodes[0].x for n in nodes])
    return np.linalg.solve(axes, away.T).T if axes.size else away


def quadratic_misfit(nodes: Sequence[Node], axes: Float) -> float:
    """
    Largest misfit of a quadratic to the log density at the nodes.

    Parameters
    ----------
    nodes : sequence of Node
        The mode first.
    axes : ndarray, shape (d, d)
        Unit.

    Returns
    -------
    float
        Infinite where the quadratic has no maximum near, or the nodes are too few.
    """
    between = surface(nodes, axes, quadratic=True)
    d = axes.shape[0]
    if len(nodes) <= len(between.polynomial):
        return np.inf
    curvature = np.linalg.eigvalsh(_hessian(between, d))
    if curvature.min() < 0.2 or curvature.max() > 5.0:
        return np.inf
    return float(np.abs(between.log_density(between.t) - between.y).max())


def surface(nodes: Sequence[Node], axes: Float, *, gridded: bool = False, quadratic: bool = False) -> Surface:
    """
    Interpolate the log density.

    Parameters
    ----------
    nodes : sequence of Node
        The mode first.
    axes : ndarray, shape (d, d)
        Unit.
    gridded : bool
        Whether the nodes are a grid that holds all the mass.
    quadratic : bool
        Whether a quadratic describes the nodes well enough.

    Returns
    -------
    Surface
        The density.
    """
    t, y = standardised(nodes, axes), np.array([n.log_density for n in nodes])
    y = y - y.max()
    d = t.shape[1]
    terms = (d + 1) * (d + 2) // 2
    size = terms if quadratic or len(nodes) < terms + 2 * d + 1 else terms + 2 * d
    # Nodes far out in the tails bend the polynomial less than those that carry mass.
    weight = np.ones(len(y)) if quadratic else np.exp(0.25 * np.maximum(y, -12.0))
    basis = _basis(t, size) if d else np.ones((len(y), 1))
    fitted, *_ = np.linalg.lstsq(basis * weight[:, None], y * weight, rcond=None)
    rest = None
    if not quadratic and d:
        rest = RBFInterpolator(t, y - basis @ fitted, kernel="cubic", degree=1)
    return Surface(nodes[0].x, axes, t, y, fitted, rest, gridded)


def _hessian(between: Surface, d: int) -> Float:
    hessian = np.zeros((d, d))
    hessian[np.tril_indices(d)] = -between.polynomial[1 + d : (d + 1) * (d + 2) // 2]
    return hessian + hessian.T


def draw_positions(between: Surface, n_draw: int, rng: np.random.Generator) -> Float:
    """
    Draw from the interpolated density.

    Parameters
    ----------
    between : Surface
        The density.
    n_draw : int
        How many.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (n_draw, d)
        Standardised positions t; the hyperparameters are origin + axes @ t.
    """
    d = between.t.shape[1]
    if d == 0:
        return np.empty((n_draw, 0))
    if between.rest is None:
        hessian = _hessian(between, d)
        centre = np.linalg.solve(hessian, between.polynomial[1 : 1 + d])
        white = rng.standard_normal((n_draw, d))
        return np.asarray(centre + np.linalg.solve(np.linalg.cholesky(hessian).T, white.T).T)
    proposal, log_weight, _ = _proposals(between, rng)
    weight = np.exp(log_weight - log_weight.max())
    order = np.argsort(proposal[:, 0], kind="stable")
    cumulated = np.cumsum(weight[order]) / weight.sum()
    # Systematic resampling: one draw from each of n_draw equal slices of probability.
    slices = (np.arange(n_draw) + rng.random(n_draw)) / n_draw
    chosen = order[np.minimum(np.searchsorted(cumulated, slices), len(order) - 1)]
    return np.asarray(rng.permutation(proposal[chosen]))


def log_mass(between: Surface) -> float:
    """
    Logarithm of the integral of the density over the hyperparameters, relative to its highest node.

    Parameters
    ----------
    between : Surface
        The density.

    Returns
    -------
    float
        With the highest node's log density added, the log marginal likelihood.
    """
    d = between.t.shape[1]
    if d == 0:
        return 0.0
    volume = float(np.linalg.slogdet(between.axes)[1])
    if between.rest is None:
        hessian = _hessian(between, d)
        linear = between.polynomial[1 : 1 + d]
        top = between.polynomial[0] + 0.5 * float(linear @ np.linalg.solve(hessian, linear))
        return float(volume + top + 0.5 * d * np.log(2.0 * np.pi) - 0.5 * np.linalg.slogdet(hessian)[1])
    _, log_weight, log_constant = _proposals(between, np.random.default_rng(0))
    return float(volume + log_constant + np.logaddexp.reduce(log_weight))


def _proposals(between: Surface, rng: np.random.Generator) -> tuple[Float, Float, float]:
    """Positions with log weights, and what to add to their log sum for the log integral."""
    if not between.gridded:
        return _tailed_proposals(between, rng)
    low, high = between.t.min(axis=0) - 0.5, between.t.max(axis=0) + 0.5
    proposal = rng.uniform(low, high, size=(_PROPOSALS, len(low)))
    # Beyond the grid's edge there is no mass, and nothing to interpolate between.
    proposal = proposal[cKDTree(between.t).query(proposal)[0] <= _NEAR]
    return proposal, between.log_density(proposal), float(np.log((high - low).prod() / _PROPOSALS))


def _tailed_proposals(between: Surface, rng: np.random.Generator) -> tuple[Float, Float, float]:
    """Student t proposals, wider on the side of each axis to which nodes reach farther, and their log weights."""
    t, y = between.t, between.y
    d = t.shape[1]
    near = y > -2.5
    up = np.maximum(np.abs(np.where(near[:, None], np.maximum(t, 0.0), 0.0)).max(axis=0) / 1.7, 0.7)
    down = np.maximum(np.abs(np.where(near[:, None], np.minimum(t, 0.0), 0.0)).max(axis=0) / 1.7, 0.7)
    scale = np.sqrt(rng.chisquare(_FREEDOM, size=(_PROPOSALS, 1)) / _FREEDOM)
    white = rng.standard_normal((_PROPOSALS, d)) / scale
    # A side is chosen by its width, so that the two half densities meet at zero.
    side = rng.random((_PROPOSALS, d)) < up / (up + down)
    proposal = np.where(side, np.abs(white) * up, -np.abs(white) * down)
    inside = ((proposal >= t.min(axis=0) - 0.5) & (proposal <= t.max(axis=0) + 0.5)).all(axis=1)
    proposal, white = proposal[inside], white[inside]
    squares = (white**2).sum(axis=1)
    log_weight = np.minimum(between.log_density(proposal), 0.5) + 0.5 * (_FREEDOM + d) * np.log1p(squares / _FREEDOM)
    # Density of the proposal at its centre: a t density, each side scaled by the mean of the two widths.
    log_centre = gammaln(0.5 * (_FREEDOM + d)) - gammaln(0.5 * _FREEDOM) - 0.5 * d * np.log(_FREEDOM * np.pi)
    log_centre -= np.log(0.5 * (up + down)).sum()
    return proposal, log_weight, float(-log_centre - np.log(_PROPOSALS))
