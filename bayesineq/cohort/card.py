"""What a cohort card says: which facts, who enters when, who may not, how long they are followed, what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from bayesineq.records.ethnicity.resolution import Rule
from bayesineq.records.person_time import FIRST_EVENT, EventRule

DEATH: Final = "death"
"""The fact that needs no list."""

APPOINTMENT: Final = "appointment"
REFERRAL: Final = "referral"
STAY: Final = "stay"
"""Facts that tables of contacts are made of: [spells] of a card say which contacts they are."""

BANDS: Final = (0, 18, 30, 40, 50, 60, 70, 80)
"""First ages of bands, where a card says no other; the first holds the children."""

Which = Literal["first", "any"]
What = Literal["people", "cohort", "events", "outcome", "time"]
Take = Literal["latest", "present", "times"]
On = date | Literal["study end", "study start"]


@dataclass(frozen=True, slots=True)
class ListFile:
    """
    A code list that the user has, and what the card expects of it.

    Parameters
    ----------
    file : str
        Name of the file in the user's folder of code lists.
    system : str
        Its code system.
    expects : str
        What it should hold and where such a list is published, in words.
    """

    file: str
    system: str
    expects: str


@dataclass(frozen=True, slots=True)
class CodedFact:
    """
    Coded facts of one name: codes by system, files of more, and which values count.

    Parameters
    ----------
    name : str
        Its name on the card.
    codes : Mapping of str to tuple of str
        Codes, prefixes or ranges by system, as of `bayesineq.cohort.codelists`.
    files : tuple of ListFile
        Further lists.
    at_least, below : float or None
        Of the measured value; a fact without a value does not count where one is given.
    cite : str
        Where the codes are from.
    descendants : bool
        Whether what the vocabulary of the records places below a code counts too.
    """

    name: str
    codes: Mapping[str, tuple[str, ...]]
    files: tuple[ListFile, ...] = ()
    at_least: float | None = None
    below: float | None = None
    cite: str = ""
    descendants: bool = False


@dataclass(frozen=True, slots=True)
class SpellFact:
    """
    Stays and contacts of one name.

    Parameters
    ----------
    name : str
        Its name on the card.
    kind, outcome : tuple of str
        Kinds and outcomes of spells, as in the normal form; empty for any.
    """

    name: str
    kind: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()


Fact = CodedFact | SpellFact


@dataclass(frozen=True, slots=True)
class Entry:
    """
    Who enters, and on which day.

    Parameters
    ----------
    event : tuple of str
        Facts of which one lets a person in; empty where a day does.
    which : {"first", "any"}
        Whether it must be the first ever, or whether the first in the study that meets the conditions will do.
    on : date or None
        The index date of everybody, instead of an event.
    birthday : int or None
        The index date is this birthday, instead of an event.
    prevalent : bool
        Whether who had the event before the study or registration began enters when both have begun.
    age : (int, int) or None
        Completed years on the index date, both included.
    sex : tuple of str
        Sexes that enter; empty for all.
    look_back : int
        Days before the index date over which a person must have been registered.
    clean : int
        Days before an event in which there was no other of the same facts.
    """

    event: tuple[str, ...] = ()
    which: Which = "first"
    on: date | None = None
    birthday: int | None = None
    prevalent: bool = False
    age: tuple[int, int] | None = None
    sex: tuple[str, ...] = ()
    look_back: int = 0
    clean: int = 0


@dataclass(frozen=True, slots=True)
class Requirement:
    """
    A fact at a time: what must be, or must not have been.

    Parameters
    ----------
    event : tuple of str
        Facts, of which any counts.
    exclude : bool
        Whether who has it is left out.
    within : (int or None, int or None)
        First and last day on which it counts, from the index date: (-365, 0) is the year before, the day included;
        None is ever.
    of : str or None
        A fact whose days take the place of the index date: one of them must have it within these days.
    times : int
        How often at least.
    apart : int
        Days between, at least; 1 counts days, and 0 every record.
    said : str
        The step in words, for the table of attrition.
    """

    event: tuple[str, ...]
    exclude: bool = False
    within: tuple[int | None, int | None] = (None, 0)
    of: str | None = None
    times: int = 1
    apart: int = 1
    said: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """
    When follow-up begins and ends; death, the end of registration and of the study end it always.

    Parameters
    ----------
    starts : int
        Days after the index date on which it begins.
    days : int or None
        Its length at most.
    event : tuple of str
        Facts whose first day after the beginning ends it.
    """

    starts: int = 0
    days: int | None = None
    event: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What may happen during follow-up.

    Parameters
    ----------
    name : str
        Its name on the card.
    event : tuple of str
        Facts that are one.
    rule : EventRule
        Which of them count.
    """

    name: str
    event: tuple[str, ...]
    rule: EventRule = FIRST_EVENT


