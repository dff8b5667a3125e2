"""How the evidence bound and the latent field move with the hyperparameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.field import (
    large_changes,
    load_slopes,
    part_traces,
    prior_force,
    small_changes,
)
from bayesineq.inference.sparse_engine.newton import Posterior, contribution_scale
from bayesineq.inference.sparse_engine.parts import LargePart, Latent, SmallPart
from bayesineq.inference.sparse_engine.passes import sums_over_rows

Float = NDArray[np.float64]


def log_scale_slopes(latent: Latent, values: Float) -> tuple[Float, Float]:
    """Derivative of the logarithm of each part's scale in the hyperparameters. Shapes: values (n_parameter,)."""
    out = []
    sides: tuple[tuple[SmallPart | LargePart, ...], ...] = (latent.large_parts, latent.small_parts)
    for parts in sides:
        slope = np.zeros((len(parts), len(values)))
        for k, part in enumerate(parts):
            for scale in part.scale:
                slope[k, scale.at] += scale.factor.log_slope(values[scale.at])
        out.append(slope)
    return out[0], out[1]


def bound_slope(latent: Latent, found: Posterior) -> Float:
    """
    Derivative of the evidence bound in the hyperparameters (their values, not positions).

    At the fixed point only the explicit dependence counts. For the logarithm of a part's scale it is
    E_q[z' R z] - rank R: the part's expected square against what its prior expects.

    Shapes: returns (n_parameter,).
    """
    prior, values = found.prior, found.prior.values
    out = 0.5 * prior.slope
    by_large, by_small = log_scale_slopes(latent, values)
    for k, part in enumerate(latent.large_parts):
        z = found.large[part.latent]
        over = part_traces(part, found.covariance) + np.array([z @ (matrix @ z) for matrix in part.structure.matrices])
        square = float(prior.weights[k] @ over)
        if part.structure.n_held:
            square += part.ridge * (float(z @ z) + float(found.covariance[part.diagonal].sum()))
        out += by_large[k] * (square - (len(z) - part.structure.n_held))
        for name, change in large_changes(part, values).items():
            out[part.correlations[name]] -= 0.5 * float(change @ over)
    for k, small in enumerate(latent.small_parts):
        if not small.scale and not small.correlations:
            continue
        z = found.small[small.latent]
        second = np.outer(z, z) + found.system.inner[small.latent, small.latent]
        out += by_small[k] * (float((second * prior.precision[small.latent, small.latent]).sum()) - len(z))
        for name, change in small_changes(small, values).items():
            out[small.correlations[name]] -= 0.5 * float((second * change).sum())
    if any(load.scale for load in (*latent.large_loads, *latent.small_loads)):
        out += loading_slope(latent, found)
    for at, slope in zip(latent.own, found.own_slope, strict=True):
        out[at] += slope / values[at]
    return out


def loading_slope(latent: Latent, found: Posterior) -> Float:
    """
    Derivative of the evidence bound in what multiplies parts in single effects: loadings, and roots of correlations.

    With effects e = B z, it is E_q[dB z]'A'g less the trace of dB S B'A'WA.

    Shapes: returns (n_parameter,).
    """
    prior, values = found.prior, found.prior.values
    rows = found.rows or latent
    sums = sums_over_rows(rows, found.slope, found.curvature, None)
    spread = -(found.system.reach @ found.system.inner)[:, : latent.n_small]
    by_large = np.array(
        [
            float(sums.large[load.effect] @ found.large[latent.large_parts[load.part].latent])
            for load in latent.large_loads
        ]
    )
    for c in latent.couplings:
        shared = float(sums.link[c.link] @ found.covariance[c.entry])
        by_large[c.left] -= prior.scale[c.right] * shared
        if c.left != c.right:
            by_large[c.right] -= prior.scale[c.left] * shared
    with_small = sums.cross @ prior.basis
    for k, load in enumerate(latent.large_loads):
        by_large[k] -= float((with_small[load.effect] * spread[latent.large_parts[load.part].latent]).sum())
    full = sums.corner + sums.corner.T
    full[np.diag_indices_from(full)] *= 0.5
    inner = found.system.inner[: latent.n_small, : latent.n_small]
    # Covariance of small effects' summed curvatures with latent values: A'WA B S.
    across = full @ prior.basis @ inner
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        across += scale * sums.cross[load.effect].T @ spread[latent.large_parts[load.part].latent]
    out = np.zeros(len(values))
    for k, load in enumerate(latent.large_loads):
        for at, slope in load_slopes(load, latent.large_parts[load.part], values).items():
            out[at] += slope * by_large[k]
    for load in latent.small_loads:
        if not load.scale:
            continue
        part = latent.small_parts[load.part]
        pull = float(sums.small[load.effect] @ (part.basis @ found.small[part.latent]))
        pull -= float((part.basis * across[load.effect, part.latent]).sum())
        for at, slope in load_slopes(load, part, values).items():
            out[at] += slope * pull
    return out


def tangents(latent: Latent, found: Posterior) -> tuple[Float, Float, Float]:
    """
    How contributions move with the hyperparameters, and the average information on them.

    With b = scale * z, moving the logarithm of a part's scale moves b by scale * S (2 R z). The average information
    (Gilmour, Thompson and Cullis 1995) of two logarithms of scales is 2 z' R z (of one part) less 2 (R z)' S (R z).

    Returns: derivatives of large and small contributions, shapes (n_large, n_parameter) and (n_small, n_parameter),
    and the information, shape (n_parameter, n_parameter), zero where nothing is known of it.
    """
    prior = found.prior
    by_large, by_small = log_scale_slopes(latent, prior.values)
    force, small_force, _ = prior_force(latent, prior, found.large, found.small)
    right = np.zeros((latent.n_large, len(prior.values)))
    gap = np.zeros((latent.n_small + latent.constraint.shape[1], len(prior.values)))
    information = np.zeros((len(prior.values), len(prior.values)))
    for k, part in enumerate(latent.large_parts):
        right[part.latent] = 2.0 * np.outer(force[part.latent], by_large[k])
        square = float(force[part.latent] @ found.large[part.latent])
        information += 2.0 * square * np.outer(by_large[k], by_large[k])
    for k, small in enumerate(latent.small_parts):
        if small.scale:
            gap[small.latent] = 2.0 * np.outer(small_force[small.latent], by_small[k])
            square = float(small_force[small.latent] @ found.small[small.latent])
            information += 2.0 * square * np.outer(by_small[k], by_small[k])
    large, border = arrow_solve(found.system, right, gap)
    information -= 0.5 * (right.T @ large + gap.T @ border)
    scale = contribution_scale(latent, prior)
    return scale[0][:, None] * large, scale[1][:, None] * border[: latent.n_small], information
