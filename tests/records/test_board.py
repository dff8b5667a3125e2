"""A simulated board holds what was planted, and comes back as cells without a row of a person leaving the engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.morbidity import morbidity, segment_people
from bayesineq.cohort.rules import read_rules
from bayesineq.records import Records, link, read_normal
from bayesineq.records.ethnicity.completeness import LINKED, agreement, completeness, completeness_by_year, conflicts
from bayesineq.records.ethnicity.imputed import imputed_effect
from bayesineq.records.ethnicity.resolution import resolve
from bayesineq.simulate.board import BEFORE, Board, simulate_board
from tests.records.board_cells import BY, adults, board_tables

PERSONS = 40_000
AREAS = 30

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return simulate_board(tmp_path_factory.mktemp("board"), PERSONS, n_areas=AREAS, seed=3)


def opened(board: Board) -> tuple[Records, ibis.Table]:
    """The board on an engine of its own, or on Spark where that is what the tests run on."""
    spark = os.environ.get("BAYESINEQ_ENGINE") == "pyspark"
    engine = ibis.get_backend() if spark else ibis.duckdb.connect()
    names = ("persons", "events", "spells", "ethnicity_records", "areas")
    tables = {name: engine.read_parquet(board.folder / f"{name}.parquet", table_name=name) for name in names}
    areas = tables.pop("areas").select("area", "imd_decile")
    return read_normal(tables), areas


@pytest.fixture(scope="module")
def linked(board: Board) -> tuple[Records, ibis.Table]:
    return opened(board)


def sd_of(share: float, n: float) -> float:
    return float(np.sqrt(share * (1 - share) / n))


@pytest.fixture(scope="module")
def tables(board: Board, linked: tuple[Records, ibis.Table]) -> dict[str, pd.DataFrame]:
    return {name: table.to_pyarrow().to_pandas() for name, table in board_tables(*linked, board.on).items()}


def test_cells_come_back_with_the_planted_rates(board: Board, tables: dict[str, pd.DataFrame]) -> None:
    columns = {"prevalence": ("cases", "population"), "access": ("missed", "appointments")}
    for name, (top, bottom) in columns.items():
        table, truth = tables[name], board.truth[name]
        share = table[top].sum() / table[bottom].sum()
        # Missed appointments of a cell vary together (beta, concentration 150): wider than binomial.
        wide = 4 * sd_of(truth.mean, table[bottom].sum()) * (1 if name == "prevalence" else 2.5)
        assert share == pytest.approx(truth.mean, abs=wide)
        deciles = table.groupby("imd_decile")[[top, bottom]].sum()
        z = (deciles[top] / deciles[bottom] - truth.by_decile) / np.sqrt(
            truth.by_decile * (1 - truth.by_decile) / deciles[bottom]
        )
        assert np.abs(z).max() < (4 if name == "prevalence" else 10)
        assert np.corrcoef(deciles[top] / deciles[bottom], truth.by_decile)[0, 1] > 0.8
    events = tables["outcomes"]
    rate = events["events"].sum() / events["person_years"].sum()
    mean = board.truth["outcomes"].mean
    # A gamma of size 15 between cells adds little to Poisson.
    assert rate == pytest.approx(mean, abs=5 * np.sqrt(mean / events["person_years"].sum()))


def test_ethnicity_is_as_complete_as_was_planted(board: Board, linked: tuple[Records, ibis.Table]) -> None:
    records, _ = linked
    people = records.persons.select("sex", person_id="person")
    table = completeness(records.ethnicity_records, people).set_index("source")["share"]
    assert table["gdppr_journal"] == pytest.approx(board.completeness["before"], abs=4 * sd_of(0.7, PERSONS))
    assert table[LINKED] == pytest.approx(board.completeness["after"], abs=4 * sd_of(0.936, PERSONS))
    assert (board.completeness["before"], board.completeness["after"]) == (0.70, 0.936)
    by_sex = completeness(records.ethnicity_records, people, ["sex"]).query("source == 'gdppr_journal'")
    assert by_sex.set_index("sex")["share"]["male"] < by_sex.set_index("sex")["share"]["female"] - 0.03
    # Who is known is right but for the errors that were planted.
    found = resolve(records.ethnicity_records, "cvdprevent")
    truth = records.persons.get_backend().read_parquet(board.folder / "truth" / "persons.parquet")
    both = found.inner_join(truth.rename(true="ethnicity"), found.person_id == truth.person)
    known = both.filter(~both.ethnicity.isin(["Z", "99"]))
    right = (
        known.aggregate(share=(known.ethnicity == known.true).cast("float64").mean()).to_pyarrow()["share"][0].as_py()
    )
    gp = BEFORE / 0.936
    assert right == pytest.approx(1 - gp * 0.015 - (1 - gp) * 0.05, abs=0.004)


def test_records_keep_to_life_and_registration(board: Board) -> None:
    engine, place = duckdb.connect(), board.folder
    engine.execute(f"CREATE VIEW p AS FROM '{place}/persons.parquet'")
    wrong = [
        f"SELECT count(*) FROM '{place}/events.parquet' JOIN p USING (person) WHERE date < birth OR date > death",
        f"SELECT count(*) FROM '{place}/spells.parquet' JOIN p USING (person) WHERE start < registered_from"
        f" OR start > death OR start >= DATE '{board.on}'",
        "SELECT count(*) FROM p WHERE registered_from < birth OR death < registered_from"
        f" OR birth >= DATE '{board.on}'",
        "SELECT count(*) - count(DISTINCT person) FROM p",
    ]
    assert [engine.execute(query).fetchone() for query in wrong] == [(0,)] * 4
    assert engine.execute("SELECT count(*) FROM p").fetchone() == (PERSONS,)
    mean = engine.execute(f"SELECT count(*) / {PERSONS} FROM '{place}/events.parquet'").fetchone()
    assert mean is not None
    assert mean[0] == pytest.approx(17.65, rel=0.03)


@pytest.mark.slow
def test_the_same_seed_is_the_same_board(board: Board, tmp_path: Path) -> None:
    again = simulate_board(tmp_path, PERSONS, n_areas=AREAS, seed=3)
    for name in ("persons", "events", "spells", "ethnicity_records", "truth/persons"):
        sums = [
            duckdb.execute(f"SELECT count(*), sum(hash(t)) FROM '{one.folder}/{name}.parquet' AS t").fetchone()
            for one in (board, again)
        ]
        assert sums[0] == sums[1], name


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each table that leaves the engine."""
    rows: list[int] = []

    def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def _counted(self: Any, *arguments: Any, **options: Any) -> Any:
            value = original(self, *arguments, **options)
            rows.append(len(value) if hasattr(value, "__len__") else 1)
            return value

        return _counted

    for owner in (ibis.expr.types.Expr, ibis.expr.types.Table, ibis.expr.types.Column):
        for method in ("to_pyarrow", "to_pandas", "execute", "to_polars", "to_list"):
            if method in vars(owner):
                monkeypatch.setattr(owner, method, _watched(vars(owner)[method]))
    return rows


