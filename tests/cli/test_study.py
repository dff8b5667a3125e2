"""A study on the command line, from tables to report, as the README tells it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.cli import main

PLANS = """
[[intervention]]
name = "outreach"
source = "made up for the test"
cost = 10
effect = { measure = "risk ratio", value = 0.8, lower = 0.7, upper = 0.9 }
reach = 1.0
uptake = 0.5
"""


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """Sixty simulated areas, their health falling with deprivation, as files."""
    folder = tmp_path_factory.mktemp("study")
    system = bi.simulate_system(n_areas=60, n_people=30_000, seed=3)
    people, rng = system.people, np.random.default_rng(3)
    areas = people.groupby("area").agg(imd_decile=("imd_decile", "first"), residents=("age", "size")).reset_index()
    shares = {name: rng.uniform(0.0, 0.2, len(areas)) for name in ("asian", "black", "mixed", "other")}
    table = areas.assign(**shares, aged_65_and_over=rng.uniform(0.1, 0.3, len(areas)))
    table["bad_health"] = rng.binomial(table["residents"], 0.10 - 0.007 * table["imd_decile"])
    table.to_csv(folder / "table.csv", index=False)
    system.areas.to_parquet(folder / "areas.parquet")
    return folder, table


def test_from_tables_to_report(world, monkeypatch, capsys) -> None:
    folder, table = world
    posterior, report = folder / "posterior.nc", folder / "report.html"
    files = ["--table", folder / "table.csv", "--areas", folder / "areas.parquet"]
    run(monkeypatch, "fit", "area_health", *files, "--seed", 1, "--draws", 500, "--no-progress", "--out", posterior)
    said = capsys.readouterr().out
    assert "60 rows" in said
    assert "Map: 60 areas, 149 pairs of neighbours; the map falls into" in said

    run(monkeypatch, "summary", posterior, "--csv", folder / "parameters.csv")
    parameters = pd.read_csv(folder / "parameters.csv").set_index("parameter")
    assert list(parameters.columns) == ["mean", "sd", "median", "lower", "upper"]
    assert {"intercept", "asian", "deprivation[1]", "place.sigma", "place.phi"} <= set(parameters.index)
    assert parameters.index[parameters.index.str.startswith("place[")].size == len(table)

    run(monkeypatch, "measure", posterior, "--by", "imd_decile", "--csv", folder / "measures.csv")
    measures = pd.read_csv(folder / "measures.csv").set_index("parameter")
    # The planted rate falls by 0.007 a decile; areas are few, so deciles hold unequal numbers of people.
    crude = table.groupby("imd_decile")[["bad_health", "residents"]].sum().pipe(lambda t: t.bad_health / t.residents)
    fitted = measures.loc[[f"imd_decile[{d}]" for d in crude.index], "mean"].to_numpy()
    assert np.abs(fitted - crude.to_numpy()).max() < 0.005
    assert measures.loc["sii", "upper"] < 0
    assert measures.loc["rii", "upper"] < 1

    run(monkeypatch, "report", posterior, "--areas", folder / "areas.parquet", "--out", report)
    page = report.read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "most deprived" in page
    assert "Map: 60 areas, 149 pairs of neighbours; the map falls into" in page

    lookup = pd.DataFrame({"LSOA21CD": table["area"], "LAD22NM": np.where(np.arange(len(table)) < 40, "East", "West")})
    lookup.to_csv(folder / "lookup.csv", index=False)
    parts = ["--lookup", folder / "lookup.csv", "--parts", "LAD22NM"]
    run(monkeypatch, "report", posterior, "--areas", folder / "areas.parquet", *parts, "--out", report)
    page = report.read_text(encoding="utf-8")
    assert '<option value="0">all 2 parts</option>' in page
    assert '<option value="2">West</option>' in page

    plans, tables = folder / "plans.toml", folder / "compared"
    plans.write_text(PLANS)
    run(monkeypatch, "compare", plans, "--posterior", posterior, "--budget", 50_000, "--out", tables, "--seed", 1)
    assert "50,000 pounds" in capsys.readouterr().out
    options = pd.read_csv(tables / "options.csv")
    assert "outreach" in set(options.astype(str).to_numpy().ravel())


def test_the_manual_of_measures_names_them_all(monkeypatch, capsys) -> None:
    from bayesineq.measures.registry import MEASURES

    run(monkeypatch, "measures")
    manual = capsys.readouterr().out
    missing = [name for name in MEASURES if f"`{name}`" not in manual]
    assert not missing
