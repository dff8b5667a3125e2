"""Three conditions in one person more often than their pairs explain: all triads shrunk at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.pairs import nodes_about, shrunk_draws

type Array = NDArray[np.float64]

_SIGN: Final = np.array([1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0])
"""How each of the eight cells moves with the number of people who have all three."""

_HALVINGS: Final = 60
_WIDE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Triads:
    """
    Posterior of triads of conditions.

    Parameters
    ----------
    ratio : ndarray, shape (n_draw, n_triad)
        People with all three over what the three pairs lead one to expect.
    by_pairs : ndarray, shape (n_triad,)
        People expected with all three, were there nothing but the pairs.
    by_chance : ndarray, shape (n_triad,)
        People expected with all three, were the conditions independent within strata.
    """

    ratio: Array
    by_pairs: Array
    by_chance: Array

    def interval(self, prob: float = CI_PROB) -> tuple[Array, Array, Array]:
        """
        Ratios with equal-tailed intervals.

        Parameters
        ----------
        prob : float
            Probability that an interval holds.

        Returns
        -------
        tuple of ndarray, shape (n_triad,)
            Medians, lower ends and upper ends.
        """
        middle, lower, upper = np.quantile(self.ratio, [0.5, (1 - prob) / 2, (1 + prob) / 2], axis=0)
        return middle, lower, upper

    def above(self, ratio: float = 1.0) -> Array:
        """
        Probability that a ratio is above a value.

        Parameters
        ----------
        ratio : float
            The value, above 0.

        Returns
        -------
        ndarray, shape (n_triad,)
            Probabilities.
        """
        return np.asarray((self.ratio > ratio).mean(axis=0))


def triads(
    three: ArrayLike, pairs: ArrayLike, single: ArrayLike, people: ArrayLike, *, draws: int = 1000,
    seed: int | None = None,
) -> Triads:  # fmt: skip
    r"""
    Compare how many people have three conditions with what their pairs lead one to expect, for all triads at once.

    Parameters
    ----------
    three : array_like, shape (n_triad, n_stratum)
        People with all three conditions.
    pairs : array_like, shape (n_triad, n_stratum, 3)
        People with the first and second, the first and third, the second and third.
    single : array_like, shape (n_triad, n_stratum, 3)
        People with the first, the second and the third.
    people : array_like, shape (n_triad, n_stratum) or (n_stratum,)
        People in all.
    draws : int
        Draws of the posterior.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    Triads
        Ratios above 1 where three meet in one person more often than each two of them do.

    Raises
    ------
    MeasureError
        If counts contradict each other, or there is no triad.

    Notes
    -----
    Given the pairs, the number with all three of a stratum has one degree of freedom left: its probability is
    proportional to :math:`e^{\lambda x} / \prod_{k=1}^{8} n_k(x)!` over the eight cells, with :math:`\lambda` the
    logarithm of the ratio of two odds ratios (with and without the third condition), taken to be the same in all
    strata. At :math:`\lambda = 0` there is nothing but pairs. As in `associations`, all :math:`\lambda` share one
    prior, a mixture of normals about 0 that is learnt from all triads.

    References
    ----------
    Bartlett MS. Contingency table interactions. J R Stat Soc Suppl 1935; 2:248.

    Examples
    --------
    >>> found = triads([[40]], [[[60, 60, 60]]], [[[200, 200, 200]]], [[1000]], seed=1)
    >>> found.by_pairs.round(1), found.by_chance.round(1), found.above().round(1)
    (array([23.7]), array([8.]), array([1.]))
    """
    cells, low, high = _eight(three, pairs, single, people)
    if len(cells) == 0:
        raise MeasureError("there is no triad of conditions; give counts of three conditions or more")
    found = [_likelihood(*parts) for parts in zip(cells, low, high, strict=True)]
    at, density = (np.stack(part) for part in zip(*found, strict=True))
    interaction, _ = shrunk_draws(at, density, draws, seed)
    at_pairs = np.array([_number(np.zeros(1), *parts).sum() for parts in zip(cells, low, high, strict=True)])
    ratio = np.empty(interaction.shape)
    for k in range(len(cells)):
        expected = _number(at[k], cells[k], low[k], high[k]).sum(axis=0)
        ratio[:, k] = np.interp(interaction[:, k], at[k], expected) / max(at_pairs[k], 1e-300)
    n = cells.sum(axis=-1)
    rate = np.asarray(single, dtype=np.float64).prod(axis=-1) / np.maximum(n, 1.0) ** 2
    return Triads(ratio, at_pairs, np.asarray(rate.sum(axis=1)))


def _eight(three: ArrayLike, pairs: ArrayLike, single: ArrayLike, people: ArrayLike) -> tuple[Array, Array, Array]:
    """People in each of the eight cells, (n_triad, n_stratum, 8), and the ends between which `three` may lie."""
    x, two, one = (np.asarray(value, dtype=np.float64) for value in (three, pairs, single))
    if x.ndim != 2 or two.shape != (*x.shape, 3) or one.shape != (*x.shape, 3):
        raise MeasureError(
            f"triads need counts of shapes (triad, stratum) and (triad, stratum, 3); given {x.shape}, {two.shape} and "
            f"{one.shape}"
        )
    n = np.broadcast_to(np.asarray(people, dtype=np.float64), x.shape)
    ab, ac, bc = np.moveaxis(two, -1, 0)
    a, b, c = np.moveaxis(one, -1, 0)
    none = n - a - b - c + ab + ac + bc - x
    alone = [a - ab - ac + x, b - ab - bc + x, c - ac - bc + x]
    cells = np.stack([x, ab - x, ac - x, bc - x, *alone, none], axis=-1)
    if not (cells >= 0).all():
        raise MeasureError(
            "counts of triads contradict each other, or are missing: all three are at most each pair, pairs at most "
            "each condition, and all of them at most the people; check each"
        )
    low = x - np.where(_SIGN > 0, cells, np.inf).min(axis=-1)
    high = x + np.where(_SIGN < 0, cells, np.inf).min(axis=-1)
    return cells, low, high


def _number(interaction: Array, cells: Array, low: Array, high: Array) -> Array:
    """Most likely number with all three: by halving, as it rises with the interaction; shape (n_stratum, n_node)."""
    x = cells[:, :1]
    least, most = (np.repeat(end[:, None], len(interaction), axis=1) for end in (low, high))
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        moved = np.maximum(cells[:, None] + _SIGN * (middle - x)[..., None], 1e-12)
        below = (np.log(moved) @ _SIGN) < interaction
        least, most = np.where(below, middle, least), np.where(below, most, middle)
    return np.asarray((least + most) / 2)


def _likelihood(cells: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Nodes of the interaction and the log likelihood of one triad there; shapes (n_stratum, 8), (n_stratum,)."""
    free = high > low
    # Half a person more in each cell keeps an estimate of a triad with an empty cell off infinity.
    each, precision = np.log(cells + 0.5) @ _SIGN, 1.0 / (1.0 / (cells + 0.5)).sum(axis=1)
    weight = np.where(free, precision, 0.0)
    total = max(float(weight.sum()), 1e-3)
    nodes = nodes_about(float(weight @ each / total), 1.0 / np.sqrt(total))
    density = np.zeros(len(nodes))
    for k in np.flatnonzero(free).tolist():
        density += _given_pairs(nodes, cells[k], low[k], high[k])
    return nodes, density


def _given_pairs(interaction: Array, cells: Array, low: float, high: float) -> Array:
    """Log probability of the number with all three given the pairs, shape (n_node,)."""
    mean = _number(interaction, cells[None], np.array([low]), np.array([high]))[0]
    moved = np.maximum(cells + _SIGN * (mean - cells[0])[:, None], 0.5)
    spread = 1.0 / np.sqrt((1.0 / moved).sum(axis=1))
    begin = max(low, np.floor((mean - _WIDE * spread - _WIDE).min()))
    count = np.arange(begin, min(high, np.ceil((mean + _WIDE * spread + _WIDE).max())) + 1)
    ways = -gammaln(cells + _SIGN * (count - cells[0])[:, None] + 1.0).sum(axis=1)
    own = -gammaln(cells + 1.0).sum() + interaction * cells[0]
    return np.asarray(own - logsumexp(ways + interaction[:, None] * count, axis=1))
