"""Attrition: how many are left after each step, by deprivation and ethnicity: who is dropped is an inequality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.cohort.observed import last_home
from bayesineq.dims import AREA, DECILE, ETHNICITY, PERSON
from bayesineq.records.engines import collected, kept
from bayesineq.records.places import GROUP, MISSING

if TYPE_CHECKING:
    import ibis

    from bayesineq.cohort.strata import Strata
    from bayesineq.records.normal import Records

ALL: Final = "all"


def attrition_table(records: Records, reached: ibis.Table, steps: Sequence[str], strata: Strata) -> pd.DataFrame:
    """
    Persons left after each step, together and by group.

    Parameters
    ----------
    records : Records
        The records.
    reached : ibis.Table
        `person`, `passed`: how many steps each passed; whoever is no row passed none.
    steps : sequence of str
        The steps in words.
    strata : Strata
        Deprivation, ethnicity and what areas lie in.

    Returns
    -------
    DataFrame
        `step` (0 for all in the records), `what`, `by` ("all", "imd_decile", "ethnicity", "place", and what the areas
        lie in where that is known), `group`, `persons` left, `dropped` by this step, and `left`, the share of the
        group's persons in the records that are left. "place" tells who could be placed, and of the others why not.
    """
    homes = last_home(records)
    names = [name for name in records.persons.columns if name not in (AREA, GROUP)]
    people = records.persons.left_join(homes, PERSON).select(*names, homes[AREA], homes[GROUP])
    people = strata.of(people.mutate(**{GROUP: people[GROUP].fill_null(MISSING)}))
    groups = [DECILE, ETHNICITY, GROUP, *strata.parts]
    people = people.left_join(reached, PERSON).select(*groups, passed=reached["passed"].fill_null(0))
    if strata.parts:
        people = kept(people, records.origin)
    crossed = collected(people.group_by(["passed", *groups[:3]]).aggregate(persons=people.count()), records.origin)
    counted = {ALL: crossed.assign(**{ALL: ALL}), **dict.fromkeys(groups[:3], crossed)}
    for name in strata.parts:
        counted[name] = collected(people.group_by(["passed", name]).aggregate(persons=people.count()), records.origin)
    parts = [_left(found, by, len(steps)) for by, found in counted.items()]
    table = pd.concat(parts, ignore_index=True)
    table["what"] = table["step"].map(dict(enumerate(["in the records", *steps])))
    table = table.astype({"step": "int64", "persons": "int64", "dropped": "int64"})
    table["by"] = table["by"].replace({GROUP: "place"})
    groups = list(dict.fromkeys(table["by"]))
    order = table["group"].map(lambda text: (not text.isdigit(), int(text) if text.isdigit() else 0, text))
    table = table.assign(_by=table["by"].map(groups.index), _order=order)
    ordered: pd.DataFrame = table.sort_values(["_by", "step", "_order"], ignore_index=True)
    return ordered[["step", "what", "by", "group", "persons", "dropped", "left"]]


def _left(counted: pd.DataFrame, by: str, steps: int) -> pd.DataFrame:
    """Persons left after each step, by group; what is not known is a group too: it is who drops out first."""
    given = counted[by].astype(object)
    group = given.where(given.notna(), "not known").map(lambda v: str(int(v)) if isinstance(v, float) else str(v))
    wide = counted.assign(group=group).pivot_table("persons", "group", "passed", "sum", fill_value=0)
    wide = wide.reindex(columns=range(steps + 1), fill_value=0)
    left = wide.iloc[:, ::-1].cumsum(axis=1).iloc[:, ::-1].reset_index()
    long = left.melt("group", var_name="step", value_name="persons")
    long["dropped"] = -long.groupby("group")["persons"].diff().fillna(0)
    return long.assign(by=by, left=long["persons"] / long.groupby("group")["persons"].transform("first"))
