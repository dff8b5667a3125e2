"""
Every term, given hyperparameters, against the dense Gaussian algebra of its definition.

A Gaussian outcome makes posterior and evidence exact. The oracle knows nothing of the engine's parts: it writes down
the prior covariance of each term's contribution from the definition of the term, and conditions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

from bayesineq.design.matrix import Block, Design
from bayesineq.inference.sparse_engine.correct import effect_variances
from bayesineq.inference.sparse_engine.engine import build
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.groups import without_group
from bayesineq.inference.sparse_engine.hyper import Model, prior_at
from bayesineq.inference.sparse_engine.newton import Posterior, posterior
from bayesineq.inference.sparse_engine.passes import predict
from bayesineq.inference.sparse_engine.slopes import bound_slope
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors
from tests.sparse_engine.cases import as_given, make, numbered
from tests.sparse_engine.centred_draws import centred_draws

# A component of five, one of four and a singleton.
GRAPH = numbered(np.array([(1, 2), (2, 3), (3, 4), (4, 5), (5, 1), (2, 5), (6, 7), (7, 8), (8, 9), (6, 9)]), 10)
VALUES = {"sigma": 0.6, "phi": 0.35, "rho": 0.7, "rho_space": 0.7, "rho_time": 0.55}
FLAT = "intercept = {dist = 'Normal', mean = 0.3, sd = 2.0}\n"
RIDGE = 1e-8


def table(seed: int, n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    area = GRAPH.areas[np.concatenate([np.arange(10), rng.integers(0, 10, n - 10)])]
    return pd.DataFrame(
        {
            "area": area,
            "step": np.concatenate([np.arange(6), rng.integers(0, 6, n - 6)]),
            "group": rng.choice(["a", "b", "c", "d"], n),
            "x": rng.normal(size=n),
            "y": rng.normal(size=n),
        }
    )


def structure(graph: Adjacency, scaled: bool) -> np.ndarray:
    """Covariance of the intrinsic autoregression: pseudo-inverse by component, one on singletons."""
    factor = scale_factors(graph)[graph.component] if scaled else np.ones(len(graph))
    dense = np.linalg.pinv(graph.laplacian().toarray() * factor[:, None], rcond=1e-10, hermitian=True)
    single = graph.component_sizes[graph.component] == 1
    dense[single, single] = 1.0
    return dense


def walk(n: int, order: int) -> np.ndarray:
    difference = np.diff(np.eye(n), n=order, axis=0)
    dense = np.linalg.pinv(difference.T @ difference, rcond=1e-10, hermitian=True)
    return dense / np.exp(np.log(np.diag(dense)).mean())


def covariance(block: Block, graph: Adjacency) -> np.ndarray:
    term, n = block.term, block.size
    s2, phi, rho = VALUES["sigma"] ** 2, VALUES["phi"], VALUES["rho"]
    match term.kind:
        case "linear":
            return np.array([[1.5**2]])
        case "fixed":
            dense = np.eye(n) * 1.5**2
            dense[block.reference, block.reference] = 0.0
            return dense
        case "exchangeable":
            return s2 * np.eye(n)
        case "random_walk":
            dense = s2 * walk(n, term.order)
            if term.order == 2:
                step = np.arange(n) - (n - 1) / 2
                dense = dense + 0.8**2 * np.outer(step, step) / step.var()
            return dense
        case "ar1":
            return s2 * rho ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        case "icar":
            return s2 * structure(graph, term.scale)
        case "bym2":
            return s2 * (phi * structure(graph, term.scale) + (1 - phi) * np.eye(n))
        case "interaction":
            chosen, n_step = dict(term.chosen), n // len(graph)
            space = {
                "exchangeable": np.eye(len(graph)),
                "icar": structure(graph, term.scale),
                "leroux": np.linalg.inv(rho * graph.laplacian().toarray() + (1 - rho) * np.eye(len(graph))),
            }
            lag = np.abs(np.subtract.outer(np.arange(n_step), np.arange(n_step)))
            time = {
                "exchangeable": np.eye(n_step),
                "random_walk": walk(n_step, term.order),
                "ar1": VALUES["rho_time"] ** lag,
            }
            return s2 * np.kron(space[chosen["space"]], time[chosen["time"]])
    return s2 * np.linalg.inv(rho * graph.laplacian().toarray() + (1 - rho) * np.eye(n))


CASES: dict[str, str] = {
    "fixed": 't = {kind = "fixed", by = "group", reference = "b"}',
    "linear": 't = {kind = "linear", by = "x", standardise = true}',
    "exchangeable": 't = {kind = "exchangeable", by = "group"}',
    "crossed": 't = {kind = "exchangeable", by = ["group", "step"]}',
    "rw1": 't = {kind = "random_walk", by = "step"}',
    "rw2": 't = {kind = "random_walk", by = "step", order = 2}',
    "ar1": 't = {kind = "ar1", by = "step"}',
    "icar": 't = {kind = "icar", by = "area"}',
    "icar unscaled": 't = {kind = "icar", by = "area", scale = false}',
    "bym2": 't = {kind = "bym2", by = "area"}',
    "leroux": 't = {kind = "leroux", by = "area"}',
    "slope by group": 't = {kind = "exchangeable", by = "group", times = "x"}',
    "slope by area": 't = {kind = "bym2", by = "area"}\ns = {kind = "icar", by = "area", times = "x"}',
    "two on areas": 't = {kind = "icar", by = "area"}\ns = {kind = "exchangeable", by = "area"}',
    "everything": """t = {kind = "bym2", by = "area"}
