"""What is wrong with a table, gathered first and raised once, in one message that a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError

COLUMNS = ["row", "column", "problem", "value"]
LISTED_FINDINGS = 10
LISTED_ROWS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One kind of failure in one column.

    Parameters
    ----------
    column : str
        The column, or several joined by a comma.
    problem : str
        What is wrong, the same words for every row of the finding.
    remedy : str
        What the user can do about it.
    rows : Sequence
        Labels of the rows that fail, as the user counts them; empty where the whole table fails.
    values : Sequence
        The offending values, aligned with `rows` (one value where `rows` is empty).
    """

    column: str
    problem: str
    remedy: str
    rows: Sequence[Any] | np.ndarray[Any, Any] = ()
    values: Sequence[Any] | np.ndarray[Any, Any] = ()


def _frame(finding: Finding) -> pd.DataFrame:
    rows: list[Any] = list(finding.rows) if len(finding.rows) else [None] * max(1, len(finding.values))
    values: list[Any] = list(finding.values) if len(finding.values) else [None] * len(rows)
    frame = pd.DataFrame({"row": pd.Series(rows, dtype=object), "value": pd.Series(values, dtype=object)})
    frame["column"], frame["problem"] = finding.column, finding.problem
    return frame[COLUMNS]


def _short(value: object) -> str:
    """A value in so many signs as tell it."""
    try:
        text = repr(value)
    except ValueError:
        return "a whole number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} signs)"


def _line(finding: Finding) -> str:
    count = len(finding.rows)
    if count:
        pairs = list(zip(finding.rows, finding.values, strict=True))[:LISTED_ROWS]
        shown = "; ".join(f"row {row}" if value is None else f"row {row}: {_short(value)}" for row, value in pairs)
        more = f"; and {count - LISTED_ROWS:,} more" if count > LISTED_ROWS else ""
        where = f" ({'1 row' if count == 1 else f'{count:,} rows'}; {shown}{more})"
    else:
        listed = ", ".join(_short(value) for value in list(finding.values)[:LISTED_FINDINGS])
        more = f" and {len(finding.values) - LISTED_FINDINGS:,} more" if len(finding.values) > LISTED_FINDINGS else ""
        where = f" ({listed}{more})" if listed else ""
    column = f"column {finding.column!r}: " if finding.column else ""
    return f"  - {column}{finding.problem}{where}. {finding.remedy}".rstrip()


def failing(
    series: pd.Series, wrong: Any, problem: str, remedy: str, *, column: str | None = None, shown: Any = None
) -> list[Finding]:
    """The finding on the rows of a column that fail, if any do. Shapes: wrong (n_row,); shown (n_row,)."""
    mask = np.asarray(wrong, dtype=bool)
    if not mask.any():
        return []
    values = (series if shown is None else pd.Series(list(shown), index=series.index, dtype=object))[mask]
    listed = values.astype(object).where(values.notna(), None).tolist()
    return [Finding(str(column or series.name), problem, remedy, series.index[mask].tolist(), listed)]


def raise_findings(findings: Sequence[Finding], heading: str) -> None:
    """Raise one error for all findings, or return where there is none."""
    if not findings:
        return
    lines = [_line(finding) for finding in findings[:LISTED_FINDINGS]]
    if len(findings) > LISTED_FINDINGS:
        lines.append(f"  - and {len(findings) - LISTED_FINDINGS} more problems: see `failures` of this error")
    failures = pd.concat([_frame(finding) for finding in findings], ignore_index=True)
    raise SchemaError("\n".join([heading, *lines]), failures)
