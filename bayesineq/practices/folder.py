"""A folder of open data: which file is what, by its titles, and the areas of England put together from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError
from bayesineq.practices.summaries import area_summary
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.contiguity import read_adjacency
from bayesineq.tables.census import read_census
from bayesineq.tables.codes import code_list
from bayesineq.tables.deprivation import read_deprivation
from bayesineq.tables.files import header, read_table, suffix
from bayesineq.tables.lookups import LSOA, area_parts, carry_counts, read_changes
from bayesineq.tables.practices import CONDITIONS, PracticeTables, practice_tables
from bayesineq.tables.publishers.read import kinds_in, read_published
from bayesineq.tables.quantiles import quantile_groups, quintiles_from_deciles
from bayesineq.tables.vintage import vintage

ROLES: Final = {
    "registers": ("organisationcode", "[a-z]+-preval[ae]nce"),
    "registrations": ("practice[_ ]code", "lsoa[_ ]code", "number[_ ]of[_ ]patients"),
    "settings": ("organisationcode", "prescribingsetting", "status"),
    "ages": ("practice_code", "17perc", "18perc"),
    "population": ("(lsoa.*)?code|lsoa..cd|area", "0", "45", "90\\+?"),
    "deprivation": (r"lsoa code \(\d{4}\)", "adult skills sub-domain rank.*", "income score.*"),
    "borders": (r"(lsoa|area).*[_ ](i|from|focal)|from|focal", r"(lsoa|area).*[_ ](j|to|neighbou?r)|to|neighbou?r"),
    "ethnicity": ("geography code", "ethnic group: (white|asian)[^:]*: .*"),
    "changes": (LSOA["2011"], LSOA["2021"], "chngind|change_code|change code"),
    "boards": ("lsoa..(cd|_code)", r"icb\d\d(cdh|_code_h)", r"icb\d\d(nm|_name)"),
    "boundaries": ("lsoa..(cd|_code)", "geometry"),
    "rural_urban": ("lsoa..(cd|_code)", r"ruc\d\d(cd|ind|_code)?"),
    "adult_education": ("geography code", ".*: no qualifications"),
    "english_proficiency": ("geography code", ".*cannot speak english"),
}
"""Files that are looked for: what their titles must hold, by regular expressions of whole titles in small letters."""

NEEDED: Final = ("registers", "registrations", "population", "deprivation")
SCORES_OF: Final = {
    "adult_education": "(.*: )?(no qualifications|level 1\\b.*)",
    "english_proficiency": ".*cannot speak english.*",
}
"""Categories of census tables that are counted as deprived: few qualifications, and little English."""

_KINDS: Final = {
    "registers": (("qof", "qof_prevalence_csv"), ".*practice.?code"),
    "settings": (("gp_practices",), "status"),
    "population": (("mid_year_age", "mid_year_sex_age"), "lsoa.*code.*"),
}
"""Files that are told as `bayesineq check` tells them: their kinds, and a title that they must have."""

type Vintage = Literal["2011", "2021"]

_BY_VINTAGE: Final = ("population", "deprivation", "borders", "boundaries", "boards", "rural_urban", *SCORES_OF)
_ICB: Final = r"icb\d\d(cdh|_code_h)"


@dataclass(frozen=True, slots=True)
class England:
    """
    Open data of a nation's practices and areas, read and joined.

    Parameters
    ----------
    tables : PracticeTables
        Registers, registrations and residents.
    deprivation : DataFrame
        As of `bayesineq.tables.read_deprivation`.
    areas : DataFrame
        One row an area: prevalence by the plain mean of practices, scores, `fifth` of Adult Skills,
        `fifth_of_all` of the index, `board_fifth` ranked within the board, age, shares.
    adjacency : Adjacency or None
        Which areas border on which.
    files : mapping of str to Path
        What each file was taken for.
    notes : tuple of str
        What a reader must know.

    Examples
    --------
    >>> nothing = pd.DataFrame({"practice": []})
    >>> England(PracticeTables(nothing, nothing, nothing, nothing, ()), nothing, nothing, None, {}, ("a note",)).notes
    ('a note',)
    """

    tables: PracticeTables
    deprivation: pd.DataFrame
    areas: pd.DataFrame
    adjacency: Adjacency | None
    files: Mapping[str, Path]
    notes: tuple[str, ...]

    @property
    def conditions(self) -> list[str]:
        """Codes of the registers that the files hold."""
        return [code for code in CONDITIONS if code in self.tables.prevalence.columns]


def find_files(folder: str | Path, given: Mapping[str, str | Path] | None = None) -> dict[str, Path]:
    """
    Files of a folder, and of folders in it, by what they are: told by their titles, whatever their names.

    Parameters
    ----------
    folder : str or Path
        Where to look: csv, csv.gz and parquet files; and workbooks of registers and of residents, as published.
    given : mapping of str to path, optional
        Files that are named, by what they are; they are not looked for.

    Returns
    -------
    dict of str to Path
        By role: "registers", "registrations", "settings", "ages", "population", "deprivation", "borders",
        "ethnicity", "changes", "boards", "boundaries", "rural_urban", "adult_education", "english_proficiency", those
        there are. Of several, the one whose areas are of the year of the registrations' areas; workbooks of several
        groups of registers are "registers", "registers 2" and so on.

    Raises
    ------
    SchemaError
        A needed file is missing, or two are alike; all at once, with what their titles must hold.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     pairs = {"PRACTICE_CODE": ["A81001"], "LSOA_CODE": "E01012187", "NUMBER_OF_PATIENTS": 900}
    ...     pd.DataFrame(pairs).to_csv(Path(name) / "patients.csv", index=False)
    ...     try:
    ...         find_files(name)
    ...     except SchemaError as error:
    ...         str(error).splitlines()[1]
    "registers: no file has titles like 'organisationcode', '[a-z]+-preval[ae]nce'"
    """
    place = Path(folder)
    if not place.is_dir():
        raise SchemaError(f"There is no folder {place}. Give the folder where the files of open data lie.")
    named = {role: Path(path) for role, path in (given or {}).items()}
    if strange := sorted(set(named) - set(ROLES)):
        raise SchemaError(f"No file is {', '.join(strange)}; those there are: {', '.join(ROLES)}.")
    found: dict[str, list[Path]] = {role: [] for role in ROLES}
    published: set[Path] = set()
    for path in sorted(p for p in place.rglob("*") if p.is_file() and not p.name.startswith((".", "~$"))):
        for role in (own := _roles(path)) or _published_roles(path):
            found[role].append(path)
            published |= set() if own else {path}
    year = _vintage(found["registrations"][0], ROLES["registrations"][1]) if found["registrations"] else None
    problems = []
    for role, paths in found.items():
        if role in named:
            continue
        if len(paths) > 1 and role in _BY_VINTAGE and year is not None:
            paths = [path for path in paths if _vintage(path, ROLES[role][0]) == year] or paths
        if role == "registers" and len(paths) > 1 and set(paths) <= published:
            named |= {f"{role} {k}" if k > 1 else role: path for k, path in enumerate(paths, start=1)}
        elif len(paths) > 1:
            problems.append(f"{role}: {', '.join(path.name for path in paths)} are alike; name one: {role}=FILE")
        elif paths:
            named[role] = paths[0]
        elif role in NEEDED:
            problems.append(f"{role}: no file has titles like {', '.join(map(repr, ROLES[role]))}")
    if problems:
        raise SchemaError("\n".join([f"The folder {place} does not hold what is needed:", *problems]))
    return {name: named[name] for role in ROLES for name in named if name.partition(" ")[0] == role}


def read_england(
    folder: str | Path,
    given: Mapping[str, str | Path] | None = None,
    *,
    indicators: str | Path | None = None,
) -> England:
    """
    Read a folder of open data, and join it by area.

    Parameters
    ----------
    folder : str or Path
        As of `find_files`.
    given : mapping of str to path, optional
        As of `find_files`.
    indicators : str or Path, optional
        A table of `area` and further indicators of deprivation, higher is more deprived, such as `adult_education`
        (share of adults with low or no qualifications) and `english_proficiency` (share who speak English badly).

    Returns
    -------
    England
        Everything that `write_england` reads.

    Raises
    ------
    SchemaError
        As of `find_files`, or a file is not laid out as its publisher lays it out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     try:
    ...         read_england(name)
    ...     except SchemaError as error:
    ...         len(str(error).splitlines())
    5
    """
    files = find_files(folder, given)
    tables = practice_tables(files, files["population"])
    deprivation = read_deprivation(files["deprivation"], complete=False)
    notes = list(tables.notes)
    codes = [code for code in CONDITIONS if code in tables.prevalence.columns]
    shares = tables.prevalence[codes].where(lambda share: (share >= 0.0) & (share < 1.0))
    plain = area_summary(tables.registrations, tables.prevalence[["practice"]].join(shares), codes)
    areas = deprivation.merge(plain, on=AREA, how="left").merge(tables.areas, on=AREA, how="left")
    areas["fifth"] = quantile_groups(areas["adult_skills_rank"], 5)
    year: Vintage = "2011" if deprivation.attrs["vintage"] == "2011" else "2021"
    areas = areas.merge(_shares(files, tables, year, notes), on=AREA, how="left")
    for name, pattern in SCORES_OF.items():
        if name in files:
            areas[name] = areas[AREA].map(_category_share(name, pattern, files, tables, year, notes))
    if indicators is not None:
        areas = areas.merge(_indicators(indicators), on=AREA, how="left", suffixes=("_in_the_folder", ""))
    areas["fifth_of_all"] = quintiles_from_deciles(areas["imd_decile"])
    areas = _places(areas, files, year, notes)
    absent = [name for name in SCORES_OF if name not in areas]
    if absent:
        notes.append(
            f"no file holds {' or '.join(absent)}, and the rank table is without: {_to_get(absent, year, folder)}"
        )
    adjacency = read_adjacency(files["borders"], areas=deprivation[AREA]) if "borders" in files else None
    return England(tables, deprivation, areas, adjacency, files, tuple(notes))


def _roles(path: Path) -> list[str]:
    """What a csv or parquet file is, by its titles."""
    titles = _titles(path) if suffix(path) in ("csv", "parquet") else []
    return [
        role
        for role, wanted in ROLES.items()
        if all(any(re.fullmatch(pattern, title) for title in titles) for pattern in wanted)
    ]


def _published_roles(path: Path) -> list[str]:
    """What a file is of those that are read as they are published."""
    held = [(kind.kind, " ".join(titles).lower()) for kind, titles in kinds_in(path)]
    return [
        role
        for role, (kinds, title) in _KINDS.items()
        if any(kind in kinds and re.search(title, titles) for kind, titles in held)
    ]


def _titles(path: Path) -> list[str]:
    """Titles of a file in small letters, without what Nomis adds to them; none where it cannot be read."""
    if suffix(path) == "parquet":
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_schema

        try:
            names = [str(name) for name in read_schema(path).names]
        except (ArrowInvalid, OSError):
            return []
    else:
        try:
            names = header(path)
        except (SchemaError, OSError, UnicodeDecodeError, EOFError):
            return []
    return [" ".join(name.lower().replace("; measures: value", "").split()) for name in names]


def _vintage(path: Path, pattern: str) -> str | None:
    """Year of the areas of a file, by the column of their codes."""
    column = next(
        name for name, title in zip(titles_as_written(path), _titles(path), strict=True) if re.fullmatch(pattern, title)
    )
    codes = read_table(path)[column].dropna().astype(str)
    return vintage(codes[codes.str.fullmatch("[EW]01[0-9]{6}")].unique())


def titles_as_written(path: Path) -> list[str]:
    """Titles of a csv or parquet file; none of a workbook."""
    if suffix(path) == "parquet":
        from pyarrow.parquet import read_schema

        return [str(name) for name in read_schema(path).names]
    return header(path) if suffix(path) == "csv" else []


def _shares(files: Mapping[str, Path], tables: PracticeTables, year: Vintage, notes: list[str]) -> pd.DataFrame:
    """Shares of broad ethnic groups, and of all that are not White, by area of the year that is wanted."""
    if "ethnicity" not in files:
        notes.append("no file holds ethnic groups by area (Census 2021, TS021): nothing is adjusted for them")
        return pd.DataFrame({AREA: []}).astype(str)
    census = read_census(files["ethnicity"], "TS021")
    broad = code_list("ethnicity_census_2021").groupby("broad")["code"].apply(list)
    counts = pd.DataFrame({AREA: census[AREA]} | {name: census[codes].sum(axis=1) for name, codes in broad.items()})
    counts = counts[counts[AREA].str.startswith("E")]
    carried = _carried(counts, list(broad.index), "2021", files, tables, year)
    if carried is None:
        notes.append(f"no look-up carries LSOAs of 2021 to those of {year}: nothing is adjusted for ethnic groups")
        return pd.DataFrame({AREA: []}).astype(str)
    counts = carried
    if year != "2021":
        notes.append(f"ethnic groups are those of Census 2021, carried to the LSOAs of {year} by residents")
    people = counts[list(broad.index)].sum(axis=1)
    shares = counts[list(broad.index)].div(people, axis=0)
    shares.insert(0, AREA, counts[AREA])
    return shares.assign(not_white=1.0 - shares["white"])


def _carried(
    counts: pd.DataFrame,
    names: Sequence[str],
    of: Vintage,
    files: Mapping[str, Path],
    tables: PracticeTables,
    year: Vintage,
) -> pd.DataFrame | None:
    """Counts of areas in the areas of the year that is wanted; none where no look-up carries them."""
    if of == year:
        return counts
    if "changes" not in files:
        return None
    residents = tables.areas.set_index(AREA)["residents"]
    changes = read_changes(files["changes"])
    changes = changes[changes[f"area_{year}"].isin(residents.index)]
    held = counts[counts[AREA].isin(changes[f"area_{of}"])]
    return carry_counts(held, names, changes, to=year, weight=residents)


def _category_share(
    name: str, pattern: str, files: Mapping[str, Path], tables: PracticeTables, year: Vintage, notes: list[str]
) -> pd.Series:
    """Share of the people of an area who are in the categories that a pattern names."""
    path = files[name]
    found = read_published(path)
    groups = found.table[[str(column) for column in found.columns.loc[found.columns["role"] == "group", "column"]]]
    chosen = groups.apply(lambda column: column.str.lower().str.fullmatch(pattern)).any(axis=1)
    if not chosen.any():
        raise SchemaError(f"The file {path} has no category like {pattern!r}. Give the table as Nomis publishes it.")
    both = pd.DataFrame({AREA: found.table[AREA], "people": found.table["count"], "those": 0})
    both.loc[chosen, "those"] = both["people"]
    counts = both.groupby(AREA, as_index=False)[["people", "those"]].sum()
    of: Vintage = year if not found.vintage else "2011" if found.vintage == "2011" else "2021"
    carried = _carried(counts, ["people", "those"], of, files, tables, year)
    if carried is None:
        raise SchemaError(
            f"The file {path} is of LSOAs of {of}, and the others are of {year}. Lay the table of {year} into the "
            f"folder ({_CENSUS_TABLES[name, year][0]}), or the exact-fit look-up of LSOAs of 2011 and 2021."
        )
    if of != year:
        notes.append(f"{name} is of Census {of}, carried to the LSOAs of {year} by residents")
    return (carried["those"] / carried["people"]).set_axis(carried[AREA])


_CENSUS_TABLES: Final = {
    ("adult_education", "2011"): ("Census 2011, QS501EW, highest qualification", "census_2011_qualifications"),
    ("english_proficiency", "2011"): ("Census 2011, QS205EW, proficiency in English", "census_2011_english"),
    ("adult_education", "2021"): ("Census 2021, TS067, highest qualification", "census_2021_qualifications"),
    ("english_proficiency", "2021"): ("Census 2021, TS029, proficiency in English", "census_2021_english"),
}
"""Tables of the indices' own indicators, and the names by which they are fetched."""


