"""What a page begins with: three sentences with people in them, and what stands beside them, by kind of report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesineq.dims import AGE, POPULATION
from bayesineq.posterior.groups import mean_interval, pooled
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Frame, Row, Section, Table
from bayesineq.report.tables.numbers import estimate, with_unit
from bayesineq.report.words.kinds import Needs
from bayesineq.report.words.labels import dimension_label, level_labels, plural, unknown_levels
from bayesineq.report.words.sentences import Statement, sentence

_SENTENCES: Final = 3


@dataclass(frozen=True, slots=True)
class Lead:
    """
    What a page begins with.

    Parameters
    ----------
    statements : tuple of Statement
        Who is worst off, by how much, and how many people that is.
    charts : tuple of (Chart, str)
        Figures, and how to read them in few words.
    tables : tuple of Table
        Tables in place of figures.
    """

    statements: tuple[Statement, ...]
    charts: tuple[tuple[Chart, str], ...] = ()
    tables: tuple[Table, ...] = ()


def lead_of(sections: Sequence[Section], said: Sequence[Statement], table: Table | None = None) -> Lead:
    """The first sentences, and the first figures of sections; a table takes the place of the second figure."""
    figures = [(chart, note) for section in sections for chart, note in section.leads]
    return Lead(tuple(said[:_SENTENCES]), tuple(figures[: 1 if table else 2]), () if table is None else (table,))


def furthest_table(gaps: Mapping[str, Gap], unknown: Mapping[str, str], level: str, needs: Needs = ()) -> Table | None:
    """
    A row a characteristic: who lies furthest on the bad side of the average, by how much, and whose group is unknown.

    `needs`: Characteristics that must be there, in this order, each with the dimensions that serve it; none takes all
    but age, the largest difference first. `unknown`: By dimension, the share whose group is unknown, in words.
    """
    rows: list[Row] = []
    for name, dims in needs:
        held = next((dim for dim in dims if dim in unknown), None)
        missing = (sentence(name), "missing: this report is incomplete without it", "", "", "")
        rows.append(missing if held is None else _gap_row(held, gaps, unknown))
    if not needs:
        # Older people are ill more often: that is no gap to close.
        rows = [_gap_row(dim, gaps, unknown) for dim in sorted(gaps, key=lambda dim: -gaps[dim].size) if dim != AGE]
    header = ("By", "Furthest on the bad side", f"Level ({level} interval)", "From the groups' average", "Unknown")
    title = "What this report must break down" if needs else "Where the gaps are, the largest first"
    return Table(title, header, tuple(rows)) if rows else None


def _gap_row(dim: str, gaps: Mapping[str, Gap], unknown: Mapping[str, str]) -> Row:
    cells = gaps[dim].cells if dim in gaps else ("fewer than two groups may be shown", "", "")
    return (sentence(dimension_label(dim)), *cells, unknown.get(dim, ""))


class Gap(NamedTuple):
    """The largest difference of a group from the average of its dimension: its size, and who, level and difference."""

    size: float
    cells: tuple[str, str, str]


def gap_of(frame: Frame, like: Alike, dim: str) -> Gap | None:
    """Who lies furthest on the bad side of the average; None where fewer than two groups may be shown."""
    values, unit = like.values.shown, frame.unit
    draws, known = pooled(values, dim).astype(np.float64), _known(frame, like, dim)
    if known.sum() < 2:
        return None
    average = _average(draws, values[POPULATION].to_numpy() * known)
    gap = draws - average[:, None]
    bad = gap.mean(axis=0) * (1.0 if frame.card.outcome.more_is == "worse" else -1.0)
    worst = int(np.where(known, bad, -np.inf).argmax())
    level = estimate(*mean_interval(draws[:, worst], frame.prob), unit)
    size = estimate(*mean_interval(gap[:, worst], frame.prob), unit, is_difference=True)
    who = level_labels(dim, list(values[dim].to_numpy()), frame.labels)[worst]
    return Gap(float(bad[worst]), (who, level, f"{size}, of {with_unit(float(average.mean()), unit)}"))


def averages(frame: Frame, likes: Mapping[str, Alike], overall: str) -> Table:
    """Every average that the page compares with: of whom, how they are taken, and its value."""
    rows: list[Row] = [("everyone, as they are (crude)", overall)]
    for dim, like in likes.items():
        weight = like.values.shown[POPULATION].to_numpy() * _known(frame, like, dim)
        if np.count_nonzero(weight) > 1:
            draws = _average(pooled(like.values.shown, dim), weight)
            which = f"{plural(dimension_label(dim))} shown,{like.given or ' as they are'}"
            rows.append((which, estimate(*mean_interval(draws, frame.prob), frame.unit)))
    return Table(
        f"Averages of {frame.card.outcome.name} in this report, each weighted by {frame.size_name}",
        ("The average of", f"Value ({frame.level} interval)"),
        tuple(rows),
    )


def _known(frame: Frame, like: Alike, dim: str) -> NDArray[np.bool_]:
    """Levels that are groups of people: unknown is none, and is in no average."""
    return ~np.array(unknown_levels(dim, list(like.values.shown[dim].to_numpy()), frame.labels), dtype=bool)


def _average(draws: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(draws @ (weight / weight.sum()), dtype=np.float64)
