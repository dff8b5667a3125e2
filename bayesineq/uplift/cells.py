"""Benefit from a full likelihood of counts by cell: the difference of two expectations of one posterior."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from bayesineq.decisions.benefit import Scale, check_benefit
from bayesineq.decisions.polarity import scale_of_outcome
from bayesineq.dims import INTERVENTION
from bayesineq.errors import DecisionError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import card_of
from bayesineq.posterior.population import population as people_of


def benefit_from_posterior(
    post: xr.DataTree,
    *,
    by: str | Sequence[str],
    treated: str = "treated",
    intervention: str = "intervention",
    adverse: bool | None = None,
    population: pd.DataFrame | None = None,
    scale: Scale | None = None,
) -> xr.DataArray:
    """
    Benefit of an intervention, from a posterior whose card has it as a covariate (`models/impactability.toml`).

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str
        Columns that make the units: "area", "imd_decile".
    treated : str
        Covariate of the card: 0 without the intervention, 1 with it.
    intervention : str
        Its name.
    adverse : bool, optional
        Whether less of the outcome is a benefit; default as the card says (`more_is`), which it must agree with.
    population : DataFrame, optional
        Whom to average over; default those that were fitted.
    scale : {"events averted", "events gained", "QALY", "net pounds"}, optional
        What one unit of the outcome is; default events averted where more of it is worse, else events gained.

    Returns
    -------
    DataArray, dims (chain, draw, *by, intervention)
        Expected outcome of everyone untreated less that of everyone treated (or the reverse), person for person.

    Raises
    ------
    DecisionError
        If the posterior has no such covariate, or `adverse` or `scale` contradicts its card.

    Examples
    --------
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> trial = pd.DataFrame({"area": ["a", "b"] * 2, "treated": [0, 0, 1, 1], "people": 1000})
    >>> trial["events"] = [200, 100, 150, 75]
    >>> card = parse_card('''
    ... name = "trial"
    ... question = "What does it avert?"
    ... table = "trial"
    ... [outcome]
    ... name = "events"
    ... count = "events"
    ... at_risk = "people"
    ... likelihood = "binomial"
    ... more_is = "worse"
    ... [terms]
    ... place = { kind = "exchangeable", by = "area" }
    ... effect = { kind = "linear", by = "treated" }
    ... ''')
    >>> post = fit(design(trial, card), draws=200, seed=1, progress=False)
    >>> benefit_from_posterior(post, by="area").mean(("chain", "draw")).round(2).to_series()
    area  intervention
    a     intervention    0.05
    b     intervention    0.03
    Name: benefit, dtype: float64
    """
    people = people_of(post) if population is None else population
    if treated not in people.columns:
        raise DecisionError(
            f"No covariate {treated!r} behind this posterior; it has {', '.join(map(str, people.columns))}."
        )
    without = expected(post, people.assign(**{treated: 0}), by=by)
    given = expected(post, people.assign(**{treated: 1}), by=by)
    outcome = card_of(post).outcome
    bad = outcome.more_is == "worse"
    if adverse is not None and adverse != bad:
        raise DecisionError(
            f"adverse={adverse}, but the card of this posterior says that more {outcome.name} is {outcome.more_is}: "
            "leave adverse out, or correct more_is on the card."
        )
    counted = scale_of_outcome(bad, scale)
    difference = without - given if bad else given - without
    benefit = difference.expand_dims({INTERVENTION: [intervention]}, axis=-1)
    benefit.attrs = {
        "scale": counted,
        "source": "posterior of counts by cell",
        "correlation": "none (one intervention)",
    }
    return check_benefit(benefit.rename("benefit"))
