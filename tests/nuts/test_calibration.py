"""Ninety per cent intervals hold the planted truth nine times in ten: twenty worlds, one compiled model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import design
from bayesineq.inference.nuts.sample import compile_once, sample_compiled
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.groups import summarise
from bayesineq.simulate.worlds import World, simulate_counts
from bayesineq.space.adjacency import Adjacency, from_edges

SEEDS = range(100, 120)
CARD = parse_card(
    """
    name = "calibration"
    question = "Do intervals hold what was planted?"
    table = "area_counts"
    [outcome]
    count = "cases"
    at_risk = "population"
    likelihood = "binomial"
    [terms]
    age_sex = { kind = "fixed", by = ["age_band", "sex"], reference = ["40-49", "female"] }
    deprivation = { kind = "random_walk", by = "imd_decile" }
    ethnicity = { kind = "exchangeable", by = "ethnicity" }
    place = { kind = "bym2", by = "area" }
    [priors]
    intercept = { dist = "Normal", mean = -2.5, sd = 1 }
    age_sex = { dist = "Normal", mean = 0, sd = 0.5 }
    """
)


def lattice(height: int, width: int) -> Adjacency:
    code = np.array([f"E010{i:05d}" for i in range(height * width)]).reshape(height, width)
    return from_edges([p for line in [*code, *code.T] for p in pairwise(line.tolist())], areas=code.ravel())


def planted(world: World) -> pd.Series:
    """Truth of every parameter by its name in a summary."""
    effects = world.effects
    truth = {
        "intercept": effects.intercept,
        "deprivation.sigma": world.deprivation_sigma,
        "ethnicity.sigma": world.ethnicity_sigma,
        "place.sigma": effects.sigma,
        "place.phi": effects.phi,
    }
    truth |= {f"age_sex[{', '.join(k)}]": v for k, v in effects.age_sex.items() if k != ("40-49", "female")}
    for name in ("deprivation", "ethnicity", "place"):
        truth |= {f"{name}[{k}]": v for k, v in getattr(effects, name).items()}
    return pd.Series(truth)


@pytest.mark.calibration
def test_intervals_hold_the_planted_truth() -> None:
    """Issue's range: 80% to 97% of parameters over 20 seeds; about 1,000 parameters, many of them correlated."""
    graph = lattice(5, 6)
    compiled, held, rhat = None, [], []
    for seed in SEEDS:
        world = simulate_counts(graph, seed=seed)
        study = design(world.table, CARD, adjacency=graph)
        compiled = compiled or compile_once(study)
        post = sample_compiled(compiled, study, draws=1000, tune=500, chains=4, seed=seed, progress=False)
        summary = summarise(post, prob=0.9).set_index("parameter")
        truth = planted(world)
        held.append(summary.loc[truth.index, "lower"].le(truth) & summary.loc[truth.index, "upper"].ge(truth))
        rhat.append(summary["rhat"].max())
    share = pd.concat(held).groupby(level=0).mean()
    overall = float(np.mean([h.mean() for h in held]))
    assert 0.80 <= overall <= 0.97, f"{overall:.1%} of the 90% intervals hold the truth; by parameter:\n{share}"
    assert np.median(rhat) < 1.01, f"largest R-hat of each world: {np.round(rhat, 3)}"
