"""What happens along a pathway, and when: events of people in intervals since the one that begins it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from bayesineq.dims import CI_PROB, PERSON
from bayesineq.disclosure.protect import protect, protect_rates
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure
from bayesineq.errors import SchemaError
from bayesineq.measures.limits import probability

EVENT: Final = "event"
DATE: Final = "date"
UNTIL: Final = "until"
_SHOWN: Final = 5


def event_timeline(
    events: pd.DataFrame,
    followed: pd.DataFrame,
    start: str,
    *,
    width: int = 30,
    days: int = 360,
    by: Sequence[str] = (),
    prob: float = CI_PROB,
    disclosure: Disclosure = DEFAULT_RULE,
) -> pd.DataFrame:
    """
    Events for each person in intervals since the first event of a kind, as may be shown.

    A person counts in an interval if followed to its end, so that nobody who was lost sight of seems to have had
    nothing. Events on the day of the start belong to the first interval, the start itself to none.

    Parameters
    ----------
    events : DataFrame
        A row an event: `person`, `event` (its kind) and `date`.
    followed : DataFrame
        A row a person: `person`, `until` (day on which sight of them was lost) and the columns of `by`.
    start : str
        Kind of event whose first occurrence begins the pathway of a person.
    width, days : int, optional
        Days of an interval, and how far the timeline goes.
    by : sequence of str, optional
        Columns of `followed` by which people are told apart, such as `imd_quintile` or `ethnicity`.
    prob : float, optional
        Probability of intervals.
    disclosure : Rule, str or Path
        How small counts are treated.

    Returns
    -------
    DataFrame
        The columns of `by`, `event`, `from_day`, `to_day`, `people` (followed to the end of the interval), `events` and
        `rate` (events a person and interval), with `lower` and `upper` of its posterior under a Gamma(1/2, 0) prior;
        counts are rounded, small ones and their rates are missing. `attrs["notes"]` says who is not counted.

    Raises
    ------
    SchemaError
        A column is missing, a date cannot be read, nobody has the event that starts, people have no follow-up or two,
        or something happened after it ended; all at once.

    References
    ----------
    Jeffreys 1961, Theory of Probability

    Examples
    --------
    >>> people = [f"p{i}" for i in range(200)]
    >>> first = pd.DataFrame({"person": people, "event": "referral", "date": "2024-01-01"})
    >>> seen = pd.DataFrame({"person": people[:100], "event": "clinic", "date": "2024-02-10"})
    >>> followed = pd.DataFrame({"person": people, "until": "2024-12-31"})
    >>> found = event_timeline(pd.concat([first, seen]), followed, "referral", days=60)
    >>> found[["event", "from_day", "people", "events", "rate"]].to_numpy().tolist()
    [['clinic', 0, 200, 0, 0.0], ['clinic', 30, 200, 100, 0.5]]
    """
    table, ends, notes = _read(events, followed, start, tuple(by))
    if width < 1 or days < width:
        raise SchemaError(f"Intervals of {width} days up to day {days} are none: give a width of a day or more.")
    cuts = np.arange(0, days - width + 1, width)
    keys = list(by)
    rows = []
    for name, group in ends.groupby(keys, dropna=False) if keys else [((), ends)]:
        own = table[table[PERSON].isin(group[PERSON])]
        followed_to = {cut: set(group.loc[group["length"] >= cut + width, PERSON]) for cut in cuts}
        for kind in sorted(set(table[EVENT])):
            day = own.loc[own[EVENT] == kind].set_index(PERSON)["day"]
            for cut, whole in followed_to.items():
                number = int((day[(day >= cut) & (day < cut + width)].index.isin(whole)).sum())
                rows.append((*name, kind, cut, cut + width - 1, len(whole), number))
    out = pd.DataFrame(rows, columns=[*keys, EVENT, "from_day", "to_day", "people", "events"])
    return _shown(out, prob, disclosure, notes)


def _shown(out: pd.DataFrame, prob: float, disclosure: Disclosure, notes: list[str]) -> pd.DataFrame:
    tail = 0.5 * (1.0 - probability(prob))
    people = out["people"].where(out["people"] > 0).astype(float)
    out["rate"] = out["events"] / people
    for name, share in (("lower", tail), ("upper", 1.0 - tail)):
        out[name] = stats.gamma.ppf(share, out["events"] + 0.5) / people
    # The least that nothing can say is nothing.
    out.loc[out["events"] == 0, "lower"] = 0.0
    rates, _ = protect_rates(out, ["rate", "lower", "upper"], "people", disclosure)
    out = protect(out, ["people", "events"], disclosure)
    out[["rate", "lower", "upper"]] = rates[["rate", "lower", "upper"]].where(out["people"].notna(), np.nan)
    out.attrs = {"notes": tuple(notes)}
    return out


def _read(
    events: pd.DataFrame, followed: pd.DataFrame, start: str, by: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Events by day since the start of their person, people with the days that they were followed, and notes."""
    lacking = [f"events have no `{name}`" for name in (PERSON, EVENT, DATE) if name not in events]
    lacking += [f"follow-up has no `{name}`" for name in (PERSON, UNTIL, *by) if name not in followed]
    if lacking:
        raise SchemaError(f"A timeline cannot be made: {'; '.join(lacking)}.")
    events, followed = events.reset_index(drop=True), followed.reset_index(drop=True)
    at = pd.to_datetime(events[DATE], errors="coerce", format="ISO8601")
    until = pd.to_datetime(followed[UNTIL], errors="coerce", format="ISO8601")
    wrong = [f"{int(at.isna().sum())} dates of events are none, written 2024-01-31"] if at.isna().any() else []
    wrong += [f"{int(until.isna().sum())} days of `until` are none"] if until.isna().any() else []
    if (twice := followed[PERSON].duplicated()).any():
        wrong.append(f"{int(twice.sum())} people have two follow-ups")
    if len(lost := set(events[PERSON]) - set(followed[PERSON])):
        wrong.append(f"{len(lost)} people with events have no follow-up")
    first = at[events[EVENT] == start].groupby(events[PERSON]).min()
    if first.empty:
        kinds = ", ".join(map(repr, list(dict.fromkeys(events[EVENT]))[:_SHOWN]))
        wrong.append(f"nobody has the event {start!r} that starts the pathway; there are {kinds}")
    late = at > events[PERSON].map(until.groupby(followed[PERSON]).max())
    wrong += [f"{int(late.sum())} events are after the follow-up of their person"] if late.any() else []
    if wrong:
        raise SchemaError(f"A timeline cannot be made: {'; '.join(wrong)}.")
    ends = followed[[PERSON, *by]].assign(length=(until - followed[PERSON].map(first)).dt.days + 1)
    never = int(ends["length"].isna().sum())
    table = events[[PERSON, EVENT]].assign(day=(at - events[PERSON].map(first)).dt.days)
    before = int((table["day"] < 0).sum())
    table = table[(table[EVENT] != start) & (table["day"] >= 0)]
    notes = [f"the event {start!r} begins the pathway at its first occurrence; later ones are not counted"]
    notes += [f"{never} people never have it, and are not counted"] if never else []
    notes += [f"{before} events before it are not counted"] if before else []
    return table, ends.dropna(subset=["length"]), notes
