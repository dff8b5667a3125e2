"""Sensitivity to hidden bias against published numbers."""

import json
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.robust import with_bias
from bayesineq.errors import DecisionError
from bayesineq.uplift.negative_controls import calibrated, systematic_error
from bayesineq.uplift.sensitivity import (
    e_value,
    omitted_variable,
    omitted_variable_bounds,
    rosenbaum_bounds,
)


def ols(y, x):
    """Coefficients, standard errors and residual degrees of freedom."""
    beta, *_ = np.linalg.lstsq(x, y, rcond=None)
    resid = y - x @ beta
    dof = len(y) - np.linalg.matrix_rank(x)
    return beta, np.sqrt(np.diag(np.linalg.pinv(x.T @ x)) * (resid @ resid) / dof), dof


def test_darfur_robustness_values_and_bounds(shared):
    table = pd.read_csv(shared / "reference/decisions/darfur/darfur.csv")
    published = json.loads((shared / "reference/decisions/darfur/published.json").read_text())["directlyharmed"]
    covariates = ["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]
    villages = pd.get_dummies(table["village"], dtype=float).to_numpy()
    x = np.column_stack([table["directlyharmed"], table[covariates], villages]).astype(float)
    beta, error, dof = ols(table["peacefactor"].to_numpy(), x)
    found = omitted_variable(beta[0], error[0], dof)
    assert found.estimate == pytest.approx(published["estimate"], abs=5e-4)
    assert found.estimate == pytest.approx(0.0973, abs=5e-5)
    assert found.standard_error == pytest.approx(published["se"], abs=5e-4)
    assert found.partial_r2 == pytest.approx(published["r2yd.x"], abs=5e-4)
    assert found.robustness_value == pytest.approx(published["rv_q1"], abs=5e-4)
    assert found.robustness_value_significance == pytest.approx(published["rv_q1_a05"], abs=5e-4)
    # Cinelli & Hazlett 2020: confounders 1, 2 and 3 times as strong as female leave .0752, .0529 and .0304
    t_outcome = beta[6] / error[6]
    b_d, e_d, dof_d = ols(x[:, 0], x[:, 1:])
    t_treatment = b_d[5] / e_d[5]
    bounds = omitted_variable_bounds(
        found,
        r2_treatment=t_treatment**2 / (t_treatment**2 + dof_d),
        r2_outcome=t_outcome**2 / (t_outcome**2 + dof),
    )
    np.testing.assert_allclose(bounds["estimate"], [0.0752, 0.0529, 0.0304], atol=5e-5)
    np.testing.assert_allclose(bounds["r2_treatment"], [0.0092, 0.0183, 0.0275], atol=5e-5)
    np.testing.assert_allclose(bounds["r2_outcome"], [0.1246, 0.2493, 0.3741], atol=5e-5)


def test_robustness_value_is_where_an_equal_confounder_leaves_nothing():
    found = omitted_variable(0.5, 0.1, 200)
    rv = found.robustness_value
    bias = np.sqrt(rv * rv / (1 - rv)) * found.standard_error * np.sqrt(found.degrees_of_freedom)
    assert bias == pytest.approx(found.estimate)
    with pytest.raises(DecisionError, match="lower times"):
        omitted_variable_bounds(found, r2_treatment=0.6, r2_outcome=0.1)


def test_e_values_of_the_breastfeeding_example():
    # VanderWeele & Ding 2017: risk ratio 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0
    value, limit = e_value(3.9, 1.8, 8.7)
    assert value == pytest.approx(7.26, abs=0.005)
    assert limit == pytest.approx(3.0, abs=0.005)
    assert e_value(1 / 3.9)[0] == pytest.approx(value)
    assert e_value(1.2, 0.9, 1.6)[1] == 1.0
    with pytest.raises(DecisionError, match="above 0"):
        e_value(-1)


def test_rosenbaum_bounds_of_smoking_and_lung_cancer():
    # Rosenbaum 2002, section 4.3: 122 discordant pairs, 110 with the smoker dying; the bound passes .05 between
    # odds of 5 and 6, where it is .1; the binomial sum here is exact, the book's an approximation
    pairs = np.concatenate([np.ones(110), -np.ones(12), np.zeros(500)])
    table = rosenbaum_bounds(pairs, gammas=[1, 4, 5, 6]).set_index("gamma")
    assert table.loc[1, "p_upper"] < 1e-4
    assert table.loc[5, "p_upper"] < 0.05 < table.loc[6, "p_upper"]
    assert table.loc[6, "p_upper"] == pytest.approx(0.1, abs=0.005)
    for gamma in (4, 5, 6):
        exact = sum(comb(122, k) * gamma**k for k in range(110, 123)) / (1 + gamma) ** 122
        assert table.loc[gamma, "p_upper"] == pytest.approx(exact, rel=1e-9)


def test_rosenbaum_bounds_without_bias_are_the_signed_rank_test_and_with_bias_an_enumeration():
    rng = np.random.default_rng(3)
    for size, method in ((40, "exact"), (400, "asymptotic")):
        d = rng.normal(0.1, 1, size)
        one = rosenbaum_bounds(d, gammas=[1]).iloc[0]
        scipy_p = stats.wilcoxon(d, alternative="greater", method=method).pvalue
        assert one["p_upper"] == pytest.approx(scipy_p, rel=1e-9)
    small = rng.normal(0.8, 1, 14)
    rank, positive = stats.rankdata(np.abs(small)), small > 0
    p = 2.0 / 3.0
    signs = np.array(list(product([0, 1], repeat=14)))
    chance = p ** signs.sum(1) * (1 - p) ** (14 - signs.sum(1))
    exact = chance[signs @ rank >= rank[positive].sum()].sum()
    assert rosenbaum_bounds(small, gammas=[2])["p_upper"][0] == pytest.approx(exact, rel=1e-9)


def test_a_prior_over_bias_widens_and_keeps_units_together():
    benefit = from_effects(np.zeros((20_000, 2, 2)), scale="QALY", interventions=["a", "b"], units=["x", "y"])
    doubted = with_bias(benefit, {"a": 0.5, "b": 0.1}, mean=0.2, seed=1)
    values = doubted.isel(chain=0).values
    np.testing.assert_allclose(values.std(0), [[0.5, 0.1], [0.5, 0.1]], rtol=0.03)
    np.testing.assert_allclose(values.mean(0), -0.2, atol=6 * 0.5 / np.sqrt(20_000))
    np.testing.assert_array_equal(values[:, 0], values[:, 1])
    with pytest.raises(DecisionError, match="sd of the bias"):
        with_bias(benefit, {"a": 0.5})


def test_systematic_error_is_recovered_and_restores_coverage():
    rng = np.random.default_rng(5)
    se = rng.uniform(0.05, 0.2, 4_000)
    controls = 0.1 + rng.normal(0, 0.2, 4_000) + rng.normal(0, se)
    error = systematic_error(controls, se)
    assert error.mean == pytest.approx(0.1, abs=6 * 0.24 / np.sqrt(4_000))
    assert error.sd == pytest.approx(0.2, abs=0.02)
    held = [lo <= 0 <= hi for _, lo, hi in (calibrated(b, s, error) for b, s in zip(controls, se, strict=True))]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)
    assert error.controls["excludes_zero"].mean() > 0.3
    clean = systematic_error(rng.normal(0, 0.1, 30), np.full(30, 0.1))
    assert clean.sd < 0.08
