"""Sections of a pathway and a trend: what they say is what the tables hold, and nothing is claimed without a gap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesineq as bi
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.model.read_card import parse_card
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.parts import Section
from bayesineq.report.page.pathway import pathway_sections, trend_section
from bayesineq.report.page.write import write_report

STEPS = """
name = "steps"
question = "At which step does the gap arise?"
table = "cells"
[outcomes.diabetes]
likelihood = "binomial"
count = "cases"
at_risk = "population"
[outcomes.checked]
likelihood = "binomial"
count = "checked"
at_risk = "cases"
more_is = "better"
[outcomes.admissions]
likelihood = "poisson"
count = "events"
exposure = "person_years"
[terms]
deprivation = { kind = "exchangeable", by = "imd_quintile" }
"""

TREND = """
name = "by_year"
question = "Does the gap narrow?"
table = "cells"
[outcome]
name = "admissions"
likelihood = "poisson"
count = "events"
exposure = "person_years"
more_is = "worse"
[terms]
deprivation = { kind = "exchangeable", by = "imd_quintile" }
both = { kind = "exchangeable", by = ["imd_quintile", "year"] }
"""

ILL, CHECKED, RATE = (0.10, 0.09, 0.08, 0.07, 0.06), (0.50, 0.55, 0.60, 0.65, 0.70), (0.20, 0.20, 0.20, 0.20, 0.20)


def cells(people: int = 20_000, ill: tuple[float, ...] = ILL) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"imd_quintile": range(1, 6), "population": people})
    frame["cases"] = rng.binomial(people, ill)
    frame["checked"] = rng.binomial(frame["cases"], CHECKED)
    frame["person_years"] = frame["cases"].astype(float)
    frame["events"] = rng.poisson(frame["person_years"] * np.array(RATE))
    return frame


@pytest.fixture(scope="module")
def joint() -> xr.DataTree:
    study = bi.design(cells(), parse_card(STEPS, "steps"))
    return bi.fit(study, draws=400, seed=1, progress=False)


@pytest.fixture(scope="module")
def sections(joint: xr.DataTree) -> tuple[Section, ...]:
    return pathway_sections(joint)


def test_a_pathway_names_the_step_at_which_the_gap_arises(sections: tuple[Section, ...]) -> None:
    assert [section.title for section in sections] == [
        "Where along the way: people not checked",
        "Where along the way: admissions",
        "Who is missed: not checked",
    ]
    # People not checked per head: .10 x .50 less .06 x .30, of which having it (.04 x .40) and not being checked
    # (.20 x .08) take a half each; admissions per head come from having it alone.
    missed, admissions, _ = sections
    assert "more people not checked in the most deprived fifth of areas" in missed.statements[0].text
    assert "No one step is clearly the largest" in missed.statements[1].text
    assert "The step that adds most to this gap is diabetes" in admissions.statements[1].text
    for section in (missed, admissions):
        table = section.charts[0].table
        assert table["mean"].sum() == pytest.approx(float(table["first"].prod() - table["second"].prod()), rel=0.05)
        assert "earlier steps selected" in section.statements[2].text


def test_unmet_need_counts_those_with_the_condition_who_were_not_reached(sections: tuple[Section, ...]) -> None:
    given = cells()
    due = given["cases"] - given["checked"]
    found = [int(row[2].replace(",", "")) for row in sections[2].tables[0].rows]
    assert np.abs(np.array(found) / due.to_numpy() - 1).max() < 0.05
    assert all(count % 5 == 0 for count in found)


def test_without_a_gap_none_is_divided(joint: xr.DataTree) -> None:
    even = bi.design(cells(2_000, (0.08,) * 5).assign(checked=lambda f: f["cases"] // 2), parse_card(STEPS, "steps"))
    post = bi.fit(even, draws=400, seed=1, progress=False)
    missed = pathway_sections(post)[0]
    assert not any(statement.is_claim for statement in missed.statements)
    assert "no gap to divide" in missed.statements[0].text


def test_what_is_withheld_is_in_no_section(joint: xr.DataTree) -> None:
    assert pathway_sections(joint, ReportOptions(disclosure=Rule(threshold=1_300, base=5))) == ()


def test_one_outcome_is_no_pathway() -> None:
    card = parse_card(TREND.replace('["imd_quintile", "year"]', '"year"'), "one")
    frame = pd.DataFrame({"imd_quintile": [1, 5], "year": [2020, 2021], "events": [50, 40], "person_years": 500.0})
    post = bi.fit(bi.design(frame, card), draws=50, seed=1, progress=False)
    with pytest.raises(PosteriorError, match="a pathway has several"):
        pathway_sections(post)


def by_year(turn: float, years: float = 4_000.0) -> xr.DataTree:
    rng = np.random.default_rng(5)
    grid = pd.MultiIndex.from_product([range(1, 6), range(2020, 2025)], names=["imd_quintile", "year"])
    frame = grid.to_frame(index=False).assign(person_years=years)
    gap = (3 - frame["imd_quintile"]) / 4 * (0.8 + turn * (frame["year"] - 2020) / 4)
    frame["events"] = rng.poisson(years * 0.15 * np.exp(gap))
    return bi.fit(bi.design(frame, parse_card(TREND, "by_year")), draws=800, seed=1, progress=False)


@pytest.mark.parametrize(("turn", "said"), [(-0.7, "The gap narrowed"), (0.7, "The gap widened")])
def test_a_trend_says_which_way_the_gap_went(turn: float, said: str) -> None:
    section = trend_section(by_year(turn))
    assert said in section.statements[1].text
    assert section.statements[1].is_claim
    assert [row[0] for row in section.tables[0].rows] == ["SII"] * 5 + ["RII"] * 5
    assert all(row[2].startswith("\N{MINUS SIGN}") for row in section.tables[0].rows[:5])


def test_no_change_is_claimed_where_there_is_none() -> None:
    section = trend_section(by_year(0.0))
    assert "do not show whether the gap changed" in section.statements[1].text
    assert not section.statements[1].is_claim


def test_a_trend_of_small_groups_is_withheld() -> None:
    with pytest.raises(DisclosureError, match="use quintiles, or fewer years"):
        trend_section(by_year(0.0, years=40.0))


def test_the_sections_stand_in_a_report(joint: xr.DataTree, sections: tuple[Section, ...], tmp_path: Path) -> None:
    one = bi.posterior.one_outcome(joint, "diabetes")
    page = write_report(one, None, tmp_path / "report.html", further=sections).read_text(encoding="utf-8")
    for section in sections:
        assert section.title in page
        assert section.statements[0].text in page


def test_a_joint_posterior_with_parameters_of_one_outcome_alone_is_saved(joint: xr.DataTree, tmp_path: Path) -> None:
    """What an outcome does not have is missing in the file as it is in memory; a draw that is missing is refused."""
    sized = parse_card(STEPS.replace('"poisson"', '"negative_binomial"'), "sized")
    post = bi.fit(bi.design(cells(), sized), draws=50, seed=1, progress=False)
    again = bi.load(bi.save(post, tmp_path / "joint.nc"))
    assert bi.verdict(again).level in {"sound", "caution"}
    assert "outcome '" in bi.verdict(again).text
    size = again["posterior"]["outcome.size"]
    assert bool(size.sel(outcome="diabetes").isnull().all())  # noqa: PD003 - xarray's name
    assert bool(np.isfinite(size.sel(outcome="admissions")).all())
    post["posterior"]["outcome.size"][0, 3, 2] = np.nan
    with pytest.raises(PosteriorError, match=r"outcome\.size are no numbers"):
        bi.save(post, tmp_path / "broken.nc")
