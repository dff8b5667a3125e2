"""From anybody's table to a model: what its columns hold, a mapping, a card and a script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import pandas as pd

from bayesineq.dims import AGE, AREA, DEPRIVATION, ETHNICITY, SEX, MoreIs
from bayesineq.errors import SchemaError
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card
from bayesineq.own.decide import (
    ROLES,
    Decided,
    decide_dimensions,
    decide_numbers,
    decide_people,
    decide_polarity,
    layout_of,
    named_by,
    per_of,
    said_roles,
    seen_signs,
)
from bayesineq.own.layout import COUNT, ENDS, ERROR, NUMBERS, PEOPLE, RATE, VALUE, Layout, as_long, lay_out
from bayesineq.own.read import read_cells
from bayesineq.own.written import card_text
from bayesineq.tables.geographies import TOTALS
from bayesineq.tables.recognise import NUMBER, YEAR, Recognised, plain_title, recognise

type Blanks = Literal["unknown", "suppressed", "zero"]

_ALL: Final = TOTALS | {
    "persons",
    "all persons",
    "both",
    "both sexes",
    "all ages",
    "all ethnicities",
    "all ethnic groups",
}
_NATION: Final = re.compile(r"[EWSN]92[0-9]{6}|K0[0-9]{7}")
_LEVELS: Final = {
    YEAR: re.compile(r"(?<!\d)((?:19|20)\d\d(?:[/_-]\d\d(?!\d))?)(?!\d)"),
    ETHNICITY: re.compile(r"\b(white|asian|black|mixed|other|chinese|arab)\b", re.IGNORECASE),
    SEX: re.compile(r"\b(females?|males?|women|men)\b", re.IGNORECASE),
}
_SAID: Final = {YEAR: "year", ETHNICITY: "ethnic group", SEX: "sex"}
_BAND: Final = 10
_FEWEST_ROUNDED: Final = 20


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What is said of a table because the table does not say it.

    Parameters
    ----------
    more_is : {"worse", "better"}, optional
        Whether more of the outcome is bad or good.
    most_deprived : {"", "1", "5", "10", "lowest", "highest"}
        The end of the deprivation column that is the most deprived.
    suppressed : (int, int), optional
        Least and most that a sign such as `*` stands for.
    blanks : {"unknown", "suppressed", "zero"}, optional
        What a blank count means; `unknown` ones are predicted.
    per : float
        A rate is of so many people.
    add_up : bool
        Whether rows of one cell are parts, to be added up.
    only : mapping of str to str
        By title: the one value whose rows are kept.
    sheet : str, optional
        Sheet of a workbook.
    spatial : bool
        Whether areas borrow strength from their neighbours, whose map or list is given at the fit.

    Raises
    ------
    SchemaError
        If an end of deprivation is none.
    """

    more_is: MoreIs | None = None
    most_deprived: str = ""
    suppressed: tuple[int, int] | None = None
    blanks: Blanks | None = None
    per: float = 0.0
    add_up: bool = False
    only: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    spatial: bool = False

    def __post_init__(self) -> None:
        ends = ("", "1", "5", "10", "lowest", "highest")
        if self.most_deprived not in ends:
            raise SchemaError(f"--most-deprived {self.most_deprived!r}: say 1, 5, 10, lowest or highest")


NOTHING: Final = Answers()


@dataclass(frozen=True, slots=True)
class Started:
    """
    A table made ready.

    Parameters
    ----------
    table : DataFrame
        The columns of a study.
    card : ModelCard
        A model for them; `card.source` is its text.
    layout : Layout
        What was done to the table.
    taken : DataFrame
        `column`, `taken_for` and `why`, one row a column that is used.
    notes : tuple of str
        What a reader must know: what was left out, turned or assumed.
    """

    table: pd.DataFrame
    card: ModelCard
    layout: Layout
    taken: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"{row.column!r} is the {row.taken_for}: {row.why}" for row in self.taken.itertuples()]
        return "\n".join([*lines, *self.notes, repr(self.card)])


