"""What filling in ethnicity from other sources does to each headline of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from bayesineq.cohort.cells import cohort_cells
from bayesineq.cohort.members import Cohort
from bayesineq.cohort.read_cohort import counted_columns
from bayesineq.cohort.strata import ethnicity_of
from bayesineq.dims import AGE, PERSON, SEX
from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.completeness import LINKED, completeness
from bayesineq.records.ethnicity.imputed import imputed_effect
from bayesineq.records.ethnicity.unknown import complete_case
from bayesineq.tables.schema import read_schema

HEADLINES: Final[Mapping[str, tuple[str, str]]] = {
    "population with the condition": ("cases", "population"),
    "cases who were reached": ("checked", "cases"),
    "appointments that were missed": ("missed", "appointments"),
    "events in person-time": ("events", "person_years"),
}
"""Rates by what they are of: columns of events and of the denominator, wherever a table of cells has both."""


def ethnicity_effect(cohort: Cohort, tables: Sequence[str] | None = None, *, source: str | None = None) -> pd.DataFrame:
    """
    Compare each headline of a cohort with ethnicity as one source records it, and as all sources together tell it.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    tables : sequence of str, optional
        Tables of cells, as of `cohort_cells`; by default those of its card.
    source : str, optional
        The source that stands alone; by default the one that knows most people.

    Returns
    -------
    DataFrame
        As of `imputed_effect`; the unknown are shared out within age band and sex, or less finely where one of these
        cells holds nobody who is known.

    Raises
    ------
    SchemaError
        The records hold no ethnicity, or there is no such source.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> ethnicity_effect(cohort_example(), ["area_counts"])[["headline", "group", "imputed_share"]].tail(1)
                            headline group  imputed_share
    3  population with the condition   all            0.6
    """
    given, people = cohort.records.ethnicity_records, cohort.records.persons.select(person_id=PERSON)
    if cohort.strata.ethnicity is None:
        raise SchemaError("The records hold no ethnicity, so nothing can be said of filling it in.")
    counted = completeness(given.filter(given["person_id"].isin(people["person_id"])), people)
    known = counted[counted["source"] != LINKED].set_index("source")["known"]
    if source is not None and source not in known.index:
        raise SchemaError(f"There is no source {source!r} of ethnicity; there is {', '.join(known.index)}.")
    alone = given.filter(given["source"] == (source or str(known.idxmax())))
    told = ethnicity_of(alone, cohort.card.ethnicity, cohort.records.origin)
    before = replace(cohort, strata=replace(cohort.strata, ethnicity=told))
    found = []
    for table in tables or cohort.card.tables:
        columns = counted_columns(table)
        rates = {name: pair for name, pair in HEADLINES.items() if set(pair) <= set(columns)}
        alone_cells, all_cells = (cohort_cells(of, table).table for of in (before, cohort))
        for name, pair in rates.items():
            within = _finest(all_cells, pair[1], table)
            found.append(imputed_effect({name: alone_cells}, {name: all_cells}, {name: pair}, within=within))
    return pd.concat(found, ignore_index=True).drop_duplicates(["headline", "group"], ignore_index=True)


def _finest(cells: pd.DataFrame, of: str, table: str) -> list[str]:
    """The finest columns in whose every cell somebody is of known ethnicity."""
    dims: list[str] = [name for name in (AGE, SEX) if name in read_schema(table).primary_key]
    known = complete_case(cells)
    for within in (dims[k:] for k in range(len(dims))):
        there, told = (set(map(tuple, t.loc[t[of] > 0, within].to_numpy())) for t in (cells, known))
        if there <= told:
            return within
    return []
