"""The columns on which effects may depend, laid out block by block so that no wide table is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesineq.uplift.second_stage import Sums

Array = NDArray[np.float64]
Index = NDArray[np.int64]

BLOCK = 100_000

KNOWN, ADDITIVE, SMOOTH = 1, 2, 3
"""Families of columns that share a scale: predicted risk and effects; lines and steps; smooth functions of all."""

STEPS: Final = 80
"""Steps over all modifiers at most; up to nine of each."""

WAVES: Final = 48
"""Random cosines that stand for a smooth function of all modifiers together (Matern 3/2)."""


@dataclass(frozen=True, slots=True)
class Basis:
    """
    How the columns are made: a constant, predicted risk and effects, lines, steps and waves of the modifiers.

    Parameters
    ----------
    centre, spread : arrays, shape (column - 1,)
        Means and standard deviations, by which columns are standardised; a column that does not vary is held at zero.
    names : tuple of str
        Names of the columns, "constant" first.
    family : array, shape (column - 1,)
        Which columns share a scale: 1 predicted, 2 lines and steps, 3 waves.
    share : array, shape (column - 1,)
        Standard deviation of each coefficient where its family's function has one of 1.
    cut_of, cut_at : arrays, shape (step,)
        Modifier and value of each step.
    frequency, phase : arrays, shapes (modifier, wave) and (wave,)
        Waves, of standardised modifiers.
    """

    centre: Array
    spread: Array
    names: tuple[str, ...]
    family: Index
    share: Array
    cut_of: Index
    cut_at: Array
    frequency: Array
    phase: Array

    @property
    def lines(self) -> int:
        """Columns before the steps: the constant, predicted risk and effects, and the modifiers."""
        return len(self.names) - self.cut_of.size - self.phase.size

    def columns(self, predicted: Array, modifiers: NDArray[np.float32], *, lines: bool = False) -> Array:
        """
        Columns for some people.

        Parameters
        ----------
        predicted : array, shape (person, arm)
            Predicted outcome in each arm, control first.
        modifiers : array, shape (person, modifier)
            Modifiers.
        lines : bool
            Whether to leave out steps and waves.

        Returns
        -------
        array, shape (person, column)
            Constant and standardised columns.
        """
        known = predicted.shape[1]
        straight = _straight(predicted, modifiers)
        many = straight.shape[1]
        out = np.empty((len(straight), 1 + (many if lines else self.centre.size)))
        out[:, 0] = 1.0
        out[:, 1 : 1 + many] = (straight - self.centre[:many]) / self.spread[:many]
        if not lines:
            standard = out[:, 1 + known : 1 + many]
            out[:, 1 + many :] = _bent(modifiers, standard, self.cut_of, self.cut_at, self.frequency, self.phase)
            out[:, 1 + many :] -= self.centre[many:]
            out[:, 1 + many :] /= self.spread[many:]
        return out

    def everyone(self, by_fold: Array, modifiers: NDArray[np.float32]) -> Array:
        """
        Columns for people of the fit or others, and how much the predicted ones differ without each fold.

        Parameters
        ----------
        by_fold : array, shape (fold, person, arm)
            Outcome predicted by the models made without each fold.
        modifiers : array, shape (person, modifier)
            Modifiers.

        Returns
        -------
        array, shape (person, column + fold x predicted column)
            Columns at the mean prediction, and deviations whose sum of squares is the variance of the prediction by the
            jackknife over folds; no deviations for one fold.
        """
        mean = by_fold.mean(axis=0)
        return np.column_stack([self.columns(mean, modifiers), *self._deviations(by_fold, mean)])

    def means_of(self, mean_basis: Array, by_fold: Array, area: Index) -> Array:
        """
        Means of the columns of `everyone` by area, from those of the fit.

        Parameters
        ----------
        mean_basis : array, shape (area, column)
            Means of the fit, in which predictions are out of fold.
        by_fold : array, shape (fold, person, arm)
            Predictions.
        area : array, shape (person,)
            Area, from 0.

        Returns
        -------
        array, shape (area, column + fold x predicted column)
            Means, with those of the predicted columns made anew.
        """
        mean = by_fold.mean(axis=0)
        places, known = len(mean_basis), mean.shape[1]
        count = np.maximum(np.bincount(area, minlength=places), 1)
        raw = (_straight(mean, np.empty((len(mean), 0), np.float32)) - self.centre[:known]) / self.spread[:known]
        new = np.column_stack([raw, *self._deviations(by_fold, mean)])
        found = np.column_stack([np.bincount(area, column, minlength=places) / count for column in new.T])
        return np.column_stack([mean_basis[:, :1], found[:, :known], mean_basis[:, 1 + known :], found[:, known:]])

    def _deviations(self, by_fold: Array, mean: Array) -> list[Array]:
        folds, known = len(by_fold), mean.shape[1]
        if folds == 1:
            return []
        empty = np.empty((len(mean), 0), np.float32)
        return [np.sqrt((folds - 1) / folds) * _straight(one - mean, empty) / self.spread[:known] for one in by_fold]


def make_basis(predicted: Array, modifiers: NDArray[np.float32], names: tuple[str, ...], *, seed: int = 0) -> Basis:
    """Lay out and standardise the columns. Shapes: predicted (person, arm); modifiers (person, modifier)."""
    arms, width = predicted.shape[1] - 1, modifiers.shape[1]
    centre, spread = _moments(_straight(predicted[rows], modifiers[rows]) for rows in _blocks(len(predicted)))
    cut_of, cut_at = _cuts(modifiers)
    frequency, phase = _waves(width, seed)
    known = predicted.shape[1]

    def bent() -> Iterator[Array]:
        # means and spreads of steps and waves need no more rows than this
        every = max(1, len(modifiers) // BLOCK)
        some = modifiers[::every]
        standard = (some - centre[known:]) / spread[known:]
        yield _bent(some, standard, cut_of, cut_at, frequency, phase)

    more = _moments(bent())
    labels = (
        "constant", "baseline risk", *(f"predicted effect {k + 1}" for k in range(arms)), *names,
        *(f"{names[j]} above {at:g}" for j, at in zip(cut_of, cut_at, strict=True)),
        *(f"wave {k + 1}" for k in range(phase.size)),
    )  # fmt: skip
    per_line = np.full(width, 1 / np.sqrt(max(width, 1)))
    per_step = np.array([1 / np.sqrt(max(width, 1) * (cut_of == j).sum()) for j in cut_of])
    return Basis(
        np.concatenate([centre, more[0]]),
        np.concatenate([spread, more[1]]),
        labels,
        np.repeat([KNOWN, ADDITIVE, SMOOTH], [known, width + cut_of.size, phase.size]),
        np.concatenate([np.ones(known), per_line, per_step, np.full(phase.size, 1 / np.sqrt(max(phase.size, 1)))]),
        cut_of,
        cut_at,
        frequency,
        phase,
    )


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
    lines: bool = False,
) -> Sums:
    """
    Sufficient statistics of the second stage.

    Shapes: scores (person, arm - 1); area (person,); weight (person,).
    """
    q, arms = basis.lines if lines else len(basis.names), scores.shape[1]
    people, by_basis, by_score = np.zeros(n_area), np.zeros((n_area, q)), np.zeros((n_area, arms))
    count, plain = np.zeros(n_area), np.zeros((n_area, q))
    gram, cross, square = np.zeros((q, q)), np.zeros((q, arms)), np.zeros((arms, arms))
    chosen = np.arange(len(predicted)) if rows is None else rows
    for block in _blocks(chosen.size):
        here = chosen[block]
        x, y, code = basis.columns(predicted[here], modifiers[here], lines=lines), scores[here] / scale, area[here]
        w = np.ones(here.size) if weight is None else weight[here]
        weighed, aimed = x * w[:, np.newaxis], y * w[:, np.newaxis]
        people += np.bincount(code, w, minlength=n_area)
        count += np.bincount(code, minlength=n_area)
        belongs = csr_array((np.ones(here.size), (code, np.arange(here.size))), shape=(n_area, here.size))
        by_basis += belongs @ weighed
        plain += belongs @ x
        by_score += belongs @ aimed
        gram += x.T @ weighed
        cross += weighed.T @ y
        square += y.T @ aimed
    return Sums(people, by_basis, by_score, gram, cross, square, count, plain / np.maximum(count, 1)[:, np.newaxis])


def precision_weights(propensity: Array, clip: float) -> Array:
    """
    Precision of each person's scores, up to a factor.

    Shapes: propensity (person, arm); returns (person,).

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

    Shapes: gram (column, column); cross (column,); returns (column,).
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


