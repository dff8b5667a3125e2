"""From a block of a published file to long rows: titles that hold groups unfolded, signs read, words spelt alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import trimmed
from bayesineq.tables.intervals import Publication, ends_of
from bayesineq.tables.publishers.beside import rows_said
from bayesineq.tables.publishers.blocks import Block
from bayesineq.tables.publishers.kinds import Column, FileKind, Wide

PRINTED: Final = "_printed"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Tidy:
    """Long rows, what each column means, and what a reader must know."""

    rows: pd.DataFrame
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()


def tidied(block: Block) -> Tidy:
    """Rows of a block, a row for each area and group, texts still as printed."""
    kind = block.kind
    named = _named(block)
    frame = block.table
    titles = [str(title) for title in frame]
    held = pd.DataFrame({column.name: frame[title] for title, column in named.items()}, index=frame.index)
    columns = list(named.values())
    taken = set(named)
    for name, text in _said(block).items():
        held[name] = text
        columns.append(Column(name, (), "period" if name == "period" else "group", _SAID.get(name, "as the file says")))
    notes: list[str] = []
    groups = {}
    if kind.wide is not None:
        groups = {title: found for title in titles if title not in taken and (found := kind.wide.groups(title))}
    rest = [title for title in titles if title not in taken and title not in groups]
    for title in rest:
        held[title] = frame[title]
        columns.append(Column(title, (), "text", "as published"))
    if groups and kind.wide is not None:
        held, more, said = _unfolded(held, frame[list(groups)], groups, kind.wide)
        columns += more
        notes += said
        if kind.adds_up:
            totals = [title for name in kind.adds_up for title, column in named.items() if column.name == name]
            notes += _off(frame[list(groups)], frame[totals])
    for name, words in kind.spelt.items():
        if name in held:
            held[name] = held[name].map(lambda text, words=words: words.get(str(text).casefold(), text))
    for name in kind.small:
        held[name] = held[name].map(lambda text: _name(str(text)))
    return Tidy(held, tuple(columns), tuple(notes))


def _off(values: pd.DataFrame, totals: pd.DataFrame) -> list[str]:
    """Whether the cells of each row add up to the first total that stands beside them; blank cells count as nobody."""
    summed = values.apply(pd.to_numeric, errors="coerce").sum(axis=1)
    stated = totals.apply(pd.to_numeric, errors="coerce").bfill(axis=1).iloc[:, 0]
    known = stated.notna() & values.notna().any(axis=1)
    off = int((known & (summed != stated)).sum())
    named = " or ".join(map(repr, totals))
    notes = [f"in {off:,} of {len(values):,} rows the cells do not add up to {named}"] if off else []
    unstated = int((stated.isna() & values.notna().any(axis=1)).sum())
    return notes + ([f"in {rows_said(unstated)} no total says what the cells add up to"] if unstated else [])


_SAID: Final = {"period": "when the figures are of", "sex": "sex", "sheet": "sheet of the workbook"}


def _named(block: Block) -> dict[str, Column]:
    named: dict[str, Column] = {}
    wrong = []
    for column in block.kind.columns:
        found = column.among([str(title) for title in block.table if title not in named])
        if len(found) > 1:
            wrong.append(f"{column.name}: {' and '.join(map(repr, found))}")
        elif found:
            named[found[0]] = column
        elif not column.optional:
            wrong.append(f"{column.name}: no title like {' or '.join(column.title)!r}")
    if wrong:
        where = f" of sheet {block.sheet!r}" if block.sheet else ""
        raise SchemaError(
            f"The columns{where} are those of {block.kind.name}, but not all as published:\n  - "
            + "\n  - ".join(wrong) + f"\nThe table has {', '.join(map(repr, block.table.columns[:8]))}."
        )  # fmt: skip
    return named


def _said(block: Block) -> dict[str, str]:
    """What the name of the sheet and the lines above the header say of every row."""
    kind = block.kind
    found: dict[str, str] = {}
    if kind.sheet and (match := re.fullmatch(kind.sheet, block.sheet, re.IGNORECASE)):
        found |= {name: text for name, text in match.groupdict().items() if text}
    if kind.above and (match := re.search(kind.above, "\n".join(block.words), re.IGNORECASE)):
        found |= {name: text for name, text in match.groupdict().items() if text}
    return found


def _unfolded(
    held: pd.DataFrame, values: pd.DataFrame, groups: dict[str, dict[str, str]], wide: Wide
) -> tuple[pd.DataFrame, list[Column], list[str]]:
    """A row for each group that a title holds; where `across` names one of them, its values stay columns."""
    keys = pd.DataFrame(list(groups.values()), index=list(groups))
    within = [str(name) for name in keys if name != wide.across]
    columns = [wide.columns.get(name, Column(name, (), "group", name)) for name in within]
    if wide.across:
        keys[wide.across] = keys[wide.across].map(_name)
        columns += [
            wide.columns.get(name, Column(name, (), "number", name)) for name in dict.fromkeys(keys[wide.across])
        ]
        pieces = []
        for _, members in keys.groupby(within or (lambda _: 0), sort=False, dropna=False):
            part = values[list(members.index)].set_axis(list(members[wide.across]), axis=1)
            said = {name: str(members[name].iloc[0]) for name in within}
            pieces.append(pd.concat([held.assign(**said), part], axis=1)[part.notna().any(axis=1)])
        rows = pd.concat(pieces)
    else:
        cells = values.to_numpy(dtype=object)
        filled = values.notna().to_numpy()
        at, of = filled.nonzero()
        rows = held.iloc[at].copy()
        for name in within:
            rows[name] = keys[name].to_numpy()[of]
        rows[wide.value.name] = pd.Series(cells[at, of], index=rows.index).infer_objects()
        columns.append(wide.value)
        blank, empty = int((~filled).sum()), int((~filled.any(axis=1)).sum())
        notes = [f"{blank:,} cells are blank and have no row"] if blank else []
        notes += [f"of {rows_said(empty)} of the file all cells are blank: not in the table"] if empty else []
        return rows, columns, notes
    return rows, columns, []


def _name(words: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", words.lower()).strip("_")


def numbered(rows: pd.DataFrame, columns: Sequence[Column], kind: FileKind) -> Tidy:
    """Counts and numbers read from what is printed; a count that is hidden or rounded gets the ends of its interval."""
    described: list[Column] = []
    read, notes = _unknown(rows.copy(), columns, kind.withheld)
    for column in columns:
        described.append(column)
        if column.role == "count":
            more, said = _counts(read, column, Publication(base=kind.base, signs=kind.signs))
        elif column.role == "number":
            more, said = _numbers(read, column.name)
        else:
            if column.role in ("area", "code", "name", "group"):
                read[column.name] = _texts(read[column.name])
            continue
        described += more
        notes += said
    return Tidy(read, tuple(described), tuple(notes))


def _unknown(rows: pd.DataFrame, columns: Sequence[Column], withheld: str) -> tuple[pd.DataFrame, list[str]]:
    """With numbers that the publisher says are withheld as unknown, whatever stands in their place."""
    remarks = [column.name for column in columns if column.role == "note"]
    if not withheld or not remarks:
        return rows, []
    hidden = rows[remarks[0]].astype("str").str.contains(withheld, case=False, regex=True).fillna(False).astype(bool)
    numbers = [column.name for column in columns if column.role in ("count", "number") and column.name in rows]
    printed = int(rows.loc[hidden, numbers].notna().any(axis=1).sum())
    rows[numbers] = rows[numbers].mask(hidden)
    said = (
        f"in {rows_said(printed)} that the publisher withheld a number stood all the same: it is unknown, and no zero"
    )
    return rows, [said] if printed else []


def _text(value: Any) -> Any:
    return text if (text := trimmed(value)) else None


def _texts(column: pd.Series) -> pd.Series:
    """Texts without spaces around them; each distinct one is looked at once."""
    place, given = pd.factorize(column.astype(object))
    return pd.Series(np.array([*map(_text, given), None], dtype=object)[place], index=column.index)


def _counts(rows: pd.DataFrame, column: Column, publication: Publication) -> tuple[list[Column], list[str]]:
    name = column.name
    place, given = pd.factorize(rows[name].astype(object))
    ends = [ends_of(value, publication) for value in given]
    exact = pd.to_numeric(pd.Series([str(trimmed(value)).replace(",", "") for value in given]), errors="coerce")
    fractions = exact.notna().to_numpy() & np.array([end is None for end in ends], dtype=bool)
    if fractions.any():
        rows[name] = _at(exact.to_numpy(dtype=np.float64), place)
        said, counts = "are not whole: they are taken as numbers, without intervals", _rows_of(place, fractions)
        return [], [f"{name}: {counts:,} counts {said}"]
    known = exact.notna().to_numpy()
    lower = _at(np.array([np.nan if end is None else end[0] for end in ends], dtype=np.float64), place)
    upper = _at(np.array([np.nan if end is None else end[1] for end in ends], dtype=np.float64), place)
    value = _at(exact.to_numpy(dtype=np.float64), place)
    rows[name] = _whole(value)
    rows_of = np.bincount(place[place >= 0], minlength=len(given))
    signs = [k for k in range(len(given)) if not known[k]]
    notes = [f"{name}: {rows_of[k]:,} printed as {trimmed(given[k])!r}, {_meaning(ends[k])}" for k in signs[:_SHOWN]]
    notes += [f"{name}: and {len(signs) - _SHOWN} more signs"] if len(signs) > _SHOWN else []
    if publication.base > 1:
        notes.append(f"{name} is rounded to a multiple of {publication.base}: its ends say what it can have been")
    if not notes:
        return [], []
    rows[f"{name}_lower"], rows[f"{name}_upper"] = _whole(lower), _whole(upper)
    more = [Column(f"{name}_{end}", (), "count", f"{word} that {name} can be", column.unit)
            for end, word in (("lower", "least"), ("upper", "most"))]  # fmt: skip
    if not known.all():
        texts = [None if fine else trimmed(value) for fine, value in zip(known, given, strict=True)]
        rows[name + PRINTED] = np.array([*texts, None], dtype=object)[place]
        more.append(Column(name + PRINTED, (), "text", f"what stands in place of {name}"))
    return more, notes


def _at(values: NDArray[Any], place: NDArray[np.intp]) -> NDArray[np.float64]:
    """Values of distinct texts, for each row; nan for none."""
    return np.append(values.astype(np.float64), np.nan)[place]


def _rows_of(place: NDArray[np.intp], which: NDArray[np.bool_]) -> int:
    return int(np.append(which, False)[place].sum())


def _whole(values: NDArray[np.float64]) -> Any:
    if np.isnan(values).any():
        return pd.array(values, dtype="Float64").astype("Int64")
    return values.astype(np.int64)


def _meaning(ends: tuple[int, int] | None) -> str:
    if ends is None:
        return "which says nothing of the count: it is missing, not nobody"
    return "which is nobody" if ends == (0, 0) else f"which stands for {ends[0]} to {ends[1]}"


def _numbers(rows: pd.DataFrame, name: str) -> tuple[list[Column], list[str]]:
    if pd.api.types.is_numeric_dtype(rows[name].dtype):
        return [], []
    texts = _texts(rows[name]).map(lambda value: trimmed(value).replace(",", "").removesuffix("%"))
    values = pd.to_numeric(texts, errors="coerce")
    strange = values.isna() & (texts != "")
    printed = rows[name].where(strange)
    rows[name] = values.astype(np.float64)
    if not strange.any():
        return [], []
    rows[name + PRINTED] = printed.map(_text)
    counts = printed.dropna().map(trimmed).value_counts()
    said = "; ".join(f"{sign!r} {count:,} times" for sign, count in counts.iloc[:_SHOWN].items())
    more = Column(name + PRINTED, (), "text", f"what stands in place of {name}")
    return [more], [f"{name}: no number where the file prints {said}"]
