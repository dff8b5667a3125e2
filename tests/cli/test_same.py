"""The same seed gives the same: bytes of every output within one run of the clock, numbers on any number of threads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.errors import BayesineqError

sys.path.insert(0, str(Path(__file__).parent))
from disclosure_world import cells, write


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    write(tmp_path, cells())
    monkeypatch.chdir(tmp_path)
    made = []
    for _ in range(2):
        given = ["--table", "cells.csv", "--draws", 100, "--seed", 1, "--no-progress"]
        run(monkeypatch, "fit", "close.toml", *given, "--out", "fit.nc")
        run(monkeypatch, "report", "fit.nc", "--areas", "areas.parquet", "--out", "page.html", "--acro", "acro")
        run(monkeypatch, "release", "fit.nc", "--out", "released.nc")
        made.append({path: path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()})
    assert len(made[0]) > 20
    assert [str(path) for path in made[0] if made[0][path] != made[1][path]] == []
    assert b"2025-06-15T15:06:40" in made[0][Path("page.html")]


def test_a_moment_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    place = bi.example()
    study = bi.design(place.table, bi.read_card("prevalence"), adjacency=place.adjacency)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(BayesineqError, match="is no number of seconds since 1970"):
        bi.fit(study, draws=10, seed=1, progress=False)


@pytest.mark.parametrize("threads", [2, 4])
def test_numbers_are_the_same_on_any_number_of_threads(threads: int) -> None:
    system = bi.simulate_system(n_areas=60, n_people=20_000, seed=1)
    study = bi.design(system.area_counts, bi.read_card("prevalence"), adjacency=system.adjacency)
    one, many = (
        bi.fit(study, engine=bi.LaplaceOptions(threads=n), draws=100, seed=1, progress=False)["posterior"].to_dataset()
        for n in (1, threads)
    )
    for name in one.data_vars:
        np.testing.assert_allclose(many[name], one[name], rtol=1e-9, atol=1e-9)
