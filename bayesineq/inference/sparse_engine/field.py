"""The latent field at given hyperparameters: its prior, and the way between latent values and effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import arrow, selected_covariances
from bayesineq.inference.sparse_engine.parts import LargePart, Latent
from bayesineq.inference.sparse_engine.rows import Sums

Float = NDArray[np.float64]

# Makes intrinsic structures invertible where no data reach; relative to them it is nothing.
_RIDGE = 1e-8


@dataclass(frozen=True, slots=True)
class Field:
    """
    Prior of the latent field at one value of the hyperparameters.

    Parameters
    ----------
    values : ndarray, shape (n_parameter,)
        Hyperparameters.
    scale : ndarray, shape (n_large_part,)
        What multiplies each large part.
    laplacian, white : ndarray, shape (n_large_part,)
        a and b of each part's precision a L + b I.
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
    laplacian: Float
    white: Float
    basis: Float
    precision: Float
    mean: Float
    log_determinant: float
    slope: Float


def field(latent: Latent, values: Float, intrinsic_log_determinant: float | None) -> Field:
    """
    Prior at given hyperparameters.

    Parameters
    ----------
    latent : Latent
        The latent field.
    values : ndarray, shape (n_parameter,)
        Hyperparameters.
    intrinsic_log_determinant : float or None
        Log determinant of the sparse block's prior where it is constant, as `constant_log_determinant` gives it.

    Returns
    -------
    Field
        The prior.
    """
    scale = np.array([part_scale(part, values) for part in latent.large_parts])
    laplacian, white = _coefficients(latent, values)
    slope = np.zeros(len(values))
    if intrinsic_log_determinant is None:
        log_determinant = _structure_log_determinant(latent, prior_entries(latent, laplacian, white), slope)
    else:
        log_determinant = intrinsic_log_determinant
    basis = np.zeros((latent.small.size, latent.n_small))
    precision = np.zeros((latent.n_small, latent.n_small))
    mean = np.empty(latent.n_small)
    for part in latent.small_parts:
        factor = 1.0 if part.sigma < 0 else values[part.sigma]
        basis[part.effect, part.latent] = factor * part.basis
        mean[part.latent] = part.mean
        if part.rho < 0:
            precision[part.latent, part.latent] = np.diag(part.precision)
            log_determinant += np.log(part.precision).sum()
        else:
            rho, n = values[part.rho], len(part.mean)
            precision[part.latent, part.latent] = autoregression(n, rho)[0]
            log_determinant -= (n - 1) * np.log1p(-rho * rho)
            slope[part.rho] += (n - 1) * 2.0 * rho / (1.0 - rho * rho)
    return Field(values, scale, laplacian, white, basis, precision, mean, float(log_determinant), slope)


def constant_log_determinant(latent: Latent) -> float | None:
    """
    Log determinant of the sparse block's prior, where no hyperparameter changes it.

    Parameters
    ----------
    latent : Latent
        The latent field.

    Returns
    -------
    float or None
        None where a correlation changes it.
    """
    if any(part.rho >= 0 for part in latent.large_parts):
        return None
    entry = prior_entries(latent, *_coefficients(latent, np.empty(0)))
    return _structure_log_determinant(latent, entry, np.empty(0))


def part_scale(part: LargePart, values: Float) -> float:
    """
    What multiplies a large part.

    Parameters
    ----------
    part : LargePart
        The part.
    values : ndarray, shape (n_parameter,)
        Hyperparameters.

    Returns
    -------
    float
        sigma, or its share sqrt(phi) or sqrt(1 - phi).
    """
    share = 1.0
    if part.phi >= 0:
        share = values[part.phi] if part.intrinsic else 1.0 - values[part.phi]
    return float(values[part.sigma] * np.sqrt(share))


def autoregression(n: int, rho: float) -> tuple[Float, Float]:
    """
    Precision of a stationary first-order autoregression of unit variance, and its derivative in rho.

    Parameters
    ----------
    n : int
        Length.
    rho : float
        Correlation of neighbours.

    Returns
    -------
    (ndarray, ndarray), shape (n, n)
        Precision and derivative.
    """
    whole, inner, beside = autoregression_structures(n)
    raw = whole + rho * rho * inner - rho * beside
    raw_slope = 2.0 * rho * inner - beside
    rest = 1.0 - rho * rho
    return raw / rest, (raw_slope * rest + 2.0 * rho * raw) / rest**2


def autoregression_structures(n: int) -> tuple[Float, Float, Float]:
    """
    What the precision of a first-order autoregression of unit variance is made of.

    Parameters
    ----------
    n : int
        Length.

    Returns
    -------
    (ndarray, ndarray, ndarray), shape (n, n)
        I, K and B: the precision is (I + rho^2 K - rho B) / (1 - rho^2).
    """
    inner = np.ones(n)
    inner[[0, -1]] = 0.0
    return np.eye(n), np.diag(inner), np.eye(n, k=1) + np.eye(n, k=-1)


def _coefficients(latent: Latent, values: Float) -> tuple[Float, Float]:
    laplacian, white = np.zeros(len(latent.large_parts)), np.ones(len(latent.large_parts))
    for k, part in enumerate(latent.large_parts):
        if part.intrinsic:
            laplacian[k], white[k] = 1.0, _RIDGE
        elif part.rho >= 0:
            laplacian[k], white[k] = values[part.rho], 1.0 - values[part.rho]
    return laplacian, white


