"""Designs whose long NUTS runs are kept beside this file, so that any engine can be held to the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from bayesineq.design.matrix import Design, design
from bayesineq.model.read_card import read_card
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.tables.check import check
from tests.cards.planted import KNOWN

FOLDER = Path(__file__).parent / "nuts"
SIMULATED = (
    "binomial_small",
    "negative_binomial",
    "cells",
    "beta_binomial",
    "gamma",
    "log_normal",
    "interval_poisson",
)
SHARED = ("scotland", "glasgow_price")


def case(name: str, shared: Path | None = None) -> Design:
    """
    Design of a reference case.

    Parameters
    ----------
    name : str
        One of `SIMULATED`, of `SHARED`, or a card in models/.
    shared : Path, optional
        Folder of the open data, for the latter.

    Returns
    -------
    Design
        Card, table and graph.
    """
    card = read_card(name if name in KNOWN else FOLDER / name / "card.toml")
    if name in SHARED:
        assert shared is not None, f"{name} needs the open data"
        table, graph = (scotland if name == "scotland" else glasgow_price)(shared / "reference" / "spatial")
        return design(table, card, adjacency=graph)
    table = pd.read_csv(FOLDER / name / "data.csv", dtype={"area": str})
    if name in KNOWN:
        table = check(table, card.table)
    edges = FOLDER / name / "edges.csv"
    if not edges.is_file():
        return design(table, card)
    pairs = pd.read_csv(edges, dtype=str).to_numpy(dtype=str)
    return design(table, card, adjacency=from_edges(pairs, areas=table["area"].unique()))


def expected(name: str) -> pd.DataFrame:
    """
    Long-run summary of a reference case.

    Parameters
    ----------
    name : str
        Name of the case.

    Returns
    -------
    DataFrame, index parameter
        `mean`, `sd` and `ess`.
    """
    return pd.read_csv(FOLDER / name / "summary.csv", index_col="parameter")


def scotland(spatial: Path, variant: str = "connected") -> tuple[pd.DataFrame, Adjacency]:
    """
    Lip cancer in 56 Scottish counties, 1975-80, on a graph of the Stan case study (Morris et al. 2019).

    Parameters
    ----------
    spatial : Path
        Folder of the spatial reference data.
    variant : {"connected", "islands", "3_comp"}
        One component; mainland and three singletons; mainland, a pair and a singleton.

    Returns
    -------
    DataFrame
        area, cases, expected, aff (share in agriculture, fishing and forestry, in tens of percent).
    Adjacency
        Its graph.
    """
    folder = spatial / "scotland_lip"
    data = json.loads((folder / f"stan_scotland_{variant}.data.json").read_text())
    first = json.loads((folder / "stan_scotland_connected.data.json").read_text())
    code = np.array([f"S{i:02d}" for i in range(1, 57)])
    columns = {"cases": first["y"], "expected": first["E"], "aff": np.array(first["x"]) / 10}
    return pd.DataFrame({"area": code, **columns}), from_edges(code[np.array(data["edges"]).T - 1], areas=code)


def glasgow_price(spatial: Path) -> tuple[pd.DataFrame, Adjacency]:
    """
    Log house prices in 270 zones of Glasgow, two components cut by the Clyde (CARBayes vignette).

    Parameters
    ----------
    spatial : Path
        Folder of the spatial reference data.

    Returns
    -------
    DataFrame
        area, log_price, crime, rooms, sales, type, driveshop.
    Adjacency
        Its graph.
    """
    folder = spatial / "glasgow_price"
    order = pd.read_csv(folder / "area_order.csv")["IZ"].to_numpy(dtype=str)
    edges = pd.read_csv(folder / "edges_1based.csv").to_numpy() - 1
    table = pd.read_csv(folder / "pricedata.csv").rename(columns={"IZ": "area"})
    table = table.assign(log_price=np.log(table["price"]))
    return table.drop(columns="price"), from_edges(order[edges], areas=order)
