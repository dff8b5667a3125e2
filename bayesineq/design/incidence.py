"""Which effects of a term a row reads, with weights: one level a row, or shares of many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Incidence:
    """
    Rows against the effects of one term: row r contributes weight[r] * sum over m of share[r, m] * effect[m].

    Parameters
    ----------
    size : int
        Number of effects.
    index : ndarray of int32, shape (n_row,), optional
        The one effect that each row reads, with share 1; None where `shares` says it, and for a term of one effect.
    weight : ndarray of float64, shape (n_row,), optional
        Covariate that multiplies a row's contribution; None means 1.
    shares : csr_array, shape (n_row, size), optional
        Effects of each row where it reads several: a register's areas, a person's possible groups.

    Examples
    --------
    >>> one = Incidence(3, np.array([0, 2], dtype=np.int32), None)
    >>> several = Incidence(3, None, np.array([1.0, 2.0]), csr_array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]))
    >>> one.predictor(np.array([1.0, 3.0, 5.0])), several.predictor(np.array([1.0, 3.0, 5.0]))
    (array([1., 5.]), array([ 2., 10.]))
    """

    size: int
    index: NDArray[np.int32] | None
    weight: Float | None
    shares: csr_array | None = None

    def __len__(self) -> int:
        if self.shares is not None:
            return int(self.shares.shape[0])
        return next((len(found) for found in (self.index, self.weight) if found is not None), 0)

    @property
    def is_whole(self) -> bool:
        """Whether every row reads one effect as it is, so that what all effects share is one with the intercept."""
        return self.weight is None and self.shares is None

    def rows(self, at: NDArray[np.bool_] | NDArray[np.integer]) -> Incidence:
        """
        The same effects read by some of the rows.

        Parameters
        ----------
        at : ndarray of bool, shape (n_row,), or of int
            Which.

        Returns
        -------
        Incidence
            Of those rows.
        """
        return Incidence(
            self.size,
            None if self.index is None else self.index[at],
            None if self.weight is None else self.weight[at],
            None if self.shares is None else self.shares[at],
        )

    def weighted(self, weight: Float | None) -> Incidence:
        """
        The same effects under another covariate.

        Parameters
        ----------
        weight : ndarray, shape (n_row,), or None
            Its values; None for 1.

        Returns
        -------
        Incidence
            With this in place of its own.
        """
        return replace(self, weight=weight)

    def matrix(self) -> csr_array:
        """
        Design matrix of the term.

        Returns
        -------
        csr_array, shape (n_row, size)
            Weight times share of each effect in each row, by row and effect.
        """
        n = len(self)
        weight = np.ones(n) if self.weight is None else self.weight
        if self.shares is not None:
            each = np.repeat(weight, np.diff(self.shares.indptr)) * self.shares.data
            return csr_array((each, self.shares.indices, self.shares.indptr), shape=self.shares.shape)
        index = np.zeros(n, dtype=np.int32) if self.index is None else self.index
        return csr_array((weight, index, np.arange(n + 1)), shape=(n, self.size))

    def predictor(self, effect: Float) -> Float:
        """
        What the term adds to each row's linear predictor.

        Parameters
        ----------
        effect : ndarray, shape (size,)
            Its effects.

        Returns
        -------
        ndarray, shape (n_row,)
            Weighted sums.
        """
        if self.shares is not None:
            part = self.shares @ effect
        else:
            part = effect[self.index] if self.index is not None else np.broadcast_to(effect[0], len(self))
        return np.asarray(part if self.weight is None else part * self.weight)

    def totals(self, value: Float) -> Float:
        """
        Sum over the rows that read an effect of a value of the row, by share and regardless of the covariate.

        Parameters
        ----------
        value : ndarray, shape (n_row,)
            A number a row.

        Returns
        -------
        ndarray, shape (size,)
            Sums; 0 for an effect that no row reads.
        """
        if self.shares is not None:
            return np.asarray(self.shares.T @ value)
        index = np.zeros(len(value), dtype=np.int32) if self.index is None else self.index
        return np.bincount(index, weights=value, minlength=self.size)
