"""One ethnic category for each person from several records across sources, by the rules in use in the NHS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesineq.records.ethnicity.recorded import (
    CODE,
    LAST_DAY,
    MOST_SOURCES,
    PERSON_ID,
    SOURCE,
    Recorded,
    Records,
    read_records,
)

if TYPE_CHECKING:
    import ibis

CVDPREVENT_PRIORITY: Final = ("gdppr_journal", "gdppr_patient", "hes_apc", "hes_ae", "hes_op")
OHID_PRIORITY: Final = ("hes_apc", "hes_ae", "hes_op")
OTHER: Final = "S"

_LARGEST: Final = {"times": 999_999, "day": LAST_DAY, "common": 31, "trust": MOST_SOURCES, "named": 1}
"""Largest value of what the rules go by; more records of a category than this count as this many."""


def most_recent(records: Records, *, columns: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """
    The latest known category of each person, the rule of ONS and of OpenSAFELY.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a record: `person_id`, `source`, `recorded_on` (a date, or text as of `read_dates`; missing counts as
        earliest), `ethnicity` (codes as recorded, read as of `read_ethnicity` in the scheme "gdppr", which is that of
        the NHS with T and W). A file or data frame, or a table of DuckDB, Polars or Spark by Ibis.
    columns : Mapping of str to str, optional
        What the table calls these four columns, where it has other names.

    Returns
    -------
    DataFrame
        One row a person: `person_id`, `ethnicity` ("Z" or "99" only where no record is known), `source` of the
        record that decided (missing where none is known), `groups`: distinct known categories among the records.
        Several categories on the latest day: the one recorded more often, then the commoner in Census 2021.

    Raises
    ------
    SchemaError
        A column is missing, a person or source is missing in a row, a date cannot be read or could mean two days, or
        a code is not of the scheme.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1"] * 3, "source": "gp", "ethnicity": ["A", "A", "C"]})
    >>> most_recent(records.assign(recorded_on=["2019-05-01", "2021-05-01", "2024-05-01"]))
      person_id ethnicity source  groups
    0        p1         C     gp       2
    """
    return _decide(read_records(records, columns), ("day", "times", "common", "trust"))


def most_frequent(records: Records, *, columns: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """
    The category recorded most often ("usual"); ties go to the more recent, then to the commoner in Census 2021.

    Parameters
    ----------
    records, columns
        As of `most_recent`.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `most_recent`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1"] * 3, "source": "gp", "ethnicity": ["A", "A", "C"]})
    >>> most_frequent(records.assign(recorded_on=["2019-05-01", "2021-05-01", "2024-05-01"]))
      person_id ethnicity source  groups
    0        p1         A     gp       2
    """
    return _decide(read_records(records, columns), ("times", "day", "common", "trust"))


def first_source(
    records: Records, priority: Sequence[str], *, columns: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """
    The latest known category of the first source that holds one.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, the most trusted first.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `most_recent`, or a source of the records is not in `priority`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p1"], "source": ["gp", "hospital"], "ethnicity": ["A", "C"]})
    >>> first_source(records.assign(recorded_on=["2019-05-01", "2024-05-01"]), ["gp", "hospital"])
      person_id ethnicity source  groups
    0        p1         A     gp       2
    """
    return _decide(read_records(records, columns, priority), ("trust", "day", "times", "common"))


def ohid(
    records: Records,
    priority: Sequence[str] = OHID_PRIORITY,
    *,
    replace_other: bool = True,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    The rule of OHID's CHIME tool: most frequent, then most recent, then source, then commoner in the census.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, the first wins the third tie-break.
    replace_other : bool
        Whether "any other ethnic group" (S) gives way to any other known category of the person: earlier rules
        without this inflated that group.

    Returns
    -------
    DataFrame
        As of `most_recent`.

    Raises
    ------
    SchemaError
        As of `first_source`.

    Notes
    -----
    The tool breaks its last tie by Census 2011; here it is Census 2021, England. The two agree on the six commonest
    categories, and differ where any other ethnic group, which grew, meets a category of its size.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1"] * 3, "source": "hes_apc", "ethnicity": ["S", "S", "J"]})
    >>> ohid(records.assign(recorded_on=["2019-05-01", "2021-05-01", "2024-05-01"]))
      person_id ethnicity   source  groups
    0        p1         J  hes_apc       2
    """
    order = ("times", "day", "trust", "common")
    return _decide(read_records(records, columns, priority), ("named", *order) if replace_other else order)


