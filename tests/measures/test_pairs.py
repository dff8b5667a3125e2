"""Pairs of conditions: pooled odds ratios by published numbers, the likelihood by SciPy, intervals by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesineq.errors import MeasureError
from bayesineq.measures.pairs import _noncentral, associations, mantel_haenszel, order_of_onset

SMOKING = np.array(
    [
        (126, 100, 35, 61), (908, 688, 497, 807), (913, 747, 336, 598), (235, 172, 58, 121),
        (402, 308, 121, 215), (182, 156, 72, 98), (60, 99, 11, 43), (104, 89, 21, 36),
    ]
)  # fmt: skip
"""Smokers and others with and without lung cancer in eight cities of China (Liu 1992, in Agresti 2002, table 6.6)."""


def margins(cells: np.ndarray) -> tuple[np.ndarray, ...]:
    a, b, c, _ = cells.T
    return a, a + b, a + c, cells.sum(axis=1)


def world(stream: np.random.Generator, log_odds: np.ndarray, people: int) -> tuple[np.ndarray, ...]:
    """Four strata of conditions of 0.5 to 15%, one after the other twice as common."""
    n = np.full((len(log_odds), 4), people)
    base = stream.uniform(0.005, 0.04, (2, len(log_odds), 1)) * [1.0, 1.5, 2.2, 3.3]
    first, second = stream.binomial(n, base[0]), stream.binomial(n, base[1])
    both = stats.nchypergeom_fisher.rvs(n, first, second, np.exp(log_odds)[:, None], random_state=stream)
    return both, first, second, n


def test_the_published_odds_ratio_and_its_interval() -> None:
    found = mantel_haenszel(*margins(SMOKING))
    assert found.odds_ratio[0] == pytest.approx(2.17, abs=0.005)
    ends = np.exp(np.log(found.odds_ratio[0]) + np.array([-1.96, 1.96]) * found.log_error[0])
    assert ends == pytest.approx([1.98, 2.38], abs=0.006)


def test_the_risk_ratio_is_of_presence_not_of_absence() -> None:
    found = mantel_haenszel(20, 100, 120, 1100)
    assert found.risk_ratio[0] == pytest.approx((20 / 100) / (100 / 1000))
    assert found.odds_ratio[0] == pytest.approx((20 * 900) / (80 * 100))


@pytest.mark.parametrize("counts", [(3, 12, 9, 60), (0, 5, 7, 200), (9, 9, 30, 40), (40, 90, 80, 400)])
def test_the_likelihood_is_that_of_the_noncentral_hypergeometric(counts: tuple[int, int, int, int]) -> None:
    at = np.array([-2.0, -0.3, 0.0, 0.7, 2.5])
    both, first, second, people = counts
    want = stats.nchypergeom_fisher.logpmf(both, people, first, second, np.exp(at))
    assert _noncentral(*map(float, counts), at) == pytest.approx(want, abs=1e-8)


def test_one_pair_alone_agrees_with_the_pooled_estimate_where_there_is_much_data() -> None:
    found, pooled = associations(*margins(SMOKING), draws=4000, seed=1), mantel_haenszel(*margins(SMOKING))
    middle, lower, upper = found.interval()
    assert middle[0] == pytest.approx(pooled.odds_ratio[0], rel=0.02)
    assert np.log(upper[0] / lower[0]) == pytest.approx(3.92 * pooled.log_error[0], rel=0.06)
    assert found.above()[0] == 1.0


def test_planted_pairs_and_only_they_stand_out_and_intervals_hold() -> None:
    """
    150 pairs of two worlds, one in ten planted at 3 times the odds of chance: none missed; of the rest, at most one
    said to be above chance; intervals of all hold 95% give or take three standard errors.
    """
    held = []
    for seed in (1, 2):
        stream = np.random.default_rng(seed)
        log_odds = np.where(np.arange(150) % 10 == 0, np.log(3.0), 0.0)
        found = associations(*world(stream, log_odds, 8000), seed=seed)
        out = found.above() > 0.975
        assert out[log_odds > 0].all()
        assert out[log_odds == 0].sum() <= 1
        _, lower, upper = found.interval()
        held += ((np.log(lower) <= log_odds) & (log_odds <= np.log(upper))).tolist()
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(held))


def test_rare_pairs_are_shrunk_towards_chance_and_common_ones_are_not() -> None:
    stream = np.random.default_rng(3)
    log_odds = np.where(np.arange(60) % 2 == 0, np.log(2.0), 0.0)
    found = associations(*world(stream, log_odds, 20_000), seed=1)
    one_more = zip(world(stream, log_odds, 20_000), (1, 3, 40, 500), strict=True)
    rare = associations(*(np.vstack([counts, [few] * 4]) for counts, few in one_more), seed=1)
    middle, _, _ = found.interval()
    assert middle[log_odds > 0] == pytest.approx(found.unshrunk.odds_ratio[log_odds > 0], rel=0.15)
    assert 1.0 < rare.interval()[0][-1] < 0.5 * rare.unshrunk.odds_ratio[-1]


def test_counts_that_contradict_each_other_are_named() -> None:
    with pytest.raises(MeasureError, match="more have both than the first"):
        mantel_haenszel(10, 5, 20, 100)
    with pytest.raises(MeasureError, match="more have one of the two than there are people"):
        associations(1, 60, 70, 100)
    with pytest.raises(MeasureError, match="there is no pair"):
        associations(*(np.zeros((0, 2)) for _ in range(4)))
    with pytest.raises(MeasureError, match="none below 0"):
        order_of_onset(-1, 2)


def test_an_order_that_all_pairs_share_is_finite() -> None:
    mean, lower, upper, probability = order_of_onset([0, 50, 30], [0, 0, 30])
    assert np.isfinite([mean, lower, upper, probability]).all()
    assert probability[1] > 0.999
    assert mean == pytest.approx([0.5, 50.5 / 51, 0.5])
    assert probability[2] == pytest.approx(0.5)