def _to_get(absent: Sequence[str], year: str, folder: str | Path) -> str:
    """What to get for indicators that are absent, from where, and where to put it."""
    tables = [_CENSUS_TABLES[name, year] for name in absent]
    return (
        f"get {' and '.join(table for table, _ in tables)}, a row an LSOA of {year}, from Nomis (bulk or query) "
        f"and lay it into {folder}; `bayesineq fetch {' '.join(code for _, code in tables)} --folder {folder}` "
        f"does so. Or give --indicators FILE with a column `area` and {' and '.join(absent)}"
    )


def _indicators(path: str | Path) -> pd.DataFrame:
    table = read_table(path, text=[AREA])
    numbers = [str(name) for name in table.columns if name != AREA and pd.api.types.is_numeric_dtype(table[name])]
    if AREA not in table.columns or not numbers or table[AREA].duplicated().any():
        raise SchemaError(
            f"The file {path} of indicators needs a column `area`, each once, and numbers beside it, higher where "
            f"deprivation is; it has {', '.join(map(str, table.columns))}."
        )
    return table[[AREA, *numbers]]


def _places(areas: pd.DataFrame, files: Mapping[str, Path], year: Vintage, notes: list[str]) -> pd.DataFrame:
    """With the board and the rural-urban class of each area, where a look-up says them."""
    for role, pattern in (("boards", _ICB), ("rural_urban", ROLES["rural_urban"][1])):
        if role not in files:
            notes.append(f"no look-up says the {'boards' if role == 'boards' else 'rural-urban classes'} of areas")
            continue
        column = next(name for name in titles_as_written(files[role]) if re.fullmatch(pattern, name.lower()))
        place = areas[AREA].map(area_parts(files[role], column, vintage=year))
        areas[{"boards": "board"}.get(role, role)] = place if role == "boards" else rural_or_urban(place.fillna(""))
        if role == "boards":
            name = next(n for n in titles_as_written(files[role]) if re.fullmatch(r"icb\d\d(nm|_name)", n.lower()))
            areas["board_name"] = areas[AREA].map(area_parts(files[role], name, vintage=year))
            areas["board_fifth"] = quantile_groups(areas["imd_rank"], 5, within=areas["board"])
    return areas


