"""Oracles: the published crosswalk of nhs_reference, Bayes' rule by hand, and the ONS shares of agreement."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.codes import (
    SCHEMES,
    crosswalk,
    faithful,
    read_ethnicity,
    recode,
    sample_codes,
    scheme_codes,
)
from bayesineq.records.ethnicity.confusion import (
    coarsened,
    confusion_from_agreement,
    england_margin,
    ons_agreement,
    ons_confusion,
)
from bayesineq.tables.codes import code_list


@pytest.fixture(scope="module")
def published(shared) -> pd.DataFrame:
    path = shared / "reference/measures/nhs_reference/ethnicity_code_crosswalk.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_every_row_of_the_published_crosswalk_is_mapped_or_refused(published) -> None:
    to_nhs = faithful("census_2021", "nhs")
    to_gdppr = faithful("census_2021", "gdppr")
    labels = code_list("ethnicity_census_2021").set_index("code")
    settled = 0
    for row in published.to_dict("records"):
        if row["census2021_5"] == "Missing":
            assert read_ethnicity(pd.Series([row["gdppr_code"]]), "gdppr").iloc[0] == row["nhs_16plus1_code"]
            for spelling in row["hes_code"].split("/"):
                assert read_ethnicity(pd.Series([spelling]), "nhs").iloc[0] == row["nhs_16plus1_code"]
            settled += 1
            continue
        broad, _, name = row["census2021_19"].partition(": ")
        name = {"Any other Mixed": "Any other Mixed background", "Any other Asian": "Any other Asian background"}.get(
            name, name
        )
        name = {
            "Any other Black": "Any other Black background",
            "English Welsh Scottish Northern Irish or British": "English, Welsh, Scottish, Northern Irish or British",
        }.get(name, name)
        (code,) = labels.index[(labels["label"] == name) & (labels["broad"] == broad.lower())]
        nhs, gdppr = row["nhs_16plus1_code"], row["gdppr_code"]
        assert (to_nhs[code] == nhs) if nhs else pd.isna(to_nhs[code])
        assert (to_gdppr[code] == gdppr) if gdppr else pd.isna(to_gdppr[code])
        # Where there is no such category, the likeliest image is the one in which the table nests the group.
        likeliest = crosswalk("census_2021", "nhs").loc[code].idxmax()
        assert likeliest == row["nested_when_collapsed_to_nhs16"]
        settled += 1
    assert settled == len(published) == 21


def test_every_code_of_every_list_is_read_as_itself() -> None:
    for scheme in SCHEMES:
        codes = pd.Series(scheme_codes(scheme).index, dtype="str")
        assert read_ethnicity(codes, scheme).tolist() == codes.tolist()
        assert read_ethnicity(codes.str.swapcase() + " ", scheme).tolist() == codes.tolist()
        assert recode(codes, scheme, scheme).tolist() == codes.tolist()


def test_chinese_moved_from_other_to_asian_in_2011() -> None:
    assert scheme_codes("census_2001").loc["asian_chinese", "broad"] == "other"
    for scheme in ("census_2011", "census_2021"):
        assert scheme_codes(scheme).loc["asian_chinese", "broad"] == "asian"
    assert recode(pd.Series(["R", "Z"]), "nhs", "broad_6").tolist() == ["asian", "unknown"]


def test_blanks_roman_numerals_and_legacy_codes_read_as_their_scheme_says() -> None:
    assert read_ethnicity(pd.Series([None, "", "x", "9", "99", "null"])).tolist() == ["99"] * 6
    assert read_ethnicity(pd.Series(["i", "IV", "xvi", "X"]), "numbered").tolist() == ["1", "4", "16", "10"]
    assert read_ethnicity(pd.Series(["x", None, "0"]), "hes_1995").tolist() == ["X", "X", "0"]
    assert recode(pd.Series(["10"]), "numbered", "nhs").tolist() == ["K"]
    with pytest.raises(SchemaError, match="''"):
        read_ethnicity(pd.Series([""]), "census_2021")


def test_unknown_codes_are_listed_together_with_their_numbers() -> None:
    with pytest.raises(SchemaError, match=r"3 records") as error:
        read_ethnicity(pd.Series(["A", "Q", "q", "77"], name="ethnos"))
    assert set(error.value.failures["value"]) == {"Q", "q", "77"}
    assert (error.value.failures["column"] == "ethnos").all()


def test_crosswalk_rows_add_up_to_one_or_to_nothing_for_the_unknown() -> None:
    for source in SCHEMES:
        known = scheme_codes(source)["known"]
        for target in SCHEMES:
            total = crosswalk(source, target).sum(axis=1)
            np.testing.assert_allclose(total[known], 1.0, atol=1e-12)
            assert np.isin(total[~known].round(12), [0.0, 1.0]).all()


def test_a_coarse_code_is_split_by_the_margin_where_the_records_are_from() -> None:
    # By hand: the white code of 1995 among 60 British, 10 Irish and 30 other White (all else nil).
    groups = code_list("ethnicity_census_2021")["code"]
    margin = pd.Series(0.0, index=groups)
    margin[["white_british", "white_irish", "white_other"]] = [60, 10, 30]
    split = crosswalk("hes_1995", "nhs", margin).loc["0"]
    np.testing.assert_allclose(split[["A", "B", "C"]], [0.6, 0.1, 0.3], atol=1e-6)


def test_a_census_without_a_box_is_a_probability_and_never_a_silent_code() -> None:
    with pytest.raises(SchemaError, match=r"T: A 0\.19") as error:
        recode(pd.Series(["T", "A", "W"], name="e"), "gdppr", "nhs")
    assert error.value.failures["value"].tolist() == ["T", "W"]
    column = pd.Series(["T"] * 4_000 + ["A"] * 100)
    drawn = sample_codes(column, "gdppr", "nhs", np.random.default_rng(3))
    assert (drawn[4_000:] == "A").all()
    share = drawn[:4_000].value_counts(normalize=True)
    expected = crosswalk("gdppr", "nhs").loc["T"]
    # Four standard errors of a share of 4,000.
    np.testing.assert_allclose(share.reindex(expected.index, fill_value=0), expected, atol=4 * 0.5 / np.sqrt(4_000))
    with pytest.raises(SchemaError, match=r"\['Z'\] of 'nhs' have no image"):
        sample_codes(pd.Series(["Z"]), "nhs", "census_2021", np.random.default_rng(1))


def test_misuse_is_refused_in_words() -> None:
    with pytest.raises(SchemaError, match="no scheme of ethnic categories 'onomap'"):
        scheme_codes("onomap")  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="not codes of 'nhs'"):
        recode(pd.Series(["Q"]), "nhs", "broad")
    with pytest.raises(SchemaError, match="no number of people"):
        crosswalk("nhs", "broad", {"white_british": 1.0})


def test_the_census_margin_is_the_published_table_added_up(shared) -> None:
    published = pd.read_csv(shared / "data/census2021/census2021-ts021-lsoa.csv.gz")
    england = published[published["geography code"].str.startswith("E")].filter(like="Ethnic group").sum()
    total = england.pop("Ethnic group: Total: All usual residents")
    # Titles of single groups name the broad one first.
    single = england[england.index.str.count(": ") == 2]
    held = code_list("ethnicity_census_2021_england").set_index("code")["population"].astype(int)
    assert len(single) == len(held) == 19
    assert held.sum() == single.sum() == total == 56_490_108
    assert sorted(held) == sorted(single.astype(int))
    for code, words in {"asian_chinese": "Chinese", "white_roma": "Roma", "other_arab": "Arab"}.items():
        assert held[code] == single[[title.endswith(f": {words}") for title in single.index]].item()


def test_confusion_has_the_published_agreement_and_the_census_margin(shared) -> None:
    confusion, margin = ons_confusion(), england_margin()
    joint = confusion.mul(margin, axis=0)
    np.testing.assert_allclose(confusion.sum(axis=1), 1.0, atol=1e-9)
    agreement = np.diag(joint) / joint.sum(axis=0)
    np.testing.assert_allclose(agreement, ons_agreement(), atol=1e-6)
    published = json.loads(
        (shared / "reference/measures/nhs_reference/ons_agreement_health_vs_census2021.json").read_text()
    )
    for label, code in {
        "White British": "A",
        "Bangladeshi": "K",
        "Pakistani": "J",
        "Indian": "H",
        "Chinese": "R",
    }.items():
        assert agreement[code] >= published["lower_bounds_pct"][label] / 100 - 1e-6
    for label, code in {"Other Mixed": "G", "Any Other Ethnic Group": "S", "Other Black": "P"}.items():
        (bound,) = [v for k, v in published["upper_bounds_pct"].items() if k.startswith(label)]
        assert agreement[code] <= bound / 100 + 1e-6


def test_two_groups_by_hand() -> None:
    # Margin 0.6, 0.4; P(true = r | r) = 0.9, 0.8. With u, v recorded shares: 0.9 u + 0.2 v = 0.6 and u + v = 1.
    u = (0.6 - 0.2) / 0.7
    codes = ["a", "b"]
    flat = pd.DataFrame(1.0, codes, codes)
    found = confusion_from_agreement({"a": 0.9, "b": 0.8}, {"a": 0.6, "b": 0.4}, flat)
    by_hand = [[0.9 * u / 0.6, 0.2 * (1 - u) / 0.6], [0.1 * u / 0.4, 0.8 * (1 - u) / 0.4]]
    np.testing.assert_allclose(found, by_hand, atol=1e-8)
    whole = coarsened(found, pd.Series({"a": 0.6, "b": 0.4}), {"a": "all", "b": "all"})
    assert whole.loc["all", "all"] == pytest.approx(1.0)


def test_an_agreement_that_no_table_has_is_refused() -> None:
    codes = ["a", "b"]
    flat = pd.DataFrame(1.0, codes, codes)
    with pytest.raises(SchemaError, match="no table has both"):
        confusion_from_agreement({"a": 0.99, "b": 0.6}, {"a": 0.2, "b": 0.8}, flat)
    with pytest.raises(SchemaError, match="same codes"):
        confusion_from_agreement({"a": 0.99}, {"a": 0.2, "b": 0.8}, flat)


def test_a_group_without_a_broader_one_is_not_lost() -> None:
    confusion, margin = ons_confusion(), england_margin()
    with pytest.raises(SchemaError, match=r"\['S'\] have no broader group"):
        coarsened(confusion, margin, {code: "all" for code in confusion.index if code != "S"})
