"""Decompositions: exact sums, closed forms for cases worked by hand, and an independent regression."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import relative_rank, shares
from bayesineq.measures.concentration import relative_concentration_index
from bayesineq.measures.decompose import (
    change_by_composition,
    change_in_slope,
    concentration_decomposition,
    entropy_decomposition,
    kitagawa,
    mookherjee_shorrocks,
    oaxaca_blinder,
    shapley,
)
from bayesineq.measures.entropy import generalised_entropy, mean_log_deviation, theil
from bayesineq.measures.slope import sii

N = 9
PARENT = np.array(["n", "s", "n", "w", "s", "s", "w", "n", "w"])
values = hnp.arrays(np.float64, (2, N), elements=st.floats(0.05, 0.95))
weights = hnp.arrays(np.float64, N, elements=st.floats(10.0, 500.0))


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.5, 1.0, 2.0])
@given(value=values, weight=weights)
def test_between_and_within_add_up_to_generalised_entropy(alpha, value, weight):
    parts = entropy_decomposition(value, weight, parent=PARENT, alpha=alpha)
    assert (parts >= -1e-12).all()
    whole = generalised_entropy(value, weight, alpha=alpha)
    np.testing.assert_allclose(parts.sum(axis=-1), whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0])
def test_between_and_within_are_what_they_say(alpha):
    rng = np.random.default_rng(5)
    value, weight = rng.uniform(0.1, 0.9, N), rng.uniform(10, 90, N)
    groups = [g == PARENT for g in np.unique(PARENT)]
    size = np.array([weight[g].sum() for g in groups])
    mean = np.array([np.average(value[g], weights=weight[g]) for g in groups])
    inner = np.array([float(generalised_entropy(value[g], weight[g], alpha=alpha)) for g in groups])
    relative = mean / np.average(value, weights=weight)
    between, within = entropy_decomposition(value, weight, parent=PARENT, alpha=alpha)
    np.testing.assert_allclose(between, generalised_entropy(mean, size, alpha=alpha), rtol=1e-9)
    np.testing.assert_allclose(within, np.sum(size / size.sum() * relative**alpha * inner), rtol=1e-9)


def test_a_parent_that_does_not_fit_or_has_nobody_is_refused():
    with pytest.raises(MeasureError, match="must name the larger group of each group"):
        entropy_decomposition([1.0, 2.0], [1, 1], parent=["a"])
    with pytest.raises(MeasureError, match="has no people"):
        entropy_decomposition([1.0, 2.0], [1, 0], parent=["a", "b"])
    with pytest.raises(MeasureError, match="above zero"):
        entropy_decomposition([0.0, 2.0], [1, 1], parent=["a", "b"])


@given(before=values, after=values, weight_before=weights, weight_after=weights)
def test_mookherjee_shorrocks_adds_up_to_the_change(before, after, weight_before, weight_after):
    parts = mookherjee_shorrocks(before, weight_before, after, weight_after, parent=PARENT)
    change = mean_log_deviation(after, weight_after) - mean_log_deviation(before, weight_before)
    np.testing.assert_allclose(parts.sum(axis=-1), change, rtol=1e-9, atol=1e-12)


def test_mookherjee_shorrocks_blames_what_changed():
    rng = np.random.default_rng(6)
    value, weight = rng.uniform(0.3, 0.5, N), rng.uniform(10, 90, N)
    # Larger groups' means moved by a common factor each: nothing within, no composition, and a small residual.
    factor = {"n": 1.02, "s": 0.99, "w": 1.01}
    parts = mookherjee_shorrocks(value, weight, value * [factor[g] for g in PARENT], weight, parent=PARENT)
    np.testing.assert_allclose(parts[:3], 0.0, atol=1e-14)
    assert abs(parts[4]) < 0.01 * abs(parts[3])
    # Only the sizes of the larger groups moved: no change within, and none of the groups' means.
    growth = np.array([{"n": 1.1, "s": 1.0, "w": 0.9}[g] for g in PARENT])
    moved = mookherjee_shorrocks(value, weight, value, weight * growth, parent=PARENT)
    np.testing.assert_allclose(moved[[0, 3]], 0.0, atol=1e-14)
    assert abs(moved[4]) < 0.05 * np.abs(moved[1:3]).sum()


def test_concentration_decomposition_is_the_regression_and_adds_up():
    rng = np.random.default_rng(7)
    value, weight = rng.uniform(0.2, 0.8, (3, N)), rng.uniform(10, 90, N)
    factors = rng.normal(size=(2, N))
    parts = concentration_decomposition(value, weight, factors=factors)
    np.testing.assert_allclose(parts.sum(axis=-1), relative_concentration_index(value, weight), rtol=1e-10)
    share = shares(weight)
    design, root = np.column_stack([np.ones(N), factors.T]), np.sqrt(share)
    rank = 2 * share * (relative_rank(share) - 0.5)
    for draw in range(3):
        beta = np.linalg.lstsq(design * root[:, None], value[draw] * root, rcond=None)[0][1:]
        np.testing.assert_allclose(parts[draw, :2], beta * (factors @ rank) / (share @ value[draw]), rtol=1e-9)
        given = concentration_decomposition(value, weight, factors=factors, coefficients=beta)
        np.testing.assert_allclose(given[draw], parts[draw], rtol=1e-9, atol=1e-12)


def test_concentration_decomposition_refuses_collinear_factors():
    with pytest.raises(MeasureError, match="collinear"):
        concentration_decomposition([1.0, 2.0, 3.0], [1, 1, 1], factors=[[1, 2, 3], [2, 4, 6]])
    with pytest.raises(MeasureError, match="one row a factor and one column a group"):
        concentration_decomposition([1.0, 2.0, 3.0], [1, 1, 1], factors=[[1, 2]])


@given(first=values, second=values, weight_first=weights, weight_second=weights)
def test_kitagawa_adds_up_and_is_antisymmetric(first, second, weight_first, weight_second):
    parts = kitagawa(first, weight_first, second, weight_second)
    gap = np.average(second, weights=weight_second, axis=-1) - np.average(first, weights=weight_first, axis=-1)
    np.testing.assert_allclose(parts.sum(axis=-1), gap, atol=1e-12)
    np.testing.assert_allclose(kitagawa(second, weight_second, first, weight_first), -parts, atol=1e-12)
    np.testing.assert_allclose(kitagawa(first, weight_first, first, weight_second)[..., 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(kitagawa(first, weight_first, second, weight_first)[..., 1], 0.0, atol=1e-12)


@pytest.mark.parametrize("baseline", [0.0, 0.3, 1.0])
def test_oaxaca_blinder_adds_up_for_every_baseline(baseline):
    rng = np.random.default_rng(8)
    x0, x1, b0, b1 = rng.normal(size=(4, 5, 3))
    parts = oaxaca_blinder(x0, x1, b0, b1, baseline=baseline)
    assert parts.shape == (5, 2, 3)
    np.testing.assert_allclose(parts.sum(axis=(1, 2)), np.sum(x1 * b1 - x0 * b0, axis=-1), atol=1e-12)
    np.testing.assert_allclose(oaxaca_blinder(x0, x0, b0, b1, baseline=baseline)[:, 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(oaxaca_blinder(x0, x1, b0, b0, baseline=baseline)[:, 1], 0.0, atol=1e-12)
    with pytest.raises(MeasureError, match="0 to 1"):
        oaxaca_blinder(x0, x1, b0, b1, baseline=2.0)


def test_shapley_is_the_average_over_all_orders_and_adds_up():
    rng = np.random.default_rng(9)
    terms, weight, level = rng.normal(0, 0.3, (3, 4, N)), rng.uniform(10, 90, N), rng.normal(-1, 0.1, 4)
    parts = shapley(theil, terms, weight, level=level, link="log")
    share = weight / weight.sum()
    mean = (terms * share).sum(axis=-1, keepdims=True) + np.zeros_like(terms)
    gains = np.zeros((3, 4))
    for order in permutations(range(3)):
        now = mean.copy()
        for k in order:
            before = theil(np.exp(level[:, None] + now.sum(axis=0)), weight)
            now[k] = terms[k]
            gains[k] += (theil(np.exp(level[:, None] + now.sum(axis=0)), weight) - before) / 6
    np.testing.assert_allclose(parts, gains.T, atol=1e-12)
    np.testing.assert_allclose(parts.sum(axis=-1), theil(np.exp(level[:, None] + terms.sum(axis=0)), weight), rtol=1e-9)


def test_a_factor_that_does_nothing_gets_nothing():
    terms = np.array([[0.0] * 4, [-1.0, 0.0, 0.5, 1.0]])
    parts = shapley(partial(sii, scale="logit"), terms, [1, 2, 3, 4], link="logit", level=-0.3)
    np.testing.assert_allclose(parts[0], 0.0, atol=1e-14)
    with pytest.raises(MeasureError, match="1 to 10 factors"):
        shapley(theil, np.zeros((11, 4)), [1, 1, 1, 1])


@given(before=values, after=values, weight_before=weights, weight_after=weights)
def test_change_in_slope_is_top_less_bottom_and_the_change_of_the_index(before, after, weight_before, weight_after):
    total, top, bottom = np.moveaxis(change_in_slope(before, weight_before, after, weight_after), -1, 0)
    np.testing.assert_allclose(total, sii(after, weight_after) - sii(before, weight_before), atol=1e-12)
    np.testing.assert_allclose(total, top - bottom, atol=1e-12)


@pytest.mark.parametrize("measure", [sii, theil])
@given(before=values, after=values, weight_before=weights, weight_after=weights)
def test_values_and_composition_add_up_to_the_change(measure, before, after, weight_before, weight_after):
    parts = change_by_composition(measure, before, weight_before, after, weight_after)
    change = measure(after, weight_after) - measure(before, weight_before)
    np.testing.assert_allclose(parts.sum(axis=-1), change, rtol=1e-9, atol=1e-12)
    same = change_by_composition(measure, before, weight_before, after, weight_before)
    np.testing.assert_allclose(same[..., 1], 0.0, atol=1e-12)
