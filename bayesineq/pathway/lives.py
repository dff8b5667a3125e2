"""Life expectancy of areas and groups by year, a block of areas at a time, and years lost against a named table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import AGE, CHAIN, CI_PROB, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.measures.life_table import years_of_life_lost
from bayesineq.pathway.together import listed, number
from bayesineq.posterior.expected import groups_of, names_of, scale_of
from bayesineq.posterior.groups import summarise
from bayesineq.posterior.lift import declared_order
from bayesineq.posterior.population import card_of, provenance, resolve
from bayesineq.posterior.predictor import group_totals, predictor_of
from bayesineq.posterior.standardise import first_and_next_age

type Floats = NDArray[np.float64]

_VALUES: Final = 1 << 24
"""Rates held at once: draws by groups by ages."""

_SUMMARISED: Final = 4096
_OPEN: Final = ("+", "over")
_SHOWN: Final = 5
METHOD: Final = (
    "Chiang's abridged life table; those who die in a closed band live half of it, in the first year of life a tenth; "
    "those who reach the open band live the reciprocal of its death rate"
)


@dataclass(frozen=True, slots=True, repr=False)
class LifeExpectancy:
    """
    Life expectancy of areas or groups.

    Parameters
    ----------
    years : DataArray, dims (chain, draw, *by)
        Years expected at age `at`, in single precision; more is better. Coordinate `population`: person-years.
    table : DataFrame
        A row a group: its codes, `population`, `mean`, `sd`, `median`, `lower`, `upper`.
    at : int
        Age at which years are expected: 0 is birth.
    method : str
        How the life table is closed and what is assumed of those who die.
    text : str
        Range of the groups in words.
    """

    years: xr.DataArray
    table: pd.DataFrame
    at: int
    method: str
    text: str

    def __repr__(self) -> str:
        return f"LifeExpectancy({self.text})"


@dataclass(frozen=True, slots=True, repr=False)
class ReferenceTable:
    """
    Years that a reference life table leaves at each age.

    Parameters
    ----------
    name : str
        What it is called and who published it: years lost are nothing without it.
    ages : array_like, shape (n,)
        Exact ages, rising from the first that is needed.
    years : array_like, shape (n,)
        Years expected at each of them.
    """

    name: str
    ages: ArrayLike
    years: ArrayLike

    def __post_init__(self) -> None:
        ages, years = np.asarray(self.ages, dtype=np.float64), np.asarray(self.years, dtype=np.float64)
        if ages.ndim != 1 or ages.shape != years.shape or len(ages) < 2 or not self.name:
            raise MeasureError("a reference table needs a name and as many years as ages, two or more")
        if not ((np.diff(ages) > 0).all() and (years > 0).all() and (np.diff(ages + years) >= 0).all()):
            raise MeasureError(
                f"the reference table {self.name!r} is none: ages must rise, years be above zero, and the age that is "
                "expected in the end not fall with the age that was reached"
            )

    def __repr__(self) -> str:
        return f"ReferenceTable({self.name}: {np.asarray(self.years)[0]:.4g} years at {np.asarray(self.ages)[0]:g})"


def life_expectancy(
    post: xr.DataTree,
    by: str | Sequence[str] | None = None,
    *,
    at: int = 0,
    age: str = AGE,
    population: pd.DataFrame | None = None,
    prob: float = CI_PROB,
    threads: int | None = None,
) -> LifeExpectancy:
    """
    Life expectancy of areas, deprivation groups and years, for every draw of their death rates.

    Parameters
    ----------
    post : DataTree
        Posterior of deaths with person-years as exposure, such as that of the card "life_expectancy".
    by : str or sequence of str, optional
        Columns that make the groups, such as `["area", "year"]`; None is everyone.
    at : int
        First age of a band: years expected at that age; 0 is life expectancy at birth.
    age : str
        Dimension of age bands; they must follow one another, the last one open.
    population : DataFrame, optional
        Whom to average over within groups and ages; by default those that were fitted.
    prob : float
        Probability of the intervals.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.

    Returns
    -------
    LifeExpectancy
        Years as draws and as a table.

    Raises
    ------
    PosteriorError
        If the posterior is not of rates, age bands overlap, leave a gap or lack an open one, or a group has nobody of
        an age.
    MeasureError
        If the rates make no life table.

    Notes
    -----
    A block of groups at a time: draws by areas by years by ages are never held together. `bayesineq.posterior.
    life_expectancy` gives all ages at once, of fewer groups.

    References
    ----------
    Chiang 1968, Introduction to Stochastic Processes in Biostatistics; Eayres & Williams 2004, J Epidemiol Community
    Health 58:243, on small areas

    Examples
    --------
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> deaths = pd.DataFrame({"age_band": ["00-64", "65+"], "deaths": [100, 500], "years": [50_000.0, 10_000.0]})
    >>> card = parse_card('''
    ... name = "deaths"
    ... question = "How long?"
    ... table = "deaths"
    ... [outcome]
    ... count = "deaths"
    ... exposure = "years"
    ... likelihood = "poisson"
    ... [terms]
    ... age = { kind = "exchangeable", by = "age_band" }
    ... ''')
    >>> found = life_expectancy(fit(design(deaths, card), draws=200, seed=1, progress=False))
    >>> found.table["mean"].round(0).tolist()
    [79.0]
    """
    names = names_of(by)
    frame = _of_rates(post, population, [*names, age])
    bands, starts = bands_in_order(frame[age])
    if at not in starts:
        raise PosteriorError(f"at={at} is the first age of no band; the bands begin at {starts}")
    years, people = _streamed(
        post, frame, names, age, bands, lambda rate, _: chiang(rate, ages=starts)[..., starts.index(at)], threads
    )
    values = _named(post, frame, names, years, people, population).rename("life_expectancy")
    said = {"scale": "years", "units": f"years of life expected at age {at}", "more_is": "better", "link": "identity"}
    values = values.assign_attrs({**provenance(post), **said, "outcome": "life expectancy"})
    table = summaries_of(values, names, prob)
    low, high = float(table["mean"].min()), float(table["mean"].max())
    over = f" over {table.shape[0]:,} groups of {listed(names)}" if names else ""
    text = f"{number(low)} to {number(high)} years expected at age {at}{over}; more is better. {METHOD}"
    return LifeExpectancy(values, table, at, METHOD, text)


def years_lost(
    post: xr.DataTree,
    reference: ReferenceTable,
    by: str | Sequence[str] | None = None,
    *,
    age: str = AGE,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
) -> xr.DataArray:
    """
    Years of life lost against a reference table, per person-year, for every draw of death rates.

    Parameters
    ----------
    post : DataTree
        Posterior of deaths with person-years as exposure.
    reference : ReferenceTable
        The table that says how many years a death at each age takes.
    by : str or sequence of str, optional
        Columns that make the groups; None is everyone.
    age : str
        Dimension of age bands.
    population : DataFrame, optional
        Whom to average over; by default those that were fitted.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Years lost per person-year; more is worse. Attribute `reference` names the table, coordinate `population` holds
        the person-years: multiply by them for years lost in all.

    Raises
    ------
    PosteriorError
        As for `life_expectancy`.
    MeasureError
        If the reference table begins after the first age band.

    Notes
    -----
    A death counts the years that the table leaves at the middle of its band, by straight lines between its ages; one in
    the open band at its first age plus the years that are lived in it, the reciprocal of its rate.

    References
    ----------
    Murray 1996, The Global Burden of Disease, chapter 1

    Examples
    --------
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> deaths = pd.DataFrame({"age_band": ["00-64", "65+"], "deaths": [100, 500], "years": [50_000.0, 10_000.0]})
    >>> card = parse_card('''
    ... name = "deaths"
    ... question = "How long?"
    ... table = "deaths"
    ... [outcome]
    ... count = "deaths"
    ... exposure = "years"
    ... likelihood = "poisson"
    ... [terms]
    ... age = { kind = "exchangeable", by = "age_band" }
    ... ''')
    >>> table = ReferenceTable("made up", [0, 50, 100], [85.0, 36.0, 3.0])
    >>> lost = years_lost(fit(design(deaths, card), draws=200, seed=1, progress=False), table)
    >>> round(float(lost.mean()), 2), lost.attrs["reference"]
    (0.2, 'made up')
    """
    names = names_of(by)
    frame = _of_rates(post, population, [*names, age])
    bands, starts = bands_in_order(frame[age])
    ages, left = np.asarray(reference.ages, dtype=np.float64), np.asarray(reference.years, dtype=np.float64)
    if ages[0] > starts[0]:
        raise MeasureError(
            f"the reference table {reference.name!r} begins at age {ages[0]:g}, the bands at {starts[0]}"
        )
    middle = np.array([(a + b) / 2 for a, b in pairwise(starts)])

    def lost(rate: Floats, size: Floats) -> Floats:
        last = np.interp(starts[-1] + 1 / rate[..., -1:], ages, left)
        remaining = np.concatenate(
            [np.broadcast_to(np.interp(middle, ages, left), rate[..., :-1].shape), last], axis=-1
        )
        return np.asarray(years_of_life_lost(rate * size, remaining) / size.sum(axis=-1))

    years, people = _streamed(post, frame, names, age, bands, lost, threads)
    said = {
        "scale": "rate",
        "units": f"years of life lost per person-year against {reference.name}",
        "more_is": "worse",
        "link": "log",
        "outcome": "years of life lost",
        "reference": reference.name,
    }
    return (
        _named(post, frame, names, years, people, population).rename("years_lost").assign_attrs(provenance(post) | said)
    )


def _of_rates(post: xr.DataTree, population: pd.DataFrame | None, names: list[str]) -> pd.DataFrame:
    """The population, once the posterior is known to be of deaths per person-year."""
    said = scale_of(card_of(post).outcome)
    if said["scale"] != "rate":
        raise PosteriorError(
            f"life expectancy needs deaths per person-year, but this posterior is of a {said['scale']} "
            f"({said['units']}); fit deaths with exposure = person-years"
        )
    return resolve(post, population, names)


def bands_in_order(column: pd.Series) -> tuple[list[object], list[int]]:
    """Age bands, youngest first, with their first ages, once they are known to follow one another to the open one."""
    labels = column.unique().tolist()
    spans = {label: first_and_next_age(str(label)) for label in labels}
    bands = sorted(labels, key=lambda label: spans[label])
    wrong = [
        f"{a} and {b} {'overlap' if spans[a][1] > spans[b][0] else 'leave a gap'}"
        for a, b in pairwise(bands)
        if spans[a][1] != spans[b][0]
    ]
    if not str(bands[-1]).strip().endswith(_OPEN):
        wrong.append(f"the last band, {bands[-1]}, is not open: nobody would be known to die after it; write it as 85+")
    if wrong:
        raise PosteriorError(
            f"age bands must follow one another, the last one open: {'; '.join(wrong)}. Pool ages, or count them again"
        )
    return bands, [spans[band][0] for band in bands]


def _streamed(
    post: xr.DataTree,
    frame: pd.DataFrame,
    names: list[str],
    age: str,
    bands: list[object],
    measure: Callable[[Floats, Floats], Floats],
    threads: int | None,
) -> tuple[NDArray[np.float32], Floats]:
    """A measure of the rates by age of every group, shape (n_draw, n_group), and the groups' person-years."""
    levels, group = groups_of(frame, names)
    n_group = int(np.prod([len(level) for level in levels], dtype=np.int64))
    n_age = len(bands)
    place = pd.Index(bands).get_indexer(pd.Index(frame[age].to_numpy()))
    cell = group.astype(np.int64) * n_age + place
    people = np.bincount(cell, weights=frame[POPULATION], minlength=n_group * n_age).reshape(n_group, n_age)
    _refuse_empty(people, levels, names, bands)
    draws = post["posterior"].to_dataset()
    n_draw = draws.sizes[CHAIN] * draws.sizes[DRAW]
    found = np.full((n_draw, n_group), np.nan, dtype=np.float32)
    order = np.argsort(cell, kind="stable")
    frame, cell = frame.iloc[order], cell[order]
    for some in blocks_of(n_group, max(1, _VALUES // (n_draw * n_age))):
        rows = slice(*np.searchsorted(cell, [some.start * n_age, some.stop * n_age]))
        if rows.start == rows.stop:
            continue
        size = people[some]
        total = group_totals(
            predictor_of(post, frame.iloc[rows]),
            (cell[rows] - some.start * n_age).astype(np.int32),
            size.size,
            threads=threads,
        ).reshape(n_draw, *size.shape)
        there = size.sum(axis=1) > 0
        found[:, some][:, there] = measure(total[:, there] / size[there], size[there])
    return found, people.sum(axis=1)


def blocks_of(n: int, step: int) -> Iterator[slice]:
    """Slices of so many, one after the other."""
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _refuse_empty(people: Floats, levels: list[NDArray[np.generic]], names: list[str], bands: list[object]) -> None:
    gone = (people == 0) & (people.sum(axis=1, keepdims=True) > 0)
    if not gone.any():
        return
    shape = tuple(len(level) for level in levels)
    said = []
    for group, age in np.argwhere(gone)[:_SHOWN]:
        at = np.unravel_index(group, shape) if shape else ()
        said.append("/".join([*(str(level[k]) for level, k in zip(levels, at, strict=True)), str(bands[age])]))
    raise PosteriorError(
        f"{int(gone.any(axis=1).sum())} groups have nobody of some age ({', '.join(said)}), so their life table has a "
        f"gap; pool groups of {names} or ages, or give person-years in population="
    )


def _named(
    post: xr.DataTree,
    frame: pd.DataFrame,
    names: list[str],
    values: NDArray[np.float32],
    people: Floats,
    population: pd.DataFrame | None,
) -> xr.DataArray:
    """Name what was found by group, with its order as `expected` declares it."""
    draws = post["posterior"].to_dataset()
    levels, _ = groups_of(frame, names)
    shape = tuple(len(level) for level in levels)
    array = xr.DataArray(
        values.reshape(draws.sizes[CHAIN], draws.sizes[DRAW], *shape),
        dims=(*SAMPLE_DIMS, *names),
        coords={**dict(zip(names, levels, strict=True)), POPULATION: (names, people.reshape(shape))},
    )
    for name in names:
        fitted = draws[name] if name in draws.coords else array
        array[name].attrs |= dict(declared_order(fitted, name)) if name in fitted.coords else {}
    there = {name: array[POPULATION].sum([d for d in names if d != name]) > 0 for name in names}
    return array.isel({name: some.to_numpy() for name, some in there.items()})


def summaries_of(values: xr.DataArray, names: list[str], prob: float) -> pd.DataFrame:
    """A row a group, a block of them at a time, since quantiles copy."""
    lead = (values.sizes[CHAIN], values.sizes[DRAW])
    drawn = values.to_numpy().reshape(*lead, -1)
    parts = [
        summarise(xr.DataArray(drawn[:, :, some], dims=(*SAMPLE_DIMS, "group"), name="years"), prob)
        for some in blocks_of(drawn.shape[2], _SUMMARISED)
    ]
    table = pd.concat(parts, ignore_index=True).drop(columns="parameter")
    table.insert(0, POPULATION, values[POPULATION].to_numpy().ravel())
    if not names:
        return table
    levels = pd.MultiIndex.from_product([values[name].to_numpy() for name in names], names=names)
    return pd.concat([levels.to_frame(index=False), table], axis=1)
