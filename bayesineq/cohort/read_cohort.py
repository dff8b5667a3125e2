"""Cohort cards: TOML read into a `CohortCard`, with every mistake of a card named at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, get_args

from bayesineq.cohort.card import (
    APPOINTMENT,
    BANDS,
    DEATH,
    REFERRAL,
    STAY,
    CodedFact,
    CohortCard,
    Count,
    Covariate,
    Entry,
    Fact,
    FollowUp,
    ListFile,
    Outcome,
    Requirement,
    SpellFact,
    Take,
    What,
)
from bayesineq.errors import CardError
from bayesineq.records.code_forms import PREFIX, system_named, written_out
from bayesineq.records.person_time import EventRule
from bayesineq.shipped import card_of, card_path, card_text, shipped_cards
from bayesineq.tables.schema import read_schema, schema_names

_SHIPPED: Final = ("models/cohorts",)
_TOP: Final = (
    "name", "question", "definition", "version", "study", "codelists", "spells", "entry", "require", "exclude",
    "follow_up", "outcomes", "covariates", "cells", "use", "references",
)  # fmt: skip
EVER: Final = "ever"
OF_CONTACTS: Final = {
    "appointment_counts": APPOINTMENT, "waiting_counts": REFERRAL, "stays": STAY, "readmission_counts": STAY,
}  # fmt: skip
"""Tables whose columns are counted in one way, and the spells of a card that they are made of."""
# A rule that needs the order of sources has no place on a card, which knows no sources.
_RULES: Final = ("most_recent", "most_frequent", "ohid", "cvdprevent")
_SEXES: Final = ("female", "male", "indeterminate", "unknown")
_OF_COUNT: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "people": (set(), {"on", "event", "within"}),
    "cohort": (set(), {"on", "event", "within"}),
    "events": ({"event"}, set()),
    "outcome": ({"outcome"}, set()),
    "time": ({"outcome"}, set()),
}
"""Keys that a way of counting needs, and those that it takes."""


def read_cohort(card: str | Path) -> CohortCard:
    """
    Read and check a cohort card.

    Parameters
    ----------
    card : str or Path
        Name of a shipped card, such as "type_2_diabetes", or path of a `.toml` file.

    Returns
    -------
    CohortCard
        The checked card.

    Raises
    ------
    CardError
        If there is no such card, it is not TOML, or any key is unknown, missing or out of range: all of it at once.

    Examples
    --------
    >>> card = read_cohort("type_2_diabetes")
    >>> card.entry.event, card.tables
    (('type_2_diabetes',), ('area_counts', 'access_counts', 'outcome_counts'))
    """
    path = card_path(card, _SHIPPED, "cohort card", CardError)
    return parse_cohort(card_text(path, "cohort card", CardError), origin=path.name)


def cohort_names() -> list[str]:
    """
    Names of the cohort cards that ship with the package.

    Returns
    -------
    list of str
        Names to give to `read_cohort`.

    Examples
    --------
    >>> "heart_failure" in cohort_names()
    True
    """
    return sorted(shipped_cards(_SHIPPED))


def parse_cohort(text: str, origin: str = "card") -> CohortCard:
    """Parse the TOML text of a cohort card."""
    raw = card_of(text, origin, "cohort card", CardError)
    top = Section(raw, "", [])
    wrong = top.wrong
    top.only(_TOP)
    top.need(["name", "question", "entry"])
    facts = {f.name: f for f in (*_codelists(top.table("codelists")), *_spells(top.table("spells")))}
    known = {*facts, DEATH}
    outcomes = {n: _outcome(n, s, known) for n, s in top.table("outcomes").tables()}
    cells, use, study = top.table("cells"), top.table("use"), top.table("study")
    cells.only(("tables", "bands", "counts", "ethnicity"))
    use.only(("intended", "not_for"))
    study.only(("from", "to"))
    conditions = [read_requirement(s, known, exclude=False) for s in top.list_of_tables("require")]
    conditions += [read_requirement(s, known, exclude=True) for s in top.list_of_tables("exclude")]
    counts = {n: _count(n, s, known, outcomes) for n, s in cells.table("counts").tables()}
    tables = cells.texts("tables")
    _columns(tables, counts, cells, known)
    bands = cells.valid("bands", _is_rising, "give rising first ages of bands from 0 to 99", None)
    made = CohortCard(
        name=top.text("name"),
        question=top.text("question"),
        facts=facts,
        entry=_entry(top.table("entry"), known),
        conditions=tuple(conditions),
        follow_up=_follow_up(top.table("follow_up"), known),
        outcomes=outcomes,
        covariates=tuple(_covariate(n, s, known) for n, s in top.table("covariates").tables()),
        counts=counts,
        tables=tables,
        bands=tuple(bands) if bands else BANDS,
        ethnicity=cells.one_of("ethnicity", _RULES, "most_recent"),
        study=_study(study),
        definition=top.text("definition"),
        version=top.text("version"),
        intended=use.text("intended"),
        not_for=use.text("not_for"),
        references=tuple(_reference(s) for s in top.list_of_tables("references")),
        source=text,
    )
    if wrong:
        problems = "\n".join(f"  - {w}" for w in wrong)
        said = "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
        raise CardError(f"cohort card {raw.get('name', origin)!r} ({origin}) has {said}:\n{problems}")
    return made


class Section:
    """A table of the card, and where it stands; what is wrong with it goes to the list of the whole card."""

    def __init__(self, given: Mapping[str, Any], where: str, wrong: list[str]) -> None:
        self.given, self.where, self.wrong = given, where, wrong

    def say(self, key: str, problem: str) -> None:
        """Note what is wrong with a key."""
        self.wrong.append(f"{self.where}{key}: {problem}")

    def only(self, allowed: Sequence[str]) -> None:
        """Note keys that mean nothing here."""
        for key in self.given:
            if key not in allowed:
                self.say(key, f"unknown key; allowed are {sorted(allowed)}")

    def need(self, keys: Sequence[str]) -> None:
        """Note keys that are missing."""
        for key in keys:
            if key not in self.given:
                self.say(key, "missing; it must be stated")

    def valid(self, key: str, holds: Callable[[Any], bool], asked: str, silent: Any) -> Any:
        """What stands under a key; what silence means where nothing does, or what cannot be."""
        if key not in self.given:
            return silent
        if holds(self.given[key]):
            return self.given[key]
        self.say(key, f"is {self.given[key]!r}; {asked}")
        return silent

    def text(self, key: str, silent: str = "") -> str:
        """Text."""
        return str(self.valid(key, lambda v: isinstance(v, str), "write text", silent))

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or several."""
        given = self.valid(key, _are_texts, "write text, or a list of texts", ())
        return (given,) if isinstance(given, str) else tuple(given)

    def whole(self, key: str, silent: int | None, least: int = 0) -> Any:
        """A whole number."""
        right = f"give a whole number, {least} or more"
        return self.valid(key, lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= least, right, silent)

    def number(self, key: str) -> float | None:
        """A number."""
        given = self.valid(
            key, lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "give a number", None
        )
        return None if given is None else float(given)

    def flag(self, key: str) -> bool:
        """True or false, which silence means."""
        return bool(self.valid(key, lambda v: isinstance(v, bool), "write true or false", False))

    def one_of(self, key: str, words: Sequence[str], silent: str) -> Any:
        """One of some words."""
        return self.valid(key, lambda v: isinstance(v, str) and v in words, f"allowed are {list(words)}", silent)

    def day(self, key: str) -> date | None:
        """A date."""
        found: date | None = self.valid(key, _is_date, "write a date as 2024-04-01, without quotes", None)
        return found

    def events(self, key: str, known: set[str]) -> tuple[str, ...]:
        """Names of facts."""
        given = self.texts(key)
        for name in given:
            if name not in known:
                self.say(key, f"no fact is named {name!r}; codelists and spells name {sorted(known)}")
        return given

    def days(self, key: str, silent: tuple[int | None, int | None] = (None, 0)) -> tuple[int | None, int | None]:
        """First and last day from another, None for ever."""
        given = self.valid(key, _is_window, 'give its first and last day, such as [-365, 0] or ["ever", -1]', None)
        if given is None:
            return silent
        return None if given[0] == EVER else given[0], None if given[1] == EVER else given[1]

    def table(self, key: str) -> Section:
        """The table under a key, empty where there is none."""
        given = self.valid(key, lambda v: isinstance(v, dict), "write it as a TOML table", {})
        return Section(given, f"{self.where}{key}.", self.wrong)

    def tables(self) -> list[tuple[str, Section]]:
        """The tables under every key, by name."""
        for key in self.given:
            if not key.isidentifier():
                self.say(key, "not a name; use letters, digits and _")
        return [(key, self.table(key)) for key in self.given]

    def list_of_tables(self, key: str) -> list[Section]:
        """The tables of a list."""
        right = f"write each as [[{key}]]"
        given = self.valid(key, lambda v: isinstance(v, list) and all(isinstance(of, dict) for of in v), right, [])
        return [Section(of, f"{self.where}{key}[{place}].", self.wrong) for place, of in enumerate(given)]


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_window(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) == 2 and all(_is_whole(v) or v == EVER for v in value)):
        return False
    return EVER in value or value[0] <= value[1]


