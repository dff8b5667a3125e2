"""Every notebook runs from the first cell to the last, draws its figures, and says what must not be concluded."""

import re
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_without_a_warning_and_draws(source, ran):
    folder = ran(source)
    page = (folder / f"{source.stem}.md").read_text(encoding="utf-8")
    pictures = list(folder.glob(f"{source.stem}_*.png"))
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    printed = re.findall(r"^```text\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert "FAILED" not in "".join(printed)
    assert len("".join(printed).splitlines()) > 10


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_begins_with_a_title_and_ends_with_limits(source):
    cells = jupytext.read(source).cells
    assert cells[0].cell_type == "markdown"
    assert re.match(r"# \w", cells[0].source)
    assert cells[-1].cell_type == "markdown"
    for words in ("## What may be concluded, and what not", "**May:**", "**May not:**"):
        assert words in cells[-1].source


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_output_and_only_public_names(source):
    cells = jupytext.read(source).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert not re.search(r"(?:\bimport |\w\.)_[a-z]", "\n".join(cell.source for cell in code))


@pytest.mark.parametrize("name", ["08_records_to_report", "09_board_to_pathway"])
def test_persons_become_a_report_in_25_lines(name):
    code = [cell.source for cell in jupytext.read(FOLDER / f"{name}.py").cells if cell.cell_type == "code"]
    (script,) = [source for source in code if "write_report" in source]
    lines = [line for line in script.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) <= 25
    assert all(of in script for of in ("records.", "cohort.cohort(", "cohort_cells(", "bi.fit(", "ru_maxrss"))


def test_the_folder_is_the_list_in_its_readme():
    listed = re.findall(r"^\| `(\w+\.py)`", (FOLDER / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert listed == [path.name for path in NOTEBOOKS]
    # A rendered notebook beside its source would hold output that nothing keeps up to date.
    kept = {path.name for path in FOLDER.iterdir() if not path.name.startswith((".", "__"))}
    assert kept <= {*listed, "README.md"}
