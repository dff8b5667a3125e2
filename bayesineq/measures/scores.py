"""How good a probability is, for whom: discrimination, calibration and use of a risk score by group, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError

type Array = NDArray[np.float64]

QUALITIES: Final = (
    "auc", "brier", "log_loss", "calibration_slope", "calibration_in_the_large", "expected_calibration_error",
)  # fmt: skip
"""What is said of a probability without a threshold."""

AT_THRESHOLD: Final = ("flagged", "sensitivity", "specificity", "positive_predictive_value", "net_benefit")
"""What is said of it where people at or above a threshold are acted on."""

EVERYONE: Final = "everyone"
"""Name of all people together, among columns of groups and their levels."""

_BINS: Final = 10
_STEPS: Final = 25
_EDGE: Final = 1e-9


def score_quality(
    probability: ArrayLike,
    happened: ArrayLike,
    groups: pd.DataFrame | None = None,
    *,
    thresholds: Sequence[float] = (),
    draws: int = 500,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> pd.DataFrame:
    r"""
    Judge a probability by what happened, overall and within each level of deprivation, ethnicity or any other group.

    Parameters
    ----------
    probability : array_like, shape (n_person,)
        Of each person, from whatever made it, for people whom it was not fitted to.
    happened : array_like, shape (n_person,)
        Whether it happened: 0 or 1, or false and true.
    groups : DataFrame, n_person rows, optional
        Columns of levels, in the order of the people. People whose level is missing are a group of their own.
    thresholds : sequence of float
        Probabilities from which on people would be acted on.
    draws : int
        Draws of the Bayesian bootstrap, of which intervals are made.
    prob : float
        Probability that an interval holds.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    DataFrame
        Columns `by, level, people, events, measure, threshold, value, lower, upper`, overall first. Measures:

        - `auc`: probability that somebody to whom it happened has a higher value than somebody to whom it did not;
        - `brier`, `log_loss`: mean squared error, and mean of minus the log probability of what happened; 0 is best;
        - `calibration_slope`: 1 is right, below 1 values are too extreme; `calibration_in_the_large`: log odds by
          which it happens more often than said; 0 is right;
        - `expected_calibration_error`: average distance of rates from values in ten bins of as many people;
        - by threshold `flagged` (share acted on), `sensitivity` (of those to whom it happens; equal among groups where
          opportunity is), `specificity`, `positive_predictive_value` and `net_benefit` (per person, in events found).

        A value is missing where a group lacks events, or people without.

    Raises
    ------
    MeasureError
        If a probability lies outside 0 to 1, what happened is neither 0 nor 1, or rows do not fit.

    Notes
    -----
    Intervals are of a sample of people: every person is weighed by an independent exponential number (Rubin 1981).
    Those of small groups are wide, and a difference between groups is judged by them. Net benefit is true positives
    less false ones times :math:`t/(1-t)`, per person (Vickers and Elkin 2006).

    References
    ----------
    Rubin DB. Ann Stat 1981; 9:130. Vickers AJ, Elkin EB. Med Decis Making 2006; 26:565. Van Calster B et al. J Clin
    Epidemiol 2016; 74:167 (calibration).

    Examples
    --------
    >>> stream = np.random.default_rng(1)
    >>> risk = stream.uniform(0.05, 0.6, 2000)
    >>> found = score_quality(risk, stream.random(2000) < risk, draws=100, seed=1)
    >>> found.set_index("measure")["value"].round(1).to_dict()["calibration_slope"]
    1.0
    """
    p, y = _checked(probability, happened, groups, thresholds)
    stream, rows = np.random.default_rng(seed), []
    for by, level, at in groups_of(groups, len(p)):
        mine, own, count = _tied(p[at], y[at])
        value = _qualities(mine, own, count, count, thresholds)
        # The weights of people who are alike add up to a gamma number.
        drawn = np.array([_qualities(mine, own, stream.standard_gamma(count), count, thresholds) for _ in range(draws)])
        lower, upper = _ends(drawn, prob)
        names = [(name, np.nan) for name in QUALITIES] + [(name, t) for t in thresholds for name in AT_THRESHOLD]
        for k, (name, threshold) in enumerate(names):
            known = (by, level, len(at), int(own @ count), name, threshold, value[k])
            rows.append((*known, lower[k], upper[k]) if np.isfinite(value[k]) else (*known, np.nan, np.nan))
    columns = ["by", "level", "people", "events", "measure", "threshold", "value", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def calibration_curve(
    probability: ArrayLike, happened: ArrayLike, *, bins: int = _BINS, prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Rates beside values, in bins of as many people each.

    Parameters
    ----------
    probability, happened : array_like, shape (n_person,)
        As of `score_quality`.
    bins : int
        How many bins; fewer where values are tied.
    prob : float
        Probability that an interval holds.

    Returns
    -------
    DataFrame
        Columns `people, events, said, rate, lower, upper`: mean of the values, and the rate with the interval of a
        Beta(1/2, 1/2) prior.

    Raises
    ------
    MeasureError
        As of `score_quality`, or if there are fewer people than bins.

    Examples
    --------
    >>> found = calibration_curve([0.1] * 10 + [0.5] * 10, [1] + [0] * 9 + [1] * 5 + [0] * 5, bins=2)
    >>> found[["said", "rate"]].to_numpy()
    array([[0.1, 0.1],
           [0.5, 0.5]])
    """
    from scipy.stats import beta

    p, y = _checked(probability, happened, None, ())
    if not 1 <= bins <= len(p):
        raise MeasureError(f"bins={bins}: {len(p)} people fill 1 to {len(p)} bins")
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    bin_of = _bins(p, bins, np.ones(len(p)))
    people = np.bincount(bin_of)
    events, said = np.bincount(bin_of, weights=y), np.bincount(bin_of, weights=p) / people
    law = beta(events + 0.5, people - events + 0.5)
    return pd.DataFrame(
        {
            "people": people,
            "events": events.astype(np.int64),
            "said": said,
            "rate": events / people,
            "lower": law.ppf((1 - prob) / 2),
            "upper": law.ppf((1 + prob) / 2),
        }
    )


