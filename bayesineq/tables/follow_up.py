"""Survival as counts: each person's follow-up cut into intervals, so that hazards are rates of a Poisson outcome."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError

INTERVAL: Final = "interval"
EXPOSURE: Final = "exposure"
EVENTS: Final = "events"


def split_follow_up(table: pd.DataFrame, cuts: Sequence[float], *, time: str, event: str) -> pd.DataFrame:
    """
    Cut follow-up times into intervals in each of which the hazard is taken to be constant.

    The likelihood of a piecewise exponential hazard is that of Poisson counts with the time at risk as exposure, so
    that survival is fitted as any other rate, with terms for area and group beside one for the interval.

    Parameters
    ----------
    table : DataFrame
        A row a person.
    cuts : sequence of float
        Ends of the intervals, ascending, from zero to at least the longest time.
    time : str
        Column of the time followed, above zero, in the unit of the cuts.
    event : str
        Column that is 1 where the time ended with the event, 0 where the person was lost sight of.

    Returns
    -------
    DataFrame
        A row for each interval that a person was at risk in, in the order of the table: its columns but `time` and
        `event`, and `interval` ("0-7"), `exposure` (time at risk in it) and `events` (0 or 1). An event at a cut
        belongs to the interval that ends there.

    Raises
    ------
    SchemaError
        If cuts do not ascend from zero to the longest time, a time is not above zero or an event is neither 0 nor 1,
        or a column of that name is there already.

    References
    ----------
    Holford TR. The analysis of rates and of survivorship using log-linear models. Biometrics 1980.
    https://doi.org/10.2307/2529982

    Examples
    --------
    >>> people = pd.DataFrame({"area": ["E1", "E2"], "days": [10.0, 40.0], "died": [1, 0]})
    >>> split_follow_up(people, [0, 7, 30, 90], time="days", event="died")
      area interval  exposure  events
    0   E1      0-7       7.0       0
    1   E1     7-30       3.0       1
    2   E2      0-7       7.0       0
    3   E2     7-30      23.0       0
    4   E2    30-90      10.0       0
    """
    edge = np.asarray(cuts, dtype=np.float64)
    _refuse(table, edge, time, event)
    followed, ended = table[time].to_numpy(dtype=np.float64), table[event].to_numpy(dtype=np.int64)
    last = np.searchsorted(edge, followed, side="left")
    row = np.repeat(np.arange(len(table)), last)
    part = np.arange(len(row)) - np.repeat(np.cumsum(last) - last, last)
    out = table.drop(columns=[time, event]).iloc[row].reset_index(drop=True)
    labels = [f"{low:g}-{high:g}" for low, high in pairwise(edge)]
    out[INTERVAL] = pd.Categorical(np.array(labels)[part], categories=labels, ordered=True)
    out[EXPOSURE] = np.minimum(followed[row], edge[part + 1]) - edge[part]
    out[EVENTS] = np.where(part == last[row] - 1, ended[row], 0)
    return out


def _refuse(table: pd.DataFrame, edge: np.ndarray, time: str, event: str) -> None:
    """All that is wrong with times and cuts, at once; rows are named by position, never by what they hold."""
    wrong = [f"there is no column {name!r}" for name in (time, event) if name not in table]
    taken = [name for name in (INTERVAL, EXPOSURE, EVENTS) if name in table and name not in (time, event)]
    wrong += [f"column {name!r} is there already; rename it" for name in taken]
    rising = len(edge) > 1 and edge[0] == 0 and bool((np.diff(edge) > 0).all()) and bool(np.isfinite(edge).all())
    if not rising:
        wrong.append(f"cuts {edge.tolist()} do not ascend from 0; give the ends of the intervals, such as [0, 30, 365]")
    if time in table:
        followed = pd.to_numeric(table[time], errors="coerce").to_numpy(dtype=np.float64)
        if len(bad := np.flatnonzero(~(followed > 0) | ~np.isfinite(followed))):
            wrong.append(
                f"column {time!r}: {len(bad)} times are missing or not above zero, the first in row {bad[0]} (counted "
                "from 0); who was not followed was not at risk: leave these rows out, or give the smallest time that "
                "the records can tell"
            )
        elif rising and (late := int((followed > edge[-1]).sum())):
            wrong.append(f"{late} times lie beyond the last cut, {edge[-1]:g}; add one of at least {followed.max():g}")
    if event in table and len(bad := np.flatnonzero(~table[event].isin([0, 1]).to_numpy())):
        wrong.append(
            f"column {event!r}: {len(bad)} values are neither 0 nor 1, the first in row {bad[0]} (counted from 0)"
        )
    if wrong:
        raise SchemaError("follow-up cannot be cut: " + "; ".join(wrong))
