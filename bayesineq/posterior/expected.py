"""From draws of effects to the mean outcome of groups of people: the linear predictor, its inverse link, an average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.levels import told_order
from bayesineq.design.order import ORDER_ATTRIBUTES, ORDERED, is_declared, order_attributes
from bayesineq.design.unrecorded import unrecorded_of
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.model.card import Outcome
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of, population, provenance, resolve
from bayesineq.posterior.predictor import group_moments, group_totals, predictor_of

__all__ = ["contribution", "expected", "population"]

_SHOWN: Final = 10
_MOMENT: Final = "moment"


def expected(
    post: xr.DataTree,
    population: pd.DataFrame | None = None,
    by: str | Sequence[str] | None = None,
    *,
    outcome: str | None = None,
    threads: int | None = None,
) -> xr.DataArray:
    """
    Mean outcome of groups of people, for every draw: poststratification.

    Parameters
    ----------
    post : DataTree
        A posterior.
    population : DataFrame, optional
        Whom to average over: a row a cell, with the card's dimensions and covariates (in the unit of the table that
        was fitted) and `population`, the number of people. By default those that were fitted.
    by : str or sequence of str, optional
        Columns of the population that make the groups: the card's dimensions or any other column. None is everyone.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Mean outcome on the scale of the response. Coordinate `population` (dims by) holds the summed weights. Groups
        without anybody are left out and named in the attribute `left_out`; where several columns are crossed, a cell
        without anybody is missing. Attributes: `scale` ("proportion", "rate ratio", "rate", "mean"), `units`,
        `outcome`, `link`, `more_is` ("worse" or "better"), `weights` (what `population` counts: the role of its column,
        such as "at_risk" or "expected", or "rows") and the provenance of the posterior. The levels of each
        dimension stand in rank order and carry `ordered` (1 where an order was declared: by the card, the schema or an
        ordered category, never because they are numbers), `gradient` (1 where a slope over them says something about
        inequality: ordered, and neither time nor age) and, where it is 0 although they are ordered, `no_gradient`.

    Raises
    ------
    DesignError
        If the population lacks a column, holds an unknown level, or weighs nothing; with every reason.
    PosteriorError
        If there are several outcomes and none is named, or there is none of that name.

    Notes
    -----
    With rows r of weight n_r, the value of a group g in draw d is sum_{r in g} n_r h(eta_rd) / sum_{r in g} n_r, h the
    inverse link and eta_rd the intercept plus the terms. Offsets are left out: with `expected` counts the value is a
    ratio to what was expected, with `exposure` events per unit of exposure. For a log-normal outcome
    h(eta) = exp(eta + sigma^2 / 2). Draws by rows are never held: memory grows with groups, not with rows.

    Examples
    --------
    >>> from bayesineq import example
    >>> expected(example().post, by="imd_decile").mean(("chain", "draw")).round(2).to_series().iloc[[0, 9]]
    imd_decile
    1     0.14
    10    0.06
    Name: prevalence, dtype: float64
    """
    post = one_outcome(post, outcome)
    names = names_of(by)
    frame = resolve(post, population, names)
    group, weight = _grouped(frame, names)
    total = group_totals(predictor_of(post, frame), group, len(weight), threads=threads)
    return as_values(post, population, frame, names, weight, total)


def moments(
    post: xr.DataTree, population: pd.DataFrame | None = None, by: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Mean and standard deviation (`mean`, `sd`, dims by) of the draws that `expected` gives, which are not held."""
    post = one_outcome(post, None)
    names = names_of(by)
    frame = resolve(post, population, names)
    group, weight = _grouped(frame, names)
    found = np.stack(group_moments(predictor_of(post, frame), group, len(weight), weight))
    both = _named(post, population, frame, names, weight, {_MOMENT: 2}, found)
    return xr.Dataset({"mean": both.isel({_MOMENT: 0}), "sd": both.isel({_MOMENT: 1})}, attrs=both.attrs)


