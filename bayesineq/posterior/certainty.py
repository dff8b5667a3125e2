"""How sure draws can be: one rule for a probability in every sentence and table."""

from __future__ import annotations

import math


def percent(probability: float, draws: int) -> str:
    """
    Write a probability taken from draws, never more certain than the number of draws allows.

    Parameters
    ----------
    probability : float
        Share of draws, 0 to 1.
    draws : int
        Number of draws.

    Returns
    -------
    str
        For example "97%", "more than 99%", "less than 1%".
    """
    limit = max(0.01, 1.0 / max(draws, 1))
    if probability > 1.0 - limit:
        return f"more than {math.floor(100 * (1 - limit)):.0f}%"
    if probability < limit:
        return f"less than {math.ceil(100 * limit):.0f}%"
    return f"{100 * probability:.0f}%"
