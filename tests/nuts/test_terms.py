"""
The prior that the sampler sees, against dense algebra.

With no trials the likelihood is constant, and given its hyperparameters the model is Gaussian in the rest. Its
covariance is read off exactly (differences of a linear gradient) and compared with what the term is defined to
be; what the Gaussian integrates to must be the hyperparameters' prior, so that no normalising term is missing.
Tolerance 1e-7: differences of log densities of size 100 in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from scipy import stats
from scipy.linalg import block_diag
from scipy.sparse import csr_array
from scipy.special import logit

from bayesineq.design.matrix import Design
from bayesineq.inference.nuts import model, terms
from bayesineq.inference.nuts.model import LEVEL, MEAN_VARIANCE, build
from bayesineq.inference.nuts.rough import Coordinates, Hint, sequence
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

Float = NDArray[np.float64]
OUTCOME = 'count = "count"\nat_risk = "trials"\nlikelihood = "binomial"'
INTERCEPT = 'intercept = { dist = "Normal", mean = -1.5, sd = 0.7 }\n'


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of the level and the deviations, the mean's variance, and the log integral."""

    mean: Float
    covariance: Float
    mean_variance: float
    log_integral: float


def gaussians(study: Design, term: str, *settings: Mapping[str, float]) -> list[Gaussian]:
    """Prior of a term at each setting of its hyperparameters."""
    built = build(study)
    python = Mode("py", None)
    names = [LEVEL, term, *([term + MEAN_VARIANCE] if term + MEAN_VARIANCE in built.named_vars else [])]
    inputs = built.value_vars
    evaluate = built.compile_fn(
        built.replace_rvs_by_values([built[n] for n in names]), inputs=inputs, mode=python, on_unused_input="ignore"
    )
    initial = built.initial_point()
    linear = [k for k in initial if k not in settings[0]]
    variables = [built.values_to_rvs[v] for v in inputs if v.name in linear]
    density, gradient = built.compile_logp(mode=python), built.compile_dlogp(variables, mode=python)
    size = [initial[k].size for k in linear]
    unit, zero = np.eye(sum(size)), np.zeros(sum(size))

    def at(setting: Mapping[str, float]) -> Gaussian:
        def point(z: Float) -> dict[str, Float]:
            parts = np.split(z, np.cumsum(size)[:-1])
            fixed = {k: np.asarray(v, dtype=float) for k, v in setting.items()}
            return fixed | {k: p.reshape(initial[k].shape) for k, p in zip(linear, parts, strict=True)}

        def moved(z: Float) -> Float:
            return np.concatenate([np.ravel(v) for v in evaluate(point(z))[:2]])

        slope, origin = gradient(point(zero)), moved(zero)
        precision = np.array([slope - gradient(point(e)) for e in unit])
        mode = np.linalg.solve(precision, slope)
        jacobian = np.array([moved(e) - origin for e in unit]).T
        volume = 0.5 * len(zero) * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision)[1]
        extra = evaluate(point(zero))[2:]
        return Gaussian(
            mean=origin + jacobian @ mode,
            covariance=jacobian @ np.linalg.solve(precision, jacobian.T),
            mean_variance=float(extra[0]) if extra else 0.0,
            log_integral=float(density(point(zero)) + 0.5 * slope @ mode + volume),
        )

    return [at(setting) for setting in settings]


@pytest.fixture(scope="module")
def silent(study: Callable[..., Design], table: pd.DataFrame) -> Callable[..., Design]:
    """Designs without trials."""
    empty = table.assign(count=0, trials=0)

    def make(term: str, priors: str = "") -> Design:
        return study(OUTCOME, term, INTERCEPT + priors, table=empty)

    return make


def generalised_inverse(graph: Adjacency) -> Float:
    """Scaled covariance of the intrinsic autoregression, by dense pseudo-inverses, component by component."""
    covariance = np.zeros((len(graph), len(graph)))
    laplacian = graph.laplacian().toarray()
    for c, size in enumerate(graph.component_sizes):
        at = np.flatnonzero(graph.component == c)
        part = np.ones((1, 1)) if size == 1 else np.linalg.pinv(laplacian[np.ix_(at, at)])
        covariance[np.ix_(at, at)] = part / np.exp(np.log(np.diag(part)).mean())
    return covariance


