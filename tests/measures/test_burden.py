"""Burden of disease: worked examples by hand to 1e-9, simulated people, a round trip of the study's layout."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.errors import MeasureError
from bayesineq.measures.burden import (
    comorbid_weights,
    disability_adjusted_life_years,
    fraction_by_exposure,
    from_burden_layout,
    joint_fraction,
    to_burden_layout,
    years_lived_with_disability,
)
from bayesineq.measures.life_table import years_of_life_lost


def test_a_worked_example_of_years_lost_and_lived() -> None:
    """3 deaths at 40 with 48.5 years to go and 7 at 80 with 10.2; 250 people at .049 and 20 at .288."""
    lost = years_of_life_lost([3.0, 7.0], [48.5, 10.2])
    lived = years_lived_with_disability([250.0, 20.0], [0.049, 0.288])
    assert lost == pytest.approx(3 * 48.5 + 7 * 10.2, abs=1e-9)
    assert lived == pytest.approx([12.25, 5.76], abs=1e-9)
    assert disability_adjusted_life_years(lost, lived.sum()) == pytest.approx(216.9 + 18.01, abs=1e-9)


def test_weights_with_draws_stay_draws() -> None:
    weights = np.array([[0.04, 0.2], [0.06, 0.3]])
    assert years_lived_with_disability([100.0, 10.0], weights) == pytest.approx(
        np.array([[4.0, 2.0], [6.0, 3.0]]), abs=1e-9
    )


def test_people_with_two_conditions_by_hand() -> None:
    """Half have each: a quarter both, at 1 - .6 x .8 = .52, of which .4 / .6 is the first one's."""
    first = 0.5 * 0.4 + 0.5 * 0.52 * 0.4 / 0.6
    second = 0.5 * 0.2 + 0.5 * 0.52 * 0.2 / 0.6
    assert comorbid_weights([0.5, 0.5], [0.4, 0.2]) == pytest.approx([first, second], abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 9, 20])
def test_corrected_weights_add_up_to_the_average_weight_of_people(n: int) -> None:
    stream = np.random.default_rng(n)
    share, own = stream.uniform(0, 0.5, (3, n)), stream.uniform(0, 0.6, n)
    found = comorbid_weights(share, own)
    assert np.sum(share * found, axis=-1) == pytest.approx(1 - np.prod(1 - share * own, axis=-1), abs=1e-9)
    assert (found <= own + 1e-12).all()


def test_corrected_weights_are_those_of_simulated_people() -> None:
    """The study's own way: 400,000 people at random; within four standard errors."""
    stream = np.random.default_rng(1)
    share, own = np.array([0.3, 0.1, 0.5]), np.array([0.5, 0.3, 0.1])
    has = stream.random((400_000, 3)) < share
    combined = 1 - np.prod(np.where(has, 1 - own, 1.0), axis=1)
    carried = np.where(has, own, 0.0)
    part = carried * np.divide(combined, carried.sum(axis=1), out=np.zeros(len(has)), where=has.any(axis=1))[:, None]
    for k in range(3):
        mine = part[has[:, k], k]
        assert abs(comorbid_weights(share, own)[k] - mine.mean()) < 4 * mine.std() / np.sqrt(len(mine))


def test_fractions_by_hand() -> None:
    """Levin: p (r - 1) / (1 + p (r - 1)); moving a fifth of smokers to none; two risks together."""
    assert fraction_by_exposure([0.8, 0.2], [1.0, 2.5]) == pytest.approx(0.2 * 1.5 / (1 + 0.2 * 1.5), abs=1e-9)
    moved = fraction_by_exposure([0.8, 0.2], [1.0, 2.5], [0.84, 0.16])
    assert moved == pytest.approx((1.3 - 1.24) / 1.3, abs=1e-9)
    assert joint_fraction([0.3, 0.2, 0.0]) == pytest.approx(0.44, abs=1e-9)
    draws = fraction_by_exposure([[0.8, 0.2], [0.5, 0.5]], [[1.0, 2.5], [1.0, 0.5]])
    assert draws == pytest.approx([0.3 / 1.3, (0.75 - 0.5) / 0.75], abs=1e-9)


def test_the_layout_of_the_study_makes_a_round_trip() -> None:
    stream = np.random.default_rng(2)
    coords = {"location": ["East", "West"], "age": ["15-49 years", "50-69 years"], "year": [2018, 2019]}
    draws = xr.DataArray(stream.normal(100, 5, (1, 1000, 2, 2, 2)), dims=("chain", "draw", *coords), coords=coords)
    file = to_burden_layout(draws, measure="daly", metric="Rate")
    assert list(file.columns) == [
        "measure_id", "measure_name", "location_name", "sex_name", "age_name", "cause_name", "metric_id", "metric_name",
        "year", "val", "upper", "lower",
    ]  # fmt: skip
    back = from_burden_layout(file, measure="daly", metric="Rate")
    want = draws.mean(("chain", "draw")).to_series().reset_index(name="value")
    merged = want.merge(back, on=["location", "age", "year"], suffixes=("", "_back"))
    assert len(merged) == 8
    np.testing.assert_allclose(merged["value_back"], merged["value"], atol=1e-9)
    np.testing.assert_allclose(back["standard_error"], 5.0, rtol=0.15)
    assert set(back["sex"]) == {"All"}


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(MeasureError, match=r"given 0.2 to 1.3"):
        years_lived_with_disability([10.0, 10.0], [0.2, 1.3])
    with pytest.raises(MeasureError, match="negative or missing"):
        years_lived_with_disability([-1.0], [0.2])
    with pytest.raises(MeasureError, match="add up to 1"):
        fraction_by_exposure([0.8, 0.3], [1.0, 2.0])
    with pytest.raises(MeasureError, match="must be positive"):
        fraction_by_exposure([0.8, 0.2], [0.0, 2.0])
    with pytest.raises(MeasureError, match="from 0 to 1"):
        comorbid_weights([1.2, 0.1], [0.1, 0.1])
    file = pd.DataFrame(
        {"measure_name": ["Deaths"], "metric_name": ["Rate"], "val": [5.0], "lower": [6.0], "upper": [7.0]}
    )
    with pytest.raises(MeasureError, match="does not lie between"):
        from_burden_layout(file, measure="deaths", metric="Rate")
    with pytest.raises(MeasureError, match=r"no row of 'Prevalence' as 'Rate'; it has \[\['Deaths', 'Rate'\]\]"):
        from_burden_layout(file, measure="prevalence", metric="Rate")
    with pytest.raises(MeasureError, match="lacks the columns"):
        from_burden_layout(file.drop(columns="val"), measure="deaths", metric="Rate")
