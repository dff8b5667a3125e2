"""Sections of a report on hospitals: what each had, against what its patients would have had on average."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from bayesineq.disclosure.cover import cover
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import pooled
from bayesineq.posterior.population import card_of
from bayesineq.posterior.standardise import standardised_ratio
from bayesineq.report.figures.forest import plot_forest
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.numbers import RELATIVE, estimate, percent
from bayesineq.report.words.labels import dimension_label
from bayesineq.report.words.sentences import Statement, listed, sentence, withheld_said

SITE: Final = "site"
_SURE: Final = 0.95


def against_expected(post: xr.DataTree, options: ReportOptions) -> tuple[Section, ...]:
    """
    What each hospital had over what its patients would have had at everybody's rates; none without hospitals.

    A hospital is named only where its ratio lies on one side of 1 with 95% probability, each by itself.
    """
    card = card_of(post)
    others = [dim for dim in card.dims if dim != SITE]
    if SITE not in card.dims or not others or card.outcome.link == "identity":
        return ()
    found = cover(post, options.rule)
    crude = found.values(SITE)
    if crude.shown.sizes[SITE] < 2:
        return ()
    ratio, rate = standardised_ratio(post, SITE, others), expected(post, by=SITE)
    as_expected = (rate / ratio).drop_vars("population", errors="ignore")

    def _over(shown: xr.DataArray) -> xr.DataArray:
        made = shown / as_expected.sel({SITE: shown[SITE]})
        return made.assign_attrs(shown.attrs)

    values = crude.map(_over)
    draws = pooled(values.shown, SITE).astype(np.float64)
    above = (draws > 1).mean(axis=0)
    table = group_table(values, SITE, labels=options.labels, prob=options.prob)
    labels = table.loc[~table["hidden"], "label"].tolist()
    said = [_said(card.outcome.name, labels, above, card.outcome.more_is == "worse")]
    if (withheld := withheld_said(crude, SITE)) is not None:
        said.insert(0, withheld)
    chance = iter(above)
    rows = tuple(
        (row["label"], "withheld", "")
        if row["hidden"]
        else (
            row["label"],
            estimate(row["mean"], row["lower"], row["upper"], RELATIVE),
            percent(float(next(chance)), len(draws)),
        )
        for row in table.to_dict("records")
    )
    level = f"{100 * options.prob:.0f}%"
    header = (sentence(dimension_label(SITE)), f"Of what was expected ({level} interval)", "Probability of more")
    name = f"{card.outcome.name} against what was expected"
    caption = f"{sentence(card.outcome.name)} of each hospital over that of its patients at everybody's rates"
    chart = plot_forest(
        values,
        SITE,
        labels=options.labels,
        prob=options.prob,
        outcome=name,
        unit=RELATIVE,
        more_is=card.outcome.more_is,
    )
    return (Section("Hospitals against what was expected", tuple(said), (Table(caption, header, rows),), (chart,)),)


def _said(outcome: str, labels: list[str], above: np.ndarray, worse: bool) -> Statement:
    more = [name for name, chance in zip(labels, above, strict=True) if chance >= _SURE]
    less = [name for name, chance in zip(labels, above, strict=True) if chance <= 1 - _SURE]
    if not more and not less:
        return Statement(f"{sentence(outcome)}: no hospital lies clearly above or below what was expected of it.")
    parts = [f"{word} than expected in {listed(names)}" for word, names in (("more", more), ("fewer", less)) if names]
    which = "more is worse" if worse else "more is better"
    sure = float(min([*above[above >= _SURE], *(1 - above[above <= 1 - _SURE])]))
    return Statement(
        f"{sentence(outcome)}: {'; '.join(parts)} ({which}; each with a probability of 95% or more, looked at once; "
        "for repeated looks take the limits of bayesineq.measures.funnel_limits).",
        True,
        sure,
    )
