"""The share of areas' variance that is spatial. Oracles: phi of BYM2, and variances of planted draws."""

from __future__ import annotations

import numpy as np
import pytest

import bayesineq as bi
from bayesineq.errors import MeasureError
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.spatial import spatial_fraction

SPATIAL = 'place = { kind = "icar", by = "area" }'
OWN = 'own = { kind = "exchangeable", by = "area" }'


def fitted(*terms: str):
    world = bi.example()
    table = world.table.groupby("area", as_index=False)[["cases", "population"]].sum()
    lines = "\n".join(terms)
    card = parse_card(
        'name = "m"\nquestion = "?"\n[outcome]\ncount = "cases"\nat_risk = "population"\nlikelihood = "binomial"\n'
        f"[terms]\n{lines}\n"
    )
    return bi.fit(bi.design(table, card, adjacency=world.adjacency), seed=1, draws=200)


def test_of_bym2_it_is_phi() -> None:
    post = bi.example().post
    share = spatial_fraction(post)
    np.testing.assert_array_equal(share, post["posterior"]["place.phi"])
    row = bi.summarise(share).iloc[0]
    assert row["parameter"] == "spatial_fraction"
    assert 0.0 <= row["lower"] <= row["mean"] <= row["upper"] <= 1.0


def test_of_two_terms_it_is_the_share_of_their_variances_in_each_draw() -> None:
    post = fitted(SPATIAL, OWN)
    rng = np.random.default_rng(1)
    shape = post["posterior"]["place"].shape
    post["posterior"]["place"][:] = 3.0 * rng.normal(size=shape)
    post["posterior"]["own"][:] = rng.normal(size=shape)
    share = spatial_fraction(post)
    assert share.shape == shape[:2]
    # Variances of 9 and 1 planted: the mean of F-like ratios over some 30 areas is near 0.9.
    assert float(share.mean()) == pytest.approx(0.9, abs=0.02)


def test_where_parameters_tell_no_share_that_is_said() -> None:
    with pytest.raises(MeasureError, match="is icar, whose parameters tell no share of the variance: use kind bym2"):
        spatial_fraction(fitted(SPATIAL))
    with pytest.raises(MeasureError, match="the card has no one spatial term; its spatial terms are none"):
        spatial_fraction(fitted(OWN))
    with pytest.raises(MeasureError, match=r"term='age' is no spatial term of the card; .* are \['place'"):
        spatial_fraction(bi.example().post, "age")
