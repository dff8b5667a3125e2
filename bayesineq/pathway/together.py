"""Draws of several outcomes side by side: the same draws, the same groups, and levels in their order."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.order import ORDERED
from bayesineq.dims import CHAIN, DECILE, DRAW, MOST_DEPRIVED, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.posterior.lift import declared_order, in_rank_order

FIT: Final = "fit_id"
PROPORTION: Final = "proportion"
_SHOWN: Final = 5
_LEAST: Final = {DECILE: 10, QUINTILE: 5}
_YEAR: Final = re.compile(r"^(\d{4})(?:\D.*)?$")


def together(values: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """
    Draws of several outcomes that can be taken one by one: same draws, same levels of the dimensions that they share.

    Outcomes of one fit keep their draws, which are joint. Those of other fits are independent of them, whatever order
    their draws stand in, and that order is taken at random: two fits with the same seed start from the same random
    numbers, and so would seem to go together.
    """
    for name, array in values.items():
        if lacking := [dim for dim in SAMPLE_DIMS if dim not in array.dims]:
            raise PosteriorError(f"{name} lacks the dimensions {lacking}: give draws, such as `expected` returns")
    sizes = {name: (array.sizes[CHAIN], array.sizes[DRAW]) for name, array in values.items()}
    if len(set(sizes.values())) > 1:
        raise PosteriorError(
            f"outcomes are taken together draw by draw, but have different numbers of (chains, draws): {sizes}; fit "
            "them with the same draws and engine, or select as many of each with .isel(draw=slice(...))"
        )
    fits = list(dict.fromkeys(_fit_of(array) for array in values.values()))
    placed: dict[str, xr.DataArray] = {}
    for name, array in values.items():
        fit = fits.index(_fit_of(array))
        placed[name] = _levels_as_before(name, array if fit == 0 else shuffled(array, fit), placed)
    return placed


def _fit_of(array: xr.DataArray) -> tuple[str, ...]:
    """What tells one fit from another: two of one name may be of other data, where the moment was stated."""
    return tuple(str(array.attrs.get(name, "")) for name in (FIT, "data_sha256", "seed"))


def fitted_apart(values: Mapping[str, xr.DataArray]) -> bool:
    """Whether outcomes come from more than one fit."""
    return len({_fit_of(array) for array in values.values()}) > 1


def shuffled(array: xr.DataArray, fit: int) -> xr.DataArray:
    """The same draws in an order taken at random, one order for all outcomes of a fit."""
    lead = array.transpose(*SAMPLE_DIMS, ...)
    drawn = lead.to_numpy()
    order = np.random.default_rng([20, fit]).permutation(drawn.shape[0] * drawn.shape[1])
    return lead.copy(data=drawn.reshape(-1, *drawn.shape[2:])[order].reshape(drawn.shape))


def _levels_as_before(name: str, array: xr.DataArray, placed: Mapping[str, xr.DataArray]) -> xr.DataArray:
    for other, before in placed.items():
        for dim in (d for d in own_dims(array) if d in before.dims):
            have, want = array.get_index(dim), before.get_index(dim)
            lacking, more = want.difference(have, sort=False), have.difference(want, sort=False)
            if len(lacking) or len(more):
                said = [f"{name} lacks {list(lacking[:_SHOWN])}"] if len(lacking) else []
                said += [f"{other} lacks {list(more[:_SHOWN])}"] if len(more) else []
                raise MeasureError(
                    f"{name} and {other} have different levels of {dim!r} ({len(lacking)} and {len(more)} without a "
                    f"partner: {'; '.join(said)}); select the same, or predict both for one population="
                )
            array = array if have.equals(want) else array.sel({dim: want.to_numpy()})
    return array


def own_dims(values: xr.DataArray) -> list[str]:
    """Dimensions of groups."""
    return [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]


def people_of(values: xr.DataArray, population: xr.DataArray | None, what: str) -> xr.DataArray:
    """People of every group of the values, along their own dimensions or some of them; none where nobody is."""
    people = population if population is not None else values.coords.get(POPULATION)
    if people is None:
        raise MeasureError(f"{what} has no coordinate {POPULATION!r}, so nobody can be counted; pass population=")
    if foreign := [dim for dim in people.dims if dim not in values.dims]:
        raise MeasureError(f"population has the dimensions {foreign}, which {what} lacks; sum over them first")
    people = people.reset_coords(drop=True).fillna(0.0).astype(np.float64)
    if bool((people < 0).any()):
        raise MeasureError("population must not be negative")
    for dim in people.dims:
        if len(lacking := values.get_index(dim).difference(people.get_index(dim))):
            raise MeasureError(f"population lacks {len(lacking)} levels of {dim!r}: {list(lacking[:_SHOWN])}")
    return people.sel({dim: values[dim].to_numpy() for dim in people.dims})


def refuse_unless_proportion(values: xr.DataArray, name: str) -> None:
    """Refuse what is no share of people."""
    said = values.attrs.get("scale", PROPORTION)
    least, most = float(values.min()), float(values.max())
    if said != PROPORTION or least < 0 or most > 1:
        raise MeasureError(
            f"{name} must be a share of people, between 0 and 1, not a {said} from {least:.4g} to {most:.4g}. Divide "
            "percentages by 100; where a denominator is larger than its count (more reached than have the condition), "
            "mend the table"
        )


def ends_of(values: xr.DataArray, dim: str, first: Hashable | None, second: Hashable | None) -> tuple[object, object]:
    """The two groups compared: as named, else most and least deprived of an ordered dimension."""
    if dim not in own_dims(values):
        raise MeasureError(f"dim={dim!r} is not a dimension of groups; the values have {own_dims(values)}")
    levels = in_rank_order(values, dim)[dim].to_numpy()
    attrs = declared_order(values, dim)
    if (first is None or second is None) and attrs.get(ORDERED, int(levels.dtype.kind in "iuf")) != 1:
        raise MeasureError(
            f"the groups of {dim!r} have no declared order, so name the two that are compared: first= and second=; its "
            f"levels are {levels[:20].tolist()}"
        )
    pair = (levels[0] if first is None else first, levels[-1] if second is None else second)
    if unknown := [level for level in pair if level not in values.get_index(dim)]:
        raise MeasureError(f"{unknown} are not levels of {dim!r}; it has {levels[:20].tolist()}")
    if pair[0] == pair[1]:
        raise MeasureError(f"a gap needs two groups of {dim!r}; both are {pair[0]!r}")
    return pair


def group_in_words(dim: str, level: object) -> str:
    """A group, with what its number says where it is one of deprivation."""
    said = {str(MOST_DEPRIVED): "most deprived", str(_LEAST[dim]): "least deprived"} if dim in _LEAST else {}
    words = said.get(str(level))
    return f"{dim} {level}" + (f" ({words})" if words else "")


def years_of(values: xr.DataArray, time: str) -> tuple[xr.DataArray, NDArray[np.float64]]:
    """Values with years in order, and the years as numbers, once they are known to follow one another."""
    if time not in own_dims(values):
        raise MeasureError(f"time={time!r} is not a dimension of the values; they have {own_dims(values)}")
    labels = values[time].to_numpy()
    found = [_YEAR.match(str(label)) for label in labels]
    if not all(found):
        odd = [str(label) for label, year in zip(labels, found, strict=True) if year is None]
        raise MeasureError(f"{time} must hold years, such as 2019 or 2019/20; {odd[:_SHOWN]} are none")
    years = np.array([float(year[1]) for year in found if year is not None])
    order = np.argsort(years, kind="stable")
    rising = years[order]
    if len(rising) < 2:
        raise MeasureError(f"a change needs two years or more of {time!r}; given {labels.tolist()}")
    steps = np.diff(rising)
    if (steps <= 0).any():
        raise MeasureError(f"{time} holds a year twice: {labels[order][1:][steps <= 0].tolist()}")
    if not np.allclose(steps, steps.min()):
        gaps = [f"{labels[order][k]} and {labels[order][k + 1]}" for k in np.flatnonzero(steps > steps.min())]
        raise MeasureError(
            f"years are missing between {', '.join(gaps)}. Put rows without an outcome for them into the table, so "
            "that the model predicts them; or select years at equal distances"
        )
    return values.isel({time: order}), rising


def listed(parts: Sequence[str]) -> str:
    """Words joined by commas and a last "and"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def number(value: float) -> str:
    """A number in three significant digits, whole numbers of people with commas."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def number_of(draws: xr.DataArray, prob: float) -> str:
    """Mean and interval of draws of one number."""
    from bayesineq.posterior.groups import mean_interval

    mean, lower, upper = mean_interval(draws.to_numpy(), prob)
    return f"{number(mean)} ({number(lower)} to {number(upper)})"