s = {kind = "leroux", by = "area", times = "x"}
r = {kind = "random_walk", by = "step", order = 2}
a = {kind = "ar1", by = "step", times = "x"}
g = {kind = "exchangeable", by = ["group", "step"]}
x = {kind = "linear", by = "x"}
f = {kind = "fixed", by = "group", reference = "a"}""",
}


CROSSED = 't = {kind = "interaction", by = ["area", "step"]'
CASES |= {
    f"{space} x {time}": f'{CROSSED}, space = "{space}", time = "{time}"}}'
    for space in ("exchangeable", "icar", "leroux")
    for time in ("exchangeable", "random_walk", "ar1")
}
CASES["leroux x ar1 by default"] = CROSSED + "}"
CASES["icar x random walk of order 2"] = f'{CROSSED}, space = "icar", time = "random_walk", order = 2}}'
CASES["place, year and both"] = f"""a = {{kind = "bym2", by = "area"}}
r = {{kind = "random_walk", by = "step"}}
{CROSSED}, space = "icar", time = "random_walk"}}"""


def study(terms: str) -> Design:
    priors = FLAT
    for line in terms.splitlines():
        name = line.partition(" ")[0]
        if "order = 2" in line and "interaction" in line:
            continue
        if '"fixed"' in line or '"linear"' in line:
            priors += f'{name} = {{dist = "Normal", mean = 0.0, sd = 1.5}}\n'
        if "order = 2" in line:
            priors += f'{name}.trend = {{dist = "Normal", mean = 0.0, sd = 0.8}}\n'
    return make(table(3), 'value = "y"\nlikelihood = "gaussian"', terms, priors, GRAPH)


def shared(design: Design, *terms: str) -> Design:
    """The design with rows that read one to four levels of some terms, in any order, and one row that reads none."""
    rng = np.random.default_rng(11)
    for term in terms:
        (block,) = (b for b in design.blocks if b.term.name == term)
        shares = np.zeros((len(design), block.size))
        for row in shares[1:]:
            several = rng.choice(block.size, min(int(rng.integers(1, 5)), block.size), replace=False)
            row[several] = rng.dirichlet(np.ones(len(several)))
        design = design.reading(term, csr_array(shares))
    return design


MEMBERSHIPS = {
    "fixed": ("t",), "exchangeable": ("t",), "rw2": ("t",), "ar1": ("t",), "icar": ("t",), "bym2": ("t",),
    "leroux": ("t",), "slope by area": ("t", "s"), "two on areas": ("s",), "everything": ("t", "g"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MEMBERSHIPS))
@pytest.mark.parametrize("large", [False, True])
def test_rows_that_read_several_levels_are_exact(name: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    check_exact(shared(study(CASES[name]), *MEMBERSHIPS[name]))


@pytest.mark.parametrize("name", ["bym2", "slope by area", "everything"])
def test_slopes_are_exact_where_rows_read_several_levels(name: str) -> None:
    check_slopes(shared(study(CASES[name]), *MEMBERSHIPS[name]))


@pytest.mark.parametrize("name", ["icar", "bym2", "everything"])
def test_effects_have_their_variance_where_rows_read_several_levels(name: str) -> None:
    design = shared(study(CASES[name]), *MEMBERSHIPS[name])
    model, found = solve(design)
    large, small = effect_variances(model.latent, found)
    n, noise = len(design), 0.25
    parts = {b.term.name: (dense_rows(b, n), covariance(b, GRAPH)) for b in design.blocks}
    total = 4.0 * np.ones((n, n)) + sum(m @ k @ m.T for m, k in parts.values()) + noise * np.eye(n)
    for side, of in ((large, model.latent.large_loads), (small, model.latent.small_loads)):
        for load in of:
            if load.term in parts:
                matrix, prior = parts[load.term]
                after = np.diag(prior - prior @ matrix.T @ np.linalg.solve(total, matrix @ prior))
                seen = (matrix != 0).any(axis=0)
                assert_allclose(side[load.effect][seen], after[seen], rtol=1e-4, atol=1e-6, err_msg=load.term)


def dense_rows(block: Block, n: int) -> np.ndarray:
    """Rows against effects, from the definition of an incidence."""
    matrix, reads = np.zeros((n, block.size)), block.incidence
    if reads.shares is not None:
        matrix = reads.shares.toarray()
    else:
        matrix[np.arange(n), 0 if reads.index is None else reads.index] = 1.0
    return matrix if reads.weight is None else matrix * reads.weight[:, None]


def dense_prior(design: Design) -> np.ndarray:
    """Prior covariance of the linear predictor."""
    n = len(design)
    total = 4.0 * np.ones((n, n))
    for block in design.blocks:
        matrix = dense_rows(block, n)
        total = total + matrix @ covariance(block, GRAPH) @ matrix.T
    return total


def dense_answer(design: Design) -> tuple[float, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Evidence, mean and variance of the linear predictor, and the mean of every effect."""
    y, noise = design.response.value, 0.5
    n = len(y)
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {"intercept": (np.ones((n, 1)), np.array([[4.0]]))}
    for block in design.blocks:
        matrix = dense_rows(block, n)
        parts[block.term.name] = (matrix, covariance(block, GRAPH))
    prior = sum(m @ k @ m.T for m, k in parts.values())
    mean = np.full(n, 0.3)
    total = prior + noise**2 * np.eye(n)
    evidence = multivariate_normal.logpdf(y, mean, total)
    gain = np.linalg.solve(total, y - mean)
    effect = {name: k @ m.T @ gain for name, (m, k) in parts.items()}
    effect["intercept"] = effect["intercept"] + 0.3
    after = prior - prior @ np.linalg.solve(total, prior)
    return float(evidence), mean + prior @ gain, np.diag(after), effect


