"""Areas that are like their neighbours: the intrinsic autoregression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import SIGMA, Kind, Part, Seen
from bayesineq.model.kinds.structures import intrinsic

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part]:
    """Standard deviation sigma times the intrinsic autoregression, which sums to zero over each component."""
    return (Part(intrinsic(seen.areas, scaled=term.scale)),)


KIND = Kind("icar", 5, parts, (SIGMA,), spatial=True, sparse=True)
