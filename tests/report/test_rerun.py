"""A page that can be run again: what it says of itself, and which of its figures come out the same."""

from __future__ import annotations

import json
import sys
from html import escape, unescape
from pathlib import Path

import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.disclosure import attack
from bayesineq.report.page.rerun import BLOCK, read_recipe


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, its neighbours, a fit with a seed, and a page of it."""
    folder = tmp_path_factory.mktemp("study")
    world = bi.simulate_system(n_areas=60, n_people=60_000, seed=4)
    world.area_counts.to_csv(folder / "table.csv", index=False)
    world.areas.to_parquet(folder / "areas.parquet")
    with pytest.MonkeyPatch.context() as patch:
        given = ["--areas", folder / "areas.parquet", "--table", folder / "table.csv", "--no-progress"]
        assert run(patch, "fit", "prevalence", *given, "--seed", 987654321, "--out", folder / "fit.nc") == 0
        assert run(patch, "report", folder / "fit.nc", "--out", folder / "page.html") == 0
    return folder


def again(study: Path, monkeypatch: pytest.MonkeyPatch, out: Path, *given: object) -> tuple[int, pd.Series]:
    code = run(monkeypatch, "rerun", study / "page.html", *given, "--csv", out / "figures.csv")
    return code, pd.read_csv(out / "figures.csv")["agrees"].value_counts()


def fitted(study: Path, table: Path | None = None) -> list[object]:
    return ["--table", table or study / "table.csv", "--areas", study / "areas.parquet", "--no-progress"]


def test_the_same_posterior_and_the_same_seed_give_the_same_figures(study: Path, monkeypatch, tmp_path: Path) -> None:
    code, agrees = again(study, monkeypatch, tmp_path, "--posterior", study / "fit.nc")
    assert code == 0
    assert set(agrees.index) == {"exactly"}
    assert agrees["exactly"] > 20
    code, agrees = again(study, monkeypatch, tmp_path, *fitted(study), "--seed", 987654321)
    assert code == 0
    assert set(agrees.index) == {"exactly"}


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_agrees_within_monte_carlo_error(seed: int, study: Path, monkeypatch, tmp_path: Path) -> None:
    code, agrees = again(study, monkeypatch, tmp_path, *fitted(study), "--seed", seed)
    assert code == 0, agrees
    assert agrees["within Monte Carlo error"] > 5


def test_another_table_does_not_agree(study: Path, monkeypatch, tmp_path: Path, capsys) -> None:
    """A tenth more cases in the most deprived decile."""
    table = pd.read_csv(study / "table.csv")
    more = (table["cases"] * 1.2).round().astype(int).clip(upper=table["population"])
    table["cases"] = table["cases"].where(table["imd_decile"] > 1, more)
    table.to_csv(tmp_path / "table.csv", index=False)
    code, agrees = again(study, monkeypatch, tmp_path, *fitted(study, tmp_path / "table.csv"))
    assert code == 1
    assert agrees["no"] >= 3
    assert "imd_decile[1]" in capsys.readouterr().out


def test_the_page_tells_neither_seed_nor_digest_and_no_more_than_the_rule(study: Path) -> None:
    page, post = (study / "page.html").read_text(encoding="utf-8"), bi.load(study / "fit.nc")
    block = BLOCK.search(page)
    assert block is not None
    assert "987654321" not in page
    assert str(post.attrs["data_sha256"]) not in page
    assert read_recipe(study / "page.html").draws == 1000
    told = study / "told"
    told.mkdir()
    (told / "page.html").write_text(page, encoding="utf-8")
    (told / "page.audit.csv").write_bytes((study / "page.audit.csv").read_bytes())
    assert attack(told).holds


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: None, "does not say how to run it again"),
        (lambda said: said | {"draws": 10**9}, "damaged"),
        (lambda said: said | {"engine": "x"}, "damaged"),
        (lambda said: said | {"card": "name = 1"}, "Error"),
        (lambda said: said | {"figures": [[1]]}, "damaged"),
        (lambda said: said | {"rule": {"threshold": 7, "more": 1}}, "damaged"),
        (lambda said: [], "damaged"),
    ],
)
def test_a_page_that_was_altered_is_refused_in_words(change, says, study, monkeypatch, tmp_path, capsys) -> None:
    page = (study / "page.html").read_text(encoding="utf-8")
    block = BLOCK.search(page)
    assert block is not None
    said = change(json.loads(unescape(block[1])))
    text = page.replace(block[0], "" if said is None else block[0].replace(block[1], escape(json.dumps(said))))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert run(monkeypatch, "rerun", tmp_path / "page.html", "--posterior", study / "fit.nc") == 2
    assert says in capsys.readouterr().err
