"""The same places by simpler rules: places kept, benefit by hand, and the gate in words."""

import numpy as np
import pytest
import xarray as xr

from bayesineq.decisions.allocate import allocate
from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.plans import compare_plans
from bayesineq.decisions.published import PublishedEffect, Quantity
from bayesineq.decisions.rivals import targeting_rules
from bayesineq.errors import DecisionError


def benefit(values, people):
    return xr.DataArray(
        np.asarray(values, float)[np.newaxis],
        dims=("chain", "draw", "area", "intervention"),
        coords={
            "area": [f"E{k:08d}" for k in range(len(people))],
            "intervention": ["a"],
            "population": ("area", np.asarray(people, float)),
        },
        attrs={"scale": "events averted"},
    )


def test_rules_give_the_same_places_and_gain_what_a_hand_count_gains():
    values = benefit([[[0.3], [0.1], [0.2]], [[0.3], [0.1], [0.2]]], [10, 10, 20])
    allocation = allocate(values, {"a": 1.0}, budget=20.0)
    treated = xr.ones_like(values.isel(chain=0, draw=0, drop=True))
    score = xr.DataArray([1.0, 3.0, 2.0], {"area": values["area"].values}, dims="area")
    table = targeting_rules(allocation, values, treated, {"score": score}).set_index("rule")
    np.testing.assert_allclose(table["treated"], 20.0)
    # allocated: 10 x 0.3 + 10 x 0.2; by score: 10 x 0.1 + 10 x 0.2; evenly: half of 3 + 1 + 4
    np.testing.assert_allclose(table["benefit"], [5.0, 3.0, 4.0])
    np.testing.assert_allclose(table["over_evenly"], [1.0, -1.0, 0.0])
    assert table["p_over"].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(DecisionError, match="one score for each unit"):
        targeting_rules(allocation, values, treated, {"score": score.isel(area=slice(2))})


def test_where_areas_do_not_differ_there_is_no_evidence_for_choosing_among_them():
    rng = np.random.default_rng(1)
    # every draw deals the same risks out anew: no area is riskier than another
    risk = np.array([rng.permutation(np.linspace(0.1, 0.3, 20)) for _ in range(200)])
    baseline = xr.DataArray(
        risk[np.newaxis],
        dims=("chain", "draw", "area"),
        coords={"area": [f"E{k:08d}" for k in range(20)], "population": ("area", np.full(20, 100.0))},
    )
    plan = Intervention("call", PublishedEffect("risk ratio", Quantity(0.8)), Quantity(10.0))
    said = " ".join(compare_plans([plan], baseline, budget=5_000, threshold=1_000, seed=1).words)
    assert "There is no evidence for choosing among these units" in said
    unequal = baseline.copy(data=np.broadcast_to(np.linspace(0.1, 0.3, 20), risk[np.newaxis].shape))
    said = " ".join(compare_plans([plan], unequal, budget=5_000, threshold=1_000, seed=1).words)
    assert "more than the same places given evenly" in said
