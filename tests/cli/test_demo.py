"""The demonstration: with the plans and the files to compare them again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from bayesineq.cli import main
from tests.browser import accessible, first_screen


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


@pytest.mark.slow
def test_the_demonstration_compares_three_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, browser
) -> None:
    run(monkeypatch, "demo", "--out", tmp_path)
    said = first_screen(browser, tmp_path / "report.html")
    assert re.search(r"most deprived tenth of areas .*: \d\.\d+ percentage points higher \(\d", said)
    assert re.search(r"\d[\d,]+ (more|fewer) people", said)
    accessible(browser, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for heading in ("Which plan is worth most", "Who gets what within the budget", "Who gains: equity of the plans"):
        assert heading in page
    for said in ("at £20,000 for one QALY", "aversion 3.5 (Atkinson)", "10.1007/s12020-016-1168-2", "Places to need"):
        assert said in page
    # The planted pathway and trend: more are ill and fewer are checked where it is deprived; the gap narrows.
    for said in ("Where along the way: people not reached", "Where prevalence is higher, the share reached is lower",
                 "Over the years", "The gap narrowed"):  # fmt: skip
        assert said in page
    # Whoever sees one page, figure or table of it sees that it is simulated, of what, where and when.
    title = re.search("<h1>(.*?)</h1>", page)
    assert title is not None
    for part in ("demonstration", "diabetes", "simulated integrated care system", "2026"):
        assert part in title.group(1)
    captions = re.findall("<figcaption>(.*?)</figcaption>", page, flags=re.S)
    assert captions
    assert all("simulated" in caption and "2026" in caption for caption in captions)
    measured = pd.read_csv(tmp_path / "prevalence_by_ethnicity.csv")
    assert measured["outcome"].eq("diabetes prevalence (simulated)").all()
    assert "Everything in this folder is simulated" in (tmp_path / "about.txt").read_text(encoding="utf-8")
    assert "simulated" in (tmp_path / "compared" / "words.txt").read_text(encoding="utf-8").splitlines()[0]
    capsys.readouterr()

    # the front page, the tables beside the report and the report have one adjusted and one crude number
    measured = pd.read_csv(tmp_path / "prevalence_by_imd_decile.csv").set_index("parameter")
    held, crude = (measured.loc["difference", name] for name in ("mean", "crude_mean"))
    readme = " ".join((Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"is {-100 * held:.2f} percentage points lower in the least deprived tenth of areas than in the most deprived "
        f"adjusted for age and sex, {-100 * crude:.2f} crude"
    ) in readme
    assert re.search(rf", by {-100 * held:.2f} percentage points \([^)]*; crude: {-100 * crude:.2f} ", page)

    # the files beside it are all that the command needs, and it says the same
    again = tmp_path / "again"
    run(
        monkeypatch, "compare", tmp_path / "plans.toml", "--posterior", tmp_path / "outcomes.nc", "--budget", 450_000,
        "--out", again, "--top", 0.2, "--seed", 1,
    )  # fmt: skip
    assert "structured education has the highest expected net benefit" in capsys.readouterr().out
    for name in ("options", "allocation", "shares_imd_quintile", "shares_ethnicity", "slope", "areas"):
        first, second = (pd.read_csv(folder / f"{name}.csv") for folder in (tmp_path / "compared", again))
        pd.testing.assert_frame_equal(first, second)
    shares = pd.read_csv(again / "shares_ethnicity.csv")
    shown = shares["treated"].dropna()
    assert ((shown == 0) | (shown > 7)).all()
    assert (shown % 5 == 0).all()
