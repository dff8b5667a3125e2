"""Figures of decisions: which option is worth its money, at what price to equity."""

from __future__ import annotations

from typing import Final

import pandas as pd

from bayesineq.decisions.compare import Comparison
from bayesineq.decisions.distributional import ImpactPlane
from bayesineq.dims import INTERVENTION
from bayesineq.errors import DecisionError
from bayesineq.report.figures.style import (
    ACCENT,
    INK,
    QUIET,
    WIDTH,
    Chart,
    dress,
    headline,
    legend_below,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import percent, write

_COLOURS: Final = ("#005eb8", "#b5480a", "#1c8573", "#77579f", "#6b5b0e", "#4c6272", "#a3195b", "#2d6cc0")
_LINES: Final = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)))
_CLOUD: Final = 600


def plot_acceptability(
    comparison: Comparison, *, benefit: str = "one unit of benefit", title: str | None = None
) -> Chart:
    """
    Draw, over what is paid for a unit of benefit, the probability that each option is the best.

    Parameters
    ----------
    comparison : Comparison
        Options compared at several thresholds.
    benefit : str
        What is bought, in words, such as "one event averted".
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        Acceptability curves, and the frontier (that of the option with the highest expected net benefit) as a broad
        line; its table has a row a threshold and option.

    Raises
    ------
    DecisionError
        If the comparison was made without several thresholds.

    Examples
    --------
    >>> from bayesineq.decisions import compare, from_effects
    >>> benefit = from_effects([[[0.1]], [[0.3]]], scale="QALY", interventions=["calls"], units=["all"], unit="group")
    >>> found = compare(benefit, {"calls": 3000.0}, threshold=20_000.0, thresholds=[5_000.0, 20_000.0, 40_000.0])
    >>> plot_acceptability(found).title
    'Which option is the best, at what price'
    """
    curve = comparison.curve
    if curve["threshold"].nunique() < 2:
        raise DecisionError("acceptability needs several thresholds; pass thresholds= to compare")
    figure = new_figure(WIDTH, 4.2)
    axes = figure.add_subplot()
    names = list(dict.fromkeys(curve[INTERVENTION]))
    for k, name in enumerate(names):
        part = curve[curve[INTERVENTION] == name].sort_values("threshold")
        axes.plot(
            part["threshold"],
            part["p_best"],
            linewidth=1.6,
            label=plain(str(name)),
            color=_COLOURS[k % len(_COLOURS)],
            linestyle=_LINES[k % len(_LINES)],
        )
    # the frontier belongs to no option: it is whichever has the highest expected net benefit at that price
    frontier = curve[curve["optimal"]].sort_values("threshold")
    axes.plot(frontier["threshold"], frontier["p_best"], linewidth=7, alpha=0.25, color=INK, zorder=1, label="frontier")
    axes.set_ylim(0, 1)
    if comparison.threshold is not None:
        axes.axvline(comparison.threshold, color=QUIET, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.text(
            comparison.threshold, 0.5, f"threshold £{comparison.threshold:,.0f}", rotation=90, fontsize=8, color=QUIET,
            ha="right", va="center",
        )  # fmt: skip
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda x, _: f"£{x:,.0f}")
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f}%")
    dress(axes, x=f"What is paid for {benefit}", y="Probability of being the best")
    legend_below(figure, *axes.get_legend_handles_labels())
    title = title or ("Which option is the best, at what price")
    headline(figure, title)
    draws = comparison.draws
    chosen = comparison.options.loc[comparison.options[INTERVENTION] == comparison.best, "p_best"].tolist()[0]
    caption = (
        "Lines: probability that each option has the highest net benefit (acceptability). Broad grey line: that of the "
        "option with the highest expected net benefit (the frontier), which is the one to choose; it need not be the "
        f"most probable.{_at(comparison.threshold)}"
    )
    alt = (
        f"Line chart. {title}. The option with the highest expected net benefit is {comparison.best}, the best with a "
        f"probability of {percent(chosen, draws)}."
    )
    return Chart(figure, title, caption, alt, curve.reset_index(drop=True))


