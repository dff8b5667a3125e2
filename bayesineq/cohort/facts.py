"""Facts of a cohort card in the records: coded events, spells and deaths by name, on the engine where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from bayesineq.cohort.card import DEATH, CodedFact, CohortCard, SpellFact
from bayesineq.cohort.codelists import read_codelist
from bayesineq.dims import PERSON
from bayesineq.records.calendar import day_number
from bayesineq.records.code_forms import SYSTEMS, form_of, occurring, written_out
from bayesineq.records.engines import collected, kept
from bayesineq.records.vocabulary import with_descendants

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What a card asks for by name, found in the records.

    Parameters
    ----------
    table : ibis.Table
        One row a fact: `person`, `fact` (its place in `names`), `began`, `ended` (numbers of days), `value`.
    names : tuple of str
        Names of the card, and "death".
    found : DataFrame
        One row a name and code system: `fact`, `system`, `codes` (that occur), `records`.
    notes : tuple of str
        Lists that were not there, or none of whose codes occurs.
    lists : Mapping of str to Mapping
        Codes that were looked for, by name and system.
    """

    table: ibis.Table
    names: tuple[str, ...]
    found: pd.DataFrame
    notes: tuple[str, ...]
    lists: Mapping[str, Mapping[str, Sequence[str]]]

    def of(self, names: Sequence[str]) -> ibis.Table:
        """The facts of some names."""
        return self.table.filter(self.table["fact"].isin([self.names.index(name) for name in names]))


def find_facts(records: Records, card: CohortCard, folder: str | Path | None = None) -> Facts:
    """
    Find what a card asks for: codes that occur leave the engine, with their number, and no row of a person.

    Parameters
    ----------
    records : Records
        The records.
    card : CohortCard
        The card.
    folder : str or Path, optional
        The user's code lists, for those that the card only names.

    Returns
    -------
    Facts
        The facts, kept on the engine.

    Raises
    ------
    SchemaError
        A list by which people enter has no code that occurs, or is not there.
    """
    events = records.events
    seen = collected(events.group_by(["system", "code"]).aggregate(records=events.count()), records.origin)
    names = (*card.facts, DEATH)
    notes: list[str] = []
    wanted: list[pd.DataFrame] = []
    lists: dict[str, Mapping[str, Sequence[str]]] = {}
    for place, fact in enumerate(card.facts.values()):
        if isinstance(fact, CodedFact):
            lists[fact.name] = listed = _in_vocabulary(records, fact, _listed(fact, folder, notes), notes)
            met = occurring(seen, listed)
            if met.empty:
                notes.append(_none_occurs(fact, listed, seen))
            wanted.append(met.assign(fact=place, at_least=fact.at_least, below=fact.below))
    parts = [_coded(events, pd.concat(wanted, ignore_index=True))] if wanted and sum(map(len, wanted)) else []
    for place, fact in enumerate(card.facts.values()):
        if isinstance(fact, SpellFact):
            parts.append(_spells(records.spells, fact, place))
    parts.append(_deaths(records.persons, len(card.facts)))
    table = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    # One pass over all events: what is asked for is a small part of them, and is asked for often.
    return Facts(kept(table, records.origin), names, _found(wanted, names), tuple(notes), lists)


def _listed(fact: CodedFact, folder: str | Path | None, notes: list[str]) -> dict[str, list[str]]:
    """Codes of a fact by system: those of the card, and those of the files that are there."""
    listed = {
        system: [one for code in codes for one in written_out(code, system)[0]] for system, codes in fact.codes.items()
    }
    for of in fact.files:
        path = None if folder is None else Path(folder) / of.file
        if path is None or not path.is_file():
            where = "no folder of code lists was given" if folder is None else f"{folder} has no file of this name"
            notes.append(
                f"{fact.name}: the list {of.file} ({of.system}; {of.expects}) was not used, because {where}; facts "
                "coded in it are not found"
            )
            continue
        found = read_codelist(path, system=of.system)
        notes += [f"{fact.name}: {said}" for said in (found.cited, *(f"{of.file}: {note}" for note in found.notes))]
        for system, codes in found.by_system.items():
            listed.setdefault(system, []).extend(codes)
    return listed


