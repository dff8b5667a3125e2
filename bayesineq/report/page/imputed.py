"""What a column that was not known, such as ethnicity, adds to the uncertainty of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import POPULATION
from bayesineq.posterior.groups import interval, pooled
from bayesineq.posterior.imputation import IMPUTATION, due_to_imputation
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Columns, Frame, Section, table_of
from bayesineq.report.tables.measured import estimate_headers
from bayesineq.report.tables.numbers import decimals, estimate
from bayesineq.report.words.labels import dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, sentence


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
        f"narrower on average over people{most}."
    )
    assumed = tuple(Statement(text) for text in frame.assumed)
    places = decimals([float(v) * frame.unit.factor for v in table["upper"]])
    columns: Columns = {
        sentence(named): lambda row: str(row["label"]),
        estimate_headers(frame, like)[0]: (
            lambda row: estimate(row["mean"], row["lower"], row["upper"], frame.unit, places=places)
        ),
        f"Share of the variance due to unknown {named}": lambda row: f"{100 * row['share']:.0f}%",
        "Narrower if it were known": lambda row: f"{100 * row['narrower']:.0f}%",
    }
    caption = f"How much of the uncertainty in {frame.card.outcome.name}{like.given} is due to {named}"
    title = f"What is due to {named} that is not known"
    return Section(title, (*assumed, said), (table_of(caption, table, columns),), ())
