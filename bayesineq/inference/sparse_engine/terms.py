"""From a design to its latent field: which part each term is made of, and where it meets the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack

from bayesineq.design.matrix import Block, Design, Incidence
from bayesineq.errors import DesignError
from bayesineq.inference.sparse_engine.arrow import pattern
from bayesineq.inference.sparse_engine.many import Entered, Many, many_rows, no_links
from bayesineq.inference.sparse_engine.mixed import Mixed, mixed_rows
from bayesineq.inference.sparse_engine.parameters import (
    Parameter,
    parameter,
    parameter_of_power,
    partial_correlation,
)
from bayesineq.inference.sparse_engine.parts import Contrasts, Coupling, LargePart, Latent, Load, Scale, SmallPart
from bayesineq.inference.sparse_engine.rows import Links, Side, links, side
from bayesineq.model.card import Term, of_outcome, partial_name
from bayesineq.model.kinds import Coefficients, Factor, Part, Structure
from bayesineq.model.kinds.structures import contrasted
from bayesineq.model.priors import Prior

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_SMALL: Final = 400
_SMALL_AT_MOST: Final = 3000
_LOADING: Final = 0.5
_MOST_MIXED: Final = 8
_SPREAD: Final = "spread"
_RIDGE: Final = 1e-8
_RIDGE_OF_PRODUCT: Final = 1e-6
"""A product has as many constraints as levels: each costs digits, the more the smaller the ridge. So do levels of
several components that outcomes share, which the data see in sum only."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A summand of effects of one term: its own scale, and the blocks that it enters, with scale and number."""

    term: str
    part: Part | Coefficients
    at: Mapping[str, int]
    scale: tuple[Scale, ...]
    loads: tuple[tuple[int, tuple[Scale, ...], float], ...] = ((0, (), 1.0),)


@dataclass(slots=True)
class _Found:
    """What has been found of a design's effects of one size so far."""

    parts: list[SmallPart]
    drafts: list[_Draft]
    loads: list[Load]
    reads: list[Incidence]
    random: list[bool]
    effect: int = 0
    latent: int = 0
    contrasts: dict[str, Contrasts] = field(default_factory=dict)


def latent_field(design: Design) -> Latent:
    """See a design as a latent Gaussian field."""
    parameters: list[Parameter] = []
    small, large = _Found([], [], [], [], []), _Found([], [], [], [], [])
    _intercepts(design, small)
    for group in _groups(design, large=False):
        _add_small(design, group, _entries(design, group, parameters), small)
    for group in _groups(design, large=True):
        _add_large(design, group, _entries(design, group, parameters), large)
    n_row = len(design)
    n_read = n_row if design.members is None else len(design.members.row)
    small_side, large_side = side(small.reads, n_read), side(large.reads, n_read)
    mixed: Mixed | Many | None = None
    many = _reads_many(design)
    if design.members is not None and any(block.incidence.shares is not None for block in design.blocks):
        raise DesignError(
            f"card {design.card.name!r}: its rows have members and read shares of many levels; one of the two may"
        )
    if design.members is not None and not many:
        link = design.card.outcome.link
        mixed, small_side, large_side = mixed_rows(design.members, link, small_side, large_side, n_row)
    shared = no_links(n_row) if many else links(large_side)
    large_parts, couplings, row, column = _pattern(large.drafts, large.loads, shared, large_side)
    n_large, sign = large.latent, None
    if design.members is not None and many:
        entered = [Entered(large.drafts[of.part].size, of.block, of.effect.start) for of in large.loads]
        link, sides = design.card.outcome.link, (small_side, large_side)
        mixed, further_row, further_column = many_rows(design.members, link, sides, entered, (row, column))
        row, column = np.concatenate([row, further_row]), np.concatenate([column, further_column])
        n_large, sign = n_large + mixed.n_row, mixed.sign
    own = [
        parameter(design.priors, of_outcome(outcome.name, name) if design.is_joint else name, of.start)
        for outcome in design.card.outcomes
        for of in outcome.family.parameters
        for name in (f"outcome.{of.name}",)
    ]
    parameters += own
    return Latent(
        parameters=tuple(parameters),
        own=tuple(range(len(parameters) - len(own), len(parameters))),
        small=small_side,
        large=large_side,
        random_blocks=tuple(small.random),
        links=shared,
        small_parts=tuple(small.parts),
        large_parts=large_parts,
        small_loads=tuple(small.loads),
        large_loads=tuple(large.loads),
        couplings=couplings,
        n_small=small.latent,
        n_large=n_large,
        pattern=pattern(n_large, row, column, sign),
        constraint=_constraints(large_parts, n_large),
        mixed=mixed,
        contrasts=large.contrasts,
    )


