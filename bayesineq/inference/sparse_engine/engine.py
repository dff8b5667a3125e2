"""The sparse engine: a design in, joint draws of its posterior out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bayesineq.design.matrix import Design
from bayesineq.inference.imputations import IMPUTATION, shares_of
from bayesineq.inference.inner import Inner, inner, outer_values
from bayesineq.inference.sparse_engine.axes import explore_axes
from bayesineq.inference.sparse_engine.chain import followed
from bayesineq.inference.sparse_engine.checks import pointwise_checks, row_checks
from bayesineq.inference.sparse_engine.explore import Chain, Explored, explore
from bayesineq.inference.sparse_engine.field import constant_log_determinant
from bayesineq.inference.sparse_engine.guards import refuse_constant, refuse_separation, refuse_unidentified
from bayesineq.inference.sparse_engine.hyper import Model, find_mode, slim
from bayesineq.inference.sparse_engine.many import MANY, Many
from bayesineq.inference.sparse_engine.misfits import misfits
from bayesineq.inference.sparse_engine.modes import draws_of_modes, explore_modes, log_evidence
from bayesineq.inference.sparse_engine.newton import Start, warm
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.passes import Observed, observed
from bayesineq.inference.sparse_engine.terms import latent_field
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.card import base_name
from bayesineq.progress import reporter

Float = NDArray[np.float64]

_MOST_THREADS: Final = 4


_FIRST: Final = "Fitting; the first fit after an install compiles for some seconds"


def sample(
    design: Design,
    *,
    draws: int,
    seed: int | None,
    progress: bool,
    threads: int | None,
    correction: Literal["variational", "none"],
) -> xr.DataTree:
    """
    Fit a latent Gaussian model and draw from its posterior.

    `correction`: Correction of the Laplace approximation; "none" is for comparison only. Returns: as
    `bayesineq.inference.tree.posterior_tree` lays it out, with one chain.
    """
    n_thread = threads if threads is not None else min(os.cpu_count() or 1, _MOST_THREADS)
    refuse_constant(design)
    refuse_separation(design)
    if design.members is not None:
        return _sample_members(design, draws, seed, progress, n_thread, correction)
    clock, solved = _Clock(), inner(design)
    with worker_threads(n_thread) as pool, reporter(progress, _FIRST) as report:
        model, start = build(solved, correction)
        clock.lap("pattern")
        parts = explore_modes(model, start, pool, report, row_checks(model))
        clock.lap("hyperparameters")
        refuse_unidentified(design, model.latent, parts[0].nodes[0].found)
        checks, moved = zip(*(pointwise_checks(model, part, pool) for part in parts), strict=True)
        weight = parts[0].nodes[0].found.curvature
        parts = tuple(replace(part, nodes=(slim(part.nodes[0]), *part.nodes[1:])) for part in parts)
        clock.lap("checks")
        parts = tuple(followed(model, part, seed, pool, report) for part in parts)
        clock.lap("chains")
        drawn = draws_of_modes(model, parts, draws, seed, pool, report)
        clock.lap("draws")
        named = named_draws(solved.design, model.latent, *drawn)
        told = misfits(model, solved.design, weight, drawn, named)
        clock.lap("misfit")
    return posterior_tree(
        design,
        outer_values(solved, named),
        engine="laplace",
        seed=seed,
        checks=over_modes(checks, log_evidence(parts)),
        misfit=told,
        attributes={"correction": correction, "moved_most": moved[0], **_attributes(parts), **clock.seconds},
    )


def _sample_members(
    design: Design, draws: int, seed: int | None, progress: bool, n_thread: int, correction: str
) -> xr.DataTree:
    """A posterior for each draw of the weights of members, stacked: each begins where the one before was found."""
    assert design.members is not None
    shares = shares_of(draws, design.members)
    solved, seeds = inner(design), np.random.SeedSequence(seed).generate_state(len(shares))
    drawn: list[dict[str, NDArray[Any]]] = []
    parts: tuple[Explored, ...] = ()
    with worker_threads(n_thread) as pool, reporter(progress, _FIRST) as report:
        model, start = build(solved, correction)
        assert model.latent.mixed is not None
        for k, share in enumerate(shares):
            mixed = model.latent.mixed.weighted(design.members.weight[k])
            model = replace(model, latent=replace(model.latent, mixed=mixed))
            if len(parts) == 1:
                mode = find_mode(model, start, pool, report, parts[0].nodes[0].x)
                parts = (explore(model, start, pool, report, mode=mode, weigh=False),)
            else:
                parts = _explored_members(model, start, pool, report)
            found = parts[0].nodes[0].found
            if k == 0:
                refuse_unidentified(design, model.latent, found)
            start = warm(model.latent, found)
            parts = tuple(replace(part, nodes=(slim(part.nodes[0]), *part.nodes[1:])) for part in parts)
            values, large, small = draws_of_modes(model, parts, share, int(seeds[k]), pool, report)
            drawn.append(named_draws(solved.design, model.latent, values, large, small))
    stacked = {name: np.concatenate([part[name] for part in drawn], axis=1) for name in drawn[0]}
    return posterior_tree(
        design,
        outer_values(solved, stacked),
        engine="laplace",
        seed=seed,
        sample_stats={IMPUTATION: np.repeat(np.arange(len(shares)), shares)[None]},
        attributes={"correction": correction, **design.members.attributes()},
    )


def _explored_members(
    model: Model, start: Start, pool: ThreadPoolExecutor, report: Callable[[str], None]
) -> tuple[Explored, ...]:
    """Hyperparameters of rows with members: of long tables, which tell them well, by their mode and the curvature."""
    many = model.latent.mixed
    if isinstance(many, Many) and len(many.row) >= MANY:
        return (explore_axes(model, find_mode(model, start, pool, report), pool, report),)
    return explore_modes(model, start, pool, report)


class _Clock:
    """Seconds of each part of a fit, under `seconds_PART`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[f"seconds_{part}"] = round(now - self._last, 4)
        self._last = now


