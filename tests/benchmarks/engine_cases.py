"""Designs that the engine is timed on: R-INLA's synthetic cases, worlds of any size, and England."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow.parquet import ParquetFile
from scipy.sparse import eye_array, tril
from scipy.spatial import Delaunay
from scipy.special import expit

from bayesineq.design.matrix import Design, design
from bayesineq.model.read_card import parse_card, read_card
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.sparse.numeric import factorise, half_solve
from bayesineq.sparse.symbolic import analyse

SHARED = Path(__file__).resolve().parents[3] / "shared"

SYNTHETIC = """name = "synthetic"
question = "How do counts vary in space?"
table = "counts"
[outcome]
count = "y"
expected = "E"
likelihood = "poisson"
[terms]
x = { kind = "linear", by = "x" }
place = { kind = "bym2", by = "area" }
[priors]
intercept = { dist = "Normal", mean = 0.0, sd = 1000.0 }
x = { dist = "Normal", mean = 0.0, sd = 1000.0 }
place.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
place.phi = { dist = "Uniform", lower = 0.0, upper = 1.0 }
"""
CELLS = """name = "cells"
question = "How does recorded prevalence differ between groups and places?"
table = "area_counts"
[outcome]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
age_sex = { kind = "fixed", by = ["age_band", "sex"], reference = ["a0", "F"] }
ethnicity = { kind = "exchangeable", by = "ethnicity" }
place = { kind = "bym2", by = "area" }
"""


PATHWAY = """name = "pathway"
question = "Are places of bad health those that are reached least?"
table = "pathway_counts"
[outcomes.bad_health]
count = "bad_health"
at_risk = "residents"
likelihood = "binomial"
[outcomes.reached]
count = "reached"
at_risk = "bad_health"
likelihood = "binomial"
[outcomes.admitted]
count = "admitted"
at_risk = "residents"
likelihood = "binomial"
[terms]
aged = { kind = "linear", by = "aged_65_and_over", standardise = true }
place = { kind = "bym2", by = "area", across = "correlated" }
"""


def graph_of(edges: np.ndarray, n: int) -> Adjacency:
    """Graph from zero-based pairs."""
    codes = np.char.add("A", np.char.zfill(np.arange(n).astype(str), 7))
    return from_edges(codes[edges], areas=codes)


def reference(name: str) -> tuple[Design, pd.DataFrame]:
    """Synthetic case with R-INLA's posterior."""
    folder = SHARED / "reference/engine" / name
    data = pd.read_csv(folder / "data.csv.gz")
    graph = graph_of(pd.read_csv(folder / "edges.csv.gz").to_numpy()[:, :2] - 1, len(data))
    table = data.assign(area=graph.areas)[["area", "y", "E", "x"]]
    return design(table, parse_card(SYNTHETIC), adjacency=graph), pd.read_csv(folder / "r_inla_posterior.csv.gz")


def simulated(n: int, seed: int = 1) -> Design:
    """Poisson counts on a planar graph of any size."""
    rng = np.random.default_rng(seed)
    triangle = Delaunay(rng.random((n, 2))).simplices
    edges = np.concatenate([triangle[:, [0, 1]], triangle[:, [1, 2]], triangle[:, [0, 2]]])
    graph = graph_of(np.unique(np.sort(edges, axis=1), axis=0), n)
    # The truth of the synthetic cases of shared/reference/engine: BYM2 with sigma 0.4 and phi 0.7.
    laplacian = tril(graph.laplacian() + 1e-6 * eye_array(n)).tocoo()
    factor = factorise(analyse(n, laplacian.row, laplacian.col), laplacian.data)
    smooth = half_solve(factor, rng.standard_normal((n, 1)))[:, 0]
    x, expected = rng.normal(size=n), rng.gamma(4.0, 5.0, n)
    smooth = (smooth - smooth.mean()) / smooth.std()
    eta = -0.2 + 0.3 * x + 0.4 * (np.sqrt(0.7) * smooth + np.sqrt(0.3) * rng.normal(size=n))
    table = pd.DataFrame({"area": graph.areas, "y": rng.poisson(expected * np.exp(eta)), "E": expected, "x": x})
    return design(table, parse_card(SYNTHETIC), adjacency=graph)


