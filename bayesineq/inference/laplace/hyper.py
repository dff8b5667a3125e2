"""
The posterior of the hyperparameters: its mode by exact gradients, nodes around it, and a smooth density between them.

The mode is that of the evidence bound, whose gradient costs one factorisation and one selected inverse. Around it lie
the nodes of a central composite design; where the log density there is not quadratic (a flat phi, few levels) the
nodes are a grid for one or two hyperparameters and scans along the axes above. Between nodes the log density, with
the evidence beyond the bound, is a quadratic plus radial basis functions, so that draws of hyperparameters are
continuous and not bound to nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from bayesineq.errors import ConvergenceError
from bayesineq.inference.laplace.correct import evidence_gap
from bayesineq.inference.laplace.field import Field, field
from bayesineq.inference.laplace.newton import Observed, Posterior, Start, bound_slope, posterior, warm
from bayesineq.inference.laplace.terms import Latent

Float = NDArray[np.float64]

_STEPS: Final = 60
_LONGEST: Final = 1.0
_DECREMENT: Final = 2e-3
_RADIUS: Final = 1.1
_GRID_STEP: Final = 1.0
_DROP: Final = 6.0
_FARTHEST: Final = 16
_QUADRATIC: Final = 0.015
_PROPOSALS: Final = 40_000
_DIFFERENCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Model:
    """
    Everything that a value of the hyperparameters is judged by.

    Parameters
    ----------
    latent : Latent
        The latent field.
    data : Observed
        The response.
    log_determinant : float or None
        Of the sparse prior, where it is constant.
    site : ndarray of int32, shape (n_row,)
        Sites of the evidence beyond the bound.
    variational : bool
        Whether the variational correction is on.
    """

    latent: Latent
    data: Observed
    log_determinant: float | None
    site: NDArray[np.int32]
    variational: bool


@dataclass(frozen=True, slots=True)
class Node:
    """
    The latent field at one value of the hyperparameters.

    Parameters
    ----------
    x : ndarray, shape (n_parameter,)
        Hyperparameters on the real line.
    log_density : float
        Their log posterior density in x, not normalised.
    found : Posterior
        The latent field there.
    """

    x: Float
    log_density: float
    found: Posterior


@dataclass(frozen=True, slots=True)
class Explored:
    """
    The posterior of the hyperparameters.

    Parameters
    ----------
    nodes : tuple of Node
        The mode first.
    axes : ndarray, shape (n_parameter, n_parameter)
        x = mode + axes @ t, with t of about unit scale.
    quadratic : bool
        Whether a quadratic describes the log density at the nodes.
    evaluations : int
        Latent fields solved.
    """

    nodes: tuple[Node, ...]
    axes: Float
    quadratic: bool
    evaluations: int


def prior_at(model: Model, x: Float) -> Field:
    """
    Prior of the latent field at hyperparameters on the real line.

    Parameters
    ----------
    model : Model
        The model.
    x : ndarray, shape (n_parameter,)
        Hyperparameters.

    Returns
    -------
    Field
        The prior.
    """
    values = np.array([float(p.value(v)) for p, v in zip(model.latent.parameters, x, strict=True)])
    return field(model.latent, values, model.log_determinant)


def _log_prior(model: Model, x: Float) -> float:
    return sum(p.log_density(float(v)) for p, v in zip(model.latent.parameters, x, strict=True))


def node(model: Model, x: Float, start: Start) -> Node | None:
    """
    Solve the latent field at one value of the hyperparameters.

    Parameters
    ----------
    model : Model
        The model.
    x : ndarray, shape (n_parameter,)
        Hyperparameters.
    start : Start
        Where to begin.

    Returns
    -------
    Node or None
        None where the field does not settle: such hyperparameters get no weight.
    """
    try:
        found = posterior(model.latent, model.data, prior_at(model, x), start, variational=model.variational)
    except (ConvergenceError, np.linalg.LinAlgError):
        return None
    gap = evidence_gap(model.latent, model.data, found, model.site).sum() if model.variational else 0.0
    return Node(x, found.bound + float(gap) + _log_prior(model, x), found)


def find_mode(
    model: Model, start: Start, pool: ThreadPoolExecutor, report: Callable[[str], None]
) -> tuple[Float, Float, Posterior, int]:
    """
    Mode of the hyperparameters' posterior under the evidence bound, by BFGS.

    Parameters
    ----------
    model : Model
        The model.
    start : Start
        Where the latent field begins.
    pool : ThreadPoolExecutor
        Where to work on rows.
    report : callable
        Told what is being done.

    Returns
    -------
    (x, inverse_hessian, found, evaluations)
        Mode, BFGS estimate of the inverse Hessian there, the latent field, number of fields solved.

    Raises
    ------
    ConvergenceError
        If no mode is found.
    """
    latent = model.latent
    x = np.array([p.position(p.start) for p in latent.parameters])
    count = 0

    def value(at: Float, begin: Start) -> tuple[float, Float, Posterior]:
        nonlocal count
        count += 1
        found = posterior(latent, model.data, prior_at(model, at), begin, variational=model.variational, pool=pool)
        return found.bound + _log_prior(model, at), _slope(model, at, found, begin), found

    here, slope, found = value(x, start)
    if not len(x):
        return x, np.empty((0, 0)), found, count
    inverse = np.linalg.inv(_first_hessian(model, x, found))
    for _ in range(_STEPS):
        report(f"hyperparameters: log density {here:.2f}")
        step = inverse @ slope
        if float(slope @ step) < _DECREMENT:
            return x, inverse, found, count
        step *= min(1.0, _LONGEST / float(np.abs(step).max()))
        for _ in range(12):
            try:
                there, new_slope, new_found = value(x + step, warm(latent, found))
            except (ConvergenceError, np.linalg.LinAlgError):
                there = -np.inf
            if there > here - 1e-4 * abs(float(slope @ step)) - 1e-6:
                break
            step *= 0.4
        else:
            # No ascent left within the accuracy of the bound.
            return x, inverse, found, count
        change = slope - new_slope
        bend = float(step @ change)
        if bend > 1e-10:
            side = np.eye(len(x)) - np.outer(step, change) / bend
            inverse = side @ inverse @ side.T + np.outer(step, step) / bend
        x, here, slope, found = x + step, there, new_slope, new_found
    raise ConvergenceError(
        "the hyperparameters have no mode that can be found: "
        + ", ".join(f"{p.name} went to {float(p.value(v)):.3g}" for p, v in zip(latent.parameters, x, strict=True))
        + '. State tighter priors for them, or use engine="nuts"'
    )


def _slope(model: Model, x: Float, found: Posterior, start: Start) -> Float:
    parameters = model.latent.parameters
    prior = np.array([p.log_density_slope(float(v)) for p, v in zip(parameters, x, strict=True)])
    if model.variational:
        inner = np.array([p.slope(float(v)) for p, v in zip(parameters, x, strict=True)])
        return prior + inner * bound_slope(model.latent, found)
    # The plain Laplace approximation, there for comparison only, is differentiated by differences.
    out = prior.copy()
    begin = warm(model.latent, found)
    for i in range(len(x)):
        side = []
        for h in (_DIFFERENCE, -_DIFFERENCE):
            at = x.copy()
            at[i] += h
            side.append(posterior(model.latent, model.data, prior_at(model, at), begin, variational=False).bound)
        out[i] += (side[0] - side[1]) / (2.0 * _DIFFERENCE)
    return out


def _first_hessian(model: Model, x: Float, found: Posterior) -> Float:
    """
    Rough curvature to begin with.

    A scale known from p effective effects of n has about 2 p^2 / n; the curvature of priors, about 1, keeps it positive.
    """
    latent, prior = model.latent, found.prior
    hessian = np.eye(len(x))
    slope = [p.slope(float(v)) / float(p.value(v)) for p, v in zip(latent.parameters, x, strict=True)]
    for k, part in enumerate(latent.large_parts):
        n = part.latent.stop - part.latent.start
        free = n - prior.white[k] * float(found.covariance[part.diagonal].sum())
        if part.laplacian is not None:
            on = float(part.laplacian.diagonal() @ found.covariance[part.diagonal])
            free = max(n - prior.laplacian[k] * on, 0.05 * n)
        direction = np.zeros(len(x))
        direction[part.sigma] = slope[part.sigma]
        if part.phi >= 0:
            value = prior.values[part.phi]
            direction[part.phi] = 0.5 * slope[part.phi] * (1.0 if part.intrinsic else -value / (1.0 - value))
        hessian += 2.0 * free * free / n * np.outer(direction, direction)
    for small in latent.small_parts:
        if small.sigma >= 0:
            n = len(small.mean)
            free = n - float(np.trace(found.system.inner[small.latent, small.latent]))
            hessian[small.sigma, small.sigma] += 2.0 * max(free, 0.0) ** 2 / n * slope[small.sigma] ** 2
    if latent.own >= 0:
        hessian[latent.own, latent.own] += 0.2 * len(model.data.offset) * slope[latent.own] ** 2
    return hessian


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
        Nodes and axes.
    """
    mode, inverse, found, count = find_mode(model, start, pool, report)
    begin, d = warm(model.latent, found), len(mode)

    def solve_all(points: Iterable[Float], axes: Float) -> list[Node]:
        nonlocal count
        jobs = [pool.submit(node, model, mode + axes @ t, begin) for t in points]
        count += len(jobs)
        report(f"integrating over hyperparameters: {count} fields")
        return [n for n in (job.result() for job in jobs) if n is not None]

    centre = solve_all([np.zeros(d)], np.eye(d))
    if not centre:
        raise ConvergenceError('the latent field does not settle at the mode; tighten the priors or use engine="nuts"')
    if d == 0:
        return Explored(tuple(centre), np.empty((0, 0)), True, count)
    value, vector = np.linalg.eigh(inverse)
    axes = vector * np.sqrt(np.maximum(value, 1e-12))
    design = composite_design(d)
    nodes = centre + solve_all(design, axes)
    residual = _quadratic_residual(nodes, mode, axes)
    if residual <= _QUADRATIC * (1 if d < 3 else 2):
        return Explored(tuple(nodes), axes, True, count)
    axes = _rescaled(nodes[: 1 + 2 * d], axes)
    nodes = centre + (_grid(solve_all, centre[0], axes) if d <= 2 else _scan(solve_all, centre[0], axes))
    top = max(n.log_density for n in nodes)
    kept = [n for n in nodes if n.log_density > top - 2.0 * _DROP]
    return Explored(tuple(kept), axes, False, count)


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
        return points
    # From five dimensions on, signs of the last axes are products of the others': resolution V.
    free = d if d <= 4 else d - 1 if d <= 7 else d - 2
    for signs in product((1.0, -1.0), repeat=free):
        corner = np.array(signs)
        if d > free:
            corner = np.append(corner, corner[: free if d - free == 1 else free - 2].prod())
        if d > len(corner):
            corner = np.append(corner, corner[2:free].prod())
        points.append(_RADIUS * corner)
    return points


