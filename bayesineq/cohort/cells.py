"""Cells of a cohort in the shape of a model's table: people, events and person-years by place, group, age and sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bayesineq.cohort.card import Count, Requirement
from bayesineq.cohort.contacts import FROM_CONTACTS
from bayesineq.cohort.members import Cohort
from bayesineq.cohort.placed import YEAR, placed, placed_members
from bayesineq.cohort.read_cohort import counted_columns
from bayesineq.cohort.requirements import with_requirements
from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, PERSON, QUINTILE, SEX
from bayesineq.errors import SchemaError
from bayesineq.records.calendar import DAYS_A_YEAR, age_at, month_number
from bayesineq.records.engines import collected
from bayesineq.records.person_time import DAYS, EVENTS, days_at_risk, lexis
from bayesineq.records.places import GROUP, MISSING, NOT_LISTED
from bayesineq.records.tabulate import age_bands
from bayesineq.tables.check import check
from bayesineq.tables.schema import read_schema

if TYPE_CHECKING:
    import ibis

DIMS: Final = (AREA, DECILE, ETHNICITY, AGE, SEX, YEAR)
"""What cells of people can stand on."""
_WHY: Final[Mapping[str, str]] = {
    DECILE: "an area whose deprivation is not known",
    AGE: "younger than the first band",
}
_NOT_PLACED: Final[Mapping[str, str]] = {
    MISSING: "no area on the day",
    NOT_LISTED: "a postcode that no look-up given places",
}


@dataclass(frozen=True, slots=True)
class Cells:
    """
    A table of cells, and what is not in it.

    Parameters
    ----------
    table : DataFrame
        The cells, as the schema wants them; counts of any size, small ones too.
    left_out : DataFrame
        One row a column and reason: `table`, `column`, `why`, `number` of people, events or person-years.
    notes : tuple of str
        What a reader of the table must know.
    """

    table: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()


def cohort_cells(cohort: Cohort, table: str, *, counts: Mapping[str, Count] | None = None) -> Cells:
    """
    Count a cohort into the cells of a table.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    table : str
        Name of the table's schema, such as "area_counts" for the card `prevalence`.
    counts : Mapping of str to Count, optional
        How its columns are counted, in place of what the cohort's card says.

    Returns
    -------
    Cells
        The table, checked against its schema, and what is left out of it and why.

    Raises
    ------
    SchemaError
        Nothing says how a column is counted, the table stands on what is not known of people, or nobody is in it.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> cells = cohort_cells(cohort_example(), "area_counts")
    >>> cells.table[["cases", "population"]].sum().to_dict()
    {'cases': 3, 'population': 5}
    """
    if table in FROM_CONTACTS:
        return _from_contacts(cohort, table)
    by = list(read_schema(table).primary_key)
    ways, wanted = {**cohort.card.counts, **(counts or {})}, counted_columns(table)
    wrong = [f"nothing says how {column!r} is counted" for column in wanted if column not in ways]
    wrong += [f"it stands on {name!r}, which is not known of people" for name in by if name not in DIMS]
    if wrong:
        raise SchemaError(
            f"The cohort {cohort.card.name!r} cannot fill the table {table!r}: {'; '.join(wrong)}. Columns are counted "
            f"by [cells.counts] of its card; cells stand on {', '.join(DIMS)}."
        )
    chosen = {column: ways[column] for column in wanted}
    parts = [*_of_people(cohort, by, chosen), *_of_members(cohort, by, chosen)]
    whole = pd.concat([collected(part, cohort.records.origin) for part in parts], ignore_index=True)
    whole[wanted] = whole.reindex(columns=wanted).fillna(0)
    cells, left_out = _summed(cohort, table, by, whole)
    cells = _nobody_followed(cells, table, chosen)
    return Cells(check(cells, table), left_out)


class _Empty(SchemaError):
    """A table of which no cell is left."""


def cells_of_card(cohort: Cohort) -> tuple[dict[str, Cells], tuple[str, ...]]:
    """
    Cells of the tables that a cohort's card names, as far as the records fill them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.

    Returns
    -------
    dict of str to Cells
        Each table by its name; one that would be empty is left out.
    tuple of str
        What was left out, and why.

    Raises
    ------
    SchemaError
        All tables would be empty; or as of `cohort_cells`.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> filled, left_out = cells_of_card(cohort_example())
    >>> list(filled), left_out
    (['area_counts', 'access_counts', 'outcome_counts'], ())
    """
    filled, left_out = {}, []
    for table in cohort.card.tables:
        try:
            filled[table] = cohort_cells(cohort, table)
        except _Empty as empty:
            left_out.append(str(empty))
    if not filled:
        raise SchemaError("\n".join(left_out))
    return filled, tuple(left_out)


def _from_contacts(cohort: Cohort, table: str) -> Cells:
    """Cells of appointments, waits or discharges; and stays, a row each, since nights of one cell do not add up."""
    schema = read_schema(table)
    stated = FROM_CONTACTS[table](cohort, placed_members(cohort, list(schema.primary_key)))
    whole, by = collected(stated.rows, cohort.records.origin), list(stated.by)
    if set(by) == set(schema.primary_key):
        cells, left_out = _summed(cohort, table, by, whole)
        return Cells(check(cells, table), left_out, stated.notes)
    known = whole[by].notna().all(axis=1)
    left_out = _left_out(whole[~known].assign(stay=1), table, by, ["stay"])
    if not known.any():
        why = _said(left_out, ["stay"])
        raise _Empty(f"The table {table!r} of the cohort {cohort.card.name!r} is empty: {why}.")
    # In an order that is that of nobody: rows that are alike are one like the other.
    rows = whole.loc[known, [f.name for f in schema.fields if f.name in whole]].sort_values([*by, "died", "nights"])
    rows = rows.astype({"nights": "Int64", "died": "int64"}).reset_index(drop=True)
    return Cells(check(rows.assign(stay=rows.index.astype(str)), table), left_out, stated.notes)


def _summed(cohort: Cohort, table: str, by: list[str], whole: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sums of each cell that is known, and what has none."""
    wanted = counted_columns(table)
    known = whole[by].notna().all(axis=1)
    whole[GROUP] = whole[GROUP].replace(_NOT_PLACED)
    left_out = _left_out(whole[~known], table, by, wanted)
    types = {
        f.name: "float64" if f.type == "number" else "int64" for f in read_schema(table).fields if f.name in wanted
    }
    cells = whole[known].groupby(by, as_index=False, sort=True)[wanted].sum().astype(types)
    cells = cells[(cells[wanted] != 0).any(axis=1)]
    if cells.empty:
        why = f"{_said(left_out, wanted)}. {_remedy(left_out)}"
        raise _Empty(f"The table {table!r} of the cohort {cohort.card.name!r} is empty: {why}")
    return cells.reset_index(drop=True), left_out


