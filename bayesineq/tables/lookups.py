"""ONS look-ups: which areas lie in a system or authority, and what became of the LSOAs of 2011 in 2021."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.sheets import read_titled, titled

LSOA: Final = {"2011": r"lsoa11(cd|_code)|lsoa code \(2011\)", "2021": r"lsoa21(cd|_code)|lsoa code \(2021\)"}
CHANGE: Final = r"chngind|change_code|change code"
CHANGES: Final = {"U": "unchanged", "S": "split", "M": "merged", "X": "redrawn"}


def areas_within(
    path: str | Path,
    code: str | Sequence[str],
    *,
    vintage: Literal["2011", "2021"] = "2021",
    sheet: str | None = None,
) -> list[str]:
    """
    LSOAs of a place: an integrated care board, a sub-ICB location, a local authority, a ward.

    Parameters
    ----------
    path : str or Path
        An ONS look-up that has a column of LSOA codes and a column in which `code` stands.
    code : str or sequence of str
        Code of the place, ONS or NHS: "QJG" and "E54000023" are both Suffolk and North East Essex. Several places
        are put together.
    vintage : {"2011", "2021"}, optional
        Which LSOA codes are wanted.
    sheet : str, optional
        Name of the sheet of a workbook, where several have a column of LSOA codes.

    Returns
    -------
    list of str
        LSOA codes, sorted, each once.

    Raises
    ------
    SchemaError
        The look-up has no LSOA codes of that vintage, a place is not in it, or an area of a place has no code.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "lookup.csv"
    ...     lookup = {"LSOA21CD": ["E01000001", "E01000002", "E01000003"], "ICB23CDH": ["QJG", "QH8", "QJG"]}
    ...     pd.DataFrame(lookup).to_csv(path, index=False)
    ...     areas_within(path, "QJG")
    ['E01000001', 'E01000003']
    """
    table = read_titled(path, f"(?i)^({LSOA[vintage]})$", sheet=sheet)
    table = table.rename(columns=titled(table, {AREA: LSOA[vintage]}, path))
    wanted = [code] if isinstance(code, str) else list(code)
    text = table.drop(columns=AREA).select_dtypes(include=["object", "string"])
    places = pd.unique(text.to_numpy(dtype=object).ravel())
    absent = [place for place in wanted if place not in set(places)]
    if absent or not wanted:
        near = [match for place in absent for match in difflib.get_close_matches(place, [str(p) for p in places], n=3)]
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise SchemaError(
            f"{', '.join(map(repr, absent)) or 'No place'} is not in {path}, whose columns are "
            f"{', '.join(map(str, table.columns))}.{hint} Give an ONS or NHS code that stands in one of them."
        )
    within = table.loc[text.isin(wanted).any(axis=1), AREA]
    findings = failing(within, within.isna(), "missing code of an area that lies there", "Complete the look-up.")
    raise_findings(findings, f"{path} does not say which areas lie in {', '.join(wanted)}:")
    return sorted(within.unique().tolist())


def area_parts(
    path: str | Path, column: str, *, vintage: Literal["2011", "2021"] = "2021", sheet: str | None = None
) -> pd.Series:
    """
    Place that each LSOA lies in, as a look-up has it: its integrated care board, its local authority.

    Parameters
    ----------
    path : str or Path
        An ONS look-up that has a column of LSOA codes and the column of places.
    column : str
        Title of the column of places, by code or by name.
    vintage : {"2011", "2021"}, optional
        Which LSOA codes are wanted.
    sheet : str, optional
        Name of the sheet of a workbook, where several have a column of LSOA codes.

    Returns
    -------
    Series
        Named as the column; a place an LSOA, indexed by code.

    Raises
    ------
    SchemaError
        The look-up has no LSOA codes of that vintage or no such column, or puts an LSOA into two places or none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "lookup.csv"
    ...     pd.DataFrame({"LSOA21CD": ["E01000001", "E01000002"], "ICB23CDH": ["QJG", "QH8"]}).to_csv(path, index=False)
    ...     area_parts(path, "ICB23CDH").to_dict()
    {'E01000001': 'QJG', 'E01000002': 'QH8'}
    """
    table = read_titled(path, (f"(?i)^({LSOA[vintage]})$", f"^{re.escape(column)}$"), sheet=sheet)
    table = table.rename(columns=titled(table, {AREA: LSOA[vintage]}, path))
    if column not in table.columns or column == AREA:
        near = difflib.get_close_matches(column, map(str, table.columns), n=3)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise SchemaError(
            f"{path} has no column {column!r}; its columns are {', '.join(map(str, table.columns))}.{hint} Name the "
            "one that holds the place of each area."
        )
    pairs = table[[AREA, column]].drop_duplicates()
    findings = failing(pairs[AREA], pairs[AREA].duplicated(), "lies in more than one place", "Keep one row an area.")
    findings += failing(pairs[AREA], pairs[column].isna(), "lies in no place", "Name one.")
    raise_findings(findings, f"{path} does not place every area in {column}:")
    return pairs.set_index(AREA)[column].astype(str)


def read_changes(path: str | Path, *, sheet: str | None = None) -> pd.DataFrame:
    """
    Read the exact-fit look-up from the LSOAs of 2011 to those of 2021.

    Parameters
    ----------
    path : str or Path
        The ONS look-up with a change indicator (exact fit: one row for each pair of areas that share ground). The
        best-fit look-up, which has one row for each LSOA of 2011 and no indicator, is refused: it hides every split.
    sheet : str, optional
        Name of the sheet of a workbook, where several have these columns.

    Returns
    -------
    DataFrame
        `area_2011`, `area_2021` and `change`: "unchanged", "split" (one of 2011 became several), "merged" (several
        became one) or "redrawn" (neither nests in the other).

    Raises
    ------
    SchemaError
        The file is another look-up, or has an unknown change indicator or a repeated pair.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "changes.csv"
    ...     pairs = {"LSOA11CD": ["E01000001"] * 2, "LSOA21CD": ["E01033701", "E01033702"], "CHNGIND": ["S", "S"]}
    ...     pd.DataFrame(pairs).to_csv(path, index=False)
    ...     read_changes(path)
       area_2011  area_2021 change
    0  E01000001  E01033701  split
    1  E01000001  E01033702  split
    """
    holds = [f"(?i)^({pattern})$" for pattern in (LSOA["2011"], LSOA["2021"], CHANGE)]
    table = read_titled(path, holds, sheet=sheet)
    if not table.columns.str.fullmatch(f"(?i)({CHANGE})").any():
        raise SchemaError(
            f"The look-up {path} has no change indicator (CHNGIND or change_code): it is a best fit, with one row for "
            "each LSOA of 2011, and hides splits. Give the exact-fit look-up of the ONS."
        )
    names = titled(table, {"area_2011": LSOA["2011"], "area_2021": LSOA["2021"], "change": CHANGE}, path)
    table = table.rename(columns=names)[["area_2011", "area_2021", "change"]]
    strange = ~table["change"].isin(list(CHANGES))
    findings = failing(table["change"], strange, "unknown change indicator", f"Known: {', '.join(CHANGES)}.")
    again = table.duplicated(["area_2011", "area_2021"])
    findings += failing(table["area_2011"], again, "stands more than once with the same area_2021", "Keep one row.")
    for name in ("area_2011", "area_2021"):
        findings += failing(table[name], table[name].isna(), "missing code", "Each row is a pair of areas.")
    raise_findings(findings, f"{path} is not a look-up of LSOA changes:")
    table["change"] = table["change"].map(CHANGES)
    return table.reset_index(drop=True)


def carry_counts(
    table: pd.DataFrame,
    counts: Sequence[str],
    changes: pd.DataFrame,
    *,
    to: Literal["2011", "2021"] = "2021",
    weight: pd.Series | None = None,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """
    Carry counts from the LSOAs of one census to those of the other.

    Areas that kept their code or were put together carry over exactly. An area that was divided has its counts
    shared among its successors by `weight`; without it such areas are an error that lists them, because an even
    share would be a guess.

    Parameters
    ----------
    table : DataFrame
        `area` of the other vintage, once each or once for each group of `by`, and counts.
    counts : sequence of str
        Columns to carry; others are left behind.
    changes : DataFrame
        From `read_changes`.
    to : {"2011", "2021"}, optional
        Vintage of the result.
    weight : Series, optional
        Weight of each area of the vintage `to` (its population, say), indexed by code. With `by` it may be indexed by
        code and group, (code, *by): residents of that age and sex, say.
    by : sequence of str, optional
        Columns of strata, such as age band, sex and ethnic group: counts are carried within each.

    Returns
    -------
    DataFrame
        `area` of vintage `to` and the strata, sorted, and the counts: whole numbers where every area carried over
        whole, else float64. Totals are kept. A result may cover part of an area whose other parts are not in `table`.

    Raises
    ------
    SchemaError
        An area is not in the look-up, stands twice, or was divided and there is no weight; a count is missing.

    Examples
    --------
    >>> changes = pd.DataFrame({"area_2011": ["E01000001", "E01000002"], "area_2021": ["E01033701", "E01033701"]})
    >>> counts = pd.DataFrame({"area": ["E01000001", "E01000002"], "deaths": [3, 4]})
    >>> carry_counts(counts, ["deaths"], changes.assign(change="merged"))
            area  deaths
    0  E01033701       7
    """
    source, target = (f"area_{'2021' if to == '2011' else '2011'}", f"area_{to}")
    links = changes[[source, target]]
    unknown = sorted(set(table[AREA]) - set(links[source]))
    strata = [AREA, *by]
    lacking = [name for name in (*strata, *counts) if name not in table]
    if lacking:
        raise SchemaError(f"The table has no column {', '.join(lacking)}; it has {', '.join(map(str, table.columns))}.")
    again = f"stands more than once{f' with the same {", ".join(by)}' if by else ''}"
    remedy = "Add its rows up first." if by else "Add its rows up first, or name its strata with `by`."
    findings = failing(table[AREA], table.duplicated(strata), again, remedy)
    for name in by:
        findings += failing(table[name], table[name].isna(), "missing value", "A stratum that is not there has no row.")
    if unknown:
        findings.append(
            Finding(AREA, f"not in column {source} of the look-up", "Is it of that vintage?", values=unknown)
        )
    for name in counts:
        findings += failing(table[name], table[name].isna(), "missing value", "A count that is not there is no zero.")
    raise_findings(findings, f"Counts cannot be carried to the LSOAs of {to}:")
    links = links[links[source].isin(set(table[AREA]))]
    if (lost := links[target].isna()).any():
        raise SchemaError(
            f"The look-up names no area of {to} for {', '.join(links.loc[lost, source].astype(str).unique()[:5])}: its "
            "counts would be lost. Complete it."
        )
    joined = links.merge(table, left_on=source, right_on=AREA, how="left")
    divided = joined.duplicated([source, *by], keep=False)
    keys = [target, *by]
    carried = joined[list(counts)]
    if divided.any():
        share = pd.Series(1.0, index=joined.index)
        share[divided] = _shares(joined[divided], source, target, by, weight, to)
        carried = carried.mul(share, axis=0)
    summed = pd.concat([joined[keys], carried], axis=1).groupby(keys)[list(counts)].sum().reset_index()
    return summed.rename(columns={target: AREA})


def _shares(
    parts: pd.DataFrame, source: str, target: str, by: Sequence[str], weight: pd.Series | None, to: str
) -> pd.Series:
    """Share of a divided area's counts that each of its successors gets, within each stratum."""
    if weight is None:
        raise SchemaError(
            f"{parts[source].nunique():,} areas were divided, such as {', '.join(parts[source].unique()[:5])}. "
            f"Give `weight`, the population of each LSOA of {to}, to share their counts."
        )
    if weight.index.nlevels == 1:
        weights = parts[target].map(weight)
    else:
        if weight.index.nlevels != 1 + len(by):
            raise SchemaError(
                f"`weight` is indexed by {weight.index.nlevels} levels: give code, or code and {list(by)}."
            )
        weights = pd.Series(weight.reindex(pd.MultiIndex.from_frame(parts[[target, *by]])).to_numpy(), parts.index)
    weights = weights.astype("float64")
    place = [parts[name] for name in (source, *by)]
    totals = weights.groupby(place).transform(lambda part: part.sum(min_count=len(part)))
    lost = weights.isna() | ~(totals > 0)
    if lost.any():
        without = sorted(parts.loc[lost, target].unique())
        raise SchemaError(
            f"There is no weight above 0 for {', '.join(without[:10])}, to share a divided area's counts."
        )
    return weights / totals
