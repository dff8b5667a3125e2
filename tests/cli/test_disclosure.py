"""
An attack on everything that one run writes: tables, page, alternative text, data of figures and explorer, netCDF.

The attacker holds all outputs, knows the true size of every group, and how counts were rounded. Oracle: the counts of
the table that was fitted. The same attack on the same run with control switched off must succeed.
"""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.optimize import linprog

from bayesineq.cli import main
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.released import released_summary
from bayesineq.disclosure.rule import Rule
from bayesineq.posterior.files import load
from bayesineq.report.tables.released import released_measures
from bayesineq.report.words.labels import level_labels

sys.path.insert(0, str(Path(__file__).parent))
from disclosure_world import cells, write

ON = Rule()
OFF = Rule(0, 1)
LEVELS = [("ethnicity",), ("imd_decile",), ("area",), ("ethnicity", "imd_decile"), ()]

type Key = tuple[tuple[str, ...], tuple[str, ...]]
type Facts = dict[Key, list[float]]


def outputs(folder: Path, table: pd.DataFrame, rule: Rule) -> Path:
    """One run on the command line, from table to release."""
    folder.mkdir()
    write(folder, table)
    control = ["--small-count", rule.threshold, "--round-to", rule.base]
    posterior = folder / "fit.nc"
    given = ["--table", folder / "cells.csv", "--seed", 1, "--no-progress"]
    drawn = ["--areas", folder / "areas.parquet", "--explorer"]
    commands: list[list[object]] = [
        ["fit", folder / "close.toml", *given, "--out", posterior],
        ["summary", posterior, "--csv", folder / "parameters.csv", *control],
        *(["measure", posterior, "--by", by, "--csv", folder / f"{by}.csv", *control] for (by,) in LEVELS[:3]),
        ["report", posterior, *drawn, "--out", folder / "page.html", *control],
        ["release", posterior, "--out", folder / "released.nc", *control],
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for command in commands:
            patch.setattr(sys, "argv", ["bayesineq", *map(str, command)])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code, command
    return folder


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return cells()


@pytest.fixture(scope="module")
def protected(tmp_path_factory, table) -> Path:
    return outputs(tmp_path_factory.mktemp("runs") / "on", table, ON)


@pytest.fixture(scope="module")
def bare(tmp_path_factory, table) -> Path:
    return outputs(tmp_path_factory.mktemp("runs") / "off", table, OFF)


def names(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """From what a page calls a group to its dimension and code."""
    found = {}
    for dim in ("ethnicity", "imd_decile", "area"):
        codes = sorted(table[dim].unique())
        found |= {label: (dim, str(code)) for label, code in zip(level_labels(dim, codes, None), codes, strict=True)}
    return found


def told(folder: Path, table: pd.DataFrame) -> Facts:
    """Every rate that any output states of any group."""
    facts: Facts = {}
    label = names(table)

    def add(key: Key, rate: float) -> None:
        if np.isfinite(rate):
            facts.setdefault(key, []).append(float(rate))

    for (by,) in LEVELS[:3]:
        rows = pd.read_csv(folder / f"{by}.csv").set_index("parameter")["mean"]
        for name in rows.index[rows.index.str.startswith(f"{by}[")]:
            add(((by,), (name.split("[")[1][:-1],)), rows[name])
    tree = xr.open_datatree(folder / "released.nc", engine="h5netcdf")
    for name, node in tree.children.items():
        values = node["estimate"].mean(("chain", "draw"))
        dims = tuple(str(d) for d in values.dims)
        if name != "everyone" and dims not in LEVELS:
            continue
        for place in np.ndindex(values.shape):
            key = tuple(str(values[d].to_numpy()[k]) for d, k in zip(dims, place, strict=True))
            add((dims, key), float(values.to_numpy()[place]))
    tree.close()
    page = (folder / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", page, flags=re.S)[0])
    for view in data["views"]:
        for code, estimate in zip(view["code"], view["estimate"], strict=True):
            add((("area",), (code,)), estimate[0] / 100 if estimate else np.nan)
    for group in data["groups"]:
        if (group["dim"],) in LEVELS:
            add(((group["dim"],), (group["level"],)), group["mean"] / 100)
    text = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    for row in re.findall(r"<tr>(.*?)</tr>", text, flags=re.S):
        parts = [html.unescape(re.sub(r"<[^>]+>", "", part)).strip() for part in re.split(r"</t[hd]>", row)]
        known = [label[part] for part in parts[:2] if part in label]
        rates = re.findall(r"(?<![\d.,])(\d+\.?\d*)% \(", " ".join(parts))
        if known and rates:
            dims, key = zip(*known, strict=True)
            add((dims, key), float(rates[0]) / 100)
    for said in re.findall(r'alt="([^"]*)"', text):
        for name, rate in re.findall(r"(?:\. |; )([^.;:]+): (\d+\.?\d*)% \(", html.unescape(said)):
            if name in label:
                dim, code = label[name]
                add(((dim,), (code,)), float(rate) / 100)
    return facts


def sums(table: pd.DataFrame, column: str) -> dict[Key, int]:
    found: dict[Key, int] = {((), ()): int(table[column].sum())}
    for level in LEVELS[:-1]:
        for key, value in table.groupby(list(level))[column].sum().items():
            found[level, tuple(map(str, key if isinstance(key, tuple) else (key,)))] = int(value)
    return found


def attack(folder: Path, table: pd.DataFrame, rule: Rule) -> dict[Key, tuple[float, float]]:
    """Least and most that each small count can be, given all outputs: rate x denominator, and sums over margins."""
    facts, people, events = told(folder, table), sums(table, "population"), sums(table, "cases")
    low, high = {}, {}
    for key, size in people.items():
        low[key], high[key] = 0.0, float(size) if size > rule.threshold else np.inf
        for rate in facts.get(key, []):
            # A rate is a rounded count over a rounded denominator, and its printed digits half a unit more.
            shown = rate * max(np.floor(size / rule.base + 0.5), 1) * rule.base
            slack = rule.base / 2 + 0.0006 * size
            low[key], high[key] = max(low[key], shown - slack), min(high[key], shown + slack)
    order = list(people)
    place = {key: k for k, key in enumerate(order)}
    decile = table.drop_duplicates("area").set_index("area")["imd_decile"].astype(str)
    rows = []
    for key in order:
        level, code = key
        for fine in LEVELS[:-1]:
            if level == ("imd_decile",) and fine == ("area",):
                members = [k for k in order if k[0] == fine and decile[k[1][0]] == code[0]]
            elif set(level) < set(fine):
                at = [fine.index(dim) for dim in level]
                members = [k for k in order if k[0] == fine and tuple(k[1][j] for j in at) == code]
            else:
                continue
            row = np.zeros(len(order))
            row[[place[k] for k in members]], row[place[key]] = 1.0, -1.0
            rows.append(row)
    box = np.array([(low[key], high[key]) for key in order])
    found = {}
    for key in order:
        if not 1 <= events[key] <= 7:
            continue
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(order))
            cost[place[key]] = sign
            # What the model smooths, and digits that were cut, may move a sum by a little.
            solved = linprog(cost, np.vstack([rows, -np.array(rows)]), np.full(2 * len(rows), 0.6), bounds=box)
            assert solved.status == 0, solved.message
            ends.append(sign * solved.fun)
        found[key] = (ends[0], ends[1])
    return found


def recovered(found: dict[Key, tuple[float, float]]) -> list[Key]:
    """Small counts of which fewer are possible than the threshold has."""
    return [key for key, (least, most) in found.items() if np.floor(most + 1e-6) - np.ceil(least - 1e-6) + 1 < 7]


@pytest.mark.slow
def test_no_suppressed_count_is_recovered_from_any_output(protected, table) -> None:
    found = attack(protected, table, ON)
    assert len(found) >= 5
    assert recovered(found) == []
    told_of = told(protected, table)
    assert not [key for key in found if key in told_of]
    assert len(told_of) > 15


@pytest.mark.slow
def test_the_same_attack_succeeds_with_control_switched_off(bare, table) -> None:
    found = attack(bare, table, OFF)
    assert len(found) >= 5
    assert len(recovered(found)) == len(found)
    # Every one is pinned to a single number. Pooling moved some from what was counted, and most it did not.
    assert all(most - least < 2 for least, most in found.values())
    counted = sums(table, "cases")
    assert np.mean([abs((least + most) / 2 - counted[key]) < 1 for key, (least, most) in found.items()]) > 0.5
    audit = pd.read_csv(bare / "page.audit.csv")
    assert "switched off" in audit["reason"].iloc[0]


def by_the_tool(folder: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> tuple[int, pd.DataFrame, str]:
    """The same attack by the tool of the package, on what is published of a run."""
    out = folder.parent / f"{folder.name}_published"
    out.mkdir()
    for name in ("*.csv", "*.html", "released.nc"):
        for path in folder.glob(name):
            if path.name != "cells.csv":
                copyfile(path, out / path.name)
    known = out.parent / f"{folder.name}_known.csv"
    table.drop(columns="cases").to_csv(known, index=False)
    found = out.parent / f"{folder.name}_found.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bayesineq", "attack", *map(str, [out, "--known", known, "--csv", found])])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), pd.read_csv(found), capsys.readouterr().out


