"""Comparing like with like: what a report shows of groups and areas, adjusted and as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CHAIN, DRAW
from bayesineq.disclosure.cover import Cover
from bayesineq.disclosure.covered import Draws
from bayesineq.model.card import ModelCard
from bayesineq.posterior.adjusted import ADJUSTED_FOR, adjusted, is_adjusted
from bayesineq.posterior.population import card_of
from bayesineq.report.words.labels import column_label, dimension_label
from bayesineq.report.words.over_time import is_time
from bayesineq.report.words.sentences import listed


@dataclass(frozen=True, slots=True)
class Alike:
    """
    Values of groups that may be compared, and those of the groups as they are.

    Parameters
    ----------
    values : Covered
        Draws with dims (chain, draw, *by), at the same age, sex or whatever adjusts on the card; as the groups are
        where nothing does.
    crude : Covered
        Draws with the same dims, as the groups are.
    held : str
        What was held equal, in words, such as "age and sex"; empty for nothing.
    """

    values: Draws
    crude: Draws
    held: str

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return self.values.shown.sizes[CHAIN] * self.values.shown.sizes[DRAW]

    @property
    def is_adjusted(self) -> bool:
        """Whether anything was held equal."""
        return bool(self.held)

    @property
    def given(self) -> str:
        """What was held equal, to follow the name of the outcome, such as " at the same age and sex"."""
        return f" at the same {self.held}" if self.held else ""

    def renamed(self, dim: str, name: str) -> Alike:
        """Give the same with another name for a dimension."""
        if dim == name:
            return self
        values, crude = (draws.map(lambda shown: shown.rename({dim: name})) for draws in (self.values, self.crude))
        return Alike(values, crude, self.held)

    def position(self, dim: str, levels: list[object]) -> NDArray[np.int64]:
        """
        Find levels among the values.

        -1 stands for a level that was left out.
        """
        return np.asarray(self.values.shown.get_index(dim).get_indexer(pd.Index(levels)), dtype=np.int64)


def alike(post: xr.DataTree, cover: Cover, by: str | Sequence[str]) -> Alike:
    """
    Give groups everybody's age, sex or other adjusters, and keep beside what they are without.

    Withheld groups are withheld from both, see `bayesineq.posterior.adjusted`.
    """
    crude = cover.values(by)
    if not is_adjusted(post, by):
        return Alike(crude, crude, "")
    values = adjusted(post, by)
    held = held_in_words(card_of(post), values.attrs[ADJUSTED_FOR].split(", "))
    return Alike(cover.apply(values, in_place=True), crude, held)


def held_in_words(card: ModelCard, columns: Sequence[str]) -> str:
    """
    Name what was held equal.

    For example "age and sex". Groups have years in different shares, and no one year.
    """
    names = [
        f"mix of {name}s" if is_time(name, np.empty(0))
        else dimension_label(name).removesuffix(" group") if name in card.dims else column_label(card.table, name)
        for name in columns
    ]  # fmt: skip
    return listed(names) if names else ""
