"""Right models pass the checks of their rows, and misfits are named: a few tables of each kind of the study."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import binom

from tests.calibration.study_diagnose import FIRST, RIGHT, WRONG, judged

# A study of checks as good as they are promised to be fails once in ten thousand.
RARE = 1e-4
EACH = 6


@pytest.mark.calibration
def test_right_models_pass_and_misfits_are_named() -> None:
    right = pd.DataFrame([judged(kind, FIRST + seed) for kind in RIGHT for seed in range(EACH)])
    assert (right["misfit"] != "").sum() <= binom.isf(RARE, len(right), 0.02), right[right["misfit"] != ""].to_string()
    wrong = pd.DataFrame([judged(kind, FIRST + seed) for kind in WRONG for seed in range(EACH)])
    named = wrong.groupby("kind")["named"].sum()
    assert (named >= binom.ppf(RARE, EACH, 0.9)).all(), wrong.to_string()
    assert named.sum() >= binom.ppf(RARE, len(wrong), 0.9), wrong.to_string()
