"""Areas over years: a planted interaction is found, and every stage takes its posterior."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.design.matrix import design
from bayesineq.inference.prior import prior_draws
from bayesineq.model.kinds.structures import autoregression, intrinsic, kronecker, proper, walk
from bayesineq.model.read_card import parse_card
from tests.sparse_engine.cases import card_text, numbered

SIDE, YEARS = 5, 6
GRAPH = numbered(
    np.array(
        [(SIDE * i + j + 1, SIDE * i + j + 2) for i in range(SIDE) for j in range(SIDE - 1)]
        + [(SIDE * i + j + 1, SIDE * (i + 1) + j + 1) for i in range(SIDE - 1) for j in range(SIDE)]
    ),
    SIDE**2,
)
OUTCOME = 'count = "events"\nexposure = "person_years"\nlikelihood = "poisson"'


def planted(structure, values: dict[str, float], seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts of areas over years whose log rates hold an interaction of standard deviation 0.5."""
    rng = np.random.default_rng(seed)
    effect = 0.5 * structure.draw({k: np.array([v]) for k, v in values.items()}, 1, rng)[0]
    area, year = (a.ravel() for a in np.meshgrid(np.arange(SIDE**2), np.arange(YEARS), indexing="ij"))
    table = pd.DataFrame({"area": GRAPH.areas[area], "year": 2015 + year, "person_years": 2000.0})
    table["events"] = rng.poisson(2000.0 * np.exp(-3.0 + effect))
    return table, effect


@pytest.mark.parametrize(
    ("choice", "structure", "values"),
    [
        (', space = "icar", time = "random_walk"',
         kronecker(intrinsic(GRAPH, scaled=True), walk(YEARS, 1, scaled=True)), {}),
        ("", kronecker(proper(GRAPH, "rho_space"), autoregression(YEARS, "rho_time")),
         {"rho_space": 0.8, "rho_time": 0.6}),
    ],
)  # fmt: skip
def test_a_planted_interaction_is_found(choice: str, structure, values: dict[str, float]) -> None:
    table, effect = planted(structure, values, seed=5)
    card = parse_card(card_text(OUTCOME, f't = {{kind = "interaction", by = ["area", "year"]{choice}}}', ""))
    study = design(table, card, adjacency=GRAPH)
    post = bi.fit(study, engine="laplace", draws=400, seed=1, progress=False)
    draws = post["posterior"]["t"]
    assert draws.dims == ("chain", "draw", "area", "year")
    found, spread = draws.mean(("chain", "draw")).to_numpy().ravel(), draws.std(("chain", "draw")).to_numpy().ravel()
    crude = np.log(table["events"].to_numpy() + 0.5)

    def error(of: np.ndarray) -> float:
        """Root mean squared distance from what was planted, whatever the level, which is the intercept's."""
        return float(np.std(of - effect))

    # What areas and years say of each other takes away a part of the noise of the counts.
    assert error(found) < 0.95 * error(crude)
    inside = np.abs(found - effect - (found - effect).mean()) < 1.96 * spread
    assert inside.mean() > 0.9
    sigma = post["posterior"]["t.sigma"].to_numpy()
    assert np.quantile(sigma, 0.005) < 0.5 < np.quantile(sigma, 0.995)
    assert set(values) == {name.removeprefix("t.") for name in post["posterior"] if "rho" in str(name)}
    rates = bi.expected(post, by=["year"]).mean(("chain", "draw"))
    assert rates.sizes == {"year": YEARS}
    if structure.null is not None:
        each = draws.to_numpy().reshape(400, -1)
        np.testing.assert_allclose(each @ structure.null, 0.0, atol=1e-3)
    prior = prior_draws(study, draws=50, seed=2)
    assert prior["posterior"]["t"].shape == (1, 50, SIDE**2, YEARS)
