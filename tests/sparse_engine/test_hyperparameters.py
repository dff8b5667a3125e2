"""How hyperparameters are integrated: what the importance weights of fresh draws find out, and at what cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesineq.inference.sparse_engine import chain, explore
from bayesineq.inference.sparse_engine.engine import sample
from bayesineq.inference.sparse_engine.surface import Section, Surface
from bayesineq.posterior.diagnose import diagnose
from tests.calibration.study_diagnose import RIGHT
from tests.calibration.study_diagnose import fitted as world_fitted
from tests.sparse_engine.cases import make, ring

CHECK = "spread of importance weights of hyperparameters"
EFFECTIVE = "effective draws of chains over hyperparameters"
N = 80


def fitted(terms: str) -> xr.DataTree:
    rng = np.random.default_rng(3)
    area = [f"{i + 1:06d}" for i in range(N)]
    table = pd.DataFrame({"area": area, "e": rng.gamma(4.0, 2.0, N), "level": rng.integers(1, 11, N)})
    table["y"] = rng.poisson(table["e"] * np.exp(0.4 * rng.normal(size=N)))
    outcome = 'count = "y"\nexpected = "e"\nlikelihood = "poisson"'
    study = make(table, outcome, terms, "", ring(N))
    return sample(study, draws=500, seed=1, progress=False, threads=2, correction="variational")


ONE = 'place = {kind = "icar", by = "area"}'
TWO = 'place = {kind = "bym2", by = "area"}'
THREE = TWO + '\nlevel = {kind = "random_walk", by = "level"}'


@pytest.mark.parametrize("terms", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_fits_pass(terms: str) -> None:
    post = fitted(terms)
    assert 0.0 < post.attrs["hyperparameter_error"] < 0.3
    table = diagnose(post).table
    # Areas scatter by themselves too, which a map of neighbours alone cannot hold: that is named, and nothing else.
    scattered = ["spread of counts about their means, in variances of the likelihood"] if terms == ONE else []
    assert table.loc[~table["passed"], "check"].tolist() == scattered


def test_without_hyperparameters_there_is_nothing_to_find() -> None:
    assert fitted('level = {kind = "linear", by = "level"}').attrs["hyperparameter_error"] == 0.0


def tilted(right: Callable[..., Surface], *given: object) -> Surface:
    """The right density times exp(0.7 u), u its first coordinate."""
    made = right(*given)
    rest = made.rest or (lambda u: np.zeros(len(u)))
    return replace(made, rest=lambda u: rest(u) + 0.7 * u[:, 0], reach=np.inf)


def same(post: xr.DataTree, right: xr.DataTree) -> None:
    """Hyperparameters to 0.2 sd, four errors of 400 effective draws."""
    for name in ("place.sigma", "place.phi"):
        drawn, expected = post["posterior"][name], right["posterior"][name]
        assert abs(float(drawn.mean() - expected.mean())) < 0.2 * float(expected.std())
        assert 0.8 < float(drawn.std() / expected.std()) < 1.25


@pytest.mark.parametrize("terms", [TWO, THREE], ids=["grid", "sections"])
def test_wrong_hyperparameters_are_found_out_and_told_by_slopes(terms: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log density tilted by 0.7 a unit has weights of sd sqrt(e^0.49 - 1): nodes with slopes take its place."""
    right = fitted(terms)
    for name in ("grid_surface", "copula_surface"):
        monkeypatch.setattr(explore, name, partial(tilted, getattr(explore, name)))
    by_slopes = fitted(terms)
    assert by_slopes.attrs["hyperparameter_error"] < 0.3
    assert "chain_rhat" not in by_slopes.attrs
    same(by_slopes, right)


