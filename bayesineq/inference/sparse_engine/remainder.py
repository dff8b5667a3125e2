"""
Many hyperparameters: the log density between nodes as a Gaussian process of their values and slopes.

In the scores u of the sections the log density is nearly -u'u / 2. What it is beyond that is a smooth function, of
which every node gives the value and the exact slope in all d directions: some hundred nodes tell it, however it bends
between a standard deviation that may be zero and correlations that then mean nothing. The kernel is that of all cubic
polynomials, which say how the density goes on beyond the nodes, and a Gaussian one for what is no cubic between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Float = NDArray[np.float64]

_CUBIC: Final = 9.0
"""Variance of the cubic kernel at the mode."""
_LEVEL: Final = 3.0
"""Score at which cubics level off, so that nothing runs away beyond the nodes."""
_LOCAL: Final = 9.0
_LENGTH: Final = 4.0
"""Variance and length of the Gaussian kernel, in scores."""
_MOST: Final = 5000
"""Values and slopes that are used, of the highest nodes."""
_NOISE: Final = 0.05
_FAR: Final = 0.05
"""What each unit of log density below the typical adds to the noise: far out little matters."""
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Kriged:
    """
    A Gaussian process about -u'u / 2.

    Parameters
    ----------
    u : ndarray, shape (n_node, d)
        Nodes.
    constant : float
        Mean of the process.
    weight : ndarray, shape (n_node,)
        Of the kernel at each node.
    pull : ndarray, shape (n_node, d)
        Of its derivatives there.
    """

    u: Float
    constant: float
    weight: Float
    pull: Float

    def __call__(self, u: Float) -> Float:
        """Log density at u, shape (n, d), relative to the highest node; returns (n,)."""
        out, d = np.empty(len(u)), u.shape[1]
        at = (self.u * self.pull).sum(axis=1)
        here, change = _levelled(self.u)
        for begin in range(0, len(u), _CHUNK):
            some = u[begin : begin + _CHUNK]
            level = _levelled(some)[0]
            straight = 1.0 + level @ here.T / d
            value = _CUBIC * straight**2 * (straight * self.weight + 3.0 * level @ (self.pull * change).T / d)
            value += _gaussian(some, self.u) * (self.weight + (some @ self.pull.T - at) / _LENGTH**2)
            out[begin : begin + _CHUNK] = value.sum(axis=1)
        return np.asarray(self.constant - 0.5 * (u**2).sum(axis=1) + out)


def fit_kriged(u: Float, value: Float, slope: Float, gap: Float) -> Kriged:
    """
    Fit values and slopes of the log density at nodes.

    Shapes: u, slope (n_node, d); value, gap (n_node,).

    `value`: Log density relative to the highest node. `slope`: Its derivative in u, but for that of `gap`, nan where
    it is not known. `gap`: The share of the value that slopes do not know of, which is smooth.
    """
    d = u.shape[1]
    best = np.argsort(-value, kind="stable")[: max(_MOST // (1 + d), 1 + d)]
    u, value, slope, gap = u[best], value[best], slope[best], gap[best]
    typical = value.max() - 0.5 * d
    noise = _NOISE + _FAR * np.maximum(typical - value, 0.0)
    rest = value + 0.5 * (u**2).sum(axis=1)
    constant = float(np.median(rest))
    target = np.concatenate([(rest - constant)[:, None], slope + _gap_slope(u, gap) + u], axis=1).ravel()
    known = np.flatnonzero(np.isfinite(target))
    matrix = _joint_kernel(u)[np.ix_(known, known)]
    matrix[np.diag_indices(len(known))] += np.repeat(noise**2, 1 + d)[known]
    found = np.zeros(len(target))
    factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    found[known] = cho_solve(factor, target[known], check_finite=False)
    weight = found.reshape(-1, 1 + d)
    return Kriged(u, constant, weight[:, 0], weight[:, 1:])


def _levelled(u: Float) -> tuple[Float, Float]:
    """Scores levelled off, and their derivative."""
    level = _LEVEL * np.tanh(u / _LEVEL)
    return level, 1.0 - (level / _LEVEL) ** 2


def _gaussian(u: Float, v: Float) -> Float:
    square = (u**2).sum(axis=1)[:, None] + (v**2).sum(axis=1) - 2.0 * u @ v.T
    return np.asarray(_LOCAL * np.exp(-0.5 * np.maximum(square, 0.0) / _LENGTH**2))


def _joint_kernel(u: Float) -> Float:
    """Covariance of the values and slopes of nodes, shape (n_node * (1 + d),) twice; a node's value comes first."""
    n, d = u.shape
    out = np.empty((n, 1 + d, n, 1 + d))
    level, change = _levelled(u)
    local, straight = _gaussian(u, u), 1.0 + level @ level.T / d
    away = (u[:, None, :] - u[None, :, :]) / _LENGTH**2
    first, second = 3.0 * _CUBIC * straight**2 / d, 6.0 * _CUBIC * straight / d**2
    turned = level[:, None, :] * change[None, :, :]
    out[:, 0, :, 0] = local + _CUBIC * straight**3
    out[:, 0, :, 1:] = local[:, :, None] * away + first[:, :, None] * turned
    out[:, 1:, :, 0] = out[:, 0, :, 1:].transpose(1, 2, 0)
    for i in range(d):
        out[:, 1 + i, :, 1:] = (second * turned[:, :, i].T)[:, :, None] * turned
        out[:, 1 + i, :, 1:] -= local[:, :, None] * away[:, :, i, None] * away
        out[:, 1 + i, :, 1 + i] += local / _LENGTH**2 + first * np.outer(change[:, i], change[:, i])
    return out.reshape(n * (1 + d), n * (1 + d))


def _gap_slope(u: Float, gap: Float) -> Float:
    """Slope of a smooth function of which values are known alone: straight and square in each score, shrunk."""
    n, d = u.shape
    basis = np.hstack([np.ones((n, 1)), u, u**2])
    ridge = np.concatenate([[1e-6], np.full(d, 1.0), np.full(d, 4.0)])
    scale = max(float(gap.std()), 1e-12) ** 2
    # Coefficients of a fraction of the gap's own spread, against noise of a tenth of it.
    found = np.linalg.solve(basis.T @ basis / (0.01 * scale) + np.diag(ridge) / scale, basis.T @ gap / (0.01 * scale))
    return np.asarray(found[1 : 1 + d] + 2.0 * u * found[1 + d :])
