"""What every stage knows of a kind of term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesineq.model.kinds.structures import Structure
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency

if TYPE_CHECKING:
    from bayesineq.model.card import Term

Float = NDArray[np.float64]

type Share = Literal["value", "root", "rest", "across"]

_SHARE: Final[Mapping[str, tuple[Callable[[Float], Float], Callable[[Float], Float], Callable[[Float], Float]]]] = {
    "value": (lambda v: v, lambda v: 1.0 / v, lambda v: np.ones_like(v)),
    "root": (lambda v: np.sqrt(v), lambda v: 0.5 / v, lambda v: 0.5 / np.sqrt(v)),
    "rest": (lambda v: np.sqrt(1.0 - v), lambda v: 0.5 / (v - 1.0), lambda v: -0.5 / np.sqrt(1.0 - v)),
    "across": (
        lambda v: np.sqrt((1.0 - v) * (1.0 + v)),
        lambda v: -v / ((1.0 - v) * (1.0 + v)),
        lambda v: -v / np.sqrt((1.0 - v) * (1.0 + v)),
    ),
}
"""Of each share: the factor, the derivative of its logarithm, and its own."""


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """
    A hyperparameter of a term, `TERM.NAME` on a card and in a posterior.

    Parameters
    ----------
    name : str
        Its name; `sigma` is always a standard deviation on the linear predictor.
    prior : Prior, optional
        Default; None for a standard deviation, whose default knows the scale of the table.
    start : float
        Where an engine starts from.
    like : {"sigma", "phi", "rho"}
        What it is: a standard deviation or loading, a share between 0 and 1, or a correlation.
    """

    name: str
    prior: Prior | None = None
    start: float = 0.4
    like: Literal["sigma", "phi", "rho"] = "sigma"

    @property
    def has_unit(self) -> bool:
        """Whether it is measured as the linear predictor is; a share or a correlation has no unit."""
        return self.like == "sigma"


SIGMA: Final = Hyperparameter("sigma")
PHI: Final = Hyperparameter("phi", Prior("Beta", {"a": 1.0, "b": 1.0}), 0.5, "phi")
RHO: Final = Hyperparameter("rho", Prior("Uniform", {"lower": 0.0, "upper": 1.0}), 0.5, "rho")


@dataclass(frozen=True, slots=True)
class Factor:
    """
    What a hyperparameter multiplies a part by.

    Parameters
    ----------
    parameter : str
        Its name.
    share : {"value", "root", "rest", "across"}
        The value itself (a standard deviation, a loading), its root, the root of one less it, or of one less its
        square (what a correlation leaves).
    """

    parameter: str
    share: Share = "value"

    def of(self, value: Float) -> Float:
        """The factor at values of the hyperparameter."""
        return _SHARE[self.share][0](value)

    def log_slope(self, value: Float) -> Float:
        """Derivative of its logarithm in the hyperparameter."""
        return _SHARE[self.share][1](value)

    def slope(self, value: Float) -> Float:
        """Its derivative in the hyperparameter, also where it is zero."""
        return _SHARE[self.share][2](value)


@dataclass(frozen=True, slots=True)
class Part:
    """
    Summand of an effect that hyperparameters scale: the product of `scale`, times z.

    Parameters
    ----------
    structure : Structure
        Precision of z, of unit scale.
    scale : tuple of Factor
        What multiplies it.
    """

    structure: Structure
    scale: tuple[Factor, ...] = (Factor("sigma"),)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """
    Summand of an effect whose coefficients have a normal prior of their own: basis @ coefficients.

    Parameters
    ----------
    basis : ndarray, shape (n_effect, n_coefficient)
        Effects of each.
    prior : str
        Their prior, after the name of the term and a dot; empty for that of the name itself.
    """

    basis: Float
    prior: str = ""


class Seen(NamedTuple):
    """What a table says of a term: levels of each dimension, where it is zero, and the graph of its areas."""

    shape: tuple[int, ...]
    reference: int | None = None
    graph: Adjacency | None = None

    @property
    def size(self) -> int:
        """Number of effects."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def areas(self) -> Adjacency:
        """The graph of a spatial term, which every design of one has."""
        assert self.graph is not None
        return self.graph


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of term.

    Parameters
    ----------
    name : str
        As a card names it.
    rank : int
        Its place where kinds are listed.
    parts : callable
        What an effect is the sum of, given the card's term and what a table says of it.
    parameters : tuple of Hyperparameter
        Those that scale and shape the parts.
    shaped : callable
        Further ones that depend on what the card chooses, given the term.
    coefficients : callable
        Priors of the coefficients, as `Coefficients.prior` has them, given the term.
    choices : mapping of str to tuple of str
        Keys of a card that this kind alone takes, and the words that each may hold, its default first.
    columns : int
        How many columns it stands on; 0 for any number.
    spatial : bool
        Whether its first column holds areas, and a graph says who borders whom.
    stepped : bool
        Whether it steps over its last column from each level to the next, so that levels need an order.
    independent : bool
        Whether its effects are independent given sigma, which is the standard deviation of each.
    typical : bool
        Whether sigma is the standard deviation of each effect, or of a typical one.
    slope : bool
        Whether its one column is a covariate, and its one effect the slope.
    sparse : bool
        Whether its structure is to be solved as sparse, however few its effects.
    options : frozenset of str
        Keys of a card that only some kinds take: "order", "reference".
    """

    name: str
    rank: int
    parts: Callable[[Term, Seen], tuple[Part | Coefficients, ...]]
    parameters: tuple[Hyperparameter, ...] = ()
    shaped: Callable[[Term], tuple[Hyperparameter, ...]] = lambda term: ()
    coefficients: Callable[[Term], tuple[str, ...]] = lambda term: ()
    choices: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    columns: int = 1
    spatial: bool = False
    stepped: bool = False
    independent: bool = False
    typical: bool = False
    slope: bool = False
    sparse: bool = False
    options: frozenset[str] = frozenset()

    @property
    def is_random(self) -> bool:
        """Whether it has a scale to be estimated."""
        return bool(self.parameters)
