"""How complete records of ethnicity are, and how far sources agree, by age, sex, deprivation and year."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.records.engines import collected, connect, reading
from bayesineq.records.ethnicity.codes import Scheme, read_ethnicity, scheme_codes
from bayesineq.records.ethnicity.recorded import (
    CODE,
    PERSON_ID,
    RECORDED_ON,
    ROLES,
    SOURCE,
    Records,
    rarest_first,
    read_cleaned,
)
from bayesineq.tables.blanks import MISSING, blanked, is_blank, trimmed
from bayesineq.tables.dates import read_dates
from bayesineq.tables.files import refuse_twice
from bayesineq.tables.findings import Finding, failing, raise_findings

if TYPE_CHECKING:
    import ibis

LINKED: Final = "all sources"
"""Name of the row that counts people with a known category in any source."""

NO_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType({})

_EPOCH: Final = dt.date(1800, 1, 1)
_LATEST: Final = 200_000
"""Days after the first of January 1800 that no record reaches, 2347."""

_NO_YEAR: Final = -1
_HEADING: Final = "The records of ethnicity cannot be counted:"

type People = pd.DataFrame | ibis.Table | str | Path


def latest_by_source(records: Records, *, columns: Mapping[str, str] = NO_OTHER_NAMES, scheme: Scheme = "gdppr") -> Any:
    """
    Latest category of each person in each source, known ones before unknown ones.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a record: `person_id`, `source`, `recorded_on` (as of `read_dates`; missing is earliest), `ethnicity`
        (codes as recorded, read by `read_ethnicity`).
    columns : Mapping of str to str, optional
        What the table calls these four columns, where it has other names.
    scheme : Scheme, optional
        The scheme in which the categories are recorded; its code list says which of them are known.

    Returns
    -------
    DataFrame or ibis.Table
        `person_id`, `source`, `recorded_on` (datetime64), `ethnicity` (codes of the scheme); one row a person and
        source. Of several categories on the latest day the commonest in England, Census 2021, is kept. Of a data frame
        it is one; of an Ibis table or a file an expression that is not yet computed.

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
    given = _given(records, columns, scheme)
    latest = _latest(given)
    if not isinstance(records, pd.DataFrame):
        return latest
    with reading(None):
        frame: pd.DataFrame = latest.to_pyarrow().to_pandas()
    frame = frame.astype({RECORDED_ON: "datetime64[s]", SOURCE: "str", CODE: "str"})
    return frame.sort_values([PERSON_ID, SOURCE], ignore_index=True)


