"""Maps: data keyed by code, missing areas hatched, unknown ones refused; oracle: direct NumPy on the draws."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from shapely.geometry import MultiPolygon, Point, Polygon, box

from bayesineq.disclosure.covered import covered
from bayesineq.errors import GraphError, MeasureError
from bayesineq.report.figures.areas import area_table, fixed_classes, quantile_classes
from bayesineq.report.figures.hexagons import hexagons
from bayesineq.report.figures.maps import map_posterior, paint
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.style import EXCEEDANCE, MISSING, SEQUENTIAL, new_figure, to_png, to_svg
from bayesineq.report.figures.towns import insets, written
from bayesineq.report.tables.numbers import PERCENT


def draws_of(codes: list[str], means: list[float], people: list[float] | None = None, sd: float = 0.01) -> xr.DataArray:
    rng = np.random.default_rng(5)
    values = np.asarray(means) + sd * rng.normal(size=(2, 100, len(codes)))
    coords: dict[str, object] = {"area": codes}
    if people is not None:
        coords["population"] = ("area", people)
    return xr.DataArray(values, dims=("chain", "draw", "area"), coords=coords)


def test_summaries_equal_direct_ones() -> None:
    values = draws_of(["A", "B"], [0.1, 0.3], [300.0, 100.0])
    flat = values.to_numpy().reshape(-1, 2)
    table = area_table(covered(values))
    assert table["mean"].to_numpy() == pytest.approx(flat.mean(axis=0))
    assert table["lower"].to_numpy() == pytest.approx(np.quantile(flat, 0.025, axis=0))
    assert table["width"].to_numpy() == pytest.approx(
        np.quantile(flat, 0.975, axis=0) - np.quantile(flat, 0.025, axis=0)
    )
    average = flat @ [0.75, 0.25]
    assert table["exceedance"].to_numpy() == pytest.approx((flat > average[:, None]).mean(axis=0))
    fixed = area_table(covered(values), threshold=0.1)
    assert fixed["exceedance"].to_numpy() == pytest.approx((flat > 0.1).mean(axis=0))


def test_areas_are_found_by_code_whatever_their_order(squares: gpd.GeoDataFrame) -> None:
    codes = list(squares["area"])
    means = dict(zip(codes, np.linspace(0.05, 0.4, len(codes)), strict=True))
    order = np.random.default_rng(3).permutation(codes)
    chart = map_posterior(
        draws_of(list(order), [means[c] for c in order], sd=0.0), squares.sample(frac=1, random_state=4)
    )
    drawn = chart.table.set_index("area")["mean"]
    for code in codes:
        assert drawn[code] == pytest.approx(means[code])
    shuffled = squares.sample(frac=1, random_state=4)
    colours = chart.figure.axes[0].collections[0].get_facecolor()
    darkest = [to_hex(c) for c in colours].index(SEQUENTIAL[-1])
    assert means[shuffled["area"].iloc[darkest]] >= np.quantile(list(means.values()), 0.8)


def test_an_area_without_values_is_hatched_and_said(squares: gpd.GeoDataFrame) -> None:
    codes = list(squares["area"])[:-2]
    chart = map_posterior(draws_of(codes, [0.1] * len(codes)), squares, outcome="smoking", unit=PERCENT)
    body, hatched = chart.figure.axes[0].collections
    assert [to_hex(c) for c in body.get_facecolor()].count(MISSING) == 2
    assert hatched.get_hatch() == "/////"
    assert len(hatched.get_paths()) == 2
    assert "28 areas with an estimate, 2 without (hatched)" in chart.caption
    assert "no estimate: 2 areas" in chart.alt
    assert chart.table["mean"].isna().sum() == 2


def test_an_unknown_code_is_an_error(squares: gpd.GeoDataFrame) -> None:
    with pytest.raises(GraphError, match=r"1 of 2 areas have values but no boundary \(E09\)"):
        map_posterior(draws_of(["A01", "E09"], [0.1, 0.2]), squares)


def test_all_values_equal_make_one_class(squares: gpd.GeoDataFrame) -> None:
    codes = list(squares["area"])
    chart = map_posterior(draws_of(codes, [0.25] * len(codes), sd=0.0), squares, unit=PERCENT)
    legend = chart.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["25.0%"]
    assert "25.0%: 30 areas" in chart.alt


def test_a_single_area_is_a_map() -> None:
    one = gpd.GeoDataFrame({"area": ["A"]}, geometry=[box(0, 0, 10, 1000)], crs="EPSG:27700")
    for statistic in ("mean", "width", "exceedance"):
        chart = map_posterior(draws_of(["A"], [0.2]), one, statistic=statistic)
        assert len(chart.table) == 1
        assert to_png(chart).startswith(b"\x89PNG")


def test_missing_draws_hide_an_area_and_half_missing_ones_are_refused(squares: gpd.GeoDataFrame) -> None:
    values = draws_of(["A00", "A01"], [0.1, 0.2])
    values[:, :, 0] = np.nan
    table = area_table(covered(values))
    assert table.loc["A00"].isna().all()
    assert table.loc["A01", "mean"] == pytest.approx(0.2, abs=0.01)
    values[0, 0, 0] = 0.1
    with pytest.raises(MeasureError, match=r"1 areas have some draws that are missing or infinite \(A00\)"):
        map_posterior(values, squares)


def test_repeated_codes_and_missing_dimensions_are_refused(squares: gpd.GeoDataFrame) -> None:
    with pytest.raises(MeasureError, match="more than once: \\['A00'\\]"):
        map_posterior(draws_of(["A00", "A00"], [0.1, 0.2]), squares)
    with pytest.raises(MeasureError, match="needs draws with the dimensions"):
        map_posterior(draws_of(["A00"], [0.1]).isel(chain=0), squares)
    with pytest.raises(MeasureError, match="statistic='median' is not known"):
        map_posterior(draws_of(["A00"], [0.1]), squares, statistic="median")


def test_exceedance_has_fixed_classes(squares: gpd.GeoDataFrame) -> None:
    values = draws_of(list(squares["area"]), [0.1] * 15 + [0.3] * 15, sd=0.001)
    chart = map_posterior(values, squares, statistic="exceedance", outcome="smoking")
    assert "below (0 to 5%): 15 areas; rather below (5 to 20%): 0 areas" in chart.alt
    assert "above (95 to 100%): 15 areas" in chart.alt
    assert chart.title == "Probability that smoking is above the average of all areas"
    one = map_posterior(values, squares, statistic="exceedance", threshold=0.2, outcome="smoking", unit=PERCENT)
    assert one.title == "Probability that smoking is above 20.0%"


def test_classes_hold_equally_many_and_cover_all() -> None:
    values = np.append(np.arange(100.0), np.nan)
    classes = quantile_classes(values, 5)
    assert np.bincount(classes.member[:-1]).tolist() == [20] * 5
    assert classes.member[-1] == -1
    assert quantile_classes(np.array([1.0, 1.0, 1.0, 2.0]), 5).member.max() <= 1
    assert fixed_classes(np.array([0.0, 0.05, 1.0]), np.array([0.0, 0.05, 1.0])).member.tolist() == [0, 1, 1]


def test_holes_stay_open_and_parts_together() -> None:
    ring = Polygon(box(0, 0, 30, 30).exterior.coords, [box(10, 10, 20, 20).exterior.coords])
    pair = MultiPolygon([box(40, 0, 50, 10), box(60, 0, 70, 10)])
    areas = gpd.GeoDataFrame({"area": ["ring", "pair"]}, geometry=[ring, pair], crs="EPSG:27700")
    figure = new_figure(2, 2)
    axes = figure.add_subplot()
    paint(axes, outline(areas), ["#ff0000", "#0000ff"], np.zeros(2, dtype=bool))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())

    def colour(x: float, y: float) -> str:
        column, row = axes.transData.transform((x, y))
        return to_hex(pixels[pixels.shape[0] - int(row), int(column)] / 255)

    seen = {at: colour(*at) for at in ((5, 5), (15, 15), (45, 5), (55, 5), (65, 5))}
    assert seen == {
        (5, 5): "#ff0000",
        (15, 15): "#ffffff",
        (45, 5): "#0000ff",
        (55, 5): "#ffffff",
        (65, 5): "#0000ff",
    }


def test_boundaries_that_cannot_be_drawn_are_refused(squares: gpd.GeoDataFrame) -> None:
    bare = squares.set_crs(None, allow_override=True)
    with pytest.raises(GraphError, match="no coordinate reference system"):
        outline(bare)
    gone = squares.copy()
    gone.loc[3, "geometry"] = None
    with pytest.raises(GraphError, match=r"1 areas have no geometry \(A03\)"):
        outline(gone)
    points = squares.copy()
    points.loc[2, "geometry"] = Point(0, 0)
    with pytest.raises(GraphError, match=r"1 areas are no polygon \(A02: Point\)"):
        outline(points)


def test_mixed_reference_systems_are_refused(squares: gpd.GeoDataFrame) -> None:
    placed = squares.set_geometry(squares.translate(400_000, 300_000))
    degrees = placed.to_crs("EPSG:4326")
    mixed = pd.concat([placed.iloc[:28], degrees.iloc[28:].set_crs("EPSG:27700", allow_override=True)])
    with pytest.raises(GraphError, match=r"2 areas have coordinates that do not belong to EPSG:27700 \(A28, A29\)"):
        outline(mixed)
    other = pd.concat([degrees.iloc[:28], placed.iloc[28:].set_crs("EPSG:4326", allow_override=True)])
    with pytest.raises(GraphError, match=r"2 areas have coordinates that do not belong to EPSG:4326"):
        outline(other)


def test_degrees_are_projected_before_drawing(squares: gpd.GeoDataFrame) -> None:
    placed = squares.set_geometry(squares.translate(400_000, 300_000))
    shapes = outline(placed.to_crs("EPSG:4326"))
    assert shapes.bounds == pytest.approx((400_000, 300_000, 406_000, 305_000), abs=5)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a, "b" & c', "Ynys Môn", "القاهرة", "$x^2$"])
def test_any_name_can_be_drawn_and_stays_text(squares: gpd.GeoDataFrame, name: str) -> None:
    chart = map_posterior(draws_of(["A00", "A01"], [0.1, 0.2]), squares, outcome=name)
    assert name in chart.alt
    drawing = to_svg(chart).decode("utf-8")
    assert "<script" not in drawing
    assert "http://www.w3.org" in drawing
    assert drawing.count("http") == drawing.count("http://www.w3.org")


def test_a_drawing_is_reproducible(squares: gpd.GeoDataFrame) -> None:
    values = draws_of(["A00", "A01"], [0.1, 0.2])
    assert to_svg(map_posterior(values, squares)) == to_svg(map_posterior(values, squares))


def test_orange_is_the_worse_side_whichever_way_an_outcome_counts(squares: gpd.GeoDataFrame) -> None:
    values = draws_of(list(squares["area"]), [0.1] * 15 + [0.3] * 15, sd=0.001)
    for more_is, worst in (("worse", 15), ("better", 0)):
        chart = map_posterior(values, squares, statistic="exceedance", more_is=more_is)
        drawn = [to_hex(colour) for colour in chart.figure.axes[0].collections[0].get_facecolor()]
        assert drawn[worst] == EXCEEDANCE[-1]
        assert drawn[15 - worst] == EXCEEDANCE[0]


def test_a_town_of_small_areas_is_named_and_drawn_again_larger() -> None:
    """Forty small areas of a town among large ones around it: too small to be seen, and named by what they share."""
    town = [
        box(5000 + 60 * (k % 8), 5000 + 60 * (k // 8), 5060 + 60 * (k % 8), 5060 + 60 * (k // 8)) for k in range(40)
    ]
    land = [box(x, y, x + 2500, y + 2500) for x in (0, 2500, 7500, 10000) for y in (0, 2500, 5000, 7500)]
    names = [f"Town {k:03d}A" for k in range(40)] + [f"Dale {k:03d}B" for k in range(16)]
    codes = [f"E{k:02d}" for k in range(56)]
    areas = gpd.GeoDataFrame({"area": codes, "name": names}, geometry=[*town, *land], crs="EPSG:27700")
    shapes = outline(areas)
    assert [place.name for place in insets(shapes)] == ["Town"]
    assert {place.name for place in written(shapes)} == {"Town", "Dale"}
    chart = map_posterior(draws_of(codes, list(np.linspace(0.1, 0.3, 56))), areas)
    drawn, inset = chart.figure.axes[0], chart.figure.axes[1]
    assert inset.get_title() == "Town"
    whole, larger = ([to_hex(c) for c in axes.collections[0].get_facecolor()] for axes in (drawn, inset))
    assert larger[:40] == whole[:40]
    assert 40 <= len(larger) < 50
    assert not insets(hexagons(shapes))
    assert not insets(outline(areas.drop(columns="name")))
