"""One comparison: published numbers, a simulated truth by three methods, a posterior, the page, one message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from bayesineq import example
from bayesineq.cli import app
from bayesineq.errors import CardError, SchemaError
from bayesineq.systems import EffectCard, effect

RUNNER = CliRunner()
STONES = pd.DataFrame({
    "surgery": ["open", "open", "keyhole", "keyhole"], "size": ["large", "small"] * 2, "success": [192, 81, 55, 234],
    "patients": [263, 87, 80, 270],
})  # fmt: skip
CARD = EffectCard("stones", "Which works?", outcome="success", people="patients", exposure="surgery", exposed="open",
                  reference="keyhole", adjust=("size",))  # fmt: skip


def test_kidney_stones_by_model_weights_and_matching() -> None:
    """
    Charig 1986 as in the textbook: .8325 against .7789 at the same sizes, +.0537, where the crude numbers, .780 and
    .826, say the opposite. Weights and matches of one stratum of each size are exact; odds ratios by hand.
    """
    found = effect(STONES, CARD)["effect_measures"].set_index(["method", "measure"])["value"]
    for method, tolerance in (("weighting", 5e-5), ("matching", 5e-5), ("model", 0.003)):
        own = found[method]
        assert own["risk_exposed"] == pytest.approx(0.8325, abs=tolerance)
        assert own["risk_reference"] == pytest.approx(0.7789, abs=tolerance)
        assert own["risk_difference"] == pytest.approx(0.0537, abs=2 * tolerance)
        assert own["risk_ratio"] == pytest.approx(0.8325 / 0.7789, abs=10 * tolerance)
        assert own["odds_ratio"] == pytest.approx(0.8325 / 0.1675 / (0.7789 / 0.2211), abs=20 * tolerance)
    assert found["crude", "risk_difference"] == pytest.approx(273 / 350 - 289 / 350, abs=1e-9)


def confounded(seed: int, n: int = 6000) -> tuple[pd.DataFrame, float]:
    """Exposure and outcome both rise with age; the true difference if everybody were exposed, or nobody."""
    stream = np.random.default_rng(seed)
    age = stream.integers(0, 6, n)
    exposed = stream.random(n) < expit(-1.5 + 0.5 * age)
    none, some = expit(-3 + 0.4 * age), expit(-2.5 + 0.4 * age)
    table = pd.DataFrame({"age": age, "exposed": exposed.astype(int)})
    return table.assign(outcome=(stream.random(n) < np.where(exposed, some, none)).astype(int)), float(
        np.mean(some - none)
    )


def test_three_methods_hold_the_truth_that_the_crude_numbers_miss() -> None:
    """Of 25 worlds, 95% intervals of each method hold the truth in at least 21: fewer is a chance of 1 in 140."""
    card = EffectCard("t", "", outcome="outcome", exposure="exposed", adjust=("age",), draws=300)
    held = {}
    for seed in range(25):
        table, truth = confounded(seed)
        found = effect(table, card, seed=seed)["effect_measures"]
        for row in found[found["measure"] == "risk_difference"].itertuples():
            held.setdefault(row.method, []).append(row.lower <= truth <= row.upper)
    for method in ("model", "weighting", "matching"):
        assert sum(held[method]) >= 21
    assert sum(held["crude"]) <= 2


def test_people_without_a_match_are_left_out_and_counted() -> None:
    """The old are all exposed: nobody is near enough to them, and the comparison is of the young alone."""
    table = pd.DataFrame({
        "age": ["young", "young", "old"], "exposed": ["no", "yes", "yes"], "events": [10, 20, 90],
        "people": [100, 100, 100],
    })  # fmt: skip
    found = effect(table, EffectCard("t", "", outcome="events", people="people", exposure="exposed", adjust=("age",)))
    about = found["effect_about"].set_index("item")["value"]
    assert about["without a match"] == "33.3% of people"
    matched = found["effect_measures"].query("method == 'matching'").set_index("measure")["value"]
    assert matched["risk_difference"] == pytest.approx(0.1, abs=1e-9)


def test_a_posterior_gives_all_measures_from_the_same_draws() -> None:
    """The made-up place: Asian against White people, one and a half times the risk."""
    card = EffectCard("t", "", outcome="cases", exposure="ethnicity", exposed="asian", reference="white")
    found = effect(example().post, card)["effect_measures"].set_index("measure")["value"]
    assert found["risk_ratio"] == pytest.approx(1.5, abs=0.07)
    assert found["odds_ratio"] > found["risk_ratio"]
    assert found["risk_exposed"] - found["risk_reference"] == pytest.approx(found["risk_difference"], abs=1e-9)


def test_the_commands_make_a_page(tmp_path: Path) -> None:
    table, card, out, page = (tmp_path / name for name in ("t.csv", "mine.toml", "out", "page.html"))
    STONES.to_csv(table, index=False)
    card.write_text(
        'name = "stones"\nquestion = "?"\nkind = "effect"\noutcome = "success"\npeople = "patients"\n'
        'exposure = "surgery"\nexposed = "open"\nreference = "keyhole"\nadjust = ["size"]\ndraws = 500\n'
    )
    done = RUNNER.invoke(app, ["measure", str(card), "--table", str(table), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Open against keyhole: risk difference" in done.output
    assert "With nothing held equal, it is the other way round." in done.output
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    assert "Inverse weighting" in page.read_text(encoding="utf-8")
    few = STONES.assign(success=[3, 2, 4, 5])
    few.to_csv(table, index=False)
    RUNNER.invoke(app, ["measure", str(card), "--table", str(table), "--out", str(out)], catch_exceptions=False)
    assert pd.read_csv(out / "effect_measures.csv")["value"].isna().all()


def test_what_is_wrong_is_one_message() -> None:
    with pytest.raises(SchemaError) as caught:
        effect(STONES.assign(success=[300, -1, 2, 2], size=["large", None, "large", "small"]), CARD)
    assert "'success': 2 numbers are missing, below 0 or above patients" in str(caught.value)
    assert "'size' has 1 gaps" in str(caught.value)
    with pytest.raises(SchemaError, match="one class only: it happens to nobody"):
        effect(STONES.assign(success=0), CARD)
    with pytest.raises(SchemaError, match=r"has no level \['open'\]"):
        effect(STONES.replace("open", "laser"), CARD)
    with pytest.raises(SchemaError, match="no proportion by 'surgery'"):
        effect(example().post, CARD)
    with pytest.raises(CardError, match="name the exposed and the reference level, or neither"):
        EffectCard("t", "", outcome="y", exposure="x", exposed="1")
