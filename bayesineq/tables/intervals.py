"""Counts as published, suppressed or rounded, read as what they say: that a count lies in an interval."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.tables.findings import Finding, failing, raise_findings

SYMBOLS: Final = ("*", "c", "[c]", "s", "[s]", "-", "--", "~", "suppressed")
LOWER: Final = "_lower"
UPPER: Final = "_upper"

_NUMBER: Final = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
_RANGE: Final = re.compile(r"(\d+)\s*(?:-|–|to)\s*(\d+)", re.IGNORECASE)
_BELOW: Final = re.compile(r"(<=|≤|<|under|fewer than|less than)\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Publication:
    """
    How a publisher treated its counts.

    Parameters
    ----------
    suppressed : (int, int)
        Counts that a symbol may stand for, both included. Where others are suppressed too so that small ones cannot
        be worked out (secondary suppression), give the largest that it may hide.
    base : int
        Counts shown are rounded to a multiple of this; 1 means that they are exact.
    rounded_zero : bool
        Whether 0 is a rounded count too (Nomis), or nobody (Hospital Episode Statistics).
    symbols : tuple of str
        What is printed in place of a suppressed count, in lower case.

    Raises
    ------
    SchemaError
        The interval or base makes no sense.
    """

    suppressed: tuple[int, int] = (1, 7)
    base: int = 5
    rounded_zero: bool = False
    symbols: tuple[str, ...] = SYMBOLS

    def __post_init__(self) -> None:
        least, most = self.suppressed
        if not 0 <= least <= most or self.base < 1:
            raise SchemaError(
                f"suppressed={self.suppressed}, base={self.base}: give the least and the most that a symbol stands "
                "for, and a base of 1 or more"
            )


HES: Final = Publication()
"""Hospital Episode Statistics: 1 to 7 suppressed, others rounded to the nearest 5, zeros kept."""

NOMIS: Final = Publication(suppressed=(0, 2), rounded_zero=True)
"""Nomis: every count rounded to the nearest 5, so that 0 stands for 0 to 2."""


def read_intervals(
    column: pd.Series, publication: Publication = HES, *, at_most: pd.Series | None = None
) -> tuple[pd.Series, pd.Series]:
    """
    Ends of the interval in which each published count lies.

    Parameters
    ----------
    column : Series
        Numbers, or text: "1,230", a symbol of suppression, a range ("1-7", "1 to 7"), a bound ("<8", "under 5").
        A missing value is an error: it is not the same as a suppressed one.
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
    ends = [_ends(value, publication) for value in given]
    unread = np.array([end is None for end in ends], dtype=bool)[place]
    symbols = ", ".join(publication.symbols)
    remedy = f"Give a whole number, a range, a bound, or a symbol of suppression ({symbols})."
    findings = failing(column, unread, "cannot be read as a published count", remedy)
    off = np.array([_off_base(value, publication) for value in given], dtype=bool)[place]
    remedy = f"Is the base of rounding {publication.base} right? Publication(base=1) is for exact counts."
    findings += failing(column, off, f"not a multiple of {publication.base}", remedy)
    pairs = np.array([end or (0, 0) for end in ends], dtype=np.int64)[place]
    lower, upper = pairs[:, 0], pairs[:, 1]
    if at_most is not None:
        most = at_most.reindex(column.index).to_numpy(dtype=np.float64, na_value=np.nan)
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
    """
    if absent := [name for name in (column, at_most) if name is not None and name not in table.columns]:
        raise_findings(
            [Finding(name, "the column is missing", f"The table has {list(table.columns)}.") for name in absent],
            "The published counts cannot be read:",
        )
    lower, upper = read_intervals(table[column], publication, at_most=None if at_most is None else table[at_most])
    return table.drop(columns=column).assign(**{str(lower.name): lower, str(upper.name): upper})


def _ends(value: object, publication: Publication) -> tuple[int, int] | None:
    number = _whole(value)
    if number is not None:
        return _rounded_from(number, publication)
    text = "" if pd.isna(value) else str(value).strip()  # type: ignore[call-overload]
    if text.lower() in publication.symbols:
        return publication.suppressed
    if found := _RANGE.fullmatch(text):
        first, last = int(found[1]), int(found[2])
        return (first, last) if first <= last else None
    if found := _BELOW.fullmatch(text):
        last = int(found[2]) - (found[1].lower() not in ("<=", "≤"))
        return (0, last) if last >= 0 else None
    return None


def _whole(value: object) -> int | None:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return int(value) if np.isfinite(value) and value >= 0 and value == np.floor(value) else None
    text = str(value).strip()
    return int(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


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
