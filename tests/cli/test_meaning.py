"""What has the right form and another meaning is refused, asked about, or said in the report's data quality."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.dims import ASKED
from bayesineq.errors import GraphError, SchemaError
from bayesineq.report.page.content import gather
from bayesineq.report.page.heading import ReportOptions
from tests.cli.test_bad_input import area_health

AREAS = [f"E0190{k:04d}" for k in range(6)]


def counts() -> pd.DataFrame:
    rows = bi.example().table
    return rows[rows["area"].isin(AREAS)].reset_index(drop=True)


def with_level(column: str, level: str, of: str | None = None) -> pd.DataFrame:
    """The table with a further level: a copy of one of its levels, or the sum of all."""
    table = counts()
    if of is not None:
        return pd.concat([table, table[table[column] == of].assign(**{column: level})], ignore_index=True)
    keys = [c for c in ("area", "imd_decile", "ethnicity", "age_band", "sex") if c != column]
    whole = table.groupby(keys, as_index=False)[["cases", "population"]].sum().assign(**{column: level})
    if column == "area":
        whole = whole.groupby(["ethnicity", "age_band", "sex", "area"], as_index=False)[["cases", "population"]].sum()
        whole["imd_decile"] = 1
    return pd.concat([table, whole], ignore_index=True)


def scored(column: str, values: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    table = counts()
    return table.assign(**{column: values(table["imd_decile"])})


WRITTEN_TWICE = ["ASIAN", "Asian", "a\u200bsian", "asian\u00ad", "\uff41sian", "as\ufeffian"]
TOTALS = ["All", "all groups", "TOTAL", "Total population", "All ethnic groups", "Persons", "Everyone"]
REFUSED = {
    **{f"{name!a} beside asian": (lambda n=name: with_level("ethnicity", n, "asian"), ["two ways", "asian"])
       for name in WRITTEN_TWICE},
    **{f"{name} beside its groups": (lambda n=name: with_level("ethnicity", n), ["a total among its parts", name])
       for name in TOTALS},
    "a sum by another name": (lambda: with_level("ethnicity", "Borset"), ["every count is the sum", "Borset"]),
    "a country beside its areas": (lambda: with_level("area", "E92000001"), ["E92000001", "kind of area"]),
    "England by name beside its areas": (lambda: with_level("area", "England"), ["a total", "England"]),
    "a board that adds its areas up": (lambda: with_level("area", "my whole board"), ["my whole board"]),
    "bands that overlap": (lambda: with_level("age_band", "45-54", "40-49"), ["overlap", "'40-49' and '45-54'"]),
    "a band of all ages": (lambda: with_level("age_band", "0+"), ["overlap", "counts everybody twice"]),
    "a band within another": (lambda: with_level("age_band", "72-74", "70-79"), ["overlap", "'70-79' and '72-74'"]),
    "a band backwards": (lambda: counts().replace({"age_band": {"40-49": "49-40"}}), ["backwards", "49-40"]),
    "a code in small letters": (
        lambda: counts().replace({"area": {AREAS[0]: "e01900000"}}), ["e01900000", "otherwise"],
    ),
    "a code with a sign nobody sees": (
        lambda: counts().replace({"area": {AREAS[0]: "E0190\u200b0000"}}), ["otherwise"],
    ),
    "deciles against the score": (lambda: scored("imd_score", lambda d: d * 7.5), ["run against 'imd_score'"]),
    "deciles against the rank": (lambda: scored("imd_rank", lambda d: 33_000 - 3_000 * d), ["run against 'imd_rank'"]),
    "fifths beside ranks": (
        lambda: scored("imd_rank", lambda d: 5_000 * d).assign(imd_decile=lambda t: t["imd_decile"].clip(upper=5)),
        ["they are fifths"],
    ),
    "a count of 1e18": (lambda: counts().assign(population=10**18), ["too large a number"]),
    "one count of 1e13": (lambda: counts().assign(population=[10**13, *counts()["population"][1:]]), ["too large"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_means_another_thing_is_refused(name: str) -> None:
    change, says = REFUSED[name]
    with pytest.raises(SchemaError) as refused:
        bi.check(change(), "area_counts")
    for part in says:
        assert part in str(refused.value)


RIGHT = {
    "other groups": lambda: with_level("ethnicity", "Any other ethnic group", "asian"),
    "all other groups": lambda: with_level("ethnicity", "all other", "asian"),
    "one level named all": lambda: counts()[lambda t: t["ethnicity"] == "asian"].assign(ethnicity="all"),
    "bands with a gap": lambda: with_level("age_band", "85+", "70-79"),
    "bands of other widths": lambda: with_level("age_band", "0-39", "70-79"),
    "deciles that agree with the score": lambda: scored("imd_score", lambda d: 80 - 7.5 * d),
    "deciles that agree with the rank": lambda: scored("imd_rank", lambda d: 3_000 * d - 5),
    "groups as large as each other": lambda: counts().assign(population=1_000, cases=10),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_table_that_means_what_it_says_is_taken(name: str) -> None:
    table = RIGHT[name]()
    assert len(bi.check(table, "area_counts")) == len(table)


def test_areas_of_two_years_that_look_alike_are_refused() -> None:
    table = area_health()
    for old in ("E01000010", "E01004667"):
        with pytest.raises(SchemaError, match=f"vintage 2011.*{old}"):
            bi.check(table.assign(area=["E01000001", old, "E01033769", "E01033770"]), "area_health")


def fitted(table: pd.DataFrame):
    study = bi.design(table, bi.read_card("prevalence"), adjacency=bi.example().adjacency)
    return bi.fit(study, draws=40, seed=1, progress=False)


def test_what_may_be_meant_is_asked_about_and_said_in_the_data_quality() -> None:
    """People in thousands leave cases above them, or rates that the card does not hold plausible."""
    rows = counts()
    thousands = rows.assign(population=np.maximum(rows["population"] // 1_000, 1), cases=1)
    post = fitted(thousands.assign(imd_decile=lambda t: t["area"].str[-1].astype(int) % 5 + 1))
    asked = [note for note in post.attrs["notes"].splitlines() if note.startswith(ASKED)]
    assert len(asked) == 2
    assert "lies above what the card holds plausible (0.001 to 0.6)" in asked[0]
    assert "not thousands" in asked[0]
    assert "'imd_decile' holds 1 to 5 and nothing above" in asked[1]
    quality = gather(post, None, ReportOptions(disclosure=bi.Rule(0, 1))).quality
    said = [value for item, value in quality.rows if item == ASKED.strip()]
    assert said == [note.removeprefix(ASKED) for note in asked]
    assert ASKED not in str(fitted(rows).attrs.get("notes"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        ([], "neighbours for 0 of the 6"),
        ([(AREAS[0], AREAS[1])], "neighbours for 2 of the 6"),
        ([("E01000001", "E01000002")], "an area that is not among the 6"),
        ([(a.lower(), b.lower()) for a, b in pairwise(AREAS)], "an area that is not among"),
    ],
)
def test_neighbours_of_other_areas_or_of_few_are_refused(edges, says: str, tmp_path: Path, monkeypatch, capsys) -> None:
    counts().to_csv(tmp_path / "t.csv", index=False)
    pd.DataFrame(edges, columns=["a", "b"]).to_csv(tmp_path / "e.csv", index=False)
    given = ["--table", tmp_path / "t.csv", "--adjacency", tmp_path / "e.csv", "--out", tmp_path / "p.nc"]
    assert run(monkeypatch, "fit", "prevalence", *given) == 2
    assert says in capsys.readouterr().err


def degrees() -> gpd.GeoDataFrame:
    return bi.example().areas.to_crs(4326)


def moved(areas: gpd.GeoDataFrame, change: Callable[[np.ndarray], np.ndarray]) -> gpd.GeoDataFrame:
    return areas.set_geometry(shapely.transform(areas.geometry.to_numpy(), change), crs=areas.crs)


MAPS = {
    "swapped": (lambda: moved(degrees(), lambda at: at[:, ::-1]), "longitude and latitude are swapped"),
    "swapped far in the east": (
        lambda: moved(degrees(), lambda at: (at + np.array([150, 0]))[:, ::-1]),
        "are no degrees.*longitude and latitude are swapped",
    ),
    "a grid declared as degrees": (
        lambda: bi.example().areas.set_crs(4326, allow_override=True),
        "are no degrees.*metres of a grid",
    ),
    "degrees declared as a grid": (
        lambda: degrees().set_crs(27700, allow_override=True),
        "look like degrees",
    ),
    "British codes elsewhere": (lambda: moved(degrees(), lambda at: at + np.array([100, 0])), "of the United Kingdom"),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_in_the_wrong_place_is_refused(name: str, tmp_path: Path) -> None:
    areas, says = MAPS[name]
    areas().to_file(tmp_path / "map.gpkg")
    with pytest.raises(GraphError, match=says):
        bi.read_areas(tmp_path / "map.gpkg")


def test_maps_in_the_right_place_are_read(tmp_path: Path) -> None:
    for name, areas in {"degrees": degrees(), "grid": bi.example().areas, "web": degrees().to_crs(3857)}.items():
        areas.to_file(tmp_path / f"{name}.gpkg")
        assert len(bi.read_areas(tmp_path / f"{name}.gpkg")) == len(areas)
