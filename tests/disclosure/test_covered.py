"""The way into a figure: draws that have not passed the rule go nowhere, and those that have tell nothing withheld."""

from __future__ import annotations

import sys

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import box

from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.covered import Covered, covered
from bayesineq.disclosure.released import released
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError
from bayesineq.examples import example
from bayesineq.report.figures.areas import area_table
from bayesineq.report.figures.caterpillar import plot_caterpillar
from bayesineq.report.figures.curves import plot_concentration, plot_equiplot, plot_trend
from bayesineq.report.figures.draws import to_draw
from bayesineq.report.figures.forest import plot_forest
from bayesineq.report.figures.gradient import gradient_data, plot_gradient
from bayesineq.report.figures.heat import heat_data
from bayesineq.report.figures.maps import map_posterior
from bayesineq.report.figures.pareto import plot_pareto
from bayesineq.report.figures.tartan import Indicator, plot_tartan
from bayesineq.report.figures.tiers import map_bivariate, map_certainty, map_tiers
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.released import released_measures


def draws_of(rates: list[float], people: list[float], dim: str = "imd_decile") -> xr.DataArray:
    draws = np.asarray(rates) * (1 + 0.01 * np.random.default_rng(2).normal(size=(1, 200, len(rates))))
    coords = {dim: np.arange(1, len(rates) + 1), "population": (dim, people)}
    return xr.DataArray(draws, dims=("chain", "draw", dim), coords=coords)


def test_groups_of_few_people_or_events_are_gone() -> None:
    values = draws_of([0.5, 0.01, 0.3, 0.2], [100.0, 500.0, 7.0, 400.0])
    safe = covered(values)
    assert safe.withheld == (2, 3)
    assert safe.of == 4
    xr.testing.assert_identical(safe.shown, values.sel(imd_decile=[1, 4]))
    assert covered(values, counts=False).withheld == (3,)
    assert covered(values, Rule(0, 1)).withheld == ()
    assert covered(safe) is safe


def test_cells_of_a_crossing_are_missing() -> None:
    both = xr.concat([draws_of([0.5, 0.01], [100.0, 100.0]), draws_of([0.4, 0.3], [200.0, 300.0])], dim="sex")
    safe = covered(both.assign_coords(sex=["F", "M"]))
    assert safe.withheld == (("F", 2),)
    assert np.isnan(safe.shown.sel(sex="F", imd_decile=2)).all()
    assert np.isfinite(safe.shown.sel(sex="M")).all()


def test_what_is_shown_does_not_depend_on_what_is_withheld() -> None:
    """Neither average, line nor words of a figure move when the withheld group's rate does."""
    for plot in (plot_forest, plot_gradient):
        one, other = (
            plot(draws_of([0.5, rate, 0.3, 0.2], [100.0, 60.0, 300.0, 400.0]), "imd_decile") for rate in (0.02, 0.1)
        )
        assert one.alt == other.alt
        assert one.caption == other.caption
        assert "1 groups with small counts are not shown" in one.caption
        assert one.table["level"].tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    "show",
    [
        lambda values: group_table(values, "imd_decile"),
        lambda values: gradient_data(values, "imd_decile"),
        lambda values: to_draw(values, "imd_decile"),
        lambda values: heat_data(values, "imd_decile", "sex"),
        area_table,
    ],
)
def test_draws_that_have_not_passed_the_rule_are_refused(show) -> None:
    with pytest.raises(DisclosureError, match=r"given DataArray: cover the posterior.*covered\(draws\)"):
        show(draws_of([0.5, 0.4], [100.0, 200.0]))


def test_a_figure_without_any_group_is_refused() -> None:
    with pytest.raises(DisclosureError, match="all 2 groups of 'imd_decile' are withheld, because 1 to 7 people"):
        plot_forest(draws_of([0.01, 0.02], [100.0, 100.0]), "imd_decile")


