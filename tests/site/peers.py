"""
What other packages give and what this one gives, on data that both read: the table of docs/peers.md.

    python -m tests.site.peers      (writes docs/peers.csv; needs ../shared)

Numbers of peers are those that they publish, or that were made with them and stand in shared/reference. The tests that
hold ours to theirs, case by case, are named in the page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.inference.sparse_engine.engine import sample
from bayesineq.measures.registry import find
from bayesineq.measures.slope import rii, sii, slope_ends
from bayesineq.space.adjacency import from_edges
from tests.sparse_engine.cases import make, numbered, stan_graph
from tests.sparse_engine.test_published import glasgow

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "peers.csv"
COUNTS = 'count = "{}"\nexpected = "E"\nlikelihood = "poisson"'
LINE_AND_PLACE = 'x = {kind = "linear", by = "x"}\nplace = {kind = "bym2", by = "area"}'
Row = tuple[str, str, str, str, str]


def number(mean: float, sd: float, places: int) -> str:
    return f"{mean:.{places}f} ({sd:.{places}f})".replace("-", "−")


def posterior(study: object) -> xr.Dataset:
    tree = sample(study, draws=4000, seed=1, progress=False, threads=1, correction="variational")
    return tree["posterior"].to_dataset()


def parameters(
    peer: str, case: str, draws: xr.Dataset, theirs: dict[str, tuple[float, float]], places: int
) -> Iterator[Row]:
    """Posterior means and standard deviations, and how far apart the means are in standard deviations."""
    for name, (mean, sd) in theirs.items():
        values = draws[name].to_numpy()
        apart = f"{abs(values.mean() - mean) / sd:.2f} sd"
        ours = number(values.mean(), values.std(), places)
        yield peer, f"{case}: {name}", number(mean, sd, places), ours, apart


def r_inla(shared: Path) -> Iterator[Row]:
    folder = shared / "reference/engine/n5000"
    table, theirs = pd.read_csv(folder / "data.csv.gz"), pd.read_csv(folder / "r_inla_posterior.csv.gz")
    codes = np.array([f"{i:06d}" for i in table["id"]])
    graph = from_edges(codes[pd.read_csv(folder / "edges.csv.gz")[["i", "j"]].to_numpy() - 1], areas=codes)
    priors = """intercept = {dist = "Normal", mean = 0.0, sd = 1000.0}
x = {dist = "Normal", mean = 0.0, sd = 1000.0}
place.sigma = {dist = "PC", above = 1.0, probability = 0.01}
place.phi = {dist = "Uniform", lower = 0.0, upper = 1.0}"""
    study = make(table.assign(area=codes)[["area", "y", "E", "x"]], COUNTS.format("y"), LINE_AND_PLACE, priors, graph)
    draws = posterior(study)
    known = {"intercept": (-0.20531, 0.00486), "x": (0.30037, 0.00564), "place.sigma": (0.39268, 0.00903),
             "place.phi": (0.68865, 0.03579)}  # fmt: skip
    yield from parameters("R-INLA", "5,000 areas, BYM2", draws, known, 4)
    away = (draws["place"].mean(("chain", "draw")).to_numpy() - theirs["b_mean"]) / theirs["b_sd"]
    said = f"{(np.abs(away) < 0.1).mean():.0%} within 0.1 sd"
    yield "R-INLA", "5,000 areas, BYM2: effects of areas", "5,000 means", "5,000 means", said


def stan(shared: Path) -> Iterator[Row]:
    table = pd.read_csv(shared / "reference/spatial/scotland_lip/Scotland.csv").astype({"Counts": int})
    table = table.assign(area=[f"{i + 1:06d}" for i in range(len(table))], x=table["X"] / 10.0)
    priors = """intercept = {dist = "Normal", mean = 0.0, sd = 1.0}
