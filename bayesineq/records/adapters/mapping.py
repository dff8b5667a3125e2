"""A mapping from a layout of records to the normal form, read from TOML and checked from birth."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bayesineq.errors import SchemaError
from bayesineq.records.normal import TABLES
from bayesineq.records.written import ORDERS, Order
from bayesineq.shipped import card_of, card_path, card_text, shipped_cards
from bayesineq.tables.codes import code_list
from bayesineq.tables.schema import read_schema

Spec = str | collections.abc.Mapping[str, Any]

_SHIPPED: Final = ("data_schema/adapters",)
_TOP: Final = ("name", "title", "source", "dates", "lines", "vocabulary", *TABLES)
_BLOCK: Final = ("table", "optional", "joined", "where", "elsewhere", "numbers", "needs")
_VALUE: Final = ("column", "codes", "otherwise", "text", "first", "year", "month", "day", "after")
_JOIN: Final = ("table", "on", "with", "order", "optional")
_LINES: Final = ("files", "type", "each", "columns")
_VOCABULARY: Final = {"concepts": ("concept", "system", "code", "name"), "descendants": ("ancestor", "descendant")}
AS_WRITTEN: Final = "as written"


@dataclass(frozen=True, slots=True)
class Block:
    """
    Rows of one table of the source that become rows of one table of the normal form.

    Parameters
    ----------
    key : str
        Where it stands in the mapping, for errors.
    table : str
        Table of the source.
    columns : Mapping of str to Spec
        Where each column of the normal form is from.
    optional : bool
        Whether the table may be absent.
    joined : Mapping
        Further tables by the name that columns call them: `table`, `on`, `with`, `order`.
    where : Mapping
        Values that a column must have, or with `not` may not have.
    elsewhere : bool
        Whether another block reads the rows that `where` leaves.
    numbers : tuple of int or None
        First and last number that stand for `{n}` or `{nn}` in names of columns: a row each.
    needs : str
        Column without which a row is no fact.
    """

    key: str
    table: str
    columns: collections.abc.Mapping[str, Spec]
    optional: bool
    joined: collections.abc.Mapping[str, collections.abc.Mapping[str, Any]]
    where: collections.abc.Mapping[str, Any]
    elsewhere: bool
    numbers: tuple[int, int] | None
    needs: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """
    A mapping from a layout of records to the normal form.

    Parameters
    ----------
    name, title, source : str
        What it is called, what it reads, and who documents the layout.
    dates : {"year first", "day first", "month first"}
        How days are written where they are text.
    blocks : Mapping of str to tuple of Block
        By table of the normal form.
    lines : Mapping
        Tables made from files of JSON lines.
    vocabulary : Mapping of str to Block
        `concepts` and `descendants`.
    path : str
        The file.
    """

    name: str
    title: str
    source: str
    dates: Order
    blocks: collections.abc.Mapping[str, tuple[Block, ...]]
    lines: collections.abc.Mapping[str, collections.abc.Mapping[str, Any]]
    vocabulary: collections.abc.Mapping[str, Block]
    path: str


def mapping_names() -> list[str]:
    """
    Names of the mappings that ship with the package.

    Returns
    -------
    list of str
        Names to give to `adapt`.

    Examples
    --------
    >>> mapping_names()
    ['fhir', 'hes', 'omop', 'opensafely', 'snolytical', 'sus']
    """
    return sorted(shipped_cards(_SHIPPED))


def read_mapping(mapping: str | Path) -> Mapping:
    """
    Read a mapping by name, or from a file of your own.

    Parameters
    ----------
    mapping : str or Path
        A name of `mapping_names()`, or the path of a file that ends in `.toml`.

    Returns
    -------
    Mapping
        The mapping.

    Raises
    ------
    SchemaError
        There is no such mapping, or it cannot be read: every wrong key is named, with those there are.

    Examples
    --------
    >>> mapping = read_mapping("omop")
    >>> mapping.blocks["persons"][0].table, mapping.dates
    ('person', 'year first')
    """
    path = card_path(mapping, _SHIPPED, "mapping", SchemaError)
    content = card_of(card_text(path, "mapping", SchemaError), str(path), "mapping", SchemaError)
    wrong = _unknown("", content, _TOP)
    if content.get("dates", ORDERS[0]) not in ORDERS:
        wrong.append(f"dates = {content['dates']!r}: give one of {', '.join(ORDERS)}")
    blocks: dict[str, tuple[Block, ...]] = {
        table: tuple(_block(table, k, given, wrong) for k, given in enumerate(_list(table, content, wrong), 1))
        for table in TABLES
        if table in content
    }
    if not blocks.get("persons"):
        wrong.append("persons: missing; say where persons are: [[persons]] with table and person")
    lines = content.get("lines", {})
    for name, given in lines.items():
        wrong += _unknown(f"lines.{name}", given, _LINES)
        wrong += [f"lines.{name}: {key} is missing" for key in ("files", "columns") if key not in given]
    vocabulary = {}
    for name, given in content.get("vocabulary", {}).items():
        if name not in _VOCABULARY:
            wrong.append(f"vocabulary.{name}: unknown; there are {', '.join(_VOCABULARY)}")
        else:
            vocabulary[name] = _block(name, 1, given, wrong, allowed=_VOCABULARY[name])
    if wrong:
        raise SchemaError(f"The mapping {path} cannot be used:\n  - " + "\n  - ".join(wrong))
    return Mapping(
        name=str(content.get("name", path.stem)),
        title=str(content.get("title", path.stem)),
        source=str(content.get("source", "")),
        dates=content.get("dates", ORDERS[0]),
        blocks=blocks,
        lines=lines,
        vocabulary=vocabulary,
        path=str(path),
    )


def _list(table: str, content: dict[str, Any], wrong: list[str]) -> list[dict[str, Any]]:
    given = content[table]
    if isinstance(given, dict):
        return [given]
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return given
    wrong.append(f"{table}: give it as [[{table}]], a table for each source of its rows")
    return []


def _unknown(key: str, given: Any, allowed: collections.abc.Collection[str]) -> list[str]:
    if not isinstance(given, dict):
        return [f"{key}: is no table"]
    where = f"{key}." if key else ""
    return [f"{where}{name}: unknown key; there are {', '.join(allowed)}" for name in given if name not in allowed]


def _block(
    table: str, place: int, given: dict[str, Any], wrong: list[str], allowed: tuple[str, ...] | None = None
) -> Block:
    fields = allowed or tuple(field.name for field in read_schema(table).fields)
    required = allowed or tuple(f.name for f in read_schema(table).fields if f.constraints.get("required"))
    key = f"{table}[{place}]"
    wrong += _unknown(key, given, (*_BLOCK, *fields))
    wrong += [f"{key}.{name}: missing" for name in ("table", *required) if name not in given]
    columns = {name: given[name] for name in fields if name in given}
    for name, spec in columns.items():
        _check_value(f"{key}.{name}", spec, wrong)
    tables = {name: given.get(name, {}) for name in ("joined", "where")}
    for name in [name for name, table in tables.items() if not isinstance(table, dict)]:
        wrong.append(f"{key}.{name}: is {tables[name]!r}; write it as a table")
        tables[name] = {}
    for name, join in tables["joined"].items():
        if not isinstance(join, dict):
            wrong.append(f"{key}.joined.{name}: is {join!r}; write it as a table with `table` and `on`")
            continue
        wrong += _unknown(f"{key}.joined.{name}", join, _JOIN)
        wrong += [f"{key}.joined.{name}.{k}: missing" for k in ("table", "on") if k not in join]
    numbers = given.get("numbers")
    pair = isinstance(numbers, list) and [type(end) for end in numbers] == [int, int]
    if numbers is not None and not pair:
        wrong.append(f"{key}.numbers: give the first and the last, as in [1, 20]")
        numbers = None
    return Block(
        key=key,
        table=str(given.get("table", "")).lower(),
        columns=columns,
        optional=bool(given.get("optional", False)),
        joined=tables["joined"],
        where=tables["where"],
        elsewhere=bool(given.get("elsewhere", False)),
        numbers=None if numbers is None else (int(numbers[0]), int(numbers[1])),
        needs=str(given.get("needs", "code" if numbers else "")),
    )


def _check_value(key: str, spec: Any, wrong: list[str]) -> None:
    if isinstance(spec, str):
        return
    if not isinstance(spec, dict):
        wrong.append(f'{key}: give the name of a column, or a table such as {{ text = "gp" }}')
        return
    wrong += _unknown(key, spec, _VALUE)
    if not {"column", "text", "first", "year"} & set(spec):
        wrong.append(f"{key}: give column, text, first or year")
    codes = spec.get("codes")
    if isinstance(codes, str):
        try:
            code_list(codes)
        except SchemaError as error:
            wrong.append(f"{key}.codes: {error}")
    elif codes is not None and not isinstance(codes, dict):
        wrong.append(f"{key}.codes: give a table of codes, or the name of a code list")
    several = spec.get("first", [])
    if not isinstance(several, list):
        wrong.append(f"{key}.first: give a list of columns")
        return
    for one in several:
        _check_value(f"{key}.first", one, wrong)
