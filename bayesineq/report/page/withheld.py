"""What is withheld, said where the numbers are: how many groups of how many, why, and what that means."""

from __future__ import annotations

import re

from bayesineq.report.page.disclosed import Cover
from bayesineq.report.words.labels import dimension_label
from bayesineq.report.words.sentences import Statement


def plural(name: str) -> str:
    """
    Several of what a name says.

    Parameters
    ----------
    name : str
        A noun, such as "county".

    Returns
    -------
    str
        Its regular plural.

    Examples
    --------
    >>> [plural(name) for name in ("county", "ethnic group", "sex", "country of birth", "day")]
    ['counties', 'ethnic groups', 'sexes', 'countries of birth', 'days']
    """
    head, of, rest = name.partition(" of ")
    if re.search("[^aeiou]y$", head):
        head = f"{head[:-1]}ie"
    elif head.endswith(("s", "x", "z", "ch", "sh")):
        head = f"{head}e"
    return f"{head}s{of}{rest}"


def withheld_words(cover: Cover, dim: str) -> Statement | None:
    """
    Say how many groups of a dimension are withheld.

    Parameters
    ----------
    cover : Cover
        What may be shown.
    dim : str
        The dimension.

    Returns
    -------
    Statement or None
        For example "18 of 100 counties are shown; 82 are withheld ..."; None where all are shown.
    """
    gone, total = len(cover.levels(dim)), int((cover.people[(dim,)] > 0).sum())
    if not gone:
        return None
    named = plural(dimension_label(dim))
    counted = " or ".join([*(["people"] if cover.judges_people else []), *(["events"] if cover.counts else [])])
    shown = f"{total - gone:,} of {total:,} {named} {'is' if total - gone == 1 else 'are'} shown"
    if total == gone:
        shown = f"None of the {total:,} {named} is shown"
    return Statement(
        f"{shown}; {gone:,} {'is' if gone == 1 else 'are'} withheld, because 1 to {cover.rule.threshold} {counted} "
        "stand behind a number, or because such a count could be worked out by subtraction. Figures, tables and "
        "comparisons leave them out: nothing here may be concluded about them, be it good or bad.",
        False,
        0.5,
    )
