"""Parameters and draws that may be passed on, in place of a posterior that may not."""

from __future__ import annotations

import hashlib
import itertools
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.events import NO_EVENTS
from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.cover import EVENTS, Cover, classes_of, cover, few_of, sizes_of
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, is_small
from bayesineq.disclosure.told import withheld_before
from bayesineq.errors import DisclosureError
from bayesineq.posterior.adjusted import ADJUSTED_FOR, adjusted, adjusted_part, is_adjusted
from bayesineq.posterior.expected import moments
from bayesineq.posterior.groups import draws_of, summarise, variables
from bayesineq.posterior.population import card_of

NUMBERS: Final = ("mean", "sd", "median", "lower", "upper")
_TOLD: Final = ("outcome", "scale", "units", "more_is")
_END: Final = {"lower": np.floor, "upper": np.ceil}
"""Ends of an interval are rounded outwards: to the nearest step it would hold less than it says."""

_MANY: Final = 4_096
_WIDEST: Final = 4.0
"""Standard deviations from its mean that a covariate is taken to reach: how far one person can move a slope."""

type Float = NDArray[np.float64]


def released_summary(post: xr.DataTree, disclosure: Disclosure = DEFAULT_RULE) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""
    Parameters of a model, as they may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    disclosure : Rule, str or Path
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

    Examples
    --------
    >>> from bayesineq import example
    >>> table, audit = released_summary(example().post)
    >>> table[["parameter", "mean"]].head(3)
               parameter    mean
    0          intercept -2.8255
    1  deprivation.sigma  0.1625
    2    ethnicity.sigma  0.2675
    """
    rule = rule_of(disclosure)
    card, table = card_of(post), summarise(post)
    _refuse_few_degrees(post, rule)
    if not card.outcome.counts_events or rule.few == 0:
        return table, cover(post, rule).audit
    whole = cover(post, rule)
    hidden, moved = [], []
    for name, array in variables(post):
        count = draws_of(array).shape[2]
        dims = tuple(str(dim) for dim in array.dims if dim not in SAMPLE_DIMS)
        scale = _WIDEST if any(t.name == name and t.covariate is not None for t in card.terms) else 1.0
        gone, move = _effects(post, dims, rule.exact)
        level = next((key for key in whole.hidden if set(key) == set(dims)), None)
        if dims and level is not None:
            held = whole.hidden[level].reindex({d: array[d] for d in dims}, fill_value=False)
            gone = gone | held.transpose(*dims).to_numpy().astype(bool).ravel()
        hidden.append(np.broadcast_to(gone & bool(dims), count))
        moved.append(np.broadcast_to(move * scale, count))
    withheld, step = np.concatenate(hidden), _step(rule.base * np.concatenate(moved))
    coarse = ~withheld & (step > 1.0)
    for column in NUMBERS:
        value = table[column].to_numpy(dtype=np.float64)
        # The last sum takes the sign off a zero.
        rounded = np.round(_END.get(column, np.round)(np.round(value / step, 9)) * step, 12) + 0.0
        if column == "sd":
            rounded = np.maximum(rounded, np.where(value > 0, step, 0.0))
        table[column] = np.where(withheld | coarse, np.nan, rounded if rule.base > 1 else value)
    lost = withheld | coarse
    audit = pd.DataFrame(
        {"table": "parameters", "cell": table.loc[lost, "parameter"], "column": ", ".join(NUMBERS),
         "reason": WITHHELD},
        columns=list(AUDIT),
    )  # fmt: skip
    return table, audit


def residual_degrees(post: xr.DataTree) -> float | None:
    """Rows less the effective number of parameters; None where a posterior does not tell."""
    checks = post["checks"].to_dataset() if "checks" in post.children else xr.Dataset()
    if not {"p_waic", "lpd"} <= set(checks):
        return None
    used = checks["p_waic"].to_numpy()[np.isfinite(checks["lpd"].to_numpy())]
    return float(used.size - used.sum())


def _refuse_few_degrees(post: xr.DataTree, rule: Rule) -> None:
    """Refuse the parameters of a model that nearly lists its rows."""
    if not rule.degrees_of_freedom:
        return
    if (left := residual_degrees(post)) is None:
        raise DisclosureError(
            "the rule asks for residual degrees of freedom, which the posterior does not tell: fit with "
            "engine='laplace', or use rules without"
        )
    if left < rule.degrees_of_freedom:
        raise DisclosureError(
            f"{left:.1f} residual degrees of freedom (rows less effective parameters), and the rule asks for "
            f"{rule.degrees_of_freedom}; give more rows or fewer terms"
        )


def released(post: xr.DataTree, disclosure: Disclosure = DEFAULT_RULE) -> xr.DataTree:
    """
    Draws of groups that may be passed on, in place of a posterior that may not.

    Parameters
    ----------
    post : DataTree
        A posterior: a working file, whose rows hold how many people each cell has, and whose draws tell small counts.
    disclosure : Rule, str or Path
        Threshold and rounding.

    Returns
    -------
    DataTree
        A group a table, such as `imd_decile` or `ethnicity_by_imd_decile`, each with `estimate` (dims chain, draw and
        its own): groups as they are, `adjusted` where the card has something that adjusts, see
        `bayesineq.posterior.adjusted`, both with the outcome's name, scale, unit and polarity, and rounded
        `population`. It holds no row, no parameter, no digest of the data and no seed.

    Notes
    -----
    Draws of one table go together, so that groups may be compared, and are in an order of their own in each table:
    a draw of a decile is not the sum of the same draw of its areas, whose withheld ones could be found from it.

    Examples
    --------
    >>> from bayesineq import example
    >>> tree = released(example().post)
    >>> sorted(tree.children)[:3]
    ['age_band', 'area', 'ethnicity']
    """
    return released_of(cover(post, disclosure))


def released_of(whole: Cover) -> xr.DataTree:
    """What `released` gives, of a posterior that is covered."""
    post, order = whole.post, _secret(whole.post)
    groups: dict[str, xr.Dataset] = {}
    for level in whole.levels_covered:
        if len(level) == 1 and bool(whole.hidden[level].all()):
            # Nothing of it may be passed on.
            continue
        if len(level) != 1 or whole.people[level].size <= _MANY:
            kept = _told(whole.values(level).shown).rename("estimate").to_dataset()
            if is_adjusted(post, level):
                kept["adjusted"] = _told(whole.apply(adjusted(post, level), in_place=True).shown)
            kept = _shuffled(kept, order) if whole.rule.few else kept
        else:
            kept = _of_many(whole, level[0], order)
        groups["/" + ("_by_".join(level) or "everyone")] = kept
    tree = xr.DataTree.from_dict(groups, name="released")
    said = card_of(post)
    tree.attrs |= {
        "card_name": said.name,
        "question": said.question,
        "outcome": said.outcome.name,
        "disclosure": str(whole.rule),
        "fit_id": str(post.attrs.get("fit_id", "none")),
    }
    return tree


def _of_many(whole: Cover, by: str, order: np.random.Generator) -> xr.Dataset:
    """The table of one dimension with very many levels: some of them at a time, so that theirs alone are held."""
    post = whole.post
    sizes = [post["posterior"].sizes[dim] for dim in SAMPLE_DIMS]
    place = order.permutation(sizes[0] * sizes[1]) if whole.rule.few else np.arange(sizes[0] * sizes[1])

    def of(rows: pd.DataFrame, column: str) -> xr.DataArray:
        return adjusted_part(post, rows, by, column)

    kept = {}
    for name, made in (("estimate", None), *((("adjusted", of),) if is_adjusted(post, by) else ())):
        draws = np.empty((len(place), int((~whole.hidden[(by,)]).sum())), dtype=np.float32)
        parts: list[xr.DataArray] = []
        for found in whole.parts(by, made):
            shown = _told(found.shown).transpose(*SAMPLE_DIMS, by)
            first = sum(part.sizes[by] for part in parts)
            draws[:, first : first + shown.sizes[by]] = shown.to_numpy().reshape(len(place), -1)[place]
            # A copy: what looks into the draws holds them all.
            parts.append(shown.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True).copy())
        one = xr.concat(parts, by)
        lead = shown.isel({by: 0}, drop=True)
        kept[name] = xr.DataArray(
            draws.reshape(*sizes, -1),
            dims=(*SAMPLE_DIMS, by),
            coords={dim: lead[dim] for dim in SAMPLE_DIMS if dim in lead.coords} | dict(one.coords),
            attrs=shown.attrs,
        )
    return xr.Dataset(kept)


def _secret(post: xr.DataTree) -> np.random.Generator:
    """An order of draws that follows from the posterior, which is not passed on, and from nothing that is."""
    digest = hashlib.sha256()
    for name in sorted(map(str, post["posterior"].to_dataset().data_vars)):
        digest.update(np.ascontiguousarray(post["posterior"][name].to_numpy()).data)
    return np.random.default_rng(np.frombuffer(digest.digest(), dtype=np.uint32))


def _shuffled(table: xr.Dataset, order: np.random.Generator) -> xr.Dataset:
    """The draws of a table in another order, chains and all, the same for all of its variables."""
    sizes = [table.sizes[dim] for dim in SAMPLE_DIMS]
    place = order.permutation(sizes[0] * sizes[1])
    moved = table.copy()
    for name, values in table.data_vars.items():
        own = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
        ordered = values.transpose(*SAMPLE_DIMS, *own)
        flat = ordered.to_numpy().reshape(len(place), *ordered.shape[2:])
        moved[name] = ordered.copy(data=flat[place].reshape(ordered.shape))
    return moved


def _told(values: xr.DataArray) -> xr.DataArray:
    """Draws with what may be told of them."""
    told = {name: values.attrs[name] for name in (*_TOLD, ADJUSTED_FOR) if name in values.attrs}
    return values.astype(np.float32).drop_attrs(deep=False).assign_attrs(told)


def _effects(post: xr.DataTree, dims: tuple[str, ...], rule: Rule) -> tuple[NDArray[np.bool_], Float]:
    """Whether each level has a small count, and how far one event more moves its effect at most."""
    card, draws = card_of(post), post["posterior"].to_dataset()
    known = all(dim in card.dims for dim in dims)
    values = moments(post, by=list(dims) if known else [])
    rate, people = values["mean"].drop_vars(POPULATION), values[POPULATION].reset_coords(drop=True)
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
    small = few
    if sizes.known is None:
        small = few | is_small(events, rule) | is_small(others, rule)
    for column, classes in classes_of(post, dims if known else (), values).items():
        seen = classes.reindex(full, fill_value=NO_EVENTS) if dims and known else classes
        implied = events if column == EVENTS else others
        small = small | few_of(seen.to_numpy().ravel(), implied, classes.attrs["threshold"], rule)
    if dims and known:
        codes = [full[dim].tolist() for dim in dims]
        small = small | withheld_before(rule, dims, list(itertools.product(*codes)))
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
