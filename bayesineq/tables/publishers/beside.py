"""Rows that count the same people again are set beside the table: totals, parents, larger areas, other estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.tables.geographies import OWN, geographies
from bayesineq.tables.publishers.categories import Part, parts_of
from bayesineq.tables.publishers.kinds import KEYS, Column, FileKind

LEVEL: Final = "level"
WHY: Final = "why"
NO_CODE: Final = "no code of an area"
_LEAST: Final = 3
"""Places by which parts are judged by their numbers."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that may be added up, those beside them with the reason, and what to say of them."""

    table: pd.DataFrame
    beside: pd.DataFrame
    notes: tuple[str, ...]


def levels_of(codes: pd.Series) -> pd.Series:
    """Level of geography of each row: of those whose form its code has, the one of most codes."""
    distinct = pd.Series(codes.dropna().unique(), dtype=object).astype(str)
    fits = {level: pd.Series(False, index=distinct.index) for level in dict.fromkeys(g.level for g in geographies())}
    for known in geographies():
        found = distinct.str.fullmatch(known.pattern)
        # A form that other codes may have by chance counts where most codes have it.
        fits[known.level] |= found if known.specific or found.mean() > 0.5 else False
    level = pd.Series(OWN, index=distinct)
    # Of levels with as many codes the first that is listed, so it is written last.
    for name in sorted(fits, key=lambda name: int(fits[name].sum()), reverse=True)[::-1]:
        level[fits[name].to_numpy()] = name
    return codes.map(level)


def split(rows: pd.DataFrame, columns: Sequence[Column], choose: Mapping[str, str], kind: FileKind) -> Split:
    """Set beside what would be counted twice, and say how much of it there is."""
    why = pd.Series("", index=range(len(rows)), dtype=object)
    rows = rows.reset_index(drop=True)
    notes: list[str] = []
    area = next((column.name for column in columns if column.role == "area"), None)
    if area is not None:
        why[rows[area].isna()] = NO_CODE
        if LEVEL not in rows:
            rows = rows.assign(**{LEVEL: levels_of(rows[area])})
    unknown = sorted(set(choose) - set(rows))
    if unknown:
        raise SchemaError(
            f"There is no column {', '.join(map(repr, unknown))} to choose by; there are {', '.join(map(str, rows))}."
        )
    ways = kind.choose
    for name in dict.fromkeys([*choose, *ways, *([LEVEL] if area and not kind.one_level else [])]):
        if name in rows:
            notes += _chosen(rows, name, choose.get(name), why)
    keys = [column.name for column in columns if column.role in KEYS and column.name in rows]
    keys = [name for name in dict.fromkeys([*keys, *ways]) if name in rows and len(rows[name].unique()) > 1]
    kept = rows[why == ""]
    for column in columns:
        if column.role == "group" and column.name in keys:
            again, said = _again(kept, column, keys, [c.name for c in columns if c.role == "count" and c.name in kept])
            why[kept.index[again != ""]] = np.where(
                why[kept.index[again != ""]] == "", again[again != ""], why[kept.index[again != ""]]
            )
            notes += said
    why = _of_several(rows, why, [c for c in columns if c.role == "group" and c.name in keys], keys)
    table, beside = rows[why == ""], rows[why != ""].assign(**{WHY: why[why != ""]})
    counts = [
        column.name for column in columns if column.role == "count" and not column.name.endswith(("_lower", "_upper"))
    ]
    notes += _said(beside, counts)
    if keys and (twice := int(table.duplicated(keys).sum())):
        notes.append(f"{twice:,} rows have the same {', '.join(keys)} as an earlier row: add up only what are parts")
    return Split(table.reset_index(drop=True), beside.reset_index(drop=True), tuple(notes))


def _chosen(rows: pd.DataFrame, name: str, wanted: str | None, why: pd.Series) -> list[str]:
    """Keep one value of a column whose values count the same people: the one asked for, or that of most rows."""
    held = rows[name].astype(object).where(rows[name].notna(), "")[why == ""].astype(str)
    sizes = held.value_counts()
    if name == LEVEL:  # of equals the smallest areas, as the list of geographies has them
        order = [known.level for known in geographies()]
        sizes = sizes.sort_index(
            key=lambda level: level.map(lambda one: order.index(one) if one in order else len(order))
        )
        sizes = sizes.sort_values(ascending=False, kind="stable")
    if wanted is not None and wanted not in sizes.index:
        raise SchemaError(f"No row has {name} {wanted!r}; there are {', '.join(f'{k!r}' for k in sizes.index[:20])}.")
    if len(sizes) < 2:
        return []
    chosen = wanted if wanted is not None else str(sizes.index[0])
    out = held.index[held != chosen]
    why[out] = [_why(name, value) for value in held[out]]
    others = ", ".join(repr(value) for value in sizes.index if value not in (chosen, ""))
    how = f"; choose another with --choose {name}=..., of {others}" if others else ""
    said = f"{name} {chosen!r}" if chosen else f"rows without {name}"
    return [f"the table holds {said} ({rows_said(sizes[chosen])}){how}"]


