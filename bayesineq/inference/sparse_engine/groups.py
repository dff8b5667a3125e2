"""
Leave-group-out cross-validation: how well whole groups of rows are predicted from all others.

Leaving out one area of a smooth map flatters the map, since its neighbours nearly tell its value. Leaving out a
district or a ring of neighbours asks what the model says where it has no data near. The likelihoods of the group are
divided out of the joint Gaussian of its linear predictors (Liu and Rue 2022, https://arxiv.org/abs/2210.04482), and
the hyperparameters are averaged over without it; a group that moves them beyond what was explored is left out in
earnest, where tables are short enough to be fitted again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.design.matrix import Design
from bayesineq.errors import DesignError
from bayesineq.inference.inner import inner
from bayesineq.inference.sparse_engine.checks import held_out, log_predictive
from bayesineq.inference.sparse_engine.engine import build, worker_threads
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.leaving import LOST, MOVED, left_out, looked_at, points
from bayesineq.inference.sparse_engine.modes import explore_modes
from bayesineq.inference.sparse_engine.newton import Posterior, own_value
from bayesineq.inference.sparse_engine.passes import expected, subset
from bayesineq.inference.sparse_engine.refit import again, joint_covariance, worth_refitting

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
        Group of each row: a district, a region, or the area itself where areas have many rows. Rows without an
        outcome have no density and are left away.

    Returns
    -------
    DataFrame
        A row a row: `group`; `log_density`; `moves`, how many posterior standard deviations the hyperparameter that
        moves most lies elsewhere without the group; and `failure`, 1 where leaving it out cannot be trusted.

    Raises
    ------
    DesignError
        If the groups are not one a row, are all one, or hold more than 2,000 rows.

    Examples
    --------
    >>> import bayesineq as bi
    >>> place = bi.example()
    >>> study = bi.design(place.table, bi.read_card("prevalence"), adjacency=place.adjacency)
    >>> found = leave_group_out(study, place.table["imd_decile"] <= 5)
    >>> found.groupby("group")["log_density"].mean().round(1)
    group
    False   -4.0
    True    -4.4
    Name: log_density, dtype: float64
    """
    if design.members is not None:
        raise DesignError(
            f"card {design.card.name!r} has the latent column {', '.join(design.card.latent)}, and rows whose mean is "
            "a weighted sum of means are not left out by group; leave them out of the table and fit it again"
        )
    given = np.asarray(groups)
    if len(given) == len(design):
        given, design = given[design.response.observed], design.known()
    code, label = pd.factorize(given)
    sizes = np.bincount(code[code >= 0], minlength=1)
    if len(code) != len(design) or (code < 0).any() or len(label) < 2 or int(sizes.max()) > _LARGEST:
        raise DesignError(
            f"groups must name one group for each of the {len(design)} rows, at least two groups and at most "
            f"{_LARGEST} rows in each; given are {len(code)} entries in {len(label)} groups, "
            f"the largest of {int(sizes.max())} rows"
        )
    order = np.split(np.argsort(code, kind="stable"), np.cumsum(sizes)[:-1])
    with worker_threads(min(os.cpu_count() or 1, 4)) as pool:
        model, start = build(inner(design), "variational")
        explored = explore_modes(model, start, pool, lambda text: None, group_checks(model, order))[0]
        mode = explored.nodes[0]
        seen = np.stack([n.seen for n in looked_at(explored) if n.seen is not None]).astype(np.float64)
        place = points(explored, model.latent.parameters, len(design))
        without = left_out(place, seen[:, 0], seen[:, 1:2], 1, pool)
        density, moves = without.values[0], without.moves
        lost = (mode.seen[2] > 0.0 if mode.seen is not None else np.zeros(len(design))) | ~np.isfinite(density)
        lost = lost | (moves > LOST)
        first = np.array([rows[0] for rows in order])
        badness = np.where(lost, np.inf, moves)[first]
        for group in worth_refitting(model, badness > MOVED, badness):
            found = again(model, mode.found, order[group], held_out, pool)
            if found is not None:
                density[order[group]], lost[order[group]] = found[0][0], False
                without.measure(order[group], place, found[1])
    return pd.DataFrame(
        {"group": label[code], "log_density": density, "moves": moves, "failure": lost.astype(np.float64)}
    )


def group_checks(model: Model, groups: list[Int]) -> Callable[[Posterior], NDArray[Any]]:
    """
    What a node says of groups of rows.

    Returns: of a latent field: array of shape (3, n_row) in single precision. Joint log density of the row's group
    given all others, up to what no hyperparameter changes; log density of the row given all rows of other groups;
    and 1 where the group cannot be divided out.
    """

    def look(found: Posterior) -> NDArray[Any]:
        own = own_value(model.latent, model.data, found.prior.values)
        out = np.zeros((3, len(found.mean)), dtype=np.float32)
        for rows in groups:
            mean, variance, joint, trusted = without_group(model, found, rows)
            out[0, rows] = joint
            out[1, rows] = log_predictive(subset(model.data, rows), own, mean, variance)
            out[2, rows] = not trusted
        return out

    return look


def without_group(model: Model, found: Posterior, rows: Int) -> tuple[Float, Float, float, bool]:
    """
    Linear predictors of some rows had their outcomes not been seen.

    With S their joint covariance, W their curvatures and g their slopes at the fixed point, the covariance without
    them is C = S (I - W S)^-1 and the mean m - C g. The variational bound on their joint density under that Gaussian is
    E_q[log p] + (tr(W S) + log|I - W S| - g'C g) / 2.

    Shapes: rows (n_group,).

    Returns: means and variances, the joint log density, and whether C is a covariance.
    """
    n, data = len(rows), subset(model.data, rows)
    joint = joint_covariance(model.latent, found, rows)
    curvature, slope = found.curvature[rows], found.slope[rows]
    rest = np.eye(n) - curvature[:, None] * joint
    without = np.linalg.solve(rest.T, joint.T).T
    variance = np.diag(without)
    sign, log_rest = np.linalg.slogdet(rest)
    trusted = bool(sign > 0.0 and np.isfinite(without).all() and (variance > 0.0).all())
    own = own_value(model.latent, model.data, found.prior.values)
    total = expected(data, own, found.mean[rows], found.variance[rows], None)[0]
    gained = total + 0.5 * (float(curvature @ np.diag(joint)) + float(log_rest) - float(slope @ without @ slope))
    return found.mean[rows] - without @ slope, np.maximum(variance, 0.0), gained if trusted else 0.0, trusted
