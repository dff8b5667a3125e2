"""Whether the arms can be compared at all: balance, weights and overlap, overall and in each equity stratum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]

CHANCE: Final = 1e-6
"""An area without one of the arms is called without overlap where chance alone would make it so this rarely."""


def check_overlap(arm: NDArray[np.int64], labels: Sequence[object], area: ArrayLike | None) -> None:
    """
    Refuse a comparison that the data cannot make.

    Parameters
    ----------
    arm : array, shape (person,)
        Arm of each person, 0 to K.
    labels : sequence, length K + 1
        Names of the arms.
    area : array, shape (person,), optional
        Area of each person.

    Raises
    ------
    DecisionError
        If there is one arm only, or areas lack an arm by more than chance.

    Examples
    --------
    >>> check_overlap(np.array([0, 1, 0, 1]), ["usual care", "calls"], ["east", "east", "west", "west"])
    >>> check_overlap(np.array([0, 0, 1, 1]), ["usual care", "calls"], ["east", "east", "west", "west"])
    """
    count = np.bincount(arm, minlength=len(labels))
    if (count > 0).sum() < 2:
        raise DecisionError(
            f"The treatment has one level only ({labels[int(count.argmax())]!r}, {arm.size:,} rows): an effect needs "
            "people with and without it. Check the column, or use transported effects."
        )
    if area is None:
        return
    names, code = np.unique(np.asarray(area), return_inverse=True)
    size = np.bincount(code, minlength=names.size)
    faults = []
    for k, label in enumerate(labels):
        here = np.bincount(code[arm == k], minlength=names.size)
        chance = size * np.log1p(-count[k] / arm.size) if count[k] < arm.size else np.full(names.size, -np.inf)
        lacking = np.flatnonzero((here == 0) & (chance < np.log(CHANCE)))
        if lacking.size:
            listed = ", ".join(f"{names[i]} ({size[i]} people)" for i in lacking[:5])
            faults.append(f"{lacking.size} area(s) without anyone in arm {label!r}: {listed}")
    if faults:
        raise DecisionError(
            "No overlap: " + "; ".join(faults) + ". Their effect cannot be estimated from their own people: leave "
            "them out and say so, merge them with neighbours, or use transported effects there."
        )


def weight_report(propensity: Array, arm: NDArray[np.int64], labels: Sequence[object], *, clip: float) -> pd.DataFrame:
    """
    Weights that the comparison rests on, by arm.

    Parameters
    ----------
    propensity : array, shape (person, arm)
        Probability of each arm, before clipping.
    arm : array, shape (person,)
        Arm of each person.
    labels : sequence
        Names of the arms.
    clip : float
        Probability below which it is clipped.

    Returns
    -------
    DataFrame
        `arm, people, effective_sample_size, largest_weight_share, lowest_propensity, clipped, clipped_share`.

    Examples
    --------
    >>> chance = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.8, 0.2]])
    >>> table = weight_report(chance, np.array([0, 1, 0, 1]), ["usual care", "calls"], clip=0.01)
    >>> table[["arm", "people", "effective_sample_size", "clipped"]].round(2)
              arm  people  effective_sample_size  clipped
    0  usual care       2                   1.85        0
    1       calls       2                   1.69        0
    """
    rows = []
    for k, label in enumerate(labels):
        raw = propensity[:, k]
        weight = 1 / np.maximum(raw[arm == k], clip)
        rows.append(
            {
                "arm": label,
                "people": int(weight.size),
                "effective_sample_size": float(weight.sum() ** 2 / (weight**2).sum()),
                "largest_weight_share": float(weight.max() / weight.sum()),
                "lowest_propensity": float(raw.min()),
                "clipped": int((raw < clip).sum()),
                "clipped_share": float((raw < clip).mean()),
            }
        )
    return pd.DataFrame(rows)


def balance(
    features: pd.DataFrame,
    arm: NDArray[np.int64],
    propensity: Array,
    *,
    stratum: ArrayLike | None = None,
    control: int = 0,
    clip: float = 0.01,
) -> pd.DataFrame:
    """
    Standardised differences before and after weighting, for a Love plot, by equity stratum.

    Parameters
    ----------
    features : DataFrame, one row a person
        Numeric covariates.
    arm : array, shape (person,)
        Arm of each person.
    propensity : array, shape (person, arm)
        Probability of each arm.
    stratum : array, shape (person,), optional
        Equity stratum, such as quintile or ethnicity; each is reported beside "all".
    control : int
        Arm compared with.
    clip : float
        Least propensity used in a weight.

    Returns
    -------
    DataFrame
        `stratum, arm, feature, difference, difference_weighted, variance_ratio_weighted`; differences in standard
        deviations (pooled over the two arms, unweighted).

    References
    ----------
    Austin PC (2009). Balance diagnostics for comparing the distribution of baseline covariates. Statistics in
    Medicine 28: 3083-3107. doi:10.1002/sim.3697

    Examples
    --------
    >>> features = pd.DataFrame({"age": [70, 72, 50, 71, 52, 48]})
    >>> chance = np.array([[0.3, 0.7]] * 2 + [[0.7, 0.3]] + [[0.3, 0.7]] + [[0.7, 0.3]] * 2)
    >>> table = balance(features, np.array([1, 1, 1, 0, 0, 0]), chance)
    >>> table[["feature", "difference", "difference_weighted"]].round(2)
      feature  difference  difference_weighted
    0     age        0.57                -0.13
    """
    values = features.to_numpy(np.float64)
    weight = 1 / np.maximum(propensity[np.arange(arm.size), arm], clip)
    groups = [("all", np.ones(arm.size, bool))]
    if stratum is not None:
        codes = np.asarray(stratum)
        groups += [(str(code), codes == code) for code in np.unique(codes)]
    rows = []
    for name, inside in groups:
        for k in [k for k in np.unique(arm) if k != control]:
            one, other = inside & (arm == k), inside & (arm == control)
            if one.sum() < 2 or other.sum() < 2:
                continue
            pooled = np.sqrt((values[one].var(axis=0, ddof=1) + values[other].var(axis=0, ddof=1)) / 2)
            spread = np.where(pooled > 0, pooled, np.nan)
            (m1, v1), (m0, v0) = _moments(values[one], weight[one]), _moments(values[other], weight[other])
            rows.append(
                pd.DataFrame(
                    {
                        "stratum": name,
                        "arm": int(k),
                        "feature": features.columns,
                        "difference": (values[one].mean(axis=0) - values[other].mean(axis=0)) / spread,
                        "difference_weighted": (m1 - m0) / spread,
                        "variance_ratio_weighted": v1 / np.where(v0 > 0, v0, np.nan),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def overlap_by(
    propensity: Array, arm: NDArray[np.int64], labels: Sequence[object], stratum: ArrayLike, *, low: float = 0.05
) -> pd.DataFrame:
    """
    Overlap in each stratum or area.

    Parameters
    ----------
    propensity : array, shape (person, arm)
        Probability of each arm.
    arm : array, shape (person,)
        Arm of each person.
    labels : sequence
        Names of the arms.
    stratum : array, shape (person,)
        Stratum or area.
    low : float
        Probability below which a person hardly could have been in the arm.

    Returns
    -------
    DataFrame
        `stratum, arm, people, in_arm, propensity_lower, propensity_median, propensity_upper, share_low`.

    Examples
    --------
    >>> chance = np.array([[0.5, 0.5], [0.5, 0.5], [0.97, 0.03], [0.9, 0.1]])
    >>> arm, labels = np.array([0, 1, 0, 1]), ["usual care", "calls"]
    >>> overlap_by(chance, arm, labels, ["a", "a", "b", "b"])[["stratum", "arm", "people", "in_arm", "share_low"]]
      stratum         arm  people  in_arm  share_low
    0       a  usual care       2       1        0.0
    1       a       calls       2       1        0.0
    2       b  usual care       2       1        0.0
    3       b       calls       2       1        0.5
    """
    codes = np.asarray(stratum)
    rows = []
    for code in np.unique(codes):
        inside = codes == code
        for k, label in enumerate(labels):
            p = propensity[inside, k]
            lower, middle, upper = np.quantile(p, [0.05, 0.5, 0.95])
            rows.append(
                {
                    "stratum": code,
                    "arm": label,
                    "people": int(inside.sum()),
                    "in_arm": int((arm[inside] == k).sum()),
                    "propensity_lower": float(lower),
                    "propensity_median": float(middle),
                    "propensity_upper": float(upper),
                    "share_low": float((p < low).mean()),
                }
            )
    return pd.DataFrame(rows)


def _moments(values: Array, weight: Array) -> tuple[Array, Array]:
    mean = np.average(values, axis=0, weights=weight)
    return mean, np.average((values - mean) ** 2, axis=0, weights=weight)
