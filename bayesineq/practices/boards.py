"""Boards compared: how unequal each is inside, with intervals, ranks, and how many people that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesineq.dims import AREA, CI_PROB
from bayesineq.errors import SchemaError
from bayesineq.posterior.groups import interval
from bayesineq.practices.associations import PLACE, place_weights
from bayesineq.practices.summaries import PRACTICE
from bayesineq.tables.practices import CONDITIONS

Float = NDArray[np.float64]

NATION: Final = "England"
"""Code of the whole among boards: its fifths are those of all areas."""

FIFTHS: Final = 5
_FEWEST: Final = 10.0


class Fifths(NamedTuple):
    """Draws of the share of each fifth, (draw, place, fifth), and people of the ages that count, (place, fifth)."""

    share: Float
    average: Float
    people: Float


def board_tables(
    areas: pd.DataFrame,
    registrations: pd.DataFrame,
    prevalence: pd.DataFrame,
    conditions: Sequence[str],
    *,
    draws: int = 1000,
    prob: float = CI_PROB,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    The gradient of every board and of the nation over fifths of deprivation, and boards in order of their gaps.

    Areas share practices, and what a practice records depends on the practice. Intervals of a board are those of a
    Bayesian bootstrap of its practices: how far a figure would move in another draw of practices like these. Those of
    the nation are of whole local authorities, as of `deprivation_gaps`. A board of fewer than ten practices, counted by
    the patients that they have in it, gets no interval and no rank.

    Parameters
    ----------
    areas : DataFrame
        One row an area: `area`, `patients`, `lad`, `fifth_of_all`, the columns of conditions, and if there are any
        `board`, `board_name` and `board_fifth` (ranked within the board; 1 is the most deprived). `from_AGE`: the share
        of at least an age; without it, everybody counts towards a register.
    registrations : DataFrame
        `practice`, `area`, `patients`.
    prevalence : DataFrame
        `practice` and the share on each register.
    conditions : sequence of str
        Columns of prevalence.
    draws, prob, seed, report
        As of `rank_associations`.

    Returns
    -------
    tuple of DataFrame
        The first, a row a place, condition and fifth: `place`, `condition`, `fifth`, `people` (patients of the
        register's ages), `share`, `lower`, `upper`. The second, a row a place and condition: `place`, `name`,
        `condition`, `people`, `most`, `least`, `ratio` (most over least), `average` and `beyond` (people on the
        register beyond what they would be if every fifth had the share of the least deprived: negative where that has
        the most), each of the last three with `_lower` and `_upper`; `more` (probability that the ratio exceeds one);
        `rank` (1 the widest ratio) with `rank_lower` and `rank_upper`, and `boards` (how many are ranked).

    Raises
    ------
    SchemaError
        A column is missing.

    References
    ----------
    Rubin 1981, Ann Stat 9:130

    Examples
    --------
    >>> codes = [f"E0100{i:04}" for i in range(100)]
    >>> areas = pd.DataFrame({"area": codes, "patients": 1500, "lad": [f"P{i % 20:02}" for i in range(100)]})
    >>> areas = areas.assign(fifth_of_all=1 + areas.index % 5, DM=[0.09, 0.08, 0.07, 0.06, 0.06] * 20)
    >>> pairs = pd.DataFrame({"practice": [f"A{i}" for i in range(100)], "area": codes, "patients": 1500})
    >>> shares = pd.DataFrame({"practice": pairs["practice"], "DM": areas["DM"]})
    >>> fifths, places = board_tables(areas, pairs, shares, ["DM"], draws=50, seed=1)
    >>> fifths["share"].round(2).tolist(), places[["ratio", "beyond"]].round(1).to_numpy().tolist()
    ([0.09, 0.08, 0.07, 0.06, 0.06], [[1.5, 1800.0]])
    """
    lacking = [name for name in (AREA, "patients", PLACE, "fifth_of_all", *conditions) if name not in areas]
    if lacking:
        raise SchemaError(f"The areas have no column {', '.join(lacking)}; they have {', '.join(map(str, areas))}.")
    grouped = "board" in areas
    boards = sorted(areas["board"].dropna().unique()) if grouped else []
    names = areas.dropna(subset=["board"]).groupby("board")["board_name"].first() if grouped else pd.Series(dtype=str)
    rows: list[pd.DataFrame] = []
    places: list[pd.DataFrame] = []
    for code in conditions:
        report(f"Boards in order of their gaps in {CONDITIONS.get(code, (code, 0))[0]}")
        nation = _nation(areas, code, draws, seed)
        found = [(NATION, nation)]
        ratios = np.empty((draws, 0))
        ranked: list[str] = []
        if boards:
            each, enough = _boards(areas, registrations, prevalence, code, boards, draws, seed)
            found += [(board, Fifths(each.share[:, [k]], each.average[:, [k]], each.people[[k]]))
                      for k, board in enumerate(boards)]  # fmt: skip
            ranked = [board for board, kept in zip(boards, enough, strict=True) if kept]
            ratios = _ratio(each.share)[1:, enough]
        order = (ratios.shape[1] - np.argsort(np.argsort(ratios, axis=1), axis=1)).astype(np.float64)
        for place, one in found:
            sure = place == NATION or place in ranked
            rows.append(_by_fifth(place, code, one, prob, sure))
            row = _one_place(place, str(names.get(place, NATION)), code, one, prob, sure)
            of = order[:, ranked.index(place)] if place in ranked else None
            rank = [np.nan] * 3 if of is None else [float(of.mean()), *map(float, interval(of, prob))]
            places.append(row.assign(rank=rank[0], rank_lower=rank[1], rank_upper=rank[2], boards=len(ranked)))
    return pd.concat(rows, ignore_index=True), pd.concat(places, ignore_index=True)


