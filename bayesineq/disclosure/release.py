"""The one way out for person-level rows, which is logged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.clock import moment
from bayesineq.errors import DisclosureError
from bayesineq.replacing import csv_bytes, write_together

PERSONAL: Final = (
    "person_id",
    "person",
    "patient_id",
    "patient",
    "nhs_number",
    "birth_date",
    "date_of_birth",
    "postcode",
)
"""Columns, in lower case, of which one alone makes a table person-level."""


def refuse_people(table: pd.DataFrame, *, what: str, personal: Iterable[str] = PERSONAL) -> None:
    """
    Refuse a table of people: the check of everything that writes.

    `personal` are columns or index names, in lower case, that only person-level tables have.
    """
    names = [str(name) for name in (*table.columns, *table.index.names) if name is not None]
    if found := [name for name in names if name.lower() in set(personal)]:
        raise DisclosureError(
            f"{what} holds {found}: its rows are people, and none leaves. Tabulate them, or, where you may let "
            "them out, say so with release_people(), which is logged"
        )


def release_people(table: pd.DataFrame, path: str | Path, *, reason: str, approved_by: str, log: str | Path) -> None:
    """
    Write person-level rows to a csv file, on the record.

    Parameters
    ----------
    table : DataFrame
        Rows of people.
    path : str or Path
        The csv file to write.
    reason, approved_by : str
        Why these rows may leave, and who said so; neither may be blank.
    log : str or Path
        File that a line of JSON is added to, before anything is written: when, why, by whom, how many rows, which
        columns, and the digest of the file. It holds no row.

    Raises
    ------
    DisclosureError
        Reason or approval is blank.

    Examples
    --------
    >>> import tempfile
    >>> rows = pd.DataFrame({"person_id": ["p1"], "invited": [True]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, log = Path(folder) / "calls.csv", Path(folder) / "released.jsonl"
    ...     release_people(rows, path, reason="a list of calls for the practice", approved_by="A Guardian", log=log)
    ...     path.read_text().splitlines()
    ['person_id,invited', 'p1,True']
    """
    if not reason.strip() or not approved_by.strip():
        raise DisclosureError("person-level rows leave only with a reason and the name of who approved it; give both")
    content = csv_bytes(table)
    line = {
        "released": moment(),
        "file": Path(path).name,
        "rows": len(table),
        "columns": [str(name) for name in table.columns],
        "sha256": hashlib.sha256(content).hexdigest(),
        "reason": reason.strip(),
        "approved_by": approved_by.strip(),
    }
    # The log comes first: a release that cannot be logged does not happen.
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    write_together({Path(path): content})
