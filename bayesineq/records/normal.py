"""The normal form of linked records: persons, coded facts, contacts, registrations, addresses, ethnicity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.code_forms import SYSTEMS
from bayesineq.records.engines import collected, kept
from bayesineq.records.sources import Source, Tables, open_tables
from bayesineq.records.written import Order, Steps, as_day, as_number, lost_digits, read_steps, says_days
from bayesineq.tables.codes import code_list
from bayesineq.tables.schema import Field, read_schema

if TYPE_CHECKING:
    import ibis

TABLES: Final = ("persons", "events", "spells", "registration_periods", "addresses", "ethnicity_records")
ENDS: Final = ("end", "registered_to", "death")

Kind = Literal["unread", "form", "assumed", "unmapped", "left out"]


@dataclass(frozen=True, slots=True)
class Note:
    """
    Something that was read otherwise than it is written, or could not be read, and which rows that is.

    Parameters
    ----------
    table, column : str
        Table of the normal form and its column.
    said : str
        What happened to these rows.
    kind : {"unread", "form", "assumed", "unmapped", "left out"}
        A value that became missing; a form that a column is written in; a value that was completed by a rule; a code
        that the mapping does not know; rows that are not in the table.
    rows : ibis.Table
        The table that was read.
    holds : ibis boolean column
        Which of its rows.
    """

    table: str
    column: str
    said: str
    kind: Kind
    rows: ibis.Table
    holds: ibis.Value


@dataclass(frozen=True, slots=True)
class Records:
    """
    Linked records in their normal form: tables of an engine, none of them collected.

    Parameters
    ----------
    persons : ibis.Table
        One row a person: `person, birth, birth_known_to, sex, death, area, postcode, practice, registered_from,
        registered_to`; sex is female, male, indeterminate or unknown.
    events : ibis.Table
        One row a coded fact: `person, date, system, code, source, value, unit`.
    spells : ibis.Table
        One row a stay or contact: `person, start, end, kind, provider, outcome, cost, source`.
    registration_periods : ibis.Table
        One row a period of registration: `person, start, end, practice`; both ends are days of it.
    addresses : ibis.Table
        One row a period at one address: `person, start, end, area, postcode`.
    ethnicity_records : ibis.Table
        One row a recorded ethnicity: `person_id, source, recorded_on, ethnicity`, as `bayesineq.records.ethnicity`
        reads them.
    concepts : ibis.Table or None
        Codes by the number of a concept, where the source has a vocabulary: `concept, system, code, name`.
    descendants : ibis.Table or None
        Pairs of concepts, where the source has them: `ancestor, descendant`.
    notes : tuple of Note
        What could not be read or mapped; `unmapped` counts it.
    origin : str
        Where the records are, for errors.
    """

    persons: ibis.Table
    events: ibis.Table
    spells: ibis.Table
    registration_periods: ibis.Table
    addresses: ibis.Table
    ethnicity_records: ibis.Table
    concepts: ibis.Table | None
    descendants: ibis.Table | None
    notes: tuple[Note, ...]
    origin: str


def read_normal(source: Source) -> Records:
    """
    Read records that are in their normal form already: tables named as those of `Records`.

    Only `persons` must be there, and of its columns only `person`; what is not there is missing, and a table that is
    not there is empty. Registrations and addresses are those of `persons` where they have no table of their own.

    Parameters
    ----------
    source : str, Path, Mapping or Ibis backend
        A folder of parquet, csv or csv.gz files, a DuckDB file, a connection of Ibis, or tables and data frames by
        name.

    Returns
    -------
    Records
        The records; nothing but the number of persons has been computed.

    Raises
    ------
    SchemaError
        There is no table of persons, or a table lacks a column that it must have.

    Examples
    --------
    >>> persons = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1950-03-01", "1980-06-30"], "sex": ["female"] * 2})
    >>> events = pd.DataFrame({"person": ["p1"], "date": ["2020-01-31"], "system": ["icd10"], "code": ["E119"]})
    >>> records = read_normal({"persons": persons, "events": events})
    >>> records.events.select("person", "date", "code").to_pyarrow().to_pylist()
    [{'person': 'p1', 'date': datetime.date(2020, 1, 31), 'code': 'E119'}]
    >>> records.spells.count().to_pyarrow().as_py()
    0
    """
    found = open_tables(source)
    unlike = [name for name in found.tables if name in TABLES]
    if "persons" not in unlike:
        raise SchemaError(
            f"There is no table 'persons' in {found.origin}; there is {', '.join(sorted(found.tables)) or 'none'}. "
            f"Records in their normal form are tables named {', '.join(TABLES)}; others need a mapping: see `adapt`."
        )
    return normal_form({name: [found.tables[name]] for name in unlike}, found)


def normal_form(
    given: Mapping[str, Sequence[ibis.Table]],
    found: Tables,
    notes: Sequence[Note] = (),
    order: Order = "year first",
    vocabulary: Mapping[str, ibis.Table] | None = None,
) -> Records:
    """Records from tables whose columns are named as those of the normal form, whatever their types."""
    noted = list(notes)
    tables: dict[str, ibis.Table] = {}
    for name in TABLES:
        parts = [_typed(name, part, found, order, noted) for part in given.get(name, ())]
        if len(parts) > 1:
            columns = [field.name for field in read_schema(name).fields]
            parts = [part.select(columns) for part in parts]
        if parts:
            tables[name] = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    persons = tables["persons"]
    for name, told in _FROM_PERSONS.items():
        if name not in tables:
            held = persons.select(**told)
            tables[name] = held.filter(_something(held, _SAYS[name]))
    for name in TABLES:
        if name not in tables:
            tables[name] = _empty(name, persons)
    words = vocabulary or {}
    records = Records(
        **tables, concepts=words.get("concepts"), descendants=words.get("descendants"), notes=(), origin=found.origin
    )
    records, more = _one_row_a_person(records)
    if any(note.kind == "form" and note.table == "persons" and note.column != "sex" for note in noted):
        # Days that are read from text are read once: every later step asks for births.
        records = replace(records, persons=kept(records.persons, records.origin))
    return replace(records, notes=(*noted, *more))


_FROM_PERSONS: Final[Mapping[str, Mapping[str, str]]] = {
    "registration_periods": {PERSON: PERSON, "start": "registered_from", "end": "registered_to",
                             "practice": "practice"},
    "addresses": {PERSON: PERSON, "start": "registered_from", "end": "registered_to", "area": "area",
                  "postcode": "postcode"},
}  # fmt: skip
"""What rows of persons say of registrations and addresses, by the column of each."""

_SAYS: Final = {"registration_periods": ("start", "end", "practice"), "addresses": ("area", "postcode")}
"""Columns of which one at least must be there."""


def _something(table: ibis.Table, columns: Sequence[str]) -> ibis.Value:
    there = table[columns[0]].notnull()  # noqa: PD004
    for name in columns[1:]:
        there = there | table[name].notnull()  # noqa: PD004
    return there


def _typed(name: str, table: ibis.Table, found: Tables, order: Order, notes: list[Note]) -> ibis.Table:
    """A table with the columns and types of the normal form, then whatever else it has."""
    import ibis

    fields = read_schema(name).fields
    names = {column.lower(): column for column in table.columns}
    if absent := [f.name for f in fields if f.constraints.get("required") and not f.optional and f.name not in names]:
        raise SchemaError(
            f"The table {name!r} of {found.origin} has no column {', '.join(absent)}; it has "
            f"{', '.join(table.columns)}. Name it so, or say in a mapping what it is called: see `adapt`."
        )
    there = [field for field in fields if field.name in names]
    steps = read_steps(
        table,
        {names[f.name]: f.name == "birth" for f in there if f.type == "date"},
        [names[f.name] for f in there if f.type != "date" and not _is_number(f, table[names[f.name]])],
        order,
    )
    made: dict[str, Any] = {}
    for field in fields:
        if field.name in names:
            made[field.name] = _read(name, field, steps, names[field.name], order, notes)
        else:
            made[field.name] = ibis.null(_type(field))
    if name == "persons":
        made |= _persons(steps, names, made)
    rest = {c: steps.table[c] for c in table.columns if c.lower() not in made}
    return steps.table.select(**made, **rest)


def _type(field: Field) -> str:
    return {"string": "string", "date": "date", "number": "float64", "integer": "int64"}[field.type]


def _is_number(field: Field, value: ibis.Value) -> bool:
    kind = value.type()
    return field.type in ("number", "integer") and bool(kind.is_numeric() or kind.is_boolean())


def _read(name: str, field: Field, steps: Steps, column: str, order: Order, notes: list[Note]) -> ibis.Value:
    import ibis

    table, value = steps.table, steps.table[column]

    def _note(kind: Kind, said: str, holds: ibis.Value) -> None:
        # A column that holds nothing has nothing that could not be read.
        if not isinstance(holds, ibis.Scalar):
            notes.append(Note(name, field.name, said, kind, table, holds))

    if field.type == "date":
        day = as_day(column, steps, order, coarse=field.name == "birth", ends=field.name in ENDS)
        for form, holds in day.forms.items():
            _note("form", form, holds)
        if day.forms:
            _note("unread", f"a date that is not written {order}, or no date", day.unread)
        _note("unread", "a day before 2 January 1900, which stands for no date", day.placeholder)
        return day.value
    if field.type in ("number", "integer"):
        number, wrong = as_number(value, steps.texts.get(column, value))
        if not value.type().is_integer():
            _note("unread", "not a number", wrong)
        return number
    if (lost := lost_digits(value)) is not None and field.name in ("code", PERSON):
        _note("unread", "a number with a fraction, which has lost its last digits: export it as text", lost)
    text = steps.texts[column]
    if allowed := field.constraints.get("enum"):
        text = text.lower()
        if (name, field.name) == ("persons", "sex"):
            listed = code_list("sex_spellings")
            if not any((note.table, note.column, note.kind) == (name, field.name, "form") for note in notes):
                # What a mapping has read is in words by now, and its forms are noted.
                for form, holds in schemes_of(text, listed):
                    _note("form", form, holds)
            text = text.cases(*zip(listed["given"].str.lower(), listed["code"], strict=True), else_=text)
        known = text.isin(allowed)
        _note("unmapped", f"not one of {', '.join(allowed)}", text.notnull() & ~known)  # noqa: PD004
        text = known.ifelse(text, None)
    return _system(text) if (name, field.name) == ("events", "system") else text


def schemes_of(text: ibis.Value, listed: pd.DataFrame) -> Iterator[tuple[str, ibis.Value]]:
    """Each scheme of a list of spellings in words, and which values are written in it."""
    for scheme, rows in listed.groupby("scheme"):
        yield f"codes of {scheme}", text.isin(rows["given"].str.lower().tolist()).fill_null(False)


def _system(text: ibis.Value) -> ibis.Value:
    """A code system by its name here, whatever capitals, spaces and marks it is written with."""
    listed = code_list("code_systems")
    names = {of: system for system, named in SYSTEMS.items() for of in (*named, system.replace("_", ""))}
    names |= {
        re.sub("[^a-z0-9]", "", str(g).lower()): str(c) for g, c in zip(listed["given"], listed["code"], strict=True)
    }
    plain = text.lower().re_replace("[^a-z0-9]", "")
    # What has its name here, as from every mapping, is not looked at again.
    return text.isin(list(SYSTEMS)).ifelse(text, plain.cases(*names.items(), else_=text))


def _persons(steps: Steps, names: Mapping[str, str], made: Mapping[str, Any]) -> dict[str, Any]:
    """Sex that is said to be unknown where nothing is said, and how far a birth is known."""
    import ibis

    more: dict[str, Any] = {"sex": made["sex"].fill_null("unknown")}
    if "birth_known_to" not in names and "birth" in names:
        birth = steps.table[names["birth"]]
        known = ibis.literal("day")
        if says_days(birth):
            length = steps.texts[names["birth"]].length()
            finer = (length <= 7).ifelse("month", "day") if birth.type().is_string() else "day"
            known = (length == 4).ifelse("year", finer)
        more["birth_known_to"] = made["birth"].notnull().ifelse(known, None)  # noqa: PD004
    return more


def _empty(name: str, persons: ibis.Table) -> ibis.Table:
    import ibis

    columns = {field.name: ibis.null(_type(field)) for field in read_schema(name).fields}
    return persons.select(**columns).limit(0)


def _one_row_a_person(records: Records) -> tuple[Records, list[Note]]:
    """One row a person, the one registered last, so that no join counts somebody twice; more rows are noted."""
    import ibis

    persons = records.persons
    counts = collected(
        persons.aggregate(rows=persons[PERSON].count(), people=persons[PERSON].nunique()), records.origin
    ).iloc[0]
    nobody = persons[PERSON].isnull()  # noqa: PD003
    notes = [Note("persons", PERSON, "a row without a person", "left out", persons, nobody)]
    there = persons.filter(~nobody)
    if counts["rows"] > counts["people"]:
        latest = [ibis.desc("registered_from", nulls_first=False), ibis.desc("registered_to", nulls_first=True)]
        rest = [
            ibis.asc(name, nulls_first=False) for name in persons.columns if name not in (PERSON, "registered_from")
        ]
        ranked = there.mutate(_place=ibis.row_number().over(group_by=PERSON, order_by=[*latest, *rest]))
        said = "a further row of the same person; the one registered last is kept"
        notes.append(Note("persons", PERSON, said, "left out", ranked, ranked["_place"] > 0))
        there = ranked.filter(ranked["_place"] == 0).drop("_place")
    return replace(records, persons=there), notes


def unmapped(records: Records) -> pd.DataFrame:
    """
    Count what could not be read or mapped, and what was read by a rule.

    Parameters
    ----------
    records : Records
        The records.

    Returns
    -------
    DataFrame
        One row for each that occurs: `table`, `column`, `kind`, `said`, `rows`, `of` (rows that were read), `share`.

    Examples
    --------
    >>> persons = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1950-03-01", "30 or so"]})
    >>> unmapped(read_normal({"persons": persons}))[["table", "column", "kind", "rows", "of"]]
         table column    kind  rows  of
    0  persons  birth    form     1   2
    1  persons  birth  unread     1   2
    """
    groups: list[tuple[Any, list[int]]] = []
    for k, note in enumerate(records.notes):
        same = next((members for table, members in groups if table.equals(note.rows)), None)
        if same is None:
            groups.append((note.rows, [k]))
        else:
            same.append(k)
    counted: dict[int, tuple[int, int]] = {}
    for table, members in groups:
        sums = {f"n{k}": records.notes[k].holds.fill_null(False).cast("int64").sum() for k in members}
        row = collected(table.aggregate(of=table.count(), **sums), records.origin).iloc[0]
        counted |= {k: (int(row[f"n{k}"]) if row["of"] else 0, int(row["of"])) for k in members}
    rows = [
        (note.table, note.column, note.kind, note.said, *counted[k])
        for k, note in enumerate(records.notes)
        if counted[k][0]
    ]
    table = pd.DataFrame(rows, columns=["table", "column", "kind", "said", "rows", "of"])
    return table.assign(share=table["rows"] / table["of"].clip(lower=1))
