"""Faults that the fuzzer found, each as it was found: they end in one message of a kind of its own."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import BayesineqError, SchemaError
from tests.cli.test_bad_input import area_health
from tests.fuzz.tried import judged, run

DEEP = "[" * 5_000 + "]" * 5_000
LONG = "1" * 400


def torn(content: bytes) -> bytes:
    """A gzip file whose head is whole and whose inside is not."""
    packed = bytearray(gzip.compress(content))
    packed[10] ^= 0xFF
    packed[14:18] = b"\xff\x00\xff\x00"
    return bytes(packed)


COHORT = "cohort {} --out o --from 2020-01-01 --to 2020-12-31"
COMPARE = "compare FILE --posterior x.nc --budget 1 --out o"
FILES: dict[str, tuple[str, bytes, str]] = {
    "a cohort card nested too deep": ("c.toml", f"a = {DEEP}".encode(), COHORT.format("FILE --source .")),
    "a mapping nested too deep": ("m.toml", f"a = {DEEP}".encode(), COHORT.format("stroke --source FILE")),
    "a schema nested too deep": ("s.json", DEEP.encode(), "check t.csv --schema FILE"),
    "a code list nested too deep": ("l.json", DEEP.encode(), "codes show FILE"),
    "a code list in TOML nested too deep": ("l.toml", f"codes = {DEEP}".encode(), "codes show FILE"),
    "a code list of 5,000 digits": ("l.toml", b"codes = " + b"1" * 5_000, "codes show FILE"),
    "a code list whose packing is torn": ("l.csv.gz", torn(b"code,term\nE11,a\n" * 90), "codes show FILE"),
    "a code list with a heading twice": ("l.csv", b"code,term,term\nE11,a,b\n", "codes show FILE"),
    "a table whose packing is torn": ("t.csv.gz", torn(b"area\na\n" * 90), "check FILE --schema area_counts"),
    "plans nested too deep": ("p.toml", f"a = {DEEP}".encode(), COMPARE),
    "a posterior that is none": ("p.nc", b"\x89HDF\r\n\x1a\n" + bytes(500), "summary FILE"),
    "a path of 5,000 signs": ("x", b"", f"summary {'A' * 5_000}"),
    "a table at a path of 5,000 signs": ("x", b"", f"check {'A' * 5_000} --schema area_counts"),
    "an output at a path of 5,000 signs": ("p.nc", b"x", f"summary FILE --csv {'A' * 5_000}"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_a_traceback_is_refused_in_words(name: str, tmp_path: Path, monkeypatch) -> None:
    called, content, arguments = FILES[name]
    monkeypatch.chdir(tmp_path)
    Path(called).write_bytes(content)
    Path("t.csv").write_text("area\n")
    status, said, fault = run([called if part == "FILE" else part for part in arguments.split()])
    assert fault is None
    assert status == 2
    assert judged(status, said) is None
    assert {path.name for path in tmp_path.iterdir()} == {called, "t.csv"}


WRONG: dict[str, Callable[[], pd.DataFrame]] = {
    "a whole number of 400 digits among texts": lambda: area_health().assign(residents=[LONG, "1", "2", "3"]),
    "a number of 5,000 digits": lambda: area_health().assign(residents=pd.Series([10**5_000, 1, 2, 3], dtype=object)),
    "bytes in a column of numbers": lambda: area_health().assign(residents=pd.Series([b"\xff"] * 4, dtype=object)),
    "lists in a column of numbers": lambda: area_health().assign(residents=pd.Series([[1]] * 4, dtype=object)),
    "tables in a column of numbers": lambda: area_health().assign(residents=pd.Series([{"a": 1}] * 4, dtype=object)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_was_a_traceback_is_refused_by_column(name: str) -> None:
    with pytest.raises(SchemaError, match="column 'residents'") as refused:
        bi.check(WRONG[name](), "area_health")
    assert len(str(refused.value)) < 2_000


def test_a_list_of_codes_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.csv.gz"
    path.write_bytes(gzip.compress(b"code,term\n" + b"E11,a\n" * 20_000_000, 1))
    status, said, fault = run(["codes", "show", str(path)])
    assert (status, fault) == (2, None)
    assert "unpacks to more than" in said


def test_every_reader_of_nested_text_refuses_what_is_nested_too_deep(tmp_path: Path) -> None:
    from bayesineq.cohort.groups import read_groups
    from bayesineq.cohort.rules import read_rules
    from bayesineq.decisions.read_plans import read_plans
    from bayesineq.model.read_card import read_card

    json_file, toml_file = tmp_path / "a.json", tmp_path / "a.toml"
    json_file.write_text(DEEP)
    toml_file.write_text(f"a = {DEEP}")
    for read, path in (
        (read_card, toml_file),
        (read_plans, toml_file),
        (read_rules, toml_file),
        (lambda p: read_groups(p, []), json_file),
        (lambda p: read_groups(p, []), toml_file),
    ):
        with pytest.raises(BayesineqError):
            read(path)
