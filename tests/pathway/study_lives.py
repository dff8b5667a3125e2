"""
Life expectancy of many areas over years from simulated deaths: how long it takes, and how often intervals hold.

Areas lie on a grid. Death rates at 19 ages are those of England, times effects of deprivation (steepest in middle age),
year, place (half of it smooth over the grid), place by age, and place by year (an autoregression); deaths are negative
binomial. Rates of all areas together are fitted by deprivation, age and year; then each area's ratio to them.

Run: python -m tests.pathway.study_lives ROWS COLUMNS YEARS     (68 101 10 is England's 6,856 areas and a dozen more)
"""

from __future__ import annotations

import sys
import time
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.model.read_card import parse_card
from bayesineq.pathway.many_areas import expected_deaths, life_expectancy_of_areas
from bayesineq.space.adjacency import Adjacency, from_edges

AGES: Final = ["00", "01-04", *[f"{a:02d}-{a + 4:02d}" for a in range(5, 85, 5)], "85+"]
STARTS: Final = np.array([0, 1, *range(5, 90, 5)])
WIDE: Final = ["00-44", "45-64", "65-84", "85+"]
RATE: Final = np.array(
    [3.9e-3, 1.6e-4, 8e-5, 9e-5, 2.2e-4, 4e-4, 5e-4, 7e-4, 1.05e-3, 1.55e-3, 2.3e-3, 3.4e-3, 5.1e-3, 8.1e-3, 1.26e-2,
     2.05e-2, 3.6e-2, 6.6e-2, 0.16]
)  # fmt: skip
SHARE: Final = np.array(
    [0.012, 0.049, 0.062, 0.058, 0.056, 0.065, 0.069, 0.068, 0.066, 0.063, 0.065, 0.068, 0.063, 0.055, 0.05, 0.047,
     0.034, 0.026, 0.024]
)  # fmt: skip
PEOPLE: Final = 8_200
SIZE: Final = 60.0

TOGETHER: Final = """
name = "deaths"
question = "How do death rates differ by age, deprivation and year?"
table = "death_counts"
[outcome]
count = "deaths"
exposure = "person_years"
likelihood = "negative_binomial"
[terms]
age = { kind = "random_walk", by = "age_band" }
deprivation = { kind = "random_walk", by = "imd_decile" }
year = { kind = "random_walk", by = "year" }
age_deprivation = { kind = "exchangeable", by = ["age_band", "imd_decile"] }
age_year = { kind = "exchangeable", by = ["age_band", "year"] }
[priors]
intercept = { dist = "Normal", mean = -5.0, sd = 1.0 }
age.sigma = { dist = "PC", above = 3.0, probability = 0.01 }
deprivation.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
year.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
age_deprivation.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
age_year.sigma = { dist = "PC", above = 0.2, probability = 0.01 }
outcome.size = { dist = "Gamma", shape = 2.0, rate = 0.01 }
"""
RATIOS: Final = """
name = "ratios"
question = "How do areas differ from others as deprived?"
table = "area_deaths"
[outcome]
count = "deaths"
expected = "expected"
likelihood = "negative_binomial"
[terms]
place = { kind = "bym2", by = "area" }
age_place = { kind = "exchangeable", by = ["age_group", "area"] }
place_year = { kind = "exchangeable", by = ["area", "year"] }
[priors]
intercept = { dist = "Normal", mean = 0.0, sd = 0.1 }
place.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
place.phi = { dist = "Beta", a = 1.0, b = 1.0 }
age_place.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
place_year.sigma = { dist = "PC", above = 0.2, probability = 0.01 }
outcome.size = { dist = "Gamma", shape = 2.0, rate = 0.05 }
"""


class Deaths(NamedTuple):
    """Simulated table, graph, and true life expectancy at birth, shape (area, year)."""

    table: pd.DataFrame
    graph: Adjacency
    codes: np.ndarray
    true: np.ndarray


