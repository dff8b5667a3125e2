"""Lifting measures of one vector over draws: the measure is taken on every draw of the values, never re-noised."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.levels import told_order
from bayesineq.design.order import GRADIENT, NO_GRADIENT, ORDERED, by_convention, order_attributes, ranked
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.definitions import MEASURES
from bayesineq.measures.specification import Measure
from bayesineq.posterior.groups import aligned

_SHOWN: Final = 5
_PART: Final = "part"
_NAMED_GROUP: Final = ("group", "reference")
_PER_GROUP: Final = ("order", "need")
_BY_RANK: Final = "most_advantaged"
_OF_ENDS: Final = frozenset({"difference", "ratio"})


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
        `measure(value, weight, ...)` or `measure(value, ...)` with groups on the last axis, as `bayesineq.measures`.
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups, such as `expected` returns; further dimensions are kept.
    dim : str
        Dimension whose groups are measured.
    weight : DataArray, optional
        Size of the groups, with dimension `dim` and, if need be, others of `values`; labels are aligned. By default
        the coordinate `population` of `values`.
    options : mapping, optional
        Keyword arguments of the measure, such as `{"convention": "who"}`. A `group` or `reference` is named by its
        level, never by its position. What has a number for each group (`order`, `need`) is a pandas Series or a
        mapping by level, or a DataArray along `dim`.

    Returns
    -------
    DataArray, dims (chain, draw, ...)
        The measure; a measure of several numbers has them along a last dimension `part`. The attributes of `values`
        are kept, and `measure`, `dim` and the measure's own statement of its sign added. Missing in a draw in which the
        measure does not exist (attribute `undefined_draws` counts them), and where one of the groups has nobody in it
        (attribute `without_people` counts and names them): there alone.

    Raises
    ------
    MeasureError
        If `dim` is not a dimension, has no declared order where the measure needs one (or is time or age where it needs
        a social ranking), everywhere a group is empty, an option does not fit the levels, or the measure refuses the
        values in more than 1% of the draws.

    Warns
    -----
    UndefinedDrawsWarning
        If the measure does not exist in some draws: how many, and why.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from bayesineq.measures.slope import sii
    >>> decile = xr.DataArray(
    ...     [[[70.0, 74.0, 78.0], [71.0, 73.0, 75.0]]],
    ...     dims=("chain", "draw", "imd_decile"),
    ...     coords={"imd_decile": [1, 2, 3], "population": ("imd_decile", [1, 1, 1])},
    ... )
    >>> over_draws(sii, decile, "imd_decile").round(6).to_numpy().tolist()
    [[12.0, 6.0]]
    """
    name = getattr(measure, "__name__", "measure")
    if dim not in values.dims or dim in SAMPLE_DIMS:
        groups = [d for d in values.dims if d not in SAMPLE_DIMS]
        raise MeasureError(f"{name} was asked over dim={dim!r}, but the values have the dimensions {groups} of groups")
    if missing := [d for d in SAMPLE_DIMS if d not in values.dims]:
        raise MeasureError(f"{name} is lifted over draws, but the values lack the dimensions {missing}")
    stated = _stated(measure)
    if _needs_order(stated, options or {}):
        values = in_social_order(values, dim, name)
    takes_weight = _takes_weight(measure)
    if weight is not None and not takes_weight:
        raise MeasureError(f"{name} takes no weight; leave weight= out")
    needed = takes_weight and (stated is None or stated.weighted)
    sizes = _weight(values, dim, weight, name, needed=needed) if takes_weight else None
    lead = [d for d in values.dims if d != dim]
    values = values.transpose(*lead, dim)
    whole, gaps = _without_people(values, dim, name)
    chosen = {key: _option(values, dim, key, value, name) for key, value in (options or {}).items()}
    numbers, people = values.to_numpy(), _shaped(sizes, lead, dim)
    if gaps:
        numbers = numbers[:, :, whole]
        people = people if people is None or people.ndim == 1 else np.broadcast_to(people, values.shape)[:, :, whole]
    answer = np.asarray(measure(numbers, people, **chosen) if takes_weight else measure(numbers, **chosen))
    undefined = int(np.isnan(answer).sum()) if answer.dtype.kind == "f" else 0
    if gaps:
        answer = _put_back(answer, whole, name)
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
    attrs |= {"undefined_draws": undefined} if undefined else {}
    attrs |= {"without_people": gaps} if gaps else {}
    attrs |= {f"option_{key}": str(value) for key, value in (options or {}).items() if key not in _PER_GROUP}
    return xr.DataArray(answer, dims=[*lead, *parts], coords=kept, name=name, attrs=attrs)


