"""
Several outcomes, given hyperparameters, against the dense Gaussian algebra of their definition.

The oracle writes down the prior covariance of all outcomes' linear predictors: D R D between outcomes for correlated
terms, the products of loadings for a shared component, and conditions; it knows no Cholesky factor and no parts.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from bayesineq.design.matrix import Block, Design, design
from bayesineq.inference.sparse_engine.correct import effect_variances
from bayesineq.inference.sparse_engine.engine import build, named_draws
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import prior_at
from bayesineq.inference.sparse_engine.newton import posterior
from bayesineq.inference.sparse_engine.refit import joint_covariance
from bayesineq.inference.sparse_engine.slopes import bound_slope
from bayesineq.model.read_card import parse_card
from tests.sparse_engine.cases import as_given
from tests.sparse_engine.test_gaussian import GRAPH, structure, table, walk

SIGMA = {"a": 0.6, "b": 0.9, "c": 0.4}
PHI = {"a": 0.35, "b": 0.8, "c": 0.6}
NOISE = {"a": 0.5, "b": 0.3, "c": 0.8}
LOADING = {"a": 1.0, "b": -0.7, "c": 0.5}
RHO, JOINT_SIGMA = 0.7, 0.55
# Partial correlations, and the correlations that follow from their definition.
PARTIAL = {("a", "b"): 0.5, ("a", "c"): -0.3, ("b", "c"): 0.4}


def correlations(names: list[str]) -> np.ndarray:
    """Correlations of which the given are partial ones, given the outcomes before."""
    out = np.eye(len(names))
    for k in range(len(names)):
        for j in range(k):
            before = list(range(j))
            inverse = np.linalg.inv(out[np.ix_(before, before)])
            left_j = 1.0 - out[j, before] @ inverse @ out[before, j]
            left_k = 1.0 - out[k, before] @ inverse @ out[before, k]
            through = out[j, before] @ inverse @ out[before, k]
            out[j, k] = out[k, j] = through + PARTIAL[names[j], names[k]] * np.sqrt(left_j * left_k)
    return out


TERMS = {
    "apart": 't = {kind = "bym2", by = "area"}',
    "same line": 't = {kind = "linear", by = "x", across = "same"}',
    "same walk": 't = {kind = "random_walk", by = "step", across = "same", outcomes = ["a", "c"]}',
    "exchangeable": 't = {kind = "exchangeable", by = "group", across = "correlated"}',
    "rw1": 't = {kind = "random_walk", by = "step", across = "correlated"}',
    "rw2": 't = {kind = "random_walk", by = "step", order = 2, across = "correlated"}',
    "ar1": 't = {kind = "ar1", by = "step", across = "correlated", outcomes = ["a", "b"]}',
    "icar": 't = {kind = "icar", by = "area", across = "correlated"}',
    "bym2": 't = {kind = "bym2", by = "area", across = "correlated"}',
    "leroux": 't = {kind = "leroux", by = "area", across = "correlated"}',
    "slope": 't = {kind = "leroux", by = "area", times = "x", across = "correlated", outcomes = ["a", "c"]}',
    "interaction": 't = {kind = "interaction", by = ["area", "step"], across = "correlated", space = "icar"}',
    "shared": 't = {kind = "bym2", by = "area", across = {a = 1.0, b = "estimated", c = 0.5}}',
    "shared by some": 't = {kind = "exchangeable", by = "group", across = {a = 1.0, b = "estimated"}}',
}
TERMS["everything"] = f"""p = {TERMS["bym2"][4:]}
n = {TERMS["shared"][4:]}
g = {TERMS["exchangeable"][4:]}
d = {TERMS["rw1"][4:].replace(', across = "correlated"', "")}
x = {TERMS["same line"][4:]}"""


def joint(terms: str) -> Design:
    rng, rows = np.random.default_rng(5), table(3)
    for name in "abc":
        rows[name] = rng.normal(size=len(rows))
    # Rows lack some outcomes, each others.
    rows.loc[rng.choice(len(rows), 8, replace=False), "b"] = np.nan
    rows.loc[rng.choice(len(rows), 5, replace=False), "c"] = np.nan
    outcomes = "".join(
        f'[outcomes.{name}]\nvalue = "{name}"\nlikelihood = "gaussian"\n[outcomes.{name}.priors]\n'
        'intercept = {dist = "Normal", mean = 0.3, sd = 2.0}\n'
        for name in "abc"
    )
    priors = ""
    for line in terms.splitlines():
        name = line.partition(" ")[0]
        if '"linear"' in line:
            priors += f'{name} = {{dist = "Normal", mean = 0.0, sd = 1.5}}\n'
        if "order = 2" in line:
            priors += f'{name}.trend = {{dist = "Normal", mean = 0.0, sd = 0.8}}\n'
    text = f'name = "j"\nquestion = "?"\ntable = "t"\n{outcomes}[terms]\n{terms}\n[priors]\n{priors}'
    return design(rows, parse_card(text), adjacency=GRAPH).known()


def value_of(parameter: str) -> float:
    owner, _, base = parameter.rpartition(":")
    if ".partial." in base:
        _, _, second, first = base.split(".")
        return PARTIAL[first, second]
    last = base.rpartition(".")[2]
    if base == "outcome.sigma":
        return NOISE[owner]
    if last == "loading":
        return LOADING[owner]
    own = {"sigma": SIGMA, "phi": PHI}[last] if owner else {"sigma": JOINT_SIGMA, "phi": 0.45}
    return RHO if last.startswith("rho") else own[owner] if owner else own[last]


def unit_parts(block: Block) -> list[tuple[np.ndarray, str]]:
    """Covariances of unit scale of an effect's summands, and what share of phi scales each."""
    n, graph = block.size, GRAPH
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    match block.term.kind:
        case "linear":
            return [(np.array([[1.5**2]]), "")]
        case "exchangeable":
            return [(np.eye(n), "")]
        case "random_walk":
            return [(walk(n, block.term.order), "")]
        case "ar1":
            return [(RHO**lag, "")]
        case "icar":
            return [(structure(graph, True), "")]
        case "bym2":
            return [(structure(graph, True), "root"), (np.eye(n), "rest")]
        case "leroux":
            return [(np.linalg.inv(RHO * graph.laplacian().toarray() + (1 - RHO) * np.eye(n)), "")]
    years = n // len(graph)
    lag = np.abs(np.subtract.outer(np.arange(years), np.arange(years)))
    return [(np.kron(structure(graph, True), RHO**lag), "")]


