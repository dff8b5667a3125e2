"""Segments: found where they were put, none where there are none."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from bayesineq.cohort.segments import Segments, by_stratum, in_words, segments
from bayesineq.errors import DecisionError


def three(seed=1, people=1_500):
    """Three separated groups: high benefit and need, low benefit, and low need."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, people, p=[0.2, 0.5, 0.3])
    centre = np.array([[3.0, 3.0], [-1.0, 0.5], [0.5, -3.0]])
    values = centre[truth] + 0.6 * rng.standard_normal((people, 2))
    return pd.DataFrame(values, columns=["benefit", "need"]), truth


def test_the_planted_segments_are_found_stable_and_told():
    people, truth = three()
    found = segments(people, variables=["benefit", "need"], numbers=[1, 2, 3, 4], resamples=4, seed=1)
    assert found.choice.loc[found.choice["bic"].idxmin(), "segments"] == 3
    assert found.choice["weight"].sum() == pytest.approx(1.0)
    assert found.stable
    assert adjusted_rand_score(truth, found.segment) > 0.95
    words = found.profile.set_index("segment")["words"]
    assert words[1] == "high benefit, high need"
    assert found.profile["benefit"].is_monotonic_decreasing
    np.testing.assert_allclose(found.profile["share"], [0.2, 0.3, 0.5], atol=0.04)
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0)


def test_one_cloud_is_one_segment():
    rng = np.random.default_rng(2)
    people = pd.DataFrame(rng.standard_normal((1_000, 2)), columns=["benefit", "need"])
    found = segments(people, variables=["benefit", "need"], numbers=[1, 2, 3], resamples=2, seed=1)
    assert found.choice.loc[found.choice["bic"].idxmin(), "segments"] == 1
    assert found.profile["words"].tolist() == ["near the average"]


def test_equity_strata_add_up():
    people, _ = three()
    found = segments(people, variables=["benefit", "need"], numbers=[3], resamples=2, seed=1)
    quintile = np.random.default_rng(3).integers(1, 6, len(people))
    table = by_stratum(found, quintile)
    assert table["people"].sum() == pytest.approx(len(people))
    np.testing.assert_allclose(table.groupby("segment")["share_of_segment"].sum(), 1.0)
    np.testing.assert_allclose(table.groupby("stratum")["share_of_stratum"].sum(), 1.0)


def test_words_and_refusals():
    assert in_words({"benefit": 0.1, "missed_visits": -0.7}) == "low missed visits"
    people, _ = three(people=50)
    with pytest.raises(DecisionError, match="No column uptake"):
        segments(people, variables=["benefit", "uptake"])
    bad = people.assign(need=1.0, text="x", gap=np.nan)
    with pytest.raises(DecisionError, match=r"need is the same.*text is not numeric.*gap has 50 missing"):
        segments(bad, variables=["need", "text", "gap"])


def test_people_without_a_stratum_stay_and_values_without_end_are_refused() -> None:
    found = Segments(
        np.array([1, 2, 1]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), pd.DataFrame(), pd.DataFrame(), True
    )
    table = by_stratum(found, ["q1", None, "q1"])
    assert table["people"].sum() == 3
    assert table[table["stratum"].isna()]["share_of_stratum"].sum() == 1
    with pytest.raises(DecisionError, match="2 strata for 3 people"):
        by_stratum(found, ["q1", "q2"])
    with pytest.raises(DecisionError, match="need is infinite for some"):
        segments(pd.DataFrame({"need": [1.0, np.inf, 2.0]}), variables=["need"])
