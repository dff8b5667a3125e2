"""Independent effects of levels, all of one standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import SIGMA, Kind, Part, Seen
from bayesineq.model.kinds.structures import identity

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part]:
    """Standard deviation sigma times white noise."""
    return (Part(identity(seen.size)),)


KIND = Kind("exchangeable", 2, parts, (SIGMA,), columns=0, independent=True, typical=True)
