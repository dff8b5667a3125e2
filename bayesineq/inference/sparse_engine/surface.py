"""
A smooth log density between nodes, so that draws of hyperparameters are continuous and not bound to nodes.

Every density is held in coordinates u in which it is nearly a standard Gaussian. Each axis has been followed from the
mode; along it u is the signed root of twice the loss of log density, so that a section of the density is exactly
exp(-u^2 / 2) however skew it is, and a tail that never ends does not gather mass between the axes. Across axes the
density is that of a Gaussian copula with the Hessian's correlations, and radial basis functions through what the
nodes find beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator, RBFInterpolator
from scipy.spatial import cKDTree
from scipy.special import gammaln

from bayesineq.inference.sparse_engine.remainder import fit_kriged

if TYPE_CHECKING:
    from bayesineq.inference.sparse_engine.hyper import Node

Float = NDArray[np.float64]

_PROPOSALS: Final = 30_000
_EACH: Final = 10
_NEAR: Final = 0.75
_FREEDOM: Final = 6.0
_RIDGE: Final = 0.1
_LEAST_CURVED: Final = 0.1
_NEAR_DRAWS: Final = 12.0
_ADAPTED: Final = 12
_PROPOSALS_TO_ADAPT: Final = 4000
_POWERS: Final = (1.0, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.05, 0.03)
_COUNTS: Final = 0.1
_FINE: Final = 4001
_NEAR_TOP: Final = 0.2
_STEEPEST: Final = 2.9
"""Slope of a cubic between knots, in that of the straight line, up to which it surely rises throughout."""


@dataclass(frozen=True, slots=True)
class Section:
    """
    The density along one axis.

    Parameters
    ----------
    u, t : ndarray, shape (n_knot,)
        Signed root of twice the loss of log density, and position on the axis; both ascending.
    rise : ndarray, shape (n_knot,), optional
        Derivative of t in u, where slopes of the density tell it.
    """

    u: Float
    t: Float
    rise: Float | None = None

    def position(self, u: Float) -> Float:
        """Position at u: monotone between the knots, beyond them so that the log density is straight."""
        inside = self._curve()(np.clip(u, self.u[0], self.u[-1]))
        for end, beyond in ((0, np.minimum(u - self.u[0], 0.0)), (-1, np.maximum(u - self.u[-1], 0.0))):
            step, bend = self._end(end)
            inside = inside + step * beyond * (1.0 + 0.5 * np.abs(beyond) / bend)
        return np.asarray(inside)

    def log_slope(self, u: Float) -> Float:
        """Logarithm of the derivative of the position."""
        slope = self._curve().derivative()(np.clip(u, self.u[0], self.u[-1]))
        for end, beyond in ((0, self.u[0] - u), (-1, u - self.u[-1])):
            step, bend = self._end(end)
            slope = np.where(beyond > 0.0, step * (1.0 + beyond / bend), slope)
        return np.asarray(np.log(np.maximum(slope, 1e-6)))

    def score(self, t: Float) -> Float:
        """The u of a position."""
        within = np.clip(t, self.t[0], self.t[-1])
        if self.rise is None:
            inside = PchipInterpolator(self.t, self.u)(within)
        else:
            fine = np.linspace(self.u[0], self.u[-1], _FINE)
            inside = np.interp(within, self._curve()(fine), fine)
        for end, side, beyond in ((0, -1.0, self.t[0] - t), (-1, 1.0, t - self.t[-1])):
            step, bend = self._end(end)
            inside = inside + side * bend * (np.sqrt(1.0 + 2.0 * np.maximum(beyond, 0.0) / (step * bend)) - 1.0)
        return np.asarray(inside)

    def _curve(self) -> PchipInterpolator | CubicHermiteSpline:
        if self.rise is None:
            return PchipInterpolator(self.u, self.t)
        return CubicHermiteSpline(self.u, self.t, self.rise)

    def _end(self, end: int) -> tuple[float, float]:
        """
        Derivative of the position at an end, and the u over which it doubles.

        Densities of logarithms and logits mostly end as exponentials: u^2 / 2 grows with a constant slope, so that the
        derivative of the position is proportional to u.
        """
        if self.rise is not None:
            return float(self.rise[end]), max(abs(float(self.u[end])), 1.0)
        last, before = (end, end + 1) if end == 0 else (end, end - 1)
        step = (self.t[last] - self.t[before]) / (self.u[last] - self.u[before])
        if self.u[last] * self.u[before] > 0.0:
            step *= 2.0 * self.u[last] / (self.u[last] + self.u[before])
        return float(step), max(abs(float(self.u[last])), 1.0)


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
    sections : tuple of Section
        The density along each axis; none where the nodes are a grid.
    hessian : ndarray, shape (d, d)
        Minus the second derivative in u.
    centre : ndarray, shape (d,)
        Where the quadratic in u has its top.
    top : float
        Its value there.
    rest : callable or None
        Of u: what is left at the nodes.
    reach : float
        Largest of what is left, beyond which the interpolation does not go.
    """

    origin: Float
    axes: Float
    t: Float
    y: Float
    sections: tuple[Section, ...]
    hessian: Float
    centre: Float
    top: float
    rest: Callable[[Float], Float] | None
    reach: float

    def scores(self, t: Float) -> Float:
        """The u of standardised positions, shape (n, d)."""
        if not self.sections:
            return t
        return np.stack([s.score(t[:, i]) for i, s in enumerate(self.sections)], axis=1)

    def positions(self, u: Float) -> Float:
        """Standardised positions at u, shape (n, d)."""
        if not self.sections:
            return u
        return np.stack([s.position(u[:, i]) for i, s in enumerate(self.sections)], axis=1)

    def log_density(self, u: Float) -> Float:
        """Log density of x at u, shape (n, d), relative to the highest node."""
        away = u - self.centre
        value = self.top - 0.5 * ((away @ self.hessian) * away).sum(axis=1)
        if self.rest is None:
            return np.asarray(value)
        return np.asarray(value + np.clip(self.rest(u), -self.reach, self.reach))


