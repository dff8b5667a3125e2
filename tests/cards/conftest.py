"""Tables on which every card is tried: the keys of a small simulated place."""

from __future__ import annotations

import pytest

from bayesineq.space.adjacency import Adjacency
from tests.cards.planted import Keys, lattice, rows_of


@pytest.fixture(scope="session")
def graph() -> Adjacency:
    return lattice()


@pytest.fixture(scope="session")
def keys(graph: Adjacency) -> Keys:
    return rows_of(graph)
