"""Aversion to inequality: what an unequal distribution of health is worth, and the weights that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import mean_interval

Family = Literal["atkinson", "kolm"]


def equally_distributed_equivalent(
    health: ArrayLike, people: ArrayLike, *, aversion: float, family: Family = "atkinson"
) -> NDArray[np.float64]:
    """
    Level of health that, had by everyone, is worth as much as the unequal distribution.

    Parameters
    ----------
    health : array, shape (..., group)
        Health per person in each group (QALE, years); above 0 for the Atkinson family.
    people : array, shape (group,)
        People in each group.
    aversion : float
        Aversion to inequality, 0 (none) or more: epsilon of Atkinson (relative), kappa of Kolm (absolute).
    family : {"atkinson", "kolm"}
        Whether relative or absolute differences matter.

    Returns
    -------
    array, shape (...)
        Equivalent level: the mean for aversion 0, below it otherwise.

    Raises
    ------
    DecisionError
        If the aversion is negative or Atkinson's health is not above 0.

    Notes
    -----
    Atkinson: (sum p h^(1-e))^(1/(1-e)), the geometric mean at e = 1. Kolm: -ln(sum p exp(-k h)) / k.

    References
    ----------
    Atkinson AB (1970). On the measurement of inequality. Journal of Economic Theory 2: 244-263.
    Kolm SC (1976). Unequal inequalities. Journal of Economic Theory 12: 416-442.

    Examples
    --------
    >>> float(equally_distributed_equivalent([60.0, 80.0], [100, 100], aversion=2.0).round(2))
    68.57
    """
    h, share = np.asarray(health, np.float64), np.asarray(people, np.float64)
    share = share / share.sum()
    if not aversion >= 0:
        raise DecisionError(f"Aversion to inequality must be 0 or more: {aversion}.")
    if family == "atkinson" and not (h > 0).all():
        raise DecisionError("Atkinson's equivalent needs health above 0 in every group: use whole life, not a change.")
    mean = (h * share).sum(axis=-1)
    if aversion == 0:
        return np.asarray(mean)
    scale = mean[..., np.newaxis]
    # near an aversion of 0 (Kolm) or 1 (Atkinson) the powers cancel: sums of their differences from 1 do not
    if family == "kolm":
        if aversion * float(np.abs(h - scale).max()) < 1e-12:
            return np.asarray(mean)
        change = np.log1p((share * np.expm1(-aversion * (h - scale))).sum(axis=-1))
        return np.asarray(mean - change / aversion)
    ratio = np.log(h / scale)
    if aversion == 1:
        return np.asarray(mean * np.exp((share * ratio).sum(axis=-1)))
    change = np.log1p((share * np.expm1((1 - aversion) * ratio)).sum(axis=-1))
    return np.asarray(mean * np.exp(change / (1 - aversion)))


def equity_weights(
    health: ArrayLike, people: ArrayLike, *, aversion: float, family: Family = "atkinson"
) -> NDArray[np.float64]:
    """
    Weight of one more unit of health for each group, relative to someone with average health.

    Parameters
    ----------
    health : array, shape (group,)
        Health per person.
    people : array, shape (group,)
        People in each group.
    aversion : float
        Aversion to inequality; 0 gives weights of 1.
    family : {"atkinson", "kolm"}
        Whether relative or absolute differences matter.

    Returns
    -------
    array, shape (group,)
        Weights: (h / mean)^-aversion, or exp(-aversion (h - mean)).

    Raises
    ------
    DecisionError
        As `equally_distributed_equivalent`.

    Examples
    --------
    >>> equity_weights([60.0, 80.0], [100, 100], aversion=2.0).round(2)
    array([1.36, 0.77])
    """
    equally_distributed_equivalent(health, people, aversion=aversion, family=family)
    h, share = np.asarray(health, np.float64), np.asarray(people, np.float64)
    mean = float((h * share).sum() / share.sum())
    if family == "kolm":
        return np.asarray(np.exp(-aversion * (h - mean)))
    return np.asarray((h / mean) ** -aversion)


def over_aversions(
    before: ArrayLike,
    after: ArrayLike,
    people: ArrayLike,
    *,
    aversions: Sequence[float],
    family: Family = "atkinson",
    prob: float,
) -> pd.DataFrame:
    """
    Worth of a change of a distribution over a grid of aversions.

    Shapes: before (group,) or (draw, group); after (draw, group); people (group,).
    """
    whole = float(np.asarray(people, np.float64).sum())
    rows = []
    for aversion in aversions:
        change = whole * (
            equally_distributed_equivalent(after, people, aversion=aversion, family=family)
            - equally_distributed_equivalent(before, people, aversion=aversion, family=family)
        )
        rows.append((float(aversion), *mean_interval(change, prob), float((change > 0).mean())))
    return pd.DataFrame(rows, columns=["aversion", "mean", "lower", "upper", "p_positive"])
