"""Small designs for the tests of the sparse engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from bayesineq.design.matrix import Design, design
from bayesineq.inference.inner import Inner
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import Adjacency, from_edges


def card_text(outcome: str, terms: str, priors: str) -> str:
    """TOML of a card for a test."""
    return (
        f'name = "case"\nquestion = "?"\ntable = "case"\n[outcome]\n{outcome}\n[terms]\n{terms}\n[priors]\n{priors}\n'
    )


def make(table: pd.DataFrame, outcome: str, terms: str, priors: str, graph: Adjacency | None = None) -> Design:
    """Design of a table seen through a card given in parts."""
    return design(table, parse_card(card_text(outcome, terms, priors)), adjacency=graph)


def as_given(made: Design) -> Inner:
    """A design solved in the units of its card, so that what the engine does can be set beside a formula."""
    return Inner(made, made, np.zeros(len(made)))


def numbered(edges: np.ndarray, n: int) -> Adjacency:
    """Graph from one-based pairs; area codes are zero-filled numbers."""
    codes = np.char.zfill(np.arange(1, n + 1).astype(str), 6)
    return from_edges(codes[np.asarray(edges, dtype=int) - 1], areas=codes)


def inla_graph(path: Path) -> Adjacency:
    """Graph in R-INLA's format: size, then each node, its number of neighbours and the neighbours."""
    n, *rest = (int(word) for word in path.read_text().split())
    edges, at = [], 0
    while at < len(rest):
        node, count = rest[at], rest[at + 1]
        edges += [(node, other) for other in rest[at + 2 : at + 2 + count]]
        at += 2 + count
    return numbered(np.array(edges), n)


def stan_graph(path: Path) -> Adjacency:
    """Graph in the JSON that Stan reads."""
    data = json.loads(path.read_text())
    return numbered(np.array(data["edges"]).T, data["I"])


def ring(n: int) -> Adjacency:
    """A ring of areas."""
    return numbered(np.array([(i + 1, (i + 1) % n + 1) for i in range(n)]), n)
