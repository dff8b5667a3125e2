"""Records of any layout into their normal form: expressions made from a mapping, none of them run."""

from __future__ import annotations

import re
from collections.abc import Mapping as Given
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.adapters.lines import TYPE, VALID, tables_of_lines
from bayesineq.records.adapters.mapping import AS_WRITTEN, Block, Mapping, Spec, read_mapping
from bayesineq.records.normal import TABLES, Note, Records, normal_form, read_normal, schemes_of
from bayesineq.records.sources import Source, Tables, open_tables
from bayesineq.records.written import as_text
from bayesineq.tables.codes import code_list
from bayesineq.tables.schema import read_schema

if TYPE_CHECKING:
    import ibis

_NUMBER: Final = re.compile(r"\{(n+)\}")
_EACH: Final = "_each"
UNMAPPED: Final = "unmapped"
"""System of codes that the vocabulary of the source does not have."""

NOT_KNOWN: Final = "a code that the mapping does not know"


class _Wrong(SchemaError):
    """A key of the mapping that does not fit the source, gathered with the others."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A table of the source as a block sees it: its columns by the names that the mapping uses."""

    table: ibis.Table
    names: Given[str, str]
    absent: tuple[str, ...]
    where: str

    def column(self, name: str, key: str) -> ibis.Value | None:
        """A column; None where one that is optional is not there."""
        wanted, optional = name.removesuffix("?").lower(), name.endswith("?")
        if wanted in self.names:
            return self.table[self.names[wanted]]
        if optional or wanted.partition(".")[0] in self.absent:
            return None
        raise _Wrong(f"{key}: {self.where} has no column {name.removesuffix('?')!r}; it has {_there(self)}")


def _there(seen: _Seen) -> str:
    """Columns of a table, for an error."""
    return ", ".join(column for name, column in seen.names.items() if not name.startswith("_"))


def _required(name: str) -> set[str]:
    """Columns without which there are no rows of a table; those of a vocabulary are all wanted."""
    return {f.name for f in read_schema(name).fields if f.constraints.get("required")} if name in TABLES else set()


def records_at(path: Path, mapping: str | Path | None = None) -> Records:
    """Records of a folder, a DuckDB file, or a mapping that lies with them."""
    if mapping is None and path.suffix == ".toml":
        return adapt(path.parent, path)
    return read_normal(path) if mapping is None else adapt(path, mapping)


def adapt(source: Source, mapping: str | Path) -> Records:
    """
    See records of any layout in their normal form, by a mapping that is data.

    Parameters
    ----------
    source : str, Path, Mapping or Ibis backend
        As of `read_normal`: a folder of parquet, csv, csv.gz or NDJSON files, a DuckDB file, a connection of Ibis, or
        tables and data frames by name. Names of tables and columns may be in any case.
    mapping : str or Path
        "omop" (OMOP CDM 5.4), "hes" and "sus" (hospital extracts), "opensafely" (general practice), "fhir" (bulk
        NDJSON), "snolytical" (native NDJSON), or the path of a TOML file of your own.

    Returns
    -------
    Records
        The records; nothing but the number of persons has been computed. What could not be mapped is counted by
        `unmapped`.

    Raises
    ------
    SchemaError
        The mapping does not fit the source: every key at once, with what there is in its place.

    Examples
    --------
    >>> import pandas as pd
    >>> person = pd.DataFrame({"person_id": [1], "gender_concept_id": [8532], "year_of_birth": [1950]})
    >>> death = pd.DataFrame({"person_id": [1], "death_date": ["2020-05-01"]})
    >>> records = adapt({"person": person, "death": death}, "omop")
    >>> records.persons.select("person", "birth", "birth_known_to", "sex", "death").to_pyarrow().to_pylist()
    [{'person': '1', 'birth': datetime.date(1950, 1, 1), 'birth_known_to': 'year', 'sex': 'female',
      'death': datetime.date(2020, 5, 1)}]
    """
    plan, found = read_mapping(mapping), open_tables(source)
    tables = {**found.tables, **tables_of_lines(found, plan.lines, plan.path)}
    found = Tables(tables, found.origin, found.engine, found.lines)
    wrong: list[str] = []
    notes: list[Note] = []
    made: dict[str, list[ibis.Table]] = {}
    for name, blocks in plan.blocks.items():
        for block in blocks:
            made.setdefault(name, []).extend(_rows(name, block, found, wrong, notes))
    words = {
        name: rows[0] for name, block in plan.vocabulary.items() if (rows := _rows(name, block, found, wrong, notes))
    }
    if wrong:
        raise SchemaError(f"The mapping {plan.path} does not fit {found.origin}:\n  - " + "\n  - ".join(wrong))
    if not made["persons"]:
        raise SchemaError(_nobody(plan, found))
    words = {name: table.select(**{c: as_text(table[c]) for c in table.columns}) for name, table in words.items()}
    return normal_form({name: parts for name, parts in made.items() if parts}, found, notes, plan.dates, words)


