"""What is wrong with records, how complete they are and how they drift, as counts that leave the engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bayesineq.dims import PERSON
from bayesineq.records.code_forms import SYSTEMS, form_of, occurring
from bayesineq.records.engines import collected
from bayesineq.records.ethnicity.codes import scheme_codes, spelt
from bayesineq.records.ethnicity.completeness import agreement, completeness
from bayesineq.records.normal import Records, unmapped
from bayesineq.records.places import postcode_key

if TYPE_CHECKING:
    import ibis

type Lists = Mapping[str, Mapping[str, Sequence[str]]]

COLUMNS: Final = ("table", "column", "problem", "rows", "of", "share", "remedy")
_SHOWN: Final = 10
"""Rows from which on the name of a code system that is not known is shown: that of fewer might be text of a person."""
_AT_ONCE: Final = 4_000_000
"""Rows that are compared whole with each other at once; an engine holds all of them, some 200 bytes each."""
_REMEDY: Final = {
    "unread": "Export the column anew, or state in the mapping how it is written.",
    "unmapped": "Add the code to the mapping, or leave it if it says nothing.",
    "left out": "See that this is meant.",
    "form": "State the form in the mapping, or export the column in one form.",
}


@dataclass(frozen=True, slots=True)
class Quality:
    """
    How good records are, in tables of counts.

    Parameters
    ----------
    faults : DataFrame
        One row for each fault that occurs: `table`, `column`, `problem`, `rows`, `of`, `share`, `remedy`.
    completeness : DataFrame
        One row a column of the normal form: `table`, `column`, `filled`, `of`, `share`.
    years : DataFrame
        Drift: `table`, `source`, `year`, `rows`.
    ethnicity : DataFrame
        Records of ethnicity by source: `source`, `records`, `detailed` (16 groups or more), `broad` (5 groups),
        `unknown`, `strange` (codes that no scheme has).
    known : DataFrame
        Persons whose detailed ethnicity is known, by source and in all together, as of `completeness`: `source`,
        `people`, `known`, `share`.
    agreement : DataFrame
        Persons known to two sources, as of `agreement`: `first`, `second`, `people`, `agree`, `share`.
    notes : tuple of str
        Each fault in a sentence.
    effect : DataFrame, optional
        What filling in ethnicity does to each headline, as of `imputed_effect`; a cohort tells it, records alone do
        not.
    """

    faults: pd.DataFrame
    completeness: pd.DataFrame
    years: pd.DataFrame
    ethnicity: pd.DataFrame
    known: pd.DataFrame
    agreement: pd.DataFrame
    notes: tuple[str, ...]
    effect: pd.DataFrame | None = None

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name: counts as they are, which a report covers before it shows them."""
        held = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "notes"}
        return {name: table for name, table in held.items() if table is not None}


def quality(
    records: Records, *, index: dt.date | None = None, lists: Lists | None = None, today: dt.date | None = None
) -> Quality:
    """
    Count everything that is wrong with records, at once, where they are.

    Parameters
    ----------
    records : Records
        The records.
    index : date, optional
        Day by which everybody should be born.
    lists : Mapping of str to Mapping, optional
        Code lists by name, each as of `CodeList.by_system`: code systems that no list uses are named, and lists none
        of whose codes occurs, with the forms of the codes that were seen.
    today : date, optional
        Days after it are in the future; the day of the call by default.

    Returns
    -------
    Quality
        Tables of counts; no row of a person, and no text of one.

    Examples
    --------
    >>> from bayesineq.records.normal import read_normal
    >>> persons = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1950-03-01", "2980-01-01"], "sex": ["female"] * 2})
    >>> events = pd.DataFrame({"person": ["p1", "p9"], "date": ["1949-01-01", "2020-01-01"], "code": ["E11", "E11"]})
    >>> found = quality(read_normal({"persons": persons, "events": events}))
    >>> found.faults.loc[found.faults["column"] != "system", ["table", "problem", "rows"]].to_numpy().tolist()
    [['persons', 'in the future', 1], ['events', 'of nobody in persons', 1], ['events', 'before birth', 1]]
    """
    now = today or dt.date.today()
    rows = [*_persons(records, index, now)]
    rows += [row for name in _DAY for row in _dated(records, name, now)]
    rows += [*_overlaps(records), *_again(records), *_listed(records, lists or {}), *_as_read(records)]
    faults = pd.DataFrame(
        [row for row in rows if row[3]], columns=["table", "column", "problem", "rows", "of", "remedy"]
    )
    faults = faults.assign(share=faults["rows"] / faults["of"].clip(lower=1))[list(COLUMNS)]
    said = tuple(
        f"{r['table']}, {r['column']}: {r['problem']} in {r['rows']:,} of {r['of']:,} rows ({r['share']:.1%}). "
        f"{r['remedy']}"
        for r in faults.to_dict(orient="records")
    )
    return Quality(faults, _completeness(records), _years(records), *_ethnicity(records), said)


