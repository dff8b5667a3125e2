"""
A design as a latent Gaussian field: unit-scale parts and what multiplies them.

Every effect is a sum of parts, effect = scale * basis * z with z of unit scale: a BYM2 effect is
sigma sqrt(phi) u + sigma sqrt(1 - phi) v with u the scaled intrinsic autoregression and v white. Scales are
hyperparameters and enter through the data, so the prior precision of z is constant (but for correlations), no
normalising constant depends on a scale, and nothing degenerates when sigma or 1 - phi goes to zero.

Areas and what is nested in them are large parts, sparse; all else is small, dense and in the border. The white half
of BYM2 stays in the sparse system: each of its nodes has one neighbour there, the order eliminates it first, and that
is the halving of the field, done by the factorisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import Pattern
from bayesineq.inference.sparse_engine.many import Many
from bayesineq.inference.sparse_engine.mixed import Mixed
from bayesineq.inference.sparse_engine.parameters import Parameter
from bayesineq.inference.sparse_engine.rows import Links, Side
from bayesineq.model.kinds import Factor, Structure

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scale:
    """
    A hyperparameter that multiplies a part.

    Parameters
    ----------
    at : int
        Its position.
    factor : Factor
        What it multiplies by.
    """

    at: int
    factor: Factor


@dataclass(frozen=True, slots=True)
class Load:
    """
    An effect that a part enters: the part's own scale, times this one, times z.

    With one outcome each part enters one effect, as it is. A component that outcomes share enters an effect of each of
    them by a loading, and effects that are correlated are sums of independent parts by the rows of a Cholesky factor.

    Parameters
    ----------
    part : int
        Position of the part among those of its size.
    term : str
        Block whose effect it is, or "intercept".
    block : int
        Position of the term among those of its size.
    effect : slice
        The effects, among those of its size.
    scale : tuple of Scale
        What multiplies it beside the part's own scale.
    constant : float
        And a number.
    """

    part: int
    term: str
    block: int
    effect: slice
    scale: tuple[Scale, ...] = ()
    constant: float = 1.0


@dataclass(frozen=True, slots=True)
class SmallPart:
    """
    Part of small effects: scale * basis @ z, z ~ N(mean, precision^-1).

    Parameters
    ----------
    term : str
        Term it belongs to, or "intercept".
    latent : slice
        Its z among the small ones.
    basis : ndarray, shape (n_effect, n_latent)
        Fixed map from z to effects.
    mean, precision : ndarray, shape (n_latent,)
        Prior of z; with correlations, that of `structure` instead of `precision`.
    scale : tuple of Scale
        What multiplies it; none for coefficients.
    structure : Structure, optional
        Where its precision depends on correlations.
    correlations : mapping of str to int
        Position of each correlation.
    """

    term: str
    latent: slice
    basis: Float
    mean: Float
    precision: Float
    scale: tuple[Scale, ...] = ()
    structure: Structure | None = None
    correlations: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LargePart:
    """
    Part of large effects: scale * z, z ~ N(0, R^-1), R the precision of a structure.

    Parameters
    ----------
    term : str
        Term it belongs to.
    latent : slice
        Its z among the large ones.
    structure : Structure
        R, as a sum of matrices.
    scale : tuple of Scale
        What multiplies it.
    correlations : mapping of str to int
        Position of each correlation.
    ridge : float
        What is added to the diagonal of a singular R, so that it can be inverted where no data reach.
    diagonal, edge : ndarray of int64
        Its entries in the sparse system: of the diagonal, and of the pairs below.
    on, below : ndarray, shapes (n_matrix, n_latent) and (n_matrix, n_edge)
        Those entries of each matrix.
    """

    term: str
    latent: slice
    structure: Structure
    scale: tuple[Scale, ...]
    correlations: Mapping[str, int]
    ridge: float
    diagonal: Int
    edge: Int
    on: Float
    below: Float


@dataclass(frozen=True, slots=True)
class Coupling:
    """
    Entries of the sparse system that rows add to: scale * scale * curvature of each link.

    Parameters
    ----------
    left, right : int
        Loads of large parts.
    link : slice or ndarray of int64
        Links of their effects.
    entry : ndarray of int64, shape (n_link,)
        Entry of each link.
    twice : bool
        Whether the two are different loads of one effect, which a variance counts twice.
    slot : int
        Slot of which each effect is linked with itself; -1 for links between slots.
    """

    left: int
    right: int
    link: slice | Int
    entry: Int
    twice: bool
    slot: int


@dataclass(frozen=True, slots=True)
class Contrasts:
    """
    A large term whose last dimension is a walk, as weights of its sum-to-zero contrasts.

    Parameters
    ----------
    block : int
        Position of its block among the large ones.
    basis : ndarray, shape (n_level, n_contrast)
        What turns contrasts into effects.
    index : ndarray of int32, shape (n_row,)
        Effect that each row reads.
    size : int
        Number of effects.
    """

    block: int
    basis: Float
    index: NDArray[np.int32]
    size: int


@dataclass(frozen=True, slots=True)
class Latent:
    """
    The latent field of a design.

    Parameters
    ----------
    parameters : tuple of Parameter
        Hyperparameters; the outcomes' own are the last.
    own : tuple of int
        Positions of the outcomes' own, those of each outcome in turn.
    small, large : Side
        Rows against effects.
    random_blocks : tuple of bool
        Whether each small block has a scale to be estimated.
    links : Links
        Pairs of large effects that share a row.
    small_parts, large_parts : tuple
        Parts of the effects.
    small_loads, large_loads : tuple of Load
        Which effects they enter, by effect.
    couplings : tuple of Coupling
        Where curvature enters the sparse system.
    n_small, n_large : int
        Length of z; where rows read many effects, with a variable of each row at the end of the large.
    pattern : Pattern
        Pattern of the sparse system.
    constraint : ndarray, shape (n_large, n_constraint)
        Columns k with k'z = 0.
    mixed : Mixed or Many, optional
        Members of rows whose mean is a weighted sum of means; the weights of `small` and `large` then hold at one place
        only.
    contrasts : mapping of str to Contrasts
        Of large terms that are held in contrasts of their last dimension.
    """

    parameters: tuple[Parameter, ...]
    own: tuple[int, ...]
    small: Side
    large: Side
    random_blocks: tuple[bool, ...]
    links: Links
    small_parts: tuple[SmallPart, ...]
    large_parts: tuple[LargePart, ...]
    small_loads: tuple[Load, ...]
    large_loads: tuple[Load, ...]
    couplings: tuple[Coupling, ...]
    n_small: int
    n_large: int
    pattern: Pattern
    constraint: Float
    mixed: Mixed | Many | None = None
    contrasts: Mapping[str, Contrasts] = MappingProxyType({})
