"""The explorer: its data against the posterior, its scripts under the policy of the page, its use by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from shapely.geometry import MultiPolygon, Polygon, box

from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.covered import covered
from bayesineq.disclosure.rule import DEFAULT_RULE
from bayesineq.errors import BayesineqError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import card_of
from bayesineq.report.page.alike import Alike, alike
from bayesineq.report.page.content import gather
from bayesineq.report.page.explorer import explorer, explorer_data
from bayesineq.report.page.explorer_areas import rings
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.parts import Frame
from bayesineq.report.page.write import write_report
from bayesineq.report.tables.numbers import PERCENT
from bayesineq.space.adjacency import from_edges
from tests.browser import violations

WIDTHS = (375, 1280, 1920)


def frame_of(post: xr.DataTree) -> Frame:
    return Frame(post, card_of(post), PERCENT, None, 0.95, DEFAULT_RULE, cover(post))


def likes_of(post: xr.DataTree, areas: xr.DataArray | None = None) -> dict[str, Alike]:
    """What groups and areas show; of areas as they are where they are given."""
    shown = cover(post)
    found = {dim: alike(post, shown, dim) for dim in card_of(post).dims}
    return found if areas is None else found | {"area": Alike(covered(areas), covered(areas), "")}


@pytest.fixture(scope="module")
def found(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> dict[str, Any]:
    values = expected(prevalence, by="area")
    return explorer_data(frame_of(prevalence), likes_of(prevalence, values), squares, {"A00": "Ynys Môn"})


def area_of(view: dict[str, Any], code: str) -> dict[str, Any]:
    at = view["code"].index(code)
    return {name: column[at] for name, column in view.items() if name != "name"}


def test_areas_carry_their_own_numbers_by_code(found: dict[str, Any], prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="area")
    draws = values.sel(area="A07").to_numpy().ravel()
    (view,) = found["views"]
    area = area_of(view, "A07")
    lower, upper = np.quantile(draws, [0.025, 0.975])
    assert area["estimate"] == [round(100 * float(v), found["places"]) for v in (draws.mean(), lower, upper)]
    assert area["level"] == "8"
    # The threshold in the middle is the average that the page speaks of, draw by draw; others are numbers.
    average = (values * values["population"]).sum("area").to_numpy().ravel() / float(values["population"].sum())
    said = found["thresholds"][found["start"]]
    assert said == f"the average of all areas ({100 * average.mean():.{found['places']}f}%)"
    share = 100 * (draws > average).mean()
    assert area["above"][found["start"]] == (np.floor(share) if share > 50 else np.ceil(share))
    cut = float(found["thresholds"][0].rstrip("%")) / 100
    assert area["above"][0] == pytest.approx(100 * (draws > cut).mean(), abs=1.01)
    assert area_of(view, "A00")["named"] == "Ynys Môn"
    assert {len(column) for name, column in view.items() if name != "name"} == {30}


def test_outlines_are_steps_on_a_grid() -> None:
    ring = Polygon(box(0, 0, 2000, 1000).exterior.coords, [box(500, 400, 700, 600).exterior.coords])
    pair = MultiPolygon([box(0, 1000, 100, 1100), box(1900, 1900, 2000, 2000)])
    shapes = np.array([ring, pair], dtype=object)

    def points(steps: list[int]) -> list[tuple[float, float]]:
        return [tuple(p) for p in np.cumsum(np.reshape(steps, (-1, 2)), axis=0).tolist()]

    found = [[[points(r) for r in polygon] for polygon in area] for area in rings(shapes)]
    back = [MultiPolygon([Polygon(shell, holes) for shell, *holes in area]) for area in found]
    assert back[0].equals(ring)
    assert back[1].equals(pair)
    assert [len(area) for area in found] == [1, 2]


def test_parts_have_a_map_each_and_one_of_all(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> None:
    values = expected(prevalence, by="area")
    parts = ["Suffolk" if k % 6 < 3 else "</script>" for k in range(len(squares))]
    named = squares.assign(board=parts)
    found = explorer_data(frame_of(prevalence), likes_of(prevalence, values), named, {}, parts="board")
    whole, *each = found["views"]
    assert [view["name"] for view in (whole, *each)] == ["all 2 parts", "</script>", "Suffolk"]
    assert sorted(whole["code"]) == ["</script>", "Suffolk"]
    inside = named.loc[named["board"] == "Suffolk", "area"].tolist()
    assert each[1]["code"] == inside
    own = values.sel(area=inside)
    mean = float((own * own["population"]).sum("area").mean() / own["population"].sum())
    assert area_of(whole, "Suffolk")["estimate"][0] == pytest.approx(100 * mean, abs=0.06)
    assert found == explorer_data(
        frame_of(prevalence), likes_of(prevalence, values.isel(area=slice(None, None, -1))), named, {}, parts="board"
    )
    # Squares that touch melt into one piece with four corners.
    assert len(area_of(whole, "Suffolk")["shape"]) == 1
    assert len(area_of(whole, "Suffolk")["shape"][0][0]) == 10
    made = explorer(frame_of(prevalence), likes_of(prevalence), named, {}, parts="board")
    assert made.views == ("all 2 parts", "</script>", "Suffolk")
    assert not set("<>&") & set(made.data)


def test_parts_are_named_for_every_area(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> None:
    values = expected(prevalence, by="area")
    with pytest.raises(BayesineqError, match="parts='icb' is no column of the boundaries, which have area, geometry"):
        explorer_data(frame_of(prevalence), likes_of(prevalence, values), squares, {}, parts="icb")
    lacking = squares.assign(icb=["a"] * 28 + [None] * 2)
    with pytest.raises(BayesineqError, match=r"2 of 30 areas lie in no part \(A28, A29\)"):
        explorer_data(frame_of(prevalence), likes_of(prevalence, values), lacking, {}, parts="icb")


def test_too_many_areas_for_one_map_are_refused(
    prevalence: xr.DataTree, squares: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayesineq.report.page.explorer._MOST", 20)
    values, halves = expected(prevalence, by="area"), squares.assign(half=["a"] * 15 + ["b"] * 15)
    with pytest.raises(BayesineqError, match="at most 20 areas; all areas on one map would need 30: name a column"):
        explorer_data(frame_of(prevalence), likes_of(prevalence, values), squares, {})
    assert (
        len(explorer_data(frame_of(prevalence), likes_of(prevalence, values), halves, {}, parts="half")["views"]) == 3
    )


def test_groups_are_those_that_are_compared(found: dict[str, Any], prevalence: xr.DataTree) -> None:
    shown = cover(prevalence)
    like = alike(prevalence, shown, "imd_decile")
    decile = next(g for g in found["groups"] if g["dim"] == "imd_decile" and g["level"] == "1")
    assert decile["mean"] == pytest.approx(100 * float(like.values.shown.sel(imd_decile=1).mean()), rel=1e-5)
    assert decile["named"] == "deprivation decile at the same age and sex"
    crude = shown.values("imd_decile").shown.sel(imd_decile=1)
    assert decile["crude"].startswith(f"{100 * float(crude.mean()):.1f}% (")


def test_areas_are_compared_at_the_same_age_with_the_crude_beside(
    worlds: SimpleNamespace, squares: gpd.GeoDataFrame
) -> None:
    post = worlds.prevalence_posterior(older="K")
    likes = likes_of(post)
    data = explorer_data(frame_of(post), likes, squares, {})
    area = area_of(data["views"][0], "A07")
    assert data["held"] == "age and sex"
    for name, values in (("estimate", likes["area"].values), ("crude", likes["area"].crude)):
        draws = values.shown.sel(area="A07").to_numpy().ravel()
        ends = (draws.mean(), *np.quantile(draws, [0.025, 0.975]))
        assert area[name] == [round(100 * float(v), data["places"]) for v in ends]
    halves = squares.assign(half=["a"] * 15 + ["b"] * 15)
    whole = explorer_data(frame_of(post), likes, halves, {}, parts="half")["views"][0]
    assert len(whole["crude"]) == len(whole["estimate"]) == 2
    nothing = explorer_data(frame_of(post), likes_of(post, likes["area"].crude), squares, {})
    assert nothing["held"] == ""
    assert "crude" not in nothing["views"][0]


def test_small_areas_and_missing_ones_have_no_numbers(worlds: SimpleNamespace, squares: gpd.GeoDataFrame) -> None:
    post = worlds.prevalence_posterior()
    values = expected(post, by="area").copy()
    people = values["population"].to_numpy().copy()
    people[3] = 20.0
    values["population"] = ("area", people)
    (view,) = explorer_data(frame_of(post), likes_of(post, values), worlds.square_areas(6, 6), {})["views"]
    blank = [code for code, estimate in zip(view["code"], view["estimate"], strict=True) if estimate is None]
    assert blank == ["A03", "A30", "A31", "A32", "A33", "A34", "A35"]
    for code in blank:
        area = area_of(view, code)
        assert (area["above"], area["tone"]) == (None, -1)


def test_one_area_and_equal_values_have_one_class(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> None:
    values = expected(prevalence, by="area")
    one = explorer_data(frame_of(prevalence), likes_of(prevalence, values.isel(area=[4])), squares.iloc[[4]], {})
    (view,) = one["views"]
    assert (view["code"], view["tone"]) == (["A04"], [0])
    assert len(one["legends"]["estimate"]) == 1
    equal = explorer_data(frame_of(prevalence), likes_of(prevalence, values * 0 + 0.125), squares, {})
    (view,) = equal["views"]
    assert set(view["tone"]) == {0}
    assert equal["thresholds"] == ["the average of all areas (12.5%)"]
    assert view["estimate"][0] == [12.5, 12.5, 12.5]
    missing = values.copy()
    missing[..., 2] = np.nan
    (view,) = explorer_data(frame_of(prevalence), likes_of(prevalence, missing), squares, {})["views"]
    assert [k for k, found in enumerate(view["estimate"]) if found is None] == [2]


def test_no_name_can_end_the_block_of_data(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> None:
    evil = "</script><script>alert(1)</script>"
    made = explorer(frame_of(prevalence), likes_of(prevalence), squares, {"A00": evil})
    assert not set("<>&") & set(made.data)
    assert area_of(json.loads(made.data)["views"][0], "A00")["named"] == evil
    assert "</script" not in made.library


def test_the_policy_names_exactly_the_scripts_of_the_page(
    prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    text = write_report(prevalence, squares, tmp_path / "r.html", ReportOptions(explorer=True)).read_text(
        encoding="utf-8"
    )
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    named = re.findall(r"sha256-([A-Za-z0-9+/=]+)", policy[1].replace("&#43;", "+"))
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.S)
    assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts] == named
    assert "unsafe-eval" not in policy[1]
    assert "unsafe-inline' 'sha" not in policy[1]


def test_an_explorer_needs_areas(worlds: SimpleNamespace, prevalence: xr.DataTree) -> None:
    with pytest.raises(BayesineqError, match="needs a card with areas and their boundaries"):
        gather(prevalence, None, ReportOptions(explorer=True))
    post = worlds.plain_posterior(["a", "b"], [1.0, 2.0])
    with pytest.raises(BayesineqError, match="card 'plain' has no areas"):
        explorer(frame_of(post), {}, worlds.square_areas(1, 1), {})


@pytest.fixture(scope="module")
def report(prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [f"<b>Area</b> {k}, Llŷn & co" for k in range(len(squares))]
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return write_report(prevalence, squares.assign(name=names), path, ReportOptions(explorer=True))


def opened(browser: Any, path: Path, width: int) -> tuple[Any, list[str], list[str]]:
    page = browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function("document.getElementById('explorer').dataset.state !== undefined")
    return page, said, asked


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_opens_offline_without_a_word_or_a_request(
    browser: Any, report: Path, width: int, tmp_path: Path
) -> None:
    page, said, asked = opened(browser, report, width)
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=str(tmp_path / f"report-{width}.png"), full_page=True)
    assert (tmp_path / f"report-{width}.png").stat().st_size > 50_000
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation(browser: Any, report: Path, width: int) -> None:
    page, _, _ = opened(browser, report, width)
    assert violations(page) == []
    page.close()


@pytest.mark.slow
def test_mouse_and_keyboard_reach_every_part(browser: Any, report: Path) -> None:
    page, said, _ = opened(browser, report, 1280)

    def state() -> str:
        return str(page.evaluate("document.getElementById('explorer').dataset.state"))

    def after(change: str) -> None:
        page.wait_for_function("(old) => document.getElementById('explorer').dataset.state !== old", arg=change)

    before = state()
    page.focus("#explorer-area")
    page.keyboard.press("ArrowDown")
    after(before)
    assert "<b>Area</b>" in page.inner_text("#explorer-table")
    assert "Probability of being above" in page.inner_text("#explorer-table")
    for named in ("Adjusted, at the same age and sex (95% interval)", "Crude (95% interval)"):
        assert re.search(rf"{re.escape(named)}\s+\d+\.\d% \(\d", page.inner_text("#explorer-table")), named
    assert "Crude estimate of that group" in page.inner_text("#explorer-table")
    before, count = state(), page.inner_text("#explorer-count")
    page.focus("#explorer-cut")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    after(before)
    assert "|probability|" in state()
    assert page.inner_text("#explorer-count") != count
    before = state()
    page.select_option("#explorer-dim", "ethnicity")
    after(before)
    before = state()
    canvas = page.locator("#explorer-map canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    after(before)
    page.mouse.move(5, 5)
    canvas.hover(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "Llŷn" in page.inner_text("#vg-tooltip-element")
    assert page.locator("#vg-tooltip-element b").count() == 0
    assert said == []
    page.close()


REDRAWN = """async ([id, value, event]) => {
  const control = document.getElementById(id), page = document.getElementById("explorer");
  const before = page.dataset.state;
  control.value = value;
  control.dispatchEvent(new Event(event, {bubbles: true}));
  while (page.dataset.state === before) await new Promise((done) => setTimeout(done, 1));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return page.dataset.state !== before;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [600, 7_000])
