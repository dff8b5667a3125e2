"""Life expectancy of groups from modelled death rates, draw by draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AGE, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.posterior.expected import expected
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.standardise import first_and_next_age


def life_expectancy(
    post: xr.DataTree,
    by: str | Sequence[str] | None = None,
    *,
    age: str = AGE,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
    outcome: str | None = None,
) -> xr.DataArray:
    """
    Life expectancy of groups by an abridged life table, for every draw of their death rates.

    Parameters
    ----------
    post : DataTree
        Posterior of deaths with person-years as exposure.
    by : str or sequence of str, optional
        Columns that make the groups; None is everyone.
    age : str
        Dimension of age bands, such as "40-44" and "90+"; they must follow one another, the last one open.
    population : DataFrame, optional
        Whom to average over within groups and ages; by default those that were fitted.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (chain, draw, *by, age)
        Years expected at the first age of each band, youngest first; the first is life expectancy at birth where bands
        start at 0. Coordinate `population`: person-years of each group.

    Raises
    ------
    PosteriorError
        If the posterior is not of rates, age bands leave a gap, or a group has nobody of an age.
    MeasureError
        If the rates make no life table.

    References
    ----------
    Chiang CL. Introduction to stochastic processes in biostatistics. Wiley 1968.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq import design, fit
    >>> from bayesineq.model.read_card import parse_card
    >>> deaths = pd.DataFrame({"age_band": ["0-64", "65+"], "deaths": [100, 500], "years": [50_000.0, 10_000.0]})
    >>> card = parse_card('''
    ... name = "deaths"
    ... question = "How long?"
    ... table = "deaths"
    ... [outcome]
    ... name = "death rate"
    ... count = "deaths"
    ... exposure = "years"
    ... likelihood = "poisson"
    ... [terms]
    ... age = { kind = "exchangeable", by = "age_band" }
    ... ''')
    >>> post = fit(design(deaths, card), draws=200, seed=1, progress=False)
    >>> life_expectancy(post).mean(("chain", "draw")).round(0).to_series()
    age_band
    0-64    79.0
    65+     20.0
    Name: life_expectancy, dtype: float64
    """
    post = one_outcome(post, outcome)
    names = [by] if isinstance(by, str) else list(by or ())
    rates = expected(post, population, [*names, age], threads=threads)
    if rates.attrs["scale"] != "rate":
        raise PosteriorError(
            f"life expectancy needs deaths per person-year, but this posterior is of a {rates.attrs['scale']} "
            f"({rates.attrs['units']}); fit deaths with exposure = person-years"
        )
    ordered = _by_age(rates, age)
    empty = ordered[POPULATION] == 0
    if bool(empty.any()):
        raise PosteriorError(
            f"{int(empty.sum())} groups have nobody of some age, so their life table has a gap; pool groups or ages"
        )
    starts = [first_and_next_age(str(band))[0] for band in ordered[age].to_numpy()]
    lead = [*SAMPLE_DIMS, *names]
    value = ordered.transpose(*lead, age)
    people = ordered[POPULATION].sum(age).transpose(*names)
    years = value.drop_vars(POPULATION).copy(data=np.asarray(chiang(value.to_numpy(), ages=starts)))
    said = {"scale": "years", "units": "years of life expected at the first age of the band"}
    return years.assign_coords({POPULATION: (names, people.to_numpy())}).rename("life_expectancy").assign_attrs(said)


def _by_age(rates: xr.DataArray, age: str) -> xr.DataArray:
    """Age bands youngest first, once they are known to follow one another to the open one."""
    bands = {first_and_next_age(str(band)): band for band in rates[age].to_numpy()}
    spans = sorted(bands)
    gaps = [f"{bands[a]}, {bands[b]}" for a, b in pairwise(spans) if a[1] != b[0]]
    if gaps or not str(bands[spans[-1]]).strip().endswith(("+", "over")):
        raise PosteriorError(
            f"age bands must follow one another, the last one open; {gaps or [str(bands[spans[-1]])]} do not"
        )
    return rates.sel({age: [bands[span] for span in spans]})
