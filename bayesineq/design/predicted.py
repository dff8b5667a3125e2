"""What a fit predicts and does not see: rows without an outcome, areas without rows, levels that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bayesineq.design.response import Response

if TYPE_CHECKING:
    from bayesineq.design.matrix import Block

_SHOWN: Final = 3
_NONE: Final = np.zeros(0, dtype=np.int64)


def what_is_predicted(response: Response, blocks: tuple[Block, ...]) -> tuple[str, ...]:
    """
    State in words what rests on other rows or on priors alone.

    Returns: A sentence each: rows without an outcome; areas of which no row has an outcome; levels of fixed terms
    in which nobody with an outcome is, whose effects are their prior.
    """
    said = []
    if lacking := int((~response.observed).sum()):
        said.append(
            f"{lacking:,} {'row without an outcome is' if lacking == 1 else 'rows without an outcome are'} predicted "
            "from the other rows"
        )
    areas = next((block for block in blocks if block.term.is_spatial and len(block.dims) == 1), None)
    if areas is not None:
        empty = _empty(areas, response)
        if empty.size:
            said.append(
                f"{empty.size:,} of {areas.size:,} areas have no row with an outcome ({_named(areas, empty)}): their "
                "effects come from their neighbours and the prior"
            )
    for block in blocks:
        if not block.term.of_kind.is_random and (empty := _empty(block, response)).size:
            said.append(
                f"term {block.term.name!r}: nobody with an outcome is in {empty.size:,} of its {block.size:,} levels "
                f"({_named(block, empty)}), whose effects are their prior alone"
            )
    return tuple(said)


def _empty(block: Block, response: Response) -> np.ndarray:
    return np.flatnonzero(block.incidence.totals(response.informative.astype(np.float64)) == 0) if block.dims else _NONE


def _named(block: Block, places: np.ndarray) -> str:
    names = []
    for place in places[:_SHOWN]:
        at = np.unravel_index(int(place), block.shape)
        names.append(" and ".join(str(level[k]) for level, k in zip(block.levels, at, strict=True)))
    return "; ".join(names) + ("; ..." if len(places) > _SHOWN else "")
