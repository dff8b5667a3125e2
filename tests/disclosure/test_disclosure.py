"""Oracle: the published rule of Hospital Episode Statistics (1 to 7 suppressed, others to the nearest 5), by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.disclosure.protect import protect
from bayesineq.disclosure.rule import Rule, implied_small, is_small, shown_count
from bayesineq.errors import DisclosureError


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (1, "*"), (7, "*"), (8, "10"), (10, "10"), (12, "10"), (13, "15"), (1_000_002, "1,000,000")],
)
def test_default_rule_at_its_boundaries(count: int, shown: str) -> None:
    assert shown_count(count) == shown


def test_no_count_from_one_to_the_threshold_ever_shows() -> None:
    for threshold in (5, 7, 10):
        rule = Rule(threshold=threshold, base=5)
        shown = {shown_count(n, rule) for n in range(1, threshold + 1)}
        assert shown == {"*"}
        assert shown_count(threshold + 1, rule) != "*"


def test_every_shown_count_is_a_multiple_of_the_base_within_half_of_it() -> None:
    for n in range(8, 500):
        value = int(shown_count(n).replace(",", ""))
        assert value % 5 == 0
        assert abs(value - n) <= 2


def test_modelled_counts_are_judged_by_the_nearest_whole_number() -> None:
    assert is_small([0.0, 0.2, 7.49, 7.5]).tolist() == [False, True, True, False]


def test_protect_hides_and_rounds_only_the_named_columns() -> None:
    table = pd.DataFrame({"area": ["A", "B", "C"], "cases": [3, 0, 23], "year": [3, 4, 5]})
    protected = protect(table, ["cases"])
    assert protected["cases"].tolist() == [pd.NA, 0, 25]
    assert protected["year"].tolist() == [3, 4, 5]
    assert table["cases"].tolist() == [3, 0, 23]


def test_a_rate_beside_its_denominator_gives_a_count_away() -> None:
    hidden = implied_small([0.05, 0.05, 0.0, np.nan], [100.0, 1000.0, 1000.0, 5.0])
    assert hidden.tolist() == [True, False, False, True]


def test_misuse_is_refused_in_words() -> None:
    with pytest.raises(DisclosureError, match="negative or not finite, the first -1"):
        shown_count(-1)
    with pytest.raises(DisclosureError, match="no columns \\['deaths'\\]"):
        protect(pd.DataFrame({"cases": [1]}), ["deaths"])
    with pytest.raises(DisclosureError, match="base=0"):
        Rule(base=0)
