"""
Areas over years against published fits and long runs, and sum-to-zero contrasts against conditioning.

Tolerances: hyperparameters 0.15 and cell means 0.1 posterior standard deviations of the reference, whose own Monte
Carlo error is 0.03 to 0.07 of one; published intervals hold the means.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.design.matrix import design
from bayesineq.inference.inner import inner
from bayesineq.inference.sparse_engine import terms
from bayesineq.inference.sparse_engine.engine import build, worker_threads
from bayesineq.inference.sparse_engine.hyper import find_mode, node
from bayesineq.inference.sparse_engine.terms import latent_field
from bayesineq.model.kinds.structures import (
    autoregression,
    contrasted,
    identity,
    intrinsic,
    kronecker,
    log_determinant,
    proper,
    walk,
)
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import from_edges
from tests.sparse_engine.cases import card_text, inla_graph, numbered, ring

GRAPH = numbered(np.array([(1, 2), (2, 3), (3, 4), (4, 1), (2, 4), (5, 6)]), 6)
SPAIN = (("I", "exchangeable", "exchangeable"), ("II", "exchangeable", "random_walk"), ("IV", "icar", "random_walk"))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("space", ["exchangeable", "icar"])
def test_contrasts_are_the_conditioned_form(space: str, order: int) -> None:
    """Posterior mean and covariance of effects, and the evidence, in both forms by dense algebra, to 1e-13."""
    n, years, rng = 6, 5, np.random.default_rng(3)
    first = identity(n) if space == "exchangeable" else intrinsic(GRAPH, scaled=True)
    whole = kronecker(first, walk(years, order, scaled=True))
    found = contrasted(whole)
    assert found is not None
    held, basis = found
    # As many constraints go as there are areas times what the walk does not see, less what both forms count.
    assert whole.n_held - held.n_held == n * order if space == "exchangeable" else whole.n_held > held.n_held
    weight, pull = rng.gamma(2.0, 2.0, n * years), rng.normal(size=n * years)

    def conditioned(precision: np.ndarray, null: np.ndarray | None, map_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of effects under data of that weight and pull, null'z = 0."""
        data = map_.T @ (weight[:, None] * map_)
        free = np.eye(len(precision))
        if null is not None:
            free = np.linalg.svd(null.T, full_matrices=True)[2][np.linalg.matrix_rank(null) :].T
        inverse = free @ np.linalg.inv(free.T @ (precision + data) @ free) @ free.T
        covariance = map_ @ inverse @ map_.T
        return covariance @ pull, covariance

    one = conditioned(whole.precision({}).toarray(), whole.null, np.eye(n * years))
    other = conditioned(held.precision({}).toarray(), held.null, np.kron(np.eye(n), basis))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13 * max(1.0, np.abs(a).max()))


