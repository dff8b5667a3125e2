"""The simulated map: a plane without gaps or overlaps, and the islands that are promised."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from bayesineq.errors import BayesineqError
from bayesineq.simulate.areas import simulate_areas
from bayesineq.space.contiguity import contiguity


@pytest.fixture(scope="module", params=[(12, 1), (60, 2), (300, 3)], ids=lambda p: f"{p[0]}-areas")
def areas(request):
    n, seed = request.param
    return simulate_areas(n, seed=seed)


def test_cells_cover_the_land_once(areas):
    assert areas.is_valid.all()
    assert set(areas.geom_type) <= {"Polygon", "MultiPolygon"}
    whole = shapely.union_all(areas.geometry.to_numpy())
    assert np.isclose(areas.area.sum(), whole.area, rtol=1e-12)
    first, second = shapely.STRtree(areas.geometry.to_numpy()).query(areas.geometry.to_numpy(), predicate="overlaps")
    assert len(first) == len(second) == 0
    holes = [ring for part in shapely.get_parts(whole) for ring in part.interiors]
    assert holes == []


def test_mainland_island_and_one_area_of_two_islets(areas):
    n = len(areas)
    on_island = max(3, round(0.03 * n))
    for rule in ("queen", "rook"):
        adjacency = contiguity(areas, rule=rule)
        assert adjacency.component_sizes.tolist() == [n - on_island - 1, on_island, 1]
    alone = areas[contiguity(areas).component == 2]
    assert alone.geom_type.tolist() == ["MultiPolygon"]
    assert alone["coastal"].all()


def test_codes_are_of_no_real_area(areas, shared):
    assert areas["area"].is_unique
    assert areas["name"].is_unique
    assert areas["area"].str.fullmatch(r"E019\d{5}").all()
    both = pd.read_parquet(shared / "data/lookups/lsoa11_lsoa21_lad22.parquet")
    real = pd.unique(both[[c for c in both.columns if "lsoa" in c and "code" in c]].to_numpy().ravel())
    assert len(real) > 33_000
    assert not areas["area"].isin(real).any()


def test_rank_one_and_decile_one_are_the_most_deprived(areas):
    n = len(areas)
    assert sorted(areas["imd_rank"]) == list(range(1, n + 1))
    by_rank = areas.sort_values("imd_rank")
    assert by_rank["imd_score"].is_monotonic_decreasing
    assert by_rank["imd_decile"].is_monotonic_increasing
    sizes = areas["imd_decile"].value_counts()
    assert sizes.index.isin(range(1, 11)).all()
    assert sizes.max() - sizes.min() <= 1


def test_national_deciles_are_those_of_the_official_scores(areas, shared):
    official = pd.read_csv(shared / "data/imd/File_7_IoD2025_reassembled.csv.gz")
    score, _, decile = (next(c for c in official.columns if "IMD" in c and w in c) for w in ("Score", "Rank", "Decile"))
    lowest = official.groupby(decile)[score].min().sort_index()
    expected = [int(lowest.index[lowest <= s].min()) if (lowest <= s).any() else 10 for s in areas["imd_score"]]
    near_a_cut = np.abs(areas["imd_score"].to_numpy()[:, None] - lowest.to_numpy()).min(axis=1) < 0.001
    assert (areas["imd_decile_national"].to_numpy()[~near_a_cut] == np.array(expected)[~near_a_cut]).all()


def test_deprivation_clusters():
    """Moran's I of the normal scores against its mean and variance under randomisation (Cliff and Ord 1981)."""
    areas = simulate_areas(300, seed=11)
    adjacency = contiguity(areas)
    z = areas["imd_score"].rank().to_numpy()
    z = (z - z.mean()) / z.std()
    n, m = len(z), len(adjacency.edges)
    moran = n * 2 * (z[adjacency.edges[:, 0]] * z[adjacency.edges[:, 1]]).sum() / (2 * m) / (z**2).sum()
    degree = np.bincount(adjacency.edges.ravel(), minlength=n)
    s0, s1, s2 = 2 * m, 4 * m, 4 * (degree**2).sum()
    variance = (n**2 * s1 - n * s2 + 3 * s0**2) / ((n**2 - 1) * s0**2) - 1 / (n - 1) ** 2
    assert (moran + 1 / (n - 1)) / np.sqrt(variance) > 5


def test_same_seed_same_map_and_another_seed_another():
    assert_geodataframe_equal(simulate_areas(30, seed=5), simulate_areas(30, seed=5))
    assert not simulate_areas(30, seed=5).geometry.equals(simulate_areas(30, seed=6).geometry)


def test_too_few_areas_or_residents_are_refused():
    with pytest.raises(BayesineqError, match="11 areas were asked for"):
        simulate_areas(11, seed=1)
    with pytest.raises(BayesineqError, match="residents is 0"):
        simulate_areas(12, seed=1, residents=0)


@pytest.mark.slow
def test_a_system_does_not_hang_on_the_order_of_hashes():
    code = (
        "import hashlib; from bayesineq.simulate.system import simulate_system; s = simulate_system(20, 2000, seed=4);"
        "text = s.people.to_csv() + s.areas.to_wkt().to_csv() + s.truth['access'].by_area.to_csv();"
        "import sys; sys.stdout.write(hashlib.sha256(text.encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": value},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for value in ("1", "77")
    }
    assert len(found) == 1
    assert len(found.pop()) == 64
