"""Effects with orthogonal modes, each sampled in units of what prior and data say of it together."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesineq.space.adjacency import Adjacency

type Tensor = Any
Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Said:
    """
    What the data say of the coordinates of a term given those of others. Only the sampler's speed depends on it.

    Parameters
    ----------
    information : ndarray, shape (n_coordinate,)
        Rough precision.
    estimate : tensor, shape (n_coordinate,)
        Rough value, without the term's prior.
    """

    information: Float
    estimate: Tensor


def matched(name: str, spread: Tensor, said: Said) -> Tensor:
    r"""
    Add independent normal coordinates to the model on the context stack, sampled in units of their rough posterior.

    A coordinate x with prior N(0, s^2) of which the data say N(e, 1 / i) has the rough posterior N(m, d^2) given s,
    with :math:`d^2 = s^2 / (1 + i s^2)` and :math:`m = i d^2 e`. Sampled is :math:`(x - m) / d`, about standard normal
    for every s: no funnel where s may be small, no ridge where the data say much. The posterior is the same for any
    i and e; they choose between the centred and the non-centred form (Papaspiliopoulos, Roberts and Skold 2007).

    Shapes: spread (n_coordinate,); returns (n_coordinate,).

    References
    ----------
    Papaspiliopoulos O, Roberts GO, Skold M. A general framework for the parametrization of hierarchical models.
    Stat Sci 2007. https://doi.org/10.1214/088342307000000014
    """
    unit = pm.Flat(name, shape=len(said.information))
    signal = said.information * spread**2
    # In units of s: the density of x / s, and the log of d / s.
    scaled = (signal / (1 + signal)) * said.estimate / spread + unit / pt.sqrt(1 + signal)
    pm.Potential(f"{name}.density", -0.5 * pt.sum(scaled**2) - 0.5 * pt.sum(pt.log1p(signal)))
    return scaled * spread


def modal(name: str, modes: Float, spread: Tensor, said: Said) -> tuple[Tensor, Tensor]:
    """
    Add an effect with independent normal coordinates on orthonormal modes to the model on the context stack.

    Shapes: modes (n_level, n_mode); spread (n_mode,); returns (n_level,).
    """
    coordinate = matched(name, spread, said)
    return pt.dot(pm.Data(f"{name}.modes", modes), coordinate), coordinate


def zero_sum_basis(size: int) -> Float:
    """
    Orthonormal basis of the vectors that sum to zero, its columns near the axes. Shapes: returns (n, n - 1).

    Returns: the first n - 1 columns of a Householder reflection that takes the last axis to the constant.
    """
    root = np.sqrt(size)
    return np.vstack([np.eye(size - 1) - 1 / (root + size), np.full((1, size - 1), -1 / root)])


def intrinsic_modes(
    adjacency: Adjacency, scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Orthonormal modes of the scaled intrinsic autoregression and their variances.

    Shapes: scale (n_component,); returns (n_area, n_area).

    Returns: variances: 0 for the constant of a component of several areas, 1 for an area without neighbours.
    """
    single = adjacency.component_sizes[adjacency.component] == 1
    precision = adjacency.laplacian().toarray() * scale[adjacency.component] + np.diag(single.astype(float))
    value, modes = np.linalg.eigh(precision)
    flat = _flat_modes(adjacency, ~single)
    free = flat.shape[1]
    modes[:, :free] = flat
    return modes, np.concatenate([np.zeros(free), 1 / value[free:]])


def laplacian_modes(adjacency: Adjacency) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal modes of the graph Laplacian and their eigenvalues. Shapes: returns (n_area, n_area)."""
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