def _is_rising(value: Any) -> bool:
    whole = isinstance(value, list) and bool(value) and all(_is_whole(v) for v in value)
    return whole and value[0] >= 0 and value[-1] <= 99 and all(a < b for a, b in itertools.pairwise(value))


def _is_ages(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value)) and 0 <= value[0] <= value[1]


def _codelists(section: Section) -> list[Fact]:
    found: list[Fact] = []
    for name, spec in section.tables():
        spec.only(("codes", "files", "at_least", "below", "cite", "descendants"))
        codes = spec.table("codes")
        by_system: dict[str, tuple[str, ...]] = {}
        for given in codes.given:
            system = system_named(given) or given
            by_system[system] = (*by_system.get(system, ()), *codes.texts(given))
        for system in set(by_system) & set(PREFIX):
            for code in by_system[system]:
                if written_out(code, system)[1]:
                    codes.say(
                        system, f"{code!r} is no code, prefix or range of {system}; write it as E11, E11.9 or E10-E14"
                    )
        files = []
        for listed in spec.list_of_tables("files"):
            listed.only(("file", "system", "expects"))
            listed.need(["file", "system", "expects"])
            files.append(ListFile(*(listed.text(key) for key in ("file", "system", "expects"))))
        if not files and not any(by_system.values()):
            spec.say("codes", 'missing; give codes = { icd10 = ["E11"] }, or files')
        if name == DEATH:
            spec.say("codes", "death needs no list, and none may have its name; choose another")
        limits = (spec.number("at_least"), spec.number("below"))
        found.append(CodedFact(name, by_system, tuple(files), *limits, spec.text("cite"), spec.flag("descendants")))
    return found


