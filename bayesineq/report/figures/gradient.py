"""The social gradient: a dot with its interval a group of deprivation, and the line of the slope index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB
from bayesineq.disclosure.covered import Draws, covered, require_covered
from bayesineq.errors import MeasureError
from bayesineq.measures.slope import rii, sii
from bayesineq.posterior.groups import average, mean_interval
from bayesineq.posterior.lift import in_rank_order, over_draws
from bayesineq.report.figures.draws import defined, flat, left_out, to_draw
from bayesineq.report.figures.style import (
    ACCENT,
    INK,
    PAPER,
    QUIET,
    Chart,
    MoreIs,
    direction,
    dress,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.groups import group_table, groups_in_words
from bayesineq.report.tables.numbers import PLAIN, Unit, estimate, with_unit
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, dimension_label
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Gradient:
    """
    What a gradient figure shows.

    Parameters
    ----------
    groups : DataFrame
        A row a group, the most deprived first: the columns of `group_table` and `start`, `end`: its range of
        relative rank, 0 to 1. Withheld groups are not among them.
    line : DataFrame
        Two rows, `rank` 0 and 1: `mean`, `lower`, `upper` of the fitted line.
    sii, rii : (float, float, float)
        Mean, lower and upper end of the slope index and of the relative index (ratio of the line's ends).
    """

    groups: pd.DataFrame
    line: pd.DataFrame
    sii: tuple[float, float, float]
    rii: tuple[float, float, float] | None


def gradient_data(values: Draws, dim: str, *, labels: Labels | None = None, prob: float = CI_PROB) -> Gradient:
    """
    Compute what a gradient figure shows.

    `values`: Outcome of each group: draws with dims (chain, draw, dim) and the coordinate `population`; `dim` is
    ordered. `dim`: Deprivation decile or quintile, or another ordered dimension. Returns: groups, line and indices.
    The relative index is None where a line reaches zero, because no ratio exists then.

    Notes
    -----
    The line of the linear slope index passes through the mean at rank one half: f(x) = mu + SII (x - 1/2).
    """
    require_covered(values)
    safe = values.map(lambda draws: in_rank_order(draws, dim))
    ordered = to_draw(safe, dim)
    table = group_table(safe, dim, labels=labels, prob=prob)
    groups = table[~table["hidden"]].drop(columns="hidden").reset_index(drop=True)
    groups["end"] = groups["share"].cumsum()
    groups["start"] = groups["end"] - groups["share"]
    slope = flat(over_draws(sii, ordered, dim))
    mean = flat(average(ordered, dim))
    rows = []
    for rank in (0.0, 1.0):
        height = mean + slope * (rank - 0.5)
        rows.append((rank, *mean_interval(height, prob)))
    try:
        ratio, _ = defined(over_draws(rii, ordered, dim))
    except MeasureError:
        relative = None
    else:
        relative = mean_interval(ratio, prob) if (ratio > 0).all() else None
    line = pd.DataFrame(rows, columns=["rank", "mean", "lower", "upper"])
    return Gradient(groups, line, mean_interval(slope, prob), relative)


def plot_gradient(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw a gradient: how the outcome changes from the most to the least deprived.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim), or Covered
        Outcome of each group, as `expected(post, by=dim)` gives it. Groups of few people or events are left out first.
    dim : str
        Ordered dimension.
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
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a group.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> chart = plot_gradient(expected(example().post, by="imd_decile"), "imd_decile")
    >>> chart.title
    'Prevalence by deprivation decile'
    """
    safe = covered(values)
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    data = gradient_data(safe, dim, labels=labels, prob=prob)
    shown = data.groups
    figure = new_figure()
    axes = figure.add_subplot()
    _draw(axes, data, unit)
    dress(axes, x=f"{dimension_label(dim)}, each where its people stand".capitalize(), y=unit.label or outcome)
    middle = (shown["start"] + shown["end"]).to_numpy() / 2
    axes.set_xticks(middle, [plain(_short(label)) for label in shown["label"]])
    note = f"SII {estimate(*data.sii, unit, is_difference=True)}"
    if data.rii is not None:
        note += f"\nRII {estimate(*data.rii, PLAIN, places=2)}"
    _write_note(axes, note, right=data.sii[0] <= 0)
    title = title or f"{sentence(outcome)} by {dimension_label(dim)}"
    headline(figure, f"{title} ({direction(more_is)})")
    parts = groups_in_words(shown, unit)
    caption = (
        f"Dots: posterior means with {100 * prob:.0f}% credible intervals, in the middle of their share of people. "
        "Dashed line with its band: slope index of inequality (SII, "
        "linear) and relative index (RII, Kunst and Mackenbach), from the most deprived (left) to the least deprived "
        "(right); the SII is positive where the outcome rises with advantage. "
        f"Direction: {direction(more_is)}.{left_out(safe)}"
    )
    alt = f"Dots with intervals of {title.lower()}. {parts}. {note.replace(chr(10), '; ')}."
    return Chart(figure, title, caption, alt, shown)


def _draw(axes: Axes, data: Gradient, unit: Unit) -> None:
    """A dot with its interval a group, the values of both ends, and the line of the slope index with its interval."""
    shown, line, scale = data.groups, data.line, unit.factor
    axes.fill_between(line["rank"], line["lower"] * scale, line["upper"] * scale, color=QUIET, alpha=0.2, linewidth=0)
    axes.plot(line["rank"], line["mean"] * scale, color=QUIET, linewidth=1.4, linestyle=(0, (5, 2)))
    middle, mean = (shown["start"] + shown["end"]).to_numpy() / 2, shown["mean"].to_numpy() * scale
    spread = np.abs(shown[["lower", "upper"]].to_numpy().T * scale - mean)
    axes.errorbar(
        middle,
        mean,
        yerr=spread,
        fmt="o",
        color=ACCENT,
        ecolor=INK,
        markersize=4,
        elinewidth=1.2,
        capsize=3.5,
        zorder=3,
    )
    first, last = shown.iloc[0], shown.iloc[-1]
    for row, end, x, off in ((first, "upper", middle[0], 4), (last, "lower", middle[-1], -13)):
        at = (x, float(row[end]) * scale)
        text = plain(with_unit(float(row["mean"]), unit))
        axes.annotate(text, at, xytext=(0, off), color=INK, fontsize=9, textcoords="offset points", ha="center")
    axes.set_xlim(-0.02, 1.02)
    low, high = axes.get_ylim()
    # Rates and shares begin at nothing, so that heights may be compared.
    axes.set_ylim(0.0 if 0.0 < low < 0.6 * high else low, high + 0.22 * (high - low))


def _write_note(axes: Axes, note: str, *, right: bool) -> None:
    axes.text(
        0.99 if right else 0.01,
        0.98,
        plain(note),
        transform=axes.transAxes,
        ha="right" if right else "left",
        va="top",
        fontsize=9,
        color=QUIET,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0},
        linespacing=1.5,
    )


def _short(label: str) -> str:
    """Only the number where the axis has no room for more."""
    return label.replace(" (", "\n(").replace("deprived)", "\ndeprived)") if "(" in label and len(label) < 24 else label
