"""Kinds of report: what each is for, what it must hold, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bayesineq.dims import AGE, DECILE, ETHNICITY, QUINTILE, SEX
from bayesineq.errors import BayesineqError

Kind = Literal["standard", "health_equity_audit", "section_13sa", "core20plus5", "methods"]

type Needs = tuple[tuple[str, tuple[str, ...]], ...]
"""Characteristics by name, and the dimensions that serve each."""

Leading = Literal["figures", "gaps", "breakdowns", "core20"]

_FINDINGS: Final = ("answer", "inequality", "sections", "unknown")
_GROUNDS: Final = ("trust", "quality", "limits", "model", "words")


@dataclass(frozen=True, slots=True)
class ReportKind:
    """
    One kind of report.

    Parameters
    ----------
    title : str
        What goes before the outcome in the heading.
    purpose : tuple of str
        Paragraphs that say what it is for; none for the standard report.
    needs : tuple of (str, tuple of str)
        What must be broken down, in words, and the dimensions that serve it.
    order : tuple of str
        Parts of the page, in order.
    actions : tuple of str
        Questions that people, not a model, must answer before the report is whole.
    lead : {"figures", "gaps", "breakdowns", "core20"}
        What stands beside the first sentences: gradient and map, or one figure and the table that this kind is about.
    """

    title: str
    purpose: tuple[str, ...]
    needs: Needs
    order: tuple[str, ...]
    actions: tuple[str, ...] = ()
    lead: Leading = "figures"


_DEPRIVATION: Final = ("deprivation", (DECILE, QUINTILE))
_ETHNICITY: Final = ("ethnicity", (ETHNICITY,))

KINDS: Final[Mapping[str, ReportKind]] = {
    "standard": ReportKind("Inequality in", (), (), (*_FINDINGS, *_GROUNDS)),
    "health_equity_audit": ReportKind(
        "Health equity audit:",
        (
            "An audit compares need, use and outcome between groups, agrees what to change, and comes back to see "
            "whether it changed. This page is the profile: the first of its steps. The rest is for people to fill in.",
        ),
        (_DEPRIVATION, _ETHNICITY),
        ("answer", "actions", "purpose", *_FINDINGS[1:], *_GROUNDS),
        (
            "Which of these differences will be acted on, and who agreed to it?",
            "What is known to work, and for whom was it shown to work?",
            "Which resources are moved, from where to where, and by when?",
            "Which number on this page will show that it worked, and when will it be looked at again?",
            "Who is missing from these data, and how will they be heard?",
        ),
        "gaps",
    ),
    "section_13sa": ReportKind(
        "Statement on health inequalities:",
        (
            "NHS England's statement under section 13SA of the National Health Service Act 2006 asks NHS bodies to "
            "collect, analyse and publish information on health inequalities, at least by deprivation, ethnicity, age "
            "and sex, and to name the gaps in it, among them those whose group is unknown or not stated.",
        ),
        (_DEPRIVATION, _ETHNICITY, ("age", (AGE,)), ("sex", (SEX,))),
        ("answer", "quality", "unknown", "actions", "purpose", *_FINDINGS[1:3], "limits", "trust", "model", "words"),
        (
            "What was done about these inequalities in the year, and what came of it?",
            "How is this information used when services are planned, paid for and judged?",
            "Which gaps in the data will be closed, and by when?",
        ),
        "breakdowns",
    ),
    "core20plus5": ReportKind(
        "Core20PLUS5:",
        (
            "Core20 are the people who live in the most deprived fifth of areas of England. PLUS are groups chosen "
            "locally, such as ethnic minorities and inclusion health groups. The five are clinical areas for faster "
            "improvement. This page sets Core20 against everyone else and shows the groups that the data hold.",
        ),
        (_DEPRIVATION, _ETHNICITY),
        ("answer", "purpose", "actions", *_FINDINGS[1:], *_GROUNDS),
        (
            "Which of the five clinical areas does this outcome belong to?",
            "Which PLUS groups does the system serve that these data do not tell apart?",
        ),
        "core20",
    ),
    "methods": ReportKind(
        "Methods appendix:",
        ("How the numbers of a report were made: the model, its checks, its data, its limits. It holds no findings.",),
        (),
        ("purpose", "model", "trust", "quality", "limits", "words"),
    ),
}


def report_kind(name: str) -> ReportKind:
    """Kind of report of that name."""
    if name not in KINDS:
        raise BayesineqError(f"kind={name!r} is no kind of report; choose one of {list(KINDS)}")
    return KINDS[name]
