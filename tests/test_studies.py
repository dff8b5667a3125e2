"""The last part of a study to end judges all of it, whichever worker ends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tests.studies import PARTS, common_folder, shared_study


def squares(seeds: Sequence[int]) -> list[pd.DataFrame]:
    return [pd.DataFrame({"seed": seeds, "square": [s * s for s in seeds]}), pd.DataFrame({"n": [len(seeds)]})]


def test_only_the_last_part_gets_all_tables(tmp_path: Path) -> None:
    order = [2, 0, 3, 1]
    assert [shared_study(tmp_path, "squares", p, range(10), squares) for p in order[:-1]] == [None] * (PARTS - 1)
    found = shared_study(tmp_path, "squares", order[-1], range(10), squares)
    assert found is not None
    assert sorted(found[0]["square"]) == [s * s for s in range(10)]
    assert found[1]["n"].sum() == 10


def test_workers_share_a_folder_that_one_process_does_not_need(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert common_folder(tmp_path) == tmp_path
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    assert common_folder(tmp_path / "gw1") == tmp_path
