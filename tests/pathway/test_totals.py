"""
Totals met in every draw. Oracles: closed forms, another implementation of raking, exact conditioning of a normal.

The numbers of two margins were computed with the package `raking` 0.2.0 (IHME, BSD).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.errors import MeasureError
from bayesineq.measures.totals import Margin, rake
from bayesineq.pathway.totals import Known, meet_totals
from tests.pathway.draws import draws

LEVELS = {"area": ["E1", "E2", "E3", "E4"], "sex": ["F", "M"]}
WITHIN = {"E1": "north", "E2": "north", "E3": "south", "E4": "south"}
PEOPLE = np.array([[100, 200], [300, 100], [500, 400], [200, 200]])
TOTALS = pd.Series({"south": 130.0, "north": 75.0})


def values(sd: float = 0.01) -> xr.DataArray:
    return draws(0.1, LEVELS, sd=sd, people=PEOPLE)


def sums(met: xr.DataArray) -> np.ndarray:
    return (
        (met * met["population"]).sum("sex").groupby(xr.DataArray(list(WITHIN.values()), dims="area")).sum().to_numpy()
    )


@pytest.mark.parametrize("scale", ["linear", "log", "logit"])
def test_every_draw_meets_the_totals(scale: str) -> None:
    met = meet_totals(values(), Known(TOTALS, "area", WITHIN, "a publication"), scale=scale)
    assert sums(met.values) == pytest.approx(np.broadcast_to([75.0, 130.0], (2, 200, 2)), rel=1e-9)
    assert met.how == "raked"
    assert "2 totals over 'area' (a publication)" in repr(met)
    assert met.values.attrs["totals_met"].startswith("raked to 2 totals")
    assert met.table.set_index("group").loc["north", "before"] == pytest.approx(70, abs=0.5)


def test_one_factor_moves_all_rates_of_a_total_on_the_log_scale() -> None:
    before = values()
    met = meet_totals(before, Known(TOTALS, "area", WITHIN), scale="log").values
    factor = (met / before).to_numpy()
    assert factor[..., :2, :] == pytest.approx(np.broadcast_to(factor[..., :1, :1], factor[..., :2, :].shape))
    odds = meet_totals(before, Known(TOTALS, "area", WITHIN)).values
    shift = (np.log(odds / (1 - odds)) - np.log(before / (1 - before))).to_numpy()
    assert shift[..., 2:, :] == pytest.approx(np.broadcast_to(shift[..., 2:3, :1], shift[..., 2:, :].shape))


def test_draws_keep_their_order_and_dependence() -> None:
    """A draw that is raked by itself is the same as one raked among others."""
    before = values()
    known = Known(TOTALS, "area", WITHIN)
    alone = meet_totals(before.isel(draw=[5]), known).values
    assert alone.to_numpy() == pytest.approx(meet_totals(before, known).values.isel(draw=[5]).to_numpy())


def test_totals_of_two_kinds_are_met_at_once() -> None:
    sexes = pd.Series({"M": 95.0, "F": 110.0})
    met = meet_totals(values(), [Known(TOTALS, "area", WITHIN), Known(sexes, "sex")], scale="log").values
    assert sums(met) == pytest.approx(np.broadcast_to([75.0, 130.0], (2, 200, 2)), rel=1e-9)
    by_sex = (met * met["population"]).sum("area").to_numpy()
    assert by_sex == pytest.approx(np.broadcast_to([110.0, 95.0], by_sex.shape), rel=1e-9)


def test_well_known_groups_stay_where_uncertainty_is_conditioned_on() -> None:
    """A normal posterior with independent areas, given its total: mean and covariance in closed form."""
    sd, weight = np.array([0.1, 0.4, 0.2]), np.array([10.0, 20.0, 30.0])
    drawn = 5 + sd * np.random.default_rng(2).standard_normal((2, 20_000, 3))
    coords = {"area": ["a", "b", "c"], "population": ("area", weight)}
    before = xr.DataArray(drawn, dims=("chain", "draw", "area"), coords=coords)
    total = 310.0
    known = Known(pd.Series({"all": total}), "area", dict.fromkeys("abc", "all"))
    met = meet_totals(before, known, scale="linear", move="by uncertainty").values.to_numpy().reshape(-1, 3)
    variance = sd**2
    gain = variance * weight / (weight**2 @ variance)
    assert met.mean(axis=0) == pytest.approx(5 + gain * (total - 5 * weight.sum()), abs=0.01)
    exact = np.diag(variance) - np.outer(gain, gain) * (weight**2 @ variance)
    assert np.cov(met.T) == pytest.approx(exact, abs=0.004)
    assert met @ weight == pytest.approx(np.full(len(met), total))


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    with pytest.raises(MeasureError) as told:
        meet_totals(
            values(),
            [
                Known(pd.Series({"north": -1.0, "east": 3.0}), "area", {"E1": "north", "E2": "north", "E3": "south"}),
                Known(pd.Series({"F": 2000.0, "M": 0.0}), "sex"),
            ],
        )
    for said in (
        r"1 of 4 levels of 'area' belong to no larger group, such as ['E4']",
        "no total is given for ['south'], which 1 levels belong to",
        "nothing belongs to ['east'], which have a total: areas are missing, or of another vintage",
        "totals of ['M'] are zero",
        "1 totals are not below the people in them, such as F (2,000 of 1,100)",
    ):
        assert said in str(told.value)
    with pytest.raises(MeasureError, match=r"do not add up to the same: Known.*205; Known.*200"):
        meet_totals(values(), [Known(TOTALS, "area", WITHIN), Known(pd.Series({"F": 100.0, "M": 100.0}), "sex")])
    with pytest.raises(MeasureError, match="one kind of totals"):
        meet_totals(
            values(),
            [Known(TOTALS, "area", WITHIN), Known(pd.Series({"F": 110.0, "M": 95.0}), "sex")],
            move="by uncertainty",
        )


def test_totals_that_no_cells_can_meet_are_refused() -> None:
    diagonal = [Margin(np.array([0, 1]), np.array([10.0, 20.0])), Margin(np.array([0, 1]), np.array([20.0, 10.0]))]
    with pytest.raises(MeasureError, match="contradict each other"):
        rake([[0.1, 0.2]], [100, 100], diagonal)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("log", [16.99180288, 31.57915341, 11.42904371, 23.00819712, 3.42084659, 18.57095629]),
        ("logit", [16.91224456, 31.6574343, 11.43032114, 23.08775544, 3.3425657, 18.56967886]),
    ],
)
def test_two_margins_are_raked_as_another_package_does(scale: str, expected: list[float]) -> None:
    """`raking_entropic`, and `raking_logit` between zero and the people, of the package `raking`."""
    events = np.array([12.0, 30.0, 8.0, 25.0, 5.0, 20.0])
    people = np.array([100, 150, 80, 120, 60, 90])
    margins = [
        Margin(np.array([0, 0, 0, 1, 1, 1]), np.array([60.0, 45.0])),
        Margin(np.array([0, 1, 2, 0, 1, 2]), np.array([40.0, 35.0, 30.0])),
    ]
    found = rake((events / people)[None], people, margins, scale=scale)[0] * people
    assert found == pytest.approx(expected, abs=2e-8)
