"""Outcome by group and inequality between groups, as the command line writes them."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.model.card import ModelCard
from bayesineq.posterior.inequality import inequality_of
from bayesineq.posterior.lift import in_rank_order
from bayesineq.posterior.population import card_of
from bayesineq.report.page.alike import Alike, alike
from bayesineq.report.tables.numbers import unit_of
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.labels import dimension_label, ends_in_words, level_labels, plural
from bayesineq.report.words.sentences import withheld_said


def released_measures(
    post: xr.DataTree, by: str, disclosure: Disclosure = DEFAULT_RULE, *, every: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Outcome by group and inequality between groups, as they may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str
        Dimension of the groups.
    disclosure : Rule, str or Path
        Threshold and rounding.
    every : bool
        Whether all measures that apply follow, as of `inequality`.

    Returns
    -------
    (DataFrame, DataFrame)
        As of `inequality`, adjusted and crude, with a row without numbers for each group that is withheld, and measures
        over the others; and the audit. Attribute `words` of the table: what it says, a sentence each.

    Raises
    ------
    PosteriorError
        The posterior has no such dimension.
    DisclosureError
        Fewer than two groups may be shown.

    Examples
    --------
    >>> from bayesineq import example
    >>> table, audit = released_measures(example().post, "ethnicity")
    >>> table[["parameter", "mean", "lower", "upper"]].head(3).round(3)
              parameter   mean  lower  upper
    0  ethnicity[asian]  0.129  0.126  0.133
    1  ethnicity[black]  0.106  0.102  0.110
    2  ethnicity[white]  0.089  0.087  0.090
    """
    rule = rule_of(disclosure)
    if by not in card_of(post).dims:
        raise PosteriorError(f"by={by!r} is no dimension of the card; it has {list(card_of(post).dims)}")
    whole = cover(post, rule)
    like = alike(post, whole, by)
    if like.values.shown.sizes[by] < 2:
        raise DisclosureError(f"{like.values.shown.sizes[by]} groups of {by!r} may be shown under the rule: {rule}")
    table = inequality_of(like.values.shown, by, crude=like.crude.shown, every=every)
    gone = withheld_said(whole.values(by), by)
    words = _said(card_of(post), like, by, table, float(whole.values().shown.mean()))
    of = whole.values(by)
    over = f"over {of.of - len(of.withheld):,} of {of.of:,} {plural(dimension_label(by))}: the others are withheld"
    if gone:
        table["compared"] = [
            "; ".join(filter(None, (str(said or ""), over))) if not str(name).startswith(f"{by}[") else said
            for name, said in zip(table["parameter"], table.get("compared", [""] * len(table)), strict=True)
        ]
        words = [f"Every measure of inequality here is {over}, and may differ from one over all of them.", *words]
    table.attrs["words"] = (*([gone.text] if gone else []), *words)
    lost = pd.DataFrame({"parameter": [f"{by}[{level}]" for level in whole.levels(by)]})
    if len(lost):
        said, table = table.attrs, pd.concat([table, lost], ignore_index=True)
        table.attrs |= said
    return table, whole.audit


def _said(card: ModelCard, like: Alike, by: str, table: pd.DataFrame, average: float) -> list[str]:
    """What a table of measures says: what is held equal, and who is compared with whom."""
    first = (
        f"Adjusted (mean to p_above): every group with everybody's {like.held}. Crude (crude_...): groups as they are."
        if like.is_adjusted
        else f"Nothing is held equal: card {card.name!r} has nothing that adjusts beside {by!r}. Values are crude."
    )
    if "difference" not in set(table["parameter"]):
        return [first]
    levels = in_rank_order(like.values.shown, by)[by].to_numpy()
    start, end = ends_in_words(by, level_labels(by, [levels[0], *levels[1:]]))
    said = ends_compared(
        table,
        first=start,
        last=end,
        outcome=f"{card.outcome.name}{like.given}",
        unit=unit_of(card.outcome, average),
        more_is=card.outcome.more_is,
        level=f"{100 * CI_PROB:.0f}%",
        n_draw=like.draws,
    )
    counted = card.outcome.link in {"logit", "log"}
    return [first, *(statement.text for statement in (said if counted else said[:1]))]
