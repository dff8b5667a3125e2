"""Inequality over deprivation as tables: the measures, absolute and relative, and Core20 against everyone else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.levels import deprivation_rank
from bayesineq.dims import DECILE, POPULATION
from bayesineq.posterior.groups import mean_interval, pooled
from bayesineq.posterior.lift import in_rank_order
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Columns, Frame, Record, Row, Table
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate
from bayesineq.report.words.labels import dimension_label, ends_in_words
from bayesineq.report.words.sentences import sentence

_MEASURES: Final = (
    ("sii", "Slope index of inequality (SII)", "absolute, all groups", 0.0),
    ("difference", "Difference: {last} less {first}", "absolute, two ends", 0.0),
    ("rii", "Relative index of inequality (RII, Kunst and Mackenbach)", "relative, all groups", 1.0),
    ("ratio", "Ratio: {last} to {first}", "relative, two ends", 1.0),
)


def inequality_table(frame: Frame, like: Alike, dim: str, measured: pd.DataFrame) -> Table:
    """Measures over deprivation, absolute and relative: each with its interval, the crude one, and what it says."""
    levels = [str(level) for level in in_rank_order(like.values.shown, dim)[dim].to_numpy()]
    first, last = ends_in_words(dim, levels)
    rows: dict[Any, Any] = measured.set_index("parameter").to_dict("index")
    printed = [
        (
            *_measure(frame, rows[key], name.format(first=first, last=last), kind, none, like),
            _reading(rows[key], none, "index" in name, (first, last), measured.attrs.get("left_out", {}).get(key, "")),
        )
        for key, name, kind, none in _MEASURES
        if key in rows and (none == 0.0 or frame.counts)
    ]
    header: Row = ("Measure", "Kind", *estimate_headers(frame, like), "No inequality would be", "Reading")
    caption = f"Inequality in {frame.card.outcome.name}{like.given} by {dimension_label(dim)}"
    return Table(caption, header, tuple(printed))


def estimate_headers(frame: Frame, like: Alike) -> Row:
    """Headings of estimates: adjusted and crude where something was held equal."""
    if not like.is_adjusted:
        return (f"Estimate ({frame.level} interval)",)
    return (f"Adjusted,{like.given} ({frame.level} interval)", f"Crude ({frame.level} interval)")


def estimate_columns(frame: Frame, like: Alike, places: int) -> Columns:
    """How estimates are printed of a row: `mean`, `lower`, `upper`, and with `crude_` before them as groups are."""

    def of(start: str) -> Callable[[Record], str]:
        mean, lower, upper = (f"{start}{name}" for name in ("mean", "lower", "upper"))
        return lambda row: estimate(row[mean], row[lower], row[upper], frame.unit, places=places)

    starts = ("", "crude_") if like.is_adjusted else ("",)
    return {head: of(start) for head, start in zip(estimate_headers(frame, like), starts, strict=True)}


def core20_table(frame: Frame, like: Alike, dim: str) -> Table | None:
    """The most deprived fifth of areas against everyone else; None where one side has nobody."""
    both = (like.values, like.crude) if like.is_adjusted else (like.values,)
    sides = [side for values in both if (side := _sides(values.shown, dim)) is not None]
    if len(sides) < len(both):
        return None

    def shown(value: NDArray[np.float64], unit: Unit, places: int | None = None, gap: bool = False) -> str:
        return estimate(*mean_interval(value, frame.prob), unit, is_difference=gap, places=places)

    rows: list[Row] = [
        ("Core20: the most deprived fifth of areas", *(shown(core, frame.unit) for core, _ in sides)),
        ("Everyone else", *(shown(rest, frame.unit) for _, rest in sides)),
        (
            "Difference (absolute): Core20 less everyone else",
            *(shown(core - rest, frame.unit, gap=True) for core, rest in sides),
        ),
    ]
    if frame.counts:
        rows.append(
            ("Ratio (relative): Core20 to everyone else", *(shown(core / rest, PLAIN, 2) for core, rest in sides))
        )
    caption = f"{sentence(frame.card.outcome.name)}{like.given} in Core20 and elsewhere"
    return Table(caption, ("Group", *estimate_headers(frame, like)), tuple(rows))


def _sides(values: xr.DataArray, dim: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Draws of the most deprived fifth and of everyone else; None where one side has nobody who may be shown."""
    rank = deprivation_rank(values[dim].to_numpy(), dim)
    if rank is None:
        return None
    most = rank <= (2 if dim == DECILE else 1)
    draws = pooled(values, dim).astype(np.float64)
    people = values[POPULATION].to_numpy().astype(np.float64)
    sizes = np.array([people[most].sum(), people[~most].sum()])
    if not (sizes > 0).all():
        return None
    return draws[:, most] @ (people[most] / sizes[0]), draws[:, ~most] @ (people[~most] / sizes[1])


def _measure(frame: Frame, row: Mapping[str, Any], name: str, kind: str, none: float, like: Alike) -> Row:
    absolute = none == 0.0
    unit = frame.unit if absolute else PLAIN
    places = decimals([v * unit.factor for v in (row["mean"], row["lower"], row["upper"]) if np.isfinite(v)])

    def shown(prefix: str) -> str:
        mean, lower, upper = (float(row[f"{prefix}{part}"]) for part in ("mean", "lower", "upper"))
        if not np.isfinite(mean):
            return "not defined"
        return estimate(mean, lower, upper, unit, is_difference=absolute, places=places)

    return (name, kind, shown(""), *((shown("crude_"),) if like.is_adjusted else ()), f"{none:g}")


def _reading(row: Mapping[str, Any], none: float, is_index: bool, between: tuple[str, str], left_out: str) -> str:
    if not np.isfinite(row["mean"]):
        return "Some draws have no such ratio: their line reaches zero."
    if row["lower"] <= none <= row["upper"]:
        reading = "The interval includes no inequality."
    elif is_index:
        reading = f"The outcome {'rises' if row['lower'] > none else 'falls'} from the most to the least deprived."
    else:
        reading = f"{sentence(between[1] if row['lower'] > none else between[0])} has the higher level."
    return f"{reading} {left_out}".strip()
