"""What a paper or a plan states: a number with its interval, a relative effect with modifiers, a share by group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, gammaincinv, logit, ndtr

from bayesineq.errors import DecisionError

EffectMeasure = Literal["risk ratio", "odds ratio", "rate ratio", "risk difference"]
EFFECT_MEASURES: Final[tuple[EffectMeasure, ...]] = get_args(EffectMeasure)

Z95: Final = 1.959963984540054
"""Published intervals are 95% intervals: half their width over this is a standard error."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """
    A number, with its 95% interval where it is uncertain.

    Parameters
    ----------
    value : float
        Best estimate.
    lower, upper : float, optional
        Bounds of the 95% interval: both or neither.
    """

    value: float
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        given = [x for x in (self.value, self.lower, self.upper) if x is not None]
        if not all(math.isfinite(x) for x in given):
            raise DecisionError(f"Not a finite number: {self}.")
        if (self.lower is None) != (self.upper is None):
            raise DecisionError(f"An interval has two bounds: {self}. Give lower and upper, or neither.")
        if self.lower is not None and self.upper is not None and not self.lower <= self.value <= self.upper:
            raise DecisionError(f"{self.value} lies outside its own interval ({self.lower}, {self.upper}).")

    @property
    def is_uncertain(self) -> bool:
        """Whether it has an interval wider than a point."""
        return self.lower is not None and self.upper is not None and self.lower < self.upper


@dataclass(frozen=True, slots=True)
class PublishedEffect:
    """
    A published effect of an intervention on the risk of an event.

    Parameters
    ----------
    measure : {"risk ratio", "odds ratio", "rate ratio", "risk difference"}
        What the number is, of the event as the posterior counts it: a ratio below 1, or a difference below 0, makes
        fewer of them. Whether that is a benefit is for the polarity of the outcome to say.
    size : Quantity
        Estimate with its 95% interval.
    modifiers : mapping from grouping to mapping from level to Quantity
        How the effect differs by group, relative to `size`: a ratio of ratios (1 = no difference), for a risk
        difference a difference of differences (0 = no difference). Levels not named are not modified.
    """

    measure: EffectMeasure
    size: Quantity
    modifiers: Mapping[str, Mapping[str, Quantity]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.measure not in EFFECT_MEASURES:
            raise DecisionError(f"Effect measure {self.measure!r} is not one of {', '.join(EFFECT_MEASURES)}.")
        for where, number in self.numbers():
            if self.is_ratio and min(x for x in (number.value, number.lower) if x is not None) <= 0:
                raise DecisionError(f"A {self.measure} must be above 0, and {where} is {number}.")
        low = self.size.value if self.size.lower is None else self.size.lower
        high = self.size.value if self.size.upper is None else self.size.upper
        if self.measure == "risk difference" and not -1 <= low <= high <= 1:
            raise DecisionError(
                f"A risk difference lies between -1 and 1 and is a proportion, not a percentage: {self.size}."
            )

    @property
    def is_ratio(self) -> bool:
        """Whether it multiplies (and its interval is symmetric on the log scale)."""
        return self.measure != "risk difference"

    def numbers(self) -> list[tuple[str, Quantity]]:
        """Every number with its place in words."""
        groups = [
            (f"modifier {by} = {level}", q) for by, levels in self.modifiers.items() for level, q in levels.items()
        ]
        return [("its size", self.size), *groups]


@dataclass(frozen=True, slots=True)
class Share:
    """
    A share of people, the same for all or by group: reach, or uptake.

    Parameters
    ----------
    overall : Quantity
        Share of all people, 0 to 1.
    by : mapping from grouping to mapping from level to float
        Share in each level of a grouping ("imd_quintile", "ethnicity"). With two groupings a cell's share is
        `overall` times the ratios of its two levels to `overall`; an interval of `overall` moves all groups together
        on the log odds scale.
    """

    overall: Quantity
    by: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bounds = [x for x in (self.overall.value, self.overall.lower, self.overall.upper) if x is not None]
        bounds += [x for levels in self.by.values() for x in levels.values()]
        if not all(0 <= x <= 1 for x in bounds):
            raise DecisionError(f"A share lies between 0 and 1 (not a percentage): {bounds}.")
        if self.by and self.overall.value == 0:
            raise DecisionError("A share by group needs an overall share above 0, to which the groups are relative.")


EVERYONE: Final = Share(Quantity(1.0))


def draw_quantity(quantity: Quantity, noise: NDArray[np.float64], *, log: bool) -> NDArray[np.float64]:
    """Draw a number from its interval."""
    centre = math.log(quantity.value) if log else quantity.value
    if not quantity.is_uncertain or quantity.lower is None or quantity.upper is None:
        return np.full(noise.shape, centre)
    width = math.log(quantity.upper / quantity.lower) if log else quantity.upper - quantity.lower
    return centre + noise * width / (2 * Z95)


def draw_positive(quantity: Quantity, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw a quantity that cannot be negative, such as a cost, from a gamma distribution with its mean and interval."""
    if quantity.value < 0 or not quantity.is_uncertain or quantity.lower is None or quantity.upper is None:
        return draw_quantity(quantity, noise, log=False)
    if quantity.value == 0:
        raise DecisionError(
            f"{quantity} has its mean at the edge of what is possible: no interval around it can be drawn."
        )
    shape = (quantity.value / ((quantity.upper - quantity.lower) / (2 * Z95))) ** 2
    return np.asarray(gammaincinv(shape, np.clip(ndtr(noise), 1e-12, 1 - 1e-12)) * quantity.value / shape)


