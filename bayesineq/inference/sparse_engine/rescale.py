"""
The field of a node at hyperparameters away from it.

What the data leave to the prior follows the hyperparameters wherever these go: the level that a few groups share with
the intercept varies with sigma^2, and its tail is that of sigma, far beyond any node. Along such directions U the
prior precision is known at any hyperparameters. With posterior N(m, S) at the node and D the change of U's prior
precision, the field there is N(m, S) times exp(-u' D u / 2), u = U' z: exact for a Gaussian likelihood, and for
others as good as their curvature at the node.

With S_u = L L' and B = I + L' D L = R R', u = L B^-1 (L^-1 m_u + R w) with w standard normal; everything else follows
by regression on u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, null_space
from scipy.sparse.csgraph import connected_components

from bayesineq.inference.sparse_engine.arrow import Arrow, finish
from bayesineq.inference.sparse_engine.centred import root_of
from bayesineq.inference.sparse_engine.field import part_scale
from bayesineq.inference.sparse_engine.newton import Posterior
from bayesineq.inference.sparse_engine.parts import LargePart, Latent, SmallPart

Float = NDArray[np.float64]

_FEW: Final = 64
"""Latent values of a part up to which all directions follow; of longer parts, whose scale is well known, one does."""
_LEAST: Final = 1e-8
_CLOSEST: Final = 1.0 - 1e-12


@dataclass(frozen=True, slots=True)
class Summand:
    """
    A summand of the directions' prior precision.

    Parameters
    ----------
    part : SmallPart or LargePart
        Whose scale divides it, squared.
    at : slice
        The part's directions, small parts' first.
    matrix : ndarray, shape (n_direction, n_direction)
        The summand, of these.
    weight : int, optional
        Matrix of the part's structure whose weight multiplies it; None where nothing does.
    """

    part: SmallPart | LargePart
    at: slice
    matrix: Float
    weight: int | None


@dataclass(frozen=True, slots=True)
class Directions:
    """
    Directions of the latent field whose prior precision hyperparameters scale.

    Parameters
    ----------
    small : ndarray, shape (n_small, n_small_direction)
        Those of small latent values.
    large : ndarray, shape (n_large, n_large_direction)
        Those of large ones, eigenvectors of their part's Laplacian.
    structures : tuple of Summand
        What their prior precision is the sum of.
    """

    small: Float
    large: Float
    structures: tuple[Summand, ...]


def directions(latent: Latent) -> Directions:
    """
    Directions of a latent field whose prior precision hyperparameters scale.

    Returns: all of short parts; of longer ones the level, and for each component of a graph one, if the prior lets
    it move.
    """
    small, large = [np.empty((0, latent.n_small))], [np.empty((0, latent.n_large))]
    structures: list[Summand] = []
    count = 0
    parts: tuple[SmallPart | LargePart, ...] = (*latent.small_parts, *latent.large_parts)
    for part in parts:
        rows, summands = _small_shapes(part) if isinstance(part, SmallPart) else _large_shapes(part)
        if isinstance(part, SmallPart):
            small.append(_padded(rows, part.latent, latent.n_small))
        else:
            large.append(_padded(rows, part.latent, latent.n_large))
        at = slice(count, count + len(rows))
        structures += [Summand(part, at, matrix, weight) for weight, matrix in summands if len(rows)]
        count += len(rows)
    return Directions(np.vstack(small).T.copy(), np.vstack(large).T.copy(), tuple(structures))


def _small_shapes(part: SmallPart) -> tuple[Float, list[tuple[int | None, Float]]]:
    """Directions of a small part, and what their precision is made of."""
    n = len(part.mean)
    if not part.scale or (n > _FEW and part.structure is not None):
        return np.empty((0, n)), []
    if part.structure is not None:
        return np.eye(n), [(k, matrix.toarray()) for k, matrix in enumerate(part.structure.matrices)]
    rows = np.eye(n) if n <= _FEW else _unit(part.basis.sum(axis=0, keepdims=True))
    return rows, [(None, np.eye(len(rows)))]


def _large_shapes(part: LargePart) -> tuple[Float, list[tuple[int | None, Float]]]:
    """Directions of a large part, eigenvectors of its first matrix, and what their precision is made of."""
    structure, n = part.structure, len(part.structure)
    if structure.is_white:
        rows = np.eye(n) if n <= _FEW else _unit(np.ones((1, n)))
        return rows, [(None, np.eye(len(rows)))]
    first = structure.matrices[0]
    if n > _FEW:
        count, label = connected_components(first, directed=False)
        several = np.flatnonzero(np.bincount(label, minlength=count) > 1)
        vector, value = _unit((label == several[:, None]).astype(float)).T, np.zeros(len(several))
    else:
        value, vector = np.linalg.eigh(first.toarray())
    if structure.n_held and part.correlations:
        rows = null_space(structure.null.T).T if structure.null is not None and n <= _FEW else np.empty((0, n))
        return rows, [(k, rows @ matrix @ rows.T) for k, matrix in enumerate(structure.matrices)]
    if structure.n_held:
        # The prior holds at zero what its precision does not see.
        seen = value > 1e-8 * value.max(initial=0.0)
        return vector.T[seen], [(None, np.diag(value[seen]))]
    return vector.T, [(k, vector.T @ matrix @ vector) for k, matrix in enumerate(structure.matrices)]


def _unit(rows: Float) -> Float:
    """Rows of length one; what is zero but for rounding has no direction."""
    length = np.linalg.norm(rows, axis=1)
    return np.asarray(rows[length > 1e-8] / length[length > 1e-8, None])


def _padded(rows: Float, at: slice, n: int) -> Float:
    out = np.zeros((len(rows), n))
    out[:, at] = rows
    return out


@dataclass(frozen=True, slots=True)
class Rescaled:
    """
    A node's posterior along the directions.

    Parameters
    ----------
    along : Directions
        The directions U.
    values : ndarray, shape (n_parameter,)
        Hyperparameters of the node.
    structures : ndarray, shape (n_structure, n_direction, n_direction)
        L' M L of each structure M.
    inverse : ndarray, shape (n_direction, n_direction)
        L^-1; small directions come first.
    mean : ndarray, shape (n_direction,)
        L^-1 m_u.
    border, large : ndarray, shapes (n_border, n_direction) and (n_large, n_large_direction)
        S U in the border, and that of large directions among large latent values; for small directions the latter is
        minus reach @ border.
    """

    along: Directions
    values: Float
    structures: Float
    inverse: Float
    mean: Float
    border: Float
    large: Float


def rescaled(latent: Latent, along: Directions, found: Posterior, system: Arrow, solved: Float) -> Rescaled:
    """Posterior of a node along the directions. Shapes: solved (n_large, n_large_direction)."""
    n_small = latent.n_small
    gap = np.zeros((len(system.inner), along.large.shape[1]))
    large, large_border = finish(system, solved, along.large, gap)
    border = np.hstack([system.inner[:, :n_small] @ along.small, large_border])
    covariance = np.vstack([along.small.T @ border[:n_small], np.zeros((len(gap.T), border.shape[1]))])
    n = along.small.shape[1]
    covariance[n:, n:] = along.large.T @ large
    covariance[n:, :n] = covariance[:n, n:].T
    spread = np.sqrt(np.diag(covariance))
    # Where the data hold directions together to all digits, what is left of them is rounding.
    unit = root_of(covariance / np.outer(spread, spread))
    root, inverse = spread[:, None] * unit, np.linalg.inv(unit) / spread
    mean = np.concatenate([along.small.T @ found.small, along.large.T @ found.large])
    structures = np.empty((len(along.structures), *root.shape))
    for k, summand in enumerate(along.structures):
        structures[k] = root[summand.at].T @ summand.matrix @ root[summand.at]
    return Rescaled(along, found.prior.values, structures, inverse, inverse @ mean, border, large)


def shift(node: Rescaled, values: Float, away: Float) -> Float:
    """
    What takes draws from a node to other hyperparameters.

    Shapes: values (n_draw, n_parameter); away (n_direction, n_draw); returns (n_direction, n_draw).

    `away`: Draws at the node along the directions, less their mean; zeros to move the mean alone. Returns: adding S
    U times it to draws at the node makes them draws at the hyperparameters.
    """
    change = _weights(node, values) - _weights(node, node.values[None])
    inflated = np.eye(len(node.mean)) + np.tensordot(change.T, node.structures, 1)
    white = node.inverse @ away
    try:
        root = np.linalg.cholesky(inflated)
    except np.linalg.LinAlgError:
        # A likelihood that is not concave everywhere can know less than nothing along a direction.
        value, vector = np.linalg.eigh(inflated)
        value = np.maximum(value, _LEAST)
        root = np.linalg.cholesky((vector * value[:, None, :]) @ vector.transpose(0, 2, 1))
    # Of covariance B^-1 R R' B^-1 = B^-1.
    drawn = node.mean[:, None] + np.einsum("dij,jd->id", root, white)
    end = [cho_solve((r, True), drawn[:, d], check_finite=False) for d, r in enumerate(root)]
    return np.asarray(node.inverse.T @ (np.array(end).T - node.mean[:, None] - white))


def _weights(node: Rescaled, values: Float) -> Float:
    """Weight of each structure, in units of the node's latent values, shape (n_structure, n_draw)."""
    out = np.empty((len(node.along.structures), len(values)))
    for i, structure in enumerate(node.along.structures):
        part = structure.part
        scale = part_scale(part, values)
        ratio = np.clip(part_scale(part, node.values) / np.maximum(scale, 1e-200), _LEAST**0.5, _LEAST**-0.5)
        out[i] = ratio**2
        if structure.weight is not None and part.structure is not None:
            correlations = {name: np.minimum(values[:, at], _CLOSEST) for name, at in part.correlations.items()}
            out[i] *= part.structure.weights(correlations)[structure.weight]
    return out
