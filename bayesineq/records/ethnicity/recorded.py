"""Records of ethnicity on their engine, as whole numbers: sources, categories and days, read or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect, reading
from bayesineq.records.ethnicity.codes import Scheme, crosswalk, scheme_codes, spelt
from bayesineq.tables.blanks import MISSING, is_blank, trimmed
from bayesineq.tables.codes import code_list
from bayesineq.tables.dates import ISO, read_dates
from bayesineq.tables.findings import Finding, raise_findings

if TYPE_CHECKING:
    import ibis

PERSON_ID: Final = "person_id"
SOURCE: Final = "source"
RECORDED_ON: Final = "recorded_on"
CODE: Final = "ethnicity"
ROLES: Final = (PERSON_ID, SOURCE, RECORDED_ON, CODE)

NOT_STATED: Final = "Z"
NOT_KNOWN: Final = "99"

FIRST_YEAR: Final = 1800
LAST_DAY: Final = 299_999
MOST_SOURCES: Final = 9_999

_DAY_AND_TIME: Final = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9]([.,][0-9]+)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)
HEADING: Final = "The records of ethnicity cannot be resolved:"

type Records = pd.DataFrame | ibis.Table | str | Path


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    Records as one row for each person, source and category, in whole numbers of which more is better.

    Parameters
    ----------
    table : ibis.Table
        `person`; `trust` (in the source, its place in `sources`), `common` (place of the category in `codes`, rare ones
        first), `day` (of the last record, in order and not in days), `times` (records).
    sources : tuple of str
        Every source.
    codes : tuple of str
        Every code, those that are not known first.
    """

    table: ibis.Table
    sources: tuple[str, ...]
    codes: tuple[str, ...]


def read_records(records: Records, columns: Mapping[str, str], priority: Sequence[str] | None = None) -> Recorded:
    """
    Read records of ethnicity without collecting them: distinct sources, codes and days alone leave the engine.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a record.
    columns : Mapping of str to str
        What the table calls `person_id`, `source`, `recorded_on` and `ethnicity`, where it has other names.
    priority : sequence of str, optional
        Every source, the most trusted first; sources in order of name without it.

    Returns
    -------
    Recorded
        The records in whole numbers.

    Raises
    ------
    SchemaError
        A column is missing; a person or source is missing in a row; dates that cannot be read, or could mean two days;
        codes that are not of the scheme "gdppr"; a source without a place in `priority`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p1", "p2"], "source": ["gp", "hospital", "gp"]})
    >>> recorded = read_records(records.assign(recorded_on="2024-05-01", ethnicity=["A", "A", "Z"]), {})
    >>> recorded.sources
    ('gp', 'hospital')
    """
    import ibis

    table, found = _seen(records, columns, "gdppr", priority)
    sources, codes = tuple(reversed(priority)) if priority is not None else found.sources, rarest_first()
    trust = {given: sources.index(name) for given, name in found.origins.items()}
    common = {given: codes.index(code) for given, code in found.codes.items()}
    dated = table.left_join(ibis.memtable(found.days), "written")
    ranked = dated.select(
        person=dated["person"],
        trust=dated["origin"].cases(*trust.items(), else_=0).cast("int64"),
        common=dated["code"].cases(*common.items(), else_=0).cast("int64") if common else ibis.literal(0, "int64"),
        day=dated["day"].fill_null(0).cast("int64"),
    )
    merged = ranked.group_by(["person", "trust", "common"]).aggregate(times=ranked.count(), day=ranked["day"].max())
    return Recorded(merged, sources, codes)


def read_cleaned(records: Records, columns: Mapping[str, str], scheme: Scheme) -> tuple[ibis.Table, tuple[str, ...]]:
    """
    Records on their engine with days as dates and categories as codes of a scheme, and the names of the sources.

    One row a record, under the names of `ROLES`; distinct sources, codes and days alone leave the engine.
    """
    import ibis

    table, found = _seen(records, columns, scheme, None)
    dated = table.left_join(ibis.memtable(found.days), "written")
    unasked = spelt([None], scheme)[0]
    return dated.select(
        **{
            PERSON_ID: dated["person"],
            SOURCE: dated["origin"].cases(*found.origins.items(), else_=None).cast("string"),
            RECORDED_ON: dated["recorded_on"],
            CODE: dated["code"].cases(*found.codes.items(), else_=unasked).cast("string")
            if found.codes
            else ibis.literal(unasked, "string"),
        }
    ), found.sources


def _seen(
    records: Records, columns: Mapping[str, str], scheme: Scheme, priority: Sequence[str] | None
) -> tuple[ibis.Table, _Found]:
    """Records under names of their own, and what their distinct values mean."""
    names = {role: columns.get(role, role) for role in ROLES}
    table = connect(records, text=list(names.values()))
    if absent := [name for name in names.values() if name not in table.columns]:
        raise SchemaError(
            f"The records of ethnicity have no column {absent}; they have {', '.join(table.columns)}. "
            'Say what they are called: columns={"ethnicity": "ethnos"}.'
        )
    table = table.select(
        person=table[names[PERSON_ID]],
        origin=table[names[SOURCE]],
        code=table[names[CODE]],
        written=_as_written(table[names[RECORDED_ON]], names[RECORDED_ON]),
    )
    return table, _refuse(table, names, (scheme, priority), records)


def _as_written(when: ibis.Value, name: str) -> ibis.Value:
    """Text of a day: as it stands, without a time that follows a day written year first."""
    kind = when.type()
    if kind.is_string():
        return when.re_search(_DAY_AND_TIME).ifelse(when.substr(0, 10), when)
    if kind.is_date() or kind.is_timestamp():
        return when.cast("date").cast("string")
    if kind.is_null():
        return when.cast("string")
    raise_findings([Finding(name, f"of type {kind}, which says no date", ISO)], HEADING)
    return when


