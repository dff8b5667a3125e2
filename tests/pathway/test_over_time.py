"""Inequality over years. Oracles: a planted gradient whose ends are known, and straight lines by NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import MeasureError
from bayesineq.pathway.over_time import gap_over_time, own_trends, spread_over_time
from tests.pathway.draws import draws

YEARS = [2019, 2020, 2021]
RANK = np.arange(0.05, 1, 0.1)
LEVELS = {"imd_decile": range(1, 11), "year": YEARS}


def gradient(bottom: list[float], top: list[float]) -> np.ndarray:
    """Values on a line by decile and year."""
    return np.array(bottom) + np.outer(RANK, np.array(top) - np.array(bottom))


def test_the_gap_and_its_ends_are_those_planted() -> None:
    values = draws(gradient([0.20, 0.18, 0.14], [0.10, 0.10, 0.09]), LEVELS, sd=0.0005, n=4000)
    found = gap_over_time(values, "imd_decile", last_observed=2020)
    assert found.sii.mean(("chain", "draw")).to_numpy() == pytest.approx([-0.10, -0.08, -0.05], abs=1e-4)
    assert found.rii.mean(("chain", "draw")).to_numpy() == pytest.approx([0.5, 0.5556, 0.6429], abs=2e-3)
    change = found.change.set_index("number")
    assert change.loc["sii", "mean"] == pytest.approx(0.05, abs=1e-4)
    assert change.loc["rii", "mean"] == pytest.approx(0.6429 / 0.5, abs=3e-3)
    assert change.loc[["sii", "rii"], "p_narrowed"].tolist() == [1.0, 1.0]
    assert change.loc["most disadvantaged end", "mean"] == pytest.approx(-0.06, abs=1e-4)
    assert change.loc["most advantaged end", "mean"] == pytest.approx(-0.01, abs=1e-4)
    assert change.loc["most disadvantaged end", "p_better"] == 1.0
    assert found.p_disadvantaged_moved_more == 1.0
    assert found.by_year.groupby("measure")["forecast"].apply(list).to_dict()["sii"] == [False, False, True]
    assert "imd_decile 10 (least deprived) less imd_decile 1 (most deprived)) narrowed with probability more" in repr(
        found
    )
    assert "more is worse" in found.text


def test_absolute_and_relative_gap_may_go_apart() -> None:
    """Everything halves: the difference narrows and the ratio stays."""
    found = gap_over_time(
        draws(gradient([0.2, 0.1], [0.1, 0.05]), LEVELS | {"year": [1, 2]} | {"year": YEARS[:2]}, sd=1e-4), "imd_decile"
    )
    change = found.change.set_index("number")
    assert change.loc["sii", "p_narrowed"] == 1.0
    assert 0.2 < change.loc["rii", "p_narrowed"] < 0.8


def test_people_of_each_year_weigh_its_own_slope() -> None:
    people = np.ones((10, 2))
    people[:, 1] = np.arange(1, 11)
    values = draws(np.repeat(RANK[:, None] ** 2, 2, axis=1), LEVELS | {"year": YEARS[:2]}, people=people)
    found = gap_over_time(values, "imd_decile").sii.isel(chain=0, draw=0).to_numpy()
    share = people[:, 1] / people[:, 1].sum()
    middle = np.cumsum(share) - share / 2
    line = np.polyfit(middle, RANK**2, 1, w=np.sqrt(share))
    assert found[1] == pytest.approx(line[0])
    assert found[0] == pytest.approx(np.polyfit(RANK, RANK**2, 1)[0])


def test_a_relative_index_that_does_not_exist_is_said_to_be_missing() -> None:
    values = draws(gradient([0.2, 0.2], [-0.05, -0.05]) + 0.06, LEVELS | {"year": YEARS[:2]}, scale="mean")
    values = values - 0.06
    found = gap_over_time(values.where(values > 0, 0.001), "imd_decile")
    assert found.rii is None
    assert "No relative index: a relative index needs" in found.text


def test_percentiles_narrow_where_places_do() -> None:
    areas = {"area": [f"E{k}" for k in range(50)], "year": YEARS[:2]}
    z = np.linspace(-1, 1, 50)
    values = draws(0.1 * np.exp(np.outer(z, [0.5, 0.3])), areas, sd=1e-4)
    found = spread_over_time(values)
    assert found.ratio.mean(("chain", "draw")).to_numpy() == pytest.approx(np.exp([0.5 * 1.62, 0.3 * 1.62]), rel=0.02)
    assert found.p_narrowed == {"ratio": 1.0, "difference": 1.0}
    assert set(found.table["measure"]) == {"low", "high", "ratio", "difference"}
    assert "larger is more unequal" in repr(found)


def test_a_trend_of_its_own_is_found_and_counted() -> None:
    rng = np.random.default_rng(8)
    slope = rng.normal(-0.02, 0.002, 30)
    slope[3] = 0.05
    areas = {"area": [f"E{k}" for k in range(30)], "year": [2018, 2019, 2020, 2021]}
    values = draws(0.1 * np.exp(np.outer(slope, np.arange(4))), areas, sd=5e-4, n=2000)
    found = own_trends(values)
    one = np.polyfit(np.arange(4), np.log(values.isel(chain=1, draw=7).to_numpy()).T, 1)[0]
    assert found.trend.isel(chain=1, draw=7).to_numpy() == pytest.approx(one)
    assert float(found.average.mean()) == pytest.approx(slope.mean(), abs=5e-4)
    assert bool(found.table.loc[3, "differs"])
    assert found.table.loc[3, "p_above"] == 1.0
    assert "expected to be wrong" in repr(found)


def test_years_that_are_missing_or_no_years_are_named() -> None:
    values = draws(gradient([0.2, 0.2, 0.1], [0.1, 0.1, 0.1]), LEVELS | {"year": [2019, 2020, 2022]})
    with pytest.raises(MeasureError, match=r"years are missing between 2020 and 2022\. Put rows without an outcome"):
        gap_over_time(values, "imd_decile")
    text = values.assign_coords(year=["2019/20", "2020/21", "2021/22"])
    assert gap_over_time(text, "imd_decile").sii.sizes["year"] == 3
    mixed = text.isel(year=[2, 0, 1])
    assert gap_over_time(mixed, "imd_decile").sii["year"].to_numpy().tolist() == ["2019/20", "2020/21", "2021/22"]
    with pytest.raises(MeasureError, match="must hold years"):
        gap_over_time(values.assign_coords(year=["a", "b", "c"]), "imd_decile")
    with pytest.raises(MeasureError, match="two years or more"):
        gap_over_time(values.isel(year=[0]), "imd_decile")
    with pytest.raises(MeasureError, match="1 combinations of 'imd_decile' and 'year' have no value"):
        gap_over_time(text.where((text["imd_decile"] < 10) | (text["year"] != "2019/20")), "imd_decile")
    with pytest.raises(MeasureError, match="none of the years"):
        gap_over_time(text, "imd_decile", last_observed=2030)
