"""Draws of several outcomes side by side: what each has for itself, along a dimension `outcome`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.dims import OTHER, OUTCOME
from bayesineq.model.card import Term, of_outcome, partial_name

type Draws = NDArray[Any]


def side_by_side(design: Design, values: Mapping[str, Draws]) -> dict[str, tuple[tuple[str, ...], Draws]]:
    """
    Draws of a joint design by the names and dimensions that a posterior has.

    Shapes: values (chain, draw, *levels), by the names that parameters have inside.

    Returns: of each variable its dimensions after `chain` and `draw`, and its draws. `intercept`, the effect of every
    term, and hyperparameters that outcomes have for themselves lie along `outcome`: effects of outcomes that a term
    does not act on are zero, and hyperparameters that an outcome does not have are missing. Of correlated terms
    `TERM.correlation` is the matrix of correlations, along `outcome` and `other_outcome`.
    """
    names = [outcome.name for outcome in design.card.outcomes]
    shape = values[of_outcome(names[0], "intercept")].shape
    out: dict[str, tuple[tuple[str, ...], Draws]] = {}

    def stack(name: str, absent: float, dims: tuple[str, ...] = (), levels: tuple[int, ...] = ()) -> None:
        found = [values.get(of_outcome(owner, name)) for owner in names]
        kind = np.result_type(*(value.dtype for value in found if value is not None))
        whole = np.full((*shape, len(names), *levels), absent, dtype=kind)
        for k, value in enumerate(found):
            if value is not None:
                whole[:, :, k] = value
        out[name] = ((OUTCOME, *dims), whole)

    stack("intercept", np.nan)
    for name in dict.fromkeys(own for outcome in design.card.outcomes for own in outcome.family.own):
        stack(f"outcome.{name}", np.nan)
    for term in design.card.terms:
        block = next(block for block in design.blocks if block.base == term.name)
        stack(term.name, 0.0, block.dims, block.shape)
        for of in term.hyperparameters:
            name = f"{term.name}.{of.name}"
            if of.name in term.apart:
                stack(name, np.nan)
            else:
                out[name] = ((), values[name])
        if term.across == "shared":
            out[f"{term.name}.loading"] = ((OUTCOME,), _loadings(term, names, values, shape))
        if term.across == "correlated":
            out[f"{term.name}.correlation"] = ((OUTCOME, OTHER), _correlations(term, names, values, shape))
    return out


def _loadings(term: Term, names: list[str], values: Mapping[str, Draws], shape: tuple[int, ...]) -> Draws:
    out = np.zeros((*shape, len(names)))
    for name, loading in term.loadings:
        out[..., names.index(name)] = (
            values[of_outcome(name, f"{term.name}.loading")] if isinstance(loading, str) else loading
        )
    return out


def _correlations(term: Term, names: list[str], values: Mapping[str, Draws], shape: tuple[int, ...]) -> Draws:
    """Correlations from partial ones, by the rows of their Cholesky factor; missing where the term does not act."""
    of = list(term.outcomes)
    lower = np.zeros((*shape, len(of), len(of)))
    for k in range(len(of)):
        left = np.ones(shape)
        for j in range(k):
            partial = values[partial_name(term.name, of[j], of[k])]
            lower[..., k, j] = left * partial
            left = left * np.sqrt((1.0 - partial) * (1.0 + partial))
        lower[..., k, k] = left
    out = np.full((*shape, len(names), len(names)), np.nan)
    at = np.array([names.index(name) for name in of])
    out[..., at[:, None], at] = lower @ np.swapaxes(lower, -1, -2)
    return out
