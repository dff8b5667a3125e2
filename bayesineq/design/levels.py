"""Levels of a dimension: which there are, in which order, and at which level each row stands."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.design.order import is_declared
from bayesineq.design.steps import even_steps, missing_band
from bayesineq.dims import DECILE, QUINTILE
from bayesineq.model.card import ModelCard, Term
from bayesineq.tables.labels import Scale, read_labels

_SHOWN: Final = 5
_MOST_READ: Final = 500
_LEAST_PACKED: Final = 180_000
_LEADING_NUMBER: Final = re.compile(r"^\D*(\d+)")

KNOWN: Final = {DECILE: 10, QUINTILE: 5}
"""Dimensions whose levels are known to run from 1 to a number, by the convention of the package."""

type Levels = NDArray[np.generic]


def find_levels(column: pd.Series, dim: str, card: ModelCard, wrong: list[str]) -> tuple[Levels, bool]:
    """
    Levels of a dimension that is no map, in rank order.

    Returns: whole numbers as int64, whatever they were stored as; other numbers as float64; all else as text, dates
    as year-month-day. A walk steps evenly: levels between that the table does not hold are put in.
    """
    users = [term for term in card.terms if dim in term.dims]
    walk = next((term for term in users if dim in term.steps), None)
    declared = is_declared(card, dim, column)
    if listed := next((term.levels for term in users if term.levels is not None), None):
        stated = as_levels(pd.Series(listed))
        _refuse_alphabet(stated, dim, wrong)
        _refuse_reversed(stated, dim, wrong)
        return stated, declared
    category = isinstance(column.dtype, pd.CategoricalDtype)
    present = as_levels(pd.Series(column.cat.categories) if category else pd.Series(column.dropna().unique()))
    if dim in KNOWN and (strange := _strange(present, dim)):
        wrong.append(strange)
    if category and column.cat.ordered:
        if declared:
            _refuse_alphabet(present, dim, wrong)
            _refuse_reversed(present, dim, wrong)
        return (_in_steps(present, dim, walk, wrong) if walk is not None else present), declared
    scale = _scale(present) if declared or len(present) <= _MOST_READ or present.dtype.kind in "if" else None
    must = walk is not None or dim in KNOWN or any(term.ordered for term in users)
    if scale is None:
        if must:
            wrong.append(_no_order(present, dim, walk))
        return np.asarray(sorted(present.tolist(), key=_natural)), False
    present = present[np.lexsort((scale.last, scale.first))]
    return (_in_steps(present, dim, walk, wrong) if walk is not None else present), declared


def as_levels(values: pd.Series) -> Levels:
    """
    Values of a column as levels are kept.

    Returns: int64 where all are whole numbers, float64 where all are numbers, else text; dates as year-month-day.
    """
    if values.dtype == object:
        values = values.infer_objects()
    if pd.api.types.is_bool_dtype(values):
        return np.asarray(values.astype(str), dtype=object)
    if pd.api.types.is_integer_dtype(values):
        return values.to_numpy(dtype=np.int64)
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=np.float64)
        return numbers.astype(np.int64) if (numbers == np.floor(numbers)).all() else numbers
    if pd.api.types.is_datetime64_any_dtype(values) and (values == values.dt.normalize()).all():
        return np.asarray(values.dt.strftime("%Y-%m-%d"), dtype=object)
    return np.asarray([str(value) for value in values], dtype=object)


def positions(column: pd.Series, levels: Levels) -> NDArray[np.int32]:
    """Position of each row's level. Shapes: returns (n_row,)."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        code, distinct = column.cat.codes.to_numpy(), pd.Series(column.cat.categories)
    else:
        code, unique = pd.factorize(column)
        distinct = pd.Series(unique)
    if not len(distinct):
        return np.full(len(column), -1, dtype=np.int32)
    named = as_levels(distinct)
    if levels.dtype.kind in "UTO" and named.dtype.kind in "iuf":
        named = np.asarray([str(value) for value in named], dtype=object)
    place = pd.Index(levels).get_indexer(pd.Index(named))
    return np.append(place, -1)[code].astype(np.int32)


def _scale(levels: Levels) -> Scale | None:
    if levels.dtype.kind not in "iuf":
        return read_labels([str(level) for level in levels])
    at = levels.astype(np.float64)
    plain = Scale("number", at, at, at + 1.0, None)
    # Numbers may be months (201911) or dates (20191101) all the same.
    packed = levels.dtype.kind == "i" and bool((at > _LEAST_PACKED).all())
    return (read_labels([str(level) for level in levels]) or plain) if packed else plain


def told_order(levels: Levels) -> NDArray[np.intp] | None:
    """
    Positions of levels in the order that they say themselves.

    Returns: such that `levels[positions]` rises (deprivation: from the most to the least deprived); None where they
    say no order.

    Examples
    --------
    >>> told_order(np.array(["10-14", "5-9", "Under 5"])).tolist()
    [2, 1, 0]
    """
    scale = _scale(levels)
    return None if scale is None else np.lexsort((scale.last, scale.first))


