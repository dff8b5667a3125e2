"""What a column of anybody's table holds, told by its content and by the words of its title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, PERSON, QUINTILE, SEX
from bayesineq.tables.blanks import is_blank, trimmed
from bayesineq.tables.check import SUPPRESSED
from bayesineq.tables.codes import code_list
from bayesineq.tables.geographies import OWN, TOTALS, geographies, geography
from bayesineq.tables.intervals import is_bound
from bayesineq.tables.labels import read_labels

YEAR: Final = "year"
NUMBER: Final = "number"
FLAG: Final = "yes_no"
SCORE: Final = "deprivation_score"
RANK: Final = "deprivation_rank"

_PARTS: Final = {10: DECILE, 5: QUINTILE}
_MOST: Final = 0.9
"""Share of a column's values that must be of a kind."""

_WORDS_OF_SEX: Final = {word: sex for sex, words in (("male", "male males man men boys"),
                                                     ("female", "female females woman women girls"))
                        for word in words.split()}  # fmt: skip
_YES: Final = frozenset({"y", "yes", "true", "t", "1"})
_NO: Final = frozenset({"n", "no", "false", "f", "0"})
_YEARS: Final = (1980, 2060)
_OLDEST: Final = 120


@dataclass(frozen=True, slots=True)
class Recognised:
    """
    What a column holds.

    Parameters
    ----------
    column : str
        Its title.
    role : str
        One of area, imd_decile, imd_quintile, deprivation_score, deprivation_rank, ethnicity, age_band, sex, year,
        person, yes_no and number; empty where nothing was recognised.
    why : str
        By what it was recognised, in words.
    words : frozenset of str
        Roles that the words of the title speak of: count, denominator, rate, lower, upper and others.
    values : mapping of str to str or int
        Values as they stand, to those of the package, where these differ.
    most : {"", "lowest", "highest"}
        For deprivation given as numbers: which end is the most deprived, as far as labels or the title say so.
    whole : bool
        Of a number: whether all are whole.
    signs : tuple of str
        Of a number: what stands in place of some, such as `*` or `<8`.
    blanks : int
        Number of rows without a value.
    """

    column: str
    role: str
    why: str
    words: frozenset[str] = frozenset()
    values: Mapping[str, str | int] = MappingProxyType({})
    most: str = ""
    whole: bool = False
    signs: tuple[str, ...] = ()
    blanks: int = 0


def recognise(table: pd.DataFrame) -> tuple[Recognised, ...]:
    """
    Say what each column of a table holds.

    Parameters
    ----------
    table : DataFrame
        Any table, with any titles.

    Returns
    -------
    tuple of Recognised
        One a column, in their order. A column of codes or labels has a role; which of several numbers is the count
        and which the denominator is told by their words and by comparing them, and is no business of this function.

    Examples
    --------
    >>> cells = {"LSOA": ["E01000001", "E01000002"], "Gender": ["F", "M"], "Pts": ["1,200", "*"]}
    >>> [(found.column, found.role) for found in recognise(pd.DataFrame(cells))]
    [('LSOA', 'area'), ('Gender', 'sex'), ('Pts', 'number')]
    """
    return tuple(_recognised(table.iloc[:, k], str(name)) for k, name in enumerate(table.columns))


def words_of(title: str) -> frozenset[str]:
    """
    Roles that the words of a title speak of.

    Examples
    --------
    >>> sorted(words_of("DiabetesCount_2021"))
    ['count']
    """
    plain = plain_title(title)
    return frozenset(role for role, pattern in _patterns() if pattern.search(plain))


