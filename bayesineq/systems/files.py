"""Files of systems: counts that a cohort writes, and folders of tables that may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.disclosure.audit import audit_bytes
from bayesineq.disclosure.persons import PersonTables, covered_persons, persons_audit
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule
from bayesineq.errors import SchemaError
from bayesineq.replacing import csv_bytes, write_folder
from bayesineq.systems.burden import gbd_layout, read_burden
from bayesineq.systems.card import (
    BurdenCard,
    CostsCard,
    EffectCard,
    MultimorbidityCard,
    RiskCard,
    SystemCard,
    UndiagnosedCard,
)
from bayesineq.systems.costs import read_costs
from bayesineq.systems.effect import read_effect
from bayesineq.systems.multimorbidity import PAIR_COLUMNS, ConditionCounts, count_conditions, multimorbidity
from bayesineq.systems.risk import learn_risk, risk
from bayesineq.systems.undiagnosed import read_undiagnosed
from bayesineq.tables.files import read_table

_COUNTS: Final = ("condition_pairs", "condition_groups", "condition_triads")


def counts_files(counts: ConditionCounts) -> dict[str, bytes]:
    """Counts of conditions as files of a cohort's folder, by name: as confidential as the records."""
    tables = dict(zip(_COUNTS, (counts.pairs, counts.groups, counts.triads), strict=True))
    return {f"{name}.csv": csv_bytes(table) for name, table in tables.items() if table is not None}


def read_counts(path: str | Path, card: MultimorbidityCard) -> ConditionCounts:
    r"""
    Read counts of conditions: of a cohort's folder, of a table of pairs, or by counting a table of persons.

    Parameters
    ----------
    path : str or Path
        Folder that `bayesineq cohort --conditions` wrote; or a table (csv, csv.gz, parquet) of pairs, with the columns
        `first, second, both, with_first, with_second, people`, or of persons.
    card : MultimorbidityCard
        What is asked.

    Returns
    -------
    ConditionCounts
        The counts.

    Raises
    ------
    SchemaError
        The folder holds no counts, or columns are missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pairs.csv"
    ...     _ = path.write_text("first,second,both,with_first,with_second,people\nasthma,gout,3,20,10,100\n")
    ...     read_counts(path, MultimorbidityCard("pairs", "")).pairs["both"].tolist()
    [3]
    """
    place = Path(path)
    if place.is_dir():
        held = [place / f"{name}.csv" for name in _COUNTS]
        if not held[0].is_file():
            raise SchemaError(f"{place} holds no {held[0].name}: `bayesineq cohort --conditions RULES` writes it")
        pairs, groups, three = (read_table(file) if file.is_file() else None for file in held)
        return ConditionCounts(pairs, groups, three)
    table = read_table(place)
    if set(PAIR_COLUMNS) <= set(table.columns):
        return ConditionCounts(table)
    return count_conditions(_with_truth(table, card), card)


def system_tables(
    path: str | Path, card: SystemCard, seed: int | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, bytes]]:
    """Tables that a card of a system asks for, of a file or folder; and further files, which hold nobody's counts."""
    match card:
        case RiskCard():
            return _risk_tables(path, card, seed)
        case MultimorbidityCard():
            return multimorbidity(read_counts(path, card), card, seed=seed), {}
        case BurdenCard():
            return read_burden(path, card, seed), {}
        case EffectCard():
            return read_effect(path, card, seed), {}
        case UndiagnosedCard():
            return read_undiagnosed(path, card, seed), {}
        case CostsCard():
            return read_costs(path, card, seed), {}


def _risk_tables(
    path: str | Path, card: RiskCard, seed: int | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, bytes]]:
    """Tables of `risk` of a table of persons, and the file of the model where one is learnt."""
    people, number = read_table(Path(path)), 1 if seed is None else seed
    if not card.score:
        model, scores = learn_risk(people, card, seed=number)
        files = {} if model is None else {"risk_model.json": model.to_json().encode()}
        return risk(people, scores, card, seed=number), files
    if card.score not in people:
        raise SchemaError(f"the table of persons has no column {card.score!r} of scores; it has {list(people.columns)}")
    return risk(people, people[card.score].to_numpy(dtype=np.float64, na_value=np.nan), card, seed=number), {}


def write_system(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    rule: Rule = DEFAULT_RULE,
    *,
    also: Mapping[str, bytes] | None = None,
) -> PersonTables:
    """
    Write tables made from persons into a folder, as they may be shown, with the audit of what is withheld.

    Parameters
    ----------
    folder : Path
        Where to write; files of an earlier time are replaced together.
    tables : mapping of str to DataFrame
        By name, such as `multimorbidity` gives.
    rule : Rule
        Threshold and rounding.
    also : mapping of str to bytes, optional
        Further files, such as that of a model, which hold nobody's counts.

    Returns
    -------
    Covered
        What was written.

    Examples
    --------
    >>> import tempfile
    >>> one = pd.DataFrame({"condition": ["gout"], "people_with": [52], "people": [1000]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_system(Path(folder) / "out", {"multimorbidity_conditions": one})
    ...     (Path(folder) / "out" / "multimorbidity_conditions.csv").read_text().split()
    ['condition,people_with,people', 'gout,50,1000']
    """
    found = covered_persons(tables, rule)
    files = {f"{name}.csv": csv_bytes(table) for name, table in found.shown.items()}
    if (groups := found.shown.get("burden_groups")) is not None:
        files["burden_gbd.csv"] = csv_bytes(gbd_layout(groups))
    name = next(iter(tables)).partition("_")[0]
    write_folder(folder, files | dict(also or {}) | {f"{name}.audit.csv": audit_bytes([persons_audit(found)], rule)})
    return found


def _with_truth(table: pd.DataFrame, card: MultimorbidityCard) -> pd.DataFrame:
    """Columns of conditions that the card names and a file holds as 0 and 1, or as days, as they are meant."""
    out = table.copy()
    for name in card.conditions:
        if name not in table:
            continue
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and column.dropna().isin([0, 1]).all():
            out[name] = column.astype("boolean")
        elif not pd.api.types.is_bool_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column):
            try:
                out[name] = pd.to_datetime(column, format="ISO8601")
            except (ValueError, TypeError):
                continue
    return out
