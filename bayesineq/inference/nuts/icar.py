"""Intrinsic and proper autoregressions on a graph as sums over its edges: no n by n matrix."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesineq.errors import DesignError
from bayesineq.space.adjacency import Adjacency

type Tensor = Any
MAX_DENSE = 5000


def zero_sum(free: Tensor, component: NDArray[np.int32]) -> Tensor:
    """
    Map free coordinates to a vector that sums to zero over each component, by an isometry.

    A Householder reflection takes the first n - 1 axes of each component to an orthonormal basis of the
    vectors that sum to zero, so densities need no Jacobian and distances keep their meaning for the sampler.

    Shapes: free (n - n_component,); component (n,); returns (n,).

    `free`: Coordinates, those of each component together, components in the order of their numbers.
    """
    size = np.bincount(component)
    owner = np.repeat(np.arange(len(size)), size - 1)
    total = pt.inc_subtensor(pt.zeros(len(size))[owner], free)
    root = np.sqrt(size)
    shift = total / (root + size)
    last = shift - total / root
    by_component = np.argsort(component, kind="stable")
    is_last = np.zeros(len(component), dtype=bool)
    is_last[np.cumsum(size) - 1] = True
    source = np.empty(len(component), dtype=np.int64)
    source[~is_last] = np.arange(len(owner))
    source[is_last] = len(owner) + np.arange(len(size))
    position = np.empty_like(source)
    position[by_component] = source
    return pt.concatenate([free, last])[position] - shift[component]


def icar_logp(effect: Tensor, edges: NDArray[np.integer], scale: NDArray[np.float64]) -> Tensor:
    """
    Log density of an intrinsic autoregression, up to a constant.

    Shapes: effect (n_area,); edges (n_edge, 2); scale (n_edge,).

    `scale`: Scale of the component of each edge: multiplies its precision.
    """
    difference = effect[edges[:, 0]] - effect[edges[:, 1]]
    return -0.5 * pt.sum(scale * difference**2)


def unit_icar(name: str, adjacency: Adjacency, scale: NDArray[np.float64]) -> Tensor:
    """
    Add an intrinsic autoregression of unit scale to the model on the context stack.

    Shapes: scale (n_component,); returns (n_area,).

    `scale`: Scale of each component; its precision is `scale * (D - W)`. Returns: sums to zero over each component
    of at least two areas; standard normal on areas without neighbours.
    """
    size = adjacency.component_sizes
    single = size[adjacency.component] == 1
    effect = pt.zeros(len(adjacency))
    if not single.all():
        # Components are numbered by falling size, so those of several areas come first, without a gap.
        linked = np.flatnonzero(~single)
        component = adjacency.component[linked]
        free = pm.Flat(f"{name}.free", shape=len(linked) - int((size > 1).sum()))
        smooth = zero_sum(free, component)
        position = np.full(len(adjacency), -1, dtype=np.int64)
        position[linked] = np.arange(len(linked))
        edges = position[adjacency.edges]
        pm.Potential(f"{name}.density", icar_logp(smooth, edges, scale[component[edges[:, 0]]]))
        effect = pt.set_subtensor(effect[linked], smooth)
    if single.any():
        effect = pt.set_subtensor(effect[np.flatnonzero(single)], pm.Normal(f"{name}.single", shape=int(single.sum())))
    return effect


def unit_leroux(name: str, adjacency: Adjacency, rho: Tensor) -> tuple[Tensor, Tensor]:
    """
    Add a Leroux autoregression of unit scale to the model on the context stack, less its mean.

    The constant vector is an eigenvector of the precision `rho (D - W) + (1 - rho) I`, so the mean is
    independent of the rest and has variance `1 / (n (1 - rho))`.

    Shapes: returns (n_area,).
    """
    n = len(adjacency)
    if n > MAX_DENSE:
        raise DesignError(
            f"term {name!r}: a leroux term on {n:,} areas needs all eigenvalues of the graph, and engine 'nuts' takes "
            f"up to {MAX_DENSE:,}; use engine='laplace'"
        )
    eigenvalue = np.linalg.eigvalsh(adjacency.laplacian().toarray())[1:]
    free = pm.Flat(f"{name}.free", shape=n - 1)
    effect = zero_sum(free, np.zeros(n, dtype=np.int32))
    log_determinant = pt.sum(pt.log(rho * eigenvalue + 1 - rho))
    pm.Potential(
        f"{name}.density",
        rho * icar_logp(effect, adjacency.edges, np.ones(len(adjacency.edges)))
        - 0.5 * (1 - rho) * pt.sum(effect**2)
        + 0.5 * log_determinant,
    )
    return effect, 1 / (n * (1 - rho))
