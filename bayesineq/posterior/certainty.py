"""How sure draws can be: one rule for a probability in every sentence and table."""

from __future__ import annotations

import math
from typing import Final

_REACHED: Final = frozenset({1, 10, 33, 66, 80, 90, 95, 99})
_FALLEN: Final = frozenset({5, 20})
_DUST: Final = 1e-9


def percent(probability: float, draws: int) -> str:
    """
    Write a probability taken from draws, never more certain than the number of draws allows.

    Returns: for example "97%", "more than 99%", "less than 1%". A number that would round to a limit of the words
    for probabilities, or to one at which areas are counted, from the far side of it keeps a decimal: "94.6%".

    Examples
    --------
    >>> [percent(p, 1000) for p in (0.97, 0.995, 0.946, 0.054, 0.95)]
    ['97%', 'more than 99%', '94.6%', '5.4%', '95%']
    """
    limit = max(0.01, 1.0 / max(draws, 1))
    if probability > 1.0 - limit:
        return f"more than {math.floor(100 * (1 - limit)):.0f}%"
    if probability < limit:
        return f"less than {math.ceil(100 * limit):.0f}%"
    shown = 100.0 * probability
    whole = round(shown)
    if whole in _REACHED and shown < whole - _DUST:
        return f"{math.floor(10 * shown + _DUST) / 10:.1f}%"
    if whole in _FALLEN and shown > whole + _DUST:
        return f"{math.ceil(10 * shown - _DUST) / 10:.1f}%"
    return f"{shown:.0f}%"