type _Row = tuple[str, str, str, int, int, str]


def _counted(records: Records, table: ibis.Table, checks: Mapping[str, Any]) -> tuple[dict[str, int], int]:
    """How many rows of a table hold each, in one pass."""
    sums = {f"n{k}": holds.fill_null(False).cast("int64").sum() for k, holds in enumerate(checks.values())}
    row = collected(table.aggregate(of=table.count(), **sums), records.origin).iloc[0]
    of = int(row["of"])
    return {name: int(row[f"n{k}"]) if of else 0 for k, name in enumerate(checks)}, of


def _persons(records: Records, index: dt.date | None, now: dt.date) -> list[_Row]:
    p = records.persons
    checks: dict[tuple[str, str, str], Any] = {
        ("birth", "missing", "Complete it: without it there is no age."): p["birth"].isnull(),  # noqa: PD003
        ("birth", "in the future", "Correct it in the source."): p["birth"] > now,
        ("death", "in the future", "Correct it in the source."): p["death"] > now,
        ("death", "before birth", "Correct whichever is wrong."): p["death"] < p["birth"],
        ("registered_to", "before registered_from", "Correct whichever is wrong."):
            p["registered_to"] < p["registered_from"],
    }  # fmt: skip
    if index is not None:
        checks["birth", f"after the index date {index}", "Nobody can enter before birth; they are left out."] = (
            p["birth"] > index
        )
    keys = {"; ".join(key): key for key in checks}
    counts, of = _counted(records, p, {name: checks[key] for name, key in keys.items()})
    return [("persons", key[0], key[1], counts[name], of, key[2]) for name, key in keys.items()]


_DAY: Final = {
    "events": "date", "spells": "start", "registration_periods": "start", "addresses": "start",
    "ethnicity_records": "recorded_on",
}  # fmt: skip
"""The day of each table of facts; a stay, a registration or an address has an end as well."""


def _dated(records: Records, name: str, now: dt.date) -> list[_Row]:
    """Faults of facts, against the births and deaths of their persons."""
    table, day = getattr(records, name), _DAY[name]
    who = "person_id" if name == "ethnicity_records" else PERSON
    of = records.persons.select(_person=PERSON, _birth="birth", _death="death")
    t = table.left_join(of, table[who] == of["_person"])
    correct = "Correct the day, or the birth or death of these persons."
    checks: dict[tuple[str, str, str], Any] = {
        (who, "of nobody in persons", "Give everybody a row in persons, or leave these rows out."):
            t["_person"].isnull(),  # noqa: PD003
        (day, "in the future", "Correct it in the source."): t[day] > now,
        (day, "before birth", correct): t[day] < t["_birth"],
        (day, "after death", correct): t[day] > t["_death"],
    }  # fmt: skip
    if name in ("events", "spells"):
        checks[day, "missing", "Complete it: a fact without a day is never counted."] = t[day].isnull()  # noqa: PD003
    if name == "events":
        checks["code", "missing", "Export the codes: a fact without one is never counted."] = t["code"].isnull()  # noqa: PD003
        checks["system", "missing", "State the code system in the mapping."] = t["system"].isnull()  # noqa: PD003
    elif name != "ethnicity_records":
        checks["end", "before the start", "Correct whichever is wrong."] = t["end"] < t["start"]
    keys = {"; ".join(key): key for key in checks}
    counts, rows = _counted(records, t, {label: checks[key] for label, key in keys.items()})
    return [(name, key[0], key[1], counts[label], rows, key[2]) for label, key in keys.items()]


