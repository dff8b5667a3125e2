"""People without a record: planted gaps, by hand, what a list for testing does, the page, one message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesineq as bi
from bayesineq import example
from bayesineq.cli import app
from bayesineq.errors import CardError, SchemaError
from bayesineq.systems import UndiagnosedCard, offers_by_group, rank_for_testing, undiagnosed, unrecorded_chance

RUNNER = CliRunner()
EXCESS = {"asian": 1.5, "black": 1.2, "white": 1.0}
TRUE = pd.DataFrame({"ethnicity": list(EXCESS), "estimate": [0.16, 0.16, 0.11]})
TRUE = TRUE.assign(lower=TRUE["estimate"] - 0.005, upper=TRUE["estimate"] + 0.005)
CARD = UndiagnosedCard("d", "Who?", estimate="", source="a survey", by=("ethnicity", "imd_decile"),
                       cells=("ethnicity", "imd_decile"))  # fmt: skip


def persons(n: int = 4000) -> pd.DataFrame:
    stream = np.random.default_rng(1)
    table = pd.DataFrame({"ethnicity": stream.choice(list(EXCESS), n), "imd_decile": stream.integers(1, 11, n)})
    return table.assign(recorded=(stream.random(n) < 0.1).astype(int))


def test_groups_hold_the_planted_gap() -> None:
    """Recorded .129, .106 and .089 in the made-up place; true .16, .16 and .11: people are the difference."""
    found = undiagnosed(example().post, TRUE, CARD)["undiagnosed_groups"].set_index(["by", "level"])
    counts = example().table.groupby("ethnicity")[["cases", "population"]].sum()
    for row in TRUE.itertuples():
        own = found.loc[("ethnicity", row.ethnicity)]
        missing = row.estimate * counts.loc[row.ethnicity, "population"] - counts.loc[row.ethnicity, "cases"]
        assert own["undiagnosed_lower"] < missing < own["undiagnosed_upper"]
        assert own["expected"] == pytest.approx(row.estimate * counts.loc[row.ethnicity, "population"], rel=0.01)
        assert own["diagnosed_share"] == pytest.approx(own["recorded"] / own["expected"], rel=0.01)
    by_decile = found.loc["imd_decile"]["undiagnosed"].sum()
    assert by_decile == pytest.approx(found.loc["ethnicity"]["undiagnosed"].sum(), rel=0.01)


def test_a_chance_is_what_is_not_recorded_of_those_without_a_record() -> None:
    """(t - r) / (1 - r) in each cell; a score of twice the cell's mean is twice the chance."""
    people = persons()
    chance = unrecorded_chance(example().post, TRUE, CARD, people)
    rest = people[people["recorded"] == 0].reset_index(drop=True)
    assert chance.shape[1] == len(rest)
    recorded = bi.expected(example().post, by=["ethnicity", "imd_decile"]).mean(("chain", "draw"))
    r = float(recorded.sel(ethnicity="black", imd_decile=10))
    at = (rest["ethnicity"] == "black") & (rest["imd_decile"] == 10)
    assert chance[:, at].mean() == pytest.approx((0.16 - r) / (1 - r), rel=0.02)
    scored = people.assign(score=np.where(np.arange(len(people)) % 2, 1.0, 3.0))
    card = UndiagnosedCard("d", "", estimate="", by=CARD.by, cells=CARD.cells, score="score")
    own = unrecorded_chance(example().post, TRUE, card, scored).mean(axis=0)
    high = (scored.loc[scored["recorded"] == 0, "score"] == 3.0).to_numpy()
    assert own[at & high].mean() / own[at & ~high].mean() == pytest.approx(3.0, rel=1e-6)
    assert own[at].mean() == pytest.approx(chance[:, at].mean(), rel=0.01)


def test_the_list_offers_tests_where_the_gap_is_and_says_who_gains() -> None:
    found = undiagnosed(example().post, TRUE, CARD, persons())["undiagnosed_tests"].set_index(["by", "level"])
    groups = found.loc["ethnicity"]
    assert groups["share_of_tests"].sum() == pytest.approx(1)
    assert groups["share_of_need"].sum() == pytest.approx(1)
    assert groups["share_of_finds"].sum() == pytest.approx(1)
    # Black people have the widest gap between what is true and what is recorded.
    assert groups["share_of_tests"].idxmax() == "black"
    assert (found["reached"].dropna() <= 1 + 1e-9).all()
    chance = np.array([[0.4, 0.1, 0.2, 0.1]])
    assert rank_for_testing(chance[0]).tolist()[0] == 1
    by_hand = offers_by_group(pd.DataFrame({"g": list("aabb")}), chance, np.array([True, False, True, False]))
    assert by_hand["finds"].tolist() == pytest.approx([0.4, 0.2])


def test_the_commands_make_a_page(tmp_path: Path) -> None:
    fit, card, out, page = (tmp_path / name for name in ("fit.nc", "mine.toml", "out", "page.html"))
    bi.save(example().post, fit)
    TRUE.to_csv(tmp_path / "true.csv", index=False)
    persons().to_csv(tmp_path / "persons.csv", index=False)
    card.write_text(
        f'name = "d"\nquestion = "?"\nkind = "undiagnosed"\nestimate = "{(tmp_path / "true.csv").as_posix()}"\n'
        f'source = "a survey"\nby = ["ethnicity", "imd_decile"]\npersons = "{(tmp_path / "persons.csv").as_posix()}"\n'
        'cells = ["ethnicity", "imd_decile"]\ntests = 0.1\n'
    )
    done = RUNNER.invoke(app, ["measure", str(card), "--table", str(fit), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "the smallest share of those who have it is recorded in" in done.output
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    assert "What the list for testing does, by ethnic group" in page.read_text(encoding="utf-8")
    tests = pd.read_csv(out / "undiagnosed_tests.csv")
    offered = tests["offered"].dropna().to_numpy()
    assert not ((offered >= 1) & (offered <= 7)).any()
    listed = RUNNER.invoke(app, ["cards"])
    assert "burden, costs, effect, multimorbidity, risk, undiagnosed" in listed.output
    assert 'kind      = "undiagnosed"' in RUNNER.invoke(app, ["cards", "undiagnosed"]).output


def test_what_is_wrong_is_one_message() -> None:
    with pytest.raises(SchemaError, match=r"no columns \['imd_decile', 'recorded'\]"):
        unrecorded_chance(example().post, TRUE, UndiagnosedCard("d", "", estimate="", by=CARD.by, cells=("ethnicity",)),
                          persons()[["ethnicity"]])  # fmt: skip
    with pytest.raises(SchemaError, match=r"not in the posterior, such as \[\['green', "):
        unrecorded_chance(example().post, TRUE, CARD, persons().replace("asian", "green"))
    with pytest.raises(SchemaError, match="1 in every row: nobody is left to test"):
        unrecorded_chance(example().post, TRUE, CARD, persons().assign(recorded=1))
    with pytest.raises(CardError, match="a share above 0"):
        UndiagnosedCard("d", "", estimate="", tests=0.0)
