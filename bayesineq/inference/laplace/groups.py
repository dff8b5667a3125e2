"""
Leave-group-out cross-validation: how well whole groups of rows are predicted from all others.

Leaving out one area of a smooth map flatters the map, since its neighbours nearly tell its value. Leaving out a
district or a ring of neighbours asks what the model says where it has no data near. The likelihoods of the group are
divided out of the joint Gaussian of its linear predictors; hyperparameters stay at their mode (Liu and Rue 2022,
https://arxiv.org/abs/2210.04482).
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.design.matrix import Design
from bayesineq.errors import DesignError
from bayesineq.inference.inner import inner
from bayesineq.inference.laplace.arrow import arrow_solve
from bayesineq.inference.laplace.checks import log_predictive
from bayesineq.inference.laplace.engine import build, worker_threads
from bayesineq.inference.laplace.hyper import Model, find_mode
from bayesineq.inference.laplace.newton import Posterior, own_value
from bayesineq.inference.laplace.passes import subset

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_LARGEST: Final = 2000


def leave_group_out(design: Design, groups: ArrayLike) -> pd.DataFrame:
    """
    Log predictive density of every row given all rows of other groups.

    Parameters
    ----------
    design : Design
        A table seen through a card.
    groups : array_like, shape (n_row,)
        Group of each row: a district, a region, or the area itself where areas have many rows.

    Returns
    -------
    DataFrame
        `group`, `log_density` and `failure` (1 where dividing the group out cannot be trusted), a row a row.

    Raises
    ------
    DesignError
        If the groups are not one a row, are all one, or hold more than 2,000 rows.
    """
    code, label = pd.factorize(np.asarray(groups))
    sizes = np.bincount(code[code >= 0], minlength=1)
    if len(code) != len(design) or (code < 0).any() or len(label) < 2 or int(sizes.max()) > _LARGEST:
        raise DesignError(
            f"groups must name one group for each of the {len(design)} rows, at least two groups and at most "
            f"{_LARGEST} rows in each; given are {len(code)} entries in {len(label)} groups, "
            f"the largest of {int(sizes.max())} rows"
        )
    density, failed = np.empty(len(design)), np.zeros(len(design))
    with worker_threads(min(os.cpu_count() or 1, 4)) as pool:
        model, start = build(inner(design), "variational")
        found = find_mode(model, start, pool, lambda text: None).found

        def work(rows: Int) -> None:
            mean, variance, trusted = without_group(model, found, rows)
            own = own_value(model.latent, found.prior.values)
            density[rows] = log_predictive(subset(model.data, rows), own, mean, variance)
            failed[rows] = 0.0 if trusted else 1.0

        order = np.argsort(code, kind="stable")
        jobs = [pool.submit(work, rows) for rows in np.split(order, np.cumsum(sizes)[:-1])]
        for job in jobs:
            job.result()
    return pd.DataFrame({"group": label[code], "log_density": density, "failure": failed})


def without_group(model: Model, found: Posterior, rows: Int) -> tuple[Float, Float, bool]:
    """
    Linear predictors of some rows had their outcomes not been seen.

    With Sigma their joint covariance, W their curvatures and g their slopes at the fixed point, the covariance without
    them is C = Sigma (I - W Sigma)^-1 and the mean m - C g.

    Parameters
    ----------
    model : Model
        The model.
    found : Posterior
        The latent field, seen with all rows.
    rows : ndarray of int64, shape (n_group,)
        Rows of the group.

    Returns
    -------
    (ndarray, ndarray, bool)
        Means and variances, and whether C is a covariance.
    """
    latent, prior, n = model.latent, found.prior, len(rows)
    place = np.arange(n)
    small_effect = np.zeros((latent.small.size, n))
    for block, index in enumerate(latent.small.index):
        at = latent.small.weighted[block]
        small_effect[index[rows], place] += 1.0 if at < 0 else latent.small.weight[at, rows]
    right = np.zeros((latent.n_large, n))
    for k, part in enumerate(latent.large_parts):
        at = latent.large.weighted[part.block]
        weight = 1.0 if at < 0 else latent.large.weight[at, rows]
        position = latent.large.index[part.block, rows] - part.effect.start + part.latent.start
        right[position, place] += prior.scale[k] * weight
    border = np.zeros((latent.n_small + latent.constraint.shape[1], n))
    border[: latent.n_small] = prior.basis.T @ small_effect
    solution, solution_border = arrow_solve(found.system, right, border)
    joint = right.T @ solution + border.T @ solution_border
    without = np.linalg.solve((np.eye(n) - found.curvature[rows][:, None] * joint).T, joint.T).T
    variance = np.diag(without)
    trusted = bool(np.isfinite(without).all() and (variance > 0.0).all())
    return found.mean[rows] - without @ found.slope[rows], np.maximum(variance, 0.0), trusted
