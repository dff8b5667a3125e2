"""How hyperparameters are integrated: what the importance weights of fresh draws find out, and at what cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.inference.laplace import explore
from bayesineq.inference.laplace.engine import sample
from bayesineq.inference.laplace.surface import Surface
from bayesineq.posterior.diagnose import diagnose
from tests.laplace.cases import make, ring

CHECK = "spread of importance weights of hyperparameters"
N = 80


def fitted(terms: str) -> xr.DataTree:
    rng = np.random.default_rng(3)
    area = [f"{i + 1:06d}" for i in range(N)]
    table = pd.DataFrame({"area": area, "e": rng.gamma(4.0, 2.0, N), "level": rng.integers(1, 11, N)})
    table["y"] = rng.poisson(table["e"] * np.exp(0.4 * rng.normal(size=N)))
    outcome = 'count = "y"\nexpected = "e"\nlikelihood = "poisson"'
    study = make(table, outcome, terms, "", ring(N))
    return sample(study, draws=200, seed=1, progress=False, threads=2, correction="variational")


ONE = 'place = {kind = "icar", by = "area"}'
TWO = 'place = {kind = "bym2", by = "area"}'
THREE = TWO + '\nlevel = {kind = "random_walk", by = "level"}'


@pytest.mark.parametrize("terms", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_fits_pass(terms: str) -> None:
    post = fitted(terms)
    assert 0.0 < post.attrs["hyperparameter_error"] < 0.3
    assert diagnose(post).passed


def test_without_hyperparameters_there_is_nothing_to_find() -> None:
    assert fitted('level = {kind = "linear", by = "level"}').attrs["hyperparameter_error"] == 0.0


def tilted(right: Callable[..., Surface], *given: object) -> Surface:
    """The right density times exp(0.7 u), u its first coordinate."""
    made = right(*given)
    rest = made.rest or (lambda u: np.zeros(len(u)))
    return replace(made, rest=lambda u: rest(u) + 0.7 * u[:, 0], reach=np.inf)


@pytest.mark.parametrize("terms", [TWO, THREE], ids=["grid", "sections"])
def test_wrong_hyperparameters_are_found_out(terms: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log density tilted by 0.7 a unit moves a standard Gaussian by 0.7 sd: weights spread by sqrt(e^0.49 - 1)."""
    for name in ("grid_surface", "copula_surface"):
        monkeypatch.setattr(explore, name, partial(tilted, getattr(explore, name)))
    found = diagnose(fitted(terms)).table.set_index("check").loc[CHECK]
    assert 0.3 < found["value"] < 3.0
    assert not found["passed"]
