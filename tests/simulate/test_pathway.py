"""The planted pathway and trend are in the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import BayesineqError
from bayesineq.simulate.pathway import REACHED, Pathway, simulate_pathway
from bayesineq.simulate.system import System, simulate_system


@pytest.fixture(scope="module")
def system() -> System:
    return simulate_system(150, 200_000, seed=4)


@pytest.fixture(scope="module")
def pathway(system: System) -> Pathway:
    return simulate_pathway(system, seed=4)


def test_steps_are_counted_among_those_of_the_step_before(system: System, pathway: Pathway) -> None:
    counts = pathway.counts
    assert len(counts) == len(system.area_counts)
    assert counts["cases"].sum() == system.area_counts["cases"].sum()
    assert counts["events"].sum() == system.outcome_counts["events"].sum()
    assert (counts["checked"] <= counts["cases"]).all()
    assert (counts["events"].isna() == counts["person_years"].isna()).all()
    assert (counts.loc[counts["person_years"].isna(), "cases"] == 0).all()


def test_counts_follow_the_planted_rates(pathway: Pathway) -> None:
    counts, truth = pathway.counts, pathway.truth["reached"]
    assert abs(counts["checked"].sum() / counts["cases"].sum() - REACHED) < 0.01
    found = counts.groupby("imd_decile")[["checked", "cases"]].sum()
    share = (found["checked"] / found["cases"]).to_numpy()
    error = np.sqrt(share * (1 - share) / found["cases"].to_numpy())
    assert (np.abs(share - truth.by_decile.to_numpy()) < 4 * error).all()
    assert truth.sii > 0.1


def test_places_with_more_illness_are_reached_less(system: System) -> None:
    ill = system.truth["prevalence"].effects.place
    for planted in (-0.6, 0.0, 0.5):
        place = simulate_pathway(system, seed=2, inverse_care=planted).truth["reached"].effects.place
        assert abs(np.corrcoef(ill, place)[0, 1] - planted) < 0.25


def test_the_gap_turns_as_planted_and_ends_where_the_system_is(system: System) -> None:
    pathway = simulate_pathway(system, seed=3, n_years=5, narrowing=-0.5)
    assert pathway.gaps.index.tolist() == [2022, 2023, 2024, 2025, 2026]
    assert pathway.gaps.iloc[0] - pathway.gaps.iloc[-1] == pytest.approx(0.5)
    years = pathway.years.groupby(["year", "imd_decile"])[["events", "person_years"]].sum().reset_index()
    # Half the change of slope of the log rate over deciles, by weighted least squares.
    slopes = [_slope(years[years["year"] == year]) for year in (2022, 2026)]
    change, error = slopes[1][0] - slopes[0][0], np.hypot(slopes[0][1], slopes[1][1])
    assert abs(9 * -change - -0.5) < 4 * 9 * error


def _slope(table: pd.DataFrame) -> tuple[float, float]:
    weight = table["events"].to_numpy(dtype=float)
    rate, decile = np.log(table["events"] / table["person_years"]).to_numpy(), table["imd_decile"].to_numpy()
    centred = decile - np.average(decile, weights=weight)
    square = float(np.sum(weight * centred**2))
    return float(np.sum(weight * centred * rate) / square), square**-0.5


def test_same_seed_same_pathway_and_what_cannot_be_is_refused(system: System, pathway: Pathway) -> None:
    pd.testing.assert_frame_equal(simulate_pathway(system, seed=4).counts, pathway.counts)
    with pytest.raises(BayesineqError, match="from -1 to 1"):
        simulate_pathway(system, inverse_care=-1.2)
    with pytest.raises(BayesineqError, match="two years"):
        simulate_pathway(system, n_years=1)
