"""Outcomes as the model would have them come out again: for comparison with those that came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import CHAIN, DRAW, GIVEN, POPULATION, ROW
from bayesineq.errors import PosteriorError
from bayesineq.model.card import ModelCard
from bayesineq.posterior.expected import groups_of
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of, provenance, resolve
from bayesineq.posterior.predictor import Floats, Predictor, own_parameters, predictor_of, row_means


def predictive(
    post: xr.DataTree,
    by: str | Sequence[str] | None = None,
    *,
    draws: int = 100,
    seed: int | None = None,
    trials: ArrayLike | None = None,
    known_only: bool = False,
    outcome: str | None = None,
) -> xr.DataArray:
    """
    Replicate the outcomes of the rows of the table, once for each of some draws.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str, optional
        Dimensions of the card over which replicates are added up (counts) or averaged (measurements). By default
        every row is kept, which for millions of rows is more than memory holds.
    draws : int
        How many draws, spread evenly over all chains; all of them where there are fewer.
    seed : int, optional
        Makes the replicates reproducible.
    trials : array_like, shape (n_row,), optional
        People at risk in each row. Needed for a binomial outcome whose rows are weighed by another column.
    known_only : bool
        Whether to leave rows out whose outcome is not known: for a comparison with what was observed.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (draw, row) or (draw, *by)
        Counts, or values, of replicated rows in the order of the table; or totals (means) of groups. Attribute
        `rows_predicted`: how many of the rows have no outcome, where there are any and they are not left out.

    Raises
    ------
    PosteriorError
        If trials are needed and not given, or do not fit the rows.

    Examples
    --------
    >>> from bayesineq import example
    >>> predictive(example().post, by="ethnicity", draws=50, seed=1).mean("draw").round(-2).to_series()
    ethnicity
    asian     4600.0
    black     2500.0
    white    15900.0
    Name: prevalence, dtype: float64
    """
    post = one_outcome(post, outcome)
    if draws < 1:
        raise PosteriorError(f"draws={draws}: ask for at least one replicate")
    card = card_of(post)
    family = card.outcome.family
    names = [by] if isinstance(by, str) else list(by or ())
    frame = resolve(post, None, names)
    levels, group = groups_of(frame, names)
    rows, parameters = predictor_of(post, frame), own_parameters(post["posterior"].to_dataset(), card)
    kept = post["constant_data"].to_dataset()
    at_risk = kept[GIVEN].to_numpy() if GIVEN in kept else _trials(card, rows, trials)
    counted = _counted_rows(post, len(frame), known_only=known_only)
    exposure = np.exp(kept["offset"].to_numpy())
    chosen = np.unique(np.linspace(0, rows.n_draw - 1, min(draws, rows.n_draw)).round().astype(np.int64))
    shape = tuple(len(level) for level in levels) if names else (len(frame),)
    out = np.empty((len(chosen), int(np.prod(shape, dtype=np.int64))))
    weight = rows.weight * counted
    people = np.bincount(group, weights=weight, minlength=out.shape[1]) if names else rows.weight
    root = np.random.SeedSequence(seed)
    for place, (draw, child) in enumerate(zip(chosen, root.spawn(len(chosen)), strict=True)):
        one = {name: float(value[draw]) for name, value in parameters.items()}
        mean = row_means(rows, slice(int(draw), int(draw) + 1))[0]
        replicate = family.replicate(np.random.default_rng(child), mean, exposure, at_risk, one)
        if not names:
            out[place] = replicate
        elif family.counts:
            out[place] = np.bincount(group, weights=replicate * counted, minlength=out.shape[1])
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                out[place] = np.bincount(group, weights=replicate * weight, minlength=out.shape[1]) / people
    chain, draw = np.divmod(chosen, post["posterior"].sizes[DRAW])
    coords = {DRAW: draw, CHAIN: (DRAW, chain), **dict(zip(names, levels, strict=True))}
    kind = "count" if family.counts else "value"
    value = xr.DataArray(
        out.reshape(len(chosen), *shape),
        dims=(DRAW, *(names or [ROW])),
        coords={**coords, POPULATION: (names or [ROW], people.reshape(shape))},
        name=card.outcome.name,
        attrs={"outcome": card.outcome.name, "replicated": kind, **provenance(post)},
    )
    return _without_unknown(value, names, levels, group, counted) if known_only and not counted.all() else value


def _counted_rows(post: xr.DataTree, n_row: int, *, known_only: bool) -> NDArray[np.bool_]:
    rows = post["constant_data"].to_dataset()
    if not known_only or "predicted" not in rows:
        return np.ones(n_row, dtype=bool)
    return np.asarray(rows["predicted"].to_numpy() == 0)


def _without_unknown(
    value: xr.DataArray,
    names: list[str],
    levels: list[NDArray[np.generic]],
    group: NDArray[np.int32],
    counted: NDArray[np.bool_],
) -> xr.DataArray:
    """Without rows, and levels, of which no outcome is known."""
    value.attrs.pop("rows_predicted", None)
    if not names:
        return value.isel({ROW: counted})
    place = np.unravel_index(group[counted], tuple(len(level) for level in levels))
    return value.isel({name: np.unique(at) for name, at in zip(names, place, strict=True)})


def _trials(card: ModelCard, rows: Predictor, given: ArrayLike | None) -> Floats:
    if card.outcome.family.given != "at_risk":
        return np.ones(len(rows.weight))
    if given is None:
        if card.outcome.weight_role != "at_risk":
            raise PosteriorError(
                f"rows of card {card.name!r} are weighed by {card.outcome.columns['population']!r}, so the posterior "
                f"does not keep how many were at risk; pass trials= (column {card.outcome.columns['at_risk']!r})"
            )
        return rows.weight
    counts = np.asarray(given, dtype=np.float64)
    if counts.shape != rows.weight.shape or not ((counts >= 0) & (counts == np.floor(counts))).all():
        raise PosteriorError(
            f"trials have the shape {counts.shape}; give a whole number of people for each of "
            f"the {len(rows.weight)} rows"
        )
    return counts
