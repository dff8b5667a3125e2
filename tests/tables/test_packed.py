"""Files that would swallow their own rows, or the memory of the machine."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from bayesineq.errors import GraphError, SchemaError
from bayesineq.records.engines import collected, connect
from bayesineq.space.contiguity import read_adjacency
from bayesineq.tables.files import read_table, refuse_bombs
from bayesineq.tables.sheets import read_titled


def lines(n: int = 160) -> list[str]:
    return ["area,name,cases", *(f"E01{k:06d},Place {k},{k + 8}" for k in range(n))]


def quoted(first: int, last: int, n: int = 160) -> str:
    """A quotation mark opens in the name of one row, and closes at the end of the name of a later one."""
    rows = lines(n)
    area, name, cases = rows[first].split(",")
    rows[first] = f'{area},"{name},{cases}'
    area, name, cases = rows[last].split(",")
    rows[last] = f'{area},{name}",{cases}'
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_that_a_quotation_mark_would_swallow_are_named(suffix: str, end: str, tmp_path: Path) -> None:
    content = quoted(5, 140).replace("\n", end).encode()
    path = tmp_path / f"table{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    # What a reader makes of it without a word: 135 of 160 rows are gone.
    assert len(pd.read_csv(path)) == 25
    with pytest.raises(SchemaError, match="row 6, column 'name', to row 141") as caught:
        read_table(path)
    assert caught.value.failures["row"].tolist() == [6]
    assert "Place" not in str(caught.value)


def test_every_such_cell_is_told_at_once(tmp_path: Path) -> None:
    rows = quoted(5, 9).splitlines()
    later = quoted(20, 30).splitlines()
    path = tmp_path / "table.csv"
    path.write_text("\n".join([*rows[:15], *later[15:]]) + "\n")
    with pytest.raises(SchemaError, match="row 6, column 'name', to row 10; row 21, column 'name', to row 31"):
        read_table(path)


@pytest.mark.parametrize(
    "text",
    [
        'area,name\nA,"a, b"\nB,"say ""so"""\n',
        'area,name\nA,12" pipe\nB,x\n',
        'area,"name\nof it"\nA,x\nB,y\n',
        'area,name\nA,"x"\nB,"y"',
    ],
)
def test_quotation_marks_that_close_in_their_row_do_no_harm(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    assert read_table(path)["area"].tolist() == ["A", "B"]


def test_records_and_edges_are_not_swallowed_either(tmp_path: Path) -> None:
    records = tmp_path / "people.csv"
    records.write_text(quoted(5, 140))
    with pytest.raises(SchemaError, match="row 6, column 'name', to row 141"):
        collected(connect(records))
    edges = tmp_path / "edges.csv"
    edges.write_text('first,second\nA,"B\nB,C\nC,D"\nD,E\n')
    with pytest.raises(GraphError, match="closes rows later"):
        read_adjacency(edges)


def test_a_bomb_in_gzip_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"area,cases\n" + b"0" * 120_000_000, compresslevel=9))
    assert path.stat().st_size < 200_000
    with pytest.raises(SchemaError, match="that is no table"):
        read_table(path)
    with pytest.raises(SchemaError, match="that is no table"):
        collected(connect(path))


def test_much_that_packs_connects_do_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines(50_000)).encode()))
    refuse_bombs(path, most=1_000)
    assert len(read_table(path)) == 50_000


def test_a_bomb_in_a_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b" " * 120_000_000)
    with pytest.raises(SchemaError, match="that is no table"):
        read_titled(path, "LSOA")
