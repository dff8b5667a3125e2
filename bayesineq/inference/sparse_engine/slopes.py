"""How the evidence bound and the latent field move with the hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.field import (
    effects,
    large_changes,
    load_scale,
    load_slopes,
    part_traces,
    prior_force,
    small_changes,
)
from bayesineq.inference.sparse_engine.newton import Posterior, contribution_scale
from bayesineq.inference.sparse_engine.parts import LargePart, Latent, Load, SmallPart
from bayesineq.inference.sparse_engine.passes import sums_over_rows
from bayesineq.inference.sparse_engine.rows import Sums
from bayesineq.model.card import base_name

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
    if has_loads(latent):
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
    if has_loads(latent):
        return loaded_tangents(latent, found)
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


def has_loads(latent: Latent) -> bool:
    """Whether hyperparameters multiply parts in single effects."""
    return any(load.scale for load in (*latent.large_loads, *latent.small_loads))


def loaded_tangents(latent: Latent, found: Posterior) -> tuple[Float, Float, Float]:
    """
    As `tangents`, where hyperparameters multiply parts in single effects.

    With effects B z, each hyperparameter i moves the predictors of rows by e_i = dB_i m and pulls at the latent values
    by c_i = dB_i' A'g. They move by S (c_i - B'Ce_i), C = A'WA, and the average information is half of
    e_i'C(e_j + B dz_j) + c_i'(R^- c_j - dz_j), where R^- c is G'm for effects that are correlated, with G = B^-1 dB;
    for a loading, of which it is not at hand, the second term is left out.
    """
    prior, d = found.prior, len(found.prior.values)
    rows = found.rows or latent
    sums = sums_over_rows(rows, found.slope, found.curvature, None)
    moved = np.zeros((latent.large.size, d)), np.zeros((latent.small.size, d))
    pulled = np.zeros((latent.n_large, d)), np.zeros((latent.n_small, d))
    back = np.zeros((latent.n_large, d)), np.zeros((latent.n_small, d))
    force = prior_force(latent, prior, found.large, found.small)[:2]
    sides: tuple[tuple[tuple[SmallPart | LargePart, ...], tuple[Load, ...], Float, Float], ...] = (
        (latent.large_parts, latent.large_loads, found.large, sums.large),
        (latent.small_parts, latent.small_loads, found.small, sums.small),
    )
    for k, (parts, loads, m, pull) in enumerate(sides):
        own = log_scale_slopes(latent, prior.values)[k]
        for p, part in enumerate(parts):
            pulled[k][part.latent] += np.outer(force[k][part.latent], own[p])
            back[k][part.latent] += np.outer(m[part.latent], own[p])
        for load in loads:
            part = parts[load.part]
            basis = part.basis if isinstance(part, SmallPart) else None
            value = m[part.latent] if basis is None else basis @ m[part.latent]
            moved[k][load.effect] += np.outer(float(load_scale(load, part, prior.values)) * value, own[load.part])
            for at, slope in load_slopes(load, part, prior.values).items():
                moved[k][load.effect, at] += slope * value
                down = pull[load.effect] if basis is None else basis.T @ pull[load.effect]
                pulled[k][part.latent, at] += slope * down
        _add_back(parts, loads, prior.values, m, back[k])
    curved = _curved(latent, sums, *moved)
    right, gap = pulled[0].copy(), np.zeros((latent.n_small + latent.constraint.shape[1], d))
    for scale, load in zip(prior.scale, latent.large_loads, strict=True):
        right[latent.large_parts[load.part].latent] -= scale * curved[0][load.effect]
    gap[: latent.n_small] = pulled[1] - prior.basis.T @ curved[1]
    large, border = arrow_solve(found.system, right, gap)
    small = border[: latent.n_small]
    whole = [e + b for e, b in zip(moved, effects(latent, prior, large, small), strict=True)]
    information = curved[0].T @ whole[0] + curved[1].T @ whole[1]
    known = np.abs(back[0]).sum(axis=0) + np.abs(back[1]).sum(axis=0) > 0.0
    rest = pulled[0].T @ (back[0] - large) + pulled[1].T @ (back[1] - small)
    information += np.where(np.outer(known, known), rest, 0.0)
    scale = contribution_scale(latent, prior)
    # Contributions move with the own scales of parts, too.
    large = scale[0][:, None] * (large + _own_moves(latent.large_parts, prior.values, found.large))
    small = scale[1][:, None] * (small + _own_moves(latent.small_parts, prior.values, found.small))
    return large, small, 0.25 * (information + information.T)


def _own_moves(parts: Sequence[SmallPart | LargePart], values: Float, m: Float) -> Float:
    out = np.zeros((len(m), len(values)))
    for part in parts:
        for scale in part.scale:
            out[part.latent, scale.at] += scale.factor.log_slope(values[scale.at]) * m[part.latent]
    return out


def _add_back(
    parts: Sequence[SmallPart | LargePart], loads: Sequence[Load], values: Float, m: Float, out: Float
) -> None:
    """Add G'm of parts that make up as many correlated effects as they are."""
    groups: dict[tuple[str, int], list[int]] = {}
    for p, part in enumerate(parts):
        of = [load for load in loads if load.part == p]
        if any(load.scale for load in of) and not part.scale:
            groups.setdefault((base_name(part.term)[1], part.latent.stop - part.latent.start), []).append(p)
    for members in groups.values():
        of = [load for load in loads if load.part in members]
        first = sorted({load.effect.start for load in of})
        # Two kinds of part, the halves of BYM2, follow each other.
        n = len(first)
        for begin in range(0, len(members), n):
            some = members[begin : begin + n]
            if len(some) < n:
                break
            _add_group(parts, [load for load in of if load.part in some], some, first, values, m, out)


def _add_group(
    parts: Sequence[SmallPart | LargePart],
    loads: Sequence[Load],
    members: Sequence[int],
    first: Sequence[int],
    values: Float,
    m: Float,
    out: Float,
) -> None:
    n = len(members)
    matrix, change = np.zeros((n, n)), np.zeros((len(values), n, n))
    for load in loads:
        row, column = first.index(load.effect.start), members.index(load.part)
        matrix[row, column] = load_scale(load, parts[load.part], values)
        for at, slope in load_slopes(load, parts[load.part], values).items():
            change[at, row, column] += slope
    mixed = np.linalg.solve(matrix, change)
    for at in np.flatnonzero(np.abs(change).sum(axis=(1, 2))).tolist():
        for j in range(n):
            for i in range(n):
                out[parts[members[j]].latent, at] += mixed[at, i, j] * m[parts[members[i]].latent]


def _curved(latent: Latent, sums: Sums, large: Float, small: Float) -> tuple[Float, Float]:
    """A'WA times effects. Shapes: large, small (n_effect, d)."""
    links = latent.links
    out = sums.cross @ small
    pair = np.repeat(np.arange(len(links.first)), np.diff(links.start))
    np.add.at(out, links.left, sums.link[:, None] * large[links.right])
    apart = (links.first != links.second)[pair]
    np.add.at(out, links.right[apart], sums.link[apart, None] * large[links.left[apart]])
    full = sums.corner + sums.corner.T
    full[np.diag_indices_from(full)] *= 0.5
    return out, sums.cross.T @ large + full @ small
