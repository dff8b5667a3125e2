"""What commands write: whole or not at all, whatever the disk, the terminal and the names of files are like."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesineq as bi
from bayesineq.cli import main
from bayesineq.errors import PosteriorError
from bayesineq.posterior.files import CHECKSUM

PLANS = """
[[intervention]]
name = "=HYPERLINK(1)"
source = "made up for the test"
cost = 10
effect = { measure = "risk ratio", value = 0.8, lower = 0.7, upper = 0.9 }
uptake = 0.5
"""


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A posterior on the disk."""
    return bi.save(bi.example().post, tmp_path_factory.mktemp("saved") / "fit.nc")


@pytest.fixture
def fit(saved: Path, tmp_path: Path) -> Path:
    """A copy that may be harmed."""
    path = tmp_path / "fit.nc"
    path.write_bytes(saved.read_bytes())
    return path


def test_an_output_that_is_the_input_is_refused_and_the_input_stays(fit: Path, monkeypatch, capsys) -> None:
    before = fit.read_bytes()
    (fit.parent / "link.csv").symlink_to(fit)
    plans = fit.parent / "plans.toml"
    plans.write_text(PLANS)
    for command in (
        ["summary", fit, "--csv", fit],
        ["summary", fit, "--csv", fit.parent / "link.csv"],
        ["measure", fit, "--by", "ethnicity", "--csv", fit.parent / "." / "fit.nc"],
        ["release", fit, "--out", fit],
        ["report", fit, "--areas", "none.gpkg", "--out", fit],
        ["fit", "prevalence", "--table", fit, "--out", fit],
        ["compare", plans, "--posterior", fit, "--budget", 1000, "--out", fit],
    ):
        assert run(monkeypatch, *command) == 2
        message = capsys.readouterr().err
        assert message.count("Error") == 1
        assert "fit.nc" in message or "link.csv" in message
        assert fit.read_bytes() == before
    audit = fit.rename(fit.parent / "x.audit.csv")
    assert run(monkeypatch, "summary", audit, "--csv", fit.parent / "x.csv") == 2
    assert audit.read_bytes() == before


CAPPED = """
import resource, sys
from bayesineq.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.argv = ["bayesineq", *sys.argv[1:]]
main()
"""


NARROW = """
import resource, sys
import bayesineq.posterior.files, bayesineq.report.page.checked, bayesineq.posterior.kernel, bayesineq.inference.fit
from bayesineq.cli import main
used = 4096 * int(open("/proc/self/statm").read().split()[5]) + 2**20 * int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (used, used))
sys.argv = ["bayesineq", *sys.argv[2:]]
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="environments of POSIX")
def test_without_a_home_or_a_language_in_a_folder_of_odd_names(fit: Path, tmp_path: Path) -> None:
    odd = tmp_path / " a \u00fc.d" / "-x."
    odd.mkdir(parents=True)
    (odd / "-p \u00f6..nc").write_bytes(fit.read_bytes())
    bare = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(sys.path)}
    for arguments in (
        ["summary", "./-p \u00f6..nc", "--csv", "\u00fc =1.csv"],
        ["measure", "../-x./-p \u00f6..nc", "--by", "ethnicity", "--csv", "m.csv"],
        ["report", "--out", "r \u00e9.html", "--", "-p \u00f6..nc"],
    ):
        ended = subprocess.run(
            [sys.executable, "-c", "from bayesineq.cli import main; main()", *arguments],
            check=False, capture_output=True, text=True, encoding="utf-8", cwd=odd, env=bare, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
    made = {"\u00fc =1.csv", "\u00fc =1.audit.csv", "m.csv", "m.audit.csv", "r \u00e9.html", "r \u00e9.audit.csv"}
    assert {path.name for path in odd.iterdir()} == made | {"-p \u00f6..nc"}


@pytest.mark.skipif(sys.platform != "linux", reason="limits and sizes of Linux")
def test_too_little_memory_is_a_refusal_that_says_what_to_do(tmp_path: Path) -> None:
    """As 135,000 areas under 3 GB: here 3,000 with room for 24 MB beside what is imported."""
    n, out = 3_000, tmp_path / "out.nc"
    rng = np.random.default_rng(1)
    areas = [f"E0{1_000_000 + k}" for k in range(n)]
    shares = {name: rng.uniform(0.01, 0.2, n) for name in ("asian", "black", "mixed", "other", "aged_65_and_over")}
    table = {"area": areas, "imd_decile": np.arange(n) % 10 + 1, "residents": 1_500, "bad_health": rng.poisson(75, n)}
    pd.DataFrame(table | shares).to_csv(tmp_path / "table.csv", index=False)
    pd.DataFrame({"area": areas[1:], "neighbour": areas[:-1]}).to_csv(tmp_path / "borders.csv", index=False)
    arguments = ["fit", "area_health", "--table", tmp_path / "table.csv", "--adjacency", tmp_path / "borders.csv"]

    def ended_with(room: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", NARROW, str(room), *map(str, arguments), "--out", str(out)],
            check=False, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    # The first has room to compile what is not compiled yet, too.
    enough = ended_with(8_000)
    assert enough.returncode == 0, enough.stderr
    out.write_bytes(b"earlier")
    ended = ended_with(24)
    assert ended.returncode == 2, ended.stderr
    assert "not enough memory" in ended.stderr
    assert "--draws" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert out.read_bytes() == b"earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["borders.csv", "out.nc", "table.csv"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
@pytest.mark.parametrize("command", ["summary", "release", "compare", "measure"])
def test_a_disk_without_room_is_one_message_and_what_stood_there_stays(command: str, fit: Path) -> None:
    folder = fit.parent
    (folder / "plans.toml").write_text(PLANS)
    out = folder / ("out.nc" if command == "release" else "out.csv")
    out.write_bytes(b"earlier")
    arguments = {
        "summary": [fit, "--csv", out],
        "measure": [fit, "--by", "area", "--csv", out],
        "release": [fit, "--out", out],
        "compare": [folder / "plans.toml", "--posterior", fit, "--budget", 100_000, "--out", folder / "compared"],
    }[command]
    ended = subprocess.run(
        [sys.executable, "-c", CAPPED, command, *map(str, arguments)], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("Error") == 1
    assert "File too large" in ended.stderr
    assert out.read_bytes() == b"earlier"
    assert sorted(p.name for p in folder.iterdir()) == sorted(["fit.nc", "plans.toml", out.name])


def test_a_posterior_is_saved_whole_or_not_at_all(saved: Path, tmp_path: Path) -> None:
    """Where the library beneath met the full disk itself, the process died of a segmentation fault."""
    code = """
