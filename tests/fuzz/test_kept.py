"""Faults that the fuzzer found, each as it was found: they end in one message of a kind of its own."""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import BayesineqError, SchemaError
from bayesineq.own import read_mapped
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


MAPPING = '[columns]\narea = "a"\nevents = "n"\npopulation = "p"\n'
COLUMNS = "area,n,p\nE01000001,3,90\nE01000002,4,90\n"
MAPPINGS = {
    "values of a column that are a list": ('[values]\narea = ["x"]\n', "values"),
    "a long table that is text": ('[long]\nsex = "x"\n', "long"),
    "values that are left out and are no list": ("[leave_out]\narea = 1\n", "leave_out"),
    "ends that are suppressed the wrong way round": ("", "suppressed"),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_of_other_types_is_refused_by_key(name: str, tmp_path: Path) -> None:
    text, key = MAPPINGS[name]
    path = tmp_path / "m.toml"
    path.write_text((MAPPING + text) if text else f"suppressed = [7, 1]\n{MAPPING}")
    with pytest.raises(SchemaError, match=f"{key}: is .*; write"):
        read_mapped(path, pd.DataFrame({"a": ["x"], "n": [1], "p": [2]}))


def test_a_mapping_of_records_whose_alternatives_are_no_list_is_refused(tmp_path: Path) -> None:
    text = '[persons]\ntable = "p"\nperson = { first = 5 }\nbirth = "b"\n'
    (tmp_path / "m.toml").write_text(f'name = "x"\n{text}')
    status, said, fault = run([*COHORT.format("stroke --source . --mapping").split(), str(tmp_path / "m.toml")])
    assert (status, fault) == (2, None)
    assert judged(status, said) is None


def test_a_table_of_ones_own_whose_packing_is_torn_or_lines_end_oddly_is_answered(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(torn(COLUMNS.encode() * 50))
    with pytest.raises(SchemaError, match="cannot be unpacked"):
        bi.start(tmp_path / "t.csv.gz")
    (tmp_path / "t.csv").write_bytes(COLUMNS.replace("\n", "\r").encode())
    table = bi.own.read_mapped(_mapping(tmp_path), tmp_path / "t.csv")
    assert table["events"].tolist() == [3, 4]


def _mapping(folder: Path) -> Path:
    path = folder / "m.toml"
    path.write_text(MAPPING.replace('"a"', '"area"'))
    return path


def test_a_column_of_ethnicity_that_holds_numbers_is_no_traceback() -> None:
    table = pd.DataFrame({"Ethnicity": ["1", "2", "3"], "area": ["E01000001"] * 3, "n": [1, 2, 3], "pop": [50, 60, 70]})
    with pytest.raises(SchemaError):
        bi.start(table)


def test_a_release_that_is_none_is_named_and_a_page_of_endless_numbers_refused(tmp_path: Path) -> None:
    (tmp_path / "r.nc").write_bytes(b"no file of draws")
    status, said, fault = run(["attack", str(tmp_path)])
    assert (status, fault) == (2, None)
    assert "cannot be read as a release" in said
    block = '{"card": "", "engine": "laplace", "draws": 9, "chains": 1, "rule": {}, "made": {}, "figures": [["a", "b", '
    text = (block + "1" * 400 + ", 1, 1]]}").replace('"', "&quot;")
    (tmp_path / "p.html").write_text(f'<meta name="bayesineq-rerun" content="{text}">')
    status, said, fault = run(["rerun", str(tmp_path / "p.html"), "--table", "t.csv"])
    assert (status, fault) == (2, None)
    assert "damaged" in said


def test_a_page_whose_rule_has_other_kinds_of_values_is_damaged(tmp_path: Path) -> None:
    said = {"card": bi.read_card("prevalence").source, "engine": "laplace", "draws": 9, "chains": 1, "made": {},
            "rule": {"name": "hes", "threshold": 7, "base": 5, "zeros": 0.5}, "figures": []}  # fmt: skip
    (tmp_path / "p.html").write_text(f'<meta name="bayesineq-rerun" content="{html.escape(json.dumps(said))}">')
    status, told, fault = run(["rerun", str(tmp_path / "p.html"), "--table", "t.csv"])
    assert (status, fault) == (2, None)
    assert "zeros=0.5 is not True or False" in told


def test_a_posterior_whose_table_of_groups_is_damaged_is_refused(tmp_path: Path) -> None:
    whole = Path(tmp_path / "r.nc")
    with h5py.File(whole, "w") as file:
        file.create_group("posterior")
    held = bytearray(whole.read_bytes())
    for at in range(0, len(held), 7):
        damaged = held.copy()
        damaged[at] ^= 0xFF
        (tmp_path / "p.nc").write_bytes(damaged)
        status, _, fault = run(["measure", str(tmp_path / "p.nc"), "--by", "area"])
        assert (status, fault) == (2, None), at


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
