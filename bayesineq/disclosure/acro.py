"""Outputs as checkers of secure environments read them: the folder that SACRO's viewer opens."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from bayesineq.clock import moment
from bayesineq.disclosure.rule import SUPPRESSED, Rule
from bayesineq.errors import DisclosureError
from bayesineq.replacing import csv_bytes

N: Final = "n"
"""The column of how many people stand behind each row."""

FORMAT: Final = "1.0.2"
"""The version of ACRO whose folders these are."""

BLOCKED: Final = (".svg", ".gph")
_CONTEXT: Final = "https://w3id.org/statbarnsdc#"
_CHECKS: Final = {
    "Frequencies": ("RequiredZeroCheck", "PresenceOfZeroCheck", "PresenceOfLinkedTableCheck", "MinimumThresholdCheck"),
    "LinearAggregations": ("NKCheck", "PPercentCheck", "PresenceOfLinkedTableCheck", "MinimumThresholdCheck"),
    "CorrelationCoefficients": ("MinimumDoFCheck",),
}
_RISKS: Final = {
    "Frequencies": ("ClassDisclosure", "Differencing", "LowCount"),
    "LinearAggregations": ("Dominance", "Differencing", "LowCount"),
    "CorrelationCoefficients": ("LowDOF",),
}
_MITIGATIONS: Final = {
    "Frequencies": ("Noise", "Suppression"),
    "LinearAggregations": ("Noise", "Suppression"),
    "CorrelationCoefficients": ("Aggregation", "Noise", "OutlierRemoval", "Suppression"),
}
_KEEP: Final = "DO NOT RELEASE - SUMMARY FOR OUTPUT CHECKER USE ONLY"
_SUMMARIES: Final = {"json": "2ndary_risk_summary_json-DONT_RELEASE", "csv": "2ndary_risk_summary_csv-DONT_RELEASE"}

type Statbarn = Literal["Frequencies", "LinearAggregations", "CorrelationCoefficients"]


@dataclass(frozen=True, slots=True)
class Output:
    """
    One output for a checker.

    Parameters
    ----------
    method : str
        What made it, such as "measure".
    tables : tuple of DataFrame
        Tables with a column `n`, missing where a row is withheld; `n` holds rounded people.
    statbarn : str or None
        Class of statistic; None for what is none, such as a page or a figure, which a person reviews.
    dependent : str
        The outcome.
    independent : tuple of str
        Dimensions.
    files : Mapping of str to bytes
        Other files by name, such as a figure.
    degrees_of_freedom : float or None
        Residual degrees of freedom of a model.
    comment : str
        For the checker.
    """

    method: str
    tables: tuple[pd.DataFrame, ...]
    statbarn: Statbarn | None
    dependent: str
    independent: tuple[str, ...]
    files: Mapping[str, bytes]
    degrees_of_freedom: float | None = None
    comment: str = ""


def acro_folder(
    outputs: Sequence[Output], rule: Rule, command: str, *, now: datetime | None = None
) -> dict[str, bytes]:
    """
    Lay outputs out as SACRO's viewer reads them: the files of a folder, by name.

    Parameters
    ----------
    outputs : sequence of Output
        What is to leave.
    rule : Rule
        The rule that they were made under.
    command : str
        What made them.
    now : datetime, optional
        When; by default now.

    Returns
    -------
    dict of str to bytes
        `results.json`, `config.json`, `session_summary.json` and `.csv`, the files of the outputs, and the digest of
        each in `checksums`.

    Raises
    ------
    DisclosureError
        A table has no `n`, or a file is of a kind that is blocked there.

    Notes
    -----
    A table passes where no number of it is of fewer people than the rule shows; where some are withheld a person
    reviews it, as ACRO has it of suppression; where one is shown it fails. Figures, pages and draws are reviewed.

    References
    ----------
    Green E, Ritchie F, Smith J, Western D, White P. ACRO: Automated Checking of Research Outputs. Version 1.0.2.
    """
    when = now.isoformat() if now else moment().partition("+")[0]
    files: dict[str, bytes] = {}
    records = {}
    for number, output in enumerate(outputs):
        uid = f"output_{number}"
        records[uid] = _record(uid, output, rule, command, when)
        files |= {f"{uid}_{k}.csv": csv_bytes(_written(table)) for k, table in enumerate(output.tables)}
        files |= {f"{uid}_{name}": content for name, content in output.files.items()}
    files |= _summaries(records, outputs, when)
    for kind, key in _SUMMARIES.items():
        records[key] = _custom(key, [f"session_summary.{kind}"], when, [_KEEP])
    results = {
        "version": FORMAT,
        "tool": {
            "@type": "SoftwareApplication",
            "name": "bayesineq",
            "url": "https://pypi.org/project/bayesineq",
            "version": version("bayesineq"),
        },
        "results": records,
    }
    if blocked := [name for name in files if PurePath(name).suffix in BLOCKED]:
        raise DisclosureError(f"{blocked} are of kinds that are blocked there: {', '.join(BLOCKED)}; give a PNG")
    files["results.json"] = _json(results)
    sums = {f"checksums/{name}.txt": hashlib.sha256(body).hexdigest().encode() for name, body in files.items()}
    return {**files, "config.json": _json(_config(rule)), **sums}


def _record(uid: str, output: Output, rule: Rule, command: str, when: str) -> dict[str, Any]:
    names = [f"{uid}_{k}.csv" for k in range(len(output.tables))]
    if output.statbarn is None:
        comments = [output.comment] if output.comment else []
        return _custom(uid, [*names, *(f"{uid}_{name}" for name in output.files)], when, comments)
    checks = _CHECKS[output.statbarn]
    found = [_checked(table, checks, output.independent, rule) for table in output.tables]
    failed = {check: sum(len(cells[check]) for cells, _ in found) for check in checks}
    shown = sum(small for _, small in found)
    lost = sum(failed.values())
    status = "fail" if shown else "review" if lost else "pass"
    kind = "regression" if output.statbarn == "CorrelationCoefficients" else "table"
    how = "suppress" if lost or rule.threshold else "round" if rule.base > 1 else "none"
    properties: dict[str, Any] = {"method": output.method, "mitigation": how}
    if output.degrees_of_freedom is not None:
        enough = output.degrees_of_freedom >= rule.degrees_of_freedom
        properties = {"method": output.method, "dof": round(output.degrees_of_freedom, 1)}
        status = status if enough else "fail"
    said = [f"{check}: {_said(check, failed[check], shown, output, rule)}" for check in checks]
    return {
        "uid": uid,
        "status": status,
        "type": kind,
        "properties": properties,
        "files": [
            {"name": name, "sdc": {"summary": {k: len(v) for k, v in cells.items()}, "cells": cells}}
            for name, (cells, _) in zip(names, found, strict=True)
        ]
        + [{"name": f"{uid}_{name}", "sdc": {}} for name in output.files],
        "outcome": _outcome(output.tables[0], found[0][0], output.independent) if output.tables else {},
        "command": command,
        "summary": f"{output.statbarn}: {status}. {'; '.join(said)}.",
        "timestamp": when,
        "comments": [output.comment] if output.comment else [],
        "exception": "",
        "fair": {
            "context": _CONTEXT,
            "statbarn": output.statbarn,
            "risks": list(_RISKS[output.statbarn]),
            "checks_needed": list(checks),
            "common_mitigations": list(_MITIGATIONS[output.statbarn]),
            "check_status": {check: "fail" if failed[check] else "pass" for check in checks},
            "dependent": output.dependent,
            "independent": list(output.independent),
        },
    }


def _numbers(table: pd.DataFrame, by: Sequence[str]) -> list[int]:
    """Places of the columns that hold estimates, and not codes of groups."""
    own = [not pd.api.types.is_numeric_dtype(table[name]) or name in (N, *by) for name in table.columns]
    return np.flatnonzero(~np.array(own)).tolist()


def _checked(
    table: pd.DataFrame, checks: Sequence[str], by: Sequence[str], rule: Rule
) -> tuple[dict[str, list[list[int]]], int]:
    """Cells of a table that a check names: those that are withheld, or should be; and how many of these are shown."""
    if N not in table.columns:
        raise DisclosureError(f"a table for a checker has a column {N!r}; this one has {list(table.columns)}")
    n = table[N].astype("Float64")
    gone = n.isna().to_numpy()
    people = n.fillna(0.0).to_numpy(np.float64)
    small = ~gone & (people > 0) & (people <= max(rule.threshold, _SAFE - 1 if rule == Rule(0, 1) else 0))
    numbers = _numbers(table, by)
    cells: dict[str, list[list[int]]] = {check: [] for check in checks}
    if "MinimumThresholdCheck" in cells:
        cells["MinimumThresholdCheck"] = [[int(row), k] for row in np.flatnonzero(gone | small) for k in numbers]
    if "PresenceOfZeroCheck" in cells and rule.zeros:
        cells["PresenceOfZeroCheck"] = [[int(row), k] for row in np.flatnonzero(~gone & (people == 0)) for k in numbers]
    return cells, int(small.sum())


_SAFE: Final = 10
"""What ACRO takes for safe by default; what is published without control is held to it."""


def _said(check: str, failed: int, shown: int, output: Output, rule: Rule) -> str:
    if check == "PresenceOfLinkedTableCheck":
        by = ", ".join(output.independent)
        return f"a manual review against other outputs for differencing is recommended; variables are {by}"
    if check == "MinimumDoFCheck":
        return f"dof={output.degrees_of_freedom or 0:.1f} >= {rule.degrees_of_freedom}"
    if failed:
        return f"fail - {failed} cells {'may need suppressing' if shown else 'suppressed'}"
    return "pass"


def _outcome(table: pd.DataFrame, cells: Mapping[str, list[list[int]]], by: Sequence[str]) -> dict[str, dict[str, str]]:
    """By column and row: which checks a cell fails."""
    by_cell: dict[tuple[int, int], str] = {}
    for check, places in cells.items():
        for row, column in places:
            by_cell[row, column] = by_cell.get((row, column), "") + f"{check}; "
    rows = table.iloc[:, 0].astype(str).tolist()
    rows = rows if len(set(rows)) == len(rows) else [str(k) for k in range(len(rows))]
    return {
        str(table.columns[k]): {row: by_cell.get((at, k), "ok") for at, row in enumerate(rows)}
        for k in _numbers(table, by)
    }


def _custom(uid: str, names: Sequence[str], when: str, comments: list[str]) -> dict[str, Any]:
    return {
        "uid": uid,
        "status": "review",
        "type": "custom",
        "properties": {},
        "files": [{"name": name, "sdc": {}} for name in names],
        "outcome": {},
        "command": "custom",
        "summary": "review",
        "timestamp": when,
        "comments": comments,
        "exception": "",
        "fair": {},
    }


def _summaries(records: Mapping[str, Mapping[str, Any]], outputs: Sequence[Output], when: str) -> dict[str, bytes]:
    """What was made of which variables, for a checker who looks for outputs that can be differenced."""
    variables = sorted({name for output in outputs for name in (*output.independent, output.dependent) if name})
    rows, matrix = [], {}
    for (uid, record), output in zip(records.items(), outputs, strict=True):
        used = {*output.independent, output.dependent}
        matrix[uid] = {name: int(name in used) for name in variables}
        rows.append(
            {
                "uid": uid,
                "output_type": record["type"],
                "dependent_variables": output.dependent or "unknown",
                "independent_variables": list(output.independent),
                "analysis_name": output.method if record["type"] != "custom" else "custom",
            }
        )
    summary = {
        "metadata": {
            "version": FORMAT,
            "timestamp": when,
            "total_outputs": len(rows),
            "status_counts": dict(Counter(record["status"] for record in records.values())),
            "type_counts": dict(Counter(record["type"] for record in records.values())),
        },
        "outputs": rows,
        "variable_matrix": matrix,
    }
    text = io.StringIO()
    head = ["uid", "output_type", "analysis_name", "dependent_variables", "independent_variables"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*head, *variables])
    for row in rows:
        told = {**row, "independent_variables": "; ".join(row["independent_variables"])}
        writer.writerow([*(told[name] for name in head), *matrix[str(row["uid"])].values()])
    return {"session_summary.json": _json(summary), "session_summary.csv": text.getvalue().encode()}


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose missing `n` is shown as withheld."""
    shown = table.copy()
    shown[N] = [SUPPRESSED if pd.isna(value) else int(value) for value in table[N]]
    return shown


def _config(rule: Rule) -> dict[str, object]:
    """What the checks were made with, as ACRO writes it."""
    return {
        "safe_threshold": rule.threshold + 1,
        "safe_dof_threshold": rule.degrees_of_freedom,
        "safe_nk_n": 2,
        "safe_nk_k": 0.9,
        "safe_pratio_p": 0.1,
        "check_missing_values": False,
        "survival_safe_threshold": rule.threshold + 1,
        "zeros_are_disclosive": rule.zeros,
        "safe_round_base": rule.base,
        "federated": False,
        "blocked_extensions": list(BLOCKED),
        "suppress": rule.threshold > 0,
    }


def _json(value: object) -> bytes:
    return json.dumps(value, indent=4).encode()
