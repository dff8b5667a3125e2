"""ArviZ on posteriors of both engines: what it reads is there, and log likelihoods are those of the likelihood."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import arviz as az
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayesineq as bi
from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError, PosteriorError
from bayesineq.inference.fit import NutsOptions
from bayesineq.inference.for_arviz import to_arviz
from bayesineq.inference.nuts.hand_over import pymc_model
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.population import resolve
from bayesineq.posterior.predictor import own_parameters, predictor_of, row_means
from bayesineq.space.adjacency import from_edges

mpl.use("Agg")

HEAD = 'name = "test"\nquestion = "What does a test ask?"\ntable = "area_counts"\n'
TERMS = "place = { kind = 'bym2', by = 'area' }\nslope = { kind = 'linear', by = 'x' }"
AREAS = [f"E{i:02d}" for i in range(25)]


def table() -> pd.DataFrame:
    stream = np.random.default_rng(4)
    n = 100
    x, trials, expected = stream.normal(size=n), stream.integers(20, 90, n), stream.uniform(3.0, 20.0, n)
    rate = np.exp(0.3 * x) * expected
    count = stream.binomial(trials, 0.3)
    return pd.DataFrame(
        {
            "area": np.resize(AREAS, n),
            "x": x,
            "trials": trials,
            "cases": count,
            "lower": np.where(count < 14, 1, count),
            "upper": np.where(count < 14, 14, count),
            "expected": expected,
            "events": np.where(stream.random(n) < 0.1, 0, stream.poisson(rate * stream.gamma(4.0, 0.25, n))),
            "value": 5.0 + x + stream.normal(size=n),
            "error": stream.uniform(0.5, 1.5, n),
            "cost": stream.gamma(3.0, np.exp(0.2 * x)),
        }
    )


def study(outcome: str, terms: str = TERMS, rows: pd.DataFrame | None = None) -> Design:
    square = np.arange(25).reshape(5, 5)
    across = np.stack([square[:, :-1].ravel(), square[:, 1:].ravel()], axis=1)
    down = np.stack([square[:-1].ravel(), square[1:].ravel()], axis=1)
    edges = np.array(AREAS)[np.concatenate([across, down])]
    card = parse_card(f"{HEAD}\n[outcome]\n{outcome}\n[terms]\n{terms}\n")
    return bi.design(table() if rows is None else rows, card, adjacency=from_edges(edges, areas=AREAS))


COUNTED = 'count = "events"\nexpected = "expected"\nlikelihood = '
LAWS: dict[str, tuple[str, Callable[..., np.ndarray]]] = {
    "binomial": (
        'count = "cases"\nat_risk = "trials"\nlikelihood = "binomial"',
        lambda t, m, own: stats.binom.logpmf(t["cases"], t["trials"], m),
    ),
    "beta_binomial": (
        'count = "cases"\nat_risk = "trials"\nlikelihood = "beta_binomial"',
        lambda t, m, own: stats.betabinom.logpmf(
            t["cases"], t["trials"], m * own["concentration"], (1 - m) * own["concentration"]
        ),
    ),
    "interval": (
        'lower = "lower"\nupper = "upper"\nat_risk = "trials"\nlikelihood = "binomial"',
        lambda t, m, own: np.log(
            stats.binom.cdf(t["upper"], t["trials"], m) - stats.binom.cdf(t["lower"] - 1, t["trials"], m)
        ),
    ),
    "poisson": (
        f'{COUNTED}"poisson"',
        lambda t, m, own: stats.poisson.logpmf(t["events"], m * t["expected"]),
    ),
    "negative_binomial": (
        f'{COUNTED}"negative_binomial"',
        lambda t, m, own: stats.nbinom.logpmf(
            t["events"], own["size"], own["size"] / (own["size"] + m * t["expected"])
        ),
    ),
    "zero_inflated_poisson": (
        f'{COUNTED}"zero_inflated_poisson"',
        lambda t, m, own: np.log(
            own["zero"] * (t["events"] == 0)
            + (1 - own["zero"]) * stats.poisson.pmf(t["events"], m / (1 - own["zero"]) * t["expected"])
        ),
    ),
    "gaussian": (
        'value = "value"\nlikelihood = "gaussian"',
        lambda t, m, own: stats.norm.logpdf(t["value"], m, own["sigma"]),
    ),
    "estimate_with_error": (
        'value = "value"\nstandard_error = "error"\nlikelihood = "estimate_with_error"',
        lambda t, m, own: stats.norm.logpdf(t["value"], m, t["error"]),
    ),
    "log_normal": (
        'value = "cost"\nlikelihood = "log_normal"',
        lambda t, m, own: stats.lognorm.logpdf(
            t["cost"], own["sigma"], scale=m * np.exp(-(own["sigma"] ** 2) / 2)
        ),
    ),
    "gamma": (
        'value = "cost"\nlikelihood = "gamma"',
        lambda t, m, own: stats.gamma.logpdf(t["cost"], own["shape"], scale=m / own["shape"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_log_likelihoods_are_those_of_scipy(law: str) -> None:
    """Means by the predictor that every later stage uses, densities by SciPy."""
    outcome, log_density = LAWS[law]
    design = study(outcome)
    post = bi.fit(design, draws=40, seed=3, progress=False)
    tree, rows = to_arviz(post, design, seed=1), table()
    own = own_parameters(post["posterior"].to_dataset(), design.card)
    mean = row_means(predictor_of(post, resolve(post, None)))
    found = tree["log_likelihood"].to_dataset()[design.card.outcome.name].to_numpy()[0]
    for draw in (0, 17, 39):
        want = log_density(rows, mean[draw], {name: value[draw] for name, value in own.items()})
        np.testing.assert_allclose(found[draw], want, rtol=1e-8, atol=1e-8)


def test_replicates_have_the_means_and_the_spread_of_the_likelihood() -> None:
    design = study(LAWS["negative_binomial"][0])
    post = bi.fit(design, draws=2000, seed=3, progress=False)
    tree, name = to_arviz(post, design, seed=1), design.card.outcome.name
    drawn = tree["posterior_predictive"].to_dataset()[name].to_numpy()[0]
    mean = row_means(predictor_of(post, resolve(post, None))) * table()["expected"].to_numpy()
    size = own_parameters(post["posterior"].to_dataset(), design.card)["size"]
    variance = mean.var(axis=0) + (mean + mean**2 / size[:, None]).mean(axis=0)
    assert np.abs((drawn.mean(axis=0) - mean.mean(axis=0)) / np.sqrt(variance / 2000)).max() < 4.5
    np.testing.assert_allclose(drawn.var(axis=0).mean() / variance.mean(), 1.0, atol=0.05)
    again = to_arviz(post, design, seed=1)["posterior_predictive"].to_dataset()
    assert again.identical(tree["posterior_predictive"].to_dataset())


def test_rows_without_an_outcome_are_left_out_and_the_others_keep_their_place() -> None:
    rows = table()
    rows.loc[[0, 7, 99], "cases"] = np.nan
    design = study(LAWS["binomial"][0], rows=rows)
    post = bi.fit(design, draws=20, seed=3, progress=False)
    tree = to_arviz(post, design)
    found = tree["observed_data"].to_dataset()[design.card.outcome.name]
    assert not {0, 7, 99} & set(found["row"].to_numpy())
    np.testing.assert_array_equal(found, rows["cases"].to_numpy()[found["row"].to_numpy()])


def test_several_outcomes_have_rows_of_their_own() -> None:
    world = bi.simulate_system(n_areas=30, n_people=20_000, seed=2)
    counts = bi.simulate.simulate_pathway(world, seed=1, n_years=2).counts
    design = bi.design(counts, bi.read_card("pathway"), adjacency=world.adjacency)
    post = bi.inference.prior_draws(design, draws=10, seed=1)
    tree = to_arviz(post, design, seed=1)
    assert list(tree["log_likelihood"].data_vars) == [of.name for of in design.card.outcomes]
    for k, outcome in enumerate(design.card.outcomes):
        alone = bi.posterior.one_outcome(post, outcome.name)
        mean = row_means(predictor_of(alone, resolve(alone, None)))
        response = design.responses[k]
        assert outcome.likelihood in {"binomial", "poisson", "negative_binomial"}
        if outcome.likelihood == "binomial":
            want = stats.binom.logpmf(response.value, response.trials, mean[3])
            found = tree["log_likelihood"].to_dataset()[outcome.name].to_numpy()[0, 3]
            np.testing.assert_allclose(found, want[response.observed], rtol=1e-7, atol=1e-7)


def test_another_table_is_refused_and_so_are_too_few_draws_and_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    design = study(LAWS["poisson"][0])
    post = bi.fit(design, draws=20, seed=3, progress=False)
    with pytest.raises(PosteriorError, match="was not fitted to this design"):
        to_arviz(post, study(LAWS["poisson"][0], rows=table().assign(x=1.0 + table()["x"])))
    with pytest.raises(PosteriorError, match="at least one of each"):
        to_arviz(post, design, draws=0)
    monkeypatch.setattr("bayesineq.inference.for_arviz.MAX_VALUES", 1000)
    with pytest.raises(PosteriorError, match=r"give draws=10 or fewer"):
        to_arviz(post, design)
    assert to_arviz(post, design, draws=10)["posterior"].sizes["draw"] == 10
    with pytest.raises(PosteriorError, match="20 draws can be dealt to 1 to 20"):
        to_arviz(post, design, chains=21)
    dealt = to_arviz(post, design, draws=9, chains=2)["posterior"]
    assert dict(dealt.sizes)["chain"] == 2
    kept = np.unique(np.linspace(0, 19, 9).round().astype(int))[:8]
    want = post["posterior"]["intercept"].to_numpy()[0, kept]
    np.testing.assert_array_equal(dealt["intercept"].to_numpy(), want.reshape(4, 2).T)


def test_a_file_of_earlier_is_given_the_numbers_of_its_draws(tmp_path: Path) -> None:
    post = bi.fit(study(LAWS["poisson"][0]), draws=20, seed=3, progress=False)
    old = xr.DataTree.from_dict({f"/{n}": node.to_dataset() for n, node in post.children.items()})
    old["posterior"] = old["posterior"].to_dataset().drop_vars(["chain", "draw"])
    old.attrs = dict(post.attrs)
    loaded = bi.load(bi.save(old, tmp_path / "old.nc"))
    assert list(loaded["posterior"]["draw"].to_numpy()) == list(range(20))


@pytest.mark.parametrize("engine", ["laplace", pytest.param("nuts", marks=pytest.mark.slow)])
def test_every_call_of_arviz_works_on_files_of_both_engines(engine: str, tmp_path: Path) -> None:
    design = study(LAWS["negative_binomial"][0])
    options = NutsOptions(chains=2, tune=300) if engine == "nuts" else "laplace"
    fitted = bi.fit(design, engine=options, draws=400, seed=3, progress=False)
    post = bi.load(bi.save(fitted, tmp_path / "fit.nc"))
    names = ["intercept", "outcome.size", "place.sigma"]
    assert list(az.summary(post, var_names=names).index) == names
    tree = to_arviz(post, design, chains=2, seed=1)
    tree.to_netcdf(tmp_path / "whole.nc", engine="h5netcdf")
    whole = az.from_netcdf(tmp_path / "whole.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A large Pareto k is ArviZ's answer, not a fault.
        loo = az.loo(whole, pointwise=True)
        other = to_arviz(
            bi.fit(study(LAWS["poisson"][0]), draws=400, seed=3, progress=False), study(LAWS["poisson"][0])
        )
        table = az.compare({"negative binomial": whole, "Poisson": other})
    own = bi.posterior.waic(post)
    assert abs(loo.elpd - own.waic / -2) < 0.05 * own.standard_error
    assert table.index[0] == "negative binomial"
    for plot in (az.plot_trace, az.plot_trace_dist, az.plot_dist, az.plot_rank, az.plot_forest, az.plot_ess):
        # Ranks compare chains, and independent draws have but one before they are dealt.
        drawn = plot(whole if plot is az.plot_rank else post, var_names=names, backend="matplotlib")
        assert drawn.viz is not None
        mpl.pyplot.close("all")
    for plot in (az.plot_ppc_dist, az.plot_ppc_pit, az.plot_loo_pit):
        assert plot(whole, backend="matplotlib").viz is not None
        mpl.pyplot.close("all")


@pytest.mark.slow
def test_the_widely_applicable_criterion_is_the_same_by_both_engines() -> None:
    design = study(LAWS["binomial"][0])
    sparse = bi.posterior.waic(bi.fit(design, seed=1, progress=False))
    sampled = bi.posterior.waic(
        bi.fit(design, engine=NutsOptions(chains=2, tune=500), draws=2000, seed=1, progress=False)
    )
    assert sampled.waic == pytest.approx(sparse.waic, abs=0.1 * sparse.standard_error)
    assert sampled.penalty == pytest.approx(sparse.penalty, rel=0.1)


def test_the_model_is_one_of_pymc_with_our_names(monkeypatch: pytest.MonkeyPatch) -> None:
    design = study(LAWS["binomial"][0])
    model = pymc_model(design)
    assert {"level", "place", "slope", "place.sigma", "place.phi"} <= set(model.named_vars)
    assert np.isfinite(model.compile_logp()(model.initial_point()))
    monkeypatch.setattr("bayesineq.inference.nuts.hand_over.find_spec", lambda name: None)
    with pytest.raises(BayesineqError, match=r"pip install \"bayesineq\[nuts\]\""):
        pymc_model(design)