def _spells(section: Section) -> list[Fact]:
    found: list[Fact] = []
    fields = {field.name: field.constraints.get("enum", ()) for field in read_schema("spells").fields}
    for name, spec in section.tables():
        spec.only(("kind", "outcome"))
        for key in ("kind", "outcome"):
            for word in spec.texts(key):
                if word not in fields[key]:
                    spec.say(key, f"is {word!r}; allowed are {list(fields[key])}")
        if name == DEATH:
            spec.say("kind", "death needs no spells, and none may have its name; choose another")
        found.append(SpellFact(name, spec.texts("kind"), spec.texts("outcome")))
    return found


def _entry(spec: Section, known: set[str]) -> Entry:
    spec.only(("event", "which", "on", "birthday", "prevalent", "age", "sex", "look_back", "clean"))
    ways = [key for key in ("event", "on", "birthday") if key in spec.given]
    if len(ways) != 1 and "entry" not in {w.partition(":")[0] for w in spec.wrong}:
        spec.say("event", f"people enter by one of event, on and birthday; given are {ways or 'none'}")
    entry = Entry(
        event=spec.events("event", known),
        which=spec.one_of("which", ("first", "any"), "first"),
        on=spec.day("on"),
        birthday=spec.whole("birthday", None),
        prevalent=spec.flag("prevalent"),
        age=tuple(spec.valid("age", _is_ages, "give the first and last age, such as [18, 120]", [])) or None,
        sex=spec.texts("sex"),
        look_back=spec.whole("look_back", 0),
        clean=spec.whole("clean", 0),
    )
    for key in ("which", "prevalent", "clean"):
        before = key == "prevalent" and "birthday" in spec.given
        if key in spec.given and "event" not in spec.given and not before:
            spec.say(key, "belongs to an entry by an event; leave it out")
    if entry.clean and entry.which == "first":
        spec.say("clean", 'the first ever has none before it; write which = "any", or leave it out')
    if DEATH in entry.event:
        spec.say("event", "nobody enters by dying; name another fact")
    for word in entry.sex:
        if word not in _SEXES:
            spec.say("sex", f"is {word!r}; allowed are {list(_SEXES)}")
    return entry


def read_requirement(spec: Section, known: set[str], *, exclude: bool) -> Requirement:
    """Read a requirement or an exclusion, on a card or of a group."""
    spec.only(("event", "within", "of", "times", "apart", "said"))
    spec.need(["event"])
    events, within, of = spec.events("event", known), spec.days("within"), spec.text("of") or None
    if of is not None and of not in known:
        spec.say("of", f"no fact is named {of!r}; codelists and spells name {sorted(known)}")
    times, apart = spec.whole("times", 1, least=1), spec.whole("apart", 1)
    if times == 1 and "apart" in spec.given:
        spec.say("apart", "says how far apart several are; write times too, or leave it out")
    if times > 1 and of is not None:
        spec.say("times", f"one of {of!r} is enough; leave times or of out")
    made = Requirement(events, exclude, within, of, times, apart)
    return Requirement(events, exclude, within, of, times, apart, spec.text("said") or in_words(made))


