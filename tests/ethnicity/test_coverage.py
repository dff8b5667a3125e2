"""
Coverage over simulated worlds.

Planted in each: a first source that knows 70% of people, a linked second one that brings this to 94%, both missing
minority groups more often, the second knowing the sick better, and errors with the agreement that ONS published.
Oracle: the planted prevalence of each true group, and ratios between them. Shares of 200 worlds (seeds 0 to 199) whose
95% interval holds the truth:

    quantity         latent   complete case   most frequent
    asian             0.945           0.910           0.910
    black             0.970           0.935           0.925
    mixed             0.955           0.555           0.265
    other             0.970           0.010           0.040
    white             0.960           0.770           0.175
    asian / white     0.965           0.805           0.865
    other / white     0.970           0.015           0.005

A share of 0.95 over 200 worlds has a standard error of 0.015.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from worlds import CELLS, DELTA, GROUPS, UNKNOWN, World, broad_confusion, card, counts, world

from bayesineq.design.matrix import design
from bayesineq.design.mixture import mixture
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.mixture.recording import RecordingOptions, outcome_shift, recording, weights
from bayesineq.posterior.expected import expected
from bayesineq.records.ethnicity.resolution import most_frequent
from tests.studies import PARTS, shared_study

WORLDS = 200
QUANTITIES = [*GROUPS, "asian / white", "other / white"]


def latent(here: World, confusion: pd.DataFrame, seed: int) -> xr.DataTree:
    table = counts(here.people, "linked")
    model = recording(table, here.margin, confusion, cells=CELLS, options=RecordingOptions(DELTA))
    drawn = weights(model, draws=10, seed=seed)
    study = mixture(table, card(), drawn, shift=outcome_shift(model, drawn, table["cases"].to_numpy()))
    return fit(study, draws=1_000, seed=seed, engine=LaplaceOptions(threads=1))


def recorded_as(here: World, column: str, seed: int) -> xr.DataTree:
    known = here.people[here.people[column] != UNKNOWN]
    study = design(counts(known, column, "ethnicity"), card(latent=False))
    return fit(study, engine=LaplaceOptions(threads=1), draws=1_000, seed=seed, progress=False)


def held(post: xr.DataTree, here: World) -> list[bool]:
    rate = expected(post, by="ethnicity").sel(ethnicity=GROUPS).to_numpy()[0]
    drawn = np.column_stack([rate, rate[:, 0] / rate[:, 4], rate[:, 3] / rate[:, 4]])
    true = here.prevalence[GROUPS].to_numpy()
    truth = np.array([*true, true[0] / true[4], true[3] / true[4]])
    lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
    return list((lower <= truth) & (truth <= upper))


def test_planted_completeness_and_the_rule_of_frequency() -> None:
    here = world(1)
    known = {name: (here.people[name] != UNKNOWN).mean() for name in ("gp", "linked")}
    assert known["gp"] == pytest.approx(0.70, abs=0.02)
    assert known["linked"] == pytest.approx(0.94, abs=0.01)
    few = here.people.iloc[:3_000]
    code = {"asian": "L", "black": "P", "mixed": "G", "other": "S", "white": "A", UNKNOWN: "99"}
    sources = {"gp": "2020-01-01", "hospital": "2021-01-01"}
    records = pd.concat([
        pd.DataFrame({"person_id": few.index, "source": s, "recorded_on": day, "ethnicity": few[s].map(code)})
        for s, day in sources.items()
    ])  # fmt: skip
    assert most_frequent(records)["ethnicity"].tolist() == few["frequent"].map(code).tolist()


def studied(seeds: Sequence[int]) -> list[pd.DataFrame]:
    """Whether each quantity was held by each way, a row a world and way."""
    confusion, rows = broad_confusion(), []
    for seed in seeds:
        here = world(1_000 + seed, confusion=confusion)
        rows.append(["latent", *held(latent(here, confusion, seed), here)])
        rows.append(["complete case", *held(recorded_as(here, "gp", seed), here)])
        rows.append(["most frequent", *held(recorded_as(here, "frequent", seed), here)])
    return [pd.DataFrame(rows, columns=["way", *QUANTITIES])]


@pytest.mark.calibration
@pytest.mark.parametrize("part", range(PARTS))
def test_intervals_hold_the_planted_prevalence_where_those_of_recorded_groups_do_not(part: int, common: Path) -> None:
    found = shared_study(common, "latent", part, range(WORLDS), studied)
    if found is None:
        return
    share = found[0].groupby("way").mean().T
    for quantities in (GROUPS, QUANTITIES[len(GROUPS) :], QUANTITIES):
        assert 0.93 <= share.loc[quantities, "latent"].mean() <= 0.97, share
    # One quantity over 200 worlds: the middle 99% of a binomial share of 0.95.
    assert share["latent"].between(0.905, 0.985).all(), share
    for name in ("complete case", "most frequent"):
        assert share.loc[GROUPS, name].mean() < 0.85, share
        assert share.loc["other", name] < 0.5, share