def standardised(nodes: Sequence[Node], axes: Float) -> Float:
    """Positions of nodes in units of the axes. Shapes: axes (d, d); returns (n_node, d)."""
    away = np.array([n.x - nodes[0].x for n in nodes])
    return np.linalg.solve(axes, away.T).T if axes.size else away


def quadratic_surface(nodes: Sequence[Node], axes: Float) -> tuple[Surface, float]:
    """
    A quadratic through nodes near the mode, by least squares. Shapes: axes (d, d).

    Returns: the density, and its largest misfit at the nodes; infinite where it has no top near.
    """
    t, y = _ordinates(nodes, axes)
    d = t.shape[1]
    if d == 0:
        return Surface(nodes[0].x, axes, t, y, (), np.empty((0, 0)), np.empty(0), 0.0, None, 0.0), 0.0
    basis = _quadratic_basis(t)
    fitted, *_ = np.linalg.lstsq(basis, y, rcond=None)
    hessian = np.zeros((d, d))
    hessian[np.tril_indices(d)] = -fitted[1 + d :]
    hessian = hessian + hessian.T
    curvature = np.linalg.eigvalsh(hessian)
    if len(nodes) <= basis.shape[1] or curvature.min() < 0.2 or curvature.max() > 5.0:
        return Surface(nodes[0].x, axes, t, y, (), np.eye(d), np.zeros(d), 0.0, None, 0.0), np.inf
    centre = np.linalg.solve(hessian, fitted[1 : 1 + d])
    top = float(fitted[0] + 0.5 * fitted[1 : 1 + d] @ centre)
    between = Surface(nodes[0].x, axes, t, y, (), hessian, centre, top, None, 0.0)
    return between, float(np.abs(between.log_density(t) - y).max())


def grid_surface(nodes: Sequence[Node], axes: Float) -> Surface:
    """Interpolate between the nodes of a grid of unit step that holds all the mass. Shapes: axes (d, d)."""
    t, y = _ordinates(nodes, axes)
    d = t.shape[1]
    rest = RBFInterpolator(t, y, kernel="cubic", degree=1)
    return Surface(nodes[0].x, axes, t, y, (), np.zeros((d, d)), np.zeros(d), 0.0, rest, np.inf)


