"""
Make the long NUTS runs that engines are held to: `python tests/benchmarks/nuts_reference.py [CASE ...]`.

Writes tests/reference/nuts/CASE/: card.toml, data.csv and edges.csv of the simulated cases, data.csv and edges.csv of
cards in models/, and summary.csv with `parameter, mean, sd, ess` from a run in which no parameter has fewer than 2,000
effective draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import Delaunay
from scipy.special import expit

from bayesineq.inference.nuts.sample import compile_once, sample_compiled
from bayesineq.posterior.groups import summarise

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.cards.planted import KNOWN, lattice, planted, rows_of
from tests.reference.cases import FOLDER, SHARED, SIMULATED, case

ENOUGH = 2000
HEAD = """name     = "{name}"
question = "A reference case: does an engine agree with a long NUTS run?"
table    = "area_counts"

[outcome]
{outcome}

[terms]
{terms}

[priors]
{priors}
"""
_UNIT = '{ dist = "Normal", mean = 0, sd = 1 }'
_ABOVE = '{ dist = "PC", above = 1, probability = 0.01 }'
_CROSSED = {"age.sigma": _ABOVE, "age.trend": _UNIT, "group.sigma": _ABOVE, "sex": _UNIT}
_SPATIAL = {"x": _UNIT, "place.sigma": _ABOVE}
_ANY = {"intercept": '{ dist = "Normal", mean = 0, sd = 5 }'}
STATED = {
    "binomial_small": _SPATIAL,
    "interval_poisson": _SPATIAL,
    "negative_binomial": {
        "x": _UNIT,
        "group": _UNIT,
        "place.sigma": _ABOVE,
        "outcome.size": '{ dist = "Gamma", shape = 2, rate = 0.1 }',
    },
    "cells": _CROSSED,
    "beta_binomial": _CROSSED | {"outcome.concentration": '{ dist = "Gamma", shape = 2, rate = 0.01 }'},
    "gamma": _ANY | _CROSSED | {"outcome.shape": '{ dist = "Gamma", shape = 2, rate = 0.1 }'},
    "log_normal": _ANY | {name: prior for name, prior in _CROSSED.items() if name != "age.trend"},
}
"""Priors that the long runs were made with, beside those below: no default of the package moves a reference."""

OPEN_DATA = Path(__file__).resolve().parents[3] / "shared"


def graph(n: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planar graph of n random points without its longest tenth of edges: points, codes of areas, and edges."""
    points = stream.uniform(size=(n, 2))
    simplices = Delaunay(points).simplices
    pairs = np.unique(np.sort(np.vstack([simplices[:, [0, 1]], simplices[:, [1, 2]], simplices[:, [0, 2]]])), axis=0)
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    code = np.array([f"A{i:03d}" for i in range(n)])
    return points, code, code[pairs[length < np.quantile(length, 0.9)]]