def _tied(p: Array, y: Array) -> tuple[Array, Array, Array]:
    """People of the same value and outcome as one row, in rising order of values; and how many they are."""
    order = np.lexsort((y, p))
    value, happened = p[order], y[order]
    new = np.concatenate([[True], (np.diff(value) > 0) | (np.diff(happened) > 0)])
    first = np.flatnonzero(new)
    return value[first], happened[first], np.diff(np.append(first, len(p))).astype(np.float64)


def _qualities(p: Array, y: Array, weight: Array, count: Array, thresholds: Sequence[float]) -> list[float]:
    """All measures, rows in rising order of values; `count` is the people of each. Shapes: (n_row,)."""
    weight = weight / weight.sum()
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    loss = -np.sum(weight * np.where(y > 0, np.log(inside), np.log1p(-inside)))
    bin_of = _bins(p, min(_BINS, len(p)), count)
    away = np.abs(np.bincount(bin_of, weights=weight * (y - p))).sum()
    slope, level = _calibration(logit(inside), y, weight)
    out = [_auc(p, y, weight), float(np.sum(weight * (y - p) ** 2)), float(loss), slope, level, float(away)]
    for threshold in thresholds:
        on = p >= threshold
        hit, false = float(np.sum(weight[on] * y[on])), float(np.sum(weight[on] * (1 - y[on])))
        events, rest = float(np.sum(weight * y)), float(np.sum(weight * (1 - y)))
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = np.array([hit, rest - false, hit]) / np.array([events, rest, hit + false])
        out += [hit + false, *rates.tolist(), hit - false * threshold / (1 - threshold)]
    return out


