"""From a table of recorded groups to a posterior over true ones, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from bayesineq.design.mixture import mixture
from bayesineq.errors import DesignError
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.mixture.recording import (
    RecordingColumns,
    RecordingOptions,
    outcome_shift,
    recording,
    weights,
)
from bayesineq.model.card import ModelCard
from bayesineq.space.adjacency import Adjacency


def fit_recorded(
    table: pd.DataFrame,
    card: ModelCard,
    margin: pd.DataFrame,
    confusion: pd.DataFrame,
    *,
    options: RecordingOptions | None = None,
    adjacency: Adjacency | None = None,
    imputations: int = 20,
    draws: int = 1000,
    seed: int | None = None,
    engine: LaplaceOptions | None = None,
) -> xr.DataTree:
    """
    Fit a card with a latent column: outcome by true group, from counts by recorded group.

    Parameters
    ----------
    table : DataFrame
        Checked rows of the card's schema.
    card : ModelCard
        A card with a section `[latent]`, such as the shipped `latent_ethnicity`.
    margin : DataFrame
        Census: `residents` by true group and by those columns of the card, such as area and age_band, that it has.
    confusion : DataFrame
        P(recorded | true), rows `true`, columns `recorded`, such as `ons_confusion()`, coarsened where groups are.
    options : RecordingOptions, optional
        What is stated of missing records, such as `RecordingOptions(delta={"asian": 0.5})`: the records cannot tell it.
    adjacency : Adjacency, optional
        As of `design`.
    imputations : int
        Draws of the weights, each of which is fitted.
    draws : int
        Draws in all.
    seed : int, optional
        Makes the draws reproducible.
    engine : LaplaceOptions, optional
        Options of the sparse engine, the one that takes draws of weights.

    Returns
    -------
    DataTree
        As of `fit`: a cut posterior, averaged over the people expected in each true group.

    Raises
    ------
    DesignError
        The card has no latent column, or table, margin and confusion do not fit each other.

    Examples
    --------
    >>> from bayesineq import expected
    >>> from bayesineq.model.read_card import parse_card
    >>> card = parse_card('''
    ... name = "recorded"
    ... question = "Who?"
    ... table = "recorded"
    ... [outcome]
    ... name = "prevalence"
    ... count = "cases"
    ... at_risk = "population"
    ... likelihood = "binomial"
    ... [latent]
    ... ethnicity = "recorded"
    ... [terms]
    ... ethnicity = { kind = "exchangeable", by = "ethnicity" }
    ... place = { kind = "exchangeable", by = "area" }
    ... ''')
    >>> groups = ["asian", "white"]
    >>> table = pd.DataFrame({"area": ["a"] * 3 + ["b"] * 3, "recorded": ["asian", "white", "Z"] * 2})
    >>> table = table.assign(population=[900, 800, 110, 100, 1800, 100], cases=[180, 80, 17, 20, 180, 11])
    >>> margin = pd.DataFrame({"area": ["a", "a", "b", "b"], "ethnicity": groups * 2, "residents": [100, 90, 10, 190]})
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> post = fit_recorded(table, card, margin, confusion, imputations=5, draws=200, seed=1)
    >>> expected(post, by="ethnicity").mean(("chain", "draw")).round(1).to_series()
    ethnicity
    asian    0.2
    white    0.1
    Name: prevalence, dtype: float64
    """
    if not card.latent:
        raise DesignError(f"card {card.name!r} has no latent column; fit it with `fit`")
    ((latent, recorded),) = card.latent.items()
    at_risk = card.outcome.columns.get("at_risk")
    if at_risk is None or "count" not in card.outcome.columns:
        raise DesignError(f"card {card.name!r} does not count cases among people; a latent column needs both")
    # The census is met by every column that both have, except the group itself.
    cells = [name for name in card.dims if name != latent and name in margin.columns and name in table.columns]
    model = recording(
        table,
        margin,
        confusion,
        cells=list(dict.fromkeys([*cells, *(name for name in card.dims if name != latent)])),
        options=options,
        columns=RecordingColumns(recorded, at_risk, latent),
    )
    drawn = weights(model, draws=imputations, seed=seed)
    shift = outcome_shift(model, drawn, table[card.outcome.columns["count"]].to_numpy())
    study = mixture(table, card, drawn, adjacency=adjacency, shift=shift)
    return fit(study, engine=engine or "laplace", draws=draws, seed=seed, progress=False)


def deltas_of(texts: Sequence[str]) -> dict[str, float]:
    """Read stated deltas."""
    found = {}
    for text in texts:
        group, _, number = text.partition("=")
        try:
            found[group.strip()] = float(number)
        except ValueError as error:
            raise DesignError(f"--delta {text!r}: write GROUP=LOGODDS, such as asian=0.5") from error
    return found
