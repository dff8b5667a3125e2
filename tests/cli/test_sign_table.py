"""The sign table: a good or bad outcome, a plan that raises or lowers it, told by command line, report and Python."""

from __future__ import annotations

import sys
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.decisions.plans import PlanOptions, compare_plans
from bayesineq.decisions.read_plans import read_plans
from bayesineq.decisions.released import released_detail
from bayesineq.design.matrix import design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.report.page.plans import plan_sections
from bayesineq.report.page.write import write_report

PEOPLE, AREAS, DRAWS = 1000, 20, 200
COST, UPTAKE, QALY, SAVING, THRESHOLD, BUDGET = 10.0, 0.5, 0.3, 100.0, 20_000.0, 30_000.0
NAMES = {"worse": "admissions", "better": "checks done"}
COUNTED = {"worse": "events averted", "better": "events gained"}
CARD = """
name = "signs"
question = "Does a plan help?"
table = "area_counts"
[outcome]
name = "{name}"
count = "events"
at_risk = "people"
likelihood = "binomial"
more_is = "{more_is}"
[terms]
deprivation = {{ kind = "exchangeable", by = "imd_decile" }}
place = {{ kind = "exchangeable", by = "area" }}
"""
PLAN = """
[[intervention]]
name = "call centre"
source = "made up for the test"
cost = {cost}
uptake = {uptake}
qaly_per_event = {qaly}
saving_per_event = {saving}
effect = {{ measure = "risk ratio", value = {ratio} }}
"""
RATIOS = {"raises": 1.2, "lowers": 0.8}
CELLS = [(more_is, does) for more_is in NAMES for does in RATIOS]


