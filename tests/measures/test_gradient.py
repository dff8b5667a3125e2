"""Curved gradients: known curves, an independent constrained fit, and the census by the rank of every small area."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline
from scipy.optimize import lsq_linear

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import rank_bounds, relative_rank, shares
from bayesineq.measures.gradient import (
    departure_from_line,
    gradient_curvature,
    gradient_curve,
    linear_gradient,
    monotone_gradient,
    sii_monotone,
)
from bayesineq.measures.slope import sii

PEOPLE = np.array([300.0, 250.0, 200.0, 150.0, 100.0, 120.0, 90.0, 210.0, 80.0, 60.0])
SHARE = shares(PEOPLE)
RANK = relative_rank(SHARE)
LOWER, UPPER = rank_bounds(SHARE)


def average(primitive) -> np.ndarray:
    """Mean of a curve over each group's range of ranks, from its antiderivative."""
    return (primitive(UPPER) - primitive(LOWER)) / (UPPER - LOWER)


def test_a_quadratic_monotone_gradient_is_found_whole():
    # f(r) = 10 + 6 r - 3 r^2 rises on [0, 1] and lies in the span of the quadratic spline.
    value = average(lambda r: 10 * r + 3 * r**2 - r**3)
    np.testing.assert_allclose(sii_monotone(value, PEOPLE), 3.0, rtol=1e-8)
    at = np.linspace(0, 1, 7)
    np.testing.assert_allclose(gradient_curve(value, PEOPLE, at=at), 10 + 6 * at - 3 * at**2, rtol=1e-8)


def test_the_monotone_curve_is_the_nearest_one_by_another_solver():
    rng = np.random.default_rng(1)
    value = 5 - 4 * RANK + rng.normal(0, 1.5, (6, 10))
    knots = np.array([0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1])
    spline = BSpline(knots, np.eye(5), 2).antiderivative()
    bumps = (spline(UPPER) - spline(LOWER)) / (UPPER - LOWER)[:, None]
    # Coefficients of B-splines that never rise are a monotone falling curve: steps as free variables, first one free.
    steps = bumps @ np.tril(np.ones((5, 5)))
    root = np.sqrt(SHARE)
    for draw in value:
        bounds = (np.full(5, -np.inf), np.array([np.inf, 0, 0, 0, 0]))
        best = lsq_linear(steps * root[:, None], draw * root, bounds=bounds, tol=1e-14).x
        ours = sii_monotone(draw, PEOPLE, direction="falling")
        np.testing.assert_allclose(ours, best[1:].sum(), rtol=1e-5, atol=1e-7)


def test_direction_is_chosen_by_draw_and_curves_never_turn():
    value = np.stack([1 + 2 * RANK, 3 - 2 * RANK])
    np.testing.assert_allclose(sii_monotone(value, PEOPLE), [2.0, -2.0], atol=1e-8)
    np.testing.assert_allclose(sii_monotone(value, PEOPLE, direction="rising"), [2.0, 0.0], atol=1e-8)
    rng = np.random.default_rng(2)
    curves = gradient_curve(rng.normal(size=(20, 10)), PEOPLE, at=np.linspace(0, 1, 50))
    steps = np.diff(curves, axis=1)
    assert ((steps >= -1e-9).all(axis=1) | (steps <= 1e-9).all(axis=1)).all()


def test_curvature_is_the_difference_of_the_average_slopes_of_the_halves():
    value = 2 + 3 * (RANK - 0.5) - 5 * (RANK - 0.5) ** 2
    np.testing.assert_allclose(gradient_curvature(value, PEOPLE), -5.0, rtol=1e-9)
    fit = np.polyfit(RANK, np.random.default_rng(3).normal(size=10) + RANK, 2, w=np.sqrt(PEOPLE))
    draw = np.random.default_rng(3).normal(size=10) + RANK
    np.testing.assert_allclose(gradient_curvature(draw, PEOPLE), fit[0], rtol=1e-9)


