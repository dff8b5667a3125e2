"""One verdict on a fit. Oracle: rows that were drawn from the predictions, or from wider, narrower or moved ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayesineq.design.matrix import design
from bayesineq.errors import MeasureError
from bayesineq.inference.fit import fit
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.calibration import calibration, most_by_chance, outside_band
from bayesineq.posterior.files import load, save
from bayesineq.posterior.verdict import verdict

CARD = """
name = "rates"
question = "?"
table = "rates"
[outcome]
name = "cases"
count = "y"
at_risk = "n"
likelihood = "binomial"
[terms]
group = { kind = "exchangeable", by = "g" }
"""


def rows(spread: float, seed: int = 1, n: int = 400, people: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rate = 1 / (1 + np.exp(2 - rng.normal(0, spread, n)))
    return pd.DataFrame({"g": [f"g{k % 8}" for k in range(n)], "n": people, "y": rng.binomial(people, rate)})


def fitted(spread: float) -> xr.DataTree:
    return fit(design(rows(spread), parse_card(CARD)), draws=200, seed=1)


def with_pit(pit: np.ndarray) -> xr.DataTree:
    table = rows(0.0, n=40)
    study = design(table, parse_card(CARD.replace('likelihood = "binomial"', 'likelihood = "beta_binomial"')))
    values = {
        "intercept": np.zeros((1, 50)),
        "group": np.zeros((1, 50, 8)),
        "group.sigma": np.ones((1, 50)),
        "outcome.concentration": np.ones((1, 50)),
    }
    return posterior_tree(study, values, engine="laplace", seed=1, checks={"pit": pit})


def test_a_right_model_is_sound_and_one_without_the_spread_of_its_rows_is_not(tmp_path: Path) -> None:
    sound, narrow = verdict(fitted(0.0)), fitted(0.6)
    assert sound.level == "sound"
    assert "fell where the model expects them" in sound.text
    found = verdict(narrow)
    assert found.level == "caution"
    assert "too narrow" in found.advice
    assert "likelihood = 'beta_binomial'" in found.advice
    assert "passed all" not in found.text.partition(", but not")[2]
    # A saved file keeps no row's checks together, and says the same.
    save(narrow, tmp_path / "post.nc")
    kept = load(tmp_path / "post.nc")
    assert str(verdict(kept)) == str(found)
    save(kept, tmp_path / "again.nc")
    assert str(verdict(load(tmp_path / "again.nc"))) == str(found)
    pd.testing.assert_frame_equal(calibration(kept, bins=10), calibration(narrow, bins=10))
    with pytest.raises(MeasureError, match="ask for a divisor"):
        calibration(kept, bins=7)


def test_checks_torn_from_their_rows_are_not_drawn(tmp_path: Path) -> None:
    save(fitted(0.6), tmp_path / "post.nc")
    old = load(tmp_path / "post.nc")
    del old["calibration"]
    with pytest.raises(MeasureError, match="fit and save it again"):
        calibration(old)


@pytest.mark.parametrize(
    ("made", "words"),
    [(lambda u: stats.norm.cdf(1.6 * stats.norm.ppf(u)), "too narrow"),
     (lambda u: stats.norm.cdf(0.6 * stats.norm.ppf(u)), "too wide"),
     (lambda u: stats.norm.cdf(stats.norm.ppf(u) + 0.5), "higher than predicted"),
     (lambda u: stats.norm.cdf(stats.norm.ppf(u) - 0.5), "lower than predicted"),
     (lambda u: stats.norm.cdf(1.03 * stats.norm.ppf(u)), "is small")],
)  # fmt: skip
def test_the_advice_follows_the_shape(made, words: str) -> None:
    number = 200_000 if words == "is small" else 3_000
    found = verdict(with_pit(made((np.arange(number) + 0.5) / number)))
    assert found.level == "caution"
    assert words in found.advice


def test_the_share_held_is_that_of_the_rows() -> None:
    pit = stats.norm.cdf(1.6 * stats.norm.ppf((np.arange(5_000) + 0.5) / 5_000))
    held = float(((pit > 0.05) & (pit < 0.95)).mean())
    assert f"held {100 * held:.1f}% of them" in verdict(with_pit(pit)).text


def test_chance_alone_is_called_sound_in_99_of_100() -> None:
    rng = np.random.default_rng(3)
    outside = [outside_band(calibration(with_pit(rng.uniform(size=2_000)))) for _ in range(200)]
    assert np.mean(np.array(outside) > most_by_chance()) <= 0.02


def test_a_failed_check_goes_before_everything() -> None:
    post = with_pit(np.full(40, 0.5))
    post["posterior"]["intercept"][0, 0] = np.nan
    found = verdict(post)
    assert found.level == "failed"
    assert "Do not act on it yet" in found.advice
    assert "passed" not in str(found)


def test_without_held_out_rows_the_verdict_says_so() -> None:
    post = with_pit(np.full(40, 0.5))
    del post["checks"]
    assert "was not checked" in verdict(post).text