@dataclass(frozen=True, slots=True)
class _Found:
    """What the distinct values of the records mean: names of sources, codes, and the order of days."""

    origins: dict[Any, str]
    codes: dict[Any, str]
    days: pa.Table

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.origins.values())))


def _refuse(
    table: ibis.Table, names: Mapping[str, str], asked: tuple[Scheme, Sequence[str] | None], records: Records
) -> _Found:
    """Everything that is wrong with the records at once, or what their values mean in a scheme and a priority."""
    scheme, priority = asked
    person = table["person"]
    nobody = person.isnull()  # noqa: PD003
    if person.type().is_string():
        nobody = nobody | person.strip().isin(MISSING)
    seen = table.group_by(["origin", "code"]).aggregate(records=table.count(), nobody=nobody.cast("int64").sum())
    with reading(records):
        counts = seen.to_pyarrow().to_pandas()
    findings: list[Finding] = []
    if counts.empty:
        findings.append(Finding("", "there are no records", "Check the export, or the filter that made it."))
    if lacking := int(counts["nobody"].sum()):
        findings.append(Finding(names[PERSON_ID], f"missing in {lacking:,} records", "Every record is somebody's."))
    blank = is_blank(counts["origin"])
    if lacking := int(counts.loc[blank, "records"].sum()):
        findings.append(Finding(names[SOURCE], f"missing in {lacking:,} records", "Say where every record is from."))
    with reading(records):
        days, wrong = _days(table, names[RECORDED_ON], records)
    findings += wrong
    origins = {given: trimmed(given) for given in counts.loc[~blank, "origin"].unique()}
    lacking = int(counts.loc[counts["code"].isna(), "records"].sum())
    if lacking and spelt([None], scheme)[0] is None:
        remedy = f"The scheme {scheme!r} has no code for what is not known: leave these records out."
        findings.append(Finding(names[CODE], f"missing in {lacking:,} records", remedy))
    given = list(counts["code"].dropna().unique())
    codes = dict(zip(given, spelt(given, scheme), strict=True))
    if strange := sorted(str(text) for text, code in codes.items() if code is None):
        remedy = (
            "Read the column with read_ethnicity first, in the scheme that it is written in; in a mapping, say what "
            'each means: ethnicity = { column = "...", codes = { 1 = "A", 2 = "B" } }, or codes = "ethnicity_names" '
            "for names such as White British. Groups as broad as Asian are no codes of it."
        )
        findings.append(Finding(names[CODE], f"codes that are not of the scheme {scheme!r}", remedy, (), strange))
    if priority is not None:
        if unlisted := sorted(set(origins.values()) - set(priority)):
            remedy = f"Give each source its place in `priority`, now {list(priority)}."
            findings.append(Finding(names[SOURCE], "sources without a place", remedy, (), unlisted))
        if len(set(priority)) < len(priority):
            findings.append(Finding("", "`priority` names a source twice", "Name each once.", (), list(priority)))
    if len(priority if priority is not None else set(origins.values())) > MOST_SOURCES:
        findings.append(Finding(names[SOURCE], f"more than {MOST_SOURCES:,} sources", "Is this the column of sources?"))
    raise_findings(findings, HEADING)
    return _Found(origins, {text: code for text, code in codes.items() if code is not None}, days)


def _days(table: ibis.Table, name: str, records: Records) -> tuple[pa.Table, list[Finding]]:
    """Order of every day as it is written, from the distinct texts alone; rows are named where there are labels."""
    counted = table.group_by("written").aggregate(records=table.count()).to_pyarrow().to_pandas()
    read, wrong = read_dates(counted["written"].rename(name), times=counted["records"].tolist())
    if wrong and isinstance(records, pd.DataFrame):
        wrong = read_dates(records[name])[1]
        wrong = [replace(f, problem=f"{f.problem} in {len(f.rows):,} records") for f in wrong]
    else:
        lacking = [int(counted.loc[list(f.rows), "records"].sum()) for f in wrong]
        wrong = [replace(f, problem=f"{f.problem} in {n:,} records", rows=(), values=())
                 for f, n in zip(wrong, lacking, strict=True)]  # fmt: skip
    # Not a true number of days, but in their order, which is all that the rules ask.
    order = (read.dt.year - FIRST_YEAR) * 372 + read.dt.month * 31 + read.dt.day
    place = order.fillna(0).clip(0, LAST_DAY).astype("int64").to_numpy()
    there = counted["written"].notna().to_numpy()
    texts = pa.array(counted.loc[there, "written"].tolist(), pa.string())
    days = pa.array(read[there].astype("datetime64[s]").to_numpy().astype("datetime64[D]"), pa.date32())
    return pa.table({"written": texts, "day": pa.array(place[there], pa.int64()), "recorded_on": days}), wrong


def rarest_first(scheme: Scheme = "gdppr") -> tuple[str, ...]:
    """Codes of a scheme in the order in which ties are broken."""
    people = code_list("ethnicity_census_2021_england").set_index("code")["population"].astype(float)
    spread = crosswalk("census_2021", scheme).mul(people, axis=0).sum()
    known = scheme_codes(scheme)["known"]
    spread[known.index[~known]] = -1.0
    if NOT_KNOWN in spread.index:
        spread[NOT_KNOWN] = -2.0
    return tuple(str(code) for code in spread.sort_values(kind="stable").index)
