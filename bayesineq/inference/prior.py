"""Exact draws from the prior of a design, in the shape of a posterior: what the card says before any data."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.design.priors import Priors
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.inference.tree import posterior_tree, with_predicted
from bayesineq.model.kinds import Coefficients, Part

Float = NDArray[np.float64]


def prior_draws(design: Design, *, draws: int = 1000, seed: int | None = None) -> xr.DataTree:
    """
    Draw from the prior of a design.

    Parameters
    ----------
    design : Design
        A table seen through a card. Outcomes matter through defaults only, which take their scale.
    draws : int
        Independent draws.
    seed : int, optional
        Makes the draws reproducible.

    Returns
    -------
    DataTree
        As from `fit`, with one chain: every later stage takes it for prior predictive checks.

    Examples
    --------
    >>> import bayesineq as bi
    >>> place = bi.example()
    >>> study = bi.design(place.table, bi.read_card("prevalence"), adjacency=place.adjacency)
    >>> prior = prior_draws(study, draws=200, seed=1)
    >>> prior["posterior"]["intercept"].mean().round(1).item()
    -2.6
    """
    stream = np.random.default_rng(seed)
    card = design.card
    values: dict[str, Float] = {"intercept": _hyperparameter(design.priors, "intercept", draws, stream)}
    for block in design.blocks:
        drawn = _term(block, design, draws, stream)
        effect = drawn.pop(block.term.name)
        values[block.term.name] = effect.reshape(draws, *block.shape)
        values |= drawn
        if block.term.name in design.priors.centre:
            # The prior in force stands where the covariate has its mean.
            values["intercept"] = values["intercept"] - design.priors.centre[block.term.name] * effect[:, 0]
    for own in card.outcome.family.own:
        values[f"outcome.{own}"] = _hyperparameter(design.priors, f"outcome.{own}", draws, stream)
    tree = posterior_tree(design, {k: v[None] for k, v in values.items()}, engine="prior", seed=seed)
    return tree if design.response.observed.all() else with_predicted(tree, design)


def _hyperparameter(priors: Priors, parameter: str, draws: int, stream: np.random.Generator) -> Float:
    on, power = priors.stands_on(parameter)
    return np.asarray(priors[on].draw(stream, draws) ** (1.0 / power))


def _term(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    """Draws of a term's effect, shape (draws, n_effect), and of its hyperparameters."""
    name, parts = block.term.name, block.parts(design.adjacency)
    structured = [part for part in parts if isinstance(part, Part)]
    values = {of.name: np.empty(0) for of in block.term.hyperparameters}
    for of in values:
        if of != "sigma":
            values[of] = _shape(design, f"{name}.{of}", structured, draws, stream)
    units = [part.structure.draw(values, draws, stream) for part in structured]
    if "sigma" in values:
        values["sigma"] = _hyperparameter(design.priors, f"{name}.sigma", draws, stream)
    effect = np.zeros((draws, block.size))
    for part, unit in zip(structured, units, strict=True):
        scale = math.prod(factor.of(values[factor.parameter]) for factor in part.scale)
        effect += np.asarray(scale)[:, None] * unit
    for free in parts:
        if isinstance(free, Coefficients):
            prior = design.prior(f"{name}.{free.prior}" if free.prior else name)
            # One a level, so that draws do not depend on which of them is the reference.
            size = free.basis.shape[1 if free.prior else 0]
            coefficient = prior.draw(stream, (draws, size))
            effect += (coefficient if free.prior else coefficient @ free.basis) @ free.basis.T
    return {name: effect} | {f"{name}.{of}": value for of, value in values.items()}


def _shape(design: Design, parameter: str, parts: list[Part], draws: int, stream: np.random.Generator) -> Float:
    """Draws of a share or a correlation, whose prior may depend on the graph of the part that it scales."""
    if (prior := design.prior(parameter)).law is not None:
        return prior.draw(stream, draws)
    graphs = ((part.structure.graph, part.structure.scale) for part in parts)
    graph, scale = next((graph, scale) for graph, scale in graphs if graph is not None and scale is not None)
    return phi_prior(prior, graph, scale).draw(stream, draws)
