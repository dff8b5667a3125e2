"""Morbidity indices and segments of persons, by rules that are data, on the engine where the records are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from bayesineq.cohort.rules import Condition, Part, Rules
from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.code_forms import PREFIX, READ, stem
from bayesineq.records.written import stripped

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records

ON: Final = "_on"


def conditions(records: Records, rules: Rules, on: dt.date | str) -> ibis.Table:
    """
    Which conditions of a card each person has on a day: an expression, not yet computed.

    Parameters
    ----------
    records : Records
        Persons, coded facts and contacts in their normal form.
    rules : Rules
        Of `read_rules`.
    on : date or str
        The index day, as a date or as YYYY-MM-DD; or the column of `records.persons` that holds each person's.

    Returns
    -------
    ibis.Table
        One row a person: `person`, then true or false by the name of each condition. A fact counts on the index day
        and before it; one without a date counts where the rule asks for no time. `within_days` counts back from the
        index day, both ends included. Nothing is said (missing) of a person whose age is needed and not known.

    Raises
    ------
    SchemaError
        The index day is neither a day nor a column of dates.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.cohort.rules import read_rules
    >>> from bayesineq.records import read_normal
    >>> persons = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1950-03-01", "1980-06-30"]})
    >>> events = pd.DataFrame({"person": ["p1", "p1"], "date": ["2020-01-31", "2024-05-05"], "system": "icd10"})
    >>> records = read_normal({"persons": persons, "events": events.assign(code=["E11.9", "I50"])})
    >>> found = conditions(records, read_rules("charlson"), "2023-01-01").order_by("person")
    >>> found.select("person", "diabetes", "heart_failure").to_pyarrow().to_pylist()[0]
    {'person': 'p1', 'diabetes': True, 'heart_failure': False}
    """
    persons, day = _indexed(records.persons, on)
    parts = list(dict.fromkeys(part for one in rules.conditions for way in one.ways for part in way))
    flags = _flags(records, persons, parts, day)
    base = persons.select(PERSON, ON, *(["birth"] if "birth" in persons.columns else []))
    wide = base if flags is None else base.left_join(flags, PERSON).drop(f"{PERSON}_right")
    wide = wide.mutate(**{f"_part{k}": wide[f"_part{k}"].fill_null(False) for k in range(len(parts))})
    place = {part: k for k, part in enumerate(parts)}

    def held(part: Part) -> ibis.Value:
        flag = wide[f"_part{place[part]}"]
        return ~flag if part.absent else flag

    made: dict[str, ibis.Value] = {}
    for one in rules.conditions:
        if not one.count_of:
            made[one.name] = _condition(one, held, lambda: _age(wide))
    for one in rules.conditions:
        if one.count_of:
            number = _sum([made[name].cast("int64") for name in one.count_of])
            enough = number >= one.at_least
            made[one.name] = enough if one.at_most is None else enough & (number <= one.at_most)
    ages = {} if rules.ages is None else {"_age": _age(wide)}
    return wide.select(PERSON, **{one.name: made[one.name] for one in rules.conditions}, **ages)


def morbidity(records: Records, rules: Rules, on: dt.date | str, *, weights: str | None = None) -> ibis.Table:
    """
    Score persons by a morbidity index: an expression, not yet computed.

    Parameters
    ----------
    records : Records
        Persons, coded facts and contacts in their normal form.
    rules : Rules
        An index, of `read_rules`.
    on : date or str
        As of `conditions`.
    weights : str, optional
        Set of weights; the first of the card without it.

    Returns
    -------
    ibis.Table
        One row a person: `person`, `score` (float64), then the conditions as of `conditions`. A condition beside a
        graver one of its kind is there and adds nothing.

    Raises
    ------
    SchemaError
        There is no such set of weights, or as of `conditions`.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.cohort.rules import read_rules
    >>> from bayesineq.records import read_normal
    >>> persons = pd.DataFrame({"person": ["p1", "p2"]})
    >>> events = pd.DataFrame({"person": ["p1"] * 3, "date": "2020-01-31", "system": "icd10"})
    >>> records = read_normal({"persons": persons, "events": events.assign(code=["E11.9", "E11.2", "I50.0"])})
    >>> scores = morbidity(records, read_rules("charlson"), "2023-01-01").order_by("person")
    >>> scores.select("person", "score").to_pyarrow().to_pylist()
    [{'person': 'p1', 'score': 3.0}, {'person': 'p2', 'score': 0.0}]
    """
    name = weights if weights is not None else (rules.weights or ("",))[0]
    if name not in rules.weights:
        there = ", ".join(rules.weights) or "none: it is a segmentation, for `segment_people`"
        raise SchemaError(f"The card {rules.name!r} has no weights {name!r}; it has {there}.")
    found = conditions(records, rules, on)
    terms = []
    for one in rules.conditions:
        counts = found[one.name].fill_null(False)
        for graver in one.yields_to:
            counts = counts & ~found[graver].fill_null(False)
        terms.append(counts.ifelse(float((one.weight or {})[name]), 0.0))
    score = _sum(terms)
    if (floor := (rules.floor or {}).get(name)) is not None:
        score = (score < floor).ifelse(float(floor), score)
    return found.select(PERSON, score=score, **{one.name: found[one.name] for one in rules.conditions})


def segment_people(records: Records, rules: Rules, on: dt.date | str) -> ibis.Table:
    """
    Put every person into exactly one segment, the first that they meet: an expression, not yet computed.

    Parameters
    ----------
    records : Records
        Persons, coded facts and contacts in their normal form.
    rules : Rules
        A segmentation, of `read_rules`.
    on : date or str
        As of `conditions`.

    Returns
    -------
    ibis.Table
        One row a person: `person`, `segment`. The segment is missing for those whom the card is not of, or whose age
        it needs and is not known.

    Raises
    ------
    SchemaError
        The card has no segments, or as of `conditions`.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.cohort.rules import read_rules
    >>> from bayesineq.records import read_normal
    >>> persons = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1950-03-01", "1980-06-30"]})
    >>> events = pd.DataFrame({"person": ["p1"] * 2, "date": "2020-01-31", "system": "icd10", "code": ["I50", "F03"]})
    >>> records = read_normal({"persons": persons, "events": events})
    >>> found = segment_people(records, read_rules("bridges_to_health"), "2023-01-01").order_by("person")
    >>> found.to_pyarrow()["segment"].to_pylist()
    ['frailty_or_dementia', 'healthy']
    """
    import ibis

    if not rules.segments:
        raise SchemaError(f"The card {rules.name!r} has no segments; it is an index, for `morbidity`.")
    found = conditions(records, rules, on)
    branches = [
        (reduce(or_, [found[name].fill_null(False) for name in one.any_of]), one.name) for one in rules.segments[:-1]
    ]
    segment = ibis.cases(*branches, else_=rules.segments[-1].name)
    if rules.ages is not None:
        low, high = rules.ages
        within = (found["_age"] >= low) & (found["_age"] <= high)
        segment = within.fill_null(False).ifelse(segment, None)
    return found.select(PERSON, segment=segment)


def _condition(one: Condition, held: Callable[[Part], ibis.Value], age: Callable[[], ibis.Value]) -> ibis.Value:
    tests = [reduce(and_, [held(part) for part in way]) for way in one.ways]
    found = reduce(or_, tests) if tests else None
    if one.ages is None:
        return found
    years = age()
    within = (years >= one.ages[0]) & (years <= one.ages[1])
    return within if found is None else found & within


def _sum(terms: Sequence[ibis.Value]) -> ibis.Value:
    return reduce(lambda total, term: total + term, terms)


def _indexed(persons: ibis.Table, on: dt.date | str) -> tuple[ibis.Table, ibis.Value | None]:
    """Persons with their index day, and that day where it is everybody's."""
    import ibis

    if isinstance(on, str) and on in persons.columns:
        if not (persons[on].type().is_date() or persons[on].type().is_timestamp()):
            raise SchemaError(f"The column {on!r} of persons is of type {persons[on].type()}. Give it dates.")
        return persons.mutate(**{ON: persons[on].cast("date")}), None
    try:
        day = on if isinstance(on, dt.date) else dt.date.fromisoformat(on)
    except ValueError:
        raise SchemaError(
            f"{on!r} is neither a day as in 2025-03-31 nor a column of persons, which has {', '.join(persons.columns)}."
        ) from None
    literal = ibis.literal(day, "date")
    return persons.mutate(**{ON: literal}), literal


