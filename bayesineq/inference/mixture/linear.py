"""A mixture, linearised at current effects: a plain design of weighted rows that the sparse engine fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from bayesineq.design.matrix import Block, Design, Incidence
from bayesineq.design.mixture import Mixture
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.model.card import Term
from bayesineq.model.priors import Prior, normal

SPLIT: Final = ("fixed", "exchangeable")
"""Kinds of terms on the latent column that can be linearised: their levels are independent given sigma."""

_EDGE: Final = 1e-12

type Float = NDArray[np.float64]


def check_linear(mixture: Mixture) -> None:
    """
    Refuse a mixture that the sparse engine cannot fit.

    Parameters
    ----------
    mixture : Mixture
        A table seen through a card with a latent column.

    Raises
    ------
    DesignError
        A term on the latent column is of another kind than fixed or exchangeable.
    """
    for block in mixture.design.blocks:
        if mixture.latent in block.dims and block.term.kind not in SPLIT:
            raise DesignError(
                f"term {block.term.name!r} is a {block.term.kind} on the latent {mixture.latent!r}; engine 'laplace' "
                f"takes {' and '.join(SPLIT)} terms on it, engine 'nuts' takes all"
            )


def member_predictor(design: Design, intercept: float, effects: Mapping[str, Float]) -> Float:
    """
    Linear predictor of each member, without offset.

    Parameters
    ----------
    design : Design
        Of the members.
    intercept : float
        Intercept.
    effects : Mapping of str to ndarray
        Effects by term, of each block's shape.

    Returns
    -------
    ndarray, shape (n_member,)
        Intercept and effects, weighted and summed.
    """
    eta = np.full(len(design), intercept)
    for block in design.blocks:
        eta += block.incidence.predictor(np.asarray(effects[block.term.name]).ravel())
    return eta


def linearised(
    mixture: Mixture, weight: Float, intercept: float, effects: Mapping[str, Float], sigma: Mapping[str, float]
) -> Design:
    r"""
    First-order expansion of the link of each row's mean in the members' predictors.

    Parameters
    ----------
    mixture : Mixture
        A table seen through a card with a latent column.
    weight : ndarray, shape (n_member,)
        Weights of the members.
    intercept : float
        Where to expand.
    effects : Mapping of str to ndarray
        Where to expand, by term.
    sigma : Mapping of str to float
        Standard deviation of each exchangeable term on the latent column.

    Returns
    -------
    Design
        One row a row of the table; a term on the latent column becomes a term for each of its levels.

    Notes
    -----
    :math:`g(\mu_r) \approx g(\mu_r^0) + \sum_e k_{re} (\eta_{re} - \eta_{re}^0)` with
    :math:`k_{re} = w_{re}\, h'(\eta^0_{re}) / h'(g(\mu^0_r))`, h the inverse link. Without the latent column the
    weights of a row, :math:`\sum_e k_{re}`, differ from 1 for the logit only, and by little; the intercept takes 1.
    """
    members, row, n_row = mixture.design, mixture.row, len(mixture)
    plain = member_predictor(members, intercept, effects)
    eta = plain + members.response.offset + mixture.shift
    if members.card.outcome.link == "log":
        part = weight * np.exp(eta)
        mean = np.bincount(row, part, minlength=n_row)
        centre, slope = np.log(mean), part / mean[row]
    else:
        p = expit(eta)
        mean = np.clip(np.bincount(row, weight * p, minlength=n_row), _EDGE, 1 - _EDGE)
        centre, slope = logit(mean), weight * p * (1 - p) / (mean * (1 - mean))[row]
    total = np.bincount(row, slope, minlength=n_row)
    offset = centre - np.bincount(row, slope * plain, minlength=n_row) + (total - 1) * intercept
    blocks, force = [], dict(members.priors.force)
    first = np.searchsorted(row, np.arange(n_row))
    for block in members.blocks:
        scaled = slope if block.incidence.weight is None else slope * block.incidence.weight
        if mixture.latent in block.dims:
            for new, prior in _split(mixture, block, scaled, sigma):
                blocks.append(new)
                force[new.term.name] = prior
        else:
            summed = np.bincount(row, scaled, minlength=n_row)
            blocks.append(replace(block, incidence=block.incidence.rows(first).weighted(summed)))
    card = replace(members.card, latent={}, terms=tuple(b.term for b in blocks))
    return replace(
        members,
        card=card,
        response=replace(mixture.response, offset=offset),
        blocks=tuple(blocks),
        priors=replace(members.priors, force=force),
        population=pd.DataFrame({POPULATION: np.ones(n_row)}),
    )


def part_name(term: str, level: object) -> str:
    """
    Name of the part of a term on one level of the latent column.

    Parameters
    ----------
    term : str
        The term.
    level : object
        The level.

    Returns
    -------
    str
        Such as "ethnicity[asian]".
    """
    return f"{term}[{level}]"


def _split(mixture: Mixture, block: Block, slope: Float, sigma: Mapping[str, float]) -> list[tuple[Block, Prior]]:
    axis = block.dims.index(mixture.latent)
    rest = tuple(k for k in range(len(block.dims)) if k != axis)
    position = np.unravel_index(np.asarray(block.incidence.index), block.shape)
    held = None if block.reference is None else np.unravel_index(block.reference, block.shape)
    kept_shape = tuple(block.shape[k] for k in rest)
    name, parts, n_row = block.term.name, [], len(mixture)
    prior = normal(0.0, sigma[name]) if block.term.kind == "exchangeable" else mixture.design.prior(name)
    for k, level in enumerate(block.levels[axis]):
        at = np.flatnonzero(position[axis] == k)
        weight = np.zeros(n_row)
        weight[mixture.row[at]] = slope[at]
        is_held = held is not None and held[axis] == k
        if not rest and is_held:
            continue
        index, reference, term = None, None, Term(part_name(name, level), "linear", (part_name(name, level),))
        if rest:
            index = np.zeros(n_row, dtype=np.int32)
            inner: Any = np.ravel_multi_index([position[j][at] for j in rest], kept_shape)
            index[mixture.row[at]] = inner
            if held is not None and is_held:
                reference = int(np.ravel_multi_index([held[j] for j in rest], kept_shape))
            term = Term(part_name(name, level), "fixed", tuple(block.dims[j] for j in rest))
        parts.append((
            replace(block, term=term, dims=tuple(block.dims[j] for j in rest),
                    incidence=Incidence(int(np.prod(kept_shape, dtype=np.int64)), index, weight),
                    levels=tuple(block.levels[j] for j in rest), reference=reference),
            prior,
        ))  # fmt: skip
    return parts
