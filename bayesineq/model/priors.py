"""
Prior distributions: of each its form on a card, its law, its density for the engines, its draws and its words.

`DISTRIBUTIONS` is the only place that knows a distribution by name, but for its line in `bayesineq.inference.nuts`.
Everything else asks a `Prior`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaln, gammaln

from bayesineq.model import horseshoe

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen as Law

type Floats = NDArray[np.float64]
type Shape = Literal["normal", "flat", "falling", "power", "heavy"]

POWERS: Final[Mapping[str, float]] = {"precision": -2.0, "dispersion": -0.5}
"""What a prior may stand on in place of a parameter, as a power of it: 1/sigma^2, and one over the root of a size."""

_LOCATIONS: Final = ("mean", "lower", "upper")
_IN_UNIT: Final = {"mean": 1, "sd": 1, "lower": 1, "upper": 1, "above": 1, "rate": -1, "scale": 1, "slab": 1}
"""Power of the parameter's unit that an argument is measured in; others have none."""

_POSITIVE: Final = frozenset({"sd", "rate", "shape", "a", "b", "above", "below", "eta", "df", "scale", "slab"})
_BOUNDS: Final = ("lower", "upper", "above", "below")


@dataclass(frozen=True, slots=True)
class Distribution:
    """
    A distribution that a card may state.

    Parameters
    ----------
    forms : tuple of tuple of str
        Arguments that it takes, in each way in which it can be stated.
    law : callable, optional
        Of its arguments: the distribution in `scipy.stats`; None where it depends on the graph as well, or is that of
        a whole matrix of correlations.
    log_density : callable, optional
        Of a value inside the support and its arguments: the same as `law`'s, for loops that ask thousands of times.
    shape : {"normal", "flat", "falling", "power", "heavy"}
        How it holds a parameter that the data pull away: "falling" is highest at zero, the tail of "power" falls as a
        power and hardly pulls, and "heavy" has such tails on both sides of where it is highest.
    vague : callable
        Of its arguments: whether it pulls nowhere.
    mixed : callable, optional
        Of its arguments: the prior of a precision w, where it is a normal of standard deviation scale / sqrt(w).
    """

    forms: tuple[tuple[str, ...], ...]
    law: Callable[..., Law] | None = None
    log_density: Callable[..., Any] | None = None
    shape: Shape = "power"
    vague: Callable[..., bool] = lambda **_: False
    mixed: Callable[..., Prior] | None = None


def _complexity_rate(above: float, probability: float) -> float:
    """Rate of the exponential distribution that exceeds a value with a probability (Simpson et al. 2017)."""
    return -math.log(probability) / above


DISTRIBUTIONS: Final[Mapping[str, Distribution]] = {
    "Normal": Distribution(
        (("mean", "sd"),),
        lambda mean, sd: stats.norm(mean, sd),
        lambda x, mean, sd: -0.5 * ((x - mean) / sd) ** 2 - math.log(sd) - 0.5 * math.log(2.0 * math.pi),
        "normal",
    ),
    "StudentT": Distribution(
        (("df", "mean", "scale"),),
        lambda df, mean, scale: stats.t(df, mean, scale),
        lambda x, df, mean, scale: (
            -0.5 * (df + 1.0) * np.log1p(((x - mean) / scale) ** 2 / df)
            - math.log(scale)
            - 0.5 * math.log(df)
            - betaln(0.5 * df, 0.5)
        ),
        "heavy",
        mixed=lambda df, mean, scale: Prior("Gamma", {"shape": 0.5 * df, "rate": 0.5 * df}),
    ),
    "Horseshoe": Distribution(
        (("scale", "slab"),),
        lambda scale, slab: horseshoe.LAW(scale / slab, scale=scale),
        lambda x, scale, slab: horseshoe.log_density(x / scale, scale / slab) - math.log(scale),
        "heavy",
    ),
    "HalfNormal": Distribution(
        (("sd",),),
        lambda sd: stats.halfnorm(scale=sd),
        lambda x, sd: -0.5 * (x / sd) ** 2 - math.log(sd) + 0.5 * math.log(2.0 / math.pi),
        "falling",
    ),
    "Exponential": Distribution(
        (("rate",),),
        lambda rate: stats.expon(scale=1.0 / rate),
        lambda x, rate: math.log(rate) - rate * x,
        "falling",
    ),
    "Gamma": Distribution(
        (("shape", "rate"),),
        lambda shape, rate: stats.gamma(shape, scale=1.0 / rate),
        lambda x, shape, rate: shape * math.log(rate) - gammaln(shape) + (shape - 1.0) * np.log(x) - rate * x,
    ),
    "Beta": Distribution(
        (("a", "b"),),
        lambda a, b: stats.beta(a, b),
        lambda x, a, b: (a - 1.0) * np.log(x) + (b - 1.0) * np.log1p(-x) - betaln(a, b),
        vague=lambda a, b: max(a, b) <= 1.0,
    ),
    "Uniform": Distribution(
        (("lower", "upper"),),
        lambda lower, upper: stats.uniform(lower, upper - lower),
        lambda x, lower, upper: 0.0 * x - math.log(upper - lower),
        "flat",
    ),
    "PC": Distribution(
        (("above", "probability"),),
        lambda above, probability: stats.expon(scale=1.0 / _complexity_rate(above, probability)),
        lambda x, above, probability: (
            math.log(_complexity_rate(above, probability)) - _complexity_rate(above, probability) * x
        ),
        "falling",
    ),
    "LKJ": Distribution((("eta",),)),
    "PC.phi": Distribution((("above", "probability"), ("below", "probability"))),
}
"""By name; `WORD.KIND` where a card's word means something else of one kind of parameter."""