@pytest.mark.slow
def test_the_tool_finds_no_withheld_count_and_all_of_them_with_control_off(protected, bare, table, capsys) -> None:
    status, found, said = by_the_tool(protected, table, capsys)
    assert status == 0, said
    assert "0 counts are known more narrowly" in said
    hidden = found[found["withheld"] & (found["column"] == "events")]
    assert len(hidden) > 10
    counted = {f"{' x '.join(sorted(key[0]))}": 0 for key in sums(table, "cases")}
    assert set(hidden["table"]) <= set(counted)
    status, found, said = by_the_tool(bare, table, capsys)
    assert status == 1
    small = attack(bare, table, OFF)
    told_of = found[found["narrower"] & (found["column"] == "events")].set_index("cell")
    for key, (least, most) in small.items():
        if round((least + most) / 2) > 7:
            continue  # The model implies more than was counted.
        dims = sorted(zip(*key, strict=True))
        cell = ", ".join(f"{dim}={code}" for dim, code in dims)
        assert told_of.loc[cell, "least"] - 1 <= (least + most) / 2 <= told_of.loc[cell, "most"] + 1
        assert told_of.loc[cell, "most"] - told_of.loc[cell, "least"] <= 1
    assert len(told_of) >= 5


@pytest.mark.slow
def test_two_runs_with_one_person_between_them_do_not_tell_of_one(protected, table, tmp_path) -> None:
    for group, code in (("S", "E01000001"), ("A", "E01000003")):
        more = table.copy()
        at = (more["ethnicity"] == group) & (more["area"] == code)
        more.loc[at, ["population", "cases"]] += 1
        first, second = told(protected, table), told(outputs(tmp_path / f"more{group}", more, ON), more)
        before, after = sums(table, "population"), sums(more, "population")
        assert recovered(attack(tmp_path / f"more{group}", more, ON)) == []
        for key in first.keys() & second.keys():
            counts = [
                np.array(rates) * np.floor(size / 5 + 0.5) * 5
                for rates, size in ((first[key], before[key]), (second[key], after[key]))
            ]
            # The most exact of what is told: a multiple of five, before and after, so that no difference is one.
            exact = [c[np.abs(c / 5 - np.round(c / 5)).argmin()] for c in counts]
            for count, most in zip(exact, (before[key], after[key]), strict=True):
                assert abs(count - 5 * round(count / 5)) < 1e-4 * most + 0.02, (key, count)