x = {dist = "Normal", mean = 0.0, sd = 1.0}
place.sigma = {dist = "HalfNormal", sd = 1.0}
place.phi = {dist = "Beta", a = 0.5, b = 0.5}"""
    graph = stan_graph(shared / "reference/spatial/scotland_lip/stan_scotland_connected.data.json")
    known = {"intercept": (-0.217, 0.129), "x": (0.365, 0.134), "place.sigma": (0.514, 0.0885),
             "place.phi": (0.878, 0.144)}  # fmt: skip
    draws = posterior(make(table, COUNTS.format("Counts"), LINE_AND_PLACE, priors, graph))
    yield from parameters("Stan (BYM2)", "lip cancer, Scotland", draws, known, 3)


def carbayes(shared: Path) -> Iterator[Row]:
    table, edges = glasgow(shared)
    covariates = ("crime", "rooms", "sales", "driveshop")
    terms = "\n".join(f'{c} = {{kind = "linear", by = "{c}"}}' for c in covariates)
    terms += '\ntype = {kind = "fixed", by = "type", reference = "detached"}\nplace = {kind = "leroux", by = "area"}'
    priors = "".join(f'{n} = {{dist = "Normal", mean = 0.0, sd = 316.0}}\n' for n in ("intercept", *covariates, "type"))
    priors += 'place.precision = {dist = "Gamma", shape = 1.0, rate = 0.01}\n'
    priors += 'outcome.precision = {dist = "Gamma", shape = 1.0, rate = 0.01}\n'
    priors += 'place.rho = {dist = "Uniform", lower = 0.0, upper = 1.0}\n'
    draws = posterior(make(table, 'value = "price"\nlikelihood = "log_normal"', terms, priors, numbered(edges, 270)))
    # Means, and a quarter of the width of the published 95% intervals.
    known = {"intercept": (4.1337, 0.1383), "rooms": (0.2336, 0.0261), "sales": (0.0023, 0.0003),
             "driveshop": (0.0036, 0.0176), "place.rho": (0.911, 0.067)}  # fmt: skip
    yield from parameters("CARBayes", "house prices, Glasgow, Leroux", draws, known, 4)


def phe(shared: Path) -> Iterator[Row]:
    """Largest relative difference over every scenario of the peer's own test table."""
    table = pd.read_csv(shared / "reference/measures/PHEindicatormethods/testdata_SII__testdata_SII.csv")
    apart: dict[str, list[float]] = {"slope index": [], "relative index": [], "intercept": []}
    for key, rows in table.groupby(["TestDescription", "Area", "Grouping1", "Grouping2"], sort=False):
        stated, said = rows[rows["sii"].notna()], str(key[0])
        if stated.empty:
            continue
        rows, expected = rows.sort_values("Quantile"), stated.iloc[0]
        scale = "log" if "log transform" in said else "logit" if "logit transform" in said else "linear"
        factor = -100.0 if "(x -100)" in said else 100.0 if "(x 100)" in said else 1.0
        factor = -1.0 if "negative multiplier" in said else factor
        given = (rows["Value"], rows["Population"])
        ours = {
            "slope index": (factor * float(sii(*given, scale=scale)), expected["sii"]),
            "relative index": (float(rii(*given, scale=scale)) ** np.sign(factor), expected["rii"]),
            "intercept": (float(slope_ends(*given, scale=scale)[0]), expected["Intercept"]),
        }
        for name, (mine, theirs) in ours.items():
            if pd.notna(theirs):
                apart[name].append(abs(mine / theirs - 1))
    for name, found in apart.items():
        size = f"{len(found)} scenarios"
        yield "PHEindicatormethods 2.1.0", name, size, size, f"at most {max(found):.0e} relative".replace("-", "−")


def healthequal(shared: Path) -> Iterator[Row]:
    """The measures that the peer computes as its documentation defines them."""
    sys.path.insert(0, str(ROOT / "tests" / "measures"))
    from test_against_healthequal import ORDERED, OTHER_PROGRAM, options

    folder = shared / "reference/measures/healthequal"
    stated = json.loads((folder / "expected.json").read_text())
    apart: list[float] = []
    names: set[str] = set()
    for row in stated["from_documentation"] + stated["from_tests"]:
        name, data = row["measure"].upper(), row["dataset"]
        odd = name in {"SII", "RII", "D", "R"} or (row["measure"], data) in OTHER_PROGRAM
        if odd or data == "IndividualSample.csv":
            continue
        table = pd.read_csv(folder / data)
        table = table.sort_values("subgroup_order") if data in ORDERED else table
        measure = find(name)
        names.add(name)
        value = measure.function(table["estimate"], table["population"], **options(name, data, table))
        apart.append(abs(measure.multiplier * float(value) / row["estimate"] - 1))
    size = f"{len(apart)} estimates"
    largest = f"at most {max(apart):.0e} relative".replace("-", "−")
    yield "healthequal 1.0.1", f"{len(names)} measures", size, size, largest


def comparison(shared: Path) -> pd.DataFrame:
    """The whole table."""
    peers = (r_inla, stan, carbayes, phe, healthequal)
    rows = [row for peer in peers for row in peer(shared)]
    return pd.DataFrame(rows, columns=["Peer", "What", "Theirs", "Ours", "Apart"])


if __name__ == "__main__":
    comparison(ROOT.parent / "shared").to_csv(TABLE, index=False)
