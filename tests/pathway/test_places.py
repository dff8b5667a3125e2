"""Correlation of places between outcomes. Oracles: NumPy's and SciPy's correlations of each draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import pearsonr, spearmanr

from bayesineq.errors import MeasureError
from bayesineq.measures.association import correlation, percentiles
from bayesineq.pathway.places import correlation_of_places
from tests.pathway.draws import draws

AREAS = {"area": [f"E{k}" for k in range(40)]}


def test_each_draw_is_correlated_as_scipy_does() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20, 30))
    y = np.round(x + rng.normal(size=(20, 30)), 1)
    assert correlation(x, y) == pytest.approx([pearsonr(a, b)[0] for a, b in zip(x, y, strict=True)])
    assert correlation(x, y, kind="rank") == pytest.approx([spearmanr(a, b)[0] for a, b in zip(x, y, strict=True)])
    weight = rng.integers(1, 5, 30)
    several = np.repeat(np.arange(30), weight)
    assert correlation(x, y, weight) == pytest.approx(
        [np.corrcoef(a[several], b[several])[0, 1] for a, b in zip(x, y, strict=True)]
    )
    assert np.isnan(correlation(np.full(5, 0.1), np.arange(5.0)))


def test_percentiles_of_equal_places_are_hazens() -> None:
    """Straight lines between mid-ranks are Hazen's definition, number 5 of Hyndman and Fan."""
    values = np.random.default_rng(6).gamma(2, size=(9, 25))
    found = percentiles(values, np.ones(25), [0.1, 0.5, 0.9])
    assert pytest.approx(np.quantile(values, [0.1, 0.5, 0.9], axis=1, method="hazen")) == found.T
    weight = np.random.default_rng(7).integers(1, 6, 25)
    doubled = percentiles(values, 2 * weight, [0.25])
    assert doubled == pytest.approx(percentiles(values, weight, [0.25]))


def test_places_with_more_are_reached_less() -> None:
    centre = np.linspace(0.05, 0.2, 40)
    ill = draws(centre, AREAS, sd=0.003, outcome="diabetes")
    reached = draws(0.9 - centre, AREAS, sd=0.003, seed=2, outcome="checked", more_is="better")
    found = correlation_of_places(ill, reached)
    x, y = (logit(v.to_numpy().reshape(-1, 40)) for v in (ill, reached))
    assert found.linear.to_numpy().ravel() == pytest.approx(
        [np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)]
    )
    assert found.table["p_above"].tolist() == [0.0, 0.0]
    assert "with more diabetes have less checked with probability more than 99%" in repr(found)
    assert "more diabetes is worse, more checked is better" in found.text
    assert "fitted apart" not in found.text
    shuffled = correlation_of_places(ill, reached.isel(area=slice(None, None, -1)))
    assert shuffled.linear.to_numpy() == pytest.approx(found.linear.to_numpy())


def test_what_does_not_fit_is_named() -> None:
    ill = draws(np.linspace(0.05, 0.2, 40), AREAS)
    with pytest.raises(MeasureError, match="have different levels of 'area'"):
        correlation_of_places(ill, ill[..., :30])
    with pytest.raises(MeasureError, match="off the logit scale"):
        correlation_of_places(ill, ill * 0)
    with pytest.raises(MeasureError, match="three groups or more"):
        correlation_of_places(ill[..., :2], ill[..., :2])
    with pytest.raises(MeasureError, match="needs 'area' and no other"):
        correlation_of_places(ill.expand_dims(year=[1]), ill)
    with pytest.raises(MeasureError, match="between 0 and 1"):
        percentiles([1.0, 2.0], [1, 1], [10])
