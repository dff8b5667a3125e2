"""Hyperparameters as PyMC variables, each with the prior that its card states."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymc as pm
import pytensor.tensor as pt

from bayesineq.design.priors import Priors
from bayesineq.inference.nuts.data import PRIOR
from bayesineq.inference.pc_phi import PhiPrior
from bayesineq.model.families import OwnParameter
from bayesineq.model.priors import Prior

type Tensor = Any


def arguments(parameter: str, prior: Prior) -> dict[str, Tensor]:
    """
    Arguments of a prior as data of the model on the context stack, so that a compiled model takes those of new data.

    Parameters
    ----------
    parameter : str
        Name of the parameter that the prior is of.
    prior : Prior
        Its prior.

    Returns
    -------
    dict of str to tensor
        By the argument's name.
    """
    data = pm.modelcontext(None)[PRIOR + parameter]
    return {name: data[i] for i, name in enumerate(prior.parameters)}


def normal(name: str, parameter: str, prior: Prior, size: int | None = None) -> Tensor:
    """
    Add coefficients with independent normal priors.

    Parameters
    ----------
    name : str
        Name of the variable.
    parameter : str
        Name of the parameter.
    prior : Prior
        Normal(mean, sd).
    size : int, optional
        Number of coefficients; a scalar if left out.

    Returns
    -------
    tensor, scalar or shape (size,)
        The coefficients.
    """
    said = arguments(parameter, prior)
    return pm.Normal(name, said["mean"], said["sd"], shape=() if size is None else (size,))


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
    said = arguments(name, prior)
    if prior.distribution == "HalfNormal":
        return pm.HalfNormal(name, said["sd"])
    if prior.distribution == "Gamma":
        return pm.Gamma(name, said["shape"], said["rate"])
    if prior.distribution == "Uniform":
        return pm.Uniform(name, said["lower"], said["upper"])
    rate = said["rate"] if prior.distribution == "Exponential" else -pt.log(said["probability"]) / said["above"]
    return pm.Exponential(name, rate)


def standard_deviation(priors: Priors, owner: str) -> Tensor:
    """
    Add the standard deviation of a term or outcome, whose prior may stand on its precision.

    Parameters
    ----------
    priors : Priors
        The priors in force.
    owner : str
        Name of a term, or "outcome".

    Returns
    -------
    tensor, scalar
        The standard deviation, recorded as `OWNER.sigma`.
    """
    if priors.states_precision(owner):
        precision = positive(f"{owner}.precision", priors[f"{owner}.precision"])
        return pm.Deterministic(f"{owner}.sigma", 1 / pt.sqrt(precision))
    return positive(f"{owner}.sigma", priors[f"{owner}.sigma"])


def own_parameter(priors: Priors, own: OwnParameter) -> Tensor:
    """
    Add a parameter of the likelihood itself, whose prior may stand on the dispersion: one over its root.

    Parameters
    ----------
    priors : Priors
        The priors in force.
    own : OwnParameter
        Which.

    Returns
    -------
    tensor, scalar
        The parameter, recorded as `outcome.NAME`.
    """
    name = f"outcome.{own.name}"
    if own.dispersed and "outcome.dispersion" in priors.force:
        spread = positive("outcome.dispersion", priors["outcome.dispersion"])
        return pm.Deterministic(name, spread**-2.0)
    if own.upper == 1.0:
        return proportion(name, priors[name])
    return standard_deviation(priors, "outcome") if own.name == "sigma" else positive(name, priors[name])


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
        said = arguments(name, prior)
        return pm.Beta(name, said["a"], said["b"])
    if prior.distribution == "Uniform":
        said = arguments(name, prior)
        return pm.Uniform(name, said["lower"], said["upper"])
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
