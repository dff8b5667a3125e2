"""
The currency of every decision: draws of benefit, whoever estimated them.

A benefit is an `xarray.DataArray` with dimensions `chain, draw, UNIT..., intervention`, where the units are people,
areas or groups named by their real codes (none at all for one whole population). Values are benefit **per eligible
person**; a positive value means that people are better off, whatever the outcome. `attrs["scale"]` says in what: events
averted (of an outcome of which more is worse), events gained (of one of which more is better), QALY or net pounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import CHAIN, DRAW, INTERVENTION, PERSON, POPULATION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import described

Scale = Literal["events averted", "events gained", "QALY", "net pounds"]
SCALES: Final[tuple[Scale, ...]] = get_args(Scale)


def check_benefit(benefit: xr.DataArray) -> xr.DataArray:
    """
    Check that an array is a benefit and put its dimensions in order.

    Shapes: benefit (chain, draw, unit..., intervention); returns (chain, draw, unit..., intervention).
    """
    missing = [dim for dim in (*SAMPLE_DIMS, INTERVENTION) if dim not in benefit.dims]
    if missing:
        raise DecisionError(
            f"A benefit needs the dimensions chain, draw and intervention; {', '.join(missing)} not found among "
            f"{', '.join(map(str, benefit.dims))}. Build it with from_effects, transport or an adapter."
        )
    faults = []
    scale = benefit.attrs.get("scale")
    if scale not in SCALES:
        faults.append(f"attrs['scale'] is {scale!r}; it must be one of {', '.join(SCALES)}")
    for dim in [*unit_dims(benefit), INTERVENTION]:
        if dim not in benefit.coords:
            faults.append(f"dimension {dim} has no codes: give it a coordinate of real codes, never positions")
            continue
        index = benefit.indexes[dim]
        if not index.is_unique:
            repeated = ", ".join(map(str, index[index.duplicated()].unique()[:5]))
            faults.append(f"codes repeat along {dim}: {repeated}")
    bad = int((~np.isfinite(benefit.values)).sum())
    if bad:
        faults.append(f"{bad:,} of {benefit.size:,} values are not finite")
    if faults:
        raise DecisionError("Not a benefit: " + "; ".join(faults) + ".")
    return benefit.transpose(*SAMPLE_DIMS, *unit_dims(benefit), INTERVENTION)


def unit_dims(benefit: xr.DataArray) -> list[str]:
    """Name the dimensions of the units."""
    return [str(dim) for dim in benefit.dims if dim not in (*SAMPLE_DIMS, INTERVENTION)]


def from_effects(
    draws: ArrayLike | None = None,
    *,
    scale: Scale,
    interventions: Sequence[str],
    units: Sequence[object],
    unit: str = PERSON,
    mean: ArrayLike | None = None,
    standard_error: ArrayLike | None = None,
    correlation: float | ArrayLike | None = None,
    n_draw: int = 1000,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Turn effects from any source into benefit draws.

    Parameters
    ----------
    draws : array, shape (draw, unit, intervention) or (chain, draw, unit, intervention), optional
        Posterior draws of benefit per person. Give these, or `mean` and `standard_error`.
    scale : {"events averted", "events gained", "QALY", "net pounds"}
        What one unit of benefit is.
    interventions, units : sequences
        Codes along the last two axes.
    unit : str
        Name of the unit dimension: "person", "area" or a grouping.
    mean, standard_error : arrays, shape (unit, intervention), optional
        Estimates and standard errors, drawn from as normal; units are independent.
    correlation : float or array, shape (intervention, intervention)
        Correlation of the errors of different interventions, needed with `mean` as soon as there is more than one:
        arms that share a control arm of their own size have about 0.5, separate trials 0.
    n_draw : int
        Draws to make from `mean` and `standard_error`.
    seed : int, optional
        Seed of these draws.

    Returns
    -------
    DataArray, dims (chain, draw, unit, intervention)
        Benefit; `attrs` state scale, source and correlation.

    Raises
    ------
    DecisionError
        If shapes, codes or the correlation do not fit.

    Examples
    --------
    >>> draws = [[[0.10, 0.30], [0.20, 0.10]], [[0.12, 0.26], [0.22, 0.14]]]
    >>> benefit = from_effects(draws, scale="QALY", interventions=["calls", "visits"], units=["a", "b"], unit="area")
    >>> benefit.mean(("chain", "draw")).to_pandas()
    intervention  calls  visits
    area
    a              0.11    0.28
    b              0.21    0.12
    """
    names = [str(name) for name in interventions]
    shape = (len(units), len(names))
    stated = "as in the draws"
    if (draws is None) == (mean is None) or (mean is None) != (standard_error is None):
        raise DecisionError("Give either draws, or both mean and standard_error; not both ways and not neither.")
    if draws is not None:
        values = np.asarray(draws, dtype=np.float64)
        values = values[np.newaxis] if values.ndim == 3 else values
    else:
        centre, error = np.asarray(mean, np.float64), np.asarray(standard_error, np.float64)
        if centre.shape != shape or error.shape != shape:
            raise DecisionError(
                f"mean has shape {centre.shape} and standard_error {error.shape}; "
                f"{shape[0]} units and {shape[1]} interventions need {shape}."
            )
        if not (error >= 0).all():
            raise DecisionError("standard_error must be zero or more everywhere.")
        matrix = correlation_matrix(correlation, names)
        stated = "none (one intervention)" if len(names) == 1 else _in_words(matrix)
        noise = np.random.default_rng(seed).standard_normal((1, n_draw, *shape)) @ _root(matrix).T
        values = centre + error * noise
    if values.ndim != 4 or values.shape[2:] != shape:
        raise DecisionError(
            f"draws have shape {values.shape}; needed are (draw, {shape[0]} units, {shape[1]} interventions), "
            "with chains in front or not."
        )
    benefit = xr.DataArray(
        values,
        dims=(CHAIN, DRAW, unit, INTERVENTION),
        coords={
            CHAIN: np.arange(values.shape[0]),
            DRAW: np.arange(values.shape[1]),
            unit: np.asarray(units),
            INTERVENTION: names,
        },
        name="benefit",
        attrs={"scale": scale, "source": "from_effects", "correlation": stated},
    )
    return check_benefit(benefit)


