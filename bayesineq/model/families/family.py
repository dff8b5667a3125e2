"""What a likelihood is, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesineq.model.families.density import Density, Floats
from bayesineq.model.priors import PARAMETER_KINDS, Prior, complexity

type Link = Literal["logit", "log", "identity"]
type Own = Mapping[str, float]
type Replicate = Callable[[np.random.Generator, Floats, Floats, Floats, Own], Floats]

DISPERSION = "dispersion"
"""Name of one over the root of a size, concentration or shape, on which its prior may stand."""

INVERSE: Mapping[Link, Callable[[Floats], Floats]] = {"logit": expit, "log": np.exp, "identity": np.asarray}
"""Mean of each link's linear predictor."""


def one(level: float, unit: float) -> float:
    """Unit of a parameter that has none."""
    return 1.0


def unit_of_predictor(level: float, unit: float) -> float:
    """Unit of a parameter that is measured as the linear predictor is."""
    return unit


@dataclass(frozen=True, slots=True)
class OwnParameter:
    """
    A parameter of the likelihood itself, `outcome.NAME` on a card and in a posterior.

    Parameters
    ----------
    name : str
        Its name.
    prior : Prior
        Default, in units: of the parameter, or of one over its root where `dispersed`.
    unit : callable
        Size of that unit, given the outcome's mean on the scale of its link and the unit of the linear predictor.
    dispersed : bool
        Whether it grows as the scatter shrinks (size, concentration, shape), so that the default stands on
        `outcome.dispersion`, one over its root: a standard deviation by the mean.
    upper : float
        End of its support; the other is zero.
    allowed : tuple of str
        Distributions that a prior on it may have.
    start : float
        Where an engine starts from.
    """

    name: str
    prior: Prior
    unit: Callable[[float, float], float] = one
    dispersed: bool = False
    upper: float = float("inf")
    allowed: tuple[str, ...] = ("Gamma", "Exponential", "HalfNormal")
    start: float = 10.0

    @property
    def prior_on(self) -> str:
        """Name of the parameter that the default stands on."""
        return DISPERSION if self.dispersed else self.name


def standard_deviation(link: Link) -> OwnParameter:
    """Standard deviation of an outcome about its linear predictor, by default below three spreads of the outcome."""
    return OwnParameter(
        "sigma",
        complexity(DEFAULT_ABOVE[link]),
        unit_of_predictor,
        allowed=PARAMETER_KINDS["sigma"].allowed,
        start=0.5,
    )


DEFAULT_ABOVE: Mapping[Link, float] = {"identity": 3.0, "log": 1.0, "logit": 1.0}
"""Units that a default standard deviation exceeds with probability 0.01 (Simpson et al. 2017), by link."""


@dataclass(frozen=True, slots=True)
class Check:
    """
    What a column of one role must hold, beyond what its role says.

    Parameters
    ----------
    role : str
        Role of the column.
    wrong : callable
        Of its values, missing ones among them: whether each cannot be.
    said : str
        What such values are: "is not positive".
    so : str
        What they should be: "gamma outcomes are".
    """

    role: str
    wrong: Callable[[Floats], NDArray[np.bool_]]
    said: str
    so: str


def not_positive(role: str, so: str) -> Check:
    """Values that must be above zero."""
    return Check(role, lambda value: value <= 0, "is not positive", so)


@dataclass(frozen=True, slots=True)
class Family:
    """
    A likelihood: everything that the package knows of it, but for its line in `bayesineq.inference.nuts`.

    Parameters
    ----------
    name : str
        As a card has it.
    link : {"logit", "log", "identity"}
        Link of its location: the mean, but for `mean_shift`.
    counts : bool
        Whether outcomes are counts (column `count`, or `lower` and `upper` where they are intervals, unless
        `observed` says otherwise); else they are measured (column `value`).
    replicate : callable
        Random outcomes: (generator, mean of a unit of exposure, exposure, what is given of each row, own parameters).
    density : Density
        Its formulas for the sparse engine; of the outcome's logarithm where `logged`.
    observed : str, optional
        Role of the column of outcomes.
    given : str, optional
        Role of the column that the likelihood is given beside the outcome: its denominator, or its standard error.
    needs, takes : tuple of str
        Roles that must, and that may, be named beside the outcome's.
    parameters : tuple of OwnParameter
        Parameters of its own, in the order in which the engines' formulas take them.
    checks : tuple of Check
        What columns must hold.
    logged : bool
        Whether the linear predictor is that of the outcome's logarithm.
    mean_shift : callable, optional
        What is added to the linear predictor, given draws of the own parameters, before it is turned to the mean.
    between_people : str, optional
        Name by which `bayesineq.measures.heterogeneity` knows the variance between individuals on the linear predictor;
        None where none is agreed on.
    wider : str, optional
        A likelihood of the same columns with more scatter.
    with_none : str, optional
        A likelihood of the same columns in which some rows can have no event.
    """

    name: str
    link: Link
    counts: bool
    replicate: Replicate
    density: Density
    observed: str | None = None
    given: str | None = None
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ("population",)
    parameters: tuple[OwnParameter, ...] = ()
    checks: tuple[Check, ...] = ()
    logged: bool = False
    mean_shift: Callable[[Mapping[str, Floats]], Floats] | None = None
    between_people: str | None = None
    wider: str | None = None
    with_none: str | None = None

    def roles(self, named: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Roles that must be named, and that may be, given those that a card names: a count may be an interval."""
        interval = self.observed is None and self.counts and not {"lower", "upper"}.isdisjoint(named)
        return (*(("lower", "upper") if interval else (self.outcome_role,)), *self.needs), self.takes

    @property
    def outcome_role(self) -> str:
        """Role of the column of outcomes that are known."""
        return self.observed or ("count" if self.counts else "value")

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the parameters of its own."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def mean_link(self) -> Link:
        """Link of the mean: that of the location, but for a likelihood of logarithms."""
        return "log" if self.logged else self.link

    def mean(self, predictor: Floats, own: Mapping[str, Floats]) -> Floats:
        """
        Mean outcome of a unit of exposure.

        Parameters
        ----------
        predictor : ndarray
            Linear predictor without its offset.
        own : mapping of str to ndarray
            Own parameters, of a shape that broadcasts with it.

        Returns
        -------
        ndarray
            A proportion, a rate, or a mean in the outcome's unit.
        """
        shifted = predictor if self.mean_shift is None else predictor + self.mean_shift(own)
        return INVERSE[self.mean_link](shifted)

    def on_link(self, value: Floats) -> Floats:
        """Measured outcomes on the scale of their linear predictor."""
        return np.log(value) if self.mean_link == "log" else value

    def in_words(self) -> str:
        """Columns that it takes, in words."""
        counted = f"{self.outcome_role} (or lower and upper)" if self.roles(("lower",))[0][0] == "lower" else ""
        needed = [counted or self.outcome_role, *self.needs]
        return f"{' and '.join(needed)}; may have {', '.join(self.takes)}"
