"""Words for probabilities, each tied to a range of numbers."""

from __future__ import annotations

import math
from typing import Final

from bayesineq.errors import MeasureError
from bayesineq.report.tables.numbers import percent

CHANCES: Final = (
    (0.99, "almost certain"),
    (0.90, "very likely"),
    (0.66, "likely"),
    (0.33, "about as likely as not"),
    (0.10, "unlikely"),
    (0.01, "very unlikely"),
    (0.00, "almost impossible"),
)
"""Least probability of each word, the most certain first."""

_DUST: Final = 1e-9


def chance(probability: float, draws: int | None = None) -> str:
    """
    Put a probability into words.

    `draws`: Of how many draws it is a share: all or none of them say no more than that the next one would be the
    first to differ, so that the word is never more certain than their number allows. Returns: "almost certain" from
    99%, "very likely" from 90%, "likely" from 66%, "about as likely as not" from 33%, "unlikely" from 10%, "very
    unlikely" from 1%, "almost impossible" below.

    Notes
    -----
    The limits are those of the calibrated language of the Intergovernmental Panel on Climate Change.

    References
    ----------
    Mastrandrea MD and others. Guidance note for lead authors of the IPCC fifth assessment report on consistent
    treatment of uncertainties. 2010.

    Examples
    --------
    >>> [chance(p) for p in (0.995, 0.97, 0.7, 0.5)]
    ['almost certain', 'very likely', 'likely', 'about as likely as not']
    >>> chance(1.0, draws=50)
    'very likely'
    """
    if not 0.0 <= probability <= 1.0:
        raise MeasureError(f"a probability lies between 0 and 1; given {probability!r}")
    least = 0.0 if draws is None else min(0.5, 1.0 / max(draws, 1))
    allowed = min(max(probability, least), 1.0 - least)
    # A whisker takes off the dust of arithmetic: 1 - 0.34 is 66%.
    return next(words for limit, words in CHANCES if allowed >= limit - _DUST)


def chance_and_number(probability: float, draws: int) -> str:
    """
    Put a probability into words with its number.

    Returns: for example "very likely, 97%": the number stands in the range of its word in the table.

    Examples
    --------
    >>> chance_and_number(0.97, 1000), chance_and_number(0.9875, 4000), chance_and_number(1.0, 4000)
    ('very likely, 97%', 'very likely, 98.7%', 'almost certain, more than 99%')
    """
    return f"{chance(probability, draws)}, {percent(probability, draws)}"


def each_at_least(probability: float, draws: int) -> str:
    """
    Say of several things how probable each is at least.

    Returns: for example "each very likely or more, at least 96%"; never rounded upwards.

    Examples
    --------
    >>> each_at_least(0.9675, 4000), each_at_least(1.0, 4000)
    ('each very likely or more, at least 96%', 'each almost certain, more than 99%')
    """
    word, number = chance(probability, draws), percent(probability, draws)
    if word == CHANCES[0][1]:
        return f"each {word}, {number if number.startswith('more') else f'at least {number}'}"
    number = number if number.startswith(("more", "less")) else f"at least {math.floor(100 * probability + _DUST)}%"
    return f"each {word} or more, {number}"
