"""Files of boundaries and of edges: as published, and broken in the ways that files break."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Polygon, box, force_3d

from bayesineq.errors import GraphError
from bayesineq.space.areas import code_column, read_areas, repair_areas
from bayesineq.space.contiguity import contiguity, read_adjacency


@pytest.fixture
def squares() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"LSOA21CD": ["E01000001", "E01000002", "E01000003"], "LSOA21NM": ["x", "y", "z"]},
        geometry=[box(i, 0, i + 1, 1) for i in range(3)],
        crs="EPSG:27700",
    )


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet", ".shp"])
def test_areas_come_back_from_each_format_with_codes_first(squares, tmp_path, suffix):
    path = tmp_path / f"areas{suffix}"
    if suffix == ".parquet":
        squares.to_parquet(path)
    elif suffix == ".geojson":
        squares.to_crs("EPSG:4326").to_file(path)
    else:
        squares.to_file(path)
    areas = read_areas(path)
    assert areas.columns[0] == "area"
    assert areas["area"].tolist() == squares["LSOA21CD"].tolist()
    assert set(squares.columns) <= set(areas.columns)
    assert len(contiguity(areas).edges) == 2


def test_a_surface_called_area_is_not_the_code(squares, tmp_path):
    path = tmp_path / "areas.gpkg"
    squares.assign(area=[1.0, 2.0, 3.0]).to_file(path)
    areas = read_areas(path)
    assert areas["area"].tolist() == squares["LSOA21CD"].tolist()
    assert areas["area_as_read"].tolist() == [1.0, 2.0, 3.0]


def test_columns_of_codes_are_told_by_name(squares):
    assert code_column(squares) == "LSOA21CD"
    assert code_column(squares.rename(columns={"LSOA21CD": "lsoa21_code"})) == "lsoa21_code"
    assert code_column(squares.assign(LAD24CD="E07000071")) == "LSOA21CD"
    assert code_column(squares.assign(area=["a", "b", "c"])) == "area"
    with pytest.raises(GraphError, match=r"several columns .*'LSOA21CD', 'OA21CD'"):
        code_column(squares.assign(OA21CD=["a", "b", "c"]))
    with pytest.raises(GraphError, match=r"candidates: \['LSOA21NM', 'town'\]"):
        code_column(squares.rename(columns={"LSOA21CD": "town"})[["LSOA21NM", "town"]])
    with pytest.raises(GraphError, match="no column 'OA'"):
        code_column(squares, "OA")


def test_file_without_reference_system_asks_for_one(shared):
    path = shared / "data/classic/london_32_boroughs_LDNSuicides.zip"
    with pytest.raises(GraphError, match=r'London|london.*crs="EPSG:27700"'):
        read_areas(path, code="NAME")
    areas = read_areas(path, code="NAME", crs="EPSG:27700")
    assert len(areas) == 32


def test_a_name_like_a_code_that_repeats_is_passed_over(shared):
    """In this file AREA_CODE holds the kind of area, the same in every row, and CODE the code."""
    areas = read_areas(shared / "data/classic/london_32_boroughs_LDNSuicides.zip", crs="EPSG:27700")
    assert areas["area"].tolist() == areas["CODE"].tolist()
    assert len(set(areas["AREA_CODE"])) == 1


def test_codes_that_repeat_are_an_error_and_not_another_column(squares):
    twice = squares.assign(LSOA21CD=["E01000001", "E01000001", "E01000003"])
    with pytest.raises(GraphError, match=r"'LSOA21CD' has 1 codes more than once"):
        contiguity(twice)


def test_a_file_of_several_layers_asks_for_one(squares, tmp_path):
    path = tmp_path / "areas.gpkg"
    squares.to_file(path, layer="lsoa")
    squares.to_file(path, layer="msoa")
    with pytest.raises(GraphError, match=r"several layers \['lsoa', 'msoa'\]"):
        read_areas(path)


def test_a_reference_system_against_the_file_is_refused(squares, tmp_path):
    path = tmp_path / "areas.gpkg"
    squares.to_file(path)
    with pytest.raises(GraphError, match="EPSG:27700"):
        read_areas(path, crs="EPSG:4326")
    assert len(read_areas(path, crs="EPSG:27700")) == 3


def test_unreadable_boundaries(squares, tmp_path):
    with pytest.raises(GraphError, match="no file"):
        read_areas(tmp_path / "absent.gpkg")
    whole = tmp_path / "whole.parquet"
    squares.to_parquet(whole)
    truncated = tmp_path / "truncated.parquet"
    truncated.write_bytes(whole.read_bytes()[:-200])
    garbled = tmp_path / "garbled.geojson"
    garbled.write_text('{"type": "FeatureCollection", "features": [{')
    plain = tmp_path / "plain.parquet"
    pd.DataFrame({"area": ["a"]}).to_parquet(plain)
    table = tmp_path / "table.csv"
    table.write_text("area,value\nE01000001,1\n")
    for path in (truncated, garbled, plain, table):
        with pytest.raises(GraphError, match=path.name):
            read_areas(path)


def test_the_shared_edge_list_reads_as_it_is(shared):
    adjacency = read_adjacency(shared / "data/boundaries/msoa21_england_adjacency.parquet")
    assert len(adjacency.edges) == 19_636
    assert adjacency.component_sizes.tolist() == [6_834, 18, 3]  # the isolate has no edge to be named by


def write(tmp_path, text: str):
    path = tmp_path / "edges.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_islands_are_those_of_the_areas_given(tmp_path):
    path = write(tmp_path, "i,j\nA,B\nB,A\nB,C\n")
    assert read_adjacency(path).areas.tolist() == ["A", "B", "C"]
    adjacency = read_adjacency(path, areas=["D", "C", "B", "A"])
    assert adjacency.areas.tolist() == ["D", "C", "B", "A"]
    assert adjacency.component_sizes.tolist() == [3, 1]
    assert np.array_equal(adjacency.edges, [[1, 2], [2, 3]])


@pytest.mark.parametrize(
    "header",
    ["from,to,weight", "LSOA21CD_i,LSOA21CD_j,shared_m", "focal,neighbor,weight", "codeA,codeB,length", "a1,a2,km"],
)
def test_pairs_are_told_among_other_columns(tmp_path, header):
    adjacency = read_adjacency(write(tmp_path, f"\ufeff{header}\nA,B,1.5\nB,C,2\n"))
    assert adjacency.areas.tolist() == ["A", "B", "C"]
    assert len(adjacency.edges) == 2


def test_numbers_serve_as_codes_in_a_file_of_two_columns(tmp_path):
    assert read_adjacency(write(tmp_path, "node1,node2\n1,2\n2,10\n")).areas.tolist() == ["1", "10", "2"]
    path = tmp_path / "edges.parquet"
    pd.DataFrame({"node1": [1, 2], "node2": [2, 10]}).to_parquet(path)
    assert read_adjacency(path).areas.tolist() == ["1", "10", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("i,j\nA,B\nB,X\n", "row 2: B - X"),
        ("i,j\nA,B\nC,C\n", "row 2: C"),
        ("i,j\nA,B\nC,\n", r"1 rows lack an area code, first rows \[2\]"),
        ("i,j\nA,B\nC\n", r"1 rows lack an area code, first rows \[2\]"),
        ("town,county,name\nA,B,C\nD,E,F\n", "columns="),
        ("i\nA\n", "columns="),
        ('i,j\n"A,B\n', "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_broken_edge_lists_are_named(tmp_path, text, message):
    with pytest.raises(GraphError, match=message) as raised:
        read_adjacency(write(tmp_path, text), areas=["A", "B", "C"])
    assert "edges.csv" in str(raised.value)


def test_edge_lists_missing_empty_truncated_or_without_the_column(tmp_path):
    with pytest.raises(GraphError, match="no file"):
        read_adjacency(tmp_path / "absent.csv")
    empty = write(tmp_path, "i,j\n")
    with pytest.raises(GraphError, match="no rows"):
        read_adjacency(empty)
    assert read_adjacency(empty, areas=["A", "B"]).component_sizes.tolist() == [1, 1]
    with pytest.raises(GraphError, match=r"no column \['k'\]"):
        read_adjacency(empty, columns=("i", "k"))
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"i": ["A"], "j": ["B"]}).to_parquet(whole)
    truncated = tmp_path / "truncated.parquet"
    truncated.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(GraphError, match=r"truncated\.parquet"):
        read_adjacency(truncated)
    gaps = tmp_path / "gaps.parquet"
    pd.DataFrame({"i": [1.0, np.nan], "j": [2.0, 3.0]}).to_parquet(gaps)
    with pytest.raises(GraphError, match="fractions or gaps"):
        read_adjacency(gaps)


def test_what_is_repaired_is_listed_and_the_rest_is_left(squares, tmp_path):
    bow = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    spike = Polygon([(1, 0), (2, 0), (2, 1), (2, 3), (2, 1), (1, 1)])
    wrong = squares.set_geometry([bow, spike, squares.geometry[2]], crs=squares.crs)
    wrong.to_file(tmp_path / "areas.gpkg")
    with pytest.raises(GraphError, match=r"2 areas have geometry that is not valid .*repair=True"):
        read_areas(tmp_path / "areas.gpkg")
    areas = read_areas(tmp_path / "areas.gpkg", repair=True)
    changes = pd.DataFrame(areas.attrs["repaired"]).set_index("area")
    assert changes["what"].tolist() == ["Self-intersection", "Self-intersection"]
    assert areas.is_valid.all()
    assert areas.geometry[1].area == pytest.approx(1.0)
    assert changes.loc["E01000002", "surface_change"] == pytest.approx(0.0)
    assert areas.geometry[2].equals(squares.geometry[2])


def test_pieces_of_an_area_in_several_rows_are_joined_and_heights_taken_off(squares):
    pieces = squares.assign(LSOA21CD=["E01000001", "E01000001", "E01000003"], n=[1, 2, 3])
    pieces = pieces.set_geometry(force_3d(pieces.geometry.to_numpy(), 5.0), crs=squares.crs)
    areas, changes = repair_areas(pieces)
    assert areas["LSOA21CD"].tolist() == ["E01000001", "E01000003"]
    assert areas.geometry.area.tolist() == [2.0, 1.0]
    assert not areas.has_z.any()
    assert changes["what"].value_counts().to_dict() == {"heights taken off": 3, "2 rows joined into one": 1}


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_file_without_reference_system_is_told_what_its_coordinates_look_like(squares, tmp_path):
    squares.set_crs(None, allow_override=True).to_file(tmp_path / "areas.shp")
    with pytest.raises(GraphError, match="looks like longitude and latitude"):
        read_areas(tmp_path / "areas.shp")
    squares.scale(1000, 1000, origin=(0, 0)).set_crs(None, allow_override=True).to_frame("geometry").assign(
        LSOA21CD=squares["LSOA21CD"]
    ).to_file(tmp_path / "grid.shp")
    with pytest.raises(GraphError, match="looks like British National Grid"):
        read_areas(tmp_path / "grid.shp")


def test_a_topology_is_read_with_the_reference_system_that_it_states(shared):
    areas = read_areas(shared / "data/boundaries/lsoa11_E07000202.topojson")
    plain = read_areas(shared / "data/boundaries/lsoa11_E07000202.geojson")
    assert set(areas["area"]) == set(plain["area"])
    assert areas.crs.is_geographic
