"""Layouts that a row of titles alone does not tell: variables in titles, stacked queries, headers of several rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.geographies import OWN, geography
from bayesineq.tables.publishers.blocks import Block
from bayesineq.tables.publishers.categories import dimensions
from bayesineq.tables.publishers.kinds import Column
from bayesineq.tables.publishers.tidy import Tidy, tidied
from bayesineq.tables.vintage import vintage

type Layout = Callable[[Block], Tidy]

YEAR: Final = re.compile(r"(?:19|20)\d\d[-/ ]?(?:to )?(?:\d\d){1,2}|(?:19|20)\d\d")
INDICATOR: Final = re.compile(r"\b[A-Z]{2,6}\d{3}\b")
_LINE: Final = re.compile(r"(?P<variable>[^:]+?) ?: ?(?P<category>.+)")


def bulk(block: Block) -> Tidy:
    """A bulk file of a census: each title holds its variables and categories, which become columns."""
    found = tidied(block)
    title = found.columns[-2].name if found.columns[-1].role == "count" else "title"
    held = dimensions(found.rows[title].unique().tolist())
    held.columns = pd.Index([_column_name(str(name)) for name in held])
    rows = found.rows.drop(columns=title)
    rows = rows.assign(**{str(name): found.rows[title].map(held[name]) for name in held})
    groups = tuple(Column(str(name), (), "group", _means(str(name))) for name in held)
    return Tidy(rows, tuple(c for c in found.columns if c.name != title) + groups, found.notes)


def _column_name(variable: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", variable.lower()).strip("_")


def _means(name: str) -> str:
    return f"{name.replace('_', ' ')}, as the publisher words it"


def query(block: Block) -> Tidy:
    """A query of Nomis: an area a row, a category a column, shares beside, and lines of what was asked for above."""
    table, titles = block.table, [str(title) for title in block.table]
    area = "mnemonic" if "mnemonic" in titles else titles[0]
    shares = [title for title in titles if re.fullmatch(r"%(?: #\d+)?|percent.*", title, re.I)]
    names = [titles[0]] if area != titles[0] else []
    codes = table[area].astype(str).str.extract(r"^\s*(?P<code>[A-Z][0-9]{8})(?:\s*:\s*(?P<name>.*))?$")
    rows = pd.DataFrame({"area": codes["code"].fillna(table[area])}, index=table.index)
    rows["area_name"] = table[names[0]] if names else codes["name"]
    said = {_column_name(m["variable"]): m["category"] for line in block.words if (m := _LINE.fullmatch(line))}
    for variable, category in said.items():
        rows["period" if variable in ("date", "time") else variable] = category
    counts = [title for title in titles if title not in (area, *names, *shares)]
    long = pd.concat([rows.assign(category=title, count=table[title]) for title in counts]) if counts else rows
    stated = "as the query states above the table"
    groups = [Column("period", (), "period", stated) if name in ("date", "time") else Column(name, (), "group", stated)
              for name in said]  # fmt: skip
    columns = [
        Column("area", (), "area", f"code of the {titles[0] if names else area}"),
        Column("area_name", (), "name", "name of the area"),
        *groups,
        Column("category", (), "group", "category, as the publisher words it"),
        Column("count", (), "count", "people or households counted", said.get("units", "people")),
    ]
    notes = [f"{len(shares)} columns of percentages are left to be worked out from the counts"] if shares else []
    if geography(rows["area"].dropna().astype(str)).level == OWN:
        notes.append(
            "the query holds names of areas and no codes: ask for codes ('mnemonic') in the options of the query"
        )
    return Tidy(long, tuple(columns), tuple(notes))


def coded(block: Block) -> Tidy:
    """A long file in which every variable has a column of codes and one of words: the words are kept."""
    titles = [str(title) for title in block.table]
    pairs = {title: f"{title}{tail}" for title in titles for tail in ("_NAME", " Code") if f"{title}{tail}" in titles}
    drop, rename = [], {}
    for title, twin in pairs.items():
        words, codes = (twin, title) if twin.endswith("_NAME") else (title, twin)
        if any(column.among([words, codes]) for column in block.kind.columns):
            continue
        drop += [name for name in (codes, f"{title}_CODE", f"{title}_TYPECODE", f"{title}_SORTORDER") if name in titles]
        rename[words] = _column_name(words.removesuffix("_NAME"))
    rest = [title for title in titles if re.fullmatch(r"URN|RECORD_(?:OFFSET|COUNT)|.*_(?:TYPECODE|SORTORDER)", title)]
    table = block.table.drop(columns=list(dict.fromkeys([*drop, *rest]))).rename(columns=rename)
    found = tidied(replace(block, table=table))
    groups = {name: Column(name, (), "group", _means(name)) for name in rename.values()}
    columns = tuple(groups.get(column.name, column) for column in found.columns)
    said = [f"{name} is {table[name].iloc[0]!r} in every row" for name in groups if len(table[name].unique()) == 1]
    return Tidy(found.rows, columns, (*found.notes, *said))


def lookup(block: Block) -> Tidy:
    """A look-up or a list of areas: the geography of each column is told by its codes."""
    found = tidied(block)
    columns = []
    for column in found.columns:
        texts = found.rows[column.name].dropna()
        place = geography(texts.astype(str)) if pd.api.types.is_string_dtype(texts.dtype) and len(texts) else None
        if place is None or place.level == OWN or not place.specific:
            columns.append(column)
            continue
        year = _vintage(texts)
        columns.append(replace(column, role="code", means=f"code of the {place}{f', {year}' if year else ''}"))
    return Tidy(found.rows, tuple(columns), found.notes)


def _vintage(codes: pd.Series) -> str:
    try:
        return vintage(codes.astype(str)) or ""
    except SchemaError as error:
        return str(error)


def registers(block: Block) -> Tidy:
    """A sheet of registers: years, indicators and statistics stand in rows of titles over one another."""
    titles = [str(title) for title in block.table]
    over = _over(block, len(titles))
    places = {title: column for column in block.kind.columns for title in column.among(titles)[:1]}
    first = max((titles.index(title) for title in places), default=-1) + 1
    rows = block.table[list(places)].set_axis([column.name for column in places.values()], axis=1)
    pieces: dict[tuple[str, str], dict[str, pd.Series]] = {}
    years: list[str] = []
    for k, title in enumerate(titles[first:], start=first):
        said = " ".join(over[k])
        year = next(iter(YEAR.findall(f"{said} {title}")), None)
        years += [year] if year else []
        indicator = next(iter(INDICATOR.findall(f"{said} {title}")), block.sheet)
        statistic = _column_name(YEAR.sub("", INDICATOR.sub("", re.sub(r" #\d+$", "", title))))
        pieces.setdefault((indicator, year or ""), {})[statistic] = block.table[title]
    last = max(years, default=_stated_year(block))
    parts = []
    for (indicator, year), values in pieces.items():
        part = pd.DataFrame(values)
        held = part.notna().any(axis=1)
        parts.append(
            pd.concat([rows.assign(condition=block.sheet, measure=indicator, period=year or last), part], axis=1)[held]
        )
    long = pd.concat(parts) if parts else rows
    statistics = [str(name) for name in long if name not in rows and name not in ("condition", "measure", "period")]
    columns = (
        *places.values(),
        Column("condition", (), "group", "register, the name of its sheet"),
        Column("measure", (), "group", "the register itself, or an indicator of care by its code"),
        Column("period", (), "period", "financial year"),
        *(_statistic(name) for name in statistics),
    )
    undated = sorted({indicator for indicator, year in pieces if not year})
    notes = (
        [f"{', '.join(undated[:5])}: no year stands over the columns; taken as {last or 'unknown'}"] if undated else []
    )
    return Tidy(long, columns, tuple(notes))


def _over(block: Block, width: int) -> list[list[str]]:
    """Titles over each column: a merged cell stands over all columns up to the next one of its row."""
    over: list[list[str]] = [[] for _ in range(width)]
    for row in block.above[-4:]:
        filled = [k for k, cell in enumerate(row) if cell]
        if len(filled) < 2 and not (filled and filled[0] > 0):
            continue  # a line of words above the table, not titles of columns
        text = ""
        for k in range(width):
            text = row[k] if k < len(row) and row[k] else text
            over[k] += [text] if text else []
    return over


def _stated_year(block: Block) -> str:
    found = YEAR.findall(" ".join(block.words))
    return max(found, default="")


def _statistic(name: str) -> Column:
    whole = re.search(r"register|list_size|numerator|denominator|pcas?$|points", name) and "per" not in name.split("_")
    unit = (
        "percent" if "percent" in name or "prevalence" in name or name.startswith(("achievement", "underlying")) else ""
    )
    return Column(name, (), "number", name.replace("_", " "), unit or ("patients" if whole else ""))


LAYOUTS: Final[dict[str, Layout]] = {
    "": tidied,
    "bulk": bulk,
    "query": query,
    "coded": coded,
    "lookup": lookup,
    "registers": registers,
}
