"""The audit: what was withheld and why, without a count, in a file beside every output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError
from bayesineq.replacing import csv_bytes, write_together

AUDIT: Final = ("table", "cell", "column", "reason")
WITHHELD: Final = "a small count, or one from which a small count could be worked out"
"""The one reason: which of the two it is would itself narrow down what is withheld."""

NOTHING: Final = pd.DataFrame(
    [("all", "all", "all", "nothing: disclosure control was switched off with a threshold of 0")], columns=list(AUDIT)
)
"""The audit of what was published without control."""


def audit_beside(path: str | Path) -> Path:
    """
    Where the audit of an output goes.

    The same name ending in `.audit.csv`.
    """
    given = Path(path)
    return given.with_suffix(".audit.csv") if given.name else given / "audit.csv"


def write_audited(
    path: str | Path,
    content: bytes,
    audits: Sequence[pd.DataFrame],
    rule: Rule,
    folders: Mapping[Path, Mapping[str, bytes]] | None = None,
) -> None:
    """Write an output, its audit, and folders that belong to it in one step: all of them, or none.

    What would give a withheld count away beside the earlier publication that the rule heeds is refused.
    """
    from bayesineq.disclosure.earlier import refuse_beside_earlier

    name = Path(path).name
    refuse_beside_earlier(rule, {name: content, audit_beside(name).name: audit_bytes(audits, rule)})
    write_together({Path(path): content, audit_beside(path): audit_bytes(audits, rule)}, folders)


def audit_bytes(audits: Sequence[pd.DataFrame], rule: Rule) -> bytes:
    """
    What was withheld from a set of outputs and why, as csv.

    The rule is stated in every row, because outputs under two rules can be compared; a column beyond those of an audit
    is a `DisclosureError`: it must never hold a count.
    """
    for audit in audits:
        if tuple(audit.columns) != AUDIT:
            raise DisclosureError(f"an audit has the columns {list(AUDIT)} and no other; given {list(audit.columns)}")
    whole = pd.concat([*audits, pd.DataFrame(columns=list(AUDIT))], ignore_index=True)
    return csv_bytes(whole.assign(rule=str(rule)))
