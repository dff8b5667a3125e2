"""Pages of every public name, from the stubs that promise them and their documentation."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType

import bayesineq

PACKAGE = Path(bayesineq.__file__).parent
ALIASES = {"bayesineq.report.figures": "bayesineq.plots"}
"""Under which name a namespace is shown."""


def promised() -> Iterator[tuple[str, str, str]]:
    """Namespace, name and module of every name that a stub promises."""
    for stub in sorted(PACKAGE.rglob("__init__.pyi"), key=lambda path: path.parent):
        space = ".".join(("bayesineq", *stub.parent.relative_to(PACKAGE).parts))
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield space, alias.name, f"{space}.{node.module}" if node.module else f"{space}.{alias.name}"


def described(*, every: bool = False) -> Iterator[tuple[str, str]]:
    """Namespace and name of all that the pages describe; with `every` also of classes that they describe elsewhere."""
    for space, name, _ in promised():
        value = getattr(importlib.import_module(space), name)
        if not isinstance(value, ModuleType) and (every or space != "bayesineq" or not elsewhere(value)):
            yield space, name


def directive(value: object) -> str:
    """What documents a value of this kind."""
    if inspect.isclass(value):
        return "autoclass"
    return "autofunction" if callable(value) and inspect.isroutine(value) else "autodata"


def summary(text: str | None) -> str:
    """The first sentence or paragraph of a documentation, on a line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def space_page(space: str, names: list[tuple[str, object]]) -> str:
    """The page of one namespace: a table of its names, then each in full."""
    title = ALIASES.get(space, space)
    about = summary(inspect.getdoc(importlib.import_module(space)))
    lines = [title, "=" * len(title), "", about, "", f".. currentmodule:: {title}", ""]
    lines += [".. list-table::", "   :widths: 30 70", ""]
    for name, value in names:
        where = elsewhere(value) if space == "bayesineq" else None
        told = plain(summary(inspect.getdoc(value)))
        lines += [f"   * - :py:obj:`{name} <{where or title}.{name}>`", f"     - {told}"]
    for name, value in names:
        if space == "bayesineq" and elsewhere(value):
            continue
        lines += ["", f".. {directive(value)}:: {name}"]
        lines += ["   :members:"] if inspect.isclass(value) else []
    return "\n".join(lines) + "\n"


def elsewhere(value: object) -> str | None:
    """The namespace that documents a class which also stands at the top; Sphinx wants a class described once."""
    spaces = [space for space, name, _ in promised() if space != "bayesineq" and name == getattr(value, "__name__", "")]
    return next((ALIASES.get(space, space) for space in spaces), None) if inspect.isclass(value) else None


def plain(text: str) -> str:
    """Text in which one backtick is code, for reStructuredText."""
    return text.replace("`", "``").replace("*", "\\*")


def write_pages(folder: Path) -> list[str]:
    """Write a page a namespace; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for space, found in groupby(sorted(promised(), key=lambda each: (each[0], each[1].lower())), lambda each: each[0]):
        values = [(name, getattr(importlib.import_module(space), name)) for _, name, _ in found]
        names = [(name, value) for name, value in values if not isinstance(value, ModuleType)]
        if names:
            made.append(ALIASES.get(space, space))
            (folder / f"{made[-1]}.rst").write_text(space_page(space, names), encoding="utf-8")
    return made
