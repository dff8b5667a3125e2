"""How complete records of ethnicity are, and how far sources agree, by age, sex, deprivation and year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.resolution import CODE, NOT_KNOWN, NOT_STATED, PERSON_ID, RECORDED_ON, SOURCE

LINKED: Final = "all sources"
"""Name of the row that counts people with a known category in any source."""


def latest_by_source(records: pd.DataFrame, *, columns: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """
    Latest category of each person in each source, known ones before unknown ones.

    Parameters
    ----------
    records : DataFrame
        One row a record: `person_id`, `source`, `recorded_on` (sortable; missing is earliest), `ethnicity`.
    columns : Mapping of str to str, optional
        What the table calls these four columns, where it has other names.

    Returns
    -------
    DataFrame
        `person_id`, `source`, `recorded_on`, `ethnicity`; one row a person and source.

    Raises
    ------
    SchemaError
        A column is missing.
    """
    names = [columns.get(role, role) for role in (PERSON_ID, SOURCE, RECORDED_ON, CODE)]
    if absent := [name for name in names if name not in records.columns]:
        raise SchemaError(f"The records of ethnicity have no column {absent}; they have {list(records.columns)}.")
    given = records[names].set_axis([PERSON_ID, SOURCE, RECORDED_ON, CODE], axis=1)
    ordered = given.assign(known=_known(given[CODE])).sort_values(
        ["known", RECORDED_ON, CODE], na_position="first", kind="stable"
    )
    kept = ordered.drop_duplicates([PERSON_ID, SOURCE], keep="last").drop(columns="known")
    return kept.sort_values([PERSON_ID, SOURCE], ignore_index=True)


def completeness(latest: pd.DataFrame, people: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """
    Share of people with a known category, in each source and in all together.

    Parameters
    ----------
    latest : DataFrame
        From `latest_by_source`.
    people : DataFrame
        Everybody who should have a record: `person_id` and the columns of `by`.
    by : sequence of str
        Columns of `people`, such as age_band, sex, imd_decile.

    Returns
    -------
    DataFrame
        `source` (the last is "all sources"), `by`, `people`, `known`, `share`.

    Raises
    ------
    SchemaError
        A column is missing, a person stands twice, or a record is of nobody in `people`.
    """
    everybody = _people(people, by, latest)
    known = latest[_known(latest[CODE])]
    parts = [(str(name), part) for name, part in known.groupby(SOURCE)] + [(LINKED, known)]
    # A source in which nobody is known is complete for nobody, and is listed all the same.
    parts += [(str(name), known.iloc[:0]) for name in sorted(set(latest[SOURCE]) - set(known[SOURCE]))]
    tables = [_share(everybody, set(part[PERSON_ID]), by).assign(**{SOURCE: name}) for name, part in parts]
    return pd.concat(tables, ignore_index=True)[[SOURCE, *by, "people", "known", "share"]]


def completeness_by_year(
    records: pd.DataFrame,
    people: pd.DataFrame,
    years: Sequence[int],
    by: Sequence[str] = (),
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    Completeness as it stood at the end of each year.

    Parameters
    ----------
    records, columns
        As of `latest_by_source`; records without a date count from the first year.
    people, by
        As of `completeness`.
    years : sequence of int
        Years, rising.

    Returns
    -------
    DataFrame
        As from `completeness`, with a column `year` first.

    Raises
    ------
    SchemaError
        As of `completeness`.
    """
    day = records[columns.get(RECORDED_ON, RECORDED_ON)]
    year = pd.to_numeric(day.astype("str").str[:4], errors="coerce").fillna(-np.inf)
    tables = []
    for last in years:
        latest = latest_by_source(records[year <= last], columns=columns)
        tables.append(completeness(latest, people, by).assign(year=last))
    whole = pd.concat(tables, ignore_index=True)
    return whole[["year", *[name for name in whole.columns if name != "year"]]]


def agreement(latest: pd.DataFrame, people: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """
    Share of people known in two sources whose categories agree, for each pair of sources.

    Parameters
    ----------
    latest, people, by
        As of `completeness`.

    Returns
    -------
    DataFrame
        `first`, `second`, `by`, `people` (known in both), `agree`, `share`.

    Raises
    ------
    SchemaError
        As of `completeness`.
    """
    everybody = _people(people, by, latest)
    wide = _wide(latest).reindex(pd.Index(everybody[PERSON_ID]))
    columns = everybody[list(by)].set_axis(wide.index)
    tables = []
    for k, first in enumerate(wide.columns):
        for second in wide.columns[k + 1 :]:
            both = wide[first].notna() & wide[second].notna()
            pairs = columns[both].assign(people=1, agree=(wide[first] == wide[second])[both].astype("int64"))
            total = pairs.groupby(list(by), as_index=False, observed=True).sum() if by else pairs.sum().to_frame().T
            tables.append(total.assign(first=first, second=second, share=total["agree"] / total["people"]))
    empty = pd.DataFrame(columns=["first", "second", *by, "people", "agree", "share"])
    return pd.concat(tables, ignore_index=True)[list(empty.columns)] if tables else empty


def conflicts(latest: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """
    People by category in one source and in another, where both are known.

    Parameters
    ----------
    latest : DataFrame
        From `latest_by_source`.
    first, second : str
        Two sources.

    Returns
    -------
    DataFrame of int
        Rows are categories in `first`, columns in `second`.

    Raises
    ------
    SchemaError
        There is no such source.
    """
    wide = _wide(latest)
    if absent := [name for name in (first, second) if name not in wide.columns]:
        raise SchemaError(f"No source {absent} has a known category; there are {list(wide.columns)}.")
    both = wide[[first, second]].dropna()
    return pd.crosstab(both[first], both[second])


def _known(code: pd.Series) -> pd.Series:
    return code.notna() & ~code.isin([NOT_STATED, NOT_KNOWN])


def _wide(latest: pd.DataFrame) -> pd.DataFrame:
    return latest[_known(latest[CODE])].pivot_table(index=PERSON_ID, columns=SOURCE, values=CODE, aggfunc="first")


def _people(people: pd.DataFrame, by: Sequence[str], latest: pd.DataFrame) -> pd.DataFrame:
    if absent := [name for name in (PERSON_ID, *by) if name not in people.columns]:
        raise SchemaError(f"The table of people has no column {absent}; it has {list(people.columns)}.")
    if twice := int(people[PERSON_ID].duplicated().sum()):
        raise SchemaError(f"{twice:,} rows of people repeat a person_id: give one row a person.")
    if strangers := int((~latest[PERSON_ID].isin(people[PERSON_ID])).sum()):
        raise SchemaError(
            f"{strangers:,} records are of nobody in the table of people: give everybody, or leave these records out."
        )
    return people[[PERSON_ID, *by]]


def _share(people: pd.DataFrame, known: set[object], by: Sequence[str]) -> pd.DataFrame:
    counted = people[list(by)].assign(people=1, known=people[PERSON_ID].isin(known).astype("int64"))
    total = counted.groupby(list(by), as_index=False, observed=True).sum() if by else counted.sum().to_frame().T
    return total.assign(share=total["known"] / total["people"])
