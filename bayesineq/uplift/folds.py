"""Splitting people into folds so that a practice or area never stands on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError

Index = NDArray[np.int64]


def make_folds(arm: Index, groups: ArrayLike | None, *, folds: int, rng: np.random.Generator) -> Index:
    """Assign people to folds. Shapes: arm (person,); groups (person,); returns (person,)."""
    if folds < 2:
        raise DecisionError(f"Cross-fitting needs two folds or more: {folds}.")
    if groups is None:
        order = np.lexsort((rng.random(arm.size), arm))
        fold = np.empty(arm.size, np.int64)
        fold[order] = np.arange(arm.size) % folds
        return fold
    labels, code = np.unique(np.asarray(groups), return_inverse=True)
    if labels.size < folds:
        raise DecisionError(f"{labels.size} groups cannot fill {folds} folds: use fewer folds, or folds by person.")
    size = np.bincount(code)
    order = np.lexsort((rng.random(labels.size), -size))
    filled, of = np.zeros(folds), np.empty(labels.size, np.int64)
    for start in range(0, labels.size, folds):
        block = order[start : start + folds]
        target = np.argsort(filled, kind="stable")[: block.size]
        of[block] = target
        filled[target] += size[block]
    return np.asarray(of[code])
