"""Posteriors of several imputations as one: of draws of the weights of members, or of tables that were filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from bayesineq.design.events import FEW_EVENTS, few_in_any
from bayesineq.design.members import Members
from bayesineq.dims import DRAW
from bayesineq.errors import BayesineqError

IMPUTATION: Final = "imputation"
"""Name, among the sample statistics, of which draw of the weights a draw of the posterior stands on."""


def shares_of(draws: int, members: Members) -> list[int]:
    """Draws of the posterior that each draw of the weights gets."""
    n_weight = len(members.weight)
    if draws < n_weight:
        raise BayesineqError(f"draws={draws} are fewer than the {n_weight} draws of the weights; ask for more")
    shares: list[int] = np.diff(np.linspace(0, draws, n_weight + 1).round().astype(int)).tolist()
    return shares


def stack_imputations(posts: Sequence[xr.DataTree]) -> xr.DataTree:
    """
    Stack posteriors of one card fitted to several imputed tables, imputed here or elsewhere.

    Parameters
    ----------
    posts : sequence of DataTree
        From `fit`, one for each imputation, with the same number of draws: each then counts alike.

    Returns
    -------
    DataTree
        Draws one after the other along `draw`, with `sample_stats/imputation`; rows and populations of the first.

    Raises
    ------
    BayesineqError
        There is none, or they differ in card, draws or levels.

    Examples
    --------
    >>> from bayesineq import example
    >>> stacked = stack_imputations([example().post, example().post])
    >>> stacked["posterior"].sizes["draw"], int(stacked["sample_stats"]["imputation"].max())
    (800, 1)
    """
    if not posts:
        raise BayesineqError("there is no posterior to stack; fit each imputation first")
    datasets = [post["posterior"].dataset for post in posts]
    same = all(post.attrs.get("card") == posts[0].attrs.get("card") for post in posts)
    same &= all(set(d.data_vars) == set(datasets[0].data_vars) and d.sizes == datasets[0].sizes for d in datasets)
    if not same:
        raise BayesineqError("posteriors to stack must be of one card, with the same levels, chains and draws")
    n_draw = datasets[0].sizes[DRAW]
    stacked = xr.concat(datasets, dim=DRAW, join="exact", coords="minimal", compat="override")
    record = np.repeat(np.arange(len(posts)), n_draw)
    chains = datasets[0].sizes["chain"]
    groups: dict[str, Any] = {
        f"/{name}": node.dataset for name, node in posts[0].children.items() if name in ("constant_data",)
    }
    groups |= {
        "/posterior": stacked.assign_coords({DRAW: np.arange(len(record))}),
        "/sample_stats": xr.Dataset({IMPUTATION: (("chain", DRAW), np.tile(record, (chains, 1)))}),
    }
    groups |= _few_events(posts)
    tree = xr.DataTree.from_dict(groups, name=posts[0].name)
    tree.attrs |= {**posts[0].attrs, "imputations": len(posts)}
    return tree


def _few_events(posts: Sequence[xr.DataTree]) -> dict[str, xr.Dataset]:
    """Which groups have few events in any imputation; of several outcomes, a group of its own for each."""
    held = [FEW_EVENTS in post.children for post in posts]
    if not any(held):
        return {}
    told = [
        {node.path: node.to_dataset() for node in post[FEW_EVENTS].subtree if node.data_vars}
        for post in posts
        if all(held)
    ]
    if not all(held) or any(set(one) != set(told[0]) for one in told):
        raise BayesineqError(
            "some of the posteriors to stack tell which groups have few events, and others do not: what may be shown "
            "could not be judged; fit each imputation with the same version and card"
        )
    return {path: few_in_any([one[path] for one in told]) for path in told[0]}
