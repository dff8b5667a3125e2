"""Tables on which every card is tried: the keys of a small simulated place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bayesineq.simulate.worlds import simulate_counts
from bayesineq.space.adjacency import Adjacency, from_edges

HEIGHT, WIDTH = 5, 6


@pytest.fixture(scope="session")
def graph() -> Adjacency:
    """A lattice of 28 areas, and two islands of one area each."""
    code = np.array([f"E010{i:05d}" for i in range(HEIGHT * WIDTH)]).reshape(HEIGHT, WIDTH)
    edges = [pair for line in [*code, *code.T] for pair in pairwise(line.tolist())]
    islands = {code[0, 0], code[4, 5]}
    return from_edges([e for e in edges if not islands & set(e)], areas=code.ravel())


@pytest.fixture(scope="session")
def keys(graph: Adjacency) -> Callable[[str], pd.DataFrame]:
    """
    Rows of a schema with a denominator of about 800 a row and outcomes still to come.

    So many that the data tell an area's effect: with fewer, all of them hang on one standard deviation that they
    hardly tell, and miss together whenever that one does.
    """
    world = simulate_counts(graph, seed=2, people=10_000.0, ethnicities=("A", "H", "N"))
    cells = world.table.drop(columns="cases")

    def area_health() -> pd.DataFrame:
        stream = np.random.default_rng(4)
        areas = cells[["area", "imd_decile"]].drop_duplicates().reset_index(drop=True)
        shares = stream.dirichlet([12.0, 1.5, 0.8, 0.6, 0.4], len(areas))
        columns = dict(zip(("asian", "black", "mixed", "other"), shares[:, 1:].T, strict=True))
        aged = stream.beta(4.0, 16.0, len(areas))
        return areas.assign(residents=1_500, **columns, aged_65_and_over=aged)

    def trial_counts() -> pd.DataFrame:
        arms = cells.groupby(["area", "imd_decile", "age_band", "sex"], as_index=False)["population"].sum()
        arms = arms.rename(columns={"population": "people"})
        return pd.concat([arms.assign(treated=0), arms.assign(treated=1)], ignore_index=True)

    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "area_counts": lambda: cells,
        "recorded_counts": lambda: cells,
        "access_counts": lambda: cells.rename(columns={"population": "appointments"}),
        "outcome_counts": lambda: cells.rename(columns={"population": "person_years"}).astype({"person_years": float}),
        "area_health": area_health,
        "trial_counts": trial_counts,
    }

    def make(schema: str) -> pd.DataFrame:
        assert schema in makers, f"a card reads {schema!r}: say here how to simulate its rows"
        return makers[schema]()

    return make
