"""What a report is of: its title, the outcome in words, the place and the period, said in its head and its captions."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

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


def set_in(post: xr.DataTree, place: str | None, period: str | None) -> xr.DataTree:
    """
    Say of a posterior where and when its table is from.

    Parameters
    ----------
    post : DataTree
        A posterior.
    place, period : str or None
        In words; None leaves it unsaid.

    Returns
    -------
    DataTree
        The same posterior, with the attributes `place` and `period`, which reports of it give.
    """
    said = post.copy()
    said.attrs |= {key: value for key, value in ((PLACE, place), (PERIOD, period)) if value}
    return said
