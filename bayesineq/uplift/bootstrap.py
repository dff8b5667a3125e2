"""Resampling whole clusters: every interval of targeting evidence comes from here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]


def cluster_weights(rows: int, groups: ArrayLike | None, *, resamples: int, seed: int | None) -> Iterator[Array]:
    """
    Bayesian bootstrap weights that are constant within clusters.

    Parameters
    ----------
    rows : int
        Rows.
    groups : array, shape (rows,), optional
        Cluster of each row; default every row its own.
    resamples : int
        Sets of weights.
    seed : int, optional
        Seed.

    Yields
    ------
    array, shape (rows,)
        Exponential weights with mean 1, one for each cluster.

    Raises
    ------
    DecisionError
        If there are fewer than ten clusters, too few to resample.

    References
    ----------
    Rubin DB (1981). The Bayesian bootstrap. Annals of Statistics 9: 130-134.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        code, size = None, rows
    else:
        labels, code = np.unique(np.asarray(groups), return_inverse=True)
        size = labels.size
    if size < 10:
        raise DecisionError(f"{size} clusters are too few to resample: ten at least, or resample rows (groups=None).")
    for _ in range(resamples):
        drawn = rng.standard_exponential(size)
        yield drawn if code is None else drawn[code]


def interval(estimate: float, repeats: Array, prob: float) -> tuple[float, float]:
    """
    Interval of an estimate from its resampled values.

    Parameters
    ----------
    estimate : float
        Estimate.
    repeats : array, shape (resample,)
        Resampled values.
    prob : float
        Probability held.

    Returns
    -------
    tuple of float
        Estimate less and plus the normal quantile times the spread of the repeats.
    """
    half = float(norm.ppf(0.5 + prob / 2) * np.std(repeats, ddof=1))
    return estimate - half, estimate + half
