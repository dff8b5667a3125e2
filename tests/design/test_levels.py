"""Levels of a walk stand in the order of what they say, evenly, or are refused with a remedy that works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.levels import deprivation_rank, positions, told_order
from bayesineq.design.matrix import Design, design
from bayesineq.errors import DesignError
from bayesineq.inference.fit import fit
from bayesineq.measures.simple import difference
from bayesineq.measures.slope import sii
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.lift import over_draws
from bayesineq.posterior.population import population
from bayesineq.tables.labels import read_labels

POISSON = 'count = "y"\nexpected = "e"\nlikelihood = "poisson"'


def study(values: object, options: str = "", kind: str = "random_walk", name: str = "g") -> Design:
    card = f'name = "t"\nquestion = "?"\ntable = "t"\n[outcome]\n{POISSON}\n[terms]\n'
    card += f'w = {{ kind = "{kind}", by = "{name}"{options} }}\n'
    return design(pd.DataFrame({name: values, "e": 1.0, "y": 1}), parse_card(card))


def levels(values: object, options: str = "", kind: str = "random_walk", name: str = "g") -> list[object]:
    return study(values, options, kind, name).blocks[0].levels[0].tolist()


TOLD = [
    ["Under 5", "5-9", "10-14"],
    ["<1", "1-4", "5-9", "10+"],
    ["<1", "1", "2", "3 or more"],
    ["0-4", "05-09", "10\u201314", "15 to 19", "20 and over"],
    ["aged 0-15", "aged 16-64", "aged 65 and over"],
    ["0-4 years", "5-9 years", "10 years and over"],
    ["<18.5", "18.5-24.9", "25-29.9", "30+"],
    ["(0, 10]", "(10, 20]", "(20, inf]"],
    ["under 20", "20 to under 50", "50 plus"],
    ["2012-14", "2015-17", "2018-20"],
    ["\u00a30-\u00a39,999", "\u00a310,000-\u00a319,999", "\u00a320,000+"],
    ["2019-8", "2019-9", "2019-10", "2019-11"],
    ["2019-10", "2019-11", "2019-12", "2020-01"],
    ["2019M9", "2019M10"],
    ["Aug 2019", "Sep 2019", "Oct 2019"],
    ["April 2020", "May 2020", "June 2020"],
    ["Dec-19", "Jan-20", "Feb-20"],
    ["12/2019", "01/2020", "02/2020"],
    ["2019 Q3", "2019 Q4", "2020 Q1"],
    ["2019-Q4", "2020-Q1"],
    ["Q4 2019", "Q1 2020"],
    ["2019/20 Q4", "2020/21 Q1"],
    ["2018/19", "2019/20", "2020/21"],
    ["2008-09", "2009-10", "2010-11"],
    ["1999/2000", "2000/2001"],
    ["30/12/2019", "31/12/2019", "01/01/2020"],
    ["31 Dec 2019", "1 Jan 2020"],
    ["-10", "-9", "-8"],
    ["\u22122", "\u22121", "0", "1"],
    [str(k) for k in range(1, 11)],
    [f"{k:02d}" for k in range(1, 11)],
    [f"Decile {k}" for k in range(1, 11)],
    [f"IMD 2019 quintile {k} of 5" for k in range(1, 6)],
    ["1st", "2nd", "3rd", "4th"],
    ["1 - most deprived", *map(str, range(2, 10)), "10 - least deprived"],
    ["1 (most deprived)", "2", "3", "4", "5 (least deprived)"],
    ["5 - most deprived", "4", "3", "2", "1 - least deprived"],
    ["1: managers", "2: intermediate", "3: routine"],
    ["Most deprived decile", "Second most deprived decile", "Fifth more deprived decile", "Fifth less deprived decile",
     "Least deprived decile"],
]  # fmt: skip


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told[0])
@pytest.mark.parametrize("category", [False, True])
def test_labels_stand_in_the_order_of_what_they_say(told, category):
    for seed in range(3):
        mixed = np.random.default_rng(seed).permutation(np.array(told, dtype=object))
        assert levels(pd.Series(mixed).astype("category") if category else mixed) == told
    assert levels(pd.Categorical(told, told, ordered=True)) == told
    assert levels(mixed, kind="ar1") == told


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([2010.0, 2011.0, 2015.0], [2010, 2011, 2012, 2013, 2014, 2015]),
        ([2010, 2011, 2015], [2010, 2011, 2012, 2013, 2014, 2015]),
        ([-10.0, -5.0, 0.0, 5.0], list(range(-10, 6))),
        ([1991, 2001, 2011, 2021], [1991, 2001, 2011, 2021]),
        ([0, 1000, 2000, 4000], [0, 1000, 2000, 3000, 4000]),
        ([0.1, 0.2, 0.4], [0.1, 0.2, 0.3, 0.4]),
        ([-1.5, -1.0, 0.0], [-1.5, -1.0, -0.5, 0.0]),
        ([-1, 0, 1], [-1, 0, 1]),
        (["1", "2", "4"], ["1", "2", "3", "4"]),
        (["08", "10"], ["08", "09", "10"]),
        (["2019-9", "2019-12", "2020-1"], ["2019-9", "2019-10", "2019-11", "2019-12", "2020-1"]),
        ([201911, 202001], [201911, 201912, 202001]),
        (["Nov 2019", "Jan 2020"], ["Nov 2019", "Dec 2019", "Jan 2020"]),
        (["2019 Q3", "2020 Q1"], ["2019 Q3", "2019 Q4", "2020 Q1"]),
        (["2018/19", "2020/21"], ["2018/19", "2019/20", "2020/21"]),
        (["2008-09", "2010-11"], ["2008-09", "2009-10", "2010-11"]),
        (["Decile 1", "Decile 3"], ["Decile 1", "Decile 2", "Decile 3"]),
        (pd.Categorical([3, 1], [3, 1], ordered=True), [3, 2, 1]),
        (pd.to_datetime(["2020-01-01", "2020-02-01", "2020-04-01"]),
         ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01"]),
        (pd.to_datetime(["2020-01-31", "2020-02-29", "2020-04-30"]),
         ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]),
        (pd.to_datetime(["2020-01-06", "2020-01-13", "2020-01-27"]),
         ["2020-01-06", "2020-01-13", "2020-01-20", "2020-01-27"]),
        (pd.to_datetime(["2020-01-01", "2020-04-01", "2020-10-01"]),
         ["2020-01-01", "2020-04-01", "2020-07-01", "2020-10-01"]),
        (pd.PeriodIndex(["2019Q4", "2020Q2"], freq="Q"), ["2019Q4", "2020Q1", "2020Q2"]),
        (pd.period_range("2019-11", "2020-02", freq="M"), ["2019-11", "2019-12", "2020-01", "2020-02"]),
        (pd.date_range("2020-01-01", periods=3).date, ["2020-01-01", "2020-01-02", "2020-01-03"]),
    ],
)  # fmt: skip
def test_a_walk_steps_evenly(values, want):
    assert levels(values) == want
    made = study(values)
    named = made.blocks[0].levels[0][made.blocks[0].incidence.index]
    assert len(named) == len(values)
    assert len(set(named.tolist())) == len(values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["a", "b", "c"], "do not say their order"),
        (["5-9", "10-14", "unknown"], "do not say their order"),
        (["1", "2", "white"], "do not say their order"),
        (["2019-01", "2019 Q2"], "do not say their order"),
        (["0-5 months", "6-11 months", "1-4 years"], "do not say their order"),
        (["5-9", "05-09"], "do not say their order"),
        (["01/02/2020", "01/03/2020"], "do not say their order"),
        (["Most deprived", "2", "3", "4", "Least deprived"], "do not say their order"),
        (pd.Categorical(["low", "middle", "high"], ["low", "middle", "high"]), "do not say their order"),
        ([True, False], "do not say their order"),
        (pd.Series([str(k) for k in range(1, 11)]).astype("category").cat.as_ordered(), "order of the alphabet"),
        (pd.Series(["0-4", "5-9", "10-14"]).astype("category").cat.as_ordered(), "order of the alphabet"),
        ([*range(1, 11), 99], "99 stands apart as a code for missing"),
        ([*range(1, 11), 999], "999 stands apart"),
        ([str(k) for k in [*range(1, 11), 99]], "99 stands apart"),
        ([1, 2, 3, 4, 5, 9], "9 stands apart"),
        ([1.0, 2.0, 3.0, -9.0], "-9 stands apart"),
        ([-1, 1, 2, 3], "-1 stands apart"),
        (pd.Categorical([1, 2, 99], [1, 2, 99], ordered=True), "99 stands apart"),
        ([1, 2, 3, 50], "between its levels 3 and 50 lies a gap"),
        ([0.13, 1.97, 2.02], "lies a gap"),
        (pd.to_datetime(["2020-01-03", "2020-02-17", "2020-05-30"]), "lies a gap"),
        (["0-4", "10-14"], "bands leave a gap between '0-4' and '10-14'"),
        (["<1", "1-4", "85+"], "leave a gap between '1-4' and '85\\+'"),
        (["0-4", "3-9"], "bands '0-4' and '3-9' overlap"),
        (["0+", "5-9"], "overlap"),
        (["2015-17", "2016-18", "2017-19"], "overlap"),
        (["2019 Q1", "2019-Q4"], "leave out 2 steps"),
    ],
)
def test_what_is_no_walk_is_refused_and_the_remedy_works(values, says):
    with pytest.raises(DesignError, match=says) as told:
        levels(values)
    own = sorted(pd.Series(values).unique().tolist(), key=str)[::-1]
    if "levels = " in str(told.value) and all(type(level) in (str, int, float) for level in own):
        assert levels(values, f", levels = {own}") == own


def test_a_missing_band_is_listed_on_the_card():
    assert levels(["0-4", "10-14"], ', levels = ["0-4", "5-9", "10-14"]') == ["0-4", "5-9", "10-14"]
    with pytest.raises(DesignError, match="order of the alphabet"):
        levels(["0-4", "10-14"], ', levels = ["0-4", "10-14", "5-9"]')


@pytest.mark.parametrize("kind", ["random_walk", "exchangeable"])
def test_deciles_of_deprivation_run_from_one_to_ten(kind):
    assert levels([1, 2, 10], kind=kind, name="imd_decile") == (
        list(range(1, 11)) if kind != "exchangeable" else [1, 2, 10]
    )
    assert levels([1, 2, 9], name="imd_decile") == list(range(1, 10))
    coded = pd.Categorical([1, 2, 99], [1, 2, 99], ordered=True)
    for strange in ([0, 1, 2], [1, 2, 99], ["1", "2", "11"], [1.5, 2.0], coded):
        with pytest.raises(DesignError, match="runs from 1, the most deprived, to 10"):
            levels(strange, kind=kind, name="imd_decile")
    with pytest.raises(DesignError, match="do not say their order"):
        levels(["low", "high"], kind=kind, name="imd_quintile")


@pytest.mark.parametrize("kind", ["random_walk", "exchangeable"])
def test_deprivation_stated_the_other_way_round_is_refused(kind):
    down = [5, 4, 3, 2, 1]
    for values, options in ((pd.Categorical(down, down, ordered=True), ""), (down, f", levels = {down}")):
        with pytest.raises(DesignError, match="1 is the most deprived and comes first"):
            levels(values, options, kind=kind, name="imd_quintile")
        assert levels(values, options, kind=kind, name="quintile") == down
    told = ["5 - most deprived", "4", "3", "2", "1 - least deprived"]
    assert levels(pd.Categorical(told, told, ordered=True), kind=kind, name="imd_quintile") == told


def test_without_a_walk_nothing_is_put_in_and_nothing_refused():
    assert levels([1, 2, 99], kind="exchangeable") == [1, 2, 99]
    assert levels(["unknown", "10-14", "5-9"], kind="exchangeable", name="age_band") == ["5-9", "10-14", "unknown"]
    assert levels(["10-14", "5-9", "Under 5"], kind="exchangeable") == ["Under 5", "5-9", "10-14"]
    assert levels([3.0, 1.0], kind="exchangeable") == [1, 3]
    assert levels(np.arange(2000)[::-1], kind="exchangeable") == list(range(2000))


def test_every_reason_comes_at_once():
    card = f'name = "t"\nquestion = "?"\ntable = "t"\n[outcome]\n{POISSON}\n[terms]\n'
    card += 'a = { kind = "random_walk", by = "a" }\nb = { kind = "ar1", by = "b" }\n'
    frame = pd.DataFrame({"a": ["x", "y", "z"], "b": [1, 2, 99], "e": 0.0, "y": 1})
    with pytest.raises(DesignError, match="3 problems") as told:
        design(frame, parse_card(card))
    assert all(word in str(told.value) for word in ("'a'", "99", "not positive"))


def test_rows_meet_their_levels_whatever_they_are_stored_as():
    assert positions(pd.Series([3.0, 1.0]), np.array([1, 2, 3])).tolist() == [2, 0]
    assert positions(
        pd.Series(pd.to_datetime(["2020-02-01", "2020-01-01"])), np.array(["2020-01-01", "2020-02-01"])
    ).tolist() == [1, 0]
    assert positions(pd.Series([1, 2], dtype="Int64"), np.array(["2", "1"])).tolist() == [1, 0]
    assert positions(pd.Series(["4"]), np.array([1, 2])).tolist() == [-1]


def test_what_labels_are():
    assert read_labels(["2019-20", "2020-21"]).kind == "financial year"
    assert read_labels(["2019-10", "2019-12"]).kind == "month"
    assert read_labels(["2015-17", "2016-18"]).kind == "band"
    assert read_labels([]) is None
    assert told_order(np.array(["b", "a"])) is None
    assert deprivation_rank(np.array(["Decile 10", "Decile 1"]), "imd_decile").tolist() == [10.0, 1.0]


@pytest.mark.parametrize(
    "text",
    [
        [str(k) for k in range(1, 11)],
        ["1 - most deprived", *map(str, range(2, 10)), "10 - least deprived"],
        ["10 - most deprived", *map(str, range(9, 1, -1)), "1 - least deprived"],
    ],
)
@pytest.mark.parametrize("name", ["d", "imd_decile"])
def test_the_slope_over_deciles_of_text_is_that_over_numbers(text, name):
    rate = np.linspace(0.20, 0.02, 10)
    card = 'name = "t"\nquestion = "?"\ntable = "t"\n[outcome]\ncount = "y"\nat_risk = "n"\nlikelihood = "binomial"\n'
    card = parse_card(card + f'[terms]\nw = {{ kind = "random_walk", by = "{name}" }}')
    frame = pd.DataFrame({name: text, "n": 20_000, "y": np.round(rate * 20_000).astype(int)})
    for column in (frame[name].astype("category"), frame[name]):
        mixed = frame.assign(**{name: column}).sample(frac=1, random_state=1)
        post = fit(design(mixed, card), seed=1, progress=False)
        values = expected(post, population(post), by=name)
        assert values[name].to_numpy().tolist() == text
        assert float(over_draws(sii, values, name).mean()) == pytest.approx(-0.200, abs=0.002)
        assert float(over_draws(difference, values, name).mean()) == pytest.approx(-0.180, abs=0.002)
