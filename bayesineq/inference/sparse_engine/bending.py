"""
What bending adds to the evidence beyond its first order, on short fields.

Newton's method takes rows as straight, so that its system H lacks the curvature G = sum over rows of g F, with g a
row's slope and F the second derivative of its predictor. The bound holds tr(G S) / 2 of it, by the lift of the means;
the evidence has -log|I - S G| / 2. The difference, about tr(S G S G) / 4, is felt where a few rows tell as many areas,
and falls with the number of areas that a row reads.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.many import Many
from bayesineq.inference.sparse_engine.newton import Posterior
from bayesineq.inference.sparse_engine.parts import Latent

Float = NDArray[np.float64]

_SHORT: Final = 800
"""Latent values up to which the whole covariance is formed."""


def bending_gap(latent: Latent, many: Many, found: Posterior) -> float:
    """-log|I - S G| / 2 - tr(S G) / 2; 0 for long fields, or where that has no meaning."""
    if many.n_field + latent.n_small > _SHORT:
        return 0.0
    bend, covariance = member_curvature(latent, many, found), field_covariance(latent, many, found)
    product = covariance @ bend
    sign, log_rest = np.linalg.slogdet(np.eye(len(product)) - product)
    return max(-0.5 * float(log_rest) - 0.5 * float(np.trace(product)), 0.0) if sign > 0.0 else 0.0


def field_covariance(latent: Latent, many: Many, found: Posterior) -> Float:
    """Covariance of large and small latent values, shape (n_field + n_small, n_field + n_small)."""
    n, p = many.n_field, latent.n_small
    right, gap = np.zeros((latent.n_large, n + p)), np.zeros((p + latent.constraint.shape[1], n + p))
    right[np.arange(n), np.arange(n)] = 1.0
    gap[np.arange(p), n + np.arange(p)] = 1.0
    large, border = arrow_solve(found.system, right, gap)
    whole = np.vstack([large[:n], border[:p]])
    return np.asarray(0.5 * (whole + whole.T))


def member_curvature(latent: Latent, many: Many, found: Posterior) -> Float:
    """G, of large and small latent values: as `field_covariance`."""
    assert many.place is not None
    reads = members_read(latent, many, found)
    k, row = many.place.slope, many.row
    own = found.slope[row] * k * many.place.curve
    n_row = many.n_row
    by_row = csr_array((k, np.arange(len(k)), many.start), shape=(n_row, len(k))) @ reads
    first = reads.T @ csr_array((own, (np.arange(len(k)), np.arange(len(k))))) @ reads
    row_weight = found.slope * many.place.row_curve
    second = by_row.T @ csr_array((row_weight, (np.arange(n_row), np.arange(n_row)))) @ by_row
    return np.asarray((first - second).toarray())


def members_read(latent: Latent, many: Many, found: Posterior) -> csr_array:
    """Members against latent values, shape (n_member, n_field + n_small)."""
    n_member, prior = len(many.row), found.prior
    each = np.arange(n_member)
    row, column, value = list[NDArray[np.integer]](), list[NDArray[np.integer]](), list[Float]()
    for k, part in enumerate(latent.large_parts):
        b = many.part_block[k]
        at = many.large.weighted[b]
        weight = np.ones(n_member) if at < 0 else many.large.weight[at]
        row.append(each)
        column.append(many.large.index[b] - latent.large_loads[k].effect.start + part.latent.start)
        value.append(prior.scale[k] * weight)
    small = csr_array((n_member, many.small.size))
    for b, index in enumerate(many.small.index):
        at = many.small.weighted[b]
        weight = np.ones(n_member) if at < 0 else many.small.weight[at]
        small = small + csr_array((weight, (each, index)), shape=small.shape)
    of_small = (small @ csr_array(prior.basis)).tocoo()
    row.append(of_small.row)
    column.append(of_small.col + many.n_field)
    value.append(of_small.data)
    shape = n_member, many.n_field + latent.n_small
    return csr_array((np.concatenate(value), (np.concatenate(row), np.concatenate(column))), shape=shape)
