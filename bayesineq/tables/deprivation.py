"""Indices of deprivation as published: the English of 2019 and 2025, and those of other nations in the same form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.check import check
from bayesineq.tables.codes import code_list
from bayesineq.tables.publishers.read import read_published
from bayesineq.tables.quantiles import quantile_groups
from bayesineq.tables.sheets import read_titled

EDITIONS: Final = {"2019": ("IoD2019", "2011", 32_844), "2024": ("IoD2025", "2021", 33_755)}
"""Year of the local authorities in the header -> edition of the indices, LSOA vintage, number of LSOAs of England."""

OTHERS: Final = ("simd", "wimd_deciles", "wimd_ranks", "nimdm", "svi")
"""Kinds of published files that hold the index of another nation."""
IMD: Final = "imd"
DECILES: Final = 10

AREA_CODE: Final = r"^LSOA code \((\d{4})\)"
AUTHORITY_CODE: Final = r"^Local Authority District code \((\d{4})\)"
STATED: Final = (r"Index of Multiple Deprivation \(IMD\).* Rank", r"Index of Multiple Deprivation \(IMD\).* Decile")
POPULATIONS: Final = {
    r"Total population": "population",
    r"Dependent Children aged 0-15": "population_0_15",
    r"Population aged 16-59": "population_16_59",
    r"Older population aged 60 and over": "population_60_and_over",
    r"Working age population": "population_working_age",
}
PLACES: Final = {
    r"LSOA code": "area",
    r"LSOA name": "area_name",
    r"Local Authority District code": "lad",
    r"Local Authority District name": "lad_name",
}


def _year(titles: list[str], pattern: str) -> str | None:
    found = [match.group(1) for title in titles if (match := re.search(pattern, title))]
    return found[0] if found else None


def _names(titles: list[str]) -> dict[str, str]:
    """Short name of each published title; titles that are not known keep their own."""
    domains = code_list("deprivation_domains")
    stems = dict(zip(domains["title"], domains["column"], strict=True))
    names = {}
    for title in titles:
        match = re.match(r"(.+?) (Score|Rank|Decile)\b", title)
        if match and match.group(1) in stems:
            names[title] = f"{stems[match.group(1)]}_{match.group(2).lower()}"
            continue
        for start, name in (PLACES | POPULATIONS).items():
            if title.startswith(start):
                names[title] = name
    return names


def read_deprivation(path: str | Path, *, complete: bool = True, sheet: str | None = None) -> pd.DataFrame:
    """
    Read an index of deprivation and its domains by small area: decile 1 is the most deprived, whatever the file's end.

    The published deciles are kept. They differ from `quantile_groups(imd_rank)` in 8 areas of 2019 and 5 of 2025,
    because the publisher rounds the boundaries between deciles the other way than OHID's rule.

    Parameters
    ----------
    path : str or Path
        File 1, 2 or 7 of the English Indices of Deprivation 2019 or 2025, as .csv, .csv.gz, .xlsx or .xls. In a
        workbook the sheet is found by its columns. Or the index of Scotland (SIMD), Wales (WIMD), Northern Ireland
        (NIMDM), or the Social Vulnerability Index of the United States, as of `read_published`.
    complete : bool, optional
        Whether every LSOA of England, or every area of the other nation, must be there. False for an extract that you
        made yourself.
    sheet : str, optional
        Name of the sheet of a workbook, where several have these columns.

    Returns
    -------
    DataFrame
        `area`, `area_name`, `lad`, `lad_name`, `imd_score` (where the file has it), `imd_rank`, `imd_decile`, then
        `DOMAIN_score`, `DOMAIN_rank`, `DOMAIN_decile` and populations, where the file has them; columns of other
        titles keep those. Rank 1 and decile 1 are the most deprived. `attrs` holds `index` ("IoD2019", "IoD2025",
        "simd", "svi", ...) and `vintage` of the areas ("2011" or "2021"). Where a publisher gives no deciles they are
        those of `quantile_groups`. Deciles are of one nation, and mean nothing across nations.

    Raises
    ------
    SchemaError
        The file is not one of these, is cut short, or has values that cannot be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "extract.csv"
    ...     published = {
    ...         "LSOA code (2021)": ["E01000001"],
    ...         "LSOA name (2021)": ["City of London 001A"],
    ...         "Local Authority District code (2024)": ["E09000001"],
    ...         "Local Authority District name (2024)": ["City of London"],
    ...         "Index of Multiple Deprivation (IMD) Rank": [26525],
    ...         "Index of Multiple Deprivation (IMD) Decile": [8],
    ...     }
    ...     pd.DataFrame(published).to_csv(path, index=False)
    ...     read_deprivation(path, complete=False)[["area", "imd_rank", "imd_decile"]]
            area  imd_rank  imd_decile
    0  E01000001     26525           8
    """
    try:
        table = read_titled(path, (AREA_CODE, AUTHORITY_CODE, *STATED), sheet=sheet)
    except SchemaError:
        if (found := _of_another_nation(path, complete, sheet)) is None:
            raise
        return found
    titles = [str(title) for title in table.columns]
    area_year, authority_year = _year(titles, AREA_CODE), _year(titles, AUTHORITY_CODE)
    index, vintage, areas = EDITIONS.get(str(authority_year), ("", "", 0))
    if vintage != area_year:
        raise SchemaError(
            f"The file {path} names LSOAs of {area_year} and local authorities of {authority_year or 'no year'}; the "
            "Indices of 2019 have LSOA code (2011) and Local Authority District code (2019), those of 2025 have "
            "(2021) and (2024). Give File 1, 2 or 7 as published."
        )
    names = _names(titles)
    twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if twice:
        raise SchemaError(f"The file {path} has two columns that would become {', '.join(twice)}. Remove one.")
    table = table.rename(columns=names)
    if complete and len(table) != areas:
        raise SchemaError(
            f"The file {path} holds {len(table):,} areas; {index} has {areas:,}. Fetch it again, "
            "or say complete=False where it is an extract of your own."
        )
    numbers = [name for name in table.columns if re.search(r"_(score|rank|decile)$|^population", str(name))]
    text = [name for name in numbers if not pd.api.types.is_numeric_dtype(table[name])]
    if text:
        raise SchemaError(f"The file {path} has text among the numbers of {', '.join(text)}. Fetch it again.")
    checked = check(table, "deprivation", source=path)
    ordered = [*PLACES.values(), "imd_score", "imd_rank", "imd_decile"]
    first = [name for name in ordered if name in checked.columns]
    checked = checked[first + [name for name in checked.columns if name not in first]]
    checked.attrs = {"index": index, "vintage": vintage}
    return checked


def _of_another_nation(path: str | Path, complete: bool, sheet: str | None) -> pd.DataFrame | None:
    """An index of another nation in the same columns; None where the file is of no kind that holds one."""
    try:
        found = read_published(path, sheet=sheet)
    except SchemaError:
        return None
    if found.kind not in OTHERS:
        return None
    rows = found.table.assign(domain=found.table.get("domain", IMD))
    ends = found.columns.set_index("column")["most_deprived"]
    (measure,) = (name for name in ("rank", "rpl") if name in rows)
    first: Literal["lowest", "highest"] = "lowest" if ends[measure] == "lowest" else "highest"
    wide = _by_domain(rows, measure)
    if IMD not in wide:
        raise SchemaError(
            f"The file {path} has no rank of the whole index; it has {', '.join(map(str, wide.columns))}."
        )
    if complete and first == "lowest" and wide[IMD].max() != len(wide):
        raise SchemaError(
            f"The file {path} holds {len(wide):,} areas, with ranks up to {wide[IMD].max():,.0f}. Fetch it again, or "
            "say complete=False where it is an extract of your own."
        )
    deciles = _by_domain(rows, "decile") if "decile" in rows else pd.DataFrame()
    table = pd.DataFrame({"area": wide.index})
    for name in [IMD, *(str(column) for column in wide if column != IMD)]:
        value = wide[name]
        if value.isna().any():
            continue
        rank = value if first == "lowest" else value.rank(method="min", ascending=False)
        table[f"{name}_rank"] = rank.to_numpy().astype("int64")
        if name in deciles and deciles[name].notna().all():
            table[f"{name}_decile"] = deciles[name].to_numpy().astype("int64")
        elif complete:
            table[f"{name}_decile"] = quantile_groups(value, DECILES, first=first)
    if f"{IMD}_decile" not in table:
        raise SchemaError(
            f"The file {path} gives ranks and no deciles, and an extract has none of its own. Give the whole file."
        )
    checked = check(table, "deprivation", source=path)
    checked.attrs = {"index": found.kind, "vintage": found.vintage}
    return checked


def _by_domain(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    return rows.set_index(["area", "domain"])[measure].unstack("domain")  # noqa: PD010 - refuses a repeated area
