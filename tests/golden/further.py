"""Further subjects of the stored numbers: priors, kinds of rows, and what few users reach; see `numbers.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bayesineq as bi
from tests.golden import tables
from tests.golden.numbers import (
    DIMS,
    KINDS,
    LIKELIHOODS,
    Numbers,
    card_of,
    graph,
    put,
    put_draws,
    study,
    subject,
)


def made(
    table: pd.DataFrame, outcome: str, terms: str, priors: str = "", use: str = "\n[use]\nintended = 'a test'\n"
) -> Any:
    text = f'name = "case"\nquestion = "?"\ntable = "case"\n[outcome]\nname = "y"\n{outcome}\n[terms]\n{terms}\n'
    return bi.design(table, card_of(f"{text}[priors]\n{priors}\n{use}"), adjacency=graph())


def fitted(design: Any, **options: Any) -> xr.DataTree:
    given = {"draws": 100, "seed": 1, "progress": False, "engine": bi.LaplaceOptions(threads=1), **options}
    return bi.fit(design, **given)


def put_array(into: Numbers, name: str, values: Any) -> None:
    """Keep each element of a small array."""
    for at, value in enumerate(np.ravel(np.asarray(values, dtype=float))):
        put(into, f"{name}.{at}", value)


# --- every distribution of every kind of prior ---

OF_OUTCOME = {
    "negative_binomial": {
        "outcome.size": ("Gamma", "Exponential", "HalfNormal"),
        "outcome.dispersion": ("PC",),
    },
    "gaussian": {"outcome.sigma": ("PC", "HalfNormal", "Exponential", "Gamma", "Uniform")},
}
OF_TERM = {
    ("exchangeable", "effect.sigma"): ("PC", "HalfNormal", "Exponential", "Gamma", "Uniform"),
    ("bym2", "effect.phi"): ("Beta", "Uniform", "PC"),
    ("leroux", "effect.rho"): ("Beta", "Uniform"),
}
ARGUMENTS = {
    "PC": "above = 0.8, probability = 0.05",
    "HalfNormal": "sd = 0.7",
    "Exponential": "rate = 1.4",
    "Gamma": "shape = 2.0, rate = 3.0",
    "Uniform": "lower = 0.05, upper = 0.95",
    "Beta": "a = 2.0, b = 1.5",
}


def put_prior(into: Numbers, likelihood: str, kind: str, parameter: str, distribution: str) -> None:
    stated = f'{parameter} = {{ dist = "{distribution}", {ARGUMENTS[distribution]} }}'
    outcome = f'{LIKELIHOODS[likelihood]}\nlikelihood = "{likelihood}"'
    design = made(tables.rows_of_all_kinds(), outcome, KINDS[kind], stated)
    name = f"{kind}.{parameter}.{distribution}"
    post, prior = fitted(design), bi.inference.prior_draws(design, draws=100, seed=2)
    own = parameter if parameter in post["posterior"] else "outcome.size"
    put_draws(into, f"{name}.posterior", post["posterior"][own])
    put_draws(into, f"{name}.prior", prior["posterior"][own])
    put(into, f"{name}.log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
    found, worst = bi.posterior.conflicts(post)
    put(into, f"{name}.conflict", worst)
    put(into, f"{name}.conflicts", len(found))


@subject("priors.outcome", slow=True)
def priors_of_outcomes() -> Numbers:
    found: Numbers = {}
    for likelihood, parameters in OF_OUTCOME.items():
        for parameter, distributions in parameters.items():
            for distribution in distributions:
                put_prior(found, likelihood, "exchangeable", parameter, distribution)
    return found


@subject("priors.terms", slow=True)
def priors_of_terms() -> Numbers:
    found: Numbers = {}
    for (kind, parameter), distributions in OF_TERM.items():
        for distribution in distributions:
            put_prior(found, "binomial", kind, parameter, distribution)
    return found


# --- kinds of rows ---


@subject("rows")
def rows() -> Numbers:
    """Counts known to an interval, rows without an outcome, the plain Laplace approximation, groups left out."""
    table = tables.rows_of_all_kinds()
    found: Numbers = {}
    low = (table["tried"] - table["tried"] % 5).clip(lower=0)
    wide = table.assign(lower=low, upper=np.minimum(low + 4, table["trials"]))
    outcome = 'lower = "lower"\nupper = "upper"\nat_risk = "trials"\nlikelihood = "binomial"'
    cases = {
        "interval.binomial": made(wide, outcome, KINDS["exchangeable"]),
        "interval.poisson": made(
            table.assign(lower=table["counted"] // 4 * 4, upper=table["counted"] // 4 * 4 + 3),
            'lower = "lower"\nupper = "upper"\nexpected = "expected"\nlikelihood = "poisson"',
            KINDS["bym2"],
        ),
        "unknown": made(
            table.assign(tried=table["tried"].where(table.index % 7 != 3)),
            f'{LIKELIHOODS["binomial"]}\nlikelihood = "binomial"',
            KINDS["bym2"],
        ),
    }
    for name, design in cases.items():
        post = fitted(design)
        put_draws(found, f"{name}.intercept", post["posterior"]["intercept"])
        put_draws(found, f"{name}.sigma", post["posterior"]["effect.sigma"])
        put_draws(found, f"{name}.expected", bi.expected(post))
        put(found, f"{name}.log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
    plain = fitted(study("impactability"), engine=bi.LaplaceOptions(1, "none"))
    for name in ("intercept", "effect", "place.sigma", "effect_place.sigma"):
        put_draws(found, f"plain.{name}", plain["posterior"][name])
    binomial = f'{LIKELIHOODS["binomial"]}\nlikelihood = "binomial"'
    left = bi.inference.leave_group_out(made(table, binomial, KINDS["bym2"]), table["group"].to_numpy())
    for column in left.select_dtypes("number"):
        put(found, f"leave_group_out.{column}.sum", left[column].sum())
    return found


# --- what few users reach: strata, conflicts, calibration, decomposition, life tables ---


@subject("posterior.further", slow=True)
def posterior() -> Numbers:
    found: Numbers = {}
    post = fitted(study("intersectional"))
    strata = bi.posterior.intersectional(post, threads=1)
    for name, values in strata.data_vars.items():
        if set(DIMS) <= set(values.dims):
            put_draws(found, f"intersectional.{name}", values, most=3)
    for likelihood in ("binomial", "poisson", "negative_binomial", "gaussian"):
        outcome = f'{LIKELIHOODS[likelihood]}\nlikelihood = "{likelihood}"'
        by_group = '\nmain = { kind = "fixed", by = "group", reference = "a" }'
        without = fitted(made(tables.rows_of_all_kinds(), outcome, KINDS["interaction"]))
        within = fitted(made(tables.rows_of_all_kinds(), outcome, KINDS["interaction"] + by_group))
        change = bi.posterior.change_in_variance(without, within, "effect")
        put_draws(found, f"change_in_variance.{likelihood}", change)
    conflicts, worst = bi.posterior.conflicts(post)
    put(found, "conflicts.number", len(conflicts))
    put(found, "conflicts.worst", worst)
    put(found, "power_scaling.place.sigma", bi.posterior.power_scaling(post, "place.sigma"))
    calibrated = bi.posterior.calibration(post, bins=10)
    for column in calibrated.select_dtypes("number"):
        put(found, f"calibration.{column}.sum_of_squares", (calibrated[column].astype(float) ** 2).sum())
    areas = bi.expected(post, by="area")
    first = bi.posterior.probability_of_rank(areas, "area", first=3)
    put(found, "probability_of_rank.sum_of_squares", (first**2).sum())
    put_draws(found, "standardised_ratio", bi.posterior.standardised_ratio(post, "ethnicity", "imd_decile"))
    return found


@subject("measures.further")
def measures() -> Numbers:
    stream, of = np.random.default_rng(118), bi.measures
    found: Numbers = {}
    value = np.linspace(0.6, 0.3, 6) + stream.normal(0.0, 0.03, 6)
    later, people, more = value * stream.uniform(0.8, 1.0, 6), stream.uniform(500, 900, 6), stream.uniform(500, 900, 6)
    parent = ["a", "a", "b", "b", "c", "c"]
    put_array(found, "entropy_decomposition", of.entropy_decomposition(value, people, parent=parent, alpha=2.0))
    put_array(found, "mookherjee", of.mookherjee_shorrocks(value, people, later, more, parent=range(6)))
    factors = stream.uniform(1.0, 2.0, (2, 6))
    put_array(found, "concentration_decomposition", of.concentration_decomposition(value, people, factors=factors))
    put_array(found, "change_by_composition", of.change_by_composition(bi.sii, value, people, later, more))
    put_array(found, "change_in_slope", of.change_in_slope(value, people, later, more))
    put_array(found, "kitagawa", of.kitagawa(value, people, later, more))
    put_array(found, "oaxaca_blinder", of.oaxaca_blinder([1.0, 2.0], [1.3, 2.5], [4.0, 1.0], [3.0, 2.0], baseline=0.3))
    put_array(found, "shapley", of.shapley(of.between_group_variance, factors, people, link="log"))
    put_array(found, "linear_gradient", of.linear_gradient(value, people))
    put_array(found, "monotone_gradient", of.monotone_gradient(value, people, direction="falling"))
    put_array(found, "gradient_curve", of.gradient_curve(value, people, at=[0.1, 0.5, 0.9]))
    ages, rate = [0, 40, 80], [0.002, 0.004, 0.11]
    put_array(found, "life_expectancy", of.life_expectancy(rate, ages=ages))
    put_array(found, "healthy_life_expectancy", of.healthy_life_expectancy(rate, [1.0, 0.8, 0.5], ages=ages))
    put_array(found, "life_expectancy_limits", of.life_expectancy_limits([20, 60, 300], [2e4, 2e4, 3e3], ages=ages))
    put_array(found, "years_of_life_lost", of.years_of_life_lost([2.0, 10.0], [80.0, 15.0]))
    put_array(found, "dsr", of.dsr([10, 40, 31], [1_000, 500, 200], [7_000, 3_000, 1_000], per=1_000))
    put_array(found, "isr", of.isr([3, 17], [1_000, 500], [20, 300], [10_000, 10_000]))
    put_array(found, "byar_limits", of.byar_limits([12, 40]))
    put_array(found, "wilson_limits", of.wilson_limits([12, 40], [100, 90]))
    put_array(found, "poisson_limits", of.poisson_limits([3, 12]))
    put_array(found, "median_odds_ratio", of.median_odds_ratio(0.5))
    for likelihood in ("binomial", "poisson", "negative_binomial"):
        size = {"size": 5.0} if likelihood == "negative_binomial" else {}
        parted = of.variance_partition_response(-2.0, 0.5, likelihood, **size)
        put_array(found, f"variance_partition_response.{likelihood}", parted)
    put_array(found, "discriminatory_accuracy", of.discriminatory_accuracy(value, people))
    crossed = [["m", "f", "m", "f", "m", "f"], [1, 1, 2, 2, 3, 3]]
    put_array(found, "additive_and_interaction", of.additive_and_interaction(value, crossed, people))
    return found


@subject("measures.from_estimates")
def from_estimates() -> Numbers:
    """Published estimates with standard errors or limits."""
    estimate = np.array([70.0, 72.0, 71.0, 75.0, 74.0, 77.0])
    groups = pd.DataFrame({"group": list("abcdef"), "estimate": estimate})
    errors = groups.assign(standard_error=[1.0, 1.2, 0.8, 1.0, 1.5, 0.9])
    limits = groups.assign(lower=estimate - 2.0, upper=estimate + 2.2)
    found: Numbers = {}
    for name, table in (("se", errors), ("interval", limits)):
        put_draws(found, name, bi.measures.from_estimates(table, "group", draws=400, seed=1))
    return found


# --- checks of effects ---


@subject("uplift.further")
def uplift() -> Numbers:
    stream, of = np.random.default_rng(119), bi.uplift
    found: Numbers = {}
    n = 400
    score, arm = stream.normal(size=n), stream.integers(0, 2, n)
    outcome = (stream.random(n) < 0.4 + 0.1 * arm * (score > 0)).astype(float)
    effect = stream.normal(0.1 + 0.1 * score, 0.5)
    for kind in ("uplift", "qini"):
        put(found, f"curve_area.{kind}", of.curve_area(outcome, score, arm, kind=kind, resamples=20, seed=1).value)
    put(found, "uplift_at", of.uplift_at(outcome, score, arm, top=0.3))
    curve = of.toc(effect, score)
    for column in curve.select_dtypes("number"):
        put(found, f"toc.{column}.sum", curve[column].sum())
    potential = np.column_stack([outcome, outcome + effect])
    gained = of.capacity_curve(potential, score, shares=[0.1, 0.3, 0.5])
    for column in gained.select_dtypes("number"):
        put(found, f"capacity_curve.{column}.sum", gained[column].sum())
    for name, table in (
        ("best_linear_predictor", of.best_linear_predictor(effect, score)),
        ("decile_calibration", of.decile_calibration(effect, score)),
        ("rosenbaum_bounds", of.rosenbaum_bounds(effect[:60], gammas=[1.0, 1.5, 2.0])),
    ):
        for column in table.select_dtypes("number"):
            put(found, f"{name}.{column}.sum", table[column].sum())
    put_array(found, "e_value", of.e_value(1.8, 1.2, 2.7))
    left_out = of.omitted_variable(0.3, 0.1, 200)
    bounds = of.omitted_variable_bounds(left_out, r2_treatment=0.02, r2_outcome=0.05)
    for column in bounds.select_dtypes("number"):
        put(found, f"omitted_variable_bounds.{column}.sum", bounds[column].sum())
    error = of.systematic_error(stream.normal(0.05, 0.2, 12), np.full(12, 0.1))
    put_array(found, "calibrated", of.calibrated(0.4, 0.1, error))
    post = fitted(study("impactability"))
    put_draws(found, "benefit_from_posterior", of.benefit_from_posterior(post, by="imd_decile"))
    return found
