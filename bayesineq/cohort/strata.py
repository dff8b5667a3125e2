"""Deprivation and ethnicity of people, as expressions that stay on the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.dims import AREA, DECILE, ETHNICITY, PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.engines import collected, connect, kept
from bayesineq.records.ethnicity.resolution import Rule, resolve

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records

NOBODY_ASKED: Final = "99"
"""Ethnicity of whom no record holds anything."""


@dataclass(frozen=True, slots=True)
class Strata:
    """
    What is known of people's deprivation and ethnicity.

    Parameters
    ----------
    ethnicity : ibis.Table or None
        `person`, `ethnicity`; None where the records hold none.
    deciles : ibis.Table or None
        `area`, `imd_decile`; None where persons have a decile of their own, or nobody has.
    notes : tuple of str
        What is not known.
    lies_in : ibis.Table or None
        `area` and what it lies in: authority, ward, board, rural_urban; None where no look-up says.
    """

    ethnicity: ibis.Table | None
    deciles: ibis.Table | None
    notes: tuple[str, ...]
    lies_in: ibis.Table | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """What is known that areas lie in."""
        return () if self.lies_in is None else tuple(name for name in self.lies_in.columns if name != AREA)

    def of(self, people: ibis.Table) -> ibis.Table:
        """People with `imd_decile`, missing where it is not known, `ethnicity`, "99" where nobody asked, and parts."""
        import ibis

        if self.lies_in is not None:
            carried = [name for name in people.columns if name not in self.parts]
            people = people.select(*carried).left_join(self.lies_in, AREA).select(*carried, *self.parts)
        kept = [name for name in people.columns if name not in (DECILE, ETHNICITY)]
        if self.deciles is not None:
            people = people.select(*kept).left_join(self.deciles, AREA).select(*kept, self.deciles[DECILE])
        elif DECILE not in people.columns:
            people = people.mutate(**{DECILE: ibis.null("int64")})
        kept = [*kept, DECILE]
        if self.ethnicity is None:
            return people.select(*kept, **{ETHNICITY: ibis.literal(NOBODY_ASKED)})
        people = people.select(*kept).left_join(self.ethnicity, PERSON)
        return people.select(*kept, **{ETHNICITY: people[ETHNICITY].fill_null(NOBODY_ASKED)})


def strata_of(
    records: Records,
    deprivation: pd.DataFrame | None = None,
    rule: Rule = "most_recent",
    lies_in: ibis.Table | None = None,
) -> Strata:
    """
    Deprivation and ethnicity as the records, and a table of areas, tell them.

    Parameters
    ----------
    records : Records
        The records.
    deprivation : DataFrame, optional
        `area`, `imd_decile`.
    rule : {"most_recent", "most_frequent", "ohid", "cvdprevent"}
        How one ethnicity is chosen of several records, as of `resolve`.
    lies_in : ibis.Table, optional
        As of `Strata`.

    Returns
    -------
    Strata
        Expressions; that the records hold no ethnicity or deprivation at all is a note.

    Raises
    ------
    SchemaError
        `deprivation` lacks a column, or has an area twice.
    """
    notes = []
    deciles = None
    if deprivation is not None:
        if absent := [name for name in (AREA, DECILE) if name not in deprivation.columns]:
            raise SchemaError(f"The table of deprivation has no column {absent}; it has {list(deprivation.columns)}.")
        if twice := deprivation[AREA][deprivation[AREA].duplicated()].unique().tolist():
            raise SchemaError(f"The table of deprivation has areas twice: {twice[:5]}. Give each one decile.")
        deciles = connect(deprivation[[AREA, DECILE]].astype({AREA: str, DECILE: "int64"}))
    elif DECILE not in records.persons.columns:
        notes.append("no deprivation is known: give a table of areas and deciles, or a column imd_decile of persons")
    given = records.ethnicity_records
    if int(collected(given.aggregate(rows=given.count()), records.origin)["rows"].sum()) == 0:
        notes.append("the records hold no ethnicity: that of everybody is 99, not known")
        return Strata(None, deciles, tuple(notes), lies_in)
    return Strata(ethnicity_of(given, rule, records.origin), deciles, tuple(notes), lies_in)


def ethnicity_of(given: ibis.Table, rule: Rule, origin: str) -> ibis.Table:
    """`person` and `ethnicity` by a rule, kept on the engine: attrition and every table of cells ask for it again."""
    found = resolve(given, rule)
    return kept(found.select(ETHNICITY, **{PERSON: found["person_id"]}), origin)
