"""Sampling a design with NUTS: nutpie where it is installed, PyMC's own sampler otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError, DesignError
from bayesineq.inference.inner import inner, outer_values
from bayesineq.inference.nuts.hand_over import pymc_model
from bayesineq.inference.pointwise import predictive_checks
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.card import of_outcome
from bayesineq.progress import reporter

TARGET_ACCEPT: Final = 0.9
"""Smaller steps than the samplers' default: no divergence where phi or sigma comes near the end of its range."""

_STATISTICS: Final = {
    "diverging": "diverging",
    "n_steps": "n_steps",
    "depth": "tree_depth",
    "tree_depth": "tree_depth",
    "step_size": "step_size",
    "energy": "energy",
    "logp": "lp",
    "lp": "lp",
}
"""The samplers' names of what is kept of their record, and ours."""


class SamplerWarning(UserWarning):
    """The fit runs, but not with the sampler that it would run with after `pip install "bayesineq[nuts]"`."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """
    A model ready to sample, for every design of the same card, levels and graph.

    Parameters
    ----------
    design : Design
        The design that it was compiled for.
    model : object
        The PyMC model.
    program : object or None
        nutpie's compiled model; None where PyMC's own sampler is used.
    """

    design: Design
    model: Any
    program: Any | None


def sample(
    design: Design,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int | None,
    progress: bool,
) -> xr.DataTree:
    """
    Sample the posterior of a design.

    `draws, tune`: Draws kept of each chain, and draws of adaptation before them.
    """
    with reporter(progress, "Compiling the model"):
        compiled = compile_once(design)
    return sample_compiled(compiled, design, draws=draws, tune=tune, chains=chains, seed=seed, progress=progress)


def compile_once(design: Design) -> Compiled:
    """Compile the model of a design, which takes longer than sampling a small one."""
    if find_spec("pymc") is None:
        raise BayesineqError(
            "engine 'nuts' needs PyMC, which is not installed; run: pip install \"bayesineq[nuts]\", "
            "or fit with engine='laplace'"
        )
    model = pymc_model(design)
    if find_spec("nutpie") is None:
        warnings.warn(
            "nutpie is not installed, so PyMC's own sampler is used: the same posterior, several times slower; "
            'pip install "bayesineq[nuts]" brings it',
            SamplerWarning,
            stacklevel=3,
        )
        return Compiled(design, model, None)
    import nutpie

    return Compiled(design, model, nutpie.compile_pymc_model(model, var_names=_wanted(design, model)))


def _wanted(design: Design, model: Any) -> list[str]:
    """Names of the model's variables that a posterior is made of."""
    from bayesineq.inference.nuts.joint import saved_joint
    from bayesineq.inference.nuts.model import saved

    return saved_joint(design, model) if design.is_joint else saved(design, model)


def sample_compiled(
    compiled: Compiled,
    design: Design,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int | None,
    progress: bool,
) -> xr.DataTree:
    """
    Sample a design with a model compiled for one of the same shape.

    `design`: Its card, levels and graph must be those that were compiled; its rows, counts and scales may be
    others.
    """
    from bayesineq.inference.nuts.data import model_data
    from bayesineq.inference.nuts.joint import joint_data

    _check_same(compiled.design, design)
    stream = np.random.default_rng(seed)
    sampler_seed = int(stream.integers(2**31))
    solved = inner(design)
    data = joint_data(solved.design) if design.is_joint else model_data(solved.design.by_member())
    if compiled.program is None:
        trace, sampler = _with_pymc(compiled, data, draws, tune, chains, sampler_seed, progress), "pymc"
    else:
        trace, sampler = _with_nutpie(compiled, data, draws, tune, chains, sampler_seed, progress), "nutpie"
    drawn = contributions(solved.design, trace["posterior"].dataset, stream)
    record = trace["sample_stats"].dataset
    statistics = {ours: record[theirs].to_numpy() for theirs, ours in _STATISTICS.items() if theirs in record}
    attributes: dict[str, str | int | float] = {"sampler": sampler, "tune": tune}
    if design.members is not None:
        attributes |= design.members.attributes()
    values = outer_values(solved, drawn)
    return posterior_tree(
        design,
        values,
        engine="nuts",
        seed=seed,
        sample_stats=statistics,
        checks=predictive_checks(design, values),
        attributes=attributes,
    )


