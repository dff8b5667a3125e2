"""Counts as published, suppressed or rounded, read as what they say: that a count lies in an interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import MISSING, trimmed
from bayesineq.tables.findings import Finding, failing, raise_findings

CONFIDENTIAL: Final = ("*", "c", "[c]")
"""Signs of UK official statistics for a count that was suppressed."""

NIL: Final = ("-",)
"""Sign of UK official statistics for nobody."""

type Ends = tuple[int, int]

LOWER: Final = "_lower"
UPPER: Final = "_upper"

_DASHES: Final = str.maketrans(dict.fromkeys("–—−‐‑‒", "-"))
_DIGITS: Final = r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_NUMBER: Final = re.compile(_DIGITS + r"(?:\.0+)?")
_RANGE: Final = re.compile(_DIGITS + r"\s*(?:-|–|—|to)\s*" + _DIGITS, re.IGNORECASE)
_BELOW: Final = re.compile(r"(?:<|under|below|fewer than|less than)\s*" + _DIGITS, re.IGNORECASE)
_UP_TO: Final = re.compile(r"(?:<=|≤|⩽|up to|at most|no more than)\s*" + _DIGITS, re.IGNORECASE)
_OR_FEWER: Final = re.compile(_DIGITS + r"\s+(?:or|and)\s+(?:fewer|less|under|below)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Publication:
    """
    How a publisher treated its counts.

    Parameters
    ----------
    suppressed : (int, int)
        Counts that a sign of suppression may stand for, both included. Where others are suppressed too so that small
        ones cannot be worked out (secondary suppression), give the largest that it may hide.
    base : int
        Counts shown are rounded to a multiple of this; 1 means that they are exact.
    rounded_zero : bool
        Whether 0 is a rounded count too (Nomis), or nobody (Hospital Episode Statistics).
    signs : Mapping of str to (int, int) or None
        What this publisher prints in place of a count, and the least and most that it stands for; None where it says
        nothing of the count, such as "not available". Added to, and in place of, those of UK official statistics:
        `*`, `c` and `[c]` for `suppressed` and `-` for nobody, (0, 0). A sign that is in neither is refused: the same
        one means fewer than five to one publisher and not applicable to another. Capitals do not matter.

    Raises
    ------
    SchemaError
        The interval or base makes no sense.

    Examples
    --------
    >>> Publication((1, 4), base=5, signs={"~": (0, 2), "x": None}).meaning("~")
    (0, 2)
    """

    suppressed: Ends = (1, 7)
    base: int = 5
    rounded_zero: bool = False
    signs: Mapping[str, Ends | None] = MappingProxyType({})

    def __post_init__(self) -> None:
        wrong = [
            f"{name}={ends}" for name, ends in (("suppressed", self.suppressed), *self.signs.items())
            if ends is not None and not (len(ends) == 2 and 0 <= ends[0] <= ends[1])
        ]  # fmt: skip
        if wrong or self.base < 1:
            raise SchemaError(
                f"{', '.join(wrong) or 'base'}, base={self.base}: give the least and the most that a sign stands "
                "for, and a base of 1 or more"
            )

    @property
    def stated(self) -> dict[str, Ends | None]:
        """Every sign with a stated meaning, in lower case."""
        common: dict[str, Ends | None] = dict.fromkeys(CONFIDENTIAL, self.suppressed)
        common |= dict.fromkeys(NIL, (0, 0))
        return common | {_mark(sign): ends for sign, ends in self.signs.items()}

    def meaning(self, sign: str) -> Ends | None:
        """
        Least and most that a sign stands for.

        Parameters
        ----------
        sign : str
            What is printed.

        Returns
        -------
        (int, int) or None
            Both ends included; None where the sign has no stated meaning, or says nothing of the count.
        """
        return self.stated.get(_mark(sign))


HES: Final = Publication()
"""Hospital Episode Statistics: 1 to 7 suppressed (`*`), others rounded to the nearest 5, zeros kept."""

NOMIS: Final = Publication(
    suppressed=(0, 2), rounded_zero=True, signs=MappingProxyType({"-": None, "#": None, "!": None, "~": None})
)
"""Nomis: every count rounded to the nearest 5, so that 0 stands for 0 to 2; `-` is a figure that is missing."""


def read_intervals(
    column: pd.Series, publication: Publication = HES, *, at_most: pd.Series | None = None
) -> tuple[pd.Series, pd.Series]:
    """
    Ends of the interval in which each published count lies.

    Parameters
    ----------
    column : Series
        Numbers, or text: "1,230", a sign that `publication` states, a range ("1-7", "1 to 7"), a bound ("<8",
        "under 5", "5 or fewer"). A missing value is an error: it is not the same as a suppressed one.
    publication : Publication
        How the publisher treated its counts. Ranges and bounds that are printed are taken as they are.
    at_most : Series, optional
        What a count cannot exceed, such as its denominator, same index.

    Returns
    -------
    (Series of int64, Series of int64)
        Lower and upper ends, both included, same index; equal where the count is known. For the roles `lower` and
        `upper` of a card.

    Raises
    ------
    SchemaError
        Every value that cannot be read, or that its bound contradicts.

    Notes
    -----
    A count shown as v after rounding to base b was v - b/2 to v + b/2, ends included where b is even because
    publishers round halves either way, and no count that would have been suppressed.

    Examples
    --------
    >>> lower, upper = read_intervals(pd.Series(["0", "*", "10", "1,005", "3 to 9"]))
    >>> list(zip(lower, upper))
    [(0, 0), (1, 7), (8, 12), (1003, 1007), (3, 9)]
    """
    place, given = pd.factorize(column.astype("object"), use_na_sentinel=False)
    ends = [ends_of(value, publication) for value in given]
    unread = np.array([end is None for end in ends], dtype=bool)[place]
    sign = np.array([_is_sign(value) for value in given], dtype=bool)[place]
    stated = ", ".join(f"{mark} {_words(ends)}" for mark, ends in publication.stated.items())
    remedy = f"Stated: {stated}. State each from the notes of the publication: Publication(signs={{'..': (0, 4)}}), " \
        "or take these rows out and say so."  # fmt: skip
    findings = failing(column, unread & sign, "signs that stand for no stated count", remedy)
    remedy = "Give a whole number, a range, a bound, or a sign whose meaning is stated."
    findings += failing(column, unread & ~sign, "cannot be read as a published count", remedy)
    off = np.array([_off_base(value, publication) for value in given], dtype=bool)[place]
    remedy = f"Is the base of rounding {publication.base} right? Publication(base=1) is for exact counts."
    findings += failing(column, off, f"not a multiple of {publication.base}", remedy)
    pairs = np.array([end or (0, 0) for end in ends], dtype=np.int64)[place]
    lower, upper = pairs[:, 0], pairs[:, 1]
    if at_most is not None:
        given_most = at_most.reindex(column.index)
        read = pd.to_numeric(given_most.astype(object), errors="coerce")
        remedy = "Give the bound as a number."
        findings += failing(given_most, read.isna() & given_most.notna(), "not a number", remedy)
        most = read.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = ~(lower <= most) & ~unread
        remedy = "Do both columns count the same people, and is the denominator rounded too?"
        findings += failing(column, wrong, f"cannot be as small as its bound {at_most.name!r}", remedy)
        upper = np.where(wrong, upper, np.minimum(upper, np.floor(np.nan_to_num(most)).astype(np.int64)))
    raise_findings(findings, "The published counts cannot be read (rows are index labels):")
    return (pd.Series(lower, column.index, name=f"{column.name}{LOWER}"),
            pd.Series(upper, column.index, name=f"{column.name}{UPPER}"))  # fmt: skip


def with_intervals(
    table: pd.DataFrame, column: str, publication: Publication = HES, *, at_most: str | None = None
) -> pd.DataFrame:
    """
    A table in which a published count stands as two columns, its lower and upper end.

    Parameters
    ----------
    table : DataFrame
        The table as published.
    column : str
        Its column of counts.
    publication : Publication
        How the publisher treated its counts.
    at_most : str, optional
        Column that the count cannot exceed.

    Returns
    -------
    DataFrame
        A copy with `COLUMN_lower` and `COLUMN_upper` in place of `COLUMN`.

    Raises
    ------
    SchemaError
        As of `read_intervals`, or a column is not there.

    Examples
    --------
    >>> with_intervals(pd.DataFrame({"area": ["E01000001", "E01000002"], "admissions": ["*", "25"]}), "admissions")
            area  admissions_lower  admissions_upper
    0  E01000001                 1                 7
    1  E01000002                23                27
    """
    if absent := [name for name in (column, at_most) if name is not None and name not in table.columns]:
        raise_findings(
            [Finding(name, "the column is missing", f"The table has {list(table.columns)}.") for name in absent],
            "The published counts cannot be read:",
        )
    lower, upper = read_intervals(table[column], publication, at_most=None if at_most is None else table[at_most])
    return table.drop(columns=column).assign(**{str(lower.name): lower, str(upper.name): upper})


def ends_of(value: object, publication: Publication) -> tuple[int, int] | None:
    """Least and most that a printed count stands for; None where it says nothing of it."""
    number = _whole(value)
    if number is not None:
        return _rounded_from(number, publication)
    text = trimmed(value)
    if _mark(text) in publication.stated:
        return publication.meaning(text)
    if found := _RANGE.fullmatch(text):
        first, last = _plain(found[1]), _plain(found[2])
        return (first, last) if first <= last else None
    if found := _BELOW.fullmatch(text):
        return (0, _plain(found[1]) - 1) if _plain(found[1]) > 0 else None
    if found := _UP_TO.fullmatch(text) or _OR_FEWER.fullmatch(text):
        return 0, _plain(found[1])
    return None


def is_bound(text: str) -> bool:
    """
    Whether a cell is a range or a bound in place of a count.

    Examples
    --------
    >>> is_bound("<8"), is_bound("1 to 7"), is_bound("12"), is_bound("*")
    (True, True, False, False)
    """
    return any(form.fullmatch(trimmed(text)) for form in (_RANGE, _BELOW, _UP_TO, _OR_FEWER))


def _is_sign(value: object) -> bool:
    """Whether a cell holds a mark, such as '..' or '[x]', rather than an attempt at a number or nothing."""
    text = trimmed(value)
    return text not in MISSING and not any(letter.isdigit() for letter in text)


def _mark(sign: object) -> str:
    """A sign in lower case, dashes of every length as one."""
    return trimmed(sign).lower().translate(_DASHES)


def _words(ends: Ends | None) -> str:
    if ends is None:
        return "says nothing"
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _plain(digits: str) -> int:
    return int(digits.replace(",", ""))


def _whole(value: object) -> int | None:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return int(value) if np.isfinite(value) and value >= 0 and value == np.floor(value) else None
    found = _NUMBER.fullmatch(trimmed(value))
    return _plain(found[1]) if found else None


def _rounded_from(number: int, publication: Publication) -> tuple[int, int]:
    base, (least, most) = publication.base, publication.suppressed
    if base == 1:
        return number, number
    first, last = max(number - base // 2, 0), number + base // 2
    if number == 0 and not publication.rounded_zero:
        # A count above the threshold may still have been rounded down to 0 where the base is large.
        return 0, last if last > most else 0
    # Counts that would have been suppressed are not among those that were shown.
    small: NDArray[np.int64] = np.arange(first, last + 1)
    shown = small[(small < least) | (small > most)] if not publication.rounded_zero else small
    if number > 0 and not publication.rounded_zero:
        shown = shown[shown > 0]
    return (int(shown[0]), int(shown[-1])) if len(shown) else (first, last)


def _off_base(value: object, publication: Publication) -> bool:
    number = _whole(value)
    return number is not None and number % publication.base != 0
