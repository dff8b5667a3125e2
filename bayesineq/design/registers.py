"""Rows that are weighted means over areas: practices, by where their patients live."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.design.matrix import Design, design
from bayesineq.design.members import Members
from bayesineq.design.priors import resolve
from bayesineq.design.response import outcome_columns
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.model.card import MembersOf, ModelCard
from bayesineq.space.adjacency import Adjacency

NOTED: Final = 0.01
"""Relative difference between a row's weights and its total from which on it is stated, and"""
REFUSED: Final = 0.25
"""from which on it is refused."""

_SHOWN: Final = 5

type Float = NDArray[np.float64]


def registers(
    table: pd.DataFrame,
    card: ModelCard,
    weights: pd.DataFrame | None,
    areas: pd.DataFrame | None,
    *,
    adjacency: Adjacency | None = None,
) -> Design:
    """
    See rows through a card with a `members` section: the mean of a row is the weighted mean over its members.

    `table` holds a row's outcome and covariates, `weights` a row a pair of row and member, `areas` covariates of
    members. Rows without an outcome are left out of the fit, and said so; what their members would add to it is not
    zero but unknown.
    """
    of = card.members
    assert of is not None
    if weights is None:
        raise DesignError(f"the rows of card {card.name!r} are weighted means over {of.member!r}; pass weights=")
    found = areas if areas is not None else pd.DataFrame({of.member: pd.unique(weights[of.member])})
    _check_columns(table, weights, found, card, of)
    wrong: list[str] = []
    _check_keys(table, weights, found, of, wrong)
    _raise(card, wrong)
    observed, notes = _observed(table, card, of)
    row = pd.Index(observed[of.row]).get_indexer(weights[of.row])
    member = pd.Index(found[of.member]).get_indexer(weights[of.member])
    amount = weights[of.weight].to_numpy(dtype=np.float64, na_value=np.nan)
    _check_pairs(weights, observed, of, row, member, amount, wrong)
    _raise(card, wrong)
    used = np.flatnonzero((row >= 0) & (amount > 0.0))
    used = used[np.lexsort((member[used], row[used]))]
    row, member, amount = row[used], member[used], amount[used]
    total = np.bincount(row, amount, len(observed))
    notes += _totals(observed, of, total)
    notes += _unread(weights, table, found, of, member)
    share = amount / total[row]
    return _built(observed, found, card, (row, member, share), adjacency, notes)


def _raise(card: ModelCard, wrong: list[str]) -> None:
    if wrong:
        problems = "\n".join(f"  - {w}" for w in wrong)
        raise DesignError(f"the weights do not fit card {card.name!r} ({len(wrong)} problems):\n{problems}")


def _built(
    rows: pd.DataFrame,
    areas: pd.DataFrame,
    card: ModelCard,
    pairs: tuple[NDArray[np.intp], NDArray[np.intp], Float],
    adjacency: Adjacency | None,
    notes: list[str],
) -> Design:
    row, member, share = pairs
    of_area = [c for c in areas.columns if c in card.columns]
    seen = {c: areas[c].array[member] for c in of_area}
    seen |= {c: rows[c].array[row] for c in rows.columns if c in card.columns and c not in seen}
    members = pd.DataFrame(seen)
    built = design(members, replace(card, members=None), adjacency=adjacency)
    first = np.searchsorted(row, np.arange(len(rows)))
    response = built.response.rows(first)
    return replace(
        built,
        card=card,
        responses=(response,),
        priors=resolve(card, response, built.blocks),
        population=built.population.assign(**{POPULATION: built.population[POPULATION] * share}),
        members=Members(row.astype(np.int32), share[None], np.zeros(len(row)), known=True),
        notes=(*built.notes, *notes),
        places=None,
    )


def _check_columns(
    table: pd.DataFrame, weights: pd.DataFrame, areas: pd.DataFrame, card: ModelCard, of: MembersOf
) -> None:
    wrong = [f"the table lacks {name!r}" for name in (of.row, of.total) if name and name not in table.columns]
    wrong += [f"the weights lack {name!r}" for name in (of.row, of.member, of.weight) if name not in weights.columns]
    wrong += [f"the areas lack {of.member!r}"] * (of.member not in areas.columns)
    both = [c for c in card.columns if c in areas.columns and c in table.columns]
    wrong += [f"{name!r} is in the table and in the areas; keep it in one of them" for name in both]
    if not wrong:
        held = {*table.columns, *areas.columns}
        wrong += [f"neither the table nor the areas have {name!r}" for name in card.columns if name not in held]
    if wrong:
        raise DesignError(f"the tables do not fit card {card.name!r}: {'; '.join(wrong)}")