def _attributes(parts: tuple[Explored, ...]) -> dict[str, float | int]:
    """How the hyperparameters were integrated, and the log marginal likelihood of the model."""
    return {
        "modes": len(parts),
        "nodes": sum(len(part.nodes) for part in parts),
        "evaluations": sum(part.evaluations for part in parts),
        "surface_misfit": max(part.misfit for part in parts),
        "hyperparameter_error": max(part.error for part in parts),
        **_of_chains([part.chain for part in parts if part.chain is not None]),
        "log_marginal_likelihood": float(np.logaddexp.reduce(log_evidence(parts))),
    }


def _of_chains(chains: Sequence[Chain]) -> dict[str, float | int]:
    """How chains over the hyperparameters went, where there are any."""
    if not chains:
        return {}
    return {
        "chain_rhat": max(chain.rhat for chain in chains),
        "chain_ess": min(chain.ess for chain in chains),
        "chain_accepted": min(chain.accepted for chain in chains),
    }


def over_modes(checks: Sequence[dict[str, Float]], log_weight: Float) -> dict[str, Float]:
    """
    Checks of rows over several modes of the hyperparameters.

    Shapes: checks (n_row,); log_weight (n_mode,); returns (n_row,).

    Returns: densities averaged over the modes, those without the row by their harmonic mean: leaving a row out
    divides a mode's evidence by what it says of the row.
    """
    if len(checks) == 1:
        return checks[0]
    every = {name: np.stack([check[name] for check in checks]) for name in checks[0]}
    weight = np.exp(log_weight - np.logaddexp.reduce(log_weight))[:, None]
    without = weight / np.maximum(every["cpo"], 1e-300)
    out = {name: value.max(axis=0) for name, value in every.items()}
    out["lpd"] = np.log((weight * np.exp(every["lpd"])).sum(axis=0))
    # Variance of a row's log density over all modes: within each, and between their means, near lpd less half of it.
    means = every["lpd"] - 0.5 * every["p_waic"]
    between = (weight * (means - (weight * means).sum(axis=0)) ** 2).sum(axis=0)
    out["p_waic"] = (weight * every["p_waic"]).sum(axis=0) + between
    out["cpo"] = 1.0 / without.sum(axis=0)
    out["pit"] = (without * every["pit"]).sum(axis=0) / without.sum(axis=0)
    return out


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that stop with the work, whatever ends it."""
    pool = ThreadPoolExecutor(max_workers=max(count, 1), thread_name_prefix="bayesineq-laplace")
    # The pool's threads are all there are: BLAS threads of their own would fight over the same cores.
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def build(solved: Inner, correction: str) -> tuple[Model, Start]:
    """Everything that depends on the design alone."""
    latent, data = latent_field(solved.design), observed(solved)
    start = Start(np.zeros(latent.n_large), np.zeros(latent.n_small), np.zeros(len(data.offset)))
    for k in range(len(data.pieces)):
        start.small[k] = _typical(data, k)
    return Model(latent, data, constant_log_determinant(latent), correction == "variational"), start


def _typical(data: Observed, outcome: int) -> float:
    """Intercept of a model without terms."""
    piece = data.pieces[outcome]
    family, outcomes, offset = piece.family, piece.outcomes, data.offset[piece.rows]
    value = 0.5 * (outcomes.lower + outcomes.upper)
    if family.link == "log":
        # Half an event stands in for none; outcomes that are no counts are never zero, and have a unit.
        none = 0.5 if family.counts else 0.0
        return float(np.log((value.sum() + none) / np.exp(offset).sum()))
    if family.link == "logit":
        share = (value.sum() + 0.5) / (outcomes.given.sum() + 1.0)
        return float(np.log(share) - np.log1p(-share) - offset.mean())
    return float((value - offset).mean())


def named_draws(
    design: Design, latent: Latent, values: Float, large: NDArray[np.float32], small: Float
) -> dict[str, NDArray[Any]]:
    """
    Draws by name, with a chain dimension of one.

    `values, large, small`: Draws of hyperparameters and effects, as `joint_draws` gives them. Returns: `intercept`,
    every term in the design's order, every hyperparameter.
    """
    where = {load.term: load.effect for load in latent.small_loads}
    large_where = {load.term: load.effect for load in latent.large_loads}
    intercepts = [name for name in where if base_name(name)[1] == "intercept"]
    out: dict[str, NDArray[Any]] = {name: small[None, :, where[name].start] for name in intercepts}
    for block in design.blocks:
        name = block.term.name
        source = small[:, where[name]] if name in where else large[:, large_where[name]]
        if name in latent.contrasts:
            basis = latent.contrasts[name].basis.astype(np.float32)
            source = source.astype(np.float32).reshape(-1, basis.shape[1]) @ basis.T
        out[name] = source.reshape(1, -1, *block.shape)
    for i, parameter in enumerate(latent.parameters):
        if parameter.kept:
            out[parameter.name] = values[None, :, i]
    return out
