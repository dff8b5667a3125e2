"""Values that may be shown: the one type that figures, tables and sentences take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, implied_small, is_small
from bayesineq.errors import DisclosureError

_COUNTED: Final = ("proportion", "rate", "rate ratio")
_OFFSETS: Final = ("expected", "exposure")


@dataclass(frozen=True, slots=True)
class Covered[T]:
    """
    Values from which everything that may not be shown is gone already: what a figure, a table or a sentence takes.

    Parameters
    ----------
    shown : DataArray or DataFrame
        What may be shown. Of draws, one dimension stands without the levels that are withheld, two or more with those
        missing.
    withheld : tuple
        Codes that are withheld; of several dimensions, tuples of codes.
    of : int
        How many there are, withheld or not.
    rule : Rule
        The rule that they passed.
    why : str
        Why some are withheld, to follow "because".
    """

    shown: T
    withheld: tuple[object, ...]
    of: int
    rule: Rule
    why: str

    def map(self, function: Callable[[T], T]) -> Covered[T]:
        """
        Covered values made of these and of nothing else.

        Parameters
        ----------
        function : callable
            Takes what may be shown and gives what is shown instead, such as other names or an order.

        Returns
        -------
        Covered
            Under the same rule, with the same withheld.
        """
        return replace(self, shown=function(self.shown))

    def words(self, named: str) -> str:
        """
        Say how many are withheld, and why.

        Parameters
        ----------
        named : str
            What they are, in the plural, such as "counties".

        Returns
        -------
        str
            For example "18 of 100 counties are shown; 82 are withheld, because ..."; empty where all are shown.
        """
        gone = len(self.withheld)
        if not gone:
            return ""
        kept = self.of - gone
        shown = f"{kept:,} of {self.of:,} {named} {'is' if kept == 1 else 'are'} shown"
        if not kept:
            shown = f"None of the {self.of:,} {named} is shown"
        return (
            f"{shown}; {gone:,} {'is' if gone == 1 else 'are'} withheld, because {self.why}. Figures, tables and "
            "comparisons leave them out: nothing here may be concluded about them, be it good or bad."
        )


type Draws = Covered[xr.DataArray]
"""Draws that may be shown, dims (chain, draw, ...)."""


def covered(values: xr.DataArray | Draws, disclosure: Disclosure = DEFAULT_RULE, *, counts: bool = True) -> Draws:
    """
    Withhold groups of few people or events from draws: the way into every figure and table of groups.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, *by), or Covered
        Outcome of each group, as `expected` gives it. Without the coordinate `population` along all of `by` nothing can
        be told of them, and all are shown. What is covered already is given back as it is.
    disclosure : Rule, str or Path
        When a count is small.
    counts : bool
        Whether values times population are counts of people or events, as with proportions and rates; the attributes
        `scale` and `weights` of `expected` go before it.

    Returns
    -------
    Covered
        Draws without the groups that may not be shown. They are not rounded, and nothing is withheld against
        subtraction: for what leaves, cover the posterior (`bayesineq.disclosure.cover`).

    Examples
    --------
    >>> draws = xr.DataArray(
    ...     [[[0.02, 0.3]]],
    ...     dims=("chain", "draw", "sex"),
    ...     coords={"sex": ["F", "M"], "population": ("sex", [100, 100])},
    ... )
    >>> safe = covered(draws)
    >>> safe.shown["sex"].to_numpy().tolist(), safe.withheld
    (['M'], ('F',))
    """
    rule = rule_of(disclosure)
    if isinstance(values, Covered):
        return values
    dims = tuple(str(dim) for dim in values.dims if dim not in SAMPLE_DIMS)
    if POPULATION not in values.coords or set(values[POPULATION].dims) != set(dims):
        return Covered(values, (), int(np.prod([values.sizes[dim] for dim in dims])), rule, reason(rule, "people"))
    mean, weight = values.mean(SAMPLE_DIMS), values[POPULATION].reset_coords(drop=True)
    small = _small(mean.transpose(*weight.dims).to_numpy(), weight.to_numpy(), values.attrs, rule, counts)
    hidden = weight.copy(data=small).transpose(*dims)
    return withhold(values, hidden, rule, reason(rule, "people or events"))


def withhold(values: xr.DataArray, hidden: xr.DataArray, rule: Rule, why: str) -> Draws:
    """
    Leave out groups that may not be shown; cells of a crossing are missing.

    `hidden`, dims by, is True where a group is withheld; `why` follows "because".
    """
    mask = hidden.to_numpy().astype(bool)
    dims = [str(dim) for dim in hidden.dims]
    if len(dims) == 1:
        shown = values.isel({dims[0]: ~mask}) if mask.any() else values
        gone: tuple[object, ...] = tuple(hidden[dims[0]].to_numpy()[mask].tolist())
    else:
        shown = values.where(~hidden)
        # One stands for somebody: such a cell is drawn as withheld, and not as empty.
        shown = shown.assign_coords({POPULATION: values[POPULATION].where(~hidden, 1.0)})
        levels = [hidden[dim].to_numpy().tolist() for dim in dims]
        gone = tuple(tuple(level[k] for level, k in zip(levels, at, strict=True)) for at in np.argwhere(mask))
    return Covered(shown, gone, mask.size, rule, why)


def reason(rule: Rule, counted: str, *, subtraction: bool = False) -> str:
    """
    Why groups are withheld.

    It follows "because". `counted` is "people", "events" or both.
    """
    also = ", or because such a count could be worked out by subtraction" if subtraction else ""
    return f"{0 if rule.zeros else 1} to {rule.few} {counted} stand behind a number{also}"


def require_covered(values: object) -> None:
    """Refuse values that have not passed the rule, wherever something is drawn, printed or said of them."""
    if not isinstance(values, Covered):
        raise DisclosureError(
            f"what is shown must have passed the disclosure rule; given {type(values).__name__}: cover the posterior, "
            "cover(post).values(by), or draws that can be judged, covered(draws)"
        )


def _small(
    mean: NDArray[np.floating], weight: NDArray[Any], attrs: dict[Any, Any], rule: Rule, counts: bool
) -> NDArray[np.bool_]:
    """Whether groups have few people or events, by what their weights count; a missing value is nobody's."""
    rate, people = np.nan_to_num(np.abs(mean.astype(np.float64))), weight.astype(np.float64)
    scale, kind = attrs.get("scale"), attrs.get("weights")
    # Expected events and exposure are not people and are not judged.
    if kind in _OFFSETS:
        return is_small(rate * people, rule)
    counted = scale in _COUNTED if scale is not None else counts
    # Averaged over people, a ratio or a rate times them is no number of events.
    if counted and not (kind == POPULATION and scale in {"rate", "rate ratio"}):
        return implied_small(rate, people, rule)
    return is_small(people, rule)