def neighbours() -> np.ndarray:
    """Pairs of neighbouring small areas of England."""
    path = SHARED / "data/boundaries/lsoa21_england_adjacency.parquet"
    columns = ParquetFile(path).read(columns=["LSOA21CD_i", "LSOA21CD_j"]).columns
    return np.stack([column.to_numpy().astype("U9") for column in columns], axis=1)


def england() -> Design:
    """Bad health at the 2021 census by small area, from the published files."""
    table, graph = census_of_england()
    return design(table, read_card("area_health"), adjacency=graph)


def pathway() -> Design:
    """The same beside two simulated outcomes: who of them is reached, and who is admitted; 33,755 areas each."""
    table, graph = census_of_england()
    rng, n = np.random.default_rng(7), len(table)
    laplacian = tril(graph.laplacian() + 1e-6 * eye_array(n)).tocoo()
    factor = factorise(analyse(n, laplacian.row, laplacian.col), laplacian.data)
    smooth = half_solve(factor, rng.standard_normal((n, 2)))
    smooth = (smooth - smooth.mean(axis=0)) / smooth.std(axis=0)
    rate = np.log(table["bad_health"] / table["residents"])
    ill = ((rate - rate.mean()) / rate.std()).to_numpy()
    own = np.sqrt(0.7) * smooth + np.sqrt(0.3) * rng.normal(size=(n, 2))
    reached = 0.6 + 0.4 * (-0.5 * ill + np.sqrt(0.75) * own[:, 0])
    admitted = -3.5 + 0.4 * (0.7 * ill + np.sqrt(0.51) * own[:, 1])
    table["reached"] = rng.binomial(table["bad_health"], expit(reached))
    table["admitted"] = rng.binomial(table["residents"], expit(admitted))
    return design(table, parse_card(PATHWAY), adjacency=graph)


def census_of_england() -> tuple[pd.DataFrame, Adjacency]:
    """Counts and covariates by small area from the published files, and who borders whom."""

    def census(table: str, wanted: Callable[[str], bool]) -> pd.DataFrame:
        def used(column: str) -> bool:
            return column == "geography code" or wanted(column.split("; measures")[0])

        path = SHARED / f"data/census2021/census2021-{table}-lsoa.csv.gz"
        frame = pd.read_csv(path, index_col="geography code", usecols=used)
        return frame.rename(columns=lambda c: c.split("; measures")[0])

    def total(column: str) -> bool:
        return "Total" in column

    def bad(column: str) -> bool:
        return "bad health" in column.lower()

    def group(column: str) -> str:
        return (
            column.removeprefix("Ethnic group: ").split(",")[0].split(" ")[0].lower() if column.count(":") < 2 else ""
        )

    def old(column: str) -> bool:
        return any(f"{a} to {a + 4}" in column for a in (65, 70, 75, 80)) or "85" in column

    imd = pd.read_csv(
        SHARED / "data/imd/File_7_IoD2025_reassembled.csv.gz",
        encoding="utf-8-sig",
        usecols=lambda c: c.startswith("LSOA code") or ("Multiple" in c and "Decile" in c),
    )
    codes = imd.iloc[:, 0].astype(str).to_numpy()
    columns: dict[str, np.ndarray] = {"area": codes, "imd_decile": imd.iloc[:, 1].to_numpy()}
    health = census("ts037", lambda c: total(c) or bad(c)).loc[codes]
    columns["residents"] = health[next(c for c in health if total(c))].to_numpy()
    columns["bad_health"] = health[[c for c in health if bad(c)]].sum(axis=1).to_numpy()
    names = ("asian", "black", "mixed", "other")
    ethnicity = census("ts021", lambda c: total(c) or group(c) in names).loc[codes]
    everyone = ethnicity[next(c for c in ethnicity if total(c))]
    for name in names:
        columns[name] = (ethnicity[[c for c in ethnicity if group(c) == name]].sum(axis=1) / everyone).to_numpy()
    age = census("ts007a", lambda c: total(c) or old(c)).loc[codes]
    aged = age[[c for c in age if old(c)]].sum(axis=1)
    columns["aged_65_and_over"] = (aged / age[next(c for c in age if total(c))]).to_numpy()
    return pd.DataFrame(columns), from_edges(neighbours(), areas=codes)


