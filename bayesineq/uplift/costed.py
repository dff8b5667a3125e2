"""Several interventions with costs: the path along which a growing budget is best spent, and what it gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.decisions.optimise import hull_steps
from bayesineq.errors import DecisionError
from bayesineq.uplift.bootstrap import cluster_weights

Array = NDArray[np.float64]


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

    Examples
    --------
    >>> score = np.array([[0.3, 0.5], [0.1, 0.1], [0.0, 0.4], [0.2, 0.2]] * 5)
    >>> costed_qini(score, score, [10.0, 30.0], spends=[0.0, 5.0, 20.0], seed=1)[["spend", "gain"]].round(3)
       spend   gain
    0    0.0  0.000
    1    5.0  0.125
    2   20.0  0.300
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
