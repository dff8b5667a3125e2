"""The shipped card with a latent column, from table to report. Oracle: the planted prevalence of each true group."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import GROUPS, UNKNOWN, World, broad_confusion, world

from bayesineq.cli import main
from bayesineq.errors import DesignError, SchemaError
from bayesineq.inference.mixture.study import fit_recorded
from bayesineq.model.read_card import read_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import load
from bayesineq.posterior.imputation import due_to_imputation
from bayesineq.records.ethnicity.confusion import confusion_of
from bayesineq.report.page.content import gather
from bayesineq.report.page.write import render
from bayesineq.space.adjacency import from_edges
from bayesineq.tables.check import check

BANDS = {"16-44": "30-39", "45-64": "40-49", "65+": "70-79"}
DELTA = {"asian": 0.5, "black": 0.7, "mixed": 0.4, "other": 0.9}


@pytest.fixture(scope="module")
def here() -> World:
    return world(5, n=30_000)


@pytest.fixture(scope="module")
def table(here: World) -> pd.DataFrame:
    code = {area: f"E01{k:06d}" for k, area in enumerate(sorted(here.people["area"].unique()))}
    people = here.people.assign(
        area=here.people["area"].map(code), age_band=here.people["age_band"].map(BANDS), sex="female",
        recorded=here.people["linked"],
    )  # fmt: skip
    keys = ["area", "imd_decile", "recorded", "age_band", "sex"]
    return people.groupby(keys).agg(cases=("case", "sum"), population=("case", "size")).reset_index()


@pytest.fixture(scope="module")
def margin(here: World) -> pd.DataFrame:
    code = {area: f"E01{k:06d}" for k, area in enumerate(sorted(here.people["area"].unique()))}
    return here.margin.assign(area=here.margin["area"].map(code), age_band=here.margin["age_band"].map(BANDS))


def edges(table: pd.DataFrame) -> pd.DataFrame:
    codes = sorted(table["area"].unique())
    return pd.DataFrame({"one": codes[:-1], "other": codes[1:]})


def test_the_shipped_card_says_what_it_reads() -> None:
    card = read_card("latent_ethnicity")
    assert dict(card.latent) == {"ethnicity": "recorded"}
    assert "recorded" in card.columns
    assert "ethnicity" not in card.columns
    assert "ethnicity" in card.dims


def test_confusion_is_of_the_groups_of_the_study() -> None:
    np.testing.assert_allclose(confusion_of(GROUPS).loc[GROUPS, GROUPS], broad_confusion())
    assert len(confusion_of("ABCDEFGHJKLMNPRS")) == 16
    with pytest.raises(SchemaError, match="neither the NHS categories"):
        confusion_of(["asian", "black"])


def test_a_card_without_a_latent_column_is_refused(table: pd.DataFrame, margin: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="no latent column"):
        fit_recorded(table, read_card("prevalence"), margin, broad_confusion())


@pytest.mark.slow
def test_from_recorded_counts_to_a_report_that_says_what_ethnicity_costs(
    here: World, table: pd.DataFrame, margin: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.to_csv(tmp_path / "counts.csv", index=False)
    margin.to_csv(tmp_path / "census.csv", index=False)
    edges(table).to_csv(tmp_path / "edges.csv", index=False)
    given = [f"--delta={group}={size}" for group, size in DELTA.items()]
    command = ["fit", "latent_ethnicity", "--table", tmp_path / "counts.csv", "--margin", tmp_path / "census.csv",
               "--adjacency", tmp_path / "edges.csv", "--imputations", 6, "--draws", 600, "--seed", 1, *given,
               "--out", tmp_path / "fit.nc"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    post = load(tmp_path / "fit.nc")
    rate = expected(post, by="ethnicity").sel(ethnicity=GROUPS)
    truth = here.prevalence[GROUPS].to_numpy()
    mean, sd = rate.mean(("chain", "draw")).to_numpy(), rate.std(("chain", "draw")).to_numpy()
    # Five groups, each within three and a half standard deviations.
    assert (np.abs(mean - truth) < 3.5 * sd).all()
    share = due_to_imputation(rate, post)
    # People recorded as of other groups are for the most part of another: most of what is not known is theirs.
    assert share.sel(ethnicity="other") > share.sel(ethnicity="white")
    content = gather(post, None)
    section = next(s for s in content.sections if s.title.startswith("What is due to"))
    assert re.search(r"would be \d+% narrower on average", section.statements[-1].text)
    lost = table.loc[table["recorded"].eq(UNKNOWN), "population"].sum()
    part = f"({100 * lost / table['population'].sum():.1f}%)"
    page = render(content)
    answer = page[page.index('id="unknown"') : page.index("People whom no record holds")]
    for said in (content.assumed, answer, " ".join(statement.text for statement in section.statements)):
        assert part in str(said)
        assert "Asian" in str(said)
        assert "0.50 (odds times 1.65)" in str(said)
        assert "0 for White" in str(said)
    assert not re.search("Nobody is coded as unknown by[^.]*ethnic", page)
    (own,) = (section for section in content.sections if section.title == "By ethnic group")
    assert f"{part.strip('()')} were recorded as unknown; their ethnic group is estimated." in own.charts[0].caption
    assert ("Unknown ethnic group", part.strip("()")) in content.quality.rows
    rows = {row[0]: row for row in section.tables[0].rows}
    shown = {name: float(row[2].rstrip("%")) / 100 for name, row in rows.items()}
    assert shown["Other ethnic group"] == pytest.approx(float(share.sel(ethnicity="other")), abs=0.02)


def test_the_census_must_be_given(table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    table.to_csv(tmp_path / "counts.csv", index=False)
    edges(table).to_csv(tmp_path / "edges.csv", index=False)
    command = ["fit", "latent_ethnicity", "--table", tmp_path / "counts.csv", "--adjacency", tmp_path / "edges.csv",
               "--out", tmp_path / "fit.nc"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "give the census with --margin" in capsys.readouterr().err
    assert not (tmp_path / "fit.nc").exists()


def test_recorded_counts_pass_their_schema(table: pd.DataFrame) -> None:
    assert set(check(table, "recorded_counts")["recorded"]) == {*GROUPS, UNKNOWN}
    assert len(from_edges(edges(table).to_numpy().tolist(), areas=sorted(table["area"].unique()))) == 12