def without_mean(n: int) -> Float:
    return np.eye(n) - 1 / n


def check(found: Gaussian, covariance: Float, mean_variance: float = 0.0, mean: Float | None = None) -> None:
    n = len(covariance)
    np.testing.assert_allclose(found.mean[0], -1.5, atol=1e-7)
    np.testing.assert_allclose(found.mean[1:], np.zeros(n) if mean is None else mean, atol=1e-7)
    expected = block_diag(0.7**2 + mean_variance, covariance)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-7)
    np.testing.assert_allclose(found.mean_variance, mean_variance, atol=1e-10)


SIGMA = "t.sigma = { dist = 'Exponential', rate = 1.3 }"


def log_sigma(sigma: float) -> float:
    """Density of log(sigma) under Exponential(1.3)."""
    return float(stats.expon(scale=1 / 1.3).logpdf(sigma) + np.log(sigma))


@pytest.fixture(autouse=True)
def informative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parametrisations be chosen as if the rows said much of some levels and little of others."""

    def pretended(design: Design, coordinates: Sequence[Coordinates]) -> list[Hint]:
        stream, sizes, earlier = np.random.default_rng(1), [len(c.size) for c in coordinates], []
        hints = {}
        for j in sequence(coordinates):
            slope = {i: stream.normal(0.0, 0.3, (sizes[j], sizes[i])) for i in earlier}
            hints[j] = Hint(stream.uniform(0.0, 20.0, sizes[j]), stream.normal(0.0, 0.5, sizes[j]), slope)
            earlier += [j] if coordinates[j].is_sampled else []
        return [hints[j] for j in range(len(sizes))]

    monkeypatch.setattr(model, "rough", pretended)


@pytest.fixture(params=["modes", "edges"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Spatial effects by their modes, as on small graphs, and by their edges, as on large ones."""
    if request.param == "edges":
        monkeypatch.setattr(terms, "SPECTRAL", 0)
    return str(request.param)


@pytest.mark.parametrize("sigma", [0.6, 1.7])
def test_icar_is_the_scaled_generalised_inverse(
    silent: Callable[..., Design], graph: Adjacency, sigma: float, form: str
) -> None:
    (found,) = gaussians(silent("t = { kind = 'icar', by = 'area' }", SIGMA), "t", {"t.sigma_log__": np.log(sigma)})
    check(found, sigma**2 * generalised_inverse(graph))


@pytest.mark.parametrize(("sigma", "phi"), [(0.6, 0.8), (1.7, 0.15)])
def test_bym2_mixes_structured_and_unstructured(
    silent: Callable[..., Design], graph: Adjacency, sigma: float, phi: float, form: str
) -> None:
    hyper = {"t.sigma_log__": np.log(sigma), "t.phi_logodds__": logit(phi)}
    (found,) = gaussians(silent("t = { kind = 'bym2', by = 'area' }", SIGMA), "t", hyper)
    check(found, sigma**2 * (phi * generalised_inverse(graph) + (1 - phi) * np.eye(len(graph))))


@pytest.mark.parametrize(("sigma", "rho"), [(0.6, 0.8), (1.7, 0.15)])
def test_leroux_is_the_inverse_of_its_precision(
    silent: Callable[..., Design], graph: Adjacency, sigma: float, rho: float, form: str
) -> None:
    n = len(graph)
    hyper = {"t.sigma_log__": np.log(sigma), "t.rho_interval__": logit(rho)}
    (found,) = gaussians(silent("t = { kind = 'leroux', by = 'area' }", SIGMA), "t", hyper)
    covariance = sigma**2 * np.linalg.inv(rho * graph.laplacian().toarray() + (1 - rho) * np.eye(n))
    split = covariance.sum() / n**2 if form == "edges" else 0.0
    check(found, covariance - split, split)


