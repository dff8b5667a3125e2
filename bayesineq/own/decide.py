"""Which column is what: what is plain is taken and said, what is not is asked for, all at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.dims import AGE, AREA, DECILE, DEPRIVATION, ETHNICITY, PERSON, QUINTILE, SEX, MoreIs
from bayesineq.errors import SchemaError
from bayesineq.own.layout import COUNT, ERROR, EXPECTED, PEOPLE, RATE, VALUE, YEARS, Layout, reversed_places
from bayesineq.tables.recognise import FLAG, NUMBER, RANK, SCORE, YEAR, Recognised, plain_title

ROLES: Final = {
    "area": AREA,
    "deprivation": "deprivation",
    "ethnicity": ETHNICITY,
    "age": AGE,
    "sex": SEX,
    "year": YEAR,
    "count": COUNT,
    "denominator": PEOPLE,
    "person-years": YEARS,
    "expected": EXPECTED,
    "rate": RATE,
    "lower": "lower",
    "upper": "upper",
    "standard-error": ERROR,
}
"""What can be said of a column, as options have it, to its name in a study."""

_DIMENSIONS: Final = (AREA, *DEPRIVATION, ETHNICITY, AGE, SEX, YEAR)
_WORDS: Final = ("rate", "lower", "upper", "standard_error", "exposure", "expected", "denominator", "count")
_NO_COUNTS: Final = frozenset({"rate", "lower", "upper", "standard_error", "score", "rank", "expected"})
_PERS: Final = (1, 100, 1_000, 10_000, 100_000)
_WORSE: Final = re.compile(
    r"\b(death|deaths|died|dying|mortality|adm|admi\w+|readmi\w+|emergenc\w+|missed|dnas?|did not attend|cancel\w+|"
    r"disease|diab\w*|dm|smok\w+|obes\w+|overweight|falls?|stroke|chd|ckd|copd|cvd|cancer|suicide|harm|asthma|depress\w+|"
    r"hypertens\w+|infect\w+|late|poor|bad|fail\w*|unmet|overdue|breach\w*|wait\w*|illness|prevalence|cases?|injur\w+|"
    r"violence|homeless\w*|dementia|anxiety|sepsis|amputat\w+|low birth ?weight|poverty|prem\w+|stillb\w+|"
    r"inactive|unvaccinated|undiagnosed|uncontrolled|unscreened|a&e|ae)\b"
)
_BETTER: Final = re.compile(
    r"\b(controlled|control|screen\w*|vaccin\w*|immunis\w*|jabs?|uptake|coverage|covered|attended|complet\w+|checks?|"
    r"checked|reached|treated|review\w*|breastf\w+|achiev\w+|recover\w*|surviv\w+|quit|on target|target met|active|"
    r"offered|on time|care plan|diagnosed early|good|well|healthy)\b"
)
_NEGATED: Final = re.compile(r"\b(not|no|non|without|never|un\w*|in)\b")


@dataclass(slots=True)
class Decided:
    """
    What is known so far of a table.

    `taken`: by name in the study: the column and why. `asks`: what must be said, each with the options that say it.
    """

    columns: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    asks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, column: str, why: str) -> None:
        """Take a column for what it is called in a study."""
        self.columns[name], self.why[name] = column, why


def said_roles(said: Mapping[str, str], titles: Iterable[str]) -> dict[str, str]:
    """What was said of columns, by name in the study; a title that is not there is an error with the nearest."""
    wrong, known = [], list(titles)
    folded = {plain_title(title): title for title in known}
    found = {}
    for role, title in said.items():
        if role not in ROLES:
            wrong.append(f"{role!r} is nothing that a column is taken for; known are {', '.join(ROLES)}")
        match = title if title in known else folded.get(plain_title(title))
        if match is None:
            near = difflib.get_close_matches(title, known, n=1, cutoff=0.5)
            wrong.append(f"--{role} {title!r}: there is no such column" + (f"; is it {near[0]!r}?" if near else ""))
        elif role in ROLES:
            found[ROLES[role]] = match
    if wrong:
        raise SchemaError("What was said does not fit the table, whose columns are "
                          f"{', '.join(map(repr, known))}:\n  - " + "\n  - ".join(wrong))  # fmt: skip
    return found


def decide_dimensions(
    cells: pd.DataFrame, seen: Mapping[str, Recognised], said: Mapping[str, str], most: str
) -> tuple[Decided, dict[str, dict[str, str | int]], str]:
    """
    Columns that say which row it is.

    Returns: what was decided, values by name, and the end of a score or rank of which fifths are made, if any.
    """
    found, values, fifths = Decided(), {}, ""
    taken = set(said.values())
    for name in (AREA, ETHNICITY, AGE, SEX, YEAR):
        if name in said:
            found.take(name, said[name], "as you said")
            continue
        candidates = [one for one in seen.values() if one.role == name and one.column not in taken]
        if chosen := _of_several(cells, name, candidates, found):
            found.take(name, chosen.column, chosen.why)
    for name, column in found.columns.items():
        if seen[column].role == name and seen[column].values:
            values[name] = dict(seen[column].values)
    fifths = _decide_deprivation(cells, seen, said.get("deprivation"), most, (found, values))
    return found, values, fifths


def _of_several(cells: pd.DataFrame, name: str, candidates: list[Recognised], found: Decided) -> Recognised | None:
    """The one of several columns of a role, if one holds the others; the others are named."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    sizes = {one.column: cells[one.column].nunique() for one in candidates}
    finest = max(candidates, key=lambda one: (sizes[one.column], "title" not in one.why))
    others = [one for one in candidates if one is not finest]
    nested = all((cells.groupby(finest.column)[one.column].nunique().to_numpy() < 2).all() for one in others)
    if nested and not (name == AREA and "title" in finest.why and any("title" not in one.why for one in others)):
        listed = ", ".join(repr(one.column) for one in others)
        found.notes.append(f"{listed} left aside: {finest.column!r} is as fine or finer, and tells which it is.")
        return finest
    coded = [one for one in candidates if "title" not in one.why]
    if name == AREA and len(coded) == 1:
        found.notes.append(f"{', '.join(repr(o.column) for o in candidates if o is not coded[0])} left aside: names.")
        return coded[0]
    option = next(key for key, role in ROLES.items() if role == name)
    found.asks.append(ask(f"which column is the {name.replace('_', ' ')}", option, [one.column for one in candidates]))
    return None


