"""Parts of a report before it is laid out: tables as they are printed, sections, and what every part needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from bayesineq.dims import AREA
from bayesineq.disclosure.cover import Cover
from bayesineq.disclosure.rule import Rule, shown_count
from bayesineq.model.card import ModelCard
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.alike import Alike
from bayesineq.report.tables.numbers import Unit, write
from bayesineq.report.words.labels import Labels
from bayesineq.report.words.sentences import Statement
from bayesineq.report.words.unrecorded import unrecorded_words

Row = tuple[str, ...]
_NO_PEOPLE = frozenset(
    {"appointments", "admissions", "attendances", "referrals", "events", "calls", "visits", "births"}
)
"""Denominators of which a share is no number of people."""

type Record = Mapping[str, Any]
type Columns = dict[str, Callable[[Record], str]]
"""By heading, how the cell of a row is written."""


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table as it is printed: every cell is text that has passed the disclosure rule.

    Parameters
    ----------
    caption : str
        What it holds.
    header : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        Cells; the first of each row names it.
    """

    caption: str
    header: Row
    rows: tuple[Row, ...]


def table_of(caption: str, rows: pd.DataFrame, columns: Columns) -> Table:
    """Lay rows out as a table: by heading, how the cell of a row is written."""
    records: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
    return Table(caption, tuple(columns), tuple(tuple(said(row) for said in columns.values()) for row in records))


@dataclass(frozen=True, slots=True)
class Section:
    """
    One dimension, or the map, of a report.

    Parameters
    ----------
    title : str
        Heading.
    statements : tuple of Statement
        What is found, in words.
    tables : tuple of Table
        Numbers.
    charts : tuple of Chart
        Figures.
    leads : tuple of (Chart, str)
        Those of the figures that a page may begin with, and how to read them in few words.
    """

    title: str
    statements: tuple[Statement, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    leads: tuple[tuple[Chart, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """
    What every part of a report needs.

    Parameters
    ----------
    post : DataTree
        The posterior.
    card : ModelCard
        Its card.
    unit : Unit
        How values are written.
    labels : mapping of str to mapping or None
        By dimension, names of codes.
    prob : float
        Probability that the intervals hold.
    rule : Rule
        How small counts are treated.
    cover : Cover
        Draws that may be shown, from which everything is made.
    """

    post: xr.DataTree
    card: ModelCard
    unit: Unit
    labels: Labels | None
    prob: float
    rule: Rule
    cover: Cover

    @property
    def level(self) -> str:
        """Probability of the intervals, for headings."""
        return f"{100 * self.prob:.0f}%"

    def shown_as(self, like: Alike) -> dict[str, Any]:
        """How figures and sentences of an outcome are told to name and write it."""
        outcome = self.card.outcome
        named = f"{outcome.name}{like.given}"
        return {"outcome": named, "unit": self.unit, "more_is": outcome.more_is, "prob": self.prob}

    @property
    def assumed(self) -> tuple[str, ...]:
        """What was assumed of people without a record of a latent column, in words; nothing without such a column."""
        latent = next(iter(self.card.latent), None)
        return () if latent is None else unrecorded_words(self.post, latent, self.labels, self.rule)

    @property
    def counts(self) -> bool:
        """Whether values are proportions or rates, so that ratios exist and values times people are counts."""
        return self.card.outcome.link in {"logit", "log"}

    @property
    def place(self) -> str | None:
        """The dimension of areas, None where the card has none."""
        spatial = next((term.by[0] for term in self.card.terms if term.is_spatial), None)
        return spatial or (AREA if AREA in self.card.dims else None)

    @property
    def size_name(self) -> str:
        """What groups are counted in, such as "population" or "appointments"."""
        role = self.card.outcome.weight_role
        if role == "expected":
            return "events expected"
        return self.card.outcome.columns[role].replace("_", " ") if role else "rows"

    @property
    def counted(self) -> str:
        """What a mean times its denominator is a number of, such as "people", "appointments" or "deaths"."""
        columns = self.card.outcome.columns
        if self.card.outcome.weight_role == "at_risk":
            return self.size_name if columns["at_risk"] in _NO_PEOPLE else "people"
        return columns.get("count", "events").replace("_", " ")

    def size(self, value: float) -> str:
        """Size of a group as it may be shown: people rounded, events expected and exposure as they are."""
        if self.card.outcome.weighs_people:
            return shown_count(value, self.rule)
        return write(value, 0 if value >= 1_000 else 1)

    @property
    def average_of_areas(self) -> str:
        """What areas are compared with, in words: withheld ones are not in it."""
        place = self.place
        return "the average of the areas shown" if place and self.cover.levels(place) else "the average of all areas"
