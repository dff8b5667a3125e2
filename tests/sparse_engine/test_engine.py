"""The engine as a whole: shape of its answer, islands, bad designs, censoring, reproducibility, interruption."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError, ConvergenceError, DesignError
from bayesineq.inference.sparse_engine.engine import sample
from bayesineq.inference.sparse_engine.groups import leave_group_out
from bayesineq.inference.sparse_engine.terms import latent_field
from bayesineq.space.adjacency import from_edges
from tests.sparse_engine.cases import make, ring

COUNT = 'count = "y"\nexpected = "e"\nlikelihood = "poisson"'
SHARE = 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"'
PLACE = 'place = {kind = "bym2", by = "area"}'
FLAT = 'dist = "Normal", mean = 0.0, sd = 1000.0'
N = 40


def fitted(
    study: Design, seed: int = 1, threads: int = 2, draws: int = 500, correction: str = "variational"
) -> xr.DataTree:
    return sample(study, draws=draws, seed=seed, progress=False, threads=threads, correction=correction)


def counts(seed: int = 5, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    smooth = np.cos(np.arange(n) / n * 2 * np.pi)
    x, e = rng.normal(size=n), rng.gamma(4.0, 2.0, n)
    y = rng.poisson(e * np.exp(0.1 + 0.3 * x + 0.4 * smooth))
    area = [f"{i + 1:06d}" for i in range(n)]
    group = rng.choice(["a", "b", "c"], n)
    return pd.DataFrame({"area": area, "x": x, "e": e, "y": y, "n": y + rng.poisson(30.0, n), "group": group})


def test_answer_has_names_codes_and_checks() -> None:
    terms = f'{PLACE}\nx = {{kind = "linear", by = "x"}}\ng = {{kind = "fixed", by = "group", reference = "b"}}'
    tree = fitted(make(counts(), COUNT, terms, "", ring(N)))
    post = tree["posterior"].to_dataset()
    assert set(post.data_vars) == {"intercept", "place", "x", "g", "place.sigma", "place.phi"}
    assert post["place"].dims == ("chain", "draw", "area")
    assert post["place"].dtype == np.float32
    assert post.sizes["chain"] == 1
    assert post.sizes["draw"] == 500
    assert (post["g"].sel(group="b") == 0.0).all()
    assert set(tree["checks"].data_vars) == {"lpd", "p_waic", "cpo", "pit", "moves", "refit", "failure"}
    assert not tree["checks"]["failure"].to_numpy().any()
    assert tree.attrs["correction"] == "variational"


def test_draws_do_not_depend_on_threads_and_do_on_the_seed() -> None:
    study = make(counts(), COUNT, PLACE, "", ring(N))
    one, four, other = (
        fitted(study, seed, threads)["posterior"]["place"] for seed, threads in ((1, 1), (1, 4), (2, 4))
    )
    assert_array_equal(one, four)
    assert not np.array_equal(one, other)


def test_an_unconnected_area_without_data_changes_no_other() -> None:
    table, graph = counts(), ring(N)
    alone = from_edges(graph.areas[graph.edges], areas=[*graph.areas, "999999"])
    more = pd.concat([table, pd.DataFrame({"area": ["999999"], "x": 0.0, "e": 1.0, "y": 0, "n": 0, "group": "a"})])
    without = fitted(make(table, SHARE, PLACE, "", graph), draws=4000)["posterior"]
    with_it = fitted(make(more, SHARE, PLACE, "", alone), draws=4000)["posterior"]
    shift = without["place"].mean(("chain", "draw")) - with_it["place"].mean(("chain", "draw"))
    # Four Monte Carlo errors of a difference of means of 4,000 draws; a row of nobody at risk says nothing.
    limit = 4 * without["place"].std(("chain", "draw")) * np.sqrt(2 / 4000)
    assert (np.abs(shift) < limit).all()
    spread = with_it["place"].sel(area="999999").std() / np.sqrt((with_it["place.sigma"] ** 2).mean())
    assert_allclose(spread, 1.0, atol=0.05)


def test_all_zero_area_is_a_low_one_and_finite() -> None:
    table = counts()
    table.loc[3, "y"] = 0
    table.loc[3, "e"] = 60.0
    place = fitted(make(table, COUNT, PLACE, "", ring(N)))["posterior"]["place"]
    assert np.isfinite(place).all()
    assert place.isel(area=3).mean() < place.mean(("chain", "draw")).drop_sel(area=table["area"][3]).min()


def test_separation_under_a_vague_prior_is_named() -> None:
    table = counts()
    table.loc[table["group"] == "c", "y"] = 0
    terms = 'g = {kind = "fixed", by = "group", reference = "a"}'
    with pytest.raises(DesignError, match=r"term 'g': no events at all in group c"):
        fitted(make(table, SHARE, terms, f"g = {{{FLAT}}}"))
    bounded = fitted(make(table, SHARE, terms, 'g = {dist = "Normal", mean = 0.0, sd = 2.5}'))["posterior"]["g"]
    assert bounded.sel(group="c").mean() < -2.0


def test_separation_by_a_covariate_is_named() -> None:
    table = counts()
    table["y"] = np.where(table["x"] > 0, table["n"], 0)
    with pytest.raises((DesignError, ConvergenceError), match=r"'x'|did not settle|ran beyond"):
        fitted(make(table, SHARE, 'x = {kind = "linear", by = "x"}', f"x = {{{FLAT}}}\nintercept = {{{FLAT}}}"))


def test_covariates_that_say_the_same_are_named_under_vague_priors() -> None:
    table = counts().assign(z=lambda t: 2.0 * t["x"])
    terms = 'x = {kind = "linear", by = "x"}\nz = {kind = "linear", by = "z"}'
    with pytest.raises(DesignError, match="nothing identifies 'x', 'z'"):
        fitted(make(table, COUNT, terms, f"x = {{{FLAT}}}\nz = {{{FLAT}}}"))
    assert fitted(make(table, COUNT, terms, "")).attrs["engine"] == "laplace"


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_a_covariate_is_undone_by_its_slope(scale: float) -> None:
    table = counts()
    priors = [f'x = {{dist = "Normal", mean = 0.0, sd = {s:g}}}' for s in (1.0, 1.0 / scale)]
    terms = 'x = {kind = "linear", by = "x"}'
    plain = fitted(make(table, COUNT, terms, priors[0]))["posterior"]["x"]
    scaled = fitted(make(table.assign(x=table["x"] * scale), COUNT, terms, priors[1]))["posterior"]["x"]
    assert_allclose(scaled.to_numpy() * scale, plain.to_numpy(), rtol=1e-5)


def test_too_many_levels_of_a_dense_term_name_the_way_out() -> None:
    n = 3200
    table = pd.DataFrame({"k": np.arange(n), "y": np.ones(n, dtype=int), "e": np.ones(n)})
    with pytest.raises(DesignError, match='engine="nuts"'):
        latent_field(make(table, COUNT, 'k = {kind = "fixed", by = "k", reference = 0}', ""))


def test_intervals_of_one_value_are_counts_and_wide_ones_know_less() -> None:
    table = counts().assign(low=lambda t: t["y"], high=lambda t: t["y"])
    censored = 'lower = "low"\nupper = "high"\nexpected = "e"\nlikelihood = "poisson"'
    terms = 'x = {kind = "linear", by = "x"}'
    exact = fitted(make(table, COUNT, terms, ""))["posterior"]["x"]
    same = fitted(make(table, censored, terms, ""))["posterior"]["x"]
    assert_allclose(same, exact, rtol=1e-6)
    wide = table.assign(low=table["y"] // 8 * 8, high=table["y"] // 8 * 8 + 7)
    vague = fitted(make(wide, censored, terms, ""))["posterior"]["x"]
    assert vague.std() > 1.02 * exact.std()
    assert abs(vague.mean() - exact.mean()) < 2.0 * exact.std()


def test_without_correction_only_by_name_and_it_differs() -> None:
    table = counts().assign(e=lambda t: t["e"] / 8.0, y=lambda t: t["y"] // 8)
    study = make(table, COUNT, PLACE, "", ring(N))
    corrected = fitted(study)["posterior"]["intercept"].mean()
    plain = fitted(study, correction="none")
    assert plain.attrs["correction"] == "none"
    # The mode of a skew posterior lies above its mean (engine.md, "the trap").
    assert plain["posterior"]["intercept"].mean() > corrected


def test_interrupt_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bayesineq.inference.sparse_engine.modes.joint_draws", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted(make(counts(), COUNT, PLACE, "", ring(N)))
    assert not [t for t in threading.enumerate() if t.name.startswith("bayesineq-laplace")]


def test_impossible_hyperparameters_are_a_named_error() -> None:
    table = counts().assign(y=0)
    priors = f'intercept = {{{FLAT}}}\nplace.sigma = {{dist = "Uniform", lower = 0.0, upper = 100.0}}'
    with pytest.raises(BayesineqError):
        fitted(make(table, COUNT, PLACE, priors, ring(N)))


def test_cross_validated_probabilities_are_uniform_on_a_world_that_fits() -> None:
    tree = fitted(make(counts(7, 300), COUNT, f'{PLACE}\nx = {{kind = "linear", by = "x"}}', "", ring(300)))
    pit = np.sort(tree["checks"]["pit"].to_numpy())
    # Kolmogorov distance at the 0.1% level for 300 values; mid-probabilities of counts are a little narrower.
    assert np.abs(pit - (np.arange(300) + 0.5) / 300).max() < 1.95 / np.sqrt(300)
    assert (tree["checks"]["cpo"] <= np.exp(tree["checks"]["lpd"]) + 1e-12).mean() > 0.95


def test_groups_of_one_row_are_ordinary_leave_one_out() -> None:
    study = make(counts(7, 60), COUNT, PLACE, "", ring(60))
    alone = leave_group_out(study, np.arange(60))
    assert list(alone.columns) == ["group", "log_density", "moves", "failure"]
    assert not alone["failure"].any()
    # The weight of a row in the average is its density by quadrature in one, and the bound on it in the other.
    assert_allclose(alone["log_density"], np.log(fitted(study)["checks"]["cpo"]), atol=5e-3)
    with pytest.raises(DesignError, match="at least two groups"):
        leave_group_out(study, np.zeros(60))
