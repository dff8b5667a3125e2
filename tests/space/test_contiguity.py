"""
Neighbours from boundaries: closed forms on small maps, and the counts published with the open data.

The edge lists of `shared/data/boundaries` were derived from the same boundaries and cross-checked there against an
independent list of neighbours; the counts asserted here stand in `shared/data/README.md`.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import MultiPolygon, Point, Polygon, box
from shapely.affinity import translate

from bayesineq.errors import GraphError
from bayesineq.space.contiguity import contiguity, read_adjacency


def grid(rows: int, columns: int, *, size: float = 1000.0, crs: str | None = "EPSG:27700") -> gpd.GeoDataFrame:
    """A chessboard of squares, coded R<row>C<column>."""
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    return gpd.GeoDataFrame(
        {"area": [f"R{r}C{c}" for r, c in cells]},
        geometry=[box(c * size, r * size, (c + 1) * size, (r + 1) * size) for r, c in cells],
        crs=crs,
    )


def pairs_of(adjacency) -> set[tuple[str, str]]:
    return {tuple(sorted(p)) for p in adjacency.areas[adjacency.edges].tolist()}


def test_counts_of_a_chessboard_are_the_closed_form():
    n, m = 5, 7
    board = grid(n, m)
    rook = n * (m - 1) + m * (n - 1)
    assert len(contiguity(board, rule="rook").edges) == rook
    assert len(contiguity(board, rule="queen").edges) == rook + 2 * (n - 1) * (m - 1)
    assert len(contiguity(board, tolerance=1.0).edges) == rook + 2 * (n - 1) * (m - 1)


def test_order_of_rows_and_index_do_not_matter():
    board = grid(4, 4)
    shuffled = board.sample(frac=1.0, random_state=np.random.default_rng(3))
    assert contiguity(shuffled).areas.tolist() == shuffled["area"].tolist()
    assert pairs_of(contiguity(shuffled)) == pairs_of(contiguity(board))


def test_island_is_a_component_of_its_own_and_a_multipolygon_borders_through_each_piece():
    board = grid(1, 3)
    far = translate(board.geometry.iloc[0], 50_000, 0)
    board.loc[0, "geometry"] = MultiPolygon([board.geometry.iloc[0], far])
    island = translate(far, 10_000, 0)
    beside = translate(far, 1_000, 0)
    more = gpd.GeoDataFrame({"area": ["BESIDE", "ISLAND"]}, geometry=[beside, island], crs=board.crs)
    found = contiguity(pd.concat([board, more], ignore_index=True))
    assert pairs_of(found) == {("R0C0", "R0C1"), ("R0C1", "R0C2"), ("BESIDE", "R0C0")}
    assert found.component_sizes.tolist() == [4, 1]


def test_one_area_alone():
    alone = contiguity(grid(1, 1))
    assert len(alone) == 1
    assert alone.edges.shape == (0, 2)


def test_heights_in_the_coordinates_are_ignored():
    flat = grid(2, 2)
    tall = flat.copy()
    tall["geometry"] = [
        Polygon([(x, y, 10.0 * i) for x, y in g.exterior.coords]) for i, g in enumerate(flat.geometry, start=1)
    ]
    assert pairs_of(contiguity(tall)) == pairs_of(contiguity(flat))


def test_touching_without_a_common_vertex_is_an_error_and_a_tolerance_finds_it():
    lower = [box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)]
    upper = [box(300, 1000, 700, 2000)]
    parts = gpd.GeoDataFrame({"area": ["A", "B", "ABOVE_A"]}, geometry=lower + upper, crs="EPSG:27700")
    with pytest.raises(GraphError, match=r"1 pairs .*A - ABOVE_A.*tolerance"):
        contiguity(parts)
    with pytest.raises(GraphError, match="rule='queen'"):
        contiguity(parts, rule="rook")
    assert pairs_of(contiguity(parts, tolerance=1)) == {("A", "B"), ("A", "ABOVE_A")}


def test_tolerance_is_in_metres_whatever_the_reference_system():
    gap = gpd.GeoDataFrame(
        {"area": ["A", "B"]},
        geometry=[box(600_000, 250_000, 601_000, 251_000), box(601_003, 250_000, 602_000, 251_000)],
        crs="EPSG:27700",
    )
    for crs in ("EPSG:27700", "EPSG:4326", "EPSG:2228"):
        areas = gap.to_crs("EPSG:4326") if crs == "EPSG:4326" else gap.set_crs(crs, allow_override=True)
        scale = 1200 / 3937 if crs == "EPSG:2228" else 1.0  # EPSG:2228 counts US survey feet
        assert len(contiguity(areas, tolerance=2.9 * scale).edges) == 0
        assert len(contiguity(areas, tolerance=3.1 * scale).edges) == 1


def test_tolerance_needs_a_reference_system():
    with pytest.raises(GraphError, match="reference system"):
        contiguity(grid(1, 2, crs=None), tolerance=2)
    assert len(contiguity(grid(1, 2, crs=None)).edges) == 1


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (None, "1 areas have no geometry \\(R0C1\\)"),
        (Polygon(), "1 areas have no geometry \\(R0C1\\)"),
        (Point(0, 0), "1 areas are no polygon \\(R0C1: Point\\)"),
        (Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "1 areas have geometry that is not valid \\(R0C1: Self-inter"),
    ],
)
def test_geometry_that_cannot_be_used_is_named(geometry, message):
    board = grid(1, 3)
    board["geometry"] = [board.geometry.iloc[0], geometry, board.geometry.iloc[2]]
    with pytest.raises(GraphError, match=message):
        contiguity(board)


def test_codes_twice_blank_or_missing_are_refused():
    board = grid(1, 3)
    for codes, message in (
        (["A", "A", "B"], r"1 codes more than once: \[.A.\].*repair=True"),
        (["A", " ", "B"], r"no code in 1 rows, first rows \[2\]"),
        (["A", None, "B"], r"no code in 1 rows, first rows \[2\]"),
        (["A", "B ", "C"], "blanks around 1 codes"),
    ):
        with pytest.raises(GraphError, match=message):
            contiguity(board.assign(area=codes))
    with pytest.raises(GraphError, match="no rows"):
        contiguity(board.iloc[:0])


def test_option_values_are_checked():
    with pytest.raises(GraphError, match="rule is 'bishop'"):
        contiguity(grid(1, 2), rule="bishop")
    for tolerance in (-1.0, float("nan")):
        with pytest.raises(GraphError, match="tolerance"):
            contiguity(grid(1, 2), tolerance=tolerance)


def test_suffolk_and_north_east_essex_equals_the_published_edges(shared):
    lookup = pd.read_parquet(shared / "data/lookups/lsoa21_sicbl24_icb24.parquet")
    codes = lookup.loc[lookup["icb24_code_nhs"] == "QJG", "lsoa21_code"]
    everywhere = gpd.read_parquet(shared / "data/boundaries/lsoa21_england_simplified.parquet")
    areas = everywhere[everywhere["LSOA21CD"].isin(codes)]
    assert len(areas) == 583
    edges = pd.read_parquet(shared / "data/boundaries/lsoa21_england_adjacency.parquet")
    inside = edges[edges["LSOA21CD_i"].isin(codes) & edges["LSOA21CD_j"].isin(codes)]
    for rule, expected in (("queen", inside), ("rook", inside[inside["rook"]])):
        assert pairs_of(contiguity(areas, rule=rule)) == set(
            expected[["LSOA21CD_i", "LSOA21CD_j"]].itertuples(index=False, name=None)
        )


def test_boundaries_simplified_one_by_one_need_a_tolerance(shared):
    """Colchester as published elsewhere, rounded ring by ring: 274 of the 275 official neighbours and no other."""
    areas = gpd.read_file(shared / "data/boundaries/lsoa11_E07000071.geojson")
    with pytest.raises(GraphError, match="simplified one by one"):
        contiguity(areas)
    edges = pd.read_parquet(shared / "data/boundaries/lsoa11_england_adjacency.parquet")
    inside = edges[["LSOA11CD_i", "LSOA11CD_j"]].isin(areas["LSOA11CD"].tolist()).all(axis=1)
    official = set(edges.loc[inside, ["LSOA11CD_i", "LSOA11CD_j"]].itertuples(index=False, name=None))
    assert len(official) == 275
    near = pairs_of(contiguity(areas, tolerance=2))
    assert near <= official
    assert len(official - near) <= 1


@pytest.mark.slow
def test_england_equals_the_published_graph(shared):
    areas = gpd.read_parquet(shared / "data/boundaries/lsoa21_england_simplified.parquet")
    edge_list = shared / "data/boundaries/lsoa21_england_adjacency.parquet"
    queen = contiguity(areas)
    assert len(queen.edges) == 99_516
    assert len(contiguity(areas, rule="rook").edges) == 97_751
    assert queen.component_sizes.tolist() == [33_654, 89, 11, 1]
    assert (np.bincount(queen.edges.ravel(), minlength=len(queen)) == 0).sum() == 1
    assert np.array_equal(read_adjacency(edge_list, areas=queen.areas).edges, queen.edges)
