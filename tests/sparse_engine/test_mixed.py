"""
Rows whose mean is a weighted sum of means, against dense code that knows of no expansion.

The oracle writes the exact log posterior down, finds its mode by a general optimiser, and integrates it by importance
sampling about that mode, for each value of a scale on a grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, logit, logsumexp
from scipy.stats import binom, multivariate_t, poisson

from bayesineq.design.incidence import Incidence
from bayesineq.design.matrix import Design
from bayesineq.design.members import Members
from bayesineq.design.mixture import Membership, mixture
from bayesineq.errors import BayesineqError, DesignError
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.inner import inner, outer_values
from bayesineq.inference.sparse_engine.engine import build, named_draws
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.groups import leave_group_out
from bayesineq.inference.sparse_engine.hyper import prior_at
from bayesineq.inference.sparse_engine.mixed import Place, add_tilt, bend, leaned, mixed_rows, straightened
from bayesineq.inference.sparse_engine.newton import posterior
from bayesineq.inference.sparse_engine.rows import Covariances, Sums, links, side
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import from_edges

Float = np.ndarray
LEVELS = np.array(["a", "b", "c"])
CARD = """
name = "latent"
question = "?"
table = "area_counts"
[outcome]
count = "cases"
OUTCOME
[terms]
TERM
[latent]
ethnicity = "recorded"
[priors]
intercept = { dist = "Normal", mean = -1.0, sd = 1.5 }
PRIOR
"""
BINOMIAL = 'at_risk = "people"\nlikelihood = "binomial"'
POISSON = 'expected = "people"\nlikelihood = "poisson"'


ONE = LaplaceOptions(threads=1)


def study(term: str, prior: str, outcome: str = BINOMIAL, n: int = 14, draws: int = 1, times: int = 1) -> Design:
    rng = np.random.default_rng(1)
    people = times * rng.integers(15, 60, n)
    weight = rng.dirichlet([2.0, 1.0, 0.7], (draws, n))
    weight[:, 0] = [0.0, 1.0, 0.0]
    rate = weight[0] @ expit(np.array([-1.5, -0.4, 0.5]))
    table = pd.DataFrame(
        {"recorded": [f"r{i}" for i in range(n)], "cases": rng.binomial(people, rate), "people": people,
         "x": rng.normal(size=n)}
    )  # fmt: skip
    text = CARD.replace("OUTCOME", outcome).replace("TERM", term).replace("PRIOR", prior)
    shift = rng.normal(0.0, 0.3, (n, 3))
    return mixture(table, parse_card(text), Membership("ethnicity", LEVELS, table[["recorded"]], weight), shift=shift)


FIXED = 'ethnicity = { kind = "fixed", by = "ethnicity", reference = "a" }\nslope = { kind = "linear", by = "x" }'
FIXED_PRIOR = 'ethnicity = { dist = "Normal", mean = 0.2, sd = 0.8 }\nslope = { dist = "Normal", mean = 0.0, sd = 0.5 }'


@dataclass
class Exact:
    """The exact log likelihood at effects of the three levels and a slope."""

    design: Design

    def log_likelihood(self, intercept: float, level: Float, slope: float = 0.0) -> float:
        design, members = self.design, self.design.members
        assert members is not None
        response = design.response
        eta = intercept + level[design.population["ethnicity"].cat.codes.to_numpy()] + members.shift
        eta = eta + response.offset[members.row]
        if "x" in design.population:
            eta = eta + slope * design.population["x"].to_numpy()
        mean = np.bincount(
            members.row, members.weight[0] * (expit(eta) if response.trials is not None else np.exp(eta))
        )
        if response.trials is None:
            return float(poisson.logpmf(response.value, mean).sum())
        return float(binom.logpmf(response.value, response.trials, mean).sum())


def top(log_density: Callable[[Float], float], start: Float) -> tuple[Float, Float]:
    """Mode, and minus the Hessian there by differences."""
    found = minimize(lambda u: -log_density(u), start, method="BFGS", options={"gtol": 1e-7}).x
    step, d = 1e-3 * np.eye(len(found)), len(found)
    hessian = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            corners = [log_density(found + s * step[i] + t * step[j]) * s * t for s in (1, -1) for t in (1, -1)]
            hessian[i, j] = -sum(corners) / 4e-6
    return found, hessian


@pytest.mark.parametrize("link", [0, 1, 2], ids=["log", "logit", "identity"])
def test_rows_bend_as_their_formula_says_and_slopes_are_its_derivatives(link: int) -> None:
    rng = np.random.default_rng(link)
    start = np.array([0, 1, 4, 6])
    eta = rng.normal(0.0, 2.0, 6)
    weight = np.array([1.0, 0.2, 0.5, 0.3, 0.4, 0.6])
    row = np.repeat(np.arange(3), np.diff(start))
    there, back = [(np.exp, np.log), (expit, logit), (lambda x: x, lambda x: x)][link]

    def exact(at: Float) -> Float:
        return np.asarray(back(np.bincount(row, weight * there(at))))

    mean, place = np.empty(3), Place(eta, np.empty(6), np.empty(6), np.empty(3))
    bend(link, start, weight, place, mean)
    slope = place.slope
    assert_allclose(mean, exact(eta), rtol=1e-12)
    for m in range(6):
        step = 1e-6 * np.eye(6)[m]
        assert_allclose(slope[m], ((exact(eta + step) - exact(eta - step)) / 2e-6)[row[m]], rtol=1e-6, atol=1e-9)


def test_predictors_far_out_stay_finite() -> None:
    mean, slope = np.empty(2), np.empty(4)
    place = Place(np.array([-700.0, -710.0, 690.0, 700.0]), slope, np.empty(4), np.empty(2))
    for link in (0, 1):
        bend(link, np.array([0, 2, 4]), np.full(4, 0.5), place, mean)
        assert np.isfinite(mean).all()
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("outcome", [BINOMIAL, POISSON], ids=["binomial", "poisson"])
def test_the_mode_is_that_of_the_exact_posterior(outcome: str) -> None:
    design = study(FIXED, FIXED_PRIOR, outcome)
    exact = Exact(design)

    def log_posterior(u: Float) -> float:
        away = (u - [-1.0, 0.2, 0.2, 0.0]) / [1.5, 0.8, 0.8, 0.5]
        return exact.log_likelihood(u[0], np.array([0.0, u[1], u[2]]), u[3]) - 0.5 * float(away @ away)

    mode, _ = top(log_posterior, np.array([-1.0, 0.2, 0.2, 0.0]))
    solved = inner(design)
    model, start = build(solved, "none")
    found = posterior(model.latent, model.data, prior_at(model, np.empty(0)), start, variational=False)
    large, small = effects(model.latent, found.prior, found.large, found.small)
    values = outer_values(
        solved, named_draws(solved.design, model.latent, np.empty((1, 0)), large[None].astype(np.float32), small[None])
    )
    at = [values["intercept"].item(), *values["ethnicity"][0, 0, 1:], values["slope"].item()]
    assert_allclose(at, mode, atol=2e-5)
    # Laplace's evidence there, with the Hessian of straight rows: second differences of the exact one differ from it by
    # what a row's outcome lies off its mean.
    assert model.latent.mixed is not None
    assert found.bound == pytest.approx(_laplace(design, mode), abs=2e-5)


def _laplace(design: Design, mode: Float) -> float:
    """log p(y, mode) - log|H| / 2 and the prior's, H from Jacobians of the rows' predictors by differences."""
    exact, members, response = Exact(design), design.members, design.response
    assert members is not None

    def predictor(u: Float) -> Float:
        level = np.array([0.0, u[1], u[2]])[design.population["ethnicity"].cat.codes.to_numpy()]
        eta = u[0] + level + members.shift + u[3] * design.population["x"].to_numpy() + response.offset[members.row]
        if response.trials is None:
            return np.log(np.bincount(members.row, members.weight[0] * np.exp(eta)))
        return np.asarray(logit(np.bincount(members.row, members.weight[0] * expit(eta))))

    jacobian = np.array([(predictor(mode + s) - predictor(mode - s)) / 2e-5 for s in 1e-5 * np.eye(4)]).T
    at = predictor(mode)
    spread = np.exp(at) if response.trials is None else response.trials * expit(at) * expit(-at)
    precision = np.array([1.5, 0.8, 0.8, 0.5]) ** -2.0
    whole = jacobian.T @ (spread[:, None] * jacobian) + np.diag(precision)
    away = mode - np.array([-1.0, 0.2, 0.2, 0.0])
    log_joint = exact.log_likelihood(mode[0], np.array([0.0, mode[1], mode[2]]), mode[3])
    log_joint += 0.5 * float(np.log(precision).sum()) - 0.5 * float(away @ (precision * away))
    return log_joint - 0.5 * float(np.linalg.slogdet(whole)[1])


def walk_factor(n: int) -> Float:
    difference = np.diff(np.eye(n), axis=0)
    dense = np.linalg.pinv(difference.T @ difference)
    dense /= np.exp(np.log(np.diag(dense)).mean())
    value, vector = np.linalg.eigh(dense)
    return np.asarray((vector * np.sqrt(np.maximum(value, 0.0)))[:, 1:])


TERMS = {
    "exchangeable": ('ethnicity = { kind = "exchangeable", by = "ethnicity" }', np.eye(3)),
    "random_walk": (
        'ethnicity = { kind = "random_walk", by = "ethnicity", levels = ["a", "b", "c"] }',
        walk_factor(3),
    ),
}


@pytest.mark.parametrize("kind", list(TERMS))
def test_effects_and_their_spread_have_the_exact_posterior(kind: str) -> None:
    term, factor = TERMS[kind]
    design = study(term, 'ethnicity.sigma = { dist = "HalfNormal", sd = 0.7 }', n=20)
    exact, d = Exact(design), factor.shape[1]
    rng = np.random.default_rng(0)
    unit = multivariate_t(np.zeros(1 + d), np.eye(1 + d), df=6)
    drawn = unit.rvs(1_000, random_state=rng)
    log_unit = unit.logpdf(drawn)
    sigmas = np.linspace(0.05, 3.05, 26)
    evidence, moments, start = [], [], np.concatenate([[-1.0], np.zeros(d)])
    for sigma in sigmas:

        def log_posterior(u: Float, sigma: float = sigma) -> float:
            prior = -0.5 * ((u[0] + 1.0) / 1.5) ** 2 - 0.5 * float(u[1:] @ u[1:])
            return exact.log_likelihood(u[0], sigma * factor @ u[1:]) + prior

        start, hessian = top(log_posterior, start)
        root = np.linalg.cholesky(np.linalg.inv(hessian))
        at = start + drawn @ root.T
        log_weight = np.array([log_posterior(u) for u in at]) - log_unit + np.log(np.diag(root)).sum()
        evidence.append(logsumexp(log_weight) - 0.5 * (sigma / 0.7) ** 2)
        weight = np.exp(log_weight - logsumexp(log_weight))
        value = np.column_stack([at[:, 0], sigma * at[:, 1:] @ factor.T])
        moments.append(np.stack([weight @ value, weight @ value**2]))
    mass = np.exp(np.array(evidence) - np.max(evidence))
    mass /= mass.sum()
    mean, square = np.einsum("s,sik->ik", mass, np.array(moments))
    sd = np.sqrt(square - mean**2)
    sigma_mean = float(mass @ sigmas)
    sigma_sd = float(np.sqrt(mass @ sigmas**2 - sigma_mean**2))
    post = fit(design, draws=20_000, seed=1, engine=ONE, progress=False)["posterior"]
    found = np.column_stack([post["intercept"].to_numpy()[0], post["ethnicity.effect"].to_numpy()[0]])
    spread = post["ethnicity.sigma"].to_numpy()[0]
    assert (np.abs(found.mean(axis=0) - mean) < 0.1 * sd).all(), (found.mean(axis=0), mean, sd)
    assert_allclose(found.std(axis=0), sd, rtol=0.1)
    assert abs(spread.mean() - sigma_mean) < 0.1 * sigma_sd
    assert spread.std() == pytest.approx(sigma_sd, rel=0.1)


def test_each_draw_of_the_weights_has_its_posterior_and_they_are_stacked() -> None:
    term, prior = TERMS["exchangeable"][0], 'ethnicity.sigma = { dist = "HalfNormal", sd = 0.7 }'
    design = study(term, prior, n=20, draws=3)
    assert design.members is not None
    stacked = fit(design, draws=6_000, seed=1, engine=ONE, progress=False)
    record = stacked["sample_stats"]["imputation"].to_numpy()[0]
    assert np.bincount(record).tolist() == [2_000] * 3
    for k in range(3):
        alone = replace(design, members=design.members.only(k))
        one = fit(alone, draws=6_000, seed=2 + k, engine=ONE, progress=False)["posterior"]
        for name in ("intercept", "ethnicity.effect", "ethnicity.sigma"):
            part, whole = stacked["posterior"][name].to_numpy()[0, record == k], one[name].to_numpy()[0]
            error = 5 * whole.std(axis=0) * np.sqrt(1 / 2_000 + 1 / 6_000)
            assert (np.abs(part.mean(axis=0) - whole.mean(axis=0)) < error).all(), name
            assert_allclose(part.std(axis=0), whole.std(axis=0), rtol=0.1)
    with pytest.raises(BayesineqError, match="fewer than the 3 draws"):
        fit(design, draws=2, seed=1)


def test_a_row_of_one_member_is_a_row() -> None:
    rng = np.random.default_rng(4)
    people = rng.integers(20, 50, 12)
    level = np.resize(LEVELS, 12)
    table = pd.DataFrame({"recorded": level, "cases": rng.binomial(people, 0.3), "people": people})
    text = CARD.replace("OUTCOME", BINOMIAL).replace("TERM", TERMS["exchangeable"][0]).replace("PRIOR", "")
    sure = Membership("ethnicity", LEVELS, pd.DataFrame({"recorded": LEVELS}), np.eye(3)[None])
    mixed = fit(mixture(table, parse_card(text), sure), draws=500, seed=3, engine=ONE, progress=False)["posterior"]
    from bayesineq.design.matrix import design

    plain_card = parse_card(text.replace('[latent]\nethnicity = "recorded"\n', ""))
    plain_design = design(table.rename(columns={"recorded": "ethnicity"}), plain_card)
    seed = int(np.random.SeedSequence(3).generate_state(1)[0])
    plain = fit(plain_design, draws=500, seed=seed, engine=ONE, progress=False)["posterior"]
    for name in ("intercept", "ethnicity.effect", "ethnicity.sigma"):
        assert_allclose(mixed[name], plain[name], atol=1e-6)


def test_what_cannot_be_fitted_is_refused() -> None:
    areas = list(LEVELS)
    graph = from_edges([["a", "b"], ["b", "c"]], areas=areas)
    table = pd.DataFrame({"recorded": ["r", "s"], "cases": [3, 9], "people": [20, 30]})
    weight = np.array([[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]])
    text = CARD.replace("OUTCOME", BINOMIAL).replace("PRIOR", "").replace("ethnicity =", "area =", 1)
    card = parse_card(text.replace("TERM", 'area = { kind = "bym2", by = "area" }').replace("ethnicity =", "area ="))
    design = mixture(table, card, Membership("area", LEVELS, table[["recorded"]], weight), adjacency=graph)
    with pytest.raises(DesignError, match="are not left out by group"):
        leave_group_out(design, ["a", "b"])


@pytest.mark.parametrize("link", ["log", "logit"])
def test_what_bending_adds_is_what_second_derivatives_say(link: str) -> None:
    rng = np.random.default_rng(6)
    row = np.array([0, 0, 0, 1, 1, 2], dtype=np.int32)
    weight = np.array([0.2, 0.5, 0.3, 0.4, 0.6, 1.0])
    group, place = np.array([0, 1, 2, 0, 2, 1], dtype=np.int32), np.array([1, 1, 1, 0, 0, 3], dtype=np.int32)
    covariate = rng.normal(size=6)
    members = Members(row, weight[None], np.zeros(6))
    small = side([Incidence(1, None, None), Incidence(3, group, None), Incidence(1, None, covariate)], 6)
    large = side([Incidence(4, place, None), Incidence(4, place, covariate)], 6)
    mixed, small_rows, large_rows = mixed_rows(members, link, small, large, 3)
    effect = rng.normal(size=13)
    dense = np.zeros((6, 13))
    dense[np.arange(6), 0] = dense[np.arange(6), 1 + group] = dense[np.arange(6), 5 + place] = 1.0
    dense[np.arange(6), 4] = dense[np.arange(6), 9 + place] = covariate
    there, back = (np.exp, np.log) if link == "log" else (expit, logit)

    def exact(z: Float) -> Float:
        return np.asarray(back(np.bincount(row, weight * there(dense @ z))))

    root = rng.normal(size=(13, 13))
    spread = root @ root.T / 13
    shared = links(large_rows)
    known = Covariances(spread[:5, :5], spread[5:, :5], spread[5 + shared.left, 5 + shared.right])
    _, mixed, sides = straightened(mixed, (small_rows, large_rows), np.zeros(3), (effect[:5], effect[5:]))
    found = leaned(mixed, sides, shared, known)
    step = 1e-3 * np.eye(13)
    slope = np.array([(exact(effect + s) - exact(effect - s)) / 2e-3 for s in step])
    bent = np.array([
        [(exact(effect + s + t) - exact(effect + s - t) - exact(effect - s + t) + exact(effect - s - t)) / 4e-6
         for t in step] for s in step
    ])  # fmt: skip
    assert_allclose(found.lift, 0.5 * np.einsum("ijr,ij->r", bent, spread), rtol=1e-3, atol=1e-5)
    curvature = np.array([1.0, 2.0, 0.5])
    sums = Sums(np.zeros(5), np.zeros(8), np.zeros((5, 5)), np.zeros((8, 5)), np.zeros(len(shared.left)))
    add_tilt(found, curvature, sums)
    pull = -np.einsum("r,ijr,jk,kr->i", curvature, bent, spread, slope)
    assert_allclose(np.concatenate([sums.small, sums.large]), pull, rtol=1e-3, atol=1e-4)