@pytest.mark.parametrize("sigma", [0.6, 1.7])
def test_exchangeable_is_independent(silent: Callable[..., Design], sigma: float) -> None:
    (found,) = gaussians(
        silent("t = { kind = 'exchangeable', by = 'group' }", SIGMA), "t", {"t.sigma_log__": np.log(sigma)}
    )
    check(found, sigma**2 * without_mean(3), sigma**2 / 3)


def test_slopes_by_level_keep_their_mean(silent: Callable[..., Design]) -> None:
    """What a covariate multiplies is not confounded with the intercept, so nothing is split off."""
    term = "t = { kind = 'exchangeable', by = 'group', times = 'x' }"
    check(*gaussians(silent(term, SIGMA), "t", {"t.sigma_log__": 0.0}), np.eye(3))


def shared(study: Design, term: str) -> Design:
    """The design with rows that read shares of several levels of a term, and one that reads none."""
    size = next(block.size for block in study.blocks if block.term.name == term)
    shares = np.random.default_rng(5).dirichlet(np.ones(size), len(study))
    shares[shares < 1 / size] = 0.0
    shares[0] = 0.0
    return study.reading(term, csr_array(shares))


def test_levels_that_rows_share_keep_their_mean(silent: Callable[..., Design]) -> None:
    """A row that reads shares of levels need not hold their mean as the others do, so nothing is split off."""
    made = shared(silent("t = { kind = 'exchangeable', by = 'group' }", SIGMA), "t")
    check(*gaussians(made, "t", {"t.sigma_log__": 0.0}), np.eye(3))


@pytest.mark.parametrize(
    "terms",
    [
        "t = { kind = 'exchangeable', by = 'group' }",
        "t = { kind = 'leroux', by = 'area' }\ng = { kind = 'exchangeable', by = 'group' }",
        "t = { kind = 'bym2', by = 'area', times = 'x' }\nx = { kind = 'linear', by = 'x' }",
        "t = { kind = 'fixed', by = 'group', reference = 'a' }",
    ],
)
def test_a_row_that_reads_several_levels_has_their_sum_by_share(study: Callable[..., Design], terms: str) -> None:
    """The likelihood of the model at a random point is that of the weighted sum of its own effects."""
    made = shared(study(OUTCOME, terms, INTERCEPT), "t")
    built, stream = build(made), np.random.default_rng(8)
    names = ["likelihood", LEVEL, *(block.term.name for block in made.blocks)]
    evaluate = built.compile_fn(
        built.replace_rvs_by_values([built[n] for n in names]), mode=Mode("py", None), on_unused_input="ignore"
    )
    assert f"t{MEAN_VARIANCE}" not in built.named_vars
    point = {k: v + stream.normal(0, 0.3, v.shape) for k, v in built.initial_point().items()}
    found, level, *effects = evaluate(point)
    eta = made.response.offset + level
    for block, effect in zip(made.blocks, effects, strict=True):
        eta = eta + block.incidence.matrix() @ effect
    trials, value = made.response.trials, made.response.value
    np.testing.assert_allclose(found, stats.binom.logpmf(value, trials, 1 / (1 + np.exp(-eta))).sum(), rtol=1e-10)


def test_terms_sampled_given_each_other_are_independent(silent: Callable[..., Design], graph: Adjacency) -> None:
    """Coordinates that move with those of other terms leave each term's prior as it is."""
    made = silent(
        """
        g = { kind = 'exchangeable', by = 'group' }
        s = { kind = 'random_walk', by = 'step' }
        t = { kind = 'icar', by = 'area' }
        x = { kind = 'linear', by = 'x' }
        """,
        SIGMA + "\ng.sigma = { dist = 'Exponential', rate = 1.3 }\ns.sigma = { dist = 'Exponential', rate = 1.3 }\n",
    )
    hyper = {"g.sigma_log__": np.log(0.4), "s.sigma_log__": np.log(0.9), "t.sigma_log__": np.log(0.6)}
    for name, covariance in (("t", 0.6**2 * generalised_inverse(graph)), ("g", 0.4**2 * without_mean(3))):
        (found,) = gaussians(made, name, hyper)
        np.testing.assert_allclose(found.mean[1:], 0, atol=1e-7)
        expected = block_diag(0.7**2 + 0.4**2 / 3, covariance)
        np.testing.assert_allclose(found.covariance, expected, atol=1e-7)


