"""Tables and files that leave: what the command line writes of a posterior has passed through here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.local import local_risk
from bayesineq.design.events import NO_EVENTS
from bayesineq.dims import AREA, CHAIN, CI_PROB, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, is_small
from bayesineq.disclosure.suppression import AUDIT, SMALL
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.model.card import ModelCard
from bayesineq.posterior.adjusted import ADJUSTED_FOR
from bayesineq.posterior.expected import expected
from bayesineq.posterior.inequality import inequality_of
from bayesineq.posterior.lift import in_rank_order
from bayesineq.posterior.population import card_of
from bayesineq.posterior.summarise import draws_of, summarise, variables
from bayesineq.report.page.alike import Alike, alike
from bayesineq.report.page.disclosed import cover, few_of, sizes_of
from bayesineq.report.page.withheld import withheld_words
from bayesineq.report.tables.numbers import unit_of
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.labels import ends_in_words, level_labels

NUMBERS: Final = ("mean", "sd", "median", "lower", "upper")
_TOLD: Final = ("outcome", "scale", "units", "more_is")
_COARSE: Final = "too few events for a digit that tells no count"
_WIDEST: Final = 4.0
"""Standard deviations from its mean that a covariate is taken to reach: how far one person can move a slope."""

type Float = NDArray[np.float64]


def released_measures(post: xr.DataTree, by: str, rule: Rule = DEFAULT_RULE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Outcome by group and inequality between groups, as they may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str
        Dimension of the groups.
    rule : Rule
        Threshold and rounding.

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
    """
    if by not in card_of(post).dims:
        raise PosteriorError(f"by={by!r} is no dimension of the card; it has {list(card_of(post).dims)}")
    whole = cover(post, rule)
    like = alike(post, whole, by)
    if like.values.sizes[by] < 2:
        raise DisclosureError(f"{like.values.sizes[by]} groups of {by!r} may be shown under the rule: {rule}")
    table = inequality_of(like.values, by, crude=like.crude)
    gone = withheld_words(whole, by)
    words = _said(card_of(post), like, by, table, float(whole.values().mean()))
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
    levels = in_rank_order(like.values, by)[by].to_numpy()
    start, end = ends_in_words(by, level_labels(by, [levels[0], *levels[1:]]))
    said = ends_compared(
        table,
        first=start,
        last=end,
        outcome=f"{card.outcome.name}{like.given}",
        unit=unit_of(card.outcome, average),
        more_is=card.outcome.more_is,
        level=f"{100 * CI_PROB:.0f}%",
        n_draw=like.values.sizes[CHAIN] * like.values.sizes[DRAW],
    )
    counted = card.outcome.link in {"logit", "log"}
    return [first, *(statement.text for statement in (said if counted else said[:1]))]


