"""What an engine is asked for: an option that it does not use, and draws that it cannot spread, are refused."""

from __future__ import annotations

import pytest

import bayesineq as bi
from bayesineq.errors import BayesineqError


@pytest.fixture(scope="module")
def study():
    world = bi.simulate_system(n_areas=20, n_people=5_000, seed=1)
    return bi.design(world.area_counts, bi.read_card("prevalence"), adjacency=world.adjacency)


@pytest.mark.parametrize(
    ("engine", "option"), [(bi.LaplaceOptions, "chains"), (bi.LaplaceOptions, "tune"), (bi.NutsOptions, "threads")]
)
def test_an_option_of_the_other_engine_is_refused(engine: type, option: str) -> None:
    with pytest.raises(TypeError, match=option):
        engine(**{option: 2})


@pytest.mark.parametrize(
    ("engine", "option"),
    [
        (bi.LaplaceOptions, {"threads": 0}),
        (bi.LaplaceOptions, {"correction": "some"}),
        (bi.NutsOptions, {"chains": 0}),
        (bi.NutsOptions, {"tune": -1}),
    ],
)
def test_an_option_that_cannot_be_is_told_with_what_can(engine: type, option: dict[str, object]) -> None:
    with pytest.raises(BayesineqError, match=next(iter(option))):
        engine(**option)


def test_draws_are_those_of_the_posterior(study) -> None:
    post = bi.fit(study, draws=40, seed=1, progress=False)["posterior"]
    assert post.sizes["chain"] * post.sizes["draw"] == 40
    same = bi.fit(study, engine=bi.LaplaceOptions(), draws=40, seed=1, progress=False)["posterior"]
    assert post.to_dataset().equals(same.to_dataset())
    pytest.importorskip("pymc")
    post = bi.fit(study, engine=bi.NutsOptions(chains=2, tune=20), draws=40, seed=1, progress=False)["posterior"]
    assert (post.sizes["chain"], post.sizes["draw"]) == (2, 20)


def test_draws_and_engines_that_cannot_be_are_told_with_what_can(study) -> None:
    with pytest.raises(BayesineqError, match="draws=44"):
        bi.fit(study, engine="nuts", draws=41)
    with pytest.raises(BayesineqError, match="NutsOptions"):
        bi.fit(study, engine="stan")
    with pytest.raises(BayesineqError, match="at least one"):
        bi.fit(study, draws=0)
