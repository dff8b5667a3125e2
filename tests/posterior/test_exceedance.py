"""Exceedance and excursion sets, against cases small enough to count by hand and against every subset tried out."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesineq.errors import MeasureError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import exceedance, excursion_set


def four_draws(*rows, dim="area", names="abc"):
    """Draws by hand: a row a draw."""
    values = np.array([rows], dtype=float)
    return xr.DataArray(values, dims=("chain", "draw", dim), coords={dim: list(names[: values.shape[2]])}, name="rate")


HAND = four_draws([3, 3, 1], [3, 3, 0], [3, 0, 3], [3, 3, 3])


def test_share_of_draws_above():
    got = exceedance(HAND, 2)
    assert got.sel(area=["a", "b", "c"]).to_numpy().tolist() == [1.0, 0.75, 0.5]
    assert exceedance(HAND, 1, below=True).to_numpy().tolist() == [0.0, 0.25, 0.25]
    assert exceedance(HAND, 3).to_numpy().tolist() == [0.0, 0.0, 0.0]
    assert (got.attrs["threshold"], got.attrs["exceedance"]) == ("2", "above")


def test_above_the_mean_of_every_draw(post):
    values = expected(post, by="area")
    got = exceedance(values, "mean")
    weight = values["population"].to_numpy()
    mean = (values.to_numpy() * weight).sum(axis=-1, keepdims=True) / weight.sum()
    np.testing.assert_array_equal(got, (values.to_numpy() > mean).mean(axis=(0, 1)))
    np.testing.assert_array_equal(got, exceedance(values, expected(post)))


def test_thresholds_by_label():
    limit = xr.DataArray([2.0, 0.5, 5.0], dims="area", coords={"area": ["c", "b", "a"]})
    assert exceedance(HAND, limit).to_numpy().tolist() == [0.0, 0.75, 0.5]
    with pytest.raises(MeasureError, match=r"threshold lacks 1 of the 3 levels of 'area': \['b'\]"):
        exceedance(HAND, limit.sel(area=["a", "c"]))


def test_groups_without_a_value_have_no_probability():
    values = HAND.copy(deep=True)
    values[:, :, 1] = np.nan
    got = exceedance(values, 2)
    assert np.isnan(got.sel(area="b"))
    assert got.sel(area="c") == 0.5


def test_joint_probability_counted_by_hand():
    """Alone 1, 3/4 and 1/2. Together: {a} in 4 draws of 4, {a, b} in 3, {a, b, c} in 1."""
    got = excursion_set(HAND, 2, "area", prob=0.75)
    assert got["marginal"].to_numpy().tolist() == [1.0, 0.75, 0.5]
    assert got["joint"].to_numpy().tolist() == [1.0, 0.75, 0.25]
    assert got["member"].to_numpy().tolist() == [True, True, False]


def test_order_of_groups_does_not_matter():
    got = excursion_set(HAND.sel(area=["c", "a", "b"]), 2, "area", prob=0.75)
    assert got["joint"].sel(area=["a", "b", "c"]).to_numpy().tolist() == [1.0, 0.75, 0.25]


def test_below_is_the_mirror_of_above():
    xr.testing.assert_equal(
        excursion_set(HAND, 2, "area", prob=0.6), excursion_set(-HAND, -2, "area", prob=0.6, below=True)
    )


def test_every_set_of_the_family_has_its_joint_probability():
    """Correlated values of 40 areas; each set of the first k is counted over draws on its own."""
    rng = np.random.default_rng(5)
    common = rng.normal(size=(2, 300, 1))
    values = xr.DataArray(
        common + 0.5 * rng.normal(size=(2, 300, 40)) + np.linspace(-1, 3, 40), dims=("chain", "draw", "area")
    )
    got = excursion_set(values, 0.0, "area", prob=0.8)
    order = np.argsort(-got["joint"].to_numpy(), kind="stable")
    flat = values.to_numpy().reshape(600, 40) > 0
    for k in range(1, 41):
        joint = flat[:, order[:k]].all(axis=1).mean()
        assert got["joint"].to_numpy()[order[k - 1]] == pytest.approx(joint, abs=1e-12)
    assert flat[:, got["member"].to_numpy()].all(axis=1).mean() >= 0.8
    assert (got["joint"] <= got["marginal"] + 1e-12).all()


def test_independent_groups_multiply():
    """Closed form: independent exceedances have the product of their probabilities, within Monte Carlo error."""
    rng = np.random.default_rng(6)
    chance = np.array([0.99, 0.95, 0.9, 0.6])
    values = xr.DataArray((rng.random((1, 40_000, 4)) < chance).astype(float), dims=("chain", "draw", "area"))
    got = excursion_set(values, 0.5, "area")
    want = np.cumprod(chance)
    np.testing.assert_allclose(got["joint"], want, atol=4 * 0.5 / np.sqrt(40_000))


def test_what_has_no_exceedance(post):
    with pytest.raises(MeasureError, match='give a number, "mean", or a DataArray'):
        exceedance(HAND, "median")
    with pytest.raises(MeasureError, match="threshold=nan"):
        exceedance(HAND, np.nan)
    with pytest.raises(MeasureError, match="coordinate 'population', which these values lack"):
        exceedance(HAND, "mean")
    with pytest.raises(MeasureError, match="so they hold no draws"):
        exceedance(HAND.mean("draw"), 2)
    with pytest.raises(MeasureError, match="threshold has the dimensions"):
        exceedance(HAND, xr.DataArray([1.0], dims="x"))
    with pytest.raises(MeasureError, match="prob=95"):
        excursion_set(HAND, 2, "area", prob=95)
    with pytest.raises(MeasureError, match="stands on draws and 'area' alone"):
        excursion_set(expected(post, by=["area", "sex"]), 0.1, "area")
    with pytest.raises(MeasureError, match="1 groups have no value"):
        excursion_set(HAND.where(HAND["area"] != "b"), 2, "area")
