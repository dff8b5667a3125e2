"""Scaling against the graph facts published with the reference data sets, and against pseudo-inverses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.space.scaling import marginal_variances, scale_factors


def numbered(edges: np.ndarray, n: int) -> Adjacency:
    codes = np.char.zfill(np.arange(1, n + 1).astype(str), 6)
    return from_edges(codes[np.asarray(edges) - 1], areas=codes)


def stan_graph(path: Path) -> Adjacency:
    data = json.loads(path.read_text())
    return numbered(np.array(data["edges"]).T, data["I"])


def inla_graph(path: Path) -> Adjacency:
    n, *rest = (int(word) for word in path.read_text().split())
    edges, at = [], 0
    while at < len(rest):
        node, count = rest[at], rest[at + 1]
        edges += [(node, other) for other in rest[at + 2 : at + 2 + count]]
        at += 2 + count
    return numbered(np.array(edges), n)


def test_variances_are_those_of_the_pseudo_inverse() -> None:
    rng = np.random.default_rng(1)
    pairs = rng.choice(40, size=(45, 2)) + 1
    graph = numbered(pairs[pairs[:, 0] != pairs[:, 1]], 41)
    loops = graph.laplacian().toarray()
    dense = np.diag(np.linalg.pinv(loops, rcond=1e-10, hermitian=True))
    single = graph.component_sizes[graph.component] == 1
    assert single.any()
    assert graph.component.max() > 1
    assert_allclose(marginal_variances(graph)[~single], dense[~single], rtol=1e-9)
    assert_allclose(marginal_variances(graph)[single], 1.0)


def test_scotland(shared: Path) -> None:
    folder = shared / "reference/spatial/scotland_lip"
    connected = stan_graph(folder / "stan_scotland_connected.data.json")
    assert_allclose(scale_factors(connected), [0.485317736], rtol=1e-8)
    assert_allclose(scale_factors(inla_graph(folder / "scotland.graph")), [0.485317736], rtol=1e-8)


def test_scotland_with_islands_has_three_singletons(shared: Path) -> None:
    graph = stan_graph(shared / "reference/spatial/scotland_lip/stan_scotland_islands.data.json")
    assert_allclose(scale_factors(graph), [0.450435683, 1.0, 1.0, 1.0], rtol=1e-8)


def test_scotland_of_three_components(shared: Path) -> None:
    graph = stan_graph(shared / "reference/spatial/scotland_lip/stan_scotland_3_comp.data.json")
    assert_allclose(scale_factors(graph), [0.450435683, 0.25, 1.0], rtol=1e-8)


def test_germany(shared: Path) -> None:
    graph = inla_graph(shared / "reference/spatial/germany_larynx/germany.graph")
    assert_allclose(scale_factors(graph), [0.561133734], rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "n", "scale"),
    [("london_suicides", 32, [0.356691093]), ("glasgow_price", 270, [0.48040, 0.44340])],
)
def test_london_and_glasgow(shared: Path, name: str, n: int, scale: list[float]) -> None:
    edges = pd.read_csv(shared / "reference/spatial" / name / "edges_1based.csv").to_numpy()
    # Glasgow's factors are published to five decimals.
    assert_allclose(scale_factors(numbered(edges, n)), scale, atol=5e-6 if len(scale) > 1 else 1e-9)


def test_synthetic_delaunay_graph(shared: Path) -> None:
    edges = pd.read_csv(shared / "reference/engine/n33755/edges.csv.gz").to_numpy()[:, :2]
    assert_allclose(scale_factors(numbered(edges, 33_755)), [0.633179983], rtol=1e-8)


def test_england_has_four_components(shared: Path) -> None:
    pairs = pd.read_parquet(shared / "data/boundaries/lsoa21_england_adjacency.parquet").iloc[:, :2].astype(str)
    codes = pd.read_csv(
        shared / "data/imd/File_7_IoD2025_reassembled.csv.gz", usecols=[0], dtype=str, encoding="utf-8-sig"
    ).iloc[:, 0]
    graph = from_edges(pairs.to_numpy(), areas=codes)
    scale = scale_factors(graph)
    assert graph.component_sizes.tolist() == [33_654, 89, 11, 1]
    assert scale[3] == 1.0
    assert ((scale[:3] > 0.2) & (scale[:3] < 0.8)).all()
