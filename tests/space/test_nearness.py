"""Maps whose areas nearly touch: refused, and mended by the tolerance that the error names; true gaps stay."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import MultiPolygon, Polygon, box, transform
from shapely.affinity import translate

from bayesineq.errors import GraphError
from bayesineq.space.contiguity import contiguity
from bayesineq.space.nearness import tolerance_for

GRID = "EPSG:27700"
QUEEN = 42
"""Pairs of a chessboard of four by four: 24 by side, 18 by corner."""


def board(shapes, crs=GRID) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"area": [f"A{k:02d}" for k in range(len(shapes))]}, geometry=list(shapes), crs=crs)


def squares(width: float, size: float = 1000.0) -> list[Polygon]:
    at = [(i, j) for i in range(4) for j in range(4)]
    east, north = 500_000, 200_000
    return [
        box(east + i * size, north + j * size, east + (i + width) * size, north + (j + width) * size) for i, j in at
    ]


def shifted(east: float, north: float) -> list[Polygon]:
    return [translate(s, east, north) if k >= 8 else s for k, s in enumerate(squares(1.0))]


def rounded(digits: int) -> list[Polygon]:
    """Every vertex rounded by itself, each area on a raster of its own."""
    rng = np.random.default_rng(4)
    out = []
    for s in squares(1.0):
        away = rng.uniform(-0.5, 0.5, 2) * 10.0**-digits
        out.append(Polygon(np.round(np.asarray(s.exterior.coords) + away, digits) - away))
    return out


CASES = {
    "1 m squares, 1 mm apart": squares(0.999, 1.0),
    "1 m squares, 1 cm apart": squares(0.99, 1.0),
    "10 km squares, 10 m apart": squares(0.999, 10_000.0),
    "1 km squares, 30 m apart": squares(0.97),
    "half shifted by 1 mm": shifted(0.001, 0.0),
    "half shifted back by 1 mm": shifted(-0.001, 0.0),
    "half shifted along": shifted(0.0, 0.001),
    "half shifted askew": shifted(0.5, -0.5),
    "overlapping by 1 m": squares(1.001),
    "rounded one by one": rounded(0),
}


def remedy(areas: gpd.GeoDataFrame, **options) -> float:
    with pytest.raises(GraphError, match=r"pass tolerance=") as caught:
        contiguity(areas, **options)
    found = re.search(r"pass tolerance=([0-9.e-]+) \(metres\)", str(caught.value))
    assert found
    return float(found[1])


@pytest.mark.parametrize("shapes", CASES.values(), ids=CASES)
def test_lost_neighbours_are_refused_and_the_remedy_finds_all(shapes):
    areas = board(shapes)
    assert len(contiguity(areas, tolerance=remedy(areas)).edges) == QUEEN
    assert len(contiguity(areas, tolerance=remedy(areas, rule="rook")).edges) == QUEEN


def test_degrees_are_measured_in_metres():
    areas = board(shifted(0.5, 0.0)).to_crs("EPSG:4326")
    assert len(contiguity(areas, tolerance=remedy(areas)).edges) == QUEEN
    assert len(contiguity(board(squares(1.0)).to_crs("EPSG:4326")).edges) == QUEEN


def test_a_tolerance_too_small_is_refused_with_one_that_works():
    areas = board(squares(0.999, 1.0))
    assert remedy(areas, tolerance=0.0005) == 0.002
    assert len(contiguity(areas, tolerance=0.002).edges) == QUEEN


def test_without_a_reference_system_the_remedy_names_it():
    areas = board(squares(0.999), crs=None)
    with pytest.raises(GraphError, match=r"state the reference system \(areas.set_crs\('EPSG:27700'\)\)"):
        contiguity(areas)


def test_a_sliver_between_two_of_many_neighbours_is_seen():
    shapes = squares(1.0)
    shapes[5] = Polygon(
        np.where(np.asarray(shapes[5].exterior.coords) == 502_000.0, 501_999.0, shapes[5].exterior.coords)
    )
    areas = board(shapes)
    assert len(contiguity(areas, tolerance=remedy(areas)).edges) == QUEEN


@pytest.mark.parametrize(
    "shapes",
    [
        [translate(s, 100.0 * (k >= 8), 0.0) for k, s in enumerate(squares(1.0))],  # a river of 100 m, as the Clyde
        [translate(s, 15.0 * (k >= 8), 0.0) for k, s in enumerate(squares(1.0))],  # and one of 15 m
        squares(0.9),  # islands of an archipelago
        [*squares(1.0)[:3], MultiPolygon([squares(1.0)[9], translate(squares(1.0)[9], 5000, 0)])],
    ],
    ids=["river", "narrow river", "archipelago", "pieces"],
)
def test_true_gaps_stay(shapes):
    found = contiguity(board(shapes))
    assert len(found.component_sizes) > 1


def test_corners_that_come_near_are_no_neighbours():
    # Two junctions 1 m apart: A and D see each other across the short side that B and C share.
    a, d = box(0, 0, 1000, 1000), Polygon([(1000, 1001), (2000, 1001), (2000, 2000), (1000, 2000)])
    b = Polygon([(1000, 0), (2000, 0), (2000, 1001), (1000, 1001), (1000, 1000)])
    c = Polygon([(0, 1000), (1000, 1000), (1000, 1001), (1000, 2000), (0, 2000)])
    found = contiguity(board([a, b, c, d]))
    assert len(found.edges) == 5
    assert [0, 3] not in found.edges.tolist()


def test_a_round_tolerance_covers_corners():
    for gap in (0.001, 0.0067, 0.34, 1.0, 3.4, 12.0):
        assert np.sqrt(2) * gap < tolerance_for(gap) < 4.0 * gap


def test_the_map_in_words():
    words = contiguity(board([*squares(1.0)[:8], translate(squares(1.0)[0], 50_000, 0)])).words
    assert words == (
        "9 areas, 16 pairs of neighbours; the map falls into 2 components (8, 1 areas), "
        "1 of them a single area without neighbours (islands)"
    )
    assert contiguity(board(squares(1.0))).words == "16 areas, 42 pairs of neighbours; the map is one component"


def suffolk(shared):
    """Suffolk and North East Essex in metres, and which areas lie in its east."""
    lookup = pd.read_parquet(shared / "data/lookups/lsoa21_sicbl24_icb24.parquet")
    codes = lookup.loc[lookup["icb24_code_nhs"] == "QJG", "lsoa21_code"]
    everywhere = gpd.read_parquet(shared / "data/boundaries/lsoa21_england_simplified.parquet")
    areas = everywhere[everywhere["LSOA21CD"].isin(codes)].reset_index(drop=True).to_crs(GRID)
    east = areas.geometry.centroid.x
    return areas, (east > east.median()).to_numpy()


def pairs_of(adjacency) -> set[tuple[str, str]]:
    return {tuple(sorted(p)) for p in adjacency.areas[adjacency.edges].tolist()}


CHANGES = {
    "half shifted by 1 mm": (lambda s, east: translate(s, 0.001 * east, 0.0), 0, 0),
    "half shifted back by 1 m": (lambda s, east: translate(s, -1.0 * east, 0.0), 0, 0),
    "half rounded to 1 m": (lambda s, east: transform(s, np.round) if east else s, 0, 0),
    "slivers of 1 m": (lambda s, east: s.buffer(-0.5), 5, 0),
    "simplified one by one to 5 m": (lambda s, east: s.simplify(5.0), 0, 0),
    "simplified one by one to 20 m": (lambda s, east: s.simplify(20.0), 1, 6),
}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "lost", "false"), CHANGES.values(), ids=CHANGES)
def test_583_real_areas_get_their_neighbours_back(shared, change, lost, false):
    """Against the official neighbours of the same areas; points of contact at acute corners may stay lost."""
    areas, east = suffolk(shared)
    official = pairs_of(contiguity(areas))
    areas["geometry"] = [change(s, e) for s, e in zip(areas.geometry, east, strict=True)]
    found = contiguity(areas, tolerance=remedy(areas))
    assert len(official - pairs_of(found)) <= lost
    assert len(pairs_of(found) - official) <= false
    assert found.component_sizes.tolist() == [583]
