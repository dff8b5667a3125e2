"""One ethnic category for each person from several records across sources, by the rules in use in the NHS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.codes import code_list
from bayesineq.tables.ethnicity import crosswalk, scheme_codes
from bayesineq.tables.findings import Finding, raise_findings
from bayesineq.tables.records import connect

if TYPE_CHECKING:
    import ibis

PERSON_ID: Final = "person_id"
SOURCE: Final = "source"
RECORDED_ON: Final = "recorded_on"
CODE: Final = "ethnicity"
ROLES: Final = (PERSON_ID, SOURCE, RECORDED_ON, CODE)

CVDPREVENT_PRIORITY: Final = ("gdppr_journal", "gdppr_patient", "hes_apc", "hes_ae", "hes_op")
OHID_PRIORITY: Final = ("hes_apc", "hes_ae", "hes_op")
OTHER: Final = "S"

NOT_STATED: Final = "Z"
NOT_KNOWN: Final = "99"

FIRST_YEAR: Final = 1800
LAST_DAY: Final = 299_999

_LARGEST: Final = {"times": 9_999, "day": LAST_DAY, "common": 31, "trust": 99, "named": 1}
"""Largest value of what the rules go by; more records of a category than this count as this many."""

type Records = pd.DataFrame | ibis.Table | str | Path


def most_recent(records: Records, *, columns: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """
    The latest known category of each person, the rule of ONS and of OpenSAFELY.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a record: `person_id`, `source`, `recorded_on` (a date, or text as YYYY-MM-DD; missing counts as
        earliest), `ethnicity` (codes of the scheme "gdppr", which are those of the NHS with T and W).
    columns : Mapping of str to str, optional
        What the table calls these four columns, where it has other names.

    Returns
    -------
    DataFrame
        One row a person: `person_id`, `ethnicity` ("Z" or "99" only where no record is known), `source` of the
        record that decided (missing where none is known), `groups`: distinct known categories among the records.
        Several categories on the latest day: the one recorded more often, then the commoner in Census 2021.

    Raises
    ------
    SchemaError
        A column is missing, a person or source is missing in a row, or a code is not of the scheme.
    """
    return _decide(_read(records, columns), ("day", "times", "common", "trust"))


def most_frequent(records: Records, *, columns: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """
    The category recorded most often ("usual"); ties go to the more recent, then to the commoner in Census 2021.

    Parameters
    ----------
    records, columns
        As of `most_recent`.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `most_recent`.
    """
    return _decide(_read(records, columns), ("times", "day", "common", "trust"))


def first_source(
    records: Records, priority: Sequence[str], *, columns: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """
    The latest known category of the first source that holds one.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, the most trusted first.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `most_recent`, or a source of the records is not in `priority`.
    """
    return _decide(_read(records, columns, priority), ("trust", "day", "times", "common"))


def ohid(
    records: Records,
    priority: Sequence[str] = OHID_PRIORITY,
    *,
    replace_other: bool = True,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    The rule of OHID's CHIME tool: most frequent, then most recent, then source, then commoner in the census.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, the first wins the third tie-break.
    replace_other : bool
        Whether "any other ethnic group" (S) gives way to any other known category of the person: earlier rules
        without this inflated that group.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `first_source`.

    Notes
    -----
    The tool breaks its last tie by Census 2011; here it is Census 2021, England. The two agree on the six commonest
    categories, and differ where any other ethnic group, which grew, meets a category of its size.
    """
    order = ("times", "day", "trust", "common")
    return _decide(_read(records, columns, priority), ("named", *order) if replace_other else order)


