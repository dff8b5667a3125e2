"""Measures lifted over draws, against the measure called on one draw at a time with its groups picked by label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.errors import MeasureError
from bayesineq.measures.dispersion import between_group_variance
from bayesineq.measures.simple import gap_to_average, range_difference
from bayesineq.measures.slope import rii, sii, slope_ends
from bayesineq.measures.undefined import UndefinedDrawsWarning
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import exceedance, intervals, summarise
from bayesineq.posterior.lift import over_draws


@pytest.fixture(scope="module")
def deciles(post):
    return expected(post, by="imd_decile")


def one_by_one(measure, values, dim, **options):
    """Every draw alone, in the order of the codes."""
    ordered = values.sortby(dim)
    weight = ordered["population"].to_numpy()
    flat = ordered.transpose("chain", "draw", dim).to_numpy().reshape(-1, ordered.sizes[dim])
    return np.array([measure(draw, weight, **options) for draw in flat]).reshape(values.shape[:2])


def test_a_measure_of_every_draw(deciles):
    got = over_draws(sii, deciles, "imd_decile")
    assert got.dims == ("chain", "draw")
    assert got.name == "sii"
    np.testing.assert_allclose(got, one_by_one(sii, deciles, "imd_decile"), rtol=1e-12)
    assert got.attrs["engine"] == deciles.attrs["engine"]
    assert got.attrs["measure_scale"] == "absolute"
    assert "advantage" in got.attrs["sign"]


def test_options_reach_the_measure(deciles):
    got = over_draws(sii, deciles, "imd_decile", options={"scale": "logit"})
    np.testing.assert_allclose(got, one_by_one(sii, deciles, "imd_decile", scale="logit"), rtol=1e-12)
    assert got.attrs["option_scale"] == "logit"


def test_order_of_levels_does_not_matter(deciles):
    want = over_draws(sii, deciles, "imd_decile")
    shuffled = deciles.sel(imd_decile=[4, 1, 3, 5, 2]).transpose("imd_decile", "draw", "chain")
    got = over_draws(sii, shuffled, "imd_decile")
    np.testing.assert_allclose(got.transpose("chain", "draw"), want, rtol=1e-12)
    weight = deciles["population"].sel(imd_decile=[5, 4, 3, 2, 1])
    np.testing.assert_allclose(over_draws(sii, shuffled, "imd_decile", weight=weight).T, want, rtol=1e-12)


def test_other_dimensions_are_kept(post):
    values = expected(post, by=["ethnicity", "imd_decile"])
    got = over_draws(sii, values, "imd_decile")
    assert got.dims == ("chain", "draw", "ethnicity")
    for group in ("A", "H", "M"):
        alone = values.sel(ethnicity=group, drop=True)
        np.testing.assert_allclose(got.sel(ethnicity=group), one_by_one(sii, alone, "imd_decile"), rtol=1e-12)


def test_weights_that_vary_by_draw(deciles):
    rng = np.random.default_rng(2)
    weight = xr.DataArray(
        rng.gamma(5, size=deciles.shape), dims=deciles.dims, coords={"imd_decile": deciles.imd_decile}
    )
    got = over_draws(between_group_variance, deciles, "imd_decile", weight=weight)
    for chain, draw in ((0, 0), (1, 4)):
        at = {"chain": chain, "draw": draw}
        want = between_group_variance(deciles.isel(at).to_numpy(), weight.isel(at).to_numpy())
        assert float(got.isel(at)) == pytest.approx(float(want), rel=1e-12)


def test_a_measure_of_two_numbers_has_parts(deciles):
    ends = over_draws(slope_ends, deciles, "imd_decile")
    assert ends.dims == ("chain", "draw", "part")
    slope = over_draws(sii, deciles, "imd_decile")
    np.testing.assert_allclose(ends.isel(part=1) - ends.isel(part=0), slope, rtol=1e-9)


def test_groups_are_named_by_level_not_by_position(post):
    values = expected(post, by="ethnicity")
    got = over_draws(gap_to_average, values, "ethnicity", options={"group": "M"})
    mean = values.weighted(values["population"]).mean("ethnicity")
    np.testing.assert_allclose(got, values.sel(ethnicity="M") - mean, rtol=1e-12)
    deciles = expected(post, by="imd_decile")
    gap = over_draws(gap_to_average, deciles, "imd_decile", options={"group": 5})
    mean = deciles.weighted(deciles["population"]).mean("imd_decile")
    np.testing.assert_allclose(gap, deciles.sel(imd_decile=5) - mean, rtol=1e-12)
    with pytest.raises(MeasureError, match=r"group=0 is not a level of 'imd_decile'; it has \[1, 2, 3, 4, 5\]"):
        over_draws(gap_to_average, deciles, "imd_decile", options={"group": 0})


def test_order_is_given_by_level(post):
    values = expected(post, by="area")
    rank = pd.Series(np.arange(7.0)[::-1], index=values["area"].to_numpy())
    got = over_draws(sii, values, "area", options={"order": rank.sample(frac=1, random_state=1)})
    want = np.array(
        [sii(draw[::-1], values["population"].to_numpy()[::-1]) for draw in values.to_numpy().reshape(10, 7)]
    )
    np.testing.assert_allclose(got.to_numpy().ravel(), want, rtol=1e-12)
    with pytest.raises(MeasureError, match=r"order lacks 1 levels of 'area': \['E01000006'\]"):
        over_draws(sii, values, "area", options={"order": rank.drop("E01000006")})
    with pytest.raises(MeasureError, match="not a ndarray by position"):
        over_draws(sii, values, "area", options={"order": rank.to_numpy()})


def test_measures_of_order_refuse_groups_without_one(post):
    values = expected(post, by="ethnicity")
    with pytest.raises(MeasureError, match="'ethnicity' is not ordered"):
        over_draws(sii, values, "ethnicity")
    assert over_draws(range_difference, values, "ethnicity").dims == ("chain", "draw")


def test_a_plain_function_can_be_lifted(deciles):
    def highest(value, weight):
        return value.max(axis=-1)

    got = over_draws(highest, deciles, "imd_decile")
    np.testing.assert_array_equal(got, deciles.max("imd_decile"))
    assert got.name == "highest"


def test_measures_without_weights_need_none(deciles):
    bare = deciles.drop_vars("population")
    got = over_draws(range_difference, bare, "imd_decile")
    np.testing.assert_allclose(got, deciles.max("imd_decile") - deciles.min("imd_decile"), rtol=1e-12)


def test_what_cannot_be_lifted(post, deciles):
    with pytest.raises(MeasureError, match=r"over dim='ethnicity', but .* the dimensions \['imd_decile'\]"):
        over_draws(sii, deciles, "ethnicity")
    with pytest.raises(MeasureError, match="over dim='draw'"):
        over_draws(sii, deciles, "draw")
    with pytest.raises(MeasureError, match=r"lack the dimensions \['draw'\]"):
        over_draws(sii, deciles.mean("draw"), "imd_decile")
    with pytest.raises(MeasureError, match="no coordinate 'population'"):
        over_draws(sii, deciles.drop_vars("population"), "imd_decile")
    with pytest.raises(MeasureError, match="weight lacks 1 of the 5 levels"):
        over_draws(sii, deciles, "imd_decile", weight=deciles["population"].sel(imd_decile=[1, 2, 3, 4]))
    with pytest.raises(MeasureError, match="weight has the dimensions"):
        over_draws(sii, deciles, "imd_decile", weight=xr.DataArray([1.0], dims="x"))
    with pytest.raises(MeasureError, match="a measure reduces the last axis"):
        over_draws(lambda value, weight: value.sum(), deciles, "imd_decile")


def test_an_empty_group_is_missing_in_that_group_alone_and_named(post):
    from bayesineq.posterior.expected import population

    frame = population(post)
    frame = frame[~((frame["ethnicity"] == "H") & (frame["imd_decile"] == 3))]
    values = expected(post, frame, by=["imd_decile", "ethnicity"])
    found = over_draws(sii, values, "imd_decile")
    assert np.isnan(found).all(("chain", "draw")).to_series().to_dict() == {"A": False, "H": True, "M": False}
    assert found.attrs["without_people"].startswith("1 groups have no value because nobody is in them (ethnicity=H,")
    others = over_draws(sii, values.sel(ethnicity=["A", "M"]), "imd_decile")
    xr.testing.assert_allclose(found.sel(ethnicity=["A", "M"]), others)
    with pytest.raises(MeasureError, match=r"1 groups have no value .* \(imd_decile=3\); pool levels"):
        over_draws(sii, values.sel(ethnicity="H"), "imd_decile")


def test_a_draw_without_the_measure_is_missing_counted_and_left_out_of_the_summary():
    rng = np.random.default_rng(3)
    rate = rng.normal([0.10, 0.08, 0.06], 0.002, (4, 1000, 3))
    rate[2, 10] = [-0.2, 0.08, 0.06]
    coords = {"imd_decile": [1, 2, 3], "population": ("imd_decile", [5, 6, 7])}
    values = xr.DataArray(rate, dims=("chain", "draw", "imd_decile"), coords=coords)
    with pytest.warns(UndefinedDrawsWarning, match=r"1 of 4,000 draws"):
        found = over_draws(rii, values, "imd_decile")
    assert found.attrs["undefined_draws"] == 1
    assert np.isnan(found).to_numpy().nonzero()[0].tolist() == [2]
    kept = found.to_numpy().ravel()
    kept = kept[np.isfinite(kept)]
    row = summarise(found).iloc[0]
    assert row["mean"] == pytest.approx(kept.mean())
    assert row["sd"] == pytest.approx(kept.std(ddof=1))
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(kept, [0.025, 0.975]).tolist())
    assert intervals(found, [0.9], above=1.0)["p_above"].item() == pytest.approx((kept > 1).mean())
    assert float(exceedance(found, 1.0)) == pytest.approx((kept > 1).mean())


def test_measures_of_values_alone(deciles):
    from bayesineq.measures.life_table import life_expectancy

    rates = deciles / 10
    got = over_draws(life_expectancy, rates, "imd_decile", options={"ages": [0, 20, 40, 60, 80]})
    assert got.dims == ("chain", "draw", "part")
    np.testing.assert_allclose(got, life_expectancy(rates.to_numpy(), ages=[0, 20, 40, 60, 80]), rtol=1e-12)
    with pytest.raises(MeasureError, match="life_expectancy takes no weight"):
        over_draws(life_expectancy, deciles, "imd_decile", weight=deciles["population"])
