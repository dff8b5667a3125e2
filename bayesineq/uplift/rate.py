"""Whether a rule ranks people by what they gain: targeting operator curve and rank-weighted average effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.bootstrap import cluster_weights, interval

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Weighting = Literal["autoc", "qini"]


@dataclass(frozen=True, slots=True)
class Rate:
    """
    Rank-weighted average treatment effect of one rule, or the difference of two.

    Parameters
    ----------
    value, standard_error, lower, upper : float
        Estimate and interval, in outcomes per person.
    weighting : {"autoc", "qini"}
        Area under the targeting operator curve, weighting the very top, or its Qini-weighted area.
    prob : float
        Probability held by the interval.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    weighting: Weighting
    prob: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval holds 0: no evidence that the rule ranks by gain."""
        return self.lower <= 0 <= self.upper


def toc(
    effect_score: ArrayLike, priority: ArrayLike, *, shares: ArrayLike | None = None, weight: ArrayLike | None = None
) -> pd.DataFrame:
    """
    Targeting operator curve: how much more than the average those served first gain.

    Parameters
    ----------
    effect_score : array, shape (person,)
        Doubly robust score of each person's effect.
    priority : array, shape (person,)
        Any rule: higher is served first.
    shares : array, optional
        Shares served, above 0; default 0.01, 0.02, ... 1.
    weight : array, optional
        Weights, for resampling.

    Returns
    -------
    DataFrame
        `share, toc, gain`: mean effect of those served less the mean effect of all, and share times that.

    Examples
    --------
    >>> toc([0.4, 0.2, 0.0, -0.2], [4, 3, 2, 1], shares=[0.5, 1.0]).round(2)
       share  toc  gain
    0    0.5  0.2   0.1
    1    1.0  0.0   0.0
    """
    psi, w = _ordered(effect_score, priority, weight)
    q = np.linspace(0.01, 1, 100) if shares is None else np.asarray(shares, np.float64)
    cum_w, cum = np.concatenate([[0], np.cumsum(w)]), np.concatenate([[0], np.cumsum(w * psi)])
    served = np.interp(q * cum_w[-1], cum_w, cum)
    value = served / (q * cum_w[-1]) - cum[-1] / cum_w[-1]
    return pd.DataFrame({"share": q, "toc": value, "gain": q * value})


def rate(
    effect_score: ArrayLike,
    priority: ArrayLike,
    *,
    against: ArrayLike | None = None,
    weighting: Weighting = "autoc",
    fold: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    resamples: int = 200,
    prob: float = 0.95,
    seed: int | None = None,
) -> Rate:
    """
    Rank-weighted average treatment effect of a rule, with an interval.

    Parameters
    ----------
    effect_score : array, shape (person,)
        Doubly robust scores, made without the rule.
    priority : array, shape (person,)
        Rule: higher is served first. It must not have seen these people's outcomes.
    against : array, shape (person,), optional
        A second rule: the value is then the difference, first less second, on the same resamples.
    weighting : {"autoc", "qini"}
        Weighting of the curve.
    fold : array, shape (person,), optional
        Folds whose priorities come from different fits: ranks are taken within folds and the values averaged.
    groups : array, shape (person,), optional
        Clusters resampled together.
    resamples : int
        Resamples.
    prob : float
        Probability held by the interval.
    seed : int, optional
        Seed of the resampling.

    Returns
    -------
    Rate
        Positive where the rule ranks those who gain more first; 0 for a rule that knows nothing.

    Notes
    -----
    AUTOC is the integral of TOC(q) over q, the Qini weighting the integral of q TOC(q). Equal priorities share their
    mean score.

    References
    ----------
    Yadlowsky S, Fleming S, Shah N, Brunskill E, Wager S (2025). Evaluating treatment prioritization rules via
    rank-weighted average treatment effects. Journal of the American Statistical Association 120: 38-51.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> effect = rng.normal(0, 1, 1000)
    >>> round(rate(effect + rng.normal(0, 1, 1000), effect, seed=1).value, 2)
    0.92
    """
    psi = np.asarray(effect_score, np.float64).ravel()
    rules = [np.asarray(rule, np.float64).ravel() for rule in (priority, against) if rule is not None]
    if any(rule.size != psi.size for rule in rules):
        raise DecisionError(f"{psi.size} scores but {[rule.size for rule in rules]} priorities.")
    if not all(np.isfinite(rule).all() for rule in (psi, *rules)):
        raise DecisionError("Scores and priorities must be finite.")
    label = np.zeros(psi.size) if fold is None else np.asarray(fold)
    parts = [np.flatnonzero(label == f) for f in np.unique(label)]
    plans = [[(part, *_layout(rule[part])) for part in parts] for rule in rules]

    def value(weight: Array) -> float:
        each = [_average(psi, weight, plan, weighting) for plan in plans]
        return each[0] - each[1] if len(each) == 2 else each[0]

    estimate = value(np.ones(psi.size))
    repeats = np.array([value(w) for w in cluster_weights(psi.size, groups, resamples=resamples, seed=seed)])
    low, high = interval(estimate, repeats, prob)
    return Rate(estimate, float(repeats.std(ddof=1)), low, high, weighting, prob)


def _layout(rule: Array) -> tuple[Index, Index]:
    order = np.argsort(-rule, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rule[order])) + 1])
    return order, starts


def _average(psi: Array, weight: Array, plan: list[tuple[Index, Index, Index]], weighting: Weighting) -> float:
    values, sizes = [], []
    for part, order, starts in plan:
        w, score = weight[part][order], psi[part][order]
        mass, total = np.add.reduceat(w, starts), np.add.reduceat(w * score, starts)
        values.append(_area(mass, total, weighting))
        sizes.append(mass.sum())
    return float(np.average(values, weights=sizes))


def _area(mass: Array, total: Array, weighting: Weighting) -> float:
    whole = mass.sum()
    end, served = np.cumsum(mass) / whole, np.cumsum(total) / whole
    start, before = np.concatenate([[0], end[:-1]]), np.concatenate([[0], served[:-1]])
    mean = served[-1]
    slope = (served - before) / (end - start)
    if weighting == "qini":
        return float(((before + served) / 2 * (end - start)).sum() - mean / 2)
    # within a block served(q) = before + slope (q - start), so the integral of served(q) / q has a logarithm
    offset = before - slope * start
    inner = np.zeros_like(end)
    inner[1:] = offset[1:] * np.log(end[1:] / start[1:])
    return float((slope * (end - start) + inner).sum() - mean)


def _ordered(score: ArrayLike, priority: ArrayLike, weight: ArrayLike | None) -> tuple[Array, Array]:
    psi, rule = np.asarray(score, np.float64).ravel(), np.asarray(priority, np.float64).ravel()
    w = np.ones(psi.size) if weight is None else np.asarray(weight, np.float64)
    order, starts = _layout(rule)
    mass, total = np.add.reduceat(w[order], starts), np.add.reduceat((w * psi)[order], starts)
    return total / mass, mass
