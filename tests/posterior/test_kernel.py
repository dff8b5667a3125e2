"""The compiled exponential, against NumPy's: two units in the last place, and the ends of its range."""

from __future__ import annotations

import numpy as np

from bayesineq.posterior.kernel import LINK, exponential, inverse_link


def exp(x):
    out = np.array(x, dtype=float)
    exponential(out, len(out), np.empty((2, len(out))))
    return out


def test_exponential_is_numpys():
    x = np.concatenate([np.linspace(-700, 700, 20_001), np.linspace(-2, 2, 20_001), [0.0, -0.0, 1e-300]])
    np.testing.assert_array_max_ulp(exp(x), np.exp(x), maxulp=2)


def test_ends_of_the_range():
    assert exp([1e6, np.inf]).tolist() == [exp([700.0])[0]] * 2
    assert exp([-1e6, -np.inf]).tolist() == [exp([-700.0])[0]] * 2
    assert np.isnan(exp([np.nan])).all()
    assert np.isnan(exp([0.0, np.nan, 1.0])).tolist() == [False, True, False]


def test_links():
    x = np.linspace(-40, 40, 1001)
    for link, want in (("identity", x), ("log", np.exp(x)), ("logit", 1 / (1 + np.exp(-x)))):
        got = x.copy()
        inverse_link(got, len(got), LINK[link], np.empty((2, len(got))))
        np.testing.assert_allclose(got, want, rtol=1e-15)