def _with_nutpie(
    compiled: Compiled,
    data: Mapping[str, NDArray[Any]],
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    progress: bool,
) -> xr.DataTree:
    import nutpie

    assert compiled.program is not None
    # Poisson counts, say, have no use for trials, and what the model does not use the program does not know.
    known = {variable.name for variable in compiled.program.shared_var_keys}
    program = compiled.program.with_data(**{name: value for name, value in data.items() if name in known})
    trace: xr.DataTree = nutpie.sample(
        program,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        progress_bar=progress,
        save_warmup=False,
        target_accept=TARGET_ACCEPT,
    )
    return trace


def _with_pymc(
    compiled: Compiled,
    data: Mapping[str, NDArray[Any]],
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    progress: bool,
) -> xr.DataTree:
    import pymc

    with compiled.model:
        pymc.set_data(dict(data))
        trace: xr.DataTree = pymc.sample(
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=seed,
            progressbar=progress,
            quiet=not progress,
            var_names=_wanted(compiled.design, compiled.model),
            nuts_sampler="pymc",
            target_accept=TARGET_ACCEPT,
            compute_convergence_checks=False,
        )
    return trace


def _check_same(before: Design, after: Design) -> None:
    same = before.card.source == after.card.source and before.card == after.card
    for old, new in zip(before.blocks, after.blocks, strict=False):
        same &= old.shape == new.shape and all(map(np.array_equal, old.levels, new.levels))
        same &= old.reference == new.reference
    if before.adjacency is not None and after.adjacency is not None:
        same &= np.array_equal(before.adjacency.edges, after.adjacency.edges)
    # What rows with members hold is part of the model.
    if not same or (after.members is not None and before is not after):
        raise DesignError("the model was compiled for another card, other levels or another graph; compile it anew")


def contributions(design: Design, posterior: xr.Dataset, stream: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """
    Intercept, effects and hyperparameters of each draw.

    What was sampled in sum, the intercept and the means of some terms, is drawn apart here: independent normals
    given their sum.

    Shapes: returns (chain, draw, *levels).
    """
    from bayesineq.inference.nuts.joint import each_outcome, joint_parameters
    from bayesineq.inference.nuts.model import LEVEL, MEAN_VARIANCE

    if design.is_joint:
        values = {name: np.array(posterior[name].to_numpy()) for name in joint_parameters(design)}
        for outcome, one in zip(design.card.outcomes, each_outcome(design), strict=True):
            prefix = of_outcome(outcome.name, "")
            alone = {prefix + LEVEL: LEVEL, **{f"{prefix}outcome.{of}": f"outcome.{of}" for of in outcome.family.own}}
            found = contributions(one, posterior.rename(alone), stream)
            own_names = ("intercept", *(f"outcome.{of}" for of in outcome.family.own))
            values |= {prefix + name: found[name] for name in own_names}
            values |= {block.term.name: found[block.term.name] for block in one.blocks}
        return values
    own = (f"outcome.{name}" for name in design.card.outcome.family.own)
    terms = [block.term for block in design.blocks]
    wanted = {LEVEL, *(term.name for term in terms), *(name for term in terms for name in term.parameters), *own}
    values = {
        str(name): np.array(posterior[name].to_numpy())
        for name in posterior.data_vars
        if name in wanted or str(name).endswith(MEAN_VARIANCE)
    }
    level = values.pop(LEVEL)
    prior = design.prior("intercept")
    variances = {"intercept": np.full(level.shape, prior["sd"] ** 2)}
    for block in design.blocks:
        if block.term.name + MEAN_VARIANCE in values:
            variances[block.term.name] = values.pop(block.term.name + MEAN_VARIANCE)
    free = {name: stream.standard_normal(level.shape) * np.sqrt(v) for name, v in variances.items()}
    free["intercept"] += prior["mean"]
    surplus = (level - sum(free.values())) / sum(variances.values())
    parts = {name: free[name] + variances[name] * surplus for name in variances}
    values["intercept"] = parts.pop("intercept")
    for name, part in parts.items():
        values[name] += part[..., None]
    for block in design.blocks:
        values[block.term.name] = values[block.term.name].reshape(*level.shape, *block.shape)
    return values