@pytest.mark.parametrize("order", [1, 2])
def test_random_walk_is_the_scaled_generalised_inverse(silent: Callable[..., Design], order: int) -> None:
    """Independent of the basis used: pinv of D'D; order 2 adds its trend."""
    term = f"t = {{ kind = 'random_walk', by = 'step', order = {order} }}"
    trend = "\nt.trend = { dist = 'Normal', mean = 0.3, sd = 0.4 }" if order == 2 else ""
    (found,) = gaussians(silent(term, SIGMA + trend), "t", {"t.sigma_log__": np.log(0.6)})
    difference = np.diff(np.eye(6), n=order, axis=0)
    inverse = np.linalg.pinv(difference.T @ difference)
    covariance = 0.6**2 * inverse / np.exp(np.log(np.diag(inverse)).mean())
    line = np.array([-5, -3, -1, 1, 3, 5]) / np.sqrt(35 / 3)
    if order == 2:
        check(found, covariance + 0.4**2 * np.outer(line, line), mean=0.3 * line)
    else:
        check(found, covariance)


@pytest.mark.parametrize(
    ("space", "time"),
    [("exchangeable", "exchangeable"), ("icar", "random_walk"), ("exchangeable", "random_walk"), ("leroux", "ar1")],
)
def test_a_product_has_the_covariance_of_its_halves(
    silent: Callable[..., Design], graph: Adjacency, space: str, time: str
) -> None:
    term = f"t = {{ kind = 'interaction', by = ['area', 'step'], space = '{space}', time = '{time}' }}"
    hyper = {"t.sigma_log__": np.log(0.6)}
    hyper |= {"t.rho_space_interval__": logit(0.7)} if space == "leroux" else {}
    hyper |= {"t.rho_time_interval__": logit(0.4)} if time == "ar1" else {}
    (found,) = gaussians(silent(term, SIGMA), "t", hyper)
    of_areas = {
        "exchangeable": np.eye(len(graph)),
        "icar": generalised_inverse(graph),
        "leroux": np.linalg.inv(0.7 * graph.laplacian().toarray() + 0.3 * np.eye(len(graph))),
    }
    difference = np.diff(np.eye(6), axis=0)
    inverse = np.linalg.pinv(difference.T @ difference)
    of_steps = {
        "exchangeable": np.eye(6),
        "random_walk": inverse / np.exp(np.log(np.diag(inverse)).mean()),
        "ar1": 0.4 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6))),
    }
    check(found, 0.6**2 * np.kron(of_areas[space], of_steps[time]))


@pytest.mark.parametrize("rho", [0.7, 0.2])
def test_ar1_is_stationary(silent: Callable[..., Design], rho: float) -> None:
    hyper = {"t.sigma_log__": np.log(0.6), "t.rho_interval__": logit(rho)}
    (found,) = gaussians(silent("t = { kind = 'ar1', by = 'step' }", SIGMA), "t", hyper)
    lag = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    check(found, 0.6**2 * rho**lag)