def _groups(design: Design, *, large: bool) -> list[tuple[Block, ...]]:
    """Blocks of each term of one size, those of all outcomes that it acts on together."""
    by_term: dict[str, list[Block]] = {}
    for block in design.blocks:
        by_term.setdefault(block.base if design.is_joint else block.term.name, []).append(block)
    groups = [tuple(blocks) for blocks in by_term.values()]
    return [g for g in groups if _is_large(g[0], sum(block.size for block in g), design) == large]


def _reads_many(design: Design) -> bool:
    """Whether rows read several areas of a spatial term."""
    of = design.members
    return of is not None and any(b.term.of_kind.sparse and of.differ(b.incidence.index) for b in design.blocks)


def _is_large(block: Block, size: int, design: Design) -> bool:
    kind, of = block.term.of_kind, design.members
    several = of is not None and of.differ(block.incidence.index) and not _reads_many(design)
    if kind.sparse or (kind.independent and size > _SMALL and not several):
        return True
    if size > _SMALL_AT_MOST:
        raise DesignError(
            f"term {block.term.name!r} is {kind.name} with {size} levels; the sparse engine takes at most "
            f'{_SMALL_AT_MOST} of that kind. Make it exchangeable, or use engine="nuts"'
        )
    return False


def _reads(design: Design, group: Sequence[Block]) -> Incidence:
    """Which of a term's effects each row reads, those of its outcome; rows of other outcomes read none."""
    if not design.is_joint:
        return group[0].incidence
    begin = dict(zip((b.outcome for b in group), np.cumsum([0, *(b.size for b in group)]), strict=False))
    blocks = {block.outcome: block for block in group}
    size, counts = sum(b.size for b in group), [len(response.value) for response in design.responses]
    if any(block.incidence.shares is not None for block in group):
        matrices = [
            csr_array((n, size))
            if (block := blocks.get(k)) is None
            else hstack(
                [csr_array((n, begin[k])), block.incidence.matrix(), csr_array((n, size - begin[k] - block.size))]
            )
            for k, n in enumerate(counts)
        ]
        return Incidence(size, None, None, csr_array(vstack(matrices)))
    index, weight, plain = [], [], len(group) == len(counts)
    ends = np.cumsum([0, *counts])
    for k, n in enumerate(counts):
        if k in blocks:
            own = blocks[k].incidence
            index.append((np.zeros(n, dtype=np.int32) if own.index is None else own.index) + np.int32(begin[k]))
            weight.append(np.ones(n) if own.weight is None else own.weight)
            plain = plain and own.weight is None
        else:
            # Multiplied by nothing; of the row's own level, so that no other levels are linked.
            index.append(_levels_of(design, group[0], slice(ends[k], ends[k + 1])))
            weight.append(np.zeros(n))
    return Incidence(size, np.concatenate(index), None if plain else np.concatenate(weight))


def _levels_of(design: Design, block: Block, rows: slice) -> NDArray[np.int32]:
    if not block.dims:
        return np.zeros(rows.stop - rows.start, dtype=np.int32)
    codes = [design.population[dim].cat.codes.to_numpy()[rows] for dim in block.dims]
    return np.asarray(np.ravel_multi_index(codes, block.shape)).astype(np.int32)


