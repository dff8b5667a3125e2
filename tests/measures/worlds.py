"""
Coverage and bias of every measure over simulated worlds, beside the usual route of drawing each estimate again.

Run: python tests/measures/worlds.py     (prints the table of the README)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from bayesineq.measures.estimates import NoiseCountedTwiceWarning, from_estimates
from bayesineq.measures.registry import MEASURES

N_GROUP = 10
N_DRAW = 500
LEVEL = 70.0
LEAST_SHRINKAGE = 0.02
OPTIONS: dict[str, dict[str, Any]] = {
    "gap_to_target": {"group": 0, "target": LEVEL},
    "gap_to_average": {"group": 0},
    "share_ratio": {"group": 0},
    "wagstaff_index": {"lower": 0.0, "upper": 120.0},
    "erreygers_index": {"lower": 0.0, "upper": 120.0},
    "horizontal_inequity": {"need": np.full(N_GROUP, LEVEL)},
    "mean_difference_from_best_unweighted": {"favourable": True},
    "mean_difference_from_best_weighted": {"favourable": True},
    "mean_difference_from_reference_unweighted": {"reference": 0},
    "mean_difference_from_reference_weighted": {"reference": 0},
    "generalised_entropy": {"alpha": -1.0},
    "atkinson": {"aversion": 2.0},
    "atkinson_ede": {"aversion": 2.0},
    "kolm": {"aversion": 0.05},
    "kolm_ede": {"aversion": 0.05},
    "s_gini": {"aversion": 3.0},
    "s_gini_ede": {"aversion": 3.0},
    "population_attributable_risk": {"favourable": True},
    "population_attributable_fraction": {"favourable": True},
    "excess_events": {"reference": "most_advantaged"},
    "attributable_fraction": {"reference": "most_advantaged"},
    "events_to_close_gap": {"reference": "best", "favourable": True},
}


def simulate(*, equal: bool, n_world: int = 200, seed: int = 1, names: list[str] | None = None) -> pd.DataFrame:
    """
    Measure simulated worlds by both routes.

    Ten groups have a life expectancy of about 70 years, each published with a known standard error of about one year.
    In unequal worlds the true spread is drawn from the prior of the hierarchical model (the share of the variance that
    is noise is uniform), so that its intervals should hold the truth as often as they say; in equal worlds it is zero.
    There is no gradient, so that one world serves ordered and unordered measures.

    Returns one row a measure: coverage of the 95% interval, and bias as a share of the truth's mean distance from
    equality in unequal worlds, else in the measure's unit; by shrinkage and by independent draws.
    """
    rng = np.random.default_rng(seed)
    names = list(MEASURES) if names is None else names
    hit = {(name, route): 0 for name in names for route in ("shrinkage", "independent")}
    off = dict.fromkeys(hit, 0.0)
    size = dict.fromkeys(names, 0.0)
    for _ in range(n_world):
        people = rng.uniform(500.0, 1500.0, N_GROUP)
        error = rng.uniform(0.5, 1.5, N_GROUP)
        # The most spread worlds, one in fifty, are left out: no outcome has them, and relative measures need a mean.
        shrinkage = 1.0 if equal else rng.uniform(LEAST_SHRINKAGE, 1.0)
        spread = np.sqrt((1 - shrinkage) / shrinkage / np.mean(1 / error**2))
        truth = LEVEL + spread * rng.standard_normal(N_GROUP)
        published = truth + error * rng.standard_normal(N_GROUP)
        table = pd.DataFrame({"estimate": published, "standard_error": error, "population": people})
        table = table.rename_axis("group").reset_index()
        for route in ("shrinkage", "independent"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoiseCountedTwiceWarning)
                seed = int(rng.integers(2**31))
                drawn = from_estimates(table, "group", method=route, draws=N_DRAW, seed=seed).to_numpy()[0]
            for name in names:
                stated, given = MEASURES[name], OPTIONS.get(name, {})
                true, draws = float(stated.function(truth, people, **given)), stated.function(drawn, people, **given)
                lower, upper = np.quantile(draws, [0.025, 0.975])
                hit[name, route] += bool(lower - 1e-12 <= true <= upper + 1e-12)
                off[name, route] += float(np.mean(draws)) - true
                size[name] += abs(true - (stated.equality or 0.0)) / 2
    rows = []
    for name in names:
        unit = n_world if equal or MEASURES[name].equality is None else size[name]
        rows.append(
            {
                "measure": name,
                "coverage": hit[name, "shrinkage"] / n_world,
                "coverage_independent": hit[name, "independent"] / n_world,
                "bias": off[name, "shrinkage"] / unit,
                "bias_independent": off[name, "independent"] / unit,
            }
        )
    return pd.DataFrame(rows).set_index("measure")


def main() -> None:
    """Print the two tables, with inequality and at true equality, in Markdown."""
    for equal, title in ((False, "unequal worlds (bias as a share of the true inequality)"), (True, "true equality")):
        table = simulate(equal=equal).round(3)
        print(f"\n{title}\n\n| measure | " + " | ".join(table.columns) + " |\n|" + "---|" * (len(table.columns) + 1))
        for name, row in table.iterrows():
            print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in row) + " |")


if __name__ == "__main__":
    main()
