"""Table schemas: Frictionless Table Schema (JSON) read into frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayesineq.errors import SchemaError
from bayesineq.shipped import folder

TYPES = ("string", "integer", "number", "date")
CONSTRAINTS = ("required", "unique", "minimum", "maximum", "enum", "pattern", "minLength")
RULES = (frozenset({"left", "at_most"}), frozenset({"sum", "at_most"}), frozenset({"key", "determines"}))


@dataclass(frozen=True, slots=True)
class Field:
    """
    One column of a schema.

    Parameters
    ----------
    name, type, description : str
        Name; one of `string`, `integer`, `number`, `date`; what it holds.
    constraints : Mapping
        Frictionless constraints: `required`, `minimum`, `maximum`, `enum`, `pattern`, `unique`.
    optional : bool
        Whether the whole column may be absent.
    areas : bool
        Whether it holds area codes, which must be of one kind and one vintage.
    ordered : bool, optional
        `bayesineq:ordered`: whether its values have an order (deprivation, age: first the most disadvantaged, or the
        youngest) or none (ethnicity, sex, area), whatever they are written as; None where nothing is said.
    """

    name: str
    type: str
    description: str
    constraints: Mapping[str, Any]
    optional: bool
    areas: bool
    ordered: bool | None = None


@dataclass(frozen=True, slots=True)
class TableSchema:
    """
    What a table must be.

    Parameters
    ----------
    name : str
        Name, such as `area_counts`.
    fields : tuple of Field
        The columns.
    primary_key : tuple of str
        Columns whose combination names a row.
    rules : tuple of Mapping
        Rules across columns: `{"left": a, "at_most": b}`, `{"sum": [a, b], "at_most": 1}` and
        `{"key": a, "determines": b}`.
    missing : tuple of str
        Texts that stand for a missing value.
    personal : bool
        Whether rows are people, so that no value may appear in a message.
    """

    name: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...]
    personal: bool

    @property
    def text(self) -> list[str]:
        """Columns to read from a csv as they stand: codes keep their zeros, dates their order of day and month."""
        return [field.name for field in self.fields if field.type in ("string", "date")]


def schema_names() -> list[str]:
    """
    Names of the schemas that ship with the package.

    Returns
    -------
    list of str
        Names to give to `check`.

    Examples
    --------
    >>> "area_counts" in schema_names()
    True
    """
    return sorted(path.stem for path in folder("data_schema").glob("*.json") if path.stem != "datapackage")


def read_schema(schema: str | Path) -> TableSchema:
    """
    Read a schema by name, or from a file of your own.

    Parameters
    ----------
    schema : str or Path
        A name of `schema_names()`, or the path of a Frictionless Table Schema ending in `.json`.

    Returns
    -------
    TableSchema
        The schema.

    Raises
    ------
    SchemaError
        There is no such schema, or it uses something that `check` would not enforce.

    Examples
    --------
    >>> schema = read_schema("area_health")
    >>> [field.name for field in schema.fields][:4]
    ['area', 'imd_decile', 'residents', 'bad_health']
    """
    path = Path(schema) if str(schema).endswith(".json") else folder("data_schema") / f"{schema}.json"
    if not path.is_file():
        raise SchemaError(
            f"There is no table schema {str(schema)!r}. Give one of {', '.join(schema_names())}, "
            "or the path of a Frictionless Table Schema ending in .json."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"The schema {path} is not JSON: {error}. Mend the file.") from error
    if not isinstance(content, dict) or not isinstance(content.get("fields"), list):
        raise SchemaError(f"The schema {path} has no list 'fields'. See the Frictionless Table Schema specification.")
    _refuse_what_is_not_enforced(content, path)
    key = content.get("primaryKey", [])
    return TableSchema(
        name=path.stem,
        fields=tuple(
            Field(
                name=field["name"],
                type=field.get("type", "string"),
                description=field.get("description", ""),
                constraints=field.get("constraints", {}),
                optional=field.get("bayesineq:optional", False),
                areas=field.get("bayesineq:areas", False),
                ordered=field.get("bayesineq:ordered"),
            )
            for field in content["fields"]
        ),
        primary_key=(key,) if isinstance(key, str) else tuple(key),
        rules=tuple(content.get("bayesineq:rules", ())),
        missing=tuple(content.get("missingValues", ("",))),
        personal=content.get("bayesineq:personal", False),
    )


def _refuse_what_is_not_enforced(content: Mapping[str, Any], path: Path) -> None:
    """A constraint that is read and not checked is worse than none: the user believes that it holds."""
    wrong = [f"a field without a name: {field}" for field in content["fields"] if "name" not in field]
    names = [field.get("name") for field in content["fields"]]
    wrong += [f"field {name!r} stands twice" for name in sorted({str(n) for n in names if names.count(n) > 1})]
    for field in content["fields"]:
        if field.get("type", "string") not in TYPES:
            wrong.append(f"field {field.get('name')!r}: type {field['type']!r} (allowed: {', '.join(TYPES)})")
        wrong += [
            f"field {field.get('name')!r}: constraint {constraint!r} (allowed: {', '.join(CONSTRAINTS)})"
            for constraint in field.get("constraints", {})
            if constraint not in CONSTRAINTS
        ]
        if field.get("bayesineq:ordered") not in (None, True, False):
            wrong.append(
                f"field {field.get('name')!r}: bayesineq:ordered is {field['bayesineq:ordered']!r} (true, false)"
            )
    for rule in content.get("bayesineq:rules", ()):
        if frozenset(rule) not in RULES:
            wrong.append(f"rule {rule}: keys must be left and at_most, sum and at_most, or key and determines")
    if wrong:
        raise SchemaError(f"The schema {path} cannot be enforced:\n  - " + "\n  - ".join(wrong))