def start(
    table: pd.DataFrame | str | Path, columns: Mapping[str, str] = MappingProxyType({}), answers: Answers = NOTHING
) -> Started:
    """
    Recognise what the columns of a table hold, and make a model for them.

    Parameters
    ----------
    table : DataFrame, str or Path
        Any table with a count and a denominator (or a rate with either limits or a denominator) by area or group: csv,
        workbook or parquet, with any titles. A row may be a person.
    columns : mapping of str to str, optional
        What you say of columns: `area`, `deprivation`, `ethnicity`, `age`, `sex`, `year`, `count`, `denominator`,
        `person-years`, `expected`, `rate`, `lower`, `upper` or `standard-error`, to the title.
    answers : Answers, optional
        What you say of the rest.

    Returns
    -------
    Started
        The table as a study has it, a card, and by what each column was recognised.

    Raises
    ------
    SchemaError
        Something is not plain from the table: one message asks for all of it. Nothing is guessed: which end of
        deprivation is the worse, and whether more of the outcome is, are taken from words or asked for.

    Examples
    --------
    >>> import pandas as pd
    >>> mine = pd.DataFrame({
    ...     "LSOA21CD": [f"E0100000{k}" for k in range(1, 9)], "Deaths <75": [3, 4, 2, 8, 6, 1, 0, 9],
    ...     "Pop": [900, 1100, 1000, 1200, 1000, 800, 950, 1300],
    ... })
    >>> begun = start(mine)
    >>> begun.taken[["column", "taken_for"]].to_numpy().tolist()
    [['LSOA21CD', 'area'], ['Deaths <75', 'count'], ['Pop', 'denominator']]
    >>> begun.card.outcome.more_is
    'worse'
    """
    read = read_cells(table, answers.sheet)
    whole, only = _only(read.table, answers.only)
    cells = whole
    bare = cells.mask(cells.map(_is_total))
    seen = {one.column: one for one in recognise(bare)}
    long, wide_asks, wide_notes = _wide(seen)
    if long:
        cells, bare = (as_long(frame, Layout({}, long=long)) for frame in (cells, bare))
        seen = {one.column: one for one in recognise(bare)}
    said = said_roles(columns, cells.columns)
    found, values, fifths = decide_dimensions(bare, seen, said, answers.most_deprived)
    found.notes[:0] = [*read.notes, *wide_notes]
    found.asks += wide_asks
    people = decide_people(bare, seen, said, found)
    if not people and not wide_asks:
        decide_numbers(bare, seen, said, found)
    per = per_of(bare, found, answers.per)
    outcome = next((found.columns[name] for name in (COUNT, RATE, VALUE) if name in found.columns), "")
    name = named_by(bare, outcome) if outcome else ""
    more_is = decide_polarity(name, answers.more_is, found) if name else "worse"
    if not found.columns.keys() - set(NUMBERS):
        found.asks.append("which column says what a row is of: --area, --deprivation or --ethnicity COLUMN")
    more = Layout({}, leave_out=_totals(cells, found), only=only, long=long, fifths=fifths, per=per, people=people,
                  sheet=read.sheet or "", add_up=answers.add_up, age_width=_width(people, found))  # fmt: skip
    if people and outcome in seen and seen[outcome].values:
        values[COUNT] = dict(seen[outcome].values)
    layout = _withheld(bare, layout_of(found, values, more), answers, found)
    _refuse(found.asks)
    laid = lay_out(whole, layout)
    _refuse_twice(laid, cells, layout)
    _say_unused(seen, layout, found)
    text = card_text(laid, name, more_is, among=found.columns.get(PEOPLE, ""), spatial=answers.spatial)
    return Started(laid, parse_card(text, "card.toml"), layout, _taken(found), (*found.notes, *_said_of(laid)))


def _is_total(text: object) -> bool:
    """Whether a cell says that its row adds up others: a word, or the code of a nation."""
    return isinstance(text, str) and (text.casefold() in _ALL or _NATION.fullmatch(text) is not None)


