"""How far apart the levels of a walk are: even steps, what lies between, and what is no level but a code."""

from __future__ import annotations

import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.tables.labels import Scale

_CODES_ABOVE: Final = (9, 77, 88, 98, 99, 777, 888, 998, 999, 7777, 8888, 9998, 9999, 99999)
_CODES_BELOW: Final = (-1, -7, -8, -9, -77, -88, -98, -99, -777, -888, -998, -999, -9999)
_APART: Final = "and its level {} stands apart as a code for missing does; leave its rows out or recode them"
_FAR: Final = 3
_LONGEST: Final = 5
_DECIMALS: Final = 6
_CLOSE: Final = 1e-9

type Float = NDArray[np.float64]


def even_steps(kind: str, at: Float, names: NDArray[np.generic], *, known: bool = False) -> tuple[Float, str]:
    """
    Places of an even walk through levels.

    Shapes: at (n_level,); names (n_level,).

    `known`: Whether they are known to be numbers one apart, so that no gap between them is too long. Returns: the
    levels' own and those between, a step apart; the levels' own where there is a problem. Returns: why they make no
    walk: a code for missing among numbers, or a gap of more than five steps and than half the number of levels.

    Notes
    -----
    The step is one (a year, a month, a quarter), and for dates and fractions the longest that hits all of them; where
    levels stand evenly but further apart, such as censuses every ten years, it is the distance between them.
    """
    if len(at) < 2:
        return at, ""
    if known and kind in ("number", "rank"):
        return np.arange(at[0], at[-1] + 1.0), ""
    if kind in ("number", "rank") and (problem := _code(at, names)):
        return at, problem
    if kind == "date":
        return _dates(at, names)
    whole = bool((at == np.round(at)).all())
    scale = 1.0 if whole else 10.0**_DECIMALS
    places = np.round(at * scale)
    if not whole and np.abs(places / scale - at).max() > _CLOSE * max(1.0, float(np.abs(at).max())):
        return at, _uneven(at, names)
    found = _evenly(places.astype(np.int64), one=whole)
    return (at, _uneven(at, names)) if found is None else (np.asarray(found / scale, dtype=np.float64), "")


def missing_band(scale: Scale, names: NDArray[np.generic]) -> str:
    """
    Where bands, in order, overlap or leave a gap. Shapes: names (n_level,).

    Returns: the first such place in words; empty where each band begins where the one before ends. Widths may
    differ.
    """
    for k in range(1, len(names)):
        begins, ends, due = scale.first[k], scale.last[k - 1], scale.after[k - 1]
        pair = f"{str(names[k - 1])!r} and {str(names[k])!r}"
        if begins < ends - _CLOSE or (begins < due - _CLOSE and begins > ends + _CLOSE):
            return f"whose bands {pair} overlap"
        if begins > due + _CLOSE:
            return f"whose bands leave a gap between {pair}"
    return ""


def _evenly(places: NDArray[np.int64], *, one: bool) -> NDArray[np.int64] | None:
    """Places a step apart that hold all of those given; None where a gap is too long."""
    gaps = np.diff(places)
    longest, most = int(gaps.max()), max(_LONGEST, len(places) // 2)
    common = int(np.gcd.reduce(gaps))
    step = 1 if one and longest <= most else common
    return np.arange(places[0], places[-1] + 1, step) if longest // step <= most else None


def _dates(at: Float, names: NDArray[np.generic]) -> tuple[Float, str]:
    """Months apart where all dates are of one day of the month, or the last of a month; else days apart."""
    days = [datetime.date.fromordinal(int(day)) for day in at]
    ends = [day.month != (day + datetime.timedelta(days=1)).month for day in days]
    if all(ends) or len({day.day for day in days}) == 1:
        found = _evenly(np.array([12 * day.year + day.month - 1 for day in days]), one=False)
        if found is None:
            return at, _uneven(at, names)
        months = [(int(place) // 12, int(place) % 12 + 1) for place in found]
        made = [_last(y, m) if all(ends) else datetime.date(y, m, days[0].day) for y, m in months]
        return np.array([float(day.toordinal()) for day in made]), ""
    found = _evenly(at.astype(np.int64), one=False)
    return (at, _uneven(at, names)) if found is None else (found.astype(np.float64), "")


def _last(year: int, month: int) -> datetime.date:
    return datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)


def _code(at: Float, names: NDArray[np.generic]) -> str:
    """A number that stands apart and is commonly written for a missing one."""
    if at[-1] in _CODES_ABOVE and at[-1] - at[-2] >= _FAR:
        return (
            f"and its level {names[-1]} stands apart as a code for missing does; leave its rows out, or recode them, or"
        )
    below = at[at < 0]
    if 0 < len(below) < len(at) and np.isin(below, _CODES_BELOW).all() and at[len(below)] - below[-1] > 1:
        return (
            f"and its level {names[0]} stands apart as a code for missing does; leave its rows out, or recode them, or"
        )
    return ""


def _uneven(at: Float, names: NDArray[np.generic]) -> str:
    k = int(np.argmax(np.diff(at)))
    return (
        f"and between its levels {names[k]} and {names[k + 1]} lies a gap that its other steps do not explain; leave "
        "rows out, or recode them, if that is a code for missing"
    )
