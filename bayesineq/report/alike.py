"""Comparing like with like: groups as if all had the same mixture of ages and sexes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AGE, POPULATION, SEX
from bayesineq.posterior.population import card_of, population
from bayesineq.posterior.standardise import standardised
from bayesineq.report.disclosed import Cover
from bayesineq.report.labels import dimension_label


@dataclass(frozen=True, slots=True)
class Alike:
    """
    Values of groups that may be compared.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim)
        Standardised where that is possible, as they are otherwise; a group that cannot be standardised is left out.
    given : str
        What was held equal, to follow the name of the outcome, such as " at the same age and sex"; empty for none.
    """

    values: xr.DataArray
    given: str

    @property
    def is_standardised(self) -> bool:
        """Whether anything was held equal."""
        return bool(self.given)

    def position(self, dim: str, levels: list[object]) -> NDArray[np.int64]:
        """
        Find levels among the values.

        Parameters
        ----------
        dim : str
            The dimension.
        levels : list
            Codes.

        Returns
        -------
        ndarray of int, shape (level,)
            Where each level stands, -1 where it was left out.
        """
        return np.asarray(self.values.get_index(dim).get_indexer(pd.Index(levels)), dtype=np.int64)


def alike(post: xr.DataTree, crude: xr.DataArray, dim: str, *, cover: Cover | None = None) -> Alike:
    """
    Standardise groups directly for age and sex, as far as the card knows them.

    Parameters
    ----------
    post : DataTree
        A posterior.
    crude : DataArray, dims (chain, draw, dim)
        Values of the groups as they are.
    dim : str
        The dimension.
    cover : Cover, optional
        What may be shown; `crude` is of it. Without one, nothing is withheld.

    Returns
    -------
    Alike
        Weights are the people of every age and sex in all groups together. A group without anybody of some age and sex
        has no standardised value and is left out; where fewer than two groups are left, values stay as they are.
    """
    card = card_of(post)
    strata = [d for d in (AGE, SEX) if d in card.dims and d != dim]
    if not strata or dim in strata or dim in (AGE, SEX):
        return Alike(crude, "")
    people = population(post)
    standard = people.groupby(strata, observed=True)[POPULATION].sum()
    standard = standard[standard > 0]
    held = (
        people[people[POPULATION] > 0]
        .groupby(dim, observed=True)[strata]
        .apply(lambda part: len(part.drop_duplicates()))
    )
    full = set(held.index[held == len(standard)])
    if len(full) < 2:
        return Alike(crude, "")
    rows = people[people[dim].isin(full)]
    values = standardised(post, dim, over=strata, weights=standard.to_xarray(), population=rows)
    if cover is not None:
        values = cover.apply(values, dim)
        if values.sizes[dim] < 2:
            return Alike(crude, "")
    names = " and ".join(dimension_label(d).removesuffix(" group") for d in strata)
    return Alike(values.assign_coords({dim: values[dim].assign_attrs(crude[dim].attrs)}), f" at the same {names}")
