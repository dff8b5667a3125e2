"""Words for probabilities, each tied to a range of numbers."""

from __future__ import annotations

from typing import Final

from bayesineq.errors import MeasureError
from bayesineq.report.numbers import percent

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


def chance(probability: float) -> str:
    """
    Put a probability into words.

    Parameters
    ----------
    probability : float
        From 0 to 1.

    Returns
    -------
    str
        "almost certain" from 99%, "very likely" from 90%, "likely" from 66%, "about as likely as not" from 33%,
        "unlikely" from 10%, "very unlikely" from 1%, "almost impossible" below.

    Raises
    ------
    MeasureError
        If it is no probability.

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
    """
    if not 0.0 <= probability <= 1.0:
        raise MeasureError(f"a probability lies between 0 and 1; given {probability!r}")
    return next(words for limit, words in CHANCES if probability >= limit)


def chance_and_number(probability: float, draws: int) -> str:
    """
    Put a probability into words with its number.

    Parameters
    ----------
    probability : float
        Share of draws.
    draws : int
        Number of draws.

    Returns
    -------
    str
        For example "very likely, 97%".
    """
    return f"{chance(probability)}, {percent(probability, draws)}"