def correlation_matrix(correlation: float | ArrayLike | None, names: Sequence[str]) -> NDArray[np.float64]:
    """
    Check a stated correlation between interventions.

    Shapes: correlation (intervention, intervention); returns (intervention, intervention).
    """
    k = len(names)
    if correlation is None:
        if k > 1:
            raise DecisionError(
                f"{k} interventions ({', '.join(names)}) but no correlation between their errors is stated. "
                "Give correlation=0.0 for separate studies, or the matrix; arms sharing a control have about 0.5."
            )
        correlation = 0.0
    matrix = np.asarray(correlation, np.float64)
    if matrix.ndim == 0:
        matrix = np.full((k, k), float(matrix)) + (1.0 - float(matrix)) * np.eye(k)
    if matrix.shape != (k, k) or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
        raise DecisionError(
            f"correlation must be one number or a symmetric {k} x {k} matrix with ones on its diagonal."
        )
    if np.linalg.eigvalsh(matrix).min() < -1e-9 or np.abs(matrix).max() > 1 + 1e-12:
        raise DecisionError(f"correlation is no correlation matrix of {k} interventions: it has a negative eigenvalue.")
    return matrix


def combine(benefits: Sequence[xr.DataArray]) -> xr.DataArray:
    """
    Put the benefits of several interventions side by side.

    Parameters
    ----------
    benefits : sequence of DataArray
        Benefits with the same units and draws.

    Returns
    -------
    DataArray
        One benefit with all interventions.

    Raises
    ------
    DecisionError
        If scales are mixed, units or draws differ, or an intervention occurs twice.

    Examples
    --------
    >>> calls = from_effects([[[0.1]], [[0.3]]], scale="QALY", interventions=["calls"], units=["east"], unit="area")
    >>> visits = from_effects([[[0.4]], [[0.4]]], scale="QALY", interventions=["visits"], units=["east"], unit="area")
    >>> combine([calls, visits]).mean("draw").to_series().tolist()
    [0.2, 0.4]
    """
    checked = [check_benefit(one) for one in benefits]
    scales = {name: one.attrs["scale"] for one in checked for name in one[INTERVENTION].values}
    if len(set(scales.values())) > 1:
        listed = ", ".join(f"{name} in {scale}" for name, scale in scales.items())
        raise DecisionError(
            f"Effects on mixed scales cannot be compared: {listed}. Bring them to one scale with rescale, "
            "for example QALY per event averted."
        )
    try:
        joined = xr.concat(checked, INTERVENTION, join="exact", combine_attrs="drop_conflicts")
    except ValueError as error:
        raise DecisionError(f"These benefits do not have the same units and draws: {error}") from error
    joined.attrs["scale"] = checked[0].attrs["scale"]
    return check_benefit(joined)