def released_summary(post: xr.DataTree, rule: Rule = DEFAULT_RULE) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""
    Parameters of a model, as they may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    (DataFrame, DataFrame)
        As of `summarise`; a level of few people or events has no numbers, and others as many digits as tell a count
        no closer than its rounding; and the audit.

    Notes
    -----
    A level with y events among N people moves by at most :math:`1 / (y (1 - y/N))` on the logit scale, and 1/y on the
    log scale, for one event more; pooling only makes it move less. Numbers are rounded to the next step of 1, 2 or 5
    times a power of ten above `rule.base` times that.
    """
    card, table = card_of(post), summarise(post)
    if not card.outcome.counts_events or (rule.threshold == 0 and rule.base == 1):
        return table, cover(post, rule).audit
    whole = cover(post, rule)
    hidden, moved = [], []
    for name, array in variables(post):
        count = draws_of(array).shape[2]
        dims = tuple(str(dim) for dim in array.dims if dim not in SAMPLE_DIMS)
        scale = _WIDEST if any(t.name == name and t.covariate is not None for t in card.terms) else 1.0
        gone, move = _effects(post, card, dims, rule)
        level = next((key for key in whole.hidden if set(key) == set(dims)), None)
        if dims and level is not None:
            held = whole.hidden[level].reindex({d: array[d] for d in dims}, fill_value=False)
            gone = gone | held.transpose(*dims).to_numpy().astype(bool).ravel()
        hidden.append(np.broadcast_to(gone & bool(dims) & (rule.threshold > 0), count))
        moved.append(np.broadcast_to(move * scale, count))
    withheld, step = np.concatenate(hidden), _step(rule.base * np.concatenate(moved))
    coarse = ~withheld & (step > 1.0)
    for column in NUMBERS:
        value = table[column].to_numpy(dtype=np.float64)
        # The last sum takes the sign off a zero.
        rounded = np.round(np.round(value / step) * step, 12) + 0.0
        if column == "sd":
            rounded = np.maximum(rounded, np.where(value > 0, step, 0.0))
        table[column] = np.where(withheld | coarse, np.nan, rounded if rule.base > 1 else value)
    reasons = np.where(withheld, SMALL, _COARSE)
    lost = withheld | coarse
    audit = pd.DataFrame(
        {"table": "parameters", "cell": table.loc[lost, "parameter"], "column": ", ".join(NUMBERS),
         "reason": reasons[lost]},
        columns=list(AUDIT),
    )  # fmt: skip
    return table, audit


def released_risk(
    post: xr.DataTree, by: Sequence[str] = (AREA,), rule: Rule = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """
    Risk of each unit, as tables made from it may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : sequence of str
        Dimensions of the units.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    (DataArray, DataFrame)
        As of `local_risk`, without units that are withheld; and the audit.
    """
    risk, names = local_risk(post, by), tuple(by)
    whole = cover(post, rule, also=[names])
    shown = whole.values(names)
    for dim in names:
        risk = risk.sel({dim: shown[dim].to_numpy()})
    own = [str(dim) for dim in risk.dims]
    ordered = shown.transpose(*own)
    people = ordered[POPULATION]
    if len(names) > 1:
        # As elsewhere, a cell without a rate has nobody.
        people = people.where(np.isfinite(ordered.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True)), 0.0)
    units = [dim for dim in own if dim not in SAMPLE_DIMS]
    return risk.copy(data=ordered.to_numpy()).assign_coords(
        {POPULATION: (units, people.transpose(*units).to_numpy())}
    ), whole.audit


def released(post: xr.DataTree, rule: Rule = DEFAULT_RULE) -> xr.DataTree:
    """
    Draws of groups that may be passed on, in place of a posterior that may not.

    Parameters
    ----------
    post : DataTree
        A posterior: a working file, whose rows hold how many people each cell has, and whose draws tell small counts.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    DataTree
        A group a table, such as `imd_decile` or `ethnicity_by_imd_decile`, each with `estimate` (dims chain, draw and
        its own): groups as they are, `adjusted` where the card has something that adjusts, see
        `bayesineq.posterior.adjusted`, both with the outcome's name, scale, unit and polarity, and rounded
        `population`. It holds no row, no parameter, no digest of the data and no seed.
    """
    whole = cover(post, rule)
    groups: dict[str, xr.Dataset] = {}
    for level in whole.draws:
        like = alike(post, whole, level)
        if like.crude.size:
            kept = _told(like.crude).rename("estimate").to_dataset()
            if like.is_adjusted:
                kept["adjusted"] = _told(like.values)
            groups["/" + ("_by_".join(level) or "everyone")] = kept
    tree = xr.DataTree.from_dict(groups, name="released")
    said = card_of(post)
    tree.attrs |= {
        "card_name": said.name,
        "question": said.question,
        "outcome": said.outcome.name,
        "disclosure": str(rule),
        "fit_id": str(post.attrs.get("fit_id", "none")),
    }
    return tree


def _told(values: xr.DataArray) -> xr.DataArray:
    """Draws with what may be told of them."""
    told = {name: values.attrs[name] for name in (*_TOLD, ADJUSTED_FOR) if name in values.attrs}
    return values.astype(np.float32).drop_attrs(deep=False).assign_attrs(told)


def audit_beside(path: str | Path) -> Path:
    """
    Where the audit of an output goes.

    Parameters
    ----------
    path : str or Path
        The output.

    Returns
    -------
    Path
        The same name ending in `.audit.csv`.
    """
    return Path(path).with_suffix(".audit.csv")


def _effects(post: xr.DataTree, card: ModelCard, dims: tuple[str, ...], rule: Rule) -> tuple[NDArray[np.bool_], Float]:
    """Whether each level has a small count, and how far one event more moves its effect at most."""
    draws = post["posterior"].to_dataset()
    known = all(dim in card.dims for dim in dims)
    values = expected(post, by=list(dims) if known else [])
    rate, people = values.mean(SAMPLE_DIMS), values[POPULATION].reset_coords(drop=True)
    if dims and known:
        full = {dim: draws[dim].to_numpy() for dim in dims}
        rate, people = rate.reindex(full), people.reindex(full, fill_value=0.0)
    sizes = sizes_of(post, dims if known else (), values)
    base = sizes.base.reindex(full, fill_value=0.0) if dims and known else sizes.base
    size = base.to_numpy().astype(np.float64).ravel()
    share = np.nan_to_num(rate.to_numpy().astype(np.float64)).ravel()
    events = np.abs(share) * size
    proportion = card.outcome.link == "logit"
    others = np.maximum(size - events, 0.0) if proportion else events
    few = is_small(people.to_numpy().ravel(), rule) if card.outcome.weighs_people else np.zeros(len(size), dtype=bool)
    if sizes.known is None:
        small = few | is_small(events, rule) | is_small(others, rule)
    else:
        seen = sizes.known.reindex(full, fill_value=NO_EVENTS) if dims and known else sizes.known
        small = few | few_of(seen.to_numpy().ravel(), events, sizes.known.attrs["threshold"], rule)
    with np.errstate(divide="ignore"):
        move = np.where(size > 0, 1.0 / events + (1.0 / others if proportion else 0.0), 0.0)
    # A level without anybody shows its prior, which tells nothing.
    return small, np.where(np.isfinite(move), move, 1e3)


def _step(least: Float) -> Float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    safe = np.maximum(least, 1e-4)
    power = 10.0 ** np.floor(np.log10(safe))
    times = np.select([safe <= power, safe <= 2 * power, safe <= 5 * power], [1.0, 2.0, 5.0], 10.0)
    return np.asarray(times * power)
