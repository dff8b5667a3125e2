"""
Likelihoods as objects: laws of SciPy for their distribution functions, means, replicates; defaults in their units.

A new likelihood needs its line in `tests.laws`; everything here finds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesineq.errors import CardError
from bayesineq.model.families import FAMILIES, Family
from bayesineq.model.families.density import fixed_part, point
from bayesineq.model.read_card import parse_card
from tests.laws import LAWS, log_density, own_of

ETA = 0.4


def given_of(family: Family) -> float:
    """A denominator, or a standard error."""
    return {"at_risk": 30.0, "standard_error": 0.7}.get(family.given or "", 1.0)


def law_of(family: Family) -> Any:
    return LAWS[family.name](ETA, given_of(family), *own_of(family, 2.5))


every = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@every
def test_its_formulas_take_its_parameters(family: Family) -> None:
    assert family.density.own._fields == family.own
    assert set(LAWS) == set(FAMILIES)


@every
def test_density_and_distribution_function_are_those_of_the_law(family: Family) -> None:
    """To 1e-9; a likelihood of logarithms is one of the logarithm, whose Jacobian is no business of its."""
    law, given, own = law_of(family), given_of(family), own_of(family, 2.5)
    y = np.array([0.0, 1.0]) if family.name == "bernoulli" else np.array([0.0, 1.0, 4.0, 9.0])
    y = y if family.counts else y + 0.3
    inside = np.log(y) if family.logged else y
    found = [fixed_part(own, v, given)[0] + point(own, v, given, ETA)[0] for v in inside]
    jacobian = np.log(y) if family.logged else 0.0
    assert_allclose(found, log_density(family, law, y) + jacobian, rtol=1e-9, atol=1e-9)
    one = np.full((len(y), 1), 1.0)
    assert_allclose(family.density.cdf(own, inside[:, None], given * one, ETA * one)[:, 0], law.cdf(y), rtol=1e-9)


@every
def test_replicates_have_the_law_and_the_mean(family: Family) -> None:
    """200,000 replicates: mean within five standard errors, distribution function within 0.005."""
    law, given, own, n = law_of(family), given_of(family), own_of(family, 2.5)._asdict(), 200_000
    mean = family.mean(np.full(1, ETA), {name: np.full(1, value) for name, value in own.items()})
    many = np.full(n, given)
    drawn = family.replicate(np.random.default_rng(4), np.repeat(mean, n), np.ones(n), many, own)
    trials = given if family.given == "at_risk" else 1.0
    assert_allclose(trials * mean[0], law.mean(), rtol=1e-9)
    assert abs(drawn.mean() - law.mean()) < 5 * law.std() / np.sqrt(n)
    at = np.unique(np.quantile(drawn, [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98]))
    assert_allclose([(drawn <= v).mean() for v in at], law.cdf(at), atol=0.005)


@every
def test_exposure_multiplies_the_mean_of_a_count(family: Family) -> None:
    if not {"exposure"} <= set(family.takes):
        return
    n, own = 200_000, own_of(family, 2.5)._asdict()
    drawn = family.replicate(np.random.default_rng(4), np.full(n, 0.5), np.full(n, 6.0), np.ones(n), own)
    assert abs(drawn.mean() - 3.0) < 5 * drawn.std() / np.sqrt(n)


@every
def test_a_card_reads_it_and_names_what_it_lacks(family: Family) -> None:
    needed, _ = family.roles(())
    roles = "\n".join(f'{role} = "{role}"' for role in needed)
    text = 'name = "c"\nquestion = "?"\ntable = "t"\n[outcome]\nlikelihood = "{}"\n{}\n[terms]\n'
    card = parse_card(text.format(family.name, roles))
    assert card.outcome.family is family
    assert set(card.outcome.columns) == set(needed)
    for role in needed:
        fewer = roles.replace(f'{role} = "{role}"', "")
        with pytest.raises(CardError, match=rf"outcome\.{role}: missing; {family.name} needs {needed[0]}"):
            parse_card(text.format(family.name, fewer))
    with pytest.raises(CardError, match=r"outcome\.sunshine: unknown key; allowed are"):
        parse_card(text.format(family.name, f'{roles}\nsunshine = "s"'))


@every
def test_defaults_stand_in_the_unit_of_what_they_are_of(family: Family) -> None:
    """A standard deviation's grows with the predictor's unit; a dispersion, or a share, has no unit."""
    for parameter in family.parameters:
        grows = parameter.unit(0.0, 10.0) / parameter.unit(0.0, 1.0)
        assert grows == (10.0 if parameter.name == "sigma" else 1.0)
        assert parameter.prior.distribution in parameter.allowed or parameter.dispersed
