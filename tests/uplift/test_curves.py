"""Curves on the Hillstrom e-mail trial against scikit-uplift 0.5.1, and RATE against its definition."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesineq.errors import DecisionError
from bayesineq.uplift.costed import costed_qini, hull_steps
from bayesineq.uplift.curves import best_curve, curve_area, uplift_at, uplift_curve
from bayesineq.uplift.rate import rate, toc


@pytest.fixture(scope="module")
def hillstrom(shared):
    return pd.read_csv(shared / "reference/uplift/hillstrom/hillstrom.csv.gz")


def scores(table):
    # the third score has three values; its published numbers break ties by history
    return {
        "history": table["history"],
        "minus_recency": -table["recency"],
        "womens_minus_mens": table["womens"] - table["mens"] + 1e-6 * table["history"],
    }


def test_hillstrom_qini_auuc_and_uplift_at_the_top(shared, hillstrom):
    oracle = json.loads((shared / "reference/uplift/hillstrom/sklift_metric_oracle.json").read_text())["values"]
    assert len(oracle) == 6
    for key, expected in oracle.items():
        arm, outcome, name = key.split("|")
        here = hillstrom[hillstrom["segment"].isin([arm, "No E-Mail"])]
        y, s, t = here[outcome], scores(here)[name], (here["segment"] == arm).astype(int)
        assert len(here) == expected["n"]
        for kind, published in (("uplift", "uplift_auc"), ("qini", "qini_auc")):
            curve, best = uplift_curve(y, s, t, kind=kind), best_curve(y, t, kind=kind)
            value = (curve.area - curve.area_random) / (best.area - best.area_random)
            assert value == pytest.approx(expected[published], rel=1e-9), key
        for top in (0.1, 0.3, 0.5):
            assert uplift_at(y, s, t, top=top) == pytest.approx(expected[f"uplift@{top}"], rel=1e-9), key


def test_hillstrom_average_effects(shared, hillstrom):
    truth = json.loads((shared / "reference/uplift/hillstrom/computed_truth.json").read_text())["ate"]
    for arm, by in truth.items():
        here = hillstrom[hillstrom["segment"].isin([arm, "No E-Mail"])]
        t = (here["segment"] == arm).astype(int)
        for outcome, expected in by.items():
            curve = uplift_curve(here[outcome], np.zeros(len(here)), t, kind="uplift")
            assert curve.gain[-1] / len(here) == pytest.approx(expected, rel=1e-9)


def test_the_only_score_that_knows_the_arm_beats_random_on_hillstrom(hillstrom):
    here = hillstrom[hillstrom["segment"].isin(["Womens E-Mail", "No E-Mail"])]
    t = (here["segment"] == "Womens E-Mail").astype(int)
    informed = curve_area(here["visit"], here["womens"] - here["mens"], t, kind="qini", resamples=60, seed=1)
    assert informed.lower > 0
    noise = np.random.default_rng(1).standard_normal(len(here))
    blind = curve_area(here["visit"], noise, t, kind="qini", resamples=60, seed=1)
    assert blind.lower < 0 < blind.upper
    assert "best possible" in informed.normalisation


def test_best_possible_curve_scores_one_and_its_reverse_is_worse_than_random():
    rng = np.random.default_rng(4)
    y, t = rng.integers(0, 2, 500), rng.integers(0, 2, 500)
    oracle = y * t - y * (1 - t)
    assert curve_area(y, oracle, t, kind="qini", resamples=20, seed=1).value == pytest.approx(1.0)
    assert curve_area(y, -oracle, t, kind="qini", resamples=20, seed=1).value < 0


def brute_autoc(psi, priority, weighting):
    """Definition by counting, for priorities without ties: mean over k of TOC(k / n), (k/n) TOC for qini."""
    ordered = psi[np.argsort(-priority)]
    fine = np.repeat(ordered, 4_000)
    k = np.arange(1, fine.size + 1)
    value = np.cumsum(fine) / k - psi.mean()
    return float((value * (k / fine.size if weighting == "qini" else 1.0)).mean())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), weighting=st.sampled_from(["autoc", "qini"]))
def test_rate_is_its_definition(seed, weighting):
    rng = np.random.default_rng(seed)
    psi, priority = rng.normal(1, 2, 12), rng.permutation(12).astype(float)
    value = rate(psi, priority, weighting=weighting, resamples=5, seed=1).value
    assert value == pytest.approx(brute_autoc(psi, priority, weighting), abs=2e-3)


def test_ties_share_their_mean_and_a_constant_rule_is_worth_nothing():
    psi = np.random.default_rng(1).normal(size=30)
    assert rate(psi, np.zeros(30), resamples=5, seed=1).value == pytest.approx(0.0, abs=1e-12)
    tied = np.repeat([3.0, 2.0, 1.0], 10)
    means = np.repeat(psi.reshape(3, 10).mean(1), 10)
    expected = rate(means, np.arange(30, 0, -1), resamples=5, seed=1).value
    assert rate(psi, tied, resamples=5, seed=1).value == pytest.approx(expected)


def test_normal_scores_give_their_closed_form_area():
    # priority standard normal and effect equal to it: TOC(q) = phi(z_q) / q; its integral over q was taken
    # numerically here, the Qini-weighted one is the mean of |x - x'| over two, 1 / sqrt(pi), over two
    size = 200_000
    x = np.random.default_rng(2).standard_normal(size)
    assert rate(x, x, weighting="qini", resamples=5, seed=1).value == pytest.approx(1 / np.sqrt(np.pi) / 2, abs=0.005)
    table = toc(x, x, shares=[0.1, 0.5, 1.0]).set_index("share")["toc"]
    assert table[0.1] == pytest.approx(1.75498, abs=0.02)
    assert table[0.5] == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
    assert table[1.0] == pytest.approx(0, abs=1e-9)


def test_two_rules_are_compared_on_the_same_people():
    rng = np.random.default_rng(6)
    x = rng.standard_normal(3_000)
    psi = x + rng.standard_normal(3_000)
    pair = rate(psi, x, against=x + 0.01 * rng.standard_normal(3_000), resamples=100, seed=1)
    alone = rate(psi, x, resamples=100, seed=1)
    assert pair.standard_error < alone.standard_error / 3
    assert not alone.holds_zero


def test_hull_leaves_out_an_arm_that_mixing_beats():
    # arm 1 gains 1 for 2 pounds, arm 2 gains 3 for 4: the half-way mix of nothing and arm 2 gains 1.5 for 2
    start, steps = hull_steps(np.array([[1.0, 3.0]]), np.array([[2.0, 4.0]]))
    assert start.tolist() == [-1]
    np.testing.assert_allclose(steps, [[0, -1, 1, 4, 0.75]])


def test_costed_curve_by_hand():
    psi = np.array([[2.0, 5.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]] * 3)
    tau = np.array([[2.0, 3.0], [1.5, -1.0], [-1.0, -1.0], [-1.0, -1.0]] * 3)
    table = costed_qini(psi, tau, [1.0, 4.0], spends=[0.25, 0.5, 1.25], resamples=20, seed=1)
    # per person: the first of four gets arm 1 (gain 2/4), then the second (1/4), then the first moves up (+3/4 for 3/4)
    np.testing.assert_allclose(table["gain"], [0.5, 0.75, 1.5])
    np.testing.assert_allclose(table["random"], [0.3, 0.6, 1.5])


def test_scores_that_cannot_be_judged_are_refused():
    with pytest.raises(DecisionError, match="0 and 1, both"):
        uplift_curve([1, 0], [1, 2], [1, 1], kind="qini")
    with pytest.raises(DecisionError, match="have 2, 3 and 2 rows"):
        uplift_at([1, 0], [1, 2, 3], [1, 0], top=0.5)
    with pytest.raises(DecisionError, match="binary outcome"):
        best_curve([1.5, 0], [1, 0], kind="qini")
    with pytest.raises(DecisionError, match="too few to resample"):
        rate(np.zeros(20), np.arange(20), groups=np.repeat([1, 2], 10), resamples=5)