def in_rank_order(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Groups from the first rank to the last: as the order is declared, else rising numbers or dates, else as is."""
    return values.isel({dim: ranked(values[dim].to_numpy(), declared_order(values, dim))})


def declared_order(values: xr.DataArray, dim: str) -> Mapping[str, Any]:
    """What is declared of the order of groups (`order_attributes`): by the values, else by convention, if at all."""
    attrs, levels = values[dim].attrs, values[dim].to_numpy()
    known = by_convention(dim)
    if ORDERED in attrs or known is None:
        return {str(key): value for key, value in attrs.items()}
    told = told_order(levels) if known else None
    return order_attributes(dim, levels if told is None else levels[told], ordered=told is not None)


def in_social_order(values: xr.DataArray, dim: str, name: str) -> xr.DataArray:
    """
    Groups from the most disadvantaged on, by rank, whatever order they were left in; an error where there is none.

    Values that carry no declaration, such as arrays of your own, are taken as the package knows a dimension of that
    name, else by their numbers. `difference` and `ratio` of the ends need an order and no social ranking.
    """
    codes = values[dim].to_numpy() if dim in values.coords else None
    attrs = {} if codes is None else declared_order(values, dim)
    numbers = codes is not None and codes.dtype.kind in "iufM" and ORDERED not in attrs
    if codes is None or not (numbers or attrs.get(ORDERED) == 1):
        raise MeasureError(
            f"{name} needs groups in order from disadvantage to advantage, but {dim!r} is not ordered "
            f"(levels {[] if codes is None else codes[:_SHOWN].tolist()}); use a measure for unordered groups, such as "
            "a range difference or the Theil index. If they have an order, declare it: `levels = [...]` or "
            f"`ordered = true` on the card's term, an ordered pandas Categorical in the table, most disadvantaged "
            'first, or "bayesineq:ordered": true in the schema'
        )
    if name not in _OF_ENDS and attrs.get(GRADIENT) == 0:
        raise MeasureError(
            f"{name} over {dim!r}: {attrs.get(NO_GRADIENT, 'its levels are no social ranking')}, so a slope over it is "
            "no inequality; use difference or ratio (last level against first), or range_difference or range_ratio"
        )
    return values.isel({dim: ranked(codes, attrs)})


def _stated(measure: Callable[..., Any]) -> Measure | None:
    """What the registry says about a measure; None for a function that is not in it."""
    stated = MEASURES.get(getattr(measure, "__name__", ""))
    return stated if stated is not None and stated.function is measure else None


def _takes_weight(measure: Callable[..., Any]) -> bool:
    """Whether a second array goes in beside the values."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional for p in inspect.signature(measure).parameters.values()) > 1


def _scale(stated: Measure) -> str:
    return "absolute" if stated.absolute else "relative"


def _needs_order(stated: Measure | None, options: Mapping[str, object]) -> bool:
    """Whether groups are taken by their rank: by the measure itself, or by a reference such as "most_advantaged"."""
    by_rank = any(isinstance(v, str) and v.startswith(_BY_RANK) for v in options.values())
    return options.get("order") is None and ((stated is not None and stated.ordered) or by_rank)


def _weight(
    values: xr.DataArray, dim: str, weight: xr.DataArray | None, name: str, *, needed: bool
) -> xr.DataArray | None:
    if weight is None:
        if not needed:
            return None
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
    return aligned(weight, values, "weight").astype(np.float64)


def _shaped(sizes: xr.DataArray | None, lead: list[Hashable], dim: str) -> NDArray[np.float64] | None:
    """Weights with groups last: one vector for all draws where they have no other dimension."""
    if sizes is None:
        return None
    if sizes.dims == (dim,):
        return sizes.to_numpy()
    return sizes.expand_dims([d for d in lead if d not in sizes.dims]).transpose(*lead, dim).to_numpy()


def _option(values: xr.DataArray, dim: str, key: str, value: object, name: str) -> object:
    """An option as the measure wants it: levels turned to positions, numbers of groups put in the groups' order."""
    levels = values.get_index(dim)
    if key in _NAMED_GROUP and value is not None and not (isinstance(value, str) and value not in levels):
        if value not in levels:
            raise MeasureError(
                f"{name}: {key}={value!r} is not a level of {dim!r}; it has {list(levels[:20])}. Name the group by its "
                "level, not by its position"
            )
        return int(levels.get_indexer(pd.Index([value]))[0])
    if key in _PER_GROUP and value is not None:
        if isinstance(value, xr.DataArray) and value.dims == (dim,):
            value = value.to_series()
        if not isinstance(value, (pd.Series, Mapping)):
            raise MeasureError(
                f"{name}: {key} gives each level of {dim!r} its number; pass a pandas Series or a mapping by level, "
                f"not a {type(value).__name__} by position"
            )
        numbers = pd.Series(value)
        if len(lacking := levels.difference(numbers.index)):
            raise MeasureError(f"{name}: {key} lacks {len(lacking)} levels of {dim!r}: {list(lacking[:_SHOWN])}")
        return numbers.loc[levels].to_numpy(dtype=np.float64)
    return value


def _without_people(values: xr.DataArray, dim: str, name: str) -> tuple[NDArray[np.bool_], str]:
    """Where every group has a value, by the dimensions that are kept, and in words where one has none."""
    missing: NDArray[np.bool_] = np.isnan(values.to_numpy()).all(axis=(0, 1))
    whole = ~missing.any(axis=-1)
    if whole.all():
        return whole, ""
    dims = [d for d in values.dims if d not in SAMPLE_DIMS]
    cells = [
        ", ".join(f"{d}={values[d].to_numpy()[i] if d in values.coords else i}" for d, i in zip(dims, at, strict=True))
        for at in np.argwhere(missing)[:_SHOWN]
    ]
    said = f"{int(missing.sum())} groups have no value because nobody is in them ({'; '.join(cells)})"
    if not whole.any():
        raise MeasureError(f"{name} over {dim!r}: {said}; pool levels, or choose with .sel() those that have people")
    return whole, said


def _put_back(answer: NDArray[Any], whole: NDArray[np.bool_], name: str) -> NDArray[np.float64]:
    """Missing where a group has nobody, the answer elsewhere."""
    n_lead, n_whole = 2, int(whole.sum())
    if answer.ndim < n_lead + 1 or answer.shape[n_lead] != n_whole:
        raise MeasureError(f"{name} gave the shape {answer.shape}; a measure reduces the last axis of its values")
    filled = np.full((*answer.shape[:n_lead], *whole.shape, *answer.shape[n_lead + 1 :]), np.nan)
    filled[:, :, whole] = answer
    return filled