def completeness(latest: Records, people: People, by: Sequence[str] = (), *, scheme: Scheme = "gdppr") -> pd.DataFrame:
    """
    Share of people with a known category, in each source and in all together.

    Parameters
    ----------
    latest : DataFrame, Ibis table, str or Path
        Records of ethnicity, or what `latest_by_source` made of them.
    people : DataFrame, Ibis table, str or Path
        Everybody who should have a record: `person_id` and the columns of `by`. Counting runs where the records are,
        and counts alone leave the engine.
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
    given = _given(latest, NO_OTHER_NAMES, scheme)
    everybody = _people(people, by, given)
    return _arranged(_known_from(given, everybody), everybody.totals, given.sources, by)


def completeness_by_year(
    records: Records,
    people: People,
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
    given = _given(records, columns, scheme)
    everybody = _people(people, by, given)
    known = _known_from(given, everybody)
    tables = [
        _arranged(known[known["since"] <= last], everybody.totals, given.sources, by).assign(year=last)
        for last in years
    ]
    whole = pd.concat(tables, ignore_index=True)
    return whole[["year", *[name for name in whole.columns if name != "year"]]]


def agreement(latest: Records, people: People, by: Sequence[str] = (), *, scheme: Scheme = "gdppr") -> pd.DataFrame:
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
    given = _given(latest, NO_OTHER_NAMES, scheme)
    everybody = _people(people, by, given)
    known = _latest(given).filter(lambda t: t[CODE].isin(_known(scheme)))
    pairs = _pairs(known)
    joined = pairs.inner_join(everybody.table, PERSON_ID)
    counted = joined.group_by(["first", "second", *by]).aggregate(
        people=joined.count(), agree=(joined["one"] == joined["other"]).cast("int64").sum()
    )
    found = everybody.restored(collected(counted))
    sources = sorted(collected(known.select(SOURCE).distinct())[SOURCE])
    tables = []
    for k, first in enumerate(sources):
        for second in sources[k + 1 :]:
            here = found[(found["first"] == first) & (found["second"] == second)]
            total = _added(here[[*by, "people", "agree"]], by).astype({"people": "int64", "agree": "int64"})
            tables.append(total.assign(first=first, second=second, share=total["agree"] / total["people"]))
    empty = pd.DataFrame(columns=["first", "second", *by, "people", "agree", "share"])
    return pd.concat(tables, ignore_index=True)[list(empty.columns)] if tables else empty


def conflicts(latest: Records, first: str, second: str, *, scheme: Scheme = "gdppr") -> pd.DataFrame:
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
    given = _given(latest, NO_OTHER_NAMES, scheme)
    known = _latest(given).filter(lambda t: t[CODE].isin(_known(scheme)))
    sources = sorted(collected(known.select(SOURCE).distinct())[SOURCE])
    if absent := [name for name in (first, second) if name not in sources]:
        raise SchemaError(f"No source {absent} has a known category; there are {sources}.")
    pairs = _pairs(known, (first, second))
    counted = collected(pairs.group_by(["one", "other"]).aggregate(people=pairs.count()))
    table = counted.pivot_table("people", "one", "other", aggfunc="sum", fill_value=0, observed=True)
    return table.rename_axis(index=first, columns=second).astype("int64")


class _Given(NamedTuple):
    """Cleaned records as a table of an engine, one row a record, and what they were given as."""

    table: ibis.Table
    sources: tuple[str, ...]
    person_type: str
    scheme: Scheme
    in_memory: bool


def _given(records: Records, columns: Mapping[str, str], scheme: Scheme) -> _Given:
    """Records under names of their own, days as dates and categories as codes, wherever they are."""
    if isinstance(records, pd.DataFrame):
        read = _read(records, columns, scheme)
        days = read[RECORDED_ON].astype("datetime64[s]")
        # A source of the lists of a scheme alone is a text; so is a pseudonym, which may be a number.
        table = connect(read.assign(**{RECORDED_ON: days.dt.strftime("%Y-%m-%d")}))
        table = table.mutate(**{RECORDED_ON: table[RECORDED_ON].cast("string").cast("date")})
        return _Given(table, tuple(sorted(read[SOURCE].unique())), str(read[PERSON_ID].dtype), scheme, True)
    table, sources = read_cleaned(records, columns, scheme)
    if LINKED in sources:
        raise_findings(
            [Finding(SOURCE, f"a source is called {LINKED!r}", "That is the name of all together.")], _HEADING
        )
    return _Given(table, sources, str(table[PERSON_ID].type()), scheme, False)


def _known(scheme: Scheme) -> list[str]:
    known = scheme_codes(scheme)["known"]
    return [str(code) for code in known.index[known]]


def _latest(given: _Given) -> ibis.Table:
    """
    The record of each person and source that comes last: known before unknown, then by day, then the commoner.

    Maxima of one whole number that holds the order run several times faster than ranked rows.
    """
    import ibis

    codes, known = rarest_first(given.scheme), _known(given.scheme)
    table, most = given.table, len(codes)
    day = table[RECORDED_ON].cast("date").delta(ibis.literal(_EPOCH, "date"), unit="day").fill_null(0)
    place = table[CODE].cases(*((code, k) for k, code in enumerate(codes)), else_=0)
    score = (table[CODE].isin(known).cast("int64") * _LATEST + day.cast("int64")) * most + place.cast("int64")
    best = table.mutate(score=score).group_by([PERSON_ID, SOURCE]).aggregate(score=lambda t: t["score"].max())
    days = table.select(day=day.cast("int64"), **{RECORDED_ON: table[RECORDED_ON]}).distinct()
    decoded = best.mutate(
        day=(best["score"] // most) % _LATEST,
        **{CODE: (best["score"] % most).cases(*enumerate(codes), else_=codes[0])},
    )
    return decoded.left_join(days, "day").select(*ROLES)


def _pairs(known: ibis.Table, of: tuple[str, str] | None = None) -> ibis.Table:
    """Persons known in two sources: `person_id, first, second, one, other`."""
    left = known.select(PERSON_ID, first=known[SOURCE], one=known[CODE])
    right = known.select(PERSON_ID, second=known[SOURCE], other=known[CODE])
    if of is not None:
        left, right = left.filter(left["first"] == of[0]), right.filter(right["second"] == of[1])
    joined = left.inner_join(right, PERSON_ID)
    return joined if of is not None else joined.filter(joined["first"] < joined["second"])


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


class _People(NamedTuple):
    """Everybody as a table of an engine, their number by group, and the types of columns of a data frame."""

    table: ibis.Table
    totals: pd.DataFrame
    types: Mapping[str, Any]

    def restored(self, counts: pd.DataFrame) -> pd.DataFrame:
        """Counts whose columns are of the types in which people were given."""
        return counts.astype({name: kind for name, kind in self.types.items() if name in counts.columns})


def _people(people: People, by: Sequence[str], given: _Given) -> _People:
    """Everybody with the columns of `by`, a missing value being a group; whoever is wrong with them is refused."""
    types: dict[str, Any] = {}
    if isinstance(people, pd.DataFrame):
        _refuse_columns([str(name) for name in people.columns], by)
        held = blanked(people[[PERSON_ID, *by]])
        types, kind = {name: held[name].dtype for name in by}, str(people[PERSON_ID].dtype)
        _refuse_rows(int(is_blank(held[PERSON_ID]).sum()), int(held[PERSON_ID].duplicated().sum()))
        table = connect(held)
    else:
        # A table in memory goes wherever it is joined; two files must be on one connection.
        given_file = isinstance(people, (str, Path)) and not given.in_memory
        table = connect(people, text=[PERSON_ID], beside=given.table if given_file else None)
        _refuse_columns(list(table.columns), by)
        table = table.select(PERSON_ID, **{name: _text_or_null(table[name]) for name in by})
        kind = str(table[PERSON_ID].type())
        counts = collected(
            table.aggregate(rows=table.count(), there=table[PERSON_ID].count(), single=table[PERSON_ID].nunique())
        )
        rows, there, single = (int(counts[name].iloc[0]) for name in ("rows", "there", "single"))
        _refuse_rows(rows - there, there - single)
    _refuse_strangers(given, table, kind)
    known = _People(table, pd.DataFrame(), types)
    counted = table.group_by(list(by)).aggregate(people=table.count()) if by else table.aggregate(people=table.count())
    return known._replace(totals=known.restored(collected(counted)))


def _text_or_null(value: ibis.Value) -> ibis.Value:
    return value.strip().isin(MISSING).ifelse(None, value) if value.type().is_string() else value


def _refuse_columns(columns: Sequence[str], by: Sequence[str]) -> None:
    if absent := [name for name in (PERSON_ID, *by) if name not in columns]:
        raise SchemaError(f"The table of people has no column {absent}; it has {list(columns)}.")
    if len(set(by)) < len(by):
        raise SchemaError(f"`by` names a column twice: {list(by)}. Name each once.")
    if clash := sorted({*by} & {SOURCE, "people", "known", "share", "agree", "first", "second", "year", PERSON_ID}):
        raise SchemaError(f"`by` names {clash}, which the result uses for something else. Rename the column of people.")


def _refuse_rows(nobody: int, twice: int) -> None:
    if nobody:
        raise SchemaError(f"{nobody:,} rows of people have no person_id: every row is somebody.")
    if twice:
        raise SchemaError(f"{twice:,} rows of people repeat a person_id: give one row a person.")


def _refuse_strangers(given: _Given, people: ibis.Table, kind: str) -> None:
    """Records of nobody among people."""
    ours, theirs = given.table[PERSON_ID].type(), people[PERSON_ID].type()
    alike = ours.is_string() == theirs.is_string()
    table = given.table.anti_join(people, PERSON_ID) if alike else given.table
    if strangers := int(collected(table.aggregate(n=table.count()))["n"].iloc[0]):
        differ = "" if given.person_type == kind else f" Their person_id is {given.person_type}, that of people {kind}."
        raise SchemaError(
            f"{strangers:,} records are of nobody in the table of people: give everybody, or leave these records out."
            + differ
        )


def _known_from(given: _Given, everybody: _People) -> pd.DataFrame:
    """
    How many people are known by source and group, and since which year: `source`, `by`, `since`, `known`.

    A record without a date is older than any year.
    """
    import ibis

    known = given.table.filter(given.table[CODE].isin(_known(given.scheme)))
    known = known.mutate(since=known[RECORDED_ON].year().fill_null(_NO_YEAR).cast("int64"))
    by_source = known.group_by([PERSON_ID, SOURCE]).aggregate(since=known["since"].min())
    anywhere = by_source.group_by(PERSON_ID).aggregate(since=by_source["since"].min())
    both = by_source.select(PERSON_ID, SOURCE, "since").union(
        anywhere.select(PERSON_ID, **{SOURCE: ibis.literal(LINKED)}, since=anywhere["since"])
    )
    by = [name for name in everybody.table.columns if name != PERSON_ID]
    joined = both.inner_join(everybody.table, PERSON_ID)
    return everybody.restored(collected(joined.group_by([SOURCE, *by, "since"]).aggregate(known=joined.count())))


def _arranged(known: pd.DataFrame, totals: pd.DataFrame, sources: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """One block a source, in which somebody is known or not, then all sources together."""
    tables = []
    for name in (*sources, LINKED):
        here = known.loc[known[SOURCE] == name, [*by, "known"]]
        both = pd.concat([totals.assign(known=0), here.assign(people=0)], ignore_index=True)
        total = _added(both[[*by, "people", "known"]], by).astype({"people": "int64", "known": "int64"})
        tables.append(total.assign(share=total["known"] / total["people"]).assign(**{SOURCE: name}))
    return pd.concat(tables, ignore_index=True)[[SOURCE, *by, "people", "known", "share"]]


def _added(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Sums by group; a missing value is a group, so that nobody is left out."""
    if not by:
        return table.sum().to_frame().T
    return table.groupby(list(by), as_index=False, observed=True, dropna=False).sum()
