"""What may leave of a posterior: every output of the package is made from these draws, not from the posterior's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.events import EVENTS as SEEN_EVENTS
from bayesineq.design.events import FEW_EVENTS, MORE_EVENTS, NO_EVENTS, SOME_EVENTS
from bayesineq.design.events import OTHERS as SEEN_OTHERS
from bayesineq.dims import DEPRIVATION, ETHNICITY, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.audit import NOTHING
from bayesineq.disclosure.covered import Draws, reason, withhold
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, is_small, rounded
from bayesineq.disclosure.steady import Sizes, steady
from bayesineq.disclosure.suppression import withheld
from bayesineq.disclosure.told import withheld_before
from bayesineq.errors import PosteriorError
from bayesineq.posterior.expected import expected, moments
from bayesineq.posterior.population import card_of, population

PEOPLE: Final = "people"
EVENTS: Final = "events"
OTHERS: Final = "people without the event"

_MOST: Final = 200_000
_BLOCK: Final = 1_024
_PART: Final = 1_024
_NUMBER: Final = "number of the group"

type Level = tuple[str, ...]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cover:
    """
    What of a posterior may be shown, and how coarsely.

    Parameters
    ----------
    rule : Rule
        Threshold and rounding.
    judges_people : bool
        Whether weights count people, so that few of them are withheld.
    counts : bool
        Whether values times denominators are counts.
    proportion : bool
        Whether values are proportions, so that people without the event are counts too.
    post : DataTree
        The posterior; what may be shown of its draws is made when it is asked for, see `steady`.
    people : Mapping of tuple of str to DataArray
        By dimensions: people of every group, withheld or not; the weights of its rows where they count no people.
    sizes : Mapping of tuple of str to Sizes
        By dimensions: what makes the rates of every group into events.
    hidden : Mapping of tuple of str to DataArray
        By dimensions: True where a group is withheld.
    audit : DataFrame
        What was withheld and why, without a count: `table`, `cell`, `column`, `reason`.
    made : dict of tuple of str to Covered
        What `values` was asked for so far, kept for the next time.
    """

    rule: Rule
    judges_people: bool
    counts: bool
    proportion: bool
    post: xr.DataTree
    people: Mapping[Level, xr.DataArray]
    sizes: Mapping[Level, Sizes]
    hidden: Mapping[Level, xr.DataArray]
    audit: pd.DataFrame
    made: dict[Level, Draws] = field(default_factory=dict, repr=False)

    @property
    def levels_covered(self) -> tuple[Level, ...]:
        """The tables that were covered, each by its dimensions, coarsest first."""
        return tuple(self.hidden)

    def values(self, by: str | Sequence[str] = ()) -> Draws:
        """
        Draws of groups that may be shown.

        Parameters
        ----------
        by : str or sequence of str
            The dimensions of the groups; none is everyone.

        Returns
        -------
        Covered
            Draws with dims (chain, draw, *by) as of `expected`, steadied, with rounded `population`.

        Raises
        ------
        PosteriorError
            These groups were not covered.
        """
        wanted = (by,) if isinstance(by, str) else tuple(by)
        level = self._level(wanted)
        if level not in self.made:
            self.made[level] = self._shown(expected(self.post, by=list(level)), level)
        return self.made[level].map(lambda draws: draws.transpose(*SAMPLE_DIMS, *wanted))

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
        return list(hidden[dim].to_numpy()[hidden.to_numpy()].tolist())

    @property
    def why(self) -> str:
        """Why groups are withheld, to follow "because"."""
        counted = " or ".join([*(["people"] if self.judges_people else []), *(["events"] if self.counts else [])])
        return reason(self.rule, counted, subtraction=True)

    def apply(self, values: xr.DataArray, *, in_place: bool = False) -> Draws:
        """
        Steady other draws of groups that were covered, such as rates at the same age.

        Parameters
        ----------
        values : DataArray, dims (chain, draw, *by)
            Draws; levels may be fewer than those of the posterior.
        in_place : bool
            Whether `values` may be written over, which saves the room of a copy.

        Returns
        -------
        Covered
            As `values` gives groups as they are: withheld groups are left out or missing alike. Over the rounded rate
            of the group as it is they stand as the draws do over its rate, so that they tell of its count what that
            tells, and no more.
        """
        wanted = tuple(str(dim) for dim in values.dims if dim not in SAMPLE_DIMS)
        return self._shown(values if in_place else values.copy(), self._level(wanted), other=True)

    def parts(
        self, by: str, of: Callable[[pd.DataFrame, str], xr.DataArray] | None = None, *, size: int = _PART
    ) -> Iterator[Draws]:
        """
        Draws of groups that may be shown, some groups at a time: for tens of thousands of them.

        Parameters
        ----------
        by : str
            The dimension of the groups.
        of : callable, optional
            Takes the rows of some groups, and the name of the column that numbers their groups, and gives other draws
            of them, which are steadied as of `apply`; by default they are those of `values`.
        size : int
            How many groups at a time.

        Yields
        ------
        Covered
            As of `values`.
        """
        level, rows = self._level((by,)), population(self.post)
        people = self.people[level]
        place = people.get_index(by).get_indexer(pd.Index(rows[by]))
        for first in range(0, people.size, size):
            some = (first <= place) & (place < first + size)
            # Numbered anew: as levels of the card, those of all others would be held too.
            part = rows[some].assign(**{_NUMBER: place[some]})
            values = expected(self.post, part, _NUMBER) if of is None else of(part, _NUMBER)
            named = people[by].isel({by: values[_NUMBER].to_numpy()})
            values = values.rename({_NUMBER: by}).assign_coords({by: named.to_numpy()})
            values[by].attrs |= named.attrs
            yield self._shown(values, level, other=of is not None)

    def _shown(self, values: xr.DataArray, level: Level, *, other: bool = False) -> Draws:
        """Draws of a table, or of some of its groups, as they may be shown; the values are written over."""
        wanted = tuple(str(dim) for dim in values.dims if dim not in SAMPLE_DIMS)
        at = {dim: values[dim] for dim in wanted}
        people, hidden = self.people[level].sel(at), self.hidden[level].sel(at).transpose(*wanted)
        dressed = _dressed(values, people, self.sizes[level].at(at), self, other=other)
        return withhold(dressed, hidden, self.rule, self.why)

    def _level(self, wanted: Level) -> Level:
        """The table that was covered with these dimensions, in whatever order."""
        found = next((level for level in self.hidden if sorted(level) == sorted(wanted)), None)
        if found is None:
            raise PosteriorError(f"by={list(wanted)} is none of the tables that were covered: {list(self.hidden)}")
        return found


def cover(post: xr.DataTree, disclosure: Disclosure = DEFAULT_RULE, *, also: Sequence[Sequence[str]] = ()) -> Cover:
    """
    Work out what of a posterior may be shown.

    Parameters
    ----------
    post : DataTree
        A posterior.
    disclosure : Rule, str or Path
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
    Counts are those that were observed and those that are implied: people times the posterior mean of their rate. A
    group is withheld where its people, events, or people without the event are small by either, or could be worked out
    by subtraction within any of these tables by a reader who knew every other implied count exactly. Pooling in a model
    does not exempt a rate.

    Expected events and exposure are not people: people are judged where the card names a population, and events by
    what was observed alone, see `bayesineq.design.events.few_events`. A group in which nobody had an event may be
    shown.

    Examples
    --------
    >>> from bayesineq import example
    >>> found = cover(example().post, Rule(threshold=200, base=5))
    >>> found.values("ethnicity").withheld
    ()
    >>> found.values(("imd_decile", "ethnicity")).withheld
    (('asian', 9), ('asian', 10), ('black', 9), ('black', 10))
    """
    rule = rule_of(disclosure)
    card = card_of(post)
    outcome = card.outcome
    counts, proportion = outcome.counts_events, outcome.link == "logit"
    given = {level: moments(post, by=list(level)) for level in _levels(card.dims, also)}
    people = {level: values[POPULATION].reset_coords(drop=True).astype(float) for level, values in given.items()}
    sizes = {level: sizes_of(post, level, values) for level, values in given.items()}
    columns = [
        *([PEOPLE] if outcome.weighs_people else []),
        *([EVENTS] if counts else []),
        *([OTHERS] if proportion else []),
    ]
    nested = _nested(post, list(given))
    tables, places, small = {}, {}, {}
    exact = rule.exact
    for level, values in given.items():
        key = (*level, *nested.get(level, {}))
        tables[key], places[level] = _table(values, level, nested.get(level, {}), sizes[level])
        for column, seen in classes_of(post, level, values).items():
            held, implied = seen.to_numpy().ravel()[places[level]], tables[key][column].to_numpy()
            small[key, column] = few_of(held, implied, seen.attrs["threshold"], exact)
            if sizes[level].known is None:
                small[key, column] |= is_small(implied, exact)
        codes = list(tables[key][list(level)].itertuples(index=False, name=None)) if level else [()]
        again = withheld_before(rule, level, codes)
        for column in columns if again.any() else ():
            small[key, column] = small.get((key, column), is_small(tables[key][column].to_numpy(), exact)) | again
    found, audit = withheld(tables, columns, exact, most=_MOST, small=small) if rule.few else ({}, NOTHING)
    audit = _by_cell(audit, columns)
    hidden: dict[Level, xr.DataArray] = {}
    for level in given:
        key = (*level, *nested.get(level, {}))
        # Where zero is withheld too, so is a cell that nobody is in.
        mask = np.full(people[level].size, rule.zeros) & (people[level].to_numpy().ravel() == 0)
        for column in columns:
            if (key, column) in found:
                mask[places[level]] |= found[key, column]
        hidden[level] = people[level].copy(data=mask.reshape(people[level].shape)).rename("hidden")
    return Cover(rule, outcome.weighs_people, counts, proportion, post, people, sizes, hidden, audit)


def _by_cell(audit: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """One row a cell: of which of its counts it is withheld would narrow down how many they are."""
    if audit.equals(NOTHING):
        return audit
    return audit.drop_duplicates(["table", "cell"], ignore_index=True).assign(column=", ".join(columns))


def _levels(dims: Sequence[str], also: Sequence[Sequence[str]]) -> list[Level]:
    """Tables that are published together, coarsest first."""
    levels: list[Level] = [(), *((dim,) for dim in dims)]
    deprivation = next((dim for dim in DEPRIVATION if dim in dims), None)
    if deprivation and ETHNICITY in dims:
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


def sizes_of(post: xr.DataTree, level: Level, values: xr.Dataset) -> Sizes:
    """
    Denominators of a table's rates, and what is known of its events.

    For rates of people, the people; else events expected, or exposure, of each group. `values` as of `moments`.
    """
    outcome = card_of(post).outcome
    base = values[POPULATION].reset_coords(drop=True).astype(float)
    own = (values["mean"].drop_vars(POPULATION), values["sd"].drop_vars(POPULATION))
    offset = {"expected", "exposure"} & set(outcome.columns)
    if not offset or not outcome.counts_events:
        return Sizes(base, True, None, *own)
    if outcome.weighs_people:
        # Ratios are averaged over people here; events are ratios times what was expected, row by row.
        rows = population(post).assign(**{POPULATION: np.exp(post["constant_data"]["offset"].to_numpy())})
        other = moments(post, rows, by=list(level))
        events = (abs(other["mean"]) * other[POPULATION]).drop_vars(POPULATION).reindex_like(base)
        rate = abs(own[0])
        base = (events / rate.where(rate > 0)).fillna(0.0).transpose(*level)
    return Sizes(base, False, classes_of(post, level, values).get(EVENTS), *own)


def classes_of(post: xr.DataTree, level: Level, values: xr.Dataset) -> dict[str, xr.DataArray]:
    """Classes of what was observed of a table's groups, by who is counted; none where a posterior does not hold them.

    `values` as of `moments`. Attribute `threshold`: what they were kept with.
    """
    if FEW_EVENTS not in post.children:
        return {}
    classes = post[FEW_EVENTS].to_dataset()
    found = {}
    for column, kind in ((EVENTS, SEEN_EVENTS), (OTHERS, SEEN_OTHERS)):
        for name, array in classes.data_vars.items():
            if str(name).startswith(f"{kind}_") and set(array.dims) == set(level):
                found[column] = array.sel({dim: values[dim] for dim in level}).transpose(*level)
                found[column].attrs["threshold"] = classes.attrs["threshold"]
    return found


def few_of(known: NDArray[np.int8], events: NDArray[np.float64], kept: int, rule: Rule) -> Mask:
    """
    Groups with few events as they were observed; above the threshold that was kept, also as they are implied.

    `known` holds the classes of `few_events`, `events` implied counts, both of shape (n_group,); `kept` is the
    threshold that the classes were kept with.
    """
    small = (known == SOME_EVENTS) | ((known == NO_EVENTS) & rule.zeros)
    if rule.threshold > kept:
        small |= (known == MORE_EVENTS) & is_small(events, rule)
    return np.asarray(small)


def _table(
    values: xr.Dataset, level: Level, nested: Mapping[str, Mapping[object, object]], sizes: Sizes
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Implied counts of a table's cells that somebody is in, and where each stands among all its cells."""
    people = values[POPULATION].transpose(*level).to_numpy().astype(float)
    rate = values["mean"].transpose(*level).to_numpy()
    at = np.flatnonzero(people.ravel() > 0)
    size = people.ravel()[at]
    events = np.abs(rate.ravel()[at]) * sizes.base.transpose(*level).to_numpy().astype(float).ravel()[at]
    index = np.unravel_index(at, people.shape) if level else ()
    columns: dict[str, object] = {
        dim: values[dim].to_numpy()[k].astype(object) for dim, k in zip(level, index, strict=True)
    }
    columns |= {other: [held[code] for code in values[level[0]].to_numpy()[at]] for other, held in nested.items()}
    counted = {PEOPLE: size, EVENTS: events, OTHERS: np.maximum(size - events, 0.0)}
    return pd.DataFrame(columns | counted, index=range(len(at))), at


