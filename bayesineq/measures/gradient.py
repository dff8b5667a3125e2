"""Gradients that need not be straight: a monotone curve against continuous rank, its ends, and tests of its shape."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from scipy.optimize import nnls

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, positive_mean, rank_bounds, relative_rank, weighted_mean
from bayesineq.measures.definitions import measure

type Direction = Literal["either", "rising", "falling"]

_DEGREE = 2
_INNER = (1 / 3, 2 / 3)
_KNOTS = np.array([0.0] * (_DEGREE + 1) + list(_INNER) + [1.0] * (_DEGREE + 1))
_SIZE = len(_KNOTS) - _DEGREE - 2
_GRID = np.linspace(0.0, 1.0, 101)


@measure
def sii_monotone(
    value: ArrayLike, weight: ArrayLike, *, direction: Direction = "either", order: ArrayLike | None = None
) -> Array:
    """
    Slope index for a gradient that is monotone but not straight, from deciles or from continuous rank.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, five ranks or more, the most disadvantaged first unless `order` says otherwise.
    direction : {"either", "rising", "falling"}
        Direction of the curve with advantage; "either" takes whichever is nearer to each draw.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged: with small areas, the rank of the index itself,
        so that nothing is lost to deciles.

    Examples
    --------
    >>> round(float(sii_monotone([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 1])), 6)
    5.0
    """

    def kernel(block: Array, share: Array) -> Array:
        return _curve(block, share, order, direction)[1].sum(axis=1)

    return over_blocks(kernel, value, weight)


def gradient_curve(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    at: ArrayLike,
    direction: Direction = "either",
    order: ArrayLike | None = None,
) -> Array:
    """
    Monotone curve of the outcome against relative rank, at chosen ranks: what to draw beside the straight line.

    Parameters
    ----------
    value, weight, direction, order
        As for `sii_monotone`.
    at : array_like, shape (n_rank,)
        Relative ranks, 0 the most disadvantaged, 1 the most advantaged.

    Returns
    -------
    ndarray, shape (..., n_rank)
        Values of the curve, in the unit of the values.

    Raises
    ------
    MeasureError
        If a rank lies outside 0 to 1, or as for `sii_monotone`.

    Examples
    --------
    >>> gradient_curve([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 1], at=[0.0, 0.5, 1.0]).round(6).tolist()
    [0.5, 3.0, 5.5]
    """
    ranks = np.asarray(at, dtype=np.float64)
    if ranks.ndim != 1 or not ((ranks >= 0) & (ranks <= 1)).all():
        raise MeasureError("`at` must hold relative ranks from 0, the most disadvantaged, to 1")

    def kernel(block: Array, share: Array) -> Array:
        level, rise = _curve(block, share, order, direction)
        return level[:, None] + rise @ _cumulative(ranks).T

    return over_blocks(kernel, value, weight)


@measure
def gradient_curvature(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Contrast that is zero when the gradient is straight: by how much the slope changes from one half to the other.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, three ranks or more, the most disadvantaged first unless `order` says otherwise.

    Examples
    --------
    >>> round(float(gradient_curvature([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1])), 6)
    0.0
    >>> float(gradient_curvature([1.0, 6.0, 8.0, 9.0], [1, 1, 1, 1]).round(6))
    -16.0
    """

    def kernel(block: Array, share: Array) -> Array:
        x = relative_rank(share, order) - 0.5
        square = x**2 - np.sum(share * x**2, axis=-1, keepdims=True)
        slope = np.sum(share * square * x, axis=-1, keepdims=True) / np.sum(share * x**2, axis=-1, keepdims=True)
        apart = square - slope * x
        size = np.sum(share * apart**2, axis=-1, keepdims=True)
        if not (size > 1e-12).all():
            raise MeasureError("curvature needs groups of at least three different ranks with people in them")
        return weighted_mean(block, share * apart / size)

    return over_blocks(kernel, value, weight)


