"""What a table says wrongly in a right form: one group under two names, a total among its parts, bands that overlap."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, AREA, DECILE
from bayesineq.tables.blanks import SPACE
from bayesineq.tables.findings import Finding, failing
from bayesineq.tables.geographies import TOTALS
from bayesineq.tables.schema import TableSchema

_BAND: Final = re.compile(r"([0-9]+)(?:-([0-9]+)|\+)")
_TOTAL: Final = re.compile(
    r"(grand |sub-?)?totals?|all|any|both|overall|everyone|everybody|persons|(all|total|both) \w+( \w+)?"
)
_REST: Final = re.compile(r"\b(?:other|others|else|not|unknown|missing)\b")
_SCORED: Final = {"imd_score": -1, "imd_rank": 1}
"""Columns that say how deprived an area is, and their sign beside its decile: both ranks and deciles rise together."""

FIFTHS: Final = 5
_LAST_OF_HALF: Final = 17_000
"""Of the neighbourhoods of England, in either edition, by rank: no fifth tenth reaches so far."""

_LEAST_LEVELS: Final = 3
_LEAST_AREAS: Final = 5
_ADD_UP: Final = "Take it out of the table: its people are counted in the other rows too."


def meaning_findings(typed: Mapping[str, pd.Series], given: pd.DataFrame, schema: TableSchema) -> list[Finding]:
    """
    What is wrong with the groups of a table of counts.

    `typed`: columns of the schema as they were read; `given`: all columns of the table.
    """
    keys = [name for name in schema.primary_key if name in typed]
    texts = [name for name in keys if typed[name].dtype == "str"]
    findings = [finding for name in texts for finding in _alike(typed[name])]
    groups = [name for name in texts if name not in (AGE, AREA)]
    findings += [finding for name in groups for finding in _named_totals(typed[name])]
    if not findings:
        counts = [f.name for f in schema.fields if f.type == "integer" and f.name in typed and f.name not in keys]
        findings += [finding for name in texts for finding in _added_up(typed, name, keys, counts)]
    if AGE in typed:
        findings += _bands(typed[AGE])
    if DECILE in typed:
        findings += [f for name, sign in _SCORED.items() if name in given for f in _against(typed, given, name, sign)]
    return findings


def folded(text: str) -> str:
    r"""
    A name without what the eye does not tell apart: capitals, widths, spaces and signs that cannot be seen.

    Examples
    --------
    >>> folded("White\u00a0 British\u200b") == folded("white british")
    True
    """
    seen = "".join(" " if sign.isspace() else sign for sign in unicodedata.normalize("NFKC", text))
    return " ".join("".join(sign for sign in seen if sign == " " or sign not in SPACE).casefold().split())


def _alike(column: pd.Series) -> list[Finding]:
    """Names that differ by capitals, spaces or signs that cannot be seen alone."""
    distinct = pd.Series(column.dropna().unique(), dtype=object)
    same = distinct.map(folded)
    again = distinct[same.duplicated()]
    first = dict(zip(same[::-1], distinct[::-1], strict=True))
    shown = column.astype(object).map(
        lambda text: (
            f"{ascii(text)[1:-1]}, before {ascii(first[folded(text)])[1:-1]}" if isinstance(text, str) else None
        )
    )
    remedy = "Write each group in one way, and add the rows up."
    problem = "one name written in two ways: in other capitals, spaces or signs that cannot be seen"
    return failing(column, column.isin(again), problem, remedy, shown=shown) if len(again) else []


def _named_totals(column: pd.Series) -> list[Finding]:
    """Levels that are named as the sum of the others are."""
    distinct = pd.Series(column.dropna().unique(), dtype=object)
    names = distinct.map(folded)
    whole = names.isin(TOTALS) | (names.str.fullmatch(_TOTAL) & ~names.str.contains(_REST))
    totals = distinct[whole] if len(distinct) > 1 else distinct[:0]
    return failing(column, column.isin(totals), "a total among its parts", _ADD_UP)


def _added_up(typed: Mapping[str, pd.Series], name: str, keys: Sequence[str], counts: Sequence[str]) -> list[Finding]:
    """A level whose every count is what those of all others add up to, whatever it is named."""
    column = typed[name]
    if len(counts) < 2 or column.nunique() < _LEAST_LEVELS:
        return []
    numbers = pd.DataFrame({count: typed[count].astype(float) for count in counts})
    level_sums = numbers.groupby(column.to_numpy()).sum()
    whole = numbers.sum()
    likely = level_sums[((level_sums * 2 == whole) & (whole > 0)).all(axis=1)].index
    within = [typed[key].to_numpy() for key in keys if key not in (name, DECILE)]
    for level in likely:
        mine = (column == level).to_numpy()
        if within:
            one, rest = (numbers[side].groupby([w[side] for w in within]).sum() for side in (mine, ~mine))
            if not (len(one) == len(rest) and one.equals(rest)):
                continue
        return failing(column, mine, "a total among its parts: every count is the sum of those of the others", _ADD_UP)
    return []


def _bands(column: pd.Series) -> list[Finding]:
    """Age bands that run backwards, or that some ages are in two of."""
    distinct = pd.Series(column.dropna().unique(), dtype=object)
    found = distinct.map(lambda text: _BAND.fullmatch(text))
    distinct, found = distinct[found.notna()], found[found.notna()]
    ends = np.array([(int(m[1]), int(m[2]) if m[2] else 10**9) for m in found], dtype=np.int64).reshape(-1, 2)
    backwards = distinct[ends[:, 1] < ends[:, 0]]
    findings = failing(
        column, column.isin(backwards), "an age band that runs backwards", "Write the younger age first."
    )
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    overlapping = [
        (distinct.iloc[a], distinct.iloc[b]) for a, b in pairwise(order) if ends[b, 0] <= _reached(ends, order, a)
    ]
    if overlapping and not len(backwards):
        said = "; ".join(f"{one!r} and {other!r}" for one, other in overlapping[:3])
        wrong = column.isin([name for pair in overlapping for name in pair])
        remedy = "Use one set of bands; a band of all ages among them counts everybody twice."
        findings += failing(column, wrong, f"age bands that overlap ({said})", remedy)
    return findings


def _reached(ends: NDArray[np.int64], order: NDArray[np.intp], until: int) -> int:
    """The oldest age of the bands up to one of them."""
    return int(ends[order[: order.tolist().index(until) + 1], 1].max())


def _against(typed: Mapping[str, pd.Series], given: pd.DataFrame, name: str, sign: int) -> list[Finding]:
    """Deciles that fall where the score of deprivation, or its rank, says that they rise."""
    if AREA not in typed:
        return []
    score = pd.to_numeric(given[name], errors="coerce")
    areas = pd.DataFrame({"area": typed[AREA], "decile": typed[DECILE].astype(float), "score": sign * score})
    areas = areas.dropna().drop_duplicates("area")
    if len(areas) < _LEAST_AREAS or areas["decile"].nunique() < 2 or areas["score"].nunique() < 2:
        return []
    if areas["decile"].rank().corr(areas["score"].rank()) < 0:
        problem = f"deciles run against {name!r}: they rise where it says that deprivation does"
        return [Finding(DECILE, problem, "1 is the most deprived tenth: recode the deciles as 11 less what they are.")]
    if name == "imd_rank" and areas["decile"].max() == FIFTHS and areas["score"].max() > _LAST_OF_HALF:
        problem = f"deciles that end at {FIFTHS} with areas of rank {areas['score'].max():,.0f}: they are fifths"
        return [Finding(DECILE, problem, "Give tenths from 1 to 10, or name the column imd_quintile.")]
    return []