def _of_age(areas: pd.DataFrame, code: str) -> pd.Series:
    """Share of an area's people who are of the ages of a register."""
    age = f"from_{CONDITIONS.get(code, (code, 0))[1]}"
    return areas[age] if age in areas else pd.Series(1.0, areas.index)


def _nation(areas: pd.DataFrame, code: str, draws: int, seed: int | None) -> Fifths:
    """Fifths of all areas; local authorities are drawn whole, with the weights of `deprivation_gaps`."""
    table = areas.dropna(subset=[code, "patients", "fifth_of_all", PLACE])
    fifth = table["fifth_of_all"].to_numpy(int) - 1
    places, _ = pd.factorize(table[PLACE])
    size = table["patients"].to_numpy(float)
    cells = (places, fifth)
    shape = (int(places.max()) + 1, FIFTHS)
    of, on = np.zeros(shape), np.zeros(shape)
    np.add.at(of, cells, size)
    np.add.at(on, cells, size * table[code].to_numpy(float))
    people = np.bincount(fifth, size * _of_age(table, code).to_numpy(float), FIFTHS)
    names = pd.Series(range(shape[0]))
    drawn = place_weights(names, draws, seed, lambda text: None)
    weights = np.concatenate([np.ones((1, len(names))), *drawn])
    return _shares(weights @ on, weights @ of, people, 1)


def _boards(
    areas: pd.DataFrame,
    registrations: pd.DataFrame,
    prevalence: pd.DataFrame,
    code: str,
    boards: Sequence[str],
    draws: int,
    seed: int | None,
) -> tuple[Fifths, NDArray[np.bool_]]:
    """Fifths of every board, practices drawn; and whether a board has practices enough for an interval."""
    table = areas.dropna(subset=[code, "patients", "board", "board_fifth"]).set_index(AREA)
    share = prevalence.set_index(PRACTICE)[code].dropna()
    share = share[(share >= 0.0) & (share < 1.0)]
    pairs = registrations[registrations[AREA].isin(table.index) & registrations[PRACTICE].isin(share.index)]
    # What a practice is of an area's mean, times the area's patients: with equal weights, the mean of areas.
    part = pairs["patients"] / pairs.groupby(AREA)["patients"].transform("sum") * pairs[AREA].map(table["patients"])
    at = pd.Index(boards).get_indexer(pd.Index(table["board"]))
    cell = pd.Series(FIFTHS * at + table["board_fifth"].to_numpy(int) - 1, table.index)
    who, known = pd.factorize(pairs[PRACTICE])
    shape = (len(known), FIFTHS * len(boards))
    of = csr_array((part.to_numpy(float), (who, pairs[AREA].map(cell).to_numpy(int))), shape=shape)
    on = csr_array(of * share.reindex(known).to_numpy(float)[:, None])
    weights = np.ones((1 + draws, len(known)))
    weights[1:] = np.random.default_rng(seed).exponential(size=(draws, len(known)))
    held = np.asarray(of.todense()).reshape(len(known), len(boards), FIFTHS).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        enough = np.nan_to_num(held.sum(axis=0) ** 2 / (held**2).sum(axis=0)) >= _FEWEST
    eligible = table["patients"] * _of_age(table, code)
    people = np.bincount(cell, eligible.to_numpy(float), shape[1])
    return _shares(weights @ on, weights @ of, people, len(boards)), enough


def _shares(on: Float, of: Float, people: Float, count: int) -> Fifths:
    """Shares by place and fifth of what is on the register, `on`, and who is counted, `of`: (draw, place * fifth)."""
    first, second = (sums.reshape(len(on), count, FIFTHS) for sums in (on, of))
    with np.errstate(invalid="ignore", divide="ignore"):
        return Fifths(first / second, first.sum(axis=2) / second.sum(axis=2), people.reshape(count, FIFTHS))


def _ratio(share: Float) -> Float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(share[:, :, 0] / share[:, :, -1])


def _by_fifth(place: str, code: str, one: Fifths, prob: float, sure: bool) -> pd.DataFrame:
    share = one.share[:, 0]
    lower, upper = interval(share[1:], prob) if sure else np.full((2, FIFTHS), np.nan)
    columns = {"place": place, "condition": code, "fifth": np.arange(1, FIFTHS + 1), "people": one.people[0]}
    columns |= {"share": share[0], "lower": lower, "upper": upper}
    return pd.DataFrame(columns)


def _one_place(place: str, name: str, code: str, one: Fifths, prob: float, sure: bool) -> pd.DataFrame:
    share, people = one.share[:, 0], one.people[0]
    drawn = {
        "ratio": _ratio(one.share)[:, 0],
        "average": one.average[:, 0],
        "beyond": (share - share[:, [-1]]) @ people,
    }
    row: dict[str, object] = {"place": place, "name": name, "condition": code, "people": people.sum()}
    row |= {"most": share[0, 0], "least": share[0, -1]}
    for label, value in drawn.items():
        low, high = map(float, interval(value[1:], prob)) if sure else (np.nan, np.nan)
        row |= {label: value[0], f"{label}_lower": low, f"{label}_upper": high}
    return pd.DataFrame([row | {"more": (drawn["ratio"][1:] > 1.0).mean() if sure else np.nan}])
