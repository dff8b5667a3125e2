"""
A design as a latent Gaussian field: unit-scale parts and what multiplies them.

Every effect is a sum of parts, effect = scale * basis * z with z of unit scale: a BYM2 effect is
sigma sqrt(phi) u + sigma sqrt(1 - phi) v with u the scaled intrinsic autoregression and v white. Scales are
hyperparameters and enter through the data, so the prior precision of z is constant (but for a correlation rho), no
normalising constant depends on a scale, and nothing degenerates when sigma or 1 - phi goes to zero.

Areas and what is nested in them are large parts, sparse; all else is small, dense and in the border. The white half
of BYM2 stays in the sparse system: each of its nodes has one neighbour there, the order eliminates it first, and that
is the halving of the field, done by the factorisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesineq.inference.sparse_engine.arrow import Pattern
from bayesineq.inference.sparse_engine.parameters import Parameter
from bayesineq.inference.sparse_engine.rows import Links, Side

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SmallPart:
    """
    Part of a small effect: scale * basis @ z, z ~ N(mean, precision^-1).

    Parameters
    ----------
    term : str
        Term it belongs to, or "intercept".
    effect : slice
        Its effects among the small ones.
    latent : slice
        Its z among the small ones.
    basis : ndarray, shape (n_effect, n_latent)
        Fixed map from z to effects.
    mean, precision : ndarray, shape (n_latent,)
        Prior of z; with a `rho`, that of a stationary autoregression of unit variance instead of `precision`.
    sigma, rho : int
        Position of its hyperparameters, -1 for none.
    """

    term: str
    effect: slice
    latent: slice
    basis: Float
    mean: Float
    precision: Float
    sigma: int
    rho: int


@dataclass(frozen=True, slots=True)
class LargePart:
    """
    Part of a large effect: scale * z, z ~ N(0, R^-1), R = a L + b I.

    Parameters
    ----------
    term : str
        Term it belongs to.
    block : int
        Position of its block among the large ones.
    effect : slice
        Its effects among the large ones.
    latent : slice
        Its z among the large ones.
    laplacian : csr_array or None
        L, shape (n_latent, n_latent).
    intrinsic : bool
        Whether a = 1 and z sums to zero over each component; otherwise, with a `rho`, a = rho and b = 1 - rho
        (Leroux); without L, b = 1.
    sigma, phi, rho : int
        Position of its hyperparameters, -1 for none. With a `phi` the scale is sigma sqrt(phi) for the intrinsic
        part and sigma sqrt(1 - phi) for the white one.
    diagonal, edge : ndarray of int64
        Its entries in the sparse system: of the diagonal, and of the pairs below.
    edge_row, edge_column : ndarray of int64
        Those pairs, within the part.
    """

    term: str
    block: int
    effect: slice
    latent: slice
    laplacian: csr_array | None
    intrinsic: bool
    sigma: int
    phi: int
    rho: int
    diagonal: Int
    edge: Int
    edge_row: Int
    edge_column: Int


@dataclass(frozen=True, slots=True)
class Coupling:
    """
    Entries of the sparse system that rows add to: scale * scale * curvature of each link.

    Parameters
    ----------
    left, right : int
        Large parts.
    link : slice
        Links of their blocks.
    entry : ndarray of int64, shape (n_link,)
        Entry of each link.
    twice : bool
        Whether the two parts are different parts of one block, which a variance counts twice.
    """

    left: int
    right: int
    link: slice
    entry: Int
    twice: bool


@dataclass(frozen=True, slots=True)
class Latent:
    """
    The latent field of a design.

    Parameters
    ----------
    parameters : tuple of Parameter
        Hyperparameters; the outcome's own are the last.
    own : tuple of int
        Positions of the outcome's own.
    small, large : Side
        Rows against effects.
    random_blocks : tuple of bool
        Whether each small block has a scale to be estimated.
    links : Links
        Pairs of large effects that share a row.
    small_parts, large_parts : tuple
        Parts of the effects.
    couplings : tuple of Coupling
        Where curvature enters the sparse system.
    n_small, n_large : int
        Length of z.
    pattern : Pattern
        Pattern of the sparse system.
    constraint : ndarray, shape (n_large, n_constraint)
        Columns k with k'z = 0.
    """

    parameters: tuple[Parameter, ...]
    own: tuple[int, ...]
    small: Side
    large: Side
    random_blocks: tuple[bool, ...]
    links: Links
    small_parts: tuple[SmallPart, ...]
    large_parts: tuple[LargePart, ...]
    couplings: tuple[Coupling, ...]
    n_small: int
    n_large: int
    pattern: Pattern
    constraint: Float
