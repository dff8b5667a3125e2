"""Levels in order whose first or second differences are independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import SIGMA, Coefficients, Kind, Part, Seen
from bayesineq.model.kinds.structures import walk
from bayesineq.model.kinds.walks import linear_trend

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part | Coefficients, ...]:
    """A walk that sums to zero; of order 2 also the straight line that its differences do not see."""
    steps = Part(walk(seen.size, term.order, scaled=term.scale))
    return (steps, Coefficients(linear_trend(seen.size)[:, None], "trend")) if term.order == 2 else (steps,)


def coefficients(term: Term) -> tuple[str, ...]:
    """The trend of a walk of order 2."""
    return ("trend",) if term.order == 2 else ()


KIND = Kind("random_walk", 3, parts, (SIGMA,), coefficients=coefficients, stepped=True, options=frozenset({"order"}))