def _overlaps(records: Records) -> list[_Row]:
    """Registrations that overlap, and persons in two areas on one day."""
    import ibis

    always, never = ibis.date("0001-01-01"), ibis.date("9999-12-31")
    r = records.registration_periods
    r = r.select(PERSON, start=r["start"].fill_null(always), end=r["end"].fill_null(never))
    before = ibis.window(group_by=PERSON, order_by=["start", "end"], preceding=(None, 1))
    r = r.mutate(_last=r["end"].max().over(before))
    overlap, of_r = _counted(records, r, {"n": r["start"] <= r["_last"]})
    a = records.addresses
    place = ibis.coalesce(a["area"], postcode_key(a["postcode"]).nullif(""))
    a = a.select(PERSON, start=a["start"].fill_null(always), end=a["end"], place=place)
    of_a = int(collected(a.aggregate(of=a.count()), records.origin)["of"].iloc[0])
    # A move ends an address that has no end of its own, so that it is sure of its first day alone.
    a = a.mutate(end=a["end"].fill_null(a["start"])).filter(a["place"].notnull()).distinct()  # noqa: PD004
    movers = a.group_by(PERSON).aggregate(places=a["place"].nunique())
    a = a.semi_join(movers.filter(movers["places"] > 1), PERSON)
    other = a.view()
    earlier = (other["start"] < a["start"]) | ((other["start"] == a["start"]) & (other["place"] < a["place"]))
    met = a.semi_join(
        other, [a[PERSON] == other[PERSON], a["place"] != other["place"], other["end"] >= a["start"], earlier]
    )
    two = int(collected(met.aggregate(n=met.count()), records.origin)["n"].iloc[0])
    return [
        ("registration_periods", "start", "overlaps an earlier registration of the same person", overlap["n"], of_r,
         "Days in both are counted once; see which practice is right."),
        ("addresses", "area", "in two places on one day", two, of_a,
         "The one begun last counts; see which address is right."),
    ]  # fmt: skip


