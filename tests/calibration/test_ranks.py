"""The truth ranks anywhere among the sparse engine's draws with equal probability, over data sets from the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.calibration.study_ranks import (
    AREAS,
    CARDS,
    N_BIN,
    N_DRAW,
    N_NULL,
    N_SET,
    SCALARS,
    null,
    ranks,
    uniformity,
    write,
)

# Set before any study was run: an exact engine would fail one of a thousand studies (both cards, all quantities, both
# tests, by Holm's method, whatever their dependence).
FAMILY = 0.001
N_TEST = 2 * 2 * (len(SCALARS) + len(AREAS) + 1)


def smallest_allowed(p: np.ndarray) -> np.ndarray:
    """Holm's limit of each p-value of one card, its family being the tests of both."""
    order = np.argsort(np.argsort(p))
    return FAMILY / (N_TEST - order)


@pytest.mark.calibration
@pytest.mark.parametrize("likelihood", sorted(CARDS))
def test_ranks_are_uniform(likelihood: str, folder: Path) -> None:
    ranked = ranks(likelihood)
    write(ranked, likelihood, folder)
    tested = uniformity(ranked)
    p = tested[["chi_square", "cramer_von_mises"]].to_numpy().ravel()
    assert len(p) == N_TEST / 2
    assert (p >= smallest_allowed(p)).all(), tested.to_string()
    # The study sees what it is for: draws 40% too narrow are found out, and for most quantities.
    narrowed = uniformity(ranked, "rank_narrowed")[["chi_square", "cramer_von_mises"]].min(axis=1)
    assert (narrowed < FAMILY / N_TEST).sum() >= 0.5 * len(narrowed), narrowed.to_string()


def test_uniform_ranks_pass_and_others_do_not() -> None:
    """The tests themselves: uniform ranks have large p-values, ranks of a posterior one sd off do not."""
    rng = np.random.default_rng(1)
    uniform = pd.DataFrame({"quantity": "a", "rank": rng.integers(0, N_DRAW + 1, N_SET)})
    shifted = uniform.assign(rank=np.floor((N_DRAW + 1) * rng.beta(2.0, 1.0, N_SET)).astype(int))
    assert uniformity(uniform)[["chi_square", "cramer_von_mises"]].min(axis=None) > 0.001
    assert uniformity(shifted)[["chi_square", "cramer_von_mises"]].max(axis=None) < FAMILY / N_TEST


def test_simulated_distributions_have_the_moments_of_theory() -> None:
    """
    Exact moments: of chi-square over equal bins, mean k - 1 and variance 2 (k - 1) (1 - 1/n) (Haldane 1937); of
    Cramer-von Mises, whose constant 1 / 12n is left out here, 1/6 and (4n - 3) / 180n (Csorgo and Faraway 1996).
    """
    chi_square, cramer_von_mises = null(N_SET)
    for simulated, mean, variance in (
        (chi_square, N_BIN - 1, 2 * (N_BIN - 1) * (1 - 1 / N_SET)),
        (cramer_von_mises, 1 / 6 - 1 / (12 * N_SET), (4 * N_SET - 3) / (180 * N_SET)),
    ):
        assert abs(simulated.mean() - mean) < 4 * np.sqrt(variance / N_NULL)
        assert abs(simulated.var() / variance - 1) < 0.03
