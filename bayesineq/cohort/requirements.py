"""Time logic: whether people have facts within days of a day, so many times, so far apart, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from bayesineq.cohort.card import Covariate, Requirement
from bayesineq.cohort.facts import Facts
from bayesineq.dims import PERSON

if TYPE_CHECKING:
    import ibis


def with_requirements(
    people: ibis.Table, facts: Facts, conditions: Sequence[Requirement], covariates: Sequence[Covariate] = ()
) -> ibis.Table:
    """
    People, with a column for each condition, `met_0` and so on (1 or 0), and one for each covariate.

    Parameters
    ----------
    people : ibis.Table
        One row a person: `person`, `index` (number of a day), and more.
    facts : Facts
        The facts.
    conditions : sequence of Requirement
        What is asked, as it stands: of an exclusion too, 1 says that the fact is there.
    covariates : sequence of Covariate
        What is wanted beside.

    Returns
    -------
    ibis.Table
        `people` with these columns.
    """
    easy = {f"met_{k}": c for k, c in enumerate(conditions) if c.of is None and (c.times <= 2 or c.apart <= 1)}
    carried = list(people.columns)
    if easy or covariates:
        counted = _counted(people, facts, easy, covariates)
        people = people.left_join(counted, PERSON).select(*carried, *[n for n in counted.columns if n != PERSON])
    for k, condition in enumerate(conditions):
        if f"met_{k}" not in easy:
            found = _pairs(facts, condition) if condition.of is not None else _spaced(people, facts, condition)
            names = list(people.columns)
            people = people.left_join(found.mutate(**{f"met_{k}": 1}), PERSON).select(*names, f"met_{k}")
    zero = {f"met_{k}": people[f"met_{k}"].fill_null(0).cast("int64") for k in range(len(conditions))}
    zero |= {c.name: people[c.name].fill_null(0) for c in covariates if c.take != "latest"}
    return people.mutate(**zero) if zero else people


def _counted(
    people: ibis.Table, facts: Facts, easy: dict[str, Requirement], covariates: Sequence[Covariate]
) -> ibis.Table:
    """One pass over the facts of these people for all that is asked of days and values."""
    asked = sorted({name for of in easy.values() for name in of.event} | {n for of in covariates for n in of.event})
    near = facts.of(asked).join(people.select(PERSON, "index"), PERSON)
    # Of several values of one day the largest, so that the answer is the same on every engine and in every run.
    near = near.group_by([PERSON, "index", "fact", "began"]).aggregate(times=near.count(), value=near["value"].max())
    columns: dict[str, Any] = {}
    for name, condition in easy.items():
        holds = _holds(near, facts, condition)
        if condition.times == 1:
            columns[name] = holds.cast("int64").max()
        elif condition.apart == 0:
            columns[name] = (near["times"].sum(where=holds).fill_null(0) >= condition.times).cast("int64")
        elif condition.apart == 1:
            columns[name] = (near["began"].nunique(where=holds) >= condition.times).cast("int64")
        else:
            days = near["began"].max(where=holds) - near["began"].min(where=holds)
            columns[name] = (days >= condition.apart).fill_null(False).cast("int64")
    for covariate in covariates:
        holds = _holds(near, facts, covariate)
        if covariate.take == "present":
            columns[covariate.name] = holds.cast("int64").max()
        elif covariate.take == "times":
            columns[covariate.name] = near["began"].nunique(where=holds)
        else:
            latest = near["began"] * len(facts.names) + near["fact"]
            columns[covariate.name] = near["value"].argmax(latest, where=holds & near["value"].notnull())
    return near.group_by(PERSON).aggregate(**columns)


def _holds(near: ibis.Table, facts: Facts, asked: Requirement | Covariate) -> ibis.Value:
    """Whether a fact is one of those asked for, on a day that counts."""
    return near["fact"].isin([facts.names.index(name) for name in asked.event]) & _between(
        near["began"] - near["index"], asked.within
    )


def _between(days: ibis.Value, within: tuple[int | None, int | None]) -> ibis.Value:
    import ibis

    first, last = within
    limits = [*([] if first is None else [days >= first]), *([] if last is None else [days <= last])]
    return reduce(lambda a, b: a & b, limits, ibis.literal(True))


def _pairs(facts: Facts, condition: Requirement) -> ibis.Table:
    """Persons with the fact within days of any fact that stands in for the index date."""
    anchor = facts.of([str(condition.of)]).select(PERSON, at="began").distinct()
    near = facts.of(condition.event).select(PERSON, "began").distinct().join(anchor, PERSON)
    return near.filter(_between(near["began"] - near["at"], condition.within)).select(PERSON).distinct()


def _spaced(people: ibis.Table, facts: Facts, condition: Requirement) -> ibis.Table:
    """Persons with the fact three times or more, each so many days after the last: the earliest that will do."""
    near = facts.of(condition.event).join(people.select(PERSON, "index"), PERSON)
    near = near.filter(_between(near["began"] - near["index"], condition.within)).select(PERSON, "began")
    # Taking the earliest each time leaves the most room for the rest, so no other choice finds more.
    found = near.group_by(PERSON).aggregate(at=near["began"].min())
    for _ in range(condition.times - 1):
        later = near.join(found, PERSON).select(PERSON, "began", "at")
        later = later.filter(later["began"] >= later["at"] + condition.apart)
        found = later.group_by(PERSON).aggregate(at=later["began"].min())
    return found.select(PERSON)
