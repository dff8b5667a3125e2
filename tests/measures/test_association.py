"""Rank correlations of several values, and what is left of one when others are held constant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from bayesineq.errors import MeasureError
from bayesineq.measures.association import partial_correlation, rank_correlations

RNG = np.random.default_rng(7)
VALUES = np.round(RNG.multivariate_normal(np.zeros(4), 0.5 + 0.5 * np.eye(4), 60).T, 1)


def test_correlations_of_ranks_are_those_of_scipy_ties_and_all() -> None:
    assert np.allclose(rank_correlations(VALUES), spearmanr(VALUES, axis=1).statistic, atol=1e-12)


def test_a_group_of_weight_three_counts_as_three_groups() -> None:
    times = RNG.integers(0, 4, size=(2, 60))
    found = rank_correlations(VALUES, times)
    repeated = [spearmanr(np.repeat(VALUES, row, axis=1), axis=1).statistic for row in times]
    assert np.allclose(found, repeated, atol=1e-12)


def test_what_is_left_is_the_correlation_of_residuals() -> None:
    """Two values' ranks, each less its least squares fit on the ranks of the others."""
    ranks = rankdata(VALUES, axis=1)
    others = np.column_stack([np.ones(60), ranks[2], ranks[3]])
    left = [row - others @ np.linalg.lstsq(others, row, rcond=None)[0] for row in ranks[:2]]
    found = partial_correlation(rank_correlations(VALUES), 0, 1, [2, 3])
    assert found == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-12)


def test_what_cannot_be_correlated_is_said() -> None:
    with pytest.raises(MeasureError, match="values must be finite"):
        rank_correlations([[1.0, np.nan, 2.0]])
    with pytest.raises(MeasureError, match="made up of the others"):
        partial_correlation(rank_correlations([VALUES[0], VALUES[1], VALUES[1]]), 0, 1, [2])
    with pytest.raises(MeasureError, match="each once; given"):
        partial_correlation(np.eye(3), 0, 0)
    assert np.isnan(rank_correlations([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])[0, 1])
