"""Expected counts and exposure are not people. Oracle: the counts that were put in."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import box

from bayesineq.design.events import FEW_EVENTS, few_events
from bayesineq.design.matrix import design
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.covered import covered
from bayesineq.disclosure.released import released_summary
from bayesineq.disclosure.rule import Rule
from bayesineq.disclosure.steady import steady
from bayesineq.inference.fit import fit
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import load, save
from bayesineq.report.figures.forest import plot_forest
from bayesineq.report.page.content import gather
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.write import render
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.released import released_measures
from bayesineq.space.contiguity import contiguity

EVENTS = np.array([18, 9, 3, 7, 0, 40, 12, 25, 8, 30])
EXPECTED = np.array([6.0, 2.5, 12.0, 20.0, 3.0, 38.0, 12.5, 22.0, 9.0, 0.9])


def card(extra: str = 'expected = "e"', likelihood: str = "poisson") -> str:
    return f"""
name = "ratios"
question = "Where are there more than expected?"
table = "ratios"
[outcome]
name = "deaths"
count = "y"
{extra}
likelihood = "{likelihood}"
[terms]
place = {{ kind = "exchangeable", by = "county" }}
"""


def counties(**more: object) -> pd.DataFrame:
    names = [f"C{k}" for k in range(len(EVENTS))]
    return pd.DataFrame({"county": names, "y": EVENTS, "e": EXPECTED, **more})


def fitted(extra: str = 'expected = "e"', **more: object) -> xr.DataTree:
    return fit(design(counties(**more), parse_card(card(extra))), draws=400, seed=1)


@pytest.mark.parametrize("extra", ['expected = "e"', 'exposure = "e"', 'expected = "e"\npopulation = "births"'])
def test_events_are_judged_and_expected_counts_are_not(extra: str, tmp_path: Path) -> None:
    post = fitted(extra, births=5_000 + np.arange(10))
    save(post, tmp_path / "post.nc")
    for held in (post, load(tmp_path / "post.nc")):
        assert cover(held).levels("county") == ["C2", "C3"]  # 3 and 7 events; 18 on 6 expected, and none, are shown


def test_a_stated_population_is_judged_too() -> None:
    people = np.full(10, 5_000)
    people[5] = 6  # 40 events among six people
    post = fitted('expected = "e"\npopulation = "births"', births=people)
    assert {"C2", "C3", "C5"} <= set(cover(post).levels("county"))


def test_other_thresholds_are_kept_to() -> None:
    post = fitted()
    assert cover(post, Rule(0, 1)).levels("county") == []
    assert {"C1", "C2", "C3"} <= set(cover(post, Rule(10, 5)).levels("county"))
    # Of a lower threshold than was kept, nobody knows on which side a few events lie.
    assert cover(post, Rule(5, 5)).levels("county") == ["C2", "C3"]


def test_without_classes_events_are_implied() -> None:
    post = fitted()
    del post[FEW_EVENTS]
    raw = expected(post, by="county")
    implied = np.abs(raw.mean(SAMPLE_DIMS)) * raw[POPULATION]
    small = raw["county"].to_numpy()[((implied > 0) & (implied < 7.5)).to_numpy()]
    audit = cover(post).audit
    assert {f"county={name}" for name in small} <= set(audit["cell"])


def test_what_is_kept_is_no_count() -> None:
    found = few_events(design(counties(), parse_card(card())))
    assert found is not None
    assert found["events_county"].to_numpy().tolist() == [2, 2, 1, 1, 0, 2, 2, 2, 2, 2]
    assert int(found["events_of_everyone"]) == 2
    people = parse_card(card('at_risk = "e"', "binomial"))
    both = few_events(design(counties(e=100), people))
    assert both is not None
    assert both["events_county"].to_numpy().tolist() == found["events_county"].to_numpy().tolist()
    assert (both["others_county"] == 2).all()


def test_shown_ratios_are_near_the_posterior_and_denominators_are_as_given() -> None:
    post = fitted()
    shown, raw = cover(post).values("county").shown, expected(post, by="county")
    raw = raw.sel(county=shown["county"])
    np.testing.assert_allclose(shown[POPULATION], raw[POPULATION])
    ratio = (shown.mean(SAMPLE_DIMS) / raw.mean(SAMPLE_DIMS)).to_numpy()
    # A count of 8 is told to within 2.5: no shown ratio is further off, and where nobody had an event it is as it is.
    assert (np.abs(ratio - 1) < 2.5 / 8 + 0.01).all()
    assert ratio[list(shown["county"].to_numpy()).index("C4")] == pytest.approx(1.0)


def test_pooled_ratios_tell_the_observed_count_no_closer_than_its_rounding() -> None:
    # Gamma prior of mean 1 and weight 4: one event more moves the implied count by E / (4 + E).
    expectation, z = 12.0, np.random.default_rng(1).standard_normal((4_000, 1))
    z = (z - z.mean()) / z.std()
    told = {}
    for events in range(8, 40):
        draws = (4 + events) / (4 + expectation) * (1 + z / np.sqrt(4 + events))
        found = steady(
            draws, np.array([expectation]), Rule(), proportion=False, are_people=False, known=np.array([2], np.int8)
        )
        told[events] = round(float(found.mean()), 2)
    alike = pd.Series(told).value_counts()
    assert (alike[told[8] < alike.index].drop(told[39]) >= 5).all()


def test_raw_draws_in_a_figure_are_judged_by_their_weights() -> None:
    values = expected(fitted(), by="county")
    table = group_table(covered(values), "county")
    events = values.mean(SAMPLE_DIMS).to_numpy() * EXPECTED
    assert table["hidden"].tolist() == ((events > 0) & (events < 7.5)).tolist()
    assert "C0" in set(plot_forest(values, "county").table["level"])


def test_the_page_says_how_many_are_withheld(tmp_path: Path) -> None:
    squares = gpd.GeoDataFrame(
        {"county": [f"C{k}" for k in range(10)]},
        geometry=[box(k * 1e3, 0, k * 1e3 + 1e3, 1e3) for k in range(10)],
        crs="EPSG:27700",
    )
    source = card().replace("exchangeable", "bym2")
    post = fit(design(counties(), parse_card(source), adjacency=contiguity(squares, code="county")), draws=400, seed=1)
    content = gather(post, squares, ReportOptions(code="county"))
    assert content.withheld[0].startswith(
        "8 of 10 counties are shown; 2 are withheld, because 1 to 7 events stand behind a number"
    )
    (where,) = (section for section in content.sections if section.title == "Where")
    assert where.statements[0].text == content.withheld[0]
    assert where.statements[1].text.startswith("Of 8 areas shown, ")
    assert all("8 areas with an estimate, 2 withheld because of small counts" in c.caption for c in where.charts)
    shown = render(content)
    first = shown[shown.index('id="answer"') : shown.index("What not to conclude")]
    assert first.index("of 8 areas are above the average of the areas shown") < first.index("2 are withheld")
    # Events expected are no people: they are neither rounded nor withheld.
    assert ("Events expected behind the estimates", "125.9") in content.quality.rows


def test_the_command_line_shows_what_may_be_shown() -> None:
    table, _ = released_measures(fitted(), "county")
    blank = table.loc[table["mean"].isna(), "parameter"].tolist()
    assert blank == ["county[C2]", "county[C3]"]
    assert table.attrs["words"][0].startswith("8 of 10 counties are shown; 2 are withheld")


def test_parameters_of_counties_with_few_events_only_are_withheld() -> None:
    table, _ = released_summary(fitted())
    place = table[table["parameter"].str.startswith("place[")]
    blank = place.loc[place["mean"].isna(), "parameter"].tolist()
    assert {"place[C2]", "place[C3]"} <= set(blank)
    assert not {"place[C0]", "place[C5]", "place[C9]"} & set(blank)
