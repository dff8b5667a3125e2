"""Life expectancy streamed over areas. Oracles: the life table of each draw at once, and years lost by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.pathway import lives
from bayesineq.pathway.lives import ReferenceTable, life_expectancy, years_lost
from bayesineq.pathway.over_time import gap_over_time
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.lives import life_expectancy as all_ages
from tests.pathway.conftest import BANDS, DEATHS

STARTS = [0, 1, 5, 45, 85]


@pytest.mark.parametrize("by", [["area", "year"], ["imd_decile", "year"], "area", None])
@pytest.mark.parametrize("values", [1 << 24, 1, 1500])
def test_blocks_of_groups_have_the_life_tables_of_all_at_once(deaths, by, values, monkeypatch) -> None:
    monkeypatch.setattr(lives, "_VALUES", values)
    found = life_expectancy(deaths, by)
    whole = all_ages(deaths, by).sel(age_band="00")
    np.testing.assert_allclose(found.years, whole.transpose(*found.years.dims), rtol=1e-6)
    np.testing.assert_allclose(found.years["population"], whole["population"])
    np.testing.assert_allclose(found.table["mean"], whole.mean(("chain", "draw")).to_numpy().ravel(), rtol=1e-6)
    assert found.years.attrs["more_is"] == "better"
    assert "Chiang's abridged life table" in repr(found)


def test_years_at_another_age(deaths) -> None:
    found = life_expectancy(deaths, "area", at=45)
    np.testing.assert_allclose(found.years, all_ages(deaths, "area").sel(age_band="45-84"), rtol=1e-6)
    with pytest.raises(
        PosteriorError, match=r"at=46 is the first age of no band; the bands begin at \[0, 1, 5, 45, 85\]"
    ):
        life_expectancy(deaths, at=46)


def test_its_gap_over_years_is_one_line(deaths) -> None:
    years = life_expectancy(deaths, ["imd_decile", "year"]).years
    found = gap_over_time(years, "imd_decile")
    assert found.sii.sizes["year"] == 3
    assert "more is better" in found.text


def test_years_lost_are_deaths_times_what_the_table_leaves(deaths) -> None:
    table = ReferenceTable("made up", [0, 50, 100], [85.0, 40.0, 2.0])
    found = years_lost(deaths, table, "area")
    rates = expected(deaths, by=["area", "age_band"]).sel(age_band=BANDS).transpose(..., "age_band")
    people = rates["population"].transpose("area", "age_band").to_numpy()
    drawn = rates.to_numpy()
    ages = np.broadcast_to([0.5, 3.0, 25.0, 65.0, 0.0], drawn.shape).copy()
    ages[..., -1] = 85 + 1 / drawn[..., -1]
    due = (drawn * people * np.interp(ages, [0, 50, 100], [85, 40, 2])).sum(-1) / people.sum(-1)
    np.testing.assert_allclose(found, due, rtol=1e-6)
    assert found.attrs["reference"] == "made up"
    with pytest.raises(MeasureError, match="begins at age 10, the bands at 0"):
        years_lost(deaths, ReferenceTable("late", [10, 90], [70.0, 5.0]))
    with pytest.raises(MeasureError, match="the reference table 'no table' is none"):
        ReferenceTable("no table", [0, 50], [85.0, 20.0])


def test_ages_that_make_no_life_table_are_named(deaths) -> None:
    frame = population(deaths)
    for label, said in (("01-05", "01-05 and 05-44 overlap"), ("01-03", "01-03 and 05-44 leave a gap")):
        card = frame.assign(age=frame["age_band"].astype(str).replace({"01-04": label}))
        with pytest.raises(PosteriorError, match=said):
            life_expectancy(deaths, "area", age="age", population=card)
    with pytest.raises(PosteriorError, match="the last band, 45-84, is not open"):
        life_expectancy(deaths, population=frame[frame["age_band"] != "85+"])
    gone = (frame["age_band"] == "00") & (frame["area"] == "E02000003")
    with pytest.raises(PosteriorError, match=r"1 groups have nobody of some age \(E02000003/00\)"):
        life_expectancy(deaths, "area", population=frame[~gone])


def test_other_outcomes_have_no_life_table(deaths) -> None:
    other = deaths.copy()
    other.attrs["card"] = DEATHS.replace('exposure = "person_years"', 'expected = "person_years"')
    with pytest.raises(PosteriorError, match="this posterior is of a rate ratio"):
        life_expectancy(other, "area")
