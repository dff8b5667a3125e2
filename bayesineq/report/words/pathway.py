"""A pathway and a trend in sentences: where a gap arises, who is missed, whether it narrows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from bayesineq.pathway.need import UnmetNeed
from bayesineq.pathway.over_time import GapOverTime
from bayesineq.pathway.places import PlacesTogether
from bayesineq.pathway.steps import GapBySteps
from bayesineq.posterior.groups import mean_interval
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit, estimate, percent, with_unit
from bayesineq.report.words.chance import chance_and_number
from bayesineq.report.words.sentences import Statement, listed, sentence

LIKELY: float = 0.8
"""Probability from which a step is said to be the largest."""


def where_it_arises(
    found: GapBySteps, *, outcome: str, between: tuple[str, str], unit: Unit, prob: float
) -> list[Statement]:
    """
    Say how large a gap is and which step adds most to it.

    `between`: The two groups in words, the one whose value comes first. A gap is claimed only where its interval
    excludes zero.
    """
    draws = found.gap.to_numpy()
    mean, lower, upper = mean_interval(draws, prob)
    level, first, second = f"{100 * prob:.0f}%", *between
    if lower <= 0 <= upper:
        size = estimate(mean, lower, upper, unit, is_difference=True)
        return [
            Statement(
                f"The data do not show whether {outcome} differ between {first} and {second}: the difference is "
                f"{size}, {level} interval, so there is no gap to divide among the steps."
            )
        ]
    word = "more" if mean > 0 else "fewer"
    size = estimate(abs(mean), min(abs(lower), abs(upper)), max(abs(lower), abs(upper)), unit, is_difference=True)
    said = [Statement(f"There are {word} {outcome} in {first} than in {second}, by {size}.", True, 1.0)]
    rows = found.table.to_dict("records")
    top = max(rows, key=lambda row: row["p_largest"])
    shares = listed([f"{row['step']} {_share(row)}" for row in rows])
    chance = float(top["p_largest"])
    if chance >= LIKELY:
        said.append(
            Statement(
                f"The step that adds most to this gap is {top['step']} ({chance_and_number(chance, draws.size)}). "
                f"Shares of the gap: {shares}.",
                True,
                chance,
            )
        )
    else:
        said.append(Statement(f"No one step is clearly the largest. Shares of the gap: {shares}.", False, chance))
    after = [str(row["step"]) for row in rows if row["conditional"]]
    said.append(
        Statement(
            f"{sentence(listed(after))} {'is' if len(after) == 1 else 'are'} counted among those whom the earlier "
            "steps selected. Where more people are found early, those who are found are less ill: a step may look "
            "better for that reason alone."
        )
    )
    return said


def _share(row: Mapping[Hashable, Any]) -> str:
    """Share of a gap with its interval, in per cent."""
    mean, lower, upper = (100 * row[f"share_{name}"] for name in ("mean", "lower", "upper"))
    return f"{mean:.0f}% ({lower:.0f} to {upper:.0f})"


def who_is_missed(need: UnmetNeed, *, reached: str, people: str, prob: float) -> Statement:
    """Say how many people with a condition were not reached; `people` is their number as it may be shown."""
    whole = need.people.sum([dim for dim in need.people.dims if dim not in ("chain", "draw")])
    cases = (need.people / need.share).sum([dim for dim in need.people.dims if dim not in ("chain", "draw")])
    mean, lower, upper = mean_interval((whole / cases).to_numpy(), prob)
    share = estimate(mean, lower, upper, PERCENT)
    return Statement(f"{people} people with the condition were not {reached}, {share} of those who have it.")


def places_together(found: PlacesTogether, *, first: str, second: str, prob: float) -> Statement:
    """Say whether the share `second` is lower, or higher, in areas where `first` is higher."""
    draws = found.linear.to_numpy()
    mean, lower, upper = mean_interval(draws, prob)
    size = f"correlation over areas {estimate(mean, lower, upper, PLAIN, places=2)}"
    if lower <= 0 <= upper:
        return Statement(
            f"The data do not show whether the share {second} is higher or lower where {first} is higher ({size})."
        )
    chance = float(max((draws > 0).mean(), (draws < 0).mean()))
    word = "higher" if mean > 0 else "lower"
    return Statement(
        f"Where {first} is higher, the share {second} is {word} ({size}; {chance_and_number(chance, draws.size)}).",
        True,
        chance,
    )


def gap_in_time(
    found: GapOverTime, *, outcome: str, years: tuple[object, object], unit: Unit, prob: float
) -> list[Statement]:
    """Say whether a gap narrowed between the first year and the last, and which end moved."""
    change: dict[Any, dict[Hashable, Any]] = {row["number"]: row for row in found.change.to_dict("records")}
    row = change["sii"]
    time = next(str(dim) for dim in found.sii.dims if dim not in ("chain", "draw"))
    n = int(np.prod([found.sii.sizes[dim] for dim in ("chain", "draw")]))
    ends = [mean_interval(found.sii.isel({time: k}).to_numpy(), prob) for k in (0, -1)]
    sizes = [estimate(*end, unit, is_difference=True) for end in ends]
    chance = float(row["p_narrowed"])
    lean, word = max(chance, 1 - chance), "narrowed" if chance >= 0.5 else "widened"
    between = (
        f"The slope index of inequality in {outcome}, from the most to the least deprived, was {sizes[0]} in "
        f"{years[0]} and {sizes[1]} in {years[1]}."
    )
    if lean < 0.95:
        verdict = (
            f"The data do not show whether the gap changed from {years[0]} to {years[1]}: that it {word} has a "
            f"probability of {percent(lean, n)}."
        )
    else:
        verdict = f"The gap {word} from {years[0]} to {years[1]} ({chance_and_number(lean, n)})."
    said = [Statement(between), Statement(verdict, lean >= 0.95, lean, leads=True)]
    for end in ("most disadvantaged end", "most advantaged end"):
        if end in change:
            moved = change[end]
            name = "most" if end.startswith("most disadv") else "least"
            rise = with_unit(abs(float(moved["mean"])), unit, is_difference=True)
            verb = "rose" if moved["mean"] > 0 else "fell"
            low, high = float(moved["lower"]), float(moved["upper"])
            clear = not low <= 0 <= high
            said.append(
                Statement(
                    f"At the {name} deprived end, {outcome} {verb} by {rise}."
                    if clear
                    else f"At the {name} deprived end, the data do not show a change of {outcome}.",
                    clear,
                    0.975 if clear else 0.5,
                )
            )
    return said
