"""What a map shows, as a table: one row an area, keyed by code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AREA, CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.covered import Draws, require_covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import by_level, pooled

Statistic = Literal["mean", "width", "exceedance"]
STATISTICS: Final = ("mean", "width", "exceedance")

_BLOCK: Final = 4_000_000
_DUST: Final = 1e-9


def area_table(
    values: Draws, *, threshold: float | Literal["average"] = "average", prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Summarise the draws of every area.

    `values`: Outcome of each area: draws with dims (chain, draw, area) in any order, with area codes as coordinate
    and, for a weighted average, `population` along `area`. `threshold`: What exceedance compares with: a value on
    the scale of the outcome, or in every draw the mean of all areas weighted by their population. Returns: index
    `area`; columns `mean`, `sd`, `lower`, `upper`, `width`, `exceedance` (probability above the threshold). An area
    whose draws are all missing is a row of NaN.
    """
    draws, codes = _draws(values)
    weight = _weight(values.shown)
    known = _known(draws, codes)
    cut = _threshold(draws, weight, known, threshold)
    # One chain: whether chains agree is asked of the fit, not of every area of a map.
    flat = xr.DataArray(draws[None], dims=(*SAMPLE_DIMS, AREA), coords={AREA: codes.astype(object)})
    table = by_level(flat, prob).set_index(AREA)[["mean", "sd", "lower", "upper"]]
    table["width"] = table["upper"] - table["lower"]
    step = max(1, _BLOCK // len(draws))
    shares = [(draws[:, start : start + step] > cut[:, None]).mean(axis=0) for start in range(0, len(codes), step)]
    table["exceedance"] = np.where(known, np.concatenate(shares), np.nan)
    return table


@dataclass(frozen=True, slots=True)
class Classes:
    """
    Classes of a map.

    Parameters
    ----------
    edges : ndarray, shape (n_class + 1,)
        Ends of the classes, rising. A value belongs to the class whose lower end it reaches; the last holds both ends.
    member : ndarray of int, shape (n_area,)
        Class of each area, from 0; -1 for a missing one.
    """

    edges: NDArray[np.float64]
    member: NDArray[np.int64]


def quantile_classes(values: NDArray[np.float64], count: int) -> Classes:
    """
    Sort values into classes of about equally many areas. Shapes: values (n_area,).

    `count`: Number of classes asked for; ties can leave fewer, and equal values leave one.
    """
    present = values[np.isfinite(values)]
    if not len(present):
        return Classes(np.array([0.0, 1.0]), np.full(len(values), -1))
    edges = np.unique(np.quantile(present, np.linspace(0.0, 1.0, count + 1)))
    if np.ptp(present) <= 1e-12 * max(1.0, float(np.abs(present).max())):
        edges = np.array([present.min(), present.max()])
    return fixed_classes(values, edges)


def fixed_classes(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Classes:
    """Sort values into given classes. Shapes: values (n_area,); edges (n_class + 1,)."""
    member = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    member[~np.isfinite(values)] = -1
    return Classes(edges, member)


def exceedance_classes(values: NDArray[np.float64], edges: Sequence[float]) -> Classes:
    """
    Sort probabilities into classes that are alike on both sides.

    Shapes: values (n_area,); edges (n_class + 1,).

    `edges`: Ends of the classes, rising and symmetric around one half: an end belongs to the class further from one
    half, so that areas of 95% or more and of 5% or less are those that count as above and below.
    """
    ends = np.asarray(edges, dtype=np.float64)
    far = np.where(values > 0.5, values + _DUST, values - _DUST)
    return fixed_classes(np.clip(far, ends[0], ends[-1]), ends)


def average_draws(values: Draws) -> NDArray[np.float64]:
    """
    Average of all areas in every draw, weighted by their population: what "above the average" compares with.

    Shapes: returns (n_draw,).
    """
    draws, codes = _draws(values)
    return _threshold(draws, _weight(values.shown), _known(draws, codes), "average")


def _draws(safe: Draws) -> tuple[NDArray[np.floating], NDArray[np.str_]]:
    require_covered(safe)
    values = safe.shown
    wanted = {*SAMPLE_DIMS, AREA}
    if set(values.dims) != wanted or AREA not in values.coords:
        raise MeasureError(
            f"a map needs draws with the dimensions {sorted(wanted)} and area codes; "
            f"given {[str(d) for d in values.dims]} with coordinates {sorted(str(c) for c in values.coords)}"
        )
    codes = values[AREA].to_numpy().astype(str)
    if len(repeated := pd.Index(codes)[pd.Index(codes).duplicated()]):
        raise MeasureError(f"area codes are there more than once: {list(repeated.unique()[:5])}; keep one of each")
    return pooled(values, AREA), codes


def _weight(values: xr.DataArray) -> NDArray[np.float64]:
    if POPULATION in values.coords and values[POPULATION].dims == (AREA,):
        return values[POPULATION].to_numpy().astype(np.float64)
    return np.ones(values.sizes[AREA])


def _known(draws: NDArray[np.floating], codes: NDArray[np.str_]) -> NDArray[np.bool_]:
    finite = np.isfinite(draws)
    whole, some = finite.all(axis=0), finite.any(axis=0)
    if (partly := some & ~whole).any():
        raise MeasureError(
            f"{int(partly.sum())} areas have some draws that are missing or infinite ({', '.join(codes[partly][:5])}); "
            "an area is drawn when all its draws are finite, or marked missing when none is"
        )
    return np.asarray(whole)


def _threshold(
    draws: NDArray[np.floating],
    weight: NDArray[np.float64],
    known: NDArray[np.bool_],
    threshold: float | Literal["average"],
) -> NDArray[np.float64]:
    if threshold != "average":
        return np.full(len(draws), float(threshold))
    share = np.where(known, weight, 0.0)
    if not share.sum() > 0:
        return np.zeros(len(draws))
    filled = draws if known.all() else np.where(known, draws, 0.0)
    return np.asarray(filled @ (share / share.sum()), dtype=np.float64)
