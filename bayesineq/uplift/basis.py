"""The columns on which effects may depend, laid out block by block so that no wide table is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesineq.uplift.second_stage import Sums

Array = NDArray[np.float64]
Index = NDArray[np.int64]

BLOCK = 200_000


@dataclass(frozen=True, slots=True)
class Basis:
    """
    How the columns are made: a constant, baseline risk, predicted effects, and the modifiers, standardised.

    Parameters
    ----------
    centre, spread : arrays, shape (column - 1,)
        Means and standard deviations.
    names : tuple of str
        Names of the columns, "constant" first.
    """

    centre: Array
    spread: Array
    names: tuple[str, ...]

    def columns(self, predicted: Array, modifiers: NDArray[np.float32]) -> Array:
        """
        Columns for some people.

        Parameters
        ----------
        predicted : array, shape (person, arm)
            Predicted outcome in each arm, control first.
        modifiers : array, shape (person, modifier)
            Modifiers; missing values count as average.

        Returns
        -------
        array, shape (person, column)
            Constant and standardised columns.
        """
        raw = _raw(predicted, modifiers)
        z = (raw - self.centre) / self.spread
        return np.column_stack([np.ones(len(z)), np.nan_to_num(z, nan=0.0)])


def make_basis(predicted: Array, modifiers: NDArray[np.float32], names: tuple[str, ...]) -> Basis:
    """
    Standardise the columns.

    Parameters
    ----------
    predicted : array, shape (person, arm)
        Predicted outcome in each arm.
    modifiers : array, shape (person, modifier)
        Modifiers.
    names : tuple of str
        Names of the modifiers.

    Returns
    -------
    Basis
        Layout; a column that does not vary is held at zero.
    """
    width = predicted.shape[1] + modifiers.shape[1]
    count, total, square = np.zeros(width), np.zeros(width), np.zeros(width)
    for block in _blocks(len(predicted)):
        raw = _raw(predicted[block], modifiers[block])
        there = np.isfinite(raw)
        filled = np.where(there, raw, 0.0)
        count, total, square = count + there.sum(0), total + filled.sum(0), square + (filled**2).sum(0)
    centre = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - centre**2, 0.0))
    flat = spread <= 1e-9 * np.maximum(np.abs(centre), 1e-9)
    arms = predicted.shape[1] - 1
    effects = [f"predicted effect {k + 1}" for k in range(arms)]
    return Basis(centre, np.where(flat, np.inf, spread), ("constant", "baseline risk", *effects, *names))


def sums_by_area(
    basis: Basis,
    predicted: Array,
    modifiers: NDArray[np.float32],
    scores: Array,
    area: Index,
    n_area: int,
    *,
    scale: float,
    weight: Array | None = None,
    rows: Index | None = None,
) -> Sums:
    """
    Sufficient statistics of the second stage.

    Parameters
    ----------
    basis : Basis
        Layout of the columns.
    predicted, modifiers : arrays
        As in `Basis.columns`.
    scores : array, shape (person, arm - 1)
        Doubly robust scores of the effects.
    area : array, shape (person,)
        Area, from 0.
    n_area : int
        Areas.
    scale : float
        Standard deviation of the outcome, by which scores are divided.
    weight : array, shape (person,), optional
        Precision of each person's scores (`precision_weights`).
    rows : array, optional
        People to use; default all.

    Returns
    -------
    Sums
        Statistics.
    """
    q, arms = len(basis.names), scores.shape[1]
    people, by_basis, by_score = np.zeros(n_area), np.zeros((n_area, q)), np.zeros((n_area, arms))
    count, plain = np.zeros(n_area), np.zeros((n_area, q))
    gram, cross, square = np.zeros((q, q)), np.zeros((q, arms)), np.zeros((arms, arms))
    chosen = np.arange(len(predicted)) if rows is None else rows
    for block in _blocks(chosen.size):
        here = chosen[block]
        x, y, code = basis.columns(predicted[here], modifiers[here]), scores[here] / scale, area[here]
        w = np.ones(here.size) if weight is None else weight[here]
        weighed, aimed = x * w[:, np.newaxis], y * w[:, np.newaxis]
        people += np.bincount(code, w, minlength=n_area)
        count += np.bincount(code, minlength=n_area)
        for j in range(q):
            by_basis[:, j] += np.bincount(code, weighed[:, j], minlength=n_area)
            plain[:, j] += np.bincount(code, x[:, j], minlength=n_area)
        for k in range(arms):
            by_score[:, k] += np.bincount(code, aimed[:, k], minlength=n_area)
        gram += x.T @ weighed
        cross += weighed.T @ y
        square += y.T @ aimed
    return Sums(people, by_basis, by_score, gram, cross, square, count, plain / np.maximum(count, 1)[:, np.newaxis])


def precision_weights(propensity: Array, clip: float) -> Array:
    """
    Precision of each person's scores, up to a factor.

    Parameters
    ----------
    propensity : array, shape (person, arm)
        Probability of each arm.
    clip : float
        Least probability used.

    Returns
    -------
    array, shape (person,)
        One over the sum of inverse probabilities, scaled to mean 1: all 1 in a trial with fixed probabilities, small
        for people who hardly could have been in one of the arms.

    References
    ----------
    Li F, Morgan KL, Zaslavsky AM (2018). Balancing covariates via propensity score weighting. Journal of the American
    Statistical Association 113: 390-400. doi:10.1080/01621459.2016.1260466
    """
    weight = 1 / (1 / np.maximum(propensity, clip)).sum(axis=1)
    return np.asarray(weight / weight.mean())


def ridge(gram: Array, cross: Array, square: float, rows: float) -> Array:
    """
    Coefficients shrunk towards a constant effect, the amount chosen by the evidence.

    Parameters
    ----------
    gram : array, shape (column, column)
        Products of the basis, constant first.
    cross : array, shape (column,)
        Products with the scores.
    square : float
        Sum of squared scores.
    rows : float
        People.

    Returns
    -------
    array, shape (column,)
        Coefficients.
    """
    mean, shift = cross[0] / gram[0, 0], gram[0, 1:] / gram[0, 0]
    inner, pull = gram[1:, 1:] - np.outer(shift, gram[0, 1:]), cross[1:] - gram[0, 1:] * mean
    values, vectors = np.linalg.eigh(inner)
    values, turned = np.maximum(values, 0.0), vectors.T @ pull
    left = square - cross[0] * mean
    best, slope = np.inf, np.zeros(pull.size)
    for penalty in rows * np.geomspace(1e-4, 1e4, 60):
        resid = max(left - float((turned**2 / (values + penalty)).sum()), 1e-300)
        evidence = rows * np.log(resid) + float(np.log1p(values / penalty).sum())
        if evidence < best:
            best, slope = evidence, vectors @ (turned / (values + penalty))
    if best > rows * np.log(max(left, 1e-300)):
        slope = np.zeros(pull.size)
    return np.concatenate([[mean - shift @ slope], slope])


def _raw(predicted: Array, modifiers: NDArray[np.float32]) -> Array:
    return np.column_stack([predicted[:, 0], predicted[:, 1:] - predicted[:, :1], modifiers])


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