def _intercepts(design: Design, small: _Found) -> None:
    n = len(design.responses)
    names = [of_outcome(of.name, "intercept") if design.is_joint else "intercept" for of in design.card.outcomes]
    for k, name in enumerate(names):
        small.parts.append(_plain(name, k, np.ones((1, 1)), design.prior(name)))
        small.loads.append(Load(k, name, 0, slice(k, k + 1)))
    index = design.outcome_of_row.astype(np.int32) if design.is_joint else None
    small.reads.append(Incidence(n, index, None))
    small.random.append(False)
    small.effect = small.latent = n


def _plain(term: str, latent: int, basis: Float, prior: Prior, scale: tuple[Scale, ...] = ()) -> SmallPart:
    n = basis.shape[1]
    return SmallPart(
        term=term,
        latent=slice(latent, latent + n),
        basis=basis,
        mean=np.full(n, prior["mean"]),
        precision=np.full(n, prior.size**-2.0),
        scale=scale,
    )


def _entries(design: Design, group: Sequence[Block], parameters: list[Parameter]) -> list[_Entry]:
    """What the effects of a term are made of, by how it acts across outcomes; adds its hyperparameters."""
    across = design.card.term(group[0].base).across if design.is_joint else "apart"
    if across == "apart":
        return [
            replace(entry, loads=((b, (), 1.0),))
            for b, block in enumerate(group)
            for entry in _alone(design, block, block.term, parameters)
        ]
    if across == "correlated":
        return _correlated(design, group, parameters)
    named = replace(group[0].term, name=group[0].base)
    loads: list[tuple[int, tuple[Scale, ...], float]] = []
    entries = _alone(design, group[0], named, parameters)
    loadings = dict(design.card.term(named.name).loadings)
    for b, block in enumerate(group):
        owner = design.card.outcomes[block.outcome].name
        loading = loadings.get(owner, 1.0)
        if isinstance(loading, str):
            at = len(parameters)
            parameters.append(parameter(design.priors, of_outcome(owner, f"{named.name}.loading"), _LOADING))
            loads.append((b, (Scale(at, Factor("loading")),), block.unit))
        else:
            loads.append((b, (), loading * block.unit))
    return [replace(entry, loads=tuple(loads)) for entry in entries]


def _alone(design: Design, block: Block, named: Term, parameters: list[Parameter]) -> list[_Entry]:
    at = _hyperparameters(design, named, [of.name for of in named.hyperparameters], parameters)
    entries: list[_Entry] = []
    for part in block.parts(design.adjacency):
        if isinstance(part, Part):
            entries.append(_Entry(named.name, part, at, _scale(part, at)))
        elif _prior(design, named.name, part).is_normal:
            entries.append(_Entry(named.name, part, at, ()))
        else:
            entries += _mixtures(design, named.name, part, parameters)
    return entries


def _prior(design: Design, term: str, part: Coefficients) -> Prior:
    return design.prior(f"{term}.{part.prior}" if part.prior else term)


def _mixtures(design: Design, term: str, part: Coefficients, parameters: list[Parameter]) -> list[_Entry]:
    """Coefficients apart, each a normal whose standard deviation is a hyperparameter: a scale mixture, exactly."""
    prior, n = _prior(design, term, part), part.basis.shape[1]
    mixed = prior.mixed
    taken = sum(not of.kept for of in parameters)
    said, use = f"priors.{term}: {prior.word}", 'use engine="nuts", or a Normal prior'
    if mixed is None:
        raise DesignError(f"{said} is none that engine 'laplace' integrates exactly; {use}")
    if prior["mean"] != 0.0:
        raise DesignError(f"{said} has its mean away from zero; give it mean = 0 for engine 'laplace', or {use}")
    if taken + n > _MOST_MIXED:
        raise DesignError(
            f"{said} makes a hyperparameter of each of its {n} coefficients, and engine 'laplace' takes {_MOST_MIXED} "
            f"of these in all, {taken} so far; {use}"
        )
    entries = []
    for k in range(n):
        scale = (Scale(len(parameters), Factor(_SPREAD)),)
        spread = parameter_of_power(mixed, -2.0, f"{term}.{k}.{_SPREAD}", 1.0)
        parameters.append(replace(spread, kept=False))
        entries.append(_Entry(term, replace(part, basis=part.basis[:, [k]]), {}, scale))
    return entries


