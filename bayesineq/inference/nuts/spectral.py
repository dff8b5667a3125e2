"""Effects with orthogonal modes, each sampled between the centred and the non-centred form as its data ask."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesineq.design.matrix import Block
from bayesineq.inference.nuts.data import Crude
from bayesineq.space.adjacency import Adjacency

type Tensor = Any
Float = NDArray[np.float64]

_MOST: Final = 1.0


def modal(name: str, modes: Float, spread: Tensor, nominal: Float, block: Block, pooled: Crude) -> Tensor:
    r"""
    Add an effect :math:`V \\mathrm{diag}(s) z` with independent standard normal z to the model on the context stack.

    With few data on a mode its hyperparameters and z are independent in the posterior, with many data they are
    independent of :math:`s z`. What is sampled is :math:`s^c z`, with c between 0 and 1 as the data on the mode
    outweigh its prior or not; the posterior is the same for any c (Papaspiliopoulos, Roberts and Skold 2007).

    Parameters
    ----------
    name : str
        Name of the sampled variable.
    modes : ndarray, shape (n_level, n_mode)
        Orthonormal columns V.
    spread : tensor, shape (n_mode,)
        Standard deviation s of each mode.
    nominal : ndarray, shape (n_mode,)
        `spread` at a standard deviation of one, roughly.
    block : Block
        The term.
    pooled : Crude
        What the rows say.

    Returns
    -------
    tensor, shape (n_level,)
        The effect.

    References
    ----------
    Papaspiliopoulos O, Roberts GO, Skold M. A general framework for the parametrization of hierarchical models.
    Stat Sci 2007. https://doi.org/10.1214/088342307000000014
    """
    level, typical = level_information(block, pooled)
    signal = mode_information(modes, block, pooled, level) * (typical * nominal) ** 2
    share = signal / (1 + signal)
    log_spread = pt.log(spread)
    raw = pm.Normal(name, 0.0, pt.exp(share * log_spread), shape=modes.shape[1])
    basis = pm.Data(f"{name}.modes", modes)
    return pt.dot(basis, raw * pt.exp((1 - share) * log_spread))


def level_information(block: Block, pooled: Crude) -> tuple[Float, float]:
    """
    What the rows say of each level by itself.

    Parameters
    ----------
    block : Block
        A term.
    pooled : Crude
        What the rows say.

    Returns
    -------
    ndarray, shape (n_level,)
        Rough precision.
    float
        Rough standard deviation of the effects over the levels, by moments, between 0 and 1; 0 where they differ by
        no more than chance.
    """
    weight = np.ones(len(pooled.information)) if block.weight is None else block.weight
    index = np.zeros(len(weight), dtype=np.int32) if block.index is None else block.index
    precision = np.bincount(index, pooled.information * weight**2, minlength=block.size)
    score = np.bincount(index, pooled.information * weight * pooled.residual, minlength=block.size)
    seen = precision > 0
    if not seen.any():
        return precision, 0.0
    excess = float((score[seen] ** 2 / precision[seen] - 1).sum() / precision.sum())
    return precision, float(np.clip(np.sqrt(max(excess, 0.0)), 0.0, _MOST))


def explained(block: Block, pooled: Crude) -> Crude:
    """
    Take what a term explains out of the residuals, so that the next one is not credited with it.

    Parameters
    ----------
    block : Block
        A term.
    pooled : Crude
        What the rows say.

    Returns
    -------
    Crude
        The same with smaller residuals: less each level's mean residual, shrunk as its spread and precision ask.
    """
    precision, typical = level_information(block, pooled)
    weight = np.ones(len(pooled.information)) if block.weight is None else block.weight
    index = np.zeros(len(weight), dtype=np.int32) if block.index is None else block.index
    score = np.bincount(index, pooled.information * weight * pooled.residual, minlength=block.size)
    prior = 0.0 if block.term.kind in {"fixed", "linear"} else 1 / max(typical, 1e-6) ** 2
    mean = score / np.maximum(precision + prior, 1e-12)
    return replace(pooled, residual=pooled.residual - weight * mean[index])


def mode_information(modes: Float, block: Block, pooled: Crude, level: Float) -> Float:
    """
    What the rows say of each mode once their average is known.

    Parameters
    ----------
    modes : ndarray, shape (n_level, n_mode)
        Orthonormal columns.
    block : Block
        A term.
    pooled : Crude
        What the rows say.
    level : ndarray, shape (n_level,)
        Precision of each level, from `level_information`.

    Returns
    -------
    ndarray, shape (n_mode,)
        Rough precision; about zero for a mode that the intercept could take over.
    """
    share = pooled.information if block.weight is None else pooled.information * block.weight
    index = np.zeros(len(share), dtype=np.int32) if block.index is None else block.index
    total = float(pooled.information.sum())
    first = np.bincount(index, share, minlength=block.size) @ modes
    own: Float = level @ modes**2
    return np.maximum(own - first**2 / total, 0.0) if total > 0 else own


def intrinsic_modes(
    adjacency: Adjacency, scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Orthonormal modes of the scaled intrinsic autoregression and their variances.

    Parameters
    ----------
    adjacency : Adjacency
        The graph.
    scale : ndarray, shape (n_component,)
        Scale of each component.

    Returns
    -------
    ndarray, shape (n_area, n_area)
        A mode a column.
    ndarray, shape (n_area,)
        Variances: 0 for the constant of a component of several areas, 1 for an area without neighbours.
    """
    single = adjacency.component_sizes[adjacency.component] == 1
    precision = adjacency.laplacian().toarray() * scale[adjacency.component] + np.diag(single.astype(float))
    value, modes = np.linalg.eigh(precision)
    flat = _flat_modes(adjacency, ~single)
    free = flat.shape[1]
    modes[:, :free] = flat
    return modes, np.concatenate([np.zeros(free), 1 / value[free:]])


def laplacian_modes(adjacency: Adjacency) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Orthonormal modes of the graph Laplacian and their eigenvalues.

    Parameters
    ----------
    adjacency : Adjacency
        The graph.

    Returns
    -------
    ndarray, shape (n_area, n_area)
        A mode a column.
    ndarray, shape (n_area,)
        Eigenvalues, 0 once a component.
    """
    value, modes = np.linalg.eigh(adjacency.laplacian().toarray())
    flat = _flat_modes(adjacency, np.ones(len(adjacency), dtype=bool))
    free = flat.shape[1]
    modes[:, :free] = flat
    return modes, np.concatenate([np.zeros(free), value[free:]])


def _flat_modes(adjacency: Adjacency, among: NDArray[np.bool_]) -> Float:
    """
    Orthonormal vectors, constant on each component, the constant of all first.

    The data cannot tell that one from the intercept, and no other mode may hold a part of it: its spread has no
    bound as a proper autoregression nears the intrinsic one, and what is unknown must not be sampled as if known.
    """
    component = adjacency.component
    numbers = np.unique(component[among])
    flat = (component[:, None] == numbers) & among[:, None]
    flat[:, 0] = among
    return np.linalg.qr(flat.astype(float))[0]
