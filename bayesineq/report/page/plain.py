"""A page of sections alone, of published tables rather than of a posterior."""

from __future__ import annotations

from collections.abc import Sequence

from bayesineq.report.page.heading import Heading
from bayesineq.report.page.parts import Section
from bayesineq.report.page.write import NO_SCRIPTS, TEMPLATES, environment, picture


def plain_page(title: str, sections: Sequence[Section], provenance: Sequence[str]) -> bytes:
    """Lay sections out as one self-contained page, with what it rests on below."""
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
    context = {"title": title, "sections": laid, "provenance": provenance, "css": css, "policy": NO_SCRIPTS}
    return environment().get_template("plain.html").render(context).encode("utf-8", "replace")
