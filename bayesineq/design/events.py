"""Which groups have few events: kept with a posterior in place of the counts, which are not kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.dims import FEW
from bayesineq.errors import DesignError

FEW_EVENTS: Final = "few_events"
"""Name of the group of a posterior that holds this."""

EVENTS: Final = "events"
OTHERS: Final = "others"
"""Who is counted: those with the event, and of proportions those without."""

NO_EVENTS, SOME_EVENTS, MORE_EVENTS = 0, 1, 2

_MOST: Final = 2_000_000


def few_events(design: Design, threshold: int = FEW) -> xr.Dataset | None:
    """
    Tell groups without events, with few and with more apart.

    Returns: variables of int8 over no dimension, over each dimension of the card and over each two of them: 0 where
    nobody had an event, 1 where there were 1 to the threshold, 2 where there were more; of proportions also of the
    others, people without the event; attribute `threshold`. None where nothing is counted, or counts are known as
    intervals only.

    Notes
    -----
    A rate is pooled: times its people, or what was expected, it is not what was observed, and whether a group may be
    shown depends on that too. The three classes tell no more than a published table does, in which few are withheld.
    """
    outcome, response = design.card.outcome, design.response
    if not outcome.counts_events:
        return None
    lower, upper = response.lower, response.upper
    if lower is not None and upper is not None and not np.array_equal(lower, upper, equal_nan=True):
        return None
    count = np.nan_to_num(response.value)
    told = {EVENTS: count}
    if outcome.link == "logit":
        trials = np.ones_like(count) if response.trials is None else np.nan_to_num(response.trials)
        told[OTHERS] = np.where(response.observed, np.maximum(trials - count, 0.0), 0.0)
    levels = [(), *((dim,) for dim in design.card.dims), *combinations(design.card.dims, 2)]
    found = {}
    for level in levels:
        columns = [design.population[dim].cat for dim in level]
        shape = tuple(len(column.categories) for column in columns)
        size = int(np.prod(shape, dtype=np.int64))
        if size > _MOST:
            continue
        code = np.zeros(len(count), dtype=np.int64)
        for column, width in zip(columns, shape, strict=True):
            code = code * width + column.codes.to_numpy()
        for name, value in told.items():
            classes = _classes(np.bincount(code, weights=value, minlength=size), threshold)
            found[f"{name}_{'_and_'.join(level) or 'of_everyone'}"] = (level, classes.reshape(shape))
    coords = {dim: design.population[dim].cat.categories.to_numpy() for dim in design.card.dims}
    return xr.Dataset(found, coords=coords, attrs={"threshold": threshold})


def few_in_any(found: Sequence[xr.Dataset]) -> xr.Dataset:
    """Classes of several imputations of one table: few where they are few in any, or where those differ."""
    first = found[0]
    levels = [{dim: set(one[dim].to_numpy().tolist()) for dim in one.dims} for one in found]
    if any(set(one.data_vars) != set(first.data_vars) for one in found) or any(own != levels[0] for own in levels):
        raise DesignError("imputations of one table must have the same levels of every dimension")
    whole = first.copy(deep=True)
    for name, classes in first.data_vars.items():
        # By their codes: an imputation may have met the levels in another order.
        each = [one[name].sel({dim: classes[dim] for dim in classes.dims}) for one in found]
        values = np.stack([one.transpose(*classes.dims).to_numpy() for one in each])
        same = (values == values[0]).all(axis=0)
        whole[name] = classes.copy(data=np.where(same, values[0], SOME_EVENTS).astype(np.int8))
    return whole


def _classes(events: NDArray[np.float64], threshold: int) -> NDArray[np.int8]:
    few = np.floor(events + 0.5) <= threshold
    return np.select([events == 0, few], [NO_EVENTS, SOME_EVENTS], MORE_EVENTS).astype(np.int8)
