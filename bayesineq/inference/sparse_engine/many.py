"""
Rows that read many effects of a spatial term: a practice's register over the areas where its patients live.

The curvature K' W K of such rows couples every two areas that share a practice: 98 million pairs for England's 6,470
practices and 32,844 areas, though K itself has 860,000 entries. So it is never formed. Each row gets a variable of its
own beside the latent field, the multiplier f = W K z, and

    [[Q, K'], [K, -W^-1]]

takes the place of H = Q + K' W K. It is as sparse as K, quasi-definite, so that it has L D L' in any order (Vanderbei
1995), and what is needed of H^-1 is in its selected inverse: the block of z is H^-1 itself, that of f and z is W K
H^-1, and log|H| is the logarithm of its determinant's size plus the sum of log W. A row's own random effect has only
f beside it and is a leaf.

Of each row, members with the smallest weights, `NEGLIGIBLE` of the whole in sum at most, may be left out of K where the
curvature is taken; predictors and pulls read all members, so that the mode is that of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.design.members import Members
from bayesineq.errors import DesignError
from bayesineq.inference.sparse_engine.mixed import LINK, Place, bend
from bayesineq.inference.sparse_engine.rows import Links, Side, Sums, predictor
from bayesineq.sparse.numeric import factorise, half_solve
from bayesineq.sparse.symbolic import Symbolic, analyse

if TYPE_CHECKING:
    from bayesineq.inference.sparse_engine.field import Field
    from bayesineq.inference.sparse_engine.parts import Latent

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

MANY: Final = 200_000
"""Members from which on the least of them are left out of the curvature."""

NEGLIGIBLE: Final = 0.02


class Between(NamedTuple):
    """
    Covariances of two large effects of a member.

    Parameters
    ----------
    first, second : int
        Large blocks, first at most second.
    pair : ndarray of int64, shape (n_member,)
        Number of the pair of effects; empty where the second is a row's own effect, told by the row's multiplier.
    parts : tuple of (int, int, ndarray of int64, bool)
        Two large parts, the entry of each pair, and whether they are different parts of one block.
    n_pair : int
        Number of pairs.
    """

    first: int
    second: int
    pair: Int
    parts: tuple[tuple[int, int, Int, bool], ...]
    n_pair: int


@dataclass(frozen=True, slots=True)
class Many:
    """
    Members of rows that read many effects, as arrays.

    Parameters
    ----------
    link : int
        Link of the mean.
    start : ndarray of int64, shape (n_row + 1,)
        Where the members of each row begin.
    row : ndarray of int32, shape (n_member,)
        Row of each.
    weight, shift : ndarray, shape (n_member,)
        Weight of its mean, and what is added to its predictor.
    small, large : Side
        Members against effects, one effect a block.
    pair : tuple of ndarray of int64, shape (n_member,)
        By large block: which of the row's entries of K each member adds to; -1 where it is left out.
    pair_row : tuple of ndarray of int64, shape (n_pair,)
        Row of each entry.
    part_block : tuple of int
        Large block of each large part.
    part_entry : tuple of ndarray of int64, shape (n_pair,)
        By large part: entries of K in the sparse system.
    own_entry : ndarray of int64, shape (n_row,)
        Entries of the rows' own variables.
    between : tuple of Between
        Covariances of effects of one member.
    n_field : int
        Latent values before those of the rows.
    prior : Symbolic
        Analysis of the prior of those, whose entries are the first of the sparse system.
    kept : float
        Least share of a row's weights that the curvature reads.
    lift : ndarray, shape (n_row,)
        What bending adds to the mean of each predictor.
    tilt : ndarray, shape (n_member,)
        d of F S k = k d.
    place : Place, optional
        Where the rows stand.
    """

    link: int
    start: Int
    row: Int32
    weight: Float
    shift: Float
    small: Side
    large: Side
    pair: tuple[Int, ...]
    pair_row: tuple[Int, ...]
    part_block: tuple[int, ...]
    part_entry: tuple[Int, ...]
    own_entry: Int
    between: tuple[Between, ...]
    n_field: int
    prior: Symbolic
    kept: float
    lift: Float
    tilt: Float
    place: Place | None = None

    def weighted(self, weight: Float) -> Many:
        """The same with other weights, shape (n_member,)."""
        return replace(self, weight=weight)

    @property
    def n_row(self) -> int:
        """Number of rows."""
        return len(self.start) - 1

    @property
    def sign(self) -> Float:
        """Sign of each variable's pivot, shape (n_field + n_row,)."""
        return np.concatenate([np.ones(self.n_field), -np.ones(self.n_row)])


