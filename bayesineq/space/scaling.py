"""Typical variance of an intrinsic autoregression on a graph, so that one prior means the same on any graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.space.adjacency import Adjacency
from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import factorise, solve
from bayesineq.sparse.symbolic import analyse

Float = NDArray[np.float64]


def scale_factors(adjacency: Adjacency) -> Float:
    """
    Geometric mean of the marginal variances of the intrinsic autoregression, by connected component.

    Multiplying the precision D - W of a component by its factor makes the typical variance one.

    Parameters
    ----------
    adjacency : Adjacency
        Graph of areas.

    Returns
    -------
    ndarray, shape (n_component,)
        Factor of each component, in the numbering of `adjacency.component`. A singleton, on which the intrinsic
        autoregression is not defined, has 1 by convention: its effect is N(0, 1).

    References
    ----------
    Sorbye and Rue 2014, https://doi.org/10.1016/j.spasta.2013.06.004;
    Freni-Sterrantino, Ventrucci and Rue 2018, https://doi.org/10.1016/j.sste.2018.04.001

    Examples
    --------
    >>> from bayesineq.space.adjacency import from_edges
    >>> pair_and_island = from_edges([("a", "b")], areas=["a", "b", "c"])
    >>> scale_factors(pair_and_island).round(3)
    array([0.25, 1.  ])
    """
    variance = marginal_variances(adjacency)
    sizes = adjacency.component_sizes
    return np.exp(np.bincount(adjacency.component, weights=np.log(variance)) / sizes)


def marginal_variances(adjacency: Adjacency) -> Float:
    """
    Marginal variances of the intrinsic autoregression D - W under a sum to zero in each component.

    With G the inverse after one area of the component is held at zero, the constrained covariance is C G C, where C
    subtracts the component's mean; its diagonal needs the selected inverse and one solve.

    Parameters
    ----------
    adjacency : Adjacency
        Graph of areas.

    Returns
    -------
    ndarray, shape (n_area,)
        Variance of each area; 1 for a singleton.

    Examples
    --------
    >>> from bayesineq.space.adjacency import from_edges
    >>> path = from_edges([("a", "b"), ("b", "c")])
    >>> marginal_variances(path).round(3)
    array([0.556, 0.222, 0.556])
    """
    n, component, sizes = len(adjacency), adjacency.component, adjacency.component_sizes
    held = np.zeros(n, dtype=bool)
    held[np.unique(component, return_index=True)[1]] = True
    degree = np.bincount(adjacency.edges.ravel(), minlength=n).astype(float)
    first, second = adjacency.edges.T
    row, column = np.concatenate([np.arange(n), first]), np.concatenate([np.arange(n), second])
    value = np.concatenate([np.where(held, 1.0, degree), np.where(held[first] | held[second], 0.0, -1.0)])
    factor = factorise(analyse(n, row, column), value)
    inverse = np.where(held, 0.0, selected_inverse(factor)[:n])
    total = np.where(held, 0.0, solve(factor, np.where(held, 0.0, 1.0)))
    mean = np.bincount(component, weights=total) / sizes**2
    variance = inverse - 2.0 * total / sizes[component] + mean[component]
    return np.where(sizes[component] == 1, 1.0, variance)