@pytest.mark.slow
def test_with_control_switched_off_two_runs_tell_of_one_person(bare, table, tmp_path) -> None:
    more = table.copy()
    more.loc[(more["ethnicity"] == "A") & (more["area"] == "E01000003"), ["population", "cases"]] += 1
    first, second = told(bare, table), told(outputs(tmp_path / "more", more, OFF), more)
    key: Key = (("imd_decile",), ("3",))
    before, after = (
        facts[key][0] * sums(t, "population")[key] for facts, t in ((first, table), (second, more))
    )  # fmt: skip
    # A thousand draws of one seed leave a part of a person, which is rounded away.
    assert round(after - before) == 1


@pytest.mark.slow
def test_the_posterior_is_a_working_file_and_the_release_holds_nothing_of_it(protected, table) -> None:
    post = load(protected / "fit.nc")
    assert str(post.attrs["release"]).startswith("working file, not for release")
    kept = post["constant_data"].to_dataset()
    assert not [name for name in kept if np.array_equal(kept[name].to_numpy(), table["cases"].to_numpy())]
    for check in post["checks"].data_vars.values():
        assert (np.diff(check.to_numpy()) >= 0).all()
    pit = post["checks"]["pit"].to_numpy()
    np.testing.assert_allclose(pit, np.round(pit, 2))
    tree = xr.open_datatree(protected / "released.nc", engine="h5netcdf")
    assert not {"constant_data", "checks", "posterior", "sample_stats"} & set(tree.children)
    assert not {"data_sha256", "seed", "card"} & set(tree.attrs)
    for node in tree.children.values():
        people = node["population"].to_numpy()
        assert ((people % 5 == 0) | (people == 1)).all()
        # What the numbers are and which direction is good, and nothing of the fit.
        assert set(node["estimate"].attrs) <= {"outcome", "scale", "units", "more_is", "adjusted_for"}
    tree.close()
    page = (protected / "page.html").read_text(encoding="utf-8")
    # A digest of the data would confirm a guess at the one count that is not known.
    assert str(post.attrs["data_sha256"]) not in page
    assert str(post.attrs["fit_id"]) in page


