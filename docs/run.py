"""
Run pages block by block, as Jupyter would, and write each with what its blocks print and draw.

A page is a notebook in jupytext's percent format (.py) or Markdown (.md). Blocks of `python` share their names from the
first to the last; blocks of `sh` hold commands of `bayesineq`; blocks of other languages are text. A page runs in a
folder of its own, which is empty unless the caller put something there.

    python -W error -m docs.run FOLDER PAGE...
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import jupytext

FENCE = re.compile(r"^```(python|sh)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A part of a page: text, or code of a language."""

    kind: Literal["text", "python", "sh"]
    source: str


def blocks(page: Path) -> list[Block]:
    """The parts of a page in order."""
    if page.suffix == ".py":
        cells = jupytext.read(page).cells
        return [Block("python" if cell.cell_type == "code" else "text", cell.source) for cell in cells]
    found, start = [], 0
    text = page.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        found += [Block("text", text[start : fence.start()]), Block(fence[1], fence[2].rstrip())]
        start = fence.end()
    return [*found, Block("text", text[start:])]


def commands(source: str) -> list[list[str]]:
    """The commands of a block of `sh`, with their arguments."""
    lines = source.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_commands(source: str, where: str) -> None:
    """Run commands of `bayesineq` in this process; any other, and any that fails, is an error."""
    from bayesineq.cli import main

    for words in commands(source):
        if words[0] != "bayesineq":
            raise SystemExit(f"{where}: {words[0]!r} is no command that a page runs: make its block `text`")
        sys.argv = words
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise SystemExit(f"{where}: {shlex.join(words)} ended with status {ended.code}") from None


def run_python(source: str, where: str, names: dict[str, object]) -> object:
    """Run a block of Python; return the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)


def shown(value: object, picture: Path) -> Iterator[str]:
    """What a page shows of the value of a block."""
    if draw := getattr(value, "_repr_png_", None):
        picture.write_bytes(draw())
        alt = " ".join(str(getattr(value, "alt", "")).split()).replace("[", "(").replace("]", ")")
        yield f"![{alt}]({picture.name})"
    elif value is not None:
        yield f"```text\n{value!r}\n```"


def run(page: Path, folder: Path) -> Path:
    """Run a page and write it to `folder` with its outputs, `NAME.md` and `NAME_01.png`, `NAME_02.png` and so on."""
    names: dict[str, object] = {"__name__": "__main__"}
    written: list[str] = []
    drawn = 0
    for number, block in enumerate(blocks(page)):
        where, said, value = f"{page.name}, block {number}", io.StringIO(), None
        if block.kind == "text":
            written.append(block.source)
            continue
        with contextlib.redirect_stdout(said):
            if block.kind == "sh":
                run_commands(block.source, where)
            else:
                value = run_python(block.source, where, names)
        written.append(f"```{block.kind}\n{block.source}\n```")
        if printed := said.getvalue().rstrip():
            written.append(f"```text\n{printed}\n```")
        results = list(shown(value, folder / f"{page.stem}_{drawn + 1:02d}.png"))
        drawn += any(result.startswith("![") for result in results)
        written += results
    made = folder / f"{page.stem}.md"
    made.write_text("\n\n".join(written) + "\n", encoding="utf-8")
    return made


def main(folder: Path, pages: list[Path]) -> None:
    """Run each page in `folder/files/NAME`."""
    import pandas as pd

    pd.set_option("display.width", 110, "display.max_colwidth", None, "display.max_columns", 20)
    for page in pages:
        here = folder / "files" / page.stem
        here.mkdir(parents=True, exist_ok=True)
        os.chdir(here)
        run(page, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [Path(argument).resolve() for argument in sys.argv[2:]])
