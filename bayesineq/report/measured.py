"""Inequality over deprivation as tables: the measures, absolute and relative, and Core20 against everyone else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import DECILE, POPULATION, SAMPLE_DIMS
from bayesineq.measures.simple import difference, ratio
from bayesineq.measures.slope import rii, sii
from bayesineq.measures.undefined import UndefinedDraws
from bayesineq.posterior.lift import in_rank_order, over_draws
from bayesineq.report.draws import defined, ends
from bayesineq.report.groups import small_groups
from bayesineq.report.labels import dimension_label, ends_in_words
from bayesineq.report.numbers import PLAIN, Unit, estimate
from bayesineq.report.parts import Frame, Row, Table
from bayesineq.report.words import sentence


def inequality_table(frame: Frame, values: xr.DataArray, dim: str, *, given: str = "") -> Table:
    """
    Absolute and relative measures over deprivation, each with its interval and what its sign says.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group.
    dim : str
        The dimension.
    given : str
        What was held equal, see `Alike`.

    Returns
    -------
    Table
        Relative measures only where ratios exist.
    """
    favourable = frame.card.outcome.more_is == "better"
    first, last = ends_in_words(dim, [str(level) for level in in_rank_order(values, dim)[dim].to_numpy()])
    one, other = (last, first) if favourable else (first, last)
    direction: dict[str, object] = {"favourable": favourable}
    asked: list[tuple[Callable[..., Any], dict[str, object], str, str, float]] = [
        (sii, {}, "Slope index of inequality (SII)", "absolute, all groups", 0.0),
        (difference, direction, f"Difference: {one} less {other}", "absolute, two ends", 0.0),
    ]
    if frame.counts:
        asked += [
            (rii, {}, "Relative index of inequality (RII, Kunst and Mackenbach)", "relative, all groups", 1.0),
            (ratio, direction, f"Ratio: {one} to {other}", "relative, two ends", 1.0),
        ]
    rows = [
        _measure(frame, values, dim, function, options, name, kind, none)
        for function, options, name, kind, none in asked
        if values.sizes[dim] > 2 or function not in (sii, rii)
    ]
    header = ("Measure", "Kind", f"Estimate ({frame.level} interval)", "No inequality would be", "Reading")
    return Table(f"Inequality in {frame.card.outcome.name}{given} by {dimension_label(dim)}", header, tuple(rows))


def core20_table(frame: Frame, values: xr.DataArray, dim: str, *, given: str = "") -> Table | None:
    """
    The most deprived fifth of areas against everyone else.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    values : DataArray, dims (chain, draw, dim)
        Outcome of each decile or quintile.
    dim : str
        Decile or quintile of deprivation.
    given : str
        What was held equal, see `Alike`.

    Returns
    -------
    Table or None
        Both rates, their difference and their ratio; None where one of the two has nobody, or is too small to show.
    """
    most = values[dim].to_numpy().astype(np.float64) <= (2 if dim == DECILE else 1)
    draws = values.transpose(*SAMPLE_DIMS, dim).to_numpy().reshape(-1, values.sizes[dim]).astype(np.float64)
    people = values[POPULATION].to_numpy().astype(np.float64)
    sizes = np.array([people[most].sum(), people[~most].sum()])
    if not (sizes > 0).all():
        return None
    core = draws[:, most] @ (people[most] / sizes[0])
    rest = draws[:, ~most] @ (people[~most] / sizes[1])
    if small_groups(values, [core.mean(), rest.mean()], sizes, frame.rule, counts=frame.counts).any():
        return None

    def shown(name: str, value: NDArray[np.float64], unit: Unit, places: int | None = None, gap: bool = False) -> Row:
        found = estimate(float(value.mean()), *ends(value, frame.prob), unit, is_difference=gap, places=places)
        return (name, found)

    rows = [
        shown("Core20: the most deprived fifth of areas", core, frame.unit),
        shown("Everyone else", rest, frame.unit),
        shown("Difference (absolute): Core20 less everyone else", core - rest, frame.unit, gap=True),
    ]
    if frame.counts:
        rows.append(shown("Ratio (relative): Core20 to everyone else", core / rest, PLAIN, 2))
    header = ("Group", f"Estimate ({frame.level} interval)")
    return Table(f"{sentence(frame.card.outcome.name)}{given} in Core20 and elsewhere", header, tuple(rows))


def _measure(
    frame: Frame,
    values: xr.DataArray,
    dim: str,
    function: Callable[..., Any],
    options: dict[str, object],
    name: str,
    kind: str,
    none: float,
) -> Row:
    try:
        draws, left_out = defined(over_draws(function, values, dim, options=options))
    except UndefinedDraws:
        return (name, kind, "not defined", f"{none:g}", "Some draws have no such ratio: their line reaches zero.")
    absolute = none == 0.0
    if not absolute and not (draws > 0).all():
        return (name, kind, "not defined", f"{none:g}", "Some draws have no such ratio: their line reaches zero.")
    lower, upper = ends(draws, frame.prob)
    unit, places = (frame.unit, None) if absolute else (PLAIN, 2)
    shown = estimate(float(draws.mean()), lower, upper, unit, is_difference=absolute, places=places)
    index = "index" in name
    if lower <= none <= upper:
        reading = "The interval includes no inequality."
    elif index:
        rises = "rises" if lower > none else "falls"
        reading = f"The outcome {rises} from the most to the least deprived."
    else:
        reading = "The first group has the higher level." if lower > none else "The second group has the higher level."
    return (name, kind, shown, f"{none:g}", f"{reading} {left_out}".strip())