def smooth(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A smooth surface of standard deviation one."""
    z = rng.normal(size=shape)
    for _ in range(6):
        p = np.pad(z, 1, mode="edge")
        z = (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] + z) / 5
    return (z / z.std()).ravel()


def simulate(shape: tuple[int, int], years: int, seed: int) -> Deaths:
    """Deaths and person-years by area, age and year."""
    rng = np.random.default_rng([seed, 41])
    n = shape[0] * shape[1]
    codes = np.array([f"E{2000001 + k:08d}" for k in range(n)])
    grid = codes.reshape(shape)
    across, down = (grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:])
    edges = [pair for a, b in (across, down) for pair in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)]
    surface = smooth(rng, shape)
    decile = np.argsort(np.argsort(-0.7 * surface + 0.7 * rng.normal(size=n))) * 10 // n + 1
    steep = 1.2 * np.exp(-(((STARTS - 52) / 28) ** 2)) + 0.3
    gradient = np.outer(np.linspace(0.35, -0.35, 10), steep / np.average(steep, weights=SHARE * RATE))
    trend = np.cumsum(rng.normal(-0.01, 0.01, years))
    local = np.empty((n, years))
    local[:, 0] = 0.04 * rng.normal(size=n)
    for t in range(1, years):
        local[:, t] = 0.85 * local[:, t - 1] + np.sqrt(1 - 0.85**2) * 0.04 * rng.normal(size=n)
    place = 0.07 * surface + 0.08 * rng.normal(size=n)
    by_age = 0.08 * rng.normal(size=(n, len(AGES)))
    log_rate = np.log(RATE) + (gradient[decile - 1] + by_age + place[:, None])[:, None, :]
    rate = np.exp(log_rate + (trend - trend.mean() + local)[:, :, None])
    mix = SHARE * rng.lognormal(0, 0.25, (n, len(AGES)))
    people = PEOPLE * rng.lognormal(0, 0.25, (n, 1)) * mix / mix.sum(axis=1, keepdims=True)
    exposure = people[:, None, :] * np.linspace(1, 1.08, years)[None, :, None]
    deaths = rng.poisson(exposure * rate * rng.gamma(SIZE, 1 / SIZE, rate.shape))
    a, t, x = (index.ravel() for index in np.indices(rate.shape))
    keys = {"area": codes[a], "imd_decile": decile[a], "age_band": np.array(AGES)[x], "year": 2010 + t}
    table = pd.DataFrame(keys | {"deaths": deaths.ravel(), "person_years": exposure.ravel()})
    return Deaths(table, from_edges(edges, areas=codes), codes, chiang(rate, ages=STARTS)[..., 0])


def study(
    shape: tuple[int, int], years: int, *, draws: int = 1000, seed: int = 1, threads: int = 1
) -> dict[str, float]:
    """Coverage of 95% intervals of life expectancy over areas and years, their width, and seconds of each part."""
    world = simulate(shape, years, seed)
    clock = [time.perf_counter()]
    keys = ["imd_decile", "age_band", "year"]
    pooled = world.table.groupby(keys, as_index=False)[["deaths", "person_years"]].sum()
    options = {"engine": LaplaceOptions(threads=threads), "draws": draws, "progress": False}
    together = fit(design(pooled, parse_card(TOGETHER)), seed=seed, **options)
    clock.append(time.perf_counter())
    rows = expected_deaths(together, world.table, WIDE)
    ratios = fit(design(rows, parse_card(RATIOS), adjacency=world.graph), seed=seed + 1, **options)
    clock.append(time.perf_counter())
    within = world.table.drop_duplicates("area").set_index("area")["imd_decile"]
    found = life_expectancy_of_areas(together, ratios, within, threads=threads)
    clock.append(time.perf_counter())
    table = found.table.set_index(["area", "year"]).loc[
        pd.MultiIndex.from_product([world.codes, range(2010, 2010 + years)])
    ]
    true = world.true.ravel()
    parts = dict(zip(("together", "ratios", "life_tables"), np.diff(clock), strict=True))
    return {
        "cells": float(len(world.table)),
        "held": float(((table["lower"] <= true) & (true <= table["upper"])).mean()),
        "width": float((table["upper"] - table["lower"]).mean()),
        "correlation": float(np.corrcoef(true, table["mean"])[0, 1]),
        **{f"seconds_{name}": float(value) for name, value in parts.items()},
        "processor_seconds": time.process_time(),
    }


if __name__ == "__main__":
    high, wide, n_year = (int(argument) for argument in sys.argv[1:4])
    for name, value in study((high, wide), n_year, threads=2).items():
        print(f"{name:20s} {value:,.3f}")