def _correlated(design: Design, group: Sequence[Block], parameters: list[Parameter]) -> list[_Entry]:
    """Independent parts of unit scale, loaded by D L, with L L' the correlations of the outcomes."""
    term = design.card.term(group[0].base)
    shared = [of.name for of in term.hyperparameters if of.name not in term.apart]
    between = _hyperparameters(design, term, shared, parameters)
    own = [
        between | _hyperparameters(design, block.term, [n for n in term.apart if n in _names(term)], parameters)
        for block in group
    ]
    eta = design.prior(f"{term.name}.correlation")["eta"]
    partial: dict[tuple[int, int], int] = {}
    for k in range(1, len(group)):
        for j in range(k):
            partial[k, j] = len(parameters)
            name = partial_name(term.name, *(design.card.outcomes[group[i].outcome].name for i in (j, k)))
            parameters.append(partial_correlation(name, eta + 0.5 * (len(group) - 2 - j)))
    entries = []
    for part in group[0].parts(design.adjacency):
        if isinstance(part, Coefficients):
            if not all(_prior(design, b.term.name, part).is_normal for b in group):
                raise DesignError(
                    f"priors.{term.name}: coefficients of a term that is correlated between outcomes have Normal "
                    'priors; give one, or use across = "apart"'
                )
            entries += [_Entry(b.term.name, part, {}, (), ((i, (), 1.0),)) for i, b in enumerate(group)]
            continue
        for j, block in enumerate(group):
            loads = [(k, (*_scale(part, own[k]), *_cholesky(partial, k, j)), 1.0) for k in range(j, len(group))]
            entries.append(_Entry(block.term.name, part, between, (), tuple(loads)))
    return entries


def _names(term: Term) -> set[str]:
    return {of.name for of in term.hyperparameters}


def _cholesky(partial: Mapping[tuple[int, int], int], k: int, j: int) -> tuple[Scale, ...]:
    """Entry of a Cholesky factor of correlations: a product of functions of partial ones (Lewandowski et al. 2009)."""
    left = tuple(Scale(partial[k, m], Factor("partial", "across")) for m in range(j))
    return (*left, Scale(partial[k, j], Factor("partial"))) if j < k else left


def _hyperparameters(design: Design, term: Term, names: Sequence[str], parameters: list[Parameter]) -> dict[str, int]:
    """Add some of a term's, and give their positions."""
    at = {}
    for of in term.hyperparameters:
        if of.name in names:
            at[of.name] = len(parameters)
            parameters.append(parameter(design.priors, f"{term.name}.{of.name}", of.start, design.adjacency))
    return at


def _scale(part: Part, at: Mapping[str, int]) -> tuple[Scale, ...]:
    return tuple(Scale(at[factor.parameter], factor) for factor in part.scale)


def _loads(group: Sequence[Block], entry: _Entry, found: _Found, number: int) -> list[Load]:
    """Loads of a part whose group begins at the effects found so far."""
    begin = found.effect + np.cumsum([0, *(block.size for block in group)])
    return [
        Load(number, group[b].term.name, len(found.reads), slice(int(begin[b]), int(begin[b + 1])), scale, constant)
        for b, scale, constant in entry.loads
    ]