def test_contrasts_are_used_where_they_are_fewer_than_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms in the engine: the same field to what the ridge of the conditioned one allows."""
    graph, years, rng = ring(30), 5, np.random.default_rng(1)
    area, year = (a.ravel() for a in np.meshgrid(np.arange(30), np.arange(years), indexing="ij"))
    table = pd.DataFrame({"area": graph.areas[area], "year": 2015 + year, "E": 40.0})
    table["y"] = rng.poisson(40.0 * np.exp(rng.normal(0.0, 0.2, len(table))))
    text = card_text(
        'count = "y"\nexpected = "E"\nlikelihood = "poisson"',
        'place = {kind = "bym2", by = "area"}\n'
        't = {kind = "interaction", by = ["area", "year"], space = "icar", time = "random_walk"}',
        "",
    )
    study = design(table, parse_card(text), adjacency=graph)
    assert latent_field(study).contrasts["t"].basis.shape == (years, years - 1)
    one = bi.fit(study, engine="laplace", draws=50, seed=1, progress=False)
    with worker_threads(1) as pool:
        model, start = build(inner(study), "variational")
        mode = find_mode(model, start, pool, lambda text: None)
        nodes = [node(model, mode.x, start)]
        monkeypatch.setattr(terms, "_in_contrasts", lambda part, incidence: None)
        other, start = build(inner(study), "variational")
        assert not other.latent.contrasts
        nodes.append(node(other, mode.x, start))
    np.testing.assert_allclose(nodes[0].found.mean, nodes[1].found.mean, atol=1e-4)
    np.testing.assert_allclose(nodes[0].found.bound, nodes[1].found.bound, atol=1e-3)
    np.testing.assert_allclose(nodes[0].gap, nodes[1].gap, rtol=1e-3)
    assert one["posterior"]["t"].shape == (1, 50, 30, years)
    # The effects sum to zero over the years of an area and over the areas of a year.
    for dim in ("area", "year"):
        np.testing.assert_allclose(one["posterior"]["t"].sum(dim), 0.0, atol=1e-3)


def test_an_autoregression_from_rest_is_that_of_its_steps() -> None:
    """Its precision is L'L, L the matrix of x_t - rho x_t-1 with nothing before the first; its draws have that."""
    n, rho = 5, 0.7
    steps = np.eye(n) - rho * np.eye(n, k=-1)
    made = autoregression(n, "r", from_rest=True)
    np.testing.assert_allclose(made.precision({"r": rho}).toarray(), steps.T @ steps, atol=1e-15)
    step = 1e-6
    slope = sum(s * m for s, m in zip(made.slopes("r", {"r": rho}), made.matrices, strict=True))
    high, low = (made.precision({"r": rho + d}).toarray() for d in (step, -step))
    np.testing.assert_allclose(slope.toarray(), (high - low) / (2 * step), atol=1e-8)
    drawn = made.draw({"r": np.full(40_000, rho)}, 40_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(drawn.T), np.linalg.inv(steps.T @ steps), atol=0.05)


@pytest.mark.slow
def test_spanish_breast_cancer(shared: Path) -> None:
    """50 provinces x 21 years, types I, II and IV of Knorr-Held, against 2,000 draws of NUTS each; order of WAIC."""
    folder = shared / "reference/pathway/spain_breast_50x21"
    published = json.loads((folder / "published.json").read_text())["nuts_reference"]
    graph = inla_graph(folder / "Esp_prov_nb.graph")
    table = pd.read_csv(folder / "data.csv").rename(columns={"Year": "year"})
    table["area"] = graph.areas[table["Area"].to_numpy() - 1]
    names = {"intercept": "alpha", "place.sigma": "sigma_space", "place.phi": "phi"}
    names |= {"time.sigma": "sigma_time", "st.sigma": "sigma_st"}
    waic = {}
    for kind, space, time in SPAIN:
        sigma = '{ dist = "HalfNormal", sd = 1.0 }'
        text = card_text(
            'count = "Counts"\nexpected = "Expected"\nlikelihood = "poisson"',
            'place = { kind = "bym2", by = "area" }\ntime = { kind = "random_walk", by = "year" }\n'
            f'st = {{ kind = "interaction", by = ["area", "year"], space = "{space}", time = "{time}" }}',
            f'intercept = {{ dist = "Normal", mean = 0.0, sd = 1.0 }}\nplace.sigma = {sigma}\ntime.sigma = {sigma}\n'
            f'st.sigma = {sigma}\nplace.phi = {{ dist = "Beta", a = 1.0, b = 1.0 }}',
        )
        study = design(table, parse_card(text), adjacency=graph)
        post = bi.fit(study, engine="laplace", draws=4000, seed=1, progress=False)
        draws = post["posterior"].to_dataset()
        for ours, theirs in names.items():
            stated = published[kind][theirs]
            off = (float(draws[ours].mean()) - stated["mean"]) / stated["sd"]
            assert abs(off) < 0.15, f"type {kind}: {ours} is {off:.2f} sd off"
        cells = pd.read_csv(folder / f"nuts_reference_type{kind}.csv")
        mean = (draws["intercept"] + draws["place"] + draws["time"] + draws["st"]).mean(("chain", "draw"))
        at = mean.sel(area=graph.areas[cells["Area"] - 1][: 50 * 21 : 21], year=np.unique(cells["Year"]))
        ours = at.transpose("area", "year").to_numpy().ravel()
        assert (np.abs(ours - cells["eta_mean"]) < 0.1 * cells["eta_sd"]).mean() >= 0.95, kind
        waic[kind] = bi.posterior.waic(post)
        # Their criterion is of 2,000 draws: its own error is about two.
        assert abs(waic[kind].waic - published[kind]["waic"]) < 4.0
        assert abs(waic[kind].penalty - published[kind]["p_waic"]) < 4.0
    assert waic["IV"].waic < waic["II"].waic < waic["I"].waic


