"""Outputs: whole, together, of one step; nothing of the user's own is lost, and nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from bayesineq.errors import BayesineqError
from bayesineq.replacing import WRITTEN, csv_bytes, plain_text, refuse_inputs, replacing, write_folder, write_together
from tests.killed import in_child


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != WRITTEN}


def test_two_files_are_replaced_together(tmp_path: Path) -> None:
    one, two = tmp_path / "a.csv", tmp_path / "a.audit.csv"
    write_together({one: b"old", two: b"old"})
    write_together({one: b"new", two: b"new"})
    assert held(tmp_path) == {"a.csv": b"new", "a.audit.csv": b"new"}


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_where_one_of_them_cannot_be_put_in_place_all_stay_as_they_were(at: int, tmp_path: Path, monkeypatch) -> None:
    files = [tmp_path / f"{k}.csv" for k in range(3)]
    for file in files[:2]:
        file.write_bytes(b"old")
    done, replace = [], Path.replace

    def refuse(self: Path, target: Path) -> Path:
        done.append(target)
        if len(done) == at:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(BayesineqError, match=r"No space left on device\); what stood there is as it was"):
        write_together(dict.fromkeys(files, b"new"))
    monkeypatch.undo()
    assert held(tmp_path) == {"0.csv": b"old", "1.csv": b"old"}


KILLED = """
import os, sys
from pathlib import Path
from bayesineq.replacing import write_together
folder, at, done, replace = Path(sys.argv[1]), int(sys.argv[2]), [], Path.replace
def end(self, target):
    done.append(target)
    if len(done) == at:
        os.kill(os.getpid(), 9)
    return replace(self, target)
Path.replace = end
write_together({folder / f"{k}.csv": b"new" for k in range(3)})
"""


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.skipif(os.name == "nt", reason="a kill that cannot be caught")
def test_a_kill_between_two_files_is_finished_by_the_next_output(at: int, tmp_path: Path) -> None:
    write_together({tmp_path / f"{k}.csv": b"old" for k in range(3)})
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False)
    assert ended.returncode == -9
    write_together({tmp_path / "other.txt": b"other"})
    # Before the note of what is to be done stands there, nothing is; after that, all.
    one = b"old" if at == 1 else b"new"
    assert held(tmp_path) == {**{f"{k}.csv": one for k in range(3)}, "other.txt": b"other"}


@pytest.mark.skipif(os.name == "nt", reason="a kill that cannot be caught")
@pytest.mark.parametrize("own", [False, True])
def test_a_kill_at_any_step_over_several_folders_leaves_all_old_or_all_new(own: bool, tmp_path: Path) -> None:
    """`own`: whether a folder holds a file of the user's own, and so is written file by file."""

    def held_by(place: Path) -> dict[str, bytes]:
        return {
            str(f.relative_to(place)): f.read_bytes() for f in place.rglob("*") if f.is_file() and f.name != WRITTEN
        }

    seen, at = set(), 0
    while True:
        at += 1
        place = tmp_path / str(at)
        for name in ("a", "b"):
            (place / name).mkdir(parents=True)
        old = {"x.csv": b"old", "gone.csv": b"old"}
        write_together({place / "a" / "0.csv": b"old"}, {place / "b" / "acro": old})
        if own:
            (place / "b" / "acro" / "mine.txt").write_bytes(b"mine")
        before = held_by(place)
        files = {"x.csv": b"new", "sums/x.txt": b"new"}
        two = {place / "a" / f"{k}.csv": b"new" for k in range(2)}
        work = partial(write_together, two, {place / "b" / "acro": files, place / "c": files})
        ended = in_child(work, at=at)
        if ended == 0:
            break
        assert ended == -9
        # Whichever folder is written into first finishes the others.
        for name in ("a", "b", ".", "b/acro")[at % 4 :] + ("a", "b", ".", "b/acro")[: at % 4]:
            if (place / name).is_dir():
                write_together({place / name / "next.txt": b""})
                (place / name / "next.txt").unlink()
        write_folder(place / "b" / "acro" / "sums", {})
        (place / "b" / "acro" / "sums" / WRITTEN).unlink()
        assert not [path for path in place.rglob("*") if path.name.startswith(".bayesineq")]
        found = held_by(place)
        new = {"a/0.csv", "a/1.csv", "b/acro/x.csv", "b/acro/sums/x.txt", "c/x.csv", "c/sums/x.txt"}
        wanted = dict.fromkeys(new, b"new") | ({"b/acro/mine.txt": b"mine"} if own else {})
        assert found in (before, wanted), at
        seen.add(found == before)
    assert seen == {True, False}


@pytest.mark.skipif(os.name == "nt", reason="a kill that cannot be caught")
def test_what_a_killed_process_left_is_removed_and_what_a_running_one_has_is_not(tmp_path: Path) -> None:
    code = "import os, sys; from bayesineq.replacing import replacing\nwith replacing(sys.argv[1]) as beside:\n"
    subprocess.run(
        [sys.executable, "-c", code + " beside.write_text('half'); os.kill(os.getpid(), 9)", str(tmp_path / "a.csv")],
        check=False,
    )
    assert len(names(tmp_path)) == 1
    with replacing(tmp_path / "b.csv") as beside:
        write_together({tmp_path / "c.csv": b"c"})
        assert beside.exists()
        beside.write_bytes(b"b")
    assert held(tmp_path) == {"b.csv": b"b", "c.csv": b"c"}


