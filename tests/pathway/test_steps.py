"""Gaps along a pathway, of draws. Oracles: planted parts, and planted shares covered over simulated worlds."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.errors import MeasureError, PosteriorError, SchemaError
from bayesineq.pathway.steps import Step, check_steps, gap_along_steps
from tests.pathway.draws import draws
from tests.pathway.study_steps import ALL_WORLDS, SHARES, study

DECILES = {"imd_decile": range(1, 11)}


def steps(sd: float = 0.0) -> dict[str, xr.DataArray | Step]:
    poorer = np.linspace(1, 0, 10)
    return {
        "prevalence": draws(0.05 * 1.5**poorer, DECILES, sd=sd, outcome="prevalence"),
        "missed": Step(draws(0.8 - 0.05 * poorer, DECILES, sd=sd, seed=2), "people with it", turned=True),
        "admitted": draws(0.04 * 1.1**poorer, DECILES, sd=sd / 10, seed=3, units="events per unit of missed"),
    }


def test_parts_are_those_of_the_two_groups() -> None:
    found = gap_along_steps(steps(), "imd_decile")
    one, two = (0.075, 0.25, 0.044), (0.05, 0.2, 0.04)
    assert found.compared == "imd_decile 1 (most deprived) less imd_decile 10 (least deprived)"
    assert found.gap.to_numpy() == pytest.approx(np.prod(one) - np.prod(two))
    assert found.parts.sum("step").to_numpy() == pytest.approx(found.gap.to_numpy())
    logs = [np.log(a / b) for a, b in zip(one, two, strict=True)]
    assert found.log_parts.isel(chain=0, draw=0).to_numpy() == pytest.approx(logs)
    table = found.table.set_index("step")
    assert table["log_share_mean"].to_numpy() == pytest.approx(np.array(logs) / np.sum(logs))
    assert table["p_largest"].to_dict() == {"prevalence": 1.0, "missed": 0.0, "admitted": 0.0}
    assert table["among"].to_dict() == {"prevalence": "all", "missed": "people with it", "admitted": "missed"}
    assert table["conditional"].tolist() == [False, True, True]
    assert repr(found).startswith("GapBySteps(imd_decile 1 (most deprived) less imd_decile 10")
    assert "conditional: missed (among people with it) and admitted" in found.text


def test_the_other_way_round_changes_the_sign_and_no_share() -> None:
    one = gap_along_steps(steps(0.001), "imd_decile", first=1, second=10)
    other = gap_along_steps(steps(0.001), "imd_decile", first=10, second=1)
    assert other.parts.to_numpy() == pytest.approx(-one.parts.to_numpy())
    assert other.table["share_mean"].to_numpy() == pytest.approx(one.table["share_mean"].to_numpy())
    assert other.table["p_largest"].to_numpy() == pytest.approx(one.table["p_largest"].to_numpy())


def test_shares_of_a_gap_that_may_be_none_are_not_given() -> None:
    flat = {name: draws(0.1, DECILES, sd=0.01, seed=k) for k, name in enumerate(("a", "b"))}
    found = gap_along_steps(flat, "imd_decile")
    assert found.table["share_mean"].isna().all()
    assert found.table["mean"].notna().all()


def test_draws_of_two_fits_with_one_seed_are_not_taken_to_go_together() -> None:
    """The same random numbers in two fits: paired as they stand, noise of the product would be that of a square."""
    a, b = (draws(0.5, DECILES, sd=0.01, n=40_000, seed=7, fit_id=fit) for fit in ("a", "b"))
    found = gap_along_steps({"a": a, "b": b}, "imd_decile")
    parts = found.parts.to_numpy().reshape(-1, 2)
    assert abs(np.corrcoef(parts.T)[0, 1]) < 0.02
    assert "fitted apart" in found.text
    joint = gap_along_steps({"a": a, "b": b.assign_attrs(fit_id="a")}, "imd_decile")
    assert np.corrcoef(joint.parts.to_numpy().reshape(-1, 2).T)[0, 1] == pytest.approx(1)


def test_what_does_not_fit_is_named() -> None:
    good = steps()
    with pytest.raises(MeasureError, match="fewer and prevalence have different levels of 'imd_decile'"):
        gap_along_steps({"prevalence": good["prevalence"], "fewer": good["prevalence"][..., :9]}, "imd_decile")
    with pytest.raises(PosteriorError, match=r"different numbers of \(chains, draws\)"):
        gap_along_steps({"prevalence": good["prevalence"], "short": good["prevalence"][:, :9]}, "imd_decile")
    none = good["prevalence"] * (good["prevalence"]["imd_decile"] > 1)
    with pytest.raises(MeasureError, match=r"none of imd_decile 1 \(most deprived\) is zero"):
        gap_along_steps({"prevalence": good["prevalence"], "none": none}, "imd_decile")
    found = gap_along_steps({"prevalence": good["prevalence"], "none": none}, "imd_decile", scales="absolute")
    assert found.log_parts is None
    with pytest.raises(MeasureError, match="every step needs 'imd_decile' and no other"):
        gap_along_steps({"a": good["prevalence"], "b": good["prevalence"].expand_dims(sex=["F", "M"])}, "imd_decile")
    groups = draws(0.1, {"ethnicity": ["a", "b"]})
    with pytest.raises(MeasureError, match="no declared order, so name the two"):
        gap_along_steps({"a": groups, "b": groups}, "ethnicity")
    with pytest.raises(MeasureError, match="two steps or more"):
        gap_along_steps({"a": groups}, "ethnicity")


def test_denominators_that_disagree_are_all_named() -> None:
    table = pd.DataFrame({"people": [100, 100], "cases": [10, 120], "seen": [11, 20], "treated": [5, 5]})
    chain = {"prevalence": ("cases", "people"), "reached": ("seen", "cases"), "treated": ("treated", "people")}
    with pytest.raises(SchemaError, match="counted among 'people', but the step before it counts 'seen'") as told:
        check_steps(table, chain)
    assert told.value.failures[["row", "column"]].to_numpy().tolist() == [[1, "cases"], [0, "seen"]]
    with pytest.raises(SchemaError, match=r"lacks the columns \['gone'\]"):
        check_steps(table, {"a": ("gone", "people")})


@pytest.mark.calibration
def test_planted_shares_are_covered() -> None:
    """Shares of 60, 10 and 30 per cent, and the largest step: 95% intervals over worlds, four errors of a share."""
    worlds = range(ALL_WORLDS if os.environ.get("BAYESINEQ_ALL_WORLDS") else 60)
    found = study(worlds)
    for name, share in SHARES.items():
        held = found.loc[found["step"] == name, "held"].mean()
        assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / len(worlds)), f"{name} ({share:.0%}): {held:.1%}"
