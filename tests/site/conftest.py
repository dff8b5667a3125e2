"""Notebooks are run once, for their own tests and for the site."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.build import run_pages


@pytest.fixture(scope="session")
def ran(common: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Run a notebook unless a worker did so already; the folder with its page and pictures."""
    folder = common / "notebooks"

    def run_once(source: Path) -> Path:
        folder.mkdir(exist_ok=True)
        if not (folder / f"{source.stem}.md").is_file():
            own = tmp_path_factory.mktemp(source.stem)
            run_pages(own, [source])
            for made in sorted(own.glob("*.*"), key=lambda path: path.suffix == ".md"):  # the page last: it says "done"
                shutil.move(made, folder / made.name)
        return folder

    return run_once
