"""What labels say: numbers, bands, months, quarters, years, dates, tenths from the most to the least deprived."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MONTH_NAMES: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTHS: Final = {name.lower()[:n]: k for k, name in enumerate(_MONTH_NAMES, 1) for n in (3, 9)} | {"sept": 9}
_YEAR: Final = r"((?:18|19|20|21)\d\d)"
_NUMBER: Final = r"(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?)"
_UNIT: Final = r"(?:\s*(years?|yrs?\.?|y|months?|weeks?|days?|kg|%)(?:\s+olds?|\s+of age)?)?"
_SLASHED: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2" + _YEAR)
_DEPRIVED: Final = r"(?:deprived|disadvantaged|affluent|advantaged)"
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class Scale:
    """
    Labels read on one scale.

    Parameters
    ----------
    kind : str
        "number", "month", "quarter", "financial year", "financial quarter", "date", "band", "rank" (a number in a
        label) or "words" (an order without a step).
    first : ndarray, shape (n_label,)
        Where each label stands; of a band its lower end, minus infinity where it has none.
    last : ndarray, shape (n_label,)
        Upper end of a band, infinity where it has none; elsewhere as `first`.
    after : ndarray, shape (n_label,)
        Where the next band begins if none is missing; elsewhere one step on.
    write : callable, optional
        Label of a place, as these labels are written; None where there is no one way.
    """

    kind: str
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    after: NDArray[np.float64]
    write: Callable[[int], str] | None


def read_labels(labels: Sequence[str]) -> Scale | None:
    """
    Read labels on the one scale that all of them are on.

    Returns: none where they say no order: a label says nothing, two say the same, they are of different kinds, or
    day and month cannot be told apart.

    Examples
    --------
    >>> read_labels(["Under 5", "5-9", "10-14"]).first.tolist()
    [-inf, 5.0, 10.0]
    >>> read_labels(["2019-9", "2019-10"]).kind
    'month'
    >>> read_labels(["white", "2", "5-9"]) is None
    True
    """
    said = [_plain(label) for label in labels]
    if not said:
        return None
    for kind, read in _KINDS.items():
        places = [place for text in said if (place := read(text)) is not None]
        if len(places) == len(said):
            return _single(kind, places, labels) if len(set(places)) == len(places) else None
    if all(_SLASHED.fullmatch(text) for text in said):
        return _slashed(said, labels)
    return _bands(said) or _numbered(said, labels) or _deprivation(said)


def _single(kind: str, places: Sequence[float], labels: Sequence[str]) -> Scale:
    at = np.array(places, dtype=np.float64)
    return Scale(kind, at, at, at + 1.0, _writer(kind, at, [str(label) for label in labels]))


def _plain(label: str) -> str:
    """One kind of dash and of space, in lower case."""
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", str(label)).replace("\u00a0", " ").replace("\u00a3", "")
    return re.sub(r"\s+", " ", text).strip().lower()


def _number(text: str) -> float | None:
    return float(text.replace(",", "")) if re.fullmatch(_NUMBER, text) else None


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month_named(text: str) -> int | None:
    return _MONTHS.get(text)


def _month(text: str) -> float | None:
    if found := re.fullmatch(_YEAR + r"(?:[-/. ]|[-/. ]?m)(\d{1,2})", text) or re.fullmatch(_YEAR + r"(\d\d)", text):
        year, month = int(found[1]), int(found[2])
    elif found := re.fullmatch(r"(\d{1,2})[-/]" + _YEAR, text):
        year, month = int(found[2]), int(found[1])
    elif found := re.fullmatch(r"([a-z]{3,9})\.?[-/ ]?(\d{4}|\d\d)", text):
        year, month = _year(found[2]), _month_named(found[1]) or 0
    elif found := re.fullmatch(_YEAR + r"[-/ ]?([a-z]{3,9})\.?", text):
        year, month = int(found[1]), _month_named(found[2]) or 0
    else:
        return None
    return 12.0 * year + month - 1 if 1 <= month <= 12 else None


def _quarter(text: str) -> float | None:
    named = r"q(?:uarter|tr)? ?([1-4])"
    if found := re.fullmatch(_YEAR + r"[-/: ]*" + named, text):
        return 4.0 * int(found[1]) + int(found[2]) - 1
    if found := re.fullmatch(named + r"[-/: ]*" + _YEAR, text):
        return 4.0 * int(found[2]) + int(found[1]) - 1
    return None


def _financial_year(text: str) -> float | None:
    found = re.fullmatch(r"(?:fy ?)?" + _YEAR + r" ?(?:[-/] ?)?(\d{4}|\d\d)", text)
    if found is None or int(found[2]) % 100 != (int(found[1]) + 1) % 100:
        return None
    return float(found[1]) if len(found[2]) == 2 or int(found[2]) == int(found[1]) + 1 else None


def _financial_quarter(text: str) -> float | None:
    named = r"q(?:uarter|tr)? ?([1-4])"
    if found := re.fullmatch(r"(.+?)[- :]+" + named, text):
        year, quarter = _financial_year(found[1]), int(found[2])
    elif found := re.fullmatch(named + r"[- :]+(.+)", text):
        year, quarter = _financial_year(found[2]), int(found[1])
    else:
        return None
    return None if year is None else 4.0 * year + quarter - 1


def _iso_date(text: str) -> float | None:
    if found := re.fullmatch(_YEAR + r"([-/]?)(\d\d?)\2(\d\d?)(?:[ t]00:00:00(?:\.0+)?)?", text):
        if not found[2] and len(text) != 8:
            return None
        return _day(int(found[1]), int(found[3]), int(found[4]))
    if found := re.fullmatch(r"(\d{1,2})[- ]([a-z]{3,9})\.?[- ]" + _YEAR, text):
        return _day(int(found[3]), _month_named(found[2]) or 0, int(found[1]))
    return None


def _day(year: int, month: int, day: int) -> float | None:
    try:
        return float(datetime.date(year, month, day).toordinal())
    except ValueError:
        return None


_KINDS: Final[dict[str, Callable[[str], float | None]]] = {
    "date": _iso_date,
    "financial year": _financial_year,
    "month": _month,
    "quarter": _quarter,
    "financial quarter": _financial_quarter,
    "number": _number,
}
"""Scales with a step, in the order in which they are tried: 201911, 201912 are months before they are numbers."""

_WRITTEN: Final = {
    "month": ("{y}-{m:02d}", "{y}-{m}", "{y}/{m:02d}", "{y}/{m}", "{y}.{m:02d}", "{y}{m:02d}", "{y}M{m:02d}", "{y}M{m}",
              "{y} M{m:02d}", "{m:02d}/{y}", "{m}/{y}", "{m:02d}-{y}", "{b} {y}", "{b}-{y}", "{B} {y}", "{B}-{y}",
              "{b}-{yy:02d}", "{b} {yy:02d}", "{y} {b}", "{y}-{b}", "{y} {B}"),
    "quarter": ("{y} Q{q}", "{y}-Q{q}", "{y}Q{q}", "Q{q} {y}", "Q{q}-{y}", "{y}q{q}", "{y} q{q}"),
    "financial year": ("{y}/{nn:02d}", "{y}-{nn:02d}", "{y}/{n}", "{y}-{n}", "FY{y}/{nn:02d}", "FY {y}/{nn:02d}",
                       "FY{y}-{nn:02d}", "{y}{nn:02d}"),
    "financial quarter": ("{y}/{nn:02d} Q{q}", "{y}-{nn:02d} Q{q}", "Q{q} {y}/{nn:02d}", "Q{q} {y}-{nn:02d}"),
    "date": ("{d:%Y-%m-%d}", "{d:%Y/%m/%d}", "{d:%Y%m%d}", "{d:%d/%m/%Y}", "{d:%m/%d/%Y}", "{d:%d-%m-%Y}"),
    "number": ("{i}", "{i:02d}", "{i:03d}", "{i}.0"),
}  # fmt: skip
"""How labels of a kind are written; the first that writes all labels of a column as they stand writes missing ones."""


def _writer(kind: str, at: NDArray[np.float64], labels: list[str]) -> Callable[[int], str] | None:
    for template in _WRITTEN.get(kind, ()):

        def write(place: int, template: str = template) -> str:
            return template.format(**_fields(kind, place))

        if np.isfinite(at).all() and all(
            place == round(place) and write(round(place)) == label for place, label in zip(at, labels, strict=True)
        ):
            return write
    return None


def _fields(kind: str, place: int) -> dict[str, object]:
    if kind == "number":
        return {"i": place}
    if kind == "date":
        return {"d": datetime.date.fromordinal(place)}
    parts = {"month": 12, "quarter": 4, "financial quarter": 4}.get(kind, 1)
    y, k = divmod(place, parts)
    fields: dict[str, object] = {"y": y, "yy": y % 100, "n": y + 1, "nn": (y + 1) % 100, "m": k + 1, "q": k + 1}
    return fields | ({"b": _MONTH_NAMES[k][:3], "B": _MONTH_NAMES[k]} if parts == 12 else {})


def _slashed(said: Sequence[str], labels: Sequence[str]) -> Scale | None:
    """Dates as 31/12/2020 or 12/31/2020, where only one of the two can be meant."""
    parts = [(int(f[1]), int(f[3]), int(f[4])) for f in map(_SLASHED.fullmatch, said) if f]
    ways = [[_day(y, b, a) for a, b, y in parts], [_day(y, a, b) for a, b, y in parts]]
    sound = [way for way in ways if all(day is not None for day in way) and len(set(way)) == len(way)]
    if not sound or (len(sound) == 2 and sound[0] != sound[1]):
        return None
    return _single("date", [day for day in sound[0] if day is not None], labels)


def _bands(said: Sequence[str]) -> Scale | None:
    """Bands with ends, such as <1, 1-4, 5 to 9, 85+, (0, 10], of one unit."""
    read = [_band(text) for text in said]
    bands = [band for band in read if band is not None]
    units = {unit for *_, unit in bands if unit}
    if len(bands) < len(said) or len(units) > 1 or all(low == high for low, high, _, _ in bands):
        return None
    decimals = max(len(number.partition(".")[2]) for text in said for number in re.findall(r"\d+(?:\.\d+)?", text))
    first = np.array([low for low, *_ in bands])
    last = np.array([high for _, high, _, _ in bands])
    # Both ends are inside, so that 5-9 is followed by 10; but not those of "under 5" and of (0, 10].
    after = last + np.array([10.0**-decimals if closed else 0.0 for _, _, closed, _ in bands])
    if len({*zip(first.tolist(), last.tolist(), strict=True)}) < len(said):
        return None
    return Scale("band", first, last, after, None)


def _band(text: str) -> tuple[float, float, bool, str] | None:
    """Lower end, upper end, whether the upper end is inside, unit."""
    text = re.sub(r"^(?:aged?|ages)\s+", "", text)
    if found := re.fullmatch(r"[\[(]\s*(-?[\d.]+|-inf)\s*,\s*(-?[\d.]+|inf)\s*[\])]", text):
        return float(found[1]), float(found[2]), False, ""
    if found := re.fullmatch(r"(?:<|under|below|less than|fewer than|younger than) ?" + _NUMBER + _UNIT, text):
        return -math.inf, _value(found[1]), False, _unit(found[2])
    if found := re.fullmatch(r"(?:<=|\u2264|up to|at most) ?" + _NUMBER + _UNIT, text) or re.fullmatch(
        _NUMBER + _UNIT + r" (?:and|or|&) (?:under|below|less|fewer|younger)", text
    ):
        return -math.inf, _value(found[1]), True, _unit(found[2])
    over = r"(?: ?\+| ?plus| (?:and|or|&) (?:over|above|more|older|upwards?))"
    if found := re.fullmatch(_NUMBER + _UNIT + over + _UNIT, text):
        return _value(found[1]), math.inf, False, _unit(found[2] or found[3])
    if found := re.fullmatch(r"(?:>=?|\u2265|from|at least|over|above|more than|older than) ?" + _NUMBER + _UNIT, text):
        return _value(found[1]), math.inf, False, _unit(found[2])
    if found := re.fullmatch(_NUMBER + _UNIT + r" ?(?:-|to) ?(<|under )?" + _NUMBER + _UNIT, text):
        low, high = _value(found[1]), _value(found[4])
        if high < low and re.fullmatch(_YEAR, found[1]) and re.fullmatch(r"\d\d", found[4]):
            high += 100.0 * (low // 100) + (100.0 if high < low % 100 else 0.0)
        return (low, high, not found[3], _unit(found[2] or found[5])) if low < high else None
    if found := re.fullmatch(_NUMBER + _UNIT, text):
        return _value(found[1]), _value(found[1]), True, _unit(found[2])
    return None


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _unit(text: str | None) -> str:
    return "" if not text else "year" if text[0] == "y" else text.rstrip("s.")


def _numbered(said: Sequence[str], labels: Sequence[str]) -> Scale | None:
    """One number in like labels (Decile 1, Q2 of 5), or before words of their own (1 - most deprived)."""
    pieces = [re.split(r"(\d+)", text) for text in said]
    texts = {tuple(piece[::2]) for piece in pieces}
    if len(texts) == 1:
        numbers = list(zip(*(piece[1::2] for piece in pieces), strict=True))
        vary = [k for k, column in enumerate(numbers) if len(set(column)) > 1]
        if len(vary) != 1 and len(said) > 1:
            return None
        at = [float(number) for number in numbers[vary[0] if vary else 0]] if numbers else []
        where = 2 * (vary[0] if vary else 0) + 1
    else:
        found = [
            re.fullmatch(r"(\D*?)(\d+)(?:st|nd|rd|th)?((?: ?[-:.(),]+ ?| (?=\D*deprived))[^\d\s].*)?", t) for t in said
        ]
        if not all(found) or len({f[1].strip() for f in found if f}) > 1:
            return None
        at, where = [float(f[2]) for f in found if f], 0
    if not at or len(set(at)) < len(at):
        return None
    place = np.array(at)
    ends = {"most": place.min(), "least": place.max()}
    told = [(_end(text), at_) for text, at_ in zip(said, at, strict=True) if _end(text)]
    if told and all(at_ != ends[end] for end, at_ in told):
        # The number counts from the least deprived on; ranks count from the most deprived on.
        return Scale("rank", -place, -place, 1.0 - place, None)
    if any(at_ != ends[end] for end, at_ in told):
        return None
    return Scale("rank", place, place, place + 1.0, _numbering(labels, place, where) if where else None)


def _numbering(labels: Sequence[str], at: NDArray[np.float64], where: int) -> Callable[[int], str] | None:
    pieces = re.split(r"(\d+)", str(labels[0]))

    def write(place: int) -> str:
        return "".join([*pieces[:where], str(place), *pieces[where + 1 :]])

    same = all(write(round(place)) == str(label) for place, label in zip(at, labels, strict=True))
    return write if same else None


def _end(text: str) -> str:
    """Which end of deprivation a label says that it is: "most", "least", or none."""
    found = re.search(r"(second|third|fourth|fifth|\d(?:nd|rd|th))? ?\b(most|least) " + _DEPRIVED, text)
    if found is None or found[1]:
        return ""
    return found[2] if "affluent" not in text and re.search(r"\badvantaged", text) is None else _OTHER[found[2]]


_OTHER: Final = {"most": "least", "least": "most"}


def _deprivation(said: Sequence[str]) -> Scale | None:
    """Most deprived decile, second most deprived decile, ..., least deprived decile."""
    places = []
    for text in said:
        found = re.fullmatch(rf"(?:({'|'.join(_ORDINALS)}) )?(most|more|less|least) {_DEPRIVED}(?: .*)?", text)
        if found is None:
            return None
        place = 1.0 + (_ORDINALS.index(found[1]) if found[1] else 0)
        high = re.search(r"\b(?:affluent|advantaged)\b", text) is not None
        places.append(place if (found[2] in ("most", "more")) != high else 1000.0 - place)
    at = np.array(places)
    return Scale("words", at, at, at, None) if len(set(places)) == len(places) else None
