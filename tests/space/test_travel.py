"""Ways to the nearest service: against closed forms and all pairs, one by one; and input that is not what it says."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.cli import main
from bayesineq.errors import SchemaError
from bayesineq.practices.travelling import travel_by_deprivation
from bayesineq.space.travel import RADIUS_KM, nearest_by_matrix, nearest_by_road, nearest_straight

RNG = np.random.default_rng(3)


def points(key: str, n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    where = {"latitude": rng.uniform(51.5, 53.0, n), "longitude": rng.uniform(-1.0, 1.5, n)}
    return pd.DataFrame({key: [f"{key[0]}{i:03}" for i in range(n)]} | where)


def haversine(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Sinnott's formula, every pair: shape (n_a, n_b)."""
    one, other = (np.radians(t[["latitude", "longitude"]].to_numpy()) for t in (a, b))
    apart = one[:, None] - other[None]
    root = (
        np.sin(apart[..., 0] / 2) ** 2
        + np.cos(one[:, None, 0]) * np.cos(other[None, :, 0]) * np.sin(apart[..., 1] / 2) ** 2
    )
    return 2 * RADIUS_KM * np.arcsin(np.sqrt(root))


def test_straight_ways_are_the_least_of_all_great_circles() -> None:
    areas, services = points("area", 60, 1), points("service", 9, 2)
    every = haversine(areas, services)
    found = nearest_straight(areas, services)
    assert found["km"].to_numpy() == pytest.approx(every.min(axis=1), rel=1e-9)
    assert found["service"].tolist() == services["service"].iloc[every.argmin(axis=1)].tolist()
    assert "as the crow flies" in found.attrs["notes"][0]


def test_metres_of_the_national_grid_are_the_same_places() -> None:
    """Trig pillar of the Ordnance Survey's guide to coordinate systems, OSGB36: 651,409.9 E 313,177.3 N."""
    areas = pd.DataFrame({"area": ["Caister"], "easting": [651409.903], "northing": [313177.270]})
    there = pd.DataFrame({"service": ["Caister"], "latitude": [52.657976], "longitude": [1.716073]})
    # Its latitude on the ellipsoid of today: within the 5 m of the transformation.
    assert nearest_straight(areas, there)["km"].iloc[0] < 0.01


