"""What clusters of people are worth: people of one cluster repeat each other, by how much their residuals say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def design_effect(residual: Array, weight: Array, cluster: Index) -> float:
    """
    How many people of the clusters tell as much as one would alone.

    Shapes: residual (person, arm); weight (person,); cluster (person,).
    """
    weighed = residual * weight[:, np.newaxis]
    weighed = weighed - weight[:, np.newaxis] * weighed.sum(axis=0) / weight.sum()
    alone = (weighed**2).sum(axis=0)
    together = np.array([(np.bincount(cluster, column) ** 2).sum() for column in weighed.T])
    return float(max(1.0, np.divide(together, alone, out=np.ones_like(alone), where=alone > 0).max()))


def mean_covariance(scores: Array, cluster: Index | None, explained: Array | None = None) -> Array:
    """
    Covariance of the mean scores of these people.

    Shapes: scores (person, arm); cluster (person,); explained (person, arm); returns (arm, arm).
    """
    centred = scores - scores.mean(axis=0)
    alone = centred.T @ centred
    if cluster is not None:
        resid = centred if explained is None else centred - (explained - explained.mean(axis=0))
        sums = np.column_stack([np.bincount(cluster, column) for column in resid.T])
        grown = np.sqrt(np.maximum((sums**2).sum(axis=0) / np.maximum(np.diag(alone), 1e-300), 1.0))
        alone = alone * np.outer(grown, grown)
    return np.asarray(alone / len(scores) ** 2)


def same_division(one: Index, other: Index) -> bool:
    """Whether two codes divide the people in the same way. Shapes: one, other (person,)."""
    pairs = np.unique(one * (int(other.max()) + 1) + other).size
    return bool(pairs == np.unique(one).size == np.unique(other).size)
