"""Groups within groups, and risks with and without, against Snolytical's own figures and planted ratios."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from bayesineq.cohort.card import CodedFact, CohortCard, Entry, Requirement
from bayesineq.cohort.groups import Group, nested_groups, read_groups, risk_with_and_without
from bayesineq.cohort.members import Cohort, cohort
from bayesineq.errors import CardError, SchemaError
from bayesineq.records.normal import Records, read_normal

STUDY = (date(2000, 1, 1), date(2020, 12, 31))
AFTER = (0, None)
EVER = (None, None)


def card(event: str, *names: str) -> CohortCard:
    facts = {name: CodedFact(name, {"local": (name,)}) for name in (event, *names)}
    return CohortCard("tested", "Who?", facts, Entry((event,)))


def records(people: int, facts: dict[str, tuple[list[int] | np.ndarray[Any, Any], str]]) -> Records:
    """People by number, and who has which fact on which day."""
    persons = pd.DataFrame({"person": np.arange(people).astype(str), "birth": date(1950, 1, 1), "sex": "female"})
    parts = [
        pd.DataFrame({"person": np.asarray(who).astype(str), "date": date.fromisoformat(day), "code": name})
        for name, (who, day) in facts.items()
    ]
    return read_normal({"persons": persons, "events": pd.concat(parts).assign(system="local")})


@pytest.fixture(scope="module")
def hypertension() -> Cohort:
    """
    Twelve patients as in Snolytical's unit test: of five with paracetamol two have the outcome, of six without, four.

    IHTSDO/health-data-analytics: "with paracetamol 2/5 = 40.0%, without 4/6 = 66.7%". The twelfth has no hypertension.
    """
    facts: dict[str, tuple[list[int], str]] = {
        "hypertension": (list(range(11)), "2010-01-01"),
        "paracetamol": ([0, 1, 2, 3, 4, 11], "2011-01-01"),
        "infarction": ([0, 1, 5, 6, 7, 8, 11], "2012-01-01"),
    }
    return cohort(records(12, facts), card("hypertension", "paracetamol", "infarction"), study=STUDY)


def test_the_risks_of_snolytical_and_an_interval_of_their_ratio(hypertension: Cohort) -> None:
    treated, happened = Requirement(("paracetamol",), within=AFTER), Requirement(("infarction",), within=AFTER)
    risks, compared = risk_with_and_without(hypertension, treated, happened)
    assert risks[["events", "persons"]].to_numpy().tolist() == [[2, 5], [4, 6]]
    assert (100 * risks["risk"]).round(1).tolist() == [40.0, 66.7]
    ratio = compared.set_index("measure").loc["risk ratio"]
    assert ratio["estimate"] == pytest.approx(0.60)
    # The oracle is simulation: a million draws of the two posteriors.
    rng = np.random.default_rng(6)
    with_it, without = rng.beta(2.5, 3.5, 1_000_000), rng.beta(4.5, 2.5, 1_000_000)
    ends = [0.5, 0.025, 0.975]
    np.testing.assert_allclose(
        ratio[["median", "lower", "upper"]].astype(float), np.quantile(with_it / without, ends), rtol=1e-2
    )
    difference = compared.set_index("measure").loc["risk difference", ["median", "lower", "upper"]].astype(float)
    np.testing.assert_allclose(difference, np.quantile(with_it - without, ends), atol=3e-3)
    np.testing.assert_allclose(risks["lower"], [beta(2.5, 3.5).ppf(0.025), beta(4.5, 2.5).ppf(0.025)])
    assert ratio["lower"] < 1 < ratio["upper"], "eleven people do not tell"


def test_nobody_to_compare_with_is_said(hypertension: Cohort) -> None:
    with pytest.raises(SchemaError, match="All of the cohort are with it"):
        risk_with_and_without(hypertension, Requirement(("hypertension",)), Requirement(("infarction",), within=AFTER))


def test_a_nested_report_is_that_of_snolytical(tmp_path: Path) -> None:
    """Its sample response: type 2 diabetes 2,154; smokers 113 with 1 amputation; others 2,041 with 8."""
    people = np.arange(3_000)
    diabetic, smokers = people[:2_154], np.concatenate([people[:113], people[2_200:2_300]])
    feet = np.concatenate([people[:1], people[500:508], people[2_990:]])
    given = records(
        3_000,
        {"diabetes": (diabetic, "2010-01-01"), "smoking": (smokers, "2005-01-01"), "amputation": (feet, "2012-01-01")},
    )
    made = cohort(given, card("diabetes", "smoking", "amputation"), study=STUDY)
    smoking, foot = {"event": "smoking", "within": ["ever", "ever"]}, {"event": "amputation", "within": [0, "ever"]}
    spec = {"levels": [[{"name": "smokers", "require": [smoking]}, {"name": "others", "exclude": [smoking]}],
                       [{"name": "amputation", "require": [foot]}]]}  # fmt: skip
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(spec))
    found = nested_groups(made, read_groups(path, list(made.card.facts)))
    assert found.to_dict("split")["data"] == [
        ["", "", 2_154],
        ["smokers", "", 113],
        ["smokers", "amputation", 1],
        ["others", "", 2_041],
        ["others", "amputation", 8],
    ]


def test_mistakes_of_groups_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "groups.toml"
    path.write_text('levels = [[{ nmae = "a", require = [{ event = "absent" }] }]]')
    with pytest.raises(CardError) as caught:
        read_groups(path, ["smoking"])
    for part in ("nmae: unknown key", "name: missing", "no fact is named 'absent'", "levels[0]"):
        assert part in str(caught.value)
    path.write_text("levels = 3")
    with pytest.raises(CardError, match="levels is missing"):
        read_groups(path, [])
    made = cohort(records(3, {"a": ([0, 1], "2010-01-01")}), card("a"), study=STUDY)
    with pytest.raises(SchemaError, match="its own name"):
        nested_groups(made, [[Group("same", ()), Group("same", ())]])


@pytest.mark.slow
def test_planted_risk_ratios_of_eight_and_five_are_found_among_a_million_people() -> None:
    """
    Snolytical's scenario: arthritis in 6%, half on a TNF inhibitor, pneumonia in 4% against 0.5%.

    With COPD too (0.12%) a tenth are treated, and 10% have pneumonia against 2%.
    """
    rng, n = np.random.default_rng(61), 1_200_000
    both = rng.random(n) < 0.0012
    arthritis = both | (rng.random(n) < 0.06)
    treated = arthritis & (rng.random(n) < np.where(both, 0.10, 0.5))
    risk = np.where(both, np.where(treated, 0.10, 0.02), np.where(treated, 0.04, 0.005))
    pneumonia = arthritis & (rng.random(n) < risk)
    who = np.flatnonzero
    given = records(
        n,
        {"arthritis": (who(arthritis), "2010-01-01"), "copd": (who(both), "2009-01-01"),
         "anti_tnf": (who(treated), "2011-01-01"), "pneumonia": (who(pneumonia), "2012-01-01")},
    )  # fmt: skip
    made = card("arthritis", "copd", "anti_tnf", "pneumonia")
    copd = Requirement(("copd",), within=EVER)
    for planted, needed in ((8.0, Requirement(("copd",), True, EVER)), (5.0, copd)):
        one = CohortCard("tested", "Who?", made.facts, made.entry, (needed,))
        found = cohort(given, one, study=STUDY)
        exposed = Requirement(("anti_tnf",), within=AFTER)
        _, compared = risk_with_and_without(found, exposed, Requirement(("pneumonia",), within=AFTER))
        ratio = compared.iloc[0]
        assert ratio["lower"] < planted < ratio["upper"]
        assert ratio["lower"] > 1
