"""People without a record of a characteristic, in words: how many, and what was assumed of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesineq.design.unrecorded import unrecorded_of
from bayesineq.disclosure.rule import SUPPRESSED, Rule, shown_count
from bayesineq.report.tables.numbers import write
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import listed


def unrecorded_words(post: xr.DataTree, dim: str, labels: Labels | None, rule: Rule) -> tuple[str, ...]:
    """
    How many people had no record of the latent column, and what was assumed of them.

    Delta is said by group also where it is 0.
    """
    named, found = dimension_label(dim), unrecorded_of(post.attrs)
    if found is None:
        return (
            f"How many people had no record of their {named}, and which delta was assumed of them, was not kept with "
            "this posterior; fit it again to have them said.",
        )
    many, whole = shown_count(found.unknown, rule), shown_count(found.people, rule)
    share = "" if many == SUPPRESSED else f" ({100 * found.share:.1f}%)"
    said = (
        f"The {named} of {many} of {whole} people{share} was recorded as unknown; which group they belong to is "
        "estimated and in no case known."
    )
    groups = dict(zip(found.delta, level_labels(dim, list(found.delta), labels), strict=True))
    moved = {group: delta for group, delta in found.delta.items() if delta != 0}
    start = "How likely each group is to have no record cannot be learnt from these records and was assumed: "
    if not moved:
        return (
            said,
            f"{start}delta is 0 for every group ({listed(list(groups.values()))}), so that among people who are alike "
            "in all else that the model knows no group lacks a record more often than another. If one does, too few of "
            "those without a record are counted as its people here; fit with another delta to see what that changes.",
        )
    stated = [f"{groups[group]}, {write(delta, 2)} (odds times {np.exp(delta):.2f})" for group, delta in moved.items()]
    rest = [groups[group] for group in found.delta if group not in moved]
    others = f"; 0 for {listed(rest)}" if rest else ""
    sd = f" Each delta but 0 has a standard deviation of {write(found.delta_sd, 2)}." if found.delta_sd else ""
    return (
        said,
        f"{start}delta, the log odds of a missing record against a group of 0, is for {'; '.join(stated)}{others}.{sd} "
        "Other values give other answers; fit with another delta to see what that changes.",
    )
