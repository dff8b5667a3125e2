"""What a wrong file meets on the command line: one message, status 2, and an output that stays as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.cli import main

EDGES = "first,second\nE01000001,E01000002\nE01000002,E01000003\nE01000003,E01033769\n"
AREAS = ["E01000001", "E01000002", "E01000003", "E01033769"]


def area_health() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    shares = {name: rng.uniform(0.01, 0.2, 4).round(4) for name in ("asian", "black", "mixed", "other")}
    return pd.DataFrame(
        {
            "area": AREAS,
            "imd_decile": [1, 2, 3, 4],
            "residents": [1500, 1600, 1700, 1800],
            "bad_health": [120, 90, 80, 60],
            **shares,
            "aged_65_and_over": [0.1, 0.2, 0.15, 0.25],
        }
    )


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def put(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = table.astype({column: object})
    changed.loc[row, column] = value
    return changed


WRONG = {
    "a wrong column": (lambda t: t.rename(columns={"bad_health": "bad_helth"}), ["bad_health", "bad_helth"]),
    "a duplicate area": (lambda t: put(t, 2, "area", "E01000001"), ["E01000001", "area", "row"]),
    "an area without a row": (lambda t: t.iloc[:3], ["E01033769"]),
    "a row without an area": (lambda t: put(t, 1, "area", ""), ["area", "3"]),
    "a count above its denominator": (lambda t: put(t, 1, "bad_health", 1601), ["bad_health", "residents", "3"]),
    "a negative count": (lambda t: put(t, 0, "bad_health", -1), ["bad_health", "-1", "2"]),
    "a fractional count": (lambda t: put(t, 0, "bad_health", 1.5), ["bad_health", "1.5", "2"]),
    "an empty table": (lambda t: t.iloc[:0], ["no rows"]),
    "a 2011 code among 2021 codes": (lambda t: put(t, 2, "area", "E01000010"), ["vintage", "2011", "2021"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_refused(name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    change, says = WRONG[name]
    table, edges, output = tmp_path / "table.csv", tmp_path / "edges.csv", tmp_path / "posterior.nc"
    change(area_health()).to_csv(table, index=False)
    edges.write_text(EDGES)
    output.write_bytes(b"an earlier posterior")
    status = run(monkeypatch, "fit", "area_health", "--table", table, "--adjacency", edges, "--out", output)
    message = capsys.readouterr().err
    assert status == 2
    assert "Traceback" not in message
    assert message.count("Error:") == 1
    for part in says:
        assert part in message
    assert output.read_bytes() == b"an earlier posterior"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edges.csv", "posterior.nc", "table.csv"]


def test_an_edge_to_an_unknown_area_is_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    table, edges = tmp_path / "table.csv", tmp_path / "edges.csv"
    area_health().to_csv(table, index=False)
    edges.write_text(EDGES + "E01033769,E01009999\n")
    out = tmp_path / "out.nc"
    assert run(monkeypatch, "fit", "area_health", "--table", table, "--adjacency", edges, "--out", out) == 2
    message = capsys.readouterr().err
    assert "E01009999" in message
    assert "row 4" in message
    assert not out.exists()


def test_a_truncated_file_is_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    table = tmp_path / "table.parquet"
    area_health().to_parquet(table)
    table.write_bytes(table.read_bytes()[:-100])
    assert run(monkeypatch, "check", table, "--schema", "area_health") == 2
    message = capsys.readouterr().err
    assert "table.parquet" in message
    assert "Traceback" not in message


def test_a_byte_order_mark_does_no_harm(tmp_path: Path, monkeypatch, capsys) -> None:
    table = tmp_path / "table.csv"
    area_health().to_csv(table, index=False, encoding="utf-8-sig")
    assert run(monkeypatch, "check", table, "--schema", "area_health") == 0
    assert "4 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "none.csv", "--schema", "area_health"], ["none.csv"]),
        (["check", "none.csv", "--schema", "area_helth"], ["area_helth", "area_health"]),
        (["summary", "none.nc"], ["none.nc"]),
        (["fit", "area_helth", "--table", "x.csv", "--out", "y.nc"], ["area_helth", "area_health"]),
        (["report", "none.nc", "--areas", "x.gpkg", "--out", "y.html"], ["none.nc"]),
    ],
)
def test_a_name_that_is_not_there_is_answered(arguments: list[str], says: list[str], monkeypatch, capsys) -> None:
    assert run(monkeypatch, *arguments) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    for part in says:
        assert part in message


def test_a_spatial_card_without_neighbours_says_how_to_give_them(tmp_path: Path, monkeypatch, capsys) -> None:
    table = tmp_path / "table.csv"
    area_health().to_csv(table, index=False)
    assert run(monkeypatch, "fit", "area_health", "--table", table, "--out", tmp_path / "p.nc") == 2
    message = capsys.readouterr().err
    assert "--adjacency" in message
    assert "--areas" in message


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--chains", 2, "--tune", 5], ["--tune, --chains", "--engine nuts"]),
        (["--delta", "asian=0.5", "--imputations", 5], ["--delta, --imputations", "latent column"]),
    ],
)
def test_an_option_that_a_fit_does_not_use_is_refused(
    options: list[object], says: list[str], tmp_path: Path, monkeypatch, capsys
) -> None:
    table, edges, out = tmp_path / "table.csv", tmp_path / "edges.csv", tmp_path / "fit.nc"
    area_health().to_csv(table, index=False)
    edges.write_text(EDGES, encoding="utf-8")
    given = ["--table", table, "--adjacency", edges, "--out", out, *options]
    assert run(monkeypatch, "fit", "area_health", *given) == 2
    message = capsys.readouterr().err
    assert all(part in message for part in says)
    assert not out.exists()
