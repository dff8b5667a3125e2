"""Pareto plots: which causes or groups hold most of the excess events, and how few of them hold most of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Covered, Draws, covered, require_covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import mean_interval, pooled
from bayesineq.report.figures.draws import left_out, to_draw
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
from bayesineq.report.tables.numbers import PLAIN
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import sentence


def pareto_table(excess: Draws, dim: str, *, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Order causes or groups by their excess events and add the shares up.

    `excess`: Draws with dims (chain, draw, dim): events of each cause or group beyond those at the rate of a named
    reference (`excess_events`). Returns: A row a cause, the largest mean excess first: `dim`, `mean`, `lower`,
    `upper`, and the share of the total that it and all before it hold, `cumulative`, `cumulative_lower`,
    `cumulative_upper`. The order is that of the means and the same in every draw; shares are of each draw's own
    total.
    """
    require_covered(excess)
    if dim not in excess.shown.dims:
        raise MeasureError(f"the excess has no dimension {dim!r}; it has {list(map(str, excess.shown.dims))}")
    draws = pooled(to_draw(excess, dim), dim).astype(np.float64)
    total = draws.sum(axis=1)
    if not np.isfinite(draws).all() or (total <= 0).any():
        raise MeasureError(
            f"the total excess is missing, zero or negative in {int((~(total > 0)).sum())} of {len(total)} draws; "
            "there is no excess to share out: show the groups' own values"
        )
    order = np.argsort(-draws.mean(axis=0), kind="stable")
    ranked = draws[:, order]
    cumulative = np.cumsum(ranked, axis=1) / total[:, None]
    rows = [
        (level, *mean_interval(ranked[:, k], prob), *mean_interval(cumulative[:, k], prob))
        for k, level in enumerate(excess.shown[dim].to_numpy()[order])
    ]
    columns = [dim, "mean", "lower", "upper", "cumulative", "cumulative_lower", "cumulative_upper"]
    return pd.DataFrame(rows, columns=columns)


def plot_pareto(
    excess: xr.DataArray | Draws,
    dim: str,
    *,
    reference: str,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str = "events",
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw excess events by cause or group, the largest first, with the cumulative share of the total.

    Parameters
    ----------
    excess : DataArray, dims (chain, draw, dim), or Covered
        Excess events of each cause or group; of an outcome of which more is better, the events that are missing (those
        at the rate of the reference less its own). Groups of few people are left out first.
    dim : str
        The causes or groups.
    reference : str
        Against whose rate the excess is counted, in words: it belongs beside the number.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    prob : float
        Probability of the intervals.
    outcome : str
        What is counted, in words.
    more_is : {"worse", "better"}, optional
        Polarity; default as the draws say (attribute `more_is`), else "worse".
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a cause.

    Raises
    ------
    MeasureError
        As `pareto_table`.

    Examples
    --------
    >>> draws = [[[120.0, 30.0, 50.0], [110.0, 35.0, 55.0]]]
    >>> causes = {"cause": ["heart disease", "stroke", "cancer"]}
    >>> excess = xr.DataArray(draws, dims=("chain", "draw", "cause"), coords=causes)
    >>> chart = plot_pareto(excess, "cause", reference="the least deprived fifth", outcome="deaths", more_is="worse")
    >>> chart.table[["cause", "mean"]]
               cause   mean
    0  heart disease  115.0
    1         cancer   52.5
    2         stroke   32.5
    """
    # An excess is itself a number of events: only people are judged.
    safe = covered(excess if isinstance(excess, Covered) else excess.assign_attrs(scale="mean", weights=POPULATION))
    table = pareto_table(safe, dim, prob=prob)
    _, _, polarity = described(safe, outcome, PLAIN, more_is)
    what, joined, one = ("excess", " ", "An excess") if polarity == "worse" else ("shortfall", " of ", "A shortfall")
    names = [plain(name) for name in level_labels(dim, list(table[dim]), labels)]
    figure = new_figure(1.3 * WIDTH, max(2.4, 1.2 + 0.36 * len(table)))
    bars, line = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    at = np.arange(len(table))
    bars.barh(at, table["mean"], color=ACCENT, alpha=0.75)
    bars.hlines(at, table["lower"], table["upper"], color=INK, linewidth=1.2)
    bars.set_yticks(at, names)
    bars.invert_yaxis()
    dress(bars, x=f"{sentence(what)}{joined}{outcome}", grid="x")
    line.fill_betweenx(
        at, 100 * table["cumulative_lower"], 100 * table["cumulative_upper"], color=QUIET, alpha=0.18, linewidth=0
    )
    line.plot(100 * table["cumulative"], at, color=QUIET, linewidth=2, marker="o", markersize=3.5)
    line.set_xlim(0, max(102.0, 102 * float(table["cumulative_upper"].max())))
    line.tick_params(left=False)
    dress(line, x=f"Cumulative share of the {what}, %", grid="x")
    title = title or (f"{sentence(what)}{joined}{outcome} by {dimension_label(dim)}")
    headline(figure, title)
    first = table.iloc[0]
    caption = (
        f"{sentence(names[0])} alone holds {100 * first['cumulative']:.0f}% of the {what} "
        f"({100 * first['cumulative_lower']:.0f} to {100 * first['cumulative_upper']:.0f}%). {sentence(what)} against "
        f"the rate of {reference}. Lines and band: {100 * prob:.0f}% credible intervals. Direction: "
        f"{direction(polarity)}. {one} describes a difference; it does not say what would remove it.{left_out(safe)}"
    )
    return Chart(figure, title, caption, f"Bars with a cumulative line. {title}. {caption}", table)
