"""Groups at the same age and sex, against populations in which everybody's mixture was written into every cell."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import CardError, PosteriorError
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.adjusted import adjusted
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.population import card_of
from bayesineq.posterior.standardise import standardised

EXACT = 1e-12
MIXED = 'aged_place = { kind = "exchangeable", by = ["age_band", "imd_decile"] }'
CONTINUOUS = """
name = "areas"
question = "How much, given their age?"
table = "t"
adjust = ["older", "sex"]
[outcome]
{outcome}
[terms]
older = {{ kind = "linear", by = "older", standardise = true }}
deprivation = {{ kind = "random_walk", by = "imd_decile" }}
sex = {{ kind = "fixed", by = "sex", reference = "F" }}
mix = {{ kind = "linear", by = "mix" }}
"""


def written_out(post, held, by, frame=None):
    """Every cell of what does not adjust, with everybody's mixture of what does: nothing but `expected` is used."""
    frame = population(post) if frame is None else frame
    card = card_of(post)
    kept = [c for c in dict.fromkeys([*card.dims, *card.covariates, *by]) if c not in held]
    cells = frame.groupby(kept, observed=True)["population"].sum().reset_index()
    strata = frame.groupby(held, observed=True)["population"].sum().reset_index()
    both = cells.merge(strata, how="cross", suffixes=("", "_s"))
    both["population"] *= both["population_s"] / strata["population"].sum()
    return expected(post, both, by=by)


@pytest.mark.parametrize("by", ["imd_decile", "area", ["ethnicity", "imd_decile"]])
def test_each_group_is_given_everybodys_ages_and_sexes_and_keeps_the_rest(post, by):
    got = adjusted(post, by)
    names = [by] if isinstance(by, str) else by
    np.testing.assert_allclose(got, written_out(post, ["age_band", "sex"], names), rtol=EXACT)
    np.testing.assert_allclose(got["population"], expected(post, by=by)["population"])
    assert got.attrs["adjusted_for"] == "age_band, sex"
    assert got.attrs["more_is"] == "worse"
    assert got[names[-1]].attrs == expected(post, by=by)[names[-1]].attrs


def test_what_is_compared_is_not_held_equal(post):
    np.testing.assert_allclose(adjusted(post, "age_band"), written_out(post, ["sex"], ["age_band"]), rtol=EXACT)
    assert adjusted(post, "age_band").attrs["adjusted_for"] == "sex"
    both = adjusted(post, ["sex", "age_band"])
    np.testing.assert_array_equal(both, expected(post, by=["sex", "age_band"]))
    assert both.attrs["adjusted_for"] == ""
    # Wide bands of age are made of narrow ones, which cannot be the same in both.
    wide = population(post).assign(wide=lambda f: np.where(f["age_band"] == "40+", "old", "young"))
    assert adjusted(post, "wide", wide).attrs["adjusted_for"] == "sex"


def test_a_term_on_both_age_and_deprivation_is_taken_cell_by_cell(make, table, small_card, monkeypatch):
    post = make(table, small_card.replace("[terms]\n", f"[terms]\n{MIXED}\n"))
    want = written_out(post, ["age_band", "sex"], ["imd_decile"])
    np.testing.assert_allclose(adjusted(post, "imd_decile"), want, rtol=EXACT)
    # In pieces of strata the sums are the same.
    monkeypatch.setattr(import_module("bayesineq.posterior.adjusted"), "_ROWS", 50)
    np.testing.assert_allclose(adjusted(post, "imd_decile"), want, rtol=EXACT)


def test_another_population_gives_its_own_mixture(post):
    other = population(post).query("ethnicity != 'H'").assign(practice=lambda f: np.where(f["sex"] == "F", "x", "y"))
    other["population"] *= np.where(other["age_band"] == "40+", 5.0, 1.0)
    got = adjusted(post, "imd_decile", other)
    np.testing.assert_allclose(got, written_out(post, ["age_band", "sex"], ["imd_decile"], other), rtol=EXACT)
    # A practice of women alone is not compared with one of men at the same sex, for lack of nothing: sex makes it.
    assert adjusted(post, "practice", other).attrs["adjusted_for"] == "age_band"


def test_the_same_mixture_everywhere_leaves_values_as_they_are(post):
    same = population(post).assign(population=1.0)
    np.testing.assert_allclose(adjusted(post, "area", same), expected(post, same, by="area"), rtol=EXACT)


def test_groups_that_differ_in_age_alone_do_not_differ(make, table, small_card):
    post = make(table, small_card).copy(deep=True)
    for name in ("deprivation", "ethnicity.effect", "both", "place", "air.effect", "slope", "air"):
        if name in post["posterior"]:
            post["posterior"][name][...] = 0
    older = population(post)
    older["population"] *= np.where((older["age_band"] == "40+") & (older["imd_decile"] == 1), 20.0, 1.0)
    crude, held = expected(post, older, by="imd_decile"), adjusted(post, "imd_decile", older)
    assert float(abs(crude - crude.sel(imd_decile=5)).max()) > 0.005
    np.testing.assert_allclose(held, np.broadcast_to(held[..., :1], held.shape), rtol=1e-12)


