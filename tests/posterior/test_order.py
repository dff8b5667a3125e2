"""An order is declared, never guessed from numbers; ranks come from the declaration, never from storage."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.disclosure.covered import covered
from bayesineq.errors import MeasureError
from bayesineq.measures.concentration import absolute_concentration_index
from bayesineq.measures.impact import excess_events
from bayesineq.measures.simple import difference, ratio
from bayesineq.measures.slope import rii, sii
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import load, save
from bayesineq.posterior.inequality import inequality, inequality_of
from bayesineq.posterior.lift import over_draws
from bayesineq.posterior.population import population
from bayesineq.posterior.standardise import standardised, standardised_ratio
from bayesineq.report.figures.curves import concentration_data

EXACT = 1e-12
SCHOOL = ["none", "GCSE", "degree"]


def card(terms: str, table: str = "t") -> str:
    return (
        f'name = "c"\nquestion = "?"\ntable = "{table}"\n[outcome]\ncount = "cases"\nat_risk = "people"\n'
        f'likelihood = "binomial"\n[terms]\n{terms}\n'
    )


def cells(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.assign(people=1000, cases=100)


def order_of(values: xr.DataArray, dim: str) -> tuple[int, int]:
    return values[dim].attrs["ordered"], values[dim].attrs["gradient"]


@pytest.mark.parametrize(
    ("name", "column", "term", "want"),
    [
        ("ethnicity", np.arange(1, 17), "exchangeable", (0, 0)),
        ("ethnicity", pd.Categorical(list("abc"), ordered=True), "exchangeable", (0, 0)),
        ("practice_code", np.arange(1, 17), "exchangeable", (0, 0)),
        ("practice_code", np.arange(1.0, 17.0), "exchangeable", (0, 0)),
        ("imd_decile", np.arange(1, 11), "exchangeable", (1, 1)),
        ("imd_quintile", np.arange(1, 6), "exchangeable", (1, 1)),
        ("income", np.arange(1, 6), "random_walk", (1, 1)),
        ("income", np.arange(1, 6), "ar1", (1, 1)),
        ("school", pd.Categorical(SCHOOL, SCHOOL, ordered=True), "exchangeable", (1, 1)),
        ("school", pd.Categorical(SCHOOL), "exchangeable", (0, 0)),
        ("year", np.arange(2013, 2023), "random_walk", (1, 0)),
        ("when", np.arange(2013, 2023), "random_walk", (1, 0)),
        ("age_band", ["0-4", "5-9", "10-14"], "exchangeable", (1, 0)),
        ("age_group", ["0-4", "5-9", "10-14"], "random_walk", (1, 0)),
    ],
)  # fmt: skip
def test_what_is_ordered_was_declared(make, name, column, term, want):
    post = make(cells(**{name: column}), card(f'g = {{ kind = "{term}", by = "{name}" }}'))
    assert order_of(post["posterior"], name) == want
    assert order_of(expected(post, by=name), name) == want
    assert order_of(standardised(post, name), name) == want


def test_levels_of_the_card_and_its_word_declare(make):
    frame = cells(g=list("cab"))
    listed = make(frame, card('g = { kind = "exchangeable", by = "g", levels = ["c", "a", "b"] }'))
    values = expected(listed, by="g")
    assert order_of(values, "g") == (1, 1)
    want = (values.sel(g="b") - values.sel(g="c")).to_numpy()
    np.testing.assert_allclose(over_draws(difference, values, "g"), want, rtol=EXACT)
    for said, known in (("true", (1, 1)), ("false", (0, 0))):
        line = f'g = {{ kind = "exchangeable", by = "g", levels = ["c", "a", "b"], ordered = {said} }}'
        assert order_of(expected(make(frame, card(line)), by="g"), "g") == known


@pytest.mark.parametrize("measure", [sii, rii, absolute_concentration_index, difference, ratio])
def test_numbers_without_a_declared_order_have_no_gradient(make, measure):
    post = make(cells(ethnicity=np.arange(1, 17)), card('g = { kind = "exchangeable", by = "ethnicity" }'))
    values = expected(post, by="ethnicity")
    with pytest.raises(MeasureError, match=r"'ethnicity' is not ordered .* declare it: `levels"):
        over_draws(measure, values, "ethnicity")
    table = inequality(post, "ethnicity")
    assert table["parameter"].tolist()[16:] == ["range_difference", "range_ratio", "theil"]
    assert "not declared to have an order" in table.attrs["without_slope"]
    with pytest.raises(MeasureError, match="is not ordered"):
        over_draws(excess_events, values, "ethnicity", options={"reference": "most_advantaged"})
    with pytest.raises(MeasureError, match="is not ordered"):
        concentration_data(covered(values), "ethnicity")
    bare = values.rename(ethnicity="income")
    bare["income"].attrs.clear()
    assert over_draws(measure, bare, "income").dims == ("chain", "draw")


@pytest.mark.parametrize("name", ["year", "age_band"])
def test_time_and_age_are_no_social_ranking(make, name):
    column = np.arange(2013, 2017) if name == "year" else ["00-19", "20-39", "40-59", "60+"]
    post = make(cells(**{name: column}), card(f'g = {{ kind = "random_walk", by = "{name}" }}'))
    values = expected(post, by=name)
    with pytest.raises(MeasureError, match=r"is no social ranking.*use difference or ratio"):
        over_draws(sii, values, name)
    table = inequality(post, name)
    assert table["parameter"].tolist()[4:] == ["difference", "ratio"]
    assert "no social ranking" in table.attrs["without_slope"]
    want = float((values.isel({name: -1}) - values.isel({name: 0})).mean())
    assert table.set_index("parameter").loc["difference", "mean"] == pytest.approx(want, rel=EXACT)


def test_ranks_follow_the_declaration_whatever_the_storage(make):
    """Scotland's old quintiles run from 5, the most deprived, to 1."""
    frame = cells(g=pd.Categorical([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], ordered=True))
    values = expected(make(frame, card('g = { kind = "exchangeable", by = "g" }')), by="g")
    assert values["g"].to_numpy().tolist() == [5, 4, 3, 2, 1]
    assert json.loads(values["g"].attrs["order"]) == ["5", "4", "3", "2", "1"]
    plain = values.sel(g=[5, 4, 3, 2, 1]).to_numpy().reshape(10, 5)
    want = sii(plain, np.full(5, 1000.0))
    for stored in (values, values.sortby("g"), values.isel(g=[2, 0, 4, 1, 3])):
        np.testing.assert_allclose(over_draws(sii, stored, "g").to_numpy().ravel(), want, rtol=1e-9)
        np.testing.assert_allclose(over_draws(difference, stored, "g").to_numpy().ravel(), plain[:, 4] - plain[:, 0])
        most = over_draws(excess_events, stored, "g", options={"reference": "most_advantaged"})
        np.testing.assert_allclose(most.to_numpy().ravel(), ((plain - plain[:, 4:]) * 1000).sum(axis=1), rtol=1e-9)


