"""Multimorbidity from persons to the page: planted pairs and only they, published people, small counts, one message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.disclosure.persons import covered_persons
from bayesineq.errors import CardError, DesignError, SchemaError
from bayesineq.measures.pairs import mantel_haenszel
from bayesineq.report.page.multimorbidity import multimorbidity_section
from bayesineq.systems import (
    ConditionCounts,
    MultimorbidityCard,
    count_conditions,
    multimorbidity,
    pairs_of_table,
    read_system,
)

RUNNER = CliRunner()
PLANTED = {
    (15, 30): 2.1, (14, 28): 3.0, (13, 26): 5.0, (12, 24): 1.6, (11, 22): 5.4, (10, 20): 1.9, (9, 18): 2.5,
    (8, 16): 1.5, (5, 25): 5.7, (7, 21): 4.0, (3, 27): 2.2,
}  # fmt: skip
"""Numbers and a divisor of each, disjoint, so that no third condition joins two; odds ratios within ages."""


def world(seed: int, n: int) -> pd.DataFrame:
    """Thirty conditions of 2 to 12% of the young, commoner with age; divisors follow their multiples."""
    stream = np.random.default_rng(seed)
    age, base = stream.integers(0, 4, n), stream.uniform(0.02, 0.12, 31)
    has = np.zeros((n, 31), dtype=bool)
    of = {divisor: (number, odds) for (divisor, number), odds in PLANTED.items()}
    for k in range(30, 0, -1):
        odds = base[k] / (1 - base[k]) * np.array([1.0, 1.4, 2.0, 2.8])[age]
        if k in of:
            odds = odds * np.where(has[:, of[k][0]], of[k][1], 1.0)
        has[:, k] = stream.random(n) < odds / (1 + odds)
    people = pd.DataFrame({f"c{k:02d}": has[:, k] for k in range(1, 31)})
    bands = np.array(["20-39", "40-59", "60-79", "80+"])
    return people.assign(age_band=bands[age], sex="female", imd_quintile=stream.integers(1, 6, n), ethnicity="A")


def number(name: str) -> int:
    return int(name[1:])


@pytest.mark.slow
def test_planted_pairs_and_only_they_are_joined_among_200_000_people() -> None:
    card = read_system("multimorbidity")
    people = world(1, 200_000)
    pairs = multimorbidity(count_conditions(people, card), card, seed=1)["multimorbidity_pairs"]
    joined = pairs[pairs["joined"]]
    assert {(number(a), number(b)) for a, b in zip(joined["first"], joined["second"], strict=True)} == set(PLANTED)
    truth = [PLANTED.get((number(a), number(b)), 1.0) for a, b in zip(pairs["first"], pairs["second"], strict=True)]
    held = (pairs["lower"] <= truth) & (truth <= pairs["upper"])
    assert held.mean() > 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(pairs))
    assert held[np.array(truth) > 1].sum() >= 9
    assert (joined["risk_ratio"] < joined["odds_ratio"]).all()
    assert (joined["risk_lower"] > 1).all()


@pytest.mark.slow
def test_intervals_of_planted_pairs_cover_over_worlds() -> None:
    """20 worlds of 11 planted pairs: 95% give or take three standard errors."""
    card = MultimorbidityCard("planted", "", strata=("age_band",), conditions=tuple(
        f"c{k:02d}" for pair in PLANTED for k in pair), triads=0)  # fmt: skip
    held = []
    for seed in range(20):
        pairs = multimorbidity(count_conditions(world(seed, 10_000), card), card, seed=1)["multimorbidity_pairs"]
        for row in pairs.itertuples():
            truth = PLANTED.get(
                (min(number(row.first), number(row.second)), max(number(row.first), number(row.second)))
            )
            if truth is not None:
                held.append(row.lower <= truth <= row.upper)
    assert len(held) == 220
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 220)


def test_prevalence_by_ethnic_group_at_the_same_age_of_published_people(shared: Path) -> None:
    """
    Kuan et al. 2023 (CPRD, 3,872,451 people): denominators are those of the abstract to a person; type 2 diabetes,
    against everybody of another or no recorded group at the same ages: pooled as by Mantel and Haenszel, by hand.
    """
    folder = shared / "reference" / "pathway" / "kuan_308_conditions"
    counts = pd.read_csv(folder / "prevalence_308x_eth_sex_age.csv.gz", dtype={"age": str})
    people = pd.read_csv(folder / "denominators.csv", dtype={"age": str})
    whole = people[(people["sex"] == "whole") & (people["age"] == "all")].set_index("eth")["denominator"]
    assert whole.to_dict() == {"alleth": 3_872_451, "white": 2_666_234, "asian": 155_435, "black": 98_815}
    named = {"Type 2 Diabetes Mellitus": "diabetes", "Hypertension": "hypertension"}
    cells = counts[counts["Disease"].isin(named) & (counts["age"] != "all") & (counts["sex"] != "whole")]
    cells = cells.merge(people, on=["eth", "sex", "age"], validate="many_to_one").rename(columns={"count": "cases"})
    np.testing.assert_allclose(cells["cases"] / cells["denominator"] * 1e4, cells["rate_per_10k"], rtol=1e-12)
    key = ["Disease", "sex", "age"]
    every = cells[cells["eth"] == "alleth"].set_index(key)[["cases", "denominator"]]
    own = (
        cells[cells["eth"] != "alleth"]
        .join(every, on=key, suffixes=("", "_all"))
        .sort_values(["Disease", "eth", *key[1:]])
    )
    table = pd.DataFrame({
        "by": "ethnicity", "condition": own["Disease"].map(named), "level": own["eth"], "sex": own["sex"],
        "age_band": own["age"], "both": own["cases"], "with_first": own["denominator"],
        "with_second": own["cases_all"], "people": own["denominator_all"],
    })  # fmt: skip
    card = MultimorbidityCard("published", "", strata=("age_band", "sex"), by=("ethnicity",))
    found = multimorbidity(ConditionCounts(None, table), card, seed=1)["multimorbidity_groups"]
    found = found.set_index(["condition", "level"])
    for at, part in table.groupby(["condition", "level"]):
        pooled = mantel_haenszel(*(part[name].to_numpy() for name in ("both", "with_first", "with_second", "people")))
        assert found.loc[at, "risk_ratio"] == pytest.approx(pooled.risk_ratio[0], rel=0.02)
    assert found.loc[("diabetes", "asian"), "risk_lower"] > 2
    assert found.loc[("diabetes", "black"), "risk_lower"] > 1.5
    assert found.loc[("diabetes", "white"), "risk_ratio"] < found.loc[("diabetes", "black"), "risk_lower"]


def few_people() -> pd.DataFrame:
    """Gout of 5 people with asthma is a small count; diabetes follows obesity by days."""
    stream = np.random.default_rng(4)
    n = 3000
    obese = stream.random(n) < 0.3
    people = pd.DataFrame({"obesity": obese, "diabetes": stream.random(n) < np.where(obese, 0.4, 0.05)})
    people["asthma"], people["gout"] = np.arange(n) % 10 == 0, False
    people.loc[people.index[people["asthma"]][:5], "gout"] = True
    people.loc[people.index[~people["asthma"]][:60], "gout"] = True
    return people.assign(age_band="40-59", sex="female", imd_quintile=np.arange(n) % 5 + 1, ethnicity="A")


def test_the_commands_write_a_page_on_which_small_counts_are_gone(tmp_path: Path) -> None:
    table, out, page = tmp_path / "people.csv", tmp_path / "out", tmp_path / "page.html"
    few_people().to_csv(table, index=False)
    done = RUNNER.invoke(
        app, ["measure", "multimorbidity", "--table", str(table), "--out", str(out), "--seed", "1"],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0
    assert "Most of all obesity and diabetes" in done.output
    pairs = pd.read_csv(out / "multimorbidity_pairs.csv").set_index(["first", "second"])
    assert pairs.loc[("asthma", "gout"), ["both", "odds_ratio", "risk_ratio", "joined"]].isna().all()
    assert pairs.loc[("obesity", "diabetes"), "both"] % 5 == 0
    triads = pd.read_csv(out / "multimorbidity_triads.csv")
    assert not triads["all_three"].dropna().between(1, 7).any()
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "Which conditions come together" in text
    assert "<script" not in text
    assert "asthma / gout" in (tmp_path / "page.audit.csv").read_text()


def test_the_table_says_what_the_network_draws() -> None:
    card = read_system("multimorbidity")
    found = covered_persons(multimorbidity(count_conditions(few_people(), card), card, seed=1))
    section = multimorbidity_section(found)
    (chart,) = section.charts
    drawn = section.tables[0]
    assert [f"{a} and {b}" for a, b in zip(chart.table["first"], chart.table["second"], strict=True)] == [
        row[0] for row in drawn.rows
    ]
    assert "obesity" in chart.alt


def test_pairs_that_are_counted_already_give_the_same() -> None:
    card = read_system("multimorbidity")
    counts = count_conditions(few_people(), card)
    again = multimorbidity(ConditionCounts(counts.pairs.sample(frac=1.0, random_state=1)), card, seed=1)
    whole = multimorbidity(counts, card, seed=1)["multimorbidity_pairs"].set_index(["first", "second"])
    own = again["multimorbidity_pairs"].set_index(["first", "second"]).loc[whole.index]
    np.testing.assert_allclose(own["odds_ratio"], whole["odds_ratio"], rtol=0.1)
    assert set(again) == {"multimorbidity_conditions", "multimorbidity_pairs", "multimorbidity_about"}


def test_what_is_wrong_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="needs --table"):
        RUNNER.invoke(app, ["measure", "multimorbidity"], catch_exceptions=False)
    with pytest.raises(DesignError, match="--by: such options go with a posterior"):
        RUNNER.invoke(app, ["measure", "multimorbidity", "--by", "sex"], catch_exceptions=False)
    card = tmp_path / "mine.toml"
    card.write_text('name = "mine"\nkind = "multimorbidity"\nstratas = ["age"]\ntriads = "many"\n')
    with pytest.raises(CardError) as caught:
        read_system(card)
    for words in ("'stratas' is no entry", "'question' is missing", "triads = 'many': it is a whole number"):
        assert words in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SchemaError, match="holds no table of a system"):
        RUNNER.invoke(app, ["report", "--with", str(tmp_path / "empty"), "--out", str(tmp_path / "p.html")],
                      catch_exceptions=False)  # fmt: skip
    twice = pd.DataFrame([("a", "b", 5, 20, 10, 100)] * 2, columns=["first", "second", "both", "with_first",
                                                                    "with_second", "people"])  # fmt: skip
    with pytest.raises(SchemaError, match="stands twice"):
        pairs_of_table(twice, MultimorbidityCard("mine", ""))
