"""Whom a posterior speaks about: its own population, or another one with the same characteristics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.levels import positions
from bayesineq.design.priors import Priors, read_priors
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError, PosteriorError
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card

_SHOWN: Final = 5
_PROVENANCE: Final = ("card_name", "engine", "seed", "data_sha256", "fit_id", "created", "bayesineq_version",
                      "rows_predicted")  # fmt: skip

SEEN_FROM: Final = "seen_from_outcome"
"""Attribute of a posterior of several outcomes that is seen from one: its name."""

_parse = lru_cache(maxsize=8)(parse_card)


def card_of(post: xr.DataTree) -> ModelCard:
    """Card with which a posterior was fitted, parsed from the text that it carries; an error if it carries none."""
    source = post.attrs.get("card")
    if not isinstance(source, str) or "posterior" not in post.children:
        raise PosteriorError(
            f"this is no posterior of bayesineq: it has the groups {list(post.children)} and the attributes "
            f"{list(post.attrs)}, where a group `posterior` and an attribute `card` are needed; use bayesineq.fit or "
            "bayesineq.load"
        )
    card = _parse(source, str(post.attrs.get("card_name", "card")))
    return card.only(str(post.attrs[SEEN_FROM])) if SEEN_FROM in post.attrs else card


def priors_of(post: xr.DataTree) -> Priors:
    """Priors of a posterior, defaults included; of an earlier version, which has no record of them, the card's."""
    stated = card_of(post).priors
    if "priors" not in post.attrs:
        return Priors(stated, frozenset(stated), 0.0, 1.0, {}, {})
    return read_priors(str(post.attrs["priors"]))


def provenance(post: xr.DataTree) -> dict[str, str | int | float]:
    """Where a posterior came from, to be carried on by what is made of it; as far as it says."""
    return {key: post.attrs[key] for key in _PROVENANCE if key in post.attrs}


def levels_of(post: xr.DataTree, dim: str) -> pd.Index:
    """Levels of one of the card's dimensions, in the posterior's order."""
    levels: pd.Index = pd.Index(post["posterior"].to_dataset()[dim].to_numpy())
    return levels


def population(post: xr.DataTree, *, outcome: str | None = None) -> pd.DataFrame:
    """
    People behind a posterior: the rows that were fitted, without their outcomes.

    Parameters
    ----------
    post : DataTree
        A posterior.
    outcome : str, optional
        Which of several outcomes: each has its own weights.

    Returns
    -------
    DataFrame
        A row a cell: the card's dimensions (categorical, in the posterior's order), its covariates as they stood in
        the table, and `population`: the weight of the row (people at risk, expected events, exposure, or 1).

    Raises
    ------
    PosteriorError
        If the posterior keeps no rows.

    Examples
    --------
    >>> from bayesineq import example
    >>> population(example().post).groupby("ethnicity", observed=True)["population"].sum()
    ethnicity
    asian     36000.0
    black     24000.0
    white    180000.0
    Name: population, dtype: float64
    """
    from bayesineq.posterior.outcomes import one_outcome

    post = one_outcome(post, outcome)
    card = card_of(post)
    if "constant_data" not in post.children:
        raise PosteriorError(
            f"the posterior of card {card.name!r} keeps no rows (group `constant_data`); pass population="
        )
    rows = post["constant_data"].to_dataset()
    columns: dict[str, object] = {
        dim: pd.Categorical.from_codes(rows[dim].to_numpy(), categories=levels_of(post, dim)) for dim in card.dims
    }
    columns |= {name: rows[name].to_numpy() for name in card.covariates if name not in columns}
    return pd.DataFrame(columns | {POPULATION: rows[POPULATION].to_numpy()})


def resolve(post: xr.DataTree, given: pd.DataFrame | None, by: Sequence[str] = ()) -> pd.DataFrame:
    """
    Population to average over: the posterior's own, or the given one, with columns `by`, once it is known to fit.

    The card's dimensions are categorical with the posterior's levels, in its order. Raises a `DesignError` with every
    reason why the given population cannot be used.
    """
    card = card_of(post)
    frame = population(post) if given is None else given
    needed = dict.fromkeys([*card.dims, *card.covariates, POPULATION, *by])
    if missing := [column for column in needed if column not in frame.columns]:
        raise DesignError(
            f"the population for card {card.name!r} lacks the columns {missing}; it has {list(frame.columns)}. It "
            f"needs the card's dimensions {list(card.dims)}, its covariates {list(card.covariates)} and {POPULATION!r}"
        )
    if frame.empty:
        raise DesignError(f"the population for card {card.name!r} has no rows; check its filters")
    wrong: list[str] = []
    columns: dict[str, object] = {}
    for dim in card.dims:
        columns[dim] = _coded(frame[dim], dim, levels_of(post, dim), wrong)
    for name in (*card.covariates, POPULATION):
        if name not in columns:
            columns[name] = _numeric(frame[name], name, wrong)
    if not wrong:
        _check_weights(np.asarray(columns[POPULATION]), wrong)
    for name in by:
        if name not in columns:
            columns[name] = frame[name].to_numpy() if not _is_categorical(frame[name]) else frame[name].array
            if (gaps := frame[name].isna()).any():
                wrong.append(f"column {name!r} is missing in {_rows(gaps)}; complete it or leave these rows out")
    if wrong:
        problems = "\n".join(f"  - {w}" for w in wrong)
        raise DesignError(f"the population does not fit card {card.name!r} ({len(wrong)} problems):\n{problems}")
    return pd.DataFrame(columns)


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _rows(mask: NDArray[np.bool_] | pd.Series) -> str:
    at = np.flatnonzero(np.asarray(mask))
    shown = ", ".join(str(r) for r in at[:_SHOWN])
    return f"{len(at)} rows (counted from 0: {shown}{', ...' if len(at) > _SHOWN else ''})"


def _coded(column: pd.Series, dim: str, levels: pd.Index, wrong: list[str]) -> pd.Categorical:
    """Codes of a column in the levels of the posterior; labels are compared as labels, never by position."""
    codes = positions(column, levels.to_numpy())
    if (bad := codes < 0).any():
        unknown = pd.unique(column[bad])
        shown = f"{len(unknown)} levels that the posterior does not know: {list(unknown[:_SHOWN])}"
        wrong.append(
            f"column {dim!r} holds {shown} in {_rows(bad)}; its levels are {list(levels[:20])}"
            f"{' and more' if len(levels) > 20 else ''} ({levels.dtype})"
        )
    return pd.Categorical.from_codes(codes.astype(np.int32), categories=levels)


def _numeric(column: pd.Series, name: str, wrong: list[str]) -> NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(column):
        wrong.append(f"column {name!r} holds {column.dtype}, not numbers")
        return np.ones(len(column))
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if (bad := ~np.isfinite(values)).any():
        wrong.append(f"column {name!r} is missing or infinite in {_rows(bad)}; complete these rows or leave them out")
    return values


def _check_weights(weight: NDArray[np.float64], wrong: list[str]) -> None:
    if (bad := weight < 0).any():
        wrong.append(f"column {POPULATION!r} is negative in {_rows(bad)}; it is a number of people, or a weight")
    elif not weight.sum() > 0:
        wrong.append(f"column {POPULATION!r} is zero in every row, so there is nobody to average over")
