"""Every block of the front page runs in a fresh folder, on files that the repository makes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.build import DOCS, ROOT, run_pages
from docs.run import blocks, run_python

README = ROOT / "README.md"


def make_files(folder: Path) -> None:
    """A stranger's workbook, and the tables of the page on ethnicity, as the site's pages make them."""
    for page in ("first_hour.md", "how_to/latent_ethnicity.md"):
        first = next(block.source for block in blocks(DOCS / page) if block.kind == "python")
        run_python(first, page, {})
    assert {path.name for path in folder.iterdir()} >= {"mine.xlsx", "counts.csv", "census.csv", "edges.csv"}


@pytest.mark.slow
def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path / "files" / "README"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    make_files(here)
    run_pages(tmp_path, [README])
    for made in ("report.html", "study/report.html", "study/card.toml", "fit.nc"):
        assert (here / made).is_file()
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "'Diabetes register'" in page
    assert "sii" in page


def test_every_block_is_one_that_runs() -> None:
    fences = re.findall(r"^```(\w+)", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(fences) == {"python", "sh", "text"}
    assert sum(block.kind != "text" for block in blocks(README)) == len(fences) - fences.count("text") == 4


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_two_commands_are_those_of_the_makefile() -> None:
    text = next(block.source for block in blocks(README) if "make demo" in block.source)
    targets = re.findall(r"^make (\w+)", text, flags=re.MULTILINE)
    assert targets == ["demo", "test"]
    # What `make demo` runs is run by tests/cli/test_demo.py; `make test` runs what you read.
    said = {"demo": "bayesineq demo --out demo", "test": "-m pytest"}
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
        assert said[target] in done.stdout


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (ROOT / link).is_file()]
