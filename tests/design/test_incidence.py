"""An incidence says the same by its index, by shares of one, and as a matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from bayesineq.design.incidence import Incidence
from bayesineq.design.matrix import design
from bayesineq.errors import DesignError
from bayesineq.model.read_card import parse_card

INDEX = np.array([0, 2, 2, 1, 0], dtype=np.int32)
WEIGHT = np.array([0.5, -1.0, 2.0, 3.0, 0.0])
SHARES = csr_array([[0.2, 0.8, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.1, 0.2, 0.7], [0.0, 0.5, 0.5]])
EFFECT = np.array([1.0, -2.0, 4.0])
CASES = {
    "levels": Incidence(3, INDEX, None),
    "slopes": Incidence(3, INDEX, WEIGHT),
    "shares": Incidence(3, None, None, SHARES),
    "weighted shares": Incidence(3, None, WEIGHT, SHARES),
    "covariate": Incidence(1, None, WEIGHT),
}


def dense(reads: Incidence) -> np.ndarray:
    """By definition: weight times share, row by row."""
    out = np.zeros((5, reads.size))
    for r in range(5):
        for m in range(reads.size):
            share = (
                reads.shares[r, m] if reads.shares is not None else float(reads.index is None or reads.index[r] == m)
            )
            out[r, m] = share * (1.0 if reads.weight is None else reads.weight[r])
    return out


@pytest.mark.parametrize("name", list(CASES))
def test_matrix_predictor_and_totals_are_the_definition(name: str) -> None:
    reads, effect, value = CASES[name], EFFECT[: CASES[name].size], np.arange(5.0)
    assert len(reads) == 5
    assert_allclose(reads.matrix().toarray(), dense(reads))
    assert_allclose(reads.predictor(effect), dense(reads) @ effect)
    assert_allclose(reads.totals(value), dense(reads.weighted(None)).T @ value if name != "covariate" else [10.0])
    assert_allclose(reads.weighted(2 * WEIGHT).matrix().toarray(), dense(reads.weighted(2 * WEIGHT)))


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("at", [np.array([True, False, True, True, False]), np.array([4, 1, 1])])
def test_some_rows_are_rows_of_the_matrix(name: str, at: np.ndarray) -> None:
    assert_allclose(CASES[name].rows(at).matrix().toarray(), dense(CASES[name])[at])


def test_rows_of_a_design_may_read_shares() -> None:
    table = pd.DataFrame({"g": ["a", "b", "c", "a"], "y": [1.0, 2.0, 0.5, 3.0]})
    card = parse_card(
        'name = "c"\nquestion = "?"\ntable = "t"\n[outcome]\nvalue = "y"\nlikelihood = "gaussian"\n'
        '[terms]\nt = {kind = "exchangeable", by = "g"}\n'
    )
    made = design(table, card)
    shares = csr_array(np.full((4, 3), 1 / 3))
    several = made.reading("t", shares)
    assert_allclose(several.blocks[0].incidence.matrix().toarray(), 1 / 3)
    assert made.blocks[0].incidence.shares is None
    with pytest.raises(DesignError, match=r"has no term 'x'; it has \['t'\]"):
        made.reading("x", shares)
    with pytest.raises(DesignError, match=r"of shape \(4, 2\), or not finite; give \(4, 3\)"):
        made.reading("t", csr_array(np.ones((4, 2))))
    with pytest.raises(DesignError, match="or not finite"):
        made.reading("t", csr_array(np.full((4, 3), np.nan)))


def test_rows_know_their_outcome() -> None:
    table = pd.DataFrame({"g": ["a", "b", "c", "a"], "y": [1.0, 2.0, np.nan, 3.0]})
    card = parse_card(
        'name = "c"\nquestion = "?"\ntable = "t"\n[outcome]\nvalue = "y"\nlikelihood = "gaussian"\n'
        '[terms]\nt = {kind = "exchangeable", by = "g"}\n'
    )
    one = design(table, card)
    assert one.outcome_of_row.tolist() == [0, 0, 0, 0]
    (block,) = one.blocks
    twice = replace(
        one,
        responses=(one.response, one.response.rows(np.array([0, 2]))),
        blocks=(block, replace(block.rows(np.array([0, 2])), outcome=1)),
        population=one.population.iloc[[0, 1, 2, 3, 0, 2]].reset_index(drop=True),
    )
    assert len(twice) == 6
    assert twice.outcome_of_row.tolist() == [0, 0, 0, 0, 1, 1]
    known = twice.known()
    assert known.outcome_of_row.tolist() == [0, 0, 0, 1]
    assert [b.incidence.index.tolist() for b in known.blocks] == [[0, 1, 0], [0]]
    assert [response.value.tolist() for response in known.responses] == [[1.0, 2.0, 3.0], [1.0]]
    with pytest.raises(DesignError, match="has several outcomes"):
        _ = twice.response
