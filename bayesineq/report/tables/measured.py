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
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate, with_unit, write
from bayesineq.report.words.labels import dimension_label, ends_in_words
from bayesineq.report.words.sentences import Statement, sentence

_MEASURES: Final = (
    ("difference", "Difference: {last} less {first}", "absolute, two ends", 0.0),
    ("ratio", "Ratio: {last} to {first}", "relative, two ends", 1.0),
    ("sii", "Slope index of inequality (SII): least less most deprived end of the line", "absolute, all groups", 0.0),
    (
        "rii",
        "Relative index of inequality (RII, Kunst and Mackenbach): least to most deprived end of the line",
        "relative, all groups",
        1.0,
    ),
)


def inequality_table(frame: Frame, like: Alike, dim: str, measured: pd.DataFrame) -> Table:
    """Measures over deprivation, absolute and relative: each with its interval, the crude one, and what it says."""
    levels = [str(level) for level in in_rank_order(like.values.shown, dim)[dim].to_numpy()]
    first, last = ends_in_words(dim, levels)
    rows: dict[Any, Any] = measured.set_index("parameter").to_dict("index")
    printed = [
        (
            *_measure(frame, rows[key], name.format(first=first, last=last), kind, none, like),
            _reading(
                frame,
                rows[key],
                none,
                "the most deprived end" if "index" in name else first,
                measured.attrs.get("left_out", {}).get(key, ""),
            ),
        )
        for key, name, kind, none in _MEASURES
        if key in rows and (none == 0.0 or frame.counts)
    ]
    header: Row = ("Measure", "Kind", *estimate_headers(frame, like), "No inequality would be", "In words")
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


def core20(frame: Frame, like: Alike, dim: str) -> tuple[Statement, Table] | None:
    """The most deprived fifth of areas against everyone else, said and tabled; None where one side has nobody."""
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
    return _core20_said(frame, like, *sides[0]), Table(caption, ("Group", *estimate_headers(frame, like)), tuple(rows))


def _core20_said(frame: Frame, like: Alike, core: NDArray[np.float64], rest: NDArray[np.float64]) -> Statement:
    """Core20 against everyone else in a sentence."""
    mean, lower, upper = mean_interval(core - rest, frame.prob)
    levels = [mean_interval(side, frame.prob) for side in (core, rest)]
    places = decimals([v * frame.unit.factor for found in levels for v in found])
    inside, outside = (estimate(*found, frame.unit, places=places) for found in levels)
    size = estimate(mean, lower, upper, frame.unit, is_difference=True)
    times = f", a ratio of {estimate(*mean_interval(core / rest, frame.prob), PLAIN, places=2)}" if frame.counts else ""
    unclear = " The data do not show which is higher." if lower <= 0.0 <= upper else ""
    return Statement(
        f"{sentence(frame.card.outcome.name)}{like.given} is {inside} in Core20, the most deprived fifth of areas, and "
        f"{outside} among everyone else: Core20 less everyone else is {size}{times}.{unclear}",
        not unclear,
        float(max((core > rest).mean(), (core < rest).mean())),
        leads=True,
    )


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


def _reading(frame: Frame, row: Mapping[str, Any], none: float, who: str, left_out: str) -> str:
    """What a row says of `who`, the most deprived, as the first sentences of the page do: of both ends the same way."""
    if not np.isfinite(row["mean"]):
        return "Some draws have no such ratio: their line reaches zero."
    if row["lower"] <= none <= row["upper"]:
        reading = "The interval includes no inequality."
    elif none == 0.0:
        size = with_unit(abs(row["mean"]), frame.unit, is_difference=True)
        reading = f"{sentence(who)}: {size} {'lower' if row['lower'] > none else 'higher'}."
    else:
        reading = f"{sentence(who)}: {write(1.0 / row['mean'], decimals([1.0 / row['mean']]))} times the level."
    return f"{reading} {left_out}".strip()