def ask(what: str, option: str, columns: Iterable[str]) -> str:
    """A question with the options that answer it."""
    return f"{what}?  " + "  or  ".join(f"--{option} {_shell(column)}" for column in columns)


def _shell(text: str) -> str:
    return text if re.fullmatch(r"[\w./-]+", text) else '"' + text.replace('"', '\\"') + '"'


def _decide_deprivation(
    cells: pd.DataFrame,
    seen: Mapping[str, Recognised],
    said: str | None,
    most: str,
    into: tuple[Decided, dict[str, dict[str, str | int]]],
) -> str:
    found, values = into
    kinds = {kind: [one for one in seen.values() if one.role == kind] for kind in (*DEPRIVATION, SCORE, RANK)}
    candidates = [seen[said]] if said else next((kinds[kind] for kind in kinds if kinds[kind]), [])
    if len(candidates) > 1:
        found.asks.append(ask("which column is the deprivation", "deprivation", [one.column for one in candidates]))
        return ""
    if not candidates:
        return ""
    one, why = candidates[0], "as you said" if said else candidates[0].why
    if one.role in (SCORE, RANK) or (said and one.role not in DEPRIVATION):
        return _decide_score(cells, one, most, found)
    name, end, by = one.role, *_end(cells, one, kinds, most)
    if not end:
        last = 10 if name == DECILE else 5
        found.asks.append(
            f"which end of {one.column!r} is the most deprived? Nothing in the table says it.  "
            f"--most-deprived 1  or  --most-deprived {last}"
        )
    texts = [str(text) for text in cells[one.column].dropna().unique()]
    if end == "highest":
        values[name] = {**reversed_places(name, texts, one.values)}
        by += "; turned, so that 1 is the most deprived"
    elif one.values:
        values[name] = dict(one.values)
    found.take(name, one.column, f"{why}; {by}" if by else why)
    return ""


