"""One self-contained page: what a posterior says, for people who will act on it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.clock import moment
from bayesineq.design.priors import Priors
from bayesineq.dims import DEPRIVATION
from bayesineq.disclosure.acro import acro_folder
from bayesineq.disclosure.audit import write_audited
from bayesineq.model.card import ModelCard
from bayesineq.posterior.diagnose import Diagnosis
from bayesineq.posterior.outcomes import one_outcome, outcome_names
from bayesineq.posterior.population import card_of
from bayesineq.replacing import write_together
from bayesineq.report.figures.style import Chart, direction, to_png, to_svg
from bayesineq.report.page.checked import reported
from bayesineq.report.page.content import NONE_CODED, Content, gather
from bayesineq.report.page.heading import STANDARD, Heading, ReportOptions
from bayesineq.report.page.hospitals import against_expected
from bayesineq.report.page.lead import Lead, furthest_table, lead_of
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.page.pathway import pathway_sections
from bayesineq.report.page.side_by_side import is_pathway, side_by_side
from bayesineq.report.page.waits import waiting_sections
from bayesineq.report.tables.numbers import unit_of
from bayesineq.report.words.chance import CHANCES
from bayesineq.report.words.kinds import ReportKind, report_kind
from bayesineq.report.words.labels import dimension_label
from bayesineq.report.words.sentences import listed, sentence

if TYPE_CHECKING:
    import geopandas as gpd
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"
NO_SCRIPTS: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a page may do in a browser: show the pictures that are in it."""

_HEADINGS: Final = {
    "purpose": "What this is for",
    "answer": "The answer",
    "inequality": "How unequal",
    "unknown": "What is not known",
    "explorer": "Explore",
    "trust": "Can this be trusted?",
    "quality": "Data quality",
    "limits": "What must not be concluded",
    "actions": "For people to answer",
    "model": "The model",
    "words": "How to read the words",
}
_KEPT: Final = ("answer", "averages", "card", "inequality", "overall", "quality", "verdict", "withheld")
_OPEN: Final = 4
_VECTOR_ROWS: Final = 2_000
_PROVENANCE: Final = {
    "card_name": "Card",
    "fit_id": "Fit (the posterior file bears the same name)",
    "engine": "Engine",
    "created": "Fitted",
    "bayesineq_version": "Fitted with bayesineq",
}


def write_report(
    post: xr.DataTree,
    areas: gpd.GeoDataFrame | None,
    path: str | Path,
    options: ReportOptions = STANDARD,
    *,
    further: Sequence[Section] = (),
    quality: Mapping[str, pd.DataFrame] | None = None,
    acro: Path | None = None,
    audit: pd.DataFrame | None = None,
) -> Path:
    """
    Write a report of a posterior: one HTML file that needs no network, no script and no other file.

    Parameters
    ----------
    post : DataTree
        A posterior. One of several outcomes is told from its first; where the others are counted among those who have
        it, along its steps, as `pathway_sections` does, and otherwise outcome by outcome. Of waits the page says who
        waits still, and of hospitals what each had against what was expected.
    areas : GeoDataFrame or None
        Boundaries keyed by code; None leaves the maps out.
    path : str or Path
        File to write. What stood there is replaced whole, or left as it was. Beside it, under the same name ending in
        `.audit.csv`, is written what was withheld and why; it holds no count, and is not part of the report.
    options : ReportOptions
        What the report is for, its title, the intervals, the rule for small counts and the explorer.
    further : sequence of Section
        Sections to add after those of the posterior, such as `bayesineq.report.page.plans.plan_sections`.
    quality : Mapping of str to DataFrame, optional
        How good the records are that the table was made from: `tables` of `bayesineq.records.quality`, or what
        `bayesineq.report.read_quality` reads. They pass the rule for small counts before they are shown.
    acro : Path, optional
        Folder for a checker of outputs: tables with the people behind every row, figures as PNG, and what SACRO's
        viewer reads of them.
    audit : DataFrame, optional
        What is withheld of `further`, as of `system_sections`; it is written beside the page with the rest.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BayesineqError
        If the posterior, the boundaries or the folder cannot be used; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(example().post, None, Path(folder) / "report.html")
    ...     [file.name for file in sorted(path.parent.iterdir())]
    ['report.audit.csv', 'report.html']
    """
    post, along, audits = _from_its_first(post, options)
    gathered = gather(post, areas, options, quality)
    withheld = [table for table in (gathered.audit, *audits, audit) if table is not None]
    content = replace(
        gathered,
        sections=(*gathered.sections, *along, *further),
        audit=pd.concat(withheld, ignore_index=True) if withheld else None,
    )
    target = Path(path)
    written = render(content, options).encode("utf-8", "replace")
    checked = {}
    if acro is not None:
        checked[acro] = acro_folder(reported(post, content, written, options.rule), options.rule, "bayesineq report")
    if content.audit is None:
        write_together({target: written}, checked)
    else:
        write_audited(target, written, [content.audit], options.rule, checked)
    return target


