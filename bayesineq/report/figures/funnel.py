"""Funnel plots: observed proportions against their denominators, with control limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule
from bayesineq.disclosure.suppression import protect_tables
from bayesineq.errors import MeasureError
from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    INK,
    QUIET,
    WIDTH,
    Chart,
    MoreIs,
    direction,
    dress,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import PERCENT, with_unit
from bayesineq.report.words.sentences import sentence

_LIMITS: Final = {"95%": 1.959963984540054, "99.8%": 3.090232306167813}
_POINTS: Final = 200
_TRIM: Final = 0.1
_MOST: Final = 200_000


@dataclass(frozen=True, slots=True)
class Funnel:
    """
    What a funnel plot shows.

    Parameters
    ----------
    points : DataFrame
        A row a unit that may be shown: `unit`, rounded `events` and `at_risk`, `proportion` (the one over the other),
        `z` (its distance from the target in standard errors), `position` ("inside", "above 95%", "below 99.8%", ...).
    limits : DataFrame
        `at_risk`, `lower_95`, `upper_95`, `lower_99.8`, `upper_99.8`.
    target : float
        Overall proportion of all units, of their rounded totals.
    overdispersion : float
        Factor by which variances were raised, 1 for none.
    hidden : int
        Number of units withheld.
    """

    points: pd.DataFrame
    limits: pd.DataFrame
    target: float
    overdispersion: float
    hidden: int


def funnel_data(
    table: pd.DataFrame,
    *,
    unit: str,
    events: str,
    at_risk: str,
    adjust: bool = False,
    disclosure: Disclosure = DEFAULT_RULE,
) -> Funnel:
    """
    Compute control limits and the place of every unit.

    `table`: A row a unit of about equal kind: practices, hospitals. Never deciles of one area. `adjust`: Whether to
    widen the limits where units vary more than chance allows. `disclosure`: When a count is small, and how others are
    rounded; `Rule(0, 1)` shows all as they are.

    Notes
    -----
    A unit is withheld where its events, its people or its people without the event are few, or could be worked out
    from the totals and the other units. Every number of the others, also where they are drawn, is that of rounded
    counts, so that no proportion gives a count back.

    Limits at n people: p +/- z sqrt(phi p (1 - p) / n), cut at 0 and 1, with p the overall proportion and z 1.96 or
    3.09. phi is 1, or the mean of squared z-scores after the outer tenth on each side is pulled in, if above 1.

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Statistics in Medicine 2005; 24: 1185-1202.
    doi:10.1002/sim.1970
    """
    rule = rule_of(disclosure)
    count, people = (table[c].to_numpy(dtype=np.float64) for c in (events, at_risk))
    bad = ~(np.isfinite(count) & np.isfinite(people) & (people > 0) & (count >= 0) & (count <= people))
    if bad.any() or not len(table):
        raise MeasureError(
            f"{int(bad.sum())} of {len(table)} units have no people at risk, or events that are missing, negative or "
            f"above them; the first is {table[unit].iloc[int(bad.argmax())] if len(table) else 'none'}"
        )
    exact = _distance(count, people, _overall(count, people))
    phi = overdispersion(exact) if adjust else 1.0
    shown, total = _released(table[unit], count, people, rule)
    if shown.empty:
        raise MeasureError(f"all {len(table)} units are withheld: each has a small count, or would give one away")
    target = _overall(total["events"].to_numpy(), total["at_risk"].to_numpy())
    count, people = (shown[c].to_numpy(dtype=np.float64) for c in ("events", "at_risk"))
    points = shown.assign(proportion=count / people, z=_distance(count, people, target) / np.sqrt(phi))
    points["position"] = [_position(value) for value in points["z"]]
    at = np.geomspace(max(people.min() * 0.9, 1.0), people.max() * 1.05, _POINTS)
    limits = pd.DataFrame({"at_risk": at})
    for name, step in _LIMITS.items():
        wide = step * np.sqrt(phi * target * (1.0 - target) / at)
        limits[f"lower_{name.rstrip('%')}"] = np.clip(target - wide, 0.0, 1.0)
        limits[f"upper_{name.rstrip('%')}"] = np.clip(target + wide, 0.0, 1.0)
    return Funnel(points, limits, target, phi, len(table) - len(shown))


def _released(
    unit: pd.Series, count: NDArray[np.float64], people: NDArray[np.float64], rule: Rule
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units that may be shown with their rounded counts, and the rounded totals."""
    cells = pd.DataFrame({"unit": unit.to_numpy(), "events": count, "at_risk": people, "others": people - count})
    counted = ["events", "at_risk", "others"]
    released = protect_tables(cells, ["unit"], counted, disclosure=rule, most=_MOST)
    shown = cells[["unit"]].merge(released.tables[("unit",)], on="unit", how="left", validate="one_to_one")
    shown = shown[shown[counted].notna().all(axis=1)].astype(dict.fromkeys(counted, np.float64))
    total = released.tables[()]
    # Where the totals would give a withheld unit away, the line is that of the units that are shown.
    total = total if total.notna().all(axis=None) else shown[counted].sum().to_frame().T
    return shown.drop(columns="others").reset_index(drop=True), total.astype(np.float64)


