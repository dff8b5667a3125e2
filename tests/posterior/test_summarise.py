"""Summaries, against NumPy's and pandas' moments and quantiles and ArviZ's diagnostics, each called on its own."""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest
import xarray as xr

from bayesineq.dims import CI_PROB
from bayesineq.errors import PosteriorError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import by_level, intervals, summarise


def draws(shape=(3, 200, 4, 2), dtype=np.float64, seed=4):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).cumsum(axis=1).astype(dtype) / 5
    coords = {"decile": np.arange(1, 5), "sex": np.array(["F", "M"], dtype=object)}
    return xr.DataArray(values, dims=("chain", "draw", "decile", "sex"), coords=coords, name="rate")


@pytest.mark.parametrize("prob", [0.5, CI_PROB])
def test_moments_and_quantiles_are_numpys(prob):
    x = draws()
    table = summarise(x, prob)
    flat = x.to_numpy().reshape(600, 8)
    np.testing.assert_allclose(table["mean"], flat.mean(axis=0), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(table["sd"], flat.std(axis=0, ddof=1), rtol=1e-12)
    for column, q in (("median", 0.5), ("lower", (1 - prob) / 2), ("upper", (1 + prob) / 2)):
        np.testing.assert_allclose(table[column], np.quantile(flat, q, axis=0), rtol=1e-12, atol=1e-14)


def test_interval_is_equal_tailed_as_arviz_has_it():
    x = draws()
    eti = arviz_stats.eti(x, prob=CI_PROB)
    table = summarise(x)
    np.testing.assert_allclose(table["lower"], eti[..., 0].to_numpy().ravel(), rtol=1e-12)
    np.testing.assert_allclose(table["upper"], eti[..., 1].to_numpy().ravel(), rtol=1e-12)


def test_diagnostics_are_arvizs():
    x = draws()
    table = summarise(x)
    want_rhat = arviz_stats.rhat(x).to_numpy().ravel()
    want_ess = arviz_stats.ess(x, method="bulk").to_numpy().ravel()
    np.testing.assert_allclose(table["rhat"], want_rhat, rtol=1e-12)
    np.testing.assert_allclose(table["ess_bulk"], want_ess, rtol=1e-12)
    assert table["rhat"].max() > 1.05


def test_single_precision_is_summed_in_double():
    x = draws((1, 4000, 4, 2), np.float32) + np.float32(1000)
    flat = x.to_numpy().reshape(4000, 8).astype(np.float64)
    table = summarise(x)
    np.testing.assert_allclose(table["mean"], flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["sd"], flat.std(axis=0, ddof=1), rtol=1e-7)
    assert list(table.columns) == ["parameter", "mean", "sd", "median", "lower", "upper"]


def test_names_of_parameters(post):
    table = summarise(post).set_index("parameter")
    names = set(table.index)
    assert {
        "intercept",
        "air",
        "ethnicity[A]",
        "deprivation[1]",
        "both[2, H]",
        "age_sex[20-39, F]",
        "place[E01000004]",
        "place.sigma",
        "slope[M]",
    } <= names
    assert not [name for name in names if ".effect" in name]
    assert table.index.is_unique
    values = post["posterior"]["both"].sel(imd_decile=2, ethnicity="H")
    assert table.loc["both[2, H]", "mean"] == pytest.approx(float(values.mean()), rel=1e-12)
    fixed = table.loc["age_sex[20-39, F]"]
    assert (fixed[["mean", "sd", "lower", "upper"]] == 0).all()
    assert fixed[["rhat", "ess_bulk"]].isna().all()


def test_an_array_without_a_name_is_a_value():
    table = summarise(draws().rename(None).isel(decile=0, sex=0, drop=True))
    assert table["parameter"].tolist() == ["value"]


def test_dimensions_in_any_order():
    x = draws()
    got = summarise(x.transpose("decile", "draw", "sex", "chain"))
    np.testing.assert_array_equal(got["mean"], summarise(x)["mean"])


def test_missing_numbers_stay_missing():
    x = draws()
    x[:, :, 1, 0] = np.nan
    table = summarise(x).set_index("parameter")
    assert table.loc["rate[2, F]"].isna().all()
    assert table.drop("rate[2, F]").notna().all(axis=None)
    assert np.isnan(intervals(x).set_index("parameter").loc["rate[2, F]", "p_above"])


def test_several_intervals_and_the_probability_of_being_above():
    x = draws()
    flat = x.to_numpy().reshape(600, 8)
    table = intervals(x, above=0.3)
    assert list(table.columns[4:]) == [
        "lower_50",
        "upper_50",
        "lower_80",
        "upper_80",
        "lower_95",
        "upper_95",
        "p_above",
    ]
    np.testing.assert_allclose(table["upper_80"], np.quantile(flat, 0.9, axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["lower_95"], np.quantile(flat, 0.025, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(table["p_above"], (flat > 0.3).mean(axis=0))


def test_codes_as_columns(post):
    values = expected(post, by=["imd_decile", "ethnicity"])
    table = by_level(values)
    assert list(table.columns[:4]) == ["imd_decile", "ethnicity", "population", "mean"]
    one = table[(table["imd_decile"] == 4) & (table["ethnicity"] == "H")].iloc[0]
    cell = values.sel(imd_decile=4, ethnicity="H")
    assert one["mean"] == pytest.approx(float(cell.mean()), rel=1e-12)
    assert one["population"] == float(cell["population"])
    whole = by_level(expected(post))
    assert len(whole) == 1
    assert whole["population"].item() == float(values["population"].sum())


def test_what_cannot_be_summarised(post):
    x = draws()
    with pytest.raises(PosteriorError, match=r"prob=95: an interval holds a probability"):
        summarise(x, 95)
    with pytest.raises(PosteriorError, match="rate lacks the dimensions"):
        summarise(x.mean("draw"))
    with pytest.raises(PosteriorError, match="holds no draws: its shape"):
        summarise(x.isel(draw=slice(0)))
    with pytest.raises(PosteriorError, match="no group `posterior`"):
        summarise(post["constant_data"])
    with pytest.raises(PosteriorError, match="no variables"):
        summarise(xr.Dataset())
