"""What the explorer holds of groups: estimates as they are compared, and as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bayesineq.dims import DEPRIVATION
from bayesineq.posterior.groups import by_level
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Frame
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.numbers import decimals, with_unit
from bayesineq.report.words.labels import dimension_label


def group_records(frame: Frame, likes: Mapping[str, Alike]) -> list[dict[str, Any]]:
    """
    Gather what the chart of groups shows.

    A record a group that may be shown, deprivation first: `dim`, `named` (with what is held equal), `level`, `label`,
    `order`, `mean`, `lower`, `upper`, and in words `said` and `crude`.
    """
    records = []
    dims = sorted((d for d in frame.card.dims if d != frame.place), key=lambda d: d not in DEPRIVATION)
    for dim in dims:
        like = likes[dim]
        if not like.values.shown.sizes[dim]:
            continue
        table = group_table(like.values, dim, labels=frame.labels, prob=frame.prob)
        crude = by_level(like.crude.shown, frame.prob).set_index(dim)[["mean", "lower", "upper"]]
        kept = table[~table["hidden"]]
        places = decimals([float(v) * frame.unit.factor for v in kept["upper"]])
        for order, (level, label, mean, lower, upper) in enumerate(
            zip(*(kept[c].tolist() for c in ("level", "label", "mean", "lower", "upper")), strict=True)
        ):
            numbers = [float(f"{v * frame.unit.factor:.6g}") for v in (mean, lower, upper)]
            records.append(
                {
                    "dim": dim,
                    "named": f"{dimension_label(dim)}{like.given}",
                    "level": str(level),
                    "label": label,
                    "order": order,
                    **dict(zip(("mean", "lower", "upper"), numbers, strict=True)),
                    "said": _estimate(frame, (mean, lower, upper), places),
                    "crude": _estimate(frame, crude.loc[level].tolist(), places) if like.is_adjusted else "",
                }
            )
    return records


def _estimate(frame: Frame, numbers: Sequence[float], places: int) -> str:
    mean, lower, upper = (with_unit(v, frame.unit, places=places) for v in numbers)
    return f"{mean} ({lower} to {upper})"
