"""Adding values over units by group, whether the group is a dimension of its own or a code that each area carries."""

from __future__ import annotations

import xarray as xr

from bayesineq.decisions.benefit import people_in, unit_dims
from bayesineq.errors import DecisionError


def sum_by(values: xr.DataArray, by: str, *, population: xr.DataArray | None = None) -> xr.DataArray:
    """
    Add values per person up by group.

    Shapes: values (..., unit...); population (unit...); returns (..., by).
    """
    check_group(values, by)
    people = population if population is not None else people_in(values)
    codes = values.coords[by].reset_coords(drop=True)
    plain = values.reset_coords(drop=True)
    dims = unit_dims(values)
    if by in dims:
        within: xr.DataArray = xr.dot(plain, people, dim=[dim for dim in dims if dim != by])
        return within
    along = list(codes.dims)
    if len(along) != 1:
        raise DecisionError(f"{by} is a coordinate along {', '.join(map(str, along))}; it must be along one dimension.")
    added = xr.dot(plain, people, dim=[dim for dim in dims if dim not in along])
    grouped: xr.DataArray = added.assign_coords({by: codes}).groupby(by).sum()
    return grouped


def people_by(values: xr.DataArray, by: str, *, population: xr.DataArray | None = None) -> xr.DataArray:
    """Eligible people in each group. Shapes: population (unit...); returns (by)."""
    dims = unit_dims(values)
    one = xr.ones_like(values.isel({dim: 0 for dim in values.dims if dim not in dims}, drop=True), dtype=float)
    return sum_by(one, by, population=population)


def check_group(values: xr.DataArray, by: str) -> None:
    """Check that the units carry a group."""
    if by not in values.coords:
        offered = [str(name) for name in values.coords if name not in ("chain", "draw", "intervention")]
        raise DecisionError(f"No group {by!r} in these units; they carry {', '.join(offered)}.")
    if bool(values.coords[by].isnull().any()):
        raise DecisionError(f"Some units have no code for {by}: give every unit one, such as 'not known'.")
