"""What `check` says of a file, and from a published file to a report with the commands that it names."""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Polygon, box

import bayesineq as bi
from bayesineq.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def registers(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    lists = rng.integers(3_000, 12_000, 30)
    rows = {
        "PRACTICE_CODE": [f"D83{k:03}" for k in range(30)],
        "GROUP_CODE": "DM",
        "REGISTER": rng.binomial(lists, 0.07),
    }
    table = pd.DataFrame(rows).assign(PATIENT_LIST_TYPE="17OV", PRACTICE_LIST_SIZE=lists)
    table.to_csv(folder / "PREVALENCE_2324.csv", index=False)
    return folder / "PREVALENCE_2324.csv"


def indicators(folder: Path) -> Path:
    """Rates of 30 authorities with limits, and of England."""
    rng = np.random.default_rng(2)
    value = np.append(np.exp(rng.normal(5.8, 0.15, 30)), 330.0)
    area = [*(f"E07000{k}" for k in range(200, 230)), "E92000001"]
    rows = {"Indicator ID": 40501, "Indicator Name": "Mortality", "Area Code": area, "Area Name": area}
    table = pd.DataFrame(rows).assign(**{"Area Type": "Districts & UAs", "Sex": "Persons", "Age": "<75 yrs"})
    table = table.assign(**{"Time period": "2022", "Value": value})
    table = table.assign(**{"Lower CI 95.0 limit": value * 0.9, "Upper CI 95.0 limit": value / 0.9, "Value note": ""})
    table.to_csv(folder / "indicators.csv", index=False)
    return folder / "indicators.csv"


def test_a_file_is_named_described_and_written(tmp_path: Path, monkeypatch, capsys) -> None:
    path, tidy = indicators(tmp_path), tmp_path / "tidy.csv"
    assert run(monkeypatch, "check", path, "--csv", tidy, "--choose", "level=authority") == 0
    said = capsys.readouterr().out
    assert f"{path}: Fingertips public health indicators" in said
    assert "30 rows of authority level (England); 1 more beside" in said
    assert "Next:" in said
    assert len(pd.read_csv(tidy)) == 30


def test_what_cannot_be_chosen_or_written_is_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    path = indicators(tmp_path)
    assert run(monkeypatch, "check", path, "--choose", "level") == 2
    assert "names no value: write it with an equals sign, such as level=authority" in capsys.readouterr().err
    assert run(monkeypatch, "check", path, "--choose", "level=ward") == 2
    assert "No row has level 'ward'; there are 'authority', 'nation'" in capsys.readouterr().err
    before = path.read_bytes()
    assert run(monkeypatch, "check", path, "--csv", path) == 2
    assert path.read_bytes() == before


def test_boundaries_are_said_and_repaired_with_what_changed(tmp_path: Path, monkeypatch, capsys) -> None:
    shapes = [Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), box(1, 0, 2, 1)]
    path, mended = tmp_path / "areas.gpkg", tmp_path / "mended.parquet"
    gpd.GeoDataFrame({"LAD24CD": ["E07000202", "E07000203"]}, geometry=shapes, crs=27700).to_file(path)
    assert run(monkeypatch, "check", path) == 2
    assert "not valid" in capsys.readouterr().err
    assert run(monkeypatch, "check", path, "--repaired", mended) == 0
    said = capsys.readouterr().out
    assert "boundaries of 2 areas (OSGB36 / British National Grid)" in said
    assert "Repaired: 1 change: E07000202: Self-intersection" in said
    assert bi.read_areas(mended)["area"].tolist() == ["E07000202", "E07000203"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("published", "said"),
    [
        (registers, ["--area", "practice", "--count", "register", "--denominator", "list_size"]),
        (indicators, ["--area", "area", "--rate", "value", "--lower", "lower_95", "--upper", "upper_95"]),
    ],
    ids=["practices", "authorities"],
)
def test_from_a_published_file_to_a_report(published, said, tmp_path: Path, monkeypatch, capsys) -> None:
    path, tidy, study = published(tmp_path), tmp_path / "tidy.csv", tmp_path / "study"
    assert run(monkeypatch, "check", path, "--csv", tidy) == 0
    assert run(monkeypatch, "start", tidy, "--out", study, *said, "--more-is", "worse") == 0
    card, mapping, fitted, report = (study / name for name in ("card.toml", "mapping.toml", "fit.nc", "report.html"))
    options = ["--seed", 1, "--draws", 400, "--no-progress", "--out", fitted]
    assert run(monkeypatch, "fit", card, "--table", mapping, *options) == 0
    assert run(monkeypatch, "report", fitted, "--out", report) == 0
    capsys.readouterr()
    assert "<html" in report.read_text(encoding="utf-8")


NATIONS = {
    "Scotland": ("S01{:06}", lambda codes, n: {"Data_Zone": codes, "SIMD2020v2_Rank": range(1, n + 1)}),
    "Wales": ("W01{:06}", lambda codes, n: {"LSOA code": codes, "WIMD 2019 overall rank": range(1, n + 1)}),
    "United States": (
        "01{:03}",
        lambda codes, n: {"FIPS": codes, "E_TOTPOP": 1000, "RPL_THEMES": np.linspace(1.0, 0.0, n)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("nation", NATIONS)
def test_the_study_in_twelve_lines_for_another_nation(nation: str, tmp_path: Path) -> None:
    """Codes of the nation, its index as its publisher gives it, and the lines of the README."""
    form, published = NATIONS[nation]
    world = bi.simulate_system(n_areas=24, n_people=20_000, seed=1)
    order = world.area_counts.groupby("area")["imd_decile"].first().sort_values(kind="stable").index
    codes = {area: form.format(k) for k, area in enumerate(order, start=1)}
    pd.DataFrame(published(list(codes.values()), len(order))).to_csv(tmp_path / "index.csv", index=False)
    index = bi.tables.read_deprivation(tmp_path / "index.csv").set_index("area")["imd_decile"]
    table = world.area_counts.assign(area=world.area_counts["area"].map(codes))
    table["imd_decile"] = table["area"].map(index)
    counts = bi.check(table, "area_counts")
    areas = world.areas.assign(area=world.areas["area"].map(codes))
    study = bi.design(counts, bi.read_card("prevalence"), adjacency=bi.contiguity(areas))
    post = bi.fit(study, seed=1, draws=300)
    decile = bi.adjusted(post, by="imd_decile")
    slope = bi.summarise(bi.over_draws(bi.sii, decile, dim="imd_decile"))
    assert float(slope["mean"].iloc[0]) < 0.0, "less in the least deprived, as planted"
    assert len(bi.inequality(post, by="ethnicity"))
    bi.write_report(post, areas, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 10_000
