"""Several sources of records of the same people, linked by pseudonym: who takes precedence, and where they differ."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.engines import collected
from bayesineq.records.normal import Records

if TYPE_CHECKING:
    import ibis

TOGETHER: Final = (
    ("birth", "birth_known_to"),
    ("sex",),
    ("death",),
    ("area", "postcode"),
    ("practice", "registered_from", "registered_to"),
)
"""What is said of a person at once, and is taken from one source."""

COMPARED: Final = ("birth", "sex", "death", "area", "practice")
UNKNOWN_SEX: Final = "unknown"
_ADDED: Final = ("events", "spells", "registration_periods", "addresses", "ethnicity_records")


@dataclass(frozen=True, slots=True)
class Linked:
    """
    Sources that were linked.

    Parameters
    ----------
    records : Records
        One row a person in any source; facts, contacts and records of ethnicity of all sources.
    overlap : DataFrame
        `sources` (names joined by " + "), `people`, `share`: who is in which sources.
    conflicts : DataFrame
        `column`, `first`, `second`, `people` (for whom both say something), `agree`, `differ`, `share` (that differs).
    precedence : tuple of str
        Names of the sources, the one that is believed first.
    """

    records: Records
    overlap: pd.DataFrame
    conflicts: pd.DataFrame
    precedence: tuple[str, ...]


def link(sources: Mapping[str, Records], precedence: Sequence[str]) -> Linked:
    """
    Link sources of records by the pseudonym that they share.

    Parameters
    ----------
    sources : Mapping of str to Records
        Records by name of their source, all on one engine; `person` is the same pseudonym in each.
    precedence : sequence of str
        Every source, the one that is believed first where several say something of a person.

    Returns
    -------
    Linked
        The records, and counts of who is where and of what differs; rows of people have not left the engine. What
        belongs together is taken from one source: a birth and how far it is known; area and postcode; a practice and
        the time of registration there. A sex that is unknown says nothing. A fact that two sources hold stands twice,
        each with its `source`, which is the name given here where the records have none.

    Raises
    ------
    SchemaError
        `precedence` does not name every source once, there are fewer than two, or they are on several engines.

    Examples
    --------
    >>> from bayesineq.records.normal import read_normal
    >>> practice = pd.DataFrame({"person": ["p1", "p2"], "sex": ["female", "unknown"]})
    >>> hospital = pd.DataFrame({"person": ["p1", "p2", "p3"], "sex": ["male", "male", "female"]})
    >>> sources = {"gp": read_normal({"persons": practice}), "hes": read_normal({"persons": hospital})}
    >>> linked = link(sources, ["gp", "hes"])
    >>> linked.records.persons.order_by("person").to_pyarrow()["sex"].to_pylist()
    ['female', 'male', 'female']
    >>> linked.conflicts
      column first second  people  agree  differ  share
    0    sex    gp    hes       1      0       1    1.0
    """
    order = _refuse(sources, precedence)
    wide = _wide({name: sources[name] for name in order})
    persons = _believed(wide, order, sources[order[0]].persons)
    added = {name: _all_of(name, {key: sources[key] for key in order}) for name in _ADDED}
    records = replace(
        sources[order[0]],
        persons=persons,
        **added,
        notes=tuple(note for name in order for note in sources[name].notes),
        origin=", ".join(dict.fromkeys(sources[name].origin for name in order)),
    )
    return Linked(records, _overlap(wide, order), _conflicts(wide, order), tuple(order))


def _refuse(sources: Mapping[str, Records], precedence: Sequence[str]) -> list[str]:
    if len(sources) < 2 or sorted(precedence) != sorted(sources):
        raise SchemaError(
            f"The sources are {', '.join(sources)} and `precedence` names {', '.join(precedence) or 'none'}. "
            "Give two sources or more, and name each once, the one that is believed first."
        )
    engines = {id(records.persons.get_backend()) for records in sources.values()}
    if len(engines) > 1:
        raise SchemaError(
            "The sources are on several engines, which cannot be joined. Read them through one connection: "
            "engine = ibis.duckdb.connect(), then engine.read_parquet(...) for each table."
        )
    types = {name: str(records.persons[PERSON].type()) for name, records in sources.items()}
    if len({kind.removeprefix("!") for kind in types.values()}) > 1:
        told = ", ".join(f"{kind} in {name}" for name, kind in types.items())
        raise SchemaError(f"The pseudonym is {told}. Write it alike in every source.")
    return list(precedence)


def _wide(sources: Mapping[str, Records]) -> ibis.Table:
    """One row a person in any source, with the columns of each under its number."""
    everybody = reduce(lambda a, b: a.union(b), [r.persons.select(PERSON) for r in sources.values()]).distinct()
    wide = everybody
    for k, records in enumerate(sources.values()):
        table = records.persons
        columns = {f"{name}_{k}": table[name] for group in TOGETHER for name in group}
        columns[f"sex_{k}"] = table["sex"].nullif(UNKNOWN_SEX)
        here = table.select(PERSON, **columns)
        joined = wide.left_join(here, PERSON)
        # Asked after the join: an engine may hold a flag that is always true to be true of those who are not there.
        there = joined[f"{PERSON}_right"].notnull()  # noqa: PD004
        wide = joined.select(*wide.columns, *columns, **{f"here_{k}": there})
    return wide


def _believed(wide: ibis.Table, order: Sequence[str], first: ibis.Table) -> ibis.Table:
    """What the first source says that says anything, for each thing that is said at once."""
    import ibis

    made: dict[str, ibis.Value] = {}
    for group in TOGETHER:
        said = [
            reduce(lambda a, b: a | b, [wide[f"{name}_{k}"].notnull() for name in group])  # noqa: PD004
            for k in range(len(order))
        ]
        for name in group:
            made[name] = ibis.cases(*[(said[k], wide[f"{name}_{k}"]) for k in range(len(order))])
    made["sex"] = made["sex"].fill_null(UNKNOWN_SEX)
    return wide.select(PERSON, **{name: made[name] for name in first.columns if name in made})


def _all_of(name: str, sources: Mapping[str, Records]) -> ibis.Table:
    """The rows of a table in every source, in the columns that all of them have."""
    tables = {key: getattr(records, name) for key, records in sources.items()}
    shared = [c for c in next(iter(tables.values())).columns if all(c in table.columns for table in tables.values())]
    parts = []
    for key, table in tables.items():
        named = {"source": table["source"].fill_null(key)} if "source" in shared else {}
        parts.append(table.select(**{c: table[c] for c in shared} | named))
    return reduce(lambda a, b: a.union(b), parts)


def _overlap(wide: ibis.Table, order: Sequence[str]) -> pd.DataFrame:
    here = [f"here_{k}" for k in range(len(order))]
    counts = collected(wide.group_by(here).aggregate(people=wide.count()))
    names = [" + ".join(n for n, there in zip(order, row, strict=True) if there) for row in counts[here].to_numpy()]
    table = counts[["people"]].assign(sources=names).sort_values(["people", "sources"], ascending=[False, True])
    return table.assign(share=table["people"] / table["people"].sum())[["sources", "people", "share"]].reset_index(
        drop=True
    )


def _conflicts(wide: ibis.Table, order: Sequence[str]) -> pd.DataFrame:
    sums: dict[str, ibis.Value] = {}
    pairs = [(c, i, j) for c in COMPARED for i, j in itertools.combinations(range(len(order)), 2)]
    for c, i, j in pairs:
        first, second = wide[f"{c}_{i}"], wide[f"{c}_{j}"]
        both = first.notnull() & second.notnull()  # noqa: PD004
        sums[f"{c}_{i}_{j}_both"] = both.cast("int64").sum()
        sums[f"{c}_{i}_{j}_agree"] = (both & (first == second)).fill_null(False).cast("int64").sum()
    counts = collected(wide.aggregate(**sums)).fillna(0).iloc[0]
    rows = []
    for c, i, j in pairs:
        both, agree = int(counts[f"{c}_{i}_{j}_both"]), int(counts[f"{c}_{i}_{j}_agree"])
        rows.append((c, order[i], order[j], both, agree, both - agree))
    table = pd.DataFrame(rows, columns=["column", "first", "second", "people", "agree", "differ"])
    table = table[table["people"] > 0].reset_index(drop=True)
    return table.assign(share=table["differ"] / table["people"])
