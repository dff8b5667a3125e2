"""Repeated worlds with known effects: do area intervals cover, and does noise pass for something to target by?"""

import numpy as np
import pytest
from scipy.special import expit

from bayesineq.uplift.basis import make_basis, precision_weights, sums_by_area
from bayesineq.uplift.curves import curve_area
from bayesineq.uplift.learner import estimate
from bayesineq.uplift.scores import doubly_robust_scores
from bayesineq.uplift.second_stage import sample

pytestmark = pytest.mark.calibration

WORLDS = 200


def world(seed, *, people=5_000, areas=100, area_sd=0.08, slope=0.05):
    """A trial with a binary outcome whose treated risk is lower by an effect that differs by area and risk factor."""
    rng = np.random.default_rng(seed)
    area = np.concatenate([np.arange(areas), rng.integers(0, areas, people - areas)])
    x = rng.normal(size=(people, 3))
    risk = expit(0.1 + 0.6 * x[:, 0] + 0.3 * x[:, 1])
    effect = 0.12 + rng.normal(0, area_sd, areas)[area] + slope * np.tanh(x[:, 0])
    after = np.clip(risk - effect, 0.0, 1.0)
    treated = rng.integers(0, 2, people)
    event = (rng.random(people) < np.where(treated == 1, after, risk)).astype(float)
    truth = np.bincount(area, risk - after) / np.bincount(area)
    return x.astype(np.float32), event, treated, area, truth


def area_intervals(seed, prob=0.9):
    x, event, treated, area, truth = world(seed)
    scores = doubly_robust_scores(x, 1 - event, treated, propensity={0: 0.5, 1: 0.5}, folds=2, seed=seed)
    basis = make_basis(scores.predicted, x, ("a", "b", "c"))
    weight = precision_weights(scores.propensity, scores.clip)
    spread = float(event.std())
    sums = sums_by_area(basis, scores.predicted, x, scores.effect, area, 100, scale=spread, weight=weight)
    stage = sample(sums, draws=300, seed=seed, family=basis.family, share=basis.share)
    values = spread * (np.einsum("aq,sqk->sak", sums.mean_basis, stage.coefficient) + stage.area)[:, :, 0]
    low, high = np.quantile(values, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
    return ((low <= truth) & (truth <= high)).mean()


def test_area_intervals_of_90_percent_cover_between_87_and_93():
    covered = np.array([area_intervals(seed) for seed in range(WORLDS)])
    assert 0.87 <= covered.mean() <= 0.93, covered.mean()


def test_without_heterogeneity_nothing_is_found_to_target_by():
    holds, weights = [], []
    for seed in range(WORLDS):
        x, event, treated, _, _ = world(seed, people=2_000, area_sd=0.0, slope=0.0)
        found = estimate(
            x, event, treated, adverse=True, propensity={0: 0.5, 1: 0.5}, folds=2, draws=20, resamples=50, seed=seed
        )
        rules = found.evidence.rules.set_index("rule")
        holds.append(rules.loc["combined", "lower"] <= 0 <= rules.loc["combined", "upper"])
        weights.append(rules.loc["constant", "weight"])
    assert np.mean(holds) >= 0.90, np.mean(holds)
    assert np.mean(weights) > 0.8, np.mean(weights)


def test_the_qini_interval_of_a_random_score_holds_zero():
    holds = []
    for seed in range(WORLDS):
        x, event, treated, _, _ = world(seed, people=1_000)
        score = np.random.default_rng(10_000 + seed).standard_normal(len(x))
        area = curve_area(1 - event, score, treated, kind="qini", resamples=60, seed=seed)
        holds.append(area.lower <= 0 <= area.upper)
    assert np.mean(holds) >= 0.90, np.mean(holds)
