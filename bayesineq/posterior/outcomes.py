"""One of several outcomes: a joint posterior seen from it is a posterior like any other."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from bayesineq.design.events import FEW_EVENTS
from bayesineq.design.priors import write_priors
from bayesineq.dims import GIVEN, OTHER, OUTCOME, OUTCOME_OF_ROW, ROW
from bayesineq.errors import PosteriorError
from bayesineq.posterior.population import SEEN_FROM, card_of, priors_of

_NOTES: Final = "notes"
_CALIBRATION: Final = "calibration"
MISFIT: Final = "misfit"
"""Group of a posterior that says how far its rows are from their likelihood: `bayesineq.inference.misfit`."""


def outcome_names(post: xr.DataTree) -> tuple[str, ...]:
    """
    Names of the outcomes of a posterior.

    Parameters
    ----------
    post : DataTree
        A posterior.

    Returns
    -------
    tuple of str
        In the order of the card; one where the card has one.

    Examples
    --------
    >>> from bayesineq import example
    >>> outcome_names(example().post)
    ('prevalence',)
    """
    return tuple(outcome.name for outcome in card_of(post).outcomes)


def one_outcome(post: xr.DataTree, outcome: str | None = None) -> xr.DataTree:
    """
    See a posterior from one of its outcomes.

    Parameters
    ----------
    post : DataTree
        A posterior.
    outcome : str, optional
        Name of the outcome; may be left out where there is one.

    Returns
    -------
    DataTree
        A posterior of that outcome alone: its intercept and effects (those that outcomes share as they enter its
        predictor, loadings included), hyperparameters, rows, weights and checks. Every function that takes a
        posterior takes it. Draws are those of the joint posterior, so that what is made of two outcomes may be set
        beside each other draw by draw. Correlations and loadings stay behind, in the joint posterior.

    Raises
    ------
    PosteriorError
        If there is no such outcome, or there are several and none is named; it names them.

    Examples
    --------
    >>> from bayesineq import example
    >>> one_outcome(example().post, "prevalence")["posterior"]["intercept"].dims
    ('chain', 'draw')
    """
    card, names = card_of(post), list(outcome_names(post))
    if outcome is None and card.is_joint:
        raise PosteriorError(
            f"the posterior of card {card.name!r} has several outcomes, {names}; say which, as outcome={names[0]!r}"
        )
    if outcome is not None and outcome not in names:
        raise PosteriorError(f"the posterior of card {card.name!r} has no outcome {outcome!r}; it has {names}")
    if outcome is None or not card.is_joint:
        return post
    rows = post["constant_data"].to_dataset() if "constant_data" in post.children else None
    mine = None if rows is None else np.flatnonzero(rows[OUTCOME_OF_ROW].to_numpy() == names.index(outcome))
    groups: dict[str, xr.Dataset] = {"/posterior": _draws(post, outcome)}
    for name in ("sample_stats",):
        if name in post.children:
            groups[f"/{name}"] = post[name].to_dataset()
    for name in ("constant_data", "checks"):
        if name in post.children and mine is not None:
            own = _of_rows(post[name].to_dataset(), mine)
            own.attrs = post[name].attrs
            groups[f"/{name}"] = own
    for name in (FEW_EVENTS, _CALIBRATION, MISFIT):
        if name in post.children and outcome in post[name].children:
            groups[f"/{name}"] = post[f"{name}/{outcome}"].to_dataset()
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {**post.attrs, SEEN_FROM: outcome, "priors": write_priors(priors_of(post).outcomes[outcome])}
    _tell_of(tree, outcome)
    return tree


def _draws(post: xr.DataTree, outcome: str) -> xr.Dataset:
    joint, card = post["posterior"].to_dataset(), card_of(post)
    own = card.only(outcome)
    wanted = {"intercept", *(f"outcome.{name}" for name in own.outcome.family.own)}
    for term in own.terms:
        wanted |= {card.variable(term.name), *term.parameters}
    variables = {}
    for name in joint.data_vars:
        if name in wanted:
            array = joint[name]
            variables[name] = array.sel({OUTCOME: outcome}, drop=True) if OUTCOME in array.dims else array
    for term in card.terms:
        if term.across == "shared" and f"{term.name}.sigma" in variables:
            loading = joint[f"{term.name}.loading"].sel({OUTCOME: outcome}, drop=True)
            variables[f"{term.name}.sigma"] = variables[f"{term.name}.sigma"] * abs(loading)
    return xr.Dataset(variables, attrs=joint.attrs).drop_vars([OUTCOME, OTHER], errors="ignore")


def _of_rows(rows: xr.Dataset, mine: np.ndarray) -> xr.Dataset:
    own = rows.isel({ROW: mine}).drop_vars(OUTCOME_OF_ROW, errors="ignore")
    if GIVEN in own and bool(own[GIVEN].isnull().all()):
        own = own.drop_vars(GIVEN)
    return own


def _tell_of(tree: xr.DataTree, outcome: str) -> None:
    """Say of the rows and in the notes what holds of that outcome."""
    if "rows_predicted" in tree.attrs:
        tree.attrs["rows_predicted"] = int(tree["constant_data"]["predicted"].sum())
    begin = f"outcome {outcome!r}: "
    lines = [line.removeprefix(begin) for line in str(tree.attrs.get(_NOTES, "")).split("\n") if begin in line]
    tree.attrs.pop(_NOTES, None)
    if lines:
        tree.attrs[_NOTES] = "\n".join(lines)
