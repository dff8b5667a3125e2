"""Rows whose level of one column is not known: mixtures of rates over its levels, with weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.design.matrix import Design, design
from bayesineq.design.members import Members
from bayesineq.design.priors import resolve
from bayesineq.design.unrecorded import Unrecorded
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.model.card import ModelCard
from bayesineq.space.adjacency import Adjacency

NEGLIGIBLE: Final = 1e-6
"""Weights that never exceed this are left out, and the others of their row scaled to add up to 1."""

type Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Membership:
    """
    How likely each row's people are to be of each level, with its uncertainty.

    Parameters
    ----------
    latent : str
        The column that is not known, such as ethnicity.
    levels : ndarray, shape (n_level,)
        Its levels.
    keys : DataFrame
        Columns that name a row of the table, such as area, age_band, sex and recorded; no two rows alike.
    weight : ndarray, shape (n_draw, n_key, n_level)
        Draws of the probability of each level; over levels they add up to 1.
    unrecorded : Unrecorded, optional
        How many people had no record, and what was assumed of them.
    """

    latent: str
    levels: NDArray[np.generic]
    keys: pd.DataFrame
    weight: Float
    unrecorded: Unrecorded | None = None


def mixture(
    table: pd.DataFrame,
    card: ModelCard,
    membership: Membership,
    *,
    adjacency: Adjacency | None = None,
    shift: Float | None = None,
) -> Design:
    r"""
    See a table through a card with a latent column: the mean of a row is a mixture of means.

    Shapes: shift (n_row, n_level).

    `table`: Checked rows, with the recorded column in place of the latent one. `card`: A card with a `latent`
    section: `[latent]` and `ethnicity = "recorded"`. `membership`: Weights of the latent levels for every row of
    the table, matched by its keys. `shift`: Log of how much likelier a case than another person of the same level
    is to be recorded as the row is, rows as in `table`: from `outcome_shift`, where recording depends on the
    outcome (hospitals know the sick better). Returns: with `members`: one for each row and level that its people
    may be of, with draws of its weight.
    """
    if list(card.latent) != [membership.latent]:
        raise DesignError(
            f"card {card.name!r} has latent columns {list(card.latent)} and the weights are of {membership.latent!r}"
        )
    dim, n_row = membership.latent, len(table)
    if dim in table.columns or card.outcome.link not in ("logit", "log"):
        raise DesignError(
            f"a mixture over {dim!r} is of counts, in a table that holds {card.latent[dim]!r} in place of {dim!r}"
        )
    at = _matched(table, membership)
    weight = membership.weight[:, at, :]
    kept = weight.max(axis=0) > NEGLIGIBLE
    row, level = np.nonzero(kept)
    members = table.iloc[row].reset_index(drop=True)
    members[dim] = pd.Categorical(np.asarray(membership.levels)[level], categories=membership.levels)
    seen = design(members, replace(card, latent={}), adjacency=adjacency)
    if not seen.response.observed.all():
        raise DesignError(
            f"{len(np.unique(row[~seen.response.observed]))} rows have no outcome, which a card with a latent column "
            "does not predict; leave them out, and predict them with expected(post, population)"
        )
    first = np.searchsorted(row, np.arange(n_row))
    flat = weight[:, row, level]
    flat = flat / np.add.reduceat(flat, first, axis=1)[:, row]
    moved = np.zeros(weight.shape[1:]) if shift is None else np.asarray(shift, dtype=np.float64)
    if moved.shape != weight.shape[1:] or not np.isfinite(moved).all():
        raise DesignError(f"`shift` is of shape {moved.shape}, or not finite; give {weight.shape[1:]}: rows by levels")
    response = seen.response.rows(first)
    people = seen.population[POPULATION] * flat.mean(axis=0)
    return replace(
        seen,
        card=card,
        responses=(response,),
        priors=resolve(card, response, seen.blocks),
        population=seen.population.assign(**{POPULATION: people}),
        members=Members(row.astype(np.int32), flat, moved[row, level], membership.unrecorded),
        places=None,
    )


def _matched(table: pd.DataFrame, membership: Membership) -> NDArray[np.int64]:
    names = list(membership.keys.columns)
    if missing := [name for name in names if name not in table.columns]:
        raise DesignError(f"the weights are keyed by {names} and the table lacks {missing}")
    keys = pd.MultiIndex.from_frame(membership.keys.astype(object))
    wanted = pd.MultiIndex.from_frame(table[names].astype(object))
    if keys.has_duplicates:
        raise DesignError(f"several weights have the same key {names}; give each once")
    at = keys.get_indexer(wanted)
    if (lost := at < 0).any():
        raise DesignError(
            f"{int(lost.sum())} rows have no weights, the first {dict(zip(names, wanted[lost][0], strict=True))}"
        )
    return np.asarray(at, dtype=np.int64)
