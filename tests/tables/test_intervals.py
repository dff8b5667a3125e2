"""Oracles: every count rounded or suppressed by the published rule must lie in the interval that is read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.disclosure.rule import Rule, shown_count
from bayesineq.errors import SchemaError
from bayesineq.tables.intervals import HES, NOMIS, Publication, read_intervals, with_intervals


def both(values: list[object], publication: Publication = HES) -> list[tuple[int, int]]:
    lower, upper = read_intervals(pd.Series(values, dtype=object), publication)
    return list(zip(lower, upper, strict=True))


@pytest.mark.parametrize(("threshold", "base"), [(7, 5), (5, 5), (10, 10), (4, 1), (7, 3), (2, 7)])
def test_the_interval_holds_every_count_that_is_shown_so_and_no_other(threshold: int, base: int) -> None:
    rule, publication = Rule(threshold, base), Publication((1, threshold), base)
    counts = np.arange(0, 400)
    shown = [shown_count(n, rule) for n in counts]
    lower, upper = read_intervals(pd.Series(shown), publication)
    assert ((lower <= counts) & (counts <= upper)).all()
    for text in set(shown):
        alike = counts[[s == text for s in shown]]
        at = shown.index(text)
        if alike[-1] < 390:
            assert lower.iloc[at] == alike[0]
            # Of an even base the upper half may have been rounded down by others.
            assert upper.iloc[at] - alike[-1] == (base % 2 == 0 and text not in ("0", "*"))


def test_what_publishers_print() -> None:
    assert both(["*", "c", "[c]", " C ", "1-7", "1 to 7", "1–7"]) == [(1, 7)] * 7
    assert both(["<8", "under 5", "≤7", "<=3", "fewer than 10"]) == [(0, 7), (0, 4), (0, 7), (0, 3), (0, 9)]
    assert both([0, "0", 10, 25.0, "1,230"]) == [(0, 0), (0, 0), (8, 12), (23, 27), (1228, 1232)]
    assert both([0, "5"], NOMIS) == [(0, 2), (3, 7)]
    assert both([3, "12"], Publication(base=1)) == [(3, 3), (12, 12)]


def test_a_denominator_bounds_what_was_suppressed() -> None:
    table = pd.DataFrame({"cases": ["*", "10", "*"], "population": [3, 11, 200]})
    read = with_intervals(table, "cases", at_most="population")
    assert read[["cases_lower", "cases_upper"]].to_numpy().tolist() == [[1, 3], [8, 11], [1, 7]]
    assert list(table.columns) == ["cases", "population"]


def test_every_value_that_cannot_be_read_is_told_at_once() -> None:
    column = pd.Series(["12", "many", None, "-3", "7-1", "1.5"], name="deaths", index=list("abcdef"))
    with pytest.raises(SchemaError) as error:
        read_intervals(column)
    failures = error.value.failures
    assert failures["row"].tolist() == ["b", "c", "d", "e", "f", "a"]
    assert failures["problem"].iloc[-1] == "not a multiple of 5"
    with pytest.raises(SchemaError, match="cannot be as small as its bound 'population'"):
        with_intervals(pd.DataFrame({"cases": ["10"], "population": [7]}), "cases", at_most="population")
    with pytest.raises(SchemaError, match="the column is missing"):
        with_intervals(pd.DataFrame({"cases": ["10"]}), "deaths")
    with pytest.raises(SchemaError, match="suppressed="):
        Publication((5, 1))


SIGNS = ["*", "-", "c", "[c]", "..", ":", "x", "[x]", "[z]", "~", "[low]", "low", "s", "--", "#", "n/a!", "suppressed"]


def test_every_sign_means_what_the_publisher_states_or_is_refused() -> None:
    for publication in (Publication(base=1), HES):
        assert both(["*", "c", "[C]", "-", " - "], publication) == [(1, 7)] * 3 + [(0, 0)] * 2
    with pytest.raises(SchemaError, match="signs that stand for no stated count") as error:
        read_intervals(pd.Series(SIGNS), HES)
    assert error.value.failures["value"].tolist() == SIGNS[4:]
    # Stat-Xplore prints '..' for fewer than five, others for not available; Nomis prints '-' for a missing figure.
    assert both(["..", "-", "LOW"], Publication(base=1, signs={"..": (0, 4), "low": (0, 2)})) == [
        (0, 4),
        (0, 0),
        (0, 2),
    ]
    assert both(["*"], Publication((1, 4), base=5)) == [(1, 4)]
    assert both(["*"], Publication((1, 4), signs={"*": (0, 9)})) == [(0, 9)]
    for sign, publication in (
        ("-", NOMIS),
        ("..", Publication(signs={"..": None})),
        ("-", Publication(signs={"-": None})),
    ):
        with pytest.raises(SchemaError, match=f"signs that stand for no stated count.*{sign}.*says nothing"):
            read_intervals(pd.Series([sign, "5"]), publication)
    with pytest.raises(SchemaError, match=r"\.\.=\(4, 0\)"):
        Publication(signs={"..": (4, 0)})


def test_numbers_as_they_are_printed() -> None:
    exact = Publication(base=1)
    assert both(["1,234", " 1,234 ", "\u00a07", "12.0", "1,234,567"], exact) == [
        (1234, 1234), (1234, 1234), (7, 7), (12, 12), (1234567, 1234567),
    ]  # fmt: skip
    assert both(["<5", "< 5", "under 5", "5 or fewer", "5 or less", "up to 5", "≤5", "1,000-1,999"], exact) == [
        (0, 4), (0, 4), (0, 4), (0, 5), (0, 5), (0, 5), (0, 5), (1000, 1999),
    ]  # fmt: skip
    wrong = ["12%", "1,23", "1.5", "-3", "1 234", "12*", "1e3", "5+", ">5", "<0", "", " ", "NULL", None, np.nan, np.inf]
    with pytest.raises(SchemaError, match="cannot be read as a published count") as error:
        read_intervals(pd.Series(wrong, dtype=object), exact)
    assert len(error.value.failures) == len(wrong)


def test_dashes_of_every_length_are_one_sign_and_bounds_are_numbers() -> None:
    assert both(["-", "–", "—", "−"], Publication(base=1)) == [(0, 0)] * 4
    with pytest.raises(SchemaError, match="'population': not a number"):
        with_intervals(pd.DataFrame({"cases": ["*"], "population": ["1,000"]}), "cases", at_most="population")