def position(design: Design) -> Callable[[str], float]:
    def of(name: str) -> float:
        return 0.5 if name == "outcome.sigma" else VALUES[name.partition(".")[2]]

    return of


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("large", [False, True])
def test_posterior_and_evidence_are_exact(name: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Once with exchangeable terms in the dense border, once in the sparse block.
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    check_exact(study(CASES[name]))


def solve(design: Design) -> tuple[Model, Posterior]:
    """The engine at the hyperparameters of the oracle."""
    model, start = build(as_given(design), "variational")
    of = position(design)
    x = np.array([p.position(of(p.name)) for p in model.latent.parameters])
    return model, posterior(model.latent, model.data, prior_at(model, x), start)


def check_exact(design: Design) -> None:
    model, found = solve(design)
    evidence, mean, variance, effect = dense_answer(design)
    # The ridge of 1e-8 on intrinsic structures is the largest error.
    assert_allclose(found.bound, evidence, rtol=1e-6, atol=1e-5)
    assert_allclose(found.mean, mean, rtol=1e-5, atol=1e-6)
    assert_allclose(found.variance, variance, rtol=1e-5)
    large_effect, small_effect = effects(model.latent, found.prior, found.large, found.small)
    of_large = {p.term: p.effect for p in model.latent.large_loads}
    of_small = {p.term: p.effect for p in model.latent.small_loads}
    for term, expected in effect.items():
        got = small_effect[of_small[term]] if term in of_small else large_effect[of_large[term]]
        if term in model.latent.contrasts:
            # The walk is the last dimension, held as weights of its sum-to-zero contrasts.
            basis = model.latent.contrasts[term].basis
            got = (got.reshape(-1, basis.shape[1]) @ basis.T).ravel()
        assert_allclose(got, expected, rtol=1e-4, atol=1e-5, err_msg=term)


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("large", [False, True])
def test_slopes_of_the_evidence_are_those_of_differences(
    name: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    check_slopes(study(CASES[name]))


def check_slopes(design: Design) -> None:
    model, start = build(as_given(design), "variational")
    of = position(design)
    x = np.array([p.position(of(p.name)) for p in model.latent.parameters])
    at = posterior(model.latent, model.data, prior_at(model, x), start)
    slope = bound_slope(model.latent, at) * [p.slope(v) for p, v in zip(model.latent.parameters, x, strict=True)]
    for i in range(len(x)):
        side = []
        for h in (1e-4, -1e-4):
            moved = x.copy()
            moved[i] += h
            side.append(posterior(model.latent, model.data, prior_at(model, moved), start).bound)
        assert_allclose(slope[i], (side[0] - side[1]) / 2e-4, rtol=1e-3, atol=1e-3)


def test_draws_have_the_covariance_of_the_field() -> None:
    design = study(CASES["everything"])
    model, start = build(as_given(design), "variational")
    of = position(design)
    x = np.array([p.position(of(p.name)) for p in model.latent.parameters])
    found = posterior(model.latent, model.data, prior_at(model, x), start)
    n_draw = 20_000
    z, alpha = centred_draws(model, found.system, n_draw, np.random.default_rng(1))
    assert_allclose(model.latent.constraint.T @ z, 0.0, atol=1e-8)
    large, small = effects(model.latent, found.prior, z, alpha)
    zero = np.zeros(len(design))
    eta = np.stack([predict(model.latent, zero, large[:, k], small[:, k], None) for k in range(n_draw)])
    # A variance from 20,000 draws has a relative error of 1%.
    assert_allclose(eta.var(axis=0), found.variance, rtol=0.05)
    _, mean, _, _ = dense_answer(design)
    assert_allclose(eta.mean(axis=0) + found.mean, mean, atol=5.0 * np.sqrt(found.variance.max() / n_draw))


@pytest.mark.parametrize("name", ["bym2", "leroux", "everything"])
@pytest.mark.parametrize("several", [False, True])
def test_leaving_a_group_out_is_conditioning_on_the_others(name: str, several: bool) -> None:
    design = shared(study(CASES[name]), *MEMBERSHIPS[name]) if several else study(CASES[name])
    model, start = build(as_given(design), "variational")
    of = position(design)
    x = np.array([p.position(of(p.name)) for p in model.latent.parameters])
    found = posterior(model.latent, model.data, prior_at(model, x), start)
    rows = np.array([1, 4, 12, 13, 30])
    mean, variance, log_density, trusted = without_group(model, found, rows)
    prior, y = dense_prior(design), design.response.value
    others = np.setdiff1d(np.arange(len(y)), rows)
    seen = prior[np.ix_(others, others)] + 0.25 * np.eye(len(others))
    across = prior[np.ix_(rows, others)]
    assert trusted
    assert_allclose(mean, 0.3 + across @ np.linalg.solve(seen, y[others] - 0.3), rtol=1e-4, atol=1e-5)
    left = prior[np.ix_(rows, rows)] - across @ np.linalg.solve(seen, across.T)
    assert_allclose(variance, np.diag(left), rtol=1e-4)
    joint = multivariate_normal(0.3 + across @ np.linalg.solve(seen, y[others] - 0.3), left + 0.25 * np.eye(len(rows)))
    assert_allclose(log_density, joint.logpdf(y[rows]), rtol=1e-4)