def test_an_explorer_of_many_areas_redraws(browser: Any, worlds: SimpleNamespace, tmp_path: Path, count: int) -> None:
    wide = int(np.ceil(np.sqrt(count)))
    areas = worlds.square_areas(wide, wide).iloc[:count]
    # As many points as the simplified boundaries of an LSOA have.
    areas = areas.set_geometry(areas.geometry.segmentize(350.0))
    post = worlds.health_posterior(list(areas["area"]), from_edges(list(pairwise(areas["area"])), areas=areas["area"]))
    path = write_report(post, areas, tmp_path / "report.html", ReportOptions(explorer=True))
    assert path.stat().st_size < (4e6 if count == 600 else 10e6)
    page, said, _ = opened(browser, path, 1280)
    for name, asked in {
        "threshold": ("explorer-cut", "5", "input"),
        "another threshold": ("explorer-cut", "15", "input"),
        "area": ("explorer-area", areas["area"].iloc[count // 2], "change"),
        "estimate": ("explorer-show", "estimate", "change"),
    }.items():
        assert page.evaluate(REDRAWN, list(asked)), name
    canvas = page.locator("#explorer-map canvas")
    canvas.scroll_into_view_if_needed()
    box_ = canvas.bounding_box()
    canvas.hover(position={"x": box_["width"] * 0.5, "y": box_["height"] * 0.5})
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert said == []
    page.close()


@pytest.mark.slow
def test_the_parts_of_a_map_are_chosen_from_a_list(
    browser: Any, prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    named = squares.assign(board=["<i>East</i>" if k % 6 < 3 else "West" for k in range(len(squares))])
    path = write_report(prevalence, named, tmp_path / "report.html", ReportOptions(explorer=True, parts="board"))
    page, said, _ = opened(browser, path, 1280)
    assert page.inner_text("#explorer-count").startswith(("0 of 2 parts", "1 of 2 parts", "2 of 2 parts"))
    assert page.locator("[data-legend=parts]").is_visible()
    assert page.locator("[data-legend=estimate]").is_hidden()
    page.focus("#explorer-part")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.getElementById('explorer').dataset.state.endsWith('|1')")
    assert page.locator("#explorer-part option:checked").inner_text() == "<i>East</i>"
    assert " of 15 areas " in page.inner_text("#explorer-count")
    assert page.locator("[data-legend=estimate]").is_visible()
    listed = page.evaluate("[...document.querySelectorAll('#explorer-area option')].map((o) => o.value).slice(1)")
    assert sorted(listed) == named.loc[named["board"] == "<i>East</i>", "area"].tolist()
    page.select_option("#explorer-area", listed[0])
    page.wait_for_function("document.getElementById('explorer-table').textContent.includes('Probability')")
    assert listed[0] in page.inner_text("#explorer-table")
    assert page.locator("#explorer i").count() == 0
    assert said == []
    page.close()


@pytest.mark.slow
def test_the_page_reads_without_scripts(browser: Any, report: Path) -> None:
    page = browser.new_context(offline=True, java_script_enabled=False).new_page()
    page.goto(report.as_uri())
    text = page.inner_text("main")
    assert "needs scripts, which are switched off here" in text
    assert "is lower in the least deprived tenth of areas than in the most deprived tenth" in text
    page.close()