def _by_effect(loads: list[Load]) -> list[Load]:
    return sorted(loads, key=lambda load: (load.effect.start, load.part))


def _add_small(design: Design, group: Sequence[Block], entries: Sequence[_Entry], found: _Found) -> None:
    loads: list[Load] = []
    for entry in entries:
        part, term = entry.part, entry.term
        loads += _loads(group, entry, found, len(found.parts))
        if isinstance(part, Coefficients):
            found.parts.append(_plain(term, found.latent, part.basis, _prior(design, term, part), entry.scale))
        else:
            structure = part.structure
            basis = np.eye(group[0].size) if structure.basis is None else structure.basis
            n = basis.shape[1]
            found.parts.append(
                SmallPart(
                    term=term,
                    latent=slice(found.latent, found.latent + n),
                    basis=basis,
                    mean=np.zeros(n),
                    precision=np.ones(n),
                    scale=entry.scale,
                    structure=structure if structure.correlations else None,
                    correlations={name: entry.at[name] for name in structure.correlations},
                )
            )
        found.latent = found.parts[-1].latent.stop
    found.loads += _by_effect(loads)
    found.reads.append(_reads(design, group))
    found.random.append(group[0].term.of_kind.is_random)
    found.effect += sum(block.size for block in group)


def _add_large(design: Design, group: Sequence[Block], entries: Sequence[_Entry], found: _Found) -> None:
    loads: list[Load] = []
    if _add_in_contrasts(design, group, entries, found):
        return
    for entry in entries:
        if isinstance(entry.part, Part):
            loads += _loads(group, entry, found, len(found.drafts))
            found.drafts.append(_draft(entry.term, entry.part, entry.at, entry.scale))
            found.latent += found.drafts[-1].size
    found.loads += _by_effect(loads)
    found.reads.append(_reads(design, group))
    found.effect += sum(block.size for block in group)


def _add_in_contrasts(design: Design, group: Sequence[Block], entries: Sequence[_Entry], found: _Found) -> bool:
    """Add a product with a walk in contrasts, where these are cheaper; with one outcome, and rows of one level."""
    if design.is_joint or design.members is not None or len(entries) != 1 or not isinstance(entries[0].part, Part):
        return False
    (block,), (entry,), part = group, entries, entries[0].part
    if (held := _in_contrasts(part, block.incidence)) is None:
        return False
    structure, reads, basis = held
    assert block.incidence.index is not None
    name, number = block.term.name, len(found.reads)
    found.contrasts[name] = Contrasts(number, basis, block.incidence.index, block.size)
    found.loads.append(Load(len(found.drafts), name, number, slice(found.effect, found.effect + reads.size)))
    found.drafts.append(_draft(entry.term, replace(part, structure=structure), entry.at, entry.scale))
    found.reads.append(reads)
    found.effect += reads.size
    found.latent += reads.size
    return True


def _in_contrasts(part: Part, incidence: Incidence) -> tuple[Structure, Incidence, Float] | None:
    """
    A product with a walk in contrasts of its levels, where that is cheaper than to condition on its constraints.

    A row then reads every contrast of its area, which fills the sparse system by their pairs; conditioning costs a
    dense column a constraint, of which there is one an area.
    """
    if not incidence.is_whole or (found := contrasted(part.structure)) is None:
        return None
    structure, basis = found
    n_level, n_contrast = basis.shape
    if n_contrast * (n_contrast + 1) // 2 >= part.structure.n_held - structure.n_held:
        return None
    assert incidence.index is not None
    first, level = np.divmod(incidence.index.astype(np.int64), n_level)
    column = (n_contrast * first[:, None] + np.arange(n_contrast)).ravel()
    pointer = n_contrast * np.arange(len(first) + 1)
    shares = csr_array((basis[level].ravel(), column, pointer), shape=(len(first), len(structure)))
    return structure, Incidence(len(structure), None, None, shares), basis


