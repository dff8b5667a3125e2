"""Which groups have few events: kept with a posterior in place of the counts, which are not kept."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.dims import FEW

FEW_EVENTS: Final = "few_events"
"""Name of the group of a posterior that holds this."""

NO_EVENTS, SOME_EVENTS, MORE_EVENTS = 0, 1, 2

_MOST: Final = 2_000_000


def few_events(design: Design, threshold: int = FEW) -> xr.Dataset | None:
    """
    Tell groups without events, with few and with more apart.

    Returns: variables of int8 over no dimension, over each dimension of the card and over each two of them: 0 where
    nobody had an event, 1 where there were 1 to the threshold, 2 where there were more; attribute `threshold`. None
    where it is not needed (rates of people, whose events follow from them) or counts are known as intervals only.

    Notes
    -----
    A ratio to expected events is pooled: times the expected count it is not what was observed, and whether a group may
    be shown depends on that. The three classes tell no more than a published table does, in which few are withheld.
    """
    outcome, response = design.card.outcome, design.response
    if not outcome.counts_events or not {"expected", "exposure"} & set(outcome.columns):
        return None
    lower, upper = response.lower, response.upper
    if lower is not None and upper is not None and not np.array_equal(lower, upper, equal_nan=True):
        return None
    count = np.nan_to_num(response.value)
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
        events = np.bincount(code, weights=count, minlength=size)
        found[f"events_{'_and_'.join(level) or 'of_everyone'}"] = (level, _classes(events, threshold).reshape(shape))
    coords = {dim: design.population[dim].cat.categories.to_numpy() for dim in design.card.dims}
    return xr.Dataset(found, coords=coords, attrs={"threshold": threshold})


def _classes(events: NDArray[np.float64], threshold: int) -> NDArray[np.int8]:
    few = np.floor(events + 0.5) <= threshold
    return np.select([events == 0, few], [NO_EVENTS, SOME_EVENTS], MORE_EVENTS).astype(np.int8)
