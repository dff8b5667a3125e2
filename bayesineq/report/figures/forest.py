"""Forest plots: groups, or coefficients, as dots with intervals against a line of reference."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.errors import MeasureError
from bayesineq.model.card import ModelCard
from bayesineq.posterior.expected import contribution
from bayesineq.posterior.groups import mean_interval
from bayesineq.posterior.population import card_of
from bayesineq.report.figures.draws import flat, left_out, to_draw
from bayesineq.report.figures.style import (
    ACCENT,
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
from bayesineq.report.tables.groups import group_table, groups_in_words
from bayesineq.report.tables.numbers import PLAIN, Unit, with_unit, write
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, column_label, dimension_label, unknown_levels
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL: Final = 26

Order = Literal["value", "given"]

RATIO_NAMES: Final = {"logit": "odds ratio", "log": "rate ratio", "identity": "difference"}


def plot_forest(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    order: Order = "value",
    counts: bool = True,
    title: str | None = None,
) -> Chart:
    """
    Draw groups as dots with intervals, against the average of all.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim), or Covered
        Outcome of each group, as `expected(post, by=dim)` gives it. Groups of few people or events are left out first.
    dim : str
        The dimension.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    prob : float
        Probability that the intervals hold.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    unit : Unit, optional
        How values are written; by default as the attribute `scale` says.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    order : {"value", "given"}
        Groups by their mean, the highest first, or in the order of `values`.
    counts : bool
        Whether values times population are counts, see `covered`.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a group that may be shown.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> plot_forest(expected(example().post, by="ethnicity"), "ethnicity").table[["level", "lower", "upper"]].round(3)
       level  lower  upper
    0  asian  0.126  0.133
    1  black  0.102  0.110
    2  white  0.087  0.090
    """
    safe = covered(values, counts=counts)
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    draws = to_draw(safe, dim)
    groups = group_table(safe, dim, labels=labels, prob=prob)
    shown = groups[~groups["hidden"]]
    if order == "value":
        shown = shown.sort_values("mean", ascending=False, kind="stable")
    # Unknown is no group of people, and is in no average that they are compared with.
    known = ~np.array(unknown_levels(dim, list(draws[dim].to_numpy()), labels))
    weight = draws[POPULATION].astype(float) * (known if known.any() else 1.0)
    average = float((draws * weight).sum(dim).mean() / weight.sum())
    figure = new_figure(WIDTH, 1.4 + 0.32 * max(len(shown), 2))
    axes = figure.add_subplot()
    _dots(axes, shown, unit.factor)
    axes.axvline(average * unit.factor, color=INK, linewidth=1.2, linestyle=(0, (5, 2)))
    title = title or (f"{sentence(outcome)} by {dimension_label(dim)}")
    dress(axes, x=f"{unit.label or outcome} ({direction(more_is)})", grid="x")
    headline(figure, title)
    unknown = float(groups.loc[groups["unknown"], "share"].sum())
    held = f"{100 * unknown:.1f}% have an unknown {dimension_label(dim)}."
    if (lost := draws[dim].attrs.get("unrecorded")) is not None:
        held = f"{100 * lost:.1f}% were recorded as unknown; their {dimension_label(dim)} is estimated."
        held = held if np.isfinite(lost) else f"The {dimension_label(dim)} of people is estimated."
    elif (groups["unknown"] & groups["hidden"]).any():
        held = f"How many have an unknown {dimension_label(dim)} is withheld."
    elif not groups["unknown"].any():
        held = "No group is coded as unknown."
    caption = (
        f"Posterior means with {100 * prob:.0f}% credible intervals; the dashed line is the average of these "
        f"groups by their size, {with_unit(average, unit)}. {held} "
        f"Direction: {direction(more_is)}.{left_out(safe)}"
    )
    parts = groups_in_words(shown, unit)
    alt = f"Dot plot of {title[:1].lower()}{title[1:]}, the average is {with_unit(average, unit)}. {parts}."
    return Chart(figure, title, caption, alt, shown.drop(columns=["hidden"]).reset_index(drop=True))


def association_table(post: xr.DataTree, *, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Associations of the card's covariates with the outcome, all else in the model equal.

    Returns: A row a linear term: `term`, `step` (what the covariate rises by: one standard deviation where the card
    standardises, else 1), `mean`, `lower`, `upper`, `p_above` (probability of a positive association). Odds ratios
    with a logit link, rate ratios with a log link, differences otherwise. Empty without linear terms.
    """
    card = card_of(post)
    ratio = card.outcome.link in {"logit", "log"}
    rows = []
    for term in card.terms:
        if not term.of_kind.slope:
            continue
        effect = contribution(post, term.name)
        draws = flat(effect)
        shown = np.exp(draws) if ratio else draws
        step = float(effect.attrs.get("spread", 1.0))
        rows.append((term.name, step, *mean_interval(shown, prob), float((draws > 0).mean())))
    return pd.DataFrame(rows, columns=["term", "step", "mean", "lower", "upper", "p_above"])


