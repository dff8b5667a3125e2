"""Sections on further outcomes of a joint posterior, each told as a report of its own would tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import xarray as xr

from bayesineq.model.card import ModelCard
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of
from bayesineq.report.page.content import gather
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.parts import Section
from bayesineq.report.words.sentences import sentence


def is_pathway(card: ModelCard) -> bool:
    """Whether what comes after the first outcome is counted among those who have it."""
    first, *others = card.outcomes
    among = {of.columns.get("at_risk") for of in others}
    return first.link == "logit" and first.columns.get("count") in among


def side_by_side(
    post: xr.DataTree, names: Sequence[str], options: ReportOptions
) -> tuple[tuple[Section, ...], list[pd.DataFrame]]:
    """
    Sections of further outcomes by deprivation, ethnicity and place, and what of them is withheld.

    Each passes the rule for small counts by itself, as its own report does.
    """
    card, sections, audits = card_of(post), [], []
    for name in names:
        own = replace(options, outcome=None, explorer=False, parts=None)
        content = gather(one_outcome(post, name), None, own)
        titled = sentence(card.only(name).outcome.name.replace("_", " "))
        for part in content.sections:
            sections.append(replace(part, title=f"{titled}: {part.title[0].lower()}{part.title[1:]}"))
        if content.audit is not None:
            audits.append(content.audit)
    return tuple(sections), audits
