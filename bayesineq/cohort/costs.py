"""What care costs by segment and deprivation, counted where the records are: their own costs, else national ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayesineq.cohort.morbidity import segment_people
from bayesineq.cohort.observed import lived_in
from bayesineq.cohort.rules import Rules
from bayesineq.cohort.strata import strata_of
from bayesineq.dims import AREA, DECILE, PERSON
from bayesineq.errors import CardError, SchemaError
from bayesineq.records.calendar import day_number
from bayesineq.records.engines import collected
from bayesineq.shipped import card_of, card_path, card_text

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records

DIED: Final = "died"
_SHIPPED: Final = ("models/unit_costs",)
_WHAT: Final = "file of unit costs"
_KEYS: Final = {"name", "pounds", "per", "kinds", "sources"}


@dataclass(frozen=True, slots=True)
class UnitCost:
    """
    What one contact or day costs.

    Parameters
    ----------
    name : str
        Its name.
    pounds : float
        Pounds.
    per : {"contact", "day"}
        Of a contact, or of each day of it, one at least.
    kinds, sources : tuple of str
        Kinds and sources of spells that it is of; without kinds of none, without sources of all.
    """

    name: str
    pounds: float
    per: str
    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentCosts:
    """
    Costs of a year by segment.

    Parameters
    ----------
    table : DataFrame
        A row a segment and decile: `segment`, `imd_decile`, `people`, `users` (whom anything was spent on), `cost`
        (pounds in all), `mean` (a person) and `standard_error` of the mean.
    transitions : DataFrame
        A row each segment at the beginning and at the end, or "died": `segment`, `later`, `people`.
    uncosted : DataFrame
        Contacts without a cost of their own or a unit cost, which are in no sum: `kind`, `source`, `contacts`.
    """

    table: pd.DataFrame
    transitions: pd.DataFrame
    uncosted: pd.DataFrame


def read_unit_costs(card: str | Path = "england_2024") -> tuple[UnitCost, ...]:
    """
    Read unit costs.

    Parameters
    ----------
    card : str or Path
        Name of a shipped file, or path of a `.toml` file.

    Returns
    -------
    tuple of UnitCost
        In the order in which they are tried.

    Raises
    ------
    CardError
        If there is no such file, or a line lacks a name, has pounds below zero, or an unknown key: all at once.

    Examples
    --------
    >>> {cost.name: cost.pounds for cost in read_unit_costs()}["community_contact"]
    84.0
    """
    path = card_path(card, _SHIPPED, _WHAT, CardError)
    lines = card_of(card_text(path, _WHAT, CardError), path.name, _WHAT, CardError).get("cost", [])
    wrong, found = [], []
    for k, line in enumerate(lines, 1):
        pounds, per = line.get("pounds"), line.get("per")
        wrong += [f"cost {k}: unknown key {key!r}" for key in sorted(set(line) - _KEYS)]
        if not isinstance(line.get("name"), str) or per not in ("contact", "day"):
            wrong.append(f'cost {k}: needs a name, and per = "contact" or "day"')
        elif isinstance(pounds, bool) or not isinstance(pounds, (int, float)) or not 0 <= pounds < np.inf:
            wrong.append(f"cost {k}: pounds is {pounds!r}; give a number, 0 or more")
        else:
            of = (tuple(line.get("kinds", ())), tuple(line.get("sources", ())))
            found.append(UnitCost(line["name"], float(pounds), per, *of))
    if wrong or not found:
        raise CardError(f"unit costs {path.name!r}: {'; '.join(wrong) or 'no [[cost]] in it'}")
    return tuple(found)


def segment_costs(
    records: Records,
    rules: Rules,
    year: tuple[date, date],
    *,
    costs: tuple[UnitCost, ...] | None = None,
    deprivation: pd.DataFrame | None = None,
) -> SegmentCosts:
    """
    Costs of a year by segment and deprivation, and who moved from segment to segment in it.

    Parameters
    ----------
    records : Records
        The records.
    rules : Rules
        A segmentation, as `read_rules` gives it.
    year : (date, date)
        First and last day. People stand in the segment and place of the first; contacts are those that begin by the
        last.
    costs : tuple of UnitCost, optional
        For contacts whose own cost is missing; by default national ones.
    deprivation : DataFrame, optional
        `area`, `imd_decile`; without it the column of persons.

    Returns
    -------
    SegmentCosts
        Sums; no row of a person leaves the engine.

    Raises
    ------
    SchemaError
        The year ends before it begins, or a contact has a cost below zero.

    Examples
    --------
    >>> from bayesineq.cohort import read_rules
    >>> from bayesineq.records import read_normal
    >>> persons = pd.DataFrame({"person": ["p1"], "birth": ["1950-03-01"], "imd_decile": [2]})
    >>> spells = pd.DataFrame({"person": ["p1"], "start": ["2023-05-01"], "kind": ["community"]})
    >>> records = read_normal({"persons": persons, "spells": spells})
    >>> year = (date(2023, 1, 1), date(2023, 12, 31))
    >>> segment_costs(records, read_rules("bridges_to_health"), year).table[["segment", "people", "cost"]]
       segment  people  cost
    0  healthy       1  84.0
    """
    import ibis

    first, last = year
    if last < first:
        raise SchemaError(f"The year from {first} to {last} ends before it begins. Give the first day first.")
    opens, closes = first.toordinal(), last.toordinal()
    persons = records.persons
    dies = day_number(persons["death"])
    alive = persons.filter((day_number(persons["birth"]) <= opens) & (dies.isnull() | (dies >= opens)))  # noqa: PD003
    own = [DECILE] if DECILE in persons.columns else []
    people = alive.select(PERSON, *own, _dies=day_number(alive["death"]), index=ibis.literal(opens, "int64"))
    now = segment_people(records, rules, first)
    people = people.join(now, PERSON).select(*people.columns, "segment")
    homes = lived_in(records, people.select(PERSON, "index"), "index")
    people = people.left_join(homes, PERSON).select(*people.columns, AREA)
    people = strata_of(records, deprivation).of(people)
    spent, uncosted = _spent(records, opens, closes, read_unit_costs() if costs is None else costs)
    names = list(people.columns)
    people = people.left_join(spent, PERSON).select(*names, "pounds")
    people = people.mutate(pounds=people["pounds"].fill_null(0.0))
    sums = people.group_by(["segment", DECILE]).aggregate(
        people=people.count(),
        users=(people["pounds"] > 0).cast("int64").sum(),
        cost=people["pounds"].sum(),
        squares=(people["pounds"] * people["pounds"]).sum(),
    )
    later = segment_people(records, rules, last).select(PERSON, later="segment")
    moved = people.left_join(later, PERSON).select("segment", "_dies", "later")
    gone = (moved["_dies"] <= closes).fill_null(False)
    moved = moved.mutate(later=gone.ifelse(DIED, moved["later"]))
    counted = moved.group_by(["segment", "later"]).aggregate(people=moved.count())
    table = collected(sums, records.origin).sort_values(["segment", DECILE], ignore_index=True)
    pairs = collected(counted, records.origin).sort_values(["segment", "later"], ignore_index=True)
    return SegmentCosts(_with_means(table), pairs, uncosted)


def _spent(records: Records, opens: int, closes: int, costs: tuple[UnitCost, ...]) -> tuple[ibis.Table, pd.DataFrame]:
    """Pounds of each person between two days, and the contacts that nothing costs."""
    import ibis

    spells = records.spells.mutate(began=day_number(records.spells["start"]), ended=day_number(records.spells["end"]))
    spells = spells.filter((spells["began"] >= opens) & (spells["began"] <= closes))
    below = (spells["cost"] < 0).fill_null(False).cast("int64").sum()
    if number := int(collected(spells.aggregate(n=below), records.origin)["n"].fillna(0).iloc[0]):
        raise SchemaError(f"{number:,} contacts have a cost below zero: correct them, or leave the cost out")
    days = ibis.greatest(spells["ended"].coalesce(spells["began"]) - spells["began"], ibis.literal(1, "int64"))
    branches = []
    for cost in costs:
        if cost.kinds:
            fits = spells["kind"].isin(cost.kinds)
            fits = fits & spells["source"].isin(cost.sources) if cost.sources else fits
            each = ibis.literal(cost.pounds)
            branches.append((fits.fill_null(False), each * days if cost.per == "day" else each))
    unit = ibis.cases(*branches, else_=None) if branches else ibis.null("float64")
    # Nobody came to what was cancelled.
    came = ~spells["outcome"].isin(["cancelled by patient", "cancelled by provider", "cancelled"]).fill_null(False)
    spells = spells.mutate(pounds=spells["cost"].cast("float64").coalesce(unit)).filter(came)
    without = spells.filter(spells["pounds"].isnull())  # noqa: PD003
    counted = without.group_by(["kind", "source"]).aggregate(contacts=without.count())
    spent = spells.group_by(PERSON).aggregate(pounds=spells["pounds"].sum())
    return spent, collected(counted, records.origin).sort_values(["kind", "source"], ignore_index=True)


def _with_means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean cost of a person, and its standard error; of one person there is none."""
    people, mean = table["people"], table["cost"] / table["people"]
    scatter = (table["squares"] / people - mean**2).clip(lower=0.0) * people / (people - 1).where(people > 1)
    return table.drop(columns="squares").assign(mean=mean, standard_error=np.sqrt(scatter / people))
