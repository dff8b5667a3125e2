"""Scores of persons: nobody on both sides, nothing from later on, calibration by group, a file that cannot run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.disclosure.persons import covered_persons
from bayesineq.errors import CardError, SchemaError
from bayesineq.report.page.risk import risk_section
from bayesineq.systems import RiskCard, RiskModel, learn_risk, risk
from bayesineq.systems.risk import _conformal, _splits

RUNNER = CliRunner()
CARD = RiskCard("test", "Who?", outcome="admitted", features=("age", "sex"), by=("imd_decile", "ethnicity"), folds=3,
                penalties=(1.0, 100.0))  # fmt: skip


def people(n: int = 8000, seed: int = 1) -> pd.DataFrame:
    """Admission by age and sex as the score can learn it; in ethnic group K at twice the odds, which it cannot."""
    stream = np.random.default_rng(seed)
    table = pd.DataFrame({"person": np.arange(n) // 2, "age": stream.integers(20, 90, n)})
    table["sex"], table["imd_decile"] = stream.choice(["female", "male"], n), np.arange(n) % 10 + 1
    table["ethnicity"] = stream.choice(["A", "K"], n, p=[0.8, 0.2])
    table["year"] = np.arange(n) % 2 + 2023
    eta = -4 + 0.04 * table["age"] + 0.5 * (table["sex"] == "male") + np.log(2) * (table["ethnicity"] == "K")
    return table.assign(admitted=(stream.random(n) < expit(eta)).astype(int))


def test_scores_are_calibrated_and_the_group_that_the_score_fails_is_seen() -> None:
    table = people()
    model, scores = learn_risk(table, CARD)
    found = risk(table, scores, CARD)
    quality = found["risk_quality"].set_index(["by", "level", "measure"])
    slope = quality.loc[("everyone", "everyone", "calibration_slope"), "value"]
    assert 0.9 < slope < 1.1
    level = quality.xs("calibration_in_the_large", level="measure")
    assert level.loc[("ethnicity", "K"), "lower"] > 0.2
    assert level.loc[("ethnicity", "A"), "upper"] < 0
    curve = found["risk_curve"]
    assert len(curve[curve["by"] == "imd_decile"].groupby("level")) == 10
    assert model is not None
    raw = dict(zip([term[1] or term[0] for term in model.terms], model.coefficients, strict=True))
    assert raw["age"] / table["age"].std() == pytest.approx(0.04, abs=0.005)
    assert RiskModel.from_json(model.to_json()) == model
    assert np.corrcoef(model.scores(table), scores)[0, 1] > 0.99


def test_nobody_stands_on_both_sides_and_periods_are_predicted_from_earlier_ones() -> None:
    table = people(400)
    table["year"] = np.where(np.arange(400) < 200, 2023, 2024)
    for card in (CARD, RiskCard("t", "", outcome="admitted", features=("age",), period="year")):
        own = table if not card.period else table.assign(person=np.arange(400) % 300)
        person = pd.factorize(own["person"])[0]
        for train, test in _splits(own, card, person, 1):
            assert not set(person[train]) & set(person[test])
            if card.period:
                assert own["year"].iloc[train].max() < own["year"].iloc[test].min()


def test_any_classifier_of_scikit_learn_is_tried_in_the_same_way() -> None:
    table = people(2000)
    model, scores = learn_risk(table, CARD, estimator=HistGradientBoostingClassifier(max_iter=20))
    assert model is None
    assert np.isfinite(scores).all()
    quality = risk(table, scores, CARD)["risk_quality"].set_index(["by", "measure"])
    assert quality.loc[("everyone", "auc"), "value"] > 0.6


def test_what_is_ruled_out_holds_for_new_people() -> None:
    """90% of new events, and of others, lie on the right side of cuts of 2,000 people: within three errors."""
    right = []
    for seed in range(40):
        stream = np.random.default_rng(seed)
        p = stream.uniform(0.05, 0.95, 2000)
        cut = _conformal(p, (stream.random(2000) < p).astype(float))
        new = stream.uniform(0.05, 0.95, 2000)
        event = stream.random(2000) < new
        right.append([np.mean(new[event] >= cut["ruled_out_below"]), np.mean(new[~event] <= cut["ruled_in_above"])])
    assert np.mean(right, axis=0) == pytest.approx([0.9, 0.9], abs=0.01)


def test_the_commands_make_a_page_with_ten_deciles_and_all_groups(tmp_path: Path) -> None:
    table, out, page = tmp_path / "people.csv", tmp_path / "out", tmp_path / "page.html"
    people(4000).to_csv(table, index=False)
    card = tmp_path / "mine.toml"
    card.write_text(
        'name = "mine"\nquestion = "Who?"\nkind = "risk"\noutcome = "admitted"\nfeatures = ["age", "sex"]\n'
        'by = ["imd_decile", "ethnicity"]\nfolds = 2\npenalties = [1.0]\nthresholds = [0.2]\n'
    )
    done = RUNNER.invoke(app, ["measure", str(card), "--table", str(table), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert RiskModel.from_json((out / "risk_model.json").read_text()).penalty == 1.0
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    text = page.read_text(encoding="utf-8")
    for words in ("Quality of the score by deprivation decile", "Equal opportunity by ethnic group", "Decision curve"):
        assert words in text
    counts = pd.read_csv(out / "risk_curve.csv")[["people", "events"]].to_numpy().ravel()
    assert not ((counts > 0) & (counts < 8)).any()


def test_what_cannot_be_learnt_is_named_all_at_once() -> None:
    table = people(60).assign(day="2024-01-01")
    with pytest.raises(SchemaError, match="is 1 in every row"):
        learn_risk(table.assign(admitted=1), CARD)
    with pytest.raises(SchemaError) as caught:
        learn_risk(table.assign(age=pd.Timestamp("2024-01-01"), sex=None), CARD)
    assert "'age' holds days" in str(caught.value)
    assert "'sex' has 60 gaps" in str(caught.value)
    with pytest.raises(SchemaError, match="nothing that is to come"):
        risk(in_time(table).assign(came=table["day"]), np.full(60, 0.3), replace(CARD, index="day", happened="came"))
    with pytest.raises(CardError, match="held against index"):
        RiskCard("t", "", outcome="admitted", happened="came")
    with pytest.raises(SchemaError, match="no file of a risk model"):
        RiskModel.from_json("{}")


def in_time(table: pd.DataFrame) -> pd.DataFrame:
    """Days as they should be: the outcome a month after the index day, age recorded a month before."""
    came = np.where(table["admitted"] == 1, "2024-02-01", None)
    return table.assign(day="2024-01-01", came=came, asked="2023-12-01")


def test_outcomes_of_the_past_and_features_of_the_future_are_counted_and_refused() -> None:
    card = replace(CARD, index="day", happened="came", recorded={"age": "asked"})
    table = in_time(people(400))
    assert np.isfinite(learn_risk(table, card)[1]).all()
    had = np.flatnonzero(table["admitted"] == 1)
    table.loc[had[:3], "came"], table.loc[had[3], "came"] = "2024-01-01", None
    table.loc[np.flatnonzero(table["admitted"] == 0)[:2], "came"] = "2024-03-01"
    table.loc[:4, "asked"], table.loc[7, "asked"] = "2024-01-02", "soon"
    with pytest.raises(SchemaError) as caught:
        learn_risk(table, card)
    for words in (
        "3 outcomes lie on or before the index day", "1 outcomes have no day", "2 rows without the outcome have a day",
        "'age' was recorded after the index day in 5 rows ('asked')", "'asked': 1 values are no days",
    ):  # fmt: skip
        assert words in str(caught.value)


def test_a_feature_that_was_filled_in_afterwards_is_named_on_the_page() -> None:
    table = people(3000)
    table["ward"] = np.where(table["admitted"] == 1, "A4", "none")
    card = replace(CARD, features=("age", "ward"))
    found = risk(table, learn_risk(table, card)[1], card)
    section = risk_section(covered_persons(found))
    assert section.statements[0].text.startswith("Caution: ward alone tells nearly everything.")
    assert "Caution" not in risk_section(covered_persons(risk(table, np.full(3000, 0.2), CARD))).statements[0].text