def _straight(predicted: Array, modifiers: NDArray[np.float32]) -> Array:
    return np.column_stack([predicted[:, 0], predicted[:, 1:] - predicted[:, :1], modifiers])


def _bent(
    modifiers: NDArray[np.float32], standard: Array, cut_of: Index, cut_at: Array, frequency: Array, phase: Array
) -> Array:
    out = np.empty((len(modifiers), cut_of.size + phase.size))
    np.greater(modifiers[:, cut_of], cut_at, out=out[:, : cut_of.size], casting="unsafe")
    # single precision is enough for the waves, and twice as quick
    waves = standard.astype(np.float32) @ frequency.astype(np.float32)
    waves += phase.astype(np.float32)
    out[:, cut_of.size :] = np.cos(waves, out=waves)
    return out


def _cuts(modifiers: NDArray[np.float32]) -> tuple[Index, Array]:
    """Steps between the values of a modifier that has few, else at its quantiles; none where a line says it all."""
    some = modifiers[:: max(1, len(modifiers) // BLOCK)].astype(np.float64)
    values = [np.unique(column) for column in some.T]
    bent = [j for j, value in enumerate(values) if value.size > 2]
    each = min(9, STEPS // max(len(bent), 1))
    of, at = [], []
    for j in bent:
        middle = (values[j][1:] + values[j][:-1]) / 2
        if middle.size > each:
            middle = np.unique(np.quantile(some[:, j], np.linspace(0, 1, each + 2)[1:-1]))
            middle = middle[middle < values[j][-1]]
        of += [j] * middle.size
        at += middle.tolist()
    return np.asarray(of, np.int64), np.asarray(at, np.float64)


def _waves(width: int, seed: int) -> tuple[Array, Array]:
    """Frequencies of a Matern 3/2 function whose length is the typical size of a standardised person."""
    rng = np.random.default_rng([seed, width])
    count = WAVES if width else 0
    heavy = np.sqrt(3 / rng.chisquare(3, count))
    frequency = rng.standard_normal((width, count)) * heavy / np.sqrt(max(width, 1))
    return frequency, rng.uniform(0, 2 * np.pi, count)


def _moments(blocks: Iterator[Array]) -> tuple[Array, Array]:
    """Means and standard deviations; infinite for a column that does not vary, which holds it at zero."""
    count, total, square = 0, np.zeros(1), np.zeros(1)
    for block in blocks:
        count, total, square = count + len(block), total + block.sum(0), square + (block**2).sum(0)
    centre = total / count
    spread = np.sqrt(np.maximum(square / count - centre**2, 0.0))
    flat = spread <= 1e-7 * np.maximum(np.abs(centre), 1e-9)
    return centre, np.where(flat, np.inf, spread)


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