def _auc(p: Array, y: Array, weight: Array) -> float:
    """Weighted probability of a higher value, ties counted half."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(p) > 0]))
    events, rest = np.add.reduceat(weight * y, first), np.add.reduceat(weight * (1 - y), first)
    below = np.cumsum(rest) - rest
    total = events.sum() * rest.sum()
    return float(np.sum(events * (below + 0.5 * rest)) / total) if total > 0 else np.nan


def _calibration(x: Array, y: Array, weight: Array) -> tuple[float, float]:
    """Slope of the logistic regression on the log odds said, and the level with that slope held at 1."""
    events = float(np.sum(weight * y))
    if not 0 < events < 1 - 1e-12:
        return np.nan, np.nan
    level = 0.0
    for _ in range(_STEPS):
        mean = expit(level + x)
        step = float(np.sum(weight * (y - mean)) / np.sum(weight * mean * (1 - mean)))
        level += float(np.clip(step, -2, 2))
        if abs(step) < 1e-10:
            break
    if np.ptp(x) == 0:
        return np.nan, level
    a, b = level, 1.0
    for _ in range(_STEPS):
        mean = expit(a + b * x)
        bend, pull = weight * mean * (1 - mean), weight * (y - mean)
        matrix = np.array([[bend.sum(), (bend * x).sum()], [(bend * x).sum(), (bend * x * x).sum()]])
        step_a, step_b = np.linalg.solve(matrix + 1e-14 * np.eye(2), [pull.sum(), (pull * x).sum()])
        a, b = a + float(np.clip(step_a, -2, 2)), b + float(np.clip(step_b, -2, 2))
        if abs(step_a) + abs(step_b) < 1e-10:
            return b, level
    # Values that part those to whom it happened from the others have no finite slope.
    return np.nan, level


def _bins(p: Array, bins: int, count: Array) -> NDArray[np.intp]:
    """Bin of each row, in rising order of values, of as many people each; people of one value are in one bin."""
    rough = ((np.cumsum(count) - count) * bins // count.sum()).astype(np.intp)
    first = np.searchsorted(p, p, side="left")
    return np.unique(rough[first], return_inverse=True)[1]


def groups_of(groups: pd.DataFrame | None, n: int) -> Iterator[tuple[str, object, NDArray[np.intp]]]:
    """Column, level and rows of everyone, and then of each level of each column of groups."""
    yield EVERYONE, EVERYONE, np.arange(n)
    if groups is None:
        return
    for column in groups.columns:
        codes, levels = pd.factorize(groups[column], sort=True, use_na_sentinel=True)
        for k, level in enumerate(levels):
            yield str(column), level, np.flatnonzero(codes == k)
        if (codes < 0).any():
            yield str(column), "not known", np.flatnonzero(codes < 0)


def _ends(drawn: Array, prob: float) -> tuple[Array, Array]:
    with np.errstate(invalid="ignore"):
        empty = np.isnan(drawn).all(axis=0)
        filled = np.where(empty, 0.0, drawn)
        lower, upper = np.nanquantile(filled, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    return np.where(empty, np.nan, lower), np.where(empty, np.nan, upper)


def _checked(
    probability: ArrayLike, happened: ArrayLike, groups: pd.DataFrame | None, thresholds: Sequence[float]
) -> tuple[Array, Array]:
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.float64)
    wrong = []
    if p.ndim != 1 or p.shape != y.shape or len(p) == 0:
        wrong.append(f"give a value and an outcome of each person; given shapes {p.shape} and {y.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        wrong.append("a probability lies from 0 to 1, and none is missing")
    if not np.isin(y, (0.0, 1.0)).all():
        wrong.append("what happened is 0 or 1, and none is missing; leave people out whose outcome is not known")
    if groups is not None and len(groups) != len(p):
        wrong.append(f"`groups` has {len(groups)} rows and there are {len(p)} people")
    if not all(0 < threshold < 1 for threshold in thresholds):
        wrong.append(f"thresholds are probabilities between 0 and 1; given {list(thresholds)}")
    if wrong:
        raise MeasureError("a score cannot be judged: " + "; ".join(wrong))
    return p, y
