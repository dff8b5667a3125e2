"""Periods in words: the last against the first, and no ranking among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.order import why_no_gradient
from bayesineq.disclosure.covered import Draws
from bayesineq.posterior.groups import mean_interval, pooled
from bayesineq.report.figures.draws import to_draw
from bayesineq.report.figures.style import MoreIs, direction
from bayesineq.report.tables.numbers import Unit, decimals, interval, with_unit, write
from bayesineq.report.words.chance import chance_and_number
from bayesineq.report.words.labels import dimension_label
from bayesineq.report.words.sentences import Statement


def is_time(dim: str, levels: NDArray[np.generic]) -> bool:
    """
    Tell whether a dimension is time, which is no ranking of people.

    By its name or its levels, as measures of a gradient are refused.
    """
    return why_no_gradient(dim, levels).startswith("time")


def over_time(
    values: Draws,
    dim: str,
    labels: Sequence[str],
    *,
    outcome: str,
    unit: Unit,
    more_is: MoreIs,
    prob: float,
) -> Statement:
    """
    Say how the last period differs from the first.

    It is a claim only where the interval excludes no difference. `values` have dims (chain, draw, dim), periods in
    order.
    """
    level = f"{100 * prob:.0f}%"
    draws = pooled(to_draw(values, dim), dim).astype(np.float64)
    if draws.shape[1] < 2:
        return Statement(f"There is one {dimension_label(dim)} only, so nothing can be compared.")
    gap = draws[:, -1] - draws[:, 0]
    mean, lower, upper = mean_interval(gap, prob)
    share = float((gap > 0).mean())
    lean, first, last = max(share, 1.0 - share), labels[0], labels[-1]
    places = decimals([v * unit.factor for v in (mean, lower, upper)])
    if lower <= 0.0 <= upper:
        between = interval(lower, upper, unit, is_difference=True, places=places).replace(" to ", " and ", 1)
        return Statement(
            f"Over time, the data do not show whether {outcome} in {last} differs from that in {first}: the "
            f"difference, the former less the latter, lies between {between} ({level} interval), which "
            "includes no difference.",
            False,
            lean,
        )
    rises = lower > 0
    low, high = (lower, upper) if rises else (-upper, -lower)
    size = with_unit(abs(mean), unit, is_difference=True, places=places)
    word = "higher" if rises else "lower"
    return Statement(
        f"Over time, {outcome} is {word} in {last} than in {first}, by {size} ({level} interval "
        f"{write(low * unit.factor, places)} to {write(high * unit.factor, places)}); that it is {word} is "
        f"{chance_and_number(lean, len(gap))}. Here {direction(more_is)}, so it has become "
        f"{'worse' if rises == (more_is == 'worse') else 'better'}.",
        True,
        lean,
    )
