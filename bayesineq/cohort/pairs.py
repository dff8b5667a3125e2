"""How many people have each pair, each triad, each condition in a group, by stratum: counted where the records are."""

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
    complete, dated = _complete(table, names, by)
    sums = {PEOPLE: complete.count()} | {f"_n{k}": complete[f"_has{k}"].cast("int64").sum() for k in range(len(names))}
    for j, k in combinations(range(len(names)), 2):
        together = complete[f"_has{j}"] & complete[f"_has{k}"]
        sums[f"_b{j}_{k}"] = together.cast("int64").sum()
        if dated[j] and dated[k]:
            sums[f"_e{j}_{k}"] = (complete[f"_day{j}"] < complete[f"_day{k}"]).fill_null(False).cast("int64").sum()
            sums[f"_l{j}_{k}"] = (complete[f"_day{j}"] > complete[f"_day{k}"]).fill_null(False).cast("int64").sum()
    counted = collected((complete.group_by(by) if by else complete).aggregate(**sums), people)
    everybody = _everybody(table, people, counted)
    counted = counted.sort_values(by) if by else counted
    rows = [_pair(counted, names, by, j, k) for j, k in combinations(range(len(names)), 2)]
    return ConditionPairs(pd.concat(rows, ignore_index=True), everybody - int(counted[PEOPLE].sum()))


def condition_triads(
    people: ibis.Table | pd.DataFrame,
    conditions: Sequence[str],
    triads: Sequence[tuple[str, str, str]],
    *,
    strata: Sequence[str] = (),
) -> pd.DataFrame:
    """
    Count people with all three conditions of triads.

    Parameters
    ----------
    people : ibis.Table or DataFrame
        As of `condition_pairs`.
    conditions : sequence of str
        All conditions: of whom one of them is not known is left out, as in the pairs.
    triads : sequence of (str, str, str)
        Which triads, of these conditions.
    strata : sequence of str
        Columns within which triads are compared.

    Returns
    -------
    DataFrame
        A row a triad and stratum: `first`, `second`, `third`, the stratum's columns, `all_three`.

    Raises
    ------
    SchemaError
        As of `condition_pairs`, or if a triad names no condition.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"a": [True, True], "b": [True, True], "c": [True, False]})
    >>> condition_triads(people, ["a", "b", "c"], [("a", "b", "c")])["all_three"].tolist()
    [1]
    """
    table = connect(people)
    names, by = list(conditions), list(strata)
    _check(table, names, by)
    if strange := sorted({name for triad in triads for name in triad} - set(names)):
        raise SchemaError(f"triads of {strange} cannot be counted: the conditions are {names}")
    complete, _ = _complete(table, names, by)
    at = {name: complete[f"_has{k}"] for k, name in enumerate(names)}
    sums = {f"_t{k}": (at[a] & at[b] & at[c]).cast("int64").sum() for k, (a, b, c) in enumerate(triads)}
    counted = collected((complete.group_by(by) if by else complete).aggregate(**sums), people)
    counted = counted.sort_values(by) if by else counted
    made = [
        counted[by].assign(first=a, second=b, third=c, all_three=counted[f"_t{k}"].astype("int64"))
        for k, (a, b, c) in enumerate(triads)
    ]
    return pd.concat(made, ignore_index=True)[["first", "second", "third", *by, "all_three"]]


def condition_groups(
    people: ibis.Table | pd.DataFrame, conditions: Sequence[str], by: str, *, strata: Sequence[str] = ()
) -> pd.DataFrame:
    """
    Count people of each group with each condition.

    Parameters
    ----------
    people : ibis.Table or DataFrame
        As of `condition_pairs`, with a column of groups.
    conditions : sequence of str
        Columns of conditions.
    by : str
        Column of groups, such as an ethnic group or a decile of deprivation.
    strata : sequence of str
        Columns within which groups are compared, such as age bands.

    Returns
    -------
    DataFrame
        A row a condition, group and stratum: `condition`, `level`, the stratum's columns, `both` (of the group, with
        the condition), `with_first` (of the group), `with_second` (with the condition, of any group), `people`.

    Raises
    ------
    SchemaError
        As of `condition_pairs`, or if the group is a stratum.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"a": [True, True, False], "b": [True, False, False], "group": ["x", "y", "y"]})
    >>> condition_groups(people, ["a", "b"], "group")[["level", "both", "people"]].to_numpy().tolist()
    [['x', 1, 3], ['y', 1, 3], ['x', 1, 3], ['y', 0, 3]]
    """
    table = connect(people)
    names, within = list(conditions), list(strata)
    _check(table, names, [*within, by])
    complete, _ = _complete(table, names, [*within, by])
    sums = {PEOPLE: complete.count()} | {f"_n{k}": complete[f"_has{k}"].cast("int64").sum() for k in range(len(names))}
    cells = collected(complete.group_by([*within, by]).aggregate(**sums), people)
    _everybody(table, people, cells)
    # A group that a stratum lacks is there with nobody, so that all have the same strata.
    axes = [sorted(cells[name].unique().tolist()) for name in (*within, by)]
    every = pd.MultiIndex.from_product(axes, names=[*within, by]).to_frame(index=False)
    full = every.merge(cells, how="left", on=[*within, by], validate="one_to_one")
    full[list(sums)] = full[list(sums)].fillna(0).astype("int64")
    held: list[str] | pd.Series = within if within else pd.Series(0, index=full.index)
    made = []
    for k, name in enumerate(names):
        part = full[within].assign(condition=name, level=full[by], both=full[f"_n{k}"], with_first=full[PEOPLE])
        of = full.groupby(held)[[f"_n{k}", PEOPLE]].transform("sum")
        made.append(part.assign(with_second=of[f"_n{k}"], people=of[PEOPLE]).sort_values(["level", *within]))
    columns = ["condition", "level", *within, "both", "with_first", "with_second", PEOPLE]
    return pd.concat(made, ignore_index=True)[columns]


def _complete(table: ibis.Table, names: list[str], by: list[str]) -> tuple[ibis.Table, list[bool]]:
    """People of whom everything is known, with `_has0`, `_day0` and so on, and which conditions have a day."""
    dated = [not table.schema()[name].is_boolean() for name in names]
    has = {name: table[name].notnull() if day else table[name] for name, day in zip(names, dated, strict=True)}  # noqa: PD004
    known = table.mutate(
        **{f"_has{k}": has[name] for k, name in enumerate(names)},
        **{f"_day{k}": table[name] for k, name in enumerate(names) if dated[k]},
    )
    # Whether there is a day of onset is always known, and Spark reads no "is null is null".
    needed = [*(f"_has{k}" for k in range(len(names)) if not dated[k]), *by]
    complete = known.filter([known[name].notnull() for name in needed]) if needed else known  # noqa: PD004
    return complete, dated


def _everybody(table: ibis.Table, people: ibis.Table | pd.DataFrame, counted: pd.DataFrame) -> int:
    """How many people there are; an error if of none everything is known."""
    everybody = int(collected(table.aggregate(n=table.count()), people)["n"].iloc[0])
    if counted.empty or not counted[PEOPLE].sum():
        raise SchemaError(
            f"of {everybody:,} people none is left: of each some condition or stratum is missing; fill in what is known"
        )
    return everybody


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
