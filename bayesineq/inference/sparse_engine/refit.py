"""Rows left out in earnest: the model without them, explored anew, where dividing them out would not do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import ConvergenceError
from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.explore import explore
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.leaving import kept_in, looked_at, points
from bayesineq.inference.sparse_engine.likelihoods import Own
from bayesineq.inference.sparse_engine.newton import Posterior, own_value, warm
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.passes import Observed, predict, subset
from bayesineq.inference.sparse_engine.rows import Side

Float = NDArray[np.float64]
Int = NDArray[np.int64]
HeldOut = Callable[[Observed, tuple[Own, ...], Float, Float], NDArray[Any]]

_MOST: Final = 20
_SHORT: Final = 40_000
"""Work of one field, in entries of its factor and tens of rows, up to which fitting again takes well under a second."""


def worth_refitting(model: Model, wanted: NDArray[np.bool_], badness: Float) -> list[int]:
    """What to leave out in earnest: the worst, as many as stay cheap. Shapes: wanted (n,); badness (n,)."""
    if int(model.latent.pattern.symbolic.panel_start[-1]) + 10 * len(model.data.offset) > _SHORT:
        return []
    worst = np.argsort(-badness, kind="stable")[:_MOST]
    return [int(k) for k in worst if wanted[k]]


def again(
    model: Model, mode: Posterior, rows: Int, held_out: HeldOut, pool: ThreadPoolExecutor
) -> tuple[Float, Float] | None:
    """
    Explore the hyperparameters without some rows, and say how they are predicted.

    Shapes: rows (n,); returns (2, n).

    `held_out`: Of rows and the moments of their linear predictors: array of shape (2, n), its first row a
    logarithm. Returns: averages over the hyperparameters' posterior without the rows, and its means; None where it
    has no mode.
    """
    kept = np.setdiff1d(np.arange(len(model.data.offset)), rows)
    left, own_rows = _of_rows(model.latent, rows), subset(model.data, rows)
    fewer = replace(model, latent=_of_rows(model.latent, kept), data=subset(model.data, kept))

    def look(found: Posterior) -> NDArray[Any]:
        mean = predict(left, own_rows.offset, *effects(left, found.prior, found.large, found.small), None)
        variance = np.maximum(np.diag(joint_covariance(model.latent, found, rows)), 0.0)
        return held_out(own_rows, own_value(left, own_rows, found.prior.values), mean, variance)

    begin = warm(model.latent, mode)
    try:
        begin = replace(begin, variance=begin.variance[kept])
        found = explore(fewer, begin, pool, lambda text: None, look, fine=True, weigh=False)
    except (ConvergenceError, np.linalg.LinAlgError):
        return None
    seen = np.stack([n.seen for n in looked_at(found) if n.seen is not None])
    place = points(found, fewer.latent.parameters, len(rows))
    return kept_in(place, seen, 1, pool), place.mean


def joint_covariance(latent: Latent, found: Posterior, rows: Int) -> Float:
    """
    Joint posterior covariance of the linear predictors of some rows, whether these were seen or not.

    Shapes: rows (n,); returns (n, n).
    """
    prior, n = found.prior, len(rows)
    place = np.arange(n)
    small_effect = np.zeros((latent.small.size, n))
    for block, index in enumerate(latent.small.index):
        at = latent.small.weighted[block]
        small_effect[index[rows], place] += 1.0 if at < 0 else latent.small.weight[at, rows]
    right = np.zeros((latent.n_large, n))
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        for slot in np.flatnonzero(latent.large.block == load.block):
            at, index = latent.large.weighted[slot], latent.large.index[slot, rows]
            weight = np.ones(n) if at < 0 else latent.large.weight[at, rows]
            mine = np.flatnonzero((index >= load.effect.start) & (index < load.effect.stop))
            position = index[mine] - load.effect.start + latent.large_parts[load.part].latent.start
            right[position, place[mine]] += scale * weight[mine]
    border = np.zeros((latent.n_small + latent.constraint.shape[1], n))
    border[: latent.n_small] = prior.basis.T @ small_effect
    solution, solution_border = arrow_solve(found.system, right, border)
    return np.asarray(right.T @ solution + border.T @ solution_border)


def _of_rows(latent: Latent, rows: Int) -> Latent:
    """The same field seen by some rows only."""

    def side(of: Side) -> Side:
        return of._replace(
            index=np.ascontiguousarray(of.index[:, rows]), weight=np.ascontiguousarray(of.weight[:, rows])
        )

    links = latent.links._replace(index=np.ascontiguousarray(latent.links.index[:, rows]))
    return replace(latent, small=side(latent.small), large=side(latent.large), links=links)