def scale_of(made: Design, block: Block, share: str, across: str) -> float:
    own = made.card.outcomes[block.outcome].name
    if block.term.kind == "linear":
        return 1.0
    together = across in ("same", "shared")
    sigma, phi = (JOINT_SIGMA, 0.45) if together else (SIGMA[own], PHI[own])
    loading = LOADING[own] if across == "shared" else 1.0
    return loading * sigma * {"": 1.0, "root": np.sqrt(phi), "rest": np.sqrt(1 - phi)}[share]


def between(made: Design, one: Block, other: Block) -> np.ndarray | None:
    """Prior covariance of the effects of two blocks."""
    if one.base != other.base:
        return None
    term = made.card.term(one.base)
    if term.across == "apart" and one.outcome != other.outcome:
        return None
    names = [made.card.outcomes[b.outcome].name for b in (one, other)]
    order = list(term.outcomes)
    cross = 1.0
    if term.across == "correlated":
        cross = correlations(order)[order.index(names[0]), order.index(names[1])]
    total = np.zeros((one.size, other.size))
    for unit, share in unit_parts(one):
        pair = [scale_of(made, b, share, term.across) for b in (one, other)]
        total += cross * pair[0] * pair[1] * unit
    if one.term.order == 2 and one.outcome == other.outcome:
        step = np.arange(one.size) - (one.size - 1) / 2
        total += 0.8**2 * np.outer(step, step) / step.var()
    return total


