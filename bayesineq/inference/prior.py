"""Exact draws from the prior of a design, in the shape of a posterior: what the card says before any data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesineq.design.matrix import Block, Design
from bayesineq.design.priors import Priors
from bayesineq.errors import DesignError
from bayesineq.inference.pc_phi import END, phi_prior
from bayesineq.inference.tree import posterior_tree, with_predicted
from bayesineq.inference.walks import linear_trend, walk_basis
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors
from bayesineq.sparse.numeric import factorise, half_solve
from bayesineq.sparse.symbolic import analyse

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
    """
    stream = np.random.default_rng(seed)
    card = design.card
    values: dict[str, Float] = {"intercept": _hyperparameter(design.prior("intercept"), draws, stream)}
    for block in design.blocks:
        drawn = _KINDS[block.term.kind](block, design, draws, stream)
        effect = drawn.pop(block.term.name)
        values[block.term.name] = effect.reshape(draws, *block.shape)
        values |= drawn
        if block.term.name in design.priors.centre:
            # The prior in force stands where the covariate has its mean.
            values["intercept"] = values["intercept"] - design.priors.centre[block.term.name] * effect[:, 0]
    for own in card.outcome.family.parameters:
        name = f"outcome.{own.name}"
        if own.dispersed and "outcome.dispersion" in design.priors.force:
            values[name] = _hyperparameter(design.prior("outcome.dispersion"), draws, stream) ** -2.0
        elif own.name == "sigma":
            values[name] = _standard_deviation(design.priors, "outcome", draws, stream)
        else:
            values[name] = _hyperparameter(design.prior(name), draws, stream)
    tree = posterior_tree(design, {k: v[None] for k, v in values.items()}, engine="prior", seed=seed)
    return tree if design.response.observed.all() else with_predicted(tree, design)


def intrinsic_draws(adjacency: Adjacency, scale: Float, draws: int, stream: np.random.Generator) -> Float:
    """
    Draw intrinsic autoregressions of unit scale, by sparse factors.

    With one area of each component held at zero the precision is regular; subtracting each component's mean then
    gives the draw under a sum to zero.

    Parameters
    ----------
    adjacency : Adjacency
        The graph.
    scale : ndarray, shape (n_component,)
        Scale of each component: its precision is `scale * (D - W)`.
    draws : int
        Number of draws.
    stream : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (draws, n_area)
        Sum to zero over each component; N(0, 1) on areas without neighbours.
    """
    component, size = adjacency.component, adjacency.component_sizes
    single = size[component] == 1
    held = np.zeros(len(adjacency), dtype=bool)
    held[np.unique(component, return_index=True)[1]] = True
    free = ~held[adjacency.edges].any(axis=1)
    drawn = _regular_draws(adjacency, np.where(held, 1.0, _degree(adjacency)), -free.astype(float), draws, stream)
    grounded = np.where(held, 0.0, drawn)
    mean = np.stack([np.bincount(component, weights=row) for row in grounded]) / size
    centred = (grounded - mean[:, component]) / np.sqrt(scale[component])
    # A singleton is its component's held area, whose draw had precision one.
    return np.where(single, drawn, centred)


def _regular_draws(
    adjacency: Adjacency, diagonal: Float, edge: Float, draws: int, stream: np.random.Generator
) -> Float:
    """Draws, shape (draws, n_area), of N(0, Q^-1) for Q with that diagonal and that value on each edge."""
    n = len(adjacency)
    row = np.concatenate([np.arange(n), adjacency.edges[:, 0]])
    column = np.concatenate([np.arange(n), adjacency.edges[:, 1]])
    factor = factorise(analyse(n, row, column), np.concatenate([diagonal, edge]))
    return half_solve(factor, stream.standard_normal((n, draws))).T


def _degree(adjacency: Adjacency) -> Float:
    return np.bincount(adjacency.edges.ravel(), minlength=len(adjacency)).astype(float)


def _hyperparameter(prior: Prior, draws: int, stream: np.random.Generator) -> Float:
    match prior.distribution:
        case "Normal":
            return stream.normal(prior["mean"], prior["sd"], draws)
        case "HalfNormal":
            return np.abs(stream.normal(0.0, prior["sd"], draws))
        case "Exponential":
            return stream.exponential(1 / prior["rate"], draws)
        case "Gamma":
            return stream.gamma(prior["shape"], 1 / prior["rate"], draws)
        case "Beta":
            return stream.beta(prior["a"], prior["b"], draws)
        case "Uniform":
            return stream.uniform(prior["lower"], prior["upper"], draws)
        case _:
            return stream.exponential(-prior["above"] / np.log(prior["probability"]), draws)


