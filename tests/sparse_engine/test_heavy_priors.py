"""Student-t priors of coefficients, integrated as scale mixtures. Oracle: quadrature over the one coefficient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import DesignError
from bayesineq.model.priors import Prior
from bayesineq.model.read_card import parse_card

CARD = """
name = "line"
question = "?"
[outcome]
value = "y"
standard_error = "error"
likelihood = "estimate_with_error"
[terms]
x = {{ kind = "linear", by = "x" }}
[priors]
intercept = {{ dist = "Normal", mean = 0, sd = 10 }}
x = {prior}
"""
N, ERROR = 40, 1.5
T = '{ dist = "StudentT", df = 3, mean = 0, scale = 0.1 }'


def line(slope: float) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x = rng.normal(size=N)
    y = 0.3 + slope * (x - x.mean()) + ERROR * rng.normal(size=N)
    return pd.DataFrame({"y": y, "error": ERROR, "x": x - x.mean()})


def exact(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and their posterior probabilities, the intercept integrated in closed form."""
    y, x = table["y"].to_numpy(), table["x"].to_numpy()
    inverse = np.linalg.inv(ERROR**2 * np.eye(N) + 100.0 * np.ones((N, N)))
    slope = np.linspace(-6.0, 6.0, 24_001)
    log = slope * (x @ inverse @ y) - 0.5 * slope**2 * (x @ inverse @ x)
    log = log + Prior("StudentT", {"df": 3.0, "mean": 0.0, "scale": 0.1}).log_density(slope)
    mass = np.exp(log - log.max())
    return slope, mass / mass.sum()


@pytest.mark.parametrize("slope", [0.05, 0.3, 1.5])
def test_a_slope_is_held_near_zero_and_let_go_as_exactly(slope: float) -> None:
    table = line(slope)
    at, mass = exact(table)
    post = bi.fit(bi.design(table, parse_card(CARD.format(prior=T))), seed=1, draws=4000)
    assert set(post["posterior"].data_vars) == {"intercept", "x"}
    drawn = post["posterior"]["x"].to_numpy().ravel()
    mean = float(mass @ at)
    sd = float(np.sqrt(mass @ (at - mean) ** 2))
    # The error of 4,000 draws is 0.016 standard deviations; of a quantile of 2.5%, some 0.05.
    assert drawn.mean() == pytest.approx(mean, abs=0.05 * sd)
    assert drawn.std() == pytest.approx(sd, rel=0.08)
    ends = at[np.searchsorted(np.cumsum(mass), [0.025, 0.5, 0.975])]
    np.testing.assert_allclose(np.quantile(drawn, [0.025, 0.5, 0.975]), ends, atol=0.2 * sd)


@pytest.mark.parametrize(
    ("prior", "says"),
    [
        (
            '{ dist = "Horseshoe", scale = 0.05, slab = 2 }',
            "none that engine 'laplace' integrates exactly",
        ),
        ('{ dist = "StudentT", df = 3, mean = 1, scale = 0.1 }', "its mean away from zero; give it mean = 0"),
    ],
)
def test_what_the_engine_does_not_integrate_is_refused_with_what_does(prior: str, says: str) -> None:
    with pytest.raises(DesignError) as raised:
        bi.fit(bi.design(line(0.3), parse_card(CARD.format(prior=prior))), seed=1)
    assert says in str(raised.value)
    assert 'use engine="nuts", or a Normal prior' in str(raised.value)


def test_more_coefficients_than_can_be_integrated_are_refused() -> None:
    card = CARD.replace('x = {{ kind = "linear", by = "x" }}', 'x = {{ kind = "fixed", by = "g", reference = [0] }}')
    with pytest.raises(DesignError, match="of each of its 11 coefficients, and engine 'laplace' takes 8 of these"):
        bi.fit(bi.design(line(0.3).assign(g=np.arange(N) % 12), parse_card(card.format(prior=T))), seed=1)


@pytest.mark.slow
def test_the_sampler_draws_from_the_same_and_from_the_horseshoe() -> None:
    """Means and standard deviations of NUTS against the same quadrature, with the density of each prior."""
    table = line(1.5)
    for spec in (T, '{ dist = "Horseshoe", scale = 0.05, slab = 2 }'):
        card = parse_card(CARD.format(prior=spec))
        at, mass = exact(table)
        if "Horseshoe" in spec:
            log = np.log(mass) - Prior("StudentT", {"df": 3.0, "mean": 0.0, "scale": 0.1}).log_density(at)
            log = log + card.priors["x"].log_density(at + 1e-7)
            mass = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
        post = bi.fit(bi.design(table, card), engine="nuts", seed=1, draws=1000)
        drawn, mean = post["posterior"]["x"].to_numpy().ravel(), float(mass @ at)
        sd = float(np.sqrt(mass @ (at - mean) ** 2))
        assert drawn.mean() == pytest.approx(mean, abs=0.12 * sd)
        assert drawn.std() == pytest.approx(sd, rel=0.12)
