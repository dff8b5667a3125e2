"""Costs by segment and deprivation by hand, and what is told of next year."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.costs import DIED, read_unit_costs, segment_costs
from bayesineq.cohort.rules import read_rules
from bayesineq.errors import CardError, MeasureError, SchemaError
from bayesineq.measures.demand import demand_next_year
from bayesineq.records.normal import Records, read_normal

YEAR = (date(2021, 1, 1), date(2021, 12, 31))


def records(cost: float = 1000.0) -> Records:
    """Four persons: a has dementia all along, b from within the year on, c dies, d is born after its first day."""
    persons = pd.DataFrame({
        "person": list("abcd"), "birth": ["1940-01-01", "1950-01-01", "1960-01-01", "2021-06-01"], "sex": "female",
        "death": [None, None, "2021-05-05", None], "imd_decile": [1, 1, 8, 8], "registered_from": "2010-01-01",
    })  # fmt: skip
    events = pd.DataFrame({
        "person": ["a", "b"], "date": ["2020-02-02", "2021-03-03"], "system": "icd10", "code": "F03",
    })  # fmt: skip
    rows = [
        ("a", "2021-02-01", "2021-02-11", "inpatient", None, None, "mhsds"),  # ten days of 564
        ("a", "2021-02-20", "2021-02-20", "community", None, None, "csds"),  # 84
        ("b", "2021-02-01", "2021-02-05", "inpatient", None, cost, "sus_apc"),  # its own cost
        ("b", "2021-03-01", "2021-03-01", "general practice", "cancelled by patient", None, "gp"),  # nothing
        ("b", "2021-03-02", "2021-03-02", "general practice", "missed", None, "gp"),  # 51
        ("b", "2021-03-02", "2021-03-02", "outpatient", "attended", None, "hes_op"),  # no cost is known
        ("c", "2020-12-31", "2021-01-31", "community", None, None, "csds"),  # before the year
    ]
    columns = ["person", "start", "end", "kind", "outcome", "cost", "source"]
    return read_normal({"persons": persons, "events": events, "spells": pd.DataFrame(rows, columns=columns)})


def test_costs_of_a_year_by_segment_and_decile_are_those_by_hand() -> None:
    found = segment_costs(records(), read_rules("bridges_to_health"), YEAR)
    rows = found.table.set_index(["segment", "imd_decile"])[["people", "users", "cost"]]
    assert rows.loc[("frailty_or_dementia", 1)].tolist() == [1, 1, 5640.0 + 84.0]
    assert rows.loc[("healthy", 1)].tolist() == [1, 1, 1051.0]
    assert rows.loc[("healthy", 8)].tolist() == [1, 0, 0.0]
    assert rows["people"].sum() == 3
    assert found.uncosted.to_dict("records") == [{"kind": "outpatient", "source": "hes_op", "contacts": 1}]
    moves = {(row.segment, row.later): row.people for row in found.transitions.itertuples()}
    assert moves == {
        ("frailty_or_dementia", "frailty_or_dementia"): 1, ("healthy", "frailty_or_dementia"): 1, ("healthy", DIED): 1,
    }  # fmt: skip
    with pytest.raises(SchemaError, match="1 contacts have a cost below zero"):
        segment_costs(records(-1.0), read_rules("bridges_to_health"), YEAR)


def test_next_year_is_the_moves_of_this_one_and_widens_with_few_people() -> None:
    moves = np.array([[900.0, 90.0, 10.0], [20.0, 160.0, 20.0]])
    many = demand_next_year([800, 200], moves * 1e4, [500.0, 6000.0], [0.0, 0.0], seed=1)
    by_hand = np.array([800 * 0.9 + 200 * 0.1, 800 * 0.09 + 200 * 0.8])
    np.testing.assert_allclose(many["next"], [*by_hand, by_hand.sum()], rtol=1e-3)
    np.testing.assert_allclose(many["cost"], [*(by_hand * [500, 6000]), by_hand @ [500, 6000]], rtol=1e-3)
    few = demand_next_year([800, 200], moves, [500.0, 6000.0], [5.0, 90.0], seed=1)
    # Binomial: people of the second segment have a variance of 800^2 p q / 1000 + 200^2 p q / 200.
    sd = np.sqrt(800**2 * 0.09 * 0.91 / 1001 + 200**2 * 0.8 * 0.2 / 201)
    assert (few["next_upper"][1] - few["next_lower"][1]) / 3.92 == pytest.approx(sd, rel=0.06)
    with pytest.raises(MeasureError, match=r"moves holds negative.*cost holds negative"):
        demand_next_year([1, 1], [[1, 1, -1], [1, 1, 1]], [1.0, -1.0], [0.0, 0.0])


def test_unit_costs_are_data_and_all_their_mistakes_are_said_at_once(tmp_path: Path) -> None:
    pounds = {cost.name: cost.pounds for cost in read_unit_costs()}
    assert (pounds["mental_health_bed_day"], pounds["nursing_home_day"], pounds["talking_therapy"]) == (564, 173, 139)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[[cost]]\nname = "a"\npounds = -1\nper = "day"\n[[cost]]\nper = "week"\nhue = 1\n')
    with pytest.raises(CardError, match=r"cost 1: pounds is -1.*cost 2: unknown key 'hue'; cost 2: needs a name"):
        read_unit_costs(wrong)
