"""Disease registers of general practices beside where their patients live, with the quirks of either said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.tables.files import header, read_table, suffix
from bayesineq.tables.publishers.read import read_published
from bayesineq.tables.registrations import read_registrations
from bayesineq.tables.sheets import read_titled, workbook
from bayesineq.tables.vintage import vintage

CONDITIONS: Final = {
    "AF": ("atrial fibrillation", 0),
    "AST": ("asthma", 6),
    "CAN": ("cancer", 0),
    "CHD": ("coronary heart disease", 0),
    "CKD": ("chronic kidney disease", 18),
    "COPD": ("chronic obstructive pulmonary disease", 0),
    "DEM": ("dementia", 0),
    "DEP": ("depression", 18),
    "DM": ("diabetes", 17),
    "EP": ("epilepsy", 18),
    "HF": ("heart failure", 0),
    "HYP": ("hypertension", 0),
    "LD": ("learning disability", 0),
    "LVSD": ("heart failure with left ventricular dysfunction", 0),
    "MH": ("severe mental illness", 0),
    "NDH": ("non-diabetic hyperglycaemia", 18),
    "OB": ("obesity", 18),
    "PAD": ("peripheral arterial disease", 0),
    "PC": ("palliative care", 0),
    "SMOK": ("smoking", 15),
    "STIA": ("stroke or transient ischaemic attack", 0),
}
"""Registers of the Quality and Outcomes Framework 2021-22: name, and age from which a list counts towards it."""

FEWEST: Final = 1000
"""Patients below which a practice is a service of its own, not a list of a neighbourhood."""
FAR: Final = 6.0
"""Robust standard deviations of the logit from which on a prevalence is that of a specialist practice."""
OWED: Final = 10.0
"""People expected on a register from which on nobody on it means no register."""
COVERED: Final = 0.5
"""Patients for each resident, or share of them whose practices have a register, below which an area is not shown."""

FILES: Final = {
    "registers": "qof_",
    "registrations": "gp_reg_pat_prac_lsoa",
    "settings": "gp_practices_ods",
    "ages": "hoc_gp_demographics",
}
"""How the names of files begin."""

_SHOWN: Final = 5
_CLOSED: Final = {"Closed", "Proposed"}
_PRACTICE: Final = "GP Practice"


@dataclass(frozen=True, slots=True)
class PracticeTables:
    """
    What is published of practices, their patients and the areas where these live.

    Parameters
    ----------
    prevalence : DataFrame
        `practice`, and the share of its list on each register of `CONDITIONS`, from 0 to 1.
    registrations : DataFrame
        `practice`, `area`, `patients` in England.
    areas : DataFrame
        `area`, `residents`, `aged_65_and_over` (their share), `median_age` (in whole years, as the file counts), and
        `from_AGE`: the share of at least that age.
    ages : DataFrame
        `practice`, and `from_AGE`: the share of its own patients of at least that age, where it is published.
    notes : tuple of str
        What was found in the files that a reader must know.

    Examples
    --------
    >>> none = pd.DataFrame({"practice": []})
    >>> PracticeTables(none, none, none, none, ("one file",)).notes
    ('one file',)
    """

    prevalence: pd.DataFrame
    registrations: pd.DataFrame
    areas: pd.DataFrame
    ages: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """
    One condition's register, ready for `bayesineq.design`.

    Parameters
    ----------
    condition : str
        Its code in `CONDITIONS`.
    rows : DataFrame
        `practice`, `cases`, `list` (patients who count towards the register) and `weights` (what the weights of
        those with a known area add up to).
    weights : DataFrame
        `practice`, `area`, `patients`: of those practices, of the register's ages.
    areas : DataFrame
        `area`, `residents`, `aged_65_and_over`, `registered` (patients, of any practice), `patients_each` (of them
        for each resident), `coverage` (share whose practices have a register here), `effective_practices`, `shown`.
    plain : ndarray, shape (n_area,)
        Mean prevalence of an area's practices, weighted by its patients: today's method.
    left_out : DataFrame
        `practice` and `why`: those whose register is not read.
    notes : tuple of str
        What a reader must know.
    """

    condition: str
    rows: pd.DataFrame
    weights: pd.DataFrame
    areas: pd.DataFrame
    plain: NDArray[np.float64]
    left_out: pd.DataFrame
    notes: tuple[str, ...]


def read_practices(folder: str | Path, population: str | Path) -> PracticeTables:
    """
    Read registers, registrations and ages of practices, as they were published.

    Parameters
    ----------
    folder : str or Path
        Holds, as csv, csv.gz or parquet, files whose names begin with `qof_` (`OrganisationCode` and
        `CODE-prevalence` as shares; or the workbook or raw csv of registers as it is published),
        `gp_reg_pat_prac_lsoa` (patients by practice and LSOA), and, if there are any, `gp_practices_ods` (setting and
        status) and `hoc_gp_demographics` (`PRACTICE_CODE`, `17perc`, `18perc`).
    population : str or Path
        Residents of each LSOA by single year of age: a column of codes, then columns named 0 to 90.

    Returns
    -------
    PracticeTables
        Checked; nothing is filled in.

    Raises
    ------
    SchemaError
        A file is missing, there are several, or it is not laid out so.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     qof = pd.DataFrame({"OrganisationCode": ["A81001"], "DM-prevalence": [0.08]})
    ...     qof.to_csv(folder / "qof_2021_22.csv", index=False)
    ...     pairs = {"PRACTICE_CODE": "A81001", "LSOA_CODE": ["E01012187", "W01000001"], "NUMBER_OF_PATIENTS": [900, 4]}
    ...     pd.DataFrame(pairs).to_csv(folder / "gp_reg_pat_prac_lsoa.csv", index=False)
    ...     ages = pd.DataFrame({"lsoa11_code": ["E01012187"]} | {str(age): [10] for age in range(91)})
    ...     ages.to_csv(folder / "ages.csv", index=False)
    ...     tables = read_practices(folder, folder / "ages.csv")
    >>> tables.notes[0]
    '4 patients in 1 pair live in Wales; they are no part of an area of England'
    """
    place = Path(folder)
    named = {name: _any(place, start) for name, start in FILES.items()}
    for name in ("registers", "registrations"):
        if named[name] is None:
            raise SchemaError(
                f"The folder {place} has no file whose name begins with {FILES[name]!r}, as csv, csv.gz or parquet."
            )
    return practice_tables({name: path for name, path in named.items() if path is not None}, population)


def practice_tables(files: Mapping[str, Path], population: str | Path) -> PracticeTables:
    """
    The same of files that are named.

    `files`: "registers", "registrations", and if there are any "registers 2" and so on, with other registers of the
    same practices, "settings" and "ages"; as of `read_practices`.
    """
    notes: list[str] = []
    prevalence = _registers([path for name, path in files.items() if name.partition(" ")[0] == "registers"], notes)
    everybody = read_registrations(files["registrations"])
    pairs = everybody[everybody["place"] == "england"].drop(columns="place").reset_index(drop=True)
    for where, found in everybody[everybody["place"] != "england"].groupby("place"):
        live = "have no known area" if where == "unknown" else f"live in {str(where).replace('_', ' ').title()}"
        pairs_ = "pair" if len(found) == 1 else "pairs"
        people = f"{found['patients'].sum():,} patients in {len(found):,} {pairs_}"
        notes.append(f"{people} {live}; they are no part of an area of England")
    areas = _areas(population)
    lost = ~pairs["area"].isin(areas["area"])
    if lost.any():
        raise SchemaError(
            f"{int(lost.sum()):,} pairs of the registrations are of areas without residents in {population}: "
            f"{', '.join(pairs.loc[lost, 'area'].unique()[:_SHOWN])}. Give the population of the same LSOAs: the "
            f"registrations have those of {vintage(pairs['area']) or 'several years'}."
        )
    total, residents = pairs["patients"].sum(), areas["residents"].sum()
    notes.append(
        f"{total:,} patients are registered for {residents:,} residents of the areas: lists are inflated by "
        f"{total / residents - 1.0:.1%}"
    )
    prevalence = _settings(prevalence, files.get("settings"), notes)
    notes += _unmatched(prevalence, pairs)
    return PracticeTables(prevalence, pairs, areas, _ages(files.get("ages")), tuple(notes))


def register(tables: PracticeTables, condition: str) -> Register:
    """
    One condition's register: counts, weights and coverage, with practices that tell nothing left out and named.

    Parameters
    ----------
    tables : PracticeTables
        From `read_practices`.
    condition : str
        Code of a register, such as "DM".

    Returns
    -------
    Register
        Counts are the published shares times the list of the register's ages, which are no longer published.

    Raises
    ------
    SchemaError
        There is no such register, or no practice is left.

    Examples
    --------
    >>> ages = {"area": ["E01000001"], "residents": [1500], "aged_65_and_over": [0.2], "from_17": [0.8]}
    >>> pairs = pd.DataFrame({"practice": ["A81001"], "area": ["E01000001"], "patients": [2000]})
    >>> share = pd.DataFrame({"practice": ["A81001"], "DM": [0.05]})
    >>> tables = PracticeTables(share, pairs, pd.DataFrame(ages), pd.DataFrame({"practice": []}), ())
    >>> register(tables, "DM").rows[["practice", "cases", "list"]]
      practice  cases  list
    0   A81001     80  1600
    """
    if condition not in CONDITIONS or condition not in tables.prevalence.columns:
        held = [code for code in CONDITIONS if code in tables.prevalence.columns]
        raise SchemaError(f"There is no register {condition!r}; the files hold {', '.join(held)}.")
    name, age = CONDITIONS[condition]
    pairs, areas = tables.registrations, tables.areas
    share = tables.prevalence.set_index("practice")[condition]
    of_age = _of_age(areas, age)
    weights = pairs.assign(patients=pairs["patients"] * pairs["area"].map(of_age))
    lists, aged = _lists(tables, age, weights)
    why = _why_not(share, lists.reindex(share.index), tables.registrations)
    used = share.index[why == ""]
    if not len(used):
        raise SchemaError(f"No practice has a register of {name} that can be read: {why.value_counts().to_dict()}.")
    weights = weights[weights["practice"].isin(used) & (weights["patients"] > 0.0)].reset_index(drop=True)
    people = lists[used].round().astype(np.int64)
    rows = pd.DataFrame(
        {
            "practice": used,
            "cases": (share[used] * people).round().astype(np.int64).to_numpy(),
            "list": people.to_numpy(),
            "weights": weights.groupby("practice")["patients"].sum()[used].to_numpy(),
        }
    )
    left = pd.DataFrame({"practice": why.index[why != ""], "why": why[why != ""].to_numpy()})
    found, plain = _coverage(tables, weights, share)
    return Register(condition, rows, weights, found, plain, left, _said(name, age, aged, left, found))


def _any(folder: Path, start: str) -> Path | None:
    found = sorted(
        p
        for p in folder.glob(f"{start}*")
        if p.name.endswith((".csv", ".csv.gz", ".parquet", ".xlsx", ".xls")) and p.is_file()
    )
    if len(found) > 1:
        raise SchemaError(
            f"The folder {folder} has several files whose names begin with {start!r}: "
            f"{', '.join(p.name for p in found)}. Leave one there."
        )
    return found[0] if found else None


def _registers(paths: list[Path], notes: list[str]) -> pd.DataFrame:
    """Shares on every register; files hold registers of different conditions, of the same practices."""
    table = _prevalence(paths[0], notes)
    for path in paths[1:]:
        more = _prevalence(path, notes)
        if twice := [str(name) for name in more if name != "practice" and name in table]:
            raise SchemaError(
                f"The registers {', '.join(twice)} stand in {path} and in another of {', '.join(map(str, paths))}. "
                "Leave one year of each there."
            )
        table = table.merge(more, on="practice", how="outer")
    held = [code for code in CONDITIONS if code in table]
    return table[["practice", *held]]


def _prevalence(path: Path, notes: list[str]) -> pd.DataFrame:
    table = _published(path, notes)
    if table is None:
        table = read_table(path, text=["OrganisationCode"])
    if "OrganisationCode" not in table.columns:
        raise SchemaError(f"The file {path} has no column OrganisationCode; it has {list(table.columns)[:_SHOWN]}.")
    # The published files of 2021-22 spell it so.
    titles = {f"{code}-{word}": code for code in CONDITIONS for word in ("prevalence", "prevalance")}
    table = table.rename(columns={"OrganisationCode": "practice"} | titles)
    held = [code for code in CONDITIONS if code in table.columns]
    if not held:
        raise SchemaError(f"The file {path} has no column such as DM-prevalence: shares from 0 to 1.")
    table = table[["practice", *held]]
    if (twice := table["practice"].duplicated()).any():
        raise SchemaError(
            f"The file {path} names {int(twice.sum())} practices twice, such as {table.loc[twice, 'practice'].iloc[0]}."
        )
    values = table[held].to_numpy(dtype=np.float64)
    if np.nanmedian(values) > 0.5:
        raise SchemaError(f"The file {path} seems to hold percentages; give shares from 0 to 1.")
    for code in held:
        over = table.loc[(table[code] >= 1.0) | (table[code] < 0.0), "practice"]
        if len(over):
            notes.append(f"{code}: impossible shares of {_named(over)}; their register is not read")
    return table


def _published(path: Path, notes: list[str]) -> pd.DataFrame | None:
    """Shares from registers and lists as NHS England publishes them; None where a file is no such workbook or csv."""
    if suffix(path) == "csv" and "OrganisationCode" in header(path):
        return None
    if suffix(path) == "parquet":
        return None
    found = read_published(path)
    if found.kind not in ("qof", "qof_prevalence_csv"):
        raise SchemaError(f"The file {path} is {found.name}; give registers of practices (QOF).")
    rows = found.table[found.table["measure"].isin(list(CONDITIONS))]
    if "period" in rows and rows["period"].notna().any():
        year = rows["period"].max()
        notes.append(f"registers are those of {year}")
        rows = rows[rows["period"] == year]
    parts = [_share(part, str(code)) for code, part in rows.groupby("measure")]
    shares = pd.concat(parts) if parts else pd.DataFrame(columns=["practice", "measure", "share"])
    if (twice := shares.duplicated(["practice", "measure"])).any():
        first = shares[twice].iloc[0]
        raise SchemaError(f"The file {path} has practice {first['practice']} twice on register {first['measure']}.")
    wide = shares.pivot(index="practice", columns="measure", values="share")  # noqa: PD010 - refuses what stands twice
    wide.columns = pd.Index([f"{code}-prevalence" for code in wide.columns])
    table: pd.DataFrame = wide.rename_axis("OrganisationCode").reset_index()
    return table


def _areas(path: str | Path) -> pd.DataFrame:
    table = _residents(Path(path))
    years = [str(age) for age in range(91)]
    names = {str(name).rstrip("+"): name for name in table.columns}
    code = next((name for name in table.columns if "code" in str(name).lower() or name == "area"), None)
    if code is None or any(year not in names for year in years):
        raise SchemaError(f"The file {path} needs a column of area codes and columns 0 to 90 of residents by age.")
    people = table[[names[year] for year in years]].to_numpy(dtype=np.float64)
    total = people.sum(axis=1)
    out = pd.DataFrame({"area": table[code].astype(str), "residents": total.astype(np.int64)})
    if (empty := total <= 0.0).any():
        raise SchemaError(f"The file {path} has areas without residents: {', '.join(out.loc[empty, 'area'][:_SHOWN])}.")
    out["aged_65_and_over"] = people[:, 65:].sum(axis=1) / total
    out["median_age"] = _median_age(people)
    for age in sorted({age for _, age in CONDITIONS.values() if age}):
        out[f"from_{age}"] = people[:, age:].sum(axis=1) / total
    return out


def _share(rows: pd.DataFrame, code: str) -> pd.DataFrame:
    """One register over the list of its ages: lists and registers of other ages stand beside in the workbook."""
    held = [str(name) for name in rows if rows[name].notna().any()]
    lists, registers = (
        _of_ages([name for name in held if re.match(rf"(?:patients?_|practice_)?{word}(?!.*printed)", name)], code)
        for word in ("list(?!_type)", "register")
    )
    if lists is None or registers is None:
        return pd.DataFrame(columns=["practice", "measure", "share"])
    people = pd.to_numeric(rows[lists], errors="coerce")
    share = (pd.to_numeric(rows[registers], errors="coerce") / people.where(people > 0)).rename("share")
    return pd.concat([rows[["practice", "measure"]], share], axis=1).dropna()


def _of_ages(names: list[str], code: str) -> str | None:
    """Of columns whose names may say ages, the one of a register: CHD has lists of 79 and under, and of 80 and over."""
    age = CONDITIONS[code][1]
    ages = {name: [int(number) for number in re.findall(r"\d+", name)] for name in names}
    own = [name for name, found in ages.items() if age and found == [age]]
    of_all = [name for name, found in ages.items() if not found]
    return next(iter([*own, *of_all]), names[0] if len(names) == 1 else None)


def _residents(path: Path) -> pd.DataFrame:
    """Residents by age, of both sexes: a workbook has them in a sheet of persons, or in columns for each sex."""
    if suffix(path) != "excel":
        return read_table(path)
    sheets = [name for name in workbook(path, rows=1) if re.search("persons", name, re.IGNORECASE)]
    if sheets:
        return read_titled(path, ["(?i)^lsoa.*code", "^0$", "^45$"], sheet=max(sheets))
    by_sex = [name for name in workbook(path, rows=1) if re.search(r"mid-?20\d\d", name, re.IGNORECASE)]
    table = read_titled(path, ["(?i)^lsoa.*code", "^F0$", "^M0$"], sheet=max(by_sex, default=None))
    ages = {str(age): [f"{sex}{age}" for sex in "FM"] for age in range(91)}
    sums = {age: table[names].sum(axis=1) for age, names in ages.items() if set(names) <= set(table)}
    code = next(name for name in table if re.match("(?i)lsoa.*code", str(name)))
    return pd.DataFrame({str(code): table[code]} | sums)


def _median_age(people: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of completed years, shape (n_area,), from people by single year, (n_area, n_age)."""
    counted, half = np.cumsum(people, axis=1), people.sum(axis=1, keepdims=True) / 2.0
    # Where the middle falls between two people of different ages, it is half-way.
    return ((counted < half).sum(axis=1) + (counted <= half).sum(axis=1)) / 2.0


