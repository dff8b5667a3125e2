"""Heat tables, curves, checks, funnels and decisions: data against closed forms and other code of the package."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

from bayesineq.decisions.compare import compare
from bayesineq.decisions.distributional import ImpactPlane
from bayesineq.disclosure.covered import covered
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DecisionError, DisclosureError, MeasureError
from bayesineq.measures.concentration import relative_concentration_index
from bayesineq.model.priors import Prior
from bayesineq.posterior.calibration import calibration_data
from bayesineq.posterior.expected import expected
from bayesineq.posterior.predictive import predictive
from bayesineq.report.figures.checks import (
    plot_calibration,
    plot_predictive,
    plot_prior_posterior,
    predictive_data,
    prior_density,
    prior_posterior_data,
)
from bayesineq.report.figures.choices import plot_acceptability, plot_frontier, plot_plane
from bayesineq.report.figures.curves import concentration_data, plot_concentration, plot_equiplot, plot_trend
from bayesineq.report.figures.funnel import funnel_data, overdispersion, plot_funnel
from bayesineq.report.figures.heat import heat_data, plot_heat
from bayesineq.report.figures.style import (
    DEPRIVED,
    EXCEEDANCE,
    EXCEEDANCE_INK,
    INK,
    PAPER,
    QUIET,
    SEQUENTIAL,
    WIDTHS,
    Chart,
    contrast,
    readable_on,
    save_chart,
    to_png,
    to_svg,
)
from bayesineq.report.tables.numbers import PERCENT


def grouped(means: list[float], dim: str = "imd_decile", sd: float = 0.0) -> xr.DataArray:
    draws = np.asarray(means) + sd * np.random.default_rng(4).normal(size=(1, 200, len(means)))
    coords = {dim: np.arange(1, len(means) + 1), "population": (dim, np.arange(1.0, len(means) + 1) * 100)}
    return xr.DataArray(draws, dims=("chain", "draw", dim), coords=coords)


def test_a_heat_table_holds_the_means_of_its_cells(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by=["imd_decile", "ethnicity"])
    table = heat_data(covered(values), "ethnicity", "imd_decile").set_index(["ethnicity", "imd_decile"])
    assert len(table) == 30
    direct = values.mean(("chain", "draw"))
    for group, decile in (("A", 1), ("K", 10), ("Z", 5)):
        assert table.loc[(group, decile), "mean"] == pytest.approx(
            float(direct.sel(ethnicity=group, imd_decile=decile))
        )
    assert table.loc[("K", 1), "row"] == "Bangladeshi"


def test_small_cells_of_a_heat_table_are_hatched_and_not_told(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by=["imd_decile", "ethnicity"]).copy()
    people = values["population"].to_numpy().copy()
    people[0, 1] = 40.0
    values["population"] = (("imd_decile", "ethnicity"), people)
    chart = plot_heat(values, "ethnicity", "imd_decile", outcome="prevalence", unit=PERCENT)
    assert len(chart.table) == 29
    assert "1 cells with small counts are hatched" in chart.caption
    assert sum(bool(patch.get_hatch()) for patch in chart.figure.axes[0].patches) == 1
    assert "Highest: Bangladeshi, 2," in chart.alt
    with pytest.raises(MeasureError, match="needs draws of these two dimensions"):
        heat_data(covered(values), "ethnicity", "sex")


def test_the_area_over_the_concentration_curve_is_the_index() -> None:
    means = [0.3, 0.25, 0.2, 0.12, 0.1]
    values = grouped(means)
    curve = concentration_data(covered(values), "imd_decile")
    under = float(np.trapezoid(curve["mean"], curve["people"]))
    index = float(relative_concentration_index(means, values["population"].to_numpy()))
    assert 1.0 - 2.0 * under == pytest.approx(index, abs=1e-12)
    equal = concentration_data(covered(grouped([0.2] * 4)), "imd_decile")
    assert equal["mean"].to_numpy() == pytest.approx(equal["people"].to_numpy())
    assert "% of all cases" in plot_concentration(values, "imd_decile", outcome="cases").caption
    with pytest.raises(MeasureError, match="never negative"):
        concentration_data(covered(grouped([0.1, -0.1])), "imd_decile")


def test_a_trend_draws_every_group_at_every_time() -> None:
    one = grouped([0.3, 0.2, 0.1])
    values = xr.concat([one, one * 0.5], pd.Index([2020, 2021], name="year"))
    chart = plot_trend(values, "imd_decile", outcome="smoking", unit=PERCENT, breaks={2021.0: "IMD 2025"})
    table = chart.table.set_index(["year", "imd_decile"])["mean"]
    assert table[(2021, 3)] == pytest.approx(0.05)
    assert "Values before and after IMD 2025 are not like for like" in chart.caption
    assert "1 (most deprived) in 2021: 15.0%" in chart.alt
    with pytest.raises(MeasureError, match="at most 10 groups"):
        plot_trend(xr.concat([grouped([0.1] * 11)] * 2, pd.Index([1, 2], name="year")), "imd_decile")


def test_an_equiplot_joins_lowest_and_highest() -> None:
    one = grouped([0.3, 0.2, 0.1])
    values = xr.concat([one, one * 0.5], pd.Index(["north", "south"], name="place"))
    chart = plot_equiplot(values, "imd_decile", rows="place", outcome="smoking", unit=PERCENT)
    lines = chart.figure.axes[0].collections[0].get_segments()
    assert [sorted(round(x) for x in line[:, 0]) for line in lines] == [[10, 30], [5, 15]]
    assert "north: 10.0% to 30.0%; south: 5.00% to 15.0%" in chart.alt


@pytest.mark.parametrize(
    "prior",
    [
        Prior("Normal", {"mean": -1.0, "sd": 2.0}),
        Prior("HalfNormal", {"sd": 0.5}),
        Prior("Exponential", {"rate": 2.0}),
        Prior("Gamma", {"shape": 2.0, "rate": 3.0}),
        Prior("Beta", {"a": 2.0, "b": 3.0}),
        Prior("Uniform", {"lower": 0.5, "upper": 2.5}),
        Prior("PC", {"above": 1.0, "probability": 0.01}),
    ],
    ids=lambda p: p.distribution,
)
def test_densities_of_priors_integrate_to_one(prior: Prior) -> None:
    low = -40.0 if prior.distribution == "Normal" else 0.0
    total, _ = integrate.quad(lambda x: float(prior_density(prior, np.array([x]))[0]), low, 40.0, points=[0.5, 1, 2.5])
    assert total == pytest.approx(1.0, abs=1e-6)


def test_the_penalised_complexity_prior_has_its_stated_tail() -> None:
    prior = Prior("PC", {"above": 0.7, "probability": 0.05})
    tail, _ = integrate.quad(lambda x: float(prior_density(prior, np.array([x]))[0]), 0.7, np.inf)
    assert tail == pytest.approx(0.05, abs=1e-9)
    with pytest.raises(MeasureError, match="no density in closed form"):
        prior_density(Prior("PC.phi", {"below": 0.5, "probability": 0.6}), np.array([0.5]))


def test_prior_and_posterior_stand_together_for_every_scalar(prevalence: xr.DataTree) -> None:
    found = prior_posterior_data(prevalence)
    assert {"intercept", "deprivation.sigma", "place.phi"} <= set(found)
    for table in found.values():
        assert np.trapezoid(table["posterior"], table["value"]) == pytest.approx(1.0, abs=0.03)
    assert found["deprivation.sigma"]["value"].min() >= 0.0
    chart = plot_prior_posterior(prevalence)
    assert chart.table["parameter"].tolist() == list(found)


def test_calibration_of_even_values_is_flat_within_its_band() -> None:
    data = calibration_data((np.arange(1000) + 0.5) / 1000, bins=10)
    assert data["share"].tolist() == pytest.approx([0.1] * 10)
    low, high = stats.binom(1000, 0.1).ppf([0.025, 0.975]) / 1000
    assert data["lower"].iloc[0] == low
    assert data["upper"].iloc[0] == high
    with pytest.raises(MeasureError, match="no row has a finite check"):
        calibration_data(np.array([np.nan]))


def test_calibration_of_small_counts_is_flat_where_the_model_is_right() -> None:
    # Of ten rows with P(Y = 1) = 0.3, three are 1: their ranges 0 to 0.7 and 0.7 to 1 tile the unit interval evenly.
    mass = np.array([0.7] * 7 + [0.3] * 3)
    middle = np.array([0.35] * 7 + [0.85] * 3)
    assert calibration_data(middle, mass=mass, bins=10)["share"].tolist() == pytest.approx([0.1] * 10)
    assert calibration_data(middle, bins=10)["share"].tolist() == pytest.approx([0, 0, 0, 0.7, 0, 0, 0, 0, 0.3, 0])
    # Twice as many events as expected fall high in their prediction.
    high = calibration_data(middle[[0, 1, 7, 7, 7]], mass=mass[[0, 1, 7, 7, 7]], bins=10)["share"]
    assert high.iloc[-1] == pytest.approx(0.2)


def test_calibration_of_counts_takes_their_own_probability(prevalence: xr.DataTree) -> None:
    post = prevalence.copy()
    post["checks"] = xr.Dataset({"pit": ("row", np.full(360, 0.5)), "cpo": ("row", np.ones(360))})
    assert "0 of 20 bars lie outside the band" in plot_calibration(post).alt


def test_calibration_needs_the_checks_of_the_fit(prevalence: xr.DataTree) -> None:
    bare = prevalence.copy()
    if "checks" in bare.children:
        del bare["checks"]
    with pytest.raises(MeasureError, match="no checks of held-out rows"):
        plot_calibration(bare)
    bare["checks"] = xr.Dataset({"pit": ("row", np.full(100, 0.5))})
    assert "20 of 20 bars lie outside the band" in plot_calibration(bare).alt


def test_observed_counts_are_set_against_replicates(prevalence: xr.DataTree) -> None:
    replicated = predictive(prevalence, by="ethnicity", draws=100, seed=1)
    middle = replicated.median("draw").to_series().round()
    assert predictive_data(replicated, middle, "ethnicity")["inside"].all()
    assert not predictive_data(replicated, middle * 2, "ethnicity")["inside"].any()
    few = middle.copy()
    few["Z"] = 5.0
    assert "Z" not in predictive_data(replicated, few, "ethnicity")["level"].tolist()
    with pytest.raises(MeasureError, match=r"observed are shares or rates .*sums of the counts by 'ethnicity'"):
        plot_predictive(replicated, middle / middle.sum(), "ethnicity")
    chart = plot_predictive(replicated, middle, "ethnicity")
    assert (chart.table["observed"] % 5 == 0).all()
    with pytest.raises(MeasureError, match="groups differ: \\['Q'\\]"):
        predictive_data(replicated, pd.concat([middle, pd.Series({"Q": 1.0})]), "ethnicity")


def units(count: int = 60, extra: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    people = rng.integers(200, 4000, count)
    rate = np.clip(0.1 + extra * rng.normal(size=count), 0.01, 0.9)
    return pd.DataFrame(
        {"practice": [f"P{k}" for k in range(count)], "events": rng.binomial(people, rate), "n": people}
    )


def test_funnel_limits_are_those_of_the_binomial_and_hold_chance() -> None:
    table = units(2000)
    data = funnel_data(table, unit="practice", events="events", at_risk="n", disclosure=Rule(0, 1))
    p = table["events"].sum() / table["n"].sum()
    assert data.target == pytest.approx(p)
    at, upper = data.limits["at_risk"], data.limits["upper_95"]
    assert upper.to_numpy() == pytest.approx(p + stats.norm.ppf(0.975) * np.sqrt(p * (1 - p) / at))
    assert (data.points["position"] == "inside").mean() == pytest.approx(0.95, abs=0.015)


def test_overdispersion_widens_the_funnel_and_never_narrows_it() -> None:
    assert overdispersion(np.linspace(-0.1, 0.1, 50)) == 1.0
    assert overdispersion(np.array([-3.0, 3.0] * 50)) == pytest.approx(9.0)
    wild = units(300, extra=0.03)
    plain = funnel_data(wild, unit="practice", events="events", at_risk="n")
    wide = funnel_data(wild, unit="practice", events="events", at_risk="n", adjust=True)
    assert wide.overdispersion > 2
    assert (wide.points["position"] == "inside").sum() > (plain.points["position"] == "inside").sum()


def test_a_funnel_shows_no_small_count_and_no_events() -> None:
    table = pd.concat([units(20), pd.DataFrame({"practice": ["tiny"], "events": [3], "n": [40]})], ignore_index=True)
    chart = plot_funnel(table, unit="practice", events="events", at_risk="n", outcome="missed")
    assert "tiny" not in chart.table["unit"].tolist()
    assert "Withheld to protect small counts: 1 practice." in chart.caption
    assert "events" not in chart.table.columns
    with pytest.raises(MeasureError, match="the first is bad"):
        funnel_data(
            pd.DataFrame({"practice": ["bad"], "events": [5], "n": [4]}), unit="practice", events="events", at_risk="n"
        )


def test_a_funnel_gives_no_count_back_whatever_the_denominator() -> None:
    rng = np.random.default_rng(11)
    people = rng.integers(60, 100_000, 300)
    table = pd.DataFrame({"practice": [f"P{k}" for k in range(300)], "events": rng.binomial(people, 0.2), "n": people})
    table.loc[0, ["events", "n"]] = 3, 80
    chart = plot_funnel(table, unit="practice", events="events", at_risk="n", title="Missed, Suffolk, 2021")
    shown = chart.table.merge(table, left_on="unit", right_on="practice")
    back = shown["proportion"] * shown["at_risk"]
    # What a reader works out is the rounded count and no more, from the table and from the points that are drawn.
    assert np.allclose(back, 5 * np.floor(shown["events"] / 5 + 0.5))
    assert (shown["at_risk"] % 5 == 0).all()
    drawn = np.concatenate([c.get_offsets().data for c in chart.figure.axes[0].collections])
    assert np.allclose(np.sort(drawn[:, 0]), np.sort(shown["at_risk"]))
    assert np.allclose(np.sort(drawn[:, 1]), np.sort(100 * shown["proportion"]))
    assert set(table["practice"]) - set(shown["unit"]) == {"P0"}
    assert "Withheld to protect small counts: 1 practice." in chart.caption
    assert chart.title == "Missed, Suffolk, 2021"
    # Of three units, one alone would be the totals less the others: nothing of it may be worked out.
    few = plot_funnel(table.head(3), unit="practice", events="events", at_risk="n")
    assert len(few.table) == 1
    with pytest.raises(DisclosureError, match="more than once"):
        plot_funnel(pd.concat([table, table]), unit="practice", events="events", at_risk="n")
    with pytest.raises(MeasureError, match="all 1 units are withheld"):
        plot_funnel(table.head(1), unit="practice", events="events", at_risk="n")


def options() -> xr.DataArray:
    draws = np.random.default_rng(2).normal([100.0, 130.0], [20.0, 30.0], (1, 500, 2))
    coords = {"intervention": ["text", "call"]}
    return xr.DataArray(draws, dims=("chain", "draw", "intervention"), coords=coords, attrs={"scale": "events averted"})


def test_acceptability_names_the_best_and_its_probability() -> None:
    money = {"text": 2000.0, "call": 9000.0}
    comparison = compare(options(), money, threshold=100.0, thresholds=[0.0, 100.0, 500.0])
    chart = plot_acceptability(comparison)
    assert f"highest expected net benefit is {comparison.best}" in chart.alt
    assert chart.table.groupby("threshold")["p_best"].sum().to_numpy() == pytest.approx(1.0)
    with pytest.raises(DecisionError, match="several thresholds"):
        plot_acceptability(compare(options(), money, threshold=100.0, thresholds=[100.0]))


def test_the_plane_says_the_most_probable_quadrant() -> None:
    points = pd.DataFrame({"intervention": ["a"] * 4, "net_health": [1.0, 2, 3, -1], "equity": [1.0, 1, 1, 1]})
    table = pd.DataFrame({"intervention": ["a"], "P(win-win)": [0.75], "P(lose-win)": [0.25]})
    chart = plot_plane(ImpactPlane(points, table, 3.5, "atkinson"))
    assert "a: most probably win-win, 75%" in chart.alt


def test_the_frontier_says_what_is_given_up() -> None:
    table = pd.DataFrame(
        {"floor": [0.0, 0.4], "share": [0.1, 0.4], "benefit": [100.0, 88.0], "lower": [80.0, 70.0],
         "upper": [120.0, 105.0], "given_up": [0.0, 12.0]}
    )  # fmt: skip
    assert "gives up 12.0 of 100.0" in plot_frontier(table, group="the most deprived fifth").caption
    with pytest.raises(DecisionError, match="\\['share'\\] are missing"):
        plot_frontier(table.drop(columns="share"), group="x")


def lightness(colour: str) -> float:
    return 1.05 / contrast(colour, PAPER)


def test_ramps_darken_steadily_so_that_order_survives_without_colour() -> None:
    for ramp in (SEQUENTIAL, WIDTHS):
        levels = [lightness(colour) for colour in ramp]
        assert levels == sorted(levels, reverse=True)
        assert all(a / b > 1.15 for a, b in pairwise(levels))
    assert len(DEPRIVED) == 10


def test_text_and_lines_contrast_enough() -> None:
    for colour in (INK, QUIET):
        assert contrast(colour, PAPER) >= 4.5
    for colour in (*SEQUENTIAL, *EXCEEDANCE, *WIDTHS):
        assert contrast(readable_on(colour), colour) >= 4.5
    for colour in EXCEEDANCE_INK:
        assert contrast(colour, PAPER) >= 2.9


def test_charts_are_saved_whole_as_svg_or_png(prevalence: xr.DataTree, tmp_path: Path) -> None:
    chart: Chart = plot_prior_posterior(prevalence)
    for name, start in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG")):
        assert save_chart(chart, tmp_path / name).read_bytes().startswith(start)
    assert to_svg(chart) == to_svg(chart)
    assert len(to_png(chart, dpi=300)) > len(to_png(chart, dpi=72))
    with pytest.raises(Exception, match=r"\.svg or \.png"):
        save_chart(chart, tmp_path / "a.pdf")
