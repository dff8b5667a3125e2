"""Values that cannot be counted, as expressions that find them on the engine where the records are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayesineq.tables.schema import read_schema

if TYPE_CHECKING:
    import ibis

AGE_YEARS: Final = "age"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A kind of value that cannot be counted.

    Parameters
    ----------
    column, problem, remedy : str
        The column, what is wrong with it, and what to do.
    holds : ibis boolean column
        The records that hold it.
    sums : ibis numeric column, optional
        What adds up to no number in a cell that holds one of them, whatever an engine makes of `holds`: DuckDB 2.0
        answers comparisons of a column from the statistics of a parquet file, which leave out what is no number.
    """

    column: str
    problem: str
    remedy: str
    holds: ibis.Value
    sums: ibis.Value | None = None


def faults(records: ibis.Table, columns: Iterable[str], *, ages: bool) -> list[Fault]:
    """What is looked for in the records themselves, because their cells no longer tell."""
    found = []
    for column in dict.fromkeys(columns):
        value = records[column]
        remedy = "Complete it: a missing value is neither yes nor no."
        found.append(Fault(column, "missing", remedy, _absent(value), _floating(value)))
        if value.type().is_numeric():
            remedy = "Counts and times are 0 or more; a code such as -9 for unknown is a missing value."
            found.append(Fault(column, "negative", remedy, _present(value) & (value < 0)))
        if value.type().is_floating():
            found.append(Fault(column, "infinite", "Give finite numbers.", infinite(value).fill_null(False)))
    if ages:
        age, limits = records[AGE_YEARS], _age_limits()
        there, remedy = _present(age), f"Give completed years from {limits[0]} to {limits[1]}."
        found.append(Fault(AGE_YEARS, "missing", "Complete the ages.", _absent(age), _floating(age)))
        found.append(Fault(AGE_YEARS, f"below {limits[0]}", remedy, there & (age < limits[0])))
        found.append(Fault(AGE_YEARS, f"above {limits[1]}", remedy, there & (age > limits[1])))
        if not age.type().is_integer():
            found.append(Fault(AGE_YEARS, "not a whole number", remedy, there & (age % 1 != 0)))
    return found


def infinite(value: ibis.Value) -> ibis.Value:
    """Which numbers are infinite: Ibis's `isinf` tells Spark that none is."""
    return value.abs() == float("inf")


def _floating(value: ibis.Value) -> ibis.Value | None:
    return value if value.type().is_floating() else None


def _absent(value: ibis.Value) -> ibis.Value:
    """Null, or what is no number, which engines hold to be larger than any."""
    missing = value.isnull()
    if not value.type().is_floating():
        return missing
    return missing | value.isnan().fill_null(True)


def _present(value: ibis.Value) -> ibis.Value:
    return ~_absent(value)


def _age_limits() -> tuple[int, int]:
    limits = next(field.constraints for field in read_schema("people").fields if field.name == AGE_YEARS)
    return int(limits["minimum"]), int(limits["maximum"])