def prior_entries(latent: Latent, laplacian: Float, white: Float) -> Float:
    """
    Prior precision of the sparse block.

    Parameters
    ----------
    latent : Latent
        The latent field.
    laplacian, white : ndarray, shape (n_large_part,)
        a and b of each part's precision a L + b I.

    Returns
    -------
    ndarray, shape (n_entry,)
        Its entries.
    """
    entry = np.zeros(len(latent.pattern.row))
    for k, part in enumerate(latent.large_parts):
        entry[part.diagonal] = white[k]
        if part.laplacian is not None:
            entry[part.diagonal] += laplacian[k] * part.laplacian.diagonal()
            entry[part.edge] = laplacian[k] * edge_values(part)
    return entry


def edge_values(part: LargePart) -> Float:
    """
    Entries of a part's Laplacian below the diagonal.

    Parameters
    ----------
    part : LargePart
        The part.

    Returns
    -------
    ndarray, shape (n_edge,)
        In the order of `part.edge`.
    """
    if part.laplacian is None:
        return np.empty(0)
    coordinates = part.laplacian.tocoo()
    return np.asarray(coordinates.data[coordinates.row > coordinates.col])


def _structure_log_determinant(latent: Latent, entry: Float, slope: Float) -> float:
    n_constraint = latent.constraint.shape[1]
    system = arrow(latent.pattern, entry, latent.constraint, np.zeros((n_constraint, n_constraint)))
    correlated = [part for part in latent.large_parts if part.rho >= 0]
    if correlated:
        covariance = selected_covariances(system, system.reach @ system.inner)
        for part in correlated:
            slope[part.rho] += _trace_of_change(part, covariance)
    return system.log_determinant


def _trace_of_change(part: LargePart, covariance: Float) -> float:
    """Trace of covariance times dR/drho = L - I."""
    return part_trace(part, covariance) - float(covariance[part.diagonal].sum())


def part_trace(part: LargePart, covariance: Float) -> float:
    """
    Trace of a part's Laplacian times its covariance.

    Parameters
    ----------
    part : LargePart
        The part.
    covariance : ndarray, shape (n_entry,)
        Covariances on the sparse pattern.

    Returns
    -------
    float
        tr(L S); zero without L.
    """
    if part.laplacian is None:
        return 0.0
    on = float(part.laplacian.diagonal() @ covariance[part.diagonal])
    return on + 2.0 * float(edge_values(part) @ covariance[part.edge])


def prior_force(latent: Latent, prior: Field, large: Float, small: Float) -> tuple[Float, Float, float]:
    """
    Gradient of the prior's quadratic form.

    Parameters
    ----------
    latent : Latent
        The latent field.
    prior : Field
        Its prior.
    large, small : ndarray
        Latent values.

    Returns
    -------
    (ndarray, ndarray, float)
        R z and M0 (alpha - mean), and the quadratic form itself.
    """
    force = np.empty(latent.n_large)
    for k, part in enumerate(latent.large_parts):
        z = large[part.latent]
        force[part.latent] = prior.white[k] * z
        if part.laplacian is not None:
            force[part.latent] += prior.laplacian[k] * (part.laplacian @ z)
    away = small - prior.mean
    small_force = prior.precision @ away
    return force, small_force, float(force @ large + small_force @ away)


def effects(latent: Latent, prior: Field, large: Float, small: Float) -> tuple[Float, Float]:
    """
    Effects from latent values.

    Parameters
    ----------
    latent : Latent
        The latent field.
    prior : Field
        Its prior, for the scales.
    large, small : ndarray
        Latent values; columns, if there are any, are draws.

    Returns
    -------
    (ndarray, ndarray)
        Large and small effects.
    """
    out = np.zeros((latent.large.size, *large.shape[1:]))
    for k, part in enumerate(latent.large_parts):
        out[part.effect] += prior.scale[k] * large[part.latent]
    return out, prior.basis @ small


def latent_sums(latent: Latent, prior: Field, sums: Sums, spare: int) -> tuple[Float, Float, Float, Float, Float]:
    """
    A'g and A'WA of effects as those of latent values.

    Parameters
    ----------
    latent : Latent
        The latent field.
    prior : Field
        Its prior, for the scales.
    sums : Sums
        By effect.
    spare : int
        Columns that the caller fills with right-hand sides.

    Returns
    -------
    (large, small, entry, border, corner)
        Gradient of the two, curvature on the sparse pattern, between the two (followed by the constraints and the
        spare columns), and of the small.
    """
    large = np.empty(latent.n_large)
    across = sums.cross @ prior.basis
    n_border = latent.n_small + latent.constraint.shape[1]
    border = np.empty((latent.n_large, n_border + spare))
    border[:, latent.n_small : n_border] = latent.constraint
    for k, part in enumerate(latent.large_parts):
        large[part.latent] = prior.scale[k] * sums.large[part.effect]
        np.multiply(prior.scale[k], across[part.effect], out=border[part.latent, : latent.n_small])
    entry = np.zeros(len(latent.pattern.row))
    for c in latent.couplings:
        entry[c.entry] += prior.scale[c.left] * prior.scale[c.right] * sums.link[c.link]
    full = sums.corner + sums.corner.T
    full[np.diag_indices_from(full)] *= 0.5
    return large, prior.basis.T @ sums.small, entry, border, prior.basis.T @ full @ prior.basis
