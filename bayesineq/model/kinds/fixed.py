"""Effects of levels against a reference, each with a prior of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesineq.model.kinds.kind import Coefficients, Kind, Seen

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Coefficients]:
    """A coefficient a level, but for the reference."""
    basis = np.eye(seen.size)
    return (Coefficients(basis if seen.reference is None else np.delete(basis, seen.reference, axis=1)),)


KIND = Kind("fixed", 0, parts, coefficients=lambda term: ("",), columns=0, options=frozenset({"reference"}))
