"""What of a table is asked about though it can be fitted: numbers in another unit, fifths under the name of tenths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.design.response import Response
from bayesineq.dims import ASKED, DECILE, QUINTILE
from bayesineq.model.card import ModelCard, Outcome
from bayesineq.tables.leaks import separation, told_by

_FIFTHS: Final = (1.0, 2.0, 3.0, 4.0, 5.0)


def questions(table: pd.DataFrame, card: ModelCard, responses: Sequence[Response]) -> list[str]:
    """
    Ask about what is hardly meant.

    Returns: sentences without a count or a rate, that a report may hold.
    """
    asked = [said for outcome, of in zip(card.outcomes, responses, strict=True) if (said := _implausible(outcome, of))]
    if DECILE in card.dims and tuple(np.unique(pd.to_numeric(table[DECILE], errors="coerce").dropna())) == _FIFTHS:
        asked.append(
            f"{ASKED}{DECILE!r} holds 1 to 5 and nothing above: where these are fifths of deprivation, name the column "
            f"{QUINTILE!r} in the table and on the card; where they are tenths, no area is of the less deprived half"
        )
    for outcome, of in zip(card.outcomes, responses, strict=True):
        asked += _told_beforehand(table, card, outcome, of)
    return asked


def _told_beforehand(table: pd.DataFrame, card: ModelCard, outcome: Outcome, response: Response) -> list[str]:
    """Columns of terms that tell a proportion almost by themselves: known after the outcome, most often."""
    if outcome.link != "logit" or not outcome.counts_events:
        return []
    at = response.informative
    events = np.nan_to_num(response.value)[at]
    trials = np.ones(len(events)) if response.trials is None else response.trials[at]
    said = []
    for name in dict.fromkeys(column for term in card.terms for column in term.columns):
        found = separation(table[name].loc[at], events, trials) if name in table else None
        if found is not None and told_by(*found):
            said.append(
                f"{ASKED}{name!r} tells outcome {outcome.name!r} almost by itself: is it known only after the outcome? "
                "Then leave its term out of the card, or give what was known before"
            )
    return said


def _implausible(outcome: Outcome, response: Response) -> str | None:
    """An average outside of what the card holds plausible, most often counts and people in different units."""
    if outcome.plausible is None or not response.informative.any():
        return None
    seen = response.rows(response.informative)
    size = seen.trials if seen.trials is not None else np.exp(seen.offset)
    average, (low, high) = float(seen.value.sum() / size.sum()), outcome.plausible
    if low <= average <= high:
        return None
    where = "above" if average > high else "below"
    return (
        f"{ASKED}The average of outcome {outcome.name!r} lies {where} what the card holds plausible "
        f"({low:g} to {high:g}): check that the counts and what they are counted against are in the same "
        "unit (people, not thousands), and of the same people and time"
    )
