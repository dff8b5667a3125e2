"""Small designs for the sampler's tests."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import Design, design
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import Adjacency, from_edges

HEAD = """
name = "test"
question = "What does a test ask?"
table = "area_counts"
"""


def lattice(*shapes: tuple[int, int]) -> Adjacency:
    """Rook neighbours on rectangles, a connected component each; a 1 by 1 rectangle is a singleton."""
    edges, areas = [], []
    for number, (height, width) in enumerate(shapes):
        code = np.array([[f"C{number}_{i:02d}_{j:02d}" for j in range(width)] for i in range(height)])
        areas += code.ravel().tolist()
        for line in [*code, *code.T]:
            edges += list(pairwise(line.tolist()))
    return from_edges(np.array(edges).reshape(-1, 2), areas=areas)


@pytest.fixture(scope="session")
def graph() -> Adjacency:
    """Components of 12 and 6 areas and a singleton, in shuffled order."""
    whole = lattice((3, 4), (2, 3), (1, 1))
    return whole.reordered(np.random.default_rng(3).permutation(whole.areas))


@pytest.fixture(scope="session")
def table(graph: Adjacency) -> pd.DataFrame:
    """Two rows an area, with counts, trials, measurements, a step, a group and a covariate."""
    return rows(graph)


@pytest.fixture(scope="session")
def study(graph: Adjacency) -> Callable[..., Design]:
    """Build a design with the given outcome, terms and priors on two rows an area."""

    def build(outcome: str, terms: str = "", priors: str = "", *, table: pd.DataFrame | None = None) -> Design:
        card = parse_card(f"{HEAD}\n[outcome]\n{outcome}\n[terms]\n{terms}\n[priors]\n{priors}\n")
        return design(rows(graph) if table is None else table, card, adjacency=graph)

    return build


def rows(graph: Adjacency) -> pd.DataFrame:
    """Two rows an area, with counts, trials, measurements, a step, a group and a covariate."""
    stream = np.random.default_rng(11)
    n = 2 * len(graph)
    trials = stream.integers(5, 60, n)
    return pd.DataFrame(
        {
            "area": np.repeat(graph.areas, 2),
            "group": stream.permutation(np.resize(["a", "b", "c"], n)),
            "step": stream.permutation(np.resize(np.arange(1, 7), n)),
            "x": stream.normal(size=n),
            "trials": trials,
            "count": stream.binomial(trials, 0.3),
            "expected": stream.uniform(2.0, 20.0, n),
            "value": stream.gamma(3.0, 2.0, n),
            "binary": stream.integers(0, 2, n),
        }
    )


@pytest.fixture(scope="session")
def cases() -> ModuleType:
    """Reference cases and their long-run summaries, from `tests/reference/cases.py`."""
    path = Path(__file__).parents[1] / "reference" / "cases.py"
    spec = importlib.util.spec_from_file_location("reference_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