def _dressed(
    values: xr.DataArray, people: xr.DataArray, sizes: Sizes, whole: Cover, *, other: bool = False
) -> xr.DataArray:
    """Steadied draws, of groups as they are or of another rate of theirs, with rounded people; over `values`."""
    dims = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
    ordered = values.transpose(*SAMPLE_DIMS, *dims)
    weight = people.transpose(*dims).to_numpy().astype(np.float64)
    if whole.counts:
        size = sizes.base.transpose(*dims).to_numpy().astype(np.float64).ravel()
        known = None if sizes.known is None else sizes.known.transpose(*dims).to_numpy().ravel()
        rate, spread = (array.transpose(*dims).to_numpy().ravel() for array in (sizes.rate, sizes.spread))
        # Draws that stand as they were made are written over; others are copied here.
        moved = ordered.to_numpy().reshape(-1, size.size).astype(np.float64, copy=False)
        # Each group by itself: some thousands at a time take little room beside the draws.
        for first in range(0, size.size, _BLOCK):
            part = moved[:, first : first + _BLOCK]
            held = first + np.flatnonzero(np.isfinite(part).all(axis=0))
            moved[:, held] = steady(
                moved[:, held],
                size[held],
                whole.rule,
                proportion=whole.proportion,
                are_people=sizes.are_people,
                known=None if known is None else known[held],
                own=(rate[held], spread[held]) if other else None,
            )
        ordered = ordered.copy(data=moved.reshape(ordered.shape))
    people_too = whole.rule.base > 1 and values.attrs.get("weights") not in {"expected", "exposure"}
    return ordered.assign_coords({POPULATION: (dims, rounded(weight, whole.rule) if people_too else weight)})
