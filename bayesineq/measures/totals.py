"""Values of small groups made to add up to totals that are known, draw by draw: raking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array

type Moved = Literal["linear", "log", "logit"]

_STEPS = 200
_CYCLES = 500
_FAR = 4.0


class Margin(NamedTuple):
    """
    Totals of larger groups.

    Parameters
    ----------
    place : ndarray of int, shape (n_group,)
        Larger group of each small one, counted from 0.
    total : ndarray, shape (n_larger,) or (n_draw, n_larger)
        What the small groups of each must add up to.
    """

    place: NDArray[np.intp]
    total: Array


def rake(
    value: ArrayLike,
    weight: ArrayLike,
    margins: Sequence[Margin],
    *,
    scale: Moved = "log",
    give: ArrayLike | None = None,
    tolerance: float = 1e-10,
) -> Array:
    """
    Move values as little as their scale allows so that weight times value adds up to every total, in every draw.

    Parameters
    ----------
    value : array_like, shape (n_draw, n_group)
        One value a group: a rate, a proportion or a count.
    weight : array_like, shape (n_group,)
        People behind each value (1 for counts): `weight * value` are the events.
    margins : sequence of Margin
        One or several ways of putting groups together; each group belongs to one larger group of each.
    scale : {"linear", "log", "logit"}
        Scale on which all groups of a larger one are moved alike: "log" multiplies rates by one factor, "logit"
        keeps proportions between 0 and 1.
    give : array_like, shape (n_group,), optional
        How far each group moves, relative to the others; by default all alike. With the covariance of each group with
        its total it is the move that conditioning a normal posterior on the total makes.
    tolerance : float
        Largest relative distance from a total.

    Returns
    -------
    ndarray, shape (n_draw, n_group)
        The raked values.

    Raises
    ------
    MeasureError
        If totals contradict each other or cannot be reached, or values are off their scale.

    Notes
    -----
    g(y) = g(v) + sum over margins of give * lambda, with g the scale and lambda one number a larger group and draw,
    found by Newton's method margin by margin in turn until all totals are met. On the log scale with equal `give` that
    is iterative proportional fitting; on the logit scale it is raking with bounds.

    References
    ----------
    Deming & Stephan 1940, Ann Math Stat 11:427; Deville & Sarndal 1992, J Am Stat Assoc 87:376

    Examples
    --------
    >>> area = Margin(np.array([0, 0, 1]), np.array([30.0, 8.0]))
    >>> rake([[0.1, 0.2, 0.1]], [100, 100, 100], [area], scale="log").round(3).tolist()
    [[0.1, 0.2, 0.08]]
    """
    values, sizes = np.asarray(value, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    _refuse_off_scale(values, scale)
    eta = values.copy() if scale == "linear" else np.log(values) if scale == "log" else np.log(values / (1 - values))
    move = np.ones(values.shape[1]) if give is None else np.asarray(give, dtype=np.float64)
    for _ in range(_CYCLES if len(margins) > 1 else 1):
        for margin in margins:
            eta = eta + move * _shift(eta, sizes, margin, move, scale, tolerance)[:, margin.place]
        if all(_distance(eta, sizes, margin, scale) <= tolerance for margin in margins):
            return _back(eta, scale)
    worst = max(_distance(eta, sizes, margin, scale) for margin in margins)
    raise MeasureError(
        f"the totals are not met after {_CYCLES} rounds: the worst is {worst:.2g} of its total away. Totals of "
        "different kinds contradict each other in some combination of groups; check them, or rake to one of them"
    )


def _back(eta: Array, scale: Moved) -> Array:
    return np.asarray(eta if scale == "linear" else np.exp(eta) if scale == "log" else expit(eta))


def _sums(values: Array, place: NDArray[np.intp], n: int) -> Array:
    """Sums over the groups of each larger one, shape (n_draw, n)."""
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], np.arange(n))
    return np.asarray(np.add.reduceat(values[:, order], first, axis=1))


def _distance(eta: Array, sizes: Array, margin: Margin, scale: Moved) -> float:
    total = np.broadcast_to(margin.total, (len(eta), margin.total.shape[-1]))
    found = _sums(sizes * _back(eta, scale), margin.place, total.shape[1])
    return float(np.max(np.abs(found - total) / np.maximum(np.abs(total), 1e-300), initial=0.0))


def _shift(eta: Array, sizes: Array, margin: Margin, move: Array, scale: Moved, tolerance: float) -> Array:
    """What to add to each larger group, shape (n_draw, n_larger), so that its total is met."""
    n = margin.total.shape[-1]
    total = np.broadcast_to(margin.total, (len(eta), n))
    shift = np.zeros((len(eta), n))
    for _ in range(_STEPS):
        value = _back(eta + move * shift[:, margin.place], scale)
        slope = sizes * move * (1.0 if scale == "linear" else value if scale == "log" else value * (1 - value))
        off = total - _sums(sizes * value, margin.place, n)
        if (np.abs(off) <= 0.1 * tolerance * np.abs(total)).all():
            return shift
        step = off / _sums(np.broadcast_to(slope, value.shape), margin.place, n)
        if not np.isfinite(step).all():
            break
        shift = shift + np.clip(step, -_FAR, _FAR) if scale != "linear" else shift + step
    bad = int(np.argmax(np.max(np.abs(off / total), axis=0)))
    raise MeasureError(
        f"the total of larger group {bad} (counted from 0), {total[0, bad]:.6g}, cannot be reached from its groups, "
        f"which add up to {total[0, bad] - off[0, bad]:.6g}; check that both count the same people"
    )


def _refuse_off_scale(values: Array, scale: Moved) -> None:
    rules = {
        "linear": (np.isfinite(values), "finite"),
        "log": (np.isfinite(values) & (values > 0), "above zero"),
        "logit": (np.isfinite(values) & (values > 0) & (values < 1), "strictly between 0 and 1"),
    }
    if scale not in rules:
        raise MeasureError(f'scale must be "linear", "log" or "logit"; given {scale!r}')
    good, rule = rules[scale]
    if values.ndim != 2 or not good.all():
        raise MeasureError(
            f"values raked on the {scale} scale must be {rule}, of shape (n_draw, n_group); {int((~good).sum())} of "
            f"them, of shape {values.shape}, are not"
        )