def _decide_score(cells: pd.DataFrame, one: Recognised, most: str, found: Decided) -> str:
    """Fifths of the areas of the table, made of a score or a rank."""
    end = most or ("lowest" if one.role == RANK else "highest" if one.role == SCORE else "")
    if one.role == NUMBER and not most:
        end = ""
        found.asks.append(f"which end of {one.column!r} is the most deprived?  --most-deprived lowest  or  "
                          "--most-deprived highest")  # fmt: skip
    areas = cells[found.columns[AREA]].nunique() if AREA in found.columns else len(cells)
    if areas < 10:
        found.notes.append(f"{one.column!r} left aside: fifths of {areas} areas would say little.")
        return ""
    by = "as you said" if most else "by the meaning of a " + ("rank, 1 first" if one.role == RANK else "score")
    found.take(QUINTILE, one.column, f"{one.why}: made into fifths of the {areas:,} areas of this table, "
                                     f"1 the most deprived; the {end} is the most deprived, {by}")  # fmt: skip
    return end


def _end(cells: pd.DataFrame, one: Recognised, kinds: Mapping[str, list[Recognised]], most: str) -> tuple[str, str]:
    """Which end of a decile is the most deprived, and by what that is known."""
    if most:
        end = {"1": "lowest", "lowest": "lowest", "5": "highest", "10": "highest", "highest": "highest"}[most]
        return end, f"{'1' if end == 'lowest' else 'the highest'} is the most deprived, as you said"
    if one.most:
        said = "1" if one.most == "lowest" else "the highest number"
        return one.most, f"{said} is the most deprived, as the labels or the title say"
    place = pd.to_numeric(cells[one.column].map(lambda v: one.values.get(v, v)), errors="coerce")
    for kind, sign in ((SCORE, 1.0), (RANK, -1.0)):
        for other in kinds[kind]:
            beside = pd.to_numeric(cells[other.column].str.replace(",", ""), errors="coerce")
            slope = sign * float(np.nan_to_num(place.rank().corr(beside.rank())))
            if abs(slope) > 0.5:
                end = "highest" if slope > 0 else "lowest"
                number = "1" if end == "lowest" else "the highest number"
                return end, f"{number} is the most deprived, by {other.column!r} beside it"
    return "", ""


_NAMELESS: Final = re.compile(r"(count|value|numerator|number|n|events?|rate|obs|observed|cases|total|yes)")
_NAMES: Final = re.compile(r"\b(indicator|measure|metric|outcome|condition|disease|topic)\b")


def named_by(cells: pd.DataFrame, title: str) -> str:
    """What a count is of: its title; where that says nothing, the one value of a column that names the indicator."""
    if _NAMELESS.fullmatch(plain_title(title)):
        for column in cells.columns:
            held = cells[column].dropna().unique()
            if len(held) == 1 and _NAMES.search(plain_title(column)) and not str(held[0]).isdigit():
                return str(held[0])
    return title