def test_how_many_are_withheld_is_said() -> None:
    safe = Covered((), ("A", "B"), 5, Rule(), "1 to 7 people stand behind a number")
    assert safe.words("counties").startswith(
        "3 of 5 counties are shown; 2 are withheld, because 1 to 7 people stand behind a number. Figures"
    )
    assert Covered((), ("A",), 1, Rule(), "x").words("counties").startswith("None of the 1 counties is shown; 1 is")
    assert Covered((), (), 5, Rule(), "").words("counties") == ""


def as_deciles(values: xr.DataArray) -> xr.DataArray:
    return values.rename(area="imd_decile").assign_coords(imd_decile=range(1, 6))


FIGURES = {
    "forest": lambda values: plot_forest(values, "area"),
    "gradient": lambda values: plot_gradient(as_deciles(values), "imd_decile"),
    "caterpillar": lambda values: plot_caterpillar(values, "area"),
    "concentration": lambda values: plot_concentration(as_deciles(values), "imd_decile"),
    "tiers": lambda values: map_tiers(values, SQUARES, tiers=2),
    "certainty": lambda values: map_certainty(values, SQUARES),
    "bivariate": lambda values: map_bivariate(values, SQUARES, pd.Series(range(5), CODES), other_name="rain"),
    "map": lambda values: map_posterior(values, SQUARES),
    "tartan": lambda values: plot_tartan({"one": Indicator(values)}),
    "pareto": lambda values: plot_pareto(values * 1000, "area", reference="everyone"),
}
CODES = [f"A{k}" for k in range(5)]
SQUARES = gpd.GeoDataFrame(
    {"area": CODES}, geometry=[box(k * 1e3, 0, k * 1e3 + 1e3, 1e3) for k in range(5)], crs="EPSG:27700"
)


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_shows_a_group_of_few_people(name: str) -> None:
    """Nor does anything that it shows or says depend on that group's rate."""
    told = []
    for rate in (0.5, 0.9):
        values = draws_of([0.2, 0.3, rate, 0.25, 0.35], [500.0, 600.0, 5.0, 700.0, 800.0], "area")
        chart = FIGURES[name](values.assign_coords(area=CODES))
        told.append((chart.alt, chart.caption, chart.table.to_csv()))
        plt.close(chart.figure)
    assert told[0] == told[1]


@pytest.mark.parametrize("plot", [plot_trend, plot_equiplot])
def test_cells_of_few_people_are_gaps_in_lines(plot) -> None:
    told = []
    for rate in (0.5, 0.9):
        years = [draws_of([0.2, rate, 0.3], [500.0, 5.0, 700.0], "sex"), draws_of([0.3, 0.4, 0.2], [500.0] * 3, "sex")]
        both = xr.concat(years, dim="year").assign_coords(year=[2020, 2021])
        chart = plot(both, "sex", **({"rows": "year"} if plot is plot_equiplot else {}))
        assert "1 values with small counts are not shown" in chart.caption
        told.append((chart.alt, chart.caption, chart.table.to_csv()))
        plt.close(chart.figure)
    assert told[0] == told[1]


def test_very_many_groups_are_covered_some_at_a_time_with_the_same_numbers() -> None:
    whole = cover(example().post, Rule(200, 5))
    at_once = whole.values("area")
    parts = list(whole.parts("area", size=3))
    assert sum((part.withheld for part in parts), ()) == at_once.withheld
    assert max(part.shown.sizes["area"] for part in parts) <= 3
    xr.testing.assert_allclose(xr.concat([part.shown for part in parts], "area"), at_once.shown, rtol=1e-12)


def test_draws_of_very_many_groups_are_passed_on_as_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    post, rule = example().post, Rule(200, 5)
    few = released(post, rule)
    monkeypatch.setattr(sys.modules[released.__module__], "_MANY", 1)
    xr.testing.assert_allclose(released(post, rule), few)


def test_groups_that_nobody_asks_for_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws of tens of thousands of areas are the memory of a measure by decile, which needs none of them."""
    asked = []
    module = sys.modules[cover.__module__]
    drawn = module.expected
    monkeypatch.setattr(module, "expected", lambda *given, **more: asked.append(more["by"]) or drawn(*given, **more))
    released_measures(example().post, "imd_decile")
    assert asked
    assert ["area"] not in asked