@dataclass(frozen=True, slots=True)
class Prior:
    """
    Prior distribution of one parameter.

    Parameters
    ----------
    distribution : str
        One of Normal(mean, sd), StudentT(df, mean, scale), Horseshoe(scale, slab), HalfNormal(sd), Exponential(rate),
        Gamma(shape, rate), Beta(a, b), Uniform(lower, upper), PC(above, probability): exponential with P(value >
        above) = probability; of BYM2's mixing parameter PC.phi, stated as PC(above, probability) or PC(below,
        probability); and of correlations between outcomes LKJ(eta), of all of them together.
    parameters : mapping of str to float
        The distribution's arguments by name.

    Examples
    --------
    >>> prior = Prior("PC", {"above": 1.0, "probability": 0.01})
    >>> print(prior, round(float(prior.law.sf(1.0)), 6))
    PC(above=1, probability=0.01) 0.01
    """

    distribution: str
    parameters: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.parameters[name]

    def __str__(self) -> str:
        return self.words()

    @property
    def word(self) -> str:
        """Its distribution as a card names it."""
        return self.distribution.partition(".")[0]

    def words(self, digits: int = 6) -> str:
        """It and its arguments, in so many significant digits."""
        return f"{self.word}({', '.join(f'{k}={v:.{digits}g}' for k, v in self.parameters.items())})"

    @property
    def form(self) -> Distribution:
        """Its distribution."""
        return DISTRIBUTIONS[self.distribution]

    @property
    def law(self) -> Law | None:
        """Its distribution in `scipy.stats`, None where that depends on the graph."""
        return None if self.form.law is None else self.form.law(**self.parameters)

    @property
    def stated_law(self) -> Law:
        """The same where it does not depend on the graph."""
        assert self.law is not None, f"{self} depends on the graph"
        return self.law

    @property
    def size(self) -> float:
        """Its standard deviation or scale, about which a coefficient is expected."""
        return self.parameters["sd"] if "sd" in self.parameters else self.parameters["scale"]

    @property
    def is_normal(self) -> bool:
        """Whether it is a normal distribution."""
        return self.form.shape == "normal"

    @property
    def mixed(self) -> Prior | None:
        """Prior of the precision that it is a mixture of normals over, where it is one that the engine can take."""
        return None if self.form.mixed is None else self.form.mixed(**self.parameters)

    @property
    def is_vague(self) -> bool:
        """Whether it pulls nowhere."""
        return self.form.vague(**self.parameters)

    def log_density(self, value: Any) -> Any:
        """Log density at values inside its support."""
        assert self.form.log_density is not None, f"{self} depends on the graph"
        return self.form.log_density(value, **self.parameters)

    def draw(self, stream: np.random.Generator, size: int | tuple[int, ...]) -> Floats:
        """Independent draws."""
        return np.asarray(self.stated_law.rvs(size, random_state=stream))

    def scaled(self, by: float) -> Prior:
        """Prior of the parameter times a number: of a coefficient or a standard deviation in another unit."""
        return replace(self, parameters={k: v * by ** _IN_UNIT.get(k, 0) for k, v in self.parameters.items()})

    def shifted(self, by: float) -> Prior:
        """Prior of the parameter plus a number."""
        return replace(self, parameters={k: v + by if k in _LOCATIONS else v for k, v in self.parameters.items()})


