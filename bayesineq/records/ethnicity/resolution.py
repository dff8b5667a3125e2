"""One ethnic category for each person from several records across sources, by the rules in use in the NHS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesineq.errors import SchemaError
from bayesineq.records.engines import reading
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


Rule = Literal["most_recent", "most_frequent", "first_source", "ohid", "cvdprevent"]

_ORDER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "most_recent": ("day", "times", "common", "trust"),
    "most_frequent": ("times", "day", "common", "trust"),
    "first_source": ("trust", "day", "times", "common"),
    "ohid": ("named", "times", "day", "trust", "common"),
})  # fmt: skip
"""What a rule goes by, the first thing first; the rule that is not here asks one source after the other."""


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
    return _decide(read_records(records, columns), _ORDER["most_recent"])


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
    return _decide(read_records(records, columns), _ORDER["most_frequent"])


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
    return _decide(read_records(records, columns, priority), _ORDER["first_source"])


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
    order = _ORDER["ohid"] if replace_other else _ORDER["ohid"][1:]
    return _decide(read_records(records, columns, priority), order)


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
    return _framed(_filled(read_records(records, columns, priority)))


def resolve(
    records: Records,
    rule: Rule = "most_recent",
    priority: Sequence[str] | None = None,
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> ibis.Table:
    """
    One category for each person by any of the rules, as an expression that stays where the records are.

    Parameters
    ----------
    records, columns
        As of `most_recent`.
    rule : {"most_recent", "most_frequent", "first_source", "ohid", "cvdprevent"}
        The rule, as of the function of its name.
    priority : sequence of str, optional
        Every source, the most trusted first. "first_source" needs it; "ohid" and "cvdprevent" have their own; the
        other two rules have no use for it.

    Returns
    -------
    ibis.Table
        One row a person, in no order: `person_id`, `ethnicity`, `source`, `groups` as of `most_recent`. Distinct
        sources, codes and days have been looked at; nothing else is computed yet.

    Raises
    ------
    SchemaError
        There is no such rule, it needs a priority, or as of `first_source`.

    Examples
    --------
    >>> records = pd.DataFrame({"person_id": ["p1"] * 3, "source": "gp", "ethnicity": ["A", "A", "C"]})
    >>> found = resolve(records.assign(recorded_on=["2019-05-01", "2021-05-01", "2024-05-01"]), "most_frequent")
    >>> found.select("person_id", "ethnicity").to_pyarrow().to_pylist()
    [{'person_id': 'p1', 'ethnicity': 'A'}]
    """
    if rule not in get_args(Rule):
        raise SchemaError(f"There is no rule {rule!r}. Give one of {', '.join(get_args(Rule))}.")
    if rule == "first_source" and priority is None:
        raise SchemaError("The rule 'first_source' needs a priority: every source, the most trusted first.")
    order = _ORDER.get(rule)
    if rule in ("most_recent", "most_frequent"):
        priority = None
    elif priority is None:
        priority = OHID_PRIORITY if rule == "ohid" else CVDPREVENT_PRIORITY
    read = read_records(records, columns, priority)
    return _filled(read) if order is None else _decided(read, order)


def _filled(read: Recorded) -> ibis.Table:
    """The category of the first source that holds one alone on its last day."""
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
    seen = codes.group_by("person").aggregate(**_seen(codes))
    people = seen.left_join(scores, "person").select("person", "score", "groups", "refused")
    return _resolved(people, read, ("trust", "common"))


def _decide(read: Recorded, order: Sequence[str]) -> pd.DataFrame:
    return _framed(_decided(read, order))


def _decided(read: Recorded, order: Sequence[str]) -> ibis.Table:
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
        score=_score(codes, order).max(where=codes["common"] > 1), **_seen(codes)
    )
    return _resolved(people, read, order)


def _seen(codes: ibis.Table) -> dict[str, ibis.Value]:
    """How many known categories a person has, and whether it was asked and not told; each stands once in the rows."""
    return {
        "groups": (codes["common"] > 1).cast("int64").sum(),
        "refused": (codes["common"] == 1).cast("int64").max(),
    }


def _score(table: ibis.Table, order: Sequence[str]) -> ibis.Value:
    """One whole number that is larger where the columns, compared one after the other, are larger."""
    score: Any = 0
    for name in order:
        score = score * (_LARGEST[name] + 1) + table[name].clip(0, _LARGEST[name])
    return score


def _resolved(people: ibis.Table, read: Recorded, order: Sequence[str]) -> ibis.Table:
    """The category and the source that a score holds, by name."""
    import ibis

    # Whole numbers throughout: past 2**53 the floating point that stands for a missing one would lose the last.
    given = people.mutate(score=people["score"].cast("int64").fill_null(-1))
    known = given["score"] >= 0
    rest: Any = known.ifelse(given["score"], 0).cast("int64")
    part: dict[str, Any] = {}
    for name in reversed(order):
        size = _LARGEST[name] + 1
        part[name] = rest % size
        rest = (rest // size).cast("int64")
    place = known.ifelse(part["common"], given["refused"]).cast("int64")
    code = place.cases(*enumerate(read.codes), else_=read.codes[0])
    named = given.select(
        person_id=given["person"],
        ethnicity=code.cast("string"),
        trust=known.ifelse(part["trust"], -1).cast("int64"),
        groups=given["groups"].cast("int64"),
    )
    sources = ibis.memtable(
        pa.table({
            "trust": pa.array(range(len(read.sources)), pa.int64()),
            "source": pa.array(list(read.sources), pa.string()),
        })
    )  # fmt: skip
    return named.left_join(sources, "trust").select(PERSON_ID, CODE, SOURCE, "groups")


def _framed(resolved: ibis.Table) -> pd.DataFrame:
    with reading(None):
        frame: pd.DataFrame = resolved.to_pyarrow().to_pandas()
    typed = frame.astype({CODE: "str", SOURCE: "str", "groups": np.int64})
    return typed.sort_values(PERSON_ID, ignore_index=True)
