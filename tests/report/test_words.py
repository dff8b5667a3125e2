"""Sentences are made from draws: turned data turn them, and no claim is made across no difference."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayesineq.disclosure.covered import covered
from bayesineq.errors import MeasureError
from bayesineq.report.tables.numbers import PERCENT
from bayesineq.report.words.chance import CHANCES, chance, chance_and_number, each_at_least
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.sentences import Statement, association, groups, listed, places

NORMAL = np.random.default_rng(1).normal(size=2000)


def contrasts(
    draws: np.ndarray, more_is: str = "worse", prob: float = 0.95, crude: float | None = None
) -> list[Statement]:
    """Statements on groups that differ by these draws, the first of them B; the ratio is their exponential."""
    tail = (1 - prob) / 2
    rows = {
        name: {
            "mean": values.mean(),
            "lower": np.quantile(values, tail),
            "upper": np.quantile(values, 1 - tail),
            "p_above": (values > equal).mean(),
            "crude_mean": values.mean() if crude is None else crude,
            "adjusted_for": "nothing" if crude is None else "age_band",
        }
        for name, values, equal in (("difference", draws, 0.0), ("ratio", np.exp(draws), 1.0))
    }
    table = pd.DataFrame(rows).T.infer_objects().rename_axis("parameter").reset_index()
    names = {"first": "B", "last": "A", "outcome": "smoking", "level": f"{100 * prob:.0f}%"}
    return list(ends_compared(table, **names, unit=PERCENT, more_is=more_is, n_draw=len(draws)))


def said(draws: np.ndarray, more_is: str = "worse") -> str:
    return contrasts(draws, more_is)[0].text


@pytest.mark.parametrize(
    ("probability", "words"),
    [(1.0, "almost certain"), (0.99, "almost certain"), (0.97, "very likely"), (0.9, "very likely"), (0.89, "likely"),
     (0.66, "likely"), (0.5, "about as likely as not"), (0.2, "unlikely"), (0.05, "very unlikely"),
     (0.0, "almost impossible")],
)  # fmt: skip
def test_words_stand_for_the_ranges_of_the_published_scale(probability: float, words: str) -> None:
    assert chance(probability) == words


def test_every_word_comes_with_its_number() -> None:
    assert chance_and_number(0.97, 1000) == "very likely, 97%"
    assert [limit for limit, _ in CHANCES] == sorted((limit for limit, _ in CHANCES), reverse=True)
    with pytest.raises(MeasureError, match="between 0 and 1"):
        chance(1.2)


@pytest.mark.parametrize("draws", [2, 20, 50, 99, 100, 101, 150, 400, 1_000, 4_000])
def test_words_and_numbers_of_every_share_of_draws_stand_in_one_row_of_the_table(draws: int) -> None:
    limits = [limit for limit, _ in CHANCES]
    row = {word: (100 * low, 100 * high) for (low, word), high in zip(CHANCES, [1.0, *limits[:-1]], strict=True)}
    for hits in range(draws + 1):
        word, number = chance_and_number(hits / draws, draws).split(", ")
        low, high = row[word]
        shown = float(re.sub("[^0-9.]", "", number))
        assert low <= shown <= high, (hits, word, number)
        # The upper end belongs to the next word, unless the number says that it lies on this side of it.
        assert shown < high or high == 100 or number.startswith(("less", "more")), (hits, word, number)
        # No number of draws makes a thing certain, and few draws do not make it almost certain.
        assert number not in {"100%", "0%"}
        if hits in {0, draws}:
            assert number.startswith(("more", "less")) or draws < 3
            assert word not in {"almost certain", "almost impossible"} or draws >= 100
        least = each_at_least(hits / draws, draws)
        bound = float(re.sub("[^0-9.]", "", least.split(", ")[1]))
        assert "less" in least or bound <= 100 * hits / draws + 1e-6, (hits, least)


def test_a_share_and_its_complement_have_mirrored_words() -> None:
    for hits in range(1, 100):
        lean = max(hits / 100, 1 - hits / 100)
        assert chance(lean) == chance(max(hits, 100 - hits) / 100)


def test_a_difference_is_claimed_with_its_size_and_interval() -> None:
    statement = contrasts(np.linspace(0.04, 0.06, 2001))[0]
    assert statement.is_claim
    assert statement.text == (
        "Smoking is higher in A than in B, by 5.00 percentage points (95% interval 4.05 to 5.95); that it is higher is "
        "almost certain, more than 99%. Here lower is better, so A fares worse."
    )


def test_turning_the_data_turns_the_sentence() -> None:
    draws = 0.05 + 0.001 * NORMAL
    turned = said(draws).replace("is higher", "is lower").replace("it is higher", "it is lower")
    assert said(-draws) == turned.replace("so A fares", "so B fares")
    assert said(draws, "better").endswith("Here higher is better, so B fares worse.")


def test_the_crude_value_stands_beside_in_its_own_direction() -> None:
    """Held equal, a gap may turn: the crude one keeps its own sign."""
    gap, ratio = contrasts(0.05 + 0.001 * NORMAL, crude=-0.021)
    assert "; crude: 2.10 percentage points lower); that it is higher" in gap.text
    assert "; crude: " in ratio.text
    assert "crude" not in said(0.05 + 0.001 * NORMAL)


@given(
    shift=st.floats(-3, 3),
    size=st.floats(0.001, 10),
    prob=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_an_interval_across_no_difference_never_yields_a_claim(shift: float, size: float, prob: float) -> None:
    draws = size * (NORMAL + shift)
    lower, upper = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2])
    statements = [
        *contrasts(draws, prob=prob),
        association(draws, name="age", rise="1", outcome="smoking", unit=PERCENT, prob=prob),
    ]
    for statement in statements:
        assert statement.is_claim == (not lower <= 0 <= upper)
        if not statement.is_claim:
            assert not any(word in statement.text for word in ("higher", "lower in", "worse", "better", "certain"))


def test_ratios_are_said_both_ways_round() -> None:
    up, down = (contrasts(sign * 0.7 + 0.01 * NORMAL)[1].text for sign in (1, -1))
    assert up.startswith("As a ratio, A has 2.01 times the level of B")
    assert up.endswith("turned round, B has 0.497 times the level of A.")
    assert down.startswith("As a ratio, A has 0.497 times the level of B")
    assert down.endswith("turned round, B has 2.01 times the level of A.")


def group_values(means: list[float], sd: float = 0.002) -> xr.DataArray:
    draws = np.asarray(means) + sd * np.random.default_rng(2).normal(size=(1, 1000, len(means)))
    coords = {"ethnicity": [f"g{k}" for k in range(len(means))], "population": ("ethnicity", [100.0] * len(means))}
    return xr.DataArray(draws, dims=("chain", "draw", "ethnicity"), coords=coords)


def texts(values: xr.DataArray, names: list[str], more_is: str = "worse") -> list[str]:
    safe = covered(values, counts=False)
    return [s.text for s in groups(safe, "ethnicity", names, outcome="smoking", unit=PERCENT, more_is=more_is)]


def test_groups_are_named_where_they_differ_from_the_average() -> None:
    found = texts(group_values([0.10, 0.15, 0.20]), ["low", "middle", "high"])
    assert found[0].startswith(
        "By ethnic group, smoking is higher than the average of these groups (15.0%, weighted by population), which is "
        "worse, in: high (20.0%) ("
    )
    assert re.fullmatch(
        r"By ethnic group, high is furthest above the average of these groups \(15\.0%\): smoking there is 20\.0%, "
        r"(5\.0\d|4\.9\d) percentage points above \(95% interval 4\.\d\d to 5\.\d\d\)\.",
        found[1],
    )
    assert found[2].startswith("By ethnic group, smoking is lower than that average, which is better, in: low (10.0%)")
    assert (
        found[3] == "By ethnic group, the data do not show whether 1 of the 3 groups differ from their average: middle."
    )
    assert found[4] == ("By ethnic group, the highest level of all is that of high (almost certain, more than 99%).")
    turned = texts(group_values([0.20, 0.15, 0.10]), ["low", "middle", "high"])
    assert "worse, in: low (" in turned[0]
    good = texts(group_values([0.10, 0.15, 0.20]), ["low", "middle", "high"], "better")
    assert "better, in: high (" in good[0]
    assert "low is furthest below the average of these groups (15.0%): smoking there is 10.0%, " in good[2]


def test_equal_groups_yield_no_claim() -> None:
    statements = groups(
        covered(group_values([0.1, 0.1, 0.1])), "ethnicity", ["a", "b", "c"], outcome="smoking", unit=PERCENT
    )
    assert [s.is_claim for s in statements] == [False]
    assert statements[0].text == (
        "By ethnic group, the data show no group to differ from the average of these groups (9.99%, weighted by "
        "population) in smoking."
    )
    assert not groups(covered(group_values([0.1])), "ethnicity", ["a"], outcome="smoking", unit=PERCENT)[0].is_claim


def test_places_are_counted_at_95_percent() -> None:
    statement = places(pd.Series([0.96, 0.95, 0.5, 0.05, 0.04, 0.94, np.nan]), outcome="smoking")
    assert statement.text.startswith("Of 6 areas, 2 are above")
    assert "and 2 below it, each with a probability of 95% or more; that of the other 2 lies between." in statement.text
    assert not places(pd.Series([0.5]), outcome="smoking").is_claim


def test_lists_of_names_with_commas_stay_readable() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a, b", "c", "d"]) == "a, b; c; d"
    assert listed(["White and Asian", "Irish"]) == "White and Asian; Irish"


def test_draws_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(MeasureError, match="finite draws"):
        association(np.array([0.1, np.nan]), name="age", rise="1", outcome="smoking", unit=PERCENT)
