"""Value of information against normal closed forms, and its order, whatever the draws."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bayesineq.decisions.information import evpi, evppi, evsi, population_value, value_of_stratification
from bayesineq.errors import DecisionError

DIMS = ("chain", "draw")


def options(values):
    values = np.asarray(values)
    names = [f"option {i}" for i in range(values.shape[1])]
    return xr.DataArray(values[np.newaxis], dims=(*DIMS, "intervention"), coords={"intervention": names})


def one(values):
    return xr.DataArray(np.asarray(values)[np.newaxis], dims=DIMS)


def unit_normal_loss(mean, sd):
    z = abs(mean) / sd
    return sd * (norm.pdf(z) - z * norm.sf(z))


def test_partial_and_sample_information_match_the_normal_closed_forms():
    rng, size = np.random.default_rng(11), 100_000
    first, second = rng.normal(0.3, 1.0, size), rng.normal(0.0, 0.5, size)
    worth = options(np.column_stack([np.zeros(size), first + second]))
    within = 6 * 0.6 / np.sqrt(size)
    assert evpi(worth) == pytest.approx(unit_normal_loss(0.3, np.sqrt(1.25)), abs=within)
    table = evppi(worth, {"first": one(first), "second": one(second)}).set_index("parameter")["evppi"]
    assert table["first"] == pytest.approx(unit_normal_loss(0.3, 1.0), abs=within)
    assert table["second"] == pytest.approx(unit_normal_loss(0.3, 0.5), abs=within)
    # a study as large as the prior: preposterior variance is half the prior's
    study = evsi(worth, one(first), prior_size=50, sample_sizes=[0, 50, 450, 10**9])["evsi"]
    assert study[0] == pytest.approx(0.0, abs=1e-12)
    assert study[1] == pytest.approx(unit_normal_loss(0.3, np.sqrt(0.5)), abs=within)
    assert study[2] == pytest.approx(unit_normal_loss(0.3, np.sqrt(0.9)), abs=within)
    assert study[3] == pytest.approx(table["first"], rel=1e-6)


def test_a_curved_net_benefit_is_followed():
    # NB = theta^2 - 1 with theta standard normal: E max(0, theta^2 - 1) = 2 phi(1), since E[theta^2; |theta| > 1]
    # = 2 phi(1) + 2 Phi(-1)
    size = 100_000
    theta = np.random.default_rng(5).standard_normal(size)
    worth = options(np.column_stack([np.zeros(size), theta**2 - 1]))
    table = evppi(worth, {"theta": one(theta)})
    mean_bias = max(float((theta**2 - 1).mean()), 0)
    assert table["evppi"][0] == pytest.approx(2 * norm.pdf(1) - mean_bias, abs=6 * 1.0 / np.sqrt(size))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(30, 300), arms=st.integers(2, 4), study=st.integers(1, 500))
def test_order_of_the_values_of_information(seed, size, arms, study):
    rng = np.random.default_rng(seed)
    parameter = rng.standard_t(3, size)
    worth = options(rng.normal(0, 1, (size, arms)) * 10 + np.outer(parameter, rng.normal(0, 5, arms)))
    perfect = evpi(worth)
    partial = evppi(worth, {"p": one(parameter)})["evppi"][0]
    sample = evsi(worth, one(parameter), prior_size=20, sample_sizes=[study, 2 * study])["evsi"]
    assert perfect >= partial >= 0
    assert sample[0] + 1e-9 >= 0
    assert sample[0] <= sample[1] + 1e-9
    assert sample[1] <= partial + 1e-9 * abs(perfect) + 1e-9


def test_deciding_by_stratum_gains_what_the_wrong_stratum_loses():
    worth = xr.DataArray(
        [[[[0.0, 5.0], [0.0, -2.0], [0.0, 4.0]]]],
        dims=(*DIMS, "area", "intervention"),
        coords={
            "area": list("xyz"),
            "intervention": ["none", "a"],
            "imd_quintile": ("area", [1, 5, 1]),
            "population": ("area", [1.0, 3.0, 1.0]),
        },
    )
    table = value_of_stratification(worth, "imd_quintile")
    # by hand: quintile 1 totals 9, quintile 5 totals -6; one decision for all (3 in total) takes a and loses 6
    assert table["best"].tolist() == ["a", "none"]
    assert table["gain"].tolist() == [0.0, 6.0]
    with pytest.raises(DecisionError, match="No group 'ethnicity'"):
        value_of_stratification(worth, "ethnicity")


def test_population_value_discounts_from_the_second_year():
    assert population_value(2.0, people_a_year=10, years=3, discount=0.1) == pytest.approx(
        20 * (1 + 1 / 1.1 + 1 / 1.21)
    )


def test_draws_of_another_analysis_are_refused():
    with pytest.raises(DecisionError, match="must be those that made the net benefit"):
        evppi(options(np.zeros((5, 2))), {"p": one(np.zeros(4))})
    with pytest.raises(DecisionError, match="Sizes must be positive"):
        evsi(options(np.zeros((5, 2))), one(np.zeros(5)), prior_size=0, sample_sizes=[1])