def many(n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    decile = np.arange(n) % 5 + 1
    rows = pd.DataFrame({"imd_decile": decile, "older": rng.gamma(2.0, 0.1, n) + 0.05 * decile, "mix": rng.random(n)})
    rows = pd.concat([rows.assign(sex=s) for s in ("F", "M")], ignore_index=True)
    rows["people"] = rng.integers(100, 900, len(rows))
    return rows.assign(cases=rows["people"] // 12, value=rng.gamma(3.0, 1.0, len(rows)), due=rows["people"] / 10)


@pytest.mark.parametrize(
    "outcome",
    [
        'count = "cases"\nat_risk = "people"\nlikelihood = "binomial"',
        'count = "cases"\nexposure = "people"\nlikelihood = "poisson"',
        'value = "value"\nlikelihood = "gaussian"',
        'value = "value"\nlikelihood = "log_normal"',
    ],
)
def test_a_continuous_adjuster_has_everybodys_distribution_in_every_group(make, outcome):
    post = make(many(), CONTINUOUS.format(outcome=outcome))
    got = adjusted(post, "imd_decile")
    assert got.attrs["adjusted_for"] == "older, sex"
    want = written_out(post, ["older", "sex"], ["imd_decile"])
    # 300 values of the adjuster against seven points a sex: its first thirteen moments are the same.
    np.testing.assert_allclose(got, want, rtol=1e-6)
    at_the_mean = population(post).assign(older=lambda f: np.average(f["older"], weights=f["population"]))
    if "poisson" in outcome:
        assert float(abs(expected(post, at_the_mean, by="imd_decile") / want - 1).max()) > 1e-3


def test_several_continuous_adjusters_keep_their_means_and_correlation(make):
    card = CONTINUOUS.format(outcome='value = "value"\nlikelihood = "gaussian"').replace('"sex"]', '"mix"]')
    post = make(many().assign(mix=lambda f: 0.4 * f["older"] + f["mix"]), card)
    np.testing.assert_allclose(
        adjusted(post, "imd_decile"), written_out(post, ["older", "mix"], ["imd_decile"]), rtol=1e-9
    )
    post = make(many(), CONTINUOUS.format(outcome='count = "cases"\nat_risk = "people"\nlikelihood = "binomial"'))
    close = written_out(post, ["older", "mix"], ["imd_decile"])
    stated = post.copy()
    stated.attrs["card"] = str(post.attrs["card"]).replace('"sex"]', '"mix"]')
    np.testing.assert_allclose(adjusted(stated, "imd_decile"), close, rtol=1e-3)


def test_a_card_says_what_adjusts(post, small_card):
    none = post.copy()
    none.attrs["card"] = small_card.replace("[outcome]", "adjust = []\n[outcome]")
    values = adjusted(none, "imd_decile")
    np.testing.assert_array_equal(values, expected(post, by="imd_decile"))
    assert values.attrs["adjusted_for"] == ""
    air = post.copy()
    air.attrs["card"] = small_card.replace("[outcome]", 'adjust = ["air"]\n[outcome]')
    np.testing.assert_allclose(adjusted(air, "ethnicity"), written_out(post, ["air"], ["ethnicity"]), rtol=EXACT)


def test_holding_everything_equal_is_another_question(post):
    """Age and sex alone leave deciles their own places; g-computation moves everybody into each decile."""
    assert float(abs(adjusted(post, "imd_decile") - standardised(post, "imd_decile")).max()) > 1e-3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('adjust = "sex"', "list each column once"),
        ('adjust = ["sex", "sex"]', "list each column once"),
        ('adjust = ["height"]', "no term stands on 'height'"),
        ('adjust = ["area"]', "no term stands on 'area'; allowed are"),
    ],
)
def test_what_cannot_adjust_is_refused(small_card, line, message):
    with pytest.raises(CardError, match=message):
        parse_card(small_card.replace("[outcome]", f"{line}\n[outcome]"))


def test_age_and_sex_are_known_by_name_where_a_card_is_silent(small_card):
    assert parse_card(small_card).adjusters == ("age_band", "sex")
    named = (
        small_card.replace('"age_band"', '"age_group"').replace('"air"', '"aged_65_and_over"').replace("air =", "a =")
    )
    assert parse_card(named).adjusters == ("age_group", "sex", "aged_65_and_over")
    for name, known in (("average_stage", False), ("share_over_75", True), ("pct_65plus", True), ("pm_10_over", False)):
        silent = parse_card(small_card.replace('"air"', f'"{name}"'))
        assert silent.adjusters == ("age_band", "sex", *((name,) if known else ())), name


def test_areas_average_to_their_deciles_and_to_everyone(post):
    """A map, its parts and its deciles are one number: sums over areas are those of the groups that hold them."""
    by_area = adjusted(post, ["imd_decile", "area"])
    people = by_area["population"].fillna(0.0)
    means = (by_area.fillna(0.0) * people).sum("area") / people.sum("area")
    np.testing.assert_allclose(means, adjusted(post, "imd_decile"), rtol=EXACT)
    np.testing.assert_allclose(
        (means * people.sum("area")).sum("imd_decile") / people.sum(), adjusted(post), rtol=EXACT
    )


def test_columns_that_cannot_make_groups(post):
    with pytest.raises(PosteriorError, match="name different columns"):
        adjusted(post, ["sex", "sex"])
