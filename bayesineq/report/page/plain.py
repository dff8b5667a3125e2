"""A page of sections alone, of published tables rather than of a posterior."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bayesineq.replacing import csv_bytes
from bayesineq.report.page.heading import Heading
from bayesineq.report.page.lead import Lead
from bayesineq.report.page.parts import Section
from bayesineq.report.page.write import NO_SCRIPTS, TEMPLATES, environment, picture


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """
    What a page begins with: sentences and figures, and what stands below them in three columns.

    Parameters
    ----------
    lead : Lead
        Who is worst off, by how much, and how many people that is.
    sure, unknown, conclude : str
        How sure that is, what is not known, and what not to conclude.
    """

    lead: Lead
    sure: str
    unknown: str
    conclude: str


def plain_page(
    title: str,
    sections: Sequence[Section],
    provenance: Sequence[str],
    first: FirstScreen | None = None,
    downloads: Mapping[str, pd.DataFrame] | None = None,
) -> bytes:
    """
    Lay sections out as one self-contained page, with what it rests on below.

    `downloads`: Tables by the name of their file; the page holds them, so that a click saves them.
    """
    from markupsafe import Markup

    laid = [
        {
            "anchor": f"part-{number}",
            "title": section.title,
            "statements": section.statements,
            "tables": section.tables,
            "pictures": [picture(chart, Heading()) for chart in section.charts],
        }
        for number, section in enumerate(sections, 1)
    ]
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    context = {
        "title": title,
        "sections": laid,
        "provenance": provenance,
        "css": css,
        "policy": NO_SCRIPTS,
        "first": first,
        "pictures": []
        if first is None
        else [picture(chart, Heading()) | {"caption": note} for chart, note in first.lead.charts],
        "files": [(name, len(table), _inside(table)) for name, table in (downloads or {}).items()],
    }
    return environment().get_template("plain.html").render(context).encode("utf-8", "replace")


def _inside(table: pd.DataFrame) -> str:
    """A table as an address that holds it."""
    return f"data:text/csv;base64,{base64.b64encode(csv_bytes(table)).decode('ascii')}"