def through(u: Float, values: Float) -> RBFInterpolator | None:
    """Cubic radial functions through nodes; none where nodes lie on one another or in a plane and tell too little."""
    try:
        return RBFInterpolator(u, values, kernel="cubic", degree=1)
    except np.linalg.LinAlgError:
        return None


def copula_surface(nodes: Sequence[Node], axes: Float, correlation: Float, n_section: int) -> Surface:
    """
    Sections along the axes, a Gaussian copula between them, and what further nodes find beyond that.

    Shapes: axes (d, d); correlation (d, d).
    """
    t, y = _ordinates(nodes, axes)
    sections = tuple(_section(t[:n_section], y[:n_section], i) for i in range(t.shape[1]))
    d = t.shape[1]
    bare = Surface(nodes[0].x, axes, t, y, sections, correlation, np.zeros(d), 0.0, None, 0.0)
    u = bare.scores(t)
    error = y - bare.log_density(u)
    if len(nodes) <= n_section + d:
        return Surface(nodes[0].x, axes, t, y, sections, correlation, np.zeros(d), float(error[0]), None, 0.0)
    basis = _quadratic_basis(u)
    moment = basis.T @ basis + _RIDGE * np.eye(basis.shape[1])
    fitted = np.linalg.solve(moment, basis.T @ error)
    correction = np.zeros((d, d))
    correction[np.tril_indices(d)] = -fitted[1 + d :]
    hessian = correlation + correction + correction.T
    if np.linalg.eigvalsh(hessian).min() < 0.1:
        hessian, fitted = correlation, np.zeros_like(fitted)
    centre = np.linalg.solve(hessian, fitted[1 : 1 + d])
    top = float(fitted[0] + 0.5 * fitted[1 : 1 + d] @ centre)
    smooth = Surface(nodes[0].x, axes, t, y, sections, hessian, centre, top, None, 0.0)
    left = y - smooth.log_density(u)
    rest = through(u, left)
    near = y > -8.0
    return Surface(nodes[0].x, axes, t, y, sections, hessian, centre, top, rest, float(np.abs(left[near]).max()))


def sloped_surface(nodes: Sequence[Node], axes: Float, n_section: int) -> Surface:
    """
    Sections along the axes, and between them a Gaussian process of the values and slopes of nodes.

    Shapes: axes (d, d).

    `n_section`: How many of the nodes, the first, lie on axes.
    """
    t, y = _ordinates(nodes, axes)
    d = t.shape[1]
    along = np.stack([np.full(d, np.nan) if n.slope is None else n.slope @ axes for n in nodes])
    gap = np.array([n.gap for n in nodes])
    sections = tuple(
        _sloped_section(_section(t[:n_section], y[:n_section], i), t, along[:n_section], gap, i) for i in range(d)
    )
    u = np.stack([s.score(t[:, i]) for i, s in enumerate(sections)], axis=1)
    rise = np.exp(np.stack([s.log_slope(u[:, i]) for i, s in enumerate(sections)], axis=1))
    slope = along * rise
    # Along its own axis a section says more than the slope of its interpolation at a knot.
    axis = np.flatnonzero(np.abs(t[:n_section]).max(axis=1) > 1e-9)
    slope[axis, np.abs(t[axis]).argmax(axis=1)] = np.nan
    told = np.flatnonzero(y > y.max() - 0.5 * d - _NEAR_DRAWS)
    bare = Surface(nodes[0].x, axes, t, y, sections, np.eye(d), np.zeros(d), 0.0, None, np.inf)
    return _about_its_mass(bare, fit_kriged(u[told], y[told], slope[told], gap[told]))