def test_a_folder_is_replaced_as_one_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "compared"
    write_folder(folder, {"options.csv": b"1", "frontier.csv": b"1"})
    assert set(json.loads((folder / WRITTEN).read_text())) == {"options.csv", "frontier.csv"}
    write_folder(folder, {"options.csv": b"2"})
    assert held(folder) == {"options.csv": b"2"}
    (folder / "notes.txt").write_bytes(b"mine")
    write_folder(folder, {"options.csv": b"3", "frontier.csv": b"3"})
    write_folder(folder, {"options.csv": b"4"})
    assert held(folder) == {"options.csv": b"4", "notes.txt": b"mine"}
    assert names(tmp_path) == ["compared"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_of_the_users_own_in_the_way_is_refused_and_stays(when: str, tmp_path: Path) -> None:
    folder = tmp_path / "compared"
    if when == "after":
        write_folder(folder, {"cases.csv": b"1", "options.csv": b"1"})
    else:
        folder.mkdir()
    (folder / "cases.csv").write_bytes(b"my cases")
    before = held(folder)
    with pytest.raises(BayesineqError, match=r"holds cases\.csv, which was not written there.*move it"):
        write_folder(folder, {"cases.csv": b"2", "options.csv": b"2"})
    assert held(folder) == before
    assert names(tmp_path) == ["compared"]


def test_a_full_disk_within_a_folder_leaves_the_earlier_one(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "compared"
    write_folder(folder, {"a.csv": b"1", "b.csv": b"1"})
    write, calls = os.write, []

    def full(handle: int, content: bytes) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(BayesineqError, match="No space left on device"):
        write_folder(folder, {"a.csv": b"2", "b.csv": b"2"})
    monkeypatch.undo()
    assert held(folder) == {"a.csv": b"1", "b.csv": b"1"}
    assert names(tmp_path) == ["compared"]


def test_outputs_that_cannot_be_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BayesineqError, match="is a file; give the name of a folder"):
        write_folder(tmp_path / "file", {"a.csv": b""})
    with pytest.raises(BayesineqError, match="is a folder; give the name of a file"):
        write_together({tmp_path: b""})
    with pytest.raises(BayesineqError, match="does not exist; make it first"):
        write_together({tmp_path / "none" / "a.csv": b""})
    with pytest.raises(BayesineqError, match="is no name of a file"):
        write_together({tmp_path / "a\0b": b""})
    with pytest.raises(BayesineqError, match="File name too long"):
        write_together({tmp_path / ("a" * 300): b""})


def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_together({link: b"new"})
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    with replacing(link) as beside:
        beside.write_bytes(b"newer")
    assert link.is_symlink()
    assert real.read_bytes() == b"newer"


def test_an_output_that_is_an_input_is_refused_by_whatever_path(tmp_path: Path) -> None:
    fit, link = tmp_path / "fit.nc", tmp_path / "link.nc"
    fit.write_bytes(b"draws")
    link.symlink_to(fit)
    (tmp_path / "hard.nc").hardlink_to(fit)
    for other in (fit, link, tmp_path / "hard.nc", tmp_path / "x" / ".." / "fit.nc"):
        with pytest.raises(BayesineqError, match="is what POSTERIOR reads: it would be lost"):
            refuse_inputs({"--csv": other}, {"POSTERIOR": fit})
    refuse_inputs({"--csv": tmp_path / "table.csv"}, {"POSTERIOR": fit})


FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://a")',
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "+1+1",
    "-1+1",
    "-2+3+cmd",
    "\t=1",
    "\r=1",
]


def test_no_cell_is_a_formula_to_a_spreadsheet_and_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"name": FORMULAS, "+x": ["-1.5"] * len(FORMULAS), "value": [-1.0] * len(FORMULAS)})
    table["group"] = pd.Categorical(FORMULAS)
    written = pd.read_csv(pd.io.common.BytesIO(csv_bytes(table)), keep_default_na=False, dtype=str)
    assert list(written.columns) == ["name", "'+x", "value", "group"]
    for column in ("name", "group"):
        assert written[column].tolist() == [f"'{text}" for text in FORMULAS]
    assert set(written["'+x"]) == {"-1.5"}
    assert set(written["value"]) == {"-1.0"}


@pytest.mark.parametrize("text", ["-5", "+3.5", "-1,200", "-5%", "-1e-3", "-", "E01000001", "a=b", "", "A-B"])
def test_numbers_and_plain_text_are_written_as_they_are(text: str) -> None:
    assert plain_text(text) == text


@pytest.mark.skipif(os.name == "nt", reason="processes of POSIX")
def test_two_writers_never_mix_their_files(tmp_path: Path) -> None:
    """Two processes write the same table, audit and folder twenty times each."""

    def write(tag: bytes) -> None:
        for _ in range(20):
            write_together({tmp_path / "a.csv": tag, tmp_path / "a.audit.csv": tag}, {tmp_path / "acro": {"x": tag}})

    first = os.fork()
    if not first:
        os._exit(in_child(partial(write, b"one")))
    assert in_child(partial(write, b"two")) == 0
    assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0
    found = {(tmp_path / name).read_bytes() for name in ("a.csv", "a.audit.csv", "acro/x")}
    assert len(found) == 1
    assert names(tmp_path) == ["a.audit.csv", "a.csv", "acro"]
