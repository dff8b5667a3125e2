"""What may leave of a posterior: every output of the package is made from these draws, not from the posterior's own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.card import ModelCard
from bayesineq.dims import ETHNICITY, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import card_of, population
from bayesineq.report.labels import DEPRIVATION
from bayesineq.tables.disclosure import DEFAULT_RULE, Rule
from bayesineq.tables.suppression import AUDIT, withheld

PEOPLE: Final = "people"
EVENTS: Final = "events"
OTHERS: Final = "people without the event"

_MOST: Final = 200_000
_FINE: Final = 20
_RATIO: Final = 1.1

type Level = tuple[str, ...]
type Float = NDArray[np.float64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cover:
    """
    What of a posterior may be shown, and how coarsely.

    Parameters
    ----------
    rule : Rule
        Threshold and rounding.
    counts : bool
        Whether values times people are counts.
    proportion : bool
        Whether values are proportions, so that people without the event are counts too.
    draws : Mapping of tuple of str to DataArray
        By dimensions: draws that may be shown, see `steady`; one dimension without the levels that are withheld, two
        with those missing.
    people : Mapping of tuple of str to DataArray
        By dimensions: people of every group, withheld or not.
    hidden : Mapping of tuple of str to DataArray
        By dimensions: True where a group is withheld.
    audit : DataFrame
        What was withheld and why, without a count: `table`, `cell`, `column`, `reason`.
    """

    rule: Rule
    counts: bool
    proportion: bool
    draws: Mapping[Level, xr.DataArray]
    people: Mapping[Level, xr.DataArray]
    hidden: Mapping[Level, xr.DataArray]
    audit: pd.DataFrame

    def values(self, by: str | Sequence[str] = ()) -> xr.DataArray:
        """
        Draws of groups that may be shown.

        Parameters
        ----------
        by : str or sequence of str
            The dimensions of the groups; none is everyone.

        Returns
        -------
        DataArray, dims (chain, draw, *by)
            As of `expected`, steadied, with rounded `population`.

        Raises
        ------
        PosteriorError
            These groups were not covered.
        """
        wanted = (by,) if isinstance(by, str) else tuple(by)
        found = next((level for level in self.draws if sorted(level) == sorted(wanted)), None)
        if found is None:
            raise PosteriorError(f"by={list(wanted)} is none of the tables that were covered: {list(self.draws)}")
        return self.draws[found].transpose(*SAMPLE_DIMS, *wanted)

    def levels(self, dim: str) -> list[object]:
        """
        Levels of a dimension that are withheld.

        Parameters
        ----------
        dim : str
            The dimension.

        Returns
        -------
        list
            Codes, in the order of the posterior.
        """
        hidden = self.hidden[(dim,)]
        return list(hidden[dim].to_numpy()[hidden.to_numpy()])

    def apply(self, values: xr.DataArray, dim: str) -> xr.DataArray:
        """
        Steady other draws of the groups of one dimension, such as rates at the same age.

        Parameters
        ----------
        values : DataArray, dims (chain, draw, dim)
            Draws; levels may be fewer than those of the posterior.
        dim : str
            The dimension.

        Returns
        -------
        DataArray
            Without levels that are withheld.
        """
        kept = ~self.hidden[(dim,)].sel({dim: values[dim]}).to_numpy()
        people = self.people[(dim,)].sel({dim: values[dim]})
        shown = _dressed(values, people, self).isel({dim: kept})
        return shown.assign_attrs(withheld=int((~kept).sum()))


def cover(post: xr.DataTree, rule: Rule = DEFAULT_RULE, *, also: Sequence[Sequence[str]] = ()) -> Cover:
    """
    Work out what of a posterior may be shown.

    Parameters
    ----------
    post : DataTree
        A posterior.
    rule : Rule
        Threshold and rounding; `Rule(0, 1)` withholds nothing and leaves every draw as it is.
    also : sequence of sequence of str
        More tables that are published, each by its dimensions. Every dimension of the card, ethnicity by deprivation
        and the total are always reckoned with, whichever output asks, so that outputs of one posterior agree.

    Returns
    -------
    Cover
        Draws, masks and audit.

    Notes
    -----
    Counts are implied: people times the posterior mean of their rate. A group is withheld where its people, events, or
    people without the event are small, or could be worked out by subtraction within any of these tables by a reader
    who knew every other implied count exactly. Pooling in a model does not exempt a rate.
    """
    card = card_of(post)
    counts = card.outcome.link in {"logit", "log"}
    proportion = card.outcome.link == "logit"
    given = {level: expected(post, by=list(level)) for level in _levels(card, also)}
    people = {level: values[POPULATION].reset_coords(drop=True).astype(float) for level, values in given.items()}
    columns = [PEOPLE, *([EVENTS] if counts else []), *([OTHERS] if proportion else [])]
    nested = _nested(post, list(given))
    tables, places = {}, {}
    for level, values in given.items():
        table, at = _table(values, level, nested.get(level, {}))
        tables[(*level, *nested.get(level, {}))] = table
        places[level] = at
    found, audit = withheld(tables, columns, Rule(rule.threshold, 1), most=_MOST) if rule.threshold else ({}, _NOTHING)
    hidden: dict[Level, xr.DataArray] = {}
    draws: dict[Level, xr.DataArray] = {}
    for level, values in given.items():
        key = (*level, *nested.get(level, {}))
        mask = np.zeros(values[POPULATION].size, dtype=bool)
        for column in columns:
            if (key, column) in found:
                mask[places[level]] |= found[key, column]
        hidden[level] = people[level].copy(data=mask.reshape(people[level].shape)).rename("hidden")
    whole = Cover(rule, counts, proportion, draws, people, hidden, audit)
    for level, values in given.items():
        shown = _dressed(values, people[level], whole)
        if len(level) == 1:
            shown = shown.isel({level[0]: ~hidden[level].to_numpy()})
        else:
            shown = shown.where(~hidden[level])
            # One stands for somebody: such a cell is drawn as withheld, and not as empty.
            shown = shown.assign_coords({POPULATION: shown[POPULATION].where(~hidden[level], 1.0)})
        shown.attrs["withheld"] = int(hidden[level].sum())
        draws[level] = shown
    return whole


def steady(draws: Float, people: Float, rule: Rule, *, proportion: bool) -> Float:
    r"""
    Draws of rates from which a count is told no closer than the rounded count tells it.

    Parameters
    ----------
    draws : ndarray, shape (n_draw, n_group)
        Draws of each group's rate.
    people : ndarray, shape (n_group,)
        Denominators.
    rule : Rule
        Rounding; with a base of 1 draws are left as they are.
    proportion : bool
        Whether rates end at 1; those above one half are steadied from that end.

    Returns
    -------
    ndarray, shape (n_draw, n_group)
        Draws whose mean is the rounded count over the rounded denominator, as Hospital Episode Statistics take
        percentages, and whose spread is a function of that and of how strongly the group was pooled, to one part in
        ten.

    Notes
    -----
    Everything that is worked out from these draws, be it an interval, an exceedance or an index, tells no more than
    they do: no later step can undo the rounding. With :math:`y = N \bar r` and :math:`c = y\,(s / \bar r)^2`, the mean
    becomes :math:`y'/N'` and the coefficient of variation :math:`\sqrt{c'/y'}`; draws keep their shape, to a twentieth
    of a standard deviation.
    """
    if rule.base == 1 or not draws.shape[1]:
        return draws
    mean = draws.mean(axis=0)
    flip = proportion & (mean > 0.5)
    side = np.where(flip, 1.0 - draws, draws)
    middle, spread = np.where(flip, 1.0 - mean, mean), side.std(axis=0)
    # Draws that are all alike have no shape to keep, only the dust of arithmetic.
    spread = np.where(spread > 1e-9 * middle, spread, 0.0)
    count = middle * people
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.maximum(_rounded(count, rule), rule.base) / np.maximum(_rounded(people, rule), rule.base)
        noise = np.where((spread > 0) & (count > 0), (spread / middle) ** 2 * count, 1.0)
        noise = _RATIO ** np.round(np.log(noise) / np.log(_RATIO))
        wide = target * np.sqrt(noise / np.maximum(_rounded(count, rule), rule.base))
        z = np.where(spread > 0, (side - middle) / spread, 0.0)
    z = np.round(z * _FINE) / _FINE
    moved = np.maximum(target + wide * (z - z.mean(axis=0)), 0.0)
    moved = np.where(count > 0, moved, side)
    if proportion:
        moved = np.minimum(moved, 1.0)
    return np.where(flip, 1.0 - moved, moved)


_NOTHING: Final = pd.DataFrame(
    [("all", "all", "all", "nothing: disclosure control was switched off with a threshold of 0")], columns=list(AUDIT)
)


def _rounded(count: Float, rule: Rule) -> Float:
    return np.asarray(np.floor(count / rule.base + 0.5) * rule.base)


def _levels(card: ModelCard, also: Sequence[Sequence[str]]) -> list[Level]:
    """Tables that are published together, coarsest first."""
    levels: list[Level] = [(), *((dim,) for dim in card.dims)]
    deprivation = next((dim for dim in DEPRIVATION if dim in card.dims), None)
    if deprivation and ETHNICITY in card.dims:
        levels.append((ETHNICITY, deprivation))
    known = {frozenset(level) for level in levels}
    return levels + [tuple(more) for more in also if frozenset(more) not in known]


def _nested(post: xr.DataTree, levels: Sequence[Level]) -> dict[Level, dict[str, dict[object, object]]]:
    """For each dimension, the others that it settles: an area lies in one decile, so deciles are sums of areas."""
    frame = population(post)
    frame = frame[frame[POPULATION] > 0]
    found: dict[Level, dict[str, dict[object, object]]] = {}
    single = [level[0] for level in levels if len(level) == 1 and level[0] in frame.columns]
    for dim, other in itertools.permutations(single, 2):
        pairs = frame[[dim, other]].drop_duplicates()
        if not pairs[dim].duplicated().any() and pairs[other].duplicated().any():
            found.setdefault((dim,), {})[other] = dict(zip(pairs[dim], pairs[other], strict=True))
    return found


def _table(
    values: xr.DataArray, level: Level, nested: Mapping[str, Mapping[object, object]]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Implied counts of a table's cells that somebody is in, and where each stands among all its cells."""
    people = values[POPULATION].transpose(*level).to_numpy().astype(float)
    rate = values.mean(SAMPLE_DIMS).transpose(*level).to_numpy()
    at = np.flatnonzero(people.ravel() > 0)
    size = people.ravel()[at]
    events = np.abs(rate.ravel()[at]) * size
    index = np.unravel_index(at, people.shape) if level else ()
    columns: dict[str, object] = {
        dim: values[dim].to_numpy()[k].astype(object) for dim, k in zip(level, index, strict=True)
    }
    columns |= {other: [held[code] for code in values[level[0]].to_numpy()[at]] for other, held in nested.items()}
    counted = {PEOPLE: size, EVENTS: events, OTHERS: np.maximum(size - events, 0.0)}
    return pd.DataFrame(columns | counted, index=range(len(at))), at


def _dressed(values: xr.DataArray, people: xr.DataArray, whole: Cover) -> xr.DataArray:
    """Steadied draws with rounded people."""
    dims = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
    ordered = values.transpose(*SAMPLE_DIMS, *dims)
    size = people.transpose(*dims).to_numpy().astype(np.float64)
    if whole.counts:
        flat = ordered.to_numpy().reshape(-1, size.size).astype(np.float64)
        held = np.flatnonzero(np.isfinite(flat).all(axis=0))
        moved = flat.copy()
        moved[:, held] = steady(flat[:, held], size.ravel()[held], whole.rule, proportion=whole.proportion)
        ordered = ordered.copy(data=moved.reshape(ordered.shape))
    rounded = _rounded(size, whole.rule) if whole.rule.base > 1 else size
    return ordered.assign_coords({POPULATION: (dims, rounded)})