def test_glasgow_respiratory_admissions(shared: Path) -> None:
    """
    271 zones x 5 years, autoregressive CAR, by CARBayesST's published intervals.

    Their autoregression begins with one step: what is stationary gives other numbers on five years (jsa .059).
    """
    folder = shared / "reference/spatial/glasgow_st"
    published = json.loads((folder / "published.json").read_text())["ST.CARar_AR1"]
    codes = pd.read_csv(folder / "area_order.csv")["IZ"].to_numpy()
    graph = from_edges(codes[pd.read_csv(folder / "edges_1based.csv").to_numpy() - 1], areas=codes)
    table = pd.read_csv(folder / "pollutionhealthdata.csv").rename(columns={"IZ": "area"})
    vague = '{ dist = "Normal", mean = 0.0, sd = 300.0 }'
    text = card_text(
        'count = "observed"\nexpected = "expected"\nlikelihood = "poisson"',
        "\n".join(f'{name} = {{ kind = "linear", by = "{name}" }}' for name in ("jsa", "price", "pm10"))
        + '\nst = { kind = "interaction", by = ["area", "year"], time = "ar1_from_rest" }',
        "\n".join(f"{name} = {vague}" for name in ("intercept", "jsa", "price", "pm10"))
        + '\nst.sigma = { dist = "HalfNormal", sd = 10.0 }',
    )
    post = bi.fit(
        design(table, parse_card(text), adjacency=graph), engine="laplace", draws=2000, seed=1, progress=False
    )
    draws = post["posterior"].to_dataset()
    found = {name: draws[name] for name in ("intercept", "jsa", "price", "pm10")}
    found |= {"rho.S": draws["st.rho_space"], "rho.T": draws["st.rho_time"], "tau2": draws["st.sigma"] ** 2}
    for name, value in found.items():
        stated = published[name]
        assert stated["q025"] < float(value.mean()) < stated["q975"], name
        width = float(np.subtract(*np.quantile(value, [0.975, 0.025])))
        assert 0.8 < width / (stated["q975"] - stated["q025"]) < 1.25, name


def test_survival_in_counts_is_the_piecewise_exponential(shared: Path) -> None:
    """
    1,043 patients, hazards of 12 intervals and four slopes, within 0.05 standard errors of the maximum likelihood.

    A posterior mean of a log hazard is not its mode: with d events log h has mean log d - 1 / (2 d) and a little more
    (digamma), which is taken off.
    """
    folder = shared / "reference/pathway/leuksurv_nw_england"
    stated = json.loads((folder / "published.json").read_text())["piecewise_exponential_mle"]
    people = pd.read_csv(folder / "leuksurv.csv").eval("age = age - 60\nwbc = wbc - 40")
    rows = bi.tables.split_follow_up(people, stated["cuts_days"], time="time", event="cens")
    by_interval = rows.groupby("interval", observed=True)[["events", "exposure"]].sum()
    assert by_interval["events"].tolist() == stated["events"]
    assert by_interval["exposure"].tolist() == stated["person_days"]
    vague, slopes = '{ dist = "Normal", mean = 0.0, sd = 100.0 }', ("age", "sex", "wbc", "tpi")
    text = card_text(
        'count = "events"\nexposure = "exposure"\nlikelihood = "poisson"',
        'hazard = { kind = "fixed", by = ["interval"], reference = ["0-7"] }\n'
        + "\n".join(f'{name} = {{ kind = "linear", by = "{name}" }}' for name in slopes),
        "\n".join(f"{name} = {vague}" for name in ("intercept", "hazard", *slopes)),
    )
    post = bi.fit(design(rows, parse_card(text)), engine="laplace", draws=20_000, seed=1, progress=False)
    draws = post["posterior"].to_dataset()
    for name, beta, error in zip(slopes, stated["beta"], stated["beta_se"], strict=True):
        assert abs(float(draws[name].mean()) - beta) < 0.05 * error, name
        assert abs(float(draws[name].std()) / error - 1.0) < 0.03
    hazard = (draws["intercept"] + draws["hazard"]).mean(("chain", "draw")).to_numpy()
    mode = hazard + 0.5 / np.array(stated["events"])
    assert (np.abs(mode - stated["log_h"]) < 0.05 * np.array(stated["log_h_se"])).all()


