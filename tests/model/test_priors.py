"""Priors. Oracles: scipy's densities and moments, and the package's own text for who knows a distribution's name."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

import bayesineq
from bayesineq.model.horseshoe import normals
from bayesineq.model.priors import DISTRIBUTIONS, PARAMETER_KINDS, Prior, named, read_prior

LAWS = {
    "Normal": ({"mean": -1.3, "sd": 0.7}, stats.norm(-1.3, 0.7)),
    "StudentT": ({"df": 3.5, "mean": 0.4, "scale": 0.6}, stats.t(3.5, 0.4, 0.6)),
    "HalfNormal": ({"sd": 0.4}, stats.halfnorm(scale=0.4)),
    "Exponential": ({"rate": 3.1}, stats.expon(scale=1 / 3.1)),
    "Gamma": ({"shape": 2.3, "rate": 0.2}, stats.gamma(2.3, scale=5.0)),
    "Beta": ({"a": 1.7, "b": 3.2}, stats.beta(1.7, 3.2)),
    "Uniform": ({"lower": -0.5, "upper": 2.0}, stats.uniform(-0.5, 2.5)),
    "PC": ({"above": 0.8, "probability": 0.05}, stats.expon(scale=-0.8 / math.log(0.05))),
}
PRIORS = {word: Prior(word, arguments) for word, (arguments, _) in LAWS.items()}


def test_every_distribution_with_a_law_is_tried() -> None:
    assert {*LAWS, "Horseshoe"} == {name for name, form in DISTRIBUTIONS.items() if form.law is not None}


@pytest.mark.parametrize("word", LAWS)
def test_density_draws_and_quantiles_are_those_of_scipy(word: str) -> None:
    prior, law = PRIORS[word], LAWS[word][1]
    at = law.ppf([0.001, 0.2, 0.5, 0.9, 0.9999])
    np.testing.assert_allclose(prior.log_density(at), law.logpdf(at), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([prior.log_density(float(x)) for x in at], law.logpdf(at), rtol=1e-12, atol=1e-12)
    assert prior.law is not None
    np.testing.assert_allclose(prior.law.ppf([0.1, 0.6]), law.ppf([0.1, 0.6]))
    np.testing.assert_array_equal(
        prior.draw(np.random.default_rng(4), (3, 5)), law.rvs((3, 5), random_state=np.random.default_rng(4))
    )


@pytest.mark.parametrize("word", [word for word in LAWS if word != "Beta"])
def test_a_prior_in_another_unit_is_that_of_the_product(word: str) -> None:
    scaled, law = PRIORS[word].scaled(2.5), LAWS[word][1]
    at = law.ppf([0.1, 0.5, 0.8])
    assert scaled.law is not None
    np.testing.assert_allclose(scaled.law.cdf(2.5 * at), [0.1, 0.5, 0.8])


@pytest.mark.parametrize("word", ["Normal", "StudentT", "Uniform"])
def test_a_prior_that_is_moved_is_that_of_the_sum(word: str) -> None:
    moved = PRIORS[word].shifted(-3.0)
    assert moved.law is not None
    np.testing.assert_allclose(moved.law.ppf([0.1, 0.7]), LAWS[word][1].ppf([0.1, 0.7]) - 3.0)


@pytest.mark.parametrize("word", LAWS)
def test_a_compiled_model_has_the_same_density(word: str) -> None:
    pm = pytest.importorskip("pymc")
    from bayesineq.inference.nuts.priors import VARIABLES

    arguments, law = LAWS[word]
    at = law.ppf([0.05, 0.5, 0.9])
    with pm.Model():
        variable = VARIABLES[word]("x", **{k: np.float64(v) for k, v in arguments.items()}, size=(3,))
        found = pm.logp(variable, at).eval()
    np.testing.assert_allclose(found, law.logpdf(at), rtol=1e-10, atol=1e-10)


def test_the_sampler_has_a_line_for_every_law() -> None:
    pytest.importorskip("pymc")
    from bayesineq.inference.nuts.priors import VARIABLES

    assert set(VARIABLES) == {*LAWS, "Horseshoe"}


@pytest.mark.parametrize(
    ("spec", "kind", "says"),
    [
        ({"dist": "Cauchy", "scale": 1}, "sigma", ".dist: is 'Cauchy'; allowed for sigma are"),
        ({"dist": "Uniform", "lower": 2, "upper": 1}, "sigma", "lower end must be below"),
        ({"dist": "Uniform", "lower": -1, "upper": 1}, "sigma", "sigma lies between 0 and inf"),
        ({"dist": "Uniform", "lower": 0, "upper": 1.5}, "rho", "rho lies between -1 and 1"),
        ({"dist": "PC", "below": 1.0, "probability": 0.5}, "phi", "phi lies between 0 and 1"),
        ({"dist": "PC", "below": 0.5, "probability": 0.5}, "sigma", "takes ['above', 'probability']"),
        ({"dist": "PC", "above": 0.5, "probability": 1.0}, "sigma", "a probability lies between 0 and 1"),
        ({"dist": "HalfNormal", "sd": 0}, "sigma", "positive"),
        ({"dist": "StudentT", "df": -1, "mean": 0, "scale": 1}, "coefficient", "positive"),
        ({"dist": "Horseshoe", "scale": 1}, "coefficient", "takes ['scale', 'slab']"),
        ({"dist": "Horseshoe", "scale": 1, "slab": 1}, "intercept", "allowed for intercept are ['Normal']"),
        ({"dist": "HalfNormal", "sd": "1"}, "sigma", "finite numbers"),
    ],
)
def test_a_prior_that_cannot_be_is_told_with_what_can(spec: dict[str, object], kind: str, says: str) -> None:
    found = read_prior(spec, kind, PARAMETER_KINDS[kind])
    assert isinstance(found, str)
    assert says in found


def test_the_card_s_word_for_a_mixing_parameter_is_another_law() -> None:
    phi = named("PC", "phi", {"above": 0.5, "probability": 0.3})
    assert phi.law is None
    assert str(phi) == "PC(above=0.5, probability=0.3)"
    assert named("PC", "sigma", {"above": 0.5, "probability": 0.3}).law is not None


def test_densities_integrate_to_one() -> None:
    for word, prior in PRIORS.items():
        low, high = LAWS[word][1].ppf([0.0, 1.0])
        total, _ = integrate.quad(lambda x, prior=prior: math.exp(prior.log_density(x)), low, high)
        assert total == pytest.approx(1.0, abs=1e-6), word


def over_scales(x: float, scale: float, slab: float) -> float:
    """Density of the horseshoe with a slab, as an integral over its half-Cauchy scale, not normalised."""

    def at(angle: float) -> float:
        return stats.norm.pdf(x, 0.0, scale * math.tan(angle)) * 2.0 / math.pi

    return integrate.quad(at, 0.0, 0.5 * math.pi, epsabs=1e-13)[0] * math.exp(-0.5 * (x / slab) ** 2)


@pytest.mark.parametrize(("scale", "slab"), [(0.1, 2.0), (1.0, 1.0), (2.0, 0.5)])
def test_the_horseshoe_is_the_mixture_over_its_scale(scale: float, slab: float) -> None:
    """Its oracle is quadrature over the scale; its draws are held to the integral of its density."""
    prior, at = Prior("Horseshoe", {"scale": scale, "slab": slab}), np.array([0.02, 0.3, 1.7]) * scale
    whole = 2.0 * sum(
        integrate.quad(over_scales, low, high, args=(scale, slab))[0]
        for low, high in ((0.0, 0.01 * scale), (0.01 * scale, scale), (scale, 40.0 * max(scale, slab)))
    )
    wanted = np.log([over_scales(x, scale, slab) / whole for x in at])
    np.testing.assert_allclose(prior.log_density(at), wanted, atol=2e-5)
    assert prior.law is not None
    np.testing.assert_allclose(prior.law.logpdf(at), prior.log_density(at), rtol=1e-12)
    precision, share = normals((scale / slab) ** 2)
    each = [float(share @ stats.norm.pdf(x / scale, 0.0, precision**-0.5)) / scale for x in at]
    np.testing.assert_allclose(np.log(each), prior.log_density(at), atol=1e-9)
    drawn = np.abs(prior.draw(np.random.default_rng(2), 40_000))
    for end in (0.1 * scale, scale):
        inside = 2.0 * integrate.quad(lambda x: math.exp(prior.log_density(x)), 0.0, end)[0]
        assert (drawn < end).mean() == pytest.approx(inside, abs=4.0 * 0.5 / 200.0)


def test_a_compiled_horseshoe_has_the_same_density() -> None:
    pm = pytest.importorskip("pymc")
    from bayesineq.inference.nuts.priors import VARIABLES

    prior, at = Prior("Horseshoe", {"scale": 0.2, "slab": 1.5}), np.array([-0.9, 0.01, 0.4])
    with pm.Model():
        variable = VARIABLES["Horseshoe"]("x", np.float64(0.2), np.float64(1.5), size=(3,))
        np.testing.assert_allclose(pm.logp(variable, at).eval(), prior.log_density(at), atol=1e-9)


def test_student_t_is_the_normal_whose_precision_it_is_said_to_mix() -> None:
    prior = PRIORS["StudentT"]
    mixed, arguments = prior.mixed, prior.parameters
    assert mixed is not None
    assert mixed.law is not None

    def at(w: float, x: float) -> float:
        return stats.norm.pdf(x, arguments["mean"], arguments["scale"] / math.sqrt(w)) * math.exp(mixed.log_density(w))

    for x in (-2.0, 0.5, 3.0):
        assert integrate.quad(at, 0.0, np.inf, args=(x,))[0] == pytest.approx(math.exp(prior.log_density(x)), rel=1e-7)


def test_no_other_line_asks_which_distribution_a_prior_has() -> None:
    """Names may stand where defaults and allowed words are listed as data; nothing may compare with one."""
    package = Path(bayesineq.__file__).parent
    words = {name.partition(".")[0] for name in DISTRIBUTIONS}
    found = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare | ast.match_case):
                said = {of.value for of in ast.walk(node) if isinstance(of, ast.Constant) and isinstance(of.value, str)}
                body = {of for part in getattr(node, "body", []) for of in ast.walk(part)}
                said -= {of.value for of in body if isinstance(of, ast.Constant)}
                found += (
                    [f"{path.relative_to(package)}:{getattr(node, 'lineno', '')} {said & words}"]
                    if said & words
                    else []
                )
    assert found == []
