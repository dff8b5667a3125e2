"""Cards of systems: what is measured of persons and by what, as data."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, Final

from bayesineq.errors import CardError
from bayesineq.shipped import card_of, card_path, card_text, shipped_cards

_SHIPPED: Final = ("models/systems",)
_WHAT: Final = "card of a system"


@dataclass(frozen=True, slots=True)
class MultimorbidityCard:
    """
    What is asked about conditions that come together.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    conditions : tuple of str
        Columns of conditions; none: every column of the table that is true or false.
    strata : tuple of str
        Columns held equal.
    by : tuple of str
        Columns of groups that are compared.
    odds_ratio, probability : float
        Two conditions are joined where their odds ratio is above the one with at least the other.
    triads : int
        How many of the commonest triads are looked at.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    conditions: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    odds_ratio: float = 1.1
    probability: float = 0.95
    triads: int = 100
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        if not (self.odds_ratio > 0 and 0.5 <= self.probability < 1 and self.triads >= 0):
            raise CardError(
                f"card {self.name!r}: odds_ratio is above 0, probability from 0.5 to below 1, and triads 0 or more; "
                f"given {self.odds_ratio}, {self.probability} and {self.triads}"
            )


@dataclass(frozen=True, slots=True)
class RiskCard:
    """
    What is asked about scores of persons.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    outcome : str
        Column of what happened after the index day, 0 or 1.
    features : tuple of str
        Columns known on the index day; numbers, or levels.
    score : str
        Column of probabilities from elsewhere, in place of learning.
    person : str
        Column of persons: nobody is learnt from and tried on.
    period : str
        Column of periods, each of which is predicted from earlier ones; empty for folds of persons.
    index, happened : str
        Columns of the index day of each row and of the day of the outcome, where they are known: no outcome lies on or
        before the index day.
    recorded : dict of str to str
        By feature, the column of the day on which it was recorded: none lies after the index day.
    by : tuple of str
        Columns of groups.
    folds, inner : int
        Folds that the score is tried on, and within each training set those that the penalty is chosen by.
    penalties : tuple of float
        Strengths of the ridge penalty.
    thresholds : tuple of float
        Probabilities from which on somebody would be offered something.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    outcome: str
    features: tuple[str, ...] = ()
    score: str = ""
    person: str = "person"
    period: str = ""
    index: str = ""
    happened: str = ""
    recorded: dict[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    folds: int = 5
    inner: int = 3
    penalties: tuple[float, ...] = (1.0, 30.0, 1000.0)
    thresholds: tuple[float, ...] = (0.05, 0.1, 0.2)
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        fits = self.folds >= 2 and self.inner >= 2 and self.penalties and all(value > 0 for value in self.penalties)
        if not fits or not all(0 < value < 1 for value in self.thresholds):
            raise CardError(
                f"card {self.name!r}: folds and inner are 2 or more, penalties above 0, and thresholds between 0 and 1"
            )
        if (self.happened or self.recorded) and not self.index:
            raise CardError(
                f"card {self.name!r}: days of outcomes and features are held against index, a column of days"
            )


@dataclass(frozen=True, slots=True)
class BurdenCard:
    """
    What is asked about years of healthy life that are lost.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    deaths, cases : tuple of str
        Of a posterior: outcomes that are deaths of a cause, and that are shares of people with a condition.
    by : tuple of str
        Columns of groups that are compared.
    age : str
        Column of age bands.
    life_table, weights : str
        Names of shipped files, or paths, of years that remain at each age and of disability weights.
    comorbidity : bool
        Whether weights are corrected for people with several conditions, taken to be independent within an age.
    open_age : float
        Age at which deaths of the open band lie on average; 0 is two and a half years past its first age.
    risks : tuple of str
        Columns of people exposed to each risk.
    relative_risks : str
        Path of the table `risk, cause, relative_risk, lower, upper`.
    draws : int
        Draws, where a table of counts is measured.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    deaths: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    by: tuple[str, ...] = ("imd_quintile", "ethnicity")
    age: str = "age_band"
    life_table: str = "gbd_2019"
    weights: str = "gbd_2019"
    comorbidity: bool = True
    open_age: float = 0.0
    risks: tuple[str, ...] = ()
    relative_risks: str = ""
    draws: int = 1000
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        if self.draws < 2 or self.open_age < 0 or not self.by or bool(self.risks) != bool(self.relative_risks):
            raise CardError(
                f"card {self.name!r}: draws are 2 or more, open_age 0 or more, by names a group, and risks go with "
                "relative_risks, the file of what they multiply"
            )