def _settings(prevalence: pd.DataFrame, path: Path | None, notes: list[str]) -> pd.DataFrame:
    if path is None:
        notes.append("no file says which practices are open and of which setting; all are read")
        return prevalence
    known = read_published(path).table.set_index("practice")
    setting = prevalence["practice"].map(known["setting"])
    status = prevalence["practice"].map(known["status"])
    other = (setting.notna() & (setting != _PRACTICE)) | status.isin(_CLOSED)
    if other.any():
        kinds = ", ".join(sorted(setting[other].dropna().unique()))
        notes.append(f"{int(other.sum())} rows are of closed practices or other settings ({kinds}); they are left out")
    return prevalence[~other].reset_index(drop=True)


def _unmatched(prevalence: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    notes = []
    without = prevalence.loc[~prevalence["practice"].isin(pairs["practice"]), "practice"]
    if len(without):
        notes.append(f"{len(without)} practices with registers have no patients in an area ({_named(without)})")
    alone = pairs[~pairs["practice"].isin(prevalence["practice"])]
    if len(alone):
        notes.append(
            f"{alone['practice'].nunique()} practices with {alone['patients'].sum():,} patients have no registers "
            f"({_named(pd.Series(alone['practice'].unique()))}); they are no zeros"
        )
    return notes


def _ages(path: Path | None) -> pd.DataFrame:
    if path is None:
        return pd.DataFrame({"practice": pd.Series([], dtype=str)})
    table = read_table(path, text=["PRACTICE_CODE"])
    shares = {f"{age}perc": f"from_{age}" for age in (16, 17, 18) if f"{age}perc" in table.columns}
    return table.rename(columns={"PRACTICE_CODE": "practice"} | shares)[["practice", *shares.values()]]


def _of_age(areas: pd.DataFrame, age: int) -> pd.Series:
    share = areas[f"from_{age}"] if age else pd.Series(1.0, index=areas.index)
    return pd.Series(share.to_numpy(), index=areas["area"])


def _lists(tables: PracticeTables, age: int, weights: pd.DataFrame) -> tuple[pd.Series, int]:
    """Patients of each practice who count towards the register, and of how many their own ages are known."""
    by_area = weights.groupby("practice")["patients"].sum()
    if not age or f"from_{age}" not in tables.ages.columns:
        return by_area, 0
    own = tables.ages.drop_duplicates("practice").set_index("practice")[f"from_{age}"].reindex(by_area.index)
    total = tables.registrations.groupby("practice")["patients"].sum()[by_area.index]
    known = own.notna() & (own > 0.0)
    return by_area.where(~known, total * own), int(known.sum())


def _why_not(share: pd.Series, lists: pd.Series, pairs: pd.DataFrame) -> pd.Series:
    """Why the register of each practice is not read; empty where it is."""
    why = pd.Series("", index=share.index, dtype=object)
    total = pairs.groupby("practice")["patients"].sum().reindex(share.index)
    typical = float(share[(share > 0.0) & (share < 1.0)].median())
    inside = share.where((share > 0.0) & (share < 1.0))
    logit = np.log(inside) - np.log1p(-inside)
    spread = 1.4826 * float((logit - logit.median()).abs().median())
    specialist = (logit - logit.median()).abs() > FAR * spread if spread > 0.0 else pd.Series(False, index=share.index)
    why[specialist] = "a specialist practice: its prevalence is far from all others"
    why[(share == 0.0) & (lists * typical >= OWED)] = "no register: nobody is on it"
    why[(share >= 1.0) | (share < 0.0)] = "an impossible prevalence"
    why[total < FEWEST] = f"fewer than {FEWEST:,} patients"
    why[share.isna()] = "no register"
    why[total.isna()] = "no patients in an area of England"
    return why


def _coverage(
    tables: PracticeTables, weights: pd.DataFrame, share: pd.Series
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    pairs = tables.registrations
    codes = tables.areas["area"]
    everybody = pairs.groupby("area")["patients"].sum().reindex(codes).fillna(0.0).to_numpy()
    read = pairs[pairs["practice"].isin(weights["practice"])].groupby("area")["patients"].sum().reindex(codes)
    square = (pairs.assign(s=pairs["patients"] ** 2.0).groupby("area")["s"].sum()).reindex(codes).to_numpy()
    known = pairs.assign(p=pairs["practice"].map(share)).dropna(subset="p")
    known = known[known["p"] < 1.0]
    summed = (known["p"] * known["patients"]).groupby(known["area"]).sum().reindex(codes).to_numpy()
    plain = summed / known.groupby("area")["patients"].sum().reindex(codes).to_numpy()
    out = tables.areas[["area", "residents", "aged_65_and_over"]].copy()
    out["registered"] = everybody.astype(np.int64)
    out["patients_each"] = everybody / out["residents"]
    out["coverage"] = np.where(everybody > 0.0, read.fillna(0.0).to_numpy() / np.maximum(everybody, 1.0), 0.0)
    out["effective_practices"] = np.where(everybody > 0.0, everybody**2 / np.maximum(square, 1.0), 0.0)
    out["shown"] = (out["coverage"] >= COVERED) & (out["patients_each"] >= COVERED)
    return out, np.asarray(plain, dtype=np.float64)


def _said(name: str, age: int, aged: int, left: pd.DataFrame, areas: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    if age:
        own = f"ages of {aged:,} practices are their own, of others" if aged else "ages of practices are"
        notes.append(
            f"the register of {name} is of people aged {age} and over, and so are lists and weights: {own} those of "
            "the areas where their patients live"
        )
    for why, found in left.groupby("why"):
        notes.append(f"{len(found)} practices are left out, {why} ({_named(found['practice'])})")
    hidden = areas.loc[~areas["shown"], "area"]
    if len(hidden):
        notes.append(
            f"{len(hidden)} areas are not shown, since fewer than half as many patients as residents are registered "
            f"with practices whose register is read: borders, prisons, bases ({_named(hidden)})"
        )
    return tuple(notes)


def _named(values: pd.Series) -> str:
    more = f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
    return f"{', '.join(map(str, values.iloc[:_SHOWN]))}{more}"
