"""
The posterior density of the hyperparameters, and its mode by exact gradients.

The mode is that of the evidence bound, whose gradient costs one factorisation and one selected inverse.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import ConvergenceError
from bayesineq.inference.sparse_engine.correct import evidence_gap
from bayesineq.inference.sparse_engine.field import Field, field
from bayesineq.inference.sparse_engine.many import Many
from bayesineq.inference.sparse_engine.newton import Posterior, Start, posterior, warm
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.passes import Observed
from bayesineq.inference.sparse_engine.slopes import bound_slope, tangents

Float = NDArray[np.float64]

_STEPS: Final = 60
_HALVINGS: Final = 12
_FEW_HALVINGS: Final = 3
"""Where rows bend, the slope leaves out how that changes, and a step that does not gain is an end."""

_LONGEST: Final = 1.0
_DECREMENT: Final = 2e-3
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
    variational : bool
        Whether the variational correction is on.
    """

    latent: Latent
    data: Observed
    log_determinant: float | None
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
    seen : ndarray or None
        What a look at the whole field found, before its rows were let go of.
    slope : ndarray, shape (n_parameter,), or None
        Derivative of the log density but for `gap`, where it was asked for.
    gap : float
        What of the log density is beyond the evidence bound.
    """

    x: Float
    log_density: float
    found: Posterior
    seen: NDArray[Any] | None = None
    slope: Float | None = None
    gap: float = 0.0


def prior_at(model: Model, x: Float) -> Field:
    """Prior of the latent field at hyperparameters on the real line. Shapes: x (n_parameter,)."""
    values = np.array([float(p.value(v)) for p, v in zip(model.latent.parameters, x, strict=True)])
    return field(model.latent, values, model.log_determinant)


def _log_prior(model: Model, x: Float) -> float:
    return sum(p.log_density(float(v)) for p, v in zip(model.latent.parameters, x, strict=True))


Look = Callable[[Posterior], NDArray[Any]]


def node(
    model: Model,
    x: Float,
    start: Start,
    floor: float = -np.inf,
    look: Look | None = None,
    *,
    sloped: bool = False,
) -> Node | None:
    """
    Solve the latent field at one value of the hyperparameters. Shapes: x (n_parameter,).

    `floor`: Log density below which no draw will come from the node, so that its field is not kept. `look`: What to
    keep of the whole field of a node that draws may come from. `sloped`: Whether to say how the log density changes
    with the hyperparameters. Returns: none where the field does not settle, or
    the prior is zero: such hyperparameters get no weight.
    """
    if not np.isfinite(_log_prior(model, x)):
        return None
    try:
        found = posterior(model.latent, model.data, prior_at(model, x), start, variational=model.variational)
    except (ConvergenceError, np.linalg.LinAlgError):
        return None
    whole = node_of(model, x, found, sloped=sloped)
    drawn = whole.log_density > floor
    return replace(slim(whole, drawn), seen=look(found) if look is not None and drawn else None)


def slim(whole: Node, drawn: bool = True) -> Node:
    """
    A node with what draws need of its latent field: many nodes of a large one are held at once.

    `drawn`: Whether draws may come from it; otherwise nothing of the field is kept. Returns: without factorisation,
    covariances and rows. The sums that a factorisation is made from take a fifth of its memory, and single
    precision is what draws are kept in; where digits may be lost to each other, in the inverse of the border's
    system, all are kept.
    """
    found, nothing, empty = whole.found, np.empty(0), np.empty((0, 0))
    cross: NDArray[Any] = found.sums.cross.astype(np.float32) if drawn else empty
    sums = found.sums._replace(cross=cross)
    if not drawn:
        sums = sums._replace(large=nothing, link=nothing)
    system = replace(
        found.system,
        factor=replace(found.system.factor, panel=nothing, pivot=nothing),
        reach=found.system.reach[:0].copy(),
        leaf_pivot=nothing,
        leaf_weight=nothing,
    )
    variance: NDArray[Any] = found.variance.astype(np.float32) if drawn else nothing
    found = replace(found, system=system, sums=sums, covariance=nothing, mean=nothing, variance=variance)
    return replace(whole, found=replace(found, slope=nothing, curvature=nothing, rows=None))


def node_of(model: Model, x: Float, found: Posterior, *, sloped: bool = False) -> Node:
    """Node of a latent field that is solved already. Shapes: x (n_parameter,)."""
    gap = evidence_gap(found.rows or model.latent, model.data, found) if model.variational else 0.0
    slope = _bound_slope(model, x, found) if sloped and model.variational else None
    return Node(x, found.bound + gap + _log_prior(model, x), found, slope=slope, gap=gap)


@dataclass(frozen=True, slots=True)
class Mode:
    """
    Where the evidence bound and the prior have their maximum.

    Parameters
    ----------
    x : ndarray, shape (n_parameter,)
        Hyperparameters on the real line.
    hessian : ndarray, shape (n_parameter, n_parameter)
        Minus the second derivative of their log density, roughly.
    found : Posterior
        The latent field there.
    tangent : (ndarray, ndarray), shapes (n_large, n_parameter) and (n_small, n_parameter)
        How contributions move with x.
    evaluations : int
        Latent fields solved.
    """

    x: Float
    hessian: Float
    found: Posterior
    tangent: tuple[Float, Float]
    evaluations: int


def start_near(model: Model, mode: Mode, x: Float) -> Start:
    """
    Where the latent field begins at hyperparameters near the mode: moved along the tangent.

    Shapes: x (n_parameter,).
    """
    return _moved(warm(model.latent, mode.found), mode.tangent, x - mode.x)


def _moved(start: Start, tangent: tuple[Float, Float], step: Float) -> Start:
    # Far steps leave the range in which the tangent is of use.
    step = np.clip(step, -_LONGEST, _LONGEST)
    return replace(start, large=start.large + tangent[0] @ step, small=start.small + tangent[1] @ step)


def find_mode(
    model: Model, start: Start, pool: ThreadPoolExecutor, report: Callable[[str], None], first: Float | None = None
) -> Mode:
    """
    Mode of the hyperparameters' posterior under the evidence bound.

    Newton steps with the average information, which at England's size is within a few per cent of the Hessian. What it
    does not cover (correlations and the outcome's own parameter) is learnt by BFGS updates.

    Shapes: first (n_parameter,).

    `first`: Hyperparameters on the real line to climb from; by default each parameter's start.
    """
    latent = model.latent
    x = np.array([p.position(p.start) for p in latent.parameters]) if first is None else first
    count = 0

    def value(at: Float, begin: Start) -> tuple[float, Float, Posterior]:
        nonlocal count
        count += 1
        found = posterior(latent, model.data, prior_at(model, at), begin, variational=model.variational, pool=pool)
        return found.bound + _log_prior(model, at), _slope(model, at, found, pool), found

    here, slope, found = value(x, start)
    hessian = np.empty((0, 0))
    before = np.zeros(len(x))
    for step_number in range(_STEPS):
        report(f"hyperparameters: log density {here:.2f}")
        *tangent, information = _tangents(model, x, found)
        known = np.diag(information) > 0.0
        if step_number == 0 or known.all():
            hessian = information + np.diag(_prior_curvature(model, x) + np.where(known, 0.0, _unknown(model)))
        mode = Mode(x, hessian, found, (tangent[0], tangent[1]), count)
        if not len(x):
            return mode
        step = np.linalg.solve(hessian, slope)
        if float(slope @ step) < _DECREMENT:
            return mode
        # Information that falls short of the curvature steps to and fro across the mode.
        step *= 0.5 if float(slope @ before) < 0.0 else 1.0
        before = slope
        step *= min(1.0, _LONGEST / float(np.abs(step).max()))
        for _ in range(_FEW_HALVINGS if isinstance(latent.mixed, Many) else _HALVINGS):
            try:
                there, new_slope, new_found = value(x + step, _moved(warm(latent, found), mode.tangent, step))
            except (ConvergenceError, np.linalg.LinAlgError):
                there = -np.inf
            if there > here - 1e-4 * abs(float(slope @ step)) - 1e-6:
                break
            step *= 0.4
        else:
            # No ascent is left within the accuracy of the bound.
            return mode
        hessian = _bfgs(hessian, step, slope - new_slope)
        x, here, slope, found = x + step, there, new_slope, new_found
    raise ConvergenceError(
        "the hyperparameters have no mode that can be found: "
        + ", ".join(f"{p.name} went to {float(p.value(v)):.3g}" for p, v in zip(latent.parameters, x, strict=True))
        + '. State tighter priors for them, or use engine="nuts"'
    )


def _tangents(model: Model, x: Float, found: Posterior) -> tuple[Float, Float, Float]:
    large, small, information = tangents(model.latent, found)
    slope = np.array([p.slope(float(v)) for p, v in zip(model.latent.parameters, x, strict=True)])
    return large * slope, small * slope, information * np.outer(slope, slope)


def _prior_curvature(model: Model, x: Float) -> Float:
    """Minus the second derivative of each log prior, kept positive."""
    return np.array(
        [
            max((p.log_density_slope(v - 0.05) - p.log_density_slope(v + 0.05)) / 0.1, 0.05)
            for p, v in zip(model.latent.parameters, map(float, x), strict=True)
        ]
    )


def _unknown(model: Model) -> float:
    """First guess of the curvature of what the average information does not cover."""
    return 0.05 * len(model.data.offset)


def _bfgs(hessian: Float, step: Float, change: Float) -> Float:
    bend, along = float(step @ change), hessian @ step
    if bend <= 1e-10:
        return hessian
    return hessian + np.outer(change, change) / bend - np.outer(along, along) / float(step @ along)


def _slope(model: Model, x: Float, found: Posterior, pool: ThreadPoolExecutor) -> Float:
    if model.variational:
        return _bound_slope(model, x, found)
    prior = np.array([p.log_density_slope(float(v)) for p, v in zip(model.latent.parameters, x, strict=True)])
    # The plain Laplace approximation, there for comparison only, is differentiated by differences.
    begin = warm(model.latent, found)

    def bound(at: Float) -> float:
        return posterior(model.latent, model.data, prior_at(model, at), begin, variational=False).bound

    steps = _DIFFERENCE * np.eye(len(x))
    jobs = [(pool.submit(bound, x + step), pool.submit(bound, x - step)) for step in steps]
    return prior + np.array([up.result() - down.result() for up, down in jobs]) / (2.0 * _DIFFERENCE)


def _bound_slope(model: Model, x: Float, found: Posterior) -> Float:
    """Derivative of the evidence bound and the log prior in x."""
    parameters = model.latent.parameters
    prior = np.array([p.log_density_slope(float(v)) for p, v in zip(parameters, x, strict=True)])
    inner = np.array([p.slope(float(v)) for p, v in zip(parameters, x, strict=True)])
    return np.asarray(prior + inner * bound_slope(model.latent, found))
