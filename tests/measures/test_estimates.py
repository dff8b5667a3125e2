"""Draws from published groups: exact posteriors by integration, calibration by simulation, and the double noise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import betaln, expit, gammaln
from scipy.stats import kstest, norm

from bayesineq.errors import MeasureError
from bayesineq.measures.dispersion import between_group_variance
from bayesineq.measures.estimates import NoiseCountedTwiceWarning, from_estimates
from bayesineq.measures.shrinkage import hierarchical_normal
from bayesineq.measures.slope import sii

CODES = list("abcdefgh")
EVENTS = np.array([3, 12, 5, 30, 0, 8, 44, 17])
PEOPLE = np.array([100, 150, 80, 300, 40, 120, 310, 260])


def independent(*args, **kwargs):
    with pytest.warns(NoiseCountedTwiceWarning, match="a second time"):
        return from_estimates(*args, method="independent", **kwargs)


def test_shape_codes_weight_and_provenance():
    values = from_estimates(CODES, events=EVENTS, population=PEOPLE, dim="ethnicity", draws=100, seed=1)
    assert values.dims == ("chain", "draw", "ethnicity")
    assert values.shape == (1, 100, 8)
    assert values["ethnicity"].to_numpy().tolist() == CODES
    assert values["population"].to_numpy().tolist() == PEOPLE.tolist()
    assert values.attrs["shrunk_towards"] == "a common mean"
    assert values.attrs["bias_between_group_variance"] == 0.0
    again = from_estimates(CODES, events=EVENTS, population=PEOPLE, dim="ethnicity", draws=100, seed=1)
    np.testing.assert_array_equal(values, again)


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
    draws = from_estimates(range(5), estimate=estimate, se=error, draws=40_000, seed=2).to_numpy()[0]
    np.testing.assert_allclose(draws.mean(axis=0), exact, atol=4 * spread.max() / 200)
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.02)


@pytest.mark.parametrize("likelihood", ["binomial", "poisson"])
def test_count_draws_have_the_posterior_found_by_integration(likelihood):
    x, n = EVENTS.astype(float), PEOPLE.astype(float)
    level, shrink = np.linspace(-5, 0.5, 600)[:, None, None], np.linspace(-9, 12, 600)[None, :, None]
    if likelihood == "binomial":
        size, mean = np.exp(shrink) / np.mean(1 / n), expit(level)
        log = betaln(size * mean + x, size * (1 - mean) + n - x) - betaln(size * mean, size * (1 - mean))
        centre = (size * mean + x) / (size + n)
    else:
        size, mean = np.exp(shrink) * np.median(x), np.exp(level)
        log = gammaln(size + x) - gammaln(size) + size * np.log(size / mean) - (size + x) * np.log(size / mean + n)
        centre = (size + x) / (size / mean + n)
    log = log.sum(axis=2) + np.log(expit(shrink) * expit(-shrink))[..., 0]
    w = np.exp(log - log.max())
    w /= w.sum()
    exact = np.einsum("ij,ijk->k", w, centre)
    draws = from_estimates(CODES, events=x, population=n, likelihood=likelihood, draws=20_000, seed=3).to_numpy()[0]
    # Resampled draws repeat parameters, so their error is a little above that of independent ones: five, not four.
    np.testing.assert_allclose(draws.mean(axis=0), exact, atol=5 * draws.std(axis=0).max() / np.sqrt(20_000))


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
        draws = hierarchical_normal(truth + error * rng.standard_normal(j), error, design, 200, rng)
        ranks.append((np.sum(draws @ contrast < truth @ contrast) + rng.random()) / 201)
    assert kstest(ranks, "uniform").pvalue > 1e-3


def test_independent_draws_count_the_noise_twice_and_shrinkage_does_not(regions):
    given = {"estimate": regions["estimate"], "se": regions["se"], "population": regions["population"], "seed": 5}
    people = regions["population"].to_numpy()
    plain = float(between_group_variance(regions["estimate"], people))
    twice = independent(regions["subgroup"], draws=20_000, **given)
    noise = twice.attrs["noise_variance"]
    # Figures of the project's survey of peers: 50.4 of which 6.6 is noise, so 43.9 is honest; re-simulation 56.8.
    np.testing.assert_allclose([plain, noise, plain - noise], [50.4, 6.6, 43.9], atol=0.06)
    np.testing.assert_allclose(between_group_variance(twice.to_numpy(), people).mean(), plain + noise, rtol=0.01)
    assert twice.attrs["bias_between_group_variance"] == 2 * noise
    once = between_group_variance(from_estimates(regions["subgroup"], **given).to_numpy(), people)
    lower, upper = np.quantile(once, [0.025, 0.975])
    assert lower < plain - noise < upper
    assert once.mean() < plain


def test_where_all_groups_are_equal_shrinkage_lies_near_zero_and_independent_draws_do_not():
    rng = np.random.default_rng(6)
    plain, shrunk, naive = [], [], []
    for _ in range(40):
        estimate = 10 + rng.standard_normal(12)
        plain.append(float(between_group_variance(estimate, None)))
        given = {"estimate": estimate, "se": np.ones(12), "draws": 400, "seed": 1}
        shrunk.append(between_group_variance(from_estimates(range(12), **given).to_numpy(), None))
        naive.append(between_group_variance(independent(range(12), **given).to_numpy(), None))
    noise = 11 / 12
    np.testing.assert_allclose(np.mean(plain), noise, rtol=0.15)
    np.testing.assert_allclose(np.mean(naive), 2 * noise, rtol=0.15)
    assert np.mean(shrunk) < 0.5 * noise
    assert np.mean([np.quantile(s, 0.025) for s in shrunk]) < 0.1 * noise


def test_a_gradient_is_kept_when_the_order_is_given_and_flattened_when_it_is_not():
    rank = (np.arange(10) + 0.5) / 10
    estimate = 70 + 8 * rank
    given = {"estimate": estimate, "se": np.full(10, 4.0), "population": np.ones(10), "draws": 4000, "seed": 7}
    towards_line = sii(from_estimates(range(10), order=range(10), **given).to_numpy(), np.ones(10))
    towards_mean = sii(from_estimates(range(10), **given).to_numpy(), np.ones(10))
    np.testing.assert_allclose(towards_line.mean(), 8.0, atol=0.3)
    assert towards_mean.mean() < 6.0


def test_limits_are_the_same_as_the_standard_errors_they_stand_for():
    rate, spread = np.array([0.02, 0.05, 0.03, 0.08]), np.array([0.2, 0.1, 0.3, 0.1])
    z = norm.ppf(0.995)
    limits = {"lower": rate * np.exp(-z * spread), "upper": rate * np.exp(z * spread), "prob": 0.99}
    by_limits = from_estimates("wxyz", estimate=rate, scale="log", seed=8, **limits)
    by_error = from_estimates("wxyz", estimate=rate, se=rate * spread, scale="log", seed=8)
    np.testing.assert_allclose(by_limits, by_error, rtol=1e-9)
    assert (by_error > 0).all()
    shares = from_estimates("wxyz", estimate=rate, se=rate * spread, scale="logit", seed=8)
    assert ((shares > 0) & (shares < 1)).all()


def test_a_value_known_exactly_is_not_moved():
    values = from_estimates("wxyz", estimate=[1.0, 2.0, 3.0, 9.0], se=[1.0, 1.0, 1.0, 0.0], seed=9)
    np.testing.assert_allclose(values.sel(group="z"), 9.0, atol=1e-9)


def test_independent_counts_have_their_own_posterior():
    values = independent(CODES, events=EVENTS, population=PEOPLE, draws=20_000, seed=10).to_numpy()[0]
    np.testing.assert_allclose(values.mean(axis=0), (EVENTS + 0.5) / (PEOPLE + 1), rtol=0.03)
    rates = independent(CODES, events=EVENTS, population=PEOPLE, likelihood="poisson", draws=20_000, seed=10)
    np.testing.assert_allclose(rates.to_numpy()[0].mean(axis=0), (EVENTS + 0.5) / PEOPLE, rtol=0.03)


def test_shrinkage_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_estimates("wxyz", estimate=[1.0, 2.0, 3.0, 4.0], se=[1.0] * 4, seed=1)


GOOD = {"estimate": [1.0, 2.0, 3.0, 4.0], "se": [1.0] * 4}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give one of three"),
        ({"estimate": [1.0] * 4}, "give one of three"),
        ({**GOOD, "lower": [0.0] * 4, "upper": [9.0] * 4}, "give one of three"),
        ({"estimate": [1.0] * 4, "lower": [0.0] * 4}, "give one of three"),
        ({**GOOD, "events": [1] * 4}, "neither estimates"),
        ({"events": [1] * 4}, "events need their population"),
        ({"events": [1, 2, 3, 99], "population": [9] * 4}, "not so for z"),
        ({"events": [0] * 4, "population": [9] * 4}, "no group has any events"),
        ({"events": [1, -1, 1, 1], "population": [9] * 4}, "events is missing or impossible for x"),
        ({"estimate": [1.0, np.nan, 3.0, 4.0], "se": [1.0] * 4}, "estimate is missing or impossible for x"),
        ({"estimate": [1.0, 2.0], "se": [1.0] * 4}, "one number for each of the 4 groups"),
        ({"estimate": [1.0] * 4, "lower": [0.0] * 4, "upper": [0.5] * 4}, "both sides .* for w, x, y, z"),
        ({**GOOD, "se": [0.0] * 4}, "no estimate has an error"),
        ({**GOOD, "scale": "logit"}, "divide percentages by 100"),
        ({**GOOD, "scale": "probit"}, "scale must be one of"),
        ({**GOOD, "method": "bootstrap"}, "method must be one of"),
        ({**GOOD, "draws": 0}, "draws must be at least 1"),
        ({"estimate": [0.5] * 4, "lower": [0.0] * 4, "upper": [0.6] * 4, "scale": "log"}, "outside the log scale"),
    ],
)
def test_impossible_input_is_refused_with_the_groups_named(given, message):
    with pytest.raises(MeasureError, match=message):
        from_estimates("wxyz", **given)


def test_too_few_groups_or_groups_given_twice_are_refused():
    with pytest.raises(MeasureError, match="at least 3 groups"):
        from_estimates("ab", estimate=[1.0, 2.0], se=[1.0, 1.0])
    with pytest.raises(MeasureError, match="at least 4 groups"):
        from_estimates("abc", estimate=[1.0, 2.0, 3.0], se=[1.0] * 3, order=[1, 2, 3])
    with pytest.raises(MeasureError, match=r"repeated: \['a'\]"):
        from_estimates("aab", estimate=[1.0, 2.0, 3.0], se=[1.0] * 3)
