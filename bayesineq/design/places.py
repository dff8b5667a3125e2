"""Who borders whom among the rows of a card without a spatial term: for the question whether it should have one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AREA
from bayesineq.model.card import ModelCard
from bayesineq.space.adjacency import Adjacency


class Places(NamedTuple):
    """
    Areas of rows.

    Parameters
    ----------
    graph : Adjacency
        Neighbours.
    dim : str
        Column of the areas.
    of_row : ndarray of int32, shape (n_row,)
        Position of each row's area in the graph; -1 where it has none.
    """

    graph: Adjacency
    dim: str
    of_row: NDArray[np.int32]

    def rows(self, at: NDArray[np.bool_]) -> Places:
        """The areas of some of the rows."""
        return self._replace(of_row=self.of_row[at])


def places_of(table: pd.DataFrame, card: ModelCard, graph: Adjacency | None) -> Places | None:
    """Areas of the rows of each outcome in turn, where the graph knows most and no term is spatial."""
    if graph is None or card.members is not None or any(term.is_spatial for term in card.terms):
        return None
    known = pd.Index(graph.areas)
    for dim in (AREA, *card.dims):
        if dim in table.columns:
            of_row = known.get_indexer(pd.Index(table[dim].astype(str))).astype(np.int32)
            if (of_row >= 0).mean() > 0.5:
                return Places(graph, dim, np.tile(of_row, len(card.outcomes)))
    return None
