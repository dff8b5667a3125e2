"""What no fit can use, and what looks as if it could not: a named error or a right answer, and never a hang."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesineq.errors import BayesineqError, DesignError
from bayesineq.space.adjacency import from_edges
from tests.sparse_engine.cases import make, ring
from tests.sparse_engine.test_engine import COUNT, FLAT, PLACE, SHARE, N, counts, fitted

VALUE = 'value = "v"\nlikelihood = "{}"'
DRAWS = 8000
LINE = 'x = {kind = "linear", by = "x"}'


def same(moved: xr.DataArray, plain: xr.DataArray) -> None:
    """Means and standard deviations apart by less than four Monte Carlo errors of the difference of two samples."""
    sd = float(plain.std())
    assert abs(float(moved.mean() - plain.mean())) < 4 * sd * np.sqrt(2 / DRAWS)
    assert abs(float(moved.std()) / sd - 1) < 4 * np.sqrt(1 / DRAWS)


def posterior(table: pd.DataFrame, outcome: str, priors: str) -> xr.Dataset:
    return fitted(make(table, outcome, LINE, priors), draws=DRAWS)["posterior"].to_dataset()


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scale_of_exposure_is_undone_by_the_intercept(scale: float) -> None:
    priors, table = f"intercept = {{{FLAT}}}", counts()
    plain = posterior(table, COUNT, priors)
    moved = posterior(table.assign(e=table["e"] * scale), COUNT, priors)
    same(moved["intercept"] + np.log(scale), plain["intercept"])
    same(moved["x"], plain["x"])


@pytest.mark.parametrize("likelihood", ["log_normal", "gamma"])
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_unit_of_a_positive_outcome_is_undone_by_the_intercept(likelihood: str, scale: float) -> None:
    table, priors = counts().assign(v=lambda t: t["y"] + 0.5), f"intercept = {{{FLAT}}}"
    plain = posterior(table, VALUE.format(likelihood), priors)
    moved = posterior(table.assign(v=table["v"] * scale), VALUE.format(likelihood), priors)
    same(moved["intercept"] - np.log(scale), plain["intercept"])
    same(moved["x"], plain["x"])


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_unit_of_a_gaussian_outcome_is_undone_by_its_priors(scale: float) -> None:
    def study(unit: float) -> xr.Dataset:
        priors = f"""intercept = {{dist = "Normal", mean = 0.0, sd = {10 * unit}}}
x = {{dist = "Normal", mean = 0.0, sd = {unit}}}
outcome.sigma = {{dist = "HalfNormal", sd = {unit}}}"""
        return posterior(counts().assign(v=lambda t: unit * np.log(t["y"] + 0.5)), VALUE.format("gaussian"), priors)

    plain, moved = study(1.0), study(scale)
    for name in ("intercept", "x", "outcome.sigma"):
        same(moved[name] / scale, plain[name])


@pytest.mark.parametrize("size", [1e200, 1e300, 1e-200])
def test_numbers_whose_squares_have_no_room_are_fitted_in_units_of_their_own(size: float) -> None:
    table = counts()
    plain, moved = (posterior(table.assign(x=table["x"] * by), COUNT, "") for by in (1.0, size))
    same(moved["x"] * size, plain["x"])
    plain, moved = (posterior(table.assign(v=table["y"] * by), VALUE.format("gaussian"), "") for by in (1.0, size))
    for name in ("intercept", "x", "outcome.sigma"):
        same(moved[name] / size, plain[name])


@pytest.mark.parametrize(
    ("outcome", "terms", "change", "says"),
    [
        (COUNT, PLACE, {"e": 0.0}, r"'e' \(expected\) is not positive in 1 rows \(counted from 0: 3\)"),
        (COUNT, PLACE, {"e": -1.0}, r"'e' \(expected\) is not positive in 1 rows"),
        (COUNT, PLACE, {"e": np.nan}, "'e' is missing or infinite in 1 rows"),
        (COUNT, PLACE, {"y": np.inf}, "'y' is missing or infinite in 1 rows"),
        (COUNT, LINE, {"x": np.nan}, "'x' is missing or infinite in 1 rows"),
        (COUNT, LINE, {"x": np.inf}, "'x' is missing or infinite in 1 rows"),
        (SHARE, PLACE, {"n": np.nan}, "'n' is missing or infinite in 1 rows"),
        (VALUE.format("gaussian"), PLACE, {"v": -np.inf}, "'v' is missing or infinite in 1 rows"),
        (VALUE.format("gamma"), PLACE, {"v": 0.0}, "'v' is not positive in 1 rows"),
    ],
)
def test_what_says_nothing_is_refused_with_its_row(
    outcome: str, terms: str, change: dict[str, float], says: str
) -> None:
    table = counts().assign(v=lambda t: t["y"] + 0.5)
    column, value = next(iter(change.items()))
    table[column] = table[column].astype(float).where(table.index != 3, value)
    with pytest.raises(DesignError, match=says):
        make(table, outcome, terms, "", ring(N))


@pytest.mark.parametrize("outcome", [COUNT, SHARE])
def test_no_events_anywhere_under_a_flat_prior_is_a_named_error(outcome: str) -> None:
    """The likelihood rises for ever as the rate falls to zero, and nothing stops it."""
    with pytest.raises(BayesineqError, match="prior"):
        fitted(make(counts().assign(y=0), outcome, PLACE, f"intercept = {{{FLAT}}}", ring(N)))


def test_an_unconnected_area_without_data_leaves_the_evidence_as_it_was() -> None:
    """Its effect integrates out: the marginal likelihood is the same, and so every other area's posterior."""
    table, graph = counts(), ring(N)
    alone = from_edges(graph.areas[graph.edges], areas=[*graph.areas, "999999"])
    more = pd.concat([table, pd.DataFrame({"area": ["999999"], "x": 0.0, "e": 1.0, "y": 0, "n": 0, "group": "a"})])
    for terms in (PLACE, 'place = {kind = "icar", by = "area"}'):
        without, with_it = fitted(make(table, SHARE, terms, "", graph)), fitted(make(more, SHARE, terms, "", alone))
        assert_allclose(
            with_it.attrs["log_marginal_likelihood"], without.attrs["log_marginal_likelihood"], rtol=0, atol=2e-3
        )


LONG = """
import numpy as np, pandas as pd
from bayesineq.inference.sparse_engine.engine import sample
from tests.sparse_engine.cases import make, numbered
side = 150
code = np.arange(side * side).reshape(side, side) + 1
edges = [*zip(code[:, 1:].ravel(), code[:, :-1].ravel()), *zip(code[1:].ravel(), code[:-1].ravel())]
graph = numbered(np.array(edges), side * side)
rng = np.random.default_rng(1)
table = pd.DataFrame({"area": graph.areas, "e": 5.0, "y": rng.poisson(5.0, side * side)})
outcome = 'count = "y"\\nexpected = "e"\\nlikelihood = "poisson"'
study = make(table, outcome, 'place = {kind = "bym2", by = "area"}', "", graph)
print("begun", flush=True)
while True:
    sample(study, draws=2000, seed=1, progress=False, threads=2, correction="variational")
"""


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.3, 2.0])
def test_control_c_ends_a_fit(wait: float) -> None:
    """At two moments of a long fit, one early and one later: it ends by KeyboardInterrupt."""
    with subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "begun\n"
        time.sleep(wait)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=600)
    assert "KeyboardInterrupt" in told
    assert run.returncode in (1, 130, -signal.SIGINT)
