"""Published rates with intervals, by both ways: a table alone, and a card with `estimate_with_error`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesineq.design.matrix import design
from bayesineq.inference.fit import fit
from bayesineq.measures.dispersion import between_group_standard_deviation
from bayesineq.measures.estimates import from_estimates
from bayesineq.measures.limits import standard_errors
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.lift import over_draws

CARD = """name = "published"
question = "How does the published rate differ between places?"
table = "published"
[outcome]
value = "estimate"
standard_error = "standard_error"
likelihood = "estimate_with_error"
[terms]
place = { kind = "exchangeable", by = "place" }
"""


def published(n: int = 40) -> pd.DataFrame:
    """Rates of places that truly lie 4 apart (a standard deviation), with their 95% limits and populations."""
    rng = np.random.default_rng(11)
    error = rng.uniform(1.0, 6.0, n)
    rate = 50 + 4 * rng.standard_normal(n) + error * rng.standard_normal(n)
    z = 1.959964
    return pd.DataFrame(
        {
            "place": [f"p{i:02d}" for i in range(n)],
            "estimate": rate,
            "lower": rate - z * error,
            "upper": rate + z * error,
            "population": rng.integers(500, 5000, n),
        }
    )


def test_a_model_of_rates_with_limits_agrees_with_the_short_way_up_to_its_prior() -> None:
    table = published()
    short = from_estimates(table, "place", draws=20_000, seed=1)
    table["standard_error"] = standard_errors(table["lower"], table["upper"])
    post = fit(design(table, parse_card(CARD)), seed=1, draws=8000, progress=False)
    modelled = expected(post, by="place")
    # Priors of what lies between places differ; forty places say enough for it to be a tenth of a standard deviation.
    gap = modelled.mean(("chain", "draw")) - short.mean(("chain", "draw"))
    assert (np.abs(gap) < 0.1 * short.std(("chain", "draw"))).all()
    weight = table.set_index("place")["population"].to_xarray()
    spread = [
        over_draws(between_group_standard_deviation, values, "place", weight=weight) for values in (short, modelled)
    ]
    np.testing.assert_allclose(spread[1].mean(), spread[0].mean(), rtol=0.03)
    assert float(spread[1].quantile(0.025)) < 4 < float(spread[1].quantile(0.975))
