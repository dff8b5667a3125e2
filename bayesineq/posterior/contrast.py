"""One group against another, draw by draw."""

from __future__ import annotations

from typing import Literal

import xarray as xr

from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import require_groups

type Contrast = Literal["difference", "ratio"]


def contrast(values: xr.DataArray, dim: str, reference: object, kind: Contrast = "difference") -> xr.DataArray:
    """
    Difference from, or ratio to, a reference group, for every draw.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups, such as `expected` returns.
    dim : str
        Dimension of the groups.
    reference : level of `dim`, or DataArray
        The group that the others are compared with, or values of its own without dimension `dim`, such as the mean
        of everyone.
    kind : {"difference", "ratio"}
        Value minus reference, or value over reference.

    Returns
    -------
    DataArray, dims as `values`
        The contrast of each group; the reference itself stays, at 0 or 1. Coordinates and provenance are kept; the
        attributes `contrast`, `dim` and `reference` say what was done.

    Raises
    ------
    MeasureError
        If there is no such dimension or level, or a ratio has a reference that is not above zero.

    Examples
    --------
    >>> rate = xr.DataArray(
    ...     [[[0.10, 0.12], [0.10, 0.15]]], dims=("chain", "draw", "sex"), coords={"sex": ["F", "M"]}
    ... )
    >>> contrast(rate, "sex", "F", "ratio").sel(sex="M").to_numpy().round(2).tolist()
    [[1.2, 1.5]]
    """
    if kind not in ("difference", "ratio"):
        raise MeasureError(f'kind must be "difference" or "ratio"; given {kind!r}')
    require_groups(values, dim)
    if isinstance(reference, xr.DataArray):
        if dim in reference.dims or not set(reference.dims) <= set(values.dims):
            raise MeasureError(
                f"the reference has the dimensions {list(reference.dims)}; it may have those of the values, "
                f"{list(values.dims)}, without {dim!r}"
            )
        against, name = reference.reset_coords(drop=True), str(reference.name or "given values")
    else:
        levels = values.get_index(dim)
        if reference not in levels:
            raise MeasureError(f"reference={reference!r} is not a level of {dim!r}; it has {list(levels[:20])}")
        against, name = values.sel({dim: reference}).reset_coords(drop=True), str(reference)
    if kind == "ratio" and (bad := int((against <= 0).sum())):
        raise MeasureError(
            f"a ratio needs a reference above zero, but {name} is not in {bad} draws; take the difference, or another "
            "reference"
        )
    try:
        # An inner join would drop draws or levels in silence, so labels must agree.
        xr.align(values, against, join="exact", copy=False)
    except ValueError as error:
        raise MeasureError(f"the reference has other labels than the values ({error}); select the same first") from None
    compared = values - against if kind == "difference" else values / against
    compared = compared.transpose(*values.dims).rename(values.name)
    return compared.assign_attrs(values.attrs | {"contrast": kind, "dim": dim, "reference": name})
