"""A cohort against who could have come: against permutations within practices, and planted tilts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.practices.cohorts import could_have_come, over_representation

N_PRACTICE, N_AREA = 30, 60


def registrations(seed: int) -> pd.DataFrame:
    """Practices whose patients live in twenty of sixty areas, poorer ones with more patients."""
    rng = np.random.default_rng(seed)
    rows = [(p, (2 * p + k) % N_AREA, int(rng.integers(20, 400))) for p in range(N_PRACTICE) for k in range(20)]
    table = pd.DataFrame(rows, columns=["practice", "area", "patients"])
    score = pd.Series(rng.gamma(2.0, 10.0, N_AREA))
    return table.assign(score=table["area"].map(score), fifth=1 + table["area"].map(score.rank() * 5 // 61).astype(int))


def cohort(who: pd.DataFrame, tilt: float, people: int, seed: int) -> pd.DataFrame:
    """People of practices that send unlike numbers; a standard deviation of the score multiplies by exp(tilt)."""
    rng = np.random.default_rng(seed)
    x = (who["score"] - who["score"].mean()) / who["score"].std()
    found = []
    for practice, part in who.groupby("practice"):
        weight = part["patients"] * np.exp(tilt * x[part.index])
        number = rng.poisson(people / N_PRACTICE * (0.5 + practice / N_PRACTICE))
        found.append(part.loc[rng.choice(part.index, number, p=weight / weight.sum())])
    return pd.concat(found)[["practice", "area", "score", "fifth"]]


def permutation_z(came: pd.DataFrame, who: pd.DataFrame, times: int, seed: int) -> float:
    """As many drawn from the lists of the same practices, many times: z of the mean score."""
    rng, totals = np.random.default_rng(seed), np.zeros(times)
    for practice, number in came["practice"].value_counts().items():
        part = who[who["practice"] == practice]
        weight = (part["patients"] / part["patients"].sum()).to_numpy()
        totals += rng.choice(part["score"].to_numpy(), (times, number), p=weight).sum(axis=1)
    return float((came["score"].sum() - totals.mean()) / totals.std())


@pytest.mark.parametrize("tilt", [0.0, 0.05, 0.1])
def test_in_large_cohorts_z_is_that_of_a_permutation_within_practices(tilt: float) -> None:
    who = registrations(1)
    came = cohort(who, tilt, 3000, seed=2)
    found = over_representation(came, who, "score").iloc[0]
    # 4,000 permutations give z to about 0.03 + 1% of it.
    assert found["z"] == pytest.approx(permutation_z(came, who, 4000, seed=3), rel=0.05, abs=0.08)


def test_z_of_random_cohorts_is_standard_and_of_tilted_ones_above_three() -> None:
    who = registrations(1)
    at_random = [over_representation(cohort(who, 0.0, 600, s), who, "score")["z"].iloc[0] for s in range(60)]
    assert abs(np.mean(at_random)) < 0.4
    assert 0.75 < np.std(at_random) < 1.25
    tilted = [over_representation(cohort(who, 0.3, 600, s), who, "score")["z"].iloc[0] for s in range(20)]
    assert min(tilted) > 3.0


def test_intervals_cover_what_was_planted() -> None:
    who = registrations(1)
    unit = who["score"].std() / np.sqrt(np.cov(who["score"], aweights=who["patients"]))
    covered = []
    for seed in range(100):
        row = over_representation(cohort(who, 0.3, 600, seed), who, "score").iloc[0]
        covered.append(row["lower"] <= 0.3 / unit <= row["upper"])
    assert np.mean(covered) >= 0.90


def test_practices_that_send_many_are_of_no_influence() -> None:
    """The poorest practices send ten times as many, evenly from their lists: nothing is over-represented."""
    who = registrations(4)
    who["score"] = who["area"].astype(float)  # practices then differ by where they lie
    poor = who.groupby("practice")["score"].mean().rank()
    rng, found = np.random.default_rng(5), []
    for practice, part in who.groupby("practice"):
        number = 200 if poor[practice] > N_PRACTICE - 8 else 20
        found.append(part.loc[rng.choice(part.index, number, p=part["patients"] / part["patients"].sum())])
    came = pd.concat(found)
    apart = came["score"].mean() - np.average(who["score"], weights=who["patients"])
    assert apart > 4.0 * came["score"].std() / np.sqrt(len(came))
    assert abs(over_representation(came, who, "score")["z"].iloc[0]) < 3.0


def test_a_group_that_is_twice_as_likely_has_a_ratio_of_two() -> None:
    shares = pd.DataFrame({"area": range(N_AREA), "black": np.linspace(0.05, 0.5, N_AREA)})
    shares["white"] = 1.0 - shares["black"]
    who = could_have_come(registrations(1), shares, ["black", "white"])
    rng, rows = np.random.default_rng(3), []
    for practice, part in who.groupby("practice"):
        weight = part["patients"] * np.where(part["group"] == "black", 2.0, 1.0)
        rows += [(practice, group) for group in rng.choice(part["group"], 200, p=weight / weight.sum())]
    found = over_representation(pd.DataFrame(rows, columns=["practice", "group"]), who, "group").set_index("group")
    relative = found["ratio"]["black"] / found["ratio"]["white"]
    assert relative == pytest.approx(2.0, rel=0.08)
    assert found["observed"].sum() == pytest.approx(found["expected"].sum())
    assert found["over"].tolist() == [1.0, 0.0]


def test_who_cannot_be_placed_is_counted_and_what_is_missing_named() -> None:
    who = registrations(1)
    came = pd.concat([cohort(who, 0.0, 100, 1), pd.DataFrame({"practice": [99], "score": 1.0, "fifth": 1})])
    assert over_representation(came, who, "fifth").attrs["left_out"] == 1
    with pytest.raises(SchemaError, match="The patients have no column fifth"):
        over_representation(came, who.drop(columns="fifth"), "fifth")
    with pytest.raises(SchemaError, match="do not add up to one"):
        could_have_come(who, pd.DataFrame({"area": [1], "white": [0.5]}), ["white"])
