"""Lifting measures of one vector over draws: the measure is taken on every draw of the values, never re-noised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.specification import DEFINED, Measure

_SHOWN: Final = 5
_PART: Final = "part"


def over_draws(
    measure: Callable[..., Any],
    values: xr.DataArray,
    dim: str,
    *,
    weight: xr.DataArray | None = None,
    options: Mapping[str, object] | None = None,
) -> xr.DataArray:
    """
    Take a measure over the groups of one dimension, for every draw.

    Parameters
    ----------
    measure : callable
        `measure(value, weight, ...)` with groups on the last axis, as all of `bayesineq.measures`.
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups, such as `expected` returns; further dimensions are kept.
    dim : str
        Dimension whose groups are measured.
    weight : DataArray, optional
        Size of the groups, with dimension `dim` and, if need be, others of `values`; labels are aligned. By default
        the coordinate `population` of `values`.
    options : mapping, optional
        Keyword arguments of the measure, such as `{"convention": "who"}`.

    Returns
    -------
    DataArray, dims (chain, draw, ...)
        The measure; a measure of several numbers has them along a last dimension `part`. The attributes of `values`
        are kept, and `measure`, `dim` and the measure's own statement of its sign added.

    Raises
    ------
    MeasureError
        If `dim` is not a dimension, has no order where the measure needs one, a group is empty, or the measure
        refuses the values.
    """
    name = getattr(measure, "__name__", "measure")
    if dim not in values.dims or dim in SAMPLE_DIMS:
        groups = [d for d in values.dims if d not in SAMPLE_DIMS]
        raise MeasureError(f"{name} was asked over dim={dim!r}, but the values have the dimensions {groups} of groups")
    if missing := [d for d in SAMPLE_DIMS if d not in values.dims]:
        raise MeasureError(f"{name} is lifted over draws, but the values lack the dimensions {missing}")
    stated = _stated(measure)
    if stated is not None and stated.ordered:
        values = _in_order(values, dim, name)
    sizes = _weight(values, dim, weight, name)
    lead = [d for d in values.dims if d != dim]
    values = values.transpose(*lead, dim)
    _refuse_gaps(values, sizes, dim, name)
    outer = [d for d in lead if d in sizes.dims]
    shaped = sizes.transpose(*outer, dim)
    if outer:
        shaped = shaped.expand_dims([d for d in lead if d not in outer]).transpose(*lead, dim)
    answer = np.asarray(measure(values.to_numpy(), shaped.to_numpy(), **(options or {})))
    shape = tuple(values.sizes[d] for d in lead)
    if answer.shape[: len(shape)] != shape or answer.ndim > len(shape) + 1:
        raise MeasureError(
            f"{name} gave the shape {answer.shape} where {shape} was due; a measure reduces the last axis of its values"
        )
    parts = [_PART] if answer.ndim > len(shape) else []
    kept = {k: c for k, c in values.coords.items() if k in lead}
    attrs = values.attrs | {"measure": name, "dim": dim}
    if stated is not None:
        attrs |= {"sign": stated.sign, "measure_scale": _scale(stated)}
        attrs |= {} if stated.equality is None else {"equality": stated.equality}
    attrs |= {f"option_{key}": str(value) for key, value in (options or {}).items()}
    return xr.DataArray(answer, dims=[*lead, *parts], coords=kept, name=name, attrs=attrs)


def _stated(measure: Callable[..., Any]) -> Measure | None:
    """What the registry says about a measure; None for a function that is not in it."""
    stated = DEFINED.get(getattr(measure, "__name__", ""))
    return stated if stated is not None and stated.function is measure else None


def _scale(stated: Measure) -> str:
    return "absolute" if stated.absolute else "relative"


def _in_order(values: xr.DataArray, dim: str, name: str) -> xr.DataArray:
    """Groups from the most disadvantaged on: ascending codes, whatever order they were left in."""
    codes = values[dim].to_numpy() if dim in values.coords else None
    if codes is not None and codes.dtype.kind in "iuf":
        return values.sortby(dim)
    if codes is not None and values[dim].attrs.get("ordered") == 1:
        return values
    raise MeasureError(
        f"{name} needs groups in order from disadvantage to advantage, but {dim!r} is not ordered "
        f"(levels {[] if codes is None else list(codes[:_SHOWN])}); use a measure for unordered groups, such as a "
        f"difference, or make the column of the population an ordered pandas Categorical, most disadvantaged first"
    )


def _weight(values: xr.DataArray, dim: str, weight: xr.DataArray | None, name: str) -> xr.DataArray:
    if weight is None:
        if POPULATION not in values.coords or dim not in values[POPULATION].dims:
            raise MeasureError(
                f"{name} weighs groups by their size, but the values have no coordinate {POPULATION!r} along {dim!r}; "
                "pass weight="
            )
        return values[POPULATION].reset_coords(drop=True).astype(np.float64)
    if dim not in weight.dims or not set(weight.dims) <= set(values.dims):
        raise MeasureError(
            f"weight has the dimensions {list(weight.dims)}; {name} needs {dim!r} and no other than {list(values.dims)}"
        )
    aligned = weight.reset_coords(drop=True)
    for d in weight.dims:
        if d not in values.coords or d not in weight.coords:
            continue
        if len(lacking := values.get_index(d).difference(weight.get_index(d))):
            raise MeasureError(
                f"weight lacks {len(lacking)} of the {values.sizes[d]} levels of {d!r}: {list(lacking[:_SHOWN])}"
            )
        aligned = aligned.sel({d: values[d].to_numpy()})
    return aligned.astype(np.float64)


def _refuse_gaps(values: xr.DataArray, sizes: xr.DataArray, dim: str, name: str) -> None:
    first: NDArray[np.floating] = values.isel(dict.fromkeys(SAMPLE_DIMS, 0)).to_numpy()
    if not (gaps := np.isnan(first)).any():
        return
    dims = [d for d in values.dims if d not in SAMPLE_DIMS]
    cells = [
        ", ".join(f"{d}={values[d].to_numpy()[i] if d in values.coords else i}" for d, i in zip(dims, at, strict=True))
        for at in np.argwhere(gaps)[:_SHOWN]
    ]
    raise MeasureError(
        f"{name} over {dim!r}: {int(gaps.sum())} groups have no value because nobody is in them ({'; '.join(cells)}); "
        f"pool levels, or choose with .sel() those that have people"
    )