def decide_polarity(title: str, said: MoreIs | None, found: Decided) -> MoreIs:
    """Whether more of the outcome is worse or better, by the words of its title or as was said."""
    if said is not None:
        found.notes.append(f"More of {title!r} is {said}, as you said.")
        return said
    plain = plain_title(re.sub(r"(?i)\bno\.", "number", title))
    worse, better = _WORSE.search(plain), _BETTER.search(plain)
    if bool(worse) == bool(better) or _NEGATED.search(plain):
        found.asks.append(
            f"is more of {title!r} worse (illness, deaths, missed care) or better (screened, controlled)?  "
            "--more-is worse  or  --more-is better"
        )
        return "worse"
    answer: MoreIs = "worse" if worse else "better"
    word = (worse or better)[0]  # type: ignore[index]
    found.notes.append(f"More of {title!r} is {answer}, by the word {word!r}; else say --more-is.")
    return answer


def decide_people(cells: pd.DataFrame, seen: Mapping[str, Recognised], said: Mapping[str, str], found: Decided) -> bool:
    """Whether a row is a person, and if so which column is the outcome."""
    persons = [one for one in seen.values() if one.role == PERSON]
    flags = [one for one in seen.values() if one.role == FLAG]
    numbers = _numbers(seen, found)
    zero_one = [one for one in numbers if one.whole and one.why.endswith("from 0 to 1")]
    alone = (flags and not numbers) or (len(numbers) == len(zero_one) > 0 and _share_cells(cells, found))
    if PEOPLE in said or YEARS in said or not (persons or alone):
        return False
    outcomes = [said[COUNT]] if COUNT in said else [one.column for one in (*flags, *zero_one)]
    if len(outcomes) != 1:
        none = "; none holds yes or no (1 or 0), so first make such a column" if not outcomes else ""
        found.asks.append(ask(f"a row is a person: which column is the outcome{none}", "count", outcomes))
        return True
    if outcomes[0] in seen and seen[outcomes[0]].role not in (FLAG, NUMBER):
        found.asks.append(f"{outcomes[0]!r} is neither yes nor no: make it 1 or 0 first")
    found.take(COUNT, outcomes[0], "yes or no of each person: the people of each cell are counted")
    found.notes.append("A row is a person: they are added up by cell. From linked records, `bayesineq cohort` does it.")
    return True


def _share_cells(cells: pd.DataFrame, found: Decided) -> bool:
    """Whether several rows are of the same area and groups, as those of persons are."""
    keys = list(found.columns.values())
    return bool(keys) and bool(cells.duplicated(keys).any())


def _numbers(seen: Mapping[str, Recognised], found: Decided) -> list[Recognised]:
    """Columns of numbers that say not which row it is."""
    used = set(found.columns.values())
    aside = re.compile(r"\b(lat|lon|latitude|longitude|easting|northing|id|index|row|x|y|objectid|code)\b")
    return [
        one for one in seen.values()
        if one.role == NUMBER and one.column not in used and not aside.search(plain_title(one.column))
    ]  # fmt: skip


def decide_numbers(
    cells: pd.DataFrame, seen: Mapping[str, Recognised], said: Mapping[str, str], found: Decided
) -> None:
    """The count and what it is counted among, or a rate and its denominator or limits."""
    for name, column in said.items():
        if name not in (*_DIMENSIONS, "deprivation"):
            found.take(name, column, "as you said")
    left = _numbers(seen, found)
    by_word = {word: [one for one in left if word in one.words] for word in _WORDS}
    under: str | None = next((name for name in (PEOPLE, YEARS, EXPECTED) if name in found.columns), None)
    if COUNT in found.columns and under:
        return
    if not under and COUNT not in said and _take_limits(by_word, found):
        return
    for word, name in (("exposure", YEARS), ("expected", EXPECTED)):
        if not under and len(by_word[word]) == 1:
            under = name
            found.take(name, by_word[word][0].column, "the title")
    left = [one for one in left if one.column not in found.columns.values()]
    pairs = _pairs(cells, left, found, under)
    if len(pairs) != 1:
        by_title = [pair for pair in pairs if _speaks(pair, seen)]
        pairs = by_title or pairs
    if len(pairs) == 1:
        _take_pair(pairs[0], seen, found, under)
    elif RATE in found.columns or (by_word["rate"] and not pairs):
        _take_rate(cells, by_word, left, found)
    else:
        _ask_numbers(pairs, left, found)


