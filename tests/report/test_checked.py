"""The folder for a checker of outputs: held to a real one of ACRO, and to the package itself where it is installed."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq import Intervention, compare_plans, example
from bayesineq.cli import main
from bayesineq.decisions import PlanOptions, PublishedEffect, Quantity
from bayesineq.decisions.released import released_detail
from bayesineq.disclosure import attack, released, released_summary
from bayesineq.disclosure.acro import Output, acro_folder
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError
from bayesineq.posterior.files import save
from bayesineq.replacing import write_folder
from bayesineq.report.page.checked import compared_plans, measured, passed_on, summarised
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.plans import comparison_charts
from bayesineq.report.page.write import write_report
from bayesineq.report.tables.released import released_measures

EXAMPLE = Path(__file__).parents[2].parent / "shared/reference/records/sdc_fixtures/acro_1_0_2_example"
has_example = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="reference files are not here")

# What a record of ACRO 1.0.2 holds, after its documentation and `Records.finalise_json`.
RECORD = {
    "uid": str, "status": str, "type": str, "properties": dict, "files": list, "outcome": dict, "command": str,
    "summary": str, "timestamp": str, "comments": list, "exception": str, "fair": dict,
}  # fmt: skip
FAIR = {
    "context": str, "statbarn": str, "risks": list, "checks_needed": list, "common_mitigations": list,
    "check_status": dict, "dependent": str, "independent": list,
}  # fmt: skip


def kinds(value: dict[str, object]) -> dict[str, type]:
    return {key: type(held) for key, held in value.items()}


def written(folder: Path, outputs: list[Output], rule: Rule | None = None) -> dict[str, dict[str, object]]:
    write_folder(folder, acro_folder(outputs, rule or Rule(), "test"))
    return json.loads((folder / "results.json").read_text())["results"]


@pytest.fixture(scope="module")
def outputs() -> list[Output]:
    post, rule = example().post, Rule(200, 5)
    table, _ = released_measures(post, "ethnicity", rule)
    parameters, _ = released_summary(post, rule)
    tree = released(post, rule)
    return [*measured(post, "ethnicity", table, rule), *summarised(post, parameters, rule),
            *passed_on(cover(post, rule), tree, b"draws")]  # fmt: skip


def test_records_have_the_form_of_acro(tmp_path: Path, outputs: list[Output]) -> None:
    results = written(tmp_path / "acro", outputs, Rule(200, 5))
    for record in results.values():
        assert kinds(record) == RECORD
        assert record["status"] in ("pass", "fail", "review")
        if record["type"] != "custom":
            assert kinds(record["fair"]) == FAIR
            assert set(record["fair"]["check_status"]) == set(record["fair"]["checks_needed"])
        for file in record["files"]:
            assert (tmp_path / "acro" / file["name"]).is_file()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "acro").iterdir() if path.is_file()}
    for name, body in kept.items():
        if name not in ("config.json", "files.json"):
            assert (tmp_path / "acro" / "checksums" / f"{name}.txt").read_text() == hashlib.sha256(body).hexdigest()
    by_cell = next(r for r in results.values() if "ethnicity_by_imd_decile" in r["properties"].get("method", ""))
    assert by_cell["status"] == "review"
    (file,) = by_cell["files"]
    table = pd.read_csv(tmp_path / "acro" / file["name"], dtype={"n": str})
    places = file["sdc"]["cells"]["MinimumThresholdCheck"]
    assert len(places) == file["sdc"]["summary"]["MinimumThresholdCheck"] == (table["n"] == "*").sum() == 4
    for row, column in places:
        assert pd.isna(table.iloc[row, column])


@has_example
def test_the_form_is_that_of_a_real_folder(tmp_path: Path, outputs: list[Output]) -> None:
    real = json.loads((EXAMPLE / "results.json").read_text())
    write_folder(tmp_path / "acro", acro_folder(outputs, Rule(200, 5), "test"))
    own = json.loads((tmp_path / "acro" / "results.json").read_text())
    assert kinds(own) == kinds(real)
    assert kinds(own["tool"]) == kinds(real["tool"])
    for kind in ("table", "regression", "custom"):
        one, other = (next(r for r in found["results"].values() if r["type"] == kind) for found in (own, real))
        assert kinds(one) == kinds(other)
        assert kinds(one["fair"]) == kinds(other["fair"])
        assert set(other["files"][0]["sdc"]) <= set(one["files"][0]["sdc"])
    for key in ("2ndary_risk_summary_json-DONT_RELEASE", "2ndary_risk_summary_csv-DONT_RELEASE"):
        skip = ("timestamp",)
        one, other = ({k: v for k, v in found["results"][key].items() if k not in skip} for found in (own, real))
        assert one == other
    assert kinds(json.loads((tmp_path / "acro" / "config.json").read_text())) == kinds(
        json.loads((EXAMPLE / "config.json").read_text())
    )
    one, other = (json.loads((folder / "session_summary.json").read_text()) for folder in (tmp_path / "acro", EXAMPLE))
    assert kinds(one) == kinds(other)
    assert kinds(one["metadata"]) == kinds(other["metadata"])
    assert kinds(one["outputs"][0]) == kinds(other["outputs"][0])
    heads = [(folder / "session_summary.csv").read_text().split(",")[:5] for folder in (tmp_path / "acro", EXAMPLE)]
    assert heads[0] == heads[1]
    names = {path.name for path in (EXAMPLE / "checksums").iterdir()}
    assert {name for name in names if not name.startswith(("output", "posterior"))} <= {
        path.name for path in (tmp_path / "acro" / "checksums").iterdir()
    }


# It asks for an older pandas than this package, so that it is tried in an environment of its own.
if find_spec("acro") is not None:

    def test_the_package_reads_it_and_writes_the_same_again(tmp_path: Path, outputs: list[Output]) -> None:
        record = import_module("acro.record")
        folder = tmp_path / "acro"
        results = written(folder, outputs, Rule(200, 5))
        again = record.Records()
        for key, own in results.items():
            if key.startswith("2ndary"):
                continue
            names = [file["name"] for file in own["files"]]
            read = (
                record.load_output(str(folder), names) if own["type"] != "custom" else [str(folder / n) for n in names]
            )
            fields = ("status", "type", "properties", "sdc", "fair", "command", "summary")
            given = [own["files"][0]["sdc"] if field == "sdc" else own[field] for field in fields]
            again.add(*given, record.load_outcome(own["outcome"]), read, own["comments"])
        again.finalise(str(tmp_path / "again"), "json")
        back = json.loads((tmp_path / "again" / "results.json").read_text())["results"]
        for key, own in results.items():
            if not key.startswith("2ndary"):
                same = ("uid", "status", "type", "properties", "command", "summary", "comments", "fair")
                assert [back[key][name] for name in same] == [own[name] for name in same]
                assert back[key]["outcome"] == own["outcome"]


def test_people_stand_beside_every_estimate_as_they_may_be_shown(outputs: list[Output]) -> None:
    rule = Rule(200, 5)
    shown = cover(example().post, rule).values("ethnicity").shown["population"].to_series()
    table = outputs[0].tables[0]
    for code, people in shown.items():
        assert table.set_index("parameter").loc[f"ethnicity[{code}]", "n"] == people
    assert table["n"].notna().all()
    parameters = outputs[1].tables[0].set_index("parameter")
    assert parameters.loc["ethnicity[asian]", "n"] == shown["asian"]
    assert parameters.loc["intercept", "n"] == 5 * np.floor(
        float(example().post["constant_data"]["population"].sum()) / 5 + 0.5
    )


def test_what_is_shown_without_control_fails_and_what_is_blocked_is_refused(tmp_path: Path) -> None:
    few = pd.DataFrame({"area": ["a", "b"], "rate": [0.1, 0.2], "n": [4.0, 400.0]})
    results = written(tmp_path / "acro", [Output("t", (few,), "LinearAggregations", "y", ("area",), {})], Rule(0, 1))
    assert results["output_0"]["status"] == "fail"
    assert results["output_0"]["outcome"]["rate"] == {"a": "MinimumThresholdCheck; ", "b": "ok"}
    with pytest.raises(DisclosureError, match="give a PNG"):
        acro_folder([Output("t", (), None, "", (), {"a.svg": b""})], Rule(), "t")
    with pytest.raises(DisclosureError, match="has a column 'n'"):
        acro_folder([Output("t", (few.drop(columns="n"),), "LinearAggregations", "y", (), {})], Rule(), "t")


def test_a_report_and_plans_give_figures_as_pictures_with_their_tables(tmp_path: Path) -> None:
    post = example().post
    write_report(post, None, tmp_path / "report.html", ReportOptions(), acro=tmp_path / "acro")
    results = json.loads((tmp_path / "acro" / "results.json").read_text())["results"]
    pictures = [r for r in results.values() if any(f["name"].endswith(".png") for f in r["files"])]
    assert len(pictures) >= 3
    for record in pictures:
        assert [Path(f["name"]).suffix for f in record["files"]] == [".csv", ".png"]
        body = (tmp_path / "acro" / record["files"][1]["name"]).read_bytes()
        width, height = struct.unpack(">II", body[16:24])
        assert body[:4] == b"\x89PNG"
        assert min(width, height) > 200
    assert not list((tmp_path / "acro").rglob("*.svg"))
    calls = Intervention("calls", PublishedEffect("risk ratio", Quantity(0.75)), cost=Quantity(50.0))
    risk, _ = released_detail(post, ["area"])
    found = compare_plans([calls], risk, budget=2e6, threshold=2_000.0, options=PlanOptions(equity_by=()))
    made = compared_plans(post, found, comparison_charts(found), Rule())
    assert len(written(tmp_path / "plans", made)) == len(made) + 2
    assert attack(tmp_path / "plans").holds


def test_the_command_line_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example().post, tmp_path / "fit.nc")
    given = ["bayesineq", "measure", "fit.nc", "--by", "imd_decile", "--disclosure", "uk_llc", "--acro", "acro"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    config = json.loads((tmp_path / "acro" / "config.json").read_text())
    assert (config["safe_threshold"], config["zeros_are_disclosive"], config["safe_dof_threshold"]) == (10, True, 10)