import resource, sys
import bayesineq as bi
from bayesineq.errors import BayesineqError
post = bi.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    bi.save(post, sys.argv[2])
except BayesineqError as error:
    print(error)
"""
    out = tmp_path / "fit.nc"
    out.write_bytes(b"earlier")
    if os.name == "nt":
        pytest.skip("limits of POSIX")
    ended = subprocess.run(
        [sys.executable, "-c", code, str(saved), str(out)], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0
    assert "File too large); what stood there is as it was" in ended.stdout
    assert out.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["fit.nc"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_a_terminal_that_lacks_a_sign_is_given_a_plainer_one(encoding: str, fit: Path, monkeypatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    plans = fit.parent / "plans.toml"
    plans.write_text(PLANS)
    monkeypatch.setattr(sys, "stdout", stream)
    out = ["--posterior", fit, "--budget", 100_000, "--seed", 1, "--out", fit.parent / "compared"]
    assert run(monkeypatch, "compare", plans, *out) == 0
    stream.flush()
    assert "highest expected net benefit" in stream.buffer.getvalue().decode(encoding)


def test_no_table_of_a_comparison_holds_a_formula(fit: Path, monkeypatch, capsys) -> None:
    plans, out = fit.parent / "plans.toml", fit.parent / "compared"
    plans.write_text(PLANS)
    given = ["--posterior", fit, "--budget", 100_000, "--seed", 1, "--out", out]
    assert run(monkeypatch, "compare", plans, *given) == 0
    for file in out.glob("*.csv"):
        cells = pd.read_csv(file, dtype=str, keep_default_na=False).to_numpy().ravel()
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    assert "'=HYPERLINK(1)" in (out / "options.csv").read_text(encoding="utf-8")
    own = out / "cases.csv"
    own.write_text("mine")
    capsys.readouterr()
    assert run(monkeypatch, "compare", plans, *given) == 2
    assert "cases.csv" in capsys.readouterr().err
    assert own.read_text() == "mine"


def altered(fit: Path, change) -> Path:
    """The same file, one thing in it another."""
    with xr.open_datatree(fit, engine="h5netcdf") as opened:
        tree = opened.load()
    change(tree)
    path = fit.with_name("altered.nc")
    tree.to_netcdf(path, engine="h5netcdf")
    return path


def one_draw(tree: xr.DataTree) -> None:
    tree["posterior"]["intercept"][0, 0] += 1e-9


def endless(tree: xr.DataTree) -> None:
    tree["posterior"]["intercept"][0, 0] = np.inf


def one_row(tree: xr.DataTree) -> None:
    tree["constant_data"]["population"][3] += 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (one_draw, "was altered since it was written"),
        (one_row, "was altered since it was written"),
        (lambda tree: tree.attrs.update(card_name="another"), "was altered since it was written"),
        (lambda tree: tree.attrs.pop(CHECKSUM), "has no checksum"),
        (endless, r"draws of \['intercept'\] are no numbers"),
    ],
)
def test_a_posterior_that_is_not_as_it_was_written_is_refused(change, says: str, fit: Path) -> None:
    with pytest.raises(PosteriorError, match=says):
        bi.load(altered(fit, change))


def test_a_posterior_that_was_written_is_read_as_it_was(fit: Path) -> None:
    xr.testing.assert_identical(bi.load(altered(fit, lambda tree: None)), bi.load(fit))
    post = bi.load(fit)
    endless(post)
    with pytest.raises(PosteriorError, match="are no numbers"):
        bi.save(post, fit.with_name("other.nc"))
