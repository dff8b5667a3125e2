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

    Shapes: groups (rows,).

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
    """Interval of an estimate from its resampled values. Shapes: repeats (resample,)."""
    half = float(norm.ppf(0.5 + prob / 2) * np.std(repeats, ddof=1))
    return estimate - half, estimate + half
