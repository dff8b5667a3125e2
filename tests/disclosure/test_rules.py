"""Sets of rules as data, and the methods they name, against published examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq import example
from bayesineq.disclosure import perturbed_counts, protect, released_summary, rule_of
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.read_rule import SHIPPED, read_perturbation, ten_five
from bayesineq.disclosure.rule import Rule, rounded, shown_count
from bayesineq.disclosure.suppression import protect_tables
from bayesineq.errors import DisclosureError
from bayesineq.shipped import shipped_cards

FIXTURES = Path(__file__).parents[2].parent / "shared" / "reference" / "records" / "sdc_fixtures"
has_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="reference files are not here")

# Midpoint 6 as OpenSAFELY's documentation has it: counts and what is shown.
MIDPOINT = {0: 0, 1: 3, 6: 3, 7: 9, 12: 9, 13: 15, 18: 15, 19: 21}


def test_the_rules_that_ship_say_what_their_publishers_say() -> None:
    assert set(shipped_cards(SHIPPED)) >= {"hes", "uk_llc", "opensafely", "cell_keys", "none"}
    told = {name: [shown_count(n, rule_of(name)) for n in (0, 1, 7, 8, 9, 10, 13)] for name in shipped_cards(SHIPPED)}
    assert told["hes"] == ["0", "*", "*", "10", "10", "10", "15"]
    assert told["uk_llc"] == ["*", "*", "*", "*", "*", "10", "13"]
    assert told["opensafely"] == ["0", "3", "9", "9", "9", "9", "15"]
    assert told["cell_keys"] == ["*", "*", "*", "*", "*", "10", "15"]
    assert told["none"] == ["0", "1", "7", "8", "9", "10", "13"]
    assert rule_of("uk_llc").degrees_of_freedom == 10


def test_midpoints_are_those_of_opensafely() -> None:
    rule = rule_of("opensafely")
    assert rounded(list(MIDPOINT), rule).tolist() == list(MIDPOINT.values())
    for count, shown in MIDPOINT.items():
        low, high = rule.limits(shown)
        assert low <= count <= high
        assert high - low in (0, 5)


@pytest.mark.parametrize(
    "rule", [Rule(), Rule(7, 1), Rule(4, 3), Rule(9, 10), Rule(0, 6, rounding="midpoint")], ids=str
)
def test_limits_hold_every_count_that_is_shown_so(rule: Rule) -> None:
    for count in range(0, 200):
        if shown_count(count, rule) != "*":
            low, high = rule.limits(rounded(count, rule))
            assert low <= count <= high
            assert high - low <= rule.base


@has_fixtures
@pytest.mark.parametrize("by", [["var1", "var2"], ["var1", "var5", "var8"]], ids="-".join)
def test_cell_keys_give_the_counts_of_the_published_package(by: list[str]) -> None:
    people = pd.read_csv(FIXTURES / "cellkey_micro.csv")
    expected = pd.read_csv(FIXTURES / f"cellkey_expected_{'_'.join(by)}.csv")
    found = perturbed_counts(people, by)
    assert found[by].to_numpy().tolist() == expected[by].to_numpy().tolist()
    assert found["count"].tolist() == expected["count"].astype("Int64").tolist()
    key = people.groupby(by)["record_key"].sum() % 256
    added = ten_five().of(expected["pre_sdc_count"].to_numpy(), expected["ckey"].to_numpy())
    assert added.tolist() == expected["pvalue"].tolist()
    assert key.tolist() == expected["ckey"][expected["pre_sdc_count"] > 0].tolist()


def table_of_keys(folder: Path) -> Path:
    """A table whose noise depends on the key: -1, 0 or 1."""
    count, key = np.indices((750, 256)).reshape(2, -1)
    pd.DataFrame({"pcv": count + 1, "ckey": key, "pvalue": (count + key) % 3 - 1}).to_csv(
        folder / "own.csv", index=False
    )
    (folder / "own.toml").write_text(
        'name = "own"\nabout = "mine"\nwithhold_up_to = 9\nround_to = 5\nperturbation = "own.csv"\n', encoding="utf-8"
    )
    return folder / "own.toml"


def test_noise_by_key_is_the_same_for_the_same_people_and_another_without_one(tmp_path: Path) -> None:
    own = table_of_keys(tmp_path)
    rng = np.random.default_rng(1)
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], 3_000), "area": rng.choice(list("abc"), 3_000)})
    people["record_key"] = rng.integers(0, 256, 3_000)
    both = perturbed_counts(people, ["sex", "area"], own)
    alone = perturbed_counts(people[people["sex"] == "f"], ["area"], own)
    assert both[both["sex"] == "f"]["count"].tolist() == alone["count"].tolist()
    exact = people.groupby(["sex", "area"]).size().to_numpy()
    assert set(both["count"].to_numpy(int) - exact) <= {-1, 0, 1}
    assert (both["count"].to_numpy(int) != exact).any()
    fewer = [perturbed_counts(people.drop(index=k), ["sex"], own)["count"].sum() for k in range(30)]
    # Not always one less: whether a number moves tells of the keys.
    assert len({int(n) for n in fewer}) > 2
    with pytest.raises(DisclosureError, match="perturbed_counts"):
        protect(pd.DataFrame({"n": [40]}), ["n"], own)
    # Counts beyond the table use its last 250 rows again.
    perturbation = read_perturbation(tmp_path / "own.csv")
    one = np.zeros(1, dtype=int)
    assert perturbation.of(one + 751, one) == perturbation.of(one + 501, one)


def test_rules_that_do_not_stand_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(DisclosureError, match=r"Give one of .*cell_keys, hes"):
        rule_of("hess")
    with pytest.raises(DisclosureError, match="cannot be read"):
        rule_of(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("name = 3\nwithhold_up_to = true\nround_to = 5\nround = 2\n", encoding="utf-8")
    with pytest.raises(
        DisclosureError, match=r"about is missing; name is 3.*withhold_up_to is True.*round is not known"
    ):
        rule_of(bad)
    bad.write_text(
        'name = "a"\nabout = "b"\nwithhold_up_to = 5\nround_to = 5\nrounding = "midpoint"\n', encoding="utf-8"
    )
    with pytest.raises(DisclosureError, match="even base"):
        rule_of(bad)
    with pytest.raises(DisclosureError, match="so are counts from 1"):
        Rule(0, 5, zeros=True)
    with pytest.raises(DisclosureError, match="no table with whole numbers"):
        read_perturbation(bad)


def test_where_zero_is_withheld_an_empty_cell_is_not_told_from_a_small_one() -> None:
    cells = pd.DataFrame({"row": [0, 0, 1, 1], "column": [0, 1, 0, 1], "n": [0, 40, 30, 3]})
    margins = [["row"], ["column"], []]
    found = protect_tables(cells, ["row", "column"], ["n"], margins, "uk_llc")
    assert found.tables["row", "column"]["n"].isna().all()
    shown = protect_tables(cells, ["row", "column"], ["n"], margins, Rule(9, 1)).tables["row", "column"]["n"]
    assert shown[0] == 0


@pytest.mark.parametrize("name", ["uk_llc", "opensafely", "cell_keys"])
def test_a_set_of_rules_goes_wherever_a_rule_goes(name: str) -> None:
    post, rule = example().post, rule_of(name)
    whole = cover(post, name)
    assert whole.rule == rule
    assert cover(post).rule == Rule()
    table, _ = released_summary(post, name)
    assert len(table)
    shown = whole.values("ethnicity").shown
    if name != "uk_llc":
        people = shown["population"].to_numpy()
        assert (rounded(people, rule) == people).all()


def test_parameters_of_a_model_without_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(DisclosureError, match=r"residual degrees of freedom .*, and the rule asks for 10000"):
        released_summary(example().post, Rule(degrees_of_freedom=10_000))
