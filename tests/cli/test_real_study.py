"""
The numbers of real studies on the site: one adjusted and one crude number, as the command line gives them.

A difference shows the line of docs/real_study.md as it should read. The demonstration's line on the front page is
held by test_demo.py.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from bayesineq.cli import main
from bayesineq.posterior.files import load
from bayesineq.report.tables.released import released_measures
from tests.browser import accessible, first_screen

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))
from read_page import Tables, same

STUDY = Path(__file__).resolve().parents[2] / "docs" / "real_study.md"
SAID = " ".join(STUDY.read_text(encoding="utf-8").split())
ROWS = {
    "imd_decile[1]": ("most deprived tenth, bad or very bad health", 100, 2, "%"),
    "imd_decile[10]": ("least deprived tenth", 100, 2, "%"),
    "difference": ("difference, least less most deprived, percentage points", 100, 2, ""),
    "ratio": ("ratio, least to most deprived", 1, 3, ""),
    "sii": ("slope index (SII), percentage points", 100, 2, ""),
    "rii": ("relative index (RII)", 1, 3, ""),
}


def run(*arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code


def write(value: float, places: int) -> str:
    return f"{value:.{places}f}".replace("-", "−")


def study(shared: Path, folder: Path, *within: object) -> pd.DataFrame:
    """The commands of docs/real_study.md, from the publishers' files to the measures."""
    data, areas = shared / "data", shared / "data/boundaries/lsoa21_england_simplified.parquet"
    census = {"general-health": "ts037", "ethnicity": "ts021", "age": "ts007a"}
    files = [w for name, t in census.items() for w in (f"--{name}", data / f"census2021/census2021-{t}-lsoa.csv.gz")]
    deprivation = data / "imd/File_1_IoD2025_Index_of_Multiple_Deprivation.xlsx"
    run("area-health", *files, "--deprivation", deprivation, *within, "--out", folder / "table.csv")
    given = ["--table", folder / "table.csv", "--areas", areas, "--only-table-areas", "--seed", 1, "--no-progress"]
    run("fit", "area_health", *given, "--out", folder / "fit.nc")
    run("measure", folder / "fit.nc", "--by", "imd_decile", "--csv", folder / "inequality.csv")
    written = pd.read_csv(folder / "inequality.csv").set_index("parameter")
    exact = released_measures(load(folder / "fit.nc"), "imd_decile")[0].set_index("parameter")
    # A csv has four significant digits; the page and reports round the numbers themselves.
    assert written["mean"].to_numpy() == pytest.approx(exact["mean"].to_numpy(), rel=5.001e-4)
    return exact


@pytest.mark.slow
def test_suffolk_has_one_adjusted_and_one_crude_number(shared: Path, tmp_path: Path, browser) -> None:
    lookup = shared / "data/lookups/lsoa21_sicbl24_icb24.parquet"
    measured = study(shared, tmp_path, "--lookup", lookup, "--within", "QJG")
    for parameter, (name, factor, places, sign) in ROWS.items():
        row = measured.loc[parameter]
        cells = [
            f"{write(row[f'{p}mean'] * factor, places)}{sign} ({write(row[f'{p}lower'] * factor, places)} to "
            f"{write(row[f'{p}upper'] * factor, places)})"
            for p in ("", "crude_")
        ]
        assert f"| {name} | {cells[0]} | {cells[1]} |" in SAID
    areas = shared / "data/boundaries/lsoa21_england_simplified.parquet"
    run("report", tmp_path / "fit.nc", "--areas", areas, "--only-fitted-areas", "--out", tmp_path / "page.html")
    seen = first_screen(browser, tmp_path / "page.html")
    assert re.search(r"most deprived tenth of areas .*: \d\.\d+ percentage points higher \(\d", seen)
    assert re.search(r"\d[\d,]+ (more|fewer) people", seen)
    accessible(browser, tmp_path / "page.html")
    page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    tables = Tables(page).found
    for row in tables["Bad or very bad health by deprivation decile"][1:]:
        csv = measured.loc[f"imd_decile[{row[0].split()[0]}]"]
        same(row[3], *(100 * csv[["mean", "lower", "upper"]]))
        same(row[4], *(100 * csv[["crude_mean", "crude_lower", "crude_upper"]]))
    given = "at the same share of residents aged 65 and over"
    rows = {row[0]: row for row in tables[f"Inequality in bad or very bad health {given} by deprivation decile"]}
    for name, key, factor in (("Slope index of inequality (SII)", "sii", 100), ("Difference: ", "difference", 100)):
        row = next(cells for start, cells in rows.items() if start.startswith(name))
        same(row[2], factor * measured.loc[key, "mean"])
        same(row[3], factor * measured.loc[key, "crude_mean"])
    said = re.search(rf"health {given} is lower in [^,]+, by ([\d.]+) .*?; crude: ([\d.]+) ", page)
    assert said is not None
    same(said[1], -100 * measured.loc["difference", "mean"])
    same(said[2], -100 * measured.loc["difference", "crude_mean"])


@pytest.mark.slow
def test_england_has_one_adjusted_and_one_crude_number(shared: Path, tmp_path: Path) -> None:
    measured = study(shared, tmp_path)
    held, crude = measured["mean"], measured["crude_mean"]
    points = [write(100 * values[key], 2) for key in ("difference", "sii") for values in (held, crude)]
    assert (
        f"the most deprived tenth has {1 / held['ratio']:.2f} times the bad or very bad health of the least deprived "
        f"adjusted, {1 / crude['ratio']:.2f} times crude: difference {points[0]} points adjusted, {points[1]} crude; "
        f"SII {points[2]} points adjusted, {points[3]} crude; RII {held['rii']:.3f} adjusted, {crude['rii']:.3f} crude"
    ) in SAID
