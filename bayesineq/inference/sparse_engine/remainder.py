"""
Many hyperparameters: what sections and a copula leave, as a smooth function fitted to values and slopes of nodes.

In the scores u of the sections the log density is nearly -u'u / 2. How it is not is held as a quadratic, and as
products of the square of one score with another, u_i^2 u_j, with scores that level off, so that nothing runs away
beyond the nodes: with d hyperparameters some d^2 numbers. Every node gives its value and the exact slope in all d
directions, so that some d nodes tell them; a regression in which each number has a normal prior weighs what is told
against what is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_LEVEL: Final = 2.5
"""Score at which products level off."""

_SD_STRAIGHT: Final = 0.3
_SD_SQUARE: Final = 0.1
_SD_PAIR: Final = 0.3
_SD_PRODUCT: Final = 0.1
_NOISE: Final = 0.1
_NOISE_OF_SLOPE: Final = 0.1
_FAR: Final = 0.02
"""What each unit of log density below the typical adds to the noise: what lies far out matters little."""


@dataclass(frozen=True, slots=True)
class Quadratic:
    """
    A quadratic and bounded products of scores.

    Parameters
    ----------
    constant : float
        Value at u = 0.
    straight : ndarray, shape (d,)
        Slope there.
    hessian : ndarray, shape (d, d)
        Minus the second derivative.
    product : ndarray, shape (d, d)
        Coefficient of s_i^2 s_j, s the scores levelled off; zero where i = j.
    """

    constant: float
    straight: Float
    hessian: Float
    product: Float

    def products(self, u: Float) -> Float:
        """Sum of the bounded products at u, shape (n, d); returns (n,)."""
        s = _levelled(u)[0]
        return np.asarray(((s**2 @ self.product) * s).sum(axis=1))


def _levelled(u: Float) -> tuple[Float, Float]:
    """Scores levelled off, and their derivative."""
    s = _LEVEL * np.tanh(u / _LEVEL)
    return s, 1.0 - (s / _LEVEL) ** 2


def fit_quadratic(u: Float, value: Float, slope: Float, gap: Float) -> Quadratic:
    """
    Fit values and slopes of the log density at nodes.

    Shapes: u, slope (n_node, d); value, gap (n_node,).

    `value`: Log density relative to the highest node. `slope`: Its derivative in u, but for that of `gap`, nan where
    it is not known. `gap`: The share of the value that slopes do not know of, which is smooth.
    """
    n, d = u.shape
    row, column = np.tril_indices(d, -1)
    i, j = np.nonzero(~np.eye(d, dtype=bool))
    start, begin = 1 + d, 1 + 2 * d
    middle = begin + len(row)
    width = middle + len(i)
    mean, sd = np.zeros(width), np.full(width, _SD_PRODUCT)
    sd[0], sd[1:start], sd[start:begin], sd[begin:middle] = 10.0, _SD_STRAIGHT, _SD_SQUARE, _SD_PAIR
    mean[start:begin] = -0.5
    gap_slope = _gap_slope(u, gap)
    typical = value.max() - 0.5 * d
    noise = 1.0 + _FAR / _NOISE * np.maximum(typical - value, 0.0)
    moment, pull = np.diag(sd**-2.0), mean / sd**2
    s, change = _levelled(u)
    axis = np.arange(d)
    for k in range(n):
        block = np.zeros((1 + d, width))
        block[0, 0] = 1.0
        block[0, 1:start], block[0, start:begin] = u[k], u[k] ** 2
        block[0, begin:middle] = u[k, row] * u[k, column]
        block[0, middle:] = s[k, i] ** 2 * s[k, j]
        block[1 + axis, 1 + axis] = 1.0
        block[1 + axis, start + axis] = 2.0 * u[k]
        pair, product = np.arange(len(row)), np.arange(len(i))
        block[1 + row, begin + pair] = u[k, column]
        block[1 + column, begin + pair] += u[k, row]
        block[1 + i, middle + product] = 2.0 * s[k, i] * change[k, i] * s[k, j]
        block[1 + j, middle + product] += s[k, i] ** 2 * change[k, j]
        target = np.concatenate([[value[k]], slope[k] + gap_slope[k]])
        weight = np.concatenate([[_NOISE**-2.0], np.full(d, _NOISE_OF_SLOPE**-2.0)]) / noise[k] ** 2
        seen = np.isfinite(target)
        block, target, weight = block[seen], target[seen], weight[seen]
        moment += (block.T * weight) @ block
        pull += block.T @ (weight * target)
    found = np.linalg.solve(moment, pull)
    hessian = np.diag(-2.0 * found[start:begin])
    hessian[row, column] = hessian[column, row] = -found[begin:middle]
    products = np.zeros((d, d))
    products[i, j] = found[middle:]
    return Quadratic(float(found[0]), found[1:start], hessian, products)


def _gap_slope(u: Float, gap: Float) -> Float:
    """Slope of a smooth function of which values are known alone: straight and square in each score, shrunk."""
    n, d = u.shape
    basis = np.hstack([np.ones((n, 1)), u, u**2])
    ridge = np.concatenate([[1e-6], np.full(d, 1.0), np.full(d, 4.0)])
    scale = max(float(gap.std()), 1e-12) ** 2
    # Coefficients of a fraction of the gap's own spread, against noise of a tenth of it.
    found = np.linalg.solve(basis.T @ basis / (0.01 * scale) + np.diag(ridge) / scale, basis.T @ gap / (0.01 * scale))
    return np.asarray(found[1 : 1 + d] + 2.0 * u * found[1 + d :])
