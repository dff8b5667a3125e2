"""What an attack on whole runs found, each with the attack that found it and the one that must fail now."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.events import FEW_EVENTS, MORE_EVENTS, SOME_EVENTS, few_in_any
from bayesineq.design.matrix import design
from bayesineq.dims import SAMPLE_DIMS
from bayesineq.disclosure.audit import WITHHELD
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.released import released, released_summary
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import BayesineqError, DesignError
from bayesineq.inference.imputations import stack_imputations
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import pooled

OFF = Rule(0, 1)
CARD = """
name = "attacked"
question = "Who?"
table = "area_counts"
[outcome]
name = "admissions"
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
deprivation = { kind = "exchangeable", by = "imd_decile" }
place = { kind = "exchangeable", by = "area" }
"""
DRAWS = 2_000


def posterior(cases: list[int], people: list[int], *, pooled: bool = False, seed: int = 1) -> xr.DataTree:
    """Areas, five a decile: draws at each one's own share, or at that of all."""
    n = len(cases)
    rows = pd.DataFrame({"area": [f"E01{k:06d}" for k in range(n)], "imd_decile": np.arange(n) // 5 + 1})
    rows = rows.assign(population=people, cases=cases, ethnicity="A", age_band="40-49", sex="female")
    study = design(rows, parse_card(CARD))
    share = np.full(n, sum(cases) / sum(people)) if pooled else np.array(cases) / np.array(people)
    spread = 1 / np.sqrt(np.maximum(cases, 1))
    values = {
        "intercept": np.zeros((1, DRAWS)),
        "deprivation": np.zeros((1, DRAWS, n // 5)),
        "place": np.log(share / (1 - share)) + spread * np.random.default_rng(seed).standard_normal((1, DRAWS, n)),
        "deprivation.sigma": np.ones((1, DRAWS)),
        "place.sigma": np.ones((1, DRAWS)),
    }
    return posterior_tree(study, values, engine="laplace", seed=1)


CASES, PEOPLE = [4, 5, 60, 70, 80, 90, 60, 70, 80, 90], [400] * 10


def follows(tree: xr.DataTree, decile: int) -> float:
    """Share of the variance of a decile's events that follows from those of its shown areas, draw by draw."""
    areas = tree["area"]["estimate"]
    own = [code for code in areas["area"].to_numpy() if (int(str(code)[3:]) // 5 + 1) == decile]
    whole = pooled(tree["imd_decile"]["estimate"].sel(imd_decile=decile))
    known = np.column_stack([np.ones(whole.size), pooled(areas.sel(area=own), "area")])
    left = whole - known @ np.linalg.lstsq(known, whole, rcond=None)[0]
    return 1 - float(left.var() / whole.var())


def test_draws_of_a_released_decile_do_not_follow_from_those_of_its_areas() -> None:
    post = posterior(CASES, PEOPLE)
    assert follows(released(post, OFF), 1) > 0.9
    tree = released(post)
    assert tree["area"].sizes["area"] == 8
    # Three areas explain as much by chance: 3 in 2,000.
    assert follows(tree, 1) < 0.02
    assert follows(tree, 2) < 0.02


def test_draws_within_a_released_table_go_together() -> None:
    post = posterior(CASES, PEOPLE)
    shared = np.random.default_rng(2).standard_normal((1, DRAWS, 1))
    post["posterior"]["place"] = post["posterior"]["place"] + 0.5 * shared
    shown = np.corrcoef(pooled(cover(post).values("imd_decile").shown, "imd_decile").T)[0, 1]
    told = np.corrcoef(pooled(released(post)["imd_decile"]["estimate"], "imd_decile").T)[0, 1]
    assert told == pytest.approx(shown, abs=1e-4)
    assert told > 0.8
    again = released(post)["imd_decile"]["estimate"]
    xr.testing.assert_identical(again, released(post)["imd_decile"]["estimate"])


def test_the_audit_gives_one_reason_and_one_row_a_cell() -> None:
    audit = cover(posterior(CASES, PEOPLE)).audit
    assert len(audit) == 2
    assert set(audit["reason"]) == {WITHHELD}
    assert len(set(audit["column"])) == 1
    assert not audit.duplicated(["table", "cell"]).any()
    _, of_parameters = released_summary(posterior(CASES, PEOPLE))
    assert set(of_parameters["reason"]) == {WITHHELD}


def test_areas_of_few_observed_events_are_withheld_though_a_model_implies_more() -> None:
    cases = [2, 3, 60, 70, 80, 7, 1, 70, 80, 90]
    post = posterior(cases, PEOPLE, pooled=True)
    implied = expected(post, by="area").mean(SAMPLE_DIMS) * 400
    assert (implied > 40).all()
    gone = {int(str(code)[3:]) for code in cover(post).levels("area")}
    assert {0, 1, 5, 6} <= gone
    del post[FEW_EVENTS]
    assert cover(post).levels("area") == []


def test_areas_of_few_people_without_the_event_are_withheld_though_a_model_implies_more() -> None:
    cases = [398, 395, 300, 310, 320, 300, 300, 310, 320, 330]
    gone = {int(str(code)[3:]) for code in cover(posterior(cases, PEOPLE, pooled=True)).levels("area")}
    assert {0, 1} <= gone


def test_few_in_any_imputation_is_few() -> None:
    posts = [posterior([cases, 50, 60, 70, 80], [400] * 5, pooled=True) for cases in (6, 9)]
    assert "E01000000" in cover(stack_imputations(posts)).levels("area")
    assert "E01000000" not in cover(stack_imputations(posts[1:])).levels("area")


def jointly(post: xr.DataTree) -> xr.DataTree:
    """As a posterior of several outcomes keeps its classes: a group for each."""
    classes = post[FEW_EVENTS].to_dataset()
    joint = post.copy()
    joint[FEW_EVENTS] = xr.DataTree.from_dict({"/ill": classes, "/admitted": classes})
    return joint


def test_few_in_any_imputation_is_few_of_each_of_several_outcomes() -> None:
    posts = [jointly(posterior([cases, 50, 60, 70, 80], [400] * 5, pooled=True)) for cases in (6, 9)]
    for outcome in ("ill", "admitted"):
        classes = stack_imputations(posts)[f"{FEW_EVENTS}/{outcome}"]["events_area"]
        assert classes.to_numpy().tolist() == [SOME_EVENTS, *[MORE_EVENTS] * 4]
    bare = posterior([9, 50, 60, 70, 80], [400] * 5, pooled=True)
    del bare[FEW_EVENTS]
    with pytest.raises(BayesineqError, match="could not be judged"):
        stack_imputations([posts[0], bare])


def test_classes_of_imputations_are_matched_by_code() -> None:
    classes = posterior([6, 50, 60, 70, 80], [400] * 5)[FEW_EVENTS].to_dataset()
    turned = classes.isel(area=slice(None, None, -1))
    assert few_in_any([classes, turned])["events_area"].to_numpy().tolist() == [SOME_EVENTS, *[MORE_EVENTS] * 4]
    other = classes.assign_coords(area=["E02000000", *classes["area"].to_numpy()[1:]])
    with pytest.raises(DesignError, match="same levels"):
        few_in_any([classes, other])


@pytest.mark.parametrize("base", [5, 20, 50, 100, 1_000, 10_000])
def test_rounding_above_the_size_of_a_group_invents_no_rate(base: int) -> None:
    post = posterior([9, 36, 60, 70, 80, 90, 400, 500, 2_000, 4_500], [100, 400, 600, 700, 800, 1_000, *[5_000] * 4])
    for by in ("area", "imd_decile"):
        shown = cover(post, Rule(7, base)).values(by).shown
        raw = expected(post, by=by).sel({by: shown[by]})
        events = raw.mean(SAMPLE_DIMS) * raw["population"]
        # A count is told to half the base, and so are its people.
        most = base / 2 / events + base / 2 / raw["population"] + 0.02
        assert (abs(shown.mean(SAMPLE_DIMS) / raw.mean(SAMPLE_DIMS) - 1) < most).all()
        assert (events >= base).all()
    assert f"rates of fewer than {base} are withheld" in str(Rule(7, base)) or base < 9


def test_ends_of_intervals_of_parameters_are_rounded_outwards() -> None:
    post = posterior([400] * 5, [40_000] * 5)
    shown, _ = released_summary(post)
    whole, _ = released_summary(post, OFF)
    both = shown.merge(whole, on="parameter", suffixes=("", "_exact")).dropna()
    assert len(both) > 3
    assert (both["lower"] <= both["lower_exact"] + 1e-9).all()
    assert (both["upper"] >= both["upper_exact"] - 1e-9).all()
    wide = both[both["upper_exact"] - both["lower_exact"] > 1e-9]
    assert (wide["upper"] > wide["lower"]).all()
