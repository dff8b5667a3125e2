"""The explorer: its data against the posterior, its scripts under the policy of the page, its use by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import pytest
import xarray as xr

from bayesineq.errors import BayesineqError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import card_of
from bayesineq.report.alike import alike
from bayesineq.report.content import gather
from bayesineq.report.disclosed import cover
from bayesineq.report.explorer import explorer, explorer_data
from bayesineq.report.numbers import PERCENT
from bayesineq.report.outline import outline
from bayesineq.report.page import write_report
from bayesineq.report.parts import Frame
from bayesineq.tables.disclosure import DEFAULT_RULE

WIDTHS = (375, 1280, 1920)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def frame_of(post: xr.DataTree) -> Frame:
    return Frame(post, card_of(post), PERCENT, None, 0.95, DEFAULT_RULE, cover(post))


@pytest.fixture(scope="module")
def found(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> dict[str, Any]:
    values = expected(prevalence, by="area")
    return explorer_data(frame_of(prevalence), values, outline(squares), {"A00": "Ynys Môn"})


def test_areas_carry_their_own_numbers_by_code(found: dict[str, Any], prevalence: xr.DataTree) -> None:
    values = expected(prevalence, by="area")
    draws = values.sel(area="A07").to_numpy().ravel()
    area = next(a for a in found["areas"] if a["code"] == "A07")
    assert area["mean"] == pytest.approx(draws.mean(), rel=1e-5)
    assert area["level"] == "8"
    cut = float(found["thresholds"][found["start"]].rstrip("%")) / 100
    assert area["above"][found["start"]] == pytest.approx(100 * (draws > cut).mean(), abs=0.51)
    assert abs(cut - float(values.mean())) < 0.01
    assert next(a for a in found["areas"] if a["code"] == "A00")["name"] == "Ynys Môn"
    assert len(found["shapes"]) == len(found["areas"]) == 30


def test_groups_are_those_that_are_compared(found: dict[str, Any], prevalence: xr.DataTree) -> None:
    shown = cover(prevalence)
    like = alike(prevalence, shown.values("imd_decile"), "imd_decile", cover=shown)
    decile = next(g for g in found["groups"] if g["dim"] == "imd_decile" and g["level"] == "1")
    assert decile["mean"] == pytest.approx(100 * float(like.values.sel(imd_decile=1).mean()), rel=1e-5)
    assert decile["named"] == "deprivation decile at the same age and sex"


def test_small_areas_and_missing_ones_have_no_numbers(worlds: SimpleNamespace, squares: gpd.GeoDataFrame) -> None:
    post = worlds.prevalence_posterior()
    values = expected(post, by="area").copy()
    people = values["population"].to_numpy().copy()
    people[3] = 20.0
    values["population"] = ("area", people)
    found = explorer_data(frame_of(post), values, outline(worlds.square_areas(6, 6)), {})
    blank = [a["code"] for a in found["areas"] if a["mean"] is None]
    assert blank == ["A03", "A30", "A31", "A32", "A33", "A34", "A35"]
    assert all("above" not in a for a in found["areas"] if a["mean"] is None)


def test_no_name_can_end_the_block_of_data(prevalence: xr.DataTree, squares: gpd.GeoDataFrame) -> None:
    evil = "</script><script>alert(1)</script>"
    made = explorer(frame_of(prevalence), outline(squares), {"A00": evil})
    assert not set("<>&") & set(made.data)
    assert next(a for a in json.loads(made.data)["areas"] if a["code"] == "A00")["name"] == evil
    assert "</script" not in made.library


def test_the_policy_names_exactly_the_scripts_of_the_page(
    prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    text = write_report(prevalence, squares, tmp_path / "r.html", explorer=True).read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    named = re.findall(r"sha256-([A-Za-z0-9+/=]+)", policy[1].replace("&#43;", "+"))
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.S)
    assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts] == named
    assert "unsafe-eval" not in policy[1]
    assert "unsafe-inline' 'sha" not in policy[1]


def test_an_explorer_needs_areas(worlds: SimpleNamespace, prevalence: xr.DataTree) -> None:
    with pytest.raises(BayesineqError, match="needs a card with areas and their boundaries"):
        gather(prevalence, None, with_explorer=True)
    post = worlds.plain_posterior(["a", "b"], [1.0, 2.0])
    with pytest.raises(BayesineqError, match="card 'plain' has no areas"):
        explorer(frame_of(post), outline(worlds.square_areas(1, 1)), {})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, or any other that is on the path."""
    program = which("chromium") or which("chromium-browser") or which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on the path: install Debian's package chromium to run the tests in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [f"<b>Area</b> {k}, Llŷn & co" for k in range(len(squares))]
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return write_report(prevalence, squares.assign(name=names), path, explorer=True)


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
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page, _, _ = opened(browser, report, width)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.evaluate(source)
    found = page.evaluate("(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}})", RULES)
    assert [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    assert len(found["passes"]) > 20
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


@pytest.mark.slow
def test_the_page_reads_without_scripts(browser: Any, report: Path) -> None:
    page = browser.new_context(offline=True, java_script_enabled=False).new_page()
    page.goto(report.as_uri())
    text = page.inner_text("main")
    assert "needs scripts, which are switched off here" in text
    assert "is higher in the most deprived tenth of areas" in text
    page.close()
