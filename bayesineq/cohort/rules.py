"""Rules of morbidity as data: conditions, their code lists, weights and segments, read from a card in TOML."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from bayesineq.cohort.codelists import CodeList, read_codelist
from bayesineq.errors import CardError
from bayesineq.records.code_forms import PREFIX, READ, written_out
from bayesineq.shipped import card_of, card_path, card_text

_RANGE: Final = re.compile(r"([A-Z])([0-9]+(?:\.[0-9]+)?)-([A-Z])([0-9]+(?:\.[0-9]+)?)")

type Lists = Mapping[str, Collection[str] | CodeList] | str | Path


@dataclass(frozen=True, slots=True)
class Part:
    """
    One thing that is asked of a person's facts.

    Parameters
    ----------
    name : str
        Name of the code list, for errors; empty where codes stand in the card, or for contacts.
    system : str
        Code system of the list.
    codes : tuple of str
        Codes of the list; prefixes in a system of `PREFIX`.
    resolved : tuple of str
        Codes that end the condition: it is there where its last fact is later than the last of these.
    spells : tuple of str
        Kinds of contact, where contacts are asked for and not facts.
    sources : tuple of str
        Sources from which a fact or contact counts; all where empty.
    at_least : int
        Facts that are needed.
    within_days : int, optional
        Days before the index day within which facts count; without it, ever.
    first_within_days : int, optional
        Days before the index day within which the first fact must lie.
    latest : int, optional
        How many of the latest values `above` and `below` look at, all of which must be so.
    above, below : float, optional
        Limits of the value of a fact, themselves excluded.
    absent : bool
        Whether there must be no such fact.
    """

    name: str = ""
    system: str = ""
    codes: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    spells: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    at_least: int = 1
    within_days: int | None = None
    first_within_days: int | None = None
    latest: int | None = None
    above: float | None = None
    below: float | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """
    A condition: one of several ways, each of which needs all its parts; or a number of other conditions.

    Parameters
    ----------
    name, label : str
        Name of its column, and in words.
    ways : tuple of tuple of Part
        Ways in which the condition is found.
    count_of : tuple of str
        Conditions that are counted, where it is a number of others.
    at_least, at_most : int
        How many of `count_of` there must be.
    ages : (int, int), optional
        First and last age in completed years at which it is looked for.
    weight : Mapping of str to float
        Its weight, by the name of a set of weights.
    yields_to : tuple of str
        Graver conditions, beside which its weight does not count.
    """

    name: str
    label: str
    ways: tuple[tuple[Part, ...], ...] = ()
    count_of: tuple[str, ...] = ()
    at_least: int = 1
    at_most: int | None = None
    ages: tuple[int, int] | None = None
    weight: Mapping[str, float] | None = None
    yields_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """
    A segment: everybody who has one of its conditions and stands in no segment before it.

    Parameters
    ----------
    name, label : str
        Name of the segment, and in words.
    any_of : tuple of str
        Conditions; empty for the last segment, in which the others are.
    """

    name: str
    label: str
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """
    A morbidity index or a segmentation.

    Parameters
    ----------
    name, title : str
        Name of the card and its title.
    source : tuple of str
        Publications that the codes, rules and weights are from.
    conditions : tuple of Condition
        Its conditions.
    weights : tuple of str
        Names of its sets of weights, the default first; none for segments.
    floor : Mapping of str to float
        Lowest total of a set of weights, where it has one.
    segments : tuple of Segment
        Segments, the highest priority first; none for an index.
    ages : (int, int), optional
        First and last age in completed years of those whom the segments are of.
    """

    name: str
    title: str
    source: tuple[str, ...]
    conditions: tuple[Condition, ...]
    weights: tuple[str, ...] = ()
    floor: Mapping[str, float] | None = None
    segments: tuple[Segment, ...] = ()
    ages: tuple[int, int] | None = None


SHIPPED: Final = ("models/indices", "models/segments")
"""Folders of the cards of indices and segments that ship with the package."""
_PART: Final = {f.name for f in fields(Part)} - {"name"} | {"list"}
_CONDITION: Final = {f.name for f in fields(Condition)} - {"ways"} | {"any_of", "all_of"}
_CARD: Final = {"name", "title", "system", "source", "weights", "floor", "condition", "segment", "ages"}


def read_rules(card: str | Path, lists: Lists | None = None) -> Rules:
    """
    Read the card of a morbidity index or a segmentation.

    Parameters
    ----------
    card : str or Path
        Name of a card that ships with the package (charlson, elixhauser, hospital_frailty, cambridge,
        long_term_conditions, bridges_to_health, suffolk_north_east_essex), or a TOML file.
    lists : Mapping of str to collection of str or CodeList, str or Path, optional
        Codes by the name of the list, for cards whose lists are your own; or a folder of files of these names, in any
        layout that `read_codelist` reads.

    Returns
    -------
    Rules
        The rules, every code list filled in.

    Raises
    ------
    CardError
        There is no such card, or it is wrong, or lists are missing: everything at once, with the lists by name.

    Examples
    --------
    >>> rules = read_rules("charlson")
    >>> len(rules.conditions), rules.weights
    (17, ('original', 'shmi'))
    >>> rules.conditions[3].label, rules.conditions[3].ways[0][0].codes[:4]
    ('Cerebrovascular disease', ('G45', 'G46', 'H340', 'I60'))
    """
    path = card_path(card, SHIPPED, "card of morbidity", CardError)
    given = card_of(card_text(path, "card of morbidity", CardError), str(path), "card of morbidity", CardError)
    reader = _Reader(given.get("system", ""), _held(lists))
    rules = reader.rules(given)
    if reader.missing:
        wanted = "; ".join(f"{name} ({system})" for name, system in sorted(reader.missing.items()))
        reader.faults.append(
            f"code lists that are yours to give, by name: {wanted}. Give lists={{name: codes}} for each, or a folder "
            "of files of these names"
        )
    if reader.faults:
        raise CardError(f"The card {path.name} cannot be used:\n- " + "\n- ".join(reader.faults))
    return rules


def _held(lists: Lists | None) -> Mapping[str, Collection[str] | CodeList | Path]:
    """Lists by name; the files of a folder under their names without endings."""
    if lists is None:
        return {}
    if not isinstance(lists, (str, Path)):
        return lists
    place = Path(lists)
    if not place.is_dir():
        raise CardError(f"There is no folder {str(place)!r} of code lists.")
    return {path.name.partition(".")[0]: path for path in sorted(place.iterdir()) if path.is_file()}


class _Reader:
    """Reads a card and gathers what is wrong with it."""

    def __init__(self, system: str, lists: Mapping[str, Collection[str] | CodeList | Path]) -> None:
        self.system, self.lists = system, lists
        self.faults: list[str] = []
        self.missing: dict[str, str] = {}

    def rules(self, given: Mapping[str, Any]) -> Rules:
        self.keys(given, _CARD, "the card")
        conditions = tuple(self.condition(one) for one in given.get("condition", []))
        segments = tuple(
            Segment(one.get("name", ""), one.get("label", _words(one.get("name", ""))), tuple(one.get("any_of", ())))
            for one in given.get("segment", [])
        )
        weights = tuple(given.get("weights", ()))
        self.names(conditions, segments, weights)
        ages = self.ages(given.get("ages"), "the card")
        source = given.get("source", ())
        sources = (source,) if isinstance(source, str) else tuple(source)
        return Rules(
            str(given.get("name", "")), str(given.get("title", "")), sources, conditions, weights, given.get("floor"),
            segments, ages,
        )  # fmt: skip

    def condition(self, given: Mapping[str, Any]) -> Condition:
        name = str(given.get("name", ""))
        where = f"condition {name!r}"
        self.keys(given, _CONDITION | _PART, where)
        asked = {key: value for key, value in given.items() if key in _PART and key not in ("ages", "at_least")}
        ways: tuple[tuple[Part, ...], ...] = ()
        at_least = int(given.get("at_least", 1))
        if "any_of" in given:
            ways = tuple(
                tuple(self.part(part, where) for part in (way if isinstance(way, list) else [way]))
                for way in given["any_of"]
            )
        elif "all_of" in given:
            ways = (tuple(self.part(part, where) for part in given["all_of"]),)
        elif asked:
            ways = ((self.part({**asked, "at_least": at_least}, where),),)
        elif "count_of" not in given and "ages" not in given:
            self.faults.append(f"{where} asks for nothing: give codes, list, spells, any_of, all_of, count_of or ages")
        return Condition(
            name, str(given.get("label", _words(name))), ways, tuple(given.get("count_of", ())), at_least,
            given.get("at_most"), self.ages(given.get("ages"), where), given.get("weight"),
            tuple(given.get("yields_to", ())),
        )  # fmt: skip

    def part(self, given: Mapping[str, Any], where: str) -> Part:
        self.keys(given, _PART, where)
        rest = {key: value for key, value in given.items() if key not in ("list", "codes", "resolved", "system")}
        for key in ("spells", "sources"):
            if key in rest:
                rest[key] = tuple(rest[key])
        system = str(given.get("system", self.system))
        if len({"list", "codes", "spells"} & set(given)) != 1:
            self.faults.append(f"{where} needs one of codes, list and spells in each of its parts")
        codes = self.codes(given["codes"], system, where) if "codes" in given else ()
        if "list" in given:
            codes = self.listed(str(given["list"]), system)
        resolved = self.listed(str(given["resolved"]), system) if "resolved" in given else ()
        return Part(str(given.get("list", "")), system, codes, resolved, **rest)

    def listed(self, name: str, system: str) -> tuple[str, ...]:
        if name not in self.lists:
            self.missing[name] = system
            return ()
        held = self.lists[name]
        if isinstance(held, Path):
            held = read_codelist(held)
        if isinstance(held, CodeList):
            codes = held.by_system.get(system, ())
            if not codes:
                there = ", ".join(held.systems) or "no system"
                self.faults.append(f"the list {name!r} of {held.origin} holds codes of {there}, and none of {system}")
        else:
            codes = tuple(str(code) for code in held)
        return tuple(dict.fromkeys(cleaned(code, system) for code in codes))

    def codes(self, given: Sequence[str], system: str, where: str) -> tuple[str, ...]:
        found: list[str] = []
        for code in given:
            try:
                found += expanded(code) if system in PREFIX else [code]
            except ValueError as error:
                self.faults.append(f"{where}: {error}")
        return tuple(dict.fromkeys(cleaned(code, system) for code in found))

    def ages(self, given: Any, where: str) -> tuple[int, int] | None:
        if given is None:
            return None
        if not (isinstance(given, list) and len(given) == 2 and all(isinstance(a, int) for a in given)):
            self.faults.append(f"{where}: ages are {given!r}; give the first and the last, as in [18, 120]")
            return None
        return given[0], given[1]

    def keys(self, given: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
        if unknown := sorted(set(given) - set(allowed)):
            self.faults.append(f"{where} has unknown keys {', '.join(unknown)}; there are {', '.join(sorted(allowed))}")

    def names(self, conditions: Sequence[Condition], segments: Sequence[Segment], weights: Sequence[str]) -> None:
        """What is named is there, once, and a count comes after what it counts."""
        names = [c.name for c in conditions]
        for given, what in ((names, "conditions"), ([s.name for s in segments], "segments")):
            if bad := sorted({n for n in given if given.count(n) > 1 or not re.fullmatch("[a-z][a-z0-9_]*", n)}):
                self.faults.append(f"names of {what} that stand twice or are not lower case: {', '.join(bad)}")
        for one in conditions:
            unknown = [n for n in (*one.count_of, *one.yields_to) if n not in names]
            counted = {c.name for c in conditions if c.count_of}
            unknown += [f"{n}, itself a count" for n in one.count_of if n in counted]
            if unknown:
                self.faults.append(f"condition {one.name!r} names {', '.join(unknown)}; there is {', '.join(names)}")
            if weights and set(one.weight or {}) != set(weights):
                self.faults.append(f"condition {one.name!r} needs a weight for each of {', '.join(weights)}")
        for k, segment in enumerate(segments):
            if unknown := [n for n in segment.any_of if n not in names]:
                self.faults.append(f"segment {segment.name!r} names {', '.join(unknown)}, which are no conditions")
            if bool(segment.any_of) == (k == len(segments) - 1):
                self.faults.append(f"segment {segment.name!r}: the last segment, and it alone, has no any_of")
        if not conditions or bool(weights) == bool(segments):
            self.faults.append("the card needs [[condition]], and either weights or [[segment]]")


def expanded(code: str) -> list[str]:
    """A code, or the codes from one to another of the same length and letter: I60-I69, K70.0-K70.3."""
    text = code.strip().upper()
    found = _RANGE.fullmatch(text)
    if found is None:
        if "-" in text:
            raise ValueError(f"{code!r} is no range: give it as in I60-I69 or K70.0-K70.3")
        return [text]
    low, high = found[2].replace(".", ""), found[4].replace(".", "")
    if found[1] != found[3] or len(low) != len(high) or int(low) > int(high):
        raise ValueError(f"{code!r} is no range within one letter, from the lower to the higher")
    return [f"{found[1]}{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]


def cleaned(code: str, system: str) -> str:
    """A code as it is compared: in ICD-10 and OPCS-4 without dots and spaces, in capitals; in Read of five places."""
    if system in READ:
        return written_out(code.strip(), system)[0][0]
    return re.sub(r"[.\s]", "", code.upper()) if system in PREFIX else code.strip()


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