def _speaks(pair: tuple[str, str], seen: Mapping[str, Recognised]) -> bool:
    """Whether the titles of a pair say themselves which is the count and which the denominator."""
    count, people = (seen[column].words if column in seen else frozenset() for column in pair)
    fits = "denominator" not in count - {"count"} or "count" in count
    return (
        fits
        and ("denominator" in people or not pair[1])
        and "count" not in people
        and ("count" in count or "denominator" not in count)
    )


def _pairs(cells: pd.DataFrame, left: list[Recognised], found: Decided, under: str | None) -> list[tuple[str, str]]:
    """Pairs of whole numbers the first of which is never above the second."""
    whole = {one.column: _bounds(cells[one.column]) for one in left if one.whole and not one.words & _NO_COUNTS}
    whole |= {
        found.columns[name]: _bounds(cells[found.columns[name]]) for name in (COUNT, PEOPLE) if name in found.columns
    }
    counts = [found.columns[COUNT]] if COUNT in found.columns else list(whole)
    if under and under != PEOPLE:
        return [(count, "") for count in counts]
    people = [found.columns[PEOPLE]] if PEOPLE in found.columns else list(whole)
    pairs = []
    for count in counts:
        for among in people:
            if count != among and not seen_signs(cells[among]):
                low, high = whole[count], whole[among]
                if (low <= high).all() and (low < high).any():
                    pairs.append((count, among))
    return pairs


def seen_signs(column: pd.Series) -> bool:
    """Whether something other than a number stands in a column."""
    return bool(pd.to_numeric(column.dropna().str.replace(",", ""), errors="coerce").isna().any())


def _bounds(column: pd.Series) -> pd.Series:
    """Numbers of a column; what is suppressed or blank is 0, the least that it can be."""
    return pd.to_numeric(column.str.replace(r"(?<=\d),(?=\d{3}\b)", "", regex=True), errors="coerce").fillna(0.0)


def _take_pair(pair: tuple[str, str], seen: Mapping[str, Recognised], found: Decided, under: str | None) -> None:
    count, people = pair
    if COUNT not in found.columns:
        titled = "count" in seen[count].words
        found.take(COUNT, count, f"{seen[count].why}, {'the title' if titled else 'the only ones that fit'}")
    if people and PEOPLE not in found.columns:
        titled = "denominator" in seen[people].words
        how = "the title" if titled else "the only ones that fit"
        found.take(PEOPLE, people, f"{seen[people].why}, never below {count!r}, {how}")


def _take_limits(by_word: Mapping[str, list[Recognised]], found: Decided) -> bool:
    """A rate with its limits, or its standard error, in place of counts."""
    ends = [found.columns.get("lower"), found.columns.get("upper")]
    ends = [end or (by_word[word][0].column if len(by_word[word]) == 1 else None)
            for end, word in zip(ends, ("lower", "upper"), strict=True)]  # fmt: skip
    error = found.columns.get(ERROR) or (by_word["standard_error"][0].column if by_word["standard_error"] else None)
    rates = [found.columns[RATE]] if RATE in found.columns else [
        one.column for one in by_word["rate"] if one.column not in (*ends, error)
    ]  # fmt: skip
    if len(rates) != 1 or not (error or all(ends)) or (by_word["denominator"] and by_word["count"]):
        return False
    found.columns.pop(RATE, None)
    found.take(VALUE, rates[0], "a rate, by the title, with what says how sure it is beside it")
    if error:
        found.take(ERROR, error, "the title")
    else:
        for name, column in zip(("lower", "upper"), ends, strict=True):
            found.take(name, str(column), f"{name} 95% limit, by the title")
        found.notes.append("Limits are taken to hold 95%; standard errors are made of them.")
    if len(by_word["denominator"]) == 1 and PEOPLE not in found.columns:
        found.take(PEOPLE, by_word["denominator"][0].column, "the title: it weighs rates where they are averaged")
    elif PEOPLE not in found.columns:
        found.notes.append("Nothing says of how many people a rate is: in averages each row counts alike.")
    return True