def _only(cells: pd.DataFrame, only: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
    for title, value in only.items():
        if title not in cells.columns or not (cells[title] == value).any():
            held = cells[title].dropna().unique()[:8] if title in cells.columns else cells.columns
            raise SchemaError(f"--only {title}={value}: no such value; there are {', '.join(map(repr, held))}")
        cells = cells[cells[title] == value]
    return cells, dict(only)


def _wide(seen: Mapping[str, Recognised]) -> tuple[dict[str, dict[str, dict[str, str]]], list[str], list[str]]:
    """Columns that are one a year or one a group, by dimension, level and what they hold; questions; notes."""
    numbers = [one for one in seen.values() if one.role == NUMBER and "deprivation" not in one.words]
    for dim, pattern in _LEVELS.items():
        if any(one.role == dim for one in seen.values()):
            continue
        stems: dict[str, dict[str, str]] = {}
        for one in numbers:
            matched = pattern.search(one.column if dim == YEAR else re.sub("_", " ", one.column))
            if matched and (dim == YEAR or one.whole):
                rest = re.sub(re.escape(matched[1]), " ", re.sub("_", " ", one.column) if dim != YEAR else one.column)
                stems.setdefault(plain_title(rest) or "number", {})[matched[1]] = one.column
        stems = {stem: titles for stem, titles in stems.items() if len(titles) > 1}
        if not stems:
            continue
        levels = list(dict.fromkeys(level for titles in stems.values() for level in titles))
        some = ", ".join(repr(title) for title in next(iter(stems.values())).values())
        if dim != YEAR and len(stems) < 2:
            lacks = f"{some} are of one {_SAID[dim]} each, and nothing says how many people there are of each"
            example = f"people {levels[0]}"
            remedy = f"add a column of people beside each (such as {example!r}), or give a table with a row for each"
            return {}, [f"{lacks}: {remedy} area and {_SAID[dim]}"], []
        if any(set(titles) != set(levels) for titles in stems.values()):
            lacking = [f"{stem}: {', '.join(titles)}" for stem, titles in stems.items()]
            return {}, [f"columns of one {_SAID[dim]} or another are missing ({'; '.join(lacking)}): complete them"], []
        long = {dim: {level: {stem: titles[level] for stem, titles in stems.items()} for level in levels}}
        return long, [], [f"Columns of one {_SAID[dim]} each ({some}, ...) became rows, with a column {dim!r}."]
    return {}, [], []


def _totals(cells: pd.DataFrame, found: Decided) -> dict[str, tuple[str, ...]]:
    """Rows that add up the others are left out, by title."""
    left_out = {}
    for name, column in found.columns.items():
        if name not in NUMBERS:
            values = [text for text in cells[column].dropna().unique() if _is_total(text)]
            if values:
                left_out[column] = tuple(values)
                rows = int(cells[column].isin(values).sum())
                which = "1 row left out, which adds" if rows == 1 else f"{rows:,} rows left out, which add"
                found.notes.append(f"{which} up the others: {column!r} is {', '.join(values)}.")
    return left_out


def _width(people: bool, found: Decided) -> int:
    """Years of an age band, where persons of single years of age are counted."""
    if not people or not found.why.get(AGE, "").startswith("single"):
        return 0
    found.notes.append(f"Ages are put into bands of {_BAND} years (`age_width` in the mapping).")
    return _BAND


def _withheld(cells: pd.DataFrame, layout: Layout, answers: Answers, found: Decided) -> Layout:
    """What suppressed, blank and rounded counts mean."""
    if COUNT not in found.columns or layout.people:
        return layout
    column = cells[found.columns[COUNT]]
    texts = [str(text) for text in column.dropna().unique()]
    signs = [text for text in texts if not re.search(r"\d", text)]
    blank = int(column.isna().sum())
    if (signs or (blank and answers.blanks == "suppressed")) and not answers.suppressed:
        of = f"{', '.join(signs)} in column {found.columns[COUNT]!r}" if signs else "a blank"
        found.asks.append(
            f"which counts may {of} stand for?  --suppressed 1-7  (hospital statistics)  or another range"
        )
    if blank and not answers.blanks:
        found.asks.append(
            f"what do {blank:,} blanks in column {found.columns[COUNT]!r} mean?  --blanks unknown (predicted)  or  "
            "--blanks suppressed  or  --blanks zero"
        )
    known = pd.to_numeric(column.str.replace(",", ""), errors="coerce").dropna()
    rounded = 5 if (known > 0).sum() >= _FEWEST_ROUNDED and (known % 5 == 0).all() else 1
    if rounded > 1:
        found.notes.append(f"All {len(known):,} counts are multiples of {rounded}: each is read as within 2 of it "
                           "(`rounded` in the mapping).")  # fmt: skip
    bounds = [text for text in texts if re.search(r"\d", text) and seen_signs(pd.Series([text]))]
    if signs or bounds:
        rows = int(column.isin([*signs, *bounds]).sum())
        found.notes.append(f"{rows:,} counts are known as intervals only ({', '.join([*signs, *bounds][:4])}), and are "
                           "fitted as such.")  # fmt: skip
    return replace(layout, suppressed=answers.suppressed or (), blanks=answers.blanks or "", rounded=rounded)


def _refuse(asks: list[str]) -> None:
    if asks:
        many = "One thing is" if len(asks) == 1 else f"{len(asks)} things are"
        lines = "\n".join(f"  - {line[0].upper()}{line[1:]}" for line in asks)
        raise SchemaError(f"{many} not plain from the table. Say it with the options shown:\n{lines}")


def _refuse_twice(laid: pd.DataFrame, cells: pd.DataFrame, layout: Layout) -> None:
    """Several rows of one cell: parts to add up, or of several things of which one is meant."""
    keys = [name for name in laid.columns if name not in (*NUMBERS, *ENDS)]
    again = laid.duplicated(keys) if keys else pd.Series(True, laid.index)
    if not again.any() or layout.people or layout.add_up:
        return
    used = {*layout.columns.values(), *layout.only}
    others = [name for name in cells.columns if name not in used and 1 < cells[name].nunique() <= 50]
    options = ["--add-up if they are parts of one whole (copies are to be removed)"]
    for name in others[:4]:
        value = cells[name].dropna().iloc[0]
        options.append(f'--only "{name}={value}"')
    _refuse([
        f"{int(again.sum()) + 1:,} rows share {' x '.join(keys) or 'everything'} with another: which is meant?  "
        + "  or  ".join(options)
    ])  # fmt: skip


def _say_unused(seen: Mapping[str, Recognised], layout: Layout, found: Decided) -> None:
    told = " ".join(found.notes)
    unused = [name for name in seen if name not in {*layout.columns.values(), *layout.only} and repr(name) not in told]
    if unused:
        found.notes.append(f"Not used: {', '.join(map(repr, unused))}.")


def _said_of(laid: pd.DataFrame) -> tuple[str, ...]:
    """What the table lacks, and what can be done about it."""
    notes = []
    if not set(DEPRIVATION) & set(laid.columns):
        notes.append(
            "There is no deprivation, so there is no gradient: join deciles by area (bi.tables.read_deprivation reads "
            "the published file, bi.tables.join puts it beside) and start again."
        )
    elif YEAR in laid.columns and len(laid[YEAR].unique()) > 1:
        notes.append("There are several years: the report says whether the gap narrowed, and with which probability.")
    if AREA not in laid.columns:
        notes.append("There is no area: groups are compared, and no map is drawn.")
    if ERROR in laid.columns:
        notes.append("Rates with known errors are compared as they are; areas differ beyond their errors by a term.")
    return tuple(notes)


def _taken(found: Decided) -> pd.DataFrame:
    names = (
        {name: option for option, name in ROLES.items()} | dict.fromkeys(DEPRIVATION, "deprivation") | {VALUE: "rate"}
    )
    rows = [(column, names[name], found.why[name]) for name, column in found.columns.items()]
    return pd.DataFrame(rows, columns=["column", "taken_for", "why"])
