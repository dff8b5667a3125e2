"""Run a notebook cell by cell as Jupyter would: the value of a cell's last expression is drawn."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import jupytext


def main(source: Path, folder: Path) -> int:
    """Run the cells of a notebook, write each figure that it shows as a PNG, and return how many there were."""
    notebook = jupytext.read(source)
    names: dict[str, object] = {"__name__": "__main__"}
    shown = 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        where = f"{source.name}, cell {number}"
        exec(compile(tree, where, "exec"), names)
        if last is None:
            continue
        value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        if draw := getattr(value, "_repr_png_", None):
            shown += 1
            (folder / f"{source.stem}_{shown:02d}.png").write_bytes(draw())
    return shown


if __name__ == "__main__":
    figures = main(Path(sys.argv[1]), Path.cwd())
    sys.stderr.write(f"{figures} figures\n")
