"""Section of a report on waits: the share of each group that waits still after so many days."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr

from bayesineq.dims import DEPRIVATION, ETHNICITY
from bayesineq.disclosure.cover import Cover, cover
from bayesineq.measures.waits import still_waiting
from bayesineq.model.card import ModelCard
from bayesineq.posterior.groups import mean_interval
from bayesineq.posterior.population import card_of
from bayesineq.report.page.alike import alike
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.tables.numbers import PERCENT, estimate
from bayesineq.report.words.labels import dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, sentence, withheld_said

INTERVAL: Final = "interval"
_STRETCH: Final = re.compile(r"(\d+)-(\d+)")


def lengths_of(levels: list[object]) -> list[float] | None:
    """Days of each stretch of a wait that has an end, from labels such as 000-028; None where they leave gaps."""
    ends = [tuple(map(int, found.groups())) for level in levels if (found := _STRETCH.fullmatch(str(level)))]
    joined = bool(ends) and ends[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(ends))
    return [float(high - low) for low, high in ends] if joined else None


def is_wait(card: ModelCard) -> bool:
    """Whether the card tells how long people wait."""
    return not card.is_joint and INTERVAL in card.dims and "exposure" in card.outcome.columns


def waiting_sections(post: xr.DataTree, options: ReportOptions) -> tuple[Section, ...]:
    """By deprivation and by ethnicity, the share that has not been seen by the end of each stretch of the wait."""
    card = card_of(post)
    if not is_wait(card):
        return ()
    dims = [dim for dim in (*DEPRIVATION, ETHNICITY) if dim in card.dims]
    found = cover(post, options.rule, also=[(dim, INTERVAL) for dim in dims])
    return tuple(section for dim in dims if (section := _section(post, found, dim, options)) is not None)


def _section(post: xr.DataTree, found: Cover, dim: str, options: ReportOptions) -> Section | None:
    like = alike(post, found, (dim, INTERVAL))
    shown = like.values.shown
    lengths = lengths_of(list(shown[INTERVAL].to_numpy()))
    if lengths is None:
        return None
    rates = shown.isel({INTERVAL: slice(0, len(lengths))}).transpose("chain", "draw", dim, INTERVAL)
    draws = rates.to_numpy().reshape(-1, rates.sizes[dim], len(lengths))
    left = still_waiting(draws, lengths)
    days = np.cumsum(lengths).astype(int)
    levels = list(shown[dim].to_numpy())
    names = level_labels(dim, levels, options.labels)
    rows = []
    for k, name in enumerate(names):
        known = np.isfinite(left[:, k]).all(axis=0)
        cells = [
            estimate(*mean_interval(left[:, k, j], options.prob), PERCENT, places=1) if known[j] else "withheld"
            for j in range(len(lengths))
        ]
        rows.append((name, *cells))
    header = (sentence(dimension_label(dim)), *(f"After {day:,} days" for day in days))
    level = f"{100 * options.prob:.0f}%"
    caption = f"Share that waits still{like.given} ({level} intervals)"
    said = [_between(left, names, days, options.prob, like.given)] if dim in DEPRIVATION else []
    if (withheld := withheld_said(like.values, dim)) is not None:
        said.insert(0, withheld)
    return Section(f"Waiting still, by {dimension_label(dim)}", tuple(said), (Table(caption, header, tuple(rows)),), ())


def _between(left: np.ndarray, names: list[str], days: np.ndarray, prob: float, given: str) -> Statement:
    """The ends of deprivation, at the stretch that ends nearest to 18 weeks."""
    at = int(np.argmin(np.abs(days - 126)))
    first, last = left[:, 0, at], left[:, -1, at]
    gap = first - last
    mean, lower, upper = mean_interval(gap, prob)
    if not np.isfinite(mean):
        return Statement("The groups at the ends are too small to be compared.")
    text = (
        f"After {days[at]} days {100 * first.mean():.1f}% of {names[0]} and {100 * last.mean():.1f}% of {names[-1]} "
        f"wait still{given}: a difference of {estimate(mean, lower, upper, PERCENT, is_difference=True, places=1)}."
    )
    claim = bool(lower > 0 or upper < 0)
    return Statement(text, claim, float(max((gap > 0).mean(), (gap < 0).mean())))
