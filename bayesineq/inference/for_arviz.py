"""A posterior with what ArviZ asks for beside it: observed outcomes, log likelihoods, replicates."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.dims import CHAIN, DRAW, OUTCOME, ROW, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.inference.pointwise import Draws, log_densities, replicates

MAX_VALUES: Final = 200_000_000
"""Draws by rows that are worked out at once: 1.6 GB for each of two groups."""

OBSERVED: Final = "working file, not for release: it holds what was observed of every row"


def to_arviz(
    post: xr.DataTree, design: Design, *, draws: int | None = None, chains: int = 1, seed: int | None = None
) -> xr.DataTree:
    """
    Lay a posterior out with all that ArviZ reads: for `az.loo`, `az.compare`, `az.plot_ppc_dist` and the rest.

    `az.summary`, `az.plot_trace`, `az.plot_forest` and whatever else reads draws alone take a posterior as `fit` made
    it. What they compare with the table needs the table, which a posterior does not keep.

    Parameters
    ----------
    post : DataTree
        A posterior, of either engine.
    design : Design
        The design that was fitted.
    draws : int, optional
        How many draws, spread evenly over each chain; by default all.
    chains : int
        How many chains the independent draws of `engine="laplace"` are dealt to: `az.plot_rank` asks for two. Those of
        a sampler stay as they are.
    seed : int, optional
        Makes the replicates reproducible.

    Returns
    -------
    DataTree
        Groups `posterior`, `sample_stats` where the engine has them, `constant_data`; and of the rows that have an
        outcome, whose positions in the table are the coordinate `row`: `observed_data`, `log_likelihood` and
        `posterior_predictive`, each with a variable of the outcome's name. With several outcomes the rows of each have
        a dimension of their own, `row_OUTCOME`. Of a count that is known as an interval, `observed_data` holds the
        middle and `log_likelihood` that of the interval.

    Raises
    ------
    PosteriorError
        If the design is not the one that was fitted, there are more rows and draws than memory should hold, or fewer
        draws than chains.

    Notes
    -----
    Log likelihoods are those of rows given their own effects. A row whose area has no other is hardly predicted by the
    rest, and `az.loo` says so by a large Pareto k; the checks of `engine="laplace"` leave such rows out in earnest.
    Of rows that are made up of members (latent ethnicity), weights are taken at their average.

    The result holds what was observed. It is for your own analysis, not for release.

    Examples
    --------
    >>> import bayesineq as bi
    >>> place = bi.example()
    >>> study = bi.design(place.table, bi.read_card("prevalence"), adjacency=place.adjacency)
    >>> tree = bi.inference.to_arviz(place.post, study, seed=1)
    >>> tree["log_likelihood"]["prevalence"].sizes["row"]
    360
    >>> sorted(tree.children)
    ['constant_data', 'log_likelihood', 'observed_data', 'posterior', 'posterior_predictive']
    """
    _check_same(post, design)
    at = _chosen(post, draws)
    kept = xr.DataTree.from_dict({f"/{n}": node.to_dataset() for n, node in post.children.items() if n in _CARRIED})
    for name in ("posterior", "sample_stats"):
        if name in kept.children:
            kept[name] = _dealt(kept[name].to_dataset().isel({DRAW: at}), chains)
    n_draw = kept["posterior"].sizes[CHAIN] * kept["posterior"].sizes[DRAW]
    if n_draw * len(design) > MAX_VALUES:
        raise PosteriorError(
            f"{n_draw:,} draws of {len(design):,} rows are more than memory should hold; give draws="
            f"{max(MAX_VALUES // (len(design) * kept['posterior'].sizes[CHAIN]), 1)} or fewer"
        )
    groups: dict[str, dict[str, xr.DataArray]] = {"observed_data": {}, "log_likelihood": {}, "posterior_predictive": {}}
    seeds = np.random.SeedSequence(seed).generate_state(len(design.responses))
    begin = 0
    for k, outcome in enumerate(design.card.outcomes):
        alone = design.only(k) if design.is_joint else design
        rows = begin + np.flatnonzero(alone.response.observed)
        begin += len(alone)
        dim = f"{ROW}_{outcome.name}" if design.is_joint else ROW
        found = _of_outcome(kept["posterior"].to_dataset(), alone.known(), int(seeds[k]))
        for group, value in zip(groups, found, strict=True):
            dims = (dim,) if value.ndim == 1 else (*SAMPLE_DIMS, dim)
            groups[group][outcome.name] = xr.DataArray(value, dims=dims, coords={dim: rows})
    for group, variables in groups.items():
        draws_of = {d: kept["posterior"][d] for d in SAMPLE_DIMS}
        kept[group] = xr.Dataset(variables).assign_coords({} if group == "observed_data" else draws_of)
    kept.attrs |= {**post.attrs, "release": OBSERVED}
    return kept


_CARRIED: Final = ("posterior", "sample_stats", "constant_data")


def _check_same(post: xr.DataTree, design: Design) -> None:
    if post.attrs.get("data_sha256") != design.sha256 or post.attrs.get("card") != design.card.source:
        raise PosteriorError(
            f"the posterior of card {post.attrs.get('card_name')!r} was not fitted to this design of card "
            f"{design.card.name!r}: its card or its table is another; give the design that `fit` was given"
        )


def _chosen(post: xr.DataTree, draws: int | None) -> NDArray[np.int64]:
    """Positions of the draws that are kept of each chain."""
    sizes = post["posterior"].sizes
    if draws is not None and draws < sizes[CHAIN]:
        raise PosteriorError(f"draws={draws}: ask for at least one of each of the {sizes[CHAIN]} chains")
    each = sizes[DRAW] if draws is None else min(draws // sizes[CHAIN], sizes[DRAW])
    return np.unique(np.linspace(0, sizes[DRAW] - 1, each).round().astype(np.int64))


def _dealt(draws: xr.Dataset, chains: int) -> xr.Dataset:
    """Draws of one chain as those of several; the last ones left out where they cannot be dealt evenly."""
    if draws.sizes[CHAIN] > 1 or chains == 1:
        return draws
    each = draws.sizes[DRAW] // max(chains, 1)
    if chains < 1 or each == 0:
        raise PosteriorError(f"chains={chains}: {draws.sizes[DRAW]} draws can be dealt to 1 to {draws.sizes[DRAW]}")
    dealt = [
        draws.isel({CHAIN: [0], DRAW: slice(k, each * chains, chains)}).assign_coords({CHAIN: [k], DRAW: range(each)})
        for k in range(chains)
    ]
    return xr.concat(dealt, dim=CHAIN)


def _of_outcome(posterior: xr.Dataset, design: Design, seed: int) -> tuple[NDArray[Any], ...]:
    """Observed values, log densities and replicates of one outcome's rows; the latter two (chain, draw, row)."""
    shape = (posterior.sizes[CHAIN], posterior.sizes[DRAW], -1)
    flat = _flat(posterior, design)
    return (
        design.response.value,
        log_densities(design, flat).reshape(shape),
        replicates(design, flat, seed).reshape(shape),
    )


def _flat(posterior: xr.Dataset, design: Design) -> Draws:
    """Draws of one outcome by the names that engines have for them."""
    card, out = design.card, {}
    names = {block.term.name: card.variable(block.term.name) for block in design.blocks}
    own = [f"outcome.{name}" for name in card.outcome.family.own]
    for name in ("intercept", *names, *own):
        drawn = posterior[names.get(name, name)]
        if OUTCOME in drawn.dims:
            drawn = drawn.sel({OUTCOME: card.outcome.name}, drop=True)
        levels = [dim for block in design.blocks if block.term.name == name for dim in block.dims]
        value = drawn.transpose(*SAMPLE_DIMS, *levels).to_numpy()
        out[name] = value.reshape(-1, *value.shape[2:])
    return out