def test_an_ordered_category_of_the_population_declares(make):
    post = make(cells(g=["high", "low", "middle"]), card('g = { kind = "exchangeable", by = "g" }'))
    frame = population(post)
    frame["g"] = pd.Categorical(frame["g"].astype(str), ["low", "middle", "high"], ordered=True)
    values = expected(post, frame, by="g")
    assert values["g"].to_numpy().tolist() == ["low", "middle", "high"]
    assert order_of(values, "g") == (1, 1)
    own = expected(post, by="g")
    np.testing.assert_allclose(values.sel(g="low"), own.sel(g="low"), rtol=EXACT)
    assert over_draws(sii, values, "g").dims == ("chain", "draw")
    assert order_of(standardised_ratio(post, "g", "half", population=frame.assign(half="x")), "g") == (1, 1)


def test_a_column_of_the_population_is_ordered_where_it_says_so(post):
    frame = population(post).assign(code=lambda f: f["area"].cat.codes + 1, imd_quintile=lambda f: f["imd_decile"])
    values = expected(post, frame, by=["code", "imd_quintile"])
    assert order_of(values, "code") == (0, 0)
    assert order_of(values, "imd_quintile") == (1, 1)


def test_order_goes_to_file_and_back(make, tmp_path):
    frame = cells(g=pd.Categorical(list("abc"), list("cab"), ordered=True), year=[2013, 2014, 2015])
    terms = 'g = { kind = "exchangeable", by = "g" }\ntime = { kind = "random_walk", by = "year" }'
    post = make(frame, card(terms))
    back = load(save(post, tmp_path / "post.nc"))
    for dim in ("g", "year"):
        assert back["posterior"][dim].attrs == post["posterior"][dim].attrs
    got = inequality_of(expected(back, by="g"), "g")
    pd.testing.assert_frame_equal(got, inequality(post, "g"))


def test_a_posterior_of_before_is_read_by_its_card(make):
    post = make(cells(g=[1, 2, 3]), card('g = { kind = "random_walk", by = "g" }'))
    post["posterior"]["g"].attrs.clear()
    assert order_of(expected(post, by="g"), "g") == (1, 1)


def test_values_of_ones_own_are_taken_as_the_package_knows_their_name():
    def rates(name: str, levels: list[object]) -> xr.DataArray:
        coords = {name: levels, "population": (name, np.ones(3))}
        return xr.DataArray([[[3.0, 1.0, 2.0]]], dims=("chain", "draw", name), coords=coords)

    for name, levels in (("imd_decile", ["10", "1", "2"]), ("income", [3, 1, 2]), ("imd_quintile", [3, 1, 2])):
        assert over_draws(difference, rates(name, levels), name).item() == 2.0
        assert over_draws(sii, rates(name, levels), name).item() == pytest.approx(3.0)
    with pytest.raises(MeasureError, match="'ethnicity' is not ordered"):
        over_draws(sii, rates("ethnicity", [3, 1, 2]), "ethnicity")
    with pytest.raises(MeasureError, match="age is no social ranking"):
        over_draws(sii, rates("age_band", ["5-9", "0-4", "10+"]), "age_band")