def deprivation_rank(levels: Levels, dim: str) -> NDArray[np.float64] | None:
    """
    Numbers of tenths or fifths of deprivation, 1 the most deprived, whatever they are written as.

    Examples
    --------
    >>> deprivation_rank(np.array(["1 - least deprived", "2", "10 - most deprived"]), "imd_decile").tolist()
    [10.0, 9.0, 1.0]
    """
    scale = _scale(levels)
    if scale is None or scale.kind not in ("number", "rank"):
        return None
    # Labels whose numbers count from the least deprived on have negative places.
    return np.where(scale.first < 0, KNOWN[dim] + 1.0 + scale.first, scale.first)


def _strange(levels: Levels, dim: str) -> str:
    """Numbers that no tenth or fifth of deprivation has."""
    scale = _scale(levels)
    if scale is None or scale.kind not in ("number", "rank"):
        return ""
    place = np.abs(scale.first)
    bad = (place < 1) | (place > KNOWN[dim]) | (place != np.round(place))
    if not bad.any():
        return ""
    return (
        f"column {dim!r} holds {_named(levels[bad])}, and runs from 1, the most deprived, to {KNOWN[dim]}; leave these "
        "rows out, recode them, or give the column another name"
    )


def _natural(label: object) -> tuple[float, str]:
    """Sort key that puts "5-9" before "10-14"."""
    found = _LEADING_NUMBER.match(str(label))
    return (float(found[1]) if found else np.inf, str(label))


def _named(levels: Levels) -> str:
    shown = ", ".join(repr(str(level)) for level in levels[:_SHOWN])
    return f"{shown}, ... ({len(levels)} levels)" if len(levels) > _SHOWN else shown


def _listing(levels: Levels) -> str:
    first = ", ".join(f'"{level}"' if levels.dtype.kind in "UTO" else str(level) for level in levels[:2])
    return f"levels = [{first}, ...]"


def _no_order(levels: Levels, dim: str, walk: Term | None) -> str:
    why = f"term {walk.name!r} steps over {dim!r}" if walk is not None else f"{dim!r} was declared ordered"
    return (
        f"{why}, and its levels do not say their order: {_named(levels)}; give all of "
        f"them in order on the card's term, as {_listing(levels)}, or make the column an ordered category"
    )


def _refuse_alphabet(levels: Levels, dim: str, wrong: list[str]) -> None:
    """An order that is stated stands, unless it is that of the alphabet and the labels say another."""
    scale, text = _scale(levels), [str(level) for level in levels]
    if scale is None or text != sorted(text):
        return
    told = np.lexsort((scale.last, scale.first)).tolist()
    if told not in (list(range(len(text))), list(range(len(text)))[::-1]):
        wrong.append(
            f"the levels of {dim!r} stand in the order of the alphabet ({_named(levels)}), and say another "
            f"({_named(levels[told])}); give that one, or leave the order away"
        )


def _refuse_reversed(levels: Levels, dim: str, wrong: list[str]) -> None:
    """Deprivation counts from the most deprived on, in every figure and sentence of the package."""
    told = told_order(levels) if dim in KNOWN else None
    if told is not None and len(levels) > 1 and (np.diff(told) < 0).all():
        wrong.append(
            f"the levels of {dim!r} are stated from {str(levels[0])!r} on, and 1 is the most deprived and comes first; "
            "recode the column, say which end is which in its labels (1 - least deprived), or give it another name"
        )


def _in_steps(levels: Levels, dim: str, walk: Term, wrong: list[str]) -> Levels:
    """Levels with those between that are missing, where they say how far apart they are."""
    scale = _scale(levels)
    if scale is None or scale.kind == "words":
        return levels
    order = np.lexsort((scale.last, scale.first))
    falling = len(levels) > 1 and order.tolist() == list(range(len(levels)))[::-1]
    if not falling and order.tolist() != list(range(len(levels))):
        return levels
    at, rising = Scale(scale.kind, scale.first[order], scale.last[order], scale.after[order], None), levels[order]
    said = f"term {walk.name!r} steps over {dim!r}, "
    listed = f"list the levels that it is to step over, in order, on the card's term: {_listing(rising)}"
    if scale.kind == "band":
        if problem := missing_band(at, rising):
            wrong.append(f"{said}{problem}; {listed}, a band between among them if there is one")
        return levels
    steps, problem = even_steps(at.kind, at.first, rising, known=dim in KNOWN)
    if problem:
        wrong.append(f"{said}{problem}, or {listed}")
        return levels
    absent = np.setdiff1d(steps, at.first)
    if not len(absent):
        return levels
    if rising.dtype.kind == "i" and scale.kind == "number":
        filled: Levels = steps.astype(np.int64)
    elif rising.dtype.kind == "f":
        filled = steps
    elif scale.write is None:
        wrong.append(
            f"{said}whose levels leave out {len(absent)} steps, the first after "
            f"{str(rising[int(np.searchsorted(at.first, absent[0])) - 1])!r}; {listed}, those left out too"
        )
        return levels
    else:
        name = dict(zip(at.first.tolist(), rising.tolist(), strict=True))
        made = [name[step] if step in name else scale.write(round(step)) for step in steps.tolist()]
        filled = np.asarray(made, dtype=object)
        if rising.dtype.kind == "i":
            filled = filled.astype(np.int64)
    return filled[::-1] if falling else filled
