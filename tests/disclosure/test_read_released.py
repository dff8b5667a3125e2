"""What was released is read by `measure` and `report`. Oracle: the same measures of the posterior itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.disclosure.read_released import is_released, load_released
from bayesineq.errors import PosteriorError
from bayesineq.report.tables.passed_on import NOT_IN_IT, measures_of_released
from bayesineq.report.tables.released import released_measures


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("released")
    path = folder / "released.nc"
    bi.disclosure.released(bi.example().post).to_netcdf(path, engine="h5netcdf")
    return bi.save(bi.example().post, folder / "fit.nc"), path


def test_measures_of_what_was_released_are_those_of_the_posterior(files: tuple[Path, Path]) -> None:
    """Draws of a table are in another order, which changes no summary; single precision keeps seven digits."""
    for by in ("imd_decile", "ethnicity"):
        here = measures_of_released(load_released(files[1]), by)
        there, _ = released_measures(bi.example().post, by)
        numbers = ["mean", "lower", "upper", "crude_mean"]
        assert here["parameter"].tolist() == there["parameter"].tolist()
        pd.testing.assert_frame_equal(here[numbers], there[numbers], rtol=1e-4, check_dtype=False)
        assert here["adjusted_for"].tolist() == there["adjusted_for"].tolist()
        assert here.attrs["words"][0] == NOT_IN_IT
        assert set(here.attrs["words"][1:]) <= set(there.attrs["words"])


def test_the_command_line_measures_and_reports_it(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch, capsys
) -> None:
    csv, page = tmp_path / "m.csv", tmp_path / "page.html"
    assert run(monkeypatch, "measure", files[1], "--by", "imd_decile", "--csv", csv) == 0
    said = capsys.readouterr().out
    assert NOT_IN_IT in said
    assert "Counts from 1 to 7 are suppressed" in said
    assert "sii" in set(pd.read_csv(csv)["parameter"])
    assert run(monkeypatch, "report", files[1], "--out", page) == 0
    text = page.read_text(encoding="utf-8")
    for wanted in (
        "What this page cannot show",
        "whether the fit passed its checks",
        "By deprivation decile",
        "area.csv",
    ):
        assert wanted in text
    assert run(monkeypatch, "report", files[1], "--out", page, "--explorer") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--explorer: such options go with a posterior, not what was released; leave them out" in said
    assert run(monkeypatch, "measure", files[1], "--by", "county") == 2
    assert "has tables by" in capsys.readouterr().err


def test_a_posterior_is_none_and_a_cut_file_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert [is_released(path) for path in files] == [False, True]
    with pytest.raises(PosteriorError, match="is no file that `bayesineq release` wrote"):
        load_released(files[0])
    tree = xr.open_datatree(files[1], engine="h5netcdf").load()
    tree["sex"] = tree["sex"].to_dataset().drop_vars("estimate")
    tree.to_netcdf(tmp_path / "cut.nc", engine="h5netcdf")
    with pytest.raises(PosteriorError, match="was cut or altered: sex: lacks 'estimate'"):
        load_released(tmp_path / "cut.nc")
