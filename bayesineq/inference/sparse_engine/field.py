"""The latent field at given hyperparameters: its prior, and the way between latent values and effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from bayesineq.inference.sparse_engine.arrow import Arrow, arrow, selected_covariances
from bayesineq.inference.sparse_engine.many import Many, many_latent_sums
from bayesineq.inference.sparse_engine.parts import LargePart, Latent, Load, Scale, SmallPart
from bayesineq.inference.sparse_engine.rows import Sums
from bayesineq.model.kinds.structures import log_determinant as log_determinant_of

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Field:
    """
    Prior of the latent field at one value of the hyperparameters.

    Parameters
    ----------
    values : ndarray, shape (n_parameter,)
        Hyperparameters.
    scale : ndarray, shape (n_large_load,)
        What multiplies a large part in each effect that it enters.
    weights : tuple of ndarray, shape (n_matrix,)
        What multiplies each matrix of each large part's precision.
    basis : ndarray, shape (n_small_effect, n_small)
        Small effects from small latent values, scales included.
    precision : ndarray, shape (n_small, n_small)
        Prior precision of small latent values.
    mean : ndarray, shape (n_small,)
        Their prior mean.
    log_determinant : float
        Log determinant of the prior precision, under its constraints.
    slope : ndarray, shape (n_parameter,)
        Its derivative (non-zero for correlations only).
    """

    values: Float
    scale: Float
    weights: tuple[Float, ...]
    basis: Float
    precision: Float
    mean: Float
    log_determinant: float
    slope: Float


def field(latent: Latent, values: Float, intrinsic_log_determinant: float | None) -> Field:
    """
    Prior at given hyperparameters. Shapes: values (n_parameter,).

    `intrinsic_log_determinant`: Log determinant of the sparse block's prior where it is constant, as
    `constant_log_determinant` gives it.
    """
    scale = np.array([load_scale(load, latent.large_parts[load.part], values) for load in latent.large_loads])
    weights = _weights(latent, values)
    slope = np.zeros(len(values))
    if intrinsic_log_determinant is None:
        log_determinant = _structure_log_determinant(latent, values, prior_entries(latent, weights), slope)
    else:
        log_determinant = intrinsic_log_determinant
        for one in latent.large_parts:
            if one.correlations:
                log_determinant += _product_log_determinant(one, values, slope)
    basis = np.zeros((latent.small.size, latent.n_small))
    precision = np.zeros((latent.n_small, latent.n_small))
    mean = np.empty(latent.n_small)
    for load in latent.small_loads:
        part = latent.small_parts[load.part]
        basis[load.effect, part.latent] = load_scale(load, part, values) * part.basis
    for part in latent.small_parts:
        mean[part.latent] = part.mean
        if part.structure is None:
            precision[part.latent, part.latent] = np.diag(part.precision)
            log_determinant += np.log(part.precision).sum()
        else:
            at = correlations_of(part, values)
            whole = part.structure.precision(at).toarray()
            precision[part.latent, part.latent] = whole
            root = cho_factor(whole)
            log_determinant += 2.0 * np.log(np.diag(root[0])).sum()
            for name, change in small_changes(part, values).items():
                slope[part.correlations[name]] += float(np.trace(cho_solve(root, change)))
    return Field(values, scale, weights, basis, precision, mean, float(log_determinant), slope)


def constant_log_determinant(latent: Latent) -> float | None:
    """Log determinant of the sparse prior without regular products, where no hyperparameter changes the rest."""
    moving = [part for part in latent.large_parts if part.correlations]
    if any(not part.structure.factors or part.structure.n_held for part in moving):
        return None
    # Regular products have a log determinant of their own: the identity stands in for them.
    weights = tuple(
        np.zeros(len(part.structure.matrices)) if part.correlations else one
        for part, one in zip(latent.large_parts, _weights(latent, np.full(len(latent.parameters), 0.5)), strict=True)
    )
    entry = prior_entries(latent, weights)
    for part in moving:
        entry[part.diagonal] = 1.0
    return _prior_system(latent, entry).log_determinant


def _prior_system(latent: Latent, entry: Float) -> Arrow:
    """The sparse block's prior, factorised. Shapes: entry (n_entry,)."""
    n_constraint = latent.constraint.shape[1]
    if isinstance(latent.mixed, Many):
        # Of rows' variables the prior knows nothing: a pivot of -1 adds nothing.
        entry = entry.copy()
        entry[latent.mixed.own_entry] = -1.0
    return arrow(latent.pattern, entry, latent.constraint, np.zeros((n_constraint, n_constraint)))


def _product_log_determinant(part: LargePart, values: Float, slope: Float) -> float:
    """Of a regular product at given hyperparameters; adds its derivatives to `slope`."""
    found = log_determinant_of(part.structure, correlations_of(part, values))
    assert found is not None
    for name, own in found[1].items():
        slope[part.correlations[name]] += own
    return found[0]


def part_scale(part: SmallPart | LargePart, values: Float) -> Float:
    """
    What multiplies a part. Shapes: values (..., n_parameter); returns (...,).

    Returns: the product of its factors: sigma, or sigma sqrt(phi) and sigma sqrt(1 - phi) of the halves of BYM2.
    """
    return _product(part.scale, values)


def load_scale(load: Load, part: SmallPart | LargePart, values: Float) -> Float:
    """What multiplies a part in an effect. Shapes: values (..., n_parameter); returns (...,)."""
    product = part_scale(part, values)
    if not load.scale and load.constant == 1.0:
        return product
    return load.constant * product * _product(load.scale, values)