def _take_rate(
    cells: pd.DataFrame, by_word: Mapping[str, list[Recognised]], left: list[Recognised], found: Decided
) -> None:
    rates = [found.columns[RATE]] if RATE in found.columns else [one.column for one in by_word["rate"]]
    people = [found.columns[PEOPLE]] if PEOPLE in found.columns else [
        one.column for one in left if one.whole and one.column not in rates and "denominator" in one.words
    ]  # fmt: skip
    if len(rates) > 1:
        found.asks.append(ask("which column is the rate", "rate", rates))
    elif not people:
        found.asks.append(
            f"{rates[0]!r} is a rate, and nothing says of how many people or how sure it is: give the people "
            "(--denominator COLUMN), or its 95% limits (--lower COLUMN --upper COLUMN), or the counts themselves"
        )
    elif len(people) > 1:
        found.asks.append(ask(f"of how many people is the rate {rates[0]!r}", "denominator", people))
    else:
        found.columns.setdefault(RATE, rates[0])
        found.why.setdefault(RATE, "the title")
        found.take(PEOPLE, people[0], found.why.get(PEOPLE, "the title"))


def per_of(cells: pd.DataFrame, found: Decided, said: float) -> float:
    """Of how many people a rate is, by its title or its size; asked for where neither says it."""
    if RATE not in found.columns:
        return 0.0
    title, plain = found.columns[RATE], plain_title(found.columns[RATE])
    if said:
        return said
    if words := re.search(r"\bper (\d+)\s?(\d{3})?\s?(k)?\b", plain):
        per = float(words[1] + (words[2] or "")) * (1_000 if words[3] else 1)
        found.notes.append(f"{title!r} is of {per:,.0f} people, by its title.")
        return per
    values = cells[title].dropna()
    if re.search(r"%|percent|\bpct\b", plain) or values.str.endswith("%").all():
        found.notes.append(f"{title!r} is of 100 people, by the sign or the title.")
        return 100.0
    if pd.to_numeric(values, errors="coerce").max() <= 1:
        found.notes.append(f"{title!r} is a proportion: none is above 1.")
        return 1.0
    options = "  or  ".join(f"--per {per}" for per in _PERS[1:])
    found.asks.append(f"of how many people is the rate {title!r}?  {options}")
    return 0.0


def _ask_numbers(pairs: list[tuple[str, str]], left: list[Recognised], found: Decided) -> None:
    if pairs:
        listed = "  or  ".join(
            f"--count {_shell(count)}" + (f" --denominator {_shell(people)}" if people else "")
            for count, people in pairs[:6]
        )
        found.asks.append(f"which column is the count, and which the people it is among?  {listed}")
        return
    whole = [one.column for one in left if one.whole]
    if COUNT in found.columns or len(whole) == 1:
        column = found.columns.get(COUNT) or whole[0]
        found.asks.append(
            f"{column!r} is a count, and nothing says among how many people: an inequality is one of rates. Add a "
            "column of people (of the same areas and groups, from the census or the practice list), of person-years or "
            "of expected counts, and say --denominator COLUMN, --person-years COLUMN or --expected COLUMN"
        )
    else:
        found.asks.append(
            "which column is the count, and which the people it is among? Of these numbers none is never above "
            f"another: {', '.join(map(repr, whole)) or 'there are none'}.  --count COLUMN --denominator COLUMN"
        )


def layout_of(found: Decided, values: Mapping[str, Mapping[str, str | int]], more: Layout) -> Layout:
    """The layout of what was decided."""
    return replace(
        more, columns=dict(found.columns), values={k: v for k, v in values.items() if v and k in found.columns}
    )
