"""From a design to its latent field: which part each term is made of, and where it meets the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from bayesineq.design.matrix import Block, Design, Incidence
from bayesineq.errors import DesignError
from bayesineq.inference.sparse_engine.arrow import pattern
from bayesineq.inference.sparse_engine.parameters import Parameter, own_parameter, parameter
from bayesineq.inference.sparse_engine.parts import Coupling, LargePart, Latent, SmallPart
from bayesineq.inference.sparse_engine.rows import Links, Side, links, side
from bayesineq.inference.walks import linear_trend, walk_basis
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_SMALL: Final = 400
_SMALL_AT_MOST: Final = 3000
_START_SIGMA: Final = 0.4
_NONE: Final = -1


def latent_field(design: Design) -> Latent:
    """
    See a design as a latent Gaussian field.

    Parameters
    ----------
    design : Design
        A table seen through a card.

    Returns
    -------
    Latent
        Parts, rows, pattern and hyperparameters.

    Raises
    ------
    DesignError
        If a term has too many levels for its kind.
    """
    parameters: list[Parameter] = []
    small_parts: list[SmallPart] = []
    large_blocks: list[Block] = []
    small_blocks = [Incidence(1, None, None)]
    prior = design.prior("intercept")
    small_parts.append(_plain("intercept", 0, 0, np.ones((1, 1)), prior["mean"], prior["sd"]))
    effect_at = latent_at = 1
    random = [False]
    for block in design.blocks:
        if _is_large(block):
            large_blocks.append(block)
            continue
        for part in _small(design, block, effect_at, latent_at, parameters):
            small_parts.append(part)
            latent_at = part.latent.stop
        small_blocks.append(block.incidence)
        random.append(block.term.kind not in {"fixed", "linear"})
        effect_at += block.size
    n_row = len(design)
    large = side([block.incidence for block in large_blocks], n_row)
    shared = links(large)
    drafts = _large(design, large_blocks, parameters)
    parts, couplings, row, column = _pattern(drafts, shared, large)
    n_large = sum(p.latent.stop - p.latent.start for p in parts)
    own = design.card.outcome.family.parameters
    parameters += [own_parameter(design.priors, of) for of in own]
    return Latent(
        parameters=tuple(parameters),
        own=tuple(range(len(parameters) - len(own), len(parameters))),
        small=side(small_blocks, n_row),
        large=large,
        random_blocks=tuple(random),
        links=shared,
        small_parts=tuple(small_parts),
        large_parts=parts,
        couplings=couplings,
        n_small=latent_at,
        n_large=n_large,
        pattern=pattern(n_large, row, column),
        constraint=_constraints(design.adjacency, parts, n_large),
    )


def _is_large(block: Block) -> bool:
    if block.term.is_spatial or (block.term.kind == "exchangeable" and block.size > _SMALL):
        return True
    if block.size > _SMALL_AT_MOST:
        raise DesignError(
            f"term {block.term.name!r} is {block.term.kind} with {block.size} levels; the sparse engine takes at most "
            f'{_SMALL_AT_MOST} of that kind. Make it exchangeable, or use engine="nuts"'
        )
    return False


def _plain(term: str, effect: int, latent: int, basis: Float, mean: float, sd: float) -> SmallPart:
    n = basis.shape[1]
    return SmallPart(
        term=term,
        effect=slice(effect, effect + basis.shape[0]),
        latent=slice(latent, latent + n),
        basis=basis,
        mean=np.full(n, mean),
        precision=np.full(n, sd**-2.0),
        sigma=_NONE,
        rho=_NONE,
    )


def _small(design: Design, block: Block, effect: int, latent: int, parameters: list[Parameter]) -> list[SmallPart]:
    priors, term, size = design.priors, block.term, block.size
    if term.kind in {"fixed", "linear"}:
        prior = priors[term.name]
        basis = np.eye(size)
        if block.reference is not None:
            basis = np.delete(basis, block.reference, axis=1)
        return [_plain(term.name, effect, latent, basis, prior["mean"], prior["sd"])]
    sigma = _add(parameters, parameter(priors, term.name, "sigma", _START_SIGMA))
    rho = _NONE
    basis = np.eye(size)
    if term.kind == "random_walk":
        basis = walk_basis(size, term.order, scale=term.scale)
    elif term.kind == "ar1":
        rho = _add(parameters, parameter(priors, term.name, "rho", 0.5))
    n = basis.shape[1]
    part = SmallPart(
        term=term.name,
        effect=slice(effect, effect + size),
        latent=slice(latent, latent + n),
        basis=basis,
        mean=np.zeros(n),
        precision=np.ones(n),
        sigma=sigma,
        rho=rho,
    )
    if term.kind == "random_walk" and term.order == 2:
        prior = priors[f"{term.name}.trend"]
        trend = _plain(term.name, effect, latent + n, linear_trend(size)[:, None], prior["mean"], prior["sd"])
        return [part, trend]
    return [part]


def _add(parameters: list[Parameter], new: Parameter) -> int:
    parameters.append(new)
    return len(parameters) - 1


@dataclass(frozen=True, slots=True)
class _Draft:
    term: str
    block: int
    size: int
    effect: int
    laplacian: csr_array | None
    intrinsic: bool
    sigma: int
    phi: int
    rho: int


def _large(design: Design, blocks: list[Block], parameters: list[Parameter]) -> list[_Draft]:
    drafts: list[_Draft] = []
    effect = 0
    for position, block in enumerate(blocks):
        priors, term = design.priors, block.term
        sigma = _add(parameters, parameter(priors, term.name, "sigma", _START_SIGMA))
        phi = rho = _NONE
        if term.kind == "bym2":
            phi = _add(parameters, parameter(priors, term.name, "phi", 0.5, design.adjacency))
        elif term.kind == "leroux":
            rho = _add(parameters, parameter(priors, term.name, "rho", 0.5))
        if term.kind in {"icar", "bym2"}:
            structure = _intrinsic(_graph(design), term.scale)
            drafts.append(_Draft(term.name, position, block.size, effect, structure, True, sigma, phi, rho))
        if term.kind == "leroux":
            structure = _graph(design).laplacian()
            drafts.append(_Draft(term.name, position, block.size, effect, structure, False, sigma, phi, rho))
        if term.kind in {"exchangeable", "bym2"}:
            drafts.append(_Draft(term.name, position, block.size, effect, None, False, sigma, phi, rho))
        effect += block.size
    return drafts


def _graph(design: Design) -> Adjacency:
    if design.adjacency is None:
        raise DesignError("a spatial term needs an adjacency; pass adjacency= to design")
    return design.adjacency


def _intrinsic(graph: Adjacency, scale: bool) -> csr_array:
    """Structure of the intrinsic autoregression: scaled by component, the identity on singletons."""
    factor = scale_factors(graph)[graph.component] if scale else np.ones(len(graph))
    single = graph.component_sizes[graph.component] == 1
    scaled = graph.laplacian().tocoo()
    diagonal = np.arange(len(graph))[single]
    value = np.concatenate([scaled.data * factor[scaled.row], np.ones(len(diagonal))])
    row, column = np.concatenate([scaled.row, diagonal]), np.concatenate([scaled.col, diagonal])
    return csr_array(coo_array((value, (row, column)), shape=scaled.shape))


def _pattern(
    drafts: list[_Draft], shared: Links, large: Side
) -> tuple[tuple[LargePart, ...], tuple[Coupling, ...], Int, Int]:
    """Number the entries of the sparse system and say who writes where."""
    start = np.concatenate([[0], np.cumsum([d.size for d in drafts])]).astype(np.int64)
    n = int(start[-1])
    keys: list[Int] = []
    edges: list[tuple[Int, Int]] = []
    for k, draft in enumerate(drafts):
        own = np.arange(draft.size, dtype=np.int64) + start[k]
        row = column = np.empty(0, dtype=np.int64)
        if draft.laplacian is not None:
            below = draft.laplacian.tocoo()
            keep = below.row > below.col
            row, column = below.row[keep].astype(np.int64), below.col[keep].astype(np.int64)
        edges.append((row, column))
        keys += [own * n + own, (row + start[k]) * n + column + start[k]]
    pairs: list[tuple[int, int, int]] = []
    for p, (a, b) in enumerate(zip(shared.first, shared.second, strict=True)):
        for i, left in enumerate(drafts):
            for j, right in enumerate(drafts):
                if left.block == a and right.block == b and (a != b or j <= i):
                    pairs.append((p, i, j))
    for p, i, j in pairs:
        at = slice(shared.start[p], shared.start[p + 1])
        first = shared.left[at] - drafts[i].effect + start[i]
        second = shared.right[at] - drafts[j].effect + start[j]
        keys.append(np.maximum(first, second) * n + np.minimum(first, second))
    unique, entry = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *keys]), return_inverse=True)
    begin = np.concatenate([[0], np.cumsum([len(k) for k in keys])]).astype(np.int64)
    piece = [entry[begin[i] : begin[i + 1]].astype(np.int64) for i in range(len(keys))]
    parts = tuple(
        LargePart(
            term=d.term,
            block=d.block,
            effect=slice(d.effect, d.effect + d.size),
            latent=slice(int(start[k]), int(start[k + 1])),
            laplacian=d.laplacian,
            intrinsic=d.intrinsic,
            sigma=d.sigma,
            phi=d.phi,
            rho=d.rho,
            diagonal=piece[2 * k],
            edge=piece[2 * k + 1],
            edge_row=edges[k][0],
            edge_column=edges[k][1],
        )
        for k, d in enumerate(drafts)
    )
    couplings = tuple(
        Coupling(
            left=i,
            right=j,
            link=slice(int(shared.start[p]), int(shared.start[p + 1])),
            entry=piece[2 * len(drafts) + c],
            twice=drafts[i].block == drafts[j].block and i != j,
        )
        for c, (p, i, j) in enumerate(pairs)
    )
    return parts, couplings, unique // max(n, 1), unique % max(n, 1)


def _constraints(graph: Adjacency | None, parts: tuple[LargePart, ...], n: int) -> Float:
    columns = []
    for part in parts:
        if part.intrinsic and graph is not None:
            for component in np.flatnonzero(graph.component_sizes > 1):
                column = np.zeros(n)
                column[part.latent] = graph.component == component
                columns.append(column)
    return np.array(columns).reshape(len(columns), n).T.copy()
