"""Levels in order, each correlated with the one before: a stationary autoregression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import RHO, SIGMA, Kind, Part, Seen
from bayesineq.model.kinds.structures import autoregression

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part]:
    """Standard deviation sigma times an autoregression of unit variance."""
    return (Part(autoregression(seen.size)),)


KIND = Kind("ar1", 4, parts, (SIGMA, RHO), stepped=True)