def cvdprevent(
    records: Records,
    priority: Sequence[str] = CVDPREVENT_PRIORITY,
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    The fill of CVDPREVENT: the next source is asked only where a source has nothing known, or several at once.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, in the order in which they are asked.

    Returns
    -------
    DataFrame
        As of `most_recent`; a person whose every source holds several known categories on its latest day stays "99".

    Raises
    ------
    SchemaError
        As of `first_source`.
    """
    read = _read(records, columns, priority)
    table, most = read.table, _LARGEST["common"]
    known = table["common"] > 1
    # The commonest and the rarest category of the last day are the same where there is one.
    sources = table.group_by(["person", "trust"]).aggregate(
        up=(table["day"] * (most + 1) + table["common"]).max(where=known),
        down=(table["day"] * (most + 1) + most - table["common"]).max(where=known),
        seen=table["seen"].bit_or(),
    )
    common = sources["up"] % (most + 1)
    single = common == most - sources["down"] % (most + 1)
    people = sources.group_by("person").aggregate(
        score=(sources["trust"] * (most + 1) + common).max(where=single), seen=sources["seen"].bit_or()
    )
    return _resolved(people, read, ("trust", "common"))


@dataclass(frozen=True, slots=True)
class _Read:
    """
    Records as one row for each person, source and category, in whole numbers of which more is better.

    `trust` (in the source, its place in `sources`), `common` (place of the category in `codes`, rare ones first),
    `day` (of the last record), `times` (records), `seen` (the category as one bit).
    """

    table: ibis.Table
    sources: tuple[str, ...]
    codes: tuple[str, ...]


def _read(records: Records, columns: Mapping[str, str], priority: Sequence[str] | None = None) -> _Read:
    import ibis

    names = {role: columns.get(role, role) for role in ROLES}
    table = connect(records, text=list(names.values()))
    if absent := [name for name in names.values() if name not in table.columns]:
        raise SchemaError(
            f"The records of ethnicity have no column {absent}; they have {', '.join(table.columns)}. "
            'Say what they are called: columns={"ethnicity": "ethnos"}.'
        )
    when = table[names[RECORDED_ON]]
    day = when.nullif("").try_cast("date") if when.type().is_string() else when.cast("date")
    table = table.select(
        person=table[names[PERSON_ID]],
        origin=table[names[SOURCE]],
        code=table[names[CODE]],
        undated=day.isnull() & (when.cast("string").fill_null("") != ""),  # noqa: PD003
        # Not a true number of days, but in their order, which is all that the rules ask.
        day=((day.year() - FIRST_YEAR) * 372 + day.month() * 31 + day.day()).fill_null(0).clip(0, LAST_DAY),
    )
    found = _refuse(table, names, priority)
    sources, codes = tuple(reversed(priority)) if priority is not None else found, _codes()
    ranked = table.select(
        person=table["person"],
        trust=table["origin"].cases(*[(name, k) for k, name in enumerate(sources)], else_=0).cast("int64"),
        common=table["code"].cases(*[(name, k) for k, name in enumerate(codes)], else_=0).cast("int64"),
        day=table["day"].cast("int64"),
    )
    merged = ranked.group_by(["person", "trust", "common"]).aggregate(times=ranked.count(), day=ranked["day"].max())
    return _Read(merged.mutate(seen=ibis.literal(1, "int64") << merged["common"]), sources, codes)


def _refuse(table: ibis.Table, names: Mapping[str, str], priority: Sequence[str] | None) -> tuple[str, ...]:
    seen = table.group_by(["origin", "code"]).aggregate(
        records=table.count(),
        nobody=table["person"].isnull().sum(),  # noqa: PD003
        undated=table["undated"].sum(),
    )
    counts = seen.to_pyarrow().to_pandas()
    findings: list[Finding] = []
    if counts.empty:
        findings.append(Finding("", "there are no records", "Check the export, or the filter that made it."))
    if lacking := int(counts["nobody"].sum()):
        findings.append(Finding(names[PERSON_ID], f"missing in {lacking:,} records", "Every record is somebody's."))
    if lacking := int(counts.loc[counts["origin"].isna(), "records"].sum()):
        findings.append(Finding(names[SOURCE], f"missing in {lacking:,} records", "Say where every record is from."))
    if lacking := int(counts["undated"].sum()):
        findings.append(
            Finding(names[RECORDED_ON], f"not a date in {lacking:,} records", "Give YYYY-MM-DD or nothing.")
        )
    codes = set(scheme_codes("gdppr").index)
    if strange := sorted(set(counts["code"].dropna()) - codes) + ["(missing)"] * bool(counts["code"].isna().any()):
        remedy = "Read the column with read_ethnicity first."
        findings.append(Finding(names[CODE], "codes that are not of the scheme 'gdppr'", remedy, (), strange))
    if priority is not None:
        if unlisted := sorted(set(counts["origin"].dropna()) - set(priority)):
            remedy = f"Give each source its place in `priority`, now {list(priority)}."
            findings.append(Finding(names[SOURCE], "sources without a place", remedy, (), unlisted))
        if len(set(priority)) < len(priority):
            findings.append(Finding("", "`priority` names a source twice", "Name each once.", (), list(priority)))
    raise_findings(findings, "The records of ethnicity cannot be resolved:")
    return tuple(sorted(counts["origin"].unique()))


def _codes() -> tuple[str, ...]:
    """Not known, not stated, then the categories from the rarest to the commonest in England, Census 2021."""
    people = code_list("ethnicity_census_2021_england").set_index("code")["population"].astype(float)
    spread = crosswalk("census_2021", "gdppr").mul(people, axis=0).sum()
    spread[[NOT_KNOWN, NOT_STATED]] = [-2.0, -1.0]
    return tuple(str(code) for code in spread.sort_values(kind="stable").index)


def _decide(read: _Read, order: Sequence[str]) -> pd.DataFrame:
    """
    The category of each person that comes first in an order, and the source of its best record.

    A person's records of one category are added up (`times`); it has the day and trust of its record that comes
    first in the order. Maxima of one whole number that holds the order run several times faster than ranked rows.
    """
    table = read.table
    record = [name for name in order if name in ("day", "trust")]
    best = _score(table, record)
    merged = table.group_by(["person", "common"]).aggregate(
        times=table["times"].sum(), best=best.max(), seen=table["seen"].bit_or()
    )
    low = _LARGEST[record[1]] + 1
    codes = merged.mutate(
        **{record[0]: merged["best"] // low, record[1]: merged["best"] % low},
        named=(merged["common"] != read.codes.index(OTHER)).cast("int64"),
    )
    people = codes.group_by("person").aggregate(
        score=_score(codes, order).max(where=codes["common"] > 1), seen=codes["seen"].bit_or()
    )
    return _resolved(people, read, order)


def _score(table: ibis.Table, order: Sequence[str]) -> ibis.Value:
    """One whole number that is larger where the columns, compared one after the other, are larger."""
    score: Any = 0
    for name in order:
        score = score * (_LARGEST[name] + 1) + table[name].clip(0, _LARGEST[name])
    return score


def _resolved(people: ibis.Table, read: _Read, order: Sequence[str]) -> pd.DataFrame:
    frame: pd.DataFrame = people.to_pyarrow().to_pandas()
    known = frame["score"].notna().to_numpy()
    rest = frame["score"].fillna(0).to_numpy(dtype=np.int64)
    seen = frame["seen"].to_numpy(dtype=np.int64)
    part = {}
    for name in reversed(order):
        rest, part[name] = np.divmod(rest, _LARGEST[name] + 1)
    code = np.asarray(read.codes, dtype=object)[np.where(known, part["common"], (seen & 2) >> 1)]
    source = pd.Series(np.asarray(read.sources, dtype=object)[part["trust"]], dtype="str").where(known)
    resolved = {
        PERSON_ID: frame["person"],
        CODE: pd.Series(code, dtype="str"),
        SOURCE: source,
        "groups": np.bitwise_count(seen >> 2).astype(np.int64),
    }
    return pd.DataFrame(resolved).sort_values(PERSON_ID, ignore_index=True)