def rescale(benefit: xr.DataArray, factor: float | Mapping[str, float] | xr.DataArray, *, scale: Scale) -> xr.DataArray:
    """
    Bring a benefit to another scale, for example QALY gained for an event averted, or for one gained.

    Parameters
    ----------
    benefit : DataArray
        A benefit.
    factor : float, mapping from intervention to float, or DataArray
        Units of the new scale for one unit of the old, zero or more on average; a DataArray may carry draws.
    scale : {"events averted", "events gained", "QALY", "net pounds"}
        New scale.

    Returns
    -------
    DataArray
        Benefit on the new scale.

    Raises
    ------
    DecisionError
        If an intervention has no factor, or one below 0, which would turn benefit into harm.

    Examples
    --------
    >>> averted = from_effects([[[0.1]], [[0.3]]], scale="events averted", interventions=["calls"], units=["ann"])
    >>> float(rescale(averted, 0.5, scale="QALY").mean())
    0.1
    """
    old = check_benefit(benefit)
    if isinstance(factor, Mapping):
        names = [str(name) for name in old[INTERVENTION].values]
        absent = [name for name in names if name not in factor]
        if absent:
            raise DecisionError(f"No factor from {old.attrs['scale']} to {scale} for {', '.join(absent)}.")
        factor = xr.DataArray(
            [float(factor[name]) for name in names], dims=INTERVENTION, coords={INTERVENTION: old[INTERVENTION].values}
        )
    typical = factor.mean([d for d in SAMPLE_DIMS if d in factor.dims]) if isinstance(factor, xr.DataArray) else factor
    if not float(np.min(typical)) >= 0:
        raise DecisionError(
            f"A factor from {old.attrs['scale']} to {scale} is {float(np.min(typical)):g}, below 0: it would turn "
            "benefit into harm. A benefit is above 0 where people are better off: give what one unit of it is worth, "
            "zero or more."
        )
    return check_benefit((old * factor).assign_attrs({**old.attrs, "scale": scale}))


def total(values: xr.DataArray, population: xr.DataArray | None = None) -> xr.DataArray:
    """Add values per person over all people. Shapes: values (..., unit...); population (unit...)."""
    dims = unit_dims(values)
    people = population if population is not None else people_in(values)
    added: xr.DataArray = xr.dot(values, people, dim=dims) if dims else values * people
    return added


def people_in(values: xr.DataArray) -> xr.DataArray:
    """Eligible people in each unit. Shapes: returns (unit...)."""
    dims = unit_dims(values)
    if POPULATION in values.coords:
        people: xr.DataArray = values.coords[POPULATION].reset_coords(drop=True).astype(np.float64)
        return people
    template = values.isel({dim: 0 for dim in values.dims if dim not in dims}, drop=True)
    shape = [template.sizes[dim] for dim in dims]
    return xr.DataArray(
        np.ones(shape), dims=dims, coords={dim: template.coords[dim].values for dim in dims if dim in template.coords}
    )


def tidy(values: xr.DataArray, *, prob: float) -> pd.DataFrame:
    """Summarise draws of benefit in one row a cell. Shapes: values (chain, draw, ...)."""
    columns = {**described(values, prob), "p_positive": (values > 0).mean(SAMPLE_DIMS)}
    rest = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
    if not rest:
        return pd.DataFrame([{name: float(column) for name, column in columns.items()}])
    extra = [name for name in values.coords if name not in values.dims]
    table = xr.Dataset({name: column.drop_vars(extra, errors="ignore") for name, column in columns.items()})
    return table.to_dataframe().reset_index()[[*rest, *columns]]


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    value, vector = np.linalg.eigh(matrix)
    return np.asarray(vector * np.sqrt(np.maximum(value, 0.0)))


def _in_words(matrix: NDArray[np.float64]) -> str:
    off = matrix[np.triu_indices_from(matrix, 1)]
    return f"{off[0]:g} between every two" if np.ptp(off) == 0 else f"stated matrix, {off.min():g} to {off.max():g}"