def plain_title(title: str) -> str:
    """
    A title in small letters, one space between words.

    Examples
    --------
    >>> plain_title("Pop_Total (2021) IMDDecile")
    'pop total 2021 imd decile'
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", title)
    return " ".join(re.sub(r"[^0-9a-z%]+", " ", apart.casefold()).split())


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    listed = code_list("column_names")
    return tuple((row["role"], re.compile(row["pattern"])) for row in listed.to_dict("records"))


def _recognised(column: pd.Series, title: str) -> Recognised:
    blank = is_blank(column)
    texts = [trimmed(value) for value in pd.unique(column[~blank].astype(object))]
    words = words_of(title)
    found = next(_readings(texts, words, title, int((~blank).sum())), None) or Recognised(title, "", "")
    return Recognised(
        title, found.role, found.why, words, found.values, found.most, found.whole, found.signs, int(blank.sum())
    )


def _readings(texts: list[str], words: frozenset[str], title: str, rows: int) -> Iterator[Recognised]:
    """Ways to read a column, the likeliest first."""
    if not texts:
        return
    for read in (_sex, _ethnicity, _deprivation, _year, _age):
        if found := read(texts, words, title):
            yield found
    if found := _area(texts, words, title):
        yield found
    if "person" in words and len(texts) >= _MOST * rows:
        yield Recognised(title, PERSON, f"another value in each of {rows:,} rows, and the title")
    folded = {text.casefold() for text in texts}
    if len(folded) == 2 and folded <= _YES | _NO and not folded <= {"0", "1"}:
        values = {text: int(text.casefold() in _YES) for text in texts}
        yield Recognised(title, FLAG, f"yes and no ({_some(texts)})", values=values)
    if found := _number(texts, title):
        yield found


def _sex(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    listed = code_list("sex_spellings")
    said = {text: text.casefold() for text in texts}
    for scheme, spelt in listed.groupby("scheme", sort=False):
        codes = dict(zip(spelt["given"].str.casefold(), spelt["code"], strict=True))
        plain = not _WORDS_OF_SEX.keys().isdisjoint(said.values())
        codes |= _WORDS_OF_SEX if plain else {}
        if set(said.values()) <= set(codes) and len(texts) >= 2 and ("sex" in words or plain or scheme == "letters"):
            values = {text: codes[plain_] for text, plain_ in said.items()}
            if {"male", "female"} <= set(values.values()):
                shown = ", ".join(f"{text} = {code}" for text, code in values.items())
                return Recognised(title, SEX, f"{shown} ({scheme})", values=values)
    return None


def _ethnicity(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    labels = [re.compile(row) for row in code_list("ethnicity_labels")["pattern"]]
    # Words such as "other" and "unknown" stand in many a column; a group is named by more than they say.
    named = [t for t in texts if any(p.search(t.casefold()) for p in labels)]
    telling = [t for t in texts if re.search(r"white|asian|black|mixed|british|indian|african|chinese", t.casefold())]
    if len(named) >= _MOST * len(texts) and ("ethnicity" in words or len(telling) >= max(2, len(texts) // 2)):
        return Recognised(title, ETHNICITY, f"names of ethnic groups, such as {_some(telling or named)}")
    if "ethnicity" not in words:
        return None
    for scheme in ("ethnicity_nhs", "ethnicity_census_2021", "ethnicity_broad_6"):
        listed = code_list(scheme)
        names = dict(zip(listed["code"].str.casefold(), listed["code"], strict=True))
        if all(text.casefold() in names for text in texts):
            values = {text: names[text.casefold()] for text in texts if names[text.casefold()] != text}
            kind = "codes of the NHS" if scheme == "ethnicity_nhs" else "short names of groups"
            return Recognised(title, ETHNICITY, f"{kind} ({_some(texts)})", values=values)
    return Recognised(title, ETHNICITY, "the title") if len(texts) <= 30 and _numbers(texts) is None else None


def _deprivation(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    speaks = any("depriv" in text.casefold() for text in texts)
    if "deprivation" not in words and not speaks:
        return None
    plain = plain_title(title)
    numbers = _numbers(texts)
    if numbers is not None and ("score" in words or "rank" in words) and "decile" not in plain:
        role = RANK if "rank" in words and "score" not in words else SCORE
        return Recognised(title, role, "the title, and numbers")
    places = _places(texts)
    if places is None:
        return None
    at, told = places
    if at.min() < 1 or at.max() > 10 or not np.array_equal(at, np.round(at)):
        return Recognised(title, SCORE, "the title, and numbers") if numbers is not None else None
    parts = 5 if "quintile" in plain or (at.max() <= 5 and "decile" not in plain and "10%" not in plain) else 10
    if at.max() > parts:
        return None
    most = told or _stated_end(title)
    values = {text: int(place) for text, place in zip(texts, at, strict=True) if text != str(int(place))}
    why = f"{'tenths' if parts == 10 else 'fifths'} of deprivation, {_some(texts)}"
    return Recognised(title, _PARTS[parts], why, values=values, most=most)


def _places(texts: list[str]) -> tuple[np.ndarray, str] | None:
    """Tenths or fifths that labels name, as numbers, and which end is the most deprived where they say so."""
    shares = [re.search(r"(\d+)\s*(?:%?\s*(?:-|–|to)\s*(\d+)\s*)?%", text) for text in texts]
    if all(shares):
        # "Most deprived 10%", "10-20%", ..., "Least deprived 10%".
        ends = [(float(f[1]), float(f[2]) if f[2] else None) for f in shares if f]
        width = min(e - b for b, e in ends if e is not None) if any(e for _, e in ends) else ends[0][0]
        at = np.array([b / width + 1 if e is not None else 1.0 for b, e in ends])
        last = 100.0 / width
        at = np.where([bool(re.search("least|less deprived", t.casefold())) and e is None
                       for t, (_, e) in zip(texts, ends, strict=True)], last, at)  # fmt: skip
        said = any(re.search("most|more", text.casefold()) for text in texts)
        return (at, "lowest" if said else "") if len(set(at)) == len(at) else None
    scale = read_labels(texts)
    if scale is None:
        return None
    if scale.kind == "words":
        order = np.argsort(np.argsort(scale.first)) + 1.0
        return (order, "lowest") if len(texts) in _PARTS else None
    if scale.kind not in ("number", "rank"):
        return None
    if (scale.first < 0).all():
        # The labels say themselves that the highest number is the most deprived.
        return -scale.first, "highest"
    return scale.first, "lowest" if any("deprived" in text.casefold() for text in texts) else ""


def _stated_end(title: str) -> str:
    """Which end a title says to be the most deprived: "where 1 is most deprived", "10 = least deprived"."""
    plain = plain_title(title)
    if found := re.search(r"\b(1|5|10) (?:is |being )?(?:the )?(most|least) (?:deprived|disadvantaged)", plain):
        return "lowest" if (found[1] == "1") == (found[2] == "most") else "highest"
    return ""


def _year(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    scale = read_labels([re.sub(r"^(?i:fy|year)\s*", "", text) for text in texts])
    if scale is None:
        return None
    within = bool(((scale.first >= _YEARS[0]) & (scale.first <= _YEARS[1])).all())
    spans = scale.kind == "band" and within and bool((scale.last - scale.first <= 5).all())
    plain = scale.kind == "number" and within and ("year" in words or not words & {"count", "denominator"})
    if scale.kind == "financial year" or spans or (plain and ("year" in words or len(texts) <= 3)):
        return Recognised(title, YEAR, f"years, {_some(texts)}")
    return Recognised(title, YEAR, f"{scale.kind}s, {_some(texts)}") if "month" in scale.kind else None


def _age(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    scale = read_labels(texts)
    if scale is None or not words.isdisjoint({"deprivation", "count", "rate"}):
        return None
    low = np.where(np.isfinite(scale.first), scale.first, 0)
    if scale.kind == "band" and (low <= _OLDEST).all() and ("age" in words or bool((low >= 0).all())):
        return Recognised(title, AGE, f"age bands, {_some(texts)}")
    single = scale.kind == "number" and "age" in words and bool(((low >= 0) & (low <= _OLDEST)).all())
    return Recognised(title, AGE, f"single years of age, {_some(texts)}") if single else None


def _area(texts: list[str], words: frozenset[str], title: str) -> Recognised | None:
    whole = [text for text in texts if text.casefold() not in TOTALS]
    known = geography(whole)
    # Some forms, such as the five digits of a county, are those of other numbers too: the title must say it.
    if known.level != OWN and (known.specific or ("area" in words and not words & {"count", "rate"})):
        forms = {known, *(other for other in geographies() if other.specific and other.level == known.level)}
        fits = [next((form for form in forms if re.fullmatch(form.pattern, text)), None) for text in whole]
        if len(whole) - fits.count(None) >= _MOST * len(whole):
            kinds = " and ".join(dict.fromkeys(str(form) for form in fits if form))
            return Recognised(title, AREA, f"codes of {kinds}, such as {_some(whole)}")
    if "area" in words and _numbers(texts) is None and len(texts) >= 2:
        return Recognised(title, AREA, f"the title, and names or codes of your own, such as {_some(texts)}")
    return None


def _number(texts: list[str], title: str) -> Recognised | None:
    """Numbers, whole or not, some of them perhaps suppressed."""
    plain = [re.sub(r"(?<=\d),(?=\d{3}\b)|%$|^£", "", text) for text in texts]
    read = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(np.float64)
    strange = [text for text, value in zip(texts, read, strict=True) if np.isnan(value)]
    if len(strange) == len(texts) or not all(map(_is_withheld, strange)):
        return None
    known = read[~np.isnan(read)]
    whole = bool((known == np.floor(known)).all())
    said = f"{'whole ' if whole else ''}numbers from {known.min():,g} to {known.max():,g}"
    said += f", and {_some(strange)} in place of some" if strange else ""
    return Recognised(title, NUMBER, said, whole=whole, signs=tuple(strange))


def _is_withheld(text: str) -> bool:
    """Whether a text stands in place of a count: a sign of suppression, or a bound."""
    return text in SUPPRESSED or text.casefold() == "suppressed" or not re.search(r"\w", text) or is_bound(text)


def _numbers(texts: list[str]) -> np.ndarray | None:
    read = pd.to_numeric(pd.Series(texts, dtype=object).str.replace(",", ""), errors="coerce").to_numpy(np.float64)
    return None if np.isnan(read).any() else read


def _some(texts: list[str]) -> str:
    return ", ".join(map(repr, texts[:3])) + (", ..." if len(texts) > 3 else "")
