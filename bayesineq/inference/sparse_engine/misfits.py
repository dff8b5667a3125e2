"""What `bayesineq.inference.misfit` asks for, from the engine's own arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.inference.misfit import MISFIT, Borders, Rows, misfit, sampled
from bayesineq.inference.sparse_engine.hyper import Model
from bayesineq.inference.sparse_engine.newton import own_value
from bayesineq.inference.sparse_engine.passes import predict

Float = NDArray[np.float64]


def misfits(
    model: Model,
    solved: Design,
    weight: Float,
    draws: tuple[Float, NDArray[np.float32], Float],
    named: Mapping[str, NDArray[Any]],
) -> dict[str, xr.Dataset]:
    """
    Judge the rows of each outcome by some of the draws.

    `weight`: Curvature of the rows' log densities, shape (n_row,). `draws`: As `joint_draws` gives them; `named`: the
    same by name. Returns: groups of a posterior; none where rows are mixtures, whose predictor is not one sum.
    """
    latent, data, (values, large, small) = model.latent, model.data, draws
    if latent.mixed is not None:
        return {}
    found: dict[str, xr.Dataset] = {}
    looked_at = [sampled(piece.rows.stop - piece.rows.start) for piece in data.pieces]
    at_all = np.concatenate([at + piece.rows.start for (at, _), piece in zip(looked_at, data.pieces, strict=True)])
    most = min(max(n_draw for _, n_draw in looked_at), len(values))
    predictors = np.empty((most, len(at_all)))
    for d in range(most):
        predictors[d] = predict(latent, data.offset, large[d].astype(np.float64), small[d], None)[at_all]
    begin = 0
    for k, (piece, outcome) in enumerate(zip(data.pieces, solved.card.outcomes, strict=True)):
        mine, n_draw = looked_at[k]
        at, of, begin, columns = mine + piece.rows.start, range(min(n_draw, most)), begin + len(mine), begin
        lower, upper, given = (column[mine] for column in piece.outcomes)
        rows = Rows(
            family=piece.family,
            lower=lower,
            upper=upper,
            given=given,
            offset=data.offset[at],
            weight=weight[at],
            predictor=predictors[: len(of), columns:begin],
            own=[own_value(latent, data, values[d])[k] for d in of],
        )
        path = f"/{MISFIT}/{outcome.name}" if solved.is_joint else f"/{MISFIT}"
        found[path] = misfit(rows, _borders(solved, k, at, named, len(of)), np.random.default_rng(0))
    return found


def _borders(
    solved: Design, outcome: int, at: NDArray[np.int64], named: Mapping[str, NDArray[Any]], n_draw: int
) -> Borders | None:
    places = solved.places
    if places is None:
        return None
    for block in solved.blocks:
        if block.outcome == outcome and block.dims == (places.dim,) and block.term.covariate is None:
            if not block.term.of_kind.independent:
                return None
            where = {area: k for k, area in enumerate(block.levels[0].astype(str).tolist())}
            position = np.array([where.get(area, -1) for area in places.graph.areas.tolist()])
            effect = named[block.term.name][0, :n_draw].astype(np.float64)
            # Areas without a row have a draw of their prior, which tells nothing.
            seen = np.isin(np.arange(len(position)), places.of_row[at]) & (position >= 0)
            return Borders(places.graph, places.of_row[at], np.where(seen, effect[:, position], np.nan))
    return Borders(places.graph, places.of_row[at], None)
