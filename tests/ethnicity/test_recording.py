"""Oracles: Bayes' rule by hand, and simulation of records with a known confusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from worlds import CELLS, DELTA, broad_confusion, counts, world

from bayesineq.errors import DesignError
from bayesineq.inference.mixture.recording import (
    RecordingOptions,
    bayes,
    missingness,
    outcome_shift,
    recording,
    weights,
)

FLAT = pd.DataFrame([[0.9, 0.1], [0.2, 0.8]], ["a", "b"], ["a", "b"])


def small() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = pd.DataFrame({"area": ["x"] * 3, "recorded": ["a", "b", "99"], "population": [500, 300, 200]})
    margin = pd.DataFrame({"area": ["x", "x"], "ethnicity": ["a", "b"], "residents": [600, 400]})
    return table, margin


def test_weights_are_bayes_rule() -> None:
    table, margin = small()
    model = recording(table, margin, FLAT, cells=["area"])
    found = bayes(model, FLAT.to_numpy(), missingness(model, model.delta))
    by_hand = [[0.54 / 0.62, 0.08 / 0.62], [0.06 / 0.38, 0.32 / 0.38], [0.6, 0.4]]
    np.testing.assert_allclose(found, by_hand, atol=1e-12)


def test_missingness_has_the_share_of_the_table_and_the_stated_delta() -> None:
    table, margin = small()
    model = recording(table, margin, FLAT, cells=["area"], options=RecordingOptions({"b": 1.2}))
    lost = missingness(model, model.delta)[0]
    assert logit(lost[1]) - logit(lost[0]) == pytest.approx(1.2)
    assert 0.6 * lost[0] + 0.4 * lost[1] == pytest.approx(0.2)
    unknown = bayes(model, FLAT.to_numpy(), missingness(model, model.delta))[2]
    assert unknown[1] == pytest.approx(0.4 * lost[1] / 0.2)


def test_the_confusion_is_learnt_from_how_records_fall_where_areas_differ() -> None:
    rng = np.random.default_rng(8)
    truth = np.array([[0.85, 0.15], [0.35, 0.65]])
    share = np.linspace(0.05, 0.95, 30)
    rows, census = [], []
    for k, s in enumerate(share):
        n = rng.multinomial(4_000, [s, 1 - s])
        record = rng.multinomial(n[0], truth[0]) + rng.multinomial(n[1], truth[1])
        rows += [(str(k), "a", record[0]), (str(k), "b", record[1])]
        census += [(str(k), "a", n[0]), (str(k), "b", n[1])]
    table = pd.DataFrame(rows, columns=["area", "recorded", "population"])
    margin = pd.DataFrame(census, columns=["area", "ethnicity", "residents"])
    model = recording(table, margin, FLAT, cells=["area"], options=RecordingOptions(concentration=20))
    drawn = weights(model, draws=20, seed=2)
    shape = (2, 2)
    for k in (5, 20):
        joint = np.array([share[k], 1 - share[k]])[:, None] * truth
        expected = (joint / joint.sum(axis=0)).T
        found = drawn.weight[:, 2 * k : 2 * k + 2].mean(axis=0)
        assert expected.shape == shape
        np.testing.assert_allclose(found, expected, atol=0.03)


def test_weights_are_calibrated_against_the_people_themselves() -> None:
    here = world(4, n=60_000)
    table = counts(here.people, "linked")
    model = recording(table, here.margin, broad_confusion(), cells=CELLS, options=RecordingOptions(DELTA))
    drawn = weights(model, draws=5, seed=1).weight.mean(axis=0)
    expected = pd.DataFrame(drawn * table["population"].to_numpy()[:, None], columns=model.levels)
    expected = expected.groupby(table["recorded"]).sum()
    found = pd.crosstab(here.people["linked"], here.people["true"])[expected.columns]
    # Four standard errors of a count, and the confusion is known from few people where records are rare.
    assert ((found - expected).abs() < 4 * np.sqrt(found) + 0.06 * found.sum(axis=1).to_numpy()[:, None]).all().all()


def test_outcome_shift_by_hand() -> None:
    table, margin = small()
    model = recording(table, margin, FLAT, cells=["area"])
    cases = np.array([60, 30, 10])
    # Without delta all groups are alike: 10 of 100 cases have no record, and 190 of 900 others.
    shift = outcome_shift(model, weights(model, draws=2, seed=1), cases)
    kept, lost = np.log(0.9 / (710 / 900)), np.log(0.1 / (190 / 900))
    np.testing.assert_allclose(shift, [[kept] * 2, [kept] * 2, [lost] * 2], atol=0.05)
    # With delta the log odds of no record differ by as much for cases as for others.
    model = recording(table, margin, FLAT, cells=["area"], options=RecordingOptions({"b": 1.0}))
    shift = outcome_shift(model, weights(model, draws=2, seed=1), cases)
    odds_ratio = shift[2] - shift[0]
    assert odds_ratio[0] == pytest.approx(odds_ratio[1])
    assert shift[0, 1] > shift[0, 0] > 0 > shift[2, 1] > shift[2, 0]


def test_what_cannot_be_modelled_is_refused() -> None:
    table, margin = small()
    with pytest.raises(DesignError, match="record 'q' is neither a group nor unknown"):
        recording(table.assign(recorded=["a", "q", "99"]), margin, FLAT, cells=["area"])
    with pytest.raises(DesignError, match="1 cells have no residents"):
        recording(table.assign(area=["x", "x", "y"]), margin, FLAT, cells=["area"])
    with pytest.raises(DesignError, match="rows that add up to 1"):
        recording(table, margin, FLAT * 2, cells=["area"])
    with pytest.raises(DesignError, match="delta names 'z'"):
        recording(table, margin, FLAT, cells=["area"], options=RecordingOptions({"z": 1.0}))
    with pytest.raises(DesignError, match="lacks 'residents'"):
        recording(table, margin.drop(columns="residents"), FLAT, cells=["area"])
