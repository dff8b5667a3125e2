"""A comparison of plans as a board reads it: sections, files, and what of them is withheld."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import box

from bayesineq.decisions.distributional import aversion_grid, impact_plane
from bayesineq.decisions.plans import ALLOCATION, PlanOptions, compare_plans
from bayesineq.decisions.read_plans import read_plans
from bayesineq.decisions.released import shown_tables
from bayesineq.disclosure.audit import AUDIT
from bayesineq.disclosure.rule import Rule
from bayesineq.disclosure.suppression import hide_beside
from bayesineq.report.page.plans import plan_sections, write_comparison
from bayesineq.shipped import folder

QALE = {1: 65.0, 2: 67.8, 3: 70.6, 4: 73.3, 5: 76.1}


@pytest.fixture(scope="module")
def world() -> SimpleNamespace:
    rng = np.random.default_rng(3)
    decile, groups = np.repeat(np.arange(1, 11), 3), ["A", "H", "M"]
    risk = np.clip(0.25 - 0.015 * decile[:, np.newaxis] + rng.normal(0, 0.01, (1, 200, 30, 3)), 0.01, 0.9)
    people = rng.integers(60, 300, (30, 3)).astype(float)
    people[:, 2] = 1.0
    codes = [f"E010{k:05d}" for k in range(30)]
    baseline = xr.DataArray(
        risk,
        dims=("chain", "draw", "area", "ethnicity"),
        coords={
            "area": codes,
            "ethnicity": groups,
            "imd_decile": ("area", decile),
            "population": (("area", "ethnicity"), people),
        },
        attrs={"outcome": "admissions"},
    )
    plans = read_plans(folder("models") / "plans" / "diabetes.toml")
    compared = compare_plans(
        plans, baseline, budget=60_000, threshold=20_000, seed=1, options=PlanOptions(decide_by=["area"], top=0.2)
    )
    squares = [box(k % 6, k // 6, k % 6 + 1, k // 6 + 1) for k in range(30)]
    areas = gpd.GeoDataFrame({"area": codes}, geometry=squares, crs="EPSG:27700")
    return SimpleNamespace(compared=compared, areas=areas)


def test_sections_hold_what_a_board_must_see(world) -> None:
    health = world.compared.net_health
    everyone = dict.fromkeys(QALE, 10_000.0)
    plane = impact_plane(health, by="imd_quintile", health=QALE, people=everyone, aversion=3.5)
    grid = aversion_grid(
        health, by="imd_quintile", health=QALE, people=everyone, aversions=[0.0, 3.5], intervention=ALLOCATION
    )
    net = world.compared.tables["distribution"]
    whole = net[(net["intervention"] == ALLOCATION) & (net["imd_quintile"] == "all")]["net_health_benefit"].item()
    assert grid["mean"][0] == pytest.approx(whole)
    chosen, given, shared = plan_sections(world.compared, areas=world.areas, plane=plane, aversions=grid)
    words = " ".join(str(said) for part in (chosen, given, shared) for said in part.statements)
    assert "At 20,000 pounds" in words
    assert "belong to the 20% of areas" in words
    assert "no data here can test" in words
    tables = {table.caption: table for part in (chosen, given, shared) for table in part.tables}
    sources = tables["The plans, and where their numbers come from"]
    assert all("doi:" in row[-1] for row in sources.rows)
    # thresholds and aversion stand on the figures themselves
    charts = [chart for part in (chosen, given, shared) for chart in part.charts]
    told = [chart for chart in charts if "£20,000" in chart.caption]
    assert len(told) == 3
    assert any("aversion 3.5 (Atkinson), £20,000 a QALY" in chart.title for chart in charts)
    assert len(given.charts) == 2
    assert any("places to need" in name.casefold() for table in tables.values() for name in table.header)


def test_small_counts_are_withheld_with_what_would_give_them_back(world) -> None:
    table = shown_tables(world.compared)["shares_ethnicity"].set_index("ethnicity")
    # thirty people of group M, of whom one or two would be treated
    assert table.loc["M", "people"] == 30
    gone = ["treated", "treated_share", "spend", "spend_share", "benefit", "benefit_share", "treated_to_need"]
    assert table.loc["M", gone].isna().all()
    # one row alone would be the total less the others, so the next smallest goes too
    assert table["treated"].isna().sum() == 2
    alike = shown_tables(world.compared, Rule(40, 5))["strata_ethnicity"].set_index("ethnicity")["net_benefit"]
    assert alike.isna().tolist() == [False, False, True]
    raw = world.compared.tables["shares_ethnicity"]
    assert raw["treated"].notna().all()
    allocation = shown_tables(world.compared)["allocation"]
    assert (allocation["treated"].dropna() % 5 == 0).all()
    small = world.compared.tables["allocation"]["treated"] <= 7
    assert allocation.loc[small, ["treated", "spend", "benefit"]].isna().all().all()
    everything = shown_tables(world.compared, Rule(0, 1))["allocation"]
    assert everything["treated"].notna().all()
    printed = plan_sections(world.compared, areas=world.areas)[2].tables
    ethnic = next(table for table in printed if "ethnic group" in table.caption)
    assert ethnic.rows[-1][2:] == ("*",) * 6


def test_a_second_row_goes_with_one_hide_beside() -> None:
    hidden = np.array([True, False, False, False])
    assert hide_beside(hidden, [3.0, 0.0, 9.0, 8.0]).tolist() == [True, False, False, True]
    two = np.array([True, True, False])
    assert hide_beside(two, [3.0, 2.0, 9.0]).tolist() == two.tolist()
    assert not hide_beside(np.zeros(3, dtype=bool), [9.0, 9.0, 9.0]).any()


def test_files_are_written_and_stale_tables_removed(world, tmp_path) -> None:
    audit = pd.DataFrame(columns=list(AUDIT))
    (tmp_path / "mine.csv").write_text("kept")
    written = write_comparison(world.compared, tmp_path, audit)
    names = {path.name for path in written}
    assert {"options.csv", "words.txt", "acceptability.svg", "frontier.svg", "study.csv", "rules.csv"} <= names
    assert pd.read_csv(tmp_path / "options.csv")["p_best"].sum() == pytest.approx(1.0)
    assert (tmp_path / "strata_ethnicity.csv").exists()
    assert (tmp_path / "mine.csv").read_text() == "kept"
    plain = world.compared.benefit.baseline.isel(area=slice(0, 12)).drop_vars(["imd_decile", "imd_quintile"])
    calls = [plan for plan in world.compared.plans if plan.name == "continuous glucose monitoring"]
    flat = [type(calls[0])("call", calls[0].effect, calls[0].cost, qaly_per_event=calls[0].qaly_per_event)]
    write_comparison(compare_plans(flat, plain, budget=5_000, threshold=500_000, seed=1), tmp_path, audit)
    assert not (tmp_path / "strata_ethnicity.csv").exists()
    assert not (tmp_path / "slope.csv").exists()
    assert not (tmp_path / "frontier.svg").exists()