def rows_of(made: Design, block: Block) -> np.ndarray:
    """All rows against the effects of a block."""
    full = np.zeros((len(made), block.size))
    full[made.outcome_of_row == block.outcome] = block.incidence.matrix().toarray()
    return full


def dense(made: Design) -> tuple[float, np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Evidence, mean and covariance of all predictors, mean and variance of every effect."""
    of = made.outcome_of_row
    prior = 4.0 * (of[:, None] == of)
    reads = [rows_of(made, block) for block in made.blocks]
    pairs = {}
    for i, one in enumerate(made.blocks):
        for j, other in enumerate(made.blocks):
            if (found := between(made, one, other)) is not None:
                pairs[i, j] = found
                prior = prior + reads[i] @ found @ reads[j].T
    noise = np.array([NOISE[outcome.name] for outcome in made.card.outcomes])[of]
    y = np.concatenate([response.value for response in made.responses])
    total = prior + np.diag(noise**2)
    gain = np.linalg.solve(total, y - 0.3)
    mean, variance = {}, {}
    for i, block in enumerate(made.blocks):
        cross = sum(pairs[i, j] @ reads[j].T for j in range(len(reads)) if (i, j) in pairs)
        mean[block.term.name] = cross @ gain
        variance[block.term.name] = np.diag(pairs[i, i] - cross @ np.linalg.solve(total, cross.T))
    after = prior - prior @ np.linalg.solve(total, prior)
    evidence = multivariate_normal.logpdf(y, np.full(len(y), 0.3), total)
    return float(evidence), 0.3 + prior @ gain, after, mean, variance


@pytest.mark.parametrize("name", list(TERMS))
@pytest.mark.parametrize("large", [False, True])
def test_joint_posteriors_and_their_slopes_are_exact(name: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    made = joint(TERMS[name])
    model, start = build(as_given(made), "variational")
    latent = model.latent
    x = np.array([p.position(value_of(p.name)) for p in latent.parameters])
    found = posterior(latent, model.data, prior_at(model, x), start)
    evidence, mean, covariance, effect, spread = dense(made)
    # The ridge of 1e-6 on intrinsic structures that are confounded is the largest error.
    assert_allclose(found.bound, evidence, rtol=1e-6, atol=2e-5)
    assert_allclose(found.mean, mean, rtol=1e-5, atol=2e-6)
    assert_allclose(found.variance, np.diag(covariance), rtol=2e-5)
    some = np.arange(0, len(made), 7)
    assert_allclose(joint_covariance(latent, found, some), covariance[np.ix_(some, some)], rtol=1e-5, atol=1e-6)
    large_effect, small_effect = effects(latent, found.prior, found.large, found.small)
    one = named_draws(made, latent, np.zeros((1, len(x))), large_effect[None].astype(np.float32), small_effect[None])
    large_variance, small_variance = effect_variances(latent, found)
    got = named_draws(
        made, latent, np.zeros((1, len(x))), large_variance[None].astype(np.float32), small_variance[None]
    )
    for block in made.blocks:
        term = block.term.name
        assert_allclose(one[term].ravel(), effect[term], rtol=1e-4, atol=1e-5, err_msg=term)
        seen = block.incidence.totals(np.ones(len(block.incidence))) > 0
        assert_allclose(got[term].ravel()[seen], spread[term][seen], rtol=1e-4, atol=1e-6, err_msg=term)
    check_slopes(model, start, x)


def check_slopes(model, start, x) -> None:
    at = posterior(model.latent, model.data, prior_at(model, x), start)
    slope = bound_slope(model.latent, at) * [p.slope(v) for p, v in zip(model.latent.parameters, x, strict=True)]
    for i in range(len(x)):
        side = []
        for h in (1e-4, -1e-4):
            moved = x.copy()
            moved[i] += h
            side.append(posterior(model.latent, model.data, prior_at(model, moved), start).bound)
        expected = (side[0] - side[1]) / 2e-4
        assert_allclose(slope[i], expected, rtol=1e-3, atol=1e-3, err_msg=model.latent.parameters[i].name)
