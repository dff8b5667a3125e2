"""
The page docs/reference.md, made from the names that the stubs promise and the first lines of their documentation.

    python -m tests.reference_page
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bayesineq

PACKAGE = Path(bayesineq.__file__).parent
PAGE = PACKAGE.parent / "docs" / "reference.md"
ALIASES = {"bayesineq.report.figures": "bayesineq.plots"}
HEAD = """# Every public name

Made from the documentation of each function by `python -m tests.reference_page`; `help(bayesineq.measures.sii)` prints
the rest: arguments with their units, the formula, its source, an example.
"""


def promised() -> Iterator[tuple[str, str, str]]:
    """Namespace, name and module of every name that a stub promises."""
    for stub in sorted(PACKAGE.rglob("__init__.pyi"), key=lambda path: path.parent):
        space = ".".join(("bayesineq", *stub.parent.relative_to(PACKAGE).parts))
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield space, alias.name, f"{space}.{node.module}" if node.module else f"{space}.{alias.name}"


def page() -> str:
    """The page as it should be."""
    lines, last = [HEAD], ""
    for space, name, module in sorted(promised(), key=lambda entry: (entry[0], entry[1].lower())):
        # From its own module: a submodule of the same name that was imported before may stand in the namespace.
        home = importlib.import_module(module)
        value = getattr(home, name, home)
        if isinstance(value, ModuleType):
            continue
        if space != last:
            about = inspect.getdoc(importlib.import_module(space)) or ""
            title = ALIASES.get(space, space)
            lines += [f"\n## {title}\n", about.split("\n\n")[0], "", "| name | what it does |", "|---|---|"]
            last = space
        summary = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {summary} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
