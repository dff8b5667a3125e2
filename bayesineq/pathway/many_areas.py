"""Life expectancy of thousands of areas: rates by age of all of them together, and each area's ratio to these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AGE, AREA, CHAIN, CI_PROB, DECILE, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.pathway.lives import METHOD, LifeExpectancy, bands_in_order, blocks_of, summaries_of
from bayesineq.pathway.together import number, shuffled
from bayesineq.posterior.expected import expected, scale_of
from bayesineq.posterior.population import card_of, population, provenance
from bayesineq.posterior.standardise import first_and_next_age

YEAR: Final = "year"
AGE_GROUP: Final = "age_group"
EXPECTED: Final = "expected"
_SHOWN: Final = 5
_VALUES: Final = 1 << 24


def expected_deaths(
    together: xr.DataTree,
    table: pd.DataFrame,
    age_groups: Sequence[str],
    *,
    group: str = DECILE,
    time: str = YEAR,
) -> pd.DataFrame:
    """
    Deaths of each area beside those expected at the rates of its deprivation group, by wide age group and year.

    Parameters
    ----------
    together : DataTree
        Posterior of deaths per person-year of all areas together, by `age_band`, `group` and `time`.
    table : DataFrame
        One row an area, age band and year, with `group`, `deaths` and `person_years`: table "death_counts".
    age_groups : sequence of str
        Wide age groups within which an area's ratio is one number, such as `["00-44", "45-64", "65-84", "85+"]`.
    group : str
        Column of the group whose rates are expected.
    time : str
        Column of the years.

    Returns
    -------
    DataFrame
        One row an area, wide age group and year: `area`, `age_group`, `time`, `deaths`, `expected`; for a card with
        `expected = "expected"`.

    Raises
    ------
    PosteriorError
        If the posterior is not of rates, or an age band lies in none of the wide ones.
    MeasureError
        If the table has levels that the posterior lacks.

    Examples
    --------
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> cells = pd.MultiIndex.from_product([["E1", "E2"], ["00-44", "45-84", "85+"], [2023]])
    >>> table = cells.to_frame(index=False, name=["area", "age_band", "year"])
    >>> table = table.assign(imd_decile=5, deaths=[1, 9, 7, 3, 11, 9], person_years=[4000.0, 1000, 50] * 2)
    >>> card = parse_card('''
    ... name = "deaths"
    ... question = "How many?"
    ... table = "deaths"
    ... [outcome]
    ... count = "deaths"
    ... exposure = "person_years"
    ... likelihood = "poisson"
    ... [terms]
    ... age = { kind = "exchangeable", by = "age_band" }
    ... ''')
    >>> rates = fit(design(table, card), draws=200, seed=1, progress=False)
    >>> expected_deaths(rates, table, ["00-84", "85+"])["expected"].round(0).tolist()
    [13.0, 7.0, 13.0, 7.0]
    """
    _refuse_unless(together, "rate", "together")
    wide = _wide(table[AGE].astype(str).unique().tolist(), age_groups)
    mean = _mean_rate(together, [name for name in (group, time) if name in card_of(together).dims], table)
    rows = table.assign(**{AGE_GROUP: table[AGE].astype(str).map(wide), EXPECTED: mean * table["person_years"]})
    return rows.groupby([AREA, AGE_GROUP, time], as_index=False, observed=True)[["deaths", EXPECTED]].sum()


def life_expectancy_of_areas(
    together: xr.DataTree,
    ratios: xr.DataTree,
    within: pd.Series | Mapping[object, object],
    *,
    at: int = 0,
    group: str = DECILE,
    time: str = YEAR,
    prob: float = CI_PROB,
    threads: int | None = None,
) -> LifeExpectancy:
    """
    Life expectancy of each area and year, from rates of all together and each area's ratio to them, in every draw.

    Parameters
    ----------
    together : DataTree
        Posterior of deaths per person-year of all areas together, by `age_band`, `group` and `time`.
    ratios : DataTree
        Posterior of deaths over expected deaths by `area`, `age_group` and `time`, of the table of `expected_deaths`.
    within : Series or mapping
        The level of `group` that each area belongs to.
    at : int
        First age of a band: years expected at that age.
    group, time : str
        Columns of the deprivation group and of the years.
    prob : float
        Probability of the intervals.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.

    Returns
    -------
    LifeExpectancy
        Years by `area` and `time`.

    Raises
    ------
    PosteriorError
        If the posteriors are not of a rate and of a ratio, differ in their draws, or age bands do not fit.
    MeasureError
        If an area belongs to no group that the rates know.

    Notes
    -----
    rate(area, age, year) = rate(group of the area, age, year) x ratio(area, wide age group, year). One card for all
    of it (`life_expectancy`) takes minutes for 500 areas; two cards take thousands of areas, since only the second one
    knows areas, and it has a row for each wide age group, not for each age band. Rates of all together are known so
    much better than an area's ratio that taking the two as independent widens intervals a little, if anything.

    References
    ----------
    Rashid et al. 2021, Lancet Public Health 6:e805

    Examples
    --------
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> cells = pd.MultiIndex.from_product([["E1", "E2"], ["00-44", "45-84", "85+"], [2023]])
    >>> table = cells.to_frame(index=False, name=["area", "age_band", "year"])
    >>> table = table.assign(imd_decile=5, deaths=[1, 9, 7, 3, 11, 9], person_years=[4000.0, 1000, 50] * 2)
    >>> card = '''
    ... name = "deaths"
    ... question = "How many?"
    ... table = "deaths"
    ... [outcome]
    ... count = "deaths"
    ... {role}
    ... likelihood = "poisson"
    ... [terms]
    ... age = {{ kind = "exchangeable", by = ["{age}"{more}] }}
    ... '''
    >>> rates = parse_card(card.format(role='exposure = "person_years"', age="age_band", more=""))
    >>> ratio = parse_card(card.format(role='expected = "expected"', age="age_group", more=', "area", "year"'))
    >>> together = fit(design(table, rates), draws=200, seed=1, progress=False)
    >>> rows = expected_deaths(together, table, ["00-84", "85+"])
    >>> found = life_expectancy_of_areas(
    ...     together, fit(design(rows, ratio), draws=200, seed=2, progress=False), {"E1": 5, "E2": 5}, time="year"
    ... )
    >>> found.table["mean"].round(0).tolist()
    [82.0, 81.0]
    """
    _refuse_unless(together, "rate", "together")
    _refuse_unless(ratios, "rate ratio", "ratios")
    rates, starts, bands = _rates(together, group, time)
    if at not in starts:
        raise PosteriorError(f"at={at} is the first age of no band; the bands begin at {starts}")
    frame = population(ratios)
    areas, times = frame[AREA].cat.categories.to_numpy(), np.asarray(frame[time].cat.categories)
    wide = _wide(bands, pd.unique(frame[AGE_GROUP].astype(str)).tolist())
    own = _own_rates(rates, within, areas, group, time, times)
    ratio_draws = ratios["posterior"].to_dataset()
    lead = (ratio_draws.sizes[CHAIN], ratio_draws.sizes[DRAW])
    if lead != own[0].shape[:2]:
        raise PosteriorError(f"both posteriors need the same (chains, draws): {own[0].shape[:2]} and {lead}")
    n_time, n_age = len(times), len(bands)
    years = np.empty((*lead, len(areas), n_time), dtype=np.float32)
    age_groups = list(dict.fromkeys(wide.values()))
    which = np.array([age_groups.index(wide[band]) for band in bands])
    code = frame[AREA].cat.codes.to_numpy()
    for some in blocks_of(len(areas), max(1, _VALUES // (lead[0] * lead[1] * n_time * n_age))):
        rows = frame[(code >= some.start) & (code < some.stop)].assign(**{AREA: lambda f: f[AREA].astype(object)})
        ratio = expected(ratios, rows, [AREA, time, AGE_GROUP], threads=threads)
        ratio = ratio.sel({AREA: areas[some], time: times, AGE_GROUP: age_groups}).transpose(
            *SAMPLE_DIMS, AREA, time, AGE_GROUP
        )
        rate = own[0][:, :, own[1][some]] * ratio.to_numpy()[..., which]
        years[:, :, some] = chiang(rate, ages=starts)[..., starts.index(at)]
    return _as_value(ratios, years, frame, areas, time, times, at, prob)


def _as_value(
    ratios: xr.DataTree,
    years: NDArray[np.float32],
    frame: pd.DataFrame,
    areas: NDArray[np.generic],
    time: str,
    times: NDArray[np.generic],
    at: int,
    prob: float,
) -> LifeExpectancy:
    people = np.zeros((len(areas), len(times)))
    np.add.at(people, (frame[AREA].cat.codes, frame[time].cat.codes), frame[POPULATION])
    said = {"scale": "years", "units": f"years of life expected at age {at}", "more_is": "better", "link": "identity"}
    values = xr.DataArray(
        years,
        dims=(*SAMPLE_DIMS, AREA, time),
        coords={AREA: areas, time: times, POPULATION: ([AREA, time], people)},
        name="life_expectancy",
        attrs={**provenance(ratios), **said, "outcome": "life expectancy", "weights": "deaths expected"},
    )
    table = summaries_of(values, [AREA, time], prob)
    method = f"rates of all together times each area's ratio to them; {METHOD}"
    text = (
        f"{number(float(table['mean'].min()))} to {number(float(table['mean'].max()))} years expected at age {at} over "
        f"{len(table):,} areas and years; more is better. {method}"
    )
    return LifeExpectancy(values, table, at, method, text)


def _refuse_unless(post: xr.DataTree, scale: str, name: str) -> None:
    said = scale_of(card_of(post).outcome)
    if said["scale"] != scale:
        wanted = "exposure = person-years" if scale == "rate" else 'expected = "expected", of expected_deaths'
        raise PosteriorError(
            f"{name} must be a posterior of a {scale}, and is one of a {said['scale']} ({said['units']}); fit deaths "
            f"with {wanted}"
        )


def _wide(bands: Sequence[str], age_groups: Sequence[str]) -> dict[str, str]:
    """The wide age group of each band."""
    ordered, _ = bands_in_order(pd.Series(list(age_groups)))
    spans = {str(label): first_and_next_age(str(label)) for label in ordered}
    found: dict[str, str] = {}
    lost = []
    for band in bands:
        first, after = first_and_next_age(str(band))
        inside = [label for label, (start, end) in spans.items() if start <= first and after <= end]
        if inside:
            found[str(band)] = inside[0]
        else:
            lost.append(str(band))
    if lost:
        raise PosteriorError(
            f"the age bands {lost} lie in none of the wide ones, {list(spans)}: these cut through them"
        )
    return {str(band): found[str(band)] for band in bands}


def _mean_rate(together: xr.DataTree, keys: list[str], table: pd.DataFrame) -> NDArray[np.float64]:
    """Posterior mean of the rate of every row of a table."""
    rate = expected(together, by=[*keys, AGE]).mean(SAMPLE_DIMS)
    place = [rate.get_index(key).get_indexer(pd.Index(table[key].astype(rate[key].dtype))) for key in (*keys, AGE)]
    for key, at in zip((*keys, AGE), place, strict=True):
        if (at < 0).any():
            lost = pd.unique(table.loc[at < 0, key])
            raise MeasureError(f"the rates of all together lack {len(lost)} levels of {key!r}: {list(lost[:_SHOWN])}")
    found = rate.transpose(*keys, AGE).to_numpy()[tuple(place)]
    if np.isnan(found).any():
        raise MeasureError(
            f"{int(np.isnan(found).sum())} rows of the table are of combinations of {[*keys, AGE]} in which the rates "
            "of all together have nobody; fit both to the same deaths"
        )
    return np.asarray(found, dtype=np.float64)


def _rates(together: xr.DataTree, group: str, time: str) -> tuple[xr.DataArray, list[int], list[str]]:
    """Rates of all together, draws in an order of their own, with first ages and labels of the bands."""
    keys = [name for name in (group, time) if name in card_of(together).dims]
    rates = shuffled(expected(together, by=[*keys, AGE]), 1)
    bands, starts = bands_in_order(pd.Series(rates[AGE].to_numpy()))
    return rates.sel({AGE: bands}), starts, [str(band) for band in bands]


def _own_rates(
    rates: xr.DataArray,
    within: pd.Series | Mapping[object, object],
    areas: NDArray[np.generic],
    group: str,
    time: str,
    times: NDArray[np.generic],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Rates (chain, draw, group, time, age), and the place of each area's group."""
    belongs = dict(within)
    levels = rates.get_index(group) if group in rates.dims else pd.Index([0])
    wanted = [belongs.get(area) for area in areas] if group in rates.dims else [0] * len(areas)
    place = levels.get_indexer(pd.Index(wanted))
    if (place < 0).any():
        lost = areas[place < 0]
        raise MeasureError(
            f"{len(lost)} areas belong to no level of {group!r} that the rates know, such as {lost[:_SHOWN].tolist()}"
        )
    full = rates if group in rates.dims else rates.expand_dims({group: [0]})
    if time in full.dims:
        if len(lacking := pd.Index(times).difference(full.get_index(time))):
            raise MeasureError(f"the rates of all together lack the years {list(lacking[:_SHOWN])}")
        full = full.sel({time: times})
    else:
        full = full.expand_dims({time: times})
    return full.transpose(*SAMPLE_DIMS, group, time, AGE).to_numpy(), np.asarray(place)
