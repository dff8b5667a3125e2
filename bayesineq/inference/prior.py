"""Exact draws from the prior of a design, in the shape of a posterior: what the card says before any data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.design.priors import Priors
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.inference.tree import posterior_tree, with_predicted
from bayesineq.model.card import Term, of_outcome, partial_name
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
    if design.is_joint:
        tree = posterior_tree(design, _joint(design, draws, stream), engine="prior", seed=seed)
        observed = np.concatenate([response.observed for response in design.responses])
        return tree if observed.all() else with_predicted(tree, design)
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


def _joint(design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    """Draws of several outcomes, shape (1, draws, *levels), by the names that parameters have inside."""
    values: dict[str, Float] = {}
    for outcome in design.card.outcomes:
        for name in ("intercept", *(f"outcome.{own}" for own in outcome.family.own)):
            parameter = of_outcome(outcome.name, name)
            values[parameter] = _hyperparameter(design.priors, parameter, draws, stream)
    for term in design.card.terms:
        blocks = [block for block in design.blocks if block.base == term.name]
        if term.across == "correlated":
            values |= _correlated(term, blocks, design, draws, stream)
        elif term.across == "apart":
            for block in blocks:
                values |= _term(block, design, draws, stream)
        else:
            values |= _loaded(term, blocks, design, draws, stream)
    for block in design.blocks:
        owner = design.card.outcomes[block.outcome].name
        name, effect = block.term.name, values[block.term.name]
        centre = design.priors.outcomes[owner].centre.get(block.base)
        if centre is not None:
            # The prior in force stands where the covariate has its mean.
            values[of_outcome(owner, "intercept")] = values[of_outcome(owner, "intercept")] - centre * effect[:, 0]
        values[name] = effect.reshape(draws, *block.shape)
    return {name: value[None] for name, value in values.items()}


def _loaded(
    term: Term, blocks: list[Block], design: Design, draws: int, stream: np.random.Generator
) -> dict[str, Float]:
    """One effect for all outcomes, times the loading of each."""
    values = _term(replace(blocks[0], term=term), design, draws, stream)
    component, loadings = values.pop(term.name), dict(term.loadings)
    for block in blocks:
        owner = design.card.outcomes[block.outcome].name
        loading = loadings.get(owner, 1.0)
        if isinstance(loading, str):
            parameter = of_outcome(owner, f"{term.name}.loading")
            values[parameter] = design.prior(parameter).draw(stream, draws)
            values[block.term.name] = values[parameter][:, None] * component
        else:
            values[block.term.name] = loading * component
    return values


def _correlated(
    term: Term, blocks: list[Block], design: Design, draws: int, stream: np.random.Generator
) -> dict[str, Float]:
    """Effects of covariance D R D between outcomes, R by its partial correlations."""
    names, eta = term.outcomes, design.prior(f"{term.name}.correlation")["eta"]
    values: dict[str, Float] = {}
    lower = np.zeros((draws, len(names), len(names)))
    for k in range(len(names)):
        left = np.ones(draws)
        for j in range(k):
            shape = eta + 0.5 * (len(names) - 2 - j)
            partial = 2.0 * stream.beta(shape, shape, draws) - 1.0
            values[partial_name(term.name, names[j], names[k])] = partial
            lower[:, k, j] = left * partial
            left = left * np.sqrt(1.0 - partial**2)
        lower[:, k, k] = left
    parts = blocks[0].parts(design.adjacency)
    structured = [part for part in parts if isinstance(part, Part)]
    together = {of.name: np.empty(0) for of in term.hyperparameters if of.name not in term.apart}
    for of in together:
        together[of] = _shape(design, f"{term.name}.{of}", structured, draws, stream)
    values |= {f"{term.name}.{of}": value for of, value in together.items()}
    units = [np.stack([part.structure.draw(together, draws, stream) for _ in names], axis=1) for part in structured]
    for k, block in enumerate(blocks):
        own = {}
        for of in [of.name for of in term.hyperparameters if of.name in term.apart]:
            parameter = f"{block.term.name}.{of}"
            own[of] = (
                _hyperparameter(design.priors, parameter, draws, stream)
                if of == "sigma"
                else _shape(design, parameter, structured, draws, stream)
            )
        values |= {f"{block.term.name}.{of}": value for of, value in own.items()}
        effect = np.zeros((draws, block.size))
        for part, unit in zip(structured, units, strict=True):
            scale = math.prod(factor.of(own[factor.parameter]) for factor in part.scale)
            effect += np.asarray(scale)[:, None] * np.einsum("dj,dji->di", lower[:, k], unit)
        for free in parts:
            if isinstance(free, Coefficients):
                prior = design.prior(f"{block.term.name}.{free.prior}")
                effect += prior.draw(stream, (draws, free.basis.shape[1])) @ free.basis.T
        values[block.term.name] = effect
    return values


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
