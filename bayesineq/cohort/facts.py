"""Facts of a cohort card in the records: coded events, spells and deaths by name, on the engine where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from bayesineq.cohort.card import DEATH, CodedFact, CohortCard, SpellFact
from bayesineq.cohort.codelists import PREFIX, read_codelist, written_out
from bayesineq.dims import PERSON
from bayesineq.records.calendar import day_number
from bayesineq.records.engines import collected, kept

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
    """

    table: ibis.Table
    names: tuple[str, ...]
    found: pd.DataFrame
    notes: tuple[str, ...]

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
    for place, fact in enumerate(card.facts.values()):
        if isinstance(fact, CodedFact):
            listed = _listed(fact, folder, notes)
            met = _occurring(seen, listed)
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
    return Facts(kept(table, records.origin), names, _found(wanted, names), tuple(notes))


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
        notes.append(f"{fact.name}: {found.cited}")
        for system, codes in found.by_system.items():
            listed.setdefault(system, []).extend(codes)
    return listed


def _occurring(seen: pd.DataFrame, listed: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Pairs of system and code that occur and are listed, as they are written, with their number."""
    found = []
    for system, codes in listed.items():
        here = seen[(seen["system"] == system) & seen["code"].notna()]
        clean = here["code"].map(lambda code, system=system: compared(code, system)).astype(str)
        begun = [code.removesuffix("%") for code in codes if system in PREFIX or code.endswith("%")]
        met = clean.isin(set(codes)) | clean.str.startswith(tuple(begun)).astype(bool)
        found.append(here[met.to_numpy(dtype=bool)])
    return pd.concat(found, ignore_index=True) if found else seen.head(0)


def compared(code: str, system: str) -> str:
    """A code of the records as lists write it: without dots in ICD-10, with them to five places in Read."""
    written, _ = written_out(code.strip(), system)
    return written[0] if len(written) == 1 else code.strip()


def _none_occurs(fact: CodedFact, listed: Mapping[str, Sequence[str]], seen: pd.DataFrame) -> str:
    """What was looked for and what there is: nearly always another system, or another way of writing it."""
    asked = "; ".join(f"{system} such as {', '.join(codes[:3])}" for system, codes in listed.items() if codes)
    there = []
    for system, rows in seen.groupby("system", dropna=False):
        shown = ", ".join(map(repr, rows.nlargest(3, "records")["code"].dropna()))
        there.append(f"{system if isinstance(system, str) else 'no system'} ({len(rows):,} codes, such as {shown})")
    return (
        f"{fact.name}: none of its codes occurs ({asked or 'no list was there'}); the records hold "
        f"{'; '.join(there) or 'no coded facts'}"
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