def cells() -> Design:
    """Six million cells: every small area of England by ten ethnic groups, nine age bands and two sexes."""
    pairs = neighbours()
    codes = np.unique(pairs)
    graph, rng = from_edges(pairs, areas=codes), np.random.default_rng(1)
    n, strata = len(codes), 180
    at = np.arange(n * strata)
    area, stratum = at // strata, at % strata
    ethnicity, age, sex = stratum // 18, (stratum // 2) % 9, stratum % 2
    population = rng.integers(0, 25, len(at))
    eta = -3.0 + 0.15 * age + 0.1 * (ethnicity % 3) + rng.normal(0.0, 0.2, n)[area]
    table = pd.DataFrame(
        {
            "area": pd.Categorical.from_codes(area, codes),
            "ethnicity": pd.Categorical.from_codes(ethnicity, [f"e{i}" for i in range(10)]),
            "age_band": pd.Categorical.from_codes(age, [f"a{i}" for i in range(9)]),
            "sex": pd.Categorical.from_codes(sex, ["F", "M"]),
            "cases": rng.binomial(population, expit(eta)),
            "population": population,
        }
    )
    return design(table, parse_card(CELLS), adjacency=graph)


SPACE_TIME = """name = "space_time"
question = "How do counts vary over areas and years?"
table = "counts"
[outcome]
count = "y"
expected = "E"
likelihood = "poisson"
[terms]
year = {{ kind = "random_walk", by = "year" }}
{terms}
"""
SEPARABLE = 'place_year = { kind = "interaction", by = ["area", "year"], space = "leroux", time = "ar1" }'
TYPE_IV = """place = { kind = "bym2", by = "area" }
place_year = { kind = "interaction", by = ["area", "year"], space = "icar", time = "random_walk" }"""


def _over_years(graph: Adjacency, terms: str, years: int = 10) -> Design:
    """Counts whose places persist and drift: smooth over the graph, an autoregression over the years."""
    rng, n = np.random.default_rng(1), len(graph)
    precision = tril(0.9 * graph.laplacian() + 0.1 * eye_array(n)).tocoo()
    factor = factorise(analyse(n, precision.row, precision.col), precision.data)
    drift = half_solve(factor, rng.standard_normal((n, years)))
    for t in range(1, years):
        drift[:, t] = 0.8 * drift[:, t - 1] + 0.6 * drift[:, t]
    expected = rng.gamma(4.0, 5.0, n * years)
    area, year = np.repeat(np.arange(n), years), np.tile(np.arange(years), n)
    eta = 0.3 * drift.ravel() + 0.03 * year
    table = pd.DataFrame(
        {
            "area": pd.Categorical.from_codes(area, graph.areas),
            "year": 2012 + year,
            "E": expected,
            "y": rng.poisson(expected * np.exp(eta)),
        }
    )
    return design(table, parse_card(SPACE_TIME.format(terms=terms)), adjacency=graph)


def england_years() -> Design:
    """Every small area of England over ten years, an autoregression by a proper graph: 340,000 cells."""
    pairs = neighbours()
    return _over_years(from_edges(pairs, areas=np.unique(pairs)), SEPARABLE)


def board_years() -> Design:
    """One board of 583 areas over ten years, type IV."""
    triangle = Delaunay(np.random.default_rng(1).random((583, 2))).simplices
    edges = np.concatenate([triangle[:, [0, 1]], triangle[:, [1, 2]], triangle[:, [0, 2]]])
    return _over_years(graph_of(np.unique(np.sort(edges, axis=1), axis=0), 583), TYPE_IV)
