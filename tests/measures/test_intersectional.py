"""MAIHDA's quantities: closed forms, published worked numbers and simulation of individuals."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import MeasureError
from bayesineq.measures.heterogeneity import (
    individual_variance,
    marginal_count,
    median_odds_ratio,
    proportional_change_in_variance,
    variance_partition,
    variance_partition_response,
)
from bayesineq.measures.intersectional import (
    additive_and_interaction,
    additive_share,
    discriminatory_accuracy,
    interaction_on_response,
)


def test_variance_between_individuals_is_that_of_the_latent_distribution():
    rng = np.random.default_rng(1)
    np.testing.assert_allclose(individual_variance("binomial"), rng.logistic(size=400_000).var(), rtol=0.01)
    gumbel = rng.gumbel(size=400_000).var()
    np.testing.assert_allclose(individual_variance("binomial", link="cloglog"), gumbel, rtol=0.01)
    assert float(individual_variance("gaussian", sigma=3.0)) == 9.0


def test_variance_of_a_count_is_that_of_the_log_normal_with_the_same_moments():
    # Nakagawa et al. 2017: log(1 + variance/mean^2), the variance of a log-normal of that mean and variance.
    mean, size = np.array([0.4, 2.0, 30.0]), 1.7
    poisson = individual_variance("poisson", mean=mean)
    np.testing.assert_allclose(np.expm1(poisson) * mean**2, mean, rtol=1e-12)
    negative = individual_variance("negative_binomial", mean=mean, size=size)
    np.testing.assert_allclose(np.expm1(negative) * mean**2, mean + mean**2 / size, rtol=1e-12)
    np.testing.assert_allclose(individual_variance("negative_binomial", mean=mean, size=1e12), poisson, rtol=1e-9)


def test_marginal_count_is_the_mean_over_strata():
    strata = np.random.default_rng(2).normal(0.3, 0.6, 400_000)
    np.testing.assert_allclose(marginal_count(0.3, 0.36), np.exp(strata).mean(), rtol=0.01)


def test_partition_is_a_share_and_place_counts_in_the_whole():
    np.testing.assert_allclose(variance_partition(1.0, 3.0), 0.25)
    np.testing.assert_allclose(variance_partition(1.0, 3.0, place=1.0), 0.2)
    draws = variance_partition(np.array([0.0, 0.5, 2.0]), individual_variance("binomial"))
    assert draws[0] == 0.0
    assert (np.diff(draws) > 0).all()


@pytest.mark.parametrize(("likelihood", "size"), [("binomial", None), ("poisson", None), ("negative_binomial", 2.0)])
def test_partition_on_the_response_scale_is_that_of_simulated_people(likelihood, size):
    rng = np.random.default_rng(3)
    eta = rng.normal(-0.8, 0.7, 1_000_000)
    if likelihood == "binomial":
        mean = 1 / (1 + np.exp(-eta))
        outcome = rng.binomial(1, mean)
    else:
        mean = np.exp(eta)
        outcome = rng.poisson(mean if size is None else rng.gamma(size, mean / size))
    ours = variance_partition_response(-0.8, 0.49, likelihood, size=size)
    np.testing.assert_allclose(ours, mean.var() / outcome.var(), rtol=0.02)
    assert variance_partition_response(np.zeros(4), 0.49, likelihood, size=size).shape == (4,)


def test_median_odds_ratio_is_the_median_over_pairs_of_strata():
    # Larsen & Merlo 2005; simulated pairs are the definition.
    rng = np.random.default_rng(4)
    gap = np.abs(np.subtract(*rng.normal(0, np.sqrt(0.8), (2, 400_000))))
    np.testing.assert_allclose(median_odds_ratio(0.8), np.exp(np.median(gap)), rtol=0.01)
    np.testing.assert_allclose(median_odds_ratio(0.8), np.exp(0.6745 * np.sqrt(2 * 0.8)), rtol=1e-4)
    assert float(median_odds_ratio(0.0)) == 1.0


def test_change_in_variance_is_undefined_from_zero():
    np.testing.assert_allclose(proportional_change_in_variance([0.4, 0.2], [0.1, 0.3]), [0.75, -0.5])
    with pytest.raises(MeasureError, match="variance of zero is not defined"):
        proportional_change_in_variance([0.4, 0.0], [0.1, 0.1])


def test_discriminatory_accuracy_is_the_share_of_pairs_ordered_right():
    rng = np.random.default_rng(5)
    probability, people = np.array([0.1, 0.2, 0.2, 0.6]), np.array([300, 100, 250, 50])
    stratum = rng.choice(4, p=people / people.sum(), size=6000)
    outcome = rng.random(6000) < probability[stratum]
    with_it, without = probability[stratum[outcome]], probability[stratum[~outcome]]
    right = (with_it[:, None] > without).mean() + 0.5 * (with_it[:, None] == without).mean()
    np.testing.assert_allclose(discriminatory_accuracy(probability, people), right, atol=0.015)
    pooled = discriminatory_accuracy([0.1, 0.2, 0.6], [300, 350, 50])
    np.testing.assert_allclose(discriminatory_accuracy(probability, people), pooled)
    assert float(discriminatory_accuracy([0.2, 0.2], [5, 9])) == pytest.approx(0.5)
    assert float(discriminatory_accuracy([0.0, 1.0], [5, 9])) == pytest.approx(1.0)
    with pytest.raises(MeasureError, match="with and without the outcome"):
        discriminatory_accuracy([1.0, 1.0], [5, 9])


FACTORS = [np.repeat(["f", "m"], 6), np.tile(np.repeat([1, 2, 3], 2), 2), np.tile([10, 20], 6)]


def test_main_effects_leave_no_interaction_and_a_pure_interaction_has_no_main_effects():
    rng = np.random.default_rng(6)
    people = rng.uniform(10, 90, 12)
    main = sum(rng.normal(size=10)[np.unique(f, return_inverse=True)[1]] for f in FACTORS)
    additive, interaction = additive_and_interaction(main, FACTORS, people)
    np.testing.assert_allclose(additive, main, atol=1e-10)
    np.testing.assert_allclose(interaction, 0.0, atol=1e-10)
    effect = rng.normal(size=(4, 12))
    parts = additive_and_interaction(effect, FACTORS, people)
    np.testing.assert_allclose(parts.sum(axis=1), effect, atol=1e-12)
    for levels in FACTORS:
        for level in np.unique(levels):
            # The interaction has mean zero within every level: the normal equations of weighted least squares.
            np.testing.assert_allclose(parts[:, 1] @ (people * (levels == level)), 0.0, atol=1e-9)
    np.testing.assert_allclose(additive_share(main, np.zeros(12), people), 1.0)
    share = additive_share(parts[:, 0], parts[:, 1], people)
    assert ((share > 0) & (share < 1)).all()


def test_interaction_on_the_response_scale():
    np.testing.assert_allclose(interaction_on_response(-1.0, [0.5], [0.3], link="log"), [np.exp(-0.2) - np.exp(-0.5)])
    np.testing.assert_allclose(interaction_on_response(-1.0, [0.5], [0.3], link="identity"), [0.3])
    np.testing.assert_allclose(
        interaction_on_response(-1.0, [0.5], [0.3], link="logit"), [1 / (1 + np.exp(0.2)) - 1 / (1 + np.exp(0.5))]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: individual_variance("poisson"), "needs `mean`"),
        (lambda: individual_variance("negative_binomial", mean=2.0, size=0.0), "`size` must be above zero"),
        (lambda: individual_variance("gamma"), "likelihood must be"),
        (lambda: individual_variance("binomial", link="log"), "logit"),
        (lambda: variance_partition(-0.1, 1.0), "`between` is a variance"),
        (lambda: variance_partition(0.0, 0.0), "nothing to divide"),
        (lambda: variance_partition_response(0.0, 1.0, "negative_binomial"), "needs `size`"),
        (lambda: variance_partition_response(0.0, 1.0, "gaussian"), "likelihood must be"),
        (lambda: additive_and_interaction([1.0, 2.0], [["a"]], [1, 1]), "level of each stratum"),
        (lambda: additive_share([0.0, 0.0], [0.0, 0.0], [1, 1]), "do not differ"),
        (lambda: interaction_on_response(0.0, [0.0], [0.0], link="probit"), "link must be"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(MeasureError, match=message):
        call()
