"""The two ends of an order in words: who is compared with whom, adjusted and crude, from the table of `inequality`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.disclosure.rule import Rule, is_small
from bayesineq.posterior.groups import mean_interval
from bayesineq.report.figures.style import MoreIs, direction
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate, interval, with_unit, write
from bayesineq.report.words.chance import chance_and_number
from bayesineq.report.words.sentences import Statement, sentence


def ends_compared(
    table: pd.DataFrame,
    *,
    first: str,
    last: str,
    outcome: str,
    unit: Unit,
    more_is: MoreIs,
    level: str,
    n_draw: int,
) -> tuple[Statement, ...]:
    """
    Say how the last group differs from the first: the least deprived from the most deprived.

    `table`: As `inequality` gives it, with a row `difference` and, where ratios exist, `ratio`. Returns: the
    difference and, where it is defined, the ratio; each with the crude one beside where something was held equal. A
    claim only where the interval excludes no difference.
    """
    rows: dict[Any, Any] = table.set_index("parameter").to_dict("index")
    between = _Between(first, last, outcome, unit, more_is, level, bool((table["adjusted_for"] != "nothing").any()))
    said = [_difference(rows["difference"], between, n_draw)]
    if "ratio" in rows and np.isfinite(rows["ratio"]["mean"]):
        said.append(_ratio(rows["ratio"], between))
    return tuple(said)


class _Between(NamedTuple):
    """Who is compared with whom, in what, and how it is written."""

    first: str
    last: str
    outcome: str
    unit: Unit
    more_is: MoreIs
    level: str
    is_adjusted: bool


def _difference(row: Mapping[str, Any], between: _Between, n_draw: int) -> Statement:
    first, last, outcome, unit, more_is, level, is_adjusted = between
    mean, lower, upper = (float(row[name]) for name in ("mean", "lower", "upper"))
    crude, share = float(row["crude_mean"]), float(row["p_above"])
    lean = max(share, 1.0 - share)
    places = decimals([v * unit.factor for v in (mean, lower, upper)])
    beside = f"; crude: {_size(crude, unit, places)} {_word(crude)}" if is_adjusted else ""
    if lower <= 0.0 <= upper:
        ends = interval(lower, upper, unit, is_difference=True, places=places).replace(" to ", " and ", 1)
        return Statement(
            f"The data do not show whether {outcome} differs between {last} and {first}: the difference, the former "
            f"less the latter, lies between {ends} ({level} interval{beside}), which includes no difference.",
            False,
            lean,
            f"whether {last} and {first} differ",
        )
    low, high = (lower, upper) if lower > 0 else (-upper, -lower)
    fares = first if (mean < 0) == (more_is == "worse") else last
    return Statement(
        f"{sentence(outcome)} is {_word(mean)} in {last} than in {first}, by {_size(mean, unit, places)} "
        f"({level} interval {write(low * unit.factor, places)} to {write(high * unit.factor, places)}{beside}); that "
        f"it is {_word(mean)} is {chance_and_number(lean, n_draw)}. Here {direction(more_is)}, so {fares} fares worse.",
        True,
        lean,
    )


def _ratio(row: Mapping[str, Any], between: _Between) -> Statement:
    first, last, level = between.first, between.last, between.level
    mean, lower, upper = (float(row[name]) for name in ("mean", "lower", "upper"))
    lean = max(float(row["p_above"]), 1.0 - float(row["p_above"]))
    places = decimals([mean, lower, upper])
    crude = f"; crude: {write(float(row['crude_mean']), places)}" if between.is_adjusted else ""
    ends = f"{level} interval {write(lower, places)} to {write(upper, places)}{crude}"
    if lower <= 1.0 <= upper:
        text = f"As a ratio, {last} to {first}, it is {write(mean, places)} ({ends}), which includes 1: no difference."
        return Statement(text, False, lean)
    turned = f" (crude: {_times(row['crude_mean'])})" if between.is_adjusted else ""
    return Statement(
        f"As a ratio, {last} has {write(mean, places)} times the level of {first} ({ends}); turned round, {first} has "
        f"{_times(mean)} times the level of {last}{turned}.",
        True,
        lean,
    )


def at_a_glance(
    table: pd.DataFrame,
    groups: tuple[str, str],
    *,
    first: str,
    last: str,
    outcome: str,
    unit: Unit,
    more_is: MoreIs,
    level: str,
    n_draw: int,
) -> Statement:
    """
    Say the level of both ends and how far the first lies from the last, in one sentence.

    `groups`: Parameters of the two ends in `table`, see `ends_compared`. Both the difference and the ratio are those
    of the first end, the most deprived, against the last.
    """
    rows: dict[Any, Any] = table.set_index("parameter").to_dict("index")
    levels = [tuple(float(rows[name][part]) for part in ("mean", "lower", "upper")) for name in groups]
    places = decimals([v * unit.factor for found in levels for v in found])
    most, least = (estimate(mean, low, high, unit, places=places) for mean, low, high in levels)
    said = f"{sentence(outcome)} is {most} in {first} and {least} in {last}"
    mean, lower, upper = (float(rows["difference"][part]) for part in ("mean", "lower", "upper"))
    if lower <= 0.0 <= upper:
        ends = interval(-upper, -lower, unit, is_difference=True)
        return Statement(
            f"{said}. The data do not show which of the two is higher: the former less the latter lies between "
            f"{ends.replace(' to ', ' and ', 1)} ({level} interval).",
            open=f"whether {first} and {last} differ",
            leads=True,
        )
    shown = decimals([v * unit.factor for v in (mean, lower, upper)])
    low, high = sorted((abs(lower), abs(upper)))
    size = f"{_size(mean, unit, shown)} {_word(-mean)} ({write(low * unit.factor, shown)} to "
    size += f"{write(high * unit.factor, shown)})"
    if "ratio" in rows and np.isfinite(rows["ratio"]["mean"]) and rows["ratio"]["lower"] > 0:
        times, least_times, most_times = (1.0 / float(rows["ratio"][part]) for part in ("mean", "upper", "lower"))
        size += f", or {estimate(times, least_times, most_times, PLAIN)} times the level"
    fares = first if (mean < 0) == (more_is == "worse") else last
    lean = float(max(rows["difference"]["p_above"], 1.0 - rows["difference"]["p_above"]))
    return Statement(
        f"{said}: {size}. As {direction(more_is)}, {fares} fares worse ({chance_and_number(lean, n_draw)}).",
        True,
        lean,
        leads=True,
    )


def if_all_had_it(
    moved: NDArray[np.float64], total: float, *, best: str, given: str, noun: str, prob: float, rule: Rule
) -> Statement:
    """
    Say how many more, or fewer, people there are than if everyone had the level of one group.

    `moved`: Draws of how many more there are, shape (n_draw,). `total`: How many there are in all. `best`: The group,
    and `given` what is held equal. Counts are rounded as `rule` says, and to three digits.
    """
    mean, lower, upper = mean_interval(moved, prob)
    level = f"{100 * prob:.0f}%"
    if lower <= 0.0 <= upper:
        return Statement(
            f"How many {noun} that stands for is not known: between {about(-lower, rule)} fewer and "
            f"{about(upper, rule)} more than if everyone had the level of {best}{given} ({level} interval).",
            open=f"how many {noun} the difference stands for",
            leads=True,
        )
    low, high = sorted((abs(lower), abs(upper)))
    return Statement(
        f"In all this stands for about {about(abs(mean), rule)} {'more' if mean > 0 else 'fewer'} {noun} ({level} "
        f"interval {about(low, rule)} to {about(high, rule)}) than if everyone had the level of {best}{given}, out of "
        f"about {about(total, rule)} counted.",
        True,
        float(max((moved > 0).mean(), (moved < 0).mean())),
        leads=True,
    )


def about(count: float, rule: Rule) -> str:
    """
    A modelled count in words of three digits, rounded at least as coarsely as a rule does.

    Examples
    --------
    >>> [about(count, Rule()) for count in (20_563.2, 1_234.0, 98.0, 3.0)]
    ['20,600', '1,230', '100', 'fewer than 8']
    """
    if rule.threshold and is_small(count, rule):
        return f"fewer than {rule.few + 1}"
    step = max(float(rule.base), 10.0 ** (math.floor(math.log10(max(count, 1.0))) - 2))
    return f"{math.floor(count / step + 0.5) * step:,.0f}"


def _word(difference: float) -> str:
    return "higher" if difference > 0 else "lower"


def _size(difference: float, unit: Unit, places: int) -> str:
    return with_unit(abs(difference), unit, is_difference=True, places=places)


def _times(ratio: float) -> str:
    """The ratio the other way round."""
    return write(1.0 / float(ratio), decimals([1.0 / float(ratio)]))