def _of_several(rows: pd.DataFrame, why: pd.Series, groups: Sequence[Column], keys: Sequence[str]) -> pd.Series:
    """Totals of several columns at once, whose own margins are not published."""
    kept = rows[why == ""]
    total = pd.DataFrame(index=kept.index)
    for column in groups:
        category = kept[column.name].astype(object).where(kept[column.name].notna(), "").astype(str)
        told = parts_of(category.unique().tolist())
        total[column.name] = category.isin([w for w, part in told.items() if part == "total" or w in column.total])
    number = total.sum(axis=1)
    for pattern in total[number > 1].drop_duplicates().itertuples(index=False):
        of = [str(name) for name, whole in zip(total, pattern, strict=True) if whole]
        others = [key for key in keys if key not in of]
        group = kept.groupby(others, sort=False, dropna=False).ngroup() if others else pd.Series(0, index=kept.index)
        parts = ~total[of].all(axis=1) & ~total.drop(columns=of).any(axis=1)
        again = total[of].all(axis=1) & (number == len(of)) & group.isin(group[parts])
        why = why.mask(again.reindex(why.index, fill_value=False), f"total of {' and '.join(of)}")
    return why


def rows_said(number: int) -> str:
    """So many rows, in words."""
    return "1 row" if number == 1 else f"{number:,} rows"


def _why(name: str, value: str) -> str:
    if name == LEVEL and value == OWN:
        return "codes of no area that is known"
    return f"{name} {value}" if value else f"no {name}"


def _again(
    rows: pd.DataFrame, column: Column, keys: Sequence[str], counts: Sequence[str]
) -> tuple[NDArray[np.object_], list[str]]:
    """Why a row is not one of the parts of its group, empty where it is; and whether the parts add up."""
    name = column.name
    category = rows[name].astype(object).where(rows[name].notna(), "").astype(str)
    others = [key for key in keys if key != name]
    group = (
        rows.groupby(others, sort=False, dropna=False).ngroup().to_numpy() if others else np.zeros(len(rows), np.int64)
    )
    label, words = pd.factorize(category)
    found = _parts(group, label, words, column)
    for count in counts[:1]:
        values = rows[count].astype("float64").to_numpy()
        found[(found == "part") & np.isin(label, _besides(values, group, label, found))] = "besides"
    why = {"part": "", "total": f"total of {name}", "besides": f"counts people of other {name} again"}
    reason = pd.Series(found).map(why).fillna(f"holds others of {name}").to_numpy(dtype=object)
    said = []
    for count in counts[:1]:
        values = rows[count].astype("float64").to_numpy()
        summed = pd.Series(np.where(found == "part", values, 0.0)).groupby(group).sum(min_count=1)
        hidden = pd.Series(np.isnan(values) & (found == "part")).groupby(group).any()
        total = pd.Series(values[found == "total"], index=group[found == "total"])
        total = total[~hidden.reindex(total.index).to_numpy()].dropna()
        off = (summed.reindex(total.index) - total).abs()
        if (off > 0).any():
            said.append(
                f"{name}: parts do not add up to their total in {int((off > 0).sum()):,} of {len(off):,} places, by up "
                f"to {off.max():,.0f}: categories overlap, or the publisher changed small numbers"
            )
    return reason, said


def _besides(
    values: NDArray[Any], group: NDArray[Any], label: NDArray[np.intp], found: NDArray[np.object_]
) -> NDArray[np.intp]:
    """
    Labels of parts that stand after those that make up the total in every place.

    Qualifications of 2011 are followed by students, who have been counted by qualification already.
    """
    part = found == "part"
    table = pd.DataFrame({"group": group[part], "label": label[part], "value": values[part]})
    wide = table.pivot_table(index="group", columns="label", values="value", aggfunc="sum", sort=False)
    total = pd.Series(values[found == "total"], index=group[found == "total"])
    same = not total.index.has_duplicates and set(total.index) == set(wide.index)
    if len(total) < _LEAST or not same or wide.isna().any(axis=None):
        return np.array([], dtype=np.intp)
    order = np.unique(label[part])
    within = np.flatnonzero(wide[list(order)].cumsum(axis=1).eq(total, axis=0).all(axis=0))
    return order[1 + within[-1] :] if len(within) else order[:0]


def _parts(group: NDArray[Any], label: NDArray[np.intp], words: pd.Index, column: Column) -> NDArray[np.object_]:
    """What the category of each row is among those of its group; groups of the same categories are judged once."""
    pairs = pd.DataFrame({"group": group, "label": label}).drop_duplicates()
    key = np.random.default_rng(0).integers(0, 2**62, len(words), dtype=np.int64)
    pairs["held"] = pd.Series(key[pairs["label"]], index=pairs.index).groupby(pairs["group"]).transform("sum")
    told: dict[tuple[int, int], Part] = {}
    for held, first in pairs.groupby("held")["group"].first().items():
        labels = pairs.loc[pairs["group"] == first, "label"]
        part = parts_of([words[k] for k in labels])
        totals = [words[k] for k in labels if words[k] in column.total]
        part |= dict.fromkeys(totals, "total" if len(labels) > len(totals) else "part")
        told |= {(int(str(held)), k): part[words[k]] for k in labels}
    pairs["part"] = [told[pair] for pair in zip(pairs["held"], pairs["label"], strict=True)]
    rows = pd.DataFrame({"group": group, "label": label})
    return rows.merge(pairs, how="left", on=["group", "label"])["part"].to_numpy(dtype=object)


def _said(beside: pd.DataFrame, counts: Sequence[str]) -> list[str]:
    notes = []
    for why, found in beside.groupby(WHY, sort=False):
        people = f", {counts[0]} {int(found[counts[0]].sum()):,}" if counts and found[counts[0]].notna().any() else ""
        notes.append(f"beside the table: {rows_said(len(found))} ({why}{people})")
    return notes