def _product(scales: Sequence[Scale], values: Float) -> Float:
    product = np.ones(values.shape[:-1])
    for scale in scales:
        product = product * scale.factor.of(values[..., scale.at])
    return product


def load_slopes(load: Load, part: SmallPart | LargePart, values: Float) -> dict[int, float]:
    """Derivative of what multiplies a part in an effect, in each hyperparameter that is the load's alone."""
    out: dict[int, float] = {}
    whole = load.constant * float(part_scale(part, values))
    for k, scale in enumerate(load.scale):
        rest = float(_product([*load.scale[:k], *load.scale[k + 1 :]], values))
        out[scale.at] = out.get(scale.at, 0.0) + whole * rest * float(scale.factor.slope(values[scale.at]))
    return out


def correlations_of(part: SmallPart | LargePart, values: Float) -> dict[str, Any]:
    """Correlations of a part by name, from hyperparameters of shape (..., n_parameter)."""
    return {name: values[..., at] for name, at in part.correlations.items()}


def small_changes(part: SmallPart, values: Float) -> dict[str, Float]:
    """Derivative of a small part's precision in each of its correlations, shape (n_latent, n_latent)."""
    if part.structure is None:
        return {}
    at = correlations_of(part, values)
    return {
        name: sum(slope * matrix for slope, matrix in zip(slopes, part.structure.matrices, strict=True)).toarray()
        for name in part.correlations
        for slopes in (part.structure.slopes(name, at),)
    }


def _weights(latent: Latent, values: Float) -> tuple[Float, ...]:
    return tuple(
        np.array(part.structure.weights(correlations_of(part, values)), dtype=np.float64) for part in latent.large_parts
    )


def prior_entries(latent: Latent, weights: tuple[Float, ...]) -> Float:
    """Prior precision of the sparse block. Shapes: weights (n_matrix,); returns (n_entry,)."""
    entry = np.zeros(len(latent.pattern.row))
    for part, weight in zip(latent.large_parts, weights, strict=True):
        entry[part.diagonal] = weight @ part.on + part.ridge
        entry[part.edge] = weight @ part.below
    return entry


def _structure_log_determinant(latent: Latent, values: Float, entry: Float, slope: Float) -> float:
    system = _prior_system(latent, entry)
    correlated = [part for part in latent.large_parts if part.correlations]
    if correlated:
        covariance = selected_covariances(system, system.reach @ system.inner)
        for part in correlated:
            trace = part_traces(part, covariance)
            for name, change in large_changes(part, values).items():
                slope[part.correlations[name]] += float(change @ trace)
    return system.log_determinant


def large_changes(part: LargePart, values: Float) -> dict[str, Float]:
    """Derivative of the weights of a large part's matrices in each of its correlations, shape (n_matrix,)."""
    at = correlations_of(part, values)
    return {name: np.array(part.structure.slopes(name, at), dtype=np.float64) for name in part.correlations}


def part_traces(part: LargePart, covariance: Float) -> Float:
    """
    Trace of each matrix of a part's precision times its covariance.

    Shapes: covariance (n_entry,); returns (n_matrix,).
    """
    return np.asarray(part.on @ covariance[part.diagonal] + 2.0 * (part.below @ covariance[part.edge]))


def prior_force(latent: Latent, prior: Field, large: Float, small: Float) -> tuple[Float, Float, float]:
    """Gradient of the prior's quadratic form."""
    force = np.zeros(latent.n_large)
    for part, weights in zip(latent.large_parts, prior.weights, strict=True):
        z = large[part.latent]
        force[part.latent] = part.ridge * z
        for weight, matrix in zip(weights, part.structure.matrices, strict=True):
            force[part.latent] += weight * (matrix @ z)
    away = small - prior.mean
    small_force = prior.precision @ away
    return force, small_force, float(force @ large + small_force @ away)


def effects(latent: Latent, prior: Field, large: Float, small: Float) -> tuple[Float, Float]:
    """Effects from latent values."""
    out = np.zeros((latent.large.size, *large.shape[1:]))
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        out[load.effect] += scale * large[latent.large_parts[load.part].latent]
    return out, prior.basis @ small


def latent_sums(latent: Latent, prior: Field, sums: Sums, spare: int) -> tuple[Float, Float, Float, Float, Float]:
    """
    A'g and A'WA of effects as those of latent values.

    Returns: gradient of the two, curvature on the sparse pattern, between the two (followed by the constraints and
    the spare columns), and of the small.
    """
    if isinstance(latent.mixed, Many):
        return many_latent_sums(latent, latent.mixed, prior, sums, spare)
    large = np.zeros(latent.n_large)
    across = sums.cross @ prior.basis
    n_border = latent.n_small + latent.constraint.shape[1]
    border = np.empty((latent.n_large, n_border + spare))
    border[:, latent.n_small : n_border] = latent.constraint
    entered: set[int] = set()
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        at = latent.large_parts[load.part].latent
        large[at] += scale * sums.large[load.effect]
        if load.part in entered:
            border[at, : latent.n_small] += scale * across[load.effect]
        else:
            np.multiply(scale, across[load.effect], out=border[at, : latent.n_small])
        entered.add(load.part)
    entry = np.zeros(len(latent.pattern.row))
    for c in latent.couplings:
        entry[c.entry] += prior.scale[c.left] * prior.scale[c.right] * sums.link[c.link]
    full = sums.corner + sums.corner.T
    full[np.diag_indices_from(full)] *= 0.5
    return large, prior.basis.T @ sums.small, entry, border, prior.basis.T @ full @ prior.basis