@dataclass(frozen=True, slots=True)
class EffectCard:
    """
    What is asked about one comparison.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    outcome : str
        Column of what happened: 0 or 1, or with `people` to how many.
    exposure : str
        Column whose levels are compared.
    exposed, reference : str
        Its levels; none: the two that there are, the first in order being the reference.
    people : str
        Column of how many people a row is; none: one.
    adjust : tuple of str
        Columns of levels that are held equal.
    draws : int
        Draws of the posterior.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    outcome: str
    exposure: str
    exposed: str = ""
    reference: str = ""
    people: str = ""
    adjust: tuple[str, ...] = ()
    draws: int = 2000
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        if bool(self.exposed) != bool(self.reference) or (self.exposed and self.exposed == self.reference):
            raise CardError(f"card {self.name!r}: name the exposed and the reference level, or neither")
        if self.draws < 2 or {self.outcome, self.exposure} & set(self.adjust):
            raise CardError(f"card {self.name!r}: draws are 2 or more, and outcome and exposure are not held equal")


@dataclass(frozen=True, slots=True)
class UndiagnosedCard:
    """
    What is asked about people who have a condition and no record of it.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    estimate : str
        Path of the table of true prevalence.
    source : str
        Where it is from, in words.
    errors : {"shared", "apart"}
        Whether its rows err together, or each by itself.
    by : tuple of str
        Columns of groups: dimensions of the posterior.
    persons : str
        Path of a table of persons to rank; none: nobody is ranked.
    cells : tuple of str
        Dimensions of the posterior that persons have as columns.
    recorded : str
        Column of whether a person has a record, 0 or 1.
    score : str
        Column of numbers above zero by which persons of a cell are told apart.
    tests : float
        Tests that can be offered, as a share of people without a record.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    estimate: str
    source: str = "an outside estimate"
    errors: str = "shared"
    by: tuple[str, ...] = ("imd_quintile", "ethnicity")
    persons: str = ""
    cells: tuple[str, ...] = ()
    recorded: str = "recorded"
    score: str = ""
    tests: float = 0.05
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.tests <= 1 or self.errors not in ("shared", "apart") or not self.by:
            raise CardError(
                f"card {self.name!r}: tests are a share above 0 and at most 1, errors are shared or apart, and by "
                "names a group"
            )


@dataclass(frozen=True, slots=True)
class CostsCard:
    """
    What is asked about costs of a year.

    Parameters
    ----------
    name, question : str
        What it is called, and what it answers.
    first_day, last_day : str
        The year, as 2025-04-01.
    segments, unit_costs : str
        Names of shipped files, or paths.
    codelists : str
        Folder of the code lists that the segmentation names; none: those that ship.
    deprivation : str
        Path of a table `area, imd_decile`; none: what the records hold.
    draws : int
        Draws of next year.
    intended, not_for : str
        What it is for, and what not.
    """

    name: str
    question: str
    first_day: str
    last_day: str
    segments: str = "bridges_to_health"
    unit_costs: str = "england_2024"
    codelists: str = ""
    deprivation: str = ""
    draws: int = 2000
    intended: str = ""
    not_for: str = ""

    def __post_init__(self) -> None:
        for day in (self.first_day, self.last_day):
            try:
                date.fromisoformat(day)
            except ValueError:
                raise CardError(f"card {self.name!r}: {day!r} is no day; write it as 2025-04-01") from None
        if self.draws < 2:
            raise CardError(f"card {self.name!r}: draws are 2 or more; given {self.draws}")


