"""Slope and relative index: closed forms, an independent fit, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from bayesineq.errors import MeasureError
from bayesineq.measures import arrays
from bayesineq.measures.arrays import relative_rank, shares
from bayesineq.measures.slope import rii, sii, slope_ends
from bayesineq.measures.undefined import UndefinedDrawsWarning

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


def test_who_convention_on_the_log_scale_takes_rates_above_one():
    value = np.exp(1 + 0.5 * RANK)
    np.testing.assert_allclose(sii(value, PEOPLE, convention="who", scale="log"), np.exp(1.5) - np.exp(1.0), rtol=1e-10)


def test_a_line_that_ends_at_zero_has_a_ratio_at_the_top_and_none_at_the_bottom():
    np.testing.assert_array_equal(slope_ends([3.0, 3.0, 2.0, 0.0], [1, 1, 1, 1]), [4.0, 0.0])
    assert float(rii([3.0, 3.0, 2.0, 0.0], [1, 1, 1, 1])) == 0.0
    with pytest.raises(MeasureError, match="above zero at the bottom; 1 are not, the first 0"):
        rii([0.0, 0.0, 0.0], [1, 1, 1])


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
    value = np.array([5.0, 1.0, 3.0, 2.0, 7.0])
    pooled = sii([1.5, 4.0, 7.0], [2, 2, 1])
    np.testing.assert_allclose(sii(value, [1, 1, 1, 1, 1], order=[2, 1, 2, 1, 3]), pooled, rtol=1e-12)
    with pytest.raises(MeasureError, match="must rank each of the 4 groups"):
        sii(value[:4], [1, 1, 1, 1], order=[1, 2, np.nan, 3])


def test_a_group_without_people_does_not_count():
    np.testing.assert_allclose(sii([1.0, 99.0, 3.0, 2.0], [1, 0, 1, 1]), sii([1.0, 3.0, 2.0], [1, 1, 1]), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sii([1.0, 2.0, 3.0], [1, 0, 1]), "at least three different ranks with people in them; given 2"),
        (lambda: sii([1.0, 2.0, 4.0], [1, 1, 1], order=[3, 3, 3]), "three different ranks .* given 1"),
        (lambda: sii([0.3, 0.1], [1, 1]), "Of two groups report the difference and the ratio"),
        (lambda: rii([0.3, 0.1, 0.2], [1, 1, 1], order=[1, 2, 2]), "three different ranks .* given 2"),
        (lambda: slope_ends([0.3, 0.1], [[1, 1], [1, 2]]), "three different ranks .* given 2"),
        (lambda: sii([0.3, 0.1, 0.2], [[1, 1, 1], [1, 0, 2]]), "three different ranks .* given 2"),
        (
            lambda: sii([0.5, 0.7, 1.2], [1, 1, 1], scale="logit", convention="who"),
            "proportions from 0 to 1; 1 are not",
        ),
        (
            lambda: sii([-0.1, 0.7, 0.2], [1, 1, 1], scale="logit", convention="who"),
            "proportions from 0 to 1; 1 are not",
        ),
        (lambda: sii([-0.1, 0.7, 0.2], [1, 1, 1], scale="log", convention="who"), "that are not negative; 1 are not"),
        (lambda: sii([1.0, 1.0, 1.0], [1, 1, 1], scale="logit", convention="who"), "off the bound"),
        (lambda: rii([10.0, 1.0, 0.5], [1, 1, 1]), "not negative at the top; 1 are not, the first -3.29167"),
        (lambda: rii([0.5, 1.0, 10.0], [1, 1, 1]), "above zero at the bottom; 1 are not, the first -3.29167"),
        (lambda: sii([1.0, 2.0], [1, -1]), r"1 weights are negative, missing or infinite, the first -1.0 at group 1"),
        (lambda: sii([1.0, 2.0], [0, 0]), "all weights are zero"),
        (lambda: sii([1.0, np.nan], [1, 1]), r"first that is not is nan in draw 0, group 1"),
        (lambda: sii([1.0, 2.0], [1, 1, 1]), "2 groups have values but the weights have shape"),
        (lambda: sii(1.0, [1]), "last axis of groups"),
        (lambda: sii([[1.0, 2.0]] * 3, [[1, 1]] * 2), "do not match those of the values"),
        (lambda: sii([55.0, 60.0, 65.0], [1, 1, 1], scale="logit"), "divide percentages by 100"),
        (lambda: sii([0.0, 1.0, 2.0], [1, 1, 1], scale="log"), "above zero"),
        (lambda: sii([0.0, 0.5, 0.7], [1, 1, 1], scale="logit"), "strictly between 0 and 1; 1 are not, the first 0"),
        (lambda: sii([0.0, 0.0, 0.0], [1, 1, 1], scale="log", convention="who"), "off the bound"),
        (lambda: sii([0.0, 1.0, 1.0], [1, 1, 1], scale="logit", convention="who"), "no finite slope"),
        (lambda: sii([0.1, 0.2], [1, 1], scale="log", convention="pamuk"), 'for scale=\'log\' use "phe" or "who"'),
        (lambda: sii([0.1, 0.2], [1, 1], scale="probit"), "scale must be"),
        (lambda: sii([0.1, 0.2], [1, 1], convention="ons"), "convention must be"),
        (lambda: rii([1.0, 9.0, 17.0], [1, 1, 1]), "fitted value above zero at the bottom"),
        (lambda: rii([-1.0, 0.5, 0.0], [1, 1, 1], convention="pamuk"), "mean above zero"),
    ],
)
def test_misuse_is_refused_with_what_was_given_and_what_to_do(call, message):
    with pytest.raises(MeasureError, match=message):
        call()


def one_broken_draw(n_draw: int) -> np.ndarray:
    """Draws of three groups around 10, 8 and 6, whose line reaches zero in the second draw alone."""
    value = np.random.default_rng(4).normal([10.0, 8.0, 6.0], 0.3, (n_draw, 3))
    value[1] = [-9.0, 8.0, 6.0]
    return value


def test_a_measure_that_breaks_in_one_draw_of_four_thousand_is_missing_there_alone_and_says_so():
    value = one_broken_draw(4000)
    with pytest.warns(UndefinedDrawsWarning, match=r"1 of 4,000 draws .* above zero at the bottom"):
        found = rii(value, [1, 1, 1])
    assert np.isnan(found[1])
    whole = np.arange(4000) != 1
    np.testing.assert_array_equal(found[whole], rii(value[whole], [1, 1, 1]))


def test_a_measure_that_breaks_in_more_than_one_draw_of_a_hundred_is_refused_with_their_number():
    value = one_broken_draw(4000)
    value[:41] = [-9.0, 8.0, 6.0]
    with pytest.raises(MeasureError, match=r"41 of 4,000 draws have no such measure"):
        rii(value, [1, 1, 1])


def test_draws_break_in_their_own_block_with_weights_of_their_own(monkeypatch):
    value = one_broken_draw(600)
    value[401, 2] = np.nan
    weight = np.random.default_rng(2).uniform(1.0, 1.2, (600, 3))
    whole = np.delete(np.arange(600), [1, 401])
    direct = rii(value[whole], weight[whole])
    monkeypatch.setattr(arrays, "BLOCK", 90)
    with pytest.warns(UndefinedDrawsWarning, match="2 of 600 draws"):
        found = rii(value, weight)
    assert np.isnan(found[[1, 401]]).all()
    np.testing.assert_allclose(found[whole], direct, rtol=1e-13)


def test_a_line_that_does_not_settle_in_one_draw_is_missing_there():
    value = np.random.default_rng(4).uniform(0.3, 0.6, (200, 4))
    value[7] = [0.0, 0.0, 1.0, 1.0]
    with pytest.warns(UndefinedDrawsWarning, match="1 of 200 draws .* no finite slope"):
        found = sii(value, [1, 1, 1, 1], scale="logit", convention="who")
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]
