"""
Which way is better: the one place where the polarity of an outcome becomes the sign of a benefit.

A benefit is above 0 where people are better off. Of an outcome of which more is worse it counts events averted, of one
of which more is better events gained; nothing after it needs to know which.
"""

from __future__ import annotations

from typing import Final

import xarray as xr

from bayesineq.decisions.benefit import Scale
from bayesineq.dims import MoreIs
from bayesineq.errors import DecisionError

EVENTS: Final[dict[MoreIs, Scale]] = {"worse": "events averted", "better": "events gained"}
"""What a benefit counted in events is called."""

SIGN: Final[dict[MoreIs, float]] = {"worse": -1.0, "better": 1.0}
"""Benefit for one event more."""


def scale_of_outcome(adverse: bool, scale: Scale | None) -> Scale:
    """
    Scale of a benefit that was estimated on an outcome, and a refusal where scale and outcome contradict each other.

    Examples
    --------
    >>> scale_of_outcome(True, None), scale_of_outcome(False, None)
    ('events averted', 'events gained')
    """
    own = EVENTS["worse" if adverse else "better"]
    if scale in EVENTS.values() and scale != own:
        raise DecisionError(
            f"scale={scale!r} does not go with adverse={adverse}: a benefit is then {own}. Say scale={own!r}, or "
            f"adverse={not adverse} if {'more' if adverse else 'less'} of the outcome is better."
        )
    return own if scale is None else scale


def polarity(values: xr.DataArray, more_is: MoreIs | None = None) -> MoreIs:
    """Polarity of an outcome: as its draws say, or as is stated."""
    said = values.attrs.get("more_is")
    for given in (said, more_is):
        if given not in (None, "worse", "better"):
            raise DecisionError(f"more_is is {given!r}: say whether more of the outcome is 'worse' or 'better'.")
    if said is not None and more_is is not None and said != more_is:
        name = str(values.attrs.get("outcome", "the outcome"))
        raise DecisionError(
            f"The draws of {name} say that more of it is {said}, and more_is={more_is!r} was stated. If they were "
            f"turned round (1 - values), say so on them: values.assign_attrs(more_is={more_is!r}); else leave it out."
        )
    found: MoreIs = more_is or said or "worse"
    return found
