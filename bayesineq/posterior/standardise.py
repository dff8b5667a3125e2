"""Rates that can be compared: the same mixture of people in every group, for every draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CHAIN, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.measures.standardise import esp2013
from bayesineq.posterior.expected import expected
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of, levels_of, resolve
from bayesineq.posterior.predictor import group_totals, predictor_of

_SHOWN: Final = 5
_LAST_AGE: Final = 100
_BAND: Final = re.compile(r"^\s*(\d+)\s*(?:(?:-|–|to)\s*(\d+)|(\+|(?:or|and) over)?)\s*$")


def standardised(
    post: xr.DataTree,
    by: str | Sequence[str],
    *,
    over: str | Sequence[str] | None = None,
    weights: xr.DataArray | pd.Series | None = None,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
    outcome: str | None = None,
) -> xr.DataArray:
    """
    Mean outcome of groups as if all had the same mixture of people, for every draw.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str
        Columns that make the groups.
    over : str or sequence of str, optional
        Characteristics to hold equal, such as age and sex: direct standardisation. By default everything else that
        the card knows, place included: g-computation; `by` must then be dimensions of the card.
    weights : DataArray or Series, optional
        Standard population by the levels of `over`, such as `european_standard(levels)`. By default that of the
        population itself.
    population : DataFrame, optional
        Whom to average over; by default those that were fitted.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Standardised means, with the people of each group as coordinate `population`, and attributes as of `expected`,
        `standardised_over` beside them.

    Raises
    ------
    PosteriorError
        If a group has nobody in a stratum of `over`, weights do not fit its levels, or `by` cannot be set.
    DesignError
        If the population does not fit the card.

    Notes
    -----
    Direct: sum_s w_s m_gs / sum_s w_s, with m_gs the mean outcome of group g in stratum s among its own people of that
    stratum. G-computation: sum_r n_r h(eta_r(g)) / sum_r n_r over all rows, with the group's level put in place of
    each row's own: the marginal mean if everyone belonged to g and nothing else changed. That is a comparison of like
    with like within the model, not the effect of moving people between groups.

    `bayesineq.posterior.adjusted` is what tables, maps and reports compare with: it needs nobody in any stratum, gives
    everybody's mixture to every ethnic group and place within a group, and so averages over areas to its own total.
    Direct standardisation keeps who is of which age within a group: where minorities are younger, the two differ.

    Examples
    --------
    >>> from bayesineq import example
    >>> standardised(example().post, "ethnicity", over=["age_band", "sex"]).mean(("chain", "draw")).round(3).to_series()
    ethnicity
    asian    0.129
    black    0.106
    white    0.089
    Name: prevalence, dtype: float64
    """
    post = one_outcome(post, outcome)
    names = [by] if isinstance(by, str) else list(by)
    if over is None:
        if weights is not None:
            raise PosteriorError(
                "weights stand on the levels of over=; name the columns, such as over=['age_band', 'sex']"
            )
        return _computed(post, names, population, threads)
    strata = [over] if isinstance(over, str) else list(over)
    rates = _rates(post, names, strata, population, threads)
    standard = _standard(rates, strata, weights)
    _refuse_empty(rates, names, strata)
    return _of_groups((rates * standard).sum(strata) / standard.sum(), rates, names, strata)


def standardised_ratio(
    post: xr.DataTree,
    by: str | Sequence[str],
    over: str | Sequence[str],
    *,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
    outcome: str | None = None,
) -> xr.DataArray:
    """
    Indirect standardisation: a group's events over those it would have at everyone's rates, for every draw.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str
        Columns that make the groups.
    over : str or sequence of str
        Characteristics whose rates are taken from everyone, such as age and sex.
    population : DataFrame, optional
        Whom to average over; by default those that were fitted. All of it together is the standard.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Ratio; 1 where the group does as its age, sex, ... would have it. Coordinate `population`: people of each group.

    Raises
    ------
    PosteriorError
        If `by` and `over` overlap, or the expectation of a group is not above zero.

    Notes
    -----
    sum_s n_gs m_gs / sum_s n_gs m_s, with m_s the mean outcome of stratum s in the whole population. Ratios of groups
    that differ in their mixture cannot be compared with each other, only with 1; to compare groups, use `standardised`.

    Examples
    --------
    >>> from bayesineq import example
    >>> ratio = standardised_ratio(example().post, "ethnicity", ["age_band", "sex"])
    >>> ratio.mean(("chain", "draw")).round(2).to_series()
    ethnicity
    asian    1.34
    black    1.10
    white    0.92
    Name: prevalence, dtype: float64
    """
    post = one_outcome(post, outcome)
    names = [by] if isinstance(by, str) else list(by)
    strata = [over] if isinstance(over, str) else list(over)
    rates = _rates(post, names, strata, population, threads)
    people = rates[POPULATION].reset_coords(drop=True)
    events = rates * people
    observed = events.sum(strata)
    everyone = events.sum(names) / people.sum(names)
    due = (everyone * people).sum(strata)
    if bad := int((due <= 0).sum()):
        raise PosteriorError(
            f"{bad} expectations are not above zero, so no ratio can be taken; use standardised instead"
        )
    said = {"scale": "ratio", "units": "events per event expected at everyone's rates"}
    return _of_groups(observed / due, rates, names, strata).assign_attrs(said)


def european_standard(bands: Iterable[str], dim: str = "age_band") -> pd.Series:
    """
    European Standard Population 2013 in any age bands.

    Parameters
    ----------
    bands : iterable of str
        Labels such as "0-4", "16-24", "85+" (both ends included).
    dim : str
        Name of their dimension.

    Returns
    -------
    Series
        Standard population of each band, index `dim`. A band that cuts a five-year one takes its single years equally;
        the open band from 90 is spread over ten years.

    Raises
    ------
    PosteriorError
        If a label is no age band, or bands overlap.

    References
    ----------
    Eurostat. Revision of the European Standard Population. 2013.

    Examples
    --------
    >>> european_standard(["0-15", "16-64", "65+"]).tolist()
    [17100.0, 63400.0, 19500.0]
    """
    labels = [str(band) for band in bands]
    single = np.zeros(_LAST_AGE)
    standard = esp2013()
    firsts = [first_and_next_age(band)[0] for band in standard.age_band]
    for people, (first, after) in zip(standard.weight, pairwise([*firsts, _LAST_AGE]), strict=True):
        single[first:after] = people / (after - first)
    taken, shares = np.zeros(_LAST_AGE, dtype=int), []
    for label in labels:
        start, end = first_and_next_age(label)
        taken[start:end] += 1
        shares.append(float(single[start:end].sum()))
    if (taken > 1).any():
        raise PosteriorError(f"the age bands {labels} overlap at age {int(np.flatnonzero(taken > 1)[0])}")
    return pd.Series(shares, index=pd.Index(labels, name=dim), name=POPULATION)


def first_and_next_age(label: str) -> tuple[int, int]:
    """First year of an age band, such as "0-4", "7" or "85+", and the year after its last; an open band ends at 100."""
    found = _BAND.match(label)
    if found:
        start, end = int(found[1]), _LAST_AGE if found[3] else int(found[2] or found[1]) + 1
        if start < end <= _LAST_AGE:
            return start, end
    raise PosteriorError(f"{label!r} is no age band; write both ends, '40-44', or the first age, '85+'")


def _computed(
    post: xr.DataTree, names: list[str], population: pd.DataFrame | None, threads: int | None
) -> xr.DataArray:
    card = card_of(post)
    if not names or (foreign := [name for name in names if name not in card.dims]):
        raise PosteriorError(
            f"by={names}: without over=, everyone is put into each group in turn, so groups must be dimensions of card "
            f"{card.name!r}: {list(card.dims)}; {foreign if names else 'none'} given. Name what to hold equal in over="
        )
    frame = resolve(post, population)
    people = expected(post, frame, names, threads=threads)
    rest = [column for column in frame.columns if column not in {*names, POPULATION}]
    used = [column for column in rest if column in {*card.dims, *card.covariates}]
    covered = frame[frame[POPULATION] > 0]
    if used:
        covered = covered.groupby(used, observed=True, sort=False)[POPULATION].sum().reset_index()
    levels = [people[name].to_numpy() for name in names]
    group = np.zeros(len(covered), dtype=np.int32)
    means = []
    for chosen in product(*levels):
        level = {
            name: pd.Categorical.from_codes(
                np.full(len(covered), levels_of(post, name).get_loc(code)), levels_of(post, name)
            )
            for name, code in zip(names, chosen, strict=True)
        }
        rows = predictor_of(post, covered.assign(**level))
        means.append(group_totals(rows, group, 1, threads=threads)[:, 0] / rows.weight.sum())
    draws = post["posterior"].to_dataset()
    shape = (draws.sizes[CHAIN], draws.sizes[DRAW], *(len(level) for level in levels))
    value = people.copy(data=np.stack(means, axis=1).reshape(shape))
    return value.assign_attrs(standardised_over=", ".join(used) or "nothing")


def _rates(
    post: xr.DataTree, names: list[str], strata: list[str], population: pd.DataFrame | None, threads: int | None
) -> xr.DataArray:
    """Mean outcome by group and stratum."""
    if not names or not strata or set(names) & set(strata):
        raise PosteriorError(f"by={names} and over={strata}: name groups and, apart from them, what to hold equal")
    return expected(post, population, [*names, *strata], threads=threads)


def _of_groups(value: xr.DataArray, rates: xr.DataArray, names: list[str], strata: list[str]) -> xr.DataArray:
    """What was summed over strata, with people, order and provenance of the groups."""
    people = rates[POPULATION].sum(strata).transpose(*names).to_numpy()
    value = value.transpose(*SAMPLE_DIMS, *names).assign_coords({POPULATION: (names, people)})
    for dim in names:
        value[dim].attrs |= rates[dim].attrs
    return value.rename(rates.name).assign_attrs(rates.attrs | {"standardised_over": ", ".join(strata)})


def _standard(rates: xr.DataArray, strata: list[str], weights: xr.DataArray | pd.Series | None) -> xr.DataArray:
    if weights is None:
        others = [d for d in rates[POPULATION].dims if d not in strata]
        return rates[POPULATION].reset_coords(drop=True).sum(others)
    given = weights.to_xarray() if isinstance(weights, pd.Series) else weights
    if set(given.dims) != set(strata):
        raise PosteriorError(f"weights have the dimensions {list(given.dims)}; they should stand on over={strata}")
    for dim in strata:
        have, want = given.get_index(dim), rates.get_index(dim)
        for lacking, what in ((want.difference(have), "lack"), (have.difference(want), "have people in unknown")):
            if len(lacking):
                raise PosteriorError(
                    f"weights {what} levels of {dim!r}: {list(lacking[:_SHOWN])}; the groups have {list(want[:20])}"
                )
    standard = given.reset_coords(drop=True).sel({dim: rates[dim].to_numpy() for dim in strata}).astype(np.float64)
    if bool(np.isnan(standard).any()) or bool((standard < 0).any()) or not float(standard.sum()) > 0:
        raise PosteriorError("weights are missing, negative or all zero; they are numbers of people by stratum")
    return standard


def _refuse_empty(rates: xr.DataArray, names: list[str], strata: list[str]) -> None:
    people = rates[POPULATION].transpose(*names, *strata)
    empty = np.argwhere(people.to_numpy() == 0)
    if not len(empty):
        return
    dims = [*names, *strata]
    cells = ["/".join(str(rates[d].to_numpy()[i]) for d, i in zip(dims, at, strict=True)) for at in empty[:_SHOWN]]
    raise PosteriorError(
        f"{len(empty)} groups have nobody in a stratum ({', '.join(cells)}) and so have no rate to weigh; pool strata "
        f"of {strata}, or leave out over= for g-computation, which takes such rates from the model"
    )
