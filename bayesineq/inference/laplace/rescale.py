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
from scipy.sparse.csgraph import connected_components

from bayesineq.inference.laplace.arrow import Arrow, finish
from bayesineq.inference.laplace.field import autoregression, part_scale
from bayesineq.inference.laplace.newton import Posterior
from bayesineq.inference.laplace.parts import LargePart, Latent

Float = NDArray[np.float64]

_FEW: Final = 64
"""Latent values of a part up to which all directions follow; of longer parts, whose scale is well known, one does."""
_LEAST: Final = 1e-8
_ROUNDING: Final = 1e-14


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
    small_part, large_part : tuple of (int, slice)
        Parts, and their directions, small ones numbered before large ones.
    eigenvalue : ndarray, shape (n_large_direction,)
        Of the Laplacian.
    """

    small: Float
    large: Float
    small_part: tuple[tuple[int, slice], ...]
    large_part: tuple[tuple[int, slice], ...]
    eigenvalue: Float


def directions(latent: Latent) -> Directions:
    """
    Directions of a latent field whose prior precision hyperparameters scale.

    Parameters
    ----------
    latent : Latent
        The latent field.

    Returns
    -------
    Directions
        All of short parts; of longer ones the level, and for each component of a graph one, if the prior lets it move.
    """
    small, large = [np.empty((0, latent.n_small))], [np.empty((0, latent.n_large))]
    eigenvalue = [np.empty(0)]
    small_part, large_part, count = [], [], 0
    for k, part in enumerate(latent.small_parts):
        n = len(part.mean)
        rows = np.eye(n) if n <= _FEW else _unit(part.basis.sum(axis=0, keepdims=True) * (part.rho < 0))
        if part.sigma >= 0 and len(rows):
            small.append(_padded(rows, part.latent, latent.n_small))
            small_part.append((k, slice(count, count + len(rows))))
            count += len(rows)
    for k, large_one in enumerate(latent.large_parts):
        rows, stretch = _shapes(large_one)
        if len(rows):
            large.append(_padded(rows, large_one.latent, latent.n_large))
            large_part.append((k, slice(count, count + len(rows))))
            eigenvalue.append(stretch)
            count += len(rows)
    return Directions(
        small=np.vstack(small).T.copy(),
        large=np.vstack(large).T.copy(),
        small_part=tuple(small_part),
        large_part=tuple(large_part),
        eigenvalue=np.concatenate(eigenvalue),
    )


def _shapes(part: LargePart) -> tuple[Float, Float]:
    """Rows that are eigenvectors of a part's Laplacian, of length one, and their eigenvalues."""
    n = part.latent.stop - part.latent.start
    if n <= _FEW:
        value, vector = (np.zeros(n), np.eye(n)) if part.laplacian is None else np.linalg.eigh(part.laplacian.toarray())
        # An intrinsic prior holds what its Laplacian does not see at zero.
        free = (value > 1e-8 * value.max()) | (not part.intrinsic)
        return vector.T[free], np.maximum(value[free], 0.0)
    if part.intrinsic:
        return np.empty((0, n)), np.empty(0)
    if part.laplacian is None:
        return _unit(np.ones((1, n))), np.zeros(1)
    count, label = connected_components(part.laplacian, directed=False)
    several = np.flatnonzero(np.bincount(label, minlength=count) > 1)
    return _unit((label == several[:, None]).astype(float)), np.zeros(len(several))


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
    root : ndarray, shape (n_direction, n_direction)
        L; small directions come first.
    mean : ndarray, shape (n_direction,)
        L^-1 m_u.
    border, large : ndarray, shapes (n_border, n_direction) and (n_large, n_large_direction)
        S U in the border, and that of large directions among large latent values; for small directions the latter is
        minus reach @ border.
    """

    along: Directions
    values: Float
    root: Float
    mean: Float
    border: Float
    large: Float


def rescaled(latent: Latent, along: Directions, found: Posterior, system: Arrow, solved: Float) -> Rescaled:
    """
    Posterior of a node along the directions.

    Parameters
    ----------
    latent : Latent
        The latent field.
    along : Directions
        Directions.
    found : Posterior
        The node's latent field.
    system : Arrow
        Its posterior precision, whole.
    solved : ndarray, shape (n_large, n_large_direction)
        P^-1 of the large directions.

    Returns
    -------
    Rescaled
        What draws at other hyperparameters need of it.
    """
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
    value, vector = np.linalg.eigh(covariance / np.outer(spread, spread))
    root = spread[:, None] * (vector * np.sqrt(np.maximum(value, _ROUNDING)))
    mean = np.concatenate([along.small.T @ found.small, along.large.T @ found.large])
    return Rescaled(along, found.prior.values, root, np.linalg.solve(root, mean), border, large)


def shift(latent: Latent, node: Rescaled, values: Float, away: Float) -> Float:
    """
    What takes draws from a node to other hyperparameters.

    Parameters
    ----------
    latent : Latent
        The latent field.
    node : Rescaled
        The node.
    values : ndarray, shape (n_draw, n_parameter)
        Hyperparameters.
    away : ndarray, shape (n_direction, n_draw)
        Draws at the node along the directions, less their mean; zeros to move the mean alone.

    Returns
    -------
    ndarray, shape (n_direction, n_draw)
        Adding S U times it to draws at the node makes them draws at the hyperparameters.
    """
    change = _precision(latent, node, values) - _precision(latent, node, node.values[None])
    inflated = np.eye(len(node.root)) + node.root.T @ change @ node.root
    try:
        root = np.linalg.cholesky(inflated)
    except np.linalg.LinAlgError:
        # A likelihood that is not concave everywhere can know less than nothing along a direction.
        value, vector = np.linalg.eigh(inflated)
        root = vector * np.sqrt(np.maximum(value, _LEAST))[:, None, :]
        inflated = root @ root.transpose(0, 2, 1)
    white = np.linalg.solve(node.root, away)
    # Of covariance B^-1 R R' B^-1 = B^-1.
    drawn = node.mean[:, None] + np.einsum("dij,jd->id", root, white)
    end = np.linalg.solve(inflated, drawn.T[:, :, None])[:, :, 0].T
    return np.asarray(np.linalg.solve(node.root.T, end - node.mean[:, None] - white))


def _precision(latent: Latent, node: Rescaled, values: Float) -> Float:
    """Prior precision of the directions, in units of the node's latent values, shape (n_draw, n_direction, ...)."""
    n, first = len(node.mean), node.along.small.shape[1]
    out = np.zeros((len(values), n, n))
    for k, at in node.along.small_part:
        part = latent.small_parts[k]
        unit = np.eye(at.stop - at.start)
        ratio = _ratio(node.values[part.sigma], values[:, part.sigma])
        inner = unit[None] if part.rho < 0 else [autoregression(len(unit), float(v[part.rho]))[0] for v in values]
        out[:, at, at] = ratio[:, None, None] * np.asarray(inner)
    for k, at in node.along.large_part:
        large = latent.large_parts[k]
        scale = np.array([part_scale(large, v) for v in values])
        ratio = _ratio(part_scale(large, node.values), scale)
        stretch = node.along.eigenvalue[at.start - first : at.stop - first]
        structure = np.ones((1, len(stretch))) if large.laplacian is None else stretch[None]
        if large.rho >= 0:
            rho = values[:, large.rho, None]
            structure = rho * stretch + (1.0 - rho)
        out[:, np.arange(at.start, at.stop), np.arange(at.start, at.stop)] = ratio[:, None] * structure
    return out


def _ratio(node: float, scale: Float) -> Float:
    """Square of the node's scale over others."""
    return np.clip(node / np.maximum(scale, 1e-200), _LEAST**0.5, _LEAST**-0.5) ** 2
