"""Ranks, against SciPy's and against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import rankdata

from bayesineq.errors import MeasureError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import probability_of_rank, rank_intervals, ranks

HAND = xr.DataArray(
    [[[3.0, 2.0, 1.0], [3.0, 3.0, 1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]]],
    dims=("chain", "draw", "area"),
    coords={"area": ["a", "b", "c"]},
)


def test_ranks_and_ties_by_hand():
    want = [[[1, 2, 3], [1.5, 1.5, 3], [3, 2, 1], [2, 2, 2]]]
    np.testing.assert_array_equal(ranks(HAND, "area"), want)
    np.testing.assert_array_equal(ranks(HAND, "area", highest_first=False), 4 - np.array(want))


@pytest.mark.parametrize("round_to", [0, 6])
def test_ranks_are_scipys(round_to):
    rng = np.random.default_rng(8)
    values = xr.DataArray(rng.normal(size=(2, 50, 3, 30)).round(round_to), dims=("chain", "draw", "sex", "area"))
    got = ranks(values, "area", highest_first=False)
    np.testing.assert_array_equal(got, rankdata(values, axis=-1))
    turned = ranks(values.transpose("area", ...), "area", highest_first=False)
    np.testing.assert_array_equal(turned.transpose(*got.dims), got)


def test_probability_of_the_first_places():
    """Rank at most 2: a in draws 1, 2, 4; b in all; c in draws 3 and 4. At most 1: a in draw 1, c in draw 3."""
    assert probability_of_rank(HAND, "area", first=2).to_numpy().tolist() == [0.75, 1.0, 0.5]
    assert probability_of_rank(HAND, "area", first=1).to_numpy().tolist() == [0.25, 0.0, 0.25]
    assert probability_of_rank(HAND, "area", share=0.34).attrs["places"] == 1
    assert probability_of_rank(HAND, "area", share=2 / 3).attrs["places"] == 2


def test_a_tenth_of_ten_is_one():
    values = xr.DataArray(np.arange(10.0)[None, None], dims=("chain", "draw", "area"))
    chance = probability_of_rank(values, "area", share=0.1)
    assert chance.to_numpy().tolist() == [0.0] * 9 + [1.0]


def test_rank_intervals_are_quantiles_of_ranks(post):
    values = expected(post, by="area")
    table = rank_intervals(values, "area", prob=0.8)
    want = rankdata(-values.to_numpy().reshape(-1, 7), axis=1)
    table = table.set_index("area").loc[values["area"].to_numpy()]
    np.testing.assert_allclose(table["mean"], want.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(table["lower"], np.quantile(want, 0.1, axis=0), rtol=1e-6)
    assert list(table.columns) == ["population", "mean", "sd", "median", "lower", "upper"]
    assert ranks(values, "area").attrs["rank_1"] == "highest"


def test_what_has_no_rank():
    with pytest.raises(MeasureError, match="dim='sex' is not a dimension of groups"):
        ranks(HAND, "sex")
    with pytest.raises(MeasureError, match="have no value and so no rank"):
        ranks(HAND.where(HAND["area"] != "b"), "area")
    with pytest.raises(MeasureError, match=r"either first= .* or share="):
        probability_of_rank(HAND, "area")
    with pytest.raises(MeasureError, match="first=4: there are 3 groups"):
        probability_of_rank(HAND, "area", first=4)
    with pytest.raises(MeasureError, match="share=10 lies between"):
        probability_of_rank(HAND, "area", share=10)