def _age(persons: ibis.Table) -> ibis.Value:
    """Completed years on the index day; who is born on 29 February has a birthday on 1 March of common years."""
    if "birth" not in persons.columns:
        raise SchemaError("The rules ask for ages, and persons have no column 'birth'.")
    birth, on = persons["birth"].cast("date"), persons[ON]
    later = (on.month() * 100 + on.day()) < (birth.month() * 100 + birth.day())
    return (on.year() - birth.year() - later.cast("int64")).cast("int64")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A part and its numbers: of its facts, and of the facts that resolve it."""

    part: Part
    number: int
    resolving: int | None


def _flags(records: Records, persons: ibis.Table, parts: Sequence[Part], day: ibis.Value | None) -> ibis.Table | None:
    """Whether each person meets each part, `_part0`, `_part1` and so on; persons without any facts have no row."""
    asked = [_Asked(part, 2 * k, 2 * k + 1 if part.resolved else None) for k, part in enumerate(parts)]
    hits = [_coded(records.events, asked), _contacts(records.spells, asked)]
    there = [table for table in hits if table is not None]
    if not there:
        return None
    facts = there[0] if len(there) == 1 else there[0].union(there[1])
    facts = facts.inner_join(persons.select(PERSON, ON), PERSON) if day is None else facts.mutate(**{ON: day})
    facts = facts.filter(facts["date"].isnull() | (facts["date"] <= facts[ON]))
    counted = _counted(facts, asked)
    return counted.group_by(PERSON).aggregate(**{f"_part{k}": _met(counted, one) for k, one in enumerate(asked)})


def _counted(facts: ibis.Table, asked: Sequence[_Asked]) -> ibis.Table:
    """For each person and part: how many facts count, the first and the last, and of the latest whether all are so."""
    import ibis

    kept = facts.filter(_by_part(facts, asked, lambda one: _counts(facts, one.part)))
    if any(one.part.latest for one in asked):
        # Of two values of one day the higher is looked at first.
        newest = [ibis.desc("date", nulls_first=False), ibis.desc("value", nulls_first=False)]
        ranked = kept.mutate(place=ibis.row_number().over(group_by=[PERSON, "part"], order_by=newest))
        kept = ranked.filter(_by_part(ranked, asked, lambda one: _place(ranked, one.part)))
    meets = _by_part(kept, asked, lambda one: _meets(kept, one.part))
    return kept.mutate(meets=meets).group_by([PERSON, "part"]).aggregate(
        times=lambda t: t["meets"].cast("int64").sum(),
        fails=lambda t: (~t["meets"]).cast("int64").sum(),
        first=lambda t: t["date"].min(),
        last=lambda t: t["date"].max(),
        on=lambda t: t[ON].max(),
    )  # fmt: skip


def _by_part(facts: ibis.Table, asked: Sequence[_Asked], test: Callable[[_Asked], ibis.Value | None]) -> ibis.Value:
    """The test of each fact's own part; true where that has none."""
    import ibis

    branches = [(facts["part"] == one.number, found) for one in asked if (found := test(one)) is not None]
    return ibis.cases(*branches, else_=True) if branches else ibis.literal(True)