def _standard_deviation(priors: Priors, owner: str, draws: int, stream: np.random.Generator) -> Float:
    if priors.states_precision(owner):
        return 1 / np.sqrt(_hyperparameter(priors[f"{owner}.precision"], draws, stream))
    return _hyperparameter(priors[f"{owner}.sigma"], draws, stream)


def _coefficients(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    prior = design.prior(block.term.name)
    effect = stream.normal(prior["mean"], prior["sd"], (draws, block.size))
    if block.reference is not None:
        effect[:, block.reference] = 0.0
    return {block.term.name: effect}


def _exchangeable(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    return _scaled(block, design, stream.standard_normal((draws, block.size)), stream)


def _random_walk(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    name, order = block.term.name, block.term.order
    basis = walk_basis(block.size, order, scale=block.term.scale)
    drawn = _scaled(block, design, stream.standard_normal((draws, block.size - order)) @ basis.T, stream)
    if order == 2:
        slope = _hyperparameter(design.prior(f"{name}.trend"), draws, stream)
        drawn[name] = drawn[name] + slope[:, None] * linear_trend(block.size)
    return drawn


def _ar1(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    rho = _hyperparameter(design.prior(f"{block.term.name}.rho"), draws, stream)
    unit = stream.standard_normal((draws, block.size))
    for t in range(1, block.size):
        unit[:, t] = rho * unit[:, t - 1] + np.sqrt(1 - rho**2) * unit[:, t]
    return _scaled(block, design, unit, stream) | {f"{block.term.name}.rho": rho}


def _icar(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    graph = _graph(block, design)
    return _scaled(block, design, intrinsic_draws(graph, _scale(block, graph), draws, stream), stream)


def _bym2(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    graph, name = _graph(block, design), block.term.name
    prior, scale = design.prior(f"{name}.phi"), _scale(block, graph)
    if prior.distribution == "PC":
        grid = np.linspace(-END, END, 20_001)
        mass = np.cumsum(np.exp(phi_prior(prior, graph, scale).log_density(grid)))
        phi = expit(np.interp(stream.uniform(mass[0], mass[-1], draws), mass, grid))
    else:
        phi = _hyperparameter(prior, draws, stream)
    structured = intrinsic_draws(graph, scale, draws, stream)
    unstructured = stream.standard_normal((draws, block.size))
    unit = np.sqrt(phi)[:, None] * structured + np.sqrt(1 - phi)[:, None] * unstructured
    return _scaled(block, design, unit, stream) | {f"{name}.phi": phi}


def _leroux(block: Block, design: Design, draws: int, stream: np.random.Generator) -> dict[str, Float]:
    graph, name = _graph(block, design), block.term.name
    rho = _hyperparameter(design.prior(f"{name}.rho"), draws, stream)
    degree, n_edge = _degree(graph), len(graph.edges)
    unit = [_regular_draws(graph, r * degree + 1 - r, np.full(n_edge, -r), 1, stream)[0] for r in rho]
    return _scaled(block, design, np.array(unit), stream) | {f"{name}.rho": rho}


def _scaled(block: Block, design: Design, unit: Float, stream: np.random.Generator) -> dict[str, Float]:
    sigma = _standard_deviation(design.priors, block.term.name, len(unit), stream)
    return {block.term.name: sigma[:, None] * unit, f"{block.term.name}.sigma": sigma}


def _graph(block: Block, design: Design) -> Adjacency:
    if design.adjacency is None:
        raise DesignError(f"term {block.term.name!r} is spatial and the design has no adjacency; build it with one")
    return design.adjacency


def _scale(block: Block, adjacency: Adjacency) -> Float:
    return scale_factors(adjacency) if block.term.scale else np.ones(len(adjacency.component_sizes))


_KINDS: Final[Mapping[str, Callable[[Block, Design, int, np.random.Generator], dict[str, Float]]]] = {
    "fixed": _coefficients,
    "linear": _coefficients,
    "exchangeable": _exchangeable,
    "random_walk": _random_walk,
    "ar1": _ar1,
    "icar": _icar,
    "bym2": _bym2,
    "leroux": _leroux,
}
