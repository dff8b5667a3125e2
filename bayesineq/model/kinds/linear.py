"""A straight line in one covariate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesineq.model.kinds.kind import Coefficients, Kind, Seen

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Coefficients]:
    """Its slope."""
    return (Coefficients(np.eye(1)),)


KIND = Kind("linear", 1, parts, coefficients=lambda term: ("",), slope=True)
