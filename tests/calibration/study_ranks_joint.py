"""
Ranks of the truth among draws of a joint card and of a card whose rows have members, over worlds from their priors.

The joint card has three outcomes whose maps are correlated; the card of registers has practices that draw their
patients from several areas, each register a mean of area rates. If draws are of the posterior, ranks are uniform
(Talts et al. 2018), in intercepts, standard deviations, correlations, and effects of some areas.

Run: python -m tests.calibration.study_ranks_joint FOLDER [WORLDS]     (writes ranks_joint.csv, ranks_members.csv)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.prior import prior_draws
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import resolve
from bayesineq.posterior.predictor import predictor_of, row_means
from tests.calibration.study_outcomes import grid
from tests.calibration.study_ranks import N_DRAW, uniformity

N_WORLD: Final = 200
AREAS: Final = (0, 7, 12)
PRACTICES: Final = 20
REACH: Final = 4

JOINT: Final = parse_card("""
name = "joint"
question = "Are ranks of a joint card uniform?"
table = "case"
[outcomes.prevalence]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[outcomes.reached]
count = "checked"
at_risk = "invited"
likelihood = "binomial"
[outcomes.admissions]
count = "events"
exposure = "population"
likelihood = "poisson"
[terms]
place = { kind = "icar", by = "area", across = "correlated" }
[priors]
intercept = { dist = "Normal", mean = -2, sd = 0.7 }
place.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
""")
MEMBERS: Final = parse_card("""
name = "members"
question = "Are ranks of a card of registers uniform?"
table = "case"
[outcome]
count = "cases"
at_risk = "list"
likelihood = "binomial"
[members]
row = "practice"
member = "area"
weight = "patients"
[terms]
old = { kind = "linear", by = "old" }
place = { kind = "icar", by = "area" }
practice = { kind = "exchangeable", by = "practice" }
[priors]
intercept = { dist = "Normal", mean = -3, sd = 0.5 }
old = { dist = "Normal", mean = 0, sd = 0.5 }
place.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
practice.sigma = { dist = "PC", above = 0.5, probability = 0.01 }
""")


def ranked(truth: xr.DataTree, post: xr.DataTree) -> list[dict[str, object]]:
    """Rank of each number of the truth among the draws; of effects, those of some areas."""
    found: list[dict[str, object]] = []
    true, drawn = (tree["posterior"].to_dataset().isel(chain=0) for tree in (truth, post))
    for name in drawn.data_vars:
        if "practice" in drawn[name].dims:
            continue
        value, one = drawn[name], true[name].isel(draw=0)
        if "area" in value.dims:
            value, one = (of.isel(area=list(AREAS)) for of in (value, one))
        flat = value.transpose("draw", ...).to_numpy().reshape(value.sizes["draw"], -1)
        exactly = one.transpose(*value.transpose("draw", ...).dims[1:]).to_numpy().ravel()
        of = np.arange(len(exactly))
        if name.endswith(".correlation"):
            # Each pair once, and no outcome with itself.
            of = of[np.triu(np.ones(value.shape[1:], dtype=bool), 1).ravel()]
        found += [{"quantity": f"{name}[{k}]", "rank": int((flat[:, k] < exactly[k]).sum())} for k in of]
    return found


def joint_world(seed: int) -> list[dict[str, object]]:
    """One world of 25 areas and three outcomes."""
    rng, graph = np.random.default_rng([seed, 5]), grid(5)
    people = rng.integers(30, 400, len(graph))
    table = pd.DataFrame({"area": graph.areas, "population": people, "invited": rng.integers(10, 80, len(graph))})
    table = table.assign(cases=0, checked=0, events=0)
    truth = prior_draws(design(table, JOINT, adjacency=graph), draws=1, seed=seed)
    mean = {}
    for name in ("prevalence", "reached", "admissions"):
        one = one_outcome(truth, name)
        mean[name] = row_means(predictor_of(one, resolve(one, None, [])))[0]
    table["cases"] = rng.binomial(people, mean["prevalence"])
    table["checked"] = rng.binomial(table["invited"], mean["reached"])
    table["events"] = rng.poisson(people * mean["admissions"])
    post = fit(
        design(table, JOINT, adjacency=graph), engine=LaplaceOptions(threads=1), draws=N_DRAW, seed=seed, progress=False
    )
    return ranked(truth, post)


def members_world(seed: int) -> list[dict[str, object]]:
    """One world of 20 practices, each with patients from four of 25 areas."""
    rng, graph = np.random.default_rng([seed, 6]), grid(5)
    areas = pd.DataFrame({"area": graph.areas, "old": rng.normal(size=len(graph))})
    names = [f"P{k:02d}" for k in range(PRACTICES)]
    table = pd.DataFrame({"practice": names, "list": rng.integers(300, 3000, PRACTICES), "cases": 1})
    pairs = [(p, a) for p in names for a in rng.choice(graph.areas, REACH, replace=False)]
    weights = pd.DataFrame(pairs, columns=["practice", "area"])
    weights["patients"] = rng.integers(50, 500, len(weights)).astype(float)
    made = design(table, MEMBERS, adjacency=graph, weights=weights, areas=areas)
    truth = prior_draws(made, draws=1, seed=seed)
    draws, blocks = truth["posterior"].to_dataset().isel(chain=0, draw=0), {b.term.name: b for b in made.blocks}
    eta = np.full(len(made.members.row), float(draws["intercept"]))
    eta += float(draws["old"]) * blocks["old"].incidence.weight
    for name in ("place", "practice"):
        eta += draws[made.card.variable(name)].to_numpy()[blocks[name].incidence.index]
    risk = np.bincount(made.members.row, weights=made.members.weight[0] * expit(eta))
    # Registers without a case have no share to measure a spread of; counts are those of the truth all the same.
    value = rng.binomial(made.response.given.astype(int), risk).astype(float)
    counted = replace(made, responses=(replace(made.response, value=value),))
    post = fit(counted, engine=LaplaceOptions(threads=1), draws=N_DRAW, seed=seed, progress=False)
    return ranked(truth, post)


WORLDS: Final = {"joint": joint_world, "members": members_world}


def run(kind: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Ranks over the worlds of these seeds, a row a world and quantity."""
    return pd.DataFrame([{"world": seed, **row} for seed in seeds for row in WORLDS[kind](seed)])


def smallest(rows: pd.DataFrame) -> float:
    """The smallest p-value of uniform ranks, times the number of them (Bonferroni)."""
    p = uniformity(rows)[["chi_square", "cramer_von_mises"]]
    return min(float(p.to_numpy().min()) * p.size, 1.0)


def main() -> None:
    """Run the worlds of both cards and print the tests of uniformity."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration")
    folder.mkdir(parents=True, exist_ok=True)
    for kind in WORLDS:
        rows = run(kind, range(int(sys.argv[2]) if len(sys.argv) > 2 else N_WORLD))
        rows.to_csv(folder / f"ranks_{kind}.csv", index=False)
        print(kind, uniformity(rows).round(4).to_string(), f"smallest p by Bonferroni: {smallest(rows):.3f}", sep="\n")


if __name__ == "__main__":
    main()
