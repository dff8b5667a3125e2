"""How complete records of ethnicity are, and how far sources agree, by age, sex, deprivation and year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.codes import Scheme, known_codes, read_ethnicity
from bayesineq.records.ethnicity.recorded import CODE, PERSON_ID, RECORDED_ON, ROLES, SOURCE, rarest_first
from bayesineq.tables.blanks import blanked, is_blank, trimmed
from bayesineq.tables.dates import read_dates
from bayesineq.tables.files import refuse_twice
from bayesineq.tables.findings import Finding, failing, raise_findings

LINKED: Final = "all sources"
"""Name of the row that counts people with a known category in any source."""

NO_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


def latest_by_source(
    records: pd.DataFrame, *, columns: Mapping[str, str] = NO_OTHER_NAMES, scheme: Scheme = "gdppr"
) -> pd.DataFrame:
    """
    Latest category of each person in each source, known ones before unknown ones.

    Parameters
    ----------
    records : DataFrame
        One row a record: `person_id`, `source`, `recorded_on` (as of `read_dates`; missing is earliest), `ethnicity`
        (codes as recorded, read by `read_ethnicity`).
    columns : Mapping of str to str, optional
        What the table calls these four columns, where it has other names.
    scheme : Scheme, optional
        The scheme in which the categories are recorded; its code list says which of them are known.

    Returns
    -------
    DataFrame
        `person_id`, `source`, `recorded_on` (datetime64), `ethnicity` (codes of the scheme); one row a person and
        source. Of several categories on the latest day the commonest in England, Census 2021, is kept.

    Raises
    ------
    SchemaError
        A column is missing; a person or source is missing in a row; dates that cannot be read, or mean two days; codes
        that the scheme does not have.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1"] * 3, "source": "gp", "ethnicity": ["A", "B", "Z"]})
    >>> latest_by_source(records.assign(recorded_on=["2021-01-01", "2023-01-01", "2024-01-01"]))
      person_id source recorded_on ethnicity
    0        p1     gp  2023-01-01         B
    """
    return _latest(_read(records, columns, scheme), scheme)


def completeness(
    latest: pd.DataFrame, people: pd.DataFrame, by: Sequence[str] = (), *, scheme: Scheme = "gdppr"
) -> pd.DataFrame:
    """
    Share of people with a known category, in each source and in all together.

    Parameters
    ----------
    latest : DataFrame
        Records of ethnicity, or what `latest_by_source` made of them.
    people : DataFrame
        Everybody who should have a record: `person_id` and the columns of `by`.
    by : sequence of str
        Columns of `people`, such as age_band, sex, imd_decile.
    scheme : Scheme, optional
        As of `latest_by_source`.

    Returns
    -------
    DataFrame
        `source` (the last is "all sources"), `by`, `people`, `known`, `share`. People without a value in a column of
        `by` have a row of their own, in which it is missing: in each source the rows add up to everybody.

    Raises
    ------
    SchemaError
        As of `latest_by_source`; a column is missing, a person stands twice or is missing, or a record is of nobody
        in `people`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p2"], "source": "gp", "ethnicity": ["A", "Z"]})
    >>> completeness(records.assign(recorded_on="2024-05-01"), pd.DataFrame({"person_id": ["p1", "p2", "p3"]})).round(2)
            source  people  known  share
    0           gp       3      1   0.33
    1  all sources       3      1   0.33
    """
    read = _read(latest, NO_OTHER_NAMES, scheme)
    everybody, row = _people(people, by, read)
    known = known_codes(read[CODE], scheme).to_numpy()
    return _by_source(read[SOURCE][known], row[known], sorted(read[SOURCE].unique()), everybody)


def completeness_by_year(
    records: pd.DataFrame,
    people: pd.DataFrame,
    years: Sequence[int],
    by: Sequence[str] = (),
    *,
    columns: Mapping[str, str] = NO_OTHER_NAMES,
    scheme: Scheme = "gdppr",
) -> pd.DataFrame:
    """
    Completeness as it stood at the end of each year.

    Parameters
    ----------
    records, columns, scheme
        As of `latest_by_source`; records without a date count from the first year.
    people, by
        As of `completeness`.
    years : sequence of int
        Years, rising.

    Returns
    -------
    DataFrame
        As from `completeness`, with a column `year` first; a source that has no record yet is there, with nobody
        known.

    Raises
    ------
    SchemaError
        As of `completeness`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p2"], "source": "gp", "ethnicity": ["A", "J"]})
    >>> records["recorded_on"] = ["2023-02-01", "2024-05-01"]
    >>> table = completeness_by_year(records, pd.DataFrame({"person_id": ["p1", "p2"]}), [2023, 2024])
    >>> table[table["source"] == "gp"]
       year source  people  known  share
    0  2023     gp       2      1    0.5
    2  2024     gp       2      2    1.0
    """
    read = _read(records, columns, scheme)
    everybody, row = _people(people, by, read)
    known, sources = known_codes(read[CODE], scheme).to_numpy(), sorted(read[SOURCE].unique())
    year = read[RECORDED_ON].dt.year.fillna(-np.inf).to_numpy()
    until = [known & (year <= last) for last in years]
    tables = [
        _by_source(read[SOURCE][chosen], row[chosen], sources, everybody).assign(year=last)
        for last, chosen in zip(years, until, strict=True)
    ]
    whole = pd.concat(tables, ignore_index=True)
    return whole[["year", *[name for name in whole.columns if name != "year"]]]


def agreement(
    latest: pd.DataFrame, people: pd.DataFrame, by: Sequence[str] = (), *, scheme: Scheme = "gdppr"
) -> pd.DataFrame:
    """
    Share of people known in two sources whose categories agree, for each pair of sources.

    Parameters
    ----------
    latest, people, by, scheme
        As of `completeness`.

    Returns
    -------
    DataFrame
        `first`, `second`, `by`, `people` (known in both), `agree`, `share`.

    Raises
    ------
    SchemaError
        As of `completeness`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p1", "p2", "p2"], "source": ["gp", "hospital"] * 2})
    >>> records = records.assign(recorded_on="2024-05-01", ethnicity=["A", "A", "J", "L"])
    >>> agreement(records, pd.DataFrame({"person_id": ["p1", "p2"]}))
      first    second  people  agree  share
    0    gp  hospital       2      1    0.5
    """
    read = latest_by_source(latest, scheme=scheme)
    columns, _ = _people(people, by, read)
    wide = _wide(read, scheme).reindex(pd.Index(people[PERSON_ID]))
    columns = columns.set_axis(wide.index)
    tables = []
    for k, first in enumerate(wide.columns):
        for second in wide.columns[k + 1 :]:
            both = wide[first].notna() & wide[second].notna()
            pairs = columns[both].assign(people=1, agree=(wide[first] == wide[second])[both].astype("int64"))
            total = _added(pairs, by)
            tables.append(total.assign(first=first, second=second, share=total["agree"] / total["people"]))
    empty = pd.DataFrame(columns=["first", "second", *by, "people", "agree", "share"])
    return pd.concat(tables, ignore_index=True)[list(empty.columns)] if tables else empty


def conflicts(latest: pd.DataFrame, first: str, second: str, *, scheme: Scheme = "gdppr") -> pd.DataFrame:
    """
    People by category in one source and in another, where both are known.

    Parameters
    ----------
    latest, scheme
        As of `completeness`.
    first, second : str
        Two sources.

    Returns
    -------
    DataFrame of int
        Rows are categories in `first`, columns in `second`.

    Raises
    ------
    SchemaError
        As of `latest_by_source`, or there is no such source.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p1", "p2", "p2"], "source": ["gp", "hospital"] * 2})
    >>> records = records.assign(recorded_on="2024-05-01", ethnicity=["A", "A", "J", "L"])
    >>> conflicts(records, "gp", "hospital")
    hospital  A  L
    gp
    A         1  0
    J         0  1
    """
    wide = _wide(latest_by_source(latest, scheme=scheme), scheme)
    if absent := [name for name in (first, second) if name not in wide.columns]:
        raise SchemaError(f"No source {absent} has a known category; there are {list(wide.columns)}.")
    both = wide[[first, second]].dropna()
    return pd.crosstab(both[first], both[second])


def _read(records: pd.DataFrame, columns: Mapping[str, str], scheme: Scheme) -> pd.DataFrame:
    """Records under their own names, dates as days and categories as codes; everything that is wrong at once."""
    names = [columns.get(role, role) for role in ROLES]
    if absent := [name for name in names if name not in records.columns]:
        raise SchemaError(f"The records of ethnicity have no column {absent}; they have {list(records.columns)}.")
    refuse_twice(list(records.columns), "The table of records")
    if records.empty:
        raise SchemaError("There are no records of ethnicity. Check the export, or the filter that made it.")
    given = records[names].set_axis(list(ROLES), axis=1)
    days, findings = read_dates(given[RECORDED_ON])
    for role, remedy in ((PERSON_ID, "Every record is somebody's."), (SOURCE, "Say where every record is from.")):
        findings += failing(given[role], is_blank(given[role]), "missing value", remedy, shown=[None] * len(given))
    # Millions of rows hold few sources: each is looked at once.
    place, listed = pd.factorize(given[SOURCE].astype(object), use_na_sentinel=False)
    sources = pd.Series(np.array([trimmed(name) for name in listed], dtype=object)[place], given.index, dtype="str")
    if (sources == LINKED).any():
        findings.append(Finding(SOURCE, f"a source is called {LINKED!r}", "That is the name of all together."))
    raise_findings(findings, "The records of ethnicity cannot be counted (rows are index labels):")
    return given.assign(**{SOURCE: sources, RECORDED_ON: days, CODE: read_ethnicity(given[CODE], scheme)})


def _latest(read: pd.DataFrame, scheme: Scheme) -> pd.DataFrame:
    order = {code: place for place, code in enumerate(rarest_first(scheme))}
    known, place = known_codes(read[CODE], scheme), read[CODE].map(order)
    ordered = read.assign(known=known, place=place).sort_values(
        ["known", RECORDED_ON, "place"], na_position="first", kind="stable"
    )
    kept = ordered.drop_duplicates([PERSON_ID, SOURCE], keep="last")[list(ROLES)]
    return kept.sort_values([PERSON_ID, SOURCE], ignore_index=True)


def _by_source(
    source: pd.Series, row: NDArray[np.intp], sources: Sequence[str], everybody: pd.DataFrame
) -> pd.DataFrame:
    """One block a source, in which somebody is known or not, then all sources together; `row` is who is known."""
    by = list(everybody.columns)
    tables = []
    for name, rows in [*((name, row[(source == name).to_numpy()]) for name in sources), (LINKED, row)]:
        known = np.zeros(len(everybody), dtype=np.int64)
        known[rows] = 1
        total = _added(everybody.assign(people=1, known=known), by)
        tables.append(total.assign(share=total["known"] / total["people"]).assign(**{SOURCE: name}))
    return pd.concat(tables, ignore_index=True)[[SOURCE, *by, "people", "known", "share"]]


def _wide(latest: pd.DataFrame, scheme: Scheme) -> pd.DataFrame:
    known = latest[known_codes(latest[CODE], scheme)]
    return known.set_index([PERSON_ID, SOURCE])[CODE].unstack(SOURCE)  # noqa: PD010


def _people(people: pd.DataFrame, by: Sequence[str], latest: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """The columns of `by` for everybody, and the row of each record's person among them."""
    if absent := [name for name in (PERSON_ID, *by) if name not in people.columns]:
        raise SchemaError(f"The table of people has no column {absent}; it has {list(people.columns)}.")
    if len(set(by)) < len(by):
        raise SchemaError(f"`by` names a column twice: {list(by)}. Name each once.")
    if clash := sorted({*by} & {SOURCE, "people", "known", "share", "agree", "first", "second", "year", PERSON_ID}):
        raise SchemaError(f"`by` names {clash}, which the result uses for something else. Rename the column of people.")
    if nobody := int(is_blank(people[PERSON_ID]).sum()):
        raise SchemaError(f"{nobody:,} rows of people have no person_id: every row is somebody.")
    if twice := int(people[PERSON_ID].duplicated().sum()):
        raise SchemaError(f"{twice:,} rows of people repeat a person_id: give one row a person.")
    row = pd.Index(people[PERSON_ID]).get_indexer(pd.Index(latest[PERSON_ID]))
    if strangers := int((row < 0).sum()):
        types = [str(table[PERSON_ID].dtype) for table in (latest, people)]
        differ = f" Their person_id is {types[0]}, that of people {types[1]}." if types[0] != types[1] else ""
        raise SchemaError(
            f"{strangers:,} records are of nobody in the table of people: give everybody, or leave these records out."
            + differ
        )
    return blanked(people[list(by)]), row


def _added(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Sums by group; a missing value is a group, so that nobody is left out."""
    if not by:
        return table.sum().to_frame().T
    return table.groupby(list(by), as_index=False, observed=True, dropna=False).sum()