def _from_its_first(
    post: xr.DataTree, options: ReportOptions
) -> tuple[xr.DataTree, tuple[Section, ...], list[pd.DataFrame]]:
    """A posterior as the page begins with it, the sections on what else it tells, and what of those is withheld."""
    first, *others = outcome_names(post)
    if not others:
        return post, (*waiting_sections(post, options), *against_expected(post, options)), []
    if is_pathway(card_of(post)):
        return one_outcome(post, first), pathway_sections(post, options), []
    sections, audits = side_by_side(post, others, options)
    seen = one_outcome(post, first)
    return seen, (*against_expected(seen, options), *sections), audits


def render(content: Content, options: ReportOptions = STANDARD) -> str:
    """Lay a report out."""
    from markupsafe import Markup

    chosen, heading = report_kind(options.kind), content.heading
    order = list(chosen.order)
    if content.explorer and "sections" in order:
        order.insert(order.index("sections"), "explorer")
    own = {name: getattr(content, name) for name in _KEPT}
    lead = _lead(chosen, content, options) if "answer" in order else Lead(())
    # Who cuts a figure out of the first screen cuts out where and when it was.
    whence = f" {sentence(heading.where)}." if heading.where else ""
    context: dict[str, Any] = own | {
        "title": heading.title or _title(chosen, content),
        "place": heading.place,
        "period": heading.period,
        "order": order,
        "contents": _contents(content, order),
        "policy": _policy(content),
        **_explorer(content),
        "purpose": chosen.purpose,
        "actions": chosen.actions,
        "lead": lead,
        "lead_pictures": [picture(chart, heading) | {"caption": note + whence} for chart, note in lead.charts],
        "open_points": _open_points(content),
        "associations": None
        if content.associations is None
        else _laid_out(content.associations, "associations", heading, lead),
        "trust": [picture(chart, heading) for chart in content.trust],
        "css": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "unknown": _unknown(content),
        "direction": direction(content.card.outcome.more_is),
        "level": f"{100 * options.prob:.0f}%",
        "records": None if content.records is None else _laid_out(content.records, "records", heading, lead),
        "sections": [
            _laid_out(part, f"part-{number}", heading, lead) for number, part in enumerate(content.sections, 1)
        ],
        "checks": _checks(content.diagnosis),
        "graph": content.diagnosis.graph,
        "terms": _terms(content.card, content.priors),
        "words": _words(),
        "provenance": _provenance(content),
        "rule": str(content.rule),
        "recipe": content.recipe,
    }
    return environment().get_template("report.html").render(context)


