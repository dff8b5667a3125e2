"""
The one predictor: intercept and terms of every row, the inverse link, and the average over people, draw by draw.

Expected values, standardisation, replicates, strata and every later stage read a posterior through it. Compiled loops
go over draws and rows and release the interpreter's lock, so blocks of draws run in threads; draws by rows are never
held unless the rows themselves are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.model.card import ModelCard, Term
from bayesineq.posterior.population import card_of

LINK: Final = {"identity": 0, "log": 1, "logit": 2}

_BLOCK_VALUES: Final = 1 << 21
_BLOCK_DRAWS: Final = 64
_MERGE_SHARE: Final = 8

type Floats = NDArray[np.float64]
type Codes = NDArray[np.int32]


class Columns(NamedTuple):
    """
    Which effects each row reads, as columns of all effects side by side.

    `plain`, shape (n_plain, n_row), are added as they are; `slope`, shape (n_slope, n_row), after multiplication
    with `slope_weight`.
    """

    plain: Codes
    slope: Codes
    slope_weight: Floats


class Strata(NamedTuple):
    """
    What every row is averaged over, beside being summed.

    A stratum adds `shift`, shape (n_draw, n_stratum), to the linear predictor of every row and weighs `share`, shape
    (n_stratum,); no stratum at all leaves rows as they are.
    """

    shift: Floats
    share: Floats


@dataclass(frozen=True, slots=True)
class Source:
    """
    Columns of effects that rows point at: one term's, or sums over terms for every combination of levels that occurs.

    `draws`, each of shape (n_draw, n_level), are summed at levels `pick`, each of shape (n_combination,); without it
    the one term is taken as it is.
    """

    draws: tuple[NDArray[np.floating], ...]
    pick: tuple[Codes, ...] | None

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.pick[0]) if self.pick else self.draws[0].shape[1]


@dataclass(frozen=True, slots=True)
class Predictor:
    """
    A population seen through a posterior.

    `base`, shape (n_draw,), is the intercept with what the likelihood adds to it; `sources` are draws of effects side
    by side and `columns` which of them each row reads; `weight`, shape (n_row,), are the people of each row.
    """

    base: Floats
    sources: tuple[Source, ...]
    columns: Columns
    weight: Floats
    link: str

    @property
    def n_draw(self) -> int:
        """Number of draws, all chains together."""
        return len(self.base)


def predictor_of(post: xr.DataTree, frame: pd.DataFrame, terms: Sequence[Term] | None = None) -> Predictor:
    """See a population, as `resolve` returns it, through a posterior; by default all terms of the card are added up."""
    card = card_of(post)
    draws = post["posterior"].to_dataset()
    plain: list[tuple[NDArray[np.floating], Codes]] = []
    slopes: list[tuple[NDArray[np.floating], Codes, Floats]] = []
    for term in card.terms if terms is None else terms:
        name = card.variable(term.name)
        effect, index = flat_draws(draws, name, term.dims), _index(term, frame)
        if term.covariate is None:
            plain.append((effect, index))
        else:
            value, scale = frame[list(term.covariates)].to_numpy(dtype=np.float64).prod(axis=1), draws[name].attrs
            slopes.append((effect, index, (value - scale["centre"]) / scale["spread"]))
    merged = _merge(plain, len(frame))
    sources = (*(source for source, _ in merged), *(Source((effect,), None) for effect, _, _ in slopes))
    starts = np.cumsum([0, *(source.size for source in sources)]).astype(np.int32)
    columns = Columns(
        _stack([index + starts[i] for i, (_, index) in enumerate(merged)], len(frame), np.int32),
        _stack([s[1] + starts[len(merged) + i] for i, s in enumerate(slopes)], len(frame), np.int32),
        _stack([s[2] for s in slopes], len(frame), np.float64),
    )
    people = frame[POPULATION].to_numpy(dtype=np.float64)
    return Predictor(_base(draws, card), sources, columns, people, card.outcome.family.mean_link)


def row_effects(predictor: Predictor) -> Floats:
    """Sum of the terms of every row, without the intercept, shape (n_draw, n_row): for few rows."""
    return row_means(replace(predictor, base=np.zeros(predictor.n_draw), link="identity"))


def row_means(predictor: Predictor, draws: slice = slice(None)) -> Floats:
    """Mean outcome of every row, shape (n_draw, n_row): for few rows or few draws."""
    from bayesineq.posterior.kernel import each_row

    wanted = range(*draws.indices(predictor.n_draw))
    mean = np.empty((len(wanted), len(predictor.weight)))
    for block in _blocks(predictor, wanted):
        own = slice(block.start - wanted.start, block.stop - wanted.start)
        each_row(predictor.base[block], _effects(predictor, block), predictor.columns, LINK[predictor.link], mean[own])
    return mean


def group_totals(
    predictor: Predictor,
    group: Codes,
    n_group: int,
    *,
    strata: Strata | None = None,
    threads: int | None = None,
) -> Floats:
    """
    Weight times mean outcome, summed over the rows of each group, for every draw: shape (n_draw, n_group).

    `group`, shape (n_row,), is the group of each row; with `strata` the mean of each row is its average over them.
    Threads are by default as many as there are cores, at most 4.
    """
    total = np.zeros((predictor.n_draw, n_group))
    for _ in _summed(predictor, group, n_group, lambda block, part: None, strata, threads, total):
        pass
    return total


def group_moments(
    predictor: Predictor, group: Codes, n_group: int, weight: Floats, *, threads: int | None = None
) -> tuple[Floats, Floats]:
    """
    Mean and standard deviation over draws of the mean outcome of each group, each of shape (n_group,).

    `weight`, shape (n_group,), is what each group weighs. Draws of a block are held at once, and no more: blocks are
    pooled one after the other (Chan, Golub and LeVeque 1983).
    """
    count, mean, square = 0, np.zeros(n_group), np.zeros(n_group)

    def of_block(block: slice, part: Floats) -> tuple[int, Floats, Floats]:
        with np.errstate(invalid="ignore", divide="ignore"):
            part /= weight
        middle = part.mean(axis=0)
        part -= middle
        return block.stop - block.start, middle, np.einsum("ij,ij->j", part, part)

    for more, middle, squares in _summed(predictor, group, n_group, of_block, None, threads):
        gap, both = middle - mean, count + more
        mean = mean + gap * (more / both)
        square = square + squares + gap**2 * (count * more / both)
        count = both
    return mean, np.sqrt(square / count)


def _summed[T](
    predictor: Predictor,
    group: Codes,
    n_group: int,
    then: Callable[[slice, Floats], T],
    strata: Strata | None,
    threads: int | None,
    into: Floats | None = None,
) -> Iterator[T]:
    """
    What is made of each block of draws, in order: of weight times mean outcome, shape (n_draw of it, n_group).

    It is summed in `into`, zeros of shape (n_draw, n_group), where that is given; else in room of its own.
    """
    from bayesineq.posterior.kernel import sum_by_group

    weight, columns = predictor.weight, predictor.columns
    if (np.diff(group) < 0).any():
        # Where rows of a group stand together, their sum is kept at hand.
        order = np.argsort(group, kind="stable")
        plain, slope, slope_weight = columns
        columns = Columns(
            np.take(plain, order, axis=1), np.take(slope, order, axis=1), np.take(slope_weight, order, axis=1)
        )
        weight, group = weight[order], group[order]
    shift, share = strata or Strata(np.zeros((predictor.n_draw, 0)), np.zeros(0))

    def work(block: slice) -> T:
        part = np.zeros((block.stop - block.start, n_group)) if into is None else into[block]
        added = Strata(shift[block], share)
        sum_by_group(
            predictor.base[block],
            _effects(predictor, block),
            columns,
            weight,
            group,
            LINK[predictor.link],
            added,
            part,
        )
        return then(block, part)

    count = threads if threads is not None else min(4, os.cpu_count() or 1)
    blocks = list(_blocks(predictor, range(predictor.n_draw)))
    if count <= 1 or len(blocks) == 1:
        yield from map(work, blocks)
    else:
        with ThreadPoolExecutor(min(count, len(blocks))) as pool:
            yield from pool.map(work, blocks)


def flat_draws(draws: xr.Dataset, name: str, dims: tuple[str, ...]) -> NDArray[np.floating]:
    """Draws of one variable, shape (n_draw, n_level), in the precision in which they are kept."""
    if name not in draws or set(draws[name].dims) != {*SAMPLE_DIMS, *dims}:
        found = f"has dimensions {list(draws[name].dims)}" if name in draws else "is not there"
        raise PosteriorError(
            f"variable {name!r} of the posterior should have dimensions {[*SAMPLE_DIMS, *dims]} but {found}; "
            "the file was altered or was not written by bayesineq"
        )
    values = draws[name].transpose(*SAMPLE_DIMS, *dims).to_numpy()
    return values.reshape(values.shape[0] * values.shape[1], -1)


def one_number(draws: xr.Dataset, name: str) -> Floats:
    """Draws of a variable without levels, shape (n_draw,), in double precision."""
    return flat_draws(draws, name, ())[:, 0].astype(np.float64)


def own_parameters(draws: xr.Dataset, card: ModelCard) -> dict[str, Floats]:
    """Draws of the parameters of the likelihood itself, by name."""
    return {name: one_number(draws, f"outcome.{name}") for name in card.outcome.family.own}


def _blocks(predictor: Predictor, wanted: range) -> Iterator[slice]:
    """Slices of draws whose effects are held at once."""
    width = max(1, sum(source.size for source in predictor.sources))
    step = max(1, min(_BLOCK_DRAWS, _BLOCK_VALUES // width))
    for start in range(wanted.start, wanted.stop, step):
        yield slice(start, min(start + step, wanted.stop))


def _effects(predictor: Predictor, draws: slice) -> Floats:
    """Effects of a block of draws side by side, shape (n_draw, n_effect)."""
    columns = []
    for source in predictor.sources:
        if source.pick is None:
            columns.append(np.asarray(source.draws[0][draws], dtype=np.float64))
        else:
            summed = np.zeros((draws.stop - draws.start, source.size))
            for values, pick in zip(source.draws, source.pick, strict=True):
                summed += values[draws][:, pick]
            columns.append(summed)
    return np.concatenate(columns, axis=1) if columns else np.zeros((draws.stop - draws.start, 0))


def _base(draws: xr.Dataset, card: ModelCard) -> Floats:
    shift = card.outcome.family.mean_shift
    base = one_number(draws, "intercept")
    return base if shift is None else base + shift(own_parameters(draws, card))


def _index(term: Term, frame: pd.DataFrame) -> Codes:
    if not term.dims:
        return np.zeros(len(frame), dtype=np.int32)
    codes = [frame[dim].cat.codes.to_numpy() for dim in term.dims]
    shape = tuple(len(frame[dim].cat.categories) for dim in term.dims)
    return np.asarray(np.ravel_multi_index(codes, shape)).astype(np.int32)


def _merge(plain: list[tuple[NDArray[np.floating], Codes]], n_row: int) -> list[tuple[Source, Codes]]:
    """Sum terms beforehand while their levels meet in few combinations: a row then reads one effect, not several."""
    waiting = sorted(plain, key=lambda pair: pair[0].shape[1])
    done: list[tuple[Source, Codes]] = []
    while waiting:
        effect, code = waiting.pop(0)
        members, picks = [effect], [np.arange(effect.shape[1], dtype=np.int32)]
        if few := effect.shape[1] > n_row:
            # Of very many levels few are read: draws of the others are not fetched.
            needed, place = np.unique(code, return_inverse=True)
            picks = [needed.astype(np.int32)]
            code = place.astype(np.int32)
        for other in list(waiting):
            joint = code.astype(np.int64) * other[0].shape[1] + other[1]
            joined, combinations = pd.factorize(joint)
            if len(combinations) > n_row // _MERGE_SHARE:
                break
            left, right = np.divmod(combinations, other[0].shape[1])
            members.append(other[0])
            picks = [*(pick[left] for pick in picks), right.astype(np.int32)]
            code = joined.astype(np.int32)
            waiting = [w for w in waiting if w is not other]
        done.append((Source(tuple(members), tuple(picks) if few or len(members) > 1 else None), code))
    return done


def _stack[T: np.generic](columns: list[NDArray[T]], n_row: int, dtype: type[T]) -> NDArray[T]:
    return np.ascontiguousarray(columns, dtype=dtype) if columns else np.zeros((0, n_row), dtype=dtype)
