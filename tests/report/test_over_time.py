"""Years are no ranking of people: the last against the first. Oracle: draws with a planted change."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.disclosure.covered import covered
from bayesineq.inference.fit import fit
from bayesineq.model.read_card import parse_card
from bayesineq.own import Answers, start
from bayesineq.report.page.content import gather
from bayesineq.report.page.write import render
from bayesineq.report.tables.numbers import PERCENT
from bayesineq.report.words.over_time import is_time, over_time


def years(values: list[float], sd: float = 0.001) -> xr.DataArray:
    draws = np.array(values) + np.random.default_rng(1).normal(0, sd, (1, 1_000, len(values)))
    return xr.DataArray(draws, dims=("chain", "draw", "year"), coords={"year": 2020 + np.arange(len(values))})


def said(values: list[float], more_is: str = "worse", sd: float = 0.001) -> str:
    labels = [str(2020 + k) for k in range(len(values))]
    return over_time(
        covered(years(values, sd)), "year", labels, outcome="smoking", unit=PERCENT, more_is=more_is, prob=0.95
    ).text


def test_the_last_period_is_compared_with_the_first() -> None:
    risen = said([0.10, 0.30, 0.12])
    assert re.match(r"Over time, smoking is higher in 2022 than in 2020, by (1\.9|2\.0)\d percentage points", risen)
    assert risen.endswith("Here lower is better, so it has become worse.")
    assert said([0.12, 0.30, 0.10]).endswith("so it has become better.")
    assert said([0.10, 0.30, 0.12], "better").endswith("so it has become better.")
    assert re.search(r"lower in 2022 than in 2020, by (1\.9|2\.0)\d perc", said([0.12, 0.30, 0.10]))
    assert "which includes no difference" in said([0.10, 0.30, 0.12], sd=0.05)
    assert "one year only" in said([0.1])


@pytest.mark.parametrize("dim", ["year", "month", "quarter", "financial_year"])
def test_time_is_known_by_its_name(dim: str) -> None:
    assert is_time(dim, np.arange(2015, 2020))
    assert not is_time("imd_decile", np.arange(1, 11))


@pytest.mark.parametrize("kind", ["random_walk", "exchangeable"])
def test_a_report_over_years_ranks_none_of_them(kind: str) -> None:
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"year": np.arange(2015, 2025), "n": 4_000})
    rows["y"] = rng.binomial(rows["n"], 0.08 + 0.006 * (rows["year"] - 2015))
    card = parse_card(
        f"""
name = "smoking"
question = "How has it changed?"
table = "t"
[outcome]
name = "smoking"
count = "y"
at_risk = "n"
likelihood = "binomial"
[terms]
time = {{ kind = "{kind}", by = "year" }}
"""
    )
    content = gather(fit(design(rows, card), draws=300, seed=1), None)
    page = re.sub('src="[^"]*"', "", render(content))
    assert "Over time, smoking is higher in 2024 than in 2015" in page
    assert not re.search("SII|RII|slope index|highest level of all|furthest|deprived than|most deprived", page)
    (section,) = content.sections
    assert section.charts[0].table["level"].tolist() == list(range(2015, 2025))


@pytest.mark.parametrize(
    ("change", "says"), [(0.5, "The gap narrowed from 2022 to 2023"), (1.0, "do not show whether")]
)
def test_a_report_of_two_years_says_on_its_first_screen_whether_the_gap_narrowed(change: float, says: str) -> None:
    """Planted: excess risk of the most deprived halves, or stays."""
    rng = np.random.default_rng(3)
    fifth, year = (of.ravel() for of in np.meshgrid(np.arange(1, 6), [2022, 2023]))
    excess = 0.02 * (5 - fifth) * np.where(year == 2023, change, 1.0)
    rows = pd.DataFrame({"fifth": fifth, "When": year, "Cases": rng.binomial(20_000, 0.05 + excess), "People": 20_000})
    begun = start(rows.rename(columns={"fifth": "IMD quintile (1 = most deprived)"}), answers=Answers(more_is="worse"))
    content = gather(fit(design(begun.table, begun.card), seed=1, draws=400), None)
    said = [statement.text for statement in content.answer if statement.leads]
    assert says in said[2]
    assert "at the same mix of years" in said[0]
    assert [section.title for section in content.sections][:2] == ["By deprivation quintile", "Over the years"]
