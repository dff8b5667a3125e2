"""Two publications of nearly the same people: what the second may show beside the first."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.disclosure import attack, protect_tables, rule_after
from bayesineq.disclosure.audit import audit_bytes, write_audited
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError
from tests.disclosure.test_attack import cells
from tests.fuzz.inputs import posterior_file

BY = ["area", "ethnicity"]


def crossing(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same people, but that in every tenth row somebody joined or left."""
    step = rng.choice([-1, 1], len(table)) * (rng.random(len(table)) < 0.1)
    return table.assign(events=np.maximum(table["events"] + step, 0))


def whole(folder: Path, table: pd.DataFrame, rule: Rule) -> Path:
    """One table without totals, written as commands write it."""
    folder.mkdir()
    found = protect_tables(table, BY, ["events"], (), rule)
    content = found.tables[tuple(BY)].to_csv(index=False, na_rep="*").encode()
    write_audited(folder / "cells.csv", content, [found.audit], rule)
    return folder


def areas(folder: Path, counts: list[int], rule: Rule) -> Path:
    """One table of areas a, b and so on with its audit, as it was published."""
    folder.mkdir()
    table = pd.DataFrame({"area": list("abcdef")[: len(counts)], "events": counts})
    found = protect_tables(table, ["area"], ["events"], (), rule)
    found.tables["area",].to_csv(folder / "areas.csv", index=False, na_rep="*")
    (folder / "areas.audit.csv").write_bytes(audit_bytes([found.audit], rule))
    return folder


def test_what_was_withheld_stays_withheld_though_somebody_joined(tmp_path: Path) -> None:
    first = areas(tmp_path / "first", [7, 40, 5], Rule())
    exposed = attack(areas(tmp_path / "plain", [8, 40, 5], Rule()), earlier=first, differ=1).found
    assert exposed[["cell", "least", "most"]].to_numpy().tolist() == [["area=a", 7, 7]]
    heeding = areas(tmp_path / "second", [8, 40, 5], rule_after(first))
    assert (heeding / "areas.csv").read_text().split() == ["area,events", "a,*", "b,40", "c,*"]
    for differ in (0, 1):
        assert attack(heeding, earlier=first, differ=differ).holds


def test_a_group_that_has_become_small_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "areas.csv").write_text("area,events\na,10\nb,40\n")
    rule, out = rule_after(first), tmp_path / "areas.csv"
    audit = protect_tables(pd.DataFrame({"area": ["a"], "events": [7]}), ["area"], ["events"], (), rule).audit
    with pytest.raises(DisclosureError, match=r"area=a .*Nothing was written.* --differ"):
        write_audited(out, b"area,events\na,*\nb,40\n", [audit], rule)
    assert not out.exists()
    # The remedies: that table without the group, or people who differ by more than a reader can know.
    write_audited(out, b"area,events\nb,40\n", [audit.iloc[:0]], rule)
    write_audited(out, b"area,events\na,*\nb,40\n", [audit], rule_after(first, differ=7))


@pytest.mark.parametrize("name", ["hes", "uk_llc"])
def test_no_threshold_holds_for_two_tables_unless_the_second_heeds_the_first(name: str, tmp_path: Path) -> None:
    """With one person more, 7 and 8 are * and 10, and 9 and 10 are * and 10."""
    rule = bi.disclosure.rule_of(name)
    first = areas(tmp_path / "first", [rule.threshold, 400], rule)
    plain = areas(tmp_path / "plain", [rule.threshold + 1, 400], rule)
    found = attack(plain, rule, earlier=first, differ=1).found
    assert found[["least", "most"]].to_numpy().tolist() == [[rule.threshold, rule.threshold]]
    second = areas(tmp_path / "second", [rule.threshold + 1, 400], rule_after(first, rule))
    assert attack(second, rule, earlier=first, differ=1).holds


def test_wards_after_their_areas_are_refused_where_the_difference_is_an_area(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "areas.csv").write_text("area,events\na,*\nb,40\nc,30\n")
    known = pd.DataFrame({"area": ["a", "b", "c"], "ward": ["V", "V", "W"]})
    wards, out = b"ward,events\nV,43\nW,30\n", tmp_path / "wards.csv"
    exact = Rule(7, 1)
    audit = protect_tables(pd.DataFrame({"ward": ["V"], "events": [43]}), ["ward"], ["events"], (), exact).audit
    with pytest.raises(DisclosureError, match="area=a"):
        write_audited(out, wards, [audit], rule_after(first, exact, known=known))
    # By rounding to 5, 43 are 38 to 47 less 38 to 42: more than seven counts are possible.
    write_audited(out, b"ward,events\nV,45\nW,30\n", [audit], rule_after(first, Rule(), known=known))


def test_thousands_of_small_cells_of_two_years_hold_or_are_refused(tmp_path: Path) -> None:
    """Who rises above the threshold stays withheld; who falls below it can only be left out, and is named."""
    rng, table = np.random.default_rng(2), cells(690)
    table.loc[::40, "events"] = 8
    more = crossing(table, rng)
    assert table["events"].between(1, 7).sum() > 5_000
    first = whole(tmp_path / "first", table, Rule())
    assert attack(first).holds
    rose = int(((table["events"] == 7) & (more["events"] == 8)).sum())
    fell = (table["events"] == 8) & (more["events"] == 7)
    without = attack(whole(tmp_path / "plain", more, Rule()), earlier=first, differ=1).found
    assert without["cell"].nunique() >= rose + int(fell.sum()) > 20
    rule = rule_after(first, differ=1)
    with pytest.raises(DisclosureError, match="Nothing was written"):
        whole(tmp_path / "second", more, rule)
    heeding = whole(tmp_path / "third", more[~fell], rule)
    assert attack(heeding, earlier=first, differ=1).holds


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def shown(table: Path) -> set[str]:
    """Areas of which a table of measures has a number."""
    read = pd.read_csv(table)
    return set(read.loc[read["parameter"].str.startswith("area[") & read["mean"].notna(), "parameter"])


def test_commands_heed_an_earlier_publication(tmp_path: Path, monkeypatch, capsys) -> None:
    """A second run under a lower threshold shows what the first withheld, unless it is told of the first."""
    fit, first = tmp_path / "fit.nc", tmp_path / "first"
    first.mkdir()
    post = bi.load(posterior_file())
    bi.save(post, fit)
    rates = cover(post, Rule(0, 1)).values("area").shown
    few = int((rates.mean(("chain", "draw")) * rates["population"]).quantile(0.5))
    by = ["--by", "area"]
    assert run(monkeypatch, "measure", fit, *by, "--small-count", few, "--csv", first / "area.csv") == 0
    rows = {}
    for name, told in (("plain", []), ("heeding", ["--earlier", first])):
        out = tmp_path / f"{name}.csv"
        assert run(monkeypatch, "measure", fit, *by, "--csv", out, *told) == 0
        rows[name] = shown(out)
    before = shown(first / "area.csv")
    assert rows["plain"] > before
    assert rows["heeding"] == before
    for command in (["summary", fit, "--csv", tmp_path / "s.csv"], ["release", fit, "--out", tmp_path / "r.nc"]):
        assert run(monkeypatch, *command, "--earlier", first) == 0, capsys.readouterr().err
    assert run(monkeypatch, "measure", fit, *by, "--earlier", tmp_path / "none") == 2
    assert "there is no folder" in capsys.readouterr().err
    assert run(monkeypatch, "measure", fit, *by, "--known", first / "area.csv") == 2
    assert "with --earlier" in capsys.readouterr().err
