"""The two ends of an order in words: who is compared with whom, adjusted and crude, from the table of `inequality`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayesineq.report.figures.style import MoreIs, direction
from bayesineq.report.tables.numbers import Unit, decimals, interval, with_unit, write
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


def _word(difference: float) -> str:
    return "higher" if difference > 0 else "lower"


def _size(difference: float, unit: Unit, places: int) -> str:
    return with_unit(abs(difference), unit, is_difference=True, places=places)


def _times(ratio: float) -> str:
    """The ratio the other way round."""
    return write(1.0 / float(ratio), decimals([1.0 / float(ratio)]))