@dataclass(frozen=True, slots=True)
class _Draft:
    """A large part before its entries are numbered: pairs below its diagonal, and its matrices there."""

    term: str
    part: Part
    at: Mapping[str, int]
    scale: tuple[Scale, ...]
    row: Int
    column: Int
    below: Float

    @property
    def size(self) -> int:
        return len(self.part.structure)


def _draft(term: str, part: Part, at: Mapping[str, int], scale: tuple[Scale, ...]) -> _Draft:
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
    return _Draft(term, part, at, scale, every // n, every % n, below)


def _pattern(
    drafts: list[_Draft], loads: list[Load], shared: Links, large: Side
) -> tuple[tuple[LargePart, ...], tuple[Coupling, ...], Int, Int]:
    """Number the entries of the sparse system and say who writes where."""
    start = np.concatenate([[0], np.cumsum([d.size for d in drafts])]).astype(np.int64)
    n = int(start[-1])
    keys: list[Int] = []
    for k, draft in enumerate(drafts):
        own = np.arange(draft.size, dtype=np.int64) + start[k]
        keys += [own * n + own, (draft.row + start[k]) * n + draft.column + start[k]]
    pairs: list[tuple[int, int, int, slice | Int]] = []
    for p, (a, b) in enumerate(zip(shared.first, shared.second, strict=True)):
        for i, left in enumerate(loads):
            for j, right in enumerate(loads):
                if left.block == large.block[a] and right.block == large.block[b] and (a != b or j <= i):
                    at = _links_of(shared, p, left, right)
                    if at is not None:
                        pairs.append((p, i, j, at))
    for _, i, j, at in pairs:
        first = shared.left[at] - loads[i].effect.start + start[loads[i].part]
        second = shared.right[at] - loads[j].effect.start + start[loads[j].part]
        keys.append(np.maximum(first, second) * n + np.minimum(first, second))
    unique, entry = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *keys]), return_inverse=True)
    begin = np.concatenate([[0], np.cumsum([len(k) for k in keys])]).astype(np.int64)
    piece = [entry[begin[i] : begin[i + 1]].astype(np.int64) for i in range(len(keys))]
    held = {load.block for load in loads if drafts[load.part].part.structure.n_held}
    confounded = len(held) > 1 and len(loads) > len(drafts)
    ridge = _RIDGE_OF_PRODUCT if confounded or any(d.part.structure.factors for d in drafts) else _RIDGE
    parts = tuple(
        LargePart(
            term=d.term,
            latent=slice(int(start[k]), int(start[k + 1])),
            structure=d.part.structure,
            scale=d.scale,
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
            link=at,
            entry=piece[2 * len(drafts) + c],
            twice=shared.first[p] == shared.second[p] and i != j,
            slot=int(shared.first[p]) if shared.first[p] == shared.second[p] else -1,
        )
        for c, (p, i, j, at) in enumerate(pairs)
    )
    return parts, couplings, unique // max(n, 1), unique % max(n, 1)


def _links_of(shared: Links, pair: int, left: Load, right: Load) -> slice | Int | None:
    """Links of a pair of slots between the effects of two loads: all of them, unless outcomes have effects apart."""
    whole = slice(int(shared.start[pair]), int(shared.start[pair + 1]))
    first, second = shared.left[whole], shared.right[whole]
    mine = (first >= left.effect.start) & (first < left.effect.stop)
    mine &= (second >= right.effect.start) & (second < right.effect.stop)
    if mine.all():
        return whole if len(mine) else None
    at = np.flatnonzero(mine) + whole.start
    return at if len(at) else None


def _constraints(parts: tuple[LargePart, ...], n: int) -> Float:
    out = np.zeros((n, sum(part.structure.n_held for part in parts)))
    column = 0
    for part in parts:
        if part.structure.null is not None:
            out[part.latent, column : column + part.structure.n_held] = part.structure.null
            column += part.structure.n_held
    return out
