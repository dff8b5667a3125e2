"""From a design to its latent field: which part each term is made of, and where it meets the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design, Incidence
from bayesineq.design.members import Members
from bayesineq.errors import DesignError
from bayesineq.inference.sparse_engine.arrow import pattern
from bayesineq.inference.sparse_engine.mixed import mixed_rows
from bayesineq.inference.sparse_engine.parameters import Parameter, parameter
from bayesineq.inference.sparse_engine.parts import Coupling, LargePart, Latent, Scale, SmallPart
from bayesineq.inference.sparse_engine.rows import Links, Side, links, side
from bayesineq.model.kinds import Coefficients, Part
from bayesineq.model.priors import Prior

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_SMALL: Final = 400
_SMALL_AT_MOST: Final = 3000
_RIDGE: Final = 1e-8
_RIDGE_OF_PRODUCT: Final = 1e-6
"""A product has as many constraints as levels: each costs digits, the more the smaller the ridge."""


def latent_field(design: Design) -> Latent:
    """See a design as a latent Gaussian field."""
    parameters: list[Parameter] = []
    small_parts: list[SmallPart] = []
    large_blocks: list[Block] = []
    small_blocks = [Incidence(1, None, None)]
    small_parts.append(_plain("intercept", 0, 0, np.ones((1, 1)), design.prior("intercept")))
    effect_at = latent_at = 1
    random = [False]
    drafts: list[_Draft] = []
    for block in design.blocks:
        if _is_large(block, design.members):
            large_blocks.append(block)
            continue
        parts = block.parts(design.adjacency)
        at = _hyperparameters(design, block, parameters)
        small_parts += _small(design, block, parts, (effect_at, latent_at), at)
        latent_at = small_parts[-1].latent.stop
        small_blocks.append(block.incidence)
        random.append(block.term.of_kind.is_random)
        effect_at += block.size
    effect = 0
    for number, block in enumerate(large_blocks):
        at, parts = _hyperparameters(design, block, parameters), block.parts(design.adjacency)
        drafts += [_draft(block.term.name, number, effect, part, at) for part in parts if isinstance(part, Part)]
        effect += block.size
    n_row = len(design)
    n_read = n_row if design.members is None else len(design.members.row)
    small = side(small_blocks, n_read)
    large = side([block.incidence for block in large_blocks], n_read)
    mixed = None
    if design.members is not None:
        if any(block.incidence.shares is not None for block in design.blocks):
            raise DesignError(
                f"card {design.card.name!r}: its rows have members and read shares of many levels; one of the two may"
            )
        mixed, small, large = mixed_rows(design.members, design.card.outcome.link, small, large, n_row)
    shared = links(large)
    large_parts, couplings, row, column = _pattern(drafts, shared, large)
    n_large = sum(draft.size for draft in drafts)
    own = design.card.outcome.family.parameters
    parameters += [parameter(design.priors, f"outcome.{of.name}", of.start) for of in own]
    return Latent(
        parameters=tuple(parameters),
        own=tuple(range(len(parameters) - len(own), len(parameters))),
        small=small,
        large=large,
        random_blocks=tuple(random),
        links=shared,
        small_parts=tuple(small_parts),
        large_parts=large_parts,
        couplings=couplings,
        n_small=latent_at,
        n_large=n_large,
        pattern=pattern(n_large, row, column),
        constraint=_constraints(large_parts, n_large),
        mixed=mixed,
    )


def _is_large(block: Block, members: Members | None) -> bool:
    kind = block.term.of_kind
    several = members is not None and members.differ(block.incidence.index)
    if several and kind.sparse:
        raise DesignError(
            f"term {block.term.name!r} is {block.term.kind}, and rows read several of its levels, which the sparse "
            'engine does not take of such terms; use engine="nuts"'
        )
    if kind.sparse or (kind.independent and block.size > _SMALL and not several):
        return True
    if block.size > _SMALL_AT_MOST:
        raise DesignError(
            f"term {block.term.name!r} is {kind.name} with {block.size} levels; the sparse engine takes at most "
            f'{_SMALL_AT_MOST} of that kind. Make it exchangeable, or use engine="nuts"'
        )
    return False


def _plain(term: str, effect: int, latent: int, basis: Float, prior: Prior) -> SmallPart:
    n = basis.shape[1]
    return SmallPart(
        term=term,
        effect=slice(effect, effect + basis.shape[0]),
        latent=slice(latent, latent + n),
        basis=basis,
        mean=np.full(n, prior["mean"]),
        precision=np.full(n, prior["sd"] ** -2.0),
    )


def _hyperparameters(design: Design, block: Block, parameters: list[Parameter]) -> dict[str, int]:
    """Add those of a term, and give their positions."""
    at = {}
    for of in block.term.hyperparameters:
        at[of.name] = len(parameters)
        parameters.append(parameter(design.priors, f"{block.term.name}.{of.name}", of.start, design.adjacency))
    return at


def _scale(part: Part, at: Mapping[str, int]) -> tuple[Scale, ...]:
    return tuple(Scale(at[factor.parameter], factor) for factor in part.scale)


def _small(
    design: Design, block: Block, parts: Sequence[Part | Coefficients], begin: tuple[int, int], at: Mapping[str, int]
) -> list[SmallPart]:
    """Parts of a small effect, whose effects and latent values begin there."""
    term, out, (effect, latent) = block.term.name, [], begin
    for part in parts:
        if isinstance(part, Coefficients):
            prior = design.prior(f"{term}.{part.prior}" if part.prior else term)
            out.append(_plain(term, effect, latent, part.basis, prior))
        else:
            structure = part.structure
            basis = np.eye(block.size) if structure.basis is None else structure.basis
            n = basis.shape[1]
            out.append(
                SmallPart(
                    term=term,
                    effect=slice(effect, effect + block.size),
                    latent=slice(latent, latent + n),
                    basis=basis,
                    mean=np.zeros(n),
                    precision=np.ones(n),
                    scale=_scale(part, at),
                    structure=structure if structure.correlations else None,
                    correlations={name: at[name] for name in structure.correlations},
                )
            )
        latent = out[-1].latent.stop
    return out


@dataclass(frozen=True, slots=True)
class _Draft:
    """A large part before its entries are numbered: pairs below its diagonal, and its matrices there."""

    term: str
    block: int
    effect: int
    part: Part
    at: Mapping[str, int]
    row: Int
    column: Int
    below: Float

    @property
    def size(self) -> int:
        return len(self.part.structure)


def _draft(term: str, block: int, effect: int, part: Part, at: Mapping[str, int]) -> _Draft:
    n, keys, values = len(part.structure), [], []
    for matrix in part.structure.matrices:
        entries = matrix.tocoo()
        lower = entries.row > entries.col
        keys.append(entries.row[lower].astype(np.int64) * n + entries.col[lower])
        values.append(entries.data[lower])
    every = np.unique(np.concatenate(keys))
    below = np.zeros((len(keys), len(every)))
    for k, (key, value) in enumerate(zip(keys, values, strict=True)):
        below[k, np.searchsorted(every, key)] = value
    return _Draft(term, block, effect, part, at, every // n, every % n, below)


def _pattern(
    drafts: list[_Draft], shared: Links, large: Side
) -> tuple[tuple[LargePart, ...], tuple[Coupling, ...], Int, Int]:
    """Number the entries of the sparse system and say who writes where."""
    start = np.concatenate([[0], np.cumsum([d.size for d in drafts])]).astype(np.int64)
    n = int(start[-1])
    keys: list[Int] = []
    for k, draft in enumerate(drafts):
        own = np.arange(draft.size, dtype=np.int64) + start[k]
        keys += [own * n + own, (draft.row + start[k]) * n + draft.column + start[k]]
    pairs: list[tuple[int, int, int]] = []
    for p, (a, b) in enumerate(zip(shared.first, shared.second, strict=True)):
        for i, left in enumerate(drafts):
            for j, right in enumerate(drafts):
                if left.block == large.block[a] and right.block == large.block[b] and (a != b or j <= i):
                    pairs.append((p, i, j))
    for p, i, j in pairs:
        at = slice(shared.start[p], shared.start[p + 1])
        first = shared.left[at] - drafts[i].effect + start[i]
        second = shared.right[at] - drafts[j].effect + start[j]
        keys.append(np.maximum(first, second) * n + np.minimum(first, second))
    unique, entry = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *keys]), return_inverse=True)
    begin = np.concatenate([[0], np.cumsum([len(k) for k in keys])]).astype(np.int64)
    piece = [entry[begin[i] : begin[i + 1]].astype(np.int64) for i in range(len(keys))]
    ridge = _RIDGE_OF_PRODUCT if any(d.part.structure.factors for d in drafts) else _RIDGE
    parts = tuple(
        LargePart(
            term=d.term,
            block=d.block,
            effect=slice(d.effect, d.effect + d.size),
            latent=slice(int(start[k]), int(start[k + 1])),
            structure=d.part.structure,
            scale=_scale(d.part, d.at),
            correlations={name: d.at[name] for name in d.part.structure.correlations},
            ridge=ridge if d.part.structure.n_held else 0.0,
            diagonal=piece[2 * k],
            edge=piece[2 * k + 1],
            on=np.array([matrix.diagonal() for matrix in d.part.structure.matrices]),
            below=d.below,
        )
        for k, d in enumerate(drafts)
    )
    couplings = tuple(
        Coupling(
            left=i,
            right=j,
            link=slice(int(shared.start[p]), int(shared.start[p + 1])),
            entry=piece[2 * len(drafts) + c],
            twice=shared.first[p] == shared.second[p] and i != j,
            slot=int(shared.first[p]) if shared.first[p] == shared.second[p] else -1,
        )
        for c, (p, i, j) in enumerate(pairs)
    )
    return parts, couplings, unique // max(n, 1), unique % max(n, 1)


def _constraints(parts: tuple[LargePart, ...], n: int) -> Float:
    out = np.zeros((n, sum(part.structure.n_held for part in parts)))
    column = 0
    for part in parts:
        if part.structure.null is not None:
            out[part.latent, column : column + part.structure.n_held] = part.structure.null
            column += part.structure.n_held
    return out
