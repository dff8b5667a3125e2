"""
Where a prior and the data pull apart, scales have several modes: against the integral over both scales.

The oracle knows no modes: with a Gaussian outcome and one exchangeable term everything given the two scales is textbook
algebra, added up over a grid that holds all of both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.inference.fit import fit
from bayesineq.inference.sparse_engine.engine import over_modes
from tests.sparse_engine.cases import make

Float = NDArray[np.float64]

MEAN, SD, N_GROUP, EACH = 131.4, 18.0, 20, 3
OUTCOME = 'value = "y"\nlikelihood = "gaussian"'


def study(intercept_sd: float, group_above: float, noise_above: float) -> Design:
    """Blood pressure under a stated prior of the intercept that lies at zero."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"g": np.repeat([f"g{i:02d}" for i in range(N_GROUP)], EACH)})
    table["y"] = rng.normal(MEAN, SD, len(table))
    priors = f"""intercept = {{ dist = "Normal", mean = 0, sd = {intercept_sd} }}
k.sigma = {{ dist = "PC", above = {group_above}, probability = 0.01 }}
outcome.sigma = {{ dist = "PC", above = {noise_above}, probability = 0.01 }}"""
    return make(table, OUTCOME, 'k = { kind = "exchangeable", by = "g" }', priors)


def exact(made: Design) -> dict[str, float]:
    """Posterior means of intercept and scales, and sd of the intercept."""
    y = made.response.value.reshape(N_GROUP, EACH)
    rate = {name: -np.log(0.01) / made.prior(name)["above"] for name in ("k.sigma", "outcome.sigma")}
    sd = made.prior("intercept")["sd"]
    group = np.exp(np.linspace(np.log(0.01), np.log(900.0), 500))[:, None]
    noise = np.exp(np.linspace(np.log(3.0), np.log(500.0), 500))[None, :]
    # A group's mean has variance group^2 + noise^2 / EACH; what is left of its rows, noise^2.
    between, left = group**2 + noise**2 / EACH, ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
    precision = N_GROUP / between + sd**-2.0
    centre = y.mean(axis=1).sum() / between / precision
    value = -0.5 * (N_GROUP * np.log(between) + (y.mean(axis=1) ** 2).sum() / between)
    value += -0.5 * (np.log(precision) - precision * centre**2)
    value += -N_GROUP * (EACH - 1) * np.log(noise) - 0.5 * left / noise**2
    value += -rate["k.sigma"] * group - rate["outcome.sigma"] * noise + np.log(group) + np.log(noise)
    weight = np.exp(value - value.max())
    weight /= weight.sum()
    mean = float((weight * centre).sum())
    return {
        "intercept": mean,
        "sd": float(np.sqrt((weight * (1.0 / precision + (centre - mean) ** 2)).sum())),
        "k.sigma": float((weight * group).sum()),
        "outcome.sigma": float((weight * noise).sum()),
    }


@pytest.mark.parametrize(
    ("intercept_sd", "group_above", "noise_above", "modes"),
    [
        # The noise takes all, both do, the groups take all.
        (5.0, 3.5, 200.0, 1),
        (5.0, 4.3, 200.0, 2),
        (5.0, 4.6, 200.0, 2),
        (5.0, 5.0, 200.0, 2),
        (5.0, 7.0, 200.0, 1),
        (5.0, 1.0, 1.0, 1),
        (20.0, 20.0, 200.0, 1),
    ],
)
def test_all_modes_are_integrated(intercept_sd: float, group_above: float, noise_above: float, modes: int) -> None:
    made = study(intercept_sd, group_above, noise_above)
    expected = exact(made)
    post = fit(made, draws=4000, seed=1, progress=False)
    draws = post["posterior"].dataset
    assert post.attrs["modes"] == modes
    for name in ("intercept", "k.sigma", "outcome.sigma"):
        spread = float(draws[name].std())
        assert abs(float(draws[name].mean()) - expected[name]) < 0.06 * spread, (name, expected)
    assert abs(float(draws["intercept"].std()) / expected["sd"] - 1.0) < 0.06


def test_a_silent_card_has_one_mode_at_the_data() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"g": np.repeat([f"g{i:02d}" for i in range(20)], 10), "y": rng.normal(MEAN, SD, 200)})
    post = fit(make(table, OUTCOME, 'k = { kind = "exchangeable", by = "g" }', ""), seed=1, progress=False)
    assert post.attrs["modes"] == 1
    draws = post["posterior"].dataset
    assert abs(float(draws["intercept"].mean()) - table["y"].mean()) < 0.5
    assert abs(float(draws["outcome.sigma"].mean()) / table["y"].std() - 1.0) < 0.05


def test_checks_of_rows_average_over_modes() -> None:
    """Without a row a mode weighs its evidence over what it says of the row: two modes of 1/4 and 3/4, in numbers."""
    checks = [{"lpd": np.log([0.2]), "cpo": np.array([0.1]), "pit": np.array([0.9]), "failure": np.array([0.0])}]
    checks[0]["p_waic"] = np.array([0.04])
    checks.append({"lpd": np.log([0.6]), "cpo": np.array([0.5]), "pit": np.array([0.3]), "failure": np.array([1.0])})
    checks[1]["p_waic"] = np.array([0.08])
    found = over_modes(checks, np.log([0.25, 0.75]))
    np.testing.assert_allclose(np.exp(found["lpd"]), 0.25 * 0.2 + 0.75 * 0.6)
    np.testing.assert_allclose(found["cpo"], 1.0 / (0.25 / 0.1 + 0.75 / 0.5))
    np.testing.assert_allclose(found["pit"], (2.5 * 0.9 + 1.5 * 0.3) / 4.0)
    assert found["failure"] == 1.0
    # The variance of a mixture of two normals of a log density, with means log(.2) - .02 and log(.6) - .04.
    apart = np.log(0.2) - 0.02 - (np.log(0.6) - 0.04)
    np.testing.assert_allclose(found["p_waic"], 0.25 * 0.04 + 0.75 * 0.08 + 0.25 * 0.75 * apart**2)
