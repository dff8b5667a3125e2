"""Terms of a card as PyMC variables, parametrised so that the sampler meets nothing unidentified."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesineq.design.card import ModelCard
from bayesineq.design.matrix import Block
from bayesineq.errors import DesignError
from bayesineq.inference.nuts.data import Crude
from bayesineq.inference.nuts.icar import unit_icar, unit_leroux, zero_sum
from bayesineq.inference.nuts.priors import normal, proportion, standard_deviation
from bayesineq.inference.nuts.spectral import intrinsic_modes, laplacian_modes, level_information, modal
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.inference.walks import linear_trend, walk_basis
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

type Tensor = Any

SPECTRAL: Final = 1000
"""Up to so many areas a spatial effect is sampled by its modes, which mixes better; beyond, by its edges."""


@dataclass(frozen=True, slots=True)
class Effect:
    """
    Effect of a term, split where its mean is independent of the rest.

    Parameters
    ----------
    deviation : tensor, shape (n_level,)
        The effect, less its mean where `mean_variance` is given.
    mean_variance : tensor, scalar, optional
        Prior variance of the mean over the levels. The data see such means only in sum with the intercept,
        so they are integrated out of the sampled model and drawn afterwards.
    """

    deviation: Tensor
    mean_variance: Tensor | None = None


def effect(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    """
    Add a term to the model on the context stack.

    Parameters
    ----------
    block : Block
        The term seen through the table.
    card : ModelCard
        Its priors.
    adjacency : Adjacency, optional
        Graph of spatial terms.
    pooled : Crude
        What the rows say, for the choice of a parametrisation.

    Returns
    -------
    Effect
        One value a level, in flat order.
    """
    return _KINDS[block.term.kind](block, card, adjacency, pooled)


def _fixed(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    free = normal(f"{block.term.name}.free", card.prior(block.term.name), block.size - 1)
    others = np.flatnonzero(np.arange(block.size) != block.reference)
    return Effect(pt.set_subtensor(pt.zeros(block.size)[others], free))


def _linear(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    return Effect(normal(f"{block.term.name}.free", card.prior(block.term.name), 1))


def _exchangeable(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    sigma = standard_deviation(card, block.term.name)
    name, is_split = f"{block.term.name}.free", block.weight is None and block.size > 1
    level, typical = level_information(block, pooled)
    signal = level * typical**2
    # Split coordinates mix the levels, so all take the levels' average place between the two forms.
    share = (signal / (1 + signal)).mean() if is_split else signal / (1 + signal)
    free = pm.Normal(name, 0.0, sigma**share, shape=block.size - is_split) * sigma ** (1 - share)
    if not is_split:
        return Effect(free)
    return Effect(zero_sum(free, np.zeros(block.size, dtype=np.int32)), sigma**2 / block.size)


def _random_walk(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    name, order = block.term.name, block.term.order
    sigma = standard_deviation(card, name)
    basis = walk_basis(block.size, order, scale=block.term.scale)
    size = np.linalg.norm(basis, axis=0)
    walk = modal(f"{name}.free", basis / size, sigma * size, size, block, pooled)
    if order == 2:
        walk = walk + linear_trend(block.size) * normal(f"{name}.trend", card.prior(f"{name}.trend"))
    return Effect(walk)


def _ar1(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    name = block.term.name
    sigma = standard_deviation(card, name)
    rho = proportion(f"{name}.rho", card.prior(f"{name}.rho"))
    unit = pm.Flat(f"{name}.free", shape=block.size)
    innovation = 1 - rho**2
    step = unit[1:] - rho * unit[:-1]
    pm.Potential(
        f"{name}.density",
        -0.5 * unit[0] ** 2 - 0.5 * pt.sum(step**2) / innovation - 0.5 * (block.size - 1) * pt.log(innovation),
    )
    return Effect(sigma * unit)


def _icar(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    graph, name = _graph(block, adjacency), block.term.name
    sigma, scale = standard_deviation(card, name), _scale(block, graph)
    if len(graph) > SPECTRAL:
        return Effect(sigma * unit_icar(f"{name}.structured", graph, scale))
    modes, variance = intrinsic_modes(graph, scale)
    kept, size = variance > 0, np.sqrt(variance[variance > 0])
    return Effect(modal(f"{name}.free", modes[:, kept], sigma * size, size, block, pooled))


def _bym2(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    graph, name = _graph(block, adjacency), block.term.name
    sigma, scale = standard_deviation(card, name), _scale(block, graph)
    prior = card.prior(f"{name}.phi")
    phi = proportion(f"{name}.phi", prior, lambda: phi_prior(prior, graph, scale))
    if len(graph) > SPECTRAL:
        structured = unit_icar(f"{name}.structured", graph, scale)
        unstructured = pm.Normal(f"{name}.unstructured", shape=block.size)
        return Effect(sigma * (pt.sqrt(phi) * structured + pt.sqrt(1 - phi) * unstructured))
    modes, variance = intrinsic_modes(graph, scale)
    spread = sigma * pt.sqrt(phi * variance + 1 - phi)
    return Effect(modal(f"{name}.free", modes, spread, np.sqrt(0.5 * variance + 0.5), block, pooled))


def _leroux(block: Block, card: ModelCard, adjacency: Adjacency | None, pooled: Crude) -> Effect:
    graph, name = _graph(block, adjacency), block.term.name
    sigma = standard_deviation(card, name)
    rho = proportion(f"{name}.rho", card.prior(f"{name}.rho"))
    if len(graph) > SPECTRAL:
        unit, mean_variance = unit_leroux(name, graph, rho)
        if block.weight is None:
            return Effect(sigma * unit, sigma**2 * mean_variance)
        return Effect(sigma * (unit + pt.sqrt(mean_variance) * pm.Normal(f"{name}.mean")))
    modes, precision = laplacian_modes(graph)
    spread = sigma / pt.sqrt(rho * precision + 1 - rho)
    return Effect(modal(f"{name}.free", modes, spread, 1 / np.sqrt(0.5 * precision + 0.5), block, pooled))


def _graph(block: Block, adjacency: Adjacency | None) -> Adjacency:
    if adjacency is None:
        raise DesignError(f"term {block.term.name!r} is spatial and the design has no adjacency; build it with one")
    return adjacency


def _scale(block: Block, adjacency: Adjacency) -> NDArray[np.float64]:
    return scale_factors(adjacency) if block.term.scale else np.ones(len(adjacency.component_sizes))


_KINDS: Final[Mapping[str, Callable[[Block, ModelCard, Adjacency | None, Crude], Effect]]] = {
    "fixed": _fixed,
    "linear": _linear,
    "exchangeable": _exchangeable,
    "random_walk": _random_walk,
    "ar1": _ar1,
    "icar": _icar,
    "bym2": _bym2,
    "leroux": _leroux,
}