class Entered(NamedTuple):
    """A large part in the one effect that it enters: its size, the large block, and the block's first effect."""

    size: int
    block: int
    effect: int


def many_rows(
    members: Members,
    link: str,
    sides: tuple[Side, Side],
    drafts: Sequence[Entered],
    prior: tuple[Int, Int],
) -> tuple[Many, Int, Int]:
    """
    See members as the rows that they make up, each with a variable of its own.

    `drafts` are the large parts in order, `prior` the rows and columns of their own entries. Returns: the members, and
    the rows and columns of further entries of the sparse system.
    """
    small, large = sides
    start = np.flatnonzero(np.diff(members.row, prepend=-1)).astype(np.int64)
    n_row, n_member = len(start), len(members.row)
    begin = np.concatenate([[0], np.cumsum([d.size for d in drafts])]).astype(np.int64)
    n_field = int(begin[-1])
    keep, kept = _kept(members, start)
    row_of, column_of, count = list[Int](), list[Int](), len(prior[0])

    def number(row: Int, column: Int) -> Int:
        nonlocal count
        row_of.append(np.maximum(row, column))
        column_of.append(np.minimum(row, column))
        count += len(row)
        return np.arange(count - len(row), count)

    pair, pair_row, effect = list[Int](), list[Int](), list[Int]()
    for index in large.index:
        key, inverse = np.unique(members.row[keep].astype(np.int64) * large.size + index[keep], return_inverse=True)
        own = np.full(n_member, -1, dtype=np.int64)
        own[keep] = inverse
        pair.append(own)
        pair_row.append(key // large.size)
        effect.append(key % large.size)
    block = tuple(d.block for d in drafts)
    part_entry = tuple(
        number(pair_row[b] + n_field, effect[b] - d.effect + begin[k])
        for k, (d, b) in enumerate(zip(drafts, block, strict=True))
    )
    rows = np.arange(n_row, dtype=np.int64) + n_field
    own_entry = number(rows, rows)
    between = _between(members, large, drafts, block, begin, number)
    many = Many(
        link=LINK[link],
        start=np.append(start, n_member),
        row=members.row,
        weight=members.weight[0],
        shift=members.shift,
        small=small,
        large=large,
        pair=tuple(pair),
        pair_row=tuple(pair_row),
        part_block=block,
        part_entry=part_entry,
        own_entry=own_entry,
        between=between,
        n_field=n_field,
        prior=analyse(n_field, *prior),
        kept=kept,
        lift=np.zeros(n_row),
        tilt=np.zeros(n_member),
    )
    return many, np.concatenate(row_of), np.concatenate(column_of)


def _kept(members: Members, start: Int) -> tuple[NDArray[np.bool_], float]:
    """Which members the curvature reads, and the least share of a row that they make up."""
    weight, row = members.weight[0], members.row
    if len(weight) < MANY:
        return np.ones(len(weight), dtype=bool), 1.0
    order = np.lexsort((weight, row))
    total = np.cumsum(weight[order])
    before = np.concatenate([[0.0], total])[start]
    keep = np.empty(len(weight), dtype=bool)
    keep[order] = total - before[row] > NEGLIGIBLE
    share = np.add.reduceat(np.where(keep, weight, 0.0), start)
    return keep, float(share.min())


def own_of_rows(row: Int32, index: Int32) -> bool:
    """Whether an effect is one row's alone."""
    first, last = np.full(int(index.max()) + 1, np.iinfo(np.int64).max), np.full(int(index.max()) + 1, -1)
    np.minimum.at(first, index, row)
    np.maximum.at(last, index, row)
    alone = bool((first >= last)[index].all())
    alike = not (np.diff(index)[np.diff(row) == 0] != 0).any()
    return alone and alike


def _between(
    members: Members,
    large: Side,
    drafts: Sequence[Entered],
    block: tuple[int, ...],
    begin: Int,
    number: object,
) -> tuple[Between, ...]:
    out = []
    of_block = [[k for k, b in enumerate(block) if b == a] for a in range(len(large.index))]
    alone = [own_of_rows(members.row, index) for index in large.index]
    for a in range(len(large.index)):
        for b in range(a, len(large.index)):
            if a != b and (alone[a] or alone[b]):
                if alone[a] and alone[b]:
                    raise DesignError("two terms have an effect of its own for each row; keep one of them")
                spatial, own = (b, a) if alone[a] else (a, b)
                out.append(Between(spatial, own, np.empty(0, dtype=np.int64), (), 0))
                continue
            key, index = np.unique(large.index[a].astype(np.int64) * large.size + large.index[b], return_inverse=True)
            parts = []
            for i in of_block[a]:
                for j in of_block[b]:
                    if a == b and j > i:
                        continue
                    left = key // large.size - drafts[i].effect + begin[i]
                    right = key % large.size - drafts[j].effect + begin[j]
                    # The diagonal is there already; it is found by its latent value.
                    entry = left if a == b and i == j else number(left, right)  # type: ignore[operator]
                    parts.append((i, j, entry, a == b and i != j))
            out.append(Between(a, b, index.astype(np.int64), tuple(parts), len(key)))
    return tuple(out)


def many_straightened(many: Many, offset: Float, effects: tuple[Float, Float]) -> tuple[Float, Many]:
    """Predictors of rows at some effects (small, large), shape (n_row,), and the members with their place there."""
    eta = offset[many.row] + many.shift
    for side, effect in zip((many.small, many.large), effects, strict=True):
        predictor(eta, side, effect, 0, len(eta), eta)
    place = Place(eta, np.empty(len(eta)), np.empty(len(eta)), np.empty(len(offset)))
    mean = np.empty(len(offset))
    bend(many.link, many.start, many.weight, place, mean)
    return mean + many.lift, replace(many, place=place)


def _covariate(side: Side, block: int, value: Float) -> Float:
    at = side.weighted[block]
    return value if at < 0 else value * side.weight[at]


def many_sums(many: Many, slope: Float, curvature: Float) -> Sums:
    """
    Pulls by effect, K by entry, and what the multipliers have: -1 / W.

    Returns: `cross`, shape (n_row, n_small_effect), is K of small effects; `link` K of large ones by block and entry,
    then -1 / W; `corner` is nothing.
    """
    assert many.place is not None
    if not (curvature > 0.0).all() or not np.isfinite(curvature).all():
        raise np.linalg.LinAlgError("a row knows nothing, or less, at these effects")
    k, row = many.place.slope, many.row
    pull = slope[row] * k - curvature[row] * k * many.tilt
    small, large = np.zeros(many.small.size), np.zeros(many.large.size)
    cross = np.zeros((many.n_row, many.small.size))
    for b, index in enumerate(many.small.index):
        small += np.bincount(index, _covariate(many.small, b, pull), many.small.size)
        at = row.astype(np.int64) * many.small.size + index
        cross += np.bincount(at, _covariate(many.small, b, k), cross.size).reshape(cross.shape)
    link = []
    for b, index in enumerate(many.large.index):
        large += np.bincount(index, _covariate(many.large, b, pull), many.large.size)
        keep = many.pair[b] >= 0
        link.append(np.bincount(many.pair[b][keep], _covariate(many.large, b, k)[keep], len(many.pair_row[b])))
    corner = np.zeros((many.small.size, many.small.size))
    return Sums(small, large, corner, cross, np.concatenate([*link, -1.0 / curvature]))


def many_latent_sums(
    latent: Latent, many: Many, prior: Field, sums: Sums, spare: int
) -> tuple[Float, Float, Float, Float, Float]:
    """As `field.latent_sums`: the system is that of the field and the rows' multipliers."""
    large = np.zeros(latent.n_large)
    n_border = latent.n_small + latent.constraint.shape[1]
    border = np.zeros((latent.n_large, n_border + spare))
    border[:, latent.n_small : n_border] = latent.constraint
    border[many.n_field :, : latent.n_small] = sums.cross @ prior.basis
    begin = np.concatenate([[0], np.cumsum([len(row) for row in many.pair_row])])
    entry = np.zeros(len(latent.pattern.row))
    for k, part in enumerate(latent.large_parts):
        large[part.latent] = prior.scale[k] * sums.large[latent.large_loads[k].effect]
        b = many.part_block[k]
        entry[many.part_entry[k]] = prior.scale[k] * sums.link[begin[b] : begin[b + 1]]
    entry[many.own_entry] = sums.link[begin[-1] :]
    corner = np.zeros((latent.n_small, latent.n_small))
    return large, prior.basis.T @ sums.small, entry, border, corner


class _Spread(NamedTuple):
    """Covariances of effects of members, in the layout of the members."""

    corner: Float
    cross: Float
    row_small: Float
    alone: Float
    both: Float
    variance: Float


def many_variance(
    latent: Latent, many: Many, prior: Field, of_latent: tuple[Float, Float, Float], curvature: Float
) -> tuple[Float, Many]:
    """
    Variance of every row's predictor, and what bending adds under these covariances. Shapes: returns (n_row,).

    `of_latent` as of `passes.variance_of_rows`; `curvature`, shape (n_row,), that of the system they are from.
    """
    assert many.place is not None
    inner, spread, covariance = of_latent
    corner = prior.basis @ inner @ prior.basis.T
    across = np.zeros((latent.large.size, latent.n_small))
    for k, part in enumerate(latent.large_parts):
        across[latent.large_loads[k].effect] -= prior.scale[k] * spread[part.latent, : latent.n_small]
    cross = across @ prior.basis.T
    with_small = -(spread[many.n_field :, : latent.n_small] @ prior.basis.T) / curvature[:, None]
    variance = np.maximum(1.0 / curvature + covariance[many.own_entry] / curvature**2, 1e-12 / curvature)
    with_row = [np.zeros(len(row)) for row in many.pair_row]
    for k, b in enumerate(many.part_block):
        with_row[b] += prior.scale[k] * covariance[many.part_entry[k]] / curvature[many.pair_row[b]]
    alone, both = np.zeros(len(many.row)), np.zeros(len(many.row))
    _small_spread(many.small, many.large, many.row, _Known(corner, cross, with_small), alone, both)
    out = np.ones(len(many.row), dtype=bool)
    for b in range(len(many.large.index)):
        one = _covariate(many.large, b, np.ones(len(many.row)))
        out &= many.pair[b] >= 0
        both += one * with_row[b][np.maximum(many.pair[b], 0)]
    # Of members too light for the curvature to read, the covariance with their row is taken as the row's own.
    both[~out] = variance[many.row[~out]]
    for pairs in many.between:
        alone += _large_spread(latent, many, prior, pairs, covariance, curvature, with_row)
    tilt = many.place.curve * both - (many.place.row_curve * variance)[many.row]
    bent = np.bincount(many.row, many.place.slope * many.place.curve * alone, many.n_row)
    lift = 0.5 * (bent - many.place.row_curve * variance)
    return variance, replace(many, lift=lift, tilt=tilt)


def _large_spread(
    latent: Latent, many: Many, prior: Field, pairs: Between, covariance: Float, curvature: Float, with_row: list[Float]
) -> Float:
    """What two large effects add to the variance of each member's predictor."""
    both = _covariate(many.large, pairs.first, _covariate(many.large, pairs.second, np.ones(len(many.row))))
    if not pairs.n_pair:
        # A row's own effect e has precision 1 and only the row's multiplier beside it: S_ez = -s W (K S)_z.
        (k,) = (k for k, b in enumerate(many.part_block) if b == pairs.second)
        own = np.bincount(many.row, many.place.slope * _covariate(many.large, pairs.second, np.ones(len(both))))  # type: ignore[union-attr]
        times = -(prior.scale[k] ** 2) * own * curvature
        at = many.pair[pairs.first]
        return np.asarray(np.where(at >= 0, 2.0 * both * times[many.row] * with_row[pairs.first][at], 0.0))
    value = np.zeros(pairs.n_pair)
    for i, j, entry, twice in pairs.parts:
        at = entry
        if pairs.first == pairs.second and i == j:
            part = latent.large_parts[i]
            at = part.diagonal[entry - part.latent.start]
        value += (2.0 if twice else 1.0) * prior.scale[i] * prior.scale[j] * covariance[at]
    return np.asarray((1.0 if pairs.first == pairs.second else 2.0) * both * value[pairs.pair])


class _Known(NamedTuple):
    """Covariances of small effects with each other, with large ones, and with rows."""

    corner: Float
    cross: Float
    with_row: Float


@njit(cache=True, nogil=True)
def _small_spread(small: Side, large: Side, row: Int32, known: _Known, alone: Float, both: Float) -> None:
    """Variance of each member's predictor by small effects, and its covariance with its row by them."""
    corner, cross, with_row = known
    in_small, in_large = small.index, large.index
    small_weight, small_weighted = small.weight, small.weighted
    large_weight, large_weighted = large.weight, large.weighted
    n_small, n_large = in_small.shape[0], in_large.shape[0]
    weight = np.empty(n_small)
    for m in range(len(row)):
        for a in range(n_small):
            weight[a] = 1.0 if small_weighted[a] < 0 else small_weight[small_weighted[a], m]
        for a in range(n_small):
            i, part = in_small[a, m], 0.0
            for b in range(a):
                part += weight[b] * corner[i, in_small[b, m]]
            for b in range(n_large):
                u = 1.0 if large_weighted[b] < 0 else large_weight[large_weighted[b], m]
                part += u * cross[in_large[b, m], i]
            alone[m] += weight[a] * (2.0 * part + weight[a] * corner[i, i])
            both[m] += weight[a] * with_row[row[m], i]


def many_gap(third: Float, variance: Float) -> float:
    """
    What the evidence has beyond its bound by rows' own effects: T^2 v^3 / 12 of each, T its third derivative.

    Shapes: third, variance (n_row,).
    """
    return float((third**2 * variance**3).sum() / 12.0)


def no_links(n_row: int) -> Links:
    """Links of a field whose rows have variables of their own."""
    none = np.empty(0, dtype=np.int64)
    return Links(none, none, np.empty((0, n_row), dtype=np.int32), np.zeros(1, dtype=np.int64), none, none)


def many_noise(latent: Latent, many: Many, sums: Sums, entries: Float, n_draw: int, rng: np.random.Generator) -> Float:
    """
    Right-hand sides b of [[Q, K'], [K, -W^-1]] x = b such that the field's part of x is a draw of N(0, H^-1).

    With z ~ N(0, Q^-1) and e white, b is Q z and W^-1/2 e (Papandreou and Yuille 2010): H x = Q z - K' W^1/2 e has
    covariance H. Shapes: entries (n_entry,), those of Q; returns (n_field + n_row, n_draw).
    """
    n_prior = len(many.prior.slot)
    row, column, value = latent.pattern.row[:n_prior], latent.pattern.column[:n_prior], entries[:n_prior]
    factor = factorise(many.prior, value)
    z = half_solve(factor, rng.standard_normal((many.n_field, n_draw)))
    out = np.empty((many.n_field + many.n_row, n_draw))
    multiply_symmetric(row, column, value, z, out)
    out[many.n_field :] = np.sqrt(-sums.link[-many.n_row :])[:, None] * rng.standard_normal((many.n_row, n_draw))
    return out


@njit(cache=True, nogil=True)
def multiply_symmetric(row: Int, column: Int, value: Float, right: Float, out: Float) -> None:
    """Product of a symmetric matrix, given by its lower triangle, and columns."""
    out[: len(right)] = 0.0
    for e in range(len(row)):
        i, j, v = row[e], column[e], value[e]
        for c in range(right.shape[1]):
            out[i, c] += v * right[j, c]
            if i != j:
                out[j, c] += v * right[i, c]