def _about_its_mass(bare: Surface, density: Callable[[Float], Float]) -> Surface:
    """
    The density, with its own mean and spread as those of proposals.

    Weights of proposals are tempered so that a tenth of them counts; their moments are the next proposals', until
    nothing need be tempered.
    """
    centre, hessian = bare.centre, bare.hessian
    rng = np.random.default_rng(0)
    for _ in range(_ADAPTED):
        bare = replace(bare, centre=centre, hessian=hessian, rest=partial(_beyond, density, centre, hessian))
        u, log_weight, _ = _proposals(bare, rng, _PROPOSALS_TO_ADAPT)
        power, weight = _tempered(log_weight)
        centre = weight @ u
        spread = (u - centre).T @ ((u - centre) * weight[:, None])
        value, vector = np.linalg.eigh(spread)
        hessian = (vector / np.clip(value, 1e-3, 1.0 / _LEAST_CURVED)) @ vector.T
        if power == 1.0:
            break
    return bare


def _beyond(density: Callable[[Float], Float], centre: Float, hessian: Float, u: Float) -> Float:
    """What a density has beyond a quadratic, at u."""
    return np.asarray(density(u) + 0.5 * (((u - centre) @ hessian) * (u - centre)).sum(axis=1))


def _tempered(log_weight: Float) -> tuple[float, Float]:
    """The highest power at most one of weights of which a tenth counts, and these weights, which add up to one."""
    log_weight = log_weight - log_weight.max()
    for power in _POWERS:
        weight = np.exp(power * log_weight)
        weight /= weight.sum()
        if 1.0 / (weight**2).sum() > _COUNTS * len(weight):
            break
    return power, weight


def _ordinates(nodes: Sequence[Node], axes: Float) -> tuple[Float, Float]:
    y = np.array([n.log_density for n in nodes])
    return standardised(nodes, axes), y - y.max()


def _quadratic_basis(t: Float) -> Float:
    row, column = np.tril_indices(t.shape[1])
    return np.hstack([np.ones((len(t), 1)), t, t[:, row] * t[:, column]])


def _section(t: Float, y: Float, axis: int) -> Section:
    """Knots of one axis: from its top down on either side, each lower than the last."""
    on = np.flatnonzero((np.abs(np.delete(t, axis, axis=1)) < 1e-9).all(axis=1))
    on = on[np.argsort(t[on, axis])]
    at, value = t[on, axis], y[on]
    best = int(np.clip(np.argmax(value), 1, len(at) - 2))
    bend = np.polyfit(at[best - 1 : best + 2], value[best - 1 : best + 2], 2)
    peak = float(np.clip(-0.5 * bend[1] / bend[0], at[best - 1], at[best + 1])) if bend[0] < 0.0 else at[best]
    height = max(float(np.polyval(bend, peak)), float(value.max()))
    root = np.sqrt(2.0 * (height - value)) * np.sign(at - peak)
    u, place = [0.0], [peak]
    for side in (-1, 1):
        last = 0.0
        for k in np.argsort(np.abs(at - peak)):
            if side * (at[k] - peak) > 1e-6 and side * root[k] > last + 0.05:
                last = side * root[k]
                u.append(root[k])
                place.append(at[k])
    order = np.argsort(u)
    return Section(np.array(u)[order], np.array(place)[order])


def _sloped_section(section: Section, t: Float, slope: Float, gap: Float, axis: int) -> Section:
    """
    A section whose curve has the slopes of the density at its knots.

    Shapes: t (n_node, d); slope (n_section, d); gap (n_node,).

    Returns: with y = -u^2 / 2, the derivative of t in u is -u over that of y; as it was where a curve of these slopes
    would not rise throughout.
    """
    on = np.flatnonzero((np.abs(np.delete(t[: len(slope)], axis, axis=1)) < 1e-9).all(axis=1))
    on = on[np.argsort(t[on, axis])]
    steep = slope[on, axis] + np.gradient(gap[on], t[on, axis])
    rise = np.full(len(section.u), np.nan)
    for k, (u, at) in enumerate(zip(section.u, section.t, strict=True)):
        (same,) = np.nonzero(np.abs(t[on, axis] - at) < 1e-9)
        if len(same) and abs(u) > _NEAR_TOP:
            rise[k] = -u / steep[same[0]]
    # At the top both are zero: what its neighbours have in the mean.
    known = np.flatnonzero(np.isfinite(rise))
    if len(known) < 2:
        return section
    rise = np.where(np.isfinite(rise), rise, np.interp(section.u, section.u[known], rise[known]))
    straight = np.diff(section.t) / np.diff(section.u)
    bounded = np.maximum(rise[1:], rise[:-1]) < _STEEPEST * straight
    return Section(section.u, section.t, rise) if (rise > 0.0).all() and bounded.all() else section


