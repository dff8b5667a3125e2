"""Figures of trust: prior against posterior, calibration of held-out rows, replicated against observed outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayesineq.dims import CI_PROB
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, is_small, rounded
from bayesineq.errors import MeasureError
from bayesineq.model.priors import Prior
from bayesineq.posterior.calibration import BINS, calibration, most_by_chance, outside_band
from bayesineq.posterior.groups import interval, mean_interval
from bayesineq.posterior.population import card_of, priors_of
from bayesineq.report.figures.draws import flat
from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    GRID,
    INK,
    QUIET,
    WIDTH,
    Chart,
    dress,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import write
from bayesineq.report.words.labels import Labels, dimension_label, level_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS: Final = 200


def prior_density(prior: Prior, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Density of a prior.

    `prior`: Its distribution. PC(above, probability) is the exponential with P(sigma > above) = probability.
    """
    if prior.law is None:
        raise MeasureError(f"the prior {prior} has no density in closed form, so it cannot be drawn")
    return np.asarray(prior.law.pdf(at))


def prior_posterior_data(post: xr.DataTree, *, prob: float = CI_PROB) -> dict[str, pd.DataFrame]:
    """
    Densities of every scalar parameter before and after the data.

    Returns: by parameter: `value`, `prior`, `posterior` (densities), and in attrs `mean`, `lower`, `upper`.
    Parameters whose prior is on another scale (a precision), or has no closed density, are left out.
    """
    draws, found = post["posterior"].to_dataset(), {}
    for name, prior in _scalars(post, draws):
        sample = _sample(post, name)
        spread = float(sample.std())
        if spread == 0.0:
            continue
        low, high = float(sample.min()) - spread, float(sample.max()) + spread
        if name.rpartition(".")[2] != name and low < 0 <= sample.min():
            low = 0.0
        at = np.linspace(low, high, _POINTS)
        try:
            before = prior_density(prior, at)
        except MeasureError:
            continue
        table = pd.DataFrame({"value": at, "prior": before, "posterior": stats.gaussian_kde(sample)(at)})
        mean, lower, upper = mean_interval(sample, prob)
        table.attrs = {"mean": mean, "lower": lower, "upper": upper, "prior": str(prior)}
        found[name] = table
    return found


