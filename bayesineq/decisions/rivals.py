"""The same places given by simpler rules: what choosing the areas adds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.allocate import Allocation
from bayesineq.decisions.benefit import check_benefit, people_in, unit_dims
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import mean_interval

Array = NDArray[np.float64]

CHOSEN = "as allocated"
EVENLY = "evenly"


def targeting_rules(
    allocation: Allocation,
    benefit: xr.DataArray,
    treated: xr.DataArray,
    scores: Mapping[str, xr.DataArray],
    *,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    Give the places of an allocation by simpler rules, and compare what they gain.

    Shapes: benefit (chain, draw, unit..., intervention); scores (unit...).

    Notes
    -----
    Every rule gives as many places of each intervention as the allocation does, so that rules differ only in who gets
    them. The allocation was made on the mean of the same draws, which is the right rule given the posterior; that the
    posterior is right is what no comparison of rules on it can show.
    """
    checked = check_benefit(benefit)
    units = unit_dims(checked)
    order = (*units, INTERVENTION)
    template = checked.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True).reset_coords(drop=True)
    people = np.asarray(people_in(checked).transpose(*units).values).reshape(-1, 1)
    sampled = [dim for dim in SAMPLE_DIMS if dim in treated.dims]
    share = (treated.mean(sampled) if sampled else treated).reset_coords(drop=True)
    wide = np.asarray(share.broadcast_like(template).transpose(*order).values)
    places = wide.reshape(-1, template.sizes[INTERVENTION]) * people
    chosen = np.asarray(allocation.share.transpose(*order).values).reshape(places.shape)
    given = {CHOSEN: chosen}
    wanted = (chosen * places).sum(axis=0)
    for name, score in scores.items():
        plain = score.reset_coords(drop=True)
        if set(plain.dims) != set(units) or any(plain.sizes[dim] != template.sizes[dim] for dim in units):
            raise DecisionError(f"The rule {name!r} needs one score for each unit ({', '.join(units)}).")
        rank = np.argsort(-np.asarray(plain.transpose(*units).values, np.float64).ravel(), kind="stable")
        given[name] = _in_order(rank, places, wanted)
    everywhere = np.where(places.sum(axis=0) > 0, wanted / np.maximum(places.sum(axis=0), 1e-300), 0.0)
    given[EVENLY] = np.broadcast_to(everywhere / max(1.0, float(everywhere.sum())), places.shape)
    draws = checked.transpose(*SAMPLE_DIMS, *order).values.reshape(-1, *places.shape)
    gained = {name: np.einsum("suk,uk->s", draws, rule * people) for name, rule in given.items()}
    return pd.DataFrame([_row(name, given[name], places, gained, prob) for name in given])


def _in_order(rank: NDArray[np.int64], places: Array, wanted: Array) -> Array:
    """Fill the units in order, each intervention up to its places, no unit above one whole."""
    out, room = np.zeros(places.shape), np.ones(len(places))
    for k in np.argsort(-wanted, kind="stable"):
        ahead = np.concatenate([[0.0], np.cumsum((room * places[:, k])[rank])])[:-1]
        left = np.clip(wanted[k] - ahead, 0.0, None)
        here = places[rank, k]
        part = np.minimum(room[rank], np.divide(left, here, out=np.zeros_like(here), where=here > 0))
        out[rank, k] = part
        room[rank] -= part
    return out


def _row(name: str, rule: Array, places: Array, gained: Mapping[str, Array], prob: float) -> dict[str, object]:
    over = gained[name] - gained[EVENLY]
    own = dict(zip(("benefit", "lower", "upper"), mean_interval(gained[name], prob), strict=True))
    more = dict(zip(("over_evenly", "over_lower", "over_upper"), mean_interval(over, prob), strict=True))
    return {
        "rule": name,
        "treated": float((rule * places).sum()),
        **own,
        **more,
        "p_over": float((over > 0).mean()),
    }