def plot_plane(plane: ImpactPlane, *, title: str | None = None) -> Chart:
    """
    Draw the equity impact plane: net health against equity, a dot a draw.

    Parameters
    ----------
    plane : ImpactPlane
        Draws and quadrants of each intervention.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row an intervention with the probability of each quadrant.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects, impact_plane, net_health_by
    >>> gains = [[[0.3], [0.1]], [[0.4], [0.2]]]
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=["most", "least"], unit="deprived")
    >>> even, health, people = {"most": 0.5, "least": 0.5}, {"most": 60.0, "least": 75.0}, {"most": 1, "least": 1}
    >>> net = net_health_by(benefit, {"calls": 2000.0}, by="deprived", threshold=20_000.0, opportunity_cost=even)
    >>> plot_plane(impact_plane(net, by="deprived", health=health, people=people, aversion=3.5)).title
    'Health gained and health shared: aversion 3.5 (Atkinson), £20,000 a QALY'
    """
    figure = new_figure(WIDTH, 4.6)
    axes = figure.add_subplot()
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.axvline(0, color=QUIET, linewidth=1)
    for k, (name, part) in enumerate(plane.points.groupby(INTERVENTION, sort=False)):
        shown = part.iloc[:: max(1, len(part) // _CLOUD)]
        colour = _COLOURS[k % len(_COLOURS)]
        axes.scatter(shown["equity"], shown["net_health"], s=6, color=colour, alpha=0.25, linewidths=0)
        mean = part[["equity", "net_health"]].mean()
        axes.scatter(mean.iloc[:1], mean.iloc[1:], s=90, color=colour, edgecolors=INK, zorder=3, label=plain(str(name)))
    for x, y, text, ha, va in (
        (0.98, 0.98, "more health, more equal", "right", "top"),
        (0.02, 0.98, "more health, less equal", "left", "top"),
        (0.98, 0.02, "less health, more equal", "right", "bottom"),
        (0.02, 0.02, "less health, less equal", "left", "bottom"),
    ):
        axes.text(x, y, text, transform=axes.transAxes, ha=ha, va=va, fontsize=8, color=QUIET)
    dress(axes, x="Equity impact (QALY)", y="Net health (QALY)", grid="none")
    legend_below(figure, *axes.get_legend_handles_labels())
    price = "" if plane.threshold is None else f", £{plane.threshold:,.0f} a QALY"
    title = title or (
        f"Health gained and health shared: aversion {plane.aversion:g} ({plane.family.capitalize()}){price}"
    )
    headline(figure, title)
    caption = (
        f"A small dot is a draw, a large one the mean. Equity is valued at an aversion to inequality of "
        f"{plane.aversion:g} ({plane.family}); to the right inequality falls, upwards there is more health in all."
        f"{_at(plane.threshold)}"
    )
    quadrants = [c for c in plane.table.columns if str(c).startswith("P(")]
    parts = []
    for record in plane.table.to_dict("records"):
        chance, most = max((float(record[c]), str(c)[2:-1]) for c in quadrants)
        number = int((plane.points[INTERVENTION] == record[INTERVENTION]).sum())
        parts.append(f"{record[INTERVENTION]}: most probably {most}, {percent(chance, number)}")
    return Chart(figure, title, caption, f"Scatter plot. {title}. {'; '.join(parts)}.", plane.table)


def plot_frontier(
    table: pd.DataFrame,
    *,
    group: str,
    benefit: str = "benefit",
    threshold: float | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw how much benefit is given up as more places are kept for one group.

    Parameters
    ----------
    table : DataFrame
        As `frontier` gives it: `floor`, `share`, `benefit`, `lower`, `upper`, `given_up`.
    group : str
        The group in words, such as "the most deprived fifth".
    benefit : str
        What is gained, in words.
    threshold : float, optional
        Pounds for a unit of benefit at which the allocations were made, to be printed.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table is the one that was given.

    Raises
    ------
    DecisionError
        If the table lacks a column or a row.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects, frontier
    >>> gains = [[[0.1], [0.3]]] * 2
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=[1, 5], unit="imd_quintile")
    >>> table = frontier(benefit, {"calls": 10.0}, budget=10.0, by="imd_quintile", level=1, shares=(0.0, 0.5))
    >>> plot_frontier(table, group="the most deprived fifth", benefit="QALYs").title
    'What it costs to keep places for the most deprived fifth'
    """
    needed = ["floor", "share", "benefit", "lower", "upper", "given_up"]
    if missing := [c for c in needed if c not in table.columns]:
        raise DecisionError(f"a frontier needs the columns {needed}; {missing} are missing")
    if table.empty:
        raise DecisionError("a frontier needs at least one floor")
    ordered = table.sort_values("share")
    figure = new_figure(WIDTH, 4.0)
    axes = figure.add_subplot()
    axes.fill_between(ordered["share"] * 100, ordered["lower"], ordered["upper"], color=ACCENT, alpha=0.2, linewidth=0)
    axes.plot(ordered["share"] * 100, ordered["benefit"], "o-", color=ACCENT, linewidth=2)
    # floors that do not bind reach the same share, and are one dot
    for share, same in ordered.groupby(ordered["share"].round(2)):
        least, most = 100 * same["floor"].min(), 100 * same["floor"].max()
        text = f"{most:.0f}%" if least == most else f"{least:.0f} to {most:.0f}%"
        at = (100 * float(str(share)), float(same["benefit"].max()))
        axes.annotate(text, at, textcoords="offset points", xytext=(4, 6), fontsize=8)
    dress(axes, x=f"% of places that go to {group}", y=benefit)
    title = title or (f"What it costs to keep places for {group}" + (f", at £{threshold:,.0f}" if threshold else ""))
    headline(figure, title)
    lost = float(ordered["benefit"].max() - ordered["benefit"].iloc[-1])
    caption = (
        f"Dots are floors (as labelled); the band holds the credible interval of {benefit}. The highest floor gives up "
        f"{write(lost, 1)} of {write(float(ordered['benefit'].max()), 1)} in expectation.{_at(threshold)}"
    )
    return Chart(figure, title, caption, f"Line chart. {title}. {caption}", ordered.reset_index(drop=True))


def _at(threshold: float | None) -> str:
    return "" if threshold is None else f" Threshold: £{threshold:,.0f} for one unit of benefit."
