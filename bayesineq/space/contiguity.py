"""Neighbours from shared boundaries, or from a list of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import GraphError
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.space.areas import area_codes, check_areas
from bayesineq.space.nearness import STRETCH, advised_tolerance, in_metres, refuse_near_misses

if TYPE_CHECKING:
    import geopandas as gpd

_SHOWN = 5
_PAIRED_ENDINGS = (("_i", "_j"), ("_1", "_2"), ("1", "2"), ("_from", "_to"), ("_a", "_b"))
_PAIRED_NAMES = (
    ("area", "neighbour"),
    ("area", "neighbor"),
    ("focal", "neighbor"),
    ("focal", "neighbour"),
    ("from", "to"),
    ("source", "target"),
    ("i", "j"),
)


def contiguity(
    areas: gpd.GeoDataFrame,
    *,
    code: str | None = None,
    rule: Literal["queen", "rook"] = "queen",
    tolerance: float = 0.0,
) -> Adjacency:
    """
    Adjacency of areas that share a boundary.

    Parameters
    ----------
    areas : GeoDataFrame
        Polygons or multipolygons, one row an area.
    code : str, optional
        Column of area codes; by default the one that can be told from its name (see `areas.code_column`).
    rule : {"queen", "rook"}
        Neighbours share a point (queen) or a stretch of boundary (rook).
    tolerance : float
        With 0, boundaries must meet at common vertices, as those of one official edition do, simplified or not: if
        areas touch, overlap or face each other across a hair (a quarter of a per cent of their size) without a common
        vertex that is an error, not a lost edge, and the error says which tolerance joins them. With a positive number
        of metres (queen only), areas are neighbours when they come that near to each other, which serves boundaries
        that were simplified one by one, or a part of which was shifted: on such boundaries of Colchester 0.1 to 5 m
        find 274 of the 275 official pairs and no other, 10 m adds three false ones and 20 m eight.

    Returns
    -------
    Adjacency
        Areas in the order of the rows. An area without neighbours (an island) stays in the graph as a component of
        its own: it borrows no strength, and its spatial effect is independent N(0, sigma^2). It is never joined to
        the nearest land; to join it, say so by adding a pair to the edges.

    Raises
    ------
    GraphError
        If codes or geometry cannot be used, if areas touch, overlap or nearly touch without a vertex in common, or if a
        tolerance is asked of rook neighbours or of boundaries without a reference system.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> squares = [box(0, 0, 1, 1), box(1, 0, 2, 1), box(5, 5, 6, 6)]
    >>> contiguity(gpd.GeoDataFrame({"area": ["A", "B", "C"]}, geometry=squares))
    Adjacency(3 areas, 1 edges, 2 components of 2, 1; islands: 1)
    """
    if rule not in ("queen", "rook"):
        raise GraphError(f"rule is {rule!r}; it can be 'queen' (share a point) or 'rook' (share a stretch of boundary)")
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise GraphError(f"tolerance is {tolerance}; give metres, 0 or more")
    codes = area_codes(areas, code).to_numpy(dtype=str)
    check_areas(areas, code=code)
    if tolerance > 0:
        if rule == "rook":
            raise GraphError("rook neighbours share a stretch of boundary, which needs tolerance=0; use rule='queen'")
        pairs = _within(areas, tolerance)
        refuse_near_misses(areas, codes, pairs, "tolerance")
    else:
        pairs = _shared(areas, rook=rule == "rook")
        _check_topology(areas, codes, pairs, rook=rule == "rook")
        refuse_near_misses(areas, codes, pairs, rule)
    return from_edges(codes[pairs], areas=codes)


def read_adjacency(
    path: str | Path, *, areas: Iterable[str] | None = None, columns: tuple[str, str] | None = None
) -> Adjacency:
    """
    Adjacency from a file of pairs of area codes.

    Parameters
    ----------
    path : str or Path
        Edge list, csv (also gzipped) or parquet: one row a pair of neighbours, in either direction, repeats allowed.
    areas : iterable of str, optional
        Every area in the order wanted, islands included. An edge list cannot name an area without neighbours: by
        default the graph holds only the areas of the pairs, and an island is then missing, not joined to anything.
        An island that is listed here becomes a component of its own with an independent effect.
    columns : (str, str), optional
        The two columns of codes. By default the only two columns, the only two columns of text, or two columns named
        as a pair (`LSOA21CD_i` and `LSOA21CD_j`, `focal` and `neighbor`, `from` and `to`, ...). Others are ignored.

    Returns
    -------
    Adjacency
        The graph, keyed by code.

    Raises
    ------
    GraphError
        If the file is missing, garbled or empty, its columns cannot be told, a code is blank, an edge names an area
        that is not in `areas` (the message names the row, counted from 1 below the header), or joins an area to itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "neighbours.csv"
    ...     pd.DataFrame({"from": ["E01", "E02"], "to": ["E02", "E03"]}).to_csv(path, index=False)
    ...     read_adjacency(path, areas=["E01", "E02", "E03", "E04"])
    Adjacency(4 areas, 2 edges, 2 components of 3, 1; islands: 1)
    """
    source = Path(path)
    table = _read_pairs(source)
    wanted = None if areas is None else list(areas)
    try:
        pairs = _codes_of_pairs(table, columns)
        if not len(pairs) and not wanted:
            raise GraphError("the edge list has no rows; give pairs of neighbours, or areas= for a map of islands")
        return from_edges(pairs, areas=wanted)
    except GraphError as error:
        raise GraphError(f"{source.name}: {error}") from error


def _shared(areas: gpd.GeoDataFrame, *, rook: bool) -> NDArray[np.intp]:
    from geopandas import GeoSeries
    from libpysal.graph import Graph
    from shapely import force_2d

    graph = Graph.build_contiguity(GeoSeries(force_2d(areas.geometry.to_numpy())), rook=rook)
    weights = graph.adjacency
    focal, neighbour = weights[weights > 0].index.to_frame().to_numpy(dtype=np.intp).T
    return _ordered(focal, neighbour)


def _within(areas: gpd.GeoDataFrame, tolerance: float) -> NDArray[np.intp]:
    from shapely import STRtree

    if areas.crs is None:
        raise GraphError("a tolerance in metres needs a reference system; set it with areas.set_crs('EPSG:27700')")
    shapes, unit = in_metres(areas)
    first, second = STRtree(shapes).query(shapes, predicate="dwithin", distance=tolerance / unit)
    return _ordered(first, second)


def _ordered(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    below = first < second
    return np.column_stack([first[below], second[below]])


def _check_topology(areas: gpd.GeoDataFrame, codes: NDArray[np.str_], pairs: NDArray[np.intp], *, rook: bool) -> None:
    """Vertices tell neighbours only where boundaries meet at vertices: hold them against geometry itself."""
    import shapely

    shapes = areas.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    touching = _ordered(first, second)
    known = set(map(tuple, pairs.tolist()))
    missed = np.array([pair for pair in touching.tolist() if tuple(pair) not in known], dtype=np.intp).reshape(-1, 2)
    if rook and len(missed):
        common = shapely.intersection(shapes[missed[:, 0]], shapes[missed[:, 1]])
        # Half the way around an overlap is the stretch of boundary that it stands for; that of two corners is short.
        overlap, stretch = shapely.area(common) > 0, 0.5 * shapely.length(common)
        deep = overlap & (stretch >= STRETCH * np.sqrt(shapely.area(shapes[missed]).min(axis=1)))
        if deep.any():
            # Those with a vertex in common are of one edition, and cross each other by its simplification.
            queen = set(map(tuple, _shared(areas, rook=False).tolist()))
            deep &= np.array([tuple(pair) not in queen for pair in missed.tolist()])
        missed = missed[np.where(overlap, deep, stretch > 0)]
    if len(missed):
        named = ", ".join(f"{codes[i]} - {codes[j]}" for i, j in missed[:_SHOWN])
        advice = f"pass tolerance={advised_tolerance(areas, pairs):g} (metres)" + (" with rule='queen'" if rook else "")
        raise GraphError(
            f"{len(missed)} pairs of areas touch or overlap without common vertices ({named}): these boundaries "
            f"were simplified one by one or come from different editions; {advice}, or take boundaries of one edition"
        )


def _read_pairs(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise GraphError(f"there is no file {path}; give an edge list (csv or parquet) of two columns of area codes")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except Exception as error:  # pyarrow, zlib and the csv parser each raise their own
        raise GraphError(
            f"{path.name}: cannot be read as an edge list ({type(error).__name__}: {error}); "
            "give a csv or parquet file that is whole"
        ) from error


def _codes_of_pairs(table: pd.DataFrame, columns: tuple[str, str] | None) -> NDArray[np.str_]:
    chosen = _pair_columns(table) if columns is None else columns
    absent = [c for c in chosen if c not in table.columns]
    if absent:
        raise GraphError(f"there is no column {absent}; columns here: {[str(c) for c in table.columns]}")
    picked = table[list(chosen)]
    fractional = [c for c in chosen if pd.api.types.is_float_dtype(picked[c].dtype)]
    if fractional:
        raise GraphError(f"columns {fractional} hold fractions or gaps, not area codes; store the codes as text")
    texts = picked.astype(str)
    blank = (picked.isna() | (texts.apply(lambda column: column.str.strip()) == "")).any(axis=1).to_numpy()
    if blank.any():
        rows = (np.flatnonzero(blank)[:_SHOWN] + 1).tolist()
        raise GraphError(f"{blank.sum()} rows lack an area code, first rows {rows}; remove or complete them")
    lines = texts.apply(lambda column: column.str.contains("[\r\n]", regex=True)).any(axis=1).to_numpy()
    if lines.any():
        rows = (np.flatnonzero(lines)[:_SHOWN] + 1).tolist()
        raise GraphError(
            f"{lines.sum()} area codes go on over several lines, first rows {rows}: a quotation mark opens there and "
            "closes rows later; remove it"
        )
    return texts.to_numpy(dtype=str).reshape(-1, 2)


def _pair_columns(table: pd.DataFrame) -> tuple[str, str]:
    names = [str(c) for c in table.columns]
    if len(names) == 2:
        return names[0], names[1]
    lower = {name.lower(): name for name in names}
    for first, second in _PAIRED_NAMES:
        if first in lower and second in lower:
            return lower[first], lower[second]
    for first, second in _PAIRED_ENDINGS:
        stems = [n[: -len(first)] for n in names if n.lower().endswith(first)]
        paired = [s for s in stems if s + second in names and _is_code(table[s + first])]
        if len(paired) == 1:
            return paired[0] + first, paired[0] + second
    texts = [n for n in names if _is_code(table[n])]
    if len(texts) == 2:
        return texts[0], texts[1]
    raise GraphError(f"which two columns hold the area codes cannot be told among {names}; name them with columns=")


def _is_code(column: pd.Series) -> bool:
    if not pd.api.types.is_string_dtype(column.dtype):
        return False
    return bool(pd.to_numeric(column, errors="coerce").isna().any() and not column.isin(["True", "False"]).all())
