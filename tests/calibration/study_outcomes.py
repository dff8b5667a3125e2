"""
Several outcomes together against each apart, on simulated pathways: do intervals hold, and what is gained?

Places that are ill more often are reached less often and admitted more often: the three maps are correlated, and the
rarest outcome, admissions, borrows from the others. Each world is fitted with the outcomes' places correlated, and
with each outcome apart; the truth is fixed but for its maps and counts.

Standard deviations have a prior that holds the truth: under the default, which thinks a standard deviation of 0.6 too
large, a map of few events fitted alone is shrunk too far, its intervals are narrow, and hold 87% of areas.

Run: python -m tests.calibration.study_outcomes FOLDER [WORLDS]     (writes outcomes.csv, a row a world)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.model.kinds.structures import intrinsic, root
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import Adjacency, from_edges

N_WORLD = 200
SIDE = 7
SIGMA = np.array([0.5, 0.5, 0.6])
CORRELATION = np.array([[1.0, -0.7, 0.85], [-0.7, 1.0, -0.7], [0.85, -0.7, 1.0]])
OUTCOMES = ("prevalence", "reached", "admissions")
COVERED = 0.95

CARD = """
name = "pathways"
question = "What do outcomes tell of each other?"
table = "pathway_counts"
[outcomes.prevalence]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[outcomes.reached]
count = "checked"
at_risk = "cases"
likelihood = "binomial"
more_is = "better"
[outcomes.admissions]
count = "events"
exposure = "population"
likelihood = "poisson"
[terms]
place = { kind = "icar", by = "area", across = "ACROSS" }
[priors]
place.sigma = { dist = "HalfNormal", sd = 1.0 }
"""


def grid(side: int) -> Adjacency:
    """A square of areas, each with four neighbours."""
    at = np.arange(side * side).reshape(side, side)
    pairs = np.vstack(
        [np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], 1), np.stack([at[:-1].ravel(), at[1:].ravel()], 1)]
    )
    codes = np.char.add("E0100", np.char.zfill(np.arange(side * side).astype(str), 4))
    return from_edges(codes[pairs], areas=codes)


GRAPH = grid(SIDE)
SMOOTH = root(intrinsic(GRAPH, scaled=True), {})


def world(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts of a pathway, and the true effects of places, shape (n_outcome, n_area)."""
    rng, n = np.random.default_rng(seed), len(GRAPH)
    lower = np.linalg.cholesky(CORRELATION)
    place = SIGMA[:, None] * (lower @ (rng.standard_normal((3, n)) @ SMOOTH.T))
    people = rng.integers(300, 700, n)
    cases = rng.binomial(people, expit(-1.8 + place[0]))
    checked = rng.binomial(cases, expit(0.6 + place[1]))
    events = rng.poisson(people * np.exp(-5.6 + place[2]))
    return pd.DataFrame(
        {"area": GRAPH.areas, "population": people, "cases": cases, "checked": checked, "events": events}
    ), place


def judged(seed: int) -> dict[str, float]:
    """Share of areas whose true effect the interval holds, and its mean width, of each outcome in both models."""
    table, truth = world(seed)
    out: dict[str, float] = {"seed": seed}
    for across in ("correlated", "apart"):
        study = design(table, parse_card(CARD.replace("ACROSS", across)), adjacency=GRAPH)
        before = time.process_time()
        post = fit(study, engine=LaplaceOptions(threads=1), draws=500, seed=seed, progress=False)
        out[f"{across}.seconds"] = time.process_time() - before
        draws = post["posterior"]["place"].to_numpy()[0]
        low, high = np.quantile(draws, [0.5 - COVERED / 2, 0.5 + COVERED / 2], axis=0)
        for k, name in enumerate(OUTCOMES):
            out[f"{across}.{name}.held"] = float(((low[k] <= truth[k]) & (truth[k] <= high[k])).mean())
            out[f"{across}.{name}.width"] = float((high[k] - low[k]).mean())
            out[f"{across}.{name}.error"] = float(np.sqrt(((draws[:, k].mean(axis=0) - truth[k]) ** 2).mean()))
        out[f"{across}.importance"] = float(post.attrs["hyperparameter_error"])
    return out


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Coverage of both models by outcome, and how much narrower the joint model's intervals are."""
    rows = []
    for name in OUTCOMES:
        widths = {across: found[f"{across}.{name}.width"] for across in ("correlated", "apart")}
        rows.append(
            {
                "outcome": name,
                "held together": found[f"correlated.{name}.held"].mean(),
                "error of that": found[f"correlated.{name}.held"].std() / np.sqrt(len(found)),
                "held apart": found[f"apart.{name}.held"].mean(),
                "narrower": 1.0 - float(widths["correlated"].mean() / widths["apart"].mean()),
            }
        )
    return pd.DataFrame(rows)


def main(folder: Path, worlds: int) -> None:
    """Run the study, keeping what is done as it goes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(worlds):
        rows.append(judged(seed))
        pd.DataFrame(rows).to_csv(folder / "outcomes.csv", index=False)
    print(summary(pd.DataFrame(rows)).round(4).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else N_WORLD)
