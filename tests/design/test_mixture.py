"""Oracles: mixtures small enough to write down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import design
from bayesineq.design.mixture import Membership, mixture
from bayesineq.errors import CardError, DesignError
from bayesineq.model.read_card import parse_card

CARD = """
name = "latent"
question = "?"
table = "area_counts"
[outcome]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
ethnicity = { kind = "fixed", by = "ethnicity", reference = "a" }
[latent]
ethnicity = "recorded"
"""


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"recorded": ["b", "a", "99"], "cases": [1, 2, 3], "population": [10, 20, 40]})


@pytest.fixture
def membership() -> Membership:
    weight = np.array([[[0.9, 0.1], [0.0, 1.0], [0.5, 0.5]], [[0.7, 0.3], [0.0, 1.0], [0.25, 0.75]]])
    return Membership("ethnicity", np.array(["a", "b"]), pd.DataFrame({"recorded": ["a", "b", "99"]}), weight)


def test_members_are_matched_by_key_and_weighted(table, membership) -> None:
    seen = mixture(table, parse_card(CARD), membership)
    # The row recorded b has no member of a in any draw; rows are matched by what was recorded, not by their order.
    assert seen.members is not None
    assert seen.members.row.tolist() == [0, 1, 1, 2, 2]
    assert seen.population["ethnicity"].tolist() == ["b", "a", "b", "a", "b"]
    np.testing.assert_allclose(seen.members.weight, [[1, 0.9, 0.1, 0.5, 0.5], [1, 0.7, 0.3, 0.25, 0.75]])
    np.testing.assert_allclose(seen.population["population"], [10, 16, 4, 15, 25])
    assert len(seen) == 3
    assert seen.response.value.tolist() == [1, 2, 3]
    assert seen.response.trials is not None
    assert seen.response.trials.tolist() == [10, 20, 40]
    assert seen.card.latent == {"ethnicity": "recorded"}
    np.testing.assert_allclose(seen.members.only(1).weight, [[1, 0.7, 0.3, 0.25, 0.75]])


def test_by_member_each_has_its_share_of_what_was_observed(table, membership) -> None:
    spread = mixture(table, parse_card(CARD), membership).by_member()
    assert spread.members is None
    assert len(spread) == len(spread.population) == 5
    np.testing.assert_allclose(spread.response.value, [1, 1.6, 0.4, 1.125, 1.875])
    np.testing.assert_allclose(spread.response.trials, [10, 16, 4, 15, 25])
    assert spread.by_member() is spread


def test_a_silent_intercept_lies_at_the_outcome_of_the_table_not_of_its_members(table, membership) -> None:
    seen = mixture(table, parse_card(CARD), membership)
    # Six of seventy people, whatever the number of members that each row has.
    np.testing.assert_allclose(seen.prior("intercept")["mean"], np.log(6.5 / 64.5))
    assert seen.prior("ethnicity")["sd"] == 2.5


def test_what_does_not_match_is_refused(table, membership) -> None:
    card = parse_card(CARD)
    with pytest.raises(DesignError, match=r"1 rows have no weights, the first \{'recorded': 'c'\}"):
        mixture(table.assign(recorded=["b", "a", "c"]), card, membership)
    with pytest.raises(DesignError, match="in place of 'ethnicity'"):
        mixture(table.assign(ethnicity="a"), card, membership)
    with pytest.raises(DesignError, match="lacks \\['recorded'\\]"):
        mixture(table.drop(columns="recorded"), card, membership)
    with pytest.raises(DesignError, match="`shift` is of shape"):
        mixture(table, card, membership, shift=np.zeros((2, 2)))
    with pytest.raises(DesignError, match="each row is a mixture"):
        design(table, card)
    plain = parse_card(CARD.partition("[latent]")[0])
    with pytest.raises(DesignError, match="latent columns \\[\\]"):
        mixture(table, plain, membership)


def test_the_latent_section_of_a_card_is_checked() -> None:
    with pytest.raises(CardError, match=r"latent\.region: no term stands on it"):
        parse_card(CARD.replace('ethnicity = "recorded"', 'region = "recorded"'))
    with pytest.raises(CardError, match="name the column that was recorded"):
        parse_card(CARD.replace('ethnicity = "recorded"', "ethnicity = 3"))
