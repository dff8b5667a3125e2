"""
Ranks of the truth, and coverage of predictions, over worlds of areas and years drawn from the prior of their card.

Every world hides a year to come, an area, and a group in all their rows, and leaves a year in the middle out of the
table altogether: what is said of their linear predictors must hold the truth in 95% of worlds, as an exact posterior
does. Ranks of hyperparameters and effects among draws must be uniform (simulation-based calibration).

Run: python -m tests.calibration.study_space_time FOLDER [WORLDS]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.prior import prior_draws
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import Adjacency, from_edges
from tests.calibration.study_ranks import N_DRAW, uniformity

N_WORLD: Final = 200
SIDE: Final = 4
YEARS: Final = tuple(range(2015, 2022))
GAP, NEXT, GROUPS = 2017, 2021, ("a", "b", "never")
HIDDEN: Final = ("next year", "year left out", "area without data", "group never observed")

CARD = parse_card("""
name = "space_time"
question = "Do forecasts hold what comes?"
table = "case"
[outcome]
count = "events"
exposure = "person_years"
likelihood = "poisson"
[terms]
mix = { kind = "exchangeable", by = "group" }
trend = { kind = "random_walk", by = "year" }
place = { kind = "bym2", by = "area" }
place_year = { kind = "interaction", by = ["area", "year"], space = "leroux", time = "ar1" }
[priors]
intercept = { dist = "Normal", mean = -2.5, sd = 0.5 }
mix.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
trend.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
place.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
place.phi = { dist = "Beta", a = 1.0, b = 1.0 }
place_year.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
place_year.rho_space = { dist = "Beta", a = 1.0, b = 1.0 }
place_year.rho_time = { dist = "Beta", a = 2.0, b = 1.0 }
""")
SCALARS: Final = ("intercept", *(name for name in CARD.priors if name != "intercept"))


def lattice() -> Adjacency:
    """Areas on a square."""
    code = np.array([f"A{i:03d}" for i in range(SIDE**2)]).reshape(SIDE, SIDE)
    return from_edges([pair for line in [*code, *code.T] for pair in pairwise(line.tolist())], areas=code.ravel())


def one_world(seed: int) -> list[dict[str, object]]:
    """Fit one world: ranks of scalars, and intervals of what was hidden."""
    graph, rng = lattice(), np.random.default_rng([seed, 7])
    keys = pd.MultiIndex.from_product([graph.areas, YEARS, GROUPS], names=["area", "year", "group"]).to_frame(
        index=False
    )
    people = float(np.exp(rng.uniform(np.log(50), np.log(500))))
    table = keys.assign(person_years=people * rng.uniform(0.5, 1.5, len(keys)), events=0)
    whole = design(table, CARD, adjacency=graph)
    truth = prior_draws(whole, draws=1, seed=seed)["posterior"].to_dataset().isel(chain=0, draw=0)
    at = {
        name: truth[name].sel({d: table[d].to_xarray() for d in truth[name].dims})
        for name in ("mix", "trend", "place", "place_year")
    }
    eta = float(truth["intercept"]) + sum(value.to_numpy() for value in at.values())
    table["events"] = rng.poisson(table["person_years"] * np.exp(eta)).astype(float)
    lost = graph.areas[int(rng.integers(len(graph)))]
    hidden = (table["year"] == NEXT) | (table["area"] == lost) | (table["group"] == "never")
    table.loc[hidden, "events"] = np.nan
    # The year in the middle is not there at all: the walk steps over it.
    study = design(table[table["year"] != GAP], CARD, adjacency=graph)
    post = fit(study, engine=LaplaceOptions(threads=1), draws=N_DRAW, seed=seed, progress=False)
    draws = post["posterior"].to_dataset().isel(chain=0)
    rows: list[dict[str, object]] = []
    for name in SCALARS:
        value = draws[name].to_numpy()
        rows.append({"quantity": name, "rank": int((value < float(truth[name])).sum()), "kind": "scalar"})
    seen = next(area for area in graph.areas if area != lost)
    asked = {
        "next year": (seen, NEXT, "a"),
        "year left out": (seen, GAP, "a"),
        "area without data": (lost, NEXT - 1, "a"),
        "group never observed": (seen, NEXT - 1, "never"),
        "seen": (seen, NEXT - 1, "b"),
    }
    for what, (area, year, group) in asked.items():
        place = {"mix": {"group": group}, "trend": {"year": year}, "place": {"area": area}}
        place["place_year"] = {"area": area, "year": year}
        drawn = draws["intercept"] + sum(draws[name].sel(where) for name, where in place.items())
        true = float(truth["intercept"] + sum(truth[name].sel(where) for name, where in place.items()))
        value = drawn.to_numpy()
        lower, upper = np.quantile(value, [0.025, 0.975])
        rows.append(
            {
                "quantity": what,
                "rank": int((value < true).sum()),
                "kind": "cell",
                "held": float(lower <= true <= upper),
                "width": upper - lower,
            }
        )
    return [{"world": seed, **row} for row in rows]


def run(seeds: Sequence[int]) -> tuple[pd.DataFrame]:
    """All worlds of these seeds."""
    return (pd.DataFrame([row for seed in seeds for row in one_world(seed)]),)


def coverage(rows: pd.DataFrame) -> pd.Series:
    """Share of worlds whose interval holds the truth, by what was hidden."""
    cells = rows[rows["kind"] == "cell"]
    return cells.groupby("quantity", sort=False)["held"].mean()


def main() -> None:
    """Run all worlds and print coverage and tests of uniformity."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else N_WORLD):
        parts.append(run([seed])[0])
        pd.concat(parts).to_csv(folder / "space_time.csv", index=False)
    rows = pd.concat(parts)
    print(coverage(rows).to_string())
    print(uniformity(rows).round(4).to_string())


if __name__ == "__main__":
    main()
