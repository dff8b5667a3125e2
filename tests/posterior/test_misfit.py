"""Rows that are not as their likelihood says: each misfit simulated, named, and mended by what its advice says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.misfit import LIMIT, Rows, misfit
from bayesineq.model.families import FAMILIES
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.files import load, save
from bayesineq.posterior.misfit import NAMES
from tests.calibration.study_diagnose import AREA, MAP, POISSON, WRONG, fitted, smooth
from tests.calibration.study_outcomes import grid
from tests.sparse_engine.cases import card_text

BORDERS = grid(12)


def failed(post: xr.DataTree) -> dict[str, str]:
    """Advice of each check of rows that failed."""
    table = diagnose(post).table
    short = {title: name for name, title in NAMES.items()}
    return {short[r.check]: r.advice for r in table.itertuples() if r.check in short and not r.passed}


# What is stated instead, of each misfit: the outcome, and the terms.
MENDED = {
    "over-dispersion": ('likelihood = "negative_binomial"', ""),
    "zero inflation": ('likelihood = "zero_inflated_poisson"', ""),
    "wrong link": ("", 'cell = { kind = "fixed", by = ["first", "second"], reference = ["f0", "s0"] }\n'),
    "missing covariate": ("", MAP),
}


@pytest.mark.parametrize("kind", list(WRONG))
def test_a_misfit_is_named_and_its_remedy_works(kind: str) -> None:
    seeds = (np.random.default_rng([seed, *kind.encode()]) for seed in range(20))
    world = next(made for made in map(WRONG[kind], seeds) if made.outcome == POISSON)
    found = failed(fitted(world, 1))
    assert world.check in found
    assert world.remedy in " ".join(found.values())
    outcome, terms = MENDED[kind]
    told = found[world.check]
    if terms == MAP:
        assert 'kind = "bym2"' in told
        terms = world.terms.replace(AREA, "") + MAP
    elif terms:
        assert 'as one term (kind = "fixed"' in told
    mended = fitted(
        world, 1, outcome=world.outcome.replace('likelihood = "poisson"', outcome) if outcome else "", terms=terms
    )
    assert not failed(mended)


def rows_of(y: np.ndarray, eta: np.ndarray, family: str = "poisson", draws: int = 50) -> Rows:
    of = FAMILIES[family]
    at, one = np.tile(eta, (draws, 1)), np.ones(len(y))
    return Rows(of, y, y, one, np.zeros(len(y)), np.exp(eta), at, [of.density.own()] * draws)


def test_scores_are_standard_normal_under_the_truth_however_small_the_counts() -> None:
    """What is judged, over 400 tables: z-scores of a right model, of variance one or less and mean zero."""
    rng, z = np.random.default_rng(3), []
    for _ in range(400):
        eta = rng.uniform(-2.0, 3.0, 60)
        told = misfit(rows_of(rng.poisson(np.exp(eta)).astype(float), eta), None, rng)
        z.append((told["value"] / told["limit"]).to_series())
    share = (pd.DataFrame(z) > 1.0).mean()
    assert list(share.index) == ["spread", "zeros", "link"]
    # A false alarm in 0.14% of tables each: more than 5 of 400 have a probability below one in a thousand.
    assert (share <= stats.binom.isf(1e-3, 400, 0.00135) / 400).all()


def test_what_follows_each_row_takes_over_dispersion_up() -> None:
    """One row an area with an effect of its own: intervals are as wide as rows say, and nothing is wrong."""
    rng, graph = np.random.default_rng(1), grid(12)
    mean = rng.gamma(2.0, 10.0, len(graph))
    table = pd.DataFrame({"area": graph.areas, "y": rng.poisson(mean), "n": 20.0})
    card = parse_card(card_text(POISSON, AREA, ""))
    assert not failed(fit(design(table, card), engine=LaplaceOptions(threads=1), draws=200, seed=1, progress=False))


def test_a_saved_posterior_says_the_same(tmp_path) -> None:
    world = WRONG["over-dispersion"](np.random.default_rng(1))
    post = fitted(world, 1)
    save(post, tmp_path / "post.nc")
    assert failed(load(tmp_path / "post.nc")) == failed(post) != {}


def test_neighbours_are_judged_only_where_they_are_given() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"area": np.repeat(BORDERS.areas, 4), "n": 30.0})
    place = np.repeat(smooth(12) @ rng.normal(size=144), 4)
    table["y"] = rng.poisson(30.0 * np.exp(0.3 * place))
    card, options = parse_card(card_text(POISSON, AREA, "")), LaplaceOptions(threads=1)
    for graph, known in ((None, False), (BORDERS, True)):
        post = fit(design(table, card, adjacency=graph), engine=options, draws=200, seed=1, progress=False)
        told = post["misfit"].to_dataset()
        assert ("neighbours" in told["check"].to_numpy()) == known
    assert float(told["value"].sel(check="neighbours")) > LIMIT
