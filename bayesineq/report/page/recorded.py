"""The section on the records behind a report: what is wrong, missing, coarse, at odds, drifting or filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesineq.dims import DEPRIVATION, ETHNICITY
from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.quality import NAMES, QualityTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.errors import SchemaError
from bayesineq.report.figures.recorded import NAMED, latest_years, plot_recorded_years
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import PERCENT, Unit, decimals, rate_unit, with_unit, write
from bayesineq.report.words.labels import Labels, level_labels
from bayesineq.report.words.sentences import Statement, sentence
from bayesineq.tables.files import read_table

PREFIX: Final = "quality_"
"""Files of the quality of records are named `quality_completeness.csv` and so on."""

_ALL: Final = "all sources"
_FEWEST_YEARS: Final = 4
_MOVED: Final = 0.01
"""Part by which a rate must move to be named: less is rounding."""


def read_quality(folder: str | Path) -> dict[str, pd.DataFrame]:
    r"""
    Read the tables of the quality of records from the folder of a cohort.

    Parameters
    ----------
    folder : str or Path
        The folder that `bayesineq cohort` wrote.

    Returns
    -------
    dict of str to DataFrame
        By name, for `write_report`.

    Raises
    ------
    SchemaError
        There is no such folder, or no table of quality in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "quality_known.csv").write_text("source,people,known\ngp,1000,700\n")
    ...     list(read_quality(folder))
    ['known']
    """
    place = Path(folder)
    found = {name: place / f"{PREFIX}{name}.csv" for name in NAMES}
    held = {name: read_table(path) for name, path in found.items() if path.is_file()}
    if not held:
        wanted = ", ".join(path.name for path in found.values())
        raise SchemaError(f"{place} holds no table of the quality of records: one of {wanted}. `bayesineq cohort` "
                          "writes them; leave --quality out for a report that is not made from records.")  # fmt: skip
    return held


def recorded_section(found: QualityTables, dims: Sequence[str] = (), labels: Labels | None = None) -> Section:
    """
    What a reader must know of the records behind a report.

    Parameters
    ----------
    found : Covered
        Tables of quality that may be shown, of `covered_quality`.
    dims : sequence of str, optional
        Dimensions of the report, to name what stands in for something else.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, tables and a figure, as far as the tables are there.

    Examples
    --------
    >>> from bayesineq.disclosure.quality import covered_quality
    >>> known = pd.DataFrame({"source": ["gp", "all sources"], "people": 1000, "known": [700, 935]})
    >>> recorded_section(covered_quality({"known": known})).statements[0].text
    'Ethnicity is known of 70.0% of people in gp, the source that knows most, and of 93.5% in all sources together.'
    """
    require_covered(found)
    tables = {name: table for name, table in found.shown.items() if len(table)}
    said = [*_known_said(tables), *_agreement_said(tables), *_drift_said(found, tables)]
    said += _effect_said(tables, labels)
    if any(dim in DEPRIVATION for dim in dims):
        said.append(
            "Deprivation is that of the small area where a person lives. It stands in for the person's own, which the "
            "records do not hold: deprived people live in every area."
        )
    if found.withheld:
        said.append(
            f"{SUPPRESSED} stands where a count is withheld, in {len(found.withheld):,} of {found.of:,} rows, because "
            f"{found.why}."
        )
    printed = [make(tables[name]) for name, make in _PRINTED.items() if name in tables]
    if "effect" in tables:
        printed.append(_effect_table(tables["effect"], labels))
    charts = (plot_recorded_years(found),) if "years" in tables else ()
    title = "The records that this is made from"
    return Section(title, tuple(map(Statement, said)), tuple(printed), charts)


def _known_said(tables: dict[str, pd.DataFrame]) -> list[str]:
    if "known" not in tables:
        return []
    share = tables["known"].set_index("source")["share"].dropna()
    single = share.drop(_ALL, errors="ignore")
    if single.empty:
        return []
    best = str(single.astype(float).idxmax())
    said = f"Ethnicity is known of {_percent(single[best])} of people in {best}"
    if _ALL in share.index and (len(single) > 1 or share[_ALL] > share[best]):
        said += f", the source that knows most, and of {_percent(share[_ALL])} in all sources together"
    return [f"{said}."]


def _agreement_said(tables: dict[str, pd.DataFrame]) -> list[str]:
    if "agreement" not in tables:
        return []
    pairs = tables["agreement"].dropna(subset=["share"])
    if pairs.empty:
        return []
    worst: Any = pairs.iloc[int(pairs["share"].to_numpy(dtype=float).argmin())]
    said = f"Of people whose ethnicity two sources know, {_percent(worst['share'])} have the same in {worst['first']} "
    least = "; that is the pair that agrees least" if len(pairs) > 1 else ""
    return [f"{said}and {worst['second']}{least}."]


def _drift_said(found: QualityTables, tables: dict[str, pd.DataFrame]) -> list[str]:
    """The largest step between two whole years, for coded facts and for contacts."""
    if "years" not in tables:
        return []
    said = []
    for name, part in latest_years(found).groupby("table", sort=False):
        steps = []
        for source, line in part.groupby("source"):
            whole = line.sort_values("year").iloc[1:-1]
            if len(line) < _FEWEST_YEARS:
                continue
            change = whole["rows"].astype("Float64").pct_change().astype("Float64")
            apart = whole["year"].diff() == 1
            for year, step in zip(whole["year"][apart], change[apart], strict=True):
                if not pd.isna(step):
                    steps.append((float(step), str(source), int(year)))
        if steps:
            step, source, year = max(steps, key=lambda one: abs(one[0]))
            way = "rose" if step >= 0 else "fell"
            said.append(
                f"{sentence(NAMED[str(name)])}: the largest step from one year to the next is in {source}, which "
                f"{way} by {_percent(abs(step))} from {year - 1} to {year}. The first and last year, which may "
                "be parts of years, are left out."
            )
    return said


def _effect_said(tables: dict[str, pd.DataFrame], labels: Labels | None) -> list[str]:
    if "effect" not in tables:
        return []
    said = []
    for headline, part in tables["effect"].groupby("headline", sort=False):
        groups = part[part["group"] != "all"].dropna(subset=["effect"])
        if groups.empty:
            continue
        row: Any = groups.iloc[int(np.abs(groups["effect"].to_numpy(dtype=float) - 1).argmax())]
        moved = abs(float(row["effect"]) - 1)
        if moved < _MOVED:
            said.append(
                f"{sentence(str(headline))}: with ethnicity filled in, the rate of no group that is shown moves by "
                f"{100 * _MOVED:.0f}% or more."
            )
            continue
        unit, places = _unit(part), _places(part)
        name = level_labels(ETHNICITY, [row["group"]], labels)[0]
        said.append(
            f"{sentence(str(headline))}: with ethnicity filled in, the rate moves most for the group {name}, from "
            f"{with_unit(row['recorded'], unit, places=places)} as one source records it to "
            f"{with_unit(row['shared_out'], unit, places=places)}; {_percent(row['imputed_share'])} of its denominator "
            "is filled in."
        )
    return said


def _percent(share: float) -> str:
    return f"{100 * float(share):.1f}%"


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{int(row[name]):,}"


def _share(row: Record, name: str = "share") -> str:
    return SUPPRESSED if pd.isna(row[name]) else _percent(row[name])


def _words(row: Record, name: str) -> str:
    if pd.isna(row[name]):
        return "not stated"
    return NAMED.get(str(row[name]), str(row[name]).replace("_", " ")) if name == "table" else str(row[name])


def _columns(table: pd.DataFrame, caption: str, named: dict[str, str]) -> Table:
    """A table whose counts are whole numbers and whose shares are percent."""

    def _cell(name: str) -> Any:
        if name == "share":
            return _share
        counted = pd.api.types.is_integer_dtype(table[name].dtype)
        return (lambda row: _count(row, name)) if counted else (lambda row: _words(row, name))

    return table_of(caption, table, {heading: _cell(name) for name, heading in named.items()})


def _faults(table: pd.DataFrame) -> Table:
    named = {"problem": "What is wrong", "table": "Table", "column": "Column", "rows": "Rows", "of": "Of rows",
             "share": "Share", "remedy": "What to do"}  # fmt: skip
    return _columns(table, "What is wrong with the records, or was read by a rule", named)


def _completeness(table: pd.DataFrame) -> Table:
    named = {"column": "Column", "table": "Table", "filled": "Filled", "of": "Of rows", "share": "Share"}
    return _columns(table, "How much of each column is filled", named)


def _known(table: pd.DataFrame) -> Table:
    named = {"source": "Source", "people": "People", "known": "Known", "share": "Share"}
    return _columns(table, "Of whom each source knows the ethnicity", named)


def _granularity(table: pd.DataFrame) -> Table:
    named = {"source": "Source", "records": "Records", "detailed": "One of 16 groups or more",
             "broad": "One of 5 groups", "unknown": "Not stated or not known", "strange": "No such code"}  # fmt: skip
    return _columns(table, "How finely ethnicity is recorded", named)


def _agreement(table: pd.DataFrame) -> Table:
    named = {"first": "Source", "second": "And source", "people": "People known to both", "agree": "The same in both",
             "share": "Share"}  # fmt: skip
    return _columns(table, "Whether sources agree on ethnicity", named)


_PRINTED: Final = {
    "known": _known,
    "ethnicity": _granularity,
    "agreement": _agreement,
    "faults": _faults,
    "completeness": _completeness,
}


def _unit(part: pd.DataFrame) -> Unit:
    """Percent of people or appointments; events by time."""
    of, typical = str(part["of"].iloc[0]), float(part["recorded"].mean())
    return rate_unit(of, typical) if of.endswith("years") else PERCENT


def _places(part: pd.DataFrame) -> int:
    rates = part[["recorded", "linked", "shared_out"]].to_numpy(dtype=float).ravel()
    return min(decimals([v * _unit(part).factor for v in rates if v == v]), 1)


def _effect_table(table: pd.DataFrame, labels: Labels | None) -> Table:
    """Each headline by group: how much is filled in, and the rate with it and without."""
    units = {str(name): (_unit(part), _places(part)) for name, part in table.groupby("headline")}
    groups = [group for group in table["group"].unique() if group != "all"]
    names = dict(zip(groups, level_labels(ETHNICITY, groups, labels), strict=True))

    def _rate(name: str) -> Any:
        def _said(row: Record) -> str:
            unit, places = units[str(row["headline"])]
            return SUPPRESSED if pd.isna(row[name]) else with_unit(row[name], unit, places=places)

        return _said

    columns: Columns = {
        "Ethnic group": lambda row: "Everybody" if row["group"] == "all" else str(names[row["group"]]),
        "Headline": lambda row: sentence(str(row["headline"])),
        "Filled in": lambda row: _share(row, "imputed_share"),
        "As one source records it": _rate("recorded"),
        "With all sources": _rate("linked"),
        "With the rest shared out": _rate("shared_out"),
        "Shared out over recorded": lambda row: SUPPRESSED if pd.isna(row["effect"]) else write(row["effect"], 2),
    }
    return table_of(
        "What filling in ethnicity does to each headline; rates of rounded counts, before any model", table, columns
    )
