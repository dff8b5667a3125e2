"""Gradient and forest: the numbers behind the figures, against direct NumPy and the measures themselves."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayesineq.disclosure.covered import covered
from bayesineq.errors import BayesineqError, MeasureError
from bayesineq.posterior.expected import expected
from bayesineq.report.figures.forest import association_table, plot_associations, plot_forest
from bayesineq.report.figures.gradient import gradient_data, plot_gradient
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.numbers import PERCENT
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import ends_in_words, level_labels, unknown_levels


def deciles(means: list[float], people: list[float], sd: float = 0.001) -> xr.DataArray:
    draws = np.asarray(means) + sd * np.random.default_rng(4).normal(size=(2, 150, len(means)))
    coords = {"imd_decile": np.arange(1, len(means) + 1), "population": ("imd_decile", people)}
    return xr.DataArray(draws, dims=("chain", "draw", "imd_decile"), coords=coords)


def test_the_line_of_the_gradient_is_weighted_least_squares_on_the_rank() -> None:
    means, people = [0.20, 0.15, 0.12, 0.10], [100.0, 300.0, 200.0, 400.0]
    data = gradient_data(covered(deciles(means, people, sd=0.0)), "imd_decile")
    share = np.asarray(people) / 1000
    rank = np.cumsum(share) - share / 2
    slope, intercept = np.polyfit(rank, means, 1, w=np.sqrt(share))
    assert data.sii == pytest.approx((slope,) * 3)
    assert data.line["mean"].tolist() == pytest.approx([intercept, intercept + slope])
    assert data.rii == pytest.approx(((intercept + slope) / intercept,) * 3)
    assert data.groups["start"].tolist() == pytest.approx([0.0, 0.1, 0.4, 0.6])
    assert data.groups["end"].tolist() == pytest.approx([0.1, 0.4, 0.6, 1.0])


def test_a_line_that_reaches_zero_has_no_relative_index() -> None:
    data = gradient_data(covered(deciles([0.30, 0.02, 0.01, -0.2], [1000.0] * 4)), "imd_decile")
    assert data.sii[0] < 0
    assert data.rii is None


def test_dots_stand_in_the_middle_of_their_population_in_order_of_deprivation() -> None:
    values = deciles([0.2, 0.15, 0.1], [100.0, 300.0, 600.0]).isel(imd_decile=[2, 0, 1])
    chart = plot_gradient(values, "imd_decile", outcome="smoking", unit=PERCENT)
    dots = chart.figure.axes[0].containers[0][0]
    assert dots.get_xdata() == pytest.approx([0.05, 0.25, 0.7])
    assert dots.get_ydata() == pytest.approx([20.0, 15.0, 10.0], rel=0.01)
    assert chart.table["level"].tolist() == [1, 2, 3]
    assert "(lower is better)" in chart.figure.get_suptitle()
    assert "SII −" in chart.alt
    assert "RII 0." in chart.alt


def test_small_groups_are_not_drawn(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="ethnicity").copy()
    values["population"] = ("ethnicity", [24000.0, 60.0, 1000.0])
    table = group_table(covered(values), "ethnicity")
    assert table["hidden"].tolist() == [False, True, False]
    assert table.loc[1, ["population", "mean", "lower", "upper"]].isna().all()
    chart = plot_forest(values, "ethnicity", outcome="prevalence", unit=PERCENT)
    assert chart.table["level"].tolist() == ["Z", "A"] or chart.table["level"].tolist() == ["A", "Z"]
    assert "1 groups with small counts are not shown" in chart.caption
    assert "Bangladeshi" not in chart.alt


def test_a_forest_is_sorted_and_states_direction_average_and_unknown(prevalence: xr.DataTree) -> None:
    chart = plot_forest(expected(prevalence, by="ethnicity"), "ethnicity", outcome="prevalence", unit=PERCENT)
    axes = chart.figure.axes[0]
    assert axes.get_yticklabels()[0].get_text() == "Bangladeshi"
    assert chart.table["mean"].is_monotonic_decreasing
    assert "lower is better" in axes.get_xlabel()
    assert "4.4% have an unknown ethnic group" in chart.caption
    assert "the average is 8." in chart.alt


def test_a_withheld_unknown_group_is_not_said_to_be_empty(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="ethnicity").copy()
    values["population"] = ("ethnicity", [24000.0, 6000.0, 20.0])
    caption = plot_forest(values, "ethnicity").caption
    assert "How many have an unknown ethnic group is withheld." in caption
    assert "coded as unknown" not in caption


def test_associations_are_odds_ratios_of_the_planted_effects(health: xr.DataTree) -> None:
    table = association_table(health).set_index("term")
    assert table["mean"].to_dict() == pytest.approx(
        {"asian": np.exp(0.1), "black": np.exp(0.05), "mixed": np.exp(-0.05), "other": 1.0,
         "aged_65_and_over": np.exp(0.3)}, abs=0.01,
    )  # fmt: skip
    assert table.loc["other", "lower"] < 1 < table.loc["other", "upper"]
    assert "odds ratio" in plot_associations(health).figure.axes[0].get_xlabel()


def test_a_card_without_covariates_has_no_associations(prevalence: xr.DataTree) -> None:
    with pytest.raises(MeasureError, match="card 'prevalence' has no linear term"):
        plot_associations(prevalence)


def test_groups_need_one_dimension_and_a_population(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="sex")
    with pytest.raises(MeasureError, match="draws of one dimension 'ethnicity'"):
        group_table(covered(values), "ethnicity")
    with pytest.raises(MeasureError, match="with the coordinate 'population'"):
        group_table(covered(values.drop_vars("population")), "sex")


def test_levels_have_names_people_know() -> None:
    assert level_labels("imd_decile", [1, 5, 10]) == ["1 (most deprived)", "5", "10 (least deprived)"]
    assert level_labels("sex", ["female", "M"]) == ["Female", "Male"]
    assert level_labels("ethnicity", ["A", "K", "Z"]) == ["White British", "Bangladeshi", "Not stated"]
    assert level_labels("ethnicity", ["A", "new group"]) == ["A", "new group"]
    assert level_labels("ethnicity", ["A"], {"ethnicity": {"A": "Settled"}}) == ["Settled"]
    assert ends_in_words("imd_decile", ["x"] * 10)[0] == "the most deprived tenth of areas"
    assert ends_in_words("imd_decile", ["1", "2"]) == ("deprivation decile 1", "deprivation decile 2")


def test_unknown_levels_are_told_apart() -> None:
    assert unknown_levels("ethnicity", ["A", "Z", "99", "X"]) == [False, True, True, True]
    assert unknown_levels("sex", ["F", "M", "unknown"]) == [False, False, True]
    assert unknown_levels("imd_decile", [1, 99]) == [False, False]
    assert unknown_levels("housing", ["Not stated", "Z"]) == [True, False]


def test_names_in_figures_are_drawn_as_they_stand(worlds: SimpleNamespace) -> None:
    names = ["<b>x</b>", "$a$, $b$", "القاهرة", "Ynys Môn"]
    post = worlds.plain_posterior(names, [1.0, 2.0, 3.0, 4.0])
    chart = plot_forest(expected(post, by="group"), "group", counts=False)
    drawn = {label.get_text() for label in chart.figure.axes[0].get_yticklabels()}
    assert drawn == {"<b>x</b>", r"\$a\$, \$b\$", "القاهرة", "Ynys Môn"}
    assert chart.table["label"].tolist() == names[::-1]


def test_a_figure_takes_name_unit_and_polarity_from_the_draws(prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="imd_decile")
    told = plot_gradient(values, "imd_decile", outcome="prevalence", unit=PERCENT, more_is="worse")
    found = plot_gradient(values, "imd_decile")
    assert (found.title, found.caption, found.alt) == (told.title, told.caption, told.alt)
    assert "%" in found.alt
    turned = plot_forest(values.assign_attrs(more_is="better"), "imd_decile", outcome="screening")
    assert turned.title.startswith("Screening by")
    assert "higher is better" in turned.caption
    bare = plot_forest(values.drop_attrs(), "imd_decile")
    assert bare.title.startswith("Outcome by")
    assert "%" not in bare.figure.axes[0].get_xlabel()
    with pytest.raises(BayesineqError, match="more_is='up' is not known"):
        plot_forest(values.assign_attrs(more_is="up"), "imd_decile")


@pytest.mark.parametrize(
    ("attrs", "shown"),
    [
        ({"scale": "proportion"}, "%"),
        ({"scale": "rate ratio"}, "times the expected count"),
        ({"scale": "rate", "units": "events per unit of person_years"}, "per 100 person years"),
        ({"scale": "mean", "units": "unit of score"}, ""),
        ({}, ""),
    ],
)
def test_the_unit_follows_the_scale_of_the_draws(attrs: dict[str, str], shown: str) -> None:
    draws = xr.DataArray(np.full((1, 4), 0.16), dims=("chain", "draw"), attrs=attrs)
    assert described(covered(draws), None, None, None)[1].label == shown