@pytest.fixture
def tilts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every surface of two hyperparameters is tilted by 0.7 a unit, which moves a standard Gaussian by 0.7 sd."""
    for name in ("grid_surface", "sloped_surface"):
        monkeypatch.setattr(explore, name, partial(tilted, getattr(explore, name)))


def test_chains_over_a_wrong_surface_draw_the_right_density(request: pytest.FixtureRequest) -> None:
    right = fitted(TWO)
    request.getfixturevalue("tilts")
    post = fitted(TWO)
    assert 0.3 < post.attrs["hyperparameter_error"] < 3.0
    same(post, right)
    checks = diagnose(post).table.set_index("check")
    assert CHECK not in checks.index
    assert checks.loc[["rhat of chains over hyperparameters", EFFECTIVE], "passed"].all()


@pytest.mark.usefixtures("tilts")
def test_chains_too_short_to_agree_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_MOST_ROUNDS", 4)
    monkeypatch.setattr(chain, "_ROUNDS", 4)
    checks = diagnose(fitted(TWO)).table.set_index("check")
    few = checks.loc[EFFECTIVE]
    assert not few["passed"]
    assert "engine='nuts'" in few["advice"]


@pytest.mark.parametrize("seed", [3003, 3007])
def test_short_tables_of_negative_binomial_counts_are_told_by_nodes_with_slopes(seed: int) -> None:
    """Tables of 48 and 27 rows on a map, of the study of checks: values of nodes alone left weights .57 and .60."""
    kind = "negative binomial, map"
    world = RIGHT[kind](np.random.default_rng([seed, *kind.encode()]))
    assert world_fitted(world, seed).attrs["hyperparameter_error"] < 0.2


def test_beyond_its_knots_a_section_ends_as_an_exponential() -> None:
    """Log density -3 |t|, u^2 / 2 = 3 |t|: positions far beyond the knots are those of the density itself."""
    t = np.array([-1.5, -0.7, 0.0, 0.4, 1.1])
    section = Section(np.sign(t) * np.sqrt(6.0 * np.abs(t)), t)
    u = np.array([-6.0, -4.0, 3.5, 7.0])
    found = section.position(u)
    assert_allclose(found, np.sign(u) * u**2 / 6.0, rtol=0.06)
    assert_allclose(section.score(found), u, rtol=1e-12)
    assert_allclose(
        np.exp(section.log_slope(u)), (section.position(u + 1e-6) - section.position(u - 1e-6)) / 2e-6, rtol=1e-6
    )


def test_a_few_groups_share_a_level_as_wide_as_the_tail_of_their_scale() -> None:
    """
    Three groups, sigma exponential: intercept and level trade, and the level's variance is E[sigma^2] / 3.

    The oracle adds up over sigma: with a Gaussian outcome all else is textbook algebra.
    """
    rng = np.random.default_rng(2)
    group = np.repeat(["a", "b", "c"], 40)
    table = pd.DataFrame({"group": group, "y": rng.normal(size=120) + np.repeat([0.2, -0.1, 0.4], 40)})
    priors = (
        'intercept = {dist = "Normal", mean = 0, sd = 10}\noutcome.sigma = {dist = "PC", above = 5, probability = 0.01}'
    )
    terms = 'group = {kind = "exchangeable", by = "group"}'
    study = make(table, 'value = "y"\nlikelihood = "gaussian"', terms, priors)
    rate = -np.log(study.prior("group.sigma")["probability"]) / study.prior("group.sigma")["above"]
    post = sample(study, draws=20_000, seed=1, progress=False, threads=2, correction="variational")
    member = (group[:, None] == np.array(["a", "b", "c"])).astype(float)
    log_sigma, log_noise = np.linspace(-9.0, 3.5, 160), np.linspace(-0.4, 0.4, 40)
    weight, variance, mean = [], [], []
    for noise in np.exp(log_noise):
        for sigma in np.exp(log_sigma):
            total = sigma**2 * member @ member.T + noise**2 * np.eye(120)
            solved = np.linalg.solve(total, np.column_stack([np.ones(120), table["y"]]))
            precision = solved[:, 0].sum() + 0.01
            centre = solved[:, 1].sum() / precision
            fit_ = -0.5 * (
                np.linalg.slogdet(total)[1] + np.log(precision) + table["y"] @ solved[:, 1] - precision * centre**2
            )
            weight.append(fit_ - rate * sigma + np.log(sigma) + np.log(noise) + np.log(0.01) / 5 * noise)
            variance.append(1.0 / precision)
            mean.append(centre)
    weight = np.exp(np.array(weight) - max(weight))
    weight /= weight.sum()
    middle = weight @ np.array(mean)
    sd = np.sqrt(weight @ (np.array(variance) + (np.array(mean) - middle) ** 2))
    intercept = post["posterior"]["intercept"].to_numpy()
    # The sd of 20,000 draws of this tail has a Monte Carlo error of 1%.
    assert abs(intercept.mean() - middle) < 0.05 * sd
    assert abs(intercept.std() / sd - 1) < 0.04
