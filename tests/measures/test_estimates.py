"""Draws from published groups: exact posteriors by integration, calibration by simulation, and the double noise."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, norm

from bayesineq.errors import MeasureError
from bayesineq.measures.dispersion import between_group_variance
from bayesineq.measures.estimates import NoiseCountedTwiceWarning, from_estimates
from bayesineq.measures.limits import standard_errors
from bayesineq.measures.slope import sii


def table(estimate, error=None, **columns) -> pd.DataFrame:
    """Published groups a, b, c ... with their standard errors, or what else is given."""
    made = pd.DataFrame({"group": list("abcdefghijkl")[: len(estimate)], "estimate": estimate})
    return made.assign(**({} if error is None else {"standard_error": error}), **columns)


def independent(*args, **kwargs):
    with pytest.warns(NoiseCountedTwiceWarning, match="a second time"):
        return from_estimates(*args, method="independent", **kwargs)


def test_shape_codes_weight_and_provenance():
    given = table([3.0, 12.0, 5.0, 30.0], [1.0, 2.0, 1.0, 4.0], population=[100, 150, 80, 300])
    values = from_estimates(given.rename(columns={"group": "ethnicity"}), "ethnicity", draws=100, seed=1)
    assert values.dims == ("chain", "draw", "ethnicity")
    assert values.shape == (1, 100, 4)
    assert values["ethnicity"].to_numpy().tolist() == list("abcd")
    assert values["population"].to_numpy().tolist() == [100, 150, 80, 300]
    assert values.attrs["shrunk_towards"] == "a common mean"
    assert values.attrs["bias_between_group_variance"] == 0.0
    np.testing.assert_array_equal(values, from_estimates(given, "group", draws=100, seed=1))
    ordered = from_estimates(given.assign(rank=[1, 2, 3, 4]), "group", order="rank", scale="log", draws=10)
    assert ordered.attrs["shrunk_towards"] == "a gradient"
    assert ordered.attrs["model"] == "normal on the log scale"


def test_normal_draws_have_the_posterior_found_by_integration():
    estimate, error = np.array([2.0, 3.5, 1.0, 4.0, 2.2]), np.array([0.8, 0.5, 1.2, 0.6, 0.9])
    # Oracle: the posterior of tau on a fine grid of B = s0^2/(s0^2 + tau^2), uniform a priori; then closed forms.
    s0 = 1 / np.mean(1 / error**2)
    b = (np.arange(20_000) + 0.5) / 20_000
    tau2 = s0 * (1 - b) / b
    v = error**2 + tau2[:, None]
    total = (1 / v).sum(axis=1)
    mean = (estimate / v).sum(axis=1) / total
    log = -0.5 * (np.log(v).sum(axis=1) + np.log(total) + ((estimate - mean[:, None]) ** 2 / v).sum(axis=1))
    w = np.exp(log - log.max())
    keep = tau2[:, None] / v
    centre = keep * estimate + (1 - keep) * mean[:, None]
    exact = w @ centre / w.sum()
    inner = keep * error**2 + (1 - keep) ** 2 / total[:, None]
    spread = np.sqrt(w @ (inner + centre**2) / w.sum() - exact**2)
    draws = from_estimates(table(estimate, error), "group", draws=40_000, seed=2).to_numpy()[0]
    np.testing.assert_allclose(draws.mean(axis=0), exact, atol=4 * spread.max() / 200)
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.02)


@pytest.mark.parametrize("ordered", [False, True])
def test_normal_draws_are_calibrated_when_the_world_is_drawn_from_the_prior(ordered):
    # Contrasts do not depend on the level, and contrasts off the line not on the slope: with flat priors on both their
    # rank in the draws is uniform whatever level and slope are (right Haar prior).
    rng = np.random.default_rng(4)
    j = 6
    design = np.column_stack([np.ones(j), np.linspace(-0.5, 0.5, j)])[:, : 1 + ordered]
    contrast = np.array([1.0, -2.0, 1.0, 0.0, 0.0, 0.0]) if ordered else np.array([1.0, 0.0, -1.0, 0.0, 0.0, 0.0])
    ranks = []
    for _ in range(400):
        error = rng.uniform(0.5, 2.0, j)
        b = rng.random()
        tau = np.sqrt((1 - b) / b / np.mean(1 / error**2))
        truth = design @ np.array([5.0, 3.0])[: 1 + ordered] + tau * rng.standard_normal(j)
        world = table(truth + error * rng.standard_normal(j), error, rank=range(j))
        seed = int(rng.integers(2**31))
        draws = from_estimates(world, "group", order="rank" if ordered else None, draws=200, seed=seed).to_numpy()[0]
        ranks.append((np.sum(draws @ contrast < truth @ contrast) + rng.random()) / 201)
    assert kstest(ranks, "uniform").pvalue > 1e-3


def test_independent_draws_count_the_noise_twice_and_shrinkage_does_not(regions):
    given = regions.rename(columns={"se": "standard_error"})[["subgroup", "estimate", "standard_error", "population"]]
    people = regions["population"].to_numpy()
    plain = float(between_group_variance(regions["estimate"], people))
    twice = independent(given, "subgroup", draws=20_000, seed=5)
    noise = twice.attrs["noise_variance"]
    # Figures of the project's survey of peers: 50.4 of which 6.6 is noise, so 43.9 is honest; re-simulation 56.8.
    np.testing.assert_allclose([plain, noise, plain - noise], [50.4, 6.6, 43.9], atol=0.06)
    np.testing.assert_allclose(between_group_variance(twice.to_numpy(), people).mean(), plain + noise, rtol=0.01)
    assert twice.attrs["bias_between_group_variance"] == 2 * noise
    once = between_group_variance(from_estimates(given, "subgroup", seed=5).to_numpy(), people)
    lower, upper = np.quantile(once, [0.025, 0.975])
    assert lower < plain - noise < upper
    assert once.mean() < plain


def test_where_all_groups_are_equal_shrinkage_lies_near_zero_and_independent_draws_do_not():
    rng = np.random.default_rng(6)
    plain, shrunk, naive = [], [], []
    for _ in range(40):
        estimate = 10 + rng.standard_normal(12)
        plain.append(float(between_group_variance(estimate, None)))
        given = table(estimate, 1.0)
        shrunk.append(between_group_variance(from_estimates(given, "group", draws=400, seed=1).to_numpy(), None))
        naive.append(between_group_variance(independent(given, "group", draws=400, seed=1).to_numpy(), None))
    noise = 11 / 12
    np.testing.assert_allclose(np.mean(plain), noise, rtol=0.15)
    np.testing.assert_allclose(np.mean(naive), 2 * noise, rtol=0.15)
    assert np.mean(shrunk) < 0.5 * noise
    assert np.mean([np.quantile(s, 0.025) for s in shrunk]) < 0.1 * noise


def test_a_gradient_is_kept_when_the_order_is_given_and_flattened_when_it_is_not():
    rank = (np.arange(10) + 0.5) / 10
    estimate = 70 + 8 * rank
    given = table(estimate, 4.0, population=1, rank=range(10))
    towards_line = sii(from_estimates(given, "group", order="rank", seed=7).to_numpy(), np.ones(10))
    towards_mean = sii(from_estimates(given, "group", seed=7).to_numpy(), np.ones(10))
    np.testing.assert_allclose(towards_line.mean(), 8.0, atol=0.3)
    assert towards_mean.mean() < 6.0


def test_limits_are_the_same_as_the_standard_errors_they_stand_for():
    rate, spread = np.array([0.02, 0.05, 0.03, 0.08]), np.array([0.2, 0.1, 0.3, 0.1])
    z = norm.ppf(0.995)
    limits = {"lower": rate * np.exp(-z * spread), "upper": rate * np.exp(z * spread)}
    np.testing.assert_allclose(standard_errors(**limits, prob=0.99, scale="log"), spread, rtol=1e-12)
    by_limits = from_estimates(table(rate, **limits), "group", prob=0.99, scale="log", seed=8)
    by_error = from_estimates(table(rate, rate * spread), "group", scale="log", seed=8)
    np.testing.assert_allclose(by_limits, by_error, rtol=1e-9)
    assert (by_error > 0).all()
    shares = from_estimates(table(rate, rate * spread), "group", scale="logit", seed=8)
    assert ((shares > 0) & (shares < 1)).all()
    odds = np.log(rate / (1 - rate))
    limits = {"lower": 1 / (1 + np.exp(z * spread - odds)), "upper": 1 / (1 + np.exp(-z * spread - odds))}
    np.testing.assert_allclose(standard_errors(**limits, prob=0.99, scale="logit"), spread, rtol=1e-9)
    errors = spread * rate * (1 - rate)
    by_limits = from_estimates(table(rate, **limits), "group", prob=0.99, scale="logit", seed=8)
    np.testing.assert_allclose(
        by_limits, from_estimates(table(rate, errors), "group", scale="logit", seed=8), rtol=1e-9
    )


def test_a_change_of_unit_changes_nothing_but_the_unit():
    one = from_estimates(table([1.0, 2.0, 4.0, 3.0], [0.5, 0.4, 1.0, 0.3]), "group", seed=3)
    thousand = from_estimates(table([1e3, 2e3, 4e3, 3e3], [500.0, 400.0, 1000.0, 300.0]), "group", seed=3)
    np.testing.assert_allclose(thousand, 1000 * one, rtol=1e-9)


def test_a_value_known_exactly_is_not_moved():
    values = from_estimates(table([1.0, 2.0, 3.0, 9.0], [1.0, 1.0, 1.0, 0.0]), "group", seed=9)
    np.testing.assert_allclose(values.sel(group="d"), 9.0, atol=1e-9)


def test_independent_draws_are_those_of_each_group_by_itself():
    values = independent(table([2.0, 5.0], [0.5, 1.5]), "group", draws=40_000, seed=10).to_numpy()[0]
    np.testing.assert_allclose(values.mean(axis=0), [2.0, 5.0], atol=0.03)
    np.testing.assert_allclose(values.std(axis=0), [0.5, 1.5], rtol=0.02)
    assert abs(np.corrcoef(values.T)[0, 1]) < 0.02


def test_shrinkage_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_estimates(table([1.0, 2.0, 3.0, 4.0], 1.0), "group", seed=1)


GOOD = table([1.0, 2.0, 3.0, 4.0], 1.0)
LIMITS = table([1.0] * 4, lower=0.0, upper=9.0)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (GOOD[["group", "estimate"]], {}, "give one of two"),
        (GOOD.assign(lower=0.0, upper=9.0), {}, "give one of two"),
        (LIMITS.drop(columns="upper"), {}, "give one of two"),
        (GOOD.drop(columns="estimate"), {}, "no column 'estimate'"),
        (GOOD.drop(columns="group"), {}, "no column 'group' of groups"),
        (GOOD, {"order": "rank"}, "no column 'rank'"),
        (GOOD.assign(estimate=[1.0, np.nan, 3.0, 4.0]), {}, "estimate is missing or impossible for b; put it right"),
        (GOOD.assign(standard_error=[1.0, 1.0, -1.0, 1.0]), {}, "standard_error is missing or impossible for c"),
        (GOOD.assign(population=[1, 1, -1, 1]), {}, "population is missing or impossible for c"),
        (GOOD.assign(population=0), {}, "all weights are zero"),
        (LIMITS.assign(upper=0.5), {}, "both sides of their estimate for a, b, c, d"),
        (GOOD.assign(standard_error=0.0), {}, "no estimate has an error"),
        (GOOD, {"scale": "logit"}, r"divide percentages by 100\), which the estimate is not for a, b, c, d"),
        (GOOD, {"scale": "probit"}, 'scale must be "linear"'),
        (GOOD, {"method": "bootstrap"}, "method must be"),
        (GOOD, {"draws": 0}, "draws at least 1"),
        (LIMITS, {"scale": "log"}, "outside the log scale"),
        (LIMITS.assign(lower=0.5), {"prob": 95}, "prob must be between 0 and 1"),
    ],
)
def test_impossible_input_is_refused_with_the_groups_named(given, options, message):
    with pytest.raises(MeasureError, match=message):
        from_estimates(given, "group", **options)


def test_many_wrong_groups_are_counted():
    with pytest.raises(MeasureError, match="impossible for a, b, c, d, e and 3 more"):
        from_estimates(table([np.nan] * 8, 1.0), "group")


def test_too_few_groups_or_groups_given_twice_are_refused():
    with pytest.raises(MeasureError, match="at least 3 groups"):
        from_estimates(table([1.0, 2.0], 1.0), "group")
    with pytest.raises(MeasureError, match="at least 4 groups"):
        from_estimates(table([1.0, 2.0, 3.0], 1.0, rank=[1, 2, 3]), "group", order="rank")
    with pytest.raises(MeasureError, match=r"at least two codes, each once; given 3, repeated: \['a'\]"):
        from_estimates(table([1.0, 2.0, 3.0], 1.0).assign(group=["a", "a", "b"]), "group")
    with pytest.raises(MeasureError, match="at least two codes"):
        from_estimates(table([1.0], 1.0), "group")


@pytest.mark.parametrize(
    ("lower", "upper", "scale"),
    [(2.0, 1.0, "linear"), (-1.0, 1.0, "log"), (0.5, 1.0, "logit"), (np.nan, 1.0, "linear")],
)
def test_limits_that_stand_for_no_standard_error_are_refused(lower, upper, scale):
    with pytest.raises(MeasureError, match="1 limits are missing, the wrong way round or outside"):
        standard_errors(lower, upper, scale=scale)
