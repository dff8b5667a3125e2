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

from bayesineq.design.matrix import Block
from bayesineq.design.priors import Priors
from bayesineq.errors import DesignError
from bayesineq.inference.nuts.icar import MAX_DENSE, unit_icar, unit_leroux, zero_sum
from bayesineq.inference.nuts.priors import mixing, variable
from bayesineq.inference.nuts.rough import Coordinates
from bayesineq.inference.nuts.spectral import (
    Said,
    intrinsic_modes,
    laplacian_modes,
    matched,
    modal,
    zero_sum_basis,
)
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.model.kinds import Coefficients, Structure
from bayesineq.model.kinds.structures import root
from bayesineq.model.kinds.walks import linear_trend, walk_basis
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
    coordinates : tensor, shape (n_coordinate,), optional
        What the effect is sampled in.
    """

    deviation: Tensor
    mean_variance: Tensor | None = None
    coordinates: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A term whose hyperparameters are in the model and whose effect is not yet.

    Parameters
    ----------
    coordinates : Coordinates
        What its effect is sampled in.
    add : callable
        Takes what the data say of each coordinate, adds the effect to the model on the context stack and gives it.
    """

    coordinates: Coordinates
    add: Callable[[Said], Effect]


def plan(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    """Add a term's hyperparameters to the model on the context stack."""
    return _KINDS.get(block.term.kind, _by_structure)(block, priors, adjacency)


def _fixed(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    prior = priors[block.term.name]
    others = np.flatnonzero(np.arange(block.size) != block.reference)

    def add(said: Said) -> Effect:
        free = variable(priors, block.term.name, f"{block.term.name}.free", block.size - 1)
        return Effect(pt.set_subtensor(pt.zeros(block.size)[others], free), coordinates=free)

    return Plan(Coordinates(np.eye(block.size)[:, others], np.full(len(others), prior.size), has_sigma=False), add)


def _linear(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    prior = priors[block.term.name]
    coordinates = Coordinates(None, np.array([prior.size]), has_sigma=False)

    def add(said: Said) -> Effect:
        free = variable(priors, block.term.name, f"{block.term.name}.free", 1)
        return Effect(free, coordinates=free)

    return Plan(coordinates, add)


def _exchangeable(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    sigma, name = variable(priors, f"{block.term.name}.sigma"), f"{block.term.name}.free"
    one = np.ones(block.size)
    if not block.incidence.is_whole or block.size == 1:

        def by_level(said: Said) -> Effect:
            free = matched(name, sigma * one, said)
            return Effect(free, coordinates=free)

        return Plan(Coordinates(None, one, has_sigma=True), by_level)
    variance = sigma**2 / block.size
    if block.size <= SPECTRAL:
        modes = zero_sum_basis(block.size)

        def by_contrast(said: Said) -> Effect:
            effect, coordinates = modal(name, modes, sigma * one[:-1], said)
            return Effect(effect, variance, coordinates)

        return Plan(Coordinates(modes, one[:-1], has_sigma=True), by_contrast)

    def by_number(said: Said) -> Effect:
        # Of so many levels each is nearly the coordinate of its own number.
        free = matched(name, sigma * one[:-1], Said(said.information[:-1], 0 * one[:-1]))
        return Effect(zero_sum(free, np.zeros(block.size, dtype=np.int32)), variance)

    return Plan(Coordinates(None, one, has_sigma=True, is_sampled=False), by_number)


def _random_walk(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    name, order = block.term.name, block.term.order
    sigma = variable(priors, f"{name}.sigma")
    basis = walk_basis(block.size, order, scale=block.term.scale)
    size = np.linalg.norm(basis, axis=0)

    def add(said: Said) -> Effect:
        walk, coordinates = modal(f"{name}.free", basis / size, sigma * size, said)
        if order == 2:
            walk = walk + linear_trend(block.size) * variable(priors, f"{name}.trend")
        return Effect(walk, coordinates=coordinates)

    return Plan(Coordinates(basis / size, size, has_sigma=True), add)


def _ar1(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    name = block.term.name
    sigma = variable(priors, f"{name}.sigma")
    rho = variable(priors, f"{name}.rho")

    def add(said: Said) -> Effect:
        unit = pm.Flat(f"{name}.free", shape=block.size)
        innovation = 1 - rho**2
        step = unit[1:] - rho * unit[:-1]
        pm.Potential(
            f"{name}.density",
            -0.5 * unit[0] ** 2 - 0.5 * pt.sum(step**2) / innovation - 0.5 * (block.size - 1) * pt.log(innovation),
        )
        return Effect(sigma * unit)

    return Plan(Coordinates(None, np.ones(block.size), has_sigma=True, is_sampled=False), add)


def _icar(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    graph, name = _graph(block, adjacency), block.term.name
    sigma, scale = variable(priors, f"{name}.sigma"), _scale(block, graph)
    if len(graph) > SPECTRAL:
        return _by_edges(graph, lambda: Effect(sigma * unit_icar(f"{name}.structured", graph, scale)))
    modes, variance = intrinsic_modes(graph, scale)
    modes, size = modes[:, variance > 0], np.sqrt(variance[variance > 0])
    return Plan(
        Coordinates(modes, size, has_sigma=True),
        lambda said: _spectral(modal(f"{name}.free", modes, sigma * size, said)),
    )


def _bym2(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    graph, name = _graph(block, adjacency), block.term.name
    sigma, scale = variable(priors, f"{name}.sigma"), _scale(block, graph)
    prior = priors[f"{name}.phi"]
    on_graph = prior.law is None
    phi = mixing(f"{name}.phi", phi_prior(prior, graph, scale)) if on_graph else variable(priors, f"{name}.phi")
    if len(graph) > SPECTRAL:

        def by_edges() -> Effect:
            structured = unit_icar(f"{name}.structured", graph, scale)
            unstructured = pm.Normal(f"{name}.unstructured", shape=block.size)
            return Effect(sigma * (pt.sqrt(phi) * structured + pt.sqrt(1 - phi) * unstructured))

        return _by_edges(graph, by_edges)
    modes, variance = intrinsic_modes(graph, scale)
    spread = sigma * pt.sqrt(phi * variance + 1 - phi)
    return Plan(
        Coordinates(modes, np.sqrt(0.5 * variance + 0.5), has_sigma=True),
        lambda said: _spectral(modal(f"{name}.free", modes, spread, said)),
    )


def _leroux(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    graph, name = _graph(block, adjacency), block.term.name
    sigma = variable(priors, f"{name}.sigma")
    rho = variable(priors, f"{name}.rho")
    if len(graph) > SPECTRAL:

        def by_edges() -> Effect:
            unit, mean_variance = unit_leroux(name, graph, rho)
            if block.incidence.is_whole:
                return Effect(sigma * unit, sigma**2 * mean_variance)
            return Effect(sigma * (unit + pt.sqrt(mean_variance) * pm.Normal(f"{name}.mean")))

        return _by_edges(graph, by_edges)
    modes, precision = laplacian_modes(graph)
    spread = sigma / pt.sqrt(rho * precision + 1 - rho)
    return Plan(
        Coordinates(modes, 1 / np.sqrt(0.5 * precision + 0.5), has_sigma=True),
        lambda said: _spectral(modal(f"{name}.free", modes, spread, said)),
    )


def _by_structure(block: Block, priors: Priors, adjacency: Adjacency | None) -> Plan:
    """A kind that has no form of its own here: white noise times dense roots of its structures."""
    name = block.term.name
    parts = block.parts(adjacency)
    if block.size > MAX_DENSE:
        raise DesignError(
            f"term {name!r} is {block.term.kind} with {block.size:,} effects; engine 'nuts' takes up to {MAX_DENSE:,} "
            "of that kind; use engine='laplace'"
        )
    values = {of.name: variable(priors, f"{name}.{of.name}") for of in block.term.hyperparameters}

    def add(said: Said) -> Effect:
        effect = pt.zeros(block.size)
        for number, part in enumerate(parts):
            if isinstance(part, Coefficients):
                parameter = f"{name}.{part.prior}" if part.prior else name
                free = variable(priors, parameter, f"{name}.free.{number}", part.basis.shape[1])
                effect = effect + pt.dot(part.basis, free)
                continue
            white = pm.Normal(f"{name}.free.{number}", shape=len(part.structure))
            scale = 1.0
            for factor in part.scale:
                scale = scale * FACTOR[factor.share](values[factor.parameter])
            effect = effect + scale * coloured(part.structure, values, white)
        return Effect(effect)

    return Plan(Coordinates(None, np.ones(block.size), has_sigma=True, is_sampled=False), add)


FACTOR: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "value": lambda v: v,
    "root": pt.sqrt,
    "rest": lambda v: pt.sqrt(1 - v),
    "across": lambda v: pt.sqrt((1 - v) * (1 + v)),
}
"""What each share of a hyperparameter multiplies a part by."""


def coloured(structure: Structure, values: Mapping[str, Tensor], white: Tensor) -> Tensor:
    """White noise with the covariance of a structure."""
    if structure.factors:
        first, second = structure.factors
        square = white.reshape((len(first), len(second)))
        return coloured(second, values, coloured(first, values, square).T).T.ravel()
    if structure.is_white:
        return white
    if not structure.correlations:
        return pt.dot(root(structure, {}), white)
    weights = structure.weights(values)
    precision = sum(w * pt.constant(m.toarray()) for w, m in zip(weights, structure.matrices, strict=True))
    lower = pt.linalg.cholesky(precision)
    return pt.linalg.solve_triangular(lower.T, white, lower=False, b_ndim=white.ndim)


def _spectral(effect_and_coordinates: tuple[Tensor, Tensor]) -> Effect:
    effect, coordinates = effect_and_coordinates
    return Effect(effect, coordinates=coordinates)


def _by_edges(graph: Adjacency, add: Callable[[], Effect]) -> Plan:
    return Plan(Coordinates(None, np.ones(len(graph)), has_sigma=True, is_sampled=False), lambda said: add())


def _graph(block: Block, adjacency: Adjacency | None) -> Adjacency:
    if adjacency is None:
        raise DesignError(f"term {block.term.name!r} is spatial and the design has no adjacency; build it with one")
    return adjacency


def _scale(block: Block, adjacency: Adjacency) -> NDArray[np.float64]:
    return scale_factors(adjacency) if block.term.scale else np.ones(len(adjacency.component_sizes))


_KINDS: Final[Mapping[str, Callable[[Block, Priors, Adjacency | None], Plan]]] = {
    "fixed": _fixed,
    "linear": _linear,
    "exchangeable": _exchangeable,
    "random_walk": _random_walk,
    "ar1": _ar1,
    "icar": _icar,
    "bym2": _bym2,
    "leroux": _leroux,
}
