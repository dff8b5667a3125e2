"""Small files that would unpack to very much, and files that hold scripts: refused in words, within the same memory."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesineq as bi
from bayesineq.errors import BayesineqError, SchemaError
from bayesineq.space.areas import read_areas
from bayesineq.tables.files import refuse_bombs, refuse_packed
from tests.fuzz.tried import judged, run

ENTITIES = "".join(f'<!ENTITY a{k + 1} "{f"&a{k};" * 10}">' for k in range(9))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{ENTITIES}]>'


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, held in files.items():
            file.writestr(name, held)
    return content.getvalue()


def workbook(sheet: bytes) -> bytes:
    """A workbook whose one sheet is replaced."""
    content = io.BytesIO()
    pd.DataFrame({"area": ["E01000001"], "n": [1]}).to_excel(content, index=False)
    with zipfile.ZipFile(content) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return packed(parts | {"xl/worksheets/sheet1.xml": sheet})


def refused(arguments: list[object]) -> str:
    status, said, fault = run([str(part) for part in arguments])
    assert fault is None
    assert status == 2, said
    assert judged(status, said) is None
    return said


def test_a_gzipped_table_that_unpacks_without_end_is_refused_by_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"area,n\n" + b"E01000001,1\n" * 20_000_000, 1))
    for command in (
        ["start", path, "--out", tmp_path / "s"],
        ["check", path, "--schema", "area_counts"],
        ["check", path],
    ):
        assert "unpacks to more than" in refused(command)


def test_a_workbook_that_unpacks_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook(b"<worksheet>" + b" " * 400_000_000 + b"</worksheet>"))
    assert path.stat().st_size < 1_000_000
    for command in (["start", path, "--out", tmp_path / "s"], ["check", path]):
        assert "unpacks to" in refused(command)
    with pytest.raises(SchemaError, match="unpacks to"):
        refuse_packed(path)


def test_a_workbook_that_understates_its_parts_is_refused(tmp_path: Path) -> None:
    """A size in the directory that is not that of the part: no more than it says is read, and that is damaged."""
    content = bytearray(workbook(b"<worksheet>" + b" " * 400_000_000 + b"</worksheet>"))
    for sign, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = content.find(sign)
        while place >= 0:
            if struct.unpack_from("<I", content, place + at)[0] > 1_000_000:
                struct.pack_into("<I", content, place + at, 500)
            place = content.find(sign, place + 4)
    path = tmp_path / "t.xlsx"
    path.write_bytes(bytes(content))
    assert "cannot be read" in refused(["start", path, "--out", tmp_path / "s"])


@pytest.mark.parametrize("name", ["t.xlsx", "t.ods"])
def test_entities_that_expand_without_end_are_refused(name: str, tmp_path: Path) -> None:
    sheet = f'{LAUGHS}<worksheet><sheetData><row><c t="str"><v>&a9;</v></c></row></sheetData></worksheet>'.encode()
    content = workbook(sheet) if name == "t.xlsx" else packed({"content.xml": sheet})
    (tmp_path / name).write_bytes(content)
    refused(["start", tmp_path / name, "--out", tmp_path / "s"])


def test_parquet_that_says_it_is_enormous_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    pq.write_table(pa.table({"area": ["E01000001"] * 9, "n": list(range(9))}), whole, compression="none")
    content = bytearray(whole.getvalue())
    struct.pack_into("<I", content, len(content) - 8, 2**31 - 1)
    (tmp_path / "t.parquet").write_bytes(bytes(content))
    for command in (["check", tmp_path / "t.parquet", "--schema", "area_counts"],
                    ["start", tmp_path / "t.parquet", "--out", tmp_path / "s"]):  # fmt: skip
        refused(command)


def test_a_drawing_in_place_of_boundaries_is_refused_and_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("E01999999")
    outside = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{secret}">]>'
    for text in (f"{LAUGHS}<svg>&a9;</svg>", f"{outside}<svg><script>alert(1)</script><text>&a;</text></svg>"):
        (tmp_path / "areas.svg").write_text(text)
        with pytest.raises(BayesineqError) as told:
            read_areas(tmp_path / "areas.svg")
        assert "E01999999" not in str(told.value)


def test_zipped_boundaries_that_unpack_without_end_or_elsewhere_are_refused(tmp_path: Path) -> None:
    before = {*tmp_path.parent.iterdir()}
    for name, held in (("areas.geojson", b" " * 300_000_000), ("../../areas.geojson", b"{}"), ("/etc/areas", b"{}")):
        path = tmp_path / "areas.geojson.zip"
        path.write_bytes(packed({name: held}))
        with pytest.raises(BayesineqError):
            read_areas(path)
    assert {*tmp_path.parent.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"areas.geojson.zip"}


def test_a_script_in_a_name_is_text_in_every_drawing(tmp_path: Path) -> None:
    from bayesineq.report.figures.gradient import plot_gradient
    from bayesineq.report.figures.style import to_svg

    name = '<script>alert(1)</script>"&amp;]]>'
    draws = bi.expected(bi.example().post, by="imd_decile")
    chart = plot_gradient(bi.disclosure.covered(draws), "imd_decile", title=name, outcome=name)
    content = to_svg(chart).decode()
    assert "<script" not in content
    assert "<!ENTITY" not in content


def test_what_is_packed_within_reason_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"area,n\n" + b"E01000001,1\n" * 1_000))
    refuse_bombs(path)