def plot_associations(post: xr.DataTree, *, prob: float = CI_PROB, title: str | None = None) -> Chart:
    """
    Draw the associations of the card's covariates with the outcome.

    Parameters
    ----------
    post : DataTree
        A posterior whose card has linear terms.
    prob : float
        Probability that the intervals hold.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a covariate.

    Raises
    ------
    MeasureError
        If the card has no linear term.

    Examples
    --------
    >>> from bayesineq import design, example, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> card = parse_card('''
    ... name = "age"
    ... question = "What goes with it?"
    ... table = "areas"
    ... [outcome]
    ... name = "prevalence"
    ... count = "cases"
    ... at_risk = "population"
    ... likelihood = "binomial"
    ... [terms]
    ... old = { kind = "linear", by = "old" }
    ... ''')
    >>> table = example().table.assign(old=lambda rows: (rows["age_band"] == "70-79").astype(float))
    >>> post = fit(design(table, card), draws=200, seed=1, progress=False)
    >>> plot_associations(post).title
    'Associations with other characteristics, all else in the model equal'
    """
    from matplotlib.ticker import MaxNLocator, NullLocator

    card = card_of(post)
    table = association_table(post, prob=prob)
    if table.empty:
        raise MeasureError(f"card {card.name!r} has no linear term, so it has no association to draw")
    scale = RATIO_NAMES[card.outcome.link]
    none = 0.0 if scale == "difference" else 1.0
    table["label"] = [
        f"{fill(covariate_label(card, term), _LABEL)}\n(a rise of {write(step, 2)})"
        for term, step in zip(table["term"], table["step"], strict=True)
    ]
    figure = new_figure(WIDTH, 1.4 + 0.6 * max(len(table), 2))
    axes = figure.add_subplot()
    _dots(axes, table, 1.0)
    axes.axvline(none, color=INK, linewidth=1.2, linestyle=(0, (5, 2)))
    if none == 1.0 and table["lower"].gt(0).all():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    dress(axes, x=f"{scale} for {card.outcome.name}", grid="x")
    title = title or ("Associations with other characteristics, all else in the model equal")
    headline(figure, title)
    caption = (
        f"Posterior mean {scale}s with {100 * prob:.0f}% credible intervals for the stated rise of each covariate; the "
        f"dashed line is no association. An association between areas says nothing certain about the people in them."
    )
    parts = groups_in_words(table, PLAIN).replace("\n", " ")
    return Chart(figure, title, caption, f"Dot plot. {title}. {parts}.", table)


def covariate_label(card: ModelCard, term: str) -> str:
    """Name of the covariate of a linear term in words."""
    return " times ".join(column_label(card.table, name) for name in card.term(term).covariates or (term,))


def _dots(axes: Axes, table: pd.DataFrame, factor: float) -> None:

    place = np.arange(len(table))[::-1]
    middle = table["mean"].to_numpy() * factor
    spread = np.abs(table[["lower", "upper"]].to_numpy().T * factor - middle)
    axes.errorbar(middle, place, xerr=spread, fmt="none", ecolor=QUIET, elinewidth=1.6, capsize=0)
    axes.plot(middle, place, "o", color=ACCENT, markersize=6)
    axes.set_yticks(place, [plain(str(label)) for label in table["label"]])
    axes.set_ylim(-0.7, len(table) - 0.3)