def _quadratic_residual(nodes: list[Node], mode: Float, axes: Float) -> float:
    """Largest misfit of a quadratic to the log density at the nodes; infinite where it has no maximum."""
    d = len(mode)
    t = np.array([np.linalg.solve(axes, n.x - mode) for n in nodes])
    basis = _quadratic_basis(t)
    if len(nodes) < basis.shape[1]:
        return np.inf
    y = np.array([n.log_density for n in nodes])
    fitted, *_ = np.linalg.lstsq(basis, y - y[0], rcond=None)
    hessian = np.zeros((d, d))
    hessian[np.tril_indices(d)] = fitted[1 + d :]
    curvature = np.linalg.eigvalsh(-(hessian + hessian.T))
    if curvature.min() < 0.3 or curvature.max() > 4.0:
        return np.inf
    return float(np.abs(basis @ fitted - (y - y[0])).max())


def _quadratic_basis(t: Float) -> Float:
    row, column = np.tril_indices(t.shape[1])
    return np.hstack([np.ones((len(t), 1)), t, t[:, row] * t[:, column]])


def _rescaled(axial: list[Node], axes: Float) -> Float:
    """Scale each axis so that one unit from the mode costs half a unit of log density."""
    drop = np.maximum(axial[0].log_density - np.array([n.log_density for n in axial[1:]]), 1e-3)
    d = axes.shape[0]
    if len(drop) < 2 * d:
        return axes
    side = _RADIUS * np.sqrt(d) / np.sqrt(2.0 * drop.reshape(d, 2))
    return np.asarray(axes * np.clip(side.mean(axis=1), 0.3, 4.0))


