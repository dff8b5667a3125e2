"""
An attack on what a comparison of plans writes: a plan of known effect turns worth back into events, group by group.

Oracle: the counts of the table that the risk was fitted to.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.plans import PlanComparison, PlanOptions, compare_plans
from bayesineq.decisions.published import PublishedEffect, Quantity, Share
from bayesineq.decisions.released import released_detail, shown_tables
from bayesineq.design.matrix import design
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import Rule
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card

AREAS, DRAWS, WORTH, COST = 30, 400, 1_000.0, 1.0
EVENTS = {"A": 3_000, "B": 900, "C": 3, "D": 4, "E": 5, "F": 6, "G": 2, "H": 7}
"""Six groups of which few had the event, among 40 people each."""

CARD = """
name = "attacked"
question = "Who gains?"
table = "area_counts"
[outcome]
name = "admissions"
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
ethnicity = { kind = "exchangeable", by = "ethnicity" }
place = { kind = "exchangeable", by = "area" }
"""


def rows() -> pd.DataFrame:
    """Two large groups everywhere, and each small one in a few areas, its events spread evenly over them."""
    table = []
    for place, (group, count) in enumerate(EVENTS.items()):
        areas = range(AREAS) if group in "AB" else range(place % 8, AREAS, 8)
        people = {"A": 1_000, "B": 300}.get(group, 10)
        for n, k in enumerate(areas):
            cases = count // len(areas) + (n < count % len(areas))
            table.append((f"E01{k:06d}", k % 10 + 1, group, people, cases))
    found = pd.DataFrame(table, columns=["area", "imd_decile", "ethnicity", "population", "cases"])
    return found.assign(age_band="40-49", sex="female")


def posterior(times: float = 1.0) -> xr.DataTree:
    """Draws that keep close to the counts, as one without pooling does; `times` as many events in group C."""
    table = rows()
    study = design(table, parse_card(CARD))
    rng = np.random.default_rng(1)
    levels = {block.term.name: block.levels[0] for block in study.blocks}
    total = table.groupby("ethnicity")[["cases", "population"]].sum()
    total["cases"] = total["cases"] * np.where(total.index == "C", times, 1.0)
    share = (total["cases"] / total["population"]).loc[levels["ethnicity"]].to_numpy()
    values = {
        "intercept": np.zeros((1, DRAWS)),
        "ethnicity": np.log(share / (1 - share)) + 0.01 * rng.standard_normal((1, DRAWS, len(share))),
        "place": 0.001 * rng.standard_normal((1, DRAWS, AREAS)),
        "ethnicity.sigma": np.ones((1, DRAWS)),
        "place.sigma": np.full((1, DRAWS), 0.001),
    }
    return posterior_tree(study, values, engine="laplace", seed=1)


@pytest.fixture(scope="module")
def post() -> xr.DataTree:
    return posterior()


@pytest.fixture(scope="module")
def double() -> xr.DataTree:
    """With twice the events in group C, which is withheld in both."""
    return posterior(2.0)


def compared(post: xr.DataTree, rule: Rule, uptake: Share | None = None) -> PlanComparison:
    risk, _ = released_detail(post, ["area"], ["ethnicity"], rule)
    plan = Intervention(
        "halve", PublishedEffect("risk ratio", Quantity(0.5)), Quantity(COST), uptake=uptake or Share(Quantity(1.0))
    )
    options = PlanOptions(decide_by=["area"], equity_by=("ethnicity",))
    return compare_plans([plan], risk, budget=1e6, threshold=WORTH, options=options, seed=1)


def recovered(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Groups of few events of which the worth of halving them gives their number within 1."""
    people = rows().groupby("ethnicity")["population"].sum()
    strata = tables["strata_ethnicity"].set_index("ethnicity")["net_benefit"]
    shares = tables["shares_ethnicity"].set_index("ethnicity")
    found = []
    for group, count in EVENTS.items():
        if count > 7:
            continue
        by_worth = 2 * (strata[group] + COST * people[group]) / WORTH
        by_rate = 2 * shares.loc[group, "benefit_per_1000"] * people[group] / 1000
        by_benefit = 2 * shares.loc[group, "benefit"]
        if any(abs(guess - count) < 1 for guess in (by_worth, by_rate, by_benefit)):
            found.append(group)
    return found


def test_with_control_switched_off_all_small_groups_are_found(post) -> None:
    assert recovered(shown_tables(compared(post, Rule(0, 1)), Rule(0, 1))) == list("CDEFGH")


def test_no_group_that_is_withheld_is_found_from_worth_shares_or_benefit(post) -> None:
    assert set(cover(post).levels("ethnicity")) >= set("CDEFGH")
    tables = shown_tables(compared(post, Rule()))
    assert recovered(tables) == []
    for name in ("strata_ethnicity", "shares_ethnicity"):
        numbers = tables[name].set_index("ethnicity").loc[list("CDEFGH")].drop(columns="best", errors="ignore")
        assert numbers.isna().all(axis=None)
        assert tables[name].set_index("ethnicity").loc["A"].notna().any()


def test_a_plan_for_one_withheld_group_alone_tells_nothing_of_it(post, double) -> None:
    """Uptake by group would turn every table, by area too, into one of that group."""
    only = {group: 1.0 if group == "C" else 0.001 for group in EVENTS}
    for rule, moves in ((Rule(0, 1), EVENTS["C"]), (Rule(), 0.0)):
        gained = []
        for one in (post, double):
            tables = compared(one, rule, Share(Quantity(0.5), {"ethnicity": only})).tables
            gained.append(tables["options"].set_index("intervention").loc["halve", "benefit"])
        # Half of the events of the group are averted; draws leave a little of the other groups' moves.
        assert 2 * (gained[1] - gained[0]) == pytest.approx(moves, abs=0.1)


def test_what_is_published_does_not_move_with_a_withheld_group(post, double) -> None:
    one, two = (released_detail(p, ["area"], ["ethnicity"])[0] for p in (post, double))
    xr.testing.assert_allclose(one.mean(SAMPLE_DIMS), two.mean(SAMPLE_DIMS), rtol=0.02)


def test_units_and_groups_keep_what_may_be_published_of_them(post) -> None:
    detail, _ = released_detail(post, ["area"], ["ethnicity"])
    units, _ = released_detail(post, ["area"], ())
    people = detail[POPULATION].reset_coords(drop=True)
    by_unit = xr.dot(detail.reset_coords(drop=True), people, dim="ethnicity") / people.sum("ethnicity")
    np.testing.assert_allclose(by_unit.transpose(*units.dims), units, rtol=1e-6)
    np.testing.assert_allclose(people.sum("ethnicity"), units[POPULATION], rtol=1e-6)
    shown = cover(post).values("ethnicity").shown.mean(SAMPLE_DIMS)
    by_group = (xr.dot(detail.reset_coords(drop=True), people, dim="area") / people.sum("area")).mean(SAMPLE_DIMS)
    # All areas are shown here, so that their groups are all groups but for what rounding leaves.
    np.testing.assert_allclose(by_group.sel(ethnicity=shown["ethnicity"]), shown, rtol=0.02)


def test_without_a_rule_cells_are_as_they_are(post) -> None:
    from bayesineq.decisions.local import local_risk

    detail, _ = released_detail(post, ["area"], ["ethnicity"], Rule(0, 1))
    fine = local_risk(post, ["area", "ethnicity"])
    np.testing.assert_allclose(detail.transpose(*fine.dims), fine.fillna(0.0), rtol=1e-9)