def smooth(points: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Smooth surface of standard deviation one over the points: six random waves."""
    waves = stream.normal(scale=6.0, size=(6, 2))
    surface = np.cos(points @ waves.T + stream.uniform(0, 6.28, 6)).sum(axis=1)
    return (surface - surface.mean()) / surface.std()


def simulate(name: str) -> tuple[str, pd.DataFrame, np.ndarray | None]:
    """Card, table and edges of a simulated case, from a seed of its own."""
    stream = np.random.default_rng(20_260_000 + SIMULATED.index(name))
    of_area = name in {"binomial_small", "negative_binomial", "interval_poisson"}
    card, table, edges = spatial(name, stream) if of_area else crossed(name, stream)
    stated = "".join(f"{parameter} = {prior}\n" for parameter, prior in STATED[name].items())
    return card.replace("[priors]\n", f"[priors]\n{stated}"), table, edges


def spatial(name: str, stream: np.random.Generator) -> tuple[str, pd.DataFrame, np.ndarray]:
    points, code, edges = graph(100, stream)
    place = 0.5 * (np.sqrt(0.7) * smooth(points, stream) + np.sqrt(0.3) * stream.normal(size=100))
    x = 0.6 * smooth(points, stream) + 0.8 * stream.normal(size=100)
    table = pd.DataFrame({"area": code, "x": x.round(3)})
    linear = 0.3 * table["x"].to_numpy() + place
    if name == "binomial_small":
        table["at_risk"] = stream.integers(40, 160, 100)
        table["events"] = stream.binomial(table["at_risk"], expit(-3.5 + linear))
        outcome = 'count = "events"\nat_risk = "at_risk"\nlikelihood = "binomial"'
        terms = 'x = { kind = "linear", by = "x" }\nplace = { kind = "bym2", by = "area" }'
        priors = 'intercept = { dist = "Normal", mean = -3, sd = 1 }\nplace.phi = { dist = "Beta", a = 1, b = 1 }'
    elif name == "negative_binomial":
        table = table.loc[np.repeat(np.arange(100), 4)].reset_index(drop=True)
        table["group"] = np.tile(["a", "b", "c", "d"], 100)
        table["expected"] = stream.uniform(3, 15, 400).round(2)
        group = np.tile([0.0, 0.3, -0.2, 0.5], 100)
        mean = table["expected"] * np.exp(np.repeat(linear, 4) + group)
        table["events"] = stream.negative_binomial(5.0, 5.0 / (5.0 + mean))
        outcome = 'count = "events"\nexpected = "expected"\nlikelihood = "negative_binomial"'
        terms = (
            'x = { kind = "linear", by = "x" }\ngroup = { kind = "fixed", by = "group", reference = "a" }\n'
            'place = { kind = "bym2", by = "area" }'
        )
        priors = 'intercept = { dist = "Normal", mean = 0, sd = 1 }\nplace.phi = { dist = "Beta", a = 1, b = 1 }'
    else:
        table["expected"] = stream.uniform(2, 14, 100).round(2)
        count = stream.poisson(table["expected"] * np.exp(linear))
        rounded = 5 * np.round(count / 5).astype(int)
        # Suppressed as "1 to 7", otherwise rounded to the nearest five; a true zero is published.
        table["lower"] = np.where(count == 0, 0, np.where(count <= 7, 1, np.maximum(rounded - 2, 8)))
        table["upper"] = np.where(count == 0, 0, np.where(count <= 7, 7, rounded + 2))
        outcome = 'lower = "lower"\nupper = "upper"\nexpected = "expected"\nlikelihood = "poisson"'
        terms = 'x = { kind = "linear", by = "x" }\nplace = { kind = "icar", by = "area" }'
        priors = 'intercept = { dist = "Normal", mean = 0, sd = 1 }'
    return HEAD.format(name=name, outcome=outcome, terms=terms, priors=priors), table, edges


def crossed(name: str, stream: np.random.Generator) -> tuple[str, pd.DataFrame, None]:
    ages, groups = np.arange(1, 13), np.array(list("abcdef"))
    table = pd.MultiIndex.from_product([ages, groups, ["F", "M"]], names=["age", "group", "sex"]).to_frame(index=False)
    n = len(table)
    group = stream.normal(0, 0.4, 6)[np.searchsorted(groups, table["group"])]
    bend = 0.9 * np.sin(table["age"].to_numpy() / 4.0)
    linear = bend + group + 0.25 * (table["sex"] == "M").to_numpy()
    walk = 'age = { kind = "random_walk", by = "age", order = 2 }'
    exchangeable = 'group = { kind = "exchangeable", by = "group" }'
    fixed = 'sex = { kind = "fixed", by = "sex", reference = "F" }'
    terms, priors = "\n".join([walk, exchangeable, fixed]), ""
    if name == "cells":
        table["exposure"] = stream.uniform(20, 400, n).round(1)
        table["events"] = stream.poisson(table["exposure"] * np.exp(-3.2 + linear))
        outcome = 'count = "events"\nexposure = "exposure"\nlikelihood = "poisson"'
        priors = 'intercept = { dist = "Normal", mean = -3, sd = 1 }'
    elif name == "beta_binomial":
        table["at_risk"] = stream.integers(20, 120, n)
        mean = expit(-1.2 + linear)
        table["events"] = stream.binomial(table["at_risk"], stream.beta(25 * mean, 25 * (1 - mean)))
        outcome = 'count = "events"\nat_risk = "at_risk"\nlikelihood = "beta_binomial"'
        priors = 'intercept = { dist = "Normal", mean = -1, sd = 1 }'
    elif name == "gamma":
        table["days"] = (np.exp(1.1 + linear) * stream.gamma(3.0, 1 / 3.0, n)).round(3)
        outcome = 'value = "days"\nlikelihood = "gamma"'
    else:
        table["days"] = np.exp(1.1 + linear + 0.5 * stream.normal(size=n)).round(3)
        outcome = 'value = "days"\nlikelihood = "log_normal"'
        terms = "\n".join([walk.replace(", order = 2", ""), exchangeable, fixed])
        priors = 'outcome.precision = { dist = "Gamma", shape = 1, rate = 0.1 }'
    return HEAD.format(name=name, outcome=outcome, terms=terms, priors=priors), table, None


SHARED_CARDS = {
    "scotland": HEAD.format(
        name="scotland",
        outcome='count = "cases"\nexpected = "expected"\nlikelihood = "poisson"',
        terms='aff = { kind = "linear", by = "aff" }\nplace = { kind = "bym2", by = "area" }',
        priors=(
            'intercept = { dist = "Normal", mean = 0, sd = 1 }\naff = { dist = "Normal", mean = 0, sd = 1 }\n'
            'place.sigma = { dist = "HalfNormal", sd = 1 }\nplace.phi = { dist = "Beta", a = 0.5, b = 0.5 }'
        ),
    ),
    "glasgow_price": HEAD.format(
        name="glasgow_price",
        outcome='value = "log_price"\nlikelihood = "gaussian"',
        terms=(
            "\n".join(f'{c} = {{ kind = "linear", by = "{c}" }}' for c in ("crime", "rooms", "sales", "driveshop"))
            + '\ntype = { kind = "fixed", by = "type", reference = "detached" }'
            + '\nplace = { kind = "leroux", by = "area" }'
        ),
        priors=(
            "\n".join(
                f'{c} = {{ dist = "Normal", mean = 0, sd = 316.2 }}'
                for c in ("intercept", "crime", "rooms", "sales", "driveshop", "type")
            )
            + '\nplace.precision = { dist = "Gamma", shape = 1, rate = 0.01 }\n'
            'outcome.precision = { dist = "Gamma", shape = 1, rate = 0.01 }\n'
            'place.rho = { dist = "Uniform", lower = 0, upper = 1 }'
        ),
    ),
}


def write_inputs(name: str) -> None:
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    if name in SHARED:
        (folder / "card.toml").write_text(SHARED_CARDS[name])
        return
    if name in KNOWN:
        graph = lattice()
        table, _, _ = planted(name, rows_of(graph), graph)
        edges = graph.areas[graph.edges]
    else:
        card, table, edges = simulate(name)
        (folder / "card.toml").write_text(card)
    table.to_csv(folder / "data.csv", index=False)
    if edges is not None:
        pd.DataFrame(edges, columns=["area", "neighbour"]).to_csv(folder / "edges.csv", index=False)


def run(name: str) -> pd.DataFrame:
    design = case(name, OPEN_DATA)
    compiled = compile_once(design)
    draws = 4000
    while True:
        post = sample_compiled(compiled, design, draws=draws, tune=2000, chains=4, seed=1, progress=False)
        table = summarise(post)
        divergent = int(post["sample_stats"]["diverging"].sum())
        ess, rhat = table["ess_bulk"].min(), table["rhat"].max()
        sys.stderr.write(f"{name}: {draws} draws a chain, ess {ess:.0f}, rhat {rhat:.4f}, {divergent} divergences\n")
        if ess >= ENOUGH and rhat < 1.01:
            break
        draws *= int(np.clip(np.ceil(1.2 * ENOUGH / ess), 2, 8))
    return table.rename(columns={"ess_bulk": "ess"})[["parameter", "mean", "sd", "ess"]]


def main(names: list[str]) -> None:
    for name in names or [*SIMULATED, *KNOWN, *SHARED]:
        write_inputs(name)
        run(name).to_csv(FOLDER / name / "summary.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main(sys.argv[1:])