def normal(mean: float, sd: float) -> Prior:
    """Normal prior."""
    return Prior("Normal", {"mean": mean, "sd": sd})


def complexity(above: float) -> Prior:
    """Exponential prior of a standard deviation that exceeds `above` with probability 0.01."""
    return Prior("PC", {"above": above, "probability": 0.01})


@dataclass(frozen=True, slots=True)
class ParameterKind:
    """
    What a prior may stand on.

    Parameters
    ----------
    allowed : tuple of str
        Words of the distributions that it may have.
    lower, upper : float
        What holds every value.
    """

    allowed: tuple[str, ...]
    lower: float = 0.0
    upper: float = math.inf


PARAMETER_KINDS: Final[Mapping[str, ParameterKind]] = {
    "intercept": ParameterKind(("Normal",), -math.inf),
    "coefficient": ParameterKind(("Normal", "StudentT", "Horseshoe"), -math.inf),
    "sigma": ParameterKind(("PC", "HalfNormal", "Exponential", "Gamma", "Uniform")),
    "precision": ParameterKind(("Gamma",)),
    "dispersion": ParameterKind(("PC", "HalfNormal", "Exponential", "Gamma", "Uniform")),
    "phi": ParameterKind(("Beta", "Uniform", "PC"), upper=1.0),
    "rho": ParameterKind(("Uniform", "Beta"), -1.0, 1.0),
    "correlation": ParameterKind(("LKJ",), -1.0, 1.0),
    "loading": ParameterKind(("Normal", "HalfNormal", "Exponential", "Gamma"), -math.inf),
}
"""By what a parameter is: effects and trends are coefficients."""


def named(word: str, kind: str, arguments: Mapping[str, float]) -> Prior:
    """Prior of a kind of parameter as a card or a posterior names it."""
    name = f"{word}.{kind}" if f"{word}.{kind}" in DISTRIBUTIONS else word
    if name not in DISTRIBUTIONS:
        raise KeyError(f"there is no distribution {word!r}; there are {sorted(DISTRIBUTIONS)}")
    return Prior(name, dict(arguments))


def read_prior(spec: Mapping[str, Any], kind: str, of: ParameterKind) -> Prior | str:
    """
    Prior that a card states, or what is wrong with it.

    Returns: the prior; else words that follow the parameter's name in an error.
    """
    word, arguments = spec.get("dist"), {k: v for k, v in spec.items() if k != "dist"}
    if word not in of.allowed:
        return f".dist: is {word!r}; allowed for {kind} are {list(of.allowed)}"
    forms = named(word, kind, {}).form.forms
    if sorted(arguments) not in [sorted(form) for form in forms]:
        return f": {word} takes {' or '.join(str(list(form)) for form in forms)}, given {sorted(arguments)}"
    if not all(is_number(v) for v in arguments.values()):
        return f": {word} takes finite numbers, given {arguments}"
    prior = named(word, kind, {k: float(v) for k, v in arguments.items()})
    given = prior.parameters
    bounds = [given[k] for k in _BOUNDS if k in given]
    if any(given[k] <= 0 for k in given if k in _POSITIVE):
        return f": {word} takes positive numbers, given {arguments}"
    if not 0 < given.get("probability", 0.5) < 1:
        return f": a probability lies between 0 and 1, given {arguments}"
    if bounds != sorted(set(bounds)):
        return f": the lower end must be below the upper end, given {arguments}"
    at_end = prior.law is None and not all(of.lower < bound < of.upper for bound in bounds)
    if at_end or not all(of.lower <= bound <= of.upper for bound in bounds):
        return f": {kind} lies between {of.lower:g} and {of.upper:g}, given {arguments}"
    return prior


def is_number(value: object) -> bool:
    """Whether a value of a card is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        # TOML holds whole numbers of any length.
        return False
