"""
Mean outcomes of groups, against the same sums written out in pandas and NumPy.

Tolerance: 1e-12 relative. Effects are added and averaged in double precision; only the order of sums differs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.errors import CardError, DesignError, PosteriorError
from bayesineq.examples import example
from bayesineq.posterior.expected import contribution, expected, moments, population
from bayesineq.posterior.population import card_of

EXACT = 1e-12
AREAS = [f"E0100000{i}" for i in range(7)]


def row_means(post, frame):
    """Mean outcome of every row and draw, effects picked by label."""
    card, draws = card_of(post), post["posterior"].to_dataset()
    rows = []
    for record in frame.to_dict("records"):
        eta = draws["intercept"].astype(float)
        for term in card.terms:
            effect = draws[card.variable(term.name)]
            level = {dim: record[dim] for dim in term.dims}
            part = effect.sel(level, drop=True).astype(float) if level else effect
            if term.covariate:
                part = part * (record[term.covariate] - effect.attrs["centre"]) / effect.attrs["spread"]
            eta = eta + part
        if card.outcome.likelihood == "log_normal":
            mean = np.exp(eta + draws["outcome.sigma"] ** 2 / 2)
        else:
            mean = {"logit": lambda x: 1 / (1 + np.exp(-x)), "log": np.exp, "identity": lambda x: x}[card.outcome.link](
                eta
            )
        rows.append(mean.to_numpy().ravel())
    return pd.DataFrame(np.array(rows))


def brute(post, frame, by, values=None):
    """Every row of every draw, then a weighted mean: what `expected` must give without holding it."""
    values = row_means(post, frame) if values is None else values
    weight = frame["population"].to_numpy(dtype=float)
    keys = [frame[name].astype(object).to_numpy() for name in by] or [np.zeros(len(frame))]
    total = values.mul(weight, axis=0).groupby(keys).sum()
    return total.div(pd.Series(weight).groupby(keys).sum(), axis=0)


@pytest.fixture(scope="module")
def own_rows(post):
    return row_means(post, population(post))


@pytest.mark.parametrize(
    "by", [None, "imd_decile", "area", "ethnicity", ["imd_decile", "ethnicity"], ["sex", "age_band"]]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_expected_is_the_weighted_mean_of_rows(post, own_rows, by, threads):
    got = expected(post, by=by, threads=threads)
    names = [by] if isinstance(by, str) else list(by or [])
    want = brute(post, population(post), names, own_rows)
    assert got.dims == ("chain", "draw", *names)
    for key in want.index:
        one = got.sel(dict(zip(names, key if isinstance(key, tuple) else (key,), strict=False)))
        np.testing.assert_allclose(one.to_numpy().ravel(), want.loc[key], rtol=EXACT)


def test_population_is_rebuilt_from_the_posterior(post, table):
    frame = population(post)
    for column in ("area", "imd_decile", "ethnicity", "age_band", "sex", "air"):
        assert frame[column].tolist() == table[column].tolist()
    assert frame["population"].tolist() == table["people"].tolist()
    assert list(frame["age_band"].cat.categories) == ["5-19", "20-39", "40+"]


def test_groups_add_up_to_the_whole(post):
    whole = expected(post)
    for by in ("area", ["imd_decile", "ethnicity"]):
        groups = expected(post, by=by)
        weighted = groups.weighted(groups["population"].fillna(0)).mean([d for d in groups.dims if d not in whole.dims])
        np.testing.assert_allclose(weighted, whole, rtol=EXACT)
        assert float(groups["population"].sum()) == float(whole["population"])


def test_order_of_rows_and_of_levels_does_not_matter(post):
    frame = population(post)
    plain = frame.astype(dict.fromkeys(frame.select_dtypes("category"), object)).infer_objects()
    shuffled = plain.sample(frac=1, random_state=3).reset_index(drop=True)
    relabelled = frame.assign(area=frame["area"].cat.reorder_categories(AREAS[::-1]))
    want = expected(post, by=["area", "sex"])
    for other in (shuffled, relabelled, frame.iloc[::-1]):
        got = expected(post, other, by=["area", "sex"])
        assert got["area"].to_numpy().tolist() == AREAS
        np.testing.assert_allclose(got, want, rtol=EXACT)


def test_a_column_of_the_users_own_makes_groups(post):
    frame = population(post)
    board = frame["area"].map(dict(zip(AREAS, ["QJG", "QJG", "QH8", "QH8", "QH8", "QJG", "QMM"], strict=True)))
    frame = frame.assign(icb=board.astype(str))
    got = expected(post, frame, by="icb")
    want = brute(post, frame, ["icb"])
    assert got["icb"].to_numpy().tolist() == ["QH8", "QJG", "QMM"]
    assert got["icb"].attrs["ordered"] == 0
    for key in want.index:
        np.testing.assert_allclose(got.sel(icb=key).to_numpy().ravel(), want.loc[key], rtol=EXACT)


def test_another_population_is_standardised_with_the_numbers_of_the_fit(post):
    other = population(post).iloc[::5].assign(air=lambda f: f["air"] + 4, population=lambda f: f["population"] * 0.5)
    got, want = expected(post, other, by="sex"), brute(post, other, ["sex"])
    for key in want.index:
        np.testing.assert_allclose(got.sel(sex=key).to_numpy().ravel(), want.loc[key], rtol=EXACT)


def test_levels_without_people_are_left_out_and_named(post):
    frame = population(post)
    frame.loc[frame["ethnicity"] == "H", "population"] = 0
    frame = frame[frame["area"] != AREAS[2]]
    got = expected(post, frame, by=["area", "ethnicity"])
    assert got["ethnicity"].to_numpy().tolist() == ["A", "M"]
    assert got["area"].to_numpy().tolist() == [a for a in AREAS if a != AREAS[2]]
    assert "area: 1 (E01000002)" in got.attrs["left_out"]
    assert "ethnicity: 1 (H)" in got.attrs["left_out"]
    assert not np.isnan(got).any()


def test_a_crossed_cell_without_people_is_missing(post):
    frame = population(post)
    gone = (frame["ethnicity"] == "H") & (frame["area"] == AREAS[2])
    got = expected(post, frame[~gone], by=["area", "ethnicity"])
    assert np.isnan(got).sum() == 10
    assert np.isnan(got.sel(area=AREAS[2], ethnicity="H")).all()
    assert got.attrs["missing_cells"] == 1
    assert "left_out" not in got.attrs


@pytest.mark.parametrize(
    ("outcome", "scale", "units"),
    [
        ('count = "cases"\nlikelihood = "poisson"\nexpected = "e"', "rate ratio", "events per event expected (e)"),
        ('count = "cases"\nlikelihood = "poisson"\nexposure = "e"', "rate", "events per unit of e"),
        ('count = "cases"\nlikelihood = "negative_binomial"', "mean", "unit of cases"),
        ('value = "air"\nlikelihood = "gaussian"', "mean", "unit of air"),
        ('value = "air"\nlikelihood = "log_normal"', "mean", "unit of air"),
        ('value = "air"\nlikelihood = "gamma"', "mean", "unit of air"),
        ('value = "bit"\nlikelihood = "bernoulli"', "proportion", "share of all"),
        ('count = "cases"\nat_risk = "people"\nlikelihood = "beta_binomial"', "proportion", "share of people"),
    ],
)
def test_every_likelihood_has_its_scale(make, outcome_card, table, outcome, scale, units):
    other = make(table.assign(e=table["people"] / 7, bit=table["cases"] % 2), outcome_card(outcome))
    got, want = expected(other, by="area"), brute(other, population(other), ["area"])
    assert (got.attrs["scale"], got.attrs["units"]) == (scale, units)
    np.testing.assert_allclose(got.to_numpy().reshape(10, -1).T, want.to_numpy(), rtol=EXACT)


def test_offsets_are_left_out_and_weigh(make, outcome_card, table):
    """A rate ratio of 1 everywhere stays 1 however many events were expected."""
    card = outcome_card('count = "cases"\nlikelihood = "poisson"\nexpected = "e"')
    tree = make(table.assign(e=table["people"] / 7), card)
    for name in ("intercept", "place"):
        tree["posterior"][name][...] = 0.0
    got = expected(tree, by="area")
    np.testing.assert_array_equal(got, 1.0)
    np.testing.assert_allclose(got["population"], table.groupby("area")["people"].sum() / 7)


def test_only_an_intercept(make, outcome_card, table):
    tree = make(table, outcome_card('value = "air"\nlikelihood = "gaussian"', ""))
    np.testing.assert_allclose(expected(tree), tree["posterior"]["intercept"], rtol=EXACT)


def test_order_of_levels_is_told(post):
    frame = population(post).assign(half=lambda f: pd.Categorical(f["sex"].astype(str), ["M", "F"], ordered=True))
    both = expected(post, frame, by=["imd_decile", "half"])
    assert both["imd_decile"].attrs["ordered"] == 1
    assert both["half"].attrs["ordered"] == 1
    assert both["half"].to_numpy().tolist() == ["M", "F"]
    assert expected(post, by="ethnicity")["ethnicity"].attrs["ordered"] == 0


def test_provenance_travels(post):
    got = expected(post, by="area")
    for key in ("engine", "seed", "data_sha256", "card_name", "bayesineq_version"):
        assert got.attrs[key] == post.attrs[key]
    assert got.name == got.attrs["outcome"] == "prevalence"
    assert got.attrs["link"] == "logit"
    assert got.attrs["more_is"] == "worse"


def test_contribution_of_a_term(post):
    effect = contribution(post, "ethnicity")
    np.testing.assert_array_equal(effect, post["posterior"]["ethnicity.effect"])
    assert effect.dims == ("chain", "draw", "ethnicity")
    assert contribution(post, "air").attrs["spread"] == pytest.approx(population(post)["air"].std(ddof=0))
    with pytest.raises(CardError, match="no term 'nothing'"):
        contribution(post, "nothing")


def test_every_fault_of_a_population_is_told_at_once(post):
    frame = population(post).astype({"ethnicity": object, "area": object})
    frame.loc[[3, 7], "ethnicity"] = "Martian"
    frame.loc[0, "area"] = "E09999999"
    frame.loc[4, "air"] = np.nan
    frame.loc[5, "population"] = -1.0
    with pytest.raises(DesignError) as caught:
        expected(post, frame, by="area")
    message = str(caught.value)
    assert "3 problems" in message
    assert (
        "'ethnicity' holds 1 levels that the posterior does not know: ['Martian'] in 2 rows (counted from 0: 3, 7)"
        in message
    )
    assert "['E09999999']" in message
    assert "column 'air' is missing or infinite in 1 rows (counted from 0: 4)" in message
    with pytest.raises(DesignError, match="'population' is negative in 1 rows"):
        expected(post, population(post).assign(population=lambda f: f["population"].where(f.index != 5, -1)))


def test_populations_that_cannot_be_averaged_over(post):
    frame = population(post)
    with pytest.raises(DesignError, match=r"lacks the columns \['air', 'icb'\]"):
        expected(post, frame.drop(columns="air"), by="icb")
    with pytest.raises(DesignError, match="has no rows"):
        expected(post, frame[:0])
    with pytest.raises(DesignError, match="zero in every row"):
        expected(post, frame.assign(population=0))
    with pytest.raises(DesignError, match=r"'population' holds .*, not numbers"):
        expected(post, frame.assign(population="many"))
    with pytest.raises(DesignError, match="'icb' is missing in 1 rows"):
        expected(post, frame.assign(icb=["x"] * (len(frame) - 1) + [None]), by="icb")
    with pytest.raises(DesignError, match=r"'imd_decile' holds 5 levels .* \(int64\)"):
        expected(post, frame.assign(imd_decile=frame["imd_decile"].astype(str)))


def test_groups_that_make_no_sense(post):
    with pytest.raises(PosteriorError, match="different columns"):
        expected(post, by=["area", "area"])
    with pytest.raises(PosteriorError, match="different columns"):
        expected(post, by="population")


def test_trees_that_are_no_posterior(post):
    bare = post.copy()
    del bare.attrs["card"]
    with pytest.raises(PosteriorError, match="attribute `card`"):
        expected(bare)
    rowless = post.copy()
    del rowless["constant_data"]
    with pytest.raises(PosteriorError, match="keeps no rows"):
        expected(rowless)
    altered = post.copy()
    altered["posterior"] = post["posterior"].to_dataset().drop_vars("both")
    with pytest.raises(PosteriorError, match=r"'both' of the posterior .* is not there"):
        expected(altered)


def test_merged_terms_equal_separate_ones(make, small_card, table):
    """Many rows for few levels make terms merge before the loop; few rows do not. Both give the same means."""
    card = small_card.split("place =")[0]
    many = make(pd.concat([table] * 20, ignore_index=True), card)
    got = expected(many, by="ethnicity")
    want = brute(many, population(many).iloc[: len(table)], ["ethnicity"])
    np.testing.assert_allclose(got.to_numpy().reshape(10, -1).T, want.to_numpy(), rtol=1e-11)


@pytest.mark.parametrize("by", [[], ["area"], ["imd_decile", "ethnicity"]])
def test_moments_over_blocks_of_draws_are_those_of_all_draws_at_once(by: list[str]) -> None:
    """Pooled block by block (Chan, Golub and LeVeque 1983), without the draws being held."""
    post = example().post
    values, found = expected(post, by=by), moments(post, by=by)
    np.testing.assert_allclose(found["mean"], values.mean(("chain", "draw")), rtol=1e-12)
    np.testing.assert_allclose(found["sd"], values.std(("chain", "draw")), rtol=1e-9)
    xr.testing.assert_equal(found["population"], values["population"])
    assert found.attrs == values.attrs
