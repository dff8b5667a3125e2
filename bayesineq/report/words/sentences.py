"""Plain English made from draws: probability words tied to numbers, and no claim across "no difference"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Draws
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.posterior.groups import interval, mean_interval, pooled
from bayesineq.report.figures.draws import flat, to_draw
from bayesineq.report.figures.style import MoreIs
from bayesineq.report.tables.numbers import Unit, decimals, with_unit, write
from bayesineq.report.words.chance import chance_and_number, each_at_least
from bayesineq.report.words.labels import dimension_label, plural

SURE: Final = 0.95
"""Probability from which an area counts as above or below the average in sentences."""

_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Statement:
    """
    A sentence and what it rests on.

    Parameters
    ----------
    text : str
        The sentence.
    is_claim : bool
        Whether it says that there is a difference. False where the interval includes none.
    probability : float
        Probability of the direction in which the draws lean, 0.5 to 1.
    open : str
        What the data leave open, in few words; empty where a sentence leaves nothing open.
    leads : bool
        Whether it belongs to the few sentences that a page begins with.
    """

    text: str
    is_claim: bool = False
    probability: float = 0.5
    open: str = ""
    leads: bool = False

    def __str__(self) -> str:
        return self.text


LIKELY_BEST: Final = 0.66
"""Probability from which a group is said to be the highest of all."""


def groups(
    values: Draws,
    dim: str,
    labels: list[str],
    *,
    outcome: str,
    unit: Unit,
    more_is: MoreIs = "worse",
    prob: float = CI_PROB,
    size: str = "population",
) -> list[Statement]:
    """
    Say which groups differ from the average of all, by how much at most, and which is most likely the highest.

    `values`: Outcome of each group: draws with dims (chain, draw, dim) and the coordinate `population`. Returns: A
    group is named only where the interval of its difference from the average excludes zero.
    """
    kept = to_draw(values, dim)
    draws = pooled(kept, dim).astype(np.float64)
    if draws.shape[1] < 2:
        return [Statement(f"By {dimension_label(dim)}, there is one group only, so nothing can be compared.")]
    weight = kept[POPULATION].to_numpy().astype(np.float64)
    average = draws @ (weight / weight.sum())
    gap, mean = draws - average[:, None], draws.mean(axis=0)
    digits = decimals([float(v) * unit.factor for v in mean])
    lower, upper = interval(gap, prob)
    by, n_draw = f"By {dimension_label(dim)}, ", len(draws)
    shown_average = with_unit(float(average.mean()), unit)
    against = f"the average of these groups ({shown_average}, weighted by {size})"
    order = np.argsort(-gap.mean(axis=0))
    said = []
    for word, clear, ranked in (("higher", lower > 0, order), ("lower", upper < 0, order[::-1])):
        named = [f"{labels[k]} ({with_unit(mean[k], unit, places=digits)})" for k in ranked if clear[k]]
        if not named:
            continue
        shown = _names(named)
        least = float(((gap > 0) if word == "higher" else (gap < 0)).mean(axis=0)[clear].min())
        verdict = "worse" if (word == "higher") == (more_is == "worse") else "better"
        sure = (each_at_least if len(named) > 1 else chance_and_number)(least, n_draw)
        said.append(
            Statement(f"{by}{outcome} is {word} than {against}, which is {verdict}, in: {shown} ({sure}).", True, least)
        )
        against = "that average"
        if verdict == "worse":
            far = next(k for k in ranked if clear[k])
            said.append(_furthest(f"{by}{labels[far]}", gap[:, far], average, outcome, unit, prob))
    unclear = [labels[k] for k in order if lower[k] <= 0 <= upper[k]]
    if len(unclear) == len(labels):
        said.append(Statement(f"{by}the data show no group to differ from {against} in {outcome}."))
    elif unclear:
        said.append(_unclear(unclear, len(labels), by))
    best = np.bincount(draws.argmax(axis=1), minlength=len(labels)) / n_draw
    top = int(best.argmax())
    if len(labels) > 2 and lower[top] > 0 and best[top] >= LIKELY_BEST:
        sure, chance = chance_and_number(float(best[top]), n_draw), float(best[top])
        said.append(Statement(f"{by}the highest level of all is that of {labels[top]} ({sure}).", True, chance))
    return said


def _unclear(names: list[str], n_group: int, by: str) -> Statement:
    return Statement(
        f"{by}the data do not show whether {len(names)} of the {n_group} groups differ from their average: "
        f"{_names(names)}.",
        False,
        0.5,
        f"whether {len(names)} of the {n_group} groups {by[0].lower()}{by[1:-2]} differ from their average",
    )


def _furthest(
    who: str, gap: NDArray[np.float64], average: NDArray[np.float64], outcome: str, unit: Unit, prob: float
) -> Statement:
    """How far the group that fares worst lies from the average."""
    mean, lower, upper = mean_interval(gap, prob)
    low, high = (lower, upper) if lower > 0 else (-upper, -lower)
    size, side = abs(mean), "above" if lower > 0 else "below"
    places = decimals([v * unit.factor for v in (size, low, high)])
    middle = float(average.mean())
    return Statement(
        f"{who} is furthest {side} the average of these groups ({with_unit(middle, unit)}): {outcome} there is "
        f"{with_unit(middle + mean, unit)}, {with_unit(size, unit, is_difference=True, places=places)} {side} "
        f"({100 * prob:.0f}% interval {write(low * unit.factor, places)} to {write(high * unit.factor, places)}).",
        True,
        float(max((gap > 0).mean(), (gap < 0).mean())),
        leads=True,
    )


def _names(names: list[str]) -> str:
    """The first few of many names."""
    return listed([*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])])


def rise_in_words(name: str, step: float) -> str:
    """
    How much higher a covariate is: a share in percentage points, anything else as it is.

    Examples
    --------
    >>> rise_in_words("share of residents aged 65 and over", 0.1), rise_in_words("distance", 0.1)
    ('10.0 percentage points', '0.100')
    """
    if name.startswith("share of"):
        return f"{write(100 * step, decimals([100 * step]))} percentage points"
    return write(step, decimals([step]))


def association(
    draws: NDArray[np.floating], *, name: str, rise: str, outcome: str, unit: Unit, prob: float = CI_PROB
) -> Statement:
    """
    Say how much higher or lower the outcome is where a covariate is higher.

    `draws`: That difference of the outcome, shape (n_draw,). `rise`: How much higher the covariate is, in words.
    """
    values = flat(draws)
    mean, lower, upper = mean_interval(values, prob)
    share = float((values > 0.0).mean())
    lean = max(share, 1.0 - share)
    level, places = f"{100 * prob:.0f}% interval", decimals([v * unit.factor for v in (mean, lower, upper)])
    if lower <= 0.0 <= upper:
        ends = f"{write(lower * unit.factor, places)} and "
        ends += with_unit(upper, unit, is_difference=True, places=places)
        return Statement(
            f"The data do not show whether {outcome} goes along with the {name}: for a rise of {rise}, the difference "
            f"lies between {ends} ({level}).",
            False,
            lean,
        )
    low, high = sorted((abs(lower), abs(upper)))
    size = with_unit(abs(mean), unit, is_difference=True, places=places)
    ends = f"{write(low * unit.factor, places)} to {write(high * unit.factor, places)}"
    return Statement(
        f"All else in the model equal, {outcome} is {size} {'higher' if lower > 0.0 else 'lower'} ({level} {ends}; "
        f"{chance_and_number(lean, len(values))}) where the {name} is higher by {rise}.",
        True,
        lean,
    )


def places(
    exceedance: pd.Series, *, outcome: str, limit: str = "the average of all areas", withheld: int = 0
) -> Statement:
    """
    Say in how many areas a threshold is very probably exceeded.

    `exceedance`: Probability of each area of being above the threshold; NaN where there is no estimate. Returns: A
    claim where any area is above or below with a probability of 95% or more.
    """
    known = exceedance.dropna()
    above, below = int((known >= SURE).sum()), int((known <= 1.0 - SURE).sum())
    total = len(known)
    open_ = total - above - below
    verb = "is" if above == 1 else "are"
    return Statement(
        f"Of {total:,} {'areas shown' if withheld else 'areas'}, {above:,} {verb} above {limit} in {outcome} and "
        f"{below:,} below it, each with a probability of 95% or more; that of the other {open_:,} lies between.",
        above + below > 0,
        float(np.maximum(known, 1.0 - known).mean()) if total else 0.5,
        f"whether {open_:,} of {total:,} areas lie above or below {limit.partition(' (')[0]}" if open_ else "",
    )


def withheld_said(values: Draws, dim: str) -> Statement | None:
    """
    Say how many groups of a dimension are withheld, and why.

    Returns: for example "18 of 100 counties are shown; 82 are withheld ..."; None where all are shown.
    """
    return Statement(said) if (said := values.words(plural(dimension_label(dim)))) else None


def numbers_withheld_said(found: PersonTables) -> list[str]:
    """Say that numbers of tables of persons are withheld, and why; nothing where all are shown."""
    return [f"{SUPPRESSED} stands where numbers are withheld, because {found.why}."] if found.withheld else []


def sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def listed(names: list[str]) -> str:
    """
    Join names as a sentence does.

    Returns: for example "A, B and C"; where a name holds a comma or an "and", semicolons keep all apart.
    """
    if any("," in name or " and " in name for name in names):
        return "; ".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
