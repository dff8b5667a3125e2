"""Fitting a mixture: by the sparse engine for each draw of the weights, stacked, or jointly by NUTS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.design.mixture import Mixture
from bayesineq.dims import DRAW
from bayesineq.errors import BayesineqError
from bayesineq.inference.mixture.linear import check_linear, linearised, part_name
from bayesineq.inference.mixture.sigma import draw_sigma
from bayesineq.inference.tree import posterior_tree

IMPUTATION: Final = "imputation"
"""Name, among the sample statistics, of which draw of the weights a draw of the posterior stands on."""

CUT: Final = "cut: weights of the latent column are drawn from the model of recording, without the outcome"

_PILOT: Final = 100

type Float = NDArray[np.float64]


@dataclass(slots=True)
class _Point:
    """Where the next expansion is made."""

    intercept: float
    effects: dict[str, Float]
    sigma: dict[str, float]


def fit_mixture(
    mixture: Mixture,
    *,
    draws: int = 1000,
    iterations: int = 3,
    seed: int | None = None,
    threads: int | None = None,
    correction: Literal["variational", "none"] = "variational",
) -> xr.DataTree:
    """
    Fit a mixture with the sparse engine, for each draw of its weights, and stack the posteriors.

    Parameters
    ----------
    mixture : Mixture
        A table seen through a card with a latent column; each draw of its weights is fitted.
    draws : int
        Draws in all.
    iterations : int
        Expansions before the first draw of the weights; each draw starts from the last and is expanded twice.
    seed : int, optional
        Makes the draws reproducible.
    threads : int, optional
        As of `fit`.
    correction : {"variational", "none"}
        As of `fit`.

    Returns
    -------
    DataTree
        As of `fit`, with `sample_stats/imputation`: the draw of the weights that each draw stands on.

    Raises
    ------
    DesignError
        A term on the latent column is neither fixed nor exchangeable.
    BayesineqError
        Fewer draws than draws of the weights.

    Notes
    -----
    This is a cut posterior: the weights come from the model of recording, and what the outcome knows about recording
    is not fed back. `bayesineq.inference.nuts.mixture` fits both together. Within a draw, the link of a row's mean is
    expanded to first order in its members' predictors at the posterior mean, until that stands still. The spread of an
    exchangeable term on the latent column is drawn given the effects of the draw before, as in a Gibbs sampler.
    """
    from bayesineq.inference.sparse_engine import engine

    check_linear(mixture)
    n_weight = len(mixture.weight)
    if draws < n_weight:
        raise BayesineqError(f"draws={draws} are fewer than the {n_weight} draws of the weights; ask for more")
    stream = np.random.default_rng(seed)

    def sample(weight: Float, point: _Point, n_draw: int) -> xr.Dataset:
        linear = linearised(mixture, weight, point.intercept, point.effects, point.sigma)
        tree = engine.sample(
            linear,
            draws=n_draw,
            seed=int(stream.integers(2**31)),
            progress=False,
            threads=threads,
            correction=correction,
        )
        return tree["posterior"].dataset

    point = _start(mixture)
    mean = mixture.weight.mean(axis=0)
    for _ in range(iterations):
        _move(mixture, point, sample(mean, point, _PILOT), stream)
    shares = np.diff(np.linspace(0, draws, n_weight + 1).round().astype(int))
    drawn, imputation = [], []
    for k, (weight, share) in enumerate(zip(mixture.weight, shares.tolist(), strict=True)):
        _move(mixture, point, sample(weight, point, _PILOT), stream)
        posterior = sample(weight, point, max(share, 2))
        drawn.append(_values(mixture, point, posterior, share))
        imputation.append(np.full(share, k))
        _move(mixture, point, posterior, stream)
    values = {name: np.concatenate([part[name] for part in drawn], axis=1) for name in drawn[0]}
    return posterior_tree(
        mixture.design,
        values,
        engine="laplace",
        seed=seed,
        sample_stats={IMPUTATION: np.concatenate(imputation)[None]},
        attributes={
            "correction": correction,
            "weights": CUT,
            "imputations": n_weight,
            **(mixture.unrecorded.attributes() if mixture.unrecorded else {}),
        },
    )


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
    tree = xr.DataTree.from_dict(groups, name=posts[0].name)
    tree.attrs |= {**posts[0].attrs, "imputations": len(posts)}
    return tree


def _start(mixture: Mixture) -> _Point:
    response, design = mixture.response, mixture.design
    top = response.value.sum() + 0.5
    if design.card.outcome.link == "logit":
        assert response.trials is not None
        share = top / (response.trials.sum() + 1.0)
        intercept = float(np.log(share / (1 - share)))
    else:
        intercept = float(np.log(top / (np.exp(response.offset).sum() + 1.0)))
    effects = {block.term.name: np.zeros(block.shape) for block in design.blocks}
    return _Point(intercept, effects, {b.term.name: 0.5 for b in _exchangeable(mixture)})


def _exchangeable(mixture: Mixture) -> list[Block]:
    blocks = mixture.design.blocks
    return [b for b in blocks if mixture.latent in b.dims and b.term.kind == "exchangeable"]


def _move(mixture: Mixture, point: _Point, posterior: xr.Dataset, stream: np.random.Generator) -> None:
    n_draw = posterior.sizes[DRAW]
    values = _values(mixture, point, posterior, n_draw)
    point.intercept = float(values["intercept"].mean())
    point.effects = {b.term.name: values[b.term.name][0].mean(axis=0) for b in mixture.design.blocks}
    for block in _exchangeable(mixture):
        one = values[block.term.name][0, int(stream.integers(n_draw))]
        point.sigma[block.term.name] = draw_sigma(mixture.design.priors, block.term.name, one, stream)


def _values(mixture: Mixture, point: _Point, posterior: xr.Dataset, n_draw: int) -> dict[str, NDArray[Any]]:
    """Draws by the terms of the card: parts of a term on the latent column are put together again."""
    design: Design = mixture.design
    values: dict[str, NDArray[Any]] = {"intercept": posterior["intercept"].to_numpy()[:, :n_draw]}
    used = {"intercept"}
    for block in design.blocks:
        name = block.term.name
        if mixture.latent not in block.dims:
            variable = _variable(posterior, name)
            values[name] = posterior[variable].to_numpy()[:, :n_draw]
            used.add(variable)
            continue
        whole = np.zeros((1, n_draw, *block.shape))
        axis = block.dims.index(mixture.latent)
        for k, level in enumerate(block.levels[axis]):
            if (variable := _variable(posterior, part_name(name, level))) in posterior:
                np.moveaxis(whole, axis + 2, 2)[:, :, k] = posterior[variable].to_numpy()[:, :n_draw]
                used.add(variable)
        values[name] = whole
        if block.term.kind == "exchangeable":
            values[f"{name}.sigma"] = np.full((1, n_draw), point.sigma[name])
    rest = {str(v): posterior[v].to_numpy()[:, :n_draw] for v in posterior.data_vars if v not in used}
    return values | rest


def _variable(posterior: Mapping[Any, Any], name: str) -> str:
    return f"{name}.effect" if f"{name}.effect" in posterior else name
