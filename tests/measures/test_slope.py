"""Slope and relative index: closed forms, an independent fit, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import relative_rank, shares
from bayesineq.measures.slope import rii, sii, slope_ends

PEOPLE = np.array([300.0, 250.0, 200.0, 150.0, 100.0])
RANK = relative_rank(shares(PEOPLE))


def test_a_straight_gradient_is_returned_as_it_was_made():
    value = 40 - 12 * RANK
    np.testing.assert_allclose(sii(value, PEOPLE), -12.0, rtol=1e-12)
    np.testing.assert_allclose(rii(value, PEOPLE), 28 / 40, rtol=1e-12)
    np.testing.assert_allclose(rii(value, PEOPLE, convention="pamuk"), -12 / 34, rtol=1e-12)
    np.testing.assert_allclose(slope_ends(value, PEOPLE), [40.0, 28.0], rtol=1e-12)


@pytest.mark.parametrize("convention", ["phe", "who"])
@pytest.mark.parametrize(
    ("scale", "curve"), [("log", lambda r: np.exp(-3 + 0.8 * r)), ("logit", lambda r: 1 / (1 + np.exp(2 - 1.5 * r)))]
)
def test_a_gradient_straight_on_its_scale_is_returned_as_it_was_made(convention, scale, curve):
    bottom, top = curve(0.0), curve(1.0)
    given = {"convention": convention, "scale": scale}
    np.testing.assert_allclose(sii(curve(RANK), PEOPLE, **given), top - bottom, rtol=1e-10)
    np.testing.assert_allclose(rii(curve(RANK), PEOPLE, **given), top / bottom, rtol=1e-10)


@pytest.mark.parametrize("scale", ["log", "logit"])
def test_who_convention_maximises_the_quasi_likelihood(scale):
    value = np.array([0.30, 0.55, 0.50, 0.80, 0.95])

    def loss(c):
        eta = c[0] + c[1] * RANK
        log_likelihood = value * eta - (np.exp(eta) if scale == "log" else np.logaddexp(0, eta))
        return -np.sum(PEOPLE / PEOPLE.sum() * log_likelihood)

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-10}).x
    inverse = np.exp if scale == "log" else lambda e: 1 / (1 + np.exp(-e))
    ends = inverse(best[0]), inverse(best.sum())
    np.testing.assert_allclose(slope_ends(value, PEOPLE, convention="who", scale=scale), ends, rtol=1e-6)


def test_who_convention_takes_groups_at_the_bound_and_phe_refuses_them():
    value = np.array([0.6, 0.8, 0.9, 1.0, 1.0])
    assert 0 < float(sii(value, PEOPLE, convention="who", scale="logit")) < 1
    with pytest.raises(MeasureError, match=r"strictly between 0 and 1; 2 are not, the first 1 at group 3"):
        sii(value, PEOPLE, scale="logit")


def test_draws_and_blocks_do_not_change_the_number(monkeypatch):
    value = np.random.default_rng(1).uniform(0.1, 0.9, (3, 7, 5))
    whole = sii(value, PEOPLE, scale="logit")
    monkeypatch.setattr("bayesineq.measures.arrays.BLOCK", 10)
    assert whole.shape == (3, 7)
    np.testing.assert_array_equal(sii(value, PEOPLE, scale="logit"), whole)
    # Weights that come with the draws are summed in another order, so the last digit may differ.
    spread = sii(np.asfortranarray(value), np.broadcast_to(PEOPLE, (7, 5)), scale="logit")
    np.testing.assert_allclose(spread, whole, atol=1e-14)


def test_order_ranks_groups_that_come_in_any_order_and_ties_share_a_rank():
    value = np.array([5.0, 1.0, 3.0, 2.0])
    pooled = sii([1.5, 4.0], [2, 2])
    np.testing.assert_allclose(sii(value, [1, 1, 1, 1], order=[2, 1, 2, 1]), pooled, rtol=1e-12)
    with pytest.raises(MeasureError, match="must rank each of the 4 groups"):
        sii(value, [1, 1, 1, 1], order=[1, 2, np.nan, 3])


def test_a_group_without_people_does_not_count():
    np.testing.assert_allclose(sii([1.0, 99.0, 3.0], [1, 0, 1]), sii([1.0, 3.0], [1, 1]), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sii([1.0, 2.0], [1, 0]), "two different ranks"),
        (lambda: sii([1.0, 2.0], [1, 1], order=[3, 3]), "two different ranks"),
        (lambda: sii([1.0, 2.0], [1, -1]), r"1 weights are negative, missing or infinite, the first -1.0 at group 1"),
        (lambda: sii([1.0, 2.0], [0, 0]), "all weights are zero"),
        (lambda: sii([1.0, np.nan], [1, 1]), r"first that is not is nan in draw 0, group 1"),
        (lambda: sii([1.0, 2.0], [1, 1, 1]), "2 groups have values but the weights have shape"),
        (lambda: sii(1.0, [1]), "last axis of groups"),
        (lambda: sii([[1.0, 2.0]] * 3, [[1, 1]] * 2), "do not match those of the values"),
        (lambda: sii([55.0, 60.0], [1, 1], scale="logit"), "divide percentages by 100"),
        (lambda: sii([0.0, 1.0], [1, 1], scale="log"), "above zero"),
        (lambda: sii([0.0, 0.0], [1, 1], scale="log", convention="who"), "off the bound"),
        (lambda: sii([0.0, 1.0], [1, 1], scale="logit", convention="who"), "no finite slope"),
        (lambda: sii([0.1, 0.2], [1, 1], scale="log", convention="pamuk"), 'for scale=\'log\' use "phe" or "who"'),
        (lambda: sii([0.1, 0.2], [1, 1], scale="probit"), "scale must be"),
        (lambda: sii([0.1, 0.2], [1, 1], convention="ons"), "convention must be"),
        (lambda: rii([1.0, 9.0], [1, 1]), "fitted value above zero at the bottom"),
        (lambda: rii([-1.0, 0.5], [1, 1], convention="pamuk"), "mean above zero"),
    ],
)
def test_misuse_is_refused_with_what_was_given_and_what_to_do(call, message):
    with pytest.raises(MeasureError, match=message):
        call()
