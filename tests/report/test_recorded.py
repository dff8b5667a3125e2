"""The section on the records behind a report: counts are covered, shares are of what is shown, words say what moved."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.disclosure.quality import covered_quality, quality_audit
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError, SchemaError
from bayesineq.records.ethnicity.imputed import imputed_effect
from bayesineq.report.figures.recorded import plot_recorded_years
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.recorded import read_quality, recorded_section
from bayesineq.report.page.write import write_report


def tables() -> dict[str, pd.DataFrame]:
    years = pd.DataFrame(
        [("events", source, year, rows * (3 if (source, year) == ("hes", 2022) else 1))
         for source, rows in (("gp", 9_003), ("hes", 1_001)) for year in range(2018, 2025)],
        columns=["table", "source", "year", "rows"],
    )  # fmt: skip
    before = pd.DataFrame(
        {"ethnicity": ["A", "H", "R", "99"], "cases": [600, 120, 3, 277], "population": [6000, 1000, 40, 2960]}
    )
    after = pd.DataFrame(
        {"ethnicity": ["A", "H", "R", "99"], "cases": [780, 170, 9, 41], "population": [7800, 1700, 90, 410]}
    )
    return {
        "faults": pd.DataFrame({"table": "events", "column": ["date", "code"], "problem": ["in the future", "missing"],
                                "rows": [3, 1_203], "of": 70_000, "remedy": "Correct it."}),
        "completeness": pd.DataFrame({"table": "persons", "column": ["birth", "sex", "area"],
                                      "filled": [9_997, 10_000, 0], "of": 10_000}),
        "years": years,
        "ethnicity": pd.DataFrame({"source": ["gp", "hes"], "records": [9_000, 1_004], "detailed": [8_000, 700],
                                   "broad": [0, 300], "unknown": [1_000, 4], "strange": [0, 0]}),
        "known": pd.DataFrame({"source": ["gp", "all sources"], "people": 10_000, "known": [7_002, 9_361]}),
        "agreement": pd.DataFrame({"first": ["gp"], "second": ["hes"], "people": [1_000], "agree": [902]}),
        "effect": imputed_effect({"illness": before}, {"illness": after}, {"illness": ("cases", "population")}),
    }  # fmt: skip


def test_no_small_count_is_shown_nor_can_be_worked_out() -> None:
    found = covered_quality(tables())
    shown = found.shown
    assert pd.isna(shown["faults"]["rows"][0])
    assert shown["faults"]["rows"][1] == 1_205
    # Three people without a birth are what is left of a whole that is shown.
    assert shown["completeness"]["filled"].isna().tolist() == [True, False, False]
    assert shown["completeness"]["share"].fillna(-1).tolist() == [-1, 1, 0]
    # Four unknown would be the records less the others: a second kind goes with them.
    kinds = shown["ethnicity"].loc[1, ["detailed", "broad", "unknown", "strange"]]
    assert kinds.isna().tolist() == [False, True, True, False]
    effect = shown["effect"].set_index("group")
    assert effect["recorded"].isna().to_dict() == {"A": False, "H": True, "R": True, "all": False}
    assert effect.loc["A", "recorded"] == pytest.approx(0.1)
    assert not {"recorded_events", "linked_of"} & set(effect.columns)
    assert len(quality_audit(found)) == len(found.withheld) == 1 + 1 + 1 + 2
    whole = covered_quality(tables(), Rule(0, 1))
    assert not whole.withheld
    assert whole.shown["known"]["share"].tolist() == [0.7002, 0.9361]


@pytest.mark.parametrize("seed", range(20))
def test_shown_counts_are_rounded_and_none_is_few(seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = rng.integers(0, 60, 30)
    filled = pd.DataFrame({"table": "t", "column": map(str, range(30)), "filled": rng.binomial(of, 0.8), "of": of})
    years = pd.DataFrame({"table": "events", "source": "s", "year": range(30), "rows": rng.poisson(8, 30)})
    given = {"completeness": filled, "years": years}
    found = covered_quality(given).shown
    for name, counts in (("completeness", ["filled", "of"]), ("years", ["rows"])):
        values = found[name].melt(value_vars=counts)["value"].dropna()
        assert not values.between(1, 7).any()
        assert (values % 5 == 0).all()
    true, shown = given["completeness"], found["completeness"]["filled"].notna()
    rest = true["of"] - true["filled"]
    assert not rest[shown].between(1, 7).any()


def test_words_say_what_is_known_at_odds_stepping_and_filled_in() -> None:
    said = " ".join(map(str, recorded_section(covered_quality(tables()), ["imd_decile"]).statements))
    assert "known of 70.0% of people in gp, the source that knows most, and of 93.6% in all sources" in said
    assert "90.0% have the same in gp and hes." in said
    assert re.search(r"in hes, which rose by (199|200)\.\d% from 2021 to 2022", said)
    assert "lives. It stands in for the person's own" in said
    assert "* stands where a count is withheld" in said
    # White British alone may be shown, and its rate does not move.
    assert "the rate of no group that is shown moves" in said
    drawn = recorded_section(covered_quality({"known": tables()["known"]}))
    assert not drawn.charts
    assert len(drawn.tables) == 1


def test_a_rate_that_moves_is_named() -> None:
    before = pd.DataFrame({"ethnicity": ["A", "H", "99"], "cases": [600, 400, 400], "population": [6000, 1000, 3000]})
    after = pd.DataFrame({"ethnicity": ["A", "H", "99"], "cases": [800, 600, 0], "population": [8000, 2000, 0]})
    effect = imputed_effect({"illness": before}, {"illness": after}, {"illness": ("cases", "population")})
    (said,) = map(str, recorded_section(covered_quality({"effect": effect})).statements)
    assert said == (
        "Illness: with ethnicity filled in, the rate moves most for the group Indian, from 40.0% as one source records "
        "it to 30.0%; 50.0% of its denominator is filled in."
    )


def test_what_has_not_passed_the_rule_is_not_drawn() -> None:
    for make in (recorded_section, plot_recorded_years):
        with pytest.raises(DisclosureError, match="must have passed the disclosure rule"):
            make(tables())  # type: ignore[arg-type]


def test_a_report_made_from_records_says_how_good_they_are(prevalence: xr.DataTree, tmp_path: Path) -> None:
    path = write_report(prevalence, None, tmp_path / "with.html", quality=tables())
    text = path.read_text()
    assert "The records that this is made from" in text
    assert "1,205" in text
    assert "1,203" not in text
    assert "quality of records, faults" in (tmp_path / "with.audit.csv").read_text()
    assert "1203" not in (tmp_path / "with.audit.csv").read_text()
    methods = write_report(prevalence, None, tmp_path / "m.html", ReportOptions(kind="methods"), quality=tables())
    assert "Whether sources agree" in methods.read_text()
    alone = write_report(prevalence, None, tmp_path / "without.html")
    assert "The records that this is made from" not in alone.read_text()
    with pytest.raises(SchemaError, match=r"one of quality_faults.csv.*leave --quality out"):
        read_quality(tmp_path)
