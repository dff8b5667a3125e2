"""Hyperparameters as PyMC variables, each with the prior in force."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesineq.design.priors import Priors
from bayesineq.inference.nuts.data import PRIOR
from bayesineq.inference.pc_phi import PhiPrior
from bayesineq.model.horseshoe import normals
from bayesineq.model.priors import Prior

type Tensor = Any


def _horseshoe(name: str, scale: Tensor, slab: Tensor, size: tuple[int, ...] = ()) -> Tensor:
    """
    The horseshoe's own density, as the mixture of normals that it is.

    A coefficient that the data know is one direction for the sampler; with a scale beside it, it would be a ridge.
    """

    def log_density(value: Tensor, scale: Tensor, slab: Tensor) -> Tensor:
        precision, share = normals((scale / slab) ** 2)
        each = pt.log(share * pt.sqrt(precision / (2.0 * np.pi))) - 0.5 * precision * (value[..., None] / scale) ** 2
        most = pt.max(each, axis=-1)
        return most + pt.log(pt.sum(pt.exp(each - most[..., None]), axis=-1)) - pt.log(scale)

    return pm.CustomDist(
        name, scale, slab, logp=log_density, support_point=lambda of, size, scale, slab: pt.full(size, 0.5 * scale),
        shape=size, signature="(),()->()",
    )  # fmt: skip


VARIABLES: Final[Mapping[str, Callable[..., Tensor]]] = {
    "Normal": lambda name, mean, sd, size=(): pm.Normal(name, mean, sd, shape=size),
    "StudentT": lambda name, df, mean, scale, size=(): pm.StudentT(name, nu=df, mu=mean, sigma=scale, shape=size),
    "Horseshoe": _horseshoe,
    "HalfNormal": lambda name, sd, size=(): pm.HalfNormal(name, sd, shape=size),
    "Exponential": lambda name, rate, size=(): pm.Exponential(name, rate, shape=size),
    "Gamma": lambda name, shape, rate, size=(): pm.Gamma(name, shape, rate, shape=size),
    "Beta": lambda name, a, b, size=(): pm.Beta(name, a, b, shape=size),
    "Uniform": lambda name, lower, upper, size=(): pm.Uniform(name, lower, upper, shape=size),
    "PC": lambda name, above, probability, size=(): pm.Exponential(name, -pt.log(probability) / above, shape=size),
}
"""Variable of each distribution of `bayesineq.model.priors` with a law of its own, by the distribution's arguments."""


def arguments(parameter: str, prior: Prior) -> dict[str, Tensor]:
    """Arguments of a prior as data of the model on the stack, so that a compiled model takes those of new data."""
    data = pm.modelcontext(None)[PRIOR + parameter]
    return {name: data[i] for i, name in enumerate(prior.parameters)}


def variable(priors: Priors, parameter: str, name: str | None = None, count: int | None = None) -> Tensor:
    """
    Add a parameter, whose prior may stand on a power of it: on a precision, or on a dispersion.

    Shapes: returns (count,).
    """
    on, power = priors.stands_on(parameter)
    size = () if count is None else (count,)
    drawn = VARIABLES[priors[on].distribution](name or on, **arguments(on, priors[on]), size=size)
    return drawn if power == 1.0 else pm.Deterministic(parameter, drawn ** (1.0 / power))


def mixing(name: str, table: PhiPrior) -> Tensor:
    """Add the mixing parameter of BYM2 with its tabulated prior."""
    logit = pm.Uniform(f"{name}.logit", table.knot[0], table.knot[-1])
    pm.Potential(f"{name}.prior", tabulated(logit, table))
    return pm.Deterministic(name, pt.sigmoid(logit))


def tabulated(logit: Tensor, table: PhiPrior) -> Tensor:
    """Log density of logit(phi) by its spline."""
    piece = pt.clip(pt.searchsorted(pt.constant(table.knot), logit, side="right") - 1, 0, len(table.knot) - 2)
    step = logit - pt.constant(table.knot)[piece]
    a, b, c, d = (pt.constant(row)[piece] for row in table.coefficient)
    return ((a * step + b) * step + c) * step + d