def cohort_people(cohort: Cohort, day: date) -> ibis.Table:
    """
    People observed on a day with what they are compared by: an expression, not yet computed.

    Parameters
    ----------
    cohort : Cohort
        The cohort: its ages, sexes and bands; whether somebody is a member of it does not matter.
    day : date
        The day.

    Returns
    -------
    ibis.Table
        `person`, `age_band`, `sex`, `imd_decile`, `imd_quintile`, `ethnicity`; what is not known of somebody is
        missing, ethnicity "99".

    Examples
    --------
    >>> from datetime import date
    >>> from bayesineq.examples import cohort_example
    >>> cohort_people(cohort_example(), date(2020, 12, 31)).columns[-3:]
    ('imd_decile', 'imd_quintile', 'ethnicity')
    """
    by = [AGE, SEX, DECILE, ETHNICITY]
    there = _there(cohort, day)
    homes = placed(cohort, there, by, there["index"])
    fifth = ((homes[DECILE] + 1) / 2).floor().cast("int64")
    return homes.select(PERSON, AGE, SEX, DECILE, **{QUINTILE: fifth, ETHNICITY: homes[ETHNICITY]})


def _nobody_followed(cells: pd.DataFrame, table: str, counts: Mapping[str, Count]) -> pd.DataFrame:
    """Events and time of cells in which nobody was followed are missing, where the schema lets them."""
    may_lack = {f.name for f in read_schema(table).fields if not f.constraints.get("required")}
    for time, of in counts.items():
        if of.what == "time" and time in may_lack:
            events = [c for c, other in counts.items() if other.outcome == of.outcome and c != time and c in may_lack]
            never = cells[time] == 0
            missing = {name: cells[name].astype("Int64").mask(never) for name in events}
            cells = cells.assign(**{time: cells[time].mask(never), **missing})
    return cells


def _remedy(left_out: pd.DataFrame) -> str:
    """What to do about a table in which nobody is left."""
    if (left_out["why"] == _WHY[DECILE]).any():
        return f"Give deciles of the areas where people live: `deprivation`, with {AREA} and {DECILE}."
    if left_out["why"].isin(list(_NOT_PLACED.values())).any():
        return (
            f"Say where people live: a table addresses ({PERSON}, {AREA} or postcode, start, end), which a mapping "
            "fills by its block [[addresses]]; with postcodes alone, give a look-up of them too: `postcodes`."
        )
    return "Do the records hold them, are people registered, and is the study in the years of the records?"


def _said(left_out: pd.DataFrame, wanted: Sequence[str]) -> str:
    rows = [f"{row.number:g} {row.column} have {row.why}" for row in left_out.itertuples()]
    return "; ".join(rows) or f"nobody has any {' or '.join(wanted)}"


def _left_out(lost: pd.DataFrame, table: str, by: Sequence[str], wanted: Sequence[str]) -> pd.DataFrame:
    """Sums of what has no cell, by the first column that is not known."""
    rows = []
    for k, name in enumerate(by):
        first = lost[lost[name].isna() & lost[list(by[:k])].notna().all(axis=1)]
        reasons = first[GROUP] if name == AREA else pd.Series(_WHY.get(name, f"no {name} known"), index=first.index)
        sums = first[list(wanted)].astype("float64").groupby(reasons).sum()
        rows += [(table, column, why, n) for column in wanted for why, n in sums[column].items() if n]
    return pd.DataFrame(rows, columns=["table", "column", "why", "number"])


