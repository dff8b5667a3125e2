"""Forecasts, gaps, areas and groups without data are predicted with their width over years and areas."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from tests.calibration.study_space_time import HIDDEN, coverage, run

# Fewer than these are held, or ranks so far from uniform seen, once in ten thousand studies of a right engine.
RARE = 1e-4
FEW, MORE = 2, 10


def judge(n_world: int) -> None:
    """All that was hidden together: cells of one world hang together, so that worlds are what is counted."""
    (rows,) = run(range(n_world))
    held = coverage(rows)
    assert set(HIDDEN) < set(held.index)
    assert (held[list(HIDDEN)] * n_world >= binom.ppf(RARE, n_world, 0.95)).all(), held.to_string()
    cells = rows[rows["kind"] == "cell"].groupby("quantity")["width"].median()
    # What nobody saw is known less well than what somebody did, and a year to come less well than one between two.
    assert (cells[list(HIDDEN)] > cells["seen"]).all(), cells.to_string()


def test_what_nobody_saw_is_predicted_with_its_width() -> None:
    judge(FEW)


@pytest.mark.calibration
def test_what_nobody_saw_is_predicted_with_its_width_in_more_worlds() -> None:
    judge(MORE)
