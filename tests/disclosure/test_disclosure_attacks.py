"""
Attacks on published tables: subtraction, rate times denominator, differencing two runs.

Oracle: an integer programme over whole tables, written here without the package's own, that finds every count that is
possible given what was published.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from bayesineq.disclosure.audit import AUDIT, WITHHELD, audit_bytes
from bayesineq.disclosure.protect import protect_rates
from bayesineq.disclosure.release import refuse_people, release_people
from bayesineq.disclosure.rule import Rule, safe_decimals, shown_count
from bayesineq.disclosure.suppression import protect_tables
from bayesineq.errors import DisclosureError

MARGINS = [("row",), ("column",), ()]


def cells_of(counts: np.ndarray) -> pd.DataFrame:
    rows, columns = np.indices(counts.shape)
    return pd.DataFrame({"row": rows.ravel(), "column": columns.ravel(), "cases": counts.ravel()})


def published(counts: np.ndarray, rule: Rule) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    tables = protect_tables(cells_of(counts), ["row", "column"], ["cases"], MARGINS, rule).tables

    def values(level: tuple[str, ...]) -> np.ndarray:
        return tables[level]["cases"].to_numpy(dtype=float, na_value=np.nan)

    inner = values(("row", "column")).reshape(counts.shape)
    return inner, values(("row",)), values(("column",)), values(())[0]


def attacker(counts: np.ndarray, rule: Rule, target: tuple[int, int]) -> tuple[float, float]:
    """Least and most that a cell can be, by integer programming over all cells with margins as constraints."""
    inner, rows, columns, total = published(counts, rule)
    n_row, n_column = counts.shape

    def limits(shown: float) -> tuple[float, float]:
        if np.isnan(shown):
            return 1, 10_000
        if shown == 0:
            return 0, 0
        return max(shown - rule.base // 2, rule.threshold + 1), shown + rule.base // 2

    box = np.array([limits(v) for v in inner.ravel()])
    sums, low, high = [], [], []
    for k in range(n_row):
        sums.append((np.arange(counts.size) // n_column == k).astype(float))
    for k in range(n_column):
        sums.append((np.arange(counts.size) % n_column == k).astype(float))
    sums.append(np.ones(counts.size))
    for shown in (*rows, *columns, total):
        first, last = limits(shown)
        low.append(first)
        high.append(last)
    cost = np.zeros(counts.size)
    cost[target[0] * n_column + target[1]] = 1.0
    ends = []
    for sign in (1, -1):
        found = milp(
            sign * cost,
            constraints=LinearConstraint(np.array(sums), low, high),
            integrality=np.ones(counts.size),
            bounds=Bounds(box[:, 0], box[:, 1]),
        )
        assert found.success
        ends.append(sign * found.fun)
    return ends[0], ends[1]


@pytest.mark.parametrize("rule", [Rule(7, 5), Rule(5, 1), Rule(7, 1), Rule(4, 3)], ids=str)
def test_no_suppressed_count_is_found_by_adding_and_subtracting(rule: Rule) -> None:
    rng = np.random.default_rng(7)
    attacked = 0
    for _ in range(12):
        counts = rng.poisson(rng.gamma(1.2, 12, (3, 4)))
        small = np.argwhere((counts >= 1) & (counts <= rule.threshold))
        for target in small[:3]:
            least, most = attacker(counts, rule, tuple(target))
            assert most >= rule.threshold, (counts, target)
            assert most - least + 1 >= rule.threshold, (counts, target)
            attacked += 1
    assert attacked > 12


def test_without_secondary_suppression_the_same_attack_succeeds() -> None:
    # One small cell in its row and column: 40 + 30 + x = 73.
    counts = np.array([[3, 40, 30], [50, 60, 70], [80, 90, 25]])
    rule = Rule(5, 1)
    result = protect_tables(cells_of(counts), ["row", "column"], ["cases"], MARGINS, rule)
    reasons = result.audit.set_index(["table", "cell"])["reason"]
    assert set(reasons) == {WITHHELD}
    assert "row=0, column=0" in reasons["row x column"].index
    assert len(reasons) >= 4
    assert attacker(counts, rule, (0, 0))[1] >= 5
    # Rounding to 5 already hides it, so nothing else is withheld for its sake.
    rounded = protect_tables(cells_of(counts), ["row", "column"], ["cases"], MARGINS, Rule(3, 5))
    assert rounded.audit["cell"].tolist() == ["row=0, column=0"]


def test_shown_counts_are_those_of_the_plain_rule_and_zeros_stay() -> None:
    counts = np.array([[0, 40, 33], [52, 61, 0]])
    result = protect_tables(cells_of(counts), ["row", "column"], ["cases"], MARGINS)
    inner = result.tables["row", "column"]["cases"]
    assert [f"{v:,}" for v in inner] == [shown_count(n) for n in counts.ravel()]
    assert result.tables[()]["cases"].tolist() == [185]
    assert result.audit.empty


def test_a_rate_and_its_denominator_give_the_count_no_closer_than_its_rounding() -> None:
    rng = np.random.default_rng(3)
    people = rng.integers(60, 20_000, 400)
    cases = rng.binomial(people, rng.beta(1, 12, 400))
    # The posterior mean and the quantiles of an unpooled beta posterior know the count exactly.
    table = pd.DataFrame(
        {"rate": (cases + 0.5) / (people + 1), "low": 0.9 * cases / people, "high": 1.1 * cases / people}
    )
    table["population"] = people
    shown, audit = protect_rates(table, ["rate", "low", "high"], "population")
    small = (cases >= 1) & (cases <= 6)
    assert shown.loc[small, ["rate", "low", "high"]].isna().to_numpy().all()
    assert set(audit["cell"]) == set(shown.index[shown["rate"].isna()].astype(str))
    kept = shown["rate"].notna().to_numpy()
    assert kept.sum() > 150
    every = np.arange(20_001)
    for name, scale in (("rate", None), ("low", 0.9), ("high", 1.1)):
        for k in np.flatnonzero(kept):
            text = repr(float(shown.loc[k, name]))
            assert "e" in text or len(text.partition(".")[2]) <= max(safe_decimals(people[k]), 1)
            decimals = int(safe_decimals(people[k]))
            candidates = every[: people[k] + 1]
            implied = (candidates + 0.5) / (people[k] + 1) if scale is None else scale * candidates / people[k]
            possible = candidates[np.abs(implied - shown.loc[k, name]) <= 0.5 * 10.0**-decimals + 1e-12]
            # As many counts are possible as a count rounded to 5 leaves, or zero is the least of them.
            assert len(possible) >= 4 or possible[0] == 0
    assert "count" not in "".join(audit.columns)


def test_two_runs_that_differ_by_a_few_people_do_not_tell_by_how_many() -> None:
    rule = Rule()
    consistent: dict[tuple[str, str], set[int]] = {}
    for first in range(0, 120):
        for more in range(0, 40):
            shown = shown_count(first, rule), shown_count(first + more, rule)
            consistent.setdefault(shown, set()).add(more)
    for (before, _), differences in consistent.items():
        # From nobody to somebody is seen, as it is in every table that shows zeros; how many is not.
        if before != "0" and min(differences) <= rule.threshold and not (before.isdigit() and int(before) > 100):
            assert len(differences - {0}) >= 4, (before, differences)
    assert consistent["0", "*"] == {1, 2, 3, 4, 5, 6, 7}


def test_people_leave_only_by_a_switch_that_is_logged(tmp_path) -> None:
    people = pd.DataFrame({"Person_ID": ["a", "b"], "age": [3, 4]})
    with pytest.raises(DisclosureError, match=r"the export holds \['Person_ID'\]"):
        refuse_people(people, what="the export")
    refuse_people(pd.DataFrame({"area": ["E01000001"], "cases": [10]}), what="the export")
    log, out = tmp_path / "released.jsonl", tmp_path / "people.csv"
    with pytest.raises(DisclosureError, match="reason"):
        release_people(people, out, reason=" ", approved_by="A. Guardian", log=log)
    assert not out.exists()
    assert not log.exists()
    release_people(people, out, reason="direct care", approved_by="A. Guardian", log=log)
    line = json.loads(log.read_text())
    assert (line["rows"], line["reason"], line["approved_by"]) == (2, "direct care", "A. Guardian")
    assert pd.read_csv(out)["age"].tolist() == [3, 4]


def test_the_audit_says_what_and_why_and_no_count(tmp_path) -> None:
    counts = np.array([[3, 40, 30], [50, 60, 70]])
    rule = Rule(5, 1)
    result = protect_tables(cells_of(counts), ["row", "column"], ["cases"], MARGINS, rule)
    path = tmp_path / "withheld.csv"
    path.write_bytes(audit_bytes([result.audit], rule))
    read = pd.read_csv(path)
    assert list(read.columns) == [*AUDIT, "rule"]
    assert len(read) == len(result.audit) > 1
    with pytest.raises(DisclosureError, match="no other"):
        audit_bytes([result.audit.assign(count=3)], rule)


def test_misuse_is_refused_in_words() -> None:
    cells = cells_of(np.array([[10, 20]]))
    with pytest.raises(DisclosureError, match=r"no columns \['deaths'\]"):
        protect_tables(cells, ["row"], ["deaths"])
    with pytest.raises(DisclosureError, match="more than once"):
        protect_tables(cells, ["row"], ["cases"])
    with pytest.raises(DisclosureError, match="margins keep columns"):
        protect_tables(cells, ["row", "column"], ["cases"], [("sex",)])
    with pytest.raises(DisclosureError, match="by parts"):
        protect_tables(cells, ["row", "column"], ["cases"], most=2)
    with pytest.raises(DisclosureError, match="above 0"):
        safe_decimals([0])
