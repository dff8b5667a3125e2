"""How many people have each pair of conditions, by stratum and by which came first: counted where the records are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.engines import collected, connect

if TYPE_CHECKING:
    import ibis

PEOPLE: Final = "people"


@dataclass(frozen=True, slots=True)
class ConditionPairs:
    """
    Counts of pairs of conditions.

    Parameters
    ----------
    table : DataFrame
        A row a pair and stratum: `first`, `second`, the stratum's columns, `both`, `with_first`, `with_second`,
        `people`; and where days of onset are known `earlier` and `later`: of those with both on different days, whose
        first condition came earlier, and later, than the second.
    left_out : int
        People of whom it is not known whether they have some condition, or what stratum they are in.
    """

    table: pd.DataFrame
    left_out: int

    def arrays(self) -> tuple[np.ndarray, ...]:
        """
        Counts as `bayesineq.measures.associations` takes them.

        Returns
        -------
        tuple of ndarray, shape (n_pair, n_stratum)
            People with both conditions, with the first, with the second, and in all; pairs in the order of `pairs`.
        """
        shape = (len(self.pairs), -1)
        names = ("both", "with_first", "with_second", PEOPLE)
        return tuple(self.table[name].to_numpy(dtype=np.float64).reshape(shape) for name in names)

    @property
    def pairs(self) -> pd.DataFrame:
        """Columns `first` and `second`, a row a pair."""
        return self.table[["first", "second"]].drop_duplicates().reset_index(drop=True)


def condition_pairs(
    people: ibis.Table | pd.DataFrame, conditions: Sequence[str], *, strata: Sequence[str] = ()
) -> ConditionPairs:
    """
    Count people with each pair of conditions.

    Parameters
    ----------
    people : ibis.Table or DataFrame
        A row a person: the columns `conditions` and `strata`. A table of an engine, such as `conditions` makes of
        records, is counted there, and no row of a person leaves it.
    conditions : sequence of str
        Columns of conditions, two or more: true or false; or the day of onset, missing for who does not have it.
    strata : sequence of str
        Columns within which pairs are compared, such as age bands: common causes that make conditions meet.

    Returns
    -------
    ConditionPairs
        Counts of every pair in every stratum, in the order of `conditions`.

    Raises
    ------
    SchemaError
        If columns are missing or of another kind, there are fewer than two conditions, or nobody is left.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"diabetes": [True, True, False, False], "stroke": [True, False, False, True]})
    >>> found = condition_pairs(people.assign(age_band=["40-59", "40-59", "60-79", "60-79"]), ["diabetes", "stroke"])
    >>> found.table[["first", "second", "both", "with_first", "with_second", "people"]].to_numpy().tolist()
    [['diabetes', 'stroke', 1, 2, 2, 4]]
    """
    table = connect(people)
    names, by = list(conditions), list(strata)
    _check(table, names, by)
    dated = [not table.schema()[name].is_boolean() for name in names]
    has = {name: table[name].notnull() if day else table[name] for name, day in zip(names, dated, strict=True)}  # noqa: PD004
    known = table.mutate(
        **{f"_has{k}": has[name] for k, name in enumerate(names)},
        **{f"_day{k}": table[name] for k, name in enumerate(names) if dated[k]},
    )
    needed = [*(f"_has{k}" for k in range(len(names))), *by]
    complete = known.filter([known[name].notnull() for name in needed])  # noqa: PD004
    sums = {PEOPLE: complete.count()} | {f"_n{k}": complete[f"_has{k}"].cast("int64").sum() for k in range(len(names))}
    for j, k in combinations(range(len(names)), 2):
        together = complete[f"_has{j}"] & complete[f"_has{k}"]
        sums[f"_b{j}_{k}"] = together.cast("int64").sum()
        if dated[j] and dated[k]:
            sums[f"_e{j}_{k}"] = (complete[f"_day{j}"] < complete[f"_day{k}"]).fill_null(False).cast("int64").sum()
            sums[f"_l{j}_{k}"] = (complete[f"_day{j}"] > complete[f"_day{k}"]).fill_null(False).cast("int64").sum()
    counted = collected((complete.group_by(by) if by else complete).aggregate(**sums), people)
    everybody = int(collected(table.aggregate(n=table.count()), people)["n"].iloc[0])
    if counted.empty or not counted[PEOPLE].sum():
        raise SchemaError(
            f"of {everybody:,} people none is left: of each some condition or stratum is missing; fill in what is known"
        )
    counted = counted.sort_values(by) if by else counted
    rows = [_pair(counted, names, by, j, k) for j, k in combinations(range(len(names)), 2)]
    return ConditionPairs(pd.concat(rows, ignore_index=True), everybody - int(counted[PEOPLE].sum()))


def _pair(counted: pd.DataFrame, names: list[str], by: list[str], j: int, k: int) -> pd.DataFrame:
    found = counted[[*by]].assign(first=names[j], second=names[k], both=counted[f"_b{j}_{k}"].astype("int64"))
    found = found.assign(with_first=counted[f"_n{j}"].astype("int64"), with_second=counted[f"_n{k}"].astype("int64"))
    found = found.assign(people=counted[PEOPLE].astype("int64"))
    if f"_e{j}_{k}" in counted:
        found = found.assign(earlier=counted[f"_e{j}_{k}"].astype("int64"), later=counted[f"_l{j}_{k}"].astype("int64"))
    return found[["first", "second", *by, *(name for name in found.columns if name not in ("first", "second", *by))]]


def _check(table: ibis.Table, names: list[str], by: list[str]) -> None:
    schema, wrong = table.schema(), []
    if missing := [name for name in [*names, *by] if name not in schema]:
        wrong.append(f"the columns {missing} are not there; there are {list(schema)}")
    if len(set(names)) < 2 or len(set(names)) < len(names):
        wrong.append(f"pairs need two conditions or more, each named once; given {names}")
    if PERSON in names or set(names) & set(by):
        wrong.append("a condition is neither a person nor a stratum; name each column once")
    odd = [name for name in names if name in schema and not _is_condition(schema[name])]
    if odd:
        kinds = ", ".join(f"{name} ({schema[name]})" for name in odd)
        wrong.append(f"conditions are true or false, or days of onset, and these are neither: {kinds}")
    if wrong:
        raise SchemaError("pairs of conditions cannot be counted:\n" + "\n".join(f"  - {line}" for line in wrong))


def _is_condition(kind: ibis.expr.datatypes.DataType) -> bool:
    return bool(kind.is_boolean() or kind.is_date() or kind.is_timestamp())
