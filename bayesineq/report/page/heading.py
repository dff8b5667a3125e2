"""What a report is of: its title, the outcome in words, the place and the period, said in its head and its captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import xarray as xr

from bayesineq.dims import CI_PROB
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule
from bayesineq.report.words.kinds import Kind, report_kind
from bayesineq.report.words.labels import Labels

PLACE, PERIOD = "place", "period"
"""Attributes of a posterior that say where and when its table is from."""


@dataclass(frozen=True, slots=True)
class Heading:
    """
    What a report is of, as far as it was stated.

    Parameters
    ----------
    title : str, optional
        Heading in place of the one that is made from the outcome.
    outcome : str, optional
        The outcome in words, in place of the card's.
    place, period : str, optional
        Where and when, in words.
    """

    title: str | None = None
    outcome: str | None = None
    place: str | None = None
    period: str | None = None

    @property
    def where(self) -> str:
        """Place and period in words; empty where neither was stated."""
        return ", ".join(part for part in (self.place, self.period) if part)

    def of(self, post: xr.DataTree) -> Heading:
        """Give the same, with the place and the period of a posterior where none was stated."""
        place, period = (post.attrs.get(key) for key in (PLACE, PERIOD))
        return Heading(
            self.title,
            self.outcome,
            self.place or (None if place is None else str(place)),
            self.period or (None if period is None else str(period)),
        )


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """
    How a report is laid out.

    Parameters
    ----------
    kind : {"standard", "health_equity_audit", "section_13sa", "core20plus5", "methods"}
        What the report is for.
    title : str, optional
        Heading; by default made from the kind, the outcome, the place and the period.
    outcome : str, optional
        The outcome in words, such as "diabetes prevalence"; by default as the card names it.
    place, period : str, optional
        Where and when, in words, for the head and every caption; by default as the posterior's attributes have it.
    labels : mapping of str to mapping, optional
        By dimension, names of codes: `{"ethnicity": {"A": "White British"}}`.
    prob : float
        Probability that the intervals hold.
    disclosure : Rule, str or Path
        The rule for small counts, the name of a set of rules, or the path of one's own. Every number, figure and word
        is made from draws that may be shown, see `bayesineq.disclosure.cover`.
    code : str, optional
        Column of area codes in the boundaries.
    explorer : bool
        Whether to add the explorer, with the extra `bayesineq[explorer]`. It is the only part that runs a script; the
        page names the script to the browser, which runs no other.
    parts : str, optional
        Column of the boundaries with the part of the map that each area lies in, such as its integrated care board.
        The explorer then opens on a map of the parts and shows the areas of the one that is chosen; above 8,000 areas
        it must.

    Raises
    ------
    BayesineqError
        If there is no such kind.

    Examples
    --------
    >>> ReportOptions(kind="core20plus5", place="Suffolk").kind
    'core20plus5'
    """

    kind: Kind = "standard"
    title: str | None = None
    outcome: str | None = None
    place: str | None = None
    period: str | None = None
    labels: Labels | None = None
    prob: float = CI_PROB
    disclosure: Disclosure = DEFAULT_RULE
    code: str | None = None
    explorer: bool = False
    parts: str | None = None

    def __post_init__(self) -> None:
        report_kind(self.kind)
        rule_of(self.disclosure)

    @property
    def rule(self) -> Rule:
        """The rule for small counts."""
        return rule_of(self.disclosure)

    def heading(self, post: xr.DataTree) -> Heading:
        """What a report of a posterior is of."""
        return Heading(self.title, self.outcome, self.place, self.period).of(post)


STANDARD: Final = ReportOptions()


def set_in(post: xr.DataTree, place: str | None, period: str | None) -> xr.DataTree:
    """
    Say of a posterior where and when its table is from.

    Reports of it give them.
    """
    said = post.copy()
    said.attrs |= {key: value for key, value in ((PLACE, place), (PERIOD, period)) if value}
    return said
