"""
Likelihoods of rows and their expectations under a Gaussian linear predictor.

A likelihood is four numbers at a value of the linear predictor: log p, its first and second derivative, and its
derivatives with respect to the logarithms of the likelihood's own parameters. The formulas stand in
`bayesineq.model.families`; here they are compiled into loops over rows, once for each type of own parameters, so that
no loop asks which likelihood it is. Gaussian expectations are closed where they can be and Gauss-Hermite sums
elsewhere. A count known as an interval has the probability of the interval, summed over its values.

Numba keeps compiled loops on disk and looks for changes in this file only: who changes a formula of a family says so to
the cache by removing `__pycache__` of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from bayesineq.model.families import FAMILIES, density
from bayesineq.model.families.density import Values, density_of, fixed_part, point

Float = NDArray[np.float64]
Own = tuple[float, ...]

_SIZES: Final = (3, 5, 9, 17, 31)


class Outcomes(NamedTuple):
    """
    What was observed.

    Parameters
    ----------
    lower, upper : ndarray, shape (n_row,)
        Outcome; the two differ where a count is known as an interval.
    given : ndarray, shape (n_row,)
        What the likelihood is given beside it: denominators, standard errors; any number elsewhere.
    """

    lower: Float
    upper: Float
    given: Float


class Moments(NamedTuple):
    """
    Gaussian linear predictors.

    Parameters
    ----------
    mean, variance : ndarray, shape (n_row,)
        A variance of zero gives the value at the mean.
    """

    mean: Float
    variance: Float


class Pulls(NamedTuple):
    """
    What rows say of their linear predictors.

    Parameters
    ----------
    slope, curvature : ndarray, shape (n_row,)
        E[d log p / d eta] and max(-E[d2 log p / d eta2], 0).
    """

    slope: Float
    curvature: Float


def _rules() -> tuple[Float, Float]:
    nodes, weights = np.zeros((len(_SIZES), _SIZES[-1])), np.zeros((len(_SIZES), _SIZES[-1]))
    for k, size in enumerate(_SIZES):
        x, w = np.polynomial.hermite_e.hermegauss(size)
        nodes[k, :size], weights[k, :size] = x, w / w.sum()
    return nodes, weights


NODES, WEIGHTS = _rules()

_HELPERS: set[Callable[..., Any]] = set(density.HELPERS).union(*(f.density.helpers for f in FAMILIES.values()))
for _helper in _HELPERS:
    register_jitable(_helper)


def formula(own: Any, name: str) -> Any:
    """Formula of a likelihood, where numba looks for it."""
    return getattr(density_of(own.instance_class), name) if hasattr(own, "instance_class") else None


@overload(fixed_part, strict=False)
def _fixed_part(own: Any, y: Any, given: Any) -> Any:
    return formula(own, "fixed_part")


@overload(point, strict=False)
def _point(own: Any, y: Any, given: Any, eta: Any) -> Any:
    return formula(own, "point")


def _closed(own: Any, y: float, given: float, mean: float, variance: float) -> Any:
    """Closed expectation, found out by the compiler; only called where there is one."""


@overload(_closed, strict=False)
def _closed_formula(own: Any, y: Any, given: Any, mean: Any, variance: Any) -> Any:
    # A formula that is never called still has a type.
    return formula(own, "closed") or (lambda own, y, given, mean, variance: point(own, y, given, mean))


def _is_closed(own: Any) -> bool:
    """Whether there is one."""
    return False


@overload(_is_closed, strict=False)
def _is_closed_formula(own: Any) -> Any:
    return (lambda own: True) if formula(own, "closed") else (lambda own: False)


def plus(total: Values, weight: float, values: Values) -> Values:
    """Add weighted values to totals, one for each of few parameters."""
    return tuple(t + weight * v for t, v in zip(total, values, strict=True))


@overload(plus, strict=False)
def _plus(total: Any, weight: Any, values: Any) -> Any:
    adders = (
        lambda total, weight, values: total,
        lambda total, weight, values: (total[0] + weight * values[0],),
        lambda total, weight, values: (total[0] + weight * values[0], total[1] + weight * values[1]),
    )
    return adders[len(total)]


def none_of(own: Own) -> Own:
    """Totals to begin with."""
    return (0.0,) * len(own)


@overload(none_of, strict=False)
def _none_of(own: Any) -> Any:
    return (lambda own: (), lambda own: (0.0,), lambda own: (0.0, 0.0))[len(own)]


@njit(cache=True, nogil=True)
def fixed_total(own: Own, data: Outcomes) -> float:
    """Sum of `fixed_part` over rows that are no intervals."""
    total = 0.0
    for r in range(len(data.upper)):
        if data.lower[r] == data.upper[r]:
            total += fixed_part(own, data.upper[r], data.given[r])[0]
    return total


@njit(cache=True, nogil=True)
def interval(own: Own, lower: float, upper: float, given: float, eta: float) -> tuple[float, float, float, Values]:
    """
    Log P(lower <= Y <= upper) whole, with the same derivatives as `point`.

    Returns: value, slope, curvature, slopes in the logarithm of each own parameter.
    """
    top = -np.inf
    mass, slope, square, bend = 0.0, 0.0, 0.0, 0.0
    slopes = none_of(own)
    count = lower
    while count <= upper:
        base, base_slopes = fixed_part(own, count, given)
        value, g, h, d = point(own, count, given, eta)
        value += base
        if value > top:
            shrink = math.exp(top - value) if mass > 0.0 else 0.0
            mass, slope, square, bend = mass * shrink, slope * shrink, square * shrink, bend * shrink
            slopes = plus(none_of(own), shrink, slopes)
            top = value
        weight = math.exp(value - top)
        mass += weight
        slope += weight * g
        square += weight * g * g
        bend += weight * h
        slopes = plus(slopes, weight, plus(d, 1.0, base_slopes))
        count += 1.0
    slope /= mass
    return top + math.log(mass), slope, (square + bend) / mass - slope * slope, plus(none_of(own), 1.0 / mass, slopes)


@njit(cache=True, nogil=True)
def expectations(
    own: Own, data: Outcomes, at: Moments, begin: int, end: int, out: Pulls, whole: bool = True
) -> tuple[float, Values]:
    """
    Expected log p, its slope and minus its curvature for rows whose linear predictor is Gaussian.

    `whole`: Whether log p holds its fixed part where the row is no interval. Returns: sum of expected log p, and of
    its derivatives with respect to the logarithms of own parameters.
    """
    total, totals = 0.0, none_of(own)
    for r in range(begin, end):
        m, v, y, n = at.mean[r], at.variance[r], data.upper[r], data.given[r]
        exact = data.lower[r] == y
        base, slopes = 0.0, none_of(own)
        if exact and whole:
            base, slopes = fixed_part(own, y, n)
        f, g, h, d = 0.0, 0.0, 0.0, none_of(own)
        if exact and _is_closed(own):
            f, g, h, d = _closed(own, y, n, m, v)
        elif v == 0.0:
            if exact:
                f, g, h, d = point(own, y, n, m)
            else:
                f, g, h, d = interval(own, data.lower[r], y, n, m)
        else:
            rule = 0 if v < 0.02 else (1 if v < 0.08 else (2 if v < 0.4 else (3 if v < 0.9 else 4)))
            size = min((2 << rule) + 1, 31)
            sd = math.sqrt(v)
            for k in range(size):
                eta = m + sd * NODES[rule, k]
                if exact:
                    fk, gk, hk, dk = point(own, y, n, eta)
                else:
                    fk, gk, hk, dk = interval(own, data.lower[r], y, n, eta)
                f += WEIGHTS[rule, k] * fk
                g += WEIGHTS[rule, k] * gk
                h += WEIGHTS[rule, k] * hk
                d = plus(d, WEIGHTS[rule, k], dk)
        total += f + base
        totals = plus(totals, 1.0, plus(d, 1.0, slopes))
        out.slope[r] = g
        out.curvature[r] = max(-h, 0.0)
    return total, totals


@njit(cache=True, nogil=True)
def log_density_at_nodes(
    own: Own, data: Outcomes, at: Moments, nodes: Float, site: NDArray[np.int32], out: Float
) -> None:
    """
    Add each row's log p at nodes of its linear predictor to the row's site.

    Shapes: nodes (n_node,); site (n_row,); out (n_site, n_node).
    """
    for r in range(len(at.mean)):
        sd = math.sqrt(at.variance[r])
        lower, upper, given = data.lower[r], data.upper[r], data.given[r]
        exact = lower == upper
        base = 0.0
        if exact:
            base, _ = fixed_part(own, upper, given)
        for k in range(len(nodes)):
            eta = at.mean[r] + sd * nodes[k]
            if exact:
                f, _, _, _ = point(own, upper, given, eta)
            else:
                f, _, _, _ = interval(own, lower, upper, given, eta)
            out[site[r], k] += f + base