def _counts(facts: ibis.Table, part: Part) -> ibis.Value | None:
    """Whether a fact lies in the time and the sources that a part asks for, and has a value where one is looked at."""
    tests = []
    if part.within_days is not None:
        tests.append(facts[ON].delta(facts["date"], unit="day") <= part.within_days)
    if part.sources:
        tests.append(facts["source"].isin(part.sources))
    if part.above is not None or part.below is not None:
        tests.append(facts["value"].notnull())
    return reduce(and_, tests).fill_null(False) if tests else None


def _place(ranked: ibis.Table, part: Part) -> ibis.Value | None:
    return None if part.latest is None else ranked["place"] < part.latest


def _meets(facts: ibis.Table, part: Part) -> ibis.Value | None:
    tests = []
    if part.above is not None:
        tests.append(facts["value"] > part.above)
    if part.below is not None:
        tests.append(facts["value"] < part.below)
    return reduce(and_, tests) if tests else None


def _met(counted: ibis.Table, one: _Asked) -> ibis.Value:
    """Whether the facts of a part are enough, from the counts of all parts of a person."""
    mine = counted["part"] == one.number
    enough = counted["times"] >= one.part.at_least
    if one.part.latest:
        enough = enough & (counted["fails"] == 0)
    if one.part.first_within_days is not None:
        enough = enough & (counted["on"].delta(counted["first"], unit="day") <= one.part.first_within_days)
    met = (mine & enough.fill_null(False)).any()
    if one.resolving is None:
        return met
    last = counted["last"].max(where=mine)
    resolved = counted["last"].max(where=counted["part"] == one.resolving)
    return met & (resolved.isnull() | (last > resolved)).fill_null(False)


