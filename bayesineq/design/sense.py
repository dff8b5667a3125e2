"""What of a table is asked about though it can be fitted: numbers in another unit, fifths under the name of tenths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.design.response import Response
from bayesineq.dims import ASKED, DECILE, QUINTILE
from bayesineq.model.card import ModelCard, Outcome

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
    return asked


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