def test_coefficients_are_independent_and_zero_at_the_reference(silent: Callable[..., Design]) -> None:
    prior = "t = { dist = 'Normal', mean = 0.2, sd = 0.5 }"
    (found,) = gaussians(silent("t = { kind = 'fixed', by = 'group', reference = 'b' }", prior), "t", {})
    check(found, np.diag([0.25, 0.0, 0.25]), mean=np.array([0.2, 0.0, 0.2]))
    check(
        *gaussians(silent("t = { kind = 'linear', by = 'x' }", prior), "t", {}),
        np.array([[0.25]]),
        mean=np.array([0.2]),
    )


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("t = { kind = 'icar', by = 'area' }", ["sigma"]),
        ("t = { kind = 'bym2', by = 'area' }", ["sigma", "phi"]),
        ("t = { kind = 'leroux', by = 'area' }", ["sigma", "rho"]),
        ("t = { kind = 'random_walk', by = 'step' }", ["sigma"]),
        ("t = { kind = 'ar1', by = 'step' }", ["sigma", "rho"]),
    ],
)
def test_nothing_but_the_prior_depends_on_hyperparameters(
    silent: Callable[..., Design], term: str, names: list[str]
) -> None:
    """Integrated over everything Gaussian, the density is that of the hyperparameters, from scipy.stats."""
    share = "phi_logodds__" if "phi" in names else "rho_interval__"
    prior = {
        "phi": "\nt.phi = { dist = 'Beta', a = 2, b = 3 }",
        "rho": "\nt.rho = { dist = 'Uniform', lower = 0, upper = 1 }",
    }
    made = silent(term, SIGMA + "".join(prior.get(n, "") for n in names))
    settings, known = [], []
    for sigma, part in ((0.6, 0.8), (1.7, 0.15)):
        settings.append({"t.sigma_log__": np.log(sigma)} | ({f"t.{share}": logit(part)} if len(names) > 1 else {}))
        known.append(log_sigma(sigma) + (np.log(part * (1 - part)) if len(names) > 1 else 0.0))
        known[-1] += stats.beta(2, 3).logpdf(part) if "phi" in names else 0.0
    found = [g.log_integral for g in gaussians(made, "t", *settings)]
    np.testing.assert_allclose(np.diff(found), np.diff(known), atol=1e-7)


@pytest.mark.parametrize(
    ("prior", "variable", "known"),
    [
        ("sigma = { dist = 'HalfNormal', sd = 0.5 }", "sigma_log__", lambda s: stats.halfnorm(scale=0.5).logpdf(s)),
        (
            "sigma = { dist = 'Gamma', shape = 2, rate = 3 }",
            "sigma_log__",
            lambda s: stats.gamma(2, scale=1 / 3).logpdf(s),
        ),
        (
            "sigma = { dist = 'PC', above = 0.8, probability = 0.05 }",
            "sigma_log__",
            lambda s: stats.expon(scale=-0.8 / np.log(0.05)).logpdf(s),
        ),
        (
            "precision = { dist = 'Gamma', shape = 2, rate = 0.3 }",
            "precision_log__",
            lambda t: stats.gamma(2, scale=1 / 0.3).logpdf(t),
        ),
    ],
)
def test_prior_of_a_standard_deviation(
    silent: Callable[..., Design], prior: str, variable: str, known: Callable[[float], float]
) -> None:
    """Densities from scipy.stats; PC(above=u, probability=a) is exponential with P(sigma > u) = a."""
    made = silent("t = { kind = 'random_walk', by = 'step' }", f"t.{prior}")
    found = [g.log_integral for g in gaussians(made, "t", *({f"t.{variable}": np.log(v)} for v in (0.4, 1.9)))]
    expected = [known(v) + np.log(v) for v in (0.4, 1.9)]
    np.testing.assert_allclose(found[0] - found[1], expected[0] - expected[1], atol=1e-7)


def test_pc_prior_of_phi_is_its_table(silent: Callable[..., Design], graph: Adjacency) -> None:
    """The spline inside the model equals the table's own log density at and between knots."""
    made = silent(
        "t = { kind = 'bym2', by = 'area' }", SIGMA + "\nt.phi = { dist = 'PC', below = 0.5, probability = 0.66 }"
    )
    table = phi_prior(made.prior("t.phi"), graph, scale_factors(graph))
    at = np.array([-2.0, 0.13, 3.4])
    share = (at + 12) / 24
    settings = [{"t.sigma_log__": 0.0, "t.phi.logit_interval__": logit(s)} for s in share]
    found = [g.log_integral for g in gaussians(made, "t", *settings)] - np.log(share * (1 - share))
    np.testing.assert_allclose(np.diff(found), np.diff(table.log_density(at)), atol=1e-7)