def in_words(condition: Requirement) -> str:
    """A requirement or exclusion as a step of attrition."""
    what = " or ".join(name.replace("_", " ") for name in condition.event)
    if condition.times > 1:
        what += f" {condition.times} times" + (f", {condition.apart} days apart" if condition.apart > 1 else "")
    to = "the index date" if condition.of is None else condition.of.replace("_", " ")
    first, last = condition.within
    if first is None:
        when = "at any time" if last is None else f"by {to}" if last == 0 else f"up to {_from(last, to)}"
    else:
        when = f"from {_from(first, to)} on" if last is None else f"from {_from(first, to)} to {_from(last, to)}"
    return f"{'no ' if condition.exclude else ''}{what} {when}"


def _from(days: int, to: str) -> str:
    if days == 0:
        return to
    return f"{abs(days)} day{'s' if abs(days) > 1 else ''} {'before' if days < 0 else 'after'} {to}"


def _follow_up(spec: Section, known: set[str]) -> FollowUp:
    spec.only(("starts", "days", "event"))
    return FollowUp(spec.whole("starts", 0), spec.whole("days", None, least=1), spec.events("event", known))


def _outcome(name: str, spec: Section, known: set[str]) -> Outcome:
    spec.only(("event", "repeated", "washout", "event_day"))
    spec.need(["event"])
    washout = spec.valid(
        "washout", lambda v: v == EVER or (_is_whole(v) and v >= 0), 'give days, 0 or more, or "ever"', 0
    )
    day = spec.one_of("event_day", ("included", "excluded"), "included")
    rule = EventRule(spec.flag("repeated"), None if washout == EVER else washout, day)
    return Outcome(name, spec.events("event", known), rule)


def _covariate(name: str, spec: Section, known: set[str]) -> Covariate:
    spec.only(("event", "take", "within"))
    spec.need(["event"])
    if spec.days("within")[1] is None or (spec.days("within")[1] or 0) > 0:
        spec.say("within", "a covariate is known by the index date; end at 0 or before")
    return Covariate(
        name, spec.events("event", known), spec.one_of("take", get_args(Take), "latest"), spec.days("within")
    )


def _count(name: str, spec: Section, known: set[str], outcomes: Mapping[str, Outcome]) -> Count:
    spec.need(["count"])
    what = spec.one_of("count", get_args(What), "people")
    needed, taken = _OF_COUNT[what]
    spec.only(["count", *needed, *taken])
    spec.need(sorted(needed))
    outcome = spec.text("outcome") or None
    if outcome is not None and outcome not in outcomes:
        spec.say("outcome", f"no outcome is named {outcome!r}; there are {sorted(outcomes)}")
    on = spec.valid(
        "on", lambda v: _is_date(v) or v in ("study end", "study start"),
        'write a date as 2024-04-01, "study start" or "study end"', "study end",
    )  # fmt: skip
    return Count(name, what, on, spec.events("event", known), spec.days("within"), outcome)


def _study(spec: Section) -> tuple[date | None, date | None]:
    first, last = spec.day("from"), spec.day("to")
    if first is not None and last is not None and last < first:
        spec.say("to", f"{last} is before {first}; give the first day as from")
    return first, last


def _reference(spec: Section) -> Mapping[str, str]:
    spec.only(("cite", "doi", "url"))
    return {key: spec.text(key) for key in spec.given}


def _columns(tables: Sequence[str], counts: Mapping[str, Count], cells: Section, known: set[str]) -> None:
    """Tables are known, and every column that one needs is counted."""
    for table in tables:
        if table not in schema_names():
            cells.say("tables", f"there is no table {table!r}; there are {schema_names()}")
            continue
        if (fact := OF_CONTACTS.get(table)) is not None and fact not in known:
            cells.say("tables", f"the table {table!r} is made of spells named {fact!r}: write [spells.{fact}]")
        for column in () if table in OF_CONTACTS else counted_columns(table):
            if column not in counts:
                cells.say(
                    f"counts.{column}", f'missing; the table {table!r} needs it: {{ count = "people" }} or the like'
                )


def counted_columns(table: str) -> list[str]:
    """Columns of a table of cells that are counts or times."""
    schema = read_schema(table)
    return [f.name for f in schema.fields if f.name not in schema.primary_key and f.type in ("integer", "number")]