def test_log_determinant_of_a_product_is_that_of_its_matrix() -> None:
    """By the dense determinant, and its derivatives by differences; a singular one has none."""
    made = kronecker(proper(GRAPH, "space"), autoregression(5, "time"))
    at = {"space": 0.7, "time": 0.4}

    def dense(values: dict[str, float]) -> float:
        return float(np.linalg.slogdet(made.precision(values).toarray())[1])

    found = log_determinant(made, at)
    assert found is not None
    np.testing.assert_allclose(found[0], dense(at), rtol=1e-13)
    for name in at:
        near = [dense(at | {name: at[name] + step}) for step in (1e-5, -1e-5)]
        np.testing.assert_allclose(found[1][name], (near[0] - near[1]) / 2e-5, rtol=1e-6)
    assert log_determinant(kronecker(intrinsic(GRAPH, scaled=True), autoregression(5, "time")), {"time": 0.4}) is None


def test_a_year_left_out_is_stepped_over_and_an_area_may_have_two_years() -> None:
    """A walk from 2016 to 2018 takes two steps, and the year to come is declared by rows without an outcome."""
    rng, graph = np.random.default_rng(2), ring(8)
    table = pd.DataFrame([(a, y) for a in graph.areas for y in (2015, 2016, 2018, 2019)], columns=["area", "year"])
    table = table[(table["area"] != graph.areas[0]) | table["year"].isin([2015, 2018])]
    table["events"] = np.where(table["year"] == 2019, np.nan, rng.poisson(30.0, len(table)))
    study = design(
        table.assign(person_years=100.0),
        parse_card(
            card_text(
                'count = "events"\nexposure = "person_years"\nlikelihood = "poisson"',
                'trend = { kind = "random_walk", by = "year" }\n'
                'place_year = { kind = "interaction", by = ["area", "year"] }',
                "",
            )
        ),
        adjacency=graph,
    )
    assert study.blocks[0].levels[0].tolist() == [2015, 2016, 2017, 2018, 2019]
    assert study.blocks[1].shape == (8, 5)
    post = bi.fit(study, engine="laplace", draws=400, seed=1, progress=False)
    spread = post["posterior"]["trend"].std(("chain", "draw")).to_series()
    assert spread[2017] > max(spread[2016], spread[2018])
    assert spread[2019] > spread[2018]
    assert post.attrs["rows_predicted"] == int(table["events"].isna().sum())


def test_ten_hyperparameters_are_integrated_and_checked_by_importance_weights() -> None:
    """
    Nine terms of one outcome and its scatter, in half of which there is nothing: scales that reach down to zero.

    The spread of the weights of fresh draws bounds what any posterior mean of hyperparameters may be off by, in
    posterior standard deviations; of any one, it is far less than that.
    """
    rng, n = np.random.default_rng(4), 600
    columns, eta, terms_ = {}, np.full(n, -1.0), []
    for k in range(9):
        level, walk_ = rng.integers(0, 8, n), k % 3 == 1
        effect = (0.3 if k % 2 else 0.0) * rng.normal(size=8)
        columns[f"c{k}"] = level if walk_ else np.char.add("l", level.astype(str))
        eta += effect[level]
        terms_.append(f't{k} = {{ kind = "{"random_walk" if walk_ else "exchangeable"}", by = "c{k}" }}')
    table = pd.DataFrame({**columns, "E": 40.0, "y": rng.poisson(40.0 * np.exp(eta) * rng.gamma(5.0, 0.2, n))})
    text = card_text('count = "y"\nexposure = "E"\nlikelihood = "negative_binomial"', "\n".join(terms_), "")
    post = bi.fit(design(table, parse_card(text)), engine="laplace", draws=500, seed=1, progress=False)
    assert post.attrs["hyperparameter_error"] < 0.3
    # Radial functions took 1,000 fields for sixteen, and more the more there are.
    assert post.attrs["evaluations"] < 600
    size = post["posterior"]["outcome.size"]
    assert abs(float(size.mean()) - 5.0) < 4.0 * float(size.std())
