"""Sections from folders that `measure` and `fit` wrote: a report's further parts, or a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.disclosure.audit import write_audited
from bayesineq.disclosure.persons import GUARDS, PersonTables, covered_persons, persons_audit
from bayesineq.disclosure.quality import covered_quality, quality_audit
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure
from bayesineq.errors import SchemaError
from bayesineq.report.page.burden import burden_section
from bayesineq.report.page.costs import costs_section
from bayesineq.report.page.effect import effect_section
from bayesineq.report.page.multimorbidity import multimorbidity_section
from bayesineq.report.page.parts import Section
from bayesineq.report.page.plain import plain_page
from bayesineq.report.page.recorded import recorded_section
from bayesineq.report.page.risk import risk_section
from bayesineq.report.page.undiagnosed import undiagnosed_section
from bayesineq.report.words.labels import Labels
from bayesineq.tables.files import read_table

SECTIONS: Final[Mapping[str, Callable[[PersonTables, Labels | None], Section]]] = {
    "multimorbidity": multimorbidity_section,
    "risk": risk_section,
    "burden": burden_section,
    "effect": effect_section,
    "undiagnosed": undiagnosed_section,
    "costs": costs_section,
}
"""By the start of the names of its tables: the section of a system, in the order of the page."""


def read_systems(folders: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """
    Read the tables of systems from folders.

    Parameters
    ----------
    folders : sequence of str or Path
        Folders that `bayesineq measure` wrote for cards of systems.

    Returns
    -------
    dict of str to DataFrame
        By name.

    Raises
    ------
    SchemaError
        A folder holds no such table, or two hold the same.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         read_systems([folder])
    ...     except SchemaError as error:
    ...         print(str(error).rpartition(": ")[2])
    `bayesineq measure CARD --table FILE --out FOLDER` writes them
    """
    found: dict[str, pd.DataFrame] = {}
    for folder in folders:
        here = {name: Path(folder) / f"{name}.csv" for name in GUARDS}
        held = {name: path for name, path in here.items() if path.is_file()}
        if not held:
            how = "`bayesineq measure CARD --table FILE --out FOLDER` writes them"
            raise SchemaError(f"{folder} holds no table of a system: {how}")
        if twice := sorted(found.keys() & held.keys()):
            raise SchemaError(f"two folders hold {', '.join(twice)}: give one of them")
        found |= {name: read_table(path) for name, path in held.items()}
    return found


def system_sections(
    tables: Mapping[str, pd.DataFrame], disclosure: Disclosure = DEFAULT_RULE, labels: Labels | None = None
) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """
    Lay the tables of systems out as sections.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As of `read_systems`; they pass the rule for small counts first.
    disclosure : Rule, str or Path
        How small counts are treated.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    (tuple of Section, DataFrame)
        Sections, for `write_report(..., further=)`, and the audit of what is withheld.

    Examples
    --------
    >>> system_sections({})[0]
    ()
    """
    rule, made, audits = rule_of(disclosure), [], []
    for name, section in SECTIONS.items():
        own = {key: table for key, table in tables.items() if key.startswith(f"{name}_")}
        if own:
            found = covered_persons(own, rule)
            made.append(section(found, labels))
            audits.append(persons_audit(found))
    audit = pd.concat(audits, ignore_index=True) if audits else persons_audit(covered_persons({}, rule))
    return tuple(made), audit


def write_dashboard(
    tables: Mapping[str, pd.DataFrame],
    path: str | Path,
    *,
    title: str = "What the records say",
    quality: Mapping[str, pd.DataFrame] | None = None,
    disclosure: Disclosure = DEFAULT_RULE,
    labels: Labels | None = None,
) -> Path:
    """
    Write one page of all systems, without a posterior: the sources and their completeness, then each system.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As of `read_systems`.
    path : str or Path
        File to write. Beside it, under the same name ending in `.audit.csv`, what was withheld and why.
    title : str
        Its heading.
    quality : mapping of str to DataFrame, optional
        How good the records are, of `read_quality`: it comes first.
    disclosure : Rule, str or Path
        How small counts are treated.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SchemaError
        There is nothing to show.

    Examples
    --------
    >>> import tempfile
    >>> known = pd.DataFrame({"source": ["gp", "all sources"], "people": 1000, "known": [700, 935]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_dashboard({}, Path(folder) / "page.html", quality={"known": known})
    ...     [file.name for file in sorted(Path(folder).iterdir())]
    ['page.audit.csv', 'page.html']
    """
    rule = rule_of(disclosure)
    sections, audit = system_sections(tables, rule, labels)
    audits, made = [audit], list(sections)
    if quality is not None:
        held = covered_quality(quality, rule)
        made.insert(0, recorded_section(held, (), labels))
        audits.insert(0, quality_audit(held))
    if not made:
        raise SchemaError("there is nothing to show: give folders that `measure` or `cohort` wrote")
    write_audited(path, plain_page(title, made, (str(rule),)), audits, rule)
    return Path(path)
