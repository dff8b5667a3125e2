"""Repeated worlds with known effects: do intervals of the average, of areas and of persons hold what they say?"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from bayesineq.uplift.curves import curve_area
from bayesineq.uplift.learner import estimate, learn_uplift, person_benefit
from tests.studies import PARTS, shared_study
from tests.uplift.asking import ask

pytestmark = pytest.mark.calibration

KINDS = ("constant", "linear", "stepped", "rare", "confounded")
COVARIATES = ["a", "b", "c", "d"]


def study_world(kind, seed, *, people=1_500, areas=30):
    """Records and true effects: a count of arms by lot or by what confounds; outcomes 0 or 1, or continuous."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    binary = kind == "rare" or seed % 2 == 0
    area = rng.integers(0, areas, people)
    a = rng.normal(size=people) + rng.normal(0, 0.5, areas)[area]
    b, c, d = rng.normal(size=people), rng.integers(0, 2, people), rng.integers(1, 11, people)
    chance = np.full(people, 0.5)
    if kind == "confounded":
        chance = expit(1.2 * a + 0.8 * b - 0.3)
    elif kind != "constant" and seed % 4 >= 2:
        chance = expit(0.5 * b)
    treated = (rng.random(people) < chance).astype(int)
    base = 0.6 * a + 0.4 * np.sin(b) + 0.3 * c + 0.05 * (d - 5)
    gain = {
        "constant": np.full(people, 0.5),
        "linear": 0.5 + 0.3 * a + 0.05 * (d - 5),
        "stepped": np.where(d <= 4, 0.9, 0.1),
        "rare": np.zeros(people),
        "confounded": 0.5 + 0.2 * b,
    }[kind]
    # the effect differs by area too, but for the one kind with a single effect, and the rare one, which has no room
    gain = gain + (0.0 if kind in ("constant", "rare") else rng.normal(0, 0.25, areas)[area])
    if kind == "rare":
        without = expit(logit(0.025) + 0.8 * a + 0.4 * c)
        given = without * np.where(c == 1, 0.4, 0.8)
    elif kind == "constant":
        without = np.clip(expit(0.2 + base), 0.17, 1.0)
        given = without - 0.12
    else:
        without = expit(0.2 + base)
        given = np.clip(without - 0.25 * gain, 0.005, 0.995)
    if binary:
        truth, outcome = without - given, (rng.random(people) < np.where(treated == 1, given, without)).astype(float)
    else:
        truth, outcome = gain, base - treated * gain + rng.standard_normal(people)
    table = pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "arm": treated, "outcome": outcome})
    return table.assign(area=[f"E0100{i:04d}" for i in area]), truth


def study(kind, seed):
    """What intervals held in one world, and root mean squared errors of ours and of least squares in each arm."""
    table, truth = study_world(kind, seed)
    found = learn_uplift(
        table,
        **ask(
            treated="arm",
            outcome="outcome",
            adverse=True,
            covariates=COVARIATES,
            area="area",
            draws=400,
            resamples=12,
            seed=seed,
        ),
    )
    by_area = found.benefit.isel(chain=0, intervention=0)
    share = by_area.population / by_area.population.sum()
    low, high = np.quantile((by_area * share).sum("area"), [0.025, 0.975])
    persons = person_benefit(found, table, units=table.index).isel(chain=0, intervention=0)

    def held(draws, true):
        ends = np.quantile(draws, [0.05, 0.95], axis=0)
        return float(((ends[0] <= true) & (true <= ends[1])).mean())

    area_truth = pd.Series(truth).groupby(table["area"]).mean().loc[by_area["area"].values]
    design = np.column_stack([np.ones(len(table)), table[COVARIATES]])
    beta = [
        np.linalg.lstsq(design[mine], -table["outcome"][mine], rcond=None)[0]
        for mine in (table.arm == 0, table.arm == 1)
    ]
    squares = [((effect - truth) ** 2).mean() for effect in (found.effect[:, 0], design @ (beta[1] - beta[0]))]
    return {
        "kind": kind,
        "average": float(low <= truth.mean() <= high),
        "areas": held(by_area, area_truth.to_numpy()),
        "persons": held(persons, truth),
        "ours": np.sqrt(squares[0]),
        "least_squares": np.sqrt(squares[1]),
    }


