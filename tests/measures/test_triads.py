"""Triads of conditions: the likelihood by enumeration, nothing found where there are but pairs, a planted one found."""

from __future__ import annotations

from math import lgamma

import numpy as np
import pytest
from scipy.special import logsumexp

from bayesineq.errors import MeasureError
from bayesineq.measures.pairs import mantel_haenszel, risk_ratios
from bayesineq.measures.triads import _eight, _given_pairs, triads


def counts(people: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of columns of three conditions: all three, pairs, single and people, a row a stratum."""
    parts = [people[strata == k] for k in np.unique(strata)]
    pairs = [[np.sum(own[:, j] & own[:, k]) for j, k in ((0, 1), (0, 2), (1, 2))] for own in parts]
    three, single = [own.all(axis=1).sum() for own in parts], [own.sum(axis=0) for own in parts]
    return np.array([three]), np.array([pairs]), np.array([single]), np.array([len(own) for own in parts])


def people(seed: int, extra: float, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """The second follows the first, the third both of them, and in a person with both once more, times `extra`."""
    stream = np.random.default_rng(seed)
    old = stream.integers(0, 3, n)
    first = stream.random(n) < 0.05 * (1 + old)
    second = stream.random(n) < np.where(first, 0.3, 0.1)
    odds = 0.06 * np.where(first, 2.0, 1.0) * np.where(second, 2.0, 1.0) * np.where(first & second, extra, 1.0)
    return np.column_stack([first, second, stream.random(n) < odds / (1 + odds)]), old


def test_the_likelihood_is_that_of_all_tables_with_these_pairs() -> None:
    """Every number with all three that the pairs allow, weighed by the ways to fill the eight cells."""
    cells, low, high = _eight([[7]], [[[12, 15, 11]]], [[[40, 30, 35]]], [[120]])
    at = np.array([-1.5, 0.0, 0.4, 2.0])
    sign = np.array([1, -1, -1, -1, 1, 1, 1, -1])
    every = [cells[0, 0] + sign * (x - 7) for x in range(int(low[0, 0]), int(high[0, 0]) + 1)]
    ways = np.array([-sum(lgamma(cell + 1) for cell in own) for own in every])
    x = np.array([own[0] for own in every])
    want = np.array([ways[x == 7][0] + 7 * v - logsumexp(ways + v * x) for v in at])
    assert _given_pairs(at, cells[0, 0], low[0, 0], high[0, 0]) == pytest.approx(want, abs=1e-9)


def test_pairs_alone_make_no_triad_and_a_planted_one_is_found() -> None:
    """At odds of 2 for each and 3 times more for both, by ages; the pairs alone give ratios about 1."""
    both = [np.concatenate(part) for part in zip(counts(*people(1, 1.0)), counts(*people(2, 3.0)), strict=True)]
    single = [np.broadcast_to(of, (2, 3)) if of.ndim == 1 else of for of in both[:3]]
    total = np.stack([counts(*people(1, 1.0))[3], counts(*people(2, 3.0))[3]])
    found = triads(*single, total, seed=1)
    _, lower, upper = found.interval()
    assert lower[0] < 1 < upper[0]
    assert lower[1] > 1.2
    assert found.above()[1] == 1.0
    assert (found.by_chance < found.by_pairs).all()


def test_a_ratio_is_of_people_with_all_three() -> None:
    """Much data: the ratio is the number over the one at which the odds ratios with and without the third agree."""
    found = triads([[4000]], [[[6000, 6000, 6000]]], [[[20_000, 20_000, 20_000]]], [[100_000]], seed=1)
    x = found.by_pairs[0]
    with_third, without = (
        x * (20_000 - 12_000 + x) / (6000 - x) ** 2, (6000 - x) * (40_000 + 18_000 - x) / (20_000 - 12_000 + x) ** 2,
    )  # fmt: skip
    assert with_third == pytest.approx(without, rel=1e-6)
    assert found.interval()[0][0] == pytest.approx(4000 / x, rel=0.01)


def test_risk_ratios_at_the_pooled_odds_ratio_are_those_of_mantel_and_haenszel_where_strata_agree() -> None:
    """At one odds ratio of both strata the expected counts are the counts, and the ratio is the pooled one."""
    first, second, n = np.array([100.0, 200.0]), np.array([80.0, 90.0]), np.array([500.0, 900.0])
    both = [30.0, 0.0]
    odds = 30 * (500 - 150) / (70 * 50)
    # The second stratum's number with both, at the first one's odds ratio.
    root = np.roots(
        [1 - odds, n[1] - first[1] - second[1] + odds * (first[1] + second[1]), -odds * first[1] * second[1]]
    )
    both[1] = float(root[(root > 0) & (root < 90)][0])
    pooled = mantel_haenszel(both, first, second, n)
    assert pooled.odds_ratio[0] == pytest.approx(odds)
    assert risk_ratios([[np.log(odds)]], first, second, n)[0, 0] == pytest.approx(pooled.risk_ratio[0])


def test_counts_that_contradict_each_other_are_named() -> None:
    with pytest.raises(MeasureError, match="contradict each other"):
        triads([[9]], [[[5, 9, 9]]], [[[20, 20, 20]]], [[100]])
    with pytest.raises(MeasureError, match="shapes"):
        triads([[9]], [[9, 9, 9]], [[[20, 20, 20]]], [[100]])
    with pytest.raises(MeasureError, match="there is no triad"):
        triads(np.zeros((0, 1)), np.zeros((0, 1, 3)), np.zeros((0, 1, 3)), np.zeros((0, 1)))
    with pytest.raises(MeasureError, match="2 pairs"):
        risk_ratios([[0.1]], [[5], [5]], [[5], [5]], [[50], [50]])