@dataclass(frozen=True, slots=True)
class Covariate:
    """
    What was known of a person on the index date.

    Parameters
    ----------
    name : str
        Name of the column.
    event : tuple of str
        Facts that tell it.
    take : {"latest", "present", "times"}
        The latest value, whether there was one (1 or 0), or on how many days.
    within : (int or None, int or None)
        As of `Requirement`.
    """

    name: str
    event: tuple[str, ...]
    take: Take = "latest"
    within: tuple[int | None, int | None] = (None, 0)


@dataclass(frozen=True, slots=True)
class Count:
    """
    How a column of cells is counted.

    Parameters
    ----------
    column : str
        Name of the column.
    what : {"people", "cohort", "events", "outcome", "time"}
        People registered on a day; those of them in the cohort; facts during the follow-up of the cohort; events of an
        outcome; person-years at risk of it.
    on : date or {"study end", "study start"}
        The day of people and cohort.
    event : tuple of str
        The facts that are counted; of people and cohort, those who have one within days of the day.
    within : (int or None, int or None)
        Days from the day, for people and cohort.
    outcome : str or None
        Name of the outcome.
    """

    column: str
    what: What
    on: On = "study end"
    event: tuple[str, ...] = ()
    within: tuple[int | None, int | None] = (None, 0)
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class CohortCard:
    """
    A cohort as a card states it.

    Parameters
    ----------
    name, question, definition, version : str
        Name; the question in words; what counts and what does not, in words; version of the definition.
    facts : Mapping of str to CodedFact or SpellFact
        What can be asked for by name, beside "death".
    entry : Entry
        Who enters, and when.
    conditions : tuple of Requirement
        Requirements and exclusions, in the order in which attrition tells them.
    follow_up : FollowUp
        When it begins and ends.
    outcomes : Mapping of str to Outcome
        What may happen.
    covariates : tuple of Covariate
        What was known on the index date.
    counts : Mapping of str to Count
        Columns of cells by name.
    tables : tuple of str
        Schemas of the tables that it fills.
    bands : tuple of int
        First ages of their bands.
    ethnicity : {"most_recent", "most_frequent", "ohid", "cvdprevent"}
        How one ethnicity is chosen of several records, as of `bayesineq.records.ethnicity`.
    study : (date or None, date or None)
        First and last day of the study, where the card says.
    intended, not_for : str
        Use.
    references : tuple of Mapping
        Publications.
    source : str
        The card's text.
    """

    name: str
    question: str
    facts: Mapping[str, Fact]
    entry: Entry
    conditions: tuple[Requirement, ...] = ()
    follow_up: FollowUp = FollowUp()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    covariates: tuple[Covariate, ...] = ()
    counts: Mapping[str, Count] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    bands: tuple[int, ...] = BANDS
    ethnicity: Rule = "most_recent"
    study: tuple[date | None, date | None] = (None, None)
    definition: str = ""
    version: str = ""
    intended: str = ""
    not_for: str = ""
    references: tuple[Mapping[str, str], ...] = ()
    source: str = ""

    def __str__(self) -> str:
        return f"Cohort {self.name}: {self.question}"
