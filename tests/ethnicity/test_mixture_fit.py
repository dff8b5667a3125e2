"""Oracles: the plain fit where nothing is latent, the fit to everybody's true group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from worlds import CELLS, DELTA, GROUPS, UNKNOWN, broad_confusion, card, counts, world

from bayesineq.design.matrix import Design, design
from bayesineq.design.mixture import mixture
from bayesineq.errors import BayesineqError, PosteriorError
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.imputations import stack_imputations
from bayesineq.inference.mixture.recording import RecordingOptions, outcome_shift, recording, weights
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.imputation import due_to_imputation

ONE = LaplaceOptions(threads=1)


def seen(people: pd.DataFrame, margin: pd.DataFrame, *, draws: int = 6, sigma: bool = False) -> Design:
    table = counts(people, "linked")
    model = recording(table, margin, broad_confusion(), cells=CELLS, options=RecordingOptions(DELTA))
    drawn = weights(model, draws=draws, seed=3)
    shift = outcome_shift(model, drawn, table["cases"].to_numpy())
    return mixture(table, card(sigma=sigma), drawn, shift=shift)


@pytest.fixture(scope="module")
def here():
    return world(12, n=60_000)


def test_where_nothing_is_latent_it_is_the_plain_fit(here) -> None:
    table = counts(here.people, "true")
    perfect = pd.DataFrame(np.eye(5), GROUPS, GROUPS) * (1 - 5e-12) + 1e-12
    model = recording(table, here.margin, perfect, cells=CELLS, options=RecordingOptions(concentration=1e9))
    mixed = fit(mixture(table, card(), weights(model, draws=2, seed=1)), draws=2_000, seed=5, engine=ONE)
    plain = fit(design(table.rename(columns={"recorded": "ethnicity"}), card(False)), draws=2_000, seed=6, engine=ONE)
    for name in ("intercept", "deprivation", "age", "ethnicity.effect"):
        a, b = mixed["posterior"][name], plain["posterior"][name]
        spread = b.std(("chain", "draw")).clip(1e-9)
        # Two thousand draws each: five standard errors of the difference of their means.
        assert (
            abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) < 5 * np.sqrt(2 / 2_000) * spread + 1e-6
        ).all()
        ratio = (a.std(("chain", "draw")) / spread).where(spread > 1e-6, 1.0)
        assert (abs(ratio - 1) < 0.12).all()
    share = due_to_imputation(expected(mixed, by="ethnicity"), mixed)
    assert (share < 0.05).all()


@pytest.mark.parametrize("sigma", [False, True], ids=["fixed", "exchangeable"])
def test_it_comes_nearer_to_everybodys_true_group_than_complete_cases(here, sigma: bool) -> None:
    post = fit(seen(here.people, here.margin, sigma=sigma), draws=600, seed=7, engine=ONE)
    latent = expected(post, by="ethnicity").sel(ethnicity=GROUPS)
    known = here.people[here.people["linked"] != UNKNOWN]
    complete = fit(design(counts(known, "linked", "ethnicity"), card(False)), engine=ONE, draws=600, seed=8)
    contrast = expected(complete, by="ethnicity").sel(ethnicity=GROUPS)
    truth = here.prevalence[GROUPS].to_numpy()
    mean, sd = latent.mean(("chain", "draw")).to_numpy(), latent.std(("chain", "draw")).to_numpy()
    assert (np.abs(mean - truth) < 3.5 * sd).all()
    wrong = contrast.mean(("chain", "draw")).to_numpy() - truth
    assert np.abs(mean - truth)[3] < np.abs(wrong)[3]
    # Those recorded as any other group are for the most part White: their rate is not that of the group,
    # which lies outside their interval.
    assert np.abs(wrong)[3] > 1.96 * contrast.std(("chain", "draw")).to_numpy()[3]
    if sigma:
        assert (post["posterior"]["ethnicity.sigma"] > 0).all()
    record = post["sample_stats"]["imputation"].to_numpy()
    assert np.bincount(record.ravel()).tolist() == [100] * 6
    assert str(post.attrs["weights"]).startswith("cut")


def test_share_due_to_imputation_is_the_law_of_total_variance() -> None:
    rng = np.random.default_rng(1)
    each, n = 400, 60
    centre = rng.normal(0, 2.0, n)
    values = (centre[:, None] + rng.normal(0, 1.0, (n, each))).ravel()[None]
    record = np.repeat(np.arange(n), each)[None]
    tree = xr.DataTree.from_dict({"/sample_stats": xr.Dataset({"imputation": (("chain", "draw"), record)})})
    share = due_to_imputation(xr.DataArray(values, dims=("chain", "draw")), tree)
    exact = centre.var(ddof=1) / (centre.var(ddof=1) + 1.0)
    assert float(share) == pytest.approx(exact, abs=0.01)
    noise = xr.DataArray(rng.normal(size=(1, n * each, 3)), dims=("chain", "draw", "ethnicity"))
    assert due_to_imputation(noise, tree).dims == ("ethnicity",)
    assert float(due_to_imputation(noise, tree).max()) < 0.01
    with pytest.raises(PosteriorError, match="has no imputations"):
        due_to_imputation(noise, xr.DataTree())


def test_imputations_from_outside_are_stacked(here) -> None:
    rng, people = np.random.default_rng(5), here.people
    posts = []
    for k in range(3):
        drawn = people["linked"].where(people["linked"] != UNKNOWN, rng.choice(GROUPS, len(people)))
        table = counts(people.assign(imputed=drawn), "imputed", "ethnicity")
        posts.append(fit(design(table, card(False)), engine=ONE, draws=200, seed=k))
    stacked = stack_imputations(posts)
    assert stacked["posterior"].sizes["draw"] == 600
    means = [p["posterior"]["intercept"].mean().item() for p in posts]
    assert stacked["posterior"]["intercept"].mean().item() == pytest.approx(np.mean(means))
    assert np.bincount(stacked["sample_stats"]["imputation"].to_numpy().ravel()).tolist() == [200] * 3
    assert expected(stacked, by="ethnicity").sizes["draw"] == 600
    with pytest.raises(BayesineqError, match="of one card"):
        stack_imputations([posts[0], posts[0].isel(draw=slice(0, 10))])
    with pytest.raises(BayesineqError, match="no posterior"):
        stack_imputations([])


def test_terms_of_every_small_kind_may_stand_on_the_latent_column(here) -> None:
    fixed = 'kind = "fixed", by = "ethnicity", reference = "white"'
    walk = card().source.replace(
        fixed, 'kind = "random_walk", by = "ethnicity", levels = ["white", "asian", "black", "mixed", "other"]'
    )
    crossed = card().source.replace(fixed, 'kind = "exchangeable", by = ["ethnicity", "age_band"]')
    table = counts(here.people, "linked")
    model = recording(table, here.margin, broad_confusion(), cells=CELLS)
    drawn = weights(model, draws=2, seed=3)
    truth = here.prevalence[GROUPS].to_numpy()
    for text in (walk, crossed):
        post = fit(mixture(table, parse_card(text), drawn), draws=400, seed=1, engine=ONE, progress=False)
        rate = expected(post, by="ethnicity").sel(ethnicity=GROUPS)
        dims = ("chain", "draw")
        assert (np.abs(rate.mean(dims).to_numpy() - truth) < 4 * rate.std(dims).to_numpy()).all()