def grid(side: int, minutes: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Streets of a square grid about 1.1 by 0.7 km, all of one length in time."""
    names = [(i, j) for i in range(side) for j in range(side)]
    nodes = pd.DataFrame({"node": [f"{i},{j}" for i, j in names]})
    nodes["latitude"] = [52 + 0.01 * i for i, _ in names]
    nodes["longitude"] = [1 + 0.01 * j for _, j in names]
    lines = [[f"{i},{j}" for j in range(side)] for i in range(side)] + [
        [f"{i},{j}" for i in range(side)] for j in range(side)
    ]
    ends = [pair for line in lines for pair in pairwise(line)]
    return nodes, pd.DataFrame(ends, columns=["from", "to"]).assign(minutes=minutes)


def at(nodes: pd.DataFrame, key: str, names: list[str]) -> pd.DataFrame:
    return nodes.set_index("node").loc[names].reset_index().rename(columns={"node": key})


def test_ways_along_a_grid_are_its_blocks() -> None:
    """From (i, j) to the nearest of two corners: the sum of rows and columns between, times two minutes."""
    nodes, roads = grid(6, 2.0)
    areas, services = at(nodes, "area", ["0,0", "3,4", "5,0", "2,2"]), at(nodes, "service", ["5,5", "0,1"])
    found = nearest_by_road(areas, services, roads, nodes)
    assert found["minutes"].tolist() == [2.0, 6.0, 10.0, 6.0]
    assert found["service"].tolist()[:2] == ["0,1", "5,5"]
    assert found["to_road_km"].tolist() == pytest.approx([0.0] * 4, abs=1e-9)


def test_the_shortest_of_parallel_roads_counts_and_one_way_streets_are_followed() -> None:
    nodes, roads = grid(3, 2.0)
    twin = roads.iloc[[0]].assign(minutes=1.0)
    areas, services = at(nodes, "area", ["0,0", "0,1"]), at(nodes, "service", ["0,1"])
    assert nearest_by_road(areas, services, pd.concat([roads, twin]), nodes)["minutes"].tolist() == [1.0, 0.0]
    at_once = pd.concat([roads, twin.assign(minutes=0.0)])
    assert nearest_by_road(areas, services, at_once, nodes)["minutes"].tolist() == [0.0, 0.0]
    line = pd.DataFrame({"from": ["0,1", "0,0", "1,0", "1,1"], "to": ["0,0", "1,0", "1,1", "0,1"], "minutes": 2.0})
    found = nearest_by_road(areas, services, line.assign(one_way=True), nodes)
    # Into 0,1 one comes only round the block, since the street from it to 0,0 is one-way.
    assert found["minutes"].tolist() == [6.0, 0.0]


def test_an_area_that_no_road_leads_from_is_kept_and_named() -> None:
    nodes, roads = grid(3, 2.0)
    cut = roads[~roads[["from", "to"]].isin(["2,2"]).any(axis=1)]
    found = nearest_by_road(at(nodes, "area", ["0,0", "2,2"]), at(nodes, "service", ["1,1"]), cut, nodes)
    assert found["minutes"].isna().tolist() == [False, True]
    assert found.attrs["notes"][-1] == "no way leads from 1 areas to a service: 2,2"
    only = at(nodes, "area", ["2,2"])
    with pytest.raises(SchemaError, match="No road leads from any area to a service"):
        nearest_by_road(only, at(nodes, "service", ["1,1"]), cut, nodes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"minutes": 120.0}, "at 0.4 km an hour or less: are they minutes"),
        ({"minutes": -1.0}, "12 roads have no length or time, or a negative one"),
        ({"to": "9,9"}, "12 roads end at no node"),
    ],
)
def test_roads_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    nodes, roads = grid(3, 2.0)
    places = at(nodes, "area", ["0,0"]), at(nodes, "service", ["1,1"])
    with pytest.raises(SchemaError, match=words):
        nearest_by_road(*places, roads.assign(**change), nodes)
    with pytest.raises(SchemaError, match="shorter than the straight line"):
        nearest_by_road(*places, roads.drop(columns="minutes").assign(metres=1.0), nodes)
    with pytest.raises(SchemaError, match="has minutes and km of these"):
        nearest_by_road(*places, roads.assign(km=1.0), nodes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"latitude": [0.1], "longitude": [52.0]}, "latitude and longitude are swapped"),
        ({"latitude": [651409.0], "longitude": [313177.0]}, "are no degrees: name metres easting and northing"),
        ({"latitude": [np.nan], "longitude": [1.0]}, "1 have no position, such as a"),
        ({"easting": [52.0], "northing": [1.0]}, "easting and northing are degrees"),
        ({"easting": [313177.0], "northing": [-651409.0]}, "outside the British National Grid"),
        ({"x": [1.0]}, "Places need the columns `area`"),
    ],
)
def test_positions_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        nearest_straight(pd.DataFrame({"area": ["a"]} | change), points("service", 2, 1))


def test_a_matrix_is_read_in_its_unit_and_its_faults_are_said_at_once() -> None:
    times = pd.DataFrame(
        {"area": ["a", "a", "b", "c"], "service": ["X", "Y", "X", "X"], "seconds": [900, 600, 60, None]}
    )
    found = nearest_by_matrix(times)
    assert found["minutes"].tolist()[:2] == [10.0, 1.0]
    assert found.attrs["notes"][-1] == "no way leads from 1 areas to a service: c"
    wrong = (
        pd.concat([times, times.iloc[[0]]])
        .rename(columns={"seconds": "minutes"})
        .assign(minutes=[900, -1, 900, "x", 900])
    )
    with pytest.raises(SchemaError) as caught:
        nearest_by_matrix(wrong)
    for words in (
        "1 times are negative",
        "1 times are no numbers, such as 'x'",
        "1 pairs of area and service stand twice",
    ):
        assert words in str(caught.value)
    with pytest.raises(SchemaError, match="more than 900 minutes away: if they are seconds"):
        nearest_by_matrix(times.iloc[[0]].rename(columns={"seconds": "minutes"}))


def test_the_slope_by_deprivation_is_that_of_the_formula_and_has_an_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Minutes that fall by 8 from the most to the least deprived rank, beside noise between authorities."""
    rng = np.random.default_rng(4)
    n = 400
    rank = rng.permutation(n) + 1
    areas = pd.DataFrame(
        {"area": [f"E0100{i:04}" for i in range(n)], "imd_rank": rank, "imd_decile": 1 + 10 * (rank - 1) // n}
    )
    areas["residents"], areas["lad"] = 1500, [f"E0600{i % 20:04}" for i in range(n)]
    minutes = 20 - 8 * (rank - 0.5) / n + rng.normal(0, 1, 20)[np.arange(n) % 20]
    times = areas[["area"]].assign(service="X", minutes=minutes)
    areas.to_csv(tmp_path / "areas.csv", index=False)
    times.to_csv(tmp_path / "times.csv", index=False)
    command = ["travel", "--areas", "areas.csv", "--matrix", "times.csv", "--out", "out"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bayesineq", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "those of the matrix that was given" in capsys.readouterr().err
    table = pd.read_csv("out/by_deprivation.csv").set_index("group")
    slope = table.loc["slope"]
    assert slope["mean"] == pytest.approx(np.polyfit((rank - 0.5) / n, minutes, 1)[0], abs=0.01)
    assert slope["lower"] < slope["mean"] < slope["upper"]
    assert -9.0 < slope["lower"] < slope["upper"] < -7.0
    first = minutes[areas["imd_decile"] <= 2]
    assert table.loc["1", "mean"] == pytest.approx(first.mean(), abs=1e-3)
    with pytest.raises(SchemaError, match="1 areas have no deprivation or residents, such as E01000399"):
        travel_by_deprivation(nearest_by_matrix(times), areas.iloc[:-1])


def test_straight_ways_to_stroke_units_go_with_the_minutes_that_are_published(shared: Path) -> None:
    """Published minutes by road to acute stroke units; the ranks of straight ways to the same agree closely."""
    published = pd.read_parquet(shared / "data/health/travel_time_nearest_acute_stroke_unit_lsoa11.parquet")
    times = published.rename(columns={"LSOA11CD": "area", "nearest_stroke_unit_postcode": "service"})
    found = nearest_by_matrix(times[["area", "service", "minutes"]])
    assert found["minutes"].to_numpy() == pytest.approx(published["minutes"].to_numpy())
    deprivation = pd.read_csv(shared / "data/imd/File_7_IoD2019_reassembled.csv.gz")
    areas = pd.DataFrame({"area": deprivation["LSOA code (2011)"], "lad": deprivation.iloc[:, 2]})
    areas["imd_rank"] = deprivation.filter(like="(IMD) Rank").iloc[:, 0]
    areas["imd_decile"] = deprivation.filter(like="(IMD) Decile").iloc[:, 0]
    areas["residents"] = deprivation.filter(like="Total population").iloc[:, 0]
    table = travel_by_deprivation(found, areas, draws=20, seed=1).set_index("group")
    # The most deprived live in towns, nearer to hospitals.
    assert table.loc["1", "mean"] < table.loc["5", "mean"]
    assert table.loc["slope", "lower"] > 0.0
