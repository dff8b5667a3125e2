"""The attack as a tool: what it must find where a rule is broken, and what it cannot where it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq import example
from bayesineq.disclosure import attack, protect_tables, released
from bayesineq.disclosure.audit import audit_bytes
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError
from bayesineq.report.tables.released import released_measures

LEVELS: list[list[str]] = [["area"], ["ethnicity"], []]


def cells(areas: int, seed: int = 1, groups: int = 10) -> pd.DataFrame:
    """Counts by area and group, three in four of them from 1 to 7."""
    rng = np.random.default_rng(seed)
    counts = np.where(
        rng.random((areas, groups)) < 0.25, rng.poisson(60, (areas, groups)), rng.integers(1, 8, (areas, groups))
    )
    row, column = np.indices(counts.shape)
    codes = {"area": [f"E{k:05d}" for k in row.ravel()], "ethnicity": [chr(65 + k) for k in column.ravel()]}
    return pd.DataFrame(codes | {"events": counts.ravel()})


def publish(folder: Path, table: pd.DataFrame, rule: Rule, levels: list[list[str]] = LEVELS) -> Path:
    folder.mkdir(exist_ok=True)
    found = protect_tables(table, ["area", "ethnicity"], ["events"], levels, rule)
    for level, shown in found.tables.items():
        if set(level) == {"area", "ethnicity"} or list(level) in levels:
            shown.to_csv(folder / f"{'_'.join(level) or 'total'}.csv", index=False, na_rep="*")
    (folder / "audit.csv").write_bytes(audit_bytes([found.audit], rule))
    return folder


def test_what_is_protected_holds_and_ranges_hold_the_truth(tmp_path: Path) -> None:
    table = cells(25)
    found = attack(publish(tmp_path / "out", table, Rule()))
    assert found.holds
    ranges = found.table[found.table["table"] == "area x ethnicity"].set_index("cell")
    assert len(ranges) > 150
    for row in table.to_dict("records"):
        cell = f"area={row['area']}, ethnicity={row['ethnicity']}"
        if cell in ranges.index:
            assert ranges.loc[cell, "least"] <= row["events"] <= ranges.loc[cell, "most"]


@pytest.mark.slow
def test_five_thousand_small_cells_hold(tmp_path: Path) -> None:
    table = cells(690)
    assert table["events"].between(1, 7).sum() > 5_000
    found = attack(publish(tmp_path / "out", table, Rule()))
    assert found.holds
    assert found.table["withheld"].sum() > 5_000


def test_all_small_counts_are_found_without_control(tmp_path: Path) -> None:
    table = cells(25)
    folder = tmp_path / "out"
    folder.mkdir()
    table.to_csv(folder / "cells.csv", index=False)
    (folder / "audit.csv").write_bytes(audit_bytes([cover(example().post, Rule(0, 1)).audit], Rule(0, 1)))
    found = attack(folder)
    assert len(found.found) == table["events"].between(1, 7).sum()
    assert (found.found["least"] == found.found["most"]).all()


def test_a_difference_to_a_total_is_found_by_two_linear_programmes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    pd.DataFrame({"area": ["a", "b", "c"], "events": ["*", "40", "30"]}).to_csv(folder / "areas.csv", index=False)
    (folder / "total.csv").write_text("events\n75\n")
    found = attack(folder, Rule(7, 1)).found
    assert (found.loc[0, "least"], found.loc[0, "most"]) == (5, 5)
    # Rounded, the same numbers leave more than is promised: 75 +- 2 less 40 +- 2 less 30 +- 2.
    assert attack(folder, Rule(4, 5)).holds


def test_shares_of_a_total_and_benefit_per_head_give_a_withheld_row_back(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "shares.csv").write_text("ethnicity,people,people_share\nA,600,0.6\nB,396,0.396\nC,*,0.004\n")
    found = attack(folder, Rule(7, 1)).found
    assert found["cell"].tolist() == ["ethnicity=C"]
    assert found.loc[0, "least"] <= 4 <= found.loc[0, "most"]
    (folder / "shares.csv").write_text("ethnicity,people,benefit,benefit_per_1000\nA,600,3,5\nC,*,0.02,5\n")
    assert attack(folder, Rule(7, 1)).found.loc[0, "least"] == 4


def test_a_second_publication_by_another_rule_or_geography_is_found(tmp_path: Path) -> None:
    table = cells(12)
    one = publish(tmp_path / "one", table, Rule(), [["area"], []])
    two = publish(tmp_path / "two", table, Rule(3, 1), [["area"], []])
    assert attack(one).holds
    assert attack(two, Rule(3, 1)).holds
    both = attack(one, earlier=two).found
    assert (both["least"] == both["most"]).any()
    # Areas of a ward: the ward less its other areas is the one that is withheld.
    folder = tmp_path / "wards"
    folder.mkdir()
    pd.DataFrame({"area": ["a", "b", "c"], "events": ["*", "40", "30"]}).to_csv(folder / "areas.csv", index=False)
    pd.DataFrame({"ward": ["V", "W"], "events": [43, 30]}).to_csv(folder / "wards.csv", index=False)
    known = pd.DataFrame({"area": ["a", "b", "c"], "ward": ["V", "V", "W"]})
    assert attack(folder, Rule(7, 1)).holds
    found = attack(folder, Rule(7, 1), known=known).found
    assert found.loc[found["cell"] == "area=a", ["least", "most"]].to_numpy().tolist() == [[3, 3]]


def test_one_person_more_that_a_reader_knows_of_is_found_where_it_crosses_the_threshold(tmp_path: Path) -> None:
    for name, shown in (("before", "*"), ("after", "10")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "areas.csv").write_text(f"area,events\na,{shown}\nb,40\n")
    assert attack(tmp_path / "before").holds
    found = attack(tmp_path / "before", earlier=tmp_path / "after", differ=1).found
    assert found[["least", "most"]].to_numpy().tolist() == [[7, 7]]
    # Of people who may be five fewer or more, it does not tell.
    assert attack(tmp_path / "before", earlier=tmp_path / "after", differ=7).holds


def test_rates_times_people_are_counts(tmp_path: Path) -> None:
    post = example().post
    rule = Rule(200, 5)
    for control, name in ((rule, "on"), (Rule(0, 1), "off")):
        folder = tmp_path / name
        folder.mkdir()
        tree = released(post, control)
        tree.to_netcdf(folder / "release.nc", engine="h5netcdf")
        table, audit = released_measures(post, "ethnicity", control)
        table.to_csv(folder / "ethnicity.csv", index=False)
        (folder / "ethnicity.audit.csv").write_bytes(audit_bytes([audit], control))
    assert attack(tmp_path / "on", rule).holds
    off = cover(post, Rule(0, 1)).values(("ethnicity", "imd_decile")).shown
    events = off.mean(("chain", "draw")) * off["population"]
    found = attack(tmp_path / "off", rule).found
    small = found[(found["table"] == "ethnicity x imd_decile") & (found["column"] == "events")]
    assert len(small) == int((events < 200.5).sum()) > 0
    assert (small["most"] - small["least"] <= 1).all()


def test_draws_that_go_together_and_small_numbers_in_words_are_said(tmp_path: Path) -> None:
    tree = released(example().post, Rule(0, 1))
    tree.to_netcdf(tmp_path / "release.nc", engine="h5netcdf")
    (tmp_path / "words.txt").write_text("Of these, 3 people were admitted.")
    found = attack(tmp_path)
    assert any("follow those of its parts" in said for said in found.said)
    assert "words.txt: says 3 people" in found.said
    assert not found.holds


def test_folders_that_tell_nothing_and_working_files_are_refused_or_named(tmp_path: Path) -> None:
    with pytest.raises(DisclosureError, match="there is no folder"):
        attack(tmp_path / "none")
    xr.DataTree.from_dict({"/posterior": xr.Dataset({"a": 1.0})}).to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with pytest.raises(DisclosureError, match="tells of a count; read were none"):
        attack(tmp_path)
    (tmp_path / "areas.csv").write_text("area,events\na,*\n")
    assert attack(tmp_path).left == ("fit.nc",)
    with pytest.raises(DisclosureError, match="0 people or more"):
        attack(tmp_path, earlier=tmp_path, differ=-1)
