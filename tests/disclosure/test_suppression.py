"""Bounds, choices and boundaries of suppression, each found by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.protect import protect_rates
from bayesineq.disclosure.rule import Rule
from bayesineq.disclosure.suppression import hide_beside, possible_counts, protect_tables
from bayesineq.errors import DisclosureError

EXACT = Rule(5, 1)


def line(*counts: int) -> pd.DataFrame:
    return pd.DataFrame({"group": [f"g{k}" for k in range(len(counts))], "cases": counts})


def hidden(counts: list[int], rule: Rule = EXACT) -> tuple[list[bool], bool, list[str]]:
    """Which cells of one line and whether its total is withheld, and the reasons."""
    found = protect_tables(line(*counts), ["group"], ["cases"], [()], rule)
    cells, total = (found.tables[level]["cases"].isna().tolist() for level in (("group",), ()))
    return cells, total[0], found.audit["reason"].tolist()


def adds_up(*signs: float) -> csr_matrix:
    return csr_matrix(np.array([signs]))


def test_a_withheld_count_is_what_its_total_leaves() -> None:
    low, high = possible_counts(np.array([np.nan, 12.0, 20.0]), adds_up(1, 1, -1), EXACT)
    np.testing.assert_array_equal(low, [8, 12, 20])
    np.testing.assert_array_equal(high, [8, 12, 20])
    # two of them share what is left, each with somebody in it
    low, high = possible_counts(np.array([np.nan, np.nan, 20.0]), adds_up(1, 1, -1), EXACT)
    np.testing.assert_array_equal(low, [1, 1, 20])
    np.testing.assert_array_equal(high, [19, 19, 20])


def test_rounding_widens_what_a_withheld_count_can_be() -> None:
    # 10 stands for 8 to 12 and 20 for 18 to 22: between 18 - 12 and 22 - 8 are left
    low, high = possible_counts(np.array([np.nan, 10.0, 20.0]), adds_up(1, 1, -1), Rule(7, 5))
    assert (low[0], high[0]) == (6, 14)
    assert (low[1], high[1]) == (8, 12)


def test_a_shown_nought_is_nobody_unless_small_counts_round_to_it() -> None:
    sums = csr_matrix((0, 1))
    assert [end[0] for end in possible_counts(np.array([0.0]), sums, Rule(7, 5))] == [0, 0]
    assert [end[0] for end in possible_counts(np.array([0.0]), sums, Rule(1, 5))] == [0, 2]


def test_a_count_in_no_sum_may_be_anything_from_one() -> None:
    assert [end[0] for end in possible_counts(np.array([np.nan]), csr_matrix((0, 1)), EXACT)] == [1, np.inf]
    # where counts are modelled, the withheld one may lie below one
    low, _ = possible_counts(np.array([np.nan, 10.5]), csr_matrix((0, 2)), EXACT)
    assert low[0] == 0


def test_only_the_counts_that_are_asked_for_are_looked_for() -> None:
    # x + y = 20 and x + z = 9: by both sums x is at most 8 and y at least 12
    shown = np.array([np.nan, np.nan, np.nan, 20.0, 9.0])
    sums = csr_matrix(np.array([[1, 1, 0, -1, 0], [1, 0, 1, 0, -1.0]]))
    low, high = possible_counts(shown, sums, EXACT)
    np.testing.assert_array_equal(low[:3], [1, 12, 1])
    np.testing.assert_array_equal(high[:3], [8, 19, 8])


@pytest.mark.parametrize(
    ("counts", "cells", "total"),
    [
        ([9, 12, 50], [False, False, False], False),  # nothing small
        ([3, 9, 50], [True, True, False], False),  # the smallest of the others goes with it
        ([3, 50, 9], [True, False, True], False),
        ([3, 0, 40], [True, False, True], False),  # nobody stays nobody
        ([2, 4], [True, True], False),  # 2 + 4 = 6 leaves 1 to 5: as many as the threshold
        ([3, 0, 0], [True, False, False], True),  # nobody else is there: the total goes
        ([2, 2], [True, True], True),  # a total of 4 is small itself
    ],
)
def test_what_goes_with_a_small_count(counts: list[int], cells: list[bool], total: bool) -> None:
    found = hidden(counts)
    assert found[:2] == (cells, total)
    # One reason for all: which of them are small themselves is not told.
    assert found[2] == [WITHHELD] * sum([*cells, total])


@pytest.mark.parametrize(
    ("counts", "alone"),
    [
        # 42 stands for 41 to 43; 46 is shown as 45, 44 to 46: the count is 1 to 5, five possibilities
        ([4, 42], True),
        # 47 is shown as 48, 47 to 49: the count is 4 to 8, five possibilities
        ([5, 42], True),
        # 43 is shown as 42, 41 to 43: the count is 1 or 2
        ([1, 42], False),
    ],
)
def test_rounding_alone_protects_where_it_leaves_as_many_counts_as_the_threshold(
    counts: list[int], alone: bool
) -> None:
    cells, total, _ = hidden(counts, Rule(5, 3))
    assert cells[0]
    assert (sum(cells) + total == 1) is alone


def test_a_count_is_protected_in_its_own_sum_and_not_elsewhere() -> None:
    cells = pd.DataFrame({"area": list("aaabbb"), "group": list("xyzxyz"), "cases": [3, 40, 50, 8, 60, 70]})
    found = protect_tables(cells, ["area", "group"], ["cases"], [("area",)], EXACT)
    table = found.tables[("area", "group")].set_index(["area", "group"])["cases"]
    assert [key for key, gone in table.isna().items() if gone] == [("a", "x"), ("a", "y")]
    assert found.tables[("area",)]["cases"].tolist() == [93, 138]


def test_each_column_of_counts_is_protected_by_itself_and_told_in_one_audit() -> None:
    table = line(3, 9, 50).assign(deaths=[20, 30, 2])
    found = protect_tables(table, ["group"], ["cases", "deaths"], [()], EXACT)
    assert found.tables[("group",)]["cases"].isna().tolist() == [True, True, False]
    assert found.tables[("group",)]["deaths"].isna().tolist() == [True, False, True]
    assert list(found.audit.columns) == list(AUDIT)
    assert found.audit.index.tolist() == [0, 1, 2, 3]
    assert found.audit["column"].tolist() == ["cases", "cases", "deaths", "deaths"]
    assert found.audit["cell"].tolist() == ["group=g0", "group=g1", "group=g0", "group=g2"]


def test_more_numbers_than_are_allowed_are_refused() -> None:
    assert not hidden([9, 12])[1]
    protect_tables(line(9, 12), ["group"], ["cases"], [()], EXACT, most=3)
    with pytest.raises(DisclosureError, match="3 numbers are more than 2"):
        protect_tables(line(9, 12), ["group"], ["cases"], [()], EXACT, most=2)


def test_a_row_alone_takes_the_smallest_other_with_it() -> None:
    alone = np.array([True, False, False, False])
    np.testing.assert_array_equal(hide_beside(alone, [3, 0, 30, 20]), [True, False, False, True])
    assert alone.tolist() == [True, False, False, False]
    two = np.array([True, True, False])
    np.testing.assert_array_equal(hide_beside(two, [3, 4, 30]), two)
    none = np.zeros(2, dtype=bool)
    np.testing.assert_array_equal(hide_beside(none, [30, 40]), none)
    # nobody stands beside it
    np.testing.assert_array_equal(hide_beside(alone, [3, 0, 0, 0]), alone)


def test_a_rate_of_too_few_people_is_withheld_for_another_reason_than_a_small_count() -> None:
    table = pd.DataFrame({"rate": [0.1, 0.5, 0.2], "people": [40.0, 30.0, 5_000.0]}, index=["few", "coarse", "many"])
    shown, audit = protect_rates(table, ["rate"], "people")
    assert shown["rate"].isna().tolist() == [True, True, False]
    assert audit["cell"].tolist() == ["few", "coarse"]
    assert audit["reason"].tolist() == [
        "the rate and its denominator imply a small count",
        "too few people for a safe decimal",
    ]
    assert shown["rate"]["many"] == 0.2