def _overall(count: NDArray[np.float64], people: NDArray[np.float64]) -> float:
    """Proportion of all units together, refused where no limits stand about it."""
    target = float(count.sum() / people.sum())
    if not 0.0 < target < 1.0:
        raise MeasureError(f"the overall proportion is {target:g}; a funnel needs one between 0 and 1")
    return target


def _distance(count: NDArray[np.float64], people: NDArray[np.float64], target: float) -> NDArray[np.float64]:
    """How far proportions lie from the target, in standard errors."""
    return (count / people - target) / np.sqrt(target * (1.0 - target) / people)


def overdispersion(z: NDArray[np.float64]) -> float:
    """
    Factor by which units vary more than chance allows. Shapes: z (unit,).

    Returns: mean of the squares after the outer tenth on each side is pulled in to its edge; at least 1.
    """
    low, high = np.quantile(z, (_TRIM, 1.0 - _TRIM))
    return float(max(1.0, np.mean(np.clip(z, low, high) ** 2)))


def plot_funnel(
    table: pd.DataFrame,
    *,
    unit: str,
    events: str,
    at_risk: str,
    adjust: bool = False,
    disclosure: Disclosure = DEFAULT_RULE,
    outcome: str = "outcome",
    more_is: MoreIs = "worse",
    title: str | None = None,
) -> Chart:
    """
    Draw a funnel plot.

    Parameters
    ----------
    table, unit, events, at_risk, adjust, disclosure
        As in `funnel_data`.
    outcome : str
        Name of the outcome in words.
    more_is : {"worse", "better"}
        Polarity of the outcome.
    title : str, optional
        Title in place of the one made from the outcome and the number of units.

    Returns
    -------
    Chart
        The figure; its table has a row a unit that may be shown, with rounded people at risk and no events.

    Examples
    --------
    >>> from bayesineq import example
    >>> table = example().table.groupby("area", as_index=False)[["cases", "population"]].sum()
    >>> plot_funnel(table, unit="area", events="cases", at_risk="population").title
    'Outcome: 30 areas against chance'
    """
    rule = rule_of(disclosure)
    from matplotlib.ticker import LogLocator, NullFormatter

    data = funnel_data(table, unit=unit, events=events, at_risk=at_risk, adjust=adjust, disclosure=rule)
    figure = new_figure(WIDTH, 4.6)
    axes = figure.add_subplot()
    limits, points = data.limits, data.points
    for name, dash in (("95", (0, (5, 2))), ("99.8", "-")):
        for side in ("lower", "upper"):
            axes.plot(limits["at_risk"], limits[f"{side}_{name}"] * 100, color=QUIET, linewidth=1.2, linestyle=dash)
        last = limits.iloc[-1]
        axes.annotate(
            f"{name}%", (last["at_risk"], last[f"upper_{name}"] * 100), xytext=(3, 0), textcoords="offset points",
            fontsize=8, color=QUIET, va="center",
        )  # fmt: skip
    axes.axhline(data.target * 100, color=INK, linewidth=1.2)
    outside = points["position"] != "inside"
    for part, colour, size in ((~outside, ACCENT, 18), (outside, CONTRAST, 30)):
        axes.scatter(points.loc[part, "at_risk"], points.loc[part, "proportion"] * 100, s=size, color=colour, alpha=0.8)
    if int(outside.sum()) <= 12:
        named = points.loc[outside].sort_values("at_risk")
        for k, (name, x, y) in enumerate(named[["unit", "at_risk", "proportion"]].itertuples(index=False)):
            # By turns above and below, so that names of neighbours part.
            off = (5, 4) if k % 2 else (5, -10)
            axes.annotate(plain(str(name)), (x, y * 100), xytext=off, textcoords="offset points", fontsize=8, color=INK)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    dress(axes, x=sentence(at_risk.replace("_", " ")), y=f"% ({direction(more_is)})")
    title = title or f"{sentence(outcome)}: {len(points):,} {_many(unit, len(points))} against chance"
    headline(figure, title)
    far = int(points["position"].str.contains("99.8").sum())
    widened = f", widened for overdispersion (factor {data.overdispersion:.1f})" if data.overdispersion > 1 else ""
    caption = (
        f"Line: overall {with_unit(data.target, PERCENT)}. Dashed and solid limits hold 95% and 99.8% of "
        f"{_many(unit)} that differ by chance alone{widened}. "
        f"Outside the 95% limits: {int(outside.sum()):,} {_many(unit, int(outside.sum()))}; outside the 99.8% limits: "
        f"{far:,}. Direction: {direction(more_is)}."
        + (f" Withheld to protect small counts: {data.hidden:,} {_many(unit, data.hidden)}." if data.hidden else "")
        + (f" Proportions are those of counts rounded to the nearest {rule.base}." if rule.base > 1 else "")
    )
    return Chart(figure, title, caption, f"Funnel plot. {title}. {caption}", points.drop(columns=["events"]))


def _many(unit: str, count: int = 2) -> str:
    """A column's name in words, as many of them as there are."""
    return f"{unit.replace('_', ' ')}{'' if count == 1 else 's'}"


def _position(z: float) -> str:
    side = "above" if z > 0 else "below"
    for name, step in reversed(_LIMITS.items()):
        if abs(z) > step:
            return f"{side} {name}"
    return "inside"
