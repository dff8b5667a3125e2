"""Areas that are like their neighbours to a share phi, and otherwise on their own (Riebler et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import PHI, SIGMA, Factor, Kind, Part, Seen
from bayesineq.model.kinds.structures import identity, intrinsic

if TYPE_CHECKING:
    from bayesineq.model.card import Term


def parts(term: Term, seen: Seen) -> tuple[Part, Part]:
    """Standard deviation sigma times root phi times the structured half, and times root 1 - phi times the white one."""
    structured = Part(intrinsic(seen.areas, scaled=term.scale), (Factor("sigma"), Factor("phi", "root")))
    return structured, Part(identity(seen.size), (Factor("sigma"), Factor("phi", "rest")))


KIND = Kind("bym2", 6, parts, (SIGMA, PHI), spatial=True, sparse=True, typical=True)
