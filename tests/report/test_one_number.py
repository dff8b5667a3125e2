"""
One adjusted and one crude number: headline, tables, figures, map, explorer, `measure`, its csv and Python agree.

Oracle for the page: `inequality` and `adjusted`, which tests/posterior holds to populations that are written out. The
world has more older people in the less deprived deciles, so that crude and adjusted values differ everywhere.
"""

from __future__ import annotations

import html
import json
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.cli import main
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule
from bayesineq.disclosure.steady import steady
from bayesineq.posterior.adjusted import adjusted
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import save
from bayesineq.posterior.inequality import inequality
from bayesineq.report.figures.areas import area_table
from bayesineq.report.page.alike import alike
from bayesineq.report.page.content import gather
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.write import render

sys.path.insert(0, str(Path(__file__).parent))
from read_page import Tables
from read_page import same as same_to_their_digits

EXACT = ["--small-count", 0, "--round-to", 1]
WRITTEN = 5.001e-4
"""A csv has four significant digits."""
same = partial(same_to_their_digits, known_to=WRITTEN)
MOST, LEAST = "the most deprived tenth of areas", "the least deprived tenth of areas"


class Said(NamedTuple):
    """What one run of the command line wrote."""

    page: str
    tables: dict[str, list[list[str]]]
    explorer: dict
    printed: dict[str, str]
    csv: dict[str, pd.DataFrame]


def run(capsys, *arguments: object) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    return captured.out


