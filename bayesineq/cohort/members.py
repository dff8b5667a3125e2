"""A cohort built from records by its card: who enters on which day, who drops out, how long each is followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from bayesineq.cohort.attrition import ALL, attrition_table
from bayesineq.cohort.card import CodedFact, CohortCard, Entry, Requirement
from bayesineq.cohort.facts import Facts, find_facts
from bayesineq.cohort.observed import observed_days
from bayesineq.cohort.read_cohort import read_cohort
from bayesineq.cohort.requirements import with_requirements
from bayesineq.cohort.strata import Strata, strata_of
from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.calendar import age_at, birthday, day_number
from bayesineq.records.engines import collected, connect, kept
from bayesineq.records.places import placed_by_postcode, read_area_parts

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records


@dataclass(frozen=True, slots=True)
class Cohort:
    """
    A cohort: its members stay on the engine.

    Parameters
    ----------
    card : CohortCard
        What it was built from.
    study : (date, date)
        First and last day of the study.
    members : ibis.Table
        One row a person: `person`, `birth`, `sex`, `index`, `begin`, `until` (numbers of days: index date, first and
        last day of follow-up), and the covariates.
    observed : ibis.Table
        Stretches over which people are observed: `person`, `opens`, `closes`.
    records : Records
        The records.
    facts : Facts
        What the card asks for.
    strata : Strata
        Deprivation and ethnicity of people.
    attrition : DataFrame
        One row a step and group: `step`, `what`, `by`, `group`, `persons`, `dropped`.
    notes : tuple of str
        What a reader of the numbers must know.
    """

    card: CohortCard
    study: tuple[date, date]
    members: ibis.Table
    observed: ibis.Table
    records: Records
    facts: Facts
    strata: Strata
    attrition: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        left = int(self.attrition.loc[self.attrition["by"] == ALL, "persons"].iloc[-1])
        return f"Cohort({self.card.name}, {self.study[0]} to {self.study[1]}, {left:,} persons)"


def cohort(
    records: Records,
    card: CohortCard | str | Path,
    *,
    study: tuple[date, date] | None = None,
    codelists: str | Path | None = None,
    deprivation: pd.DataFrame | None = None,
    postcodes: str | Path | pd.DataFrame | None = None,
    areas: str | Path | pd.DataFrame | None = None,
    vintage: Literal["2011", "2021"] = "2021",
) -> Cohort:
    """
    Build a cohort.

    Parameters
    ----------
    records : Records
        Linked records in their normal form.
    card : CohortCard, str or Path
        The card, the name of a shipped one, or its path.
    study : (date, date), optional
        First and last day of the study, in place of those of the card.
    codelists : str or Path, optional
        Folder of the code lists that the card names and the package may not ship.
    deprivation : DataFrame, optional
        `area`, `imd_decile`; without it the column `imd_decile` of persons, where there is one.
    postcodes : str, Path or DataFrame, optional
        The National Statistics Postcode Lookup or ONS Postcode Directory, for addresses without an area.
    areas : str, Path or DataFrame, optional
        A look-up from areas to authorities, wards, boards or rural-urban classes, by which attrition is told too.
    vintage : {"2011", "2021"}, optional
        Which LSOAs are wanted of both look-ups.

    Returns
    -------
    Cohort
        The cohort. Its members are kept on the engine; what left it are counts.

    Raises
    ------
    SchemaError
        No study period is stated; none of the codes by which people enter occurs in the records.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> found = cohort_example()
    >>> found
    Cohort(type_2_diabetes, 2020-01-01 to 2020-12-31, 4 persons)
    >>> found.attrition.loc[found.attrition["by"] == "all", ["step", "what", "persons"]].head(3)
       step                                     what  persons
    0     0                           in the records        6
    1     1  type 2 diabetes, recorded once at least        4
    2     2                            by 2020-12-31        4
    """
    stated = card if isinstance(card, CohortCard) else read_cohort(card)
    first, last = _study(stated, study)
    placed, unplaced = _placed(records, postcodes, vintage)
    facts = find_facts(records, stated, codelists)
    _refuse_nobody(stated, facts)
    observed, notes = observed_days(records, last)
    lies_in = None if areas is None else _on_any_engine(read_area_parts(areas, vintage=vintage))
    strata = strata_of(records, deprivation, stated.ethnicity, lies_in)
    steps, candidates = _candidates(stated, facts, observed, records.persons, (first, last))
    entered = candidates.filter(candidates["passed"] == len(steps)).drop("passed")
    met = with_requirements(entered, facts, stated.conditions, stated.covariates)
    tests = [_fulfilled(met, place, of) for place, of in enumerate(stated.conditions)]
    # Kept on the engine, because attrition, follow-up and every table of cells begin with it.
    met = kept(met.mutate(passed=_leading(tests) + len(steps)), records.origin)
    dropped = candidates.filter(candidates["passed"] < len(steps)).select(PERSON, "passed")
    said = [*steps, *(of.said for of in stated.conditions)]
    table = attrition_table(placed, dropped.union(met.select(PERSON, "passed")), said, strata)
    members = kept(_followed(met.filter(met["passed"] == len(said)), stated, facts), records.origin)
    notes = (*facts.notes, *notes, *unplaced, *strata.notes)
    return Cohort(stated, (first, last), members, observed, placed, facts, strata, table, notes)


def _on_any_engine(areas: ibis.Table) -> ibis.Table:
    """A look-up of areas, which holds nobody, as a table that may be joined with those of any engine."""
    return connect(collected(areas))


def _placed(
    records: Records, postcodes: str | Path | pd.DataFrame | None, vintage: Literal["2011", "2021"]
) -> tuple[Records, tuple[str, ...]]:
    """Records whose addresses have areas as far as postcodes tell them, and how many have none."""
    if postcodes is not None:
        found = placed_by_postcode(records, postcodes, vintage=vintage)
        # Kept on the engine: attrition and every table of cells ask for it.
        return replace(found, addresses=kept(found.addresses, records.origin)), ()
    homes = records.addresses
    alone = (homes["area"].isnull() & homes["postcode"].notnull()).cast("int64").sum()  # noqa: PD003, PD004
    number = int(collected(homes.aggregate(n=alone), records.origin).fillna(0)["n"].iloc[0])
    if not number:
        return records, ()
    return records, ("addresses have postcodes and no areas: give a look-up of postcodes, or nobody there is counted",)


def _study(card: CohortCard, study: tuple[date, date] | None) -> tuple[date, date]:
    first, last = study or card.study
    if first is None or last is None:
        raise SchemaError(
            f"The card {card.name!r} states no study period. Give its first and last day, or write [study] with from "
            "and to on the card."
        )
    if last < first:
        raise SchemaError(f"The study from {first} to {last} ends before it begins. Give the first day first.")
    return first, last


def _refuse_nobody(card: CohortCard, facts: Facts) -> None:
    """A list none of whose codes occurs lets nobody in: nearly always another system, or another way of writing."""
    coded = {name for name in card.entry.event if isinstance(card.facts.get(name), CodedFact)}
    if not card.entry.event or coded != set(card.entry.event) or coded & set(facts.found["fact"]):
        return
    said = "\n".join(f"  - {note}" for note in facts.notes if note.partition(":")[0] in coded)
    raise SchemaError(
        f"Nobody can enter the cohort {card.name!r}, because none of the codes by which people enter occurs:\n{said}\n"
        "Are the codes of another system, or written otherwise? `bayesineq codes show` tells what a list holds."
    )


def _candidates(
    card: CohortCard, facts: Facts, observed: ibis.Table, people: ibis.Table, study: tuple[date, date]
) -> tuple[list[str], ibis.Table]:
    """Steps of entry in words; and who had the event, how many steps she passed, and her index date if all."""
    import ibis

    entry, first, last = card.entry, study[0].toordinal(), study[1].toordinal()
    people = people.select(PERSON, "birth", "sex")
    steps, events = _events(entry, facts, people)
    days = events.join(people, PERSON).left_join(observed, PERSON)
    days = days.select(*events.columns, "birth", "sex", "opens", "closes")
    began = days["began"]
    if entry.prevalent:
        ready = days["opens"] + entry.look_back
        index = reduce(lambda a, b: ibis.ifelse(a >= b, a, b), [began, ready, ibis.literal(first)])
        in_study, when = began <= last, f"by {study[1]}"
    else:
        index, in_study, when = began, (began >= first) & (began <= last), f"from {study[0]} to {study[1]}"
    days = days.mutate(index=index.coalesce(began))
    tests: list[tuple[str, ibis.Value]] = [(when, in_study)]
    if entry.clean:
        tests.insert(0, (f"none in the {entry.clean} days before it", days["gap"] > entry.clean))
    before = f", and for {entry.look_back} days before" if entry.look_back else ""
    there = (days["opens"] + entry.look_back <= days["index"]) & (days["index"] <= days["closes"])
    tests.append((f"registered on the index date{before}", there))
    tests.append(("born by the index date, which is known", day_number(days["birth"]) <= days["index"]))
    if entry.age is not None:
        age = age_at(days["birth"], days["index"])
        tests.append((f"aged {entry.age[0]} to {entry.age[1]}", age.between(*entry.age)))
    if entry.sex:
        tests.append((" or ".join(entry.sex), days["sex"].isin(entry.sex)))
    days = days.mutate(passed=_leading([holds for _, holds in tests]) + len(steps))
    steps += [said for said, _ in tests]
    through = days["passed"] == len(steps)
    found = days.group_by([PERSON, "birth", "sex"]).aggregate(
        passed=days["passed"].max(), index=days["index"].min(where=through), closes=days["closes"].min(where=through)
    )
    return steps, found


def _events(entry: Entry, facts: Facts, people: ibis.Table) -> tuple[list[str], ibis.Table]:
    """The days on which people might enter, and the step that having one is: `person`, `began`, and `gap` if asked."""
    import ibis

    if entry.on is not None:
        return [], people.select(PERSON, began=ibis.literal(entry.on.toordinal(), "int64"))
    if entry.birthday is not None:
        turned = birthday(people["birth"], people["birth"].year().cast("int64") + entry.birthday)
        return [], people.select(PERSON, began=turned)
    events = facts.of(entry.event)
    named = " or ".join(name.replace("_", " ") for name in entry.event)
    if entry.which == "first":
        return [f"{named}, recorded once at least"], events.group_by(PERSON).aggregate(began=events["began"].min())
    days = events.select(PERSON, "began").distinct()
    if entry.clean:
        before = ibis.window(group_by=PERSON, order_by="began", preceding=(None, 1))
        last = days["began"].max().over(before)
        days = days.mutate(gap=(days["began"] - last).fill_null(entry.clean + 1))
    return [f"{named}, recorded once at least"], days


def _leading(tests: Sequence[ibis.Value]) -> Any:
    """How many tests are passed before the first that is not."""
    import ibis

    if not tests:
        return ibis.literal(0, "int64")
    # Each test stands once in the expression: it grows with their number and not with its square.
    failed = [(~test.fill_null(False), ibis.literal(place, "int64")) for place, test in enumerate(tests)]
    return ibis.cases(*failed, else_=ibis.literal(len(tests), "int64"))


def _fulfilled(met: ibis.Table, place: int, condition: Requirement) -> ibis.Value:
    return met[f"met_{place}"] == (0 if condition.exclude else 1)


def _followed(met: ibis.Table, card: CohortCard, facts: Facts) -> ibis.Table:
    """Members with the first and last day of their follow-up."""
    import ibis

    follow = card.follow_up
    members = met.mutate(begin=met["index"] + follow.starts, until=met["closes"])
    if follow.days is not None:
        last = members["begin"] + follow.days - 1
        members = members.mutate(until=ibis.ifelse(last < members["until"], last, members["until"]))
    if follow.event:
        after = facts.of(follow.event).join(members.select(PERSON, "begin"), PERSON)
        after = after.filter(after["began"] >= after["begin"])
        ended = after.group_by(PERSON).aggregate(_ended=after["began"].min())
        members = members.left_join(ended, PERSON).select(*members.columns, "_ended")
        until = ibis.ifelse(members["_ended"] < members["until"], members["_ended"], members["until"])
        members = members.mutate(until=until.coalesce(members["until"]))
    covariates = [of.name for of in card.covariates]
    return members.select(PERSON, "birth", "sex", "index", "begin", "until", *covariates)