@measure
def departure_from_line(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Greatest distance between the gradient's smooth curve and the straight line of the slope index.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, five ranks or more, the most disadvantaged first unless `order` says otherwise.

    Examples
    --------
    >>> round(float(departure_from_line([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 1])), 6)
    0.0
    """
    return over_blocks(lambda block, share: _departure(block, share, order), value, weight)


def linear_gradient(
    value: ArrayLike, weight: ArrayLike, *, tolerance: float = 0.05, order: ArrayLike | None = None
) -> Array:
    """
    Whether the gradient of each draw is straight for practical purposes; its mean over draws is a probability.

    Parameters
    ----------
    value, weight, order
        As for `departure_from_line`; the mean must be above zero.
    tolerance : float
        Largest distance between curve and line that still counts as straight, as a share of the mean.

    Returns
    -------
    ndarray, shape (...)
        1 where the curve stays within the tolerance of the line everywhere, else 0.

    Raises
    ------
    MeasureError
        If the tolerance or a mean is not above zero, or there are too few ranks for the curve.

    Examples
    --------
    >>> draws = [[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 1.0, 9.0]]
    >>> linear_gradient(draws, [1, 1, 1, 1, 1]).tolist()
    [1.0, 0.0]
    """
    if not 0 < tolerance < np.inf:
        raise MeasureError(f"tolerance must be above 0, as a share of the mean; given {tolerance}")

    def kernel(block: Array, share: Array) -> Array:
        mean = positive_mean(block, share, "a tolerance as a share of the mean", "see departure_from_line")
        return np.asarray(_departure(block, share, order) <= tolerance * mean, dtype=np.float64)

    return over_blocks(kernel, value, weight)


def monotone_gradient(
    value: ArrayLike, weight: ArrayLike | None = None, *, direction: Literal["rising", "falling"]
) -> Array:
    """
    Whether each draw never turns: its mean over draws is the probability of a monotone gradient.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged first.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    direction : {"rising", "falling"}
        Direction of the outcome with advantage.

    Returns
    -------
    ndarray, shape (...)
        1 where every group is at least (rising) or at most (falling) the one before, else 0.

    Raises
    ------
    MeasureError
        If the direction is neither.

    Examples
    --------
    >>> monotone_gradient([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], direction="rising").tolist()
    [1.0, 0.0]
    """
    if direction not in ("rising", "falling"):
        raise MeasureError(f'direction must be "rising" or "falling"; given {direction!r}')
    sign = 1 if direction == "rising" else -1
    return over_blocks(
        lambda block, share: np.asarray((sign * np.diff(block, axis=1) >= 0).all(axis=1), dtype=np.float64),
        value,
        weight,
    )


def _cumulative(rank: Array) -> Array:
    """Basis of monotone curves at some ranks, shape (n_rank, size): each rises from 0 at rank 0 to 1 at rank 1."""
    spline = BSpline(_KNOTS, np.eye(_SIZE + 1), _DEGREE)(rank)
    return np.asarray(np.cumsum(spline[:, ::-1], axis=1)[:, -2::-1])


def _basis(share: Array, order: ArrayLike | None) -> tuple[Array, Array, Array]:
    """Centred basis averaged over each group's range of ranks, its mean, and the factor U of its Gram matrix U'U."""
    lower, upper = rank_bounds(share, order)
    width = upper - lower
    primitive = BSpline(_KNOTS, np.eye(_SIZE + 1), _DEGREE).antiderivative()
    # Groups without people have no range: they carry no weight, so any finite basis does.
    spline = (primitive(upper) - primitive(lower)) / np.where(width > 0, width, 1.0)[:, None]
    basis = np.cumsum(spline[:, ::-1], axis=1)[:, -2::-1]
    centre = share @ basis
    centred = basis - centre
    gram = (centred * share[:, None]).T @ centred
    if np.linalg.matrix_rank(gram, tol=1e-10) < _SIZE:
        raise MeasureError(
            f"a curved gradient needs groups of at least {_SIZE + 1} different ranks spread over the population; "
            f"given {int(np.sum(np.unique(lower[share > 0]).size))}: use the straight line of `sii`"
        )
    return centred, centre, np.asarray(np.linalg.cholesky(gram).T)


def _blocks(block: Array, share: Array, order: ArrayLike | None) -> list[tuple[Array, Array, Array, Array, Array]]:
    """Values, shares and basis of draws that share their weights: one part, or one a draw."""
    if share.ndim == 1:
        return [(block, share, *_basis(share, order))]
    return [(block[[i]], share[i], *_basis(share[i], order)) for i in range(len(block))]


def _curve(block: Array, share: Array, order: ArrayLike | None, direction: Direction) -> tuple[Array, Array]:
    """Level at rank 0 and rise along each basis curve, all of one sign, of each draw."""
    if direction not in ("either", "rising", "falling"):
        raise MeasureError(f'direction must be "either", "rising" or "falling"; given {direction!r}')
    signs = {"either": (1.0, -1.0), "rising": (1.0,), "falling": (-1.0,)}[direction]
    levels, rises = [], []
    for values, shares, centred, centre, factor in _blocks(block, share, order):
        target = np.linalg.solve(factor.T, ((values * shares) @ centred).T).T
        rise = np.array([_nearest(factor, row, signs) for row in target])
        rises.append(rise)
        levels.append(weighted_mean(values, shares) - rise @ centre)
    return np.concatenate(levels), np.concatenate(rises)


def _nearest(factor: Array, target: Array, signs: tuple[float, ...]) -> Array:
    """Coefficients of one sign that bring factor @ coefficients nearest to the target."""
    fits = [(sign, *nnls(factor, sign * target)) for sign in signs]
    sign, size, _ = min(fits, key=lambda fit: fit[2])
    return np.asarray(sign * size)


def _departure(block: Array, share: Array, order: ArrayLike | None) -> Array:
    found = []
    for values, shares, centred, centre, factor in _blocks(block, share, order):
        rise = np.linalg.solve(factor.T @ factor, ((values * shares) @ centred).T).T
        rank = relative_rank(shares, order) - 0.5
        slope = values @ (shares * rank / np.sum(shares * rank**2))
        bend = rise @ (_cumulative(_GRID) - centre).T - slope[:, None] * (_GRID - 0.5)
        found.append(np.abs(bend).max(axis=1))
    return np.concatenate(found)