def said_by(capsys, folder: Path, post: xr.DataTree, areas: gpd.GeoDataFrame, control: list[object]) -> Said:
    posterior, page = folder / "fit.nc", folder / "page.html"
    save(post, posterior)
    areas.to_parquet(folder / "areas.parquet")
    printed, csv = {}, {}
    for by in ("imd_decile", "area", "ethnicity"):
        printed[by] = run(capsys, "measure", posterior, "--by", by, "--csv", folder / f"{by}.csv", *control)
        csv[by] = pd.read_csv(folder / f"{by}.csv").set_index("parameter")
    run(capsys, "report", posterior, "--areas", folder / "areas.parquet", "--explorer", "--out", page, *control)
    source = page.read_text(encoding="utf-8")
    data = json.loads(re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", source, flags=re.S)[0])
    text = re.sub(r"<(script|style).*?</\1>", "", source, flags=re.S)
    return Said(html.unescape(text), Tables(text).found, data, printed, csv)


def said_of_deciles(capsys, folder: Path, post: xr.DataTree) -> Said:
    """The same of deprivation alone, with a page that has no map."""
    save(post, folder / "fit.nc")
    printed = run(capsys, "measure", folder / "fit.nc", "--by", "imd_decile", "--csv", folder / "measured.csv", *EXACT)
    text = render(gather(post, None, ReportOptions(disclosure=Rule(0, 1))))
    csv = pd.read_csv(folder / "measured.csv").set_index("parameter")
    return Said(html.unescape(text), Tables(text).found, {}, {"imd_decile": printed}, {"imd_decile": csv})


def older_where_less_deprived(worlds: SimpleNamespace, **options: object) -> xr.DataTree:
    post = worlds.prevalence_posterior(older="K", **options)
    rows = post["constant_data"]
    young = rows["age_band"] == 0
    decile = rows["imd_decile"] + 1
    rows["population"] = rows["population"] * xr.where(young, 1.0, decile * 2.0)
    return post


@pytest.fixture(scope="module")
def world(worlds: SimpleNamespace) -> xr.DataTree:
    return older_where_less_deprived(worlds)


@pytest.mark.parametrize("control", [EXACT, []], ids=["as they are", "disclosed"])
def test_one_adjusted_and_one_crude_number_everywhere(world, squares, tmp_path, capsys, control) -> None:
    said = said_by(capsys, tmp_path, world, squares, control)
    rule = Rule(0, 1) if control else DEFAULT_RULE
    deciles, areas = said.csv["imd_decile"], said.csv["area"]
    if control:
        # Python prints what the command line writes; with small counts withheld, both are of rounded counts.
        python = inequality(world, "imd_decile").set_index("parameter")
        written = deciles.assign(compared=deciles["compared"].fillna("")).drop(columns="imd_decile")
        pd.testing.assert_frame_equal(written, python, rtol=WRITTEN, check_names=False)
    assert set(deciles["adjusted_for"]) == {"age_band, sex"}
    assert abs(deciles.loc["difference", "mean"] / deciles.loc["difference", "crude_mean"] - 1) > 0.1

    # Tables and the figure of deciles.
    given = "at the same age and sex"
    table = said.tables["Prevalence by deprivation decile"]
    assert table[0][3:5] == [f"Adjusted, {given} (95% interval)", "Crude (95% interval)"]
    start, alts = "Dots with intervals of prevalence", re.findall(r'alt="([^"]*)"', said.page)
    picture = next(alt for alt in alts if alt.startswith(start))
    assert given in picture
    shown = [row for row in table[1:] if row[1] != "*"]
    assert len(shown) == 10
    for row in shown:
        csv = deciles.loc[f"imd_decile[{row[0].split()[0]}]"]
        same(row[3], *(100 * csv[["mean", "lower", "upper"]]))
        same(row[4], *(100 * csv[["crude_mean", "crude_lower", "crude_upper"]]))
        found = re.search(rf"[.;] {re.escape(row[0])}: ([^;]+)[;.]", picture)
        assert found is not None
        same(found[1], *(100 * csv[["mean", "lower", "upper"]]))
        group = next(g for g in said.explorer["groups"] if (g["dim"], g["level"]) == ("imd_decile", row[0].split()[0]))
        assert group["mean"] == pytest.approx(100 * csv["mean"], rel=WRITTEN)
        same(group["said"], 100 * csv["mean"])
        same(group["crude"], 100 * csv["crude_mean"])
        assert given in group["named"]

    # Measures: one sign, and who is compared with whom.
    measures = {row[0]: row for row in said.tables[f"Inequality in prevalence {given} by deprivation decile"]}
    for name, key, factor in (
        ("Slope index of inequality (SII): least less most deprived end of the line", "sii", 100),
        ("Relative index of inequality (RII, Kunst and Mackenbach): least to most deprived end of the line", "rii", 1),
        (f"Difference: {LEAST} less {MOST}", "difference", 100),
        (f"Ratio: {LEAST} to {MOST}", "ratio", 1),
    ):
        csv = deciles.loc[key] * factor if factor == 1 else deciles.loc[key, :"crude_upper"] * factor
        same(measures[name][2], *csv[["mean", "lower", "upper"]])
        same(measures[name][3], *csv[["crude_mean", "crude_lower", "crude_upper"]])
    same(picture.partition("SII ")[2], *(100 * deciles.loc["sii", ["mean", "lower", "upper"]]))
    same(picture.partition("RII ")[2], *deciles.loc["rii", ["mean", "lower", "upper"]])

    # The headline is what `measure` prints, word for word, and holds the same numbers.
    headline = [line for line in said.printed["imd_decile"].splitlines() if LEAST in line]
    assert len(headline) == 2
    for line in headline:
        assert line in said.page
    same(headline[0].partition(", by ")[2], 100 * abs(deciles.loc["difference", "mean"]))
    same(headline[0].partition("crude: ")[2], 100 * abs(deciles.loc["difference", "crude_mean"]))
    same(headline[1].partition(" has ")[2], deciles.loc["ratio", "mean"])
    same(headline[1].partition("crude: ")[2], deciles.loc["ratio", "crude_mean"])

    # Areas: table, explorer and csv; which are flagged, and which come first among the worst.
    table = said.tables[f"All areas, {given}"]
    view = said.explorer["views"][0]
    for row in table[1:]:
        at = view["code"].index(row[0])
        if row[1] == "*":
            assert view["estimate"][at] is None
            assert view["crude"][at] is None
            continue
        csv = areas.loc[f"area[{row[0]}]"]
        same(row[1], *(100 * csv[["mean", "lower", "upper"]]))
        same(row[2], *(100 * csv[["crude_mean", "crude_lower", "crude_upper"]]))
        assert view["estimate"][at][0] == pytest.approx(
            100 * csv["mean"], abs=0.5 * 10.0 ** -said.explorer["places"] + WRITTEN * 100 * csv["mean"]
        )
        assert view["crude"][at][0] == pytest.approx(
            100 * csv["crude_mean"], abs=0.51 * 10.0 ** -said.explorer["places"] + WRITTEN * 100 * csv["crude_mean"]
        )
    assert said.explorer["held"] == "age and sex"
    like = alike(world, cover(world, rule), "area")
    flagged = area_table(like.values)
    worst = flagged[flagged["exceedance"] >= 0.95].sort_values("mean", ascending=False)
    crude = area_table(like.crude)
    assert worst.index.tolist() != crude.loc[worst.index].sort_values("mean", ascending=False).index.tolist()
    caption = next(name for name in said.tables if name.startswith("Areas that are worse than the average"))
    assert given in caption
    assert [row[0] for row in said.tables[caption][1:]] == worst.index[:15].tolist()
    assert f"{len(worst)} are" in said.page or f"{len(worst)} is" in said.page
    # One count of areas above the average, in sentence, caption, map and explorer.
    start = said.explorer["start"]
    assert sum(above is not None and above[start] >= 95 for above in view["above"]) == len(worst)
    assert f"of which there are {len(worst)}:" in caption
    assert said.explorer["thresholds"][start].startswith("the average of ")
    maps = [alt for alt in re.findall(r'alt="([^"]*)"', said.page) if alt.startswith("Map.")]
    assert len(maps) == 4
    assert all(given in alt for alt in maps)
    assert any(f"above (95 to 100%): {len(worst)} areas" in alt for alt in maps)


@pytest.mark.parametrize("more_is", ["worse", "better"])
@pytest.mark.parametrize("slope", [-0.1, 0.1])
def test_difference_and_ratio_have_one_sign_and_say_who(worlds, tmp_path, capsys, more_is, slope) -> None:
    post = older_where_less_deprived(worlds, slope=slope)
    post.attrs["card"] = str(post.attrs["card"]).replace('more_is    = "worse"', f'more_is    = "{more_is}"')
    values = adjusted(post, "imd_decile")
    last, first = (values.sel(imd_decile=k) for k in (10, 1))
    gap, ratio = float((last - first).mean()), float((last / first).mean())
    assert (gap > 0) == (ratio > 1) == (slope > 0)
    python = inequality(post, "imd_decile").set_index("parameter")
    assert python.loc["difference", "mean"] == pytest.approx(gap)
    assert python.loc["ratio", "mean"] == pytest.approx(ratio)
    assert python.loc["difference", "compared"] == "imd_decile 10 (least deprived) less imd_decile 1 (most deprived)"
    said = said_of_deciles(capsys, tmp_path, post)
    assert said.csv["imd_decile"].loc["difference", "mean"] == pytest.approx(gap, rel=WRITTEN)
    word = "higher" if slope > 0 else "lower"
    fares = MOST if (slope < 0) == (more_is == "worse") else LEAST
    for text in (said.printed["imd_decile"], said.page):
        assert f"is {word} in {LEAST} than in {MOST}" in text
        assert f"so {fares} fares worse" in text
        assert f"so {LEAST if fares == MOST else MOST} fares worse" not in text
    rows = {
        row[0]: row for row in said.tables["Inequality in prevalence at the same age and sex by deprivation decile"]
    }
    same(rows[f"Difference: {LEAST} less {MOST}"][2], 100 * gap)
    same(rows[f"Ratio: {LEAST} to {MOST}"][2], ratio)


def test_a_continuous_adjuster_goes_the_same_way(health, tmp_path, capsys) -> None:
    said = said_of_deciles(capsys, tmp_path, health)
    csv = said.csv["imd_decile"]
    assert set(csv["adjusted_for"]) == {"aged_65_and_over"}
    given = "at the same share of residents aged 65 and over"
    table = said.tables["Bad or very bad health by deprivation decile"]
    assert table[0][3] == f"Adjusted, {given} (95% interval)"
    for row in table[1:]:
        own = csv.loc[f"imd_decile[{row[0].split()[0]}]"]
        same(row[3], 100 * own["mean"])
        same(row[4], 100 * own["crude_mean"])
    assert f"Bad or very bad health {given} is lower in {LEAST} than in {MOST}" in said.printed["imd_decile"]


def test_nothing_is_held_equal_where_a_card_has_no_adjuster(worlds, squares, tmp_path, capsys) -> None:
    post = worlds.health_posterior(list(squares["area"]), worlds.grid_adjacency(squares))
    post.attrs["card"] = str(post.attrs["card"]).replace('adjust   = ["aged_65_and_over"]', "adjust = []")
    said = said_of_deciles(capsys, tmp_path, post)
    assert "Nothing is held equal" in said.printed["imd_decile"]
    assert said.tables["Bad or very bad health by deprivation decile"][0][3] == "Estimate (95% interval)"
    assert set(said.csv["imd_decile"]["adjusted_for"]) == {"nothing"}
    assert "crude:" not in said.page
    np.testing.assert_array_equal(said.csv["imd_decile"]["mean"], said.csv["imd_decile"]["crude_mean"])


@pytest.mark.parametrize("proportion", [True, False])
def test_an_adjusted_rate_tells_of_a_count_what_the_rounded_crude_rate_tells(proportion) -> None:
    """Whoever knows how a group's ages move its rate gets back the rounded rate, for every count that rounds alike."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal(2_000)
    shown = {}
    for cases in range(43, 48):
        crude = cases / 1_000 * (1 + z * np.sqrt(1 / cases))
        # The quotient moves a little with the count, as it does under a logit link.
        held = crude * (1.3 - 1e-4 * (cases - 45)) * (1 + 0.01 * rng.standard_normal(2_000))
        own = (np.array([crude.mean()]), np.array([crude.std()]))
        found = steady(held[:, None], np.array([1_000.0]), Rule(), proportion=proportion, own=own)
        alone = steady(crude[:, None], np.array([1_000.0]), Rule(), proportion=proportion)
        assert float(alone.mean()) == pytest.approx(45 / 1_000, abs=1e-5)
        shown[cases] = float(found.mean()) / float(alone.mean())
        assert shown[cases] == pytest.approx(held.mean() / crude.mean(), rel=0.5 / 45)
    assert len({round(quotient, 6) for quotient in shown.values()}) <= 2


@pytest.mark.parametrize("by", ["area", "imd_decile", "ethnicity"])
def test_adjusted_over_crude_tells_of_ages_and_of_no_count(world, by) -> None:
    """What is shown of the two differs by the quotient of the rates, to less than one event more would move it."""
    like = alike(world, cover(world), by)
    at = {by: like.values.shown[by]}
    dims = ("chain", "draw")
    quotient = (adjusted(world, by).mean(dims) / expected(world, by=by).mean(dims)).sel(at)
    shown = like.values.shown.mean(dims) / like.crude.shown.mean(dims)
    events = like.crude.shown.mean(dims) * like.crude.shown["population"]
    assert float((abs(np.log(shown / quotient)) * events).max()) <= 0.5 / 2 + 1e-6
    assert float(abs(quotient - 1).max()) > 0.02


def test_withheld_groups_are_withheld_from_both(worlds: SimpleNamespace) -> None:
    post = worlds.prevalence_posterior(people={"A": 200, "K": 60, "Z": 0}, few=("Z", 40))
    whole = cover(post)
    like = alike(post, whole, "ethnicity")
    assert list(like.values.shown["ethnicity"].to_numpy()) == list(like.crude.shown["ethnicity"].to_numpy()) == ["A"]
    crossed = alike(post, whole, ["ethnicity", "imd_decile"])
    np.testing.assert_array_equal(np.isnan(crossed.values.shown[0, 0]), np.isnan(crossed.crude.shown[0, 0]))
    everything = alike(post, cover(post, Rule(0, 1)), "area")
    np.testing.assert_allclose(everything.values.shown, adjusted(post, "area"))
    np.testing.assert_allclose(everything.crude.shown, expected(post, by="area"))