def cvdprevent(
    records: Records,
    priority: Sequence[str] = CVDPREVENT_PRIORITY,
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    The fill of CVDPREVENT: the next source is asked only where a source has nothing known, or several at once.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    priority : sequence of str
        Every source, in the order in which they are asked.

    Returns
    -------
    DataFrame
        As of `most_recent`; a person whose every source holds several known categories on its latest day stays "99".

    Raises
    ------
    SchemaError
        As of `first_source`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1", "p1"], "source": ["gdppr_journal", "hes_apc"]})
    >>> cvdprevent(records.assign(ethnicity=["Z", "J"], recorded_on="2024-05-01"))
      person_id ethnicity   source  groups
    0        p1         J  hes_apc       1
    """
    read = read_records(records, columns, priority)
    table, most = read.table, _LARGEST["common"]
    known = table["common"] > 1
    # The commonest and the rarest category of the last day are the same where there is one.
    sources = table.group_by(["person", "trust"]).aggregate(
        up=(table["day"] * (most + 1) + table["common"]).max(where=known),
        down=(table["day"] * (most + 1) + most - table["common"]).max(where=known),
    )
    common = sources["up"] % (most + 1)
    single = common == most - sources["down"] % (most + 1)
    scores = sources.group_by("person").aggregate(score=(sources["trust"] * (most + 1) + common).max(where=single))
    codes = table.select("person", "common").distinct()
    seen = codes.group_by("person").aggregate(seen=_seen(codes))
    people = seen.left_join(scores, "person").select("person", "score", "seen")
    return _resolved(people, read, ("trust", "common"))


def _decide(read: Recorded, order: Sequence[str]) -> pd.DataFrame:
    """
    The category of each person that comes first in an order, and the source of its best record.

    A person's records of one category are added up (`times`); it has the day and trust of its record that comes
    first in the order. Maxima of one whole number that holds the order run several times faster than ranked rows.
    """
    table = read.table
    record = [name for name in order if name in ("day", "trust")]
    best = _score(table, record)
    merged = table.group_by(["person", "common"]).aggregate(times=table["times"].sum().cast("int64"), best=best.max())
    low = _LARGEST[record[1]] + 1
    codes = merged.mutate(
        **{record[0]: merged["best"] // low, record[1]: merged["best"] % low},
        named=(merged["common"] != read.codes.index(OTHER)).cast("int64"),
    )
    people = codes.group_by("person").aggregate(
        score=_score(codes, order).max(where=codes["common"] > 1), seen=_seen(codes)
    )
    return _resolved(people, read, order)


def _seen(codes: ibis.Table) -> ibis.Value:
    """The categories of a person as bits of one whole number; each stands once in the rows."""
    import ibis

    return (ibis.literal(1, "int64") << codes["common"]).sum()


def _score(table: ibis.Table, order: Sequence[str]) -> ibis.Value:
    """One whole number that is larger where the columns, compared one after the other, are larger."""
    score: Any = 0
    for name in order:
        score = score * (_LARGEST[name] + 1) + table[name].clip(0, _LARGEST[name])
    return score


def _resolved(people: ibis.Table, read: Recorded, order: Sequence[str]) -> pd.DataFrame:
    # Whole numbers throughout: past 2**53 the floating point that stands for a missing one would lose the last.
    score, bits = people["score"].cast("int64").fill_null(-1), people["seen"].cast("int64")
    frame: pd.DataFrame = people.select("person", score=score, seen=bits).to_pyarrow().to_pandas()
    known = (frame["score"] >= 0).to_numpy()
    rest = frame["score"].clip(lower=0).to_numpy(dtype=np.int64)
    seen = frame["seen"].to_numpy(dtype=np.int64)
    part = {}
    for name in reversed(order):
        rest, part[name] = np.divmod(rest, _LARGEST[name] + 1)
    code = np.asarray(read.codes, dtype=object)[np.where(known, part["common"], (seen & 2) >> 1)]
    source = pd.Series(np.asarray(read.sources, dtype=object)[part["trust"]], dtype="str").where(known)
    resolved = {
        PERSON_ID: frame["person"],
        CODE: pd.Series(code, dtype="str"),
        SOURCE: source,
        "groups": np.bitwise_count(seen >> 2).astype(np.int64),
    }
    return pd.DataFrame(resolved).sort_values(PERSON_ID, ignore_index=True)
