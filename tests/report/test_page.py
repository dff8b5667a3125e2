"""The report as a file: whole, self-contained, escaped, accessible in structure, and without small counts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr

from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import BayesineqError, GraphError, MeasureError
from bayesineq.measures.slope import rii
from bayesineq.posterior.expected import expected
from bayesineq.posterior.lift import over_draws
from bayesineq.report.page.alike import alike
from bayesineq.report.page.content import Content, gather
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.write import render, write_report
from bayesineq.report.words.kinds import report_kind


class Page(HTMLParser):
    """Tags with their attributes, and the visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def prevalence_content(prevalence: xr.DataTree) -> Content:
    return gather(prevalence, None)


@pytest.fixture(scope="module")
def page(prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Page:
    named = squares.assign(LSOA21NM=[f"<img src=x onerror=alert({k})>" for k in range(len(squares))])
    path = write_report(prevalence, named, tmp_path_factory.mktemp("report") / "report.html")
    return Page(path.read_text(encoding="utf-8"))


def test_the_answer_comes_first_and_names_groups_size_and_certainty(page: Page) -> None:
    answer = page.text[page.text.index("The answer") : page.text.index("How does recorded prevalence differ")]
    number = r"[\d.]+%? \([\d.]+ to [\d.]+\)"
    first = (
        f"Prevalence at the same age and sex is {number} in the most deprived tenth of areas and {number} in the least "
        r"deprived tenth of areas: 5\.\d+ percentage points higher \([\d.]+ to [\d.]+\), or "
        f"{number} times the level\\. As lower is better, the most deprived tenth of areas fares worse "
        r"\(almost certain, more than 99%\)\."
    )
    assert re.search(first, answer)
    assert re.search(r"In all this stands for about [\d,]+ more people \(95% interval [\d,]+ to [\d,]+\) than", answer)
    assert "By ethnic group, Bangladeshi is furthest above the average of these groups" in answer
    assert "areas are above the average of all areas" in answer
    assert all(part in answer for part in ("How sure", "What is not known", "What not to conclude", "No cause"))
    assert "Not stated" not in answer
    below = page.text[page.text.index("By deprivation decile", page.text.index("Over everyone")) :]
    assert "is lower in the least deprived tenth of areas than in the most deprived tenth of areas" in below
    assert re.search(r"by 5\.\d+ percentage points \(95% interval [\d.]+ to [\d.]+; crude: 5\.\d+ .*lower\)", below)


def test_people_are_those_beyond_what_everybody_would_be_at_the_best_level(worlds: SimpleNamespace) -> None:
    """Oracle: every cell of the least deprived areas in every age and sex, with everybody's ages and sexes."""
    post = worlds.prevalence_posterior(older="K")
    cells = expected(post, by=["area", "ethnicity", "age_band", "sex"])
    people = cells["population"]
    least = cells.sel(area=[code for code in people["area"].to_numpy() if int(code[1:]) % 10 == 9])
    own = least["population"].sum(["age_band", "sex"]) / least["population"].sum()
    dims = ["area", "ethnicity", "age_band", "sex"]
    best = (least * own * people.sum(["area", "ethnicity"])).sum(dims)
    events = (cells * people).sum(dims)
    beyond = (events - best).to_numpy().ravel()
    content = gather(post, None, ReportOptions(disclosure=Rule(0, 1)))
    said = next(s.text for s in content.answer if s.text.startswith("In all this stands for about"))
    shown = [float(number.replace(",", "")) for number in re.findall(r"(?<= )[\d,]{3,}(?=[ )])", said)]
    ends = [beyond.mean(), *np.quantile(beyond, [0.025, 0.975]), float(events.mean())]
    assert shown == pytest.approx(ends, rel=0.006)
    turned = gather(worlds.prevalence_posterior(slope=0.08), None)
    assert any("fewer people (95% interval" in s.text for s in turned.answer)
    flat = gather(worlds.prevalence_posterior(slope=0.0), None)
    (unsure,) = (s for s in flat.answer if s.text.startswith("How many people that stands for is not known"))
    assert not unsure.is_claim
    assert unsure.open in render(flat)


def test_flipping_the_gradient_flips_the_answer(worlds: SimpleNamespace) -> None:
    turned = gather(worlds.prevalence_posterior(slope=0.08), None)
    assert "percentage points lower (" in turned.answer[0].text
    assert "the least deprived tenth of areas fares worse" in turned.answer[0].text
    assert any("is higher in the least deprived tenth of areas than in the most" in s.text for s in turned.answer)
    flat = gather(worlds.prevalence_posterior(slope=0.0), None)
    assert not flat.answer[0].is_claim
    assert "The data do not show which of the two is higher" in flat.answer[0].text
    assert any("do not show whether prevalence at the same age and sex differs" in s.text for s in flat.answer)


def test_a_group_that_is_only_older_is_not_said_to_be_worse_off(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior(ethnic=0.0, older="K")
    crude = expected(post, by="ethnicity")
    ratio = float((crude.sel(ethnicity="K") / crude.sel(ethnicity="A")).mean())
    assert ratio > 1.3
    like = alike(post, cover(post, Rule(0, 1)), "ethnicity")
    held = float((like.values.shown.sel(ethnicity="K") / like.values.shown.sel(ethnicity="A")).mean())
    assert held == pytest.approx(1.0, abs=0.02)
    content = gather(post, None)
    said = [s.text for s in content.answer if "ethnic" in s.text]
    (text,) = said
    assert re.fullmatch(
        r"By ethnic group, the data show no group to differ from the average of these groups \([\d.]+%, weighted by "
        r"population\) in prevalence at the same age and sex\.",
        text,
    )


def test_groups_without_every_age_have_their_rate_there_from_the_model(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior()
    rows = post["constant_data"]
    gone = (rows["ethnicity"] == 1) & (rows["age_band"] == 0)
    rows["population"] = rows["population"].where(~gone, 0.0)
    like = alike(post, cover(post), "ethnicity")
    assert like.position("ethnicity", ["A", "K", "Z"]).tolist() == [0, 1, 2]
    table = next(t for s in gather(post, None).sections for t in s.tables if t.caption.endswith("by ethnic group"))
    assert table.header[3:5] == ("Adjusted, at the same age and sex (95% interval)", "Crude (95% interval)")
    row = next(r for r in table.rows if r[0] == "Bangladeshi")
    for cell, values in zip(row[3:5], (like.values, like.crude), strict=True):
        assert float(cell.split("%")[0]) == pytest.approx(
            100 * float(values.shown.sel(ethnicity="K").mean()), abs=0.051
        )


@pytest.mark.parametrize("kind", ["health_equity_audit", "section_13sa", "core20plus5", "methods"])
def test_kinds_of_report_hold_what_they_must(prevalence_content: Content, kind: str) -> None:
    page = Page(render(prevalence_content, ReportOptions(kind=kind)))
    parts = {
        "health_equity_audit": (
            "Health equity audit: prevalence",
            "Where the gaps are, the largest first",
            "For people to answer",
        ),
        "section_13sa": (
            "Statement on health inequalities: prevalence",
            "section 13SA",
            "What this report must break down",
        ),
        "core20plus5": ("Core20PLUS5: prevalence", "in Core20 and elsewhere", "Difference (absolute): Core20 less"),
        "methods": ("Methods appendix: prevalence", "Parts of the model and their priors", "Checks of the fit"),
    }
    assert all(part in page.text for part in parts[kind])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(anchor["href"])[1:] for anchor in page.all("a")} - {"trust"} <= set(ids)
    assert ("The answer" in page.text) == (kind != "methods")
    # What a kind is about stands before any other finding.
    led = {k: said[1] for k, said in parts.items()}
    if kind != "methods":
        start = page.text.index("The answer")
        led["section_13sa"] = "What this report must break down"
        assert start < page.text.index(led[kind], start) < page.text.index("In all this stands for")


def test_a_statement_without_a_needed_breakdown_says_so(worlds: SimpleNamespace) -> None:
    text = Page(
        render(gather(worlds.plain_posterior(["a", "b"], [1.0, 2.0]), None), ReportOptions(kind="section_13sa"))
    ).text
    assert text.count("missing: this report is incomplete without it") == 4
    with pytest.raises(BayesineqError, match="kind='board' is no kind of report"):
        report_kind("board")


def test_core20_is_the_weighted_mean_of_two_deciles(prevalence: xr.DataTree, prevalence_content: Content) -> None:
    assert prevalence_content.core20 is not None
    _, table = prevalence_content.core20
    like = alike(prevalence, cover(prevalence), "imd_decile")
    for column, values in ((1, like.values), (2, like.crude)):
        shown = float(table.rows[0][column].split("%")[0])
        assert shown == pytest.approx(100 * float(values.shown.mean(("chain", "draw"))[:2].mean()), abs=0.051)


def test_absolute_and_relative_inequality_stand_together(page: Page) -> None:
    table = page.text[page.text.index("Inequality in prevalence at the same age and sex by deprivation decile") :][
        :2500
    ]
    for measure in ("Slope index of inequality (SII)", "Relative index of inequality (RII, Kunst and Mackenbach)"):
        assert measure in table
    assert "Difference: the least deprived tenth of areas less the most deprived" in table
    assert "Ratio: the least deprived tenth of areas to the most deprived" in table


def test_every_part_that_a_board_needs_is_there(page: Page) -> None:
    for heading in (
        "The answer",
        "How unequal, and against which average",
        "What is not known",
        "By deprivation decile",
        "By ethnic group",
        "By age group",
        "By sex",
        "Where",
        "Can this be trusted?",
        "Data quality",
        "What must not be concluded",
        "The model",
        "How to read the words",
        "Where these numbers come from",
    ):
        assert heading in page.text
    assert "4.4%" in page.text[page.text.index("Unknown ethnic group") :][:60]
    assert re.search(r"[0-9a-f]{32}", page.text)


def test_nothing_is_loaded_from_outside_and_nothing_runs(page: Page) -> None:
    assert not page.all("script")
    assert not page.all("link")
    for image in page.all("img"):
        assert str(image["src"]).startswith("data:image/")
    for anchor in page.all("a"):
        assert str(anchor["href"]).startswith("#")
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_structure_serves_readers_who_do_not_see(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en-GB"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(len(str(image["alt"])) > 40 for image in page.all("img"))
    assert all(header["scope"] in {"col", "row"} for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {str(anchor["href"])[1:] for anchor in page.all("a")}
    assert targets <= set(ids)


def test_text_from_outside_is_escaped(worlds: SimpleNamespace) -> None:
    evil = "<script>alert(1)</script>"
    post = worlds.plain_posterior([evil, 'a,"b"', "Llŷn", "القاهرة"], [1.0, 2.0, 3.0, 4.0], question=evil, outcome=evil)
    source = render(gather(post, None, ReportOptions(title=evil)))
    assert "<script" not in source
    assert "&lt;script&gt;alert(1)" in source
    text = Page(source).text
    for name in (evil, 'a,"b"', "Llŷn", "القاهرة"):
        assert name in text


def test_names_of_areas_are_escaped_too(page: Page) -> None:
    assert "<img src=x onerror=alert(0)>" in page.text
    assert all(str(image["src"]).startswith("data:") for image in page.all("img"))


def test_small_counts_appear_nowhere(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior(people={"A": 200, "K": 60, "Z": 0}, few=("Z", 40))
    source = render(gather(post, None))
    row = next(line for line in source.splitlines() if "Not stated" in line and "<tr>" in line)
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == ["*"] * 7
    # Everybody less the largest group would be the small one, so a second one is withheld beside it.
    other = next(line for line in source.splitlines() if ">Bangladeshi<" in line)
    assert re.findall(r"<td[^>]*>([^<]*)</td>", other) == ["*"] * 7
    assert "Counts from 1 to 7 are suppressed" in source
    shown = Page(source).text
    populations = re.findall(r"<tr><th scope=\"row\">[^<]*</th><td[^>]*>([\d,]+)</td><td[^>]*>[\d.]+%</td>", source)
    assert populations
    assert all(int(p.replace(",", "")) % 5 == 0 for p in populations)
    assert "Not stated" in shown


def test_a_failed_fit_is_said_before_any_number(prevalence: xr.DataTree) -> None:
    broken = prevalence.copy()
    broken.attrs["engine"] = "nuts"
    text = Page(render(gather(broken, None))).text
    assert text.index("Do not act on this report yet.") < text.index("Over everyone")
    assert "fit with chains=4" in text


def test_a_report_without_boundaries_has_no_map(prevalence_content: Content) -> None:
    assert "Where" not in [section.title for section in prevalence_content.sections]


def test_boundaries_without_estimates_are_counted(prevalence: xr.DataTree, worlds: SimpleNamespace) -> None:
    content = gather(prevalence, worlds.square_areas(6, 6))
    assert ("Areas on the map without an estimate", "6, hatched") in content.quality.rows
    with pytest.raises(GraphError, match="values but no boundary"):
        gather(prevalence, worlds.square_areas(6, 4))


def test_a_file_is_replaced_whole_or_not_at_all(
    worlds: SimpleNamespace, prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text("what stood here", encoding="utf-8")
    with pytest.raises(GraphError):
        write_report(prevalence, squares.iloc[:3], path)
    assert path.read_text(encoding="utf-8") == "what stood here"
    assert list(tmp_path.iterdir()) == [path]
    small = worlds.plain_posterior(["a", "b"], [1.0, 2.0])
    with pytest.raises(BayesineqError, match="does not exist"):
        write_report(small, None, tmp_path / "nowhere" / "report.html")
    write_report(small, None, path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_one_group_and_equal_values_are_reported_without_claims(worlds: SimpleNamespace) -> None:
    single = gather(worlds.plain_posterior(["only"], [1.0]), None)
    assert [s.is_claim for s in single.answer] == [False]
    equal = gather(worlds.plain_posterior(["a", "b", "c"], [1.0, 1.0, 1.0]), None)
    assert not any(s.is_claim for s in equal.answer)


@pytest.mark.slow
def test_a_report_for_an_integrated_care_board(shared: Path, worlds: SimpleNamespace, tmp_path: Path) -> None:
    import pandas as pd

    from bayesineq.space.contiguity import contiguity

    areas = gpd.read_parquet(shared / "data/boundaries/lsoa21_england_simplified.parquet")
    lookup = pd.read_parquet(shared / "data/lookups/lsoa21_sicbl24_icb24.parquet")
    own = areas[areas["LSOA21CD"].isin(lookup.loc[lookup["icb24_code_nhs"] == "QJG", "lsoa21_code"])]
    post = worlds.health_posterior(list(own["LSOA21CD"]), contiguity(own.to_crs("EPSG:27700")))
    path = write_report(post, own, tmp_path / "report.html")
    assert len(own) == 583
    assert path.stat().st_size < 10_000_000
    assert "East Suffolk" in path.read_text(encoding="utf-8")


def test_a_ratio_whose_line_falls_below_zero_is_not_printed(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior(slope=-0.7)
    values = alike(post, cover(post), "imd_decile").values.shown
    with pytest.raises(MeasureError, match="not negative at the top"):
        over_draws(rii, values, "imd_decile")
    content = gather(post, None)
    assert content.inequality is not None
    row = next(r for r in content.inequality.rows if r[0].startswith("Relative index"))
    assert row[2:] == ("not defined", "not defined", "1", "Some draws have no such ratio: their line reaches zero.")
    assert any(r[0].startswith("Ratio") and "not defined" not in r for r in content.inequality.rows)
