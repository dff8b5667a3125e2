"""Hyperparameters as PyMC variables, each with the prior that its card states."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesineq.design.card import ModelCard, Prior
from bayesineq.inference.pc_phi import PhiPrior

type Tensor = Any


def normal(name: str, prior: Prior, size: int | None = None) -> Tensor:
    """
    Add coefficients with independent normal priors.

    Parameters
    ----------
    name : str
        Name of the variable.
    prior : Prior
        Normal(mean, sd).
    size : int, optional
        Number of coefficients; a scalar if left out.

    Returns
    -------
    tensor, scalar or shape (size,)
        The coefficients.
    """
    return pm.Normal(name, prior["mean"], prior["sd"], shape=() if size is None else (size,))


def positive(name: str, prior: Prior) -> Tensor:
    """
    Add a positive hyperparameter.

    Parameters
    ----------
    name : str
        Name of the variable.
    prior : Prior
        HalfNormal, Exponential, Gamma, Uniform, or PC(above, probability): exponential with
        P(value > above) = probability.

    Returns
    -------
    tensor, scalar
        The hyperparameter.
    """
    if prior.distribution == "HalfNormal":
        return pm.HalfNormal(name, prior["sd"])
    if prior.distribution == "Gamma":
        return pm.Gamma(name, prior["shape"], prior["rate"])
    if prior.distribution == "Uniform":
        return pm.Uniform(name, prior["lower"], prior["upper"])
    rate = prior["rate"] if prior.distribution == "Exponential" else -np.log(prior["probability"]) / prior["above"]
    return pm.Exponential(name, rate)


def standard_deviation(card: ModelCard, owner: str) -> Tensor:
    """
    Add the standard deviation of a term or outcome, whose prior may stand on its precision.

    Parameters
    ----------
    card : ModelCard
        The model.
    owner : str
        Name of a term, or "outcome".

    Returns
    -------
    tensor, scalar
        The standard deviation, recorded as `OWNER.sigma`.
    """
    if card.states_precision(owner):
        precision = positive(f"{owner}.precision", card.prior(f"{owner}.precision"))
        return pm.Deterministic(f"{owner}.sigma", 1 / pt.sqrt(precision))
    return positive(f"{owner}.sigma", card.prior(f"{owner}.sigma"))


def proportion(name: str, prior: Prior, complexity: Callable[[], PhiPrior] | None = None) -> Tensor:
    """
    Add a proportion or a correlation.

    Parameters
    ----------
    name : str
        Name of the variable.
    prior : Prior
        Beta(a, b), Uniform(lower, upper), or PC for the mixing parameter of BYM2.
    complexity : callable, optional
        Gives the tabulated PC prior; called where `prior` is one.

    Returns
    -------
    tensor, scalar
        The proportion.
    """
    if prior.distribution == "Beta":
        return pm.Beta(name, prior["a"], prior["b"])
    if prior.distribution == "Uniform":
        return pm.Uniform(name, prior["lower"], prior["upper"])
    if complexity is None:
        raise ValueError(f"{name}: a PC prior on a proportion needs its table")
    table = complexity()
    logit = pm.Uniform(f"{name}.logit", table.knot[0], table.knot[-1])
    pm.Potential(f"{name}.prior", tabulated(logit, table))
    return pm.Deterministic(name, pt.sigmoid(logit))


def tabulated(logit: Tensor, table: PhiPrior) -> Tensor:
    """
    Log density of logit(phi) by its spline.

    Parameters
    ----------
    logit : tensor, scalar
        logit(phi), within the table.
    table : PhiPrior
        Spline of the log density.

    Returns
    -------
    tensor, scalar
        Log density with respect to logit(phi).
    """
    piece = pt.clip(pt.searchsorted(pt.constant(table.knot), logit, side="right") - 1, 0, len(table.knot) - 2)
    step = logit - pt.constant(table.knot)[piece]
    a, b, c, d = (pt.constant(row)[piece] for row in table.coefficient)
    return ((a * step + b) * step + c) * step + d