@pytest.mark.slow
def test_no_row_of_a_person_leaves_the_engine(board: Board, leaving: list[int]) -> None:
    records, areas = opened(board)
    people = records.persons.select("sex", "area", person_id="person")
    for table in board_tables(records, areas, board.on).values():
        table.aggregate(cells=table.count()).to_pyarrow()
    completeness(records.ethnicity_records, people, ["sex"])
    completeness_by_year(records.ethnicity_records, people, [2020, 2025])
    agreement(records.ethnicity_records, people)
    conflicts(records.ethnicity_records, "gdppr_journal", "hes_ae")
    scores = morbidity(records, read_rules("charlson"), board.on)
    scores.group_by("score").aggregate(n=scores.count()).to_pyarrow()
    segments = segment_people(records, read_rules("bridges_to_health"), board.on)
    counts = segments.group_by("segment").aggregate(n=segments.count()).to_pyarrow().to_pylist()
    assert sum(row["n"] for row in counts) == PERSONS
    assert {row["segment"] for row in counts} <= {one.name for one in read_rules("bridges_to_health").segments}
    link({"gp": records, "hes": records}, ["gp", "hes"])
    assert len(leaving) > 10
    # The days on which ethnicity was recorded, some 3,700, are the longest list.
    assert max(leaving) < PERSONS / 8


def test_filling_in_ethnicity_changes_what_was_recorded(board: Board, linked: tuple[Records, ibis.Table]) -> None:
    records, areas = linked
    alone = records.ethnicity_records.filter(records.ethnicity_records.source == "gdppr_journal")
    before = resolve(alone, "most_recent").select(person="person_id", before="ethnicity")
    everybody = adults(records, areas, board.on).left_join(before, "person").drop("person_right")
    cases = records.events.filter(records.events.code.substr(0, 2) == "E1").select("person").distinct()
    joined = everybody.left_join(cases.mutate(case=1), "person").mutate(before=lambda t: t.before.fill_null("99"))
    tables = [
        joined.group_by(["sex", name]).aggregate(cases=lambda t: t.case.fill_null(0).sum(), people=lambda t: t.count())
        .to_pyarrow().to_pandas().rename(columns={name: "ethnicity"})
        for name in ("before", "ethnicity")
    ]  # fmt: skip
    table = imputed_effect({"x": tables[0]}, {"x": tables[1]}, {"x": ("cases", "people")}, within=["sex"])
    share = table.set_index("group")["imputed_share"]["all"]
    assert share == pytest.approx(0.30, abs=0.03)
    assert set(BY) - {"ethnicity"} <= set(everybody.columns)
