"""A population seen through a posterior, as arrays that the compiled loops read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.model.card import ModelCard, Term
from bayesineq.posterior.population import card_of

_BLOCK_VALUES: Final = 1 << 21
_BLOCK_DRAWS: Final = 64
_MERGE_SHARE: Final = 8

type Floats = NDArray[np.float64]
type Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Source:
    """
    Columns of effects that rows point at: one term's, or sums over terms for every combination of levels that occurs.

    Parameters
    ----------
    draws : tuple of ndarray, shape (n_draw, n_level)
        Effects of each term that is summed.
    pick : tuple of ndarray of int32, shape (n_combination,), or None
        Level of each term in each combination; None where the one term is taken as it is.
    """

    draws: tuple[NDArray[np.floating], ...]
    pick: tuple[Codes, ...] | None

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.pick[0]) if self.pick else self.draws[0].shape[1]


@dataclass(frozen=True, slots=True)
class Rows:
    """
    Everything needed to turn draws into means of rows.

    Parameters
    ----------
    base : ndarray, shape (n_draw,)
        Intercept, with half the residual variance where the outcome is log-normal.
    sources : tuple of Source
        Effects, side by side.
    index : ndarray of int32, shape (n_plain, n_row)
        Columns that a row adds.
    slope_index, slope_weight : ndarray, shape (n_slope, n_row)
        Columns that a row adds after multiplication, and the multiplier.
    weight : ndarray, shape (n_row,)
        Population of each row.
    link : str
        "identity", "log" or "logit".
    """

    base: Floats
    sources: tuple[Source, ...]
    index: Codes
    slope_index: Codes
    slope_weight: Floats
    weight: Floats
    link: str

    @property
    def n_draw(self) -> int:
        """Number of draws, all chains together."""
        return len(self.base)

    def take(self, order: NDArray[np.intp]) -> Rows:
        """Give the same rows in another order."""
        return replace(
            self,
            index=np.ascontiguousarray(self.index[:, order]),
            slope_index=np.ascontiguousarray(self.slope_index[:, order]),
            slope_weight=np.ascontiguousarray(self.slope_weight[:, order]),
            weight=self.weight[order],
        )

    def blocks(self) -> Iterator[slice]:
        """Slices of draws whose effects are held at once."""
        width = max(1, sum(source.size for source in self.sources))
        step = max(1, min(_BLOCK_DRAWS, _BLOCK_VALUES // width))
        for start in range(0, self.n_draw, step):
            yield slice(start, min(start + step, self.n_draw))

    def effects(self, draws: slice) -> Floats:
        """Effects of a block of draws side by side, shape (n_draw, n_effect)."""
        columns = []
        for source in self.sources:
            if source.pick is None:
                columns.append(np.asarray(source.draws[0][draws], dtype=np.float64))
            else:
                summed = np.zeros((draws.stop - draws.start, source.size))
                for values, pick in zip(source.draws, source.pick, strict=True):
                    summed += values[draws][:, pick]
                columns.append(summed)
        return np.concatenate(columns, axis=1) if columns else np.zeros((draws.stop - draws.start, 0))


def rows_of(post: xr.DataTree, frame: pd.DataFrame, terms: Sequence[Term] | None = None) -> Rows:
    """
    See a population through a posterior.

    Parameters
    ----------
    post : DataTree
        A posterior.
    frame : DataFrame
        A population as `bayesineq.posterior.population.resolve` returns it.
    terms : sequence of Term, optional
        Terms that are added up; by default all of the card's.

    Returns
    -------
    Rows
        Arrays for the compiled loops.
    """
    card = card_of(post)
    draws = post["posterior"].to_dataset()
    plain: list[tuple[NDArray[np.floating], Codes]] = []
    slopes: list[tuple[NDArray[np.floating], Codes, Floats]] = []
    for term in card.terms if terms is None else terms:
        effect = flat_draws(draws, card.variable(term.name), term.dims)
        index = _index(term, frame)
        multiplier = _multiplier(draws[card.variable(term.name)], term, frame)
        if multiplier is None:
            plain.append((effect, index))
        else:
            slopes.append((effect, index, multiplier))
    merged = _merge(plain, len(frame))
    sources = (*(source for source, _ in merged), *(Source((effect,), None) for effect, _, _ in slopes))
    starts = np.cumsum([0, *(source.size for source in sources)]).astype(np.int32)
    return Rows(
        base=_base(draws, card),
        sources=sources,
        index=_stack([index + starts[i] for i, (_, index) in enumerate(merged)], len(frame), np.int32),
        slope_index=_stack([s[1] + starts[len(merged) + i] for i, s in enumerate(slopes)], len(frame), np.int32),
        slope_weight=_stack([s[2] for s in slopes], len(frame), np.float64),
        weight=frame[POPULATION].to_numpy(dtype=np.float64),
        link=card.outcome.family.mean_link,
    )


def flat_draws(draws: xr.Dataset, name: str, dims: tuple[str, ...]) -> NDArray[np.floating]:
    """
    Draws of one variable, chains one after the other.

    Parameters
    ----------
    draws : Dataset
        Group `posterior`.
    name : str
        Variable.
    dims : tuple of str
        Its own dimensions, in the order wanted.

    Returns
    -------
    ndarray, shape (n_draw, n_level)
        Draws by level, last dimension fastest, in the precision in which they are kept.

    Raises
    ------
    PosteriorError
        If the posterior has no such variable or dimension.
    """
    if name not in draws or set(draws[name].dims) != {*SAMPLE_DIMS, *dims}:
        found = f"has dimensions {list(draws[name].dims)}" if name in draws else "is not there"
        raise PosteriorError(
            f"variable {name!r} of the posterior should have dimensions {[*SAMPLE_DIMS, *dims]} but {found}; "
            "the file was altered or was not written by bayesineq"
        )
    values = draws[name].transpose(*SAMPLE_DIMS, *dims).to_numpy()
    return values.reshape(values.shape[0] * values.shape[1], -1)


def over_blocks(rows: Rows, work: Callable[[slice, Floats], None], threads: int | None) -> None:
    """
    Do work on every block of draws, in threads.

    Parameters
    ----------
    rows : Rows
        A population seen through a posterior.
    work : callable
        Takes a slice of draws and their effects, shape (n_draw, n_effect); writes to its own part of a result.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.
    """
    count = threads if threads is not None else min(4, os.cpu_count() or 1)

    def one(block: slice) -> None:
        work(block, rows.effects(block))

    blocks = list(rows.blocks())
    if count <= 1 or len(blocks) == 1:
        for block in blocks:
            one(block)
        return
    with ThreadPoolExecutor(min(count, len(blocks))) as pool:
        for done in [pool.submit(one, block) for block in blocks]:
            done.result()


def _base(draws: xr.Dataset, card: ModelCard) -> Floats:
    base = flat_draws(draws, "intercept", ())[:, 0].astype(np.float64)
    family = card.outcome.family
    if family.mean_shift is None:
        return base
    own = {name: flat_draws(draws, f"outcome.{name}", ())[:, 0].astype(np.float64) for name in family.own}
    return base + family.mean_shift(own)


def _index(term: Term, frame: pd.DataFrame) -> Codes:
    if not term.dims:
        return np.zeros(len(frame), dtype=np.int32)
    codes = [frame[dim].cat.codes.to_numpy() for dim in term.dims]
    shape = tuple(len(frame[dim].cat.categories) for dim in term.dims)
    return np.asarray(np.ravel_multi_index(codes, shape)).astype(np.int32)


def _multiplier(effect: xr.DataArray, term: Term, frame: pd.DataFrame) -> Floats | None:
    if term.covariate is None:
        return None
    values = frame[term.covariate].to_numpy(dtype=np.float64)
    return np.asarray((values - effect.attrs["centre"]) / effect.attrs["spread"])


def _merge(plain: list[tuple[NDArray[np.floating], Codes]], n_row: int) -> list[tuple[Source, Codes]]:
    """Sum terms beforehand while their levels meet in few combinations: a row then reads one effect, not several."""
    waiting = sorted(plain, key=lambda pair: pair[0].shape[1])
    done: list[tuple[Source, Codes]] = []
    while waiting:
        effect, code = waiting.pop(0)
        members, picks = [effect], [np.arange(effect.shape[1], dtype=np.int32)]
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
        done.append((Source(tuple(members), tuple(picks) if len(members) > 1 else None), code))
    return done


def _stack[T: np.generic](columns: list[NDArray[T]], n_row: int, dtype: type[T]) -> NDArray[T]:
    return np.ascontiguousarray(columns, dtype=dtype) if columns else np.zeros((0, n_row), dtype=dtype)
