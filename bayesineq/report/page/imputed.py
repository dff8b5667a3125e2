"""What a column that was not known, such as ethnicity, adds to the uncertainty of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.unrecorded import unrecorded_of
from bayesineq.dims import POPULATION
from bayesineq.disclosure.rule import SUPPRESSED, shown_count
from bayesineq.posterior.groups import interval, pooled
from bayesineq.posterior.imputation import IMPUTATION, due_to_imputation
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Frame, Section, Table
from bayesineq.report.tables.measured import estimate_headers
from bayesineq.report.tables.numbers import decimals, estimate, write
from bayesineq.report.words.labels import dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, listed, sentence


def has_imputations(post: xr.DataTree) -> bool:
    """
    Tell whether a posterior stands on several imputations.

    `fit` of a card with a latent column and `stack_imputations` make such ones.
    """
    return "sample_stats" in post.children and IMPUTATION in post["sample_stats"]


def imputation_table(frame: Frame, values: xr.DataArray, dim: str) -> pd.DataFrame:
    """
    How much of each group's uncertainty is due to what was imputed.

    `share` is that of the variance, and `narrower` by which part the interval would shrink if the imputed values were
    known: 1 - sqrt(1 - share).
    """
    share = due_to_imputation(values, frame.post).to_numpy()
    flat = pooled(values, dim)
    lower, upper = interval(flat, frame.prob)
    levels = list(values[dim].to_numpy())
    return pd.DataFrame(
        {
            "level": levels,
            "label": level_labels(dim, levels, frame.labels),
            "mean": flat.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "share": share,
            "narrower": 1.0 - np.sqrt(1.0 - share),
        }
    )


def unrecorded_words(frame: Frame) -> tuple[str, ...]:
    """
    How many people had no record of the latent column, and what was assumed of them.

    Delta is said by group also where it is 0.
    """
    dim = next(iter(frame.card.latent))
    named, found = dimension_label(dim), unrecorded_of(frame.post.attrs)
    if found is None:
        return (
            f"How many people had no record of their {named}, and which delta was assumed of them, was not kept with "
            "this posterior; fit it again to have them said.",
        )
    many, whole = shown_count(found.unknown, frame.rule), shown_count(found.people, frame.rule)
    share = "" if many == SUPPRESSED else f" ({100 * found.share:.1f}%)"
    said = (
        f"The {named} of {many} of {whole} people{share} was recorded as unknown; which group they belong to is "
        "estimated and in no case known."
    )
    groups = dict(zip(found.delta, level_labels(dim, list(found.delta), frame.labels), strict=True))
    moved = {group: delta for group, delta in found.delta.items() if delta != 0}
    start = "How likely each group is to have no record cannot be learnt from these records and was assumed: "
    if not moved:
        return (
            said,
            f"{start}delta is 0 for every group ({listed(list(groups.values()))}), so that among people who are alike "
            "in all else that the model knows no group lacks a record more often than another. If one does, too few of "
            "those without a record are counted as its people here; fit with another delta to see what that changes.",
        )
    stated = [f"{groups[group]}, {write(delta, 2)} (odds times {np.exp(delta):.2f})" for group, delta in moved.items()]
    rest = [groups[group] for group in found.delta if group not in moved]
    others = f"; 0 for {listed(rest)}" if rest else ""
    sd = f" Each delta but 0 has a standard deviation of {write(found.delta_sd, 2)}." if found.delta_sd else ""
    return (
        said,
        f"{start}delta, the log odds of a missing record against a group of 0, is for {'; '.join(stated)}{others}.{sd} "
        "Other values give other answers; fit with another delta to see what that changes.",
    )


def imputed_section(frame: Frame, like: Alike) -> Section:
    """What not knowing a column costs: words and a table."""
    dim = next(iter(frame.card.latent))
    named, recorded = dimension_label(dim), frame.card.latent[dim].replace("_", " ")
    table = imputation_table(frame, like.values.shown, dim)
    people = like.values.shown[POPULATION].to_numpy()
    shown = f"{100 * float(np.average(table['narrower'], weights=people)):.0f}%" if len(table) else "not known"
    most = ""
    if len(table):
        widest = int(table["narrower"].to_numpy().argmax())
        most = f", and {100 * table['narrower'].iloc[widest]:.0f}% for {table['label'].iloc[widest]}"
    said = Statement(
        f"The {named} of people is not known: it is estimated from what was {recorded}, the census, and how likely "
        f"each group is to be recorded wrongly or not at all. If it were known, intervals by {named} would be {shown} "
        f"narrower on average over people{most}.",
        False,
        0.5,
    )
    assumed = tuple(Statement(text, False, 0.5) for text in unrecorded_words(frame))
    places = decimals([float(v) * frame.unit.factor for v in table["upper"]])
    rows = tuple(
        (
            label,
            estimate(mean, lower, upper, frame.unit, places=places),
            f"{100 * share:.0f}%",
            f"{100 * narrower:.0f}%",
        )
        for label, mean, lower, upper, share, narrower in zip(
            *(table[c].tolist() for c in ("label", "mean", "lower", "upper", "share", "narrower")), strict=True
        )
    )
    header = (
        sentence(named),
        estimate_headers(frame, like)[0],
        f"Share of the variance due to unknown {named}",
        "Narrower if it were known",
    )
    caption = f"How much of the uncertainty in {frame.card.outcome.name}{like.given} is due to {named}"
    return Section(
        f"What is due to {named} that is not known",
        (*assumed, said),
        (Table(caption, header, rows),),
        (),
    )
