"""Maps that say two things at once, hexagons and caterpillars: their data against direct NumPy."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from matplotlib.colors import to_hex

from bayesineq.disclosure.covered import covered
from bayesineq.errors import MeasureError
from bayesineq.report.figures.caterpillar import caterpillar_data, plot_caterpillar
from bayesineq.report.figures.hexagons import hexagons
from bayesineq.report.figures.maps import map_posterior
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.style import MISSING, to_png
from bayesineq.report.figures.tartan import Indicator, plot_tartan, tartan_data
from bayesineq.report.figures.tiers import bivariate_data, map_bivariate, map_certainty, map_tiers, tier_data
from bayesineq.report.tables.numbers import PERCENT


def area_draws(means: list[float], sd: float, codes: list[str] | None = None, n_draw: int = 400) -> xr.DataArray:
    rng = np.random.default_rng(7)
    values = np.asarray(means) + sd * rng.normal(size=(1, n_draw, len(means)))
    names = codes or [f"A{k:02d}" for k in range(len(means))]
    coords = {"area": names, "population": ("area", np.full(len(means), 100.0))}
    return xr.DataArray(values, dims=("chain", "draw", "area"), coords=coords)


def test_hexagons_are_one_an_area_equal_and_apart(squares: gpd.GeoDataFrame) -> None:
    land = outline(squares)
    found = hexagons(land)
    assert found.codes.tolist() == land.codes.tolist()
    areas = shapely.area(found.shapes)
    assert areas == pytest.approx(np.full(30, areas[0]))
    assert areas.sum() == pytest.approx(30e6, rel=0.35)
    assert shapely.area(shapely.union_all(found.shapes)) == pytest.approx(areas.sum(), rel=1e-6)
    middles = shapely.get_coordinates(shapely.centroid(squares.geometry.to_numpy()))
    moved = shapely.get_coordinates(shapely.centroid(found.shapes))
    for axis in (0, 1):
        assert np.corrcoef(middles[:, axis], moved[:, axis])[0, 1] > 0.9


def test_hexagons_match_blocks_of_many_areas_without_losing_any() -> None:
    cells = [shapely.box(x, y, x + 1, y + 1) for x in range(30) for y in range(30)]
    areas = gpd.GeoDataFrame({"area": [f"E{k:04d}" for k in range(900)]}, geometry=cells, crs="EPSG:27700")
    found = hexagons(outline(areas))
    assert len(np.unique(np.round(shapely.get_coordinates(shapely.centroid(found.shapes)), 3), axis=0)) == 900


def test_one_area_is_one_hexagon() -> None:
    one = gpd.GeoDataFrame({"area": ["A"]}, geometry=[shapely.box(0, 0, 10, 10)], crs="EPSG:27700")
    assert len(hexagons(outline(one))) == 1


def test_any_map_can_be_drawn_on_hexagons_and_says_so(squares: gpd.GeoDataFrame) -> None:
    chart = map_posterior(area_draws([0.1] * 28, 0.01), hexagons(outline(squares)))
    assert "Every area is one hexagon" in chart.caption
    assert chart.table["mean"].isna().sum() == 2


def test_tiers_are_settled_only_where_ranks_are(squares: gpd.GeoDataFrame) -> None:
    sure = tier_data(covered(area_draws(list(np.linspace(1.0, 0.0, 10)), 0.001), counts=False))
    assert sure["tier"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert sure["settled"].all()
    blind = tier_data(covered(area_draws([0.5] * 10, 1.0), counts=False))
    assert not blind["settled"].any()
    assert blind["probability"].mean() == pytest.approx(0.2, abs=0.08)
    chart = map_tiers(area_draws([0.5] * 30, 1.0), squares, outcome="smoking")
    assert "30 of 30 have none" in chart.caption
    with pytest.raises(MeasureError, match="3 areas cannot be cut into 5 tiers"):
        tier_data(covered(area_draws([0.1, 0.2, 0.3], 0.1), counts=False))


def test_thirds_of_two_variables_are_paired_by_code(squares: gpd.GeoDataFrame) -> None:
    means = list(np.arange(30.0))
    values = area_draws(means, 1e-6)
    other = pd.Series(means, index=values["area"].to_numpy()).sample(frac=1, random_state=1)
    table = bivariate_data(covered(values, counts=False), other)
    assert (table["outcome_third"] == table["other_third"]).all()
    assert table["outcome_third"].value_counts().tolist() == [10, 10, 10]
    chart = map_bivariate(values, squares, -other, other_name="advantage", outcome="smoking")
    assert "0 areas are in the highest third of both; 10 are high in smoking but low in advantage" in chart.caption
    with pytest.raises(MeasureError, match="1 areas have no second number \\(A29\\)"):
        bivariate_data(covered(values, counts=False), other.drop("A29"))


def test_colour_fades_with_uncertainty(squares: gpd.GeoDataFrame) -> None:
    rng = np.random.default_rng(1)
    spread = np.tile([0.01, 0.05, 0.2], 10)
    draws = xr.DataArray(
        10.0 + spread * rng.normal(size=(1, 2000, 30)),
        dims=("chain", "draw", "area"),
        coords={"area": list(squares["area"])},
    )
    table = map_certainty(draws, squares).table
    assert table["opacity"].tolist() == [1.0, 0.6, 0.25] * 10


def test_missing_areas_stay_hatched_on_every_map(squares: gpd.GeoDataFrame) -> None:
    values = area_draws(list(np.linspace(0.1, 0.4, 28)), 0.05)
    other = pd.Series(1.0 + np.arange(28), index=values["area"].to_numpy())
    for chart in (
        map_tiers(values, squares),
        map_bivariate(values, squares, other, other_name="x"),
        map_certainty(values, squares),
    ):
        body, hatched = chart.figure.axes[0].collections
        assert [to_hex(c) for c in body.get_facecolor()].count(MISSING) == 2
        assert hatched.get_hatch() == "/////"
        assert to_png(chart).startswith(b"\x89PNG")


def test_a_caterpillar_puts_values_and_ranks_side_by_side() -> None:
    values = area_draws([0.1, 0.4, 0.2], 0.001)
    table = caterpillar_data(covered(values), "area")
    assert table["level"].tolist() == ["A01", "A02", "A00"]
    assert table["rank"].tolist() == [1.0, 2.0, 3.0]
    assert table["above"].tolist() == [1.0, 0.0, 0.0]
    assert not plot_caterpillar(values, "area").caption.count("mislead")
    chart = plot_caterpillar(area_draws([0.1] * 40, 0.1), "area", outcome="smoking", unit=PERCENT)
    assert "a league table would mislead" in chart.caption
    assert "lower is better" in chart.figure.axes[0].get_xlabel()


def test_a_rug_turns_with_the_polarity_and_leaves_gaps() -> None:
    values = area_draws([0.1, 0.2, 0.3], 0.001)
    harm = tartan_data({"harm": Indicator(values, PERCENT, "worse")})
    good = tartan_data({"good": Indicator(values, PERCENT, "better")})
    assert harm["verdict"].tolist()[::2] == ["better", "worse"]
    assert good["verdict"].tolist()[::2] == ["worse", "better"]
    both = {"harm": Indicator(values, PERCENT), "few": Indicator(values.isel(area=slice(0, 2)), PERCENT)}
    table = tartan_data(both).set_index(["area", "indicator"])["verdict"]
    assert table[("A02", "few")] == "no estimate"
    assert "no estimate: 1" in plot_tartan(both).alt
    with pytest.raises(MeasureError, match="at most 80 areas; given 81"):
        plot_tartan({"harm": Indicator(area_draws([0.1] * 81, 0.1))})
