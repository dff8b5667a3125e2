"""Where the studies leave their plots and tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of the environment variable BAYESINEQ_CALIBRATION, or a temporary one."""
    return Path(os.environ.get("BAYESINEQ_CALIBRATION") or tmp_path)
