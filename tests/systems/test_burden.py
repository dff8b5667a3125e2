"""Burden from counts or a posterior to the page: by hand, simulated worlds, the study's layout, one message."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesineq as bi
from bayesineq.cli import app
from bayesineq.errors import CardError, SchemaError
from bayesineq.measures import from_burden_layout
from bayesineq.model.read_card import parse_card
from bayesineq.systems import BurdenCard, burden, read_weights

RUNNER = CliRunner()
BANDS = ["40-64", "65-84", "85+"]
CARD = BurdenCard("test", "Who?", by=("imd_quintile",), draws=200)


def counts(seed: int = 1) -> pd.DataFrame:
    """Two causes by quintile and age; deaths and cases half as many again in the most deprived fifth."""
    rows = product(range(1, 6), BANDS, ["type_2_diabetes", "heart_failure"])
    table = pd.DataFrame(rows, columns=["imd_quintile", "age_band", "cause"])
    table["population"] = table["age_band"].map(dict(zip(BANDS, (8000, 4000, 900), strict=True)))
    stream, more = np.random.default_rng(seed), 1.6 - 0.1 * table["imd_quintile"]
    return table.assign(
        deaths=stream.binomial(table["population"], 0.004 * more),
        cases=stream.binomial(table["population"], 0.08 * more),
    )


def test_a_worked_example_by_hand() -> None:
    """
    Women: 4 deaths at 40-84, in the middle (62.5) of the table's 34.91... to 25.68..., and 6 at 87.5; 200 and 40 cases
    at .049. Rates at the standard's 40,500 people of 40 to 84 per 2,500 of 85 and over.
    """
    table = pd.DataFrame({
        "sex": "F", "age_band": ["40-84", "85+"], "cause": "diabetes", "deaths": [4, 6], "cases": [200, 40],
        "population": [5000, 400],
    })  # fmt: skip
    row = burden(table, BurdenCard("hand", "", by=("sex",), draws=50))["burden_groups"].iloc[1]
    at_62, at_87 = (30.25343822 + 25.68089534) / 2, (9.990181244 + 7.617724915) / 2
    assert row["yll"] == pytest.approx(4 * at_62 + 6 * at_87, abs=1e-9)
    assert row["yld"] == pytest.approx(240 * 0.049, abs=1e-9)
    assert row["daly"] == pytest.approx(4 * at_62 + 6 * at_87 + 240 * 0.049, abs=1e-9)
    standard = bi.posterior.european_standard(["40-84", "85+"]).to_numpy()
    rates = np.array([4 * at_62 / 5000, 6 * at_87 / 400])
    assert row["yll_rate"] == pytest.approx(1e5 * standard @ rates / standard.sum(), abs=1e-6)


def test_two_conditions_at_once_weigh_less_than_each_alone() -> None:
    """Of independent conditions at .049 the average weight of all people is 1 - (1 - .049 p)(1 - .049 q)."""
    both = burden(counts(), CARD)["burden_groups"].query("by == 'everyone' and cause == 'all causes'")["yld"].item()
    alone = burden(counts(), BurdenCard("t", "", by=("imd_quintile",), comorbidity=False, draws=2))["burden_groups"]
    pooled = counts().groupby(["cause", "age_band"])[["cases", "population"]].sum()
    one, other = pooled.loc["heart_failure"], pooled.loc["type_2_diabetes"]
    p, q = one["cases"] / one["population"], other["cases"] / other["population"]
    by_hand = ((1 - (1 - 0.049 * p) * (1 - 0.049 * q)) * one["population"]).sum()
    # Everyone is one group of each age band: prevalences are averaged over the fifths before they are combined.
    assert both == pytest.approx(by_hand, rel=1e-9)
    assert both < alone.query("by == 'everyone' and cause == 'all causes'")["yld"].item()


def test_intervals_hold_the_years_of_a_simulated_world() -> None:
    """Deaths at known rates, 150 times: 95% intervals of years lost hold the true number 91 to 99% of the time."""
    table = counts()
    rate = table["deaths"] / table["population"]
    true = burden(table, CARD)["burden_groups"].set_index(["by", "level", "cause"])["yll"]
    held = []
    for seed in range(150):
        drawn = np.random.default_rng(seed).binomial(table["population"], rate)
        found = burden(table.assign(deaths=drawn), CARD, seed=seed)["burden_groups"].set_index(["by", "level", "cause"])
        held.append(((found["yll_lower"] <= true) & (true <= found["yll_upper"])).to_numpy())
    assert 0.91 <= np.mean(held) <= 0.99


def test_what_is_due_to_a_risk_is_levins_share(tmp_path: Path) -> None:
    """A quarter smokes at a relative risk of 3: .25 x 2 / (1 + .25 x 2) = 1/3 of every age's years and deaths."""
    risks = tmp_path / "risks.csv"
    risks.write_text("risk,cause,relative_risk,lower,upper\nsmoking,heart_failure,3.0,2.5,3.6\n")
    table = counts()
    card = BurdenCard("t", "", by=("imd_quintile",), risks=("smoking",), relative_risks=str(risks), draws=200)
    found = burden(table.assign(smoking=table["population"] // 4), card)["burden_risks"]
    found = found[found["by"] == "everyone"].set_index("cause")
    assert found.loc["heart_failure", "fraction"] == pytest.approx(1 / 3, abs=1e-9)
    deaths = table.loc[table["cause"] == "heart_failure", "deaths"].sum()
    assert found.loc["heart_failure", "deaths_due"] == pytest.approx(deaths / 3, abs=1e-9)
    assert found.loc["type_2_diabetes", "fraction"] == 0
    # Ends of the relative risk: .375 of those to .3939 of the others.
    assert found.loc["heart_failure", "fraction_lower"] == pytest.approx(0.25 * 1.5 / 1.375, abs=0.02)
    assert found.loc["heart_failure", "fraction_upper"] == pytest.approx(0.25 * 2.6 / 1.65, abs=0.02)


def test_a_posterior_gives_what_its_table_gives(tmp_path: Path) -> None:
    """Prevalence of one condition, fitted with flat priors: the same years within two in a hundred."""
    table = counts()
    own = table[table["cause"] == "type_2_diabetes"].drop(columns=["cause", "deaths"])
    flat = 'cell = { dist = "Normal", mean = 0, sd = 100 }'
    card = parse_card(
        'name = "p"\nquestion = "?"\ntable = "outcome_counts"\n[outcome]\ncount = "cases"\nat_risk = "population"\n'
        'likelihood = "binomial"\n[terms]\ncell = { kind = "fixed", by = ["imd_quintile", "age_band"], '
        f'reference = [1, "40-64"] }}\n[priors]\n{flat}\n'
    )
    post = bi.fit(bi.design(own, card), draws=500, seed=1, progress=False)
    weights = tmp_path / "weights.toml"
    weights.write_text('[[state]]\nname = "cases"\nweight = [0.049, 0.031, 0.072]\n')
    asked = BurdenCard("t", "", cases=("cases",), by=("imd_quintile",), weights=str(weights))
    found = burden(post, asked)["burden_groups"]
    counted = burden(own.assign(cause="type_2_diabetes"), CARD)["burden_groups"]
    np.testing.assert_allclose(found["yld"], counted["yld"], rtol=0.02)
    np.testing.assert_allclose(found["yld_lower"], counted["yld_lower"], rtol=0.1)


def test_the_commands_make_a_page_and_the_layout_of_the_study(tmp_path: Path) -> None:
    table, out, page = tmp_path / "counts.csv", tmp_path / "out", tmp_path / "page.html"
    made = counts().assign(ethnicity="A")
    rare = made.assign(ethnicity="R", population=100, deaths=np.arange(len(made)) % 2, cases=12)
    pd.concat([made, rare]).to_csv(table, index=False)
    done = RUNNER.invoke(
        app, ["measure", "burden", "--table", str(table), "--out", str(out), "--seed", "1"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "the most deprived fifth lose" in done.output
    groups = pd.read_csv(out / "burden_groups.csv")
    shown = groups[["deaths", "cases"]].to_numpy()
    assert not ((shown >= 1) & (shown <= 7)).any()
    back = from_burden_layout(pd.read_csv(out / "burden_gbd.csv"), measure="daly", metric="Rate")
    want = groups[groups["daly_rate"].notna()].set_index(["by", "level", "cause"])["daly_rate"]
    np.testing.assert_allclose(sorted(back["value"]), sorted(want), rtol=1e-9)
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    text = page.read_text(encoding="utf-8")
    for words in ("Years of healthy life that are lost", "Reference life table of the Global Burden of Disease study",
                  "by ethnic group", "weights combine within a person"):  # fmt: skip
        assert words in text


def test_a_small_number_of_deaths_is_in_no_sum_either() -> None:
    """Five deaths of one cause in one fifth: another cause of that fifth, and that cause of another, go with it."""
    from bayesineq.disclosure.persons import covered_persons

    table = counts()
    few = (table["imd_quintile"] == 5) & (table["cause"] == "heart_failure")
    table.loc[few, "deaths"] = [1, 2, 2]
    shown = covered_persons(burden(table, CARD)).shown["burden_groups"]
    part = shown[shown["by"] == "imd_quintile"].set_index(["level", "cause"])["daly"].isna()
    assert part.loc[("5", "heart_failure")]
    assert part.xs("heart_failure", level="cause").sum() >= 2
    assert part.xs("5", level="level").sum() >= 2


def test_what_is_wrong_is_one_message(tmp_path: Path) -> None:
    table = counts()
    with pytest.raises(SchemaError) as caught:
        burden(table.assign(deaths=-1, cases=10**6), CARD)
    assert "'deaths': 30 numbers are negative or missing" in str(caught.value)
    assert "'cases': 30 are above the population" in str(caught.value)
    with pytest.raises(SchemaError, match=r"1 strata have no row, such as \[\('1', '40-64', 'heart_failure'\)\]"):
        burden(table.drop(index=1), CARD)
    with pytest.raises(SchemaError, match="a table without cases has no burden"):
        burden(table.assign(deaths=0, cases=0), CARD)
    with pytest.raises(SchemaError, match="differs between causes"):
        burden(table.assign(population=table["population"] + (table.index == 0)), CARD)
    young = table.replace({"age_band": {"65-84": "65+"}}).query("age_band != '85+'")
    with pytest.raises(SchemaError, match=r"the open age band 65\+ begins before 75"):
        burden(young, CARD)
    with pytest.raises(CardError, match="no disability weight of gout"):
        burden(table.replace({"heart_failure": "gout"}), CARD)
    heavy = tmp_path / "heavy.toml"
    heavy.write_text('[[state]]\nname = "a"\nweight = [1.2, 1.0, 1.3]\n[[state]]\nname = "b"\nweight = 0.1\n')
    with pytest.raises(CardError) as wrong:
        read_weights(heavy)
    assert "a: [1.2, 1.0, 1.3]; a disability weight lies from 0 to 1" in str(wrong.value)
    assert "state 2 needs a name" in str(wrong.value)