type SystemCard = MultimorbidityCard | RiskCard | BurdenCard | EffectCard | UndiagnosedCard | CostsCard
KINDS: Final[dict[str, type[Any]]] = {
    "multimorbidity": MultimorbidityCard,
    "risk": RiskCard,
    "burden": BurdenCard,
    "effect": EffectCard,
    "undiagnosed": UndiagnosedCard,
    "costs": CostsCard,
}


def system_names() -> tuple[str, ...]:
    """
    Names of the cards of systems that ship.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> "multimorbidity" in system_names()
    True
    """
    return tuple(sorted(shipped_cards(_SHIPPED)))


def is_system(card: str | Path) -> bool:
    """Whether a name, or the path of a TOML file, is that of a card of a system."""
    path = Path(card)
    if str(card) in system_names() and not path.exists():
        return True
    if path.suffix != ".toml" or not path.is_file():
        return False
    try:
        return card_of(card_text(path, _WHAT, CardError), str(path), _WHAT, CardError).get("kind") in KINDS
    except CardError:
        return False


def read_system(card: str | Path) -> SystemCard:
    """
    Read the card of a system.

    Parameters
    ----------
    card : str or Path
        Name of a shipped card, or path of a TOML file.

    Returns
    -------
    MultimorbidityCard, RiskCard, BurdenCard, ...
        The card, of the class that its `kind` names.

    Raises
    ------
    CardError
        There is no such card, or its entries are not those of its kind; every failure is named.

    Examples
    --------
    >>> read_system("multimorbidity").by
    ('imd_quintile', 'ethnicity')
    """
    path = card_path(card, _SHIPPED, _WHAT, CardError)
    return _parsed(card_of(card_text(path, _WHAT, CardError), str(path), _WHAT, CardError), str(path))


def _parsed(stated: dict[str, Any], where: str) -> SystemCard:
    kind = stated.pop("kind", None)
    if kind not in KINDS:
        raise CardError(f"{where}: kind is one of {', '.join(KINDS)}; given {kind!r}")
    of = KINDS[kind]
    known = {one.name: one for one in fields(of)}
    wrong = [f"{name!r} is no entry; there are {', '.join(known)}" for name in stated if name not in known]
    needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING and n not in stated]
    wrong += [f"{name!r} is missing" for name in needed]
    made: dict[str, Any] = {}
    for name in stated.keys() & known.keys():
        try:
            made[name] = _as_type(str(known[name].type), stated[name])
        except ValueError as error:
            wrong.append(f"{name} = {stated[name]!r}: {error}")
    if wrong:
        raise CardError(f"{where} is no card of kind {kind!r}:\n" + "\n".join(f"  - {line}" for line in sorted(wrong)))
    return of(**made)  # type: ignore[no-any-return]


def _as_type(wanted: str, value: object) -> object:
    """A value of TOML as the field of a card holds it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if wanted == "str" and isinstance(value, str):
        return value
    if wanted == "bool" and isinstance(value, bool):
        return value
    if wanted == "float" and number:
        return float(value)  # type: ignore[arg-type]
    if wanted == "int" and number and isinstance(value, int):
        return value
    if wanted.startswith("tuple") and isinstance(value, list):
        inner = "float" if "float" in wanted else "str"
        return tuple(_as_type(inner, one) for one in value)
    if wanted.startswith("dict") and isinstance(value, dict):
        inner = "float" if "float" in wanted else "str"
        return {str(key): _as_type(inner, one) for key, one in value.items()}
    words = {"str": "text", "float": "a number", "int": "a whole number", "bool": "true or false",
             "dict[str, float]": "a table of numbers", "dict[str, str]": "a table of texts"}  # fmt: skip
    raise ValueError(f"it is {words.get(wanted, 'a list of texts' if 'str' in wanted else 'a list of numbers')}")
