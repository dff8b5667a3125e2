"""Files of JSON lines as tables of text: one row a line, or one for each element of a list in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bayesineq.errors import SchemaError
from bayesineq.records.engines import reading
from bayesineq.records.sources import Tables

if TYPE_CHECKING:
    import ibis

EPOCH: Final = "epoch:"
"""Before a path whose value is a number of milliseconds since 1970."""

ELEMENT: Final = "@."
"""Before a path within the element of the list."""

LONGEST_LINE: Final = 2**26
VALID: Final = "_valid"
TYPE: Final = "_type"


def tables_of_lines(found: Tables, lines: Mapping[str, Mapping[str, Any]], mapping: str) -> dict[str, ibis.Table]:
    """The tables that a mapping makes from files of JSON lines, by name; those without files are left out."""
    made: dict[str, ibis.Table] = {}
    for name, given in lines.items():
        starts = tuple(str(start).lower() for start in given["files"])
        files = [file for of, parts in found.lines.items() if "*" in starts or of.startswith(starts) for file in parts]
        if files:
            with reading(found.origin):
                view = f"_lines_{len(made)}"
                query = _query(files, given, f"{mapping}: lines.{name}")
                found.engine.raw_sql(f"CREATE OR REPLACE TEMP VIEW {view} AS {query}")
                made[name.lower()] = found.engine.table(view)
    return made


def _query(files: Sequence[str], given: Mapping[str, Any], where: str) -> str:
    listed = ", ".join(_quoted(file) for file in files)
    lines = (
        f"SELECT line, json_valid(line) AS valid FROM read_csv([{listed}], columns={{'line': 'VARCHAR'}}, "
        f"delim='\x01', quote='', escape='', header=false, auto_detect=false, max_line_size={LONGEST_LINE}, "
        "null_padding=true, comment='') WHERE line IS NOT NULL AND trim(line) <> ''"
    )
    base = f"SELECT CASE WHEN valid THEN CAST(line AS JSON) END AS json, valid FROM ({lines})"
    if each := given.get("each"):
        paths = [each] if isinstance(each, str) else list(each)
        lists = ", ".join(f"json -> {_path(path, where)}" for path in paths)
        whole = f"coalesce({lists})"
        # A line without the list, or with an empty one, is a row all the same.
        base = (
            f"SELECT json, valid, unnest(CASE WHEN json_array_length({whole}) > 0 THEN CAST({whole} AS JSON[]) "
            f"ELSE [CAST(NULL AS JSON)] END) AS element FROM ({base})"
        )
    columns = [f"{_value(path, where)} AS {_name(name)}" for name, path in given["columns"].items()]
    kind = "CAST(NULL AS VARCHAR)"
    if "type" in given:
        kind = f"CASE WHEN json ->> '$.resourceType' <> {_quoted(str(given['type']))} THEN 'other' END"
    return f"SELECT {', '.join(columns)}, valid AS {VALID}, {kind} AS {TYPE} FROM ({base})"


def _value(path: str | Sequence[str], where: str) -> str:
    if not isinstance(path, str):
        return f"coalesce({', '.join(_value(one, where) for one in path)})"
    if path.startswith(EPOCH):
        number = f"TRY_CAST({_value(path.removeprefix(EPOCH), where)} AS BIGINT)"
        return f"strftime(epoch_ms({number}), '%Y-%m-%d')"
    of = "element" if path.startswith(ELEMENT) else "json"
    return f"({of} ->> {_path(path.removeprefix(ELEMENT), where)})"


def _path(path: object, where: str) -> str:
    if not isinstance(path, str) or not path or any(c in path for c in "'\";\\"):
        raise SchemaError(f"{where}: {path!r} is no path. Give names parted by dots, as in subject.reference.")
    return _quoted(f"$.{path}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(name: str) -> str:
    return '"' + name.replace('"', "") + '"'
