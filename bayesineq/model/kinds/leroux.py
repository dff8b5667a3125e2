"""Areas that are like their neighbours by a dependence rho (Leroux, Lei and Breslow 2000)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import RHO, SIGMA, Kind, Part, Seen
from bayesineq.model.kinds.structures import proper

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part]:
    """Standard deviation sigma times the autoregression of precision rho (D - W) + (1 - rho) I."""
    return (Part(proper(seen.areas)),)


KIND = Kind("leroux", 7, parts, (SIGMA, RHO), spatial=True, sparse=True)