def day_of_count(count: Count, study: tuple[date, date]) -> date:
    """The day on which people are counted."""
    if isinstance(count.on, date):
        return count.on
    return study[1] if count.on == "study end" else study[0]


def _of_people(cohort: Cohort, by: Sequence[str], counts: Mapping[str, Count]) -> list[ibis.Table]:
    """People on a day, and those of them in the cohort: one table of sums for each day."""
    static = {column: of for column, of in counts.items() if of.what in ("people", "cohort")}
    parts = []
    for day in sorted({day_of_count(of, cohort.study) for of in static.values()}):
        mine = {column: of for column, of in static.items() if day_of_count(of, cohort.study) == day}
        people = _there(cohort, day)
        asked = [Requirement(of.event, within=of.within) for of in mine.values() if of.event]
        people = with_requirements(people, cohort.facts, asked)
        met, sums = 0, {}
        homes = placed(cohort, people, by, people["index"])
        for column, of in mine.items():
            value: Any = homes["member"] if of.what == "cohort" else homes["one"]
            if of.event:
                value, met = value * homes[f"met_{met}"], met + 1
            sums[column] = value.sum()
        parts.append(homes.group_by([*by, GROUP]).aggregate(**sums))
    return parts


def _there(cohort: Cohort, day: date) -> ibis.Table:
    """People observed on a day, of the age and sex of the cohort: `index` is the day, `member` 1 of who is in it."""
    import ibis

    entry, number = cohort.card.entry, day.toordinal()
    observed = cohort.observed
    here = observed.filter((observed["opens"] <= number) & (observed["closes"] >= number)).select(PERSON)
    persons = cohort.records.persons
    kept = [PERSON, "birth", SEX, *([DECILE] if DECILE in persons.columns else [])]
    people = here.join(persons.select(*kept), PERSON).mutate(index=ibis.literal(number, "int64"))
    if entry.age is not None:
        people = people.filter(age_at(people["birth"], people["index"]).between(*entry.age))
    if entry.sex:
        people = people.filter(people[SEX].isin(entry.sex))
    members = cohort.members.filter(cohort.members["index"] <= number).select(PERSON, member=ibis.literal(1, "int64"))
    people = people.left_join(members, PERSON).select(*people.columns, "member")
    return people.mutate(member=people["member"].fill_null(0), one=ibis.literal(1, "int64"))


def _of_members(cohort: Cohort, by: Sequence[str], counts: Mapping[str, Count]) -> list[ibis.Table]:
    """Facts, events and time of members in their follow-up."""
    facts = {column: of for column, of in counts.items() if of.what == "events"}
    names = sorted({str(of.outcome) for of in counts.values() if of.outcome is not None})
    if not facts and not names:
        return []
    members = placed_members(cohort, by)
    parts = [_facts(cohort, members, by, facts)] if facts else []
    for name in names:
        parts.append(_at_risk(cohort, members, by, name, counts))
    return parts


def _facts(cohort: Cohort, members: ibis.Table, by: Sequence[str], counts: Mapping[str, Count]) -> ibis.Table:
    wanted = sorted({name for of in counts.values() for name in of.event})
    near = cohort.facts.of(wanted).select(PERSON, "fact", "began").join(members, PERSON)
    near = near.filter((near["began"] >= near["begin"]) & (near["began"] <= near["until"]))
    if AGE in by:
        near = near.mutate(_age=age_at(near["birth"], near["began"]))
        near = near.mutate(**{AGE: age_bands(near["_age"], cohort.card.bands)})
    if YEAR in by:
        near = near.mutate(**{YEAR: month_number(near["began"]) // 12})
    sums = {
        column: near["fact"].isin([cohort.facts.names.index(name) for name in of.event]).cast("int64").sum()
        for column, of in counts.items()
    }
    return near.group_by([*by, GROUP]).aggregate(**sums)


def _at_risk(
    cohort: Cohort, members: ibis.Table, by: Sequence[str], name: str, counts: Mapping[str, Count]
) -> ibis.Table:
    outcome = cohort.card.outcomes[name]
    dims = [dim for dim in by if dim not in (AGE, YEAR)]
    stretches = members.select(PERSON, "birth", *dims, GROUP, opens=members["begin"], closes=members["until"])
    happened = cohort.facts.of(outcome.event).select(PERSON, "began", "ended")
    pieces = lexis(
        days_at_risk(stretches, happened, outcome.rule),
        bands=cohort.card.bands if AGE in by else None,
        event_day=outcome.rule.event_day,
    )
    sums = {
        column: pieces[EVENTS].sum() if of.what == "outcome" else pieces[DAYS].sum() / DAYS_A_YEAR
        for column, of in counts.items()
        if of.outcome == name
    }
    return pieces.group_by([*by, GROUP]).aggregate(**sums)
