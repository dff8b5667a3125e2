"""Oracle: numbers written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.model.card import Outcome
from bayesineq.report.figures.areas import exceedance_classes
from bayesineq.report.tables.numbers import (
    PERCENT,
    PLAIN,
    RELATIVE,
    decimals,
    estimate,
    interval,
    percent,
    unit_of,
    with_unit,
    write,
)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (-1234.56, 1, "−1,234.6"),
        (-0.0004, 2, "0.00"),
        (0.0, 1, "0.0"),
        (float("nan"), 1, "not available"),
        (2.5, 0, "2"),
    ],
)
def test_write(value: float, places: int, text: str) -> None:
    assert write(value, places) == text


@pytest.mark.parametrize(
    ("values", "places"), [([123.4], 0), ([12.3], 1), ([1.23, 0.1], 2), ([0.0123], 4), ([0.0], 1), ([float("nan")], 1)]
)
def test_three_significant_digits_of_the_largest(values: list[float], places: int) -> None:
    assert decimals(values) == places


def test_estimates_say_their_unit_once() -> None:
    assert estimate(0.0634, 0.059, 0.067, PERCENT) == "6.34% (5.90 to 6.70)"
    assert estimate(-0.0634, -0.069, -0.0571, PERCENT, is_difference=True) == "−6.34 percentage points (−6.90 to −5.71)"
    assert with_unit(0.5, PERCENT) == "50.0%"
    assert interval(0.05, 0.06, PERCENT, places=1) == "5.0% to 6.0%"
    assert interval(0.05, 0.06, PERCENT, is_difference=True, places=1) == "5.0 to 6.0 percentage points"


def outcome(likelihood: str, **columns: str) -> Outcome:
    return Outcome("events", likelihood, columns)


@pytest.mark.parametrize(
    ("typical", "shown"),
    [
        (2.0, "2.00 per 1 person years"),
        (0.05, "5.00 per 100 person years"),
        (0.0032, "3.20 per 1,000 person years"),
        (2e-5, "2.00 per 100,000 person years"),
    ],
)
def test_rates_take_the_base_that_makes_them_readable(typical: float, shown: str) -> None:
    unit = unit_of(outcome("poisson", count="events", exposure="person_years"), typical)
    assert with_unit(typical, unit) == shown


def test_units_follow_the_likelihood() -> None:
    assert unit_of(outcome("binomial", count="a", at_risk="b"), 0.1) is PERCENT
    assert unit_of(outcome("poisson", count="a", expected="e"), 1.0) is RELATIVE
    assert unit_of(outcome("gaussian", value="score"), 20.0) is PLAIN


@pytest.mark.parametrize(
    ("probability", "draws", "text"),
    [
        (0.97, 1000, "97%"),
        (1.0, 1000, "more than 99%"),
        (0.0, 1000, "less than 1%"),
        (1.0, 20, "more than 95%"),
        (0.0, 20, "less than 5%"),
        (0.5, 20, "50%"),
    ],
)
def test_no_probability_is_more_certain_than_the_draws_allow(probability: float, draws: int, text: str) -> None:
    assert percent(probability, draws) == text


def test_a_percentage_is_printed_on_the_side_of_a_limit_on_which_areas_are_counted() -> None:
    for hits in range(41, 3_960):
        share = hits / 4_000
        shown = float(percent(share, 4_000).rstrip("%"))
        assert (shown >= 95) == (share >= 0.95)
        assert (shown <= 5) == (share <= 0.05)
        assert (shown >= 80) == (share >= 0.8)
        assert (shown <= 20) == (share <= 0.2)
        assert abs(shown - 100 * share) <= 0.5 + 1e-9


def test_classes_of_probabilities_are_alike_on_both_sides() -> None:
    values = np.array([0.0, 0.05, 0.051, 0.2, 0.21, 0.5, 0.79, 0.8, 0.949, 0.95, 1.0, np.nan])
    found = exceedance_classes(values, (0.0, 0.05, 0.2, 0.8, 0.95, 1.0)).member
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, -1]
    mirrored = exceedance_classes(1 - values, (0.0, 0.05, 0.2, 0.8, 0.95, 1.0)).member
    assert mirrored[:-1].tolist() == [4 - k for k in found[:-1]]
