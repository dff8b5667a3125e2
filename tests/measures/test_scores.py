"""Quality of risk scores: by scikit-learn, by hand, by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from bayesineq.errors import MeasureError
from bayesineq.measures.scores import _auc, calibration_curve, score_quality


def people(seed: int, n: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Values of which the true log odds are `slope` times."""
    stream = np.random.default_rng(seed)
    said = np.round(expit(stream.normal(-1.5, 1.0, n)), 3)
    return said, (stream.random(n) < expit(slope * logit(said))).astype(float)


def values(found: pd.DataFrame, by: str = "everyone") -> pd.Series:
    return found[found["by"] == by].set_index("measure")["value"]


def test_values_are_those_of_scikit_learn_ties_included() -> None:
    said, happened = people(1, 3000)
    found = values(score_quality(said, happened, draws=2))
    assert found["auc"] == pytest.approx(roc_auc_score(happened, said), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(happened, said), abs=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(happened, said), abs=1e-12)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(said)[:, None], happened)
    assert found["calibration_slope"] == pytest.approx(model.coef_[0, 0], abs=1e-4)
    weight = np.random.default_rng(2).exponential(size=3000)
    order = np.argsort(said)
    assert _auc(said[order], happened[order], weight[order]) == pytest.approx(
        roc_auc_score(happened, said, sample_weight=weight), abs=1e-12
    )


def test_at_a_threshold_by_hand() -> None:
    """Ten people, four flagged of whom three have it, one missed: net benefit 3/10 - 1/10 x (.3 / .7)."""
    said = [0.9, 0.8, 0.5, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.01]
    happened = [1, 1, 0, 1, 1, 0, 0, 0, 0, 0]
    found = values(score_quality(said, happened, thresholds=[0.3], draws=2))
    want = {"flagged": 0.4, "sensitivity": 0.75, "specificity": 5 / 6, "positive_predictive_value": 0.75}
    assert found[list(want)].to_dict() == pytest.approx(want)
    assert found["net_benefit"] == pytest.approx(0.3 - 0.1 * 0.3 / 0.7)


def test_intervals_hold_the_true_calibration() -> None:
    """120 samples of 600 people: a true slope of .7 in 95% of intervals give or take three standard errors."""
    held = []
    for seed in range(120):
        found = score_quality(*people(seed, 600, slope=0.7), draws=200, seed=seed).set_index("measure")
        row = found.loc["calibration_slope"]
        held.append(row["lower"] <= 0.7 <= row["upper"])
    assert abs(np.mean(held) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 120)


def test_a_score_that_fails_one_group_is_seen_there_and_not_elsewhere() -> None:
    said, happened = people(3, 20_000)
    stream = np.random.default_rng(4)
    group = np.where(stream.random(20_000) < 0.2, "B", "A").astype(object)
    # In group B it happens at twice the odds that are said.
    more = stream.random(20_000) < expit(logit(said) + np.log(2))
    happened = np.where(group == "B", more, happened)
    group[:50] = None
    found = score_quality(said, happened, pd.DataFrame({"ethnicity": group}), draws=200, seed=1)
    level = found[(found["measure"] == "calibration_in_the_large") & (found["by"] == "ethnicity")].set_index("level")
    assert level.loc["A", "lower"] < 0 < level.loc["A", "upper"]
    assert level.loc["B", "lower"] < np.log(2) < level.loc["B", "upper"]
    assert level.loc["B", "lower"] > 0.5
    assert level.loc["not known", "people"] == 50
    assert level["people"].sum() == 20_000


def test_rates_beside_values() -> None:
    said, happened = people(5, 20_000)
    curve = calibration_curve(said, happened)
    assert curve["people"].sum() == 20_000
    assert ((curve["lower"] <= curve["said"]) & (curve["said"] <= curve["upper"])).sum() >= 9
    tied = calibration_curve([0.2] * 30, [1] * 6 + [0] * 24, bins=5)
    assert tied[["people", "events"]].to_numpy().tolist() == [[30, 6]]


def test_a_group_without_events_has_no_discrimination_and_no_invented_interval() -> None:
    said = np.linspace(0.1, 0.9, 40)
    happened = np.r_[np.zeros(20), np.ones(5), np.zeros(15)]
    found = score_quality(said, happened, pd.DataFrame({"sex": ["f"] * 20 + ["m"] * 20}), draws=20, seed=1)
    women = found[found["level"] == "f"].set_index("measure")
    assert women.loc[["auc", "calibration_slope"], ["value", "lower", "upper"]].isna().to_numpy().all()
    assert np.isfinite(women.loc["brier", ["value", "lower", "upper"]].astype(float)).all()


def test_what_is_no_probability_is_refused_all_at_once() -> None:
    with pytest.raises(MeasureError) as caught:
        score_quality([0.2, 1.4], [0, 2], pd.DataFrame({"sex": ["f"]}), thresholds=[1.0])
    for words in ("from 0 to 1", "0 or 1", "has 1 rows and there are 2 people", r"given [1.0]"):
        assert words in str(caught.value)
    with pytest.raises(MeasureError, match="3 people fill 1 to 3 bins"):
        calibration_curve([0.1, 0.2, 0.3], [0, 1, 0], bins=4)