def _nobody(plan: Mapping, found: Tables) -> str:
    wanted = ", ".join(dict.fromkeys(block.table for block in plan.blocks["persons"]))
    there = ", ".join(sorted({*found.tables, *found.lines})) or "none"
    return (
        f"The mapping {plan.path} finds no persons in {found.origin}: it looks for the tables {wanted}; there is "
        f"{there}. Is it the mapping of this layout?"
    )


def _rows(name: str, block: Block, found: Tables, wrong: list[str], notes: list[Note]) -> list[ibis.Table]:
    """Rows of one block, with columns named as in the normal form; none where an optional table is not there."""
    if block.table not in found.tables:
        if not block.optional:
            there = ", ".join(sorted(found.tables)) or "none"
            wrong.append(f"{block.key}.table: there is no table {block.table!r} in {found.origin}; there is {there}")
        return []
    before = len(wrong)
    try:
        seen = _filtered(name, block, _joined(block, found, wrong), notes)
        seen, columns = _repeated(block, seen)
    except _Wrong as error:
        wrong.append(str(error))
        return []
    values: dict[str, ibis.Value] = {}
    for column, spec in columns.items():
        try:
            value = _value(spec, seen, f"{block.key}.{column}", (name, column), notes)
        except _Wrong as error:
            wrong.append(str(error))
            continue
        if value is not None:
            values[column] = value
        elif column in _required(name):
            if column in (PERSON, "person_id"):
                wrong.append(f"{block.key}.{column}: {seen.where} has none of its columns; it has {_there(seen)}")
            return []
    if len(wrong) > before:
        return []
    table = seen.table.select(**values)
    if block.needs in table.columns:
        # A place that nobody filled is no fact.
        table = table.filter(as_text(table[block.needs]).notnull())
    return [table]


def _joined(block: Block, found: Tables, wrong: list[str]) -> _Seen:
    """The table of a block with further tables beside it, of which one row a key is taken."""
    import ibis

    table = found.tables[block.table]
    names = {column.lower(): column for column in table.columns}
    seen = _Seen(table, names, (), f"the table {block.table!r}")
    absent = []
    for name, join in block.joined.items():
        key = f"{block.key}.joined.{name}"
        other = found.tables.get(str(join["table"]).lower())
        if other is None:
            if not join.get("optional", False):
                wrong.append(f"{key}.table: there is no table {join['table']!r} in {found.origin}")
            absent.append(name.lower())
            continue
        right = _Seen(other, {c.lower(): c for c in other.columns}, (), f"the table {join['table']!r}")
        on = right.column(str(join["on"]), f"{key}.on")
        mine = seen.column(str(join.get("with", join["on"])), f"{key}.with")
        order = [right.column(str(join["order"]), f"{key}.order")] if "order" in join else [on]
        if on is None or mine is None:
            raise _Wrong(f"{key}: the columns that join tables cannot be optional; take the ? away")
        rank = ibis.row_number().over(group_by=on, order_by=order)
        one = other.mutate(_place=rank, _key=as_text(on))
        one = one.filter(one["_place"] == 0).drop("_place")
        one = one.rename({f"{name}.{c}".lower(): c for c in other.columns})
        left = seen.table.mutate(_with=as_text(mine))
        table = left.left_join(one, left["_with"] == one["_key"]).drop("_with", "_key")
        names = {**seen.names, **{f"{name}.{c}".lower(): f"{name}.{c}".lower() for c in other.columns}}
        seen = _Seen(table, names, (), seen.where)
    return _Seen(seen.table, seen.names, tuple(absent), seen.where)


def _filtered(name: str, block: Block, seen: _Seen, notes: list[Note]) -> _Seen:
    """Rows that the block asks for; what is left is noted, unless another block reads it."""
    table = seen.table
    for mark, said in ((VALID, "a line that is not JSON"), (TYPE, "a resource of another type")):
        if mark in seen.names:
            holds = ~table[mark] if mark == VALID else table[mark].notnull()
            notes.append(Note(name, "person", f"{said} in {block.table}", "left out", table, holds))
    if VALID in seen.names:
        table = table.filter(table[VALID] & table[TYPE].isnull())
    seen = _Seen(table, seen.names, seen.absent, seen.where)
    kept = None
    for column, wanted in block.where.items():
        value = seen.column(column, f"{block.key}.where")
        if value is None:
            continue
        text = as_text(value)
        if isinstance(wanted, Given):
            holds = ~text.isin([str(one) for one in wanted["not"]]).fill_null(False)
        else:
            holds = text.isin([str(one) for one in wanted]).fill_null(False)
        kept = holds if kept is None else kept & holds
    if kept is None:
        return seen
    if not block.elsewhere:
        said = f"a row of {block.table} that the mapping does not ask for ({', '.join(block.where)})"
        notes.append(Note(name, "person", said, "left out", seen.table, ~kept))
    return _Seen(seen.table.filter(kept), seen.names, seen.absent, seen.where)