def plot_prior_posterior(post: xr.DataTree, *, prob: float = CI_PROB, title: str | None = None) -> Chart:
    """
    Draw what was believed of every scalar parameter before the data, and after.

    Parameters
    ----------
    post : DataTree
        A posterior.
    prob : float
        Probability that the interval holds.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        One panel a parameter; the table has a row a parameter.

    Raises
    ------
    MeasureError
        If no parameter has a prior that can be drawn.

    Examples
    --------
    >>> from bayesineq import example
    >>> plot_prior_posterior(example().post).title
    'What the data added: prior and posterior'
    """
    found = prior_posterior_data(post, prob=prob)
    if not found:
        raise MeasureError("no scalar parameter of this card has a prior that can be drawn")
    across = min(2, len(found))
    down = -(-len(found) // across)
    figure = new_figure(WIDTH, 0.6 + 1.4 * down)
    panels: list[Axes] = list(np.atleast_1d(figure.subplots(down, across, squeeze=False)).ravel())
    for axes, (name, table) in zip(panels, found.items(), strict=False):
        axes.fill_between(table["value"], table["posterior"], color=ACCENT, alpha=0.35, linewidth=0)
        axes.plot(table["value"], table["posterior"], color=ACCENT, linewidth=1.6)
        axes.plot(table["value"], table["prior"], color=INK, linewidth=1.4, linestyle=(0, (5, 2)))
        dress(axes, grid="none")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_title(plain(name), loc="left", fontsize=9, color=INK)
        axes.set_ylim(bottom=0)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    rows = [(name, *(table.attrs[k] for k in ("prior", "mean", "lower", "upper"))) for name, table in found.items()]
    summary = pd.DataFrame(rows, columns=["parameter", "prior", "mean", "lower", "upper"])
    title = title or ("What the data added: prior and posterior")
    caption = (
        "Dashed orange: prior. Blue: posterior. Where the two are alike, the data said little about the parameter, and "
        "the answer rests on the prior."
    )
    parts = "; ".join(f"{n}: {write(m, 2)} ({write(a, 2)} to {write(b, 2)})" for n, _, m, a, b in rows)
    return Chart(figure, title, caption, f"Density plots. {title}. {parts}.", summary)


def plot_calibration(post: xr.DataTree, *, bins: int = BINS, prob: float = CI_PROB, title: str | None = None) -> Chart:
    """
    Draw whether rows that were held out fell where the model expected them.

    Parameters
    ----------
    post : DataTree
        A posterior with the group `checks` and its variable `pit`.
    bins : int
        Number of bins.
    prob : float
        Probability of the band.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        A histogram that is flat where the model is calibrated; its table has a row a bin.

    Raises
    ------
    MeasureError
        If the posterior holds no such checks.

    Examples
    --------
    >>> from bayesineq import example
    >>> round(float(plot_calibration(example().post).table["share"].sum()), 2)
    1.0
    """
    data = calibration(post, bins=bins, prob=prob)
    figure = new_figure(WIDTH, 3.0)
    axes = figure.add_subplot()
    axes.axhspan(data["lower"].iloc[0], data["upper"].iloc[0], color=GRID, alpha=0.9, linewidth=0)
    axes.axhline(1.0 / bins, color=INK, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.bar(data["start"], data["share"], width=1.0 / bins, align="edge", color=ACCENT, alpha=0.7, edgecolor="white")
    dress(
        axes, x="Where a held-out row fell in its own prediction (0 lowest, 1 highest)", y="share of rows", grid="none"
    )
    axes.set_xlim(0, 1)
    outside, most = outside_band(data), most_by_chance(bins, prob)
    title = title or ("Calibration of held-out rows")
    headline(figure, title)
    caption = (
        f"Flat is calibrated: {100 * prob:.0f}% of bars or more lie in the grey band. Here {outside} of {bins} lie "
        f"outside, {'no more than' if outside <= most else 'more than the'} {most} that chance may leave there. "
        "A hump in the middle says that predictions are too wide, two peaks at the ends that they are too narrow."
    )
    return Chart(figure, title, caption, f"Histogram. {title}. {outside} of {bins} bars lie outside the band.", data)


def predictive_data(
    replicated: xr.DataArray,
    observed: pd.Series,
    dim: str,
    *,
    prob: float = CI_PROB,
    disclosure: Disclosure = DEFAULT_RULE,
) -> pd.DataFrame:
    """
    Set observed counts of groups beside counts that the model replicates. Shapes: replicated (draw, dim).

    Returns: A row a group: `level`, `observed`, `mean`, `lower`, `upper`, `inside`; small observed counts are left
    out.
    """
    rule = rule_of(disclosure)
    if unknown := int(replicated.attrs.get("rows_predicted", 0)):
        raise MeasureError(
            f"{unknown} replicated rows have no outcome, so totals cannot be compared with what was observed; "
            "replicate with known_only=True"
        )
    levels = list(replicated[dim].to_numpy())
    if set(levels) != set(observed.index):
        only = sorted(map(str, set(levels) ^ set(observed.index)))[:5]
        raise MeasureError(f"observed and replicated groups differ: {only}; sum the same table by {dim!r}")
    counts = observed.reindex(levels).to_numpy(dtype=float)
    if (counts < 1.0).all() and (counts % 1.0 > 0.0).any():
        raise MeasureError(
            f"observed are shares or rates (at most {counts.max():.3g}), and replicates are counts: give the sums of "
            f"the counts by {dim!r}, as table.groupby({dim!r})[COLUMN].sum() of the column that the card names"
        )
    draws = replicated.transpose("draw", dim).to_numpy()
    low, high = interval(draws, prob)
    table = pd.DataFrame({"level": levels, "observed": counts, "mean": draws.mean(axis=0), "lower": low, "upper": high})
    table["inside"] = (table["observed"] >= table["lower"]) & (table["observed"] <= table["upper"])
    return table[~is_small(counts, rule)].reset_index(drop=True)


def plot_predictive(
    replicated: xr.DataArray,
    observed: pd.Series,
    dim: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    disclosure: Disclosure = DEFAULT_RULE,
    title: str | None = None,
) -> Chart:
    """
    Draw observed counts over what the model replicates.

    Parameters
    ----------
    replicated, observed, dim, prob, disclosure
        As in `predictive_data`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a group, observed counts rounded by the rule.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.posterior import predictive
    >>> place = example()
    >>> observed = place.table.groupby("ethnicity")["cases"].sum()
    >>> chart = plot_predictive(predictive(place.post, by="ethnicity", draws=50, seed=1), observed, "ethnicity")
    >>> chart.table[["level", "inside"]]
       level  inside
    0  asian    True
    1  black    True
    2  white    True
    """
    rule = rule_of(disclosure)
    table = predictive_data(replicated, observed, dim, prob=prob, disclosure=rule)
    table.insert(1, "label", level_labels(dim, list(table["level"]), labels))
    table["observed"] = rounded(table["observed"], rule)
    figure = new_figure(WIDTH, 1.4 + 0.3 * max(len(table), 2))
    axes = figure.add_subplot()
    place = np.arange(len(table))[::-1]
    axes.hlines(place, table["lower"], table["upper"], colors=QUIET, linewidth=5, alpha=0.45)
    axes.plot(table["observed"], place, "D", color=CONTRAST, markersize=5)
    axes.set_yticks(place, [plain(str(label)) for label in table["label"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    dress(axes, x=f"count (bars: {100 * prob:.0f}% of replicates, diamonds: observed, rounded)", grid="x")
    inside = int(table["inside"].sum())
    title = title or (f"Observed counts and replicates by {dimension_label(dim)}")
    headline(figure, title)
    caption = f"{inside} of {len(table)} observed counts lie inside the {100 * prob:.0f}% interval of the replicates."
    return Chart(figure, title, caption, f"Dot plot. {title}. {caption}", table)


def _scalars(post: xr.DataTree, draws: xr.Dataset) -> list[tuple[str, Prior]]:
    priors = priors_of(post)
    names = [str(name) for name, array in draws.data_vars.items() if set(array.dims) <= {"chain", "draw"}]
    return [(name, priors[name]) for name in names if name in priors.force]


def _sample(post: xr.DataTree, name: str) -> NDArray[np.float64]:
    """Draws of a scalar parameter where its prior applies: the intercept's default stands at covariates' means."""
    card, draws = card_of(post), post["posterior"].to_dataset()
    sample = flat(draws[name])
    if name == "intercept":
        for term, centre in priors_of(post).centre.items():
            sample = sample + centre * flat(draws[card.variable(term)])
    return sample