@pytest.mark.slow
def test_the_audit_names_what_was_withheld_and_holds_no_count(protected) -> None:
    for name in ("page", "parameters", "ethnicity", "released"):
        audit = pd.read_csv(protected / f"{name}.audit.csv")
        assert list(audit.columns) == ["table", "cell", "column", "reason", "rule"]
        assert len(audit) > 0
    audit = pd.read_csv(protected / "page.audit.csv")
    assert len(set(audit["reason"])) == 1
    assert not audit.duplicated(["table", "cell"]).any()
    assert audit["cell"].str.contains("area=E01000006").any()


@pytest.mark.slow
def test_parameters_of_withheld_groups_are_withheld_and_others_coarse(protected, table) -> None:
    shown = pd.read_csv(protected / "parameters.csv").set_index("parameter")
    whole = cover(load(protected / "fit.nc"))
    for code in whole.levels("area"):
        assert shown.loc[f"place[{code}]"].isna().all()
    hidden = whole.hidden["ethnicity", "imd_decile"]
    for group, decile in np.argwhere(hidden.to_numpy()):
        name = f"both[{hidden['imd_decile'].to_numpy()[decile]}, {hidden['ethnicity'].to_numpy()[group]}]"
        assert shown.loc[name].isna().all(), name
    cells_of = table.groupby(["imd_decile", "ethnicity"])[["cases", "population"]].sum()
    for (decile, group), (events, people) in cells_of.iterrows():
        effect = shown.loc[f"both[{decile}, {group}]", "mean"]
        if np.isnan(effect) or (decile, group) == (1, "A"):
            continue
        # Five events more would move the effect by this: its last digit is no finer than that.
        move = 5 / events + 5 / (people - events)
        least = 10.0 ** np.floor(np.log10(move))
        assert effect == pytest.approx(least * round(effect / least), abs=1e-9)
    full, _ = released_summary(load(protected / "fit.nc"), OFF)
    assert full["mean"].notna().all()
    measured, _ = released_measures(load(protected / "fit.nc"), "area", ON)
    assert measured["parameter"].str.startswith("area[").sum() == table["area"].nunique()