def _repeated(block: Block, seen: _Seen) -> tuple[_Seen, Given[str, Spec]]:
    """A row for each number of numbered columns, such as DIAG_01 to DIAG_20."""
    import ibis

    if block.numbers is None:
        return seen, block.columns
    templates = {c: str(s).removesuffix("?") for c, s in block.columns.items() if isinstance(s, str) and "{n" in s}
    elements = []
    for number in range(block.numbers[0], block.numbers[1] + 1):
        named = {c: _numbered(t, number) for c, t in templates.items()}
        got = {c: seen.column(f"{name}?", block.key) for c, name in named.items()}
        if got.get("code") is not None:
            texts = {c: ibis.null("string") if v is None else as_text(v) for c, v in got.items()}
            elements.append(ibis.struct(texts))
    if not elements:
        raise _Wrong(
            f"{block.key}.code: {seen.where} has no column such as {templates.get('code', '')!r} for the numbers "
            f"{block.numbers[0]} to {block.numbers[1]}; it has {_there(seen)}"
        )
    table = seen.table.mutate(**{_EACH: ibis.array(elements).unnest()})
    table = table.mutate(**{f"{_EACH}.{c}": table[_EACH][c] for c in templates}).drop(_EACH)
    names = {**seen.names, **{f"{_EACH}.{c}": f"{_EACH}.{c}" for c in templates}}
    columns = {c: f"{_EACH}.{c}" if c in templates else spec for c, spec in block.columns.items()}
    return _Seen(table, names, seen.absent, seen.where), columns


def _numbered(template: str, number: int) -> str:
    """Name of a column with its number, of as many digits as the template has letters n."""
    return _NUMBER.sub(lambda found: f"{number:0{len(found[1])}d}", template)


def _value(spec: Spec, seen: _Seen, key: str, place: tuple[str, str], notes: list[Note]) -> ibis.Value | None:
    """What a key of the mapping says; None where an optional column is not there."""
    import ibis

    if isinstance(spec, str):
        return seen.column(spec, key)
    if "text" in spec:
        return ibis.literal(str(spec["text"]))
    if "first" in spec:
        before = len(notes)
        parts = [_value(one, seen, key, place, notes) for one in spec["first"]]
        there = [part for part in parts if part is not None]
        if len(there) < 2:
            return there[0] if there else None
        found = ibis.coalesce(*(as_text(part) for part in there))
        # What one of the columns tells is known, whatever the others hold; what none tells is one value not known.
        lost = [note for note in notes[before:] if note.said == NOT_KNOWN]
        notes[before:] = [note for note in notes[before:] if note.said != NOT_KNOWN]
        if lost:
            holds = reduce(or_, (note.holds.fill_null(False) for note in lost)) & found.isnull()
            notes.append(replace(lost[0], holds=holds))
        return found
    if "year" in spec:
        return _from_parts(
            *(seen.column(spec[part], key) if part in spec else None for part in ("year", "month", "day"))
        )
    value = seen.column(str(spec["column"]), key)
    if value is None:
        return None
    if "after" in spec:
        value = as_text(value).re_replace(f"^.*{re.escape(str(spec['after']))}", "")
    if "codes" in spec:
        value = _coded(spec, value, seen, place, notes)
    return value


def _coded(spec: Given[str, Any], value: ibis.Value, seen: _Seen, place: tuple[str, str], notes: list[Note]) -> Any:
    """Codes of the source as words of the normal form; those that the list lacks are noted."""
    import ibis

    text = as_text(value).lower()
    if isinstance(spec["codes"], str):
        listed = code_list(spec["codes"])
        if "words" in listed:  # Words are the same however they are set apart: "White: Irish" and "White - Irish".
            text = text.re_replace("[^a-z0-9]+", " ").strip().nullif("")
        codes = dict(zip(listed["words" if "words" in listed else "given"].str.lower(), listed["code"], strict=True))
        if "scheme" in listed:
            notes += [Note(*place, form, "form", seen.table, holds) for form, holds in schemes_of(text, listed)]
    else:
        codes = {str(given).lower(): str(code) for given, code in spec["codes"].items()}
    known = text.isin(list(codes))
    otherwise = spec.get("otherwise")
    rest = as_text(value) if otherwise == AS_WRITTEN else otherwise
    if otherwise is None:
        strange = text.notnull() & ~known
        notes.append(Note(*place, NOT_KNOWN, "unmapped", seen.table, strange))
    # A look-up works out what is looked up once; a case for each code works it out as often as there are codes.
    read = known.fill_null(False).ifelse(ibis.literal(codes, type="map<string, string>").get(text), rest)
    if UNMAPPED in codes.values():
        said = "no code of the vocabulary; kept with that of the source"
        notes.append(Note(*place, said, "unmapped", seen.table, (read == UNMAPPED).fill_null(False)))
    return read


def _from_parts(year: ibis.Value | None, month: ibis.Value | None, day: ibis.Value | None) -> ibis.Value | None:
    """Text of a day from columns of its year, month and day, as far as they are known."""
    import ibis

    if year is None:
        return None
    known = [as_text(year)]
    for part in (month, day):
        if part is None:
            break
        # Some engines put texts together as if a missing one were empty.
        there = known[-1].notnull() & part.notnull()
        known.append(there.ifelse(known[-1] + "-" + as_text(part).lpad(2, "0"), None))
    return ibis.coalesce(*reversed(known))
