"""Costs from records to the page: sums by hand, next year, small counts, one message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.errors import CardError, SchemaError
from bayesineq.records import read_normal
from bayesineq.systems import CostsCard, costs

RUNNER = CliRunner()
CARD = CostsCard("test", "What?", first_day="2021-01-01", last_day="2021-12-31")
N = 400


def tables() -> dict[str, pd.DataFrame]:
    """
    400 people, half of each of two deciles; in decile 1 everybody, in decile 8 every second has a community contact (84
    pounds); the first 40 had dementia before, the next 20 within the year.
    """
    who = [f"p{k:03}" for k in range(N)]
    persons = pd.DataFrame({
        "person": who, "birth": "1950-01-01", "sex": "female", "imd_decile": np.where(np.arange(N) % 2, 1, 8),
        "registered_from": "2010-01-01",
    })  # fmt: skip
    events = pd.DataFrame({
        "person": who[:60], "date": ["2020-02-02"] * 40 + ["2021-03-03"] * 20, "system": "icd10", "code": "F03"
    })  # fmt: skip
    came = [name for k, name in enumerate(who) if k % 2 or k % 4 == 0]
    spells = pd.DataFrame({"person": came, "start": "2021-05-01", "end": "2021-05-01", "kind": "community",
                           "source": "csds"})  # fmt: skip
    return {"persons": persons, "events": events, "spells": spells}


def test_sums_and_means_are_those_by_hand() -> None:
    found = costs(read_normal(tables()), CARD)
    groups = found["costs_groups"].set_index(["segment", "imd_decile"])
    assert groups.loc[("all", "all"), ["people", "users", "cost"]].tolist() == [400, 300, 300 * 84.0]
    assert groups.loc[("all", "1"), "mean"] == 84.0
    assert groups.loc[("all", "1"), "mean_lower"] == 84.0
    # Half of 200 people cost 84: a standard error of the mean of 84 x .5 / sqrt(199).
    eight = groups.loc[("all", "8")]
    assert eight["mean_upper"] - eight["mean"] == pytest.approx(1.959964 * 42 / np.sqrt(199), rel=1e-6)
    assert eight["mean_user"] == 84.0
    parts = groups.drop("all", level="segment").drop("all", level="imd_decile")
    assert parts["cost"].sum() == 300 * 84.0


def test_next_year_begins_where_this_year_ends() -> None:
    """20 of 360 healthy people came to have dementia: next year begins with 60 of them, and a further 340 / 18 come."""
    ahead = costs(read_normal(tables()), CARD)["costs_next"].set_index("segment")
    assert ahead.loc["frailty_or_dementia", "people"] == 60
    assert ahead.loc["healthy", "people"] == 340
    assert ahead.loc["frailty_or_dementia", "next"] == pytest.approx(60 + 340 * 20 / 360, rel=0.02)
    assert ahead.loc["all", "cost"] == pytest.approx(300 * 84.0, rel=0.03)


def test_the_commands_make_a_page(tmp_path: Path) -> None:
    source, card, out, page = (tmp_path / name for name in ("records", "mine.toml", "out", "page.html"))
    source.mkdir()
    for name, table in tables().items():
        table.to_csv(source / f"{name}.csv", index=False)
    card.write_text('name = "c"\nquestion = "?"\nkind = "costs"\nfirst_day = "2021-01-01"\nlast_day = "2021-12-31"\n')
    done = RUNNER.invoke(app, ["measure", str(card), "--table", str(source), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Care of a year cost £25,200 in all, £63 (59 to 67) a person." in done.output.replace("\n", " ")
    assert RUNNER.invoke(app, ["report", "--with", str(out), "--out", str(page)]).exit_code == 0
    text = page.read_text(encoding="utf-8")
    for words in ("Costs of a year by deprivation", "Demand next year", "1 (most deprived)"):
        assert words in text


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(CardError, match="'April' is no day; write it as 2025-04-01"):
        CostsCard("c", "", first_day="April", last_day="2026-03-31")
    early = CostsCard("c", "", first_day="1901-01-01", last_day="1901-12-31")
    with pytest.raises(SchemaError, match="nobody is in the records on 1901-01-01"):
        costs(read_normal(tables()), early)