def _again(records: Records) -> list[_Row]:
    """Facts and contacts that stand several times, equal in every column."""
    found: list[_Row] = []
    for name in ("events", "spells"):
        table = getattr(records, name)
        rows = int(collected(table.aggregate(n=table.count()), records.origin)["n"].iloc[0])
        parts = -(-rows // _AT_ONCE)
        once = 0
        for k in range(parts):
            # Rows that are the same are of one person: an engine that holds a part of the persons sees all of theirs.
            part = table.filter((table[PERSON].hash() % parts).abs() == k) if parts > 1 else table
            each = part.distinct()
            once += int(collected(each.aggregate(n=each.count()), records.origin)["n"].iloc[0])
        found.append((name, PERSON, "the same as another row in every column", rows - once, rows,
                      "Contacts count as often as they stand: keep one row of each."))  # fmt: skip
    return found


def _listed(records: Records, lists: Lists) -> list[_Row]:
    """Code systems that no list uses, and lists none of whose codes occurs."""
    if not lists:
        return []
    events = records.events
    seen = collected(events.group_by(["system", "code"]).aggregate(rows=events.count()), records.origin)
    total, used = int(seen["rows"].sum()), {system for one in lists.values() for system in one}
    found: list[_Row] = []
    for system, part in seen[seen["system"].notna()].groupby("system"):
        rows = int(part["rows"].sum())
        if system not in used:
            told = str(system) if system in SYSTEMS or rows >= _SHOWN else f"written {form_of(str(system))}"
            found.append(("events", "system", f"{told}, a code system that no list uses", rows, total,
                          "Give a list in it, or see that this is meant."))  # fmt: skip
    seen = seen[seen["code"].notna()]
    known = (
        seen["system"]
        .where(seen["system"].isin(list(SYSTEMS)), "another system")
        .where(seen["system"].notna(), "no system")
    )
    shown = seen.assign(form=seen["code"].map(form_of) + " of " + known)
    common = shown.groupby("form")["rows"].sum().sort_values(ascending=False, kind="stable").head(5)
    told = ", ".join(map(str, common.index)) or "no codes"
    for name, one in lists.items():
        if occurring(seen, one).empty:
            asked = ", ".join(f"{form_of(str(codes[0]))} of {system}" for system, codes in one.items() if len(codes))
            said = f"none of the codes of the list {name!r} occurs; it has {asked}, and the records have {told}"
            found.append(("events", "code", said, total, total, "Give the list in the system and form of the records."))
    return found


def _as_read(records: Records) -> list[_Row]:
    """What could not be read or mapped, and columns that are written in several forms."""
    noted = unmapped(records)
    found: list[_Row] = [
        (str(r["table"]), str(r["column"]), str(r["said"]), int(r["rows"]), int(r["of"]), _REMEDY[str(r["kind"])])
        for r in noted[noted["kind"].isin(["unread", "unmapped", "left out"])].to_dict(orient="records")
    ]
    for (table, column), part in noted[noted["kind"] == "form"].groupby(["table", "column"]):
        forms = part.groupby("said")["rows"].sum().sort_values(ascending=False)
        of = int(part.drop_duplicates("of")["of"].sum())
        for said, rows in forms.iloc[1:].items():
            told = f"written as {said}, and most as {forms.index[0]}"
            found.append((str(table), str(column), told, int(rows), of, _REMEDY["form"]))
    return found


_MEASURED: Final = {
    "persons": ("birth", "sex", "area", "postcode", "practice", "registered_from"),
    "events": ("date", "system", "code", "value"),
    "spells": ("start", "end", "kind", "provider", "outcome", "cost"),
}


def _completeness(records: Records) -> pd.DataFrame:
    rows = []
    for name, columns in _MEASURED.items():
        table = getattr(records, name)
        there = {c: table[c].notnull() for c in columns}  # noqa: PD004
        if name == "persons":
            there["sex"] = table["sex"] != "unknown"
        counts, of = _counted(records, table, there)
        rows += [(name, column, counts[column], of) for column in columns]
    table = pd.DataFrame(rows, columns=["table", "column", "filled", "of"])
    return table.assign(share=table["filled"] / table["of"].clip(lower=1))


def _years(records: Records) -> pd.DataFrame:
    parts = []
    for name, day in (("events", "date"), ("spells", "start")):
        table = getattr(records, name)
        dated = table.filter(table[day].notnull()).mutate(year=lambda t, day=day: t[day].year())  # noqa: PD004
        counts = collected(dated.group_by(["source", "year"]).aggregate(rows=dated.count()), records.origin)
        parts.append(counts.assign(table=name))
    table = pd.concat(parts, ignore_index=True)[["table", "source", "year", "rows"]]
    return table.sort_values(["table", "source", "year"], ignore_index=True)


def _ethnicity(records: Records) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Records of ethnicity by source, how detailed they are, how many people are known, and whether sources agree."""
    table = records.ethnicity_records
    counts = collected(table.group_by(["source", "ethnicity"]).aggregate(rows=table.count()), records.origin)
    given = list(counts["ethnicity"].unique())
    codes, broad = (dict(zip(given, spelt(given, scheme), strict=True)) for scheme in ("gdppr", "broad"))
    known = scheme_codes("gdppr")["known"]

    def _kind(text: object) -> str:
        if codes[text] is None:
            return "broad" if broad[text] else "strange"
        return "detailed" if known[codes[text]] else "unknown"

    kinds = ["detailed", "broad", "unknown", "strange"]
    wide = counts.assign(kind=counts["ethnicity"].map(_kind)).pivot_table(
        index="source", columns="kind", values="rows", aggfunc="sum", fill_value=0
    )
    wide = wide.reindex(columns=kinds, fill_value=0).astype("int64").rename_axis(columns=None)
    wide.insert(0, "records", wide.sum(axis=1))
    # Codes that no scheme has, and records of nobody, are counted as faults; here they say nothing.
    read = {str(text): str(code) for text, code in codes.items() if isinstance(text, str) and code is not None}
    everybody = records.persons.select(person_id=PERSON)
    one = table.filter(table["source"].notnull() & table["ethnicity"].isin(list(read)))  # noqa: PD004
    one = one.mutate(ethnicity=one["ethnicity"].cases(*read.items(), else_=None) if read else one["ethnicity"])
    one = one.filter(one["person_id"].isin(everybody["person_id"]))
    if not int(collected(one.aggregate(rows=one.count()), records.origin)["rows"].iloc[0]):
        nobody = pd.DataFrame(columns=["source", "people", "known", "share"])
        return wide.reset_index(), nobody, pd.DataFrame(columns=["first", "second", "people", "agree", "share"])
    return wide.reset_index(), completeness(one, everybody), agreement(one, everybody)