def _grouped(frame: pd.DataFrame, names: list[str]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Group of each row, and people of each group."""
    levels, group = groups_of(frame, names)
    n_group = int(np.prod([len(level) for level in levels], dtype=np.int64))
    return group, np.bincount(group, weights=frame[POPULATION], minlength=n_group)


def names_of(by: str | Sequence[str] | None) -> list[str]:
    """Columns that make the groups, as `by` of `expected` gives them; none for everyone."""
    names = [by] if isinstance(by, str) else list(by or ())
    if len(set(names)) != len(names) or {*SAMPLE_DIMS, POPULATION} & set(names):
        raise PosteriorError(f"by={by!r}: name different columns of the population, none of them {POPULATION!r}")
    return names


def as_values(
    post: xr.DataTree,
    population: pd.DataFrame | None,
    frame: pd.DataFrame,
    names: list[str],
    weight: NDArray[np.float64],
    total: NDArray[np.float64],
) -> xr.DataArray:
    """Name what was summed by group: people, shape (n_group,), and weight times mean, (n_draw, n_group), which goes."""
    draws = post["posterior"].to_dataset()
    with np.errstate(invalid="ignore", divide="ignore"):
        # In place: of areas and draws by the million, a second array is the most that is held.
        mean = np.divide(total, weight, out=total)
    return _named(post, population, frame, names, weight, {dim: draws.sizes[dim] for dim in SAMPLE_DIMS}, mean)


def _named(
    post: xr.DataTree,
    population: pd.DataFrame | None,
    frame: pd.DataFrame,
    names: list[str],
    weight: NDArray[np.float64],
    lead: Mapping[str, int],
    values: NDArray[np.float64],
) -> xr.DataArray:
    """Values of groups, the dimensions of `lead` before them, with people, order and what they are."""
    card = card_of(post)
    levels, _ = groups_of(frame, names)
    shape = tuple(len(level) for level in levels)
    value = xr.DataArray(
        values.reshape(*lead.values(), *shape),
        dims=(*lead, *names),
        coords={**dict(zip(names, levels, strict=True)), POPULATION: (names, weight.reshape(shape))},
        name=card.outcome.name,
        attrs={**_said_of(card.outcome), **scale_of(card.outcome), **provenance(post)},
    )
    for dim in names:
        value = _with_order(value, post, dim, None if population is None else population[dim])
        if dim in card_of(post).latent:
            found = unrecorded_of(post.attrs)
            value[dim].attrs["unrecorded"] = np.nan if found is None else found.share
    return _without_empty(value, names)


def contribution(post: xr.DataTree, term: str, *, outcome: str | None = None) -> xr.DataArray:
    """
    What one term adds to the linear predictor, for every draw.

    Parameters
    ----------
    post : DataTree
        A posterior.
    term : str
        Name of a term on the card.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Effect of each level; for a linear term (and a term with `times`) the effect of one unit of its covariate,
        after it was centred at attribute `centre` and divided by attribute `spread`.

    Raises
    ------
    CardError
        If the card has no such term.

    Examples
    --------
    >>> from bayesineq import example
    >>> contribution(example().post, "ethnicity").dims
    ('chain', 'draw', 'ethnicity')
    """
    post = one_outcome(post, outcome)
    card = card_of(post)
    stated = card.term(term)
    effect = post["posterior"].to_dataset()[card.variable(term)].rename(term if term not in card.dims else None)
    return effect.transpose(*SAMPLE_DIMS, *stated.dims).assign_attrs(
        effect.attrs | {"term": term, "kind": stated.kind, "link": card.outcome.link, **provenance(post)}
    )


def scale_of(outcome: Outcome) -> dict[str, str]:
    """Scale and unit of a mean outcome: attributes `scale` and `units`."""
    if outcome.link == "logit":
        return {"scale": "proportion", "units": f"share of {outcome.columns.get('at_risk', 'all')}"}
    if "expected" in outcome.columns:
        return {"scale": "rate ratio", "units": f"events per event expected ({outcome.columns['expected']})"}
    if "exposure" in outcome.columns:
        return {"scale": "rate", "units": f"events per unit of {outcome.columns['exposure']}"}
    return {
        "scale": "mean",
        "units": f"unit of {outcome.columns.get('value', outcome.columns.get('count', 'outcome'))}",
    }


def groups_of(frame: pd.DataFrame, names: list[str]) -> tuple[list[NDArray[np.generic]], NDArray[np.int32]]:
    """Levels of each column (a categorical's own order, else sorted), and each row's place in their product."""
    levels, codes = [], []
    for name in names:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            code, level = column.cat.codes.to_numpy(), column.cat.categories.to_numpy()
        else:
            code, unique = pd.factorize(column, sort=True)
            level = np.asarray(unique)
        codes.append(code)
        levels.append(level.astype(object) if level.dtype.kind not in "iufbM" else level)
    if not names:
        return [], np.zeros(len(frame), dtype=np.int32)
    shape = tuple(len(level) for level in levels)
    return levels, np.asarray(np.ravel_multi_index(codes, shape)).astype(np.int32)


def _said_of(outcome: Outcome) -> dict[str, str]:
    return {
        "outcome": outcome.name,
        "link": outcome.link,
        "more_is": outcome.more_is,
        "weights": outcome.weight_role or "rows",
    }


def _with_order(value: xr.DataArray, post: xr.DataTree, dim: str, given: pd.Series | None) -> xr.DataArray:
    """Levels in their rank order, if one was declared with the fit or by an ordered category of the population."""
    card, levels = card_of(post), value[dim].to_numpy()
    fitted = post["posterior"][dim].attrs if dim in card.dims else {}
    category = given is not None and bool(getattr(given.dtype, "ordered", False))
    if given is not None and category and is_declared(card, dim, given):
        stated = given.cat.categories
        place = np.argsort(stated.get_indexer(pd.Index(levels)), kind="stable")
        value = value.isel({dim: place})
        attrs = order_attributes(dim, levels[place], ordered=True)
    elif ORDERED in fitted:
        attrs = {key: fitted[key] for key in ORDER_ATTRIBUTES if key in fitted}
    else:
        told = told_order(levels) if dim not in card.dims and not category else np.arange(len(levels))
        value = value if told is None else value.isel({dim: told})
        ordered = told is not None and is_declared(card, dim, given)
        attrs = order_attributes(dim, value[dim].to_numpy(), ordered=ordered)
    value[dim].attrs |= attrs
    return value


def _without_empty(value: xr.DataArray, names: list[str]) -> xr.DataArray:
    """Leave out levels that nobody has, and say which."""
    said = []
    for dim in names:
        people = value[POPULATION].sum([d for d in names if d != dim])
        if not (empty := people.to_numpy() == 0).any():
            continue
        codes = value[dim].to_numpy()[empty]
        said.append(
            f"{dim}: {len(codes)} ({', '.join(map(str, codes[:_SHOWN]))}{', ...' if len(codes) > _SHOWN else ''})"
        )
        value = value.isel({dim: ~empty})
    if said:
        value.attrs["left_out"] = "levels without population, by dimension: " + "; ".join(said)
    if blank := int((value[POPULATION] == 0).sum()):
        value.attrs["missing_cells"] = blank
    return value