def _in_vocabulary(
    records: Records, fact: CodedFact, listed: dict[str, list[str]], notes: list[str]
) -> Mapping[str, Sequence[str]]:
    """Concepts of OMOP as the codes that they stand for, and with descendants where the card asks for them."""
    if records.concepts is not None and (fact.descendants or "omop" in listed):
        return with_descendants(records, listed, descendants=fact.descendants)
    if fact.descendants:
        notes.append(
            f"{fact.name}: the card asks for descendants, and the records have no vocabulary: its codes count as they "
            "are written"
        )
    return listed


def _none_occurs(fact: CodedFact, listed: Mapping[str, Sequence[str]], seen: pd.DataFrame) -> str:
    """What was looked for and the forms that there are: nearly always another system, or another way of writing it."""
    asked = "; ".join(f"{system} such as {', '.join(codes[:3])}" for system, codes in listed.items() if codes)
    there = []
    for system, rows in seen.groupby("system", dropna=False):
        # Only forms, because what stands in a column of codes by mistake may be a name or a number of somebody.
        forms = rows.assign(form=rows["code"].dropna().map(form_of)).groupby("form")["records"].sum()
        shown = ", ".join(map(str, forms.nlargest(3).index)) or "none written"
        name = "no system" if not isinstance(system, str) else system if system in SYSTEMS else "another system"
        there.append(f"{name} ({len(rows):,} codes, of the form {shown})")
    return (
        f"{fact.name}: none of its codes occurs ({asked or 'no list was there'}); the records hold "
        f"{'; '.join(there) or 'no coded facts'}, where A is a letter and 9 a digit"
    )


def _coded(events: ibis.Table, wanted: pd.DataFrame) -> ibis.Table:
    import ibis

    listed = ibis.memtable(
        pa.table(
            {
                "system": pa.array(wanted["system"].tolist(), pa.string()),
                "code": pa.array(wanted["code"].tolist(), pa.string()),
                "fact": pa.array(wanted["fact"].tolist(), pa.int64()),
                "at_least": pa.array(_numbers(wanted["at_least"]), pa.float64()),
                "below": pa.array(_numbers(wanted["below"]), pa.float64()),
            }
        )
    )
    met = events.join(listed, ["system", "code"])
    met = met.filter(
        met["date"].notnull()  # noqa: PD004
        & (met["at_least"].isnull() | (met["value"] >= met["at_least"]).fill_null(False))  # noqa: PD003
        & (met["below"].isnull() | (met["value"] < met["below"]).fill_null(False))  # noqa: PD003
    )
    began = day_number(met["date"])
    return met.select(PERSON, "fact", began=began, ended=began, value=met["value"].cast("float64"))


def _numbers(column: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in column]


def _spells(spells: ibis.Table, fact: SpellFact, place: int) -> ibis.Table:
    import ibis

    met = spells.filter(spells["start"].notnull())  # noqa: PD004
    for column, words in (("kind", fact.kind), ("outcome", fact.outcome)):
        if words:
            met = met.filter(met[column].isin(words))
    began = day_number(met["start"])
    return met.select(
        PERSON,
        fact=ibis.literal(place, "int64"),
        began=began,
        ended=day_number(met["end"]).coalesce(began),
        value=ibis.null("float64"),
    )


def _deaths(persons: ibis.Table, place: int) -> ibis.Table:
    import ibis

    died = persons.filter(persons["death"].notnull())  # noqa: PD004
    day = day_number(died["death"])
    return died.select(PERSON, fact=ibis.literal(place, "int64"), began=day, ended=day, value=ibis.null("float64"))


def _found(wanted: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """How many codes and records of each list occur, by system."""
    rows = (
        pd.concat(wanted, ignore_index=True) if wanted else pd.DataFrame(columns=["fact", "system", "code", "records"])
    )
    counted = rows.groupby(["fact", "system"], as_index=False).agg(codes=("code", "size"), records=("records", "sum"))
    return counted.assign(fact=[names[int(place)] for place in counted["fact"]])
