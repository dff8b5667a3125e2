"""Averaging predictions with weights that add to one, and what each prediction must show to be given weight."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[np.float64]


def simplex_least_squares(gram: Array, cross: Array, penalty: Array | None = None) -> Array:
    """
    Weights, zero or more and adding to one, that minimise w'Gw / 2 - c'w + p'w.

    Shapes: gram (model, model); cross (model,); penalty (model,); returns (model,).
    """
    size = len(cross)
    pull = cross if penalty is None else cross - penalty
    ridge = gram + 1e-12 * float(np.trace(gram)) / size * np.eye(size)
    best, weights = np.inf, np.zeros(size)
    weights[0] = 1.0
    for count in range(1, size + 1):
        for chosen in combinations(range(size), count):
            index = list(chosen)
            system = np.ones((count + 1, count + 1))
            system[:count, :count], system[count, count] = ridge[np.ix_(index, index)], 0.0
            try:
                answer = np.linalg.solve(system, np.append(pull[index], 1.0))[:count]
            except np.linalg.LinAlgError:
                continue
            if answer.min() < -1e-12:
                continue
            w = np.zeros(size)
            w[index] = np.maximum(answer, 0.0)
            w = w / w.sum()
            value = float(w @ gram @ w / 2 - pull @ w)
            if value < best - 1e-12 * abs(best if np.isfinite(best) else 1.0):
                best, weights = value, w
    return np.asarray(weights)


def effect_weights(
    effect_score: Array, predictions: Array, *, groups: NDArray[np.int64] | None = None
) -> tuple[Array, Array, Array, Array]:
    """
    Weights of rival predictions of the effect, the first of which is the constant effect.

    Shapes: effect_score (person,); predictions (person, rule); groups (person,); returns (rule,).

    Notes
    -----
    Each rule's weight costs z standard errors of its difference in loss from the constant effect: a rule must be better
    by more than its noise to be given any. One rival costs one standard error. Of m rivals the best looks better than
    it is, so z is such that where effects do not differ, one of m is given weight as rarely as a single one is:
    1 - Phi(z) = (1 - Phi(1)) / m.
    """
    loss = (effect_score[:, np.newaxis] - predictions) ** 2
    gap = loss - loss[:, :1]
    centred = gap - gap.mean(axis=0)
    if groups is not None:
        centred = np.column_stack([np.bincount(groups, column) for column in centred.T])
    error = np.sqrt((centred**2).sum(axis=0)) / len(effect_score)
    gram, cross = predictions.T @ predictions, predictions.T @ effect_score
    price = float(norm.isf(norm.sf(1.0) / max(predictions.shape[1] - 1, 1)))
    weights = simplex_least_squares(gram, cross, penalty=price * error * len(effect_score) / 2)
    return weights, loss.mean(axis=0), gap.mean(axis=0), error
