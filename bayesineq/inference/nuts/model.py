"""A design as a PyMC model."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesineq.design.matrix import Block, Design
from bayesineq.inference.nuts.data import crude, model_data
from bayesineq.inference.nuts.likelihoods import log_density, log_interval
from bayesineq.inference.nuts.mixture import row_predictor
from bayesineq.inference.nuts.priors import arguments, variable
from bayesineq.inference.nuts.rough import Hint, rough, sequence
from bayesineq.inference.nuts.spectral import Said
from bayesineq.inference.nuts.terms import plan

type Tensor = Any
type Weigh = Callable[[], Tensor]

LEVEL: Final = "level"
"""The intercept and the means of the terms whose mean the data cannot tell from it, in sum."""

MEAN_VARIANCE: Final = ".mean_variance"
"""After a term's name: the prior variance of its mean."""


def build(design: Design, weigh: Weigh | None = None) -> pm.Model:
    r"""
    Build the model of a design.

    The sampled constant is not the intercept but the average of the linear predictor over the data,
    :math:`m = \beta_0 + \sum_j \bar x_j + \sum_j c_j' r_j`, with :math:`\bar x_j` the means of exchangeable
    effects, :math:`r_j` everything else and :math:`c_j` its weights in the data. The data determine m well,
    and m given the rest is normal, so the posterior is unchanged and its ridges are gone.

    `design`: A table seen through a card, in units of its own as `inner` makes it. `weigh`: Adds what the weights
    of members depend on, and returns them. By default they are those of the design. Returns: with deterministic
    variables `level`, each term's deviations under its name, their `TERM.mean_variance`, and hyperparameters.
    """
    rows, design = design, design.by_member()
    with pm.Model() as model:
        data = {name: pm.Data(name, value) for name, value in model_data(design).items()}
        eta = add_outcome(design, data)
        if rows.members is None:
            observe_rows(design, eta, data)
        else:
            weight = pt.constant(rows.members.weight[0]) if weigh is None else weigh()
            known = replace(rows, blocks=(), members=None)
            seen = {name: pt.constant(value) for name, value in model_data(known).items()}
            observe_rows(known, row_predictor(rows, weight, eta), seen)
    return model


def add_outcome(
    design: Design,
    data: Mapping[str, Tensor],
    prefix: str = "",
    others: Sequence[Block] = (),
    given: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:
    """
    Add the terms and the level of an outcome to the model on the context stack.

    `prefix`: Before the names of what it has for itself. `others`, `given`: Further terms, whose effects are in the
    model already, by name. Returns: its linear predictor, shape (n_row,).
    """
    prior = arguments(f"{prefix}intercept", design.prior("intercept"))
    mean, variance = prior["mean"], prior["sd"] ** 2
    eta = data["offset"]
    plans = [plan(block, design.priors, design.adjacency) for block in design.blocks]
    coordinates = [p.coordinates for p in plans]
    hints = rough(design, coordinates)
    sampled: dict[int, Tensor] = {}
    for number in sequence(coordinates):
        block, name = design.blocks[number], design.blocks[number].term.name
        term = plans[number].add(_said(hints[number], sampled))
        sampled[number] = term.coordinates
        pm.Deterministic(name, term.deviation)
        average = pt.dot(data[f"{name}.centre"], term.deviation)
        mean = mean + average
        if term.mean_variance is not None:
            variance = variance + pm.Deterministic(name + MEAN_VARIANCE, term.mean_variance)
        eta = eta + _contribution(block, term.deviation, data) - average
    for block in others:
        effect = pm.Deterministic(block.term.name, given[block.term.name])
        average = pt.dot(data[f"{block.term.name}.centre"], effect)
        mean = mean + average
        eta = eta + _contribution(block, effect, data) - average
    centre = pm.Normal(f"{prefix}centre", mean, pt.sqrt(variance), initval=np.asarray(crude(design).level))
    pm.Deterministic(prefix + LEVEL, centre - (mean - prior["mean"]))
    return eta + centre


def _contribution(block: Block, effect: Tensor, data: Mapping[str, Tensor]) -> Tensor:
    """What a term adds to each row."""
    name, reads = block.term.name, block.incidence
    if reads.shares is not None:
        each = data[f"{name}.share"] * effect[data[f"{name}.index"]]
        part = pt.inc_subtensor(pt.zeros(len(reads))[data[f"{name}.row"]], each)
    else:
        part = effect[0] if reads.index is None else effect[data[f"{name}.index"]]
    return part if reads.weight is None else part * data[f"{name}.weight"]


def _said(hint: Hint, sampled: Mapping[int, Tensor]) -> Said:
    estimate = pt.constant(hint.estimate)
    for earlier, slope in hint.slope.items():
        estimate = estimate + pt.dot(pt.constant(slope), sampled[earlier])
    return Said(hint.information, estimate)


def saved(design: Design, model: pm.Model) -> list[str]:
    """
    Names of the model's variables that a posterior is made of.

    Returns: `level`, terms, the variances of their means, and hyperparameters.
    """
    names = [LEVEL]
    for block in design.blocks:
        term = block.term
        names += [term.name, *term.parameters]
        if term.name + MEAN_VARIANCE in model.named_vars:
            names.append(term.name + MEAN_VARIANCE)
    return [*names, *(f"outcome.{p}" for p in design.card.outcome.family.own)]


def observe_rows(design: Design, eta: Tensor, data: Mapping[str, Tensor], prefix: str = "") -> None:
    """
    Add the likelihood of counts or values, known or as intervals, to the model that is being built.

    Shapes: eta (n_row,).

    `prefix`: Before the names of what an outcome of several has for itself.
    """
    likelihood, priors = design.card.outcome.likelihood, design.priors
    parameters = {own: variable(priors, f"{prefix}outcome.{own}") for own in design.card.outcome.family.own}
    known = eta[data["known"]] if "known" in data else eta
    density = log_density(likelihood, known, data["value"], data["trials"], data["constant"], parameters)
    pm.Potential(f"{prefix}likelihood", pt.sum(density))
    if "censored" in data:
        interval = log_interval(
            likelihood,
            eta[data["censored"]],
            data["interval.value"],
            data["interval.trials"],
            data["interval.constant"],
            parameters,
        )
        pm.Potential(f"{prefix}likelihood.interval", pt.sum(interval))