def risk() -> np.ndarray:
    """Twenty areas at 20% to 39%, two a decile: least deprived highest."""
    return np.linspace(0.20, 0.39, AREAS)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Everything that is said of one outcome and plan, in three places, made once."""
    made: dict[tuple[str, str], SimpleNamespace] = {}

    def tell(more_is: str, does: str) -> SimpleNamespace:
        if (more_is, does) in made:
            return made[more_is, does]
        folder = tmp_path_factory.mktemp("signs")
        codes = [f"E010{k:05d}" for k in range(AREAS)]
        rows = pd.DataFrame({"area": codes, "imd_decile": np.arange(AREAS) // 2 + 1, "people": PEOPLE})
        rows["events"] = np.round(risk() * PEOPLE).astype(int)
        study = design(rows, parse_card(CARD.format(name=NAMES[more_is], more_is=more_is)))
        logit = np.log(risk() / (1 - risk()))
        values = {
            "intercept": np.zeros((1, DRAWS)),
            "deprivation": np.zeros((1, DRAWS, 10)),
            "place": np.broadcast_to(logit, (1, DRAWS, AREAS)).copy(),
            "deprivation.sigma": np.ones((1, DRAWS)),
            "place.sigma": np.ones((1, DRAWS)),
        }
        posterior = posterior_tree(study, values, engine="laplace", seed=1)
        bi.save(posterior, folder / "posterior.nc")
        plan = PLAN.format(cost=COST, uptake=UPTAKE, qaly=QALY, saving=SAVING, ratio=RATIOS[does])
        (folder / "plans.toml").write_text(plan)
        squares = [box(k % 5, k // 5, k % 5 + 1, k // 5 + 1) for k in range(AREAS)]
        areas = gpd.GeoDataFrame({"area": codes}, geometry=squares, crs="EPSG:27700")
        baseline, _ = released_detail(posterior, ["area"])
        compared = compare_plans(
            read_plans(folder / "plans.toml"),
            baseline,
            budget=BUDGET,
            threshold=THRESHOLD,
            seed=1,
            options=PlanOptions(decide_by=["area"]),
        )
        write_report(posterior, areas, folder / "report.html", further=plan_sections(compared, areas=areas))
        made[more_is, does] = SimpleNamespace(folder=folder, compared=compared)
        return made[more_is, does]

    return tell


def printed(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    stated = ["--posterior", folder / "posterior.nc", "--budget", BUDGET, "--threshold", THRESHOLD, "--seed", 1]
    arguments = ["bayesineq", "compare", folder / "plans.toml", *stated, "--out", folder / "compared"]
    monkeypatch.setattr(sys, "argv", [str(part) for part in arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("where", ["command line", "report", "Python"])
@pytest.mark.parametrize(("more_is", "does"), CELLS)
def test_the_sign_table(told, more_is, does, where, monkeypatch, capsys) -> None:
    seen = told(more_is, does)
    helps = (more_is == "better") == (does == "raises")
    # by hand: people x uptake x risk x (ratio - 1) events more, which is a benefit if more is better
    more = PEOPLE * UPTAKE * risk().sum() * (RATIOS[does] - 1)
    benefit = more if more_is == "better" else -more
    worth = THRESHOLD * QALY * benefit - (PEOPLE * AREAS * UPTAKE * COST - SAVING * benefit)
    before = PEOPLE * risk().sum()
    if where == "Python":
        text = " ".join(seen.compared.words)
    elif where == "report":
        text = unescape((seen.folder / "report.html").read_text(encoding="utf-8"))
    else:
        text = printed(seen.folder, monkeypatch, capsys)

    def number(value: float, places: int = 1) -> str:
        return f"{value:,.{places}f}".replace("-", "\N{MINUS SIGN}")

    for part in (
        f"For {NAMES[more_is]}, {'higher' if more_is == 'better' else 'lower'} is better",
        "call centre, for everyone eligible, against no intervention",
        f"{NAMES[more_is]}, {number(before + more)} with it and {number(before)} without",
        f"difference {number(more)}, ratio {number(1 + more / before, 3)}",
        f"that is {number(benefit)} ({number(benefit)} to {number(benefit)}) {COUNTED[more_is]}",
        f"a benefit of {number(QALY * benefit)}",
        "people are better off" if helps else "people are worse off in more than 99% of draws: this plan does harm",
        f"call centre has the highest expected net benefit: {number(worth, 0)} pounds against no intervention"
        if helps
        else "no intervention is the best option, in more than 99% of draws",
        "treats 3,000 people for 30,000 pounds" if helps else "treats nobody",
    ):
        assert part in text, part
    contrary = (
        ["this plan does harm", "treats nobody"] if helps else ["people are better off in", "call centre has the"]
    )
    assert not [part for part in contrary if part in text]
    assert COUNTED["better" if more_is == "worse" else "worse"] not in text


@pytest.mark.parametrize(("more_is", "does"), CELLS)
def test_tables_and_files_have_the_same_sign_as_the_words(told, more_is, does, monkeypatch, capsys) -> None:
    seen = told(more_is, does)
    if not (seen.folder / "compared").exists():
        printed(seen.folder, monkeypatch, capsys)
    more = PEOPLE * UPTAKE * risk().sum() * (RATIOS[does] - 1)
    benefit = more if more_is == "better" else -more
    worth = THRESHOLD * QALY * benefit - (PEOPLE * AREAS * UPTAKE * COST - SAVING * benefit)
    for tables in (
        seen.compared.tables,
        {name: pd.read_csv(seen.folder / "compared" / f"{name}.csv") for name in ("events", "options", "cases")},
    ):
        events = tables["events"].iloc[0]
        assert events["difference"] == pytest.approx(more)
        assert events["events"] == pytest.approx(benefit)
        assert (events["more_is"], events["counted"]) == (more_is, COUNTED[more_is])
        assert events["p_better"] == float(benefit > 0)
        options = tables["options"].set_index("intervention")
        assert options.loc["call centre", "benefit"] == pytest.approx(QALY * benefit)
        assert options.loc["call centre", "net_benefit"] == pytest.approx(worth)
        assert options.loc["call centre", "p_best"] == float(worth > 0)
        assert options.loc["no intervention", "p_best"] == float(worth < 0)
        assert set(tables["cases"]["best"]) == {"call centre" if worth > 0 else "no intervention"}
    tables = seen.compared.tables
    served = tables["allocation"]["area"].tolist()
    if benefit < 0:
        assert not served
        assert tables["areas"]["mean"].eq(0).all()
        assert tables["shares_imd_quintile"]["benefit_share"].isna().all()
        return
    # a ratio does most where the risk is highest: the least deprived six areas of 500 places
    assert served == [f"E010{k:05d}" for k in range(14, 20)]
    need = tables["shares_imd_quintile"]["need_share"].to_numpy()
    lack = (risk() if more_is == "worse" else 1 - risk()).reshape(5, 4).sum(axis=1)
    np.testing.assert_allclose(need, lack / lack.sum())
    rules = tables["rules"]["rule"].tolist()
    assert ("by risk" in rules) == (more_is == "worse")
    assert ("by need (least checks done first)" in rules) == (more_is == "better")
    slope = tables["slope"].set_index("when")
    assert slope.loc["before", "mean"] > 0
    # what is bad falls, what is good rises, most where it is highest
    assert (slope.loc["change", "mean"] > 0) == (more_is == "better")
    words = " ".join(seen.compared.words)
    assert ("this inequality rises" in words) == (more_is == "better")
    assert f"the {'least' if more_is == 'worse' else 'most'} deprived fare worse" in words