def rural_or_urban(codes: Sequence[str] | pd.Series) -> np.ndarray:
    """
    Whether areas are rural or urban, by their class of the official classification of 2011 or 2021.

    Parameters
    ----------
    codes : sequence of str
        Classes: "A1" to "F2" of 2011, "UN1" to "RSF1" of 2021.

    Returns
    -------
    ndarray of str, shape (n_area,)
        "urban" or "rural".

    Raises
    ------
    SchemaError
        A code is of neither.

    References
    ----------
    Office for National Statistics, Rural Urban Classification (2011) and (2021) of small area geographies

    Examples
    --------
    >>> rural_or_urban(["A1", "E2", "UN1", "RLF1"]).tolist()
    ['urban', 'rural', 'urban', 'rural']
    """
    given = pd.Series(np.asarray(codes, dtype=object)).fillna("").astype(str).str.upper()
    urban = given.str.fullmatch("[ABC][0-9]|U[A-Z0-9]+")
    rural = given.str.fullmatch("[DEF][0-9]|R[A-Z0-9]+")
    if (wrong := ~(urban | rural)).any():
        shown = ", ".join(map(repr, given[wrong].unique()[:5]))
        raise SchemaError(
            f"{int(wrong.sum()):,} classes are neither rural nor urban, such as {shown}. Give codes of the Rural Urban "
            "Classification of 2011 (A1 to F2) or 2021 (UN1 to RSF1)."
        )
    return np.where(urban, "urban", "rural")
