"""What a rule would have achieved, judged on people whose outcomes did not make it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """
    Mean outcome under a rule.

    Parameters
    ----------
    value, standard_error, lower, upper : float
        Estimate and interval.
    method : str
        "AIPW" or "SNIPS".
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    method: str


def policy_value(
    potential: Array, chosen: ArrayLike, *, groups: ArrayLike | None = None, prob: float = 0.95
) -> PolicyValue:
    """
    Value of a rule by augmented inverse probability weighting.

    Parameters
    ----------
    potential : array, shape (person, arm)
        Doubly robust scores of each potential outcome, control first.
    chosen : array, shape (person,)
        Arm that the rule gives, made without these people's outcomes; or array, shape (person, arm), of
        probabilities.
    groups : array, shape (person,), optional
        Clusters, for the standard error.
    prob : float
        Probability held by the interval.

    Returns
    -------
    PolicyValue
        Mean outcome of everyone following the rule.

    Examples
    --------
    >>> potential = np.array([[0.0, 0.4], [0.0, 0.2], [0.0, 0.0], [0.0, -0.2]])
    >>> round(policy_value(potential, [1, 1, 0, 0]).value, 3)
    0.15
    """
    given = np.asarray(chosen)
    rows = (
        (potential * given).sum(axis=1) if given.ndim == 2 else potential[np.arange(len(potential)), given.astype(int)]
    )
    return _mean(rows, groups, prob, "AIPW")


def policy_gain(
    potential: Array, chosen: ArrayLike, *, instead: ArrayLike, groups: ArrayLike | None = None, prob: float = 0.95
) -> PolicyValue:
    """
    Difference in value of two rules on the same people.

    Parameters
    ----------
    potential : array, shape (person, arm)
        Doubly robust scores of each potential outcome.
    chosen, instead : arrays, shape (person,)
        Arms that the two rules give.
    groups : array, shape (person,), optional
        Clusters.
    prob : float
        Probability held by the interval.

    Returns
    -------
    PolicyValue
        First less second.

    Examples
    --------
    >>> potential = np.array([[0.0, 0.4], [0.0, 0.2], [0.0, 0.0], [0.0, -0.2]])
    >>> round(policy_gain(potential, [1, 1, 0, 0], instead=[1, 1, 1, 1]).value, 3)
    0.05
    """
    rows = np.arange(len(potential))
    first, second = np.asarray(chosen).astype(int), np.asarray(instead).astype(int)
    return _mean(potential[rows, first] - potential[rows, second], groups, prob, "AIPW")


def policy_value_weighted(
    outcome: ArrayLike,
    arm: NDArray[np.int64],
    propensity: Array,
    chosen: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    clip: float = 0.01,
    prob: float = 0.95,
) -> PolicyValue:
    """
    Value of a rule by self-normalised inverse probability weighting, which needs no model of the outcome.

    Parameters
    ----------
    outcome : array, shape (person,)
        Outcome.
    arm : array, shape (person,)
        Arm received.
    propensity : array, shape (person, arm)
        Probability of each arm.
    chosen : array, shape (person,)
        Arm that the rule gives.
    groups : array, shape (person,), optional
        Clusters.
    clip : float
        Least propensity used.
    prob : float
        Probability held by the interval.

    Returns
    -------
    PolicyValue
        Weighted mean outcome of those who received what the rule gives.

    Raises
    ------
    DecisionError
        If nobody received what the rule gives.

    References
    ----------
    Swaminathan A, Joachims T (2015). The self-normalized estimator for counterfactual learning. Advances in Neural
    Information Processing Systems 28.

    Examples
    --------
    >>> even = np.full((4, 2), 0.5)
    >>> round(policy_value_weighted([1.0, 0.0, 1.0, 0.0], np.array([1, 1, 0, 0]), even, [1, 0, 0, 0]).value, 2)
    0.67
    """
    y, given = np.asarray(outcome, np.float64), np.asarray(chosen).astype(int)
    rows = np.arange(y.size)
    weight = np.where(arm == given, 1 / np.maximum(propensity[rows, given], clip), 0.0)
    if weight.sum() == 0:
        raise DecisionError("Nobody received what the rule gives: its value cannot be read from these people.")
    value = float((weight * y).sum() / weight.sum())
    return _mean(value + weight * (y - value) / weight.mean(), groups, prob, "SNIPS")


def capacity_curve(
    potential: Array, priority: ArrayLike, *, shares: ArrayLike, groups: ArrayLike | None = None, prob: float = 0.95
) -> pd.DataFrame:
    """
    Gain over treating nobody as more people are treated in order of a rule.

    Parameters
    ----------
    potential : array, shape (person, 2)
        Doubly robust scores without and with treatment.
    priority : array, shape (person,)
        Higher is served first.
    shares : array
        Shares of people served.
    groups : array, shape (person,), optional
        Clusters.
    prob : float
        Probability held by the intervals.

    Returns
    -------
    DataFrame
        `share, gain, lower, upper` (per 1,000 people, of whom the share is served).

    Examples
    --------
    >>> potential = np.array([[0.0, 0.4], [0.0, 0.2], [0.0, 0.0], [0.0, -0.2]])
    >>> capacity_curve(potential, [4, 3, 2, 1], shares=[0.5, 1.0]).round(1)
       share   gain  lower  upper
    0    0.5  150.0  -37.7  337.7
    1    1.0  100.0 -153.0  353.0
    """
    psi, rule = potential[:, 1] - potential[:, 0], np.asarray(priority, np.float64)
    place = np.empty(rule.size)
    place[np.argsort(-rule, kind="stable")] = (np.arange(rule.size) + 1) / rule.size
    rows = []
    for share in np.asarray(shares, np.float64):
        one = _mean(np.where(place <= share, psi, 0.0) * 1000, groups, prob, "AIPW")
        rows.append({"share": float(share), "gain": one.value, "lower": one.lower, "upper": one.upper})
    return pd.DataFrame(rows)


def _mean(rows: Array, groups: ArrayLike | None, prob: float, method: str) -> PolicyValue:
    mean = float(rows.mean())
    resid = rows - mean
    if groups is not None:
        _, code = np.unique(np.asarray(groups), return_inverse=True)
        resid = np.bincount(code, resid)
    error = float(np.sqrt((resid**2).sum() * resid.size / max(resid.size - 1, 1)) / rows.size)
    half = float(norm.ppf(0.5 + prob / 2)) * error
    return PolicyValue(mean, error, mean - half, mean + half, method)
