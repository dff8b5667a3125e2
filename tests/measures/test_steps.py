"""
A gap divided along steps. Oracles: Das Gupta's published examples, the closed form of two steps, all orders by brute
force.

The examples' numbers are those of Das Gupta 1993, Standardization and decomposition of rates (US Bureau of the Census
P23-186), with the effects that the R package DasGuptR prints for them.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from bayesineq.errors import MeasureError
from bayesineq.measures.steps import gap_by_steps, product_of_steps

# One row an example: factors of the second and the first population, and the effects.
PUBLISHED = {
    "2.1": ([10930, 0.717892], [16591, 0.825974], [4369.913, 1487.262]),
    "2.3": ([51.78746, 0.45919, 0.52638], [84.90502, 0.75756, 0.51065], [10.4340333, 10.5608476, -0.6670084]),
    "2.5": ([25.3, 0.214, 0.279, 0.949], [32.7, 0.290, 0.473, 0.986], [0.6889411, 0.8125381, 1.3829055, 0.1047547]),
    "2.7": (
        [0.58, 0.76, 0.84, 0.66, 16.573],
        [0.72, 0.97, 0.97, 0.56, 16.158],
        [1.0909785, 1.2298438, 0.7278399, -0.8398707, -0.1290187],
    ),
}


@pytest.mark.parametrize("example", PUBLISHED)
def test_products_are_divided_as_das_gupta_published(example: str) -> None:
    second, first, effects = PUBLISHED[example]
    rounded = 6e-4 if example == "2.1" else 6e-8  # half a unit of the last digit printed
    assert gap_by_steps(first, second) == pytest.approx(effects, rel=0, abs=rounded)


def test_sums_over_ages_are_divided_as_das_gupta_published() -> None:
    """Example 4.5: births by age, marriages and structure, 1970 less 1960."""
    births = [488, 452, 338, 156, 63, 22, 3], [393, 407, 369, 274, 184, 90, 16]
    married = [0.082, 0.527, 0.866, 0.941, 0.942, 0.923, 0.876], [0.122, 0.622, 0.903, 0.930, 0.916, 0.873, 0.800]
    women = [0.058, 0.038, 0.032, 0.030, 0.026, 0.023, 0.019], [0.043, 0.041, 0.036, 0.032, 0.026, 0.020, 0.018]
    late, early = ([np.array(step[k]) for step in (births, married, women)] for k in (0, 1))
    found = gap_by_steps(late, early, combine=lambda steps: product_of_steps(steps).sum(axis=-1))
    assert found == pytest.approx([-7.285632, -2.720633, -1.565181], abs=1e-6)


def test_a_function_of_steps_is_divided_as_das_gupta_published() -> None:
    """Example 4.4: the ratio of births outside marriage to all, 1983 less 1963."""
    late = [
        [0.169, 0.195, 0.190, 0.174, 0.150, 0.122],
        [0.931, 0.563, 0.311, 0.216, 0.199, 0.191],
        [0.018, 0.026, 0.023, 0.016, 0.008, 0.002],
        [0.380, 0.201, 0.149, 0.079, 0.025, 0.006],
    ]
    early = [
        [0.200, 0.163, 0.146, 0.154, 0.168, 0.169],
        [0.866, 0.325, 0.119, 0.099, 0.099, 0.121],
        [0.007, 0.021, 0.023, 0.015, 0.008, 0.002],
        [0.454, 0.326, 0.195, 0.107, 0.051, 0.015],
    ]

    def outside(s: object) -> np.ndarray:
        a, b, c, d = s
        return (a * b * c).sum(-1) / ((a * b * c).sum(-1) + (a * (1 - b) * d).sum(-1))

    found = gap_by_steps(late, early, combine=outside)
    assert found == pytest.approx([-0.00620498, 0.04866154, 0.02705922, 0.02470928], abs=1e-8)


def test_two_steps_have_a_closed_form() -> None:
    rng = np.random.default_rng(3)
    (a1, b1), (a2, b2) = rng.uniform(0.01, 1, (2, 2, 50))
    found = gap_by_steps([a1, b1], [a2, b2])
    assert found[:, 0] == pytest.approx((a1 - a2) * (b1 + b2) / 2, abs=1e-15)
    assert found[:, 1] == pytest.approx((b1 - b2) * (a1 + a2) / 2, abs=1e-15)
    logs = gap_by_steps([a1, b1], [a2, b2], scale="log")
    assert logs[:, 0] == pytest.approx(np.log(a1 / a2), abs=1e-14)


@pytest.mark.parametrize("scale", ["absolute", "log"])
def test_four_steps_are_the_mean_over_all_orders(scale: str) -> None:
    rng = np.random.default_rng(4)
    one, two = rng.uniform(0.05, 0.95, (2, 4, 20))

    def combine(s: object) -> np.ndarray:
        return s[0] * (s[1] * s[2] + (1 - s[1]) * s[3])

    def worth(steps: list[np.ndarray]) -> np.ndarray:
        return np.log(combine(steps)) if scale == "log" else combine(steps)

    brute = np.zeros((20, 4))
    for order in permutations(range(4)):
        now = list(two)
        for k in order:
            before = worth(now)
            now[k] = one[k]
            brute[:, k] += (worth(now) - before) / 24
    found = gap_by_steps(list(one), list(two), combine=combine, scale=scale)
    assert found == pytest.approx(brute, abs=1e-13)
    assert found.sum(axis=1) == pytest.approx(worth(list(one)) - worth(list(two)), abs=1e-13)


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(MeasureError, match="step 2 is zero in 1 draws"):
        gap_by_steps([[0.1, 0.2], [0.0, 0.3]], [[0.1, 0.1], [0.2, 0.2]], scale="log")
    with pytest.raises(MeasureError, match="step 1 has 1 values that are missing or negative"):
        gap_by_steps([[-0.1]], [[0.1]])
    with pytest.raises(MeasureError, match="the same steps"):
        gap_by_steps([0.1, 0.2], [0.1])
    with pytest.raises(MeasureError, match='"absolute" or "log"'):
        gap_by_steps([0.1], [0.2], scale="odds")
