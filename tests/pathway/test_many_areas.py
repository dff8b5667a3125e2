"""Life expectancy of many areas. Oracles: life tables of products of rates by hand; coverage over simulated areas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.inference.tree import posterior_tree
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.model.read_card import parse_card
from bayesineq.pathway import many_areas
from bayesineq.pathway.many_areas import expected_deaths, life_expectancy_of_areas
from bayesineq.pathway.together import shuffled
from bayesineq.posterior.expected import expected
from tests.pathway.conftest import BANDS
from tests.pathway.study_lives import study

WIDE = ["00-44", "45+"]
WITHIN = {f"E0200000{k}": k // 2 * 4 + 1 for k in range(6)}
RATIOS = """
name = "ratios"
question = "How much more?"
table = "t"
[outcome]
count = "deaths"
expected = "expected"
likelihood = "poisson"
[terms]
place = { kind = "exchangeable", by = ["area", "age_group"] }
year = { kind = "random_walk", by = "year" }
"""


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    grid = pd.MultiIndex.from_product([list(WITHIN), BANDS, [2019, 2020, 2021]])
    frame = grid.to_frame(index=False, name=["area", "age_band", "year"])
    rng = np.random.default_rng(40)
    frame["imd_decile"] = frame["area"].map(WITHIN)
    return frame.assign(person_years=rng.uniform(50, 900, len(frame)), deaths=rng.poisson(3, len(frame)))


@pytest.fixture(scope="module")
def ratios(deaths: xr.DataTree, table: pd.DataFrame) -> xr.DataTree:
    study_of = design(expected_deaths(deaths, table, WIDE), parse_card(RATIOS))
    rng = np.random.default_rng(41)
    values = {"intercept": rng.normal(0, 0.05, (2, 20))}
    for block in study_of.blocks:
        values[block.term.name] = 0.1 * rng.normal(size=(2, 20, *block.shape))
        values[f"{block.term.name}.sigma"] = rng.gamma(2, 0.2, (2, 20))
    return posterior_tree(study_of, values, engine="nuts", seed=1, attributes={})


def test_deaths_are_expected_at_the_mean_rate_of_the_group(deaths: xr.DataTree, table: pd.DataFrame) -> None:
    found = expected_deaths(deaths, table, WIDE)
    rate = expected(deaths, by=["imd_decile", "age_band", "year"]).mean(("chain", "draw")).to_series()
    rows = table.assign(e=rate.loc[pd.MultiIndex.from_frame(table[["imd_decile", "age_band", "year"]])].to_numpy())
    rows["e"] *= rows["person_years"]
    young = rows["age_band"].isin(["00", "01-04", "05-44"])
    one = (rows["area"] == "E02000003") & (rows["year"] == 2020)
    mine = found[(found["area"] == "E02000003") & (found["year"] == 2020)].set_index("age_group")
    assert mine["expected"].to_dict() == pytest.approx(
        {"00-44": rows.e[one & young].sum(), "45+": rows.e[one & ~young].sum()}
    )
    assert found["deaths"].sum() == table["deaths"].sum()


@pytest.mark.parametrize("values", [1 << 24, 1])
def test_each_area_has_the_life_table_of_its_product(deaths, ratios, values, monkeypatch) -> None:
    monkeypatch.setattr(many_areas, "_VALUES", values)
    found = life_expectancy_of_areas(deaths, ratios, WITHIN)
    rates = shuffled(expected(deaths, by=["imd_decile", "year", "age_band"]), 1).sel(age_band=BANDS)
    times = expected(ratios, by=["area", "year", "age_group"])
    for area, decile in WITHIN.items():
        own = times.sel(area=area, age_group=["00-44"] * 3 + ["45+"] * 2).transpose(..., "age_group").to_numpy()
        product = rates.sel(imd_decile=decile).transpose(..., "year", "age_band").to_numpy() * own
        due = chiang(product, ages=[0, 1, 5, 45, 85])[..., 0]
        np.testing.assert_allclose(found.years.sel(area=area), due, rtol=1e-6)
    assert "rates of all together times each area's ratio" in found.method
    assert len(found.table) == 18


def test_what_does_not_fit_is_named(deaths, ratios, table) -> None:
    with pytest.raises(PosteriorError, match=r"the age bands \['05-44'\] lie in none of the wide ones"):
        expected_deaths(deaths, table, ["00-39", "40+"])
    with pytest.raises(PosteriorError, match="ratios must be a posterior of a rate ratio, and is one of a rate"):
        life_expectancy_of_areas(deaths, deaths, WITHIN)
    with pytest.raises(PosteriorError, match="together must be a posterior of a rate, and is one of a rate ratio"):
        expected_deaths(ratios, table, WIDE)
    with pytest.raises(MeasureError, match=r"1 areas belong to no level of 'imd_decile'.*E02000000"):
        life_expectancy_of_areas(deaths, ratios, {area: d for area, d in WITHIN.items() if area != "E02000000"})
    with pytest.raises(MeasureError, match="lack 1 levels of 'year'"):
        expected_deaths(deaths, table.assign(year=table["year"].replace(2021, 2030)), WIDE)
    with pytest.raises(PosteriorError, match="at=2 is the first age of no band"):
        life_expectancy_of_areas(deaths, ratios, WITHIN, at=2)


@pytest.mark.calibration
def test_life_expectancies_of_simulated_areas_are_covered() -> None:
    """120 areas over 4 years; area-years share their place, so some 240 are independent: four errors of a share."""
    found = study((10, 12), 4, draws=600)
    assert abs(found["held"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 240), found