def studied(worlds):
    return [pd.DataFrame([study(KINDS[world % len(KINDS)], world // len(KINDS)) for world in worlds])]


@pytest.mark.parametrize("part", range(PARTS))
def test_intervals_hold_over_200_worlds_of_five_kinds_and_one_effect_is_found_as_well_as_by_least_squares(part, common):
    found = shared_study(common, "effects", part, range(40 * len(KINDS)), studied)
    if found is None:
        return
    [studies] = found
    told = studies.groupby("kind").mean().round(3).to_string()
    assert 0.92 <= studies["average"].mean() <= 0.98, told
    assert 0.85 <= studies["areas"].mean() <= 0.95, told
    assert 0.80 <= studies["persons"].mean() <= 0.95, told
    constant = studies[studies["kind"] == "constant"]
    assert constant["ours"].mean() <= constant["least_squares"].mean(), told


def world(seed, *, people=5_000, areas=100, area_sd=0.08, slope=0.05):
    """A trial with a binary outcome whose treated risk is lower by an effect that differs by area and risk factor."""
    rng = np.random.default_rng(seed)
    area = np.concatenate([np.arange(areas), rng.integers(0, areas, people - areas)])
    x = rng.normal(size=(people, 3))
    risk = expit(0.1 + 0.6 * x[:, 0] + 0.3 * x[:, 1])
    effect = 0.12 + rng.normal(0, area_sd, areas)[area] + slope * np.tanh(x[:, 0])
    after = np.clip(risk - effect, 0.0, 1.0)
    treated = rng.integers(0, 2, people)
    event = (rng.random(people) < np.where(treated == 1, after, risk)).astype(float)
    truth = np.bincount(area, risk - after) / np.bincount(area)
    return x.astype(np.float32), event, treated, area, truth


def test_area_intervals_of_90_percent_cover_between_87_and_93_where_areas_differ():
    covered = []
    for seed in range(60):
        x, event, treated, area, truth = world(seed)
        found = estimate(
            x,
            event,
            treated,
            **ask(adverse=True, area=area, propensity={0: 0.5, 1: 0.5}, folds=2, draws=300, resamples=12, seed=seed),
        )
        low, high = np.quantile(found.benefit.isel(chain=0, intervention=0), [0.05, 0.95], axis=0)
        covered.append(((low <= truth) & (truth <= high)).mean())
    assert 0.87 <= np.mean(covered) <= 0.93, np.mean(covered)


def test_without_heterogeneity_nothing_is_found_to_target_by():
    holds, weights = [], []
    for seed in range(80):
        x, event, treated, _, _ = world(seed, people=2_000, area_sd=0.0, slope=0.0)
        found = estimate(
            x,
            event,
            treated,
            **ask(adverse=True, propensity={0: 0.5, 1: 0.5}, folds=2, draws=20, resamples=50, seed=seed),
        )
        rules = found.evidence.rules.set_index("rule")
        holds.append(rules.loc["combined", "lower"] <= 0 <= rules.loc["combined", "upper"])
        weights.append(rules.loc["constant", "weight"])
    assert np.mean(holds) >= 0.90, np.mean(holds)
    assert np.mean(weights) > 0.8, np.mean(weights)


def test_the_qini_interval_of_a_random_score_holds_zero():
    holds = []
    for seed in range(200):
        x, event, treated, _, _ = world(seed, people=1_000)
        score = np.random.default_rng(10_000 + seed).standard_normal(len(x))
        area = curve_area(1 - event, score, treated, kind="qini", resamples=60, seed=seed)
        holds.append(area.lower <= 0 <= area.upper)
    assert np.mean(holds) >= 0.90, np.mean(holds)