def _coded(events: ibis.Table, asked: Sequence[_Asked]) -> ibis.Table | None:
    """Facts whose code a part lists: `person, date, part, value, source`; what several list stands in several."""
    lists: dict[str, list[tuple[str, int]]] = {}
    for one in asked:
        if one.part.codes:
            lists.setdefault(one.part.system, []).extend((code, one.number) for code in one.part.codes)
        if one.resolving is not None:
            lists.setdefault(one.part.system, []).extend((code, one.resolving) for code in one.part.resolved)
    if not lists:
        return None
    codes = events.filter(events["system"].isin(list(lists))).select("system", "code").distinct()
    tables = [table for system, pairs in lists.items() for table in _looked_up(codes, system, pairs)]
    listed = reduce(lambda a, b: a.union(b), tables).distinct()
    found = events.inner_join(listed, ["system", "code"])
    return found.select(
        PERSON, "part", date=found["date"].cast("date"), value=found["value"].cast("float64"),
        source=found["source"].cast("string"),
    )  # fmt: skip


def _looked_up(codes: ibis.Table, system: str, pairs: Sequence[tuple[str, int]]) -> list[ibis.Table]:
    """Codes that occur, with the parts that list them: by prefix of each length, or as they stand."""
    import ibis

    here = codes.filter(codes["system"] == system)
    if system in PREFIX:
        here = here.mutate(clean=here["code"].upper().re_replace(r"[.\s]", ""))
    elif system in READ:
        here = here.mutate(clean=stripped(here["code"]).substr(0, 5).rpad(5, "."))
    else:
        here = here.mutate(clean=stripped(here["code"]))
    # By the length of what codes begin with; 0 for codes that stand for themselves.
    by_length: dict[int, set[tuple[str, int]]] = {}
    for code, number in pairs:
        begun, begins = stem(code, system)
        by_length.setdefault(len(begun) if begins else 0, set()).add((begun, number))
    tables = []
    for length, of_length in sorted(by_length.items()):
        some = sorted(of_length)
        listed = ibis.memtable(pa.table({
            "clean": pa.array([code for code, _ in some], pa.string()),
            "part": pa.array([number for _, number in some], pa.int64()),
        }))  # fmt: skip
        cut = here if length == 0 else here.mutate(clean=here["clean"].substr(0, length))
        joined = cut.inner_join(listed, "clean")
        tables.append(joined.select("system", "code", "part"))
    return tables


def _contacts(spells: ibis.Table, asked: Sequence[_Asked]) -> ibis.Table | None:
    """Contacts that a part asks for, as facts: `person, date, part, value, source`."""
    import ibis

    tables = [
        spells.filter(spells["kind"].isin(one.part.spells)).select(
            PERSON,
            part=ibis.literal(one.number, "int64"),
            date=spells["start"].cast("date"),
            value=ibis.null("float64"),
            source=spells["source"].cast("string"),
        )
        for one in asked
        if one.part.spells
    ]
    return reduce(lambda a, b: a.union(b), tables) if tables else None