def _grid(solve_all: Callable[[Iterable[Float], Float], list[Node]], centre: Node, axes: Float) -> list[Node]:
    """Grow a grid from the centre while its edge is within the drop."""
    d = axes.shape[0]
    seen = {(0,) * d}
    top = centre.log_density
    edge = [(0,) * d]
    nodes: list[Node] = []
    while edge:
        ring = []
        for at in edge:
            for i in range(d):
                for s in (-1, 1):
                    new = tuple(c + s * (j == i) for j, c in enumerate(at))
                    if new not in seen and max(abs(c) for c in new) <= _FARTHEST:
                        seen.add(new)
                        ring.append(new)
        found = solve_all([_GRID_STEP * np.array(at, dtype=float) for at in ring], axes) if ring else []
        top = max([top, *(n.log_density for n in found)])
        by_place = {tuple(np.rint(np.linalg.solve(axes, n.x - centre.x) / _GRID_STEP).astype(int)): n for n in found}
        edge = [at for at in ring if at in by_place and by_place[at].log_density > top - _DROP]
        nodes += found
    return nodes


def _scan(solve_all: Callable[[Iterable[Float], Float], list[Node]], centre: Node, axes: Float) -> list[Node]:
    """Composite design, and each axis followed until the drop."""
    d = axes.shape[0]
    nodes = solve_all(composite_design(d), axes)
    active = [(i, s) for i in range(d) for s in (1.0, -1.0)]
    for distance in np.arange(1, _FARTHEST) * 1.0:
        if not active:
            break
        found = solve_all([s * distance * np.eye(d)[i] for i, s in active], axes)
        nodes += found
        far = [np.linalg.solve(axes, n.x - centre.x) for n in found]
        low = {
            (int(np.argmax(np.abs(t))), float(np.sign(t[np.argmax(np.abs(t))]))): n.log_density
            for t, n in zip(far, found, strict=True)
        }
        active = [a for a in active if low.get(a, -np.inf) > centre.log_density - _DROP]
    return nodes