def draw_scores(between: Surface, n_draw: int, rng: np.random.Generator, power: float = 1.0) -> Float:
    """
    Draw from the density, or from a power of it. Shapes: returns (n_draw, d).

    `power`: Below one for draws that reach beyond where the density is thought to lie. Returns: u of each draw;
    `positions` turns them into t, and x = origin + axes @ t.
    """
    d = between.t.shape[1]
    if d == 0:
        return np.empty((n_draw, 0))
    # So many that a draw of a thin tail does not stand for all of it.
    proposal, log_weight, _ = _proposals(between, rng, max(_PROPOSALS, _EACH * n_draw))
    if power != 1.0:
        log_weight += (power - 1.0) * between.log_density(proposal)
    weight = np.exp(log_weight - log_weight.max())
    order = np.argsort(proposal[:, 0], kind="stable")
    cumulated = np.cumsum(weight[order]) / weight.sum()
    # Systematic resampling: one draw from each of n_draw equal slices of probability.
    slices = (np.arange(n_draw) + rng.random(n_draw)) / n_draw
    chosen = order[np.minimum(np.searchsorted(cumulated, slices), len(order) - 1)]
    return np.asarray(rng.permutation(proposal[chosen]))


def within_reach(between: Surface, u: Float) -> NDArray[np.bool_]:
    """Which scores are where a grid reaches: beyond its edge there is no mass, and nothing to interpolate between."""
    if between.hessian.any():
        return np.ones(len(u), dtype=bool)
    return np.asarray(cKDTree(between.t).query(u)[0] <= _NEAR)


def log_mass(between: Surface) -> float:
    """
    Logarithm of the integral of the density over the hyperparameters, relative to its highest node.

    Returns: with the highest node's log density added, the log marginal likelihood.
    """
    if not between.t.shape[1]:
        return 0.0
    _, log_weight, log_constant = _proposals(between, np.random.default_rng(0), _PROPOSALS)
    return float(np.linalg.slogdet(between.axes)[1] + log_constant + np.logaddexp.reduce(log_weight))


def _proposals(between: Surface, rng: np.random.Generator, n: int) -> tuple[Float, Float, float]:
    """Proposals u with log weights, and what to add to the log sum of these for the log integral over t."""
    d = between.t.shape[1]
    if not between.hessian.any():
        low, high = between.t.min(axis=0) - 0.5, between.t.max(axis=0) + 0.5
        proposal = rng.uniform(low, high, size=(n, d))
        proposal = proposal[within_reach(between, proposal)]
        return proposal, between.log_density(proposal), float(np.log((high - low).prod() / n))
    root = np.linalg.inv(np.linalg.cholesky(between.hessian)).T
    scale = np.sqrt(rng.chisquare(_FREEDOM, size=(n, 1)) / _FREEDOM)
    white = rng.standard_normal((n, d)) / scale
    proposal = between.centre + white @ root.T
    log_weight = between.log_density(proposal)
    log_weight += 0.5 * (_FREEDOM + d) * np.log1p((white**2).sum(axis=1) / _FREEDOM)
    for i, section in enumerate(between.sections):
        log_weight += section.log_slope(proposal[:, i])
    log_centre = gammaln(0.5 * (_FREEDOM + d)) - gammaln(0.5 * _FREEDOM) - 0.5 * d * np.log(_FREEDOM * np.pi)
    log_centre -= float(np.linalg.slogdet(root)[1])
    return proposal, log_weight, float(-log_centre - np.log(n))
