"""The optimisation behind an allocation: greedy along convex hulls, linear programme, whole units."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]

GAP = 1e-6
"""Relative gap at which the integer solver may stop."""

TIME_LIMIT = 120.0
"""Seconds the integer solver may take."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Values and costs of giving each unit each intervention whole.

    Parameters
    ----------
    value : array, shape (unit, arm)
        What is maximised.
    spend : array, shape (unit, arm)
        Pounds.
    places : array, shape (unit, arm)
        People treated.
    codes : DataFrame, one row a unit
        Codes of the units.
    health : array, shape (unit, arm)
        Benefit, where that is not the value.
    """

    value: Array
    spend: Array
    places: Array
    codes: pd.DataFrame
    health: Array = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Limits of an allocation.

    Parameters
    ----------
    budget : float
        Pounds.
    capacity : tuple of float
        People for each arm; infinite where there is no limit.
    arms : tuple of str
        Names of the arms.
    floors : tuple of (name, share, mask of shape (unit,))
        Least share of all treated people inside each mask.
    """

    budget: float
    capacity: tuple[float, ...]
    arms: tuple[str, ...]
    floors: tuple[tuple[str, float, NDArray[np.bool_]], ...]


def greedy(problem: Problem, budget: float, *, divisible: bool) -> Array:
    """
    Spend the budget where the next pound gains most, each unit moving up the convex hull of its interventions.

    Shapes: returns (unit, arm).
    """
    start, every = hull_steps(problem.value, problem.spend)
    solution = np.zeros(problem.value.shape)
    ends = np.cumsum(every[:, 3])
    whole = int(np.searchsorted(ends, budget * (1 + 1e-12), side="right"))
    # steps of a unit stand in the order of its hull, and of repeated positions the last assignment stays
    at = start.copy()
    at[every[:whole, 0].astype(int)] = every[:whole, 2].astype(int)
    given = np.flatnonzero(at >= 0)
    solution[given, at[given]] = 1.0
    if divisible and whole < len(every):
        unit, before, after = every[whole, :3].astype(int)
        part = (budget - (ends[whole - 1] if whole else 0.0)) / every[whole, 3]
        if before >= 0:
            solution[unit, before] = 1.0 - part
        solution[unit, after] = part
    return solution


def linear(problem: Problem, limits: Limits) -> tuple[Array, pd.DataFrame]:
    """Solve the allocation as a linear programme and price its limits. Shapes: returns (unit, arm)."""
    one, joint, bounds, names = _constraints(problem, limits)
    result = linprog(
        -problem.value.ravel(),
        A_ub=vstack([one, joint], format="csr"),
        b_ub=np.concatenate([np.ones(one.shape[0]), bounds]),
        bounds=[(0.0, most) for most in _most(problem).tolist()],
        method="highs",
    )
    if not result.success or result.x is None:
        raise DecisionError(f"No allocation keeps all limits: {result.message} Loosen a floor or a capacity.")
    marginals = -np.asarray(result.ineqlin.marginals[one.shape[0] :]) + 0.0
    units = ["pound" if name == "budget" else "person treated" for name in names]
    return result.x.reshape(problem.value.shape), pd.DataFrame({"limit": names, "unit": units, "price": marginals})


def whole_units(problem: Problem, limits: Limits) -> Array:
    """
    Solve the allocation with every unit served whole by one intervention or not at all.

    Shapes: returns (unit, arm).
    """
    one, joint, bounds, _ = _constraints(problem, limits)
    result = milp(
        -problem.value.ravel(),
        constraints=[LinearConstraint(one, ub=np.ones(one.shape[0])), LinearConstraint(joint, ub=bounds)],
        integrality=np.ones(problem.value.size, np.int64),
        bounds=Bounds(0, _most(problem)),
        options={"mip_rel_gap": GAP, "time_limit": TIME_LIMIT},
    )
    if result.x is None:
        raise DecisionError(f"No allocation of whole units keeps all limits: {result.message} Allow divisible=True.")
    return np.round(result.x.reshape(problem.value.shape))


def _most(problem: Problem) -> Array:
    """Largest share of each unit and arm: none where it harms and is worth less than nothing, as only a floor asks."""
    harms = (problem.value <= 0) & (problem.health < 0) if problem.health.size else np.zeros(problem.value.shape, bool)
    return np.where(harms, 0.0, 1.0).ravel()


def _constraints(problem: Problem, limits: Limits) -> tuple[csr_array, csr_array, Array, list[str]]:
    units, arms = problem.value.shape
    starts = np.arange(0, units * arms + 1, arms)
    one = csr_array((np.ones(units * arms), np.arange(units * arms), starts), shape=(units, units * arms))
    rows, bounds, names = [problem.spend.ravel()], [limits.budget], ["budget"]
    for arm, most in enumerate(limits.capacity):
        if np.isfinite(most):
            places = np.zeros((units, arms))
            places[:, arm] = problem.places[:, arm]
            rows.append(places.ravel())
            bounds.append(most)
            names.append(f"capacity of {limits.arms[arm]}")
    for name, share, inside in limits.floors:
        rows.append((problem.places * (share - inside[:, np.newaxis])).ravel())
        bounds.append(0.0)
        names.append(f"floor {name} >= {share:g}")
    return one, csr_array(np.vstack(rows)), np.asarray(bounds), names


def hull_steps(value: Array, cost: Array) -> tuple[NDArray[np.int64], Array]:
    """
    Steps of each unit up the convex hull of its interventions.

    Shapes: value, cost (unit, arm); returns (unit,).
    """
    units, arms = value.shape
    rows = np.arange(units)
    free = np.where(cost <= 0, value, -np.inf)
    best = free.argmax(axis=1)
    given = free[rows, best] > 0
    start = np.where(given, best, -1)
    paid, held, at = np.zeros(units), np.where(given, free[rows, best], 0.0), start.copy()
    steps = [np.zeros((0, 5))]
    for _ in range(arms):
        dearer, better = cost - paid[:, np.newaxis], value - held[:, np.newaxis]
        ratio = np.divide(better, dearer, out=np.full(better.shape, -np.inf), where=(dearer > 0) & (better > 0))
        to = ratio.argmax(axis=1)
        moves = np.flatnonzero(ratio[rows, to] > 0)
        if moves.size == 0:
            break
        to = to[moves]
        steps.append(np.column_stack([moves, at[moves], to, dearer[moves, to], ratio[moves, to]]))
        paid[moves], held[moves], at[moves] = cost[moves, to], value[moves, to], to
    every = np.concatenate(steps)
    return start, every[np.argsort(-every[:, 4], kind="stable")]
