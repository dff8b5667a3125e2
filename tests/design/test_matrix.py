"""Designs: rows keyed by code, arrays that say what the table says, and every misfit in one message."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import design
from bayesineq.errors import DesignError
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import from_edges

HEAD = 'name = "t"\nquestion = "?"\ntable = "area_counts"\n'
BINOMIAL = HEAD + '[outcome]\ncount = "cases"\nat_risk = "population"\nlikelihood = "binomial"\n[terms]\n'
POISSON = HEAD + '[outcome]\ncount = "cases"\nexpected = "expected"\nlikelihood = "poisson"\n[terms]\n'
GRAPH = from_edges([("E2", "E1"), ("E2", "E3")], areas=["E3", "E1", "E2"])


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": ["E1", "E2", "E3", "E1"],
            "imd_decile": [2, 5, 4, 2],
            "age_band": ["5-9", "10-14", "5-9", "10-14"],
            "score": [1.0, 2.0, 3.0, 6.0],
            "cases": [1, 0, 3, 2],
            "population": [10, 20, 30, 40],
            "expected": [1.5, 2.5, 0.5, 1.0],
        }
    )


def test_areas_follow_the_graph_not_the_rows(table: pd.DataFrame) -> None:
    card = parse_card(BINOMIAL + 'place = { kind = "bym2", by = "area" }')
    study = design(table, card, adjacency=GRAPH)
    (place,) = study.blocks
    assert place.levels[0].tolist() == ["E3", "E1", "E2"]
    assert place.levels[0][place.incidence.index].tolist() == table["area"].tolist()


def test_shuffled_rows_give_the_same_pairs_of_code_and_count(table: pd.DataFrame) -> None:
    card = parse_card(BINOMIAL + 'place = { kind = "icar", by = "area" }')
    shuffled = table.iloc[[2, 0, 3, 1]]
    for rows in (table, shuffled):
        study = design(rows, card, adjacency=GRAPH)
        found = set(zip(study.blocks[0].levels[0][study.blocks[0].incidence.index], study.response.value, strict=True))
        assert found == {("E1", 1.0), ("E2", 0.0), ("E3", 3.0), ("E1", 2.0)}


def test_a_walk_steps_over_a_decile_that_is_absent(table: pd.DataFrame) -> None:
    study = design(table, parse_card(BINOMIAL + 'd = { kind = "random_walk", by = "imd_decile" }'))
    assert study.blocks[0].levels[0].tolist() == [2, 3, 4, 5]
    assert study.blocks[0].incidence.index.tolist() == [0, 3, 2, 0]


def test_age_bands_are_in_the_order_of_age(table: pd.DataFrame) -> None:
    study = design(table, parse_card(BINOMIAL + 'age = { kind = "fixed", by = "age_band", reference = "10-14" }'))
    assert study.blocks[0].levels[0].tolist() == ["5-9", "10-14"]
    assert study.blocks[0].reference == 1


def test_crossed_levels_count_the_last_dimension_fastest(table: pd.DataFrame) -> None:
    study = design(table, parse_card(BINOMIAL + 'x = { kind = "exchangeable", by = ["area", "age_band"] }'))
    (block,) = study.blocks
    assert block.shape == (3, 2)
    area, age = np.unravel_index(block.incidence.index, block.shape)
    assert block.levels[0][area].tolist() == table["area"].tolist()
    assert block.levels[1][age].tolist() == table["age_band"].tolist()


def test_a_standardised_covariate_has_mean_zero_and_sd_one(table: pd.DataFrame) -> None:
    study = design(table, parse_card(BINOMIAL + 's = { kind = "linear", by = "score", standardise = true }'))
    (block,) = study.blocks
    assert block.incidence.weight.mean() == pytest.approx(0.0, abs=1e-12)
    assert block.incidence.weight.std() == pytest.approx(1.0)
    assert block.incidence.weight * block.spread + block.centre == pytest.approx(table["score"].to_numpy())


def test_expected_counts_enter_as_the_offset_and_as_weights(table: pd.DataFrame) -> None:
    study = design(table, parse_card(POISSON + 's = { kind = "linear", by = "score" }'))
    assert np.exp(study.response.offset) == pytest.approx(table["expected"].to_numpy())
    assert study.population["population"].tolist() == table["expected"].tolist()


def test_interval_counts_keep_both_ends(table: pd.DataFrame) -> None:
    text = HEAD + '[outcome]\nlower = "cases"\nupper = "most"\nat_risk = "population"\nlikelihood = "binomial"\n'
    study = design(table.assign(most=[7, 0, 3, 7]), parse_card(text))
    assert study.response.lower.tolist() == [1, 0, 3, 2]
    assert study.response.upper.tolist() == [7, 0, 3, 7]


def test_the_digest_moves_with_the_data_and_only_with_what_the_card_reads(table: pd.DataFrame) -> None:
    card = parse_card(BINOMIAL + 's = { kind = "linear", by = "score" }')
    first = design(table, card).sha256
    assert design(table.assign(expected=9.0), card).sha256 == first
    assert design(table.assign(cases=[1, 0, 3, 3]), card).sha256 != first


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cases": [11, 0, 3, 2]}, ["'cases'", "denominator", "counted from 0: 0"]),
        ({"cases": [1, -1, 3, 2]}, ["'cases'", "negative or fractional", "counted from 0: 1"]),
        ({"cases": [1, 0.5, 3, 2]}, ["'cases'", "negative or fractional"]),
        ({"cases": [1, np.inf, 3, 2]}, ["'cases'", "infinite", "counted from 0: 1"]),
        ({"cases": [np.nan] * 4}, ["no row has an outcome"]),
        ({"population": [10, np.nan, 30, 40]}, ["'population'", "missing", "counted from 0: 1"]),
        ({"population": [10, 20, 30, np.inf]}, ["'population'", "infinite"]),
        ({"area": ["E1", "E2", "E9", "E1"]}, ["['E9']", "not in the adjacency"]),
        ({"area": ["E1", None, "E3", "E1"]}, ["'area'", "missing"]),
        ({"cases": ["1", "0", "3", "2"]}, ["'cases'", "not numbers"]),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: pd.DataFrame, change: dict, says: list[str]) -> None:
    card = parse_card(BINOMIAL + 'place = { kind = "bym2", by = "area" }')
    with pytest.raises(DesignError) as caught:
        design(table.assign(**change), card, adjacency=GRAPH)
    for part in says:
        assert part in str(caught.value)


def test_all_misfits_come_at_once(table: pd.DataFrame) -> None:
    card = parse_card(BINOMIAL + 'place = { kind = "bym2", by = "area" }')
    with pytest.raises(DesignError) as caught:
        design(table.assign(cases=[11, -1, 3, 2], area=["E1", "E2", "E9", "E1"]), card, adjacency=GRAPH)
    assert "(3 problems)" in str(caught.value)


def test_what_identifies_nothing_is_refused(table: pd.DataFrame) -> None:
    constant = parse_card(BINOMIAL + 's = { kind = "linear", by = "score", standardise = true }')
    with pytest.raises(DesignError, match="constant"):
        design(table.assign(score=1.0), constant)
    walk = parse_card(BINOMIAL + 'd = { kind = "random_walk", by = "imd_decile", order = 2 }')
    with pytest.raises(DesignError, match="too few"):
        design(table.assign(imd_decile=[1, 2, 1, 2]), walk)


def test_missing_pieces_are_named(table: pd.DataFrame) -> None:
    card = parse_card(BINOMIAL + 'place = { kind = "bym2", by = "area" }')
    with pytest.raises(DesignError, match="adjacency="):
        design(table, card)
    with pytest.raises(DesignError, match=r"lacks: \['population'\]"):
        design(table.drop(columns="population"), card, adjacency=GRAPH)
    with pytest.raises(DesignError, match="no rows"):
        design(table.iloc[:0], card, adjacency=GRAPH)
    fixed = parse_card(BINOMIAL + 'age = { kind = "fixed", by = "age_band", reference = "50-54" }')
    with pytest.raises(DesignError, match=r"reference '50-54' is not a level"):
        design(table, fixed)
    with pytest.raises(DesignError, match="expected"):
        design(
            table.assign(expected=[1.0, 0.0, 1.0, 1.0]), parse_card(POISSON + 's = { kind = "linear", by = "score" }')
        )
