"""
Build the site: run every page, gather the notebooks, write the reference and the manual, then let Sphinx make html.

    python -m docs.build FOLDER      (`make docs` builds it into `site`)

The site loads nothing from the network, and is built without one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.measures.registry import manual
from docs import reference
from docs.run import FENCE

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
LISTED = """# bayesineq

> Bayesian health inequality, from tables to a report: spatial models of small areas, inequality measures with
> intervals, plans under a budget. Python 3.12 and newer, MIT licence.

## Pages
"""
REACHABLE = {
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<aside class="sidebar-drawer"': '<aside aria-label="Pages of this site" class="sidebar-drawer"',
    '<aside class="toc-drawer': '<aside aria-label="Parts of this page" class="toc-drawer',
}
"""What the theme writes, and what it becomes."""

REFERENCE = """# Reference

Every public name, from its own documentation: arguments with shapes and units, formula, source, and an example that a
test runs. `help(bi.measures.sii)` prints the same. The names of the main line stand in `bayesineq`, the rest in
namespaces.

```{{toctree}}
:maxdepth: 1

measures
commands
{spaces}
```
"""


def run_pages(folder: Path, pages: list[Path]) -> None:
    """Run pages in a process of their own, every warning an error; each is then in `folder` with what it printed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "docs.run", str(folder), *map(str, pages)],
        cwd=ROOT,
        env={**os.environ, **SINGLE, "MPLBACKEND": "Agg", "COLUMNS": "100", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"a page of {[page.name for page in pages]} failed:\n{done.stderr[-4000:]}")


def commands() -> str:
    """The help of every command, as a page."""
    root = get_command(app)
    pages, queue = ["# Commands\n\n`bayesineq COMMAND --help` prints the same.\n"], [("bayesineq",)]
    while queue:
        words = queue.pop(0)
        told = CliRunner().invoke(app, [*words[1:], "--help"], prog_name="bayesineq")
        pages.append(f"## {' '.join(words)}\n\n```text\n{told.output.strip()}\n```\n")
        at = root
        for word in words[1:]:
            at = at.commands[word]  # type: ignore[attr-defined]
        queue += [(*words, name) for name in getattr(at, "commands", {})]
    return "\n".join(pages)


def listed(source: Path) -> str:
    """Every page with its title and first paragraph, for programs that read: the form of llmstxt.org."""
    lines = [LISTED]
    for page in sorted(source.rglob("*.md")):
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        title, *parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
        title = title.lstrip("# ")
        said = next((part for part in parts if part[0] not in "#|!"), "").partition(". ")[0].rstrip(".:")
        place = page.relative_to(source).with_suffix(".html").as_posix()
        lines.append(f"- [{title}]({place}): {said}" if said else f"- [{title}]({place})")
    lines += [f"- [{page.stem}](reference/{page.stem}.html): every public name of `{page.stem}`"
              for page in sorted((source / "reference").glob("*.rst"))]  # fmt: skip
    return "\n".join(lines) + "\n"


def gather(source: Path, notebooks: Path) -> None:
    """Put everything that Sphinx reads into `source`; notebooks that were run lie in `notebooks`."""
    pages = {path.relative_to(DOCS): path for path in sorted(DOCS.rglob("*.md"))}
    coded = [page for page in pages.values() if FENCE.search(page.read_text(encoding="utf-8"))]
    run_pages(source.parent / "ran", coded)
    for place, page in pages.items():
        (source / place).parent.mkdir(parents=True, exist_ok=True)
        made = sorted((source.parent / "ran").glob(f"{page.stem}_*.png"))
        for path in [source.parent / "ran" / page.name, *made] if page in coded else [page]:
            shutil.copy(path, (source / place).parent / path.name)
    for path in sorted(notebooks.glob("*.*")):
        shutil.copy(path, source / "tutorials" / path.name)
    shutil.copytree(DOCS / "_static", source / "_static")
    shutil.copytree(DOCS / "images", source / "images")
    (source / "reference").mkdir()
    shutil.copy(DOCS / "peers.csv", source / "peers.csv")
    (source / "reference" / "measures.md").write_text(manual(), encoding="utf-8")
    (source / "reference" / "commands.md").write_text(commands(), encoding="utf-8")
    spaces = "\n".join(reference.write_pages(source / "reference"))
    index = REFERENCE.format(spaces=spaces)
    (source / "reference" / "index.md").write_text(index, encoding="utf-8")


def reachable(page: str) -> str:
    """A page of the theme in which a keyboard reaches what scrolls, and both asides have names."""
    for found, put in REACHABLE.items():
        page = page.replace(found, put)
    return page


def site(folder: Path, work: Path, notebooks: Path | None = None) -> Path:
    """Build into `folder`, by way of `work`; `notebooks` is a folder of notebooks that were run already."""
    if notebooks is None:
        notebooks = work / "notebooks"
        run_pages(notebooks, NOTEBOOKS)
    source = work / "source"
    for made in (source, work / "ran"):
        shutil.rmtree(made, ignore_errors=True)
    gather(source, notebooks)
    shutil.copy(DOCS / "conf.py", source / "conf.py")
    # In a process of its own: warnings of Sphinx's plug-ins to their authors are none of the pages.
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(work / "trees")]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(folder)]
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode
    if status:
        raise SystemExit("Sphinx found the faults above")
    for page in folder.rglob("*.html"):
        page.write_text(reachable(page.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "llms.txt").write_text(listed(source), encoding="utf-8")
    return folder


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    site(target, target.with_name(f".{target.name}"))