def test_departure_from_the_line_is_the_greatest_distance_of_a_known_curve():
    value = average(lambda r: 4 * r**3 / 3)  # the curve 4 r^2, in the span of the spline
    rank = RANK - 0.5
    slope = np.sum(SHARE * rank * value) / np.sum(SHARE * rank**2)
    grid = np.linspace(0, 1, 101)
    expected = np.abs(4 * grid**2 - (SHARE @ value + slope * (grid - 0.5))).max()
    np.testing.assert_allclose(departure_from_line(value, PEOPLE), expected, rtol=1e-8)
    np.testing.assert_allclose(departure_from_line(7 - 2 * RANK, PEOPLE), 0.0, atol=1e-9)


def test_probability_of_a_straight_gradient_falls_as_it_bends():
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.002, (500, 10))
    straight = linear_gradient(0.5 + 0.1 * RANK + noise, PEOPLE).mean()
    bent = linear_gradient(0.5 + 0.4 * RANK**3 + noise, PEOPLE).mean()
    assert straight == 1.0
    assert bent == 0.0
    assert linear_gradient(0.5 + 0.4 * RANK**3 + noise, PEOPLE, tolerance=0.5).mean() == 1.0


def test_probability_of_a_monotone_gradient_is_that_of_the_orders():
    # Three exchangeable groups: one order in six rises.
    draws = np.random.default_rng(5).normal(size=(60_000, 3))
    np.testing.assert_allclose(monotone_gradient(draws, direction="rising").mean(), 1 / 6, atol=0.006)
    np.testing.assert_allclose(monotone_gradient(-draws, direction="falling").mean(), 1 / 6, atol=0.006)


def test_weights_that_differ_by_draw_give_each_draw_its_own_curve():
    rng = np.random.default_rng(6)
    value, people = rng.normal(size=(3, 10)), rng.uniform(50, 500, (3, 10))
    for measure in (sii_monotone, departure_from_line, gradient_curvature):
        one_by_one = [float(measure(v, p)) for v, p in zip(value, people, strict=True)]
        np.testing.assert_allclose(measure(value, people), one_by_one, rtol=1e-9)


def test_every_small_area_by_its_own_rank_in_the_census(shared):
    folder = shared / "data"
    health = pd.read_csv(folder / "census2021" / "census2021-ts037-lsoa.csv.gz").set_index("geography code")
    index = pd.read_csv(folder / "imd" / "File_7_IoD2025_reassembled.csv.gz").set_index("LSOA code (2021)")
    rank = index.filter(like="Index of Multiple Deprivation (IMD) Rank").iloc[:, 0]
    table = health.join(rank.rename("rank"), how="inner")
    people = table["General health: Total: All usual residents"]
    bad = table[[f"General health: {level}" for level in ("Bad health", "Very bad health")]].sum(axis=1)
    rate = (bad / people).to_numpy()
    assert len(table) == 33_755
    by_area = float(sii(rate, people, order=table["rank"]))
    # Oracle: weighted least squares on the mid-rank of the cumulative population, by numpy on the sorted table.
    ordered = table.assign(rate=rate, people=people).sort_values("rank")
    mid = (ordered["people"].cumsum() - ordered["people"] / 2) / ordered["people"].sum()
    slope = np.polyfit(mid, ordered["rate"], 1, w=np.sqrt(ordered["people"]))[0]
    np.testing.assert_allclose(by_area, slope, rtol=1e-9)
    # Bad health falls with advantage, steeper at the deprived end: the line understates what the curve shows.
    assert by_area < 0
    assert float(sii_monotone(rate, people, order=table["rank"])) < by_area
    assert float(gradient_curvature(rate, people, order=table["rank"])) > 0
    assert float(linear_gradient(rate, people, order=table["rank"])) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sii_monotone([1.0, 2.0, 3.0, 4.0], [1] * 4), "at least 5 different ranks .* given 4"),
        (lambda: sii_monotone([1.0] * 5, [1] * 5, direction="up"), "direction must be"),
        (lambda: gradient_curve([1.0] * 5, [1] * 5, at=[1.2]), "from 0, the most disadvantaged, to 1"),
        (lambda: gradient_curvature([1.0, 2.0], [1, 1]), "three different ranks"),
        (lambda: linear_gradient([1.0] * 5, [1] * 5, tolerance=0), "tolerance must be above 0"),
        (lambda: linear_gradient([-1.0] * 5, [1] * 5), "mean above zero"),
        (lambda: monotone_gradient([1.0, 2.0], direction="either"), "direction must be"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(MeasureError, match=message):
        call()
