"""Neighbours of a table's areas from the files that the command line names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import DesignError, GraphError
from bayesineq.model.card import ModelCard
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.areas import read_areas
from bayesineq.space.contiguity import contiguity, read_adjacency


def neighbours(
    card: ModelCard, rows: pd.DataFrame, edges: Path | None, areas: Path | None, only_table_areas: bool
) -> Adjacency | None:
    """
    Neighbours for a card, from an edge list or from boundaries.

    `edges, areas`: File of edges, or of boundaries; one of them where the card has a spatial term. Of another card they
    are for the question whether it should have one.
    """
    spatial = next((term for term in card.terms if term.is_spatial), None)
    dim = AREA if spatial is None else spatial.by[0]
    if spatial is None and ((edges is None and areas is None) or dim not in rows):
        return None
    if (edges is None) == (areas is None):
        raise DesignError(
            f"{f'card {card.name!r} has the spatial term {spatial.name!r}' if spatial else 'both were given'}: give "
            "neighbours with either --adjacency (an edge list) or --areas (boundaries)"
        )
    codes = rows[dim].astype(str).unique()
    if edges is not None:
        if not only_table_areas:
            return _mostly_known(read_adjacency(edges, areas=codes), edges, dim)
        return read_adjacency(edges).reordered(codes)
    assert areas is not None
    polygons = read_areas(areas)
    return contiguity(polygons[polygons[AREA].isin(codes)] if only_table_areas else polygons)


def _mostly_known(graph: Adjacency, edges: Path, dim: str) -> Adjacency:
    """Refuse an edge list that does not name most areas: they would be islands, and borrow no strength."""
    named = len(np.unique(graph.edges))
    if len(graph.areas) > 2 * max(named, 1):
        lacking = sorted(set(graph.areas) - set(graph.areas[graph.edges].ravel()))
        raise GraphError(
            f"{edges.name} has neighbours for {named:,} of the {len(graph.areas):,} levels of {dim!r}, and none for "
            f"{', '.join(map(repr, lacking[:3]))} and others: give the edge list of the whole table, or --areas with "
            "the boundaries, which also tell which areas are islands"
        )
    return graph
