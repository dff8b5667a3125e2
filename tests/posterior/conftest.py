"""Posteriors made up of plain random numbers in the one shape that engines give: no fit is run here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import Design, design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import from_edges

AREAS = [f"E0100000{i}" for i in range(7)]
EDGES = [(AREAS[i], AREAS[i + 1]) for i in range(6)]

CARD = """
name = "small"
question = "Who?"
table = "area_counts"
[outcome]
name = "prevalence"
count = "cases"
at_risk = "people"
likelihood = "binomial"
[terms]
age_sex = { kind = "fixed", by = ["age_band", "sex"], reference = ["20-39", "F"] }
deprivation = { kind = "random_walk", by = "imd_decile" }
ethnicity = { kind = "exchangeable", by = "ethnicity" }
both = { kind = "exchangeable", by = ["imd_decile", "ethnicity"] }
place = { kind = "bym2", by = "area" }
air = { kind = "linear", by = "air", standardise = true }
slope = { kind = "exchangeable", by = "ethnicity", times = "air" }
"""


def _outcome_card(outcome: str, terms: str = 'place = { kind = "exchangeable", by = "area" }') -> str:
    return f'name = "other"\nquestion = "?"\ntable = "t"\n[outcome]\n{outcome}\n[terms]\n{terms}\n'


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Seven areas in their deciles, two sexes, three age bands, three ethnic groups; no two areas have the same air."""
    rng = np.random.default_rng(20)
    grid = pd.MultiIndex.from_product([AREAS, ["5-19", "20-39", "40+"], ["F", "M"], ["A", "H", "M"]])
    frame = grid.to_frame(index=False, name=["area", "age_band", "sex", "ethnicity"])
    frame["imd_decile"] = frame["area"].map(dict(zip(AREAS, [1, 1, 2, 4, 5, 3, 2], strict=True)))
    frame["air"] = frame["area"].map(dict(zip(AREAS, rng.normal(10, 3, 7), strict=True)))
    frame["people"] = rng.integers(1, 400, len(frame))
    frame["cases"] = rng.binomial(frame["people"], 0.1)
    return frame


def _draws_for(study: Design, chains: int, draws: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {"intercept": rng.normal(-2, 0.1, (chains, draws))}
    for block in study.blocks:
        effect = rng.normal(0, 0.5, (chains, draws, *block.shape))
        if block.reference is not None:
            effect.reshape(chains, draws, -1)[..., block.reference] = 0
        values[block.term.name] = effect.astype(np.float32) if block.term.is_spatial else effect
        if block.term.kind in {"exchangeable", "random_walk", "bym2"}:
            values[f"{block.term.name}.sigma"] = rng.gamma(2, 0.2, (chains, draws))
    if study.card.outcome.likelihood == "log_normal":
        values["outcome.sigma"] = rng.gamma(5, 0.1, (chains, draws))
    return values


def _make(table: pd.DataFrame, card: str = CARD, chains: int = 2, draws: int = 5, **attributes: object) -> xr.DataTree:
    graph = from_edges(EDGES, areas=AREAS) if "bym2" in card else None
    study = design(table, parse_card(card), adjacency=graph)
    engine = "nuts" if chains > 1 else "laplace"
    return posterior_tree(study, _draws_for(study, chains, draws), engine=engine, seed=1, attributes=attributes)


@pytest.fixture(scope="session")
def post(table: pd.DataFrame) -> xr.DataTree:
    return _make(table)


@pytest.fixture(scope="session")
def make() -> Callable[..., xr.DataTree]:
    """Build a posterior from a table and the text of a card."""
    return _make


@pytest.fixture(scope="session")
def outcome_card() -> Callable[..., str]:
    """Write the text of a card from its outcome and, if need be, its terms."""
    return _outcome_card


@pytest.fixture(scope="session")
def small_card() -> str:
    return CARD
