"""Which dimensions have an order that was declared, and along which of them a gradient means anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, DECILE, QUINTILE
from bayesineq.errors import SchemaError
from bayesineq.model.card import ModelCard
from bayesineq.tables.labels import read_labels
from bayesineq.tables.schema import read_schema, schema_names

ORDERED: Final = "ordered"
"""Attribute of a dimension's levels: 1 where their order was declared, else 0."""

GRADIENT: Final = "gradient"
"""Attribute of a dimension's levels: 1 where a slope over them says something about inequality, else 0."""

NO_GRADIENT: Final = "no_gradient"
"""Attribute of ordered levels without a gradient: why, in words."""

ORDER: Final = "order"
"""Attribute of ordered levels that are not simply rising numbers or dates: a JSON list of them, first rank first."""

ORDER_ATTRIBUTES: Final = (ORDERED, GRADIENT, NO_GRADIENT, ORDER)
"""All that levels carry about their order."""

_TIME: Final = frozenset({"year", "years", "yr", "fy", "quarter", "month", "week", "day", "date", "time", "period"})
_YEARS: Final = (1900, 2100)
_TIME_KINDS: Final = frozenset({"date", "month", "quarter", "financial year", "financial quarter"})


def is_declared(card: ModelCard, dim: str, column: pd.Series | None = None) -> bool:
    """
    Whether the levels of a column were declared to have an order.

    `card`: The card: a term may say `ordered = true` or `false`, step over the column (random_walk, ar1), or list
    its `levels`. `column`: What the table holds in it; an ordered category is a declaration. Returns: in this
    order: what a term says; a walk; what the schema of the card's table says, or the shipped schemas say of a
    column of that name (deprivation and age are ordered; ethnicity, sex and area are not); `levels` on a term; an
    ordered category. Being made of numbers is no declaration.
    """
    terms = [term for term in card.terms if dim in term.by]
    for term in terms:
        if term.ordered is not None:
            return term.ordered
    if any(dim in term.steps for term in terms):
        return True
    stated = _stated(card.table).get(dim, by_convention(dim))
    if stated is not None:
        return stated
    if any(term.levels is not None for term in terms):
        return True
    return column is not None and bool(getattr(column.dtype, "ordered", False))


def by_convention(dim: str) -> bool | None:
    """
    What the shipped schemas say of a column of that name.

    Returns: true for deprivation and age, False for ethnicity, sex and area, None where they say nothing.

    Examples
    --------
    >>> by_convention("imd_decile"), by_convention("ethnicity"), by_convention("household")
    (True, False, None)
    """
    return _shipped().get(dim)


def order_attributes(dim: str, levels: NDArray[np.generic], *, ordered: bool) -> dict[str, Any]:
    """
    What is to be carried along with the levels of a dimension.

    Returns: `ordered` and `gradient` (1 or 0); `no_gradient`, why an ordered dimension has none; `order`, where the
    rank cannot be told from the levels themselves.
    """
    reason = why_no_gradient(dim, levels) if ordered else ""
    attrs: dict[str, Any] = {ORDERED: int(ordered), GRADIENT: int(ordered and not reason)}
    if reason:
        attrs[NO_GRADIENT] = reason
    rising = levels.dtype.kind in "iufM" and bool(pd.Index(levels).is_monotonic_increasing)
    if ordered and not rising:
        attrs[ORDER] = json.dumps([str(level) for level in levels], ensure_ascii=False)
    return attrs


def ranked(levels: NDArray[np.generic], attrs: Mapping[str, Any]) -> NDArray[np.intp]:
    """
    Positions of levels from the first rank to the last, whatever order they were left in.

    `attrs`: Attributes of the levels, as `order_attributes` gives them, or none. Returns: such that
    `levels[positions]` is in rank order: as `order` says, else rising numbers or dates, else as it is.
    """
    if ORDER in attrs:
        place = {level: rank for rank, level in enumerate(json.loads(str(attrs[ORDER])))}
        if all(str(level) in place for level in levels):
            return np.argsort([place[str(level)] for level in levels], kind="stable")
    if levels.dtype.kind in "iufM":
        return np.argsort(levels, kind="stable")
    return np.arange(len(levels))


def why_no_gradient(dim: str, levels: NDArray[np.generic]) -> str:
    """
    Why a slope over ordered levels would say nothing about inequality.

    Returns: "time is no social ranking" or "age is no social ranking"; empty where a slope means something.
    """
    if dim in (DECILE, QUINTILE):
        return ""
    words = set(re.split(r"[^a-z]+", dim.lower()))
    if dim == AGE or words & {"age", "ages"}:
        return "age is no social ranking"
    if words & _TIME or _are_times(levels):
        return "time is no social ranking"
    return ""


def _are_times(levels: NDArray[np.generic]) -> bool:
    """Years, months, quarters, dates, or spans of years."""
    if not len(levels) or levels.dtype.kind == "M":
        return bool(len(levels))
    scale = read_labels([str(level) for level in levels])
    if scale is None:
        return False
    ends = np.concatenate([scale.first, scale.last])
    years = scale.kind in ("number", "band") and ((ends >= _YEARS[0]) & (ends <= _YEARS[1])).all()
    return bool(years or scale.kind in _TIME_KINDS)


@cache
def _stated(schema: str) -> Mapping[str, bool]:
    """What a schema says of its columns; nothing where there is no such schema."""
    try:
        fields = read_schema(schema).fields
    except SchemaError:
        return {}
    return {field.name: field.ordered for field in fields if field.ordered is not None}


@cache
def _shipped() -> Mapping[str, bool]:
    """What the shipped schemas say of columns by name: the convention of the package."""
    found = {DECILE: True, QUINTILE: True}
    for name in schema_names():
        found |= _stated(name)
    return found
