"""The sheet that holds the data is told by its columns; where two could, the user says which."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.lookups import area_parts, areas_within, read_changes
from bayesineq.tables.sheets import read_titled

LOOKUP = [["LSOA21CD", "ICB23CDH"], ["E01000001", "QJG"], ["E01000002", "QJG"]]
CODES = [["Title of column", "What it holds"], ["LSOA21CD", "Code of the area"], ["ICB23CDH", "Code of the board"]]
LISTED = [["Columns"], ["LSOA21CD"], ["ICB23CDH"]]


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    "order", [["Notes", "Listed", "Data"], ["Data", "Notes", "Listed"], ["Listed", "Data", "Notes"]]
)
def test_sheets_of_notes_that_name_the_columns_are_not_the_data(tmp_path: Path, order: tuple[str, ...]) -> None:
    sheets = {"Notes": CODES, "Listed": LISTED, "Data": [["A look-up"], [], *LOOKUP]}
    path = workbook(tmp_path / "lookup.xlsx", {name: sheets[name] for name in order})
    assert area_parts(path, "ICB23CDH").to_dict() == {"E01000001": "QJG", "E01000002": "QJG"}
    read = read_titled(path, ("^LSOA21CD$", "^ICB23CDH$"))
    assert read["LSOA21CD"].tolist() == ["E01000001", "E01000002"]
    assert read.index.tolist() == [4, 5]


def test_two_sheets_with_the_columns_are_refused_by_name_until_one_is_named(tmp_path: Path) -> None:
    later = [LOOKUP[0], ["E01000001", "QJG"], ["E01000002", "QH8"]]
    path = workbook(tmp_path / "two.xlsx", {"April 2023": LOOKUP, "April 2024": later, "Notes": CODES})
    with pytest.raises(SchemaError, match=r"2 sheets .* 'April 2023', 'April 2024'.*sheet='April 2023'"):
        areas_within(path, "QJG")
    assert areas_within(path, "QJG", sheet="April 2023") == ["E01000001", "E01000002"]
    assert areas_within(path, "QJG", sheet="April 2024") == ["E01000001"]
    with pytest.raises(SchemaError, match="has no sheet 'May'; its sheets are 'April 2023'"):
        areas_within(path, "QJG", sheet="May")


def test_the_sheet_with_more_of_the_columns_is_the_one(tmp_path: Path) -> None:
    exact = [["LSOA11CD", "LSOA21CD", "CHNGIND"], ["E01000001", "E01000001", "U"]]
    best = [["LSOA11CD", "LSOA21CD"], ["E01000001", "E01000001"]]
    path = workbook(tmp_path / "changes.xlsx", {"Best fit": best, "Exact fit": exact})
    assert read_changes(path)["change"].tolist() == ["unchanged"]
    with pytest.raises(SchemaError, match="no change indicator"):
        read_changes(path, sheet="Best fit")


def test_a_header_without_rows_below_and_a_title_that_stands_twice_are_no_data(tmp_path: Path) -> None:
    path = workbook(tmp_path / "empty.xlsx", {"Template": LOOKUP[:1], "Data": LOOKUP})
    assert len(read_titled(path, "^LSOA21CD$")) == 2
    twice = workbook(tmp_path / "twice.xlsx", {"Data": [["LSOA21CD", "LSOA21CD"], ["E01000001", "E01000002"]]})
    with pytest.raises(SchemaError, match="more than one column named 'LSOA21CD'"):
        read_titled(twice, "^LSOA21CD$")


def test_counts_that_are_missing_are_not_carried_as_zeros() -> None:
    from bayesineq.tables.lookups import carry_counts

    changes = pd.DataFrame({"area_2011": ["a", "b"], "area_2021": ["a", "b"], "change": "unchanged"})
    table = pd.DataFrame({"area": ["a", "b"], "cases": [1.0, None]})
    with pytest.raises(SchemaError, match="'cases': missing value"):
        carry_counts(table, ["cases"], changes)


def test_a_look_up_with_holes_is_refused(tmp_path: Path) -> None:
    from bayesineq.tables.lookups import carry_counts

    (tmp_path / "l.csv").write_text("LSOA21CD,ICB23CDH\nE01000001,QJG\n,QJG\nE01000003,QH8\n")
    with pytest.raises(SchemaError, match="'area': missing code of an area that lies there"):
        areas_within(tmp_path / "l.csv", "QJG")
    assert areas_within(tmp_path / "l.csv", "QH8") == ["E01000003"]
    (tmp_path / "c.csv").write_text("LSOA11CD,LSOA21CD,CHNGIND\nE01000001,,U\n")
    with pytest.raises(SchemaError, match="'area_2021': missing code"):
        read_changes(tmp_path / "c.csv")
    changes = pd.DataFrame({"area_2011": ["a"], "area_2021": [None], "change": "unchanged"})
    with pytest.raises(SchemaError, match="names no area of 2021 for a"):
        carry_counts(pd.DataFrame({"area": ["a"], "cases": [1]}), ["cases"], changes)
