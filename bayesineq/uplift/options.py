"""What may be set of the learner beyond who is compared and for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from numpy.typing import ArrayLike

from bayesineq.decisions.benefit import Scale


@dataclass(frozen=True, slots=True)
class LearnerOptions:
    """
    Settings of the learner of effects.

    Parameters
    ----------
    groups : str, or array, shape (person,), optional
        Practices or areas (a column of the table, or their codes) that folds and resamples keep whole; default the
        areas.
    need : str, or array, shape (person,), optional
        What targeting by need would rank by (higher is more need), such as a deprivation score.
    scale : {"events averted", "events gained", "QALY", "net pounds"}, optional
        What one unit of the outcome is; default events averted where it is adverse, events gained where it is not.
    propensity : mapping from arm to probability, or array, shape (person, arm), optional
        Known probabilities of the arms, as in a trial, control first; else estimated.
    folds, repeats : int
        Of the cross-fitting; scores are medians over repeats.
    clip : float
        Least propensity used in a weight.
    draws : int
        Posterior draws.
    resamples : int
        Resamples for the intervals of the evidence.

    Examples
    --------
    >>> LearnerOptions(groups="practice", propensity={0: 0.5, 1: 0.5}).folds
    5
    """

    groups: str | ArrayLike | None = None
    need: str | ArrayLike | None = None
    scale: Scale | None = None
    propensity: Mapping[object, float] | ArrayLike | None = None
    folds: int = 5
    repeats: int = 1
    clip: float = 0.01
    draws: int = 500
    resamples: int = 100


DEFAULT: Final = LearnerOptions()
