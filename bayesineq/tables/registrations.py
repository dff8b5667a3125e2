"""Patients registered at general practices by LSOA of residence, as NHS England publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.check import check
from bayesineq.tables.files import read_table
from bayesineq.tables.sheets import titled

TITLES: Final = {
    "practice": r"practice[_ ]code",
    "area": r"lsoa[_ ]code",
    "patients": r"number[_ ]of[_ ]patients",
}
ALL_SEXES: Final = "all"
PLACES: Final = {"E": "england", "W": "wales", "S": "scotland", "9": "northern_ireland", "N": "northern_ireland"}
UNKNOWN: Final = "NO"
"""Start of the codes, such as NO2011, under which patients without a known area are published."""


def read_registrations(path: str | Path, *, elsewhere: Literal["label", "error"] = "label") -> pd.DataFrame:
    """
    Read the patients registered at each practice by LSOA of residence.

    The published file always holds patients whose area is not known (NO2011) and some who live in Wales. All rows
    are kept, and `place` says where each of them is, so that what is left out is left out by you:
    `table[table["place"] == "england"]`. Joined without that step, `join` lists those codes as missing.

    Parameters
    ----------
    path : str or Path
        The file (csv, csv.gz or parquet), with titles in either style ("Number of Patients", NUMBER_OF_PATIENTS).
    elsewhere : {"label", "error"}, optional
        What to do with patients outside England or without a known area: label them in `place`, or refuse the file.

    Returns
    -------
    DataFrame
        `practice`, `area`, `patients` (int64) and `place` ("england", "wales", "scotland", "northern_ireland" or
        "unknown"); `sex` where the file gives more than one.

    Raises
    ------
    SchemaError
        The file is not laid out so, counts somebody twice (all sexes beside each sex), or has values that cannot be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "registrations.csv"
    ...     patients = {"LSOA Code": ["E01012187", "NO2011"], "Number of Patients": [412, 3]}
    ...     pd.DataFrame({"Practice Code": "A81001"} | patients).to_csv(path, index=False)
    ...     read_registrations(path)
      practice       area  patients    place
    0   A81001  E01012187       412  england
    1   A81001     NO2011         3  unknown
    """
    table = read_table(path, text=["PRACTICE_CODE", "LSOA_CODE", "Practice Code", "LSOA Code"])
    table = table.rename(columns=titled(table, TITLES, path))
    columns = [*TITLES]
    sexes = [name for name in table.columns if str(name).lower() == "sex"]
    if sexes:
        table["sex"] = table[sexes[0]].str.lower()
        given = set(table["sex"].dropna())
        if ALL_SEXES in given and len(given) > 1:
            raise SchemaError(
                f"The file {path} counts people twice: its sexes are {', '.join(sorted(given))}. "
                "Keep the rows of all sexes, or those of each."
            )
        columns += ["sex"] if given != {ALL_SEXES} else []
    checked = check(table[columns], "registrations", source=path)
    unknown = checked["area"].str.startswith(UNKNOWN)
    checked["place"] = checked["area"].str[0].map(PLACES).mask(unknown, "unknown")
    outside = checked[checked["place"] != "england"]
    if elsewhere == "error" and len(outside):
        counts = outside.groupby("place")["patients"].agg(["size", "sum"])
        detail = "; ".join(
            f"{place}: {row['sum']:,} patients in {row['size']:,} rows" for place, row in counts.iterrows()
        )
        raise SchemaError(
            f"The file {path} holds patients outside England or without a known area ({detail}). "
            'Read it with elsewhere="label" and choose by the column `place`.'
        )
    return checked