def _named(values: pd.Series | pd.Index) -> str:
    distinct = pd.unique(pd.Series(values))
    more = f" and {len(distinct) - _SHOWN:,} more" if len(distinct) > _SHOWN else ""
    return f"{', '.join(map(str, distinct[:_SHOWN]))}{more}"


def _check_keys(
    table: pd.DataFrame, weights: pd.DataFrame, areas: pd.DataFrame, of: MembersOf, wrong: list[str]
) -> None:
    for frame, key, name in ((table, of.row, "the table"), (areas, of.member, "the areas")):
        if (twice := frame[key].duplicated()).any():
            wrong.append(f"{name} names {key} {_named(frame.loc[twice, key])} more than once; give each one row")
    if (lost := weights[[of.row, of.member]].isna().any(axis=1)).any():
        wrong.append(f"{int(lost.sum())} weights lack their {of.row} or {of.member}; complete them or leave them out")
    if (twice := weights.duplicated([of.row, of.member])).any():
        pair = weights.loc[twice, [of.row, of.member]].iloc[0]
        wrong.append(
            f"{int(twice.sum())} pairs have several weights, the first {pair[of.row]} with {pair[of.member]}; "
            "add them up"
        )


def _observed(table: pd.DataFrame, card: ModelCard, of: MembersOf) -> tuple[pd.DataFrame, list[str]]:
    known = table[[*outcome_columns(card.outcome)]].notna().all(axis=1)
    if not known.any():
        raise DesignError(f"no row of the table for card {card.name!r} has an outcome; check the file and its filters")
    notes = []
    if not known.all():
        lost = table.loc[~known, of.row]
        notes.append(
            f"{len(lost):,} rows have no outcome ({of.row} {_named(lost)}); they are no zeros, and are left out"
        )
    return table[known].reset_index(drop=True), notes


def _check_pairs(
    weights: pd.DataFrame,
    rows: pd.DataFrame,
    of: MembersOf,
    row: NDArray[np.intp],
    member: NDArray[np.intp],
    amount: Float,
    wrong: list[str],
) -> None:
    if (bad := ~np.isfinite(amount) | (amount < 0.0)).any():
        pair = weights.loc[bad, [of.row, of.member, of.weight]].iloc[0].tolist()
        wrong.append(f"{int(bad.sum())} weights are negative or missing, the first {pair}; a weight is 0 or more")
    lost = (member < 0) & (row >= 0) & weights[of.member].notna().to_numpy()
    if lost.any():
        at = amount[lost].sum()
        wrong.append(
            f"{int(lost.sum()):,} weights ({at:,.0f} in all) are of {of.member} that the areas lack "
            f"({_named(weights.loc[lost, of.member])}); leave them out of the weights, and say so, or add the areas"
        )
    held = np.bincount(row[(row >= 0) & (member >= 0)], np.nan_to_num(amount)[(row >= 0) & (member >= 0)], len(rows))
    if (empty := held <= 0.0).any():
        wrong.append(
            f"{int(empty.sum())} rows have no weights ({of.row} {_named(rows.loc[empty, of.row])}); leave them out of "
            "the table, or give their weights"
        )


def _totals(rows: pd.DataFrame, of: MembersOf, total: Float) -> list[str]:
    """What is to be said of weights that do not add up to their row's total."""
    if of.total is None:
        return []
    stated = rows[of.total].to_numpy(dtype=np.float64)
    away = np.abs(total / stated - 1.0)
    off = ~(away <= REFUSED)
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise DesignError(
            f"the weights of {int(off.sum())} rows do not add up to {of.total!r}: {of.row} "
            f"{_named(rows.loc[off, of.row])}; of the first they make {total[first]:,.0f} and the table says "
            f"{stated[first]:,.0f}. Leave such rows out, or give weights of the same date and people"
        )
    if (some := away > NOTED).any():
        return [
            f"the weights of {int(some.sum()):,} rows differ from {of.total!r} by more than {NOTED:.0%}, at most by "
            f"{away.max():.0%} ({of.row} {rows[of.row].iloc[int(away.argmax())]}); they are taken as shares"
        ]
    return []


def _unread(
    weights: pd.DataFrame, table: pd.DataFrame, areas: pd.DataFrame, of: MembersOf, member: NDArray[np.intp]
) -> list[str]:
    notes = []
    without = ~weights[of.row].isin(table[of.row]).to_numpy()
    if without.any():
        notes.append(
            f"{int(without.sum()):,} weights are of {of.row} without a row in the table "
            f"({_named(weights.loc[without, of.row])}); nothing is learnt from them"
        )
    if len(areas) > len(read := np.unique(member)):
        alone = areas[of.member].drop(areas.index[read])
        notes.append(
            f"no row has weights in {len(alone):,} areas ({_named(alone)}); they are predicted from their covariates "
            "and neighbours"
        )
    return notes
