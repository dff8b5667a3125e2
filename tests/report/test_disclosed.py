"""Draws that may be shown. Oracles: the rule by hand, and subtraction."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.audit import audit_beside
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.released import released
from bayesineq.disclosure.rule import Rule
from bayesineq.disclosure.steady import steady
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.posterior.adjusted import adjusted
from bayesineq.posterior.expected import expected


def test_steadied_draws_have_the_rounded_count_as_their_mean() -> None:
    rng = np.random.default_rng(1)
    people, cases = np.array([240.0, 1_713.0, 90.0]), np.array([23, 400, 82])
    draws = rng.beta(cases + 0.5, people - cases + 0.5, (2_000, 3))
    found = steady(draws, people, Rule(), proportion=True)
    # 23 of 240 is shown as 25 of 240, 400 of 1,713 as 400 of 1,715, and of 90 people 8 without as 10.
    np.testing.assert_allclose(found.mean(axis=0), [25 / 240, 400 / 1_715, 1 - 10 / 90], atol=2e-4)
    np.testing.assert_allclose(steady(draws, people, Rule(0, 1), proportion=True), draws)
    ratio = found.std(axis=0) / draws.std(axis=0)
    assert ((ratio > 0.85) & (ratio < 1.2)).all()
    for k in range(3):
        assert np.corrcoef(found[:, k], draws[:, k])[0, 1] > 0.999


def test_one_event_more_is_not_seen_in_any_quantile() -> None:
    rng = np.random.default_rng(2)
    z = rng.standard_normal(2_000)
    shown = {}
    for cases in range(43, 48):
        rate = cases / 1_000
        draws = (rate * (1 + z * np.sqrt((1 - rate) / cases)))[:, None]
        found = steady(draws, np.array([1_000.0]), Rule(), proportion=False)
        shown[cases] = np.quantile(found, [0.025, 0.1, 0.5, 0.9, 0.975]).round(5)
    assert len({tuple(value) for value in shown.values()}) == 1


def test_a_small_group_is_withheld_and_another_with_it(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior(people={"A": 200, "K": 60, "Z": 0}, few=("Z", 40))
    whole = cover(post)
    assert whole.levels("ethnicity") == ["K", "Z"]
    assert list(whole.values("ethnicity").shown["ethnicity"].to_numpy()) == ["A"]
    found = whole.audit[whole.audit["table"] == "ethnicity"]
    assert set(found["cell"]) == {"ethnicity=K", "ethnicity=Z"}
    # Which of the two is small itself is not told.
    assert len(set(found["reason"])) == 1
    everything = cover(post, Rule(0, 1))
    assert everything.levels("ethnicity") == []
    raw = expected(post, by="ethnicity")
    np.testing.assert_allclose(everything.values("ethnicity").shown.to_numpy(), raw.to_numpy())


def test_a_release_holds_rounded_people_and_no_row(worlds: SimpleNamespace) -> None:
    tree = released(worlds.prevalence_posterior())
    assert {"everyone", "imd_decile", "ethnicity", "area", "ethnicity_by_imd_decile"} <= set(tree.children)
    for node in tree.children.values():
        people = node[POPULATION].to_numpy()
        assert ((people % 5 == 0) | (people == 1)).all()
        assert set(node["estimate"].dims) >= set(SAMPLE_DIMS)
        assert node["adjusted"].dims == node["estimate"].dims
        # without its polarity a good outcome would be taken for a bad one by whoever decides on it
        assert node["estimate"].attrs["more_is"] == "worse"
        assert set(node["estimate"].attrs) == {"outcome", "scale", "units", "more_is"}
    assert tree["imd_decile"]["adjusted"].attrs["adjusted_for"] == "age_band, sex"
    held = adjusted(worlds.prevalence_posterior(), "imd_decile").mean(SAMPLE_DIMS)
    np.testing.assert_allclose(tree["imd_decile"]["adjusted"].mean(SAMPLE_DIMS), held, rtol=0.02)
    assert "data_sha256" not in tree.attrs
    assert audit_beside("out/report.html").name == "report.audit.csv"


def test_dimensions_that_are_not_there_are_not_found(worlds: SimpleNamespace) -> None:
    with pytest.raises(PosteriorError, match="none of the tables"):
        cover(worlds.prevalence_posterior()).values("gender")


def test_a_report_of_which_all_is_withheld_says_what_to_do(tmp_path: Path) -> None:
    codes = [f"E0100000{k}" for k in range(1, 9)]
    table = pd.DataFrame({"lsoa": codes, "Deaths": [1, 0, 1, 0, 0, 1, 0, 1], "Pop": 900})
    mine = bi.start(table)
    post = bi.fit(bi.design(mine.table, mine.card), draws=100, seed=1, progress=False)
    # Four deaths in all: no number of them may be shown.
    with pytest.raises(DisclosureError, match="withholds even the value of everyone together"):
        bi.write_report(post, None, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
    bi.write_report(post, None, tmp_path / "report.html", bi.report.ReportOptions(disclosure="none"))
    assert (tmp_path / "report.html").is_file()