def draw_hyperparameters(explored: Explored, n_draw: int, rng: np.random.Generator) -> Float:
    """
    Draw hyperparameters from the density between the nodes.

    Parameters
    ----------
    explored : Explored
        Nodes.
    n_draw : int
        How many.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (n_draw, n_parameter)
        Draws of x.
    """
    mode, axes = explored.nodes[0].x, explored.axes
    d = len(mode)
    if d == 0:
        return np.empty((n_draw, 0))
    t = np.array([np.linalg.solve(axes, n.x - mode) for n in explored.nodes])
    y = np.array([n.log_density for n in explored.nodes])
    y = y - y.max()
    if explored.quadratic:
        fitted, *_ = np.linalg.lstsq(_quadratic_basis(t), y, rcond=None)
        hessian = np.zeros((d, d))
        hessian[np.tril_indices(d)] = -fitted[1 + d :]
        hessian = hessian + hessian.T
        centre = np.linalg.solve(hessian, fitted[1 : 1 + d])
        white = rng.standard_normal((n_draw, d))
        drawn = centre + np.linalg.solve(np.linalg.cholesky(hessian).T, white.T).T
        return np.asarray(mode + drawn @ axes.T)
    density = RBFInterpolator(t, y, kernel="cubic", degree=1)
    low, high = t.min(axis=0) - 0.5 * _GRID_STEP, t.max(axis=0) + 0.5 * _GRID_STEP
    if d <= 2:
        proposal = rng.uniform(low, high, size=(_PROPOSALS, d))
        weight = density(proposal)
    else:
        # Student t of four degrees of freedom about the nodes' own moments.
        share = np.exp(y) / np.exp(y).sum()
        centre = share @ t
        spread = np.sqrt(np.maximum(share @ (t - centre) ** 2, 0.5))
        tail = rng.chisquare(4.0, size=(_PROPOSALS, 1)) / 4.0
        proposal = centre + spread * rng.standard_normal((_PROPOSALS, d)) / np.sqrt(tail)
        proposal = proposal[((proposal >= low) & (proposal <= high)).all(axis=1)]
        squares = (((proposal - centre) / spread) ** 2).sum(axis=1)
        weight = density(proposal) + 0.5 * (4.0 + d) * np.log1p(squares / 4.0)
    weight = np.exp(weight - weight.max())
    order = np.argsort(proposal[:, 0])
    cumulated = np.cumsum(weight[order]) / weight.sum()
    # Systematic resampling: one draw from each of n_draw equal slices of probability.
    slices = (np.arange(n_draw) + rng.random(n_draw)) / n_draw
    chosen = order[np.minimum(np.searchsorted(cumulated, slices), len(order) - 1)]
    return np.asarray(mode + rng.permutation(proposal[chosen]) @ axes.T)
