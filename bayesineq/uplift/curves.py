"""Uplift and Qini curves of a score in a randomised comparison, their areas and the uplift at the top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.bootstrap import cluster_weights, interval

Array = NDArray[np.float64]
Curve = Literal["uplift", "qini"]

NORMALISATION: Final = (
    "area between the curve and the line of random targeting, over the same area of the best possible curve"
)


@dataclass(frozen=True, slots=True)
class UpliftCurve:
    """
    A cumulative curve of targeting by a score, highest first.

    Parameters
    ----------
    number : array, shape (point,)
        People targeted, from 0 to all.
    gain : array, shape (point,)
        Gain at each point, in outcomes.
    kind : {"uplift", "qini"}
        Whether the arms are compared as rates times all people targeted, or as the treated against the untreated
        scaled to their number.
    """

    number: Array
    gain: Array
    kind: Curve

    @property
    def area(self) -> float:
        """Area under the curve, in outcomes times people."""
        return float(np.trapezoid(self.gain, self.number))

    @property
    def area_random(self) -> float:
        """Area under the straight line to the last point: targeting at random."""
        return float(self.number[-1] * self.gain[-1] / 2)


@dataclass(frozen=True, slots=True)
class CurveArea:
    """
    Normalised area of a curve with its interval.

    Parameters
    ----------
    value, lower, upper : float
        Area and interval.
    kind : {"uplift", "qini"}
        Curve: "uplift" gives AUUC, "qini" the Qini coefficient.
    normalisation : str
        What 1 means; packages differ.
    prob : float
        Probability held by the interval.
    """

    value: float
    lower: float
    upper: float
    kind: Curve
    normalisation: str
    prob: float


def uplift_curve(
    outcome: ArrayLike, score: ArrayLike, treated: ArrayLike, *, kind: Curve, weight: ArrayLike | None = None
) -> UpliftCurve:
    """
    Cumulative gain from treating people in order of a score.

    Parameters
    ----------
    outcome : array, shape (person,)
        Outcome of which more is better, binary or continuous.
    score : array, shape (person,)
        Higher is served first; people with equal scores come together.
    treated : array, shape (person,)
        0 or 1, assigned at random.
    kind : {"uplift", "qini"}
        "uplift": (mean of treated - mean of untreated) x targeted. "qini": sum of treated - sum of untreated x
        treated / untreated.
    weight : array, shape (person,), optional
        Weights, for resampling.

    Returns
    -------
    UpliftCurve
        Points at the distinct scores, and (0, 0).

    References
    ----------
    Radcliffe NJ (2007). Using control groups to target on predicted lift. Direct Marketing Analytics Journal 1: 14-21.

    Examples
    --------
    >>> curve = uplift_curve([1, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], [1, 0, 1, 0], kind="uplift")
    >>> curve.gain
    array([0., 1., 2., 3., 2.])
    """
    y, s, t = _checked(outcome, score, treated)
    w = np.ones(y.size) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(-s, kind="stable")
    last = np.append(np.flatnonzero(np.diff(s[order])), y.size - 1)
    y, t, w = y[order], t[order], w[order]
    n_t, n_c = np.cumsum(w * t)[last], np.cumsum(w * (1 - t))[last]
    y_t, y_c = np.cumsum(w * y * t)[last], np.cumsum(w * y * (1 - t))[last]
    if kind == "qini":
        gain = y_t - y_c * np.divide(n_t, n_c, out=np.zeros_like(n_t), where=n_c > 0)
    else:
        rate_t = np.divide(y_t, n_t, out=np.zeros_like(n_t), where=n_t > 0)
        gain = (rate_t - np.divide(y_c, n_c, out=np.zeros_like(n_c), where=n_c > 0)) * (n_t + n_c)
    return UpliftCurve(np.concatenate([[0.0], n_t + n_c]), np.concatenate([[0.0], gain]), kind)


def best_curve(outcome: ArrayLike, treated: ArrayLike, *, kind: Curve, weight: ArrayLike | None = None) -> UpliftCurve:
    """
    Best possible curve of a binary outcome, given who was treated.

    Parameters
    ----------
    outcome : array, shape (person,)
        0 or 1.
    treated : array, shape (person,)
        0 or 1.
    kind : {"uplift", "qini"}
        Which curve.
    weight : array, optional
        Weights.

    Returns
    -------
    UpliftCurve
        Curve of an oracle: treated with the outcome first, untreated with it last.

    Examples
    --------
    >>> curve = best_curve([1, 0, 1, 0], [1, 1, 0, 0], kind="uplift")
    >>> curve.gain
    array([0. , 1. , 2. , 1.5, 0. ])
    """
    y, t = np.asarray(outcome, np.float64), np.asarray(treated, np.float64)
    if not np.isin(y, (0, 1)).all():
        raise DecisionError("The best possible curve is defined for a binary outcome; for others use TOC and RATE.")
    if kind == "qini":
        return uplift_curve(y, y * t - y * (1 - t), t, kind=kind, weight=weight)
    hopeless_first = (y * (1 - t)).sum() <= ((1 - y) * t).sum()
    return uplift_curve(y, 2.0 * (y == t) + (t if hopeless_first else y), t, kind=kind, weight=weight)


def curve_area(
    outcome: ArrayLike,
    score: ArrayLike,
    treated: ArrayLike,
    *,
    kind: Curve,
    groups: ArrayLike | None = None,
    resamples: int = 200,
    prob: float = 0.95,
    seed: int | None = None,
) -> CurveArea:
    """
    Normalised area of the uplift curve (AUUC) or the Qini curve (Qini coefficient), with an interval.

    Parameters
    ----------
    outcome : array, shape (person,)
        0 or 1, more is better.
    score : array, shape (person,)
        Score to be judged, made without these outcomes.
    treated : array, shape (person,)
        0 or 1, assigned at random.
    kind : {"uplift", "qini"}
        Which curve.
    groups : array, shape (person,), optional
        Clusters that are resampled together (practices, areas).
    resamples : int
        Resamples for the interval.
    prob : float
        Probability held by the interval.
    seed : int, optional
        Seed of the resampling.

    Returns
    -------
    CurveArea
        0 for random targeting, 1 for the best possible; below 0 is worse than random.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score, treated = rng.uniform(size=2000), rng.integers(0, 2, 2000)
    >>> outcome = rng.uniform(size=2000) < 0.3 + 0.4 * treated * score
    >>> found = curve_area(outcome.astype(int), score, treated, kind="qini", resamples=50, seed=1)
    >>> round(found.value, 2)
    0.11
    """
    y, s, t = _checked(outcome, score, treated)

    def value(weight: Array | None) -> float:
        curve = uplift_curve(y, s, t, kind=kind, weight=weight)
        best = best_curve(y, t, kind=kind, weight=weight)
        return (curve.area - curve.area_random) / (best.area - best.area_random)

    estimate = value(None)
    repeats = [value(w) for w in cluster_weights(y.size, groups, resamples=resamples, seed=seed)]
    low, high = interval(estimate, np.asarray(repeats), prob)
    return CurveArea(estimate, low, high, kind, NORMALISATION, prob)


def uplift_at(outcome: ArrayLike, score: ArrayLike, treated: ArrayLike, *, top: float) -> float:
    """
    Difference in outcome between treated and untreated among those served first.

    Parameters
    ----------
    outcome : array, shape (person,)
        Outcome.
    score : array, shape (person,)
        Higher is served first; of equal scores at the edge the later rows are taken first.
    treated : array, shape (person,)
        0 or 1, assigned at random.
    top : float
        Share of people, above 0, at most 1.

    Returns
    -------
    float
        Mean of the treated less mean of the untreated.

    Examples
    --------
    >>> float(uplift_at([1, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], [1, 0, 1, 0], top=0.5))
    1.0
    """
    y, s, t = _checked(outcome, score, treated)
    if not 0 < top <= 1:
        raise DecisionError(f"top is a share of people, above 0 and at most 1: {top}.")
    first = np.argsort(s, kind="stable")[::-1][: int(y.size * top)]
    arm = t[first] == 1
    if arm.all() or not arm.any():
        raise DecisionError(f"The top {top:.0%} holds one arm only: nothing to compare.")
    return float(y[first][arm].mean() - y[first][~arm].mean())


def _checked(outcome: ArrayLike, score: ArrayLike, treated: ArrayLike) -> tuple[Array, Array, Array]:
    y, s, t = (np.asarray(x, np.float64).ravel() for x in (outcome, score, treated))
    if not y.size == s.size == t.size:
        raise DecisionError(f"outcome, score and treated have {y.size}, {s.size} and {t.size} rows.")
    if not np.isin(t, (0, 1)).all() or t.min() == t.max():
        raise DecisionError(f"treated must hold 0 and 1, both; it holds {np.unique(t)[:5].tolist()}.")
    if not (np.isfinite(y).all() and np.isfinite(s).all()):
        raise DecisionError("outcome and score must be finite: decide about missing rows before.")
    return y, s, t
