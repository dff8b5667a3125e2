"""The compiled predictor's exponential and links, against NumPy's: two units in the last place, and their ends."""

from __future__ import annotations

import numpy as np

from bayesineq.posterior.predictor import Columns, Predictor, Source, row_means


def means(eta, link):
    """Mean of one row whose linear predictor is the intercept alone, a draw each number."""
    base, none = np.array(eta, dtype=float), np.zeros((0, 1), dtype=np.int32)
    rows = Predictor(base, (), Columns(none, none, none.astype(float)), np.ones(1), link)
    return row_means(rows)[:, 0]


def in_one_row(eta):
    """The same for many rows of one draw, each with an effect of its own."""
    index, none = np.arange(len(eta), dtype=np.int32)[None], np.zeros((0, len(eta)), dtype=np.int32)
    rows = Columns(index, none, none.astype(float))
    return row_means(Predictor(np.zeros(1), (Source((np.array([eta]),), None),), rows, np.ones(len(eta)), "log"))[0]


def exp(x):
    return means(x, "log")


def test_exponential_is_numpys():
    x = np.concatenate([np.linspace(-700, 700, 20_001), np.linspace(-2, 2, 20_001), [0.0, -0.0, 1e-300]])
    np.testing.assert_array_max_ulp(exp(x), np.exp(x), maxulp=2)
    np.testing.assert_array_max_ulp(in_one_row(x), np.exp(x), maxulp=2)


def test_ends_of_the_range():
    assert exp([1e6, np.inf]).tolist() == [exp([700.0])[0]] * 2
    assert exp([-1e6, -np.inf]).tolist() == [exp([-700.0])[0]] * 2
    assert np.isnan(exp([np.nan])).all()
    assert np.isnan(in_one_row([0.0, np.nan, 1.0])).tolist() == [False, True, False]


def test_links():
    x = np.linspace(-40, 40, 1001)
    for link, want in (("identity", x), ("log", np.exp(x)), ("logit", 1 / (1 + np.exp(-x)))):
        np.testing.assert_allclose(means(x, link), want, rtol=1e-15)