def share_in(share: Share, like: xr.DataArray, noise: xr.DataArray | None, *, what: str) -> xr.DataArray:
    """Lay a share out over the units of an array. Shapes: noise (chain, draw)."""
    overall = share.overall
    value = xr.DataArray(overall.value)
    for by in share.by:
        value = value * (lookup(share.by[by], like, by, what=what) / overall.value)
    if float(value.max()) > 1 + 1e-9:
        raise DecisionError(
            f"{what}: the shares of two groupings multiply to {float(value.max()):.3g}, above 1. "
            "Lower one of them, or give a share by one grouping only."
        )
    if noise is None or not overall.is_uncertain or overall.lower is None or overall.upper is None:
        return value
    if not 0 < overall.lower <= overall.upper < 1:
        raise DecisionError(f"{what}: an uncertain share needs bounds strictly between 0 and 1, given {overall}.")
    error = (logit(overall.upper) - logit(overall.lower)) / (2 * Z95)
    inside = value.clip(1e-12, 1 - 1e-12)
    moved: xr.DataArray = xr.apply_ufunc(expit, xr.apply_ufunc(logit, inside) + error * noise)
    return moved


def lookup(levels: Mapping[str, float], like: xr.DataArray, by: str, *, what: str) -> xr.DataArray:
    """Read a value for every code of a grouping that an array carries."""
    if by not in like.coords:
        raise DecisionError(
            f"{what} is given by {by}, which the baseline does not carry; it has {', '.join(map(str, like.coords))}. "
            f"Ask for the baseline by {by}, or attach {by} as a coordinate along its areas."
        )
    codes = like.coords[by]
    text = {str(key): float(value) for key, value in levels.items()}
    unknown = sorted({str(code) for code in np.unique(codes.values)} - set(text))
    if unknown:
        raise DecisionError(f"{what} by {by} has no value for {', '.join(unknown[:10])}; given are {', '.join(text)}.")
    values = np.array([text[str(code)] for code in np.ravel(codes.values)]).reshape(codes.shape)
    named = {by: codes.values} if by in codes.dims else {dim: codes.coords[dim].values for dim in codes.dims}
    return xr.DataArray(values, dims=codes.dims, coords=named)
