"""Who borders whom: an undirected graph of areas, keyed by code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from bayesineq.errors import GraphError

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Adjacency:
    """
    Undirected neighbourhood graph of areas.

    Parameters
    ----------
    areas : ndarray of str, shape (n_area,)
        Area codes, in the order that `edges` counts.
    edges : ndarray of int32, shape (n_edge, 2)
        Positions in `areas` of each pair of neighbours, first below second, sorted, each pair once.

    Attributes
    ----------
    component : ndarray of int32, shape (n_area,)
        Number of the connected component of each area, the largest component first.
    """

    areas: NDArray[np.str_]
    edges: NDArray[np.int32]
    component: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        _check(self.areas, self.edges)
        object.__setattr__(self, "component", _components(len(self.areas), self.edges))

    def __len__(self) -> int:
        return len(self.areas)

    def __repr__(self) -> str:
        sizes = self.component_sizes
        parts = f"{len(sizes)} component" + ("s" if len(sizes) != 1 else "")
        shown = ", ".join(map(str, sizes[:_SHOWN])) + (", ..." if len(sizes) > _SHOWN else "")
        return f"Adjacency({len(self)} areas, {len(self.edges)} edges, {parts} of {shown}; islands: {self.n_island})"

    @property
    def component_sizes(self) -> NDArray[np.int64]:
        """Number of areas in each component, shape (n_component,)."""
        return np.bincount(self.component)

    @property
    def n_island(self) -> int:
        """Number of areas without a neighbour."""
        return int((self.component_sizes == 1).sum())

    @property
    def words(self) -> str:
        """How the map hangs together, in words: components, their sizes, and islands."""
        sizes = self.component_sizes
        pairs = f"{len(self):,} areas, {len(self.edges):,} pairs of neighbours"
        if len(sizes) == 1:
            return f"{pairs}; the map is one component" + ("" if len(self) > 1 else ", an area without neighbours")
        shown = ", ".join(f"{size:,}" for size in sizes[:_SHOWN])
        more = f" and {len(sizes) - _SHOWN:,} smaller" if len(sizes) > _SHOWN else ""
        alone = f"{self.n_island:,} of them single areas" if self.n_island != 1 else "1 of them a single area"
        islands = f"{alone} without neighbours (islands)" if self.n_island else "no area is without neighbours"
        return f"{pairs}; the map falls into {len(sizes):,} components ({shown}{more} areas), {islands}"

    def laplacian(self) -> csr_array:
        """
        Graph Laplacian D - W: the unscaled precision of the intrinsic autoregression.

        Returns
        -------
        csr_array, shape (n_area, n_area)
            Number of neighbours on the diagonal, -1 for each pair of neighbours.
        """
        n, (i, j) = len(self), self.edges.T
        ones = np.ones(len(self.edges))
        degree = np.bincount(self.edges.ravel(), minlength=n).astype(float)
        value = np.concatenate([degree, -ones, -ones])
        row, column = np.concatenate([np.arange(n), i, j]), np.concatenate([np.arange(n), j, i])
        return csr_array((value, (row, column)), shape=(n, n))

    def reordered(self, areas: Sequence[str] | NDArray[np.str_]) -> Adjacency:
        """
        Same graph on a permutation or a subset of its areas.

        Parameters
        ----------
        areas : sequence of str
            Codes in the wanted order; edges to areas left out are dropped with them.

        Returns
        -------
        Adjacency
            Induced subgraph, keyed by code.

        Raises
        ------
        GraphError
            If a code is not in the graph.
        """
        pairs = self.areas[self.edges]
        wanted = pd.Index(areas)
        unknown = wanted.difference(pd.Index(self.areas))
        if len(unknown):
            raise GraphError(
                f"{len(unknown)} areas are not in the adjacency, for example {list(unknown[:_SHOWN])}; "
                "build it from boundaries of the same vintage that hold every area of the table"
            )
        kept = np.isin(pairs, wanted.to_numpy()).all(axis=1)
        return from_edges(pairs[kept], areas=wanted)


def from_edges(edges: Iterable[tuple[str, str]] | NDArray[np.str_], areas: Iterable[str] | None = None) -> Adjacency:
    """
    Build an adjacency from pairs of area codes.

    Parameters
    ----------
    edges : iterable of (str, str), or array of shape (n_edge, 2)
        Pairs of neighbours; either direction, repeats allowed.
    areas : iterable of str, optional
        Every area, islands included, in the order wanted. By default the codes found in `edges`, sorted.

    Returns
    -------
    Adjacency
        The graph, each edge once.

    Raises
    ------
    GraphError
        If an edge names an area that is not in `areas`, or joins an area to itself.

    Examples
    --------
    >>> from_edges([("a", "b"), ("b", "c")], areas=["a", "b", "c", "d"])
    Adjacency(4 areas, 2 edges, 2 components of 3, 1; islands: 1)
    """
    pairs = np.asarray(list(edges) if not isinstance(edges, np.ndarray) else edges, dtype=str).reshape(-1, 2)
    codes = pd.Index(np.unique(pairs) if areas is None else list(areas), dtype=str)
    if not codes.is_unique:
        repeated = codes[codes.duplicated()].unique()
        raise GraphError(f"areas appear more than once: {list(repeated[:_SHOWN])}; give each area one row")
    position = codes.get_indexer(pd.Index(pairs.ravel())).reshape(-1, 2)
    bad = np.flatnonzero((position < 0).any(axis=1))
    if len(bad):
        listed = [f"row {r + 1}: {pairs[r, 0]} - {pairs[r, 1]}" for r in bad[:_SHOWN]]
        raise GraphError(
            f"{len(bad)} edges name an area that is not among the {len(codes)} areas ({'; '.join(listed)}); "
            "take the edges and the areas from the same boundaries"
        )
    loops = np.flatnonzero(position[:, 0] == position[:, 1])
    if len(loops):
        listed = [f"row {r + 1}: {pairs[r, 0]}" for r in loops[:_SHOWN]]
        raise GraphError(
            f"{len(loops)} edges join an area to itself ({'; '.join(listed)}); leave islands without edges"
        )
    unique = np.unique(np.sort(position, axis=1), axis=0).astype(np.int32).reshape(-1, 2)
    return Adjacency(areas=codes.to_numpy(dtype=str), edges=unique)


def _check(areas: NDArray[np.str_], edges: NDArray[np.int32]) -> None:
    if len(np.unique(areas)) != len(areas):
        raise GraphError("areas appear more than once in the adjacency; give each area one position")
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise GraphError(f"edges have shape {edges.shape}; give two columns of positions")
    if len(edges) and not (edges.min() >= 0 and edges.max() < len(areas) and (edges[:, 0] < edges[:, 1]).all()):
        raise GraphError("edges must hold positions of areas, the lower one first; build them with from_edges")


def _components(n: int, edges: NDArray[np.int32]) -> NDArray[np.int32]:
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    count, label = connected_components(graph, directed=False)
    by_size = np.argsort(-np.bincount(label, minlength=count), kind="stable")
    rank = np.empty(count, dtype=np.int32)
    rank[by_size] = np.arange(count, dtype=np.int32)
    return rank[label]
