"""Several interventions with costs: the path along which a growing budget is best spent, and what it gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.bootstrap import cluster_weights

Array = NDArray[np.float64]


def hull_steps(value: Array, cost: Array) -> tuple[NDArray[np.int64], Array]:
    """
    Steps of each unit up the convex hull of its interventions.

    Parameters
    ----------
    value, cost : arrays, shape (unit, arm)
        What each intervention gains and costs; doing nothing gains and costs 0.

    Returns
    -------
    array, shape (unit,)
        Arm given from the start because it is free and gains; -1 for none.
    array, shape (step, 5)
        Unit, arm before (-1 for none), arm after, additional cost, gain per additional pound; best first.
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


def costed_qini(
    effect_score: ArrayLike,
    predicted: ArrayLike,
    cost: ArrayLike,
    *,
    spends: ArrayLike,
    groups: ArrayLike | None = None,
    resamples: int = 100,
    seed: int | None = None,
) -> pd.DataFrame:
    """
    Gain per person at a spend per person, for a rule that chooses among several interventions.

    Parameters
    ----------
    effect_score : array, shape (person, arm)
        Doubly robust scores of each intervention's effect, which judge.
    predicted : array, shape (person, arm)
        Predicted effects, which decide; made without these people's outcomes.
    cost : array, shape (arm,) or (person, arm)
        Pounds.
    spends : array
        Pounds per person at which to read the curve.
    groups : array, shape (person,), optional
        Clusters resampled together.
    resamples : int
        Resamples for the standard error.
    seed : int, optional
        Seed of the resampling.

    Returns
    -------
    DataFrame
        `spend, gain, standard_error, random, over_random`: the gain of the rule, and of giving the interventions of
        the rule's last step, in its proportions, at random for the same pounds.

    Raises
    ------
    DecisionError
        If shapes differ or a cost is negative.

    References
    ----------
    Sverdrup E, Wu H, Athey S, Wager S (2025). Qini curves for multi-armed treatment rules. Journal of Computational
    and Graphical Statistics. doi:10.1080/10618600.2024.2418820
    """
    psi, tau = np.atleast_2d(np.asarray(effect_score, float)), np.atleast_2d(np.asarray(predicted, float))
    price = np.broadcast_to(np.asarray(cost, np.float64), tau.shape)
    if psi.shape != tau.shape or (price < 0).any():
        raise DecisionError(f"Scores {psi.shape} and predictions {tau.shape} must pair, and costs be zero or more.")
    start, steps = hull_steps(tau, price)
    at = np.asarray(spends, np.float64)
    unit, before, after = (steps[:, k].astype(int) for k in range(3))
    padded = np.column_stack([psi, np.zeros(len(psi))])
    change, pounds = padded[unit, after] - padded[unit, before], steps[:, 3]
    free = padded[np.arange(len(psi)), start]

    def curve(w: Array) -> Array:
        spent = np.concatenate([[0.0], np.cumsum(w[unit] * pounds)]) / w.sum()
        gained = (np.concatenate([[0.0], np.cumsum(w[unit] * change)]) + (w * free).sum()) / w.sum()
        return np.asarray(np.interp(at, spent, gained))

    gain = curve(np.ones(len(psi)))
    repeats = np.array([curve(w) for w in cluster_weights(len(psi), groups, resamples=resamples, seed=seed)])
    last = float(pounds.sum() / len(psi))
    whole = float((change.sum() + free.sum()) / len(psi))
    random = whole * np.minimum(at / last, 1.0) if last > 0 else np.full(at.shape, whole)
    return pd.DataFrame(
        {
            "spend": at,
            "gain": gain,
            "standard_error": repeats.std(axis=0, ddof=1),
            "random": random,
            "over_random": gain - random,
        }
    )