def environment() -> Environment:
    """Where templates are read from: what they are given is text, never markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _lead(kind: ReportKind, content: Content, options: ReportOptions) -> Lead:
    """What a page of this kind begins with."""
    level = f"{100 * options.prob:.0f}%"
    said = [statement for statement in content.answer if statement.leads]
    if kind.lead == "core20" and content.core20 is not None:
        own, table = content.core20
        return lead_of(content.leading, [own, *said[1:]], table)
    if kind.lead in {"gaps", "breakdowns"}:
        needs = kind.needs if kind.lead == "breakdowns" else ()
        return lead_of(content.leading, said, furthest_table(content.gaps, content.unknown, level, needs))
    return lead_of(content.leading, said)


def _open_points(content: Content) -> str:
    """What the data leave open, in few words."""
    found = [statement.open for statement in content.answer if statement.open]
    found += [
        f"the {dimension_label(dim)} of {share} of people"
        for dim, share in content.unknown.items()
        if share.endswith("%")
    ]
    found += [said.partition(", because")[0] for said in content.withheld]
    text = "; ".join(dict.fromkeys(found[:_OPEN]))
    return (
        f"{sentence(text)}. Whom no record holds is in no number." if text else "Whom no record holds is in no number."
    )


def _laid_out(section: Section, anchor: str, heading: Heading, lead: Lead) -> dict[str, Any]:
    """A section as it is printed, without the sentences and figures that the page begins with."""
    first = [chart for chart, _ in lead.charts]
    return {
        "anchor": anchor,
        "title": section.title,
        "statements": [statement for statement in section.statements if statement not in lead.statements],
        "tables": section.tables,
        "pictures": [picture(chart, heading) for chart in section.charts if not any(chart is of for of in first)],
    }


def _contents(content: Content, order: Sequence[str]) -> list[tuple[str, str]]:
    """Anchor and heading of every part of the page."""
    found: list[tuple[str, str]] = []
    for key in order:
        if key == "sections":
            found += [(f"part-{number}", section.title) for number, section in enumerate(content.sections, 1)]
        else:
            found.append((key, _HEADINGS[key]))
    return [*found, ("provenance", "Provenance")]


def _title(chosen: ReportKind, content: Content) -> str:
    """What the report is for, the outcome, and where and when, as far as that was stated."""
    named = f"{chosen.title} {content.card.outcome.name}"
    return f"{named}, {content.heading.where}" if content.heading.where else named


def _unknown(content: Content) -> list[str]:
    """Whose group is unknown, and where none is said to be: the two are different things."""
    dims = [dim for dim in content.unknown if dim not in DEPRIVATION and dim not in content.card.latent]
    shares = {dimension_label(dim): content.unknown[dim] for dim in dims}
    said = [*content.assumed]
    said += [f"The {name} of {share} of people is unknown." for name, share in shares.items() if share != NONE_CODED]
    if silent := [name for name, share in shares.items() if share == NONE_CODED]:
        said.append(
            f"Nobody is coded as unknown by {listed(silent)}; if anybody was, they were left out or given a group."
        )
    return said


def _policy(content: Content) -> str:
    """What the browser may do: show pictures that are in the file, and run the explorer's scripts and no other."""
    if content.explorer is None:
        return NO_SCRIPTS
    scripts = (content.explorer.library, content.explorer.script)
    names = [base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") for text in scripts]
    return f"{NO_SCRIPTS}; script-src {' '.join(f"'sha256-{name}'" for name in names)}"


def _explorer(content: Content) -> dict[str, Any]:
    from markupsafe import Markup

    found = content.explorer
    if found is None:
        return {"explorer": None}
    return {
        "explorer": found,
        # Scripts of this package and its library, and data in which every sign that could end a block is escaped.
        "explorer_json": Markup(found.data),
        "explorer_library": Markup(found.library),
        "explorer_script": Markup(found.script),
        "linked": any(dim in content.card.dims for dim in DEPRIVATION),
        "unit_label": unit_of(content.card.outcome, 1.0).label if content.card.outcome.link == "logit" else "",
    }


def picture(chart: Chart, heading: Heading) -> dict[str, str]:
    """A figure as a page holds it."""
    vector = len(chart.table) <= _VECTOR_ROWS
    # As an image, a drawing cannot run anything, whatever its labels hold, and its ids stay its own.
    kind, content = ("svg+xml", to_svg(chart)) if vector else ("png", to_png(chart, dpi=200))
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    title = f"{chart.title} ({heading.where})" if heading.where else chart.title
    said = {"source": source, "title": title, "alt": chart.alt, "caption": f"{title}. {chart.caption}"}
    return said | {"inches": f"{chart.figure.get_figwidth():g}"}


def _checks(diagnosis: Diagnosis) -> Table:
    table = diagnosis.table
    columns = (table[name].tolist() for name in ("check", "parameter", "value", "limit", "passed", "advice"))
    rows = tuple(
        (
            sentence(str(check)),
            str(parameter),
            f"{value:.4g}" if np.isfinite(value) else "not available",
            f"{limit:g}",
            "passed" if passed else "failed",
            str(advice),
        )
        for check, parameter, value, limit, passed, advice in zip(*columns, strict=True)
    )
    return Table("Checks of the fit", ("Check", "Worst parameter", "Value", "Limit", "Result", "What to do"), rows)


def _terms(card: ModelCard, priors: Priors | None) -> Table:
    known = {} if priors is None else {name: priors.said(name) for name in priors.force}
    rows = [("intercept", "overall level", "", known.get("intercept", ""))]
    for term in card.terms:
        by = ", ".join(term.by).replace("_", " ")
        scale, *shape = term.parameters or ("",)
        names = dict.fromkeys([term.name, scale, f"{term.name}.precision", *shape, *term.coefficients])
        said = "; ".join(f"{n.removeprefix(f'{term.name}.')}: {known[n]}" for n in names if n in known)
        rows.append((term.name, term.kind.replace("_", " "), by, said))
    return Table("Parts of the model and their priors", ("Term", "Kind", "By", "Prior"), tuple(rows))


def _words() -> Table:
    limits = [limit for limit, _ in CHANCES]
    uppers = [1.0, *limits[:-1]]
    rows = tuple(
        (word, f"{100 * limit:.0f}% to {100 * upper:.0f}%")
        for (limit, word), upper in zip(CHANCES, uppers, strict=True)
    )
    return Table("Words for probabilities", ("Word", "Probability"), rows)


def _provenance(content: Content) -> list[tuple[str, str]]:
    named = [(name, content.provenance[key]) for key, name in _PROVENANCE.items() if key in content.provenance]
    again = "bayesineq rerun PAGE --table TABLE fits the card of this page again, and says which figures agree"
    return [
        *named,
        ("Report written", moment()),
        ("Written with bayesineq", version("bayesineq")),
        *([("To run it again", again)] if content.recipe else []),
    ]
